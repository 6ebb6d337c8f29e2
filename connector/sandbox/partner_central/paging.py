"""Pages of lists: tokens that belong to one query, and pages that come shorter than they could be."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from connector.sandbox.partner_central.errors import FieldError, ValidationError
from connector.sandbox.partner_central.records import Fields


def _fingerprint(request: Fields) -> str:
    query = {name: value for name, value in request.items() if name not in ("NextToken", "MaxResults")}
    return hashlib.sha256(json.dumps(query, sort_keys=True).encode()).hexdigest()[:16]


def make_token(request: Fields, position: Any) -> str:
    """Return the token that continues this query after ``position`` (any JSON value)."""
    return base64.urlsafe_b64encode(json.dumps([_fingerprint(request), position]).encode()).decode()


def read_token(request: Fields) -> Any:
    """Return the position in the request's token, or None on the first page.

    Raises:
        ValidationError: the token is malformed or was given for another query.
    """
    token = request.get("NextToken")
    if not token:
        return None
    try:
        fingerprint, position = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):  # the text is no token, or one of something else
        fingerprint, position = "", None
    if fingerprint != _fingerprint(request):
        error = FieldError("INVALID_VALUE", "nextToken", "NextToken is invalid for this request.")
        raise ValidationError([error], "REQUEST_VALIDATION_FAILED")
    return position


def page_size(request: Fields, default: int) -> int:
    """Return how many items this page has at most. After the first page, about every
    other one is a third shorter than was asked for."""
    size: int = request.get("MaxResults") or default
    token = request.get("NextToken") or ""
    comes_short = bool(token) and hashlib.sha256(token.encode()).digest()[0] % 2
    return max(1, size * 2 // 3) if comes_short else size


def page_of(name: str, items: list[Fields], request: Fields, default: int) -> Fields:
    """Return one page of a list that is made anew for each page, under the answer's member ``name``."""
    start: int = read_token(request) or 0
    end = start + page_size(request, default)
    token = make_token(request, end) if end < len(items) else None
    return {name: items[start:end], "NextToken": token}
