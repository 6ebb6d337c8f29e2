"""Local configuration: what the worker needs to start. Everything an admin may want to change lives in Salesforce
instead.

Read from a TOML file (``--config`` or ``CONNECTOR_CONFIG``, by default ``config/connector.toml``), every key also
from the environment as ``CONNECTOR__SECTION__KEY``, which goes first. Secrets are references, ``env:NAME`` or
``file:PATH``, never literals. ``config/README.md`` describes every key.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from connector.errors import ConfigError

DEFAULT_PATH = Path("config/connector.toml")
PREFIX = "CONNECTOR__"
_ACCOUNT = re.compile(r"[0-9]{12}")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def _checked_url(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError("must be a URL that begins with https://")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("plain http is accepted for loopback addresses only; use https")
    return value.rstrip("/")


def _reference(value: str) -> str:
    if value and not value.startswith(("env:", "file:")):
        raise ValueError("a secret is given by reference, env:NAME or file:PATH, never as a literal")
    return value


Url = Annotated[str, AfterValidator(_checked_url)]
Secret = Annotated[str, AfterValidator(_reference)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SalesforceSection(_Section):
    """``[salesforce]``: how to reach the org. Tokens come from the org's own host unless ``token_host`` names another;
    ``audience`` is by default the one of the kind of org that the host's name shows.
    """

    instance_url: Url = ""
    token_host: Url = ""
    audience: str = ""
    auth: Literal["jwt", "client_credentials", "password"] = "jwt"
    api_version: str = "66.0"
    client_id: str = ""
    client_secret: Secret = ""
    username: str = ""
    password: Secret = ""
    private_key_file: str = ""
    daily_share: float = Field(default=0.5, gt=0, le=1)
    profile: Literal["packaged", "awsapn"] = "packaged"
    proxy: str = ""
    ca_bundle: str = ""

    @property
    def token_audience(self) -> str:
        """The ``aud`` of the JWT: sandboxes and scratch orgs have another one than production orgs."""
        host = urlsplit(self.instance_url).hostname or ""
        kind = "test" if host.endswith((".sandbox.my.salesforce.com", ".scratch.my.salesforce.com")) else "login"
        return self.audience or f"https://{kind}.salesforce.com"


class _AwsAccess(_Section):
    """How to sign in to one AWS account, and where its service is."""

    endpoint_url: Url = ""
    access_key_id: Secret = ""
    secret_access_key: Secret = ""
    session_token: Secret = ""
    aws_profile: str = ""
    role_arn: str = ""
    external_id: str = ""

    @property
    def names_credentials(self) -> bool:
        """Whether the section itself says with what to sign in, rather than leaving it to boto3's search."""
        return bool(self.access_key_id or self.aws_profile or self.role_arn)


class PartnerCentralSection(_AwsAccess):
    """``[aws.partner_central]``: how to reach Partner Central, and the rates that AWS grants the account."""

    region: str = "us-east-1"
    writes_per_second: float = Field(default=1.0, gt=0)
    reads_per_second: float = Field(default=10.0, gt=0)
    writes_per_day: int = Field(default=10_000, gt=0)
    reads_per_day: int = Field(default=100_000, gt=0)
    share: float = Field(default=0.8, gt=0, le=1)
    company: str = ""
    allow_production_from_sandbox: bool = False


def _home_region(value: str) -> str:
    if value != "us-east-1":
        raise ValueError("AWS announces its events in us-east-1 (N. Virginia) only; make rule and queue there")
    return value


class EventsSection(_AwsAccess):
    """``[aws.events]``: the queues by which AWS announces changes; without ``queue_url`` they are found by polling."""

    queue_url: Url = ""
    dead_letter_queue_url: Url = ""
    region: Annotated[str, AfterValidator(_home_region)] = "us-east-1"
    wait_seconds: int = Field(default=20, ge=1, le=20)


class ExchangeSection(_AwsAccess):
    """``[aws.exchange]``: how to reach the ACE bucket, whose name admins set in Salesforce; ``folders`` gives other
    names of its folders by the usual ones.
    """

    region: str = "us-west-2"
    files_per_day: int = Field(default=10_000, gt=0)
    folders: dict[str, str] = {}


def _account_number(value: object) -> object:
    if isinstance(value, str) and _ACCOUNT.fullmatch(value):
        return value
    quotes = "" if isinstance(value, str) else ' in quotes, such as "111122223333"'
    raise ValueError(f"must be the 12 digits of an AWS account{quotes}")


class SellerSection(_AwsAccess):
    """``[[aws.sellers]]``, one for each seller account: how to reach its AWS Marketplace catalog, which AWS has in
    us-east-1 only.
    """

    account: Annotated[str, BeforeValidator(_account_number)]
    name: str = ""


