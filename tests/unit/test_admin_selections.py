"""A selection is a CSV file as reports and spreadsheets write it: ids in either form, any usual separator."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.admin.selections import MOST, Chosen, act, chosen_records
from connector.errors import ConfigError
from connector.sync.orders import assignment_order

SHORT, LONG, OTHER = "a07Sb0000000001", "a07Sb0000000001IAA", "a07Sb0000000002IAA"


def selection(directory: Path, text: str, encoding: str = "utf-8") -> Path:
    path = directory / "selection.csv"
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize("heading", ["Id", "ID", "Record_Id__c", "Record ID", "record_id"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_column_of_ids_is_found(tmp_path: Path, heading: str, separator: str) -> None:
    text = f"Name{separator}{heading}\r\nDeal{separator}{LONG}\r\n\r\nDeal 2{separator}{OTHER}\r\n"
    found = chosen_records("", selection(tmp_path, text, "utf-8-sig"))
    assert found == [Chosen(LONG, {"name": "Deal"}), Chosen(OTHER, {"name": "Deal 2"})]


def test_a_report_gives_short_ids_and_each_record_counts_once(tmp_path: Path) -> None:
    found = chosen_records("", selection(tmp_path, f"Id\n{SHORT}\n{LONG}\n"))
    assert [one.record_id for one in found] == [LONG]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Name\nDeal\n", "no column Id"),
        ("", "no column Id"),
        ("Id\n", "names no records"),
        (f"Id\n{LONG}\nnonsense\nO1000001\n", "line 3: 'nonsense', line 4: 'O1000001'"),
        ("Id\n" + f"{LONG}\n" * (MOST + 1), "are taken at a time"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        chosen_records("", selection(tmp_path, text))


def test_one_record_or_a_file(tmp_path: Path) -> None:
    assert chosen_records(LONG, None) == [Chosen(LONG)]
    for record, file in (("", None), (LONG, selection(tmp_path, "Id\n")), (SHORT, None)):
        with pytest.raises(ConfigError, match=r"Name one record|18 characters"):
            chosen_records(record, file)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        chosen_records("", tmp_path / "missing.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"Id\n\xff\xfe\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        chosen_records("", binary)


def test_a_record_that_is_named_twice_with_different_details_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    """Nobody could tell which of the two people it was to be handed to."""
    chosen = chosen_records("", selection(tmp_path, f"Id,Email\n{LONG},rita@a.example\n{SHORT},sam@a.example\n"))
    works = [assignment_order(one.record_id, {"Email": one.details["email"]}) for one in chosen]
    with pytest.raises(ConfigError, match=f"{LONG} is named twice"):
        act(chosen, lambda one: works[chosen.index(one)], as_json=True)
