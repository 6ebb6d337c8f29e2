"""Messages of EventBridge and SNS become events: identifiers only, garbage is told by one error."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ace import events
from connector.ace.events import Event, MalformedEvent, checked_entity, parse_message

UPDATED: dict[str, Any] = {
    "version": "0",
    "id": "c2c5a7b4-0000-4000-8000-000000000001",
    "detail-type": "Opportunity Updated",
    "source": "aws.partnercentral-selling",
    "account": "111111111111",
    "time": "2025-02-19T04:20:25Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {
        "schemaVersion": "1",
        "catalog": "Sandbox",
        "opportunity": {"identifier": "O5465588", "url": "https://partnercentral.example/O5465588"},
    },
}
INVITED: dict[str, Any] = {
    **UPDATED,
    "detail-type": "Engagement Invitation Created",
    "resources": ["arn:aws:partnercentral:us-east-1::catalog/Sandbox/engagement-invitation/engi-dansn8enotil9"],
    "detail": {
        "catalog": "Sandbox",
        "schemaVersion": "1.0",
        "engagementInvitation": {
            "arn": "arn:aws:partnercentral:us-east-1::catalog/Sandbox/engagement-invitation/engi-dansn8enotil9",
            "id": "engi-dansn8enotil9",
            "engagementId": "eng-xjn5vr10vyjm1t",
            "participantType": "Receiver",
            "payloadType": "LeadInvitation",
        },
    },
}
RELEASED: dict[str, Any] = {
    **UPDATED,
    "detail-type": "Offer Released",
    "source": "aws.marketplacecatalog",
    "detail": {
        "catalog": "AWSMarketplace",
        "offer": {"id": "offer-1234567890123", "name": "An offer"},
        "product": {"id": "bbbbaaaa-abcd-1111-abcd-666666666666"},
        "manufacturer": {"accountId": "123456789012"},
        "sellerOfRecord": {"accountId": "987654321098"},
    },
}
CHANGED: dict[str, Any] = {
    **UPDATED,
    "detail-type": "Change Set Failed",
    "source": "aws.marketplacecatalog",
    "detail": {"Catalog": "AWSMarketplace", "ChangeSetId": "76yesvf8y165pa4f98td2crtg", "FailureCode": "CLIENT_ERROR"},
}
SUBSCRIBED = {
    "action": "subscribe-success",
    "customer-identifier": "X01EXAMPLEX",
    "product-code": "n0123EXAMPLEXXXXXXXXXXXX",
    "offer-identifier": "offer-abcexample123",
}


def parsed(envelope: Any, message_id: str = "message-1") -> Event:
    return parse_message(json.dumps(envelope), message_id)


def test_the_sample_event_is_read_with_all_that_its_envelope_says() -> None:
    event = parsed(UPDATED)
    assert (event.id, event.kind, event.source) == (UPDATED["id"], "Opportunity Updated", "aws.partnercentral-selling")
    assert (event.account, event.catalog, event.entity_id) == ("111111111111", "Sandbox", "O5465588")
    assert event.about == events.OPPORTUNITY
    assert event.moment == datetime(2025, 2, 19, 4, 20, 25, tzinfo=UTC)


def test_unknown_members_change_nothing() -> None:
    more = {**UPDATED, "trace-header": {"x": [1]}, "detail": {**UPDATED["detail"], "actor": None, "diff": {"a": 1}}}
    assert parsed(more) == parsed(UPDATED)


def test_an_invitation_is_known_by_its_id_or_by_its_arn_alone() -> None:
    event = parsed(INVITED)
    assert (event.about, event.entity_id) == (events.INVITATION, "engi-dansn8enotil9")
    assert (event.participant, event.payload_type) == ("RECEIVER", "LeadInvitation")
    detail = {**INVITED["detail"], "engagementInvitation": {"arn": INVITED["resources"][0]}}
    assert parsed({**INVITED, "detail": detail}).entity_id == "engi-dansn8enotil9"


def test_marketplace_events_name_change_set_or_offer_with_its_parties() -> None:
    event = parsed(RELEASED)
    assert (event.about, event.entity_id, event.catalog) == (events.OFFER, "offer-1234567890123", "AWSMarketplace")
    assert (event.product_id, event.seller_account_id, event.manufacturer_account_id) == (
        "bbbbaaaa-abcd-1111-abcd-666666666666", "987654321098", "123456789012",
    )  # fmt: skip
    change = parsed(CHANGED)
    assert (change.about, change.entity_id) == (events.CHANGE_SET, "76yesvf8y165pa4f98td2crtg")


def test_a_buyers_message_is_read_in_snss_envelope_and_raw() -> None:
    wrapped = {"Type": "Notification", "MessageId": "sns-1", "TopicArn": "arn:…", "Message": json.dumps(SUBSCRIBED)}
    event = parsed(wrapped)
    assert (event.id, event.kind, event.about) == ("sns-1", "subscribe-success", events.BUYER)
    assert (event.entity_id, event.product_id) == ("offer-abcexample123", "n0123EXAMPLEXXXXXXXXXXXX")
    assert parsed(SUBSCRIBED, "message-7") == Event(**{**event.to_json(), "id": "message-7"})
    assert "X01EXAMPLEX" not in str(event.to_json()), "who bought is nobody's business here"


def test_an_envelope_inside_snss_is_the_same_event() -> None:
    wrapped = {"Type": "Notification", "MessageId": "sns-1", "Message": json.dumps(UPDATED)}
    assert parsed(wrapped) == parsed(UPDATED)


def test_an_unknown_kind_is_an_event_about_nothing() -> None:
    event = parsed({**UPDATED, "detail-type": "Engagement Lamented", "detail": {"catalog": "AWS"}})
    assert (event.about, event.entity_id) == ("", "")


def test_a_known_kind_of_another_source_is_about_nothing() -> None:
    """Anybody may put events on a bus; only AWS's own are acted on."""
    assert parsed({**UPDATED, "source": "com.example.shop"}).about == ""


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"id": None}, "id"),
        ({"id": "x" * 101}, "id"),
        ({"detail-type": ""}, "detail-type"),
        ({"source": 7}, "source"),
        ({"detail": "text"}, "detail"),
        ({"detail": {"catalog": "AWS"}}, "detail.opportunity.identifier"),
        ({"detail": {"opportunity": {"identifier": "Robert'); DROP"}}}, "O[0-9]"),
    ],
)
def test_what_an_event_lacks_is_named_and_never_quoted(change: dict[str, Any], named: str) -> None:
    with pytest.raises(MalformedEvent) as refused:
        parsed({**UPDATED, **change})
    assert named in str(refused.value)
    assert "DROP" not in str(refused.value)


