"""Requests and answers, free of any server framework, so that composite can nest them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl

from connector.sandbox.salesforce.faults import ApiError

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org
    from connector.sandbox.salesforce.records import Writer
    from connector.sandbox.salesforce.schema import Field, SObject

Json = dict[str, Any]
EMPTY = object()
"""No body at all, as with 204; None would be JSON's null."""


DATA_PATH = re.compile(r"/services/data/v(\d{1,3}\.0)(?:/(.*))?", re.IGNORECASE)


class Claim(NamedTuple):
    """The external id of a row that an upsert sets out to create."""

    sobject: str
    key: str
    text: str

    @classmethod
    def of(cls, sobject: SObject, key: Field, text: str) -> Claim:
        return cls(sobject.name, key.name, text.strip().casefold())


@dataclass(frozen=True)
class Request:
    """One HTTP request. ``target`` is the raw path, still percent-encoded; header names are in lower case.

    ``claims`` are the keys of an upsert that nobody had when the request arrived.
    """

    method: str
    target: str
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    parsed: Any = EMPTY
    claims: frozenset[Claim] = frozenset()

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters of the query string, the last one of a name; keys in lower case."""
        return {
            name.lower(): values[-1] for name, values in parse_qs(self.query_string, keep_blank_values=True).items()
        }

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of a form, from the body or, failing that, from the query string."""
        return dict(parse_qsl(self.body.decode("utf8", "replace"), keep_blank_values=True)) or dict(
            parse_qsl(self.query_string)
        )

    @cached_property
    def json(self) -> Any:
        """The JSON body. Raises ApiError ``JSON_PARSER_ERROR``."""
        if self.parsed is not EMPTY:
            return self.parsed
        try:
            return json.loads(self.body)
        except (json.JSONDecodeError, UnicodeDecodeError) as fault:
            problem = (
                "The HTTP entity body is required, but this request has no entity body."
                if not self.body
                else str(fault)
            )
            raise ApiError("JSON_PARSER_ERROR", problem) from fault

    @property
    def fields(self) -> Json:
        """The JSON body of a row. Raises ApiError when it is not an object."""
        if not isinstance(self.json, dict):
            raise ApiError("JSON_PARSER_ERROR", "The HTTP entity body must be a JSON object")
        return self.json

    def moment(self, header: str) -> datetime | None:
        """Return the time in a header such as If-Modified-Since. Raises ApiError for one that is no HTTP date."""
        if not (text := self.headers.get(header)):
            return None
        try:
            found = parsedate_to_datetime(text)
        except ValueError:
            raise ApiError("INVALID_FIELD", f"Invalid date value in header {header}: {text}") from None
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)

    @property
    def bearer(self) -> str:
        """The access token, or an empty string."""
        found = re.fullmatch(r"(?:Bearer|OAuth)\s+(\S+)", self.headers.get("authorization", ""), re.IGNORECASE)
        return found[1] if found else ""


@dataclass(slots=True)
class Answer:
    """One HTTP answer; ``body`` is a JSON value, a text to be sent as it is, or EMPTY."""

    status: int = 200
    body: Any = EMPTY
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return self.status >= 400

    def encode(self) -> bytes:
        """Return the bytes of the body."""
        if self.body is EMPTY:
            return b""
        if isinstance(self.body, Text):
            return self.body.encode("utf8")
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode("utf8")


class Text(str):
    """A body that is not JSON."""


@dataclass(slots=True)
class Call:
    """A request of a known user to one version of the API.

    ``dispatch`` answers a request nested in this one.
    """

    org: Org
    user_id: str
    version: str
    request: Request
    dispatch: Callable[[Request], Answer]

    @property
    def base(self) -> str:
        return f"/services/data/v{self.version}"

    def require(self, object_name: str) -> SObject:
        """Return the object of that name. Raises ApiError 404, also when the user may not know it."""
        return self.org.require(object_name, self.user_id)

    def sees(self, sobject: SObject, row: Mapping[str, Any]) -> bool:
        """Tell whether the user sees a stored row."""
        return self.org.sharing.level(self.user_id, self.org.access.of(self.user_id), sobject, row) > 0

    def ids(self, sobject: SObject, key: Field, text: str) -> list[str]:
        """Return the ids of the rows with that key that the user sees."""
        return self.org.sharing.ids(self.user_id, self.org.access.of(self.user_id), sobject, key.name, text)

    def visible(self, sobject: SObject, alias: str) -> str:
        """Return the SQL condition under which the user sees a row of a table, ``1`` when always."""
        return self.org.sharing.visible(self.user_id, self.org.access.of(self.user_id), sobject, alias) or "1"

    def writing(self) -> AbstractContextManager[Writer]:
        """Give a writer for one transaction with the user's rights."""
        rights = self.org.access.of(self.user_id)
        return self.org.writing(self.user_id, rights=rights, claims=self.request.claims)


def http_date(moment: datetime) -> str:
    """Return the form of a time in HTTP headers."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)
