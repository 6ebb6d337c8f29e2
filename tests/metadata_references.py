"""Whether everything that a file of the package names exists: objects, fields, values, tabs, actions, permission sets.

No tool of Salesforce checks this before a deployment. Each check takes the source and one file, and tells problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree
from metadata_source import Source, every, is_grantable, text, texts

LIST_COLUMNS = {
    "NAME", "CREATED_DATE", "CREATEDBY_USER", "LAST_UPDATE", "UPDATEDBY_USER", "OWNER.ALIAS", "OWNER.FIRST_NAME",
    "OWNER.LAST_NAME", "CREATEDBY_USER.ALIAS", "UPDATEDBY_USER.ALIAS",
}  # fmt: skip
"""What list views and related lists of custom objects call the fields that every object has."""
USER_REFERENCES = {"Owner", "CreatedBy", "LastModifiedBy"}
STANDARD_TABS = {"standard-report", "standard-Dashboard", "standard-home", "standard-Account", "standard-Opportunity"}


def field_problems(source: Source, name: str, fields: list[str], columns: set[str]) -> Iterator[str]:
    """Tell which of the fields an object lacks; ``columns`` are accepted besides."""
    for field in fields:
        if field not in columns and not source.has(name, field):
            yield f"{name} has no field {field}"


def path_problems(source: Source, name: str, path: str) -> Iterator[str]:
    """Tell where a path such as ``Sync_Log__r.Status__c`` or ``Sync_Log__c.Status__c`` leads to nothing."""
    head, _, rest = path.partition(".")
    if not rest:
        yield from field_problems(source, name, [head], set())
    elif head in USER_REFERENCES:
        yield from path_problems(source, "User", rest)
    elif target := source.target(name, head.replace("__r", "__c")):
        yield from path_problems(source, target, rest)
    else:
        yield f"{name} has no lookup {head}"


def value_problems(source: Source, name: str, field: str, values: list[str]) -> Iterator[str]:
    """Tell which values a restricted picklist refuses."""
    allowed = source.values(name, field)
    for value in values:
        if allowed and value and value not in allowed:
            yield f"{name}.{field} does not take {value}"


def action_problems(source: Source, names: list[str]) -> Iterator[str]:
    """Tell which quick actions of the package's own objects do not exist."""
    for name in names:
        if "." in name and name not in source.of("quickAction"):
            yield f"no quick action {name}"


def button_problems(source: Source, name: str, buttons: list[str]) -> Iterator[str]:
    """Tell which buttons an object lacks."""
    path = source.of("webLink")
    for button in buttons:
        if button not in path or path[button].parts[-3] != name:
            yield f"{name} has no button {button}"


def button(source: Source, path: Path) -> Iterator[str]:
    """Check that the flow that a button opens exists."""
    for name in re.findall(r"/flow/(\w+)", text(source.root(path), "url")):
        if name not in source.of("flow"):
            yield f"no flow {name}"


def formula_problems(source: Source, name: str, formula: str) -> Iterator[str]:
    """Tell which fields, settings and custom permissions a formula names in vain."""
    code = re.sub(r'"[^"]*"', "", formula)
    for permission in re.findall(r"\$Permission\.(\w+)", code):
        if permission not in source.of("customPermission"):
            yield f"no custom permission {permission}"
    for setting, field in re.findall(r"\$Setup\.(\w+)\.(\w+)", code):
        yield from field_problems(source, setting, [field], set())
    for path in re.findall(r"(?<![\w.$])\w+__[cr](?:\.\w+)*", re.sub(r"\$\w+(\.\w+)+", "", code)):
        yield from path_problems(source, name, path)


def field(source: Source, path: Path) -> Iterator[str]:
    """Check a field: where it leads, what it sums up, what its formula reads."""
    root, owner = source.root(path), path.parts[-3]
    if target := text(root, "referenceTo"):
        if not source.knows(target):
            yield f"no object {target}"
        if not re.fullmatch(r"[A-Za-z]\w{0,39}", text(root, "relationshipName")):
            yield f"no relationship can be named {text(root, 'relationshipName')!r}"
    yield from formula_problems(source, owner, text(root, "formula"))
    for tag in ("summaryForeignKey", "summarizedField"):
        if full := text(root, tag):
            yield from field_problems(source, *_split(full), set())
    for full in texts(root, "lookupFilter/filterItems/field"):
        head, _, rest = full.removeprefix("$Source.").partition(".")
        if not full.startswith("$"):
            yield from path_problems(source, head, rest)


