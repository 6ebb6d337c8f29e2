"""Answers to AWS's referrals: by sellers' requests, through lost answers, lost states and kills. One referral, one
opportunity, one record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from referral_desk import (
    ACCEPTS,
    APN,
    REJECTS,
    REQUESTS,
    STATUS,
    accept_elsewhere,
    answered,
    ask,
    lose_state,
    opportunities_of,
    received,
    refer,
    refused_by_org,
    row_of,
    rows_of,
)  # fmt: skip
from system_proxy import Call
from system_worker import Worker
from system_world import CATALOG, FAST, Json, World, open_world

from connector.sync.tokens import accept_token

MOMENTS = (
    ("before", ACCEPTS),
    ("after", ACCEPTS),
    ("after", "GetOpportunity"),
    ("after", "GetAwsOpportunitySummary"),
)
"""From the intent to the moment at which everything that AWS shows is known, and nothing of it written."""


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Worker]]:
    """A world in which the worker runs and sends nothing by itself; what AWS refers belongs to the seller."""
    with open_world(tmp_path_factory.mktemp("manual"), **FAST) as world:
        world.settings(Default_Owner_Id__c=world.user("seller"))
        with world.working() as worker:
            worker.settle()
            yield world, worker


@pytest.fixture
def slow(world: World) -> Iterator[World]:
    """Partner Central takes its time for tasks."""
    world.sandbox.partner_central.settings.task_polls = 2
    yield world
    world.sandbox.partner_central.settings.task_polls = 0


def arrived(world: World, worker: Worker) -> tuple[str, Json]:
    """Let AWS refer an opportunity; return its record, once the worker made it, and AWS's ids."""
    ids = refer(world)
    world.eventually(lambda: world.advance(11) or rows_of(world, ids), "the referral's record")
    return str(row_of(world, ids)["Id"]), ids


def require_accepted_once(world: World, record: str, ids: Json) -> None:
    """The referral has one opportunity, in its own record, with the customer's people."""
    row = row_of(world, ids)
    assert (row["Id"], row[APN], row[STATUS], row["Review_Status__c"]) == (
        record, ids["opportunity"], "Accepted", "Approved",
    )  # fmt: skip
    assert row["Customer_Email__c"] == "casey.lund@polaris.example"
    assert opportunities_of(world, row["Customer_Company_Name__c"]) == [ids["opportunity"]]
    named = world.find(f"Partner_Project_Title__c = '{row['Partner_Project_Title__c']}'")
    assert [one["Id"] for one in named] == [record]


@pytest.mark.requirement("PCAPI-10", "LOG-24")
def test_a_seller_accepts_by_the_action_approval_status(manual: tuple[World, Worker]) -> None:
    """The call has identity and decision only; the answer comes when the record shows what AWS shows only then."""
    world, worker = manual
    record, ids = arrived(world, worker)
    world.proxy.forget()
    status, message = answered(
        world, worker, ask(world, "Approval Status", record, Partner_Acceptance_Status__c="Accepted")
    )
    assert status == "Done" and ids["opportunity"] in message and "Approved" in message
    require_accepted_once(world, record, ids)
    (call,) = [call for call in world.proxy.writes() if call.body.get("Identifier") == ids["invitation"]]
    assert (call.operation, set(call.body)) == (ACCEPTS, {"Catalog", "ClientToken", "Identifier"})
    worker.settle()
    logged = [one for one in world.details(record) if one["Sync_Log__r"]["Log_Key__c"].startswith("out-")]
    assert [one["Status__c"] for one in logged] == ["Processed"]


