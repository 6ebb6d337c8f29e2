"""Creating an opportunity at AWS exactly once: intent, token and body are stored before the call, and AWS is searched
before any repetition whose outcome is in doubt."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from connector.ace import api_shape
from connector.ace.record import AceRecord, Value
from connector.errors import AuthFailed, Deferred, Problem, RecordRejected, Refused, Retriable, StaleRecord
from connector.store.links import Link
from connector.store.shares import Share
from connector.sync.engine import Engine
from connector.sync.tokens import create_token
from connector.sync.writeback import write_identifier

DOUBT_AFTER = timedelta(minutes=5)
"""Age at which an intent without an answer is searched for at AWS before it is repeated: how long AWS remembers a
token is unknown.
"""
CLOCK_MARGIN = timedelta(minutes=15)
ADOPTED = "adopted"


def create_opportunity(engine: Engine, link: Link, record: AceRecord) -> dict[str, Any]:
    """Give the record its opportunity: create it, or adopt the one that an earlier attempt created. Return the request.

    Raises:
        RecordRejected: AWS refused the record for good; the next attempt is a new generation.
        Refused: several opportunities carry this record's identifier, or one without it may be the record's; a person
            must choose.
        Retriable: the outcome is unknown, or this state has not been compared with AWS yet.
    """
    if engine.state.meta.get(ADOPTED) is None:
        raise Retriable(
            "The state is new: existing opportunities are adopted from AWS before the first one is created.", after=5
        )
    _require_decided(engine, link)
    share = engine.state.shares.get(link.record_id)
    if share is None or not share.create_request:
        # The body of an intent is missing after a person's data was forgotten; its token is derived, so it comes back.
        share = _intend(engine, link, record)
    since = share.started_at - CLOCK_MARGIN
    if not (_doubtful(engine, share) and _adopt_created(engine, link, share, created_body(share), since=since)):
        _create(engine, link, share)
    request: dict[str, Any] = json.loads(share.create_request)
    return request


def _require_decided(engine: Engine, link: Link) -> None:
    """Raise Refused where a backfill found an opportunity that may be the record's own: a second one could not be
    taken back.
    """
    waiting = engine.state.backfills.awaiting(link.record_id)
    if waiting:
        raise Refused(
            f"AWS has {', '.join(waiting)}, which may be this record's opportunity. Decide in the proposals of "
            "`connector backfill`: link, create or skip, and read them in with --links."
        )


def _intend(engine: Engine, link: Link, record: AceRecord) -> Share:
    token = create_token(engine.org_id, link.record_id, engine.catalog, link.generation)
    identified = {**record, "partnerCrmUniqueIdentifier": link.record_id}
    request = api_shape.to_create(identified, catalog=engine.catalog, client_token=token)
    now = engine.now()
    share = Share(
        record_id=link.record_id,
        generation=link.generation,
        step="intent",
        create_request=json.dumps(request),
        create_token=token,
        submit_token="",
        started_at=now,
        updated_at=now,
    )
    engine.state.shares.save(share)
    return share


def _doubtful(engine: Engine, share: Share) -> bool:
    age = engine.now() - share.started_at
    return share.uncertain and age > DOUBT_AFTER


def _doubt(engine: Engine, share: Share, *, uncertain: bool) -> None:
    if share.uncertain is not uncertain:
        share.uncertain = uncertain
        engine.state.shares.save(share)


def _create(engine: Engine, link: Link, share: Share) -> None:
    request = json.loads(share.create_request)
    doubted = share.uncertain
    _doubt(engine, share, uncertain=True)  # before the call: a crash in it leaves nobody to say so
    try:
        answer = engine.partner_central.create_opportunity(request)
    except Retriable as error:
        _doubt(engine, share, uncertain=doubted or error.outcome_unknown)
        raise
    except (Deferred, AuthFailed):
        _doubt(engine, share, uncertain=doubted)
        raise
    except StaleRecord:
        # The token was used before with another body: by a lost state or a second worker. Its opportunity is ours to
        # adopt.
        if not _adopt_created(engine, link, share, None, since=None):
            _next_generation(engine, link)
            raise Retriable(
                "The client token was used before without a result; the next one is tried.", after=1
            ) from None
        return
    except RecordRejected:
        _next_generation(engine, link)
        raise
    created = api_shape.created_answer(request, answer)
    _keep_id(engine, link, share, str(answer["Id"]), api_shape.from_get(created), created)


def _keep_id(
    engine: Engine,
    link: Link,
    share: Share,
    apn_id: str,
    applied: dict[str, Value] | None,
    answer: dict[str, Any] | None = None,
) -> None:
    """Remember the opportunity; ``applied`` is what it was created with, None where another body may have created
    it.
    """
    with engine.state.transaction():
        link.apn_id, link.status, link.origin = apn_id, "linked", "partner"
        link.aws, link.applied = answer, applied
        link.review_status = "Pending Submission"
        share.step, share.apn_id, share.generation, share.uncertain = "created", apn_id, 0, False
        engine.state.links.save(link)
        engine.state.shares.save(share)
        write_identifier(engine, link)


def _next_generation(engine: Engine, link: Link) -> None:
    with engine.state.transaction():
        link.generation += 1
        engine.state.links.save(link)
        engine.state.shares.delete(link.record_id)


def created_body(share: Share) -> dict[str, Value]:
    """Return what the opportunity says that the share's intent created."""
    return api_shape.from_get(api_shape.created_answer(json.loads(share.create_request), {}))


def _adopt_created(
    engine: Engine, link: Link, share: Share, applied: dict[str, Value] | None, *, since: datetime | None
) -> bool:
    """Look for an opportunity that carries the record's id and was created since then, or ever; adopt it."""
    found = _find(engine, link.record_id, since)
    if len(found) > 1:
        raise Refused(
            f"{len(found)} opportunities at AWS carry the identifier of {link.record_id}: {', '.join(found)}. "
            "Write the right one into APN CRM Unique Identifier and close the others in Partner Central."
        )
    if found:
        _keep_id(engine, link, share, found[0], applied)
    return bool(found)


def _find(engine: Engine, record_id: str, created_after: datetime | None) -> list[str]:
    pages = engine.partner_central.list_opportunities(created_after=created_after)
    ids = (
        summary["Id"] for page in pages for summary in page if summary.get("PartnerOpportunityIdentifier") == record_id
    )
    return list(dict.fromkeys(ids))


def ambiguous(record_id: str, ids: list[str]) -> Problem:
    """Return the problem of a record for which AWS holds several opportunities."""
    return Problem(
        "AMBIGUOUS_AT_AWS",
        "apnCrmUniqueIdentifier",
        ", ".join(ids),
        f"Several opportunities at AWS carry the identifier of {record_id}.",
        "Write the right one into APN CRM Unique Identifier and close the others in Partner Central.",
    )
