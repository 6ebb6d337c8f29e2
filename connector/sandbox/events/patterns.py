"""EventBridge's event patterns: which events a rule takes.

A pattern is an object of the event's shape whose leaves are lists. Every member must match (and), one entry of a leaf's
list is enough (or); an entry is a plain value, compared exactly, or an object with one operator.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Event = Mapping[str, Any]
_ABSENT = object()
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
}


class InvalidPattern(ValueError):
    """A pattern that EventBridge refuses when the rule is made (InvalidEventPatternException)."""


def check_pattern(pattern: Mapping[str, Any]) -> None:
    """Raise InvalidPattern unless every leaf is a filled list and every operator is known and well formed."""
    if not isinstance(pattern, Mapping) or not pattern:
        raise InvalidPattern(f"the event pattern must be an object with at least one member, not {pattern!r}")
    for name, rule in pattern.items():
        if name == "$or":
            _check_branches(rule)
        elif isinstance(rule, Mapping):
            check_pattern(rule)
        elif not isinstance(rule, list) or not rule:
            raise InvalidPattern(f"{name!r} must be an object or a list that is not empty, not {rule!r}")
        else:
            for entry in rule:
                _check_entry(name, entry)


def _check_branches(branches: Any) -> None:
    if not isinstance(branches, list) or len(branches) < 2:
        raise InvalidPattern("'$or' must be a list of two or more patterns")
    for one in branches:
        check_pattern(one)


def _check_entry(name: str, entry: Any) -> None:
    if isinstance(entry, list):
        raise InvalidPattern(f"{name!r} holds a list within its list")
    if not isinstance(entry, Mapping):
        return
    if len(entry) != 1:
        raise InvalidPattern(f"{name!r} holds an entry with {len(entry)} operators; use one each")
    [(operator, operand)] = entry.items()
    if operator not in _OPERATORS:
        raise InvalidPattern(f"{name!r} uses {operator!r}, which is no operator; there are {', '.join(_OPERATORS)}")
    try:
        _OPERATORS[operator]("", operand)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InvalidPattern(f"{name!r} gives {operator!r} the operand {operand!r}, which it cannot take") from error


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Tell whether a rule with this (checked) pattern takes the event."""
    if isinstance(event, list):
        return any(matches(pattern, one) for one in event)
    members = event if isinstance(event, Mapping) else {}
    return all(_holds(name, rule, members) for name, rule in pattern.items())


def _holds(name: str, rule: Any, members: Mapping[str, Any]) -> bool:
    if name == "$or":
        return any(matches(branch, members) for branch in rule)
    value = members.get(name, _ABSENT)
    if isinstance(rule, Mapping):
        return matches(rule, value)
    return any(_meets(entry, one) for entry in rule for one in _leaves(value))


def _leaves(value: Any) -> Iterator[Any]:
    """Yield what an entry is compared with: each element of a list; an object is no leaf, and counts as absent."""
    if isinstance(value, list) and value:
        for one in value:
            yield from _leaves(one)
    else:
        yield _ABSENT if isinstance(value, (Mapping, list)) else value


def _meets(entry: Any, value: Any) -> bool:
    if isinstance(entry, Mapping):
        [(operator, operand)] = entry.items()
        return _OPERATORS[operator](value, operand)
    return type(entry) is type(value) and bool(entry == value) if not _is_number(entry) else _is_same(entry, value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_same(entry: float, value: Any) -> bool:
    return _is_number(value) and bool(entry == value)


def _prefix(value: Any, operand: Any) -> bool:
    if isinstance(operand, Mapping):
        start = operand["equals-ignore-case"].lower()
        return isinstance(value, str) and value.lower().startswith(start)
    return isinstance(value, str) and value.startswith(operand)


def _suffix(value: Any, operand: Any) -> bool:
    if isinstance(operand, Mapping):
        end = operand["equals-ignore-case"].lower()
        return isinstance(value, str) and value.lower().endswith(end)
    return isinstance(value, str) and value.endswith(operand)


def _ignore_case(value: Any, operand: Any) -> bool:
    wanted = operand.lower()
    return isinstance(value, str) and value.lower() == wanted


def _wildcard(value: Any, operand: Any) -> bool:
    expression = ".*".join(map(re.escape, operand.split("*")))
    return isinstance(value, str) and re.fullmatch(expression, value, re.DOTALL) is not None


def _anything_but(value: Any, operand: Any) -> bool:
    if isinstance(operand, Mapping):
        [(operator, inner)] = operand.items()
        met = [_OPERATORS[operator](value, one) for one in (inner if isinstance(inner, list) else [inner])]
        return value is not _ABSENT and not any(met)
    several = operand if isinstance(operand, list) else [operand]
    return value is not _ABSENT and not any(_meets(one, value) for one in several)


def _numeric(value: Any, operand: Any) -> bool:
    if len(operand) not in (2, 4):
        raise ValueError("numeric takes one or two comparisons")
    pairs = [(_COMPARISONS[operand[at]], float(operand[at + 1])) for at in range(0, len(operand), 2)]
    return _is_number(value) and all(compare(value, bound) for compare, bound in pairs)


def _exists(value: Any, operand: Any) -> bool:
    if not isinstance(operand, bool):
        raise ValueError("exists takes true or false")
    return (value is not _ABSENT) is operand


def _cidr(value: Any, operand: Any) -> bool:
    network = ipaddress.ip_network(operand)
    try:
        return isinstance(value, str) and ipaddress.ip_address(value) in network
    except ValueError:
        return False


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignore_case,
    "wildcard": _wildcard,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
    "cidr": _cidr,
}
