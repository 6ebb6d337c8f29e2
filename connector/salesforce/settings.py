"""How to reach one Salesforce org: checked when it is made, so that nothing later meets an impossible value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal, get_args
from urllib.parse import urlsplit

from connector.errors import ConfigError

Auth = Literal["jwt", "client_credentials", "password"]
NEEDED: Mapping[str, tuple[str, ...]] = {
    "jwt": ("client_id", "username", "private_key"),
    "client_credentials": ("client_id", "client_secret"),
    "password": ("client_id", "client_secret", "username", "password"),
}
CENTRAL_LOGIN_HOSTS = {"login.salesforce.com", "test.salesforce.com"}


def is_loopback(host: str) -> bool:
    """Tell whether the host is this machine: ``localhost`` or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceSettings:
    """How the door logs in and behaves.

    Attributes:
        instance_url: the org's My Domain origin, ``https://acme.my.salesforce.com``; the token answer may name
            another one.
        token_host: origin that issues tokens; the instance itself when empty.
        audience: ``aud`` of the JWT assertion: ``https://login.salesforce.com`` for production,
            ``https://test.salesforce.com`` for sandboxes, whatever the token host is.
        auth: ``jwt`` (advised), ``client_credentials``, or ``password`` (legacy; refused by default in newer orgs).
        private_key: PEM text of an RSA key of at least 2048 bits, for ``jwt``.
        api_version: REST API version, such as ``66.0``.
        daily_share: part of the org's daily API requests that this connector may use, above 0 and up to 1.
        connect_timeout, read_timeout: seconds.
        proxies: ``{"https": "http://proxy:3128"}``; proxies and CA files named in the environment are not looked at.
        ca_bundle: file of trusted certificates; the built-in ones when empty.
        describe_max_age: seconds during which a describe is used without asking again.
        conditional_composite: send guarded updates 25 at a time. Off by default, see
            :mod:`connector.salesforce.guarded`.
        client_name: how the org's event logs name this client.

    Raises ConfigError naming every value that is wrong; secrets are never part of it.
    """

    instance_url: str
    token_host: str = ""
    audience: str = "https://login.salesforce.com"
    auth: Auth = "jwt"
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    api_version: str = "66.0"
    daily_share: float = 0.5
    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_bundle: str = ""
    describe_max_age: float = 60.0
    conditional_composite: bool = False
    client_name: str = "ace-connector"

    def __post_init__(self) -> None:
        problems = [*self._address_problems(), *self._auth_problems(), *self._range_problems()]
        if problems:
            raise ConfigError("Salesforce settings: " + " ".join(problems))

    @property
    def token_origin(self) -> str:
        """Return the origin that tokens are asked of."""
        return (self.token_host or self.instance_url).rstrip("/")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the values that must appear nowhere."""
        return tuple(value for value in (self.client_secret, self.password, self.private_key) if value)

    def _address_problems(self) -> list[str]:
        found = [*address_problems("instance_url", self.instance_url)]
        if self.token_host:
            found += address_problems("token_host", self.token_host)
        host = urlsplit(self.instance_url).hostname or ""
        if host.endswith(".lightning.force.com"):
            found.append(
                f"instance_url {self.instance_url} is a user-interface host, which refuses API tokens; "
                "give the My Domain host (https://….my.salesforce.com)."
            )
        return found

    def _auth_problems(self) -> list[str]:
        if self.auth not in get_args(Auth):
            return [f"auth {self.auth!r} is unknown; choose one of {', '.join(get_args(Auth))}."]
        found = [f"auth {self.auth!r} needs {name}; set it." for name in NEEDED[self.auth] if not getattr(self, name)]
        if self.auth == "client_credentials" and urlsplit(self.token_origin).hostname in CENTRAL_LOGIN_HOSTS:
            found.append(
                f"auth 'client_credentials' works on the org's My Domain host only, not on {self.token_origin}; "
                "leave token_host empty."
            )
        return found

    def _range_problems(self) -> list[str]:
        found = []
        if not re.fullmatch(r"\d{2,3}\.0", self.api_version):
            found.append(f"api_version {self.api_version!r} is not like '66.0'; correct it.")
        if not 0 < self.daily_share <= 1:
            found.append(f"daily_share {self.daily_share} is not above 0 and at most 1; correct it.")
        if min(self.connect_timeout, self.read_timeout) <= 0:
            found.append("connect_timeout and read_timeout must be above 0 seconds; correct them.")
        if not re.fullmatch(r"[\w./-]{1,64}", self.client_name, re.ASCII):
            found.append("client_name may hold letters, digits, '.', '/', '_' and '-' only; correct it.")
        return found


def address_problems(name: str, url: str) -> list[str]:
    """Return what is wrong with an origin: it must be https (http on loopback only) without path or credentials."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return [f"{name} is not a URL; give an origin like https://acme.my.salesforce.com."]
    if parts.username or parts.password:
        return [f"{name} must not carry a user name or password; remove them."]
    if not host or parts.scheme not in {"http", "https"} or parts.path not in {"", "/"} or parts.query:
        return [f"{name} {url!r} is not an origin like https://acme.my.salesforce.com; correct it."]
    if parts.scheme == "http" and not is_loopback(host):
        return [f"{name} {url!r} is plain http, which is accepted for loopback addresses only; use https."]
    return []
