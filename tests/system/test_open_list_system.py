"""ACE's list of open opportunities is matched before going live, and goes back to ACE with the partner's ids."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from backfill_world import APN_ID, FLAG, SYNCED, create_at_aws, rows_of, unflagged
from file_world import entries, open_file_world
from referral_desk import accept_elsewhere, refer
from system_world import AUTOMATIC, World, open_world

from connector.store.state import State
from connector.sync.queueing import OUTBOUND

FILES = {"Opportunities_over_S3__c": True}
COLUMNS = (
    "apnCrmUniqueIdentifier", "partnerCrmUniqueIdentifier", "customerCompanyName", "partnerProjectTitle", "stage",
    "opportunityOwnership", "partnerAcceptanceStatus", "decision",
)  # fmt: skip


def write_list(world: World, rows: Sequence[Mapping[str, str]], columns: Sequence[str] = COLUMNS) -> Path:
    path = world.directory / "ace-open.csv"
    with path.open("w", encoding="utf8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def backfill(world: World, *options: str, code: int = 0) -> Any:
    return world.do("backfill", "--open-list", "ace-open.csv", *options, "--json", code=code).json


def returned(world: World, name: str = "back.csv") -> list[dict[str, str]]:
    return rows_of(world.directory / name)


@pytest.mark.requirement("OPS-17")
@pytest.mark.requirement("OPS-18")
def test_a_hundred_pairs_are_linked_and_nothing_is_sent(tmp_path: Path) -> None:
    """By files, with no call to AWS: ids, flag and date are set, no edit is made of it, the file goes back to ACE with
    the partner's ids, stand-ins for what is not processed, and the unmatched ones are listed.
    """
    with open_world(tmp_path, **AUTOMATIC, **FILES) as world:
        records = [unflagged(world, f"Company {number}", f"Deal {number}") for number in range(100)]
        ids = [record[: 15 + 3 * (number % 2)] for number, record in enumerate(records)]  # in both forms
        pairs = [
            {"apnCrmUniqueIdentifier": f"O{1000 + number}", "partnerCrmUniqueIdentifier": one}
            for number, one in enumerate(ids)
        ]
        lost = [{"apnCrmUniqueIdentifier": f"O{2000 + n}", "stage": "Closed Lost"} for n in range(2)]
        skipped = {"apnCrmUniqueIdentifier": "O3000", "decision": "skip"}
        known = {"apnCrmUniqueIdentifier": "O3001", "partnerCrmUniqueIdentifier": "X0007"}
        strange = {"apnCrmUniqueIdentifier": "O4000", "customerCompanyName": "Nobody we know"}
        write_list(world, [*pairs[:50], *lost, *pairs[50:], skipped, known, strange])
        world.advance(5)
        told = backfill(world, "--closed", "Closed Lost", "--report", "back.csv")
        assert told["counts"] == {"linked": 100, "excluded": 4, "unmatched": 1, "refused": 0}
        assert told["unmatched"] == ["O4000"]
        rows = {row["Id"]: row for row in world.find("Id != null", APN_ID, FLAG, SYNCED, "ACE_Has_Updates__c")}
        for number, record in enumerate(records):
            row = rows[record]
            assert (row[APN_ID], row[FLAG], row["ACE_Has_Updates__c"]) == (f"O{1000 + number}", True, False)
            assert row[SYNCED]
        back = returned(world)
        assert [one["apnCrmUniqueIdentifier"] for one in back[:52]] == [
            *(f"O{1000 + number}" for number in range(50)), "O2000", "O2001",
        ]  # fmt: skip
        by_apn = {one["apnCrmUniqueIdentifier"]: one["partnerCrmUniqueIdentifier"] for one in back}
        assert [by_apn[f"O{1000 + number}"] for number in range(100)] == records
        assert (by_apn["O3001"], by_apn["O2000"], by_apn["O2001"], by_apn["O3000"]) == (
            "X0007", "X0008", "X0009", "X0010",
        )  # fmt: skip
        assert by_apn["O4000"] == ""
        world.advance(5)
        # All flagged records are looked at; at the end the command names the settings without which no file is sent.
        assert "Bucket_Name__c" in world.do("sync", "outbound", code=2).err
        assert world.proxy.writes() == []
        assert {one["Status__c"] for one in world.details()} == {"Processed"} and len(world.details()) == 100
        with State.open(world.state_path) as state:
            assert [item for item in state.queue.list("waiting") if item.kind == OUTBOUND] == []
            assert state.entries.count("opportunity") == 0 and state.uploads.unanswered() == []
        again = backfill(world, "--closed", "Closed Lost", "--report", "again.csv")
        assert again["counts"] == told["counts"] and returned(world, "again.csv") == back


def test_by_the_api_each_pair_is_compared_and_nothing_is_sent(tmp_path: Path) -> None:
    with open_world(tmp_path, **AUTOMATIC) as world:
        record = unflagged(world, "Alder Foods", "Cold chain")
        linked, left = create_at_aws(world, "Alder Foods", "Cold chain"), create_at_aws(world)
        rows = [
            {"apnCrmUniqueIdentifier": linked, "partnerCrmUniqueIdentifier": record},
            {"apnCrmUniqueIdentifier": left, "decision": "skip"},
        ]
        write_list(world, rows)
        world.advance(5)
        told = backfill(world, "--report", "back.csv")
        assert (told["counts"]["linked"], told["counts"]["excluded"], told["failed"]) == (1, 1, 0)
        assert world.row(record)[APN_ID] == linked
        assert [one["partnerCrmUniqueIdentifier"] for one in returned(world)] == [record, "X0001"]
        world.advance(5)
        world.sync("inbound")
        world.sync("outbound")
        assert world.proxy.writes() == []
        assert world.find(f"{APN_ID} = '{left}'") == []


def test_a_dry_run_changes_nothing_and_a_likely_record_is_named(tmp_path: Path) -> None:
    with open_world(tmp_path, **FILES) as world:
        alike = unflagged(world, "Cedar Mills, Inc.", "Sawmill control")
        row = {
            "apnCrmUniqueIdentifier": "O1", "customerCompanyName": "CEDAR MILLS",
            "partnerProjectTitle": "Sawmill control",
        }  # fmt: skip
        write_list(world, [row])
        told = backfill(world, "--dry-run", "--report", "back.csv")
        assert told["counts"]["unmatched"] == 1 and not world.row(alike)[APN_ID]
        assert returned(world)[0]["remark"].startswith(f"unmatched; likely {alike}")
        for options in ((), ("--dry-run",)):
            assert "--open-list" in world.do("backfill", *options, code=2).err, "AWS cannot be asked"
        assert world.proxy.calls == []


def test_what_cannot_be_linked_is_told_and_the_rest_is_done(tmp_path: Path) -> None:
    """A record that belongs to another opportunity, one that does not exist, one that two entries name."""
    with open_world(tmp_path, **FILES) as world:
        taken, twice, good = unflagged(world), unflagged(world), unflagged(world)
        world.edit(taken, world.admin, **{APN_ID: "O99"})
        named = {"O1": taken, "O2": twice, "O3": twice, "O4": good[:-4] + "zzzz", "O5": good}
        write_list(
            world, [{"apnCrmUniqueIdentifier": a, "partnerCrmUniqueIdentifier": record} for a, record in named.items()]
        )
        world.advance(5)
        told = backfill(world, "--report", "back.csv")
        assert (told["counts"]["linked"], told["counts"]["refused"]) == (1, 4)
        remarks = {one["apnCrmUniqueIdentifier"]: one["remark"] for one in returned(world)}
        assert f"{taken} belongs to O99" in remarks["O1"] and "more than once" in remarks["O2"] + remarks["O3"]
        assert "has no record" in remarks["O4"] and remarks["O5"] == "linked"


def test_a_wrong_list_changes_nothing_and_names_each_row(tmp_path: Path) -> None:
    with open_world(tmp_path, **FILES) as world:
        record = unflagged(world)
        rows = [
            {"apnCrmUniqueIdentifier": "O1", "partnerCrmUniqueIdentifier": record},
            {"apnCrmUniqueIdentifier": "O1"}, {"apnCrmUniqueIdentifier": "L2"},
            {"apnCrmUniqueIdentifier": "O3", "decision": "perhaps"},
        ]  # fmt: skip
        write_list(world, rows)
        refused = world.do("backfill", "--open-list", "ace-open.csv", code=2)
        assert all(f"row {number}" in refused.err for number in (2, 3, 4, 5))
        assert not world.row(record)[APN_ID]
        write_list(world, [{"city": "Kassel"}], ("city",))
        assert "apnCrmUniqueIdentifier" in world.do("backfill", "--open-list", "ace-open.csv", code=2).err


@pytest.mark.requirement("OPS-19")
def test_the_accepted_referrals_without_an_identifier_are_reported(tmp_path: Path) -> None:
    """From ACE's list, and from AWS itself: exactly those of AWS that are open and accepted and have none."""
    with open_world(tmp_path) as world:
        rows = [
            {"apnCrmUniqueIdentifier": "O1", "opportunityOwnership": "AWS Referral", "stage": "Qualified",
             "partnerAcceptanceStatus": "Accepted"},
            {"apnCrmUniqueIdentifier": "O2", "opportunityOwnership": "AWS Referral", "stage": "Launched",
             "partnerAcceptanceStatus": "Accepted"},
            {"apnCrmUniqueIdentifier": "O3", "opportunityOwnership": "AWS Referral", "stage": "Qualified",
             "partnerAcceptanceStatus": "Rejected"},
            {"apnCrmUniqueIdentifier": "O4", "opportunityOwnership": "Partner Referral", "stage": "Qualified"},
        ]  # fmt: skip
        write_list(world, rows)
        told = backfill(world, "--dry-run", "--lacking", "lacking.csv")
        assert told["lacking"] == ["O1"]
        assert [one["apnCrmUniqueIdentifier"] for one in returned(world, "lacking.csv")] == ["O1"]

        create_at_aws(world, PartnerOpportunityIdentifier=unflagged(world))
        create_at_aws(world)
        accepted, open_one = refer(world), refer(world)
        accept_elsewhere(world, accepted)
        told = world.do("backfill", "--lacking", "lacking.csv", "--json").json
        assert told["lacking"] == [accepted["opportunity"]] != [open_one["opportunity"]]


