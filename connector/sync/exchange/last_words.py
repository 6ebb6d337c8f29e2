"""What AWS's files last said of a record. Nothing can be asked of AWS anew by files, so that its last word is kept, and
taken again where it is needed: its payload is what people correct, and what a corrected mapping is applied to.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from connector.ace.file_fields import APN_ID, RecordType, name_of_key
from connector.store.codec import dump, load
from connector.store.downloads import Download, NewArrival
from connector.sync import queueing
from connector.sync.engine import Engine
from connector.sync.ports import Json

NO_FILE = "replayed:"
"""Before the key of what is worked off like a file and is none to delete: of the archive, or a payload of a detail."""
STAND_IN = "arrived-"
"""Begins what details name a record by that bears no usable identifier."""
_OF_LEADS = frozenset({"partnercrmleadid", "currentleadstage", "levelofawsusage", "useCaseWorkload".casefold()})


def last_words(engine: Engine, apn_id: str | None) -> Json | None:
    """Return AWS's last entry of the record as it wrote it, None where no file had one."""
    last = engine.state.downloads.last(engine.record_type, apn_id) if apn_id else None
    payload = printable(load(last.payload)) if last is not None else None
    return payload if isinstance(payload, dict) else None


def note_taken(engine: Engine, apn_id: str, entry: Mapping[str, Any]) -> None:
    """AWS took values of a file of ours: what its last file said of them holds no more.

    Args:
        engine: that of the record's type.
        apn_id: AWS's identifier of the record.
        entry: the record as it stood in our file.
    """
    last = engine.state.downloads.last(engine.record_type, apn_id)
    if last is not None and last.status != "waiting":
        amend(engine, last.id, last.payload, entry)


def amend(engine: Engine, arrived_id: int, payload: str, entry: Mapping[str, Any]) -> None:
    """Let what is kept of AWS's record say what the entry says, whatever way either of them spells its keys."""
    told = load(payload) if payload else None
    if not isinstance(told, dict):
        return
    taken = {name_of_key(engine.record_type, key) for key in entry} - {None}
    kept = {key: value for key, value in told.items() if name_of_key(engine.record_type, key) not in taken}
    engine.state.downloads.amend(arrived_id, dump({**kept, **entry}))


def is_entry(payload: Any) -> bool:
    """Whether a payload is an entry of a file, and no answer of the API."""
    return isinstance(payload, Mapping) and any(name_of_key("opportunity", key) == APN_ID for key in payload)


def type_of(entry: Mapping[str, Any]) -> RecordType:
    """Return what kind of record an entry is, by the keys that only leads have."""
    keys = {"".join(key.split()).casefold() for key in entry}
    return "lead" if keys & _OF_LEADS else "opportunity"


def take_entry(engine: Engine, detail_key: str, entry: Json, run_id: str) -> None:
    """Work off an entry that stands in a log detail as if it came in a file.

    Args:
        engine: that of the record's type.
        detail_key: key of the detail.
        entry: AWS's words, or what a person made of them.
        run_id: the run that it counts in.
    """
    text, key = dump(entry), f"{NO_FILE}{detail_key}"
    etag, now = sha256(text.encode()).hexdigest()[:32], engine.now()
    known = name_of_entry(engine.record_type, entry)
    with engine.state.transaction():
        engine.state.downloads.forget(key, etag)
        engine.state.downloads.listed(
            Download(
                key=key,
                etag=etag,
                name=detail_key,
                record_type=engine.record_type,
                size=len(text),
                modified_at=now,
                parent=run_id,
            ),
            now,
        )
        for one in engine.state.downloads.taken(key, etag, run_id, [NewArrival(0, text, known)]):
            queueing.enqueue_arrival(engine, one.id, one.apn_id, run_id)


def name_of_entry(record_type: RecordType, entry: Mapping[str, Any]) -> str:
    """Return AWS's identifier in an entry, empty where it has none."""
    values = (value for key, value in entry.items() if name_of_key(record_type, key) == APN_ID)
    return next((str(value).strip() for value in values if value), "")


def printable(payload: Any) -> Any:
    """Return the payload as JSON has it: whole numbers and fractions as numbers, as AWS wrote them."""
    match payload:
        case Decimal():
            return float(payload) if Decimal(str(float(payload))) == payload else str(payload)
        case dict():
            return {key: printable(value) for key, value in payload.items()}
        case list():
            return [printable(value) for value in payload]
        case _:
            return payload
