"""Who is called, as whom, and that secrets stay secret."""

from __future__ import annotations

import dataclasses
import logging
import re
import traceback
from typing import Any

import pytest
from aws_scripted import HANG, KEY, OPPORTUNITY, SECRET, FakeTime, Server, refusal, serve

from connector.aws.partner_central import PartnerCentralDoor
from connector.aws.session import PartnerCentralSettings, open_clients
from connector.errors import AuthFailed, ConfigError, ConnectorError

OWNER = {"Email": "a@b.example", "FirstName": "A", "LastName": "B", "BusinessTitle": "OpportunityOwner"}


class Stopped(BaseException):
    """Raised instead of sending."""


def sent_by(settings: PartnerCentralSettings) -> Any:
    """Return the signed request of a GetOpportunity as it would leave, without leaving."""
    door = PartnerCentralDoor(settings)
    caught: list[Any] = []

    def stop(request: Any, **_: Any) -> None:
        caught.append(request)
        raise Stopped

    door._clients.reads.meta.events.register("before-send.partnercentral-selling.*", stop)
    with pytest.raises(Stopped):
        door.get_opportunity("O1")
    return caught[0]


def keys(**more: Any) -> PartnerCentralSettings:
    return PartnerCentralSettings(access_key_id=KEY, secret_access_key=SECRET, **more)


@pytest.mark.requirement("CONN-23")
def test_the_defaults_reach_production_over_tls() -> None:
    """With nothing but a key pair, requests go to Partner Central's real host, by https."""
    assert sent_by(keys()).url == "https://partnercentral-selling.us-east-1.api.aws/"


@pytest.mark.requirement("CONN-02")
def test_a_key_pair_is_all_that_signing_needs() -> None:
    """Host, region and service of the signature are preset."""
    request = sent_by(keys())
    scope = re.search(rb"Credential=([^,]+)", request.headers["Authorization"])
    assert scope
    key, _, region, service, end = scope[1].decode().split("/")
    assert (key, region, service, end) == (KEY, "us-east-1", "partnercentral-selling", "aws4_request")
    assert request.url.split("/")[2] == "partnercentral-selling.us-east-1.api.aws"


def test_a_stray_environment_variable_redirects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL, set for some other program, does not send records elsewhere."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1:1")
    assert sent_by(keys()).url == "https://partnercentral-selling.us-east-1.api.aws/"


def test_the_caller_names_itself_and_signs_that() -> None:
    """AWS's header for integrations is sent and part of the signature."""
    request = sent_by(keys(company="Brook Partners", integration="Pipeline"))
    assert request.headers["X-Amzn-User-Agent"] == b"Brook Partners|Pipeline|Salesforce|v1"
    assert b"x-amzn-user-agent" in request.headers["Authorization"]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"endpoint_url": "http://partner.example"}, "endpoint_url"),
        ({"endpoint_url": "http://127.0.0.1.evil.example"}, "endpoint_url"),
        ({"endpoint_url": "ftp://127.0.0.1"}, "endpoint_url"),
        ({"sts_endpoint_url": "http://10.0.0.1"}, "sts_endpoint_url"),
        ({"catalog": "aws"}, "catalog"),
        ({"access_key_id": "AKIA"}, "secret_access_key"),
        ({"access_key_id": "AKIA", "secret_access_key": "s", "profile": "p"}, "profile"),
        ({"share": 0.0}, "share"),
        ({"share": 1.1}, "share"),
        ({"writes_per_second": 0.0}, "writes_per_second"),
        ({"read_timeout": -1.0}, "read_timeout"),
        ({"company": "a|b"}, "company"),
        ({"integration": "a\r\nX-Evil: 1"}, "integration"),
    ],
)
def test_settings_that_cannot_work_are_named(values: dict[str, Any], named: str) -> None:
    """A setting that cannot work is refused at once, by its name."""
    with pytest.raises(ConfigError, match=named):
        PartnerCentralSettings(**values)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8", "https://proxy.example"]
)
def test_loopback_may_be_plain_and_https_may_be_anywhere(url: str) -> None:
    """Tests and proxies are possible."""
    assert PartnerCentralSettings(endpoint_url=url).endpoint_url == url


