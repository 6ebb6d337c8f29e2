"""What an administrator changes in an org while people and programs use it. A change lasts until the org's reset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lxml import etree

from connector.eligibility.formula import FormulaError
from connector.sandbox.salesforce import people
from connector.sandbox.salesforce.flows import Flow
from connector.sandbox.salesforce.formulas import names_in
from connector.sandbox.salesforce.metadata import Xml, add_rule, make_field
from connector.sandbox.salesforce.permissions import PermissionSet, permissionable
from connector.sandbox.salesforce.querying import Cursors
from connector.sandbox.salesforce.schema import Choice, Field, Rule, Schema, SObject
from connector.sandbox.salesforce.storage import column_type

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

ACCESS: dict[str, bool | None] = {"none": None, "read": False, "edit": True}
"""What somebody may do with a field: see it and, where True, set it."""
OBJECT_ACCESS: dict[str, frozenset[str]] = {
    "none": frozenset(),
    "read": frozenset({"read"}),
    "edit": frozenset({"read", "create", "edit"}),
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the source said of objects and permissions, to return to."""

    objects: Mapping[str, tuple[dict[str, Field], list[Rule]]]
    sets: Mapping[str, tuple[dict[str, frozenset[str]], dict[str, bool]]]

    @classmethod
    def take(cls, schema: Schema, sets: Mapping[str, PermissionSet]) -> Snapshot:
        return cls(
            {one.name: (dict(one.fields), list(one.rules)) for one in schema},
            {name: (dict(one.objects), dict(one.fields)) for name, one in sets.items()},
        )

    def restore(self, org: Org) -> None:
        """Make the org's objects and permission sets what they were."""
        for sobject in org.schema:
            known, rules = self.objects[sobject.name]
            sobject.fields, sobject.rules = dict(known), list(rules)
        for name, one in org.access.sets.items():
            objects, fields = self.sets[name]
            one.objects.clear()
            one.objects.update(objects)
            one.fields.clear()
            one.fields.update(fields)
        org.schema_changed()
        org.storage.prepare()


def find_object(org: Org, name: str) -> SObject:
    """Return the object of that name. Raises ValueError."""
    if (found := org.schema.get(name)) is None:
        raise ValueError(f"the org has no object {name!r}")
    return found


def find_field(sobject: SObject, name: str) -> Field:
    """Return the field of that name. Raises ValueError."""
    if (found := sobject.field(name)) is None:
        raise ValueError(f"{sobject.name} has no field {name!r}")
    return found


# -- fields


def deploy_field(org: Org, object_name: str, metadata: Mapping[str, Any], *, access: str = "edit") -> None:
    """Add a field, or change the one of that name; ``metadata`` are the members of the Metadata API's CustomField.

    ``access`` is what the permission sets that open the object give on a new field.

    Raises:
        ValueError: the field is malformed, its formula names what is not there, or it would change its kind of value.
    """
    with org.lock, org.storage.transaction():
        sobject = find_object(org, object_name)
        found = _read_field(org, sobject, metadata)
        old = sobject.field(found.name)
        if old is not None and (old.calculated, column_type(old)) != (found.calculated, column_type(found)):
            raise ValueError(f"{found.name} holds {old.type} values; delete the field before it becomes another")
        sets = [one for one in org.access.sets.values() if _opens(one, sobject)]
        _check_access(sobject, access, sets)
        sobject.add(found)
        org.storage.prepare()
        if old is None and permissionable(sobject, found):
            _grant(org, sobject, found, access, sets)
        org.schema_changed()


def _read_field(org: Org, sobject: SObject, metadata: Mapping[str, Any]) -> Field:
    """Return the field that the members describe, checked but for what it replaces."""
    place = f"{sobject.name}.{metadata.get('fullName')}"
    found = make_field(Xml(_element("CustomField", metadata)), {}, place=place)
    if not found.custom:
        raise ValueError(f"fullName {found.name!r} is no custom field's; it ends in __c")
    _check_formula(org, sobject, found.formula)
    for target in found.reference_to:
        find_object(org, target)
    return found


