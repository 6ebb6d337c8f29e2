"""What happened, for Salesforce: sync logs and their details go to the outbox; the flush writes them by unique key.

Logging never breaks syncing: everything here only writes to the local state. A reason for which a record did not go out
is one open detail per record and reason, updated and not repeated, and closed when the reason is gone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from connector.errors import Problem
from connector.names import DETAIL_LOOKUPS, SYNC_LOG, SYNC_LOG_DETAIL, Detail, Log
from connector.store.links import Link
from connector.store.runs import Run
from connector.sync.engine import Engine
from connector.sync.problems import WAITING

TO_AWS, FROM_AWS = "To AWS", "From AWS"
OUTBOUND_RETRIEVAL = "Outbound File Retrieval"
INBOUND_FILES = "Inbound File Retrieval"
INBOUND_RECORDS = "Inbound Record Retrieval"
API_SUCCESS, PROCESSED, PARTIAL, ERROR = "API Success", "Processed", "Partial", "Error"
PENDING, HELD, RESOLVED = "Pending", "Held", "Resolved"
OPEN_STATUSES = ", ".join(f"'{status}'" for status in (ERROR, PENDING, HELD))

LONG_TEXT, SUMMARY_TEXT, RECORD_ID_LENGTH = 131_072, 255, 18
RUN_OPEN = timedelta(days=1)
"""How long a run's log may still change: until then, records of the run may be held or repeated."""

_UNTOLD: tuple[int | str, ...] = (0, 0, 0, "")
_TAKEN_BACK = "Not processed after all: Salesforce refused the values. The detail with status Error says why."
_STILL_OPEN = "Reasons from logs whose retention has ended; they are still open."
_WAITING = {
    "PENDING_NOT_SHARED": PENDING, WAITING: PENDING, "HELD_IN_REVIEW": HELD, "EXCLUDED_BY_RULE": HELD,
    "INVITATION_LAPSES": PENDING, "INVITATION_EXPIRED": HELD, "PENDING_INVITATION": HELD, "DECISION_NOT_SENT": HELD,
    "AWAITS_RESULT": PENDING, "STUCK_LOG": HELD,
    "NOT_DECIDED": PENDING, "RESULT_INCOMPLETE": HELD,
}  # fmt: skip


def start_run(engine: Engine, direction: str, purpose: str, *, parent: str = "", file_name: str = "") -> str:
    """Open a run: one sync log in Salesforce, which appears once there is something to say."""
    now = engine.now()
    run_id = f"{'out' if direction == TO_AWS else 'in'}-{now:%Y%m%dT%H%M%S}-{token_hex(4)}"
    engine.state.runs.start(
        run_id,
        now,
        direction=direction,
        purpose=purpose,
        object_name=engine.mapping.object_name,
        parent=parent,
        file_name=file_name,
    )
    return run_id


def log_call(engine: Engine, run_id: str, *, error: str = "", note: str = "") -> None:
    """Write the log of a run that only made a call (LOG-07, LOG-09, LOG-10)."""
    status = ERROR if error else API_SUCCESS
    _put_log(engine, run_id, {Log.STATUS: status, Log.MESSAGE: error or note or None})


def log_file(engine: Engine, run_id: str, *, error: str = "", note: str = "", file_name: str = "") -> None:
    """Record how sending or reading the run's file went: *API Success*, or *Error* with its text (LOG-11, LOG-14,
    LOG-15). The status stays while records of the file wait, then it follows from what became of them.
    """
    with engine.state.transaction():
        engine.state.runs.call(run_id, "Error" if error else "API Success", file_name=file_name)
        run = engine.state.runs.get(run_id)
        told = _counted(engine, run) if run else {}
        _put_log(engine, run_id, told | {Log.MESSAGE: error or note or None})


def end_file(engine: Engine, run_id: str, *, note: str | None = None) -> None:
    """Record what became of the run's file at last, by the outcomes of its records: none of them waits any more."""
    with engine.state.transaction():
        engine.state.runs.call(run_id, "")
        run = engine.state.runs.get(run_id)
        told = _counted(engine, run) if run else {}
        _put_log(engine, run_id, told | ({} if note is None else {Log.MESSAGE: note or None}))


