"""Whether a mapping fits the ACE catalogue and the org: all of its problems at once, each with its remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from connector.ace.catalogue import AceField, FieldType, Owner
from connector.errors import Problem
from connector.mapping import model
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.paths import Describes, org_spelling, resolve_path
from connector.mapping.picklists import check_values
from connector.names import PROFILES, SyncFields

_TEXTS = frozenset({"string", "textarea"})
_NUMBERS = frozenset({"currency", "double", "int"})
FITTING: Mapping[FieldType, frozenset[str]] = {
    FieldType.TEXT: _TEXTS | {"picklist", "combobox", "email", "phone", "url", "id"},
    FieldType.LONG_TEXT: _TEXTS,
    FieldType.EMAIL: _TEXTS | {"email"},
    FieldType.PHONE: _TEXTS | {"phone"},
    FieldType.URL: _TEXTS | {"url"},
    FieldType.PICKLIST: _TEXTS | {"picklist", "combobox"},
    FieldType.MULTI_PICKLIST: _TEXTS | {"multipicklist"},
    FieldType.TEXT_LIST: _TEXTS | {"multipicklist"},
    FieldType.AMOUNT: _NUMBERS,
    FieldType.INTEGER: _NUMBERS | {"percent"},
    FieldType.BOOLEAN: frozenset({"boolean"}),
    FieldType.DATE: frozenset({"date"}),
    FieldType.DATETIME: frozenset({"datetime"}),
}
"""Describe's field types that can hold an ACE type (MAP-06). A lookup is mapped through a related field."""

FIXED = frozenset({"partnerCrmUniqueIdentifier", "partnerCrmLeadId"})
"""Filled with the record's own id, never mapped (MAP-63)."""

ADVICE = frozenset({
    "AWS_VALUES_UNMAPPED", "SALESFORCE_VALUES_UNMAPPED", "INACTIVE_SALESFORCE_VALUE", "MAY_NOT_FIT", "NOTHING_COMES_IN",
    "HISTORY_UNMAPPED", "RELATED_NOT_WRITTEN",
})  # fmt: skip
"""Codes of problems that do not keep a mapping from working; all others do."""

_HISTORY = "nextStepHistory"
_IDENTIFIER_LENGTH = 18


def is_blocking(problem: Problem) -> bool:
    """Return whether a mapping with this problem must not be published or scheduled."""
    return problem.code not in ADVICE


def spelled_as(mapping: model.Mapping, describes: Describes) -> model.Mapping:
    """Return the mapping with its paths as the org spells them: rows are read and written under those names."""
    return replace(
        mapping,
        fields=tuple(
            replace(item, path=org_spelling(item.path, mapping.object_name, describes)) for item in mapping.fields
        ),
    )


def compatible(ace: AceField, field: FieldDescribe) -> Problem | None:
    """Return why the Salesforce field cannot hold the ACE field's values, or None when its type fits (MAP-06)."""
    if field.type in FITTING[ace.type] or (field.type == "boolean" and _is_yes_no(ace)):
        return None
    return Problem(
        "TYPE_MISMATCH", ace.name, field.name,
        f"{ace.label} is of type {ace.type.value}; a field of type {field.type} cannot hold it.",
        f"Choose a field of one of these types: {', '.join(sorted(FITTING[ace.type]))}.",
    )  # fmt: skip


def check_mapping(
    mapping: model.Mapping, catalogue: Mapping[str, AceField], describes: Describes
) -> tuple[Problem, ...]:
    """Return every problem of the mapping; :func:`is_blocking` tells those that stop it (MAP-24, MAP-45, PICK-08).

    Args:
        mapping: what to check.
        catalogue: every ACE field of the record type by name.
        describes: describe of an object by name; asked for the primary object and for the objects that paths lead to.
    """
    primary = describes(mapping.object_name)
    if primary is None:
        return (_object_missing(mapping.object_name),)
    return (
        *_repeated(mapping),
        *_unmapped_required(mapping, catalogue),
        *(problem for item in mapping.fields for problem in _check_field(item, mapping, catalogue, describes)),
    )


def own_field_problems(describe: ObjectDescribe, names: SyncFields) -> tuple[Problem, ...]:
    """Return what the connector's own fields on a synced object lack (MAP-25, MAP-26, MAP-27).

    Args:
        describe: the synced object.
        names: the fields' names in the org's profile. The formula field and the invitation id may be missing.
    """
    wanted = ((names.sync_with_aws, "boolean"), (names.last_sync_date, "datetime"), (names.apn_id, "string"))
    found = tuple(_own_problem(describe, name, wanted_type) for name, wanted_type in wanted)
    identifier = describe.field(names.apn_id)
    if identifier is not None and found[-1] is None and not _is_identifier(identifier):
        found = (*found, _no_identifier(describe, names.apn_id))
    return tuple(problem for problem in found if problem is not None)


def _check_field(
    item: model.FieldMapping, mapping: model.Mapping, catalogue: Mapping[str, AceField], describes: Describes
) -> Iterable[Problem]:
    ace = catalogue.get(item.ace_field)
    if ace is None:
        yield unknown_field(item)
        return
    if ace.name in FIXED or item.path.lower() in _RESERVED:
        yield _reserved(item)
        return
    field = resolve_path(item.path, mapping.object_name, describes)
    if isinstance(field, Problem):
        yield Problem(field.code, ace.name, field.value, field.rule, field.remedy)
        return
    mismatch = compatible(ace, field)
    if mismatch is not None:
        yield mismatch
        return
    yield from check_values(item, ace, field)
    yield from _check_inbound(item, ace, field)


