"""The sharing sequences: how far each record has come on its way to AWS."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from connector.store.codec import dump, load, moment, stamp
from connector.store.table import Record, Table

Step = Literal["intent", "created", "associated", "submitting", "polling", "done"]


@dataclass(slots=True)
class Share:
    """One record's sharing.

    Attributes:
        record_id: 18-character Salesforce id.
        generation: counts definite refusals; part of the tokens.
        step: the last step that is known to be done; ``intent`` before the first call.
        create_request: the exact JSON text to send again after an unknown outcome.
        create_token, submit_token: the client tokens of both calls.
        apn_id, task_id: what AWS answered; None until then.
        associated: identifiers already associated, as ``type:id`` or as the caller spells them.
        involvement, visibility: what is asked of AWS on submission.
        started_at, updated_at: aware UTC.
        uncertain: a call may have taken effect without our knowing.
    """

    record_id: str
    generation: int
    step: Step
    create_request: str
    create_token: str
    submit_token: str
    started_at: datetime
    updated_at: datetime
    apn_id: str | None = None
    task_id: str | None = None
    associated: list[str] = field(default_factory=list)
    involvement: str = ""
    visibility: str = ""
    uncertain: bool = False


class Shares(Table):
    """Sharing sequences by record."""

    def get(self, record_id: str) -> Share | None:
        row = self._one("select * from shares where record_id = ?", (record_id,))
        return _share(row) if row else None

    def save(self, share: Share) -> None:
        """Store the sequence as it is now; durable when the transaction ends."""
        self._upsert("shares", ("record_id",), _columns(share))

    def delete(self, record_id: str) -> None:
        self._write("delete from shares where record_id = ?", (record_id,))

    def open(self) -> list[Share]:
        """Return the sequences that are not done, oldest first."""
        return [_share(row) for row in self._all("select * from shares where step <> 'done' order by started_at")]


def _columns(share: Share) -> Record:
    row = {name: getattr(share, name) for name in Share.__slots__}
    row["associated"] = dump(share.associated)
    row["started_at"] = stamp(share.started_at)
    row["updated_at"] = stamp(share.updated_at)
    row["uncertain"] = int(share.uncertain)
    return row


def _share(row: Record) -> Share:
    return Share(
        **row
        | {
            "associated": load(row["associated"]),
            "started_at": moment(row["started_at"]),
            "updated_at": moment(row["updated_at"]),
            "uncertain": bool(row["uncertain"]),
        }
    )
