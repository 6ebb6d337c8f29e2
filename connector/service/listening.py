"""Listening to the queues by which AWS announces changes: one thread per queue, beside the worker's turns.

A long poll lasts up to 20 seconds, and a worker's turn must not; short polls between turns would be late, or cost a
request a second. So each queue has a thread with a door and, as every thread, a state handle of its own. It only keeps
what arrived and queues one item; what that means is decided in the worker's turn. A message is acknowledged after the
state's transaction was committed: whatever breaks before, the queue delivers it again, and its event is known then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from connector.ace.events import MalformedEvent, parse_message
from connector.aws.queue import Message, QueueDoor, QueueSettings
from connector.errors import ConnectorError, Retriable
from connector.names import MarketplaceSettings
from connector.service.config import EventsSection, secret
from connector.store.state import State
from connector.sync.engine import Engine
from connector.sync.events import Arrival, take_in
from connector.sync.notifications import marketplace_setting
from connector.sync.ports import Clock, SalesforcePort

QUEUES = "event-queues"
"""The periodic job that looks which queues are to be listened to."""
PAUSE_SECONDS, LONG_PAUSE_SECONDS = 5.0, 60.0
TROUBLE = "queue "

log = structlog.get_logger(__name__)


def queue_settings(section: EventsSection) -> QueueSettings:
    """Return the door's settings, secrets read from where they are."""
    return QueueSettings(
        region=section.region,
        endpoint_url=section.endpoint_url,
        access_key_id=secret(section.access_key_id, "[aws.events] access_key_id"),
        secret_access_key=secret(section.secret_access_key, "[aws.events] secret_access_key"),
        session_token=secret(section.session_token, "[aws.events] session_token"),
        profile=section.aws_profile,
        role_arn=section.role_arn,
        external_id=section.external_id,
    )


def open_queue(section: EventsSection, queue_url: str) -> QueueDoor:
    """Return the door to a queue by its address."""
    return QueueDoor(queue_settings(section), queue_url)


def find_queue(section: EventsSection, name: str) -> QueueDoor:
    """Return the door to a queue by its name. Raises ConfigError when the account has none of that name."""
    return QueueDoor.named(queue_settings(section), name)


def named_queue(salesforce: SalesforcePort, org_id: str) -> str:
    """Return the name of the queue of buyers' messages that the Marketplace settings give, empty for none."""
    return str(marketplace_setting(salesforce, org_id, MarketplaceSettings.QUEUE_NAME) or "").strip()


@dataclass(frozen=True, slots=True)
class Kept:
    """Messages whose events are in the state, and those that cannot be read, each with the reason."""

    sound: Sequence[Message]
    broken: Sequence[tuple[Message, str]]


@dataclass(slots=True)
class Intake:
    """What to do with the messages of one queue.

    Attributes:
        state: where events are kept.
        clock: the worker's.
        dead_letters: opens the queue that takes what cannot be read; None leaves it to the queue's redrive policy.
    """

    state: State
    clock: Clock
    dead_letters: Callable[[], QueueDoor] | None = None

    def take(self, door: QueueDoor, messages: Sequence[Message]) -> None:
        """Keep the events of the messages, then acknowledge them; set aside those that cannot be read.

        Raises:
            ConnectorError: what was not acknowledged comes again, which does no harm.
        """
        self.acknowledge(door, self.keep(messages))

    def keep(self, messages: Sequence[Message]) -> Kept:
        """Keep the events of the messages in the state; return which messages they were, and which cannot be read."""
        arrivals, sound, broken = [], [], []
        for message in messages:
            try:
                arrivals.append(Arrival(parse_message(message.body, message.id)))
                sound.append(message)
            except MalformedEvent as error:
                broken.append((message, str(error)))
        take_in(self.state, arrivals, self.clock.now())
        return Kept(sound, broken)

    def acknowledge(self, door: QueueDoor, kept: Kept) -> None:
        """Let the queue forget what was kept, and set aside what cannot be read; the state is not needed for it."""
        door.delete(kept.sound)
        for message, reason in kept.broken:
            self._set_aside(door, message, reason)

    def _set_aside(self, door: QueueDoor, message: Message, reason: str) -> None:
        """The text may hold anything, so that only the message's id is told."""
        moved = self.dead_letters is not None
        log.warning(
            "malformed event",
            queue=door.name,
            message=message.id,
            reason=reason,
            received=message.received,
            moved=moved,
        )
        if self.dead_letters is None:
            return
        target = self.dead_letters()
        try:
            target.send(message.body, {"ERROR_CODE": "MALFORMED_EVENT", "ERROR_MESSAGE": reason})
        finally:
            target.close()
        door.delete([message])


