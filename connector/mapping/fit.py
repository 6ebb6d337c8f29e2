"""Whether a mapping fits the ACE catalogue and the org: all of its problems at once, each with its remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from connector.ace.catalogue import AceField, FieldType, lead_fields, opportunity_fields
from connector.errors import Problem
from connector.mapping import model
from connector.mapping.describe import FieldDescribe
from connector.mapping.exclusion import Compute, check_exclusion
from connector.mapping.fallbacks import Inspect, check_fallbacks
from connector.mapping.needs import FIXED, unfilled_at_creation, unmapped_required
from connector.mapping.own_fields import own_field_problems, own_fields_problems_of, reserved_names
from connector.mapping.paths import Describes, org_spelling, resolve_path
from connector.mapping.picklists import active_values, check_values
from connector.mapping.reach import first_with, reached
from connector.mapping.related import relationship_of, target_object
from connector.names import SyncFields

__all__ = ["FITTING", "FIXED", "check_mapping", "compatible", "is_blocking", "own_field_problems", "working_part"]

_TEXTS = frozenset({"string", "textarea"})
_NUMBERS = frozenset({"currency", "double", "int"})
_CHOICES = frozenset({"picklist", "combobox"})
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

ADVICE = frozenset({
    "AWS_VALUES_UNMAPPED", "SALESFORCE_VALUES_UNMAPPED", "INACTIVE_SALESFORCE_VALUE", "MAY_NOT_FIT", "NOTHING_COMES_IN",
    "HISTORY_UNMAPPED", "RELATED_NOT_WRITTEN", "RELATED_NEEDS_RECORD", "SAME_RELATED_FIELD", "CONDITION_UNMAPPED",
    "CREATION_FIELD_UNFILLED", "DEPRECATED_FIELD",
})  # fmt: skip
"""Codes of problems that do not keep a mapping from working; all others do."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else decides whether a mapping works. None stands for what is not known, and is not judged.

    Attributes:
        names: the connector's own fields of the org's profile.
        default_account: whether records made from AWS's opportunities get a Default Account (MAP-17).
        default_opportunity: whether a Default Opportunity fills what the mapping leaves empty.
        inspect: reads a formula; the formula language is another room's. Without it formulas are not judged.
        compute: computes a formula over a record of AWS without values, so that types that do not go together show.
        sends_version_1: whether files of version 1 are sent, which alone carry what later versions dropped (MAP-51).
    """

    names: SyncFields | None = None
    default_account: bool | None = None
    default_opportunity: bool | None = None
    inspect: Inspect | None = None
    compute: Compute | None = None
    sends_version_1: bool = False


UNKNOWN_SURROUNDINGS = Surroundings()


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


def may_be_inbound(ace: AceField, field: FieldDescribe) -> Problem | None:
    """Return why inbound updates cannot be on for the field, or None when AWS's values can be written to it."""
    if not ace.inbound:
        return Problem(
            "NOTHING_COMES_IN", ace.name, field.name, "AWS never returns this field.", "Turn inbound updates off."
        )
    if field.calculated or not field.updateable:
        return Problem(
            "NOT_WRITABLE", ace.name, field.name,
            "Inbound updates are on for a field that the integration user cannot write.",
            "Turn inbound updates off, map a field that is no formula, or grant edit access in the permission set.",
        )  # fmt: skip
    if field.unique:
        return Problem(
            "UNIQUE_FIELD", ace.name, field.name, "Two opportunities may have the same value, but the field is unique.",
            "Map a field that is not unique, or turn inbound updates off.",
        )  # fmt: skip
    return None


def check_mapping(
    mapping: model.Mapping,
    catalogue: Mapping[str, AceField],
    describes: Describes,
    surroundings: Surroundings = UNKNOWN_SURROUNDINGS,
) -> tuple[Problem, ...]:
    """Return every problem of the mapping; :func:`is_blocking` tells those that stop it (MAP-24, MAP-45, PICK-08).

    Args:
        mapping: what to check.
        catalogue: every ACE field of the record type by name.
        describes: describe of an object by name; asked for the primary object and for the objects that paths lead to.
        surroundings: what else is known of the org.
    """
    primary = describes(mapping.object_name)
    if primary is None:
        return (_object_missing(mapping.object_name),)
    template = surroundings.default_opportunity
    return (
        *own_fields_problems_of(mapping, primary, surroundings.names),
        *_repeated(mapping, describes),
        *unmapped_required(mapping, catalogue),
        *(one for item in mapping.fields for one in _check_field(item, mapping, catalogue, describes)),
        *(one for item in mapping.fields for one in _check_use(item, mapping, catalogue, describes, surroundings)),
        *(() if template is None else unfilled_at_creation(mapping, catalogue, primary, template=template)),
        *(
            ()
            if surroundings.inspect is None
            else _check_formulas(mapping, catalogue, describes, surroundings.inspect, surroundings.compute)
        ),
    )


