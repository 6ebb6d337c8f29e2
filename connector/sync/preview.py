"""What would happen to one record, and why: verdict, plan and the exact payload, and every mapped field on its way from
Salesforce to AWS; nothing is sent and nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from connector.ace import api_shape, paths
from connector.ace.catalogue import AceField
from connector.ace.record import AceRecord
from connector.ace.text import to_api
from connector.eligibility.verdict import Verdict
from connector.errors import ConfigError, Problem, RecordRejected
from connector.mapping.currency import CURRENCY, RECORD_CURRENCY
from connector.mapping.outbound import snapshot
from connector.store.links import Link
from connector.sync import plan
from connector.sync.engine import Engine
from connector.sync.fallbacks import used_fallbacks
from connector.sync.observe import judge
from connector.sync.outbound import facts_for
from connector.sync.ports import Row
from connector.sync.tokens import create_token

AWS_ONLY = "inbound only"
_SUBMISSION = {"involvementType": "InvolvementType", "visibility": "Visibility"}


@dataclass(frozen=True, slots=True)
class Passage:
    """One mapped field on its way to AWS.

    Attributes:
        path: the Salesforce field; ``Id`` for the record's own id, which always goes along.
        salesforce_value: what stands in it, as text.
        ace_value: its value in the canonical record; None for none.
        json_path: where it stands in the request, in the notation of :mod:`connector.ace.catalogue`, or by which other
            call it goes; :data:`AWS_ONLY` where AWS alone writes it, empty where the API takes it nowhere.
        json_value: what stands there in the payload, or would, were the record in order.
        fallback: how a value came about where the Salesforce field is empty, empty otherwise.
        problems: what is wrong with this field.
    """

    ace_field: str
    path: str
    salesforce_value: str | None
    ace_value: Any
    json_path: str
    json_value: Any
    fallback: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """One record, side by side.

    Attributes:
        verdict: whether it is due, with every condition.
        actions: what would be done, were it due and asked for.
        payload: the request that would be sent first; None when none would.
        fields: one per mapped field, in the mapping's order.
        problems: those of no single mapped field.
        ruling: what the share rule says, in words; empty without a rule, and for what has an opportunity already.
        steps: further things that would be done, in words.
    """

    record_id: str
    verdict: Verdict
    actions: tuple[plan.Action, ...]
    payload: dict[str, Any] | None
    fields: tuple[Passage, ...]
    problems: tuple[Problem, ...]
    ruling: str = ""
    steps: tuple[str, ...] = ()


def preview(engine: Engine, record_id: str, left_out: Iterable[Problem] = ()) -> Preview:
    """Return what would happen to the record now, under the engine's mapping.

    Args:
        left_out: why mapped fields are left out, which the engine's mapping therefore does not have.

    Raises:
        ConfigError: the record does not exist or is not visible.
    """
    row = engine.salesforce.rows(engine.mapping.object_name, [record_id], engine.row_fields()).get(record_id)
    if row is None:
        raise ConfigError(
            f"{engine.mapping.object_name} {record_id} does not exist or the integration user cannot see it."
        )
    known = engine.state.links.get(record_id)
    link = known or Link(record_id=record_id, object_name=engine.mapping.object_name)
    link.row, link.apn_id = row, link.apn_id or row.get(engine.names.apn_id)
    verdict = judge(engine, row, known)
    facts = _facts(engine, link)
    actions = (plan.Reject(facts.problems),) if isinstance(facts, _NoAnswer) else plan.plan_outbound(facts)
    payload = None if isinstance(facts, _NoAnswer) else _payload(engine, link, facts, actions)
    problems = tuple(dict.fromkeys((*left_out, *engine.to_ace(row)[1], *_told(actions))))
    fields = tuple(_passages(engine, link, row, payload, problems))
    named = {one.ace_field for one in fields}
    unnamed = tuple(one for one in problems if one.field not in named)
    ruling = "" if isinstance(facts, _NoAnswer) else facts.ruling
    return Preview(record_id, verdict, actions, payload, fields, unnamed, ruling)


@dataclass(frozen=True, slots=True)
class _NoAnswer:
    """AWS refuses to show the record's opportunity."""

    problems: tuple[Problem, ...]


