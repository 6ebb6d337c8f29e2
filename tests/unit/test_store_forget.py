"""Forgetting a record: nothing of a person stays in the file, everything against duplicates does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.store.downloads import Download, NewArrival
from connector.store.entries import Entry
from connector.store.forgetting import impersonal
from connector.store.links import Link
from connector.store.queue import Work
from connector.store.shares import Share
from connector.store.state import State
from connector.store.uploads import Upload

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECORD, OTHER = "006Qy00000A1b2CIAR", "006000000000002AAA"
SECRET = "Jane.Doe@example.com"
KEPT = "Kept.Neighbour@example.com"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as state:
        yield state


def fill(state: State, record_id: str, apn_id: str, person: str) -> None:
    """Put a person into every place that may hold one."""
    values = {"email": person}
    link = Link(
        record_id, "Opportunity", apn_id=apn_id, status="held", hold_reason=person, requested=True, generation=4
    )
    link.row = link.aws = link.summary = link.failed_snapshot = {**values}
    link.applied = link.pending_applied = {"customerContactEmail": person}
    link.seen = link.written = link.locked = {"email": person}
    state.links.save(link)
    state.shares.save(
        Share(record_id, 1, "created", f'{{"x":"{person}"}}', "token-c", "token-s", NOW, NOW, apn_id=apn_id)
    )
    state.queue.enqueue(Work("send", record_id, payload={"who": person, "request": record_id, "forced": True}), NOW)
    state.queue.enqueue(Work("fetch", apn_id, payload={"who": person}), NOW)
    ended = state.queue.claim(NOW, "worker", kinds=["fetch"])
    assert ended is not None
    state.queue.fail(ended, f"refused {person}")
    state.writebacks.put(record_id, "Opportunity", {"Email": person, "ACE_APN_Unique_Identifier__c": apn_id}, NOW)
    state.writebacks.retry(record_id, NOW, f"refused {person}")
    state.outbox.put(
        "Detail", "Detail_Key__c", f"{record_id}:1", {"Record_Id__c": record_id, "Payload__c": person}, NOW
    )
    state.outbox.put("Detail", "Detail_Key__c", f"{apn_id}:1", {"APN_Id__c": apn_id, "Payload__c": person}, NOW)


def stored_bytes(state: State) -> bytes:
    return b"".join(file.read_bytes() for file in state.path.parent.iterdir())


def test_no_trace_of_the_person_stays_in_any_file(state: State) -> None:
    fill(state, RECORD, "O1", SECRET)
    assert SECRET.encode() in stored_bytes(state)
    state.forget(RECORD)
    assert SECRET.encode() not in stored_bytes(state)
    assert state.check() == []


def test_other_records_keep_everything(state: State) -> None:
    fill(state, OTHER, "O2", KEPT)
    state.outbox.put("Log", "Log_Key__c", "run", {"Outbound_IDs__c": f"{OTHER}\n{RECORD}"}, NOW)
    before = (state.links.get(OTHER), state.shares.get(OTHER), state.queue.list(), state.writebacks.get(OTHER))
    fill(state, RECORD, "O1", SECRET)
    state.forget(RECORD)
    mine = [item for item in state.queue.list() if item.key in (OTHER, "O2")]
    assert (state.links.get(OTHER), state.shares.get(OTHER), mine, state.writebacks.get(OTHER)) == before
    assert state.outbox.count("Detail") == 2
    assert state.outbox.count("Log") == 1


def test_what_guards_against_duplicates_stays(state: State) -> None:
    fill(state, RECORD, "O1", SECRET)
    problem = state.problems.raise_(RECORD, "REQUIRED", "title", NOW)
    state.forget(RECORD)
    assert state.links.get(RECORD) == Link(
        RECORD, "Opportunity", apn_id="O1", status="held", requested=True, generation=4
    )
    share = state.shares.get(RECORD)
    assert share is not None
    assert (share.step, share.create_token, share.submit_token, share.apn_id) == ("created", "token-c", "token-s", "O1")
    assert share.create_request == ""
    [item] = state.queue.list()
    assert (item.key, item.state, item.payload) == (RECORD, "waiting", {"request": RECORD, "forced": True})
    writeback = state.writebacks.get(RECORD)
    assert writeback is not None
    assert (writeback.values, writeback.reason) == ({"ACE_APN_Unique_Identifier__c": "O1"}, "")
    assert state.problems.open_for(RECORD) == [problem]


def test_a_write_of_personal_values_alone_is_dropped(state: State) -> None:
    state.writebacks.put(RECORD, "Contact", {"Email": SECRET}, NOW)
    state.forget(RECORD)
    assert state.writebacks.get(RECORD) is None


def test_the_later_half_of_a_log_row_is_dropped_by_its_key(state: State) -> None:
    """What waits after a partial write no longer carries the record's id, only its key does."""
    problem = state.problems.raise_(RECORD, "REQUIRED", "title", NOW)
    state.outbox.put("Detail", "Detail_Key__c", problem.detail_key, {"Payload__c": SECRET}, NOW)
    state.forget(RECORD)
    assert state.outbox.count() == 0


