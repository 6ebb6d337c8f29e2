"""What an admin may want to map, each with its reason; nothing here is ever mapped by itself.

The packaged objects map themselves (:mod:`connector.mapping.automap`). Any other object has names of its own: likeness
of names and labels, of picklist values, and what usually stands where suggest what is meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from connector import data
from connector.ace.catalogue import AceField, Owner
from connector.mapping import model
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.fit import FIXED, compatible, may_be_inbound
from connector.mapping.likeness import likeness, same_values
from connector.mapping.needs import HIDDEN_AT_FIRST, is_required
from connector.mapping.own_fields import likely, reserved_names
from connector.mapping.paths import Describes, resolve_path
from connector.mapping.reach import relationships
from connector.mapping.value_proposals import ValueProposal, propose_values
from connector.names import SyncFields

__all__ = ["Proposal", "ValueProposal", "propose", "propose_values"]

LEAST_SCORE = 50
"""Below this, likeness is chance more often than not."""

_USUAL, _USUAL_RELATED, _LESS_USUAL = 92, 88, 3
_SHARED_VALUES = 40
"""Most points that picklist values in common can give; they alone never make a proposal."""
_NAMES = frozenset({"fullName", "lastName"})
"""Of a lead AWS shows one name and takes two: the same Salesforce field may take the one in and give the other out."""
_STAND_IN = model.Fallback(value="Accept to view")
"""AWS's own label for what it hides of a lead until that is accepted; its record is made before (IN-08)."""
_AWS_VIEW = 80
"""AWS's own view of something is proposed only where the field is named for it (MAP-47)."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A field that may be meant.

    Attributes:
        ace_field: ACE name.
        path: Salesforce field.
        inbound: whether inbound updates would be on; off where MAP-48 says so, and on related records, which other
            records share.
        score: 1 to 100.
        reason: why it was thought of, in words.
        from_aws: what would stand in where AWS has no value; None for nothing.
    """

    ace_field: str
    path: str
    inbound: bool
    score: int
    reason: str
    from_aws: model.Fallback | None = None


@dataclass(frozen=True, slots=True)
class _Thought:
    ace: AceField
    path: str
    field: FieldDescribe
    score: int
    reason: str


def propose(
    catalogue: Mapping[str, AceField],
    object_name: str,
    describes: Describes,
    kept: model.Mapping | None = None,
    own: SyncFields | None = None,
) -> tuple[Proposal, ...]:
    """Return the best fitting field for each ACE field that is not mapped yet, in the catalogue's order.

    No field is proposed twice, nor one that is mapped, but a related record's of which values only go out: AWS's values
    would cover each other in it.

    Args:
        catalogue: every ACE field of the record type by name.
        object_name: the primary object.
        describes: describe of an object by name.
        kept: the mapping so far, whose entries count as decided.
        own: the connector's own fields on the object; those that suggest themselves by default.
    """
    decided = {item.ace_field for item in kept.fields} if kept else set[str]()
    taken = {item.path.lower(): (item.ace_field, item.inbound) for item in kept.fields} if kept else {}
    open_fields = [ace for ace in catalogue.values() if ace.name not in decided and _is_wanted(ace)]
    primary = describes(object_name)
    if primary is None:
        return ()
    reserved = reserved_names(own or likely(primary))
    free = [field for name, field in primary.fields.items() if name not in reserved]
    usual = _usual(catalogue)
    thoughts = [one for ace in open_fields for one in _usual_thoughts(ace, usual.get(ace.name, ()), primary, describes)]
    thoughts += filter(None, (_alike(ace, field) for ace in open_fields for field in free))
    chosen: dict[str, Proposal] = {}
    for one in sorted(thoughts, key=lambda thought: (-thought.score, thought.path.count("."), thought.path)):
        proposal = _proposal(one, of_leads=_is_of_leads(catalogue))
        passes = one.ace.outbound or proposal.inbound
        if passes and one.ace.name not in chosen and not _clashes(proposal, taken):
            taken[one.path.lower()] = (proposal.ace_field, proposal.inbound)
            chosen[one.ace.name] = proposal
    return tuple(chosen[ace.name] for ace in open_fields if ace.name in chosen)