def tell_file(engine: Engine, run_id: str, message: str) -> None:
    """Say something of the run's file on its log, without touching its status."""
    _put_log(engine, run_id, {Log.MESSAGE: message})


def log_success(
    engine: Engine,
    run_id: str,
    link: Link,
    payload: Mapping[str, Any],
    note: str = "",
    *,
    remaining: Iterable[Problem] = (),
    keep: Iterable[tuple[str, str]] = (),
) -> None:
    """Record that the record went through; the direction's reasons that were open for it are closed, but for those that
    remain, which are told anew, and those to keep as they are.
    """
    remaining = tuple(remaining)
    resolve(engine, link.record_id, run_id, keep=_names(remaining) | frozenset(keep))
    _put_detail(
        engine,
        f"{run_id}:{link.record_id}",
        run_id,
        link,
        {Detail.STATUS: PROCESSED, Detail.PAYLOAD: _payload(payload), Detail.ERROR_MESSAGE: note or None},
    )
    engine.state.runs.record(run_id, link.record_id, "success")
    for problem in remaining:
        note_problem(engine, run_id, link, problem)


def log_action(
    engine: Engine, run_id: str, link: Link, payload: Mapping[str, Any], note: str = "", *, fields: Collection[str]
) -> None:
    """Record that what a person asked for was done at AWS. Of the record's open reasons only those about these fields
    are closed: an action says nothing of the others.
    """
    kept = [one for one in engine.state.problems.open_for(link.record_id) if one.field not in fields]
    resolve(engine, link.record_id, run_id, keep=[(one.code, one.field) for one in kept])
    body = {Detail.STATUS: PROCESSED, Detail.PAYLOAD: _payload(payload), Detail.ERROR_MESSAGE: note or None}
    _put_detail(engine, f"{run_id}:{link.record_id}", run_id, link, body)
    engine.state.runs.record(run_id, link.record_id, "success")


def log_end(engine: Engine, run_id: str, link: Link, note: str, payload: Mapping[str, Any] | None = None) -> None:
    """Tell that the record's exchange with AWS is over for good, for no fault that anybody could mend: the detail is
    closed from the start, and counts neither as a success nor as an error of its run.
    """
    body: dict[str, Any] = {Detail.STATUS: RESOLVED, Detail.ERROR_MESSAGE: cut(note, LONG_TEXT)}
    body |= {Detail.PAYLOAD: _payload(payload)} if payload is not None else {}
    _put_detail(engine, f"{run_id}:{link.record_id}:end", run_id, link, body)


def withdraw_success(engine: Engine, run_id: str, link: Link) -> None:
    """Take back that the record went through: its values were refused, for reasons that have details of their own."""
    key = f"{run_id}:{link.record_id}"
    waiting = engine.state.outbox.get(SYNC_LOG_DETAIL, key)
    if waiting is not None and waiting.attempts == 0:
        engine.state.outbox.done(SYNC_LOG_DETAIL, key, waiting.body)
    elif engine.state.runs.outcome(run_id, link.record_id) == "success":
        _put(engine, SYNC_LOG_DETAIL, Detail.KEY, key, {Detail.STATUS: RESOLVED, Detail.ERROR_MESSAGE: _TAKEN_BACK})


def log_problems(
    engine: Engine, run_id: str, link: Link, problems: Iterable[Problem], payload: Mapping[str, Any] | None = None
) -> None:
    """Open, or bring up to date, one detail per problem; the direction's other open problems are closed."""
    problems = tuple(problems)
    with engine.state.transaction():
        resolve(engine, link.record_id, run_id, keep=_names(problems))
        for problem in problems:
            note_problem(engine, run_id, link, problem, payload)
        if not all(problem.code in _WAITING for problem in problems):
            engine.state.runs.record(run_id, link.record_id, "error")


def note_problem(
    engine: Engine, run_id: str, link: Link, problem: Problem, payload: Mapping[str, Any] | None = None
) -> None:
    """Open one detail beside others, without touching the record's outcome in its run."""
    known = engine.state.problems.raise_(link.record_id, problem.code, problem.field, engine.now(), log_key=run_id)
    _put_detail(engine, known.detail_key, run_id, link, _problem_body(problem, known.count, payload))


