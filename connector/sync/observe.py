"""What changed in Salesforce? Rows are looked at, judged, and queued; the cursor moves in the same transaction.

*What changed* is asked often, over a window of SystemModstamp. *What is due* is asked rarely, over all flagged records:
it finds what no change announced, such as an edited formula or one that looks at the date.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from connector.eligibility.candidate import SETUP_USER, Candidate
from connector.eligibility.rules import decide
from connector.eligibility.verdict import Code, Verdict
from connector.errors import Deferred, Problem
from connector.mapping.outbound import snapshot
from connector.names import AUDIT_FIELDS
from connector.store.links import Link
from connector.sync import logs
from connector.sync.edits import changed_paths
from connector.sync.engine import Engine
from connector.sync.exchange.conversion import end_observed, is_converted
from connector.sync.exchange.in_flight import verdict_facts, wait_for_result
from connector.sync.ports import Row
from connector.sync.queueing import enqueue_inbound, enqueue_outbound
from connector.sync.referral_notes import awaits_acceptance, not_accepted, typed_decision
from connector.sync.related_changes import changed_parents
from connector.sync.set_aside import hand_over, is_free, is_of_other_type

MARGIN = timedelta(seconds=2)
"""Age of a modification, by Salesforce's clock, before its row is read: stamps are whole seconds, commits come
later.
"""
SETTLING = MARGIN + timedelta(seconds=1)
OVERLAP = timedelta(minutes=5)
"""How far a window reaches back behind the last one: a long transaction becomes visible later than its stamp."""
ROUNDS = 3
"""Turns towards AWS that nobody's edit caused, after which the record is parked."""

QUIET = timedelta(hours=1)
"""After so long without an exchange with AWS a change of a related record begins a chain of turns of its own: turns
that follow from one another are minutes apart.
"""

EPOCH = "1970-01-01T00:00:00+00:00"

_CURSOR = "salesforce:"
_DUE = "due:"
_PARTNER_ID = "partnerCrmUniqueIdentifier"
_SETTLED = {Code.OWN_WRITE, Code.NO_UPDATES}
_IN_FLIGHT = {Code.AWAITS_RESULT, Code.STUCK_LOG}
_REPEATED = {Code.RETRIES_EXHAUSTED, Code.RETRY_CUTOFF}


def poll_changes(engine: Engine, run_id: str) -> int:
    """Look at what changed since the last look; return how many records were queued."""
    until = engine.salesforce.server_time() - MARGIN
    # The primary object first: what is wrong with a related one must not keep its changes back.
    return _poll_primary(engine, run_id, until) + _poll_related(engine, run_id, until)


def _poll_primary(engine: Engine, run_id: str, until: datetime) -> int:
    cursor = engine.state.cursors.get(_CURSOR + engine.mapping.object_name)
    if cursor is None:
        # What was flagged before is found by the look over all records; later changes by windows from here on.
        engine.state.cursors.set(_CURSOR + engine.mapping.object_name, until.isoformat())
        return 0
    since = datetime.fromisoformat(cursor) - OVERLAP
    flagged = f"{engine.names.sync_with_aws} = true"
    queued = 0
    for page in engine.salesforce.changed(
        engine.mapping.object_name, AUDIT_FIELDS, since=since, until=until, where=flagged
    ):
        moved = [stamps["Id"] for stamps in page if _moved(engine, stamps)]
        rows = _settled_rows(engine, moved, until)
        with engine.state.transaction():
            queued += sum(observe(engine, row, run_id) for row in rows)
    engine.state.cursors.set(_CURSOR + engine.mapping.object_name, until.isoformat())
    return queued


def _poll_related(engine: Engine, run_id: str, until: datetime) -> int:
    """Look at the records of which a mapped field on a related record changed."""
    queued = 0
    for parents in changed_parents(engine, until, overlap=OVERLAP):
        rows = _settled_rows(engine, list(parents), until)
        with engine.state.transaction():
            queued += sum(_observe_related(engine, row, run_id, by_person=parents[row["Id"]]) for row in rows)
    return queued


def _observe_related(engine: Engine, row: Row, run_id: str, *, by_person: bool) -> bool:
    link = engine.state.links.get(row["Id"])
    # A turn that read the row anew remembers it, although nobody judged it; what AWS refused waits for the retries.
    refused = link is not None and link.failed_snapshot == snapshot(engine.mapping, row)
    return observe(engine, row, run_id, again=not refused, by_person=by_person)


