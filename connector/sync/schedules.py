"""Schedules: rows of ``ACE_Schedule__c`` that let the worker send what is due at an interval.

How a schedule composes with the admin's automatic switches: with ``Share Automatically`` and ``Update Automatically``
on, edits go out when they are seen, and a tick adds only a look over all flagged records. With a switch off, edits wait
on the queue's doorstep as *pending, not shared*, and each tick lets out what is due by then, as ``connector sync
outbound`` does. AWS's side is looked at by the worker's own sweeps in either case; a tick adds one, unless the schedule
disables inbound integration, which stops the worker's sweeps too for as long as the schedule is active (the first sweep
of a new state always happens, since without it nothing may be created at AWS, but then it only links what is ours).

Where files are exchanged (leads always, opportunities as the admin chose), nothing looks at AWS's side but the ticks:
each fetches the files that AWS wrote, unless the schedule disables inbound integration.

A schedule of one of the lists of AWS Marketplace lets each run read the list of every seller account anew; it sends
nothing, and needs no mapping.

Opportunities and leads have a schedule each, which know nothing of one another: a lead schedule lets out leads only.
Per object one schedule is in force. A row that is newly active, or was changed, is judged by who did it; it takes the
place of the one before, or is refused with the reason on the row. What is in force, and when its next run is due, is in
the state, so that it survives restarts; a new state reads it off the row again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connector.errors import RecordGone
from connector.mapping.model import RecordType
from connector.names import SCHEDULE, Schedule
from connector.store.queue import Item
from connector.sync import logs, queueing
from connector.sync.engine import TYPE, Engine, Priority
from connector.sync.exchange.stuck import find_released
from connector.sync.observe import sweep_due, sweep_is_unfinished
from connector.sync.ports import Row
from connector.sync.rights import EVERY_SCHEDULER, holders
from connector.sync.schedule_memory import (
    AVAILABLE,
    LISTS,
    RECORD_TYPES,
    InForce,
    forget,
    in_force_for,
    recall,
    remember,
    scheduled_object,
)
from connector.sync.schedule_refusals import refusals

TICK, LIST_TICK = "schedule-tick", "schedule-list-tick"
WAITING, RUNNING, REFUSED, DEACTIVATED = "Waiting", "Running", "Refused", "Deactivated"
SLICE = 2000
"""Flagged records that are looked at in one go, so that nothing else waits for long."""
_FIELDS = (
    "Id",
    "Name",
    Schedule.OBJECT,
    Schedule.INTERVAL_MINUTES,
    Schedule.ACTIVE,
    Schedule.DISABLE_INBOUND,
    Schedule.LAST_RUN,
    Schedule.NEXT_RUN,
    Schedule.STATUS,
    Schedule.MESSAGE,
    "LastModifiedDate",
    "LastModifiedById",
)
_ENDED = "The last run has ended; the sync logs say what was sent."
_LIST_ENDED = "The last run has ended; the Marketplace syncs say what was refreshed."
_DUE_POSITION = "due:"
_BEFORE_EDITS = Priority.EDIT - 5


def schedules_query(where: str = "") -> str:
    """Return the SOQL of the schedules that are active, or that the worker took for active."""
    condition = where or f"{Schedule.ACTIVE} = true OR {Schedule.STATUS} IN ('{WAITING}', '{RUNNING}')"
    return f"SELECT {', '.join(_FIELDS)} FROM {SCHEDULE} WHERE {condition} ORDER BY LastModifiedDate, Name"  # noqa: S608


def follow_schedules(engine: Engine, rows: Sequence[Row]) -> None:
    """Take over what people changed about the schedules of all objects, and write to the rows what became of it.

    Args:
        engine: that of the opportunities, which knows the one of the leads.
        rows: the answer to :func:`schedules_query`.
    """
    _follow(engine, rows, _objects(rows))


def _follow(engine: Engine, rows: Sequence[Row], objects: Iterable[str]) -> None:
    sets = _assigned(engine, rows)
    chosen: dict[str, InForce | None] = {}
    told: list[Row] = []
    for name in objects:
        chosen[name], news = _choose(engine, [row for row in rows if row[Schedule.OBJECT] == name], sets)
        told += news
    _write(engine, told)
    for name, in_force in chosen.items():
        # After the write: a process that ends in between judges the rows anew.
        if in_force is None:
            forget(engine, name)
        else:
            remember(engine, name, in_force)


def _objects(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*AVAILABLE, *(str(row[Schedule.OBJECT]) for row in rows))))


def _assigned(engine: Engine, rows: Sequence[Row]) -> dict[str, set[str]]:
    """Return who holds which set that lets people schedule, of those whose right decides; no call without a need."""
    new = [row for row in rows if row[Schedule.ACTIVE] and not _is_in_force(engine, row)]
    if not new:
        return {}
    users = {engine.salesforce.identity().user_id, *(str(row["LastModifiedById"]) for row in new)}
    return holders(engine.salesforce, users, EVERY_SCHEDULER)


def _is_in_force(engine: Engine, row: Row) -> bool:
    known = recall(engine, str(row[Schedule.OBJECT]))
    return known is not None and known.says(row)


def _choose(engine: Engine, rows: Sequence[Row], sets: dict[str, set[str]]) -> tuple[InForce | None, list[Row]]:
    """Return the schedule in force of one object, and what its rows are to say that they do not say yet."""
    told = [_deactivated(row, None) for row in rows if not row[Schedule.ACTIVE]]
    active = [row for row in rows if row[Schedule.ACTIVE]]
    winner: InForce | None = None
    for row in sorted(active, key=lambda row: (not _is_in_force(engine, row), *_age(row)), reverse=True):
        if winner is not None:
            told.append(_deactivated(row, f"Replaced by {winner.name}, which was activated later."))
        elif _is_in_force(engine, row):
            winner = recall(engine, str(row[Schedule.OBJECT]))
            told += _finished(engine, winner, row) if winner is not None else []
        elif reasons := refusals(engine, row, sets, str(row["LastModifiedById"])):
            told.append(_refused(row, reasons))
        else:
            winner = _in_force(engine, row)
            told.append(_accepted(winner, row))
    return winner, told


def _in_force(engine: Engine, row: Row) -> InForce:
    """Return what an accepted row says; a change to the schedule in force leaves its run alone."""
    told, known = InForce.of(row, engine.now()), recall(engine, str(row[Schedule.OBJECT]))
    if known is None or known.id != told.id:
        return told
    return replace(known, minutes=told.minutes, inbound=told.inbound, next=told.next)


def _age(row: Row) -> tuple[str, str]:
    return str(row["LastModifiedDate"]), str(row["Name"])


def _deactivated(row: Row, why: str | None) -> Row:
    return {
        "Id": row["Id"],
        Schedule.ACTIVE: False,
        Schedule.STATUS: DEACTIVATED,
        Schedule.NEXT_RUN: None,
        Schedule.MESSAGE: why,
    }


def _refused(row: Row, reasons: Iterable[str]) -> Row:
    return _deactivated(row, "\n".join(reasons)) | {Schedule.STATUS: REFUSED}


def _accepted(winner: InForce, row: Row) -> Row:
    return {
        "Id": winner.id,
        Schedule.STATUS: RUNNING if row[Schedule.STATUS] == RUNNING else WAITING,
        Schedule.NEXT_RUN: _text(winner.next),
        Schedule.MESSAGE: None,
    }


def _finished(engine: Engine, in_force: InForce, row: Row) -> list[Row]:
    """Return what the row of a schedule is to say whose run has come to its end."""
    name = str(row[Schedule.OBJECT])
    if row[Schedule.STATUS] != RUNNING or in_force.sweeping:
        return []
    if name in LISTS:
        return [] if _list_under_way(engine, in_force, name) else [_told_end(in_force, _LIST_ENDED)]
    return [] if _under_way(engine, in_force, RECORD_TYPES[name]) else [_told_end(in_force, _ENDED)]


def _told_end(in_force: InForce, message: str) -> Row:
    return {"Id": in_force.id, Schedule.STATUS: WAITING, Schedule.MESSAGE: message}


def _write(engine: Engine, rows: Sequence[Row]) -> None:
    """Write to the rows; one that was deleted meanwhile needs nothing."""
    for outcome in engine.salesforce.update(SCHEDULE, rows) if rows else ():
        if outcome.error is not None and not isinstance(outcome.error, RecordGone):
            raise outcome.error


def is_due(engine: Engine) -> bool:
    """Whether a tick of the engine's schedule has something to do: the time has come and the run before has ended.
    Costs no call.
    """
    in_force = in_force_for(engine)
    if in_force is None:
        return False
    return in_force.sweeping or (_has_come(engine, in_force) and not _under_way(engine, in_force, engine.record_type))


def _has_come(engine: Engine, in_force: InForce) -> bool:
    """Whether the next run's time is there; one that lies farther ahead than an interval was set by a clock that was
    set back since.
    """
    return not timedelta() < in_force.next - engine.now() <= timedelta(minutes=in_force.minutes)


def _under_way(engine: Engine, in_force: InForce, of: RecordType) -> bool:
    """Whether something of that type which the last run let out is about to be sent. What was put off for later does
    not count.
    """
    return any(one.payload.get(TYPE, "opportunity") == of for one in _let_out(engine, in_force, queueing.OUTBOUND))


def _list_under_way(engine: Engine, in_force: InForce, name: str) -> bool:
    """Whether an account's list is about to be read because of the last run."""
    return any(one.payload["list"] == name for one in _let_out(engine, in_force, queueing.LIST))


