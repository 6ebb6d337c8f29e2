"""What the co-sell objects and the settings of the package promise to people and to the connector."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lxml import etree
from metadata_source import PROJECT, Source, text, texts

from connector import names
from connector.ace.catalogue import lead_fields, opportunity_fields
from connector.admin.org_settings import DEFAULTS
from connector.mapping.automap import automap_packaged
from connector.mapping.fit import check_mapping, is_blocking, own_field_problems
from connector.names import PACKAGED, FileSettings, MarketplaceSettings, Settings, TemplateSettings
from connector.salesforce.describe import parse_object
from connector.sandbox.clock import SandboxClock
from connector.sandbox.salesforce.describe import describe
from connector.sandbox.salesforce.faults import RowErrors
from connector.sandbox.salesforce.org import Org
from connector.sync.settings import SyncSettings, read_settings

SOURCE = Source()
TABLES: dict[str, tuple[type, ...]] = {
    names.SETTINGS: (Settings, TemplateSettings, FileSettings),
    names.MARKETPLACE_SETTINGS: (MarketplaceSettings,),
    names.S3_BUCKET_SETTING: (names.BucketSetting,),
    names.SOLUTION: (names.Solution,),
    names.AWS_PRODUCT: (names.CoSellProduct,),
    names.NOTIFICATION: (names.Notification,),
    names.SETUP_STEP: (names.SetupStep,),
    names.MAPPING: (names.PublishedMapping,),
    names.FIELD_MAPPING: (names.FieldMapping,),
}
CUSTOM_SETTINGS = (names.SETTINGS, names.MARKETPLACE_SETTINGS)
IN_CUSTOM_SETTINGS = {
    "Checkbox", "Currency", "Date", "DateTime", "Email", "Number", "Percent", "Phone", "Text", "TextArea", "Url",
}  # fmt: skip
KEYS = {
    names.SOLUTION: names.Solution.ID,
    names.AWS_PRODUCT: names.CoSellProduct.ID,
    names.SETUP_STEP: names.SetupStep.KEY,
    names.MAPPING: names.PublishedMapping.KEY,
    names.FIELD_MAPPING: names.FieldMapping.KEY,
}
NEEDED: dict[str, dict[str, Any]] = {
    "Opportunity": {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2030-01-01"},
    "Lead": {"LastName": "Kim", "Company": "Acme"},
    names.ACE_OPPORTUNITY: {"Name": "Deal"},
    names.ACE_LEAD: {"Name": "Acme"},
}
"""What a row of each synced object cannot be without."""
NOT_IN_THE_MODEL = {
    "partnerPrimaryNeedFromAwsOther", "awsFieldEngagement", "contractVehicle", "isThisAPublicReference",
    "isThisForMarketplace", "leadSource", "isNetNewBusinessForCompany", "publicReferenceTitle", "publicReferenceUrl",
    "rfxSolicitationNumber", "subUseCase",
}  # fmt: skip
"""Opportunity fields of older data models, which version 14 gave up."""
THE_RECORD_ITSELF = {"partnerCrmUniqueIdentifier", "partnerCrmLeadId"}
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    org = Org(PROJECT, SandboxClock(), directory=tmp_path_factory.mktemp("org"))
    yield org
    org.storage.connection.close()


@pytest.fixture
def org(deployed: Org) -> Org:
    deployed.reset()
    return deployed


def fields_of(name: str) -> dict[str, etree._Element]:
    return SOURCE.objects[name]


def declared(name: str) -> etree._Element:
    found = SOURCE.definition(name)
    assert found is not None
    return found


def in_table(tables: tuple[type, ...]) -> set[str]:
    return {value for table in tables for key, value in vars(table).items() if key.isupper() and value.endswith("__c")}


@pytest.mark.parametrize(("name", "tables"), TABLES.items(), ids=str)
def test_the_code_names_every_field_of_the_object_and_no_other(name: str, tables: tuple[type, ...]) -> None:
    assert in_table(tables) == set(fields_of(name))


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (names.SETTINGS, "AWS Partner CRM connector settings"),
        (names.MARKETPLACE_SETTINGS, "AWS Marketplace Integration Settings"),
    ],
)
def test_custom_settings_are_of_the_hierarchy_and_hold_only_what_they_can(name: str, label: str) -> None:
    assert text(declared(name), "customSettingsType") == "Hierarchy"
    assert text(declared(name), "label") == label
    assert {text(field, "type") for field in fields_of(name).values()} <= IN_CUSTOM_SETTINGS


def settings_fields() -> list[Any]:
    owners = (*CUSTOM_SETTINGS, names.S3_BUCKET_SETTING)
    return [pytest.param(one, id=f"{owner}.{field}") for owner in owners for field, one in fields_of(owner).items()]


@pytest.mark.parametrize("field", settings_fields())
def test_every_setting_says_what_it_does_and_what_blank_means(field: etree._Element) -> None:
    help_text = text(field, "inlineHelpText")
    assert text(field, "description")
    if text(field, "type") == "Checkbox":
        assert text(field, "defaultValue") == "false"
        assert "nchecked: " in help_text
    elif text(field, "required") != "true":
        assert "Blank: " in help_text


def ranges() -> list[Any]:
    """Return name, least and greatest value as the help tells them, of the numbers that the engine reads."""
    found = {name: text(field, "inlineHelpText") for name, field in fields_of(names.SETTINGS).items()}
    told = {name: re.search(r"(\d+) to (\d+)\.", help_text) for name, help_text in found.items()}
    return [
        pytest.param(name, int(match[1]), int(match[2]), id=name)
        for name, match in sorted(told.items())
        if match and name in in_table((Settings,))
    ]


def test_every_number_that_the_engine_reads_tells_its_range() -> None:
    numbers = {name for name, field in fields_of(names.SETTINGS).items() if text(field, "type") == "Number"}
    assert {one.id for one in ranges()} == numbers & in_table((Settings,))


@pytest.mark.parametrize(("name", "least", "greatest"), ranges())
def test_the_help_tells_the_range_that_the_engine_takes(name: str, least: int, greatest: int) -> None:
    assert [read_settings({name: value}, "005").problems for value in (least, greatest)] == [(), ()]
    assert all(read_settings({name: value}, "005").problems for value in (least - 1, greatest + 1))
    digits = int(text(fields_of(names.SETTINGS)[name], "precision"))
    assert len(str(greatest)) <= digits


def test_a_new_row_of_settings_holds_the_defaults_of_the_connector(org: Org) -> None:
    fields = ", ".join(in_table((Settings, TemplateSettings, FileSettings)))
    (row,) = org.rows(f"SELECT {fields} FROM {names.SETTINGS}")
    settings, standard = read_settings(row, org.user("integration")), SyncSettings(frozenset())
    assert settings.problems == ()
    for name in ("retry_count", "poll_seconds", "sweep_seconds", "due_sweep_minutes", "log_retention_days"):
        assert getattr(settings, name) == getattr(standard, name)
    assert {name: row[name] for name in DEFAULTS} == DEFAULTS


def test_marketplace_settings_start_without_queue_role_and_switches(org: Org) -> None:
    org.insert(names.MARKETPLACE_SETTINGS, [{"SetupOwnerId": org.org_id}], org.user("admin"))
    fields = sorted(in_table((MarketplaceSettings,)))
    (row,) = org.rows(f"SELECT {', '.join(fields)} FROM {names.MARKETPLACE_SETTINGS}")
    assert {name: row[name] for name in fields if row[name]} == {MarketplaceSettings.LOG_LEVEL: "ERROR"}
    switches = (
        MarketplaceSettings.ADD_SELLER_TO_BUYERS,
        MarketplaceSettings.IN_PARTNER_PROGRAMS,
        MarketplaceSettings.LOG_ALL_REQUESTS,
    )
    assert [row[name] for name in switches] == [False, False, False]


@pytest.mark.parametrize("bucket", ["s3://eulas", "Eulas", "ab", "eulas/2026", "-eulas"])
def test_a_bucket_setting_takes_the_name_of_a_bucket_only(org: Org, bucket: str) -> None:
    admin = org.user("admin")
    org.insert(names.S3_BUCKET_SETTING, [{"Name": "sellerA", "Bucket_Name__c": "seller-a.eulas-1"}], admin)
    with pytest.raises(RowErrors, match="bucket's name alone"):
        org.insert(names.S3_BUCKET_SETTING, [{"Name": "sellerB", "Bucket_Name__c": bucket}], admin)


def test_a_bucket_prefix_starts_without_a_slash(org: Org) -> None:
    with pytest.raises(RowErrors, match="slash in front"):
        row = {"Name": "sellerA", "Bucket_Name__c": "eulas", "Bucket_Prefix__c": "/eulas/"}
        org.insert(names.S3_BUCKET_SETTING, [row], org.user("admin"))


def test_an_account_has_one_bucket_setting(org: Org) -> None:
    """Its prefix is unique whatever its case; nobody but the org fills the field that sees to it."""
    admin, row = org.user("admin"), {"Name": "sellerA", "Bucket_Name__c": "eulas"}
    (made,) = org.insert(names.S3_BUCKET_SETTING, [row], admin)
    for again in ("sellerA", "SELLERA"):
        with pytest.raises(RowErrors, match="duplicate value"):
            org.insert(names.S3_BUCKET_SETTING, [row | {"Name": again}], admin)
    (other,) = org.insert(names.S3_BUCKET_SETTING, [row | {"Name": "sellerB", "Prefix_Key__c": "sellerC"}], admin)
    with pytest.raises(RowErrors, match="duplicate value"):
        org.update(names.S3_BUCKET_SETTING, other, {"Name": "sellerA"}, admin)
    org.update(names.S3_BUCKET_SETTING, made, {"Name": "sellerC"}, admin)
    assert org.insert(names.S3_BUCKET_SETTING, [row], admin), "the old prefix is free again"


@pytest.mark.parametrize("name", [name for name in TABLES if name not in CUSTOM_SETTINGS])
def test_rows_that_everybody_may_read_are_changed_by_their_owner_only(name: str) -> None:
    wanted = "ControlledByParent" if name == names.FIELD_MAPPING else "Read"
    assert text(declared(name), "sharingModel") == wanted


@pytest.mark.parametrize(("name", "key"), KEYS.items(), ids=str)
def test_the_connector_finds_its_rows_again_by_a_unique_external_id(name: str, key: str) -> None:
    field = fields_of(name)[key]
    assert text(field, "unique") == text(field, "externalId") == "true"
    assert text(field, "caseSensitive") == "false"


@pytest.mark.parametrize(
    ("name", "field", "values"),
    [
        (names.NOTIFICATION, names.Notification.STATUS, "New, Processed, Ignored, Error"),
        (names.SETUP_STEP, names.SetupStep.STATUS, "Not started, To confirm, Complete, Failed"),
        (names.SOLUTION, names.Solution.STATUS, "Active, Inactive, Draft"),
        (names.MAPPING, names.PublishedMapping.RECORD_TYPE, "Opportunity, Lead"),
    ],
)
def test_picklists_take_exactly_the_agreed_values(name: str, field: str, values: str) -> None:
    element = fields_of(name)[field]
    assert ", ".join(texts(element, "*/value/fullName")) == values
    assert text(element, "valueSet/restricted") == "true"


def test_a_notification_starts_as_new_under_the_name_that_the_event_gives_it(org: Org) -> None:
    row = {"Name": "Change Set Succeeded", "Account_Number__c": "111122223333", "EntityId__c": "cs-1"}
    org.insert(names.NOTIFICATION, [row], org.user("admin"))
    (found,) = org.rows(f"SELECT Name, Account_Number__c, EntityId__c, Status__c FROM {names.NOTIFICATION}")
    assert {name: found[name] for name in (*row, "Status__c")} == {**row, "Status__c": "New"}


def test_the_fields_of_a_mapping_go_with_it(org: Org) -> None:
    admin = org.user("admin")
    (mapping,) = org.insert(names.MAPPING, [{"Name": "Opportunity 1", "Mapping_Key__c": "opportunity-1"}], admin)
    row = {"Name": "Stage", "Mapping__c": mapping, "Field_Key__c": "opportunity-1 stage", "ACE_Field__c": "stage"}
    org.insert(names.FIELD_MAPPING, [row], admin)
    with pytest.raises(RowErrors, match="duplicate value"):
        org.insert(names.FIELD_MAPPING, [{**row, "Field_Key__c": "OPPORTUNITY-1 stage"}], admin)
    org.delete(names.MAPPING, mapping, admin)
    assert org.rows(f"SELECT Id FROM {names.FIELD_MAPPING}") == []


@pytest.mark.parametrize("name", NEEDED)
def test_every_synced_object_has_the_connectors_own_fields(org: Org, name: str) -> None:
    found = parse_object(describe(org, org.user("admin"), org.schema[name], ""))
    assert own_field_problems(found, PACKAGED) == ()
    assert {one for one in PACKAGED.all if found.field(one) is None} == set()


@pytest.mark.parametrize("name", ["Opportunity", names.ACE_LEAD, "Lead"])
def test_every_synced_object_has_the_same_fields(name: str) -> None:
    """All targets obey the same formula, and keep the identifier unique in the same way."""
    for field in PACKAGED.all:
        wanted, found = (etree.tostring(fields_of(one)[field]).decode() for one in (names.ACE_OPPORTUNITY, name))
        assert found == (wanted.replace("opportunity", "lead") if "Lead" in name else wanted)


def touched(org: Org, name: str, who: str, seconds: int | None, *, flag: bool = True) -> bool:
    """Return Has Updates of a row that ``who`` modified that many seconds after its last sync; None: never synced."""
    org.update(
        names.SETTINGS, settings_row(org), {"Integration_User_Id__c": org.user("integration")}, org.user("admin")
    )
    synced = {} if seconds is None else {PACKAGED.last_sync_date: f"{NOW:%Y-%m-%dT%H:%M:%S.000Z}"}
    row = {**NEEDED[name], PACKAGED.sync_with_aws: flag, **synced}
    (record,) = org.insert(name, [row], org.user("integration"), NOW - timedelta(hours=1))
    edit = dict([next(iter(NEEDED[name].items()))])
    if name == names.ACE_LEAD:
        edit |= {PACKAGED.apn_id: "L1234567", "Status__c": "Open", "Current_Lead_Stage__c": "Accepted"}
    org.update(name, record, edit, org.user(who), NOW + timedelta(seconds=seconds or 0))
    (found,) = org.rows(f"SELECT {PACKAGED.has_updates} FROM {name} WHERE Id = '{record}'")
    return bool(found[PACKAGED.has_updates])


def settings_row(org: Org) -> str:
    (row,) = org.rows(f"SELECT Id FROM {names.SETTINGS}")
    return str(row["Id"])


TRUTH = [
    ("admin", 60, True, True),
    ("admin", 0, True, True),
    ("admin", -60, True, False),
    ("admin", None, True, True),
    ("integration", 60, True, False),
    ("integration", 0, True, False),
    ("integration", None, True, True),
    ("admin", 60, False, False),
    ("admin", None, False, False),
]


@pytest.mark.requirement("ELIG-10")
@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize(("who", "seconds", "flag", "due"), TRUTH)
def test_has_updates_has_the_same_truth_table_everywhere(
    org: Org, name: str, who: str, seconds: int | None, *, flag: bool, due: bool
) -> None:
    assert touched(org, name, who, seconds, flag=flag) is due


@pytest.mark.requirement("MAP-30")
def test_the_packaged_objects_cover_the_data_model_and_refuse_an_invalid_opportunity(org: Org) -> None:
    for name, catalogue in ((names.ACE_OPPORTUNITY, opportunity_fields()), (names.ACE_LEAD, lead_fields())):
        deployed = {field.name: field for field in org.schema[name].fields.values()}
        without = {field.name for field in catalogue.values() if field.salesforce_name not in deployed}
        assert without <= NOT_IN_THE_MODEL | THE_RECORD_ITSELF
        for field in catalogue.values():
            if field.values and field.salesforce_name:
                assert {one.value for one in deployed[field.salesforce_name].choices} == set(field.values)
    lost = {**NEEDED[names.ACE_OPPORTUNITY], "Stage__c": "Closed Lost"}
    with pytest.raises(RowErrors, match="closed lost reason"):
        org.insert(names.ACE_OPPORTUNITY, [lost], org.user("seller"))
    assert org.insert(names.ACE_OPPORTUNITY, [{**lost, "Closed_Lost_Reason__c": "Price"}], org.user("seller"))


def test_the_packaged_lead_can_be_mapped_automatically(org: Org) -> None:
    package = parse_object(describe(org, org.user("admin"), org.schema[names.ACE_LEAD], ""))
    mapping = automap_packaged(lead_fields(), package)
    assert {item.ace_field for item in mapping.fields} == set(lead_fields()) - {
        "apnCrmUniqueIdentifier", "partnerCrmLeadId"
    }  # fmt: skip
    problems = check_mapping(mapping, lead_fields(), lambda name: package if name == package.name else None)
    assert [problem for problem in problems if is_blocking(problem)] == []


SYNCED_LEAD = {
    **NEEDED[names.ACE_LEAD], PACKAGED.sync_with_aws: True, PACKAGED.apn_id: "L1234567", "Status__c": "Open",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [({PACKAGED.apn_id: None}, "leads that it referred"), ({"Status__c": None}, "Choose a status")],
)
def test_a_lead_that_aws_would_not_take_is_refused(org: Org, change: dict[str, Any], message: str) -> None:
    admin = org.user("admin")
    with pytest.raises(RowErrors, match=message):
        org.insert(names.ACE_LEAD, [{**SYNCED_LEAD, **change}], admin)
    assert org.insert(names.ACE_LEAD, [{**SYNCED_LEAD, **change, PACKAGED.sync_with_aws: False}], admin)


def test_a_lead_is_accepted_or_rejected_before_its_status_changes(org: Org) -> None:
    admin = org.user("admin")
    (lead,) = org.insert(names.ACE_LEAD, [SYNCED_LEAD], admin)
    org.update(names.ACE_LEAD, lead, {"Lead_Status_Reason__c": "Called"}, admin)
    with pytest.raises(RowErrors, match="Accept or reject"):
        org.update(names.ACE_LEAD, lead, {"Status__c": "Research"}, admin)
    org.update(names.ACE_LEAD, lead, {"Status__c": "Research", "Current_Lead_Stage__c": "Accepted"}, admin)


INVALID: dict[str, dict[str, Any]] = {
    names.ACE_OPPORTUNITY: {"Stage__c": "Closed Lost"},
    names.ACE_LEAD: {PACKAGED.sync_with_aws: True},
}


@pytest.mark.parametrize(("name", "wrong"), INVALID.items(), ids=str)
def test_what_aws_sends_is_stored_as_it_is(org: Org, name: str, wrong: dict[str, Any]) -> None:
    """The rules leave the connector alone by its custom permission, and by the setting that names it."""
    admin, row = org.user("admin"), {**NEEDED[name], **wrong}
    for named in ("integration", "seller2"):
        org.update(names.SETTINGS, settings_row(org), {"Integration_User_Id__c": org.user(named)}, admin)
        assert org.insert(name, [row], org.user("integration"))
    assert org.insert(name, [row], org.user("seller2"))
    with pytest.raises(RowErrors):
        org.insert(name, [row], org.user("seller"))