def _moved(engine: Engine, stamps: Row) -> bool:
    """Whether the row has to be read: windows overlap, so most of what they hold was looked at before.

    Two commits of one second share the stamp, which is why their authors count too. Where both were one person's, the
    look over all flagged records finds the later one.
    """
    link = engine.state.links.get(stamps["Id"])
    if link is None or link.row is None:
        return True
    return (link.modstamp, link.row["LastModifiedById"]) != (stamps["SystemModstamp"], stamps["LastModifiedById"])


def _settled_rows(engine: Engine, record_ids: Sequence[str], until: datetime) -> list[Row]:
    """Read the rows. What was modified or unflagged since the window was asked for is the next window's."""
    if not record_ids:
        return []
    rows = engine.salesforce.rows(engine.mapping.object_name, record_ids, engine.row_fields()).values()
    return [
        row for row in rows if datetime.fromisoformat(row["SystemModstamp"]) < until and row[engine.names.sync_with_aws]
    ]


def require_settled(engine: Engine, row: Row) -> None:
    """Let pass a row whose last second is over, so that a later edit bears a later time.

    A time that lies ahead was stamped before Salesforce's clock was set back; waiting would not help.

    Raises:
        Deferred: the row was modified within the margin.
    """
    if abs(engine.salesforce.server_time() - datetime.fromisoformat(row["SystemModstamp"])) < MARGIN:
        raise Deferred(
            "The row was modified a moment ago; it is read once that second is over.", engine.now() + SETTLING
        )


def sweep_due(engine: Engine, run_id: str, *, at_most: int | None = None) -> int:
    """Look at all flagged records; return how many were queued.

    With ``at_most`` the look ends after about so many records, and the next one goes on from there: other work gets its
    turn in between. :func:`sweep_is_unfinished` tells.
    """
    until = engine.salesforce.server_time() - MARGIN
    begin = datetime.fromisoformat(_position(engine) or EPOCH) if at_most else datetime.fromisoformat(EPOCH)
    flagged = f"{engine.names.sync_with_aws} = true"
    queued = looked = 0
    for page in engine.salesforce.changed(
        engine.mapping.object_name, engine.row_fields(), since=begin, until=until, where=flagged
    ):
        with engine.state.transaction():
            queued += sum(observe(engine, row, run_id, again=True) for row in page)
        looked += len(page)
        last = str(page[-1]["SystemModstamp"])
        # Records of one second are looked at together: the next look begins with that second.
        if at_most and looked >= at_most and datetime.fromisoformat(last) > begin:
            engine.state.cursors.set(_DUE + engine.mapping.object_name, last)
            return queued
    engine.state.cursors.set(_DUE + engine.mapping.object_name, "")
    return queued


def sweep_is_unfinished(engine: Engine) -> bool:
    """Whether the last look over all flagged records ended before its end."""
    return bool(_position(engine))


def _position(engine: Engine) -> str:
    return engine.state.cursors.get(_DUE + engine.mapping.object_name) or ""


def observe(
    engine: Engine, row: Row, run_id: str, *, again: bool = False, requested: bool = False, by_person: bool = False
) -> bool:
    """Judge one row and queue it if it is due.

    ``again`` also looks at rows that were seen in this very form before; ``requested`` says that a person asked for it;
    ``by_person`` that a person changed a related record, which the row itself does not show.
    """
    link = engine.state.links.get(row["Id"])
    snap = snapshot(engine.mapping, row)
    if is_converted(row):
        if link is not None and not is_converted(link.row):
            end_observed(engine, link, row, run_id)
        return False
    if link is not None and not again and _seen_so(engine, link, row, snap):
        return False
    verdict = judge(engine, row, link)
    if link is None and not verdict.due and verdict.code in (*_SETTLED, Code.NOT_FLAGGED, Code.DUMMY_ID):
        return False
    link = link or Link(record_id=row["Id"], object_name=engine.mapping.object_name)
    link.requested = link.requested or requested
    return _conclude(engine, link, row, snap, verdict, run_id, by_person=by_person)


