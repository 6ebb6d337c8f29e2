"""The Salesforce record of what AWS has and Salesforce has not: an opportunity made by a colleague in Partner Central,
or an opportunity or a lead that AWS referred (IN-05, IN-07, LEAD-03).

What it holds: the template's values, over them what AWS says, over that what the settings decide (owner, record type,
currency, account) and the connector's own fields. Nothing is invented: what a required field lacks is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from connector.ace.record import AceRecord, Value
from connector.errors import DuplicateValue, Problem, RecordRejected, Retriable
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.inbound import related_values, to_salesforce
from connector.mapping.model import FieldMapping
from connector.mapping.outbound import snapshot
from connector.mapping.related import field_of, lookup_path, relationship_of
from connector.names import ACE_OPPORTUNITY, SETTINGS, TemplateSettings
from connector.store.links import Link
from connector.sync import logs
from connector.sync.accounts import AccountChoice, choose_account, default_account
from connector.sync.arrival import Arrival, remember
from connector.sync.defaults import OWNER, Defaults, defaults_for, text_of
from connector.sync.engine import Engine
from connector.sync.fallbacks import fallback_note, with_stand_ins
from connector.sync.ports import Row
from connector.sync.queueing import enqueue_inbound
from connector.sync.related_values import describe_of, is_default, no_related_record
from connector.sync.templates import ACCOUNT, copy_of, default_opportunity_problem

_TITLES = {"opportunity": ("partnerProjectTitle",), "lead": ("company", "fullName")}
"""What a record without a mapped name is called by; AWS hides a lead's until it is accepted."""
_OWNERSHIP, _REFERRED = "opportunityOwnership", "AWS Referral"
_FOLLOW_STAGE = ("Probability", "ForecastCategoryName")
"""Salesforce derives them from the stage; a template's would contradict AWS's stage."""
_REFERENCE, _NOT_MAPPED = "REFERENCE_IN_TEXT", "VALUE_NOT_MAPPED"


@dataclass(frozen=True, slots=True)
class Draft:
    """A record about to be created.

    Attributes:
        row: its fields, the account's lookup included where the account exists.
        account: the account it refers to.
        problems: what could not be done; the record is created without it.
        note: in words, what was decided and stood in.
        skipped: entries of the mapping whose value has no related record that may take it.
        later: entries whose value goes to a related record that exists: by the next look at AWS, as any update does.
    """

    row: Row
    account: AccountChoice
    problems: tuple[Problem, ...]
    note: str
    skipped: tuple[FieldMapping, ...] = ()
    later: tuple[FieldMapping, ...] = ()


def create_record(engine: Engine, arrival: Arrival, run_id: str) -> None:
    """Create the Salesforce record of an opportunity that has none, and link the two.

    Raises:
        Retriable: it may have been created; the next attempt looks for it first.
    """
    made = insert_record(engine, arrival, run_id)
    if made is not None:
        _link_created(engine, *made, arrival, run_id)


def insert_record(engine: Engine, arrival: Arrival, run_id: str) -> tuple[str, Draft] | None:
    """Create the record of what arrived, by AWS's identifier; where the customer's account is made too, both or none.
    Return its id and what was created; None for a record that cannot be created, which is told with its payload, for an
    admin to correct (IN-15).

    Raises:
        Retriable: it may have been created; the next attempt looks for it first.
    """
    try:
        draft = draft_record(engine, arrival)
        return _insert(engine, draft, arrival)
    except RecordRejected as refusal:
        # Until there is a record, AWS's id stands for it.
        provisional = Link(arrival.id, engine.mapping.object_name, arrival.id if arrival.by_file else None)
        logs.log_problems(engine, run_id, provisional, refusal.problems, payload=arrival.logged)
        return None


def draft_record(engine: Engine, arrival: Arrival) -> Draft:
    """Return what would be created; nothing is written.

    Raises:
        RecordRejected: nothing of what AWS says can be written, or a required field would stay empty.
    """
    describe = engine.describe()
    filled = with_stand_ins(engine, arrival.record)
    values, problems = to_salesforce(engine.mapping, filled.record, describe, creating=True, catalogue=engine.catalogue)
    problems = (*problems, *filled.problems)
    if problems and not values:
        raise RecordRejected(problems)
    template, wrong = _template(engine, describe)
    defaults = defaults_for(engine, describe, arrival.record, template)
    account = _account(engine, describe, filled.record, str(defaults.values.get(OWNER) or ""))
    own = _own_values(engine, arrival)
    row = _row(engine, arrival, describe, template, _without(engine, values, filled.record, template, defaults))
    draft = Draft(
        {**row, **defaults.values, **own},
        account,
        (*problems, *wrong, *defaults.problems, *defaults.foreign),
        " ".join(filter(None, (arrival.note, fallback_note(filled.used), defaults.note))),
    )
    _require_complete(engine, describe, draft)
    return _with_account(engine, describe, draft, filled.record)


