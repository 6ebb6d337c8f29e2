"""Sharing on request, AWS's faults and quotas, catalogs, credentials: as sellers and admins see them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from service_model import violations
from system_world import CATALOG, World, codes, open_live, open_world

HOST = "partnercentral-selling.us-east-1.api.aws"
SHARE = ["CreateOpportunity", "AssociateOpportunity", "StartEngagementFromOpportunityTask"]


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Any]]:
    """A running worker with both automatic switches off, as they are by default."""
    off = {"Share_Automatically__c": False, "Update_Automatically__c": False}
    with open_live(tmp_path_factory.mktemp("manual"), **off) as live:
        yield live.world, live.worker


@pytest.mark.requirement("PCAPI-04", "PCAPI-05", "PCAPI-06")
def test_nothing_goes_out_before_share_is_asked_for(manual: tuple[World, Any]) -> None:
    world, worker = manual
    world.proxy.forget()
    record = world.deal(ACE_Sync_with_AWS__c=False)
    worker.cycle()
    world.edit(record, ACE_Sync_with_AWS__c=True)
    worker.cycle()
    assert world.proxy.writes() == []
    world.do("action", "share", record)
    worker.settle()
    assert [call.operation for call in world.proxy.writes()] == SHARE
    (identifier,) = world.of_record(record)
    world.review(identifier, "Approved")
    worker.cycle()
    world.proxy.forget()
    world.edit(record, Next_Step__c="Saved, not shared")
    for _ in range(2):
        worker.cycle(61)
    assert world.proxy.writes() == []
    pending = [one for one in world.details(record) if one["Status__c"] == "Pending"]
    assert codes(pending) == ["PENDING_NOT_SHARED"]
    world.do("action", "share", record)
    worker.settle()
    assert [call.operation for call in world.proxy.writes()] == ["UpdateOpportunity"]
    assert world.get(identifier)["LifeCycle"]["NextSteps"] == "Saved, not shared"


@pytest.mark.requirement("PCAPI-23", "OPS-25")
def test_passing_faults_are_repeated_within_the_run_and_count_for_nothing(world: World) -> None:
    record = world.deal()
    world.fault("partner_central", "CreateOpportunity", "status", status=500, times=2)
    world.proxy.forget()
    assert world.sync(record=record)["succeeded"] == 1
    assert [call.status for call in world.proxy.named("CreateOpportunity")] == [500, 500, 200]
    assert len(world.of_record(record)) == 1
    (detail,) = world.details(record)
    assert detail["Status__c"] == "Processed" and not detail["Retry_Count__c"]


@pytest.mark.requirement("PCAPI-23")
def test_a_refusal_is_told_at_once_with_awss_own_words(world: World) -> None:
    record = world.deal()
    problem = {"Code": "INVALID_VALUE", "FieldName": "customer.account.websiteUrl", "Message": "Website is parked."}
    refusal = {
        "__type": "ValidationException",
        "Message": "No.",
        "Reason": "BUSINESS_VALIDATION_FAILED",
        "ErrorList": [problem],
    }
    world.proxy.scripted["CreateOpportunity"] = [(400, refusal)]
    assert world.run("action", "share", record).code == 1
    (error,) = world.errors(record)
    assert "Website is parked." in error["Error_Message__c"]


@pytest.mark.requirement("LOG-28")
def test_a_long_error_is_kept_whole(world: World) -> None:
    record, text = world.deal(), "x" * 4980 + " the very end."
    problem = {"Code": "INVALID_VALUE", "FieldName": "project.title", "Message": text}
    refusal = {
        "__type": "ValidationException",
        "Message": "No.",
        "Reason": "BUSINESS_VALIDATION_FAILED",
        "ErrorList": [problem],
    }
    world.proxy.scripted["CreateOpportunity"] = [(400, refusal), (400, refusal)]
    world.run("sync", "outbound", "--record", record)
    world.run("sync", "outbound", "--record", record)
    (error,) = world.errors(record)
    assert text in error["Error_Message__c"]
    assert error["Retry_Count__c"] == 1


@pytest.mark.requirement("PCAPI-24")
def test_throttling_is_waited_out_and_a_used_up_day_defers_the_work(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        throttled, throttle = world.deal(), {"__type": "ThrottlingException", "Message": "Rate exceeded"}
        world.proxy.scripted["CreateOpportunity"] = [(400, throttle)] * 3
        assert world.sync(record=throttled)["succeeded"] == 1
        calls = world.proxy.named("CreateOpportunity")
        assert [call.status for call in calls] == [400, 400, 400, 200]
        pauses = [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(calls)]
        assert all(pause >= 0.5 * 2**number for number, pause in enumerate(pauses)), pauses
        late, few = world.deal(), {"CONNECTOR__AWS__PARTNER_CENTRAL__WRITES_PER_DAY": "3"}
        world.proxy.forget()
        assert world.sync(record=late, **few)["waiting"] == 1
        assert world.of_record(late) == []
        waiting = world.do("queue", "list", "--state", "waiting", "--json", **few).json["items"]
        reasons = [one["reason"] for one in waiting if one["key"] == late]
        assert len(reasons) == 1 and "Service Quotas" in reasons[0]


@pytest.mark.requirement("PCAPI-30")
def test_a_change_made_by_others_meanwhile_is_kept(world: World) -> None:
    record, identifier = world.shared()
    world.edit(record, Next_Step__c="Ours")
    others = {"Customer.Account.Address.City": "Theirs"}
    world.proxy.once(
        "before", "UpdateOpportunity", lambda: world.control("/aws/edit", opportunity=identifier, fields=others)
    )
    world.proxy.forget()
    world.sync(record=record)
    assert [call.status for call in world.proxy.named("UpdateOpportunity")] == [400, 200]
    answer = world.get(identifier)
    assert answer["LifeCycle"]["NextSteps"] == "Ours"
    assert answer["Customer"]["Account"]["Address"]["City"] == "Theirs"
    assert world.row(record, "City__c")["City__c"] == "Theirs"


@pytest.mark.requirement("PCAPI-29")
def test_in_the_sandbox_catalog_no_call_names_the_live_one(world: World) -> None:
    world.shared()
    world.sync("inbound")
    assert world.proxy.calls
    assert {call.body["Catalog"] for call in world.proxy.calls} == {CATALOG}
    assert "AWS" not in world.control("/requests")["partner_central_catalogs"]


@pytest.mark.requirement("SET-09")
def test_the_setting_chooses_the_catalog(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        meant = {"CONNECTOR__AWS__PARTNER_CENTRAL__ALLOW_PRODUCTION_FROM_SANDBOX": "true"}
        seen = []
        for test in (True, False):
            world.settings(PC_API_Sandbox_Enabled__c=test)
            record = world.deal()
            world.proxy.forget()
            world.sync(record=record, CONNECTOR__STATE__PATH=str(tmp_path / f"state-{test}.db"), **meant)
            (create,) = world.proxy.named("CreateOpportunity", record)
            seen.append(create.body["Catalog"])
            world.edit(record, ACE_Sync_with_AWS__c=False)
        assert seen == ["Sandbox", "AWS"]


@pytest.mark.requirement("CONN-20")
def test_check_makes_a_signed_call_and_changes_nothing(world: World) -> None:
    before = (len(world.logs()), len(world.find("Id != null")))
    good = {line["name"]: line for line in world.run("check", "--json").json["checks"]}
    assert good["ListOpportunities"]["ok"] and "answered" in good["ListOpportunities"]["message"]
    wrong = world.directory / "wrong-key"
    wrong.write_text("not-the-secret", encoding="utf8")
    denied = {"__type": "AccessDeniedException", "Message": "User is not authorized.", "Reason": "ACCESS_DENIED"}
    world.proxy.scripted["ListOpportunities"] = [(403, denied)]
    cases = (
        ({}, "not authorized"),
        ({"CONNECTOR__AWS__PARTNER_CENTRAL__SECRET_ACCESS_KEY": f"file:{wrong}"}, "secret_access_key"),
        ({"CONNECTOR__AWS__PARTNER_CENTRAL__REGION": "eu-west-1"}, "region"),
        ({"CONNECTOR__AWS__PARTNER_CENTRAL__ENDPOINT_URL": "http://127.0.0.1:9"}, "reach"),
    )
    for variables, cause in cases:
        ran = world.run("check", "--json", **variables)
        line = {one["name"]: one for one in ran.json["checks"]}["ListOpportunities"]
        assert (ran.code, line["ok"]) == (1, False)
        assert cause in line["message"], line
        assert "not-the-secret" not in ran.out + ran.err
    assert (len(world.logs()), len(world.find("Id != null"))) == before


@contextmanager
def gateway() -> Iterator[tuple[str, list[bytes]]]:
    """An HTTP proxy that notes where a client wants to go, and the first bytes it would send there."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        stopping = threading.Event()

        def serve() -> None:
            while not stopping.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    seen.append(connection.recv(4096))
                    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    seen.append(connection.recv(4096))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", seen
        stopping.set()
        thread.join(timeout=10)


