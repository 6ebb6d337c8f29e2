"""What waited is asked after before it goes out: its record may have been withdrawn or deleted meanwhile.

The looks at changes see flagged rows only. A record that waits for a review, a quota or its turn in a long queue is
therefore looked at once more, many at a time, so that nothing goes to AWS after a person took the flag away.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from connector.errors import RecordRejected
from connector.store.links import Link
from connector.store.queue import Item
from connector.sync import logs
from connector.sync.engine import TYPE, Engine
from connector.sync.problems import invisible
from connector.sync.queueing import OUTBOUND
from connector.sync.set_aside import is_set_aside
from connector.sync.writeback import bury

BEFORE_SHARING = timedelta(minutes=1)
BEFORE_UPDATING = timedelta(minutes=5)
"""How old the last look at a row may be when its record goes out; shorter where it cannot be taken back."""
BATCH = 200
MOST_REMEMBERED = 10_000


def withdrawn(engine: Engine, item: Item, run_id: str) -> bool:
    """Return whether the record of a waiting turn is not to go out any more; its reasons are closed then.

    Raises:
        RecordRejected: the record cannot be seen any more, which is not the same as deleted.
    """
    link = engine.state.links.get(item.key)
    if link is None or link.row is None or link.status == "tombstone" or is_set_aside(engine, link):
        return False
    if _looked_lately(engine, item, link):
        return False
    _look(engine, item.key)
    if item.key in engine.looked_at:
        return False
    if item.key in engine.salesforce.deleted(link.object_name, [item.key]):
        bury(engine, link)
        return True
    if item.key not in engine.salesforce.rows(link.object_name, [item.key], ("Id",)):
        raise RecordRejected((invisible(link),))
    link.requested = False
    engine.state.links.save(link)
    logs.resolve(engine, item.key, run_id)
    return True


def _looked_lately(engine: Engine, item: Item, link: Link) -> bool:
    looked: datetime = engine.looked_at.get(item.key, item.created_at)
    return engine.now() - looked < (BEFORE_UPDATING if link.apn_id else BEFORE_SHARING)


def _look(engine: Engine, record_id: str) -> None:
    """Ask for the flag of the record and of those that wait behind it, in one call."""
    if len(engine.looked_at) > MOST_REMEMBERED:
        engine.looked_at.clear()
    waiting = [item for item in engine.state.queue.list("waiting", BATCH) if item.kind == OUTBOUND]
    ours = (item.key for item in waiting if item.payload.get(TYPE, "opportunity") == engine.record_type)
    keys = list(dict.fromkeys((record_id, *ours)))[:BATCH]
    flag = engine.names.sync_with_aws
    rows = engine.salesforce.rows(engine.mapping.object_name, keys, ("Id", flag))
    now = engine.now()
    for key in keys:
        if key in rows and rows[key][flag]:
            engine.looked_at[key] = now
        else:
            engine.looked_at.pop(key, None)
