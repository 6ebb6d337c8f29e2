"""From what botocore raises to what the worker does next: one function, :func:`classify`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoAuthTokenError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from connector.aws.throttle import Pause
from connector.aws.wire import unescape
from connector.data import error_hint, opportunity_fields
from connector.errors import (
    AuthFailed,
    ConnectorError,
    Deferred,
    Problem,
    RecordGone,
    RecordRejected,
    Retriable,
    StaleRecord,
)

WireError = ClientError | BotoCoreError | ResponseParserError
WIRE_ERRORS = (ClientError, BotoCoreError, ResponseParserError)

NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)
THROTTLED = {
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "429",
}
CAUSES = {
    "UnrecognizedClientException": "key",
    "InvalidClientTokenId": "key",
    "MissingAuthenticationToken": "key",
    "MissingAuthenticationTokenException": "key",
    "IncompleteSignature": "key",
    "IncompleteSignatureException": "key",
    "InvalidSignatureException": "key",
    "SignatureDoesNotMatch": "key",
    "ExpiredToken": "token",
    "ExpiredTokenException": "token",
    "RequestExpired": "clock",
    "RequestTimeTooSkewed": "clock",
    "AccessDeniedException": "permission",
    "AccessDenied": "permission",
    "NotAuthorized": "permission",
    "OptInRequired": "permission",
    "SubscriptionRequiredException": "permission",
}
SKEWED = re.compile(r"signature (?:expired|not yet current)|is (?:now )?(?:earlier|later) than", re.IGNORECASE)
_OTHER_REGION = re.compile(r"scoped to [^.]*\bregion\b", re.IGNORECASE)
_IDENTIFIER = re.compile(r"\b(?:O\d{1,19}|S-\d{1,19}|engi?-\w+)\b|arn:[^\s'\"]+")
_TOKEN_REUSED = re.compile(r"client ?token", re.IGNORECASE)
_CATALOG = re.compile(r"\bcatalog\b", re.IGNORECASE)
_VALUE_AT = re.compile(r"[Vv]alue (?:'[^']*' )?at '([^']+)'")
_PARAMETER = re.compile(r"parameter (?:in )?([\w.\[\]]+)")
_QUOTA_HOURS = 2
_IDENTIFIERS = ("Identifier", "OpportunityIdentifier", "RelatedOpportunityIdentifier")
_LONGEST_TEXT = 100_000

_ACCESS_REMEDIES = {
    "key": "Check access_key_id and secret_access_key under [aws.partner_central], and that the key is active in IAM.",
    "token": "Renew the temporary credentials, or configure a role or a long-lived key.",
    "clock": "Set this machine's clock (for instance by NTP): AWS accepts requests within minutes of its own time.",
    "region": "Set region under [aws.partner_central] to us-east-1, where the service is.",
    "permission": "Grant the missing partnercentral: actions on this catalog to the user or role (AWS's managed policy "
    "AWSPartnerCentralOpportunityManagement has them), and link its AWS account to Partner Central.",
    "catalog": "Use catalog AWS (live) or Sandbox, and allow it in the policy (condition partnercentral:Catalog).",
    "role": "Let the role's trust policy name the connector's user, and check role_arn and external_id.",
}
_UNREACHABLE = "Check network, proxy and name resolution between this machine and the endpoint."


class Conflict(StaleRecord):
    """AWS answered with ConflictException.

    Attributes:
        token_conflict: the client token was used before with another body, so something may have been created under it:
            search before creating. Otherwise the record, or a task on it, changed in the meantime.
    """

    def __init__(self, message: str, *, token_conflict: bool) -> None:
        super().__init__(message)
        self.token_conflict = token_conflict


class Unreachable(Retriable):
    """No complete answer came."""


class AccessRefused(AuthFailed):
    """Credentials or permissions were refused.

    Attributes:
        cause: ``key``, ``token``, ``clock``, ``region``, ``permission``, ``catalog`` or ``role``.
    """

    def __init__(self, message: str, *, cause: str) -> None:
        super().__init__(message)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Call:
    """The call that failed.

    Attributes:
        operation: API name, such as ``UpdateOpportunity``.
        write: whether it changes something at AWS.
        request: the members that were given.
    """

    operation: str
    write: bool
    request: Mapping[str, Any]


FieldNames = Callable[[str], str]
"""From a field's path as AWS words it (``customer.contacts.1.member.email``) to its ACE name, "" where it has none."""


def field_names(*tables: Mapping[str, str]) -> FieldNames:
    """Return the look-up for tables of API path (``Customer.Contacts[].Email``) to ACE name; earlier tables win.

    Paths that differ only in the list element they select (a team's members by title) belong to no name: AWS does not
    say which element it means.
    """
    known: dict[str, tuple[str, str]] = {}
    for table in tables:
        for path, name in table.items():
            first, _ = known.setdefault(_normal(path), (path, name))
            if first != path:
                known[_normal(path)] = (first, "")
    return lambda path: known.get(_normal(path), ("", ""))[1]


