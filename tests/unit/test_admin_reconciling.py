"""The command's own part in a comparison."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from connector.admin import reconciling
from connector.service.lease import RUNNING


def test_a_long_comparison_keeps_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise another worker would take the org over after some minutes, while this one goes on."""
    slices = iter((False, False, True))
    signs: list[str] = []
    lease = SimpleNamespace(renew=lambda status, _: signs.append(status))
    monkeypatch.setattr(reconciling, "reconcile", lambda _, *, repair: next(slices))
    reconciling._walk(cast(Any, None), cast(Any, lease), Console(quiet=True), repair=True)
    assert signs == [RUNNING, RUNNING]
