"""One run now, in this process: what `connector sync` does, and an external scheduler may call."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from connector.errors import ConfigError, Deferred
from connector.mapping.model import RecordType
from connector.names import FileSettings
from connector.service.drift import follow_left_out
from connector.service.jobs import job_handlers, look_first
from connector.service.lease import Lease
from connector.service.runtime import OPPORTUNITY, Runtime
from connector.store.queue import Item
from connector.sync import logs, queueing
from connector.sync.corrections import take_ticked, ticked_details_query
from connector.sync.create import ADOPTED
from connector.sync.engine import TYPE, Engine
from connector.sync.events import work_off
from connector.sync.exchange.results import results_wait
from connector.sync.exchange.settings_changes import follow_settings
from connector.sync.exchange.stuck import find_released
from connector.sync.exchange.uploads import work_waits
from connector.sync.exchange.versions import objection
from connector.sync.executor import Executor
from connector.sync.flush import flush_logs
from connector.sync.observe import MARGIN, poll_changes, sweep_due
from connector.sync.queueing import DECISION, INBOUND, OUTBOUND, REFERRAL, enqueue_inbound, enqueue_referral
from connector.sync.referrals import watch_referrals
from connector.sync.requests import request_record
from connector.sync.sweeps import sweep_modified
from connector.sync.writeback import flush

PATIENCE = timedelta(seconds=30)
"""How far ahead an item may be due to be waited for in a single run."""
STANDSTILL = timedelta(minutes=5)
"""How long a single run goes on while items are only put off; what waits then is left to the next run."""
SOONEST = 1
"""Goes before what waits already."""
TURNS = 3
"""How often a record's turn may come again within a single run because its row changed meanwhile."""
Progress = Callable[[int, int], None]
_KINDS = {
    ("api", "outbound"): (OUTBOUND, INBOUND),
    ("api", "inbound"): (INBOUND, REFERRAL, DECISION),
    ("files", "outbound"): (OUTBOUND, queueing.UPLOAD, queueing.RESULTS),
    ("files", "inbound"): (queueing.RESULTS, queueing.RETRIEVE, queueing.FILE, INBOUND),
}
"""What a run works off, by channel and direction."""
_ABOUT_FILES = frozenset({queueing.UPLOAD, queueing.RESULTS, queueing.RETRIEVE, queueing.FILE})


@dataclass(slots=True)
class Outcome:
    """What one run did, in records: one that had turns in both directions, or several, counts once."""

    queued: int = 0
    waiting: int = 0
    _ended: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, item: Item) -> None:
        """Remember how the item's turn ended; a later turn of the same kind takes the place of an earlier one. Of what
        is about files, what failed counts.
        """
        if item.kind in _ABOUT_FILES and item.state != "failed":
            return
        self._ended[item.key, item.kind] = item.state

    def note_refused(self, record_ids: Iterable[str]) -> None:
        """Remember records that the run's log counts as failed, such as those that were refused before their turn."""
        for record_id in record_ids:
            self._ended[record_id, "log"] = "failed"

    @property
    def failed(self) -> int:
        return len(self._records("failed"))

    @property
    def succeeded(self) -> int:
        return len(self._records("done") - self._records("failed"))

    def _records(self, state: str) -> set[str]:
        return {key for (key, _), ended in self._ended.items() if ended == state}

    def as_json(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("queued", "succeeded", "failed", "waiting")}


def run_once(
    runtime: Runtime,
    direction: str,
    *,
    record_type: RecordType = OPPORTUNITY,
    record_id: str = "",
    progress: Progress | None = None,
) -> Outcome:
    """Run one direction until nothing is due any more. What AWS answers to files is taken as far as it is there.

    Args:
        direction: ``outbound`` or ``inbound``. Running outbound is a request: what is due goes out whatever the admin's
            automatic switches say.
        record_type: of the records that are exchanged.
        record_id: only this Salesforce record (18 characters).
        progress: is told how many items are done and how many are known.

    Raises:
        ConfigError: the record does not exist or is not visible; or leads are to be exchanged and none are mapped.
        AuthFailed: one side refused the credentials; what could not be done waits.
    """
    every = runtime.engine()
    # Of leads without a mapping the engine says so.
    engine = every.engine_for(record_id, {} if record_type == OPPORTUNITY else {TYPE: record_type})
    lease = Lease(every)
    lease.acquire()
    try:
        if engine.channel == "api":
            _adopt_first(engine)
        follow_left_out(engine)
        follow_settings(every)
        earlier = {run.run_id for run in engine.state.runs.open_runs()}
        outcome = _outbound(engine, record_id) if direction == "outbound" else _inbound(engine, record_id)
        kinds = (*_KINDS[engine.channel, direction], *_left_over(engine))
        executor = Executor(every, lease.host, job_handlers(runtime))
        for _ in range(TURNS):
            _drain(executor, kinds, outcome, progress)
            # A row that changed since it was looked at is not written over: its turn comes again.
            flush(every)
            if not _waits(engine, kinds):
                break
        executor.tell_waits()
        _count_refused(engine, outcome, earlier)
    finally:
        flush(every)
        flush_logs(every)
        # Why something waits is told here: no worker may ever come to tell it.
        lease.release("; ".join(f"{kind}: {why}" for kind, why in every.troubles.items()))
    if executor.auth_failed is not None:
        raise executor.auth_failed
    _require_settings(engine, direction)
    return outcome


