"""Salesforce's command line ``sf``, as the scripts of the package use it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent


class SfError(Exception):
    """Why nothing more is done, and what to do."""


def run(*words: str, org: str) -> dict[str, Any]:
    """Return the result of a command of ``sf`` in an org. Raises SfError with its message."""
    program = shutil.which("sf")
    if program is None:
        raise SfError("Salesforce's command line sf is not installed: npm install --global @salesforce/cli")
    command = [program, *words, "--target-org", org, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603  fixed words
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise SfError(f"sf {' '.join(words[:3])}: {done.stderr.strip() or 'no answer'}") from None
    if done.returncode != 0:
        raise SfError(f"sf {' '.join(words[:3])}: {told.get('message', 'failed')}")
    result: dict[str, Any] = told.get("result", {})
    return result


def query(what: str, where: str, org: str, *options: str) -> list[dict[str, Any]]:
    """Return the rows of ``SELECT what WHERE where``. Raises SfError."""
    soql = f"SELECT {what} WHERE {where}" if where else f"SELECT {what}"
    rows: list[dict[str, Any]] = run("data", "query", "--query", soql, *options, org=org)["records"]
    return rows