def _clashes(proposal: Proposal, taken: Mapping[str, tuple[str, bool]]) -> bool:
    """Whether the field is in use. What a related record says may go out twice, as the owner's e-mail address does; a
    person's name comes in as one and goes out as two.
    """
    by, inbound = taken.get(proposal.path.lower(), ("", False))
    if {by, proposal.ace_field} == _NAMES:
        return inbound and proposal.inbound
    return bool(by) and (inbound or proposal.inbound or "." not in proposal.path)


def _is_wanted(ace: AceField) -> bool:
    passes = ace.inbound or ace.outbound
    return passes and ace.name not in FIXED and ace.name != "apnCrmUniqueIdentifier" and not ace.last_version


def _usual(catalogue: Mapping[str, AceField]) -> Mapping[str, list[str]]:
    return data.usual_fields("lead" if _is_of_leads(catalogue) else "opportunity")


def _is_of_leads(catalogue: Mapping[str, AceField]) -> bool:
    return "partnerCrmLeadId" in catalogue


def _usual_thoughts(
    ace: AceField, usual: Iterable[str], primary: ObjectDescribe, describes: Describes
) -> Iterator[_Thought]:
    for place, known in enumerate(usual):
        for path in _spelled(known, primary):
            field = resolve_path(path, primary.name, describes)
            if isinstance(field, FieldDescribe) and compatible(ace, field) is None:
                most = _USUAL_RELATED if "." in path else _USUAL
                score = most - _LESS_USUAL * (place + (path.lower() != known.lower()))
                yield _Thought(ace, path, field, score, f"{ace.label} usually stands in {known}.")


def _spelled(path: str, primary: ObjectDescribe) -> Iterator[str]:
    """Yield the path as it can be followed from the object: by the relationship's name, or by what it leads to."""
    target, dot, name = path.rpartition(".")
    if not dot:
        yield path
        return
    for lookup in relationships((primary,)):
        standard = lookup.relationship_name == target
        if standard or lookup.reference_to == (target,):
            yield f"{lookup.relationship_name}.{name}"


def _alike(ace: AceField, field: FieldDescribe) -> _Thought | None:
    if compatible(ace, field) is not None or not (ace.outbound or may_be_inbound(ace, field) is None):
        return None
    score, reason = likeness(ace, field)
    shared = same_values(ace, field)
    if shared and score:
        score = min(99, score + round(_SHARED_VALUES * shared / len(ace.values)))
        reason += f" {shared} of AWS's {len(ace.values)} values are values of the field."
    least = LEAST_SCORE if ace.owner is Owner.PARTNER else _AWS_VIEW
    # A standard field is the partner's own: AWS's view must not cover it.
    if score < least or (ace.owner is Owner.AWS and not field.custom):
        return None
    return _Thought(ace, field.name, field, score, reason)


def _proposal(one: _Thought, *, of_leads: bool) -> Proposal:
    inbound = not one.ace.protected and may_be_inbound(one.ace, one.field) is None
    reason = one.reason
    if inbound and "." in one.path:
        inbound, reason = False, f"{reason} Inbound updates stay off: other records share this one."
    elif one.ace.protected:
        reason += " Inbound updates stay off: AWS's own view has a field of its own."
    stand_in = None
    if of_leads and inbound and one.ace.name in HIDDEN_AT_FIRST and is_required(one.field):
        stand_in = _STAND_IN
        reason += f" Salesforce requires it, so that {_STAND_IN.value!r} stands in while AWS hides it."
    return Proposal(one.ace.name, one.path, inbound, one.score, reason, stand_in)
