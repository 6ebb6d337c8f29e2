"""What was spent of each quota, in buckets of one minute, so that a restart forgets no call."""

from __future__ import annotations

from datetime import datetime

from connector.store.codec import moment, stamp
from connector.store.table import Table


class Ledger(Table):
    """Counts per kind of call (such as ``partner_central_write``) and minute."""

    def spend(self, kind: str, at: datetime, count: int = 1) -> None:
        """Add ``count`` calls at the time ``at``."""
        self._write(
            "insert into ledger (kind, minute, count) values (?, ?, ?) "
            "on conflict (kind, minute) do update set count = count + excluded.count",
            (kind, _minute(at), count),
        )

    def spent(self, kind: str, since: datetime) -> int:
        """Return the calls since then. All of the minute that ``since`` falls into counts: the answer errs high."""
        return int(
            self._value(
                "select coalesce(sum(count), 0) from ledger where kind = ? and minute >= ?", (kind, _minute(since))
            )
        )

    def by_minute(self, kind: str, since: datetime) -> dict[datetime, int]:
        """Return the calls since then by minute, oldest first."""
        rows = self._all(
            "select minute, count from ledger where kind = ? and minute >= ? order by minute", (kind, _minute(since))
        )
        return {moment(row["minute"]): row["count"] for row in rows}

    def prune(self, before: datetime) -> int:
        """Remove the minutes before that time; return how many."""
        return self._write("delete from ledger where minute < ?", (_minute(before),)).rowcount


def _minute(at: datetime) -> str:
    return stamp(at.replace(second=0, microsecond=0))
