"""Upserts that race: requests under way at the same time cannot see each other's rows, only their unique keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.routes import find
from connector.sandbox.salesforce.schema import Field, SObject
from connector.sandbox.salesforce.wire import DATA_PATH, Claim, Request

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

OVERLAP = 0.002
"""Seconds for which an upsert that is about to create rows waits for others that set out at the same time."""


def missing_keys(org: Org, request: Request) -> frozenset[Claim]:
    """Return the external ids of an upsert that no row carries as the request arrives; empty for other requests."""
    path = DATA_PATH.fullmatch(request.target)
    if path is None or request.method not in {"PATCH", "POST"}:
        return frozenset()
    try:
        route, parts = find(request.method, path[2] or "")
        if route.operation == "composite":
            return frozenset(claim for part in _parts(request) for claim in missing_keys(org, part))
        if route.operation not in {"row_upsert", "collections_upsert"}:
            return frozenset()
        sobject = org.schema.get(parts[0])
        key = sobject.field(parts[1]) if sobject else None
        if sobject is None or key is None or not key.external_id:
            return frozenset()
        texts = [unquote(parts[2])] if route.operation == "row_upsert" else _texts(request, key)
    except ApiError:
        return frozenset()  # the request itself will say what is wrong with it
    return frozenset(_missing(org, sobject, key, texts))


def _parts(request: Request) -> Iterator[Request]:
    """Yield the subrequests of a composite request, as far as they are well formed and known before it runs."""
    parts = request.fields.get("compositeRequest")
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict):
            url = urlsplit(str(part.get("url", "")))
            yield Request(str(part.get("method", "GET")).upper(), url.path, url.query, parsed=part.get("body", {}))


def _texts(request: Request, key: Field) -> list[str]:
    rows = request.fields.get("records")
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [str(value) for row in found for name, value in row.items() if name.lower() == key.name.lower() and value]


def _missing(org: Org, sobject: SObject, key: Field, texts: Iterable[str]) -> Iterable[Claim]:
    with org.lock:
        return [Claim.of(sobject, key, text) for text in texts if not org.storage.ids(sobject, key.name, text.strip())]
