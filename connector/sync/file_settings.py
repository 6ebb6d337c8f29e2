"""What admins set in ``ACE_Connector_Settings__c`` about the files of the ACE bucket.

The API of Partner Central needs none of it, so that what is wrong here stops files only (CONN-12).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from connector.ace.file_batches import LARGEST_BATCH, clamped_batch_size
from connector.ace.file_fields import RecordType, Version, payload_version
from connector.errors import Problem
from connector.names import SETTINGS
from connector.names import FileSettings as Names

MISSING, INVALID, LEGACY = "SETTING_MISSING", "SETTING_INVALID", "LEGACY_VERSION"
DEFAULT_BATCH, DEFAULT_WAIT = 50, 60
_LONGEST_WAIT = 10_080
FIELDS = (
    Names.BUCKET_NAME,
    Names.PARTNER_ID,
    Names.PAYLOAD_VERSION,
    Names.LEAD_PAYLOAD_VERSION,
    Names.OUTBOUND_BATCH_SIZE,
    Names.OPPORTUNITIES_OVER_S3,
    Names.RESULT_WAIT_MINUTES,
)


@dataclass(frozen=True, slots=True)
class FileSettings:
    """The settings of one cycle about files.

    Attributes:
        bucket: name of the ACE bucket, empty for none: no file is sent or fetched.
        partner_id: what every file carries as ``spmsId``, empty where it is not set.
        batch_size: most records in one file, 1 to 50.
        opportunity_version: of the payload (*Version*), None where none is set.
        lead_version: of files of leads, None for that of AWS's samples.
        opportunities_over_files: opportunities travel through the bucket, not by Partner Central's API.
        result_wait_minutes: after which a file without AWS's answer is reported.
        problems: one per setting that is missing, malformed or outdated; missing ones only where files are wanted.
    """

    bucket: str = ""
    partner_id: str = ""
    batch_size: int = DEFAULT_BATCH
    opportunity_version: Version | None = None
    lead_version: Version | None = None
    opportunities_over_files: bool = False
    result_wait_minutes: int = DEFAULT_WAIT
    problems: tuple[Problem, ...] = ()

    def version_for(self, record_type: RecordType) -> Version | None:
        """Return the version of files of the type as set; None where none is set. Whether files may go out in it, says
        :func:`connector.sync.exchange.versions.allowed_version`.

        Leads are alike in both versions. AWS's samples of them show 1.0, beside opportunities of 2.0.
        """
        if record_type == "opportunity":
            return self.opportunity_version
        return self.lead_version or (Version.V1 if self.opportunity_version else None)

    def missing(self, record_type: RecordType) -> tuple[Problem, ...]:
        """Return one problem per setting without which no file with records of the type is sent (SET-10, SET-14,
        SET-16); empty when all are there.
        """
        what = "leads" if record_type == "lead" else "opportunities"
        return tuple(_lacking(name, f"no file of {what}") for name in self._empty())

    def _empty(self) -> Iterator[str]:
        if not self.bucket:
            yield Names.BUCKET_NAME
        if not self.partner_id:
            yield Names.PARTNER_ID
        if self.opportunity_version is None:
            yield Names.PAYLOAD_VERSION

    @property
    def wanted(self) -> bool:
        """Whether the admin asks for files: there is a bucket, or opportunities are to go through one."""
        return bool(self.bucket) or self.opportunities_over_files


_REMEDIES = {
    Names.BUCKET_NAME: "Enter the name of the ACE bucket that AWS gave you",
    Names.PARTNER_ID: "Enter the identifier that AWS gave you during enablement",
    Names.PAYLOAD_VERSION: "Enter 2 for the current data model",
}


def _lacking(name: str, consequence: str) -> Problem:
    told = "is sent or fetched" if name == Names.BUCKET_NAME else "is sent"
    words = {Names.BUCKET_NAME: "No bucket is configured", Names.PARTNER_ID: "No Partner ID is set"}
    rule = f"{words.get(name, 'No payload version is set')}: {consequence} {told}."
    return Problem(MISSING, name, "", rule, f"{_REMEDIES[name]}, in {SETTINGS}.")


def read_file_settings(row: Mapping[str, Any]) -> FileSettings:
    """Return what the org default's row says about files; an absent field is a blank one."""
    problems: list[Problem] = []
    found = FileSettings(
        bucket=_text(row, Names.BUCKET_NAME),
        partner_id=_text(row, Names.PARTNER_ID),
        batch_size=_batch_size(row, problems),
        opportunity_version=_version(row, Names.PAYLOAD_VERSION, problems),
        lead_version=_version(row, Names.LEAD_PAYLOAD_VERSION, problems),
        opportunities_over_files=bool(row.get(Names.OPPORTUNITIES_OVER_S3)),
        result_wait_minutes=_wait(row, problems),
    )
    bad = {problem.field for problem in problems}
    lacking = [one for one in found.missing("opportunity") if one.field not in bad] if found.wanted else []
    lacking = [_lacking(one.field, "no file") for one in lacking]
    return _with_problems(found, (*problems, *lacking, *_outdated(found)))


