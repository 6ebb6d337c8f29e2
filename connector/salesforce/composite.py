"""Several requests in one API call (``/composite``): each for itself, or a record together with its parent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.errors import ConnectorError, Problem, RecordRejected
from connector.salesforce.errors import AutomationFailed, Effect, Transient, row_fault, translate
from connector.salesforce.literals import api_name, id18
from connector.salesforce.wire import QUIET_WRITES, Call, Wire, jittered

MOST_PARTS = 25
HALTED = "PROCESSING_HALTED"
"""Code of a part that was undone, or never begun, because another part of its transaction failed."""
REFERENCE = "@{"
"""Begins a reference to an earlier part's answer, wherever it stands in a body; there is no way to quote it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One subrequest; ``path`` is relative to the version's base path."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """What one subrequest got: its own HTTP status and body."""

    status: int
    body: Any


def send_parts(wire: Wire, parts: Sequence[Part], effect: Effect, *, together: bool = False) -> list[PartAnswer]:
    """Send up to 25 parts in one call and return their answers in order.

    Each part stands for itself, and none rolls another back; ``together`` makes them one transaction instead, in which
    a part may name an earlier one's answer (``@{part0.id}``).

    Raises ValueError for more parts, Transient when the answer does not hold all of them, and what the wire raises.
    """
    if len(parts) > MOST_PARTS:
        raise ValueError(f"a composite request takes {MOST_PARTS} parts, not {len(parts)}")
    names = [f"part{number}" for number in range(len(parts))]
    body = {
        "allOrNone": together,
        "collateSubrequests": False,
        "compositeRequest": [_as_json(wire, name, part, effect) for name, part in zip(names, parts, strict=True)],
    }
    answer = wire.ask(Call("POST", "composite", effect, body=body)) or {}
    found = {item["referenceId"]: item for item in answer.get("compositeResponse", ())}
    if any(name not in found for name in names):
        raise Transient("Salesforce's composite answer is not complete.", outcome_unknown=effect is not Effect.READ)
    return [PartAnswer(int(found[name]["httpStatusCode"]), found[name].get("body")) for name in names]


def _as_json(wire: Wire, name: str, part: Part, effect: Effect) -> dict[str, Any]:
    # Whether the outer request's headers reach its parts is not documented for all of them: writes repeat theirs.
    headers = dict(part.headers) if effect is Effect.READ else {**QUIET_WRITES, **part.headers}
    url = wire.base_path + part.path
    entry: dict[str, Any] = {"method": part.method, "url": url, "referenceId": name}
    if headers:
        entry["httpHeaders"] = headers
    if part.body is not None:
        entry["body"] = part.body
    return entry


def create_with_parent(
    wire: Wire, object_name: str, row: Mapping[str, Any], *, lookup: str, parent_object: str, parent: Mapping[str, Any]
) -> tuple[str, str]:
    """Create a row together with the parent that its field ``lookup`` is to name, both or none; return both ids, the
    row's first.

    The row is inserted and not upserted: where another writer created it meanwhile, its unique external id refuses it,
    and with it goes the parent, of which there would be two otherwise. Nothing is repeated, but for automation that
    failed, once: it may wrap a lock.

    Raises:
        DuplicateValue: the row exists already, or another unique value is taken.
        RecordRejected: one of the two was refused; the fields of the parent's problems begin with its object's name.
            A text that Salesforce would take for a reference to another part is not sent at all
            (``REFERENCE_IN_TEXT``).
        Retriable: with ``outcome_unknown`` where both may have been created.
    """
    _refuse_references(object_name, row)
    _refuse_references(parent_object, parent)
    parts = [
        Part("POST", f"sobjects/{api_name(parent_object)}", dict(parent)),
        Part("POST", f"sobjects/{api_name(object_name)}", {**row, lookup: f"{REFERENCE}part0.id}}"}),
    ]
    subjects = ((f"{parent_object}.", parent), ("", row))
    try:
        return _send_pair(wire, parts, subjects)
    except AutomationFailed:
        wire.sleep(jittered(1))
        return _send_pair(wire, parts, subjects)


def _send_pair(wire: Wire, parts: Sequence[Part], subjects: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[str, str]:
    answers = send_parts(wire, parts, Effect.ONCE, together=True)
    for answer, (prefix, sent) in zip(answers, subjects, strict=True):
        if answer.status >= 300 and not _is_halted(answer):
            error = translate(row_fault(answer.body, answer.status), effect=Effect.ONCE, now=wire.now(), row=sent)
            raise _prefixed(error, prefix)
    if any(answer.status >= 300 for answer in answers):
        raise Transient("Salesforce undid the creation of a record with its parent without saying why.")
    parent_id, record_id = (id18(str(answer.body["id"])) for answer in answers)
    return record_id, parent_id


def _is_halted(answer: PartAnswer) -> bool:
    return row_fault(answer.body, answer.status).first.code == HALTED


def _prefixed(error: ConnectorError, prefix: str) -> ConnectorError:
    if not isinstance(error, RecordRejected) or not prefix:
        return error
    return type(error)(
        tuple(
            Problem(item.code, prefix + item.field if item.field else prefix[:-1], item.value, item.rule, item.remedy)
            for item in error.problems
        )
    )


def refers(row: Mapping[str, Any]) -> bool:
    """Return whether Salesforce would take one of the row's texts for a reference to another part."""
    return any(isinstance(value, str) and REFERENCE in value for value in row.values())


def _refuse_references(object_name: str, row: Mapping[str, Any]) -> None:
    problems = tuple(
        Problem(
            "REFERENCE_IN_TEXT",
            f"{object_name}.{name}",
            value,
            f"Salesforce takes {REFERENCE!r} for a reference where a record is created together with its account.",
            f"Write the text without {REFERENCE!r}.",
        )
        for name, value in row.items()
        if isinstance(value, str) and REFERENCE in value
    )
    if problems:
        raise RecordRejected(problems)
