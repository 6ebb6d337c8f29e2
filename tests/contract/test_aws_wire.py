"""What goes over the wire exactly, and what comes back whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from aws_scripted import KEY, OPPORTUNITY, SECRET, Answer, FakeTime, Server, creation, serve, update
from hypothesis import given
from hypothesis import strategies as st

from connector.aws.partner_central import PartnerCentralDoor
from connector.aws.session import PartnerCentralSettings
from connector.aws.wire import unescape, utc_text, without_none
from connector.errors import Retriable

DONE = {"Id": "O1234567", "LastModifiedDate": "2026-01-02T03:04:06.5Z"}


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as server:
        yield server
    assert server.violations == []


@pytest.fixture
def door(server: Server) -> PartnerCentralDoor:
    time = FakeTime()
    settings = PartnerCentralSettings(
        access_key_id=KEY, secret_access_key=SECRET, endpoint_url=server.url, catalog="Sandbox"
    )
    return PartnerCentralDoor(settings, now=time.now, monotonic=time.monotonic, sleep=time.sleep)


# --- requests


def test_a_creation_arrives_as_it_was_built(server: Server, door: PartnerCentralDoor) -> None:
    """Nothing is added to a complete request, nothing is taken away."""
    server.will(DONE)
    answer = door.create_opportunity(creation())
    assert server.requests[0].json == creation()
    assert answer == {"Id": "O1234567", "LastModifiedDate": "2026-01-02T03:04:06.500000Z"}


def test_none_is_left_out_everywhere(server: Server, door: PartnerCentralDoor) -> None:
    """Botocore refuses None; the service reads absence as empty."""
    server.will(DONE)
    request = update()
    request["NationalSecurity"] = None
    request["Customer"]["Account"]["Duns"] = None
    request["Customer"]["Contacts"][0]["Phone"] = None
    request["Customer"]["Contacts"].append(None)
    door.update_opportunity(request)
    assert server.requests[0].json == update()


def test_a_contract_duration_is_ended_by_an_explicit_null(server: Server, door: PartnerCentralDoor) -> None:
    """The only null that means something is sent, and the signature covers it."""
    server.will(DONE)
    request = update()
    request["Project"]["ExpectedContractDuration"] = None
    door.update_opportunity(request)
    body = server.requests[0].json
    assert body["Project"].pop("ExpectedContractDuration", "absent") is None
    assert body == update()


def test_a_duration_that_is_not_mentioned_stays_unmentioned(server: Server, door: PartnerCentralDoor) -> None:
    """Absence means unchanged there; the call before leaves no trace."""
    server.will(DONE, DONE)
    request = update()
    request["Project"]["ExpectedContractDuration"] = None
    door.update_opportunity(request)
    door.update_opportunity(update())
    assert "ExpectedContractDuration" not in server.requests[1].json["Project"]


def test_null_is_never_sent_on_create(server: Server, door: PartnerCentralDoor) -> None:
    """Only UpdateOpportunity knows an explicit null."""
    server.will(DONE)
    request = creation()
    request["Project"]["ExpectedContractDuration"] = None
    door.create_opportunity(request)
    assert server.requests[0].json == creation()


@pytest.mark.parametrize(
    "wire",
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.120Z",
        "2026-01-02T03:04:05.123456Z",
        "2026-01-02T03:04:05.123456789Z",
        "2026-01-02T03:04:05.000000001Z",
    ],
)
def test_the_lock_returns_to_the_service_unchanged(server: Server, door: PartnerCentralDoor, wire: str) -> None:
    """Whatever precision the service uses, its own value comes back to it."""
    server.will({**OPPORTUNITY, "LastModifiedDate": wire}, DONE)
    read = door.get_opportunity("O1234567")["LastModifiedDate"]
    door.update_opportunity({**update(), "LastModifiedDate": read})
    assert nanoseconds(server.requests[1].json["LastModifiedDate"]) == nanoseconds(wire)


def nanoseconds(text: str) -> tuple[str, str]:
    second, _, fraction = text.removesuffix("Z").partition(".")
    return second, fraction.ljust(9, "0")


def test_an_aware_datetime_serves_as_lock_in_any_zone(server: Server, door: PartnerCentralDoor) -> None:
    """A caller may hand in a datetime; it goes out in UTC."""
    server.will(DONE)
    moment = datetime(2026, 1, 2, 5, 4, 5, 123456, tzinfo=timezone(timedelta(hours=2)))
    door.update_opportunity({**update(), "LastModifiedDate": moment})
    assert server.requests[0].json["LastModifiedDate"] == "2026-01-02T03:04:05.123456Z"


# --- answers


def test_timestamps_come_as_text_in_utc(server: Server, door: PartnerCentralDoor) -> None:
    """At every depth, and whatever the zone of this machine."""
    history = [{"Value": "Call", "Time": "2026-01-02T05:04:05+02:00"}, {"Value": "Mail", "Time": 1767322800.25}]
    server.will({**OPPORTUNITY, "LifeCycle": {"NextStepsHistory": history}})
    answer = door.get_opportunity("O1234567")
    assert answer["CreatedDate"] == "2026-01-02T03:04:05.000000Z"
    assert [step["Time"] for step in answer["LifeCycle"]["NextStepsHistory"]] == [
        "2026-01-02T03:04:05.000000Z",
        "2026-01-02T03:00:00.250000Z",
    ]


def test_answers_are_plain_json(server: Server, door: PartnerCentralDoor) -> None:
    """They go to the state and to logs without further ado, and botocore's own member is gone."""
    server.will(OPPORTUNITY)
    answer = door.get_opportunity("O1234567")
    assert json.loads(json.dumps(answer)) == answer
    assert "ResponseMetadata" not in answer


