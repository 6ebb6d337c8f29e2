"""An org goes live beside deals that exist already on both sides: they are linked, imported, and never doubled."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from backfill_world import (
    APN_ID,
    FLAG,
    SYNCED,
    create_at_aws,
    decide,
    holders,
    rows_of,
    stamps,
    unflagged,
    write_rows,
)
from system_proxy import Call
from system_world import AUTOMATIC, CATALOG, FAST, World, open_world

from connector.sandbox.partner_central.backstage import seed_opportunities

SECOND = timedelta(seconds=1)
MANY = 130
"""More than one page of AWS's list."""


def test_what_exists_is_linked_by_its_ids_and_the_rest_is_imported(tmp_path: Path) -> None:
    """By the id that a record carries, and by the partner identifier; a dry run tells so and changes nothing."""
    with open_world(tmp_path) as world:
        carrying, named = unflagged(world, "Alder Foods", "Cold chain"), unflagged(world, "Birch Bank", "Ledger")
        carried = create_at_aws(world, "Alder Foods", "Cold chain")
        identified = create_at_aws(world, "Birch Bank", "Ledger", PartnerOpportunityIdentifier=named)
        new, historical = create_at_aws(world), create_at_aws(world, PartnerOpportunityIdentifier="X0001")
        world.edit(carrying, world.admin, **{APN_ID: carried})
        before = stamps(world)
        told = world.do("backfill", "--dry-run", "--json").json
        assert (told["dry_run"], told["counts"]["carried"], told["counts"]["identified"]) == (True, 1, 1)
        assert (told["counts"]["new"], told["counts"]["historical"], told["counts"]["proposed"]) == (1, 1, 0)
        assert stamps(world) == before and world.logs() == []
        told = world.do("backfill", "--json").json
        assert (told["succeeded"], told["failed"], told["undecided"]) == (3, 0, 0)
        assert holders(world, carried) == [carrying]
        assert holders(world, identified) == [named]
        assert len(holders(world, new)) == 1 and holders(world, historical) == []
        assert len(world.find("Id != null")) == 3
        again = world.do("backfill", "--json").json
        assert again["counts"]["known"] == 3 and again["succeeded"] == 0
        assert world.proxy.writes() == []


def test_a_record_that_is_only_alike_is_proposed_and_waits_for_a_decision(tmp_path: Path) -> None:
    """Until then nothing is created, on neither side, by whatever runs; then it is done as decided."""
    with open_world(tmp_path, **AUTOMATIC, **FAST) as world:
        alike = world.deal(Customer_Company_Name__c="Cedar Mills, Inc.", Partner_Project_Title__c="Sawmill control")
        twins = [unflagged(world, "Dogwood Rail", "Signal boxes", Target_Close_Date__c="2040-05-01") for _ in range(2)]
        one, two, three = (
            create_at_aws(world, "CEDAR MILLS", "Sawmill Control"),
            create_at_aws(world, "Dogwood Rail", "Signal boxes", LifeCycle={"TargetCloseDate": "2040-05-01"}),
            create_at_aws(world, "Dogwood Rail", "Another matter"),
        )
        told = world.do("backfill", "--json").json
        assert (told["counts"]["proposed"], told["counts"]["new"], told["undecided"]) == (2, 1, 2)
        path = world.directory / told["proposals"]
        rows = {(row["opportunity_id"], row["candidate_record_id"]): row for row in rows_of(path)}
        assert set(rows) == {(one, alike), *((two, twin) for twin in twins)}
        assert "same company, same title" in rows[one, alike]["reason"]
        assert rows[two, twins[0]]["score"] == "100" and not rows[two, twins[0]]["decision"]
        assert len(holders(world, three)) == 1
        with world.working() as worker:
            for _ in range(2):
                worker.cycle(61)
            assert holders(world, one) == holders(world, two) == [] and world.of_record(alike) == []
            (waits,) = world.errors(alike)
            assert one in waits["Error_Message__c"] and "--links" in waits["Error_Message__c"]
            assert world.do("backfill", code=3).code == 3
        decide(path, {(one, alike): "link", (two, twins[0]): "skip"})
        told = world.do("backfill", "--links", str(path), "--json").json
        assert told["decisions"] == {"link": 1, "create": 0, "skip": 1}
        assert (told["failed"], told["undecided"]) == (0, 0)
        assert holders(world, one) == [alike] and world.errors(alike) == []
        world.proxy.forget()
        with world.working() as worker:
            for _ in range(3):
                worker.cycle(61)
        assert holders(world, two) == [] and len(world.listed()) == 3
        assert world.proxy.writes() == []


