"""What the org says about its objects, kept and revalidated."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from connector.errors import ConfigError, MappingError, RecordGone
from connector.mapping.describe import FieldDescribe, ObjectDescribe, ObjectName, PicklistEntry, RecordTypeDescribe
from connector.salesforce.errors import Effect
from connector.salesforce.literals import api_name, http_date
from connector.salesforce.wire import NOT_MODIFIED, Call, Wire

# Whether a change of permissions counts as a modification is not documented: ask for everything anew now and then.
WHOLE_ANEW = timedelta(hours=1)
# A Date has whole seconds: a change within the second of the answer must not be missed.
MARGIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class _Kept:
    describe: ObjectDescribe
    stamp: datetime | None
    loaded_at: datetime
    asked_at: datetime


class DescribeCache:
    """Describes by object name (any case); may be shared by the doors of several threads.

    Within ``max_age`` seconds a describe is returned without asking. Later it is revalidated with If-Modified-Since
    (304 costs a request but no parsing); once an hour it is loaded whole.
    """

    def __init__(self, max_age: float) -> None:
        self._max_age = timedelta(seconds=max_age)
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def get(self, wire: Wire, object_name: str) -> ObjectDescribe:
        """Return the describe. Raises ConfigError when the object does not exist or is hidden, and what the wire
        raises.
        """
        key = object_name.lower()
        with self._lock:
            kept = self._kept.get(key)
        now = wire.now()
        if kept and now - kept.asked_at < self._max_age:
            return kept.describe
        loaded = self._load(wire, object_name, kept, now)
        with self._lock:
            self._kept[key] = loaded
        return loaded.describe

    def forget(self) -> None:
        """Forget everything: the next use loads anew."""
        with self._lock:
            self._kept.clear()

    def _load(self, wire: Wire, object_name: str, kept: _Kept | None, now: datetime) -> _Kept:
        headers = {}
        if kept and kept.stamp and now - kept.loaded_at < WHOLE_ANEW:
            headers["If-Modified-Since"] = http_date(kept.stamp)
        body = _ask(wire, object_name, headers)
        if body is NOT_MODIFIED and kept:
            return _Kept(kept.describe, kept.stamp, kept.loaded_at, now)
        return _Kept(parse_object(body), _stamp(wire.answer_headers), now, now)


def _ask(wire: Wire, object_name: str, headers: Mapping[str, str]) -> Any:
    try:
        path = f"sobjects/{api_name(object_name)}/describe"
    except ValueError as error:
        raise ConfigError(f"{error}. Correct the name.") from None
    try:
        return wire.ask(Call("GET", path, Effect.READ, headers=headers))
    except (RecordGone, MappingError):
        raise ConfigError(
            f"Object {object_name} does not exist in the org, or the integration user's permissions hide it. "
            "Deploy the package, or grant the permission set."
        ) from None


def list_objects(wire: Wire) -> tuple[ObjectName, ...]:
    """Return every object that the user may read and query, by label."""
    body = wire.ask(Call("GET", "sobjects", Effect.READ)) or {}
    found = [
        ObjectName(
            one["name"], one.get("label") or one["name"], bool(one.get("custom")), bool(one.get("customSetting"))
        )
        for one in body.get("sobjects", ())
        if one.get("queryable") and not one.get("deprecatedAndHidden")
    ]
    return tuple(sorted(found, key=lambda one: (one.label.lower(), one.name)))


def _stamp(headers: Mapping[str, str]) -> datetime | None:
    """Return the time to revalidate with: the answer's Last-Modified, or its Date less a margin."""
    for name, margin in (("Last-Modified", timedelta()), ("Date", MARGIN)):
        if value := headers.get(name):
            try:
                return parsedate_to_datetime(value).astimezone(UTC) - margin
            except ValueError:
                continue
    return None


def parse_object(body: Mapping[str, Any]) -> ObjectDescribe:
    """Return the describe answer as the mapping knows it."""
    return ObjectDescribe(
        name=body["name"],
        label=body.get("label") or body["name"],
        key_prefix=body.get("keyPrefix") or "",
        createable=bool(body.get("createable")),
        updateable=bool(body.get("updateable")),
        queryable=bool(body.get("queryable")),
        fields={field["name"].lower(): parse_field(field) for field in body.get("fields", ())},
        record_types=tuple(map(_record_type, body.get("recordTypeInfos") or ())),
    )


def parse_field(body: Mapping[str, Any]) -> FieldDescribe:
    """Return one field of a describe answer."""
    return FieldDescribe(
        name=body["name"],
        label=body.get("label") or body["name"],
        type=body["type"],
        length=int(body.get("length") or 0),
        precision=int(body.get("precision") or body.get("digits") or 0),
        scale=int(body.get("scale") or 0),
        nillable=bool(body.get("nillable")),
        createable=bool(body.get("createable")),
        updateable=bool(body.get("updateable")),
        calculated=bool(body.get("calculated")),
        formula=body.get("calculatedFormula") or "",
        unique=bool(body.get("unique")),
        external_id=bool(body.get("externalId")),
        case_sensitive=bool(body.get("caseSensitive")),
        restricted_picklist=bool(body.get("restrictedPicklist")),
        defaulted_on_create=bool(body.get("defaultedOnCreate")),
        filterable=bool(body.get("filterable")),
        reference_to=tuple(body.get("referenceTo") or ()),
        relationship_name=body.get("relationshipName") or "",
        picklist=tuple(_entry(value) for value in body.get("picklistValues") or ()),
    )


def _entry(body: Mapping[str, Any]) -> PicklistEntry:
    value = body.get("value") or ""
    return PicklistEntry(value, body.get("label") or value, bool(body.get("active", True)))


def _record_type(body: Mapping[str, Any]) -> RecordTypeDescribe:
    return RecordTypeDescribe(
        record_type_id=body["recordTypeId"],
        developer_name=body.get("developerName") or "",
        label=body.get("name") or "",
        active=bool(body.get("active", True)),
        available=bool(body.get("available")),
        default=bool(body.get("defaultRecordTypeMapping")),
        master=bool(body.get("master")),
    )
