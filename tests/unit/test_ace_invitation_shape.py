"""What an invitation tells becomes a canonical record: under AWS's names, without what it hides."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ace.catalogue import opportunity_fields
from connector.ace.invitation_shape import (
    as_opportunity,
    expiry_of,
    from_invitation,
    is_referral,
    rejection_reason,
    rejection_reasons,
    short_id,
    status_of,
)

ARN = "arn:aws:partnercentral:us-east-1::catalog/AWS/engagement-invitation/engi-0000000000001"
INVITATION: dict[str, Any] = {
    "Id": "engi-0000000000001",
    "Arn": ARN,
    "Catalog": "AWS",
    "PayloadType": "OpportunityInvitation",
    "Status": "PENDING",
    "InvitationDate": "2026-03-01T10:00:00.123456789Z",
    "ExpirationDate": "2026-03-16T10:00:00.123456789Z",
    "SenderAwsAccountId": "aws",
    "SenderCompanyName": "AWS",
    "Receiver": {"Account": {"AwsAccountId": "111122223333"}},
    "Payload": {
        "OpportunityInvitation": {
            "SenderContacts": [
                {"Email": "noa.berg@aws.example.com", "FirstName": "Noa", "LastName": "Berg", "BusinessTitle": "PDM"}
            ],
            "ReceiverResponsibilities": ["Software Partner"],
            "Customer": {
                "CompanyName": "Polaris &amp; Sons",
                "CountryCode": "NO",
                "Industry": "Retail",
                "WebsiteUrl": "polaris.example",
            },
            "Project": {
                "Title": "Route planning",
                "BusinessProblem": "Trucks drive empty on every second way back.",
                "TargetCompletionDate": "2026-09-30",
                "ExpectedCustomerSpend": [
                    {"Amount": "1200.50", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}
                ],
            },
        }
    },
}
PATHS = [
    ("Status",), ("ExpirationDate",), ("InvitationDate",), ("Arn",), ("Receiver",), ("Payload",),
    ("SenderAwsAccountId",),
    ("Payload", "OpportunityInvitation"), ("Payload", "OpportunityInvitation", "SenderContacts"),
    ("Payload", "OpportunityInvitation", "Customer"), ("Payload", "OpportunityInvitation", "Project"),
    ("Payload", "OpportunityInvitation", "Customer", "WebsiteUrl"),
    ("Payload", "OpportunityInvitation", "Project", "ExpectedCustomerSpend"),
    ("Payload", "OpportunityInvitation", "Project", "TargetCompletionDate"),
]  # fmt: skip


def changed(path: tuple[str, ...], value: Any = None) -> dict[str, Any]:
    """Return the invitation with one member set, or taken away."""
    answer = deepcopy(INVITATION)
    above = answer
    for name in path[:-1]:
        above = above[name]
    if value is None:
        above.pop(path[-1], None)
    else:
        above[path[-1]] = value
    return answer


def test_what_is_told_stands_under_the_names_of_ace() -> None:
    record = from_invitation(INVITATION)
    assert record["customerCompanyName"] == "Polaris & Sons"
    assert (record["country"], record["industry"], record["customerWebsite"]) == ("NO", "Retail", "polaris.example")
    assert record["partnerProjectTitle"] == "Route planning"
    assert record["projectDescription"] == "Trucks drive empty on every second way back."
    assert record["targetCloseDate"] == date(2026, 9, 30)
    assert record["expectedMonthlyAwsRevenue"] == Decimal("1200.50")
    assert record["project.expectedCustomerSpend.currencyCode"] == "USD"
    assert record["acceptBy"] == datetime(2026, 3, 16, 10, 0, 0, 123456, UTC)
    assert (record["engagementInvitation.arn"], record["opportunityOwnership"]) == (ARN, "AWS Referral")
    assert (record["stage"], record["partnerAcceptanceStatus"]) == ("Prospect", None)
    assert record["partnerDeveloperManager"] == "Noa Berg"
    assert record["partnerDeveloperManagerEmail"] == "noa.berg@aws.example.com"


def test_what_it_cannot_tell_has_no_key() -> None:
    """A missing key leaves a field alone; None would clear it."""
    record = from_invitation(INVITATION)
    personal = {name for name, field in opportunity_fields().items() if field.personal and name.startswith("customer")}
    untold = {"city", "postalCode", "streetAddress", "state", "nextStep", "useCase", "visibility", "status"}
    assert personal and not (personal | untold) & set(record)


@pytest.mark.parametrize("mask", ["Accept to View", "Accept To View", " accept to view "])
def test_a_masked_value_is_none_at_all(mask: str) -> None:
    path = ("Payload", "OpportunityInvitation", "Customer", "CompanyName")
    assert "customerCompanyName" not in from_invitation(changed(path, mask))


@given(
    st.sets(st.sampled_from(PATHS)), st.dictionaries(st.text(min_size=1), st.text() | st.none() | st.lists(st.text()))
)
def test_missing_and_unknown_members_do_no_harm(missing: set[tuple[str, ...]], extra: dict[str, Any]) -> None:
    """Whatever is left out or new, what remains is told, and nothing is made up for the rest."""
    answer = deepcopy(INVITATION)
    for path in sorted(missing, key=len, reverse=True):
        above: Any = answer
        for name in path[:-1]:
            above = above.get(name, {})
        above.pop(path[-1], None)
    unknown = {f"New{name}": value for name, value in extra.items()}
    record, before = from_invitation({**answer, **unknown}), from_invitation(INVITATION)
    assert {name: value for name, value in record.items() if value is not None}.items() <= before.items() | {
        ("partnerAcceptanceStatus", None)
    }
    assert set(record) <= set(before)


def test_an_end_that_is_not_named_or_not_readable_is_none() -> None:
    assert expiry_of(changed(("ExpirationDate",))) is None
    assert expiry_of(changed(("ExpirationDate",), "soon")) is None
    assert status_of(changed(("Status",))) == "PENDING"


@pytest.mark.parametrize(
    ("status", "shown"),
    [("PENDING", None), ("ACCEPTED", "Accepted"), ("REJECTED", "Rejected"), ("EXPIRED", "Rejected")],
)
def test_a_referral_that_lapsed_shows_as_rejected(status: str, shown: str | None) -> None:
    assert from_invitation(changed(("Status",), status))["partnerAcceptanceStatus"] == shown


def test_only_an_opportunity_that_is_offered_to_us_is_a_referral() -> None:
    assert is_referral(INVITATION)
    assert is_referral(changed(("SenderAwsAccountId",), "444455556666"))
    assert not is_referral(changed(("PayloadType",), "LeadInvitation"))
    assert not is_referral(changed(("Receiver",), {"Account": {"AwsAccountId": "aws"}}))
    assert not is_referral(changed(("Payload",), {"LeadInvitation": {}}))


def test_another_partners_referral_is_not_called_awss() -> None:
    """Whose it is, AWS's summary tells after acceptance; the sender's people are not AWS's team."""
    record = from_invitation(changed(("SenderAwsAccountId",), "444455556666"))
    assert "opportunityOwnership" not in record
    assert "partnerDeveloperManager" not in record


def test_people_meet_it_in_the_form_of_an_opportunity() -> None:
    shown = as_opportunity(INVITATION)
    assert (shown["Id"], shown["Invitation"]["Arn"]) == ("engi-0000000000001", ARN)
    assert shown["Customer"]["Account"]["Address"]["CountryCode"] == "NO"
    assert shown["LifeCycle"]["TargetCloseDate"] == "2026-09-30"


def test_reasons_are_those_of_the_api() -> None:
    assert rejection_reasons() == (
        "Customer problem unclear", "Next steps unclear", "Unable to support", "Duplicate of partner referral", "Other",
    )  # fmt: skip
    assert rejection_reason("Duplicate of Partner Referral") == "Duplicate of partner referral"
    assert rejection_reason("Renewal opportunity") == "Other"
    assert rejection_reason("Because") is None


def test_an_arn_names_the_invitation_at_its_end() -> None:
    assert short_id(ARN) == short_id("engi-0000000000001") == "engi-0000000000001"
