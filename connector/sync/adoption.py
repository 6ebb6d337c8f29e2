"""Whose opportunity is it? Links are found again from what Salesforce and AWS themselves say, so that a lost state
duplicates nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial

from connector.ace.catalogue import Owner
from connector.ace.record import AceRecord, Value
from connector.errors import Problem, RecordRejected
from connector.mapping.inbound import related_values, to_salesforce
from connector.mapping.model import FieldMapping
from connector.mapping.outbound import snapshot
from connector.mapping.related import nest, relationship_of
from connector.names import ACE_OPPORTUNITY, SYNC_LOG_DETAIL, Detail
from connector.store.links import Link
from connector.sync.create import created_body
from connector.sync.engine import Engine
from connector.sync.fallbacks import stood_in
from connector.sync.ports import Json, Row
from connector.sync.related_values import describe_of, related_record
from connector.sync.set_aside import hand_over, is_free, set_aside_problem
from connector.sync.templates import copy_of

UNKNOWN = "unknown to this state"
"""Stands for a value of AWS's that nobody remembers; it equals none that AWS sends."""
MADE_WITHIN = timedelta(minutes=10)
"""From our last look at Salesforce's clock, which a record that we create bears, to its creation at most: calls are
repeated and wait for their quota.
"""
REMEMBERED = 5
"""Details of the sync logs that are asked which record an opportunity had."""
_APN_ID = {"opportunity": re.compile(r"O[0-9]{1,19}\Z"), "lead": re.compile(r"L[0-9]{1,19}\Z")}
_RECORD_ID = re.compile(r"[A-Za-z0-9]{18}\Z")


def find_link(engine: Engine, apn_id: str, answer: Json) -> Link | None:
    """Return the link of what AWS names so: known, or found by its identifier in Salesforce, or by the partner
    identifier at AWS.

    Returns None when no Salesforce record belongs to it: it was made in Partner Central.

    Raises:
        RecordRejected: it names a record of this org that we may neither see nor take for deleted; or it belongs to a
            record of another object than the mapped one.
    """
    link = engine.state.links.by_apn(apn_id)
    if link is not None:
        return _taken_over(engine, link) if is_free(engine, link) else link
    if not is_apn_id(engine, apn_id):
        return None
    holders = engine.salesforce.holders(engine.mapping.object_name, engine.names.apn_id, apn_id)
    for record_id, deleted in holders.items():
        if not deleted:
            return adopt(engine, record_id, apn_id)
    partner_id = str(answer.get("PartnerOpportunityIdentifier") or "")
    if is_record_id(engine, partner_id):
        return _by_partner_identifier(engine, apn_id, partner_id)
    once = next(iter(holders), "") or _once_logged(engine, apn_id)
    return _tombstone(engine, once, apn_id) if once else None


def is_apn_id(engine: Engine, text: str) -> bool:
    """Whether the text has the form in which AWS names records of the engine's type (FAQ-05)."""
    return bool(_APN_ID[engine.record_type].match(text))


def _taken_over(engine: Engine, link: Link) -> Link:
    """Return the link of the record of the mapped object that carries the opportunity's identifier now; nothing is
    created in the place of a record that was set aside or deleted.
    """
    apn_id = link.apn_id or ""
    holders = engine.salesforce.holders(engine.mapping.object_name, engine.names.apn_id, apn_id)
    holder = next((record_id for record_id, deleted in holders.items() if not deleted), "")
    if not holder and link.status != "tombstone":
        raise RecordRejected((set_aside_problem(engine, link),))
    if not holder:
        return link
    with engine.state.transaction():
        hand_over(engine, link)
        return adopt(engine, holder, apn_id)


def is_record_id(engine: Engine, text: str) -> bool:
    """Whether the text is a record id of the mapped object."""
    return bool(_RECORD_ID.match(text)) and text.startswith(engine.describe().key_prefix or "\0")


def adopt(engine: Engine, record_id: str, apn_id: str) -> Link:
    """Link record and opportunity, which belong together by what the two sides say."""
    link = engine.state.links.get(record_id) or Link(record_id=record_id, object_name=engine.mapping.object_name)
    if link.apn_id not in (None, apn_id):
        raise RecordRejected((_two_opportunities(link, apn_id),))
    if link.apn_id is None:
        _continue_share(engine, link, apn_id)
    link.apn_id, link.status = apn_id, "linked"
    engine.state.links.save(link)
    return link


def _continue_share(engine: Engine, link: Link, apn_id: str) -> None:
    """Where a share of ours created the opportunity and its answer was lost, what it was created with is known: what
    AWS says besides is a change of AWS's, and none of the record's.
    """
    share = engine.state.shares.get(link.record_id)
    if share is None or not share.create_request:
        return
    link.applied = created_body(share)
    share.step, share.apn_id, share.generation, share.uncertain = "created", apn_id, 0, False
    engine.state.shares.save(share)


