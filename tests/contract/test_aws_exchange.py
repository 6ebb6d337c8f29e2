"""The door to the ACE bucket over real HTTP: what is listed, read, sent and deleted, and how refusals are told."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from exchange_bucket import (
    ENDLESS,
    KEY,
    KEYS,
    LOST_AFTER,
    LOST_BEFORE,
    MOST_POURED,
    SECRET,
    Bucket,
    Fault,
    Request,
    serve,
    signature_violations,
)
from urllib3 import HTTPResponse

from connector.aws.errors import AccessRefused, Unreachable
from connector.aws.exchange import LARGEST_READ, LARGEST_UPLOAD, ExchangeDoor, open_clients
from connector.aws.exchange_budget import UPLOADS
from connector.aws.exchange_files import BucketFile, Page
from connector.aws.exchange_settings import ExchangeSettings
from connector.aws.session import Clients
from connector.aws.throttle import MemoryLedger
from connector.errors import (
    ConfigError,
    ConnectorError,
    Deferred,
    DuplicateValue,
    RecordGone,
    RecordRejected,
    Refused,
    Retriable,
    StaleRecord,
)
from connector.service.config import ExchangeSection
from connector.service.exchange import open_exchange

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
NAME = "opportunity-1_03012026120030.json"
INBOUND = f"opportunity-inbound/{NAME}"


PATIENT = 60.0
HASTY = 0.5


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with serve() as opened:
        yield opened


@pytest.fixture(scope="module")
def clients(server: Bucket) -> Iterator[Clients]:
    opened = open_clients(ExchangeSettings(server.name, endpoint_url=server.url, read_timeout=PATIENT, **KEYS))
    yield opened
    for client in opened:
        client.close()


@pytest.fixture
def bucket(server: Bucket) -> Iterator[Bucket]:
    server.begin()
    yield server
    assert server.violations == []
    assert server.script == [], "every fault was met"


class Desk:
    """A door to the bucket, its ledger and its clock."""

    def __init__(self, bucket: Bucket, clients: Clients | None = None, /, **settings: Any) -> None:
        self.ledger, self.time = MemoryLedger(), NOON
        given = {"bucket": bucket.name, "endpoint_url": bucket.url, "read_timeout": PATIENT, **KEYS, **settings}
        self.door = ExchangeDoor(ExchangeSettings(**given), ledger=self.ledger, now=lambda: self.time, clients=clients)

    @property
    def sent(self) -> int:
        return self.door.upload_budget()[0]


@pytest.fixture
def desk(bucket: Bucket, clients: Clients) -> Desk:
    return Desk(bucket, clients)


@pytest.fixture
def door(desk: Desk) -> ExchangeDoor:
    return desk.door


def files(pages: Iterator[Page]) -> list[BucketFile]:
    return [file for page in pages for file in page.files]


def only(pages: Iterator[Page]) -> BucketFile:
    [file] = files(pages)
    return file


# --- the wire


@pytest.mark.requirement("CONN-26")
def test_a_key_pair_is_enough_to_list_read_send_and_delete(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Nothing of AWS is configured on the host: no files, no variables, no instance role."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("BUCKET_KEY", KEY)
    monkeypatch.setenv("BUCKET_SECRET", SECRET)
    section = ExchangeSection(
        endpoint_url=bucket.url, access_key_id="env:BUCKET_KEY", secret_access_key="env:BUCKET_SECRET"
    )
    door = open_exchange(section, bucket.name)
    bucket.put("lead-outbound/new.json", b'{"leads": []}')
    file = only(door.outbound_files("lead"))
    assert door.read(file) == b'{"leads": []}'
    door.submit("lead", "lead-1_03012026120030.json", b'{"Leads": []}')
    door.delete(file)
    assert bucket.keys == ["lead-inbound/lead-1_03012026120030.json"]
    door.close()


@pytest.mark.requirement("CONN-03")
def test_without_more_than_keys_and_a_bucket_requests_go_to_s3_in_us_west_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKET_KEY", KEY)
    monkeypatch.setenv("BUCKET_SECRET", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere.example")
    section = ExchangeSection(access_key_id="env:BUCKET_KEY", secret_access_key="env:BUCKET_SECRET")
    door, sent = open_exchange(section, "ace.example-beta"), []

    def catch(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, HTTPResponse(body=io.BytesIO(), preload_content=False))

    door._clients.writes.meta.events.register("before-send.s3", catch)
    door.submit("opportunity", NAME, b"{}")
    [request] = sent
    assert request.url == f"https://s3.us-west-2.amazonaws.com/ace.example-beta/opportunity-inbound/{NAME}"
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    assert f"Credential={KEY}/" in headers["authorization"]
    assert "/us-west-2/s3/aws4_request" in headers["authorization"]
    headers["host"] = "s3.us-west-2.amazonaws.com"
    path = request.url.removeprefix("https://s3.us-west-2.amazonaws.com")
    assert list(signature_violations(Request("PUT", path, "", headers, b"{}"))) == []
    door.close()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@pytest.mark.requirement("S3-12")
def test_an_upload_gives_the_buckets_owner_full_control(bucket: Bucket, door: ExchangeDoor) -> None:
    """It carries nothing about encryption either, which is the bucket's own matter."""
    content = json.dumps({"version": "2.0", "opportunities": [{"customerCompanyName": "Höher & Söhne"}]}).encode()
    door.submit("opportunity", NAME, content)
    [request] = bucket.requests
    assert (request.method, request.path) == ("PUT", f"/{bucket.name}/{INBOUND}")
    assert request.headers["x-amz-acl"] == "bucket-owner-full-control"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["if-none-match"] == "*"
    assert request.headers["x-amz-content-sha256"] == hashlib.sha256(content).hexdigest()
    assert not [name for name in request.headers if "encryption" in name or "meta" in name]
    assert request.body == bucket.content(INBOUND) == content


