"""Which records are due: the org's own formula is obeyed, and what it cannot know is asked on top of it.

A row that a person modified last is due by flag, formula and time stamps. A row that an integration user modified last
is due only if a mapped field really changed: our own stamps and inbound writes send nothing, and a person's edit that
our write covered up is still found. A mapped field of a related record makes a row due whoever modified the row: the
change of an account moves no date of its opportunities.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from connector.eligibility.candidate import LAST_MODIFIED_BY, LAST_MODIFIED_DATE, SETUP_USER, Candidate
from connector.eligibility.fault import FormulaError
from connector.eligibility.formula import compile_formula
from connector.eligibility.verdict import Code, Condition, Verdict, conclude
from connector.names import SyncFields

UNDER_REVIEW = frozenset({"submitted", "in review"})
REVIEW_ENDED = frozenset({"rejected", "disqualified"})
DUMMY_IDENTIFIER = re.compile(r"X\d{4,}", re.IGNORECASE | re.ASCII)


def default_formula(names: SyncFields) -> str:
    """Return the eligibility rule for objects without a Has Updates field, in the formula language.

    It is what the package's own formula field says: flagged, and never sent, or modified by a person since then
    (the same second counts).
    """
    by_person = f"CASESAFEID({LAST_MODIFIED_BY}) <> CASESAFEID({SETUP_USER})"
    since = f"AND({LAST_MODIFIED_DATE} >= {names.last_sync_date}, {by_person})"
    return f"AND({names.sync_with_aws}, OR(ISBLANK({names.last_sync_date}), {since}))"


def is_dummy_identifier(identifier: str) -> bool:
    """Tell whether a partner's identifier stands for historical data (``X0001`` and on), which is never processed."""
    return DUMMY_IDENTIFIER.fullmatch(identifier.strip()) is not None


def decide(candidate: Candidate) -> Verdict:
    """Return whether the record is due, with every condition in the order in which people look for the cause.

    Raises:
        FormulaError: the row lacks one of the connector's own fields or an audit field.
    """
    return conclude(
        (
            _flag(candidate),
            *_updates(candidate),
            _log(candidate),
            _review(candidate),
            _retries(candidate),
            _invitation(candidate),
            _identity(candidate),
            _identifier(candidate),
            *_conversion(candidate),
            _existence(candidate),
        )
    )


def _flag(candidate: Candidate) -> Condition:
    name = candidate.names.sync_with_aws
    flagged = candidate.flagged
    detail = f"{name} is ticked." if flagged else f"{name} is not ticked; tick it to share the record."
    return Condition("Sync with AWS", flagged, detail, Code.NOT_FLAGGED)


def _updates(candidate: Candidate) -> tuple[Condition, Condition]:
    """Return the conditions *has updates* and *modified by a person*, which depend on one another."""
    if candidate.last_sync is None:
        return _formula_value(candidate), _modifier(passed=None, detail="never sent yet: whoever modified it last.")
    if not candidate.own_write:
        return _modified_by_person(candidate)
    if not candidate.known:
        detail = (
            "an integration user modified the record last; it is compared with what AWS has before anything is sent."
        )
        return _not_asked(), _modifier(passed=False, detail=detail, code=Code.NOT_COMPARED)
    if not candidate.changed:
        detail = "an integration user modified the record last, and no mapped field changed besides."
        return _not_asked(), _modifier(passed=False, detail=detail)
    detail = f"an integration user modified the record last, but {_changes(candidate.changed)}."
    return _formula_as_if_edited(candidate), _modifier(passed=True, detail=detail)


def _modified_by_person(candidate: Candidate) -> tuple[Condition, Condition]:
    by_time = _by_time(candidate)
    if by_time.passed or not candidate.related_changed:
        return by_time, _modifier(passed=True, detail="a person modified the record last.")
    detail = f"a person modified the record last, and {_changes(candidate.related_changed)}."
    return _formula_as_if_edited(candidate), _modifier(passed=True, detail=detail)


def _changes(paths: Sequence[str]) -> str:
    """Return in words what changed besides, on the record and on those that it refers to."""
    own = ", ".join(path for path in paths if "." not in path)
    related = ", ".join(path for path in paths if "." in path)
    if not own:
        return f"these fields of related records changed: {related}"
    return f"these fields changed besides: {own}" + (f"; of related records: {related}" if related else "")


def _modifier(*, passed: bool | None, detail: str, code: Code = Code.OWN_WRITE) -> Condition:
    return Condition("Last modified by a person", passed, detail, code)


def _has_updates(*, passed: bool | None, detail: str) -> Condition:
    return Condition("Has Updates", passed, detail, Code.NO_UPDATES)


def _not_asked() -> Condition:
    return _has_updates(passed=None, detail="not asked, because nobody but an integration user changed the record.")


def _formula_value(candidate: Candidate) -> Condition:
    """The org's own verdict, read with the row; our rule where the object has no such field."""
    name = candidate.names.has_updates
    if candidate.formula_text is None:
        passed = compile_formula(default_formula(candidate.names)).holds(candidate.context)
        what = f"the object has no field {name}; the connector's own rule"
    else:
        passed = candidate.context.read(name) is True
        what = f"the formula field {name}"
    return _has_updates(passed=passed, detail=f"{what} says {'yes' if passed else 'no'}.")


