"""``connector mapping check``, ``publish``, ``apply``, ``history`` and what else turns a draft into a version."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from connector.admin import release_desk
from connector.admin.applying import apply_here, leave_to_worker
from connector.admin.context import JsonFlag, worker_holds_state
from connector.admin.mapping_options import (
    OPPORTUNITY,
    DraftFlag,
    RecordKind,
    TypeFlag,
    YesFlag,
    confirm,
    open_desk,
    print_problems,
    problem_rows,
)
from connector.admin.output import people, print_json, print_table
from connector.admin.release_desk import Release
from connector.errors import ConfigError, MappingError
from connector.mapping.fit import is_blocking
from connector.sync.mapping_apply import Scope

MoveFlag = Annotated[bool, typer.Option("--move", help="Set linked records of the earlier object aside.")]


def check(
    *,
    published: Annotated[
        bool, typer.Option("--published", help="The published version, although there is a draft.")
    ] = False,
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """Check the mapping against today's org and AWS's field definitions; exit 1 when it cannot work.

    Looks at the draft, or at the published version where there is no draft.
    """
    with open_desk(kind) as desk:
        problems = desk.check(desk.require_published() if published else desk.current())
    if as_json:
        print_json(problem_rows(problems))
    print_problems(people(as_json=as_json), problems)
    if any(map(is_blocking, problems)):
        raise typer.Exit(1)
    people(as_json=as_json).print("The mapping works.")


def publish(
    *,
    note: Annotated[str, typer.Option(help="What changed, for the history.")] = "",
    move: MoveFlag = False,
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """Check the draft and put it in force.

    Records that were synchronised before are not looked at again by themselves: `connector mapping apply` does that.
    """
    with open_desk(kind) as desk:
        release = release_desk.publish(desk, note, move=move)
    _tell_release(release, f"Version {release.version} is in force from the next cycle.", kind, as_json=as_json)


def rollback(
    version: Annotated[int, typer.Argument(help="A version that `mapping history` lists.")],
    *,
    move: MoveFlag = False,
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """Publish an earlier version again, as a new one."""
    with open_desk(kind) as desk:
        release = release_desk.roll_back(desk, version, move=move)
    words = f"Version {release.version} is in force, the same as version {version}."
    _tell_release(release, words, kind, as_json=as_json)


def _tell_release(release: Release, words: str, kind: RecordKind, *, as_json: bool) -> None:
    console = people(as_json=as_json)
    if as_json:
        print_json({**asdict(release), "problems": problem_rows(release.problems)})
    print_problems(console, release.problems)
    console.print(words)
    if release.set_aside:
        console.print(f"{release.set_aside} linked records of the earlier object are set aside.")
    console.print("It is not applied to records by itself: only what changes from now on is sent and written by it.")
    _tell_scope(console, release.scope, kind)


def _tell_scope(console: Console, scope: Scope, kind: RecordKind) -> None:
    whose = "" if kind is OPPORTUNITY else f" --type {kind.value}"
    for names, words, option in (
        (scope.to_aws, "AWS does not get the values that records have already", "--to-aws"),
        (scope.from_aws, "Salesforce does not get the values that AWS has already", "--from-aws"),
    ):
        if names:
            command = f"connector mapping apply{whose} {option}"
            console.print(f"Of {', '.join(names)} {words}. `{command}` does it.", markup=False)


def apply(
    *,
    to_aws: Annotated[bool, typer.Option("--to-aws", help="Send what Salesforce has in these fields.")] = False,
    from_aws: Annotated[bool, typer.Option("--from-aws", help="Fill from AWS what is empty in Salesforce.")] = False,
    since: Annotated[
        int | None, typer.Option("--since", help="What changed since this version; by default since the last apply.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    kind: TypeFlag = OPPORTUNITY,
    yes: YesFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Apply the published mapping to records that were synchronised before.

    Only AWS fields that are newly or differently mapped are touched. To AWS, records with a value there become due and
    go by the ordinary rules: flag, review and the automatic switches decide. From AWS only empty fields are filled.
    They go last, behind everything else. With a worker running, the worker does it.
    """
    if not (to_aws or from_aws or dry_run):
        raise ConfigError("Say which way: --to-aws, --from-aws, or both; or --dry-run to count.")
    console = people(as_json=as_json)
    scope = _chosen_scope(console, kind, since, to_aws=to_aws, from_aws=from_aws)
    _print_scope(console, scope)
    if not dry_run:
        confirm("Apply these to all linked records?", yes=yes)
    told, words = _carry_out(console, kind, scope, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, **asdict(scope), **told})
    console.print(words)