def test_escaped_text_is_read_as_people_wrote_it(server: Server, door: PartnerCentralDoor) -> None:
    """The service escapes some texts once and some twice."""
    server.will(
        {
            **OPPORTUNITY,
            "Customer": {
                "Account": {"CompanyName": "Brook &amp; Sons", "WebsiteUrl": "https://a.b?x=1&region=eu&copy=2"}
            },
            "Project": {
                "CustomerUseCase": "Big Data&amp;colon; Data Warehouse",
                "Title": "R&amp;amp;D &lt;new&gt; &#39;25",
                "CompetitorName": "On-Prem",
            },
        }
    )
    answer = door.get_opportunity("O1234567")
    assert answer["Customer"]["Account"] == {
        "CompanyName": "Brook & Sons",
        "WebsiteUrl": "https://a.b?x=1&region=eu&copy=2",
    }
    assert answer["Project"] == {
        "CustomerUseCase": "Big Data: Data Warehouse",
        "Title": "R&D <new> '25",
        "CompetitorName": "On-Prem",
    }


def test_members_that_the_model_lacks_are_listed(server: Server, door: PartnerCentralDoor) -> None:
    """An update, which replaces the whole record, would clear them; so they are told, at every depth, once each."""
    server.will(
        {
            **OPPORTUNITY,
            "__type": "GetOpportunityResponse",
            "Sustainability": {"Score": 3},
            "Customer": {
                "Account": {"CompanyName": "Brook", "TaxNumber": "1"},
                "Contacts": [{"Email": "a@b.example", "Pronouns": "they"}, {"Pronouns": "she"}],
            },
            "Project": {"Nothing": None, "Empty": [], "Blank": ""},
        }
    )
    answer = door.get_opportunity("O1234567")
    assert answer["UnknownMembers"] == ["Customer.Account.TaxNumber", "Customer.Contacts[].Pronouns", "Sustainability"]
    assert answer["Customer"]["Account"] == {"CompanyName": "Brook"}


