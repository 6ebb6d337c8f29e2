"""What would happen to one record of the file channel, and why: verdict, plan, the record as a file would have it, and
every mapped field on its way there; nothing is sent and nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connector.ace.file_fields import PARTNER_ID, FileField, Sent, Version, file_fields
from connector.ace.file_shape import LeftOut
from connector.ace.file_values import is_masked, to_file
from connector.ace.record import Value
from connector.errors import ConfigError, Problem
from connector.mapping.currency import CURRENCY, RECORD_CURRENCY
from connector.mapping.outbound import snapshot
from connector.store.links import Link
from connector.sync.engine import Engine
from connector.sync.exchange.conversion import is_converted
from connector.sync.exchange.entries import PlannedEntry, planned_entry
from connector.sync.exchange.entry_plan import Send, Settle
from connector.sync.exchange.in_flight import AWAITS_RESULT, STUCK_LOG
from connector.sync.fallbacks import used_fallbacks
from connector.sync.plan import Await, Hold, Reject
from connector.sync.ports import Row
from connector.sync.preview import AWS_ONLY, Passage, Preview
from connector.sync.schedule_memory import in_force_for, scheduled_object

_WHY = {
    LeftOut.NOT_IN_VERSION: "files of this version have no such field",
    LeftOut.AFTER_CREATION: "goes in another file, once AWS has given the opportunity its identifier",
    LeftOut.MASKED: "AWS hides the value, so that it is not sent back",
}


def preview_entry(engine: Engine, record_id: str, left_out: Iterable[Problem] = ()) -> Preview:
    """Return what would happen to the record now, under the engine's mapping.

    Args:
        left_out: why mapped fields are left out, which the engine's mapping therefore does not have.

    Raises:
        ConfigError: the record does not exist or is not visible, or a setting about files is missing.
    """
    row = engine.salesforce.rows(engine.mapping.object_name, [record_id], engine.row_fields()).get(record_id)
    if row is None:
        raise ConfigError(
            f"{engine.mapping.object_name} {record_id} does not exist or the integration user cannot see it."
        )
    known = engine.state.links.get(record_id)
    link = known or Link(record_id=record_id, object_name=engine.mapping.object_name)
    link.row, link.apn_id = row, link.apn_id or row.get(engine.names.apn_id)
    planned = planned_entry(engine, link, row)
    problems = tuple(dict.fromkeys((*left_out, *engine.to_ace(row)[1], *planned.problems)))
    fields = tuple(_passages(engine, link, row, planned.entry, problems))
    named = {one.ace_field for one in fields}
    unnamed = tuple(one for one in problems if one.field not in named)
    steps = tuple(_steps(engine, link, planned))
    return Preview(record_id, planned.verdict, (), planned.entry, fields, unnamed, steps=steps)


def _steps(engine: Engine, link: Link, planned: PlannedEntry) -> Iterator[str]:
    """Yield what would be done, in words."""
    if is_converted(link.row):
        yield "nothing: the lead was converted in Salesforce, which ends its exchange with AWS"
        return
    match planned.action:
        case Reject(problems=problems):
            yield "refuse:\n    " + "\n    ".join(map(str, problems))
        case Settle(told=told):
            yield "nothing to send" + (f"; not taken by AWS: {', '.join(one.field for one in told)}" if told else "")
        case Hold(problem=problem) | Await(problem=problem):
            yield f"wait: {problem.rule}"
        case Send() as action:
            yield from (f"wait: {one.rule}" for one in planned.problems if one.code in (AWAITS_RESULT, STUCK_LOG))
            yield from _sending(link, action)
            yield _when(engine)


def _sending(link: Link, action: Send) -> Iterator[str]:
    if action.decision:
        yield f"answer AWS's referral in the next file: {action.decision}; other edits go after AWS has taken it"
    elif link.apn_id is None:
        yield "ask AWS in the next file to create the opportunity"
    else:
        yield f"update in the next file: {', '.join(action.record)}"
    for name, reason in action.file.left_out.items():
        yield f"leave out {name}: {_WHY[reason]}"


def _when(engine: Engine) -> str:
    """Return what lets the record out."""
    in_force = in_force_for(engine)
    if in_force is None:
        return f"goes out on request only: no schedule for {scheduled_object(engine)} is active"
    return f"goes out with the next run of the schedule {in_force.name}, at {in_force.next:%Y-%m-%d %H:%M} UTC"


def _passages(
    engine: Engine, link: Link, row: Row, payload: Mapping[str, Any] | None, problems: tuple[Problem, ...]
) -> Iterator[Passage]:
    record, _ = engine.to_ace(row)
    texts, used = snapshot(engine.mapping, row), {one.ace_field: one for one in used_fallbacks(engine, row)}
    partner_id = PARTNER_ID[engine.record_type]
    yield _passage(engine, partner_id, "Id", link.record_id, {partner_id: link.record_id}, payload)
    for item in engine.mapping.fields:
        stand_in = used.get(item.ace_field)
        fallback = "" if stand_in is None else f"formula {stand_in.formula}" if stand_in.formula else "fixed value"
        mine = tuple(one for one in problems if one.field == item.ace_field)
        text = texts.get(item.path)
        yield _passage(engine, item.ace_field, item.path, text, record, payload, fallback=fallback, problems=mine)
    if row.get(RECORD_CURRENCY) and engine.mapping.field(CURRENCY) is None and CURRENCY in engine.catalogue:
        yield _passage(engine, CURRENCY, RECORD_CURRENCY, str(row[RECORD_CURRENCY]), record, payload)
    for name, path in engine.left_out.items():
        yield Passage(name, path, None, None, "", None, "", tuple(one for one in problems if one.field == name))


def _passage(
    engine: Engine,
    name: str,
    path: str,
    text: str | None,
    record: Mapping[str, Value],
    payload: Mapping[str, Any] | None,
    *,
    fallback: str = "",
    problems: tuple[Problem, ...] = (),
) -> Passage:
    field = file_fields(engine.record_type, engine.settings.files.version_for(engine.record_type) or Version.V2).get(
        name
    )
    value = record.get(name)
    if field is None or field.sent is Sent.NEVER:
        return Passage(name, path, text, value, AWS_ONLY if field else "", None, fallback, problems)
    return Passage(name, path, text, value, field.written_as, _written(field, value, payload), fallback, problems)


def _written(field: FileField, value: Value, payload: Mapping[str, Any] | None) -> Any:
    """Return what the file has for the field; where nothing would be sent, what the value would be."""
    if payload is not None:
        return payload.get(field.written_as)
    return None if value is None or is_masked(value) else to_file(field.ace, value)
