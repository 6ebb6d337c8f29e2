"""One request to Salesforce: through simple-salesforce, with our own login, renewal, retries, headers and errors.

simple-salesforce 1.12.10 gets a ready token and no credentials, so it never logs in or repeats by itself: its own
renewal loses the caller's headers and, on typed objects, never ends.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError

from connector.errors import ConfigError, ConnectorError
from connector.salesforce.errors import Effect, SessionExpired, Transient, translate
from connector.salesforce.literals import to_json
from connector.salesforce.session import DoorSession
from connector.salesforce.settings import SalesforceSettings
from connector.salesforce.tokens import Token, TokenProvider
from connector.salesforce.usage import UsageGovernor

TRIES = 5
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
DATE_IS_RECENT = 2.0
NOT_MODIFIED_STATUS = 304
NOT_MODIFIED = object()
QUIET_WRITES = {
    # Salesforce assigns leads anew on every write unless told not to.
    "Sforce-Auto-Assign": "FALSE",
    "Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=false; runAsCurrentUser=true",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request: ``path`` is relative to ``/services/data/vNN.0/``, or absolute (from ``/services/``)."""

    method: str
    path: str
    effect: Effect
    params: dict[str, str] | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def jittered(attempt: int, at_least: float | None = None) -> float:
    """Return a pause in seconds after the given attempt (0 is the first): full jitter, doubling, at most 30."""
    pause = random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt))
    return min(LONGEST_PAUSE, max(pause, at_least or 0))


class Wire:
    """Sends calls for one thread. Raises the errors of :mod:`connector.errors` only.

    A call is repeated (five tries) after a passing fault if repeating it is harmless, and once after a refused token,
    with the caller's headers. A time-out is never repeated here: the caller decides.
    """

    def __init__(
        self,
        settings: SalesforceSettings,
        session: DoorSession,
        tokens: TokenProvider,
        governor: UsageGovernor,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.now = now
        self.sleep = sleep
        self.governor = governor
        self._settings = settings
        self._session = session
        self._tokens = tokens
        self._token: Token | None = None
        self._refused: Token | None = None
        self._client: Salesforce | None = None
        self.doubtful = False
        """Whether an attempt of the last call before the one that was answered may have taken effect."""

    @property
    def token(self) -> Token:
        """Return the token in use, logging in if there is none."""
        return self._token or self._tokens.current(self._session)

    @property
    def base_path(self) -> str:
        """Return the path that the REST resources of this API version share, with a slash at its end."""
        return f"/services/data/v{self._settings.api_version}/"

    @property
    def answer_headers(self) -> Mapping[str, str]:
        """Return the headers of the last answer (any status); empty when none came."""
        return self._session.answer_headers

    def full_url(self, path: str) -> str:
        """Return the address of a path of this API version on the configured instance."""
        return f"{self._settings.instance_url.rstrip('/')}{self.base_path}{path}"

    def ask(self, call: Call) -> Any:
        """Send the call and return the answer's JSON: decimals as ``Decimal``, None for an empty one.

        ``NOT_MODIFIED`` stands for the answer 304. An error says by ``outcome_unknown`` whether any attempt may have
        taken effect.
        """
        self.governor.admit()
        renewed = self.doubtful = False
        attempt = 0
        while True:
            try:
                return self._send(call)
            except ConnectorError as fault:
                self.doubtful = fault.outcome_unknown = fault.outcome_unknown or self.doubtful
                if isinstance(fault, SessionExpired) and not renewed:
                    renewed = True
                    self._refused, self._client = self._token, None
                    continue
                if not isinstance(fault, Transient):
                    raise
                harmless = call.effect is not Effect.ONCE or not fault.outcome_unknown
                if attempt + 1 >= TRIES or not harmless:
                    raise
                self.sleep(jittered(attempt, fault.after))
                attempt += 1

    def server_time(self) -> datetime:
        """Return the ``Date`` of the last answer if it is at most two seconds old, or of one asked for now (not
        counted).
        """
        if not self._date_is_recent():
            origin = self._token.instance_url if self._token else self._settings.instance_url.rstrip("/")
            try:
                self._session.get(f"{origin}/services/data/")
            except requests.RequestException as error:
                raise translate(error, effect=Effect.READ, now=self.now()) from None
        try:
            return parsedate_to_datetime(self._session.answer_headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError):
            raise ConfigError(
                "Salesforce's answers carry no Date; check what stands between this machine and the org."
            ) from None

    def _date_is_recent(self) -> bool:
        return self._session.answer_age <= DATE_IS_RECENT and "Date" in self._session.answer_headers

    def _connected(self) -> Salesforce:
        """Return the client, logging in first if there is none or its token was refused."""
        if self._client is None:
            if self._refused:
                self._token, self._refused = self._tokens.renew(self._refused, self._session), None
            self._token = self._token or self._tokens.current(self._session)
            self._client = self._build(self._token)
        return self._client

    def _build(self, token: Token) -> Salesforce:
        """Return a client for the token's own instance: a renewed token may belong to another one (org migration)."""
        client = Salesforce(
            session_id=token.value,
            instance_url=token.instance_url,
            version=self._settings.api_version,
            session=self._session,
            object_pairs_hook=dict,
            parse_float=Decimal,
        )
        client.headers.pop("X-PrettyPrint", None)
        client.headers["Sforce-Call-Options"] = f"client={self._settings.client_name}"
        return client

    def _send(self, call: Call) -> Any:
        client = self._connected()
        try:
            return self._through(client, call)
        except (SalesforceError, requests.RequestException) as error:
            if isinstance(error, SalesforceError) and error.status == NOT_MODIFIED_STATUS:
                return NOT_MODIFIED
            # The chain is cut: the library's messages hold the address (query text) and the whole body.
            raise self._translated(error, call.effect) from None
        finally:
            self.governor.observe(self._session.answer_headers.get("Sforce-Limit-Info"))

    def _through(self, client: Salesforce, call: Call) -> Any:
        headers = dict(call.headers)
        if call.effect is not Effect.READ:
            headers = QUIET_WRITES | headers
        if call.path.startswith("/services/oauth2/"):
            return client.oauth2(call.path.removeprefix("/services/oauth2/"))
        if call.path.startswith("/"):
            return client.query_more(call.path, identifier_is_url=True, headers=headers)
        data = None if call.body is None else to_json(call.body).encode("utf8")
        return client.restful(call.path, params=call.params, method=call.method, data=data, headers=headers)

    def _translated(self, error: SalesforceError | requests.RequestException, effect: Effect) -> ConnectorError:
        wait = self._session.answer_headers.get("Retry-After", "")
        after = float(wait) if wait.isdecimal() else None
        return translate(error, effect=effect, now=self.now(), retry_after=after)


def next_page_path(address: str) -> str:
    """Return the path of a ``nextRecordsUrl``; only a path is ever followed, so no answer can send the token elsewhere.

    Raises Transient when it is no REST path.
    """
    path = urlsplit(address).path
    if not path.startswith("/services/data/"):
        raise Transient("Salesforce named a next page that is not one of its own. The query is tried again.")
    return path
