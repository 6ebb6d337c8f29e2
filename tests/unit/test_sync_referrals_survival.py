"""Referrals whose way is disturbed: lost memories, answers that came before ours, rules that a person contradicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from new_record_desk import MAPPING, Desk, open_desk
from new_record_org import OWNER, Written
from referral_case import APN, ENGI, Case, ReferralOrg, Referring
from service_engine import SettableClock

from connector.ace.invitation_shape import ARN
from connector.errors import Deferred, Problem, RecordRejected, Refused, Retriable, StaleRecord
from connector.mapping.model import FieldMapping
from connector.mapping.outbound import snapshot
from connector.names import PACKAGED
from connector.store.queue import Work
from connector.sync import logs, queueing, referral_decisions
from connector.sync.create import ADOPTED
from connector.sync.edits import changed_paths
from connector.sync.engine import Priority
from connector.sync.inbound import receive
from connector.sync.observe import observe
from connector.sync.ports import Json, PartnerCentralPort, Row, SalesforcePort
from connector.sync.referral_decisions import accept, perform_decision
from connector.sync.referrals import look_at_invitation, watch_referrals
from connector.sync.writeback import flush

DECIDED = FieldMapping("partnerAcceptanceStatus", "Decision__c", True)
INVITED_AS = FieldMapping(ARN, "Invitation_Arn__c", True)
NORWAY = 'ISPICKVAL(country, "NO")'
TOLD_ARN = f"arn:aws:partnercentral:us-east-1::catalog/AWS/engagement-invitation/{ENGI}"


class DeletableOrg(ReferralOrg):
    """An org with a recycle bin: what a person deleted is in no table any more. ``edited``: rows that a person modified
    last.
    """

    edited: ClassVar[set[str]] = set()

    def _read(self, row: Row, fields: Sequence[str]) -> Row:
        found = ReferralOrg._read(self, row, fields)
        by_person = {"LastModifiedById": OWNER, "LastModifiedDate": "2026-03-01T12:30:00.000+0000"}
        return {**found, **by_person} if row["Id"] in self.edited else found

    def deleted(self, object_name: str, ids: Sequence[str]) -> set[str]:
        return {one for one in ids if one not in self.tables.get(object_name, {})}

    def update(self, object_name: str, rows: Sequence[Row]) -> list[Written]:
        for row in rows:
            self.tables[object_name][row["Id"]].update(row)
            self.edited.discard(row["Id"])
        return [Written(row["Id"]) for row in rows]

    def update_unless_modified(self, object_name: str, rows: Sequence[tuple[Row, datetime]]) -> list[Written]:
        return [self._guarded(object_name, *one) for one in rows]

    def _guarded(self, object_name: str, row: Row, guard: datetime) -> Written:
        stands = self._read(self.tables[object_name][row["Id"]], ())
        if datetime.fromisoformat(stands["LastModifiedDate"]) > guard:
            return Written(error=StaleRecord("It was modified since."))
        return self.update(object_name, [row])[0]


class Refusing(Referring):
    """A Partner Central that does not take our answers."""

    def accept_invitation(self, invitation_id: str, *, token: str) -> Json:
        self.asked.append("accept")
        raise RecordRejected((Problem("ACCESS_DENIED", "", "", "Not allowed.", "Allow it."),))


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with open_desk(tmp_path) as desk:
        yield dress(desk)


def dress(desk: Desk) -> Case:
    org, aws = DeletableOrg(), Refusing()
    for name in (PACKAGED.invitation_id, DECIDED.path, INVITED_AS.path):
        org.change("Opportunity", name)
    desk.org = org
    desk.engine.salesforce = cast(SalesforcePort, org)
    desk.engine.partner_central = cast(PartnerCentralPort, aws)
    desk.engine.mapping = replace(MAPPING, fields=(*MAPPING.fields, DECIDED, INVITED_AS))
    desk.engine.state.meta.set(ADOPTED, "now")
    return Case(desk, org, aws)


def decisions(case: Case) -> list[dict[str, Any]]:
    return [one.payload for one in case.desk.engine.state.queue.list() if one.kind == queueing.DECISION]


def waiting_values(case: Case, record_id: str) -> dict[str, Any]:
    waiting = case.desk.engine.state.writebacks.get(record_id)
    return waiting.values if waiting is not None else {}


def take(case: Case, kind: str) -> Any:
    found = case.desk.engine.state.queue.claim(case.desk.engine.now(), "test", kinds=(kind,))
    assert found is not None
    return found


def advance(case: Case, **time: float) -> None:
    cast(SettableClock, case.desk.engine.clock).advance(**time)


def test_a_lost_state_that_first_hears_of_the_acceptance_makes_no_second_record(case: Case) -> None:
    """The record of the referral is there, and carries nothing but the invitation's id."""
    case.invite()
    record = case.org.add("Opportunity", **{PACKAGED.invitation_id: ENGI, PACKAGED.sync_with_aws: True})
    case.accepted_elsewhere()
    referral = case.look()
    assert [row["Id"] for row in case.rows()] == [record]
    assert (referral.record_id, referral.opportunity_id, referral.settled) == (record, APN, True)


