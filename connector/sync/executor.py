"""The executor: takes work from the queue, one item at a time, and turns what became of it into a queue state.
Nothing else decides.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from connector.errors import (
    AuthFailed,
    ConfigError,
    ConnectorError,
    Deferred,
    Fatal,
    MappingError,
    Problem,
    RecordRejected,
    Refused,
    Retriable,
    StaleRecord,
)
from connector.mapping.outbound import snapshot
from connector.store.links import Link
from connector.store.queue import Item
from connector.sync import inbound, logs, outbound, queueing
from connector.sync.engine import TYPE, Engine, Priority
from connector.sync.exchange import arrivals, entries
from connector.sync.exchange.read_ahead import forget_answers, look_ahead, with_answers
from connector.sync.failures import count_failure
from connector.sync.other_integrations import require_confirmed
from connector.sync.problems import as_problem, waiting
from connector.sync.requests import perform_request
from connector.sync.schedules import let_out
from connector.sync.withdrawal import withdrawn

LONGEST_PAUSE = 900.0
AUTH_PAUSE = LONG_WAIT = timedelta(minutes=5)
MOST_TOLD = 2000
MANY_ATTEMPTS = 5
"""Failed attempts after which a wait is told: shorter troubles pass without anybody having to know."""
RECORD_WORK = frozenset({queueing.OUTBOUND, queueing.INBOUND, queueing.REQUEST, queueing.REFERRAL, queueing.DECISION})

log = structlog.get_logger(__name__)
Handler = Callable[[Engine, Item], None]


@dataclass(slots=True)
class Executor:
    """Executes items of the given kinds; periodic jobs bring their own handlers."""

    engine: Engine
    holder: str
    jobs: Mapping[str, Handler]
    auth_failed: AuthFailed | None = None
    """The last refusal of credentials that put work off."""

    def tell_waits(self) -> None:
        """Open a detail for every record whose turn was put off: whoever started a single run is not told later."""
        for item in self.engine.state.queue.list("waiting", MOST_TOLD):
            if item.kind == queueing.OUTBOUND and item.reason:
                self._note_wait(item, item.reason, self.auth_failed)

    def run_one(self, lanes: tuple[str, ...] | None = None, kinds: tuple[str, ...] | None = None) -> Item | None:
        """Claim and execute the next item; return it, or None when nothing is due."""
        item = self.engine.state.queue.claim(self.engine.now(), self.holder, lanes=lanes, kinds=kinds)
        if item is not None:
            self._execute(item)
        return item

    def _execute(self, item: Item) -> None:
        if item.kind != queueing.INBOUND or "arrived" not in item.payload:
            forget_answers(self.engine)
        with ExitStack() as stack:
            stack.enter_context(structlog.contextvars.bound_contextvars(job=item.kind, record=item.key))
            if item.priority == Priority.REQUEST:
                stack.enter_context(self.engine.salesforce.urgent())
                stack.enter_context(self.engine.partner_central.urgent())
            if item.priority >= Priority.BACKFILL:
                stack.enter_context(self.engine.partner_central.background())
            error = _attempt(lambda: self._handler(item.kind)(self.engine.engine_for(item.key, item.payload), item))
            try:
                self._conclude(item, error)
            except StaleRecord:
                log.warning("the lease ran out; whoever has the item now concludes it")

    def _engine(self, item: Item) -> Engine:
        """Return the engine that an item is told about with; of leads without a mapping the other one tells."""
        try:
            return self.engine.engine_for(item.key, item.payload)
        except ConfigError:
            return self.engine

    def _conclude(self, item: Item, error: Exception | None) -> None:
        if error is None:
            self.engine.troubles.pop(_work_of(item), None)
            self.engine.state.queue.done(item)
        elif isinstance(error, ConnectorError):
            self._settle(item, error)
        else:
            self._survive(item, error)

    def _handler(self, kind: str) -> Handler:
        return {
            queueing.OUTBOUND: _send,
            queueing.INBOUND: _receive,
            queueing.REQUEST: lambda engine, item: perform_request(engine, item.key),
            **self.jobs,
        }[kind]

    def _settle(self, item: Item, error: ConnectorError) -> None:
        """The one place where an error becomes a queue state."""
        queue, now = self.engine.state.queue, self.engine.now()
        log.info("not done", error=type(error).__name__, attempt=item.attempts + 1)
        match error:
            case outbound.Held():
                queue.hold(item, str(error))
            case Deferred():
                self._tell_wait(item, error, long=error.until - now >= LONG_WAIT)
                queue.defer(item, error.until, str(error))
            case Retriable() | StaleRecord():
                self._tell_wait(item, error, long=item.attempts + 1 >= MANY_ATTEMPTS)
                after = error.after if isinstance(error, Retriable) else None
                queue.retry(item, now + _pause(item.attempts, after), str(error))
            case AuthFailed() | ConfigError():
                self._tell_wait(item, error, long=True)
                queue.defer(item, now + AUTH_PAUSE, str(error))
            case MappingError():
                # Whoever mends the mapping or the permission need not release anything: the work comes back by itself.
                self.engine.troubles[_work_of(item)] = str(error)
                if item.kind in RECORD_WORK:
                    self._report(item, error)
                queue.defer(item, now + AUTH_PAUSE, str(error))
            case Refused() if item.kind not in RECORD_WORK:
                self.engine.troubles[_work_of(item)] = str(error)
                queue.defer(item, now + AUTH_PAUSE, str(error))
            case RecordRejected():
                self._report(item, error)
                queue.fail(item, str(error))
            case Refused():
                self._report(item, error)
                queue.hold(item, str(error))
            case _:
                queue.fail(item, str(error))

    def _tell_wait(self, item: Item, error: ConnectorError, *, long: bool) -> None:
        """What waits for long says so: the worker on its status page, a record that is due in its sync log."""
        if not long:
            return
        self.engine.troubles[_work_of(item)] = str(error)
        self.auth_failed = error if isinstance(error, AuthFailed) else self.auth_failed
        if item.kind == queueing.OUTBOUND:
            self._note_wait(item, str(error), error)

    def _note_wait(self, item: Item, reason: str, error: ConnectorError | None) -> None:
        engine = self._engine(item)
        run_id = str(item.payload.get("run") or "") or _fallback_run(engine, item)
        logs.note_problem(engine, run_id, _subject(engine, item), waiting(reason, error))

    def _survive(self, item: Item, error: Exception) -> None:
        """A fault of the connector itself: this record waits for a person, a periodic job is tried again, the worker
        goes on. The error's text may hold a record's values, so that only its class and the place are told.
        """
        name = type(error).__name__
        log.error("unexpected error", error=name, attempt=item.attempts + 1, trace=_places(error))
        reason = f"unexpected {name}; the worker's log tells where"
        if item.kind not in RECORD_WORK:
            return self.engine.state.queue.retry(item, self.engine.now() + _pause(item.attempts, None), reason)
        self.engine.state.queue.fail(item, reason)
        untold = _attempt(lambda: self._report(item, RecordRejected((_unexpected(name, item),))))
        if untold is not None:
            log.error("no sync log for it", error=type(untold).__name__, trace=_places(untold))
        return None

    def _report(self, item: Item, error: ConnectorError) -> None:
        """Open the record's log details; count the failure, so that automatic repetition ends."""
        problems = error.problems if isinstance(error, RecordRejected) else (as_problem(error),)
        engine = self._engine(item)
        link = _subject(engine, item)
        run_id = str(item.payload.get("run") or "") or _fallback_run(engine, item)
        with engine.state.transaction():
            logs.log_problems(engine, run_id, link, problems)
            if item.kind == queueing.OUTBOUND and isinstance(error, RecordRejected):
                count_failure(engine, link, snapshot(engine.mapping, link.row or {}))