def _element(name: str, value: Any) -> etree._Element:
    """Return metadata that is given as JSON in the form of its file."""
    element = etree.Element(name)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            for one in inner if isinstance(inner, list) else [inner]:
                element.append(_element(key, one))
    else:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)
    return element


def _check_formula(org: Org, sobject: SObject, text: str) -> None:
    if not text:
        return
    try:
        names = names_in(text)
    except FormulaError as wrong:
        raise ValueError(f"the formula cannot be read: {wrong}") from wrong
    missing = [one for one in names if not one.lower().startswith("$permission.") and _no_field(org, sobject, one)]
    if missing:
        raise ValueError(f"the formula names {missing[0]}, which {sobject.name} does not have")


def _no_field(org: Org, sobject: SObject, name: str) -> bool:
    return org.formulas.field(sobject, name) is None


def delete_field(org: Org, object_name: str, field_name: str) -> None:
    """Delete a custom field with its values.

    Raises:
        ValueError: it is not there, is no custom field, or a formula, a rule or a flow still names it.
    """
    with org.lock, org.storage.transaction():
        sobject = find_object(org, object_name)
        field = find_field(sobject, field_name)
        if not field.custom:
            raise ValueError(f"{field.name} is a standard field, which nobody can delete")
        if users := list(_users(org, sobject, field)):
            raise ValueError(f"{field.name} cannot be deleted: {', '.join(users)} names it")
        del sobject.fields[field.name.lower()]
        for one in org.access.sets.values():
            one.fields.pop(f"{sobject.name}.{field.name}".lower(), None)
        if not field.calculated:
            org.storage.drop(sobject, field)
            org.cursors = Cursors()  # open queries may ask for what is gone
        people.tell_field(org, sobject, field.name)
        org.schema_changed()


def _users(org: Org, sobject: SObject, field: Field) -> Iterator[str]:
    """Yield what names the field."""
    for other in org.schema:
        texts = [(f"formula {other.name}.{one.name}", one.formula) for one in other.fields.values() if one.formula]
        texts += [(f"validation rule {other.name}.{one.name}", one.formula) for one in other.rules]
        yield from (place for place, text in texts if _names(org, other, text, field))
    for flow in org.flows.get(sobject.name, ()):
        sets = {name.lower() for step in flow.steps.values() for name, _ in step.values}
        if field.name.lower() in sets or any(_names(org, sobject, text, field) for text in _texts(flow)):
            yield f"flow {flow.name}"


def _names(org: Org, sobject: SObject, text: str, field: Field) -> bool:
    """Tell whether a formula on the object names the field, as a value or on the way to one."""
    return any(
        org.formulas.field(sobject, name) is field or sobject.parent(name.partition(".")[0]) is field
        for name in names_in(text)
    )


def _texts(flow: Flow) -> Iterator[str]:
    branches = [flow.entry, *(one for step in flow.steps.values() for one in step.branches)]
    operands = [one for branch in branches for each in branch.conditions for one in (each.left, each.right)]
    operands += [one for step in flow.steps.values() for _, one in step.values]
    yield from filter(None, [flow.formula, *(one.formula for one in operands)])


# -- permissions


def _opens(one: PermissionSet, sobject: SObject) -> bool:
    return "read" in one.objects.get(sobject.name.lower(), ())


def _check_access(sobject: SObject, access: str, sets: Sequence[PermissionSet]) -> None:
    if access not in ACCESS:
        raise ValueError(f"access {access!r} is unknown; use one of {', '.join(ACCESS)}")
    if access != "none" and not any(_opens(one, sobject) for one in sets):
        raise ValueError(f"none of the permission sets opens {sobject.name}")


