"""Picklist values between ACE and Salesforce: translate, map automatically, and check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from connector.ace.catalogue import AceField
from connector.ace.values import match_value, normal_form
from connector.errors import Problem, RecordRejected
from connector.mapping.describe import FieldDescribe
from connector.mapping.model import FieldMapping, PicklistMapping

CHECKBOX_VALUES = ("true", "false")
"""Salesforce values of a checkbox in a picklist mapping."""


def candidates(values: PicklistMapping, salesforce_value: str) -> tuple[str, ...]:
    """Return the ACE values that the primary mapping gives to the Salesforce value."""
    return tuple(ace for ace, used in values.primary.items() if used == salesforce_value)


def to_ace_value(item: FieldMapping, ace: AceField, text: str) -> str:
    """Return the ACE value that is sent for a Salesforce value.

    The default decides among several (PICK-07); without one nothing is chosen (PICK-08). Raises RecordRejected naming
    field and value when the value is not mapped (PICK-13) or ambiguous.
    """
    if item.picklist is None:
        return _require(spelled(ace, text), _unmapped_outbound(item, text))
    found = candidates(item.picklist, text)
    if len(found) == 1:
        return found[0]
    if not found:
        return _require(item.picklist.additional.get(text), _unmapped_outbound(item, text))
    default = item.picklist.defaults.get(text)
    return _require(default if default in found else None, _ambiguous(item, text, found))


def to_salesforce_value(item: FieldMapping, text: str) -> str:
    """Return the Salesforce value for an ACE value: the primary mapping alone (PICK-06), dashes and spaces tolerated.

    Raises RecordRejected naming field and value when it is not mapped (PICK-11).
    """
    if item.picklist is None:
        return text
    primary = item.picklist.primary
    if text in primary:
        return primary[text]
    alike = {primary[ace] for ace in primary if normal_form(ace) == normal_form(text)}
    return _require(alike.pop() if len(alike) == 1 else None, _unmapped_inbound(item, text))


def spelled(ace: AceField, text: str) -> str | None:
    """Return AWS's spelling of a value of the field, or None when the field has no such value."""
    if not ace.values or text in ace.values:
        return text
    if ace.value_list:
        return match_value(ace.value_list, text)
    return next((value for value in ace.values if normal_form(value) == normal_form(text)), None)


def automap_values(ace: AceField, field: FieldDescribe, kept: PicklistMapping | None = None) -> PicklistMapping:
    """Return the values mapped where both sides are exactly equal, case included (PICK-04).

    Args:
        ace: the ACE field.
        field: describe of the picklist.
        kept: what is mapped already; it stays, only missing values are added (MAP-49).
    """
    kept = kept or PicklistMapping()
    offered = active_values(field)
    added = {value: value for value in ace.values if value in offered and value not in kept.primary}
    return replace(kept, primary={**kept.primary, **added})


def active_values(field: FieldDescribe) -> tuple[str, ...]:
    """Return the values that a person can choose in the field."""
    if field.type == "boolean":
        return CHECKBOX_VALUES
    return tuple(entry.value for entry in field.picklist if entry.active)


def check_values(item: FieldMapping, ace: AceField, field: FieldDescribe) -> Iterable[Problem]:
    """Yield what is wrong with the picklist mapping of a field, and which values it leaves open."""
    if not ace.values:
        return
    offered = active_values(field)
    if item.picklist is None:
        yield from _check_alike(item, ace, offered)
        return
    yield from _check_choices(item, item.picklist)
    yield from _check_known(item, ace, field, item.picklist)
    mapped = {*item.picklist.primary.values(), *item.picklist.additional}
    yield from _report_open(item, ace, [v for v in ace.values if v not in item.picklist.primary],
                            [v for v in offered if v not in mapped])  # fmt: skip


