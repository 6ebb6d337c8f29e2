"""What surrounds the sandbox org's rows: versions, limits, sizes, paging, time, faults, replication."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import pytest
import requests
from salesforce_sandbox import Client, World, running_org, write_metadata

import connector.sandbox
from connector.sandbox.salesforce import Org
from connector.sandbox.salesforce.ids import normalise, number
from connector.sandbox.salesforce.records import Writer
from connector.sandbox.salesforce.schema import Field

SANDBOX = Path(connector.sandbox.__file__).parent
NOW = datetime(2026, 6, 1, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("org")
    with running_org(write_metadata(folder / "source"), folder / "keys") as found:
        yield found


@pytest.fixture
def world(shared: World) -> World:
    shared.org.reset()
    shared.clock.set(NOW)
    shared.faults.clear()
    shared.recorder.clear()
    shared.org.usage.limit = 100_000
    return shared


def test_versions_are_listed_without_a_token(world: World) -> None:
    found = requests.get(f"{world.url}/services/data/", timeout=20).json()
    assert {"label": "Summer '26", "url": "/services/data/v67.0", "version": "67.0"} in found
    assert {"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"} in found
    assert {"label": "Winter '21", "url": "/services/data/v50.0", "version": "50.0"} in found


@pytest.mark.parametrize(("version", "status"), [("51.0", 200), ("31.0", 200), ("30.0", 410), ("99.0", 404)])
def test_retired_versions_are_gone(world: World, version: str, status: int) -> None:
    assert world.worker.get(f"/services/data/v{version}/limits").status_code == status


def test_errors_are_lists_and_name_allowed_methods(world: World) -> None:
    missing = world.worker.get("nothing/here")
    assert missing.json() == [{"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}]
    assert world.worker.post("limits", {}).status_code == 405
    assert world.worker.send("POST", "sobjects/Account", data=b"{").json()[0]["errorCode"] == "JSON_PARSER_ERROR"
    form = world.worker.send("POST", "sobjects/Account", data={"Name": "x"})
    assert (form.status_code, form.json()[0]["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    no_token = requests.get(f"{world.url}/services/data/v67.0/limits", timeout=20)
    assert (no_token.status_code, no_token.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_patch_by_post_for_proxies_that_block_patch(world: World) -> None:
    deal = world.worker.deal()
    assert world.worker.post(f"sobjects/Deal__c/{deal}?_HttpMethod=PATCH", {"Notes__c": "x"}).status_code == 204


def test_address_and_headers_have_a_size_limit(world: World) -> None:
    soql = "SELECT Id FROM Deal__c WHERE Title__c = '{}'"
    assert world.worker.query(soql.format("x" * 1000)).status_code == 200
    assert world.worker.query(soql.format("x" * 3900), headers={"X-Fill": "y" * 12_300}).status_code == 431
    assert world.worker.query(soql.format("x" * 16_400)).status_code == 414


def test_usage_is_told_and_the_quota_enforced(world: World) -> None:
    first = world.worker.get("limits")
    used = world.org.usage.used
    assert first.headers["Sforce-Limit-Info"] == f"api-usage={used}/100000; api-bursts=1/750"
    assert first.json()["DailyApiRequests"] == {"Max": 100000, "Remaining": 100000 - used}
    world.org.usage.limit = used
    refused = world.worker.get("limits")
    assert refused.status_code == 403
    assert refused.json() == [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]


def test_date_header_is_the_sandbox_clock(world: World) -> None:
    told = parsedate_to_datetime(world.worker.get("limits").headers["Date"])
    assert abs(told - NOW) < timedelta(seconds=60)


def test_describe_is_not_sent_again_while_unchanged(world: World) -> None:
    world.org.hide("Deal__c", "Mood__c", world.org.user("seller"))
    for path in ("sobjects/Deal__c/describe", "sobjects"):
        last = world.worker.get(path).headers["Last-Modified"]
        answer = world.worker.get(path, headers={"If-Modified-Since": last})
        assert (answer.status_code, answer.content) == (304, b"")
    world.clock.advance(60)
    world.org.add_field("Deal__c", Field("Late__c", "Late", "string", 10))
    later = world.worker.get("sobjects/Deal__c/describe", headers={"If-Modified-Since": last})
    assert "Late__c" in {one["name"] for one in later.json()["fields"]}
    assert world.worker.deal(Late__c="x")


def test_pages_may_come_short_and_lose_nothing(world: World) -> None:
    ids = world.org.insert("Deal__c", [{"Title__c": "x", "Key__c": f"K{n:04}"} for n in range(2500)])
    answer = world.worker.query(
        "SELECT Id FROM Deal__c ORDER BY Key__c", headers={"Sforce-Query-Options": "batchSize=200"}
    ).json()
    assert answer["totalSize"] == 2500
    sizes, found = [], []
    while True:
        sizes.append(len(answer["records"]))
        found += [row["Id"] for row in answer["records"]]
        if answer["done"]:
            break
        answer = world.worker.get(answer["nextRecordsUrl"]).json()
    assert found == ids
    assert max(sizes) == 200
    assert any(size < 200 for size in sizes[:-1])
    assert len(world.worker.query("SELECT Id, Notes__c FROM Deal__c").json()["records"]) <= 1000


def test_a_locator_belongs_to_its_user(world: World) -> None:
    world.org.insert("Deal__c", [{"Title__c": "x"} for _ in range(2100)])
    url = world.worker.query("SELECT Id FROM Deal__c").json()["nextRecordsUrl"]
    assert world.seller.get(url).json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    assert world.worker.get("query/01gNOSUCHTHING00-2000").json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    assert world.worker.get(url).status_code == 200


def test_large_answers_are_compressed_on_request(world: World) -> None:
    plain = world.worker.get("sobjects", headers={"Accept-Encoding": "identity"})
    packed = world.worker.get("sobjects", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json()


def test_stamps_have_whole_seconds_and_follow_the_clock(world: World) -> None:
    deal = world.worker.deal()
    world.clock.set(NOW + timedelta(days=1))
    world.seller.patch(f"sobjects/Deal__c/{deal}", {"Notes__c": "x"})
    row = world.worker.rows("SELECT CreatedDate, LastModifiedDate, SystemModstamp FROM Deal__c")[0]
    assert row["CreatedDate"].startswith("2026-06-01T12:00:3")
    assert row["LastModifiedDate"] == row["SystemModstamp"]
    assert row["SystemModstamp"].startswith("2026-06-02T12:00:3")
    assert row["SystemModstamp"].endswith(".000+0000")


def test_a_late_commit_appears_with_an_old_stamp(world: World) -> None:
    """What a poll by stamp alone would miss; getUpdated says up to when it is complete."""

    def edit(writer: Writer) -> None:
        writer.update(world.org.schema["Deal__c"], deal, {"Notes__c": "late"})

    deal = world.worker.deal()
    world.org.write_late(edit, at=NOW, visible_at=NOW + timedelta(minutes=3))
    world.clock.set(NOW + timedelta(minutes=2))
    window = {"start": "2026-06-01T11:00:00Z", "end": "2026-06-01T12:02:00Z"}
    early = world.worker.get("sobjects/Deal__c/updated/", params=window).json()
    assert early["latestDateCovered"] == "2026-06-01T12:00:30.000+0000"
    assert world.worker.rows("SELECT Notes__c FROM Deal__c") == [{"Notes__c": None}]
    world.clock.set(NOW + timedelta(minutes=4))
    row = world.worker.rows("SELECT Notes__c, SystemModstamp FROM Deal__c")[0]
    assert row == {"Notes__c": "late", "SystemModstamp": "2026-06-01T12:00:30.000+0000"}
    late = world.worker.get("sobjects/Deal__c/updated", params=window).json()
    assert late == {"ids": [deal], "latestDateCovered": "2026-06-01T12:02:00.000+0000"}


def test_deleted_rows_are_listed(world: World) -> None:
    deal = world.worker.deal()
    world.worker.send("DELETE", f"sobjects/Deal__c/{deal}")
    world.clock.advance(120)
    window = {"start": "2026-06-01T11:00:00+00:00", "end": "2026-06-01T12:02:00+00:00"}
    found = world.worker.get("sobjects/Deal__c/deleted", params=window).json()
    assert [one["id"] for one in found["deletedRecords"]] == [deal]
    window["end"] = window["start"]
    assert (
        world.worker.get("sobjects/Deal__c/deleted", params=window).json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"
    )


@pytest.mark.parametrize(("status", "kind"), [(500, "json"), (503, "html"), (502, "html"), (429, "json")])
def test_a_status_fault_answers_without_working(world: World, status: int, kind: str) -> None:
    world.faults.add("salesforce", "row_create", "status", status)
    answer = world.worker.post("sobjects/Deal__c", {"Title__c": "x"})
    assert answer.status_code == status
    assert kind in answer.headers["Content-Type"]
    assert world.worker.rows("SELECT Id FROM Deal__c") == []


@pytest.mark.parametrize(("kind", "count"), [("timeout_before", 0), ("timeout_after", 1)])
def test_a_cut_connection_before_or_after_the_commit(world: World, kind: str, count: int) -> None:
    world.faults.add("salesforce", "row_create", kind)
    with pytest.raises(requests.ConnectionError):
        world.worker.post("sobjects/Deal__c", {"Title__c": "x"})
    assert world.worker.query("SELECT COUNT() FROM Deal__c").json()["totalSize"] == count


def test_an_expired_session_stays_expired(world: World) -> None:
    token = world.org.authority.issue(world.org.user("integration")).token
    client = Client(world.url, token)
    assert client.get("limits").status_code == 200
    world.faults.add("salesforce", "query", "expire_session")
    assert client.query("SELECT Id FROM Deal__c").status_code == 401
    assert client.get("limits").status_code == 401


def test_requests_are_counted_by_operation(world: World) -> None:
    world.worker.deal()
    world.worker.query("SELECT Id FROM Deal__c")
    world.worker.get("sobjects/Deal__c/describe")
    assert world.recorder.requests()["salesforce"] == {"describe": 1, "query": 1, "row_create": 1}


def test_a_file_keeps_the_org(tmp_path: Path) -> None:
    """Rows, ids and auto numbers go on where they were; the people are planted once."""
    source, database = write_metadata(tmp_path / "source"), str(tmp_path / "org.sqlite")
    with running_org(source, tmp_path / "keys", database=database) as world:
        first = world.worker.deal()
    with running_org(source, tmp_path / "keys", database=database) as world:
        second = world.worker.deal()
        rows = world.worker.rows("SELECT Id, Serial__c FROM Deal__c ORDER BY Id")
        assert rows == [{"Id": first, "Serial__c": "D-0001"}, {"Id": second, "Serial__c": "D-0002"}]
        assert len(world.worker.rows("SELECT Id FROM User")) == 4


def test_a_precondition_in_the_future_passes(world: World) -> None:
    deal = world.worker.deal()
    later = format_datetime(NOW + timedelta(hours=1), usegmt=True)
    assert world.worker.patch(f"sobjects/Deal__c/{deal}", {"Notes__c": "x"}, headers={"If-Unmodified-Since": later}).ok


@pytest.mark.parametrize("id18", ["001D000000IRFmaIAH", "006R0000004tDdlIAE"])
def test_ids_have_the_platforms_checksum(id18: str) -> None:
    assert normalise(id18[:15]) == id18
    assert normalise(id18.lower()[:15] + id18[15:]) == id18
    assert normalise(id18[:15] + "BAA") is None  # says that the leading zero is a capital
    assert normalise(number("001", 12345)) == number("001", 12345)


def test_the_package_deploys_and_its_rows_can_be_written(tmp_path: Path, world: World) -> None:
    """The admin package's own source is a schema that the org takes: every formula and rule computes."""
    source = Path(__file__).resolve().parents[2] / "salesforce_metadata"
    org = Org(source, world.clock, directory=tmp_path)
    name = "ACE_Opportunity__c"
    row = org.insert(name, [{"Name": "Test"}])[0]
    fields = ", ".join(one.name for one in org.schema[name].fields.values())
    assert org.rows(f"SELECT {fields} FROM {name}")[0]["Id"] == row
    org.close()


def test_the_guide_to_the_sandbox_lists_every_order_and_option() -> None:
    """Whoever adds an order or an option tells how it is used."""
    guide = (SANDBOX.parents[1] / "config" / "sandbox.md").read_text(encoding="utf8")
    told = set(re.findall(r"`(GET|POST) (/[a-z/-]+)` \|", guide))
    sources = [
        SANDBOX / "control.py",
        *(SANDBOX / part / "orders.py" for part in ("salesforce", "exchange", "marketplace")),
    ]
    known = {one for path in sources for one in re.findall(r'\("(GET|POST)", "(/[a-z/-]+)"\):', path.read_text("utf8"))}
    assert len(known) > 15
    assert told == known
    command = (SANDBOX.parent / "admin" / "sandboxing.py").read_text(encoding="utf8")
    options = set(re.findall(r'"(--[a-z-]+)"', command)) - {"--serve"} | {"--port"}
    assert options == set(re.findall(r"^\| `(--[a-z-]+)", guide, re.MULTILINE))
