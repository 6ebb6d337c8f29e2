"""The dialog in which picklist values are mapped, in three steps, and the view of all of them (PICK-01, PICK-16).

What was chosen travels in the form from step to step and is stored by Save alone, so that nothing is lost on the way
back and nothing half done is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import APIRouter, Response

from connector.ace.catalogue import AceField
from connector.admin import value_desk
from connector.admin.mapping_desk import Change
from connector.admin.value_desk import Edit, FieldValues
from connector.admin.web.drafts import DraftDesk
from connector.admin.web.field_pages import standing
from connector.admin.web.listing import Listing
from connector.admin.web.visits import Form, OfKind, Sent, Visit
from connector.mapping.describe import FieldDescribe
from connector.mapping.model import FieldMapping, PicklistMapping
from connector.mapping.picklists import active_values, candidates, open_values

router = APIRouter()
STEPS = ("primary", "additional", "secondary")
TITLES = {
    "primary": "Primary APN Values", "additional": "Additional APN Value", "secondary": "Secondary APN Values",
}  # fmt: skip
HELP = {
    "primary": "For each of AWS's values, the Salesforce value that it is. Used in both directions; one Salesforce "
    "value may stand for several of AWS's.",
    "additional": "Salesforce values that no primary one uses, and the AWS value that is sent for each. Used for "
    "sending only.",
    "secondary": "Salesforce values that stand for several of AWS's: the one that is sent.",
}
LONG_LIST = 40
"""From so many choices on, one list to type into is shared by all questions."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What is chosen so far, in all three steps. What does not apply at the moment is kept (PICK-10)."""

    primary: Mapping[str, str] = field(default_factory=dict)
    additional: Mapping[str, str] = field(default_factory=dict)
    secondary: Mapping[str, str] = field(default_factory=dict)

    def picklist(self) -> PicklistMapping:
        """Return what these choices mean: without what is blank, and without what does not apply."""
        primary = {name: value for name, value in self.primary.items() if value}
        used = set(primary.values())
        additional = {name: value for name, value in self.additional.items() if value and name not in used}
        chosen = PicklistMapping(primary, additional)
        return replace(chosen, defaults={n: v for n, v in self.secondary.items() if v in candidates(chosen, n)})


@dataclass(frozen=True, slots=True)
class Question:
    """One line of a step: the value that is asked about, what can be chosen, and what is."""

    value: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: str


@dataclass(frozen=True, slots=True)
class Dialog:
    """One field's values while they are edited."""

    ace: AceField
    item: FieldMapping
    described: FieldDescribe
    choices: Choices

    def questions(self, step: str) -> tuple[Question, ...]:
        """Return what a step asks; what the later steps ask follows from the first."""
        picklist = self.choices.picklist()
        if step == "primary":
            table = self.choices.primary
            return tuple(Question(one, one, self._salesforce(table.get(one, "")), table.get(one, ""))
                         for one in self.ace.values)  # fmt: skip
        if step == "additional":
            names = dict.fromkeys((*active_values(self.described), *picklist.additional))
            aws = tuple((one, one) for one in self.ace.values)
            return tuple(Question(one, self._label(one), aws, self.choices.additional.get(one, ""))
                         for one in names if one not in set(picklist.primary.values()))  # fmt: skip
        several = {one: candidates(picklist, one) for one in dict.fromkeys(picklist.primary.values())}
        return tuple(Question(one, self._label(one), tuple((aws, aws) for aws in found), picklist.defaults.get(one, ""))
                     for one, found in several.items() if len(found) > 1)  # fmt: skip

    def blank(self, step: str) -> tuple[str, ...]:
        """Return what is not filled in a step (PICK-09)."""
        return tuple(one.value for one in self.questions(step) if not one.chosen)

    def open_count(self) -> int:
        left = open_values(replace(self.item, picklist=self.choices.picklist()), self.ace, self.described)
        return len(left.aws) + len(left.salesforce) + len(left.undecided)

    def _salesforce(self, chosen: str) -> tuple[tuple[str, str], ...]:
        offered = active_values(self.described)
        gone = ((chosen, f"{chosen} (not active)"),) if chosen and offered and chosen not in offered else ()
        return (*gone, *((one, self._label(one)) for one in offered))

    def _label(self, value: str) -> str:
        label = next((entry.label for entry in self.described.picklist if entry.value == value), value)
        return value if label == value else f"{label} ({value})"


