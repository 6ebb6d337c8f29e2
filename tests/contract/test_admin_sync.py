"""``connector sync`` and the program's own options: exit codes, one JSON document, a bar on terminals only."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from admin_desk import DEALS, Desk, Ran

from connector import __version__
from connector.admin.cli import main
from connector.store.state import State

MISSING = "a00Sb0000000999AAA"


def aws_id(desk: Desk, record: str) -> str | None:
    [row] = desk.admin.rows(f"SELECT ACE_APN_Unique_Identifier__c FROM {DEALS} WHERE Id = '{record}'")
    return row["ACE_APN_Unique_Identifier__c"] and str(row["ACE_APN_Unique_Identifier__c"])


def test_one_record_goes_out_and_json_tells_the_counts(desk: Desk) -> None:
    record = desk.deal(11)
    ran = desk.do("sync", "outbound", "--record", record, "--json")
    assert ran.json == {
        "direction": "outbound", "object": "opportunity", "queued": 1, "succeeded": ran.json["succeeded"],
        "failed": 0, "waiting": 0,
    }  # fmt: skip
    assert ran.json["succeeded"] >= 1
    assert "outbound:" in ran.err
    assert aws_id(desk, record)


def test_all_that_is_due_goes_out_although_the_switches_are_off(desk: Desk) -> None:
    records = [desk.deal(number) for number in (12, 13)]
    assert "outbound:" in desk.run("sync", "outbound").out
    assert all(aws_id(desk, record) for record in records)


def test_what_changed_at_aws_comes_in(desk: Desk) -> None:
    record, _ = desk.shared(14)
    assert desk.do("sync", "inbound", "--record", record, "--json").json["queued"] == 1
    assert desk.do("sync", "inbound", "--json").json["failed"] == 0


def test_a_record_that_fails_makes_the_exit_code_one(desk: Desk) -> None:
    record = desk.deal(15, Postal_Code__c="?")
    ran = desk.do("sync", "outbound", "--record", record, "--json", code=1)
    assert ran.json["failed"] == 1
    assert aws_id(desk, record) is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("sync",), ("sync", "sideways"), ("sync", "outbound", "--object", "account"), ("nonsense",),
        ("queue", "list", "--state", "lost"), ("logs", "list", "--limit", "0"), ("queue", "show", "seven"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_told_on_stderr_with_its_own_code(desk: Desk, arguments: tuple[str, ...]) -> None:
    ran = desk.do(*arguments, code=2)
    assert ran.out == ""
    assert ran.err


def test_a_record_that_does_not_exist_fails_by_name(desk: Desk) -> None:
    ran = desk.do("sync", "outbound", "--record", MISSING, code=1)
    assert MISSING in ran.err
    assert "has no such record" in ran.err


def test_while_a_worker_holds_the_state_a_run_ends_with_its_own_code(desk: Desk) -> None:
    with State.open(desk.state_path) as state, state.lock():
        ran = desk.do("sync", "outbound", code=3)
    assert str(os.getpid()) in ran.err


def test_json_stays_one_document_when_nothing_is_to_be_done(desk: Desk) -> None:
    record, _ = desk.shared(18)
    for direction in ("outbound", "inbound"):
        assert desk.do("sync", direction, "--record", record, "--json").json["failed"] == 0


def test_messages_keep_what_looks_like_markup(desk: Desk) -> None:
    desk.set(CONNECTOR__WORKER__HEARTBEAT_SECONDS="0")
    assert "[worker] heartbeat_seconds" in desk.do("sync", "outbound", code=2).err


def test_the_version_and_the_path_of_the_configuration_are_options_of_the_program(desk: Desk, tmp_path: Path) -> None:
    assert desk.do("--version").out.strip() == __version__
    assert "elsewhere.toml" in desk.do("--config", str(tmp_path / "elsewhere.toml"), "check", code=2).err


def test_help_is_complete(desk: Desk) -> None:
    """Every command and every option says what it does."""
    import click
    import typer

    from connector.admin.cli import app

    def walk(command: click.Command, name: str) -> None:
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"
        for child, one in getattr(command, "commands", {}).items():
            walk(one, f"{name} {child}")

    walk(typer.main.get_command(app), "connector")


def run_on_terminal(desk: Desk, *arguments: str) -> str:
    """Run a command whose output is a terminal; return what appeared on it."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "connector", *arguments],
        env=environment, stdin=follower, stdout=follower, stderr=follower, close_fds=True,
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert process.wait(timeout=60) == 0, shown.decode()
    return shown.decode()


def test_long_work_shows_a_bar_on_a_terminal_only(desk: Desk) -> None:
    record = desk.deal(16)
    assert "━" in run_on_terminal(desk, "sync", "outbound", "--record", record)
    ran: Ran = desk.do("sync", "outbound", "--record", desk.deal(17))
    assert "━" not in ran.out + ran.err
    assert "\x1b" not in ran.out + ran.err


def test_the_module_is_the_same_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connector", "--version"], capture_output=True, encoding="utf8", check=True
    )
    assert done.stdout.strip() == __version__
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
