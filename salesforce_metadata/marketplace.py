"""Write the Salesforce DX source of the Marketplace objects from the tables in ``marketplace.json``.

Run ``python salesforce_metadata/marketplace.py`` after the tables have changed. The same tables always give the same
bytes, and a test compares them with what is checked in.

A field's ``by`` in the tables tells who fills it: ``people`` (when nothing is said), ``aws`` (the connector stores what
AWS returned) or ``connector``. Only what people fill can be edited on a page.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from salesforce_metadata import source
from salesforce_metadata.source import OBJECTS, Content, Node, document, field_files, list_view_files, object_file
from salesforce_metadata.source import ordinary_object as ordinary

ROOT = Path(__file__).parent
LAYOUTS = OBJECTS.parent / "layouts"
FILLED_BY = {
    "people": "",
    "aws": " Comes from AWS; people do not change it.",
    "connector": " Written by the connector.",
}
NOT_THE_CONNECTOR = "NOT($Permission.ACE_Integration)"
"""Rules for people never hold for the connector: what AWS sends is stored as it is."""
LOOKUP_COLUMNS = 3
"""Columns beside the name where a person chooses a record; a dialog has no room for more."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the tables.

    Attributes:
        type: the platform's type, with sizes (``Text(150)``), a value list or the parent (``Lookup:AWS_Account__c``).
        about: what the field holds.
        help: what a person who fills it needs to know.
        by: ``people``, ``aws`` or ``connector``.
        open: whether the picklist also stores values that it does not list, because AWS may add some.
        key: whether it is the external id, unique; ``case`` tells that upper and lower case differ.
        children: the relationship's name as the parent sees it.
    """

    name: str
    label: str
    type: str
    about: str
    help: str = ""
    by: str = "people"
    open: bool = False
    key: bool = False
    case: bool = False
    unique: bool = False
    required: bool = False
    default: bool = False
    children: str = ""

    @property
    def kind(self) -> str:
        return re.split(r"\W", self.type)[0]

    @property
    def target(self) -> str:
        """The value list or the parent that the type names."""
        return self.type.partition(":")[2]

    @property
    def sizes(self) -> list[int]:
        return [int(size) for size in re.findall(r"\d+", self.type.partition("(")[2])]


def main(arguments: list[str]) -> None:
    """Write the source below the directory given, or below the package itself."""
    write(Path(arguments[0]) if arguments else ROOT)


def write(target: Path) -> list[Path]:
    """Write every file below ``target`` and return their paths, sorted."""
    return source.write(sources(), target)


def sources() -> dict[Path, str]:
    """Return the text of every file by its path in the package."""
    files: dict[Path, str] = {}
    for name, table in tables()["objects"].items():
        contents = {field.name: _definition(field) for field in fields(name)}
        files |= object_file(name, _object(table)) | field_files(name, contents)
        files |= list_view_files(name, list(_list_views(table))) | _rule_files(name, table)
        title = f"{name}-{table['label']} Layout"
        files[LAYOUTS / f"{title}.layout-meta.xml"] = document("Layout", _layout(name, table))
    return files


@cache
def tables() -> dict[str, Any]:
    """Return what ``marketplace.json`` holds."""
    loaded: dict[str, Any] = json.loads((ROOT / "marketplace.json").read_text(encoding="utf-8"))
    return loaded


def fields(name: str) -> list[Field]:
    """Return all fields of the object ``name``, in the order of its page."""
    return [field for section in tables()["objects"][name]["sections"] for field in _members(section)]


def not_for_people(name: str) -> set[str]:
    """Return the fields of the object ``name`` that only the connector fills."""
    return {field.name for field in fields(name) if field.by != "people"}


def _members(section: Mapping[str, Any]) -> Iterator[Field]:
    """Yield the fields of a section; ``use`` stands for a group that several objects share."""
    for entry in section["fields"]:
        if "use" not in entry:
            yield Field(**entry)
            continue
        for shared in tables()["groups"][entry["use"]]:
            children = str(shared.get("children", "")).replace("$plural", str(entry.get("plural", "")))
            yield Field(**(shared | {"children": children}))


def _object(table: Mapping[str, Any]) -> Content:
    declared = ordinary(table["label"], table["plural"], table["about"], _name_field(table), table["sharing"])
    outside = table["sharing"] if table["sharing"] == "ControlledByParent" else "Private"
    columns = table["columns"]
    return declared | {
        "enableActivities": bool(table.get("activities")),
        "externalSharingModel": outside,
        "searchLayouts": {
            "customTabListAdditionalFields": list(columns),
            "lookupDialogsAdditionalFields": list(columns[:LOOKUP_COLUMNS]),
            "searchResultsAdditionalFields": list(columns),
        },
    }


def _name_field(table: Mapping[str, Any]) -> Content:
    """Return the record's name: numbered where rows have no name of their own."""
    if "number" not in table:
        return {"label": table["name"], "trackHistory": False, "type": "Text"}
    return {"displayFormat": table["number"], "label": table["name"], "trackHistory": False, "type": "AutoNumber"}


