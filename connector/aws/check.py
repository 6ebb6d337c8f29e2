"""Does a connection to AWS work? A harmless signed call, and the cause where it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connector.aws.errors import AccessRefused, Unreachable
from connector.aws.session import HOME_REGION, PartnerCentralSettings
from connector.errors import ConnectorError, RecordRejected


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found.

    Attributes:
        name: the API operation that was tried.
        ok: whether it worked.
        cause: empty when it did; otherwise ``key``, ``token``, ``clock``, ``region``, ``permission``, ``role``,
            ``catalog``, ``unreachable`` or ``service`` (AWS answered, but could not serve).
        message: what was found and what to do, for people; never with a secret.
    """

    name: str
    ok: bool
    cause: str
    message: str


def try_call(name: str, call: Callable[[], Any], settings: PartnerCentralSettings) -> CheckResult:
    """Make the call and return what it shows about the connection."""
    try:
        call()
    except ConnectorError as error:
        return CheckResult(name, ok=False, cause=_cause(error, settings), message=str(error))
    where = f"catalog {settings.catalog}, region {settings.region}"
    return CheckResult(name, ok=True, cause="", message=f"{name} answered ({where}).")


def _cause(error: ConnectorError, settings: PartnerCentralSettings) -> str:
    match error:
        case AccessRefused():
            return error.cause
        case RecordRejected():
            return "catalog"
        case Unreachable():
            return "unreachable" if settings.endpoint_url or settings.region == HOME_REGION else "region"
        case _:
            return "service"
