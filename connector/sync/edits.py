"""What a person changed and AWS has not got yet, and where that meets a change of AWS's: the edit wins (IN-25)."""

from __future__ import annotations

from connector.ace.catalogue import Owner
from connector.ace.record import AceRecord
from connector.ace.text import same
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.outbound import snapshot
from connector.mapping.paths import read_path
from connector.store.links import Link
from connector.sync.engine import Engine
from connector.sync.ports import Row


def changed_paths(link: Link | None, snap: dict[str, str | None]) -> tuple[str, ...]:
    """Return the mapped paths whose value is neither the last seen nor the last written, nor one that AWS refused as
    locked.
    """
    if link is None:
        return ()
    return tuple(
        path
        for path, value in snap.items()
        # A path that was never seen was mapped only since: a mapping is not retroactive.
        if path in link.seen
        and value != link.seen[path]
        and (path not in link.written or value != link.written[path])
        and (path not in link.locked or value != link.locked[path])
    )


def changed_at_aws(applied: AceRecord, now: AceRecord) -> set[str]:
    """Return the ACE fields whose value at AWS is not the one that Salesforce was last brought to."""
    return {name for name, value in now.items() if not same(applied.get(name), value)}


def user_edits(engine: Engine, link: Link, row: Row) -> set[str]:
    """Return the mapped paths that differ both from what was last seen and from what we last wrote, and those where a
    write of ours is in doubt.

    While a record is shared for the first time it was not seen as a whole yet: what it was created with at AWS counts
    instead.
    """
    if link.applied is not None and (not link.seen or _first_share(engine, link)):
        return differing_paths(engine, link.applied, row)
    snap = snapshot(engine.mapping, row)
    differing = {
        path
        for path, value in snap.items()
        if value != link.seen.get(path) and (path not in link.written or value != link.written[path])
    }
    return differing | _doubtful_paths(engine, link, row)


def _first_share(engine: Engine, link: Link) -> bool:
    share = engine.state.shares.get(link.record_id)
    return share is not None and bool(share.create_request)


def differing_paths(engine: Engine, applied: AceRecord, row: Row) -> set[str]:
    """Return the mapped paths of which the row says something else than the record."""
    record, _ = engine.to_ace(row)
    return {
        field.path
        for field in engine.mapping.fields
        if field.ace_field in record and not same(applied.get(field.ace_field), record[field.ace_field])
    }


def conflicting(engine: Engine, link: Link, row: Row, changed: set[str]) -> dict[str, str]:
    """Return ACE field → Salesforce path of the changes that meet a person's edit which AWS has not got yet: the edit
    wins.
    """
    edits = user_edits(engine, link, row)
    record, _ = engine.to_ace(row)
    return {
        field.ace_field: field.path
        for field in engine.mapping.fields
        if field.ace_field in changed
        and field.path in edits
        and engine.catalogue[field.ace_field].owner is Owner.PARTNER
        and field.ace_field in record
    }


def _doubtful_paths(engine: Engine, link: Link, row: Row) -> set[str]:
    """Paths of a write of ours whose outcome is unknown, on a record that a person touched since: what stands there
    may be their word.
    """
    ours = engine.settings.integration_users
    return {path for path in link.written if _modifier(row, path) not in ours}


def _modifier(row: Row, path: str) -> str | None:
    """Return who modified the record last that the path's field is on; of a related one that was read without it, the
    primary record's.
    """
    above, dot, _ = path.rpartition(".")
    try:
        modifier: str | None = read_path(row, f"{above}{dot}LastModifiedById")
    except KeyError:
        modifier = row.get("LastModifiedById")
    return modifier


def conflict_note(mapping: FieldMap, overridden: AceRecord) -> str:
    """Return in words which changes of AWS's gave way to a person's edit (IN-25); ``overridden`` holds AWS's values."""
    parts = [
        f"{field.ace_field}: AWS changed it to {overridden[field.ace_field]!s} while an edit of {field.path} was not "
        "sent yet; the edit is kept."
        for field in mapping.fields
        # Where AWS may not write, it cannot be in conflict either.
        if field.inbound and field.ace_field in overridden
    ]
    return " ".join(parts)