@pytest.mark.requirement("PCAPI-10")
def test_a_seller_rejects_with_a_reason(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record, ids = arrived(world, worker)
    world.proxy.forget()
    assert "reason" in refused_by_org(world, "Reject", record)
    assert "reason" in refused_by_org(world, "Approval Status", record, Partner_Acceptance_Status__c="Rejected")
    values = {"Partner_Acceptance_Status__c": "Rejected", "Rejection_Reason__c": "Unable to support"}
    status, message = answered(world, worker, ask(world, "Approval Status", record, **values))
    assert status == "Done" and "Unable to support" in message
    (call,) = [call for call in world.proxy.writes() if call.body.get("Identifier") == ids["invitation"]]
    assert (call.operation, call.body["RejectionReason"]) == (REJECTS, "Unable to support")
    row = row_of(world, ids)
    assert (row[STATUS], row["Rejection_Reason__c"]) == ("Rejected", "Unable to support")
    status, message = answered(world, worker, ask(world, "Accept", record))
    assert status == "Failed" and "rejected already" in message


@pytest.mark.requirement("PCAPI-12")
def test_a_deal_of_our_own_takes_no_answer(manual: tuple[World, Worker]) -> None:
    """The package refuses what it can tell is a Partner Referral; the worker refuses the rest, without a call."""
    world, worker = manual
    record = world.deal(ACE_Sync_with_AWS__c=False)
    world.proxy.forget()
    status, message = answered(world, worker, ask(world, "Accept", record))
    assert status == "Failed" and "AWS referred" in message
    mine = world.deal(ACE_Sync_with_AWS__c=False)
    world.edit(mine, world.integration, Opportunity_Ownership__c="Partner Referral")
    assert "AWS referred" in refused_by_org(world, "Approval Status", mine, Partner_Acceptance_Status__c="Accepted")
    assert world.proxy.writes() == []


@pytest.mark.requirement("PCAPI-32")
def test_the_action_shows_the_approval_status_of_the_moment(world: World) -> None:
    """It is the record's own, which follows AWS through the review; a referral has one from acceptance on."""
    record = world.deal()
    world.do("action", "share", record)
    identifier = str(world.row(record)[APN])
    assert approval_status(world, record) == world.get(identifier)["LifeCycle"]["ReviewStatus"] == "Submitted"
    for status in ("In review", "Action Required"):
        world.review(identifier, status)
        world.sync("inbound", record)
        assert approval_status(world, record) == world.get(identifier)["LifeCycle"]["ReviewStatus"] == status
    referred, _ = received(world)
    assert approval_status(world, referred) is None
    world.do("action", "accept", referred)
    assert approval_status(world, referred) == "Approved"


def approval_status(world: World, record: str) -> str | None:
    """Return what a seller who opens the action is shown."""
    answer = world.seller.get(f"sobjects/ACE_Opportunity__c/quickActions/ACE_Approval_Status/defaultValues/{record}")
    assert answer.status_code == 200, answer.text
    shown: str | None = answer.json().get("Approval_Status__c")
    return shown or None


def test_the_command_leaves_it_to_the_worker(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record, ids = arrived(world, worker)
    assert world.do("action", "reject", record, "--reason", "Other", "--json").json["left_to_worker"] is True
    world.eventually(lambda: world.advance(3) or row_of(world, ids)[STATUS] == "Rejected", "the rejection")


@pytest.mark.parametrize("keep_state", [True, False], ids=["state kept", "state lost"])
def test_killed_at_any_moment_of_an_acceptance(tmp_path: Path, *, keep_state: bool) -> None:
    """Another worker, with or without the state of the first, makes the same opportunity of the same record."""
    with open_world(tmp_path, **FAST) as world:
        for number, moment in enumerate(MOMENTS):
            record, ids = received(world)
            _kill_at(world, moment, lambda: ask(world, "Accept", record))  # noqa: B023 - called in this round
            if not keep_state:
                lose_state(world)
            world.proxy.forget()
            with world.working(f"after-{number}"):
                world.eventually(lambda: world.advance(3) or _is_answered(world, record), "the answer")  # noqa: B023
            require_accepted_once(world, record, ids)
            own = accept_token(world.info["salesforce"]["org_id"], ids["invitation"], CATALOG, 0)
            assert {call.body["ClientToken"] for call in world.proxy.named(ACCEPTS)} <= {own}


def _kill_at(world: World, moment: tuple[str, str], begin: Callable[[], object]) -> None:
    """Let the worker die at the moment when a call is about to be passed on, or was answered and nobody heard of it."""
    worker = world.start_worker()
    worker.wait_for("working")

    def hook(when: str, call: Call) -> None:
        if (when, call.operation) == moment:
            worker.kill()

    begin()
    world.proxy.hook = hook
    world.eventually(lambda: world.advance(3) or worker.process.poll() is not None, f"the kill at {moment}")
    world.proxy.hook = None


def _is_answered(world: World, record: str) -> bool:
    found = world.admin.rows(f"SELECT Status__c FROM {REQUESTS} WHERE ACE_Opportunity__c = '{record}'")
    return [one["Status__c"] for one in found] == ["Done"]


def test_a_file_of_referrals_is_accepted_in_one_go(world: World) -> None:
    """What was decided otherwise is told for itself, and stops nothing."""
    (first, one), (second, other), (third, rejected) = (received(world) for _ in range(3))
    world.do("action", "reject", third, "--reason", "Other")
    file = world.directory / "accept.csv"
    file.write_text(f"Id\n{first}\n{second}\n{third}\n", encoding="utf8")
    told = world.do("action", "accept", "--file", str(file), "--json", code=1).json
    assert (told["done"], told["failed"]) == (2, 1)
    require_accepted_once(world, first, one)
    require_accepted_once(world, second, other)
    assert row_of(world, rejected)[APN] is None


def test_a_slow_task_is_followed_to_its_end(slow: World) -> None:
    """Meanwhile AWS lists the opportunity already: it gets no record of its own."""
    record, ids = received(slow)
    accept_elsewhere(slow, ids)
    slow.sync("inbound")
    require_accepted_once(slow, record, ids)
    record, ids = received(slow)
    slow.do("action", "accept", record)
    require_accepted_once(slow, record, ids)


def test_a_failed_task_tells_what_aws_says_and_is_begun_anew(world: World) -> None:
    """A failure that passes is tried again, any other waits for a person; both under another token."""
    record, ids = received(world)
    failed = {"TaskId": "task-0000000000001", "TaskStatus": "FAILED", "StartTime": 1_800_000_000}
    refusal = {**failed, "ReasonCode": "OpportunityValidationFailed", "Message": "The account is not ready."}
    passing = {**failed, "ReasonCode": "InternalError", "Message": "Try later."}
    world.proxy.scripted[ACCEPTS] = [(200, refusal), (200, passing)]
    world.proxy.forget()
    assert "The account is not ready." in world.do("action", "accept", record, code=1).out
    assert "ACCEPTANCE_FAILED" in {one["Error_Code__c"] for one in world.errors(record)}
    assert "InternalError" in world.do("action", "accept", record).out
    world.advance(61)
    world.do("action", "accept", record)
    require_accepted_once(world, record, ids)
    assert world.errors(record) == []
    tokens = [call.body["ClientToken"] for call in world.proxy.named(ACCEPTS)]
    assert len(set(tokens)) == len(tokens) == 3


def test_a_rejection_whose_answer_was_lost_is_a_rejection(world: World) -> None:
    record, ids = received(world)
    world.fault("partner_central", REJECTS, "timeout_after")
    world.do("action", "reject", record, "--reason", "Other")
    assert (row_of(world, ids)[STATUS], row_of(world, ids)[APN]) == ("Rejected", None)
    assert world.errors(record) == []


def test_two_answers_at_once_are_settled_by_what_aws_took(world: World) -> None:
    """A colleague was faster: the seller is told so, and the record shows what AWS has."""
    record, ids = received(world)
    world.aws.reject_engagement_invitation(
        Catalog=CATALOG, Identifier=ids["invitation"], RejectionReason="Unable to support"
    )
    assert "rejected already" in world.do("action", "accept", record, code=1).out
    assert row_of(world, ids)[STATUS] == "Rejected"
    record, ids = received(world)
    accept_elsewhere(world, ids)
    assert "accepted already" in world.do("action", "reject", record, "--reason", "Other", code=1).out
    world.sync("inbound")
    require_accepted_once(world, record, ids)
