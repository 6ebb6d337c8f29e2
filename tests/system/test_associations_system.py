"""Sellers associate, disassociate and link: in Salesforce by requests with items, by command, over a selection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from system_worker import Worker
from system_world import FAST, World, open_world

REQUESTS, ITEMS, OFFERS = "ACE_Action_Request__c", "ACE_Action_Request_Item__c", "AWS_Private_Offer__c"
SOLUTION, OTHERS = "S-1234567", ("S-2000017", "S-2000034")
ARN = "arn:aws:aws-marketplace:us-east-1:111122223333:AWSMarketplace/"
SHOWN = ("Solution_Offered__c", "AWS_Products__c", "Offers__c", "Other_Solution_Offered__c")
CALLS = ("AssociateOpportunity", "DisassociateOpportunity")


@pytest.fixture
def manual(tmp_path: Path) -> Iterator[tuple[World, Worker]]:
    """A world in which the worker runs and sends nothing by itself."""
    with open_world(tmp_path, **FAST) as world, world.working() as worker:
        worker.settle()
        yield world, worker


def ask(world: World, record: str, *items: tuple[str, str, str], action: str = "Associate", **fields: Any) -> str:
    """Create a request with its items as the seller, all in one call as the flow does; return its id."""
    values = {"Action__c": action, "ACE_Opportunity__c": record, **fields}
    parts = [
        {"method": "POST", "url": f"/services/data/v66.0/sobjects/{REQUESTS}", "referenceId": "asked", "body": values}
    ]
    for number, (operation, kind, entity) in enumerate(items):
        body = {"Operation__c": operation, "Entity_Type__c": kind, "Entity_Id__c": entity}
        body["Action_Request__c"] = "@{asked.id}"
        url = f"/services/data/v66.0/sobjects/{ITEMS}"
        parts.append({"method": "POST", "url": url, "referenceId": f"item{number}", "body": body})
    answer = world.seller.post("composite", {"allOrNone": True, "compositeRequest": parts})
    assert answer.status_code == 200, answer.text
    parts = answer.json()["compositeResponse"]
    assert all(part["httpStatusCode"] == 201 for part in parts), answer.text
    return str(parts[0]["body"]["id"])


def request_row(world: World, request: str) -> dict[str, Any]:
    return world.seller.rows(f"SELECT Status__c, Message__c FROM {REQUESTS} WHERE Id = '{request}'")[0]


def item_rows(world: World, request: str) -> list[dict[str, Any]]:
    fields = "Operation__c, Entity_Type__c, Entity_Id__c, Status__c, Message__c"
    return world.seller.rows(f"SELECT {fields} FROM {ITEMS} WHERE Action_Request__c = '{request}' ORDER BY Name")


def answered(world: World, worker: Worker, request: str) -> dict[str, Any]:
    """Let time pass until the request has its answer, and all that follows is done."""

    def done() -> bool:
        world.advance(3)
        return request_row(world, request)["Status__c"] not in ("New", "In Progress")

    world.eventually(done, lambda: f"an answer; there is {request_row(world, request)} {world.pending()}")
    worker.settle()
    return request_row(world, request)


def shared(world: World, worker: Worker, stage: str = "", **fields: Any) -> tuple[str, str]:
    """Share a deal, which AWS approves; return record and AWS id."""
    record = world.deal(**{"Solution_Offered__c": SOLUTION, **fields})
    identifier = worker.submitted(record)
    world.review(identifier, "Approved")
    if stage:
        world.edit_at_aws(identifier, LifeCycle__Stage=stage)
    worker.cycle()
    world.proxy.forget()
    return record, identifier


def entities(world: World, identifier: str) -> dict[str, list[str]]:
    return {kind: ids for kind, ids in world.get(identifier)["RelatedEntityIdentifiers"].items() if ids}


def changes(world: World) -> list[tuple[str, str, str]]:
    """Return the association calls that AWS got."""
    found = [call for call in world.proxy.calls if call.operation in CALLS]
    return [(call.operation, call.body["RelatedEntityType"], call.body["RelatedEntityIdentifier"]) for call in found]


def agree(world: World, worker: Worker, record: str, identifier: str) -> None:
    """Both sides say the same, and an edit of the record takes nothing of it back."""
    before, known = world.row(record, *SHOWN), entities(world, identifier)
    assert before["Solution_Offered__c"] == (";".join(known.get("Solutions", ())) or None)
    assert before["AWS_Products__c"] == (";".join(known.get("AwsProducts", ())) or None)
    world.proxy.forget()
    world.edit(record, Next_Step__c="Sign")
    world.do("action", "share", record)
    worker.settle()
    worker.cycle(61)
    assert [call.operation for call in world.proxy.writes()] == ["UpdateOpportunity"]
    assert entities(world, identifier) == known
    assert {name: world.row(record, *SHOWN)[name] for name in SHOWN} == {name: before[name] for name in SHOWN}


@pytest.mark.requirement("PCAPI-17")
def test_one_of_each_kind_is_associated_and_other_is_stored(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    other = {"Solution_Offered__c": None, "Other_Solution_Offered__c": "Own platform"}
    record, identifier = shared(world, worker, **other)
    request = ask(
        world, record, ("Associate", "AwsProducts", "AmazonEC2Linux"),
        ("Associate", "AwsMarketplaceOffers", ARN + "Offer/offer-abc"), Other_Solution__c="Own cloud",
    )  # fmt: skip
    assert answered(world, worker, request)["Status__c"] == "Done", item_rows(world, request)
    assert world.get(identifier)["Project"]["OtherSolutionDescription"] == "Own cloud"
    assert world.row(record, *SHOWN)["Other_Solution_Offered__c"] == "Own cloud"
    solution = ask(world, record, ("Associate", "Solutions", SOLUTION))
    assert answered(world, worker, solution)["Status__c"] == "Done"
    assert changes(world) == [
        ("AssociateOpportunity", "AwsProducts", "AmazonEC2Linux"),
        ("AssociateOpportunity", "AwsMarketplaceOffers", ARN + "Offer/offer-abc"),
        ("AssociateOpportunity", "Solutions", SOLUTION),
    ]
    agree(world, worker, record, identifier)


@pytest.mark.requirement("PCAPI-17")
def test_it_is_possible_at_stage_launched(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record, identifier = shared(world, worker, "Launched")
    items = [
        ("Associate", "Solutions", OTHERS[0]), ("Associate", "AwsProducts", "AmazonS3"),
        ("Associate", "AwsMarketplaceSolutions", ARN + "Solution/soln-1"),
        ("Associate", "AwsMarketplaceProducts", ARN + "SaaSProduct/prod-1"),
        ("Associate", "AwsMarketplaceOfferSets", ARN + "OfferSet/offerset-1"),
    ]  # fmt: skip
    request = ask(world, record, *items)
    assert answered(world, worker, request)["Status__c"] == "Done", item_rows(world, request)
    assert [(kind, entity) for _, kind, entity in changes(world)] == [(kind, entity) for _, kind, entity in items]
    assert set(entities(world, identifier)["Solutions"]) == {SOLUTION, OTHERS[0]}


@pytest.mark.requirement("PCAPI-18")
def test_one_goes_and_one_comes_in_one_request(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record, identifier = shared(world, worker)
    request = ask(world, record, ("Disassociate", "Solutions", SOLUTION), ("Associate", "Solutions", OTHERS[0]))
    assert answered(world, worker, request)["Status__c"] == "Done"
    assert changes(world) == [
        ("AssociateOpportunity", "Solutions", OTHERS[0]), ("DisassociateOpportunity", "Solutions", SOLUTION)
    ], "never without a solution in between"  # fmt: skip
    assert entities(world, identifier) == {"Solutions": [OTHERS[0]]}
    agree(world, worker, record, identifier)


@pytest.mark.requirement("PCAPI-18")
def test_the_failure_of_one_is_told_and_the_others_are_done(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record, identifier = shared(world, worker)
    request = ask(
        world, record, ("Associate", "Solutions", "S-9999999"), ("Associate", "AwsProducts", "AmazonEC2Linux"),
        ("Disassociate", "Solutions", SOLUTION), ("Associate", "AwsProducts", "NoSuchProduct"),
    )  # fmt: skip
    answer = answered(world, worker, request)
    assert answer["Status__c"] == "Failed"
    assert answer["Message__c"].startswith(f"1 of 4 changes done for {identifier}.")
    missing, product, last, unknown = item_rows(world, request)
    assert [one["Status__c"] for one in (missing, product, last, unknown)] == ["Failed", "Done", "Failed", "Failed"]
    assert "S-9999999" in missing["Message__c"]
    assert "last solution" in last["Message__c"]
    assert "NoSuchProduct is no known AWS product code" in unknown["Message__c"], "AWS's own words"
    assert "NoSuchProduct is no known AWS product code" in answer["Message__c"]
    assert entities(world, identifier) == {"Solutions": [SOLUTION], "AwsProducts": ["AmazonEC2Linux"]}
    logged = [one for one in world.details(record) if "NoSuchProduct" in str(one["Error_Message__c"])]
    assert [one["Error_Code__c"] for one in logged] == ["INVALID_ENUM_VALUE"]


@pytest.mark.requirement("PCAPI-23")
def test_passing_faults_are_repeated_and_the_log_tells_the_attempts(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record, identifier = shared(world, worker)
    world.fault("partner_central", "AssociateOpportunity", "status", status=500, times=2)
    request = ask(world, record, ("Associate", "AwsProducts", "AmazonEC2Linux"))
    assert answered(world, worker, request)["Status__c"] == "Done"
    assert [call.status for call in world.proxy.named("AssociateOpportunity")] == [500, 500, 200]
    told = [str(one["Error_Message__c"]) for one in world.details(record) if one["Status__c"] == "Processed"]
    assert [one for one in told if "Attempt 3" in one and "HTTP 500" in one], told
    assert entities(world, identifier)["AwsProducts"] == ["AmazonEC2Linux"]


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after"])
def test_a_lost_answer_makes_no_second_call_where_the_first_took_effect(
    manual: tuple[World, Worker], kind: str
) -> None:
    world, worker = manual
    record, identifier = shared(world, worker)
    world.fault("partner_central", "AssociateOpportunity", kind)
    request = ask(world, record, ("Associate", "AwsProducts", "AmazonEC2Linux"))
    assert answered(world, worker, request)["Status__c"] == "Done"
    assert len(world.proxy.named("AssociateOpportunity")) == (1 if kind == "timeout_after" else 2)
    assert entities(world, identifier)["AwsProducts"] == ["AmazonEC2Linux"]


@pytest.mark.parametrize("stage", ["before", "after"])
def test_killed_at_a_call_it_comes_to_the_same_end(tmp_path: Path, stage: str) -> None:
    with open_world(tmp_path, **FAST) as world:
        with world.working() as worker:
            record, identifier = shared(world, worker)
        worker = world.start_worker()
        worker.wait_for("working")
        world.proxy.once(stage, "DisassociateOpportunity", worker.kill)
        request = ask(world, record, ("Associate", "Solutions", OTHERS[0]), ("Disassociate", "Solutions", SOLUTION))

        def dead() -> bool:
            world.advance(3)
            return worker.process.poll() is not None

        world.eventually(dead, "the kill")
        assert request_row(world, request)["Status__c"] == "In Progress"
        with world.working("again") as worker:
            assert answered(world, worker, request)["Status__c"] == "Done"
            assert {one["Status__c"] for one in item_rows(world, request)} == {"Done"}
            assert entities(world, identifier) == {"Solutions": [OTHERS[0]]}
            assert len(world.proxy.named("AssociateOpportunity")) == 1
            agree(world, worker, record, identifier)


@pytest.mark.parametrize("status", ["Submitted", "In review"])
def test_while_aws_reviews_it_says_so_without_a_call(manual: tuple[World, Worker], status: str) -> None:
    world, worker = manual
    record = world.deal()
    identifier = worker.submitted(record)
    if status == "In review":
        world.review(identifier, status)
        worker.cycle()
    world.proxy.forget()
    answer = answered(world, worker, ask(world, record, ("Associate", "AwsProducts", "AmazonEC2Linux")))
    assert (answer["Status__c"], status in answer["Message__c"]) == ("Failed", True)
    assert world.proxy.writes() == []


def offer(world: World, **fields: Any) -> str:
    """The connector has imported a private offer, which is shared with the seller; return its row's id."""
    answer = world.integration.post(f"sobjects/{OFFERS}", {"Name": "Offer", **fields})
    assert answer.status_code == 201, answer.text
    found = str(answer.json()["id"])
    share = {"ParentId": found, "UserOrGroupId": world.user("seller"), "AccessLevel": "Read"}
    assert world.admin.post("sobjects/AWS_Private_Offer__Share", share).status_code == 201
    return found


