"""Many rows at once in the sandbox org: collections, composite, tree, Bulk API 2.0."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from salesforce_sandbox import World, running_org, write_metadata


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("org")
    with running_org(write_metadata(folder / "source"), folder / "keys") as found:
        yield found


@pytest.fixture
def world(shared: World) -> World:
    shared.org.reset()
    shared.faults.clear()
    shared.recorder.clear()
    return shared


def deal(**fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Deal__c"}, "Title__c": "Deal", **fields}


def titles(world: World) -> list[str]:
    return [row["Title__c"] for row in world.worker.rows("SELECT Title__c FROM Deal__c ORDER BY Title__c")]


def test_each_row_of_a_collection_has_its_own_result(world: World) -> None:
    """The answer is 200 whatever the rows did; row errors carry statusCode."""
    body = {"records": [deal(), {"attributes": {"type": "Account"}}, deal(Title__c="x" * 11)]}
    answer = world.worker.post("composite/sobjects", body)
    assert answer.status_code == 200
    good, missing, long = answer.json()
    assert good["success"] and good["errors"] == []
    error = {
        "statusCode": "REQUIRED_FIELD_MISSING",
        "message": "Required fields are missing: [Name]",
        "fields": ["Name"],
    }
    assert missing == {"success": False, "errors": [error]}
    assert long["errors"][0]["statusCode"] == "STRING_TOO_LONG"
    assert titles(world) == ["Deal"]


def test_all_or_none_undoes_the_healthy_rows(world: World) -> None:
    answer = world.worker.post("composite/sobjects", {"allOrNone": True, "records": [deal(), deal(Title__c=None)]})
    codes = [row["errors"][0]["statusCode"] for row in answer.json()]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert titles(world) == []


def test_collections_update_upsert_read_and_delete(world: World) -> None:
    first, second = (world.worker.deal(Key__c=key) for key in ("K1", "K2"))
    rows = [
        deal(id=first, Title__c="new"),
        deal(id=first, Title__c="again"),
        deal(id="006000000000001AAA"),
        deal(Title__c="no id"),
    ]
    results = world.worker.patch("composite/sobjects", {"records": rows}).json()
    assert [row["success"] for row in results] == [True, False, False, False]
    upserted = world.worker.patch(
        "composite/sobjects/Deal__c/Key__c",
        {"records": [deal(Key__c="k1", Title__c="K1"), deal(Key__c="K3"), deal(Key__c="K3")]},
    ).json()
    assert [(row["success"], row.get("created")) for row in upserted] == [(True, False), (True, True), (False, None)]
    read = world.worker.get(
        f"composite/sobjects/Deal__c?ids={second},{first},006000000000001AAA&fields=Title__c"
    ).json()
    assert [row and row["Title__c"] for row in read] == ["Deal", "K1", None]
    assert world.worker.post("composite/sobjects/Deal__c", {"ids": [first], "fields": ["Id"]}).json()[0]["Id"] == first
    gone = world.worker.send("DELETE", f"composite/sobjects?ids={first},{first}").json()
    assert [row["success"] for row in gone] == [True, False]
    assert gone[1]["errors"][0]["statusCode"] == "ENTITY_IS_DELETED"


def test_collections_have_limits(world: World) -> None:
    many = world.worker.post("composite/sobjects", {"records": [deal()] * 201})
    assert (many.status_code, many.json()[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")
    mixed = [deal(), {"attributes": {"type": "Account"}, "Name": "A"}] * 6
    assert world.worker.post("composite/sobjects", {"records": mixed}).status_code == 400
    assert titles(world) == []
    assert world.worker.post("composite/sobjects", {"records": sorted(mixed, key=str)}).status_code == 200


def test_one_locked_row_fails_alone(world: World) -> None:
    ids = [world.worker.deal() for _ in range(3)]
    world.faults.add("salesforce", "collections_update", "row_lock")
    results = world.worker.patch("composite/sobjects", {"records": [deal(id=one, Title__c="n") for one in ids]}).json()
    assert [row["success"] for row in results] == [False, True, True]
    assert results[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"


def part(method: str, path: str, reference: str, **more: Any) -> dict[str, Any]:
    return {"method": method, "url": f"/services/data/v67.0/{path}", "referenceId": reference, **more}


def composite(world: World, *parts: dict[str, Any], all_or_none: bool = False) -> list[dict[str, Any]]:
    answer = world.worker.post("composite", {"allOrNone": all_or_none, "compositeRequest": list(parts)})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["compositeResponse"])


def test_a_later_part_may_use_an_earlier_answer(world: World) -> None:
    results = composite(
        world,
        part("POST", "sobjects/Account", "acc", body={"Name": "Acme"}),
        part("POST", "sobjects/Deal__c", "deal", body={"Title__c": "D", "Account__c": "@{acc.id}"}),
        part("GET", "query?q=SELECT+Id,Account__c+FROM+Deal__c", "q"),
        part("GET", "sobjects/Account/@{q.records[0].Account__c}?fields=Name", "again"),
        part("GET", "sobjects/Account/@{nobody.id}", "lost"),
    )
    assert [row["httpStatusCode"] for row in results] == [201, 201, 200, 200, 400]
    assert results[3]["body"]["Name"] == "Acme"
    assert results[0]["httpHeaders"]["Location"].endswith(results[0]["body"]["id"])
    assert world.recorder.requests()["salesforce"]["composite/query"] == 1


def test_all_or_none_composite_undoes_everything(world: World) -> None:
    results = composite(
        world,
        part("POST", "sobjects/Account", "acc", body={"Name": "Acme"}),
        part("POST", "sobjects/Deal__c", "deal", body={"Account__c": "@{acc.id}"}),
        part("POST", "sobjects/Account", "never", body={"Name": "Other"}),
        all_or_none=True,
    )
    codes = [row["body"][0]["errorCode"] for row in results]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert world.worker.query("SELECT COUNT() FROM Account").json()["totalSize"] == 0


def test_parts_carry_their_own_preconditions(world: World) -> None:
    row = world.worker.deal()
    old = {"If-Unmodified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}
    stale, fine = composite(
        world,
        part("PATCH", f"sobjects/Deal__c/{row}", "a", body={"Notes__c": "x"}, httpHeaders=old),
        part("PATCH", f"sobjects/Deal__c/{row}", "b", body={"Notes__c": "y"}),
    )
    assert (stale["httpStatusCode"], fine["httpStatusCode"], fine["body"]) == (412, 204, None)


@pytest.mark.parametrize(
    "parts",
    [
        [part("GET", "limits", f"r{n}") for n in range(26)],
        [part("GET", "query?q=SELECT+Id+FROM+Deal__c", f"r{n}") for n in range(6)],
        [part("GET", "limits", "same"), part("GET", "limits", "same")],
        [{"method": "GET", "url": "/services/data/v67.0/limits"}],
    ],
)
def test_composite_has_limits(world: World, parts: list[dict[str, Any]]) -> None:
    assert world.worker.post("composite", {"compositeRequest": parts}).status_code == 400


def test_a_composite_counts_as_one_call(world: World) -> None:
    before = world.org.usage.used
    composite(world, *[part("GET", "limits", f"r{n}") for n in range(5)])
    assert world.org.usage.used == before + 1


def test_a_lock_hits_one_part_of_a_composite(world: World) -> None:
    row = world.worker.deal()
    world.faults.add("salesforce", "composite", "row_lock")
    parts = [part("PATCH", f"sobjects/Deal__c/{row}", f"r{n}", body={"Notes__c": str(n)}) for n in range(3)]
    assert [one["httpStatusCode"] for one in composite(world, *parts)] == [400, 204, 204]


def test_a_detail_needs_its_masters_lock(world: World) -> None:
    row = world.worker.deal()
    world.org.locked.add(row)
    refused = world.worker.post("sobjects/Deal_Line__c", {"Deal__c": row})
    assert refused.json()[0]["errorCode"] == "UNABLE_TO_LOCK_ROW"


def test_batch_parts_stand_alone(world: World) -> None:
    parts = [{"method": "POST", "url": "v67.0/sobjects/Account", "richInput": body} for body in ({"Name": "A"}, {})]
    answer = world.worker.post("composite/batch", {"batchRequests": parts}).json()
    assert answer["hasErrors"] is True
    assert [row["statusCode"] for row in answer["results"]] == [201, 400]


def test_a_tree_is_planted_whole_or_not_at_all(world: World) -> None:
    lines = {"records": [{"attributes": {"type": "Deal_Line__c", "referenceId": "l"}}]}
    tree = {"attributes": {"type": "Deal__c", "referenceId": "d"}, "Title__c": "D", "Lines__r": lines}
    planted = world.worker.post("composite/tree/Deal__c", {"records": [tree]})
    assert planted.status_code == 201
    assert [row["referenceId"] for row in planted.json()["results"]] == ["d", "l"]
    bad = world.worker.post("composite/tree/Deal__c", {"records": [tree, {**tree, "Title__c": None}]})
    assert (bad.status_code, bad.json()["hasErrors"]) == (400, True)
    assert titles(world) == ["D"]


def ingest(world: World, text: str, **job: Any) -> str:
    made = world.worker.post("jobs/ingest", {"object": "Deal__c", "contentType": "CSV", "lineEnding": "LF", **job})
    assert made.status_code == 200, made.text
    job_id = made.json()["id"]
    url = "/" + made.json()["contentUrl"]
    assert world.worker.send("PUT", url, data=text.encode(), headers={"Content-Type": "text/csv"}).status_code == 201
    assert world.worker.patch(f"jobs/ingest/{job_id}", {"state": "UploadComplete"}).json()["state"] == "UploadComplete"
    return str(job_id)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_bulk_ingest_reports_each_row(world: World) -> None:
    world.worker.deal(Key__c="K1", Notes__c="old", Mood__c="Good")
    text = 'Key__c,Title__c,Notes__c,Mood__c\nK1,New,"a ""b""\nc",\nK2,Ü,#N/A,\nK3,,,\n'
    job = ingest(world, text, operation="upsert", externalIdFieldName="Key__c")
    states = [world.worker.get(f"jobs/ingest/{job}").json()["state"] for _ in range(2)]
    assert states == ["InProgress", "JobComplete"]
    info = world.worker.get(f"jobs/ingest/{job}").json()
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (3, 1)
    done = world.worker.get(f"jobs/ingest/{job}/successfulResults")
    assert done.headers["Content-Type"] == "text/csv"
    assert {row["Key__c"]: row["sf__Created"] for row in table(done.content.decode())} == {"K1": "false", "K2": "true"}
    failed = table(world.worker.get(f"jobs/ingest/{job}/failedResults").text)
    assert failed[0]["sf__Error"].startswith("REQUIRED_FIELD_MISSING:")
    for spelling in ("unprocessedrecords", "unprocessedRecords"):
        assert world.worker.get(f"jobs/ingest/{job}/{spelling}").status_code == 200
    rows = world.worker.rows("SELECT Title__c, Notes__c, Mood__c FROM Deal__c ORDER BY Key__c")
    assert rows[0] == {"Title__c": "New", "Notes__c": 'a "b"\nc', "Mood__c": "Good"}
    assert rows[1]["Title__c"] == "Ü"


def test_bulk_not_available_mark_clears_a_field(world: World) -> None:
    row = world.worker.deal(Notes__c="old", Mood__c="Good")
    ingest(world, f"Id,Notes__c,Mood__c\n{row},#N/A,\n", operation="update")
    assert world.worker.rows("SELECT Notes__c, Mood__c FROM Deal__c") == [{"Notes__c": None, "Mood__c": "Good"}]


def test_bulk_query_gives_pages_of_csv(world: World) -> None:
    account = world.worker.post("sobjects/Account", {"Name": "Acme, Inc."}).json()["id"]
    for number in range(3):
        world.worker.deal(Title__c=f"T{number}", Account__c=account if number else None)
    soql = "SELECT Title__c, Account__r.Name, Active__c FROM Deal__c ORDER BY Title__c"
    job = world.worker.post("jobs/query", {"operation": "query", "query": soql}).json()
    assert job["state"] == "UploadComplete"
    results = f"jobs/query/{job['id']}/results?maxRecords=2"
    assert world.worker.get(results).status_code == 400
    while world.worker.get(f"jobs/query/{job['id']}").json()["state"] != "JobComplete":
        pass
    first = world.worker.get(results)
    assert (first.headers["Sforce-NumberOfRecords"], first.headers["Sforce-Locator"]) == ("2", "2")
    assert table(first.text)[1] == {"Title__c": "T1", "Account__r.Name": "Acme, Inc.", "Active__c": "true"}
    second = world.worker.get(results + "&locator=2")
    assert (second.headers["Sforce-Locator"], len(table(second.text))) == ("null", 1)
    assert world.worker.get(f"/services/data/v66.0/{results}").status_code == 409


def test_bulk_query_refuses_what_bulk_cannot_do(world: World) -> None:
    for soql in (
        "SELECT COUNT() FROM Deal__c",
        "SELECT Id, (SELECT Id FROM Lines__r) FROM Deal__c",
        "SELECT Id FROM Deal__c OFFSET 1",
    ):
        assert world.worker.post("jobs/query", {"operation": "query", "query": soql}).status_code == 400
