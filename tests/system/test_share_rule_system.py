"""Records that go out without a click: by the admin's rule, checked, shown beforehand, and told afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from system_world import FAST, World, codes, open_world

RULE = 'AND(Expected_Monthly_AWS_Revenue__c >= 5000, ISPICKVAL(Stage__c, "Qualified"))'
MANUAL = {"Share_Automatically__c": False, "Update_Automatically__c": False}
BIG = {"Stage__c": "Qualified", "Expected_Monthly_AWS_Revenue__c": 9000}
SMALL = {"Stage__c": "Qualified", "Expected_Monthly_AWS_Revenue__c": 900}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Nothing goes out by itself."""
    with open_world(tmp_path, **FAST, **MANUAL) as opened:
        yield opened


def settings_line(world: World) -> tuple[bool, str]:
    checks = world.run("check", "--json").json["checks"]
    [line] = [one for one in checks if (one["integration"], one["name"]) == ("Salesforce", "settings")]
    return bool(line["ok"]), str(line["message"])


def test_a_rule_is_checked_and_its_verdict_shown_before_anything_goes_out(world: World) -> None:
    big, small = world.deal(**BIG), world.deal(**SMALL)
    assert world.preview(big)["share_rule"] == ""
    world.settings(Share_Rule__c=RULE)
    assert settings_line(world)[0]
    assert world.preview(big)["share_rule"] == f"The share rule holds: {RULE}"
    assert world.preview(small)["share_rule"] == f"The share rule does not hold: {RULE}"
    assert "The share rule holds" in world.do("preview", big).out
    assert world.proxy.writes() == []


def test_a_rule_shares_what_it_takes_and_says_so(world: World) -> None:
    with world.working() as worker:
        big, small = world.deal(**BIG), world.deal(**SMALL)
        worker.cycle()
        assert world.proxy.writes() == [], "no rule, no share"
        world.settings(Share_Rule__c=RULE)
        worker.cycle(61)
        worker.cycle()
        assert len(world.of_record(big)) == 1 and world.of_record(small) == []
        [done] = [one for one in world.details(big) if one["Status__c"] == "Processed"]
        assert done["Error_Message__c"] == f"Shared without a request. The share rule holds: {RULE}."
        [waits] = [one for one in world.details(small) if one["Status__c"] == "Pending"]
        assert codes([waits]) == ["PENDING_NOT_SHARED"] and "The share rule does not hold" in waits["Error_Message__c"]
        world.edit(small, Expected_Monthly_AWS_Revenue__c=5000)
        worker.cycle()
        assert len(world.of_record(small)) == 1
        world.review(world.of_record(small)[0], "Approved")
        worker.cycle()
        world.proxy.forget()
        world.edit(small, Next_Step__c="Edited")
        worker.cycle()
        assert world.proxy.writes() == [], "the rule sets a first share going, and updates nothing"


def test_a_broken_rule_shares_nothing_and_is_told(world: World) -> None:
    world.settings(Share_Rule__c="Revenue__c >= 5000")
    ok, told = settings_line(world)
    assert not ok and "Share_Rule__c" in told and "Revenue__c does not exist" in told
    with world.working() as worker:
        big = world.deal(**BIG)
        worker.cycle()
        worker.cycle(61)
        assert world.proxy.writes() == []
        [status] = world.admin.rows("SELECT Status__c, Message__c FROM ACE_Worker__c")
        assert status["Status__c"] == "Degraded" and "Share_Rule__c" in status["Message__c"]
        world.do("action", "share", big)
        worker.settle()
        assert len(world.of_record(big)) == 1, "a click goes as ever"
