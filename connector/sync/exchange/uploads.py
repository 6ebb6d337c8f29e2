"""From what waits to files at AWS.

Entries are packed, and each file is kept with its name and bytes, and with the records in it, before the first attempt
to send it. It is then sent under that name until AWS certainly has it; another name is taken only where other bytes
certainly stand under the first. After a restart the files that were kept go on where they were.

Before it is packed, each record is asked for once more: what was deleted, or withdrawn by taking the flag away, does
not go out. What a file has taken up does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import structlog

from connector.ace.file_batches import Batch, pack
from connector.ace.file_fields import Version
from connector.ace.file_shape import FileRecord
from connector.errors import AuthFailed, ConfigError, ConnectorError, Deferred, DuplicateValue, Problem, RecordRejected
from connector.store.entries import Entry
from connector.store.links import Link
from connector.store.queue import Item
from connector.store.uploads import Upload
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.exchange.entries import queue_again, require_one_version, take_back
from connector.sync.exchange.going_live import require_alone
from connector.sync.exchange.versions import allowed_version, note_used
from connector.sync.failures import count_failure
from connector.sync.problems import WAITING, invisible, waiting
from connector.sync.queueing import UPLOAD, WRITE_LANE, enqueue_job
from connector.sync.writeback import bury

AT_ONCE = 1000
"""Entries that are packed in one go: their files are in memory together."""
AT_A_TURN = 100
"""Files that are sent in one turn of the job, which lasts less than a minute as a rule."""
LOOK = 200
_TRIED = "files:tried "
"""Fact of the state: the file that may be at AWS although nobody is sure, by type. Files go out one after another."""

_OUTDATED = (
    "This file was not sent: the settings for files were changed while it waited. Its records go out in another file."
)

log = structlog.get_logger(__name__)


def work_waits(engine: Engine) -> bool:
    """Whether anything of the engine's records waits for a file, or to be sent."""
    return bool(engine.state.entries.count(engine.record_type) or engine.state.uploads.to_send(engine.record_type, 1))


def perform_uploads(engine: Engine, item: Item) -> None:
    """Send what waits, some files at a time: requests of people and the worker's sign of life come in between.

    Raises:
        ConfigError: a setting without which no file is sent is missing; or the bucket is not the right one.
        Deferred: as many files as AWS takes in 24 hours were sent; the rest waits.
        AuthFailed, Retriable: the door's, to be repeated; what was done so far is kept.
    """
    if engine.channel == "api":
        return _give_way(engine)
    try:
        sent = _send_stored(engine, AT_A_TURN)
        while sent < AT_A_TURN and _pack(engine):
            sent += _send_stored(engine, AT_A_TURN - sent)
    except (Deferred, AuthFailed, ConfigError) as error:
        _tell_wait(engine, error)
        raise
    if sent >= AT_A_TURN:
        enqueue_job(engine, UPLOAD, WRITE_LANE, priority=item.priority)
    return None


def _give_way(engine: Engine) -> None:
    """The admin moved opportunities to the API: what certainly did not go out begins anew there; what may be at AWS is
    brought to its end, since nothing else of those records may go out before its result is known.
    """
    take_back(engine)
    uploads = engine.state.uploads
    while untried := [one for one in uploads.to_send(engine.record_type) if not _may_be_there(engine, one)]:
        for upload in untried:
            _unpack(engine, upload)
    _send_stored(engine, AT_A_TURN)


def _unpack(engine: Engine, upload: Upload) -> None:
    """The file does not go out: its records begin their turns anew."""
    with engine.state.transaction():
        records = engine.state.uploads.records(upload.name)
        _end(engine, upload)
        for entry in records:
            queue_again(engine, entry)


def _end(engine: Engine, upload: Upload) -> None:
    """No result of the file will come: the turns that waited for one go on."""
    records = engine.state.uploads.records(upload.name)
    engine.state.uploads.answered(upload.name, engine.now())
    for record in records:
        engine.state.queue.release(record.record_id, engine.now())


# --- packing


def _pack(engine: Engine) -> bool:
    """Make files of what waits, up to some thousand records; return whether there was anything."""
    if not engine.state.entries.waiting(engine.record_type, 1):
        return False
    version = allowed_version(engine)
    require_alone(engine)
    require_one_version(engine, version)
    entries = engine.state.entries.waiting(engine.record_type, AT_ONCE)
    for group in _groups(engine, _still_meant(engine, entries)):
        _store(engine, group, version)
    return bool(entries)


