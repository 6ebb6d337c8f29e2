"""How the sandbox's applications are served: uvicorn on loopback, each server in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = "127.0.0.1"


class _HangUpProtocol(H11Protocol):
    """HTTP/1.1 that lets an application cut the connection: the transport is in the scope's ``state``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


async def fall_silent(scope: Scope, receive: Receive, seconds: float) -> None:
    """Say nothing until the client gives up, then cut the connection, after that many seconds at the latest."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(_departure(receive), seconds)
    scope["state"]["transport"].abort()
    await asyncio.sleep(0.01)  # lets the loss of the connection reach the server before the application returns


async def _departure(receive: Receive) -> None:
    """Wait until the client has closed the connection. The request's body has been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def read_body(receive: Receive) -> bytes:
    """Return the whole request body."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def answer(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    """Send one complete answer."""
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def answer_json(send: Send, status: int, value: object) -> None:
    """Send one JSON answer."""
    await answer(send, status, json.dumps(value).encode(), {"content-type": "application/json"})


class HttpServer:
    """One ASGI application on one loopback port."""

    def __init__(self, app: Application, port: int = 0) -> None:
        # Naming the protocol makes asyncio send small answers at once (TCP_NODELAY).
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((LOOPBACK, port))
        config = uvicorn.Config(
            app,
            http=_HangUpProtocol,
            ws="none",
            lifespan="off",
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,  # uvicorn's 5 seconds race with clients that poll every 5 seconds
            date_header=False,  # an application whose clients read the time sends its own, from the sandbox's clock
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name=f"sandbox-{self.port}", daemon=True)

    @property
    def port(self) -> int:
        """The port that was given or found."""
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """The server's base address."""
        return f"http://{LOOPBACK}:{self.port}"

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def start(self) -> None:
        """Serve in a thread. Connections are accepted from this moment."""
        self._socket.listen(128)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and wait for the thread."""
        self._server.should_exit = True
        self._server.force_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._socket.close()
