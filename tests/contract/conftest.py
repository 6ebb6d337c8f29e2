"""Fixtures of the contract tests: an operator's desk on a sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from admin_desk import QUOTA_SCALE, Desk, logging_restored

from connector.sandbox.server import Sandbox


@pytest.fixture(scope="module")
def desk_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), quota_scale=QUOTA_SCALE) as running:
        yield running


@pytest.fixture
def new_desk(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[Sandbox], Desk]]:
    """A way to open a desk on another sandbox than the module's."""
    desks: list[Desk] = []

    def open_desk(sandbox: Sandbox) -> Desk:
        desks.append(Desk(sandbox, capsys, monkeypatch, tmp_path / "state.db"))
        return desks[-1]

    with logging_restored():
        yield open_desk
    for desk in desks:
        desk.close()


@pytest.fixture
def desk(desk_sandbox: Sandbox, new_desk: Callable[[Sandbox], Desk]) -> Iterator[Desk]:
    """A desk with a state of its own on the module's sandbox."""
    yield new_desk(desk_sandbox)
    desk_sandbox.faults.clear()
