"""AWS Signature Version 4, verified as the front end of every AWS service verifies it."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, quote

from connector.sandbox.partner_central.errors import FrontDoorError

REGION = "us-east-1"
SERVICE = "partnercentral-selling"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, ?"
    r"SignedHeaders=(?P<signed>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


@lru_cache(maxsize=16)
def _signing_key(secret: str, date: str, service: str) -> bytes:
    key = _hmac(f"AWS4{secret}".encode(), date)
    for part in (REGION, service, "aws4_request"):
        key = _hmac(key, part)
    return key


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request's signature covers besides its headers and body."""

    method: str = "POST"
    path: str = "/"
    query: str = ""

    def canonical(self) -> list[str]:
        """Return method, path and query as they are signed."""
        pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in self.parameters())
        return [self.method, quote(self.path, safe="/-_.~"), "&".join(f"{name}={value}" for name, value in pairs)]

    def parameters(self) -> list[tuple[str, str]]:
        """Return the query's names and values."""
        return parse_qsl(self.query, keep_blank_values=True)


def _canonical_request(headers: Mapping[str, str], signed: str, body: bytes, asked: Asked) -> str:
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed.split(";")]
    return "\n".join([*asked.canonical(), *lines, "", signed, hashlib.sha256(body).hexdigest()])


def named_key(headers: Mapping[str, str]) -> str:
    """Return whose access key the request says it is signed with; empty when it does not say."""
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    return found["key"] if found else ""


def verify(
    headers: Mapping[str, str],
    body: bytes,
    *,
    access_key_id: str,
    secret_access_key: str,
    service: str = SERVICE,
    asked: Asked = Asked(),
) -> None:
    """Check the ``Authorization`` header (header names in lower case).

    Raises:
        FrontDoorError: it is missing or malformed, names another key, region or service, or the signature is wrong.
    """
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not found:
        raise FrontDoorError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    if found["key"] != access_key_id:
        raise FrontDoorError("UnrecognizedClientException", "The security token included in the request is invalid.")
    if (found["region"], found["service"]) != (REGION, service):
        raise FrontDoorError(
            "InvalidSignatureException",
            f"Credential should be scoped to region '{REGION}' and correct service: '{service}'.",
        )
    stamp = headers.get("x-amz-date", "")
    scope = f"{found['date']}/{REGION}/{service}/aws4_request"
    digest = hashlib.sha256(_canonical_request(headers, found["signed"], body, asked).encode()).hexdigest()
    key = _signing_key(secret_access_key, found["date"], service)
    expected = _hmac(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}")
    if not stamp.startswith(found["date"]) or not hmac.compare_digest(expected.hex(), found["signature"]):
        raise FrontDoorError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        )
