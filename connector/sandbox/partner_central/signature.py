"""AWS Signature Version 4, verified as the front end of every AWS service verifies it."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import lru_cache

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
def _signing_key(secret: str, date: str) -> bytes:
    key = _hmac(f"AWS4{secret}".encode(), date)
    for part in (REGION, SERVICE, "aws4_request"):
        key = _hmac(key, part)
    return key


def _canonical_request(headers: Mapping[str, str], signed: str, body: bytes) -> str:
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed.split(";")]
    return "\n".join(["POST", "/", "", *lines, "", signed, hashlib.sha256(body).hexdigest()])


def verify(headers: Mapping[str, str], body: bytes, *, access_key_id: str, secret_access_key: str) -> None:
    """Check the ``Authorization`` header (header names in lower case).

    Raises:
        FrontDoorError: it is missing or malformed, names another key, region or service, or the signature is wrong.
    """
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not found:
        raise FrontDoorError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    if found["key"] != access_key_id:
        raise FrontDoorError("UnrecognizedClientException", "The security token included in the request is invalid.")
    if (found["region"], found["service"]) != (REGION, SERVICE):
        raise FrontDoorError(
            "InvalidSignatureException",
            f"Credential should be scoped to region '{REGION}' and correct service: '{SERVICE}'.",
        )
    stamp = headers.get("x-amz-date", "")
    scope = f"{found['date']}/{REGION}/{SERVICE}/aws4_request"
    digest = hashlib.sha256(_canonical_request(headers, found["signed"], body).encode()).hexdigest()
    expected = _hmac(_signing_key(secret_access_key, found["date"]), f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}")
    if not stamp.startswith(found["date"]) or not hmac.compare_digest(expected.hex(), found["signature"]):
        raise FrontDoorError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        )
