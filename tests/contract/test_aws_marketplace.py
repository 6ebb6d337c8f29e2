"""The door to a seller account's AWS Marketplace catalog over real HTTP: what is asked, and what each answer means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aws_scripted import DROP, KEY, SECRET, Answer, FakeTime, Request, refusal, serving
from botocore.exceptions import ClientError, NoCredentialsError
from catalog_scripted import ACCOUNT, OTHER, Catalog, details, page, summary

from connector.aws.errors import AccessRefused, Unreachable
from connector.aws.marketplace import CatalogDoor, CatalogSettings
from connector.aws.marketplace_errors import Call, explain
from connector.errors import ConfigError, ConnectorError, Deferred, RecordGone, RecordRejected, Retriable
from connector.sync.ports import CatalogPort

TOO_MANY = refusal("ThrottlingException", "Rate exceeded", status=429)
BROKEN = refusal("InternalServiceException", "sorry", status=500)


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    with serving(Catalog()) as server:
        yield server
    assert server.violations == []


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def door(catalog: Catalog, time: FakeTime) -> Iterator[CatalogDoor]:
    opened = make_door(catalog, time)
    yield opened
    opened.close()


def make_door(catalog: Catalog, time: FakeTime, **members: Any) -> CatalogDoor:
    keys = {"access_key_id": KEY, "secret_access_key": SECRET, "read_timeout": 2.0}
    settings = CatalogSettings(ACCOUNT, endpoint_url=catalog.url, **{**keys, **members})
    return CatalogDoor(settings, now=time.now, monotonic=time.monotonic, sleep=time.sleep, jitter=lambda: 1.0)


def failure(door: CatalogDoor) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        list(door.list_entities("SaaSProduct"))
    return caught.value


# --- listing


def test_all_pages_come_until_there_is_no_token(catalog: Catalog, door: CatalogDoor) -> None:
    """173 products: pages of fifty, one short and one empty among them, ends nothing before the last."""
    pages = [range(50), range(50, 70), range(70, 70), range(70, 120), range(120, 170), range(170, 173)]
    answers = [page(numbers, f"token-{place}") for place, numbers in enumerate(pages[:-1])]
    catalog.will(*answers, page(pages[-1]))
    port: CatalogPort = door
    assert [one["Name"] for one in port.list_entities("SaaSProduct")] == [f"Product {number}" for number in range(173)]
    bodies = [request.json for request in catalog.requests]
    assert [body.pop("NextToken", "") for body in bodies] == ["", *(f"token-{number}" for number in range(5))]
    assert all(body == bodies[0] for body in bodies)
    assert (bodies[0]["MaxResults"], bodies[0]["Catalog"], bodies[0]["OwnershipType"]) == (50, "AWSMarketplace", "SELF")


def test_the_walk_is_in_an_order_that_no_change_at_aws_disturbs(catalog: Catalog, door: CatalogDoor) -> None:
    """By date, a product that is changed during the walk would move to a page that was read already."""
    catalog.will(page([]))
    assert list(door.list_entities("AmiProduct")) == []
    assert catalog.requests[0].json["Sort"] == {"SortBy": "EntityId", "SortOrder": "ASCENDING"}


def test_calls_are_signed_for_aws_marketplace_in_its_only_region(catalog: Catalog, door: CatalogDoor) -> None:
    catalog.will(page([1]), details("prod-0000000000001"))
    list(door.list_entities("SaaSProduct"))
    door.describe_entities(["prod-0000000000001"])
    for request in catalog.requests:
        assert "/us-east-1/aws-marketplace/aws4_request" in request.headers["authorization"]
    assert [request.path for request in catalog.requests] == ["/ListEntities", "/BatchDescribeEntities"]


def test_ids_are_without_revision_and_dates_as_aws_wrote_them(catalog: Catalog, door: CatalogDoor) -> None:
    catalog.will({"EntitySummaryList": [summary(1, revision="@12")]})
    (found,) = door.list_entities("SaaSProduct")
    assert (found["EntityId"], found["LastModifiedDate"]) == ("prod-0000000000001", "2026-02-01T10:00:00Z")


def test_what_others_share_is_listed_apart_and_may_be_theirs(catalog: Catalog, door: CatalogDoor) -> None:
    catalog.will({"EntitySummaryList": [summary(1, OTHER)]})
    assert len(list(door.list_entities("ResaleAuthorization", shared=True))) == 1
    assert catalog.requests[0].json["OwnershipType"] == "SHARED"


def test_credentials_of_another_account_are_told_before_anything_gets_under_the_wrong_one(
    catalog: Catalog, door: CatalogDoor
) -> None:
    catalog.will({"EntitySummaryList": [summary(1, OTHER)]})
    error = failure(door)
    assert isinstance(error, ConfigError)
    assert ACCOUNT in str(error) and OTHER in str(error)


def test_a_token_that_comes_again_ends_the_walk_as_a_fault(catalog: Catalog, door: CatalogDoor) -> None:
    catalog.will(page([1], "same"), page([2], "same"))
    assert "token" in str(failure(door))


# --- describing


def test_entities_are_described_by_twenty_each_once(catalog: Catalog, door: CatalogDoor) -> None:
    ids = [f"prod-{number:013}" for number in range(45)]
    catalog.will(*(details(*ids[start : start + 20]) for start in (0, 20, 40)))
    described = door.describe_entities([*ids, ids[3], f"{ids[4]}@2"])
    assert [len(group) for group in catalog.ids()] == [20, 20, 5]
    assert list(described.found) == ids and described.refused == {}
    assert described.found[ids[7]]["DetailsDocument"]["Description"]["ProductTitle"] == f"Title of {ids[7]}"
    assert described.found[ids[7]]["EntityIdentifier"] == f"{ids[7]}@7"


def test_nothing_is_asked_about_no_entities(catalog: Catalog, door: CatalogDoor) -> None:
    described = door.describe_entities([])
    assert (described.found, described.refused, catalog.requests) == ({}, {}, [])


def test_an_entity_that_aws_refuses_stops_no_other(catalog: Catalog, door: CatalogDoor) -> None:
    """Partial errors arrive with HTTP 200, and one may be missing altogether."""
    catalog.will(details("prod-1", prod_2="ResourceNotFoundException"))
    described = door.describe_entities(["prod-1", "prod-2", "prod-3"])
    assert list(described.found) == ["prod-1"]
    assert described.refused == {"prod-2": "ResourceNotFoundException: no", "prod-3": "AWS says nothing."}


def test_entities_that_failed_in_passing_are_asked_for_again_alone(
    catalog: Catalog, door: CatalogDoor, time: FakeTime
) -> None:
    first = details("prod-1", prod_2="InternalServiceException", prod_3="THROTTLING_EXCEPTION", prod_4="Gone")
    catalog.will(first, details("prod-2", prod_3="ThrottlingException"), details("prod-3"))
    described = door.describe_entities(["prod-1", "prod-2", "prod-3", "prod-4"])
    assert catalog.ids() == [["prod-1", "prod-2", "prod-3", "prod-4"], ["prod-2", "prod-3"], ["prod-3"]]
    assert list(described.found) == ["prod-1", "prod-2", "prod-3"]
    assert described.refused == {"prod-4": "Gone: no"}
    assert time.slept, "it waited in between"


def test_an_entity_that_fails_in_passing_for_long_is_told_as_refused(catalog: Catalog, door: CatalogDoor) -> None:
    catalog.will(*[details("prod-1", prod_2="InternalServiceException"), *[details(prod_2="ThrottlingException")] * 2])
    assert door.describe_entities(["prod-1", "prod-2"]).refused == {"prod-2": "ThrottlingException: no"}
    assert len(catalog.requests) == 3


def test_one_id_that_aws_does_not_take_costs_no_other_of_its_group(catalog: Catalog, door: CatalogDoor) -> None:
    """A request with a bad id is refused whole: the group is halved until that id stands alone."""
    bad = refusal("ValidationException", "EntityId bad1 is not valid", status=422)
    catalog.will(bad, details("prod-1", "prod-2"), bad, bad, details("prod-4"))
    described = door.describe_entities(["prod-1", "prod-2", "bad1", "prod-4"])
    assert catalog.ids()[1:] == [["prod-1", "prod-2"], ["bad1", "prod-4"], ["bad1"], ["prod-4"]]
    assert list(described.found) == ["prod-1", "prod-2", "prod-4"]
    assert "EntityId bad1 is not valid" in described.refused["bad1"]


# --- pace and faults that pass


@pytest.mark.parametrize(("operation", "apart"), [("ListEntities", 0.2), ("BatchDescribeEntities", 0.1)])
def test_half_of_the_accounts_quota_is_ours(
    catalog: Catalog, door: CatalogDoor, time: FakeTime, operation: str, apart: float
) -> None:
    """Ten listings and twenty descriptions per second are granted to the account, whose other tools use them too."""
    moments: list[float] = []
    take = catalog.take

    def noted(request: Request) -> Answer:
        moments.append(time.seconds)
        return take(request)

    catalog.take = noted  # type: ignore[method-assign]
    ids = [f"prod-{number:013}" for number in range(100)]
    if operation == "ListEntities":
        catalog.will(*(page([number], f"token-{number}") for number in range(4)), page([4]))
        list(door.list_entities("SaaSProduct"))
    else:
        catalog.will(*(details(*ids[start : start + 20]) for start in range(0, 100, 20)))
        door.describe_entities(ids)
    assert catalog.operations == [operation] * 5
    assert [later - earlier for earlier, later in pairwise(moments)] == pytest.approx([apart] * 4)


@pytest.mark.parametrize("fault", [TOO_MANY, BROKEN, DROP, Answer(200, raw=b'{"EntitySummaryList": [')])
def test_a_fault_in_the_middle_of_a_walk_costs_one_repetition_not_the_walk(
    catalog: Catalog, door: CatalogDoor, time: FakeTime, fault: Answer
) -> None:
    catalog.will(page([1], "token"), fault, fault, page([2]))
    assert [one["Name"] for one in door.list_entities("SaaSProduct")] == ["Product 1", "Product 2"]
    assert [one.json.get("NextToken") for one in catalog.requests] == [None, "token", "token", "token"]
    assert time.seconds > 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(TOO_MANY, Retriable), (BROKEN, Retriable), (DROP, Unreachable), (Answer(200, raw=b""), Retriable)],
)
def test_a_fault_that_lasts_is_the_callers_after_three_attempts(
    catalog: Catalog, door: CatalogDoor, fault: Answer, kind: type[Retriable]
) -> None:
    """An answer that is cut off is no empty list, after which rows would end."""
    catalog.will(*[fault] * 3)
    error = failure(door)
    assert isinstance(error, kind) and not error.outcome_unknown
    assert ACCOUNT in str(error)
    assert len(catalog.requests) == 3


def test_after_refusals_for_the_rate_nothing_is_asked_for_a_while(
    catalog: Catalog, door: CatalogDoor, time: FakeTime
) -> None:
    """The rest grows with each refusal in a row; descriptions, which have a quota of their own, go on."""
    catalog.will(*[TOO_MANY] * 3)
    first = failure(door)
    assert isinstance(first, Retriable) and first.after == 8.0
    resting = failure(door)
    assert isinstance(resting, Deferred) and resting.until == time.now() + timedelta(seconds=8)
    assert "AWS Marketplace" in str(resting)
    catalog.will(details("prod-1"))
    assert list(door.describe_entities(["prod-1"]).found) == ["prod-1"]
    time.sleep(8)
    catalog.will(page([1]))
    assert len(list(door.list_entities("SaaSProduct"))) == 1


def test_the_doors_own_repetition_needs_no_clock_that_moves(catalog: Catalog, time: FakeTime) -> None:
    """It has waited as long as it must; by a sandbox's clock, which may stand still, no time has passed meanwhile."""
    start = time.now()
    settings = CatalogSettings(ACCOUNT, endpoint_url=catalog.url, access_key_id=KEY, secret_access_key=SECRET)
    door = CatalogDoor(settings, now=lambda: start, monotonic=time.monotonic, sleep=time.sleep)
    catalog.will(TOO_MANY, page([1]))
    assert len(list(door.list_entities("SaaSProduct"))) == 1
    door.close()


