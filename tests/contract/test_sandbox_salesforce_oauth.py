"""The sandbox org gives tokens as Salesforce does, and refuses as Salesforce does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from salesforce_sandbox import World, running_org, write_metadata

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_org(write_metadata(tmp_path / "source"), tmp_path / "keys") as found:
        yield found


def token(world: World, form: dict[str, str], **options: Any) -> requests.Response:
    return requests.post(f"{world.url}/services/oauth2/token", data=form, timeout=20, **options)


def assertion(world: World, key: Any = None, **claims: Any) -> dict[str, str]:
    info = world.org.launch_info()
    body = {
        "iss": info["client_id"],
        "sub": info["username"],
        "aud": "https://test.salesforce.com",
        "exp": int(time.time()) + 180,
        **claims,
    }
    key = key or Path(info["private_key_file"]).read_text()
    return {"grant_type": JWT_GRANT, "assertion": jwt.encode(body, key, algorithm="RS256")}


def test_a_signed_assertion_gets_a_token_that_names_org_and_user(world: World) -> None:
    answer = token(world, assertion(world))
    body = answer.json()
    org_id, user_id = body["id"].split("/")[-2:]
    assert answer.status_code == 200
    assert body["access_token"].startswith(org_id + "!")
    assert body["instance_url"] == world.url
    info = requests.get(
        f"{world.url}/services/oauth2/userinfo",
        headers={"Authorization": f"Bearer {body['access_token']}"},
        timeout=20,
    ).json()
    assert (info["user_id"], info["organization_id"]) == (user_id, org_id)


def test_only_the_login_host_of_sandboxes_is_the_audience_of_a_sandbox(world: World) -> None:
    """Neither production's login host nor the org's own domain will do."""
    answers = [
        token(world, assertion(world, aud=audience))
        for audience in ("https://test.salesforce.com", "https://login.salesforce.com", world.url)
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 400]
    assert answers[1].json()["error_description"] == "audience is invalid"


@pytest.mark.parametrize(
    ("claims", "error", "description"),
    [
        ({"aud": "https://acme.my.salesforce.com"}, "invalid_grant", "audience is invalid"),
        ({"iss": "somebody"}, "invalid_client_id", "client identifier invalid"),
        ({"sub": "nobody@example.com"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"exp": 1}, "invalid_grant", "expired authorization code"),
    ],
)
def test_wrong_claims_are_refused_with_an_object(
    world: World, claims: dict[str, Any], error: str, description: str
) -> None:
    answer = token(world, assertion(world, **claims))
    assert answer.status_code == 400
    assert answer.json() == {"error": error, "error_description": description}


def test_another_key_is_refused(world: World) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert token(world, assertion(world, key=other)).json()["error_description"] == "invalid assertion"


def test_expiry_follows_the_sandbox_clock(world: World) -> None:
    form = assertion(world)
    world.clock.advance(3600)
    assert token(world, form).status_code == 400


@pytest.mark.parametrize("where", ["header", "body"])
def test_client_credentials_by_header_or_body(world: World, where: str) -> None:
    info = world.org.launch_info()
    pair = (info["client_id"], info["client_secret"])
    form = {"grant_type": "client_credentials"}
    if where == "header":
        answer = token(world, form, auth=pair)
    else:
        answer = token(world, {**form, "client_id": pair[0], "client_secret": pair[1]})
    assert answer.json()["id"].endswith(world.org.user("integration"))
    wrong = token(world, {**form, "client_id": pair[0], "client_secret": "wrong"})
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_client")


def test_a_seller_logs_in_by_password_and_writes_in_their_own_name(world: World) -> None:
    info = world.org.launch_info()
    seller = info["users"]["seller"]
    form = {
        "grant_type": "password",
        "client_id": info["client_id"],
        "client_secret": info["client_secret"],
        "username": seller["username"],
    }
    bad = token(world, {**form, "password": "wrong"}).json()
    assert bad == {"error": "invalid_grant", "error_description": "authentication failure"}
    world.seller.session.headers["Authorization"] = (
        "Bearer " + token(world, {**form, "password": seller["password"]}).json()["access_token"]
    )
    deal = world.seller.deal()
    assert world.worker.rows("SELECT LastModifiedById FROM Deal__c") == [{"LastModifiedById": seller["id"]}]
    world.worker.patch(f"sobjects/Deal__c/{deal}", {"Title__c": "Other"})
    found = world.worker.rows("SELECT CreatedById, LastModifiedById FROM Deal__c")
    assert found == [{"CreatedById": seller["id"], "LastModifiedById": world.org.user("integration")}]


def test_an_inactive_person_gets_no_token(world: World) -> None:
    world.org.update("User", world.org.user("integration"), {"IsActive": False}, world.org.user("admin"))
    assert token(world, assertion(world)).status_code == 400


def test_sessions_end_by_revocation_and_by_idleness(world: World) -> None:
    first, second = (token(world, assertion(world)).json()["access_token"] for _ in range(2))
    requests.post(f"{world.url}/services/oauth2/revoke", data={"token": first}, timeout=20).raise_for_status()
    world.worker.session.headers["Authorization"] = f"Bearer {first}"
    answer = world.worker.get("limits")
    assert answer.status_code == 401
    assert answer.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    world.worker.session.headers["Authorization"] = f"Bearer {second}"
    assert world.worker.get("limits").status_code == 200
    world.clock.advance(2 * 3600 + 1)
    assert world.worker.get("limits").status_code == 401


def test_introspection_tells_live_from_dead(world: World) -> None:
    info = world.org.launch_info()
    form = {"client_id": info["client_id"], "client_secret": info["client_secret"]}
    live = token(world, assertion(world)).json()["access_token"]
    url = f"{world.url}/services/oauth2/introspect"
    assert requests.post(url, data={**form, "token": live}, timeout=20).json()["username"] == info["username"]
    assert requests.post(url, data={**form, "token": "x"}, timeout=20).json() == {"active": False}


@pytest.mark.parametrize(
    ("version", "code"), [("66.0", "UNSUPPORTED_API_VERSION"), ("59.0", "INVALID_OPERATION"), ("21.0", "UNSUPPORTED")]
)
def test_soap_login_is_refused(world: World, version: str, code: str) -> None:
    answer = requests.post(f"{world.url}/services/Soap/u/{version}", data="<x/>", timeout=20)
    assert answer.status_code == 500
    assert f"<sf:exceptionCode>{code}" in answer.text
    assert "soapenv:Fault" in answer.text


def test_the_private_key_is_readable_by_its_owner_only(world: World) -> None:
    mode = Path(world.org.launch_info()["private_key_file"]).stat().st_mode
    assert mode & 0o077 == 0
