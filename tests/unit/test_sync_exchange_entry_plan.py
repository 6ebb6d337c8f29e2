"""The planner of the file channel: from what is known of a record to what its turn does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ace.file_fields import APN_ID, DECISION, PARTNER_ID, REASON, Version, file_fields
from connector.ace.record import AceRecord
from connector.ace.text import same
from connector.errors import Problem
from connector.sync.exchange.entry_plan import EntryFacts, Send, Settle, names_not_in_version, plan_entry
from connector.sync.plan import Await, Hold, Reject

RECORD_ID, O_ID, L_ID = "a0X000000000001AAA", "O1234567", "L1234567"
WHOLE: AceRecord = {
    "customerCompanyName": "Example Freight",
    "customerWebsite": "https://freight.example",
    "industry": "Aerospace",
    "country": "DE",
    "postalCode": "10115",
    "partnerProjectTitle": "Move the data centre",
    "projectDescription": "The lease of the data centre ends and all loads must move.",
    "targetCloseDate": date(2040, 3, 1),
    "nextStep": "Call them",
    "expectedMonthlyAwsRevenue": Decimal("1200"),
    "useCase": "Archiving",
    "deliveryModel": ("Resell",),
    "salesActivities": ("SOW Signed",),
    "partnerPrimaryNeedFromAws": ("Co-Sell - Deal Support",),
    "solutionOffered": ("S-0000001",),
    "IsOppFromMarketingActivity": "None",
    "stage": "Prospect",
    "additionalComments": None,
}
LEAD: AceRecord = {"status": "Open", "currentLeadStage": "Accepted", "phone": "+12065550142", "city": "Seattle"}


def new(**changes: Any) -> EntryFacts:
    """Facts of a record that AWS does not have yet."""
    facts = EntryFacts("opportunity", RECORD_ID, WHOLE, Version.V2, date(2026, 11, 23))
    return replace(facts, **changes)


def shared(record: AceRecord | None = None, **changes: Any) -> EntryFacts:
    """Facts of an approved opportunity of which both sides were the same; what the record says otherwise is an edit."""
    record = {**WHOLE, **(record or {})}
    edited = frozenset(name for name in record if not same(WHOLE.get(name), record[name]))
    facts = new(record=record, apn_id=O_ID, confirmed=True, known=WHOLE, edited=edited, review_status="Approved")
    return replace(facts, **changes)


def lead(record: AceRecord | None = None, known: AceRecord | None = None, **changes: Any) -> EntryFacts:
    known = {**LEAD, **(known or {})}
    record = {**known, **(record or {})}
    edited = frozenset(name for name in record if not same(known.get(name), record[name]))
    facts = EntryFacts(
        "lead", RECORD_ID, record, Version.V1, date(2026, 11, 23), apn_id=L_ID, known=known, edited=edited
    )
    return replace(facts, **changes)


def referral(record: AceRecord | None = None, **changes: Any) -> EntryFacts:
    """Facts of an AWS referral that nobody has answered."""
    known = {**WHOLE, "opportunityOwnership": "AWS Referral", "acceptBy": date(2026, 12, 24)}
    record = {**WHOLE, **(record or {})}
    edited = frozenset(name for name in record if not same(known.get(name), record[name]))
    return replace(new(record=record, apn_id=O_ID, known=known, edited=edited, review_status=""), **changes)


def sent(facts: EntryFacts) -> Send:
    action = plan_entry(facts)
    assert isinstance(action, Send), action
    return action


def refused(facts: EntryFacts) -> list[str]:
    action = plan_entry(facts)
    assert isinstance(action, Reject), action
    return [problem.code for problem in action.problems]


def test_a_new_record_goes_out_whole_without_its_empty_fields() -> None:
    """FAQ-08, OUT-04."""
    action = sent(new())
    assert action.file.entry[PARTNER_ID["opportunity"]] == RECORD_ID and APN_ID not in action.file.entry
    assert set(action.record) == {name for name in WHOLE if WHOLE[name] is not None}


def test_what_aws_takes_only_after_the_creation_is_named() -> None:
    action = sent(new(record={**WHOLE, "stage": "Qualified"}))
    assert action.later == ("stage",) and "stage" not in action.file.entry and "stage" not in action.record


def test_all_problems_of_a_record_are_told_at_once() -> None:
    """OUT-19."""
    facts = new(record={**WHOLE, "customerWebsite": None, "projectDescription": "short", "industry": "Other"})
    assert len(refused(facts)) >= 3


def test_a_fraction_of_revenue_is_refused_before_it_goes_out() -> None:
    """OUT-11: policy: refused, never rounded."""
    assert refused(shared({"expectedMonthlyAwsRevenue": Decimal("1041.67")}))


def test_values_that_could_not_be_translated_refuse_the_record() -> None:
    problem = Problem("INVALID_PICKLIST_VALUE", "useCase", "?", "It is none.", "Map it.")
    assert refused(new(mapping_problems=(problem,))) == ["INVALID_PICKLIST_VALUE"]
    edited = shared(edited=frozenset({"useCase", "nextStep"}), mapping_problems=(problem,))
    assert refused(edited) == ["INVALID_PICKLIST_VALUE"]
    # AWS's own value, say, which nobody touched: it would not be in the file.
    assert set(sent(shared({"nextStep": "Sign"}, mapping_problems=(problem,))).record) == {"nextStep"}


@pytest.mark.parametrize(("before", "after"), [("Call them", None), ("Call them", "Sign")])
def test_an_update_carries_the_edit_only(before: str, after: str | None) -> None:
    """OUT-09, OUT-10."""
    action = sent(shared({"nextStep": after}))
    assert action.file.entry == {PARTNER_ID["opportunity"]: RECORD_ID, APN_ID: O_ID, "nextStep": after}


def test_nothing_edited_is_nothing_to_send() -> None:
    assert plan_entry(shared()) == Settle()


def test_an_edit_that_aws_has_already_is_nothing_to_send() -> None:
    assert plan_entry(shared(edited=frozenset({"nextStep"}))) == Settle()


def test_where_inbound_is_off_salesforces_word_goes_along() -> None:
    """AWS changed the stage, which it may not write: the next file brings it back."""
    facts = shared(known={**WHOLE, "stage": "Qualified"}, kept=frozenset({"stage"}))
    assert set(sent(facts).record) == {"stage"}


@pytest.mark.parametrize("status", ["Submitted", "In review", "A status of tomorrow"])
def test_under_review_an_edit_is_held(status: str) -> None:
    """ELIG-13, ELIG-14."""
    assert isinstance(plan_entry(shared({"nextStep": "Sign"}, review_status=status)), Hold)
    assert plan_entry(shared(review_status=status)) == Settle()


def test_what_aws_rejected_is_refused() -> None:
    assert refused(shared({"nextStep": "Sign"}, review_status="Rejected")) == ["REJECTED_BY_AWS"]


def test_locked_edits_are_dropped_and_told() -> None:
    """OUT-15."""
    action = sent(shared({"nextStep": "Sign", "partnerProjectTitle": "Another"}))
    assert set(action.record) == {"nextStep"} and [one.field for one in action.told] == ["partnerProjectTitle"]
    only = plan_entry(shared({"partnerProjectTitle": "Another"}))
    assert isinstance(only, Settle) and [one.code for one in only.told] == ["FIELD_LOCKED"]


def test_after_launch_only_the_fields_that_aws_names_go_out() -> None:
    """OUT-15."""
    known = {**WHOLE, "stage": "Launched", "awsAccountId": "123456789012"}
    record = {**known, "additionalComments": "They like trains", "nextStep": "Sign"}
    facts = shared(record, known=known, edited=frozenset({"additionalComments", "nextStep"}))
    action = sent(facts)
    assert set(action.record) == {"additionalComments"} and [one.field for one in action.told] == ["nextStep"]


def test_an_edit_that_the_version_lacks_is_told() -> None:
    """MAP-50: version 1.0 has no sales activities."""
    action = plan_entry(shared({"salesActivities": ("Conducted POC / Demo",)}, version=Version.V1))
    assert isinstance(action, Settle) and [one.code for one in action.told] == ["NOT_IN_VERSION"]


def test_an_edit_that_no_file_carries_is_told() -> None:
    facts = shared({"visibility": "Limited"}, edited=frozenset({"visibility"}))
    action = plan_entry(facts)
    assert isinstance(action, Settle) and [one.code for one in action.told] == ["NOT_IN_FILES"]


def test_a_dummy_identifier_is_never_processed() -> None:
    """ELIG-18."""
    known = {**WHOLE, PARTNER_ID["opportunity"]: "X0007"}
    assert refused(shared({"nextStep": "Sign"}, known=known)) == ["DUMMY_ID"]


@pytest.mark.parametrize("apn_id", ["L1234567", "1234567", "O", "O12x"])
def test_an_identifier_of_another_form_is_flagged(apn_id: str) -> None:
    """FAQ-05."""
    assert refused(shared({"nextStep": "Sign"}, apn_id=apn_id, confirmed=False)) == ["IDENTIFIER_MALFORMED"]
    assert sent(shared({"nextStep": "Sign"}, apn_id="01234567", confirmed=True))  # AWS's own sample has it so


def test_with_nothing_known_the_record_goes_out_whole_and_deletes_nothing() -> None:
    """Promises 1 and 2: with both identifiers, without empty fields, and without what AWS has locked."""
    action = sent(shared(known=None, edited=None))
    assert action.file.entry[APN_ID] == O_ID and None not in action.file.entry.values()
    assert "partnerProjectTitle" not in action.record and action.record["nextStep"] == "Call them" and not action.told


def test_with_nothing_known_a_missing_field_is_no_fault() -> None:
    """AWS may have what the record lacks: masked values of a referral, say."""
    assert sent(shared({"customerWebsite": None}, known=None, edited=None))


# --- referrals


def test_an_unanswered_referral_waits_for_a_decision() -> None:
    """ELIG-17."""
    action = plan_entry(referral({"nextStep": "Sign"}))
    assert isinstance(action, Await) and action.problem.code == "NOT_DECIDED"


def test_the_acceptance_goes_out_alone() -> None:
    """OUT-34."""
    action = sent(referral({"nextStep": "Sign", DECISION: "Accepted"}))
    assert action.decision == "Accepted"
    assert action.file.entry == {PARTNER_ID["opportunity"]: RECORD_ID, APN_ID: O_ID, DECISION: "Accepted"}


def test_a_rejection_needs_a_reason_and_carries_it() -> None:
    """OUT-14."""
    assert refused(referral({DECISION: "Rejected"}))
    action = sent(referral({DECISION: "Rejected", REASON: "Other"}))
    assert action.file.entry[DECISION] == "Rejected" and REASON in action.file.entry


def test_after_acceptance_edits_go_out_as_updates() -> None:
    """FAQ-06, OUT-32: an update of that identifier, never a creation."""
    facts = referral({"nextStep": "Sign", DECISION: "Accepted"})
    known = {**(facts.known or {}), DECISION: "Accepted"}
    action = sent(replace(facts, known=known, edited=frozenset({"nextStep"}), review_status="Approved"))
    assert action.file.entry == {PARTNER_ID["opportunity"]: RECORD_ID, APN_ID: O_ID, "nextStep": "Sign"}


def test_with_nothing_known_a_decision_that_was_entered_goes_first() -> None:
    action = sent(referral({DECISION: "Accepted"}, known=None, edited=None))
    assert action.decision == "Accepted"


def test_an_own_lead_is_never_shareable() -> None:
    """LEAD-02."""
    assert refused(lead(apn_id=None)) == ["NOT_SHAREABLE"]


def test_a_lead_update_carries_what_aws_always_asks_for() -> None:
    """LEAD-06."""
    action = sent(lead({"phone": "+12065550199"}))
    assert action.file.entry == {
        PARTNER_ID["lead"]: RECORD_ID, APN_ID: L_ID, "status": "Open", "currentLeadStage": "Accepted",
        "phone": "+12065550199",
    }  # fmt: skip


def test_a_lead_that_nobody_edited_is_not_sent() -> None:
    """AWS would answer that there is nothing new."""
    assert plan_entry(lead()) == Settle()


def test_a_leads_required_status_cannot_be_cleared() -> None:
    assert refused(lead({"status": None})) == ["REQUIRED_FIELD_MISSING"]


def test_a_lead_is_decided_before_anything_else_goes_out() -> None:
    """LEAD-07."""
    assert isinstance(plan_entry(lead({"city": "Tacoma"}, {"currentLeadStage": None})), Await)
    action = sent(lead({"city": "Tacoma", "currentLeadStage": "Rejected"}, {"currentLeadStage": None}))
    assert action.decision == "Rejected" and set(action.record) == {"status", "currentLeadStage"}


def test_a_rejected_lead_is_over() -> None:
    assert refused(lead({"city": "Tacoma"}, {"currentLeadStage": "Rejected"})) == ["REFERRAL_REJECTED"]


def test_names_of_another_version_are_told_apart() -> None:
    names = ("nextStep", "salesActivities", "visibility")
    assert names_not_in_version("opportunity", Version.V1, names) == ("salesActivities",)
    assert names_not_in_version("opportunity", Version.V2, names) == ()


# --- properties

EDITS: dict[str, tuple[Any, ...]] = {
    "nextStep": (None, "Call them", "Sign"),
    "additionalComments": (None, "They like trains"),
    "partnerProjectTitle": ("Move the data centre", "Another"),
    "useCase": ("Archiving", "Blockchain"),
    "stage": ("Prospect", "Qualified"),
    "customerWebsite": ("https://freight.example", "https://rail.example", None),
    "targetCloseDate": (date(2040, 3, 1), date(2041, 1, 1), date(2020, 1, 1)),
    "visibility": (None, "Full"),
}
STATUSES = ("", "Submitted", "In review", "Action Required", "Approved", "Rejected")


@st.composite
def facts_of_any_kind(draw: st.DrawFn) -> EntryFacts:
    record = {**WHOLE, **{name: draw(st.sampled_from(values)) for name, values in EDITS.items()}}
    apn_id = draw(st.sampled_from((None, O_ID)))
    known = {**WHOLE, **{name: draw(st.sampled_from(values)) for name, values in EDITS.items()}} if apn_id else None
    if apn_id and draw(st.booleans()) and draw(st.booleans()):
        known = None
    edited = frozenset(draw(st.sets(st.sampled_from(sorted(EDITS))))) if known is not None else None
    version, status = draw(st.sampled_from(Version)), draw(st.sampled_from(STATUSES)) if apn_id else ""
    return new(record=record, apn_id=apn_id, known=known, edited=edited, version=version, review_status=status,
               confirmed=True)  # fmt: skip


@given(facts_of_any_kind())
def test_what_goes_out_is_identified_allowed_and_the_records_own(facts: EntryFacts) -> None:
    """Whatever is known: a file carries the record's own identifier, AWS's where there is one, fields of the version
    only, and of an update only what a person edited; nothing unknown is deleted.
    """
    action = plan_entry(facts)
    if not isinstance(action, Send):
        return
    entry, fields = action.file.entry, file_fields("opportunity", facts.version)
    assert entry[PARTNER_ID["opportunity"]] == RECORD_ID and entry.get(APN_ID) == facts.apn_id
    carried = {name for name, one in fields.items() if one.written_as in entry} - {PARTNER_ID["opportunity"], APN_ID}
    assert carried == set(action.record)
    if facts.edited is not None:
        assert carried <= facts.edited and carried
        assert not any(same((facts.known or {}).get(name), facts.record[name]) for name in carried)
    else:
        assert None not in entry.values()
    assert facts.review_status not in ("Submitted", "In review", "Rejected")


@given(facts_of_any_kind())
def test_every_edit_is_sent_told_or_aws_has_it(facts: EntryFacts) -> None:
    """Promise 4: no edit vanishes silently."""
    action = plan_entry(facts)
    if not isinstance(action, Send | Settle) or facts.edited is None or facts.known is None:
        return
    gone = {problem.field for problem in action.told} | (set(action.record) if isinstance(action, Send) else set())
    for name in facts.edited:
        assert name in gone or same(facts.known.get(name), facts.record.get(name)), name
