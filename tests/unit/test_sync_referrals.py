"""Referrals where AWS tells little: which opportunity became of which, who is no referral, what the rule decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from new_record_desk import MAPPING, open_desk
from referral_case import APN, ENGI, Case, ReferralOrg, Referring, opportunity
from service_engine import SettableClock

from connector.ace.catalogue import opportunity_fields
from connector.errors import Deferred, MappingError, Problem, RecordRejected
from connector.mapping.model import FieldMapping
from connector.names import PACKAGED
from connector.store.links import Link
from connector.store.queue import Work
from connector.sync import queueing
from connector.sync.arrival import fetch
from connector.sync.create import ADOPTED
from connector.sync.ports import Json, PartnerCentralPort, SalesforcePort
from connector.sync.referral_decisions import accept, perform_decision, referral_of, reject
from connector.sync.referral_links import adopt_referral, know_rows
from connector.sync.referral_notes import awaits_acceptance, not_accepted, typed_decision
from connector.sync.referral_rules import TROUBLE, accept_rule_problems, accepting_rule
from connector.sync.referrals import look_at_invitation, watch_referrals

DECIDED = FieldMapping("partnerAcceptanceStatus", "Decision__c", True)


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with open_desk(tmp_path) as desk:
        org, aws = ReferralOrg(), Referring()
        org.change("Opportunity", PACKAGED.invitation_id)
        org.change("Opportunity", DECIDED.path)
        desk.org = org
        desk.engine.salesforce = cast(SalesforcePort, org)
        desk.engine.partner_central = cast(PartnerCentralPort, aws)
        desk.engine.mapping = replace(MAPPING, fields=(*MAPPING.fields, DECIDED))
        desk.engine.state.meta.set(ADOPTED, "now")
        yield Case(desk, org, aws)


def test_without_a_field_for_the_invitation_nothing_is_created_and_the_remedy_is_told(case: Case) -> None:
    case.invite()
    fields = {one.name: one for one in case.org.fields["Opportunity"] if one.name != PACKAGED.invitation_id}
    case.org.fields["Opportunity"] = tuple(fields.values())
    with pytest.raises(MappingError, match=r"Opportunity has no field ACE_Invitation_Id__c.* Deploy"):
        case.look()
    assert case.rows() == []


def test_a_referral_without_an_end_waits_without_one(case: Case) -> None:
    case.invite()
    referral = case.look()
    assert (referral.expires, referral.settled) == (None, False)
    assert case.desk.engine.state.links.require(case.rows()[0]["Id"]).apn_id is None


@pytest.mark.parametrize(
    "changes",
    [
        {"PayloadType": "LeadInvitation"},
        {"Receiver": {"Account": {"AwsAccountId": "aws"}}},
        {"SenderAwsAccountId": "111122223333", "Status": "ELSEWHERE"},
    ],
    ids=["a lead", "our own submission", "between other partners"],
)
def test_what_is_no_referral_to_us_is_left_alone(case: Case, changes: Json) -> None:
    case.invite(**changes)
    look_at_invitation(case.desk.engine, ENGI)
    assert (case.rows(), case.desk.engine.state.referrals.get(ENGI)) == ([], None)


def test_another_partners_invitation_becomes_a_record_too(case: Case) -> None:
    case.invite(SenderAwsAccountId="444455556666", SenderCompanyName="Northwind")
    assert case.look(f"arn:aws:partnercentral:us-east-1::catalog/AWS/engagement-invitation/{ENGI}"[-18:]).record_id


def test_an_opportunity_without_a_task_is_known_by_what_the_invitation_showed(case: Case) -> None:
    """Title, company and date; whichever of the two is met first."""
    case.invite()
    record = case.look().record_id
    case.accepted_elsewhere()
    case.look()
    link = case.desk.engine.state.links.by_apn(APN)
    assert link is not None and (link.record_id, link.status) == (record, "linked")
    assert len(case.rows()) == 1


def test_of_two_that_look_alike_the_date_tells(case: Case) -> None:
    first, second = case.invite(1), case.invite(2)
    case.aws.invitations[second]["Payload"]["OpportunityInvitation"]["Project"]["TargetCompletionDate"] = "2027-06-30"
    records = [case.look(one).record_id for one in (first, second)]
    later = opportunity(APN)["LifeCycle"] | {"TargetCloseDate": "2027-06-30"}
    case.accepted_elsewhere(second, LifeCycle=later)
    link, _ = adopt_referral(case.desk.engine, fetch(case.desk.engine, APN))
    assert link is not None and link.record_id == records[1]


def test_of_two_that_look_the_same_a_person_chooses(case: Case) -> None:
    for number in (1, 2):
        case.look(case.invite(number))
        case.aws.invitations[f"engi-{number:013d}"]["Status"] = "ACCEPTED"
    case.aws.opportunities[APN] = opportunity(APN)
    with pytest.raises(RecordRejected, match="may come of several referrals"):
        adopt_referral(case.desk.engine, fetch(case.desk.engine, APN))


def test_one_that_looks_the_same_but_was_not_accepted_is_another_deal(case: Case) -> None:
    case.look(case.invite())
    case.aws.opportunities[APN] = opportunity(APN)
    link, _ = adopt_referral(case.desk.engine, fetch(case.desk.engine, APN))
    assert link is None


def test_a_task_that_names_another_opportunity_counts_more_than_looks(case: Case) -> None:
    case.look(case.invite())
    case.accepted_elsewhere()
    case.aws.tasks = [{"EngagementInvitationId": ENGI, "TaskStatus": "COMPLETE", "OpportunityId": "O9"}]
    assert adopt_referral(case.desk.engine, fetch(case.desk.engine, APN))[0] is None


def test_while_an_acceptance_is_under_way_nothing_is_created(case: Case) -> None:
    case.look(case.invite())
    case.accepted_elsewhere()
    case.aws.tasks = [{"EngagementInvitationId": ENGI, "TaskStatus": "IN_PROGRESS"}]
    with pytest.raises(Deferred):
        adopt_referral(case.desk.engine, fetch(case.desk.engine, APN))


def test_a_new_state_learns_of_the_rows_once(case: Case) -> None:
    case.invite()
    case.org.add("Opportunity", **{PACKAGED.invitation_id: ENGI})
    case.org.add("Opportunity", **{PACKAGED.invitation_id: "engi-0000000000009"})
    for _ in range(2):
        know_rows(case.desk.engine)
    assert case.org.calls.count("referrals") == 1
    assert [one.invitation_id for one in case.desk.engine.state.referrals.open()] == [ENGI, "engi-0000000000009"]


def test_the_list_queues_each_invitation_once_and_leaves_what_waits_alone(case: Case) -> None:
    case.invite()
    assert watch_referrals(case.desk.engine) == 1
    assert watch_referrals(case.desk.engine) == 0
    case.look()
    case.aws.asked.clear()
    item = case.desk.engine.state.queue.list()[0]
    case.desk.engine.state.queue.done(claimed(case, item.kind))
    assert watch_referrals(case.desk.engine) == 0
    assert case.aws.asked == ["list"]


def claimed(case: Case, kind: str) -> Any:
    found = case.desk.engine.state.queue.claim(case.desk.engine.now(), "test", kinds=(kind,))
    assert found is not None
    return found


def test_a_record_that_could_not_be_made_is_tried_again_after_a_while(case: Case) -> None:
    case.invite()
    case.org.refused = [RecordRejected((Problem("FIELD_CUSTOM", "City__c", "", "No.", "Correct it."),))]
    assert case.look().record_id is None
    assert case.desk.reasons(ENGI)
    assert watch_referrals(case.desk.engine) == 0
    cast(SettableClock, case.desk.engine.clock).advance(minutes=61)
    assert watch_referrals(case.desk.engine) == 1
    assert case.look().record_id is not None


def test_a_deadline_that_aws_moves_is_reminded_of_anew(case: Case) -> None:
    engine = case.desk.engine
    soon, later = (engine.now() + timedelta(days=days) for days in (2, 30))
    case.invite(ExpirationDate=soon.isoformat())
    assert case.look().reminded
    case.aws.invitations[ENGI]["ExpirationDate"] = later.isoformat()
    referral = case.look()
    assert (referral.expires, referral.reminded) == (later, False)


def test_reminders_may_be_switched_off(case: Case) -> None:
    case.desk.set(invitation_reminder_days=0)
    case.invite(ExpirationDate=(case.desk.engine.now() + timedelta(hours=1)).isoformat())
    assert not case.look().reminded


def test_an_invitation_that_is_in_no_list_stays_open(case: Case) -> None:
    """Credentials that do not see it must not make every referral a rejected one."""
    case.look(case.invite())
    case.aws.gone, case.aws.invitations = {ENGI}, {}
    assert (case.look().status, case.look().settled) == ("PENDING", False)


def test_a_row_with_an_invitation_and_no_opportunity_is_never_sent(case: Case) -> None:
    """Whoever knows of it: the row, or the state where a person cleared the row's field."""
    engine = case.desk.engine
    record = case.look(case.invite()).record_id or ""
    assert awaits_acceptance(engine, record, {})
    assert awaits_acceptance(engine, "006000000000009AAA", {PACKAGED.invitation_id: "engi-x"})
    assert not awaits_acceptance(engine, "006000000000009AAA", {PACKAGED.invitation_id: "engi-x", PACKAGED.apn_id: APN})
    assert not awaits_acceptance(engine, "006000000000009AAA", {})
    assert "nobody accepted" in str(not_accepted(engine, record, {}))


