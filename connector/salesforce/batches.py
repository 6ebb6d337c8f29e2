"""Sending many rows in few calls, such that no row suffers for another.

A collection answers row by row, but three things make rows fail for their neighbours: locks, automation that exceeds
limits shared by the whole batch, and requests refused as a whole (one value of the wrong type is enough). The first
two are sent again in smaller batches, the third is halved until the culprit stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from connector.errors import AuthFailed, ConfigError, ConnectorError, Deferred, MappingError, RecordRejected, Retriable
from connector.salesforce.errors import AutomationFailed, Effect, Transient, row_fault, translate
from connector.salesforce.wire import Wire, jittered

Row = dict[str, Any]
Send = Callable[[Sequence[Row]], Any]
SIZES = (200, 25, 1)
MOST_SINGLES = 25
MOST_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """What became of one row: its id (empty if it has none), whether it was created, and the error if it was not
    written.
    """

    id: str = ""
    created: bool = False
    error: ConnectorError | None = None


class Batches:
    """One write of many rows over one kind of collection call.

    Args:
        send: makes one API call for up to 200 rows and returns Salesforce's results in their order.
        again: tells for an error whether the row deserves another round; locks and automation always do.

    A fault of the call as a whole (login, quota, configuration) is raised while nothing has been written; afterwards
    it stands in the outcomes of the rows that were not written, so that no outcome of a written row is lost.
    """

    def __init__(
        self,
        wire: Wire,
        send: Send,
        *,
        sizes: Sequence[int] = SIZES,
        again: Callable[[ConnectorError], bool] | None = None,
    ) -> None:
        self._wire = wire
        self._send = send
        self._sizes = sizes
        self._again = again or (lambda _: False)
        self._outcomes: dict[int, WriteOutcome] = {}
        self._doubtful: set[int] = set()
        self._stopped: ConnectorError | None = None
        self._accepted = False
        self._halvings = 0

    def run(self, rows: Sequence[Row]) -> list[WriteOutcome]:
        """Write the rows and return their outcomes in order."""
        pending = list(range(len(rows)))
        for number, size in enumerate(self._sizes):
            if number:
                self._wire.sleep(jittered(number + 1))
            for start in range(0, len(pending), size):
                self._write(rows, pending[start : start + size])
            pending = [index for index in pending if self._deserves_another(index, number)]
            if not pending or self._stopped:
                break
            pending = self._affordable(pending, number)
        for index in self._doubtful:
            # An earlier round may have written the row, whatever the last one says of itself.
            if (error := self._outcomes[index].error) is not None:
                error.outcome_unknown = True
        return [self._outcomes[index] for index in range(len(rows))]

    def _write(self, rows: Sequence[Row], chunk: list[int]) -> None:
        if self._stopped:
            self._settle(chunk, self._stopped)
            return
        try:
            results = self._send([rows[index] for index in chunk])
        except (AuthFailed, Deferred, ConfigError, MappingError) as error:
            if not self._accepted:
                raise
            self._stopped = error
            self._settle(chunk, error)
        except RecordRejected as error:
            self._isolate(rows, chunk, error)
        except Retriable as error:
            self._stopped = Retriable("Not sent: an earlier batch met a passing fault.", after=error.after)
            self._settle(chunk, error)
        else:
            self._accepted = True
            self._take(rows, chunk, results)

    def _take(self, rows: Sequence[Row], chunk: list[int], results: Any) -> None:
        if not isinstance(results, list) or len(results) != len(chunk):
            error = Retriable("Salesforce's answer does not hold a result for every row.", outcome_unknown=True)
            self._settle(chunk, error)
            return
        if self._wire.doubtful:
            self._doubtful.update(chunk)
        for index, result in zip(chunk, results, strict=True):
            self._outcomes[index] = self._outcome(result, rows[index])

    def _outcome(self, result: Row, row: Row) -> WriteOutcome:
        # Only `success` counts: some successes carry entries in `errors`.
        record_id = str(result.get("id") or "")
        if result.get("success"):
            return WriteOutcome(record_id, bool(result.get("created")))
        fault = row_fault(result.get("errors"))
        error = translate(fault, effect=Effect.REPEATABLE, now=self._wire.now(), row=row)
        return WriteOutcome(record_id or str(row.get("Id") or ""), error=error)

    def _isolate(self, rows: Sequence[Row], chunk: list[int], error: RecordRejected) -> None:
        """Find the rows for which a request was refused as a whole: by the field it names, otherwise by halving."""
        named = {
            problem.field.lower() for problem in error.problems if problem.code == "INVALID_FIELD" and problem.field
        }
        guilty = [index for index in chunk if named & {key.lower() for key in rows[index]}]
        if len(chunk) == 1 or len(guilty) == len(chunk):
            self._settle(chunk, error)
        elif self._halvings >= MOST_HALVINGS:
            self._settle(chunk, Retriable(f"Not written: a row of the same batch was refused. {error}", after=60))
        elif guilty:
            self._settle(guilty, error)
            self._write(rows, [index for index in chunk if index not in set(guilty)])
        else:
            self._halvings += 1
            middle = len(chunk) // 2
            self._write(rows, chunk[:middle])
            self._write(rows, chunk[middle:])

    def _settle(self, chunk: Sequence[int], error: ConnectorError) -> None:
        if error.outcome_unknown:
            self._doubtful.update(chunk)
        for index in chunk:
            self._outcomes[index] = WriteOutcome(error=error)

    def _deserves_another(self, index: int, number: int) -> bool:
        error = self._outcomes[index].error
        if error is None:
            return False
        return isinstance(error, Transient | AutomationFailed) or (number == 0 and self._again(error))

    def _affordable(self, pending: list[int], number: int) -> list[int]:
        """Bound the calls of the last round: rows beyond it are tried again by the caller, later and in smaller
        company.
        """
        if number + 2 < len(self._sizes) or len(pending) <= MOST_SINGLES:
            return pending
        for index in pending[MOST_SINGLES:]:
            error = self._outcomes[index].error
            if isinstance(error, AutomationFailed):
                later = Retriable(
                    f"Failed together with other rows of a batch; it is tried again alone. {error}", after=60
                )
                self._outcomes[index] = WriteOutcome(self._outcomes[index].id, error=later)
        return pending[:MOST_SINGLES]