def test_accounts_have_paces_of_their_own(catalog: Catalog, time: FakeTime) -> None:
    """AWS's quotas are per account: the refusal of one does not hold up the other."""
    doors = [make_door(catalog, time), make_door(catalog, time)]
    catalog.will(*[TOO_MANY] * 3, page([1]))
    failure(doors[0])
    assert len(list(doors[1].list_entities("SaaSProduct"))) == 1
    for one in doors:
        one.close()


def test_an_endpoint_that_is_not_there_is_told_with_what_to_check(time: FakeTime) -> None:
    with serving(Catalog()) as gone:
        door = make_door(gone, time)
    error = failure(door)
    assert isinstance(error, Unreachable)
    assert "endpoint_url" in str(error) and ACCOUNT in str(error)


# --- refusals


def test_a_missing_right_is_told_with_action_and_account(catalog: Catalog, door: CatalogDoor) -> None:
    words = "User: arn:aws:iam::111122223333:user/x is not authorized to perform: aws-marketplace:ListEntities"
    catalog.will(refusal("AccessDeniedException", words, status=403))
    error = failure(door)
    assert isinstance(error, AccessRefused) and error.cause == "permission"
    assert words in str(error)
    assert re.search(rf"Grant aws-marketplace:ListEntities .*{ACCOUNT}", str(error))
    assert len(catalog.requests) == 1, "it is not tried again"


