"""``connector check`` and the ACE bucket: lines where the settings name one, and what to do where it cannot be used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from admin_desk import SETTINGS, Desk
from exchange_bucket import KEY, PASSES, SECRET, Bucket, Fault, serve

from connector.salesforce.door import SalesforceDoor

LEAD_FOLDERS = ("lead-inbound", "lead-outbound", "lead-inbound-processed-results", "lead-inbound-results")
COMPLETE = {"Partner_Id__c": "SPMS-1234567", "Payload_Version__c": 2}


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with serve() as opened:
        yield opened


@pytest.fixture
def bucket(server: Bucket, desk: Desk) -> Bucket:
    """An empty bucket, which the local configuration reaches."""
    server.begin()
    desk.set(
        BUCKET_KEY=KEY,
        BUCKET_SECRET=SECRET,
        CONNECTOR__AWS__EXCHANGE__ENDPOINT_URL=server.url,
        CONNECTOR__AWS__EXCHANGE__ACCESS_KEY_ID="env:BUCKET_KEY",
        CONNECTOR__AWS__EXCHANGE__SECRET_ACCESS_KEY="env:BUCKET_SECRET",
    )
    return server


@contextmanager
def settings(desk: Desk, **values: object) -> Iterator[None]:
    """Have settings for a while."""
    [row] = desk.admin.rows(f"SELECT Id, {', '.join(values)} FROM {SETTINGS}")
    path = f"sobjects/{SETTINGS}/{row['Id']}"
    assert desk.admin.patch(path, values).status_code == 204
    try:
        yield
    finally:
        assert desk.admin.patch(path, {name: row[name] for name in values}).status_code == 204


def lines(desk: Desk, *, code: int = 0) -> dict[str, tuple[str, str]]:
    """Return mark and message of each line about the bucket; whatever else is checked passes."""
    found = desk.do("check", "--json", code=code).json["checks"]
    assert all(one["ok"] for one in found if one["integration"] != "ACE bucket")
    return {
        one["name"]: ("FAIL" if not one["ok"] else "warn" if one["warning"] else "ok", one["message"])
        for one in found
        if one["integration"] == "ACE bucket"
    }


@pytest.mark.requirement("CONN-21")
def test_a_bucket_is_listed_and_a_wrong_name_is_told(desk: Desk, bucket: Bucket) -> None:
    bucket.put("lead-outbound/new.json")
    with settings(desk, Bucket_Name__c=bucket.name, **COMPLETE):
        found = lines(desk)
        assert {name: mark for name, (mark, _) in found.items()} == dict.fromkeys(
            ("what it is for", *COMPLETE, "Bucket_Name__c", "environment", "lead folders", "opportunity folders",
             "version of files"), "ok",
        ) | {"before the first schedule": "warn"}  # fmt: skip
        assert f"bucket {bucket.name}, region us-west-2 answers" in found["lead folders"][1]
        assert "lead-outbound 1," in found["lead folders"][1]
    assert set(bucket.methods) == {"GET"} and bucket.violations == []
    with settings(desk, Bucket_Name__c="ace-example-lost", **COMPLETE):
        mark, message = lines(desk, code=1)["lead folders"]
        assert mark == "FAIL"
        assert "Bucket ace-example-lost does not exist" in message and "Bucket_Name__c" in message


def test_without_a_bucket_nothing_is_said_or_asked(desk: Desk, bucket: Bucket) -> None:
    assert lines(desk) == {}
    assert bucket.requests == []


def test_what_else_is_needed_to_send_files_is_named(desk: Desk, bucket: Bucket) -> None:
    with settings(desk, Bucket_Name__c=bucket.name):
        found = lines(desk, code=1)
    assert found["Partner_Id__c"][0] == found["Payload_Version__c"][0] == "FAIL"
    assert "Partner ID" in found["Partner_Id__c"][1] and SETTINGS in found["Partner_Id__c"][1]
    assert found["lead folders"][0] == "ok", "one does not stop the others"
    with settings(desk, Opportunities_over_S3__c=True, **COMPLETE):
        assert lines(desk, code=1)["Bucket_Name__c"][0] == "FAIL"


@pytest.mark.requirement("SET-11")
@pytest.mark.parametrize(("size", "used"), [(51, 50), (0, 1)])
def test_a_batch_size_outside_is_warned_of_and_the_nearest_is_used(
    desk: Desk, bucket: Bucket, size: int, used: int
) -> None:
    with settings(desk, Bucket_Name__c=bucket.name, Outbound_Batch_Size__c=size, **COMPLETE):
        mark, message = lines(desk)["Outbound_Batch_Size__c"]
        shown = desk.do("settings", "show", "--json").json
    assert mark == "warn" and str(size) in message and f"{used} applies" in message
    assert shown["files"]["batch_size"] == used
    assert shown["problems"] == [message]


@pytest.mark.requirement("SET-33")
def test_the_previous_data_model_is_a_standing_warning(desk: Desk, bucket: Bucket) -> None:
    with settings(desk, Bucket_Name__c=bucket.name, **COMPLETE | {"Payload_Version__c": 1}):
        mark, message = lines(desk)["Payload_Version__c"]
    assert mark == "warn" and "limited time" in message


@pytest.mark.requirement("SET-32")
@pytest.mark.parametrize("production", [True, False])
def test_a_bucket_named_for_another_environment_is_warned_of(
    desk: Desk, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, *, production: bool
) -> None:
    """The bucket need not be there for that: its name says it."""
    told = SalesforceDoor.identity
    monkeypatch.setattr(SalesforceDoor, "identity", lambda door: replace(told(door), is_sandbox=not production))
    for word, warned in (("beta", production), ("prod", not production)):
        bucket.will(*[Fault(404, "NoSuchBucket")] * 2)
        name = f"ace-northwind-{word}-us-west-2"
        with settings(desk, Bucket_Name__c=name, PC_API_Sandbox_Enabled__c=not production, **COMPLETE):
            mark, message = lines(desk, code=1)["environment"]
        assert (mark == "warn") is warned, message


@pytest.mark.requirement("S3-30")
@pytest.mark.requirement("LEAD-12")
def test_the_check_says_who_the_bucket_is_for(desk: Desk, bucket: Bucket) -> None:
    """Closed to new partners for opportunities since 2024; the only way for leads."""
    with settings(desk, Bucket_Name__c=bucket.name, **COMPLETE):
        told = lines(desk)["what it is for"][1]
    assert "since 2024" in told and "leads" in told and "opportunities by Partner Central's API" in told
    with settings(desk, Bucket_Name__c=bucket.name, Opportunities_over_S3__c=True, **COMPLETE):
        assert "opportunities through the bucket" in lines(desk)["what it is for"][1]


def test_objects_that_lie_there_before_the_first_schedule_are_counted(desk: Desk, bucket: Bucket) -> None:
    for number in range(12):
        bucket.put(f"lead-outbound/Lead_{number}.json")
    with settings(desk, Bucket_Name__c=bucket.name, **COMPLETE):
        mark, message = lines(desk)["before the first schedule"]
    assert mark == "warn" and message.startswith("12 objects present in the bucket (lead-outbound 12)")


def test_a_name_that_is_no_bucket_and_a_missing_secret_are_told(desk: Desk, bucket: Bucket) -> None:
    with settings(desk, Bucket_Name__c="s3://ace", **COMPLETE):
        assert "not the name of a bucket" in lines(desk, code=1)["connection"][1]
    with settings(desk, Bucket_Name__c=bucket.name, **COMPLETE):
        desk.set(CONNECTOR__AWS__EXCHANGE__ACCESS_KEY_ID="env:NO_SUCH_VARIABLE")
        assert "[aws.exchange] access_key_id refers to" in lines(desk, code=1)["connection"][1]


def test_refused_credentials_fail_and_are_never_shown(desk: Desk, bucket: Bucket) -> None:
    bucket.will(*[Fault(403, "InvalidAccessKeyId", {"AWSAccessKeyId": KEY})] * 2)
    with settings(desk, Bucket_Name__c=bucket.name, **COMPLETE):
        found = lines(desk, code=1)
    assert found["lead folders"][0] == found["opportunity folders"][0] == "FAIL"
    assert "access_key_id" in found["lead folders"][1]
    assert KEY not in json.dumps(found)


def test_folders_of_opportunities_alone_may_be_closed(desk: Desk, bucket: Bucket) -> None:
    """Where opportunities use the API, the bucket serves leads alone."""
    bucket.put("lead-outbound/new.json")
    with settings(desk, Bucket_Name__c=bucket.name, **COMPLETE):
        bucket.will(*[PASSES] * len(LEAD_FOLDERS), Fault(403, "AccessDenied"))
        mark, message = lines(desk)["opportunity folders"]
    assert mark == "warn"
    assert "s3:ListBucket" in message and "where opportunities go through the bucket" in message
