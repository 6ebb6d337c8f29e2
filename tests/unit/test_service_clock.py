"""The worker's clock: the system's, or the one that a sandbox keeps."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
import responses
import responses.matchers

from connector.errors import ConfigError
from connector.service import clock
from connector.service.clock import SandboxClock, SystemClock, make_clock

URL = "http://127.0.0.1:9/clock"


def test_without_a_url_the_system_tells_the_time() -> None:
    found = make_clock("")
    assert isinstance(found, SystemClock)
    assert abs(found.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert found.now().tzinfo is UTC


@responses.activate
def test_a_sandbox_tells_its_own_time() -> None:
    ahead = datetime.now(UTC) + timedelta(days=400)
    responses.get(URL, json={"now": ahead.isoformat()})
    assert abs(make_clock(URL).now() - ahead) < timedelta(minutes=1)


@responses.activate
def test_jumps_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "REFRESH_SECONDS", 0.0)
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    responses.get(URL, json={"now": early.isoformat()})
    responses.get(URL, json={"now": late.isoformat()})
    theirs = SandboxClock(URL)
    assert abs(theirs.now() - early) < timedelta(minutes=1)
    assert abs(theirs.now() - late) < timedelta(minutes=1)


@responses.activate
def test_between_two_questions_time_goes_on_without_asking() -> None:
    responses.get(URL, json={"now": datetime(2026, 1, 1, tzinfo=UTC).isoformat()})
    theirs = SandboxClock(URL)
    assert theirs.now() <= theirs.now()
    assert len(responses.calls) == 1


@responses.activate
def test_a_sandbox_that_never_answered_is_a_configuration_problem() -> None:
    responses.get(URL, status=500, body="no")
    with pytest.raises(ConfigError, match="clock_url"):
        SandboxClock(URL).now()


@responses.activate
def test_a_sandbox_that_stops_answering_leaves_its_last_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "REFRESH_SECONDS", 0.0)
    then = datetime(2026, 1, 1, tzinfo=UTC)
    responses.get(URL, json={"now": then.isoformat()})
    responses.get(URL, status=503)
    theirs = SandboxClock(URL)
    theirs.now()
    assert abs(theirs.now() - then) < timedelta(minutes=1)


def test_the_system_s_clock_waits() -> None:
    before = time.monotonic()
    SystemClock().wait(0.02)
    SystemClock().wait(-5)
    assert 0.02 <= time.monotonic() - before < 5


@responses.activate
def test_on_a_sandbox_waiting_moves_its_time_and_nobody_waits() -> None:
    then = datetime(2026, 1, 1, tzinfo=UTC)
    asked = responses.post(URL, match=[responses.matchers.json_params_matcher({"advance_seconds": 3600})])
    responses.get(URL, json={"now": then.isoformat()})
    responses.get(URL, json={"now": (then + timedelta(hours=1)).isoformat()})
    theirs = SandboxClock(URL)
    theirs.now()
    theirs.wait(3600)
    assert asked.call_count == 1
    assert abs(theirs.now() - then - timedelta(hours=1)) < timedelta(minutes=1)


@responses.activate
def test_a_sandbox_that_takes_no_order_is_waited_for() -> None:
    responses.post(URL, status=503)
    responses.get(URL, json={"now": datetime(2026, 1, 1, tzinfo=UTC).isoformat()})
    before = time.monotonic()
    SandboxClock(URL).wait(0.02)
    assert time.monotonic() - before >= 0.02
