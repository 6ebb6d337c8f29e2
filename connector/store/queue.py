"""The durable queue: what is to be done, once per content, one at a time per record.

All transitions of an item are here and nowhere else::

    waiting -> leased -> done | failed | held | waiting (again)
    held    -> waiting | done (cancelled)
    failed  -> waiting | done (cancelled)
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from connector.errors import Refused, StaleRecord
from connector.store.codec import dump, load, moment, stamp
from connector.store.table import Record, Table

ItemState = Literal["waiting", "leased", "held", "done", "failed"]
STATES: tuple[ItemState, ...] = ("waiting", "leased", "held", "done", "failed")

_ALLOWED: dict[ItemState, frozenset[ItemState]] = {
    "waiting": frozenset({"leased", "held", "done"}),
    "leased": frozenset({"waiting", "held", "done", "failed"}),
    "held": frozenset({"waiting", "done"}),
    "failed": frozenset({"waiting", "done"}),
    "done": frozenset(),
}

# The index is named because the planner would otherwise sort everything that waits to find the first.
_READY = """
    from queue indexed by queue_claim where state = 'waiting'
    and (:lanes is null or lane in (select value from json_each(:lanes)))
    and (:kinds is null or kind in (select value from json_each(:kinds)))
    and not exists (select 1 from queue busy where busy.state = 'leased' and busy."key" = queue."key")
