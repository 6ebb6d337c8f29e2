"""What ``connector check`` finds out about the ACE bucket: each setting for itself, the connection, what lies there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import cast

from connector.ace.catalogue import lead_fields, opportunity_fields
from connector.admin.check_lines import FailedError, Line, UnknownError, try_line
from connector.aws.exchange import ExchangeDoor
from connector.errors import ConnectorError, Problem
from connector.mapping.model import Mapping, RecordType
from connector.names import FileSettings
from connector.service.exchange import open_exchange
from connector.service.exchange_setup import NOTICE, environment_problem, is_live
from connector.service.runtime import Runtime, catalog_of
from connector.sync.engine import Engine
from connector.sync.exchange import going_live, versions
from connector.sync.file_settings import LEGACY, MISSING
from connector.sync.ports import PartnerCentralPort
from connector.sync.settings import SyncSettings

BUCKET = "ACE bucket"
_NEEDED = (FileSettings.BUCKET_NAME, FileSettings.PARTNER_ID, FileSettings.PAYLOAD_VERSION)


def exchange_lines(runtime: Runtime, settings: SyncSettings) -> Iterator[Line]:
    """Yield lines about the bucket where the settings ask for files, or leads are mapped. None stops the others."""
    files = settings.files
    if not files.wanted:
        if any(mapping.record_type == "lead" for mapping in runtime.published_mappings()):
            told = " ".join(map(str, files.missing("lead")))
            yield Line(BUCKET, "leads", ok=True, message=f"A lead mapping is published, but: {told}", warning=True)
        return
    yield Line(BUCKET, "what it is for", ok=True, message=f"{_channels(settings)} {NOTICE}")
    yield from _settings(settings)
    if files.bucket:
        yield try_line(BUCKET, "environment", partial(_environment, runtime, settings))
        yield from _connection(runtime, settings)


def _channels(settings: SyncSettings) -> str:
    over_files = settings.files.opportunities_over_files
    way = "through the bucket" if over_files else f"by Partner Central's API ({FileSettings.OPPORTUNITIES_OVER_S3})"
    return f"Leads travel through the bucket, opportunities {way}."


def _settings(settings: SyncSettings) -> Iterator[Line]:
    """Yield a line for each setting without which no file is sent, and for each other one that makes no sense."""
    files = settings.files
    values = dict(zip(_NEEDED, (files.bucket, files.partner_id, files.opportunity_version), strict=True))
    found = {problem.field: problem for problem in files.problems}
    for name in dict.fromkeys((*_NEEDED, *found)):
        yield try_line(BUCKET, name, partial(_value, found.get(name), values.get(name)))


def _value(problem: Problem | None, value: object) -> str:
    if problem is None:
        return str(value)
    if problem.code == MISSING or (problem.code != LEGACY and value is None and problem.field in _NEEDED):
        raise FailedError(f"{problem.rule} {problem.remedy}")
    raise UnknownError(str(problem))


def _environment(runtime: Runtime, settings: SyncSettings) -> str:
    live = is_live(is_sandbox=runtime.salesforce.identity().is_sandbox, catalog=catalog_of(settings))
    problem = environment_problem(settings.files.bucket, live=live)
    if problem:
        raise UnknownError(problem)
    return "production" if live else "sandbox"


def _connection(runtime: Runtime, settings: SyncSettings) -> Iterator[Line]:
    try:
        door = open_exchange(runtime.config.aws.exchange, settings.files.bucket, now=runtime.clock.now)
    except ConnectorError as error:
        yield Line(BUCKET, "connection", ok=False, message=str(error))
        return
    try:
        lines = list(_folders(door, settings))
        yield from lines
        if all(line.ok for line in lines):
            yield from _schedules(runtime, settings, door)
    finally:
        door.close()


def _folders(door: ExchangeDoor, settings: SyncSettings) -> Iterator[Line]:
    leads, opportunities = door.check()
    yield Line(BUCKET, leads.name, leads.ok, leads.message)
    # Where opportunities use the API, AWS need not show these folders.
    optional = leads.ok and not opportunities.ok and not settings.files.opportunities_over_files
    told = f"{opportunities.message} This matters where opportunities go through the bucket." if optional else ""
    yield Line(BUCKET, opportunities.name, opportunities.ok or optional, told or opportunities.message, optional)


def _schedules(runtime: Runtime, settings: SyncSettings, door: ExchangeDoor) -> Iterator[Line]:
    """Yield what stands in the way of schedules of records that travel through the bucket."""
    kind: RecordType = "opportunity" if settings.files.opportunities_over_files else "lead"
    engine = _engine(runtime, settings, door, kind)
    yield try_line(BUCKET, "version of files", partial(_version, engine))
    yield try_line(BUCKET, "before the first schedule", partial(_objects, engine))


def _version(engine: Engine) -> str:
    reason = versions.objection(engine)
    if reason:
        raise FailedError(reason)
    return str(engine.settings.files.version_for(engine.record_type) or "none")


def _objects(engine: Engine) -> str:
    """Tell what lies in the bucket before the first schedule (S3-29), and who settled it."""
    if going_live.confirmed(engine):
        return going_live.confirmation(engine)
    foreign = () if engine.settings.beside_other_integration else going_live.foreign_files(engine)
    waiting = going_live.objects_waiting(engine)
    if foreign:
        raise UnknownError(going_live.of_neighbour(engine, foreign))
    if waiting:
        raise UnknownError(going_live.warning(waiting))
    return "no objects of which this connector knows nothing"


def _engine(runtime: Runtime, settings: SyncSettings, door: ExchangeDoor, record_type: RecordType) -> Engine:
    """Return an engine for looking only: nothing is bound, and no mapping is needed for it."""
    return Engine(
        state=runtime.state,
        salesforce=runtime.salesforce,
        partner_central=cast("PartnerCentralPort", None),  # looking at files asks nothing of it
        clock=runtime.clock,
        org_id=runtime.salesforce.identity().org_id,
        catalog=catalog_of(settings),
        settings=settings,
        mapping=Mapping(record_type, "", 0, ()),
        catalogue=lead_fields() if record_type == "lead" else opportunity_fields(),
        bucket=door,
    )