def _by_time(candidate: Candidate) -> Condition:
    value = _formula_value(candidate)
    modified, synced = candidate.last_modified, candidate.last_sync
    if not value.passed or modified is None or synced is None or modified >= synced:
        return value
    detail = (
        f"{value.detail} But {LAST_MODIFIED_DATE} {modified:%Y-%m-%d %H:%M:%S} is before "
        f"{candidate.names.last_sync_date} {synced:%Y-%m-%d %H:%M:%S} (UTC)."
    )
    return _has_updates(passed=False, detail=detail)


def _formula_as_if_edited(candidate: Candidate) -> Condition:
    """Ask the formula as if a person had modified the record now, so that an admin's other conditions still hold."""
    text = default_formula(candidate.names) if candidate.formula_text is None else candidate.formula_text
    if not text.strip():
        return _formula_value(candidate)
    try:
        passed = compile_formula(text).holds(candidate.as_if_edited())
    except FormulaError as error:
        detail = f"taken as yes, so that no edit is lost: the org's formula cannot be evaluated here ({error})"
        return _has_updates(passed=True, detail=detail)
    answer = "yes" if passed else "no"
    return _has_updates(passed=passed, detail=f"the formula says {answer}, asked as if a person had just edited it.")


def _log(candidate: Candidate) -> Condition:
    name, log, file = "No sync log holds the record", candidate.stuck_log, candidate.awaits_result
    if log:
        detail = f"the sync log {log} is still in API Success, without a result; delete it to send the record again."
        return Condition(name, False, detail, Code.STUCK_LOG)
    if file:
        detail = f"the record is in file {file}, which AWS has not answered yet; an edit goes out after the answer."
        return Condition(name, False, detail, Code.AWAITS_RESULT)
    return Condition(name, True, "none.", Code.STUCK_LOG)


def _review(candidate: Candidate) -> Condition:
    status = candidate.review_status.strip()
    if status.lower() in UNDER_REVIEW:
        detail = f"AWS reviews the opportunity ({status}) and takes no changes; the edit goes out when the review ends."
        return Condition("Approval state allows edits", False, detail, Code.HELD_REVIEW)
    if status.lower() in REVIEW_ENDED:
        detail = f"AWS closed the opportunity ({status}) and takes no more changes; share a new one instead."
        return Condition("Approval state allows edits", False, detail, Code.AWS_REJECTED)
    return Condition("Approval state allows edits", True, f"{status or 'not submitted'}.", Code.HELD_REVIEW)


def _retries(candidate: Candidate) -> Condition:
    name, failures, limit = "Retries left", candidate.failures, candidate.retry_limit
    if failures == 0 or candidate.changed_since_failure:
        detail = "corrected since it failed." if failures else "no failure."
        return Condition(name, True, detail, Code.RETRIES_EXHAUSTED)
    if failures > limit:
        detail = f"failed {failures} times, the limit is {limit} retries; correct the record and it is sent again."
        return Condition(name, False, detail, Code.RETRIES_EXHAUSTED)
    first, days = candidate.first_failure, candidate.retry_cutoff_days
    if first is not None and days is not None and candidate.now - first > timedelta(days=days):
        detail = (
            f"failed first on {first:%Y-%m-%d}, more than {days} days ago; correct the record and it is sent again."
        )
        return Condition(name, False, detail, Code.RETRY_CUTOFF)
    return Condition(
        name, True, f"failed {failures} times, {limit - failures + 1} of {limit} retries left.", Code.RETRY_CUTOFF
    )


def _invitation(candidate: Candidate) -> Condition:
    pending = candidate.pending_invitation
    detail = "this AWS referral is not accepted yet; accept or reject it first." if pending else "nothing to accept."
    return Condition("Referral accepted", not pending, detail, Code.PENDING_INVITATION)


def _identity(candidate: Candidate) -> Condition:
    holder, name = candidate.identifier_holder, candidate.names.apn_id
    detail = f"{name} belongs to record {holder}; clear it here to share this copy." if holder else "none."
    return Condition("No copy of another record", not holder, detail, Code.CLONE)


def _identifier(candidate: Candidate) -> Condition:
    dummy = is_dummy_identifier(candidate.partner_identifier)
    detail = (
        f"{candidate.partner_identifier} marks historical data, which is not synchronised."
        if dummy
        else "no placeholder."
    )
    return Condition("Real partner identifier", not dummy, detail, Code.DUMMY_ID)


def _conversion(candidate: Candidate) -> tuple[Condition, ...]:
    """Ask whether a lead was converted, of objects that have conversion."""
    if candidate.converted is None:
        return ()
    detail = (
        "the lead was converted and is read-only: nothing is sent for it any more. Share the opportunity instead."
        if candidate.converted
        else "it is open."
    )
    return (Condition("Lead not converted", not candidate.converted, detail, Code.CONVERTED),)


def _existence(candidate: Candidate) -> Condition:
    gone = candidate.tombstone
    detail = "the record was deleted in Salesforce; nothing is sent for it any more." if gone else "it exists."
    return Condition("Record exists", not gone, detail, Code.DELETED)
