"""What AWS's answer about one record of a file makes of the record's link, its log and what waits for it.

What was sent counts as handled and as AWS's; whatever a person changed since stays an edit, which the next file takes.
Where an export of AWS's came in meanwhile that is younger than the file, AWS's side is known better from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from connector.ace import lifecycle
from connector.ace.file_fields import APN_ID
from connector.ace.record import AceRecord, from_json
from connector.ace.result_shape import RecordResult
from connector.ace.text import same
from connector.errors import Problem
from connector.store.links import Link
from connector.store.uploads import Upload, UploadRecord
from connector.sync import logs
from connector.sync.base import UNDER_WAY
from connector.sync.engine import Engine
from connector.sync.exchange.conversion import is_converted
from connector.sync.exchange.entries import BESIDE, paths_of
from connector.sync.exchange.entry_plan import names_not_in_version
from connector.sync.exchange.last_words import note_taken
from connector.sync.failures import count_failure
from connector.sync.fallbacks import fallback_note, used_fallbacks
from connector.sync.queueing import enqueue_inbound, enqueue_outbound
from connector.sync.related_exchange import referred
from connector.sync.set_aside import hand_over, is_set_aside
from connector.sync.writeback import stamp, write_identifier

SUBMITTED = "Submitted"
"""The review status of an opportunity that a file has just created, or corrected as AWS's reviewers asked (ELIG-15)."""


def succeed(
    engine: Engine, upload: Upload, sent: UploadRecord, answer: RecordResult, *, processed_at: datetime | None = None
) -> None:
    """AWS took the record: keep its identifier, remember what was sent, stamp, and let go on what waited.

    Args:
        processed_at: when AWS took the file in, as its result says; None where it does not.
    """
    link = engine.state.links.get(sent.record_id)
    typed = _drop_typed(engine, link, sent, answer.apn_id) if link is not None else ""
    problem = _identity_problem(engine, link, answer.apn_id) if link is not None else None
    if problem is not None:
        return fail(engine, upload, sent, (problem,))
    engine.state.uploads.conclude(upload.name, sent.record_id, "success")
    if link is None:
        return None
    _keep_identifier(engine, link, answer.apn_id)
    alive = link.status != "tombstone"
    if alive:
        _remember(engine, upload, link, sent, processed_at)
    link.failures, link.first_failure, link.failed_snapshot = 0, None, None
    engine.state.links.save(link)
    if alive and not is_converted(link.row):
        _write(engine, link)
    note = " ".join(filter(None, (typed, *_notes(engine, link, sent, answer))))
    logs.log_success(engine, upload.run_id, link, sent.entry, note, keep=_told_beside(engine, link))
    return _go_on(engine, link, sent)


def fail(engine: Engine, upload: Upload, sent: UploadRecord, problems: tuple[Problem, ...]) -> None:
    """AWS did not take the record: tell why, and count it as any refusal is counted (SET-12, SET-13)."""
    engine.state.uploads.conclude(upload.name, sent.record_id, "error")
    link = engine.state.links.get(sent.record_id)
    if link is None:
        return
    if link.status == "tombstone" or is_converted(link.row):
        _fail_ended(engine, upload, link, problems)
    else:
        logs.log_problems(engine, upload.run_id, link, problems, payload=sent.entry)
    if engine.state.uploads.of_record(link.record_id) is None and link.status != "tombstone":
        asked = link.requested
        count_failure(engine, link, sent.snapshot)
        # What was asked for since the file went out is another request than that of the file.
        link.requested = asked
        engine.state.links.save(link)
    engine.state.queue.release(link.record_id, engine.now())


def _fail_ended(engine: Engine, upload: Upload, link: Link, problems: tuple[Problem, ...]) -> None:
    """Tell why AWS did not take a record that was deleted, or converted, since: nobody can correct it any more, so that
    nothing stays open but what told its end.
    """
    kept = [(one.code, one.field) for one in engine.state.problems.open_for(link.record_id)]
    for problem in problems:
        logs.note_problem(engine, upload.run_id, link, problem)
    engine.state.runs.record(upload.run_id, link.record_id, "error")
    logs.resolve(engine, link.record_id, upload.run_id, keep=kept)


