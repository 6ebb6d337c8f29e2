"""How to reach Partner Central: the settings, and boto3 clients made from them."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import ProfileNotFound

from connector.aws.wire import utc_text
from connector.errors import ConfigError

SERVICE = "partnercentral-selling"
HOME_REGION = "us-east-1"
CATALOGS = ("AWS", "Sandbox")
READ_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class PartnerCentralSettings:
    """How to reach one Partner Central account and catalog, and how much of its quotas is ours.

    Attributes:
        region: AWS region; the service exists in ``us-east-1`` only.
        endpoint_url: another endpoint than AWS's own, for tests and proxies; https, or http on a loopback address.
        access_key_id, secret_access_key, session_token: keys; empty for ``profile`` or the machine's own credentials.
        profile: name of a profile in AWS's shared configuration.
        role_arn, external_id: a role to assume with the credentials above.
        sts_endpoint_url: another endpoint for assuming that role.
        catalog: ``AWS`` (live) or ``Sandbox``.
        writes_per_second, reads_per_second, writes_per_day, reads_per_day: AWS's quotas for the
            account; a day is any 24 hours.
        share: the part of each quota that this connector may use, above 0 and at most 1.
        connect_timeout, read_timeout: seconds.
        company, integration: who is calling, for the header ``X-Amzn-User-Agent`` that AWS asks integrations to send.

    Raises:
        ConfigError: naming every setting that cannot work; never with the value of a secret.
    """

    region: str = HOME_REGION
    endpoint_url: str = ""
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    profile: str = ""
    role_arn: str = ""
    external_id: str = field(default="", repr=False)
    sts_endpoint_url: str = ""
    catalog: str = "AWS"
    writes_per_second: float = 1.0
    reads_per_second: float = 10.0
    writes_per_day: int = 10_000
    reads_per_day: int = 100_000
    share: float = 0.8
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    company: str = "Partner"
    integration: str = "ACE Connector"

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise ConfigError("Partner Central settings: " + " ".join(problems))

    @property
    def user_agent(self) -> str:
        """The value of ``X-Amzn-User-Agent``: company, integration, CRM and version of the scheme."""
        return f"{self.company}|{self.integration}|Salesforce|v1"


def _problems(settings: PartnerCentralSettings) -> Iterator[str]:
    if settings.catalog not in CATALOGS:
        yield f"catalog is {settings.catalog!r}; it must be AWS (live) or Sandbox."
    for name in ("endpoint_url", "sts_endpoint_url"):
        url = getattr(settings, name)
        if url and not _is_safe(url):
            yield f"{name} is {_without_password(url)!r}; it must be https, or http on a loopback address."
    if bool(settings.access_key_id) != bool(settings.secret_access_key):
        yield "access_key_id and secret_access_key belong together; give both or neither."
    if settings.access_key_id and settings.profile:
        yield "access keys and profile exclude each other; give one of them."
    if not 0 < settings.share <= 1:
        yield f"share is {settings.share}; it must be above 0 and at most 1."
    numbers = (
        "writes_per_second",
        "reads_per_second",
        "writes_per_day",
        "reads_per_day",
        "connect_timeout",
        "read_timeout",
    )
    for name in numbers:
        if getattr(settings, name) <= 0:
            yield f"{name} is {getattr(settings, name)}; it must be above 0."
    for name in ("company", "integration"):
        value = getattr(settings, name)
        if not value.isascii() or not value.isprintable() or "|" in value:
            yield f"{name} is {value!r}; it must be printable ASCII without a vertical bar."


def is_loopback(url: str) -> bool:
    """Return whether the URL names this machine itself."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)))


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}"


class Login(Protocol):
    """The part of settings that says as whom to call AWS; see :class:`PartnerCentralSettings`."""

    @property
    def region(self) -> str: ...
    @property
    def access_key_id(self) -> str: ...
    @property
    def secret_access_key(self) -> str: ...
    @property
    def session_token(self) -> str: ...
    @property
    def profile(self) -> str: ...
    @property
    def role_arn(self) -> str: ...
    @property
    def external_id(self) -> str: ...
    @property
    def sts_endpoint_url(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Clients:
    """Two clients of one account: reads may be repeated by botocore, a write goes on the wire once per call."""

    reads: Any
    writes: Any

    def __iter__(self) -> Iterator[Any]:
        return iter((self.reads, self.writes))


def open_clients(settings: PartnerCentralSettings) -> Clients:
    """Return clients for the settings, without sending anything.

    Raises ConfigError when the profile does not exist.
    """
    try:
        session = sign_in(settings)
        return Clients(_client(session, settings, attempts=READ_ATTEMPTS), _client(session, settings, attempts=1))
    except ProfileNotFound:
        raise ConfigError(
            f"The AWS profile {settings.profile!r} does not exist for the user that runs the connector; "
            "add it to ~/.aws/config or name another one."
        ) from None


def sign_in(settings: Login) -> boto3.Session:
    """Return a session with the credentials that the settings name; nothing is sent. Raises botocore's ProfileNotFound.

    Answers of this session carry timestamps as text: botocore's own parsing would cut nanoseconds off.
    """
    core = _signed_in(settings)
    if settings.role_arn:
        role = _RoleProvider(_signed_in(settings), settings)
        core = botocore.session.Session(profile=settings.profile or None)
        core.get_component("credential_provider").providers.insert(0, role)
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=utc_text)
    return boto3.Session(botocore_session=core)


def _signed_in(settings: Login) -> botocore.session.Session:
    session = botocore.session.Session(profile=settings.profile or None)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    if settings.access_key_id:
        session.set_credentials(settings.access_key_id, settings.secret_access_key, settings.session_token or None)
    return session


@functools.cache
def _loader(data_path: str | None) -> botocore.loaders.Loader:
    """Return the process's one reader of service models: reading one takes longer than most calls do."""
    return botocore.loaders.create_loader(data_path)


def _client(session: boto3.Session, settings: PartnerCentralSettings, *, attempts: int) -> Any:
    return session.client(  # type: ignore[call-overload]
        SERVICE,
        region_name=settings.region,
        endpoint_url=settings.endpoint_url or None,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            # Only our own configuration may redirect records: no stray AWS_ENDPOINT_URL, no proxy before loopback.
            ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]
            proxies={} if is_loopback(settings.endpoint_url) else None,
        ),
    )


class _RoleProvider(CredentialProvider):
    """Credentials of the role to assume, fetched at first use and renewed before they expire."""

    METHOD = "connector-role"
    CANONICAL_NAME = None

    def __init__(self, source: botocore.session.Session, settings: Login) -> None:
        super().__init__(source)
        self._source = source
        self._settings = settings

    def load(self) -> Credentials:
        settings = self._settings
        sts = functools.partial(
            self._source.create_client, region_name=settings.region, endpoint_url=settings.sts_endpoint_url or None
        )
        extra = {"ExternalId": settings.external_id} if settings.external_id else {}
        fetcher = AssumeRoleCredentialFetcher(
            # The fetcher names a region of its own choice when the source has one; ours is set above.
            client_creator=lambda service, **keys: sts(service, **(keys | {"region_name": settings.region})),
            source_credentials=self._source.get_credentials(),
            role_arn=settings.role_arn,
            extra_args={"RoleSessionName": "ace-connector"} | extra,
        )
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, self.METHOD)