def _require_settings(engine: Engine, direction: str) -> None:
    """Tell whoever gave the command which settings keep files back (SET-10, SET-14, SET-16, SET-17); what waits says it
    too.
    """
    if engine.channel == "api":
        return
    out = direction == "outbound"
    missing = engine.settings.files.missing(engine.record_type)
    lacking = " ".join(str(one) for one in missing if out or one.field != FileSettings.PARTNER_ID)
    reason = lacking or (objection(engine) if out else "")
    if reason:
        raise ConfigError(reason)


def _left_over(engine: Engine) -> tuple[str, ...]:
    """Queue what is left of files after opportunities came to travel by the API; return its kinds."""
    if engine.channel == "files":
        return ()
    kinds = [kind for kind, waits in ((queueing.RESULTS, results_wait), (queueing.UPLOAD, work_waits)) if waits(engine)]
    for kind in kinds:
        queueing.enqueue_job(engine, kind, priority=SOONEST)
    return tuple(kinds)


def _count_refused(engine: Engine, outcome: Outcome, earlier: Container[str]) -> None:
    """Count the records of which the logs of this run say that they failed, whatever became of their turns."""
    for run in engine.state.runs.open_runs():
        if run.run_id not in earlier:
            outcome.note_refused(engine.state.runs.ids(run.run_id, outcome="error"))


def _adopt_first(engine: Engine) -> None:
    if engine.state.meta.get(ADOPTED) is None:
        look_first(engine)


def _outbound(engine: Engine, record_id: str) -> Outcome:
    if engine.channel == "files":
        # What AWS took goes out of the way of what waits behind it.
        queueing.enqueue_job(engine, queueing.RESULTS, priority=SOONEST, at=engine.now())
        find_released(engine)
    engine.settings = replace(engine.settings, share_automatically=True, update_automatically=True)
    run_id = logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    if record_id:
        return Outcome(queued=int(_requested(engine, record_id, run_id)))
    # What was edited a moment ago is to be part of the run: wait until Salesforce's clock has passed the margin.
    engine.clock.wait(MARGIN.total_seconds() + 1)
    return Outcome(queued=poll_changes(engine, run_id) + sweep_due(engine, run_id))


def _requested(engine: Engine, record_id: str, run_id: str) -> bool:
    """Queue the record; one that was modified a moment ago is waited for."""
    for _ in range(TURNS):
        try:
            return request_record(engine, record_id, run_id)
        except Deferred as fresh:
            engine.clock.wait((fresh.until - engine.now()).total_seconds())
    return request_record(engine, record_id, run_id)


def _inbound(engine: Engine, record_id: str) -> Outcome:
    again = take_ticked(engine, engine.salesforce.query(ticked_details_query()))
    if engine.channel == "files":
        return _files(engine, record_id, again)
    if not record_id:
        return Outcome(queued=again + work_off(engine) + sweep_modified(engine) + watch_referrals(engine, again=True))
    link = engine.state.links.get(record_id)
    referral = engine.state.referrals.of_record(record_id)
    if referral is not None and not referral.settled:
        return Outcome(queued=int(enqueue_referral(engine, referral.invitation_id)))
    if link is None or link.apn_id is None:
        raise ConfigError(f"{record_id} has no opportunity at AWS yet. Share it first.")
    run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
    return Outcome(queued=int(enqueue_inbound(engine, link.apn_id, run_id, fresh=True)))


def _files(engine: Engine, record_id: str, again: int) -> Outcome:
    if record_id:
        raise ConfigError(
            f"{record_id} cannot be asked of AWS by itself: AWS exports what is new or changed to files of the ACE "
            f"bucket, about once an hour. Run `connector sync inbound --object {engine.record_type}` without a record."
        )
    # Whoever asks does not wait until an attempt that failed is repeated.
    queueing.enqueue_job(engine, queueing.RESULTS, priority=SOONEST, at=engine.now())
    queueing.enqueue_job(engine, queueing.RETRIEVE, priority=SOONEST + 1, at=engine.now())
    return Outcome(queued=again)


def _drain(executor: Executor, kinds: tuple[str, ...], outcome: Outcome, progress: Progress | None) -> None:
    engine, queue = executor.engine, executor.engine.state.queue
    done, moved = 0, engine.now()
    while engine.now() - moved < STANDSTILL:
        item = executor.run_one(kinds=kinds)
        if item is None:
            due = queue.next_due(kinds=kinds)
            if due is None or due - engine.now() > PATIENCE or not _waits(engine, kinds):
                break
            engine.clock.wait(max(0.05, min(1.0, (due - engine.now()).total_seconds())))
            continue
        done += 1
        after = queue.get(item.id) or item
        outcome.note(after)
        if after.state != "waiting":
            moved = engine.now()
        if progress is not None:
            progress(done, max(done, outcome.queued))
    outcome.waiting = sum(one.kind in kinds for one in [*queue.list("waiting"), *queue.list("held")])


def _waits(engine: Engine, kinds: tuple[str, ...]) -> bool:
    return any(item.kind in kinds for item in engine.state.queue.list("waiting"))
