"""``connector schedule``: the schedules in Salesforce."""

from __future__ import annotations

from typing import Annotated

import typer

from connector.admin.context import JsonFlag, open_runtime, who
from connector.admin.output import people, print_json, print_table
from connector.errors import ConfigError, Refused
from connector.names import SCHEDULE, PermissionSets, Schedule
from connector.sync.engine import Engine
from connector.sync.exchange.going_live import confirm_count
from connector.sync.ports import Row
from connector.sync.rights import holders, is_id
from connector.sync.schedule_memory import LEAD
from connector.sync.schedule_refusals import refusals
from connector.sync.schedules import DEACTIVATED, deactivate_all, schedules_query

schedule_app = typer.Typer(no_args_is_help=True, help="The schedules in Salesforce (ACE_Schedule__c).")
Name = Annotated[str, typer.Argument(help="Name of a schedule, such as SCH-0001, or its id (18 characters).")]
_COLUMNS = {
    "Name": "Schedule",
    Schedule.OBJECT: "Object",
    Schedule.INTERVAL_MINUTES: "Minutes",
    Schedule.ACTIVE: "Active",
    Schedule.DISABLE_INBOUND: "No inbound",
    Schedule.STATUS: "Status",
    Schedule.LAST_RUN: "Last run",
    Schedule.NEXT_RUN: "Next run",
    Schedule.MESSAGE: "Message",
}


@schedule_app.command("list")
def list_(*, as_json: JsonFlag = False) -> None:
    """List all schedules, active or not."""
    with open_runtime(exclusive=False) as runtime:
        rows = list(runtime.salesforce.query(schedules_query("Id != null")))
    shown = [{name: row.get(name) for name in ("Id", *_COLUMNS)} for row in rows]
    if as_json:
        print_json(shown)
    else:
        print_table(people(), "", tuple(_COLUMNS.values()), [[one[name] for name in _COLUMNS] for one in shown])


@schedule_app.command("activate")
def activate(
    name: Name,
    *,
    confirm_objects: Annotated[
        int | None,
        typer.Option(
            "--confirm-objects",
            min=0,
            help="So many objects lie in the ACE bucket before the first schedule, and are to be worked off.",
        ),
    ] = None,
) -> None:
    """Activate a schedule as the integration user, which replaces the active one of the same object.

    It is refused when the interval is out of range, required fields are not mapped, or the user that the connector runs
    as lacks the permission set; where records travel as files, also when a setting for files is missing, or objects lie
    in the bucket that nobody confirmed. The worker runs it at once and then at its interval.
    """
    with open_runtime(exclusive=False) as runtime:
        engine = runtime.engine()
        row = _find(engine, name)
        if confirm_objects is not None:
            confirm_count(_of_files(engine, row), who(), confirm_objects)
        reasons = refusals(engine, row, _own_sets(engine), engine.salesforce.identity().user_id)
        if reasons:
            raise Refused(f"{row['Name']} cannot be activated. {' '.join(reasons)}")
        _update(engine, {"Id": row["Id"], Schedule.ACTIVE: True, Schedule.NEXT_RUN: None, Schedule.MESSAGE: None})
    people().print(f"{row['Name']} is active; the worker takes it over at its next look.")


@schedule_app.command("deactivate")
def deactivate(
    name: Annotated[str, typer.Argument(help="Name or id of a schedule; leave it out with --all.")] = "",
    *,
    every: Annotated[bool, typer.Option("--all", help="All active schedules.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation of --all.")] = False,
) -> None:
    """Deactivate one schedule, or all."""
    if every is bool(name):
        raise ConfigError("Name one schedule, or give --all.")
    if every and not yes:
        typer.confirm("Deactivate all active schedules?", abort=True)
    with open_runtime(exclusive=False) as runtime:
        engine = runtime.engine()
        count = deactivate_all(engine, "Deactivated by command.") if every else _deactivate(engine, name)
    people().print(f"{count} deactivated.")


def _of_files(engine: Engine, row: Row) -> Engine:
    """Return the engine of the schedule's records. Raises ConfigError where they do not travel as files."""
    ours = engine.leads if row[Schedule.OBJECT] == LEAD else engine
    if ours is None or ours.channel != "files":
        raise ConfigError(
            f"{row['Name']} is for {row[Schedule.OBJECT]}: no mapping of these is published, or they do not travel "
            "through the bucket. Leave out --confirm-objects."
        )
    return ours


def _deactivate(engine: Engine, name: str) -> int:
    row = _find(engine, name)
    if row[Schedule.ACTIVE]:
        told = {Schedule.ACTIVE: False, Schedule.STATUS: DEACTIVATED, Schedule.NEXT_RUN: None}
        _update(engine, {"Id": row["Id"], **told, Schedule.MESSAGE: "Deactivated by command."})
    return int(bool(row[Schedule.ACTIVE]))


def _find(engine: Engine, name: str) -> Row:
    if not name.replace("-", "").isalnum() or not name.isascii():
        raise ConfigError(f"{name!r} is no name of a schedule. List the schedules for the names that exist.")
    where = f"Id = '{name}'" if is_id(name) else f"Name = '{name}'"
    rows = list(engine.salesforce.query(schedules_query(where)))
    if not rows:
        raise Refused(f"There is no schedule {name}. List the schedules for the names that exist.")
    return rows[0]


def _own_sets(engine: Engine) -> dict[str, set[str]]:
    user = engine.salesforce.identity().user_id
    return holders(engine.salesforce, [user], [PermissionSets.INTEGRATION_USER])


def _update(engine: Engine, row: Row) -> None:
    error = engine.salesforce.update(SCHEDULE, [row])[0].error
    if error is not None:
        raise error