def test_a_typed_decision_is_told_apart_from_ours(case: Case) -> None:
    link = Link("006000000000009AAA", "Opportunity", seen={DECIDED.path: "Rejected"})
    typed = typed_decision(case.desk.engine, link, {DECIDED.path: "Accepted"})
    assert typed is not None and typed.value == "Accepted" and "Approval Status" in typed.remedy
    assert typed_decision(case.desk.engine, link, {DECIDED.path: "Rejected"}) is None
    assert typed_decision(case.desk.engine, link, {DECIDED.path: None}) is None


def test_the_rule_says_why_it_accepts(case: Case) -> None:
    record = {"country": "NO", "customerCompanyName": "Polaris"}
    assert accepting_rule(case.desk.engine, record) == ""
    case.desk.set(accept_rule='ISPICKVAL(country, "NO")')
    assert accepting_rule(case.desk.engine, record).endswith('ISPICKVAL(country, "NO") (country is NO).')
    case.desk.set(accept_rule='ISPICKVAL(country, "SE")')
    assert accepting_rule(case.desk.engine, record) == ""
    case.desk.set(accept_rule="1 / (LEN(customerCompanyName) - 7) > 0")
    assert accepting_rule(case.desk.engine, record) == ""
    assert "accepts nothing" in case.desk.engine.troubles[TROUBLE]