@pytest.mark.parametrize("body", ["", "no json", "[]", "7", "null", "{}", '{"a": 1}', "[" * 100_000])
def test_what_is_no_event_is_refused_with_the_one_error(body: str) -> None:
    with pytest.raises(MalformedEvent):
        parse_message(body, "message-1")


def test_an_arn_in_a_row_is_cut_to_the_identifier() -> None:
    assert checked_entity(events.INVITATION, INVITED["resources"][0]) == "engi-dansn8enotil9"
    with pytest.raises(MalformedEvent):
        checked_entity(events.OPPORTUNITY, "006000000000001AAA")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
SAMPLES = st.sampled_from([UPDATED, INVITED, RELEASED, CHANGED, SUBSCRIBED])


@given(st.text())
def test_no_text_raises_anything_but_the_one_error(body: str) -> None:
    _try(body)


@given(JSON)
def test_no_json_raises_anything_but_the_one_error(value: Any) -> None:
    _try(json.dumps(value))


@given(SAMPLES, st.data())
def test_no_damage_to_a_sample_raises_anything_but_the_one_error(sample: dict[str, Any], data: st.DataObject) -> None:
    """Any member, at the top or in the detail, may be anything."""
    damaged = json.loads(json.dumps(sample))
    place = damaged["detail"] if "detail" in damaged and data.draw(st.booleans()) else damaged
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    _try(json.dumps(damaged))


@given(SAMPLES)
def test_what_is_kept_of_an_event_is_the_event(sample: dict[str, Any]) -> None:
    event = parsed(sample)
    assert Event(**event.to_json()) == event


def _try(body: str) -> None:
    try:
        event = parse_message(body, "message-1")
    except MalformedEvent as error:
        assert str(error)
        return
    assert 0 < len(event.id) <= events.MAX_ID
    assert all(isinstance(value, str) for value in event.to_json().values())
