"""The planner of the file channel: pure. From what is known of one record to what its turn towards AWS is to do.

A file is not answered at once, and nothing of AWS's side can be asked for. Hence an update carries what a person
changed, and nothing else; what AWS refuses to change, or does not take in the present version, is told beside it.

Where nothing is known of AWS's side although the record has an identifier of AWS (the state was lost, or the identifier
was entered by hand), the record goes out as a whole, so that an edit made meanwhile is not lost; the partner's
identifier is always the record's own, so that AWS updates what it has and creates nothing. Empty fields stay out of
that file: whether a person cleared them, or AWS's value never came in, nobody can tell, and a ``null`` deletes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from connector.ace import file_rules, lead_rules, lifecycle
from connector.ace.catalogue import Moment
from connector.ace.file_fields import (
    DECISION,
    PARTNER_ID,
    REASON,
    RecordType,
    Sent,
    Version,
    file_fields,
)
from connector.ace.file_shape import FileRecord, LeftOut, decision_entry, lead_entry, opportunity_entry
from connector.ace.formats import shown
from connector.ace.record import AceRecord, Value
from connector.ace.text import same
from connector.eligibility.rules import is_dummy_identifier
from connector.errors import Problem
from connector.mapping.currency import AMOUNTS, CURRENCY
from connector.sync.exchange import entry_problems
from connector.sync.plan import Await, Hold, Reject

ACCEPTED, REJECTED = "Accepted", "Rejected"
_ANSWERS = (ACCEPTED, REJECTED)
_OWNERSHIP, _ACCEPT_BY, _AWS_REFERRAL = "opportunityOwnership", "acceptBy", "AWS Referral"


@dataclass(frozen=True, slots=True)
class Send:
    """The record goes out in the next file.

    Attributes:
        file: as the file carries it, and what it cannot carry.
        record: what of the canonical record is sent.
        decision: what it answers to a referral, ``Accepted`` or ``Rejected``; empty otherwise.
        told: edits that do not go along, to be told of.
    """

    file: FileRecord
    record: AceRecord
    decision: str = ""
    told: tuple[Problem, ...] = ()

    @property
    def later(self) -> tuple[str, ...]:
        """ACE names of what AWS takes only once it has given the opportunity its identifier."""
        return tuple(name for name, why in self.file.left_out.items() if why is LeftOut.AFTER_CREATION)


@dataclass(frozen=True, slots=True)
class Settle:
    """There is nothing to send: the row is remembered as handled. ``told``: edits that AWS does not take."""

    told: tuple[Problem, ...] = ()


Action = Send | Settle | Hold | Await | Reject


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """What the planner knows of one record.

    Attributes:
        record_id: 18-character id of the Salesforce record, which is the partner's identifier for ever (OUT-05).
        record: the row as a canonical record.
        mapping_problems: values that could not be translated.
        version: of the payload.
        today: the UTC date that date rules are held against.
        apn_id: AWS's identifier, None while there is none.
        confirmed: AWS itself has named that identifier, so that its form is not questioned.
        known: AWS's side as last known; None while nothing is.
        edited: ACE fields that a person changed since the record was last handled; None when it never was.
        kept: ACE fields of which Salesforce's word counts, edited or not: inbound updates are off.
        review_status: AWS's, as last known; empty for a lead.
        brought: the record was made of what AWS exported, and has a field for AWS's review status.
    """

    record_type: RecordType
    record_id: str
    record: AceRecord
    version: Version
    today: date
    mapping_problems: tuple[Problem, ...] = ()
    apn_id: str | None = None
    confirmed: bool = False
    known: AceRecord | None = None
    edited: frozenset[str] | None = None
    kept: frozenset[str] = field(default=frozenset())
    review_status: str = ""
    brought: bool = False


def plan_entry(facts: EntryFacts) -> Action:
    """Return what the record's turn is to do."""
    if refusal := _refusal(facts):
        return Reject((refusal,))
    if is_undecided(facts):
        return _plan_decision(facts)
    if lifecycle.final(facts.review_status):
        return Reject((entry_problems.rejected_by_aws(),))
    wanted = _wanted(facts)
    if facts.record_type == "opportunity" and lifecycle.locked(facts.review_status):
        if wanted or _untranslated(facts):
            return Hold(entry_problems.held_in_review(facts.review_status))
        return Settle(tuple(_not_carried(facts, wanted)))
    return _plan_change(facts, wanted)


