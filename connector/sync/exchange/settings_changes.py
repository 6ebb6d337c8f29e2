"""A change to the settings about files counts at once: what waits for one of them does not sit out its pause.

AWS answers a file in the bucket that it went to. Where the settings name another bucket before the answer was taken,
the answer is out of reach, which the status page tells as long as it is so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from connector.errors import ConfigError
from connector.names import SETTINGS, SYNC_LOG, FileSettings
from connector.store.queue import Item
from connector.sync import queueing
from connector.sync.engine import Engine

MOST = 10_000
"""Items that are looked through; what waits behind them comes by itself when its pause has ended."""
_KNOWN = "files:settings"
_LEFT = "files:buckets left"
"""Fact of the state: the buckets that the settings named before, and until when, while files in them may wait."""
TROUBLE = "bucket of files"
_ABOUT_FILES = frozenset({queueing.UPLOAD, queueing.RESULTS, queueing.RETRIEVE, queueing.FILE})


def follow_settings(engine: Engine) -> None:
    """Let work that concerns files begin anew if a setting about files is another one than at the last look.

    Args:
        engine: of the opportunities.
    """
    files = asdict(engine.settings.files) | {"problems": ()}
    now_set, before = json.dumps(files, sort_keys=True), engine.state.meta.get(_KNOWN)
    if before != now_set:
        _note_bucket(engine, json.loads(before)["bucket"] if before else "")
        _hasten(engine, now_set)
    _tell_left_behind(engine)


def _hasten(engine: Engine, now_set: str) -> None:
    waiting = [one for one in engine.state.queue.list("waiting", MOST) if one.retry_at > engine.now()]
    concerned = [one for one in waiting if _concerns_files(engine, one)]  # may ask Salesforce: not while others wait
    with engine.state.transaction():
        engine.state.meta.set(_KNOWN, now_set)
        for item in concerned:
            now_is = engine.state.queue.get(item.id)
            if now_is is not None and now_is.state == "waiting":
                engine.state.queue.requeue(item.id, engine.now())


def _note_bucket(engine: Engine, before: str) -> None:
    """Remember the bucket that the settings named until now, if they name another one."""
    if before and before != engine.settings.files.bucket:
        engine.state.meta.set(_LEFT, json.dumps([*_left(engine), (before, engine.now().isoformat())]))


def _left(engine: Engine) -> list[tuple[str, str]]:
    return [(bucket, until) for bucket, until in json.loads(engine.state.meta.get(_LEFT) or "[]")]


def _tell_left_behind(engine: Engine) -> None:
    """Tell which files wait for answers in a bucket that is not the settings' any more."""
    if not (left := _left(engine)):
        return
    sent = [one.sent_at for one in engine.state.uploads.unanswered() if one.sent_at is not None]
    behind = Counter(bucket for at in sent for bucket in _place(left, at) if bucket != engine.settings.files.bucket)
    if behind:
        engine.troubles[TROUBLE] = _words(engine, behind)
    else:
        engine.troubles.pop(TROUBLE, None)
    if not any(True for at in sent for _ in _place(left, at)):
        engine.state.meta.delete(_LEFT)


def _place(left: list[tuple[str, str]], at: datetime) -> Iterator[str]:
    """Yield the bucket that a file of that time went to, if it is one of those that were left."""
    yield from [bucket for bucket, until in left if at <= datetime.fromisoformat(until)][:1]


def _words(engine: Engine, behind: Counter[str]) -> str:
    where = ", ".join(f"{bucket} ({number})" for bucket, number in sorted(behind.items()))
    return (
        f"AWS's answers to files that were sent to another bucket cannot be taken: {where}. {FileSettings.BUCKET_NAME} "
        f"of {SETTINGS} is {engine.settings.files.bucket or 'empty'} now. Enter the former bucket until they are "
        f"answered; or, when it is certain that AWS did not process a file, delete its sync log ({SYNC_LOG}), and its "
        "records go out to the new one."
    )


def _concerns_files(engine: Engine, item: Item) -> bool:
    if item.kind != queueing.OUTBOUND:
        return item.kind in _ABOUT_FILES
    try:
        return engine.engine_for(item.key, item.payload).channel == "files"
    except ConfigError:
        return False  # a lead, while no lead mapping is published