def test_forgetting_what_is_not_there_does_nothing(state: State) -> None:
    state.forget(RECORD)
    assert state.links.count() == 0


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (RECORD, True),
        ("006000000000001AAA", True),
        ("O1234567", True),
        ("arn:aws:partnercentral:us-east-1::catalog/AWS/engagement-invitation/engi-1", True),
        (True, True),
        (3, True),
        ("JaneElizabethDoeXY", False),
        ("006Qy00000A1b2CAAA", False),
        ("O'Hara", False),
        ("+1 555 0100", False),
        (None, False),
        ({"nested": "x"}, False),
    ],
)
def test_only_ids_switches_and_whole_numbers_tell_nothing_of_a_person(value: object, kept: bool) -> None:
    assert impersonal({"member": value}) == ({"member": value} if kept else {})


def fill_files(state: State, record_id: str, apn_id: str, person: str) -> None:
    """Put a person into whatever is kept of files: one that waits, one at AWS, and one from there."""
    values = {"customerEmail": person}
    facts: dict[str, Any] = {
        "record_id": record_id, "record_type": "opportunity", "run_id": "run", "entry": values,
        "partner_id": record_id, "apn_id": apn_id, "put_at": NOW, "snapshot": values, "record": values,
    }  # fmt: skip
    state.uploads.store(Upload(f"{apn_id}.json", "opportunity", "run", person.encode()), [Entry(**facts)], NOW)
    state.uploads.sent(f"{apn_id}.json", NOW)
    state.entries.put(Entry(**facts))
    file = Download(f"{apn_id}.json", "1", f"{apn_id}.json", "opportunity", 1, NOW, "run")
    state.downloads.listed(file, NOW)
    state.downloads.taken(file.key, "1", "in", [NewArrival(0, person, apn_id), NewArrival(1, person, "", record_id)])


def test_nothing_of_the_person_stays_in_what_is_kept_of_files(state: State) -> None:
    state.runs.start("run", NOW, direction="To AWS", purpose="p", object_name="Opportunity")
    fill(state, RECORD, "O1", SECRET)
    fill(state, OTHER, "O2", KEPT)
    fill_files(state, RECORD, "O1", SECRET)
    fill_files(state, OTHER, "O2", KEPT)
    state.forget(RECORD)
    assert SECRET.encode() not in stored_bytes(state)
    assert state.check() == []
    assert state.entries.of_record(RECORD) is None, "it does not go out"
    found, neighbour = state.uploads.of_record(RECORD), state.uploads.of_record(OTHER)
    assert found is not None and (found[0].name, found[1].apn_id) == ("O1.json", "O1"), "it is known to be in flight"
    assert neighbour is not None and neighbour[1].entry == {"customerEmail": KEPT}
    waiting = state.downloads.records("O1.json", "1", "waiting")
    assert [one.payload for one in waiting] == ["", ""], "its turn comes, and finds nothing to do"
    assert [one.payload for one in state.downloads.records("O2.json", "1")] == [KEPT, KEPT]


def test_what_may_have_to_be_sent_again_as_it_was_keeps_its_bytes_until_it_is_sent(state: State) -> None:
    """Another content under the same name, or the same content under another, could create records twice."""
    entry = Entry(RECORD, "opportunity", "run", {"x": SECRET}, RECORD, None, NOW)
    state.uploads.store(Upload("a.json", "opportunity", "run", SECRET.encode()), [entry], NOW)
    state.forget(RECORD)
    assert [one.body for one in state.uploads.to_send("opportunity")] == [SECRET.encode()]
    state.uploads.sent("a.json", NOW)
    state.forget(RECORD)
    assert SECRET.encode() not in stored_bytes(state)
