"""A proxy in front of Partner Central that remembers every request, and lets a test act while one is under way."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from service_model import violations

Json = dict[str, Any]
Hook = Callable[[str, "Call"], None]
READS = ("Get", "List")
SUBJECTS = (
    "Identifier",
    "OpportunityIdentifier",
    "RelatedOpportunityIdentifier",
    "PartnerOpportunityIdentifier",
)


@dataclass(slots=True)
class Call:
    """One request that left the connector: operation, body, headers, the status it was answered with (0: none), and
    when it came, by the sandbox's clock.
    """

    operation: str
    body: Json
    headers: dict[str, str]
    at: datetime
    status: int = 0

    def concerns(self, subject: str) -> bool:
        """Whether it is about the opportunity or the Salesforce record of that id; empty: any."""
        return not subject or subject in (self.body.get(name) for name in SUBJECTS)


class RecordingProxy:
    """Passes requests on unchanged, so that their signature stays valid.

    Attributes:
        calls: every request, in order.
        hook: called with ``before`` (not passed on yet) and ``after`` (answered, the answer not passed back yet).
        scripted: operation → answers (status, body) that are given instead of Partner Central's, one each.
    """

    def __init__(self, upstream: str, now: Callable[[], datetime]) -> None:
        self.now = now
        self.calls: list[Call] = []
        self.hook: Hook | None = None
        self.scripted: dict[str, list[tuple[int, Json]]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, urlsplit(upstream).netloc))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def named(self, operation: str, subject: str = "") -> list[Call]:
        """Return the calls of one operation; ``subject``: only those about this opportunity or Salesforce record."""
        return [call for call in self.calls if call.operation == operation and call.concerns(subject)]

    def writes(self, subject: str = "") -> list[Call]:
        """Return the calls that change something at AWS."""
        return [call for call in self.calls if not call.operation.startswith(READS) and call.concerns(subject)]

    def forget(self) -> None:
        self.calls.clear()

    def violations(self) -> list[str]:
        """Return what the requests so far have that the service model forbids, patterns and lengths included."""
        return [found for call in list(self.calls) for found in violations(call.operation, call.body)]

    def once(self, stage: str, operation: str, act: Callable[[], Any]) -> None:
        """Let ``act`` happen when the next call of the operation comes to that stage."""

        def hook(reached: str, call: Call) -> None:
            if (reached, call.operation) == (stage, operation):
                self.hook = None
                act()

        self.hook = hook

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()

    def pass_on(self, call: Call, upstream: str, raw: bytes) -> tuple[int, bytes, str]:
        """Return the answer (status, body, content type); status 0 stands for a connection that was cut."""
        if self.hook:
            self.hook("before", call)
        answers = self.scripted.get(call.operation)
        if answers:
            status, body = answers.pop(0)
            answer = (status, json.dumps(body).encode(), "application/x-amz-json-1.0")
        else:
            answer = _forward(upstream, call.headers, raw)
        call.status = answer[0]
        if self.hook:
            self.hook("after", call)
        return answer


def _forward(upstream: str, headers: dict[str, str], raw: bytes) -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection(upstream, timeout=30)
    try:
        connection.request("POST", "/", raw, headers)
        response = connection.getresponse()
        return response.status, response.read(), response.headers.get("Content-Type", "")
    except (http.client.HTTPException, OSError):
        return 0, b"", ""
    finally:
        connection.close()


def _handler(proxy: RecordingProxy, upstream: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            raw = self.rfile.read(length)
            if len(raw) < length:
                self.close_connection = True  # the connector was killed while it sent it: never a request
                return
            operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            call = Call(operation, json.loads(raw or b"{}"), dict(self.headers), proxy.now())
            proxy.calls.append(call)
            status, body, kind = proxy.pass_on(call, upstream, raw)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True  # the connector was killed or gave up waiting

        def log_message(self, *_: Any) -> None:
            """Say nothing: the calls are kept."""

    return Handler
