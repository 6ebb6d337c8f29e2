"""The embedded ACE bucket takes files as AWS does, and refuses what AWS refuses, seen by an independent S3 client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from sandbox_exchange import FULL_CONTROL, NEW_OPPORTUNITY, RESULTS, World, denied, new

from connector.sandbox.exchange.settings import PARTNER_ID

Json = dict[str, Any]
ENVELOPE = {
    "success", "spmsId", "isApiError", "inboundApiResults", "fileName", "fileApnProcessedDT", "apiErrors",
}  # fmt: skip
ENTRY = {"warnings", "partnerCrmUniqueIdentifier", "isSuccess", "errors", "apnCrmUniqueIdentifier"}


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture
def world(running: World) -> World:
    running.reset()
    return running


def test_a_file_made_like_aws_s_sample_is_taken_and_answered_like_its_sample(world: World) -> None:
    key = world.name()
    parent = world.share()
    record = {**NEW_OPPORTUNITY, "opportunityType": "Flat Renewal", "parentOppId": parent}
    file = {"version": "2.0", "spmsId": PARTNER_ID, "opportunities": [record]}
    result = world.send_bytes(json.dumps(file).encode(), key)
    assert set(result) == ENVELOPE
    assert (result["success"], result["isApiError"], result["apiErrors"], result["fileName"]) == (
        "ALL", False, None, key,
    )  # fmt: skip
    (entry,) = result["inboundApiResults"]
    assert set(entry) == ENTRY
    assert (entry["isSuccess"], entry["errors"], entry["partnerCrmUniqueIdentifier"]) == (
        True, None, "006000000000001AAA",
    )  # fmt: skip
    assert entry["apnCrmUniqueIdentifier"][0] == "O"


def test_a_file_leaves_the_folder_and_its_result_has_its_name_in_folder_and_archives(world: World) -> None:
    key = world.name()
    name = key.rpartition("/")[2]
    world.send_bytes(json.dumps({"version": "2.0", "spmsId": PARTNER_ID, "opportunities": [new()]}).encode(), key)
    result, day = name.replace(".json", "_result.json"), world.clock.now().strftime("%Y/%m/%d")
    assert world.keys("opportunity-inbound") == []
    assert world.keys("opportunity-inbound-archive") == [name]
    assert world.keys(f"opportunity-{RESULTS}") == [result]
    assert world.keys(f"opportunity-{RESULTS}-archive") == [result]
    assert world.keys("opportunity-inbound-results-archive") == [f"{day}/{result}"]


def test_a_name_that_was_there_before_is_archived_and_never_answered(world: World) -> None:
    key = world.name()
    file = json.dumps({"version": "2.0", "spmsId": PARTNER_ID, "opportunities": [new()]}).encode()
    world.send_bytes(file, key)
    world.put(key, file)
    assert world.order("/exchange/process") == {"results": []}
    assert world.keys("opportunity-inbound") == []


def test_results_go_where_the_other_text_says_when_it_is_set_so(world: World) -> None:
    world.order("/exchange/settings", results="inbound-results", results_folder_of_opportunities="lead")
    world.send(new())
    assert len(world.keys("lead-inbound-results")) == 1
    assert "results is 'elsewhere'" in world.refused("/exchange/settings", results="elsewhere")


def test_left_to_itself_it_answers_within_seconds_and_exports_at_the_next_hour(world: World) -> None:
    world.order("/exchange/settings", automatic=True)
    key = world.name()
    world.put(key, json.dumps({"version": "2.0", "spmsId": PARTNER_ID, "opportunities": [new()]}).encode())
    name = key.rpartition("/")[2].replace(".json", "_result.json")
    world.wait_for(f"opportunity-{RESULTS}/{name}")
    assert world.keys("opportunity-outbound") == []
    world.later(hours=1)
    world.wait_for("opportunity-outbound/")


# -- the bucket's policy


@pytest.mark.parametrize(
    ("key", "acl"),
    [
        ("opportunity-inbound/a.json", {}),
        ("opportunity-inbound/a.json", {"ACL": "private"}),
        ("opportunity-outbound/a.json", {"ACL": FULL_CONTROL}),
        ("opportunity-inbound-archive/a.json", {"ACL": FULL_CONTROL}),
        ("a.json", {"ACL": FULL_CONTROL}),
    ],
)
def test_writing_elsewhere_or_without_full_control_for_the_owner_is_denied(
    world: World, key: str, acl: dict[str, str]
) -> None:
    assert denied(world.s3.put_object, Bucket=world.bucket, Key=key, Body=b"{}", **acl) == "AccessDenied"


def test_a_partner_lists_reads_and_deletes(world: World) -> None:
    world.share()
    world.order("/exchange/export")
    (name,) = world.keys("opportunity-outbound")
    world.s3.delete_object(Bucket=world.bucket, Key=f"opportunity-outbound/{name}")
    assert world.keys("opportunity-outbound") == []
    assert world.get(f"opportunity-outbound-archive/{name}")["version"] == "2.0"


def test_unknown_keys_and_another_region_are_refused(world: World) -> None:
    url = world.exchange.bucket.endpoint_url
    stranger = world.client("s3", url, "us-west-2", key="AKIASTRANGER")
    assert denied(stranger.list_objects_v2, Bucket=world.bucket) == "InvalidAccessKeyId"
    elsewhere = world.client("s3", url, "us-east-1")
    assert denied(elsewhere.list_objects_v2, Bucket=world.bucket) == "AuthorizationHeaderMalformed"


def test_requests_go_wrong_on_demand(world: World) -> None:
    world.order("/fault", server="s3", match="PutObject", kind="status", status=403)
    assert denied(world.put, key=world.name(), body=b"{}") == "AccessDenied"
    world.order("/fault", server="s3", match="List", kind="status", status=503)
    assert denied(world.s3.list_objects_v2, Bucket=world.bucket) == "SlowDown"
    world.order("/fault", server="s3", match="PutObject", kind="timeout_after")
    key = world.name()
    with pytest.raises(HTTPClientError):
        world.put(key, b"{}")
    assert world.keys("opportunity-inbound") == [key.rpartition("/")[2]]
    assert "is nothing that S3 does" in world.refused("/fault", server="s3", kind="row_lock")


# -- whole files


@pytest.mark.parametrize("body", [b"{no json", b"[1, 2]", b'"text"', b"\xff\xfe", b'{"version": NaN}'])
def test_what_is_no_json_object_is_refused_as_a_whole(world: World, body: bytes) -> None:
    result = world.send_bytes(body, world.name())
    assert (result["isApiError"], result["success"], result["inboundApiResults"]) == (True, "NONE", [])
    assert result["apiErrors"][0].endswith("is not of type object")


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"version": "3.0"}, "version: '3.0'"),
        ({"version": 2.0}, "version: 2.0"),
        ({"version": None}, "version"),
        ({"spmsId": "1"}, "spmsId: '1'"),
        ({"opportunities": []}, "0 records"),
        ({"opportunities": [new()] * 51}, "51 records"),
        ({"opportunities": ["text"]}, "a list of objects"),
        ({"extra": 1}, "The file's members must be"),
        ({"projects": 1}, "The file's members must be"),
    ],
)
def test_a_file_that_is_not_made_as_aws_wants_it_is_refused_as_a_whole(world: World, members: Json, text: str) -> None:
    result = world.send(new(), **members)
    assert result["isApiError"] is True
    assert text in result["apiErrors"][0]


def test_a_lead_file_in_the_wrong_folder_is_refused(world: World) -> None:
    file = {"version": "1.0", "spmsId": PARTNER_ID, "Leads": [{}]}
    assert world.send_bytes(json.dumps(file).encode(), world.name("opportunity"))["isApiError"] is True


def test_a_file_of_more_than_a_megabyte_is_refused(world: World) -> None:
    result = world.send(new(additionalComments="x" * 1_048_576))
    assert "exceeds the limit of 1048576 bytes" in result["apiErrors"][0]


@pytest.mark.parametrize(("name", "result"), [("offer.pdf", "offer.error.json"), ("a.b.docx", "a.b.error.json")])
def test_a_foreign_extension_is_answered_by_an_error_file(world: World, name: str, result: str) -> None:
    answer = world.send_bytes(b"%PDF", f"opportunity-inbound/{name}")
    assert world.keys(f"opportunity-{RESULTS}") == [result]
    assert "not accepted" in answer["apiErrors"][0]
    assert world.keys("opportunity-inbound-archive") == [name]


def test_ten_thousand_files_within_a_day_are_the_most(world: World) -> None:
    world.exchange._taken.extend([world.clock.now()] * 9_999)
    assert world.send(new())["success"] == "ALL"
    assert "More than 10000 files" in world.send(new())["apiErrors"][0]
    world.later(hours=24)
    assert world.send(world.update("O1000001", nextStep="Call"))["isApiError"] is False


def test_once_a_file_of_version_2_came_the_older_version_is_judged_by_the_newer_rules(world: World) -> None:
    legacy = {"awsFieldEngagement": "No", "salesActivities": None}
    older = {name: value for name, value in new(**legacy).items() if name not in ("awsProducts", "parentOppId")}
    assert world.send(older, version="1.0")["success"] == "ALL"
    assert world.send(new(partnerCrmUniqueIdentifier="b"))["success"] == "ALL"
    text = world.errors({**older, "partnerCrmUniqueIdentifier": "c"}, version="1.0")
    assert "awsFieldEngagement: Field is not defined" in text


# -- what goes wrong at AWS


def test_a_result_that_is_kept_back_comes_with_the_release(world: World) -> None:
    world.order("/exchange/fault", kind="withhold")
    key = world.name()
    world.put(key, json.dumps({"version": "2.0", "spmsId": PARTNER_ID, "opportunities": [new()]}).encode())
    assert world.order("/exchange/process") == {"results": []}
    assert world.keys("opportunity-inbound") == []
    assert world.keys(f"opportunity-{RESULTS}") == []
    (result,) = world.order("/exchange/release")["results"]
    assert world.get(result)["success"] == "ALL"


def test_a_stalled_file_stays_unread_until_the_release(world: World) -> None:
    world.order("/exchange/fault", kind="stall")
    key = world.name()
    world.put(key, b"{}")
    for _ in range(2):
        assert world.order("/exchange/process") == {"results": []}
    assert world.keys("opportunity-inbound") == [key.rpartition("/")[2]]
    assert len(world.order("/exchange/release")["results"]) == 1


def test_one_refused_record_of_a_file_leaves_the_others_taken(world: World) -> None:
    world.order("/exchange/fault", kind="record_error", match="^b ", errors=["Out of luck"])
    result = world.send(*(new(partnerCrmUniqueIdentifier=each) for each in "abc"))
    assert result["success"] == "PARTIAL"
    assert [(one["isSuccess"], one["errors"]) for one in result["inboundApiResults"]] == [
        (True, None), (False, ["Out of luck"]), (True, None),
    ]  # fmt: skip


@pytest.mark.parametrize("errors", [["No"], "No", {"code": 1}])
def test_a_whole_file_is_refused_on_demand_in_any_words(world: World, errors: Any) -> None:
    world.order("/exchange/fault", kind="file_error", errors=errors)
    result = world.send(new())
    assert (result["isApiError"], result["apiErrors"]) == (True, errors)
    assert world.send(new())["success"] == "ALL"


def test_orders_that_cannot_be_carried_out_say_why(world: World) -> None:
    assert "kind 'x' is unknown" in world.refused("/exchange/fault", kind="x")
    assert "times is 0" in world.refused("/exchange/fault", kind="stall", times=0)
    assert "no regular expression" in world.refused("/exchange/fault", kind="stall", match="(")
    assert "must be a list" in world.refused("/exchange/fault", kind="record_error", errors="x")
    assert "no Salesforce org" in world.refused("/exchange/enroll")
    with pytest.raises(ClientError):
        world.get("opportunity-outbound/nothing.json")
