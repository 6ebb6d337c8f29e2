"""What AWS announced, worked off: each event becomes the turn that reads AWS anew, and a row among the notifications.

Events are lost, doubled and reordered on their way, and our own writes come back as events. None of that does harm: an
event only says what to look at. Sweeps find what no event announced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from connector.ace.events import INVITATION, OPPORTUNITY, Event
from connector.store.events import KeptEvent
from connector.store.queue import Work
from connector.store.state import State
from connector.sync import logs, queueing
from connector.sync.engine import Engine
from connector.sync.notifications import (
    ATTEMPTS,
    ERROR,
    IGNORED,
    PROCESSED,
    TELL,
    put_notification,
    read_rows,
    tell_again,
)
from connector.sync.ports import Row
from connector.sync.schedules import inbound_is_disabled

EVENTS = "events"
PRIORITY = 20
BATCH = 200
KEEP = timedelta(days=15)
"""A queue keeps a message for 14 days at most, so that no double can come later than that."""
SENDER, OPPORTUNITY_INVITATION = "SENDER", "OpportunityInvitation"

LATER = "Taken by the Marketplace flows when they are set up."
UNKNOWN = "The connector does nothing with events of this kind."
OTHER_CATALOG = "other catalog"
BY_FILES = "Opportunities travel as files of the ACE bucket: what changed comes with AWS's next export."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event as it arrived.

    Attributes:
        event: what it says.
        row_id: the Salesforce row that brought it; empty for a queue's message.
        fault: why it cannot be worked off, with the remedy; empty for a sound one.
    """

    event: Event
    row_id: str = ""
    fault: str = ""


def take_in(state: State, arrivals: Iterable[Arrival], now: datetime, *, again: bool = False) -> int:
    """Keep what arrived and queue the work on it, in one transaction; return how many events were new.

    After this the other side may forget them. Needs nothing but the state, so that any thread may call it.
    ``again``: events that are known are worked off once more.
    """
    late, new = timedelta(), 0
    arrivals = list(arrivals)
    with state.transaction():
        for one in arrivals:
            body = {**one.event.to_json(), **({"fault": one.fault} if one.fault else {})}
            if state.events.add(one.event.id, body, now, row_id=one.row_id, again=again):
                new += 1
                late = max(late, now - (one.event.moment or now))
        if new:
            state.queue.enqueue(Work(kind=EVENTS, key=EVENTS, lane=queueing.READ_LANE, priority=PRIORITY), now)
    if arrivals:
        seconds = round(late.total_seconds(), 1)
        log.info("events arrived", count=len(arrivals), known=len(arrivals) - new, latest_by_seconds=seconds)
    return new


def take_rows(engine: Engine, rows: Iterable[Row]) -> int:
    """Take in the rows that stand as New; return how many are to be worked off.

    A person who sets a row that was worked off back to New has it worked off again.
    """
    fresh: list[Arrival] = []
    repeated: list[Arrival] = []
    given_up: list[str] = []
    for event, row_id, fault in read_rows(rows):
        known = engine.state.events.get(event.id)
        if known is None:
            fresh.append(Arrival(event, row_id, fault))
        elif known.told and known.attempts < ATTEMPTS:
            repeated.append(Arrival(event, row_id, fault))
        elif known.told:
            given_up.append(event.id)
    tell_again(engine, given_up)
    if engine.state.events.untold(1):
        queueing.enqueue_job(engine, TELL, priority=PRIORITY)
    taken = take_in(engine.state, fresh, engine.now())
    return taken + take_in(engine.state, repeated, engine.now(), again=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one event: its notification's status and message, and how it is counted."""

    status: str
    message: str
    counted: str


@dataclass(slots=True)
class _Batch:
    """The looks that a batch of events asks for: several events about one thing are one look."""

    engine: Engine
    run_id: str = ""
    seen: set[str] = field(default_factory=set)

    def run(self) -> str:
        self.run_id = self.run_id or logs.start_run(self.engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
        return self.run_id

    def is_new(self, entity_id: str) -> bool:
        known = entity_id in self.seen
        self.seen.add(entity_id)
        return not known


def work_off(engine: Engine) -> int:
    """Queue what the events that wait ask for; return how many turns that came to."""
    counts: Counter[str] = Counter()
    turns = 0
    while kept := engine.state.events.waiting(BATCH):
        batch = _Batch(engine)
        with engine.state.transaction():
            for one in kept:
                outcome = _settle(engine, batch, one)
                counts[outcome.counted] += 1
        turns += len(batch.seen)
    if counts:
        told = {name.replace(" ", "_"): count for name, count in sorted(counts.items())}
        log.info("worked off events", turns=turns, **told)
    return turns


def _settle(engine: Engine, batch: _Batch, kept: KeptEvent) -> Outcome:
    body = dict(kept.body)
    fault = str(body.pop("fault", ""))
    event = Event(**body)
    outcome = Outcome(ERROR, fault, "faulty") if fault else _effect(batch, event)
    engine.state.events.settle(kept.id, outcome.status, outcome.message)
    if kept.row_id:
        queueing.enqueue_job(engine, TELL, priority=PRIORITY)
    else:
        put_notification(engine, event, outcome.status, outcome.message)
    return outcome


def _effect(batch: _Batch, event: Event) -> Outcome:
    engine = batch.engine
    if event.about not in (OPPORTUNITY, INVITATION):
        kind = event.about or "unknown kind"
        return Outcome(IGNORED, LATER if event.about else UNKNOWN, kind)
    if event.catalog and event.catalog != engine.catalog:
        message = f"The event is of catalog {event.catalog}; the connector works in {engine.catalog}."
        return Outcome(IGNORED, message, OTHER_CATALOG)
    if engine.channel == "files":
        return Outcome(IGNORED, BY_FILES, "by files")
    if inbound_is_disabled(engine):
        message = (
            "Inbound synchronisation is disabled by the active schedule. What changed is looked for once it is on."
        )
        return Outcome(IGNORED, message, "inbound disabled")
    return _look(batch, event) if event.about == OPPORTUNITY else _look_at_invitation(batch, event)


def _look(batch: _Batch, event: Event) -> Outcome:
    if batch.is_new(event.entity_id):
        queueing.enqueue_inbound(batch.engine, event.entity_id, batch.run())
    return Outcome(PROCESSED, f"AWS is asked for opportunity {event.entity_id}.", OPPORTUNITY)


def _look_at_invitation(batch: _Batch, event: Event) -> Outcome:
    if event.participant == SENDER:
        return Outcome(IGNORED, "The invitation is the partner's own, sent with a submission.", "own invitation")
    if event.payload_type not in ("", OPPORTUNITY_INVITATION):
        return Outcome(IGNORED, "The invitation is not about an opportunity.", "other invitation")
    if batch.is_new(event.entity_id):
        queueing.enqueue_referral(batch.engine, event.entity_id, batch.run())
    return Outcome(PROCESSED, f"AWS is asked for invitation {event.entity_id}.", INVITATION)


def prune_events(engine: Engine) -> None:
    """Forget what can come no more."""
    engine.state.events.prune(engine.now() - KEEP)
