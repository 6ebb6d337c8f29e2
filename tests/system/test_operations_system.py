"""Running the product: credentials, restarts, a second worker, a lost state, secrets and personal data."""

from __future__ import annotations

import json
import sqlite3
import ssl
import subprocess
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from system_world import AUTOMATIC, FAST, Live, World, open_live, open_world

from connector.store.migrations import APPLICATION_ID, MIGRATIONS

EMAIL, PHONE = "kim.larsen@harbour.example.com", "+12065550147"
LOG_KEYS = {"event", "level", "timestamp"}


@pytest.mark.requirement("CONN-01")
def test_a_refused_login_is_told_and_tried_again_until_it_works(tmp_path: Path) -> None:
    with open_world(tmp_path, **AUTOMATIC, **FAST) as world:
        world.settings(Poll_Seconds__c=5)
        key = world.directory / "key.pem"
        good = Path(world.info["salesforce"]["private_key_file"]).read_text(encoding="utf8")
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        record = world.deal()
        worker = world.start_worker("login", CONNECTOR__SALESFORCE__PRIVATE_KEY_FILE=str(key))
        worker.wait_for("cannot connect")
        (line, *_) = [one for one in worker.lines() if one["event"] == "cannot connect"]
        assert line["error"] == "AuthFailed" and "invalid_grant" in line["reason"]
        assert worker.process.poll() is None, "it stays up"
        key.write_text(good, encoding="utf8")
        worker.wait_for("working")
        worker.cycle()
        assert worker.stop() == 0
        row = world.row(record)
        assert row["ACE_APN_Unique_Identifier__c"]
        assert row["LastModifiedById"] == world.user("integration")


@pytest.mark.requirement("OPS-01")
def test_asked_to_stop_in_the_middle_it_ends_soon_and_goes_on_later(tmp_path: Path) -> None:
    with open_world(tmp_path, **AUTOMATIC, **FAST) as world:
        records = [world.deal() for _ in range(12)]
        worker = world.start_worker()
        world.eventually(lambda: len(world.proxy.named("CreateOpportunity")) >= 3, "the middle of the work")
        assert worker.stop(within=15) == 0
        assert len(world.proxy.named("CreateOpportunity")) < len(records)
        with world.working() as worker:
            worker.cycle()
        carried = sorted(str(one.get("PartnerOpportunityIdentifier")) for one in world.listed())
        assert carried == sorted(records)


@pytest.mark.requirement("OPS-02")
def test_a_second_worker_does_not_work(live: Live) -> None:
    """Neither beside the same state nor with a state of its own."""
    for path in (live.world.state_path, live.world.directory / "second.db"):
        second = live.world.run("run", CONNECTOR__STATE__PATH=str(path))
        assert second.code == 3, second.err
    record = live.world.deal()
    live.worker.cycle()
    assert len(live.world.of_record(record)) == 1


@pytest.mark.requirement("OPS-03")
def test_a_lost_state_leads_to_no_duplicate(tmp_path: Path) -> None:
    with open_live(tmp_path) as live:
        shared = [live.worker.shared() for _ in range(3)]
        unwritten = live.world.deal()
        live.worker.cycle()
        assert live.worker.stop() == 0
        world, before = live.world, sorted(one["Id"] for one in live.world.listed())
        for path in world.directory.glob("connector.db*"):
            path.unlink()
        world.edit(unwritten, world.admin, ACE_APN_Unique_Identifier__c=None)
        world.proxy.forget()
        with world.working("empty") as worker:
            for _ in range(3):
                worker.cycle(61)
            assert [call.operation for call in world.proxy.writes() if call.status == 200] == []
            assert sorted(one["Id"] for one in world.listed()) == before
            assert [world.row(unwritten)["ACE_APN_Unique_Identifier__c"]] == world.of_record(unwritten)
            assert len(world.find("Id != null")) == len(shared) + 1
            world.edit(shared[0][0], Next_Step__c="After the loss")
            worker.cycle()
            assert world.get(shared[0][1])["LifeCycle"]["NextSteps"] == "After the loss"