def release(engine: Engine, name: str) -> None:
    """An admin does not wait for the file's result any more: its records may go out again.

    What became of them nobody knows. Hence what was sent is an edit again, whatever the record says by then, even if
    that is what AWS had before.
    """
    upload = engine.state.uploads.get(name)
    if upload is None or upload.status != "sent":
        return
    with engine.state.transaction():
        for sent in engine.state.uploads.records(name):
            link = engine.state.links.get(sent.record_id) if sent.outcome is None else None
            if link is not None:
                _doubt(engine, link, sent)
        engine.state.uploads.released(name, engine.now())
        for sent in engine.state.uploads.records(name):
            engine.state.queue.release(sent.record_id, engine.now())


def _doubt(engine: Engine, link: Link, sent: UploadRecord) -> None:
    record = from_json(sent.record)
    if link.seen:
        link.seen = {**link.seen, **dict.fromkeys(paths_of(engine, record), UNDER_WAY)}
    for side in ("applied", "pending_applied"):
        known = getattr(link, side)
        if known is not None:
            setattr(link, side, {name: value for name, value in known.items() if name not in record})
    engine.state.links.save(link)


# --- identifiers


def _drop_typed(engine: Engine, link: Link, sent: UploadRecord, apn_id: str) -> str:
    """An identifier that somebody entered while the file that created the record was on its way gives way to AWS's;
    return what to tell of it.
    """
    entered = link.apn_id or ""
    if sent.apn_id or not apn_id or link.status != "new" or entered.lower() in ("", apn_id.lower()):
        return ""
    link.apn_id, link.apn_id_written = None, False
    engine.state.links.save(link)
    return (
        f"Somebody entered the identifier {entered} while the record was on its way; AWS made {apn_id} of it, which "
        f"replaces it. If {entered} is the same deal, ask AWS to remove one of them."
    )


def _identity_problem(engine: Engine, link: Link, apn_id: str) -> Problem | None:
    """Return why the identifier that AWS names cannot be the record's (OUT-08), None if it can."""
    if not apn_id or (link.apn_id or "").lower() == apn_id.lower():
        return None
    if link.apn_id:
        return Problem(
            "IDENTIFIER_DIFFERS",
            APN_ID,
            apn_id,
            f"AWS answers for {apn_id}; the record's identifier is {link.apn_id}, which never changes.",
            "Look up both in Partner Central. If AWS has two records for this one, ask AWS to remove one of them.",
        )
    owner = engine.state.links.by_apn(apn_id)
    if owner is None or owner.record_id == link.record_id:
        return None
    if is_set_aside(engine, owner):
        hand_over(engine, owner)
        return None
    return Problem(
        "APN_ID_TAKEN",
        APN_ID,
        apn_id,
        f"AWS's record belongs to record {owner.record_id}, so that {link.record_id} cannot have it too.",
        "Clear Sync with AWS on the copy, or ask AWS which of the two is right.",
    )


def adopt_identifier(engine: Engine, link: Link, apn_id: str) -> bool:
    """Link the record to the identifier that AWS names for it, and write it to the record; return whether that is new.

    An identifier that cannot be the record's is left alone: its next turn, or what AWS exports, says so.
    """
    if link.apn_id or _identity_problem(engine, link, apn_id) is not None:
        return False
    _keep_identifier(engine, link, apn_id)
    if link.status != "tombstone":
        write_identifier(engine, link)
    return True


def _keep_identifier(engine: Engine, link: Link, apn_id: str) -> None:
    if apn_id and not link.apn_id:
        link.apn_id = apn_id
    if link.apn_id and link.status == "new":
        link.status = "linked"
    engine.state.links.save(link)


def _write(engine: Engine, link: Link) -> None:
    if link.apn_id and (link.row or {}).get(engine.names.apn_id) != link.apn_id:
        write_identifier(engine, link)
    stamp(engine, link)


# --- what both sides are known to be


