"""Submitting an opportunity to AWS: the task, the plain call, and what both ask of the record."""

from __future__ import annotations

from connector.sandbox.partner_central.catalog import Account, Catalog
from connector.sandbox.partner_central.engagements import invite_aws
from connector.sandbox.partner_central.errors import ValidationError, refuse
from connector.sandbox.partner_central.opportunities import digest_of, draft_of
from connector.sandbox.partner_central.records import Fields, Opportunity, Task
from connector.sandbox.partner_central.reviews import enter_review
from connector.sandbox.partner_central.rules import Draft, check_postal_format, check_values
from connector.sandbox.partner_central.tasks import new_task, show_task
from connector.sandbox.partner_central.values import NO_SUPPORT

OPERATION = "StartEngagementFromOpportunityTask"
NOT_SUBMITTABLE = "You cannot perform Submit action"


def start_task(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Start the submission task; the same token and body show the same task again."""
    digest = digest_of(request)
    known = catalog.replay(OPERATION, request["ClientToken"], digest)
    if known is not None:
        return show_task(catalog.tasks[known["TaskId"]], polled=True)
    opportunity = catalog.visible(request["Identifier"])
    involvement, visibility = _wishes(opportunity, request["AwsSubmission"])
    task = new_task(account, catalog, OPERATION, {"OpportunityId": opportunity.id})
    _run(account, catalog, opportunity, task, involvement, visibility)
    catalog.remember(OPERATION, request["ClientToken"], digest, {"TaskId": task.id})
    return show_task(task)


def submit(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Submit without an engagement (SubmitOpportunity)."""
    opportunity = catalog.visible(request["Identifier"])
    involvement, visibility = _wishes(opportunity, request)
    if opportunity.review_status != "Pending Submission":
        raise refuse("ACTION_NOT_PERMITTED", "lifeCycle.reviewStatus", NOT_SUBMITTABLE)
    check_submission(account, catalog, opportunity, involvement)
    _accept(account, catalog, opportunity, involvement, visibility)
    return {}


def _wishes(opportunity: Opportunity, submission: Fields) -> tuple[str, str]:
    involvement, visibility = submission["InvolvementType"], submission.get("Visibility") or "Full"
    if involvement == "Co-Sell" and visibility == "Limited":
        raise refuse(
            "INVALID_VALUE", "awsSubmission.visibility", "Cannot set visibility to limited on a Co-Sell opportunity"
        )
    if visibility == "Limited" and opportunity.fields.get("NationalSecurity") == "Yes":
        raise refuse(
            "INVALID_VALUE", "awsSubmission.visibility", "Visibility must be Full when NationalSecurity is Yes"
        )
    return involvement, visibility


def _run(
    account: Account, catalog: Catalog, opportunity: Opportunity, task: Task, involvement: str, visibility: str
) -> None:
    if opportunity.review_status != "Pending Submission":
        task.failure = ("OpportunitySubmissionFailed", f"ACTION_NOT_PERMITTED: {NOT_SUBMITTABLE}")
        return
    try:
        check_submission(account, catalog, opportunity, involvement)
    except ValidationError as error:
        task.failure = ("OpportunityValidationFailed", str(error))
        return
    _accept(account, catalog, opportunity, involvement, visibility)
    engagement, invitation = invite_aws(account, catalog, opportunity)
    task.results = {
        "EngagementId": engagement.id,
        "EngagementInvitationId": invitation.arn,
        "ResourceSnapshotJobId": catalog.new_id("job-", 13),
    }


def _accept(account: Account, catalog: Catalog, opportunity: Opportunity, involvement: str, visibility: str) -> None:
    with catalog.changing(opportunity, account.clock.now()):
        fields = opportunity.fields
        if involvement == "For Visibility Only" and fields.get("NationalSecurity") != "Yes":
            fields.setdefault("PrimaryNeedsFromAws", [NO_SUPPORT])
        opportunity.fields = fields
        opportunity.involvement = involvement
        opportunity.visibility = visibility if account.settings.limited_visibility else "Full"
        enter_review(account, opportunity)


def check_submission(account: Account, catalog: Catalog, opportunity: Opportunity, involvement: str) -> None:
    """Check everything that a submission asks of the record.

    Raises:
        ValidationError: with all that is missing or wrong.
    """
    fields = opportunity.fields
    draft = draft_of(account, catalog, fields, opportunity, fields)
    check_values(draft)
    check_postal_format(draft)
    draft.require("Project.CustomerUseCase", " for opportunity submission")
    draft.require("Project.DeliveryModels", " for opportunity submission")
    if not opportunity.has_solution and not draft.get("Project.OtherSolutionDescription"):
        draft.require("RelatedEntityIdentifiers.Solutions", " for opportunity submission")
    _check_involvement(draft, involvement)
    if draft.errors:
        raise ValidationError(draft.errors)


def _check_involvement(draft: Draft, involvement: str) -> None:
    needs = draft.fields.get("PrimaryNeedsFromAws") or []
    if involvement == "Co-Sell":
        draft.require("PrimaryNeedsFromAws", " for opportunity submission")
        draft.require("Project.SalesActivities", " for opportunity submission")
        wrong = NO_SUPPORT if NO_SUPPORT in needs else ""
    else:
        wrong = "Co-Sell" if any(need != NO_SUPPORT for need in needs) else ""
    if wrong:
        message = f"Cannot submit opportunity with InvolvementType {involvement} when PrimaryNeedsFromAws Is {wrong}"
        draft.fail("ACTION_NOT_PERMITTED", "PrimaryNeedsFromAws", message)