def test_describing_needs_the_right_of_describing_one(catalog: Catalog, door: CatalogDoor) -> None:
    """IAM knows no action BatchDescribeEntities."""
    catalog.will(refusal("AccessDeniedException", "no", status=403))
    with pytest.raises(AccessRefused, match="Grant aws-marketplace:DescribeEntity "):
        door.describe_entities(["prod-1", "prod-2"])


def test_a_refusal_of_shared_entities_names_the_role_that_sharing_needs(catalog: Catalog, door: CatalogDoor) -> None:
    catalog.will(refusal("AccessDeniedException", "no", status=403))
    with pytest.raises(AccessRefused, match="AWSServiceRoleForMarketplaceResaleAuthorization"):
        list(door.list_entities("ResaleAuthorization", shared=True))


@pytest.mark.parametrize(
    ("code", "words", "cause", "remedy"),
    [
        ("UnrecognizedClientException", "The security token is invalid", "key", "access_key_id"),
        ("InvalidSignatureException", f"The string to sign was {SECRET}", "key", "secret_access_key"),
        ("InvalidSignatureException", "Signature expired: 20260301T1", "clock", "clock"),
        ("ExpiredTokenException", "expired", "token", "Renew"),
    ],
)
def test_refused_credentials_are_told_by_their_cause_and_never_quoted(
    catalog: Catalog, door: CatalogDoor, code: str, words: str, cause: str, remedy: str
) -> None:
    catalog.will(refusal(code, words, status=403))
    error = failure(door)
    assert isinstance(error, AccessRefused) and error.cause == cause
    assert remedy in str(error) and ACCOUNT in str(error)
    assert words not in str(error), "what AWS says about signatures quotes more than we know"


