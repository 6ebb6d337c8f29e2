"""What would happen to one record, and why: verdict, plan and the exact payload; nothing is sent and nothing is
kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from connector.ace import api_shape
from connector.eligibility.verdict import Verdict
from connector.errors import ConfigError, RecordRejected
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.outbound import snapshot, to_ace
from connector.store.links import Link
from connector.sync import plan
from connector.sync.engine import Engine
from connector.sync.observe import judge
from connector.sync.outbound import facts_for
from connector.sync.tokens import create_token


@dataclass(frozen=True, slots=True)
class Preview:
    """One record, side by side.

    Attributes:
        verdict: whether it is due, with every condition.
        actions: what would be done, were it due and asked for.
        payload: the request that would be sent first; None when none would.
        fields: per mapped field: ACE name, Salesforce path, Salesforce value, ACE value.
    """

    record_id: str
    verdict: Verdict
    actions: tuple[plan.Action, ...]
    payload: dict[str, Any] | None
    fields: tuple[tuple[str, str, str | None, Any], ...]


def preview(engine: Engine, record_id: str, draft: FieldMap | None = None) -> Preview:
    """Return what would happen to the record now; with ``draft``, under that mapping.

    Raises:
        ConfigError: the record does not exist or is not visible.
    """
    if draft is not None:
        engine = replace(engine, mapping=draft)
    row = engine.salesforce.rows(engine.mapping.object_name, [record_id], engine.row_fields()).get(record_id)
    if row is None:
        raise ConfigError(
            f"{engine.mapping.object_name} {record_id} does not exist or the integration user cannot see it."
        )
    known = engine.state.links.get(record_id)
    link = known or Link(record_id=record_id, object_name=engine.mapping.object_name)
    link.row, link.apn_id = row, link.apn_id or row.get(engine.names.apn_id)
    try:
        answer = link.aws or (engine.partner_central.get_opportunity(link.apn_id) if link.apn_id else None)
    except RecordRejected as error:
        return Preview(record_id, judge(engine, row, known), (plan.Reject(error.problems),), None, _fields(engine, row))
    facts = replace(facts_for(engine, link, answer), requested=True)
    actions = plan.plan_outbound(facts)
    return Preview(
        record_id, judge(engine, row, known), actions, _payload(engine, link, facts, actions), _fields(engine, row)
    )


def _payload(
    engine: Engine, link: Link, facts: plan.OutboundFacts, actions: tuple[plan.Action, ...]
) -> dict[str, Any] | None:
    match actions[0]:
        case plan.Create():
            token = create_token(engine.org_id, link.record_id, engine.catalog, link.generation)
            record = {**facts.record, "partnerCrmUniqueIdentifier": link.record_id}
            return api_shape.to_create(record, catalog=engine.catalog, client_token=token)
        case plan.Update(request=request):
            return dict(request)
        case _:
            return None


def _fields(engine: Engine, row: dict[str, Any]) -> tuple[tuple[str, str, str | None, Any], ...]:
    record, _ = to_ace(engine.mapping, row, engine.catalogue)
    texts = snapshot(engine.mapping, row)
    return tuple(
        (field.ace_field, field.path, texts.get(field.path), record.get(field.ace_field))
        for field in engine.mapping.fields
        if field.ace_field in record or texts.get(field.path) is not None
    )
