"""When each periodic job's turn comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.service.config import WorkerSection
from connector.service.jobs import ASKED, DAY, HEARTBEAT
from connector.service.listening import QUEUES
from connector.service.mirror import MIRROR
from connector.sync import queueing, schedules
from connector.sync.engine import Engine, Priority
from connector.sync.reconcile import RECONCILE
from connector.sync.settings import SyncSettings

TICK_SECONDS = 5
"""Between two looks, in the state only, whether a schedule is due."""
URGENT, SOON = 5, 20


@dataclass(slots=True)
class Timetable:
    """When each job's turn comes, by the worker's own clock: on a sandbox that clock jumps, and so do the turns.

    The clock of ``schedule`` is the machine's alone, which is why turns are computed here.
    """

    worker: WorkerSection
    last: dict[str, datetime] = field(default_factory=dict)

    def enqueue_due(self, engine: Engine) -> None:
        """Enqueue the jobs whose turn has come. A turn that was missed is not made up for; a clock that was set back
        starts the intervals anew.
        """
        now = engine.now()
        for kind, (interval, priority) in self._intervals(engine.settings).items():
            last = self.last.get(kind)
            if last is None or not timedelta() <= now - last < interval:
                self.last[kind] = now
                if kind != schedules.TICK or schedules.is_due(engine):
                    queueing.enqueue_job(engine, kind, priority=priority)

    def _intervals(self, settings: SyncSettings) -> Mapping[str, tuple[timedelta, int]]:
        return {
            queueing.MODIFIED_SWEEP: (timedelta(seconds=settings.sweep_seconds), SOON),
            queueing.REFERRALS: (timedelta(seconds=settings.sweep_seconds), SOON),
            queueing.POLL: (timedelta(seconds=settings.poll_seconds), SOON),
            ASKED: (timedelta(seconds=settings.poll_seconds), SOON),
            schedules.TICK: (timedelta(seconds=TICK_SECONDS), SOON),
            queueing.DUE_SWEEP: (timedelta(minutes=settings.due_sweep_minutes), SOON + 1),
            queueing.SUMMARY_SWEEP: (timedelta(minutes=5), SOON + 2),
            queueing.FLUSH: (timedelta(seconds=self.worker.write_back_seconds), URGENT),
            HEARTBEAT: (timedelta(seconds=self.worker.heartbeat_seconds), URGENT),
            QUEUES: (timedelta(minutes=15), SOON + 2),
            queueing.DELETIONS: (DAY, SOON + 3),
            queueing.RETENTION: (DAY, SOON + 4),
            MIRROR: (DAY, Priority.SWEEP),
            RECONCILE: (DAY, Priority.BACKFILL),
        }
