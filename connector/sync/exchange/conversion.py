"""Leads that a person converted in Salesforce (LEAD-10, LEAD-13).

Conversion makes an account, a contact and, as a rule, an opportunity of a standard lead; the lead itself is read-only
from then on. Custom objects have no conversion: of them nothing here is true.

Decisions, where AWS's guide says nothing:

- A converted lead is at its end: nothing is written to it and nothing is sent for it, also not what was edited before.
  Only where something is lost by it (an edit that AWS has not got, or an update of AWS's) one detail tells it, once
  per lead, with status *Resolved*: there is nothing to mend.
- Its link to AWS's identifier stays, so that what AWS says of the lead is known to be about it, and never makes a
  second lead. After a loss of the state the link is found again by the identifier, which the converted lead keeps.
- A record in flight comes to its end: AWS's result is worked off, but not stamped on the lead. What waits for a file is
  dropped.
- The opportunity that it became is a record of its own. It is shared as the partner's own referral, whatever the lead
  was. Where an admin maps the lead's identifier to the opportunity's at conversion, the opportunity carries an
  identifier that is no opportunity's: it is held as a copy until that is cleared. Its right place is the field for
  ``apnCrmLeadUniqueIdentifier``: an opportunity that is shared by file with it makes AWS convert its own lead, and
  AWS's files bring it in wherever it is mapped. Partner Central's API has no such field.
- A lead that lost a merge is deleted: its link becomes a tombstone like any other, and what AWS says of it creates
  nothing. A lead that won a merge goes on with its own identifier; where it had none and the person let it keep the
  loser's, AWS's lead is that record's from then on. A converted lead that is deleted later is told to nobody: its
  exchange with AWS had ended already.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from connector.errors import ConnectorError, RecordRejected
from connector.mapping.outbound import snapshot
from connector.names import CONVERTED_DATE, CONVERTED_OPPORTUNITY, IS_CONVERTED
from connector.store.links import Link
from connector.sync import logs
from connector.sync.edits import changed_paths
from connector.sync.engine import Engine
from connector.sync.ports import Row

_LEAD_OF_OPPORTUNITY = "apnCrmLeadUniqueIdentifier"
_TOLD = "lead-converted:"
REFUSAL = "CANNOT_UPDATE_CONVERTED_LEAD"
"""Salesforce's answer to a change of a converted lead, or to a record that refers to one."""


class Arrived(Protocol):
    """What is needed of an arrival (:class:`connector.sync.arrival.Arrival`)."""

    @property
    def answer(self) -> Mapping[str, Any]: ...


def is_converted(row: Row | None) -> bool:
    """Whether the row, read with :meth:`Engine.row_fields`, is a lead that was converted."""
    return bool(row) and (row or {}).get(IS_CONVERTED) is True


def refused_as_converted(error: ConnectorError | None) -> bool:
    """Whether Salesforce refused a write because the lead was converted since it was read."""
    return isinstance(error, RecordRejected) and any(problem.code == REFUSAL for problem in error.problems)


def end_sending(engine: Engine, link: Link, run_id: str) -> bool:
    """Return whether the record's turn towards AWS is over because its lead was converted; an edit that AWS has not
    got is told, once.
    """
    if not is_converted(link.row):
        return False
    end_observed(engine, link, link.row or {}, run_id)
    return True


def end_observed(engine: Engine, link: Link, row: Row, run_id: str) -> None:
    """End what waits of a lead that is seen converted: its turns come to nothing, and nothing stays open for it."""
    lost = _unsent(engine, link, row)
    with engine.state.transaction():
        _close(engine, link, row)
        if lost:
            _tell(engine, link, run_id, f"Edits of {', '.join(lost)} were not sent to AWS any more.", None)


def end_receiving(engine: Engine, link: Link, row: Row, arrival: Arrived, run_id: str) -> bool:
    """Return whether what AWS says is not for the record any more because its lead was converted; that is told once
    per lead, with what AWS said.

    Args:
        row: read just now.
        arrival: what AWS says of the lead.
        run_id: the run of the file that it came in.
    """
    if not is_converted(row):
        return False
    with engine.state.transaction():
        link.aws_modified = str(arrival.answer.get("LastModifiedDate") or link.aws_modified)
        _close(engine, link, row)
        payload = getattr(arrival, "payload", None) or arrival.answer
        _tell(engine, link, run_id, "What AWS says of it since is not written.", payload)
    return True


def end_refused(engine: Engine, link: Link, run_id: str) -> None:
    """End what waits of a lead of which a write was refused because it was converted since it was read."""
    row = {**(link.row or {}), IS_CONVERTED: True}
    with engine.state.transaction():
        if logs.is_inward(run_id):
            logs.withdraw_success(engine, run_id, link)
        _close(engine, link, row)
        _tell(engine, link, run_id, "A value of AWS's, or the time of its last synchronisation, was not written.", None)


def _unsent(engine: Engine, link: Link, row: Row) -> list[str]:
    """Return the mapped fields with an edit that AWS has not got; conversion itself sets the status."""
    status = engine.mapping.field("status")
    edited = changed_paths(link, snapshot(engine.mapping, row)) if link.apn_id else ()
    return [path for path in edited if status is None or path != status.path]


def _close(engine: Engine, link: Link, row: Row) -> None:
    state = engine.state
    link.row, link.modstamp = row, str(row.get("SystemModstamp") or link.modstamp)
    link.requested, link.pending_applied = False, None
    state.links.save(link)
    state.entries.drop(link.record_id)
    waiting = state.writebacks.get(link.record_id)
    if waiting is not None:
        state.writebacks.done(link.record_id, waiting.values)
    logs.resolve(engine, link.record_id)


def _tell(engine: Engine, link: Link, run_id: str, what: str, payload: Mapping[str, Any] | None) -> None:
    """Tell it once per lead; a lost state tells it once more."""
    key = _TOLD + link.record_id
    if engine.state.meta.get(key) is None:
        engine.state.meta.set(key, engine.now().isoformat())
        logs.log_end(engine, run_id, link, f"{_words(link)} {what} {_remedy(engine, link)}", payload)


def _words(link: Link) -> str:
    row = link.row or {}
    day = f" on {datetime.fromisoformat(str(row[CONVERTED_DATE])[:10]):%Y-%m-%d}" if row.get(CONVERTED_DATE) else ""
    became = f" to opportunity {row[CONVERTED_OPPORTUNITY]}" if row.get(CONVERTED_OPPORTUNITY) else ""
    return (
        f"The lead was converted in Salesforce{day}{became} and is read-only there; it keeps AWS's identifier "
        f"{link.apn_id}."
    )


def _remedy(engine: Engine, link: Link) -> str:
    status = (link.applied or {}).get("status")
    last = f" with status {status}" if status else ""
    keeps = f"AWS keeps the lead{last}; bring it up to date in Partner Central if AWS is to know how it ended."
    if not (link.row or {}).get(CONVERTED_OPPORTUNITY):
        return keeps
    if engine.settings.files.opportunities_over_files:
        return (
            f"Enter {link.apn_id} in the opportunity's field for the APN Lead ID ({_LEAD_OF_OPPORTUNITY}) and share "
            "the opportunity: AWS then converts its lead too."
        )
    return f"Share the opportunity with AWS as your own referral. {keeps}"
