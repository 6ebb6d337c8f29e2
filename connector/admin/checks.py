"""``connector check``: every prerequisite per integration, one line each, with the remedy where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial

import typer

from connector.ace.catalogue import opportunity_fields
from connector.admin.context import JsonFlag, open_runtime
from connector.admin.output import people, print_json
from connector.aws.partner_central import PartnerCentralDoor
from connector.errors import ConnectorError, Problem
from connector.mapping.fit import check_mapping, is_blocking, own_field_problems
from connector.mapping.outbound import select_paths, snapshot
from connector.names import PROFILES, SYNC_LOG, SYNC_LOG_DETAIL, WORKER, Detail, Log, Worker
from connector.salesforce.access import Need
from connector.service.runtime import (
    Runtime,
    catalog_of,
    current_settings,
    guard_catalog,
    partner_central_settings,
)
from connector.sync.observe import changed_paths
from connector.sync.settings import SyncSettings

LOOKED_AT = 200
"""Records, latest first, among which edits made with the integration user are looked for."""
UNKNOWN_VISIBILITY = "VISIBILITY_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Line:
    """One prerequisite: whether it holds, and what to do where it does not.

    Attributes:
        warning: it could not be found out, which is no failure.
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
    """A prerequisite of which nobody can tell whether it holds."""


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
    yield from _partner_central(runtime, settings)


def _who(runtime: Runtime) -> str:
    found = runtime.salesforce.identity()
    kind = "sandbox" if found.is_sandbox else "production"
    return f"{found.username} in {kind} org {found.org_id} at {found.instance_url}"


def _salesforce(runtime: Runtime) -> Iterator[Line]:
    checks: dict[str, Callable[[], str]] = {
        "settings": lambda: _problems(current_settings(runtime.salesforce).problems, "read"),
        "own fields": lambda: _problems(_own_fields(runtime), "present"),
        "mapping": lambda: _problems(_mapping(runtime), "fits the org"),
    }
    for name, attempt in checks.items():
        yield _line("Salesforce", name, attempt)
    yield _line("Salesforce", "edits by the integration user", lambda: _edits_of_ours(runtime))
    for need in needs(runtime):
        yield _line("Salesforce", f"access to {need.object_name}", partial(_access, runtime, need))
    used, limit = runtime.salesforce.api_usage()
    yield Line("Salesforce", "API requests", ok=True, message=f"{used} of {limit} used in the last 24 hours")


def _edits_of_ours(runtime: Runtime) -> str:
    """Name flagged records whose last edit was made with an integration user, by hand or by another program (ELIG-24).

    The connector's own writes are known from the state. Without it they cannot be told from such edits.
    """
    mapping, names = runtime.mapping(), PROFILES[runtime.config.salesforce.profile]
    users = ", ".join(f"'{user}'" for user in sorted(current_settings(runtime.salesforce).integration_users))
    soql = (
        f"SELECT {', '.join(dict.fromkeys(('Id', *select_paths(mapping))))} FROM {mapping.object_name} "  # noqa: S608
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
    ]


def _needs_of_records(runtime: Runtime) -> Iterator[Need]:
    try:
        mapping = runtime.mapping()
    except ConnectorError:
        return  # the line about the mapping says why there is none
    names = PROFILES[runtime.config.salesforce.profile]
    inbound = tuple(item.path for item in mapping.fields if item.inbound and not item.related)
    yield Need(
        mapping.object_name,
        read=tuple(item.path for item in mapping.fields),
        edit=(names.last_sync_date, names.apn_id, *inbound),
        creates=True,
        edits=True,
        all_records=True,
    )


def _own_fields(runtime: Runtime) -> tuple[Problem, ...]:
    describe = runtime.salesforce.describe(runtime.mapping().object_name)
    return own_field_problems(describe, PROFILES[runtime.config.salesforce.profile])


def _mapping(runtime: Runtime) -> list[Problem]:
    found = check_mapping(runtime.mapping(), opportunity_fields(), runtime.salesforce.describe)
    return [problem for problem in found if is_blocking(problem)]


def _partner_central(runtime: Runtime, settings: SyncSettings | None) -> Iterator[Line]:
    """Without Salesforce's settings the credentials are tried on the catalog Sandbox."""
    catalog = catalog_of(settings) if settings else "Sandbox"
    section = runtime.config.aws.partner_central
    if settings:
        yield _line("Partner Central", "catalog", lambda: _catalog(runtime, catalog))
    try:
        door = PartnerCentralDoor(partner_central_settings(section, catalog))
    except ConnectorError as error:
        yield Line("Partner Central", "credentials", ok=False, message=str(error))
        return
    for result in door.check():
        yield Line("Partner Central", result.name, result.ok, result.message)


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
