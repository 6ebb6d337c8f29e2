"""Worlds that the tests of a module share; each test uses records of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from system_world import Live, World, open_live, open_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One sandbox; nothing runs unless a test runs it."""
    with open_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One sandbox in which the worker runs and sends by itself."""
    with open_live(tmp_path_factory.mktemp("live")) as opened:
        yield opened
