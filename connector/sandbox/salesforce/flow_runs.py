"""Runs a before-save flow over one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector.eligibility.formula import Context, EvaluationError, to_rest
from connector.sandbox.salesforce.faults import ApiError, RowErrors
from connector.sandbox.salesforce.flows import MAX_STEPS, Branch, Condition, Flow, Operand
from connector.sandbox.salesforce.formulas import compiled
from connector.sandbox.salesforce.schema import AUDIT, Field
from connector.sandbox.salesforce.values import Stored, store

if TYPE_CHECKING:
    from connector.sandbox.salesforce.formulas import Globals
    from connector.sandbox.salesforce.org import Org

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": lambda left, right: left > right,
    "LessThan": lambda left, right: left < right,
    "GreaterThanOrEqualTo": lambda left, right: left >= right,
    "LessThanOrEqualTo": lambda left, right: left <= right,
}


def run(org: Org, flow: Flow, row: dict[str, Stored], old: Mapping[str, Stored] | None, user: Globals) -> None:
    """Let the flow change ``row``, which is about to be saved; ``old`` is None for a new row.

    Raises:
        RowErrors: ``CANNOT_EXECUTE_FLOW_TRIGGER``: the flow failed. [U] The wording.
    """
    if not flow.begins(new=old is None):
        return
    try:
        _Run(org, flow, row, old, user).go()
    except (EvaluationError, ApiError) as failed:
        message = (
            f"We can't save this record because the “{flow.name}” process failed. Give your Salesforce admin these "
            f"details. {failed}"
        )
        raise RowErrors([ApiError("CANNOT_EXECUTE_FLOW_TRIGGER", message, [])]) from failed


@dataclass(slots=True)
class _Run:
    org: Org
    flow: Flow
    row: dict[str, Stored]
    old: Mapping[str, Stored] | None
    user: Globals

    def go(self) -> None:
        """Check the entry conditions, then take step after step."""
        if self.flow.formula and not compiled(self.flow.formula).holds(self._context()):
            return
        at = self.flow.entry.target if self._holds(self.flow.entry) else ""
        for _ in range(MAX_STEPS):
            if not at:
                return
            step = self.flow.steps[at]
            for name, operand in step.values:
                target = self.flow.sobject.fields[name.lower()]
                self.row[name] = _into(target, self._value(operand))
            at = next((one.target for one in step.branches if self._holds(one)), step.target)
        raise EvaluationError("the flow takes too many steps", "Let its elements lead to an end.")

    def _context(self) -> Context:
        formulas, sobject = self.org.formulas, self.flow.sobject
        prior = formulas.reader(sobject, self.old, self.user) if self.old is not None else None
        # A row that is not saved yet has neither an id nor stamps.
        unsaved = dict.fromkeys(AUDIT) if self.old is None else {}
        return Context(
            resolve=formulas.reader(sobject, {**self.row, **unsaved}, self.user), now=self.org.clock.now(),
            types=formulas.types(sobject), is_new=self.old is None, prior=prior,
        )  # fmt: skip

    def _value(self, operand: Operand) -> Any:
        return None if operand.formula is None else compiled(operand.formula).evaluate(self._context())

    def _holds(self, branch: Branch) -> bool:
        met = [self._meets(one) for one in branch.conditions]
        return not met or (any(met) if branch.any_of else all(met))

    def _meets(self, condition: Condition) -> bool:
        left, right = (_plain(self._value(one)) for one in (condition.left, condition.right))
        if condition.operator == "IsNull":
            return (left is None) is bool(right)
        if condition.operator in {"EqualTo", "NotEqualTo"}:
            return (left == right) is (condition.operator == "EqualTo")
        return left is not None and right is not None and COMPARE[condition.operator](left, right)


def _plain(value: Any) -> Any:
    """Return a value as flows compare it: without regard to case, and no text is no value."""
    return (value.casefold() or None) if isinstance(value, str) else value


def _into(target: Field, value: Any) -> Stored:
    """Return what is stored when a flow sets a field to a value of the formula language."""
    return store(target, to_rest(value, target.type, target.scale or None))
