"""The base of a record: AWS's side as we know it. It is read from AWS only when the state does not hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.store.links import Link
from connector.sync.engine import Engine
from connector.sync.plan import is_draft, review_status

UNDER_WAY = " under way "
"""Stands for the last seen value of a field that differs from what AWS has for sure: it was sent and not confirmed, or
edited during the first share. No snapshot has such a text: they are stripped.
"""


def remember_answer(engine: Engine, link: Link, answer: dict[str, Any]) -> None:
    """Keep AWS's record as the base of the next update; :func:`mark_applied` says that Salesforce is told of it too."""
    if link.status == "new" and link.apn_id:
        # Until now only the row said so.
        link.status = "linked"
    link.aws = answer
    link.review_status = review_status(answer)
    link.stage = str((answer.get("LifeCycle") or {}).get("Stage") or "")
    engine.state.links.save(link)


def mark_applied(link: Link, answer: Mapping[str, Any]) -> None:
    """What AWS's record says is on its way to Salesforce: the next sweep need not look at it again.

    A turn towards AWS that reads the record and then does not come to its end must not hide a colleague's change.
    """
    link.aws_modified = str(answer.get("LastModifiedDate") or "")


def is_unfinished(engine: Engine, link: Link, answer: Mapping[str, Any] | None) -> bool:
    """Whether the opportunity is a draft that a share of ours began and a lost state forgot: it names the record, which
    was never synchronised.
    """
    ours = (
        bool(answer) and is_draft(answer or {}) and (answer or {}).get("PartnerOpportunityIdentifier") == link.record_id
    )
    return ours and not (link.row or {}).get(engine.names.last_sync_date)


def forget_base(engine: Engine, link: Link) -> None:
    """AWS's record moved on without telling us where to: read it before the next update."""
    link.aws = None
    engine.state.links.save(link)


def base(engine: Engine, link: Link) -> dict[str, Any] | None:
    """Return AWS's record, None when the record has no opportunity yet."""
    if link.apn_id and link.aws is None:
        remember_answer(engine, link, engine.partner_central.get_opportunity(link.apn_id))
    return link.aws