def working_part(
    mapping: model.Mapping, describes: Describes, catalogue: Mapping[str, AceField] | None = None
) -> tuple[model.Mapping, tuple[Problem, ...]]:
    """Return the mapping without the entries that cannot work in today's org, and why each cannot (MAP-45).

    An entry is left out where its field vanished or is hidden, has a type that no longer fits, or where AWS dropped
    its own field. The others go on working, and nothing is cleared: what is not mapped stays as it is at AWS.

    Args:
        mapping: the published mapping.
        describes: describe of an object by name.
        catalogue: every ACE field by name; those of the mapping's record type by default.
    """
    known = catalogue_of(mapping.record_type) if catalogue is None else catalogue
    if describes(mapping.object_name) is None:
        return replace(mapping, fields=()), (_object_missing(mapping.object_name),)
    faults = {item.ace_field: _fault(item, mapping.object_name, known, describes) for item in mapping.fields}
    working = tuple(item for item in mapping.fields if faults[item.ace_field] is None)
    return replace(mapping, fields=working), tuple(filter(None, faults.values()))


def catalogue_of(record_type: model.RecordType) -> Mapping[str, AceField]:
    """Return every ACE field of the record type by name."""
    return lead_fields() if record_type == "lead" else opportunity_fields()


def _check_field(
    item: model.FieldMapping, mapping: model.Mapping, catalogue: Mapping[str, AceField], describes: Describes
) -> Iterable[Problem]:
    ace = catalogue.get(item.ace_field)
    if ace is not None and (ace.name in FIXED or item.path.lower() in reserved_names(mapping.own_fields)):
        yield _reserved(item)
        return
    fault = _fault(item, mapping.object_name, catalogue, describes)
    field = resolve_path(item.path, mapping.object_name, describes)
    if fault is not None or ace is None or isinstance(field, Problem):
        yield fault or unknown_field(item)
        return
    yield from check_values(item, ace, field)
    if item.inbound:
        yield from _check_inbound(item, ace, field)


def _check_formulas(
    mapping: model.Mapping,
    catalogue: Mapping[str, AceField],
    describes: Describes,
    inspect: Inspect,
    compute: Compute | None,
) -> Iterator[Problem]:
    yield from check_exclusion(mapping.exclude, catalogue, inspect, compute)
    yield from check_fallbacks(mapping, catalogue, describes, inspect)


def _fault(
    item: model.FieldMapping, object_name: str, catalogue: Mapping[str, AceField], describes: Describes
) -> Problem | None:
    """Return why the entry cannot work in either direction."""
    ace = catalogue.get(item.ace_field)
    if ace is None:
        return unknown_field(item)
    field = resolve_path(item.path, object_name, describes)
    if not isinstance(field, Problem):
        mismatch = compatible(ace, field)
        return None if mismatch is None else replace(mismatch, value=item.path)
    needed = f" AWS requires {ace.label}." if ace.always_required else ""
    return Problem(field.code, ace.name, field.value, field.rule + needed, field.remedy)


def _check_inbound(item: model.FieldMapping, ace: AceField, field: FieldDescribe) -> Iterable[Problem]:
    refusal = may_be_inbound(ace, field)
    if refusal is not None:
        yield replace(refusal, value=item.path)
        return
    short = too_short(ace, field)
    if short is not None:
        yield replace(short, value=item.path)
    if field.restricted_picklist and field.type in _CHOICES and not ace.values:
        yield Problem(
            "MAY_NOT_FIT", ace.name, field.name,
            f"AWS sends any text; the field takes its {len(active_values(field))} values only.",
            "Map a text field, or expect that other texts from AWS are reported and not written.",
        )  # fmt: skip
    if field.type == "email" and ace.type is not FieldType.EMAIL:
        yield Problem(
            "MAY_NOT_FIT", ace.name, field.name, "The field takes e-mail addresses only; AWS's text need not be one.",
            "Map a text field, or turn inbound updates off.",
        )  # fmt: skip


