"""What most tests of the engine do: a record, a turn of every job, and what the org's logs say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from engine.fields import FLAG, PARTNER_FIELDS, at_aws, sound_values, write
from engine.world import World

from connector.names import SYNC_LOG_DETAIL, Detail
from connector.sync.logs import PROCESSED, RESOLVED


def turn(world: World, minutes: float = 20) -> None:
    """Let time pass and every job have its turn."""
    world.clock.advance(timedelta(minutes=minutes))
    world.cycle()


def deal(world: World, **values: Any) -> str:
    """Let a person create a flagged record; return its id."""
    return world.salesforce.user_creates({**sound_values(), FLAG: True, "Name": "A deal", **values})


def share(world: World, **values: Any) -> tuple[str, str]:
    """Share a record and let AWS approve it; return its id and AWS's when all has come to rest."""
    known = set(world.partner_central.opportunities)
    record_id = deal(world, **values)
    turn(world)
    [apn_id] = set(world.partner_central.opportunities) - known
    world.partner_central.aws_reviews(apn_id, "Approved")
    for _ in range(3):
        turn(world)
    return record_id, apn_id


def colleague_creates(world: World, status: str = "Approved", **members: Any) -> str:
    """Let a colleague make an opportunity in Partner Central; return its id."""
    fields: dict[str, Any] = {"RelatedEntityIdentifiers": {}, **members}
    for item in PARTNER_FIELDS:
        write(fields, item.path, at_aws(item, item.good[0]))
    return world.partner_central.colleague_creates(fields, status)


def open_codes(world: World, record_id: str) -> list[str]:
    """Return the codes of the open log details of a record, as Salesforce has them."""
    return sorted(
        str(detail[Detail.ERROR_CODE])
        for detail in world.salesforce.all(SYNC_LOG_DETAIL)
        if detail[Detail.RECORD_ID] == record_id and detail[Detail.STATUS] not in (PROCESSED, RESOLVED)
    )
