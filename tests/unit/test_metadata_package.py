"""What is deployed to an org holds together: within the platform's limits, and as the connector relies on it."""

from __future__ import annotations

import json
import re

import pytest
from lxml import etree
from metadata_source import PROJECT, Source, every, text, texts

from connector import names
from connector.eligibility.formula import compile_formula

SOURCE = Source()
FIELDS = [(name, field, element) for name, fields in SOURCE.objects.items() for field, element in fields.items()]
FIELD_IDS = [f"{name}.{field}" for name, field, _ in FIELDS]
CUSTOM = [name for name in SOURCE.objects if name.endswith("__c")]
LAYOUTS = SOURCE.of("layout")
NAME_TABLES = {
    names.SYNC_LOG: (names.Log,),
    names.SYNC_LOG_DETAIL: (names.Detail,),
    names.WORKER: (names.Worker,),
    names.SCHEDULE: (names.Schedule,),
    names.ACTION_REQUEST: (names.ActionRequest,),
}
"""Objects of which the code uses a part of the fields."""


def test_project_names_existing_packages_and_a_version() -> None:
    project = json.loads((PROJECT / "sfdx-project.json").read_text(encoding="utf8"))
    assert [entry["path"] for entry in project["packageDirectories"] if entry.get("default")] == ["base"]
    assert project["sourceApiVersion"] == "66.0"
    directories = [PROJECT / entry["path"] for entry in project["packageDirectories"]]
    for path in SOURCE.paths:
        assert sum(directory in path.parents for directory in directories) == 1, path


@pytest.mark.parametrize(("name", "field", "element"), FIELDS, ids=FIELD_IDS)
def test_field_stays_within_the_platform_limits(name: str, field: str, element: etree._Element) -> None:
    assert re.fullmatch(r"[A-Za-z](?:_?[A-Za-z0-9])*__c", field)
    assert len(field.removesuffix("__c")) <= 40
    assert 0 < len(text(element, "label")) <= 40
    assert len(text(element, "description")) <= 1000
    assert len(text(element, "inlineHelpText")) <= 510
    check = LIMITS.get(text(element, "type"))
    assert check is None or text(element, "formula") or check(element)


def _long_text(element: etree._Element) -> bool:
    return 256 <= int(text(element, "length")) <= 131072 and int(text(element, "visibleLines")) >= 1


def _text(element: etree._Element) -> bool:
    return 1 <= int(text(element, "length")) <= 255


def _number(element: etree._Element) -> bool:
    return 1 <= int(text(element, "precision")) <= 18 and int(text(element, "scale")) <= int(text(element, "precision"))


def _picklist(element: etree._Element) -> bool:
    values = texts(element, "*/value/fullName")
    defaults = [value for value in every(element, "*/value") if text(value, "default") == "true"]
    unique = len(values) == len({value.lower() for value in values}) > 0
    return unique and len(defaults) <= 1 and max(map(len, values)) <= 255


LIMITS = {
    "LongTextArea": _long_text, "Text": _text, "Number": _number, "Currency": _number, "Percent": _number,
    "Picklist": _picklist, "MultiselectPicklist": _picklist,
}  # fmt: skip


@pytest.mark.parametrize("name", CUSTOM)
def test_object_has_what_the_platform_requires(name: str) -> None:
    element = SOURCE.definition(name)
    assert element is not None
    assert 0 < len(text(element, "label")) <= 40
    if SOURCE.is_setting(name):
        return
    assert text(element, "deploymentStatus") == "Deployed"
    has_parent = any(text(field, "type") == "MasterDetail" for field in SOURCE.objects[name].values())
    assert (text(element, "sharingModel") == "ControlledByParent") == has_parent


@pytest.mark.parametrize("name", NAME_TABLES)
def test_every_name_that_the_code_uses_is_deployed(name: str) -> None:
    for table in NAME_TABLES[name]:
        used = {value for key, value in vars(table).items() if key.isupper() and str(value).endswith("__c")}
        assert used
        assert used <= set(SOURCE.objects[name])


def test_the_names_of_the_code_lead_to_objects_permissions_and_permission_sets() -> None:
    objects = {value for key, value in vars(names).items() if key.isupper() and str(value).endswith("__c")}
    assert objects <= set(SOURCE.objects)
    assert names.INTEGRATION_PERMISSION in SOURCE.of("customPermission")
    sets = {value for key, value in vars(names.PermissionSets).items() if key.isupper() and isinstance(value, str)}
    assert sets
    assert sets <= set(SOURCE.of("permissionset"))


