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


def _check_anything(_value: Any, _path: str, _errors: list[FieldError]) -> None:
    """A document: any JSON."""


def _check_union(members: Checker) -> Checker:
    def check(value: Any, path: str, errors: list[FieldError]) -> None:
        members(value, path, errors)
        if isinstance(value, dict) and sum(element is not None for element in value.values()) != 1:
            _fail(errors, "INVALID_VALUE", path, "Member must have exactly one of its members set")

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
    """The operations of a service and a checker for each one's request.

    Attributes:
        target_prefix: what ``X-Amz-Target`` begins with; empty where requests are told apart by their paths.
    """

    def __init__(self, service: str = "partnercentral-selling") -> None:
        model = botocore.loaders.Loader().load_service_model(service, "service-2")
        self._shapes: Mapping[str, Shape] = model["shapes"]
        self._operations: Mapping[str, Shape] = model["operations"]
        self._built: dict[str, Checker] = {}
        self.target_prefix: str = model["metadata"].get("targetPrefix", "")

    @property
    def operations(self) -> frozenset[str]:
        """The names of all operations of the service."""
        return frozenset(self._operations)

    @property
    def routes(self) -> Mapping[tuple[str, str], str]:
        """The operations by HTTP method and path, for services that tell them apart by these."""
        places = {name: operation["http"] for name, operation in self._operations.items()}
        return {(place["method"], place["requestUri"]): name for name, place in places.items()}

    def query_members(self, operation: str) -> Mapping[str, str]:
        """Return which members of the operation's request travel in the query, by their names there."""
        members = self._shapes[self._operations[operation]["input"]["shape"]].get("members", {})
        return {ref["locationName"]: name for name, ref in members.items() if ref.get("location") == "querystring"}

    def check_request(self, operation: str, request: Any) -> None:
        """Raise ValidationError (REQUEST_VALIDATION_FAILED) with everything that is wrong with the request's form."""
        self._check(self._operations[operation]["input"]["shape"], request)

    def check_answer(self, operation: str, answer: Any) -> None:
        """Raise ValidationError when ``answer`` is not what the operation may return."""
        self._check(self._operations[operation]["output"]["shape"], answer)

    def check_shape(self, shape: str, value: Any) -> None:
        """Raise ValidationError when ``value`` is not what the model says of that shape."""
        self._check(shape, value)

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
        if shape.get("document"):
            return _check_anything
        if kind == "structure":
            members = {member: self._checker(ref["shape"]) for member, ref in shape.get("members", {}).items()}
            structure = _check_structure(members, tuple(shape.get("required", ())))
            return _check_union(structure) if shape.get("union") else structure
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