def _facts(engine: Engine, link: Link) -> plan.OutboundFacts | _NoAnswer:
    try:
        answer = link.aws or (engine.partner_central.get_opportunity(link.apn_id) if link.apn_id else None)
    except RecordRejected as error:
        return _NoAnswer(error.problems)
    return replace(facts_for(engine, link, answer), requested=True)


def _told(actions: Iterable[plan.Action]) -> Iterable[Problem]:
    for action in actions:
        match action:
            case plan.Reject(problems=problems):
                yield from problems
            case plan.Settle(locked=locked):
                yield from locked
            case plan.Hold(problem=problem) | plan.Await(problem=problem):
                yield problem


def _payload(
    engine: Engine, link: Link, facts: plan.OutboundFacts, actions: tuple[plan.Action, ...]
) -> dict[str, Any] | None:
    match actions[0]:
        case plan.Create():
            token = create_token(engine.org_id, link.record_id, engine.catalog, link.generation)
            record = {**facts.record, plan.IDENTIFIER: link.record_id}
            return api_shape.to_create(record, catalog=engine.catalog, client_token=token)
        case plan.Update(request=request):
            return dict(request)
        case _:
            return None


def _passages(
    engine: Engine, link: Link, row: Row, payload: Mapping[str, Any] | None, problems: tuple[Problem, ...]
) -> Iterable[Passage]:
    record, _ = engine.to_ace(row)
    texts, used = snapshot(engine.mapping, row), {one.ace_field: one for one in used_fallbacks(engine, row)}
    creating = link.apn_id is None
    yield _fixed(engine, link, payload, plan.IDENTIFIER, "Id", link.record_id)
    for item in engine.mapping.fields:
        ace, stand_in = engine.catalogue[item.ace_field], used.get(item.ace_field)
        json_path, place = _json_path(ace, creating=creating)
        yield Passage(
            item.ace_field,
            item.path,
            texts.get(item.path),
            record.get(item.ace_field),
            json_path,
            _json_value(place, record, item.ace_field, payload),
            "" if stand_in is None else f"formula {stand_in.formula}" if stand_in.formula else "fixed value",
            tuple(one for one in problems if one.field == item.ace_field),
        )
    if row.get(RECORD_CURRENCY) and engine.mapping.field(CURRENCY) is None:
        yield _fixed(engine, link, payload, CURRENCY, RECORD_CURRENCY, str(row[RECORD_CURRENCY]))
    for name, path in engine.left_out.items():
        yield Passage(name, path, None, None, "", None, "", tuple(one for one in problems if one.field == name))


def _fixed(
    engine: Engine, link: Link, payload: Mapping[str, Any] | None, name: str, source: str, value: str
) -> Passage:
    """Return the passage of a field that the connector fills itself."""
    json_path, place = _json_path(engine.catalogue[name], creating=link.apn_id is None)
    return Passage(name, source, value, value, json_path, _json_value(place, {name: value}, name, payload))


def _json_path(ace: AceField, *, creating: bool) -> tuple[str, str]:
    """Return where the field goes, for people, and its place in the payload, empty where that has none."""
    place = ace.create_path if creating else ace.update_path
    if place:
        return place, place
    if ace.associate:
        return f"AssociateOpportunity: {ace.associate}", ""
    if ace.name in _SUBMISSION:
        return f"StartEngagementFromOpportunityTask: AwsSubmission.{_SUBMISSION[ace.name]}", ""
    if ace.assign:
        return f"AssignOpportunity: {ace.assign}", ""
    return ("" if ace.outbound else AWS_ONLY), ""


def _json_value(place: str, record: AceRecord, name: str, payload: Mapping[str, Any] | None) -> Any:
    """Return what the payload has at the place; without a payload, and for other calls, what the value would be."""
    if place and payload is not None:
        return paths.get(payload, place)
    value = record.get(name)
    if value is None:
        return None
    return to_api(value)