@cache
def catalogue_names() -> FieldNames:
    """Return the look-up for the ACE catalogue: what is sent counts before what is only read."""
    fields = opportunity_fields()
    return field_names(
        *(
            {field["paths"][way]: field["name"] for field in fields if way in field["paths"]}
            for way in ("create", "update", "get")
        )
    )


def _normal(path: str) -> str:
    """AWS's list elements (``.1.member``) and ours (``[]``, ``[Title=PDM]``) fall away, and so does letter case."""
    bare = re.sub(r"\[[^\]]*\]", "", path)
    return ".".join(part for part in bare.lower().split(".") if part != "member" and not part.isdigit())


def classify(
    error: WireError, call: Call, *, names: FieldNames, refused: Callable[[], Pause], now: datetime
) -> ConnectorError:
    """Return what the worker shall do about an error of botocore; the only place that decides it.

    Args:
        error: what botocore raised.
        call: what was asked.
        names: ACE names by API path.
        refused: called when AWS refused the request for its rate; returns how long to rest.
        now: the time, aware, UTC.

    The message never repeats what AWS says about a signature: that text quotes security tokens.
    """
    if isinstance(error, ClientError):
        return _answered(_Answer(error, call), names, refused, now)
    if isinstance(error, ParamValidationError):
        return RecordRejected(tuple(_unsendable(str(error.kwargs.get("report", "")), call, names)))
    if isinstance(error, NO_CREDENTIALS):
        return _access(f"{call.operation}: no usable AWS credentials ({type(error).__name__}).", "key")
    if isinstance(error, NEVER_SENT):
        return Unreachable(f"{call.operation}: Partner Central is unreachable ({type(error).__name__}). {_UNREACHABLE}")
    if isinstance(error, SSLError):
        text = "the TLS connection failed; check that the endpoint's certificate is trusted here."
    else:
        text = f"no complete answer from Partner Central ({type(error).__name__})."
    return Unreachable(f"{call.operation}: {text}", outcome_unknown=call.write)


