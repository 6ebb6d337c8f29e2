"""The one place where a fault on the wire becomes an error that says what to do next.

Salesforce words errors in four shapes: a list of ``{errorCode, message, fields}`` (REST), an object ``{error,
error_description}`` (OAuth), a list of ``{statusCode, message, fields}`` inside a successful answer (rows of a
collection), and HTML from whatever stands in front of it. :func:`translate` takes all of them, and what ``requests``
raises. Which code means what is data: ``connector/data/salesforce_errors.json``.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
from simple_salesforce.exceptions import SalesforceError
from urllib3.exceptions import MaxRetryError, NewConnectionError

from connector import data
from connector.errors import (
    AuthFailed,
    ConfigError,
    ConnectorError,
    Deferred,
    DuplicateValue,
    MappingError,
    Problem,
    RecordGone,
    RecordRejected,
    Retriable,
    StaleRecord,
    StorageFull,
)

TABLE: dict[str, Any] = data.read("salesforce_errors.json")
QUOTA_PAUSE = timedelta(minutes=15)
PAUSES = {"quota": QUOTA_PAUSE, "hold": timedelta(minutes=15), "storage": timedelta(hours=1)}
STATUS_KINDS = {
    300: "ambiguous", 401: "session", 403: "permission", 404: "gone", 409: "transient", 410: "retired", 412: "stale",
    414: "too_long", 420: "transient", 428: "transient", 429: "busy", 431: "too_long",
}  # fmt: skip
DEFAULT_REMEDY = "Correct the record or the configuration that the message names, then retry."
AMBIGUOUS_REMEDY = "Merge the records or clear the key on all but one, and make the field unique."
TOKEN_SHAPES = re.compile(r"00D\w{12,15}![\w.!]+|eyJ[\w-]+\.[\w-]+\.[\w-]*")
QUERY_EXCERPT = re.compile(r"\A\s.*?(?=ERROR at Row:)", re.DOTALL)
FIELD_IN_MESSAGE = re.compile(
    r"No such column '(\w+)'|duplicate value found: (\w+) duplicates|external id specified: (\w+)"
)


class Effect(enum.Enum):
    """What sending the same request twice would do."""

    READ = "read"
    REPEATABLE = "repeatable"
    ONCE = "once"


class SessionExpired(AuthFailed):
    """The access token is not accepted (any more)."""


class Transient(Retriable):
    """The same request may be sent again within seconds."""


class CursorLost(Retriable):
    """The query locator is gone; the query must be started again."""


class AutomationFailed(RecordRejected):
    """A flow or trigger failed; it may fail only because rows of one batch share the platform's limits."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One error as Salesforce words it."""

    code: str
    message: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal: HTTP status (200 for a row of a collection or of a composite answer that has none) and its entries."""

    status: int
    entries: tuple[Entry, ...]
    retry_after: float | None = None

    @property
    def first(self) -> Entry:
        return self.entries[0] if self.entries else Entry("", "")

    @property
    def kind(self) -> str:
        """Return the kind of recovery: by code where the code is known, by HTTP status otherwise."""
        code = self.first.code
        known = str(TABLE["codes"].get(code, {}).get("kind", ""))
        if code == "REQUEST_LIMIT_EXCEEDED" and "concurrent" in self.first.message.lower():
            return "busy"
        if self.status == 401 and known != "permission":
            return "session"
        if known and self.status < 500:
            return known
        if self.status >= 500:
            return known if known in {"lock", "slow", "storage"} else "transient"
        if 301 <= self.status < 400:
            return "redirect"
        return STATUS_KINDS.get(self.status, "data")


def row_fault(errors: object, status: int = 200) -> Fault:
    """Return the fault of one row of a collection, or of one part of a composite answer."""
    return Fault(status, entries_of(errors))


def translate(
    error: Exception | Fault,
    *,
    effect: Effect,
    now: datetime,
    row: Mapping[str, Any] | None = None,
    retry_after: float | None = None,
) -> ConnectorError:
    """Turn whatever went wrong into an error of :mod:`connector.errors`; no secret and no address with data gets into
    it.

    Args:
        error: what ``requests`` or simple-salesforce raised, or the fault of one row.
        effect: what repeating the request would do; decides ``outcome_unknown``.
        now: aware UTC, for ``Deferred.until``.
        row: the row that was sent, to name the offending value.
        retry_after: seconds that the answer asked to wait.
    """
    if isinstance(error, SalesforceError):
        error = Fault(int(error.status), entries_of(error.content), retry_after)
    if isinstance(error, Fault):
        return _from_fault(error, effect, now, row or {})
    if isinstance(error, requests.RequestException):
        return _from_transport(error, effect)
    raise TypeError(f"not a fault of the wire: {type(error).__name__}") from error


def token_refused(status: int, content: object) -> ConnectorError:
    """Turn a refusal of the token endpoint (OAuth's object shape, or HTML) into AuthFailed or, if it may pass,
    Retriable.
    """
    entry = entries_of(content)[0] if entries_of(content) else Entry("", "")
    if status >= 500 or status == 429 or entry.code in {"unknown_error", "server_error", "temporarily_unavailable"}:
        return Transient(f"The Salesforce login is unavailable (HTTP {status}). It is tried again.")
    text = f"{entry.code} {entry.message}".strip() or "no reason given"
    for known in TABLE["oauth"]:
        if known["code"] == entry.code and known["about"] in entry.message.lower():
            return AuthFailed(f"Salesforce refused the login (HTTP {status}): {text}. {known['remedy']}")
    return AuthFailed(
        f"Salesforce refused the login (HTTP {status}): {text}. Check token_host, auth and the app's "
        "policies in the org."
    )


def entries_of(content: object) -> tuple[Entry, ...]:
    """Return the errors in a body of any shape; none when it is HTML, empty or something unknown."""
    if isinstance(content, bytes):
        content = content.decode("utf8", "replace")
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except ValueError:
            return ()
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, Sequence) or isinstance(content, str):
        return ()
    return tuple(_entry(item) for item in content if isinstance(item, Mapping))


def _entry(item: Mapping[str, Any]) -> Entry:
    code = item.get("errorCode") or item.get("statusCode") or item.get("error") or ""
    message = scrub(str(item.get("message") or item.get("error_description") or ""))
    # An excerpt of the query may hold a customer's data; what follows it says where and what is wrong.
    message = QUERY_EXCERPT.sub("", message).strip()
    named = tuple(str(name) for name in item.get("fields") or ())
    if not named and (found := FIELD_IN_MESSAGE.search(message)):
        named = tuple(name for name in found.groups() if name)
    return Entry(str(code), message, named)


def scrub(text: str) -> str:
    """Return the text without anything that has the shape of an access token."""
    return TOKEN_SHAPES.sub("[token]", text)


def problems_of(fault: Fault, row: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return one problem per entry and field, with Salesforce's own words, the value sent and the remedy."""
    entries = fault.entries or (Entry(f"HTTP_{fault.status}", f"Salesforce answered HTTP {fault.status}."),)
    return tuple(_problem(entry, name, row) for entry in entries for name in (entry.fields or ("",)))


def _problem(entry: Entry, name: str, row: Mapping[str, Any]) -> Problem:
    value = next((item for key, item in row.items() if key.lower() == name.lower()), None) if name else None
    remedy = TABLE["codes"].get(entry.code, {}).get("remedy", DEFAULT_REMEDY)
    return Problem(
        entry.code, name, "" if value is None else str(value), _sentence(entry.message or entry.code), remedy
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."


def _from_fault(fault: Fault, effect: Effect, now: datetime, row: Mapping[str, Any]) -> ConnectorError:
    kind = fault.kind
    said = _said(fault)
    if kind in PAUSES:
        return (StorageFull if kind == "storage" else Deferred)(said, now + PAUSES[kind])
    if kind in {"transient", "busy", "lock", "slow", "cursor"}:
        return _passing(kind, said, fault, effect)
    if kind in {"session", "permission"}:
        return (SessionExpired if kind == "session" else AuthFailed)(said)
    if kind in {"redirect", "retired"}:
        return ConfigError(f"{said} Check instance_url and api_version.")
    if kind == "stale":
        return StaleRecord(
            "The record was modified in Salesforce after it was read. It is read again and decided anew."
        )
    if kind == "too_long":
        return MappingError(
            f"The request is too long for Salesforce (HTTP {fault.status}). Map fewer fields of this object."
        )
    return _rejection(kind, said, problems_of(fault, row), effect)


def _passing(kind: str, said: str, fault: Fault, effect: Effect) -> Retriable:
    # Refusals by code were rolled back; only a fault of the servers themselves leaves the outcome open.
    unknown = effect is not Effect.READ and (kind == "slow" or fault.status >= 500) and kind != "lock"
    shape = {"slow": Retriable, "cursor": CursorLost}.get(kind, Transient)
    return shape(said, after=fault.retry_after, outcome_unknown=unknown)


def _rejection(kind: str, said: str, problems: tuple[Problem, ...], effect: Effect) -> ConnectorError:
    if kind == "ambiguous":
        rule = "several records carry this key."
        return RecordRejected((Problem("MULTIPLE_RECORDS_FOR_KEY", "", "", rule, AMBIGUOUS_REMEDY),))
    if kind == "gone":
        return RecordGone(problems)
    if effect is Effect.READ:
        return MappingError(said)
    shapes = {"duplicate": DuplicateValue, "automation": AutomationFailed}
    return shapes.get(kind, RecordRejected)(problems)


def _said(fault: Fault) -> str:
    """Return what Salesforce said, and the remedy, in one text."""
    entry = fault.first
    if not entry.code:
        return f"Salesforce answered HTTP {fault.status} without saying why. It may be under maintenance."
    remedy = TABLE["codes"].get(entry.code, {}).get("remedy", DEFAULT_REMEDY)
    return f"Salesforce answered {entry.code}: {_sentence(entry.message)} {remedy}"


def _from_transport(error: requests.RequestException, effect: Effect) -> ConnectorError:
    writing = effect is not Effect.READ
    if isinstance(error, requests.ConnectTimeout) or _never_sent(error):
        return Retriable("Salesforce cannot be reached. Check network, proxy and instance_url; it is tried again.")
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ConfigError(
            "Salesforce's certificate is not trusted. Check instance_url, and ca_bundle if a proxy inspects TLS."
        )
    if isinstance(error, requests.Timeout):
        return Retriable("Salesforce did not answer in time.", outcome_unknown=writing)
    passing = (
        requests.ConnectionError,
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
        requests.exceptions.InvalidJSONError,
    )
    if isinstance(error, passing):
        return Transient("The connection to Salesforce broke, or its answer is not readable.", outcome_unknown=writing)
    return ConfigError(
        f"The request to Salesforce cannot be made ({type(error).__name__}). Check instance_url and proxies."
    )


def _never_sent(error: requests.RequestException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
