"""``connector backfill --open-list``: ACE's list of what is open, read, carried out, and written back for ACE."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from connector.ace.catalogue import lead_fields, opportunity_fields
from connector.ace.file_fields import APN_ID, PARTNER_ID, RecordType, name_of_key
from connector.admin.context import open_runtime
from connector.admin.importing import Imported, Importer
from connector.admin.output import print_table
from connector.admin.proposals import delimiter_of, write_rows
from connector.errors import ConfigError, Problem
from connector.sync import logs
from connector.sync.backfill_links import LINK, Decided, apply_decisions, check_decisions
from connector.sync.backfill_list import SKIP, Kind, Listed, Matched, lacking, lacking_here, link_all, match, wrong_rows
from connector.sync.engine import Engine
from connector.sync.likeness import Deal

DECISION, REMARK = "decision", "remark"
_ACCEPTANCE, _OWNERSHIP = "partnerAcceptanceStatus", "opportunityOwnership"
_STAGE, _STATUS = "stage", "status"
_DEAL: Mapping[RecordType, Mapping[str, str]] = {
    "opportunity": {
        "company": "customerCompanyName", "title": "partnerProjectTitle", "website": "customerWebsite",
        "close_date": "targetCloseDate",
    },
    "lead": {"company": "company", "title": "fullName", "website": "website"},
}  # fmt: skip


def carry_out(
    path: Path,
    *,
    record_type: RecordType,
    closed: Sequence[str],
    dry_run: bool,
    report: Path | None,
    missing: Path | None,
    console: Console,
) -> dict[str, Any]:
    """Match ACE's list, link what is matched unless it is a dry run, write the files, and tell what was found.

    Raises:
        ConfigError: the list cannot be read, or something in it is wrong; nothing was changed then.
    """
    rows = read_list(path, record_type)
    _refuse(path, wrong_rows(rows, record_type))
    with open_runtime(exclusive=not dry_run) as runtime:
        imported = Imported()
        if dry_run:
            found = match(_engine_for(runtime.engine(), record_type), rows, closed=closed)
        else:
            with Importer.open(runtime) as importer:
                engine = _engine_for(importer.engine, record_type)
                found = match(engine, rows, closed=closed)
                imported = _link(importer, engine, found)
    if report is not None:
        write_report(report, found, record_type)
    without = lacking(found)
    if missing is not None:
        write_report(missing, without, record_type)
    _show(console, found, without, imported)
    return {
        "dry_run": dry_run,
        "counts": {kind.name.lower(): sum(one.kind is kind for one in found) for kind in Kind},
        "unmatched": [one.listed.apn_id for one in found if one.kind is Kind.UNMATCHED],
        "lacking": [one.listed.apn_id for one in without],
        **imported.as_json(),
    }


def tell_lacking(missing: Path, *, record_type: RecordType, console: Console) -> dict[str, Any]:
    """Write which of AWS's accepted open referrals have no partner identifier, with the record of each, if any."""
    with open_runtime(exclusive=False) as runtime:
        engine = _engine_for(runtime.engine(), record_type)
        found = list(dict.fromkeys(lacking_here(engine)))
    columns = (PARTNER_ID[record_type], APN_ID, REMARK)
    rows = [(record_id, apn_id, "has a record" if record_id else "has no record") for apn_id, record_id in found]
    write_rows(missing, columns, rows)
    console.print(f"{len(found)} open entries of AWS's have no partner identifier; see {missing}.", markup=False)
    return {"lacking": [apn_id for apn_id, _ in found]}


def _engine_for(engine: Engine, record_type: RecordType) -> Engine:
    if record_type == "opportunity":
        return engine
    if engine.leads is None:
        raise ConfigError("No lead mapping is published. Map leads, then `connector mapping publish --type lead`.")
    return engine.leads


def _refuse(path: Path, problems: Sequence[Problem]) -> None:
    if problems:
        listed = "\n".join(str(problem) for problem in problems)
        raise ConfigError(f"{path} was not read in; nothing was changed.\n{listed}")


