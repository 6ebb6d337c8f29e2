"""Why a schedule is not honoured: every cause has words of its own, with the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.errors import ConfigError
from connector.mapping.describe import ObjectDescribe
from connector.mapping.fit import check_mapping, is_blocking
from connector.names import PermissionSets, Schedule
from connector.sync.engine import Engine
from connector.sync.ports import Row
from connector.sync.schedule_memory import OBJECTS

LEAST_MINUTES, MOST_MINUTES = 5, 1440
UNMAPPED = "REQUIRED_UNMAPPED"


def refusals(engine: Engine, row: Row, sets: Mapping[str, set[str]], activated_by: str) -> tuple[str, ...]:
    """Return every reason why the schedule cannot be in force; none when it can.

    Args:
        row: the schedule.
        sets: permission sets by user id, of the activator and of the worker's own user.
        activated_by: id of the user who activated the schedule or changed it last.
    """
    return (*_of_interval(row), *_of_object(row), *_of_users(engine, sets, activated_by), *_of_mapping(engine, row))


def _of_interval(row: Row) -> Iterator[str]:
    minutes = row[Schedule.INTERVAL_MINUTES]
    if minutes is None or minutes != int(minutes) or not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        yield (
            f"The interval is {'blank' if minutes is None else minutes}. Choose whole minutes from {LEAST_MINUTES} to "
            f"{MOST_MINUTES} (one day)."
        )


def _of_object(row: Row) -> Iterator[str]:
    if row[Schedule.OBJECT] not in OBJECTS:
        yield (
            f"{row[Schedule.OBJECT]} has no mapping: schedules for it are not available yet. "
            f"Available is {', '.join(OBJECTS)}."
        )


def _of_users(engine: Engine, sets: Mapping[str, set[str]], activated_by: str) -> Iterator[str]:
    wanted, worker = PermissionSets.INTEGRATION_USER, engine.salesforce.identity()
    if wanted not in sets.get(activated_by, ()):
        yield (
            f"It was activated by the user {activated_by}, who does not hold the permission set {wanted}. "
            "Activate it as the integration user, or with `connector schedule activate`."
        )
    if worker.user_id != activated_by and wanted not in sets.get(worker.user_id, ()):
        yield (
            f"The user that the connector runs as, {worker.username}, does not hold the permission set {wanted}. "
            "Assign it, then activate the schedule again."
        )


def _of_mapping(engine: Engine, row: Row) -> Iterator[str]:
    if row[Schedule.OBJECT] not in OBJECTS:
        return
    problems = [
        problem
        for problem in check_mapping(engine.mapping, engine.catalogue, lambda name: described(engine, name))
        if is_blocking(problem)
    ]
    unmapped = [problem.field for problem in problems if problem.code == UNMAPPED]
    if unmapped:
        yield f"Fields that AWS requires are not mapped: {', '.join(unmapped)}. Map them and publish the mapping."
    for problem in problems:
        if problem.code != UNMAPPED:
            yield f"The mapping cannot work: {problem}"


def described(engine: Engine, object_name: str) -> ObjectDescribe | None:
    """Return the describe, None where the org does not show the object."""
    try:
        return engine.salesforce.describe(object_name)
    except ConfigError:
        return None
