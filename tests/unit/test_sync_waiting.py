"""What waits: it is asked after before it goes out, it says why it waits, and no job waits for a person for ever."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog
from engine.fields import FLAG
from engine.partner_central import MemoryPartnerCentral
from engine.salesforce import OPPORTUNITY, MemorySalesforce, Written
from engine.turns import deal, open_codes, share, turn
from engine.world import World

from connector.errors import (
    AuthFailed,
    ConnectorError,
    Deferred,
    MappingError,
    Problem,
    RecordRejected,
    Refused,
    Retriable,
)
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.sync import queueing

NEXT_STEP = "Next_Step__c"


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def next_step(world: World, apn_id: str) -> Any:
    return world.partner_central.opportunities[apn_id]["LifeCycle"].get("NextSteps")


def failing(monkeypatch: pytest.MonkeyPatch, door: type, method: str, error: ConnectorError) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(door, method, fail)


@pytest.mark.parametrize("how", ["unflagged", "deleted"])
def test_a_record_that_waited_is_not_shared_after_it_was_withdrawn(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Sharing cannot be taken back, and the looks at changes see flagged rows only."""
    turn(world)
    used_up = Deferred("The daily share is used up.", world.clock.now() + timedelta(hours=20))
    with monkeypatch.context() as patch:
        failing(patch, MemoryPartnerCentral, "create_opportunity", used_up)
        record_id = deal(world)
        turn(world)
    world.clock.advance(timedelta(hours=1))
    if how == "unflagged":
        world.salesforce.user_edits(record_id, {FLAG: False, "Customer_Company_Name__c": "Example Rail"})
    else:
        world.salesforce.user_deletes(record_id)
    for _ in range(3):
        turn(world, minutes=60 * 24)
    assert world.partner_central.opportunities == {}
    assert open_codes(world, record_id) == ([] if how == "unflagged" else ["DELETED_IN_SALESFORCE"])


def test_a_withdrawn_edit_goes_out_once_the_record_is_flagged_again(world: World) -> None:
    record_id = deal(world)
    turn(world)
    [apn_id] = world.partner_central.opportunities
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    turn(world)
    assert open_codes(world, record_id) == ["HELD_IN_REVIEW"]
    world.salesforce.user_edits(record_id, {FLAG: False})
    world.partner_central.aws_reviews(apn_id, "Approved")
    for _ in range(2):
        turn(world)
    assert next_step(world, apn_id) is None
    world.salesforce.user_edits(record_id, {FLAG: True})
    for _ in range(2):
        turn(world)
    assert next_step(world, apn_id) == "Sign"


@pytest.mark.parametrize("error", [AuthFailed("UpdateOpportunity: access denied."), Retriable("AWS answered 500.")])
def test_an_edit_that_waits_for_long_says_why_and_goes_out_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch, error: ConnectorError
) -> None:
    """Promises 1 and 4."""
    record_id, apn_id = share(world)
    with monkeypatch.context() as patch:
        failing(patch, MemoryPartnerCentral, "update_opportunity", error)
        world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
        for _ in range(8):
            turn(world)
        assert open_codes(world, record_id) == ["WAITING"]
        [detail] = [one for one in world.salesforce.all(SYNC_LOG_DETAIL) if one.get(Detail.ERROR_CODE) == "WAITING"]
        assert detail[Detail.STATUS] == "Pending" and str(error) in detail[Detail.ERROR_MESSAGE]
        assert world.engine.troubles == {"outbound": str(error)}
    for _ in range(2):
        turn(world)
    assert (next_step(world, apn_id), open_codes(world, record_id)) == ("Sign", [])
    assert world.engine.troubles == {}


@pytest.mark.parametrize("error", [MappingError("No such column Next_Step__c."), Refused("A guard stopped it.")])
def test_a_job_comes_back_by_itself_once_its_cause_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch, error: ConnectorError
) -> None:
    """Promise 1: one hidden field must not stop all that goes out for good."""
    record_id, apn_id = share(world)
    with monkeypatch.context() as patch:
        failing(patch, MemorySalesforce, "changed", error)
        turn(world)
        assert world.engine.troubles == {"poll": str(error), "due-sweep": str(error)}
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    for _ in range(2):
        turn(world)
    assert (next_step(world, apn_id), world.engine.troubles) == ("Sign", {})


