"""Files of AWS: looked for with each run of a schedule, read, worked off record by record, and deleted at last.

AWS announces nothing, so that the folder is listed (S3-19). A file is deleted only when each of its records has come to
an end that the log tells, and what they bring stands in Salesforce (IN-19). A file that cannot be read stays where it
is, and is told once: it is not read again before AWS replaces it, or an admin asks for it (S3-27).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from connector.ace.export_shape import Export, ExportedRecord, read_export, unknown_keys
from connector.ace.file_fields import RecordType
from connector.ace.file_json import UnreadableFileError
from connector.errors import ConfigError, ConnectorError, Deferred, RecordGone, RecordRejected, StaleRecord
from connector.names import FileSettings
from connector.store.codec import dump
from connector.store.downloads import Arrived, Download, NewArrival
from connector.store.queue import Item
from connector.sync import logs, queueing
from connector.sync.engine import TYPE, Engine
from connector.sync.exchange.arrivals import enqueue_file
from connector.sync.exchange.deadlines import remind
from connector.sync.exchange.going_live import note_fetched
from connector.sync.exchange.last_words import NO_FILE
from connector.sync.exchange.versions import note_seen
from connector.sync.flush import flush_logs
from connector.sync.log_storage import require_room
from connector.sync.ports import BucketFile
from connector.sync.writeback import flush

SLICE = 500
"""Records that are queued in one transaction, so that nobody waits long for the state."""
_LOOK, _READING = "retrieval-run:", "file-run:"
"""Cursors that keep the run of an attempt for the next one."""
_SHOWN = 20
_SOON = timedelta(minutes=1)
_NOT_RETRIEVED = "The file could not be retrieved: "
_UNREADABLE = "The file was retrieved, but it cannot be read: "

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of the bucket as it was listed; satisfies :class:`connector.sync.ports.BucketFile`."""

    key: str
    name: str
    record_type: RecordType
    size: int
    etag: str
    modified_at: datetime
    is_error: bool = False
    answers: str = ""


_GONE = (
    "it was listed, and gone when it was to be read. If another integration works with the same bucket, end it; "
    "`connector files replay` brings the file back from the archive."
)


def list_files(engine: Engine, item: Item) -> None:
    """Look which files of AWS lie in the bucket for records of the engine's type, and queue those that are new. A run's
    log tells that it looked, also where there is nothing (LOG-07).

    Raises:
        ConfigError, AuthFailed, Retriable: the listing failed; the log says why. It is tried again.
    """
    run_id, failed = _run_of(engine, item)
    try:
        present = _list(engine, run_id)
    except ConnectorError as error:
        logs.log_call(engine, failed or run_id, error=str(error))
        if not failed:
            _begin(engine, item, run_id)
        raise
    engine.state.cursors.delete(_LOOK + engine.record_type)
    _forget_missing(engine, present)
    waiting = engine.state.downloads.open(engine.record_type)
    for download in waiting:
        enqueue_file(engine, download.key, download.etag)
    note_fetched(engine)
    if engine.record_type == "opportunity":
        remind(engine, run_id)
    logs.log_call(engine, run_id, note=_found(engine, len(present), len(waiting)))
    log.info("looked for files of AWS", object=engine.record_type, present=len(present), to_work_off=len(waiting))


def _run_of(engine: Engine, item: Item) -> tuple[str, str]:
    """Return the run of this look, and that of the attempts before it that failed: however many there are, they have
    one log, which keeps saying that they did; empty for none.
    """
    known, run_id, failed = [*(engine.state.cursors.get(_LOOK + engine.record_type) or "").split(" "), "", "", ""][:3]
    if known == str(item.id) and engine.state.runs.get(run_id) is not None:
        return run_id, failed
    return _begin(engine, item, ""), ""


def _begin(engine: Engine, item: Item, failed: str) -> str:
    with engine.state.transaction():
        run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_FILES)
        engine.state.cursors.set(_LOOK + engine.record_type, f"{item.id} {run_id} {failed}".strip())
    return run_id


def _list(engine: Engine, run_id: str) -> set[tuple[str, str]]:
    """Note every file that lies there, a page at a time; return keys and entity tags."""
    _require_settings(engine)
    present = set[tuple[str, str]]()
    for page in engine.exchange.outbound_files(engine.record_type):
        for skipped in page.skipped:
            log.info("left alone", key=skipped.key, reason=skipped.reason)
        with engine.state.transaction():
            for file in page.files:
                engine.state.downloads.listed(noted(file, run_id), engine.now())
        present.update((file.key, file.etag) for file in page.files)
    return present