@pytest.mark.requirement("CONN-23", "CONN-02")
def test_out_of_the_box_the_production_endpoint_is_called_over_tls(world: World) -> None:
    """Only the key pair is configured; region, service and host come as defaults."""
    config = world.directory / "keys-only.toml"
    text = world.sandbox.config_path.read_text(encoding="utf8")
    salesforce = text[: text.index("[aws.partner_central]")]
    keys = [line for line in text.splitlines() if line.startswith(("access_key_id", "secret_access_key"))]
    config.write_text("\n".join([salesforce, "[aws.partner_central]", *keys]), encoding="utf8")
    with gateway() as (address, seen):
        world.run(
            "check",
            CONNECTOR_CONFIG=str(config),
            CONNECTOR__AWS__PARTNER_CENTRAL__ENDPOINT_URL="",
            HTTPS_PROXY=address,
            NO_PROXY="127.0.0.1",
        )
    assert f"CONNECT {HOST}:443 HTTP/1.".encode() in seen[0]
    assert seen[1][:2] == b"\x16\x03", "a TLS handshake"
    assert HOST.encode() in seen[1]
    world.proxy.forget()
    world.run("check", CONNECTOR_CONFIG=str(config))
    scope = world.proxy.calls[0].headers["Authorization"].split("Credential=")[1].split(",")[0].split("/")
    assert scope[2:] == ["us-east-1", "partnercentral-selling", "aws4_request"]


