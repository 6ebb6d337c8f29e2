"""Queries of any length and number of pages, walks that survive a lost cursor, and values that cannot bend a query."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from salesforce_script import (
    BASE,
    ORG_ID,
    USER_ID,
    Answer,
    Asked,
    ScriptedOrg,
    door_to,
    page,
    record_id,
    refusal,
    scripted_org,
)

from connector.errors import AuthFailed, MappingError, Retriable
from connector.salesforce.literals import (
    api_name,
    datetime_literal,
    field_path,
    http_date,
    id18,
    list_literal,
    text_literal,
    to_json,
)
from connector.salesforce.query import select

SINCE = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
UNTIL = SINCE + timedelta(hours=1)
LOST = refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")


@pytest.fixture
def org():
    with scripted_org() as running:
        yield running


def stamped(number: int, second: int) -> dict[str, Any]:
    return {"Id": record_id(number), "SystemModstamp": f"2026-11-23T01:00:{second:02d}.000+0000", "Name": f"N{number}"}


def composite(*bodies: tuple[int, Any]) -> Answer:
    parts = [
        {"referenceId": f"part{number}", "httpStatusCode": status, "body": body, "httpHeaders": {}}
        for number, (status, body) in enumerate(bodies)
    ]
    return Answer(200, {"compositeResponse": parts[::-1]})


def soql_of(asked: Asked) -> str:
    if asked.method == "GET":
        return asked.query["q"]
    return parse_qs(urlsplit(asked.json["compositeRequest"][0]["url"]).query)["q"][0]


def test_all_pages_are_read_whatever_their_size(org: ScriptedOrg) -> None:
    org.on("GET", "query/", page([{"Id": record_id(1)}], f"{BASE}query/01gA-1"))
    org.on("GET", "query/01gA-1", page([], f"{BASE}query/01gA-2"))
    org.on("GET", "query/01gA-2", page([{"Id": record_id(2)}, {"Id": record_id(3)}]))
    with door_to(org) as door:
        assert [row["Id"] for row in door.query("SELECT Id FROM Lead")] == [record_id(n) for n in (1, 2, 3)]


def test_numbers_stay_exact_and_text_stays_unicode(org: ScriptedOrg) -> None:
    body = '{"done":true,"records":[{"Amount":1234567890123.10,"Count":3,"Name":"Zürich – 東京 😀"}]}'
    org.on("GET", "query/", Answer(200, body.encode()))
    with door_to(org) as door:
        [row] = door.query("SELECT Amount, Count, Name FROM Opportunity")
    assert row == {"Amount": Decimal("1234567890123.10"), "Count": 3, "Name": "Zürich – 東京 \U0001f600"}
    assert str(row["Amount"]) == "1234567890123.10"


def test_attributes_vanish_at_every_depth_and_child_queries_become_lists_of_all_their_pages(org: ScriptedOrg) -> None:
    inner = {
        "totalSize": 2,
        "done": False,
        "records": [{"attributes": {}, "Id": "1"}],
        "nextRecordsUrl": f"{BASE}query/01gC-1",
    }
    org.on("GET", "query/01gC-1", page([{"Id": "2"}]))
    row = {
        "Id": record_id(1),
        "Account": {"attributes": {}, "Owner": {"attributes": {}, "Name": "A"}},
        "Parent": None,
        "Contacts": inner,
    }
    org.on("GET", "query/", page([row]))
    with door_to(org) as door:
        [found] = door.query("SELECT Id FROM Opportunity")
    assert found == {
        "Id": record_id(1),
        "Account": {"Owner": {"Name": "A"}},
        "Parent": None,
        "Contacts": [{"Id": "1"}, {"Id": "2"}],
    }


def test_a_lost_cursor_restarts_the_query_without_repeating_rows(org: ScriptedOrg) -> None:
    first = page([{"Id": record_id(1)}, {"Id": record_id(2)}], f"{BASE}query/01gA-2")
    again = page([{"Id": record_id(2)}, {"Id": record_id(1)}, {"Id": record_id(3)}])
    org.on("GET", "query/", first, again)
    org.on("GET", "query/01gA-2", LOST)
    with door_to(org) as door:
        assert [row["Id"] for row in door.query("SELECT Id FROM Lead")] == [record_id(n) for n in (1, 2, 3)]


def test_rows_without_an_id_cannot_be_resumed_and_say_so(org: ScriptedOrg) -> None:
    org.on("GET", "query/", page([{"Name": "A"}], f"{BASE}query/01gA-2"))
    org.on("GET", "query/01gA-2", LOST)
    with door_to(org) as door, pytest.raises(Retriable):
        list(door.query("SELECT Name FROM Lead"))


def test_a_cursor_that_is_lost_every_time_ends(org: ScriptedOrg) -> None:
    org.on("GET", "query/", page([{"Id": record_id(1)}], f"{BASE}query/01gA-2"))
    org.on("GET", "query/01gA-2", LOST)
    with door_to(org) as door, pytest.raises(Retriable):
        list(door.query("SELECT Id FROM Lead"))
    assert len(org.calls("01gA-2")) == 4


@pytest.mark.parametrize("address", ["https://evil.example/services/data/v66.0/query/x", "/services/oauth2/revoke"])
def test_a_next_page_elsewhere_never_gets_the_token(org: ScriptedOrg, address: str) -> None:
    org.on("GET", "query/", page([{"Id": record_id(1)}], address))
    org.on("GET", "query/x", page([]))
    with door_to(org) as door:
        try:
            list(door.query("SELECT Id FROM Lead"))
        except Retriable:
            assert "evil" not in address
    assert not org.calls("revoke")


def test_a_short_query_travels_in_the_address_and_a_long_one_in_a_body(org: ScriptedOrg) -> None:
    org.on("GET", "query/", page([]))
    org.on("POST", "composite", composite((200, page([{"Id": record_id(7)}]).body)))
    names = [f"Some_Long_Field_Name_{number}__c" for number in range(400)]
    long_query = select("Opportunity", ["Id", *names], [])
    with door_to(org) as door:
        list(door.query("SELECT Id FROM Lead"))
        assert [row["Id"] for row in door.query(long_query)] == [record_id(7)]
    short, long = org.calls()
    assert len(short.url) < 2000 and len(long.url) < 100
    assert soql_of(long) == long_query


def test_no_address_exceeds_two_thousand_characters_however_the_query_grows(org: ScriptedOrg) -> None:
    org.on("GET", "query/", page([]))
    org.on("POST", "composite", composite((200, page([]).body)))
    with door_to(org) as door:
        for length in (1700, 1850, 1900, 1950, 2100):
            list(door.query("SELECT Id FROM Lead WHERE Name = '" + "é " * (length // 7) + "'"))
    assert {call.method for call in org.calls()} == {"GET", "POST"}
    assert all(len(org.origin + call.url) <= 2000 for call in org.calls())


def test_a_query_beyond_the_platforms_limit_is_refused_here(org: ScriptedOrg) -> None:
    with door_to(org) as door, pytest.raises(MappingError, match="100000"):
        list(door.query("SELECT Id FROM Lead WHERE Name = '" + "x" * 100_000 + "'"))
    assert not org.calls()


def test_up_to_five_queries_cost_one_call(org: ScriptedOrg) -> None:
    bodies = [(200, page([{"Id": record_id(number)}]).body) for number in range(4)]
    more = (200, page([{"Id": record_id(4)}], f"{BASE}query/01gM-1").body)
    org.on("POST", "composite", composite(*bodies, more))
    org.on("GET", "query/01gM-1", page([{"Id": record_id(5)}]))
    with door_to(org) as door:
        found = door.queries([f"SELECT Id FROM Lead WHERE Name = 'é&{number}'" for number in range(5)])
        assert door.queries([]) == []
        with pytest.raises(ValueError, match="5"):
            door.queries(["SELECT Id FROM Lead"] * 6)
    assert [[row["Id"] for row in rows] for rows in found] == [
        [record_id(0)], [record_id(1)], [record_id(2)], [record_id(3)], [record_id(4), record_id(5)],
    ]  # fmt: skip
    request = org.calls("composite")[0].json
    assert request["collateSubrequests"] is False and request["allOrNone"] is False
    assert parse_qs(urlsplit(request["compositeRequest"][2]["url"]).query)["q"] == [
        "SELECT Id FROM Lead WHERE Name = 'é&2'"
    ]


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [(400, "INVALID_FIELD", MappingError), (500, "UNKNOWN_EXCEPTION", Retriable), (403, "X", AuthFailed)],
)
def test_one_bad_query_of_several_raises_its_own_error(
    org: ScriptedOrg, status: int, code: str, expected: type[Exception]
) -> None:
    bad = (status, [{"errorCode": code, "message": "No such column 'X__c' on entity 'Lead'."}])
    org.on("POST", "composite", composite((200, page([]).body), bad))
    with door_to(org) as door, pytest.raises(expected, match="X__c"):
        door.queries(["SELECT Id FROM Lead", "SELECT X__c FROM Lead"])


def test_an_incomplete_composite_answer_is_retriable(org: ScriptedOrg) -> None:
    org.on("POST", "composite", composite((200, page([]).body)))
    with door_to(org) as door, pytest.raises(Retriable, match="not complete"):
        door.queries(["SELECT Id FROM Lead", "SELECT Id FROM Lead"])


def test_changed_asks_for_a_half_open_window_in_order_with_the_stamps(org: ScriptedOrg) -> None:
    org.on("GET", "query/", page([stamped(1, 5)]))
    with door_to(org) as door:
        east = timezone(timedelta(hours=2))
        pages = list(
            door.changed(
                "Lead", ["Name", "Id"], since=SINCE.astimezone(east), until=UNTIL, where="A__c = 1 OR B__c = 2"
            )
        )
    assert pages == [[stamped(1, 5)]]
    assert soql_of(org.calls("query")[0]) == (
        "SELECT Id, SystemModstamp, Name FROM Lead WHERE SystemModstamp >= 2026-11-23T01:00:00Z AND "
        "SystemModstamp < 2026-11-23T02:00:00Z AND (A__c = 1 OR B__c = 2) ORDER BY SystemModstamp, Id"
    )


def test_windows_that_touch_within_a_second_leave_no_gap(org: ScriptedOrg) -> None:
    org.on("GET", "query/", page([]))
    middle = SINCE + timedelta(seconds=30, microseconds=700_000)
    with door_to(org) as door:
        list(door.changed("Lead", ["Id"], since=SINCE, until=middle))
        list(door.changed("Lead", ["Id"], since=middle, until=UNTIL))
    first, second = (soql_of(call) for call in org.calls("query"))
    assert re.search(r"< (\S+)", first)[1] == re.search(r">= (\S+)", second)[1]  # type: ignore[index]


def test_a_walk_whose_cursor_dies_goes_on_behind_the_last_row(org: ScriptedOrg) -> None:
    org.on(
        "GET",
        "query/",
        page([stamped(1, 5), stamped(2, 5)], f"{BASE}query/01gW-2"),
        page([stamped(3, 5), stamped(0, 6)]),
    )
    org.on("GET", "query/01gW-2", LOST)
    with door_to(org) as door:
        pages = list(door.changed("Lead", ["Name"], since=SINCE, until=UNTIL))
    assert [row["Id"] for rows in pages for row in rows] == [record_id(n) for n in (1, 2, 3, 0)]
    resumed = soql_of(org.calls("query")[-1])
    assert "SystemModstamp >= 2026-11-23T01:00:05Z" in resumed
    assert f"(SystemModstamp > 2026-11-23T01:00:05Z OR Id > '{record_id(2)}')" in resumed


def test_rows_by_id_are_asked_in_chunks_that_fit_and_five_chunks_a_call(org: ScriptedOrg) -> None:
    def answer(asked: Asked) -> Answer:
        urls = [part["url"] for part in asked.json["compositeRequest"]]
        soqls = [parse_qs(urlsplit(url).query)["q"][0] for url in urls]
        assert all(len(soql[soql.index("WHERE") :]) <= 4000 for soql in soqls)
        rows = [[{"Id": id18(key)} for key in re.findall(r"'(\w{15})'", soql)] for soql in soqls]
        return composite(*((200, page(part).body) for part in rows))

    org.on("POST", "composite", answer)
    ids = [record_id(number) for number in range(1000)]
    with door_to(org) as door:
        found = door.rows("Opportunity", [*ids, ids[0][:15]], ["Name", "Account.Name"])
    assert set(found) == set(ids)
    assert len(org.calls()) == 1


def test_rows_of_no_ids_cost_no_call(org: ScriptedOrg) -> None:
    with door_to(org) as door:
        assert door.rows("Lead", [], ["Name"]) == {}
        assert door.deleted("Lead", []) == set()
    assert not org.calls()


@pytest.mark.requirement("SEC-05")
@pytest.mark.parametrize(
    "bad", ["O1' OR Name!='", "' OR Id != '", "006\\' OR 1=1", "", "006-not-an-id", "%", "x" * 18 + "'"]
)
def test_an_id_from_outside_cannot_widen_a_query(org: ScriptedOrg, bad: str) -> None:
    good = record_id(1)
    org.on("GET", "query/", page([{"Id": good}]))
    org.on("GET", "queryAll/", page([{"Id": good, "IsDeleted": True}]))
    with door_to(org) as door:
        assert door.rows("Lead", [bad], ["Name"]) == {}
        assert not org.calls(), "text that is no id is not asked for"
        assert set(door.rows("Lead", [bad, good], ["Name"])) == {good}
        assert door.deleted("Lead", [bad, good]) == {good}
    for call in org.calls():
        assert soql_of(call).endswith(f"WHERE Id IN ('{good[:15]}')")


@pytest.mark.parametrize(
    "name", ["Lead WHERE Name != ''", "Lead;", "", "Lé", "Name FROM User", "(SELECT Id FROM X)", "A\n"]
)
def test_names_that_are_no_names_never_reach_a_query(name: str) -> None:
    with pytest.raises(ValueError, match="Salesforce"):
        select(name, ["Id"], [])
    with pytest.raises(ValueError, match="Salesforce"):
        select("Lead", ["Id", name], [])
    with pytest.raises(ValueError, match="Salesforce"):
        api_name(name)
    assert field_path("Account.Owner.Name") == "Account.Owner.Name"


@given(st.text())
def test_a_text_literal_ends_only_where_it_should(value: str) -> None:
    literal = text_literal(value)
    assert literal[0] == literal[-1] == "'"
    inner = literal[1:-1]
    assert re.fullmatch(r"""(?:[^'\\\n\r]|\\[nrtbf"'\\])*""", inner)
    unescape = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
    assert re.sub(r"\\(.)", lambda found: unescape.get(found[1], found[1]), inner) == value


def test_literals_refuse_what_they_cannot_say() -> None:
    with pytest.raises(ValueError, match="empty list"):
        list_literal([])
    with pytest.raises(ValueError, match="time zone"):
        datetime_literal(datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="time zone"):
        http_date(datetime(2026, 1, 1))
    for number in (Decimal("NaN"), Decimal("Infinity"), float("nan")):
        with pytest.raises(ValueError, match=r"."):
            to_json({"Amount": number})


def test_json_keeps_every_digit_and_writes_no_exponent() -> None:
    text = to_json(
        {"A": [Decimal("1E+3"), Decimal("0.10"), True, None, 3], "D": date(2026, 1, 2), "T": SINCE, "ü": "–\n"}
    )
    assert (
        text
        == '{"A":[1000,0.10,true,null,3],"D":"2026-01-02","T":"2026-11-23T01:00:00.000+00:00","\\u00fc":"\\u2013\\n"}'
    )


@pytest.mark.parametrize(
    ("short", "whole"),
    [
        ("0058V00000Bg2XY", "0058V00000Bg2XYQAZ"),
        ("00D8V000001NPCn", "00D8V000001NPCnUAO"),
        ("001000000000001", "001000000000001AAA"),
    ],
)
def test_ids_get_their_check_characters(short: str, whole: str) -> None:
    assert id18(short) == whole and id18(whole) == whole


def test_deleted_names_what_the_bin_or_the_log_knows_and_nothing_that_is_merely_invisible(org: ScriptedOrg) -> None:
    alive, binned, purged, invisible = (record_id(number) for number in range(4))
    org.on("GET", "queryAll/", page([{"Id": alive, "IsDeleted": False}, {"Id": binned, "IsDeleted": True}]))
    log = [
        {"id": purged, "deletedDate": "2026-11-20T00:00:00.000+0000"},
        {"id": alive, "deletedDate": "2026-11-19T00:00:00.000+0000"},
    ]
    org.on("GET", "sobjects/Lead/deleted/", Answer(200, {"deletedRecords": log, "latestDateCovered": "x"}))
    with door_to(org) as door:
        assert door.deleted("Lead", [alive, binned, purged, invisible]) == {binned, purged}
    asked = org.calls("deleted")[0].query
    assert asked["start"].endswith("Z") and asked["start"] < asked["end"]


def test_an_object_without_a_deletion_log_reports_only_what_the_bin_knows(org: ScriptedOrg) -> None:
    org.on("GET", "queryAll/", page([]))
    org.on("GET", "sobjects/Lead/deleted/", refusal(400, "EXCEEDED_ID_LIMIT", "too many"))
    with door_to(org) as door:
        assert door.deleted("Lead", [record_id(1)]) == set()


def test_server_time_is_the_orgs_date_not_ours(org: ScriptedOrg) -> None:
    org.on("GET", "/services/data/", Answer(200, [], {"Date": "Mon, 23 Nov 2037 01:02:03 GMT"}))
    with door_to(org) as door:
        found = door.server_time()
        assert found.tzinfo is not None and found.microsecond == 0
        assert abs(found - datetime.now(UTC)) < timedelta(minutes=5)
        door.server_time()
    assert len(org.calls("/services/data/")) == 1 and org.logins == 0


def test_server_time_is_asked_for_again_when_the_clock_was_moved(org: ScriptedOrg) -> None:
    """A step forward, and a step back: the answer before it tells nothing of the time after it."""
    org.on("GET", "/services/data/", Answer(200, []))
    moved = [timedelta()]
    with door_to(org, options={"now": lambda: datetime.now(UTC) + moved[-1]}) as door:
        for seconds in (0, 3, -3):
            moved.append(timedelta(seconds=seconds))
            door.server_time()
            door.server_time()
    assert len(org.calls("/services/data/")) == 3


def test_identity_names_org_user_and_kind_of_org(org: ScriptedOrg) -> None:
    info = {"user_id": USER_ID, "organization_id": ORG_ID[:15], "preferred_username": "sync@acme.example"}
    org.on("GET", "/services/oauth2/userinfo", Answer(200, info))
    org.on("GET", "query/", page([{"Id": ORG_ID, "IsSandbox": True}]))
    with door_to(org) as door:
        who = door.identity()
        assert (who.org_id, who.user_id, who.username, who.is_sandbox) == (ORG_ID, USER_ID, "sync@acme.example", True)
        assert who.instance_url == org.origin
        assert door.identity() is who


def test_identity_falls_back_to_the_token_answer_where_userinfo_is_closed(org: ScriptedOrg) -> None:
    org.on("GET", "/services/oauth2/userinfo", Answer(403, "Missing_OAuth_Token"))

    def answer(asked: Asked) -> Answer:
        if "FROM User" in asked.query["q"]:
            return page([{"Id": USER_ID, "Username": "sync@acme.example"}])
        return page([{"Id": ORG_ID, "IsSandbox": False}])

    org.on("GET", "query/", answer)
    with door_to(org) as door:
        assert door.identity().username == "sync@acme.example"
        assert not door.identity().is_sandbox