def test_all_settings_that_cannot_work_are_told_at_once() -> None:
    """Nobody corrects settings one by one."""
    with pytest.raises(ConfigError, match=r"catalog.*share.*writes_per_day"):
        PartnerCentralSettings(catalog="x", share=2, writes_per_day=0)


def test_a_profile_that_does_not_exist_is_a_configuration_error() -> None:
    """It is named, since it is no secret."""
    with pytest.raises(ConfigError, match="nobody-has-this"):
        open_clients(PartnerCentralSettings(profile="nobody-has-this"))


def test_settings_never_print_secrets() -> None:
    """Their representation goes to logs."""
    text = repr(keys(session_token="token-in-settings", external_id="external-secret"))
    assert not [word for word in (KEY, SECRET, "token-in-settings", "external-secret") if word in text]


def test_a_password_in_an_endpoint_is_not_repeated() -> None:
    """An endpoint that is refused may carry one."""
    with pytest.raises(ConfigError) as caught:
        PartnerCentralSettings(endpoint_url="http://user:hidden@partner.example")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("code", ["InvalidSignatureException", "UnrecognizedClientException", "ExpiredTokenException"])
def test_secrets_that_aws_quotes_go_no_further(code: str, caplog: pytest.LogCaptureFixture) -> None:
    """AWS quotes the canonical request, security token included; neither error, traceback nor log repeats it."""
    caplog.set_level(logging.INFO)
    quoted = f"The Canonical String should have been 'x-amz-security-token:token-in-use {SECRET} {KEY}'"
    with serve() as server:
        server.will(refusal(code, quoted, status=403))
        door = PartnerCentralDoor(keys(endpoint_url=server.url, session_token="token-in-use"))
        with pytest.raises(AuthFailed) as caught:
            door.get_opportunity("O1")
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(caught.value)
    assert caught.value.__context__ is None
    assert not [word for word in ("token-in-use", SECRET, KEY) if word in told]


def test_a_time_out_names_no_secret() -> None:
    """Nor do errors of the transport."""
    with serve() as server:
        server.will(HANG)
        door = PartnerCentralDoor(keys(endpoint_url=server.url, read_timeout=0.2))
        with pytest.raises(ConnectorError) as caught:
            door.assign("O1", OWNER)
    told = "".join(traceback.format_exception(caught.value))
    assert not [word for word in (SECRET, KEY, OWNER["Email"]) if word in told]


STS_ANSWER = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><AssumedRoleId>AROA:ace</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/ace/ace-connector</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>
<SessionToken>role-token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
ROLE = "arn:aws:iam::123456789012:role/ace"


def role_door(server: Server, sts: Server) -> PartnerCentralDoor:
    settings = keys(endpoint_url=server.url, sts_endpoint_url=sts.url, role_arn=ROLE, external_id="ours")
    time = FakeTime()
    return PartnerCentralDoor(settings, now=time.now, monotonic=time.monotonic, sleep=time.sleep)


def test_a_role_is_assumed_once_and_used(sts: Server) -> None:
    """The key pair only assumes the role; the role signs the calls, and is fetched once."""
    sts.script[0].raw = STS_ANSWER
    with serve() as server:
        door = role_door(server.will(OPPORTUNITY, OPPORTUNITY), sts)
        door.get_opportunity("O1")
        door.get_opportunity("O1")
        authorizations = [request.headers["authorization"] for request in server.requests]
    assert all("Credential=ASIAROLE/" in text for text in authorizations)
    assert server.requests[0].headers["x-amz-security-token"] == "role-token"
    assert len(sts.requests) == 1
    assert b"ExternalId=ours" in sts.requests[0].body


def test_a_role_that_cannot_be_assumed_says_so(sts: Server) -> None:
    """The remedy is in the role's trust, not in Partner Central."""
    sts.script[0].status = 403
    sts.script[0].raw = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    with serve() as server, pytest.raises(AuthFailed, match="role could not be assumed") as caught:
        role_door(server, sts).get_opportunity("O1")
    assert server.requests == []
    assert "trust policy" in str(caught.value)


@pytest.fixture
def sts() -> Any:
    """A server that plays the token service; its requests are judged by nobody."""
    with serve() as server:
        server.take = lambda request: (server.requests.append(request), server.script[0])[1]  # type: ignore[method-assign]
        yield server.will({})


def test_settings_are_frozen() -> None:
    """Settings of a door cannot change under it."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        keys().share = 1.0  # type: ignore[misc]
