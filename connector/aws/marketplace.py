"""The door to the AWS Marketplace Catalog API of one seller account: list and describe its entities."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ProfileNotFound

from connector.aws.errors import WIRE_ERRORS
from connector.aws.marketplace_errors import DESCRIBE, LIST, Call, explain, is_passing
from connector.aws.session import HOME_REGION, is_loopback, sign_in
from connector.aws.throttle import Pacer
from connector.aws.wire import json_object
from connector.errors import ConfigError, ConnectorError, RecordRejected, Retriable

Json = dict[str, Any]
SERVICE = "marketplace-catalog"
CATALOG = "AWSMarketplace"
PAGE = 50
IDS_PER_CALL = 20
PRODUCT_TYPES = ("SaaSProduct", "AmiProduct", "ContainerProduct")
QUOTAS = {LIST: 10.0, DESCRIBE: 20.0}
"""Requests per second that AWS grants an account."""
ATTEMPTS = 3
LONGEST_REST = 20.0
"""Seconds that the door itself waits before it asks again; longer rests are the caller's."""
_IN_WORDS = {LIST: "listing", DESCRIBE: "description"}
_BY_ID = {"SortBy": "EntityId", "SortOrder": "ASCENDING"}
"""By date an entity that is changed during the walk would move to a page that was read already."""


@dataclass(frozen=True, slots=True)
class CatalogSettings:
    """How to reach the AWS Marketplace catalog of one seller account.

    Attributes:
        account: its number, 12 digits.
        endpoint_url: another endpoint than AWS's own, for tests and proxies.
        access_key_id, secret_access_key, session_token: keys; empty for ``profile`` or the machine's own credentials.
        profile: name of a profile in AWS's shared configuration.
        role_arn, external_id: a role to assume with the credentials above.
        sts_endpoint_url: another endpoint for assuming that role.
        region: AWS has the catalog in ``us-east-1`` only.
        share: the part of the account's quotas that is ours; the seller's other tools use the same ones.
        connect_timeout, read_timeout: seconds.

    Raises:
        ConfigError: what cannot work; never with the value of a secret.
    """

    account: str
    endpoint_url: str = ""
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    profile: str = ""
    role_arn: str = ""
    external_id: str = field(default="", repr=False)
    sts_endpoint_url: str = ""
    region: str = HOME_REGION
    share: float = 0.5
    connect_timeout: float = 10.0
    read_timeout: float = 60.0

    def __post_init__(self) -> None:
        if bool(self.access_key_id) != bool(self.secret_access_key):
            raise ConfigError(f"{self.section}: access_key_id and secret_access_key go together; give both or none.")
        if self.access_key_id and self.profile:
            raise ConfigError(f"{self.section}: access keys and aws_profile exclude each other; give one of them.")

    @property
    def section(self) -> str:
        """The part of the local configuration that this is from."""
        return f"[[aws.sellers]] of account {self.account}"


@dataclass(frozen=True, slots=True)
class Described:
    """What AWS describes of the entities that were asked for; each is in one of both.

    Attributes:
        found: EntityType, EntityArn, EntityIdentifier, LastModifiedDate and DetailsDocument, by id.
        refused: AWS's code and words, by id.
    """

    found: Mapping[str, Json]
    refused: Mapping[str, str]


