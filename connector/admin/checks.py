"""``connector check``: every prerequisite per integration, one line each, with the remedy where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from connector import __version__
from connector.admin.check_lines import FailedError, Line, UnknownError, none_of, try_line
from connector.admin.context import JsonFlag, open_runtime, who
from connector.admin.data_model_check import NotReady, records_not_ready
from connector.admin.exchange_checks import exchange_lines
from connector.admin.marketplace_checks import product_lines
from connector.admin.neighbour_check import neighbours
from connector.admin.output import people, print_json, print_table
from connector.admin.production import CONFIRMABLE, confirm_step, production_steps
from connector.admin.seller_checks import seller_lines
from connector.admin.setting_checks import nameless_buckets, owner_problem
from connector.admin.versions import compare, package_version
from connector.aws.partner_central import PartnerCentralDoor
from connector.aws.queue import QueueDoor
from connector.errors import ConfigError, ConnectorError, Problem
from connector.mapping.fit import catalogue_of, check_mapping, is_blocking, own_field_problems, working_part
from connector.mapping.model import Mapping
from connector.mapping.outbound import readable_paths, snapshot
from connector.names import NOTIFICATION, SYNC_LOG, SYNC_LOG_DETAIL, WORKER, Detail, Log, Notification, Worker
from connector.salesforce.access import Need
from connector.service.listening import find_queue, named_queue, open_queue
from connector.service.mirror import NOT_IN_USE
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


def check(
    *,
    production: Annotated[bool, typer.Option("--production", help="The checklist for going to production.")] = False,
    confirm: Annotated[
        str,
        typer.Option(
            "--confirm", metavar="STEP", help=f"With --production: this step is done ({', '.join(CONFIRMABLE)})."
        ),
    ] = "",
    data_model: Annotated[
        bool, typer.Option("--data-model", help="Open records that are not ready for version 2 of the data model.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check every prerequisite; exit 1 if any fails.

    One line each, with what to do where it fails. What cannot be found out is a warning. Nothing is changed at either
    side. --production shows AWS's checklist for going to production instead, --data-model the open records that version
    2 of the data model of files would refuse.
    """
    if (confirm and not production) or (production and data_model):
        raise ConfigError("Give either --production, with --confirm STEP if you like, or --data-model.")
    with open_runtime(exclusive=False) as runtime:
        if data_model:
            passed = _show_records(list(records_not_ready(runtime)), as_json=as_json)
        elif production:
            passed = _show_production(runtime, confirm, as_json=as_json)
        else:
            passed = _show_lines(list(run_checks(runtime)), as_json=as_json)
    if not passed:
        raise typer.Exit(1)


def _show_lines(lines: list[Line], *, as_json: bool) -> bool:
    passed = all(line.ok for line in lines)
    if as_json:
        print_json({"ok": passed, "checks": [asdict(line) for line in lines]})
    console = people(as_json=as_json)
    for line in lines:
        console.print(f"{line.mark:<4}  {line.integration}: {line.name}: {line.message}", markup=False)
    return passed


def _show_production(runtime: Runtime, confirmed: str, *, as_json: bool) -> bool:
    if confirmed:
        confirm_step(runtime, confirmed, who())
    steps = production_steps(runtime, list(run_checks(runtime)))
    passed = all(step.state in ("complete", "not needed") for step in steps)
    if as_json:
        print_json({"ok": passed, "steps": [asdict(step) for step in steps]})
        return passed
    rows = [(step.number, step.name, step.state, step.message) for step in steps]
    print_table(people(), "", ("", "Step", "State", "What was found, what to do"), rows)
    return passed


def _show_records(found: list[NotReady], *, as_json: bool) -> bool:
    if as_json:
        print_json({"ok": not found, "records": [asdict(one) for one in found]})
        return not found
    console = people()
    for one in found:
        console.print(f"{one.record_id}  {one.name}: {'; '.join(one.problems)}", markup=False)
    console.print(f"{len(found)} open records are not ready for version 2 of the data model.")
    return not found


def run_checks(runtime: Runtime) -> Iterator[Line]:
    """Yield one line per prerequisite. One that fails does not stop those that do not need it."""
    yield try_line("state", "file", lambda: _no_problems(runtime.state.check(runtime.clock.now()), "sound"))
    login = try_line("Salesforce", "login", lambda: _who(runtime))
    yield login
    settings = None
    if login.ok:
        with suppress(ConnectorError):
            settings = current_settings(runtime.salesforce)
        yield from _salesforce(runtime)
        if settings is not None:
            yield from _settings(runtime, settings)
        yield from product_lines(runtime)
    yield from _partner_central(runtime, settings)
    yield from _queues(runtime, "" if not login.ok else runtime.salesforce.identity().org_id)
    if settings is not None:
        yield from exchange_lines(runtime, settings)
    yield from seller_lines(runtime)


def _who(runtime: Runtime) -> str:
    found = runtime.salesforce.identity()
    kind = "sandbox" if found.is_sandbox else "production"
    return f"{found.username} in {kind} org {found.org_id} at {found.instance_url}"


