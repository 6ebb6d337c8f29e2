"""Schedules of AWS Marketplace's lists: each run lets every seller account's list be read, and sends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine.turns import deal, turn
from market_desk import ISV, PARTNER, Catalog
from steered_world import STRANGER, SteeredWorld

from connector.names import SCHEDULE, PermissionSets, Schedule
from connector.store.queue import Item
from connector.sync import queueing
from connector.sync.engine import Engine
from connector.sync.schedule_memory import LISTS, PRODUCTS


class MarketWorld(SteeredWorld):
    """Two seller accounts are configured; which lists are read is written down."""

    def _start(self) -> None:
        super()._start()
        sellers: dict[str, Any] = {one: Catalog(one) for one in (ISV, PARTNER)}
        self.engine.sellers = sellers
        self.read: list[tuple[str, str]] = []
        self.executor.jobs = {**self.executor.jobs, queueing.LIST: self._read}

    def _read(self, _: Engine, item: Item) -> None:
        self.read.append((item.payload["list"], item.payload["account"]))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MarketWorld]:
    opened = MarketWorld(tmp_path)
    opened.settings = replace(opened.settings, share_automatically=False, update_automatically=False)
    opened.restart()
    turn(opened)
    yield opened
    opened.close()


def shown(world: SteeredWorld, schedule: str) -> tuple[bool, str]:
    row = world.schedule_row(schedule)
    return bool(row[Schedule.ACTIVE]), str(row[Schedule.STATUS])


@pytest.mark.parametrize("name", LISTS)
def test_a_run_reads_the_list_of_every_account(world: MarketWorld, name: str) -> None:
    schedule = world.schedules(**{Schedule.OBJECT: name, Schedule.INTERVAL_MINUTES: 20})
    world.steer(1)
    assert sorted(world.read) == [(name, ISV), (name, PARTNER)]
    world.steer(1)
    assert shown(world, schedule) == (True, "Waiting")
    assert "Marketplace syncs" in str(world.schedule_row(schedule)[Schedule.MESSAGE])
    for _ in range(41):
        world.steer(1)
    assert len(world.read) == 6, "at once, and twice in forty minutes"


def test_no_opportunity_goes_out_by_it_and_no_mapping_is_needed(world: MarketWorld) -> None:
    deal(world)
    turn(world)
    world.engine.mapping = replace(world.engine.mapping, fields=())
    world.schedules(**{Schedule.OBJECT: PRODUCTS})
    world.steer(1)
    turn(world)
    assert world.read and world.partner_central.opportunities == {}


def test_the_lists_have_a_schedule_each_and_a_newer_one_replaces_the_one_before(world: MarketWorld) -> None:
    first, second, third = (world.schedules(**{Schedule.OBJECT: name}) for name in (*LISTS[:2], PRODUCTS))
    world.steer(1)
    assert shown(world, first) == (False, "Deactivated")
    assert shown(world, second)[0] and shown(world, third)[0]


def test_what_a_person_switches_off_is_not_read(world: MarketWorld) -> None:
    schedule = world.schedules(**{Schedule.OBJECT: PRODUCTS, Schedule.INTERVAL_MINUTES: 5})
    world.steer(1)
    world.salesforce.user_saves(SCHEDULE, schedule, STRANGER, **{Schedule.ACTIVE: False})
    world.steer(1)
    world.steer(10)
    assert len(world.read) == 2


def test_a_schedule_survives_a_restart_and_the_loss_of_the_state(world: MarketWorld) -> None:
    world.schedules(**{Schedule.OBJECT: PRODUCTS, Schedule.INTERVAL_MINUTES: 30})
    world.steer(1)
    world.restart()
    world.steer(1)
    assert world.read == []
    world.empty_state()
    for _ in range(32):
        world.steer(1)
    assert len(world.read) == 2, "when its row says"


def test_schedules_end_together(world: MarketWorld) -> None:
    schedule = world.schedules(**{Schedule.OBJECT: PRODUCTS, Schedule.INTERVAL_MINUTES: 5})
    world.steer(1)
    world.salesforce.sets["005000000000002AAA"] = {PermissionSets.BUSINESS_ADMINISTRATOR}
    world.asks("Deactivate Schedules", by="005000000000002AAA")
    world.steer(1)
    world.steer(10)
    assert shown(world, schedule) == (False, "Deactivated")
    assert len(world.read) == 2


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({Schedule.OBJECT: "Agreements"}, "are not available yet"),
        ({Schedule.OBJECT: "Private Offers"}, "are not available yet"),
        ({Schedule.OBJECT: PRODUCTS, Schedule.DISABLE_INBOUND: True}, "does nothing but read from AWS"),
        ({Schedule.OBJECT: PRODUCTS, Schedule.INTERVAL_MINUTES: 4}, "whole minutes from 5"),
    ],
)
def test_what_cannot_run_is_refused_in_words(world: MarketWorld, values: dict[str, Any], told: str) -> None:
    schedule = world.schedules(**values)
    world.steer(1)
    assert shown(world, schedule) == (False, "Refused")
    assert told in str(world.schedule_row(schedule)[Schedule.MESSAGE])
    assert world.read == []


def test_without_a_seller_account_the_remedy_is_told(world: MarketWorld) -> None:
    world.engine.sellers = {}
    schedule = world.schedules(**{Schedule.OBJECT: PRODUCTS})
    world.steer(1)
    assert "[[aws.sellers]]" in str(world.schedule_row(schedule)[Schedule.MESSAGE])


@pytest.mark.parametrize(
    ("held", "objects"),
    [
        (PermissionSets.CHANNEL_PARTNER, {"Shared Resale Authorizations"}),
        (PermissionSets.MARKETPLACE_ADMINISTRATOR, set(LISTS)),
        (PermissionSets.MARKETPLACE_USER, set()),
    ],
)
def test_each_role_schedules_what_is_theirs(world: MarketWorld, held: str, objects: set[str]) -> None:
    world.salesforce.sets[STRANGER] = {held}
    schedules = {name: world.schedules(STRANGER, **{Schedule.OBJECT: name}) for name in LISTS}
    world.steer(1)
    assert {name for name, one in schedules.items() if shown(world, one)[0]} == objects