def _chosen_scope(console: Console, kind: RecordKind, since: int | None, *, to_aws: bool, from_aws: bool) -> Scope:
    """Return what is to be applied, either way where neither was named. Raises MappingError where nothing is."""
    with open_desk(kind) as desk:
        if desk.draft() is not None:
            console.print("There is a draft; what is applied is the published version.")
        changed = release_desk.pending_scope(desk, since)
    both = not (to_aws or from_aws)
    scope = Scope(changed.to_aws if to_aws or both else (), changed.from_aws if from_aws or both else ())
    if scope == Scope():
        raise MappingError("No AWS field was mapped anew or differently since the last apply: nothing is to be done.")
    return scope


def _carry_out(console: Console, kind: RecordKind, scope: Scope, *, dry_run: bool) -> tuple[dict[str, Any], str]:
    """Apply, leave it to the worker, or only count; return what came of it, for programs and in words."""
    if not dry_run and worker_holds_state():
        count = leave_to_worker(scope, kind.value)
        words = f"The worker looks at {count} linked records, behind everything else; the sync logs tell what goes."
        return {"left_to_worker": True, "linked": count}, words
    counts = apply_here(scope, kind.value, console, dry_run=dry_run)
    words = (
        f"{counts.looked_at} linked records: {counts.to_aws} {'would go' if dry_run else 'are queued'} to AWS, "
        f"{counts.waiting} more once they are due, {counts.from_aws} from AWS."
    )
    if not dry_run and counts.to_aws + counts.from_aws:
        of = "" if kind == OPPORTUNITY else f" --object {kind.value}"
        words += f" The worker carries them; `connector sync outbound{of}` does it now."
    return {"left_to_worker": False, **asdict(counts)}, words


def _print_scope(console: Console, scope: Scope) -> None:
    for names, words in ((scope.to_aws, "To AWS"), (scope.from_aws, "From AWS, where Salesforce is empty")):
        if names:
            console.print(f"{words}: {', '.join(names)}", markup=False)


def diff(
    *,
    old: Annotated[str, typer.Option("--from", help="Version number, or draft.")] = "",
    new: Annotated[str, typer.Option("--to", help="Version number, or draft.")] = "",
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """Show what changed: from the published version to the draft, unless --from and --to say otherwise."""
    with open_desk(kind) as desk:
        lines = release_desk.compare(desk, old, new)
    if as_json:
        return print_json(lines)
    for line in lines or ("Nothing differs.",):
        people().print(line, markup=False)
    return None


def discard(*, yes: YesFlag = False, kind: TypeFlag = OPPORTUNITY) -> None:
    """Throw the draft away."""
    with open_desk(kind) as desk:
        if desk.draft() is not None and desk.published() is None:
            confirm("Nothing was published yet: all that was mapped would be lost. Go on?", yes=yes)
        desk.discard()
    people().print("There is no draft any more.")


def history(*, kind: TypeFlag = OPPORTUNITY, as_json: JsonFlag = False) -> None:
    """List the published versions, newest first: who, when, why, and what changed."""
    with open_desk(kind) as desk:
        versions = release_desk.history(desk)
    if as_json:
        return print_json([asdict(one) for one in versions])
    rows = [
        (one.version, one.by, f"{one.published_at:%Y-%m-%d %H:%M}", one.object_name, one.note, _few(one.differences))
        for one in versions
    ]
    print_table(people(), "", ("Version", "By", "Published (UTC)", "Object", "Note", "Changes"), rows)
    return None


def _few(lines: tuple[str, ...]) -> str:
    shown = "\n".join(lines[:5])
    return shown if len(lines) <= 5 else f"{shown}\nand {len(lines) - 5} more: `connector mapping diff` lists them"


def export(
    target: Annotated[Path, typer.Argument(help="YAML file to write.")],
    *,
    draft: DraftFlag = False,
    kind: TypeFlag = OPPORTUNITY,
) -> None:
    """Write the published mapping to a file that people can review and another org can import.

    It holds names of objects, fields and values only: no ids, and nothing of this state.
    """
    with open_desk(kind) as desk:
        text = release_desk.export_text(desk, draft=draft)
    try:
        target.write_text(text, encoding="utf8", newline="\n")
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror}.") from None
    people().print(f"Written to {target}.", markup=False)


def import_(
    source: Annotated[Path, typer.Argument(help="YAML (or JSON) file that `mapping export` wrote.")],
    *,
    kind: TypeFlag = OPPORTUNITY,
    as_json: JsonFlag = False,
) -> None:
    """Read a mapping from a file into the draft, checked against this org; every problem is listed."""
    try:
        text = source.read_text(encoding="utf8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source} cannot be read: {error}.") from None
    with open_desk(kind) as desk:
        mapping, problems = release_desk.import_text(desk, text)
        command = desk.way("publish")
    if as_json:
        print_json({"object": mapping.object_name, "fields": len(mapping.fields), "problems": problem_rows(problems)})
    console = people(as_json=as_json)
    print_problems(console, problems)
    console.print(f"The draft is what the file says: {len(mapping.fields)} fields. Publish it with {command}.")
