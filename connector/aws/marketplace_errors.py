"""From what botocore raises about the AWS Marketplace Catalog API to what the worker does next: :func:`explain`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError, SSLError

from connector.aws.errors import CAUSES, NEVER_SENT, NO_CREDENTIALS, SKEWED, THROTTLED, AccessRefused, Unreachable
from connector.aws.errors import WireError as WireError
from connector.errors import ConnectorError, Deferred, Problem, RecordGone, RecordRejected, Retriable

LIST, DESCRIBE = "ListEntities", "BatchDescribeEntities"
SERVICE_ROLE = (
    "AWS shares resale authorizations only where both accounts, the manufacturer's and the channel partner's, have the "
    "service-linked role AWSServiceRoleForMarketplaceResaleAuthorization: it is made in the AWS Marketplace Management "
    "Portal, under Settings, Service-linked roles."
)
IN_USE_SECONDS = 60.0
"""How long to leave an entity alone on which a change set is at work: those take minutes."""
QUOTA_WAIT = timedelta(minutes=10)
"""Before a quota of open requests has room again."""
_PASSING = {"internalserver", "internalservice", "serviceunavailable", "throttled", "throttling", "toomanyrequests"}
_ACTIONS = {LIST: "aws-marketplace:ListEntities", DESCRIBE: "aws-marketplace:DescribeEntity"}
_KEY_ID = re.compile(r"\bA(?:KIA|SIA)[A-Z0-9]{4,}")
_LONGEST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Call:
    """The call that failed.

    Attributes:
        operation: API name, such as ``ListEntities``.
        account: number of the seller account.
        request: the members that were given.
        secrets: what no message may contain.
    """

    operation: str
    account: str
    request: Mapping[str, Any]
    secrets: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.operation} of AWS Marketplace in account {self.account}"

    @property
    def section(self) -> str:
        """The part of the local configuration that the call's credentials are from."""
        return f"[[aws.sellers]] of account {self.account}"

    @property
    def is_about_shared(self) -> bool:
        """Whether it asks for what other accounts share with this one."""
        return self.request.get("OwnershipType") == "SHARED"


def is_passing(code: str) -> bool:
    """Return whether an entity that AWS refused with this code may come when it is asked for again."""
    # How these codes are spelled beside an entity is not published.
    return code.replace("_", "").casefold().removesuffix("exception") in _PASSING


def explain(error: WireError, call: Call, *, slowed: Callable[[], float], now: datetime) -> ConnectorError:
    """Return what the worker shall do about an error of botocore; the only place that decides it for the catalog.

    Args:
        error: what botocore raised.
        call: what was asked; all calls are reads.
        slowed: called when AWS refused the request for its rate; returns the seconds to rest.
        now: the time, aware, UTC.

    The message never repeats what AWS says about a signature: that text quotes security tokens.
    """
    if isinstance(error, ClientError):
        return _answered(_Answer(error, call), slowed, now)
    if isinstance(error, NO_CREDENTIALS):
        told = f"{call}: there are no AWS credentials ({type(error).__name__})."
        return AccessRefused(f"{told} Give keys, aws_profile or role_arn in {call.section}.", cause="key")
    if isinstance(error, ParamValidationError):
        rule = str(error.kwargs.get("report", ""))[:_LONGEST_TEXT]
        remedy = "Correct the value; the service model of AWS Marketplace has no such one."
        return RecordRejected((Problem("NOT_SENDABLE", "", "", f"{call} cannot carry it: {rule}", remedy),))
    kind = type(error).__name__
    if isinstance(error, NEVER_SENT):
        remedy = f"Check network, proxy and name resolution, and endpoint_url in {call.section}."
        return Unreachable(f"{call}: it cannot be reached ({kind}). {remedy}")
    if isinstance(error, SSLError):
        return Unreachable(f"{call}: the TLS connection failed; check that the endpoint's certificate is trusted here.")
    return Unreachable(f"{call}: no complete answer came ({kind}); it is tried again.")


