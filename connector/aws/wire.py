"""What botocore does not do by itself on the wire, as handlers of its events.

Each handler keeps what it knows in the call's own context, so that clients can be shared between threads.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.parsers import ResponseParserError
from botocore.utils import parse_timestamp

EVENTS = "partnercentral-selling"
SURVEYED = ("GetOpportunity", "GetAwsOpportunitySummary")
UNKNOWN_MEMBERS = "UnknownMembers"
_ISO_UTC = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00)", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)


def register(client: Any, *, user_agent: str, before_attempt: Callable[[str], None]) -> None:
    """Attach the handlers to one client.

    Args:
        client: a ``partnercentral-selling`` client.
        user_agent: value of the header ``X-Amzn-User-Agent``.
        before_attempt: called with the operation's name before each attempt is signed and sent, botocore's own
            repetitions included; what it raises reaches the caller.
    """
    events = client.meta.events
    events.register(f"provide-client-params.{EVENTS}.*", _prepare)
    events.register(f"before-call.{EVENTS}.UpdateOpportunity", _write_exactly)
    events.register(f"before-call.{EVENTS}.*", lambda params, **_: _name_caller(params, user_agent))
    events.register_first(f"request-created.{EVENTS}.*", lambda operation_name, **_: before_attempt(operation_name))
    events.register(f"before-parse.{EVENTS}.*", _examine)


# --- requests


def _prepare(params: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Take out what botocore cannot send, and remember what has to be put back exactly."""
    if model.name == "UpdateOpportunity":
        project = params.get("Project") or {}
        context["clear_duration"] = project.get("ExpectedContractDuration", "") is None
        context["lock"] = params.get("LastModifiedDate")
    pruned: dict[str, Any] = without_none(params)
    return pruned


def without_none(value: Any) -> Any:
    """Return the value without members and list elements that are None, at any depth."""
    if isinstance(value, Mapping):
        return {name: without_none(member) for name, member in value.items() if member is not None}
    if isinstance(value, list | tuple):
        return [without_none(element) for element in value if element is not None]
    return value


def _write_exactly(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Put into the body what botocore's serializer loses; the request is signed afterwards.

    An explicit null is the only way to end a contract duration, and the lock must equal the service's own value even
    where that is finer than a microsecond.
    """
    lock = context.get("lock")
    finer = isinstance(lock, str) and utc_text(lock) != _six_decimals(lock)
    if not (finer or context.get("clear_duration")):
        return
    body = json.loads(params["body"])
    if finer:
        body["LastModifiedDate"] = lock
    if context.get("clear_duration"):
        body.setdefault("Project", {})["ExpectedContractDuration"] = None
    params["body"] = json.dumps(body).encode()


def _name_caller(params: dict[str, Any], user_agent: str) -> None:
    params["headers"]["X-Amzn-User-Agent"] = user_agent


# --- answers


def _examine(
    operation_model: OperationModel,
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
    **_: Any,
) -> None:
    """See what botocore would not tell: a cut-off answer, members that the model lacks, unions it cannot read."""
    shape = operation_model.output_shape
    if response_dict["status_code"] >= 300 or shape is None:
        return
    body = json_object(response_dict["body"])
    survey = _Survey()
    survey.structure(body, shape, "")
    if survey.dropped:
        response_dict["body"] = json.dumps(body).encode()
    if operation_model.name in SURVEYED:
        customized_response_dict[UNKNOWN_MEMBERS] = sorted(survey.unknown)


def json_object(body: bytes) -> dict[str, Any]:
    """Botocore would take a body that is cut off for an answer without members."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ResponseParserError("The answer is not a JSON object.")
    return value


class _Survey:
    """Compares an answer with the service model."""

    def __init__(self) -> None:
        self.unknown: set[str] = set()
        self.dropped = False

    def structure(self, value: dict[str, Any], shape: StructureShape, path: str) -> None:
        for name, member in list(value.items()):
            place = f"{path}.{name}" if path else name
            known = shape.members.get(name)
            if known is None:
                self._note(name, member, place)
            elif self._is_unusable(member, known, place):
                del value[name]
                self.dropped = True
            else:
                self._descend(member, known, place)

    def _note(self, name: str, member: Any, place: str) -> None:
        """Nothing can be lost where an unknown member holds nothing."""
        if name != "__type" and member not in (None, "", [], {}):
            self.unknown.add(place)

    def _descend(self, value: Any, shape: Shape, place: str) -> None:
        if isinstance(shape, StructureShape) and isinstance(value, dict):
            self.structure(value, shape, place)
        elif isinstance(shape, ListShape) and isinstance(value, list):
            self._elements(value, shape.member, f"{place}[]")
        elif isinstance(shape, MapShape) and isinstance(value, dict):
            self._elements(value.values(), shape.value, f"{place}[]")

    def _elements(self, values: Iterable[Any], shape: Shape, place: str) -> None:
        for element in values:
            self._descend(element, shape, place)

    def _is_unusable(self, value: Any, shape: Shape, place: str) -> bool:
        """Botocore refuses a whole page for one union that has not exactly one member."""
        if not getattr(shape, "is_tagged_union", False) or not isinstance(value, dict):
            return False
        present = [name for name, member in value.items() if member is not None and name != "__type"]
        if len(present) > 1:
            self.unknown.add(place)
        return len(present) != 1


def tidy(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer without botocore's own member, and with people's text as they wrote it."""
    return {
        name: value if name == "NextToken" else unescape(value)
        for name, value in answer.items()
        if name != "ResponseMetadata"
    }


def unescape(value: Any) -> Any:
    """Return the value with HTML entities in its texts decoded, twice, since the service escapes some of them twice.

    Only entities that end with a semicolon count: ``?a=1&region=eu`` in a web address is none.
    """
    if isinstance(value, str):
        return _decode(_decode(value)) if "&" in value else value
    if isinstance(value, Mapping):
        return {name: unescape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [unescape(element) for element in value]
    return value


def _decode(text: str) -> str:
    return _ENTITY.sub(lambda match: html.unescape(match.group()), text)


def utc_text(value: Any) -> str:
    """Return a timestamp as ISO 8601 text in UTC with six decimals, or as many more as the service sent.

    Args:
        value: ISO 8601 text or seconds since 1970, as it came over the wire.
    """
    match = _ISO_UTC.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return _six_decimals(value)
    decimals = (match[2] or "").rstrip("0").ljust(6, "0")
    return f"{match[1].upper()}.{decimals}Z"


def _six_decimals(value: Any) -> str:
    moment: datetime = parse_timestamp(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
