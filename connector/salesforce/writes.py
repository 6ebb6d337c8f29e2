"""Writing rows: updates, upserts, deletions in collections, and single creations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.errors import (
    ConnectorError,
    DuplicateValue,
    MappingError,
    Problem,
    RecordGone,
    RecordRejected,
    Retriable,
)
from connector.salesforce.batches import Batches, Row, WriteOutcome
from connector.salesforce.errors import Effect, row_fault, translate
from connector.salesforce.literals import api_name, id18, is_record_id
from connector.salesforce.wire import Call, Wire

DELETES_PER_CALL = 100  # their ids travel in the address
COLLECTION = "composite/sobjects"


class Writer:
    """Everything that writes rows without a condition, over one wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def update(self, object_name: str, rows: Sequence[Row]) -> list[WriteOutcome]:
        """Update rows by ``Id``, 200 a call, each row by itself; outcomes in the order given.

        Rows of the same id are sent as one, later values winning: the same record twice in one call is an error there.
        """
        keys = [record_key(row) for row in rows]
        merged = _merge(rows, keys)
        order = sorted(merged)  # the same order every time makes two writers wait for each other instead of blocking
        bodies = [{**merged[key], "Id": key} for key in order]
        outcomes = Batches(self._wire, lambda batch: self._patch(object_name, batch)).run(bodies)
        by_key = dict(zip(order, outcomes, strict=True))
        return [by_key[key] if key else _unsendable("Id", row) for key, row in zip(keys, rows, strict=True)]

    def upsert(self, object_name: str, key_field: str, rows: Sequence[Row]) -> list[WriteOutcome]:
        """Upsert rows by the external id ``key_field``, which each row carries; 200 a call, each row by itself.

        The key travels in the body, so that keys with dots, slashes or spaces are safe. If another writer created the
        record at the same moment, the refused row is sent once more, which then updates it. Raises MappingError when
        the field is no external id of the object or hidden.
        """
        keys = [_key_of(row, key_field) for row in rows]
        merged = _merge(rows, keys)
        order = list(merged)

        def lost_race(error: ConnectorError) -> bool:
            return isinstance(error, DuplicateValue) and any(
                problem.field.lower() in {"", key_field.lower()} for problem in error.problems
            )

        batches = Batches(self._wire, lambda batch: self._upsert(object_name, key_field, batch), again=lost_race)
        by_key = dict(zip(order, batches.run([merged[key] for key in order]), strict=True))
        return [by_key[key] if key else _unsendable(key_field, row) for key, row in zip(keys, rows, strict=True)]

    def create(self, object_name: str, row: Row) -> str:
        """Create one row and return its id. A lost answer raises Retriable with ``outcome_unknown``; nothing is
        repeated.
        """
        body = {key: value for key, value in row.items() if key != "attributes"}
        answer = self._wire.ask(Call("POST", f"sobjects/{api_name(object_name)}/", Effect.ONCE, body=body)) or {}
        if not answer.get("success"):
            raise translate(row_fault(answer.get("errors")), effect=Effect.ONCE, now=self._wire.now(), row=row)
        return id18(str(answer["id"]))

    def delete(self, ids: Sequence[str]) -> list[WriteOutcome]:
        """Delete rows by id. A row that is deleted already counts as done."""
        keys = [id18(record_id) if is_record_id(record_id) else "" for record_id in ids]
        order = sorted({key for key in keys if key})
        sizes = (DELETES_PER_CALL, 25, 1)
        outcomes = Batches(self._wire, self._delete, sizes=sizes).run([{"Id": key} for key in order])
        by_key = {key: _done_if_deleted(key, outcome) for key, outcome in zip(order, outcomes, strict=True)}
        return [by_key[key] if key else _unsendable("Id", {"Id": given}) for key, given in zip(keys, ids, strict=True)]

    def _patch(self, object_name: str, batch: Sequence[Row]) -> Any:
        records = [_record(object_name, row, drop="Id") | {"id": row["Id"]} for row in batch]
        body = {"allOrNone": False, "records": records}
        return self._wire.ask(Call("PATCH", COLLECTION, Effect.REPEATABLE, body=body))

    def _upsert(self, object_name: str, key_field: str, batch: Sequence[Row]) -> Any:
        body = {"allOrNone": False, "records": [_record(object_name, row, drop="Id") for row in batch]}
        path = f"{COLLECTION}/{api_name(object_name)}/{api_name(key_field)}"
        try:
            return self._wire.ask(Call("PATCH", path, Effect.REPEATABLE, body=body))
        except RecordGone:
            raise MappingError(
                f"{key_field} is not an external id of {object_name}, does not exist, or field-level "
                "security hides it. "
                "Deploy the package, or grant the integration user access."
            ) from None

    def _delete(self, batch: Sequence[Row]) -> Any:
        params = {"ids": ",".join(row["Id"] for row in batch), "allOrNone": "false"}
        return self._wire.ask(Call("DELETE", COLLECTION, Effect.REPEATABLE, params=params))


def record_key(row: Mapping[str, Any]) -> str:
    """Return the row's 18-character id; empty when it has none or it is no id."""
    value = str(row.get("Id") or "")
    return id18(value) if is_record_id(value) else ""


def _key_of(row: Row, key_field: str) -> str:
    value = next((item for name, item in row.items() if name.lower() == key_field.lower()), None)
    return "" if value is None else str(value).strip()


def _merge(rows: Sequence[Row], keys: Sequence[str]) -> dict[str, Row]:
    merged: dict[str, Row] = {}
    for key, row in zip(keys, rows, strict=True):
        if key:
            merged.setdefault(key, {}).update(row)
    return merged


def _record(object_name: str, row: Row, *, drop: str) -> Row:
    body = {key: value for key, value in row.items() if key not in {drop, "attributes"}}
    return {"attributes": {"type": api_name(object_name)}} | body


def _unsendable(name: str, row: Mapping[str, Any]) -> WriteOutcome:
    value = str(row.get(name) or "")
    problem = Problem("MALFORMED_ID", name, value, "the row cannot be addressed.", f"Give {name} a valid value.")
    return WriteOutcome(error=RecordRejected((problem,)))


def _done_if_deleted(key: str, outcome: WriteOutcome) -> WriteOutcome:
    error = outcome.error
    if isinstance(error, RecordGone) and any(problem.code == "ENTITY_IS_DELETED" for problem in error.problems):
        return WriteOutcome(key)
    return WriteOutcome(outcome.id or key, error=error)


def is_uncertain(outcome: WriteOutcome) -> bool:
    """Tell whether the row may have been written although no success was reported."""
    return isinstance(outcome.error, Retriable) and outcome.error.outcome_unknown
