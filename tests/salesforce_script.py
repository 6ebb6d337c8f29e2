"""A Salesforce that says what a test tells it to, over real HTTP on loopback, and remembers what it was asked."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connector.salesforce.door import SalesforceDoor
from connector.salesforce.settings import SalesforceSettings

BASE = "/services/data/v66.0/"
ORG_ID = "00D8V000001NPCnUAO"
USER_ID = "0058V00000Bg2XYQAZ"
SECRET = "s3cr3t-Value-9"


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    url: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class Answer:
    """What to answer; ``behaviour``: ``answer``, ``hang`` (stay silent) or ``drop`` (close without a word)."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    behaviour: str = "answer"


HANG = Answer(behaviour="hang")
DROP = Answer(behaviour="drop")


def refusal(status: int, code: str, message: str = "it went wrong", fields: tuple[str, ...] = ()) -> Answer:
    return Answer(status, [{"errorCode": code, "message": message, **({"fields": list(fields)} if fields else {})}])


def row_error(code: str, message: str = "it went wrong", fields: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": list(fields)}]}


def page(rows: list[dict[str, Any]], following: str = "") -> Answer:
    records = [{"attributes": {"type": "X", "url": "/x"}, **row} for row in rows]
    more = {"nextRecordsUrl": following} if following else {}
    return Answer(200, {"totalSize": len(rows), "done": not following, "records": records, **more})


Reply = Answer | Callable[[Asked], Answer]


class ScriptedOrg:
    """Answers by rules: the last rule that matches wins; its answers are used up in order, the last one stays."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.asked: list[Asked] = []
        self.limit_info = "api-usage=10/15000"
        self.valid_token: str | None = None
        self.released = threading.Event()
        self._rules: list[tuple[str, str, list[Reply]]] = []
        self._lock = threading.Lock()
        self._issued = 0
        self.on("POST", "/services/oauth2/token", self._issue)
        self.on("GET", "/services/data/", Answer(200, [{"version": "66.0"}]))

    def on(self, method: str, pattern: str, *replies: Reply) -> None:
        """Set the answers for paths that match the pattern (whole path; relative ones start at the version's base)."""
        whole = pattern if pattern.startswith("/") else re.escape(BASE) + pattern
        with self._lock:
            self._rules.insert(0, (method, whole, list(replies)))

    def calls(self, fragment: str = "") -> list[Asked]:
        """Return the requests other than logins whose path holds the fragment."""
        return [item for item in self.asked if fragment in item.path and "/oauth2/token" not in item.path]

    @property
    def logins(self) -> int:
        return sum("/oauth2/token" in item.path for item in self.asked)

    def expire(self) -> None:
        """Refuse every token issued so far."""
        self.valid_token = "none yet"

    def reply(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
            if bearer and self.valid_token is not None and bearer != self.valid_token:
                return refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
            found = self._next_reply(asked)
        return found(asked) if callable(found) else found

    def _next_reply(self, asked: Asked) -> Reply:
        for method, pattern, replies in self._rules:
            if method == asked.method and re.fullmatch(pattern, asked.path):
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return refusal(404, "NOT_FOUND", "The requested resource does not exist")

    def _issue(self, asked: Asked) -> Answer:
        self._issued += 1
        value = f"{ORG_ID[:15]}!token{self._issued}"
        if self.valid_token is not None:
            self.valid_token = value
        who = f"https://login.salesforce.com/id/{ORG_ID}/{USER_ID}"
        return Answer(200, {"access_token": value, "instance_url": self.origin, "id": who, "token_type": "Bearer"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    org: ScriptedOrg

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        asked = Asked(
            method=self.command,
            path=unquote(parts.path),
            query={name: values[0] for name, values in parse_qs(parts.query).items()},
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            url=self.path,
        )
        answer = self.org.reply(asked)
        if answer.behaviour != "answer":
            if answer.behaviour == "hang":
                self.org.released.wait(20)
            self.close_connection = True
            return
        self._write(answer)

    def _write(self, answer: Answer) -> None:
        text = isinstance(answer.body, str)
        payload = as_bytes(answer.body)
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/html" if text else "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("Sforce-Limit-Info", self.org.limit_info)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, *args: object) -> None:
        return


def as_bytes(body: Any) -> bytes:
    """Return the body on the wire: bytes as JSON as they are, text as HTML, anything else encoded."""
    if body is None or isinstance(body, bytes):
        return body or b""
    return (body if isinstance(body, str) else json.dumps(body)).encode("utf8")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        return  # a client that gave up is what some tests are about


@contextmanager
def scripted_org() -> Iterator[ScriptedOrg]:
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    org = handler.org = ScriptedOrg(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield org
    finally:
        org.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def settings_for(origin: str, **changes: Any) -> SalesforceSettings:
    values: dict[str, Any] = {
        "instance_url": origin,
        "auth": "client_credentials",
        "client_id": "consumer-key",
        "client_secret": SECRET,
        "describe_max_age": 0.0,
    }
    return SalesforceSettings(**{**values, **changes})


@contextmanager
def door_to(org: ScriptedOrg, *, options: dict[str, Any] | None = None, **changes: Any) -> Iterator[SalesforceDoor]:
    """Yield a door that does not really sleep; its pauses are in ``door.pauses``."""
    pauses: list[float] = []
    door = SalesforceDoor(settings_for(org.origin, **changes), **{"sleep": pauses.append, **(options or {})})
    door.pauses = pauses  # type: ignore[attr-defined]
    try:
        yield door
    finally:
        door.close()


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def record_id(number: int, prefix: str = "006") -> str:
    """Return an 18-character id."""
    from connector.salesforce.literals import id18

    return id18(f"{prefix}8V00000{number:05d}")
