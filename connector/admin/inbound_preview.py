"""``connector preview --inbound``: what a payload of AWS's would mean for a record; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from connector.admin.inbound_payload import Payload, read_payload
from connector.admin.output import print_json, spell
from connector.errors import ConfigError, Problem
from connector.mapping.inbound import related_values, to_salesforce
from connector.mapping.model import FieldMapping
from connector.mapping.outbound import snapshot
from connector.mapping.related import relationship_of, target_object
from connector.sync.corrections import in_force
from connector.sync.engine import Engine
from connector.sync.exclusion import excluded
from connector.sync.fallbacks import with_stand_ins
from connector.sync.ports import Row
from connector.sync.related_values import describe_of, plan_related, related_record

NOT_WRITTEN = frozenset({"RELATED_NOT_WRITTEN", "RELATED_IS_DEFAULT", "RELATED_NOT_VISIBLE"})


@dataclass(frozen=True, slots=True)
class Arrival:
    """One mapped field on its way from AWS to Salesforce.

    Attributes:
        aws_path: where the value stands in the payload.
        ace_value: the value in the canonical record, corrections and fallbacks included.
        target: API name of the object that is written to.
        target_id: its record; empty where the record refers to none.
        now: what the Salesforce field holds, as text.
        would_be: what would be written; None where nothing would, or where the field would be cleared.
        written: whether the field would be written if AWS's value is news.
        note: how the value came about where it is not AWS's own.
        problems: what is wrong with this field.
    """

    ace_field: str
    aws_path: str
    aws_value: Any
    ace_value: Any
    salesforce_field: str
    target: str
    target_id: str
    now: str | None
    would_be: Any
    written: bool
    note: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Translation:
    """A payload, side by side.

    Attributes:
        excluded: why the opportunity is left out altogether (ELIG-19); empty where it is not.
        problems: all of them, those of single fields included.
    """

    fields: tuple[Arrival, ...]
    problems: tuple[Problem, ...]
    excluded: str = ""


def show_inbound(
    engine: Engine, record_id: str, file: Path, console: Console, left_out: Iterable[Problem] = (), *, as_json: bool
) -> None:
    """Show how a payload in the file (an answer of Partner Central, or a file of the ACE bucket) translates for the
    record.

    Raises:
        ConfigError: the file is no such payload, or the record is not visible.
    """
    text = _text(file)
    row = engine.salesforce.rows(engine.mapping.object_name, [record_id], engine.row_fields()).get(record_id)
    if row is None:
        raise ConfigError(f"{engine.mapping.object_name} {record_id} does not exist or cannot be seen. Check the id.")
    found = translate(engine, row, read_payload(engine, row, text, f"--inbound {file}"), left_out)
    if as_json:
        print_json({"record": record_id, **asdict(found)})
        return
    if found.excluded:
        console.print(f"Nothing would be written. {found.excluded}", markup=False)
    console.print("Fields: payload → ACE → Salesforce")
    for one in found.fields:
        console.print("\n".join(_lines(engine, one)), markup=False)
    named = {one.ace_field for one in found.fields}
    for problem in found.problems:
        if problem.field not in named:
            console.print(str(problem), markup=False)


def translate(engine: Engine, row: Row, payload: Payload, left_out: Iterable[Problem] = ()) -> Translation:
    """Return per mapped field that AWS told what becomes of it, and the problems."""
    told = payload.record
    corrected = in_force(engine, payload.apn_id, told)
    record = {**told, **corrected}
    filled = with_stand_ins(engine, record, only=set(record))
    catalogue, describes = engine.catalogue, partial(describe_of, engine)
    values, problems = to_salesforce(
        engine.mapping, filled.record, engine.describe(), creating=False, catalogue=catalogue
    )
    related = related_values(engine.mapping, filled.record, describes, creating=False, catalogue=catalogue)[0]
    _, refused = plan_related(engine, row, filled.record, set(record), frozenset())
    problems = tuple(dict.fromkeys((*left_out, *payload.problems, *problems, *refused, *filled.problems)))
    for relationship, fields in related.items():
        values |= {f"{relationship}.{name}": value for name, value in fields.items()}
    notes = {one.ace_field: f"fallback, formula {one.formula}" if one.formula else "fallback" for one in filled.used}
    notes |= dict.fromkeys(corrected, "as corrected before")
    notes |= dict.fromkeys(payload.masked, "hidden by AWS until the referral is accepted")
    arrivals = tuple(
        _arrival(engine, item, row, payload, filled.record, values, problems, notes.get(item.ace_field, ""))
        for item in engine.mapping.fields
        if item.ace_field in record or item.ace_field in payload.masked
    )
    return Translation((*arrivals, *_lost(engine, left_out)), problems, excluded(engine, record))


def _arrival(
    engine: Engine,
    item: FieldMapping,
    row: Row,
    payload: Payload,
    record: Mapping[str, Any],
    values: Mapping[str, Any],
    problems: Iterable[Problem],
    note: str,
) -> Arrival:
    mine = tuple(one for one in problems if one.field == item.ace_field)
    name = item.ace_field
    target, target_id = _target(engine, item, row)
    written = item.path in values and not any(one.code in NOT_WRITTEN for one in mine)
    return Arrival(
        name, payload.places.get(name, ""), payload.values.get(name), record.get(name), item.path, target, target_id,
        snapshot(engine.mapping, row).get(item.path), values.get(item.path) if written else None, written,
        note, mine,
    )  # fmt: skip


def _target(engine: Engine, item: FieldMapping, row: Row) -> tuple[str, str]:
    """Return object and record that the field belongs to."""
    if not item.related:
        return engine.mapping.object_name, str(row["Id"])
    relationship = relationship_of(item)
    found = related_record(row, relationship)
    name = target_object(relationship, engine.mapping.object_name, lambda name: describe_of(engine, name))
    return name or "", str(found["Id"]) if found else ""


def _lost(engine: Engine, left_out: Iterable[Problem]) -> Iterator[Arrival]:
    for problem in left_out:
        path = engine.left_out.get(problem.field, "")
        yield Arrival(
            problem.field, "", None, None, path, engine.mapping.object_name, "", None, None,
            written=False, problems=(problem,),
        )  # fmt: skip


def _lines(engine: Engine, one: Arrival) -> Iterator[str]:
    """Yield a field's line, and one per thing to know of it."""
    came = f"{one.aws_path}: {spell(one.aws_value)} → " if one.aws_path else ""
    yield f"  {came}{one.ace_field}: {spell(one.ace_value)} → {_where(engine, one)}: {spell(one.now)} {_outcome(one)}"
    if one.note:
        yield f"      value {one.note}"
    for problem in one.problems:
        yield f"      ! {problem}"


def _where(engine: Engine, one: Arrival) -> str:
    if one.target == engine.mapping.object_name:
        return one.salesforce_field
    return f"{one.salesforce_field} ({one.target} {one.target_id or 'none'})"


def _outcome(one: Arrival) -> str:
    if not one.written:
        return "stays"
    return "is cleared" if one.would_be is None else f"becomes {spell(one.would_be)}"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"--inbound {file} cannot be read as JSON: {error}.") from None
