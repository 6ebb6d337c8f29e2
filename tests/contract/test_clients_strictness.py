"""The sandbox is no kinder than the platforms: preconditions on reads, silence that lasts, uniqueness under a race."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import requests
from salesforce_sandbox import World, running_org, write_metadata


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_org(write_metadata(tmp_path / "source"), tmp_path / "keys") as found:
        yield found


def test_a_row_that_changed_since_is_not_read(world: World) -> None:
    """412 for a time before the change, the row for its own second."""
    deal = world.worker.deal()
    changed = world.clock.now()
    path = f"sobjects/Deal__c/{deal}"
    for age, status in ((timedelta(0), 200), (timedelta(hours=1), 412)):
        when = format_datetime(changed - age, usegmt=True)
        assert world.worker.get(path, headers={"If-Unmodified-Since": when}).status_code == status


def test_a_server_that_times_out_says_nothing(world: World) -> None:
    """A client with less patience gives up first, and the server is well afterwards."""
    world.faults.add("salesforce", "limits", "timeout_before", seconds=30)
    started = time.monotonic()
    with pytest.raises(requests.exceptions.ReadTimeout):
        world.worker.session.get(f"{world.url}/services/data/v67.0/limits", timeout=0.3)
    assert time.monotonic() - started < 20
    assert world.worker.get("limits").status_code == 200


def test_silence_ends_by_a_cut_connection(world: World) -> None:
    """After the time that was asked for."""
    world.faults.add("salesforce", "limits", "timeout_before", seconds=0.1)
    with pytest.raises(requests.ConnectionError) as caught:
        world.worker.get("limits")
    assert not isinstance(caught.value, requests.exceptions.ReadTimeout)


def test_pages_come_short_at_times(world: World) -> None:
    """Some page before the last has fewer rows than were asked for, and all rows come nevertheless."""
    world.org.insert("Deal__c", [{"Title__c": "T"} for _ in range(3000)])
    sizes, total = [], 0
    page = world.worker.query("SELECT Id FROM Deal__c", headers={"Sforce-Query-Options": "batchSize=200"}).json()
    while True:
        total += len(page["records"])
        if page["done"]:
            break
        sizes.append(len(page["records"]))
        page = world.worker.get(page["nextRecordsUrl"]).json()
    assert total == 3000
    assert min(sizes) < 200
    assert max(sizes) == 200
