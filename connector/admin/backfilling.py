"""``connector backfill``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from connector.ace.catalogue import opportunity_fields
from connector.ace.file_fields import RecordType
from connector.admin.context import JsonFlag, open_runtime
from connector.admin.importing import Imported, Importer
from connector.admin.open_list import carry_out, tell_lacking
from connector.admin.output import people, print_json, print_table
from connector.admin.proposals import read_decisions, refuse_decided, write_proposals, write_report
from connector.errors import ConfigError
from connector.sync import logs
from connector.sync.backfill import Found, Kind, Scope, give_up, look_through, report_lines, survey
from connector.sync.backfill_links import apply_decisions, check_decisions
from connector.sync.engine import Engine

PROPOSALS = Path("backfill-proposals.csv")
_SCOPE_OPTIONS = "--stage, --review-status, --created-after, --modified-after, --never-synced and --restart"
Choice = Annotated[list[str] | None, typer.Option(help="Only opportunities in this stage; may be repeated.")]
Dates = Annotated[str, typer.Option(metavar="DATE", help="Only opportunities created at AWS then or later (UTC).")]


def backfill(
    *,
    stage: Choice = None,
    review_status: Annotated[
        list[str] | None, typer.Option(help="Only opportunities with this review status; may be repeated.")
    ] = None,
    created_after: Dates = "",
    modified_after: Annotated[
        str, typer.Option(metavar="DATE", help="Only opportunities modified at AWS then or later (UTC).")
    ] = "",
    never_synced: Annotated[
        bool, typer.Option("--never-synced", help="Only opportunities that Salesforce never got.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done; change nothing.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew instead of where one was cut off.")] = False,
    links: Annotated[
        Path | None, typer.Option(help="CSV file with decisions on proposals, or with pairs to link, to carry out.")
    ] = None,
    proposals: Annotated[
        Path, typer.Option(help="CSV file to which proposals are written that a person must decide.")
    ] = PROPOSALS,
    report: Annotated[
        Path | None, typer.Option(help="CSV file to which all pairs of identifiers are written in the end.")
    ] = None,
    open_list: Annotated[
        Path | None, typer.Option(help="CSV file: ACE's own list of what is open, whose entries are to be linked.")
    ] = None,
    object_type: Annotated[
        str, typer.Option("--object", help="With --open-list or --lacking: opportunity or lead.")
    ] = "opportunity",
    closed: Annotated[
        list[str] | None,
        typer.Option(help="With --open-list: entries in this stage are not to be processed; may be repeated."),
    ] = None,
    lacking: Annotated[
        Path | None,
        typer.Option(help="CSV file for AWS's accepted open referrals without a partner id."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Import what exists in Partner Central, and link it to the records that exist instead of duplicating them.

    Opportunities are linked by the AWS id that a record carries and by the partner identifier. Where a record is only
    alike (company or website, title, close date), nothing is linked or created: the proposals are written to a CSV
    file; put link, create or skip into its column decision and read it in with --links. A run that is cut off goes on
    where it was when it is started again. Exit code 3 while a worker runs; --dry-run may be used beside one.

    With --open-list, ACE's list is matched instead, with no call to AWS where records travel by files; --report then
    writes what goes back to ACE, where excluded entries have consecutive stand-ins (X0001 and on).
    """
    console = people(as_json=as_json)
    scope = _scope(stage, review_status, created_after, modified_after, never_synced=never_synced)
    if open_list is not None:
        if scope != Scope() or links is not None or restart:
            raise ConfigError(f"--open-list takes the list as it is. Leave out {_SCOPE_OPTIONS} and --links.")
        outcome = carry_out(
            open_list,
            record_type=_record_type(object_type),
            closed=closed or (),
            dry_run=dry_run,
            report=report,
            missing=lacking,
            console=console,
        )
    elif lacking is not None:
        outcome = tell_lacking(lacking, record_type=_record_type(object_type), console=console)
    elif object_type != "opportunity" or closed:
        raise ConfigError("--object and --closed go with --open-list only.")
    elif links is not None:
        if scope != Scope() or dry_run or restart:
            raise ConfigError(f"--links carries out decisions only. Leave out {_SCOPE_OPTIONS} and --dry-run.")
        outcome = _carry_out(links, report, console)
    elif dry_run:
        outcome = _survey(scope, console)
    else:
        refuse_decided(proposals)
        outcome = _import(scope, proposals, report, console, restart=restart)
    if as_json:
        print_json(outcome)
    if outcome.get("failed"):
        raise typer.Exit(1)


# --- what is wanted


def _record_type(word: str) -> RecordType:
    for known in get_args(RecordType):
        if word == known:
            return cast(RecordType, known)
    raise ConfigError(f"--object {word!r} is neither opportunity nor lead.")


def _scope(
    stages: list[str] | None, statuses: list[str] | None, created: str, modified: str, *, never_synced: bool
) -> Scope:
    return Scope(
        _known(stages, "stage", "--stage"),
        _known(statuses, "status", "--review-status"),
        _date(created, "--created-after"),
        _date(modified, "--modified-after"),
        never_synced,
    )