def _check_use(
    item: model.FieldMapping,
    mapping: model.Mapping,
    catalogue: Mapping[str, AceField],
    describes: Describes,
    surroundings: Surroundings,
) -> Iterator[Problem]:
    """Yield advice about entries that fit, but do less than an admin may think."""
    ace = catalogue.get(item.ace_field)
    if ace is not None and ace.last_version and not surroundings.sends_version_1:
        yield Problem(
            "DEPRECATED_FIELD", ace.name, item.path,
            f"AWS dropped this field after version {ace.last_version} of its data model; it is not sent any more.",
            "Remove the entry, unless the connector's own rules read it.",
        )  # fmt: skip
    if ace is not None and item.related and item.inbound and ace.inbound:
        yield from _check_related(item, mapping.object_name, describes, default_account=surroundings.default_account)


def _check_related(
    item: model.FieldMapping, object_name: str, describes: Describes, *, default_account: bool | None
) -> Iterator[Problem]:
    """Yield why AWS's values may not reach the related record (MAP-15, MAP-17)."""
    relationship = relationship_of(item)
    first = relationship.split(".")[0]
    if target_object(relationship, object_name, describes) is None:
        yield several_kinds(item.ace_field, item.path)
        return
    to_account = target_object(first, object_name, describes) == "Account"
    if default_account is None or (to_account and default_account):
        return
    remedy = "Set a Default Account in the settings" if to_account else f"Link records to their {first} by hand"
    yield Problem(
        "RELATED_NEEDS_RECORD", item.ace_field, item.path,
        f"A record made from an opportunity of AWS's has no {first} yet, so that this value is not written then.",
        f"{remedy}; the next change at AWS fills the field once the record is linked.",
    )  # fmt: skip


def several_kinds(ace_field: str, path: str) -> Problem:
    """Return the advice about a relationship such as ``Owner`` that may lead to several objects."""
    return Problem(
        "RELATED_NOT_WRITTEN", ace_field, path,
        "The relationship leads to several kinds of objects; values from AWS are not written there.",
        "Turn inbound updates off, or map a field behind a lookup to one object.",
    )  # fmt: skip


def too_short(ace: AceField, field: FieldDescribe) -> Problem | None:
    """Return the advice about a field that has less room than AWS allows a value, or None."""
    if ace.type in (FieldType.AMOUNT, FieldType.INTEGER):
        room, unit = field.precision - field.scale, "digits before the decimal point"
        short = field.precision > 0 and room < (ace.length or 0)
    else:
        room, unit = field.length, "characters"
        short = 0 < room < (ace.length or 0)
    if not short:
        return None
    return Problem(
        "MAY_NOT_FIT", ace.name, field.name, f"The field has room for {room} {unit}; AWS allows {ace.length}.",
        "Make the field longer, or expect that longer values from AWS are reported and not written.",
    )  # fmt: skip


def _repeated(mapping: model.Mapping, describes: Describes) -> Iterable[Problem]:
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
    yield from _met_by_two_paths(mapping, describes)


def _met_by_two_paths(mapping: model.Mapping, describes: Describes) -> Iterator[Problem]:
    """Yield the entries that write to one field of one object by different relationships: it may be one record."""
    written = [item for item in mapping.fields if item.inbound]
    places = {item.path.lower(): _place(item, mapping.object_name, describes) for item in written}
    met = Counter(place for place in places.values() if place is not None)
    for item in written:
        place = places[item.path.lower()]
        if place is not None and met[place] > 1:
            yield Problem(
                "SAME_RELATED_FIELD", item.ace_field, item.path,
                f"Another entry leads to {'.'.join(place)} too; on one record one value would cover the other.",
                "Leave inbound updates on for one of them.",
            )  # fmt: skip


def _place(item: model.FieldMapping, object_name: str, describes: Describes) -> tuple[str, str] | None:
    relationship, _, name = item.path.rpartition(".")
    found = first_with(reached(relationship, object_name, describes), name)
    return (found[0].name, found[1].name) if found else None


def _is_yes_no(ace: AceField) -> bool:
    return ace.type is FieldType.PICKLIST and set(ace.values) in ({"Yes", "No"}, {"Marketing Activity", "None"})


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