def _require_settings(engine: Engine) -> None:
    """Raise ConfigError where the settings do not say which bucket, and in which version (SET-10, SET-16)."""
    missing = engine.settings.files.missing(engine.record_type)
    needed = [str(one) for one in missing if one.field in (FileSettings.BUCKET_NAME, FileSettings.PAYLOAD_VERSION)]
    if needed:
        raise ConfigError(" ".join(needed))


def noted(file: BucketFile, run_id: str) -> Download:
    return Download(
        key=file.key,
        etag=file.etag,
        name=file.name,
        record_type=file.record_type,
        size=file.size,
        modified_at=file.modified_at,
        parent=run_id,
    )


def _forget_missing(engine: Engine, present: set[tuple[str, str]]) -> None:
    """What went from the bucket before it was read, or before it could be, is nothing to work off."""
    downloads = engine.state.downloads
    for one in (*downloads.open(engine.record_type), *downloads.unreadables(engine.record_type)):
        unread = one.status in ("listed", "unreadable") and not one.key.startswith(NO_FILE)
        if unread and (one.key, one.etag) not in present:
            downloads.forget(one.key, one.etag)


def _found(engine: Engine, present: int, waiting: int) -> str:
    stay = engine.state.downloads.unreadables(engine.record_type)
    names = ", ".join(one.name for one in stay[:_SHOWN])
    unread = f" {len(stay)} cannot be read and stay: {names}." if stay else ""
    return f"{present} files of AWS are in the folder, {waiting} of them to be worked off.{unread}"


def take_file(engine: Engine, item: Item) -> None:
    """Do with a file what comes next: read it and queue its records, or end it once they are all worked off.

    Args:
        engine: that of the opportunities, whatever records the file has.
        item: names the file.

    Raises:
        Retriable, AuthFailed, ConfigError: the bucket or Salesforce does not answer; it is tried again.
        Deferred: what its records bring, or what its log tells of them, is not written to Salesforce yet.
    """
    key, etag = str(item.payload["key"]), str(item.payload["etag"])
    download = engine.state.downloads.get(key, etag)
    if download is None or download.status not in ("listed", "taken"):
        return
    ours = engine.engine_for("", {TYPE: download.record_type})
    if download.status == "listed" and not _read(ours, download):
        return
    if engine.state.downloads.is_complete(key, etag):
        _finish(engine, ours, engine.state.downloads.get(key, etag) or download)
    else:
        _queue(ours, engine.state.downloads.records(key, etag, "waiting"))


def _read(engine: Engine, download: Download) -> bool:
    """Read a file and keep its records; return whether it could be. What keeps it from being read its log tells."""
    run_id, file = _run_of_file(engine, download), _listed(download)
    try:
        export = read_export(engine.exchange.read(file), file.record_type)
    except UnreadableFileError as error:
        _tell_unreadable(engine, download, run_id, f"{_UNREADABLE}{error}")
    except StaleRecord:
        # Another content came under its name; that is another file, of which the listing tells.
        engine.state.downloads.forget(download.key, download.etag)
        queueing.enqueue_job(engine, queueing.RETRIEVE)
    except RecordGone:
        with engine.state.transaction():
            engine.state.downloads.forget(download.key, download.etag)
            logs.log_file(engine, run_id, error=f"{_NOT_RETRIEVED}{_GONE}", file_name=download.name)
    except RecordRejected as refusal:
        _tell_unreadable(engine, download, run_id, f"{_NOT_RETRIEVED}{refusal}")
    except ConnectorError as error:
        logs.log_file(engine, run_id, error=f"{_NOT_RETRIEVED}{error} It is tried again.", file_name=download.name)
        raise
    else:
        _keep(engine, download, run_id, export)
        return True
    engine.state.cursors.delete(_READING + download.key)
    return False