def _with_problems(found: FileSettings, problems: tuple[Problem, ...]) -> FileSettings:
    known = {name: getattr(found, name) for name in FileSettings.__slots__}
    return FileSettings(**known | {"problems": problems})


def _text(row: Mapping[str, Any], name: str) -> str:
    return str(row.get(name) or "").strip()


def _number(row: Mapping[str, Any], name: str) -> Decimal | None:
    """Return the setting as a whole number, None for a blank one, NaN for what is none."""
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return Decimal("NaN")
    return number if number.is_finite() and number == number.to_integral_value() else Decimal("NaN")


def _batch_size(row: Mapping[str, Any], problems: list[Problem]) -> int:
    name = Names.OUTBOUND_BATCH_SIZE
    number = _number(row, name)
    if number is None:
        return DEFAULT_BATCH
    used = DEFAULT_BATCH if number.is_nan() else clamped_batch_size(int(number))
    if number != used:
        rule = f"A file holds a whole number of records from 1 to {LARGEST_BATCH}; {used} applies."
        problems.append(Problem(INVALID, name, str(row[name]), rule, f"Correct it in {SETTINGS}."))
    return used


def _wait(row: Mapping[str, Any], problems: list[Problem]) -> int:
    name = Names.RESULT_WAIT_MINUTES
    number = _number(row, name)
    if number is None:
        return DEFAULT_WAIT
    if not number.is_nan() and 1 <= number <= _LONGEST_WAIT:
        return int(number)
    rule = f"The value must be a whole number of minutes from 1 to {_LONGEST_WAIT}; {DEFAULT_WAIT} applies."
    problems.append(Problem(INVALID, name, str(row[name]), rule, f"Correct it in {SETTINGS}."))
    return DEFAULT_WAIT


def _version(row: Mapping[str, Any], name: str, problems: list[Problem]) -> Version | None:
    number = _number(row, name)
    if number is None:
        return None
    version = None if number.is_nan() else payload_version(str(int(number)))
    if version is None:
        rule = "The version of the data model is 1 or 2; this value counts as blank."
        problems.append(Problem(INVALID, name, str(row[name]), rule, f"Correct it in {SETTINGS}."))
    return version


def _outdated(found: FileSettings) -> Iterator[Problem]:
    """Warn of the previous data model for as long as it is set (SET-33); Partner Central's API never uses it."""
    if found.opportunity_version is Version.V1:
        yield Problem(
            LEGACY,
            Names.PAYLOAD_VERSION,
            "1",
            "AWS takes files of the previous data model for a limited time only.",
            f"Review the mapping, then set Version to 2 in {SETTINGS}. Partner Central's API is not concerned.",
        )
