"""When AWS's side was looked at last. AWS tells nobody that a partner's exchange stands still, so the worker does, on
its status page (OPS-04).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.sync import schedules
from connector.sync.engine import Engine
from connector.sync.schedule_memory import in_force_for, scheduled_object

_LOOKED = "looked at AWS:"
_EXPORT = timedelta(hours=1)
"""How long AWS's next file may take; no silence is told before (OPS-07)."""


def note_look(engine: Engine) -> None:
    """Remember that a look at AWS's side of the engine's records worked, whether or not it found anything."""
    engine.state.meta.set(_LOOKED + engine.record_type, engine.now().isoformat())


@dataclass(frozen=True, slots=True)
class Silence:
    """What counts as too long.

    Attributes:
        hours: after which it is told; 0 for never.
        since: when this worker began: a standstill before it is not its own.
    """

    hours: float
    since: datetime

    def told(self, engine: Engine) -> Iterator[str]:
        """Yield one sentence for each type of record whose side at AWS nobody looked at for too long."""
        for one in (engine, engine.leads):
            if one is not None and self.hours and (told := self._of(one)):
                yield told

    def _of(self, engine: Engine) -> str:
        looked = engine.state.meta.get(_LOOKED + engine.record_type)
        in_force = in_force_for(engine)
        by_file = engine.channel == "files"
        if schedules.inbound_is_disabled(engine) or (by_file and in_force is None and looked is None):
            return ""
        last = max(self.since, datetime.fromisoformat(looked)) if looked else self.since
        allowed = timedelta(hours=self.hours)
        if by_file and in_force is not None:
            allowed = max(allowed, timedelta(minutes=in_force.minutes) + _EXPORT)
        if engine.now() - last <= allowed:
            return ""
        reason = f"No schedule for {scheduled_object(engine)} is active: activate one."
        return (
            f"Nothing was fetched from AWS for {scheduled_object(engine)} since {last:%Y-%m-%d %H:%M} UTC, which is "
            f"longer than [worker] quiet_hours = {self.hours:g} allows. "
            + (reason if by_file and in_force is None else "`connector check` tells what stands in the way.")
        )
