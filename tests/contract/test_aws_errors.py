"""Every way in which Partner Central refuses or fails, and what the worker is told to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from aws_scripted import (
    DROP,
    HANG,
    KEY,
    OPPORTUNITY,
    SECRET,
    Answer,
    FakeTime,
    Server,
    creation,
    refusal,
    serve,
    update,
)

from connector.aws.errors import AccessRefused, Conflict, catalogue_names, field_names
from connector.aws.partner_central import PartnerCentralDoor
from connector.aws.session import PartnerCentralSettings
from connector.errors import AuthFailed, Deferred, RecordGone, RecordRejected, Refused, Retriable, StaleRecord


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as server:
        yield server
    assert server.violations == []


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def door(server: Server, time: FakeTime, monkeypatch: pytest.MonkeyPatch) -> PartnerCentralDoor:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    return door_to(server.url, time)


def door_to(url: str, time: FakeTime) -> PartnerCentralDoor:
    settings = PartnerCentralSettings(
        access_key_id=KEY, secret_access_key=SECRET, endpoint_url=url, catalog="Sandbox", read_timeout=0.3
    )
    return PartnerCentralDoor(settings, now=time.now, monotonic=time.monotonic, sleep=time.sleep)


def invalid(*entries: dict[str, str], reason: str = "BUSINESS_VALIDATION_FAILED", message: str = "") -> Answer:
    return refusal("ValidationException", message, Reason=reason, ErrorList=list(entries))


# --- validation


def test_every_entry_of_the_error_list_becomes_a_problem(server: Server, door: PartnerCentralDoor) -> None:
    """The list lies at the top level; each entry names field, value, rule and remedy."""
    server.will(
        invalid(
            {"Code": "INVALID_VALUE", "FieldName": "project.title", "Message": "The title is &quot;odd&quot;."},
            {"Code": "REQUIRED_FIELD_MISSING", "FieldName": "customer.account.duns", "Message": "DUNS is required."},
        )
    )
    with pytest.raises(RecordRejected) as caught:
        door.create_opportunity(creation())
    title, duns = caught.value.problems
    assert (title.code, title.field, title.value) == ("INVALID_VALUE", "partnerProjectTitle", "Grain forecasting")
    assert title.rule == 'The title is "odd".'
    assert (duns.code, duns.field, duns.value) == ("REQUIRED_FIELD_MISSING", "customerDuns", "")
    assert all(problem.remedy for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("customer.contacts.1.member.email", "customerEmail", "mara.brook@brook.example"),
        ("Customer.Contacts.1.member.Email", "customerEmail", "mara.brook@brook.example"),
        ("customer.account.address.countryCode", "country", "US"),
        ("lifeCycle.targetCloseDate", "targetCloseDate", "2027-06-30"),
        ("primaryNeedsFromAws.1.member", "partnerPrimaryNeedFromAws", "Co-Sell - Architectural Validation"),
        ("marketing.source", "IsOppFromMarketingActivity", ""),
        ("project.expectedCustomerSpend.7.member.amount", "project.expectedCustomerSpend.7.member.amount", ""),
        ("somewhere.new", "somewhere.new", ""),
    ],
)
def test_aws_paths_become_ace_names(
    server: Server, door: PartnerCentralDoor, path: str, field: str, value: str
) -> None:
    """A path that has no ACE name, or several, is told as AWS gave it."""
    server.will(invalid({"Code": "INVALID_VALUE", "FieldName": path, "Message": "Wrong."}))
    with pytest.raises(RecordRejected) as caught:
        door.create_opportunity(creation())
    [problem] = caught.value.problems
    assert (problem.field, problem.value) == (field, value)


def test_a_field_that_only_the_message_names_is_found(server: Server, door: PartnerCentralDoor) -> None:
    """Shape errors leave FieldName out."""
    said = "Value at 'customer.account.address.countryCode' failed to satisfy constraint: Member must be in the set"
    server.will(invalid({"Code": "INVALID_ENUM_VALUE", "Message": said}, reason="REQUEST_VALIDATION_FAILED"))
    with pytest.raises(RecordRejected) as caught:
        door.update_opportunity(update())
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value, problem.rule) == ("INVALID_ENUM_VALUE", "country", "US", said)


def test_a_validation_error_without_a_list_still_tells(server: Server, door: PartnerCentralDoor) -> None:
    """Reason and message are all there is then; an unknown reason is as good as a known one."""
    server.will(refusal("ValidationException", "Value 'x' at 'project.title' is bad", Reason="INVALID_VALUE"))
    with pytest.raises(RecordRejected) as caught:
        door.update_opportunity(update())
    [problem] = caught.value.problems
    assert (problem.code, problem.field) == ("INVALID_VALUE", "partnerProjectTitle")


def test_an_unknown_refusal_waits_for_a_person(server: Server, door: PartnerCentralDoor) -> None:
    """A code of tomorrow does not loop."""
    server.will(refusal("TomorrowsException", "No."))
    with pytest.raises(RecordRejected) as caught:
        door.update_opportunity(update())
    assert (caught.value.problems[0].code, caught.value.problems[0].rule) == ("TomorrowsException", "No.")


def test_a_request_that_cannot_be_sent_names_the_member(server: Server, door: PartnerCentralDoor) -> None:
    """Botocore's own refusal is a mapping that does not fit; nothing was sent."""
    request = creation()
    request["Project"]["Title"] = 7
    request["Customer"]["Contacts"][0]["Email"] = ["a"]
    del request["Customer"]["Account"]["CompanyName"]
    request["Unheard"] = "of"
    with pytest.raises(RecordRejected) as caught:
        door.create_opportunity(request)
    fields = {problem.field for problem in caught.value.problems}
    assert server.requests == []
    assert {"partnerProjectTitle", "customerEmail"} <= fields
    assert len(caught.value.problems) == 4
    assert {problem.code for problem in caught.value.problems} == {"NOT_SENDABLE"}


