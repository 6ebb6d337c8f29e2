"""The org's token endpoint and its sessions."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connector.sandbox.salesforce.people import PEOPLE

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
"""Whom an assertion must address: in a production org, and in a sandbox; never the org's own domain."""
IDLE = timedelta(hours=2)
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
Json = dict[str, Any]


class OAuthError(Exception):
    """A refused token request: answered with an object, unlike the REST API's lists."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error, self.description, self.status = error, description, status

    def body(self) -> Json:
        return {"error": self.error, "error_description": self.description}


@dataclass(slots=True)
class Session:
    """One access token. A published one does not expire by time: demos and tests move the clock."""

    token: str
    user_id: str
    issued_at: datetime
    used_at: datetime
    published: bool = False


class Authority:
    """Issues, checks and revokes the access tokens of one org."""

    def __init__(self, org: Org, directory: Path) -> None:
        self._org = org
        self.client_id = "3MVG9.sandbox.connector.consumer.key"
        self.client_secret = secrets.token_hex(32)
        self.run_as = "integration"
        self.key_file = Path(directory) / "salesforce-connected-app.key"
        self._public = _make_key(self.key_file)
        self._sessions: dict[str, Session] = {}

    def reset(self) -> None:
        """Forget every session but the published ones."""
        self._sessions = {token: one for token, one in self._sessions.items() if one.published}

    def published(self, user_id: str) -> str:
        """Return the user's standing access token."""
        for one in self._sessions.values():
            if one.published and one.user_id == user_id:
                return one.token
        return self.issue(user_id, published=True).token

    def issue(self, user_id: str, *, published: bool = False) -> Session:
        """Open a session; tokens look like ``00D…!…``."""
        now = self._org.clock.now()
        token = f"{self._org.org_id}!{secrets.token_urlsafe(48)}"
        self._sessions[token] = Session(token, user_id, now, now, published)
        return self._sessions[token]

    def session(self, token: str) -> Session | None:
        """Return the live session of a token and note its use; an idle one has ended."""
        found = self._sessions.get(token)
        if found is None:
            return None
        now = self._org.clock.now()
        if not found.published and now - found.used_at > IDLE:
            self.revoke(token)
            return None
        found.used_at = now
        return found

    def revoke(self, token: str) -> bool:
        """End a session; tell whether there was one."""
        return self._sessions.pop(token, None) is not None

    def grant(self, form: dict[str, str], authorization: str) -> Json:
        """Return the token answer to a form.

        Raises:
            OAuthError: the grant, the client or the person is refused.
        """
        kind = form.get("grant_type", "")
        if kind == JWT_GRANT:
            return self._answer(self._by_assertion(form.get("assertion", "")))
        if kind not in {"client_credentials", "password"}:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        self._check_client(form, authorization)
        return self._answer(self._by_password(form) if kind == "password" else self._org.user(self.run_as))

    def _answer(self, user_id: str) -> Json:
        session = self.issue(user_id)
        return {
            "access_token": session.token,
            "scope": "api id",
            "instance_url": self._org.instance_url,
            "id": f"{AUDIENCES[self._org.is_sandbox]}/id/{self._org.org_id}/{user_id}",
            "token_type": "Bearer",
            "issued_at": str(int(session.issued_at.timestamp() * 1000)),
        }

    def _by_assertion(self, assertion: str) -> str:
        try:
            claims = jwt.decode(
                assertion, self._public, algorithms=["RS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )  # fmt: skip
        except jwt.PyJWTError as refused:
            raise OAuthError("invalid_grant", "invalid assertion") from refused
        if claims.get("iss") != self.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        audiences = claims.get("aud") if isinstance(claims.get("aud"), list) else [claims.get("aud")]
        if AUDIENCES[self._org.is_sandbox] not in (audiences or []):
            raise OAuthError("invalid_grant", "audience is invalid")
        self._check_expiry(claims.get("exp"))
        return self._person(str(claims.get("sub")), "user hasn't approved this consumer")

    def _check_expiry(self, claim: Any) -> None:
        try:
            left = float(claim) - self._org.clock.now().timestamp()
        except (TypeError, ValueError):
            raise OAuthError("invalid_grant", "invalid assertion") from None
        if left <= 0:
            raise OAuthError("invalid_grant", "expired authorization code")

    def _check_client(self, form: dict[str, str], authorization: str) -> None:
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization.startswith("Basic "):
            try:
                pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise OAuthError("invalid_client", "invalid client credentials") from None
            client, secret = (unquote(part) for part in (*pair.partition(":")[::2],))
        if client != self.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if not secrets.compare_digest(secret.encode(), self.client_secret.encode()):
            raise OAuthError("invalid_client", "invalid client credentials")

    def _by_password(self, form: dict[str, str]) -> str:
        user_id = self._person(form.get("username", ""), "authentication failure")
        person = next(one for one in PEOPLE.values() if one.username.lower() == form["username"].lower())
        if not secrets.compare_digest(form.get("password", "").encode(), person.password.encode()):
            raise OAuthError("invalid_grant", "authentication failure")
        return user_id

    def _person(self, username: str, refusal: str) -> str:
        for role, person in PEOPLE.items():
            if person.username.lower() == username.lower():
                row = self._org.storage.row(self._org.schema["User"], self._org.user(role)) or {}
                if row.get("IsActive"):
                    return self._org.user(role)
        raise OAuthError("invalid_grant", refusal)

    def identity_url(self, user_id: str) -> str:
        """Return where the org itself tells who a user is; its token answers name Salesforce's login host instead."""
        return f"{self._org.instance_url}/id/{self._org.org_id}/{user_id}"

    def userinfo(self, session: Session) -> Json:
        """Return what the OpenID endpoint tells about the session's user."""
        row = self._org.storage.row(self._org.schema["User"], session.user_id) or {}
        return {
            "sub": f"{AUDIENCES[self._org.is_sandbox]}/id/{self._org.org_id}/{session.user_id}",
            "user_id": session.user_id,
            "organization_id": self._org.org_id,
            "preferred_username": row.get("Username"),
            "nickname": row.get("Alias"),
            "name": row.get("Name"),
            "email": row.get("Email"),
            "user_type": "STANDARD",
            "active": bool(row.get("IsActive")),
            "zoneinfo": row.get("TimeZoneSidKey"),
            "urls": {
                "rest": f"{self._org.instance_url}/services/data/v{{version}}/",
                "sobjects": f"{self._org.instance_url}/services/data/v{{version}}/sobjects/",
            },
        }

    def identity(self, session: Session) -> Json:
        """Return what the identity URL tells about the session's user."""
        told = self.userinfo(session)
        row = self._org.storage.row(self._org.schema["User"], session.user_id) or {}
        return {
            **{name: told[name] for name in ("user_id", "organization_id", "email", "active", "user_type", "urls")},
            "id": self.identity_url(session.user_id),
            "asserted_user": True,
            "username": told["preferred_username"],
            "nick_name": told["nickname"],
            "display_name": told["name"],
            "first_name": row.get("FirstName"),
            "last_name": row.get("LastName"),
            "timezone": told["zoneinfo"],
            "language": row.get("LanguageLocaleKey"),
            "locale": row.get("LocaleSidKey"),
            "is_app_installed": True,
        }

    def introspect(self, form: dict[str, str], authorization: str) -> Json:
        """Return what is known of a token. Raises OAuthError."""
        self._check_client(form, authorization)
        found = self.session(form.get("token", ""))
        if found is None:
            return {"active": False}
        return {
            "active": True,
            "scope": "api id",
            "client_id": self.client_id,
            "username": (self._org.storage.row(self._org.schema["User"], found.user_id) or {}).get("Username"),
            "sub": f"{AUDIENCES[self._org.is_sandbox]}/id/{self._org.org_id}/{found.user_id}",
            "token_type": "access_token",
        }


def _make_key(path: Path) -> rsa.RSAPublicKey:
    """Write a private key, readable by its owner alone, and return the public one; an existing key is kept."""
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key.public_key()
    key = _generate_key()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    return key.public_key()


@cache
def _generate_key() -> rsa.RSAPrivateKey:
    """Return this process's key: what it guards is made up, and making one takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