def _seen_so(engine: Engine, link: Link, row: Row, snap: dict[str, str | None]) -> bool:
    """Whether the row was seen in this very form: stamps alone do not tell, since two commits may share a second."""
    same_stamp = link.row is not None and link.modstamp == row["SystemModstamp"]
    return same_stamp and snapshot(engine.mapping, link.row or {}) == snap


def judge(engine: Engine, row: Row, link: Link | None) -> Verdict:
    """Return the verdict on a row, with its reason."""
    return decide(candidate(engine, row, link))


def candidate(engine: Engine, row: Row, link: Link | None) -> Candidate:
    """Gather what the verdict looks at."""
    describe = engine.describe()
    formula = describe.field(engine.names.has_updates)
    snap = snapshot(engine.mapping, row)
    return Candidate(
        row=row,
        names=engine.names,
        integration_users=engine.settings.integration_users,
        now=engine.now(),
        formula_text=formula.formula if formula else None,
        formula_types={name: field.type for name, field in describe.fields.items()},
        formula_extra={SETUP_USER: engine.salesforce.identity().user_id},
        identifier_holder=_holder(engine, row, link),
        pending_invitation=awaits_acceptance(engine, row["Id"], row),
        partner_identifier=_partner_identifier(link),
        **verdict_facts(engine, row["Id"]),
        **(_memory(engine, link, snap) if link else {"known": False}),
    )


def _memory(engine: Engine, link: Link, snap: dict[str, str | None]) -> dict[str, Any]:
    """What the state adds to a row."""
    return {
        "changed": changed_paths(link, snap),
        "known": bool(link.seen),
        "review_status": link.review_status,
        "failures": link.failures,
        "first_failure": datetime.fromisoformat(link.first_failure) if link.first_failure else None,
        "changed_since_failure": link.failed_snapshot is not None and link.failed_snapshot != snap,
        "retry_limit": engine.settings.retry_count,
        "retry_cutoff_days": engine.settings.retry_cutoff_days,
    }


def _partner_identifier(link: Link | None) -> str:
    """Return the partner's identifier that AWS's record bears, as far as it is known: historical data is told by it."""
    if link is None:
        return ""
    told = (link.aws or {}).get("PartnerOpportunityIdentifier") or (link.applied or {}).get(_PARTNER_ID)
    return str(told or "")


def _holder(engine: Engine, row: Row, link: Link | None) -> str:
    """Return the id of another record that owns the AWS identifier which this row carries, empty for none.

    A record with an opportunity of its own is no copy: its identifier was changed, which is told when it goes out.
    """
    if link is not None and link.apn_id and link.status != "new":
        return ""
    carried = row.get(engine.names.apn_id)
    if is_of_other_type(engine, carried):
        # A lead's that conversion copied to its opportunity, for example: whoever has it, this record has not.
        return f"of another type ({carried})"
    owner = engine.state.links.by_apn(carried) if carried else None
    if owner is None or owner.record_id == row["Id"] or is_free(engine, owner):
        return ""
    return owner.record_id


def _conclude(
    engine: Engine,
    link: Link,
    row: Row,
    snap: dict[str, str | None],
    verdict: Verdict,
    run_id: str,
    *,
    by_person: bool,
) -> bool:
    turns = verdict.due and bool(link.seen) and not _seen_so(engine, link, row, snap)
    link.rounds = 0 if by_person or _person(engine, row) or _afresh(engine, link, row, snap) else link.rounds + turns
    link.row, link.modstamp = row, row["SystemModstamp"]
    _confirm_written(link, snap)
    _revive(link)
    _adopt_identifier(engine, link, row)
    if not verdict.due and link.seen:
        link.seen = {**snap, **link.seen}
    engine.state.links.save(link)
    if verdict.due or (link.requested and verdict.code in _SETTLED):
        return _queue(engine, link, run_id)
    if verdict.code is Code.DUMMY_ID and not verdict.edit_waits:
        return False
    if verdict.code not in _SETTLED:
        _tell(engine, link, verdict, run_id)
    elif verdict.code is Code.OWN_WRITE and not link.locked:
        # Nothing waits to go out any more, by whatever way that came about.
        logs.resolve(engine, link.record_id, run_id)
    return False


