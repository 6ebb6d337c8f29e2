"""Referrals: the invitations that were seen, the record that each has, and how far the answer to it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connector.store.codec import dump, load, moment, stamp
from connector.store.table import Record, Table

Decision = Literal["", "accept", "reject"]


@dataclass(slots=True)
class Referral:
    """What is known of one invitation.

    Attributes:
        invitation_id: AWS's id of the invitation.
        object_name: API name of the Salesforce object that its record is of.
        status: AWS's, as last seen: PENDING, ACCEPTED, REJECTED or EXPIRED.
        payload: AWS's last answer; empty after it was forgotten.
        expires: until when it may be answered, aware UTC; None where the invitation names no end.
        record_id: its Salesforce record; None while there is none.
        opportunity_id: AWS's id of the opportunity that acceptance made; None until it is known.
        decision: what was asked of AWS.
        reason: why it was rejected.
        generation: counts acceptances that AWS refused for good; part of the token.
        token, task_id: of the acceptance that is under way.
        settled: nothing is left to do: its opportunity is linked, or there will be none.
        reminded: the deadline was reminded of.
        looked_at: when AWS was last asked, aware UTC.
    """

    invitation_id: str
    object_name: str
    status: str
    looked_at: datetime
    payload: dict[str, Any] = field(default_factory=dict)
    expires: datetime | None = None
    record_id: str | None = None
    opportunity_id: str | None = None
    decision: Decision = ""
    reason: str = ""
    generation: int = 0
    token: str = ""
    task_id: str | None = None
    settled: bool = False
    reminded: bool = False


class Referrals(Table):
    """Referrals by invitation and by record."""

    def get(self, invitation_id: str) -> Referral | None:
        row = self._one("select * from referrals where invitation_id = ?", (invitation_id,))
        return _referral(row) if row else None

    def of_record(self, record_id: str) -> Referral | None:
        """Return the referral whose record it is."""
        row = self._one("select * from referrals where record_id = ?", (record_id,))
        return _referral(row) if row else None

    def of_opportunity(self, apn_id: str) -> Referral | None:
        """Return the referral whose acceptance made the opportunity."""
        row = self._one("select * from referrals where opportunity_id = ?", (apn_id,))
        return _referral(row) if row else None

    def open(self) -> list[Referral]:
        """Return the referrals that wait for an answer or for their opportunity, in the order of their ids."""
        return [_referral(row) for row in self._all("select * from referrals where settled = 0 order by invitation_id")]

    def lapsed(self) -> list[Referral]:
        """Return the referrals that lapsed, and of which no opportunity is known, in the order of their ids."""
        rows = self._all(
            "select * from referrals where status = 'EXPIRED' and opportunity_id is null order by invitation_id"
        )
        return [_referral(row) for row in rows]

    def save(self, referral: Referral) -> None:
        """Store the referral as it is now."""
        self._upsert("referrals", ("invitation_id",), _columns(referral))


def _columns(referral: Referral) -> Record:
    row = {name: getattr(referral, name) for name in Referral.__slots__}
    return row | {
        "payload": dump(referral.payload),
        "looked_at": stamp(referral.looked_at),
        "expires": stamp(referral.expires) if referral.expires else None,
        "settled": int(referral.settled),
        "reminded": int(referral.reminded),
    }


def _referral(row: Record) -> Referral:
    return Referral(
        **row
        | {
            "payload": load(row["payload"]),
            "looked_at": moment(row["looked_at"]),
            "expires": moment(row["expires"]) if row["expires"] else None,
            "settled": bool(row["settled"]),
            "reminded": bool(row["reminded"]),
        }
    )
