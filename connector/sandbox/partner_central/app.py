"""The service as an ASGI application."""

from __future__ import annotations

from connector.sandbox.partner_central.service import PartnerCentral, request_id
from connector.sandbox.serving import Application, Receive, Scope, Send, answer, fall_silent, read_body

CONTENT_TYPE = "application/x-amz-json-1.0"


def create_app(service: PartnerCentral) -> Application:
    """Return the application that serves ``service`` over HTTP."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await read_body(receive)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        result = service.handle(headers, body)
        if result.silence is not None:
            await fall_silent(scope, receive, result.silence)
            return
        await answer(send, result.status, result.body, {"content-type": CONTENT_TYPE, "x-amzn-requestid": request_id()})

    return app
