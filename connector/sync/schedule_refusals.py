"""Why a schedule is not honoured: every cause has words of its own, with the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.errors import ConfigError
from connector.mapping.describe import ObjectDescribe
from connector.mapping.fit import Surroundings, check_mapping, is_blocking
from connector.names import PermissionSets, Schedule
from connector.sync.engine import Engine
from connector.sync.exchange import going_live
from connector.sync.formulas import inspect_formula, try_over_ace
from connector.sync.ports import Row
from connector.sync.rights import schedulers
from connector.sync.schedule_memory import AVAILABLE, LEAD, LISTS, OBJECTS

LEAST_MINUTES, MOST_MINUTES = 5, 1440
UNMAPPED = "REQUIRED_UNMAPPED"


def refusals(engine: Engine, row: Row, sets: Mapping[str, set[str]], activated_by: str) -> tuple[str, ...]:
    """Return every reason why the schedule cannot be in force; none when it can.

    Args:
        engine: that of the opportunities, which knows the one of the leads; or the one of the schedule's records.
        row: the schedule.
        sets: permission sets by user id, of the activator and of the worker's own user.
        activated_by: id of the user who activated the schedule or changed it last.
    """
    return (
        *_of_interval(row),
        *_of_object(row),
        *_of_users(engine, sets, activated_by, str(row[Schedule.OBJECT])),
        *_of_records(engine, row),
        *_of_lists(engine, row),
    )


def _of_interval(row: Row) -> Iterator[str]:
    minutes = row[Schedule.INTERVAL_MINUTES]
    if minutes is None or minutes != int(minutes) or not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        yield (
            f"The interval is {'blank' if minutes is None else minutes}. Choose whole minutes from {LEAST_MINUTES} to "
            f"{MOST_MINUTES} (one day)."
        )


def _of_object(row: Row) -> Iterator[str]:
    if row[Schedule.OBJECT] not in AVAILABLE:
        yield (
            f"Schedules for {row[Schedule.OBJECT]} are not available yet: nothing would run. "
            f"Available is {', '.join(AVAILABLE)}."
        )


def _of_users(engine: Engine, sets: Mapping[str, set[str]], activated_by: str, object_name: str) -> Iterator[str]:
    wanted, worker = PermissionSets.INTEGRATION_USER, engine.salesforce.identity()
    if sets.get(activated_by, set()).isdisjoint(schedulers(object_name)):
        yield (
            f"It was activated by the user {activated_by}, who does not hold the permission set "
            f"{' or '.join(schedulers(object_name))}. "
            "Activate it as the integration user, or with `connector schedule activate`."
        )
    if worker.user_id != activated_by and wanted not in sets.get(worker.user_id, ()):
        yield (
            f"The user that the connector runs as, {worker.username}, does not hold the permission set {wanted}. "
            "Assign it, then activate the schedule again."
        )


def _of_records(engine: Engine, row: Row) -> Iterator[str]:
    """Yield what keeps the schedule's records from being exchanged: their mapping, and the settings about files."""
    if row[Schedule.OBJECT] not in OBJECTS:
        return
    ours = engine.leads if row[Schedule.OBJECT] == LEAD and engine.record_type != "lead" else engine
    if ours is None:
        yield (
            "No lead mapping is published, so that leads are not exchanged. Map status and currentLeadStage at least "
            "(`connector mapping automap --type lead` maps the packaged object) and publish the mapping with "
            "`connector mapping publish --type lead`."
        )
        return
    yield from _of_mapping(ours)
    yield from going_live.objections(ours, row)


def _of_lists(engine: Engine, row: Row) -> Iterator[str]:
    """Yield what keeps a list of AWS Marketplace from being read."""
    if row[Schedule.OBJECT] not in LISTS:
        return
    if not engine.sellers:
        yield (
            f"No seller account is configured, so that no {row[Schedule.OBJECT]} can be read. "
            "Add one [[aws.sellers]] per account to the connector's local configuration, then activate it again."
        )
    if row[Schedule.DISABLE_INBOUND]:
        yield (
            f"Disable Inbound is checked, but a schedule for {row[Schedule.OBJECT]} does nothing but read from AWS. "
            "Clear it."
        )


def _of_mapping(engine: Engine) -> Iterator[str]:
    found = check_mapping(
        engine.mapping, engine.catalogue, lambda name: described(engine, name), surroundings_of(engine)
    )
    problems = [problem for problem in found if is_blocking(problem)]
    required = [problem.field for problem in problems if problem.code == UNMAPPED]
    unmapped = [name for name in required if name not in engine.left_out]
    if unmapped:
        yield f"Fields that AWS requires are not mapped: {', '.join(unmapped)}. Map them and publish the mapping."
    if gone := [f"{name} ({engine.left_out[name]})" for name in required if name in engine.left_out]:
        yield (
            f"Fields that AWS requires are mapped to what does not work in the org any more: {', '.join(gone)}. "
            "`connector check` tells why. Restore the field or the access to it, or map another one."
        )
    for problem in problems:
        if problem.code != UNMAPPED:
            yield f"The mapping cannot work: {problem}"


def surroundings_of(engine: Engine) -> Surroundings:
    """Return what decides, besides describe and catalogue, whether the engine's mapping works: the connector's own
    fields (MAP-26), what the settings give new records, and whether formulas can be computed.
    """
    return Surroundings(
        names=engine.names,
        default_account=bool(engine.settings.default_account_id),
        default_opportunity=engine.record_type == "opportunity" and bool(engine.settings.default_opportunity_id),
        inspect=inspect_formula,
        compute=try_over_ace,
    )


def described(engine: Engine, object_name: str) -> ObjectDescribe | None:
    """Return the describe, None where the org does not show the object."""
    try:
        return engine.salesforce.describe(object_name)
    except ConfigError:
        return None
