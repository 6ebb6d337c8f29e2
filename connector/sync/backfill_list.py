"""ACE's list of a partner's opportunities or leads, matched with the records before going live (OPS-17 to OPS-19).

AWS hands the list out during the onboarding and takes it back with the partner's identifiers. It needs no call to AWS:
partners whose records travel by files may have no access to Partner Central's API.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum

from connector.ace.catalogue import opportunity_fields
from connector.ace.file_fields import DECISION, PARTNER_ID, RecordType
from connector.eligibility.formula import case_safe_id
from connector.eligibility.rules import is_dummy_identifier
from connector.errors import Problem
from connector.mapping.outbound import snapshot
from connector.store.candidates import Candidates
from connector.store.links import CLOSED_STAGES
from connector.sync import logs
from connector.sync.adoption import adopt, is_record_id
from connector.sync.backfill_links import deal_of, drop_waiting_share, load_candidates
from connector.sync.engine import Engine
from connector.sync.likeness import PROPOSED_FROM, Deal, company_word, host_of, likeness
from connector.sync.plan import REFERRAL
from connector.sync.ports import Row
from connector.sync.writeback import SERVER_TIME, put

SKIP, ACCEPTED = "skip", "Accepted"
MANY = 200
_APN_IDS: Mapping[RecordType, re.Pattern[str]] = {
    "opportunity": re.compile(r"O[0-9]{1,19}"),
    "lead": re.compile(r"L[0-9]{1,19}"),
}
_STAND_IN = re.compile(r"X([0-9]+)", re.IGNORECASE)


class Kind(StrEnum):
    """What became of an entry of the list."""

    LINKED = "linked"
    EXCLUDED = "not to be processed"
    UNMATCHED = "unmatched"
    REFUSED = "cannot be linked"


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of ACE's list.

    Attributes:
        number: of the line in the file, for messages.
        apn_id, partner_id: the two identifiers as the list has them; the partner's may be empty.
        deal: what the row tells of the deal, to find records that are alike.
        stage, status, ownership, acceptance: in AWS's words, empty where the list does not say.
        decision: ``skip`` for one that is not to be processed, else empty.
    """

    number: int
    apn_id: str
    partner_id: str
    deal: Deal = field(default_factory=Deal)
    stage: str = ""
    status: str = ""
    ownership: str = ""
    acceptance: str = ""
    decision: str = ""


@dataclass(frozen=True, slots=True)
class Matched:
    """An entry with what becomes of it.

    Attributes:
        partner_id: what goes back to ACE: the record's id, a stand-in for what is not processed, or nothing.
        remark: in words, why.
    """

    listed: Listed
    kind: Kind
    partner_id: str = ""
    remark: str = ""


def wrong_rows(rows: Sequence[Listed], record_type: RecordType) -> list[Problem]:
    """Return everything that is wrong with the list itself, each problem naming its row."""
    found = [*_wrong_ids(rows, record_type), *_wrong_decisions(rows)]
    counts = Counter(row.apn_id for row in rows)
    twice = (row for row in rows if counts[row.apn_id] > 1 and row.apn_id)
    return [*found, *(_problem(row, row.apn_id, "The list has it more than once.", "Keep one row.") for row in twice)]


def _wrong_ids(rows: Iterable[Listed], record_type: RecordType) -> Iterator[Problem]:
    letter = "O" if record_type == "opportunity" else "L"
    for row in rows:
        if not _APN_IDS[record_type].fullmatch(row.apn_id):
            rule = f"AWS's identifier of {record_type}s is {letter} and digits."
            yield _problem(row, row.apn_id, rule, "Take the list as AWS gave it to you.")


def _wrong_decisions(rows: Iterable[Listed]) -> Iterator[Problem]:
    for row in rows:
        if row.decision not in ("", SKIP):
            yield _problem(row, row.decision, "The decision is skip or nothing.", "Write skip, or leave it empty.")


def _problem(row: Listed, value: str, rule: str, remedy: str) -> Problem:
    return Problem("LIST_REFUSED", f"row {row.number}", value, rule, remedy)


def match(engine: Engine, rows: Sequence[Listed], *, closed: Collection[str] = ()) -> list[Matched]:
    """Return what becomes of each row of a sound list, in its order; nothing is changed.

    Args:
        closed: stages whose entries are not to be processed.
    """
    excluded = [row for row in rows if _is_excluded(engine, row, closed)]
    numbers = _stand_ins(excluded)
    open_rows = [row for row in rows if row.apn_id not in numbers]
    records = _records(engine, open_rows)
    found = _checked(engine, {row.apn_id: records.get(row.apn_id, "") for row in open_rows})
    by_id = {row.apn_id: found[row.apn_id] for row in open_rows}
    unmatched = [row for row in open_rows if by_id[row.apn_id] == ("", "")]
    likely = _likely(engine, unmatched) if unmatched else {}
    return [
        Matched(row, Kind.EXCLUDED, numbers[row.apn_id], _why_excluded(row))
        if row.apn_id in numbers
        else _concluded(row, *by_id[row.apn_id], likely.get(row.apn_id, ""))
        for row in rows
    ]


