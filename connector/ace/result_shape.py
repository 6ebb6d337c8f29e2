"""AWS's answers to a partner's files: the result file, record by record, and the note about a file it did not take.

AWS's samples have ``ALL`` and ``NONE`` as outcome of a file; a word for something between must be expected (S3-26).
What counts is the answer of each record. Errors are texts in the samples; objects with a code and a message are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from connector.ace.file_batches import uploaded_by_refusal
from connector.ace.file_fields import APN_ID, PARTNER_ID, RecordType, name_of_key
from connector.ace.file_json import UnreadableFileError, excerpt, member, parse, parse_object

_RECORDS, _SUCCEEDED = "inboundApiResults", "isSuccess"
_SHORT_ID, _LONG_ID = 15, 18
"""Lengths of a Salesforce id; the last three signs of the long one only repeat the capitals of the others."""
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}
_LONGEST_TEXT = 32_000


class Outcome(StrEnum):
    """What became of a file as a whole."""

    ALL = "all"
    PARTIAL = "partial"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ResultError:
    """One error of AWS: ``code`` and ``field`` where AWS names them (else ""), and its words."""

    message: str
    code: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class RecordResult:
    """AWS's answer about one record; identifiers are "" where AWS leaves them out."""

    partner_id: str
    apn_id: str
    succeeded: bool
    errors: tuple[ResultError, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileResult:
    """AWS's answer to one file.

    Attributes:
        file_name: name of the file as AWS repeats it, without folders; "" where it does not.
        processed_at: when AWS processed it, aware UTC, None where AWS does not say.
        spms_id: the partner's id, "" where missing.
        failed: whether AWS could not use the file at all, so that none of its records was looked at.
        errors: errors of the file as a whole.
        records: answers by record, in AWS's order.
    """

    file_name: str
    processed_at: datetime | None
    spms_id: str
    failed: bool
    errors: tuple[ResultError, ...]
    records: tuple[RecordResult, ...]

    @property
    def outcome(self) -> Outcome:
        """Whether all records of the answer succeeded, some, or none."""
        if self.failed or not any(record.succeeded for record in self.records):
            return Outcome.NONE
        return Outcome.ALL if all(record.succeeded for record in self.records) else Outcome.PARTIAL


@dataclass(frozen=True, slots=True)
class Matched:
    """Answers by the records that were sent.

    Attributes:
        answers: by the partner's id of the record sent.
        unanswered: partner's ids of records sent that the answer passes over.
        strange: answers about records that were not sent.
    """

    answers: Mapping[str, RecordResult]
    unanswered: tuple[str, ...]
    strange: tuple[RecordResult, ...]


@dataclass(frozen=True, slots=True)
class FileRefusal:
    """A ``*.error.json``: ``stem`` is the refused file's name without extension, ``reason`` AWS's words."""

    stem: str
    reason: str


def read_result(content: bytes | str) -> FileResult:
    """Return what a result file says. Raises UnreadableFileError when it is no answer of AWS."""
    root = parse_object(content)
    entries, success = member(root, _RECORDS), _word(member(root, "success")).casefold()
    failed, errors = _flag(member(root, "isApiError")), tuple(_errors(member(root, "apiErrors")))
    if entries is not None and not isinstance(entries, list):
        raise UnreadableFileError("", _RECORDS, entries, "The answers must be a list.")
    if entries is None and not failed and not errors and success != "none":
        raise UnreadableFileError("", _RECORDS, None, "A result must have answers by record, or errors of the file.")
    records = tuple(_record(entry, success, place) for place, entry in enumerate(entries or ()))
    return FileResult(
        file_name=_word(member(root, "fileName")).rpartition("/")[2],
        processed_at=_moment(member(root, "fileApnProcessedDT")),
        spms_id=_word(member(root, "spmsId")),
        failed=bool(failed) or (not records and success != "all"),
        errors=errors,
        records=records,
    )


def read_refusal(content: bytes | str, key: str) -> FileRefusal:
    """Return what a ``*.error.json`` says. Its form is not documented, so that any content is AWS's reason.

    Args:
        content: of the object.
        key: of the object in the bucket. ValueError when it is no key of such a file.
    """
    stem = uploaded_by_refusal(key)
    if stem is None:
        raise ValueError(f"{key} is no file of a refusal")
    try:
        reason = "; ".join(_texts(parse(content)))
    except UnreadableFileError:
        reason = content if isinstance(content, str) else content.decode("utf-8", "replace")
    return FileRefusal(stem, _cut(" ".join(reason.split())) or "AWS gave no reason.")


def match(result: FileResult, sent: Mapping[str, str | None]) -> Matched:
    """Return the answers by the records of the file.

    An answer is matched by the partner's id first, by AWS's id where that fails. Where AWS could not use the file, each
    record has the file's error.

    Args:
        result: AWS's answer to the file.
        sent: AWS's id, where it was known, by the partner's id of each record in the file.
    """
    if result.failed:
        errors = result.errors or (ResultError("AWS could not process the file, and gave no reason."),)
        failures = {partner: RecordResult(partner, known or "", False, errors) for partner, known in sent.items()}
        return Matched(failures, (), ())
    answers: dict[str, RecordResult] = {}
    strange = []
    for record in result.records:
        partner = _sent_as(record, sent)
        if partner is None:
            strange.append(record)
        else:
            answers[partner] = _worse(answers.get(partner), record)
    return Matched(answers, tuple(partner for partner in sent if partner not in answers), tuple(strange))


def _worse(one: RecordResult | None, other: RecordResult) -> RecordResult:
    """Return the answer that counts where AWS answers a record twice: a failure is never covered up."""
    return other if one is None or (one.succeeded and not other.succeeded) else one


def _sent_as(record: RecordResult, sent: Mapping[str, str | None]) -> str | None:
    """Return the partner's id of the record sent that the answer is about, None when it is about none of them."""
    if record.partner_id in sent:
        return record.partner_id
    # The last three characters of a long id stand for the case of the others: it is the same in whatever case.
    spelt = [partner for partner in sent if partner.casefold() == record.partner_id.casefold()]
    if len(spelt) == 1 and len(record.partner_id) == _LONG_ID:
        return spelt[0]
    known = [partner for partner, apn_id in sent.items() if apn_id and apn_id == record.apn_id]
    if not known and len(record.partner_id) == _SHORT_ID:
        known = [partner for partner in sent if len(partner) == _LONG_ID and partner.startswith(record.partner_id)]
    return known[0] if len(known) == 1 else None


def _record(entry: Any, success: str, place: int) -> RecordResult:
    if not isinstance(entry, Mapping):
        raise UnreadableFileError(f"{_RECORDS}[{place}]", "", entry, "Each answer must be a JSON object.")
    errors = tuple(_errors(member(entry, "errors")))
    told = _flag(member(entry, _SUCCEEDED))
    succeeded = told if told is not None else not errors and success == "all"
    return RecordResult(
        partner_id=_identifier(entry, *PARTNER_ID.values()),
        apn_id=_identifier(entry, APN_ID),
        succeeded=succeeded,
        errors=errors if errors or succeeded else (ResultError("AWS refused the record, and gave no reason."),),
        warnings=tuple(_cut(text) for text in _texts(member(entry, "warnings"))),
    )


def _identifier(entry: Mapping[str, Any], *names: str) -> str:
    """Return the identifier under any spelling of AWS; results of leads bear the name of opportunities."""
    kinds: tuple[RecordType, ...] = ("opportunity", "lead")
    for key, value in entry.items():
        if value is not None and any(name_of_key(kind, key) in names for kind in kinds):
            return _word(value)
    return ""


def _errors(value: Any) -> Iterator[ResultError]:
    for part in value if isinstance(value, list) else (value,):
        if isinstance(part, Mapping):
            yield _described(part)
        elif text := _cut("; ".join(_texts(part))):
            yield ResultError(text, field=_field_of(text))


def _described(error: Mapping[str, Any]) -> ResultError:
    """Return an error that AWS describes by members, whatever it names them."""
    code = _first(error, "code", "errorCode", "statusCode")
    field = _first(error, "field", "fieldName")
    message = _first(error, "message", "errorMessage", "reason", "description") or "; ".join(_texts(error))
    return ResultError(_cut(message) or "AWS gave no reason.", code, field or _field_of(message))


def _first(error: Mapping[str, Any], *names: str) -> str:
    return next((text for name in names if (text := _word(member(error, name)))), "")


def _field_of(message: str) -> str:
    """Return the field that a message begins with, up to a colon, "" where it begins with none."""
    start, colon, _ = message.partition(":")
    if not colon or len(start.split()) != 1:
        return ""
    kinds: tuple[RecordType, ...] = ("opportunity", "lead")
    return next((name for kind in kinds if (name := name_of_key(kind, start.strip("'\"` ")))), "")


def _texts(value: Any) -> Iterable[str]:
    """Yield the texts in any JSON value, those of objects with their keys."""
    match value:
        case None | "":
            return
        case str():
            yield value
        case list():
            for part in value:
                yield from _texts(part)
        case Mapping():
            for key, part in value.items():
                yield from (f"{key}: {text}" for text in _texts(part))
        case _:
            yield excerpt(value)


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else _FLAGS.get(_word(value).casefold())


def _word(value: Any) -> str:
    return value.strip() if isinstance(value, str) else excerpt(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_word(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
