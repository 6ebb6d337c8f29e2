"""What the package makes of requests and of copied opportunities, on an org that runs its rules and flows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from metadata_source import PROJECT

from connector.names import ACE_OPPORTUNITY, ACTION_REQUEST, PACKAGED
from connector.sandbox.clock import SandboxClock
from connector.sandbox.salesforce.faults import RowErrors
from connector.sandbox.salesforce.org import Org

DECISION, REASON = "Partner_Acceptance_Status__c", "Rejection_Reason__c"
STANDARD = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2027-01-01"}
COPIED = {
    "Name": "Deal", PACKAGED.apn_id: "O1111111", PACKAGED.invitation_id: "engi-0123456789abc",
    PACKAGED.last_sync_date: "2026-11-01T00:00:00Z", PACKAGED.sync_with_aws: True, "Next_Step__c": "Call",
}  # fmt: skip


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    org = Org(PROJECT, SandboxClock(), directory=tmp_path_factory.mktemp("org"))
    yield org
    org.storage.connection.close()


def deal(org: Org, origin: str | None) -> dict[str, str]:
    """Return the lookup to a new opportunity of that origin."""
    (made,) = org.insert(ACE_OPPORTUNITY, [{"Name": "Deal", "Opportunity_Ownership__c": origin}])
    return {ACE_OPPORTUNITY: made}


def standard_deal(org: Org, invitation: str | None) -> dict[str, str]:
    """Return the lookup to a new standard opportunity, with the invitation that it came from."""
    row = STANDARD | {PACKAGED.invitation_id: invitation}
    (made,) = org.insert("Opportunity", [row], user_id=org.user("integration"))
    return {"Opportunity__c": made}


def ask(org: Org, action: str, target: dict[str, str], **parameters: Any) -> str:
    return org.insert(ACTION_REQUEST, [{"Action__c": action, **target, **parameters}])[0]


@pytest.mark.parametrize("decision", [{DECISION: "Accepted"}, {DECISION: "Rejected", REASON: "Other"}], ids=str)
def test_a_referral_can_be_accepted_and_rejected(org: Org, decision: dict[str, str]) -> None:
    assert ask(org, "Approval Status", deal(org, "AWS Referral"), **decision)
    assert ask(org, "Approval Status", standard_deal(org, f"engi-{decision[DECISION]}"), **decision)


@pytest.mark.parametrize(
    ("decision", "told"),
    [({}, "Choose Accepted or Rejected"), ({DECISION: "Rejected"}, "Choose a rejection reason")],
    ids=str,
)
def test_a_decision_is_complete(org: Org, decision: dict[str, str], told: str) -> None:
    with pytest.raises(RowErrors, match=told):
        ask(org, "Approval Status", deal(org, "AWS Referral"), **decision)


@pytest.mark.parametrize(
    ("action", "parameters"),
    [("Approval Status", {DECISION: "Accepted"}), ("Accept", {}), ("Reject", {REASON: "Other"})],
)
@pytest.mark.requirement("PCAPI-12")
def test_a_partner_referral_has_nothing_to_accept(org: Org, action: str, parameters: dict[str, str]) -> None:
    for target in (deal(org, "Partner Referral"), standard_deal(org, None)):
        with pytest.raises(RowErrors, match="This one is a partner referral"):
            ask(org, action, target, **parameters)


@pytest.mark.requirement("OUT-25")
def test_an_aws_referral_is_not_sent(org: Org) -> None:
    for target in (deal(org, "AWS Referral"), standard_deal(org, "engi-send")):
        with pytest.raises(RowErrors, match="Send to AWS is for partner referrals"):
            ask(org, "Send", target)


@pytest.mark.parametrize("origin", ["Partner Referral", None], ids=str)
def test_a_partner_referral_is_sent(org: Org, origin: str | None) -> None:
    assert ask(org, "Send", deal(org, origin))
    assert ask(org, "Send", standard_deal(org, None))


@pytest.mark.parametrize("action", ["Refresh Solutions", "Refresh Products", "Deactivate Schedules"])
def test_some_requests_are_about_no_record(org: Org, action: str) -> None:
    assert ask(org, action, {})


def test_a_request_is_about_one_record(org: Org) -> None:
    with pytest.raises(RowErrors, match="about one record"):
        ask(org, "Share", deal(org, None) | standard_deal(org, None))


def test_a_private_offer_to_link_is_chosen(org: Org) -> None:
    with pytest.raises(RowErrors, match="Choose the private offer"):
        ask(org, "Link Private Offer", deal(org, None))


def stored(org: Org, row: dict[str, Any], role: str) -> dict[str, Any]:
    """Return the fields of an opportunity that the user creates, as they are stored."""
    (made,) = org.insert(ACE_OPPORTUNITY, [row], user_id=org.user(role))
    (found,) = org.rows(f"SELECT {', '.join(COPIED)} FROM {ACE_OPPORTUNITY} WHERE Id = '{made}'")
    return {name: found[name] for name in COPIED}


@pytest.mark.parametrize("role", ["seller", "admin"])
@pytest.mark.parametrize("tie", [PACKAGED.apn_id, PACKAGED.invitation_id, PACKAGED.last_sync_date])
def test_a_copy_starts_anew(org: Org, role: str, tie: str) -> None:
    """Any one of what ties the original to AWS shows that the record is a copy."""
    other = {PACKAGED.apn_id, PACKAGED.invitation_id, PACKAGED.last_sync_date} - {tie}
    found = stored(org, {name: value for name, value in COPIED.items() if name not in other}, role)
    blank: dict[str, Any] = dict.fromkeys((PACKAGED.apn_id, PACKAGED.invitation_id, PACKAGED.last_sync_date))
    assert found == {"Name": "Deal", **blank, PACKAGED.sync_with_aws: False, "Next_Step__c": "Call"}


def test_what_the_connector_creates_keeps_its_identifiers(org: Org) -> None:
    found = stored(org, COPIED, "integration")
    assert [found[name] for name in (PACKAGED.apn_id, PACKAGED.invitation_id)] == ["O1111111", "engi-0123456789abc"]
    assert found[PACKAGED.sync_with_aws] is True


def test_a_new_opportunity_keeps_its_flag(org: Org) -> None:
    assert stored(org, {"Name": "Deal", PACKAGED.sync_with_aws: True}, "seller")[PACKAGED.sync_with_aws] is True
