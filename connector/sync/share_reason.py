"""The share rule in the course of time: what it set going is told once the share has come to its end, and a new rule is
asked about all flagged records.
"""

from __future__ import annotations

from connector.store.links import Link
from connector.sync.engine import Engine
from connector.sync.queueing import DUE_SWEEP, enqueue_job

_KEY = "shared-by-rule:"
_RULE = "share-rule"


def note_reason(engine: Engine, link: Link, ruling: str) -> None:
    """Remember that the share rule set the record's share going, or that it did not: an earlier attempt may have been
    the rule's.

    Args:
        ruling: what the rule says, in words; empty where a person or *share automatically* set it going.
    """
    if ruling:
        engine.state.meta.set(_KEY + link.record_id, f"Shared without a request. {ruling}.")
    else:
        engine.state.meta.delete(_KEY + link.record_id)


def taken_reason(engine: Engine, link: Link) -> str:
    """Return what is to be told of the share that has come to its end, and forget it; empty for any other share."""
    reason = engine.state.meta.get(_KEY + link.record_id) or ""
    if reason:
        engine.state.meta.delete(_KEY + link.record_id)
    return reason


def follow_rule(engine: Engine) -> None:
    """Look over all flagged records soon where the share rule is another than before: those that wait were judged, and
    perhaps read, without it.
    """
    rule = engine.settings.share_rule
    if rule == (engine.state.meta.get(_RULE) or ""):
        return
    with engine.state.transaction():
        engine.state.meta.set(_RULE, rule)
        enqueue_job(engine, DUE_SWEEP)