def _afresh(engine: Engine, link: Link, row: Row, snap: dict[str, str | None]) -> bool:
    """Whether only related records changed, and long after the last turn: what AWS says of one opportunity comes to
    another by the account that both have, which is no automation that runs in circles.
    """
    changed, synced = changed_paths(link, snap), row.get(engine.names.last_sync_date)
    if not changed or not synced or not all("." in path for path in changed):
        return False
    return engine.salesforce.server_time() - datetime.fromisoformat(synced) > QUIET


def _queue(engine: Engine, link: Link, run_id: str) -> bool:
    if link.rounds > ROUNDS:
        logs.log_problems(engine, run_id, link, (_parked(engine, link),))
        return False
    return enqueue_outbound(engine, link, run_id)


def _revive(link: Link) -> None:
    """A row that we see exists: a record that was taken out of the recycle bin is compared anew before anything is
    sent.
    """
    if link.status == "tombstone":
        link.status, link.applied = ("linked" if link.apn_id else "new"), None


def _confirm_written(link: Link, snap: dict[str, str | None]) -> None:
    """What we wrote and now see is seen: a later edit back to the older value is then recognised as an edit."""
    arrived = {path: value for path, value in link.written.items() if snap.get(path) == value}
    link.seen = {**link.seen, **arrived}
    link.written = {path: value for path, value in link.written.items() if path not in arrived}


def _adopt_identifier(engine: Engine, link: Link, row: Row) -> None:
    """Take over the identifier that the row carries. Until AWS confirms it, the link stays new, and the row may take it
    back.
    """
    carried = row.get(engine.names.apn_id)
    if link.status == "new" and link.apn_id and carried != link.apn_id:
        link.apn_id, link.apn_id_written = None, False
        logs.resolve(engine, link.record_id)
    owner = engine.state.links.by_apn(carried) if carried else None
    if owner is not None and owner.record_id != row["Id"] and is_free(engine, owner):
        hand_over(engine, owner)
        owner = None
    if link.apn_id is None and carried and owner is None and not is_of_other_type(engine, carried):
        link.apn_id, link.apn_id_written = carried, True
        engine.state.links.save(link)
        _compare(engine, carried)


def _compare(engine: Engine, apn_id: str) -> None:
    """Have the record compared with what AWS has. Where files are exchanged AWS cannot be asked: its next file about
    the record does it.
    """
    if engine.channel == "api":
        enqueue_inbound(engine, apn_id, logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS))


def _person(engine: Engine, row: Row) -> bool:
    return row.get("LastModifiedById") not in engine.settings.integration_users


def _tell(engine: Engine, link: Link, verdict: Verdict, run_id: str) -> None:
    """A record that is flagged and does not go out: its log says why, once per reason."""
    if verdict.code is Code.HELD_REVIEW and link.apn_id:
        # Its turn waits on the queue until AWS unlocks it.
        enqueue_outbound(engine, link, run_id)
        return
    if verdict.code in _IN_FLIGHT:
        wait_for_result(engine, link, snapshot(engine.mapping, link.row or {}), run_id)
        return
    if verdict.code is Code.NOT_COMPARED and link.apn_id:
        _compare(engine, link.apn_id)
        return
    if verdict.code is Code.NOT_COMPARED and awaits_acceptance(engine, link.record_id, link.row or {}):
        return  # both sides are compared once the referral is accepted; until then nobody's edit waits
    if verdict.code is Code.PENDING_INVITATION:
        row = link.row or {}
        logs.log_problems(
            engine, run_id, link, (typed_decision(engine, link, row) or not_accepted(engine, link.record_id, row),)
        )
        return
    problem = Problem(verdict.code.name, "", "", verdict.reason, "")
    if verdict.code in _REPEATED:
        # What was wrong with the record stays open beside it.
        logs.note_problem(engine, run_id, link, problem)
    else:
        logs.log_problems(engine, run_id, link, (problem,))


def _parked(engine: Engine, link: Link) -> Problem:
    rewritten = changed_paths(link, snapshot(engine.mapping, link.row or {}))
    return Problem(
        "PARKED_ROUND_TRIPS",
        "",
        ", ".join(rewritten),
        "The record changed several times without a person's edit: automation in the org rewrites it.",
        "Stop the flow or trigger that rewrites what AWS sends, or switch inbound updates off for its fields; "
        "the next edit by a person is sent again.",
    )
