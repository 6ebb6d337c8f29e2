"""What is shipped and what it needs: nothing that is imported is undeclared, nothing that is declared is unused."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))
WITHOUT_IMPORT = {
    "boto3-stubs", "cfn-lint", "types-pyyaml", "types-requests", "mypy", "ruff", "pytest-timeout", "pytest-xdist",
    "ace-connector",
}  # fmt: skip
"""Development tools that are run, not imported."""
LOADED_BY_OTHERS = {"python-multipart", "flask", "flask-cors"}
"""Libraries that another one imports once it needs them: FastAPI the first, to read forms; moto's server the others."""
PLATFORM = {
    "pydantic-core": "pydantic",
    "botocore": "boto3",
    "urllib3": "requests",
    "click": "typer",
    "werkzeug": "moto",
}
"""Libraries that belong to a declared one and are imported for its types and errors."""


def plain(requirement: str) -> str:
    return re.split(r"[\[<>=~! ]", requirement)[0].lower().replace("_", "-")


def declared(*extras: str) -> set[str]:
    project = PROJECT["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return {plain(one) for requirements in lists for one in requirements} - {"ace-connector", *LOADED_BY_OTHERS}


def imported(*places: str, without: str = "nothing") -> set[str]:
    """Return the distributions that the modules in these places import."""
    names: set[str] = set()
    for place in places:
        for path in (ROOT / place).rglob("*.py"):
            if without in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module.split(".")[0])
    known = packages_distributions()
    foreign = {name for name in names if name not in sys.stdlib_module_names and name in known}
    found = {plain(known[name][0]) for name in foreign} - {"ace-connector"}
    return {PLATFORM.get(name, name) for name in found}


def test_the_worker_imports_what_is_declared_and_nothing_is_declared_for_nothing() -> None:
    assert imported("connector", without="sandbox") == declared()


def test_the_sandbox_needs_its_extra_and_no_more() -> None:
    assert imported("connector") == declared("sandbox")


def test_the_tests_need_the_development_extra_and_no_more() -> None:
    assert imported("connector", "tests") == declared("sandbox", "dev") - WITHOUT_IMPORT


@pytest.mark.parametrize("package", ["connector", "salesforce_metadata"])
def test_every_file_beside_the_code_is_shipped(package: str) -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"][package]
    shipped = {path for pattern in patterns for path in (ROOT / package).glob(pattern)}
    files = {path for path in (ROOT / package).rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert files - shipped == set()
    assert files, package


def test_the_sandbox_finds_the_package_that_admins_deploy_beside_the_code() -> None:
    from connector.sandbox.server import METADATA

    assert (METADATA / "sfdx-project.json").is_file()


def test_the_tested_versions_are_pinned_without_addresses() -> None:
    lines = (ROOT / "config" / "constraints.txt").read_text(encoding="utf8").splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!]+", line) for line in lines)
    assert declared("sandbox", "dev") <= {plain(line) for line in lines}
