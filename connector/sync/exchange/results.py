"""AWS's answers to our files: found, worked off record by record, and deleted.

An answer is known by the name of the file that it answers (S3-10), in whichever folder it lies. What it says is applied
in one transaction, then the object is deleted: after an interruption in between it is met again, does nothing, and is
deleted. A file is sent once; an answer that does not come is missed by :mod:`connector.sync.exchange.stuck`, and no
record of it goes out again by itself (FAQ-10).

Where the answer to a file does not show up for some time, AWS's archive of answers is looked into: somebody may have
deleted it, or a state before a restore may have worked it off.

An answer to a file of ours that this state does not know (the state was lost) still tells which record has which
identifier of AWS. Answers to files of others, who may share the bucket, are left alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

import structlog

from connector.ace.file_fields import RecordType
from connector.ace.file_json import UnreadableFileError
from connector.ace.result_shape import FileResult, Matched, RecordResult, ResultError, match, read_refusal, read_result
from connector.errors import AuthFailed, Problem, RecordGone, RecordRejected, StaleRecord
from connector.store.links import Link
from connector.store.queue import Item
from connector.store.uploads import Upload, UploadRecord
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.exchange.refusals import file_errors, problems_of
from connector.sync.exchange.settlement import adopt_identifier, fail, succeed
from connector.sync.exchange.uploads import note_sent
from connector.sync.ports import BucketFile
from connector.sync.queueing import RESULTS, enqueue_job
from connector.sync.schedules import inbound_is_disabled

_OURS = re.compile(r"(?:opportunity|lead)-[0-9a-f]{32}_\d{14}\.json")
"""Names of files as :meth:`ExchangePort.new_name` makes them for this connector."""
_LONGEST_TEXT = 4000
INCOMPLETE = "RESULT_INCOMPLETE"
AT_A_TURN = 100
"""Answers that are worked off in one turn of the job."""
ASKED_FOR = 50
"""Answers that are asked for by name in one turn: each may have a dozen names."""
ARCHIVE_AFTER = timedelta(minutes=15)
"""How long an answer may take before it is looked for in the archive, and how long between two such looks."""
LOOKUPS = 5
"""Files that are looked for in the archive in one go: each costs some calls."""
_LOOKED = "exchange:results-archive"
_TYPES: tuple[RecordType, ...] = get_args(RecordType)

log = structlog.get_logger(__name__)


def results_wait(engine: Engine) -> bool:
    """Whether a file has no result yet, of whatever type."""
    return engine.state.uploads.oldest_unanswered() is not None


def take_results(engine: Engine, item: Item) -> None:
    """Work off the answers that are there, to files of opportunities and of leads alike, some at a time: requests of
    people and the worker's sign of life come in between.

    Raises:
        AuthFailed: an answer may not be read or deleted; all others were worked off.
        Retriable, ConfigError: the door's, to be repeated; what was worked off so far is kept.
    """
    listed = not any(inbound_is_disabled(one) for one in _engines(engine))
    refused: AuthFailed | None = None
    taken = 0
    for file in _listed(engine) if listed else _named(engine):
        if refused is not None and _is_worked_off(engine, file):
            continue  # it could only be deleted
        try:
            taken += _take(engine, file)
        except AuthFailed as error:
            refused = refused or error
        if taken >= AT_A_TURN:
            enqueue_job(engine, RESULTS, priority=item.priority)
            break
    if listed:
        _look_into_archives(engine)
    if refused is not None:
        raise refused


def _is_worked_off(engine: Engine, file: BucketFile) -> bool:
    upload = engine.state.uploads.get(file.answers) if file.answers else None
    return upload is not None and upload.status == "answered"


def _listed(engine: Engine) -> Iterator[BucketFile]:
    """Yield everything that AWS wrote as an answer."""
    for record_type in _TYPES:
        for page in engine.exchange.result_files(record_type):
            yield from page.files


def _named(engine: Engine) -> Iterator[BucketFile]:
    """Yield the answers to the files that wait for one, or to some of very many, asked for by their names: where a
    schedule disables inbound integration, nothing is listed (SCHED-04).
    """
    waiting = engine.state.uploads.unanswered()
    for upload in random.sample(waiting, min(ASKED_FOR, len(waiting))):
        found = engine.exchange.find_result(_type_of(upload), upload.name)
        yield from [found] if found is not None else []


def _type_of(upload: Upload) -> RecordType:
    return "lead" if upload.record_type == "lead" else "opportunity"


def _engines(engine: Engine) -> list[Engine]:
    return [engine] if engine.leads is None else [engine, engine.leads]


def _engine_for(engine: Engine, record_type: str) -> Engine | None:
    return next((one for one in _engines(engine) if one.record_type == record_type), None)


def _take(engine: Engine, file: BucketFile) -> bool:
    """Work off an object of the folder of results, and delete it; return whether there was something to do."""
    upload = engine.state.uploads.get(file.answers) if file.answers else None
    if upload is None and not _OURS.fullmatch(file.answers):
        return False
    ours = _engine_for(engine, upload.record_type if upload else file.record_type)
    if ours is None:
        return False  # leads without a mapping: their answers stay until there is one
    try:
        if upload is None:
            _learn(engine, file)
        elif upload.status != "answered":
            _apply(ours, upload, file)
        engine.exchange.delete(file)
    except (RecordGone, StaleRecord):
        pass  # deleted or replaced meanwhile: the next listing shows what there is
    return True


# --- an answer to a known file


def _apply(engine: Engine, upload: Upload, file: BucketFile) -> None:
    result = _read(engine, file)
    if upload.status == "stored":
        # Nobody was sure that it arrived; its answer proves it.
        note_sent(engine, upload)
        upload = engine.state.uploads.get(upload.name) or upload
    records = {one.partner_id: one for one in engine.state.uploads.records(upload.name)}
    matched = match(result, {partner: one.apn_id for partner, one in records.items()})
    with engine.state.transaction():
        for partner, answer in matched.answers.items():
            if records[partner].outcome is None:
                _settle(engine, upload, records[partner], answer, result.processed_at)
        missing = [records[partner] for partner in matched.unanswered if records[partner].outcome is None]
        if upload.status != "released":
            _tell_missing(engine, upload, missing)
        _tell_of_file(engine, upload, result, matched, missing)
        if not missing:
            engine.state.uploads.answered(upload.name, engine.now())
    log.info("result worked off", name=upload.name, outcome=result.outcome.value, unanswered=len(missing))


def _read(engine: Engine, file: BucketFile) -> FileResult:
    """Return what AWS says of the file; whatever is no result in AWS's form is its reason for refusing the file as a
    whole (S3-24).
    """
    try:
        content = engine.exchange.read(file)
    except RecordGone:
        raise
    except RecordRejected as error:
        return _refused((ResultError(f"AWS's answer {file.key} cannot be read: {error}", "RESULT_UNREADABLE"),))
    if file.is_error:
        return _refused(file_errors(read_refusal(content, file.key)))
    try:
        return read_result(content)
    except UnreadableFileError:
        words = " ".join(content.decode("utf-8", "replace").split())
        return _refused((ResultError(words[:_LONGEST_TEXT] or "AWS's answer is empty.", "FILE_REFUSED"),))


def _refused(errors: tuple[ResultError, ...]) -> FileResult:
    return FileResult("", None, "", failed=True, errors=errors, records=())


def _settle(
    engine: Engine, upload: Upload, sent: UploadRecord, answer: RecordResult, processed_at: datetime | None
) -> None:
    if answer.succeeded:
        succeed(engine, upload, sent, answer, processed_at=processed_at)
    else:
        fail(engine, upload, sent, problems_of(answer.errors))


def _tell_missing(engine: Engine, upload: Upload, missing: Iterable[UploadRecord]) -> None:
    """A record that the result passes over may be at AWS or not: it stays in flight, and is told of."""
    for sent in missing:
        link = engine.state.links.get(sent.record_id)
        known = engine.state.problems.open_for(sent.record_id)
        if link is not None and not any(one.code == INCOMPLETE for one in known):
            problem = Problem(
                INCOMPLETE,
                "",
                upload.name,
                "AWS's result for the file says nothing of this record. AWS may have taken it, so that it is not sent "
                "again by itself.",
                "Ask AWS for the result; when it is certain that AWS did not process the record, delete the file's "
                "sync log: it goes out again then.",
            )
            logs.note_problem(engine, upload.run_id, link, problem)


def _tell_of_file(
    engine: Engine, upload: Upload, result: FileResult, matched: Matched, missing: Sequence[UploadRecord]
) -> None:
    """Say on the file's log what concerns it as a whole."""
    told = [f"AWS: {error.message}" for error in result.errors]
    if matched.strange:
        names = ", ".join(one.partner_id or one.apn_id or "a record without identifier" for one in matched.strange)
        told.append(f"AWS answers for records that are not in the file; nothing was changed for them: {names}.")
    if missing:
        told.append(f"The result says nothing of: {', '.join(one.record_id for one in missing)}.")
    if told:
        logs.tell_file(engine, upload.run_id, " ".join(told))


