"""The door logs in by itself, renews once, and lets no secret out."""

from __future__ import annotations

import logging
import threading
import traceback
from datetime import UTC, datetime

import jwt
import pytest
import responses
from cryptography.hazmat.primitives.asymmetric import rsa
from salesforce_script import (
    BASE,
    SECRET,
    USER_ID,
    Answer,
    ScriptedOrg,
    door_to,
    page,
    pem_of,
    private_key,
    record_id,
    refusal,
    scripted_org,
    settings_for,
)

from connector.errors import AuthFailed, ConfigError, ConnectorError, Retriable
from connector.salesforce.door import SalesforceDoor
from connector.salesforce.settings import SalesforceSettings

NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
SOQL = "SELECT Id FROM Account"


@pytest.fixture
def org():
    with scripted_org() as running:
        running.on("GET", "query/", page([{"Id": record_id(1)}]))
        yield running


def test_jwt_assertion_is_signed_for_the_audience_and_posted_to_the_token_host(org: ScriptedOrg) -> None:
    changes = {
        "auth": "jwt",
        "username": "sync@acme.example",
        "private_key": pem_of(private_key()),
        "audience": "https://test.salesforce.com",
    }
    with door_to(org, **changes) as door:
        list(door.query(SOQL))
    form = org.asked[0].form
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        form["assertion"], private_key().public_key(), algorithms=["RS256"], audience="https://test.salesforce.com"
    )
    assert (claims["iss"], claims["sub"]) == ("consumer-key", "sync@acme.example")
    assert 0 < claims["exp"] - datetime.now(UTC).timestamp() <= 300


def test_client_credentials_are_posted_to_the_my_domain_host(org: ScriptedOrg) -> None:
    with door_to(org) as door:
        list(door.query(SOQL))
    assert org.asked[0].form == {
        "grant_type": "client_credentials",
        "client_id": "consumer-key",
        "client_secret": SECRET,
    }


def test_password_flow_works_and_warns_that_it_is_deprecated(
    org: ScriptedOrg, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), door_to(org, auth="password", username="u@x", password="pw-1") as door:
        list(door.query(SOQL))
    assert org.asked[0].form["grant_type"] == "password"
    assert "deprecated" in caplog.text and "pw-1" not in caplog.text


def test_the_org_is_told_who_calls_with_the_token_and_without_pretty_printing(org: ScriptedOrg) -> None:
    with door_to(org) as door:
        list(door.query(SOQL))
    headers = org.calls("query")[0].headers
    assert headers["authorization"].startswith("Bearer 00D")
    assert headers["sforce-call-options"] == "client=ace-connector"
    assert "x-prettyprint" not in headers


def test_an_expired_session_is_renewed_once_and_the_request_keeps_its_headers(org: ScriptedOrg) -> None:
    org.on("PATCH", "sobjects/Lead/.*", Answer(204))
    with door_to(org) as door:
        list(door.query(SOQL))
        org.expire()
        [outcome] = door.update_unless_modified("Lead", [({"Id": record_id(1, "00Q"), "Company": "Ä"}, NOW)])
    assert outcome.error is None and org.logins == 2
    first, second = org.calls("sobjects/Lead")
    assert first.headers["authorization"] != second.headers["authorization"]
    for name in ("if-unmodified-since", "sforce-auto-assign", "sforce-duplicate-rule-header", "sforce-call-options"):
        assert first.headers[name] == second.headers[name], name
    assert second.headers["if-unmodified-since"] == "Mon, 23 Nov 2026 01:02:03 GMT"
    assert second.headers["sforce-auto-assign"] == "FALSE"
    assert first.body == second.body


