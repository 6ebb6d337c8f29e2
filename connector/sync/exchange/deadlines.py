"""Until when AWS takes an answer to a referral that came by a file (IN-10): who does not answer is reminded, once.

A referral in a file has no invitation of its own that could be looked at again, so that its deadline is kept with the
cursors until somebody decided it, and looked at whenever files are fetched.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from connector.ace.file_fields import DECISION
from connector.ace.invitation_shape import ACCEPT_BY, OWNERSHIP
from connector.ace.record import AceRecord
from connector.errors import Problem
from connector.store.links import Link
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.referral_notes import LAPSED, REMINDER, drop_hints, spelled

_PREFIX = "accept-by:"
_REFERRED = "AWS Referral"
REMINDERS = frozenset({REMINDER, LAPSED})


def follow_deadline(engine: Engine, apn_id: str, record: AceRecord, run_id: str) -> None:
    """Keep, move or forget the deadline, by what AWS says of the referral now."""
    link, deadline = engine.state.links.by_apn(apn_id), record.get(ACCEPT_BY)
    name, known = _PREFIX + apn_id, engine.state.cursors.get(_PREFIX + apn_id)
    undecided = record.get(OWNERSHIP) == _REFERRED and record.get(DECISION) is None
    if link is None or not undecided or _is_decided(link) or not isinstance(deadline, datetime):
        if known is not None and DECISION in record:
            _forget(engine, name, link)
        return
    told = json.loads(known) if known is not None else {}
    if told.get("until") != deadline.isoformat():
        engine.state.cursors.set(name, json.dumps({"until": deadline.isoformat(), "told": ""}))
    _look(engine, name, run_id)


def remind(engine: Engine, run_id: str) -> int:
    """Tell of the deadlines that are near or over and were not told yet; return how many were."""
    names = [name for name in engine.state.cursors.all() if name.startswith(_PREFIX)]
    return sum(_look(engine, name, run_id) for name in names)


def _look(engine: Engine, name: str, run_id: str) -> bool:
    known = json.loads(engine.state.cursors.get(name) or "{}")
    link = engine.state.links.by_apn(name.removeprefix(_PREFIX))
    if link is None or link.status == "tombstone" or _is_decided(link):
        _forget(engine, name, link)
        return False
    until = datetime.fromisoformat(known["until"])
    due = _due(engine, until)
    if due in ("", known["told"]):
        return False
    with engine.state.transaction():
        if known["told"]:
            drop_hints(engine, link.record_id)
        logs.note_problem(engine, run_id, link, _problem(due, until))
        engine.state.cursors.set(name, json.dumps({**known, "told": due}))
    return True


def _is_decided(link: Link) -> bool:
    """Whether AWS took the answer of a file of ours; its next export will say so."""
    known = link.applied if link.pending_applied is None else link.pending_applied
    return (known or {}).get(DECISION) is not None


def _due(engine: Engine, until: datetime) -> str:
    """Return what is to be told now, empty for nothing."""
    days = engine.settings.invitation_reminder_days
    if engine.now() >= until:
        return LAPSED
    return REMINDER if days and engine.now() >= until - timedelta(days=days) else ""


def _forget(engine: Engine, name: str, link: Link | None) -> None:
    with engine.state.transaction():
        engine.state.cursors.delete(name)
        if link is not None:
            drop_hints(engine, link.record_id)


def _problem(code: str, until: datetime) -> Problem:
    if code == LAPSED:
        rule = "AWS took an answer to this referral until then only, and takes it for rejected now."
        remedy = "Ask your AWS contact to refer it again if you want it; nothing else needs to be done."
        return Problem(code, ACCEPT_BY, spelled(until), rule, remedy)
    rule = "AWS takes an answer to this referral until then only."
    remedy = f"Set the field mapped to {DECISION} to Accepted or Rejected on the record; the next file takes it to AWS."
    return Problem(code, ACCEPT_BY, spelled(until), rule, remedy)