def _split(full: str) -> tuple[str, list[str]]:
    head, _, rest = full.partition(".")
    return head, [rest]


def rule(source: Source, path: Path) -> Iterator[str]:
    """Check a validation rule: its formula, the field that shows its message, the message's length."""
    root, owner = source.root(path), path.parts[-3]
    yield from formula_problems(source, owner, text(root, "errorConditionFormula"))
    if shown := text(root, "errorDisplayField"):
        yield from field_problems(source, owner, [shown], set())
    if not 0 < len(text(root, "errorMessage")) <= 255:
        yield "the message is empty or longer than 255 characters"


def list_view(source: Source, path: Path) -> Iterator[str]:
    """Check a list view: columns, filters and the values that they look for."""
    root, owner = source.root(path), path.parts[-3]
    columns = LIST_COLUMNS if owner.endswith("__c") else LIST_COLUMNS | {f"{owner.upper()}.NAME"}
    yield from field_problems(source, owner, texts(root, "columns"), columns)
    for item in every(root, "filters"):
        yield from field_problems(source, owner, [text(item, "field")], columns)
        yield from value_problems(source, owner, text(item, "field"), _listed(text(item, "value")))
    if not 0 < len(text(root, "label")) <= 40:
        yield "the label is empty or longer than 40 characters"


def _listed(value: str) -> list[str]:
    return [one.strip() for one in value.split(",")]


def compact_layout(source: Source, path: Path) -> Iterator[str]:
    """Check the fields of a compact layout."""
    yield from field_problems(source, path.parts[-3], texts(source.root(path), "fields"), set())


def layout(source: Source, path: Path) -> Iterator[str]:
    """Check a layout: each field once, none that is required left out, related lists and actions exist."""
    root, owner = source.root(path), path.name.split("-")[0]
    if not source.knows(owner):
        yield f"no object {owner}"
    shown = texts(root, "*/layoutItems/field")
    yield from field_problems(source, owner, [*shown, *texts(root, "miniLayout/fields")], set())
    yield from (f"{name} is shown twice" for name in sorted({one for one in shown if shown.count(one) > 1}))
    for name, element in source.objects.get(owner, {}).items():
        if not is_grantable(element) and not text(element, "formula") and name not in shown:
            yield f"{name} is required and not shown"
    yield from action_problems(source, texts(root, "*/quickActionListItems/quickActionName"))
    for item in every(root, "*/platformActionListItems"):
        if text(item, "actionType") == "QuickAction":
            yield from action_problems(source, [text(item, "actionName")])
    for related in every(root, "relatedLists"):
        yield from _related_list(source, owner, related)


def _related_list(source: Source, owner: str, related: etree._Element) -> Iterator[str]:
    child, _, lookup = text(related, "relatedList").partition(".")
    if not lookup:
        return
    if source.target(child, lookup) != owner:
        yield f"{child}.{lookup} does not lead to {owner}"
    fields = [*texts(related, "fields"), *texts(related, "sortField")]
    yield from field_problems(source, child, fields, LIST_COLUMNS)
    yield from action_problems(source, texts(related, "quickActions"))
    yield from button_problems(source, child, texts(related, "customButtons"))


def tab(source: Source, path: Path) -> Iterator[str]:
    """Check that a tab shows an object or a page of the package."""
    root, name = source.root(path), path.name.split(".")[0]
    if text(root, "customObject") == "true":
        if name not in source.objects or source.is_setting(name):
            yield f"no object {name}"
    elif (page := text(root, "flexiPage")) and page not in source.of("flexipage"):
        yield f"no page {page}"
    if not text(root, "motif"):
        yield "a tab needs a motif"


