"""How many records one core maps, validates and shapes in a second."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from connector.ace import rules
from connector.ace.api_shape import has_solution, to_create
from connector.ace.catalogue import Moment, opportunity_fields
from connector.mapping.model import Mapping
from connector.mapping.outbound import to_ace
from connector.service.config import load_config
from connector.service.runtime import Runtime
from connector.sync.ports import Row
from tests.benchmarks.figures import Figure, at_least
from tests.benchmarks.world import OPPORTUNITY, World, running_world

NAME = "mapping"
COUNT = 2_000
ROUNDS = 3
AIM = 1_000


def run() -> list[Figure]:
    """Read synthetic rows with the packaged object's own mapping, then time the pure rooms on them, best of three."""
    with running_world(quota_scale=1) as world:
        mapping, rows = _material(world)
    rate = max(_rate(mapping, rows) for _ in range(ROUNDS))
    note = f"{len(rows):,} synthetic rows, {len(mapping.fields)} mapped fields; no network, no state"
    return [at_least(NAME, "mapped, validated and shaped", rate, AIM, "records/s", note)]


def _material(world: World) -> tuple[Mapping, list[Row]]:
    world.control("/seed", {"objects": [OPPORTUNITY], "count": COUNT})
    with Runtime.open(load_config(world.directory / "connector.toml"), exclusive=True) as runtime:
        engine = runtime.engine()
        wanted = ", ".join(engine.row_fields())
        rows = list(runtime.salesforce.query(f"SELECT {wanted} FROM {OPPORTUNITY}"))
        return engine.mapping, rows


def _rate(mapping: Mapping, rows: list[Row]) -> float:
    today, catalogue = datetime.now(UTC).date(), opportunity_fields()
    start = time.process_time()
    for row in rows:
        record, problems = to_ace(mapping, row, catalogue)
        problems += rules.problems(record, moment=Moment.SUBMIT, today=today, has_solution=has_solution(record))
        if problems:
            raise RuntimeError(f"a synthetic row is refused: {problems[0]}")
        to_create(record, catalog="Sandbox", client_token=row["Id"])
    return len(rows) / (time.process_time() - start)
