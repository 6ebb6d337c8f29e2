"""What happens to a partner's org while it is in use: admins change it, storage fills up, people convert leads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from own_org_world import AWS_ID, DEAL, SYNC, UPDATES, deal, open_own_world
from salesforce_sandbox import Client
from system_world import World

Json = dict[str, Any]
OPPORTUNITY = {"Name": "Archive", "StageName": "Prospecting", "CloseDate": "2027-03-01"}
LEAD = {"LastName": "Berg", "FirstName": "Eva", "Company": "Fjord Retail", "Website": "https://fjordretail.example.com"}
LINKED = f"/services/data/v67.0/sobjects/{DEAL}/{AWS_ID}/O123"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_own_world(tmp_path_factory.mktemp("own")) as found:
        yield found


@pytest.fixture
def world(shared: World) -> World:
    shared.control("/reset")
    return shared


def refused_order(world: World, path: str, **members: Any) -> str:
    """Give an order that cannot be carried out; return what the control server says."""
    answer = requests.post(world.control_url + path, json=members, timeout=20, proxies={"http": ""})
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"])


def describe(client: Client, name: str = DEAL) -> dict[str, Json]:
    return {one["name"]: one for one in client.get(f"sobjects/{name}/describe").json()["fields"]}


def new(client: Client, name: str, **fields: Any) -> str:
    answer = client.post(f"sobjects/{name}", fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def errors(answer: Any) -> list[tuple[int, str, list[str]]]:
    return [(answer.status_code, one["errorCode"], one.get("fields") or []) for one in answer.json()]


# -- fields


def test_an_admin_adds_a_required_field(world: World) -> None:
    """It shows in describe at once, also to a client that asks only for what changed; from then on records need it."""
    path = f"sobjects/{DEAL}/describe"
    known = world.integration.get(path)
    since = {"If-Modified-Since": known.headers["Last-Modified"]}
    assert world.integration.get(path, headers=since).status_code == 304
    record = new(world.integration, DEAL, **deal())
    metadata = {"fullName": "Region__c", "label": "Region", "type": "Text", "length": 5, "required": True}
    world.control("/salesforce/field", object=DEAL, metadata=metadata)
    assert world.integration.get(path, headers=since).status_code == 200
    shown = describe(world.integration)["Region__c"]
    assert (shown["length"], shown["nillable"], shown["createable"]) == (5, False, True)
    missing = (400, "REQUIRED_FIELD_MISSING", ["Region__c"])
    assert errors(world.integration.post(f"sobjects/{DEAL}", deal())) == [missing]
    assert errors(world.integration.patch(f"sobjects/{DEAL}/{record}", {"Headline__c": "New"})) == [missing]
    assert new(world.seller, DEAL, **deal(Region__c="North"))


def test_an_admin_deletes_a_field(world: World) -> None:
    """It is gone from describe, queries and writes, and its values with it, also when it is made anew."""
    record = new(world.integration, DEAL, **deal(Rivals__c="Umbra"))
    world.control("/salesforce/delete", object=DEAL, field="Rivals__c")
    assert "Rivals__c" not in describe(world.integration)
    assert errors(world.integration.query(f"SELECT Rivals__c FROM {DEAL}"))[0][1] == "INVALID_FIELD"
    path = f"sobjects/{DEAL}/{record}"
    assert errors(world.integration.patch(path, {"Rivals__c": "x"}))[0][1] == "INVALID_FIELD"
    assert world.integration.patch(path, {"Headline__c": "Still here"}).status_code == 204
    granted = f"SELECT Id FROM FieldPermissions WHERE Field = '{DEAL}.Rivals__c'"
    assert world.admin.rows(granted) == []
    metadata = {"fullName": "Rivals__c", "label": "Rivals", "type": "Number", "precision": 5, "scale": 0}
    world.control("/salesforce/field", object=DEAL, metadata=metadata)
    assert world.integration.get(path).json()["Rivals__c"] is None
    assert len(world.admin.rows(granted)) == 2


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Monthly_Spend__c", f"validation rule {DEAL}.Signed_Needs_Spend"),
        ("Reference_Code__c", "flow Deal_Tidy"),
        (SYNC, f"formula {DEAL}.{UPDATES}"),
        ("OwnerId", "standard field"),
        ("Nowhere__c", "has no field"),
    ],
)
def test_a_field_that_something_names_cannot_be_deleted(world: World, name: str, why: str) -> None:
    """The refusal says what names it; the field stays."""
    assert why in refused_order(world, "/salesforce/delete", object=DEAL, field=name)


def test_an_admin_edits_a_formula(world: World) -> None:
    """Describe shows the new text and rows are judged by it; a formula over what is not there is refused."""
    record = new(world.seller, DEAL, **deal(Monthly_Spend__c=10))
    path = f"sobjects/{DEAL}/{record}"
    assert world.integration.get(path).json()[UPDATES] is True
    metadata = {"fullName": UPDATES, "label": "Has Updates", "type": "Checkbox", "formula": "Monthly_Spend__c > 1000"}
    world.control("/salesforce/field", object=DEAL, metadata=metadata)
    assert world.integration.get(path).json()[UPDATES] is False
    assert describe(world.integration)[UPDATES]["calculatedFormula"] == "Monthly_Spend__c > 1000"
    wrong = {**metadata, "formula": "Customer__r.Nothing__c > 1"}
    assert "Customer__r.Nothing__c" in refused_order(world, "/salesforce/field", object=DEAL, metadata=wrong)
    kept = {**metadata, "type": "Text", "length": 5}
    del kept["formula"]
    assert "delete the field" in refused_order(world, "/salesforce/field", object=DEAL, metadata=kept)


def test_an_admin_hides_a_field_and_shows_it_again(world: World) -> None:
    """Without its field permission a field is not there for the integration user; sellers keep theirs."""
    record = new(world.seller, DEAL, **deal())
    for access, seen, editable in (("none", False, False), ("read", True, False), ("edit", True, True)):
        world.control("/salesforce/access", object=DEAL, field="Headline__c", access=access)
        shown = describe(world.integration).get("Headline__c")
        assert (shown is not None, bool(shown and shown["updateable"])) == (seen, editable)
        changed = world.integration.patch(f"sobjects/{DEAL}/{record}", {"Headline__c": access})
        assert (changed.status_code == 204) == editable
        assert describe(world.seller)["Headline__c"]["updateable"]
    assert "cannot be hidden" in refused_order(
        world, "/salesforce/access", object=DEAL, field="Budget_Code__c", access="none"
    )


def test_an_admin_hides_a_standard_field(world: World) -> None:
    """Also one that a profile shows to everybody else."""
    world.control("/salesforce/access", object="Account", field="Website", access="none")
    assert "Website" not in describe(world.integration, "Account")
    assert errors(world.integration.post("sobjects/Account", {"Name": "A", "Website": "x"}))[0][1] == "INVALID_FIELD"
    assert "Website" in describe(world.seller, "Account")
    world.control("/salesforce/access", object="Account", field="Website", access="edit")
    assert new(world.integration, "Account", Name="A", Website="x")
    assert "cannot be hidden" in refused_order(
        world, "/salesforce/access", object="Opportunity", field="StageName", access="none"
    )


def test_an_admin_takes_an_object_away(world: World) -> None:
    """Without the right to read it, the object does not exist for the user."""
    world.control("/salesforce/access", object=DEAL, access="none", permission_set="Own_Org_Integration")
    assert world.integration.get(f"sobjects/{DEAL}/describe").status_code == 404
    assert errors(world.integration.query(f"SELECT Id FROM {DEAL}"))[0][1] == "INVALID_TYPE"
    assert world.seller.get(f"sobjects/{DEAL}/describe").status_code == 200


def test_an_admin_changes_a_picklist(world: World) -> None:
    """A new value is taken at once; one that is no longer active is refused, but stays where it is."""
    record = new(world.integration, DEAL, **deal(Sector__c="Shops"))
    assert errors(world.integration.post(f"sobjects/{DEAL}", deal(Sector__c="Space")))[0][2] == ["Sector__c"]
    world.control("/salesforce/picklist", object=DEAL, field="Sector__c", value="Space", label="Outer Space")
    world.control("/salesforce/picklist", object=DEAL, field="Sector__c", value="Shops", active=False)
    assert new(world.integration, DEAL, **deal(Sector__c="Space"))
    assert errors(world.integration.post(f"sobjects/{DEAL}", deal(Sector__c="Shops")))[0][2] == ["Sector__c"]
    assert world.integration.get(f"sobjects/{DEAL}/{record}").json()["Sector__c"] == "Shops"
    values = {
        one["value"]: (one["label"], one["active"]) for one in describe(world.seller)["Sector__c"]["picklistValues"]
    }
    assert (values["Space"], values["Shops"]) == (("Outer Space", True), ("Shops", False))
    assert "not a picklist" in refused_order(world, "/salesforce/picklist", object=DEAL, field="Headline__c", value="x")


def test_an_admin_adds_and_removes_a_validation_rule(world: World) -> None:
    """A rule holds from the moment it is there, and no longer when it is not active."""
    rule = {
        "fullName": "No_Nein", "active": True, "errorConditionFormula": 'ISPICKVAL(Secret_Work__c, "nein")',
        "errorMessage": "Say ja.", "errorDisplayField": "Secret_Work__c",
    }  # fmt: skip
    world.control("/salesforce/rule", object=DEAL, metadata=rule)
    refused = (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", ["Secret_Work__c"])
    assert errors(world.integration.post(f"sobjects/{DEAL}", deal())) == [refused]
    world.control("/salesforce/rule", object=DEAL, metadata={**rule, "active": False})
    assert new(world.integration, DEAL, **deal())


def test_a_reset_undoes_what_admins_changed(world: World) -> None:
    """After /reset the org is what its source says."""
    before = describe(world.integration)
    world.control("/salesforce/delete", object=DEAL, field="Rivals__c")
    world.control("/salesforce/access", object=DEAL, field="Headline__c", access="none")
    world.control("/salesforce/picklist", object=DEAL, field="Sector__c", value="Space")
    metadata = {"fullName": "Region__c", "label": "Region", "type": "Text", "length": 5, "required": True}
    world.control("/salesforce/field", object=DEAL, metadata=metadata)
    assert describe(world.integration) != before
    world.control("/reset")
    assert describe(world.integration) == before
    record = new(world.integration, DEAL, **deal(Rivals__c="Umbra"))
    assert world.integration.get(f"sobjects/{DEAL}/{record}").json()["Rivals__c"] == "Umbra"


@pytest.mark.parametrize(
    ("path", "members", "part"),
    [
        ("/salesforce/field", {"object": "Nothing__c", "metadata": {}}, "no object"),
        ("/salesforce/field", {"object": DEAL, "metadata": {"fullName": "X__c", "type": "Blob"}}, "Blob"),
        ("/salesforce/field", {"object": DEAL, "metadata": {"fullName": "X", "type": "Text"}}, "ends in __c"),
        (
            "/salesforce/field",
            {"object": DEAL, "metadata": {"fullName": "X__c", "type": "Lookup", "referenceTo": "Nothing__c"}},
            "Nothing__c",
        ),
        ("/salesforce/access", {"object": DEAL, "field": "Headline__c", "access": "all"}, "access 'all'"),
        ("/salesforce/access", {"object": DEAL, "field": "Name", "access": "none"}, "cannot be hidden"),
        ("/salesforce/access", {"object": DEAL, "access": "none", "user": "admin"}, "user 'admin'"),
        ("/salesforce/access", {"object": DEAL, "access": "none", "permission_set": "Nobody"}, "'Nobody'"),
        ("/salesforce/picklist", {"object": DEAL, "field": "Sector__c", "value": "x", "active": 1}, "must be bool"),
        ("/salesforce/currency", {"code": "EUR", "active": True}, "only one"),
        ("/salesforce/convert", {"lead": "001", "user": "seller"}, "MALFORMED_ID"),
        ("/fault", {"server": "salesforce", "kind": "storage_limit", "objects": ["Nothing"]}, "no object"),
        ("/fault", {"server": "partner_central", "kind": "storage_limit"}, "Salesforce's own"),
        ("/fault", {"server": "salesforce", "kind": "storage_limit", "operations": ["read"]}, "create or update"),
    ],
)
def test_orders_that_cannot_be_carried_out_are_refused(world: World, path: str, members: Json, part: str) -> None:
    """Each with what is wrong, and nothing is changed."""
    before = describe(world.integration)
    assert part in refused_order(world, path, **members)
    assert describe(world.integration) == before


# -- storage


def test_full_storage_refuses_new_rows_of_the_objects_named(world: World) -> None:
    """403 for a call, a row error within collections, for as many rows as ordered; other objects are not concerned."""
    record = new(world.integration, DEAL, **deal())
    world.control("/fault", server="salesforce", kind="storage_limit", objects=[DEAL], operations=["create"], times=3)
    assert errors(world.integration.post(f"sobjects/{DEAL}", deal())) == [(403, "STORAGE_LIMIT_EXCEEDED", [])]
    rows = [{"attributes": {"type": name}, **fields} for name, fields in ((DEAL, deal()), ("Account", {"Name": "A"}))]
    found = world.integration.post("composite/sobjects", {"allOrNone": False, "records": rows})
    assert found.status_code == 200
    assert found.json()[0]["errors"] == [
        {"statusCode": "STORAGE_LIMIT_EXCEEDED", "message": "storage limit exceeded", "fields": []}
    ]
    assert found.json()[1]["success"]
    assert world.integration.patch(f"sobjects/{DEAL}/{record}", {"Headline__c": "x"}).status_code == 204
    assert errors(world.integration.patch(f"sobjects/{DEAL}/{AWS_ID}/O1", deal()))[0][1] == "STORAGE_LIMIT_EXCEEDED"
    assert world.integration.patch(f"sobjects/{DEAL}/{AWS_ID}/O1", deal()).status_code == 201


def test_full_storage_may_refuse_changes_too_and_a_reset_makes_room(world: World) -> None:
    """Without objects and operations every write is refused, until the reset."""
    record = new(world.integration, DEAL, **deal())
    world.control("/fault", server="salesforce", kind="storage_limit", times=1000)
    assert errors(world.integration.patch(f"sobjects/{DEAL}/{record}", {"Headline__c": "x"}))[0][0] == 403
    assert errors(world.seller.post("sobjects/Account", {"Name": "A"}))[0][0] == 403
    world.control("/reset")
    assert new(world.seller, "Account", Name="A")


# -- leads


def test_a_person_converts_a_lead_which_is_read_only_from_then_on(world: World) -> None:
    """Account, contact and opportunity come of it; the lead names them and takes no change over the API."""
    lead = new(world.seller, "Lead", **LEAD)
    ids = world.control("/salesforce/convert", lead=lead)
    row = world.integration.get(f"sobjects/Lead/{lead}").json()
    assert row["IsConverted"] and row["Status"] == "Closed - Converted" and row["ConvertedDate"]
    assert {name: row[f"Converted{name}Id"] for name in ids} == ids
    account = world.integration.get(f"sobjects/Account/{ids['Account']}").json()
    assert (account["Name"], account["Website"]) == (LEAD["Company"], LEAD["Website"])
    assert world.integration.get(f"sobjects/Contact/{ids['Contact']}").json()["Name"] == "Eva Berg"
    opportunity = world.integration.get(f"sobjects/Opportunity/{ids['Opportunity']}").json()
    assert opportunity["AccountId"] == ids["Account"]
    assert row["LastModifiedById"] == world.user("seller")
    for client in (world.integration, world.seller):
        answer = client.patch(f"sobjects/Lead/{lead}", {"Title": "x"})
        assert errors(answer) == [(400, "CANNOT_UPDATE_CONVERTED_LEAD", [])]
    assert "CANNOT_UPDATE_CONVERTED_LEAD" in refused_order(world, "/salesforce/convert", lead=lead)


def test_a_lead_is_converted_into_an_account_that_is_there(world: World) -> None:
    """Without an opportunity where the person wants none."""
    account, lead = new(world.seller, "Account", Name="Fjord"), new(world.seller, "Lead", **LEAD)
    ids = world.control("/salesforce/convert", lead=lead, account=account, opportunity=False)
    assert ids["Account"] == account and "Opportunity" not in ids
    contact = world.integration.get(f"sobjects/Contact/{ids['Contact']}").json()
    assert contact["AccountId"] == account


# -- a record with its parents in one request


def composite(client: Client, *parts: tuple[str, str, str, Json]) -> list[Json]:
    """Send an all-or-nothing composite of (name, method, path, body); return its parts' answers."""
    urls = {name: path if path.startswith("/") else f"{client.base}/sobjects/{path}" for name, _, path, _ in parts}
    whole = [
        {"method": method, "url": urls[name], "referenceId": name, "body": body} for name, method, _, body in parts
    ]
    answer = client.post("composite", {"allOrNone": True, "compositeRequest": whole})
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["compositeResponse"]
    return found


