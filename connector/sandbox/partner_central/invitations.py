"""Invitations: listing and reading them, accepting and rejecting AWS's referrals."""

from __future__ import annotations

from connector.sandbox.partner_central.catalog import Account, Catalog, stamp
from connector.sandbox.partner_central.errors import ConflictError, not_found, refuse
from connector.sandbox.partner_central.events import note_created, note_invitation, note_updated
from connector.sandbox.partner_central.opportunities import digest_of
from connector.sandbox.partner_central.paging import page_of
from connector.sandbox.partner_central.records import Fields, Invitation
from connector.sandbox.partner_central.reviews import set_status
from connector.sandbox.partner_central.settings import ACCOUNT_ID
from connector.sandbox.partner_central.tasks import BY_ACCEPTING, new_task, show_task
from connector.sandbox.partner_central.values import REJECTION_REASONS
from connector.sandbox.partner_central.wire import format_nanoseconds
from connector.sandbox.story import PARTNER


def _find(catalog: Catalog, identifier: str) -> Invitation:
    invitation = catalog.invitations.get(identifier.rpartition("/")[2])
    if invitation is None:
        raise not_found(identifier)
    return invitation


def _head(account: Account, catalog: Catalog, invitation: Invitation) -> Fields:
    sent = invitation.participant == "SENDER"
    return {
        "Arn": invitation.arn,
        "PayloadType": "OpportunityInvitation",
        "Id": invitation.id,
        "EngagementId": invitation.engagement,
        "EngagementTitle": catalog.engagements[invitation.engagement].title,
        "Status": invitation.status(account.clock.now()),
        "InvitationDate": format_nanoseconds(invitation.created),
        "ExpirationDate": format_nanoseconds(invitation.expires),
        "SenderAwsAccountId": ACCOUNT_ID if sent else "aws",
        "SenderCompanyName": PARTNER if sent else "AWS",
        "Receiver": {"Account": {"AwsAccountId": "aws" if sent else ACCOUNT_ID, "Alias": None}},
        "Catalog": catalog.name,
    }


def list_invitations(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """List invitations that the account received or sent."""
    kinds, statuses = request.get("PayloadType"), request.get("Status")
    engagements = {each.rpartition("/")[2] for each in request.get("EngagementIdentifier") or ()}
    senders = request.get("SenderAwsAccountId")
    found = []
    for invitation in catalog.invitations.values():
        head = _head(account, catalog, invitation)
        if (
            invitation.participant == request["ParticipantType"]
            and (not kinds or head["PayloadType"] in kinds)
            and (not statuses or head["Status"] in statuses)
            and (not engagements or invitation.engagement in engagements)
            and (not senders or head["SenderAwsAccountId"] in senders)
        ):
            found.append({**head, "ParticipantType": invitation.participant})
    found.sort(key=lambda head: (head["InvitationDate"], head["Id"]))
    if (request.get("Sort") or {}).get("SortOrder") != "ASCENDING":
        found.reverse()
    return page_of("EngagementInvitationSummaries", found, request, default=20)


def get_invitation(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Return one invitation: who asks for what, and no personal data. A rejected one is out of reach."""
    invitation = _find(catalog, request["Identifier"])
    if invitation.participant == "RECEIVER" and invitation.decided == "REJECTED":
        raise not_found(request["Identifier"])
    return {
        **_head(account, catalog, invitation),
        "RejectionReason": invitation.rejection_reason or None,
        "Payload": {"OpportunityInvitation": invitation.payload} if invitation.payload else None,
        "InvitationMessage": invitation.message,
        "EngagementDescription": catalog.engagements[invitation.engagement].description,
        "ExistingMembers": [{"CompanyName": "AWS", "WebsiteUrl": "https://aws.amazon.com"}],
    }


def _undecided(account: Account, catalog: Catalog, identifier: str) -> Invitation:
    """Return the received invitation. Raises ConflictError when it was decided, ValidationError when it lapsed."""
    invitation = _find(catalog, identifier)
    status = invitation.status(account.clock.now())
    if invitation.participant != "RECEIVER":
        raise refuse("ACTION_NOT_PERMITTED", "identifier", "Only the receiver can decide an invitation.")
    if status == "EXPIRED":
        raise refuse("INVALID_RESOURCE_STATE", "identifier", f"Engagement invitation {invitation.id} has expired.")
    if status != "PENDING":
        raise ConflictError(f"Engagement invitation {invitation.id} is {status} already.")
    return invitation


def start_acceptance(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Accept a referral and bring its opportunity into the pipeline; the same token and body show the same task."""
    digest = digest_of(request)
    known = catalog.replay(BY_ACCEPTING, request["ClientToken"], digest)
    if known is not None:
        return show_task(catalog.tasks[known["TaskId"]], polled=True)
    invitation = _undecided(account, catalog, request["Identifier"])
    subject = {"OpportunityId": invitation.opportunity, "EngagementInvitationId": invitation.arn}
    task = new_task(account, catalog, BY_ACCEPTING, subject)
    task.results = {"ResourceSnapshotJobId": catalog.new_id("job-", 13)}
    accept(account, catalog, invitation)
    catalog.remember(BY_ACCEPTING, request["ClientToken"], digest, {"TaskId": task.id})
    return show_task(task)


def accept(account: Account, catalog: Catalog, invitation: Invitation) -> None:
    """Make the referred opportunity the partner's: approved at once, at the first stage."""
    invitation.decided = "ACCEPTED"
    opportunity = catalog.opportunities[invitation.opportunity]
    now = account.clock.now()
    with catalog.editing(opportunity):
        fields = opportunity.fields
        fields["LifeCycle"]["Stage"] = "Prospect"
        fields.pop("PartnerOpportunityIdentifier", None)
        opportunity.fields = fields
        opportunity.involvement, opportunity.visibility = "Co-Sell", "Full"
        set_status(account, opportunity, "Approved")
        opportunity.created = opportunity.modified = stamp(now)
        opportunity.accepted = True
    note_invitation(account.feed, invitation, "Accepted")
    note_created(account.feed, opportunity)
    note_updated(account.feed, catalog, opportunity)


def accept_only(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Join the engagement without making an opportunity (AcceptEngagementInvitation)."""
    invitation = _undecided(account, catalog, request["Identifier"])
    invitation.decided = "ACCEPTED"
    note_invitation(account.feed, invitation, "Accepted")
    return {}


def reject(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Turn a referral down, with one of the documented reasons."""
    invitation = _undecided(account, catalog, request["Identifier"])
    reason = request.get("RejectionReason")
    if not reason:
        raise refuse("REQUIRED_FIELD_MISSING", "rejectionReason", "Field RejectionReason is required.")
    if reason not in REJECTION_REASONS:
        message = f"RejectionReason must be one of: {', '.join(sorted(REJECTION_REASONS))}"
        raise refuse("INVALID_ENUM_VALUE", "rejectionReason", message)
    invitation.decided, invitation.rejection_reason = "REJECTED", reason
    note_invitation(account.feed, invitation, "Rejected")
    return {}
