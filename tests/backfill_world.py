"""What tests of backfills and comparisons do: deals that exist on both sides, and the commands."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from system_world import CATALOG, World

Json = dict[str, Any]
APN_ID, FLAG, SYNCED = "ACE_APN_Unique_Identifier__c", "ACE_Sync_with_AWS__c", "ACE_Last_Sync_Date__c"


def create_at_aws(world: World, company: str = "", title: str = "", **members: Any) -> str:
    """Let a colleague make an approved opportunity in Partner Central; return its id."""
    fields: Json = {"LifeCycle": {"ReviewStatus": "Approved", **members.pop("LifeCycle", {})}, **members}
    if company:
        fields["Customer"] = {"Account": {"CompanyName": company}}
    if title:
        fields["Project"] = {"Title": title}
    return str(world.control("/aws/create", fields=fields, catalog=CATALOG)["opportunity"])


def unflagged(world: World, company: str = "", title: str = "", **fields: Any) -> str:
    """Let a seller have a deal that was never shared; return its id."""
    named = {"Customer_Company_Name__c": company} if company else {}
    titled = {"Partner_Project_Title__c": title, "Name": title[:80]} if title else {}
    return world.deal(**{FLAG: False, **named, **titled, **fields})


def holders(world: World, identifier: str) -> list[str]:
    """Return the records that carry an opportunity's id."""
    return [row["Id"] for row in world.find(f"{APN_ID} = '{identifier}'")]


def stamps(world: World) -> dict[str, str]:
    """Return when each record was last touched by anybody."""
    return {row["Id"]: row["SystemModstamp"] for row in world.find("Id != null", "SystemModstamp")}


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file of proposals."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def decide(path: Path, decisions: dict[tuple[str, str], str]) -> None:
    """Write decisions into a file of proposals, by opportunity and record, as an admin does in a spreadsheet."""
    rows = rows_of(path)
    for row in rows:
        row["decision"] = decisions.get((row["opportunity_id"], row["candidate_record_id"]), row["decision"])
    write_rows(path, rows)


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
