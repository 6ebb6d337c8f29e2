"""The share rule: a formula over a record that sets its first share going without a click."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from engine.fields import APN_ID, FLAG, describe_opportunity
from engine.turns import deal, open_codes, turn
from engine.world import World
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Problem, RecordRejected
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.sync.requests import request_record
from connector.sync.share_reason import follow_rule
from connector.sync.share_rule import judge_row, paths_read, rule_problems

BLOCKCHAIN = 'ISPICKVAL(Use_Case__c, "Blockchain")'
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
DEAL = ObjectDescribe(
    "Deal__c",
    "Deal",
    "a01",
    fields={
        "amount__c": FieldDescribe("Amount__c", "Amount", "currency"),
        "name": FieldDescribe("Name", "Name", "string"),
        "account__c": FieldDescribe(
            "Account__c", "Account", "reference", reference_to=("Account",), relationship_name="Account__r"
        ),
    },
)
ACCOUNT = ObjectDescribe("Account", "Account", "001", fields={"rating": FieldDescribe("Rating", "Rating", "picklist")})


def describes(name: str) -> ObjectDescribe | None:
    return {"Deal__c": DEAL, "Account": ACCOUNT}.get(name)


def nobody() -> Any:
    raise AssertionError("nobody asks who the worker is")


def judged(rule: str, **row: Any) -> tuple[bool, str]:
    found = judge_row(rule, row, "Deal__c", NOW, describes=describes, identity=nobody)
    return found.holds, str(found)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("Amount__c >", "ends too early"),
        ("Amuont__c > 5", "Amuont__c does not exist on Deal__c"),
        ("Account__r.Rating__c = 'Hot'", "Rating__c does not exist on Account"),
        ("Amount__c", "must be Boolean, not Number"),
        ("Amount__c + 1", "condition"),
        ("Name > 5", "Text and Number"),
        ("ISCHANGED(Amount__c)", "no record is being saved"),
        ("Amount__c > $Setup.Mine__c.Least__c", "$Setup.Mine__c.Least__c is not known here"),
    ],
)
def test_a_broken_rule_is_told_and_holds_for_nothing(rule: str, told: str) -> None:
    (problem, *_) = rule_problems(rule, "Deal__c", describes)
    assert (problem.code, problem.field, problem.value) == ("SETTING_INVALID", "Share_Rule__c", rule)
    assert told in problem.rule and problem.remedy
    assert paths_read(rule, "Deal__c", describes) == (), "a query for a field that is not there fails as a whole"
    assert judged(rule, Name="A deal", Amount__c=9, Account__c=None, Account__r=None)[0] is False


def test_a_sound_rule_says_what_is_to_be_read_for_it() -> None:
    rule = 'AND(Amount__c > 5, ISPICKVAL(Account__r.Rating, "Hot"))'
    assert rule_problems(rule, "Deal__c", describes) == ()
    assert paths_read(rule, "Deal__c", describes) == ("Amount__c", "Account__r.Rating", "Account__c")
    assert rule_problems("", "Deal__c", describes) == () and paths_read("", "Deal__c", describes) == ()


def test_it_does_not_decide_by_what_is_hidden_unread_or_cannot_be_computed() -> None:
    rule = 'NOT(ISPICKVAL(Account__r.Rating, "Cold"))'
    assert judged(rule, Account__c="001", Account__r={"Rating": "Hot"})[0] is True
    assert judged(rule, Account__c=None, Account__r=None)[0] is True
    held, told = judged(rule, Account__c="001", Account__r=None)
    assert held is False and "hidden" in told
    held, told = judged(rule, Account__c="001")
    assert held is False and "yet to be read" in told
    for rule in ("1 / Amount__c > 1", "Amount__c ^ -1 > 1"):
        held, told = judged(rule, Amount__c=0)
        assert held is False and "cannot be computed" in told


@given(st.one_of(st.none(), st.integers(-(10**6), 10**6)), st.integers(-(10**6), 10**6))
def test_it_holds_exactly_where_the_condition_does(amount: int | None, least: int) -> None:
    held, told = judged(f"Amount__c >= {least}", Amount__c=amount)
    assert held is (amount is not None and amount >= least)
    assert ("does not hold" in told) is not held


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Nothing goes out by itself but what the rule says, and the state has been compared with AWS."""
    opened = World(tmp_path)
    opened.settings = replace(opened.settings, share_automatically=False, share_rule=BLOCKCHAIN)
    opened.restart()
    turn(opened)
    yield opened
    opened.close()


