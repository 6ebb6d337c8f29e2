"""What the next records of a file will ask Salesforce, asked for many of them at once, and new records created together
(OPS-06).

Each record keeps its own turn, which asks as it always does and finds the answer there. Only what is plain is created
ahead: a record that nothing in Salesforce belongs to, alone, as its own turn would create it. What is not plain, was
refused or came to an unknown end is left to its own turn. Should the process end in between, the turns find what was
created by AWS's identifier, as they do after any creation whose answer was lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from connector.eligibility.rules import is_dummy_identifier
from connector.errors import Deferred, RecordRejected
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.store.downloads import Arrived
from connector.sync.adoption import REMEMBERED, is_apn_id, is_record_id, logged_query
from connector.sync.arrival import Arrival
from connector.sync.creation import draft_record
from connector.sync.engine import Engine
from connector.sync.exchange.exported import arrival_of, read_arrived
from connector.sync.exclusion import excluded
from connector.sync.foreseen import KEPT, Foreseen, foreseeing
from connector.sync.inbound import observed_row
from connector.sync.observe import require_settled
from connector.sync.ports import Row
from connector.sync.queueing import INBOUND
from connector.sync.related_values import require_related_settled

SLICE = 200
"""Records that one call of Salesforce's takes."""


def with_answers(engine: Engine, arrived_id: int) -> Engine:
    """Return the engine for the turn of a record of a file: with what was read ahead, where something was."""
    foreseen = _current(engine, arrived_id)
    return engine if foreseen is None else replace(engine, salesforce=foreseeing(engine.salesforce, foreseen))


def look_ahead(engine: Engine, arrived_id: int) -> None:
    """Ask for a record of a file, and for those of it whose turns come next, what their turns will ask; create what is
    plainly new. Nothing is done where that was done already, or the record is the last.

    Raises:
        Retriable, Deferred, AuthFailed: Salesforce does not answer; it would not answer the turn either.
        ConnectorError: it cannot be asked for all of them together; each turn asks for itself.
    """
    arrived = engine.state.downloads.arrived(arrived_id)
    if arrived is None or arrived.status != "waiting" or _current(engine, arrived_id) is not None:
        return
    following = engine.state.downloads.following(arrived, SLICE)
    foreseen = engine.foreseen[engine.record_type] = _empty(engine, following)
    arrivals = list(_arrivals(engine, following))
    if len(arrivals) > 1:
        _ask(engine, foreseen, [arrival for _, arrival in arrivals])
        _create(engine, foreseen, [one for one in arrivals if _is_new(engine, foreseen, one[1])], arrived_id)


def forget_answers(engine: Engine) -> None:
    """Something else than a record of a file is worked off: what was read before does not count any more."""
    for foreseen in engine.foreseen.values():
        foreseen.forget()


def _current(engine: Engine, arrived_id: int) -> Foreseen | None:
    known = engine.foreseen.get(engine.record_type)
    fits = known is not None and known.object_name == engine.mapping.object_name and arrived_id in known.arrivals
    return known if fits and known is not None and engine.now() < known.until else None


def _empty(engine: Engine, following: Iterable[Arrived]) -> Foreseen:
    return Foreseen(
        engine.mapping.object_name,
        engine.names.apn_id,
        engine.names.last_sync_date,
        tuple(engine.row_fields()),
        frozenset(one.id for one in following),
        engine.now() + KEPT,
    )


def _arrivals(engine: Engine, following: Iterable[Arrived]) -> Iterator[tuple[Arrived, Arrival]]:
    """Yield what is usable: of one of AWS's records the first only, as what follows depends on what became of it."""
    met = set[str]()
    for one in following:
        if not one.payload or not is_apn_id(engine, one.apn_id) or one.apn_id in met:
            continue
        met.add(one.apn_id)
        exported = read_arrived(one)
        if is_dummy_identifier(exported.partner_id):
            continue
        try:
            arrival = arrival_of(engine, exported)
        except RecordRejected:
            continue  # its own turn tells
        yield one, arrival


def _ask(engine: Engine, foreseen: Foreseen, arrivals: list[Arrival]) -> None:
    unknown = [one for one in arrivals if engine.state.links.by_apn(one.id) is None]
    if unknown:
        names = [one.id for one in unknown]
        foreseen.holders = engine.salesforce.holders_of(foreseen.object_name, foreseen.key_field, names)
        _ask_logs(engine, foreseen, [one.id for one in unknown if _is_unheard_of(engine, foreseen, one)])
    held = {one for holders in foreseen.holders.values() for one, deleted in holders.items() if not deleted}
    _read(engine, foreseen, [*held, *_to_be_read(engine, arrivals)])


def _is_unheard_of(engine: Engine, foreseen: Foreseen, arrival: Arrival) -> bool:
    """Whether neither side names a record of ours for it."""
    partner_id = str(arrival.answer.get("PartnerOpportunityIdentifier") or "")
    return foreseen.holders.get(arrival.id) == {} and not is_record_id(engine, partner_id)