def test_a_refusal_that_quotes_a_key_is_told_without_it(catalog: Catalog, door: CatalogDoor) -> None:
    catalog.will(refusal("AccessDeniedException", f"key {KEY} with {SECRET} may not", status=403))
    assert "key … with … may not" in str(failure(door))


def test_each_field_that_aws_finds_fault_with_is_a_problem(catalog: Catalog, door: CatalogDoor) -> None:
    fields = [
        {"Field": "Sort.SortBy", "Reason": "FieldValidationFailed", "Message": "no such attribute"},
        {"Field": "EntityType", "Reason": "Other", "EntityId": "prod-1"},
    ]
    catalog.will(refusal("ValidationException", "bad", status=422, ValidationExceptionFieldList=fields))
    error = failure(door)
    assert isinstance(error, RecordRejected)
    assert [(one.code, one.field, one.value) for one in error.problems] == [
        ("FieldValidationFailed", "Sort.SortBy", ""),
        ("Other", "EntityType", "prod-1"),
    ]
    assert "no such attribute" in error.problems[0].rule and "bad" in error.problems[1].rule


def test_a_refusal_without_fields_is_one_problem(catalog: Catalog, door: CatalogDoor) -> None:
    catalog.will(refusal("ResourceNotSupportedException", "not this one", status=415))
    error = failure(door)
    assert isinstance(error, RecordRejected) and not isinstance(error, RecordGone)
    (problem,) = error.problems
    assert problem.code == "ResourceNotSupportedException" and "not this one" in problem.rule and problem.remedy


