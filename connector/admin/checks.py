"""``connector check``: every prerequisite per integration, one line each, with the remedy where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import typer

from connector.ace.catalogue import opportunity_fields
from connector.admin.context import JsonFlag, open_runtime
from connector.admin.output import people, print_json
from connector.aws.partner_central import PartnerCentralDoor
from connector.errors import ConnectorError, Problem
from connector.mapping.fit import check_mapping, is_blocking, own_field_problems
from connector.names import PROFILES, SYNC_LOG, SYNC_LOG_DETAIL, WORKER, Detail, Log, Worker
from connector.salesforce.access import Need
from connector.service.runtime import Runtime, current_settings, guard_catalog, partner_central_settings


@dataclass(frozen=True, slots=True)
class Line:
    """One prerequisite: whether it holds, and what to do where it does not."""

    integration: str
    name: str
    ok: bool
    message: str


def check(*, as_json: JsonFlag = False) -> None:
    """Check every prerequisite; exit 1 if any fails. Nothing is changed at either side."""
    with open_runtime(exclusive=False) as runtime:
        lines = list(run_checks(runtime))
    if as_json:
        print_json({"ok": all(line.ok for line in lines), "checks": [asdict(line) for line in lines]})
    console = people(as_json=as_json)
    for line in lines:
        console.print(f"{'ok  ' if line.ok else 'FAIL'}  {line.integration}: {line.name}: {line.message}", markup=False)
    if not all(line.ok for line in lines):
        raise typer.Exit(1)


def run_checks(runtime: Runtime) -> Iterator[Line]:
    """Yield one line per prerequisite. One that fails does not stop the others."""
    yield _line("state", "file", lambda: _no_problems(runtime.state.check(runtime.clock.now()), "sound"))
    login = _line(
        "Salesforce",
        "login",
        lambda: f"{runtime.salesforce.identity().username} in org {runtime.salesforce.identity().org_id}",
    )
    yield login
    if login.ok:
        yield from _salesforce(runtime)
    yield from _partner_central(runtime, logged_in=login.ok)


def _salesforce(runtime: Runtime) -> Iterator[Line]:
    yield _line(
        "Salesforce",
        "settings",
        lambda: _no_problems(list(map(str, current_settings(runtime.salesforce).problems)), "read"),
    )
    yield _line("Salesforce", "own fields", lambda: _problems(_own_fields(runtime), "present"))
    yield _line("Salesforce", "mapping", lambda: _problems(_mapping(runtime), "fits the org"))
    for need in needs(runtime):
        yield _line(
            "Salesforce",
            f"access to {need.object_name}",
            lambda need=need: _problems(runtime.salesforce.check_access([need]), "granted"),
        )  # type: ignore[misc]
    used, limit = runtime.salesforce.api_usage()
    yield Line("Salesforce", "API requests", ok=True, message=f"{used} of {limit} used in the last 24 hours")


def needs(runtime: Runtime) -> list[Need]:
    """Return what the integration user must be able to do."""
    mapping = runtime.mapping()
    names = PROFILES[runtime.config.salesforce.profile]
    own = (names.last_sync_date, names.apn_id)
    inbound = tuple(item.path for item in mapping.fields if item.inbound and not item.related)
    return [
        Need(
            mapping.object_name,
            read=tuple(item.path for item in mapping.fields),
            edit=(*own, *inbound),
            creates=True,
            edits=True,
            all_records=True,
        ),
        Need(SYNC_LOG, create=(Log.KEY, Log.STATUS), edit=(Log.STATUS,), creates=True, edits=True, all_records=True),
        Need(SYNC_LOG_DETAIL, create=(Detail.KEY,), edit=(Detail.STATUS, Detail.PAYLOAD), creates=True, edits=True),
        Need(WORKER, create=(Worker.KEY,), edit=(Worker.HEARTBEAT,), creates=True, edits=True),
    ]


def _own_fields(runtime: Runtime) -> tuple[Problem, ...]:
    describe = runtime.salesforce.describe(runtime.mapping().object_name)
    return own_field_problems(describe, PROFILES[runtime.config.salesforce.profile])


def _mapping(runtime: Runtime) -> list[Problem]:
    found = check_mapping(runtime.mapping(), opportunity_fields(), runtime.salesforce.describe)
    return [problem for problem in found if is_blocking(problem)]


def _partner_central(runtime: Runtime, *, logged_in: bool) -> Iterator[Line]:
    section = runtime.config.aws.partner_central
    catalog = "AWS"
    if logged_in:
        catalog = "Sandbox" if current_settings(runtime.salesforce).sandbox_catalog else "AWS"
        yield _line("Partner Central", "catalog", lambda: _catalog(runtime, catalog))
    for result in PartnerCentralDoor(partner_central_settings(section, catalog)).check():
        yield Line("Partner Central", result.name, result.ok, result.message)


def _catalog(runtime: Runtime, catalog: str) -> str:
    guard_catalog(runtime.salesforce.identity(), catalog, runtime.config.aws.partner_central)
    return catalog


def _line(integration: str, name: str, attempt: Callable[[], str]) -> Line:
    try:
        return Line(integration, name, ok=True, message=attempt())
    except ConnectorError as error:
        return Line(integration, name, ok=False, message=str(error))


class _FailedError(ConnectorError):
    """A prerequisite that does not hold."""


def _no_problems(found: list[str], good: str) -> str:
    if found:
        raise _FailedError("; ".join(found))
    return good


def _problems(found: tuple[Problem, ...] | list[Problem], good: str) -> str:
    return _no_problems([str(problem) for problem in found], good)
