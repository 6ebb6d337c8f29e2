"""The file of proposals: written for spreadsheets, read back from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.admin.proposals import read_decisions, refuse_decided, write_proposals, write_report
from connector.errors import ConfigError
from connector.store.backfills import Proposal
from connector.sync.backfill_links import Decided

RECORD = "a00000000000001AAA"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_what_was_written_comes_back_undecided(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    write_proposals(path, [Proposal("O1", 'Müller, "Söhne"', "Line\nbreak", RECORD, "A deal", 80, "same company")])
    assert read_decisions(path) == [Decided(2, "O1", RECORD, "")]
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    refuse_decided(path)


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx"])
def test_a_name_from_outside_is_no_formula_in_a_spreadsheet(tmp_path: Path, name: str) -> None:
    write_proposals(tmp_path / "p.csv", [Proposal("O1", name, name, RECORD, name, 80, "same company")])
    assert f'"{name}' not in (text := (tmp_path / "p.csv").read_text()) and f",{name}" not in text


def test_a_spreadsheets_semicolons_spaces_capitals_and_empty_lines_are_understood(tmp_path: Path) -> None:
    head = "decision;opportunity_id;candidate_record_id\n"
    path = write(tmp_path / "p.csv", f"{head} Link ;O1; {RECORD}\n;;\nSKIP;O2\n")
    assert read_decisions(path) == [Decided(2, "O1", RECORD, "link"), Decided(4, "O2", "", "skip")]


def test_decisions_are_not_written_over(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", f"opportunity_id,candidate_record_id,decision\nO1,{RECORD},skip\n")
    with pytest.raises(ConfigError, match="--links"):
        refuse_decided(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        (b"opportunity_id,decision\nO1,link\n", "lacks the columns candidate_record_id"),
        (b"", "lacks the columns"),
        (b"opportunity_id\xff\xfe", "no CSV file in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "p.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        read_decisions(path)


def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_report(tmp_path / "missing" / "r.csv", [("X0001", "O1", "not to be processed")])
