"""``connector check`` and the ACE bucket: lines where the settings name one, and what to do where it cannot be used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from admin_desk import SETTINGS, Desk
from exchange_bucket import KEY, PASSES, SECRET, Bucket, Fault, serve

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
    row = desk.settings_row()
    assert row is not None
    path = f"sobjects/{SETTINGS}/{row['Id']}"
    assert desk.admin.patch(path, values).status_code == 204
    try:
        yield
    finally:
        desk.admin.patch(path, dict.fromkeys(values))


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
            ("settings", "lead folders", "opportunity folders"), "ok"
        )
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
        mark, message = lines(desk, code=1)["settings"]
    assert mark == "FAIL"
    assert "Partner_Id__c, Payload_Version__c" in message


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
