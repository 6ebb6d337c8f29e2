"""From draft to version: publish, roll back, compare, and carry a mapping to another org; free of how it is asked for.

Another primary object is a change of its own. Records of the earlier object that are linked to opportunities are set
aside then: nothing goes out for them, nothing new is created for their opportunities, and what AWS says of those is
told and not written. An opportunity goes over to a record of the new object as soon as that record carries its
identifier; publishing a version for the earlier object takes its records up again. It is refused while an edit of one
of them has not reached AWS, since nobody would look at that edit any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice, pairwise

from connector.admin.mapping_desk import MappingDesk
from connector.errors import MappingError, Problem
from connector.mapping.difference import changed_from_aws, changed_to_aws, differences
from connector.mapping.fit import is_blocking, spelled_as, working_part
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.model import RecordType, from_document
from connector.mapping.outbound import readable_paths, snapshot
from connector.mapping.portable import from_text, to_yaml
from connector.names import SyncFields
from connector.service.mirror import MIRROR
from connector.store.links import Link
from connector.store.queue import Work
from connector.sync.edits import changed_paths
from connector.sync.engine import Priority
from connector.sync.mapping_apply import Scope
from connector.sync.queueing import OUTBOUND, READ_LANE, REQUEST

_BATCH = 200
_NAMED = 10
"""Records that a message names."""
_APPLIED = "mapping-applied:"
_PLURAL: Mapping[RecordType, str] = {"opportunity": "opportunities", "lead": "leads"}


@dataclass(frozen=True, slots=True)
class Release:
    """A version that was put in force.

    Attributes:
        problems: of it, none of them blocking.
        scope: AWS fields whose values may differ for records that were synchronised before: they are not looked at by
            themselves.
        set_aside: linked records of an earlier object.
    """

    version: int
    problems: tuple[Problem, ...]
    scope: Scope
    set_aside: int = 0


@dataclass(frozen=True, slots=True)
class PastVersion:
    """One published version, and what it changed."""

    version: int
    by: str
    published_at: datetime
    note: str
    object_name: str
    differences: tuple[str, ...]


def publish(desk: MappingDesk, note: str = "", *, move: bool = False) -> Release:
    """Put the draft in force.

    Args:
        note: what changed, for the history.
        move: set linked records of an earlier object aside.

    Raises MappingError naming every problem that keeps the draft from working.
    """
    document = desk.store.draft(desk.record_type)
    if document is None:
        raise MappingError(f"There is no draft of the {desk.record_type} mapping. Change the mapping first.")
    draft = from_document({**document, "version": 0})
    _refuse_shared_object(desk, draft)
    before, problems = desk.published(), desk.check(draft)
    _refuse(problem for problem in problems if is_blocking(problem))
    aside = _guard_move(desk, before, draft, move=move)
    version = desk.store.publish(desk.record_type, desk.by, desk.runtime.clock.now(), note, checked=document)
    _show_in_salesforce(desk)
    return Release(version, problems, scope_between(before, draft), aside)


def roll_back(desk: MappingDesk, version: int, *, move: bool = False) -> Release:
    """Publish an earlier version again, as a new one; a draft stays.

    What is wrong with it today and is not wrong with the version in force is refused.
    """
    target, before = desk.version(version), desk.require_published()
    _refuse_shared_object(desk, target)
    problems, known = desk.check(target), set(desk.check(before))
    _refuse(problem for problem in problems if is_blocking(problem) and problem not in known)
    aside = _guard_move(desk, before, target, move=move)
    number = desk.store.rollback(desk.record_type, version, desk.by, desk.runtime.clock.now())
    _show_in_salesforce(desk)
    return Release(number, problems, scope_between(before, target), aside)


def _refuse_shared_object(desk: MappingDesk, mapping: FieldMap) -> None:
    """Raise MappingError where the records of the mapping's object are of the other type already: of none of them could
    anybody tell what it is.
    """
    other: RecordType = "lead" if desk.record_type == "opportunity" else "opportunity"
    published = desk.store.published(other)
    if published is None or str(published[1]["object"]).lower() != mapping.object_name.lower():
        return
    raise MappingError(
        f"{mapping.object_name} is the object of the {other} mapping in force, and an object is one or the other: its "
        f"records cannot be {desk.record_type} records too. Choose another object with {desk.way('object')}, or "
        f"publish the {other} mapping for another one first ({desk.way('object', other)})."
    )


def _show_in_salesforce(desk: MappingDesk) -> None:
    """Let the worker write the new version to where admins see it in Salesforce."""
    work = Work(kind=MIRROR, key=MIRROR, lane=READ_LANE, priority=Priority.SWEEP)
    desk.runtime.state.queue.enqueue(work, desk.runtime.clock.now())


def scope_between(before: FieldMap | None, after: FieldMap) -> Scope:
    """Return what has to be brought to records that were synchronised under the mapping before; nothing where there
    was none.
    """
    if before is None:
        return Scope()
    return Scope(changed_to_aws(before, after), changed_from_aws(before, after))


def compare(desk: MappingDesk, old: str = "", new: str = "") -> tuple[str, ...]:
    """Return what changed between two versions, each a number or ``draft``; from the version in force to the draft
    (or from the version before to it, where there is no draft).
    """
    target = new or ("draft" if desk.draft() else str(desk.require_published().version))
    after = _named(desk, target)
    if old:
        return differences(_named(desk, old), after)
    number = (desk.published() or after).version if target == "draft" else int(target) - 1
    return differences(desk.version(number) if number else None, after)


def history(desk: MappingDesk) -> tuple[PastVersion, ...]:
    """Return the published versions, newest first, each with what it changed."""
    versions = desk.store.history(desk.record_type)
    mappings = {one.version: desk.version(one.version) for one in versions}
    return tuple(
        PastVersion(
            one.version, one.by, one.published_at, one.note, mappings[one.version].object_name,
            differences(mappings.get(one.version - 1), mappings[one.version]),
        )
        for one in versions
    )  # fmt: skip


def export_text(desk: MappingDesk, *, draft: bool = False) -> str:
    """Return the published mapping, or the draft, as a file for review and for another org (MAP-44)."""
    mapping = desk.draft() if draft else desk.require_published()
    if mapping is None:
        raise MappingError(
            f"There is no draft of the {desk.record_type} mapping. Export the version in force {desk.way('published')}."
        )
    return to_yaml(mapping, desk.catalogue)


def import_text(desk: MappingDesk, text: str) -> tuple[FieldMap, tuple[Problem, ...]]:
    """Make the draft what a file says, names spelled as this org spells them; return it with every problem it has here.

    Raises MappingError, with everything wrong at once, for a file that is no mapping of this record type, and for
    fields that this org or AWS cannot have; what is only missing stops publishing, and not the import.
    """
    mapping = from_text(text)
    if mapping.record_type != desk.record_type:
        raise MappingError(
            f"The file holds a mapping of {mapping.record_type} records, and the two mappings are separate. Import it "
            f"with {desk.way('import', mapping.record_type)}."
        )
    mapping = _as_this_org_spells(desk, replace(mapping, version=0))
    problems = desk.check(mapping)
    _refuse(one for one in problems if is_blocking(one) and one.code not in _TO_BE_DONE)
    desk.save(mapping)
    return mapping, problems


_TO_BE_DONE = frozenset({"REQUIRED_UNMAPPED"})


def _as_this_org_spells(desk: MappingDesk, mapping: FieldMap) -> FieldMap:
    described = desk.describe(mapping.object_name)
    if described is None:
        return mapping
    own = mapping.own_fields
    if own is not None:
        own = SyncFields(*(found.name if (found := described.field(name)) else name for name in own.all))
    return spelled_as(replace(mapping, object_name=described.name, own_fields=own), desk.describe)


def _named(desk: MappingDesk, name: str) -> FieldMap:
    if name != "draft":
        if not name.isdigit():
            raise MappingError(f"{name!r} is no version: give a number that the history lists, or draft.")
        return desk.version(int(name))
    draft = desk.draft()
    if draft is None:
        raise MappingError(f"There is no draft of the {desk.record_type} mapping.")
    return draft


def _refuse(problems: Iterator[Problem]) -> None:
    told = [str(problem) for problem in problems]
    if told:
        raise MappingError("The mapping cannot work:\n" + "\n".join(told))


# What was applied to records


def pending_scope(desk: MappingDesk, since: int | None = None) -> Scope:
    """Return what has changed since a version, by default since the one that was applied last, or the first."""
    mapping = desk.require_published()
    meta = desk.runtime.state.meta
    last = {side: since or int(meta.get(_mark(desk, side)) or 1) for side in ("to_aws", "from_aws")}
    steps = _steps(desk, min(last.values()), mapping.version)
    going = {name for number, scope in steps if number > last["to_aws"] for name in scope.to_aws}
    coming = {name for number, scope in steps if number > last["from_aws"] for name in scope.from_aws}
    mapped = [item.ace_field for item in mapping.fields]
    receiving = [item.ace_field for item in mapping.fields if item.inbound]
    return Scope(tuple(name for name in mapped if name in going), tuple(name for name in receiving if name in coming))


def _steps(desk: MappingDesk, first: int, last: int) -> list[tuple[int, Scope]]:
    """Return what each version behind the first changed: a field that went and came back was not looked at between."""
    versions = [desk.version(number) for number in range(first, last + 1)]
    return [(after.version, scope_between(before, after)) for before, after in pairwise(versions)]


def remember_applied(desk: MappingDesk, scope: Scope) -> None:
    """Remember, by side, that the version in force was applied."""
    version = str(desk.require_published().version)
    for side in ("to_aws", "from_aws"):
        if getattr(scope, side):
            desk.runtime.state.meta.set(_mark(desk, side), version)


def _mark(desk: MappingDesk, side: str) -> str:
    return f"{_APPLIED}{desk.record_type}:{side}"


# Another primary object


def _guard_move(desk: MappingDesk, before: FieldMap | None, after: FieldMap, *, move: bool) -> int:
    """Return how many linked records of the earlier object are set aside. Raises MappingError unless that is meant, and
    while an edit of one of them is not at AWS.
    """
    if before is None or before.object_name.lower() == after.object_name.lower():
        return 0
    live = list(_live(desk, before.object_name))
    if not live:
        return 0
    if not move:
        raise MappingError(
            f"{len(live)} records of {before.object_name} are linked to {_PLURAL[desk.record_type]} at AWS, and this "
            f"mapping is for {after.object_name}. They would be set aside: neither side's changes of them would be "
            f"carried over until a record of {after.object_name} carries the {desk.record_type}'s identifier. If that "
            f"is meant, publish with {desk.way('move')}."
        )
    unsent = dict.fromkeys((*_waiting(desk, live), *_edited(desk, before, live)))
    if unsent:
        named = ", ".join(islice(unsent, _NAMED)) + (", …" if len(unsent) > _NAMED else "")
        raise MappingError(
            f"{len(unsent)} records of {before.object_name} have edits that are not at AWS yet, which would be lost "
            f"sight of: {named}. Send them with {desk.way('send')}, or take the edits back; {desk.way('preview')} "
            "tells what keeps one. Then publish again."
        )
    return len(live)


def _live(desk: MappingDesk, object_name: str) -> Iterator[Link]:
    shares = {share.record_id for share in desk.runtime.state.shares.open()}
    for link in desk.runtime.state.links.iterate(object_name=object_name):
        if link.status != "tombstone" and (link.apn_id or link.record_id in shares):
            yield link


def _waiting(desk: MappingDesk, live: Sequence[Link]) -> Iterator[str]:
    state = desk.runtime.state
    shares = {share.record_id for share in state.shares.open()}
    for link in live:
        busy = any(
            item.kind in (OUTBOUND, REQUEST) and item.state in ("waiting", "held", "leased")
            for item in state.queue.list(key=link.record_id)
        )
        if busy or link.record_id in shares or state.writebacks.get(link.record_id) is not None:
            yield link.record_id


def _edited(desk: MappingDesk, before: FieldMap, live: Sequence[Link]) -> Iterator[str]:
    """Yield the flagged records whose mapped fields differ from what was last sent, as they stand in Salesforce now."""
    mapping, _ = working_part(spelled_as(before, desk.describe), desk.describe)
    flag = desk.names(before).sync_with_aws
    fields = tuple(dict.fromkeys(("Id", flag, *readable_paths(mapping, desk.describe))))
    for start in range(0, len(live), _BATCH):
        links = live[start : start + _BATCH]
        rows = desk.runtime.salesforce.rows(mapping.object_name, [link.record_id for link in links], fields)
        for link in links:
            row = rows.get(link.record_id)
            if row is not None and row[flag] and changed_paths(link, snapshot(mapping, row)):
                yield link.record_id
