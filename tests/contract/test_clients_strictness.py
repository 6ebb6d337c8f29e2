"""The sandbox is no kinder than the platforms: preconditions on reads, silence that lasts, uniqueness under a race."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, MutableMapping
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from salesforce_sandbox import World, running_org, write_metadata

from connector.sandbox.salesforce import create_app


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


async def ask(world: World, body: dict[str, Any], key: str) -> tuple[int, Any]:
    """Send one upsert to the application itself, so that several are under way at once for certain."""
    token = world.worker.session.headers["Authorization"]
    scope: dict[str, Any] = {
        "type": "http",
        "method": "PATCH",
        "raw_path": f"/services/data/v67.0/sobjects/Deal__c/{key}".encode(),
        "query_string": b"",
        "headers": [(b"authorization", str(token).encode()), (b"content-type", b"application/json")],
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": json.dumps(body).encode()}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await create_app(world.org)(scope, receive, send)
    return int(sent[0]["status"]), json.loads(sent[1]["body"])


@pytest.mark.parametrize(("field", "statuses", "rows"), [("Key__c", [201, 400], 1), ("Loose_Key__c", [201, 201], 2)])
def test_first_upserts_that_race(world: World, field: str, statuses: list[int], rows: int) -> None:
    """A unique key makes the second fail with DUPLICATE_VALUE; another external id lets both create a row."""

    async def race() -> list[tuple[int, Any]]:
        return await asyncio.gather(*(ask(world, {"Title__c": one}, f"{field}/K1") for one in ("a", "b")))

    answers = asyncio.run(race())
    assert sorted(status for status, _ in answers) == statuses
    for status, body in answers:
        assert status == 201 or body[0]["errorCode"] == "DUPLICATE_VALUE"
    assert world.worker.query("SELECT COUNT() FROM Deal__c").json()["totalSize"] == rows
    again = world.worker.patch(f"sobjects/Deal__c/{field}/K1", {"Title__c": "c"})
    assert again.status_code == (200 if rows == 1 else 300)
