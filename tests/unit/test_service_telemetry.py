"""The worker's own log: JSON lines on stderr, of its own rooms only."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from connector.service.telemetry import configure_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the process's logging as it was."""
    own, root = logging.getLogger("connector"), logging.getLogger()
    before = (own.handlers[:], own.propagate, own.level, root.handlers[:])
    yield
    own.handlers[:], own.propagate = before[0], before[1]
    own.setLevel(before[2])
    root.handlers[:] = before[3]
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_one_json_object_a_line_with_level_time_and_context(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", json_lines=True)
    with structlog.contextvars.bound_contextvars(job="outbound", record="a00"):
        structlog.get_logger("x").info("sent", attempt=2)
    [line] = lines(capsys)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {"event": "sent", "level": "info", "job": "outbound", "record": "a00", "attempt": 2}


def test_what_is_below_the_level_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("WARNING", json_lines=True)
    log = structlog.get_logger("x")
    log.info("no")
    log.warning("yes")
    assert [line["event"] for line in lines(capsys)] == ["yes"]


def test_text_with_line_breaks_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", json_lines=True)
    structlog.get_logger("x").info("told", reason="one\ntwo")
    assert lines(capsys)[0]["reason"] == "one\ntwo"


def test_the_standard_librarys_logging_of_our_rooms_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", json_lines=True)
    logging.getLogger("connector.salesforce").warning("auth %s is deprecated", "password")
    [line] = lines(capsys)
    assert (line["event"], line["level"]) == ("auth password is deprecated", "warning")


def test_other_libraries_lines_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG", json_lines=True)
    logging.getLogger("urllib3.connectionpool").warning("Retrying /query?q=SELECT Email FROM Contact")
    logging.getLogger("botocore").error("body: ana.lopez@example.com")
    assert lines(capsys) == []


def test_configuring_twice_does_not_double_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("WARNING", json_lines=False)
    configure_logging("INFO", json_lines=True)
    logging.getLogger("connector.salesforce").warning("once")
    assert len(lines(capsys)) == 1
