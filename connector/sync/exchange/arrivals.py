"""One record of a file of AWS, and its turn towards Salesforce.

The rules are those of the API: what arrived is brought in by the same functions. What differs is that nothing can be
asked of AWS anew, so that its last word on each record is kept, and that each record of a file comes to an end that
the file's log tells: written, refused with its own payload, or skipped for a reason.
"""

from __future__ import annotations

from dataclasses import replace

from connector.ace.export_shape import ExportedRecord
from connector.ace.record import from_json
from connector.eligibility.rules import is_dummy_identifier
from connector.errors import Problem, RecordRejected
from connector.store.downloads import Arrived, ArrivedStatus
from connector.store.entries import Entry
from connector.store.links import Link
from connector.store.queue import Work
from connector.sync import logs
from connector.sync.adoption import find_link, is_apn_id
from connector.sync.arrival import Arrival
from connector.sync.base import UNDER_WAY
from connector.sync.creation import create_record
from connector.sync.engine import Engine, Priority
from connector.sync.exchange.conversion import end_receiving
from connector.sync.exchange.deadlines import follow_deadline
from connector.sync.exchange.entries import paths_of
from connector.sync.exchange.exported import (
    arrival_of,
    is_older,
    is_outdated,
    known_arrival,
    ours_at_aws,
    read_arrived,
    without_ours,
    written_down,
)
from connector.sync.exchange.last_words import STAND_IN, amend, printable
from connector.sync.exclusion import leave_out
from connector.sync.inbound import apply, row_for
from connector.sync.queueing import FILE, READ_LANE
from connector.sync.referral_links import adopt_referral

_FORGOTTEN = "Skipped: what AWS said was removed by `connector forget`."
_HISTORICAL = "Skipped: the partner identifier {} marks historical data, which is never processed."
_DELETED = "Skipped: the Salesforce record was deleted, and nothing makes it anew."
_OLDER = "Skipped: it is older than what Salesforce has. AWS changed the record on {}, and said so of {} already."
_BARRED = "Skipped: a backfill is deciding, or has decided, what becomes of it."


def receive(engine: Engine, arrived_id: int, run_id: str) -> None:
    """Bring one record of a file to Salesforce, and before it what came earlier about the same record and waits: also
    where its own turn was put off.

    Args:
        engine: that of the record's type.
        arrived_id: the record, as the state knows it.
        run_id: used where the file's own run is not known.

    Raises:
        Deferred, Retriable, AuthFailed, MappingError: the record waits, and its file with it.
    """
    arrived = engine.state.downloads.arrived(arrived_id)
    if arrived is None or arrived.status != "waiting":
        return
    about = engine.state.downloads.open_of(engine.record_type, arrived.apn_id) if arrived.apn_id else []
    for one in (*(one for one in about if one.id < arrived.id), arrived):
        _take(engine, one, one.run_id or run_id)


def receive_again(engine: Engine, apn_id: str, run_id: str) -> None:
    """Apply AWS's last word on a record once more, on the row as it is now: a person edited it while our write waited,
    or corrected what AWS said, or the mapping was corrected.

    Raises:
        Deferred, Retriable, AuthFailed, MappingError: to be repeated.
    """
    last = engine.state.downloads.last(engine.record_type, apn_id)
    if last is not None and last.status == "waiting":
        return receive(engine, last.id, run_id)
    link = engine.state.links.by_apn(apn_id)
    if last is not None:
        exported = read_arrived(last)
        try:
            _bring(engine, exported, run_id, again=True)
        except RecordRejected as refusal:
            _refuse(engine, _subject(engine, exported, last), exported, refusal.problems, run_id)
        return None
    arrival = known_arrival(engine, link) if link is not None else None
    if link is not None and arrival is not None and link.status != "tombstone":
        _apply(engine, link, arrival, run_id)
    return None


