"""Several requests in one API call (``/composite``), each for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.salesforce.errors import Effect, Transient
from connector.salesforce.wire import QUIET_WRITES, Call, Wire

MOST_PARTS = 25


@dataclass(frozen=True, slots=True)
class Part:
    """One subrequest; ``path`` is relative to the version's base path."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """What one subrequest got: its own HTTP status and body."""

    status: int
    body: Any


def send_parts(wire: Wire, parts: Sequence[Part], effect: Effect) -> list[PartAnswer]:
    """Send up to 25 parts in one call and return their answers in order. Each part stands for itself: none rolls
    another back.

    Raises ValueError for more parts, Transient when the answer does not hold all of them, and what the wire raises.
    """
    if len(parts) > MOST_PARTS:
        raise ValueError(f"a composite request takes {MOST_PARTS} parts, not {len(parts)}")
    names = [f"part{number}" for number in range(len(parts))]
    body = {
        "allOrNone": False,
        "collateSubrequests": False,
        "compositeRequest": [_as_json(wire, name, part, effect) for name, part in zip(names, parts, strict=True)],
    }
    answer = wire.ask(Call("POST", "composite", effect, body=body)) or {}
    found = {item["referenceId"]: item for item in answer.get("compositeResponse", ())}
    if any(name not in found for name in names):
        raise Transient("Salesforce's composite answer is not complete.", outcome_unknown=effect is not Effect.READ)
    return [PartAnswer(int(found[name]["httpStatusCode"]), found[name].get("body")) for name in names]


def _as_json(wire: Wire, name: str, part: Part, effect: Effect) -> dict[str, Any]:
    # Whether the outer request's headers reach its parts is not documented for all of them: writes repeat theirs.
    headers = dict(part.headers) if effect is Effect.READ else {**QUIET_WRITES, **part.headers}
    url = wire.base_path + part.path
    entry: dict[str, Any] = {"method": part.method, "url": url, "referenceId": name}
    if headers:
        entry["httpHeaders"] = headers
    if part.body is not None:
        entry["body"] = part.body
    return entry
