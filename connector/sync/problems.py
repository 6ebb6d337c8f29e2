"""Errors that are not a record's own, told as its problem: why it did not go out."""

from __future__ import annotations

from connector.errors import AuthFailed, ConfigError, ConnectorError, MappingError, Problem, Refused
from connector.store.links import Link

WAITING = "WAITING"
_REMEDIES: dict[type[ConnectorError], tuple[str, str]] = {
    Refused: ("REFUSED", "Follow the message, then release the item with `connector queue release`."),
    MappingError: ("MAPPING", "Correct and publish the mapping; the record then goes out by itself."),
}


def as_problem(error: ConnectorError) -> Problem:
    """Return the error as a problem with a remedy."""
    for kind, (code, remedy) in _REMEDIES.items():
        if isinstance(error, kind):
            return Problem(code, "", "", str(error), remedy)
    return Problem(type(error).__name__.upper(), "", "", str(error), "See the worker's log for details.")


def waiting(reason: str, error: ConnectorError | None) -> Problem:
    """Return why a record that is due has not gone out for some time; it is tried again by itself."""
    blocked = isinstance(error, AuthFailed | ConfigError)
    remedy = "Remove the cause; the record then goes out by itself." if blocked else "It is tried again by itself."
    return Problem(WAITING, "", "", reason, remedy)


def invisible(link: Link) -> Problem:
    """Return the problem of a linked record that we do not see, though nothing says that it was deleted."""
    return Problem(
        "RECORD_NOT_VISIBLE",
        "",
        link.record_id,
        "The linked Salesforce record is not visible to the integration user.",
        "Give the integration user View All and Modify All on the object, or restore the record.",
    )


def deleted(record_type: str) -> Problem:
    """Return that a record is gone whose counterpart stays at AWS."""
    remedy = (
        "Disqualify the lead in Partner Central if it leads nowhere: the connector tells AWS nothing more of it."
        if record_type == "lead"
        else "Close the opportunity in Partner Central if the deal is off: opportunities cannot be deleted there."
    )
    return Problem(
        "DELETED_IN_SALESFORCE", "", "", f"The Salesforce record was deleted; AWS keeps its {record_type}.", remedy
    )