def enqueue_file(engine: Engine, key: str, etag: str) -> bool:
    """Queue what is to be done with a file next: to read it, or to end it once its records are worked off.

    Its item bears no type of record: to end a file, what waits for Salesforce of any type is written.
    """
    work = Work(
        kind=FILE,
        key=key,
        lane=READ_LANE,
        priority=Priority.INBOUND,
        payload={"key": key, "etag": etag},
        dedup=f"{FILE}:{key}:{etag}",
    )
    return engine.state.queue.enqueue(work, engine.now())


def _take(engine: Engine, arrived: Arrived, run_id: str) -> None:
    outcome = _outcome(engine, arrived, run_id)
    with engine.state.transaction():
        if engine.state.downloads.conclude(arrived.id, outcome):
            enqueue_file(engine, arrived.key, arrived.etag)
        if outcome == "done":
            _bring_up_to_date(engine, arrived)


def _bring_up_to_date(engine: Engine, arrived: Arrived) -> None:
    """What is kept as AWS's last word must not say what AWS had before it took our last file."""
    link = engine.state.links.by_apn(arrived.apn_id)
    if link is None or engine.state.uploads.last_sent(link.record_id) is None:
        return
    if is_outdated(engine, link, arrival_of(engine, read_arrived(arrived))):
        amend(engine, arrived.id, arrived.payload, ours_at_aws(engine, link))


def _outcome(engine: Engine, arrived: Arrived, run_id: str) -> ArrivedStatus:
    if not arrived.payload:
        return _skip(engine, Link(_stand_in(arrived), engine.mapping.object_name), _FORGOTTEN, run_id)
    exported = read_arrived(arrived)
    subject = _subject(engine, exported, arrived)
    if is_dummy_identifier(exported.partner_id):
        return _skip(engine, subject, _HISTORICAL.format(exported.partner_id), run_id)
    try:
        return _bring(engine, exported, run_id)
    except RecordRejected as refusal:
        _refuse(engine, subject, exported, refusal.problems, run_id)
        return "failed"


def _bring(engine: Engine, exported: ExportedRecord, run_id: str, *, again: bool = False) -> ArrivedStatus:
    """Bring the record to Salesforce; return what became of it.

    Raises:
        RecordRejected: the record cannot be used, or Salesforce's row cannot take it.
    """
    arrival = arrival_of(engine, exported, again=again)
    link, arrival = _link_of(engine, arrival)
    reason = _reason_to_skip(engine, link, arrival)
    if reason:
        return "skipped" if again else _skip(engine, link or _provisional(engine, arrival.id), reason, run_id)
    if leave_out(engine, arrival, link, run_id):
        return "skipped"
    if link is None:
        create_record(engine, arrival, run_id)
    else:
        _apply(engine, link, arrival, run_id)
    follow_deadline(engine, arrival.id, arrival.record, run_id)
    known = engine.state.links.by_apn(arrival.id)
    told = engine.state.runs.outcome(run_id, known.record_id if known else arrival.id)
    return "skipped" if told is None else "failed" if told == "error" else "done"


def _link_of(engine: Engine, arrival: Arrival) -> tuple[Link | None, Arrival]:
    link = find_link(engine, arrival.id, arrival.answer)
    if link is None and engine.state.referrals.of_opportunity(arrival.id) is not None:
        # It was accepted by a call, before opportunities went over to files.
        return adopt_referral(engine, arrival)
    return link, arrival


def _reason_to_skip(engine: Engine, link: Link | None, arrival: Arrival) -> str:
    if link is None:
        return _BARRED if engine.state.backfills.is_barred(arrival.id) else ""
    if link.status == "tombstone":
        return _DELETED
    if link.aws_modified and is_older(link.aws_modified, arrival):
        return _OLDER.format(arrival.answer["LastModifiedDate"], link.aws_modified)
    return ""


