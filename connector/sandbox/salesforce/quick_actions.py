"""Quick actions of the source: list, describe, their preset values, and performing them.

The reference names the metadata only. [U] The shapes of the REST resources are common knowledge of the platform.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from connector.eligibility.formula import Context, FormulaError, to_rest
from connector.sandbox.salesforce.faults import ApiError, not_found
from connector.sandbox.salesforce.formulas import compiled
from connector.sandbox.salesforce.metadata import MetadataError, Xml, find_files
from connector.sandbox.salesforce.records import record_id
from connector.sandbox.salesforce.schema import Field, Schema, SObject
from connector.sandbox.salesforce.wire import Answer, Call

Json = dict[str, Any]
SUPPORTED = {"Create", "Update"}
"""Types of action that write one row; the others (flows, pages, components) start in a browser only."""


@dataclass(frozen=True, slots=True)
class Preset:
    """The value that an action gives a field: a literal, or a formula over the record that it starts from."""

    field: Field
    literal: str = ""
    formula: str = ""


@dataclass(frozen=True, slots=True)
class QuickAction:
    """One action on the pages of an object. ``parent`` is the field of the new row that names the record."""

    name: str
    label: str
    type: str
    context: SObject
    target: SObject
    parent: Field | None
    presets: tuple[Preset, ...]
    layout: tuple[tuple[str, str], ...]
    message: str

    @property
    def full_name(self) -> str:
        return f"{self.context.name}.{self.name}"


def read_quick_actions(directories: Sequence[Path], schema: Schema) -> dict[str, list[QuickAction]]:
    """Return the actions of the source below ``directories`` that belong to an object, by its name.

    Raises:
        MetadataError: an action names an object or a field that the org does not have.
    """
    found: dict[str, list[QuickAction]] = {}
    for path in find_files(directories, "*.quickAction-meta.xml"):
        one = _read(path, schema)
        if one is not None:
            found.setdefault(one.context.name, []).append(one)
    return found


def _read(path: Path, schema: Schema) -> QuickAction | None:
    xml, full = Xml.read(path), path.name.removesuffix(".quickAction-meta.xml")
    head, _, name = full.rpartition(".")
    if not head:
        return None
    context, kind = _object(schema, full, head), xml.text("type")
    target = _object(schema, full, xml.text("targetObject")) if kind == "Create" else context
    presets = tuple(
        Preset(
            _field(target, full, one.text("field")), one.text("literalValue"), _formula(one.text("formula"), context)
        )
        for one in xml.all("fieldOverrides")
    )
    parent = xml.text("targetParentField")
    items = [
        (_field(target, full, item.text("field")).name, item.text("uiBehavior"))
        for layout in xml.all("quickActionLayout")
        for column in layout.all("quickActionLayoutColumns")
        for item in column.all("quickActionLayoutItems")
        if item.text("field")
    ]
    return QuickAction(
        name, xml.text("label") or name, kind, context, target, _field(target, full, parent) if parent else None,
        presets, tuple(items), xml.text("successMessage"),
    )  # fmt: skip


def _object(schema: Schema, action: str, name: str) -> SObject:
    if (found := schema.get(name)) is None:
        raise MetadataError(f"quick action {action}: no object {name} in the org.")
    return found


def _field(sobject: SObject, action: str, name: str) -> Field:
    if (found := sobject.field(name)) is None:
        raise MetadataError(f"quick action {action}: {sobject.name} has no field {name}.")
    return found


def _formula(text: str, context: SObject) -> str:
    """Return a preset's formula over the context record: there its fields carry the name of their object."""
    if not text:
        return ""
    try:
        names = compiled(text).fields
    except FormulaError as wrong:
        raise MetadataError(
            f"a quick action of {context.name}: the formula {text!r} cannot be read: {wrong}"
        ) from wrong
    for name in sorted(names, key=len, reverse=True):
        head, _, rest = name.partition(".")
        if rest and head.lower() == context.name.lower():
            text = text.replace(name, rest)
    return text


def list_actions(call: Call, name: str) -> Answer:
    """Show the actions of an object that write something the user may write."""
    sobject = call.require(name)
    return Answer(200, [_summary(call, one) for one in call.org.quick_actions.get(sobject.name, ()) if _may(call, one)])


def show_action(call: Call, name: str, action: str) -> Answer:
    return Answer(200, _summary(call, _find(call, name, action)))


