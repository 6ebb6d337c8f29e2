"""``connector mapping``: the mapping, from draft to published version."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.ace.catalogue import opportunity_fields
from connector.admin.context import JsonFlag, open_runtime, open_state, who
from connector.admin.output import people, print_json, print_table
from connector.errors import MappingError, Problem
from connector.mapping.automap import automap_packaged
from connector.mapping.fit import check_mapping, is_blocking
from connector.mapping.model import FieldMapping, Mapping, PicklistMapping, from_document, to_document
from connector.mapping.picklists import automap_values
from connector.names import ACE_OPPORTUNITY
from connector.service.runtime import OPPORTUNITY, Runtime
from connector.store.state import State

mapping_app = typer.Typer(no_args_is_help=True, help="Which Salesforce field holds which ACE field.")
AceName = Annotated[str, typer.Argument(help="ACE field name, such as customerCompanyName.")]
SalesforcePath = Annotated[str, typer.Argument(help="Salesforce field, or a path such as Account.Name.")]


@mapping_app.command("show")
def show(
    *,
    draft: Annotated[bool, typer.Option("--draft", help="The draft instead of the published version.")] = False,
    unmapped: Annotated[bool, typer.Option("--unmapped", help="Only ACE fields that are not mapped.")] = False,
    required: Annotated[bool, typer.Option("--required", help="Only ACE fields that every record needs.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the mapping."""
    with open_state() as state:
        mapping = _current(state) if draft else _published(state)
    if as_json:
        return print_json(to_document(mapping))
    fields = [field for field in opportunity_fields().values() if field.always_required or not required]
    rows = [_row(field.name, field.label, mapping.field(field.name)) for field in fields]
    shown = [row for row in rows if bool(row[2]) is not unmapped]
    print_table(
        people(),
        f"{mapping.object_name}, version {mapping.version}",
        ("AWS field", "Label", "Salesforce field", "Inbound", "Values"),
        shown,
    )
    return None


def _row(name: str, label: str, item: FieldMapping | None) -> tuple[str, str, str, str, str]:
    if item is None:
        return (name, label, "", "", "")
    values = f"{len(item.picklist.primary)} mapped" if item.picklist else ""
    return (name, label, item.path, "yes" if item.inbound else "no", values)


@mapping_app.command("set")
def set_field(
    ace_field: AceName,
    path: SalesforcePath,
    *,
    inbound: Annotated[
        bool, typer.Option("--inbound/--no-inbound", help="Whether AWS may update the Salesforce field.")
    ] = True,
    primary: Annotated[
        list[str] | None, typer.Option("--value", help="AWS value=Salesforce value; repeat for more.")
    ] = None,
    additional: Annotated[
        list[str] | None, typer.Option("--additional", help="Salesforce value=AWS value, for sending only.")
    ] = None,
    default: Annotated[
        list[str] | None, typer.Option("--default", help="Salesforce value=AWS value that is sent.")
    ] = None,
) -> None:
    """Map one field in the draft. Without --value, equal picklist values are mapped to each other."""
    with open_runtime(exclusive=False) as runtime:
        mapping = _current(runtime.state)
        values = PicklistMapping(_pairs(primary), _pairs(additional), _pairs(default))
        item = FieldMapping(
            ace_field,
            path,
            inbound,
            values if primary or additional or default else _automatic(runtime, mapping, ace_field, path),
        )
        changed = mapping.with_field(item)
        mine = [p for p in _problems(runtime, changed) if p.field == ace_field]
        _refuse(mine)
        _save(runtime, changed)
    _print_problems(mine)
    people().print(
        f"{ace_field} is mapped to {path} in the draft. Publish it with `connector mapping publish`.", markup=False
    )


def _pairs(texts: list[str] | None) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts or ()]
    wrong = [left for left, sign, right in pairs if not (left and sign and right)]
    if wrong:
        raise MappingError(f"{wrong[0]!r} is not of the form VALUE=VALUE. Write, for example, --value 'Prospect=New'.")
    return {left: right for left, _, right in pairs}


def _automatic(runtime: Runtime, mapping: Mapping, ace_field: str, path: str) -> PicklistMapping | None:
    ace = opportunity_fields().get(ace_field)
    field = runtime.salesforce.describe(mapping.object_name).field(path)
    if ace is None or field is None or not ace.values or not field.picklist:
        return None
    return automap_values(ace, field)


@mapping_app.command("unset")
def unset(ace_field: AceName) -> None:
    """Remove one field from the draft."""
    with open_runtime(exclusive=False) as runtime:
        mapping = _current(runtime.state)
        if mapping.field(ace_field) is None:
            raise MappingError(f"{ace_field} is not mapped. `connector mapping show` lists what is.")
        _save(runtime, mapping.without_field(ace_field))
    people().print(f"{ace_field} is not mapped any more in the draft.")


@mapping_app.command("automap")
def automap() -> None:
    """Map every field of the packaged object that is not mapped yet, in the draft; what is mapped stays."""
    with open_runtime(exclusive=False) as runtime:
        describe = runtime.salesforce.describe(ACE_OPPORTUNITY)
        kept = _current(runtime.state) if _has_any(runtime.state) else None
        mapping = automap_packaged(opportunity_fields(), describe, kept)
        _save(runtime, mapping)
    people().print(f"{len(mapping.fields)} fields are mapped in the draft.")