def _is_excluded(engine: Engine, row: Listed, closed: Collection[str]) -> bool:
    if is_dummy_identifier(row.partner_id):
        return True
    if _linked_record(engine, row):
        return False
    is_closed = row.stage.casefold() in {stage.casefold() for stage in closed}
    return is_closed or SKIP in (row.decision, engine.state.backfills.decision(row.apn_id))


def _linked_record(engine: Engine, row: Listed) -> str:
    link = engine.state.links.by_apn(row.apn_id)
    return link.record_id if link is not None and link.status != "tombstone" else ""


def _why_excluded(row: Listed) -> str:
    return f"{Kind.EXCLUDED} ({row.stage})" if row.stage in CLOSED_STAGES else str(Kind.EXCLUDED)


def _stand_ins(rows: Sequence[Listed]) -> dict[str, str]:
    """Return a stand-in for each: those that the list has already stay, the others follow on (OPS-18)."""
    kept = {row.apn_id: row.partner_id.strip() for row in rows if is_dummy_identifier(row.partner_id)}
    numbers = (int(found[1]) for one in kept.values() if (found := _STAND_IN.fullmatch(one)))
    last = max(numbers, default=0)
    new = (row.apn_id for row in rows if row.apn_id not in kept)
    return kept | {apn_id: f"X{number:04d}" for number, apn_id in enumerate(new, start=last + 1)}


def _records(engine: Engine, rows: Sequence[Listed]) -> dict[str, str]:
    """Return the record of each that has one: as linked, as the record itself carries the id, or as the list says."""
    carried = _carriers(engine, [row.apn_id for row in rows])
    found = {}
    for row in rows:
        named = case_safe_id(row.partner_id)
        own = named if is_record_id(engine, named) else ""
        found[row.apn_id] = _linked_record(engine, row) or carried.get(row.apn_id.upper(), "") or own
    return found


def _carriers(engine: Engine, apn_ids: Sequence[str]) -> dict[str, str]:
    name, found = engine.names.apn_id, dict[str, str]()
    for start in range(0, len(apn_ids), MANY):
        listed = ", ".join(f"'{one}'" for one in apn_ids[start : start + MANY])
        soql = f"SELECT Id, {name} FROM {engine.mapping.object_name} WHERE {name} IN ({listed})"  # noqa: S608 - checked
        found |= {str(row[name]).upper(): str(row["Id"]) for row in engine.salesforce.query(soql)}
    return found