def test_every_share_and_every_arrival_has_a_log_with_a_detail(world: World) -> None:
    record, identifier = world.shared()
    world.edit_at_aws(identifier, Customer__Account__Address__City="Renton")
    world.sync("inbound", record)
    found = world.details(record, "Sync_Log__r.Direction__c", "APN_Id__c")
    assert {one["Sync_Log__r"]["Direction__c"] for one in found} == {"To AWS", "From AWS"}
    assert {one["APN_Id__c"] for one in found} == {identifier}
    assert codes(world.errors(record)) == []


@pytest.mark.requirement("SEC-05")
def test_an_identifier_from_aws_cannot_change_a_query(world: World) -> None:
    innocent, _ = world.shared()
    before = world.row(innocent, "City__c")
    hostile = "O1' OR Name!='"
    identifier = world.control(
        "/aws/create",
        fields={"PartnerOpportunityIdentifier": hostile, "LifeCycle": {"ReviewStatus": "Approved"}},
        catalog=CATALOG,
    )["opportunity"]
    world.sync("inbound")
    assert len(world.find(f"ACE_APN_Unique_Identifier__c = '{identifier}'")) == 1
    assert world.row(innocent, "City__c") == before


def test_every_request_that_leaves_satisfies_the_service_model(world: World) -> None:
    """The proxy in front of Partner Central is configuration only; it sees exactly what AWS would."""
    contact = {"Customer_Email__c": "kim@harbour.example.com", "Customer_Phone__c": "+12065550147"}
    record, identifier = world.shared(Solution_Offered__c="S-1234567", **contact)
    world.edit(record, Next_Step__c="Call – tomorrow", Solution_Offered__c="S-2000017")
    world.sync(record=record)
    world.edit_at_aws(identifier, Customer__Account__Address__City="Kent")
    world.sync("inbound")
    seen = {call.operation for call in world.proxy.calls if call.concerns(identifier) or call.concerns(record)}
    assert seen >= {
        *SHARE,
        "UpdateOpportunity",
        "DisassociateOpportunity",
        "GetOpportunity",
        "GetAwsOpportunitySummary",
    }
    assert world.proxy.violations() == []
    broken = {**world.proxy.named("UpdateOpportunity", identifier)[0].body, "Identifier": "no opportunity"}
    assert violations("UpdateOpportunity", broken), "the model would have told"
