"""Requests checked against botocore's service model: members, types, patterns, enums and lengths.

botocore's own client checks only types and required members; the service checks everything. A shape's checker is built
once, so that a request costs a few microseconds per value.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import botocore.loaders

from connector.sandbox.partner_central.errors import Code, FieldError, ValidationError
from connector.sandbox.partner_central.wire import parse_timestamp

Checker = Callable[[Any, str, list[FieldError]], None]
Shape = Mapping[str, Any]

# Values that the service takes although the model does not list them.
EXTRA_VALUES = {
    "PaymentFrequency": ("None",),
    "PrimaryNeedFromAws": ("Do Not Need Support from AWS Sales Rep",),
}
# An explicit null clears it; leaving it out does not.
NULLABLE = "ExpectedContractDuration"


def camel(name: str) -> str:
    """Return a member's name as the service writes it in field names."""
    return name[:1].lower() + name[1:]


@cache
def _class_of_category(category: str) -> str:
    """Return the characters of one Unicode category as ranges for a character class."""
    ranges: list[list[int]] = []
    for point in range(sys.maxunicode + 1):
        if not 0xD800 <= point <= 0xDFFF and unicodedata.category(chr(point)).startswith(category):
            if ranges and ranges[-1][1] == point - 1:
                ranges[-1][1] = point
            else:
                ranges.append([point, point])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Compile one of the model's (Java) patterns; ``\p{L}``, ``\p{Z}`` and ``\p{N}`` are spelt out for Python.

    ``\d`` and ``\w`` mean ASCII in the service's dialect.
    """
    python = re.sub(r"\\p\{([LZN])\}", lambda found: _class_of_category(found.group(1)), pattern)
    return re.compile(python, re.ASCII)


def _fail(errors: list[FieldError], code: Code, path: str, constraint: str, *, named: bool = True) -> None:
    message = f"Value at '{path}' failed to satisfy constraint: {constraint}"
    errors.append(FieldError(code, path if named else "", message))


def _is_type(value: Any, kind: type, path: str, errors: list[FieldError]) -> bool:
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return True
    _fail(errors, "INVALID_VALUE", path, f"Member must be of type {kind.__name__}")
    return False


def _check_enum(values: frozenset[str]) -> Checker:
    listing = ", ".join(sorted(values))

    def check(value: Any, path: str, errors: list[FieldError]) -> None:
        if _is_type(value, str, path, errors) and value not in values:
            # The service names the field of these only in the message.
            _fail(errors, "INVALID_ENUM_VALUE", path, f"Member must satisfy enum value set: [{listing}]", named=False)

    return check


def _check_text(pattern: str, low: int, high: int | None) -> Checker:
    regex = compile_pattern(pattern) if pattern else None

    def check(value: Any, path: str, errors: list[FieldError]) -> None:
        if not _is_type(value, str, path, errors):
            return
        if regex and not regex.fullmatch(value):
            _fail(errors, "INVALID_STRING_FORMAT", path, f"Member must satisfy regular expression pattern: {pattern}")
        if len(value) < low or (high is not None and len(value) > high):
            _fail(errors, "VALUE_OUT_OF_RANGE", path, f"Member must have length between {low} and {high}")

    return check


def _check_integer(low: int | None, high: int | None) -> Checker:
    def check(value: Any, path: str, errors: list[FieldError]) -> None:
        if not _is_type(value, int, path, errors):
            return
        if (low is not None and value < low) or (high is not None and value > high):
            _fail(errors, "VALUE_OUT_OF_RANGE", path, f"Member must be between {low} and {high}")

    return check


def _check_timestamp(value: Any, path: str, errors: list[FieldError]) -> None:
    if _is_type(value, str, path, errors) and parse_timestamp(value) is None:
        _fail(errors, "INVALID_STRING_FORMAT", path, "Member must be an ISO 8601 date-time with a time zone")


def _check_map(value: Any, path: str, errors: list[FieldError]) -> None:
    _is_type(value, dict, path, errors)


def _check_list(member: Checker, low: int, high: int | None) -> Checker:
    def check(value: Any, path: str, errors: list[FieldError]) -> None:
        if not _is_type(value, list, path, errors):
            return
        if len(value) < low:
            _fail(errors, "NOT_ENOUGH_VALUES", path, f"Member must have length greater than or equal to {low}")
        if high is not None and len(value) > high:
            _fail(errors, "TOO_MANY_VALUES", path, f"Member must have length less than or equal to {high}")
        for number, element in enumerate(value, 1):
            member(element, f"{path}.{number}.member", errors)

    return check


def _check_structure(members: Mapping[str, Checker], required: tuple[str, ...]) -> Checker:
    def check(value: Any, path: str, errors: list[FieldError]) -> None:
        if not _is_type(value, dict, path, errors):
            return
        prefix = f"{path}." if path else ""
        for name in required:
            if value.get(name) is None:
                _fail(errors, "REQUIRED_FIELD_MISSING", prefix + camel(name), "Member must not be null")
        for name, element in value.items():
            checker = members.get(name)
            if checker is None:
                _fail(errors, "INVALID_VALUE", prefix + camel(name), f"{name} is not a member of this structure")
            elif element is not None:
                checker(element, prefix + camel(name), errors)

    return check


class ServiceModel:
    """The operations of ``partnercentral-selling`` and a checker for each one's request."""

    def __init__(self) -> None:
        model = botocore.loaders.Loader().load_service_model("partnercentral-selling", "service-2")
        self._shapes: Mapping[str, Shape] = model["shapes"]
        self._operations: Mapping[str, Shape] = model["operations"]
        self._built: dict[str, Checker] = {}
        self.target_prefix: str = model["metadata"]["targetPrefix"]

    @property
    def operations(self) -> frozenset[str]:
        """The names of all operations of the service."""
        return frozenset(self._operations)

    def check_request(self, operation: str, request: Any) -> None:
        """Raise ValidationError (REQUEST_VALIDATION_FAILED) with everything that is wrong with the request's form."""
        self._check(self._operations[operation]["input"]["shape"], request)

    def check_answer(self, operation: str, answer: Any) -> None:
        """Raise ValidationError when ``answer`` is not what the operation may return."""
        self._check(self._operations[operation]["output"]["shape"], answer)

    def _check(self, shape: str, value: Any) -> None:
        errors: list[FieldError] = []
        self._checker(shape)(value, "", errors)
        if errors:
            raise ValidationError(errors, "REQUEST_VALIDATION_FAILED")

    def _checker(self, name: str) -> Checker:
        if name not in self._built:
            self._built[name] = self._build(name, self._shapes[name])
        return self._built[name]

    def _build(self, name: str, shape: Shape) -> Checker:
        kind = shape["type"]
        if kind == "structure":
            members = {member: self._checker(ref["shape"]) for member, ref in shape.get("members", {}).items()}
            return _check_structure(members, tuple(shape.get("required", ())))
        if kind == "list":
            return _check_list(self._checker(shape["member"]["shape"]), shape.get("min", 0), shape.get("max"))
        if kind == "map":
            return _check_map
        if kind == "integer":
            return _check_integer(shape.get("min"), shape.get("max"))
        if kind == "timestamp":
            return _check_timestamp
        if "enum" in shape:
            return _check_enum(frozenset((*shape["enum"], *EXTRA_VALUES.get(name, ()))))
        return _check_text(shape.get("pattern", ""), shape.get("min", 0), shape.get("max"))