def tab_problems(source: Source, names: list[str]) -> Iterator[str]:
    """Tell which tabs do not exist."""
    for name in names:
        if name not in STANDARD_TABS and name not in source.of("tab"):
            yield f"no tab {name}"


def application(source: Source, path: Path) -> Iterator[str]:
    """Check an app: its tabs, and the pages that it shows records on."""
    root = source.root(path)
    yield from tab_problems(source, [*texts(root, "tabs"), *texts(root, "defaultLandingTab")])
    pages = [*texts(root, "utilityBar"), *texts(root, "actionOverrides/content")]
    yield from (f"no page {page}" for page in pages if page not in source.of("flexipage"))
    for name in texts(root, "actionOverrides/pageOrSobjectType"):
        if not source.knows(name) and not name.startswith("standard-"):
            yield f"no object {name}"


ALWAYS_SEEN = frozenset({
    "Name", "FirstName", "LastName", "Salutation", "Company", "Status", "StageName", "CloseDate", "OwnerId",
    "RecordTypeId", "CurrencyIsoCode", "Id",
})  # fmt: skip
"""Standard fields of accounts, leads and opportunities that no row can be without, or that are granted with those."""
ADDRESS_PART = re.compile(r"(Street|City|State|PostalCode|Country)(Code)?$")
"""Parts of an address, which is granted as a whole."""


def permission_set(source: Source, path: Path) -> Iterator[str]:
    """Check a permission set: what it names exists and can be granted, and each right has what it rests on."""
    root = source.root(path)
    rights = {text(entry, "object"): entry for entry in every(root, "objectPermissions")}
    for name, entry in rights.items():
        yield from _object_rights(source, name, entry, set(rights))
    for entry in every(root, "fieldPermissions"):
        yield from _field_rights(source, entry, set(rights))
    yield from tab_problems(source, texts(root, "tabSettings/tab"))
    kinds = {"applicationVisibilities/application": "app", "customPermissions/name": "customPermission",
             "flowAccesses/flow": "flow"}  # fmt: skip
    for where, kind in kinds.items():
        yield from (f"no {kind} {name}" for name in texts(root, where) if name not in source.of(kind))
    for name in texts(root, "customSettingAccesses/name"):
        if not source.is_setting(name):
            yield f"no custom setting {name}"


def _object_rights(source: Source, name: str, entry: etree._Element, granted: set[str]) -> Iterator[str]:
    held = {child.tag.split("}")[1] for child in entry if child.text == "true"}
    if not source.knows(name) or source.is_setting(name):
        yield f"no object {name} to grant"
    rests_on = {
        "allowCreate": {"allowRead"}, "allowEdit": {"allowRead"}, "allowDelete": {"allowRead", "allowEdit"},
        "viewAllRecords": {"allowRead"},
        "modifyAllRecords": {"allowRead", "allowEdit", "allowDelete", "viewAllRecords"},
    }  # fmt: skip
    for right in held & set(rests_on):
        yield from (f"{name}: {right} needs {needed}" for needed in sorted(rests_on[right] - held))
    for element in source.objects.get(name, {}).values():
        parent = text(element, "referenceTo")
        if text(element, "type") == "MasterDetail" and parent not in granted:
            yield f"{name} needs its parent {parent}"
    if name in {"Opportunity", "Contact"} and "Account" not in granted:
        yield f"{name} needs Account"


def _field_rights(source: Source, entry: etree._Element, granted: set[str]) -> Iterator[str]:
    name, _, field_name = text(entry, "field").partition(".")
    element = source.objects.get(name, {}).get(field_name)
    editable = text(entry, "editable") == "true"
    if name not in granted:
        yield f"{name}.{field_name}: the object is not granted"
    if element is None and not name.endswith("__c") and not field_name.endswith("__c"):
        # Whether a standard field exists is a sandbox org's to say, into which the whole package is deployed.
        if field_name in ALWAYS_SEEN or ADDRESS_PART.search(field_name):
            yield f"{name}.{field_name}: the platform refuses to grant it"
    elif element is None:
        yield f"{name} has no field {field_name}"
    elif not is_grantable(element):
        yield f"{name}.{field_name} is required: the platform refuses to grant it"
    elif editable and (text(element, "formula") or text(element, "type") in {"AutoNumber", "Summary"}):
        yield f"{name}.{field_name} is calculated"
    if editable and text(entry, "readable") != "true":
        yield f"{name}.{field_name} can be written but not read"