class _Answer:
    """An error answer of the catalog, or of STS where the role was asked for."""

    def __init__(self, error: ClientError, call: Call) -> None:
        response: Mapping[str, Any] = error.response
        details = response.get("Error") or {}
        self.call = call
        self.code = str(details.get("Code") or "")
        self.status = int((response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)
        self.fields: list[Mapping[str, Any]] = list(response.get("ValidationExceptionFieldList") or [])
        self.by_other = error.operation_name != call.operation
        self._message = str(response.get("Message") or details.get("Message") or "")

    @property
    def said(self) -> str:
        """AWS's words, without anything that the settings keep secret."""
        return self.clean(self._message)

    def clean(self, text: str) -> str:
        text = _KEY_ID.sub("…", text[:_LONGEST_TEXT])
        for secret in self.call.secrets:
            text = text.replace(secret, "…") if secret else text
        return f"{text.strip().rstrip('.')}." if text.strip() else ""

    @property
    def is_skewed(self) -> bool:
        return bool(SKEWED.search(self._message))

    def __str__(self) -> str:
        return f"{self.call} was refused ({self.code or self.status})"


def _answered(answer: _Answer, slowed: Callable[[], float], now: datetime) -> ConnectorError:
    """The order counts: a code says more than a status."""
    call = answer.call
    if answer.by_other:
        return _not_assumed(answer)
    if answer.code in THROTTLED or answer.status == 429:
        seconds = slowed()
        return Retriable(f"{call}: AWS asked for fewer requests; waiting {seconds:.1f} s.", after=seconds)
    if answer.code in CAUSES or answer.status in (401, 403):
        return _no_access(answer)
    if answer.status == 423:
        text = f"{answer}: a change of it is at work at AWS. {answer.said} It is tried again."
        return Retriable(text, after=IN_USE_SECONDS)
    if answer.status == 402:
        until = now + QUOTA_WAIT
        return Deferred(f"{answer}: {answer.said} Trying again at {until:%Y-%m-%d %H:%M} UTC.", until)
    if 400 <= answer.status < 500 and answer.status != 408:
        return _rejected(answer)
    return Retriable(f"{call}: AWS failed (HTTP {answer.status}, {answer.code or 'no code'}); it is tried again.")


def _no_access(answer: _Answer) -> AccessRefused:
    call = answer.call
    cause = "clock" if answer.is_skewed else CAUSES.get(answer.code, "permission")
    if cause != "permission":
        return AccessRefused(f"{answer}. {_remedy(cause, call)}", cause=cause)
    role = f" {SERVICE_ROLE}" if call.is_about_shared else ""
    return AccessRefused(f"{answer}: {answer.said} {_remedy(cause, call)}{role}", cause=cause)


def _not_assumed(answer: _Answer) -> ConnectorError:
    """The call never left: fetching the role's credentials failed."""
    text = f"{answer.call}: the role could not be assumed ({answer.code})."
    if answer.status >= 500 or answer.code in THROTTLED:
        return Retriable(text)
    cause = CAUSES.get(answer.code, "role")
    cause = "role" if cause == "permission" else cause
    return AccessRefused(f"{text} {_remedy(cause, answer.call)}", cause=cause)


def _remedy(cause: str, call: Call) -> str:
    match cause:
        case "key":
            return f"Check access_key_id and secret_access_key in {call.section}, and that the key is active in IAM."
        case "token":
            return f"Renew the temporary credentials, or configure a role or a long-lived key in {call.section}."
        case "clock":
            return "Set this machine's clock (for instance by NTP): AWS accepts requests within minutes of its own."
        case "role":
            return (
                "Let the role's trust policy name the connector's user, and check role_arn and external_id in "
                f"{call.section}."
            )
        case _:
            action = _ACTIONS.get(call.operation, f"aws-marketplace:{call.operation}")
            return (
                f"Grant {action} to the user or role of {call.section} (AWS's managed policy "
                "AWSMarketplaceSellerProductsReadOnly has it for products), and check that the account is a seller's."
            )


def _rejected(answer: _Answer) -> RecordRejected:
    problems = tuple(_problems(answer))
    return RecordGone(problems) if answer.status == 404 else RecordRejected(problems)


def _problems(answer: _Answer) -> Iterator[Problem]:
    """One problem per field that AWS names; one for the whole answer where it names none."""
    for one in answer.fields:
        code, field = str(one.get("Reason") or answer.code), str(one.get("Field") or "")
        rule = answer.clean(str(one.get("Message") or "")) or answer.said
        yield Problem(code, field, str(one.get("EntityId") or ""), f"{answer}: {rule}", _remedy_of(answer))
    if not answer.fields:
        yield Problem(answer.code or str(answer.status), "", "", f"{answer}: {answer.said}".strip(), _remedy_of(answer))


def _remedy_of(answer: _Answer) -> str:
    if answer.status == 404:
        return "It does not exist in this account, or its credentials do not see it."
    return "Report it if this lasts: AWS does not take the connector's request."
