"""The guided setup of the bucket says what is true: each step is computed, none is complete before an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
from memory_bucket import BucketWorld

from connector.aws.check import CheckResult
from connector.aws.exchange import ExchangeDoor
from connector.service.exchange_setup import check_bucket, environment_problem, exchange_steps, is_live
from connector.service.mirror import COMPLETE, FAILED, NOT_STARTED, in_order
from connector.sync.exchange.versions import follow_version

ANSWERED = CheckResult("lead folders", ok=True, cause="", message="bucket b answers; objects: lead-outbound 2")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BucketWorld]:
    opened = BucketWorld(tmp_path)
    yield opened
    opened.close()


def refused(cause: str) -> CheckResult:
    return CheckResult("lead folders", ok=False, cause=cause, message=f"Refused: {cause}. Do this.")


def steps(world: BucketWorld, *checks: CheckResult) -> list[tuple[str, str]]:
    """Return status and message of each step, in order."""
    return [(status, message) for _, status, message in in_order(exchange_steps(world.engine, checks))]


def statuses(world: BucketWorld, *checks: CheckResult) -> list[str]:
    return [status for status, _ in steps(world, *checks)]


def test_the_steps_have_the_names_of_the_guide(world: BucketWorld) -> None:
    assert [name for name, _, _ in exchange_steps(world.engine, ())] == [
        "AWS Connection Authentication Details",
        "System Configuration Settings",
        "Test the configuration for APN API",
    ]


def test_a_bucket_that_answers_completes_every_step_and_says_who_it_is_for(world: BucketWorld) -> None:
    first, second, third = steps(world, ANSWERED)
    assert first[0] == second[0] == third[0] == COMPLETE
    assert "since 2024" in first[1] and "leads" in first[1]
    assert "lead-outbound 2" in third[1], "the objects that lie there are counted"


def test_without_a_bucket_nothing_has_begun_and_the_text_is_there_all_the_same(world: BucketWorld) -> None:
    world.set(Bucket_Name__c=None, Opportunities_over_S3__c=False)
    first, *later = steps(world)
    assert first[0] == NOT_STARTED and "Bucket_Name__c is empty" in first[1] and "since 2024" in first[1]
    assert [status for status, _ in later] == [NOT_STARTED, NOT_STARTED]


@pytest.mark.parametrize("cause", ["key", "token", "clock", "role"])
def test_credentials_that_aws_refuses_fail_the_first_step_with_the_remedy(world: BucketWorld, cause: str) -> None:
    first, *later = steps(world, refused(cause), refused(cause))
    assert first[0] == FAILED and first[1].count(f"Refused: {cause}. Do this.") == 1
    assert [status for status, _ in later] == [NOT_STARTED, FAILED]


@pytest.mark.parametrize("cause", ["permission", "kms", "configuration"])
def test_a_caller_who_may_not_do_it_is_known_all_the_same(world: BucketWorld, cause: str) -> None:
    assert statuses(world, refused(cause)) == [COMPLETE, COMPLETE, FAILED]


@pytest.mark.parametrize("checks", [(), (refused("unreachable"),), (refused("service"),)])
def test_credentials_that_no_call_confirmed_are_not_called_complete(
    world: BucketWorld, checks: Sequence[CheckResult]
) -> None:
    status, message = steps(world, *checks)[0]
    assert status == FAILED and "not confirmed" in message


def test_a_setting_that_lacks_fails_the_second_step_and_the_previous_model_only_warns(world: BucketWorld) -> None:
    world.set(Partner_Id__c=None)
    assert statuses(world, ANSWERED) == [COMPLETE, FAILED, NOT_STARTED]
    world.set(Partner_Id__c="4815162", Payload_Version__c=1)
    status, message = steps(world, ANSWERED)[1]
    assert status == COMPLETE and "limited time" in message


def test_a_version_that_may_not_be_used_fails_the_second_step(world: BucketWorld) -> None:
    follow_version(world.engine)
    world.activate()
    world.set(Payload_Version__c=1)
    follow_version(world.engine)
    status, message = steps(world, ANSWERED)[1]
    assert status == FAILED and "changed from 2 to 1" in message


def test_only_folders_in_use_are_looked_at(world: BucketWorld) -> None:
    """Where opportunities use the API, their folders are left alone (S3-31)."""
    asked: list[tuple[str, ...]] = []
    door = ExchangeDoor.__new__(ExchangeDoor)
    door.check = lambda kinds=(): asked.append(tuple(kinds)) or (ANSWERED,)  # type: ignore[method-assign, func-returns-value]
    world.engine.bucket = cast("ExchangeDoor", door)
    assert check_bucket(world.engine) == (ANSWERED,)
    world.set(Opportunities_over_S3__c=False)
    check_bucket(world.engine)
    assert asked == [("lead", "opportunity"), ("lead",)]


def test_a_local_configuration_that_cannot_work_is_told(world: BucketWorld) -> None:
    world.engine.bucket, world.engine.no_bucket = None, "[aws.exchange] access_key_id refers to nothing."
    [found] = check_bucket(world.engine)
    status, message = steps(world, found)[0]
    assert status == FAILED and "access_key_id" in message


@pytest.mark.parametrize(
    ("bucket", "live", "warned"),
    [
        ("ace-northwind-beta-us-west-2", True, "for trials"),
        ("ace-northwind-sandbox", True, "for trials"),
        ("ace-northwind-prod-us-west-2", True, ""),
        ("ace-northwind-prod-us-west-2", False, "production bucket"),
        ("ace-northwind-beta-us-west-2", False, ""),
        ("ace-betaworks-tester", True, ""),
        ("ace-betaworks-prodigy", False, ""),
    ],
)
def test_a_bucket_named_for_another_environment_is_told(bucket: str, warned: str, *, live: bool) -> None:
    problem = environment_problem(bucket, live=live)
    assert warned in problem and bool(problem) is bool(warned)


def test_production_is_production_on_both_sides() -> None:
    assert is_live(is_sandbox=False, catalog="AWS")
    assert not is_live(is_sandbox=True, catalog="AWS")
    assert not is_live(is_sandbox=False, catalog="Sandbox")