def _salesforce(runtime: Runtime) -> Iterator[Line]:
    checks: dict[str, Callable[[], str]] = {
        "package": lambda: _package(runtime),
        "settings": lambda: none_of(runtime.settings().problems, "read"),
        "own fields": lambda: none_of(_own_fields(runtime), "present"),
        "mapping": lambda: _mapping(runtime, runtime.mapping()),
    }
    for name, attempt in checks.items():
        yield try_line("Salesforce", name, attempt)
    for mapping in runtime.published_mappings():
        if mapping.record_type == OPPORTUNITY:
            yield try_line("Salesforce", "history of next steps", partial(_history, runtime, mapping))
        if mapping.record_type != OPPORTUNITY:
            yield try_line("Salesforce", f"{mapping.record_type} mapping", partial(_mapping, runtime, mapping))
    yield try_line("Salesforce", "edits by the integration user", lambda: _edits_of_ours(runtime))
    for need in needs(runtime):
        yield try_line("Salesforce", f"access to {need.object_name}", partial(_access, runtime, need))
    used, limit = runtime.salesforce.api_usage()
    yield Line("Salesforce", "API requests", ok=True, message=f"{used} of {limit} used in the last 24 hours")


def _package(runtime: Runtime) -> str:
    """Warn where package and connector are of different releases: what one of them needs may be missing."""
    package = package_version(runtime.salesforce)
    verdict = compare(__version__, package)
    if not verdict.fits:
        raise UnknownError(verdict.message)
    return f"version {package}, connector {__version__}"


def _settings(runtime: Runtime, settings: SyncSettings) -> Iterator[Line]:
    """Yield whether what the settings name is in the org; records named as templates are told with the settings."""
    yield try_line("Salesforce", "default owner", lambda: _default_owner(runtime, settings))
    yield try_line("Salesforce", "S3 bucket settings", lambda: _buckets(runtime))


def _default_owner(runtime: Runtime, settings: SyncSettings) -> str:
    if not settings.default_owner_id:
        return "the integration user"
    published = [one for one in runtime.published_mappings() if one.record_type == OPPORTUNITY]
    describe = runtime.described(published[0].object_name) if published else None
    problem = owner_problem(runtime.salesforce, describe, settings.default_owner_id)
    return none_of(() if problem is None else (problem,), "exists and may own records")


def _buckets(runtime: Runtime) -> str:
    names = nameless_buckets(runtime.salesforce)
    if names:
        raise UnknownError(
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
        raise UnknownError(
            f"These records were last edited with the integration user, which the rules of eligibility leave out: "
            f"{', '.join(found)}. Let people and other programs use users of their own."
        )
    return "none"


def _access(runtime: Runtime, need: Need) -> str:
    return none_of(runtime.salesforce.check_access([need]), "granted")


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
        raise FailedError("; ".join(str(one) for one in found if is_blocking(one)))
    if found:
        raise UnknownError("it works, but: " + "; ".join(map(str, found)))
    return "fits the org"


def _against_org(runtime: Runtime, mapping: Mapping) -> tuple[Problem, ...]:
    surroundings = runtime.surroundings(current_settings(runtime.salesforce))
    return check_mapping(mapping, catalogue_of(mapping.record_type), runtime.described, surroundings)


def _history(runtime: Runtime, mapping: Mapping) -> str:
    """Warn where the history of next steps has no field (MAP-23), whatever else is wrong with the mapping."""
    for problem in _against_org(runtime, mapping):
        if problem.code == HISTORY:
            raise UnknownError(str(problem))
    return "mapped"


def _partner_central(runtime: Runtime, settings: SyncSettings | None) -> Iterator[Line]:
    """Without Salesforce's settings the credentials are tried on the catalog Sandbox."""
    catalog = catalog_of(settings) if settings else "Sandbox"
    section = runtime.config.aws.partner_central
    if settings and settings.files.opportunities_over_files and not section.names_credentials:
        yield Line("Partner Central", "API", ok=True, message=NOT_IN_USE)
        return
    if settings:
        yield try_line("Partner Central", "catalog", lambda: _catalog(runtime, catalog))
        yield try_line("Partner Central", "other integrations", partial(_neighbours, runtime, settings))
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
            yield try_line("Events", name, partial(_queue, partial(open_queue, section, url)))
    named: list[str] = []
    if org_id:
        with suppress(ConnectorError):
            named += filter(None, [named_queue(runtime.salesforce, org_id)])
    for name in named:
        yield try_line("Events", "queue of buyers' messages", partial(_queue, partial(find_queue, section, name)))


def _queue(open_door: Callable[[], QueueDoor]) -> str:
    door = open_door()
    try:
        return door.check()
    finally:
        door.close()


def _neighbours(runtime: Runtime, settings: SyncSettings) -> str:
    verdict, told = neighbours(runtime, settings)
    if verdict != "ok":
        raise (FailedError if verdict == "fail" else UnknownError)(told)
    return told


def _catalog(runtime: Runtime, catalog: str) -> str:
    identity = runtime.salesforce.identity()
    guard_catalog(identity, catalog, runtime.config.aws.partner_central)
    bound = runtime.state.binding()
    if bound not in (None, (identity.org_id, catalog)):
        raise FailedError(
            f"The settings name the catalog {catalog} of org {identity.org_id}, but the state file belongs to "
            f"{bound}. Correct the settings, or give another [state] path."
        )
    return catalog


def _no_problems(found: list[str], good: str) -> str:
    if found:
        raise FailedError("; ".join(found))
    return good
