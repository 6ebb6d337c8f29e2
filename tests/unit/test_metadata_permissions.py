"""Who may do what by the permission sets of the package, as the people who assign them expect it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from lxml import etree
from metadata_source import PROJECT, Source, every, is_grantable, text, texts

from connector import names
from connector.ace.catalogue import Owner, lead_fields, opportunity_fields

SOURCE = Source()
ADMINISTRATOR = "APN_Business_Administrator"
INTEGRATION = "APN_Integration_User"
USER = "APN_Business_User"
MP_ADMINISTRATOR = "AWS_Marketplace_Administrator"
MP_USER = "AWS_Marketplace_User"
PARTNER = "AWS_Channel_Partner_User"
MAIN = (ADMINISTRATOR, INTEGRATION, USER, MP_ADMINISTRATOR, MP_USER, PARTNER)
PEOPLE = tuple(name for name in MAIN if name != INTEGRATION)
STANDARD = ("ACE_Standard_Objects_Integration", "ACE_Standard_Objects_User")
REQUESTS = {names.ACTION_REQUEST, "ACE_Action_Request_Item__c"}
ANSWER = {"Message__c", "Completed_At__c"}
MARKETPLACE = {
    "AWS_Account__c", "AWS_Product__c", "AWS_Product_Dimension__c", "AWS_Private_Offer__c", "AWS_Offer_Dimension__c",
    "AWS_Payment_Schedule__c", "AWS_Resale_Authorization__c", "AWS_Shared_Resale_Authorization__c", "AWS_Agreement__c",
    "AWS_Marketplace_Sync__c", "AWS_Notification__c", "AWS_Log__c",
}  # fmt: skip
COMPANYWIDE = {"AWS_Shared_Resale_Authorization__c", "AWS_Agreement__c"}
"""What AWS tells about the company, and no seller owns."""
TABS = [
    ("PERM-09", "ACE_Setup_Step__c", {ADMINISTRATOR, INTEGRATION, MP_ADMINISTRATOR}),
    ("PERM-10", "standard-report", {USER, MP_USER, PARTNER}),
    ("PERM-11", "ACE_Mapping__c", {ADMINISTRATOR}),
    ("PERM-12", "ACE_Schedule__c", {ADMINISTRATOR, INTEGRATION, MP_USER, MP_ADMINISTRATOR}),
    ("PERM-13", "ACE_Sync_Log__c", {ADMINISTRATOR, INTEGRATION, USER}),
    ("PERM-14", "ACE_Lead__c", {ADMINISTRATOR, INTEGRATION, USER}),
    ("PERM-15", "ACE_Opportunity__c", {ADMINISTRATOR, INTEGRATION, USER}),
    ("PERM-16", "ACE_Solution__c", {ADMINISTRATOR, USER}),
    ("PERM-17", "AWS_Account__c", {MP_ADMINISTRATOR, MP_USER, PARTNER}),
    ("PERM-18", "AWS_Product__c", {MP_ADMINISTRATOR, MP_USER}),
    ("PERM-19", "AWS_Private_Offer__c", {MP_ADMINISTRATOR, MP_USER, PARTNER}),
    ("PERM-20", "AWS_Resale_Authorization__c", {MP_ADMINISTRATOR, MP_USER, PARTNER}),
    ("PERM-21", "AWS_Shared_Resale_Authorization__c", {MP_ADMINISTRATOR, PARTNER}),
    ("PERM-22", "AWS_Marketplace_Sync__c", {MP_ADMINISTRATOR, MP_USER, PARTNER}),
    ("PERM-23", "AWS_Agreement__c", {MP_USER, PARTNER}),
    ("PERM-24", "AWS_Notification__c", {ADMINISTRATOR, USER, MP_ADMINISTRATOR, MP_USER, PARTNER}),
    ("PERM-25", "ACE_Field_Mapping__c", {ADMINISTRATOR, INTEGRATION}),
    ("PERM-26", "AWS_Offer_Dimension__c", {MP_ADMINISTRATOR, MP_USER, PARTNER}),
    ("PERM-27", "AWS_Payment_Schedule__c", {MP_ADMINISTRATOR, MP_USER, PARTNER}),
    ("PERM-28", "AWS_Product_Dimension__c", {MP_ADMINISTRATOR, MP_USER}),
    ("PERM-29", "AWS_Log__c", {ADMINISTRATOR, USER}),
]


@pytest.fixture(scope="module")
def permissions() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_permissions", PROJECT / "permissions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def root(name: str) -> etree._Element:
    return SOURCE.root(SOURCE.of("permissionset")[name])


def rights(name: str) -> dict[str, set[str]]:
    """The rights that a permission set grants, by object."""
    return {
        text(entry, "object"): {str(child.tag).split("}")[1] for child in entry if child.text == "true"}
        for entry in every(root(name), "objectPermissions")
    }


def editable(name: str) -> dict[str, bool]:
    """The readable fields of a permission set as ``Object.Field``, with whether they can be written."""
    entries = every(root(name), "fieldPermissions")
    return {text(one, "field"): text(one, "editable") == "true" for one in entries if text(one, "readable") == "true"}


def tabs(name: str) -> dict[str, str]:
    return {text(one, "tab"): text(one, "visibility") for one in every(root(name), "tabSettings")}


def test_the_checked_in_sets_are_what_the_tables_give(permissions: ModuleType, tmp_path: Path) -> None:
    written = permissions.write(tmp_path)
    for path in written:
        shipped = PROJECT / path.relative_to(tmp_path)
        assert path.read_bytes() == shipped.read_bytes(), f"run salesforce_metadata/permissions.py ({shipped.name})"
    assert {path.name for path in written} == {path.name for path in SOURCE.of("permissionset").values()}


def test_the_tables_speak_of_every_object_and_of_no_other(permissions: ModuleType) -> None:
    ordinary = {name for name in SOURCE.objects if name.endswith("__c") and not SOURCE.is_setting(name)}
    assert set(permissions.RIGHTS) == ordinary
    assert set(permissions.TABS) == {*SOURCE.of("tab"), "standard-report"}


@pytest.mark.parametrize(
    ("tab", "holders"), [pytest.param(*row, marks=pytest.mark.requirement(id_), id=id_) for id_, *row in TABS]
)
def test_a_tab_is_visible_to_the_sets_of_its_roles(tab: str, holders: set[str]) -> None:
    assert {name for name in SOURCE.of("permissionset") if tabs(name).get(tab) == "Visible"} == holders


@pytest.mark.parametrize("name", MAIN)
def test_whoever_sees_a_tab_may_read_its_object_and_sees_the_app(name: str) -> None:
    shown = {tab for tab in tabs(name) if not tab.startswith("standard-")}
    assert shown <= {owner for owner, held in rights(name).items() if "allowRead" in held}
    assert texts(root(name), "applicationVisibilities/application") == ["AWS_Partner_CRM_Connector"]


@pytest.mark.parametrize("name", [*MAIN, *STANDARD])
def test_no_set_changes_the_org_or_all_of_its_data(name: str) -> None:
    general = set(texts(root(name), "userPermissions/name"))
    assert general <= {"ApiEnabled", "RunFlow"}
    assert ("ApiEnabled" in general) == (name == INTEGRATION)
    assert not text(root(name), "license")
    assert text(root(name), "hasActivationRequired") == "false"
    assert len(text(root(name), "description")) <= 255


def test_only_the_connector_passes_the_rules_for_people() -> None:
    holders = [name for name in (*MAIN, *STANDARD) if texts(root(name), "customPermissions/name")]
    assert holders == [INTEGRATION]


def test_the_connector_reads_and_writes_every_field_of_the_package() -> None:
    """A field that field-level security hides would read as empty, and be sent to AWS as empty."""
    granted = editable(INTEGRATION) | editable("ACE_Standard_Objects_Integration")
    for owner, fields in SOURCE.objects.items():
        for field, element in fields.items() if not SOURCE.is_setting(owner) else ():
            if is_grantable(element):
                asked = owner in REQUESTS and field not in ANSWER
                assert granted[f"{owner}.{field}"] != (asked or bool(text(element, "formula"))), f"{owner}.{field}"
    assert set(texts(root(INTEGRATION), "customSettingAccesses/name")) == {
        name for name in SOURCE.objects if SOURCE.is_setting(name)
    }


def test_the_connector_sees_and_changes_every_row_of_the_package() -> None:
    everything = {"allowCreate", "allowRead", "allowEdit", "allowDelete", "viewAllRecords", "modifyAllRecords"}
    ordinary = {name for name in SOURCE.objects if name.endswith("__c") and not SOURCE.is_setting(name)}
    assert rights(INTEGRATION) == dict.fromkeys(ordinary, everything)


@pytest.mark.parametrize("owner", [names.ACE_OPPORTUNITY, names.ACE_LEAD])
@pytest.mark.parametrize("name", [ADMINISTRATOR, USER])
def test_people_write_neither_the_identifiers_nor_what_aws_maintains(name: str, owner: str) -> None:
    """A copied record inherits them: only the connector may set them."""
    catalogue = opportunity_fields() if owner == names.ACE_OPPORTUNITY else lead_fields()
    aws = {one.salesforce_name for one in catalogue.values() if one.owner is Owner.AWS and one.salesforce_type}
    own = set(names.PACKAGED.all) - {names.PACKAGED.sync_with_aws}
    for field, element in SOURCE.objects[owner].items():
        if is_grantable(element):
            assert editable(name)[f"{owner}.{field}"] == (field not in aws | own), field


@pytest.mark.parametrize("owner", ["Opportunity", "Lead"])
def test_the_optional_sets_serve_the_standard_objects(owner: str) -> None:
    own = names.PACKAGED
    read_only = {f"{owner}.{field}" for field in own.all if field != own.sync_with_aws}
    sellers, connector = (editable(name) for name in reversed(STANDARD))
    assert {field for field, write in sellers.items() if field.startswith(owner) and not write} == read_only
    assert {field for field, write in connector.items() if field.startswith(owner) and not write} == {
        f"{owner}.{own.has_updates}"
    }
    assert rights(STANDARD[0])[owner] == {"allowCreate", "allowRead", "allowEdit", "viewAllRecords"}
    assert rights(STANDARD[1])[owner] == {"allowCreate", "allowRead", "allowEdit"}


@pytest.mark.parametrize("owner", ["Account", "Lead", "Opportunity"])
def test_the_connector_sees_the_standard_fields_that_are_mapped_most(owner: str) -> None:
    """A profile with API access only shows none of them; sellers see them by their own profiles."""
    granted = {field.partition(".")[2]: write for field, write in editable(STANDARD[0]).items()}
    mapped = {
        "Account": {"Website", "Industry", "Phone", "BillingAddress", "NumberOfEmployees", "ParentId"},
        "Lead": {"Email", "Phone", "Title", "Website", "Industry", "Address", "Description", "LeadSource"},
        "Opportunity": {"AccountId", "Amount", "CampaignId", "Description", "LeadSource", "NextStep", "Type"},
    }[owner]
    assert all(editable(STANDARD[0])[f"{owner}.{field}"] for field in mapped)
    assert not {"Name", "StageName", "CloseDate", "Company", "Status", "OwnerId"} & granted.keys()
    assert not [field for field in editable(STANDARD[1]) if not field.endswith("__c")]


def test_people_ask_but_do_not_answer() -> None:
    """Every role may create requests; what came of them only the connector writes."""
    for name in PEOPLE:
        for owner in REQUESTS:
            assert {"allowCreate", "allowRead"} <= rights(name)[owner]
            assert not {"allowEdit", "allowDelete"} & rights(name)[owner]
        for field in (f"{names.ACTION_REQUEST}.{one}" for one in sorted(ANSWER)):
            assert editable(name)[field] is False


def test_schedules_are_made_by_the_roles_that_may() -> None:
    """The business administrator looks at them, the Marketplace user too, the seller does not."""
    makers = {name for name in MAIN if "allowCreate" in rights(name).get(names.SCHEDULE, ())}
    assert makers == {INTEGRATION, MP_ADMINISTRATOR, PARTNER}
    for name in (ADMINISTRATOR, MP_USER):
        assert not {"allowCreate", "allowEdit", "allowDelete"} & rights(name)[names.SCHEDULE]
        assert "allowRead" in rights(name)[names.SCHEDULE]
    assert names.SCHEDULE not in rights(USER)
    assert tabs(PARTNER)[names.SCHEDULE] == "Available"


def test_the_administrator_sees_all_logs_and_corrects_payloads_only() -> None:
    for owner in (names.SYNC_LOG, names.SYNC_LOG_DETAIL):
        assert {"viewAllRecords", "allowDelete"} <= rights(ADMINISTRATOR)[owner]
        assert "allowCreate" not in rights(ADMINISTRATOR)[owner]
    writable = {field for field, write in editable(ADMINISTRATOR).items() if write and "Sync_Log" in field}
    assert writable == {f"{names.SYNC_LOG_DETAIL}.{one}" for one in ("Corrected_Payload__c", "Reprocess__c")}


def test_sellers_see_no_row_of_another_by_their_set_alone() -> None:
    for name in (USER, MP_USER, PARTNER, STANDARD[1]):
        for owner, held in rights(name).items():
            assert "modifyAllRecords" not in held
            assert "viewAllRecords" not in held or owner in COMPANYWIDE
    assert rights(USER)[names.SYNC_LOG] == rights(USER)[names.SYNC_LOG_DETAIL] == {"allowRead"}


def test_the_marketplace_administrator_has_every_marketplace_row() -> None:
    for owner in MARKETPLACE:
        assert {"allowRead", "allowCreate", "allowEdit", "viewAllRecords"} <= rights(MP_ADMINISTRATOR)[owner], owner


def test_marketplace_roles_make_what_they_sell_and_only_read_the_rest() -> None:
    """An offer's prices and payments come with it; a channel partner makes no resale authorization.

    Of an agreement they write to which opportunity it belongs.
    """
    rows = {"AWS_Private_Offer__c", "AWS_Offer_Dimension__c", "AWS_Payment_Schedule__c"}
    for name, made in ((MP_USER, rows | {"AWS_Resale_Authorization__c"}), (PARTNER, rows)):
        held = {owner: one for owner, one in rights(name).items() if owner in MARKETPLACE}
        assert {owner for owner, one in held.items() if "allowCreate" in one} == made
        assert {owner for owner, one in held.items() if "allowEdit" in one} == made | {"AWS_Agreement__c"}
        written = {field for field, write in editable(name).items() if write and field.startswith("AWS_Agreement__c.")}
        assert written == {"AWS_Agreement__c.ACE_Opportunity__c", "AWS_Agreement__c.Opportunity__c"}
    assert "AWS_Shared_Resale_Authorization__c" not in rights(MP_USER)


def test_settings_are_read_by_those_who_look_after_them() -> None:
    readers = {name: texts(root(name), "customSettingAccesses/name") for name in PEOPLE}
    assert readers == {
        ADMINISTRATOR: [names.SETTINGS], USER: [], MP_ADMINISTRATOR: ["AWS_Marketplace_Settings__c"], MP_USER: [],
        PARTNER: [],
    }  # fmt: skip


def test_the_guide_names_every_set_and_its_tabs() -> None:
    """The table of tabs is what the sets grant, by the labels that people see."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (PROJECT / "permissions.md").read_text(encoding="utf8").splitlines()
        if line.startswith("| ")
    ]
    named = {row[0].replace(" ", "_") for row in rows if len(row) == 4}
    assert set(SOURCE.of("permissionset")) <= named
    labels = {name: plural(name) for name in SOURCE.of("tab")} | {"standard-report": "Reports"}
    shown = {"yes": "Visible", "under All Items": "Available", "": None}
    told = {row[0]: [shown[cell] for cell in row[1:]] for row in rows if len(row) == 7 and row[0] != "tab"}
    assert told == {label: [tabs(name).get(tab) for name in MAIN] for tab, label in labels.items()}


def plural(name: str) -> str:
    element = SOURCE.definition(name)
    assert element is not None
    return text(element, "pluralLabel")