def _remember(engine: Engine, upload: Upload, link: Link, sent: UploadRecord, processed_at: datetime | None) -> None:
    record = _still_open(engine, upload, link, from_json(sent.record))
    paths = paths_of(engine, record)
    if link.seen:
        link.seen = link.seen | {path: text for path, text in sent.snapshot.items() if path in paths}
    else:
        link.seen = {**referred(engine, link.row or {}), **sent.snapshot}
    link.seen |= dict.fromkeys(paths_of(engine, sent.left_out), UNDER_WAY)
    link.written = {path: text for path, text in link.written.items() if path not in paths}
    if _is_younger(engine, link, upload, processed_at):
        _look_again(engine, link, record)
        return
    # Should opportunities move to the API later, it reads AWS's record anew.
    link.aws, link.summary = None, None
    if link.apn_id:
        note_taken(engine, link.apn_id, sent.entry)
    # None where the record's data was removed meanwhile: nothing is known of AWS's side then.
    link.applied = {**(link.applied or {}), **record} or link.applied
    if link.pending_applied is not None:
        link.pending_applied = {**link.pending_applied, **record}
    if engine.record_type == "opportunity" and _is_submitted(link, sent):
        link.review_status = SUBMITTED


def _still_open(engine: Engine, upload: Upload, link: Link, record: AceRecord) -> AceRecord:
    """Return what of the record the file's result is still to settle. Of a file that was given up, that is what no
    later file has settled: the record may have gone out again since.
    """
    if upload.status != "released" or not link.seen:
        return record
    open_paths = {path for path, text in link.seen.items() if text == UNDER_WAY}
    return {name: value for name, value in record.items() if open_paths.intersection(paths_of(engine, (name,)))}


def _look_again(engine: Engine, link: Link, sent: AceRecord) -> None:
    """What AWS changed after it had taken the file came in before the result, and gave way to an edit that was not
    known to have arrived: it is newer than the edit.
    """
    known = {**(link.applied or {}), **(link.pending_applied or {})}
    if link.apn_id and any(name not in known or not same(known[name], value) for name, value in sent.items()):
        enqueue_inbound(engine, link.apn_id, "")


def _is_younger(engine: Engine, link: Link, upload: Upload, processed_at: datetime | None) -> bool:
    """Whether AWS's record, as it came in last, was modified after AWS had taken the file; where the result does not
    credibly tell when that was, after the file had gone out.
    """
    if not link.aws_modified or upload.sent_at is None:
        return False
    modified = datetime.fromisoformat(link.aws_modified)
    modified = modified if modified.tzinfo else modified.replace(tzinfo=UTC)
    if processed_at is not None and upload.sent_at <= processed_at <= engine.now():
        # AWS tells in whole seconds when a record was modified.
        return modified >= processed_at.replace(microsecond=0)
    return modified > upload.sent_at


def _is_submitted(link: Link, sent: UploadRecord) -> bool:
    """Whether the file handed the opportunity to AWS's reviewers: then AWS takes no edit until they have decided."""
    corrected = lifecycle.phase(link.review_status) is lifecycle.Phase.ACTION_REQUIRED
    return sent.apn_id is None or (corrected and not sent.decision)


def _go_on(engine: Engine, link: Link, sent: UploadRecord) -> None:
    """Let go on what waited for the result; what AWS takes only after the creation follows as an update."""
    engine.state.queue.release(link.record_id, engine.now())
    if sent.left_out and link.apn_id and link.status != "tombstone":
        link.requested = link.requested or sent.requested
        engine.state.links.save(link)
        enqueue_outbound(engine, link, logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL))


# --- words


def _told_beside(engine: Engine, link: Link) -> list[tuple[str, str]]:
    known = engine.state.problems.open_for(link.record_id)
    return [(one.code, one.field) for one in known if one.code in BESIDE]


def _notes(engine: Engine, link: Link, sent: UploadRecord, answer: RecordResult) -> Iterator[str]:
    record: AceRecord = from_json(sent.record)
    yield from (f"AWS warns: {warning}" for warning in answer.warnings)
    if not link.apn_id:
        yield "AWS named no identifier yet; it comes with AWS's next file."
    if sent.left_out:
        yield f"After the creation follow: {', '.join(sent.left_out)}."
    if version := engine.settings.files.version_for(engine.record_type):
        names = [field.ace_field for field in engine.mapping.fields if sent.snapshot.get(field.path) is not None]
        missing = names_not_in_version(engine.record_type, version, names) if sent.apn_id is None else ()
        if missing:
            yield f"Files of version {version} have no field for: {', '.join(missing)}."
    row = link.row or {}
    yield fallback_note(one for one in used_fallbacks(engine, row, record))