def _account(engine: Engine, describe: ObjectDescribe, record: AceRecord, owner_id: str) -> AccountChoice:
    """Return the account of a new opportunity; a lead has none before it is converted."""
    if engine.record_type == "lead":
        return AccountChoice()
    return choose_account(engine, describe, record, owner_id)


def _template(engine: Engine, describe: ObjectDescribe) -> tuple[Row, tuple[Problem, ...]]:
    """Return what the Default Opportunity gives, and why it gives nothing (SET-07, SET-08)."""
    settings = engine.settings
    if describe.name == ACE_OPPORTUNITY or engine.record_type == "lead":
        return {}, ()
    if not settings.default_opportunity_id:
        name = TemplateSettings.DEFAULT_OPPORTUNITY_ID
        return {}, tuple(problem for problem in settings.problems if problem.field == name)
    problem = default_opportunity_problem(engine.salesforce, settings, describe.name)
    if problem is not None:
        return {}, (problem,)
    return copy_of(engine.salesforce, describe, settings.default_opportunity_id, engine.names) or {}, ()


def _without(engine: Engine, values: Row, record: AceRecord, template: Row, defaults: Defaults) -> Row:
    """Return the values without amounts in a foreign currency, and without what AWS leaves empty and the template
    fills.
    """
    kept, foreign = dict(values), {problem.field for problem in defaults.foreign}
    for item in engine.mapping.fields:
        value = kept.get(item.path)
        # No value at AWS is an unchecked box, which says as little as an empty field.
        is_empty = record.get(item.ace_field) is None and (value is None or value is False)
        if item.ace_field in foreign or (is_empty and item.path in template):
            kept.pop(item.path, None)
    return kept


def _row(engine: Engine, arrival: Arrival, describe: ObjectDescribe, template: Row, values: Row) -> Row:
    """Return the template with the values laid over, and a name."""
    row = {**template, **values}
    if row.get("StageName") != template.get("StageName"):
        row = {name: value for name, value in row.items() if name in values or name not in _FOLLOW_STAGE}
    known = describe.field("Name")
    if known is not None and known.createable and not row.get("Name"):
        titles = (text_of(arrival.record, name) for name in _TITLES[engine.record_type])
        row["Name"] = logs.cut(next(filter(None, titles), arrival.id), known.length or 80)
    return row


def _own_values(engine: Engine, arrival: Arrival) -> Row:
    return {
        arrival.key_field(engine): arrival.id,
        engine.names.sync_with_aws: True,
        engine.names.last_sync_date: engine.salesforce.server_time().strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
    }


def _with_account(engine: Engine, describe: ObjectDescribe, draft: Draft, record: AceRecord) -> Draft:
    """Return the draft with its account, and with what becomes of the values for related records."""
    account, row = draft.account, dict(draft.row)
    lookup = describe.field(account.lookup) if account.lookup else None
    if lookup is not None and lookup.nillable:
        row.pop(lookup.name, None)  # the template's account is the template's own
    if account.account_id:
        row[account.lookup] = account.account_id
    skipped, later, problems = _sort_related(engine, account, row, record)
    lost = ", ".join(item.path for item in skipped if not item.inbound)
    untold = f"Skipped, as inbound updates are off and no related record was made: {lost}." if lost else ""
    return replace(
        draft,
        row=row,
        skipped=skipped,
        later=later,
        problems=(*draft.problems, *account.problems, *problems),
        note=" ".join(filter(None, (draft.note, account.note, untold))),
    )


