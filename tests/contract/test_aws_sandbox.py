"""The door against the embedded Partner Central: whole conversations, with AWS's rules and its faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_scripted import creation

from connector.aws.partner_central import PartnerCentralDoor
from connector.aws.session import PartnerCentralSettings
from connector.errors import AuthFailed, Deferred, RecordGone, RecordRejected, Retriable, StaleRecord
from connector.sandbox.clock import SandboxClock
from connector.sandbox.control import Control
from connector.sandbox.faults import Faults
from connector.sandbox.partner_central.app import create_app
from connector.sandbox.partner_central.service import PartnerCentral
from connector.sandbox.partner_central.settings import Settings
from connector.sandbox.recorder import Recorder
from connector.sandbox.serving import HttpServer

SCALE = 200
MEMBERS_OF_UPDATE = (
    "PrimaryNeedsFromAws",
    "NationalSecurity",
    "PartnerOpportunityIdentifier",
    "Customer",
    "Project",
    "OpportunityType",
    "Marketing",
    "SoftwareRevenue",
    "LifeCycle",
    "LastModifiedDate",
)


@dataclass
class World:
    """An embedded Partner Central and what steers it."""

    url: str
    control: Control
    account: Settings

    def order(self, path: str, **members: Any) -> dict[str, Any]:
        status, answer = self.control.perform("POST", path, json.dumps(members).encode())
        assert status == 200, answer
        return answer

    def door(self, **more: Any) -> PartnerCentralDoor:
        settings = {
            "endpoint_url": self.url,
            "access_key_id": self.account.access_key_id,
            "secret_access_key": self.account.secret_access_key,
            "writes_per_second": 1.0 * SCALE,
            "reads_per_second": 10.0 * SCALE,
            "writes_per_day": 10_000 * SCALE,
        }
        return PartnerCentralDoor(PartnerCentralSettings(**(settings | more)))


def build(scale: float) -> Iterator[World]:
    account = Settings(quota_scale=scale)
    clock, faults, recorder = SandboxClock(), Faults(silence=0.2), Recorder()
    service = PartnerCentral(account, clock, faults, recorder)
    server = HttpServer(create_app(service))
    server.start()
    yield World(server.url, Control(clock=clock, faults=faults, recorder=recorder, partner_central=service), account)
    server.stop()


@pytest.fixture
def world() -> Iterator[World]:
    yield from build(SCALE)


@pytest.fixture
def slow_world() -> Iterator[World]:
    """With AWS's own quotas."""
    yield from build(1)


@pytest.fixture
def door(world: World) -> PartnerCentralDoor:
    return world.door()


def deal(token: str = "token-1", **members: Any) -> dict[str, Any]:
    request = creation(Catalog="AWS", ClientToken=token, **members)
    request["Project"] |= {
        "CustomerUseCase": "Archiving",
        "DeliveryModels": ["SaaS or PaaS"],
        "SalesActivities": ["Initialized discussions with customer"],
    }
    return request


def changed(door: PartnerCentralDoor, opportunity: str, **project: Any) -> dict[str, Any]:
    """Return the opportunity's present state as an update, with members of Project replaced."""
    present = door.get_opportunity(opportunity)
    request = {name: present[name] for name in MEMBERS_OF_UPDATE if name in present}
    request["LifeCycle"].pop("NextStepsHistory", None)
    return {**request, "Identifier": opportunity, "Project": {**request["Project"], **project}}


def test_a_deal_from_creation_to_approval(world: World, door: PartnerCentralDoor) -> None:
    """Create, associate, submit, review, update: each answer is what the next step needs."""
    created = door.create_opportunity(deal())
    opportunity = created["Id"]
    solution = next(door.list_solutions())["Id"]
    door.associate(opportunity, "Solutions", solution)
    draft = door.get_opportunity(opportunity)
    assert draft["LifeCycle"]["ReviewStatus"] == "Pending Submission"
    assert draft["Customer"]["Account"]["CompanyName"] == "Brook & Sons", "read as it was written"
    assert draft["RelatedEntityIdentifiers"]["Solutions"] == [solution]
    assert draft["UnknownMembers"] == []
    task = door.start_engagement(opportunity, token="submit-1", involvement="Co-Sell", visibility="Full")
    assert task["TaskStatus"] == "COMPLETE"
    assert [found["TaskId"] for found in door.engagement_tasks(opportunity_id=opportunity)] == [task["TaskId"]]
    assert door.engagement_tasks(task_id=task["TaskId"])[0]["OpportunityId"] == opportunity
    with pytest.raises(RecordRejected) as caught:
        door.update_opportunity(changed(door, opportunity, CustomerUseCase="Database"))
    assert caught.value.problems[0].remedy
    world.order("/aws/review", opportunity=opportunity, status="Approved")
    door.update_opportunity(changed(door, opportunity, CustomerUseCase="Database"))
    assert door.get_opportunity(opportunity)["Project"]["CustomerUseCase"] == "Database"
    summary = door.get_aws_opportunity_summary(opportunity)
    assert summary["InvolvementType"] == "Co-Sell"
    assert summary["UnknownMembers"] == []


