"""A record that is in a file without AWS's answer: it goes out in no other file meanwhile (LOG-17, ELIG-21)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.errors import Problem
from connector.names import SETTINGS, SYNC_LOG, FileSettings
from connector.store.links import Link
from connector.store.uploads import Upload
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.queueing import enqueue_outbound

AWAITS_RESULT, STUCK_LOG = "AWAITS_RESULT", "STUCK_LOG"
RELEASE = (
    "Ask AWS for the result; when it is certain that AWS did not process the file, delete the file's sync log "
    f"({SYNC_LOG}): its records go out again then."
)


def is_stuck(upload: Upload) -> bool:
    """Whether people were told that the file's result does not come; a result that comes after all still counts."""
    return upload.told_at is not None


def in_flight_problem(upload: Upload) -> Problem:
    """Return why a record of the file does not go out now, and what a person can do about it."""
    if not is_stuck(upload):
        rule = f"The record is in file {upload.name}, which AWS has not answered yet."
        return Problem(AWAITS_RESULT, "", upload.name, rule, "Its edits go out by themselves after the answer.")
    rule = (
        f"The record is in file {upload.name}, which went to AWS {_sent(upload)} and to which no result came. AWS may "
        "have taken it, so that it is not sent again by itself."
    )
    return Problem(STUCK_LOG, "", upload.name, rule, RELEASE)


def stuck_message(upload: Upload, *, records: int, minutes: int) -> str:
    """Return what the sync log of a file says whose result does not come."""
    return (
        f"No result came to this file, which went to AWS {_sent(upload)}; it is missed after {minutes} minutes "
        f"({FileSettings.RESULT_WAIT_MINUTES} of {SETTINGS}). Its {_records(records)} not sent again meanwhile: AWS "
        f"may have taken them. {RELEASE} A result that comes later is still worked off."
    )


def verdict_facts(engine: Engine, record_id: str) -> dict[str, Any]:
    """Return what the verdict on a record must know of the file that it is in, as the members of a candidate."""
    found = engine.state.uploads.of_record(record_id)
    if found is None:
        return {}
    upload, _ = found
    return {"stuck_log" if is_stuck(upload) else "awaits_result": upload.name}


def wait_for_result(engine: Engine, link: Link, snap: Mapping[str, str | None], run_id: str) -> None:
    """Let an edit that was made since the record's file went out wait on the queue until AWS answers it. Without one,
    the file's own log says all there is to say.
    """
    found = engine.state.uploads.of_record(link.record_id)
    if found is None:
        return
    upload, sent = found
    known = {**link.seen, **sent.snapshot}
    if not link.requested and all(known.get(path) == value for path, value in snap.items()):
        return
    enqueue_outbound(engine, link, run_id)
    if is_stuck(upload):
        logs.log_problems(engine, run_id, link, (in_flight_problem(upload),))


def _sent(upload: Upload) -> str:
    return f"at {upload.sent_at:%Y-%m-%d %H:%M} UTC" if upload.sent_at else "at a time that is not known"


def _records(number: int) -> str:
    return "one record is" if number == 1 else f"{number} records are"