def test_a_pair_counts_as_it_stands_when_the_first_file_of_aws_comes(tmp_path: Path) -> None:
    """By files: what the record says is not written over and not sent; what it leaves empty comes in. From then on
    each side's changes reach the other.
    """
    with open_file_world(tmp_path) as world:
        record = world.deal(**{FLAG: False, "Next_Step__c": "Ours", "Additional_Comments__c": None})
        title = world.row(record, "Partner_Project_Title__c")["Partner_Project_Title__c"]
        life = {"NextSteps": "Theirs"}
        project = {"Project": {"Title": title, "AdditionalComments": "From AWS"}}
        solutions = {"RelatedEntityIdentifiers": {"Solutions": ["S-2000017"]}}
        identifier = create_at_aws(world, LifeCycle=life, **project, **solutions)
        write_list(world, [{"apnCrmUniqueIdentifier": identifier, "partnerCrmUniqueIdentifier": record}])
        world.advance(5)
        assert backfill(world)["counts"]["linked"] == 1
        fields = ("Next_Step__c", "Additional_Comments__c")
        world.export()
        world.take()
        row = world.row(record, *fields)
        assert [row[name] for name in fields] == ["Ours", "From AWS"]
        assert world.send() == [] and world.keys("opportunity-outbound") == []

        world.edit_at_aws(identifier, Project__AdditionalComments="Changed at AWS")
        world.edit(record, Next_Step__c="Edited")
        world.advance(5)
        (file,) = world.exchange_files()
        (entry,) = entries(file)
        assert (entry["apnCrmUniqueIdentifier"], entry["partnerCrmUniqueIdentifier"]) == (identifier, record)
        assert (
            entry["nextStep"] == "Edited" and "additionalComments" not in entry and "customerCompanyName" not in entry
        )
        world.export()
        world.take()
        assert world.row(record, *fields)["Additional_Comments__c"] == "Changed at AWS"
        assert world.get(identifier)["LifeCycle"]["NextSteps"] == "Edited"
        assert world.errors(record) == []


def test_leads_are_matched_by_a_list_of_their_own(tmp_path: Path) -> None:
    with open_file_world(tmp_path) as world:
        identifier = world.refer_lead()
        answer = world.admin.post("sobjects/ACE_Lead__c", {"Name": "Kept", "Status__c": "Research"})
        assert answer.status_code == 201, answer.text
        record = str(answer.json()["id"])
        rows = [
            {"apnCrmUniqueIdentifier": identifier, "partnerCrmLeadId": record},
            {"apnCrmUniqueIdentifier": "L999", "decision": "skip"},
        ]
        write_list(world, rows, ("apnCrmUniqueIdentifier", "partnerCrmLeadId", "decision"))
        world.advance(5)
        told = backfill(world, "--object", "lead", "--report", "back.csv")
        assert (told["counts"]["linked"], told["counts"]["excluded"]) == (1, 1)
        assert [one["partnerCrmLeadId"] for one in returned(world)] == [record, "X0001"]
        world.export()
        world.take("lead")
        assert world.of_aws(identifier)["Id"] == record
        assert world.send("lead") == []
