"""When the org has no room for more logs: nothing is lost, nothing is asked in vain, and the status page says why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.salesforce import MemorySalesforce, Written
from engine.turns import share
from engine.world import World

from connector.errors import ConnectorError, StorageFull
from connector.names import SYNC_LOG, SYNC_LOG_DETAIL
from connector.salesforce.errors import Effect, Entry, Fault, translate
from connector.sync import flush, logs
from connector.sync.log_storage import TROUBLE, purge, require_room

Row = dict[str, Any]


def full(world: World) -> ConnectorError:
    """Return what the door makes of Salesforce's answer."""
    said = Fault(200, (Entry("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded"),))
    return translate(said, effect=Effect.REPEATABLE, now=world.clock.now())


class FullOrg:
    """Lets the org refuse new log rows, one by one or the whole call."""

    def __init__(self, world: World, *, whole: bool) -> None:
        self.world, self.whole, self.calls, self.is_full = world, whole, 0, True
        self.real = MemorySalesforce.upsert

    def upsert(self, door: MemorySalesforce, name: str, key: str, rows: Sequence[Row]) -> Any:
        if not self.is_full or name not in (SYNC_LOG, SYNC_LOG_DETAIL):
            return self.real(door, name, key, rows)
        self.calls += 1
        if self.whole:
            raise full(self.world)
        return [Written(error=full(self.world)) for _ in rows]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("whole", [False, True])
def test_logs_wait_for_room_and_all_of_them_come_later(
    world: World, monkeypatch: pytest.MonkeyPatch, *, whole: bool
) -> None:
    org = FullOrg(world, whole=whole)
    monkeypatch.setattr(MemorySalesforce, "upsert", lambda *given: org.upsert(*given))
    record, apn_id = share(world)
    assert record and apn_id, "the synchronisation itself goes on"
    assert world.salesforce.all(SYNC_LOG) == []
    waiting = world.state.outbox.count()
    assert waiting and org.calls >= 1
    calls = org.calls
    for _ in range(50):
        flush.flush_logs(world.engine)
    assert org.calls <= calls + 1, "writing pauses"
    told = world.engine.troubles[TROUBLE]
    assert "STORAGE_LIMIT_EXCEEDED" in told
    assert "connector logs purge" in told and "Sync_Log_Retention__c" in told
    world.restart()
    flush.flush_logs(world.engine)
    assert org.calls <= calls + 1, "a restart does not end the pause"
    assert TROUBLE in world.engine.troubles
    org.is_full = False
    world.clock.advance(timedelta(hours=2))
    flush.flush_logs(world.engine)
    assert world.state.outbox.count() == 0
    assert TROUBLE not in world.engine.troubles
    assert {logs.PROCESSED} <= {row["Status__c"] for row in world.salesforce.all(SYNC_LOG_DETAIL)}


def test_a_row_is_never_given_up_for_want_of_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    org = FullOrg(world, whole=False)
    monkeypatch.setattr(MemorySalesforce, "upsert", lambda *given: org.upsert(*given))
    share(world)
    waiting = world.state.outbox.count()
    for _ in range(flush.ATTEMPTS * 3):
        world.clock.advance(timedelta(hours=2))
        flush.flush_logs(world.engine)
    assert world.state.outbox.count() >= waiting


def test_the_clean_up_ends_the_pause(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    share(world)
    flush.flush_logs(world.engine)
    old = [row["Id"] for row in world.salesforce.all(SYNC_LOG)]
    org = FullOrg(world, whole=False)
    monkeypatch.setattr(MemorySalesforce, "upsert", lambda *given: org.upsert(*given))
    share(world)
    assert TROUBLE in world.engine.troubles
    assert purge(world.engine, old) == len(old)
    org.is_full = False
    flush.flush_logs(world.engine)
    assert world.state.outbox.count() == 0


def test_what_must_not_end_without_its_log_waits_for_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    require_room(world.engine)
    org = FullOrg(world, whole=False)
    monkeypatch.setattr(MemorySalesforce, "upsert", lambda *given: org.upsert(*given))
    share(world)
    with pytest.raises(StorageFull, match="STORAGE_LIMIT_EXCEEDED") as waits:
        require_room(world.engine)
    assert waits.value.until > world.clock.now()
    org.is_full = False
    world.clock.advance(timedelta(hours=2))
    require_room(world.engine)
    flush.flush_logs(world.engine)
    require_room(world.engine)


@pytest.mark.parametrize("status", [200, 400, 403, 500])
def test_the_door_recognises_the_refusal(world: World, status: int) -> None:
    """Of a row and of a whole request, whatever the HTTP status."""
    said = Fault(status, (Entry("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded"),))
    error = translate(said, effect=Effect.REPEATABLE, now=world.clock.now())
    assert isinstance(error, StorageFull)
    assert error.until > world.clock.now()
