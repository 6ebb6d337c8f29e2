"""Field definitions for the tables of objects: one function per field type."""

from __future__ import annotations

from collections.abc import Sequence

from salesforce_metadata.source import Content, Node


def text(label: str, length: int, description: str, help_text: str = "", *, required: bool = False) -> Content:
    """Return a text field of up to 255 characters."""
    return _field("Text", label, description, help_text) | {"length": length, "required": required}


def key(label: str, length: int, description: str) -> Content:
    """Return the text by which the connector finds the row again: external id, unique without regard to case."""
    unique: Content = {"caseSensitive": False, "externalId": True, "unique": True}
    return text(label, length, description) | unique


def text_area(label: str, description: str, help_text: str = "") -> Content:
    """Return a text of up to 255 characters on several lines."""
    return _field("TextArea", label, description, help_text) | {"required": False}


def long_text(label: str, description: str, length: int = 32768) -> Content:
    """Return a long text, which neither filters nor custom settings can hold."""
    return _field("LongTextArea", label, description) | {"length": length, "visibleLines": 4}


def number(label: str, digits: int, description: str, help_text: str = "", default: int | None = None) -> Content:
    """Return a whole number of up to ``digits`` digits; ``default`` is what a new row holds."""
    content = _field("Number", label, description, help_text) | {"precision": digits, "required": False, "scale": 0}
    return content if default is None else content | {"defaultValue": default}


def checkbox(label: str, description: str, help_text: str = "", *, default: bool = False) -> Content:
    """Return a checkbox."""
    return _field("Checkbox", label, description, help_text) | {"defaultValue": default}


def date_time(label: str, description: str) -> Content:
    """Return a point in time."""
    return _field("DateTime", label, description) | {"required": False}


def picklist(label: str, values: Sequence[str], description: str, default: str = "") -> Content:
    """Return a restricted picklist, whose values are stored as they are shown."""
    content = _field("Picklist", label, description)
    return content | {"required": False, "valueSet": value_set({value: value for value in values}, default)}


def master_detail(label: str, parent: str, relationship: str, relationship_label: str, description: str) -> Content:
    """Return the field by which a row belongs to its parent, and is deleted with it.

    Reparentable: otherwise a row could not be written again together with its parent.
    """
    return _field("MasterDetail", label, description) | {
        "referenceTo": parent,
        "relationshipLabel": relationship_label,
        "relationshipName": relationship,
        "relationshipOrder": 0,
        "reparentableMasterDetail": True,
        "writeRequiresMasterRead": False,
    }


def value_set(labels: dict[str, str], default: str = "") -> Node:
    """Return a restricted value set; ``labels`` holds what people read by the value that is stored."""
    entries: list[Node] = [
        {"fullName": value, "default": value == default, "label": label} for value, label in labels.items()
    ]
    return {"restricted": True, "valueSetDefinition": {"sorted": False, "value": entries}}


def _field(kind: str, label: str, description: str, help_text: str = "") -> Content:
    content: Content = {"description": description, "label": label, "type": kind}
    return content | {"inlineHelpText": help_text} if help_text else content
