"""What a mapping leaves without a value: AWS's required fields, and Salesforce's at the creation of a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.ace.catalogue import AceField, Owner
from connector.errors import Problem
from connector.mapping import model
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.own_fields import reserved_names
from connector.names import ACE_LEAD, ACE_OPPORTUNITY

FIXED = frozenset({"partnerCrmUniqueIdentifier", "partnerCrmLeadId"})
"""Filled with the record's own id, never mapped (MAP-63)."""

_HISTORY = "nextStepHistory"
_FILLED_ALWAYS = frozenset({"name", "ownerid"})
"""The title of the opportunity becomes the name; Salesforce itself knows an owner."""


def unmapped_required(mapping: model.Mapping, catalogue: Mapping[str, AceField]) -> Iterator[Problem]:
    """Yield what AWS requires, or can come to require, and the mapping has no field for (MAP-24).

    On the packaged objects, what only some records need is advice: there every field is a click away.
    """
    mapped = {item.ace_field for item in mapping.fields}
    for ace in catalogue.values():
        if ace.name in mapped or ace.name in FIXED or ace.owner is not Owner.PARTNER:
            continue
        if any(not need.when for need in ace.required):
            yield _required(ace)
        elif any(mapped.issuperset(need.when) for need in ace.required):
            # A condition on fields that are not mapped cannot come true.
            yield _required_sometimes(ace, mapping.object_name, catalogue)
    if _HISTORY in catalogue and _HISTORY not in mapped:
        yield Problem(
            "HISTORY_UNMAPPED", _HISTORY, "", "AWS keeps the history of next steps in a field of its own.",
            "Map a long text area to it, so that the history reaches Salesforce.",
        )  # fmt: skip


def unfilled_at_creation(
    mapping: model.Mapping, catalogue: Mapping[str, AceField], describe: ObjectDescribe, *, template: bool
) -> Iterator[Problem]:
    """Yield one advice naming the fields without which Salesforce refuses a record made from AWS's opportunity.

    Args:
        mapping: what fills fields: those of AWS's that come in, fallbacks included.
        catalogue: every ACE field by name.
        describe: the primary object.
        template: whether a Default Opportunity fills what the mapping leaves empty.
    """
    if template and mapping.object_name not in (ACE_OPPORTUNITY, ACE_LEAD):
        return
    filled = _FILLED_ALWAYS | reserved_names(mapping.own_fields)
    filled |= {item.path.lower() for item in mapping.fields if _comes_in(item, catalogue)}
    required = (field.name for field in describe.fields.values() if _is_required(field))
    names = [name for name in required if name.lower() not in filled]
    if names:
        yield Problem(
            "CREATION_FIELD_UNFILLED", "", "; ".join(sorted(names)),
            f"{describe.name} requires these fields, and nothing fills them when a record is made from an opportunity "
            "of AWS's.",
            "Map AWS fields to them, give them default values, set a Default Opportunity as template, or make them "
            "optional.",
        )  # fmt: skip


def _comes_in(item: model.FieldMapping, catalogue: Mapping[str, AceField]) -> bool:
    ace = catalogue.get(item.ace_field)
    return ace is not None and (ace.inbound or item.from_aws is not None)


def _is_required(field: FieldDescribe) -> bool:
    """Whether a record cannot be created without a value; a checkbox always has one."""
    return field.createable and not field.nillable and not field.defaulted_on_create and field.type != "boolean"


def _required(ace: AceField) -> Problem:
    return Problem(
        "REQUIRED_UNMAPPED", ace.name, "", f"{ace.label} is required by AWS and is not mapped.",
        "Map a Salesforce field to it.",
    )  # fmt: skip


def _required_sometimes(ace: AceField, object_name: str, catalogue: Mapping[str, AceField]) -> Problem:
    conditions = " or ".join(dict.fromkeys(_condition(need.when, catalogue) for need in ace.required if need.when))
    packaged = object_name in (ACE_OPPORTUNITY, ACE_LEAD)
    return Problem(
        "CONDITION_UNMAPPED" if packaged else "REQUIRED_UNMAPPED", ace.name, "",
        f"{ace.label} is required by AWS when {conditions}, and is not mapped.",
        "Map a Salesforce field to it.",
    )  # fmt: skip


def _condition(when: Mapping[str, tuple[str, ...]], catalogue: Mapping[str, AceField]) -> str:
    words = (
        f"{catalogue[name].label if name in catalogue else name} is {'given' if '*' in values else ' or '.join(values)}"
        for name, values in when.items()
    )
    return " and ".join(words)