@pytest.mark.parametrize(
    "answer",
    [
        refusal(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"),
        Answer(401, "<html>Unauthorized</html>"),
        Answer(401, {"error": "invalid_token"}),
    ],
    ids=["list", "html", "object"],
)
def test_a_permanent_401_costs_one_renewal_per_request_and_no_more(org: ScriptedOrg, answer: Answer) -> None:
    org.on("GET", "query/", answer)
    with door_to(org) as door:
        for _ in range(2):
            with pytest.raises(AuthFailed):
                list(door.query(SOQL))
    assert org.logins == 3
    assert len(org.calls("query")) == 4


def test_a_401_after_a_passing_fault_is_renewed_once_only(org: ScriptedOrg) -> None:
    denied = refusal(401, "INVALID_SESSION_ID")
    org.on("GET", "query/", denied, Answer(503, "<html>"), denied)
    with door_to(org) as door, pytest.raises(AuthFailed):
        list(door.query(SOQL))
    assert org.logins == 2


def test_a_renewed_token_of_another_instance_moves_the_door_there(org: ScriptedOrg) -> None:
    with scripted_org() as moved, door_to(org) as door:
        moved.on("GET", "query/", page([{"Id": record_id(2)}]))
        list(door.query(SOQL))
        org.expire()
        org.on("POST", "/services/oauth2/token", Answer(200, {"access_token": "t", "instance_url": moved.origin}))
        assert [row["Id"] for row in door.query(SOQL)] == [record_id(2)]
        assert [call.path for call in moved.asked] == [BASE + "query/"]


def test_threads_that_meet_the_same_expired_token_log_in_once(org: ScriptedOrg) -> None:
    with door_to(org) as door:
        list(door.query(SOQL))
        siblings = [door.sibling() for _ in range(4)]
        for sibling in siblings:
            list(sibling.query(SOQL))
        org.expire()
        threads = [threading.Thread(target=lambda one=one: list(one.query(SOQL))) for one in siblings]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for sibling in siblings:
            sibling.close()
    assert org.logins == 2


@pytest.mark.parametrize(
    ("error", "description", "remedy"),
    [
        ("invalid_grant", "user hasn't approved this consumer", "Pre-authorise"),
        ("invalid_grant", "audience is invalid", "Set audience"),
        ("invalid_grant", "invalid assertion", "private_key"),
        ("invalid_grant", "request not supported on this domain", "My Domain"),
        ("invalid_grant", "no client credentials user enabled", "run-as user"),
        ("invalid_grant", "authentication failure", "password"),
        ("invalid_client_id", "client identifier invalid", "consumer key"),
        ("invalid_app_access", "user is not admin approved to access this app", "permission set"),
        ("something_new", "never seen", "Check token_host"),
    ],
)
def test_a_refused_login_says_why_and_what_to_do(org: ScriptedOrg, error: str, description: str, remedy: str) -> None:
    org.on("POST", "/services/oauth2/token", Answer(400, {"error": error, "error_description": description}))
    with door_to(org) as door, pytest.raises(AuthFailed) as caught:
        list(door.query(SOQL))
    assert description in str(caught.value) and remedy in str(caught.value)


def test_a_login_recovers_when_the_credentials_are_accepted_again(org: ScriptedOrg) -> None:
    with door_to(org) as door:
        refused = Answer(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
        org.on("POST", "/services/oauth2/token", refused)
        with pytest.raises(AuthFailed):
            list(door.query(SOQL))
        org.on("POST", "/services/oauth2/token", org._issue)
        assert len(list(door.query(SOQL))) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(503, "<html>maintenance</html>"),
        Answer(400, {"error": "unknown_error", "error_description": "retry your request"}),
        Answer(200, "<html>welcome to the hotel network</html>"),
        Answer(200, {"token": "elsewhere"}),
    ],
)
def test_a_login_that_may_work_later_is_retried_and_then_retriable(org: ScriptedOrg, answer: Answer) -> None:
    org.on("POST", "/services/oauth2/token", answer)
    with door_to(org) as door, pytest.raises(Retriable):
        list(door.query(SOQL))
    assert 1 < org.logins <= 5


def test_a_token_answer_cannot_send_the_token_over_plain_http(org: ScriptedOrg) -> None:
    answer = Answer(200, {"access_token": "00Dxx!leak", "instance_url": "http://evil.example"})
    org.on("POST", "/services/oauth2/token", answer)
    with door_to(org) as door, pytest.raises(AuthFailed, match="not an https origin"):
        list(door.query(SOQL))