def _definition(field: Field) -> Content:
    content: Content = {"description": field.about + FILLED_BY[field.by], "label": field.label, "type": field.kind}
    if field.help:
        content["inlineHelpText"] = field.help
    if field.kind not in {"Checkbox", "LongTextArea", "MasterDetail", "MultiselectPicklist"}:
        content["required"] = field.required
    return content | _identity(field) | _shape(field)


def _identity(field: Field) -> Content:
    if not (field.key or field.unique):
        return {}
    content: Content = {"caseSensitive": field.case, "unique": True}
    return content | {"externalId": True} if field.key else content


def _shape(field: Field) -> Content:
    """Return what only fields of this type have."""
    match field.kind:
        case "Text":
            return {"length": field.sizes[0]}
        case "LongTextArea":
            return {"length": field.sizes[0], "visibleLines": field.sizes[1]}
        case "Number":
            return {"precision": field.sizes[0], "scale": field.sizes[1]}
        case "Checkbox":
            return {"defaultValue": field.default}
        case "Picklist":
            return {"valueSet": _value_set(field)}
        case "MultiselectPicklist":
            return {"valueSet": _value_set(field), "visibleLines": 4}
        case "Lookup" | "MasterDetail":
            return _relationship(field)
        case _:
            return {}


def _value_set(field: Field) -> Node:
    """Return the values of a list: ``value=label``, the default marked by a star."""
    entries: list[Node] = []
    for text in tables()["value_lists"][field.target]:
        value, _, label = text.removesuffix("*").partition("=")
        entries.append({"fullName": value, "default": text.endswith("*"), "label": label or value})
    return {"restricted": not field.open, "valueSetDefinition": {"sorted": False, "value": entries}}


def _relationship(field: Field) -> Content:
    content: Content = {
        "referenceTo": field.target,
        "relationshipLabel": field.children.replace("_", " "),
        "relationshipName": field.children,
    }
    if field.kind == "Lookup":
        return content | {"deleteConstraint": "SetNull"}
    return content | {"relationshipOrder": 0, "reparentableMasterDetail": False, "writeRequiresMasterRead": False}


def _list_views(table: Mapping[str, Any]) -> Iterator[Content]:
    for name, view in {"All": {"label": "All"}, **table.get("views", {})}.items():
        content: Content = {
            "fullName": name,
            "columns": ["NAME", *table["columns"]],
            "filterScope": "Everything",
            "label": view["label"],
        }
        if "filter" in view:
            field, operation, value = view["filter"]
            content["filters"] = {"field": field, "operation": operation, "value": value}
        yield content


def _rule_files(name: str, table: Mapping[str, Any]) -> dict[Path, str]:
    rules = table.get("rules", {}).items()
    return source.rule_files(name, {rule: (_condition(one), one.get("at", ""), one["message"]) for rule, one in rules})


def _condition(entry: Mapping[str, str]) -> str:
    return entry["when"] if entry.get("for") == "everyone" else f"AND({NOT_THE_CONNECTOR}, {entry['when']})"


def _layout(name: str, table: Mapping[str, Any]) -> Content:
    sections = [_section(section, index, table) for index, section in enumerate(table["sections"])]
    content: Content = {"layoutSections": [*sections, _system_section(name)]}
    if related := table.get("related"):
        content["relatedLists"] = [{"fields": ["NAME", *columns], "relatedList": child} for child, columns in related]
    switches = ("EmailCheckbox", "HighlightsPanel", "InteractionLogPanel", "RunAssignmentRulesCheckbox")
    return content | {f"show{one}": False for one in (*switches, "SubmitAndAttachButton")}


def _section(section: Mapping[str, Any], index: int, table: Mapping[str, Any]) -> Node:
    items: list[Node] = [{"behavior": _behavior(field), "field": field.name} for field in _members(section)]
    if index == 0:
        items.insert(0, {"behavior": "Readonly" if "number" in table else "Required", "field": "Name"})
    return _columns(section["label"], items, int(section.get("columns", 2)))


def _behavior(field: Field) -> str:
    if field.required or field.kind == "MasterDetail":
        return "Required"
    return "Edit" if field.by == "people" else "Readonly"


def _system_section(name: str) -> Node:
    """Return who made and changed the record; a row that belongs to a parent has no owner of its own."""
    owner = [] if tables()["objects"][name]["sharing"] == "ControlledByParent" else ["OwnerId"]
    items: list[Node] = [
        {"behavior": "Edit" if one == "OwnerId" else "Readonly", "field": one}
        for one in (*owner, "CreatedById", "LastModifiedById")
    ]
    return _columns("System Information", items, 2)


def _columns(label: str, items: list[Node], count: int) -> Node:
    half = -(-len(items) // count)
    return {
        "customLabel": True,
        "detailHeading": True,
        "editHeading": True,
        "label": label,
        "layoutColumns": [{"layoutItems": items[start * half : (start + 1) * half]} for start in range(count)],
        "style": "OneColumn" if count == 1 else "TwoColumnsTopToBottom",
    }


if __name__ == "__main__":
    main(sys.argv[1:])
