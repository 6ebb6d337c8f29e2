"""The JSON of the ACE bucket's files, read without losing a digit and written without inventing one.

Amounts are read as decimals and written as they are: a binary floating-point number never comes in between. Every
file that cannot be read gives the same error, whatever is wrong with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from connector.ace.formats import shown

FileValue = str | int | Decimal | bool | list[str] | None
"""A value of a record in a partner's file."""
Entry = Mapping[str, FileValue]
"""A record as it stands in a partner's file."""
_SHOWN = 80
_DEEPEST = 30


class UnreadableFileError(ValueError):
    """A file of the bucket is not what AWS's samples and definitions promise.

    Attributes:
        position: where in the file, such as ``line 3, column 7`` or ``opportunities[2]``; "" for the file as a whole.
        field: key or field concerned, "" where it is none.
        value: the offending value, cut for people.
        rule: what was expected.
    """

    def __init__(self, position: str, field: str, value: Any, rule: str) -> None:
        self.position, self.field, self.value, self.rule = position, field, excerpt(value), rule
        where = " ".join(part for part in (position or "the file", field) if part)
        value_text = f" (value: {self.value!r})" if self.value else ""
        super().__init__(f"{where}{value_text}: {rule} Correct the file, or ask AWS for a new one.")


class Contradiction(list[Any]):
    """The values of a key that stands several times in one JSON object, where they are not the same."""


def excerpt(value: Any) -> str:
    """Return any JSON value as people read it in a message, cut visibly."""
    text = shown(value) if isinstance(value, str) else "" if value is None else _plain(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def parse(content: bytes | str) -> Any:
    """Return the JSON value of a file; numbers with a decimal point are Decimals. Raises UnreadableFileError."""
    text = _decoded(content)
    try:
        return _shallow(json.loads(text, **_READING))
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        raise UnreadableFileError(position, "", _around(text, error.pos), f"This is no JSON: {error.msg}.") from None
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError("", "", "", f"This is no JSON that can be read: {str(error)[:_SHOWN]}.") from None


def parse_object(content: bytes | str) -> Mapping[str, Any]:
    """Return the JSON object of a file. Raises UnreadableFileError."""
    root = parse(content)
    if not isinstance(root, dict):
        raise UnreadableFileError("", "", root, "The file must hold one JSON object.")
    return root


def member(root: Mapping[str, Any], name: str) -> Any:
    """Return the member of that name, whatever its capitals; None where there is none. Raises UnreadableFileError
    where there are several that differ.
    """
    found = [value for key, value in root.items() if key.casefold() == name.casefold()]
    if any(isinstance(value, Contradiction) or value != found[0] for value in found):
        raise UnreadableFileError("", name, "", f"The file must have {name!r} once, and has it several times.")
    return found[0] if found else None


def entry_text(entry: Entry) -> str:
    """Return the record as JSON on one line."""
    return f"{{{', '.join(f'{_text(key)}: {_value(value)}' for key, value in entry.items())}}}"


def file_text(version: str, spms_id: str, key: str, entries: Sequence[str]) -> str:
    """Return a file of records that :func:`entry_text` wrote, one a line."""
    head = f'{{"version": {_text(version)}, "spmsId": {_text(spms_id)}, {_text(key)}: [\n'
    return head + ",\n".join(entries) + "\n]}\n"


def _value(value: FileValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            return format(value, "f")
        case list():
            return f"[{', '.join(_text(part) for part in value)}]"
        case _:
            return _text(value)


def _text(text: str) -> str:
    """Return the JSON string; what UTF-8 cannot carry (half a surrogate pair) is escaped."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(text)
    return json.dumps(text, ensure_ascii=False)


def _decoded(content: bytes | str) -> str:
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        rule = "The file must be text in UTF-8."
        raise UnreadableFileError(f"byte {error.start}", "", content[error.start : error.end].hex(), rule) from None


def _shallow(root: Any) -> Any:
    """Return the value, or raise ValueError when it is nested deeper than any file of AWS."""
    level = [root]
    for _ in range(_DEEPEST):
        level = [part for value in level for part in _parts(value)]
        if not level:
            return root
    raise ValueError(f"it is nested deeper than {_DEEPEST} levels")


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:20]} is no number that can be read") from None


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object. JSON takes the last of several values of a key: here none is dropped silently."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    for key, last in found.items():
        values = [value for name, value in pairs if name == key]
        found[key] = last if all(value == last for value in values) else Contradiction(values)
    return found


_READING: dict[str, Any] = {
    "parse_float": _decimal,
    "parse_constant": _refuse_constant,
    "object_pairs_hook": _members,
}


def _around(text: str, place: int) -> str:
    return text[place : place + 20].splitlines()[0] if text[place : place + 20].strip() else ""


def _plain(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError, TypeError):
        return type(value).__name__
