"""The run that applies a published mapping to records that were synchronised before: publishing by itself does not.

Only the AWS fields that are given are touched. Towards AWS their paths count as changed, so that the record becomes
due under the ordinary rules: flag, formula, review and the admin's switches still decide. From AWS a value is brought
in only where Salesforce has none: what a person wrote is never replaced. Where files are exchanged, AWS's value is what
its last file about the record said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from connector.ace import api_shape
from connector.ace.catalogue import Owner
from connector.ace.file_fields import Sent, Version, file_fields
from connector.ace.record import Value
from connector.ace.text import same
from connector.mapping.model import FieldMapping, RecordType
from connector.mapping.outbound import snapshot
from connector.store.links import Link
from connector.store.queue import Work
from connector.sync import logs
from connector.sync.adoption import UNKNOWN
from connector.sync.arrival import canonical
from connector.sync.base import UNDER_WAY
from connector.sync.engine import Engine, Priority
from connector.sync.observe import MARGIN, judge
from connector.sync.ports import Row
from connector.sync.queueing import OUTBOUND, READ_LANE, WRITE_LANE, enqueue_inbound, typed

APPLY = "mapping-apply"
OF = "of"
"""Member of the work's payload that names the record type; without it the work is about opportunities."""
SLICE = 200
"""Links looked at in one go: one or a few calls to Salesforce, so that nothing else waits for long."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run applies.

    Attributes:
        to_aws, from_aws: ACE fields whose values are to go out, and come in.
    """

    to_aws: tuple[str, ...] = ()
    from_aws: tuple[str, ...] = ()


@dataclass(slots=True)
class Counts:
    """What a run found, in records.

    Attributes:
        looked_at: linked records.
        to_aws: of which a value is to go out and that are queued for it.
        waiting: of which a value is to go out, but that are not due now (flag, formula, review): they go once they are.
        from_aws: that are queued because AWS has a value which Salesforce has not.
    """

    looked_at: int = 0
    to_aws: int = 0
    waiting: int = 0
    from_aws: int = 0

    def add(self, other: Counts) -> None:
        for name in Counts.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def apply_key(record_type: RecordType) -> str:
    """Return the key of the work that applies the mapping of a record type."""
    return APPLY if record_type == "opportunity" else f"{APPLY}:{record_type}"


def apply_work(scope: Scope, record_type: RecordType, after: str = "") -> Work:
    """Return the work by which whoever executes looks at the linked records behind the id ``after``.

    It goes to the engine of the opportunities whatever its type: that reads all published mappings anew first.
    """
    payload: dict[str, Any] = {"to_aws": list(scope.to_aws), "from_aws": list(scope.from_aws), "after": after}
    payload |= {OF: record_type} if record_type != "opportunity" else {}
    key = apply_key(record_type)
    return Work(kind=APPLY, key=key, lane=READ_LANE, priority=Priority.BACKFILL, payload=payload)


def links_to_apply(engine: Engine, after: str = "") -> Iterator[Link]:
    """Yield the links of the mapped object that have an opportunity, or a lead, behind the id."""
    found = engine.state.links.iterate(status="linked", object_name=engine.mapping.object_name, after=after)
    return (link for link in found if link.apn_id)


def apply_slice(engine: Engine, scope: Scope, after: str, *, dry: bool = False) -> tuple[Counts, str]:
    """Look at the next linked records; return what was found and where to go on, empty at the end.

    Args:
        dry: only count.
    """
    links = list(islice(links_to_apply(engine, after), SLICE))
    if not links:
        return Counts(), ""
    rows = engine.salesforce.rows(engine.mapping.object_name, [link.record_id for link in links], engine.row_fields())
    counts, run_ids = Counts(), _Runs(engine)
    with engine.state.transaction():
        for link in links:
            if link.record_id in rows:
                counts.add(_apply(engine, link, rows[link.record_id], scope, None if dry else run_ids))
        following = links[-1].record_id if len(links) == SLICE else ""
        if following and not dry:
            engine.state.queue.enqueue(apply_work(scope, engine.record_type, following), engine.now())
    return counts, following


