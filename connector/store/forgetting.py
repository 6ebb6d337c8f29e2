"""Removing a person's data: the content of one record goes, what keeps it from being duplicated stays."""

from __future__ import annotations

import re
from typing import Any

from connector.store.codec import dump, load
from connector.store.handles import Handles
from connector.store.table import Table

_AWS_ID = re.compile(r"[OL]\d{1,19}|engi-[0-9a-z]{13}|arn:aws[\w-]*:[\w:/-]+")
_RUN_ID = re.compile(r"(?:in|out)-\d{8}T\d{6}-[0-9a-f]{8}")
_SUFFIXES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def forget(handles: Handles, record_id: str) -> None:
    """Remove the content of a record from every part of the state, in one transaction.

    Links, shares and pending work keep ids, tokens, states and switches. Log rows that concern the record are dropped;
    entries of the queue that have ended are too. Problems hold codes and keys only, so they stay.
    """
    Forgetting(handles).forget(record_id)


class Forgetting(Table):
    """What is removed, table by table."""

    def forget(self, record_id: str) -> None:
        with self._transaction():
            apn_id = self._value("select apn_id from links where record_id = ?", (record_id,)) or record_id
            self._empty_link(record_id)
            self._empty_queue(record_id, apn_id)
            self._empty_writeback(record_id)
            self._drop_log_rows({record_id, apn_id})
            self._write("delete from corrections where apn_id = ?", (apn_id,))
            self._empty_referral(record_id)
            self._empty_proposals(record_id, apn_id)
            self._drop_entry(record_id)
            self._empty_files(record_id, apn_id)

    def _empty_link(self, record_id: str) -> None:
        self._write(
            "update links set \"row\" = null, seen = '{}', written = '{}', aws = null, summary = null, "
            "failed_snapshot = null, applied = null, pending_applied = null, locked = '{}', hold_reason = '' "
            "where record_id = ?",
            (record_id,),
        )
        self._write("update shares set create_request = '' where record_id = ?", (record_id,))

    def _empty_referral(self, record_id: str) -> None:
        """What AWS showed of a referral, and what was corrected of it before it had an opportunity."""
        invitations = self._all("select invitation_id from referrals where record_id = ?", (record_id,))
        for row in invitations:
            self._write("update referrals set payload = '{}' where invitation_id = ?", (row["invitation_id"],))
            self._write("delete from corrections where apn_id = ?", (row["invitation_id"],))
            self._drop_log_rows({row["invitation_id"]})

    def _empty_queue(self, record_id: str, apn_id: str) -> None:
        keys = (record_id, apn_id)
        self._write("delete from queue where \"key\" in (?, ?) and state in ('done', 'failed')", keys)
        for row in self._all('select id, payload from queue where "key" in (?, ?)', keys):
            payload = dump(impersonal(load(row["payload"])))
            self._write("update queue set payload = ?, reason = '' where id = ?", (payload, row["id"]))

    def _empty_writeback(self, record_id: str) -> None:
        both = (record_id, record_id)
        self._write("delete from writebacks where parent <> '' and (parent = ? or record_id = ?)", both)
        self._write("delete from related_writes where record_id = ?", (record_id,))
        fields = self._value("select fields from writebacks where record_id = ?", (record_id,))
        if fields is None:
            return
        kept = impersonal(load(fields))
        if kept:
            self._write("update writebacks set fields = ?, reason = '' where record_id = ?", (dump(kept), record_id))
        else:
            self._write("delete from writebacks where record_id = ?", (record_id,))

    def _empty_proposals(self, record_id: str, apn_id: str) -> None:
        """That the record may be an opportunity's own stays known, against duplicates."""
        self._write("update backfill_proposals set record_name = '' where record_id = ?", (record_id,))
        self._write("update backfill_proposals set company = '', title = '' where apn_id = ?", (apn_id,))

    def _drop_entry(self, record_id: str) -> None:
        """What waits for a file goes out no more, and its run expects nothing of it."""
        run_id = self._value("select run_id from file_entries where record_id = ?", (record_id,))
        self._write("delete from file_entries where record_id = ?", (record_id,))
        self._write(
            "delete from run_records where run_id = ? and record_id = ? and outcome = 'waiting'", (run_id, record_id)
        )

    def _empty_files(self, record_id: str, apn_id: str) -> None:
        """That the record is in a file stays known, against duplicates. The bytes of a file that AWS may not have yet
        stay too, until it certainly has them: only the same bytes may be sent again.
        """
        self._write(
            "update upload_records set entry = '{}', snapshot = '{}', record = '{}' where record_id = ?", (record_id,)
        )
        self._write("update arrived set payload = '' where apn_id = ?1 or partner_id = ?2", (apn_id, record_id))

    def _drop_log_rows(self, ids: set[str]) -> None:
        for row in self._all('select id, "key", body from outbox'):
            texts = {value for value in load(row["body"]).values() if isinstance(value, str)}
            if ids & {row["key"].partition(":")[0], *texts}:
                self._write("delete from outbox where id = ?", (row["id"],))


def impersonal(members: dict[str, Any]) -> dict[str, Any]:
    """Return the members that tell nothing of a person: ids of Salesforce, AWS and runs, switches, whole numbers."""
    return {name: value for name, value in members.items() if isinstance(value, int) or _is_id(value)}


def _is_id(value: object) -> bool:
    if not isinstance(value, str):
        return False
    return bool(_AWS_ID.fullmatch(value) or _RUN_ID.fullmatch(value)) or _is_salesforce_id(value)


def _is_salesforce_id(text: str) -> bool:
    """Tell an 18-character id from a word of that length: its last three characters encode the case of the others."""
    if len(text) != 18 or not (text.isascii() and text.isalnum()):
        return False
    chunks = (text[start : start + 5] for start in (0, 5, 10))
    return text[15:].upper() == "".join(
        _SUFFIXES[sum(1 << place for place, letter in enumerate(chunk) if letter.isupper())] for chunk in chunks
    )