@router.get("/{kind}/values")
def list_all(visit: OfKind) -> Response:
    """Show every picklist mapping in one view, open values marked."""

    def listed(desk: DraftDesk) -> dict[str, Any]:
        found = standing(desk)
        return {**found, "all": value_desk.list_values(desk, desk.current()) if found["mapping"] else ()}

    return visit.page("values_all.html", **visit.ask(listed))


@router.get("/{kind}/field/{name}/values")
def show_values(visit: OfKind, name: str, tab: str = "primary", back: str = "") -> Response:
    """Show the values of a field. While nothing is edited, the tabs can be changed at will."""
    step = tab if tab in STEPS else "primary"
    found = visit.attempt(lambda desk: _stored(desk, name))
    if found.result is None:
        return visit.page("told.html", title=f"Values of {name}", status=422, refusal=found.refusal)
    dialog, shown, values = found.result
    return visit.page("values.html", **shown, **_words(dialog, step), values=values, back=Listing.back(back))


@router.get("/{kind}/field/{name}/values/edit")
def edit_values(visit: OfKind, name: str, back: str = "") -> Response:
    """Begin to edit the values, with the first step."""
    found = visit.attempt(lambda desk: _stored(desk, name))
    if found.result is None:
        return visit.page("told.html", title=f"Values of {name}", status=422, refusal=found.refusal)
    dialog, shown, _ = found.result
    return _step_page(visit, dialog, "primary", shown["seen"], Listing.back(back))


@router.post("/{kind}/field/{name}/values/edit")
def step_values(visit: OfKind, name: str, form: Sent) -> Response:
    """Go to another step with all choices kept, or save them."""
    step, back = form.get("step"), Listing.back(form.get("back"))
    step = step if step in STEPS else "primary"
    found = visit.attempt(lambda desk: _dialog(desk, name, _choices(form)))
    if found.result is None:
        return visit.page("told.html", title=f"Values of {name}", status=422, refusal=found.refusal)
    dialog, go, seen = found.result, form.get("go"), form.get("seen")
    blank = dialog.blank(step)
    if go in {"next", "save"} and blank:
        told = f"Fill in what is blank before you go on: {'; '.join(blank)}."
        return _step_page(visit, dialog, step, seen, back, refusal=told, status=422)
    if go in {"next", "back"}:
        place = STEPS.index(step) + (1 if go == "next" else -1)
        return _step_page(visit, dialog, STEPS[max(0, min(place, 2))], seen, back)
    return _save(visit, dialog, step, form, back)


@router.post("/{kind}/field/{name}/values/equal")
def map_equal(visit: OfKind, name: str, form: Sent) -> Response:
    """Add the values that both sides spell alike."""
    back = Listing.back(form.get("back"))
    kept = visit.attempt(lambda desk: _keep(desk, name, form.get("seen"), Edit(equal=True), complete=False))
    if kept.result is None:
        visit.session.tell("problem", kept.refusal)
        return _to_values(visit, name, back)
    return _saved(visit, name, kept.result, back)


def _save(visit: Visit, dialog: Dialog, step: str, form: Form, back: Listing) -> Response:
    name, seen, complete = dialog.ace.name, form.get("seen"), form.get("go") == "save"
    edit = _edit(dialog.item.picklist or PicklistMapping(), dialog.choices.picklist())
    kept = visit.attempt(lambda desk: _keep(desk, name, seen, edit, complete=complete))
    if kept.result is None:
        now = visit.ask(lambda desk: desk.seen(name))
        return _step_page(visit, dialog, step, now, back, refusal=kept.refusal, status=kept.status)
    return _saved(visit, name, kept.result, back)