def _let_out(engine: Engine, in_force: InForce, kind: str) -> Iterator[Item]:
    now, let_out = engine.now(), in_force.let_out
    if let_out is None:
        return iter(())
    items = [*engine.state.queue.list("leased"), *engine.state.queue.list("waiting", 1000)]
    return (one for one in items if one.kind == kind and one.created_at <= let_out and one.retry_at <= now)


def _look(engine: Engine) -> str:
    """Return the job that looks at AWS's side."""
    return queueing.RETRIEVE if engine.channel == "files" else queueing.MODIFIED_SWEEP


def tick(engine: Engine, _: Item) -> None:
    """Run the engine's schedule that is due, if people left it in force: look over all flagged records, a slice at a
    time.

    A run that takes longer than the interval is not joined by a second one, and runs that were missed are not made up
    for: the next one is due an interval after the last began, or when that has ended.
    """
    name = scheduled_object(engine)
    rows = list(engine.salesforce.query(schedules_query()))
    _follow(engine, [row for row in rows if row[Schedule.OBJECT] == name], [name])
    if not is_due(engine):
        return
    in_force = in_force_for(engine)
    assert in_force is not None, "it is due"
    if not in_force.sweeping:
        if engine.channel == "files":
            find_released(engine)  # their records are part of this run
        in_force = _begin(engine, in_force)
    sweep_due(engine, in_force.run, at_most=SLICE)
    unfinished = sweep_is_unfinished(engine)
    with engine.state.transaction():
        remember(engine, name, replace(in_force, sweeping=unfinished, let_out=engine.now()))
        if unfinished:
            queueing.enqueue_job(engine, TICK, priority=_BEFORE_EDITS)
        elif in_force.inbound:
            queueing.enqueue_job(engine, _look(engine))
            if engine.channel == "files":
                queueing.enqueue_results(engine)


