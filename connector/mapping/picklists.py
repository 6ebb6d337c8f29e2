"""Picklist values between ACE and Salesforce: translate, map automatically, and check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from connector.ace.catalogue import AceField, FieldType
from connector.ace.values import match_value, normal_form
from connector.errors import Problem, RecordRejected
from connector.mapping.describe import FieldDescribe
from connector.mapping.model import FieldMapping, PicklistMapping

CHECKBOX_VALUES = ("true", "false")
"""Salesforce values of a checkbox in a picklist mapping."""
TOLD = 5
"""Open values that a problem names; a list of countries has 249."""


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

    What is mapped already keeps its meaning in both directions: only missing values are added (MAP-49), a Salesforce
    value that is in use goes out as before, and one that is mapped for sending only stays so.

    Args:
        ace: the ACE field.
        field: describe of the picklist.
        kept: what is mapped already.
    """
    kept = kept or PicklistMapping()
    offered = set(active_values(field)) - set(kept.additional)
    added = {value: value for value in ace.values if value in offered and value not in kept.primary}
    sent = {value: found for value in added if len(found := candidates(kept, value)) == 1}
    defaults = {**{value: found[0] for value, found in sent.items()}, **kept.defaults}
    return replace(kept, primary={**kept.primary, **added}, defaults=defaults)


def with_primary(values: PicklistMapping, aws_value: str, salesforce_value: str | None) -> PicklistMapping:
    """Return the values with the AWS value mapped to the Salesforce value, or not mapped for None.

    Of the defaults those stay that are still a choice (PICK-10); a Salesforce value that is used now is not additional
    any more.
    """
    primary = {name: used for name, used in values.primary.items() if name != aws_value}
    if salesforce_value is not None:
        primary[aws_value] = salesforce_value
    used = set(primary.values())
    additional = {name: value for name, value in values.additional.items() if name not in used}
    changed = PicklistMapping(primary, additional)
    defaults = {name: value for name, value in values.defaults.items() if value in candidates(changed, name)}
    return replace(changed, defaults=defaults)


def active_values(field: FieldDescribe) -> tuple[str, ...]:
    """Return the values that a person can choose in the field."""
    if field.type == "boolean":
        return CHECKBOX_VALUES
    return tuple(entry.value for entry in field.picklist if entry.active)


@dataclass(frozen=True, slots=True)
class OpenValues:
    """What a picklist mapping leaves open.

    Attributes:
        aws: AWS's values without a Salesforce value.
        salesforce: active Salesforce values without an AWS value.
        undecided: Salesforce values that stand for several AWS values, with no default among them (PICK-08).
    """

    aws: tuple[str, ...]
    salesforce: tuple[str, ...]
    undecided: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One line of the view of all picklist mappings (PICK-16); the other side of an open value is empty."""

    kind: Literal["primary", "additional", "default", "open at AWS", "open in Salesforce"]
    aws_value: str
    salesforce_value: str


def open_values(item: FieldMapping, ace: AceField, field: FieldDescribe) -> OpenValues:
    """Return the values that the mapping of the field leaves open (PICK-04, PICK-09)."""
    offered = active_values(field)
    if item.picklist is None:
        if offered == CHECKBOX_VALUES:
            return OpenValues((), (), ())
        meant = {value: spelled(ace, value) for value in offered}
        covered = set(meant.values())
        unknown = tuple(value for value in offered if not meant[value])
        return OpenValues(tuple(v for v in ace.values if v not in covered) if offered else (), unknown, ())
    values = item.picklist
    used = {*values.primary.values(), *values.additional}
    undecided = (text for text in dict.fromkeys(values.primary.values()) if _is_undecided(values, text))
    return OpenValues(
        tuple(value for value in ace.values if value not in values.primary),
        tuple(value for value in offered if value not in used),
        tuple(undecided),
    )


def value_rows(item: FieldMapping, ace: AceField, field: FieldDescribe) -> tuple[ValueRow, ...]:
    """Return everything that is mapped and open in a picklist, AWS's order first (PICK-01, PICK-16)."""
    left = open_values(item, ace, field)
    values = item.picklist or _alike(ace, field)
    order = {value: place for place, value in enumerate(ace.values)}
    rows = [ValueRow("primary", aws, used) for aws, used in values.primary.items()]
    rows.sort(key=lambda row: order.get(row.aws_value, len(order)))
    rows += [ValueRow("additional", aws, text) for text, aws in sorted(values.additional.items())]
    rows += [ValueRow("default", aws, text) for text, aws in sorted(values.defaults.items())]
    rows += [ValueRow("open at AWS", value, "") for value in left.aws]
    return (*rows, *(ValueRow("open in Salesforce", "", value) for value in left.salesforce))


