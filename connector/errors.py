"""One exception tree, grouped by what to do next.

A door turns every wire error into one of these; the worker maps the class to a queue state; nothing else decides.
Messages never carry a secret. Every message names the remedy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one record, in words that its owner can act on.

    Attributes:
        code: stable upper-case code, such as ``REQUIRED_FIELD_MISSING``; one log detail is open per record, code and
            field.
        field: ACE field name (or Salesforce field name where no ACE field is concerned); empty for the whole record.
        value: the offending value as text, empty when there is none.
        rule: the rule that was broken, in words.
        remedy: what to do about it.
    """

    code: str
    field: str
    value: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        value = f" (value: {self.value!r})" if self.value else ""
        return f"{self.field or 'record'}{value}: {self.rule} {self.remedy}".strip()


class ConnectorError(Exception):
    """Base of all errors that the connector raises on purpose.

    Attributes:
        outcome_unknown: the request, or an earlier attempt of the same call, may have taken effect (a time-out, a lost
            answer), whatever this error says of the last attempt: look before repeating.
    """

    outcome_unknown: bool = False


class ConfigError(ConnectorError):
    """The configuration cannot work; an admin or operator must change it. Exit code 2."""


class MappingError(ConnectorError):
    """The mapping does not fit the org or the ACE catalogue; an admin must change it."""


class AuthFailed(ConnectorError):
    """Credentials or permissions were refused; retried slowly, alarm raised. Exit code 4."""


class RecordRejected(ConnectorError):
    """One record was refused, here or by the other side; it waits for a person to correct it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class RecordGone(RecordRejected):
    """The record does not exist any more, or is not visible to these credentials. Never recreated."""


class DuplicateValue(RecordRejected):
    """A unique value is taken; the record that holds it must be looked up and used."""


class Deferred(ConnectorError):
    """Nothing is wrong, but not now: try again at ``until`` (aware UTC), without counting an attempt."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class StorageFull(Deferred):
    """The org has no room for more rows: what is to be written is kept until there is."""


class Retriable(ConnectorError):
    """A passing fault.

    Attributes:
        after: seconds to wait at least, or None for the caller's own back-off.
    """

    def __init__(self, message: str, *, after: float | None = None, outcome_unknown: bool = False) -> None:
        super().__init__(message)
        self.after = after
        self.outcome_unknown = outcome_unknown


class StaleRecord(ConnectorError):
    """The record changed since it was read (HTTP 412, ConflictException): read it again and decide anew."""


class Refused(ConnectorError):
    """A guard stopped a suspicious or forbidden action; a person must confirm or correct."""


class Fatal(ConnectorError):
    """The process cannot go on (another worker holds the state, the state is another org's). Exit code 3 or 2."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code