def _sort_related(
    engine: Engine, account: AccountChoice, row: Row, record: AceRecord
) -> tuple[tuple[FieldMapping, ...], tuple[FieldMapping, ...], tuple[Problem, ...]]:
    """Return the entries without a related record to take their value, those to be written later, and the problems."""
    describes = partial(describe_of, engine)
    found, problems = related_values(engine.mapping, record, describes, creating=True, catalogue=engine.catalogue)
    skipped, later = list[FieldMapping](), list[FieldMapping]()
    for item in engine.mapping.fields:
        relationship = relationship_of(item)
        has_value = item.related and found.get(relationship, {}).get(field_of(item)) is not None
        if not has_value or (account.new is not None and relationship.lower() == account.relationship.lower()):
            continue
        reason = _reason_against(engine, account, row, _first_lookup(engine, item))
        (later if reason is None else skipped).append(item)
        if reason is not None and item.inbound:
            problems = (*problems, reason(item, record[item.ace_field]))
    return tuple(skipped), tuple(later), problems


def _reason_against(
    engine: Engine, account: AccountChoice, row: Row, lookup: str
) -> Callable[[FieldMapping, Value], Problem] | None:
    """Return the problem that keeps values from what the lookup refers to, None where nothing does."""
    if account.new is not None and lookup == account.lookup:
        return None  # beyond the new account there may be records, which the next look finds
    if not row.get(lookup):
        return no_related_record
    is_shared = lookup == account.lookup and row[lookup] == engine.settings.default_account_id
    return is_default if is_shared else None


def _first_lookup(engine: Engine, item: FieldMapping) -> str:
    first = item.path.partition(".")[0]
    return lookup_path(first, engine.mapping.object_name, partial(describe_of, engine))


def _require_complete(engine: Engine, describe: ObjectDescribe, draft: Draft) -> None:
    """Raise RecordRejected where a required field would stay empty: Salesforce would refuse the record, in words that
    do not say where a value could come from.
    """
    account = draft.account.lookup if draft.account.new is not None or draft.account.account_id else ""
    missing = tuple(
        _lacking(engine, field)
        for field in _required(describe)
        if draft.row.get(field.name) in (None, "") and field.name != account
    )
    if missing:
        raise RecordRejected((*missing, *draft.problems))


def _required(describe: ObjectDescribe) -> Iterator[FieldDescribe]:
    for field in describe.fields.values():
        optional = field.nillable or field.defaulted_on_create or field.type == "boolean" or field.name == OWNER
        if field.createable and not optional:
            yield field


def _lacking(engine: Engine, field: FieldDescribe) -> Problem:
    mapped = next((item.ace_field for item in engine.mapping.fields if item.path.lower() == field.name.lower()), "")
    source = f"AWS has no value of {mapped} that fits" if mapped else "no AWS field is mapped to it"
    template = (
        f"Fill {field.name} on the template record and set its id as {TemplateSettings.DEFAULT_OPPORTUNITY_ID} in "
        f"{SETTINGS}"
    )
    remedy = template
    if engine.mapping.object_name == ACE_OPPORTUNITY:
        remedy = "Map an AWS field to it"
    elif engine.record_type == "lead":
        # AWS hides a lead's names until it is accepted.
        remedy = "Map an AWS field to it, and set in the mapping what stands in where AWS has no value (from AWS)"
    return Problem(
        "REQUIRED_FIELD_MISSING",
        field.name,
        "",
        f"{engine.mapping.object_name} requires {field.label} ({field.name}), and {source}.",
        f"{remedy}; then tick Reprocess on this detail.",
    )


def _insert(engine: Engine, draft: Draft, arrival: Arrival) -> tuple[str, Draft]:
    """Create the record, with its account where there is one to be made; return its id and what was created.

    An answer that never came is looked for at once: what was created is then known by what was sent.
    """
    key_field = arrival.key_field(engine)
    try:
        return _create(engine, draft, key_field), draft
    except Retriable as error:
        found = _holder(engine, key_field, arrival.id) if error.outcome_unknown else ""
        if not found:
            raise
        return found, draft
    except RecordRejected as refusal:
        if any(problem.code == _REFERENCE for problem in refusal.problems):
            draft = _with_shared_account(engine, draft, refusal.problems)
            return _create(engine, draft, key_field), draft
        raise RecordRejected((*refusal.problems, *draft.problems)) from refusal