class _Answer:
    """An error answer as it really arrives: ``Reason`` and ``ErrorList`` lie beside ``Error``."""

    def __init__(self, error: ClientError, call: Call) -> None:
        response: Mapping[str, Any] = error.response
        details = response.get("Error") or {}
        self.call = call
        self.code = str(details.get("Code") or "")
        self.status = int((response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)
        self.message = unescape(str(response.get("Message") or details.get("Message") or ""))[:_LONGEST_TEXT]
        self.reason = str(response.get("Reason") or "")
        self.entries: list[Mapping[str, Any]] = list(response.get("ErrorList") or [])
        self.by_other = error.operation_name != call.operation

    def __str__(self) -> str:
        """Return operation, code and message in one line, the message only where it was given."""
        return f"{self.call.operation}: {self.code}{f': {self.message}' if self.message else ''}"


def _answered(answer: _Answer, names: FieldNames, refused: Callable[[], Pause], now: datetime) -> ConnectorError:
    if answer.by_other:
        return _not_assumed(answer)
    if answer.code in THROTTLED or answer.status == 429:
        return _slowed(answer, refused())
    if answer.code in CAUSES or answer.status in (401, 403):
        return _no_access(answer)
    if answer.status >= 500 or answer.status < 400 or answer.status == 408:
        return Retriable(
            f"{answer.call.operation}: AWS failed (HTTP {answer.status}, {answer.code}).",
            outcome_unknown=answer.call.write,
        )
    match answer.code:
        case "ConflictException":
            return Conflict(str(answer), token_conflict=bool(_TOKEN_REUSED.search(answer.message)))
        case "ResourceNotFoundException":
            return _missing(answer, names)
        case "ServiceQuotaExceededException":
            return _quota_full(answer, now)
        case _:
            return RecordRejected(tuple(_problems(answer, names)))


def _slowed(answer: _Answer, pause: Pause) -> ConnectorError:
    ask = "AWS's Service Quotas console is where a larger quota is asked for."
    if pause.exhausted:
        return Deferred(
            f"{answer.call.operation}: AWS keeps refusing requests for their rate, so the account's daily "
            f"quota (rolling 24 hours) must be used up; trying again at {pause.until:%Y-%m-%d %H:%M} UTC. {ask}",
            pause.until,
        )
    return Retriable(
        f"{answer.call.operation}: AWS asked for fewer requests; waiting {pause.seconds:.1f} s. {ask}",
        after=pause.seconds,
    )


def _quota_full(answer: _Answer, now: datetime) -> Deferred:
    until = now + timedelta(hours=_QUOTA_HOURS)
    return Deferred(
        f"{answer} Trying again at {until:%Y-%m-%d %H:%M} UTC. Ask for a larger quota in Service Quotas.", until
    )


def _no_access(answer: _Answer) -> AccessRefused:
    cause = CAUSES.get(answer.code, "permission")
    if SKEWED.search(answer.message):
        cause = "clock"
    elif _OTHER_REGION.search(answer.message):
        cause = "region"
    elif cause == "permission" and _CATALOG.search(re.sub(r"arn:\S+", "", answer.message)):
        cause = "catalog"  # the word alone says nothing within an ARN: every one of this service has it
    said = str(answer) if cause in ("permission", "catalog") else f"{answer.call.operation}: {answer.code}"
    reason = f" ({answer.reason})" if answer.reason else ""
    return _access(f"{said}{reason}.", cause)


def _not_assumed(answer: _Answer) -> ConnectorError:
    """The call never left: fetching the role's credentials failed."""
    text = f"{answer.call.operation}: the role could not be assumed ({answer.code})."
    if answer.status >= 500 or answer.code in THROTTLED:
        return Retriable(text)
    cause = CAUSES.get(answer.code, "role")
    return _access(text, "role" if cause == "permission" else cause)


def _access(text: str, cause: str) -> AccessRefused:
    return AccessRefused(f"{text} {_ACCESS_REMEDIES[cause]}", cause=cause)


def _missing(answer: _Answer, names: FieldNames) -> RecordRejected:
    """Something was not found: the record itself is gone, or it refers to something that does not exist."""
    request = answer.call.request
    own = next((str(request[name]) for name in _IDENTIFIERS if request.get(name)), "")
    related = str(request.get("RelatedEntityIdentifier") or "")
    named = {found.rstrip(".,") for found in _IDENTIFIER.findall(answer.message)}
    if own in named or not (named or related):
        return RecordGone((_not_found(answer, "", own),))
    kind = request.get("RelatedEntityType", "")
    field = names(f"RelatedEntityIdentifiers.{kind}") if related else ""
    return RecordRejected((_not_found(answer, field, related or ", ".join(sorted(named))),))


def _not_found(answer: _Answer, field: str, value: str) -> Problem:
    return Problem(
        code="RESOURCE_NOT_FOUND",
        field=field,
        value=value,
        rule=answer.message or "It does not exist at AWS, or these credentials do not see it.",
        remedy=error_hint(answer.code, answer.message),
    )


def _problems(answer: _Answer, names: FieldNames) -> Iterator[Problem]:
    """One problem per entry of the error list; one for the whole answer where there is no list."""
    entries = answer.entries or [{"Message": answer.message}]
    for entry in entries:
        message = unescape(str(entry.get("Message") or answer.message))[:_LONGEST_TEXT]
        code = str(entry.get("Code") or answer.reason or answer.code)
        path = str(entry.get("FieldName") or "") or _path_in(message)
        yield Problem(
            code=code,
            field=names(path) or path,
            value=_value_at(answer.call.request, path),
            rule=message or f"AWS refused it ({answer.code}).",
            remedy=error_hint(code, message) or error_hint("ValidationException"),
        )


def _path_in(message: str) -> str:
    found = _VALUE_AT.search(message)
    return found[1] if found else ""


def _value_at(request: Mapping[str, Any], path: str) -> str:
    """Return what was sent at a path of AWS's, as text; "" for what is no single value."""
    value: Any = request
    for part in path.split(".") if path else ():
        value = _step(value, part)
    return str(value)[:_LONGEST_TEXT] if isinstance(value, str | int | float) else ""


def _step(value: Any, part: str) -> Any:
    """AWS counts list elements from 1 and follows the number with ``member``."""
    if part == "member":
        return value
    if isinstance(value, list | tuple):
        return value[int(part) - 1] if part.isdigit() and 0 < int(part) <= len(value) else None
    if isinstance(value, Mapping):
        return next((member for name, member in value.items() if name.lower() == part.lower()), None)
    return None


def _unsendable(report: str, call: Call, names: FieldNames) -> Iterator[Problem]:
    """Botocore itself refused the request; its report has one line per member and quotes the values."""
    for line in report.splitlines():
        found = _PARAMETER.search(line)
        path = re.sub(r"\[(\d+)\]", lambda index: f".{int(index[1]) + 1}.member", found[1]) if found else ""
        yield Problem(
            code="NOT_SENDABLE",
            field=names(path) or path,
            value=_value_at(call.request, path),
            rule=f"{call.operation} cannot carry it: {line[:_LONGEST_TEXT]}",
            remedy="Correct the mapping of this field: the Partner Central API has no such value or place.",
        )
