"""``connector mapping values``, ``fallback``, ``own`` and ``exclude``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from connector.admin import value_desk
from connector.admin.context import JsonFlag
from connector.admin.mapping_desk import MappingDesk
from connector.admin.mapping_options import (
    OPEN_VALUES,
    OPPORTUNITY,
    AceName,
    DraftFlag,
    TypeFlag,
    open_desk,
    pairs,
    print_problems,
    problem_rows,
)
from connector.admin.output import people, print_json, print_table
from connector.admin.value_desk import Edit, FieldValues
from connector.errors import ConfigError
from connector.mapping.model import Fallback
from connector.mapping.own_fields import OWN_FIELDS

_Pairs = list[str] | None


Primary = Annotated[_Pairs, typer.Option("--primary", help="AWS value=Salesforce value (Primary APN Values).")]
Additional = Annotated[
    _Pairs, typer.Option("--additional", help="Salesforce value=AWS value, for sending (Additional APN Value).")
]
Default = Annotated[
    _Pairs, typer.Option("--default", help="Salesforce value=AWS value that is sent (Secondary APN Values).")
]
RemovePrimary = Annotated[_Pairs, typer.Option("--remove-primary", help="AWS value.")]
RemoveAdditional = Annotated[_Pairs, typer.Option("--remove-additional", help="Salesforce value.")]
RemoveDefault = Annotated[_Pairs, typer.Option("--remove-default", help="Salesforce value.")]


def values(
    ace_field: Annotated[str, typer.Argument(help="AWS field name; without it, every picklist in one view.")] = "",
    *,
    primary: Primary = None,
    additional: Additional = None,
    default: Default = None,
    remove_primary: RemovePrimary = None,
    remove_additional: RemoveAdditional = None,
    remove_default: RemoveDefault = None,
    automap: Annotated[
        bool, typer.Option("--automap", help="Add the missing values that both sides spell alike.")
    ] = False,
    complete: Annotated[bool, typer.Option("--complete", help="Refuse to save while a value is open.")] = False,
    draft: DraftFlag = False,
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """List or change how the values of a picklist correspond; changes go to the draft.

    Options may be repeated. A value that holds an equals sign is written with == for it. Values that stay open are
    told: a record that has one is refused until it is mapped.
    """
    removed = {"primary": remove_primary, "additional": remove_additional, "defaults": remove_default}
    edit = Edit(
        pairs("--primary", primary), pairs("--additional", additional), pairs("--default", default),
        {part: tuple(named or ()) for part, named in removed.items()}, automap,
    )  # fmt: skip
    with open_desk(kind) as desk:
        if edit.is_empty and not complete:
            _list(desk, ace_field, draft=draft, as_json=as_json)
        else:
            _change(desk, ace_field, edit, complete=complete, as_json=as_json)


def _change(desk: MappingDesk, ace_field: str, edit: Edit, *, complete: bool, as_json: bool) -> None:
    if not ace_field:
        raise ConfigError("Name the AWS field whose values are to change.")
    change, shown = value_desk.save_values(desk, ace_field, edit, complete=complete)
    console = people(as_json=as_json)
    if as_json:
        print_json({**_as_json(shown), "problems": problem_rows(change.problems)})
    else:
        _print_values(console, [shown])
    console.print(f"The value mapping of {ace_field} is saved in the draft.")
    _print_open(desk, console, [shown])
    print_problems(console, [one for one in change.problems if one.code not in OPEN_VALUES])


def _list(desk: MappingDesk, ace_field: str, *, draft: bool, as_json: bool) -> None:
    mapping = desk.current() if draft or desk.published() is None else desk.require_published()
    found = value_desk.list_values(desk, mapping, ace_field)
    if as_json:
        shown: Any = [_as_json(one) for one in found]
        return print_json(shown[0] if ace_field else shown)
    _print_values(people(), found)
    _print_open(desk, people(), found)
    return None


def _as_json(one: FieldValues) -> dict[str, Any]:
    return {
        "ace_field": one.ace_field, "path": one.path, "table": one.table, "values": [asdict(row) for row in one.rows],
        "open": asdict(one.open), "missing": one.missing,
    }  # fmt: skip


def _print_values(console: Console, found: Sequence[FieldValues]) -> None:
    rows = [
        (one.ace_field, one.path, row.kind, row.aws_value, row.salesforce_value) for one in found for row in one.rows
    ]
    columns = ("AWS Fields", "Salesforce Fields", "Kind", "AWS value", "Salesforce value")
    print_table(console, "Picklist values", columns, rows)


def _print_open(desk: MappingDesk, console: Console, found: Sequence[FieldValues]) -> None:
    for one in found:
        if one.missing:
            console.print(f"{one.ace_field}: {one.missing}", markup=False)
        for line in value_desk.describe_open(desk, one):
            console.print(line, markup=False)


def fallback(
    ace_field: AceName,
    *,
    to_aws_value: Annotated[str, typer.Option(help="Sent where the Salesforce field is empty.")] = "",
    to_aws_formula: Annotated[str, typer.Option(help="The same, a formula over the record's fields.")] = "",
    from_aws_value: Annotated[str, typer.Option(help="Written where AWS has no value; in AWS's spelling.")] = "",
    from_aws_formula: Annotated[str, typer.Option(help="The same, a formula over AWS's fields.")] = "",
    none: Annotated[bool, typer.Option("--none", help="Take the fallbacks of the field away.")] = False,
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """Set what stands in where a value is empty; off by default. Every use is noted in the record's sync log."""
    to_aws = _fallback("to-aws", to_aws_value, to_aws_formula)
    from_aws = _fallback("from-aws", from_aws_value, from_aws_formula)
    given = bool(to_aws or from_aws)
    if none is given:
        raise ConfigError("Give a value or a formula for a side, or --none and nothing else.")
    with open_desk(kind) as desk:
        if given:
            change = desk.set_fallbacks(ace_field, to_aws=to_aws, from_aws=from_aws)
        else:
            change = desk.remove_fallbacks(ace_field)
    item = change.mapping.field(ace_field)
    assert item is not None
    if as_json:
        sides = {"to_aws": item.to_aws, "from_aws": item.from_aws}
        print_json({side: asdict(one) if one else None for side, one in sides.items()})
    console = people(as_json=as_json)
    print_problems(console, change.problems)
    console.print(f"The fallbacks of {ace_field} are {'set' if given else 'taken away'} in the draft.")


