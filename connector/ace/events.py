"""What AWS announces: the messages of EventBridge rules and of buyers' subscriptions, as one small record.

An event is a hint: it names what to look at and says nothing of how it looks. Only identifiers are taken from it;
unknown members and unknown kinds are no error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

PARTNER_CENTRAL = "aws.partnercentral-selling"
MARKETPLACE = "aws.marketplacecatalog"
BUYERS = "aws.sns"
"""Stands for buyers' subscription messages, which carry no source of their own."""

OPPORTUNITY, INVITATION, CHANGE_SET, OFFER, BUYER = "opportunity", "invitation", "change set", "offer", "buyer"
OPPORTUNITY_KINDS = frozenset(
    {"Opportunity Created", "Opportunity Updated", "Opportunity Accepted", "Opportunity Rejected"}
)
INVITATION_KINDS = frozenset(f"Engagement Invitation {end}" for end in ("Created", "Accepted", "Rejected", "Expired"))
CHANGE_SET_KINDS = frozenset(f"Change Set {end}" for end in ("Succeeded", "Failed", "Cancelled"))
OFFER_KINDS = frozenset({"Offer Released"})
BUYER_KINDS = frozenset(
    {"subscribe-success", "subscribe-fail", "unsubscribe-pending", "unsubscribe-success", "entitlement-updated"}
)
_ABOUT = {
    **dict.fromkeys(OPPORTUNITY_KINDS, OPPORTUNITY),
    **dict.fromkeys(INVITATION_KINDS, INVITATION),
    **dict.fromkeys(CHANGE_SET_KINDS, CHANGE_SET),
    **dict.fromkeys(OFFER_KINDS, OFFER),
    **dict.fromkeys(BUYER_KINDS, BUYER),
}
_SOURCES = {
    OPPORTUNITY: PARTNER_CENTRAL, INVITATION: PARTNER_CENTRAL, CHANGE_SET: MARKETPLACE, OFFER: MARKETPLACE,
    BUYER: BUYERS,
}  # fmt: skip
_IDENTIFIERS = {OPPORTUNITY: re.compile(r"O[0-9]{1,19}"), INVITATION: re.compile(r"engi-[0-9a-z]{1,40}")}
_PLACES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    OPPORTUNITY: (("opportunity", "identifier"),),
    INVITATION: (("engagementInvitation", "id"), ("engagementInvitation", "arn")),
    CHANGE_SET: (("ChangeSetId",), ("changeSetId",)),
    OFFER: (("offer", "id"),),
}
MAX_ID, MAX_KIND, MAX_TEXT = 100, 128, 255


class MalformedEvent(ValueError):
    """The message is no event that can be taken; the text names member and rule, never a value of the message."""


