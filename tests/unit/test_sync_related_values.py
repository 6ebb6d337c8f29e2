"""Values from AWS for related records: to the record that the parent refers to, never over an edit, never unseen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.fields import APN_ID, LOOKUP, write
from engine.related import CITY, CITY_PATH, RelatedWorld, refusing, shared
from engine.salesforce import INTEGRATION, MemorySalesforce, Written
from engine.turns import deal, open_codes, turn

from connector.errors import Retriable
from connector.mapping.model import FieldMapping
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.sync import queueing
from connector.sync.logs import PROCESSED
from connector.sync.observe import poll_changes
from connector.sync.writeback import flush

pytestmark = pytest.mark.usefixtures("quiet_log")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RelatedWorld]:
    world = RelatedWorld(tmp_path)
    yield world
    world.close()


@pytest.fixture
def account(world: RelatedWorld) -> str:
    return world.salesforce.user_adds_account(BillingCity="Berlin")


def test_a_value_goes_to_the_record_that_the_parent_refers_to_and_is_not_sent_back(
    world: RelatedWorld, account: str
) -> None:
    """MAP-13, MAP-18: the linked account, no other, and the lookup stays as it is."""
    other = world.salesforce.user_adds_account(BillingCity="Oslo")
    record, apn_id = shared(world, account)
    assert world.city_at_aws(apn_id) == "Berlin"
    world.at_aws(apn_id, city="Hamburg")
    turn(world)
    assert world.salesforce.account(account)["BillingCity"] == "Hamburg"
    assert world.salesforce.account(account)["LastModifiedById"] == INTEGRATION
    assert world.salesforce.account(other)["BillingCity"] == "Oslo"
    assert (world.salesforce.row(record) or {})[LOOKUP] == account
    written = world.partner_central.writes
    for _ in range(3):
        turn(world)
    assert world.partner_central.writes == written
    assert open_codes(world, record) == []


def test_an_edit_after_our_write_is_sent(world: RelatedWorld, account: str) -> None:
    _, apn_id = shared(world, account)
    world.at_aws(apn_id, city="Hamburg")
    turn(world)
    world.salesforce.user_edits_account(account, BillingCity="Berlin")
    turn(world)
    assert world.city_at_aws(apn_id) == "Berlin"
    assert world.salesforce.account(account)["BillingCity"] == "Berlin"


def test_a_persons_unsent_edit_of_the_related_field_wins_and_the_log_says_so(world: RelatedWorld, account: str) -> None:
    _, apn_id = shared(world, account)
    world.salesforce.user_edits_account(account, BillingCity="Bremen")
    world.at_aws(apn_id, city="Hamburg", street="Quay 1")
    world.only(queueing.MODIFIED_SWEEP, queueing.FLUSH)
    assert world.salesforce.account(account)["BillingCity"] == "Bremen"
    assert world.salesforce.account(account)["BillingStreet"] == "Quay 1"
    notes = [row for row in world.salesforce.all(SYNC_LOG_DETAIL) if row[Detail.STATUS] == PROCESSED]
    assert any("Hamburg" in str(row[Detail.ERROR_MESSAGE]) and CITY in str(row[Detail.ERROR_MESSAGE]) for row in notes)
    turn(world)
    turn(world)
    assert world.city_at_aws(apn_id) == "Bremen"


def test_an_edit_in_the_moment_of_the_write_is_not_covered_up(world: RelatedWorld, account: str) -> None:
    record, apn_id = shared(world, account)
    world.at_aws(apn_id, city="Hamburg", street="Quay 1")
    world.only(queueing.MODIFIED_SWEEP)
    assert world.state.writebacks.of_parent(record) != []
    world.clock.advance(timedelta(seconds=5))
    world.salesforce.user_edits_account(account, BillingCity="Bremen")
    for _ in range(3):
        turn(world)
    assert world.salesforce.account(account)["BillingCity"] == "Bremen" == world.city_at_aws(apn_id)
    assert world.salesforce.account(account)["BillingStreet"] == "Quay 1"


def test_the_records_own_values_are_written_beside_the_related_ones(world: RelatedWorld, account: str) -> None:
    record, apn_id = shared(world, account)

    def change(answer: dict[str, Any]) -> None:
        write(answer, CITY_PATH, "Hamburg")
        write(answer, "LifeCycle.NextSteps", "Sign")

    world.partner_central.colleague_edits(apn_id, change)
    turn(world)
    assert world.salesforce.account(account)["BillingCity"] == "Hamburg"
    assert (world.salesforce.row(record) or {})["Next_Step__c"] == "Sign"


def test_without_a_related_record_the_value_waits_visibly_for_one(world: RelatedWorld) -> None:
    """MAP-16: filled once the lookup is, by the next push from AWS or by the record's own next turn."""
    record, apn_id = shared(world, None)
    world.at_aws(apn_id, city="Hamburg")
    turn(world)
    assert open_codes(world, record) == ["RELATED_NOT_WRITTEN"]
    [detail] = world.details(record, "RELATED_NOT_WRITTEN")
    for words in ("city", "Hamburg", "Account__r", "Sync with AWS"):
        assert words in detail[Detail.ERROR_MESSAGE]
    account = world.salesforce.user_adds_account()
    world.salesforce.user_edits(record, {LOOKUP: account})
    turn(world)
    turn(world)
    assert world.salesforce.account(account)["BillingCity"] == "Hamburg"
    assert open_codes(world, record) == []
    assert world.city_at_aws(apn_id) == "Hamburg"