def _link(importer: Importer, engine: Engine, found: Sequence[Matched]) -> Imported:
    run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
    if engine.channel == "files":
        link_all(engine, found, run_id)
        return Imported()
    # AWS's side can be asked, so that each pair is compared as it is linked.
    rows = [_decided(one) for one in found if one.kind in (Kind.LINKED, Kind.EXCLUDED)]
    _refuse(Path("The list"), check_decisions(engine, rows))
    apply_decisions(engine, rows, run_id)
    return importer.work_off(lambda _done, _total: None)


def _decided(one: Matched) -> Decided:
    listed = one.listed
    if one.kind is Kind.EXCLUDED:
        return Decided(listed.number, listed.apn_id, "", SKIP)
    return Decided(listed.number, listed.apn_id, one.partner_id, LINK)


# --- the files


def read_list(path: Path, record_type: RecordType) -> list[Listed]:
    """Return the rows of ACE's list. Its columns may have AWS's field names or their labels, in any order.

    Raises:
        ConfigError: the file cannot be read, or has no column with AWS's identifier.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = list(file)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Name the list that ACE gave you.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no CSV file in UTF-8. Save it as CSV (UTF-8, comma delimited).") from error
    try:
        return list(_rows(path, text, record_type))
    except csv.Error as error:
        raise ConfigError(f"{path} is no CSV file: {error}. Save it as CSV (UTF-8, comma delimited).") from error


def _rows(path: Path, text: list[str], record_type: RecordType) -> Iterator[Listed]:
    reader = csv.reader(text, delimiter=delimiter_of(text))
    columns = [_column(name, record_type) for name in next(reader, [])]
    if APN_ID not in columns:
        raise ConfigError(f"{path} lacks the column {APN_ID}. Its first line must name the columns.")
    for number, cells in enumerate(reader, start=2):
        row = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name and cell.strip()}
        if row:
            yield _listed(number, row, record_type)


def _column(header: str, record_type: RecordType) -> str:
    """Return the ACE name of a column, ``decision`` for that of the decision, empty for one that says nothing here."""
    folded = _folded(header)
    if folded == DECISION:
        return DECISION
    known = opportunity_fields() if record_type == "opportunity" else lead_fields()
    labels = {_folded(field.label): name for name, field in known.items()}
    return name_of_key(record_type, header) or labels.get(folded, "")


def _folded(header: str) -> str:
    return "".join(letter for letter in header.casefold() if letter.isalnum())


def _listed(number: int, row: Mapping[str, str], record_type: RecordType) -> Listed:
    deal = Deal(**{part: row.get(name, "") for part, name in _DEAL[record_type].items()})
    return Listed(
        number,
        row.get(APN_ID, "").upper(),
        row.get(PARTNER_ID[record_type], ""),
        deal,
        row.get(_STAGE, ""),
        row.get(_STATUS, "") if record_type == "opportunity" else "",
        row.get(_OWNERSHIP, ""),
        row.get(_ACCEPTANCE, ""),
        row.get(DECISION, "").casefold(),
    )


def write_report(path: Path, found: Iterable[Matched], record_type: RecordType) -> None:
    """Write the list as it goes back to ACE: both identifiers and a remark, in the order of ACE's list."""
    columns = (PARTNER_ID[record_type], APN_ID, REMARK)
    write_rows(path, columns, ((one.partner_id, one.listed.apn_id, one.remark) for one in found))


# --- telling


def _show(console: Console, found: Sequence[Matched], without: Sequence[Matched], imported: Imported) -> None:
    counted = [(str(kind), sum(one.kind is kind for one in found)) for kind in Kind]
    print_table(console, "ACE's list", ("Entries", "Number"), [row for row in counted if row[1]])
    open_ones = [one for one in found if one.kind in (Kind.UNMATCHED, Kind.REFUSED)]
    if open_ones:
        rows = [(one.listed.number, one.listed.apn_id, one.listed.deal.company, one.remark) for one in open_ones]
        print_table(console, "Without a record", ("Row", "AWS", "Customer", "Why"), rows)
        console.print(
            "Write the record's id into the partner's column, or skip into a column decision, and run it again."
        )
    if without:
        console.print(f"{len(without)} open entries of AWS's have no partner identifier yet; all of them must get one.")
    if imported.waiting:
        console.print(f"{imported.waiting} wait and are done by the worker. {imported.reason}", markup=False)