def test_an_account_and_the_record_that_names_it_are_created_together(world: World) -> None:
    """The upsert by external id takes the id of the account that the same request creates."""
    parts = [
        ("account", "POST", "Account", {"Name": "Fjord"}),
        ("deal", "PATCH", LINKED, deal(Customer__c="@{account.id}")),
    ]
    account, linked = composite(world.integration, *parts)
    assert (account["httpStatusCode"], linked["httpStatusCode"], linked["body"]["created"]) == (201, 201, True)
    rows = world.integration.rows(f"SELECT Customer__r.Name FROM {DEAL} WHERE {AWS_ID} = 'O123'")
    assert rows[0]["Customer__r"]["Name"] == "Fjord"


def test_nothing_is_created_when_one_part_fails(world: World) -> None:
    """The part that failed says why; every other is halted, before it or after it, and no row is left."""
    parts = [
        ("account", "POST", "Account", {"Name": "Fjord"}),
        ("deal", "PATCH", LINKED, deal(Customer__c="@{account.id}", Phase__c="Prospect")),
        ("later", "POST", "Account", {"Name": "Later"}),
    ]
    found = composite(world.integration, *parts)
    assert [one["httpStatusCode"] for one in found] == [400, 400, 400]
    codes = [one["body"][0]["errorCode"] for one in found]
    assert codes == ["PROCESSING_HALTED", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "PROCESSING_HALTED"]
    assert "rolled back since another operation in the same transaction failed" in found[0]["body"][0]["message"]
    assert world.integration.rows("SELECT Id FROM Account") == []
    assert world.integration.rows(f"SELECT Id FROM {DEAL}") == []