def test_names_that_share_a_path_are_not_guessed() -> None:
    """A team member's e-mail could be anybody's; what is sent counts before what is read."""
    names = field_names(
        {"Team[Title=A].Email": "a", "Team[Title=B].Email": "b", "X.Y": "sent"}, {"X.Y": "read", "Z": "z"}
    )
    assert [names(path) for path in ("team.1.member.email", "x.y", "z", "q")] == ["", "sent", "z", ""]
    assert catalogue_names()("opportunityTeam.1.member.email") == ""


# --- conflicts, absence, quotas


@pytest.mark.parametrize(
    ("message", "token_conflict"),
    [
        ("Conflicting error, last modified date is not the latest", False),
        ("Conflicting client token submitted for a new request body.", True),
        ("Something is not as it was.", False),
    ],
)
def test_a_conflict_says_whether_the_token_is_at_fault(
    server: Server, door: PartnerCentralDoor, message: str, *, token_conflict: bool
) -> None:
    """A stale lock is read again; a token that is in use is searched for first."""
    server.will(refusal("ConflictException", message))
    with pytest.raises(StaleRecord, match=message) as caught:
        door.create_opportunity(creation())
    assert isinstance(caught.value, Conflict)
    assert caught.value.token_conflict is token_conflict


def test_what_does_not_exist_is_gone(server: Server, door: PartnerCentralDoor) -> None:
    """The id that was asked for is told."""
    server.will(refusal("ResourceNotFoundException", "Opportunity not found."))
    with pytest.raises(RecordGone) as caught:
        door.get_aws_opportunity_summary("O7654321")
    assert caught.value.problems[0].value == "O7654321"


@pytest.mark.parametrize(
    ("message", "gone"),
    [
        ("", False),
        ("Resource with Identifier S-1 does not exist or is not accessible", False),
        ("Resource with Identifier O1 does not exist or is not accessible.", True),
    ],
)
def test_a_solution_that_does_not_exist_is_not_the_end_of_the_opportunity(
    server: Server, door: PartnerCentralDoor, message: str, *, gone: bool
) -> None:
    """Only AWS's word about the opportunity itself counts it as gone."""
    server.will(refusal("ResourceNotFoundException", message))
    with pytest.raises(RecordRejected) as caught:
        door.associate("O1", "Solutions", "S-1")
    [problem] = caught.value.problems
    assert isinstance(caught.value, RecordGone) is gone
    assert (problem.field, problem.value) == (("", "O1") if gone else ("solutionOffered", "S-1"))


def test_a_related_opportunity_that_does_not_exist_is_told(server: Server, door: PartnerCentralDoor) -> None:
    """Nor is the opportunity gone when the one that it renews is."""
    server.will(refusal("ResourceNotFoundException", "Resource with Identifier O55 does not exist"))
    with pytest.raises(RecordRejected) as caught:
        door.update_opportunity(update())
    assert not isinstance(caught.value, RecordGone)
    assert caught.value.problems[0].value == "O55"


def test_a_full_quota_defers_for_hours(server: Server, door: PartnerCentralDoor, time: FakeTime) -> None:
    """Nothing is wrong with the record."""
    server.will(refusal("ServiceQuotaExceededException", "Too many."))
    with pytest.raises(Deferred, match="Service Quotas") as caught:
        door.start_engagement("O1", token="t", involvement="Co-Sell", visibility="Full")
    assert caught.value.until - time.now() >= timedelta(hours=1)


# --- access


