"""The worker as a process: it starts, is told to stop, loses its login, meets faults, and goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from admin_desk import QUOTA_SCALE, logging_restored
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from salesforce_sandbox import Client

from connector.errors import Fatal
from connector.sandbox.seed import make_row
from connector.sandbox.server import Sandbox
from connector.service import worker as working
from connector.service.config import load_config
from connector.service.worker import Worker
from connector.sync import outbound
from connector.sync.engine import Engine

DEALS = "ACE_Opportunity__c"
LOOKED = "looked for changes in Salesforce"
Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path, quota_scale=QUOTA_SCALE) as running:
        yield running


@pytest.fixture
def admin(sandbox: Sandbox) -> Iterator[Client]:
    client = person(sandbox, "admin")
    [row] = client.rows("SELECT Id FROM ACE_Connector_Settings__c")
    switches = {"Share_Automatically__c": True, "Update_Automatically__c": True, "Poll_Seconds__c": 5}
    client.patch(f"sobjects/ACE_Connector_Settings__c/{row['Id']}", switches)
    yield client
    client.session.close()


def person(sandbox: Sandbox, role: str) -> Client:
    org = sandbox.launch_info()["salesforce"]
    return Client(org["instance_url"], org["users"][role]["access_token"])


def deal(client: Client, sandbox: Sandbox, number: int) -> str:
    return str(client.post(f"sobjects/{DEALS}", make_row(number, sandbox.clock.now())).json()["id"])


def eventually(holds: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def count(lines: Lines, event: str) -> int:
    return sum(line["event"] == event for line in list(lines))


@contextmanager
def in_thread(sandbox: Sandbox) -> Iterator[Lines]:
    """Run the worker in this process; yield its log as it grows."""
    worker = Worker(load_config(sandbox.config_path))
    with structlog.testing.capture_logs() as lines:
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield lines
        finally:
            worker.stop()
            thread.join(20)
        assert not thread.is_alive(), "the worker stops when it is told to"


@contextmanager
def in_process(sandbox: Sandbox, log: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``connector run``; end it at the latest with the block."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR")}
    with log.open("wb") as target:
        process = subprocess.Popen(
            [sys.executable, "-m", "connector", "run"],
            env={**kept, "CONNECTOR_CONFIG": str(sandbox.config_path), **variables},
            stdout=target,
            stderr=target,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def another_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*kinds).decode()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(working, "CONNECT_PAUSE_SECONDS", 0.05)
    with logging_restored():
        yield


def test_sigterm_ends_it_soon_with_everything_written_and_the_lease_given_back(
    sandbox: Sandbox, admin: Client, tmp_path: Path
) -> None:
    record, log = deal(admin, sandbox, 1), tmp_path / "log"
    with in_process(sandbox, log) as process:
        eventually(lambda: sandbox.recorder.requests().get("partner_central", {}).get("CreateOpportunity"), "a create")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert admin.rows("SELECT Status__c FROM ACE_Worker__c") == [{"Status__c": "Stopped"}]
    [row] = admin.rows(f"SELECT ACE_APN_Unique_Identifier__c FROM {DEALS} WHERE Id = '{record}'")
    assert row["ACE_APN_Unique_Identifier__c"]


def test_its_log_is_json_lines_without_secrets_or_what_records_say(
    sandbox: Sandbox, admin: Client, tmp_path: Path
) -> None:
    row = {**make_row(2, sandbox.clock.now()), "Customer_Email__c": "ana.lopez@example.com", "Postal_Code__c": "?"}
    record = admin.post(f"sobjects/{DEALS}", row).json()["id"]
    log = tmp_path / "log"
    with in_process(sandbox, log, CONNECTOR__WORKER__LOG_LEVEL="DEBUG") as process:
        eventually(lambda: record in log.read_text(), "a line about the record")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    text = log.read_text(encoding="utf8")
    assert all({"event", "level", "timestamp"} <= set(json.loads(line)) for line in text.splitlines())
    info = sandbox.launch_info()
    secrets = (info["aws"]["secret_access_key"], info["salesforce"]["client_secret"], "PRIVATE KEY", "Bearer")
    for hidden in (*secrets, "ana.lopez", row["Customer_Company_Name__c"]):
        assert hidden not in text


def test_it_ends_while_it_waits_for_a_login(sandbox: Sandbox, tmp_path: Path) -> None:
    key, log = Path(sandbox.launch_info()["salesforce"]["private_key_file"]), tmp_path / "log"
    key.write_text(another_key())
    with in_process(sandbox, log) as process:
        eventually(lambda: "cannot connect" in log.read_text(), "a refused login")
        assert process.poll() is None, "a refused login is no reason to end"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert "AuthFailed" in log.read_text()


def test_a_second_worker_on_the_same_state_ends_with_its_own_code(
    sandbox: Sandbox, admin: Client, tmp_path: Path
) -> None:
    log = tmp_path / "second"
    with in_thread(sandbox) as lines:
        eventually(lambda: count(lines, "working"), "the first worker")
        with in_process(sandbox, log) as second:
            assert second.wait(timeout=20) == 3


def test_a_second_worker_with_a_state_of_its_own_ends_with_its_own_code(
    sandbox: Sandbox, admin: Client, tmp_path: Path
) -> None:
    with in_thread(sandbox) as lines:
        eventually(lambda: count(lines, "working"), "the first worker")
        with in_process(sandbox, tmp_path / "log", CONNECTOR__STATE__PATH=str(tmp_path / "other.db")) as second:
            assert second.wait(timeout=20) == 3
    assert "Another worker" in (tmp_path / "log").read_text()


@pytest.mark.requirement("CONN-01")
def test_a_refused_login_is_told_and_recovered_from_once_the_key_is_right(sandbox: Sandbox, admin: Client) -> None:
    key = Path(sandbox.launch_info()["salesforce"]["private_key_file"])
    right = key.read_text()
    key.write_text(another_key())
    record = deal(admin, sandbox, 3)
    with in_thread(sandbox) as lines:
        eventually(lambda: count(lines, "cannot connect") > 1, "refused logins")
        assert {line["error"] for line in lines} == {"AuthFailed"}
        key.write_text(right)
        eventually(lambda: count(lines, "working"), "the worker at work")
        sandbox.clock.advance(5)
        eventually(lambda: _written_by(admin, record) == "integration@northwind.example", "the record written")


def _written_by(admin: Client, record: str) -> str:
    soql = f"SELECT LastModifiedBy.Username, ACE_APN_Unique_Identifier__c FROM {DEALS} WHERE Id = '{record}'"
    [row] = admin.rows(soql)
    return str(row["LastModifiedBy"]["Username"]) if row["ACE_APN_Unique_Identifier__c"] else ""


def test_a_key_that_is_rotated_under_a_running_worker_is_taken_over(sandbox: Sandbox, admin: Client) -> None:
    key = Path(sandbox.launch_info()["salesforce"]["private_key_file"])
    right = key.read_text()
    with in_thread(sandbox) as lines:
        eventually(lambda: count(lines, LOOKED), "the first look")
        key.write_text(another_key())
        sandbox.clock.advance(6)
        eventually(lambda: any(line.get("error") == "AuthFailed" for line in list(lines)), "a refused login")
        key.write_text(right)
        looks = count(lines, LOOKED)
        sandbox.clock.advance(400)
        eventually(lambda: count(lines, LOOKED) > looks, "a look after the key was put right")


def test_a_passing_fault_at_the_start_is_waited_out(sandbox: Sandbox, admin: Client) -> None:
    sandbox.faults.add("salesforce", "", "status", 503, times=12)
    with in_thread(sandbox) as lines:
        eventually(lambda: count(lines, "working"), "the worker at work")


def test_an_unexpected_fault_in_one_record_leaves_the_others_going(
    sandbox: Sandbox, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = deal(admin, sandbox, 4), deal(admin, sandbox, 5)
    real = outbound.send

    def send(engine: Engine, record_id: str, run_id: str) -> None:
        if record_id == bad:
            raise ZeroDivisionError("ana.lopez@example.com")
        real(engine, record_id, run_id)

    monkeypatch.setattr(outbound, "send", send)
    with in_thread(sandbox) as lines:
        eventually(lambda: count(lines, "working"), "the worker at work")
        sandbox.clock.advance(5)
        eventually(lambda: count(lines, "unexpected error"), "the fault")
        eventually(lambda: _written_by(admin, good), "the other record")
        sandbox.clock.advance(30)
        soql = f"SELECT Error_Code__c FROM ACE_Sync_Log_Detail__c WHERE Record_Id__c = '{bad}'"
        eventually(lambda: admin.rows(soql) == [{"Error_Code__c": "UNEXPECTED_ERROR"}], "the log's detail")
    assert "ana.lopez" not in json.dumps(list(lines), default=str)


def test_a_sandbox_org_that_names_the_live_catalog_is_refused(sandbox: Sandbox, admin: Client) -> None:
    [row] = admin.rows("SELECT Id FROM ACE_Connector_Settings__c")
    admin.patch(f"sobjects/ACE_Connector_Settings__c/{row['Id']}", {"PC_API_Sandbox_Enabled__c": False})
    with pytest.raises(Fatal, match="allow_production_from_sandbox"):
        Worker(load_config(sandbox.config_path)).run()
