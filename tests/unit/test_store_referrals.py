"""The state's memory of referrals: by invitation, record and opportunity; what must be forgotten, and what must not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from connector.ace.record import Value
from connector.errors import Problem
from connector.store.corrections import Correction
from connector.store.queue import Work
from connector.store.referrals import Referral
from connector.store.state import State
from connector.sync.plan import Create, OutboundFacts, Reject, plan_outbound

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECORD, ENGI, APN = "006Qy00000A1b2CIAR", "engi-0000000000001", "O1234567"
SECRET = "Jane.Doe@example.com"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as state:
        yield state


def referral(**changes: object) -> Referral:
    made = Referral(ENGI, "Opportunity", "PENDING", NOW, {"Title": "Port", "Amount": Decimal("1.50")}, record_id=RECORD)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "kept",
    [
        referral(),
        referral(expires=NOW, reminded=True, generation=2, token="token", task_id="task-1", decision="accept"),
        referral(status="ACCEPTED", opportunity_id=APN, settled=True),
        referral(status="REJECTED", decision="reject", reason="Other", record_id=None, settled=True),
    ],
)
def test_a_referral_comes_back_as_it_was_kept(state: State, kept: Referral) -> None:
    state.referrals.save(referral(generation=9, token="older"))
    state.referrals.save(kept)
    assert state.referrals.get(ENGI) == kept
    assert state.referrals.of_record(RECORD) == (kept if kept.record_id else None)
    assert state.referrals.of_opportunity(APN) == (kept if kept.opportunity_id else None)
    assert state.referrals.open() == ([] if kept.settled else [kept])


def test_what_it_does_not_know_is_none(state: State) -> None:
    assert state.referrals.get(ENGI) is state.referrals.of_record(RECORD) is state.referrals.of_opportunity(APN) is None


def test_forgetting_its_record_leaves_what_guards_against_duplicates(state: State) -> None:
    """What AWS showed, its corrections and its log rows go; ids, token and decision stay."""
    kept = referral(token="token", decision="accept", generation=1)
    state.referrals.save(replace(kept, payload={"Sender": SECRET}))
    wrong: Value = date(2027, 1, 1)
    state.corrections.keep(Correction(ENGI, "customerEmail", wrong, SECRET, True, NOW))
    state.queue.enqueue(Work("referral", RECORD, payload={"invitation": ENGI, "who": SECRET}), NOW)
    state.outbox.put("Detail", "Detail_Key__c", "k", {"Record_Id__c": ENGI, "Payload__c": SECRET}, NOW)
    state.forget(RECORD)
    assert state.referrals.get(ENGI) == replace(kept, payload={})
    (item,) = state.queue.list()
    assert item.payload == {"invitation": ENGI}
    assert SECRET.encode() not in b"".join(file.read_bytes() for file in state.path.parent.iterdir())


def test_a_referral_that_nobody_accepted_is_never_created_at_aws() -> None:
    """Whatever asks for it: a click, a setting, a rule."""
    refusal = Problem("PENDING_INVITATION", "", "", "Nobody accepted it.", "Accept it.")
    asked = OutboundFacts({}, (), None, NOW.date(), "AWS", requested=True, share_automatically=True, by_rule=True)
    assert plan_outbound(replace(asked, unanswered=refusal)) == (Reject((refusal,)),)
    assert plan_outbound(asked) != (Reject((refusal,)),)
    assert not any(isinstance(one, Create) for one in plan_outbound(replace(asked, unanswered=refusal)))
