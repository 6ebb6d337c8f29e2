"""EventBridge's input transformer: what of an event a target gets.

Paths pick values out of the event; the template has a placeholder ``<name>`` for each. Values are put in as they are,
without escaping. Of two readings of how AWS treats a text's placeholder outside quotes (quotes are added, or the
result is no JSON), the strict one is taken: a template that works here works under both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_PATHS, MAX_PATH, MAX_TEMPLATE = 100, 256, 8192
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PATH = re.compile(r"\$(\.[A-Za-z0-9_-]+(\[\d+\])*)*")
_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]")
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9._-]+)>")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ABSENT = object()


class InvalidTransformer(ValueError):
    """A transformer that EventBridge refuses when the target is put (ValidationException)."""


class NotTransformed(ValueError):
    """An event whose transformed body is no JSON: the target is not invoked, and it is not tried again."""


@dataclass(frozen=True, slots=True)
class Transformer:
    """Makes a target's body of an event.

    Attributes:
        paths: JSON path by placeholder, such as ``$.detail-type``.
        template: JSON with placeholders; those of texts stand in quotes.

    Raises:
        InvalidTransformer: a name, a path or the template is malformed, or a placeholder has no path.
    """

    paths: Mapping[str, str]
    template: str

    def __post_init__(self) -> None:
        if len(self.paths) > MAX_PATHS or not 1 <= len(self.template) <= MAX_TEMPLATE:
            raise InvalidTransformer(f"use at most {MAX_PATHS} paths, and a template of 1 to {MAX_TEMPLATE} characters")
        for name, path in self.paths.items():
            if not _NAME.fullmatch(name) or name.startswith("AWS"):
                raise InvalidTransformer(f"path name {name!r} must be letters, digits, _ and -, and not begin with AWS")
            if len(path) > MAX_PATH or not _PATH.fullmatch(path):
                raise InvalidTransformer(f"path {path!r} of {name!r} must be like $.detail.member")
        self._check_template()

    def _check_template(self) -> None:
        used = _PLACEHOLDER.findall(self.template)
        unknown = [name for name in used if name not in self.paths]
        if unknown:
            raise InvalidTransformer(f"placeholders without a path: {', '.join(unknown)}")
        try:
            json.loads(_fill(self.template, dict.fromkeys(used, 0)))
        except ValueError as error:
            raise InvalidTransformer(f"the template is no JSON: {error}") from error

    def transform(self, event: Mapping[str, Any]) -> bytes:
        """Return the body for an event. A path that leads nowhere leaves nothing in its place.

        Raises:
            NotTransformed: the result is no JSON, such as for a text whose placeholder stands outside quotes.
        """
        values = {name: value for name, path in self.paths.items() if (value := find(event, path)) is not _ABSENT}
        body = _fill(self.template, values)
        try:
            json.loads(body)
        except ValueError as error:
            raise NotTransformed(f"the transformed event is no JSON: {error}") from error
        return body.encode()


def find(event: Mapping[str, Any], path: str) -> Any:
    """Return what a path leads to, or a mark of absence that is no JSON value."""
    value: Any = event
    for name, index in _STEP.findall(path):
        try:
            value = value[name] if name else value[int(index)]
        except (KeyError, IndexError, TypeError):
            return _ABSENT
    return value


def _fill(template: str, values: Mapping[str, Any]) -> str:
    """Put values in place of placeholders, by whether they stand inside a JSON text."""
    parts, end = [], 0
    for text in _TEXT.finditer(template):
        parts.append(_PLACEHOLDER.sub(lambda found: _outside(found, values), template[end : text.start()]))
        parts.append(_PLACEHOLDER.sub(lambda found: _inside(found, values), text[0]))
        end = text.end()
    return "".join((*parts, _PLACEHOLDER.sub(lambda found: _outside(found, values), template[end:])))


def _outside(found: re.Match[str], values: Mapping[str, Any]) -> str:
    value = values.get(found[1], "")
    return value if isinstance(value, str) else json.dumps(value)


def _inside(found: re.Match[str], values: Mapping[str, Any]) -> str:
    value = values.get(found[1], "")
    return value if isinstance(value, str) else json.dumps(value).replace('"', "")