def is_undecided(facts: EntryFacts) -> bool:
    """Whether the record is a referral that nobody has accepted or rejected, as far as is known."""
    if not facts.apn_id:
        return False
    known = facts.known
    if facts.record_type == "lead":
        return (facts.record if known is None else known).get(entry_problems.LEAD_STAGE) not in _ANSWERS
    if facts.review_status:
        return False
    if known is None:
        # AWS reviews everything but a referral without an answer: a decision that is entered is given first, and
        # without one what AWS made, and does not review, waits for it.
        return facts.brought or facts.record.get(DECISION) in _ANSWERS
    referred = known.get(_OWNERSHIP) == _AWS_REFERRAL or known.get(_ACCEPT_BY) is not None
    return referred and known.get(DECISION) not in _ANSWERS


def _refusal(facts: EntryFacts) -> Problem | None:
    """Return why nothing of the record is ever sent in its present form, None if it may be."""
    if facts.record_type == "lead" and not facts.apn_id:
        (own,) = lead_rules.problems({}, version=facts.version, partner_id=facts.record_id, apn_id=None)
        return own
    if facts.apn_id and not facts.confirmed and not _well_formed(facts):
        return entry_problems.malformed(facts.record_type, facts.apn_id)
    known = facts.known or {}
    historical = str(known.get(PARTNER_ID[facts.record_type]) or "")
    if is_dummy_identifier(historical):
        return entry_problems.historical(facts.record_type, historical)
    if known.get(entry_problems.DECIDING[facts.record_type]) == REJECTED:
        return entry_problems.declined(facts.record_type)
    return None


def _well_formed(facts: EntryFacts) -> bool:
    letter, _ = entry_problems.IDENTIFIERS[facts.record_type]
    return re.fullmatch(rf"{letter}[0-9]{{1,17}}", facts.apn_id or "", re.IGNORECASE) is not None


# --- referrals


def _plan_decision(facts: EntryFacts) -> Action:
    """The answer alone goes out; other edits wait until AWS has taken it (ELIG-17, OUT-34, LEAD-07)."""
    name = entry_problems.DECIDING[facts.record_type]
    decision = facts.record.get(name)
    if decision is None or (facts.record_type == "lead" and decision not in _ANSWERS):
        unread = tuple(problem for problem in facts.mapping_problems if problem.field == name)
        return Reject(unread) if unread else Await(entry_problems.not_decided(facts.record_type, _label(facts, name)))
    if facts.record_type == "lead":
        return _plan_lead_decision(facts, str(decision))
    reason = facts.record.get(REASON) if decision == REJECTED else None
    text = None if reason is None else str(reason)
    problems = file_rules.decision_problems(str(decision), text, version=facts.version)
    if problems:
        return Reject(problems)
    file = decision_entry(
        str(decision), reason=text, partner_id=facts.record_id, apn_id=facts.apn_id or "", version=facts.version
    )
    sent: AceRecord = {DECISION: decision} | ({REASON: reason} if REASON in file.entry else {})
    return Send(file, sent, str(decision))


def _plan_lead_decision(facts: EntryFacts, decision: str) -> Action:
    record = {**_always(facts), entry_problems.LEAD_STAGE: facts.record[entry_problems.LEAD_STAGE]}
    problems = _lead_problems(facts, record)
    return Reject(problems) if problems else Send(_lead_file(facts, record), record, decision)


def _label(facts: EntryFacts, name: str) -> str:
    return file_fields(facts.record_type, facts.version)[name].ace.label


# --- changes


def _wanted(facts: EntryFacts) -> dict[str, Value]:
    """Return what of the record is to be at AWS otherwise than it is, as far as is known; everything where nothing is.

    Fields that a file never carries are not among it.
    """
    record, at_aws = facts.record, facts.known or {}
    if facts.apn_id is None or (facts.known is None and facts.edited is None):
        return {name: value for name, value in record.items() if value is not None}
    differing = {name for name in facts.kept if name in at_aws}
    names = (facts.edited if facts.edited is not None else frozenset(record)) | differing
    return {
        name: value
        for name, value in record.items()
        if name in names and _is_sent(facts, name) and not (name in at_aws and same(at_aws[name], value))
    }


def _is_sent(facts: EntryFacts, name: str) -> bool:
    """Whether any version's file carries the field."""
    fields = (file_fields(facts.record_type, version).get(name) for version in Version)
    return any(one is not None and one.sent in (Sent.ALWAYS, Sent.AFTER_CREATION) for one in fields)


