"""One worker per org: a row in Salesforce with a unique key is lease, heartbeat and status page at once."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import structlog

from connector import __version__
from connector.errors import Fatal
from connector.names import WORKER, Worker
from connector.sync.engine import Engine
from connector.sync.logs import cut
from connector.sync.sweeps import compare_anew

LAPSES_AFTER = timedelta(minutes=5)
HEARTBEAT = "heartbeat"
RUNNING, DEGRADED, STOPPED = "Running", "Degraded", "Stopped"


log = structlog.get_logger(__name__)


class Lease:
    """This process's claim to the org and catalog."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.key = f"ace-{engine.catalog.lower()}"
        # Stable across restarts: whoever holds the state's lock is the same worker as before.
        place = hashlib.sha256(str(engine.state.path.resolve()).encode()).hexdigest()[:8]
        self.host = cut(f"{socket.gethostname()}:{place}", 255)

    def acquire(self) -> None:
        """Take the lease. Raises Fatal (exit code 3) while another worker's is fresh.

        A sign of life in Salesforce that this state does not remember was given after the state was copied, or by
        another state: what was shared since is found at AWS again before anything is created.
        """
        self._refuse_others()
        if self._outlived():
            log.warning("the state is older than the last sign of life; AWS is compared before anything is created")
            compare_anew(self.engine)
        self.beat(RUNNING)
        # Two workers may have taken a free lease at once; whoever wrote last has it.
        self._refuse_others()

    def renew(self, status: str, message: str) -> None:
        """Write the sign of life. Raises Fatal (exit code 3) when another worker took the lease over, as it may after
        this process was suspended for long.
        """
        self._refuse_others()
        self.beat(status, message)

    def beat(self, status: str = RUNNING, message: str = "") -> None:
        """Write the sign of life with what waits and what failed."""
        counts, now = self.engine.state.queue.counts(), self.engine.salesforce.server_time()
        # Before the call: a kill in it must not make the state look restored.
        self.engine.state.meta.set(HEARTBEAT, now.isoformat())
        row: dict[str, Any] = {
            Worker.KEY: self.key,
            Worker.HOST: self.host,
            Worker.VERSION: __version__,
            Worker.HEARTBEAT: now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            Worker.STATUS: status,
            Worker.MESSAGE: cut(message, 255) or None,
            Worker.PENDING: counts["waiting"] + counts["held"] + self.engine.state.entries.count(),
            Worker.FAILED: self.engine.state.problems.open_count(),
        }
        outcome = self.engine.salesforce.upsert(WORKER, Worker.KEY, [row])[0]
        if outcome.error is not None:
            raise outcome.error

    def release(self, message: str = "") -> None:
        """Let another worker take over at once; a message stays on the status page."""
        self.beat(STOPPED, message)

    def _outlived(self) -> bool:
        ours = self.engine.state.meta.get(HEARTBEAT)
        last = [datetime.fromisoformat(row[Worker.HEARTBEAT]) for row in self._rows() if row[Worker.HEARTBEAT]]
        return bool(last) and (ours is None or max(last) > datetime.fromisoformat(ours))

    def _rows(self) -> Iterator[dict[str, Any]]:
        return self.engine.salesforce.query(
            f"SELECT {Worker.HOST}, {Worker.HEARTBEAT}, {Worker.STATUS} FROM {WORKER} WHERE {Worker.KEY} = '{self.key}'"  # noqa: S608
        )

    def _refuse_others(self) -> None:
        for row in self._rows():
            if row[Worker.HOST] != self.host and row[Worker.STATUS] != STOPPED and self._fresh(row[Worker.HEARTBEAT]):
                raise Fatal(
                    f"Another worker, {row[Worker.HOST]}, works for this org and catalog; its last sign of life was "
                    f"{row[Worker.HEARTBEAT]}. Stop it, or wait until its lease lapses after {LAPSES_AFTER}.",
                    exit_code=3,
                )

    def _fresh(self, heartbeat: str | None) -> bool:
        if heartbeat is None:
            return False
        return self.engine.salesforce.server_time() - datetime.fromisoformat(heartbeat) < LAPSES_AFTER
