"""Access tokens: asked for by JWT bearer, client credentials or (legacy) password, and renewed one thread at a time.

simple-salesforce is never given credentials: its own login posts to a host that it derives itself, without a time-
out, and its refresh loops without end on a permanent 401.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit

import jwt
import requests
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connector.errors import AuthFailed, ConfigError
from connector.salesforce.errors import Effect, Transient, scrub, token_refused, translate
from connector.salesforce.literals import is_record_id
from connector.salesforce.session import DoorSession
from connector.salesforce.settings import SalesforceSettings, address_problems

LOG = logging.getLogger("connector.salesforce")
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFE = timedelta(minutes=3)
SMALLEST_KEY = 2048


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, the origin it is good for, and whose it is (empty ids where the answer did not say)."""

    value: str = field(repr=False)
    instance_url: str
    org_id: str = ""
    user_id: str = ""


class TokenProvider:
    """Hands out the current token; may be shared by the doors of several threads.

    Raises ConfigError when it is made with a private key that cannot sign.
    """

    def __init__(self, settings: SalesforceSettings, *, now: Callable[[], datetime]) -> None:
        self.logins = 0
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._key = signing_key(settings.private_key) if settings.auth == "jwt" else None
        if settings.auth == "password":
            LOG.warning(
                "Salesforce auth 'password' is deprecated and blocked by default in newer orgs: "
                "change to 'jwt' or 'client_credentials'"
            )

    def current(self, session: DoorSession) -> Token:
        """Return the token, logging in if there is none. Raises AuthFailed, ConfigError or Retriable."""
        with self._lock:
            if self._token is None:
                self._token = self._log_in(session)
            return self._token

    def renew(self, refused: Token, session: DoorSession) -> Token:
        """Return a token other than the refused one; if another thread renewed it meanwhile, that one, without a
        login.
        """
        with self._lock:
            if self._token is None or self._token == refused:
                self._token = None
                self._token = self._log_in(session)
            return self._token

    def _log_in(self, session: DoorSession) -> Token:
        self.logins += 1
        url = f"{self._settings.token_origin}/services/oauth2/token"
        try:
            answer = session.post(url, data=self._form(), headers={"Accept": "application/json"})
        except requests.RequestException as error:
            raise translate(error, effect=Effect.READ, now=self._now()) from None
        if answer.status_code != 200:
            raise self._without_secrets(token_refused(answer.status_code, answer.content))
        return self._read(answer, session)

    def _form(self) -> dict[str, str]:
        settings = self._settings
        if settings.auth == "jwt":
            return {"grant_type": JWT_GRANT, "assertion": self._assertion()}
        form = {"client_id": settings.client_id, "client_secret": settings.client_secret}
        if settings.auth == "client_credentials":
            return form | {"grant_type": "client_credentials"}
        return form | {"grant_type": "password", "username": settings.username, "password": settings.password}

    def _assertion(self) -> str:
        assert self._key is not None
        claims = {
            "iss": self._settings.client_id,
            "sub": self._settings.username,
            "aud": self._settings.audience,
            "exp": int((self._now() + ASSERTION_LIFE).timestamp()),
        }
        return jwt.encode(claims, self._key, algorithm="RS256")

    def _read(self, answer: requests.Response, session: DoorSession) -> Token:
        try:
            body = answer.json()
            value, instance = str(body["access_token"]), str(body["instance_url"]).rstrip("/")
        except (ValueError, KeyError, TypeError):
            raise Transient("The Salesforce login answered something that is not a token. It is tried again.") from None
        if address_problems("instance_url", instance):
            raise AuthFailed("The token answer names an instance that is not an https origin. Check token_host.")
        session.admit_plain(instance)
        tail = urlsplit(str(body.get("id") or "")).path.split("/")
        org_id, user_id = tail[-2:] if len(tail) > 2 and all(map(is_record_id, tail[-2:])) else ("", "")
        return Token(value, instance, org_id, user_id)

    def _without_secrets(self, error: Exception) -> Exception:
        text = scrub(str(error))
        for secret in self._settings.secrets:
            text = text.replace(secret, "[secret]")
        return type(error)(text)


@lru_cache(maxsize=2)
def signing_key(pem: str) -> RSAPrivateKey:
    """Return the RSA key in the PEM text. Raises ConfigError (without the text) when it is none or too short for
    Salesforce. Checking a key takes a tenth of a second, so that one that was found good is kept.
    """
    try:
        key = load_pem_private_key(pem.encode("utf8"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(
            "Salesforce settings: private_key is not a readable, unencrypted PEM key; give the key "
            "of the app's certificate."
        ) from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < SMALLEST_KEY:
        raise ConfigError(
            f"Salesforce settings: private_key must be RSA with at least {SMALLEST_KEY} bits; make a "
            "new key and certificate."
        )
    return key