def test_one_token_makes_one_opportunity(door: PartnerCentralDoor) -> None:
    """The same request gives the same id; another request under the token is a conflict that says so."""
    first = door.create_opportunity(deal())
    assert door.create_opportunity(deal()) == first
    with pytest.raises(StaleRecord) as caught:
        door.create_opportunity(deal(NationalSecurity="No"))
    assert caught.value.token_conflict is True  # type: ignore[attr-defined]
    assert len([found for page in door.list_opportunities() for found in page]) == 1


def test_an_update_with_a_stale_lock_is_refused(door: PartnerCentralDoor) -> None:
    """And says that the token is not at fault."""
    opportunity = door.create_opportunity(deal())["Id"]
    stale = changed(door, opportunity, CustomerUseCase="Database")
    door.update_opportunity(changed(door, opportunity, CustomerUseCase="Blockchain"))
    with pytest.raises(StaleRecord) as caught:
        door.update_opportunity(stale)
    assert caught.value.token_conflict is False  # type: ignore[attr-defined]


def test_every_lock_that_is_given_out_is_taken_back(door: PartnerCentralDoor) -> None:
    """From Create, Update, Get and List alike: the text is exact."""
    created = door.create_opportunity(deal())
    request = changed(door, created["Id"], CustomerUseCase="Database")
    updated = door.update_opportunity({**request, "LastModifiedDate": created["LastModifiedDate"]})
    updated = door.update_opportunity({**request, "LastModifiedDate": updated["LastModifiedDate"]})
    [[listed]] = door.list_opportunities(identifiers=[created["Id"]])
    assert listed["LastModifiedDate"] == updated["LastModifiedDate"]
    door.update_opportunity({**request, "LastModifiedDate": listed["LastModifiedDate"]})


def test_problems_carry_ace_names(door: PartnerCentralDoor) -> None:
    """Field, value, rule and remedy, several at once."""
    request = deal()
    request["Customer"]["Account"]["Address"]["CountryCode"] = "ZZ"
    request["Project"]["ExpectedCustomerSpend"][0]["CurrencyCode"] = "XXX"
    request["Customer"]["Contacts"][0]["Email"] = "NOT-AN-EMAIL"
    with pytest.raises(RecordRejected) as caught:
        door.create_opportunity(request)
    found = {problem.field: problem for problem in caught.value.problems}
    assert found["country"].value == "ZZ"
    assert found["customerEmail"].value == "NOT-AN-EMAIL"
    assert all(problem.rule and problem.remedy for problem in found.values())


def test_a_missing_business_field_is_named(door: PartnerCentralDoor) -> None:
    """Rules of AWS's business come the same way as those of the request's form."""
    request = deal()
    del request["Project"]["Title"]
    with pytest.raises(RecordRejected) as caught:
        door.create_opportunity(request)
    assert [(problem.code, problem.field) for problem in caught.value.problems] == [
        ("REQUIRED_FIELD_MISSING", "partnerProjectTitle")
    ]


def test_a_contract_duration_ends_by_null(door: PartnerCentralDoor) -> None:
    """Left out it stays; None ends it."""
    own = {"Amount": "50000", "CurrencyCode": "USD", "Frequency": "None", "TargetCompany": "Self"}
    request = deal()
    request["Project"]["ExpectedContractDuration"] = {"Term": "Months", "Value": "24"}
    request["Project"]["ExpectedCustomerSpend"] = [own]
    opportunity = door.create_opportunity(request)["Id"]
    kept = changed(door, opportunity)
    del kept["Project"]["ExpectedContractDuration"]
    door.update_opportunity(kept)
    assert door.get_opportunity(opportunity)["Project"]["ExpectedContractDuration"]["Value"] == "24"
    monthly = [{"Amount": "100", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}]
    ended = changed(door, opportunity, ExpectedContractDuration=None, ExpectedCustomerSpend=monthly)
    door.update_opportunity(ended)
    assert "ExpectedContractDuration" not in door.get_opportunity(opportunity)["Project"]


