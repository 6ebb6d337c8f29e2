"""``connector check``: every prerequisite per integration, one line each, with the remedy where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as MappingOf
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import typer

from connector import __version__
from connector.admin.context import JsonFlag, open_runtime
from connector.admin.neighbour_check import neighbours
from connector.admin.output import people, print_json
from connector.admin.setting_checks import nameless_buckets, owner_problem
from connector.admin.versions import compare, package_version
from connector.aws.partner_central import PartnerCentralDoor
from connector.aws.queue import QueueDoor
from connector.errors import ConnectorError, Problem
from connector.mapping.fit import catalogue_of, check_mapping, is_blocking, own_field_problems, working_part
from connector.mapping.model import Mapping
from connector.mapping.outbound import readable_paths, snapshot
from connector.names import NOTIFICATION, SETTINGS, SYNC_LOG, SYNC_LOG_DETAIL, WORKER, Detail, Log, Notification, Worker
from connector.salesforce.access import Need
from connector.service.exchange import bucket_name, file_settings, missing_settings, open_exchange
from connector.service.listening import find_queue, named_queue, open_queue
from connector.service.runtime import (
    OPPORTUNITY,
    Runtime,
    catalog_of,
    current_settings,
    guard_catalog,
    partner_central_settings,
)
from connector.sync.accounts import account_lookup
from connector.sync.edits import changed_paths
from connector.sync.settings import SyncSettings
from connector.sync.templates import ACCOUNT

LOOKED_AT = 200
"""Records, latest first, among which edits made with the integration user are looked for."""
OWN_FIELD_CODES = frozenset({"OWN_FIELD_MISSING", "NO_VALID_FIELD_TO_MAP"})
HISTORY = "HISTORY_UNMAPPED"
TOLD_ELSEWHERE = OWN_FIELD_CODES | {HISTORY}
"""What has a line of its own, beside the mapping's."""
UNKNOWN_VISIBILITY = "VISIBILITY_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Line:
    """One prerequisite: whether it holds, and what to do where it does not.

    Attributes:
        warning: it could not be found out, or could be better, which is no failure.
    """

    integration: str
    name: str
    ok: bool
    message: str
    warning: bool = False

    @property
    def mark(self) -> str:
        return "FAIL" if not self.ok else "warn" if self.warning else "ok"


class _FailedError(ConnectorError):
    """A prerequisite that does not hold."""


class _UnknownError(ConnectorError):
    """A prerequisite of which nobody can tell whether it holds, or that could be better."""


def check(*, as_json: JsonFlag = False) -> None:
    """Check every prerequisite; exit 1 if any fails.

    One line each, with what to do where it fails. What cannot be found out is a warning. Nothing is changed at either
    side.
    """
    with open_runtime(exclusive=False) as runtime:
        lines = list(run_checks(runtime))
    passed = all(line.ok for line in lines)
    if as_json:
        print_json({"ok": passed, "checks": [asdict(line) for line in lines]})
    console = people(as_json=as_json)
    for line in lines:
        console.print(f"{line.mark:<4}  {line.integration}: {line.name}: {line.message}", markup=False)
    if not passed:
        raise typer.Exit(1)


def run_checks(runtime: Runtime) -> Iterator[Line]:
    """Yield one line per prerequisite. One that fails does not stop those that do not need it."""
    yield _line("state", "file", lambda: _no_problems(runtime.state.check(runtime.clock.now()), "sound"))
    login = _line("Salesforce", "login", lambda: _who(runtime))
    yield login
    settings = None
    if login.ok:
        with suppress(ConnectorError):
            settings = current_settings(runtime.salesforce)
        yield from _salesforce(runtime)
        if settings is not None:
            yield from _settings(runtime, settings)
    yield from _partner_central(runtime, settings)
    yield from _queues(runtime, "" if not login.ok else runtime.salesforce.identity().org_id)
    if login.ok:
        yield from _exchange(runtime, runtime.salesforce.identity().org_id)


