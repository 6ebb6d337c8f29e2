"""The catalogs of two AWS Marketplace seller accounts over HTTP, as far as listing and describing go."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from service_model import violations

Json = dict[str, Any]
ISV, PARTNER = "111122223333", "444455556666"
LONGEST_PAGE, USUAL_PAGE = 50, 20
_CREDENTIAL = re.compile(r"Credential=AKIA(\d{12})/")


class Market:
    """What the accounts have.

    Attributes:
        own, shared: by account, entities by id as BatchDescribeEntities returns them.
        denied: accounts whose credentials AWS refuses.
        calls: account and operation of each request.
        violations: what requests had that the service model forbids.
    """

    def __init__(self) -> None:
        self.own: dict[str, dict[str, Json]] = {ISV: {}, PARTNER: {}}
        self.shared: dict[str, dict[str, Json]] = {ISV: {}, PARTNER: {}}
        self.denied: set[str] = set()
        self.calls: list[tuple[str, str]] = []
        self.violations: list[str] = []
        self.url = ""

    def clear(self) -> None:
        """Let nobody have anything."""
        for account in (ISV, PARTNER):
            self.own[account], self.shared[account] = {}, {}
        self.denied.clear()
        self.calls.clear()

    def variables(self) -> dict[str, str]:
        """Return the configuration of both accounts, as variables of the environment."""
        accounts = [
            {
                "account": one,
                "endpoint_url": self.url,
                "access_key_id": f"env:KEY_{one}",
                "secret_access_key": "env:SELLERS_SECRET",
            }
            for one in (ISV, PARTNER)
        ]
        keys = {f"KEY_{one}": f"AKIA{one}" for one in (ISV, PARTNER)}
        return {"CONNECTOR__AWS__SELLERS": json.dumps(accounts), "SELLERS_SECRET": "secret", **keys}

    def answer(self, account: str, operation: str, body: Json) -> tuple[int, Json]:
        """Return status and body."""
        self.calls.append((account, operation))
        self.violations += violations(operation, body, service="marketplace-catalog")
        if account in self.denied:
            return 403, {"Message": "not authorized", "__type": "AccessDeniedException"}
        if operation == "ListEntities":
            return 200, self._page(account, body)
        return 200, self._described(account, [one["EntityId"] for one in body["EntityRequestList"]])

    def _page(self, account: str, body: Json) -> Json:
        table = self.shared if body.get("OwnershipType") == "SHARED" else self.own
        ids = [one for one, entity in table[account].items() if _kind(entity) == body["EntityType"]]
        start, size = int(body.get("NextToken", 0)), body.get("MaxResults", USUAL_PAGE)
        assert 1 <= size <= LONGEST_PAGE
        page = [{"EntityId": one, "EntityType": body["EntityType"]} for one in ids[start : start + size]]
        more = {"NextToken": str(start + size)} if start + size < len(ids) else {}
        return {"EntitySummaryList": page, **more}

    def _described(self, account: str, ids: list[str]) -> Json:
        assert 1 <= len(ids) <= 20
        visible = self.own[account] | self.shared[account]
        missing = {"ErrorCode": "ResourceNotFoundException", "ErrorMessage": "There is no such entity."}
        return {
            "EntityDetails": {
                one: {"EntityIdentifier": f"{one}@3", **visible[one]} for one in ids if one in visible
            },
            "Errors": {one: missing for one in ids if one not in visible},
        }  # fmt: skip


def _kind(entity: Json) -> str:
    return str(entity["EntityType"]).partition("@")[0]


@contextmanager
def open_market() -> Iterator[Market]:
    """Serve the catalogs on a free port of the loopback."""
    market = Market()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = _CREDENTIAL.search(self.headers["Authorization"])
            assert found, "unsigned"
            status, answer = market.answer(found[1], self.path.strip("/"), body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if "__type" in answer:
                self.send_header("X-Amzn-ErrorType", str(answer["__type"]))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    market.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield market
        assert market.violations == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
