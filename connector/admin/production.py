"""``connector check --production``: AWS's checklist for going to production, each step as it stands (OPS-15).

What the connector can find out is computed anew each time. What only people know, they confirm with
``--production --confirm STEP``; who did and when stays in the state, which belongs to one org and catalog.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from connector.admin.check_lines import Line
from connector.errors import ConfigError, ConnectorError, Refused
from connector.names import SCHEDULE, Schedule
from connector.service.exchange_setup import is_live
from connector.service.runtime import Runtime, catalog_of, current_settings
from connector.sync.settings import SyncSettings

State = Literal["complete", "to confirm", "open", "not needed"]
_STEPS = {
    "onboarding": "Onboarding: AWS accepts the connector's credentials",
    "install": "Install and configure the connector",
    "mapping": "Map fields and values",
    "schedules": "Activate schedules (optional)",
    "dummy": "Send a dummy opportunity",
    "support": "AWS support confirms the dummy opportunity; reject or remove it",
    "backfill": "Bring over existing records (optional)",
    "activate": "Activate in production",
}
_HOW = {
    "dummy": "Create an opportunity that everybody recognises as a test, and share it in production.",
    "support": "Ask AWS support, through Partner Central, to confirm that it arrived; have it rejected, and take the "
    "record out of the sync.",
    "schedules": "None is active. Activate one with `connector schedule activate`, or confirm that none is wanted.",
    "backfill": "`connector backfill` brings over what exists on both sides. Confirm that it is done, or not wanted.",
}
_CONFIRMED = "checklist:"
CONFIRMABLE = tuple(_HOW)
"""Steps that people may confirm; all others are computed."""


@dataclass(frozen=True, slots=True)
class ProductionStep:
    """One step of the checklist and how it stands."""

    number: int
    key: str
    name: str
    state: State
    message: str


def production_steps(runtime: Runtime, lines: Sequence[Line]) -> list[ProductionStep]:
    """Return the eight steps. The last is complete only after all others.

    Args:
        runtime: open.
        lines: what ``connector check`` found.
    """
    found = dict(_computed(runtime, lines))
    open_ = [key for key, (state, _) in found.items() if state in ("open", "to confirm")]
    if open_ and found["activate"][0] == "complete":
        found["activate"] = ("open", f"Finish these steps first: {', '.join(open_)}.")
    return [
        ProductionStep(number, key, name, *found[key]) for number, (key, name) in enumerate(_STEPS.items(), start=1)
    ]


def confirm_step(runtime: Runtime, key: str, by: str) -> None:
    """Remember that a person says that the step is done.

    Raises:
        ConfigError: there is no such step.
        Refused: the step is computed.
    """
    if key not in _STEPS:
        raise ConfigError(f"There is no step {key!r}. These can be confirmed: {', '.join(CONFIRMABLE)}.")
    if key not in CONFIRMABLE:
        raise Refused(f"The step {key} is computed and not confirmed: do what its message says. ({_STEPS[key]})")
    runtime.state.meta.set(_CONFIRMED + key, json.dumps({"by": by, "at": runtime.clock.now().isoformat()}))


def _computed(runtime: Runtime, lines: Sequence[Line]) -> Iterator[tuple[str, tuple[State, str]]]:
    yield "onboarding", _of_lines([one for one in lines if _is_connection(one)])
    yield "install", _of_lines([one for one in lines if not _is_connection(one) and not _is_mapping(one)])
    yield "mapping", _of_lines([one for one in lines if _is_mapping(one)])
    settings = _settings(runtime)
    schedules = _active_schedules(runtime) if settings else []
    yield "schedules", _schedules(runtime, schedules)
    yield "dummy", _dummy(runtime, settings)
    yield "support", _by_person(runtime, "support", "to confirm")
    yield "backfill", _by_person(runtime, "backfill", "to confirm")
    yield "activate", _activated(runtime, settings, schedules)


def _is_connection(line: Line) -> bool:
    return line.integration == "Partner Central" or line.name.endswith(" folders") or line.name == "connection"


def _is_mapping(line: Line) -> bool:
    return line.integration == "Salesforce" and line.name.endswith("mapping")


def _of_lines(lines: Sequence[Line]) -> tuple[State, str]:
    if not lines:
        return "open", "It could not be looked at, because an earlier check failed."
    failed = [f"{one.integration}: {one.name}: {one.message}" for one in lines if not one.ok]
    warned = [f"{one.integration}: {one.name}" for one in lines if one.ok and one.warning]
    if failed:
        return "open", "\n".join(failed)
    return "complete", f"See the warnings of `connector check`: {', '.join(warned)}." if warned else ""


def _settings(runtime: Runtime) -> SyncSettings | None:
    try:
        return current_settings(runtime.salesforce)
    except ConnectorError:
        return None  # a line of the check says why


def _active_schedules(runtime: Runtime) -> list[str]:
    soql = f"SELECT Name FROM {SCHEDULE} WHERE {Schedule.ACTIVE} = true ORDER BY Name"  # noqa: S608 - our own names
    return [str(row["Name"]) for row in runtime.salesforce.query(soql)]


def _schedules(runtime: Runtime, active: Sequence[str]) -> tuple[State, str]:
    if active:
        return "complete", f"Active: {', '.join(active)}."
    state, message = _by_person(runtime, "schedules", "to confirm")
    return ("not needed" if state == "complete" else state), message


def _dummy(runtime: Runtime, settings: SyncSettings | None) -> tuple[State, str]:
    if settings is None or not _works_live(runtime, settings):
        return "open", f"The connector does not work with production yet. {_HOW['dummy']}"
    if any(link.apn_id for link in runtime.state.links.iterate()):
        return "complete", "AWS gave identifiers to records of this org."
    return _by_person(runtime, "dummy", "open")


def _by_person(runtime: Runtime, key: str, otherwise: State) -> tuple[State, str]:
    kept = runtime.state.meta.get(_CONFIRMED + key)
    if kept is None:
        return otherwise, f"{_HOW[key]} Then: connector check --production --confirm {key}"
    known = json.loads(kept)
    return "complete", f"Confirmed by {known['by']} at {known['at'][:16].replace('T', ' ')} UTC."


def _works_live(runtime: Runtime, settings: SyncSettings) -> bool:
    return is_live(is_sandbox=runtime.salesforce.identity().is_sandbox, catalog=catalog_of(settings))


def _activated(runtime: Runtime, settings: SyncSettings | None, schedules: Sequence[str]) -> tuple[State, str]:
    if settings is None:
        return "open", "The settings could not be read."
    if not _works_live(runtime, settings):
        return "open", "Use the production org and the catalog AWS: this is a sandbox org, or the catalog Sandbox."
    ways = [*schedules]
    ways += ["Share Automatically"] if settings.share_automatically else []
    ways += ["Update Automatically"] if settings.update_automatically else []
    told = f"Records go out by {', '.join(ways)}." if ways else "Records go out when a user asks for it."
    return "complete", told
