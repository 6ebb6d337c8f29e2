"""Drift: the published mapping held against today's org and AWS's field definitions, at start-up and daily (MAP-45).

A field that vanished or is hidden is left out of the cycle, and what is remembered of it stays. When it works again,
its edits in Salesforce are found by the look over all flagged records; what AWS changed meanwhile is brought in here.
"""

from __future__ import annotations

import json

import structlog

from connector.ace import api_shape
from connector.ace.text import same
from connector.errors import Problem
from connector.mapping.fit import catalogue_of, check_mapping, is_blocking
from connector.service.runtime import Runtime
from connector.sync import logs
from connector.sync.engine import Engine, Priority
from connector.sync.queueing import enqueue_inbound

_LEFT_OUT = "mapping-left-out"

log = structlog.get_logger(__name__)


def published_problems(runtime: Runtime, engine: Engine) -> tuple[Problem, ...]:
    """Return every problem of the published mappings, of opportunities and of leads, on today's org."""
    surroundings = runtime.surroundings(engine.settings)
    return tuple(
        problem
        for mapping in runtime.published_mappings()
        for problem in check_mapping(mapping, catalogue_of(mapping.record_type), runtime.described, surroundings)
    )


def report_drift(runtime: Runtime, engine: Engine) -> tuple[Problem, ...]:
    """Log every problem of the published mapping, by code and field: values may be a record's. Return them."""
    problems = published_problems(runtime, engine)
    for problem in problems:
        tell = log.warning if is_blocking(problem) else log.info
        tell("mapping", code=problem.code, field=problem.field, rule=problem.rule, remedy=problem.remedy)
    return problems


def follow_left_out(engine: Engine) -> None:
    """Log what is left out anew, and look again at the records of fields that work again."""
    state = engine.state
    key = _LEFT_OUT if engine.record_type == "opportunity" else f"{_LEFT_OUT}:{engine.record_type}"
    before: dict[str, str] = json.loads(state.meta.get(key) or "{}")
    now = dict(engine.left_out)
    if before == now:
        return
    for name in now.keys() - before.keys():
        log.error("mapped field left out", field=name, path=now[name], reason=engine.troubles.get("mapping", ""))
    mapped = {item.ace_field for item in engine.mapping.fields}
    back = (before.keys() - now.keys()) & mapped
    with state.transaction():
        looked_at = _look_again(engine, back) if back else 0
        state.meta.set(key, json.dumps(now))
    if back:
        log.warning("mapped fields work again", fields=sorted(back), looked_at_anew=looked_at)


def _look_again(engine: Engine, names: set[str]) -> int:
    """Queue a look at every opportunity of which AWS changed one of the fields while it was left out. Where files are
    exchanged, the next file about a record brings it.
    """
    queued, run_id = 0, ""
    if engine.channel == "files":
        return 0
    for link in engine.state.links.iterate(status="linked", object_name=engine.mapping.object_name):
        if not link.apn_id or link.applied is None:
            continue
        at_aws = {**api_shape.from_summary(link.summary or {}), **api_shape.from_get(link.aws or {})}
        if any(name in at_aws and not same(link.applied.get(name), at_aws[name]) for name in names):
            run_id = run_id or logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
            queued += enqueue_inbound(engine, link.apn_id, run_id, priority=Priority.BACKFILL, fresh=True)
    return queued
