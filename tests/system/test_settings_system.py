"""What admins set in Salesforce, and what it changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from system_world import SETTINGS, Live, World, codes, open_live, open_world

from connector.sandbox.seed import make_row

DAY = 24 * 60 * 60
REFUSAL = {
    "__type": "ValidationException",
    "Message": "No.",
    "Reason": "BUSINESS_VALIDATION_FAILED",
    "ErrorList": [{"Code": "INVALID_VALUE", "FieldName": "project.title", "Message": "Titles must rhyme."}],
}


def refuse_forever(world: World) -> None:
    world.proxy.scripted["CreateOpportunity"] = [(400, REFUSAL)] * 100


def tries(live: Live, record: str) -> int:
    return len(live.world.proxy.named("CreateOpportunity", record))


@pytest.mark.requirement("SET-01", "SET-02")
def test_a_changed_setting_works_from_the_next_cycle_and_the_name_means_nothing(tmp_path: Path) -> None:
    with open_live(tmp_path, Share_Automatically__c=False) as live:
        record = live.world.deal()
        live.worker.cycle()
        assert live.world.of_record(record) == []
        live.world.settings(Name="7 random words; true; 1=1")
        live.worker.cycle(61)
        assert live.world.of_record(record) == []
        live.world.settings(Share_Automatically__c=True)
        live.worker.cycle(61)
        assert len(live.world.of_record(record)) == 1


@pytest.mark.requirement("SET-12")
def test_a_record_that_aws_keeps_refusing_is_tried_again_so_often_and_no_more(tmp_path: Path) -> None:
    with open_live(tmp_path, Retry_Count__c=3) as live:
        refuse_forever(live.world)
        record = live.world.deal()
        for _ in range(7):
            live.worker.cycle(61)
        assert tries(live, record) == 1 + 3
        told = codes([one for one in live.world.details(record) if one["Status__c"] == "Error"])
        assert "RETRIES_EXHAUSTED" in told


@pytest.mark.requirement("SET-13")
def test_a_record_that_failed_long_ago_is_not_tried_again(tmp_path: Path) -> None:
    with open_live(tmp_path, Retry_Count__c=50, Retry_Cutoff_Days__c=2) as live:
        refuse_forever(live.world)
        record = live.world.deal()
        live.worker.cycle()
        before = tries(live, record)
        live.worker.cycle(61)
        assert tries(live, record) == before + 1, "within the days it is tried again"
        live.worker.cycle(3 * DAY)
        known = tries(live, record)
        live.worker.cycle(61)
        assert tries(live, record) == known == before + 1
        assert live.world.preview(record)["code"] == "RETRY_CUTOFF"


@pytest.mark.requirement("ELIG-16")
def test_a_correction_ends_the_counting_and_the_cutoff_ends_the_retries(tmp_path: Path) -> None:
    with open_live(tmp_path, Retry_Count__c=3, Retry_Cutoff_Days__c=7) as live:
        live.world.proxy.scripted["CreateOpportunity"] = [(400, REFUSAL)] * 2
        record = live.world.deal()
        live.worker.cycle()
        live.worker.cycle(61)
        assert tries(live, record) == 2
        live.world.edit(record, Partner_Project_Title__c="A yard that is hard to guard")
        live.worker.cycle()
        assert len(live.world.of_record(record)) == 1
        told = {one["name"]: one for one in live.world.preview(record)["conditions"]}
        assert told["Retries left"]["detail"] == "no failure."
        refuse_forever(live.world)
        other = live.world.deal()
        live.worker.cycle()
        live.worker.cycle(8 * DAY)
        known = tries(live, other)
        live.worker.cycle(61)
        assert tries(live, other) == known == 1


def delete_settings(world: World) -> None:
    for row in world.admin.rows(f"SELECT Id FROM {SETTINGS}"):
        assert world.admin.send("DELETE", f"sobjects/{SETTINGS}/{row['Id']}").status_code == 204


@pytest.mark.requirement("SET-31")
def test_missing_and_malformed_settings_are_reported_and_stop_nothing(tmp_path: Path) -> None:
    with open_world(tmp_path, Retry_Count__c=101, Poll_Seconds__c=1) as world:
        shown = world.do("settings", "show", "--json").json
        assert {text.split(" ")[0] for text in shown["problems"]} == {"Retry_Count__c", "Poll_Seconds__c"}
        record = world.deal()
        assert world.sync(record=record)["succeeded"] == 1
        delete_settings(world)
        meant = {"CONNECTOR__AWS__PARTNER_CENTRAL__ALLOW_PRODUCTION_FROM_SANDBOX": "true"}
        other_state = {**meant, "CONNECTOR__STATE__PATH": str(tmp_path / "other.db")}
        lines: list[dict[str, Any]] = world.run("check", "--json", **other_state).json["checks"]
        (line,) = [one for one in lines if one["name"] == "settings"]
        assert not line["ok"] and SETTINGS in line["message"]
        with world.working("unset", **other_state) as worker:
            warnings = [one for one in worker.lines() if one["event"] == "setting"]
            assert {one["field"] for one in warnings} == {SETTINGS}, "told at the start and at each look"
            worker.wait_for("looked for changes in Salesforce")


@pytest.mark.requirement("SET-33")
def test_the_previous_data_model_has_a_warning_and_leaves_the_api_alone(tmp_path: Path) -> None:
    """One deal per version, alike but for its id: what is sent to Partner Central is alike too."""

    def sent(world: World, version: int, values: dict[str, Any]) -> dict[str, Any]:
        world.settings(Payload_Version__c=version)
        record = world.deal(**values)
        world.proxy.forget()
        assert world.sync(record=record)["succeeded"] == 1
        [call] = world.proxy.named("CreateOpportunity", record)
        unlike = {"ClientToken", "PartnerOpportunityIdentifier"}
        return {name: value for name, value in call.body.items() if name not in unlike}

    with open_world(tmp_path) as world:
        values = make_row(7, world.sandbox.clock.now())
        previous = sent(world, 1, values)
        [problem] = world.do("settings", "show", "--json").json["problems"]
        assert problem.startswith("Payload_Version__c") and "limited time" in problem
        assert sent(world, 2, values) == previous
        assert world.do("settings", "show", "--json").json["problems"] == []
        world.settings(Payload_Version__c=1)
        with world.working() as worker:
            worker.settle()
            [status] = world.admin.rows("SELECT Status__c, Message__c FROM ACE_Worker__c")
            assert "Payload_Version__c" in (status["Message__c"] or "")