def _names(problems: Iterable[Problem]) -> frozenset[tuple[str, str]]:
    return frozenset((problem.code, problem.field) for problem in problems)


def resolve(engine: Engine, record_id: str, run_id: str = "", *, keep: Iterable[tuple[str, str]] = ()) -> None:
    """Close the record's open reasons, except those to keep; with a run, only those of the run's direction.

    What AWS sent successfully says nothing of why the record could not go out, and the reverse.
    """
    kept = set(keep)
    for known in engine.state.problems.open_for(record_id):
        if (known.code, known.field) in kept or _outward(known.log_key) is not _outward(run_id or known.log_key):
            continue
        engine.state.problems.close(known.detail_key, engine.now())
        _put(engine, SYNC_LOG_DETAIL, Detail.KEY, known.detail_key, {Detail.STATUS: RESOLVED, Detail.REPROCESS: False})


def move_reasons(engine: Engine, keys: Iterable[str], *, outward: bool) -> None:
    """Put open details below a log of their own, since theirs is about to go."""
    run_id = start_run(engine, *((TO_AWS, OUTBOUND_RETRIEVAL) if outward else (FROM_AWS, INBOUND_RECORDS)))
    _put_log(engine, run_id, {Log.STATUS: ERROR, Log.MESSAGE: _STILL_OPEN})
    for key in keys:
        _put(engine, SYNC_LOG_DETAIL, Detail.KEY, key, {Detail.LOG_REF: {Log.KEY: run_id}})


def adopt_reasons(engine: Engine) -> None:
    """Know again the reasons that a lost state left open in Salesforce: they are kept up and closed as ours."""
    details = engine.salesforce.query(
        f"SELECT {Detail.KEY}, {Detail.RECORD_ID}, {Detail.ERROR_CODE}, {Detail.RETRY_COUNT}, "  # noqa: S608 - our names
        f"{Detail.LOG_REF}.{Log.KEY} FROM {SYNC_LOG_DETAIL} WHERE {Detail.STATUS} IN ({OPEN_STATUSES})"
    )
    for one in details:
        if one[Detail.KEY] and one[Detail.RECORD_ID] and one[Detail.ERROR_CODE]:
            engine.state.problems.adopt(
                one[Detail.KEY],
                one[Detail.RECORD_ID],
                one[Detail.ERROR_CODE],
                engine.now(),
                log_key=str((one[Detail.LOG_REF] or {}).get(Log.KEY) or ""),
                count=int(one[Detail.RETRY_COUNT] or 0) + 1,
            )


def run_status(success: int, error: int) -> str:
    """Return the status of a run that sent or wrote records (LOG-12 to LOG-15)."""
    if error:
        return PARTIAL if success else ERROR
    return PROCESSED


def publish_runs(engine: Engine) -> None:
    """Put the logs of the runs that moved since they were last put; end those that nothing waits for any more."""
    for run in engine.state.runs.open_runs():
        standing = _standing(run)
        told = standing != _UNTOLD or engine.state.outbox.get(SYNC_LOG, run.run_id) is not None
        # The log of a mere call says how the call went.
        if told and run.purpose != INBOUND_FILES and engine.published.get(run.run_id) != standing:
            _put_log(engine, run.run_id, _counted(engine, run))
            engine.published[run.run_id] = standing
        if engine.now() - run.started_at > RUN_OPEN and not run.waiting:
            engine.state.runs.close(run.run_id, engine.now())
            engine.published.pop(run.run_id, None)


def _standing(run: Run) -> tuple[int | str, ...]:
    """Return what the run's log depends on. Records that wait for a file are no news before it went out."""
    return (run.success, run.error, run.waiting if run.call else 0, run.call)


def _counted(engine: Engine, run: Run) -> dict[str, Any]:
    status = _status(run)
    body: dict[str, Any] = {
        **({Log.STATUS: status} if status else {}),
        Log.RECORD_COUNT: run.success + run.error + run.waiting,
        Log.SUCCESS_COUNT: run.success,
        Log.ERROR_COUNT: run.error,
    }
    if run.direction == TO_AWS:
        body[Log.OUTBOUND_IDS] = cut("\n".join(_sent(engine, run.run_id)), LONG_TEXT)
    return body


