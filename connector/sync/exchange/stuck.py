"""Files to which no result comes: they are told of, and released when an admin deletes their log (LOG-17, ELIG-21).

Nothing else sends their records again: AWS may have taken them, and a second file would create them twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import structlog

from connector.names import SYNC_LOG
from connector.store.queue import Item
from connector.store.uploads import Upload, UploadRecord
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.exchange import settlement
from connector.sync.exchange.in_flight import RELEASE, stuck_message
from connector.sync.exchange.recollection import recall_reasons
from connector.sync.queueing import enqueue_outbound

TROUBLE = "results of files"
BATCH = 400

log = structlog.get_logger(__name__)


def has_to_watch(engine: Engine) -> bool:
    """Whether the periodic job has anything to do, as far as the state alone tells: a file waits, or it was told of one
    that does not wait any more.
    """
    uploads = engine.state.uploads
    return uploads.oldest_unanswered() is not None or TROUBLE in engine.troubles or bool(uploads.recovered())


def watch_uploads(engine: Engine, _: Item) -> None:
    """Do the periodic job: look after the files of opportunities and leads that AWS has not answered. Costs no call
    while there are none.
    """
    find_released(engine)
    report_stuck(engine)


def find_released(engine: Engine) -> int:
    """Let the records go out again whose file's sync log an admin deleted; return how many files there were. Before
    anything else, the reasons are known again that a lost state left open.

    Retention and ``connector logs purge`` spare these logs, and a log that we merely cannot see is not deleted.
    """
    recall_reasons(engine)
    found = 0
    for uploads in _batches([one for one in engine.state.uploads.unanswered() if one.log_id]):
        there = engine.salesforce.rows(SYNC_LOG, [one.log_id for one in uploads], ("Id",))
        missing = [one for one in uploads if one.log_id not in there]
        gone = engine.salesforce.deleted(SYNC_LOG, [one.log_id for one in missing]) if missing else set()
        for upload in missing:
            if upload.log_id in gone:
                found += _release(engine, upload)
            else:
                _write_log_anew(engine, upload)
    return found


def report_stuck(engine: Engine) -> int:
    """Tell once of each file whose result has not come in time, on its log, and on the status page as long as that is
    so; return how many there are.
    """
    _tell_recovered(engine)
    minutes, now = engine.settings.files.result_wait_minutes, engine.now()
    before = now - timedelta(minutes=minutes)
    late = [one for one in engine.state.uploads.unanswered() if one.sent_at is not None and one.sent_at <= before]
    for upload in late:
        if upload.told_at is None:
            log.warning("no result of a file", file=upload.name, records=len(engine.state.uploads.records(upload.name)))
            with engine.state.transaction():
                logs.tell_file(engine, upload.run_id, _message(engine, upload))
                engine.state.uploads.told(upload.name, now)
    if late:
        engine.troubles[TROUBLE] = _trouble(late)
    else:
        engine.troubles.pop(TROUBLE, None)
    return len(late)


def _release(engine: Engine, upload: Upload) -> bool:
    owner = _engine_of(engine, upload)
    if owner is None:
        return False
    now = engine.now()
    with engine.state.transaction():
        records = [one for one in engine.state.uploads.records(upload.name) if one.outcome is None]
        settlement.release(owner, upload.name)
        # The run is over without an end: nothing may write the log that was deleted again.
        engine.state.runs.drop_waiting(upload.run_id)
        engine.state.runs.close(upload.run_id, now)
        run_id = logs.start_run(owner, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
        for record in records:
            _let_out(owner, record, run_id)
    log.warning("an admin released a file without a result", file=upload.name, records=len(records))
    return True


def _let_out(engine: Engine, record: UploadRecord, run_id: str) -> None:
    link = engine.state.links.get(record.record_id)
    if link is None:
        return
    if record.requested and not link.requested:
        link.requested = True
        engine.state.links.save(link)
    enqueue_outbound(engine, link, run_id)


def _engine_of(engine: Engine, upload: Upload) -> Engine | None:
    """Return the engine of the file's records; None for leads while no lead mapping is published: they wait for it."""
    return engine if upload.record_type == engine.record_type else engine.leads


def _write_log_anew(engine: Engine, upload: Upload) -> None:
    """The log left no trace, or is hidden from us: whoever wants to release the file needs one to delete."""
    with engine.state.transaction():
        engine.state.uploads.log_lost(upload.name)
        logs.log_file(engine, upload.run_id, note=_message(engine, upload) if upload.told_at else "")


def _tell_recovered(engine: Engine) -> None:
    for upload in engine.state.uploads.recovered():
        with engine.state.transaction():
            when = f"{upload.ended_at:%Y-%m-%d %H:%M} UTC" if upload.ended_at else "later"
            logs.tell_file(engine, upload.run_id, f"The result came after it had been missed; worked off {when}.")
            engine.state.uploads.untold(upload.name)


def _message(engine: Engine, upload: Upload) -> str:
    waiting = sum(one.outcome is None for one in engine.state.uploads.records(upload.name))
    return stuck_message(upload, records=waiting, minutes=engine.settings.files.result_wait_minutes)


def _trouble(late: Sequence[Upload]) -> str:
    names = ", ".join(one.name for one in late[:3]) + (f" and {len(late) - 3} more" if len(late) > 3 else "")
    since = late[0].sent_at
    return f"No result of {names}, the oldest sent {since:%Y-%m-%d %H:%M} UTC. {RELEASE}"


def _batches(uploads: Sequence[Upload]) -> Iterator[Sequence[Upload]]:
    return (uploads[start : start + BATCH] for start in range(0, len(uploads), BATCH))