def set_access(
    org: Org, object_name: str, field_name: str, access: str, sets: Sequence[PermissionSet], user_id: str = ""
) -> None:
    """Change what permission sets give: on a field or, where ``field_name`` is empty, on the object.

    On an object only sets that name it are changed. A standard field that profiles show is hidden from ``user_id``.

    Raises:
        ValueError: the field is one that permission sets do not decide about, or none of the sets opens the object.
    """
    with org.lock, org.storage.transaction():
        sobject = find_object(org, object_name)
        if field_name:
            field = find_field(sobject, field_name)
            if not permissionable(sobject, field):
                raise ValueError(f"{field.name} of {sobject.name} cannot be hidden from anybody")
            _check_access(sobject, access, sets)
            if field.custom or org.guarded:
                _grant(org, sobject, field, access, sets)
            else:
                _hide(org, sobject, field, access, user_id)
        else:
            _open(org, sobject, access, sets)
        org.schema_changed()


def _hide(org: Org, sobject: SObject, field: Field, access: str, user_id: str) -> None:
    """Hide a standard field that a profile shows, or show it again."""
    if not user_id or access == "read":
        raise ValueError(f"profiles show {field.name} in this org: give a user, and none or edit; or a guarded org")
    (org.hide if access == "none" else org.show)(sobject.name, field.name, user_id)


def _grant(org: Org, sobject: SObject, field: Field, access: str, sets: Sequence[PermissionSet]) -> None:
    """Let the sets give that access: those that open the object, and no other of them."""
    key, editable = f"{sobject.name}.{field.name}".lower(), ACCESS[access]
    for one in sets:
        one.fields.pop(key, None)
        if editable is not None and _opens(one, sobject):
            one.fields[key] = editable and not field.calculated
    people.tell_field(org, sobject, field.name)


def _open(org: Org, sobject: SObject, access: str, sets: Sequence[PermissionSet]) -> None:
    if access not in OBJECT_ACCESS:
        raise ValueError(f"access {access!r} is unknown; use one of {', '.join(OBJECT_ACCESS)}")
    name = sobject.name.lower()
    for one in sets:
        if name in one.objects:
            kept = one.objects[name] & {"view_all"} if access != "none" else frozenset()
            one.objects[name] = OBJECT_ACCESS[access] | kept
    people.tell_object(org, sobject)


# -- values and rules


def set_choice(org: Org, object_name: str, field_name: str, choice: Choice) -> None:
    """Add a value to a picklist, or change the one of that value: its label, whether it is active, the default.

    What follows from a stage stays as it was.

    Raises:
        ValueError: the field is no picklist.
    """
    with org.lock:
        sobject = find_object(org, object_name)
        field = find_field(sobject, field_name)
        if field.type not in {"picklist", "multipicklist"}:
            raise ValueError(f"{field.name} is of type {field.type}, not a picklist")
        known = [replace(one, default=one.default and not choice.default) for one in field.choices]
        place = next((place for place, one in enumerate(known) if one.value == choice.value), len(known))
        old = known[place] if place < len(known) else choice
        known[place : place + 1] = [replace(old, label=choice.label, active=choice.active, default=choice.default)]
        sobject.add(replace(field, choices=tuple(known)))
        org.schema_changed()


def set_rule(org: Org, object_name: str, metadata: Mapping[str, Any]) -> None:
    """Add a validation rule, or change the one of that name; ``metadata`` are the members of ValidationRule.

    Raises:
        ValueError: its formula cannot be read or names what the object does not have.
    """
    with org.lock:
        sobject = find_object(org, object_name)
        xml = Xml(_element("ValidationRule", metadata))
        if not xml.text("fullName") or not xml.text("errorMessage"):
            raise ValueError("a rule needs fullName, active, errorConditionFormula and errorMessage")
        _check_formula(org, sobject, xml.text("errorConditionFormula"))
        add_rule(sobject, xml)
        org.schema_changed()
