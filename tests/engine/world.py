"""Two platforms in memory, the real state and the real engine between them, run as the worker runs it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from engine.fields import describe_opportunity
from engine.interruptions import Crash, Interruptions, MovingClock
from engine.partner_central import MemoryPartnerCentral
from engine.salesforce import INTEGRATION, MemorySalesforce
from engine.truth import Truth

from connector.ace.catalogue import opportunity_fields
from connector.mapping.automap import automap_packaged
from connector.store.queue import Item
from connector.store.state import State
from connector.sync import logs, queueing
from connector.sync.deletions import bury_deleted
from connector.sync.engine import Engine, Priority
from connector.sync.executor import Executor, Handler
from connector.sync.flush import flush_logs
from connector.sync.observe import poll_changes, sweep_due
from connector.sync.settings import SyncSettings
from connector.sync.sweeps import compare_anew, sweep_modified, sweep_summaries
from connector.sync.writeback import flush

MAPPING = replace(automap_packaged(opportunity_fields(), describe_opportunity()), version=1)
JOBS = (
    queueing.POLL, queueing.DUE_SWEEP, queueing.MODIFIED_SWEEP, queueing.SUMMARY_SWEEP, queueing.FLUSH,
    queueing.DELETIONS,
)  # fmt: skip
MOST_STEPS = 400


def _poll(engine: Engine, _: Item) -> None:
    poll_changes(engine, logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL))


def _due(engine: Engine, _: Item) -> None:
    sweep_due(engine, logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL))


def _modified(engine: Engine, _: Item) -> None:
    sweep_modified(engine)


def _summaries(engine: Engine, _: Item) -> None:
    sweep_summaries(engine, 50, timedelta(minutes=1))


def _flush(engine: Engine, _: Item) -> None:
    flush(engine)
    flush_logs(engine)


def _deletions(engine: Engine, _: Item) -> None:
    bury_deleted(engine)


HANDLERS: dict[str, Handler] = dict(zip(JOBS, (_poll, _due, _modified, _summaries, _flush, _deletions), strict=True))


class World:
    """Everything that outlives a process, and the process of the moment."""

    def __init__(self, directory: Path) -> None:
        self.path, self.copy = directory / "state.db", directory / "copy.db"
        self.clock = MovingClock()
        self.interruptions = Interruptions(self.clock)
        self.truth = Truth()
        self.salesforce = MemorySalesforce(self.interruptions, watch=self.truth.on_salesforce)
        self.partner_central = MemoryPartnerCentral(self.interruptions, watch=self.truth.on_aws)
        self.settings = SyncSettings(frozenset({INTEGRATION}), share_automatically=True, update_automatically=True)
        self._start()

    def _start(self) -> None:
        self.state = State.open(self.path)
        _hurry(self.state)
        self.state.queue.recover(self.clock.now())
        self.engine = Engine(
            state=self.state,
            salesforce=self.salesforce,
            partner_central=self.partner_central,
            clock=self.clock,
            org_id=self.salesforce.identity().org_id,
            catalog="AWS",
            settings=self.settings,
            mapping=MAPPING,
        )
        self.executor = Executor(self.engine, "worker", HANDLERS)
        _interrupt_commits(self.state, self.interruptions)

    def restart(self) -> None:
        """The process is gone, and starts anew on the same state."""
        self.state.close()
        self._start()

    def empty_state(self) -> None:
        """The state file is lost, and the process starts without it."""
        self.state.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self.truth.forget()
        self._start()

    def copy_state(self) -> None:
        """An operator makes a backup."""
        self.copy.unlink(missing_ok=True)
        self.state.backup(self.copy)

    def restore_state(self) -> None:
        """The state file is replaced by the backup; the sign of life in Salesforce tells the worker that it was."""
        if not self.copy.exists():
            return
        self.state.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.copy(self.copy, self.path)
        self.truth.forget()
        self._start()
        compare_anew(self.engine)

    def close(self) -> None:
        self.state.close()

    def alive(self, work: Callable[[], object]) -> bool:
        """Do the work; a crash in it restarts the process. Return whether it came to its end."""
        try:
            work()
        except Crash:
            self.restart()
            return False
        return True

    def schedule(self, job: str) -> None:
        """A job's turn has come: as in the worker, it is only enqueued."""
        queueing.enqueue_job(self.engine, job, priority=Priority.INBOUND)

    def execute(self, steps: int) -> int:
        """Let the executor take up to so many items; return how many there were."""
        done = 0
        while done < steps and (item := self.executor.run_one()) is not None:
            after = self.state.queue.get(item.id)
            # The executor survives a fault of the engine's own; here it must not hide one.
            assert after is None or not after.reason.startswith("unexpected"), (item.kind, after.reason)
            done += 1
        return done

    def cycle(self) -> None:
        """One turn of every job, and all the work that they make."""
        for job in (queueing.MODIFIED_SWEEP, queueing.POLL, queueing.DUE_SWEEP, queueing.SUMMARY_SWEEP,
                    queueing.DELETIONS, queueing.FLUSH):  # fmt: skip
            self.schedule(job)
            assert self.execute(MOST_STEPS) < MOST_STEPS, "the queue does not empty"

    def writes(self) -> tuple[int, int]:
        """Return how often AWS and the Salesforce records were written by the engine."""
        return self.partner_central.writes, self.salesforce.record_writes


def _hurry(state: State) -> None:
    """Power cuts are no part of this world: crashes lose no commit."""
    state._handles.db.execute("pragma synchronous = off")


def _interrupt_commits(state: State, interruptions: Interruptions) -> None:
    handles = state._handles
    transact = handles.transaction

    @contextmanager
    def transaction() -> Iterator[None]:
        if handles.db.conn.in_transaction:
            with transact():
                yield
            return
        with interruptions.commit(), _committing(transact, interruptions):
            yield

    handles.transaction = transaction  # type: ignore[method-assign]


@contextmanager
def _committing(transact: Callable[[], object], interruptions: Interruptions) -> Iterator[None]:
    with transact():  # type: ignore[attr-defined]
        yield