@dataclass(frozen=True, slots=True)
class Event:
    """One announcement.

    Attributes:
        id: identifier by which the same event is known again.
        kind: EventBridge's ``detail-type``, or a buyer's ``action``.
        source: EventBridge's ``source``; :data:`BUYERS` for buyers' messages, empty where nothing tells it.
        account: AWS account that it belongs to, empty when unknown.
        time: when it happened, ISO 8601 in UTC; empty when unknown.
        catalog: catalog of Partner Central or Marketplace, empty when unknown.
        entity_id: what it is about: opportunity, invitation, change set or offer; empty for kinds that are unknown.
        product_id, seller_account_id, manufacturer_account_id: of a released offer.
        participant: ``SENDER`` or ``RECEIVER`` for an invitation, upper case, empty when unknown.
        payload_type: what an invitation offers, such as ``OpportunityInvitation``; empty when unknown.
    """

    id: str
    kind: str
    source: str = ""
    account: str = ""
    time: str = ""
    catalog: str = ""
    entity_id: str = ""
    product_id: str = ""
    seller_account_id: str = ""
    manufacturer_account_id: str = ""
    participant: str = ""
    payload_type: str = ""

    @property
    def about(self) -> str:
        """What the event is about, one of this module's words; empty for a kind that is not known."""
        about = _ABOUT.get(self.kind, "")
        return about if self.source in ("", _SOURCES.get(about, "")) else ""

    @property
    def moment(self) -> datetime | None:
        """When it happened, aware, UTC; None when unknown."""
        return _moment(self.time)

    def to_json(self) -> dict[str, str]:
        """Return the members that say something."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name))}


def parse_message(body: str, message_id: str = "") -> Event:
    """Return the event of one queue message: an EventBridge envelope, or a buyer's message, each as it is or in SNS's
    envelope.

    Args:
        body: the message's text.
        message_id: identifier of a message whose text has none.

    Raises:
        MalformedEvent: it is neither, or lacks what its kind must name.
    """
    message = _object(body, "The message")
    if message.get("Type") == "Notification" and "Message" in message:
        message_id = _text(message, "MessageId") or message_id
        message = _object(message["Message"], "Member Message of the SNS notification")
    if "detail-type" in message or "detail" in message:
        return _from_envelope(message)
    if isinstance(message.get("action"), str):
        return _from_buyer(message, message_id)
    raise MalformedEvent("The message has neither detail-type (EventBridge) nor action (buyers' messages).")


def _from_envelope(envelope: Mapping[str, Any]) -> Event:
    detail = envelope.get("detail")
    if not isinstance(detail, dict):
        raise MalformedEvent("Member detail must be an object.")
    kind, source = _needed(envelope, "detail-type", MAX_KIND), _needed(envelope, "source", MAX_KIND)
    event = Event(
        id=_needed(envelope, "id", MAX_ID),
        kind=kind,
        source=source,
        account=_text(envelope, "account"),
        time=_time(_text(envelope, "time")),
        catalog=_text(detail, "catalog") or _text(detail, "Catalog"),
        product_id=_text(detail, "product", "id"),
        seller_account_id=_text(detail, "sellerOfRecord", "accountId"),
        manufacturer_account_id=_text(detail, "manufacturer", "accountId"),
        participant=_text(detail, "engagementInvitation", "participantType").upper(),
        payload_type=_text(detail, "engagementInvitation", "payloadType"),
    )
    return _with_entity(event, detail)


def _with_entity(event: Event, detail: Mapping[str, Any]) -> Event:
    places = _PLACES.get(event.about, ())
    entity = next((found for place in places if (found := _text(detail, *place))), "")
    if places and not entity:
        raise MalformedEvent(f"Member detail.{'.'.join(places[0])} is missing, or no text of up to {MAX_TEXT}.")
    values = {one.name: getattr(event, one.name) for one in fields(event)}
    return Event(**{**values, "entity_id": checked_entity(event.about, entity)})


def checked_entity(about: str, entity: str) -> str:
    """Return the identifier alone, of an ARN its last part.

    Raises:
        MalformedEvent: it is no identifier of what the event is about.
    """
    last = entity.rpartition("/")[2].strip() if about in _IDENTIFIERS else entity
    pattern = _IDENTIFIERS.get(about)
    if pattern is not None and not pattern.fullmatch(last):
        raise MalformedEvent(f"The identifier of the {about} must look like {pattern.pattern}.")
    return last


def _from_buyer(message: Mapping[str, Any], message_id: str) -> Event:
    if not 0 < len(message_id) <= MAX_ID:
        raise MalformedEvent(f"A buyer's message needs an identifier of 1 to {MAX_ID} characters.")
    return Event(
        id=message_id,
        kind=_needed(message, "action", MAX_KIND),
        source=BUYERS,
        entity_id=_text(message, "offer-identifier"),
        product_id=_text(message, "product-code"),
    )


def _object(text: Any, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        raise MalformedEvent(f"{what} is no JSON.") from None
    if not isinstance(value, dict):
        raise MalformedEvent(f"{what} must be a JSON object.")
    return value


def _needed(members: Mapping[str, Any], name: str, longest: int) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= longest or not value.isprintable():
        raise MalformedEvent(f"Member {name} must be a text of 1 to {longest} printable characters.")
    return value.strip()


def _text(members: Mapping[str, Any], *path: str) -> str:
    """Return the text at the path; empty where there is none, or one that no identifier can be: too long, or with
    characters that nothing can keep, such as half of a surrogate pair.
    """
    value: Any = members
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value.strip() if isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable() else ""


def _time(text: str) -> str:
    found = _moment(text)
    return "" if found is None else found.isoformat()


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return None if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