def _keep(desk: DraftDesk, name: str, seen: str, edit: Edit, *, complete: bool) -> tuple[Change, FieldValues]:
    desk.require_seen(seen, name)
    return value_desk.save_values(desk, name, edit, complete=complete)


def _saved(visit: Visit, name: str, kept: tuple[Change, FieldValues], back: Listing) -> Response:
    change, values = kept
    visit.session.tell("done", f"The value mapping of {name} is saved in the draft.")
    left = len(values.open.aws) + len(values.open.salesforce) + len(values.open.undecided)
    if left:
        words = f"{left} values of {name} are open: a record that has one is refused until it is mapped."
        visit.session.tell("note", words)
    known = {"AWS_VALUES_UNMAPPED", "SALESFORCE_VALUES_UNMAPPED"}
    visit.tell_problems(tuple(one for one in change.problems if one.code not in known))
    return _to_values(visit, name, back)


def _to_values(visit: Visit, name: str, back: Listing) -> Response:
    return visit.go(f"/{visit.kind}/field/{name}/values", back=back.query)


def _stored(desk: DraftDesk, name: str) -> tuple[Dialog, dict[str, Any], FieldValues]:
    """Return the dialog with what is stored: where no table is kept, with what both sides spell alike."""
    values = value_desk.list_values(desk, desk.current(), name)[0]
    tables: dict[str, dict[str, str]] = {"primary": {}, "additional": {}, "default": {}}
    for row in values.rows:
        if row.kind == "primary":
            tables["primary"][row.aws_value] = row.salesforce_value
        elif row.kind in tables:
            tables[row.kind][row.salesforce_value] = row.aws_value
    choices = Choices(tables["primary"], tables["additional"], tables["default"])
    return _dialog(desk, name, choices), {**standing(desk), "seen": desk.seen(name)}, values


def _dialog(desk: DraftDesk, name: str, choices: Choices) -> Dialog:
    mapping = desk.current()
    item = desk.require_field(mapping, name)
    return Dialog(desk.ace(name), item, desk.salesforce_field(mapping, item), choices)


def _choices(form: Form) -> Choices:
    return Choices(*(form.table(f"{step}:") for step in STEPS))


def _edit(old: PicklistMapping, new: PicklistMapping) -> Edit:
    """Return what leads from the stored values to the chosen ones."""
    parts = ("primary", "additional", "defaults")
    gone = {part: tuple(name for name in getattr(old, part) if name not in getattr(new, part)) for part in parts}
    return Edit(new.primary, new.additional, new.defaults, gone)


def _step_page(
    visit: Visit, dialog: Dialog, step: str, seen: str, back: Listing, *, refusal: str = "", status: int = 200
) -> Response:
    shown = {**visit.ask(standing), "seen": seen}
    return visit.page("values_edit.html", **shown, **_words(dialog, step), back=back, refusal=refusal, status=status)


def _words(dialog: Dialog, step: str) -> dict[str, Any]:
    questions = dialog.questions(step)
    several = {option for one in questions for option in one.options}
    return {
        "dialog": dialog, "step": step, "steps": STEPS, "titles": TITLES, "help": HELP, "questions": questions,
        "ace": dialog.ace, "item": dialog.item, "blank": dialog.blank(step), "place": STEPS.index(step),
        "shared": sorted(several) if len(several) > LONG_LIST and step != "secondary" else [],
        "others": [(one, getattr(dialog.choices, one)) for one in STEPS if one != step],
        "kept": _not_asked(dialog, step, {one.value for one in questions}),
    }  # fmt: skip


def _not_asked(dialog: Dialog, step: str, asked: set[str]) -> dict[str, str]:
    """Return choices of the step that it does not ask at the moment: they come back when they apply again."""
    table: Mapping[str, str] = getattr(dialog.choices, step)
    return {name: value for name, value in table.items() if name not in asked}