def _still_meant(engine: Engine, entries: Sequence[Entry]) -> list[Entry]:
    """Leave out the records that were deleted, hidden or withdrawn since."""
    kept: list[Entry] = []
    flag = engine.names.sync_with_aws
    for start in range(0, len(entries), LOOK):
        part = {entry.record_id: entry for entry in entries[start : start + LOOK]}
        rows = engine.salesforce.rows(engine.mapping.object_name, list(part), ("Id", flag))
        missing = [record_id for record_id in part if record_id not in rows]
        deleted = engine.salesforce.deleted(engine.mapping.object_name, missing) if missing else set()
        for record_id, entry in part.items():
            if record_id in rows and rows[record_id][flag]:
                kept.append(entry)
            else:
                _leave_out(engine, entry, deleted=record_id in deleted, seen=record_id in rows)
    return kept


def _leave_out(engine: Engine, entry: Entry, *, deleted: bool, seen: bool) -> None:
    with engine.state.transaction():
        engine.state.entries.drop(entry.record_id)
        link = engine.state.links.get(entry.record_id)
        if link is None:
            return
        if deleted:
            bury(engine, link)
        elif not seen:
            logs.log_problems(engine, entry.run_id, link, (invisible(link),))
        else:
            logs.resolve(engine, entry.record_id, entry.run_id)


