"""What was found out about opportunities that a backfill or a comparison met: what is proposed to people, what they
decided, and what a comparison has looked at so far.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from connector.store.table import Table

Decision = Literal["undecided", "link", "create", "skip", "left_out"]
BARRED: tuple[Decision, ...] = ("undecided", "skip")
"""Decisions with which no record is created: the admin has not chosen yet, or wants none."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A record that may be the one of an opportunity.

    Attributes:
        apn_id: AWS's id of the opportunity.
        company, title: of the opportunity, for whoever decides.
        record_id: 18-character id of the Salesforce record.
        record_name: its name.
        score: how alike they are, from 0 to 100.
        reason: in words, what is alike.
    """

    apn_id: str
    company: str
    title: str
    record_id: str
    record_name: str
    score: int
    reason: str


class Backfills(Table):
    """Opportunities with a decision, and the proposals for those that wait for one."""

    def decision(self, apn_id: str) -> Decision | None:
        """Return what was decided about an opportunity; None where nothing had to be."""
        found: Decision | None = self._value("select decision from backfill where apn_id = ?", (apn_id,))
        return found

    def is_barred(self, apn_id: str) -> bool:
        """Return whether no record may be created for the opportunity."""
        return self.decision(apn_id) in BARRED

    def is_left_out(self, apn_id: str, modified: str) -> bool:
        """Return whether the opportunity is left out as it is: barred, or not chosen and unchanged since."""
        return self.is_barred(apn_id) or bool(
            self._value(
                "select count(*) from backfill where apn_id = ? and decision = 'left_out' and modified = ?",
                (apn_id, modified),
            )
        )

    def awaiting(self, record_id: str) -> list[str]:
        """Return the undecided opportunities that may be the record's own."""
        rows = self._all(
            "select p.apn_id from backfill_proposals p join backfill b on b.apn_id = p.apn_id "
            "where p.record_id = ? and b.decision = 'undecided' "
            "and not exists (select 1 from links where links.apn_id = b.apn_id) order by p.apn_id",
            (record_id,),
        )
        return [row["apn_id"] for row in rows]

    def propose(self, proposals: Collection[Proposal]) -> None:
        """Keep the proposals of one or several opportunities, which wait for a decision from now on."""
        with self._transaction():
            for one in proposals:
                self.decide(one.apn_id, "undecided")
                self._upsert("backfill_proposals", ("apn_id", "record_id"), asdict(one))

    def decide(self, apn_id: str, decision: Decision, *, modified: str = "") -> None:
        """Keep a decision about an opportunity, in place of an earlier one; once it is made, its proposals go.

        Args:
            modified: AWS's LastModifiedDate of an opportunity that is left out until it changes.
        """
        with self._transaction():
            self._upsert("backfill", ("apn_id",), {"apn_id": apn_id, "decision": decision, "modified": modified})
            if decision != "undecided":
                self._write("delete from backfill_proposals where apn_id = ?", (apn_id,))

    def proposals(self, apn_id: str = "") -> Iterator[Proposal]:
        """Yield the proposals that wait for a decision, the likeliest of an opportunity first; those of one opportunity
        whatever was decided.
        """
        rows = self._all(
            "select p.* from backfill_proposals p join backfill b on b.apn_id = p.apn_id "
            "where case when :apn_id <> '' then p.apn_id = :apn_id else b.decision = 'undecided' "
            "and not exists (select 1 from links where links.apn_id = b.apn_id) end "
            "order by p.apn_id, p.score desc, p.record_id",
            {"apn_id": apn_id},
        )
        return (Proposal(**row) for row in rows)

    def undecided(self) -> int:
        """Return how many opportunities wait for a decision; a record that came to carry the id has decided."""
        return int(
            self._value(
                "select count(*) from backfill b where decision = 'undecided' "
                "and not exists (select 1 from links where links.apn_id = b.apn_id)"
            )
        )

    def decided(self, decision: Decision) -> list[str]:
        """Return the opportunities with that decision, in order."""
        rows = self._all("select apn_id from backfill where decision = ? order by apn_id", (decision,))
        return [row["apn_id"] for row in rows]


class Comparisons(Table):
    """What the comparison under way has met on each side and what it found, by names; kept until the next one."""

    def note(self, side: str, names: Collection[str]) -> None:
        """Remember that these ids were met on a side, or found to be of a kind."""
        with self._transaction():
            for name in names:
                self._write("insert or ignore into compared (side, name) values (?, ?)", (side, name))

    def is_noted(self, side: str, name: str) -> bool:
        """Return whether an id was noted on a side."""
        return bool(self._value("select count(*) from compared where side = ? and name = ?", (side, name)))

    def noted(self, side: str) -> list[str]:
        """Return the ids of a side, in order."""
        return [row["name"] for row in self._all("select name from compared where side = ? order by name", (side,))]

    def count(self, side: str) -> int:
        return int(self._value("select count(*) from compared where side = ?", (side,)))

    def missed(
        self,
        side: str,
        column: Literal["apn_id", "record_id"],
        *,
        object_name: str = "",
        after: str = "",
        limit: int = -1,
    ) -> list[tuple[str, str]]:
        """Return (record id, AWS id) of linked opportunities, of one object or of any, that were not met on a side, in
        the order of record ids behind ``after``.
        """
        rows = self._all(
            "select record_id, apn_id from links where status in ('linked', 'held') and apn_id is not null "  # noqa: S608
            "and record_id > :after and (:object = '' or object_name = :object) and not exists "
            f"(select 1 from compared c where c.side = :side and c.name = links.{column}) "
            "order by record_id limit :limit",
            {"side": side, "object": object_name, "after": after, "limit": limit},
        )
        return [(row["record_id"], row["apn_id"]) for row in rows]

    def clear(self, *sides: str) -> None:
        """Forget some sides, or all."""
        with self._transaction():
            for side in sides:
                self._write("delete from compared where side = ?", (side,))
            if not sides:
                self._write("delete from compared")