@pytest.mark.requirement("OPS-05", "SEC-09", "SEC-01")
def test_the_workers_log_is_json_without_secrets_or_personal_data(tmp_path: Path) -> None:
    """Whatever is refused, repeated or written: neither log, state nor Salesforce holds a secret."""
    with open_live(tmp_path) as live:
        world = live.world
        contact = {"Customer_Email__c": EMAIL, "Customer_Phone__c": PHONE, "Customer_First_Name__c": "Kim"}
        record, _ = live.worker.shared(**contact)
        bad = world.deal(Customer_Website__c=None, **contact)
        world.fault("partner_central", "UpdateOpportunity", "status", status=500)
        world.edit(record, Next_Step__c="Call Kim")
        live.worker.cycle()
        assert world.errors(bad) and live.worker.count("not done") >= 2
        lines = live.worker.lines()
        assert len(lines) == len(live.worker.log.read_text(encoding="utf8").splitlines()), "nothing but JSON lines"
        assert all(line.keys() >= LOG_KEYS for line in lines)
        assert {record, bad} & {line.get("record") for line in lines if line["event"] == "not done"}
        assert all("job" in line for line in lines if line["event"] == "not done")
        text = live.worker.log.read_text(encoding="utf8")
        assert EMAIL not in text and PHONE not in text and "Kim" not in text
        account = world.info["aws"]["secret_access_key"]
        token = world.info["salesforce"]["users"]["integration"]["access_token"]
        key = Path(world.info["salesforce"]["private_key_file"]).read_text(encoding="utf8").splitlines()[1]
        state = b"".join(path.read_bytes() for path in world.directory.glob("connector.db*"))
        rows = json.dumps(
            world.admin.rows("SELECT FIELDS(ALL) FROM ACE_Sync_Log_Detail__c LIMIT 200")
            + world.admin.rows("SELECT FIELDS(ALL) FROM ACE_Sync_Log__c LIMIT 200")
            + world.admin.rows("SELECT FIELDS(ALL) FROM ACE_Worker__c LIMIT 200")
        )
        for secret in (account, token, key):
            assert secret not in text and secret not in rows and secret.encode() not in state


def test_state_backup_and_log_of_the_state_are_private(world: World) -> None:
    world.shared()
    copy = world.directory / "copy.db"
    world.do("db", "backup", str(copy))
    found = [copy, *world.directory.glob("connector.db*")]
    assert len(found) >= 2
    assert {oct(path.stat().st_mode & 0o777) for path in found} == {"0o600"}


def self_signed(folder: Path) -> ssl.SSLContext:
    certificate, key = folder / "certificate.pem", folder / "certificate.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.requirement("SEC-08")
def test_an_endpoint_that_cannot_prove_who_it_is_gets_nothing(world: World, tmp_path: Path) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)

        def log_message(self, *_: object) -> None:
            """Nothing to tell."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # refused handshakes are what is wanted
    server.socket = self_signed(tmp_path).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    url = f"https://127.0.0.1:{server.server_address[1]}"
    try:
        ran = world.run("check", "--json", CONNECTOR__AWS__PARTNER_CENTRAL__ENDPOINT_URL=url)
        line = {one["name"]: one for one in ran.json["checks"]}["ListOpportunities"]
        assert not line["ok"] and "certificate" in line["message"].lower()
        login = world.run(
            "check", "--json", CONNECTOR__SALESFORCE__TOKEN_HOST=url, CONNECTOR__SALESFORCE__INSTANCE_URL=url
        )
        assert not {one["name"]: one for one in login.json["checks"]}["login"]["ok"]
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
    assert asked == []
    for key in ("CONNECTOR__AWS__PARTNER_CENTRAL__ENDPOINT_URL", "CONNECTOR__SALESFORCE__INSTANCE_URL"):
        refused = world.run("check", **{key: "http://192.0.2.1:8080"})
        assert refused.code == 2 and "https" in refused.err


def make_older(path: Path) -> None:
    """Take the state back to the schema before the last one, with all rows that it can hold."""
    with closing(sqlite3.connect(":memory:")) as newer:
        with closing(sqlite3.connect(path)) as database:
            database.backup(newer)
        for end in ("", "-wal", "-shm"):
            path.with_name(f"{path.name}{end}").unlink(missing_ok=True)
        path.touch(mode=0o600)
        with closing(sqlite3.connect(path)) as older, older:
            for statement in (one for migration in MIGRATIONS[:-1] for one in migration.statements):
                older.execute(statement)
            for (table,) in older.execute("select name from sqlite_master where type = 'table'").fetchall():
                names = [row[1] for row in older.execute(f"pragma table_info({table})")]
                listed, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
                rows = newer.execute(f"select {listed} from {table}").fetchall()
                older.executemany(f"insert or replace into {table} ({listed}) values ({marks})", rows)
            older.execute(f"pragma user_version = {MIGRATIONS[-2].number}")
            older.execute(f"pragma application_id = {APPLICATION_ID}")


@pytest.mark.requirement("OPS-09")
def test_an_older_state_is_backed_up_and_migrated(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        record, _ = world.shared()
        world.do("mapping", "set", "nextStep", "Additional_Comments__c", "--no-inbound")
        world.do("mapping", "publish")
        mapping = world.do("mapping", "show", "--json").json
        make_older(world.state_path)
        assert world.do("mapping", "show", "--json").json == mapping
        backup = world.state_path.with_name(f"connector.db.bak-v{MIGRATIONS[-1].number - 1}")
        assert backup.is_file() and backup.stat().st_mode & 0o077 == 0
        world.proxy.forget()
        world.sync()
        assert world.proxy.writes(record) == []
        assert "sound" in world.do("db", "check").out