def _groups(engine: Engine, entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Yield what is packed together: what one run found, whose log counts it together with what it refused (OUT-20).
    Runs of one record that refused nothing share files: edits that waited for AWS's review come one by one.
    """
    by_run: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda one: not one.requested):
        by_run.setdefault(entry.run_id, []).append(entry)
    singles: list[Entry] = []
    for run_id, group in by_run.items():
        if len(group) == 1 and not _has_refused(engine, run_id):
            singles += group
        else:
            yield group
    if singles:
        yield singles


def _has_refused(engine: Engine, run_id: str) -> bool:
    run = engine.state.runs.get(run_id)
    return run is not None and run.error > 0


def _store(engine: Engine, entries: Sequence[Entry], version: Version) -> None:
    """Keep the files of these records, and refuse those that fit none."""
    files = engine.settings.files
    by_partner = {entry.partner_id: entry for entry in entries}
    packed = pack(
        [FileRecord(entry.partner_id, entry.entry, {}) for entry in entries],
        engine.record_type,
        version=version,
        spms_id=files.partner_id,
        batch_size=files.batch_size,
    )
    for record, problem in packed.refused:
        _refuse(engine, by_partner[record.partner_id], problem)
    for batch in packed.batches:
        _keep(engine, batch, [by_partner[record.partner_id] for record in batch.records], version)


def _refuse(engine: Engine, entry: Entry, problem: Problem) -> None:
    with engine.state.transaction():
        engine.state.entries.drop(entry.record_id)
        link = _link(engine, entry)
        logs.log_problems(engine, entry.run_id, link, (problem,))
        count_failure(engine, link, entry.snapshot)


def _keep(engine: Engine, batch: Batch, entries: Sequence[Entry], version: Version) -> None:
    name = engine.exchange.new_name(engine.record_type)
    with engine.state.transaction():
        run_id = _run_for(engine, entries[0].run_id)
        engine.state.runs.call(run_id, "", file_name=name)
        upload = Upload(name=name, record_type=engine.record_type, run_id=run_id, body=batch.body)
        engine.state.uploads.store(upload, entries, engine.now())
        note_used(engine, version)


def _run_for(engine: Engine, run_id: str) -> str:
    """Return the run that found the records, whose log is then the file's; if it has a file already, or is over, a new
    one.
    """
    run = engine.state.runs.get(run_id)
    if run is not None and not run.file_name and run.ended_at is None:
        return run_id
    return logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)


def _link(engine: Engine, entry: Entry) -> Link:
    known = engine.state.links.get(entry.record_id)
    return known or Link(record_id=entry.record_id, object_name=engine.mapping.object_name, apn_id=entry.apn_id)


# --- sending


def _send_stored(engine: Engine, at_most: int) -> int:
    """Send files that are kept, the oldest first; return how many were looked at."""
    done = 0
    while done < at_most and (uploads := engine.state.uploads.to_send(engine.record_type, min(10, at_most - done))):
        for upload in uploads:
            if _may_be_there(engine, upload) or _fits_settings(engine, upload):
                _send(engine, upload)
            else:
                _unpack(engine, upload)
                logs.tell_file(engine, upload.run_id, _OUTDATED)
        done += len(uploads)
    return done


def _may_be_there(engine: Engine, upload: Upload) -> bool:
    """Whether an attempt to send the file may have arrived: then it is repeated as it is, whatever changed since."""
    return engine.state.meta.get(_TRIED + engine.record_type) == upload.name


def _fits_settings(engine: Engine, upload: Upload) -> bool:
    """Whether the file bears the Partner ID and the version that the settings name now (SET-14, SET-17).

    Raises:
        ConfigError: one of them is missing, or may not be sent.
    """
    version, content = allowed_version(engine), json.loads(upload.body)
    return (content["version"], content["spmsId"]) == (version, engine.settings.files.partner_id)


def _send(engine: Engine, upload: Upload) -> None:
    meta, mark = engine.state.meta, _TRIED + engine.record_type
    in_doubt = meta.get(mark) == upload.name
    meta.set(mark, upload.name)
    try:
        engine.exchange.submit(engine.record_type, upload.name, upload.body)
    except DuplicateValue:
        _rename(engine, upload)
    except RecordRejected as error:
        _give_up(engine, upload, error)
    except ConnectorError as error:
        if not (in_doubt or error.outcome_unknown):
            # It certainly is not there: should opportunities move to the API now, its records need not wait for it.
            meta.delete(mark)
        raise
    else:
        note_sent(engine, upload)


def _rename(engine: Engine, upload: Upload) -> None:
    """Other bytes certainly stand under the name: the file is sent under another one, at the end of this round."""
    name = engine.exchange.new_name(engine.record_type)
    with engine.state.transaction():
        engine.state.uploads.rename(upload.name, name)
        engine.state.runs.call(upload.run_id, "", file_name=name)
    log.warning("the name of a file was taken", name=upload.name, new_name=name)


def note_sent(engine: Engine, upload: Upload) -> None:
    """AWS has the file for certain: its log says so (LOG-15), and nothing is told any more of its having waited."""
    with engine.state.transaction():
        engine.state.uploads.sent(upload.name, engine.now())
        logs.log_file(engine, upload.run_id, file_name=upload.name)
        records = engine.state.uploads.records(upload.name)
        for record in records:
            known = engine.state.problems.open_for(record.record_id)
            if any(one.code == WAITING for one in known):
                kept = [(one.code, one.field) for one in known if one.code != WAITING]
                logs.resolve(engine, record.record_id, upload.run_id, keep=kept)
    log.info("file sent", name=upload.name, records=len(records))


def _give_up(engine: Engine, upload: Upload, error: RecordRejected) -> None:
    """The bucket does not take the file as it is: none of its records went out."""
    with engine.state.transaction():
        for record in engine.state.uploads.records(upload.name):
            link = _link(engine, record)
            logs.log_problems(engine, upload.run_id, link, error.problems)
            count_failure(engine, link, record.snapshot)
        _end(engine, upload)
        logs.log_file(engine, upload.run_id, error=str(error), file_name=upload.name)


# --- what waits


def _tell_wait(engine: Engine, error: Deferred | AuthFailed | ConfigError) -> None:
    """The files that do not go out say why on their logs, and each of their records has one detail, until they do."""
    problem = waiting(str(error), error)
    with engine.state.transaction():
        for upload in engine.state.uploads.to_send(engine.record_type, AT_ONCE):
            if isinstance(error, Deferred):
                logs.tell_file(engine, upload.run_id, str(error))
            else:
                logs.log_file(engine, upload.run_id, error=str(error), file_name=upload.name)
            _tell_records(engine, upload.run_id, engine.state.uploads.records(upload.name), problem)
    last = ""
    while entries := engine.state.entries.page(engine.record_type, last, AT_ONCE):
        with engine.state.transaction():
            for entry in entries:
                _tell_records(engine, entry.run_id, (entry,), problem)
        last = entries[-1].record_id


def _tell_records(engine: Engine, run_id: str, entries: Sequence[Entry], problem: Problem) -> None:
    for entry in entries:
        # Once: the trouble may last, and each attempt would write all of them anew.
        if not any(one.code == WAITING for one in engine.state.problems.open_for(entry.record_id)):
            logs.note_problem(engine, run_id, _link(engine, entry), problem)