def test_what_salesforce_refused_is_no_edit_of_a_person(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unrelated edit must not take back a colleague's change that Salesforce could not take."""
    record_id, apn_id = share(world, Next_Step__c="Sign")
    update = MemorySalesforce._update
    trouble = Problem("FIELD_CUSTOM_VALIDATION_EXCEPTION", NEXT_STEP, "Call them", "No calls.", "Write.")

    def refuse(self: MemorySalesforce, name: str, row: dict[str, Any], unless: Any) -> Written:
        if name == OPPORTUNITY and row.get(NEXT_STEP) == "Call them":
            return Written(row["Id"], error=RecordRejected((trouble,)))
        return update(self, name, row, unless)

    monkeypatch.setattr(MemorySalesforce, "_update", refuse)
    world.partner_central.colleague_edits(apn_id, lambda one: one["LifeCycle"].update(NextSteps="Call them"))
    for _ in range(2):
        turn(world)
    assert open_codes(world, record_id) == ["FIELD_CUSTOM_VALIDATION_EXCEPTION"]
    world.salesforce.user_edits(record_id, {"Expected_Monthly_AWS_Revenue__c": Decimal(800)})
    for _ in range(2):
        turn(world)
    answer = world.partner_central.opportunities[apn_id]
    assert Decimal(answer["Project"]["ExpectedCustomerSpend"][0]["Amount"]) == 800
    assert next_step(world, apn_id) == "Call them"


def test_a_refused_inbound_record_is_not_called_processed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    record_id, apn_id = share(world, Next_Step__c="Sign")
    before = {one["Id"] for one in world.salesforce.all(SYNC_LOG_DETAIL)}
    update = MemorySalesforce._update
    trouble = Problem("FIELD_CUSTOM_VALIDATION_EXCEPTION", NEXT_STEP, "Call them", "No calls.", "Write.")

    def refuse(self: MemorySalesforce, name: str, row: dict[str, Any], unless: Any) -> Written:
        if name == OPPORTUNITY and row.get(NEXT_STEP) == "Call them":
            return Written(row["Id"], error=RecordRejected((trouble,)))
        return update(self, name, row, unless)

    monkeypatch.setattr(MemorySalesforce, "_update", refuse)
    world.partner_central.colleague_edits(apn_id, lambda one: one["LifeCycle"].update(NextSteps="Call them"))
    turn(world)
    fresh = [one for one in world.salesforce.all(SYNC_LOG_DETAIL) if one["Id"] not in before]
    assert [one[Detail.STATUS] for one in fresh if one[Detail.RECORD_ID] == record_id] == ["Error"]


def test_forgetting_a_persons_data_keeps_what_waits_going(world: World) -> None:
    record_id = deal(world)
    turn(world)
    [apn_id] = world.partner_central.opportunities
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    turn(world)
    world.state.forget(record_id)
    world.partner_central.aws_reviews(apn_id, "Approved")
    for _ in range(4):
        turn(world)
    assert world.state.queue.list("failed") == []


def test_a_record_in_another_currency_is_not_sent_as_dollars(world: World) -> None:
    """Promise 3: where the org has several currencies, the record's own one counts."""
    from connector.mapping.currency import foreign_amounts, with_record_currency

    euro = {"CurrencyIsoCode": "EUR"}
    amount = {"expectedMonthlyAwsRevenue": Decimal(1000)}
    code = "project.expectedCustomerSpend.currencyCode"
    assert with_record_currency(euro, amount)[code] == "EUR"
    assert with_record_currency({}, amount) == amount
    assert with_record_currency(euro, {**amount, code: "USD"})[code] == "USD"
    assert with_record_currency(euro, {"nextStep": "Sign"}) == {"nextStep": "Sign"}
    arriving = {**amount, code: "USD"}
    [problem] = foreign_amounts(world.engine.mapping, euro, arriving, {"expectedMonthlyAwsRevenue"})
    assert (problem.code, problem.field, problem.value) == ("CURRENCY_DIFFERS", *amount, "1000 USD")
    assert foreign_amounts(world.engine.mapping, {"CurrencyIsoCode": "USD"}, arriving, {*amount}) == ()


def test_an_edit_that_spoils_a_record_during_its_first_share_stays_told(world: World) -> None:
    """AWS approves what was created; the later edit is neither sent nor forgotten."""
    world.partner_central.slow = True
    record_id = deal(world)
    for job, seconds, steps in (
        (queueing.DUE_SWEEP, 3, 7),
        (queueing.POLL, 3, 2),
        (queueing.MODIFIED_SWEEP, 400, 3),
        (queueing.POLL, 400, 5),
    ):
        world.clock.advance(timedelta(seconds=seconds))
        world.schedule(job)
        world.execute(steps)
        if job == queueing.DUE_SWEEP:
            # The create goes out as the record was when it was looked at.
            world.salesforce.user_edits(record_id, {"Target_Close_Date__c": "2020-01-01"})
    [apn_id] = world.partner_central.opportunities
    world.partner_central.slow = False
    world.clock.advance(timedelta(minutes=16))
    world.partner_central.finish_tasks()
    world.partner_central.aws_reviews(apn_id, "Approved")
    for _ in range(4):
        turn(world)
    assert world.partner_central.opportunities[apn_id]["LifeCycle"]["TargetCloseDate"] == "2040-03-01"
    assert "INVALID_VALUE" in open_codes(world, record_id)
    world.salesforce.user_edits(record_id, {"Target_Close_Date__c": "2041-06-30"})
    for _ in range(2):
        turn(world)
    assert world.partner_central.opportunities[apn_id]["LifeCycle"]["TargetCloseDate"] == "2041-06-30"
    assert open_codes(world, record_id) == []
