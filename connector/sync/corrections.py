"""A person corrects what came from AWS (IN-15): the payload of a log detail, edited, is taken in the place of the one
that failed, and what was corrected is used again for later payloads (IN-16).

Only values are corrected, field by field. A correction holds until AWS's own value becomes good: one that the mapping
could not translate is dropped as soon as it can translate what AWS sends; one that Salesforce refused, as soon as AWS
sends another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from connector.ace import api_shape
from connector.ace.export_shape import read_entry
from connector.ace.invitation_shape import is_invitation_id
from connector.ace.record import AceRecord, Value
from connector.ace.text import same
from connector.errors import ConfigError
from connector.mapping.fit import FIXED
from connector.mapping.inbound import WARNINGS, related_values, to_salesforce
from connector.names import SYNC_LOG_DETAIL, Detail, Log
from connector.store.corrections import Correction
from connector.store.links import Link
from connector.sync import logs, queueing
from connector.sync.engine import TYPE, Engine, Priority
from connector.sync.exchange.last_words import STAND_IN, is_entry, take_entry, type_of
from connector.sync.ports import Json, Row
from connector.sync.related_values import describe_of

APN_ID = "apnCrmUniqueIdentifier"
MOST_TAKEN = 20
"""Details of one look: each may bring two payloads of 131,072 characters."""
_FIELDS = (
    Detail.KEY,
    Detail.RECORD_ID,
    Detail.APN_ID,
    Detail.PAYLOAD,
    Detail.CORRECTED_PAYLOAD,
    f"{Detail.LOG_REF}.{Log.DIRECTION}",
)


def ticked_details_query() -> str:
    """Return the SOQL of the details that a person ticked to be processed again."""
    return (
        f"SELECT {', '.join(_FIELDS)} FROM {SYNC_LOG_DETAIL} "  # noqa: S608 - our own names
        f"WHERE {Detail.REPROCESS} = true ORDER BY LastModifiedDate, Id LIMIT {MOST_TAKEN}"
    )


def take_ticked(engine: Engine, rows: Iterable[Row]) -> int:
    """Queue the records of the ticked details, corrections remembered before; return how many were queued.

    A payload that cannot be used is told on its detail, whose tick is taken away.
    """
    taken = 0
    for row in rows:
        if _is_answered(engine, row):
            continue
        try:
            with engine.state.transaction():
                _take(engine, row)
                _answer(engine, row, {})
        except ConfigError as error:
            _answer(engine, row, {Detail.ERROR_SUMMARY: logs.cut(str(error), 255), Detail.ERROR_MESSAGE: str(error)})
        else:
            taken += 1
    return taken


def _is_answered(engine: Engine, row: Row) -> bool:
    """Whether the tick was dealt with, and only Salesforce does not show it yet."""
    waiting = engine.state.outbox.get(SYNC_LOG_DETAIL, str(row[Detail.KEY]))
    return waiting is not None and waiting.body.get(Detail.REPROCESS) is False


def _answer(engine: Engine, row: Row, body: dict[str, Any]) -> None:
    key = str(row[Detail.KEY])
    engine.state.outbox.put(SYNC_LOG_DETAIL, Detail.KEY, key, {**body, Detail.REPROCESS: False}, engine.now())


def _take(engine: Engine, row: Row) -> None:
    link = engine.state.links.get(str(row[Detail.RECORD_ID] or ""))
    if (row[Detail.LOG_REF] or {}).get(Log.DIRECTION) == logs.TO_AWS:
        return _send_again(engine.engine_of(link.object_name) if link else engine, link, row)
    engine.person_waits = True
    known = row[Detail.APN_ID] or (link and link.apn_id) or _invitation_of(engine, link)
    apn_id = str(known or row[Detail.RECORD_ID] or "")
    entry = _entry_of(row)
    if entry is not None:
        return _take_entry(engine.engine_for("", {TYPE: type_of(entry)}), row, apn_id, entry)
    if row[Detail.CORRECTED_PAYLOAD]:
        remember(engine, apn_id, str(row[Detail.PAYLOAD] or ""), str(row[Detail.CORRECTED_PAYLOAD]))
    run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
    if is_invitation_id(apn_id):
        queueing.enqueue_referral(engine, apn_id, run_id, priority=Priority.REQUEST)
    else:
        queueing.enqueue_inbound(engine, apn_id, run_id, priority=Priority.REQUEST, fresh=True)
    return None


def _entry_of(row: Row) -> Json | None:
    """Return the entry of a file that the detail has as its payload; None for any other payload."""
    try:
        payload = json.loads(str(row[Detail.PAYLOAD] or ""))
    except (ValueError, RecursionError):
        return None
    # A record without an identifier is known by what stands in for it.
    nameless = str(row[Detail.RECORD_ID] or "").startswith(STAND_IN)
    return payload if is_entry(payload) or (nameless and isinstance(payload, dict)) else None


def _take_entry(engine: Engine, row: Row, apn_id: str, entry: Json) -> None:
    """Queue a record that came in a file: AWS's last word on it, with what a person corrected. A record that bore no
    usable identifier is taken as it was corrected.
    """
    corrected_text = str(row[Detail.CORRECTED_PAYLOAD] or "")
    nameless = str(row[Detail.RECORD_ID] or "").startswith(STAND_IN)
    if nameless and corrected_text:
        entry = _parsed_entry(corrected_text, "corrected payload")
    elif corrected_text:
        remember(engine, apn_id, str(row[Detail.PAYLOAD]), corrected_text)
    run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
    is_known = not nameless and engine.state.downloads.last(engine.record_type, apn_id) is not None
    if is_known or engine.channel == "api":
        queueing.enqueue_inbound(engine, apn_id, run_id, priority=Priority.REQUEST, fresh=True)
    else:
        take_entry(engine, str(row[Detail.KEY]), entry, run_id)


def _invitation_of(engine: Engine, link: Link | None) -> str:
    """Return the invitation that stands for a record without an opportunity, empty for none."""
    referral = engine.state.referrals.of_record(link.record_id) if link is not None else None
    return referral.invitation_id if referral is not None and not referral.opportunity_id else ""


def _send_again(engine: Engine, link: Link | None, row: Row) -> None:
    if row[Detail.CORRECTED_PAYLOAD]:
        raise ConfigError(
            "What goes to AWS is made from the record, so that its payload cannot be corrected here. "
            "Correct the record itself; it is then sent by itself."
        )
    if link is None:
        raise ConfigError("The connector knows no record of this detail. Choose Sync with AWS on the record.")
    link.requested = True
    engine.state.links.save(link)
    queueing.enqueue_outbound(engine, link, logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL))


def remember(engine: Engine, apn_id: str, payload: str, corrected: str) -> None:
    """Keep what the corrected payload says otherwise than the payload.

    Raises:
        ConfigError: see :func:`changes_of`.
    """
    for name, (source, value) in changes_of(apn_id, payload, corrected).items():
        known = translatable(engine, name, source)
        engine.state.corrections.keep(Correction(apn_id, name, source, value, known, engine.now()))


def changes_of(apn_id: str, payload: str, corrected: str) -> dict[str, tuple[Value, Value]]:
    """Return the fields that the corrected payload says otherwise than the payload, as (before, after).

    Raises:
        ConfigError: one of them is no payload of this record, or they differ in nothing that can be corrected.
    """
    before = _parsed(payload, "payload of the detail")
    if is_entry(before):
        changes = _changes_of_entry(apn_id, before, _parsed_entry(corrected, "corrected payload"))
    else:
        changes = _changes_of_answer(apn_id, before, _parsed(corrected, "corrected payload"))
    if not changes:
        raise ConfigError(
            "The corrected payload says the same as the payload, as far as fields are known. Change a value, or clear "
            "the corrected payload to process the record again as it is."
        )
    return changes


def _changes_of_answer(apn_id: str, before: Json, after: Json) -> dict[str, tuple[Value, Value]]:
    _require_same(apn_id, str(after.get("Id", apn_id)))
    return differing(api_shape.from_get(before), api_shape.from_get(after))


def _changes_of_entry(apn_id: str, before: Json, after: Json) -> dict[str, tuple[Value, Value]]:
    record_type = type_of(before)
    old, new = (read_entry(one, record_type, "payload") for one in (before, after))
    if new.problems:
        told = " ".join(str(problem) for problem in new.problems)
        raise ConfigError(f"The corrected payload cannot be used: {told}")
    if old.apn_id:
        _require_same(apn_id, new.apn_id)
    return differing(old.record, new.record)


def _require_same(apn_id: str, corrected: str) -> None:
    if corrected != apn_id:
        raise ConfigError(f"The corrected payload is of {corrected}, the detail of {apn_id}. Correct its own payload.")


def differing(before: AceRecord, after: AceRecord) -> dict[str, tuple[Value, Value]]:
    """Return the fields that the second record says otherwise, as (before, after); identifiers are no values."""
    names = (name for name in after if name not in FIXED and name != APN_ID)
    return {name: (before.get(name), after[name]) for name in names if not same(before.get(name), after[name])}


def translatable(engine: Engine, name: str, value: Value) -> bool:
    """Whether the mapping can translate the value from AWS, be it for the record or for one related to it."""
    record = {name: value}
    known = engine.catalogue
    _, problems = to_salesforce(engine.mapping, record, engine.describe(), creating=False, catalogue=known)
    _, related = related_values(engine.mapping, record, partial(describe_of, engine), creating=False, catalogue=known)
    return all(problem.code in WARNINGS for problem in (*problems, *related))


def corrected(engine: Engine, apn_id: str, record: Mapping[str, Value]) -> tuple[dict[str, Value], str]:
    """Return the record with the corrected values in place, and a note of them for the log; those that AWS's own values
    have overtaken are forgotten.
    """
    result, notes = dict(record), list[str]()
    for one in engine.state.corrections.of(apn_id):
        if one.ace_field not in record:
            continue
        if _is_overtaken(engine, one, record[one.ace_field]):
            engine.state.corrections.drop(apn_id, one.ace_field)
            continue
        result[one.ace_field] = one.corrected
        notes.append(
            f"{one.ace_field}: {one.corrected!s} in place of {one.source!s}, as corrected {one.made_at:%Y-%m-%d}."
        )
    return result, " ".join(notes)


def in_force(engine: Engine, apn_id: str, record: Mapping[str, Value]) -> dict[str, Value]:
    """Return the corrected values that would take the place of those in the record, by ACE field; nothing is
    forgotten.
    """
    return {
        one.ace_field: one.corrected
        for one in engine.state.corrections.of(apn_id)
        if one.ace_field in record and not _is_overtaken(engine, one, record[one.ace_field])
    }


def _is_overtaken(engine: Engine, one: Correction, value: Value) -> bool:
    if same(value, one.corrected):
        return True
    if one.translatable:
        return not same(value, one.source)
    return translatable(engine, one.ace_field, value)


def _parsed(text: str, what: str) -> Json:
    answer = _json(text, what)
    if not isinstance(answer, dict) or not (is_entry(answer) or {"LifeCycle", "Project", "Customer"} & set(answer)):
        raise ConfigError(
            f"The {what} is no opportunity of AWS's. Start from a copy of the payload and change values only."
        )
    return answer


def _parsed_entry(text: str, what: str) -> Json:
    entry = _json(text, what)
    if not is_entry(entry):
        raise ConfigError(
            f"The {what} is no record of a file of AWS's. Start from a copy of the payload and change values only."
        )
    found: Json = entry
    return found


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"The {what} is not JSON: {error}. Correct it and tick Reprocess again.") from None