def test_a_lost_answer_is_found_again_by_the_token(world: World, door: PartnerCentralDoor) -> None:
    """Committed and never told: the outcome is unknown, nothing was repeated, and the same token finds it."""
    world.order("/fault", server="partner_central", match="CreateOpportunity", kind="timeout_after")
    with pytest.raises(Retriable) as caught:
        door.create_opportunity(deal())
    assert caught.value.outcome_unknown
    assert asked(world)["CreateOpportunity"] == 1
    opportunity = door.create_opportunity(deal())["Id"]
    assert [found["Id"] for page in door.list_opportunities() for found in page] == [opportunity]


def test_a_request_that_was_lost_took_no_effect(world: World, door: PartnerCentralDoor) -> None:
    """To the caller it looks the same, so it is told the same."""
    world.order("/fault", server="partner_central", match="CreateOpportunity", kind="timeout_before")
    with pytest.raises(Retriable) as caught:
        door.create_opportunity(deal())
    assert caught.value.outcome_unknown
    assert [found for page in door.list_opportunities() for found in page] == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_failing_read_is_repeated_within_the_door(world: World, door: PartnerCentralDoor, status: int) -> None:
    """A write is not."""
    opportunity = door.create_opportunity(deal())["Id"]
    world.order("/fault", server="partner_central", match="GetOpportunity", kind="status", status=status)
    assert door.get_opportunity(opportunity)["Id"] == opportunity
    world.order("/fault", server="partner_central", match="Associate", kind="status", status=status)
    with pytest.raises(Retriable):
        door.associate(opportunity, "AwsProducts", "AmazonAthena")


def asked(world: World) -> dict[str, int]:
    _, answer = world.control.perform("GET", "/requests", b"")
    counts: dict[str, int] = answer["partner_central"]
    return counts


def test_lists_are_whole_and_in_order(world: World, door: PartnerCentralDoor) -> None:
    """Over more than one page, by date, within the window that was asked for."""
    started = datetime.now(UTC)
    world.order("/seed", objects=["PartnerCentralOpportunity"], count=230)
    pages = list(door.list_opportunities(modified_after=started - timedelta(days=1000)))
    found = [each for page in pages for each in page]
    dates = [each["LastModifiedDate"] for each in found]
    assert len({each["Id"] for each in found}) == 230
    assert max(len(page) for page in pages) <= 100
    assert dates == sorted(dates)
    middle = datetime.fromisoformat(dates[115])
    later = [each for page in door.list_opportunities(modified_after=middle) for each in page]
    earlier = [each for page in door.list_opportunities(modified_before=middle) for each in page]
    assert {each["Id"] for each in later} | {each["Id"] for each in earlier} >= {each["Id"] for each in found} - {
        each["Id"] for each in found if each["LastModifiedDate"] == dates[115]
    }


def test_a_referral_is_seen_accepted_and_then_an_opportunity(world: World, door: PartnerCentralDoor) -> None:
    """Before acceptance there is no opportunity to read; the task names it."""
    referred = world.order("/aws/refer", fields={})
    [[invitation]] = door.list_engagement_invitations()
    assert invitation["Id"] == referred["invitation"]
    with pytest.raises(RecordGone):
        door.get_opportunity(referred["opportunity"])
    preview = door.get_engagement_invitation(invitation["Id"])
    assert preview["Payload"]["OpportunityInvitation"]["Customer"]["CompanyName"]
    task = door.accept_invitation(invitation["Id"], token="accept-1")
    [again] = door.acceptance_tasks(invitation_id=invitation["Id"])
    assert again["EngagementInvitationId"] == invitation["Id"], "an id, where AWS may say an ARN"
    assert door.get_opportunity(again["OpportunityId"])["LifeCycle"]["ReviewStatus"] == "Approved"
    assert task["TaskId"] == again["TaskId"]