def _plan_change(facts: EntryFacts, wanted: Mapping[str, Value]) -> Action:
    untranslated, locked = _untranslated(facts), _locked(facts, wanted)
    refused = {problem.field for problem in locked}
    # Of what AWS is not known to have nobody can tell that it is an edit.
    told = locked if facts.known is not None else ()
    unchanged = {name: value for name, value in wanted.items() if name not in refused}
    told += tuple(_not_carried(facts, unchanged))
    file = _file(facts, unchanged)
    carried = _carried(facts, unchanged, file)
    if not carried and facts.apn_id is not None:
        return Reject(untranslated) if untranslated else Settle(told)
    problems = untranslated + _problems(facts, unchanged)
    if problems:
        return Reject(tuple(dict.fromkeys(problems)))
    return Send(file, {**(_always(facts) if facts.record_type == "lead" else {}), **carried}, told=told)


def _untranslated(facts: EntryFacts) -> tuple[Problem, ...]:
    """Return the values that cannot be translated and would go out; of an update, those that a person edited."""
    if facts.edited is None:
        return facts.mapping_problems
    edited = facts.edited
    return tuple(problem for problem in facts.mapping_problems if not problem.field or problem.field in edited)


def _locked(facts: EntryFacts, wanted: Mapping[str, Value]) -> tuple[Problem, ...]:
    if facts.record_type == "lead" or facts.apn_id is None:
        return ()
    return file_rules.locked_changes(
        wanted, facts.known or {}, version=facts.version, review_status=facts.review_status
    )


def _file(facts: EntryFacts, record: AceRecord) -> FileRecord:
    if facts.record_type == "lead":
        return _lead_file(facts, {**_always(facts), **record})
    return opportunity_entry(record, partner_id=facts.record_id, apn_id=facts.apn_id, version=facts.version)


def _lead_file(facts: EntryFacts, record: AceRecord) -> FileRecord:
    return lead_entry(record, partner_id=facts.record_id, apn_id=facts.apn_id or "", version=facts.version)


def _always(facts: EntryFacts) -> dict[str, Value]:
    """Return what AWS asks for in every update of a lead: as the record has it, or else as AWS has it."""
    known = facts.known or {}
    names = [
        name
        for name, one in file_fields("lead", facts.version).items()
        if any(need.moment is Moment.UPDATE for need in one.ace.required)
    ]
    found = {name: known.get(name) if facts.record.get(name) is None else facts.record[name] for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _carried(facts: EntryFacts, record: AceRecord, file: FileRecord) -> dict[str, Value]:
    """Return what of the record the file really carries."""
    fields = file_fields(facts.record_type, facts.version)
    return {name: value for name, value in record.items() if name in fields and fields[name].written_as in file.entry}


def _problems(facts: EntryFacts, record: AceRecord) -> tuple[Problem, ...]:
    if facts.record_type == "lead":
        return _lead_problems(facts, {**_always(facts), **record})
    # What AWS has is needed to judge a part of a record; where nobody knows, what the row says stands for it.
    alone = facts.known is None
    found = file_rules.problems(
        _in_currency(facts, {**facts.record, **record} if alone else record),
        version=facts.version,
        creates=facts.apn_id is None,
        today=facts.today,
        before=facts.known,
        review_status="" if alone else facts.review_status,
    )
    return tuple(one for one in found if one.field in record) if alone and facts.apn_id else found


def _in_currency(facts: EntryFacts, record: AceRecord) -> AceRecord:
    """Return the record with the currency of its amounts, where the row names one."""
    currency = facts.record.get(CURRENCY)
    return {**record, CURRENCY: currency} if currency and any(name in record for name in AMOUNTS) else record


def _lead_problems(facts: EntryFacts, record: AceRecord) -> tuple[Problem, ...]:
    return lead_rules.problems(
        record, version=facts.version, partner_id=facts.record_id, apn_id=facts.apn_id, before=facts.known
    )


def _not_carried(facts: EntryFacts, unchanged: AceRecord) -> Iterator[Problem]:
    """Yield one problem for each edit of which no file, or none of this version, can tell AWS."""
    if facts.edited is None:
        return
    for name in names_not_in_version(facts.record_type, facts.version, unchanged):
        yield entry_problems.not_in_version(name, shown(unchanged[name]), facts.version)
    for name in sorted(facts.edited.intersection(facts.record)):
        value, at_aws = facts.record[name], facts.known or {}
        if not _is_sent(facts, name) and not (name in at_aws and same(at_aws[name], value)):
            yield entry_problems.not_in_files(name, shown(value))


def names_not_in_version(record_type: RecordType, version: Version, names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the ACE names that only files of another version carry."""
    now = file_fields(record_type, version)
    others = {
        name
        for other in Version
        if other is not version
        for name, one in file_fields(record_type, other).items()
        if one.sent in (Sent.ALWAYS, Sent.AFTER_CREATION)
    }
    return tuple(name for name in names if name in others and name not in now)
