"""The planner: from what both sides look like to the actions that bring AWS to what Salesforce says."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from ace_records import TODAY, sound_record

from connector.ace import api_shape
from connector.ace.record import Value
from connector.errors import Problem
from connector.sync.plan import (
    Associate,
    Await,
    Create,
    Disassociate,
    Hold,
    OutboundFacts,
    Reject,
    Settle,
    Submit,
    Update,
    association_changes,
    plan_outbound,
)

SOLUTION = ("S-0000001",)
TROUBLE = Problem("VALUE_NOT_MAPPED", "industry", "Trains", "No AWS value is mapped.", "Map it.")


def shared(status: str, **changes: Value) -> dict[str, Any]:
    """Return AWS's answer about an opportunity that was made from the sound record, with changes."""
    request = api_shape.to_create(sound_record(**changes), catalog="AWS", client_token="t")
    answer = api_shape.created_answer(request, {"Id": "O1", "LastModifiedDate": "2026-11-20T08:00:00.000000Z"})
    answer["LifeCycle"]["ReviewStatus"] = status
    answer["RelatedEntityIdentifiers"] = {"Solutions": list(SOLUTION)}
    answer.setdefault("Marketing", {"Source": "None"})
    answer["LifeCycle"].setdefault("Stage", "Qualified")
    return answer


def facts(base: dict[str, Any] | None = None, **changes: Value) -> OutboundFacts:
    record = sound_record(**{"solutionOffered": SOLUTION, **changes})
    return OutboundFacts(record, (), base, TODAY, "AWS", share_automatically=True, update_automatically=True)


def test_a_new_record_is_created() -> None:
    assert plan_outbound(facts()) == (Create(),)


def test_a_new_record_waits_for_a_request_where_sharing_is_not_automatic() -> None:
    waiting = replace(facts(), share_automatically=False)
    [action] = plan_outbound(waiting)
    assert isinstance(action, Await)
    assert action.problem.code == "PENDING_NOT_SHARED"
    assert plan_outbound(replace(waiting, requested=True)) == (Create(),)


def test_all_problems_of_a_new_record_are_told_at_once() -> None:
    broken = replace(facts(customerCompanyName=None, targetCloseDate=date(2020, 1, 1)), mapping_problems=(TROUBLE,))
    [action] = plan_outbound(broken)
    assert isinstance(action, Reject)
    assert {problem.field for problem in action.problems} >= {"industry", "customerCompanyName", "targetCloseDate"}


def test_a_share_goes_on_where_it_was_interrupted() -> None:
    """A draft of ours gets its solution, then its submission; what happened already is not planned again."""
    draft = shared("Pending Submission")
    draft["RelatedEntityIdentifiers"] = {}
    begun = replace(facts(draft), submitting=True)
    assert plan_outbound(begun) == (Associate("Solutions", "S-0000001"), Submit("Co-Sell", "Full"))
    assert plan_outbound(replace(begun, base=shared("Pending Submission"))) == (Submit("Co-Sell", "Full"),)


def test_a_draft_that_a_colleague_made_is_not_submitted_unasked() -> None:
    draft = facts(shared("Pending Submission"))
    assert plan_outbound(draft) == (Settle(),)
    assert plan_outbound(replace(draft, requested=True)) == (Submit("Co-Sell", "Full"),)


def test_nothing_is_sent_where_both_sides_agree() -> None:
    assert plan_outbound(facts(shared("Approved"))) == (Settle(),)


def test_an_edit_replaces_the_record_with_everything_that_is_not_ours() -> None:
    base = shared("Approved")
    base["Project"]["AdditionalComments"] = "A colleague's"
    update, end = plan_outbound(facts(base, nextStep="Call them"))
    assert isinstance(update, Update)
    assert update.changes == {"nextStep": (None, "Call them")}
    assert update.request["Project"]["AdditionalComments"] == "A colleague's"
    assert update.request["LastModifiedDate"] == base["LastModifiedDate"]
    assert end == Settle()


def test_an_edit_waits_for_a_request_where_updating_is_not_automatic() -> None:
    waiting = replace(facts(shared("Approved"), nextStep="Call them"), update_automatically=False)
    [action] = plan_outbound(waiting)
    assert isinstance(action, Await)
    assert isinstance(plan_outbound(replace(waiting, requested=True))[0], Update)


def test_an_edit_that_aws_locks_is_named_and_the_others_go() -> None:
    update, end = plan_outbound(facts(shared("Approved"), nextStep="Call them", partnerProjectTitle="Another title"))
    assert isinstance(update, Update)
    assert set(update.changes) == {"nextStep"}
    assert isinstance(end, Settle)
    assert [(problem.code, problem.field) for problem in end.locked] == [("FIELD_LOCKED", "partnerProjectTitle")]


@pytest.mark.parametrize("status", ["Submitted", "In review", "In Review"])
def test_an_edit_is_held_while_aws_reviews(status: str) -> None:
    [action] = plan_outbound(facts(shared(status), nextStep="Call them"))
    assert isinstance(action, Hold)
    assert action.problem.code == "HELD_IN_REVIEW"


def test_nothing_is_held_in_review_that_has_no_edit() -> None:
    assert plan_outbound(facts(shared("Submitted"))) == (Settle(),)


def test_a_value_that_cannot_be_translated_is_not_taken_for_no_edit_in_review() -> None:
    [action] = plan_outbound(replace(facts(shared("Submitted")), mapping_problems=(TROUBLE,)))
    assert isinstance(action, Hold)


