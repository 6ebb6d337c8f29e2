"""The file of a backfill's proposals: written for an admin, who decides in it, and read back."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from connector.errors import ConfigError
from connector.store.backfills import Proposal
from connector.sync.backfill_links import Decided

OPPORTUNITY, RECORD, DECISION = "opportunity_id", "candidate_record_id", "decision"
COLUMNS = (OPPORTUNITY, "company", "title", RECORD, "record_name", "score", "reason", DECISION)
REPORT_COLUMNS = ("partnerCrmUniqueIdentifier", "apnCrmUniqueIdentifier", "remark")
_FORMULA_SIGNS = "=+-@\t\r"


def refuse_decided(path: Path) -> None:
    """Raise ConfigError where the file exists and somebody has decided in it: it would be written over."""
    if path.exists() and any(row.decision for row in read_decisions(path)):
        raise ConfigError(
            f"{path} has decisions, which would be written over. Read them in with --links {path}, or name another "
            "file with --proposals."
        )


def write_proposals(path: Path, proposals: Iterable[Proposal]) -> None:
    """Write one row per proposal, its decision empty. Raises ConfigError when the file cannot be written."""
    rows = (
        (one.apn_id, one.company, one.title, one.record_id, one.record_name, one.score, one.reason, "")
        for one in proposals
    )
    write_rows(path, COLUMNS, rows)


def write_report(path: Path, lines: Iterable[tuple[str, str, str]]) -> None:
    """Write the pairs of identifiers. Raises ConfigError when the file cannot be written."""
    write_rows(path, REPORT_COLUMNS, lines)


def write_rows(path: Path, columns: Iterable[str], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a CSV file for a spreadsheet. Raises ConfigError when the file cannot be written."""
    try:
        # With its mark a spreadsheet knows that the text is UTF-8.
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows([_harmless(value) for value in row] for row in rows)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}. Name another file.") from error


def _harmless(value: object) -> object:
    """Return text that a spreadsheet does not take for a formula: it comes from outside."""
    return f"'{value}" if isinstance(value, str) and value.startswith(tuple(_FORMULA_SIGNS)) else value


def read_decisions(path: Path) -> list[Decided]:
    """Return the rows of a file, decided or not. Only opportunity, record and decision count.

    Raises:
        ConfigError: the file cannot be read or lacks one of these columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _rows(path, file)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Name the file that you decided in.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} is no CSV file in UTF-8. Save it as CSV (UTF-8, comma delimited).") from error


def delimiter_of(lines: list[str]) -> str:
    """Return what separates the columns: where commas are decimal points, spreadsheets save with semicolons."""
    return ";" if lines and lines[0].count(";") > lines[0].count(",") else ","


def _rows(path: Path, lines: Iterable[str]) -> list[Decided]:
    text = list(lines)
    reader = csv.DictReader(text, delimiter=delimiter_of(text))
    missing = [name for name in (OPPORTUNITY, RECORD, DECISION) if name not in (reader.fieldnames or ())]
    if missing:
        raise ConfigError(
            f"{path} lacks the columns {', '.join(missing)}. Its first line must be {','.join(COLUMNS)}; only "
            f"{OPPORTUNITY}, {RECORD} and {DECISION} are needed."
        )
    return [
        Decided(
            number,
            (row[OPPORTUNITY] or "").strip(),
            (row[RECORD] or "").strip(),
            (row[DECISION] or "").strip().lower(),
        )
        for number, row in enumerate(reader, start=2)
        if any(isinstance(value, str) and value.strip() for value in row.values())
    ]
