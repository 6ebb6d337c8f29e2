"""What AWS lets a partner change, by review status and stage (developer guide, working with opportunity updates).

Where AWS's documents disagree, the stricter one counts: an update replaces the whole record, and one locked value
that differs makes AWS refuse all of it.
"""

from __future__ import annotations

from enum import StrEnum

from connector.ace.catalogue import AceField, Change, opportunity_fields
from connector.ace.record import Value

CO_SELL = "Co-Sell"
VISIBILITY_ONLY = "For Visibility Only"
NO_SUPPORT = "Do Not Need Support from AWS Sales Rep"
"""The primary need that stands for sharing without co-selling."""
SAAS = "SaaS or PaaS"


class Phase(StrEnum):
    """Where an opportunity is in its life, as far as editing is concerned."""

    PENDING = "pending"
    LOCKED = "locked"
    ACTION_REQUIRED = "action_required"
    APPROVED = "approved"
    LAUNCHED = "launched"
    FINAL = "final"


_PHASES = {
    "": Phase.PENDING,
    "pending submission": Phase.PENDING,
    "action required": Phase.ACTION_REQUIRED,
    "approved": Phase.APPROVED,
    "rejected": Phase.FINAL,
    "disqualified": Phase.FINAL,
}


def phase(review_status: str, stage: str = "") -> Phase:
    """Return the phase; AWS's spelling of review statuses varies in case.

    A status that AWS adds later counts as locked.
    """
    found = _PHASES.get(review_status.strip().casefold(), Phase.LOCKED)
    return Phase.LAUNCHED if found is Phase.APPROVED and stage == "Launched" else found


def locked(review_status: str) -> bool:
    """Return whether AWS takes no edit now, but will again (Submitted, In review)."""
    return phase(review_status) is Phase.LOCKED


def final(review_status: str) -> bool:
    """Return whether AWS will never take an edit again (Rejected)."""
    return phase(review_status) is Phase.FINAL


def editable(field: AceField | str, review_status: str, stage: str) -> bool:
    """Return whether AWS takes some change of the field now. Raises KeyError for an unknown field name."""
    return _change(field, review_status, stage) is not Change.NEVER


def change_allowed(
    field: AceField | str, review_status: str, stage: str, *, before: Value, after: Value, delivery: Value = None
) -> bool:
    """Return whether AWS takes this change of the field now.

    Args:
        field: the field or its ACE name; KeyError for an unknown name.
        review_status: of the opportunity at AWS.
        stage: of the opportunity at AWS, before the change.
        before: the value at AWS.
        after: the value to be.
        delivery: the delivery models at AWS, before the change.
    """
    match _change(field, review_status, stage):
        case Change.ALWAYS:
            return True
        case Change.WHEN_EMPTY:
            return before is None
        case Change.TO_CO_SELL:
            return not is_co_sell(before) and is_co_sell(after)
        case Change.WITH_SAAS:
            return isinstance(delivery, tuple) and SAAS in delivery
        case _:
            return False


def is_co_sell(needs: Value) -> bool:
    """Return whether primary needs (several texts or one) ask for co-selling."""
    values = needs if isinstance(needs, tuple) else (needs,)
    return any(str(value).startswith(CO_SELL) for value in values)


def _change(field: AceField | str, review_status: str, stage: str) -> Change:
    known = opportunity_fields()[field] if isinstance(field, str) else field
    return known.editable.get(phase(review_status, stage), Change.NEVER)