@pytest.mark.parametrize("rule", ['country = "NO"', "noSuchField > 1", "1 + 1", "AND("])
def test_a_rule_that_cannot_work_is_a_wrong_setting(case: Case, rule: str) -> None:
    (problem,) = accept_rule_problems(rule, opportunity_fields(), case.desk.engine.now())
    assert (problem.code, problem.field, problem.value) == ("SETTING_INVALID", "Accept_Rule__c", rule)
    assert accept_rule_problems("", opportunity_fields(), case.desk.engine.now()) == ()


def test_the_rule_queues_one_answer(case: Case) -> None:
    case.desk.set(accept_rule='ISPICKVAL(country, "NO")')
    record = case.look(case.invite()).record_id
    case.look()
    (item,) = [one for one in case.desk.engine.state.queue.list() if one.kind == queueing.DECISION]
    assert (item.key, item.payload["decision"]) == (record, "accept")
    assert "by the rule" in item.payload["note"]


def test_the_rule_leaves_a_record_alone_that_a_person_deleted(case: Case) -> None:
    record = case.look(case.invite()).record_id or ""
    link = case.desk.engine.state.links.require(record)
    link.status = "tombstone"
    case.desk.engine.state.links.save(link)
    case.desk.set(accept_rule='ISPICKVAL(country, "NO")')
    case.look()
    assert [one.kind for one in case.desk.engine.state.queue.list() if one.kind == queueing.DECISION] == []


def test_a_decision_that_was_forgotten_is_asked_for_again(case: Case) -> None:
    engine = case.desk.engine
    engine.state.queue.enqueue(Work(queueing.DECISION, "006000000000009AAA", payload={}), engine.now())
    with pytest.raises(RecordRejected, match="not known any more"):
        perform_decision(engine, claimed(case, queueing.DECISION))


def test_what_aws_did_not_refer_takes_no_answer(case: Case) -> None:
    engine = case.desk.engine
    record = case.org.add("Opportunity")
    with pytest.raises(RecordRejected, match="Only an opportunity that AWS referred"):
        referral_of(engine, record)
    with pytest.raises(RecordRejected, match="no such record"):
        referral_of(engine, "006000000000009AAA")
    case.org.tables["Opportunity"][record][PACKAGED.invitation_id] = ENGI
    with pytest.raises(RecordRejected, match="does not show"):
        referral_of(engine, record)


def test_after_its_end_no_answer_is_asked_of_aws(case: Case) -> None:
    """The double has no operation to answer with: a call would be an error of another kind."""
    referral = case.look(case.invite(ExpirationDate=(case.desk.engine.now() + timedelta(days=9)).isoformat()))
    cast(SettableClock, case.desk.engine.clock).advance(days=9)
    with pytest.raises(RecordRejected, match="lapsed on 20"):
        accept(case.desk.engine, referral)
    with pytest.raises(RecordRejected, match="lapsed on 20"):
        reject(case.desk.engine, referral, "Other")
    case.look()
    told = case.desk.engine.state.problems.open_for(referral.record_id or "")
    assert [one.code for one in told] == ["INVITATION_EXPIRED"]