def test_what_was_adopted_and_not_brought_in_is_brought_in_by_the_next_look(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row was touched a moment ago, so that the first look stops behind the link."""
    record = case.look(case.invite()).record_id or ""
    case.accepted_elsewhere()
    with monkeypatch.context() as patched:
        patched.setattr("connector.sync.inbound.require_settled", _too_fresh)
        with pytest.raises(Deferred):
            look_at_invitation(case.desk.engine, ENGI)
    case.look()
    assert case.desk.engine.state.links.require(record).aws_modified
    assert waiting_values(case, record)["City__c"] == "Oslo"


def test_an_acceptance_that_was_interrupted_still_fills_the_record(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else looks at the opportunity while a schedule disables inbound integration."""
    referral = case.look(case.invite())
    case.accepted_elsewhere()
    case.aws.tasks = [{"EngagementInvitationId": ENGI, "TaskStatus": "COMPLETE", "OpportunityId": APN}]
    engine = case.desk.engine
    referral.task_id, referral.decision, referral.token = "task-1", "accept", "token"
    engine.state.referrals.save(referral)
    monkeypatch.setattr(case.aws, "acceptance_tasks", lambda **_: case.aws.tasks)
    engine.state.queue.enqueue(queueing.decision_work(referral.record_id or "", "accept", note="rule"), engine.now())
    item = take(case, queueing.DECISION)
    with monkeypatch.context() as patched:
        patched.setattr("connector.sync.inbound.require_settled", _too_fresh)
        with pytest.raises(Deferred):
            perform_decision(engine, item)
    perform_decision(engine, item)
    assert waiting_values(case, referral.record_id or "")["City__c"] == "Oslo"
    known = engine.state.referrals.get(ENGI)
    assert known is not None and accept(engine, known) == APN


def _too_fresh(engine: Any, _row: Any) -> None:
    raise Deferred("The row was modified a moment ago.", engine.now() + timedelta(seconds=2))


def test_the_rule_never_takes_the_place_of_what_a_person_decided(case: Case) -> None:
    record = case.look(case.invite()).record_id or ""
    engine = case.desk.engine
    engine.state.queue.enqueue(queueing.decision_work(record, "reject", reason="Other"), engine.now())
    case.desk.set(accept_rule=NORWAY)
    case.look()
    assert [one["decision"] for one in decisions(case)] == ["reject"]


def test_a_person_who_asks_before_the_rules_turn_goes_first(case: Case) -> None:
    """Their request failed for a passing reason, say, and is to be repeated."""
    case.desk.set(accept_rule=NORWAY)
    record = case.look(case.invite()).record_id or ""
    engine = case.desk.engine
    asked = Work("action-request", record, lane=queueing.READ_LANE, priority=Priority.REQUEST)
    engine.state.queue.enqueue(asked, engine.now(), at=engine.now() + timedelta(minutes=1))
    perform_decision(engine, take(case, queueing.DECISION))
    assert "accept" not in case.aws.asked


def test_an_acceptance_by_rule_that_aws_refuses_is_repeated_once_an_hour(case: Case) -> None:
    """Calls that write are scarce: a missing permission must not use them up with every look at the list."""
    case.desk.set(accept_rule=NORWAY)
    case.look(case.invite())
    engine = case.desk.engine
    for _ in range(2):
        item = take(case, queueing.DECISION)
        with pytest.raises(RecordRejected):
            perform_decision(engine, item)
        engine.state.queue.fail(item, "refused")
        advance(case, minutes=1)
        assert watch_referrals(engine) == 0
        advance(case, minutes=61)
        assert watch_referrals(engine) == 1
        engine.state.queue.done(take(case, queueing.REFERRAL))
        case.look()
    assert case.aws.asked.count("accept") == 2


def test_an_invitation_that_aws_neither_shows_nor_lists_is_asked_for_once_an_hour(case: Case) -> None:
    case.look(case.invite())
    case.aws.invitations = {}
    engine = case.desk.engine
    for _ in range(5):
        advance(case, seconds=30)
        watch_referrals(engine)
        item = engine.state.queue.claim(engine.now(), "test", kinds=(queueing.REFERRAL,))
        if item is not None:
            look_at_invitation(engine, ENGI)
            engine.state.queue.done(item)
    assert case.aws.asked.count("get") == 2, "the first look made the record, the second found nothing"
    advance(case, minutes=61)
    watch_referrals(engine)
    assert engine.state.queue.claim(engine.now(), "test", kinds=(queueing.REFERRAL,)) is not None


def test_an_opportunity_that_came_before_its_invitation_learns_of_it(case: Case) -> None:
    """Events come in any order: the record has the invitation's ARN, and the referral has come to its end."""
    case.invite(Arn=TOLD_ARN)
    case.accepted_elsewhere()
    receive(case.desk.engine, APN, case.desk.run())
    [row] = case.rows()
    referral = case.look()
    assert (referral.record_id, referral.opportunity_id, referral.settled) == (row["Id"], APN, True)
    assert len(case.rows()) == 1
    assert waiting_values(case, row["Id"])[INVITED_AS.path] == TOLD_ARN


def test_a_referral_that_was_accepted_after_it_had_lapsed_here_keeps_its_one_record(case: Case) -> None:
    """AWS's clock decides, and a colleague may be faster than AWS's own expiry."""
    case.invite(ExpirationDate=(case.desk.engine.now() + timedelta(days=1)).isoformat())
    record = case.look().record_id
    advance(case, days=2)
    assert case.look().status == "EXPIRED"
    case.accepted_elsewhere()
    receive(case.desk.engine, APN, case.desk.run())
    assert [row["Id"] for row in case.rows()] == [record]
    link = case.desk.engine.state.links.by_apn(APN)
    assert link is not None and link.record_id == record
    told = case.desk.engine.state.problems.open_for(record or "")
    assert "INVITATION_EXPIRED" not in {one.code for one in told}


def test_a_lost_state_tells_no_error_of_a_referral_that_waits(case: Case) -> None:
    case.invite()
    record = case.org.add(
        "Opportunity",
        **{PACKAGED.invitation_id: ENGI, PACKAGED.sync_with_aws: True, PACKAGED.has_updates: False},
        **{PACKAGED.last_sync_date: "2026-01-01T00:00:00.000+0000"},
    )
    engine = case.desk.engine
    row = case.org.rows("Opportunity", [record], engine.row_fields())[record]
    assert not observe(engine, row, logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL))
    assert engine.state.problems.open_for(record) == []