def _who(runtime: Runtime) -> str:
    found = runtime.salesforce.identity()
    kind = "sandbox" if found.is_sandbox else "production"
    return f"{found.username} in {kind} org {found.org_id} at {found.instance_url}"


def _salesforce(runtime: Runtime) -> Iterator[Line]:
    checks: dict[str, Callable[[], str]] = {
        "package": lambda: _package(runtime),
        "settings": lambda: _problems(runtime.settings().problems, "read"),
        "own fields": lambda: _problems(_own_fields(runtime), "present"),
        "mapping": lambda: _mapping(runtime, runtime.mapping()),
    }
    for name, attempt in checks.items():
        yield _line("Salesforce", name, attempt)
    for mapping in runtime.published_mappings():
        if mapping.record_type == OPPORTUNITY:
            yield _line("Salesforce", "history of next steps", partial(_history, runtime, mapping))
        if mapping.record_type != OPPORTUNITY:
            yield _line("Salesforce", f"{mapping.record_type} mapping", partial(_mapping, runtime, mapping))
    yield _line("Salesforce", "edits by the integration user", lambda: _edits_of_ours(runtime))
    for need in needs(runtime):
        yield _line("Salesforce", f"access to {need.object_name}", partial(_access, runtime, need))
    used, limit = runtime.salesforce.api_usage()
    yield Line("Salesforce", "API requests", ok=True, message=f"{used} of {limit} used in the last 24 hours")


def _package(runtime: Runtime) -> str:
    """Warn where package and connector are of different releases: what one of them needs may be missing."""
    package = package_version(runtime.salesforce)
    verdict = compare(__version__, package)
    if not verdict.fits:
        raise _UnknownError(verdict.message)
    return f"version {package}, connector {__version__}"


def _settings(runtime: Runtime, settings: SyncSettings) -> Iterator[Line]:
    """Yield whether what the settings name is in the org; records named as templates are told with the settings."""
    yield _line("Salesforce", "default owner", lambda: _default_owner(runtime, settings))
    yield _line("Salesforce", "S3 bucket settings", lambda: _buckets(runtime))


def _default_owner(runtime: Runtime, settings: SyncSettings) -> str:
    if not settings.default_owner_id:
        return "the integration user"
    published = [one for one in runtime.published_mappings() if one.record_type == OPPORTUNITY]
    describe = runtime.described(published[0].object_name) if published else None
    problem = owner_problem(runtime.salesforce, describe, settings.default_owner_id)
    return _problems(() if problem is None else (problem,), "exists and may own records")


def _buckets(runtime: Runtime) -> str:
    names = nameless_buckets(runtime.salesforce)
    if names:
        raise _UnknownError(
            f"These S3 Bucket Settings have the name of no AWS account, so that no account finds its bucket: "
            f"{', '.join(names)}. Name each like its account's row under AWS Accounts, or delete it."
        )
    return "each is named like an AWS account"


def _edits_of_ours(runtime: Runtime) -> str:
    """Name flagged records whose last edit was made with an integration user, by hand or by another program (ELIG-24).

    The connector's own writes are known from the state. Without it they cannot be told from such edits.
    """
    mapping, _ = working_part(runtime.mapping(), runtime.described)
    names, paths = runtime.names(mapping), readable_paths(mapping, runtime.described)
    users = ", ".join(f"'{user}'" for user in sorted(current_settings(runtime.salesforce).integration_users))
    soql = (
        f"SELECT {', '.join(dict.fromkeys(('Id', *paths)))} FROM {mapping.object_name} "  # noqa: S608
        f"WHERE LastModifiedById IN ({users}) AND {names.sync_with_aws} = true "
        f"ORDER BY LastModifiedDate DESC LIMIT {LOOKED_AT}"
    )
    rows = runtime.salesforce.query(soql)
    links = runtime.state.links
    found = [row["Id"] for row in rows if changed_paths(links.get(row["Id"]), snapshot(mapping, row))]
    if found:
        raise _UnknownError(
            f"These records were last edited with the integration user, which the rules of eligibility leave out: "
            f"{', '.join(found)}. Let people and other programs use users of their own."
        )
    return "none"


