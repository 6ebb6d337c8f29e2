"""Reading lists of AWS Marketplace now, in this process: what `connector marketplace refresh` does without a worker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from connector.marketplace.work import Ended, ended, refresh_now
from connector.service.jobs import job_handlers
from connector.service.lease import Lease
from connector.service.runtime import Runtime
from connector.sync import queueing
from connector.sync.executor import Executor

PATIENCE = timedelta(seconds=40)
"""How far ahead an item may be due to be waited for: longer than the pause between two refreshes of a list."""


def refresh_lists(runtime: Runtime, what: str, accounts: Sequence[str]) -> list[Ended]:
    """Read the list of each account; return how each has ended.

    Raises:
        AuthFailed: Salesforce refused the credentials.
        Fatal: another worker holds the org (exit code 3).
    """
    engine = runtime.engine()
    lease = Lease(engine)
    lease.acquire()
    try:
        ids = refresh_now(engine, what, accounts)
        executor = Executor(engine, lease.host, job_handlers(runtime))
        while (found := ended(engine, ids)) is None:
            if executor.run_one(kinds=(queueing.LIST,)) is not None:
                continue
            due = engine.state.queue.next_due(kinds=(queueing.LIST,))
            if due is None or due - engine.now() > PATIENCE:
                break
            engine.clock.wait(max(0.05, (due - engine.now()).total_seconds()))
        return found or []
    finally:
        lease.release()
