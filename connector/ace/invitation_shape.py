"""What AWS shows of a referral before it is accepted: the answer of GetEngagementInvitation as a canonical record.

An invitation names some of an opportunity's fields otherwise, and tells nothing of the customer's people. It is first
brought into the form of GetOpportunity, in which people meet, and correct, whatever AWS sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connector.ace import api_shape, paths
from connector.ace.catalogue import opportunity_fields
from connector.ace.paths import Json
from connector.ace.record import Value
from connector.ace.text import UnreadableValueError, from_api, unescaped
from connector.ace.values import match_value

OPPORTUNITY_INVITATION = "OpportunityInvitation"
PENDING, ACCEPTED, REJECTED, EXPIRED = "PENDING", "ACCEPTED", "REJECTED", "EXPIRED"
AWS_ACCOUNT = "aws"
"""The account that AWS itself has as sender or receiver of an invitation."""
ACCEPT_BY, STATUS, ARN, OWNERSHIP = (
    "acceptBy",
    "partnerAcceptanceStatus",
    "engagementInvitation.arn",
    "opportunityOwnership",
)
REASON = "rejectionReason"
FIRST_STAGE = "Prospect"
"""The stage of every AWS referral until its partner moves it; an invitation does not repeat it."""

_MASK = "accept to view"
_MOVED = (
    ("Customer.CompanyName", "Customer.Account.CompanyName"),
    ("Customer.WebsiteUrl", "Customer.Account.WebsiteUrl"),
    ("Customer.Industry", "Customer.Account.Industry"),
    ("Customer.CountryCode", "Customer.Account.Address.CountryCode"),
    ("Project.Title", "Project.Title"),
    ("Project.BusinessProblem", "Project.CustomerBusinessProblem"),
    ("Project.ExpectedCustomerSpend", "Project.ExpectedCustomerSpend"),
    ("Project.TargetCompletionDate", "LifeCycle.TargetCloseDate"),
)
"""Where a member of the invitation's payload stands in an opportunity."""
_DECIDED = {ACCEPTED: "Accepted", REJECTED: "Rejected", EXPIRED: "Rejected"}
"""AWS's data model takes a referral that lapsed for rejected, and has no word for one that waits."""
_NOT_AN_API_REASON = {"Renewal opportunity": "Other"}
"""Reasons of the ACE bucket's list that the API lacks."""


def short_id(identifier: str) -> str:
    """Return the id of an invitation that may be named by its ARN."""
    return identifier.rpartition("/")[2]


def is_invitation_id(text: str) -> bool:
    """Whether the text has the form of an invitation's id."""
    return text.startswith("engi-")


def is_referral(answer: Mapping[str, Any]) -> bool:
    """Whether the invitation offers an opportunity to us, as far as it tells: a lead is no referral, and what AWS
    itself received is a submission of ours.
    """
    receiver = paths.get(answer, "Receiver.Account.AwsAccountId")
    payload = answer.get("Payload")
    other = isinstance(payload, Mapping) and payload and OPPORTUNITY_INVITATION not in payload
    return answer.get("PayloadType") == OPPORTUNITY_INVITATION and receiver != AWS_ACCOUNT and not other


def is_from_aws(answer: Mapping[str, Any]) -> bool:
    """Whether AWS sent the invitation, and no other partner."""
    return str(answer.get("SenderAwsAccountId") or "").casefold() == AWS_ACCOUNT


def status_of(answer: Mapping[str, Any]) -> str:
    """Return the invitation's status in AWS's spelling, PENDING where AWS names none."""
    return str(answer.get("Status") or PENDING).upper()


def expiry_of(answer: Mapping[str, Any]) -> datetime | None:
    """Return until when the invitation may be answered, None where it names no end."""
    return _moment(answer.get("ExpirationDate"))


def invited_at(answer: Mapping[str, Any]) -> datetime | None:
    """Return when the invitation was sent."""
    return _moment(answer.get("InvitationDate"))


def as_opportunity(answer: Mapping[str, Any]) -> Json:
    """Return the invitation in the form of GetOpportunity: with its own id, and with the members that it shows."""
    shown = unescaped((answer.get("Payload") or {}).get(OPPORTUNITY_INVITATION) or {})
    opportunity: Json = {"Id": answer.get("Id")}
    for source, target in _MOVED:
        paths.put(opportunity, target, paths.get(shown, source))
    invitation = {
        name: answer[name] for name in ("Arn", "Status", "InvitationDate", "ExpirationDate") if name in answer
    }
    return {**opportunity, "Invitation": invitation}


def from_invitation(answer: Mapping[str, Any]) -> dict[str, Value]:
    """Return what the invitation tells as a canonical record. What it cannot tell has no key; what it could tell and
    does not is None. Masked values are left out. Unknown members do no harm.
    """
    opportunity = as_opportunity(answer)
    told = {name for name, field in opportunity_fields().items() if field.get_path and _is_told(field.get_path)}
    record = {name: value for name, value in api_shape.from_get(opportunity).items() if name in told}
    record |= {"stage": FIRST_STAGE, **_senders(answer), **_invitation(answer)}
    return {name: value for name, value in record.items() if not _is_masked(value)}


def rejection_reason(text: str) -> str | None:
    """Return the reason as the API takes it, or None for one that AWS does not know."""
    matched = match_value(REASON, text.strip())
    return matched and _NOT_AN_API_REASON.get(matched, matched)


def rejection_reasons() -> tuple[str, ...]:
    """Return the reasons that AWS takes, in its order."""
    return tuple(value for value in opportunity_fields()[REASON].values if value not in _NOT_AN_API_REASON)


def _is_told(path: str) -> bool:
    return any(path == target or path.startswith(f"{target}[") for _, target in _MOVED)


def _invitation(answer: Mapping[str, Any]) -> dict[str, Value]:
    arn = answer.get("Arn")
    record: dict[str, Value] = {
        ACCEPT_BY: expiry_of(answer),
        STATUS: _DECIDED.get(status_of(answer)),
        ARN: str(arn) if arn else None,
    }
    # Whose opportunity another partner passes on, AWS's summary tells once it is accepted.
    return record | ({OWNERSHIP: "AWS Referral"} if is_from_aws(answer) else {})


def _senders(answer: Mapping[str, Any]) -> dict[str, Value]:
    """Return the people of AWS's team whom the invitation names, where their title is one of the team's."""
    if not is_from_aws(answer):
        return {}
    people = paths.get(answer, f"Payload.{OPPORTUNITY_INVITATION}.SenderContacts") or []
    team = api_shape.from_summary({"OpportunityTeam": people})
    fields = opportunity_fields()
    return {
        name: value
        for name, value in team.items()
        if value is not None and fields[name].summary_path.startswith("OpportunityTeam[")
    }


def _is_masked(value: Value) -> bool:
    return isinstance(value, str) and value.strip().lower() == _MASK


def _moment(text: Any) -> datetime | None:
    try:
        value = from_api(opportunity_fields()[ACCEPT_BY], text)
    except UnreadableValueError:
        return None
    return value.astimezone(UTC) if isinstance(value, datetime) else None