def _access(runtime: Runtime, need: Need) -> str:
    return _problems(runtime.salesforce.check_access([need]), "granted")


def needs(runtime: Runtime) -> list[Need]:
    """Return what the integration user must be able to do; of the mapped object only where there is a mapping."""
    return [
        *_needs_of_records(runtime),
        Need(SYNC_LOG, create=(Log.KEY, Log.STATUS), edit=(Log.STATUS,), creates=True, edits=True, all_records=True),
        Need(SYNC_LOG_DETAIL, create=(Detail.KEY,), edit=(Detail.STATUS, Detail.PAYLOAD), creates=True, edits=True),
        Need(WORKER, create=(Worker.KEY,), edit=(Worker.HEARTBEAT,), creates=True, edits=True),
        Need(
            NOTIFICATION,
            create=(Notification.EVENT_ID, Notification.ENTITY_ID),
            edit=(Notification.STATUS, Notification.MESSAGE),
            creates=True,
            edits=True,
            all_records=True,
        ),
    ]


def _needs_of_records(runtime: Runtime) -> Iterator[Need]:
    try:
        mapping, settings = runtime.mapping(), current_settings(runtime.salesforce)
    except ConnectorError:
        return  # the line about the mapping says why there is none
    names = runtime.names(mapping)
    inbound = tuple(item.path for item in mapping.fields if item.inbound and not item.related)
    yield Need(
        mapping.object_name,
        read=tuple(item.path for item in mapping.fields),
        edit=(names.last_sync_date, names.apn_id, *inbound),
        creates=True,
        edits=True,
        all_records=True,
    )
    if _makes_accounts(runtime, mapping, settings):
        yield Need(ACCOUNT, read=("Name",), create=("Name",), creates=True)


def _makes_accounts(runtime: Runtime, mapping: Mapping, settings: SyncSettings) -> bool:
    """Whether a new record of the mapped object may get a copy of the Default Account."""
    describe = runtime.described(mapping.object_name)
    cloning = settings.clone_default_account and bool(settings.default_account_id)
    return cloning and describe is not None and account_lookup(mapping, describe) is not None


def _own_fields(runtime: Runtime) -> tuple[Problem, ...]:
    mapping = runtime.mapping()
    return own_field_problems(runtime.salesforce.describe(mapping.object_name), runtime.names(mapping))


def _mapping(runtime: Runtime, mapping: Mapping) -> str:
    """Hold a published mapping against today's org (MAP-45); what is only advice is a warning."""
    found = tuple(one for one in _against_org(runtime, mapping) if one.code not in TOLD_ELSEWHERE)
    if any(map(is_blocking, found)):
        raise _FailedError("; ".join(str(one) for one in found if is_blocking(one)))
    if found:
        raise _UnknownError("it works, but: " + "; ".join(map(str, found)))
    return "fits the org"


def _against_org(runtime: Runtime, mapping: Mapping) -> tuple[Problem, ...]:
    surroundings = runtime.surroundings(current_settings(runtime.salesforce))
    return check_mapping(mapping, catalogue_of(mapping.record_type), runtime.described, surroundings)


def _history(runtime: Runtime, mapping: Mapping) -> str:
    """Warn where the history of next steps has no field (MAP-23), whatever else is wrong with the mapping."""
    for problem in _against_org(runtime, mapping):
        if problem.code == HISTORY:
            raise _UnknownError(str(problem))
    return "mapped"


def _partner_central(runtime: Runtime, settings: SyncSettings | None) -> Iterator[Line]:
    """Without Salesforce's settings the credentials are tried on the catalog Sandbox."""
    catalog = catalog_of(settings) if settings else "Sandbox"
    section = runtime.config.aws.partner_central
    if settings:
        yield _line("Partner Central", "catalog", lambda: _catalog(runtime, catalog))
        yield _line("Partner Central", "other integrations", partial(_neighbours, runtime, settings))
    try:
        door = PartnerCentralDoor(partner_central_settings(section, catalog))
    except ConnectorError as error:
        yield Line("Partner Central", "credentials", ok=False, message=str(error))
        return
    for result in door.check():
        yield Line("Partner Central", result.name, result.ok, result.message)