def _status(run: Run) -> str:
    """Return the status of a run; empty while its file has not gone out. A file of which no record counts, because it
    could not be read or none of it is worked off, has the status of its reading.
    """
    if run.waiting or (run.call and not run.success + run.error):
        return run.call
    return run_status(run.success, run.error)


def _sent(engine: Engine, run_id: str) -> list[str]:
    """Return the ids of all records that went out, those that AWS refused in a file's result included (LOG-16)."""
    by_call = engine.state.runs.ids(run_id, outcome="success")
    return sorted({*by_call, *engine.state.uploads.record_ids(run_id)})


def _put_log(engine: Engine, run_id: str, body: dict[str, Any]) -> None:
    run = engine.state.runs.get(run_id) or _resumed(engine, run_id)
    fixed: dict[str, Any] = {
        Log.DIRECTION: run.direction,
        Log.PURPOSE: run.purpose,
        Log.OBJECT: run.object_name,
        Log.FILE_NAME: cut(run.file_name or run_id, SUMMARY_TEXT),
    }
    if run.parent:
        # The parent's own call may not have come to its end; without its log this one cannot be written.
        _put_log(engine, run.parent, {})
        fixed[Log.PARENT_REF] = {Log.KEY: run.parent}
    _put(engine, SYNC_LOG, Log.KEY, run_id, fixed | body)


def is_inward(run_id: str) -> bool:
    """Whether the run, or the reason that is below its log, is about what came from AWS."""
    return bool(run_id) and not _outward(run_id)


def _outward(run_id: str) -> bool:
    return run_id.startswith("out-")


def _resumed(engine: Engine, run_id: str) -> Run:
    """Open a run again that was forgotten while a record of it waited."""
    outward = _outward(run_id)
    return engine.state.runs.start(
        run_id,
        engine.now(),
        direction=TO_AWS if outward else FROM_AWS,
        purpose=OUTBOUND_RETRIEVAL if outward else INBOUND_RECORDS,
        object_name=engine.mapping.object_name,
    )


def _put_detail(engine: Engine, key: str, run_id: str, link: Link, body: dict[str, Any]) -> None:
    fixed: dict[str, Any] = {
        Detail.LOG_REF: {Log.KEY: run_id},
        Detail.RECORD_ID: link.record_id,
        Detail.APN_ID: link.apn_id,
    }
    lookup = DETAIL_LOOKUPS.get(link.object_name)
    # An invitation's id, which stands for a record that is yet to be made, has as many characters.
    is_record = len(link.record_id) == RECORD_ID_LENGTH and link.record_id.isalnum()
    if lookup and link.status != "tombstone" and is_record:
        fixed[lookup] = link.record_id
    # A detail without its log cannot be written, and a run of which all records wait has none yet.
    _put_log(engine, run_id, {})
    _put(engine, SYNC_LOG_DETAIL, Detail.KEY, key, fixed | {Detail.LAST_SEEN: _stamp(engine.now())} | body)


def _put(engine: Engine, object_name: str, key_field: str, key: str, body: dict[str, Any]) -> None:
    engine.state.outbox.put(object_name, key_field, key, body, engine.now())


def _problem_body(problem: Problem, count: int, payload: Mapping[str, Any] | None) -> dict[str, Any]:
    text = str(problem)
    return {
        Detail.STATUS: _WAITING.get(problem.code, ERROR),
        Detail.ERROR_CODE: problem.code[:80],
        Detail.ERROR_SUMMARY: cut(text, SUMMARY_TEXT),
        Detail.ERROR_MESSAGE: cut(text, LONG_TEXT),
        Detail.RETRY_COUNT: count - 1,
        **({Detail.PAYLOAD: _payload(payload)} if payload is not None else {}),
    }


def cut(text: str, length: int) -> str:
    """Return the text, visibly cut where it does not fit."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _payload(payload: Mapping[str, Any]) -> str:
    return cut(json.dumps(payload, ensure_ascii=False, indent=1, default=str), LONG_TEXT)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
