"""Links of another object than the mapped one: they are set aside.

An admin may publish a mapping for another primary object. What was linked before keeps its opportunity, so that
nothing is created for it a second time; neither side's changes are carried over. As soon as a record of the mapped
object carries the opportunity's identifier, the opportunity is that record's. Publishing a mapping for the earlier
object takes its links up again.
"""

from __future__ import annotations

from connector.errors import Problem
from connector.store.links import Link
from connector.sync.engine import Engine


def is_set_aside(engine: Engine, link: Link) -> bool:
    """Whether the link is of another object than the mapping is for."""
    return link.object_name.lower() != engine.mapping.object_name.lower()


def hand_over(engine: Engine, link: Link) -> None:
    """Forget a link that was set aside: a record of the mapped object has its opportunity now."""
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
