"""Which Salesforce fields a person can choose for an ACE field, and why the others are not offered (MAP-06, MAP-11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from connector.ace.catalogue import AceField
from connector.errors import Problem
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.fit import FIXED, compatible, may_be_inbound, several_kinds, too_short
from connector.mapping.own_fields import reserved_names
from connector.mapping.paths import MAX_RELATIONSHIPS, OF_SEVERAL_KINDS, Describes, resolve_path, unread_of_several
from connector.mapping.reach import reached, relationships
from connector.mapping.related import target_object
from connector.names import SyncFields


@dataclass(frozen=True, slots=True)
class Offer:
    """A Salesforce field that fits.

    Attributes:
        path: what the mapping stores, from the primary object.
        label: what people read.
        type, length: in describe's words; characters.
        can_be_inbound: whether AWS's values can be written to it.
        notes: advice: why inbound updates must stay off, where long values will not fit.
    """

    path: str
    label: str
    type: str
    length: int
    can_be_inbound: bool
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Expansion:
    """A relationship whose fields can be listed next.

    Attributes:
        relationship: from the primary object (``Account``, ``Account.Owner``).
        label: the lookup's label with ``>``.
        objects: API names of what it leads to.
    """

    relationship: str
    label: str
    objects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offers:
    """What can be chosen on one object.

    Attributes:
        fields: those that fit, by label.
        relationships: those that can be followed, by label; none where the mapping can go no deeper.
        refused: why each other field, by path, is not offered.
    """

    fields: tuple[Offer, ...] = ()
    relationships: tuple[Expansion, ...] = ()
    refused: Mapping[str, Problem] = field(default_factory=dict)


def offered_fields(
    ace: AceField, object_name: str, describes: Describes, *, relationship: str = "", own: SyncFields | None = None
) -> Offers:
    """Return what a person can map the ACE field to.

    Args:
        ace: the ACE field. One that the connector fills itself is offered nothing (MAP-63).
        object_name: the mapping's primary object.
        describes: describe of an object by name.
        relationship: whose fields to offer; those of the primary object for none.
        own: the connector's own fields on the object, which hold nothing else.
    """
    if ace.name in FIXED:
        return Offers(refused={"": _filled_by_us(ace)})
    depth = relationship.count(".") + 1 if relationship else 0
    objects = reached(relationship, object_name, describes) if depth <= MAX_RELATIONSHIPS else ()
    if not objects:
        return Offers(refused={relationship: _unreachable(ace, relationship, object_name, describes)})
    reserved = frozenset[str]() if relationship else reserved_names(own)
    one_kind = not relationship or target_object(relationship, object_name, describes) is not None
    offers, refused = list[Offer](), dict[str, Problem]()
    for known in _fields(objects):
        path = _join(relationship, known.name)
        if one_kind or known.name.lower() in OF_SEVERAL_KINDS:
            problem = _refusal(ace, known, reserved)
        else:
            problem = replace(unread_of_several(path, known.name), field=ace.name)
        if problem is None:
            offers.append(_offer(ace, known, relationship, one_kind=one_kind))
        else:
            refused[path] = replace(problem, value=path)
    return Offers(
        tuple(sorted(offers, key=lambda one: (one.label.lower(), one.path))),
        _expansions(objects, relationship) if depth < MAX_RELATIONSHIPS and one_kind else (),
        refused,
    )


def why_not(
    ace: AceField, path: str, object_name: str, describes: Describes, *, own: SyncFields | None = None
) -> Problem | None:
    """Return why the ACE field cannot be mapped to the path, or None when it can."""
    if ace.name in FIXED:
        return _filled_by_us(ace)
    found = resolve_path(path, object_name, describes)
    if isinstance(found, Problem):
        return replace(found, field=ace.name)
    problem = _refusal(ace, found, frozenset() if "." in path else reserved_names(own))
    return None if problem is None else replace(problem, value=path)


def _fields(objects: Iterable[ObjectDescribe]) -> list[FieldDescribe]:
    """Return the fields of the objects, of those with one name the first, as a path to it finds it."""
    found: dict[str, FieldDescribe] = {}
    for known in objects:
        for name, one in known.fields.items():
            found.setdefault(name, one)
    return list(found.values())


def _refusal(ace: AceField, known: FieldDescribe, reserved: frozenset[str]) -> Problem | None:
    if known.name.lower() in reserved:
        return Problem(
            "RESERVED_FIELD", ace.name, known.name, "The connector fills this field itself.", "Choose another field."
        )
    mismatch = compatible(ace, known)
    if mismatch is None and ace.inbound and not ace.outbound and may_be_inbound(ace, known) is not None:
        return may_be_inbound(ace, known)  # nothing would ever pass
    return mismatch


def _offer(ace: AceField, known: FieldDescribe, relationship: str, *, one_kind: bool) -> Offer:
    path = _join(relationship, known.name)
    label = f"{known.label} ({relationship})" if relationship else known.label
    if not ace.inbound:
        return Offer(path, label, known.type, known.length, can_be_inbound=False)
    unwritable = may_be_inbound(ace, known) or (None if one_kind else several_kinds(ace.name, path))
    note = unwritable or too_short(ace, known)
    notes = () if note is None else (replace(note, value=path),)
    return Offer(path, label, known.type, known.length, unwritable is None, notes)


def _expansions(objects: Iterable[ObjectDescribe], relationship: str) -> tuple[Expansion, ...]:
    found = (
        Expansion(_join(relationship, one.relationship_name), f"{one.label} >", one.reference_to)
        for one in relationships(objects)
    )
    return tuple(sorted(found, key=lambda one: one.label.lower()))


def _join(relationship: str, name: str) -> str:
    return f"{relationship}.{name}" if relationship else name


def _unreachable(ace: AceField, relationship: str, object_name: str, describes: Describes) -> Problem:
    # Any name at the end tells what is wrong with the way there.
    found = resolve_path(_join(relationship, "Id"), object_name, describes)
    if isinstance(found, Problem):
        return replace(found, field=ace.name, value=relationship or object_name)
    return Problem(
        "SALESFORCE_FIELD_MISSING", ace.name, relationship or object_name,
        "What the relationship leads to does not exist, or is hidden from the integration user.",
        "Choose another relationship, or grant the integration user's permission set read access to the object.",
    )  # fmt: skip


def _filled_by_us(ace: AceField) -> Problem:
    return Problem(
        "RESERVED_FIELD", ace.name, "", f"{ace.label} is always the record's own 18-character Salesforce id.",
        "Leave it unmapped.",
    )  # fmt: skip
