"""What is deployed to an org holds together: everything that is named exists, within the platform's limits."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from connector import names
from connector.eligibility.formula import compile_formula

PROJECT = Path(__file__).parents[2] / "salesforce_metadata"
BASE = PROJECT / "base" / "main" / "default"
NS = {"m": "http://soap.sforce.com/2006/04/metadata"}
NAME_TABLES = {
    names.SYNC_LOG: names.Log,
    names.SYNC_LOG_DETAIL: names.Detail,
    names.WORKER: names.Worker,
    names.SETTINGS: names.Settings,
}
STANDARD = {"Name", "OwnerId", "CreatedById", "LastModifiedById"}
REQUESTS = {names.ACTION_REQUEST, "ACE_Action_Request_Item__c"}
OUTCOME = {"Message__c", "Completed_At__c"}
LIST_COLUMNS = {"NAME", "CREATED_DATE", "CREATEDBY_USER"}


@cache
def root(path: Path) -> etree._Element:
    return etree.parse(path).getroot()


def text(element: etree._Element, tag: str) -> str:
    return element.findtext(f"m:{tag}", default="", namespaces=NS)


def texts(element: etree._Element, path: str) -> list[str]:
    return [str(found.text) for found in element.findall(path, NS)]


@cache
def objects() -> dict[str, dict[str, etree._Element]]:
    """Fields by API name, of every object in the package."""
    return {
        folder.name: {text(root(path), "fullName"): root(path) for path in folder.glob("fields/*.xml")}
        for folder in sorted((BASE / "objects").iterdir())
    }


def definition(name: str) -> etree._Element:
    return root(BASE / "objects" / name / f"{name}.object-meta.xml")


def all_fields() -> list[tuple[str, str, etree._Element]]:
    return [(name, field, element) for name, fields in objects().items() for field, element in fields.items()]


def permission_set(name: str) -> etree._Element:
    return root(BASE / "permissionsets" / f"{name}.permissionset-meta.xml")


def granted(name: str) -> dict[str, bool]:
    """Readable fields of the permission set as ``Object.Field``, with whether they are editable."""
    return {
        text(entry, "field"): text(entry, "editable") == "true"
        for entry in permission_set(name).findall("m:fieldPermissions", NS)
        if text(entry, "readable") == "true"
    }


def is_grantable(element: etree._Element) -> bool:
    return text(element, "required") != "true" and text(element, "type") != "MasterDetail"


PERMISSION_SETS = [path.name.split(".")[0] for path in sorted((BASE / "permissionsets").glob("*.xml"))]
SOURCES = [path.relative_to(PROJECT).as_posix() for path in sorted(BASE.rglob("*-meta.xml"))]


def test_project_names_existing_packages_and_a_version():
    project = json.loads((PROJECT / "sfdx-project.json").read_text())
    assert [entry["path"] for entry in project["packageDirectories"] if entry.get("default")] == ["base"]
    assert all((PROJECT / entry["path"]).is_dir() for entry in project["packageDirectories"])
    assert project["sourceApiVersion"] == "66.0"


@pytest.mark.parametrize("source", SOURCES)
def test_full_name_is_the_file_name(source):
    path = PROJECT / source
    full_name = text(root(path), "fullName")
    assert full_name in ("", path.name.split(".")[0])
    assert etree.QName(root(path)).namespace == NS["m"]


@pytest.mark.parametrize(("name", "field", "element"), all_fields(), ids=lambda part: str(part)[:60])
def test_field_stays_within_the_platform_limits(name, field, element):
    assert re.fullmatch(r"[A-Za-z](?:_?[A-Za-z0-9])*__c", field)
    assert len(field.removesuffix("__c")) <= 40
    assert 0 < len(text(element, "label")) <= 40
    assert len(text(element, "description")) <= 1000
    assert len(text(element, "inlineHelpText")) <= 510
    check = LIMITS.get(text(element, "type"))
    assert check is None or check(element)


def _long_text(element: etree._Element) -> bool:
    return 256 <= int(text(element, "length")) <= 131072 and int(text(element, "visibleLines")) >= 1


def _text(element: etree._Element) -> bool:
    return 1 <= int(text(element, "length")) <= 255


def _number(element: etree._Element) -> bool:
    return 1 <= int(text(element, "precision")) <= 18 and int(text(element, "scale")) <= int(text(element, "precision"))


def _picklist(element: etree._Element) -> bool:
    values = texts(element, ".//m:value/m:fullName")
    defaults = [value for value in element.findall(".//m:value", NS) if text(value, "default") == "true"]
    unique = len(values) == len({value.lower() for value in values}) > 0
    return unique and len(defaults) <= 1 and max(map(len, values)) <= 255


LIMITS = {
    "LongTextArea": _long_text, "Text": _text, "Number": _number, "Currency": _number, "Picklist": _picklist,
    "MultiselectPicklist": _picklist,
}  # fmt: skip


@pytest.mark.parametrize("name", objects())
def test_object_has_what_the_platform_requires(name):
    element = definition(name)
    assert 0 < len(text(element, "label")) <= 40
    if text(element, "customSettingsType"):
        return
    assert text(element, "pluralLabel")
    assert text(element, "deploymentStatus") == "Deployed"
    assert element.find("m:nameField/m:type", NS) is not None
    has_parent = any(text(field, "type") == "MasterDetail" for field in objects()[name].values())
    assert (text(element, "sharingModel") == "ControlledByParent") == has_parent
    assert sum(text(field, "externalId") == "true" for field in objects()[name].values()) <= 25


def test_every_reference_leads_to_an_object_and_has_a_name_of_its_own():
    taken = []
    for _, _, element in all_fields():
        if text(element, "referenceTo"):
            assert text(element, "referenceTo") in objects()
            taken.append((text(element, "referenceTo"), text(element, "relationshipName").lower()))
    assert len(taken) == len(set(taken)) > 0


@pytest.mark.parametrize(("name", "table"), NAME_TABLES.items(), ids=str)
def test_every_name_that_the_code_uses_is_deployed(name, table):
    used = {value for key, value in vars(table).items() if key.isupper() and value.endswith("__c")}
    assert used
    assert used <= set(objects()[name])


def test_the_synchronisation_fields_are_deployed():
    assert set(names.PACKAGED.all) <= set(objects()[names.ACE_OPPORTUNITY])


@pytest.mark.parametrize("name", PERMISSION_SETS)
def test_permission_set_names_only_what_exists_and_can_be_granted(name):
    element = permission_set(name)
    for full in granted(name):
        owner, field = full.split(".")
        assert is_grantable(objects()[owner][field]), f"{full} is required: the platform refuses to grant it"
    assert set(texts(element, "m:objectPermissions/m:object")) <= set(objects())
    tabs = {path.name.split(".")[0] for path in (BASE / "tabs").glob("*.xml")}
    assert set(texts(element, "m:tabSettings/m:tab")) <= tabs
    for setting in texts(element, "m:customSettingAccesses/m:name"):
        assert text(definition(setting), "customSettingsType")


@pytest.mark.parametrize("name", PERMISSION_SETS)
def test_permission_set_grants_are_consistent(name):
    """The platform refuses a right without the rights that it rests on."""
    rights = {text(entry, "object"): entry for entry in permission_set(name).findall("m:objectPermissions", NS)}
    for entry in rights.values():
        assert text(entry, "allowRead") == "true"
        if text(entry, "modifyAllRecords") == "true":
            assert {text(entry, right) for right in ("allowEdit", "allowDelete", "viewAllRecords")} == {"true"}
        if text(entry, "allowDelete") == "true":
            assert text(entry, "allowEdit") == "true"
    for full, editable in granted(name).items():
        owner, field = full.split(".")
        assert owner in rights
        assert not (editable and text(objects()[owner][field], "formula")), f"{full} is a formula"
    for owner in rights:
        parents = [text(f, "referenceTo") for f in objects()[owner].values() if text(f, "type") == "MasterDetail"]
        assert set(parents) <= set(rights)


def test_the_integration_user_reads_and_writes_every_field_of_the_package():
    """A field that field-level security hides would read as empty, and be sent to AWS as empty."""
    rights = granted("APN_Integration_User")
    for owner, field, element in all_fields():
        if text(definition(owner), "customSettingsType") or not is_grantable(element):
            continue
        readonly = bool(text(element, "formula")) or (owner in REQUESTS and field not in OUTCOME)
        assert rights[f"{owner}.{field}"] != readonly
    assert set(texts(permission_set("APN_Integration_User"), "m:customSettingAccesses/m:name")) == {names.SETTINGS}


def test_sellers_cannot_write_the_identifiers_or_what_aws_maintains():
    """A copied record inherits them: only the connector may set them."""
    for name in ("APN_Business_User", "APN_Business_Administrator"):
        rights = granted(name)
        own = names.PACKAGED
        for field in (own.apn_id, own.invitation_id, own.last_sync_date, "AWS_Stage__c"):
            assert rights[f"{names.ACE_OPPORTUNITY}.{field}"] is False


@pytest.mark.requirement("LOG-26")
def test_log_records_are_private():
    assert text(definition(names.SYNC_LOG), "sharingModel") == "Private"
    assert text(definition(names.SYNC_LOG_DETAIL), "sharingModel") == "ControlledByParent"


def test_sellers_see_no_log_by_their_permission_set_alone():
    for entry in permission_set("APN_Business_User").findall("m:objectPermissions", NS):
        assert text(entry, "viewAllRecords") == text(entry, "modifyAllRecords") == "false"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("Direction__c", ["From AWS", "To AWS"]),
        ("Purpose__c", ["Outbound File Retrieval", "Inbound File Retrieval", "Inbound Record Retrieval"]),
        ("Status__c", ["API Success", "Processed", "Partial", "Error"]),
    ],
)
def test_log_picklists_take_exactly_the_agreed_values(field, values):
    element = objects()[names.SYNC_LOG][field]
    assert texts(element, ".//m:value/m:fullName") == values
    assert text(element.find("m:valueSet", NS), "restricted") == "true"


def test_keys_are_unique_external_ids():
    """Everything that the worker writes repeatedly is upserted by a key that the org itself keeps unique."""
    keys = {names.SYNC_LOG: names.Log.KEY, names.SYNC_LOG_DETAIL: names.Detail.KEY, names.WORKER: names.Worker.KEY,
            names.ACE_OPPORTUNITY: names.PACKAGED.apn_id}  # fmt: skip
    for owner, field in keys.items():
        assert text(objects()[owner][field], "externalId") == text(objects()[owner][field], "unique") == "true"


def test_deleting_an_opportunity_does_not_lock_or_lose_its_log():
    lookup = objects()[names.SYNC_LOG_DETAIL][names.Detail.ACE_OPPORTUNITY]
    assert text(lookup, "type") == "Lookup"
    assert text(lookup, "deleteConstraint") == "SetNull"


def test_an_open_detail_can_move_to_a_later_run():
    assert text(objects()[names.SYNC_LOG_DETAIL][names.Detail.LOG], "reparentableMasterDetail") == "true"


def list_views() -> list[Path]:
    return sorted(BASE.rglob("*.listView-meta.xml"))


@pytest.mark.parametrize("path", list_views(), ids=lambda path: f"{path.parts[-3]}.{path.name.split('.')[0]}")
def test_list_view_columns_and_filters_exist(path):
    known = set(objects()[path.parts[-3]]) | LIST_COLUMNS
    view = root(path)
    assert 0 < len(text(view, "label")) <= 40
    assert set(texts(view, "m:columns")) <= known
    for part in view.findall("m:filters", NS):
        assert text(part, "field") in known
        element = objects()[path.parts[-3]][text(part, "field")]
        values = texts(element, ".//m:value/m:fullName")
        assert not values or set(text(part, "value").split(",")) <= set(values)


@pytest.mark.parametrize("direction", ["Inbound", "Outbound"])
def test_logs_have_a_list_view_per_direction(direction):
    view = root(BASE / "objects" / names.SYNC_LOG / "listViews" / f"{direction}_Sync_Logs.listView-meta.xml")
    wanted = "From AWS" if direction == "Inbound" else "To AWS"
    assert texts(view, "m:filters/m:value") == [wanted]


@pytest.mark.parametrize("path", sorted((BASE / "layouts").glob("*.xml")), ids=lambda path: path.name.split(".")[0])
def test_layout_shows_every_field_once_and_only_what_exists(path):
    owner = path.name.split("-")[0]
    shown = texts(root(path), ".//m:layoutItems/m:field")
    assert len(shown) == len(set(shown))
    assert set(shown) <= set(objects()[owner]) | STANDARD
    assert set(objects()[owner]) <= set(shown)
    for related in root(path).findall("m:relatedLists", NS):
        child, field = text(related, "relatedList").split(".")
        assert text(objects()[child][field], "referenceTo") == owner
        assert set(texts(related, "m:fields")) <= set(objects()[child]) | LIST_COLUMNS


RULES = sorted(BASE.rglob("*.validationRule-meta.xml"))


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name.split(".")[0])
def test_validation_rule_names_existing_fields(path):
    rule = root(path)
    fields = objects()[path.parts[-3]]
    formula = re.sub(r'"[^"]*"|\$\w+(?:\.\w+)+|\w+__r\.\w+', "", text(rule, "errorConditionFormula"))
    assert set(re.findall(r"\w+__c", formula)) <= set(fields)
    assert 0 < len(text(rule, "errorMessage")) <= 255
    shown_at = text(rule, "errorDisplayField")
    assert not shown_at or shown_at in fields


FORMULAS = [
    *((path.name.split(".")[0], text(root(path), "errorConditionFormula")) for path in RULES),
    *((name, text(element, "formula")) for _, name, element in all_fields() if text(element, "formula")),
]


@pytest.mark.parametrize(("name", "formula"), FORMULAS, ids=[name for name, _ in FORMULAS])
def test_formula_is_of_the_language_that_the_connector_evaluates(name, formula):
    """A verdict can be explained only where the org's own formula can be read."""
    assert compile_formula(formula)