def adopt_page(engine: Engine, page: Iterable[Json]) -> None:
    """Link what a page of AWS's list names as ours; the first look over the whole list does so before anything is
    created.
    """
    with engine.state.transaction():
        for summary in page:
            partner_id = str(summary.get("PartnerOpportunityIdentifier") or "")
            if engine.state.links.by_apn(summary["Id"]) is None and is_record_id(engine, partner_id):
                _adopt_listed(engine, partner_id, summary["Id"])


def _adopt_listed(engine: Engine, record_id: str, apn_id: str) -> None:
    known = engine.state.links.get(record_id)
    if known is None or known.apn_id is None:
        adopt(engine, record_id, apn_id)
    else:
        # Two opportunities name the same record: nothing goes out for it until a person has chosen.
        known.status, known.hold_reason = "held", f"{known.apn_id}, {apn_id}"
        engine.state.links.save(known)


def _once_logged(engine: Engine, apn_id: str) -> str:
    """Return the id of the record that a sync log of an earlier state names for the opportunity, empty for none.

    The recycle bin forgets after 15 days; the logs remember until their retention ends.
    """
    logged = engine.salesforce.query(logged_query(apn_id))
    ids = (str(row[Detail.RECORD_ID] or "") for row in logged)
    return next((record_id for record_id in ids if is_record_id(engine, record_id)), "")


def logged_query(apn_id: str) -> str:
    """Return the query for what the sync logs say of an identifier of AWS's, the latest first."""
    return (
        f"SELECT {Detail.RECORD_ID} FROM {SYNC_LOG_DETAIL} WHERE {Detail.APN_ID} = '{apn_id}' "  # noqa: S608 - checked above
        f"ORDER BY CreatedDate DESC LIMIT {REMEMBERED}"
    )


def _by_partner_identifier(engine: Engine, apn_id: str, record_id: str) -> Link:
    known = engine.state.links.get(record_id)
    found = engine.salesforce.rows(engine.mapping.object_name, [record_id], ("Id",))
    if known is None and record_id not in found:
        return _tombstone(engine, record_id, apn_id)
    return adopt(engine, record_id, apn_id)


def _tombstone(engine: Engine, record_id: str, apn_id: str) -> Link:
    """The record that the opportunity names does not exist any more: nothing recreates it."""
    if record_id not in engine.salesforce.deleted(engine.mapping.object_name, [record_id]):
        raise RecordRejected((_not_visible(record_id),))
    link = Link(record_id=record_id, object_name=engine.mapping.object_name, apn_id=apn_id, status="tombstone")
    engine.state.links.save(link)
    return link


def restore_seen(engine: Engine, link: Link, row: Row, record: AceRecord, answer: Json) -> None:
    """Decide, for a link without memory, which side is to move, from what the two sides' own dates say.

    Where AWS changed after the record's last sync and no person edited the record since, AWS's values are written,
    where inbound updates are on. Otherwise a difference is an edit that was not sent: it becomes due. What the record
    leaves empty is no edit: nobody remembers whether a person cleared it, and AWS's value may be a colleague's. Of what
    is hidden from us nothing is remembered until it can be seen.

    A record that stands as we made it, of an opportunity whose link was not kept any more, has no person's edits: where
    it differs, a template or the org filled what AWS leaves empty, or AWS changed since.

    A pair that an admin confirmed before anything was known of AWS's side counts as it stood then (OPS-17).
    """
    if link.seen and engine.state.backfills.decision(link.apn_id or "") == "link":
        link.applied = as_it_stands(engine, link, record)
        return
    snap = snapshot(engine.mapping, row)
    in_sync = {**snap, **as_aws_says(engine, record)}
    made = _stands_as_made(engine, row)
    newer = {field.path for field in engine.mapping.fields if made or _aws_moved_last(engine, row, answer, field)}
    link.seen = {path: text if path in newer else text and in_sync[path] for path, text in snap.items()}
    # What AWS has emptied since is to be brought in, too: nothing that stands in Salesforce counts as AWS's.
    kept = _filled_beforehand(engine, snap, record) if made else set[str]()
    applied: dict[str, Value] = {
        field.ace_field: UNKNOWN if field.path in newer and field.ace_field not in kept else record.get(field.ace_field)
        for field in engine.mapping.fields
        if snap.get(field.path, UNKNOWN) is not None
        and (field.path in newer or engine.catalogue[field.ace_field].owner is Owner.PARTNER)
    }
    link.applied = applied | stood_in(engine, row, record, _sendings(engine, row, answer))