def details(world: World, record: str) -> list[dict[str, Any]]:
    return [one for one in world.salesforce.all(SYNC_LOG_DETAIL) if one[Detail.RECORD_ID] == record]


def test_a_record_that_the_rule_takes_goes_out_by_itself_and_its_log_says_so(world: World) -> None:
    taken, left = deal(world, Use_Case__c="Blockchain"), deal(world, Use_Case__c="Archiving")
    for _ in range(3):
        turn(world)
    [apn_id] = world.partner_central.opportunities
    assert world.salesforce.row(taken)[APN_ID] == apn_id and world.salesforce.row(left)[APN_ID] is None
    assert any(f"Shared without a request. The share rule holds: {BLOCKCHAIN}." == one[Detail.ERROR_MESSAGE]
               for one in details(world, taken))  # fmt: skip
    assert open_codes(world, left) == ["PENDING_NOT_SHARED"]
    [told] = details(world, left)
    assert "The share rule does not hold" in told[Detail.ERROR_MESSAGE]


def test_an_edit_that_makes_the_rule_hold_sets_the_record_going(world: World) -> None:
    record = deal(world, Use_Case__c="Archiving")
    turn(world)
    assert world.partner_central.opportunities == {}
    world.salesforce.user_edits(record, {"Use_Case__c": "Blockchain"})
    for _ in range(2):
        turn(world)
    assert len(world.partner_central.opportunities) == 1 and open_codes(world, record) == []


def test_only_flagged_records_are_asked_about(world: World) -> None:
    deal(world, Use_Case__c="Blockchain", **{FLAG: False})
    turn(world)
    assert world.partner_central.opportunities == {}


def test_a_request_is_no_share_by_rule(world: World) -> None:
    world.settings = replace(world.settings, share_automatically=True)
    world.restart()
    record = deal(world, Use_Case__c="Blockchain")
    for _ in range(2):
        turn(world)
    assert all("rule" not in str(one[Detail.ERROR_MESSAGE]) for one in details(world, record))


def test_what_a_person_asked_for_after_the_rules_share_was_refused_is_no_share_by_rule(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = deal(world, Use_Case__c="Blockchain")

    def refuse(*_: Any) -> Any:
        raise RecordRejected((Problem("INVALID_VALUE", "", "", "No.", "Correct it."),))

    with monkeypatch.context() as refusing:
        refusing.setattr(type(world.partner_central), "create_opportunity", refuse)
        turn(world)
    assert open_codes(world, record) == ["INVALID_VALUE"]
    world.settings = replace(world.settings, share_rule="")
    world.restart()
    assert request_record(world.engine, record, "")
    for _ in range(2):
        turn(world)
    assert len(world.partner_central.opportunities) == 1
    assert all("without a request" not in str(one[Detail.ERROR_MESSAGE]) for one in details(world, record))


def test_the_rule_does_not_update_what_was_shared(world: World) -> None:
    record = deal(world, Use_Case__c="Blockchain")
    world.settings = replace(world.settings, update_automatically=False)
    world.restart()
    turn(world)
    [apn_id] = world.partner_central.opportunities
    world.partner_central.aws_reviews(apn_id, "Approved")
    for _ in range(2):
        turn(world)
    world.salesforce.user_edits(record, {"Next_Step__c": "Sign"})
    turn(world)
    assert open_codes(world, record) == ["PENDING_NOT_SHARED"]


def test_a_rule_that_is_new_is_asked_about_all_flagged_records_once(world: World) -> None:
    follow_rule(world.engine)
    waiting = world.state.queue.list("waiting")
    assert [one.kind for one in waiting] == ["due-sweep"]
    world.execute(10)
    follow_rule(world.engine)
    assert world.state.queue.list("waiting") == []


def test_a_broken_rule_shares_nothing_and_stops_nothing(world: World) -> None:
    world.settings = replace(world.settings, share_rule="Vanished__c = 1")
    world.restart()
    record = deal(world, Use_Case__c="Blockchain")
    turn(world)
    assert world.partner_central.opportunities == {} and open_codes(world, record) == ["PENDING_NOT_SHARED"]
    [told] = details(world, record)
    assert "Vanished__c does not exist" in told[Detail.ERROR_MESSAGE]
    assert describe_opportunity().field("Vanished__c") is None