def test_what_was_requested_cannot_change():
    """Every parameter of an action request is covered by the rule that freezes it."""
    fields = set(objects()[names.ACTION_REQUEST]) - {"Status__c", "Message__c", "Completed_At__c"}
    rule = next(root(path) for path in RULES if path.name.startswith("ACE_Request_Unchanged."))
    assert set(re.findall(r"ISCHANGED\((\w+)\)", text(rule, "errorConditionFormula"))) == fields


EXTRAS = PROJECT / "extras" / "main" / "default"


def test_the_standard_opportunity_has_the_same_synchronisation_fields():
    """Both targets obey the same formula, and keep the identifier unique in the same way."""
    for name in names.PACKAGED.all:
        path = Path("fields") / f"{name}.field-meta.xml"
        standard = (EXTRAS / "objects" / "Opportunity" / path).read_bytes()
        assert standard == (BASE / "objects" / names.ACE_OPPORTUNITY / path).read_bytes()


def test_extras_grant_the_identifiers_to_the_integration_user_alone():
    own = names.PACKAGED
    for path in sorted((EXTRAS / "permissionsets").glob("*.xml")):
        rights = {
            text(entry, "field").removeprefix("Opportunity."): text(entry, "editable") == "true"
            for entry in root(path).findall("m:fieldPermissions", NS)
        }
        assert set(rights) == set(own.all)
        assert rights[own.has_updates] is False
        assert rights[own.sync_with_aws] is True
        assert rights[own.apn_id] == rights[own.last_sync_date] == ("Integration" in path.name)
