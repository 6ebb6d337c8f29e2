"""What people are told of a record that does not go out in a file, or not as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from connector.ace.file_fields import APN_ID, DECISION, PARTNER_ID, RecordType
from connector.errors import Problem

LEAD_STAGE = "currentLeadStage"
DECIDING: Mapping[RecordType, str] = {"opportunity": DECISION, "lead": LEAD_STAGE}
"""The field by which a referral of the type is answered."""
IDENTIFIERS: Mapping[RecordType, tuple[str, str]] = {"opportunity": ("O", "opportunity"), "lead": ("L", "lead")}
"""The letter with which AWS's identifiers of the type begin (FAQ-05), and the type in words."""


def malformed(record_type: RecordType, apn_id: str) -> Problem:
    letter, what = IDENTIFIERS[record_type]
    return Problem(
        "IDENTIFIER_MALFORMED",
        APN_ID,
        apn_id,
        f"AWS's identifier of a{'n' if letter == 'O' else ''} {what} is {letter} and digits.",
        "Correct it on the record, or clear it.",
    )


def historical(record_type: RecordType, identifier: str) -> Problem:
    return Problem(
        "DUMMY_ID",
        PARTNER_ID[record_type],
        identifier,
        "AWS's record bears a placeholder for our identifier: it is historical data, which is not synchronised.",
        "Clear Sync with AWS.",
    )


def declined(record_type: RecordType) -> Problem:
    return Problem(
        "REFERRAL_REJECTED",
        DECIDING[record_type],
        "Rejected",
        "The referral was rejected; AWS takes nothing for it any more.",
        "Clear Sync with AWS.",
    )


def rejected_by_aws() -> Problem:
    return Problem(
        "REJECTED_BY_AWS",
        "status",
        "Rejected",
        "AWS rejected the opportunity; it is read-only.",
        "Create a new opportunity if the deal is still on, or clear Sync with AWS.",
    )


def held_in_review(status: str) -> Problem:
    return Problem(
        "HELD_IN_REVIEW",
        "status",
        status,
        "AWS does not take edits while it reviews the opportunity.",
        "Nothing to do: the edit is kept and goes out by itself when AWS has decided.",
    )


def not_decided(record_type: RecordType, label: str) -> Problem:
    return Problem(
        "NOT_DECIDED",
        DECIDING[record_type],
        "",
        f"AWS referred this {IDENTIFIERS[record_type][1]}, and nobody accepted it yet: nothing of it is sent.",
        f"Set {label} to Accepted or Rejected on the record (map the field if it is not mapped).",
    )


def not_in_version(name: str, value: str, version: str) -> Problem:
    rule = f"Files of version {version} have no such field: the change is not sent."
    remedy = "Set the payload version to 2 in the settings, or change it in Partner Central."
    return Problem("NOT_IN_VERSION", name, value, rule, remedy)


def not_in_files(name: str, value: str) -> Problem:
    rule = "No file of the ACE bucket carries a change of this field: AWS is not told of it."
    return Problem("NOT_IN_FILES", name, value, rule, "Change it in Partner Central.")