def test_the_summary_lists_them_too(server: Server, door: PartnerCentralDoor) -> None:
    """AWS's own view grows as well, also inside of maps and lists."""
    source = {
        "CurrencyCode": "USD",
        "Frequency": "Monthly",
        "TotalAmountByCategory": {"Compute": "5"},
        "AwsProducts": [{"ProductCode": "x", "Categories": [], "Optimizations": [], "Carbon": "1"}],
    }
    server.will(
        {"Catalog": "Sandbox", "Insights": {"AwsProductsSpendInsightsBySource": {"AWS": source}, "Mood": "good"}}
    )
    answer = door.get_aws_opportunity_summary("O1234567")
    assert server.requests[0].json == {"Catalog": "Sandbox", "RelatedOpportunityIdentifier": "O1234567"}
    assert answer["UnknownMembers"] == [
        "Insights.AwsProductsSpendInsightsBySource.AWS.AwsProducts[].Carbon",
        "Insights.Mood",
    ]


def test_an_answer_of_known_members_lists_none(server: Server, door: PartnerCentralDoor) -> None:
    """The key is there, so that nobody takes its absence for a check that was made."""
    server.will(OPPORTUNITY, {"Catalog": "Sandbox"})
    assert door.get_opportunity("O1234567")["UnknownMembers"] == []
    assert door.get_aws_opportunity_summary("O1234567")["UnknownMembers"] == []


@pytest.mark.parametrize(
    "receiver", [{}, {"Account": None}, {"Account": {"AwsAccountId": "1"}, "Person": {"Name": "x"}}]
)
def test_one_odd_invitation_spoils_no_page(server: Server, door: PartnerCentralDoor, receiver: dict[str, Any]) -> None:
    """Botocore gives up on the whole answer for one union without exactly one member."""
    good = {"Id": "engi-0000000000001", "Catalog": "Sandbox", "Receiver": {"Account": {"AwsAccountId": "123456789012"}}}
    odd = {"Id": "engi-0000000000002", "Catalog": "Sandbox", "Receiver": receiver}
    server.will({"EngagementInvitationSummaries": [odd, good]})
    [page] = door.list_engagement_invitations()
    assert page == [{"Id": "engi-0000000000002", "Catalog": "Sandbox"}, good]


@pytest.mark.parametrize("raw", [b"", b'{"Id": "O1234567", "LastMod', b"<html>proxy</html>", b"[]"])
def test_an_answer_that_was_cut_off_is_no_success(server: Server, door: PartnerCentralDoor, raw: bytes) -> None:
    """A create whose answer is lost has an unknown outcome; it is not an answer without an id."""
    server.will(Answer(raw=raw))
    with pytest.raises(Retriable) as caught:
        door.create_opportunity(creation())
    assert caught.value.outcome_unknown


# --- pure parts


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))
def test_text_of_a_timestamp_is_exact_to_the_microsecond(moment: datetime) -> None:
    """From any usual spelling."""
    expected = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    assert utc_text(moment.isoformat()) == expected
    assert utc_text(moment.astimezone(timezone(timedelta(hours=-7))).isoformat()) == expected
    assert datetime.fromisoformat(utc_text(moment.isoformat())) == moment


def test_a_finer_timestamp_still_reads_as_one() -> None:
    """Whoever parses the text gets the microsecond it lies in."""
    text = utc_text("2026-01-02T03:04:05.123456789Z")
    assert text == "2026-01-02T03:04:05.123456789Z"
    assert datetime.fromisoformat(text) == datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)


@given(st.text(alphabet="abc &;#x"))
def test_text_without_entities_is_left_alone(text: str) -> None:
    """Only what is surely an entity is decoded."""
    assert unescape(text) == text or ";" in text


JSON = st.recursive(
    st.none() | st.text(max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_pruning_leaves_no_none_and_changes_nothing_else(value: dict[str, Any]) -> None:
    """Pruning twice is pruning once."""
    pruned = without_none(value)
    assert "null" not in json.dumps(pruned, default=str).replace('"', " ").split()
    assert without_none(pruned) == pruned
    assert pruned.keys() == {name for name, member in value.items() if member is not None}