def _run_of_file(engine: Engine, download: Download) -> str:
    """Return the run that reads the file: an attempt that is repeated has the log of the first."""
    name = _READING + download.key
    etag, _, run_id = (engine.state.cursors.get(name) or "").rpartition(" ")
    if etag == download.etag and engine.state.runs.get(run_id) is not None:
        return run_id
    with engine.state.transaction():
        run_id = logs.start_run(
            engine, logs.FROM_AWS, logs.INBOUND_RECORDS, parent=download.parent, file_name=download.name
        )
        engine.state.cursors.set(name, f"{download.etag} {run_id}")
    return run_id


def _listed(download: Download) -> Listed:
    record_type: RecordType = "lead" if download.record_type == "lead" else "opportunity"
    key = download.key.removeprefix(NO_FILE)
    return Listed(key, download.name, record_type, download.size, download.etag, download.modified_at)


def _keep(engine: Engine, download: Download, run_id: str, export: Export) -> None:
    """Keep all records of a file in one transaction: from then on each is worked off for itself."""
    unknown = ", ".join(unknown_keys(export.records))
    note = f"Keys that this release does not know were left alone: {unknown}." if unknown else ""
    with engine.state.transaction():
        records = (_arrival(position, one) for position, one in enumerate(export.records))
        engine.state.downloads.taken(download.key, download.etag, run_id, records)
        engine.state.cursors.delete(_READING + download.key)
        logs.log_file(engine, run_id, note=note, file_name=download.name)
        note_seen(engine, export.version)
    log.info("read a file of AWS", object=engine.record_type, records=len(export.records))


def _arrival(position: int, one: ExportedRecord) -> NewArrival:
    return NewArrival(position, dump(one.payload), one.apn_id, one.partner_id)


def _queue(engine: Engine, records: Sequence[Arrived]) -> None:
    for start in range(0, len(records), SLICE):
        with engine.state.transaction():
            for one in records[start : start + SLICE]:
                queueing.enqueue_arrival(engine, one.id, one.apn_id, one.run_id)


def _tell_unreadable(engine: Engine, download: Download, run_id: str, why: str) -> None:
    stays = (
        f"It stays in the bucket as {download.key} and holds up no other. It is read again once AWS has replaced it, "
        "or by `connector files retry`."
    )
    with engine.state.transaction():
        engine.state.downloads.unreadable(download.key, download.etag, why, run_id=run_id)
        logs.log_file(engine, run_id, error=f"{why} {stays}", file_name=download.name)
    log.warning("a file of AWS cannot be read", object=engine.record_type, key=download.key)


def _finish(engine: Engine, ours: Engine, download: Download) -> None:
    """Delete a file that is worked off. Each step may be repeated: whoever was cut off goes on from here."""
    flush(engine)
    done = engine.state.downloads.records(download.key, download.etag, "done")
    if any(_is_unwritten(ours, one) for one in done):
        raise Deferred("Salesforce has not taken all values of the file yet; it stays until then.", ours.now() + _SOON)
    logs.end_file(ours, download.run_id, note=_summary(ours, download))
    flush_logs(engine)
    # A file stays until its log could be written (LOG-23).
    require_room(engine)
    if not download.key.startswith(NO_FILE):
        with suppress(StaleRecord):
            # What came under its name meanwhile is another file.
            ours.exchange.delete(_listed(download))
    engine.state.downloads.finished(download.key, download.etag, ours.now())
    log.info("a file of AWS is worked off", object=ours.record_type)


def _summary(engine: Engine, download: Download) -> str | None:
    """Return what became of the records in words, where not all were written."""
    counts, run = engine.state.downloads.counts(download.key, download.etag), engine.state.runs.get(download.run_id)
    skipped, failed = counts.get("skipped", 0), run.error if run else 0
    if not skipped and not failed:
        return None
    total, written = sum(counts.values()), run.success if run else 0
    told = [f"{failed} could not be written, for the reasons in the details" if failed else ""]
    told += [f"{skipped} skipped" if skipped else ""]
    return f"The file was retrieved. Of its {total} records {written} were written, {', '.join(filter(None, told))}."


def _is_unwritten(engine: Engine, arrived: Arrived) -> bool:
    """Whether something that AWS said of the record waits for Salesforce; the connector's own stamps do not count."""
    link = engine.state.links.by_apn(arrived.apn_id)
    if link is None:
        return False
    waiting = engine.state.writebacks.get(link.record_id)
    own = set(engine.names.all)
    return bool(engine.state.writebacks.of_parent(link.record_id)) or bool(waiting and set(waiting.values) - own)