def _alike(ace: AceField, field: FieldDescribe) -> PicklistMapping:
    """Return what passes where no values are mapped: those that both sides spell alike."""
    offered = active_values(field)
    meant = {value: spelled(ace, value) for value in offered if offered != CHECKBOX_VALUES}
    return PicklistMapping({aws: value for value, aws in meant.items() if aws})


def _is_undecided(values: PicklistMapping, text: str) -> bool:
    found = candidates(values, text)
    return len(found) > 1 and values.defaults.get(text) not in found


def check_values(item: FieldMapping, ace: AceField, field: FieldDescribe) -> Iterable[Problem]:
    """Yield what is wrong with the picklist mapping of a field, and which values it leaves open."""
    if not ace.values:
        if item.picklist is not None and ace.type is not FieldType.TEXT_LIST:
            yield _without_values(item, ace)
        return
    if item.picklist is not None:
        yield from _check_choices(item, item.picklist)
        yield from _check_known(item, ace, field, item.picklist)
    left = open_values(item, ace, field)
    yield from _report_open(item, ace, left.aws, left.salesforce)


def _without_values(item: FieldMapping, ace: AceField) -> Problem:
    return Problem(
        "VALUES_NOT_EXPECTED", item.ace_field, item.path,
        f"{ace.label} has no standard values at AWS: any {ace.type.value} is taken as it is.",
        "Map the field without values.",
    )  # fmt: skip


def _check_choices(item: FieldMapping, values: PicklistMapping) -> Iterable[Problem]:
    used = set(values.primary.values())
    for text in sorted(used):
        if _is_undecided(values, text):
            yield _ambiguous(item, text, candidates(values, text))
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
        alike = next(iter(get_close_matches(text.lower(), [value.lower() for value in ace.values], 1, 0.7)), "")
        meant = next((f" Is it {value!r}?" for value in ace.values if alike and value.lower() == alike), "")
        yield Problem(
            "UNKNOWN_AWS_VALUE", item.ace_field, text, f"AWS has no such value; case counts.{meant}",
            "Use one of AWS's values as the list of the field's values spells them.",
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
            "AWS_VALUES_UNMAPPED", item.ace_field, _first(aws_values),
            f"{item.path} has nothing for {_counted(aws_values)} of AWS.",
            "Map them; until then records from AWS that have one fail.",
        )  # fmt: skip
    if salesforce_values and ace.outbound:
        yield Problem(
            "SALESFORCE_VALUES_UNMAPPED", item.ace_field, _first(salesforce_values),
            f"AWS has nothing for {_counted(salesforce_values)} of {item.path}.",
            "Map them as additional values; until then records that have one are not sent.",
        )  # fmt: skip


def _counted(values: Sequence[str]) -> str:
    return f"{len(values)} value{'s' * (len(values) != 1)}"


def _first(values: Sequence[str]) -> str:
    """Return the values, of many the first few: the view of the field's values lists all."""
    more = len(values) - TOLD
    return "; ".join(values) if more <= 0 else f"{'; '.join(values[:TOLD])}; and {more} more"


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
