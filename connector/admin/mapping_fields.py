"""``connector mapping object``, ``show``, ``fields``, ``set`` and what else changes which field holds what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from connector.admin import object_desk
from connector.admin.context import JsonFlag
from connector.admin.mapping_desk import Change, MappingDesk
from connector.admin.mapping_options import (
    OPPORTUNITY,
    AceName,
    DraftFlag,
    TypeFlag,
    YesFlag,
    confirm,
    open_desk,
    pairs,
    print_problems,
    problem_rows,
)
from connector.admin.mapping_view import ShownField
from connector.admin.output import people, print_json, print_table
from connector.errors import ConfigError
from connector.mapping.model import PicklistMapping, to_document
from connector.mapping.offers import Offers

SalesforcePath = Annotated[str, typer.Argument(help="Salesforce field, or a path such as Account.Name.")]
AWS_FIELDS, SALESFORCE_FIELDS = "AWS Fields", "Salesforce Fields"


def choose_object(
    name: Annotated[str, typer.Argument(help="API name of the object to map; without it, list the candidates.")] = "",
    *,
    kind: TypeFlag = OPPORTUNITY,
    yes: YesFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """List the objects that can be mapped, or choose one for the draft.

    Exactly one object is mapped: choosing another one throws the draft's fields away, after a question.
    """
    console = people(as_json=as_json)
    with open_desk(kind) as desk:
        if not name:
            return _list_objects(desk, console, as_json=as_json)
        lost = object_desk.what_is_lost(desk, name)
        if lost and desk.draft() is None:
            console.print("The published version stays in force until the draft is published.")
        if lost:
            confirm(f"Choosing {name} throws away from the draft: {', '.join(lost)}. Go on?", yes=yes)
        mapping = object_desk.choose(desk, name)
        problems = desk.check(mapping)
    if as_json:
        print_json({"object": mapping.object_name, "lost": lost, "problems": problem_rows(problems)})
    console.print(f"The draft maps {mapping.object_name} to {kind} records.", markup=False)
    if not mapping.fields:
        print_problems(console, [one for one in problems if one.code != "REQUIRED_UNMAPPED"])
    return None


def _list_objects(desk: MappingDesk, console: Console, *, as_json: bool) -> None:
    found = object_desk.list_candidates(desk)
    if as_json:
        return print_json([asdict(one) for one in found])
    marks = [" and ".join(filter(None, ("in force" * one.in_force, "in the draft" * one.in_draft))) for one in found]
    rows = [(one.name, one.label, one.kind, mark) for one, mark in zip(found, marks, strict=True)]
    print_table(console, f"Objects for {desk.record_type} records", ("Object", "Label", "Kind", "Chosen"), rows)
    return None


def show(
    *,
    draft: DraftFlag = False,
    mapped: Annotated[bool | None, typer.Option("--mapped/--unmapped", help="Mapping View: only these.")] = None,
    required: Annotated[
        bool | None,
        typer.Option("--required/--optional", help="Type View: only what AWS requires, always or sometimes, or not."),
    ] = None,
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """Show every AWS field and the Salesforce field that holds it.

    What AWS alone writes is inbound only. What is lost by leaving a field unmapped stands behind it.
    """
    with open_desk(kind) as desk:
        mapping = desk.current() if draft else desk.require_published()
        fields = desk.fields(mapping)
    shown = [
        one
        for one in fields
        if (mapped is None or one.mapped is mapped) and (required is None or bool(one.required) is required)
    ]
    counts = _counts(fields)
    if as_json:
        return print_json({**to_document(mapping), "counts": counts, "shown": [_shown_json(one) for one in shown]})
    title = f"{mapping.object_name}, {f'version {mapping.version}' if mapping.version else 'draft'}"
    columns = (AWS_FIELDS, "Label", "Required", SALESFORCE_FIELDS, "Inbound", "Values", "Unmapped: what is lost")
    print_table(people(), title, columns, [_row(one) for one in shown])
    people().print(f"{len(shown)} of {len(fields)} shown. " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    return None


def _counts(fields: Sequence[ShownField]) -> dict[str, int]:
    counted = Counter("mapped" if one.mapped else "unmapped" for one in fields)
    counted += Counter("required" if one.required else "optional" for one in fields)
    return {what: counted[what] for what in ("mapped", "unmapped", "required", "optional")}


def _shown_json(one: ShownField) -> dict[str, Any]:
    return {
        "ace_field": one.ace.name, "label": one.ace.label, "type": one.ace.type.value, "required": one.required,
        "direction": one.direction, "path": one.item.path if one.item else one.held_by, "mapped": one.mapped,
        "inbound": one.item.inbound if one.item else None, "lost": one.lost,
    }  # fmt: skip


def _row(one: ShownField) -> tuple[str, ...]:
    path = f"{one.held_by} (fixed)" if one.held_by else one.item.path if one.item else ""
    values = f"{len(one.item.picklist.primary)} mapped" if one.item and one.item.picklist else ""
    return (one.ace.name, one.ace.label, one.required, path, _inbound(one), values, one.lost)


def _inbound(one: ShownField) -> str:
    if one.direction == "inbound only":
        return "only" if one.item is None or one.item.inbound else "off (inbound only)"
    return "" if one.item is None else "yes" if one.item.inbound else "no"


def fields(
    ace_field: AceName,
    *,
    expand: Annotated[str, typer.Option("--expand", help="A relationship that is marked >, such as Account.")] = "",
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """List the Salesforce fields that fit an AWS field, and the relationships (>) that lead to more."""
    console = people(as_json=as_json)
    with open_desk(kind) as desk:
        offers, object_name = desk.offers(ace_field, expand), desk.current().object_name
    if as_json:
        return print_json(_offers_json(offers))
    title = f"{SALESFORCE_FIELDS} of {object_name}{'.' + expand if expand else ''} for {ace_field}"
    rows = [
        (one.path, one.label, one.type, "yes" if one.can_be_inbound else "no", " ".join(map(str, one.notes)))
        for one in offers.fields
    ]
    rows += [(f"{one.relationship} >", one.label, "relationship", "", ", ".join(one.objects))
             for one in offers.relationships]  # fmt: skip
    print_table(console, title, ("Field", "Label", "Type", "Inbound possible", "Notes"), rows)
    for name in ("", expand):
        if name in offers.refused:
            console.print(str(offers.refused[name]), markup=False)
            break
    return None


def _offers_json(offers: Offers) -> dict[str, Any]:
    return {
        "fields": [{**asdict(one), "notes": [asdict(note) for note in one.notes]} for one in offers.fields],
        "relationships": [asdict(one) for one in offers.relationships],
        "refused": {path: asdict(problem) for path, problem in offers.refused.items()},
    }


def set_field(
    ace_field: AceName,
    path: SalesforcePath,
    *,
    inbound: Annotated[
        bool | None,
        typer.Option("--inbound/--no-inbound", help="Enable Inbound Updates: whether AWS may update the field."),
    ] = None,
    primary: Annotated[
        list[str] | None, typer.Option("--value", help="AWS value=Salesforce value; repeat for more.")
    ] = None,
    additional: Annotated[
        list[str] | None, typer.Option("--additional", help="Salesforce value=AWS value, for sending only.")
    ] = None,
    default: Annotated[
        list[str] | None, typer.Option("--default", help="Salesforce value=AWS value that is sent.")
    ] = None,
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """Map one field in the draft. Without --value, equal picklist values are mapped to each other.

    Inbound updates are on by default, but for stage, target close date and closed-lost reason, and where AWS returns
    nothing or the field cannot be written.
    """
    values = None
    if primary or additional or default:
        values = PicklistMapping(
            pairs("--value", primary), pairs("--additional", additional), pairs("--default", default)
        )
    with open_desk(kind) as desk:
        change = desk.set_field(ace_field, path, inbound=inbound, values=values)
        protected, command = desk.ace(ace_field).protected, desk.way("publish")
    item = change.mapping.field(ace_field)
    assert item is not None
    console = people(as_json=as_json)
    _print_change(console, change, as_json=as_json)
    words = "on" if item.inbound else "off"
    why = " by default, so that AWS does not overwrite your sales process" if protected and inbound is None else ""
    console.print(f"{ace_field} is mapped to {item.path} in the draft, inbound updates {words}{why}.", markup=False)
    console.print(f"Publish it with {command}.")


def unset(ace_field: AceName, *, kind: TypeFlag = OPPORTUNITY, as_json: JsonFlag = False) -> None:
    """Remove one field from the draft."""
    with open_desk(kind) as desk:
        change = desk.unset_field(ace_field)
    _print_change(people(as_json=as_json), change, as_json=as_json)
    people(as_json=as_json).print(f"{ace_field} is not mapped any more in the draft.")


def toggle(
    ace_field: AceName,
    *,
    inbound: Annotated[
        bool | None, typer.Option("--inbound/--no-inbound", help="Enable Inbound Updates: whether AWS may update it.")
    ] = None,
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """Turn inbound updates of a mapped field on or off in the draft."""
    if inbound is None:
        raise ConfigError("Say which: --inbound or --no-inbound.")
    with open_desk(kind) as desk:
        change = desk.toggle_field(ace_field, inbound=inbound)
    _print_change(people(as_json=as_json), change, as_json=as_json)
    people(as_json=as_json).print(f"Inbound updates of {ace_field} are {'on' if inbound else 'off'} in the draft.")


def automap(*, kind: TypeFlag = OPPORTUNITY, as_json: JsonFlag = False) -> None:
    """Auto Map ACE Object: map every field of the packaged object that is not mapped yet, with its equal values.

    What is mapped stays; running it again changes nothing. Before the first run after an upgrade, empty the mapping
    with `connector mapping reset`. Other objects than the packaged ones are refused.
    """
    with open_desk(kind) as desk:
        change = desk.automap()
    _print_change(people(as_json=as_json), change, as_json=as_json)
    people(as_json=as_json).print(f"{len(change.mapping.fields)} fields are mapped in the draft.")


def propose(
    *,
    accept: Annotated[
        list[str] | None, typer.Option("--accept", help="Map this AWS field as proposed; repeat for more.")
    ] = None,
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """Propose Salesforce fields for what is not mapped, each with its reason. Nothing is mapped unless accepted."""
    console = people(as_json=as_json)
    with open_desk(kind) as desk:
        found = desk.accept(accept) if accept else desk.proposals()
    if as_json:
        return print_json([asdict(one) for one in found])
    columns = (AWS_FIELDS, SALESFORCE_FIELDS, "Inbound", "Likeness", "Reason")
    rows = [(one.ace_field, one.path, "yes" if one.inbound else "no", one.score, one.reason) for one in found]
    print_table(console, "Mapped in the draft" if accept else "Proposals", columns, rows)
    return None


def reset(*, yes: YesFlag = False, kind: TypeFlag = OPPORTUNITY) -> None:
    """Empty the draft: no field and no value is mapped any more; the object stays. Asks first."""
    with open_desk(kind) as desk:
        count = len(desk.current().fields)
        confirm(f"Clear all {count} mapped fields and their values from the draft?", yes=yes)
        desk.reset()
    people().print(f"{count} fields were cleared from the draft. A published version stays in force until you publish.")


def _print_change(console: Console, change: Change, *, as_json: bool) -> None:
    if as_json:
        print_json({**to_document(change.mapping), "problems": problem_rows(change.problems)})
    print_problems(console, change.problems)
