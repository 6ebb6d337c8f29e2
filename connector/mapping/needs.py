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
HIDDEN_AT_FIRST = frozenset(
    {"company", "fullName", "title", "email", "phone", "streetAddress", "city", "state", "postalCode", "country"}
)
"""Of a lead AWS shows these only once the partner has accepted it, and its record is made before (IN-08)."""


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
    """Yield one advice naming the fields without which Salesforce refuses a record made from AWS's opportunity or lead.

    Args:
        mapping: what fills fields: those of AWS's that come in, fallbacks included.
        catalogue: every ACE field by name.
        describe: the primary object.
        template: whether a Default Opportunity fills what the mapping leaves empty; leads have no template.
    """
    of_leads = mapping.record_type == "lead"
    if template and not of_leads and mapping.object_name != ACE_OPPORTUNITY:
        return
    filled = _FILLED_ALWAYS | reserved_names(mapping.own_fields)
    filled |= {item.path.lower() for item in mapping.fields if _comes_in(item, catalogue)}
    required = {field.name.lower(): field.name for field in describe.fields.values() if is_required(field)}
    if names := sorted(name for key, name in required.items() if key not in filled):
        yield _unfilled(describe.name, names, mapping)
    if of_leads and (late := [item for item in mapping.fields if _comes_late(item, mapping, catalogue, required)]):
        yield _hidden_at_creation(describe.name, late)


def _comes_late(
    item: model.FieldMapping,
    mapping: model.Mapping,
    catalogue: Mapping[str, AceField],
    required: Mapping[str, str],
) -> bool:
    """Whether the entry fills a required field with what AWS hides at first, and nothing else does."""
    if item.ace_field not in HIDDEN_AT_FIRST or item.from_aws is not None or item.path.lower() not in required:
        return False
    beside = [one for one in mapping.fields if one.path.lower() == item.path.lower() and one is not item]
    return not any(
        _comes_in(one, catalogue) and (one.ace_field not in HIDDEN_AT_FIRST or one.from_aws) for one in beside
    )


def _unfilled(object_name: str, names: list[str], mapping: model.Mapping) -> Problem:
    of_leads = mapping.record_type == "lead"
    template = "" if of_leads else " set a Default Opportunity as template,"
    return Problem(
        "CREATION_FIELD_UNFILLED", "", "; ".join(names),
        f"{object_name} requires these fields, and nothing fills them when a record is made from "
        f"{'a lead' if of_leads else 'an opportunity'} of AWS's.",
        f"Map AWS fields to them, give them default values,{template} or make them optional.",
    )  # fmt: skip


def _hidden_at_creation(object_name: str, items: list[model.FieldMapping]) -> Problem:
    named = "; ".join(f"{item.path} ({item.ace_field})" for item in items)
    return Problem(
        "CREATION_FIELD_UNFILLED", "", named,
        f"{object_name} requires these fields, and AWS hides their values until the lead is accepted: no record can be "
        "made of a lead that AWS refers.",
        "Give these entries a fallback towards Salesforce, such as 'Accept to view'.",
    )  # fmt: skip


def _comes_in(item: model.FieldMapping, catalogue: Mapping[str, AceField]) -> bool:
    ace = catalogue.get(item.ace_field)
    return ace is not None and (ace.inbound or item.from_aws is not None)


def is_required(field: FieldDescribe) -> bool:
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
