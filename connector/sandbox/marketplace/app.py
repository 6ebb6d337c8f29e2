"""The service as an ASGI application."""

from __future__ import annotations

from connector.sandbox.marketplace.service import MarketplaceCatalog
from connector.sandbox.partner_central.service import request_id
from connector.sandbox.partner_central.signature import Asked
from connector.sandbox.serving import Application, Receive, Scope, Send, answer, fall_silent, read_body


def create_app(service: MarketplaceCatalog) -> Application:
    """Return the application that serves ``service`` over HTTP."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await read_body(receive)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        asked = Asked(scope["method"], scope["path"], scope["query_string"].decode("latin-1"))
        result, error_type = service.handle(asked, headers, body)
        if result.silence is not None:
            await fall_silent(scope, receive, result.silence)
            return
        told = {"content-type": "application/json", "x-amzn-requestid": request_id()}
        if error_type:
            told["x-amzn-errortype"] = error_type
        await answer(send, result.status, result.body, told)

    return app