"""


@dataclass(frozen=True, slots=True)
class Work:
    """Something to do.

    Attributes:
        kind: what to do; the executor chooses by it.
        key: the record that it concerns; items of one key never run at the same time.
        lane: which executor takes it, such as ``write`` or ``read``.
        priority: lower goes first.
        payload: JSON values and ``Decimal``; replaced when the same work is enqueued again before it runs.
        dedup: work of equal ``dedup`` waits once; by default ``kind:key``. Work whose payload must not be replaced
            (a person's request) needs one of its own.
    """

    kind: str
    key: str
    lane: str = "write"
    priority: int = 50
    payload: dict[str, Any] = field(default_factory=dict)
    dedup: str = ""

    def __post_init__(self) -> None:
        if not self.dedup:
            object.__setattr__(self, "dedup", f"{self.kind}:{self.key}")


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the queue as it was when read. Times are aware UTC."""

    id: int
    kind: str
    key: str
    lane: str
    priority: int
    payload: dict[str, Any]
    state: ItemState
    attempts: int
    retry_at: datetime
    reason: str
    created_at: datetime
    leased_by: str
    leased_until: datetime | None
    dedup: str
    lease: int


Items = list[Item]


class Queue(Table):
    """Entries and their transitions.

    A transition of an item that is no longer as the caller read it (its lease ran out, someone cancelled it) raises
    StaleRecord and changes nothing; one that the life cycle does not know raises Refused.
    """

    def enqueue(self, work: Work, now: datetime, *, at: datetime | None = None) -> bool:
        """Add the work, to run at ``at`` or at once; return False if it joined an entry that waits or is held.

        Joining replaces the payload and keeps the better priority. The entry's time moves forward only if ``at`` is
        earlier or the priority better: noticing the same edit again does not defeat a back-off. An entry that is being
        executed does not absorb new work, since it may have read the record already.
        """
        with self._transaction():
            twin = self._pending(work.dedup)
            if twin is None:
                self._insert(work, now, at or now)
            else:
                self._join(twin, work, now, at)
            return twin is None

    def claim(
        self,
        now: datetime,
        holder: str,
        *,
        lanes: Iterable[str] | None = None,
        kinds: Iterable[str] | None = None,
        lease_seconds: float = 300,
    ) -> Item | None:
        """Lease and return the entry that is due with the lowest priority number, then the oldest; None if none is.

        Entries whose record is being worked on are passed over. Leases that ran out end here.
        """
        with self._transaction():
            self._return_leases("leased_until <= ?", (stamp(now),))
            row = self._one(
                f"select * {_READY} and retry_at <= :now order by priority, retry_at, id limit 1",
                _filters(lanes, kinds) | {"now": stamp(now)},
            )
            if row is None:
                return None
            until = stamp(now + timedelta(seconds=lease_seconds))
            self._set(row, "leased", **_lease(row, holder, until), touched_at=stamp(now))
            return self.get(row["id"])

    def renew(self, item: Item, now: datetime, *, lease_seconds: float = 300) -> None:
        """Extend the lease of an item that takes long."""
        until = stamp(now + timedelta(seconds=lease_seconds))
        with self._transaction():
            self._current(item)
            self._write("update queue set leased_until = ? where id = ? and state = 'leased'", (until, item.id))

    def done(self, item: Item) -> None:
        """The work is finished."""
        with self._transaction():
            self._set(self._current(item), "done", reason="")

    def fail(self, item: Item, reason: str) -> None:
        """Give up; a person decides what comes next."""
        with self._transaction():
            self._set(self._current(item), "failed", reason=reason)

    def retry(self, item: Item, at: datetime, reason: str) -> None:
        """Try again at ``at``, counting the attempt."""
        with self._transaction():
            row = self._current(item)
            self._wait(row, stamp(at), reason, attempts=row["attempts"] + 1)

    def defer(self, item: Item, at: datetime, reason: str) -> None:
        """Try again at ``at``; nothing was wrong, so no attempt is counted."""
        with self._transaction():
            row = self._current(item)
            self._wait(row, stamp(at), reason, attempts=row["attempts"])

    def hold(self, item: Item, reason: str) -> None:
        """Keep the entry until :meth:`release`. If newer work for the same waits already, that takes over."""
        with self._transaction():
            row = self._current(item)
            if not self._superseded(row, row["attempts"]):
                self._set(row, "held", reason=reason)

    def release(self, target: str | int, now: datetime) -> int:
        """Let the held entries of a key (text), or the one with an id (number), go on now; return how many did."""
        column = "id" if isinstance(target, int) else '"key"'
        with self._transaction():
            rows = self._all(f"select * from queue where state = 'held' and {column} = ?", (target,))  # noqa: S608
            for row in rows:
                self._set(row, "waiting", reason="", retry_at=stamp(now), touched_at=stamp(now))
            return len(rows)

    def requeue(self, item_id: int, now: datetime) -> None:
        """Let an entry that failed, is held or waits for its time run now, with its attempts forgiven."""
        with self._transaction():
            row = self._found(item_id)
            if row["state"] == "waiting":
                self._write("update queue set retry_at = ?, attempts = 0 where id = ?", (stamp(now), item_id))
            elif row["state"] == "held":
                self._set(row, "waiting", reason="", retry_at=stamp(now), attempts=0, touched_at=stamp(now))
            else:
                self._refuse_unless(row, from_state="failed", to="waiting")
                self._wait(row, stamp(now), "", attempts=0)

    def cancel(self, item_id: int) -> None:
        """End an entry undone. Raises Refused while it is being executed, when it has ended, or when there is none."""
        with self._transaction():
            row = self._found(item_id)
            if row["state"] == "leased":
                raise Refused(f"queue item {item_id} is being executed; wait until it ends, then cancel it if need be")
            self._set(row, "done", reason="cancelled")

    def recover(self, now: datetime) -> int:
        """End every lease: for the one process that holds the lock, when it starts. Return how many there were."""
        with self._transaction():
            return self._return_leases("? is not null", (stamp(now),))

    def get(self, item_id: int) -> Item | None:
        row = self._one("select * from queue where id = ?", (item_id,))
        return _item(row) if row else None

    def list(self, state: ItemState | None = None, limit: int = 100, *, key: str | None = None) -> Items:
        """Return entries, the next to run first, optionally of one state or record."""
        # Only what is asked for: behind an "or" SQLite takes no index.
        wanted = {"state": state, '"key"': key}
        given = [name for name, value in wanted.items() if value is not None]
        where = "where " + " and ".join(f"{name} = ?" for name in given) if given else ""
        rows = self._all(
            f"select * from queue {where} order by priority, retry_at, id limit ?",  # noqa: S608 - names of our own
            (*(wanted[name] for name in given), limit),
        )
        return [_item(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Return the number of entries by state, every state named."""
        rows = self._all("select state, count(*) as n from queue group by state")
        return dict.fromkeys(STATES, 0) | {row["state"]: row["n"] for row in rows}

    def oldest_waiting(self) -> datetime | None:
        """Return since when the entry that waits longest has been there."""
        return _moment(self._value("select min(created_at) from queue where state = 'waiting'"))

    def next_due(self, lanes: Iterable[str] | None = None, *, kinds: Iterable[str] | None = None) -> datetime | None:
        """Return when the next entry may be claimed, as far as is known now; those of busy records do not count."""
        return _moment(self._value(f"select min(retry_at) {_READY}", _filters(lanes, kinds)))

    def is_due(self, priority: int, now: datetime) -> bool:
        """Whether an entry of just this priority may be claimed now."""
        return bool(
            self._value(
                f"select exists (select 1 {_READY} and priority = :priority and retry_at <= :now)",
                _filters(None, None) | {"priority": priority, "now": stamp(now)},
            )
        )

    def waiting(self, kinds: Iterable[str]) -> int:
        """Return how many entries of these kinds wait."""
        names = dump(builtins.list(kinds))
        return int(
            self._value(
                "select count(*) from queue where state = 'waiting' and kind in (select value from json_each(?))",
                (names,),
            )
        )

    def prune(self, before: datetime) -> int:
        """Remove done and failed entries last claimed, released or added before that time; return how many."""
        return self._write(
            "delete from queue where state in ('done', 'failed') and touched_at < ?", (stamp(before),)
        ).rowcount

    def _insert(self, work: Work, now: datetime, at: datetime) -> None:
        self._write(
            'insert into queue (kind, "key", dedup, lane, priority, payload, state, retry_at, created_at, touched_at) '
            "values (?, ?, ?, ?, ?, ?, 'waiting', ?, ?, ?)",
            (
                work.kind,
                work.key,
                work.dedup,
                work.lane,
                work.priority,
                dump(work.payload),
                *map(stamp, (at, now, now)),
            ),
        )

    def _join(self, twin: Record, work: Work, now: datetime, at: datetime | None) -> None:
        hurried = at is not None or work.priority < twin["priority"]
        retry_at = min(twin["retry_at"], stamp(at or now)) if hurried else twin["retry_at"]
        self._write(
            "update queue set payload = ?, priority = ?, lane = ?, retry_at = ? where id = ?",
            (dump(work.payload), min(work.priority, twin["priority"]), work.lane, retry_at, twin["id"]),
        )

    def _wait(self, row: Record, retry_at: str, reason: str, *, attempts: int) -> None:
        if not self._superseded(row, attempts):
            self._set(row, "waiting", reason=reason, retry_at=retry_at, attempts=attempts)

    def _superseded(self, row: Record, attempts: int) -> bool:
        """End the entry if its work was enqueued again while it ran; the newer one inherits urgency and attempts."""
        twin = self._pending(row["dedup"])
        if twin is None or twin["id"] == row["id"]:
            return False
        self._write(
            "update queue set priority = min(priority, ?), attempts = max(attempts, ?) where id = ?",
            (row["priority"], attempts, twin["id"]),
        )
        self._set(row, "done", reason=f"taken over by item {twin['id']}")
        return True

    def _return_leases(self, condition: str, parameters: tuple[str, ...]) -> int:
        rows = self._all(f"select * from queue where state = 'leased' and {condition}", parameters)  # noqa: S608
        for row in rows:
            self._wait(row, row["retry_at"], row["reason"], attempts=row["attempts"])
        return len(rows)

    def _set(self, row: Record, state: ItemState, **columns: Any) -> None:
        """The one place where an entry's state changes. Whoever leaves a lease gives it up."""
        self._refuse_unless(row, from_state=row["state"], to=state)
        changes: Record = {"state": state, "leased_by": "", "leased_until": None} | columns
        names = ", ".join(f"{name} = ?" for name in changes)
        self._write(f"update queue set {names} where id = ?", (*changes.values(), row["id"]))  # noqa: S608

    def _refuse_unless(self, row: Record, *, from_state: ItemState, to: ItemState) -> None:
        if row["state"] != from_state or to not in _ALLOWED[from_state]:
            raise Refused(f"queue item {row['id']} is {row['state']} and cannot become {to}; enqueue the work anew")

    def _current(self, item: Item) -> Record:
        row = self._one("select * from queue where id = ?", (item.id,))
        if row is None or (row["state"], row["lease"]) != (item.state, item.lease):
            raise StaleRecord(f"queue item {item.id} is not {item.state} by the same lease any more; read it again")
        return row

    def _found(self, item_id: int) -> Record:
        row = self._one("select * from queue where id = ?", (item_id,))
        if row is None:
            raise Refused(f"there is no queue item {item_id}; list the queue for the ids that exist")
        return row

    def _pending(self, dedup: str) -> Record | None:
        return self._one("select * from queue where dedup = ? and state in ('waiting', 'held')", (dedup,))


def _lease(row: Record, holder: str, until: str) -> Record:
    return {"lease": row["lease"] + 1, "leased_by": holder, "leased_until": until}


def _filters(lanes: Iterable[str] | None, kinds: Iterable[str] | None) -> Record:
    return {
        "lanes": None if lanes is None else dump(builtins.list(lanes)),
        "kinds": None if kinds is None else dump(builtins.list(kinds)),
    }


def _item(row: Record) -> Item:
    members = {name: row[name] for name in Item.__slots__}
    return Item(
        **members
        | {
            "payload": load(row["payload"]),
            "retry_at": moment(row["retry_at"]),
            "created_at": moment(row["created_at"]),
            "leased_until": _moment(row["leased_until"]),
        }
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else moment(text)
