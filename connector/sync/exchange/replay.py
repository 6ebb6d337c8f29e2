"""Files that were worked off, once more: AWS keeps what it wrote and what it answered in archives (S3-03, S3-06)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from connector.ace.file_batches import result_name
from connector.ace.file_fields import RecordType
from connector.errors import Problem, RecordGone
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.exchange.arrivals import enqueue_file
from connector.sync.exchange.last_words import NO_FILE
from connector.sync.exchange.retrieval import noted
from connector.sync.ports import BucketFile

OUTBOUND_ARCHIVE, RESULTS_ARCHIVE = "outbound_archive", "results_archive"


def replay(engine: Engine, name: str, archive: str = OUTBOUND_ARCHIVE, day: date | None = None) -> str:
    """Queue a file of an archive to be worked off as if AWS had just written it; return its key. The archive stays as
    it is. What Salesforce has already is not made twice, and what it has of a later date is not overwritten.

    Args:
        engine: that of the records' type.
        name: of the file, without folder.
        archive: where it lies.
        day: the day (UTC) under which AWS filed it; None looks through the whole archive.

    Raises:
        RecordGone: there is no such file.
    """
    file = _newest(engine, archive, name, day)
    downloads, key = engine.state.downloads, NO_FILE + file.key
    with engine.state.transaction():
        known = downloads.get(key, file.etag)
        if known is None or known.status in ("finished", "unreadable"):
            downloads.forget(key, file.etag)
            parent = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_FILES)
            logs.log_call(engine, parent, note=f"{file.key} of the archive is worked off once more.")
            downloads.listed(replace(noted(file, parent), key=key), engine.now())
        enqueue_file(engine, key, file.etag)
    return file.key


def fetch_result(engine: Engine, name: str, day: date | None = None) -> str:
    """Return the text of AWS's answer to a file, from where AWS archived it.

    Args:
        engine: that of the records' type; an answer in the other type's archive is found too.
        name: of the file that was sent, or of its answer.
        day: the day (UTC) under which AWS filed the answer; None looks through the whole archive.

    Raises:
        RecordGone: there is no answer of that name.
    """
    for found in _answers(engine, name, day):
        return engine.exchange.read(found).decode("utf-8", errors="replace")
    raise _not_found(name, RESULTS_ARCHIVE, day)


def _answers(engine: Engine, name: str, day: date | None) -> Iterator[BucketFile]:
    stem = name.removesuffix(".json")
    names = [name] if stem.endswith(("_result", ".error")) else [result_name(name), f"{stem}.error.json"]
    for record_type in _types(engine):
        for one in names:
            yield from engine.exchange.find_archived(record_type, RESULTS_ARCHIVE, one, day=day)


def _types(engine: Engine) -> tuple[RecordType, ...]:
    return ("opportunity", "lead") if engine.record_type == "opportunity" else ("lead", "opportunity")


def _newest(engine: Engine, archive: str, name: str, day: date | None) -> BucketFile:
    for found in engine.exchange.find_archived(engine.record_type, archive, name, day=day):
        return found
    raise _not_found(name, archive, day)


def _not_found(name: str, archive: str, day: date | None) -> RecordGone:
    where = f"{archive.replace('_', ' ')}{f' of {day:%Y-%m-%d}' if day else ''}"
    problem = Problem(
        "FILE_NOT_FOUND",
        "",
        name,
        f"There is no such file in the {where}.",
        "Check the name and the type of record; without a day the whole archive is looked through.",
    )
    return RecordGone((problem,))
