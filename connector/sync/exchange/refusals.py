"""AWS's errors in results as problems of records, each with its class and with what to do about it (FAQ-09).

A result gives texts, seldom a code or a field. What one and the same field is refused for is told in one problem, so
that no text covers up another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from connector.ace.result_shape import FileRefusal, ResultError
from connector.errors import Problem

REFUSED = "REFUSED_BY_AWS"
DATA, PERMISSION, SERVICE = "data error", "permission error", "service error"
_CORRECT = "Correct the record; it is then sent again by itself."
_CODE = re.compile(r"[^A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class _Kind:
    """What AWS's text says, the code that stands for it, its class, and what to do."""

    pattern: re.Pattern[str]
    code: str
    kind: str
    remedy: str


def _kind(pattern: str, code: str, kind: str, remedy: str) -> _Kind:
    return _Kind(re.compile(pattern, re.IGNORECASE), code, kind, remedy)


_KINDS = (
    _kind(
        r"no new update identified",
        "NO_NEW_UPDATE",
        DATA,
        "AWS has these values already, so that nothing has to be done. The record is tried again up to Retry Count, "
        "and whenever it is changed.",
    ),
    _kind(
        r"user not found",
        "USER_NOT_FOUND",
        DATA,
        "Enter the e-mail address of somebody who has access to Partner Central, or clear the field.",
    ),
    _kind(
        r"not editable|not be edited|is locked",
        "RECORD_NOT_EDITABLE",
        DATA,
        "Wait until AWS has decided on the record, then save it again.",
    ),
    _kind(
        r"is not of type object",
        "FILE_REFUSED",
        DATA,
        "AWS could not read the file; its records are sent again. Tell the operator if it happens again.",
    ),
    _kind(
        r"permission|not authori[sz]ed|access denied|forbidden|not allowed for (?:this|the) partner",
        "NO_PERMISSION",
        PERMISSION,
        "Ask your contact at AWS (partner development manager or support) for the rights of your partner account.",
    ),
    _kind(
        r"internal (?:server )?error|try again later|temporarily|unavailable|timed? ?out|unexpected error",
        "SERVICE_FAILED",
        SERVICE,
        "The record is sent again by itself; if it goes on, contact AWS's support.",
    ),
)
_ANY = _kind("", REFUSED, DATA, _CORRECT)


def problems_of(errors: Iterable[ResultError]) -> tuple[Problem, ...]:
    """Return AWS's errors about a record as its problems, one for each code and field."""
    found: dict[tuple[str, str], list[str]] = {}
    kinds: dict[str, _Kind] = {}
    for error in errors:
        kind = next((one for one in _KINDS if one.pattern.search(error.message)), _ANY)
        code = _own_code(error) or kind.code
        kinds.setdefault(code, kind)
        found.setdefault((code, error.field), []).append(error.message)
    return tuple(
        Problem(code, field, "", f"AWS ({kinds[code].kind}): {'; '.join(dict.fromkeys(texts))}", kinds[code].remedy)
        for (code, field), texts in found.items()
    )


def file_errors(refusal: FileRefusal) -> tuple[ResultError, ...]:
    """Return what AWS says of a file that it did not take, as an error of each of its records (S3-11)."""
    return (ResultError(refusal.reason, "FILE_REFUSED"),)


def _own_code(error: ResultError) -> str:
    """Return AWS's own code in our spelling, empty where it gave none, or a mere number."""
    code = _CODE.sub("_", error.code.upper()).strip("_")
    return "" if code.isdecimal() else code
