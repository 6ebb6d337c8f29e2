"""How AWS is involved, once that was decided: from visibility only to co-selling by the primary needs, never back.

AWS changes the involvement by itself when an update replaces the one need that stands for *no support* by needs to
co-sell (data model of opportunities); no call of ours names the involvement after the submission.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.ace import lifecycle
from connector.ace.formats import shown
from connector.ace.lifecycle import CO_SELL, VISIBILITY_ONLY
from connector.ace.record import AceRecord, Value
from connector.errors import Problem

INVOLVEMENT, NEEDS = "involvementType", "partnerPrimaryNeedFromAws"
FINAL = "INVOLVEMENT_FINAL"


def becomes_co_sell(changes: Mapping[str, tuple[Value, Value]]) -> bool:
    """Tell whether an update makes AWS co-sell what it only saw before.

    Args:
        changes: ACE field to (value at AWS, value to be).
    """
    before, after = changes.get(NEEDS, (None, None))
    return lifecycle.is_co_sell(after) and not lifecycle.is_co_sell(before)


def explained(
    problems: Iterable[Problem], record: AceRecord, at_aws: AceRecord, changes: Mapping[str, tuple[Value, Value]]
) -> tuple[Problem, ...]:
    """Return the edits that AWS does not take, those of the involvement with what there is to know of it.

    Args:
        problems: one per edit, as for any other field.
        record: what Salesforce says.
        at_aws: what AWS's two answers say.
        changes: what is about to be updated.
    """
    told = (_explain(one, record, at_aws, changes) for one in problems)
    return tuple(one for one in told if one is not None)


def _explain(
    problem: Problem, record: AceRecord, at_aws: AceRecord, changes: Mapping[str, tuple[Value, Value]]
) -> Problem | None:
    if problem.field == INVOLVEMENT and record.get(INVOLVEMENT) == CO_SELL:
        return None if becomes_co_sell(changes) else _needs_decide(problem)
    was_co_sell = at_aws.get(INVOLVEMENT) == CO_SELL or lifecycle.is_co_sell(at_aws.get(NEEDS))
    back = record.get(INVOLVEMENT) == VISIBILITY_ONLY if problem.field == INVOLVEMENT else _gives_up(record)
    if problem.field in (INVOLVEMENT, NEEDS) and was_co_sell and back:
        return _final(problem, at_aws.get(problem.field))
    return problem


def _gives_up(record: AceRecord) -> bool:
    needs = record.get(NEEDS)
    return isinstance(needs, tuple) and lifecycle.NO_SUPPORT in needs


def _needs_decide(problem: Problem) -> Problem:
    return Problem(
        problem.code,
        INVOLVEMENT,
        problem.value,
        "AWS takes a step from visibility only to co-selling by the primary needs, and these do not ask for it.",
        f"Replace {lifecycle.NO_SUPPORT!r} in Primary Needs from AWS by what AWS is to help with.",
    )


def _final(problem: Problem, kept: Value) -> Problem:
    return Problem(
        FINAL,
        problem.field,
        problem.value,
        f"A co-sell opportunity cannot be put back to visibility only; AWS keeps {shown(kept) or CO_SELL!r}.",
        "Set the field back to AWS's value. If the deal needs no support any more, tell your contact at AWS.",
    )