def quick_action(source: Source, path: Path) -> Iterator[str]:
    """Check an action: the flow that it starts, or the record that it writes."""
    root, context = source.root(path), path.name.split(".")[0]
    if not source.knows(context):
        yield f"no object {context}"
    if (flow := text(root, "flowDefinition")) and flow not in source.of("flow"):
        yield f"no flow {flow}"
    kind, target = text(root, "type"), text(root, "targetObject")
    if kind in {"Create", "Update"}:
        yield from _written(source, root, context, target if kind == "Create" else context)


def _written(source: Source, root: etree._Element, context: str, target: str) -> Iterator[str]:
    if not source.knows(target):
        yield f"no object {target}"
    parent = text(root, "targetParentField")
    if parent and source.target(target, parent) != context:
        yield f"{target}.{parent} does not lead to {context}"
    shown = texts(root, "*/quickActionLayoutItems/field")
    preset = texts(root, "fieldOverrides/field")
    yield from field_problems(source, target, [*shown, *preset], set())
    for override in every(root, "fieldOverrides"):
        yield from value_problems(source, target, text(override, "field"), texts(override, "literalValue"))
    if text(root, "type") == "Create":
        missing = _needed(source, target) - {*shown, *preset, parent}
        yield from (f"{target}.{name} is required and neither shown nor preset" for name in sorted(missing))


def _needed(source: Source, name: str) -> set[str]:
    """Return the fields that a new record cannot be without, and that have no default."""
    return {
        field_name
        for field_name, element in source.objects.get(name, {}).items()
        if not is_grantable(element)
        and not text(element, "defaultValue")
        and "true" not in texts(element, "*/value/default")
    }


def path_assistant(source: Source, path: Path) -> Iterator[str]:
    """Check a path: its field, the fields and the value of each step."""
    root = source.root(path)
    entity, field_name = text(root, "entityName"), text(root, "fieldName")
    yield from field_problems(source, entity, [field_name, *texts(root, "pathAssistantSteps/fieldNames")], set())
    steps = texts(root, "pathAssistantSteps/picklistValueName")
    yield from value_problems(source, entity, field_name, steps)


def full_name(source: Source, path: Path) -> Iterator[str]:
    """Check that the name inside a file is the file's, where there is one."""
    told = text(source.root(path), "fullName")
    stem = path.name.removesuffix("-meta.xml").rpartition(".")[0]
    if told not in ("", stem, stem.rpartition(".")[2]):
        yield f"the file calls itself {told}"


def custom_object(source: Source, path: Path) -> Iterator[str]:
    """Check that a custom object has what the platform demands, and a compact layout of its own if it names one."""
    root, name = source.root(path), path.parts[-2]
    if not name.endswith("__c") or source.is_setting(name):
        return
    needed = ("label", "pluralLabel", "nameField/label", "nameField/type", "sharingModel", "deploymentStatus")
    yield from (f"{tag} is missing" for tag in needed if not text(root, tag))
    compact = text(root, "compactLayoutAssignment")
    if (
        compact not in ("", "SYSTEM")
        and not (path.parent / f"compactLayouts/{compact}.compactLayout-meta.xml").exists()
    ):
        yield f"no compact layout {compact}"
    searched = texts(root, "searchLayouts/customTabListAdditionalFields")
    yield from field_problems(source, name, searched, LIST_COLUMNS)
    yield from button_problems(source, name, texts(root, "searchLayouts/listViewButtons"))


CHECKS = {
    "field": field, "validationRule": rule, "listView": list_view, "compactLayout": compact_layout, "layout": layout,
    "tab": tab, "app": application, "permissionset": permission_set, "quickAction": quick_action,
    "pathAssistant": path_assistant, "object": custom_object, "webLink": button,
}  # fmt: skip
"""The check of each kind of file."""
