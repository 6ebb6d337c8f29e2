"""``connector queue``, ``logs``, ``db`` and ``settings``."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from admin_desk import SETTINGS, Desk

from connector.store.queue import Work
from connector.store.state import State


def put(desk: Desk, state: str, key: str = "a00Sb0000000001AAA") -> int:
    """Put an item into the queue, in that state; return its id."""
    with State.open(desk.state_path) as opened:
        queue, now = opened.queue, desk.sandbox.clock.now()
        queue.enqueue(Work(kind="outbound", key=key, payload={"run": "out-1"}), now)
        item = queue.claim(now, "a test") if state != "waiting" else queue.list("waiting")[0]
        assert item is not None
        match state:
            case "held":
                queue.hold(item, "AWS reviews it")
            case "failed":
                queue.fail(item, "postalCode is missing")
        return item.id


def state_of(desk: Desk, item_id: int) -> str:
    return str(desk.do("queue", "show", str(item_id)).json["state"])


def test_the_queue_is_listed_with_counts_and_reasons(desk: Desk) -> None:
    put(desk, "failed")
    put(desk, "held", "a00Sb0000000002AAA")
    listed = desk.do("queue", "list", "--json").json
    assert (listed["counts"]["failed"], listed["counts"]["held"]) == (1, 1)
    assert {one["reason"] for one in listed["items"]} == {"AWS reviews it", "postalCode is missing"}
    assert [one["state"] for one in desk.do("queue", "list", "--state", "held", "--json").json["items"]] == ["held"]
    assert "AWS reviews it" in desk.do("queue", "list").out


@pytest.mark.parametrize(
    ("before", "command", "after"),
    [
        ("failed", "retry", "waiting"), ("held", "retry", "waiting"), ("waiting", "retry", "waiting"),
        ("held", "release", "waiting"), ("held", "cancel", "done"), ("waiting", "cancel", "done"),
        ("failed", "cancel", "done"),
    ],
)  # fmt: skip
def test_a_person_decides_what_becomes_of_an_item(desk: Desk, before: str, command: str, after: str) -> None:
    item = put(desk, before)
    desk.do("queue", command, str(item))
    assert state_of(desk, item) == after


@pytest.mark.parametrize(("before", "command"), [("failed", "release"), ("leased", "cancel"), ("leased", "retry")])
def test_what_an_item_does_not_allow_is_refused(desk: Desk, before: str, command: str) -> None:
    item = put(desk, before)
    assert str(item) in desk.do("queue", command, str(item), code=1).err
    assert state_of(desk, item) == before


@pytest.mark.parametrize("command", ["show", "retry", "cancel", "release"])
def test_an_item_that_does_not_exist_is_named(desk: Desk, command: str) -> None:
    ran = desk.do("queue", command, "4711", code=1)
    assert "4711" in ran.err
    assert ran.out == ""


def test_the_queue_can_be_steered_while_a_worker_runs(desk: Desk) -> None:
    item = put(desk, "held")
    with State.open(desk.state_path) as state, state.lock():
        desk.do("queue", "release", str(item))
    assert state_of(desk, item) == "waiting"


def test_logs_are_listed_and_shown(desk: Desk) -> None:
    record = desk.deal(41, Postal_Code__c="?")
    desk.do("action", "share", record, code=1)
    newest = desk.do("logs", "list", "--errors", "--limit", "1", "--json").json[0]
    assert newest["Status__c"] in ("Error", "Partial")
    details = desk.do("logs", "show", newest["Log_Key__c"], "--json").json
    assert {one["Record_Id__c"] for one in details} == {record}
    assert any("postalCode" in one["Error_Message__c"] for one in details)
    assert newest["Log_Key__c"] in desk.do("logs", "list").out
    assert record in desk.do("logs", "show", newest["Log_Key__c"]).out


def test_a_log_key_is_never_part_of_a_query_unchecked(desk: Desk) -> None:
    assert "is not the key" in desk.do("logs", "show", "x' OR Name != '", code=1).err


def test_the_state_is_checked_and_copied(desk: Desk, tmp_path: Path) -> None:
    put(desk, "held")
    assert desk.do("db", "check", "--json").json == {"problems": []}
    assert "sound" in desk.do("db", "check").out
    copy = tmp_path / "copy.db"
    desk.do("db", "backup", str(copy))
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    desk.set(CONNECTOR__STATE__PATH=str(copy))
    assert desk.do("queue", "list", "--json").json["counts"]["held"] == 1
    assert "schema" in desk.do("db", "migrate").out


def test_a_file_that_is_no_state_is_told(desk: Desk) -> None:
    desk.state_path.write_text("something else entirely, long enough to be looked at" * 50)
    ran = desk.do("db", "check", code=2)
    assert str(desk.state_path) in ran.err.replace("\n", "")


def test_settings_are_shown_with_what_is_wrong(desk: Desk) -> None:
    row = desk.settings_row()
    assert row is not None
    assert desk.do("settings", "show", "--json").json["sandbox_catalog"] is True
    desk.admin.patch(f"sobjects/{SETTINGS}/{row['Id']}", {"Retry_Count__c": 999})
    try:
        shown = desk.do("settings", "show", "--json").json
        assert shown["retry_count"] == 3
        assert "Retry_Count__c" in shown["problems"][0]
        assert "Retry_Count__c" in desk.do("settings", "show").out
    finally:
        desk.admin.patch(f"sobjects/{SETTINGS}/{row['Id']}", {"Retry_Count__c": row["Retry_Count__c"]})


class TestInit:
    """``connector settings init`` with an admin's session."""

    @pytest.fixture(autouse=True)
    def token(self, desk: Desk) -> None:
        desk.set(SF_ACCESS_TOKEN=str(desk.info["salesforce"]["users"]["admin"]["access_token"]))

    @pytest.fixture
    def without_settings(self, desk: Desk) -> None:
        row = desk.settings_row()
        assert row is not None
        desk.admin.send("DELETE", f"sobjects/{SETTINGS}/{row['Id']}")

    def test_it_creates_the_org_default_for_the_integration_user(self, desk: Desk, without_settings: None) -> None:
        desk.do("settings", "init", "--token", "env:SF_ACCESS_TOKEN")
        row = desk.settings_row()
        assert row is not None
        assert row["Integration_User_Id__c"] == desk.info["salesforce"]["users"]["integration"]["id"]
        assert (row["PC_API_Sandbox_Enabled__c"], row["Share_Automatically__c"], row["Retry_Count__c"]) == (
            True,
            False,
            3,
        )
        assert desk.do("settings", "show", "--json").json["problems"] == []
        desk.do("check")

    def test_it_refuses_to_touch_what_exists(self, desk: Desk) -> None:
        before = desk.settings_row()
        assert "--update" in desk.do("settings", "init", "--token", "env:SF_ACCESS_TOKEN", code=1).err
        assert desk.settings_row() == before

    def test_an_update_corrects_the_integration_user_and_leaves_the_rest(self, desk: Desk) -> None:
        before = desk.settings_row()
        assert before is not None
        wrong = {"Integration_User_Id__c": desk.info["salesforce"]["users"]["seller"]["id"], "Retry_Count__c": 7}
        desk.admin.patch(f"sobjects/{SETTINGS}/{before['Id']}", wrong)
        written = desk.do("settings", "init", "--token", "env:SF_ACCESS_TOKEN", "--update", "--json").json
        after = desk.settings_row()
        assert after is not None
        assert written == {"Integration_User_Id__c": desk.info["salesforce"]["users"]["integration"]["id"]}
        assert after["Integration_User_Id__c"] == written["Integration_User_Id__c"]
        assert after["Retry_Count__c"] == 7

    def test_the_token_may_come_from_standard_input(
        self, desk: Desk, without_settings: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import io

        token = desk.info["salesforce"]["users"]["admin"]["access_token"]
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
        desk.do("settings", "init", "--token", "-")
        assert desk.settings_row() is not None

    def test_a_token_on_the_command_line_is_refused_and_not_repeated(self, desk: Desk) -> None:
        ran = desk.do("settings", "init", "--token", "00Dxx0000000001!AQ", code=2)
        assert "reference" in ran.err
        assert "00Dxx" not in ran.err

    def test_a_token_that_is_not_accepted_is_an_authentication_failure(self, desk: Desk) -> None:
        desk.set(SF_ACCESS_TOKEN="00Dxx0000000001!stale")
        ran = desk.do("settings", "init", "--token", "env:SF_ACCESS_TOKEN", code=4)
        assert "stale" not in ran.err

    def test_a_token_goes_to_safe_addresses_only(self, desk: Desk) -> None:
        there = ("--instance-url", "http://example.com")
        assert "https" in desk.do("settings", "init", "--token", "env:SF_ACCESS_TOKEN", *there, code=2).err

    def test_a_user_who_may_not_is_told_so(self, desk: Desk, without_settings: None) -> None:
        seller = str(desk.info["salesforce"]["users"]["seller"]["access_token"])
        desk.set(SF_ACCESS_TOKEN=seller)
        ran = desk.do("settings", "init", "--token", "env:SF_ACCESS_TOKEN", code=2)
        assert "Salesforce refused" in ran.err
        desk.set(SF_ACCESS_TOKEN=str(desk.info["salesforce"]["users"]["admin"]["access_token"]))
        desk.do("settings", "init", "--token", "env:SF_ACCESS_TOKEN")
