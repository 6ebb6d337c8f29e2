"""Errors that are not a record's own, told as its problem: why it did not go out."""

from __future__ import annotations

from connector.errors import ConnectorError, MappingError, Problem, Refused

_REMEDIES: dict[type[ConnectorError], tuple[str, str]] = {
    Refused: ("REFUSED", "Follow the message, then release the item with `connector queue release`."),
    MappingError: ("MAPPING", "Correct and publish the mapping, then release the item with `connector queue release`."),
}


def as_problem(error: ConnectorError) -> Problem:
    """Return the error as a problem with a remedy."""
    for kind, (code, remedy) in _REMEDIES.items():
        if isinstance(error, kind):
            return Problem(code, "", "", str(error), remedy)
    return Problem(type(error).__name__.upper(), "", "", str(error), "See the worker's log for details.")
