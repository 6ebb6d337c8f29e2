"""Which records go out, as people see it: a seller edits in Salesforce, and AWS hears of it or does not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from salesforce_sandbox import Client
from system_package import change_formula, copy_package, remove_formula
from system_world import Live, World, open_live, open_world

SYNCED = "ACE_Last_Sync_Date__c"
ROWS_OF_THE_TABLE = ("later, by a person", "later, by the integration user", "earlier, by a person")


def next_step_at_aws(live: Live, record: str) -> str:
    return str(live.world.opportunity(record)["LifeCycle"].get("NextSteps"))


def stamp_in_the_same_second(world: World, record: str, person: Client) -> None:
    """Set Last Sync Date to the very second of the edit that sets it."""
    for _ in range(20):
        second = world.sandbox.clock.now().replace(microsecond=0)
        world.edit(record, person, **{SYNCED: f"{second:%Y-%m-%dT%H:%M:%S}.000+0000"})
        row = world.row(record)
        if row["LastModifiedDate"] == row[SYNCED]:
            return
        time.sleep(0.1)
    pytest.fail("the clock never stood still for one edit")


def make_row_of_the_table(world: World, record: str, kind: str) -> str:
    """Bring a synchronised record into one row of the truth table; return the value that an edit left behind."""
    text = f"Edited {kind}"
    match kind:
        case "later, by a person":
            world.edit(record, Next_Step__c=text)
        case "later, by the integration user":
            world.edit(record, world.integration, Name="Touched by the integration")
        case "earlier, by a person":
            world.edit(record, world.admin, Next_Step__c=text, ACE_Last_Sync_Date__c="2090-01-01T00:00:00.000+0000")
    return text


@pytest.mark.requirement("ELIG-01")
def test_only_flagged_records_are_sent(live: Live) -> None:
    world, record = live.world, live.world.deal(ACE_Sync_with_AWS__c=False)
    world.edit(record, Next_Step__c="Modified, not flagged")
    live.worker.cycle()
    assert world.of_record(record) == []
    world.edit(record, ACE_Sync_with_AWS__c=True)
    live.worker.cycle()
    assert len(world.of_record(record)) == 1


@pytest.mark.requirement("ELIG-03")
def test_a_new_flagged_record_is_sent_exactly_once_and_stamped(live: Live) -> None:
    world, record = live.world, live.world.deal()
    assert world.row(record)[SYNCED] is None
    live.worker.cycle()
    assert world.row(record)[SYNCED] is not None
    (identifier,) = world.of_record(record)
    world.proxy.forget()
    for _ in range(2):
        live.worker.cycle(100)
    assert world.proxy.writes(record) + world.proxy.writes(identifier) == []


def test_what_the_integration_user_loads_is_sent_once_and_not_again_when_it_touches_the_row(live: Live) -> None:
    world = live.world
    record = world.deal(world.integration)
    live.worker.cycle()
    (identifier,) = world.of_record(record)
    world.review(identifier, "Approved")
    live.worker.cycle()
    world.proxy.forget()
    world.edit(record, world.integration, Name="Touched by the integration")
    live.worker.cycle(100)
    assert world.row(record)["LastModifiedById"] == world.user("integration")
    assert world.proxy.writes(identifier) + world.proxy.writes(record) == []


@pytest.mark.requirement("ELIG-02")
def test_the_truth_table_of_has_updates(live: Live) -> None:
    """Modified after the last sync and by somebody else than the integration user: only that is sent."""
    world = live.world
    records = {kind: live.worker.shared()[0] for kind in ROWS_OF_THE_TABLE}
    world.advance(5)
    texts = {kind: make_row_of_the_table(world, record, kind) for kind, record in records.items()}
    due = {kind: world.row(record)["ACE_Has_Updates__c"] for kind, record in records.items()}
    assert due == {kind: kind == "later, by a person" for kind in ROWS_OF_THE_TABLE}
    live.worker.cycle()
    sent = {kind: next_step_at_aws(live, record) == texts[kind] for kind, record in records.items()}
    assert sent == {kind: kind == "later, by a person" for kind in ROWS_OF_THE_TABLE}


@pytest.mark.requirement("ELIG-04")
def test_the_same_second_counts_for_people_only(live: Live) -> None:
    world = live.world
    by_person, by_worker = live.worker.shared()[0], live.worker.shared()[0]
    world.edit(by_person, Next_Step__c="Within the same second")
    stamp_in_the_same_second(world, by_person, world.admin)
    stamp_in_the_same_second(world, by_worker, world.integration)
    assert world.preview(by_person)["due"] is True
    assert world.preview(by_worker)["due"] is False
    live.worker.cycle()
    assert next_step_at_aws(live, by_person) == "Within the same second"


def test_modified_by_the_integration_user_excludes_and_by_anybody_else_includes(live: Live) -> None:
    world, (record, _) = live.world, live.worker.shared()
    world.advance(5)
    world.edit(record, world.integration, Name="By the integration")
    assert world.row(record)["ACE_Has_Updates__c"] is False
    world.advance(5)
    world.edit(record, world.admin, Next_Step__c="By a colleague")
    assert world.row(record)["ACE_Has_Updates__c"] is True
    live.worker.cycle()
    assert next_step_at_aws(live, record) == "By a colleague"


@pytest.mark.requirement("ELIG-05")
def test_an_inbound_update_never_comes_back_out(live: Live) -> None:
    world, (record, identifier) = live.world, live.worker.shared()
    world.edit_at_aws(identifier, Customer__Account__Address__City="Tacoma")
    live.worker.cycle()
    assert world.row(record, "City__c")["City__c"] == "Tacoma"
    world.proxy.forget()
    for _ in range(3):
        live.worker.cycle(61)
    assert world.proxy.writes(identifier) == []


@pytest.mark.requirement("ELIG-07")
def test_last_sync_date_is_set_by_success_and_not_by_a_refusal(live: Live) -> None:
    world, (record, identifier) = live.world, live.worker.shared()
    stamps = [world.row(record)[SYNCED]]
    world.edit(record, Next_Step__c="A change to be sent")
    live.worker.cycle()
    stamps.append(world.row(record)[SYNCED])
    world.edit_at_aws(identifier, Customer__Account__Address__City="Olympia")
    live.worker.cycle()
    stamps.append(world.row(record)[SYNCED])
    assert stamps == sorted(set(stamps)), "each success moved the date on"
    refusal = {
        "__type": "ValidationException",
        "Message": "No such step.",
        "Reason": "BUSINESS_VALIDATION_FAILED",
        "ErrorList": [{"Code": "INVALID_VALUE", "FieldName": "LifeCycle.NextSteps", "Message": "No such step."}],
    }
    world.proxy.scripted["UpdateOpportunity"] = [(400, refusal)]
    world.edit(record, Next_Step__c="Will be refused")
    live.worker.cycle(8)
    assert len(world.errors(record)) == 1
    assert world.row(record)[SYNCED] == stamps[-1]


@pytest.mark.requirement("ELIG-13", "ELIG-14")
@pytest.mark.parametrize("status", ["Submitted", "In review"])
def test_an_edit_waits_for_the_review_and_goes_out_once_afterwards(live: Live, status: str) -> None:
    world, record = live.world, live.world.deal()
    live.worker.cycle()
    (identifier,) = world.of_record(record)
    if status == "In review":
        world.review(identifier, "In review")
        live.worker.cycle()
    world.proxy.forget()
    world.edit(record, Next_Step__c="Edited during the review")
    for _ in range(3):
        live.worker.cycle(61)
    assert world.proxy.writes(identifier) == []
    held = [one for one in world.details(record) if one["Status__c"] == "Held"]
    assert [one["Error_Code__c"] for one in held] == ["HELD_IN_REVIEW"]
    assert world.preview(record)["code"] == "HELD_REVIEW"
    world.review(identifier, "Approved")
    live.worker.cycle()
    live.worker.cycle(61)
    assert next_step_at_aws(live, record) == "Edited during the review"
    assert len(world.proxy.named("UpdateOpportunity", identifier)) == 1
    assert [one for one in world.details(record) if one["Status__c"] == "Held"] == []


@pytest.mark.requirement("ELIG-15")
def test_a_record_that_aws_sent_back_goes_out_when_it_was_corrected(live: Live) -> None:
    world, (record, identifier) = live.world, live.worker.shared("Action Required")
    assert world.row(record, "Review_Status__c")["Review_Status__c"] == "Action Required"
    text = "The yard loses boxes every day because moves are tracked on paper."
    world.edit(record, Customer_Business_Problem__c=text)
    live.worker.cycle()
    answer = world.get(identifier)
    assert answer["Project"]["CustomerBusinessProblem"] == text
    assert answer["LifeCycle"]["ReviewStatus"] == "Submitted"
    live.worker.cycle()
    assert world.row(record, "Review_Status__c")["Review_Status__c"] == "Submitted"


@pytest.mark.requirement("ELIG-20")
def test_why_a_record_was_not_sent_is_told_condition_by_condition(live: Live) -> None:
    world, (record, _) = live.world, live.worker.shared("In review")
    world.edit(record, Next_Step__c="Waiting", ACE_Sync_with_AWS__c=False)
    told = {one["name"]: one["passed"] for one in world.preview(record)["conditions"]}
    assert list(told)[:6] == [
        "Sync with AWS",
        "Has Updates",
        "Last modified by a person",
        "No sync log holds the record",
        "Approval state allows edits",
        "Retries left",
    ]
    assert told["Sync with AWS"] is False and told["Approval state allows edits"] is False
    assert told["Retries left"] is True and told["Last modified by a person"] is True
    text = world.do("preview", record).out
    assert "FAIL  Sync with AWS" in text and "pass  Retries left" in text


@pytest.mark.requirement("ELIG-23")
def test_an_edit_while_a_send_is_under_way_is_sent_next(live: Live) -> None:
    """The stamp that follows the send would otherwise hide it: the row then names the integration user."""
    world, (record, _) = live.world, live.worker.shared()
    world.edit(record, Next_Step__c="First")
    world.proxy.once("before", "UpdateOpportunity", lambda: world.edit(record, Next_Step__c="Second"))
    live.worker.cycle()
    assert world.row(record, "Next_Step__c")["Next_Step__c"] == "Second"
    live.worker.cycle()
    assert next_step_at_aws(live, record) == "Second"


@pytest.mark.requirement("ELIG-23")
def test_an_edit_while_an_inbound_write_is_under_way_is_sent_next(live: Live) -> None:
    world, (record, identifier) = live.world, live.worker.shared()
    world.edit_at_aws(identifier, Customer__Account__Address__City="Everett")
    world.proxy.once("after", "GetAwsOpportunitySummary", lambda: world.edit(record, Next_Step__c="Meanwhile"))
    live.worker.cycle()
    live.worker.cycle()
    assert next_step_at_aws(live, record) == "Meanwhile"
    assert world.row(record, "City__c")["City__c"] == "Everett"
    assert world.opportunity(record)["Customer"]["Account"]["Address"]["City"] == "Everett"


@pytest.fixture
def qualified_only(tmp_path: Path) -> Iterator[Live]:
    package = copy_package(
        tmp_path / "package",
        lambda root: change_formula(
            root, "AND(ACE_Sync_with_AWS__c,", 'AND(ISPICKVAL(Stage__c, "Qualified"), ACE_Sync_with_AWS__c,'
        ),
    )
    with open_live(tmp_path / "world", package=package) as live:
        yield live


@pytest.mark.requirement("ELIG-09")
def test_the_orgs_own_formula_decides(qualified_only: Live) -> None:
    world = qualified_only.world
    prospect, qualified = world.deal(Stage__c="Prospect"), world.deal(Stage__c="Qualified")
    qualified_only.worker.cycle()
    assert (len(world.of_record(prospect)), len(world.of_record(qualified))) == (0, 1)
    assert world.preview(prospect)["code"] == "NO_UPDATES"
    world.edit(prospect, Stage__c="Qualified")
    qualified_only.worker.cycle()
    assert len(world.of_record(prospect)) == 1


@pytest.fixture
def without_formula(tmp_path: Path) -> Iterator[Live]:
    package = copy_package(tmp_path / "package", remove_formula)
    with open_live(tmp_path / "world", package=package) as live:
        yield live


@pytest.mark.requirement("ELIG-12")
def test_the_truth_table_holds_for_an_object_without_the_formula_field(without_formula: Live) -> None:
    world, worker = without_formula.world, without_formula.worker
    records = {}
    for kind in ROWS_OF_THE_TABLE:
        record = world.deal()
        worker.cycle()
        (identifier,) = world.of_record(record)
        world.review(identifier, "Approved")
        records[kind] = (record, identifier)
    worker.cycle()
    world.advance(5)
    texts = {kind: make_row_of_the_table(world, record, kind) for kind, (record, _) in records.items()}
    worker.cycle()
    sent = {
        kind: world.get(identifier)["LifeCycle"]["NextSteps"] == texts[kind]
        for kind, (_, identifier) in records.items()
    }
    assert sent == {kind: kind == "later, by a person" for kind in ROWS_OF_THE_TABLE}


@pytest.mark.requirement("ELIG-11")
@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_dates_are_the_same_in_every_time_zone(tmp_path: Path, zone: str) -> None:
    with open_world(tmp_path) as world:
        for role in ("seller", "integration"):
            changed = world.admin.patch(f"sobjects/User/{world.user(role)}", {"TimeZoneSidKey": zone})
            assert changed.status_code == 204, changed.text
        record = world.deal(Target_Close_Date__c="2031-03-01")
        assert world.sync(record=record, TZ=zone)["succeeded"] == 1
        (create,) = world.proxy.named("CreateOpportunity")
        assert create.body["LifeCycle"]["TargetCloseDate"] == "2031-03-01"
        row = world.row(record, "Target_Close_Date__c")
        assert row["Target_Close_Date__c"] == "2031-03-01"
        synced = datetime.fromisoformat(row[SYNCED])
        assert abs((world.sandbox.clock.now() - synced).total_seconds()) < 60
        assert world.preview(record, TZ=zone)["due"] is False
        world.advance(10)
        world.edit(record, Next_Step__c="Later")
        assert world.preview(record, TZ=zone)["code"] == "HELD_REVIEW"