def test_no_secret_reaches_logs_messages_tracebacks_or_representations(
    org: ScriptedOrg, caplog: pytest.LogCaptureFixture
) -> None:
    key = pem_of(private_key())
    token = "00D8V000001NPCn!AQcAQH0dMHZfz972Szmpkb58urFRkgeBGsxL.QJWwYMfAbUeeG7c"
    echo = {"error": "invalid_grant", "error_description": f"authentication failure for {SECRET}"}
    texts = []
    with caplog.at_level(logging.DEBUG), door_to(org, private_key=key, password="pw-2") as door:
        org.on("POST", "/services/oauth2/token", Answer(400, echo))
        texts.append(failure_of(door))
        org.on("POST", "/services/oauth2/token", Answer(200, {"access_token": token, "instance_url": org.origin}))
        for status in (400, 401, 403, 500):
            org.on("GET", "query/", refusal(status, "WHATEVER", f"bad token {token}"))
            texts.append(failure_of(door))
        texts += [repr(door._settings), repr(door._tokens._token)]
    text = "\n".join(texts) + caplog.text
    for secret in (SECRET, token, "pw-2", key.splitlines()[1]):
        assert secret not in text


def failure_of(door: SalesforceDoor) -> str:
    try:
        list(door.query(SOQL))
    except ConnectorError as error:
        return "".join(traceback.format_exception(error))
    raise AssertionError("the query should have failed")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"instance_url": "http://acme.my.salesforce.com"}, "plain http"),
        ({"instance_url": "https://acme.lightning.force.com"}, "My Domain"),
        ({"instance_url": "acme.my.salesforce.com"}, "origin"),
        ({"instance_url": "https://user:pw-3@acme.my.salesforce.com"}, "remove them"),
        ({"instance_url": "https://acme.my.salesforce.com:port"}, "not a URL"),
        ({"token_host": "http://login.salesforce.com"}, "token_host"),
        ({"token_host": "https://login.salesforce.com"}, "My Domain host only"),
        ({"auth": "soap"}, "soap"),
        ({"auth": "jwt"}, "private_key"),
        ({"client_secret": ""}, "client_secret"),
        ({"api_version": "66"}, "api_version"),
        ({"daily_share": 0.0}, "daily_share"),
        ({"read_timeout": 0.0}, "read_timeout"),
        ({"client_name": "a;b"}, "client_name"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        settings_for("https://acme.my.salesforce.com", **changes)
    assert SECRET not in str(caught.value) and "pw-3" not in str(caught.value)


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://a.example/"])
def test_loopback_may_be_plain_http(origin: str) -> None:
    assert settings_for(origin).instance_url == origin


@pytest.mark.parametrize("pem", ["", "garbage", "short"])
def test_a_private_key_that_cannot_sign_is_a_configuration_error(pem: str) -> None:
    text = pem_of(rsa.generate_private_key(public_exponent=65537, key_size=1024)) if pem == "short" else pem or "-----"
    settings = settings_for("https://a.example", auth="jwt", username="u", private_key=text)
    with pytest.raises(ConfigError, match="private_key"):
        SalesforceDoor(settings)


def test_the_environment_does_not_reroute_or_loosen_the_connection(
    org: ScriptedOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent.pem")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with door_to(org) as door:
        assert list(door.query(SOQL))


@responses.activate
def test_a_real_org_is_spoken_to_over_verified_tls_with_timeouts() -> None:
    origin = "https://acme.my.salesforce.com"
    token = {"access_token": "t", "instance_url": origin, "id": f"https://login.salesforce.com/id/x/{USER_ID}"}
    responses.post("https://login.salesforce.com/services/oauth2/token", json=token)
    responses.get(f"{origin}{BASE}query/", json={"totalSize": 0, "done": True, "records": []})
    settings = SalesforceSettings(
        instance_url=origin,
        token_host="https://login.salesforce.com",
        auth="jwt",
        client_id="k",
        username="u",
        private_key=pem_of(private_key()),
    )
    door = SalesforceDoor(settings)
    assert list(door.query(SOQL)) == []
    for call in responses.calls:
        assert call.request.url.startswith("https://")
        assert call.request.req_kwargs["timeout"] == (5.0, 60.0)
        assert call.request.req_kwargs["verify"] is True
    door.close()