@pytest.mark.parametrize(
    ("code", "status", "message", "cause"),
    [
        ("UnrecognizedClientException", 400, "The security token included in the request is invalid.", "key"),
        ("InvalidSignatureException", 403, "The request signature we calculated does not match", "key"),
        (
            "InvalidSignatureException",
            400,
            "Signature expired: 20260301T115000Z is now earlier than 2026",
            "clock",
        ),
        ("InvalidSignatureException", 400, "Signature not yet current: 20260301T13 is still later than 2026", "clock"),
        ("InvalidSignatureException", 403, "Credential should be scoped to a valid region.", "region"),
        ("InvalidSignatureException", 403, "Credential should be scoped to a valid Region, not 'eu-x-1'", "region"),
        ("InvalidSignatureException", 403, "Credential should be scoped to correct service", "key"),
        ("ExpiredTokenException", 400, "The security token included in the request is expired", "token"),
        ("AccessDeniedException", 400, "User: arn:aws:iam::1:user/x is not authorized to perform: a:b", "permission"),
        (
            "AccessDeniedException",
            400,
            "not authorized on arn:aws:partnercentral:us-east-1::catalog/AWS/x",
            "permission",
        ),
        ("AccessDeniedException", 400, "You have no access to catalog Sandbox", "catalog"),
        ("MissingAuthenticationTokenException", 403, "Missing Authentication Token", "key"),
        ("SomethingElse", 403, "no", "permission"),
    ],
)
def test_refused_access_names_its_cause(
    server: Server, door: PartnerCentralDoor, code: str, status: int, message: str, cause: str
) -> None:
    """Key, token, clock, region, permission and catalog have different remedies."""
    server.will(refusal(code, message, status=status))
    with pytest.raises(AuthFailed, match=code) as caught:
        door.get_opportunity("O1")
    assert isinstance(caught.value, AccessRefused)
    assert caught.value.cause == cause


def test_the_reason_of_refused_access_is_told(server: Server, door: PartnerCentralDoor) -> None:
    """It lies at the top level as well."""
    server.will(refusal("AccessDeniedException", "No.", Reason="INCOMPATIBLE_BENEFIT_AWS_PARTNER_STATE"))
    with pytest.raises(AuthFailed, match="INCOMPATIBLE_BENEFIT_AWS_PARTNER_STATE"):
        door.get_opportunity("O1")


def test_no_credentials_at_all_is_an_access_problem(
    server: Server, time: FakeTime, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Nothing is sent unsigned."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    door = PartnerCentralDoor(PartnerCentralSettings(endpoint_url=server.url), sleep=time.sleep)
    with pytest.raises(AuthFailed, match="no usable AWS credentials"):
        door.get_opportunity("O1")
    assert server.requests == []


def test_another_catalog_is_refused_before_it_is_sent(server: Server, door: PartnerCentralDoor) -> None:
    """Records prepared for one catalog never reach the other."""
    with pytest.raises(Refused, match=r"'AWS'.*'Sandbox'"):
        door.create_opportunity(creation(Catalog="AWS"))
    assert server.requests == []


def test_a_creation_without_a_stored_token_is_refused(server: Server, door: PartnerCentralDoor) -> None:
    """Botocore would make one up, which a crash loses."""
    request = creation()
    del request["ClientToken"]
    with pytest.raises(Refused, match="ClientToken"):
        door.create_opportunity(request)
    assert server.requests == []


# --- failures: a write is never repeated by itself

WRITES = [
    pytest.param(lambda door: door.create_opportunity(creation()), id="create"),
    pytest.param(lambda door: door.update_opportunity(update()), id="update"),
    pytest.param(lambda door: door.associate("O1", "Solutions", "S-1"), id="associate"),
    pytest.param(lambda door: door.start_engagement("O1", token="t", involvement="Co-Sell", visibility=""), id="start"),
]
FAILURES = [
    pytest.param(HANG, id="time-out"),
    pytest.param(DROP, id="dropped"),
    pytest.param(refusal("InternalServerException", status=500), id="500"),
    pytest.param(refusal("ServiceUnavailable", status=503), id="503"),
    pytest.param(Answer(502, raw=b"<html>bad gateway</html>"), id="502"),
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_write_of_unknown_outcome_is_sent_once(
    server: Server, door: PartnerCentralDoor, write: Any, failure: Answer
) -> None:
    """It may have taken effect; only the engine, which can look, may repeat it."""
    server.will(failure, {"Id": "O1", "LastModifiedDate": "2026-01-02T03:04:05Z"})
    with pytest.raises(Retriable) as caught:
        write(door)
    assert caught.value.outcome_unknown
    assert len(server.requests) == 1


@pytest.mark.parametrize("failure", FAILURES)
def test_a_read_is_repeated(server: Server, door: PartnerCentralDoor, failure: Answer) -> None:
    """A passing fault of a read reaches nobody."""
    server.will(failure, OPPORTUNITY)
    assert door.get_opportunity("O1234567")["Id"] == "O1234567"
    assert len(server.requests) == 2


def test_a_read_that_keeps_failing_has_no_unknown_outcome(server: Server, door: PartnerCentralDoor) -> None:
    """Three attempts, then it is the engine's turn; each was counted and paced."""
    server.will(*[refusal("InternalServerException", status=500)] * 5)
    with pytest.raises(Retriable) as caught:
        door.get_opportunity("O1")
    assert not caught.value.outcome_unknown
    assert len(server.requests) == 3
    assert door._throttle.budget("read")[0] == 3


def test_a_write_that_never_left_has_a_known_outcome(time: FakeTime) -> None:
    """Where nobody listens, nothing happened."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Retriable, match="unreachable") as caught:
            door_to(url, time).update_opportunity(update())
    assert not caught.value.outcome_unknown