def test_a_bucket_that_encrypts_by_a_key_of_its_own_takes_and_gives_files(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.encrypt("arn:aws:kms:us-west-2:111122223333:key/1234")
    bucket.put("opportunity-outbound/a.json", b"[1]")
    door.submit("opportunity", NAME, b"{}")
    assert door.read(only(door.outbound_files("opportunity"))) == b"[1]"
    assert bucket.encryption(INBOUND) == "aws:kms"


# --- listing


def test_all_pages_are_listed_and_what_is_no_json_file_is_told(bucket: Bucket, door: ExchangeDoor) -> None:
    for number in range(2500):
        bucket.put(f"opportunity-outbound/{number:04}.json")
    for key in ("", "notes.pdf", "old/x.json", "old/", "marks_$folder$", "EMPTY.JSON"):
        bucket.put(f"opportunity-outbound/{key}", b"")
    bucket.put("opportunity-outbound-archive/0001.json")
    pages = list(door.outbound_files("opportunity"))
    assert len(pages) == 3
    names = Counter(file.name for page in pages for file in page.files)
    assert names == Counter([*(f"{number:04}.json" for number in range(2500)), "EMPTY.JSON"])
    skipped = {one.key.partition("/")[2]: one.reason for page in pages for one in page.skipped}
    assert skipped == {
        "": "folder placeholder",
        "notes.pdf": "not JSON",
        "old/x.json": "in a folder within the folder",
        "old/": "folder placeholder",
        "marks_$folder$": "folder placeholder",
    }
    assert bucket.methods == ["GET"] * 3


def test_keys_of_any_characters_are_listed_read_and_deleted(bucket: Bucket, door: ExchangeDoor) -> None:
    names = {"a b+c%20.json", "100%.json", "é\U0001f600.json", "a&b=c;d.json", "(1)'\".JSON"}
    for name in names:
        bucket.put(f"opportunity-outbound/{name}", b"{}")
    [page] = door.outbound_files("opportunity")
    assert {one.name for one in page.files} == names
    for one in page.files:
        assert door.read(one) == b"{}"
        door.delete(one)
    assert not any(page.files for page in door.outbound_files("opportunity"))


def test_a_file_is_listed_with_what_is_known_of_it(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.put("lead-outbound/Añd & so+on.json", b"12345")
    file = only(door.outbound_files("lead"))
    assert (file.key, file.name, file.record_type, file.size) == (
        "lead-outbound/Añd & so+on.json", "Añd & so+on.json", "lead", 5,
    )  # fmt: skip
    assert abs(datetime.now(UTC) - file.modified_at) < timedelta(minutes=5)
    assert door.read(file) == b"12345"


@pytest.mark.parametrize("record_type", ["opportunity", "lead"])
def test_results_are_found_in_the_folders_of_both_spellings(
    bucket: Bucket, door: ExchangeDoor, record_type: Any
) -> None:
    bucket.put(f"{record_type}-inbound-processed-results/a_03012026120030_result.json")
    bucket.put(f"{record_type}-inbound-results/b_03012026120030_result.json")
    bucket.put(f"{record_type}-inbound-results/c_03012026120030.error.json")
    bucket.put(f"{record_type}-inbound-results/d_03012026120030.json.error.json")
    bucket.put(f"{record_type}-inbound-results/other.json")
    found = files(door.result_files(record_type))
    assert [(one.answers, one.is_error) for one in found] == [
        ("a_03012026120030.json", False),
        ("b_03012026120030.json", False),
        ("c_03012026120030.json", True),
        ("d_03012026120030.json", True),
        ("", False),
    ]
    for one in found:
        door.delete(one)
    assert bucket.keys == []


def test_folders_may_have_other_names(bucket: Bucket, clients: Clients) -> None:
    desk = Desk(
        bucket,
        clients,
        folders={
            "opportunity-inbound": "acme/in", "opportunity-outbound": "acme/out", "lead-inbound-results": "answers",
        },
    )  # fmt: skip
    bucket.put("acme/out/a.json")
    bucket.put("answers/a_result.json")
    bucket.put("opportunity-outbound/b.json")
    assert only(desk.door.outbound_files("opportunity")).key == "acme/out/a.json"
    assert only(desk.door.result_files("lead")).name == "a_result.json"
    desk.door.submit("opportunity", NAME, b"{}")
    assert f"acme/in/{NAME}" in bucket.keys
    assert only(desk.door.submitted_files("opportunity")).name == NAME


def test_an_archived_file_is_found_by_day_or_anywhere(bucket: Bucket, door: ExchangeDoor) -> None:
    name, day = "a_03012026120030_result.json", date(2026, 3, 1)
    bucket.put(f"opportunity-inbound-results-archive/2026/03/01/{name}", b"[1]")
    bucket.put(f"opportunity-inbound-results-archive/2026/03/01/{name}.json")
    bucket.put(f"opportunity-inbound-results-archive/2026/03/01/x{name}")
    bucket.put(f"opportunity-inbound-processed-results-archive/2026/02/28/{name}", b"[2]")
    bucket.put("opportunity-outbound-archive/b.json", b"[3]")
    [found] = door.find_archived("opportunity", "results_archive", name, day=day)
    assert door.read(found) == b"[1]"
    assert len(bucket.requests) == 5, "a day is looked up without walking the archive"
    anywhere = door.find_archived("opportunity", "results_archive", name)
    assert {door.read(one) for one in anywhere} == {b"[1]", b"[2]"}
    for given in (None, day):
        [found] = door.find_archived("opportunity", "outbound_archive", "b.json", day=given)
        assert door.read(found) == b"[3]"
    assert door.find_archived("lead", "results_archive", name, day=day) == []
    with pytest.raises(Refused, match="is not deleted"):
        door.delete(found)


def test_what_lies_in_the_bucket_is_counted_by_folder(bucket: Bucket, door: ExchangeDoor) -> None:
    for key in ("lead-outbound/", "lead-outbound/a.json", "lead-outbound/b.pdf", "lead-inbound/c.json", "other/d.json"):
        bucket.put(key)
    counts = door.counts()
    assert {name: count for name, count in counts.items() if count} == {"lead-outbound": 2, "lead-inbound": 1}
    assert len(counts) == 8


# --- reading


def test_a_file_of_five_megabytes_is_read(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.put("opportunity-outbound/a.json", b"x" * LARGEST_READ)
    assert len(door.read(only(door.outbound_files("opportunity")))) == LARGEST_READ


def test_a_larger_file_is_refused_before_it_is_read(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.put("opportunity-outbound/a.json", b"x" * (LARGEST_READ + 1))
    listed = only(door.outbound_files("opportunity"))
    asked = len(bucket.requests)
    with pytest.raises(RecordRejected, match=r"opportunity-outbound/a\.json.*5,242,881 bytes") as caught:
        door.read(listed)
    assert caught.value.problems[0].code == "FILE_TOO_LARGE"
    assert len(bucket.requests) == asked
    grown = BucketFile(listed.key, "opportunity", 1, listed.etag, listed.modified_at)
    with pytest.raises(RecordRejected, match="5,242,881 bytes"):
        door.read(grown)


def test_an_answer_without_end_is_cut_off(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.put("opportunity-outbound/a.json")
    listed = only(door.outbound_files("opportunity"))
    bucket.will(ENDLESS)
    with pytest.raises(RecordRejected, match="at most 5,242,880"):
        door.read(listed)
    assert bucket.served < MOST_POURED, "not much more was taken than is allowed"


def test_a_file_that_changed_or_vanished_after_the_listing_is_not_mistaken(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.put("opportunity-outbound/a.json", b"[1]")
    listed = only(door.outbound_files("opportunity"))
    bucket.put("opportunity-outbound/a.json", b"[2]")
    for call in (door.read, door.delete):
        with pytest.raises(StaleRecord, match="look again"):
            call(listed)
    newer = only(door.outbound_files("opportunity"))
    assert door.read(newer) == b"[2]"
    door.delete(newer)
    assert bucket.keys == []
    with pytest.raises(RecordGone, match=r"opportunity-outbound/a\.json"):
        door.read(newer)
    door.delete(newer)


def test_only_what_aws_wrote_for_the_partner_is_deleted(bucket: Bucket, door: ExchangeDoor) -> None:
    door.submit("opportunity", NAME, b"{}")
    with pytest.raises(Refused, match=INBOUND):
        door.delete(only(door.submitted_files("opportunity")))
    assert bucket.methods == ["PUT", "GET"]


# --- sending


@pytest.mark.requirement("S3-08")
def test_a_hundred_names_of_one_second_are_all_different(bucket: Bucket, door: ExchangeDoor) -> None:
    names = [door.new_name("opportunity") for _ in range(100)]
    assert len(set(names)) == 100
    assert all(re.fullmatch(r".+_\d{2}\d{2}\d{4}\d{6}\.json", name) for name in names)
    assert all(name.endswith("_03012026120030.json") for name in names), "month, day, year, 24-hour clock in UTC"
    for name in names:
        door.submit("opportunity", name, b"{}")
    assert bucket.keys == sorted(f"opportunity-inbound/{name}" for name in names)


def test_names_differ_between_doors_that_know_nothing_of_each_other(bucket: Bucket, clients: Clients) -> None:
    assert len({Desk(bucket, clients).door.new_name("lead") for _ in range(2)}) == 2


@pytest.mark.parametrize(
    "name", ["a.json", "x/a_03012026120030.json", "a_03012026120030.pdf", "../a_03012026120030.json"]
)
def test_a_name_that_aws_would_not_take_is_refused(bucket: Bucket, door: ExchangeDoor, name: str) -> None:
    with pytest.raises(Refused, match="MMDDYYYYHHMMSS"):
        door.submit("opportunity", name, b"{}")
    assert bucket.requests == []


def test_a_taken_name_is_refused_and_the_file_there_kept(bucket: Bucket, desk: Desk) -> None:
    desk.door.submit("opportunity", NAME, b"[1]")
    with pytest.raises(DuplicateValue, match="under a new name") as caught:
        desk.door.submit("opportunity", NAME, b"[2]")
    assert caught.value.problems[0].value == INBOUND
    assert bucket.content(INBOUND) == b"[1]"
    assert desk.sent == 1


def test_the_same_bytes_may_be_sent_again(bucket: Bucket, desk: Desk) -> None:
    for _ in range(3):
        desk.door.submit("opportunity", NAME, b"[1]")
    assert bucket.keys == [INBOUND]
    assert desk.sent == 1


@pytest.mark.parametrize("lost", [LOST_BEFORE, LOST_AFTER])
def test_a_lost_answer_leaves_the_outcome_open_and_repeating_settles_it(
    bucket: Bucket, desk: Desk, lost: Fault
) -> None:
    bucket.will(lost)
    hasty = Desk(bucket, read_timeout=HASTY)
    with pytest.raises(Unreachable, match="under the same name again does no harm") as caught:
        hasty.door.submit("opportunity", NAME, b"[1]")
    hasty.door.close()
    assert hasty.sent == 1, "it may have arrived"
    assert caught.value.outcome_unknown
    assert bucket.methods == ["PUT"], "the door itself sends once"
    desk.door.submit("opportunity", NAME, b"[1]")
    assert bucket.content(INBOUND) == b"[1]"


def test_a_file_that_aws_takes_in_while_it_is_sent_again_leaves_the_outcome_open(bucket: Bucket, desk: Desk) -> None:
    """It was there, and is gone when it is looked at: no refusal of its records."""
    bucket.will(Fault(412, "PreconditionFailed"), Fault(404, "NoSuchKey"))
    with pytest.raises(Retriable, match="does no harm") as caught:
        desk.door.submit("opportunity", NAME, b"[1]")
    assert caught.value.outcome_unknown


def test_a_taken_name_whose_file_cannot_be_read_leaves_the_outcome_open(bucket: Bucket, desk: Desk) -> None:
    desk.door.submit("opportunity", NAME, b"[1]")
    bucket.will(Fault(412, "PreconditionFailed"), Fault(403, "AccessDenied"))
    with pytest.raises(AccessRefused) as caught:
        desk.door.submit("opportunity", NAME, b"[1]")
    assert caught.value.outcome_unknown


def test_a_file_of_one_megabyte_is_refused_before_it_is_sent(bucket: Bucket, desk: Desk) -> None:
    desk.door.submit("opportunity", NAME, b"x" * LARGEST_UPLOAD)
    with pytest.raises(RecordRejected, match=r"1,048,576 bytes.*Send fewer records"):
        desk.door.submit("lead", NAME, b"x" * 1_048_576)
    assert bucket.keys == [INBOUND]
    assert desk.sent == 1


def test_files_are_counted_over_a_rolling_day(bucket: Bucket, desk: Desk) -> None:
    desk.ledger.spend(UPLOADS, NOON, 9_999)
    names = [desk.door.new_name("lead") for _ in range(5)]
    desk.door.submit("lead", names[0], b"{}")
    for name in names[1:]:
        with pytest.raises(Deferred, match=r"10000 files.*2026-03-02 12:00 UTC") as caught:
            desk.door.submit("lead", name, b"{}")
    assert len(bucket.requests) == 1
    assert desk.door.upload_budget() == (10_000, 10_000)
    desk.time = caught.value.until + timedelta(minutes=1)  # minutes are counted, whole ones
    desk.door.submit("lead", names[1], b"{}")
    assert desk.sent == 1


def test_a_refused_file_does_not_count(bucket: Bucket, desk: Desk) -> None:
    bucket.will(Fault(403, "AccessDenied"))
    with pytest.raises(AccessRefused):
        desk.door.submit("lead", NAME, b"{}")
    assert desk.sent == 0
    bucket.will(Fault(500, "InternalError"))
    with pytest.raises(Retriable):
        desk.door.submit("lead", NAME, b"{}")
    assert desk.sent == 1, "it may have arrived"


# --- refusals


def refusal(bucket: Bucket, door: ExchangeDoor, fault: Fault) -> ConnectorError:
    """Return what an upload raises; its text never tells a secret."""
    bucket.will(fault)
    with pytest.raises(ConnectorError) as caught:
        door.submit("opportunity", NAME, b"{}")
    assert not [secret for secret in (KEY, SECRET, "AKIAQUOTED", "string-to-sign") if secret in str(caught.value)]
    return caught.value


def test_access_denied_names_its_known_causes(bucket: Bucket, door: ExchangeDoor) -> None:
    said = f"User {KEY} is not authorized to perform: s3:PutObject; AKIAQUOTED1234567890"
    error = refusal(bucket, door, Fault(403, "AccessDenied", {"Message": said}))
    assert isinstance(error, AccessRefused) and error.cause == "permission"
    for word in ("wrong folder", "*-inbound", "bucket-owner-full-control", "credentials", "s3:PutObject", INBOUND):
        assert word in str(error)


def test_access_denied_to_a_listing_names_the_right(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.will(Fault(403, "AccessDenied"))
    with pytest.raises(AccessRefused, match=r"lead-outbound/.*s3:ListBucket") as caught:
        files(door.outbound_files("lead"))
    assert "ACL" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "status", "cause", "word"),
    [
        ("InvalidAccessKeyId", 403, "key", "access_key_id"),
        ("SignatureDoesNotMatch", 403, "key", "secret_access_key"),
        ("ExpiredToken", 400, "token", "temporary credentials"),
        ("InvalidToken", 400, "token", "temporary credentials"),
        ("RequestTimeTooSkewed", 403, "clock", "NTP"),
        ("AllAccessDisabled", 403, "permission", "onboarded"),
        ("KMS.DisabledException", 400, "kms", "kms:GenerateDataKey"),
    ],
)
def test_refused_access_tells_its_cause(
    bucket: Bucket, door: ExchangeDoor, code: str, status: int, cause: str, word: str
) -> None:
    members = {"Message": "no", "AWSAccessKeyId": KEY, "StringToSign": "string-to-sign", "Token-0": SECRET}
    error = refusal(bucket, door, Fault(status, code, members, {"x-amz-bucket-region": "us-west-2"}))
    assert isinstance(error, AccessRefused) and error.cause == cause
    assert word in str(error)
    assert not error.outcome_unknown


def test_a_wrong_clock_is_told_with_awss_time(bucket: Bucket, door: ExchangeDoor) -> None:
    fault = Fault(403, "RequestTimeTooSkewed", {"Message": "too large", "ServerTime": "2026-03-01T12:00:00Z"})
    assert "AWS's time is 2026-03-01T12:00:00Z" in str(refusal(bucket, door, fault))


def test_a_key_of_kms_that_may_not_be_used_is_told_as_such(bucket: Bucket, door: ExchangeDoor) -> None:
    said = "User: arn:aws:iam::111122223333:user/ace is not authorized to perform: kms:GenerateDataKey on the resource"
    error = refusal(bucket, door, Fault(403, "AccessDenied", {"Message": said}))
    assert isinstance(error, AccessRefused) and error.cause == "kms"
    assert "KMS key" in str(error) and "kms:GenerateDataKey on the resource" in str(error)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(301, "PermanentRedirect", {"Message": "moved"}, {"x-amz-bucket-region": "eu-west-1"}),
        Fault(400, "AuthorizationHeaderMalformed", {"Message": "the region is wrong", "Region": "eu-west-1"}),
        Fault(400, "AuthorizationHeaderMalformed", {"Message": "the region is wrong; expecting 'eu-west-1'"}),
    ],
)
def test_a_bucket_of_another_region_is_told_and_not_followed(bucket: Bucket, door: ExchangeDoor, fault: Fault) -> None:
    error = refusal(bucket, door, fault)
    assert isinstance(error, ConfigError)
    for word in ("eu-west-1", "us-west-2", "[aws.exchange] region", "Bucket_Name__c"):
        assert word in str(error)
    assert len(bucket.requests) == 1


def test_a_bucket_that_does_not_exist_is_named(bucket: Bucket, clients: Clients) -> None:
    desk = Desk(bucket, clients, bucket="ace-example-lost")
    for call in (lambda: desk.door.submit("lead", NAME, b"{}"), lambda: files(desk.door.outbound_files("lead"))):
        with pytest.raises(ConfigError, match=r"Bucket ace-example-lost does not exist.*Bucket_Name__c"):
            call()


def test_a_bucket_that_takes_no_acl_is_not_awss(bucket: Bucket, door: ExchangeDoor) -> None:
    error = refusal(bucket, door, Fault(400, "AccessControlListNotSupported", {"Message": "no ACL"}))
    assert isinstance(error, ConfigError) and "ACE bucket" in str(error)


def test_slow_down_rests_twice_as_long_each_time(bucket: Bucket, door: ExchangeDoor) -> None:
    rests = []
    for _ in range(3):
        error = refusal(bucket, door, Fault(503, "SlowDown", {"Message": "Please reduce your request rate."}))
        assert isinstance(error, Retriable) and error.after is not None and not error.outcome_unknown
        rests.append(error.after)
    for number, rest in enumerate(rests, 1):
        assert 2**number / 2 <= rest <= 2**number
    door.submit("opportunity", NAME, b"{}")
    error = refusal(bucket, door, Fault(503, "SlowDown"))
    assert isinstance(error, Retriable) and error.after is not None and error.after <= 2


@pytest.mark.parametrize(
    ("fault", "unknown"),
    [
        (Fault(500, "InternalError"), True),
        (Fault(400, "RequestTimeout"), True),
        (Fault(409, "ConditionalRequestConflict"), False),
        (Fault(400, "SomethingNew"), False),
    ],
)
def test_a_passing_fault_is_tried_again(bucket: Bucket, door: ExchangeDoor, fault: Fault, unknown: bool) -> None:
    error = refusal(bucket, door, fault)
    assert isinstance(error, Retriable) and error.outcome_unknown is unknown
    assert fault.code in str(error)


def test_a_passing_fault_of_a_listing_is_overcome_at_once(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.put("lead-outbound/a.json")
    bucket.will(Fault(500, "InternalError"))
    assert only(door.outbound_files("lead")).name == "a.json"


def test_a_file_in_cold_storage_is_told(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.put("lead-outbound-archive/a.json")
    [found] = door.find_archived("lead", "outbound_archive", "a.json")
    bucket.will(Fault(403, "InvalidObjectState"))
    with pytest.raises(RecordRejected, match="cold storage"):
        door.read(found)


def test_a_server_that_is_not_there_is_tried_again(bucket: Bucket) -> None:
    desk = Desk(bucket, endpoint_url="http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="cannot be reached") as caught:
        desk.door.submit("lead", NAME, b"{}")
    assert not caught.value.outcome_unknown
    assert desk.sent == 0
    desk.door.close()


# --- the check and the settings


def test_the_check_says_what_lies_in_the_folders(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.put("lead-outbound/a.json")
    leads, opportunities = door.check()
    assert (leads.ok, opportunities.ok) == (True, True)
    assert bucket.name in leads.message and "lead-outbound 1," in leads.message
    assert set(bucket.methods) == {"GET"}


def test_the_check_tells_the_cause(bucket: Bucket, door: ExchangeDoor) -> None:
    bucket.will(Fault(403, "InvalidAccessKeyId"))
    leads, opportunities = door.check()
    assert (leads.ok, leads.cause, opportunities.ok) == (False, "key", True)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"bucket": ""}, "No bucket is configured"),
        ({"bucket": "s3://ace"}, "not the name of a bucket"),
        ({"bucket": "Ace-Bucket"}, "not the name of a bucket"),
        ({"bucket": "ace/opportunity-inbound"}, "not the name of a bucket"),
        ({"access_key_id": "A"}, "belong together"),
        ({**KEYS, "profile": "other"}, "exclude each other"),
        ({"files_per_day": 0}, "above 0"),
        ({"folders": {"opportunities": "x"}}, "none of the bucket's folders"),
        ({"folders": {"lead-inbound": "/x/"}}, "slashes"),
        ({"folders": {"lead-inbound": "lead-outbound"}}, "stands for several folders"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(word)) as caught:
        ExchangeSettings(**{"bucket": "ace-example", **wrong})
    assert SECRET not in str(caught.value)


def test_a_profile_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match="no-such-profile"):
        ExchangeDoor(ExchangeSettings(bucket="ace-example", profile="no-such-profile"))
