"""Fixtures that several files of unit tests share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from new_record_desk import Desk, open_desk, with_default_account
from related_world import ACCOUNT, USER, RelatedWorld


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """The worker's own log says nothing, whatever it meets."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An engine at which opportunities arrive that have no record yet."""
    with open_desk(tmp_path) as opened:
        yield opened


@pytest.fixture
def shared(desk: Desk) -> Desk:
    """The desk with a Default Account."""
    return with_default_account(desk)


@pytest.fixture
def cloning(desk: Desk) -> Desk:
    """The desk with a Default Account that is copied for customers who have none yet."""
    with_default_account(desk).set(clone_default_account=True)
    return desk


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RelatedWorld]:
    """A world in which fields are read from an account and from its owner; files with another world override it."""
    world = RelatedWorld(tmp_path)
    yield world
    world.close()


@pytest.fixture
def owner(world: RelatedWorld) -> str:
    return world.salesforce.user_adds(USER, Email="kim@partner.example")


@pytest.fixture
def account(world: RelatedWorld, owner: str) -> str:
    return world.salesforce.user_adds(ACCOUNT, Plan__c="Call them", OwnerId=owner)
