"""Records are packed into files that AWS takes: few enough, small enough, under names that never come twice."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.ace.file_batches import (
    SIZE_LIMIT,
    Packed,
    clamped_batch_size,
    file_name,
    pack,
    result_name,
    uploaded_by_refusal,
    uploaded_by_result,
)
from connector.ace.file_fields import Version
from connector.ace.file_shape import FileRecord

NOON = datetime(2026, 11, 27, 12, 30, 5, tzinfo=UTC)


def record(place: int, text: str = "") -> FileRecord:
    partner = f"00600000000{place:04}AAA"
    return FileRecord(partner, {"partnerCrmUniqueIdentifier": partner, "additionalComments": text}, {})


def packed(*records: FileRecord, batch_size: int = 50) -> Packed:
    return pack(records, "opportunity", version=Version.V2, spms_id="1234", batch_size=batch_size)


def test_a_file_has_the_root_of_the_samples() -> None:
    """OUT-03"""
    [batch] = packed(record(1), record(2, "Zürich, 東京")).batches
    assert json.loads(batch.body) == {
        "version": "2.0",
        "spmsId": "1234",
        "opportunities": [dict(record(1).entry), dict(record(2, "Zürich, 東京").entry)],
    }
    [leads] = pack([record(1)], "lead", version=Version.V1, spms_id="1234", batch_size=1).batches
    assert list(json.loads(leads.body)) == ["version", "spmsId", "Leads"] and json.loads(leads.body)["version"] == "1.0"


@pytest.mark.parametrize(("size", "files"), [(50, [50, 50, 20]), (1, [1] * 120), (7, [7] * 17 + [1])])
def test_records_are_split_by_count_in_their_order(size: int, files: list[int]) -> None:
    """SET-11"""
    records = [record(place) for place in range(120)]
    batches = packed(*records, batch_size=size).batches
    assert [len(batch.records) for batch in batches] == files
    assert [one for batch in batches for one in batch.records] == records


def test_records_are_split_by_bytes_before_the_count() -> None:
    """S3-14: fifty records of 40 KB."""
    batches = packed(*(record(place, "x" * 40_000) for place in range(50))).batches
    assert len(batches) > 1 and sum(len(batch.records) for batch in batches) == 50
    assert all(len(batch.body) < SIZE_LIMIT for batch in batches)


def test_bytes_count_and_not_characters() -> None:
    batches = packed(*(record(place, "東" * 20_000) for place in range(30))).batches
    assert len(batches) == 2 and all(len(batch.body) < SIZE_LIMIT for batch in batches)


def test_the_largest_file_has_one_byte_less_than_the_limit() -> None:
    room = SIZE_LIMIT - 1 - len(packed(record(1)).batches[0].body)
    full = packed(record(1, "x" * room))
    assert [len(batch.body) for batch in full.batches] == [SIZE_LIMIT - 1]
    [(refused, problem)] = packed(record(1, "x" * (room + 1))).refused
    assert refused.partner_id == problem.value and problem.code == "TOO_LONG"
    assert not packed(record(1, "x" * (room + 1))).batches


def test_two_records_share_a_file_as_long_as_both_fit() -> None:
    room = SIZE_LIMIT - 1 - len(packed(record(1, "y" * 500_000), record(2)).batches[0].body)
    together = packed(record(1, "y" * 500_000), record(2, "x" * room)).batches
    assert [len(batch.body) for batch in together] == [SIZE_LIMIT - 1]
    apart = packed(record(1, "y" * 500_000), record(2, "x" * (room + 1))).batches
    assert [len(batch.records) for batch in apart] == [1, 1]


def test_many_records_share_a_file_up_to_its_last_byte() -> None:
    some = [record(place) for place in range(48)]
    room = SIZE_LIMIT - 1 - len(packed(*some, record(48), record(49)).batches[0].body)
    together = packed(*some, record(48, "x" * room), record(49)).batches
    assert [len(batch.body) for batch in together] == [SIZE_LIMIT - 1]
    apart = packed(*some, record(48, "x" * (room + 1)), record(49)).batches
    assert [len(batch.records) for batch in apart] == [49, 1]


def test_a_record_that_is_too_large_fails_alone() -> None:
    """S3-15"""
    found = packed(record(1), record(2, "x" * 1_200_000), record(3))
    assert [one.partner_id for one, _ in found.refused] == [record(2).partner_id]
    assert "additionalComments" in found.refused[0][1].remedy
    assert [one.partner_id for one in found.batches[0].records] == [record(1).partner_id, record(3).partner_id]


def test_nothing_gives_no_file() -> None:
    """OUT-01"""
    assert packed() == Packed((), ())


@settings(max_examples=30)
@given(st.lists(st.integers(0, 400_000), max_size=12), st.integers(1, 50))
def test_whatever_the_sizes_every_record_is_in_one_file_that_aws_takes(sizes: list[int], batch_size: int) -> None:
    records = [record(place, "é" * size) for place, size in enumerate(sizes)]
    found = packed(*records, batch_size=batch_size)
    assert [one for batch in found.batches for one in batch.records] == records and not found.refused
    for batch in found.batches:
        assert len(batch.body) < SIZE_LIMIT and 1 <= len(batch.records) <= batch_size
        read = json.loads(batch.body)["opportunities"]
        assert [one["partnerCrmUniqueIdentifier"] for one in read] == [one.partner_id for one in batch.records]


def test_half_a_sign_does_no_harm() -> None:
    [batch] = packed(record(1, "\ud83d")).batches
    assert json.loads(batch.body)["opportunities"][0]["additionalComments"] == "\ud83d"


@pytest.mark.parametrize("size", [0, 51, -1])
def test_a_file_never_holds_more_than_fifty(size: int) -> None:
    """S3-16"""
    with pytest.raises(ValueError, match="1 to 50"):
        packed(record(1), batch_size=size)
    assert clamped_batch_size(size) == (1 if size < 1 else 50)


def test_a_file_needs_the_partners_id_at_aws() -> None:
    """SET-14"""
    with pytest.raises(ValueError, match="partner's id"):
        pack([record(1)], "opportunity", version=Version.V2, spms_id="", batch_size=1)


def test_names_have_the_form_that_aws_asks_for() -> None:
    """S3-08"""
    name = file_name("opportunity", NOON.astimezone(timezone(timedelta(hours=9))), "a1b2-7")
    assert name == "opportunity-a1b2-7_11272026123005.json"
    assert re.fullmatch(r".+_\d{2}\d{2}\d{4}\d{6}\.json", name)


def test_names_of_one_second_differ_by_what_is_unique() -> None:
    assert len({file_name("lead", NOON, str(place)) for place in range(100)}) == 100


@pytest.mark.parametrize(
    ("prefix", "unique"), [("a/b", "1"), ("a_b", "1"), ("", "1"), ("a", ""), ("a", "1 2"), ("a", "x.json")]
)
def test_parts_of_names_that_could_mislead_are_refused(prefix: str, unique: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        file_name(prefix, NOON, unique)
    with pytest.raises(ValueError, match="time zone"):
        file_name("a", NOON.replace(tzinfo=None), "1")


@pytest.mark.parametrize(
    "key",
    ["share_11272026123005_result.json", "lead-inbound-results/2026/11/27/share_11272026123005_result.json",
     "opportunity-inbound-processed-results/share_11272026123005.json_result.json"],
)  # fmt: skip
def test_a_result_is_matched_to_its_file_by_name_wherever_it_lies(key: str) -> None:
    """S3-05, S3-10"""
    assert uploaded_by_result(key) == "share_11272026123005.json"
    assert result_name("share_11272026123005.json") == "share_11272026123005_result.json"


@pytest.mark.parametrize(
    "key", ["opportunity-inbound-results/", "a.json", "_result.json", "a.error.json", "a_result.txt"]
)
def test_other_keys_are_no_results(key: str) -> None:
    assert uploaded_by_result(key) is None


@pytest.mark.parametrize(
    ("key", "stem"),
    [("x/a_1.error.json", "a_1"), ("a_1.json.error.json", "a_1"), ("a.pdf.error.json", "a.pdf"), ("a.json", None)],
)
def test_a_refusal_names_its_file(key: str, stem: str | None) -> None:
    """S3-11"""
    assert uploaded_by_refusal(key) == stem
