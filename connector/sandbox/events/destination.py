"""An API destination and its connection: the token, the request, and what an answer means."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from connector.sandbox.events.stack import Stack, TemplateRefused

TIMEOUT = 5.0
"""Seconds that EventBridge gives an API destination to answer."""
_REPEATED = frozenset({409, 429})
_UNAUTHORIZED = frozenset({401, 407})
_HEADERS = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Amazon/EventBridge/ApiDestinations"}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class NotDelivered(Exception):
    """A request that did not succeed.

    Attributes:
        code: what dead letters carry as ``ERROR_CODE``.
        again: whether it is worth another attempt.
        pause: seconds that the answer asked to wait, 0 where it did not.
    """

    def __init__(self, message: str, *, code: str = "SDK_CLIENT_ERROR", again: bool = False, pause: float = 0) -> None:
        super().__init__(message)
        self.code, self.again, self.pause = code, again, pause


@dataclass(frozen=True, slots=True)
class Route:
    """Which address on loopback stands for a host of the internet.

    Raises:
        ValueError: plain http to anything but loopback.
    """

    origin: str
    address: str

    def __post_init__(self) -> None:
        if urlsplit(self.address).hostname not in _LOOPBACK:
            raise ValueError(f"{self.address} is not on loopback; the sandbox sends nothing elsewhere")

    def follow(self, url: str) -> str:
        """Return the address to use for a URL. Raises NotDelivered for another host."""
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" != self.origin:
            raise NotDelivered(f"{parts.netloc} cannot be reached from the sandbox, {self.origin} can", again=True)
        return self.address + url.removeprefix(self.origin)


class Destination:
    """One API destination with its connection. Safe to use from several threads.

    Its rate limit is not played.

    Raises:
        TemplateRefused: the connection is not one of OAuth client credentials, or of another stack.
    """

    def __init__(self, stack: Stack, arn: str, route: Route, timeout: float = TIMEOUT) -> None:
        destination = stack.by_arn(arn)
        connection = stack.by_arn(destination.properties["ConnectionArn"]).properties
        if connection["AuthorizationType"] != "OAUTH_CLIENT_CREDENTIALS":
            raise TemplateRefused(f"connections of type {connection['AuthorizationType']} are not played here")
        self._oauth: Mapping[str, Any] = connection["AuthParameters"]["OAuthParameters"]
        self._method: str = destination.properties["HttpMethod"]
        self._url: str = destination.properties["InvocationEndpoint"]
        self._route, self._timeout = route, timeout
        self._lock = threading.Lock()
        self._token = ""

    def post(self, body: bytes) -> None:
        """Send one body, with a fresh token where the one in use is refused.

        Raises:
            NotDelivered: no answer in time, or not one of success.
        """
        answer = self._send(body, self._bearer())
        if answer.status_code in _UNAUTHORIZED:
            answer = self._send(body, self._bearer(refused=answer.request.headers["Authorization"]))
        _judge(answer, "API destination")

    def _send(self, body: bytes, bearer: str) -> requests.Response:
        headers = {**_HEADERS, "Authorization": bearer}
        return self._request(self._method, self._url, data=body, headers=headers)

    def _request(self, method: str, url: str, **options: Any) -> requests.Response:
        address = self._route.follow(url)
        try:
            with requests.Session() as session:
                session.trust_env = False  # no proxy stands between the sandbox's parts
                return session.request(method, address, timeout=self._timeout, allow_redirects=False, **options)
        except requests.RequestException as error:
            raise NotDelivered(f"no answer from {urlsplit(url).netloc}: {type(error).__name__}", again=True) from error

    def _bearer(self, refused: str = "") -> str:
        """Return the Authorization header, from a new token where there is none or it was just refused."""
        with self._lock:
            if not self._token or self._token == refused:
                self._token = "Bearer " + self._ask_token()
            return self._token

    def _ask_token(self) -> str:
        client = self._oauth["ClientParameters"]
        fields = self._oauth.get("OAuthHttpParameters", {}).get("BodyParameters", [])
        answer = self._request(
            self._oauth["HttpMethod"],
            self._oauth["AuthorizationEndpoint"],
            data={one["Key"]: one["Value"] for one in fields},
            auth=(client["ClientID"], client["ClientSecret"]),
        )
        _judge(answer, "token endpoint of the connection")
        try:
            return str(answer.json()["access_token"])
        except (ValueError, KeyError) as error:
            raise NotDelivered("the token endpoint's answer has no access_token") from error


def _judge(answer: requests.Response, who: str) -> None:
    """Raise NotDelivered unless the answer is a success. Its text is not told: it may repeat what was sent."""
    status = answer.status_code
    if 200 <= status < 300:
        return
    told = answer.headers.get("Retry-After", "")
    raise NotDelivered(
        f"the {who} returned HTTP status code {status}",
        again=status in _REPEATED or status >= 500,
        pause=float(told) if told.isdigit() else 0,
    )
