"""Admins' settings about files: what is missing or makes no sense is told, each for itself, and stops files only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.ace.file_fields import RecordType, Version
from connector.names import SETTINGS, Settings
from connector.names import FileSettings as Names
from connector.sync.file_settings import FileSettings, read_file_settings
from connector.sync.settings import read_settings

OWN = "005000000000001AAA"
COMPLETE = {Names.BUCKET_NAME: "ace-bucket", Names.PARTNER_ID: "4815162", Names.PAYLOAD_VERSION: 2}


def read(**row: Any) -> FileSettings:
    return read_file_settings(row)


def test_an_empty_row_wants_no_files_and_has_nothing_to_tell() -> None:
    assert read() == FileSettings()
    assert not read().wanted


def test_what_is_set_is_read() -> None:
    found = read(**{
        Names.BUCKET_NAME: " ace-bucket ", Names.PARTNER_ID: "4815162", Names.PAYLOAD_VERSION: Decimal("2.0"),
        Names.OUTBOUND_BATCH_SIZE: Decimal("7.0"), Names.OPPORTUNITIES_OVER_S3: True,
        Names.RESULT_WAIT_MINUTES: 15, Names.LEAD_PAYLOAD_VERSION: 1,
    })  # fmt: skip
    assert found == FileSettings("ace-bucket", "4815162", 7, Version.V2, Version.V1, True, 15)


@pytest.mark.parametrize(
    ("size", "used"), [(None, 50), (1, 1), (50, 50), (51, 50), (0, 1), (-3, 1), ("1.5", 50), ("many", 50)]
)
def test_a_batch_size_outside_is_the_nearest_and_told(size: Any, used: int) -> None:
    found = read(**{Names.OUTBOUND_BATCH_SIZE: size})
    assert found.batch_size == used
    told = [(problem.field, problem.value, str(used) in problem.rule) for problem in found.problems]
    assert told == ([] if size in (None, used) else [(Names.OUTBOUND_BATCH_SIZE, str(size), True)])


@pytest.mark.parametrize("minutes", [0, 10_081, "1.5", "NaN"])
def test_a_wait_that_makes_no_sense_keeps_the_default_and_is_told(minutes: Any) -> None:
    found = read(**{Names.RESULT_WAIT_MINUTES: minutes})
    assert found.result_wait_minutes == 60
    assert [problem.field for problem in found.problems] == [Names.RESULT_WAIT_MINUTES]


@pytest.mark.parametrize(
    ("general", "lead", "version"),
    [(1, None, "1.0"), (2, None, "1.0"), (2, 1, "1.0"), (2, 2, "2.0"), (1, 2, "2.0"), (None, None, None)],
)
def test_files_of_leads_are_as_aws_s_samples_unless_they_have_a_version_of_their_own(
    general: int | None, lead: int | None, version: str | None
) -> None:
    found = read(**{Names.PAYLOAD_VERSION: general, Names.LEAD_PAYLOAD_VERSION: lead})
    assert found.version_for("lead") == version
    assert found.version_for("opportunity") == (general and f"{general}.0")


@pytest.mark.parametrize("record_type", ["opportunity", "lead"])
@pytest.mark.parametrize("name", COMPLETE)
def test_each_setting_that_lacks_is_named_with_its_remedy(name: str, record_type: RecordType) -> None:
    [problem] = read(**COMPLETE | {name: None}).missing(record_type)
    assert problem.field == name and f"no file of {record_type[:4]}" in problem.rule and SETTINGS in problem.remedy
    assert read(**COMPLETE).missing(record_type) == ()


def test_without_a_bucket_only_who_wants_files_is_told() -> None:
    """An org that works with the API alone needs none of it."""
    assert read(**{Names.PARTNER_ID: "4815162"}).problems == ()
    over_files = read(**{Names.OPPORTUNITIES_OVER_S3: True})
    assert [problem.field for problem in over_files.problems] == list(COMPLETE)
    assert [problem.field for problem in read(**{Names.BUCKET_NAME: "b"}).problems] == list(COMPLETE)[1:]


@pytest.mark.parametrize("version", [3, "1.5", "two"])
def test_a_version_that_is_none_counts_as_blank_and_is_told_once(version: Any) -> None:
    found = read(**COMPLETE | {Names.PAYLOAD_VERSION: version})
    assert [(one.field, one.code) for one in found.problems] == [(Names.PAYLOAD_VERSION, "SETTING_INVALID")]
    assert [one.field for one in found.missing("opportunity")] == [Names.PAYLOAD_VERSION]


@pytest.mark.parametrize(
    ("version", "warned"), [(None, False), (2, False), (Decimal(2), False), (1, True), (Decimal("1.0"), True)]
)
def test_the_previous_data_model_has_a_standing_warning(version: object, *, warned: bool) -> None:
    settings = read_settings({Settings.INTEGRATION_USER_ID: OWN, Names.PAYLOAD_VERSION: version}, OWN)
    assert [problem.code for problem in settings.all_problems] == (["LEGACY_VERSION"] if warned else [])


def test_what_is_wrong_with_files_is_no_problem_of_the_api() -> None:
    settings = read_settings({Settings.INTEGRATION_USER_ID: OWN, Names.BUCKET_NAME: "b"}, OWN)
    assert settings.problems == ()
    assert settings.all_problems == settings.files.problems != ()
