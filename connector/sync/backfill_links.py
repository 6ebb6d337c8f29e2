"""Which Salesforce record is an opportunity's own, where neither side says so: proposals, and what the admin decided.

Nothing is linked by likeness alone, and nothing is created that may be there already: an opportunity with a likely
record waits until a person has decided, and so does the record, which would otherwise be shared a second time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.errors import Problem, RecordRejected
from connector.mapping.outbound import snapshot
from connector.mapping.paths import read_path
from connector.store.backfills import Proposal
from connector.store.candidates import Candidate, Candidates
from connector.store.queue import Item, Work
from connector.sync import logs
from connector.sync.adoption import adopt, as_it_stands, filled_paths, is_record_id
from connector.sync.arrival import fetch
from connector.sync.edits import differing_paths
from connector.sync.engine import Engine, Priority
from connector.sync.inbound import apply, read_row
from connector.sync.likeness import PROPOSED_FROM, Deal, company_word, host_of, likeness
from connector.sync.observe import EPOCH
from connector.sync.ports import Json, Row
from connector.sync.queueing import OUTBOUND, READ_LANE, enqueue_inbound
from connector.sync.writeback import SERVER_TIME, put

BACKFILL_LINK = "backfill-link"
MOST_PROPOSED = 3
LINK, CREATE, SKIP = "link", "create", "skip"
_APN_ID = re.compile(r"O[0-9]{1,19}\Z")
_COMPARED = {"company": "customerCompanyName", "title": "partnerProjectTitle", "website": "customerWebsite",
             "close_date": "targetCloseDate"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decided:
    """One row of the admin's file.

    Attributes:
        number: of the line in the file, for messages.
        apn_id: AWS's id of the opportunity.
        record_id: the record to link; empty where none is named.
        decision: ``link``, ``create``, ``skip``, or empty for none.
    """

    number: int
    apn_id: str
    record_id: str
    decision: str


# --- proposing


def load_candidates(engine: Engine) -> Candidates:
    """Return all records of the mapped object that have no opportunity, looked at once, page by page."""
    found = Candidates()
    paths = {part: _path_of(engine, name) for part, name in _COMPARED.items()}
    has_name = engine.describe().field("Name") is not None
    wanted = ("Id", *(("Name",) if has_name else ()), *filter(None, paths.values()))
    pages = engine.salesforce.changed(
        engine.mapping.object_name,
        tuple(dict.fromkeys(wanted)),
        since=datetime.fromisoformat(EPOCH),
        # A bound that lies ahead: what was saved in this very second is there, too.
        until=engine.salesforce.server_time() + timedelta(days=1),
        where=_without_opportunity(engine),
    )
    for page in pages:
        found.add(_candidate(row, paths) for row in page if not _is_linked(engine, row["Id"]))
    return found


def _without_opportunity(engine: Engine) -> str:
    """Return the condition on records; a referral that waits for an answer has an opportunity of its own to come."""
    invitation = engine.names.invitation_id
    known = (engine.names.apn_id, *((invitation,) if engine.describe().field(invitation) else ()))
    return " AND ".join(f"{name} = null" for name in known)


def _path_of(engine: Engine, ace_field: str) -> str:
    return next((item.path for item in engine.mapping.fields if item.ace_field == ace_field), "")


def _is_linked(engine: Engine, record_id: str) -> bool:
    link = engine.state.links.get(record_id)
    return link is not None and link.apn_id is not None


def _candidate(row: Row, paths: dict[str, str]) -> Candidate:
    texts = {part: str(read_path(row, path) or "") if path else "" for part, path in paths.items()}
    name = str(row.get("Name") or "")
    texts["title"] = texts["title"] or name
    return Candidate(
        record_id=row["Id"], name=name, word=company_word(texts["company"]), host=host_of(texts["website"]), **texts
    )


def propose(engine: Engine, candidates: Candidates, summary: Json) -> list[Proposal]:
    """Return the likeliest records of an opportunity, best first; AWS is asked for its title only where the customer
    fits.
    """
    account = (summary.get("Customer") or {}).get("Account") or {}
    life = summary.get("LifeCycle") or {}
    company, website = str(account.get("CompanyName") or ""), str(account.get("WebsiteUrl") or "")
    alike = candidates.alike(company_word(company), host_of(website), company)
    deal = Deal(company, "", website, str(life.get("TargetCloseDate") or ""))
    if not any(likeness(deal, deal_of(one))[0] for one in alike):
        return []
    deal = Deal(deal.company, _title(engine, summary["Id"]), deal.website, deal.close_date)
    scored = [(one, *likeness(deal, deal_of(one))) for one in alike]
    likely = sorted((one for one in scored if one[1] >= PROPOSED_FROM), key=lambda one: (-one[1], one[0].record_id))
    return [
        Proposal(summary["Id"], company, deal.title, one.record_id, one.name, score, reason)
        for one, score, reason in likely[:MOST_PROPOSED]
    ]


def deal_of(one: Candidate) -> Deal:
    """Return what is compared of a record."""
    return Deal(one.company, one.title, one.website, one.close_date)


def _title(engine: Engine, apn_id: str) -> str:
    try:
        answer = engine.partner_central.get_opportunity(apn_id)
    except RecordRejected:
        return ""
    return str((answer.get("Project") or {}).get("Title") or "")


# --- deciding


def check_decisions(engine: Engine, rows: Sequence[Decided]) -> list[Problem]:
    """Return everything that is wrong with the file, each problem naming its row; nothing is changed."""
    made = [row for row in rows if row.decision]
    links = [row for row in made if row.decision == LINK]
    return [
        *_wrong_words(made),
        *_unknown_opportunities(engine, made),
        *_contradictions(made),
        *_wrong_records(engine, links),
        *_linked_already(engine, made),
    ]


def _problem(row: Decided, value: str, rule: str, remedy: str) -> Problem:
    return Problem("DECISION_REFUSED", f"row {row.number}", value, rule, remedy)


def _wrong_words(rows: Sequence[Decided]) -> Iterator[Problem]:
    for row in rows:
        if row.decision not in (LINK, CREATE, SKIP):
            yield _problem(
                row, row.decision, "The decision must be link, create or skip.", "Write one of them, or leave it empty."
            )


def _unknown_opportunities(engine: Engine, rows: Sequence[Decided]) -> Iterator[Problem]:
    asked = {row.apn_id for row in rows if _APN_ID.match(row.apn_id)}
    unknown = sorted(one for one in asked if engine.state.backfills.decision(one) is None)
    known = asked.difference(unknown)
    if unknown:
        pages = engine.partner_central.list_opportunities(identifiers=unknown)
        known |= {summary["Id"] for page in pages for summary in page}
    for row in rows:
        if row.apn_id not in known:
            yield _problem(
                row, row.apn_id, "Partner Central has no such opportunity.", "Copy its id (O and digits) from there."
            )


def _contradictions(rows: Sequence[Decided]) -> Iterator[Problem]:
    first: dict[str, Decided] = {}
    takers: dict[str, Decided] = {}
    for row in rows:
        other = first.setdefault(row.apn_id, row)
        if other is not row and (LINK in (other.decision, row.decision) or other.decision != row.decision):
            yield _problem(
                row, row.apn_id, f"Row {other.number} decides about this opportunity already.", "Keep one of the two."
            )
        if row.decision != LINK:
            continue
        taker = takers.setdefault(row.record_id, row)
        if row.record_id and taker.apn_id != row.apn_id:
            rule = f"Row {taker.number} links this record to {taker.apn_id}; a record has one opportunity."
            yield _problem(row, row.record_id, rule, "Keep one of the two.")


def _wrong_records(engine: Engine, rows: Sequence[Decided]) -> Iterator[Problem]:
    fitting = [row.record_id for row in rows if is_record_id(engine, row.record_id)]
    object_name, carried = engine.mapping.object_name, engine.names.apn_id
    found = engine.salesforce.rows(object_name, fitting, ("Id", carried)) if fitting else {}
    for row in rows:
        if row.record_id not in fitting:
            rule = f"It is no id of {object_name} of 18 characters."
            yield _problem(row, row.record_id, rule, "Copy the id from the record's address, or decide create or skip.")
        elif row.record_id not in found:
            rule = f"{object_name} has no such record, or the integration user cannot see it."
            yield _problem(row, row.record_id, rule, "Name another record, or decide create or skip.")
        elif found[row.record_id].get(carried) not in (None, "", row.apn_id):
            rule = f"The record carries {found[row.record_id][carried]} in {carried}."
            yield _problem(row, row.record_id, rule, "Name another record, or clear the field if it is wrong.")


def _linked_already(engine: Engine, rows: Sequence[Decided]) -> Iterator[Problem]:
    for row in rows:
        if row.decision != LINK and row.decision == engine.state.backfills.decision(row.apn_id):
            # It was carried out: the same file may be read in again.
            continue
        mine = engine.state.links.get(row.record_id) if row.decision == LINK else None
        theirs = engine.state.links.by_apn(row.apn_id)
        if mine is not None and mine.apn_id not in (None, row.apn_id):
            rule = f"The record is linked to {mine.apn_id} already."
            yield _problem(row, row.record_id, rule, "Name another record, or decide create or skip.")
        if theirs is not None and (row.decision != LINK or theirs.record_id != row.record_id):
            rule = f"The opportunity is linked to record {theirs.record_id} already."
            yield _problem(row, row.apn_id, rule, "Leave its decision empty.")


def apply_decisions(engine: Engine, rows: Sequence[Decided], run_id: str) -> dict[str, int]:
    """Carry out decisions that were checked: each is kept and its work queued in one transaction, so that a run which
    is cut off is simply repeated. Return how many of each kind were new: a pair that is linked and compared already
    stays as it is, with the edits that wait.
    """
    counts = dict.fromkeys((LINK, CREATE, SKIP), 0)
    for row in rows:
        known = row.decision == LINK and _is_compared(engine, row)
        if row.decision and not known and engine.state.backfills.decision(row.apn_id) != row.decision:
            with engine.state.transaction():
                _decide(engine, row, run_id)
            counts[row.decision] += 1
    return counts


def _is_compared(engine: Engine, row: Decided) -> bool:
    link = engine.state.links.get(row.record_id)
    return link is not None and (link.apn_id, link.status) == (row.apn_id, "linked") and link.applied is not None


def _decide(engine: Engine, row: Decided, run_id: str) -> None:
    waiting = {one.record_id for one in engine.state.backfills.proposals(row.apn_id)}
    if row.decision == LINK:
        engine.state.backfills.decide(row.apn_id, "link")
        # What was about to be created is not what the record is linked to now.
        engine.state.shares.delete(row.record_id)
        adopt(engine, row.record_id, row.apn_id)
        drop_waiting_share(engine, row.record_id)
        engine.state.queue.enqueue(_link_work(row, run_id), engine.now())
    elif row.decision == CREATE:
        engine.state.backfills.decide(row.apn_id, "create")
        enqueue_inbound(engine, row.apn_id, run_id, priority=Priority.BACKFILL)
    else:
        engine.state.backfills.decide(row.apn_id, "skip")
    for record_id in waiting - {row.record_id if row.decision == LINK else ""}:
        engine.state.queue.release(record_id, engine.now())


def drop_waiting_share(engine: Engine, record_id: str) -> None:
    """The record has its opportunity: what waited to create one has nothing to do any more."""
    held, waiting = (engine.state.queue.list(state, key=record_id) for state in ("held", "waiting"))
    for item in (*held, *(one for one in waiting if one.kind == OUTBOUND)):
        engine.state.queue.cancel(item.id)
    logs.resolve(engine, record_id)


def _link_work(row: Decided, run_id: str) -> Work:
    """A person waits for it, and nothing may go out for the record before both sides are remembered as they stand."""
    payload = {"apn_id": row.apn_id, "run": run_id}
    return Work(BACKFILL_LINK, row.record_id, lane=READ_LANE, priority=Priority.EDIT - 1, payload=payload)


def link_record(engine: Engine, item: Item) -> None:
    """Remember both sides of a pair that an admin confirmed as they stand, and mark the record as synchronised: nothing
    is sent, and what the record says is not written over, until somebody changes it (OPS-17). What the record leaves
    empty, and what is AWS's own word, comes in. The log names what differs.
    """
    apn_id, run_id = str(item.payload["apn_id"]), str(item.payload["run"])
    link = engine.state.links.get(item.key)
    if link is None or link.apn_id != apn_id or link.status == "tombstone":
        return
    arrival = fetch(engine, apn_id)
    row = read_row(engine, link)
    if row is None:
        return
    link.seen, link.modstamp = snapshot(engine.mapping, row), row["SystemModstamp"]
    link.origin = "aws" if arrival.record.get("opportunityOwnership") == "AWS Referral" else "partner"
    link.applied = as_it_stands(engine, link, arrival.record)
    differing = sorted(differing_paths(engine, arrival.record, row).intersection(filled_paths(link)))
    with engine.state.transaction():
        apply(engine, link, row, arrival, run_id)
        marks = {engine.names.apn_id: apn_id, engine.names.sync_with_aws: True}
        put(engine, link, {**marks, engine.names.last_sync_date: SERVER_TIME})
        note = f" The two sides differ in: {', '.join(differing)}." if differing else ""
        logs.log_success(engine, run_id, link, arrival.answer, f"Linked as an admin decided.{note}")