def _known(words: list[str] | None, ace_field: str, option: str) -> tuple[str, ...]:
    known = opportunity_fields()[ace_field].values
    by_lower = {value.lower(): value for value in known}
    for word in words or ():
        if word.lower() not in by_lower:
            raise ConfigError(f"{option} {word!r} is none of Partner Central's. Use one of: {', '.join(known)}.")
    return tuple(sorted({by_lower[word.lower()] for word in words or ()}))


def _date(text: str, option: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text!r} is no date. Write it as 2026-01-31 or 2026-01-31T12:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- the three ways


def _require_api(engine: Engine) -> None:
    if engine.channel == "files":
        raise ConfigError(
            "Opportunities travel as files of the ACE bucket, so that AWS cannot be asked what there is. Link what "
            "exists by ACE's own list with --open-list; AWS exports the rest."
        )


def _survey(scope: Scope, console: Console) -> dict[str, Any]:
    with open_runtime(exclusive=False) as runtime, _bar(console) as bar:
        engine = runtime.engine()
        _require_api(engine)
        task = bar.add_task("looking at AWS", total=None)
        with engine.partner_central.background():
            found = survey(engine, scope, lambda looked: bar.update(task, completed=looked))
    _show(console, "What a backfill would do; nothing was changed", found)
    return {"dry_run": True, "counts": found.as_json()}


def _import(scope: Scope, path: Path, report: Path | None, console: Console, *, restart: bool) -> dict[str, Any]:
    with open_runtime(exclusive=True) as runtime, Importer.open(runtime) as importer:
        engine = importer.engine
        _require_api(engine)
        if restart:
            give_up(engine)
        run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
        with _bar(console) as bar:
            task = bar.add_task("looking at AWS", total=None)

            def pause(looked: int) -> None:
                bar.update(task, completed=looked)
                importer.attend()

            with engine.partner_central.background():
                found = look_through(engine, scope, run_id, pause)
        undecided = engine.state.backfills.undecided()
        if undecided:
            write_proposals(path, engine.state.backfills.proposals())
        imported = _work_off(importer, console)
        _report(engine, report)
    _show(console, "Opportunities at AWS", found)
    _tell(console, imported)
    if undecided:
        _tell_undecided(console, undecided, path)
    return {
        "dry_run": False,
        "resumed": found.resumed,
        "counts": found.as_json(),
        "undecided": undecided,
        "proposals": str(path) if undecided else None,
        **imported.as_json(),
    }


def _carry_out(path: Path, report: Path | None, console: Console) -> dict[str, Any]:
    rows = read_decisions(path)
    with open_runtime(exclusive=True) as runtime, Importer.open(runtime) as importer:
        engine = importer.engine
        _require_api(engine)
        problems = check_decisions(engine, rows)
        if problems:
            listed = "\n".join(str(problem) for problem in problems)
            raise ConfigError(f"{path} was not read in; nothing was changed.\n{listed}")
        run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
        counts = apply_decisions(engine, rows, run_id)
        imported = _work_off(importer, console)
        undecided = engine.state.backfills.undecided()
        _report(engine, report)
    console.print(f"{counts['link']} to link, {counts['create']} to create, {counts['skip']} skipped.")
    _tell(console, imported)
    if undecided:
        console.print(f"{undecided} opportunities still wait for a decision.")
    return {"decisions": counts, "undecided": undecided, **imported.as_json()}


def _work_off(importer: Importer, console: Console) -> Imported:
    with _bar(console) as bar:
        task = bar.add_task("importing", total=None)
        return importer.work_off(lambda done, total: bar.update(task, completed=done, total=total))


def _report(engine: Engine, path: Path | None) -> None:
    if path is not None:
        write_report(path, report_lines(engine))


# --- telling


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, disable=not console.is_terminal, transient=True,
    )  # fmt: skip


def _show(console: Console, title: str, found: Found) -> None:
    rows = [(kind.value, found.counts[kind.name]) for kind in Kind if found.counts[kind.name]]
    print_table(console, title, ("Opportunities", "Number"), rows)
    if found.resumed:
        console.print("An earlier backfill was cut off; this one went on from there.")


def _tell(console: Console, imported: Imported) -> None:
    failed, waiting = imported.count("failed"), imported.waiting
    console.print(f"{imported.count('done')} imported, {failed} failed, {waiting} waiting.")
    if failed:
        console.print("The sync logs in Salesforce say why for each.")
    if waiting:
        console.print(Text(f"What waits is done by the worker, or by the next backfill. {imported.reason}"))


def _tell_undecided(console: Console, undecided: int, path: Path) -> None:
    console.print(
        Text(
            f"{undecided} opportunities may be records that exist already. Put link, create or skip into the column "
            f"decision of {path}, then run: connector backfill --links {path}"
        )
    )
