"""Requests that associate: several entities at once with a result for each, and the link to a private offer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connector.errors import RecordGone, RecordRejected
from connector.names import ACTION_REQUEST_ITEM, OFFER_LOOKUPS, PRIVATE_OFFER, ActionRequest, ActionRequestItem
from connector.sync import logs
from connector.sync.action_outcome import DONE, FAILED, Answer
from connector.sync.asking import LONGEST_MESSAGE, Request
from connector.sync.association_changes import OTHER, Outcome, Result, change_associations
from connector.sync.associations import OFFERS, Wish
from connector.sync.engine import Engine
from connector.sync.offers import offer_arn, private_offer
from connector.sync.ports import Row

NEW = "New"
ADD, REMOVE = "Associate", "Disassociate"
_FIELDS = (
    "Id",
    "Name",
    "CreatedById",
    ActionRequestItem.OPERATION,
    ActionRequestItem.ENTITY_TYPE,
    ActionRequestItem.ENTITY_ID,
    ActionRequestItem.STATUS,
    ActionRequestItem.MESSAGE,
)
_NOTHING = (
    "The request names nothing to associate or remove. Give it items, or a description under Other Solution, "
    "when it is created."
)
_CONTRADICTION = "The request is to disassociate, and this item is to be associated. Ask for it with Associate."
_BY_ANOTHER = "Another user added this item to the request. Whoever wants it asks for it in a request of their own."


def items_query(request_id: str) -> str:
    """Return the SOQL of a request's items."""
    return (
        f"SELECT {', '.join(_FIELDS)} FROM {ACTION_REQUEST_ITEM} "  # noqa: S608 - our own names and an id
        f"WHERE {ActionRequestItem.REQUEST} = '{request_id}' ORDER BY Name, Id"
    )


def perform_associations(engine: Engine, request: Request) -> Answer:
    """Carry out each item of the request, and answer for each and for all.

    Items that an earlier attempt has answered are left alone.

    Raises:
        RecordRejected: the record as a whole cannot take part.
        Deferred, Retriable, AuthFailed: it is begun again; what AWS has by then is not asked for twice.
    """
    other = str(request.row.get(ActionRequest.OTHER_SOLUTION) or "").strip()
    if not request.items and not other:
        return Answer(FAILED, _NOTHING)
    answered = _refused(request)
    waiting = [item for item in request.items if item[ActionRequestItem.STATUS] == NEW and item["Id"] not in answered]
    wishes = [_wish(item) for item in waiting]
    outcome = change_associations(engine, request.record_id, wishes, other, note=request.note)
    answered |= {item["Id"]: outcome.results[wish] for item, wish in zip(waiting, wishes, strict=True)}
    write_items(engine, request.items, answered)
    return _summary(request.items, outcome)


def _refused(request: Request) -> dict[str, Result]:
    """Return the items that are no part of the request: it is done by the rights of whoever made it, and whoever may
    read it may add items.
    """
    reasons = {item["Id"]: _reason_against(request, item) for item in request.items}
    return {item_id: Result(FAILED, reason) for item_id, reason in reasons.items() if reason}


def _reason_against(request: Request, item: Row) -> str:
    if item["CreatedById"] != request.requester:
        return _BY_ANOTHER
    return _CONTRADICTION if request.action == REMOVE and item[ActionRequestItem.OPERATION] == ADD else ""


def _wish(item: Row) -> Wish:
    adds = item[ActionRequestItem.OPERATION] == ADD
    return Wish(adds, str(item[ActionRequestItem.ENTITY_TYPE]), str(item[ActionRequestItem.ENTITY_ID]).strip())


def write_items(engine: Engine, items: Iterable[Row], results: dict[str, Result]) -> None:
    """Write to each item what became of it, in the org and in the row at hand; a deleted one needs nothing."""
    rows: list[Row] = []
    for item in items:
        if (result := results.get(item["Id"])) is not None:
            told = logs.cut(result.message, LONGEST_MESSAGE)
            item |= {ActionRequestItem.STATUS: result.status, ActionRequestItem.MESSAGE: told}
            rows.append({name: item[name] for name in ("Id", ActionRequestItem.STATUS, ActionRequestItem.MESSAGE)})
    for written in engine.salesforce.update(ACTION_REQUEST_ITEM, rows) if rows else ():
        if written.error is not None and not isinstance(written.error, RecordGone):
            raise written.error


def close_items(engine: Engine, request: Request, answer: Answer) -> None:
    """Let items that nothing became of say what the request says: it was refused, or given up."""
    left = [item for item in request.items if item[ActionRequestItem.STATUS] == NEW]
    write_items(engine, left, {item["Id"]: Result(answer.status, answer.message) for item in left})


def _summary(items: Sequence[Row], outcome: Outcome) -> Answer:
    """Return the answer for all: done where everything was, with the reasons where something was not."""
    told = [(_name(item), str(item[ActionRequestItem.STATUS]), str(item[ActionRequestItem.MESSAGE])) for item in items]
    told += [(OTHER, outcome.other.status, outcome.other.message)] if outcome.other else []
    undone = [(name, message) for name, status, message in told if status != DONE]
    if not undone:
        return Answer(DONE, f"{_count(len(told))} done for {outcome.apn_id} at AWS.")
    reasons = "\n".join(f"{name}: {message}" for name, message in undone)
    return Answer(FAILED, f"{len(told) - len(undone)} of {len(told)} changes done for {outcome.apn_id}.\n{reasons}")


def _name(item: Row) -> str:
    return f"{item[ActionRequestItem.OPERATION]} {item[ActionRequestItem.ENTITY_ID]}"


def _count(number: int) -> str:
    return "1 change" if number == 1 else f"All {number} changes"


def link_private_offer(engine: Engine, request: Request) -> Answer:
    """Associate the private offer that the request looks up.

    Raises:
        RecordRejected: AWS has no such offer, or the record cannot take part.
        Deferred, Retriable, AuthFailed: it is begun again.
    """
    offer_id = str(request.row.get(ActionRequest.PRIVATE_OFFER) or "")
    if not offer_id:
        return Answer(FAILED, "The request names no private offer. Choose it in Offer ID Look Up.")
    wish = Wish(True, OFFERS, offer_arn(private_offer(engine, offer_id)))
    outcome = change_associations(engine, request.record_id, [wish], note=request.note)
    result = outcome.results[wish]
    if result.status == DONE:
        _lead_to_record(engine, offer_id, request.record_id)
    return Answer(result.status, f"{result.message} ({outcome.apn_id})")


def _lead_to_record(engine: Engine, offer_id: str, record_id: str) -> None:
    """Let the offer's row refer to the record, where it has a lookup to its object."""
    lookup = OFFER_LOOKUPS.get(engine.mapping.object_name)
    if lookup is None:
        return
    [written] = engine.salesforce.update(PRIVATE_OFFER, [{"Id": offer_id, lookup: record_id}])
    if written.error is not None and not isinstance(written.error, RecordRejected):
        raise written.error