@pytest.mark.parametrize("name", [names.ACE_OPPORTUNITY, names.ACE_LEAD, "Opportunity", "Lead"])
def test_the_synchronisation_fields_are_deployed(name: str) -> None:
    assert set(names.PACKAGED.all) <= set(SOURCE.objects[name])


def sharing(name: str) -> str:
    element = SOURCE.definition(name)
    assert element is not None
    return text(element, "sharingModel")


@pytest.mark.requirement("LOG-26")
def test_log_records_are_private() -> None:
    assert sharing(names.SYNC_LOG) == sharing("AWS_Marketplace_Sync__c") == sharing("AWS_Log__c") == "Private"
    assert sharing(names.SYNC_LOG_DETAIL) == "ControlledByParent"


def test_records_and_requests_are_private() -> None:
    assert {sharing(name) for name in (names.ACE_OPPORTUNITY, names.ACE_LEAD, names.ACTION_REQUEST)} == {"Private"}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("Direction__c", ["From AWS", "To AWS"]),
        ("Purpose__c", ["Outbound File Retrieval", "Inbound File Retrieval", "Inbound Record Retrieval"]),
        ("Status__c", ["API Success", "Processed", "Partial", "Error"]),
    ],
)
def test_log_picklists_take_exactly_the_agreed_values(field: str, values: list[str]) -> None:
    element = SOURCE.objects[names.SYNC_LOG][field]
    assert texts(element, "*/value/fullName") == values
    assert text(element, "valueSet/restricted") == "true"


def test_keys_are_unique_external_ids() -> None:
    """Everything that the worker writes repeatedly is upserted by a key that the org itself keeps unique."""
    keys = {names.SYNC_LOG: names.Log.KEY, names.SYNC_LOG_DETAIL: names.Detail.KEY, names.WORKER: names.Worker.KEY,
            names.ACE_OPPORTUNITY: names.PACKAGED.apn_id, names.ACE_LEAD: names.PACKAGED.apn_id}  # fmt: skip
    for owner, field in keys.items():
        element = SOURCE.objects[owner][field]
        assert text(element, "externalId") == text(element, "unique") == "true"


def test_deleting_an_opportunity_does_not_lock_or_lose_its_log() -> None:
    lookup = SOURCE.objects[names.SYNC_LOG_DETAIL][names.Detail.ACE_OPPORTUNITY]
    assert text(lookup, "type") == "Lookup"
    assert text(lookup, "deleteConstraint") == "SetNull"


def test_an_open_detail_can_move_to_a_later_run() -> None:
    detail = SOURCE.objects[names.SYNC_LOG_DETAIL]
    assert text(detail[names.Detail.LOG], "reparentableMasterDetail") == "true"


@pytest.mark.parametrize(("direction", "wanted"), [("Inbound", "From AWS"), ("Outbound", "To AWS")])
def test_logs_have_a_list_view_per_direction(direction: str, wanted: str) -> None:
    view = SOURCE.root(SOURCE.of("listView")[f"{direction}_Sync_Logs"])
    assert texts(view, "filters/value") == [wanted]


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_shows_every_field_of_its_object(name: str) -> None:
    owner = name.split("-")[0]
    assert set(SOURCE.objects[owner]) <= set(texts(SOURCE.root(LAYOUTS[name]), "*/layoutItems/field"))


def test_every_ordinary_object_has_a_layout_and_a_list_of_all() -> None:
    ordinary = {name for name in CUSTOM if not SOURCE.is_setting(name)}
    assert {name.split("-")[0] for name in LAYOUTS} == ordinary
    assert {path.parts[-3] for path in SOURCE.paths if path.name == "All.listView-meta.xml"} == ordinary


RULES = [path for path in SOURCE.paths if path.name.endswith(".validationRule-meta.xml")]
FORMULAS = {
    f"{path.parts[-3]}.{path.name.split('.')[0]}": text(SOURCE.root(path), "errorConditionFormula") for path in RULES
} | {f"{name}.{field}": text(element, "formula") for name, field, element in FIELDS if text(element, "formula")}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_is_of_the_language_that_the_connector_evaluates(name: str) -> None:
    """A verdict can be explained only where the org's own formula can be read."""
    assert compile_formula(FORMULAS[name])


def test_what_was_requested_cannot_change() -> None:
    """Every parameter of an action request is covered by the rule that freezes it."""
    fields = set(SOURCE.objects[names.ACTION_REQUEST]) - {"Status__c", "Message__c", "Completed_At__c"}
    rule = FORMULAS[f"{names.ACTION_REQUEST}.ACE_Request_Unchanged"]
    assert set(re.findall(r"ISCHANGED\((\w+)\)", rule)) == fields