@dataclass(slots=True)
class Listener:
    """One queue's thread.

    Attributes:
        label: the queue's name in logs and on the status page.
        open_door: opens the queue anew, with what the secret files hold then.
    """

    label: str
    open_door: Callable[[], QueueDoor]
    intake: Intake
    wait_seconds: int
    _stopping: threading.Event = field(default_factory=threading.Event)
    _busy: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen in a thread that does not keep the process alive."""
        self._thread = threading.Thread(target=self._listen, name=f"events-{self.label}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more messages. What a poll that is under way still brings is left to the queue."""
        self._stopping.set()
        # A transaction under way comes to its end; a call to the queue need not.
        with self._busy:
            pass

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def has_ended(self) -> bool:
        """Whether the thread is gone although nobody stopped it."""
        return not self.is_alive and not self._stopping.is_set()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            pause = self._attempt()
            if pause:
                self._stopping.wait(pause)

    def _attempt(self) -> float:
        """Listen until something goes wrong; return the seconds to wait before the next attempt."""
        try:
            door = self.open_door()
            try:
                while not self._stopping.is_set():
                    self._poll(door)
            finally:
                door.close()
        except ConnectorError as error:
            return self._report(error)
        except Exception as error:  # noqa: BLE001 - the thread's edge: without it events would stop unnoticed
            name = type(error).__name__
            log.error("unexpected error while listening", queue=self.label, error=name)
            self._leave_word(f"unexpected {name} while listening; it is tried again, and sweeps find what changed.")
            return LONG_PAUSE_SECONDS
        return 0.0

    def _poll(self, door: QueueDoor) -> None:
        messages = door.receive(wait_seconds=self.wait_seconds)
        with self._busy:
            if self._stopping.is_set():
                return
            kept = self.intake.keep(messages) if messages else None
        if kept is not None:
            self.intake.acknowledge(door, kept)
        self._leave_word("")

    def _report(self, error: ConnectorError) -> float:
        log.warning("cannot listen", queue=self.label, error=type(error).__name__, reason=str(error))
        self._leave_word(str(error))
        return PAUSE_SECONDS if isinstance(error, Retriable) else LONG_PAUSE_SECONDS

    def _leave_word(self, trouble: str) -> None:
        """Leave word for the status page, which the worker's thread writes; empty where all is well."""
        # Where the state itself is in trouble, the worker's own turn tells.
        with self._busy, suppress(ConnectorError):
            if not self._stopping.is_set():
                self._tell(trouble)

    def _tell(self, trouble: str) -> None:
        meta, name = self.intake.state.meta, TROUBLE + self.label
        if (meta.get(name) or "") == trouble:
            return
        if trouble:
            meta.set(name, trouble)
        else:
            meta.delete(name)


@dataclass(slots=True)
class Listening:
    """All queues that a worker listens to."""

    section: EventsSection
    state: State
    clock: Clock
    _by_label: dict[str, Listener] = field(default_factory=dict)

    def start(self) -> None:
        """Listen to the queue of the local configuration, if it names one."""
        if self.section.queue_url:
            self._listen("EventBridge", lambda: open_queue(self.section, self.section.queue_url))

    def follow(self, name: str) -> None:
        """Listen to the queue of that name, and to no other that was named before; empty for none."""
        wanted = f"Marketplace {name}" if name else ""
        for label in [one for one in self._by_label if one.startswith("Marketplace ") and one != wanted]:
            self._by_label.pop(label).stop()
            self.state.meta.delete(TROUBLE + label)
        if wanted and wanted not in self._by_label:
            self._listen(wanted, lambda: find_queue(self.section, name))

    def begin_anew(self) -> None:
        """Listen again where a thread has ended, whatever ended it: nothing else would notice."""
        for label, listener in self._by_label.items():
            if listener.has_ended:
                log.error("listening had ended and is begun anew", queue=label)
                listener.start()

    def tell_troubles(self, engine: Engine) -> None:
        """Let the status page show which queues cannot be listened to, and why."""
        self.begin_anew()
        for kind in [one for one in engine.troubles if one.startswith(TROUBLE)]:
            engine.troubles.pop(kind)
        for label in self._by_label:
            if trouble := self.state.meta.get(TROUBLE + label):
                engine.troubles[TROUBLE + label] = trouble

    def stop(self) -> None:
        """Take no more messages."""
        for listener in self._by_label.values():
            listener.stop()

    def _listen(self, label: str, open_door: Callable[[], QueueDoor]) -> None:
        section, dead = self.section, self.section.dead_letter_queue_url
        intake = Intake(self.state, self.clock, (lambda: open_queue(section, dead)) if dead else None)
        listener = Listener(label, open_door, intake, section.wait_seconds)
        self._by_label[label] = listener
        log.info("listening", queue=label)
        listener.start()
