"""The worker: takes turns and work until it is told to stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import structlog

from connector.errors import AuthFailed, ConnectorError, Deferred, Fatal, Retriable
from connector.service.clock import make_clock
from connector.service.config import Config
from connector.service.jobs import job_handlers, warn_of_settings
from connector.service.lease import Lease
from connector.service.listening import Listening
from connector.service.runtime import Runtime
from connector.service.timetable import Timetable
from connector.sync.engine import Engine, Priority
from connector.sync.executor import Executor
from connector.sync.flush import flush_logs
from connector.sync.queueing import READ_LANE, WRITE_LANE
from connector.sync.writeback import flush

IDLE_SECONDS = 0.5
HEAD_START_SECONDS = 0.1
"""How long before AWS's rate has a free slot the next write is begun: a slot is not to wait for its planning."""
CONNECT_PAUSE_SECONDS = 15.0

log = structlog.get_logger(__name__)


class Worker:
    """One worker of one org. :meth:`run` returns after :meth:`stop`, or raises Fatal."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Finish the item in hand, write what waits, give back the lease, and return from :meth:`run`."""
        self._stopping.set()

    def stop_on_signals(self) -> None:
        """Let SIGTERM and SIGINT stop the worker gracefully."""

        def handle(number: int, _: FrameType | None) -> None:
            log.info("stopping", signal=signal.Signals(number).name)
            self.stop()

        signal.signal(signal.SIGTERM, handle)
        signal.signal(signal.SIGINT, handle)

    def run(self) -> None:
        """Work until stopped.

        Raises:
            Fatal: another worker holds state or org, or the state is another org's.
            ConfigError: the local configuration cannot work.
        """
        with Runtime.open(self._config, exclusive=True) as runtime:
            lease = self._connect(runtime)
            if lease is None:
                return
            engine = lease.engine
            warn_of_settings(engine.settings)
            log.info("working", org=engine.org_id, catalog=engine.catalog, mapping=engine.mapping.version)
            # A clock of its own: a session to a sandbox's clock is one thread's.
            clock = make_clock(self._config.worker.clock_url)
            listening = Listening(self._config.aws.events, runtime.state, clock)
            try:
                listening.start()
                self._work(runtime, lease, listening)
            finally:
                listening.stop()
                _finish(lease)

    def _connect(self, runtime: Runtime) -> Lease | None:
        """Return the lease once Salesforce lets us in; a passing fault or a refused login is told and tried again,
        with what the secret files hold then.
        """
        while not self._stopping.is_set():
            try:
                lease = Lease(runtime.engine())
                lease.acquire()
            except (Retriable, Deferred, AuthFailed) as error:
                log.error("cannot connect", error=type(error).__name__, reason=str(error))
                self._stopping.wait(CONNECT_PAUSE_SECONDS)
            else:
                return lease
        return None

    def _work(self, runtime: Runtime, lease: Lease, listening: Listening) -> None:
        engine = lease.engine
        executor = Executor(engine, lease.host, job_handlers(runtime, lease, listening))
        timetable = Timetable(runtime.config.worker)
        while not self._stopping.is_set():
            try:
                self._turn(engine, executor, timetable)
            except Retriable as error:
                # The state itself is busy, as while a command tidies it up.
                log.warning("cannot work now", reason=str(error))
                self._stopping.wait(IDLE_SECONDS)

    def _turn(self, engine: Engine, executor: Executor, timetable: Timetable) -> None:
        """Enqueue what is due, and execute one item if there is one."""
        timetable.enqueue_due(engine)
        # A write waits for its slot in AWS's rate; meanwhile everything else goes on.
        wait = max(0.0, engine.partner_central.write_wait() - HEAD_START_SECONDS)
        item = executor.run_one(lanes=(READ_LANE,) if wait else (READ_LANE, WRITE_LANE))
        if item is not None:
            engine.person_waits |= item.priority == Priority.REQUEST
        else:
            self._stopping.wait(min(IDLE_SECONDS, wait or IDLE_SECONDS))


def _finish(lease: Lease) -> None:
    """Leave as little as possible behind; what cannot be written now is written after the next start."""
    try:
        flush(lease.engine)
        flush_logs(lease.engine)
        lease.release()
    except Fatal:
        raise
    except ConnectorError as error:
        log.warning("left for the next start", error=type(error).__name__)