def as_it_stands(engine: Engine, link: Link, record: AceRecord) -> dict[str, Value]:
    """Return AWS's record as if Salesforce had been brought to it, but for what Salesforce leaves empty, and for AWS's
    own fields.
    """
    filled = filled_paths(link)
    open_fields = {
        item.ace_field
        for item in engine.mapping.fields
        if item.path not in filled or engine.catalogue[item.ace_field].owner is not Owner.PARTNER
    }
    return {name: UNKNOWN if name in open_fields else value for name, value in record.items()}


def filled_paths(link: Link) -> set[str]:
    """Return the mapped paths that had a value when the record was last seen."""
    return {path for path, text in link.seen.items() if text is not None}


def _stands_as_made(engine: Engine, row: Row) -> bool:
    """Whether we made the record from AWS's opportunity, and nobody touched it since.

    A record that somebody loaded with our user's rights bears no time of ours: what it says is to be sent (ELIG-22).
    """
    ours, synced = engine.settings.integration_users, row.get(engine.names.last_sync_date)
    if not (synced and row.get(engine.names.apn_id) and row.get("CreatedDate")):
        return False
    if row.get("CreatedById") not in ours or row.get("LastModifiedById") not in ours:
        return False
    created = datetime.fromisoformat(row["CreatedDate"])
    untouched = datetime.fromisoformat(row["LastModifiedDate"]) == created
    return untouched and timedelta() <= created - datetime.fromisoformat(synced) <= MADE_WITHIN


def _filled_beforehand(engine: Engine, snap: Mapping[str, str | None], record: AceRecord) -> set[str]:
    """Return the ACE fields that AWS leaves empty, and of which a new record got a value of the template's, or meets
    one on a record that was there before.
    """
    describe, template_id = engine.describe(), engine.settings.default_opportunity_id
    has_template = bool(template_id) and describe.name != ACE_OPPORTUNITY and engine.record_type == "opportunity"
    template = copy_of(engine.salesforce, describe, template_id, engine.names) if has_template else None
    texts = {path: text for path, text in snapshot(engine.mapping, template or {}).items() if text is not None}
    return {
        item.ace_field
        for item in engine.mapping.fields
        if record.get(item.ace_field) is None
        and (item.related or (item.path in texts and texts[item.path] == snap.get(item.path)))
    }


def as_aws_says(engine: Engine, record: AceRecord) -> dict[str, str | None]:
    """Return AWS's values as they would stand in Salesforce, by path."""
    known = engine.catalogue
    values, _ = to_salesforce(engine.mapping, record, engine.describe(), creating=True, catalogue=known)
    describes = partial(describe_of, engine)
    related, _ = related_values(engine.mapping, record, describes, creating=True, catalogue=known)
    paths = {*values, *(f"{where}.{name}" for where, fields in related.items() for name in fields)}
    texts = snapshot(engine.mapping, nest(values, related))
    return {path: texts[path] for path in paths if path in texts}


def _sendings(engine: Engine, row: Row, answer: Json) -> list[datetime]:
    """Return when what AWS holds may have been sent: with the share, or with the last turn."""
    found = (answer.get("CreatedDate"), row.get(engine.names.last_sync_date))
    return [datetime.fromisoformat(one) for one in found if one]


def _aws_moved_last(engine: Engine, row: Row, answer: Json, field: FieldMapping) -> bool:
    """Whether AWS changed after the last sync and no person touched the record since that the field is on."""
    synced, modified = row.get(engine.names.last_sync_date), answer.get("LastModifiedDate")
    if not synced or not modified:
        return False
    last_sync = datetime.fromisoformat(synced)
    stamps = (related_record(row, relationship_of(field)) or row) if field.related else row
    person = stamps.get("LastModifiedById") not in engine.settings.integration_users
    edited = person and datetime.fromisoformat(stamps.get("LastModifiedDate") or row["LastModifiedDate"]) >= last_sync
    return datetime.fromisoformat(modified) > last_sync and not edited


def _two_opportunities(link: Link, apn_id: str) -> Problem:
    return Problem(
        "AMBIGUOUS_AT_AWS",
        "apnCrmUniqueIdentifier",
        f"{link.apn_id}, {apn_id}",
        "Two opportunities at AWS belong to this one record.",
        "Close one of them in Partner Central and keep the other's identifier on the record.",
    )


def _not_visible(record_id: str) -> Problem:
    return Problem(
        "RECORD_NOT_VISIBLE",
        "partnerCrmUniqueIdentifier",
        record_id,
        "The opportunity at AWS names this Salesforce record, which the integration user cannot see.",
        "Give the integration user View All on the object; if the record is gone for good, nothing needs to be done.",
    )
