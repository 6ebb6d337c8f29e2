"""Whether a record is due to be sent, and why: for programs to decide on and for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Why a record is sent or not."""

    DUE = "DUE"
    DELETED = "DELETED"
    CONVERTED = "CONVERTED"
    NOT_FLAGGED = "NOT_FLAGGED"
    CLONE = "CLONE"
    DUMMY_ID = "DUMMY_ID"
    NO_UPDATES = "NO_UPDATES"
    OWN_WRITE = "OWN_WRITE"
    NOT_COMPARED = "NOT_COMPARED"
    STUCK_LOG = "STUCK_LOG"
    AWAITS_RESULT = "AWAITS_RESULT"
    PENDING_INVITATION = "PENDING_INVITATION"
    HELD_REVIEW = "HELD_REVIEW"
    AWS_REJECTED = "AWS_REJECTED"
    RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
    RETRY_CUTOFF = "RETRY_CUTOFF"


PRECEDENCE = {code: rank for rank, code in enumerate(Code)}
"""Of several reasons the one told is the first in the order in which :class:`Code` lists them."""

NOTHING_TO_SEND = frozenset(
    {Code.DELETED, Code.CONVERTED, Code.NOT_FLAGGED, Code.NO_UPDATES, Code.OWN_WRITE, Code.NOT_COMPARED}
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold for a record to go out.

    Attributes:
        name: what is asked, in words.
        passed: the answer; None where the question does not arise.
        detail: the facts behind the answer, and the remedy where it is no.
        code: the reason that a failure gives.
    """

    name: str
    passed: bool | None
    detail: str
    code: Code


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one record.

    Attributes:
        due: send it.
        code: DUE, or the reason that keeps it back.
        reason: the same in words.
        conditions: everything that was asked, in the order in which people look for the cause.
    """

    due: bool
    code: Code
    reason: str
    conditions: tuple[Condition, ...]

    @property
    def edit_waits(self) -> bool:
        """Tell whether something would be sent if the reason did not keep it back."""
        failed = {condition.code for condition in self.conditions if condition.passed is False}
        return not self.due and not failed & NOTHING_TO_SEND


def conclude(conditions: Sequence[Condition]) -> Verdict:
    """Return the verdict of the conditions: due when none failed."""
    failed = [condition for condition in conditions if condition.passed is False]
    if not failed:
        return Verdict(True, Code.DUE, "The record is due: it will be sent.", tuple(conditions))
    decisive = min(failed, key=lambda condition: PRECEDENCE[condition.code])
    verdict = Verdict(False, decisive.code, decisive.detail, tuple(conditions))
    if not verdict.edit_waits:
        return verdict
    return Verdict(False, decisive.code, f"An edit is waiting: {decisive.detail}", tuple(conditions))


def explain(verdict: Verdict) -> str:
    """Return the verdict for people: the outcome, then one line per condition with pass, FAIL or a dash."""
    marks = {True: "pass", False: "FAIL", None: "  - "}
    lines = [f"{verdict.code}: {verdict.reason}"]
    lines += [f"{marks[condition.passed]}  {condition.name}: {condition.detail}" for condition in verdict.conditions]
    return "\n".join(lines)