def _apply(engine: Engine, link: Link, arrival: Arrival, run_id: str) -> None:
    # A lead may have been converted since it was observed.
    row = row_for(engine, link, arrival, fresh=arrival.again or engine.record_type == "lead")
    if row is None:
        # Found deleted just now. Of two records that a person merged the other has AWS's identifier.
        taker = find_link(engine, arrival.id, arrival.answer)
        if taker is not None and taker.status != "tombstone":
            _apply(engine, taker, arrival, run_id)
        return
    if end_receiving(engine, link, row, arrival, run_id):
        return
    known = written_down(engine, row) if link.applied is None and not link.aws_modified else None
    if known is not None and is_older(known, arrival):
        # The state was lost, and an old file is worked off again: the record itself tells that it is newer.
        _skip(engine, link, _OLDER.format(arrival.answer["LastModifiedDate"], known), run_id)
        return
    _recall_sent(engine, link)
    _keep_sent(engine, link)
    if _is_sent_whole(engine, link) or (not arrival.again and is_outdated(engine, link, arrival)):
        arrival = without_ours(engine, arrival)
    apply(engine, link, row, _noted(link, arrival), run_id)


def _recall_sent(engine: Engine, link: Link) -> None:
    """AWS exported a record before its answer to our file was taken in: what it was created with is known."""
    found = engine.state.uploads.of_record(link.record_id) if link.applied is None else None
    if found is not None and found[1].apn_id is None and found[1].record:
        link.applied, link.seen = from_json(found[1].record), dict(found[1].snapshot)


def _keep_sent(engine: Engine, link: Link) -> None:
    """What of an update is in a file without an answer, or waits for one, stays an edit until AWS has answered it: also
    where AWS, before it took the file, said the same for a while.
    """
    for sent in _under_way(engine, link):
        if sent.apn_id is not None and link.seen:
            link.seen = {**link.seen, **dict.fromkeys(paths_of(engine, from_json(sent.record)), UNDER_WAY)}


def _is_sent_whole(engine: Engine, link: Link) -> bool:
    """Whether the record is on its way as it is, since nothing is known of AWS's side: what it says counts until AWS
    has taken it, and AWS's word after that tells what else there is.
    """
    return link.applied is None and any(sent.apn_id is not None for sent in _under_way(engine, link))


def _under_way(engine: Engine, link: Link) -> list[Entry]:
    """Return what is in a file without an answer, and what waits for one."""
    found, waiting = engine.state.uploads.of_record(link.record_id), engine.state.entries.of_record(link.record_id)
    return [one for one in (found[1] if found else None, waiting) if one is not None]


def _noted(link: Link, arrival: Arrival) -> Arrival:
    """Return what arrived with a note where AWS names another record (OUT-06): the next file names the right one."""
    named = str(arrival.answer.get("PartnerOpportunityIdentifier") or "")
    if named in ("", link.record_id):
        return arrival
    note = f"AWS names the partner's record {named}; it is {link.record_id}, which the next update tells AWS."
    return replace(arrival, note=" ".join(filter(None, (arrival.note, note))))


def _skip(engine: Engine, link: Link, reason: str, run_id: str) -> ArrivedStatus:
    logs.log_end(engine, run_id, link, reason)
    return "skipped"


def _refuse(
    engine: Engine, subject: Link, exported: ExportedRecord, problems: tuple[Problem, ...], run_id: str
) -> None:
    """Tell what is wrong with the record by details with its own payload, which a person can correct (IN-18)."""
    payload = printable(exported.payload)
    logs.log_problems(engine, run_id, subject, problems, payload if isinstance(payload, dict) else {"entry": payload})


def _subject(engine: Engine, exported: ExportedRecord, arrived: Arrived) -> Link:
    """Return what details about the record are about: its own row; until it has one, AWS's identifier stands for it."""
    if not is_apn_id(engine, exported.apn_id):
        return Link(_stand_in(arrived), engine.mapping.object_name, apn_id=exported.apn_id[:30] or None)
    return engine.state.links.by_apn(exported.apn_id) or _provisional(engine, exported.apn_id)


def _provisional(engine: Engine, apn_id: str) -> Link:
    return Link(apn_id, engine.mapping.object_name, apn_id=apn_id)


def _stand_in(arrived: Arrived) -> str:
    return f"{STAND_IN}{arrived.id}"
