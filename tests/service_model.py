"""Checks requests against botocore's service model, with patterns, enums and lengths: botocore itself skips them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

EXTRA_VALUES = {
    "PaymentFrequency": {"None"},
    "PrimaryNeedFromAws": {"Do Not Need Support from AWS Sales Rep"},
}
"""Values that the service takes although its model does not list them."""


@cache
def service_model(service: str = "partnercentral-selling") -> ServiceModel:
    """Return botocore's model of the service."""
    return botocore.session.get_session().get_service_model(service)


def violations(operation: str, request: Mapping[str, Any], *, service: str = "partnercentral-selling") -> list[str]:
    """Return everything in the request that the model forbids, each with its path; empty for a valid request."""
    shape = service_model(service).operation_model(operation).input_shape
    assert shape is not None
    report = ParamValidator().validate(request, shape)
    found = [report.generate_report()] if report.has_errors() else []
    return [*found, *_walk(shape, request, operation)]


def enum_of(shape: str, *, service: str = "partnercentral-selling") -> set[str]:
    """Return the values that the service takes for the shape of that name."""
    model = service_model(service).shape_for(shape)
    assert isinstance(model, StringShape)
    return set(model.enum) | EXTRA_VALUES.get(shape, set())


def _walk(shape: Shape, value: Any, path: str) -> Iterator[str]:
    match shape:
        case StructureShape() if isinstance(value, Mapping):
            for name, member in value.items():
                if name in shape.members:
                    yield from _walk(shape.members[name], member, f"{path}.{name}")
        case ListShape() if isinstance(value, list):
            yield from _length(shape, len(value), path)
            for number, member in enumerate(value):
                yield from _walk(shape.member, member, f"{path}[{number}]")
        case MapShape() if isinstance(value, Mapping):
            yield from _length(shape, len(value), path)
            for key, member in value.items():
                yield from _walk(shape.value, member, f"{path}[{key}]")
        case StringShape() if isinstance(value, str):
            yield from _text(shape, value, path)


def _text(shape: StringShape, text: str, path: str) -> Iterator[str]:
    yield from _length(shape, len(text), path)
    if shape.enum and text not in {*shape.enum, *EXTRA_VALUES.get(shape.name, ())}:
        yield f"{path}: {text!r} is no {shape.name}"
    pattern = _pattern(shape.metadata.get("pattern", ""))
    if pattern and not re.fullmatch(pattern, text):
        yield f"{path}: {text[:60]!r} does not match {shape.name}"


def _pattern(pattern: str) -> str:
    """Return the pattern in Python's dialect, which lacks Unicode categories (used by tags only)."""
    return pattern.replace(r"\p{L}", r"\w").replace(r"\p{Z}", r"\s").replace(r"\p{N}", r"\d")


def _length(shape: Shape, length: int, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and length < low) or (high is not None and length > high):
        yield f"{path}: length {length} is outside {low}..{high}"
