"""The connector's own fields on a synced object: which field can be which, and what an object lacks (MAP-25 to MAP-27).

Standard and packaged objects have them by the names of the profile. On an object of the org's own an admin makes them
and names them in the mapping.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from connector.errors import Problem
from connector.mapping import model
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.names import ACE_LEAD, ACE_OPPORTUNITY, AWSAPN, PACKAGED, PROFILES, SyncFields, sync_fields

NO_VALID_FIELD = "No valid field to map"
"""What the page says in place of a choice where no field can hold the AWS identifier (MAP-27)."""

RESERVED = frozenset(name.lower() for names in PROFILES.values() for name in names.all)
"""Names in lower case that no mapping uses for anything else."""

_FIXED_OBJECTS = frozenset(name.lower() for name in ("Opportunity", "Lead", ACE_OPPORTUNITY, ACE_LEAD))
_IDENTIFIER_LENGTH = 18
_INVITATION_LENGTH = 30
_FILTERED = ("sync_with_aws", "apn_id", "invitation_id")
"""By these, records are looked for; an encrypted field cannot serve."""


@dataclass(frozen=True, slots=True)
class OwnField:
    """One of the connector's own fields.

    Attributes:
        name: attribute of :class:`connector.names.SyncFields`.
        label: what AWS's guide calls it.
        wanted: the type that it needs, as Salesforce's setup words it.
        optional: whether an object may lack it.
        fits: whether a field can be it.
    """

    name: str
    label: str
    wanted: str
    optional: bool
    fits: Callable[[FieldDescribe], bool]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The fields that can be one of the connector's own; where there is none, ``message`` says so."""

    fields: tuple[FieldDescribe, ...]
    message: str


def is_fixed(object_name: str) -> bool:
    """Return whether the object has the fields of the profile, which no mapping changes (MAP-25)."""
    return object_name.lower() in _FIXED_OBJECTS


def reserved_names(own: SyncFields | None = None) -> frozenset[str]:
    """Return the names of the connector's own fields in lower case: of every profile, and those given."""
    return RESERVED | {name.lower() for name in own.all if name} if own else RESERVED


def _is_flag(field: FieldDescribe) -> bool:
    return field.type == "boolean" and field.custom and field.updateable and not field.calculated


def _is_stamp(field: FieldDescribe) -> bool:
    return field.type == "datetime" and field.custom and field.updateable and not field.calculated


def _is_verdict(field: FieldDescribe) -> bool:
    return field.type == "boolean" and field.custom


def _is_identifier(field: FieldDescribe) -> bool:
    return _is_key(field, _IDENTIFIER_LENGTH) and not field.case_sensitive


def _is_invitation(field: FieldDescribe) -> bool:
    return _is_key(field, _INVITATION_LENGTH)


def _is_key(field: FieldDescribe, length: int) -> bool:
    plain = field.type == "string" and field.custom and field.updateable and not field.calculated
    return plain and field.length == length and field.external_id and field.unique


OWN_FIELDS = (
    OwnField("sync_with_aws", "Sync with AWS", "Checkbox (updateable, no formula)", False, _is_flag),
    OwnField("last_sync_date", "Last APN Sync Date", "Date/Time (updateable)", False, _is_stamp),
    OwnField("has_updates", "Has Updates for AWS", "Formula (Checkbox) or Checkbox", True, _is_verdict),
    OwnField(
        "apn_id",
        "APN CRM Unique Identifier",
        "Text(18) (External ID) (Unique Case Insensitive)",
        False,
        _is_identifier,
    ),
    OwnField("invitation_id", "Invitation ID", "Text(30) (External ID) (Unique)", True, _is_invitation),
)
"""The connector's own fields, in the order in which people are asked for them."""


def candidates(describe: ObjectDescribe) -> Mapping[str, Candidates]:
    """Return the fields of the object that can be each of the connector's own, by attribute of ``SyncFields``."""
    return {own.name: _candidates(own, describe) for own in OWN_FIELDS}


def likely(describe: ObjectDescribe) -> SyncFields | None:
    """Return the choice that suggests itself, None where a needed field is missing or several could be it.

    A field that bears the name of a profile's is meant; else the only candidate is. Where an optional field has no
    such candidate its name stays empty. It is a proposal: nobody but an admin decides.
    """
    chosen = {own.name: _likely(own, describe) for own in OWN_FIELDS}
    if any(name is None for name in chosen.values()) or _twice(chosen.values()):
        return None
    return SyncFields(**{attribute: name or "" for attribute, name in chosen.items()})


def own_field_problems(describe: ObjectDescribe, names: SyncFields) -> tuple[Problem, ...]:
    """Return what the connector's own fields on a synced object lack, each with the type that it needs.

    Args:
        describe: the synced object.
        names: the fields' names. The formula field and the invitation id may have none, or name a field of a profile
            that the object lacks.
    """
    found = [problem for own in OWN_FIELDS if (problem := _problem(own, describe, names)) is not None]
    found += map(_used_twice, _twice(names.all))
    return tuple(found)