@mapping_app.command("check")
def check(*, as_json: JsonFlag = False) -> None:
    """Check the mapping against today's org; exit 1 when it cannot work.

    Looks at the draft, or at the published version where there is no draft.
    """
    with open_runtime(exclusive=False) as runtime:
        problems = _problems(runtime, _current(runtime.state))
    if as_json:
        print_json(
            [
                {
                    "code": p.code,
                    "field": p.field,
                    "value": p.value,
                    "rule": p.rule,
                    "remedy": p.remedy,
                    "blocking": is_blocking(p),
                }
                for p in problems
            ]
        )
    _print_problems(problems, as_json=as_json)
    if any(map(is_blocking, problems)):
        raise typer.Exit(1)
    people(as_json=as_json).print("The mapping works.")


@mapping_app.command("publish")
def publish(*, note: Annotated[str, typer.Option(help="What changed, for the history.")] = "") -> None:
    """Check the draft and put it in force.

    Records that were synchronised before are not looked at again by themselves.
    """
    with open_runtime(exclusive=False) as runtime:
        if runtime.state.mappings.draft(OPPORTUNITY) is None:
            raise MappingError("There is no draft. Change the mapping first.")
        problems = _problems(runtime, _current(runtime.state))
        _refuse(problems)
        version = runtime.state.mappings.publish(OPPORTUNITY, who(), runtime.clock.now(), note)
    _print_problems(problems)
    people().print(
        f"Version {version} is in force from the next cycle. It is not applied to records by itself: "
        "`connector sync outbound` looks at all flagged records."
    )


@mapping_app.command("history")
def history(*, as_json: JsonFlag = False) -> None:
    """List the published versions, newest first."""
    with open_state() as state:
        versions = state.mappings.history(OPPORTUNITY)
    rows = [(one.version, one.by, f"{one.published_at:%Y-%m-%d %H:%M}", one.note) for one in versions]
    if as_json:
        print_json([dict(zip(("version", "by", "published_at", "note"), row, strict=True)) for row in rows])
    else:
        print_table(people(), "", ("Version", "By", "Published (UTC)", "Note"), rows)


@mapping_app.command("rollback")
def rollback(version: Annotated[int, typer.Argument(help="A version that `mapping history` lists.")]) -> None:
    """Publish an earlier version again, as a new one."""
    with open_runtime(exclusive=False) as runtime:
        number = runtime.state.mappings.rollback(OPPORTUNITY, version, who(), runtime.clock.now())
    people().print(f"Version {number} is in force, the same as version {version}.")


@mapping_app.command("export")
def export(target: Annotated[Path, typer.Argument(help="JSON file to write.")]) -> None:
    """Write the published mapping to a file."""
    with open_state() as state:
        document = to_document(_published(state))
    target.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf8")
    people().print(f"Written to {target}.")


@mapping_app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="JSON file that `mapping export` wrote.", exists=True)],
) -> None:
    """Read a mapping from a file into the draft."""
    try:
        mapping = from_document(json.loads(source.read_text(encoding="utf8")))
    except json.JSONDecodeError as error:
        raise MappingError(f"{source} is not JSON: {error}.") from error
    with open_runtime(exclusive=False) as runtime:
        problems = _problems(runtime, mapping)
        _refuse([problem for problem in problems if problem.code == "TYPE_MISMATCH"])
        _save(runtime, replace(mapping, version=0))
    _print_problems(problems)
    people().print("The draft is what the file says. Publish it with `connector mapping publish`.")


def _published(state: State) -> Mapping:
    published = state.mappings.published(OPPORTUNITY)
    if published is None:
        raise MappingError(
            "No mapping was published yet. Run `connector mapping automap`, then `connector mapping publish`."
        )
    version, document = published
    return from_document({**document, "version": version})


def _has_any(state: State) -> bool:
    return state.mappings.draft(OPPORTUNITY) is not None or state.mappings.published(OPPORTUNITY) is not None


def _current(state: State) -> Mapping:
    draft = state.mappings.draft(OPPORTUNITY)
    return from_document(draft) if draft is not None else _published(state)


def _save(runtime: Runtime, mapping: Mapping) -> None:
    runtime.state.mappings.save_draft(OPPORTUNITY, to_document(mapping), who(), runtime.clock.now())


def _problems(runtime: Runtime, mapping: Mapping) -> tuple[Problem, ...]:
    return check_mapping(mapping, opportunity_fields(), runtime.salesforce.describe)


def _refuse(problems: Any) -> None:
    blocking = [str(problem) for problem in problems if is_blocking(problem)]
    if blocking:
        raise MappingError("The mapping cannot work:\n" + "\n".join(blocking))


def _print_problems(problems: Any, *, as_json: bool = False) -> None:
    for problem in problems:
        people(as_json=as_json).print(("" if is_blocking(problem) else "note: ") + str(problem), markup=False)