def test_a_reference_that_leads_nowhere_fails_the_whole_request(world: World) -> None:
    """Names are told apart by case."""
    parts = [
        ("account", "POST", "Account", {"Name": "Fjord"}),
        ("deal", "PATCH", LINKED, deal(Customer__c="@{Account.id}")),
    ]
    assert [one["httpStatusCode"] for one in composite(world.integration, *parts)] == [400, 400]
    assert world.integration.rows("SELECT Id FROM Account") == []


def test_of_two_such_requests_at_once_one_is_undone_as_a_whole(world: World) -> None:
    """Both set out to create the row: the unique key refuses the second one, whose account is undone with it."""
    parts = [
        ("account", "POST", "Account", {"Name": "Fjord"}),
        ("deal", "PATCH", LINKED, deal(Customer__c="@{account.id}")),
    ]
    client, other = (Client(world.integration.url, _token(world)) for _ in range(2))
    both: list[list[Json]] = []
    gate = threading.Barrier(2)

    def send(sender: Client) -> None:
        gate.wait()
        both.append(composite(sender, *parts))

    threads = [threading.Thread(target=send, args=(one,)) for one in (client, other)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for each in (client, other):
        each.session.close()
    statuses = sorted(tuple(one["httpStatusCode"] for one in found) for found in both)
    # Requests that do not overlap are an insert and an update.
    assert statuses in ([(201, 201), (400, 400)], [(201, 200), (201, 201)])
    assert len(world.integration.rows(f"SELECT Id FROM {DEAL}")) == 1
    assert len(world.integration.rows("SELECT Id FROM Account")) == sum(one[0] == 201 for one in statuses)


def _token(world: World) -> str:
    return str(world.info["salesforce"]["users"]["integration"]["access_token"])


def test_a_row_that_the_request_itself_creates_is_found_by_its_later_parts(world: World) -> None:
    """Two upserts of one key in one request: the first inserts, the second updates."""
    parts = [("one", "PATCH", LINKED, deal()), ("two", "PATCH", LINKED, {"Headline__c": "Second"})]
    assert [one["httpStatusCode"] for one in composite(world.integration, *parts)] == [201, 200]
    [row] = world.integration.rows(f"SELECT Headline__c FROM {DEAL}")
    assert row["Headline__c"] == "Second"


def test_an_opportunity_and_its_account_are_created_together(world: World) -> None:
    """The standard objects do as well, by the packaged external id."""
    path = "Opportunity/ACE_APN_Unique_Identifier__c/O777"
    found = composite(
        world.integration,
        ("account", "POST", "Account", {"Name": "Fjord"}),
        ("opportunity", "PATCH", path, {**OPPORTUNITY, "AccountId": "@{account.id}"}),
    )
    assert [one["httpStatusCode"] for one in found] == [201, 201]
    [row] = world.integration.rows("SELECT Account.Name FROM Opportunity")
    assert row["Account"]["Name"] == "Fjord"
