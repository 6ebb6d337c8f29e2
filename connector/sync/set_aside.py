"""Links of another object than the mapped one: they are set aside.

Opportunities and leads have a mapping each: a lead's link is nothing to the mapping of opportunities, and the reverse.

An admin may publish a mapping for another primary object. What was linked before keeps its opportunity, so that
nothing is created for it a second time; neither side's changes are carried over. As soon as a record of the mapped
object carries the opportunity's identifier, the opportunity is that record's. Publishing a mapping for the earlier
object takes its links up again.
"""

from __future__ import annotations

from connector.errors import Problem
from connector.store.links import Link
from connector.sync import logs
from connector.sync.engine import Engine


def is_set_aside(engine: Engine, link: Link) -> bool:
    """Whether the link is of the engine's type, and of another object than the mapping is for."""
    if link.object_name.lower() == engine.mapping.object_name.lower():
        return False
    return not is_of_other_type(engine, link.apn_id) and engine.engine_of(link.object_name) is engine


def is_of_other_type(engine: Engine, apn_id: str | None) -> bool:
    """Whether an identifier of AWS is a lead's for the engine of opportunities, or the reverse: AWS's identifiers are
    ``O`` or ``L`` and digits (FAQ-05).
    """
    other = "O" if engine.record_type == "lead" else "L"
    return bool(apn_id) and (apn_id or "")[0].upper() == other and (apn_id or "")[1:].isdigit()


def is_free(engine: Engine, link: Link) -> bool:
    """Whether another record may take over what AWS has: it was set aside, or its record was deleted. Who merges two
    leads in Salesforce deletes the one, and lets the other keep AWS's identifier.
    """
    return link.status == "tombstone" or is_set_aside(engine, link)


def hand_over(engine: Engine, link: Link) -> None:
    """Forget a link that is free: a record of the mapped object has its opportunity, or lead, now."""
    logs.resolve(engine, link.record_id)
    engine.state.links.delete(link.record_id)


def set_aside_problem(engine: Engine, link: Link) -> Problem:
    """Return why a link that was set aside is left alone."""
    return Problem(
        "OBJECT_CHANGED",
        "apnCrmUniqueIdentifier",
        link.apn_id or "",
        f"It belongs to a record of {link.object_name}; the mapping is for {engine.mapping.object_name} now.",
        f"Put the identifier into {engine.names.apn_id} of the record of {engine.mapping.object_name} that takes its "
        f"place, or publish a mapping for {link.object_name} again.",
    )