@pytest.mark.requirement("PCAPI-22")
def test_a_private_offer_is_linked_by_its_arn(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record, identifier = shared(world, worker)
    imported = offer(world, Offer_Id__c="offer-abc", Entity_Key__c="111122223333|offer-abc")
    draft = offer(world)
    values = {"Action__c": "Link Private Offer", "ACE_Opportunity__c": record}
    refused = world.seller.post(f"sobjects/{REQUESTS}", {**values, "Private_Offer__c": draft})
    assert refused.status_code == 400, "only imported offers can be chosen"
    request = ask(world, record, action="Link Private Offer", Private_Offer__c=imported)
    answer = answered(world, worker, request)
    assert answer["Status__c"] == "Done", answer
    assert changes(world) == [("AssociateOpportunity", "AwsMarketplaceOffers", ARN + "Offer/offer-abc")]
    assert world.row(record, *SHOWN)["Offers__c"] == ARN + "Offer/offer-abc"
    [row] = world.admin.rows(f"SELECT ACE_Opportunity__c FROM {OFFERS} WHERE Id = '{imported}'")
    assert row["ACE_Opportunity__c"] == record
    agree(world, worker, record, identifier)


def selection(directory: Path, *records: str, columns: str = "Id") -> str:
    path = directory / "selection.csv"
    path.write_text("\n".join((columns, *records)) + "\n", encoding="utf8")
    return str(path)


def test_commands_associate_one_record_and_a_selection(world: World) -> None:
    first, second = (world.shared(Solution_Offered__c=SOLUTION) for _ in range(2))
    unshared = world.deal(ACE_Sync_with_AWS__c=False)
    ran = world.do(
        "action", "associate", first[0], "--solution", OTHERS[0], "--remove", f"Solutions={SOLUTION}", "--product",
        "AmazonEC2Linux", "--json",
    )  # fmt: skip
    [told] = ran.json["records"]
    assert (told["record"], told["state"], ran.json["left_to_worker"]) == (first[0], "done", False)
    assert entities(world, first[1]) == {"Solutions": [OTHERS[0]], "AwsProducts": ["AmazonEC2Linux"]}
    assert world.row(first[0], *SHOWN)["Solution_Offered__c"] == OTHERS[0]
    chosen = selection(world.directory, first[0], second[0], unshared)
    ran = world.do("action", "associate", "--file", chosen, "--product", "AmazonS3", "--json", code=1)
    assert [one["state"] for one in ran.json["records"]] == ["done", "done", "failed"]
    assert "Share it first" in ran.json["records"][2]["message"]
    assert "AmazonS3" in entities(world, first[1])["AwsProducts"]
    assert entities(world, second[1])["AwsProducts"] == ["AmazonS3"]
    text = world.do("action", "disassociate", second[0], "--product", "AmazonS3").out
    assert f"{second[0]}: done." in text
    assert "AwsProducts" not in entities(world, second[1])
    assert world.do("action", "disassociate", second[0], "--solution", SOLUTION, code=1).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("associate", "a0X"), "Name what to associate"),
        (("associate", "a0X", "--product", "AmazonEC2Linux"), "18 characters"),
        (("associate", "--product", "AmazonEC2Linux"), "Name one record"),
        (("associate", "a0X000000000001AAA", "--remove", "S-1"), "KIND=ID"),
        (("disassociate", "a0X000000000001AAA"), "Name what to take off"),
        (("share", "--file", "/nowhere.csv"), "cannot be read"),
    ],
)
def test_wrong_usage_ends_with_2_and_the_reason(world: World, arguments: tuple[str, ...], told: str) -> None:
    assert told in world.do("action", *arguments, code=2).err


def test_a_selection_is_shared_and_one_line_tells_of_each(world: World) -> None:
    good, bad = world.deal(), world.deal(Postal_Code__c="?")
    chosen = selection(world.directory, good, bad, good)
    ran = world.do("action", "share", "--file", chosen, "--json", code=1)
    assert [(one["record"], one["state"]) for one in ran.json["records"]] == [(good, "done"), (bad, "failed")]
    assert len(world.of_record(good)) == 1
    assert world.of_record(bad) == []
    assert world.of_record(good)[0] in ran.json["records"][0]["message"]
    wrong = selection(world.directory, good, "nonsense")
    assert "line 3" in world.do("action", "share", "--file", wrong, code=2).err


def test_with_a_worker_running_the_command_leaves_it_the_work(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record, identifier = shared(world, worker)
    chosen = selection(world.directory, record)
    ran = world.do("action", "associate", "--file", chosen, "--product", "AmazonEC2Linux", "--json")
    assert ran.json == {"left_to_worker": True, "records": [{"record": record}]}
    worker.settle()
    world.eventually(lambda: entities(world, identifier).get("AwsProducts"), "the worker")
    worker.settle()
    assert world.row(record, *SHOWN)["AWS_Products__c"] == "AmazonEC2Linux"