def _create(engine: Engine, draft: Draft, key_field: str) -> str:
    object_name, account = engine.mapping.object_name, draft.account
    if account.new is None:
        outcome = engine.salesforce.upsert(object_name, key_field, [draft.row])[0]
        if outcome.error is not None:
            raise outcome.error
        return outcome.id
    try:
        record_id, _ = engine.salesforce.create_with_parent(
            object_name, draft.row, lookup=account.lookup, parent_object=ACCOUNT, parent=account.new
        )
    except DuplicateValue as error:
        if {problem.field.lower() for problem in error.problems} <= {"", key_field.lower()}:
            raise Retriable("The record was created by another request meanwhile; it is looked up and used.") from None
        raise
    return record_id


def _holder(engine: Engine, key_field: str, key: str) -> str:
    holders = engine.salesforce.holders(engine.mapping.object_name, key_field, key)
    return next((record_id for record_id, deleted in holders.items() if not deleted), "")


def _with_shared_account(engine: Engine, draft: Draft, problems: tuple[Problem, ...]) -> Draft:
    """Return the draft without an account of its own: it cannot be made together with this record."""
    lookup = draft.account.relationship.lower()
    lost = tuple(item for item in engine.mapping.fields if item.related and relationship_of(item).lower() == lookup)
    account = default_account(engine, draft.account, "")
    return replace(
        draft,
        row={**draft.row, account.lookup: account.account_id},
        account=account,
        skipped=(*draft.skipped, *lost),
        problems=(*draft.problems, *problems),
    )


def _link_created(engine: Engine, record_id: str, draft: Draft, arrival: Arrival, run_id: str) -> None:
    link = engine.state.links.get(record_id) or Link(record_id=record_id, object_name=engine.mapping.object_name)
    link.apn_id, link.status, link.apn_id_written = str(arrival.answer["Id"]), "linked", True
    referred_by_aws = engine.record_type == "lead" or arrival.record.get(_OWNERSHIP) == _REFERRED
    link.origin = "aws" if referred_by_aws else "partner"
    seen = seen_of(engine, record_id, draft)
    with engine.state.transaction():
        remember(engine, link, arrival)
        remember_created(engine, link, draft, arrival, seen)
        engine.state.links.save(link)
        # While the record could not be created, its reasons bore the opportunity's id.
        logs.resolve(engine, link.apn_id, run_id)
        logs.log_success(engine, run_id, link, arrival.logged, draft.note)
        for problem in draft.problems:
            logs.note_problem(engine, run_id, link, problem, payload=arrival.logged)
        if any(problem.code == _NOT_MAPPED for problem in draft.problems):
            # It is there, and lacks something that AWS said: whoever reads the log alone is to look further (IN-14).
            engine.state.runs.record(run_id, link.record_id, "error")
        if draft.later:
            enqueue_inbound(engine, link.apn_id, "", fresh=True)


def remember_created(engine: Engine, link: Link, draft: Draft, arrival: Arrival, seen: dict[str, str | None]) -> None:
    """Note what either side looked like when the record was created: nothing in it is a person's edit, and what it did
    not get is still to be applied.
    """
    link.seen = seen
    link.pending_applied = {**arrival.record, **dict.fromkeys(_unapplied(engine, draft))}
    link.confirm_applied()


def seen_of(engine: Engine, record_id: str, draft: Draft) -> dict[str, str | None]:
    """Return the record as it was created, as a snapshot of mapped fields."""
    return snapshot(engine.mapping, _as_seen(engine, record_id, draft))


def _as_seen(engine: Engine, record_id: str, draft: Draft) -> Mapping[str, Any]:
    """Return the record as it was created; what stands in related records is read, and is no person's edit."""
    if not any(item.related for item in engine.mapping.fields):
        return draft.row
    row = engine.salesforce.rows(engine.mapping.object_name, [record_id], engine.row_fields()).get(record_id) or {}
    return {**{name: value for name, value in row.items() if isinstance(value, Mapping)}, **draft.row}


def _unapplied(engine: Engine, draft: Draft) -> set[str]:
    """Return the ACE fields that Salesforce did not get: once they can be written, the next look brings them in."""
    refused = {problem.field for problem in draft.problems}
    not_written = {
        item.ace_field
        for item in engine.mapping.fields
        if item.ace_field in refused and not item.related and item.path not in draft.row
    }
    related = {item.ace_field for item in engine.mapping.fields if item.related and item.ace_field in refused}
    return not_written | related | {item.ace_field for item in (*draft.skipped, *draft.later)}
