"""What admins and operators set about the ACE bucket holds from the next run on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ace_samples import exported_opportunity
from file_world import APN, APN_KEY, LEAD, RESULTS, FileWorld, counts, entries, open_file_world
from system_world import codes

DAY = 24 * 3600.0
WRONG = "Wrong as ever"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileWorld]:
    """An org whose opportunities go over files; nothing runs unless a test runs it."""
    with open_file_world(tmp_path_factory.mktemp("settings")) as opened:
        yield opened


@pytest.fixture
def world(running: FileWorld) -> FileWorld:
    running.control("/exchange/enroll")
    running.settings(Outbound_Batch_Size__c=50, Retry_Count__c=3, Retry_Cutoff_Days__c=None)
    return running.fresh()


def said(world: FileWorld, *arguments: str) -> str:
    """Run a command whether or not it fails; return all it says, and what the newest log says."""
    ran = world.run(*arguments)
    logs = world.file_logs()
    return f"{ran.out} {ran.err} {logs[-1]['Message__c'] if logs else ''}"


@pytest.mark.requirement("SET-10")
def test_without_a_bucket_nothing_is_asked_and_the_reason_is_told(world: FileWorld) -> None:
    world.settings(Bucket_Name__c=None)
    world.deal()
    for direction in ("outbound", "inbound"):
        for kind in ("opportunity", LEAD):
            text = said(world, "sync", direction, "--object", kind)
            assert "bucket" in text.lower() and "configured" in text.lower(), text
            assert "Bucket_Name__c" in text or "Bucket Name" in text
    assert world.wire.calls == []


@pytest.mark.requirement("SET-11", "S3-16")
def test_files_have_as_many_records_as_the_setting_says(world: FileWorld) -> None:
    records = set(world.deals(120))
    files = world.send()
    assert sorted(len(entries(one)) for one in files) == [20, 50, 50]
    sent = [entry["partnerCrmUniqueIdentifier"] for one in files for entry in entries(one)]
    assert set(sent) == records and len(sent) == 120
    assert len({one.key for one in files}) == 3
    assert sorted(counts(world.log_of(one))[1] for one in files) == [20, 50, 50]
    world.process()
    world.take()
    assert {counts(world.log_of(one))[0] for one in files} == {"Processed"}


@pytest.mark.requirement("SET-11", "S3-16")
@pytest.mark.parametrize(("size", "due", "parts"), [(51, 51, [1, 50]), (0, 2, [1, 1]), (1, 2, [1, 1])])
def test_a_batch_size_out_of_range_counts_as_the_nearest_and_is_told(
    world: FileWorld, size: int, due: int, parts: list[int]
) -> None:
    world.settings(Outbound_Batch_Size__c=size)
    world.deals(due)
    assert sorted(len(entries(one)) for one in world.send()) == parts
    shown = world.do("settings", "show").out + world.run("check").out
    assert ("Outbound_Batch_Size__c" in shown and "1 to 50" in shown) or size == 1


@pytest.mark.requirement("SET-14")
def test_the_partner_id_stands_in_every_file_and_is_needed(world: FileWorld) -> None:
    world.settings(Partner_Id__c=None)
    record = world.deal()
    text = said(world, "sync", "outbound")
    text += " ".join(str(one["Error_Message__c"]) for one in world.details(record))
    assert "Partner_Id__c" in text or "Partner ID" in text
    assert world.wire.puts() == []
    world.settings(Partner_Id__c="4815162")
    (file,) = world.send()
    assert file.json["spmsId"] == "4815162"


@pytest.mark.requirement("SET-12", "ELIG-16")
def test_a_record_that_aws_keeps_rejecting_is_retried_so_often_and_no_more(world: FileWorld) -> None:
    record = world.deal()
    world.mishap("record_error", match=record, times=20, errors=[WRONG])
    sent = 0
    for _ in range(8):
        sent += len(world.exchange_files())
        world.advance(2 * 3600)
    assert sent == 4, "the first time and three retries"
    errors = world.errors(record)
    assert "RETRIES_EXHAUSTED" in codes(errors) and any(WRONG in one["Error_Message__c"] for one in errors)
    world.exchange.mishaps.clear()
    world.edit(record, Next_Step__c="Corrected")
    assert len(world.exchange_files()) == 1, "a correction is sent whatever was counted"
    assert world.row(record)[APN] and world.errors(record) == []


@pytest.mark.requirement("SET-13")
def test_a_record_that_fails_for_days_is_not_retried_any_more(world: FileWorld) -> None:
    world.settings(Retry_Count__c=9, Retry_Cutoff_Days__c=2)
    record = world.deal()
    world.mishap("record_error", match=record, times=20, errors=[WRONG])
    assert len(world.exchange_files()) == 1
    world.advance(3 * DAY)
    assert world.exchange_files() == []


@pytest.mark.requirement("SET-16", "OUT-27")
@pytest.mark.parametrize(("version", "text"), [(1, "1.0"), (2, "2.0")])
def test_the_version_decides_the_payload_and_there_is_no_way_back(tmp_path: Path, version: int, text: str) -> None:
    with open_file_world(tmp_path) as world:
        world.settings(Payload_Version__c=None)
        world.deal()
        for direction in ("outbound", "inbound"):
            told = said(world, "sync", direction)
            assert "Payload_Version__c" in told or "Version" in told
        assert world.wire.puts() == []
        world.settings(Payload_Version__c=version)
        (file,) = world.exchange_files()
        assert file.json["version"] == text
        if version == 2:
            return
        world.settings(Payload_Version__c=2)
        world.deals(2)
        assert {one.json["version"] for one in world.exchange_files()} == {"2.0"}
        for _ in range(2):
            world.settings(Payload_Version__c=1)
            world.deal()
            told = said(world, "sync", "outbound")
            assert "2" in told and "version" in told.lower()
        assert {one.json["version"] for one in world.wire.puts()[1:]} == {"2.0"}


@pytest.mark.requirement("SET-17")
def test_version_1_is_refused_once_2_was_used(world: FileWorld) -> None:
    world.deal()
    (file,) = world.exchange_files()
    assert file.json["version"] == "2.0"
    world.settings(Payload_Version__c=1)
    world.wire.forget()
    world.deal()
    told = said(world, "sync", "outbound")
    assert "version" in told.lower() and "2" in told, told
    assert world.wire.puts() == []
    world.settings(Payload_Version__c=2)
    assert {one.json["version"] for one in world.send()} == {"2.0"}


@pytest.mark.requirement("CONN-28", "OPS-21")
def test_another_bucket_is_used_from_the_next_run_on(tmp_path: Path) -> None:
    """As for beta: name and keys are settings; the program and its state stay."""
    with open_file_world(tmp_path / "one") as world, open_file_world(tmp_path / "two") as other:
        world.deal()
        (first,) = world.exchange_files()
        assert first.bucket == world.bucket
        world.settings(Bucket_Name__c=other.bucket)
        record = world.deal()
        before = len(other.keys("opportunity-inbound"))
        world.files("outbound", CONNECTOR__AWS__EXCHANGE__ENDPOINT_URL=other.wire.url)
        (second,) = other.wire.puts()
        assert second.bucket == other.bucket and record in second.body.decode()
        assert len(other.keys("opportunity-inbound")) == before + 1


@pytest.mark.requirement("CONN-03", "CONN-27")
def test_requests_are_signed_for_s3_in_the_region_of_aws(world: FileWorld) -> None:
    world.deal()
    world.exchange_files()
    for call in world.wire.calls:
        signed = call.headers["authorization"]
        assert signed.startswith("AWS4-HMAC-SHA256 Credential=") and "/us-west-2/s3/aws4_request" in signed
        assert not [name for name in call.headers if "server-side-encryption" in name]


@pytest.mark.requirement("CONN-21")
def test_the_check_reaches_the_bucket_or_names_it(world: FileWorld) -> None:
    shown = json.loads(world.run("check", "--json").out)["checks"]
    found = {one["name"]: one for one in shown if one["integration"] == "ACE bucket"}
    assert found and all(one["ok"] for one in found.values())
    assert any(world.bucket in one["message"] for one in found.values())
    world.settings(Bucket_Name__c="ace-nobodys-bucket")
    shown = json.loads(world.run("check", "--json").out)["checks"]
    failed = [one for one in shown if one["integration"] == "ACE bucket" and not one["ok"]]
    assert failed and any("ace-nobodys-bucket" in one["message"] for one in failed)


@pytest.mark.requirement("S3-07")
def test_other_names_of_folders_are_used(world: FileWorld) -> None:
    record = exported_opportunity()
    world.drop("deals-from-aws/new.json", {"version": "2.0", "spmsId": "1", "opportunities": [record]})
    config = world.sandbox.config_path
    before = config.read_text(encoding="utf8")
    config.write_text(before + '\n[aws.exchange.folders]\nopportunity-outbound = "deals-from-aws"\n', encoding="utf8")
    try:
        world.take()
    finally:
        config.write_text(before, encoding="utf8")
    assert world.of_aws(record[APN_KEY]) and world.keys("deals-from-aws") == []
    assert world.wire.lists("opportunity-outbound") == []


@pytest.mark.requirement("OPS-03")
def test_a_lost_state_sends_and_creates_nothing_twice(tmp_path: Path) -> None:
    with open_file_world(tmp_path) as world:
        record, identifier = world.shared_by_file()
        referred = world.refer()
        world.export()
        world.take()
        waiting = world.deal()
        (file,) = world.send()
        for path in (world.state_path, *world.directory.glob("connector.db-*")):
            path.unlink(missing_ok=True)
        world.do("mapping", "automap", "--type", "lead")
        world.do("mapping", "publish", "--type", "lead")
        world.control("/exchange/export", everything=True)
        world.process()
        world.take()
        world.export(everything=True)
        world.take()
        sent = [entry for one in world.exchange_files() for entry in entries(one)]
        assert [one for one in sent if one["partnerCrmUniqueIdentifier"] == record] == []
        for one in (record, waiting):
            assert len(world.of_record(one)) == 1
        assert world.row(record)[APN] == identifier and world.of_aws(referred)["Id"]
        assert world.row(waiting)[APN] == world.of_record(waiting)[0]
        assert file.key.rpartition("/")[2][:-5] + "_result.json" not in world.keys(f"opportunity-{RESULTS}")
