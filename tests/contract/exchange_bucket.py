"""An ACE bucket on loopback: moto's S3 over real HTTP, with a record of every request and faults by script.

Signatures are judged by a computation of its own, since moto accepts any.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import itertools
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

KEY = "AKIABUCKETEXAMPLE001"
SECRET = "secret-of-the-bucket-0123456789"
KEYS = {"access_key_id": KEY, "secret_access_key": SECRET}
REGION = "us-west-2"
MOST_POURED = 1000
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Fault:
    """What happens instead of an answer: an error, silence before or after the request took effect, or no end."""

    status: int = 0
    code: str = ""
    members: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "answer"

    @property
    def xml(self) -> bytes:
        inside = "".join(f"<{name}>{value}</{name}>" for name, value in {"Code": self.code, **self.members}.items())
        return f'<?xml version="1.0" encoding="UTF-8"?><Error>{inside}</Error>'.encode()


LOST_AFTER = Fault(kind="lost after")
LOST_BEFORE = Fault(kind="lost before")
PASSES = Fault(kind="passes")
ENDLESS = Fault(kind="endless")


class Bucket:
    """A bucket and its server."""

    def __init__(self) -> None:
        self.url = ""
        self.released = threading.Event()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._store: Any = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        self.begin()

    def begin(self) -> None:
        """Be another bucket, an empty one, of which nothing was asked yet."""
        self.name = f"ace-example-{next(_numbers)}"
        self.script: list[Fault] = []
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.served = 0
        # Whoever waits for the release of an earlier test's fault, is let go.
        self.released.set()
        self.released = threading.Event()
        self._store.create_bucket(self.name, REGION)

    def will(self, *faults: Fault) -> None:
        self.script.extend(faults)

    def put(self, key: str, content: bytes = b"{}") -> None:
        """Have a file, as AWS writes it."""
        self._store.put_object(self.name, key, content)

    def content(self, key: str) -> bytes:
        value: bytes = self._store.get_object(self.name, key).value
        return value

    @property
    def keys(self) -> list[str]:
        return sorted(self._store.get_bucket(self.name).keys)

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    def encryption(self, key: str) -> str:
        """Return how a file is encrypted, empty where it is not."""
        return str(self._store.get_object(self.name, key).encryption or "")

    def encrypt(self, key_id: str) -> None:
        """Have what is written encrypted by a KMS key."""
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_id}}
        self._store.put_bucket_encryption(self.name, {"Rule": rule})

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        request = _request(environ, body)
        self.requests.append(request)
        self.violations += signature_violations(request)
        fault, released = self.script.pop(0) if self.script else None, self.released
        if fault in (None, PASSES):
            return self._moto(environ, start)
        if fault.kind == "endless":
            return self._pour(start, released)
        if fault.kind == "lost after":
            b"".join(self._moto(environ, lambda *_, **__: None))
        if fault.kind != "answer":
            released.wait(30)
        start(f"{fault.status or 500} fault", [("Content-Type", "application/xml"), *fault.headers.items()])
        return [fault.xml]

    def _pour(self, start: Callable[..., Any], released: threading.Event) -> Iterator[bytes]:
        """Never say where the end is; whoever takes all of it has taken far too much."""
        start("200 OK", [("Content-Type", "application/json")])
        while not released.is_set() and self.served < MOST_POURED:
            self.served += 1
            yield b"x" * 65_536


def _request(environ: Mapping[str, Any], body: bytes) -> Request:
    headers = {name[5:].replace("_", "-").lower(): text for name, text in environ.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if name in environ:
            headers[name.replace("_", "-").lower()] = environ[name]
    return Request(
        environ["REQUEST_METHOD"], environ["RAW_URI"].partition("?")[0], environ["QUERY_STRING"], headers, body
    )


def signature_violations(request: Request, *, secret: str = SECRET) -> Iterator[str]:
    """Compute the signature from what arrived, by the published recipe for S3: the path is not encoded twice."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
        r"SignedHeaders=([^,]+), Signature=(\w+)",
        request.headers.get("authorization", ""),
    )
    if not found:
        yield f"{request.method}: not signed"
        return
    _, day, region, service, names, signature = found.groups()
    digest = hashlib.sha256(request.body).hexdigest()
    if request.headers.get("x-amz-content-sha256") != digest:
        yield f"{request.method}: the body is not part of the signature"
    query = sorted((quote(name, safe="-_.~"), quote(text, safe="-_.~")) for name, text in _parts(request.query))
    canonical = "\n".join(
        [
            request.method,
            request.path,
            "&".join(f"{name}={text}" for name, text in query),
            *(f"{name}:{' '.join(request.headers[name].split())}" for name in names.split(";")),
            "",
            names,
            digest,
        ]
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    text = (
        f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    )
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if hmac.new(key, text.encode(), hashlib.sha256).hexdigest() != signature:
        yield f"{request.method}: the signature does not fit the request"


def _parts(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


@contextmanager
def serve() -> Iterator[Bucket]:
    """Run the bucket's server on a free loopback port."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    bucket = Bucket()
    http = make_server("127.0.0.1", 0, bucket, threaded=True)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    bucket.url = f"http://127.0.0.1:{http.server_port}"
    try:
        yield bucket
    finally:
        bucket.released.set()
        http.shutdown()
        thread.join()
        http.server_close()