class _Runs:
    """The logs' runs of both directions, begun when something is queued."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._ids = engine, dict[str, str]()

    def of(self, direction: str, purpose: str) -> str:
        if direction not in self._ids:
            self._ids[direction] = logs.start_run(self._engine, direction, purpose)
        return self._ids[direction]


def _apply(engine: Engine, link: Link, row: Row, scope: Scope, runs: _Runs | None) -> Counts:
    going = _going(engine, link, row, scope.to_aws)
    coming = _coming(engine, link, row, scope.from_aws)
    if runs is not None and coming:
        _bring(engine, link, coming, runs)
    due = bool(going) and _offer(engine, link, row, going, runs)
    return Counts(1, int(due), int(bool(going) and not due), int(bool(coming)))


def _items(engine: Engine, names: Collection[str]) -> Iterator[FieldMapping]:
    return (item for item in engine.mapping.fields if item.ace_field in names)


def _going(engine: Engine, link: Link, row: Row, names: Collection[str]) -> tuple[str, ...]:
    """Return the paths of which Salesforce has a value that AWS has not. What is empty here clears nothing there."""
    if link.applied is None:
        return ()  # nothing was compared yet: the ordinary look at AWS does it
    record, _ = engine.to_ace(row)
    at_aws = api_shape.from_get(link.aws) if link.aws else link.applied
    return tuple(
        item.path
        for item in _items(engine, names)
        if record.get(item.ace_field) is not None
        and _is_ours(engine, item)
        and not (item.ace_field in at_aws and same(at_aws[item.ace_field], record[item.ace_field]))
    )


def _is_ours(engine: Engine, item: FieldMapping) -> bool:
    ace = engine.catalogue[item.ace_field]
    if engine.channel == "files":
        version = engine.settings.files.version_for(engine.record_type) or Version.V2
        sent = file_fields(engine.record_type, version).get(item.ace_field)
        return ace.owner is Owner.PARTNER and sent is not None and sent.sent in (Sent.ALWAYS, Sent.AFTER_CREATION)
    return ace.owner is Owner.PARTNER and bool(ace.update_path or ace.associate)


def _coming(engine: Engine, link: Link, row: Row, names: Collection[str]) -> tuple[str, ...]:
    """Return the ACE fields of which AWS has, or may have, a value where Salesforce has none."""
    if link.applied is None:
        return ()
    texts = snapshot(engine.mapping, row)
    known = _known_at_aws(engine, link)
    return tuple(
        item.ace_field
        for item in _items(engine, names)
        if item.inbound
        and texts.get(item.path) is None
        and (known is None or known.get(item.ace_field) is not None or item.from_aws is not None)
    )


def _known_at_aws(engine: Engine, link: Link) -> dict[str, Value] | None:
    """Return AWS's record as it is known here; None where AWS is asked."""
    if engine.channel == "files":
        return link.applied
    return canonical(link.aws, link.summary or {}) if link.aws else None


def _offer(engine: Engine, link: Link, row: Row, paths: Sequence[str], runs: _Runs | None) -> bool:
    """Let the paths count as edited, and queue the record if it is due; return whether it is.

    A row that was modified a moment ago is the next look's, which finds it due by then.
    """
    settled = engine.salesforce.server_time() - datetime.fromisoformat(row["SystemModstamp"]) >= MARGIN
    link.seen = {**link.seen, **dict.fromkeys(paths, UNDER_WAY)}
    link.written = {path: text for path, text in link.written.items() if path not in paths}
    link.locked = {path: text for path, text in link.locked.items() if path not in paths}
    if settled:
        link.row, link.modstamp = row, row["SystemModstamp"]
    due = judge(engine, row, link).due
    if runs is not None:
        engine.state.links.save(link)
        if due and settled:
            run_id = runs.of(logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
            payload = {"run": run_id, **typed(engine)}
            work = Work(OUTBOUND, link.record_id, WRITE_LANE, Priority.BACKFILL, payload)
            engine.state.queue.enqueue(work, engine.now())
    return due


def _bring(engine: Engine, link: Link, names: Sequence[str], runs: _Runs) -> None:
    """Let the fields count as changed at AWS: the ordinary way in then writes them, unless a person was quicker."""
    link.applied = {**(link.applied or {}), **dict.fromkeys(names, UNKNOWN)}
    engine.state.links.save(link)
    run_id = runs.of(logs.FROM_AWS, logs.INBOUND_RECORDS)
    enqueue_inbound(engine, link.apn_id or "", run_id, priority=Priority.BACKFILL, fresh=True)
