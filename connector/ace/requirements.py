"""Whether a field must have a value, given the other fields."""

from __future__ import annotations

from collections.abc import Iterator

from connector.ace.catalogue import AceField, Condition, Moment, Requirement, opportunity_fields
from connector.ace.record import AceRecord

ANY_VALUE = "*"
_ORDER = {Moment.CREATE: (Moment.CREATE,), Moment.SUBMIT: (Moment.CREATE, Moment.SUBMIT)}
_UPDATE = (Moment.CREATE, Moment.UPDATE)


def missing(record: AceRecord, moment: Moment) -> Iterator[tuple[AceField, Requirement]]:
    """Yield the fields that must have a value at the moment and have none, each with the requirement that says so."""
    moments = _ORDER.get(moment, _UPDATE)
    for name, field in opportunity_fields().items():
        if record.get(name) is not None:
            continue
        broken = next((need for need in field.required if need.moment in moments and applies(need, record)), None)
        if broken:
            yield field, broken


def applies(need: Requirement, record: AceRecord) -> bool:
    """Return whether the requirement counts for the record."""
    needed = all(_holds({name: values}, record) for name, values in need.when.items())
    return needed and not any(_holds({name: values}, record) for name, values in need.unless.items())


def reason(need: Requirement) -> str:
    """Return in words when the requirement counts."""
    fields = opportunity_fields()
    parts = [f"{fields[name].label} is {_words(values)}" for name, values in need.when.items()]
    parts += [f"{fields[name].label} is not {_words(values)}" for name, values in need.unless.items()]
    return f" when {' and '.join(parts)}" if parts else ""


def _holds(condition: Condition, record: AceRecord) -> bool:
    return any(
        record.get(name) is not None and (ANY_VALUE in values or record.get(name) in values)
        for name, values in condition.items()
    )


def _words(values: tuple[str, ...]) -> str:
    return "given" if ANY_VALUE in values else " or ".join(values)
