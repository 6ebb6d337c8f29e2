"""The sandbox as any partner's org: own objects beside the package, record types, standard fields, currencies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from metadata_schema import problems
from own_org_world import (
    AWS_ID,
    BASE,
    DEAL,
    DESK,
    HAS_UPDATES,
    STAGES,
    STANDARD_FIELDS,
    SYNC,
    SYNCED,
    TERRITORY,
    TREE,
    UPDATES,
    WIDE,
    WIDE_FIELDS,
    deal,
    open_own_org,
    wide_field,
    write_wide,
)
from salesforce_sandbox import Client, World

from connector.sandbox.salesforce import ids
from connector.sandbox.salesforce.currencies import Currency
from connector.sandbox.salesforce.metadata import MetadataError

Json = dict[str, Any]
MASTER = "012000000000000AAA"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_own_org(tmp_path_factory.mktemp("own")) as found:
        yield found


@pytest.fixture
def world(shared: World) -> World:
    shared.org.reset()
    shared.clock.reset()
    shared.faults.clear()
    return shared


def described(client: Client, name: str) -> dict[str, Json]:
    """Return describe's fields by name."""
    return {one["name"]: one for one in client.get(f"sobjects/{name}/describe").json()["fields"]}


def created(client: Client, name: str, **fields: Any) -> str:
    answer = client.post(f"sobjects/{name}", fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def refusal(answer: Any) -> tuple[int, str, list[str]]:
    [error] = answer.json()
    return answer.status_code, error["errorCode"], error.get("fields")


def record_types(client: Client, name: str) -> dict[str, Json]:
    infos = client.get(f"sobjects/{name}/describe").json()["recordTypeInfos"]
    return {one["developerName"]: one for one in infos}


# -- the source


def test_the_partners_source_is_what_the_metadata_api_takes(tmp_path: Path) -> None:
    """Every file of the tests' own org, written by hand or not, fits the schema of the Metadata API."""
    write_wide(tmp_path)
    files = [*TREE.rglob("*-meta.xml"), *tmp_path.rglob("*-meta.xml")]
    assert len(files) > WIDE_FIELDS
    assert {str(path): found for path in files if (found := problems(path))} == {}


def test_the_command_deploys_further_source_beside_the_package(tmp_path: Path) -> None:
    """``connector sandbox --metadata DIR``, given twice, serves the package and both; and several currencies."""
    options = ["--dir", str(tmp_path), "--metadata", str(BASE), "--metadata", str(HAS_UPDATES)]
    options += ["--currency", "EUR", "--currency", "USD"]
    with subprocess.Popen(
        [sys.executable, "-m", "connector", "sandbox", *options], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            org = json.loads(process.stdout.readline())["salesforce"]
            client = Client(org["instance_url"], org["users"]["integration"]["access_token"])
            names = {one["name"] for one in client.get("sobjects").json()["sobjects"]}
            assert {"ACE_Opportunity__c", DEAL, DESK, TERRITORY} <= names
            fields = described(client, DEAL)
            assert UPDATES in fields
            assert [one["value"] for one in fields["CurrencyIsoCode"]["picklistValues"]] == ["EUR", "USD"]
            client.session.close()
        finally:
            process.terminate()


def test_without_further_source_the_org_knows_only_the_package(world: World, tmp_path: Path) -> None:
    """The formula field of the variant is there only where it was deployed."""
    assert UPDATES in described(world.worker, DEAL)
    with open_own_org(tmp_path, updates=False) as other:
        fields = described(other.worker, DEAL)
        assert UPDATES not in fields
        assert {SYNC, SYNCED, AWS_ID} <= fields.keys()
        assert created(other.seller, DEAL, **deal())


# -- own objects


def test_describe_shows_a_partners_own_object_to_those_whom_permission_sets_let_in(shared: World) -> None:
    """Types, lengths, keys, picklists and lookups of the partner's own fields, for the integration user."""
    fields = described(shared.worker, DEAL)
    key = fields[AWS_ID]
    assert (key["type"], key["length"], key["externalId"], key["unique"], key["caseSensitive"]) == (
        "string", 18, True, True, False,
    )  # fmt: skip
    assert (fields[SYNC]["type"], fields[SYNCED]["type"]) == ("boolean", "datetime")
    assert (fields["Desk__c"]["referenceTo"], fields["Desk__c"]["relationshipName"]) == ([DESK], "Desk__r")
    assert (fields["Customer__c"]["referenceTo"], fields["Customer__c"]["relationshipName"]) == (
        ["Account"], "Customer__r",
    )  # fmt: skip
    phases = [one["value"] for one in fields["Phase__c"]["picklistValues"]]
    assert phases[0] == "1 Discover" and fields["Phase__c"]["restrictedPicklist"]
    assert [one["value"] for one in fields["Use__c"]["picklistValues"]][1] == "Machine learning"
    assert not fields["Budget_Code__c"]["nillable"] and not fields["Budget_Code__c"]["defaultedOnCreate"]
    assert fields[UPDATES]["calculatedFormula"].startswith("AND(Send_to_AWS__c")


def test_the_wide_object_has_two_hundred_fields_that_can_be_written_and_read(tmp_path: Path) -> None:
    """All 200 fields of the wide object show in describe; a query for them is too long for a URL, not for a body."""
    with open_own_org(tmp_path, wide=True) as world:
        names = [one for one in described(world.worker, WIDE) if one.endswith("__c")]
        assert len(names) == WIDE_FIELDS
        record = created(world.worker, WIDE, Name="Wide", **{wide_field(1): "first", wide_field(191): "last"})
        soql = f"SELECT {', '.join(names)} FROM {WIDE}"
        url = f"/services/data/v67.0/query?q={soql.replace(' ', '+')}"
        part = {"method": "GET", "url": url, "referenceId": "q"}
        [found] = world.worker.post("composite", {"compositeRequest": [part]}).json()["compositeResponse"]
        [row] = found["body"]["records"]
        assert (row[wide_field(1)], row["attributes"]["url"].rpartition("/")[2]) == ("first", record)


def test_two_levels_of_own_lookups_are_read_in_one_query(world: World) -> None:
    """From the deal to its desk, and from there to a user and to another own object."""
    territory = created(world.seller, TERRITORY, Name="North", Territory_Code__c="N1", Land__c="Norge")
    lead = world.org.user("seller2")
    desk = created(world.seller, DESK, Name="Desk", Kind__c="Hub", Territory__c=territory, Lead_Person__c=lead)
    created(world.seller, DEAL, **deal(Desk__c=desk))
    [row] = world.worker.rows(
        f"SELECT Desk__r.Kind__c, Desk__r.Territory__r.Territory_Code__c, Desk__r.Lead_Person__r.LastName FROM {DEAL}"
    )
    assert row["Desk__r"]["Territory__r"]["Territory_Code__c"] == "N1"
    assert row["Desk__r"]["Lead_Person__r"]["LastName"] == "Lindqvist"


@pytest.mark.parametrize(
    ("wrong", "code", "fields"),
    [
        ({"Phase__c": "Prospect"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Phase__c"]),
        ({"Use__c": "Storage & Backup"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Use__c"]),
        ({"Help_Wanted__c": "Architects;Co-Sell"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Help_Wanted__c"]),
        ({"Budget_Code__c": None}, "REQUIRED_FIELD_MISSING", ["Budget_Code__c"]),
        ({"Phase__c": None}, "REQUIRED_FIELD_MISSING", ["Phase__c"]),
        ({"Budget_Code__c": "B" * 21}, "STRING_TOO_LONG", ["Budget_Code__c"]),
        (
            {"Phase__c": "6 Live", "Monthly_Spend__c": None},
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            ["Monthly_Spend__c"],
        ),
        ({"Customer__c": ids.number("003", 1)}, "FIELD_INTEGRITY_EXCEPTION", ["Customer__c"]),
        ({UPDATES: True}, "INVALID_FIELD_FOR_INSERT_UPDATE", [UPDATES]),
    ],
)
def test_a_deal_that_the_partners_org_does_not_take_is_refused(
    world: World, wrong: Json, code: str, fields: list[str]
) -> None:
    """The partner's own picklists, required fields and rules hold for the integration user."""
    row = {**deal(), **wrong}
    assert refusal(world.worker.post(f"sobjects/{DEAL}", row)) == (400, code, fields)


def test_the_partners_flow_rewrites_what_is_saved(world: World) -> None:
    """The before-save flow changes a field of what the API writes, on create and on update."""
    record = created(world.worker, DEAL, **deal(Reference_Code__c="  ab-1 "))
    path = f"sobjects/{DEAL}/{record}"
    assert world.worker.get(path).json()["Reference_Code__c"] == "AB-1"
    world.worker.patch(path, {"Reference_Code__c": "c-2x"})
    assert world.worker.get(path).json()["Reference_Code__c"] == "C-2X"


def test_own_fields_of_standard_objects_are_there_too(world: World) -> None:
    """Fields that the partner gave Account, Opportunity and Lead can be written, and used as keys."""
    answer = world.worker.patch("sobjects/Account/Customer_Number__c/K-1", {"Name": "Kliniken", "Segment__c": "Large"})
    assert answer.status_code == 201
    account = answer.json()["id"]
    assert refusal(world.worker.patch(f"sobjects/Account/{account}", {"Segment__c": "Enterprise"}))[2] == ["Segment__c"]
    record = created(
        world.seller, "Opportunity", Name="O", StageName="Prospecting", CloseDate="2027-01-01", Workload__c="Move"
    )
    assert world.worker.rows(f"SELECT Workload__c FROM Opportunity WHERE Id = '{record}'") == [{"Workload__c": "Move"}]
    assert described(world.worker, "Lead")["Interest__c"]["restrictedPicklist"]


# -- record types


def test_describe_lists_record_types_with_the_users_default_and_the_master(shared: World) -> None:
    """Which record types a user may use, and which one his new records get, is his profile's and permission sets'."""
    worker = record_types(shared.worker, "Opportunity")
    said = {name: (one["available"], one["defaultRecordTypeMapping"], one["master"]) for name, one in worker.items()}
    assert said == {
        "Internal_Only": (False, False, False), "New_Business": (True, True, False), "Master": (True, False, True),
    }  # fmt: skip
    assert record_types(shared.seller, "Opportunity")["Internal_Only"]["available"]
    assert worker["Master"]["recordTypeId"] == MASTER
    assert worker["New_Business"]["name"] == "New Business" and worker["New_Business"]["active"]
    assert [*record_types(shared.worker, "Account")] == ["Master"]
    assert described(shared.worker, DEAL)["RecordTypeId"]["referenceTo"] == ["RecordType"]
    assert "RecordTypeId" not in described(shared.worker, "Account")


def test_record_types_are_queried_by_name_and_keep_their_ids(world: World) -> None:
    """SOQL on RecordType finds the id for a developer name; the same one after a reset, as on the same org."""
    soql = f"SELECT Id, DeveloperName, Name, SobjectType, IsActive FROM RecordType WHERE SobjectType = '{DEAL}'"
    found = world.worker.rows(soql)
    assert {(one["DeveloperName"], one["Name"], one["SobjectType"], one["IsActive"]) for one in found} == {
        ("Channel", "Channel Sale", DEAL, True), ("Direct", "Direct Sale", DEAL, True),
    }  # fmt: skip
    assert {one["Id"] for one in found} == {
        one["recordTypeId"] for name, one in record_types(world.worker, DEAL).items() if name != "Master"
    }
    world.org.reset()
    assert world.worker.rows(soql) == found


def test_a_new_record_gets_the_default_type_or_the_one_it_names(world: World) -> None:
    """Without RecordTypeId the profile's default; with one, that; the type can be filtered by name, and changed."""
    types = record_types(world.worker, DEAL)
    channel = types["Channel"]["recordTypeId"]
    plain = created(world.worker, DEAL, **deal())
    named = created(world.worker, DEAL, **deal(RecordTypeId=channel))
    of_channel = f"SELECT Id FROM {DEAL} WHERE RecordType.DeveloperName = 'Channel'"
    assert world.worker.rows(of_channel) == [{"Id": named}]
    assert world.worker.get(f"sobjects/{DEAL}/{plain}").json()["RecordTypeId"] == types["Direct"]["recordTypeId"]
    assert world.worker.patch(f"sobjects/{DEAL}/{plain}", {"RecordTypeId": channel}).status_code == 204
    assert len(world.worker.rows(of_channel)) == 2
    master = created(world.worker, DEAL, **deal(RecordTypeId=MASTER))
    assert world.worker.get(f"sobjects/{DEAL}/{master}").json()["RecordTypeId"] is None


def test_a_record_type_that_the_user_may_not_use_is_refused(world: World) -> None:
    """Another object's type, one that is not there, and one that neither profile nor permission set gives."""
    of_deal = record_types(world.worker, DEAL)["Direct"]["recordTypeId"]
    internal = record_types(world.worker, "Opportunity")["Internal_Only"]["recordTypeId"]
    row = {"Name": "O", "StageName": "Prospecting", "CloseDate": "2027-01-01"}
    for wrong in (of_deal, internal, ids.number("012", 999)):
        answer = world.worker.post("sobjects/Opportunity", {**row, "RecordTypeId": wrong})
        assert refusal(answer) == (400, "INVALID_CROSS_REFERENCE_KEY", ["RecordTypeId"]), wrong
    record = created(world.seller, "Opportunity", **row, RecordTypeId=internal)
    assert world.worker.patch(f"sobjects/Opportunity/{record}", {"NextStep": "Call"}).status_code == 204


# -- standard objects


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Account", "Name Website Industry Phone BillingStreet BillingCity BillingState BillingPostalCode "
         "BillingCountry OwnerId ParentId NumberOfEmployees AnnualRevenue Description Type AccountNumber"),
        ("Contact", "FirstName LastName Name Email Phone MobilePhone Title AccountId OwnerId MailingCountry"),
        ("User", "Name FirstName LastName Email Username IsActive ManagerId Title Department Phone"),
        ("Opportunity", "Name StageName CloseDate Amount Description NextStep Type LeadSource OwnerId AccountId "
         "CampaignId Probability IsClosed IsWon"),
        ("Lead", "FirstName LastName Company Email Phone Website Industry Street City State PostalCode Country Status "
         "LeadSource OwnerId IsConverted ConvertedDate ConvertedAccountId ConvertedContactId ConvertedOpportunityId"),
        ("Campaign", "Name Type Status StartDate EndDate IsActive ParentId OwnerId"),
    ],
)  # fmt: skip
def test_standard_objects_have_the_fields_that_a_mapping_uses(shared: World, name: str, fields: str) -> None:
    """Describe of the standard objects has the standard fields, for the integration user."""
    assert set(fields.split()) - described(shared.worker, name).keys() == set()


@pytest.mark.parametrize(
    ("name", "field", "targets", "relation"),
    [
        ("Opportunity", "OwnerId", ["User"], "Owner"),
        ("Account", "OwnerId", ["User"], "Owner"),
        ("Lead", "OwnerId", ["Group", "User"], "Owner"),
        (DEAL, "OwnerId", ["Group", "User"], "Owner"),
        ("Opportunity", "CampaignId", ["Campaign"], "Campaign"),
        ("Account", "ParentId", ["Account"], "Parent"),
        ("User", "ManagerId", ["User"], "Manager"),
        ("Lead", "ConvertedOpportunityId", ["Opportunity"], "ConvertedOpportunity"),
    ],
)
def test_references_say_what_they_refer_to(
    shared: World, name: str, field: str, targets: list[str], relation: str
) -> None:
    """Lookups of standard objects, with owners that may be queues only where records may be queued."""
    found = described(shared.worker, name)[field]
    assert (found["referenceTo"], found["relationshipName"]) == (targets, relation)
    assert found["polymorphicForeignKey"] == (len(targets) > 1)


def test_a_partners_own_stages_replace_the_usual_ones(tmp_path: Path) -> None:
    """What is closed, what is won and how probable a stage is, is the partner's to say."""
    with open_own_org(tmp_path, more=[STAGES]) as world:
        values = [one["value"] for one in described(world.worker, "Opportunity")["StageName"]["picklistValues"]]
        assert values == ["Erstkontakt", "Angebot", "Gewonnen", "Verloren"]
        row = {"Name": "O", "CloseDate": "2027-01-01"}
        assert refusal(world.worker.post("sobjects/Opportunity", {**row, "StageName": "Prospecting"}))[2] == [
            "StageName"
        ]
        record = created(world.worker, "Opportunity", **row, StageName="Gewonnen")
        shown = world.worker.get(f"sobjects/Opportunity/{record}").json()
        assert (shown["IsClosed"], shown["IsWon"], shown["Probability"]) == (True, True, 100)


def test_in_a_guarded_org_permission_sets_open_standard_fields_too(tmp_path: Path) -> None:
    """The profile of an API-only user shows no standard field but those that a record cannot be without.

    The package opens some of accounts, leads and opportunities, an address as a whole; the rest is the partner's.
    """
    with open_own_org(tmp_path / "closed", guarded=True) as world:
        fields = described(world.worker, "Contact")
        assert "Email" not in fields and {"Id", "Name", "OwnerId"} <= fields.keys()
        assert refusal(world.worker.query("SELECT Email FROM Contact"))[1] == "INVALID_FIELD"
        assert described(world.seller, "Contact")["Email"]["permissionable"]
        account, lead = (described(world.worker, name) for name in ("Account", "Lead"))
        assert {"Website", "BillingStreet", "BillingCountry"} <= account.keys() and "DunsNumber" not in account
        assert {"Status", "Company", "City"} <= lead.keys() and not lead["Status"]["permissionable"]
        assert {"StageName", "CloseDate"} <= described(world.worker, "Opportunity").keys()
    with open_own_org(tmp_path / "open", guarded=True, more=[STANDARD_FIELDS]) as world:
        assert described(world.worker, "Contact")["Email"]["updateable"]


@pytest.mark.parametrize("field", ["Opportunity.StageName", "Lead.Status", "Account.Name", "Account.Nonsense"])
def test_a_permission_on_what_everybody_sees_or_nobody_has_is_not_deployed(tmp_path: Path, field: str) -> None:
    """The platform refuses permissions on required fields, with the whole deployment."""
    folder = tmp_path / "wrong" / "permissionsets"
    folder.mkdir(parents=True)
    shown = f"<fieldPermissions><editable>true</editable><field>{field}</field><readable>true</readable>"
    (folder / "Wrong_Integration.permissionset-meta.xml").write_text(
        f'<PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata">{shown}</fieldPermissions>'
        "<label>Wrong</label></PermissionSet>",
        encoding="utf8",
    )
    with pytest.raises(MetadataError, match=field.lower()), open_own_org(tmp_path, more=[tmp_path / "wrong"]):
        pass


def test_an_owner_who_is_always_a_user_shows_all_that_users_have(world: World) -> None:
    """Two levels above an opportunity; the owner of a deal, who may be a queue, shows only what all owners have."""
    manager = world.org.user("admin")
    world.org.update("User", world.org.user("seller"), {"ManagerId": manager}, world.org.user("admin"))
    created(world.seller, "Opportunity", Name="O", StageName="Prospecting", CloseDate="2027-01-01")
    created(world.seller, DEAL, **deal())
    [row] = world.worker.rows("SELECT Owner.ManagerId, Owner.Manager.LastName FROM Opportunity")
    assert (row["Owner"]["ManagerId"], row["Owner"]["Manager"]["LastName"]) == (manager, "Moreno")
    assert refusal(world.worker.query(f"SELECT Owner.ManagerId FROM {DEAL}"))[1] == "INVALID_FIELD"


# -- several currencies


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    currencies = [Currency("USD"), Currency("EUR", 0.9), Currency("JPY", 150, active=False)]
    with open_own_org(tmp_path_factory.mktemp("rich"), currencies=currencies) as found:
        yield found


def test_an_org_with_several_currencies_has_one_on_every_record(rich: World) -> None:
    """CurrencyIsoCode on standard, packaged and own objects; rows for the currencies; the corporate one by default."""
    for name in ("Account", "Opportunity", "Lead", "ACE_Opportunity__c", DEAL):
        found = described(rich.worker, name)["CurrencyIsoCode"]
        assert [(one["value"], one["active"]) for one in found["picklistValues"]] == [
            ("USD", True), ("EUR", True), ("JPY", False),
        ]  # fmt: skip
    rows = rich.worker.rows("SELECT IsoCode, ConversionRate, IsActive, IsCorporate FROM CurrencyType ORDER BY IsoCode")
    assert [(one["IsoCode"], one["ConversionRate"], one["IsActive"], one["IsCorporate"]) for one in rows] == [
        ("EUR", 0.9, True, False), ("JPY", 150.0, False, False), ("USD", 1.0, True, True),
    ]  # fmt: skip
    record = created(rich.worker, DEAL, **deal())
    assert rich.worker.get(f"sobjects/{DEAL}/{record}").json()["CurrencyIsoCode"] == "USD"
    assert rich.worker.patch(f"sobjects/{DEAL}/{record}", {"CurrencyIsoCode": "EUR"}).status_code == 204


@pytest.mark.parametrize("code", ["JPY", "CHF", "usd"])
def test_a_currency_that_is_inactive_or_unknown_is_refused(rich: World, code: str) -> None:
    """Only active currencies of the org, in their own spelling."""
    answer = rich.worker.post(f"sobjects/{DEAL}", deal(CurrencyIsoCode=code))
    assert refusal(answer) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["CurrencyIsoCode"])


def test_records_begin_in_the_currency_of_their_creator(rich: World) -> None:
    """A user's own default currency goes before the corporate one."""
    seller = rich.org.user("seller")
    rich.org.update("User", seller, {"DefaultCurrencyIsoCode": "EUR"}, rich.org.user("admin"))
    record = created(rich.seller, DEAL, **deal())
    assert rich.seller.get(f"sobjects/{DEAL}/{record}").json()["CurrencyIsoCode"] == "EUR"


def test_an_org_with_one_currency_does_not_speak_of_it(world: World) -> None:
    """Neither field nor object: that is how a client tells."""
    assert "CurrencyIsoCode" not in described(world.worker, "Opportunity")
    assert world.worker.get("sobjects/CurrencyType/describe").status_code == 404
