"""Updates that give way to a person's edit: written only if the record was not modified since it was read.

The only lock that Salesforce offers for opportunities, leads and custom objects is If-Unmodified-Since, with the
grain of a second, on a request of its own. Whether the same header works on a part of a composite request is not
documented, and a header that is ignored cannot be told from one that held. Hence one request per row by default. With
``conditional_composite`` more than a few rows go 25 to a call, but only if this org proves first that it honours the
header there: a harmless conditional read that must fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from connector.errors import AuthFailed, ConfigError, ConnectorError, Deferred, Problem, RecordRejected, Retriable
from connector.salesforce.batches import Row, WriteOutcome
from connector.salesforce.composite import MOST_PARTS, Part, PartAnswer, refers, send_parts
from connector.salesforce.errors import AutomationFailed, Effect, row_fault, translate
from connector.salesforce.literals import api_name, http_date
from connector.salesforce.wire import Call, Wire, jittered
from connector.salesforce.writes import record_key

FEW = 5
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
PRECONDITION_FAILED = 412
Guarded = tuple[Row, datetime]


class GuardedWriter:
    """Conditional updates over one wire."""

    def __init__(self, wire: Wire, *, composite_allowed: bool) -> None:
        self._wire = wire
        self._composite_allowed = composite_allowed
        self._composite_proven: bool | None = None

    def update(self, object_name: str, rows: Sequence[Guarded]) -> list[WriteOutcome]:
        """Update each row (with ``Id``) unless it was modified after the time given with it; outcomes in the order
        given.

        A row that was modified has StaleRecord in its outcome. A fault of login, quota or configuration is raised
        while nothing was written; afterwards it stands in the outcomes of the rows that were not.
        """
        api_name(object_name)
        sendable = [index for index, (row, _) in enumerate(rows) if record_key(row)]
        together = len(sendable) > FEW and self._composite_allowed and self._proven(object_name, rows[sendable[0]][0])
        outcomes = {index: _no_id(row) for index, (row, _) in enumerate(rows) if not record_key(row)}
        stopped: ConnectorError | None = None
        for chunk in _chunks(rows, sendable, MOST_PARTS if together else 1):
            try:
                if stopped:
                    raise stopped
                done = self._write(object_name, [rows[index] for index in chunk])
            except (AuthFailed, Deferred, ConfigError, Retriable) as error:
                if not any(outcome.error is None for outcome in outcomes.values()) and not isinstance(error, Retriable):
                    raise
                done = [WriteOutcome(record_key(rows[index][0]), error=error) for index in chunk]
                stopped = _for_the_rest(error)
            outcomes.update(zip(chunk, done, strict=True))
        return [outcomes[index] for index in range(len(rows))]

    def _write(self, object_name: str, chunk: Sequence[Guarded]) -> list[WriteOutcome]:
        if len(chunk) == 1:
            return [self._single(object_name, *chunk[0])]
        parts = [_part(object_name, row, moment) for row, moment in chunk]
        answers = send_parts(self._wire, parts, Effect.REPEATABLE)
        return [self._judge(row, answer) for (row, _), answer in zip(chunk, answers, strict=True)]

    def _single(self, object_name: str, row: Row, moment: datetime) -> WriteOutcome:
        part = _part(object_name, row, moment)
        call = Call(part.method, part.path, Effect.REPEATABLE, body=part.body, headers=part.headers)
        key, doubtful = record_key(row), False
        for last in (False, True):
            try:
                self._wire.ask(call)
                return WriteOutcome(key)
            except ConnectorError as error:
                # What an earlier try may have done stays in doubt, whatever the last one says.
                doubtful = error.outcome_unknown = error.outcome_unknown or doubtful
                if isinstance(error, AuthFailed | Deferred | ConfigError | Retriable):
                    raise
                # Automation may have failed by a lock: once more, then it is for the org's admin.
                if last or not isinstance(error, AutomationFailed):
                    return WriteOutcome(key, error=_with_values(error, row))
                self._wire.sleep(jittered(1))
        raise AssertionError("both tries return or raise")

    def _judge(self, row: Row, answer: PartAnswer) -> WriteOutcome:
        key = record_key(row)
        if answer.status < 300:
            return WriteOutcome(key)
        fault = row_fault(answer.body, answer.status)
        error = translate(fault, effect=Effect.REPEATABLE, now=self._wire.now(), row=row)
        error.outcome_unknown = error.outcome_unknown or self._wire.doubtful
        return WriteOutcome(key, error=error)

    def _proven(self, object_name: str, row: Row) -> bool:
        """Tell whether conditional headers hold inside a composite request, asked once: a read conditional on the
        year 2000 must fail.
        """
        if self._composite_proven is None:
            header = {"If-Unmodified-Since": http_date(LONG_AGO)}
            probe = Part("GET", f"sobjects/{object_name}/{record_key(row)}?fields=Id", headers=header)
            [answer] = send_parts(self._wire, [probe], Effect.READ)
            self._composite_proven = answer.status == PRECONDITION_FAILED
        return self._composite_proven


def _chunks(rows: Sequence[Guarded], sendable: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield what goes into one call each. A row with a text that composite requests would replace goes by itself."""
    alone = [index for index in sendable if size > 1 and refers(rows[index][0])]
    others = [index for index in sendable if index not in set(alone)]
    for start in range(0, len(others), size):
        yield others[start : start + size]
    for index in alone:
        yield [index]


def _part(object_name: str, row: Row, moment: datetime) -> Part:
    body = {key: value for key, value in row.items() if key not in {"Id", "attributes"}}
    path = f"sobjects/{object_name}/{record_key(row)}"
    return Part("PATCH", path, body, {"If-Unmodified-Since": http_date(moment)})


def _for_the_rest(error: ConnectorError) -> ConnectorError:
    if isinstance(error, Retriable):
        return Retriable("Not sent: an earlier row met a passing fault.", after=error.after)
    return error


def _with_values(error: ConnectorError, row: Row) -> ConnectorError:
    """Return the error with the values that were sent in its problems."""
    if not isinstance(error, RecordRejected):
        return error
    given = {key.lower(): value for key, value in row.items()}
    told = type(error)(
        tuple(
            Problem(item.code, item.field, str(given.get(item.field.lower()) or item.value), item.rule, item.remedy)
            for item in error.problems
        )
    )
    told.outcome_unknown = error.outcome_unknown
    return told


def _no_id(row: Row) -> WriteOutcome:
    value = str(row.get("Id") or "")
    return WriteOutcome(
        error=RecordRejected(
            (Problem("MALFORMED_ID", "Id", value, "the row cannot be addressed.", "Give Id a valid value."),)
        )
    )