def test_a_decision_to_create_makes_the_record_and_lets_the_other_share_its_own(tmp_path: Path) -> None:
    with open_world(tmp_path, **AUTOMATIC, **FAST) as world:
        alike = world.deal(Customer_Company_Name__c="Elm Ports", Partner_Project_Title__c="Crane telemetry")
        identifier = create_at_aws(world, "Elm Ports", "Crane telemetry")
        world.do("backfill")
        world.sync(code=1)
        assert world.of_record(alike) == []
        path = world.directory / "backfill-proposals.csv"
        decide(path, {(identifier, alike): "create"})
        world.do("backfill", "--links", str(path))
        (made,) = holders(world, identifier)
        assert made != alike
        with world.working() as worker:
            worker.cycle(61)
            worker.cycle(61)
        assert len(world.of_record(alike)) == 1 and len(world.listed()) == 2


def test_each_wrong_row_of_a_file_is_refused_by_number_and_reason_and_nothing_is_done(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        linked, _ = world.shared()
        free, identifiers = unflagged(world, "Fir Media"), [create_at_aws(world, "Fir Media") for _ in range(3)]
        world.do("backfill", "--stage", "Committed")
        pairs = (
            (identifiers[0], free, "link"),
            (identifiers[1], free, "link"),
            ("O999999999", free, "create"),
            (identifiers[2], linked, "link"),
            (identifiers[2], "a00000000000000", "link"),
            (identifiers[0], free, "perhaps"),
        )
        names = ("opportunity_id", "candidate_record_id", "decision")
        write_rows(tmp_path / "wrong.csv", [dict(zip(names, pair, strict=True)) for pair in pairs])
        before = stamps(world)
        ran = world.do("backfill", "--links", str(tmp_path / "wrong.csv"), "--json", code=2)
        told = ran.json["error"]
        assert f"row 3 (value: '{free}'): Row 2 links this record to {identifiers[0]}" in told
        assert "row 4 (value: 'O999999999'): Partner Central has no such opportunity" in told
        assert f"row 5 (value: '{linked}'): The record carries" in told
        assert f"row 5 (value: '{linked}'): The record is linked to" in told
        assert "row 6 (value: 'a00000000000000'): It is no id of ACE_Opportunity__c of 18 characters" in told
        assert "row 7 (value: 'perhaps'): The decision must be link, create or skip" in told
        assert "row 2 " not in told
        assert stamps(world) == before


def test_only_what_was_chosen_is_imported_and_the_worker_does_not_bring_the_rest(tmp_path: Path) -> None:
    with open_world(tmp_path, **FAST) as world:
        chosen = create_at_aws(world, LifeCycle={"Stage": "Committed"})
        other = create_at_aws(world, LifeCycle={"Stage": "Qualified"})
        told = world.do("backfill", "--stage", "committed", "--review-status", "Approved", "--json").json
        assert (told["counts"]["new"], told["counts"]["left_out"]) == (1, 1)
        assert len(holders(world, chosen)) == 1
        with world.working() as worker:
            worker.cycle(61)
            assert holders(world, other) == []
            world.edit_at_aws(other, LifeCycle__NextSteps="Now it matters")
            worker.cycle(61)
            assert len(holders(world, other)) == 1
        assert world.do("backfill", "--stage", "Won", code=2).code == 2
        assert world.do("backfill", "--created-after", "soon", code=2).code == 2


def test_dates_choose_too_and_never_synced_leaves_alone_what_salesforce_got(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        old = create_at_aws(world)
        world.advance(3 * 24 * 3600)
        day = world.sandbox.clock.now().date().isoformat()
        late = create_at_aws(world)
        told = world.do("backfill", "--created-after", day, "--json").json
        assert (told["counts"]["new"], told["counts"]["left_out"]) == (1, 1)
        assert (len(holders(world, late)), holders(world, old)) == (1, [])
        world.edit_at_aws(late, LifeCycle__NextSteps="Changed, and Salesforce knows the deal")
        told = world.do("backfill", "--never-synced", "--json").json
        assert (told["counts"]["known"], told["counts"]["new"]) == (1, 1)
        (row,) = world.find(f"{APN_ID} = '{late}'", "Next_Step__c")
        assert row["Next_Step__c"] != "Changed, and Salesforce knows the deal"
        assert len(holders(world, old)) == 1
        world.do("backfill", "--modified-after", day)
        (row,) = world.find(f"{APN_ID} = '{late}'", "Next_Step__c")
        assert row["Next_Step__c"] == "Changed, and Salesforce knows the deal"


@pytest.mark.timeout(180)
def test_killed_anywhere_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Promises 2 and 7: during the walk, and during the import; in the end each opportunity has one record."""
    with open_world(tmp_path) as world:
        identifiers = seed_opportunities(world.sandbox.partner_central, MANY, CATALOG)
        for number, operation in ((2, "ListOpportunities"), (20, "GetAwsOpportunitySummary")):
            _kill_at(world, operation, number)
        told = world.do("backfill", "--json").json
        assert (told["failed"], told["waiting"], told["undecided"]) == (0, 0, 0)
        carried = [row[APN_ID] for row in world.find("Id != null", APN_ID)]
        assert sorted(carried) == sorted(identifiers)


def _kill_at(world: World, operation: str, number: int) -> None:
    """Run a backfill and kill it when it has sent so many requests of a kind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "connector", "backfill"], env=world.environment(), cwd=world.directory,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    struck: list[str] = []

    def strike(stage: str, call: Call) -> None:
        if stage == "after" and call.operation == operation:
            struck.append(stage)
            if len(struck) == number:
                process.send_signal(signal.SIGKILL)
                process.wait(timeout=20)

    world.proxy.hook = strike
    world.eventually(lambda: process.poll() is not None, f"a kill at {operation}", within=60)
    world.proxy.hook = None
    assert len(struck) >= number, "it came to its end before it was killed"


def test_a_worker_does_not_import_all_where_a_backfill_that_chose_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many of them are of one second, so that the walk meets them again and again, and counts each once."""
    with open_world(tmp_path, **FAST) as world:
        with monkeypatch.context() as still:
            start = world.sandbox.clock.now().replace(microsecond=0)
            for second, count in enumerate((50, 50, MANY - 100)):
                still.setattr(world.sandbox.clock, "now", lambda moment=start + second * SECOND: moment)
                seed_opportunities(world.sandbox.partner_central, count, CATALOG)
        _kill_at_choice(world)
        with world.working() as worker:
            world.advance(30)
            worker.wait_for("not done")
            world.eventually(lambda: world.admin.rows("SELECT Message__c FROM ACE_Worker__c"), "the status page")
        assert world.find("Id != null") == []
        told = world.do("backfill", "--json", code=2).json["error"]
        assert "--restart" in told and "Committed" in told
        told = world.do("backfill", "--stage", "Committed", "--json").json
        assert told["resumed"] and told["counts"]["left_out"] == MANY
        assert world.find("Id != null") == []


def _kill_at_choice(world: World) -> None:
    """Cut a choosing backfill off behind its first page, by an answer that never comes."""
    denied = {"__type": "AccessDeniedException", "Message": "Not now.", "Reason": "ACCESS_DENIED"}
    passed: list[str] = []

    def script(stage: str, call: Call) -> None:
        if stage == "after" and call.operation == "ListOpportunities":
            passed.append(stage)
            if len(passed) == 2:
                world.proxy.scripted["ListOpportunities"] = [(400, denied)] * 3

    world.proxy.hook = script
    assert world.run("backfill", "--stage", "Committed").code != 0
    world.proxy.hook = None
    world.proxy.scripted.clear()


def test_what_a_person_asks_for_is_done_while_a_backfill_runs(tmp_path: Path) -> None:
    """User-requested actions go ahead of backfills (promise 8)."""
    with open_world(tmp_path, Poll_Seconds__c=5) as world:
        seed_opportunities(world.sandbox.partner_central, 40, CATALOG)
        world.do("sync", "inbound", "--record", unflagged(world), code=2)
        record = world.deal(Customer_Company_Name__c="People First", Customer_Website__c="https://people.example")
        world.advance(10)
        order: list[str] = []

        def watch(stage: str, call: Call) -> None:
            if stage == "after" and call.operation in ("GetAwsOpportunitySummary", "CreateOpportunity"):
                order.append(call.operation)
                if len(order) == 5:
                    answer = world.seller.post(
                        "sobjects/ACE_Action_Request__c", {"Action__c": "Share", "ACE_Opportunity__c": record}
                    )
                    assert answer.status_code == 201, answer.text
                    world.advance(6)

        world.proxy.hook = watch
        world.do("backfill")
        world.proxy.hook = None
        assert "CreateOpportunity" in order and order.index("CreateOpportunity") < 15, order
        (asked,) = world.admin.rows("SELECT Status__c FROM ACE_Action_Request__c")
        assert asked["Status__c"] == "Done"


@pytest.mark.requirement("OPS-17", "OPS-18")
@pytest.mark.timeout(180)
def test_a_hundred_pairs_of_identifiers_are_set_without_a_send_and_the_rest_is_listed(tmp_path: Path) -> None:
    """Both sides keep what they say, also where it differs; excluded ones get consecutive stand-ins in the output."""
    with open_world(tmp_path, **AUTOMATIC, **FAST) as world:
        identifiers = seed_opportunities(world.sandbox.partner_central, 104, CATALOG)
        records = [unflagged(world, f"Ginkgo {number}") for number in range(100)]
        world.do("backfill", "--stage", "Committed")
        names = ("opportunity_id", "candidate_record_id", "decision")
        pairs = [(one, other, "link") for one, other in zip(identifiers, records, strict=False)]
        pairs += [(one, "", "skip") for one in identifiers[100:102]]
        write_rows(tmp_path / "pairs.csv", [dict(zip(names, pair, strict=True)) for pair in pairs])
        output = tmp_path / "output.csv"
        told = world.do("backfill", "--links", str(tmp_path / "pairs.csv"), "--report", str(output), "--json").json
        assert told["decisions"] == {"link": 100, "create": 0, "skip": 2} and told["failed"] == 0
        rows = {row["Id"]: row for row in world.find("Id != null", APN_ID, FLAG, SYNCED, "ACE_Has_Updates__c")}
        assert {record: rows[record][APN_ID] for record in records} == dict(zip(records, identifiers, strict=False))
        assert all(rows[record][FLAG] and rows[record][SYNCED] for record in records)
        listed = rows_of(output)
        linked = {row["apnCrmUniqueIdentifier"]: row["partnerCrmUniqueIdentifier"] for row in listed}
        assert {one: linked[one] for one in identifiers[:100]} == dict(zip(identifiers, records, strict=False))
        stand_ins = [row["partnerCrmUniqueIdentifier"] for row in listed if row["remark"] == "not to be processed"]
        assert stand_ins == ["X0001", "X0002", "X0003", "X0004"]
        with world.working() as worker:
            worker.cycle(61)
            worker.cycle(61)
        assert world.proxy.writes() == [] and len(world.listed()) == 104
        world.edit(records[0], Next_Step__c="A person's own word")
        world.sync(record=records[0])
        assert world.get(identifiers[0])["LifeCycle"]["NextSteps"] == "A person's own word"
