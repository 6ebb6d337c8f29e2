"""Engagements and the invitations into them; the lists that show them."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from connector.sandbox.partner_central.catalog import Account, Catalog
from connector.sandbox.partner_central.errors import not_found
from connector.sandbox.partner_central.events import note_engagement, note_invitation
from connector.sandbox.partner_central.paging import page_of
from connector.sandbox.partner_central.records import Engagement, Fields, Invitation, Opportunity
from connector.sandbox.partner_central.settings import ACCOUNT_ID
from connector.sandbox.partner_central.wire import at, format_nanoseconds
from connector.sandbox.story import PARTNER

INVITATION_LIFE = timedelta(days=15)


def open_engagement(account: Account, catalog: Catalog, opportunity: Opportunity, created_by: str) -> Engagement:
    """Make the engagement of an opportunity."""
    now = account.clock.now()
    fields = opportunity.fields
    customer = fields["Customer"]["Account"]
    project = {
        "Customer": {
            "CompanyName": customer["CompanyName"],
            "CountryCode": at(customer, "Address.CountryCode"),
            "Industry": customer.get("Industry"),
            "WebsiteUrl": customer.get("WebsiteUrl"),
        },
        "Project": {
            "Title": fields["Project"]["Title"],
            "BusinessProblem": fields["Project"]["CustomerBusinessProblem"],
            "TargetCompletionDate": opportunity.close_date,
        },
    }
    engagement = Engagement(
        id=catalog.new_id("eng-", 14),
        catalog=catalog.name,
        opportunity=opportunity.id,
        title=fields["Project"]["Title"][:40],
        description=fields["Project"]["CustomerBusinessProblem"][:255],
        created_by=created_by,
        created=now,
        modified=now,
        project=project,
    )
    catalog.engagements[engagement.id] = engagement
    return engagement


def _invite(
    account: Account, catalog: Catalog, engagement: Engagement, participant: Literal["SENDER", "RECEIVER"], message: str
) -> Invitation:
    now = account.clock.now()
    invitation = Invitation(
        id=catalog.new_id("engi-", 13),
        catalog=catalog.name,
        participant=participant,
        engagement=engagement.id,
        opportunity=engagement.opportunity,
        created=now,
        expires=now + INVITATION_LIFE,
        message=message,
    )
    catalog.invitations[invitation.id] = invitation
    note_invitation(account.feed, invitation, "Created")
    return invitation


def invite_aws(account: Account, catalog: Catalog, opportunity: Opportunity) -> tuple[Engagement, Invitation]:
    """Open an engagement for the partner's own opportunity and invite AWS into it."""
    engagement = open_engagement(account, catalog, opportunity, ACCOUNT_ID)
    note_engagement(account.feed, engagement)
    invitation = _invite(account, catalog, engagement, "SENDER", "Please join this engagement.")
    catalog.sent[opportunity.id] = invitation.id
    return engagement, invitation


def invite_partner(account: Account, catalog: Catalog, opportunity: Opportunity) -> Invitation:
    """Offer an opportunity of AWS to the partner: nothing but the invitation is visible until it is accepted."""
    opportunity.accepted = False
    engagement = open_engagement(account, catalog, opportunity, "aws")
    invitation = _invite(account, catalog, engagement, "RECEIVER", "Would you like to work on this with us?")
    invitation.payload = _preview(opportunity)
    return invitation


def _preview(opportunity: Opportunity) -> Fields:
    """What an invitation tells before acceptance: no person, no street, no identifiers of the customer."""
    fields = opportunity.fields
    customer, project = fields["Customer"]["Account"], fields["Project"]
    return {
        "SenderContacts": [
            {"Email": "noa.berg@aws.example.com", "FirstName": "Noa", "LastName": "Berg", "BusinessTitle": "PDM"}
        ],
        "ReceiverResponsibilities": ["Software Partner"],
        "Customer": {
            "CompanyName": customer["CompanyName"],
            "CountryCode": at(customer, "Address.CountryCode"),
            "Industry": customer.get("Industry"),
            "WebsiteUrl": customer.get("WebsiteUrl"),
        },
        "Project": {
            "Title": project["Title"],
            "BusinessProblem": project["CustomerBusinessProblem"],
            "TargetCompletionDate": opportunity.close_date,
            "ExpectedCustomerSpend": project["ExpectedCustomerSpend"],
        },
    }