def own_fields_problems_of(
    mapping: model.Mapping, describe: ObjectDescribe, profile: SyncFields | None
) -> tuple[Problem, ...]:
    """Return what is wrong with the connector's own fields under the mapping (MAP-25, MAP-26).

    Args:
        mapping: may name the own fields of an object of the org's own, and of no other.
        describe: the mapping's object.
        profile: names that count where the mapping has none; None leaves them unjudged then.
    """
    if mapping.own_fields is None:
        return own_field_problems(describe, sync_fields(mapping.object_name, profile)) if profile else ()
    if is_fixed(mapping.object_name):
        return (_fixed(mapping.object_name),)
    return own_field_problems(describe, mapping.own_fields)


def _candidates(own: OwnField, describe: ObjectDescribe) -> Candidates:
    fitting = sorted((field for field in describe.fields.values() if own.fits(field)), key=lambda field: field.label)
    message = "" if fitting else f"{NO_VALID_FIELD}: {own.label} needs a field {own.wanted} on {describe.label}."
    return Candidates(tuple(fitting), message)


def _likely(own: OwnField, describe: ObjectDescribe) -> str | None:
    fitting = [field.name for field in _candidates(own, describe).fields]
    usual = {getattr(names, own.name).lower() for names in (PACKAGED, AWSAPN)}
    named = [name for name in fitting if name.lower() in usual]
    if len(named) == 1:
        return named[0]
    if own.name == "has_updates":
        # Any checkbox could hold a verdict, but only a formula that stands alone suggests itself.
        fitting = [name for name in fitting if (known := describe.field(name)) is not None and known.calculated]
    if len(fitting) == 1:
        return fitting[0]
    return "" if own.optional else None


def _problem(own: OwnField, describe: ObjectDescribe, names: SyncFields) -> Problem | None:
    name: str = getattr(names, own.name)
    field = describe.field(name) if name else None
    if field is None:
        absent = own.optional and (not name or name.lower() in RESERVED)
        return None if absent else _missing(own, describe, name)
    return None if _fits(own, field) else _unfit(own, describe, field)


def _fits(own: OwnField, field: FieldDescribe) -> bool:
    return own.fits(field) and (own.name not in _FILTERED or field.filterable)


def _missing(own: OwnField, describe: ObjectDescribe, name: str) -> Problem:
    if not name:
        return Problem(
            "OWN_FIELD_MISSING", own.label, "",
            f"{describe.name} needs a field {own.wanted} for {own.label}; the mapping names none.",
            f"Create the field on {describe.name} and name it in the mapping.",
        )  # fmt: skip
    return Problem(
        "OWN_FIELD_MISSING", name, "",
        f"{describe.name} needs the field {name}, {own.wanted}; it is missing, or field-level security hides it.",
        "Create the field or deploy it from the package, and grant the integration user edit access to it.",
    )  # fmt: skip


def _unfit(own: OwnField, describe: ObjectDescribe, field: FieldDescribe) -> Problem:
    if own.name == "apn_id":
        return Problem(
            "NO_VALID_FIELD_TO_MAP", field.name, _words(field),
            f"{NO_VALID_FIELD}: {describe.name}.{field.name} must be {own.wanted}.",
            "Create a field with these properties, and grant the integration user edit access to it.",
        )  # fmt: skip
    return Problem(
        "OWN_FIELD_UNFIT", field.name, _words(field), f"{own.label} must be {own.wanted}.",
        "Name another field, or create one of this type and grant the integration user edit access to it.",
    )  # fmt: skip


def _words(field: FieldDescribe) -> str:
    parts = [
        f"{field.type}({field.length})" if field.length else field.type,
        "formula" if field.calculated else "" if field.updateable else "read-only",
        "external id" if field.external_id else "",
        "unique" if field.unique else "",
        "case sensitive" if field.case_sensitive else "",
        "" if field.filterable else "cannot be filtered by",
    ]
    return ", ".join(filter(None, parts))


def _twice(names: Iterable[str | None]) -> list[str]:
    counts = Counter(name.lower() for name in names if name)
    return [name for name, count in counts.items() if count > 1]


def _used_twice(name: str) -> Problem:
    return Problem(
        "OWN_FIELD_TWICE", name, "", "Each of the connector's own fields needs a Salesforce field to itself.",
        "Name another field for one of the two.",
    )  # fmt: skip


def _fixed(object_name: str) -> Problem:
    return Problem(
        "OWN_FIELDS_FIXED", "", object_name, f"The connector's own fields on {object_name} are fixed.",
        "Remove own_fields from the mapping; only objects of the org's own have them.",
    )  # fmt: skip
