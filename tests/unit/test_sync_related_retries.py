"""A value that Salesforce refused for a related record is offered again by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine.related import RelatedWorld, refusing, shared
from engine.turns import open_codes, turn

from connector.names import Detail
from connector.sync import queueing

pytestmark = pytest.mark.usefixtures("quiet_log")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RelatedWorld]:
    world = RelatedWorld(tmp_path)
    yield world
    world.close()


@pytest.fixture
def account(world: RelatedWorld) -> str:
    return world.salesforce.user_adds_account(BillingCity="Berlin")


def test_a_refused_related_value_is_offered_again_by_itself_a_few_times(
    world: RelatedWorld, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule that an admin relaxes moves nothing that anybody would notice."""
    record, apn_id = shared(world, account)
    code = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    with monkeypatch.context() as patch:
        refusing(patch, account)
        world.at_aws(apn_id, city="Hamburg")
        turn(world)
        for _ in range(3):
            world.only(queueing.FLUSH, seconds=600)
        [detail] = world.details(record, code)
        assert detail[Detail.RETRY_COUNT] == 1, "told on one detail, and not on another each time"
    for _ in range(3):
        world.only(queueing.FLUSH, seconds=3600)
    assert world.salesforce.account(account)["BillingCity"] == "Hamburg"
    assert open_codes(world, record) == []


def test_a_related_value_that_stays_refused_is_not_offered_for_ever(
    world: RelatedWorld, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, apn_id = shared(world, account)
    refusing(monkeypatch, account)
    world.at_aws(apn_id, city="Hamburg")
    turn(world)
    for _ in range(10):
        world.only(queueing.FLUSH, seconds=24 * 3600)
    [detail] = world.details(record, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert detail[Detail.RETRY_COUNT] == world.engine.settings.retry_count
    assert [one for one in world.state.queue.list("waiting") if one.kind == queueing.INBOUND] == []
