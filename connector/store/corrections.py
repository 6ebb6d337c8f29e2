"""Values from AWS that a person corrected, per opportunity and field, to be used in their place from then on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connector.ace.record import Value, from_json, to_json
from connector.store.codec import dump, load, moment, stamp
from connector.store.table import Record, Table


@dataclass(frozen=True, slots=True)
class Correction:
    """One corrected value (IN-16).

    Attributes:
        apn_id: AWS's identifier of the record.
        ace_field: ACE name of the field.
        source: the value from AWS that was wrong.
        corrected: the value that is used instead.
        translatable: whether the mapping could translate the wrong value, so that it was Salesforce that refused it.
        made_at: aware UTC.
    """

    apn_id: str
    ace_field: str
    source: Value
    corrected: Value
    translatable: bool
    made_at: datetime


class Corrections(Table):
    """Corrections by AWS identifier and ACE field."""

    def keep(self, correction: Correction) -> None:
        """Remember the correction, in place of an earlier one of the same field."""
        row = {
            "apn_id": correction.apn_id,
            "ace_field": correction.ace_field,
            "source": _dump(correction.source),
            "corrected": _dump(correction.corrected),
            "translatable": int(correction.translatable),
            "made_at": stamp(correction.made_at),
        }
        self._upsert("corrections", ("apn_id", "ace_field"), row)

    def of(self, apn_id: str) -> list[Correction]:
        """Return the corrections of one record, by field."""
        rows = self._all("select * from corrections where apn_id = ? order by ace_field", (apn_id,))
        return [_correction(row) for row in rows]

    def all(self) -> list[Correction]:
        """Return every correction, oldest first."""
        return [_correction(row) for row in self._all("select * from corrections order by made_at, apn_id, ace_field")]

    def drop(self, apn_id: str, ace_field: str) -> bool:
        """Forget one correction; return whether there was one."""
        parameters = (apn_id, ace_field)
        return bool(self._write("delete from corrections where apn_id = ? and ace_field = ?", parameters).rowcount)


def _dump(value: Value) -> str:
    return dump(to_json({"value": value})["value"])


def _load(text: str) -> Value:
    return from_json({"value": load(text)})["value"]


def _correction(row: Record) -> Correction:
    return Correction(
        apn_id=row["apn_id"],
        ace_field=row["ace_field"],
        source=_load(row["source"]),
        corrected=_load(row["corrected"]),
        translatable=bool(row["translatable"]),
        made_at=moment(row["made_at"]),
    )
