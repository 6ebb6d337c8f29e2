"""What AWS answers about our files reaches each record, its log and its seller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ace_samples import answer, result
from bucket_proxy import BucketCall
from file_world import APN, OPPORTUNITY, RESULTS, SYNCED, FileWorld, counts, entries, open_file_world, open_live_files
from system_world import Json

HOUR = 3600.0
NOT_AN_OBJECT = "[`{input JSON}`] is not of type object"
TOO_LONG = "additionalComments: data value too large (max length=255)"
SERVER_ERROR = "An internal error occurred. Please try again later."


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileWorld]:
    """An org whose opportunities go over files; nothing runs unless a test runs it."""
    with open_file_world(tmp_path_factory.mktemp("results")) as opened:
        yield opened


@pytest.fixture
def world(running: FileWorld) -> FileWorld:
    running.fresh()
    running.control("/exchange/settings", results=RESULTS, results_folder_of_opportunities="opportunity")
    return running


def unanswered(world: FileWorld, count: int = 1) -> tuple[list[str], BucketCall]:
    """Send so many new deals in one file, which AWS leaves to the test to answer; return their ids and the file."""
    world.mishap("stall")
    records = world.deals(count)
    (file,) = world.send()
    assert world.process() == []
    world.s3.delete_object(Bucket=world.bucket, Key=file.key)
    return records, file


def result_key(file: BucketCall, folder: str = f"opportunity-{RESULTS}") -> str:
    """Return the key of the result of a file."""
    return f"{folder}/{file.key.rpartition('/')[2][:-5]}_result.json"


def told(world: FileWorld, record: str) -> str:
    """Return all that the details of a record say."""
    return " ".join(str(one["Error_Message__c"]) for one in world.details(record))


@pytest.mark.requirement("OUT-22", "S3-26", "S3-10", "S3-22", "LOG-15", "LOG-16")
def test_a_good_result_like_aws_s_sample_is_applied_to_the_record(world: FileWorld) -> None:
    (record,), file = unanswered(world)
    log = world.log_of(file)
    assert (log["Status__c"], log["Outbound_IDs__c"]) == ("API Success", record)
    assert world.row(record)[SYNCED] is None
    key = world.drop(
        result_key(file), result(file.key, answer(record, "O7654321", warnings=["Postal code was corrected"]))
    )
    world.take()
    row = world.row(record)
    assert row[APN] == "O7654321" and row[SYNCED]
    assert counts(world.log_of(file)) == ("Processed", 1, 1, 0)
    (detail,) = world.log_details(log["Id"])
    assert (detail["Status__c"], detail["APN_Id__c"]) == ("Processed", "O7654321")
    assert "Postal code was corrected" in detail["Error_Message__c"]
    assert key.partition("/")[2] not in world.keys(f"opportunity-{RESULTS}")
    details = len(world.details(record))
    world.take()
    assert len(world.details(record)) == details, "it is not worked off again"


@pytest.mark.requirement("S3-26", "OUT-22")
def test_a_result_with_errors_like_aws_s_sample_fails_the_record(world: FileWorld) -> None:
    (record,), file = unanswered(world)
    error = "User not found for Opportunity Owner email:xyz.abc@test.example"
    world.drop(result_key(file), result(file.key, answer(record, None, error)))
    world.take()
    assert counts(world.log_of(file)) == ("Error", 1, 0, 1)
    assert error in told(world, record)
    row = world.row(record)
    assert (row[APN], row[SYNCED]) == (None, None)


@pytest.mark.requirement("OUT-21", "LOG-02")
def test_one_failing_record_of_twenty_fails_alone(world: FileWorld) -> None:
    records, file = unanswered(world, 20)
    answers = [answer(one, f"O88000{number:02}") for number, one in enumerate(records[:19])]
    world.drop(result_key(file), result(file.key, *answers, answer(records[19], None, TOO_LONG)))
    world.take()
    log = world.log_of(file)
    assert counts(log) == ("Partial", 20, 19, 1)
    details = {one["Record_Id__c"]: one["Status__c"] for one in world.log_details(log["Id"])}
    assert details == {**dict.fromkeys(records[:19], "Processed"), records[19]: "Error"}
    assert TOO_LONG in told(world, records[19])


@pytest.mark.requirement("S3-26", "OUT-21", "S3-24")
@pytest.mark.parametrize("errors", [[NOT_AN_OBJECT], [{"message": NOT_AN_OBJECT, "code": "400"}], NOT_AN_OBJECT])
def test_a_file_that_aws_refuses_as_a_whole_fails_every_record(world: FileWorld, errors: object) -> None:
    """And they go out again once there is something new in them."""
    records, file = unanswered(world, 3)
    world.drop(result_key(file), result(file.key, isApiError=True, apiErrors=errors))
    world.take()
    log = world.log_of(file)
    assert counts(log) == ("Error", 3, 0, 3)
    assert all(NOT_AN_OBJECT in told(world, one) for one in records)
    for one in records:
        world.edit(one, Next_Step__c="Corrected")
    sent = [entry for one in world.exchange_files() for entry in entries(one)]
    assert sorted(one["partnerCrmUniqueIdentifier"] for one in sent) == sorted(records)
    assert all(world.row(one)[APN] for one in records)


@pytest.mark.requirement("S3-25")
def test_a_value_too_long_for_aws_is_told_on_the_record(world: FileWorld) -> None:
    (record,), file = unanswered(world)
    world.drop(result_key(file), result(file.key, answer(record, None, TOO_LONG)))
    world.take()
    (error,) = world.errors(record)
    assert TOO_LONG in error["Error_Message__c"]


@pytest.mark.requirement("S3-04", "S3-05")
@pytest.mark.parametrize(
    "folder",
    [f"{kind}-{end}" for kind in ("opportunity", "lead") for end in ("inbound-processed-results", "inbound-results")],
)
def test_a_result_is_found_in_whichever_folder_it_is(world: FileWorld, folder: str) -> None:
    (record,), file = unanswered(world)
    number = 7_000_001 + sum(map(ord, folder))
    key = world.drop(result_key(file, folder), result(file.key, answer(record, f"O{number}")))
    world.take()
    assert world.row(record)[APN] == f"O{number}"
    assert counts(world.log_of(file)) == ("Processed", 1, 1, 0)
    assert key.partition("/")[2] not in world.keys(folder)


@pytest.mark.requirement("S3-11")
@pytest.mark.parametrize(
    "content", [b"Only .json files are accepted.", b'{"message": "Only .json files are accepted."}']
)
def test_a_refusal_that_is_no_result_ends_the_upload_with_its_text(world: FileWorld, content: bytes) -> None:
    (record,), file = unanswered(world)
    key = result_key(file).replace("_result.json", ".error.json")
    world.drop(key, content)
    world.take()
    log = world.log_of(file)
    assert log["Status__c"] == "Error"
    assert "Only .json files are accepted." in f"{log['Message__c']} {told(world, record)}"
    assert world.row(record)[APN] is None


@pytest.mark.requirement("S3-06")
def test_a_result_that_was_deleted_is_found_in_the_archive_of_its_day(world: FileWorld) -> None:
    world.deal()
    (file,) = world.send()
    world.process()
    world.take()
    name = file.key.rpartition("/")[2]
    assert f"{name[:-5]}_result.json" not in world.keys(f"opportunity-{RESULTS}")
    day = f"{world.sandbox.clock.now():%Y-%m-%d}"
    found = world.do("files", "results", "fetch", name, "--date", day)
    assert '"isSuccess": true' in found.out and name in found.out


def test_a_result_about_nobody_s_file_stays_without_effect(world: FileWorld) -> None:
    """An edit that the file did not carry stays an edit, too."""
    (record,), file = unanswered(world)
    strange = world.drop(f"opportunity-{RESULTS}/elsewhere_11272026101500_result.json", {"not": "a result"})
    world.edit(record, Next_Step__c="After the upload")
    world.drop(result_key(file), result(file.key, answer(record, "O7700001")))
    world.take()
    assert world.row(record, "Next_Step__c")["Next_Step__c"] == "After the upload"
    assert world.row(record)[APN] == "O7700001"
    world.drop(strange, result("opportunity-inbound/x.json", answer("006000000000001AAA", "O1")))
    world.take()


@pytest.mark.requirement("FAQ-09")
@pytest.mark.parametrize(
    ("error", "class_named"),
    [
        (TOO_LONG, "data"),
        ("You do not have permission for this partner account", "permission"),
        (SERVER_ERROR, "service"),
    ],
)
def test_an_error_says_of_which_class_it_is(world: FileWorld, error: str, class_named: str) -> None:
    (record,), file = unanswered(world)
    world.drop(result_key(file), result(file.key, answer(record, None, error)))
    world.take()
    text = told(world, record)
    assert error in text and class_named in text.lower().replace(error.lower(), "")


@pytest.mark.requirement("LOG-28")
def test_a_very_long_error_is_kept_whole(world: FileWorld) -> None:
    (record,), file = unanswered(world)
    long = "x" * 4990 + " the end!"
    world.drop(result_key(file), result(file.key, answer(record, None, long)))
    world.take()
    (error,) = world.errors(record)
    assert long in error["Error_Message__c"]


@pytest.mark.requirement("S3-23", "OPS-07")
def test_results_are_looked_for_and_after_an_hour_without_one_the_log_says_so(tmp_path: Path) -> None:
    with open_live_files(tmp_path) as (world, worker):
        schedule = world.schedule(Interval_Minutes__c=1440)
        world.mishap("stall")
        record = world.deal()
        world.ran(worker, schedule, 11)
        (file,) = world.wire.puts()
        assert world.process() == []
        for _ in range(5):
            world.wire.forget()
            world.advance(300)
            folder = f"opportunity-{RESULTS}"
            world.eventually(lambda folder=folder: world.wire.lists(folder), "a look for results")  # type: ignore[misc]
        worker.settle()
        log: Json = world.log_of(file)
        assert log["Status__c"] == "API Success" and not log["Message__c"], "it is not late yet"
        world.advance(HOUR)
        world.eventually(lambda: world.log_of(file)["Message__c"], "a word on the log")
        log = world.log_of(file)
        assert log["Status__c"] == "API Success" and "result" in log["Message__c"]
        status = world.admin.rows("SELECT Message__c FROM ACE_Worker__c")[0]["Message__c"] or ""
        assert file.key.rpartition("/")[2] in status or "result" in status
        assert world.wire.puts() == [], "it is not sent again"
        world.control("/exchange/release")

        def came() -> bool:
            world.pass_time()
            return bool(world.row(record)[APN])

        world.eventually(came, lambda: f"the late result; {world.pending()}")
        worker.settle()
        assert counts(world.log_of(file)) == ("Processed", 1, 1, 0)


def test_a_record_that_aws_kept_is_found_though_the_result_says_it_twice(world: FileWorld) -> None:
    """Both spellings of the folder may hold the same result: it counts once."""
    (record,), file = unanswered(world)
    content = result(file.key, answer(record, "O7700777"))
    for end in ("inbound-processed-results", "inbound-results"):
        world.drop(result_key(file, f"opportunity-{end}"), content)
    world.take()
    assert counts(world.log_of(file)) == ("Processed", 1, 1, 0)
    assert [one["Status__c"] for one in world.details(record)] == ["Processed"]
    assert world.rows(OPPORTUNITY, f"{APN} = 'O7700777'")[0]["Id"] == record
