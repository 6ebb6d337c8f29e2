"""Events as AWS puts them on the bus, one of each kind that the connector acts on, and some that it does not."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
ACCOUNT = "111122223333"
INVITATION = "engi-dansn8enotil9"
OPPORTUNITY = "O5465588"
CHANGE_SET = "76yesvf8y165pa4f98td2crtg"
OFFER = "offer-1234567890123"
PARTNER_CENTRAL, MARKETPLACE = "aws.partnercentral-selling", "aws.marketplacecatalog"


def envelope(source: str, kind: str, detail: Json, *resources: str) -> Json:
    """Return an event with everything that EventBridge adds."""
    return {
        "version": "0",
        "id": "c2c5f1d6-7f5a-4a83-9a43-0d2f3c1b7a55",
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": "2026-03-09T01:50:25Z",
        "region": "us-east-1",
        "resources": list(resources),
        "detail": detail,
    }


def opportunity_event(kind: str, identifier: str = OPPORTUNITY, catalog: str = "AWS") -> Json:
    """Return an event about an opportunity."""
    detail = {"schemaVersion": "1", "catalog": catalog, "opportunity": {"identifier": identifier}}
    return envelope(PARTNER_CENTRAL, kind, detail)


def invitation_event(kind: str, catalog: str = "AWS") -> Json:
    """Return an event about an engagement invitation."""
    arn = f"arn:aws:partnercentral:us-east-1::catalog/{catalog}/engagement-invitation/{INVITATION}"
    invitation = {
        "arn": arn, "id": INVITATION, "engagementId": "eng-xjn5vr10vyjm1t", "senderAccountId": "111111111111",
        "receiverAccountId": ACCOUNT, "senderCompanyName": "Example", "participantType": "RECEIVER",
        "expirationDate": "2031-03-08T01:50:25.685385312Z", "payloadType": "OpportunityInvitation",
    }  # fmt: skip
    detail = {"catalog": catalog, "schemaVersion": "1.0", "engagementInvitation": invitation}
    return envelope(PARTNER_CENTRAL, kind, detail, arn)


def change_set_event(kind: str, change_set: str = CHANGE_SET) -> Json:
    """Return the end of a change set."""
    detail = {
        "requestId": "3d4c9f9b-b809-4f5e-9fac-a9ae98b05cbb", "Catalog": "AWSMarketplace", "ChangeSetId": change_set,
        "ChangeSetName": "Create my product", "StartTime": "2026-02-27T13:45:22Z", "EndTime": "2026-02-27T14:55:22Z",
    }  # fmt: skip
    if kind.endswith("Failed"):
        detail["FailureCode"] = "CLIENT_ERROR"
    return envelope(
        MARKETPLACE, kind, detail, f"arn:aws:aws-marketplace:us-east-1:{ACCOUNT}:AWSMarketplace/ChangeSet/{change_set}"
    )


def offer_released_event() -> Json:
    """Return the manufacturer's copy of a released offer of a channel partner."""
    detail = {
        "requestId": "9d4c9f9b-b809-4f5e-9fac-a9ae98b05cbb", "catalog": "AWSMarketplace",
        "offer": {"id": OFFER, "name": "Offer Name", "expirationDate": "2027-08-26T00:00:00Z"},
        "product": {"id": "bbbbaaaa-abcd-1111-abcd-666666666666", "title": "Product Title"},
        "manufacturer": {"accountId": "123456789012", "name": "ISV"},
        "sellerOfRecord": {"accountId": "987654321098", "name": "CP"}, "targetedBuyerAccountIds": ["999988887777"],
    }  # fmt: skip
    return envelope(MARKETPLACE, "Offer Released", detail)


FIVE_KINDS = {
    "Opportunity Created": opportunity_event("Opportunity Created"),
    "Opportunity Updated": opportunity_event("Opportunity Updated"),
    "Engagement Invitation Created": invitation_event("Engagement Invitation Created"),
    "Engagement Invitation Accepted": invitation_event("Engagement Invitation Accepted"),
    "Engagement Invitation Rejected": invitation_event("Engagement Invitation Rejected"),
}
SNAPSHOT = envelope(
    PARTNER_CENTRAL,
    "Engagement Resource Snapshot Created",
    {
        "schemaVersion": "1",
        "catalog": "AWS",
        "resourceSnapshot": {
            "engagementId": "eng-t1mfgo4bsg73e0", "resourceId": OPPORTUNITY, "resourceType": "Opportunity",
            "createdBy": "111111111111",
        },
    },
)  # fmt: skip
CHANGE_SETS = {
    f"Change Set {end}": change_set_event(f"Change Set {end}") for end in ("Succeeded", "Failed", "Cancelled")
}
