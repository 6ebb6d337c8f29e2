"""What a backfill found and what was decided, kept across restarts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.store.backfills import Proposal
from connector.store.candidates import Candidate, Candidates
from connector.store.links import Link
from connector.store.state import State

RECORD, OTHER = "a00000000000001AAA", "a00000000000002AAA"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as opened:
        yield opened


def proposal(apn_id: str = "O1", record_id: str = RECORD, score: int = 80) -> Proposal:
    return Proposal(apn_id, "Acme", "Cold chain", record_id, "A deal", score, "same company")


def linked(record_id: str, apn_id: str) -> Link:
    return Link(record_id, "ACE_Opportunity__c", apn_id=apn_id, status="linked")


def test_an_opportunity_with_proposals_waits_and_so_does_its_record(state: State) -> None:
    state.backfills.propose([proposal(score=70), proposal(record_id=OTHER, score=90)])
    assert state.backfills.decision("O1") == "undecided" and state.backfills.is_barred("o1")
    assert state.backfills.awaiting(RECORD) == ["O1"] == state.backfills.awaiting(OTHER)
    assert [one.record_id for one in state.backfills.proposals()] == [OTHER, RECORD]
    assert state.backfills.undecided() == 1


@pytest.mark.parametrize(("decision", "barred"), [("link", False), ("create", False), ("skip", True)])
def test_a_decision_ends_the_waiting_and_drops_the_names(state: State, decision: str, *, barred: bool) -> None:
    state.backfills.propose([proposal()])
    state.backfills.decide("O1", decision)  # type: ignore[arg-type]
    assert state.backfills.is_barred("O1") is barred
    assert state.backfills.awaiting(RECORD) == [] and list(state.backfills.proposals()) == []
    assert list(state.backfills.proposals("O1")) == []
    assert state.backfills.decided(decision) == ["O1"]  # type: ignore[arg-type]


def test_a_record_that_came_to_carry_the_id_has_decided(state: State) -> None:
    state.backfills.propose([proposal()])
    state.links.save(linked(OTHER, "O1"))
    assert state.backfills.undecided() == 0
    assert state.backfills.awaiting(RECORD) == [] and list(state.backfills.proposals()) == []


def test_what_was_not_chosen_is_left_out_until_it_changes(state: State) -> None:
    state.backfills.decide("O1", "left_out", modified="2026-01-01")
    assert state.backfills.is_left_out("O1", "2026-01-01") and not state.backfills.is_left_out("O1", "2026-01-02")
    assert not state.backfills.is_barred("O1") and not state.backfills.is_left_out("O2", "2026-01-01")


def test_forgetting_a_record_empties_its_proposals_and_keeps_them_against_duplicates(state: State) -> None:
    state.backfills.propose([proposal()])
    state.forget(RECORD)
    (kept,) = state.backfills.proposals()
    assert (kept.record_name, kept.record_id) == ("", RECORD) and state.backfills.awaiting(RECORD) == ["O1"]
    state.forget("O1")
    (kept,) = state.backfills.proposals()
    assert (kept.company, kept.title) == ("", "")


def test_a_comparison_tells_what_a_side_missed(state: State) -> None:
    for number, record_id in ((1, RECORD), (2, OTHER)):
        state.links.save(linked(record_id, f"O{number}"))
    state.comparisons.note("aws", ["O1", "O1"])
    assert state.comparisons.missed("aws", "apn_id") == [(OTHER, "O2")]
    assert state.comparisons.missed("aws", "apn_id", object_name="Opportunity") == []
    assert state.comparisons.missed("salesforce", "record_id", after=RECORD) == [(OTHER, "O2")]
    assert (state.comparisons.count("aws"), state.comparisons.is_noted("aws", "O1")) == (1, True)
    state.comparisons.clear("aws")
    assert state.comparisons.noted("aws") == []


def test_the_same_company_or_host_is_not_cut_off_behind_many_of_the_same_word() -> None:
    """Otherwise its opportunity would be created a second time."""
    candidates = Candidates()
    banks = [Candidate(f"a{number:017d}", "", f"Bank of {number}", "", "", "", "bank", "") for number in range(30)]
    same = Candidate("b00000000000000001", "", "BANK of Acme", "", "", "", "bank", "")
    site = Candidate("b00000000000000002", "", "Bank", "", "", "", "bank", "acme.example")
    candidates.add([*banks, same, site])
    found = candidates.alike("bank", "acme.example", "Bank of Acme", limit=5)
    assert found[:2] == [same, site] and len(found) == 5
    candidates.close()


def test_candidates_are_found_by_company_word_or_host_and_leave_nothing_in_the_state(state: State) -> None:
    candidates = Candidates()
    rows = [
        Candidate(RECORD, "A", "Acme", "", "", "", "acme", ""),
        Candidate(OTHER, "B", "Borealis", "", "", "", "borealis", "acme.example"),
        Candidate("a00000000000003AAA", "C", "", "", "", "", "", ""),
    ]
    candidates.add(rows)
    candidates.add(rows[:1])
    assert {one.record_id for one in candidates.alike("acme", "acme.example")} == {RECORD, OTHER}
    assert candidates.alike("", "") == []
    candidates.close()
    assert b"Borealis" not in state.path.read_bytes()
