"""Which of AWS's records is a record's own, before anything of it goes out by any channel."""

from __future__ import annotations

from connector.errors import Problem, RecordRejected
from connector.store.links import Link
from connector.sync.create import ambiguous
from connector.sync.engine import Engine
from connector.sync.writeback import write_identifier


def choose(engine: Engine, link: Link) -> None:
    """Several opportunities name the record: the one that it carries itself is its own; without one a person chooses.

    Raises:
        RecordRejected: the record carries none of them.
    """
    found = link.hold_reason.split(", ")
    carried = (link.row or {}).get(engine.names.apn_id)
    if carried not in found:
        raise RecordRejected((ambiguous(link.record_id, found),))
    if carried != link.apn_id:
        link.apn_id, link.aws, link.summary, link.applied, link.seen = carried, None, None, None, {}
    link.status, link.hold_reason = "linked", ""
    engine.state.links.save(link)


def check_identifier(engine: Engine, link: Link) -> None:
    """Let pass a record that carries its own identifier of AWS; one that lost it gets it back (OUT-08).

    Raises:
        RecordRejected: it carries another one.
    """
    carried = (link.row or {}).get(engine.names.apn_id)
    if link.apn_id is None or carried == link.apn_id:
        return None
    if not carried:
        return write_identifier(engine, link)
    problem = Problem(
        "IDENTIFIER_CHANGED",
        "apnCrmUniqueIdentifier",
        str(carried),
        f"The record's AWS identifier is {link.apn_id} and never changes.",
        f"Put {link.apn_id} back into {engine.names.apn_id}.",
    )
    raise RecordRejected((problem,))
