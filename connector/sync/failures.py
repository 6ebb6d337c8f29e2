"""How often a record was refused in one and the same form: automatic repetition ends after some such refusals."""

from __future__ import annotations

from collections.abc import Mapping

from connector.store.links import Link
from connector.sync.engine import RECORD_ID_LENGTH, Engine


def count_failure(engine: Engine, link: Link, refused: Mapping[str, str | None]) -> None:
    """Count a refusal of the record; what a person asked for is over with it.

    Args:
        refused: mapped fields as they were sent, or would have been. Other values than before begin the count anew.
    """
    if link.failed_snapshot != refused:
        link.failures, link.first_failure, link.failed_snapshot = 0, engine.now().isoformat(), dict(refused)
    link.failures += 1
    link.requested = False
    if len(link.record_id) == RECORD_ID_LENGTH:
        engine.state.links.save(link)