def _check_alike(item: FieldMapping, ace: AceField, offered: Sequence[str]) -> Iterable[Problem]:
    if not offered or offered == CHECKBOX_VALUES:
        return
    meant = {value: spelled(ace, value) for value in offered}
    covered = set(meant.values())
    missing = [value for value in ace.values if value not in covered]
    yield from _report_open(item, ace, missing, [value for value in offered if not meant[value]])


def _check_choices(item: FieldMapping, values: PicklistMapping) -> Iterable[Problem]:
    used = set(values.primary.values())
    for text in sorted(used):
        found = candidates(values, text)
        if len(found) > 1 and values.defaults.get(text) not in found:
            yield _ambiguous(item, text, found)
    for text in sorted(set(values.additional) & used):
        yield Problem(
            "VALUE_MAPPED_TWICE", item.ace_field, text, "An additional value must not be used by a primary one.",
            "Remove it from the additional values; to choose among several AWS values set a default.",
        )  # fmt: skip
    for text in sorted(text for text in values.defaults if values.defaults[text] not in candidates(values, text)):
        yield Problem(
            "DEFAULT_NOT_A_CANDIDATE", item.ace_field, text,
            f"The default {values.defaults[text]!r} is none of the AWS values mapped to this Salesforce value.",
            "Choose one of them as the default, or remove the default.",
        )  # fmt: skip


def _check_known(item: FieldMapping, ace: AceField, field: FieldDescribe, values: PicklistMapping) -> Iterable[Problem]:
    named = {*values.primary, *values.additional.values(), *values.defaults.values()}
    for text in sorted(named - set(ace.values)):
        yield Problem(
            "UNKNOWN_AWS_VALUE", item.ace_field, text, "AWS has no such value; case counts.",
            "Use one of AWS's values: run automap, or choose from the list.",
        )  # fmt: skip
    offered = active_values(field)
    chosen = {*values.primary.values(), *values.additional}
    for text in sorted(chosen - set(offered)) if offered else ():
        code = "UNKNOWN_SALESFORCE_VALUE" if field.restricted_picklist else "INACTIVE_SALESFORCE_VALUE"
        yield Problem(
            code, item.ace_field, text, f"{field.name} has no active value of that name.",
            "Add or activate the value in Salesforce, or map another one.",
        )  # fmt: skip


def _report_open(
    item: FieldMapping, ace: AceField, aws_values: Sequence[str], salesforce_values: Sequence[str]
) -> Iterable[Problem]:
    if aws_values and item.inbound and ace.inbound:
        yield Problem(
            "AWS_VALUES_UNMAPPED", item.ace_field, "; ".join(aws_values),
            f"{item.path} has nothing for these AWS values.",
            "Map them; until then records from AWS that have one fail.",
        )  # fmt: skip
    if salesforce_values and ace.outbound:
        yield Problem(
            "SALESFORCE_VALUES_UNMAPPED", item.ace_field, "; ".join(salesforce_values),
            f"AWS has nothing for these values of {item.path}.",
            "Map them as additional values; until then records that have one are not sent.",
        )  # fmt: skip


def _require(value: str | None, problem: Problem) -> str:
    if value is None:
        raise RecordRejected((problem,))
    return value


def _unmapped_outbound(item: FieldMapping, text: str) -> Problem:
    return Problem(
        "VALUE_NOT_MAPPED", item.ace_field, text, f"No AWS value is mapped to this value of {item.path}.",
        "Map the value (additional values), or choose a mapped one on the record.",
    )  # fmt: skip


def _unmapped_inbound(item: FieldMapping, text: str) -> Problem:
    return Problem(
        "VALUE_NOT_MAPPED", item.ace_field, text, f"This AWS value is not mapped to any value of {item.path}.",
        "Map the value (primary values), or correct the payload, and process the record again.",
    )  # fmt: skip


def _ambiguous(item: FieldMapping, text: str, found: Sequence[str]) -> Problem:
    return Problem(
        "VALUE_AMBIGUOUS", item.ace_field, text,
        f"This value of {item.path} stands for several AWS values: {'; '.join(found)}.",
        "Set a default among them (secondary values).",
    )  # fmt: skip