def due_lists(engine: Engine) -> tuple[str, ...]:
    """Return the lists of AWS Marketplace that a schedule lets be read now. Costs no call."""
    known = {name: in_force for name in LISTS if (in_force := recall(engine, name)) is not None}
    due = (name for name, one in known.items() if _has_come(engine, one) and not _list_under_way(engine, one, name))
    return tuple(due)


def tick_lists(engine: Engine, _: Item) -> None:
    """Run the schedules of lists that are due, if people left them in force: queue each seller account's list."""
    rows = list(engine.salesforce.query(schedules_query()))
    _follow(engine, [row for row in rows if row[Schedule.OBJECT] in LISTS], LISTS)
    for name in due_lists(engine):
        in_force = recall(engine, name)
        assert in_force is not None, "it is due"
        begun = _planned(engine, in_force)
        _tell_run(engine, begun)
        with engine.state.transaction():
            for account in engine.sellers:
                queueing.enqueue_list(engine, account, name)
            remember(engine, name, replace(begun, let_out=engine.now()))


def _planned(engine: Engine, in_force: InForce) -> InForce:
    """Return the schedule whose run begins now, with the time of the next one."""
    return replace(in_force, next=engine.now() + timedelta(minutes=in_force.minutes))


def _tell_run(engine: Engine, begun: InForce) -> None:
    told = {
        "Id": begun.id,
        Schedule.STATUS: RUNNING,
        Schedule.LAST_RUN: _text(engine.now()),
        Schedule.NEXT_RUN: _text(begun.next),
    }
    _write(engine, [told])


def _begin(engine: Engine, in_force: InForce) -> InForce:
    run_id = logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    begun = replace(_planned(engine, in_force), run=run_id, sweeping=True)
    _tell_run(engine, begun)
    with engine.state.transaction():
        engine.state.cursors.set(_DUE_POSITION + engine.mapping.object_name, "")
        remember(engine, scheduled_object(engine), begun)
    return begun


@contextmanager
def let_out(engine: Engine, item: Item) -> Iterator[None]:
    """Send a turn that was queued by the time of the last tick of its schedule as if the automatic switches were on."""
    in_force = in_force_for(engine)
    settings = engine.settings
    if in_force is not None and in_force.let_out is not None and item.created_at <= in_force.let_out:
        engine.settings = replace(settings, share_automatically=True, update_automatically=True)
    try:
        yield
    finally:
        engine.settings = settings


def inbound_is_disabled(engine: Engine) -> bool:
    """Whether the schedule in force of the engine's records keeps the worker from looking at AWS's side."""
    in_force = in_force_for(engine)
    return in_force is not None and not in_force.inbound


def deactivate_all(engine: Engine, why: str) -> int:
    """Switch all active schedules off, on the rows and here; return how many there were."""
    rows = list(engine.salesforce.query(schedules_query(f"{Schedule.ACTIVE} = true")))
    _write(engine, [_deactivated(row, why) for row in rows])
    for name in AVAILABLE:
        forget(engine, name)
    return len(rows)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
