"""What changed on the records that mapped fields are read from: an edit of an account alone reaches AWS (MAP-09).

Each related object has a window of SystemModstamp of its own. What it lists is followed to the flagged records that
refer to it, and of those only the ones are read of which a mapped value differs: a user's row moves at each login, an
account's at each roll-up. A record that was never looked at is left to the look over all flagged records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from connector.ace.catalogue import Owner
from connector.errors import ConfigError, MappingError, Retriable
from connector.mapping.describe import ObjectDescribe
from connector.mapping.fallbacks import paths_of
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.outbound import snapshot
from connector.mapping.paths import lookups_on, read_path
from connector.sync.edits import changed_paths
from connector.sync.engine import Engine
from connector.sync.ports import Row

CURSOR, LEADS_CURSOR = "related:", "related-lead:"
"""Opportunities and leads look at the same related objects, each at their own pace."""
TROUBLE, LEADS_TROUBLE = "changes of related records: ", "changes of leads' related records: "
"""Begins the kind of trouble under which the status page tells of one object."""
IDS_PER_QUERY = 200
PARENTS = 200
"""Records that are handed on at once: as many as one query reads."""
STAMP, AUTHOR = "SystemModstamp", "LastModifiedById"

Item = TypeVar("Item")
Editors = Mapping[str, str | None]
"""Who modified a related record last, by its id."""


def watched_objects(engine: Engine) -> dict[str, tuple[str, ...]]:
    """Return the related objects that fields for AWS are read from, each with the paths of the lookups that lead to it.

    All objects that a lookup of several may lead to are among them, and those on the way to others: an account's other
    owner changes ``Account.Owner.Email`` as well.
    """
    found: dict[str, dict[str, None]] = {}
    for path in engine.readable_paths(_related(engine)):
        for lookup in lookups_on(path, engine.mapping.object_name, lambda name: _described(engine, name)):
            for name in lookup.objects:
                found.setdefault(name, {})[lookup.path] = None
    return {name: tuple(paths) for name, paths in found.items()}


def changed_parents(engine: Engine, until: datetime, *, overlap: timedelta) -> Iterator[dict[str, bool]]:
    """Yield the ids of records of which a mapped value on a related record differs from what was seen, some hundred
    at a time, each with whether a person changed it. An object's cursor moves on once all of its were taken.

    It costs one call per related object in which nothing changed. What changed costs, for each lookup to the object,
    one call per 200 records, and one per page of records that refer to them; in each window until the overlap is over,
    so that a change committed late, or in the second of our look, is met. An object that cannot be asked is told under
    the engine's troubles, and holds up no other.

    Args:
        until: where the windows end, by Salesforce's clock.
        overlap: how far they reach back behind the last ones.
    """
    objects = watched_objects(engine)
    _forget_others(engine, objects)
    for name, lookups in objects.items():
        try:
            yield from _changed_on(engine, name, lookups, until, overlap)
        except (ConfigError, MappingError, Retriable) as error:
            engine.troubles[_trouble(engine) + name] = _told(engine, name, str(error))
        else:
            engine.troubles.pop(_trouble(engine) + name, None)


def _related(engine: Engine) -> FieldMap:
    """Return the part of the mapping that is read from related records for AWS, be it by a fallback formula."""
    read = ((item, (item.path, *paths_of(item.to_aws))) for item in engine.mapping.fields)
    fields = (item for item, paths in read if any("." in path for path in paths))
    outward = (item for item in fields if _is_sent(engine, item.ace_field))
    return replace(engine.mapping, fields=tuple(outward))


def _is_sent(engine: Engine, ace_field: str) -> bool:
    known = engine.catalogue.get(ace_field)
    return known is not None and known.owner is Owner.PARTNER


def _described(engine: Engine, object_name: str) -> ObjectDescribe | None:
    try:
        return engine.salesforce.describe(object_name)
    except ConfigError:
        return None


def _cursor(engine: Engine) -> str:
    return LEADS_CURSOR if engine.record_type == "lead" else CURSOR


def _trouble(engine: Engine) -> str:
    return LEADS_TROUBLE if engine.record_type == "lead" else TROUBLE


def _forget_others(engine: Engine, objects: Mapping[str, object]) -> None:
    """An object that no mapped field is on any more begins anew if it comes back."""
    cursor, trouble = _cursor(engine), _trouble(engine)
    for name in engine.state.cursors.all():
        if name.startswith(cursor) and name.removeprefix(cursor) not in objects:
            engine.state.cursors.delete(name)
    for kind in [kind for kind in engine.troubles if kind.startswith(trouble)]:
        if kind.removeprefix(trouble) not in objects:
            del engine.troubles[kind]


def _changed_on(
    engine: Engine, name: str, lookups: Sequence[str], until: datetime, overlap: timedelta
) -> Iterator[dict[str, bool]]:
    describe = engine.salesforce.describe(name)
    stamp = describe.field(STAMP)
    if not describe.queryable or stamp is None or not stamp.filterable:
        raise MappingError(f"{name} cannot be asked by {STAMP}. Map a field of an object that can be.")
    cursor = engine.state.cursors.get(_cursor(engine) + name)
    if cursor is not None:
        fields = ("Id", STAMP, *((AUTHOR,) if describe.field(AUTHOR) else ()))
        since = datetime.fromisoformat(cursor) - overlap
        for page in engine.salesforce.changed(name, fields, since=since, until=until):
            yield from _parents(engine, lookups, {row["Id"]: row.get(AUTHOR) for row in page})
    engine.state.cursors.set(_cursor(engine) + name, until.isoformat())


def _parents(engine: Engine, lookups: Sequence[str], editors: Editors) -> Iterator[dict[str, bool]]:
    """Yield the flagged records that refer to the changed ones by the lookups and do not look as they did."""
    mapping = _related(engine)
    for lookup in lookups:
        for ids in _chunks(editors, IDS_PER_QUERY):
            rows = engine.salesforce.query(_parents_query(engine, mapping, lookup, ids))
            different = (row for row in rows if _differs(engine, mapping, row))
            for some in _chunks(different, PARENTS):
                yield {row["Id"]: _is_person(engine, editors.get(read_path(row, lookup))) for row in some}


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def _parents_query(engine: Engine, mapping: FieldMap, lookup: str, ids: Sequence[str]) -> str:
    # A formula may spell a field otherwise than we do; Salesforce takes each field once.
    fields = {name.lower(): name for name in (*engine.readable_paths(mapping), lookup, "Id")}.values()
    # Without their check characters, which Salesforce does not need, the condition stays below 4,000 characters.
    listed = ", ".join(f"'{one[:15]}'" for one in ids)
    return (
        f"SELECT {', '.join(fields)} FROM {mapping.object_name} "  # noqa: S608 - names and ids are the org's own
        f"WHERE {engine.names.sync_with_aws} = true AND {lookup} IN ({listed})"
    )


def _differs(engine: Engine, mapping: FieldMap, row: Row) -> bool:
    """Whether a related value is not the one of the last look, or waits to be sent: the row may have been read since
    without being judged.
    """
    link = engine.state.links.get(row["Id"])
    if link is None or link.row is None:
        return False
    snap = snapshot(mapping, row)
    return snap != snapshot(mapping, link.row) or bool(changed_paths(link, snap))


def _is_person(engine: Engine, editor: str | None) -> bool:
    return editor is not None and editor not in engine.settings.integration_users


def _told(engine: Engine, name: str, reason: str) -> str:
    minutes = engine.settings.due_sweep_minutes
    return (
        f"Whether {name} changed could not be asked: {reason} "
        f"Until that is mended, the look over all flagged records, every {minutes} minutes, finds such changes."
    )
