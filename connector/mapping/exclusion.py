"""Whether the formula that excludes opportunities of AWS's can be read and computed (ELIG-19)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from connector.ace.catalogue import AceField
from connector.errors import Problem
from connector.mapping.fallbacks import FormulaFailed, Inspect

Compute = Callable[[str, Mapping[str, AceField]], object]
"""Compute a formula over a record of AWS's without values; raises :class:`FormulaFailed`."""


def check_exclusion(
    formula: str, catalogue: Mapping[str, AceField], inspect: Inspect, compute: Compute | None = None
) -> Iterator[Problem]:
    """Yield what keeps the formula from deciding; all of it blocks, nothing for no formula.

    Args:
        formula: over the fields of AWS's record, by their ACE names in any case.
        catalogue: every ACE field of the record type by name.
        inspect: reads a formula.
        compute: computes it on trial; without it types that do not go together are not judged.
    """
    if not formula.strip():
        return
    try:
        facts = inspect(formula)
    except FormulaFailed as error:
        yield _not_readable(formula, error)
        return
    known = {name.lower(): ace for name, ace in catalogue.items() if ace.inbound}
    unknown = sorted(name for name in facts.names if name.lower() not in known)
    for name in unknown:
        yield Problem(
                "EXCLUDE_UNKNOWN_FIELD", "", name, "exclude reads a field that AWS does not have, or never returns.",
                "Use the AWS names of the mapping, such as opportunityOwnership.",
            )  # fmt: skip
    if compute is not None and not unknown:
        yield from _computed(formula, catalogue, compute)
    kind = facts.kind or _kind_of_field(formula, known)
    if kind not in ("", "boolean"):
        yield Problem(
            "EXCLUDE_TYPE", "", formula, f"exclude gives a {kind}; it must be true or false.",
            "Compare the value with something, as in ISPICKVAL(industry, 'Gaming').",
        )  # fmt: skip


def _computed(formula: str, catalogue: Mapping[str, AceField], compute: Compute) -> Iterator[Problem]:
    try:
        compute(formula, catalogue)
    except FormulaFailed as error:
        yield _not_readable(formula, error)


def _not_readable(formula: str, error: FormulaFailed) -> Problem:
    return Problem("EXCLUDE_NOT_READABLE", "", formula, f"exclude cannot be read: {error.problem}.", error.remedy)


def _kind_of_field(formula: str, known: Mapping[str, AceField]) -> str:
    """Return what a formula gives that is one field and nothing else: only the field's type can tell."""
    ace = known.get(formula.strip().lower())
    return "" if ace is None else ace.type.value