def test_a_rejected_opportunity_takes_nothing_any_more() -> None:
    base = shared("Rejected")
    base["LifeCycle"]["ReviewComments"] = "Duplicate."
    [action] = plan_outbound(facts(base, nextStep="Call them"))
    assert isinstance(action, Reject)
    assert action.problems[0].code == "REJECTED_BY_AWS"
    assert "Duplicate." in action.problems[0].rule


def test_members_that_nobody_knows_stop_the_update_until_a_person_says_so() -> None:
    """Promise 5."""
    unknown = replace(facts(shared("Approved"), nextStep="Call them"), unknown_members=("Project.New",))
    [action] = plan_outbound(unknown)
    assert isinstance(action, Reject)
    assert action.problems[0].value == "Project.New"
    assert isinstance(plan_outbound(replace(unknown, requested=True))[0], Update)


def test_an_untranslatable_value_is_told_even_if_nothing_else_changed() -> None:
    [action] = plan_outbound(replace(facts(shared("Approved")), mapping_problems=(TROUBLE,)))
    assert action == Reject((TROUBLE,))


def test_an_update_is_not_refused_for_what_aws_itself_left_incomplete() -> None:
    base = shared("Approved")
    del base["Customer"]["Account"]["WebsiteUrl"]
    record = {name: value for name, value in facts().record.items() if name != "customerWebsite"}
    update, _ = plan_outbound(replace(facts(base), record={**record, "nextStep": "Call them"}))
    assert isinstance(update, Update)


def test_a_new_solution_is_there_before_the_old_one_goes() -> None:
    before = {"solutionOffered": ("S-0000001",), "awsProducts": None}
    record = {"solutionOffered": ("S-0000002",), "awsProducts": ("AmazonS3", "AmazonS3")}
    assert association_changes(record, before) == (
        (Associate("Solutions", "S-0000002"), Associate("AwsProducts", "AmazonS3")),
        (Disassociate("Solutions", "S-0000001"),),
    )


def test_where_aws_takes_no_more_the_old_one_goes_first() -> None:
    """One offer, twenty products and ten solutions are AWS's limits."""
    offer = association_changes({"offers": ("offer-2",)}, {"offers": ("offer-1",)})
    kind = "AwsMarketplaceOffers"
    assert offer == ((Disassociate(kind, "offer-1"), Associate(kind, "offer-2")), ())
    ten = tuple(f"S-{number:07d}" for number in range(10))
    early, late = association_changes(
        {"solutionOffered": ("S-0000010", "S-0000011", *ten[2:9])}, {"solutionOffered": ten}
    )
    assert early == (
        Disassociate("Solutions", ten[0]),
        Disassociate("Solutions", ten[1]),
        Associate("Solutions", "S-0000010"),
        Associate("Solutions", "S-0000011"),
    )
    assert late == (Disassociate("Solutions", ten[9]),)


def test_an_offer_makes_way_for_an_offer_set() -> None:
    """AWS lets an opportunity have one or the other."""
    sets = "relatedEntityIdentifiers.awsMarketplaceOfferSets"
    early, late = association_changes({"offers": None, sets: ("set-1",)}, {"offers": ("offer-1",), sets: None})
    assert early == (Disassociate("AwsMarketplaceOffers", "offer-1"), Associate("AwsMarketplaceOfferSets", "set-1"))
    assert late == ()


def test_what_an_update_needs_is_associated_before_it() -> None:
    """AWS takes the stage Committed only once a solution is there."""
    base = shared("Approved", otherSolutionOffered="Our own platform")
    base["RelatedEntityIdentifiers"] = {}
    associate, update, settle = plan_outbound(facts(base, stage="Committed"))
    assert associate == Associate("Solutions", "S-0000001")
    assert isinstance(update, Update) and isinstance(settle, Settle)


def test_what_the_reviewers_asked_for_is_there_before_they_get_the_record_back() -> None:
    """The update of a record that was sent back starts the next review, which locks it."""
    problem = "The lease of the data centre ends in March and all loads must move by then."
    wanted = facts(shared("Action Required"), projectDescription=problem, solutionOffered=("S-0000002",))
    *links, update, _ = plan_outbound(wanted)
    assert links == [Associate("Solutions", "S-0000002"), Disassociate("Solutions", "S-0000001")]
    assert isinstance(update, Update)


def test_an_edit_that_no_call_takes_to_aws_is_told() -> None:
    base = shared("Approved")
    view: dict[str, Value] = {"visibility": "Full", "involvementType": "Co-Sell"}
    wanted = replace(facts(base, visibility="Limited"), view=view)
    [settle] = plan_outbound(replace(wanted, edited=frozenset({"visibility"})))
    assert isinstance(settle, Settle)
    [problem] = settle.locked
    assert (problem.code, problem.field, problem.value) == ("FIELD_NOT_UPDATED", "visibility", "Limited")
    assert plan_outbound(wanted) == (Settle(),), "nobody edited it here"


def test_the_submission_says_what_the_whole_record_says() -> None:
    """A field that was handled in an earlier turn still goes out with the submission."""
    base = shared("Pending Submission", partnerPrimaryNeedFromAws=("Do Not Need Support from AWS Sales Rep",))
    wanted = replace(facts(base), record={"visibility": "Limited", "solutionOffered": SOLUTION}, requested=True)
    assert plan_outbound(wanted)[-1] == Submit("For Visibility Only", "Limited")


def test_associations_that_are_not_mapped_stay() -> None:
    assert association_changes({}, {"solutionOffered": ("S-0000001",)}) == ((), ())


def test_planning_changes_no_facts() -> None:
    base = shared("Approved")
    kept = deepcopy(base)
    plan_outbound(facts(base, nextStep="Call them"))
    assert base == kept