def _queues(runtime: Runtime, org_id: str) -> Iterator[Line]:
    """Yield a line for each queue that is configured, here or in Salesforce."""
    section = runtime.config.aws.events
    for name, url in (("queue", section.queue_url), ("dead-letter queue", section.dead_letter_queue_url)):
        if url:
            yield _line("Events", name, partial(_queue, partial(open_queue, section, url)))
    named: list[str] = []
    if org_id:
        with suppress(ConnectorError):
            named += filter(None, [named_queue(runtime.salesforce, org_id)])
    for name in named:
        yield _line("Events", "queue of buyers' messages", partial(_queue, partial(find_queue, section, name)))


def _queue(open_door: Callable[[], QueueDoor]) -> str:
    door = open_door()
    try:
        return door.check()
    finally:
        door.close()


def _exchange(runtime: Runtime, org_id: str) -> Iterator[Line]:
    """Yield lines about the ACE bucket where the settings name one."""
    settings: MappingOf[str, Any] = {}
    with suppress(ConnectorError):  # the line about the settings says why they cannot be read
        settings = file_settings(runtime.salesforce, org_id)
    bucket = bucket_name(settings)
    if not bucket:
        return
    yield _line("ACE bucket", "settings", lambda: _none_missing(missing_settings(settings)))
    try:
        door = open_exchange(runtime.config.aws.exchange, bucket)
    except ConnectorError as error:
        yield Line("ACE bucket", "connection", ok=False, message=str(error))
        return
    leads, opportunities = door.check()
    door.close()
    yield Line("ACE bucket", leads.name, leads.ok, leads.message)
    optional = leads.ok and not opportunities.ok  # where opportunities use the API, AWS need not show these folders
    told = f"{opportunities.message} This matters where opportunities go through the bucket." if optional else ""
    yield Line("ACE bucket", opportunities.name, opportunities.ok or optional, told or opportunities.message, optional)


def _none_missing(names: tuple[str, ...]) -> str:
    if names:
        raise _FailedError(
            f"{', '.join(names)} in {SETTINGS} is empty: without a bucket, Partner ID and Version no file is sent."
        )
    return "complete"


def _neighbours(runtime: Runtime, settings: SyncSettings) -> str:
    verdict, told = neighbours(runtime, settings)
    if verdict != "ok":
        raise (_FailedError if verdict == "fail" else _UnknownError)(told)
    return told


def _catalog(runtime: Runtime, catalog: str) -> str:
    identity = runtime.salesforce.identity()
    guard_catalog(identity, catalog, runtime.config.aws.partner_central)
    bound = runtime.state.binding()
    if bound not in (None, (identity.org_id, catalog)):
        raise _FailedError(
            f"The settings name the catalog {catalog} of org {identity.org_id}, but the state file belongs to "
            f"{bound}. Correct the settings, or give another [state] path."
        )
    return catalog


def _line(integration: str, name: str, attempt: Callable[[], str]) -> Line:
    try:
        return Line(integration, name, ok=True, message=attempt())
    except _UnknownError as error:
        return Line(integration, name, ok=True, message=str(error), warning=True)
    except ConnectorError as error:
        return Line(integration, name, ok=False, message=str(error))


def _no_problems(found: list[str], good: str) -> str:
    if found:
        raise _FailedError("; ".join(found))
    return good


def _problems(found: Iterable[Problem], good: str) -> str:
    problems = list(found)
    text = "; ".join(map(str, problems))
    if any(problem.code != UNKNOWN_VISIBILITY for problem in problems):
        raise _FailedError(text)
    if problems:
        raise _UnknownError(text)
    return good