def test_what_does_not_exist_is_gone(catalog: Catalog, door: CatalogDoor) -> None:
    catalog.will(refusal("ResourceNotFoundException", "no such entity", status=404))
    assert isinstance(failure(door), RecordGone)


def test_an_entity_in_use_and_a_full_quota_take_minutes(catalog: Catalog, door: CatalogDoor, time: FakeTime) -> None:
    """No repetition within the call helps: change sets take minutes."""
    catalog.will(refusal("ResourceInUseException", "locked", status=423))
    used = failure(door)
    assert isinstance(used, Retriable) and used.after == 60
    catalog.will(refusal("ServiceQuotaExceededException", "250 are open", status=402))
    full = failure(door)
    assert isinstance(full, Deferred) and full.until > time.now() + timedelta(minutes=5)
    assert "250 are open" in str(full)
    assert len(catalog.requests) == 2


# --- settings and check


def test_keys_that_cannot_be_used_are_refused_with_the_account(catalog: Catalog, time: FakeTime) -> None:
    with pytest.raises(ConfigError, match=f"{ACCOUNT}.*go together"):
        CatalogSettings(ACCOUNT, access_key_id="AKIA")
    with pytest.raises(ConfigError, match=f"{ACCOUNT}.*exclude each other"):
        CatalogSettings(ACCOUNT, access_key_id="AKIA", secret_access_key="x", profile="acme")
    assert SECRET not in repr(make_door(catalog, time).settings)


def test_a_profile_that_does_not_exist_is_told_at_the_first_call(
    catalog: Catalog, time: FakeTime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    door = make_door(catalog, time, access_key_id="", secret_access_key="", profile="nobody")
    error = failure(door)
    assert isinstance(error, ConfigError)
    assert "nobody" in str(error) and ACCOUNT in str(error)


def test_without_an_endpoint_of_our_own_aws_is_called_whatever_the_environment_says(
    time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    door = CatalogDoor(CatalogSettings(ACCOUNT, access_key_id=KEY, secret_access_key=SECRET), now=time.now)
    assert door._client.meta.endpoint_url == "https://catalog.marketplace.us-east-1.amazonaws.com"
    door.close()


def test_the_check_asks_for_one_product_and_says_which_account_answers(catalog: Catalog, door: CatalogDoor) -> None:
    catalog.will(page([], ""), page([1], "more"))
    assert ACCOUNT in door.check()
    assert [one.json["EntityType"] for one in catalog.requests] == ["SaaSProduct", "AmiProduct"]
    assert all(one.json["MaxResults"] == 1 for one in catalog.requests)


def test_the_check_tells_that_there_is_no_product(catalog: Catalog, door: CatalogDoor) -> None:
    """A channel partner without products of its own is nothing wrong."""
    catalog.will(page([]), page([]), page([]))
    assert "no SaaS, AMI or container product yet" in door.check()


def test_the_check_tells_credentials_of_another_account(catalog: Catalog, door: CatalogDoor) -> None:
    catalog.will({"EntitySummaryList": [summary(1, OTHER)]})
    with pytest.raises(ConfigError, match=OTHER):
        door.check()


@pytest.mark.parametrize(
    ("code", "status", "kind", "remedy"),
    [
        ("AccessDenied", 403, AccessRefused, "trust policy"),
        ("InvalidClientTokenId", 403, AccessRefused, "access_key_id"),
        ("InternalFailure", 500, Retriable, "could not be assumed"),
    ],
)
def test_a_role_that_cannot_be_assumed_is_told_for_its_account(
    time: FakeTime, code: str, status: int, kind: type[ConnectorError], remedy: str
) -> None:
    answer: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    call = Call("ListEntities", ACCOUNT, {})
    error = explain(ClientError(answer, "AssumeRole"), call, slowed=lambda: 1.0, now=time.now())
    assert isinstance(error, kind)
    assert remedy in str(error) and ACCOUNT in str(error)


def test_an_account_without_any_credentials_is_told_where_to_give_them(time: FakeTime) -> None:
    error = explain(NoCredentialsError(), Call("ListEntities", ACCOUNT, {}), slowed=lambda: 1.0, now=time.now())
    assert isinstance(error, AccessRefused) and error.cause == "key"
    assert f"[[aws.sellers]] of account {ACCOUNT}" in str(error)