def _check_inbound(item: model.FieldMapping, ace: AceField, field: FieldDescribe) -> Iterable[Problem]:
    if not item.inbound:
        return
    if not ace.inbound:
        yield Problem(
            "NOTHING_COMES_IN", ace.name, item.path, "AWS never returns this field.", "Turn inbound updates off."
        )
        return
    if item.related:
        yield Problem(
            "RELATED_NOT_WRITTEN", ace.name, item.path, "Values from AWS are not written to related objects.",
            "Turn inbound updates off, or map a field of the primary object.",
        )  # fmt: skip
        return
    if field.calculated or not field.updateable:
        yield Problem(
            "NOT_WRITABLE", ace.name, item.path,
            "Inbound updates are on for a field that the integration user cannot write.",
            "Turn inbound updates off, map a field that is no formula, or grant edit access in the permission set.",
        )  # fmt: skip
    if field.unique:
        yield Problem(
            "UNIQUE_FIELD", ace.name, item.path, "Two opportunities may have the same value, but the field is unique.",
            "Map a field that is not unique, or turn inbound updates off.",
        )  # fmt: skip
    yield from _check_room(ace, field)


def _check_room(ace: AceField, field: FieldDescribe) -> Iterable[Problem]:
    if ace.type in (FieldType.AMOUNT, FieldType.INTEGER):
        room, unit = field.precision - field.scale, "digits before the decimal point"
        short = field.precision > 0 and room < (ace.length or 0)
    else:
        room, unit = field.length, "characters"
        short = 0 < room < (ace.length or 0)
    if short:
        yield Problem(
            "MAY_NOT_FIT", ace.name, field.name, f"The field has room for {room} {unit}; AWS allows {ace.length}.",
            "Make the field longer, or expect that longer values from AWS are reported and not written.",
        )  # fmt: skip


def _repeated(mapping: model.Mapping) -> Iterable[Problem]:
    for name, count in Counter(item.ace_field for item in mapping.fields).items():
        if count > 1:
            yield Problem(
                "MAPPED_TWICE", name, "", "One AWS field has one Salesforce field.", "Remove all entries but one."
            )
    targets = Counter(item.path.lower() for item in mapping.fields if item.inbound)
    for item in mapping.fields:
        if item.inbound and targets[item.path.lower()] > 1:
            yield Problem(
                "TARGET_TWICE", item.ace_field, item.path, "Several AWS fields are written to this Salesforce field.",
                "Leave inbound updates on for one of them.",
            )  # fmt: skip


def _unmapped_required(mapping: model.Mapping, catalogue: Mapping[str, AceField]) -> Iterable[Problem]:
    mapped = {item.ace_field for item in mapping.fields}
    for ace in catalogue.values():
        if ace.name not in mapped and ace.name not in FIXED and _can_be_required(ace, mapped):
            yield Problem(
                "REQUIRED_UNMAPPED", ace.name, "", f"{ace.label} is required by AWS and is not mapped.",
                "Map a Salesforce field to it.",
            )  # fmt: skip
    if _HISTORY in catalogue and _HISTORY not in mapped:
        yield Problem(
            "HISTORY_UNMAPPED", _HISTORY, "", "AWS keeps the history of next steps in a field of its own.",
            "Map a long text area to it, so that the history reaches Salesforce.",
        )  # fmt: skip


def _can_be_required(ace: AceField, mapped: set[str]) -> bool:
    """A condition on fields that are not mapped cannot come true."""
    return ace.owner is Owner.PARTNER and any(mapped.issuperset(need.when) for need in ace.required)


def _is_yes_no(ace: AceField) -> bool:
    return ace.type is FieldType.PICKLIST and set(ace.values) in ({"Yes", "No"}, {"Marketing Activity", "None"})


def _is_identifier(field: FieldDescribe) -> bool:
    return field.length == _IDENTIFIER_LENGTH and field.external_id and field.unique and not field.case_sensitive


def _own_problem(describe: ObjectDescribe, name: str, wanted: str) -> Problem | None:
    field = describe.field(name)
    if field is not None and field.type == wanted and field.updateable and not field.calculated:
        return None
    found = "it is missing or hidden" if field is None else f"it is of type {field.type}, formula or read-only"
    return Problem(
        "OWN_FIELD_MISSING", name, "", f"{describe.name} needs the writable {wanted} field {name}; {found}.",
        "Deploy the field from the package, and grant the integration user edit access to it.",
    )  # fmt: skip


def _no_identifier(describe: ObjectDescribe, name: str) -> Problem:
    return Problem(
        "NO_VALID_FIELD_TO_MAP", name, "",
        f"No valid field to map: {describe.name}.{name} must be Text(18) (External ID) (Unique Case Insensitive).",
        "Create the field with these properties.",
    )  # fmt: skip


def unknown_field(item: model.FieldMapping) -> Problem:
    """Return the problem of an entry whose ACE field the catalogue does not have."""
    return Problem(
        "UNKNOWN_AWS_FIELD", item.ace_field, item.path, "AWS has no field of that name; case counts.",
        "Remove the entry, or correct the name.",
    )  # fmt: skip


def _reserved(item: model.FieldMapping) -> Problem:
    return Problem(
        "RESERVED_FIELD", item.ace_field, item.path, "The connector fills this field itself.", "Remove the entry.",
    )  # fmt: skip


def _object_missing(name: str) -> Problem:
    return Problem(
        "OBJECT_MISSING", "", name, "The object does not exist, or the integration user has no access to it.",
        "Deploy the object, or grant read access to it in the integration user's permission set.",
    )  # fmt: skip


_RESERVED = frozenset(name.lower() for names in PROFILES.values() for name in names.all)
