"""Where a Salesforce record and what the state knows of its opportunity have drifted apart."""

from __future__ import annotations

import re
from enum import StrEnum

from connector.ace.record import AceRecord
from connector.eligibility.rules import is_dummy_identifier
from connector.errors import Problem
from connector.mapping.outbound import snapshot
from connector.store.links import Link
from connector.sync.adoption import as_aws_says
from connector.sync.edits import differing_paths, user_edits
from connector.sync.engine import Engine
from connector.sync.ports import Row
from connector.sync.set_aside import is_of_other_type, is_set_aside

_APN_ID = re.compile(r"[OL][0-9]{1,19}\Z", re.IGNORECASE)


class Kind(StrEnum):
    """What a comparison finds; as words for the log."""

    IN_STEP = "in step"
    UNLINKED = "at AWS without a record"
    BEHIND = "changed at AWS and not brought in"
    GONE = "linked to an opportunity that AWS does not have"
    UNLISTED = "linked and not on AWS's list, too many to be gone"
    UNKNOWN_IDENTIFIER = "identifiers on records that no link knew"
    IDENTIFIER_TAKEN = "records with another record's identifier"
    IDENTIFIER_CHANGED = "records whose identifier was changed"
    IDENTIFIER_MISSING = "records that lost their identifier"
    IDENTIFIER_MALFORMED = "records whose identifier is none of AWS's"
    INVISIBLE = "linked to a record that is not visible"
    NOT_COMPARED = "linked and never compared"
    UNSENT = "edited and not sent"
    DIFFERENT = "different, for a person to decide"
    WAITING = "with work that waits"
    UNDECIDED = "waiting for a decision on a backfill's proposals"
    LEFT_OUT = "left out by choice"
    TOLD = "without a record, with an open detail"
    DELETED = "whose record was deleted"
    HISTORICAL = "historical data"
    NAMELESS = "approved and open without a partner identifier"


DRIFT = frozenset(
    {Kind.UNLINKED, Kind.BEHIND, Kind.GONE, Kind.UNLISTED, Kind.UNKNOWN_IDENTIFIER, Kind.IDENTIFIER_TAKEN,
     Kind.IDENTIFIER_CHANGED, Kind.IDENTIFIER_MISSING, Kind.IDENTIFIER_MALFORMED, Kind.INVISIBLE, Kind.NOT_COMPARED,
     Kind.UNSENT, Kind.DIFFERENT}
)  # fmt: skip
"""What is not as it should be; the other kinds explain what was met."""


def judge_row(engine: Engine, row: Row) -> tuple[Kind, Problem | None]:
    """Return what a record that carries an identifier is, and, where a person must decide, why."""
    carried = str(row[engine.names.apn_id])
    mine, owner = engine.state.links.get(row["Id"]), engine.state.links.by_apn(carried)
    if mine is not None and mine.status == "held" and carried in mine.hold_reason.split(", "):
        # A person chose among several opportunities; the record's next turn follows.
        return Kind.WAITING, None
    if mine is not None and mine.status != "new" and mine.apn_id not in (None, carried):
        return Kind.IDENTIFIER_CHANGED, _changed(engine, mine, carried)
    if is_dummy_identifier(carried):
        return Kind.HISTORICAL, None
    if is_of_other_type(engine, carried):
        return Kind.IDENTIFIER_MALFORMED, _malformed(engine, carried)
    if owner is not None and owner.record_id != row["Id"] and not is_set_aside(engine, owner):
        return Kind.IDENTIFIER_TAKEN, _taken(engine, owner, carried)
    if not _APN_ID.match(carried):
        return Kind.IDENTIFIER_MALFORMED, _malformed(engine, carried)
    if mine is None or owner is None or mine.status == "tombstone":
        return Kind.UNKNOWN_IDENTIFIER, None
    return _judge_linked(engine, mine, row)


def _judge_linked(engine: Engine, link: Link, row: Row) -> tuple[Kind, Problem | None]:
    if _waits(engine, link):
        return Kind.WAITING, None
    if link.applied is None:
        return Kind.NOT_COMPARED, None
    unlocked = user_edits(engine, link, row).difference(link.locked)
    if unlocked and row.get(engine.names.sync_with_aws):
        return Kind.UNSENT, None
    differing = _differing(engine, link, row, link.applied)
    if differing:
        return Kind.DIFFERENT, _differs(differing)
    return Kind.IN_STEP, None


def _waits(engine: Engine, link: Link) -> bool:
    """Whether something is on its way, or waits for a person already."""
    pending = engine.state.queue.list(key=link.record_id)
    writes = engine.state.writebacks.get(link.record_id) or engine.state.writebacks.of_parent(link.record_id)
    return bool(writes) or link.pending_applied is not None or any(item.state != "done" for item in pending)


def _differing(engine: Engine, link: Link, row: Row, applied: AceRecord) -> list[str]:
    """Return the ACE fields that AWS may write and whose two sides mean something else, in both sides' terms: what
    Salesforce shortens or a picklist merges is no difference, and neither is the person whom AWS has where the record
    names nobody. A reason that is told already is not told again.
    """
    apart = differing_paths(engine, applied, row).difference(link.locked)
    snap, at_aws = snapshot(engine.mapping, row), as_aws_says(engine, applied)
    told = {one.field for one in engine.state.problems.open_for(link.record_id)}
    return sorted(
        item.ace_field
        for item in engine.mapping.fields
        if item.inbound
        and item.path in apart
        and item.ace_field in applied
        and item.ace_field not in told
        and not (engine.catalogue[item.ace_field].assign and snap.get(item.path) is None)
        and at_aws.get(item.path, snap.get(item.path)) != snap.get(item.path)
    )


def _differs(fields: list[str]) -> Problem:
    return Problem(
        "DIFFERS_AT_AWS",
        "",
        ", ".join(fields),
        "Record and opportunity say something else, and nobody's edit waits to be sent.",
        "Save the right value in Salesforce, which sends it, or change it in Partner Central, which brings it in.",
    )


def _changed(engine: Engine, link: Link, carried: str) -> Problem:
    return Problem(
        "IDENTIFIER_CHANGED",
        "apnCrmUniqueIdentifier",
        carried,
        f"The record's AWS identifier is {link.apn_id} and never changes.",
        f"Put {link.apn_id} back into {engine.names.apn_id}.",
    )


def _taken(engine: Engine, owner: Link, carried: str) -> Problem:
    return Problem(
        "IDENTIFIER_TAKEN",
        "apnCrmUniqueIdentifier",
        carried,
        f"The opportunity belongs to record {owner.record_id}"
        + (", which was deleted." if owner.status == "tombstone" else "."),
        f"Clear {engine.names.apn_id} on the copy, or delete the copy.",
    )


def _malformed(engine: Engine, carried: str) -> Problem:
    letter = "L" if engine.record_type == "lead" else "O"
    return Problem(
        "IDENTIFIER_MALFORMED",
        "apnCrmUniqueIdentifier",
        carried,
        f"AWS's identifiers of {engine.record_type} records are {letter} and 1 to 19 digits.",
        f"Correct {engine.names.apn_id}, or clear it to share the record as a new one.",
    )