def _ask_logs(engine: Engine, foreseen: Foreseen, apn_ids: list[str]) -> None:
    """Ask which records the sync logs name for these identifiers, the latest first."""
    if not apn_ids:
        return
    wanted = ", ".join(f"'{one}'" for one in apn_ids)
    soql = (
        f"SELECT {Detail.RECORD_ID}, {Detail.APN_ID} FROM {SYNC_LOG_DETAIL} WHERE {Detail.APN_ID} IN ({wanted}) "  # noqa: S608 - checked above
        "ORDER BY CreatedDate DESC"
    )
    found: dict[str, list[Row]] = {one: [] for one in apn_ids}
    for row in engine.salesforce.query(soql):
        of_one = found.get(str(row[Detail.APN_ID] or "").strip().upper())
        if of_one is not None and len(of_one) < REMEMBERED:
            of_one.append(row)
    foreseen.queries = {logged_query(one): rows for one, rows in found.items()}


def _to_be_read(engine: Engine, arrivals: Iterable[Arrival]) -> Iterator[str]:
    """Yield the ids of linked records whose turn reads them, unless something waits to be written to them."""
    for arrival in arrivals:
        link = engine.state.links.by_apn(arrival.id)
        if link is None or link.object_name != engine.mapping.object_name or link.status == "tombstone":
            continue
        fresh = engine.record_type == "lead" or observed_row(engine, link, arrival.record) is None
        if fresh and engine.state.writebacks.get(link.record_id) is None:
            yield link.record_id


def _read(engine: Engine, foreseen: Foreseen, record_ids: list[str]) -> None:
    if not record_ids:
        return
    rows = engine.salesforce.rows(foreseen.object_name, record_ids, foreseen.fields)
    foreseen.rows = {record_id: row for record_id, row in rows.items() if _is_settled(engine, row)}


def _is_settled(engine: Engine, row: Row) -> bool:
    """Whether a later edit bears a later time: otherwise the turn reads the row itself, once that second is over."""
    try:
        require_settled(engine, row)
        require_related_settled(engine, row)
    except Deferred:
        return False
    return True


def _is_new(engine: Engine, foreseen: Foreseen, arrival: Arrival) -> bool:
    """Whether nothing in Salesforce belongs to it, and nobody has decided that nothing shall."""
    state = engine.state
    return (
        state.links.by_apn(arrival.id) is None
        and foreseen.queries.get(logged_query(arrival.id)) == []
        and state.referrals.of_opportunity(arrival.id) is None
        and not state.backfills.is_barred(arrival.id)
        and not excluded(engine, arrival.record)
    )


def _create(engine: Engine, foreseen: Foreseen, new: list[tuple[Arrived, Arrival]], arrived_id: int) -> None:
    """Create the plain ones together. Of what was refused, or may have been created, nothing is known after it."""
    ours = replace(engine, salesforce=foreseeing(engine.salesforce, foreseen))
    due = [arrival for arrived, arrival in new if arrived.id == arrived_id or _is_due(engine, arrived)]
    rows = {arrival.id: row for arrival in due if (row := _plain_row(ours, arrival)) is not None}
    if len(rows) < 2 or _depends_on_the_moment(engine):
        return
    # Until the answer is there, nothing is known of any of them.
    holders, foreseen.holders = foreseen.holders, {one: of for one, of in foreseen.holders.items() if one not in rows}
    outcomes = engine.salesforce.upsert(foreseen.object_name, foreseen.key_field, list(rows.values()))
    made = {
        apn_id: (row, outcome)
        for (apn_id, row), outcome in zip(rows.items(), outcomes, strict=True)
        if outcome.error is None and outcome.id
    }
    foreseen.made, foreseen.holders = made, {**foreseen.holders, **{apn_id: holders[apn_id] for apn_id in made}}
    if any(item.related for item in engine.mapping.fields):
        # What a new record's related records say is read once it is there.
        ids = [outcome.id for _, outcome in made.values()]
        foreseen.rows |= engine.salesforce.rows(foreseen.object_name, ids, foreseen.fields)


def _depends_on_the_moment(engine: Engine) -> bool:
    """Whether what stands in for a missing value is another one when the record's turn comes: its row would be written
    again then.
    """
    formulas = (item.from_aws.formula.upper() for item in engine.mapping.fields if item.from_aws)
    return any(name in formula for formula in formulas for name in ("NOW(", "TODAY("))


def _is_due(engine: Engine, arrived: Arrived) -> bool:
    """Whether the record's own turn comes next: first of what waits about it, and not put off."""
    about = engine.state.downloads.open_of(engine.record_type, arrived.apn_id)
    turns = engine.state.queue.list("waiting", key=arrived.apn_id)
    due = {item.payload.get("arrived") for item in turns if item.kind == INBOUND and item.retry_at <= engine.now()}
    return bool(about) and about[0].id == arrived.id and arrived.id in due


def _plain_row(engine: Engine, arrival: Arrival) -> Row | None:
    """Return the row that its turn would create; None where it creates an account too, or cannot create it."""
    try:
        draft = draft_record(engine, arrival)
    except RecordRejected:
        return None
    return draft.row if draft.account.new is None else None
