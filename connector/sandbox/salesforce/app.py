"""The org over HTTP: OAuth, versions, limits, faults, and the way to the resources."""

from __future__ import annotations

import asyncio
import gzip
import secrets
from dataclasses import dataclass, replace
from typing import Any, Protocol

from connector.sandbox.salesforce import soap
from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.oauth import OAuthError, Session
from connector.sandbox.salesforce.org import Org
from connector.sandbox.salesforce.races import OVERLAP, missing_keys
from connector.sandbox.salesforce.routes import find, perform
from connector.sandbox.salesforce.wire import DATA_PATH, EMPTY, Answer, Call, Request, Text, http_date
from connector.sandbox.serving import Application, Receive, Scope, Send, answer, fall_silent, read_body

SERVER = "salesforce"
MAX_HEAD = 16_384
"""Bytes that the address and the headers of a request may have together."""
OLDEST, NEWEST = 31, 68
RELEASES = {"Spring": 0, "Summer": 1, "Winter": 2}
_GZIP_FROM = 1024
UNAVAILABLE = Text(
    "<html><head><title>Service Unavailable</title></head><body><h1>Service Unavailable</h1>"
    "<p>We are down for maintenance. Sorry for the inconvenience.</p></body></html>"
)


class Fault(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def silence(self) -> float: ...


class Faults(Protocol):
    def take(self, server: str, operation: str) -> Fault | None: ...


class Recorder(Protocol):
    def count(self, server: str, operation: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer for that many seconds; then the connection is cut."""

    seconds: float


def versions() -> list[dict[str, str]]:
    """Return the versions on offer, oldest first; three releases a year."""
    found = []
    for number in range(OLDEST, NEWEST + 1):
        season, year = list(RELEASES)[(number - 66) % 3], 26 + (number - 66) // 3 + ((number - 66) % 3 == 2)
        version = f"{number}.0"
        found.append({"label": f"{season} '{year}", "url": f"/services/data/v{version}", "version": version})
    return found


def operation_of(request: Request) -> str:
    """Return the name under which a request is counted and matched with faults."""
    path = request.target.rstrip("/").lower()
    if path.startswith("/services/oauth2/"):
        return path.removeprefix("/services/oauth2/")
    if path.startswith("/services/soap/"):
        return "soap"
    if (match := DATA_PATH.fullmatch(request.target)) is None:
        return "versions" if path == "/services/data" else "other"
    try:
        return find(request.method, match[2] or "")[0].operation
    except ApiError:
        return "other"


class Service:
    """Answers requests, or falls silent."""

    def __init__(self, org: Org, faults: Faults | None = None, recorder: Recorder | None = None) -> None:
        self._org, self._faults, self._recorder = org, faults, recorder

    def respond(self, request: Request, head_bytes: int = 0) -> Answer | Silence:
        """Return the answer, or the silence in its place."""
        if head_bytes > MAX_HEAD:
            return _too_large(len(request.target) + len(request.query_string))
        operation = operation_of(request)
        if self._recorder:
            self._recorder.count(SERVER, operation)
        fault = self._faults.take(SERVER, operation) if self._faults else None
        if fault is None:
            return self._answer(request)
        if fault.kind == "timeout_before":
            return Silence(fault.silence)
        if fault.kind == "status":
            return fault_answer(fault.status)
        if fault.kind == "expire_session":
            self._org.authority.revoke(request.bearer)
        if fault.kind == "row_lock":
            found = self._with_a_lock(request)
        else:
            found = self._answer(request)
        return Silence(fault.silence) if fault.kind == "timeout_after" else found

    def _with_a_lock(self, request: Request) -> Answer:
        """Answer while somebody else holds the first row that the request wants to write."""
        with self._org.lock:
            self._org.pending_locks = 1
            try:
                return self._answer(request)
            finally:
                self._org.pending_locks = 0

    def _answer(self, request: Request) -> Answer:
        with self._org.lock:
            self._org.settle()
            path = request.target.rstrip("/").lower()
            if path == "/services/data":
                return Answer(200, versions())
            if path.startswith("/services/soap/"):
                return soap.refuse(request)
            if path.startswith(("/services/oauth2/", "/id/")):
                return self._authorise(request, path)
            return self._data(request)

    def _authorise(self, request: Request, path: str) -> Answer:
        authority, authorization = self._org.authority, request.headers.get("authorization", "")
        try:
            if path == "/services/oauth2/token":
                return Answer(200, authority.grant(request.form, authorization))
            if path == "/services/oauth2/introspect":
                return Answer(200, authority.introspect(request.form, authorization))
            if path == "/services/oauth2/revoke":
                if not authority.revoke(request.form.get("token", "")):
                    raise OAuthError("unsupported_token_type", "this token is not valid or cannot be revoked")
                return Answer(200)
        except OAuthError as refused:
            return Answer(refused.status, refused.body())
        session = authority.session(request.bearer)
        if session is None:
            return Answer(403, Text("Bad_OAuth_Token"), {"Content-Type": "text/html;charset=UTF-8"})
        if path == "/services/oauth2/userinfo":
            return Answer(200, authority.userinfo(session))
        if path.startswith("/id/"):
            return Answer(200, authority.identity(session))
        return Answer(404, Text("<html><body>404</body></html>"), {"Content-Type": "text/html"})

    def _data(self, request: Request) -> Answer:
        match = DATA_PATH.fullmatch(request.target)
        if match is None:
            return _refuse("NOT_FOUND", "The requested resource does not exist", 404)
        if (refused := _unsupported(match[1])) is not None:
            return refused
        session = self._org.authority.session(request.bearer)
        if session is None:
            return _refuse("INVALID_SESSION_ID", "Session expired or invalid", 401)
        usage = self._org.usage
        if usage.used >= usage.limit:
            return _refuse("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
        usage.used += 1
        self._org.running_as(session.user_id)
        found = self._dispatch(request, session)
        found.headers["Sforce-Limit-Info"] = usage.header
        return found

    def _dispatch(self, request: Request, session: Session) -> Answer:
        """Answer one request to a resource; composite comes back here for each of its parts."""
        match = DATA_PATH.fullmatch(request.target)
        if match is None:
            return _refuse("NOT_FOUND", "The requested resource does not exist", 404)
        if (refused := _unsupported(match[1])) is not None:
            return refused
        if _wrong_type(request):
            return _refuse("UNSUPPORTED_MEDIA_TYPE", "Content type not supported", 415)
        method = (
            request.query.get("_httpmethod", request.method).upper() if request.method == "POST" else request.method
        )
        try:
            route, parts = find(method, match[2] or "")
        except ApiError as unknown:
            return Answer(unknown.status, [unknown.body()])

        def nested(part: Request) -> Answer:
            if self._recorder:
                self._recorder.count(SERVER, f"{route.operation}/{operation_of(part)}")
            return self._dispatch(part, session)

        call = Call(self._org, session.user_id, match[1], replace(request, method=method), nested)
        return perform(call, route, parts)


def _wrong_type(request: Request) -> bool:
    """Tell whether a body comes with a type that the REST API does not read."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    return bool(request.body) and kind not in {"application/json", "text/csv"}


def _unsupported(version: str) -> Answer | None:
    number = int(float(version))
    if number < OLDEST:
        return _refuse("GONE", f"The requested version {version} is retired", 410)
    return _refuse("NOT_FOUND", "The requested resource does not exist", 404) if number > NEWEST else None


def _refuse(code: str, message: str, status: int) -> Answer:
    return Answer(status, [{"message": message, "errorCode": code}])


def _too_large(uri_bytes: int) -> Answer:
    status, reason = (414, "URI Too Long") if uri_bytes > MAX_HEAD else (431, "Request Header Fields Too Large")
    return Answer(
        status, Text(f"<h1>Bad Message {status}</h1><pre>reason: {reason}</pre>"), {"Content-Type": "text/html"}
    )


def fault_answer(status: int) -> Answer:
    """Return what Salesforce sends with an HTTP status of its own making."""
    texts = {
        401: ("INVALID_SESSION_ID", "Session expired or invalid"),
        403: ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        404: ("NOT_FOUND", "The requested resource does not exist"),
        429: ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        500: (
            "UNKNOWN_EXCEPTION",
            f"An unexpected error occurred. Please include this ErrorId: {secrets.token_hex(8)}",
        ),
    }
    if status in texts:
        return _refuse(*texts[status], status)
    if status < 500:
        return _refuse("UNKNOWN_EXCEPTION", "The request could not be processed", status)
    return Answer(status, UNAVAILABLE, {"Content-Type": "text/html;charset=UTF-8"})


def create_app(org: Org, faults: Faults | None = None, recorder: Recorder | None = None) -> Application:
    """Return the ASGI application that serves the org; requests are answered one at a time."""
    service = Service(org, faults, recorder)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path, query = scope["raw_path"].decode("latin-1").partition("?")[0], scope["query_string"].decode("latin-1")
        target = "/" + path.lstrip("/")  # Salesforce's own command line doubles the slash after the host
        body = await read_body(receive)
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        request = Request(scope["method"].upper(), target, query, headers, body)
        if claims := missing_keys(org, request):
            await asyncio.sleep(OVERLAP)
            request = replace(request, claims=claims)
        found = service.respond(request, _head_bytes(scope))
        if isinstance(found, Silence):
            await fall_silent(scope, receive, found.seconds)
            return
        await answer(send, found.status, *_encode(org, request, found))

    return app


def _head_bytes(scope: Scope) -> int:
    pairs: list[tuple[bytes, bytes]] = scope["headers"]
    return (
        len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(name) + len(value) + 4 for name, value in pairs)
    )


def _encode(org: Org, request: Request, found: Answer) -> tuple[bytes, dict[str, str]]:
    headers: dict[str, Any] = {"Date": http_date(org.clock.now())}
    if found.body is not EMPTY:
        headers["Content-Type"] = "application/json;charset=UTF-8"
    body = found.encode()
    if len(body) > _GZIP_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    return body, headers | found.headers
