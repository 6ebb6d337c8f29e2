"""The HTTP session under simple-salesforce: time-outs on every call, no surprises from the environment, every answer
observed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from connector.salesforce.settings import SalesforceSettings, is_loopback


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as far as they may be logged: no query text, headers or bodies.

    ``status`` is 0 when no answer came; ``seconds`` is how long it took.
    """

    method: str
    path: str
    status: int
    seconds: float


class DoorSession(requests.Session):
    """A session that simple-salesforce and the token provider share.

    - Every call has time-outs; simple-salesforce passes none on most of its calls.
    - The environment's proxies, netrc and CA files are ignored: with ``trust_env`` a CA variable overrides ``verify``.
    - Establishing a connection is retried (nothing was sent yet, so that is safe for every method); nothing else is
      retried here.
    - Redirects are not followed: a followed POST turns into a GET and reports success.
    - simple-salesforce writes ``https`` into every URL; requests to a loopback address that was configured as plain
      http go there as http, and to no other address.
    """

    def __init__(
        self,
        settings: SalesforceSettings,
        now: Callable[[], datetime],
        observe: Callable[[Exchange], None] | None = None,
    ) -> None:
        super().__init__()
        self.trust_env = False
        self.proxies.update(settings.proxies)
        if settings.ca_bundle:
            self.verify = settings.ca_bundle
        self.answer_headers: requests.structures.CaseInsensitiveDict[str] = requests.structures.CaseInsensitiveDict()
        self._now, self._answered = now, (float("-inf"), datetime.min.replace(tzinfo=UTC))
        self._timeout = (settings.connect_timeout, settings.read_timeout)
        self._observe = observe
        self._plain = {plain for plain in map(plain_host, (settings.instance_url, settings.token_origin)) if plain}
        retry = Retry(
            total=None,
            connect=3,
            read=False,
            redirect=0,
            status=0,
            other=0,
            backoff_factor=0.2,
            respect_retry_after_header=False,
        )
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(max_retries=retry, pool_maxsize=4))

    def admit_plain(self, url: str) -> None:
        """Let a plain http origin through that the token answer named; loopback only, by :func:`plain_host`."""
        if plain := plain_host(url):
            self._plain.add(plain)

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """Send one request (see the class); raises what ``requests`` raises."""
        kwargs.setdefault("timeout", self._timeout)
        kwargs["allow_redirects"] = False
        url = self._true_scheme(str(url))
        self.answer_headers = requests.structures.CaseInsensitiveDict()
        started = time.monotonic()
        status = 0
        try:
            answer = super().request(method, url, *args, **kwargs)
            status = answer.status_code
            self.answer_headers, self._answered = answer.headers, (time.monotonic(), self._now())
            return answer
        finally:
            if self._observe:
                self._observe(Exchange(str(method), urlsplit(url).path, status, time.monotonic() - started))

    @property
    def answer_age(self) -> float:
        """Return how long ago the last answer came, in seconds: by the clock, or since a clock may be set, by the time
        that passed, whichever says longer.
        """
        passed, moment = self._answered
        return max(time.monotonic() - passed, abs((self._now() - moment).total_seconds()))

    def _true_scheme(self, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.netloc in self._plain:
            return parts._replace(scheme="http").geturl()
        return url


def plain_host(url: str) -> str:
    """Return host and port of a plain http loopback origin; empty for every other one."""
    parts = urlsplit(url)
    return parts.netloc if parts.scheme == "http" and is_loopback(parts.hostname or "") else ""
