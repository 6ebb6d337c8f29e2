"""The bucket: moto's S3 on loopback, behind a door that refuses what AWS's bucket policy refuses.

moto takes longer to load than everything else together, so that it is loaded only where somebody asks for the bucket.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from connector.sandbox.exchange.settings import LEAD, OPPORTUNITY, REGION, folders
from connector.sandbox.faults import Fault, Faults
from connector.sandbox.partner_central.settings import Settings
from connector.sandbox.recorder import Recorder
from connector.sandbox.serving import LOOPBACK

SERVER = "s3"
FULL_CONTROL = "bucket-owner-full-control"
WRITABLE = (f"{OPPORTUNITY}-inbound/", f"{LEAD}-inbound/")
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/s3/aws4_request")

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Refusal = tuple[int, str, str]
_READING = frozenset({"GetObject", "HeadObject", "ListObjects", "ListObjectsV2", "HeadBucket", "DeleteObject"})
_CODES = {403: "AccessDenied", 404: "NoSuchKey", 500: "InternalError", 503: "SlowDown"}


class BucketServer:
    """One S3 with one bucket. moto keeps buckets per process, so that each server's has a name of its own.

    A request must be signed with the account's access key for S3 in the bucket's region; the signature itself is not
    computed again. The partner may list and read everything, write to the inbound folders only and with the ACL that
    gives AWS full control, and delete.

    Attributes:
        written: set when a partner has written something.
    """

    def __init__(self, account: Settings, faults: Faults, recorder: Recorder) -> None:
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.name = f"ace-northwind-prod-{uuid.uuid4().hex[:8]}"
        self.endpoint_url = ""
        self.lock = threading.RLock()
        self.written = threading.Event()
        self._backend: Any = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        self._account, self._faults, self._recorder = account, faults, recorder
        self._stopping = threading.Event()
        self._server: Any = None
        self._moto: Any = None

    def start(self) -> None:
        """Serve, and lay the bucket out."""
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server

        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(LOOPBACK, 0, self._serve, threaded=True, request_handler=MotoRequestHandler)
        self._server.daemon_threads = True
        self.endpoint_url = f"http://{LOOPBACK}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, name="sandbox-s3", daemon=True).start()
        self._create()

    def stop(self) -> None:
        """Stop serving; the bucket is gone."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        with self.lock:
            self._delete()

    def _create(self) -> None:
        with self.lock:
            self._backend.create_bucket(self.name, REGION)
            for folder in folders():
                self._backend.put_object(self.name, f"{folder}/", b"")

    def _delete(self) -> None:
        for key in self.keys():
            self._backend.delete_object(self.name, key)
        self._backend.delete_bucket(self.name)

    def empty(self) -> None:
        """Forget all objects."""
        with self.lock:
            self._delete()
            self._create()

    def keys(self, folder: str = "") -> list[str]:
        """Return the keys of a folder's files, oldest first; without a folder, every key of the bucket."""
        with self.lock:
            found = [key for key in self._backend.get_bucket(self.name).keys.values() if key.name.startswith(folder)]
        found = [key for key in found if not folder or not key.name.endswith("/")]
        return [key.name for key in sorted(found, key=lambda key: (key.last_modified, key.name))]

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        with self.lock:
            return bytes(self._backend.get_object(self.name, key).value)

    def write(self, key: str, value: bytes) -> None:
        """Put an object as the bucket's owner."""
        with self.lock:
            self._backend.put_object(self.name, key, value)

    def move(self, key: str, target: str) -> None:
        """Move an object as the bucket's owner."""
        with self.lock:
            self.write(target, self.read(key))
            self._backend.delete_object(self.name, key)

    def _serve(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        operation, key = self._operation(environ)
        self._recorder.count(SERVER, operation)
        refusal = self._refuse_caller(environ) or _refuse_write(environ, operation, key)
        fault = None if refusal else self._faults.take(SERVER, operation)
        if fault and fault.kind == "status":
            refusal = (fault.status, _CODES.get(fault.status, "InternalError"), "A fault that was asked for.")
        if refusal:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return _answer_refusal(refusal, start_response)
        if fault and fault.kind == "timeout_before":
            return self._fall_silent(environ, fault)
        with self.lock:  # moto's dictionaries know no threads
            answer = list(self._moto(environ, start_response))
        if operation not in _READING:
            self.written.set()
        return self._fall_silent(environ, fault) if fault else answer

    def _operation(self, environ: Environ) -> tuple[str, str]:
        """Return the S3 operation's name, as the clients spell it, and the key."""
        method = environ["REQUEST_METHOD"]
        path = environ["PATH_INFO"].encode("latin-1").decode("utf8", "replace")  # as WSGI carries it
        key = path.removeprefix(f"/{self.name}").removeprefix("/")
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        if "acl" in query or "tagging" in query or "policy" in query:
            what = next(name for name in ("acl", "tagging", "policy") if name in query).capitalize()
            return f"{method.capitalize()}{'Object' if key else 'Bucket'}{what}", key
        if method == "POST":
            multipart = "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload"
            return "DeleteObjects" if "delete" in query else multipart, key
        if method == "GET" and not key:
            return "ListObjectsV2" if "list-type" in query else "ListObjects", key
        if method == "PUT" and "HTTP_X_AMZ_COPY_SOURCE" in environ:
            return "CopyObject", key
        return f"{method.capitalize()}{'Object' if key else 'Bucket'}", key

    def _refuse_caller(self, environ: Environ) -> Refusal | None:
        signed = _SIGNED.match(environ.get("HTTP_AUTHORIZATION", ""))
        if not signed:
            return 403, "AccessDenied", "Access Denied"
        if signed.group(1) != self._account.access_key_id:
            return 403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
        if signed.group(2) != REGION:
            message = f"The authorization header is malformed; the region '{signed.group(2)}' is wrong; "
            return 400, "AuthorizationHeaderMalformed", f"{message}expecting '{REGION}'"
        return None

    def _fall_silent(self, environ: Environ, fault: Fault) -> Iterable[bytes]:
        self._stopping.wait(fault.silence)
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError  # which the server takes for a client that has gone


def _refuse_write(environ: Environ, operation: str, key: str) -> Refusal | None:
    """Refuse what the policy of AWS's bucket does not allow a partner: AWS gives the same bare answer for all of it."""
    writes = operation in ("PutObject", "CopyObject", "CreateMultipartUpload")
    misplaced = not key.startswith(WRITABLE) or environ.get("HTTP_X_AMZ_ACL") != FULL_CONTROL
    forbidden = operation.startswith(("PutBucket", "PutObjectAcl", "PutObjectTagging", "DeleteBucket"))
    return (403, "AccessDenied", "Access Denied") if forbidden or (writes and misplaced) else None


def _answer_refusal(refusal: Refusal, start_response: StartResponse) -> list[bytes]:
    status, code, message = refusal
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    start_response(f"{status} {code}", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body.encode()]