@pytest.mark.parametrize("became", ["REJECTED", "EXPIRED"])
def test_a_lost_state_finds_what_became_of_a_referral_meanwhile(case: Case, became: str) -> None:
    """No list of what waits names it any more, and a rejected one is not even shown."""
    case.invite(Status=became)
    case.aws.gone = {ENGI} if became == "REJECTED" else set()
    record = case.org.add("Opportunity", **{PACKAGED.invitation_id: ENGI, PACKAGED.sync_with_aws: True})
    take_step(case, "watch")
    take_step(case, "write")
    assert case.org.tables["Opportunity"][record][DECIDED.path] == "Rejected"
    assert case.desk.engine.state.referrals.open() == []


def test_the_rule_accepts_nothing_for_a_record_that_a_person_deleted(case: Case) -> None:
    """Nobody told the connector of the deletion yet."""
    case.desk.set(accept_rule=NORWAY)
    record = case.look(case.invite()).record_id or ""
    engine = case.desk.engine
    del case.org.tables["Opportunity"][record]
    perform_decision(engine, take(case, queueing.DECISION))
    assert "accept" not in case.aws.asked


def test_beside_an_unconfirmed_integration_the_rule_accepts_nothing(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.desk.set(accept_rule=NORWAY)
    case.look(case.invite())

    def unconfirmed(_: Any) -> None:
        raise Refused("Another integration is at work.")

    monkeypatch.setattr(referral_decisions, "require_confirmed", unconfirmed, raising=False)
    with pytest.raises(Refused):
        perform_decision(case.desk.engine, take(case, queueing.DECISION))
    assert "accept" not in case.aws.asked


def test_an_acceptance_whose_opportunity_is_not_found_comes_to_an_end(case: Case) -> None:
    """A colleague accepted, and AWS calls it otherwise since: only counted attempts have an end for who asked."""
    referral = case.look(case.invite())
    case.accepted_elsewhere(Project={"Title": "Renamed"})
    referral = case.look()
    with pytest.raises(Retriable):
        accept(case.desk.engine, referral)


STEPS = ("look", "watch", "receive", "accept", "write", "forget")


@settings(max_examples=12, deadline=None)
@given(steps=st.lists(st.sampled_from(STEPS), max_size=12))
@example(steps=["accept", "receive", "forget", "receive"])
def test_whatever_comes_first_and_whatever_is_forgotten_a_referral_has_one_record(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """Both sides are met in any order, the state is lost at any moment, and Salesforce is written late."""
    with open_desk(tmp_path_factory.mktemp("case")) as desk:
        case = dress(desk)
        case.invite(Arn=TOLD_ARN)
        for step in (*steps, "look", "accept", "write", "watch", "look", "receive", "write", "watch", "look", "write"):
            take_step(case, step)
        [row] = case.rows()
        found = (row[PACKAGED.apn_id], row["City__c"], row[DECIDED.path], row[INVITED_AS.path])
        assert found == (APN, "Oslo", "Accepted", TOLD_ARN)
        assert case.desk.engine.state.referrals.open() == []


def take_step(case: Case, step: str) -> None:
    engine = case.desk.engine
    if step == "look":
        look_at_invitation(engine, ENGI)
    elif step == "watch":
        watch_referrals(engine)
        while item := engine.state.queue.claim(engine.now(), "test", kinds=(queueing.REFERRAL,)):
            look_at_invitation(engine, ENGI)
            engine.state.queue.done(item)
    elif step == "receive" and case.aws.opportunities:
        receive(engine, APN, case.desk.run())
    elif step == "accept":
        case.accepted_elsewhere()
    elif step == "write":
        flush(engine)
    elif step == "forget":
        engine.state.reset()
        engine.state.meta.set(ADOPTED, f"after {len(case.aws.asked)}")
    elif step == "edit":
        for row in case.rows():
            row["City__c"] = "Bergen"
            cast(DeletableOrg, case.org).edited.add(row["Id"])


@settings(max_examples=12, deadline=None)
@given(steps=st.lists(st.sampled_from(("look", "receive", "accept", "write")), max_size=6), at=st.integers(0, 5))
def test_what_a_person_edited_before_or_after_acceptance_is_never_written_over(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], at: int
) -> None:
    """AWS shows the city with the acceptance only; whoever entered it before, or changes it then, is kept."""
    with open_desk(tmp_path_factory.mktemp("case")) as desk:
        case = dress(desk)
        case.invite()
        for step in ("look", *steps[:at], "edit", *steps[at:], "accept", "watch", "look", "receive", "write", "look"):
            take_step(case, step)
        [row] = case.rows()
        assert (row[PACKAGED.apn_id], row["City__c"]) == (APN, "Bergen")
        link = case.desk.engine.state.links.require(row["Id"])
        assert "City__c" in changed_paths(link, snapshot(case.desk.engine.mapping, row)), "it is still to be sent"