def _a_list(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise ValueError(
            "begin each seller account with [[aws.sellers]], in double brackets; as a variable, "
            "CONNECTOR__AWS__SELLERS is a JSON list of all of them"
        )
    return value


def _each_once(sellers: tuple[SellerSection, ...]) -> tuple[SellerSection, ...]:
    counted = Counter(seller.account for seller in sellers)
    if several := [account for account, times in counted.items() if times > 1]:
        raise ValueError(f"each account is given once, but {', '.join(several)} several times; keep one of them")
    return sellers


class AwsSection(_Section):
    partner_central: PartnerCentralSection = PartnerCentralSection()
    events: EventsSection = EventsSection()
    exchange: ExchangeSection = ExchangeSection()
    sellers: Annotated[tuple[SellerSection, ...], BeforeValidator(_a_list), AfterValidator(_each_once)] = ()


class StateSection(_Section):
    """``[state]``: the SQLite file, on a local disk."""

    path: Path = Path("var/connector.db")


class WebSection(_Section):
    """``[web]``: where the web pages listen, under which address browsers reach them, and who may enter."""

    bind: str = "127.0.0.1:0"
    url: Url = ""
    password: Secret = ""
    viewer_password: Secret = ""
    user: str = ""


class WorkerSection(_Section):
    """``[worker]``: ``clock_url`` is the sandbox's clock; without it the system's is used."""

    clock_url: Url = ""
    write_back_seconds: float = Field(default=10.0, ge=0)
    heartbeat_seconds: float = Field(default=60.0, gt=0)
    summary_budget: int = Field(default=30, ge=0)
    summary_age_hours: float = Field(default=6.0, gt=0)
    quiet_hours: float = Field(default=6.0, ge=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Config(BaseSettings):
    """The whole local configuration. Unknown keys are refused, all problems at once."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    salesforce: SalesforceSection = SalesforceSection()
    aws: AwsSection = AwsSection()
    state: StateSection = StateSection()
    web: WebSection = WebSection()
    worker: WorkerSection = WorkerSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; nothing else."""
        return (env_settings, init_settings)


def load_config(path: Path | None = None) -> Config:
    """Read the configuration.

    Args:
        path: the TOML file; by default ``CONNECTOR_CONFIG`` or ``config/connector.toml``, which may then be missing.

    Raises:
        ConfigError: there is no configuration, the file is missing or not TOML, or keys are unknown or wrong; all are
            named at once.
    """
    named = path or (Path(os.environ["CONNECTOR_CONFIG"]) if os.environ.get("CONNECTOR_CONFIG") else None)
    file = named or DEFAULT_PATH
    if named is not None and not named.is_file():
        raise ConfigError(f"There is no configuration file {named}. Give its path by --config or CONNECTOR_CONFIG.")
    variables = [name for name in os.environ if name.upper().startswith(PREFIX)]
    if not file.is_file() and not variables:
        raise ConfigError(
            f"There is no configuration: {DEFAULT_PATH} does not exist here. Give the path of a configuration file by "
            "--config or CONNECTOR_CONFIG, or the keys as CONNECTOR__SECTION__KEY. `connector demo` needs none."
        )
    values = _read(file) if file.is_file() else {}
    try:
        return Config(**_unknown_sections(variables), **values)
    except ValidationError as error:
        raise ConfigError(_told(error, file)) from None
    except SettingsError as error:
        told = "A variable CONNECTOR__* that must be JSON, such as CONNECTOR__AWS__SELLERS, is not"
        raise ConfigError(f"{told}: {error}.") from None


def _read(file: Path) -> dict[str, Any]:
    try:
        return TomlConfigSettingsSource(Config, file)()
    except ValueError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}.") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from None


def _unknown_sections(variables: list[str]) -> dict[str, Any]:
    """Return variables of sections that do not exist under their own names, so that they are refused with the rest."""
    sections = {name: name[len(PREFIX) :].split("__")[0].lower() for name in variables}
    return {name: "" for name, section in sections.items() if section not in Config.model_fields}


def _told(error: ValidationError, file: Path) -> str:
    lines = [f"  {_place(one['loc'])}: {_reason(one)}" for one in error.errors()]
    return "\n".join([f"The configuration ({file} and CONNECTOR__* variables) cannot be used:", *lines])


def _place(location: tuple[int | str, ...]) -> str:
    *sections, key = location
    if not sections:
        return str(key)
    names = ".".join(one for one in sections if isinstance(one, str))
    number = next((one for one in sections if isinstance(one, int)), None)
    return f"[{names}] {key}" if number is None else f"[[{names}]] number {number + 1}, {key}"


def _reason(problem: ErrorDetails) -> str:
    if problem["type"] == "extra_forbidden":
        return "there is no such key; config/README.md lists those that there are"
    return problem["msg"].removeprefix("Value error, ")


def secret(reference: str, key: str) -> str:
    """Return the secret that a reference names; empty for an empty reference.

    Raises:
        ConfigError: the variable or file does not exist. The secret itself never appears in a message.
    """
    kind, _, name = reference.partition(":")
    if not reference:
        return ""
    if kind == "env":
        if name not in os.environ:
            raise ConfigError(f"{key} refers to the environment variable {name}, which is not set.")
        return os.environ[name]
    try:
        return Path(name).read_text(encoding="utf8").strip()
    except OSError as error:
        raise ConfigError(f"{key} refers to the file {name}, which cannot be read: {error.strerror}.") from error
