"""The door asks for AWS's answer to one file by name, over real HTTP: nothing is listed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exchange_bucket import KEYS, Bucket, Fault, serve

from connector.aws.errors import AccessRefused
from connector.aws.exchange import ExchangeDoor
from connector.aws.exchange_settings import ExchangeSettings
from connector.errors import StaleRecord

NAME = "opportunity-1_03012026120030.json"
STEM = NAME.removesuffix(".json")


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with serve() as opened:
        yield opened


@pytest.fixture
def bucket(server: Bucket) -> Bucket:
    server.begin()
    return server


@pytest.fixture
def door(bucket: Bucket) -> Iterator[ExchangeDoor]:
    opened = ExchangeDoor(ExchangeSettings(bucket.name, endpoint_url=bucket.url, read_timeout=60.0, **KEYS))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "key",
    [
        f"opportunity-inbound-processed-results/{STEM}_result.json",
        f"opportunity-inbound-results/{STEM}_result.json",
        f"lead-inbound-processed-results/{STEM}_result.json",
        f"opportunity-inbound-results/{STEM}.error.json",
        f"lead-inbound-results/{NAME}.error.json",
    ],
)
def test_an_answer_is_found_by_name_in_any_folder_of_results(bucket: Bucket, door: ExchangeDoor, key: str) -> None:
    """SCHED-04: whatever folder and spelling AWS chose, and without a list call; it can be read and deleted."""
    bucket.put(key, b'{"success": "ALL"}')
    bucket.put(f"opportunity-inbound-results/x{STEM}_result.json", b"[]")
    found = door.find_result("opportunity", NAME)
    assert found is not None and (found.key, found.answers) == (key, NAME)
    assert found.is_error is key.endswith(".error.json") and found.size == 18
    assert door.read(found) == b'{"success": "ALL"}'
    assert not any("list-type" in request.query for request in bucket.requests)
    door.delete(found)
    assert key not in bucket.keys


def test_without_an_answer_there_is_none(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.put(f"opportunity-inbound/{NAME}", b"{}")
    assert door.find_result("opportunity", NAME) is None


def test_an_answer_that_was_replaced_since_is_not_taken_for_the_first(bucket: Bucket, door: ExchangeDoor) -> None:
    key = f"opportunity-inbound-results/{STEM}_result.json"
    bucket.put(key, b"[1]")
    found = door.find_result("opportunity", NAME)
    assert found is not None
    bucket.put(key, b"[2]")
    with pytest.raises(StaleRecord):
        door.read(found)


def test_refused_access_is_no_missing_answer(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.will(Fault(status=403, code="AccessDenied"))
    with pytest.raises(AccessRefused):
        door.find_result("opportunity", NAME)
