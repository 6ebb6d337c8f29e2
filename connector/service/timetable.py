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
from connector.sync.exchange.results import results_wait
from connector.sync.exchange.stuck import has_to_watch
from connector.sync.exchange.uploads import work_waits
from connector.sync.reconcile import RECONCILE
from connector.sync.settings import SyncSettings

TICK_SECONDS = 5
"""Between two looks, in the state only, whether a schedule is due."""
URGENT, SOON = 5, 20
_OF_LEADS = (queueing.POLL, queueing.DUE_SWEEP, queueing.DELETIONS, queueing.UPLOAD, schedules.TICK)
"""Jobs that are done for leads too; the others are about all records, or about Partner Central."""
_FILES = timedelta(minutes=1)
"""Between two looks for what AWS says of files that were sent; it answers within five minutes (S3-23)."""
_LANES = {queueing.UPLOAD: queueing.WRITE_LANE}


def _has_work(engine: Engine, kind: str) -> bool:
    """Whether a turn has something to do, as far as the state alone tells."""
    match kind:
        case schedules.TICK:
            return schedules.is_due(engine)
        case schedules.LIST_TICK:
            return bool(schedules.due_lists(engine))
        case queueing.UPLOAD:
            return work_waits(engine)
        case queueing.RESULTS:
            return results_wait(engine)
        case queueing.STUCK:
            return has_to_watch(engine)
    return True


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
        intervals = self._intervals(engine.settings)
        for kind, (interval, priority) in intervals.items():
            self._enqueue(engine, kind, interval, priority)
        for kind in _OF_LEADS if engine.leads else ():
            self._enqueue(engine.leads or engine, kind, *intervals[kind])

    def _enqueue(self, engine: Engine, kind: str, interval: timedelta, priority: int) -> None:
        now, turn = engine.now(), f"{kind}:{engine.record_type}"
        last = self.last.get(turn)
        if last is None or not timedelta() <= now - last < interval:
            self.last[turn] = now
            if _has_work(engine, kind):
                queueing.enqueue_job(engine, kind, _LANES.get(kind, queueing.READ_LANE), priority=priority)

    def _intervals(self, settings: SyncSettings) -> Mapping[str, tuple[timedelta, int]]:
        return {
            queueing.MODIFIED_SWEEP: (timedelta(seconds=settings.sweep_seconds), SOON),
            queueing.REFERRALS: (timedelta(seconds=settings.sweep_seconds), SOON),
            queueing.POLL: (timedelta(seconds=settings.poll_seconds), SOON),
            ASKED: (timedelta(seconds=settings.poll_seconds), SOON),
            schedules.TICK: (timedelta(seconds=TICK_SECONDS), SOON),
            schedules.LIST_TICK: (timedelta(seconds=TICK_SECONDS), SOON),
            queueing.UPLOAD: (_FILES, Priority.EDIT + 1),
            queueing.RESULTS: (_FILES, SOON),
            queueing.STUCK: (_FILES, SOON + 2),
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
