"""Shared by all tests: imports of test-side modules, and the record of which requirements were proven."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

settings.register_profile(
    "ci",
    # A long look is `make soak`.
    max_examples=100 if os.environ.get("SOAK") else 50,
    deadline=None,
    print_blob=True,
    database=None,
    # A continuous-integration server judges the change, not the day's luck; elsewhere each run looks at other examples.
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")

_results: dict[str, Counter[str]] = defaultdict(Counter)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Spare the garbage collector the thousands of tests, which stay until the end: a tenth of all processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _ids(item: pytest.Item) -> list[str]:
    return [str(name) for mark in item.iter_markers("requirement") for name in mark.args]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Carry the ids of the test in its report, so that they reach the process that collects the results."""
    outcome = yield
    outcome.get_result().user_properties.extend(("requirement", name) for name in _ids(item))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "call" and report.outcome == "passed":
        return
    ids = {str(value) for name, value in report.user_properties if name == "requirement"}
    for name in ids:
        _results[name][report.outcome] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write per requirement id how many marked tests passed, failed and were skipped."""
    if hasattr(session.config, "workerinput"):
        return
    table = {name: {k: counts[k] for k in ("passed", "failed", "skipped")} for name, counts in sorted(_results.items())}
    (ROOT / ".requirements.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf8")
