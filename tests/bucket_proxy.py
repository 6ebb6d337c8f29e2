"""A proxy in front of the ACE bucket that remembers every request, and lets a test act while one is under way."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]
Hook = Callable[[str, "BucketCall"], None]
_FOR_ONE_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


@dataclass(slots=True)
class BucketCall:
    """One request that left the connector for S3, and the status it was answered with (0: none)."""

    method: str
    bucket: str
    key: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    status: int = 0

    @property
    def operation(self) -> str:
        """Return what is done: ``List`` or the method with the object, as in ``PutObject``."""
        return "List" if self.method == "GET" and not self.key else f"{self.method.capitalize()}Object"

    @property
    def prefix(self) -> str:
        """Return the folder that is listed."""
        return self.query.get("prefix", [""])[0]

    @property
    def acl(self) -> str:
        return self.headers.get("x-amz-acl", "")

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body)
        return found


class BucketProxy:
    """Passes requests on to S3 unchanged.

    Attributes:
        calls: every request, in order.
        hook: called with ``before`` (not passed on yet) and ``after`` (answered, the answer not passed back yet).
        refusals: (operation, part of the key or of the prefix) → answers (status, code, message) instead of S3's, one
            for each time.
    """

    def __init__(self, upstream: str) -> None:
        self.calls: list[BucketCall] = []
        self.hook: Hook | None = None
        self.refusals: list[tuple[str, str, tuple[int, str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, urlsplit(upstream).netloc))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def named(self, operation: str, prefix: str = "") -> list[BucketCall]:
        """Return the calls of an operation; ``prefix``: those whose key or listed folder begins so."""
        return [one for one in self.calls if one.operation == operation and (one.key or one.prefix).startswith(prefix)]

    def puts(self, prefix: str = "") -> list[BucketCall]:
        """Return the uploads that S3 took."""
        return [one for one in self.named("PutObject", prefix) if one.status == 200]

    def lists(self, prefix: str = "") -> list[BucketCall]:
        return self.named("List", prefix)

    def forget(self) -> None:
        self.calls.clear()

    def refuse(self, operation: str, part: str, status: int, code: str, message: str, *, times: int = 1) -> None:
        """Let the next requests be refused as S3 refuses them."""
        self.refusals += [(operation, part, (status, code, message))] * times

    def once(self, stage: str, operation: str, act: Callable[[], Any], *, times: int = 1) -> None:
        """Let ``act`` happen when the ``times``-th call of the operation from now on comes to that stage."""
        left = times

        def hook(reached: str, call: BucketCall) -> None:
            nonlocal left
            if (reached, call.operation) == (stage, operation):
                left -= 1
                if not left:
                    self.hook = None
                    act()

        self.hook = hook

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()

    def answer(self, call: BucketCall, upstream: str, target: str) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return status, headers and body; status 0 stands for a connection that was cut."""
        if self.hook:
            self.hook("before", call)
        refusal = self._refusal(call)
        found = _refused(*refusal) if refusal else _forward(upstream, call, target)
        call.status = found[0]
        if self.hook:
            self.hook("after", call)
        return found

    def _refusal(self, call: BucketCall) -> tuple[int, str, str] | None:
        for one in self.refusals:
            if one[0] == call.operation and one[1] in (call.key or call.prefix):
                self.refusals.remove(one)
                return one[2]
        return None


def _refused(status: int, code: str, message: str) -> tuple[int, list[tuple[str, str]], bytes]:
    text = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>R1</RequestId></Error>"
    return status, [("Content-Type", "application/xml")], f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _forward(upstream: str, call: BucketCall, target: str) -> tuple[int, list[tuple[str, str]], bytes]:
    connection = http.client.HTTPConnection(upstream, timeout=60)
    try:
        headers = {name: text for name, text in call.headers.items() if name != "expect"}
        connection.request(call.method, target, call.body, headers)
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()
    except (http.client.HTTPException, OSError):
        return 0, [], b""
    finally:
        connection.close()


def _handler(proxy: BucketProxy, upstream: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            path, _, query = self.path.partition("?")
            bucket, _, key = unquote(path).lstrip("/").partition("/")
            headers = {name.lower(): text for name, text in self.headers.items()}
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True  # the connector was killed while it sent it: never a request
                return
            parts = parse_qs(query, keep_blank_values=True)
            call = BucketCall(self.command, bucket, key, parts, headers, body)
            proxy.calls.append(call)
            status, given, answer = proxy.answer(call, upstream, self.path)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            for name, text in given:
                if name.lower() not in _FOR_ONE_HOP:
                    self.send_header(name, text)
            length = dict(given).get("Content-Length", "0") if self.command == "HEAD" else str(len(answer))
            self.send_header("Content-Length", length)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = _pass  # noqa: N815 - names of the library

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True  # the connector was killed or gave up waiting

        def log_message(self, *_: Any) -> None:
            """Say nothing: the calls are kept."""

    return Handler
