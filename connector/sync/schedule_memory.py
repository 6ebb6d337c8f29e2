"""What the state remembers of the schedule in force of each object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connector.mapping.model import RecordType
from connector.names import Schedule
from connector.sync.engine import Engine
from connector.sync.ports import Row

OPPORTUNITY, LEAD = "Opportunity", "Lead"
RECORD_TYPES: Mapping[str, RecordType] = {OPPORTUNITY: "opportunity", LEAD: "lead"}
OBJECTS = tuple(RECORD_TYPES)
"""Values of the schedule's object that are records, which are exchanged by a mapping."""
PRODUCTS, AUTHORIZATIONS = "Products", "Resale Authorizations"
SHARED_AUTHORIZATIONS = "Shared Resale Authorizations"
LISTS = (PRODUCTS, AUTHORIZATIONS, SHARED_AUTHORIZATIONS)
"""Values that are lists of AWS Marketplace, which are read and need no mapping."""
AVAILABLE = (*OBJECTS, *LISTS)
"""Values of the schedule's object for which there is something to run."""
_CURSOR = "schedule:"


@dataclass(frozen=True, slots=True)
class InForce:
    """The one schedule of an object that runs.

    Attributes:
        minutes: between two runs.
        inbound: whether AWS's side is looked at as well.
        next: when the next run is due, aware UTC.
        run: id of the last run, empty before the first.
        sweeping: the last run is still looking for what is due.
        let_out: what was queued by then goes out; None before the first run.
    """

    id: str
    name: str
    minutes: int
    inbound: bool
    next: datetime
    run: str = ""
    sweeping: bool = False
    let_out: datetime | None = None

    @classmethod
    def of(cls, row: Row, now: datetime) -> InForce:
        """Return what a row that was accepted just now says: it runs at once, or when its row says that it does."""
        minutes = int(row[Schedule.INTERVAL_MINUTES])
        told = row.get(Schedule.NEXT_RUN)
        latest = now + timedelta(minutes=minutes)
        due = min(latest, max(now, datetime.fromisoformat(told))) if told else now
        return cls(str(row["Id"]), str(row["Name"]), minutes, not row[Schedule.DISABLE_INBOUND], due)

    def says(self, row: Row) -> bool:
        """Whether the row still says what was accepted."""
        return (self.id, self.minutes, self.inbound) == (
            row["Id"],
            row[Schedule.INTERVAL_MINUTES],
            not row[Schedule.DISABLE_INBOUND],
        )


def scheduled_object(engine: Engine) -> str:
    """Return what a schedule calls the records that the engine works with."""
    return LEAD if engine.record_type == "lead" else OPPORTUNITY


def in_force_for(engine: Engine) -> InForce | None:
    """Return the schedule in force of the records that the engine works with, None if there is none."""
    return recall(engine, scheduled_object(engine))


def recall(engine: Engine, object_name: str) -> InForce | None:
    """Return the schedule in force of the object, None if there is none."""
    text = engine.state.cursors.get(_CURSOR + object_name)
    if text is None:
        return None
    known: dict[str, Any] = json.loads(text)
    let_out = known["let_out"]
    moments = {"next": datetime.fromisoformat(known["next"]), "let_out": let_out and datetime.fromisoformat(let_out)}
    return InForce(**known | moments)


def remember(engine: Engine, object_name: str, in_force: InForce) -> None:
    """Keep the schedule as the one in force of the object."""
    known = {name: getattr(in_force, name) for name in InForce.__slots__}
    known |= {"next": in_force.next.isoformat(), "let_out": in_force.let_out and in_force.let_out.isoformat()}
    engine.state.cursors.set(_CURSOR + object_name, json.dumps(known))


def forget(engine: Engine, object_name: str) -> None:
    """None is in force any more for the object."""
    engine.state.cursors.delete(_CURSOR + object_name)