class CatalogDoor:
    """Reads one seller account's catalog within our share of its quotas.

    Answers are JSON values as AWS sends them, dates included; errors are those of :mod:`connector.errors`. A passing
    fault is tried again here, so that a walk of many pages need not begin anew.

    Args:
        settings: endpoint, credentials and share.
        now: the time, aware, UTC.
        monotonic, sleep: seconds of a clock that never goes back, and waiting by it.
        jitter: a number from 0 to 1, anew at each call.
    """

    def __init__(
        self,
        settings: CatalogSettings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self._now = now
        self._sleep = sleep
        self._jitter = jitter
        intervals = {_IN_WORDS[name]: 1 / (quota * settings.share) for name, quota in QUOTAS.items()}
        self._pacer = Pacer("AWS Marketplace", intervals, now=now, monotonic=monotonic, sleep=sleep, jitter=jitter)

    @property
    def account(self) -> str:
        """The account's number, 12 digits."""
        return self.settings.account

    def list_entities(self, entity_type: str, *, shared: bool = False) -> Iterator[Json]:
        """Yield the summary of every entity of a type, all pages; ``EntityId`` is without a revision.

        Args:
            entity_type: without a version, such as ``SaaSProduct``.
            shared: those that other accounts share with this one, instead of its own.

        Raises:
            ConfigError: the credentials are another account's.
        """
        request = {"EntityType": entity_type, "OwnershipType": "SHARED" if shared else "SELF", "Sort": _BY_ID}
        for page in self._pages({**request, "MaxResults": PAGE}):
            for summary in page:
                if not shared:
                    self._require_own(summary)
                yield {**summary, "EntityId": _plain(summary.get("EntityId"))}

    def describe_entities(self, ids: Sequence[str]) -> Described:
        """Return the entities of these ids, asked for in groups; one that AWS refuses stops no other."""
        found: dict[str, Json] = {}
        refused: dict[str, str] = {}
        wanted = list(dict.fromkeys(map(_plain, ids)))
        for start in range(0, len(wanted), IDS_PER_CALL):
            self._describe(wanted[start : start + IDS_PER_CALL], found, refused)
        silent = dict.fromkeys((one for one in wanted if one not in found and one not in refused), "AWS says nothing.")
        return Described(found, refused | silent)

    def check(self) -> str:
        """Return, for people, what the catalog says; nothing is changed.

        Raises:
            ConnectorError: it cannot be used, with the remedy.
        """
        for kind in PRODUCT_TYPES:
            page = next(self._pages({"EntityType": kind, "MaxResults": 1}))
            for summary in page:
                self._require_own(summary)
            if page:
                return f"account {self.account} answers and has products (region {self.settings.region})"
        return f"account {self.account} answers and has no SaaS, AMI or container product yet"

    def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            self._client.close()

    def _require_own(self, summary: Json) -> None:
        """Rows are kept under the account that is configured: another's must not get there."""
        owner = _owner(str(summary.get("EntityArn") or ""))
        if owner and owner != self.account:
            raise ConfigError(
                f"The credentials in {self.settings.section} are those of account {owner}. Correct the number, or give "
                f"credentials of account {self.account}."
            )

    def _describe(self, ids: list[str], found: dict[str, Json], refused: dict[str, str]) -> None:
        try:
            answer = self._describe_patiently(ids, found)
        except RecordRejected as error:
            # One id that AWS does not take makes it refuse the others with it.
            if len(ids) == 1:
                refused[ids[0]] = str(error)
                return
            for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
                self._describe(half, found, refused)
        else:
            refused |= {one: _words(error) for one, error in answer.items()}

    def _describe_patiently(self, ids: list[str], found: dict[str, Json]) -> dict[str, Json]:
        """Add what can be read; return AWS's errors about the rest, after those that may pass were asked for again."""
        errors: dict[str, Json] = {}
        for attempt in range(1, ATTEMPTS + 1):
            members = [{"Catalog": CATALOG, "EntityId": one} for one in ids]
            answer = self._call(DESCRIBE, {"EntityRequestList": members})
            found |= {_plain(one): entity for one, entity in (answer.get("EntityDetails") or {}).items()}
            told = {_plain(one): error for one, error in (answer.get("Errors") or {}).items()}
            errors |= told
            ids = [one for one in ids if is_passing(str(told.get(one, {}).get("ErrorCode")))]
            if not ids:
                break
            if attempt < ATTEMPTS:
                self._sleep(self._back_off(attempt))
        return {one: error for one, error in errors.items() if one not in found}

    # --- calling

    def _pages(self, request: Json) -> Iterator[list[Json]]:
        """A page may be short, even empty, and still not be the last: only a missing token ends the walk."""
        token: Json = {}
        seen: set[str] = set()
        while True:
            answer = self._call(LIST, {"Catalog": CATALOG, **request, **token})
            yield answer.get("EntitySummaryList") or []
            following = answer.get("NextToken")
            if not following:
                return
            if following in seen:
                raise Retriable(f"{LIST}: AWS repeated a page token, so the walk would never end; start it again.")
            seen.add(following)
            token = {"NextToken": following}

    def _call(self, operation: str, request: Json) -> Json:
        """Make the call, up to three times where that may help."""
        for attempt in range(1, ATTEMPTS):
            try:
                return self._try(operation, request)
            except Retriable as error:
                rest = self._back_off(attempt) if error.after is None else error.after
                if rest > LONGEST_REST:
                    raise
            self._sleep(rest)
            self._pacer.rested(_IN_WORDS[operation])
        return self._try(operation, request)

    def _back_off(self, attempt: int) -> float:
        return float(2**attempt) * (0.1 + 0.9 * self._jitter()) / 2

    def _try(self, operation: str, request: Json) -> Json:
        kind = _IN_WORDS[operation]
        self._pacer.enter(kind)
        try:
            answer = getattr(self._client, xform_name(operation))(**request)
        except WIRE_ERRORS as error:
            failure = self._failure(error, operation, request)
        else:
            self._pacer.accepted(kind)
            return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
        # Outside of the handler, so that no traceback carries botocore's text, which may quote security tokens.
        raise failure

    def _failure(self, error: Any, operation: str, request: Json) -> ConnectorError:
        settings = self.settings
        secrets = (settings.secret_access_key, settings.session_token, settings.access_key_id, settings.external_id)
        call = Call(operation, self.account, request, secrets)
        return explain(error, call, slowed=lambda: self._pacer.refused(_IN_WORDS[operation]).seconds, now=self._now())

    @cached_property
    def _client(self) -> Any:
        """Opened at the first call: reading its service model takes a while. The retries are ours, not botocore's."""
        settings = self.settings
        try:
            session = sign_in(settings)
        except ProfileNotFound:
            raise ConfigError(
                f"{settings.section}: aws_profile {settings.profile!r} does not exist for the user that runs the "
                "connector; add it to ~/.aws/config or name another one."
            ) from None
        client = session.client(  # type: ignore[call-overload]
            SERVICE,
            region_name=settings.region,
            endpoint_url=settings.endpoint_url or None,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 1},
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout,
                ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]
                proxies={} if is_loopback(settings.endpoint_url) else None,
            ),
        )
        client.meta.events.register(f"before-parse.{SERVICE}.*", _require_whole)
        return client


def _require_whole(response_dict: Json, **_: Any) -> None:
    """Botocore would take an answer that is cut off for one that lists nothing."""
    if response_dict["status_code"] < 300:
        json_object(response_dict["body"])


def _plain(entity_id: Any) -> str:
    """Return the id without the revision that AWS appends at times."""
    return str(entity_id or "").partition("@")[0]


def _owner(arn: str) -> str:
    """Return the number of the account that an entity's ARN names; empty where it names none."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 4 else ""


def _words(error: Json) -> str:
    return ": ".join(str(error[name]) for name in ("ErrorCode", "ErrorMessage") if error.get(name)) or "no reason given"
