"""The steps of the guided setup say what is true: each is computed from what was found, none is complete by default."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from connector.aws.check import CheckResult
from connector.service.mirror import COMPLETE, FAILED, NOT_STARTED, in_order, setup_steps
from connector.sync.engine import Engine

ANSWERED = CheckResult("ListSolutions", ok=True, cause="", message="ListSolutions answered.")
ENGINE = cast("Engine", SimpleNamespace(catalog="Sandbox", settings=SimpleNamespace(problems=())))


def refused(cause: str) -> CheckResult:
    return CheckResult("ListOpportunities", ok=False, cause=cause, message=f"Refused: {cause}. Do this.")


def steps(checks: Sequence[CheckResult] | None) -> list[tuple[str, str]]:
    """Return status and message of each step, in order."""
    return [(status, message) for _, status, message in in_order(setup_steps(ENGINE, checks, ()))]


def test_with_credentials_that_aws_takes_every_step_is_complete() -> None:
    assert steps([ANSWERED]) == [(COMPLETE, "Catalog Sandbox."), (COMPLETE, ""), (COMPLETE, ""), (COMPLETE, "")]


@pytest.mark.parametrize("cause", ["key", "token", "clock", "region", "role"])
def test_credentials_that_aws_refuses_fail_the_first_step_with_the_remedy(cause: str) -> None:
    """Nothing after it is complete; the same refusal of several calls is told once."""
    first, *later = steps([refused(cause), refused(cause)])
    assert first == (FAILED, f"Refused: {cause}. Do this.")
    assert [status for status, _ in later] == [NOT_STARTED, NOT_STARTED, FAILED]


@pytest.mark.parametrize("cause", ["permission", "catalog"])
def test_a_caller_who_may_not_do_it_is_known_all_the_same(cause: str) -> None:
    assert [status for status, _ in steps([refused(cause)])] == [COMPLETE, COMPLETE, COMPLETE, FAILED]


@pytest.mark.parametrize("checks", [(), (refused("unreachable"),), (refused("service"),)])
def test_credentials_that_no_call_confirmed_are_not_called_complete(checks: Sequence[CheckResult]) -> None:
    status, message = steps(checks)[0]
    assert status == FAILED
    assert "not confirmed" in message
    assert all(one.message in message for one in checks)


def test_an_api_that_is_not_in_use_is_no_failure() -> None:
    """Where everything goes by files and no credentials are given, no step has begun (CONN-31)."""
    first, *later = steps(None)
    assert first[0] == NOT_STARTED and "not in use" in first[1] and "Opportunities over S3" in first[1]
    assert {status for status, _ in later} == {NOT_STARTED}