def describe_action(call: Call, name: str, action: str) -> Answer:
    """Show an action with its layout and its preset values as they are written in the source."""
    one = _find(call, name, action)
    presets = [{"field": each.field.name, "value": each.literal or each.formula} for each in one.presets]
    rows = [_layout_row(one, place, *item) for place, item in enumerate(one.layout, 1)]
    layout = {"id": None, "name": one.full_name, "layoutRows": rows}
    return Answer(200, _summary(call, one) | {
        "contextSobjectType": one.context.name, "defaultValues": presets, "layout": layout,
        "targetParentField": one.parent.name if one.parent else None, "targetRecordTypeId": None,
        "quickActionName": one.full_name, "sourceSobjectType": None, "successMessage": one.message or None,
    })  # fmt: skip


def _layout_row(action: QuickAction, place: int, name: str, behavior: str) -> Json:
    """Return one row of an action's layout: one field."""
    item = {
        "editable": behavior != "Readonly", "required": behavior == "Required",
        "label": action.target.fields[name.lower()].label,
        "layoutComponents": [{"type": "Field", "value": name, "tabOrder": place}],
    }  # fmt: skip
    return {"numItems": 1, "layoutItems": [item]}


def default_values(call: Call, name: str, action: str, context: str = "") -> Answer:
    """Show the values with which an action begins; with a record's id, those that come from the record too."""
    one = _find(call, name, action)
    values = presets(call, one, record_id(unquote(context), one.context.name) if context else "")
    return Answer(200, {"attributes": {"type": one.target.name}} | values)


def perform_action(call: Call, name: str, action: str) -> Answer:
    """Do what an action does: create a row related to the context record, or change that record."""
    one, body = _find(call, name, action), call.request.fields
    given = body.get("record") or {}
    if not isinstance(given, dict):
        raise ApiError("JSON_PARSER_ERROR", "record must be a JSON object")
    context = record_id(str(body.get("contextId") or ""), one.context.name)
    values = presets(call, one, context) | given
    with call.writing() as writer:
        if one.type == "Create":
            written = writer.create(one.target, values)
        else:
            written = context
            writer.update(one.target, written, values)
    return Answer(201 if one.type == "Create" else 200, {
        "contextId": context, "created": one.type == "Create", "errors": [], "feedItemIds": None, "id": written,
        "success": True, "successMessage": one.message or None,
    })  # fmt: skip


def presets(call: Call, action: QuickAction, context: str) -> Json:
    """Return an action's values for a record. Raises ApiError 404 when the user does not see the record."""
    row: Mapping[str, Any] = {}
    if context:
        row = call.org.storage.row(action.context, context) or {}
        if not row or row["IsDeleted"] or not call.sees(action.context, row):
            raise not_found()
    values = {one.field.name: _value(call, action, one, row) for one in action.presets if context or not one.formula}
    if context and action.parent:
        values[action.parent.name] = context
    return values


def _value(call: Call, action: QuickAction, preset: Preset, row: Mapping[str, Any]) -> Any:
    if not preset.formula:
        return preset.literal.lower() == "true" if preset.field.type == "boolean" else preset.literal
    formulas = call.org.formulas
    resolve = formulas.reader(action.context, row, formulas.globals(call.user_id))
    found = Context(resolve=resolve, now=call.org.clock.now(), types=formulas.types(action.context))
    value = to_rest(compiled(preset.formula).evaluate(found), preset.field.type, preset.field.scale or None)
    return value if isinstance(value, str | bool | None) else float(value)


def _find(call: Call, name: str, action: str) -> QuickAction:
    sobject, wanted = call.require(name), unquote(action).lower().rpartition(".")[2]
    several = call.org.quick_actions.get(sobject.name, ())
    if (found := next((one for one in several if one.name.lower() == wanted), None)) is None or not _may(call, found):
        raise not_found()
    return found


def _may(call: Call, action: QuickAction) -> bool:
    right = "create" if action.type == "Create" else "edit"
    return action.type in SUPPORTED and call.org.access.of(call.user_id).may(right, action.target)


def _summary(call: Call, action: QuickAction) -> Json:
    base = f"{call.base}/sobjects/{action.context.name}/quickActions/{action.name}"
    return {
        "actionEnumOrId": action.full_name, "label": action.label, "name": action.full_name,
        "targetSobjectType": action.target.name, "type": action.type, "iconUrl": None, "miniIconUrl": None,
        "urls": {
            "quickAction": base, "describe": f"{base}/describe", "defaultValues": f"{base}/defaultValues",
            "defaultValuesTemplate": f"{base}/defaultValues/{{ID}}",
        },
    }  # fmt: skip
