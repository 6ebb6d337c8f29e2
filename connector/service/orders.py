"""Work for chosen records, carried out in this process: what commands do while no worker runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from connector.service.jobs import job_handlers
from connector.service.lease import Lease
from connector.service.runtime import Runtime
from connector.store.queue import Item, Work
from connector.sync.create import ADOPTED
from connector.sync.engine import Engine
from connector.sync.executor import Executor
from connector.sync.flush import flush_logs
from connector.sync.orders import ORDER, carry_out_order, in_turn, perform_order
from connector.sync.queueing import INBOUND, OUTBOUND, REQUEST
from connector.sync.sweeps import sweep_modified
from connector.sync.writeback import flush

DONE, FAILED, WAITING = "done", "failed", "waiting"
PATIENCE = timedelta(seconds=30)
"""How far ahead an item may be due to be waited for."""
STANDSTILL = timedelta(minutes=2)
"""How long it goes on while items are only put off; what waits then is left to the next run."""
FINISHING_TURNS = 3
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one record: ``done``, ``failed`` or ``waiting``, and words for whoever asked."""

    record_id: str
    state: str
    message: str


def carry_out(
    runtime: Runtime, works: Sequence[Work], *, and_kinds: Sequence[str] = (), progress: Progress | None = None
) -> list[Ended]:
    """Carry out work for records until nothing of it is due any more, and write to Salesforce what it brought.

    Args:
        works: one per record. They are on the queue before the first is begun: what this process does not come to, a
            worker does.
        and_kinds: kinds of items besides those of the works, which tell how they end.
        progress: is told how many of the records came to an end, and how many there are.

    Raises:
        AuthFailed: one side refused the credentials; what could not be done waits.
        Fatal: another worker holds the org (exit code 3).
    """
    engine = runtime.engine()
    lease = Lease(engine)
    lease.acquire()
    try:
        if engine.channel == "api" and engine.state.meta.get(ADOPTED) is None:
            sweep_modified(engine)
        return _Session(engine, runtime, lease.host, works, and_kinds).run(progress)
    finally:
        flush(engine)
        flush_logs(engine)
        lease.release()


class _Session:
    def __init__(
        self, engine: Engine, runtime: Runtime, holder: str, works: Sequence[Work], and_kinds: Sequence[str]
    ) -> None:
        self.engine, self.works = engine, [in_turn(engine.state.queue, work) for work in works]
        self.ours = {work.dedup for work in self.works}
        self.telling = {*(work.kind for work in works), *and_kinds}
        # What a record itself has to send goes before an action on it, and what AWS changed comes in after it.
        self.kinds = tuple(sorted({*self.telling, OUTBOUND, INBOUND}))
        self.told: dict[str, str] = {}
        self.ended: dict[str, Item] = {}
        self.executor = Executor(engine, holder, {**job_handlers(runtime), ORDER: self._order})

    def _order(self, engine: Engine, item: Item) -> None:
        if item.dedup in self.ours:
            self.told[item.key] = carry_out_order(engine, item)
        else:
            # Left from before: whoever gave it is told by the log only.
            perform_order(engine, item)

    def run(self, progress: Progress | None) -> list[Ended]:
        for work in self.works:
            self.engine.state.queue.enqueue(work, self.engine.now())
        for _ in range(FINISHING_TURNS):
            self._drain(progress)
            # A row that changed since it was looked at is not written over: its turn comes again.
            flush(self.engine)
            if not list(self._waiting()):
                break
        if self.executor.auth_failed is not None:
            raise self.executor.auth_failed
        return [self._result(work) for work in self.works]

    def _drain(self, progress: Progress | None) -> None:
        moved = self.engine.now()
        while self.engine.now() - moved < STANDSTILL:
            item = self.executor.run_one(kinds=self.kinds)
            if item is None:
                if not self._pause():
                    return
                continue
            after = self.engine.state.queue.get(item.id) or item
            if self._tells(item):
                self.ended[item.key] = after
            if after.state != "waiting":
                moved = self.engine.now()
            if progress is not None:
                records = {work.key for work in self.works}
                progress(len(records & set(self.ended)), len(records))

    def _pause(self) -> bool:
        """Wait for the next item of ours; return False where none is due for long."""
        due = min((item.retry_at for item in self._waiting()), default=None)
        if due is None or due - self.engine.now() > PATIENCE:
            return False
        self.engine.clock.wait(max(0.05, min(1.0, (due - self.engine.now()).total_seconds())))
        return True

    def _waiting(self) -> Iterator[Item]:
        """Yield what waits of the records' items."""
        keys = {work.key for work in self.works}
        items = self.engine.state.queue.list("waiting", 10_000)
        return (item for item in items if item.kind in self.kinds and item.key in keys)

    def _result(self, work: Work) -> Ended:
        record = work.key
        item = self.ended.get(record)
        waits = next((one for one in self._pending(record)), None)
        if waits is not None:
            return Ended(record, WAITING, f"It waits: {waits.reason or 'for its turn'}")
        if item is None or item.state == "failed":
            return Ended(record, FAILED, item.reason if item is not None else "It was not begun.")
        return Ended(record, DONE, self.told.get(record) or _shared(self.engine, record, item))

    def _pending(self, record: str) -> Iterator[Item]:
        items = self.engine.state.queue.list(key=record, limit=100)
        return (item for item in items if self._tells(item) and item.state in ("waiting", "held"))

    def _tells(self, item: Item) -> bool:
        """Whether the item's end is that of work of ours."""
        return item.kind in self.telling and (item.kind != ORDER or item.dedup in self.ours)


def _shared(engine: Engine, record: str, item: Item) -> str:
    link = engine.state.links.get(record)
    if item.kind == REQUEST:
        return f"Nothing was sent: it is not due. `connector preview {record}` says why."
    return f"AWS has it as {link.apn_id}." if link is not None and link.apn_id else "Done."


def enqueue_all(runtime: Runtime, works: Sequence[Work]) -> None:
    """Put work on the queue of the worker that runs."""
    with runtime.state.transaction():
        for work in works:
            runtime.state.queue.enqueue(in_turn(runtime.state.queue, work), runtime.clock.now())
