"""What people ask for while a backfill runs in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from engine.world import World

from connector.admin.importing import Importer
from connector.aws import throttle
from connector.service.config import WorkerSection
from connector.service.jobs import ASKED
from connector.store.queue import Item, Work
from connector.sync import queueing
from connector.sync.action_requests import ACTION
from connector.sync.answering import ANSWER
from connector.sync.engine import Engine, Priority
from connector.sync.executor import Executor
from connector.sync.orders import ORDER


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def importer(world: World, jobs: dict[str, Any]) -> Importer:
    idle = dict.fromkeys((ASKED, queueing.FLUSH), lambda *_: None)
    runtime = SimpleNamespace(config=SimpleNamespace(worker=WorkerSection()))
    lease = SimpleNamespace(renew=lambda *_: None)
    return Importer(cast(Any, runtime), world.engine, cast(Any, lease), Executor(world.engine, "me", {**idle, **jobs}))


def test_whatever_people_ask_for_is_done_between_two_pages(world: World) -> None:
    """A referral is answered, and an order carried out, while thousands of opportunities wait to be brought in."""
    done: list[str] = []

    def perform(_: Engine, item: Item) -> None:
        done.append(item.kind)

    kinds = (ACTION, ANSWER, ORDER, queueing.DECISION)
    attending = importer(world, dict.fromkeys(kinds, perform))
    for kind in kinds:
        world.state.queue.enqueue(Work(kind, kind, priority=Priority.REQUEST), world.clock.now())
    attending.attend()
    assert sorted(done) == sorted(kinds)


def test_an_edit_between_two_pages_is_no_background_work(world: World) -> None:
    """A backfill that has used up its part of the day leaves people's edits theirs."""
    ranks: list[throttle.Rank] = []
    attending = importer(world, {ACTION: lambda *_: ranks.append(throttle._rank.get())})
    world.state.queue.enqueue(Work(ACTION, "edit", priority=Priority.EDIT), world.clock.now())
    with throttle.background():
        attending.attend()
        assert throttle._rank.get() is throttle.Rank.BACKGROUND
    assert ranks == [throttle.Rank.ORDINARY]