def _work_of(item: Item) -> str:
    """Return under which name the status page tells that work does not come forward."""
    record_type = item.payload.get(TYPE)
    return f"{item.kind} of {record_type}s" if record_type else item.kind


def _attempt(work: Callable[[], None]) -> Exception | None:
    """Return what the work raised. Beside the process's own edge this is the one place that catches everything, so that
    one record's fault does not stop the others'.
    """
    try:
        work()
    except Fatal:
        raise
    except Exception as error:  # noqa: BLE001 - the worker's per-item boundary
        return error
    return None


def _places(error: Exception) -> list[str]:
    """Return the stack as places in the code, without the values that it worked on."""
    return [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]


def _unexpected(name: str, item: Item) -> Problem:
    return Problem(
        "UNEXPECTED_ERROR",
        "",
        name,
        "The connector met a fault of its own while it worked on this record.",
        f"Look into the worker's log, and repeat with `connector queue retry {item.id}` once the cause is gone.",
    )


def _pause(attempts: int, after: float | None) -> timedelta:
    """Exponential back-off with full jitter, never shorter than what the other side asked for."""
    longest = min(2.0**attempts, LONGEST_PAUSE)
    return timedelta(seconds=max(after or 0.0, random.uniform(longest / 2, longest)))


def _send(engine: Engine, item: Item) -> None:
    run_id = str(item.payload.get("run") or "") or _fallback_run(engine, item)
    if not withdrawn(engine, item, run_id):
        if engine.channel == "api":
            # By file nothing can be looked at first; what is at work in the bucket, schedules are refused for.
            require_confirmed(engine)
        with let_out(engine, item):
            (entries.send if engine.channel == "files" else outbound.send)(engine, item.key, run_id)


def _receive(engine: Engine, item: Item) -> None:
    run_id = str(item.payload.get("run") or "") or _fallback_run(engine, item)
    if "arrived" in item.payload:
        arrivals.receive(_prepared(engine, item.payload["arrived"]), item.payload["arrived"], run_id)
    elif engine.channel == "files":
        arrivals.receive_again(engine, item.payload["apn_id"], run_id)
    else:
        inbound.receive(engine, item.payload["apn_id"], run_id, fresh=bool(item.payload.get("fresh")))


def _prepared(engine: Engine, arrived_id: int) -> Engine:
    """Return the engine for the turn of a record of a file, with what can be known before it. Where that cannot be
    found out for many at once, each turn asks for itself: a fault of another record is none of this one's.
    """
    error = _attempt(lambda: look_ahead(engine, arrived_id))
    if isinstance(error, Retriable | Deferred | AuthFailed):
        raise error
    if error is not None:
        log.warning("each record asks for itself", error=type(error).__name__, trace=_places(error))
    return with_answers(engine, arrived_id)


def _fallback_run(engine: Engine, item: Item) -> str:
    if item.kind in (queueing.OUTBOUND, queueing.DECISION):
        return logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    return logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)


def _subject(engine: Engine, item: Item) -> Link:
    apn_id: Any = item.payload.get("apn_id")
    link = engine.state.links.get(item.key) or (engine.state.links.by_apn(apn_id) if apn_id else None)
    return link or Link(record_id=item.key, object_name=engine.mapping.object_name, apn_id=apn_id)
