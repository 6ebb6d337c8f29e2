"""A value that AWS has locked, kept on a related record, when the record refers to another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine.fields import LOOKUP
from engine.related import ENTRIES, STREET, RelatedWorld, shared
from engine.turns import open_codes, turn

from connector.mapping.model import FieldMapping

pytestmark = pytest.mark.usefixtures("quiet_log")
TITLE, LOCKED, LOST = "Move the data centre", "FIELD_LOCKED", "RELATED_NOT_WRITTEN"


class TitledWorld(RelatedWorld):
    """A world whose mapping keeps the title, which AWS locks once it approved, on the account."""

    entries = (ENTRIES[0], FieldMapping("partnerProjectTitle", STREET, True))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[TitledWorld]:
    world = TitledWorld(tmp_path)
    yield world
    world.close()


@pytest.fixture
def account(world: TitledWorld) -> str:
    return world.salesforce.user_adds_account(BillingCity="Berlin", BillingStreet=TITLE)


def refer(world: TitledWorld, record: str, account: str | None, turns: int = 3) -> None:
    world.salesforce.user_edits(record, {LOOKUP: account})
    for _ in range(turns):
        turn(world)


def street(world: TitledWorld, account: str) -> str | None:
    found: str | None = world.salesforce.account(account).get("BillingStreet")
    return found


@pytest.mark.parametrize("between", [True, False], ids=["emptied before", "at once"])
def test_another_account_without_the_value_gets_awss(world: TitledWorld, account: str, between: bool) -> None:
    record, _ = shared(world, account)
    if between:
        refer(world, record, None)
        assert open_codes(world, record) == [LOST], "it says which lookup to fill, and not what to type"
    other = world.salesforce.user_adds_account(BillingCity="Berlin")
    refer(world, record, other)
    assert street(world, other) == TITLE
    assert street(world, account) == TITLE
    assert open_codes(world, record) == []
    writes = world.partner_central.writes
    refer(world, record, other)
    assert world.partner_central.writes == writes


def test_a_value_of_the_other_accounts_own_is_not_covered_and_told_as_locked(world: TitledWorld, account: str) -> None:
    record, _ = shared(world, account)
    refer(world, record, None)
    other = world.salesforce.user_adds_account(BillingCity="Berlin", BillingStreet="Our own words")
    refer(world, record, other)
    assert street(world, other) == "Our own words"
    assert open_codes(world, record) == [LOCKED]


def test_a_value_that_a_person_takes_away_stays_away_and_is_told(world: TitledWorld, account: str) -> None:
    record, _ = shared(world, account)
    world.salesforce.user_edits_account(account, BillingStreet=None)
    for _ in range(3):
        turn(world)
    assert street(world, account) is None
    assert open_codes(world, record) == [LOCKED]