def test_a_referral_can_be_declined(world: World, door: PartnerCentralDoor) -> None:
    """It is pending no more."""
    referred = world.order("/aws/refer", fields={})
    door.reject_invitation(referred["invitation"], "Unable to support")
    assert [each for page in door.list_engagement_invitations() for each in page] == []


def test_an_owner_is_assigned(world: World, door: PartnerCentralDoor) -> None:
    """An active user becomes the owner; anybody else is refused by field."""
    opportunity = door.create_opportunity(deal())["Id"]
    person = world.account.users[1]
    names = {"FirstName": person.first_name, "LastName": person.last_name, "BusinessTitle": "OpportunityOwner"}
    door.assign(opportunity, {"Email": person.email, **names})
    team = door.get_opportunity(opportunity)["OpportunityTeam"]
    assert [each["Email"] for each in team if each["BusinessTitle"] == "OpportunityOwner"] == [person.email]
    with pytest.raises(RecordRejected) as caught:
        door.assign(opportunity, {"Email": "nobody@elsewhere.example", **names})
    [problem] = caught.value.problems
    assert "nobody@elsewhere.example" in problem.rule
    assert "Partner Central user" in problem.remedy


def test_associations_come_and_go(door: PartnerCentralDoor) -> None:
    """By type and identifier."""
    opportunity = door.create_opportunity(deal())["Id"]
    door.associate(opportunity, "AwsProducts", "AmazonAthena")
    assert door.get_opportunity(opportunity)["RelatedEntityIdentifiers"]["AwsProducts"] == ["AmazonAthena"]
    with pytest.raises(RecordRejected) as caught:
        door.associate(opportunity, "Solutions", "S-9999999")
    assert not isinstance(caught.value, RecordGone)
    door.disassociate(opportunity, "AwsProducts", "AmazonAthena")
    assert not door.get_opportunity(opportunity)["RelatedEntityIdentifiers"].get("AwsProducts")


@pytest.mark.requirement("CONN-20")
def test_the_connection_test_names_a_bad_key(world: World) -> None:
    """A good pair is confirmed; a wrong key, a wrong secret and a wrong region are told apart from a good one."""
    assert all(result.ok for result in world.door().check())
    assert {result.cause for result in world.door(secret_access_key="wrong").check()} == {"key"}
    assert {result.cause for result in world.door(access_key_id="AKIAWRONG").check()} == {"key"}
    assert {result.cause for result in world.door(region="eu-west-1").check()} == {"region"}
    assert set(asked(world)) <= {"ListOpportunities", "ListSolutions"}, "nothing was changed"


def test_what_does_not_exist_is_gone(door: PartnerCentralDoor) -> None:
    """With its id."""
    with pytest.raises(RecordGone, match="O9999999"):
        door.get_opportunity("O9999999")


def test_keys_of_another_account_are_refused(world: World) -> None:
    """Nothing of the request is done."""
    with pytest.raises(AuthFailed):
        world.door(secret_access_key="wrong").create_opportunity(deal())
    assert [found for page in world.door().list_opportunities() for found in page] == []


@pytest.mark.requirement("PCAPI-24")
def test_who_goes_too_fast_is_told_to_rest(slow_world: World) -> None:
    """A door that is set too fast for AWS's quota backs off instead of hammering."""
    door = slow_world.door()
    opportunity = door.create_opportunity(deal())["Id"]
    with pytest.raises(Retriable, match="fewer requests") as caught:
        for product in ("AmazonAthena", "AmazonAppFlow"):
            door.associate(opportunity, "AwsProducts", product)
    assert caught.value.after
    with pytest.raises(Deferred):
        door.associate(opportunity, "AwsProducts", "AWSAmplify")


def test_our_pace_stays_within_the_quota(slow_world: World) -> None:
    """At AWS's own figures and our share of them no request is refused."""
    door = slow_world.door(writes_per_second=1.0, reads_per_second=10.0)
    opportunity = door.create_opportunity(deal())["Id"]
    door.associate(opportunity, "AwsProducts", "AmazonAthena")
    door.disassociate(opportunity, "AwsProducts", "AmazonAthena")
    for _ in range(12):
        door.get_opportunity(opportunity)
    _, counts = slow_world.control.perform("GET", "/requests", b"")
    assert not counts.get("partner_central_throttled")
