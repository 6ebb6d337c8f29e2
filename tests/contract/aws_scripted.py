"""A service of AWS on loopback that answers by script, and judges every request it gets; by default Partner Central.

It checks the signature by its own computation, and the members against the service model with patterns, enumerations
and lengths, which botocore's client leaves to the service.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import botocore.session
from botocore.model import ServiceModel, Shape

KEY = "AKIASCRIPTED00000001"
SECRET = "scripted-secret-0123456789"
MODEL = botocore.session.get_session().get_service_model("partnercentral-selling")
BEYOND_MODEL = {"PaymentFrequency": {"None"}, "PrimaryNeedFromAws": {"Do Not Need Support from AWS Sales Rep"}}


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    operation: str
    headers: Mapping[str, str]
    body: bytes
    path: str = "/"

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


@dataclass
class Answer:
    """One answer of the script; ``hang`` never answers, ``drop`` closes the connection instead."""

    status: int = 200
    body: Any = field(default_factory=dict)
    raw: bytes | None = None
    kind: str = "answer"

    def encode(self) -> bytes:
        return self.raw if self.raw is not None else json.dumps(self.body).encode()


HANG = Answer(kind="hang")
DROP = Answer(kind="drop")


def refusal(code: str, message: str = "", *, status: int = 400, **members: Any) -> Answer:
    """Return an error answer as the service words it: everything at the top level."""
    return Answer(status, {"__type": f"com.amazonaws.partnercentral#{code}", "Message": message, **members})


class Server:
    """The script, what was asked, and what was wrong with it."""

    model = MODEL

    def __init__(self) -> None:
        self.script: list[Answer] = []
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.released = threading.Event()
        self.url = ""

    def will(self, *answers: Answer | dict[str, Any]) -> Server:
        self.script.extend(answer if isinstance(answer, Answer) else Answer(body=answer) for answer in answers)
        return self

    def take(self, request: Request) -> Answer:
        self.requests.append(request)
        self.violations += [*signature_violations(request), *model_violations(request, self.model)]
        return self.script.pop(0) if self.script else refusal("InternalServerException", "script ended", status=500)

    def operation(self, path: str, target: str) -> str:
        """Return which operation is asked for: of services of the JSON protocol by a header, of others by the path."""
        return target.rpartition(".")[2] if self.model.metadata["protocol"] == "json" else path.strip("/")

    @property
    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]


_Served = TypeVar("_Served", bound=Server)


@contextmanager
def serve() -> Iterator[Server]:
    """Run a server of Partner Central on a free loopback port."""
    with serving(Server()) as server:
        yield server


@contextmanager
def serving(server: _Served) -> Iterator[_Served]:
    """Run the server on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = server.operation(self.path, self.headers.get("X-Amz-Target", ""))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = server.take(Request(operation, headers, body, self.path))
            if answer.kind == "hang":
                server.released.wait(30)
            if answer.kind != "answer":
                self.close_connection = True
                return
            data = answer.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        thread.join()
        http.server_close()


def signature_violations(request: Request) -> Iterator[str]:
    """Compute the signature from what arrived, by the published recipe."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
        r"SignedHeaders=([^,]+), Signature=(\w+)",
        request.headers.get("authorization", ""),
    )
    if not found:
        yield f"{request.operation}: not signed"
        return
    _, day, region, service, names, signature = found.groups()
    headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in names.split(";"))
    digest = hashlib.sha256(request.body).hexdigest()
    canonical = hashlib.sha256(f"POST\n{request.path}\n\n{headers}\n{names}\n{digest}".encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{day}/{region}/{service}/aws4_request\n{canonical}"
    key = f"AWS4{SECRET}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if hmac.new(key, text.encode(), hashlib.sha256).hexdigest() != signature:
        yield f"{request.operation}: the signature does not fit the request"


def model_violations(request: Request, model: ServiceModel = MODEL) -> Iterator[str]:
    """Compare the request with the service model, whole."""
    shape = model.operation_model(request.operation).input_shape
    yield from _violations(request.json, shape, request.operation)


def _violations(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if value is None:
        if not path.endswith("Project.ExpectedContractDuration"):
            yield f"{path}: null"
        return
    match shape.type_name:
        case "structure":
            yield from (f"{path}: lacks {name}" for name in shape.required_members if name not in value)
            for name, member in value.items():
                if name not in shape.members:
                    yield f"{path}.{name}: unknown"
                else:
                    yield from _violations(member, shape.members[name], f"{path}.{name}")
        case "list":
            yield from _length_violations(value, shape, path)
            for element in value:
                yield from _violations(element, shape.member, f"{path}[]")
        case "string":
            yield from _text_violations(value, shape, path)
        case "timestamp":
            if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", str(value)):
                yield f"{path}: {value!r} is no timestamp"


def _text_violations(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path}: {value!r} is no text"
        return
    pattern = shape.metadata.get("pattern")
    if pattern and r"\p{" not in pattern and not re.fullmatch(pattern, value):
        yield f"{path}: {value!r} does not match {pattern}"
    if shape.enum and value not in {*shape.enum, *BEYOND_MODEL.get(shape.name, set())}:
        yield f"{path}: {value!r} is none of the values"
    yield from _length_violations(value, shape, path)


def _length_violations(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if not shape.metadata.get("min", 0) <= len(value) <= shape.metadata.get("max", 10**9):
        yield f"{path}: length {len(value)}"


class FakeTime:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.start = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.seconds += seconds


OPPORTUNITY = {
    "Catalog": "Sandbox",
    "Id": "O1234567",
    "LastModifiedDate": "2026-01-02T03:04:05.123456Z",
    "CreatedDate": "2026-01-02T03:04:05Z",
    "RelatedEntityIdentifiers": {},
}


def creation(**members: Any) -> dict[str, Any]:
    """Return a CreateOpportunity request that the service model accepts."""
    return {
        "Catalog": "Sandbox",
        "ClientToken": "4c5b3e2e-token",
        "PartnerOpportunityIdentifier": "006000000000001AAA",
        "PrimaryNeedsFromAws": ["Co-Sell - Architectural Validation"],
        "Customer": {
            "Account": {
                "CompanyName": "Brook & Sons",
                "Industry": "Agriculture",
                "WebsiteUrl": "https://brook.example",
                "Address": {"CountryCode": "US", "StateOrRegion": "Ohio", "PostalCode": "43004"},
            },
            "Contacts": [{"Email": "mara.brook@brook.example", "FirstName": "Mara", "LastName": "Brook"}],
        },
        "Project": {
            "Title": "Grain forecasting",
            "CustomerBusinessProblem": "Forecasts of the harvest take too long.",
            "ExpectedCustomerSpend": [
                {"Amount": "1200.50", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}
            ],
        },
        "LifeCycle": {"Stage": "Qualified", "TargetCloseDate": "2027-06-30"},
        **members,
    }


def update(**members: Any) -> dict[str, Any]:
    """Return an UpdateOpportunity request that the service model accepts."""
    request = creation(**{"Identifier": "O1234567", "LastModifiedDate": "2026-01-02T03:04:05.123456Z", **members})
    del request["ClientToken"]
    return request