# --- an answer that is not there any more


def _look_into_archives(engine: Engine) -> None:
    """Look for the answers to some of the files that have waited for long, now and then."""
    now, cursors = engine.now(), engine.state.cursors
    last = cursors.get(_LOOKED)
    if last is not None and timedelta() <= now - datetime.fromisoformat(last) < ARCHIVE_AFTER:
        return
    waiting = engine.state.uploads.unanswered()
    late = [one for one in waiting if one.sent_at is not None and now - one.sent_at >= ARCHIVE_AFTER]
    if late:
        cursors.set(_LOOKED, now.isoformat())
    # What an answer passed over stands in no archive either.
    late = [one for one in late if not any(record.outcome for record in engine.state.uploads.records(one.name))]
    for upload in random.sample(late, min(LOOKUPS, len(late))):
        ours = _engine_for(engine, upload.record_type)
        found = next(_archived(engine, upload), None) if ours is not None else None
        if ours is not None and found is not None:
            log.info("the result was in the archive", name=upload.name)
            _apply(ours, upload, found)


def _archived(engine: Engine, upload: Upload) -> Iterator[BucketFile]:
    """Yield AWS's answer from where AWS archives it, by the day: that of the file's name, or of its sending."""
    stem = upload.name.removesuffix(".json")
    days = {datetime.strptime(stem[-14:-6], "%m%d%Y").replace(tzinfo=UTC).date()}
    days |= {upload.sent_at.date()} if upload.sent_at is not None else set()
    days |= {one + timedelta(days=1) for one in days}
    for day in sorted(one for one in days if one <= engine.now().date()):
        for name in (f"{stem}_result.json", f"{stem}.error.json", f"{upload.name}.error.json"):
            for record_type in _TYPES:
                yield from engine.exchange.find_archived(record_type, "results_archive", name, day=day)


# --- an answer to a file that a lost state knew


def _learn(engine: Engine, file: BucketFile) -> None:
    """Link what the answer tells of records of ours; whether their edits went out, their next turn decides."""
    result = _read(engine, file)
    learned = 0
    with engine.state.transaction():
        for answer in result.records:
            ours = next((one for one in _engines(engine) if one.owns(answer.partner_id)), None)
            if ours is not None and answer.succeeded and answer.apn_id:
                learned += _adopt(ours, answer)
    log.warning("an answer to a file that the state does not know", name=file.name, identifiers=learned)


def _adopt(engine: Engine, answer: RecordResult) -> bool:
    known = engine.state.links.get(answer.partner_id)
    link = known or Link(record_id=answer.partner_id, object_name=engine.mapping.object_name)
    return adopt_identifier(engine, link, answer.apn_id)