def _checked(engine: Engine, wanted: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return by AWS's id the record, or why it cannot be the one; two empty texts where there is none."""
    ids = sorted({record_id for record_id in wanted.values() if record_id})
    rows: dict[str, Row] = {}
    for start in range(0, len(ids), MANY):
        part = ids[start : start + MANY]
        rows |= engine.salesforce.rows(engine.mapping.object_name, part, ("Id", engine.names.apn_id))
    counts = Counter(wanted.values())
    found = {}
    for apn_id, record_id in wanted.items():
        reason = _objection(engine, apn_id, record_id, rows.get(record_id), counts[record_id]) if record_id else ""
        found[apn_id] = (record_id, reason)
    return found


def _objection(engine: Engine, apn_id: str, record_id: str, row: Row | None, times: int) -> str:
    if times > 1:
        return f"the list names {record_id} more than once"
    if row is None:
        return f"{engine.mapping.object_name} has no record {record_id} that the integration user sees"
    link = engine.state.links.get(record_id)
    other = str(row.get(engine.names.apn_id) or "") or (link.apn_id if link else None) or apn_id
    return "" if other.upper() == apn_id.upper() else f"{record_id} belongs to {other}"


def _concluded(row: Listed, record_id: str, reason: str, likely: str) -> Matched:
    if row.decision == SKIP and not reason:
        reason = f"it is to be skipped, and is linked to {record_id} already"
    if reason:
        return Matched(row, Kind.REFUSED, "", f"{Kind.REFUSED}: {reason}")
    if not record_id:
        return Matched(row, Kind.UNMATCHED, "", f"{Kind.UNMATCHED}{likely and f'; likely {likely}'}")
    return Matched(row, Kind.LINKED, record_id, str(Kind.LINKED))


def _likely(engine: Engine, rows: Sequence[Listed]) -> dict[str, str]:
    """Return in words the record that is most alike, where one is: for a person, who decides."""
    with closing(load_candidates(engine)) as candidates:
        return {row.apn_id: words for row in rows if (words := _most_alike(candidates, row.deal))}


def _most_alike(candidates: Candidates, deal: Deal) -> str:
    alike = candidates.alike(company_word(deal.company), host_of(deal.website), deal.company)
    scored = [(*likeness(deal, deal_of(one)), one) for one in alike]
    best = max(scored, key=lambda one: (one[0], one[2].record_id), default=None)
    if best is None or best[0] < PROPOSED_FROM:
        return ""
    return f"{best[2].record_id} ({best[2].name}; {best[1]})"


def link_all(engine: Engine, found: Sequence[Matched], run_id: str) -> int:
    """Carry the list out; return how many records were linked that were not before.

    A linked record is flagged and stamped, and counts as it stands: nothing is sent, and what it says is not written
    over, until somebody changes it on either side. It may be repeated.
    """
    for one in found:
        if one.kind is Kind.EXCLUDED and engine.state.links.by_apn(one.listed.apn_id) is None:
            engine.state.backfills.decide(one.listed.apn_id, "skip")
    new = [one for one in found if one.kind is Kind.LINKED and not _is_linked(engine, one)]
    for start in range(0, len(new), MANY):
        part = new[start : start + MANY]
        ids = [one.partner_id for one in part]
        rows = engine.salesforce.rows(engine.mapping.object_name, ids, engine.row_fields())
        for one in part:
            if one.partner_id in rows:
                _link(engine, one, rows[one.partner_id], run_id)
    return len(new)


def _is_linked(engine: Engine, one: Matched) -> bool:
    link = engine.state.links.get(one.partner_id)
    return link is not None and (link.apn_id, link.status) == (one.listed.apn_id, "linked") and bool(link.seen)


def _link(engine: Engine, one: Matched, row: Row, run_id: str) -> None:
    apn_id, record_id = one.listed.apn_id, one.partner_id
    with engine.state.transaction():
        engine.state.backfills.decide(apn_id, "link")
        engine.state.shares.delete(record_id)
        link = adopt(engine, record_id, apn_id)
        drop_waiting_share(engine, record_id)
        link.row, link.seen, link.modstamp = row, snapshot(engine.mapping, row), row["SystemModstamp"]
        foreign = engine.record_type == "lead" or one.listed.ownership.casefold() == REFERRAL.casefold()
        link.origin = "aws" if foreign else "partner"
        link.stage, link.review_status = one.listed.stage, _review_status(one.listed)
        engine.state.links.save(link)
        marks = {engine.names.apn_id: apn_id, engine.names.sync_with_aws: True}
        put(engine, link, {**marks, engine.names.last_sync_date: SERVER_TIME})
        logs.log_success(engine, run_id, link, {}, "Linked as ACE's list says; nothing was sent.")


def _review_status(row: Listed) -> str:
    """Return what the list tells of the review: what was accepted is no referral that waits for an answer."""
    accepted = row.acceptance.casefold() == ACCEPTED.casefold()
    return row.status or ("Approved" if accepted else "")


def lacking(found: Iterable[Matched]) -> list[Matched]:
    """Return AWS's own referrals that were accepted and are open, and would have no partner identifier (OPS-19).

    Where the list does not say whose they are, or whether they were accepted, all open ones without one.
    """
    return [one for one in found if not one.partner_id and _counts(one.listed)]


def _counts(row: Listed) -> bool:
    shared = row.ownership.casefold() in ("", REFERRAL.casefold())
    return shared and row.acceptance.casefold() in ("", ACCEPTED.casefold()) and row.stage not in CLOSED_STAGES


def lacking_here(engine: Engine) -> Iterator[tuple[str, str]]:
    """Yield (AWS's identifier, the record's id or nothing) of AWS's own open referrals, accepted, that have no partner
    identifier at AWS (OPS-19): as AWS's list says, or where records travel by files as its last files said.
    """
    found = _by_files(engine) if engine.channel == "files" else _by_list(engine)
    for apn_id in found:
        link = engine.state.links.by_apn(apn_id)
        yield apn_id, link.record_id if link is not None and link.status != "tombstone" else ""


def _by_files(engine: Engine) -> Iterator[str]:
    partner_id = PARTNER_ID[engine.record_type]
    for link in engine.state.links.iterate(status="linked", object_name=engine.mapping.object_name):
        said = link.applied or {}
        shared = link.origin == "aws" and link.apn_id and said.get(DECISION, ACCEPTED) == ACCEPTED
        if shared and link.stage not in CLOSED_STAGES and partner_id in said and not said[partner_id]:
            yield str(link.apn_id)


def _by_list(engine: Engine) -> Iterator[str]:
    """The list does not say whose an opportunity is, so that AWS is asked of each that has no identifier."""
    open_stages = [stage for stage in opportunity_fields()["stage"].values if stage not in CLOSED_STAGES]
    for page in engine.partner_central.list_opportunities(stages=open_stages):
        for summary in page:
            if not summary.get("PartnerOpportunityIdentifier"):
                view = engine.partner_central.get_aws_opportunity_summary(str(summary["Id"]))
                if view.get("Origin") == REFERRAL:
                    yield str(summary["Id"])