def arn_of(engagement: Engagement) -> str:
    """Return the engagement's ARN; its account is empty, as the service writes it."""
    return f"arn:aws:partnercentral:us-east-1::catalog/{engagement.catalog}/engagement/{engagement.id}"


def _head(engagement: Engagement) -> Fields:
    return {
        "Id": engagement.id,
        "Arn": arn_of(engagement),
        "Title": engagement.title,
        "CreatedAt": format_nanoseconds(engagement.created),
        "CreatedBy": engagement.created_by,
        "MemberCount": 2,
        "ModifiedAt": format_nanoseconds(engagement.modified),
        "ModifiedBy": engagement.created_by,
    }


def get_engagement(_account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Return one engagement with its customer project; an invitation of AWS must be accepted first."""
    engagement = catalog.engagements.get(request["Identifier"].rpartition("/")[2])
    if engagement is None or not catalog.opportunities[engagement.opportunity].accepted:
        raise not_found(request["Identifier"])
    context = {"Id": "1", "Type": "CustomerProject", "Payload": {"CustomerProject": engagement.project}}
    return {**_head(engagement), "Description": engagement.description, "Contexts": [context]}


def _shown(catalog: Catalog) -> list[Engagement]:
    engagements = (each for each in catalog.engagements.values() if catalog.opportunities[each.opportunity].accepted)
    return sorted(engagements, key=lambda each: (each.created, each.id))


def list_engagements(_account: Account, catalog: Catalog, request: Fields) -> Fields:
    """List engagements by creator, kind of context and id."""
    ids = {each.rpartition("/")[2] for each in request.get("EngagementIdentifier") or ()}
    creators, excluded = request.get("CreatedBy"), request.get("ExcludeCreatedBy") or ()
    kinds, excluded_kinds = request.get("ContextTypes"), request.get("ExcludeContextTypes") or ()
    found = [
        {**_head(each), "ContextTypes": ["CustomerProject"]}
        for each in _shown(catalog)
        if (not ids or each.id in ids)
        and (not creators or each.created_by in creators)
        and each.created_by not in excluded
        and (not kinds or "CustomerProject" in kinds)
        and "CustomerProject" not in excluded_kinds
    ]
    if (request.get("Sort") or {}).get("SortOrder") == "DESCENDING":
        found.reverse()
    return page_of("EngagementSummaryList", found, request, default=20)


def list_associations(_account: Account, catalog: Catalog, request: Fields) -> Fields:
    """List which opportunity belongs to which engagement."""
    found = [
        {
            "Catalog": catalog.name,
            "EngagementId": each.id,
            "ResourceType": "Opportunity",
            "ResourceId": each.opportunity,
            "CreatedBy": each.created_by,
        }
        for each in _shown(catalog)
        if request.get("EngagementIdentifier") in (None, each.id)
        and request.get("ResourceIdentifier") in (None, each.opportunity)
        and request.get("CreatedBy") in (None, each.created_by)
    ]
    return page_of("EngagementResourceAssociationSummaries", found, request, default=20)


def list_members(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """List the members of one engagement."""
    get_engagement(account, catalog, request)
    found = [
        {"CompanyName": PARTNER, "AccountId": ACCOUNT_ID, "WebsiteUrl": "https://partner.example.com"},
        {"CompanyName": "AWS", "AccountId": "aws", "WebsiteUrl": "https://aws.amazon.com"},
    ]
    return page_of("EngagementMemberList", found, request, default=5)
