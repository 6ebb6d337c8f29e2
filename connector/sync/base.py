"""The base of a record: AWS's side as we know it. It is read from AWS only when the state does not hold it."""

from __future__ import annotations

from typing import Any

from connector.store.links import Link
from connector.sync.engine import Engine
from connector.sync.plan import review_status


def remember_answer(engine: Engine, link: Link, answer: dict[str, Any]) -> None:
    """Keep AWS's record as the base of the next update."""
    link.aws = answer
    link.aws_modified = str(answer.get("LastModifiedDate") or "")
    link.review_status = review_status(answer)
    link.stage = str((answer.get("LifeCycle") or {}).get("Stage") or "")
    engine.state.links.save(link)


def forget_base(engine: Engine, link: Link) -> None:
    """AWS's record moved on without telling us where to: read it before the next update."""
    link.aws = None
    engine.state.links.save(link)


def base(engine: Engine, link: Link) -> dict[str, Any] | None:
    """Return AWS's record, None when the record has no opportunity yet."""
    if link.apn_id and link.aws is None:
        remember_answer(engine, link, engine.partner_central.get_opportunity(link.apn_id))
    return link.aws
