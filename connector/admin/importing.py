"""Carrying out a backfill in this process: what people ask for meanwhile goes first, and the door keeps a part of the
day's share of AWS's quota for them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.service.jobs import ASKED, job_handlers
from connector.service.lease import RUNNING, Lease
from connector.service.runtime import Runtime
from connector.store.queue import Item
from connector.sync import queueing
from connector.sync.action_requests import ACTION
from connector.sync.answering import ANSWER
from connector.sync.backfill_links import BACKFILL_LINK
from connector.sync.engine import Engine, Priority
from connector.sync.executor import Executor
from connector.sync.flush import flush_logs
from connector.sync.orders import ORDER
from connector.sync.writeback import flush

IMPORT = (queueing.INBOUND, BACKFILL_LINK)
PEOPLE = (
    ASKED, ACTION, ANSWER, ORDER, queueing.DECISION, queueing.REQUEST, queueing.OUTBOUND, queueing.FLUSH,
)  # fmt: skip
PEOPLE_FIRST = 20
PATIENCE = timedelta(seconds=30)
"""How far ahead an item may be due to be waited for."""
LOOK_SECONDS = 1.0
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Imported:
    """What became of the queued work, by key; a later turn of the same takes the place of an earlier one.

    Attributes:
        ended: the state of each item that came to its end.
        waiting: items that are to be done later.
        reason: why the next of them waits.
    """

    ended: dict[str, str] = field(default_factory=dict)
    waiting: int = 0
    reason: str = ""

    def count(self, state: str) -> int:
        return sum(ended == state for ended in self.ended.values())

    def as_json(self) -> dict[str, int | str]:
        return {
            "succeeded": self.count("done"),
            "failed": self.count("failed"),
            "waiting": self.waiting,
            "reason": self.reason,
        }


@dataclass(slots=True)
class Importer:
    """This process's hold on the org while it imports: a context manager around the lease."""

    runtime: Runtime
    engine: Engine
    lease: Lease
    executor: Executor
    _last: dict[str, datetime] = field(default_factory=dict)
    _outside: Context = field(default_factory=copy_context)

    @classmethod
    def open(cls, runtime: Runtime) -> Importer:
        """Take the lease. Raises Fatal (exit code 3) while another worker has it."""
        engine = runtime.engine()
        lease = Lease(engine)
        lease.acquire()
        return cls(runtime, engine, lease, Executor(engine, lease.host, job_handlers(runtime, lease)))

    def __enter__(self) -> Importer:
        return self

    def __exit__(self, *_: object) -> None:
        flush(self.engine)
        flush_logs(self.engine)
        self.lease.release()

    def attend(self) -> None:
        """Do what people wait for now, write what waits for Salesforce, and give a sign of life."""
        # The walk that is interrupted for it runs as background work; an edit has more of the day's share.
        self._outside.run(self._attend)

    def _attend(self) -> None:
        self._enqueue_due()
        while (item := self.executor.run_one(kinds=PEOPLE)) is not None:
            self.engine.person_waits |= item.priority == Priority.REQUEST

    def _enqueue_due(self) -> None:
        worker = self.runtime.config.worker
        if self._is_turn(ASKED, self.engine.settings.poll_seconds):
            queueing.enqueue_job(self.engine, ASKED, priority=PEOPLE_FIRST)
        if self._is_turn(queueing.FLUSH, worker.write_back_seconds):
            queueing.enqueue_job(self.engine, queueing.FLUSH, priority=PEOPLE_FIRST)
        if self._is_turn("heartbeat", worker.heartbeat_seconds):
            self.lease.renew(RUNNING, "")

    def _is_turn(self, job: str, seconds: float) -> bool:
        now, last = self.engine.now(), self._last.get(job)
        due = last is None or not timedelta() <= now - last < timedelta(seconds=seconds)
        if due:
            self._last[job] = now
        return due

    def work_off(self, progress: Progress) -> Imported:
        """Execute what the backfill queued until nothing is due soon: what waits then, as for the next day's quota, is
        done by the worker, or by the next backfill.
        """
        found = Imported()
        while True:
            self.attend()
            found.waiting = self._waiting()
            if not found.waiting or (not self._one(found) and not self._wait(found)):
                return found
            progress(len(found.ended), len(found.ended) + found.waiting)

    def _one(self, found: Imported) -> bool:
        item = self.executor.run_one(kinds=IMPORT)
        if item is None:
            return False
        after: Item = self.engine.state.queue.get(item.id) or item
        if after.state != "waiting":
            found.ended[item.key] = after.state
        return True

    def _wait(self, found: Imported) -> bool:
        """Wait for what is due soon; return whether there is such."""
        due = self.engine.state.queue.next_due(kinds=IMPORT)
        ahead = due - self.engine.now() if due is not None else PATIENCE * 2
        if ahead > PATIENCE:
            waits = (one for one in self.engine.state.queue.list("waiting") if one.kind in IMPORT)
            found.reason = next((one.reason for one in waits), "")
            return False
        self.engine.clock.wait(max(0.05, min(LOOK_SECONDS, ahead.total_seconds())))
        return True

    def _waiting(self) -> int:
        return self.engine.state.queue.waiting(IMPORT)
