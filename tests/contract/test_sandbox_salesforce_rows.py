"""Rows in the sandbox org: what is checked, in Salesforce's own words, and what follows from a write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from salesforce_sandbox import World, running_org, write_metadata


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("org")
    with running_org(write_metadata(folder / "source"), folder / "keys") as found:
        yield found


@pytest.fixture
def world(shared: World) -> World:
    shared.org.reset()
    shared.clock.reset()
    shared.faults.clear()
    return shared


def refusals(answer: Any) -> list[tuple[str, str, Any]]:
    return [(one["errorCode"], one["message"], one.get("fields")) for one in answer.json()]


REFUSED: list[tuple[dict[str, Any], str, str, list[str]]] = [
    ({"Title__c": None}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Title__c]", ["Title__c"]),
    ({"Title__c": "  "}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Title__c]", ["Title__c"]),
    (
        {"Title__c": "x" * 11},
        "STRING_TOO_LONG",
        f"Title: data value too large: {'x' * 11} (max length=10)",
        ["Title__c"],
    ),
    (
        {"Stage__c": "Maybe"},
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Stage: bad value for restricted picklist field: Maybe",
        ["Stage__c"],
    ),
    (
        {"Stage__c": "open"},
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Stage: bad value for restricted picklist field: open",
        ["Stage__c"],
    ),
    (
        {"Tags__c": "A;Z"},
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Tags: bad value for restricted picklist field: Z",
        ["Tags__c"],
    ),
    (
        {"Amount__c": 1000000},
        "NUMBER_OUTSIDE_VALID_RANGE",
        "Amount: value outside of valid range on numeric field: 1000000",
        ["Amount__c"],
    ),
    ({"Email__c": "nobody"}, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: nobody", ["Email__c"]),
    ({"Account__c": "abc"}, "MALFORMED_ID", "Account: id value of incorrect type: abc", ["Account__c"]),
    (
        {"Account__c": "001000000000001AAA"},
        "INVALID_CROSS_REFERENCE_KEY",
        "invalid cross reference id",
        ["Account__c"],
    ),
    ({"Stage__c": "Won"}, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "A won deal has an amount.", ["Amount__c"]),
]


@pytest.mark.parametrize(("fields", "code", "message", "names"), REFUSED)
def test_a_bad_value_is_refused_in_salesforce_words(
    world: World, fields: dict[str, Any], code: str, message: str, names: list[str]
) -> None:
    answer = world.worker.post("sobjects/Deal__c", {"Title__c": "Deal", **fields})
    assert answer.status_code == 400
    assert refusals(answer) == [(code, message, names)]
    assert world.worker.query("SELECT COUNT() FROM Deal__c").json()["totalSize"] == 0


@pytest.mark.parametrize(
    "fields", [{"Close__c": "2026-02-30"}, {"Seen__c": "2026-02-03"}, {"Title__c": 5}, {"Active__c": None}]
)
def test_a_value_of_the_wrong_kind_is_a_parser_error(world: World, fields: dict[str, Any]) -> None:
    answer = world.worker.post("sobjects/Deal__c", {"Title__c": "Deal", **fields})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    assert next(iter(fields)) in answer.json()[0]["fields"]


def test_unknown_and_read_only_fields_are_told_apart(world: World) -> None:
    unknown = world.worker.post("sobjects/Deal__c", {"Title__c": "Deal", "Nope__c": 1})
    assert refusals(unknown)[0][:2] == ("INVALID_FIELD", "No such column 'Nope__c' on sobject of type Deal__c")
    fixed = world.worker.post("sobjects/Deal__c", {"Title__c": "Deal", "Doubled__c": 1, "CreatedDate": None})
    assert fixed.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert fixed.json()[0]["fields"] == ["Doubled__c", "CreatedDate"]


def test_values_are_stored_as_the_platform_stores_them(world: World) -> None:
    deal = world.worker.deal(
        Title__c="  Deal ",
        Mood__c="Odd",
        Tags__c="C;A",
        Seen__c="2026-01-31T12:00:00.789+02:00",
        Amount__c=1.005,
        Email__c="",
    )
    row = world.worker.get(f"sobjects/deal__C/{deal[:15]}/").json()
    assert row["attributes"] == {"type": "Deal__c", "url": f"/services/data/v67.0/sobjects/Deal__c/{deal}"}
    assert row["Title__c"] == "Deal"
    assert (row["Mood__c"], row["Tags__c"], row["Email__c"]) == ("Odd", "A;C", None)
    assert row["Seen__c"] == "2026-01-31T10:00:00.000+0000"
    assert row["Amount__c"] == 1.01
    assert row["Active__c"] is True
    assert row["Serial__c"] == "D-0001"
    assert row["CreatedDate"] == row["SystemModstamp"]


def test_formula_fields_are_computed_at_read(world: World) -> None:
    account = world.worker.post("sobjects/Account", {"Name": "Acme"}).json()["id"]
    world.worker.deal(Account__c=account, Amount__c=2.5)
    world.worker.patch(f"sobjects/Account/{account}", {"Name": "Acme Ltd"})
    assert world.worker.rows("SELECT Doubled__c, Customer__c FROM Deal__c") == [
        {"Doubled__c": 5.0, "Customer__c": "Acme Ltd"}
    ]
    assert world.worker.rows("SELECT Id FROM Deal__c WHERE Customer__c = 'acme ltd' AND Doubled__c > 4")
    assert not world.worker.rows("SELECT Id FROM Deal__c WHERE Doubled__c > 5")


def test_setup_in_a_formula_is_the_hierarchy_setting(world: World) -> None:
    """The org's row applies to everybody; a user's own row wins for that user."""
    worker = world.org.user("integration")
    setting = {"SetupOwnerId": world.org.org_id, "User_Id__c": worker[:15]}
    assert world.worker.post("sobjects/Deal_Settings__c", setting).status_code == 201
    world.worker.deal(Title__c="worker")
    world.seller.deal(Title__c="seller")
    found = {
        row["Title__c"]: row["Foreign__c"] for row in world.worker.rows("SELECT Title__c, Foreign__c FROM Deal__c")
    }
    assert found == {"worker": False, "seller": True}
    again = world.worker.post("sobjects/Deal_Settings__c", setting)
    assert again.json()[0]["errorCode"] == "DUPLICATE_VALUE"


def test_unique_values_disregard_case(world: World) -> None:
    first = world.worker.deal(Key__c="Émile")
    second = world.worker.post("sobjects/Deal__c", {"Title__c": "Two", "Key__c": "éMILE"})
    message = f"duplicate value found: Key__c duplicates value on record with id: {first}"
    assert refusals(second) == [("DUPLICATE_VALUE", message, [])]
    assert world.worker.send("DELETE", f"sobjects/Deal__c/{first}").status_code == 204
    assert world.worker.deal(Key__c="émile")


def test_upsert_creates_updates_and_leaves_the_ambiguous_alone(world: World) -> None:
    path = "sobjects/Deal__c/Key__c/A%2F1%20b"
    created = world.worker.patch(path, {"Title__c": "One"})
    assert (created.status_code, created.json()["created"]) == (201, True)
    updated = world.worker.patch(path, {"Title__c": "Two"})
    assert (updated.status_code, updated.json()["created"]) == (200, False)
    assert updated.json()["id"] == created.json()["id"]
    assert world.worker.get(path).json()["Key__c"] == "A/1 b"
    assert refusals(world.worker.patch(path, {"Key__c": "x"}))[0][0] == "INVALID_FIELD"
    assert world.worker.patch("sobjects/Deal__c/Key__c/new?updateOnly=true", {"Title__c": "x"}).status_code == 404
    assert world.worker.patch("sobjects/Deal__c/Title__c/new", {"Notes__c": "x"}).json()[0]["errorCode"] == "NOT_FOUND"
    twins = [world.worker.deal(Loose_Key__c="twin") for _ in range(2)]
    several = world.worker.patch("sobjects/Deal__c/Loose_Key__c/twin", {"Title__c": "Three"})
    assert several.status_code == 300
    assert [url.rpartition("/")[2] for url in several.json()] == twins


def test_a_parent_may_be_named_by_its_external_id(world: World) -> None:
    world.worker.deal(Key__c="K1")
    line = world.worker.post("sobjects/Deal_Line__c", {"Deal__r": {"Key__c": "k1"}})
    assert line.status_code == 201
    assert world.worker.rows("SELECT Name, Deal__r.Key__c FROM Deal_Line__c")[0]["Deal__r"]["Key__c"] == "K1"
    missing = world.worker.post("sobjects/Deal_Line__c", {"Deal__r": {"Key__c": "none"}})
    assert refusals(missing)[0][0] == "INVALID_FIELD"


def test_deleting_a_master_deletes_details_and_clears_lookups(world: World) -> None:
    account = world.worker.post("sobjects/Account", {"Name": "Acme"}).json()["id"]
    deal = world.worker.deal(Account__c=account)
    line = world.worker.post("sobjects/Deal_Line__c", {"Deal__c": deal}).json()["id"]
    world.worker.send("DELETE", f"sobjects/Account/{account}")
    assert world.worker.rows("SELECT Account__c FROM Deal__c") == [{"Account__c": None}]
    world.worker.send("DELETE", f"sobjects/Deal__c/{deal}")
    assert world.worker.rows("SELECT Id FROM Deal_Line__c") == []
    assert world.worker.rows("SELECT Id FROM Deal_Line__c WHERE IsDeleted = TRUE", "queryAll") == [{"Id": line}]
    for method, body in (("PATCH", {"Title__c": "x"}), ("DELETE", None)):
        gone = world.worker.send(method, f"sobjects/Deal__c/{deal}", body)
        assert (gone.status_code, gone.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
    assert world.worker.get(f"sobjects/Deal__c/{deal}").status_code == 404


def test_a_write_is_refused_when_the_row_changed_since(world: World) -> None:
    """The precondition has whole seconds: a change within the second of the read passes."""
    deal = world.worker.deal()
    read = world.worker.get(f"sobjects/Deal__c/{deal}").headers["Last-Modified"]
    assert world.worker.patch(f"sobjects/Deal__c/{deal}", {"Notes__c": "a"}, headers={"If-Unmodified-Since": read}).ok
    world.clock.advance(2)
    world.seller.patch(f"sobjects/Deal__c/{deal}", {"Notes__c": "b"})
    stale = world.worker.patch(f"sobjects/Deal__c/{deal}", {"Notes__c": "c"}, headers={"If-Unmodified-Since": read})
    assert stale.status_code == 412
    assert world.worker.rows("SELECT Notes__c FROM Deal__c") == [{"Notes__c": "b"}]
    odd = world.worker.patch(f"sobjects/Deal__c/{deal}", {}, headers={"If-Unmodified-Since": "yesterday"})
    assert odd.status_code == 400
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert world.worker.get(f"sobjects/Deal__c/{deal}", headers={"If-Modified-Since": later}).status_code == 304


def test_accounts_alone_have_an_etag(world: World) -> None:
    account = world.worker.post("sobjects/Account", {"Name": "Acme"}).json()["id"]
    tag = world.worker.get(f"sobjects/Account/{account}").headers["ETag"]
    assert world.worker.get(f"sobjects/Account/{account}", headers={"If-None-Match": tag}).status_code == 304
    assert (
        world.worker.patch(f"sobjects/Account/{account}", {"Phone": "1"}, headers={"If-Match": '"x"'}).status_code
        == 412
    )
    assert "ETag" not in world.worker.get(f"sobjects/Deal__c/{world.worker.deal()}").headers


def test_a_hidden_field_does_not_exist_for_that_user(world: World) -> None:
    deal = world.worker.deal(Notes__c="secret")
    world.org.hide("Deal__c", "Notes__c")
    described = {one["name"] for one in world.worker.get("sobjects/Deal__c/describe").json()["fields"]}
    assert "Notes__c" not in described
    assert "Notes__c" not in world.worker.get(f"sobjects/Deal__c/{deal}").json()
    assert world.worker.query("SELECT Notes__c FROM Deal__c").json()[0]["errorCode"] == "INVALID_FIELD"
    assert world.worker.patch(f"sobjects/Deal__c/{deal}", {"Notes__c": "x"}).json()[0]["errorCode"] == "INVALID_FIELD"
    assert world.seller.rows("SELECT Notes__c FROM Deal__c") == [{"Notes__c": "secret"}]


def test_the_orgs_automation_rewrites_fields_on_write(world: World) -> None:
    world.org.automations.append(lambda name, old, new: {"Mood__c": "Good"} if name == "Deal__c" and old else {})
    deal = world.worker.deal(Mood__c="Bad")
    assert world.worker.rows("SELECT Mood__c FROM Deal__c") == [{"Mood__c": "Bad"}]
    world.worker.patch(f"sobjects/Deal__c/{deal}", {"Notes__c": "x"})
    assert world.worker.rows("SELECT Mood__c FROM Deal__c") == [{"Mood__c": "Good"}]


def test_a_locked_row_cannot_be_written(world: World) -> None:
    deal = world.worker.deal()
    world.org.locked.add(deal)
    answer = world.worker.patch(f"sobjects/Deal__c/{deal}", {"Notes__c": "x"})
    assert refusals(answer)[0][0] == "UNABLE_TO_LOCK_ROW"
    world.org.locked.clear()
    world.faults.add("salesforce", "row_update", "row_lock")
    assert world.worker.patch(f"sobjects/Deal__c/{deal}", {"Notes__c": "x"}).status_code == 400
    assert world.worker.patch(f"sobjects/Deal__c/{deal}", {"Notes__c": "x"}).status_code == 204


def test_standard_opportunities_need_their_three_fields(world: World) -> None:
    answer = world.worker.post("sobjects/Opportunity", {"Name": "Big"})
    message = "Required fields are missing: [StageName, CloseDate]"
    assert refusals(answer) == [("REQUIRED_FIELD_MISSING", message, ["StageName", "CloseDate"])]
    body = {"Name": "Big", "StageName": "Closed Won", "CloseDate": "2026-12-01"}
    created = world.worker.post("sobjects/Opportunity", body).json()["id"]
    row = world.worker.get(f"sobjects/Opportunity/{created}?fields=IsWon,Probability,Owner.Name").json()
    assert (row["IsWon"], row["Probability"]) == (True, 100.0)
    assert row["Owner"]["attributes"]["type"] == "User"


def test_describe_tells_what_the_checks_use(world: World) -> None:
    fields = {one["name"]: one for one in world.worker.get("sobjects/deal__c/describe/").json()["fields"]}
    assert fields["Title__c"]["nillable"] is False
    assert (fields["Title__c"]["length"], fields["Title__c"]["byteLength"]) == (10, 30)
    assert (fields["Amount__c"]["type"], fields["Amount__c"]["precision"], fields["Amount__c"]["scale"]) == (
        "currency",
        8,
        2,
    )
    assert fields["Doubled__c"]["calculated"] and not fields["Doubled__c"]["createable"]
    assert fields["Doubled__c"]["calculatedFormula"] == "Amount__c * 2"
    assert fields["Notes__c"]["filterable"] is False
    assert fields["Account__c"]["relationshipName"] == "Account__r"
    assert [one["value"] for one in fields["Stage__c"]["picklistValues"]] == ["Open", "Won", "Lost"]
    assert fields["Key__c"]["externalId"] and fields["Key__c"]["unique"] and not fields["Key__c"]["caseSensitive"]
