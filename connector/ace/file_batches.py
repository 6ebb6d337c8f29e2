"""Records of a partner's files packed into files: by count, by size in bytes, under names that never come twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connector.ace.file_fields import PARTNER_ID, RecordType, Version, list_key
from connector.ace.file_json import entry_text, file_text
from connector.ace.file_shape import FileRecord
from connector.errors import Problem

LARGEST_BATCH = 50
"""Most records in one file: AWS's guide says 50, and its quota table 500, of which the smaller counts (S3-16)."""
SIZE_LIMIT = 1_048_576
"""AWS refuses a file of 1 MB; every file has fewer bytes (S3-14)."""
_BETWEEN = len(",\n")
"""Bytes between two records of a file."""
_PLAIN = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_RESULT = re.compile(r"(?P<stem>.+?)(?:\.json)?_result\.json", re.IGNORECASE)
_REFUSAL = re.compile(r"(?P<stem>.+?)(?:\.json)?\.error\.json", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one file holds: its bytes as they are uploaded, and the records in their order."""

    body: bytes
    records: tuple[FileRecord, ...]


@dataclass(frozen=True, slots=True)
class Packed:
    """Files, and the records that are too large for any, each with the problem to tell (S3-15)."""

    batches: tuple[Batch, ...]
    refused: tuple[tuple[FileRecord, Problem], ...]


def clamped_batch_size(size: int) -> int:
    """Return the number of records per file nearest to the setting that AWS takes, 1 to 50 (SET-11)."""
    return min(max(size, 1), LARGEST_BATCH)


def pack(
    records: Sequence[FileRecord], record_type: RecordType, *, version: Version, spms_id: str, batch_size: int
) -> Packed:
    """Return the files that carry the records, in their order.

    Args:
        records: what goes out. All files are in memory at once: of many records, pack some thousand at a time.
        record_type: of all records.
        version: of the payload; all files bear it.
        spms_id: the partner's id at AWS; ValueError when empty, since AWS refuses files without it (SET-14).
        batch_size: most records per file; ValueError outside 1 to 50.
    """
    if not spms_id:
        raise ValueError("a file needs the partner's id")
    if not 1 <= batch_size <= LARGEST_BATCH:
        raise ValueError(f"a file holds 1 to {LARGEST_BATCH} records, not {batch_size}")
    key = list_key(record_type)
    frame = len(file_text(version, spms_id, key, []).encode())
    fitting, refused = _sorted_by_size(records, record_type, frame)
    batches = tuple(
        Batch(
            file_text(version, spms_id, key, [text for _, text in group]).encode(),
            tuple(record for record, _ in group),
        )
        for group in _groups(fitting, frame, batch_size)
    )
    return Packed(batches, refused)


def file_name(prefix: str, moment: datetime, unique: str) -> str:
    """Return the name of a file, ``{prefix}-{unique}_MMDDYYYY24HHMMSS.json`` in UTC (S3-08).

    Args:
        prefix: what the file is, for people.
        moment: when it is made, aware.
        unique: what no other file of the partner has, of this process or another, now or later (S3-09): a counter that
            outlives restarts with a mark of the state that keeps it, say.

    ValueError for parts with other signs than letters, digits and hyphens, and for a moment without time zone:
    a name with a folder or an underscore in it could be taken for another file's.
    """
    if not all(_PLAIN.fullmatch(part) for part in (prefix, unique)):
        raise ValueError("a file's name has letters, digits and hyphens only")
    if moment.tzinfo is None:
        raise ValueError("the moment needs a time zone")
    return f"{prefix}-{unique}_{moment.astimezone(UTC):%m%d%Y%H%M%S}.json"


def result_name(name: str) -> str:
    """Return the name under which AWS answers the file of that name (S3-10)."""
    return f"{name.removesuffix('.json')}_result.json"


def uploaded_by_result(key: str) -> str | None:
    """Return the name of the file that the result answers, or None when the key is no result's.

    Args:
        key: key of an object in the bucket, with or without folders (S3-05).
    """
    return _answered(_RESULT, key)


def uploaded_by_refusal(key: str) -> str | None:
    """Return the name of the file that a ``*.error.json`` is about, without extension, or None for another key.

    AWS writes one where it does not take the file at all; which extension the file had, the key does not tell (S3-11).
    """
    answered = _answered(_REFUSAL, key)
    return answered and answered.removesuffix(".json")


def _answered(pattern: re.Pattern[str], key: str) -> str | None:
    matched = pattern.fullmatch(key.rpartition("/")[2])
    return f"{matched['stem']}.json" if matched else None


def _sorted_by_size(
    records: Sequence[FileRecord], record_type: RecordType, frame: int
) -> tuple[list[tuple[FileRecord, str]], tuple[tuple[FileRecord, Problem], ...]]:
    """Return the records that fit a file of their own, with their JSON, and those that do not."""
    fitting, refused = [], []
    for record in records:
        text = entry_text(record.entry)
        size = frame + len(text.encode())
        if size < SIZE_LIMIT:
            fitting.append((record, text))
        else:
            refused.append((record, _too_large(record, record_type, size)))
    return fitting, tuple(refused)


def _groups(
    sized: Sequence[tuple[FileRecord, str]], frame: int, batch_size: int
) -> Iterator[list[tuple[FileRecord, str]]]:
    """Yield runs of records of which each fits a file."""
    group: list[tuple[FileRecord, str]] = []
    size = frame
    for record, text in sized:
        length = len(text.encode())
        if group and (len(group) == batch_size or size + _BETWEEN + length >= SIZE_LIMIT):
            yield group
            group, size = [], frame
        size += length + (_BETWEEN if group else 0)
        group.append((record, text))
    if group:
        yield group


def _too_large(record: FileRecord, record_type: RecordType, size: int) -> Problem:
    longest = max(record.entry, key=lambda name: len(entry_text({name: record.entry[name]})))
    rule = f"A file of the ACE bucket has fewer than {SIZE_LIMIT} bytes; one with this record alone has {size}."
    remedy = f"Shorten its texts; the longest is {longest}."
    return Problem("TOO_LONG", PARTNER_ID[record_type], record.partner_id, rule, remedy)