def _fallback(side: str, value: str, formula: str) -> Fallback | None:
    if value and formula:
        raise ConfigError(f"--{side}-value and --{side}-formula exclude each other. Give one of them.")
    return Fallback(value, formula) if value or formula else None


def own(
    sync_field: Annotated[str, typer.Argument(help=f"One of {', '.join(one.name for one in OWN_FIELDS)}.")] = "",
    field: Annotated[str, typer.Argument(help="Field of the custom object.")] = "",
    *,
    none: Annotated[bool, typer.Option("--none", help="The object has no such field.")] = False,
    likely: Annotated[bool, typer.Option("--likely", help="Take the only fields that fit, for all at once.")] = False,
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """Say which fields of a custom object are the connector's own: Sync with AWS, last sync, identifier and so on.

    Without arguments, list what is chosen and what fits. Standard and packaged objects have fixed ones.
    """
    console = people(as_json=as_json)
    with open_desk(kind) as desk:
        if sync_field and bool(field) is none:
            raise ConfigError("Name the field of the object, or give --none.")
        if sync_field:
            print_problems(console, desk.set_own_field(sync_field, field).problems)
        elif likely:
            found = desk.likely_own_fields()
            if found is None:
                raise ConfigError("There is a choice, or nothing fits: `connector mapping own` lists what does.")
            print_problems(console, desk.accept_own_fields(found).problems)
        _list_own(desk, console, as_json=as_json)


def _list_own(desk: MappingDesk, console: Console, *, as_json: bool) -> None:
    names, offered = desk.names(desk.current()), desk.own_candidates()
    rows = [
        {
            "sync_field": one.name, "label": one.label, "needs": one.wanted, "optional": one.optional,
            "chosen": getattr(names, one.name), "fitting": [field.name for field in offered[one.name].fields],
            "message": offered[one.name].message,
        }
        for one in OWN_FIELDS
    ]  # fmt: skip
    if as_json:
        return print_json(rows)
    shown = [(row["sync_field"], row["label"], row["needs"], row["chosen"], ", ".join(row["fitting"]) or row["message"])
             for row in rows]  # fmt: skip
    print_table(console, "The connector's own fields", ("Name", "Label", "Needs", "Chosen", "Fitting"), shown)
    return None


def exclude(
    formula: Annotated[str, typer.Argument(help="Formula over AWS's fields; where it is true, AWS is ignored.")] = "",
    *,
    none: Annotated[bool, typer.Option("--none", help="Ignore nothing.")] = False,
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """Say in a formula which of AWS's records are ignored: not created, not updated."""
    if bool(formula) is none:
        raise ConfigError("Give a formula, or --none.")
    with open_desk(kind) as desk:
        change = desk.set_exclude(formula)
    if as_json:
        print_json({"exclude": change.mapping.exclude, "problems": problem_rows(change.problems)})
    console = people(as_json=as_json)
    print_problems(console, change.problems)
    console.print("Saved in the draft." if formula else "Nothing is ignored any more in the draft.")
