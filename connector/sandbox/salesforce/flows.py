"""Before-save flows of the source: which of them a new or changed row starts, and what they set in it.

Understood: entry conditions, decisions, assignments to ``$Record`` and updates of ``$Record``, formulas, variables that
keep their first value. A flow that needs more is refused when the org starts. Flows with screens start only in a
browser; flows after saving may only act outside of the org's rows (notifications), which leaves nothing to see here.
Both are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connector.eligibility.formula import FormulaError, compile_formula
from connector.sandbox.salesforce.metadata import MetadataError, Xml, find_files
from connector.sandbox.salesforce.schema import Schema, SObject

RECORD, PRIOR, CONSTANT = "$Record.", "$Record__Prior.", "$GlobalConstant."
GLOBALS = ("$Permission.", "$User.", "$Profile.", "$Organization.", "$Setup.")
CONSTANTS = {"EmptyString": '""', "True": "TRUE", "False": "FALSE"}
OPERATORS = {"EqualTo", "NotEqualTo", "IsNull", "GreaterThan", "LessThan", "GreaterThanOrEqualTo", "LessThanOrEqualTo"}
BEYOND = (
    "actionCalls", "apexPluginCalls", "collectionProcessors", "customErrors", "loops", "orchestratedStages",
    "recordCreates", "recordDeletes", "recordLookups", "recordRollbacks", "screens", "steps", "subflows",
    "textTemplates", "transforms", "waits",
)  # fmt: skip
"""Elements of a flow that this org does not run before saving."""
WRITING = ("recordCreates", "recordDeletes", "recordUpdates", "subflows", "apexPluginCalls")
"""Elements of a flow after saving that may change rows."""
MAX_STEPS = 100
_MERGE = re.compile(r"\{!([^}]+)\}")


@dataclass(frozen=True, slots=True)
class Operand:
    """A value in a flow: ``formula`` in the formula language over the record; None is no value."""

    formula: str | None


@dataclass(frozen=True, slots=True)
class Condition:
    """``left operator right``; ``IsNull`` compares with TRUE or FALSE."""

    left: Operand
    operator: str
    right: Operand


@dataclass(frozen=True, slots=True)
class Branch:
    """Goes on at ``target`` when all conditions hold, or any one of them when ``any_of``."""

    conditions: tuple[Condition, ...]
    any_of: bool
    target: str


@dataclass(frozen=True, slots=True)
class Step:
    """One element: sets fields and goes on at ``target``, or at the first branch whose conditions hold."""

    values: tuple[tuple[str, Operand], ...] = ()
    branches: tuple[Branch, ...] = ()
    target: str = ""


@dataclass(slots=True)
class Flow:
    """One active flow that runs before saving."""

    name: str
    sobject: SObject
    on_create: bool
    on_update: bool
    entry: Branch
    formula: str
    steps: dict[str, Step] = field(default_factory=dict)

    def begins(self, *, new: bool) -> bool:
        """Tell whether the flow looks at rows that are new, or at rows that are changed."""
        return self.on_create if new else self.on_update


def read_flows(directories: Sequence[Path], schema: Schema) -> list[Flow]:
    """Return the active before-save flows of the source below ``directories``, by directory, then by name.

    Raises:
        MetadataError: a flow needs more than this org can run, or names what does not exist.
    """
    found = (_read(path, schema) for path in find_files(directories, "*.flow-meta.xml"))
    return [one for one in found if one is not None]


def _read(path: Path, schema: Schema) -> Flow | None:
    xml = Xml.read(path)
    start = xml.one("start")
    if xml.text("status") != "Active" or start is None:
        return None
    trigger, name = start.text("triggerType"), path.name.split(".")[0]
    if trigger == "RecordAfterSave":
        _refuse(name, xml, WRITING, "after saving")
    return _Reader(name, xml, start, schema).flow() if trigger == "RecordBeforeSave" else None


def _refuse(name: str, xml: Xml, elements: tuple[str, ...], when: str) -> None:
    wrong = [one for one in elements if xml.all(one)]
    if wrong:
        raise MetadataError(f"flow {name}: this org does not run {', '.join(wrong)} {when}.")


class _Reader:
    """Reads one flow; every problem is a MetadataError that names the flow."""

    def __init__(self, name: str, xml: Xml, start: Xml, schema: Schema) -> None:
        self._name, self._xml, self._start = name, xml, start
        _refuse(name, xml, BEYOND, "before saving")
        found = schema.get(start.text("object"))
        if found is None:
            raise self._problem(f"no object {start.text('object')} in the org")
        self._sobject = found
        self._formulas = {one.text("name"): one.text("expression") for one in xml.all("formulas")}
        self._variables = {one.text("name"): one for one in xml.all("variables")}

    def _problem(self, text: str) -> MetadataError:
        return MetadataError(f"flow {self._name}: {text}.")

    def flow(self) -> Flow:
        """Return the flow, checked."""
        start, when = self._start, self._start.text("recordTriggerType")
        if when not in {"Create", "Update", "CreateAndUpdate"}:
            raise self._problem(f"this org does not start flows on {when or 'nothing'}")
        if start.flag("doesRequireRecordChangedToMeetCriteria") and when != "Create":
            raise self._problem("this org does not start flows only when a change made a row meet the conditions")
        conditions = tuple(self._filter(one) for one in start.all("filters"))
        entry = Branch(conditions, self._any_of(start.text("filterLogic")), self._target(start.one("connector")))
        steps = dict(self._steps())
        formula = self._merged(start.text("filterFormula"))
        flow = Flow(self._name, self._sobject, "Create" in when, "Update" in when, entry, formula, steps)
        self._check_targets(flow)
        return flow

    def _check_targets(self, flow: Flow) -> None:
        targets = {flow.entry.target, *(one.target for one in flow.steps.values())}
        targets |= {branch.target for one in flow.steps.values() for branch in one.branches}
        if missing := sorted(targets - flow.steps.keys() - {""}):
            raise self._problem(f"no element {missing[0]}")

    def _steps(self) -> Iterator[tuple[str, Step]]:
        for one in self._xml.all("assignments"):
            values = tuple(self._assignment(item) for item in one.all("assignmentItems"))
            yield one.text("name"), Step(values, target=self._target(one.one("connector")))
        for one in self._xml.all("recordUpdates"):
            if one.text("inputReference") != "$Record" or one.all("filters"):
                raise self._problem("before saving only $Record can be updated")
            values = tuple(self._set(item.text("field"), item.one("value")) for item in one.all("inputAssignments"))
            yield one.text("name"), Step(values, target=self._target(one.one("connector")))
        for one in self._xml.all("decisions"):
            branches = tuple(self._branch(rule) for rule in one.all("rules"))
            yield one.text("name"), Step(branches=branches, target=self._target(one.one("defaultConnector")))

    def _assignment(self, item: Xml) -> tuple[str, Operand]:
        target = item.text("assignToReference")
        if not target.startswith(RECORD) or item.text("operator") != "Assign":
            raise self._problem(f"before saving this org only sets fields of $Record, not {target}")
        return self._set(target.removeprefix(RECORD), item.one("value"))

    def _set(self, name: str, value: Xml | None) -> tuple[str, Operand]:
        found = self._sobject.field(name)
        if found is None or found.calculated:
            raise self._problem(f"{self._sobject.name} has no field {name} that can be set")
        return found.name, self._operand(value)

    def _branch(self, rule: Xml) -> Branch:
        conditions = tuple(
            Condition(
                self._reference(one.text("leftValueReference")),
                self._operator(one),
                self._operand(one.one("rightValue")),
            )
            for one in rule.all("conditions")
        )
        return Branch(conditions, self._any_of(rule.text("conditionLogic")), self._target(rule.one("connector")))

    def _filter(self, one: Xml) -> Condition:
        left = self._reference(RECORD + one.text("field"))
        return Condition(left, self._operator(one), self._operand(one.one("value")))

    def _operator(self, one: Xml) -> str:
        if (found := one.text("operator")) not in OPERATORS:
            raise self._problem(f"this org does not compare with {found}")
        return found

    def _any_of(self, logic: str) -> bool:
        if logic not in {"", "and", "or"}:
            raise self._problem(f"this org does not join conditions by {logic!r}, only by and, or")
        return logic == "or"

    def _target(self, connector: Xml | None) -> str:
        return connector.text("targetReference") if connector else ""

    # -- values

    def _operand(self, value: Xml | None) -> Operand:
        """Return a literal or a reference as a formula."""
        if value is None:
            return Operand(None)
        if reference := value.text("elementReference"):
            return self._reference(reference)
        if value.one("stringValue"):
            text = value.text("stringValue")
            if _MERGE.search(text):
                raise self._problem("this org does not fill texts with values")
            quoted = text.replace("\\", "\\\\").replace('"', '\\"')
            return Operand(f'"{quoted}"') if text else Operand(None)
        if flag := value.text("booleanValue"):
            return Operand(flag.upper())
        if number := value.text("numberValue"):
            return Operand(number)
        for element, function in (("dateValue", "DATEVALUE"), ("dateTimeValue", "DATETIMEVALUE")):
            if text := value.text(element):
                return Operand(f'{function}("{text}")')
        raise self._problem("a value of this kind is not supported")

    def _reference(self, name: str) -> Operand:
        if name == f"{CONSTANT}EmptyString":
            return Operand(None)
        if variable := self._variables.get(name):
            return self._operand(variable.one("value"))  # nothing assigns to it: it keeps what it begins with
        return Operand(self._merged(f"{{!{name}}}"))

    def _merged(self, text: str) -> str:
        """Return a formula of a flow in the language of formula fields, checked."""
        found = self._replaced(text, depth=0)
        try:
            names = compile_formula(found).fields if found else frozenset()
        except FormulaError as wrong:
            raise self._problem(f"the formula {text!r} cannot be read: {wrong}") from wrong
        for name in names:
            if not name.startswith("$") and "." not in name and self._sobject.field(name) is None:
                raise self._problem(f"{self._sobject.name} has no field {name}")
        return found

    def _replaced(self, text: str, depth: int) -> str:
        if depth > MAX_STEPS:
            raise self._problem("its formulas name each other in a circle")
        return _MERGE.sub(lambda match: self._named(match[1].strip(), depth), text)

    def _named(self, name: str, depth: int) -> str:
        if name.startswith(RECORD):
            return name.removeprefix(RECORD)
        if name.startswith(PRIOR):
            return f"PRIORVALUE({name.removeprefix(PRIOR)})"
        if name.startswith(CONSTANT) and name.removeprefix(CONSTANT) in CONSTANTS:
            return CONSTANTS[name.removeprefix(CONSTANT)]
        if name.startswith(GLOBALS):
            return name
        if name in self._formulas:
            return f"({self._replaced(self._formulas[name], depth + 1)})"
        raise self._problem(f"this org does not know the value {name}")


def flows_by_object(flows: list[Flow]) -> dict[str, list[Flow]]:
    """Return the flows by the name of the object whose rows start them."""
    found: dict[str, list[Flow]] = {}
    for one in flows:
        found.setdefault(one.sobject.name, []).append(one)
    return found
