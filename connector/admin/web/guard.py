"""What every request passes before a page sees it: address, origin, size and login; and what every answer carries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from connector.admin.web.access import Access
from connector.admin.web.rendering import render
from connector.admin.web.site import Site

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MOST_BYTES = 2_000_000
"""The largest request: a mapping's file has a few hundred kilobytes at most."""
_OPEN_TO_ALL = ("/login", "/static/")
_VIEWERS_MAY_POST = ("/logout", "/preview/inbound", "/login")
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    # With "no-referrer" browsers would send forms with the origin "null", which is refused.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """ASGI middleware around the pages."""

    def __init__(self, app: App, access: Access, site: Site) -> None:
        self._app, self._access, self._site = app, access, site

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        refusal = self._refused(request) or self._unknown(request)
        headed = _with_headers(send, secure=self._site.secure)
        await (refusal or self._app)(scope, receive, headed)

    def _refused(self, request: Request) -> Response | None:
        """Return why the request is none of a browser's that was led here on purpose."""
        if request.headers.get("host", "").lower() not in self._site.hosts:
            return _refusal(421, "This address does not belong to the pages. Open the one that the command printed.")
        if request.method not in {"GET", "POST"}:
            return _refusal(405, "The pages are read with GET and changed with POST.")
        if request.method == "GET":
            return None
        if request.headers.get("origin", "") not in self._site.origins:
            return _refusal(403, "The form was not sent from these pages. Nothing was changed.")
        length = request.headers.get("content-length", "")
        if not length.isdigit():
            return _refusal(411, "The request does not say how long it is. Nothing was changed.")
        if int(length) > MOST_BYTES:
            return _refusal(413, f"More than {MOST_BYTES // 1_000_000} MB were sent. Nothing was changed.")
        return None

    def _unknown(self, request: Request) -> Response | None:
        """Return the login where there is no session, and a refusal where it may not do this."""
        session = self._access.session(request.cookies.get(self._site.cookie, ""))
        request.state.session = session
        path = request.url.path
        if path.startswith(_OPEN_TO_ALL):
            return None
        if session is None:
            words = "Log in to see the pages."
            if request.method == "POST":
                words = "You are not logged in any more, so that nothing was changed. Log in, go back, and send again."
            return login_page(self._access, words, status=401, to=_asked(request))
        if request.method == "POST" and not session.can_edit and path not in _VIEWERS_MAY_POST:
            return _refusal(403, "You may look, but change nothing: you came in with the viewers' password.")
        return None


def login_page(access: Access, words: str, *, status: int, to: str = "/") -> HTMLResponse:
    """Return the login, which leads to a page afterwards."""
    return HTMLResponse(render("login.html", by_link=access.by_link, words=words, to=to), status)


def safe_path(text: str) -> str:
    """Return a path of these pages, the first page's for anything else: no login leads elsewhere."""
    harmless = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if harmless and "\\" not in text else "/"


def _asked(request: Request) -> str:
    if request.method != "GET":
        return "/"
    return safe_path(request.url.path + (f"?{request.url.query}" if request.url.query else ""))


def _refusal(status: int, words: str) -> HTMLResponse:
    return HTMLResponse(render("refused.html", words=words), status)


def _with_headers(send: Send, *, secure: bool) -> Send:
    added = {**_HEADERS, "strict-transport-security": "max-age=31536000"} if secure else _HEADERS
    pairs = [(name.encode(), value.encode()) for name, value in added.items()]

    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *pairs]
        await send(message)

    return headed
