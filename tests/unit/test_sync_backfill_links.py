"""What an admin decided about a backfill's proposals: carried out once, and a file may be read in again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from engine.fields import APN_ID, FLAG, OPPORTUNITY
from engine.salesforce import MemorySalesforce
from engine.turns import colleague_creates, deal, share, turn
from engine.world import World

from connector.store.backfills import Proposal
from connector.store.links import Link
from connector.store.shares import Share
from connector.sync import logs
from connector.sync.backfill_links import (
    BACKFILL_LINK,
    Decided,
    apply_decisions,
    check_decisions,
    link_record,
    load_candidates,
)
from connector.sync.likeness import company_word
from connector.sync.observe import poll_changes
from connector.sync.queueing import OUTBOUND, enqueue_outbound


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.executor.jobs = {**world.executor.jobs, BACKFILL_LINK: link_record}
    yield world
    world.close()


def proposed(world: World, record_id: str) -> str:
    """Let AWS have an opportunity that may be the record's; return its id."""
    apn_id = colleague_creates(world)
    world.state.backfills.propose([Proposal(apn_id, "Company", "Title", record_id, "A deal", 80, "same company")])
    return apn_id


def read_in(world: World, rows: list[Decided]) -> dict[str, int]:
    """Carry a file out as the command does."""
    assert [str(problem) for problem in check_decisions(world.engine, rows)] == []
    return apply_decisions(world.engine, rows, logs.start_run(world.engine, logs.FROM_AWS, logs.INBOUND_RECORDS))


def test_a_file_that_was_carried_out_may_be_read_in_again_with_more_decisions(world: World) -> None:
    """An admin decides a part, reads it in, and goes on in the same file; or the command was cut off behind a part."""
    mine, theirs, later = (deal(world, **{FLAG: False}) for _ in range(3))
    linked, made, open_one = proposed(world, mine), proposed(world, theirs), proposed(world, later)
    rows = [Decided(2, linked, mine, "link"), Decided(3, made, theirs, "create"), Decided(4, open_one, later, "")]
    assert read_in(world, rows) == {"link": 1, "create": 1, "skip": 0}
    for _ in range(2):
        turn(world)
    rows[2] = Decided(4, open_one, later, "skip")
    assert read_in(world, rows) == {"link": 0, "create": 0, "skip": 1}
    for _ in range(2):
        turn(world)
    carried = sorted(row[APN_ID] for row in world.salesforce.all(OPPORTUNITY) if row[APN_ID])
    assert carried == sorted((linked, made))


def test_a_record_that_was_saved_this_very_second_is_a_candidate(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise its opportunity would get a second record, and the record a second opportunity."""
    changed = MemorySalesforce.changed
    monkeypatch.setattr(
        MemorySalesforce, "changed", lambda org, *names, where, **window: changed(org, *names, **window)
    )
    record = deal(world)
    row = world.salesforce.row(record)
    with closing(load_candidates(world.engine)) as candidates:
        company = str(row["Customer_Company_Name__c"])
        assert [one.record_id for one in candidates.alike(company_word(company), "")] == [record]


def test_what_waits_to_go_out_does_not_overtake_the_link(world: World) -> None:
    """Nothing is sent for a record that was linked as it stands (OPS-17), whether its share was held or put off."""
    turn(world)
    record = deal(world, Next_Step__c="Sign")
    apn_id = proposed(world, record)
    world.engine.state.links.save(Link(record, OPPORTUNITY, row=world.salesforce.row(record)))
    now = world.clock.now()
    world.state.shares.save(Share(record, 0, "intent", '{"Project": {}}', "token", "", now, now))
    enqueue_outbound(world.engine, world.engine.state.links.require(record), "")
    read_in(world, [Decided(2, apn_id, record, "link")])
    assert world.state.shares.get(record) is None
    items = world.state.queue.list("waiting", key=record)
    assert [item.kind for item in items] == [BACKFILL_LINK] and OUTBOUND not in {item.kind for item in items}
    for _ in range(3):
        turn(world)
    assert world.partner_central.writes == 0 and world.salesforce.row(record)[APN_ID] == apn_id


def test_a_pair_that_is_linked_already_keeps_the_edit_that_waits(world: World) -> None:
    """Promise 1: a file of all pairs may name those that are in step, or about to be."""
    record, apn_id = share(world)
    world.salesforce.user_edits(record, {"Next_Step__c": "Sign"})
    world.clock.advance(timedelta(minutes=1))
    poll_changes(world.engine, "")
    world.state.backfills.propose([Proposal(apn_id, "Company", "Title", record, "A deal", 80, "same company")])
    assert read_in(world, [Decided(2, apn_id, record, "link")])["link"] == 0
    for _ in range(2):
        turn(world)
    assert world.partner_central.opportunities[apn_id]["LifeCycle"]["NextSteps"] == "Sign"
