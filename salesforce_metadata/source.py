"""Writes Salesforce DX source: XML documents from plain values, as the Metadata API itself writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

OBJECTS = Path("base/main/default/objects")

Node = str | bool | int | dict[str, "Node"] | list["Node"]
"""XML content: text, or child elements; a list repeats its element."""
Content = dict[str, Node]


def document(root: str, content: Mapping[str, Node]) -> str:
    """Return the text of a metadata file: ``content`` below the element ``root``."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<{root} xmlns="http://soap.sforce.com/2006/04/metadata">']
    for name, node in content.items():
        lines += element(name, node, "    ")
    return "\n".join([*lines, f"</{root}>", ""])


def element(name: str, node: Node, indent: str) -> list[str]:
    """Return the lines of one element; of several where ``node`` is a list."""
    match node:
        case list():
            return [line for item in node for line in element(name, item, indent)]
        case dict():
            inner = [line for key, child in node.items() for line in element(key, child, indent + "    ")]
            return [f"{indent}<{name}>", *inner, f"{indent}</{name}>"]
        case bool():
            return [f"{indent}<{name}>{str(node).lower()}</{name}>"]
        case _:
            return [f"{indent}<{name}>{escape(str(node))}</{name}>"]


def write(files: Mapping[Path, str], target: Path) -> list[Path]:
    """Write the texts, given by their path in the package, below ``target``; return the paths, sorted."""
    for path, text in files.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8")
    return sorted(target / path for path in files)


def ordered(content: Mapping[str, Node]) -> Content:
    """Return the content in the Metadata API's order: the name first, the rest by the alphabet."""
    return dict(sorted(content.items(), key=lambda pair: (pair[0] != "fullName", pair[0])))


def field_files(owner: str, fields: Mapping[str, Mapping[str, Node]]) -> dict[Path, str]:
    """Return the file of every field of the object ``owner`` by its path in the package."""
    return {
        OBJECTS / owner / f"fields/{name}.field-meta.xml": document(
            "CustomField", ordered({"fullName": name, **content})
        )
        for name, content in fields.items()
    }


def object_file(owner: str, content: Mapping[str, Node]) -> dict[Path, str]:
    """Return the file that declares the object ``owner``."""
    return {OBJECTS / owner / f"{owner}.object-meta.xml": document("CustomObject", ordered(content))}


def list_view_files(owner: str, views: Sequence[Content]) -> dict[Path, str]:
    """Return the files of the object's list views."""
    folder = OBJECTS / owner / "listViews"
    return {folder / f"{view['fullName']}.listView-meta.xml": document("ListView", ordered(view)) for view in views}


def rule_files(owner: str, rules: Mapping[str, tuple[str, str, str]]) -> dict[Path, str]:
    """Return the files of validation rules.

    Args:
        owner: the object.
        rules: by name: the formula that is true for a record to refuse, the field that shows the message (empty: the
            top of the page), the message.
    """
    folder = OBJECTS / owner / "validationRules"
    return {
        folder / f"{name}.validationRule-meta.xml": document("ValidationRule", _rule(name, *rule))
        for name, rule in rules.items()
    }


def _rule(name: str, formula: str, field: str, message: str) -> Content:
    content: Content = {"fullName": name, "active": True, "errorConditionFormula": formula}
    if field:
        content["errorDisplayField"] = field
    return content | {"errorMessage": message}


def ordinary_object(label: str, plural: str, description: str, name_field: Content, sharing: str) -> Content:
    """Return the declaration of a custom object that reports, search and the API can use."""
    return {
        "allowInChatterGroups": False,
        "compactLayoutAssignment": "SYSTEM",
        "deploymentStatus": "Deployed",
        "description": description,
        "enableActivities": False,
        "enableBulkApi": True,
        "enableFeeds": False,
        "enableHistory": False,
        "enableReports": True,
        "enableSearch": True,
        "enableSharing": True,
        "enableStreamingApi": True,
        "label": label,
        "nameField": name_field,
        "pluralLabel": plural,
        "sharingModel": sharing,
        "visibility": "Public",
    }