def test_without_a_related_record_the_next_push_fills_a_new_one(world: RelatedWorld) -> None:
    record, apn_id = shared(world, None)
    world.at_aws(apn_id, city="Hamburg")
    turn(world)
    account = world.salesforce.user_adds_account()
    world.salesforce.user_edits(record, {LOOKUP: account})
    world.at_aws(apn_id, city="Kiel")
    world.only(queueing.MODIFIED_SWEEP, queueing.FLUSH)
    assert world.salesforce.account(account)["BillingCity"] == "Kiel"


def test_a_related_record_that_is_hidden_is_told_as_such(
    world: RelatedWorld, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_row = MemorySalesforce._read

    def hiding(self: MemorySalesforce, row: dict[str, Any], fields: Any) -> dict[str, Any]:
        return read_row(self, row, fields) | ({"Account__r": None} if LOOKUP in fields else {})

    record, apn_id = shared(world, account)
    monkeypatch.setattr(MemorySalesforce, "_read", hiding)
    world.at_aws(apn_id, city="Hamburg")
    world.only(queueing.MODIFIED_SWEEP, queueing.FLUSH)
    [detail] = world.details(record, "RELATED_NOT_VISIBLE")
    assert LOOKUP in detail[Detail.ERROR_MESSAGE]
    assert world.salesforce.account(account)["BillingCity"] == "Berlin"


def test_the_default_account_is_never_written(world: RelatedWorld, account: str) -> None:
    record, apn_id = shared(world, account)
    world.engine.settings = replace(world.engine.settings, default_account_id=account[:15])
    world.at_aws(apn_id, city="Hamburg")
    turn(world)
    assert world.salesforce.account(account)["BillingCity"] == "Berlin"
    assert open_codes(world, record) == ["RELATED_IS_DEFAULT"]


def test_parents_that_share_a_record_both_have_their_say(world: RelatedWorld, account: str) -> None:
    """The later value of a field stands, values of other fields too; in the end both opportunities say the same."""
    (one, one_id), (two, two_id) = shared(world, account), shared(world, account)
    world.at_aws(one_id, city="Hamburg", street="Quay 1")
    world.at_aws(two_id, city="Kiel")
    world.only(queueing.MODIFIED_SWEEP)
    waiting = world.state.writebacks.due(world.clock.now(), 9)
    assert {entry.parent for entry in waiting if entry.parent} == {one, two}
    for _ in range(4):
        turn(world)
    found = world.salesforce.account(account)
    assert (found["BillingCity"], found["BillingStreet"]) == ("Kiel", "Quay 1")
    assert world.city_at_aws(one_id) == world.city_at_aws(two_id) == "Kiel"
    assert open_codes(world, one) == open_codes(world, two) == []
    assert not world.state.writebacks.waits_for(one) and not world.state.writebacks.waits_for(two)


def test_what_another_parent_wrote_is_no_persons_edit(world: RelatedWorld, account: str) -> None:
    """The later word of AWS's counts, though this parent has not seen the earlier one."""
    world.engine.settings = replace(world.engine.settings, update_automatically=False)
    (_, one_id), (_, two_id) = shared(world, account), shared(world, account)
    world.at_aws(one_id, city="Hamburg")
    world.only(queueing.MODIFIED_SWEEP, queueing.FLUSH)
    assert world.salesforce.account(account)["BillingCity"] == "Hamburg"
    world.at_aws(two_id, city="Kiel")
    world.only(queueing.MODIFIED_SWEEP, queueing.FLUSH)
    assert world.salesforce.account(account)["BillingCity"] == "Kiel"


def test_a_refused_related_write_is_told_on_the_parent_and_holds_up_nothing_else(
    world: RelatedWorld, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, apn_id = shared(world, account)
    refusing(monkeypatch, account)

    def change(answer: dict[str, Any]) -> None:
        write(answer, CITY_PATH, "Hamburg")
        write(answer, "LifeCycle.NextSteps", "Sign")

    world.partner_central.colleague_edits(apn_id, change)
    turn(world)
    assert (world.salesforce.row(record) or {})["Next_Step__c"] == "Sign"
    [detail] = world.details(record, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    for words in ("city", "Hamburg", "Account", account, CITY, "No customers in Hamburg."):
        assert words in detail[Detail.ERROR_MESSAGE]
    monkeypatch.undo()
    world.at_aws(apn_id, street="Quay 1")
    turn(world)
    found = world.salesforce.account(account)
    assert (found["BillingCity"], found["BillingStreet"]) == ("Hamburg", "Quay 1")
    assert open_codes(world, record) == []
    turn(world)
    assert world.city_at_aws(apn_id) == "Hamburg"


def test_a_related_write_that_waits_and_is_refused_then_is_not_taken_for_done(
    world: RelatedWorld, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record's own values arrive meanwhile, which says nothing of the related ones."""
    record, apn_id = shared(world, account)
    world.at_aws(apn_id, city="Kiel")
    turn(world)
    update, locked = MemorySalesforce._update, [account]

    def lock(self: MemorySalesforce, object_name: str, values: dict[str, Any], unless_after: Any) -> Written:
        if values["Id"] in locked:
            return Written(account, error=Retriable("The row is locked.", after=1))
        return update(self, object_name, values, unless_after)

    def change(answer: dict[str, Any]) -> None:
        write(answer, CITY_PATH, "Hamburg")
        write(answer, "LifeCycle.NextSteps", "Sign")

    with monkeypatch.context() as patch:
        patch.setattr(MemorySalesforce, "_update", lock)
        world.partner_central.colleague_edits(apn_id, change)
        world.only(queueing.MODIFIED_SWEEP, queueing.FLUSH)
        assert (world.salesforce.row(record) or {})["Next_Step__c"] == "Sign"
        assert [waiting.attempts for waiting in world.state.writebacks.of_parent(record)] == [1]
    with monkeypatch.context() as patch:
        refusing(patch, account)
        world.only(queueing.FLUSH)
    assert open_codes(world, record) == ["FIELD_CUSTOM_VALIDATION_EXCEPTION"]
    world.at_aws(apn_id, street="Quay 1")
    world.only(queueing.MODIFIED_SWEEP, queueing.FLUSH)
    assert world.salesforce.account(account)["BillingCity"] == "Hamburg"


def test_a_related_record_is_read_once_its_last_second_is_over(world: RelatedWorld, account: str) -> None:
    """A later edit of the same second would bear the same time, and no guard would tell of it."""
    record, apn_id = shared(world, account)
    world.at_aws(apn_id, city="Hamburg")
    world.salesforce.user_edits_account(account, BillingStreet="Quay 1")
    world.only(queueing.MODIFIED_SWEEP, seconds=0)
    assert world.state.writebacks.of_parent(record) == []
    for _ in range(2):
        turn(world)
    found = world.salesforce.account(account)
    assert (found["BillingCity"], found["BillingStreet"]) == ("Hamburg", "Quay 1")


def test_a_related_record_that_is_deleted_meanwhile_is_told_and_buries_nothing(
    world: RelatedWorld, account: str
) -> None:
    record, apn_id = shared(world, account)
    world.at_aws(apn_id, city="Hamburg")
    world.only(queueing.MODIFIED_SWEEP)
    world.salesforce.user_deletes(account)
    world.only(queueing.FLUSH)
    assert world.state.links.require(record).status == "linked"
    [detail] = world.details(record, "RELATED_DELETED")
    for words in ("city", "Hamburg", account, "deleted"):
        assert words in detail[Detail.ERROR_MESSAGE]
    assert not world.state.writebacks.waits_for(record)


def test_a_lookup_that_was_changed_meanwhile_takes_the_value_along(world: RelatedWorld, account: str) -> None:
    record, apn_id = shared(world, account)
    world.at_aws(apn_id, city="Hamburg")
    world.only(queueing.MODIFIED_SWEEP)
    other = world.salesforce.user_adds_account(BillingCity="Berlin")
    world.salesforce.user_edits(record, {LOOKUP: other})
    world.only(queueing.POLL)
    for _ in range(3):
        turn(world)
    assert world.salesforce.account(account)["BillingCity"] == "Berlin"
    assert world.salesforce.account(other)["BillingCity"] == world.city_at_aws(apn_id)


def test_what_waits_for_a_record_that_the_parent_no_longer_refers_to_is_not_written(
    world: RelatedWorld, account: str
) -> None:
    record, apn_id = shared(world, account)
    world.at_aws(apn_id, city="Hamburg")
    world.only(queueing.MODIFIED_SWEEP)
    world.salesforce.user_edits(record, {LOOKUP: world.salesforce.user_adds_account(BillingCity="Berlin")})
    world.clock.advance(timedelta(seconds=10))
    poll_changes(world.engine, "out-1")
    flush(world.engine)
    assert world.salesforce.account(account)["BillingCity"] == "Berlin"
    assert world.state.writebacks.of_parent(record) == []


def test_with_inbound_off_the_related_record_is_left_alone(tmp_path: Path) -> None:
    """MAP-07 on a related path; no conflict is told either (IN-25)."""

    class Closed(RelatedWorld):
        entries = (FieldMapping("city", CITY, False),)

    world = Closed(tmp_path)
    account = world.salesforce.user_adds_account(BillingCity="Berlin")
    record, apn_id = shared(world, account)
    world.at_aws(apn_id, city="Hamburg")
    turn(world)
    assert world.salesforce.account(account)["BillingCity"] == "Berlin"
    assert open_codes(world, record) == []
    world.salesforce.user_edits_account(account, BillingCity="Kiel")
    turn(world)
    assert world.city_at_aws(apn_id) == "Kiel"
    world.close()


def test_after_the_state_was_lost_a_persons_edit_of_the_account_is_still_sent(
    world: RelatedWorld, account: str
) -> None:
    """AWS moved last by the record's own dates, and the account's tell otherwise."""
    _, apn_id = shared(world, account)
    turn(world)
    world.salesforce.user_edits_account(account, BillingCity="Bremen")
    world.at_aws(apn_id, street="Quay 1")
    world.empty_state()
    for _ in range(3):
        turn(world)
    assert world.city_at_aws(apn_id) == world.salesforce.account(account)["BillingCity"] == "Bremen"
    assert world.salesforce.account(account)["BillingStreet"] == "Quay 1"


def test_after_the_state_was_lost_a_change_of_awss_still_reaches_the_account(world: RelatedWorld, account: str) -> None:
    _, apn_id = shared(world, account)
    turn(world)
    world.at_aws(apn_id, city="Hamburg")
    world.empty_state()
    for _ in range(3):
        turn(world)
    assert world.city_at_aws(apn_id) == world.salesforce.account(account)["BillingCity"] == "Hamburg"


@pytest.mark.parametrize("moment", [5, 14, 20, 23, 26, 29])
def test_killed_in_the_midst_the_value_arrives_once(tmp_path: Path, moment: int) -> None:
    """Promise 7: both sides converge to what an uninterrupted run gives, and nothing is sent back."""
    world = RelatedWorld(tmp_path)
    account = world.salesforce.user_adds_account(BillingCity="Berlin")
    record, apn_id = shared(world, account)
    world.at_aws(apn_id, city="Hamburg")
    world.interruptions.arm("crash after commit" if moment % 2 else "crash after", moment)
    for _ in range(4):
        world.alive(lambda: turn(world))
    world.interruptions.disarm()
    turn(world)
    assert world.salesforce.account(account)["BillingCity"] == "Hamburg" == world.city_at_aws(apn_id)
    assert open_codes(world, record) == []
    world.close()


def test_a_record_that_was_flagged_first_keeps_its_account(world: RelatedWorld, account: str) -> None:
    record = deal(world, **{LOOKUP: account})
    turn(world)
    row = world.salesforce.row(record) or {}
    assert row[APN_ID] and row[LOOKUP] == account
