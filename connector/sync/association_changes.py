"""Associations that people ask for are carried out at AWS, each by itself, and brought to Salesforce.

A call has no token, and what it came to may be lost: AWS's record is read before anything is done, so that beginning
anew repeats nothing. What was changed there comes into the mapped fields by the record's turn from AWS; where a field
takes nothing from AWS, it is written here, since its next turn towards AWS would undo what was asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.ace import api_shape
from connector.ace.api_shape import SOLUTION_TYPES
from connector.ace.formats import shown
from connector.ace.record import Value
from connector.ace.text import same
from connector.errors import Problem, RecordRejected, StaleRecord
from connector.mapping.inbound import to_salesforce
from connector.mapping.outbound import snapshot
from connector.store.links import Link
from connector.sync import logs, queueing
from connector.sync.action_outcome import DONE, FAILED
from connector.sync.action_targets import shared_record
from connector.sync.associations import (
    NEEDS_SOLUTION,
    OFFERS,
    Agenda,
    AtAws,
    Wish,
    agenda,
    closed_to_changes,
    fields_by_type,
    label,
    last_solution,
    seen_at_aws,
)
from connector.sync.base import forget_base
from connector.sync.edits import user_edits
from connector.sync.engine import Engine, Priority
from connector.sync.observe import require_settled
from connector.sync.offers import arns_of_offers
from connector.sync.ports import Json, Row

DESCRIPTION = "otherSolutionOffered"
OTHER = "Other"
UPDATES = 3
"""Attempts to update a record that others change meanwhile."""
_IN_DOUBT = frozenset({"DUPLICATE_KEY_VALUE", "RESOURCE_NOT_FOUND"})
"""Refusals that an earlier call may be the reason of: AWS's record tells."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one wish: one of the states of an action, and words for whoever asked."""

    status: str
    message: str


@dataclass(slots=True)
class Outcome:
    """What became of a request.

    Attributes:
        apn_id: AWS's id of the opportunity.
        results: by wish.
        other: of the description of another solution, None where none was asked for.
    """

    apn_id: str
    results: dict[Wish, Result] = field(default_factory=dict)
    other: Result | None = None

    @property
    def failures(self) -> list[tuple[str, str]]:
        """What was not done, and why."""
        named = [*((str(wish), one) for wish, one in self.results.items())]
        named += [(OTHER, self.other)] if self.other else []
        return [(name, one.message) for name, one in named if one.status != DONE]


def change_associations(
    engine: Engine, record_id: str, wishes: Sequence[Wish], other: str = "", *, note: str = ""
) -> Outcome:
    """Associate and disassociate what is wished; one that fails does not stop the others.

    Args:
        record_id: of a record that AWS has an opportunity for.
        wishes: what to add and what to take off. Offers may be named by their id alone.
        other: describes a solution that is not registered at AWS; empty leaves what AWS has.
        note: for the log: what went wrong in earlier attempts.

    Raises:
        RecordRejected: the record as a whole cannot take part: not shared, not accepted, or gone.
        Deferred, Retriable, AuthFailed: the doors'. What was done so far shows at AWS when it is begun again.
    """
    link, row = shared_record(engine, record_id)
    work = _Work(engine, link, row, engine.partner_central.get_opportunity(link.apn_id or ""))
    try:
        work.perform(wishes, other.strip())
    finally:
        # Also what was done before a call that is to be repeated: begun again, it is found to be done.
        work.log(note)
    work.conclude(other.strip())
    return work.outcome


class _Work:
    """One pass over the wishes for one opportunity."""

    def __init__(self, engine: Engine, link: Link, row: Row, answer: Json) -> None:
        self.engine, self.link, self.row, self.answer = engine, link, row, answer
        self.at_aws = seen_at_aws(answer)
        self.outcome = Outcome(str(link.apn_id))
        self.problems: list[Problem] = []
        self.done: dict[str, list[Any]] = {}
        self.touched: set[str] = set()
        self.edited = user_edits(engine, link, row)

    def perform(self, wishes: Sequence[Wish], other: str) -> None:
        if closed := closed_to_changes(self.at_aws):
            self.outcome.results = {wish: Result(FAILED, closed) for wish in wishes}
            self.outcome.other = Result(FAILED, closed) if other else None
            return
        named = _named_at_aws(self.engine, wishes, self.at_aws)
        # A description that cannot be written takes no solution's place.
        barred = self._barred(other) if other else ""
        described = bool(other) and not barred
        plan = agenda([named[wish] for wish in wishes if not self._unsent(wish)], self.at_aws, described=described)
        found = self._settled(plan)
        for step in plan.steps:
            found[step] = self._change(step, described=described)
        unsent = {wish: Result(FAILED, reason) for wish in wishes if (reason := self._unsent(wish))}
        self.outcome.results = {wish: unsent.get(wish) or found[named[wish]] for wish in wishes}
        if other:
            self.outcome.other = Result(FAILED, barred) if barred else self._describe(other)

    def _settled(self, plan: Agenda) -> dict[Wish, Result]:
        self.touched |= {wish.entity_type for wish in plan.settled}
        settled = {wish: Result(DONE, f"{wish} is {_state(wish)} at AWS.") for wish in plan.settled}
        return settled | {wish: Result(FAILED, reason) for wish, reason in plan.refused.items()}

    def _unsent(self, wish: Wish) -> str:
        """Return why a wish must wait for an edit of the same field, which says something else and was not sent."""
        known = fields_by_type().get(wish.entity_type)
        mapped = self.engine.mapping.field(known.name) if known else None
        if mapped is None or mapped.path not in self.edited:
            return ""
        return (
            f"{label(wish.entity_type)} ({mapped.path}) was edited on the record and the edit is not at AWS yet. "
            "Share the record first, or set the field back."
        )

    def _change(self, step: Wish, *, described: bool) -> Result:
        if not step.adds and self._is_last_solution(step) and not (described and not self._late()):
            return Result(FAILED, last_solution(step, self.at_aws))
        # The call moves LastModifiedDate without telling where to.
        forget_base(self.engine, self.link)
        door = self.engine.partner_central
        call = door.associate if step.adds else door.disassociate
        try:
            call(self.outcome.apn_id, step.entity_type, step.entity_id)
        except RecordRejected as error:
            if not self._shows_after_all(step, error):
                self.problems += error.problems
                return Result(FAILED, str(error))
        self._remember(step)
        return Result(DONE, f"{step} is {_state(step)} at AWS.")

    def _is_last_solution(self, step: Wish) -> bool:
        return step.entity_type in SOLUTION_TYPES and self.at_aws.must_keep_solution and self.at_aws.solutions() == 1

    def _late(self) -> bool:
        return self.at_aws.stage in NEEDS_SOLUTION

    def _shows_after_all(self, step: Wish, error: RecordRejected) -> bool:
        """Whether AWS has what was asked for although it refused it: a call whose answer was lost made it so."""
        if {problem.code for problem in error.problems}.isdisjoint(_IN_DOUBT):
            return False
        return seen_at_aws(self.engine.partner_central.get_opportunity(self.outcome.apn_id)).has(step) is step.adds

    def _remember(self, step: Wish) -> None:
        known = self.at_aws.entities.get(step.entity_type, ())
        left = tuple(one for one in known if one != step.entity_id)
        entities = {**self.at_aws.entities, step.entity_type: (*left, step.entity_id) if step.adds else left}
        self.at_aws = AtAws(entities, self.at_aws.stage, self.at_aws.review_status)
        self.touched.add(step.entity_type)
        self.done.setdefault("Associate" if step.adds else "Disassociate", []).append(
            [step.entity_type, step.entity_id]
        )

    def _barred(self, text: str) -> str:
        """Return why the description cannot be written whatever else is done; empty where it can."""
        mapped = self.engine.mapping.field(DESCRIPTION)
        if mapped is not None and mapped.path in self.edited:
            return f"{mapped.path} was edited and not sent yet. Share the record, or set it back."
        # An update leaves the description alone while there is a solution: those may be about to go.
        problems = _against_description(text, {**self.answer, "RelatedEntityIdentifiers": {}})
        self.problems += problems
        return str(RecordRejected(problems)) if problems else ""

    def _describe(self, text: str) -> Result:
        """Let the opportunity describe a solution that is not registered at AWS."""
        if reason := _cannot_be_described(self.at_aws):
            return Result(FAILED, reason)
        try:
            return self._update(text)
        except RecordRejected as error:
            self.problems += error.problems
            return Result(FAILED, str(error))

    def _update(self, text: str) -> Result:
        answer = self.engine.partner_central.get_opportunity(self.outcome.apn_id)
        for attempt in range(UPDATES):
            record = {DESCRIPTION: text}
            if problems := _against_description(text, answer):
                raise RecordRejected(problems)
            if not api_shape.changed_fields(record, answer):
                break
            forget_base(self.engine, self.link)
            request = api_shape.to_update(record, answer, catalog=self.engine.catalog)
            try:
                self.engine.partner_central.update_opportunity(request)
                self.done[OTHER] = [text]
            except StaleRecord:
                if attempt + 1 == UPDATES:
                    raise
            answer = self.engine.partner_central.get_opportunity(self.outcome.apn_id)
        self.touched.add(OTHER)
        kept = api_shape.from_get(answer).get(DESCRIPTION)
        if not same(kept, text):
            return Result(FAILED, f"AWS did not keep the description of another solution: it has {shown(kept)!r}.")
        return Result(DONE, "AWS has the description of another solution.")

    def conclude(self, other: str) -> None:
        """Let Salesforce show what AWS has by now."""
        if not self.touched:
            return
        described = other if OTHER in self.touched else ""
        _write_one_way_fields(self.engine, self.link, self.row, self._settled_values(described))
        run_id = logs.start_run(self.engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
        apn_id = self.outcome.apn_id
        queueing.enqueue_inbound(self.engine, apn_id, run_id, priority=Priority.REQUEST, fresh=True)

    def _settled_values(self, described: str) -> dict[str, Value]:
        """Return what AWS has by now of what was wished, by ACE field."""
        kinds = fields_by_type().items()
        found: dict[str, Value] = {
            known.name: self.at_aws.entities.get(kind) or None for kind, known in kinds if kind in self.touched
        }
        return found | ({DESCRIPTION: described} if described else {})

    def log(self, note: str) -> None:
        """Log what was done and what AWS refused."""
        fields = {known.name for known in fields_by_type().values()} | {DESCRIPTION}
        write_log(self.engine, self.link, self.done, self.problems, fields=fields, note=note)


def write_log(
    engine: Engine,
    link: Link,
    done: Mapping[str, Any],
    problems: Sequence[Problem],
    *,
    fields: Collection[str],
    note: str = "",
) -> None:
    """Log what an action did at AWS, and AWS's refusals; nothing where there was no call.

    Args:
        fields: of the record's open reasons, those about these fields are closed by what was done.
        note: goes along with what was done.
    """
    if not done and not problems:
        return
    run_id = logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    with engine.state.transaction():
        if done:
            logs.log_action(engine, run_id, link, done, note, fields=fields)
        for problem in problems:
            logs.note_problem(engine, run_id, link, problem)
        if problems:
            engine.state.runs.record(run_id, link.record_id, "error")


def _against_description(text: str, answer: Json) -> tuple[Problem, ...]:
    record, members = {DESCRIPTION: text}, answer.get("UnknownMembers")
    if locked := api_shape.locked_changes(record, answer):
        return tuple(locked)
    return (_unknown_members(members),) if members and api_shape.changed_fields(record, answer) else ()


def _unknown_members(members: Sequence[str]) -> Problem:
    return Problem(
        "UNKNOWN_MEMBERS",
        "",
        ", ".join(members),
        "AWS's record has members that this release does not know; an update would clear them.",
        "Update the connector, or set the description in Partner Central.",
    )


def _cannot_be_described(at_aws: AtAws) -> str:
    if at_aws.solutions():
        return (
            "AWS keeps the description of another solution only while no solution is associated. "
            "Remove the associated ones in the same request, or leave Other blank."
        )
    if at_aws.stage in NEEDS_SOLUTION:
        return f"At stage {at_aws.stage} AWS takes no description in place of a solution. Associate a solution."
    return ""


def _state(wish: Wish) -> str:
    return "associated" if wish.adds else "not associated any more"


def _named_at_aws(engine: Engine, wishes: Sequence[Wish], at_aws: AtAws) -> dict[Wish, Wish]:
    """Return the wishes as AWS names their entities: what is there is found by its id alone, and an offer to be added
    by its row in Salesforce.
    """
    offers = [wish.entity_id for wish in wishes if wish.adds and wish.entity_type == OFFERS]
    arns = arns_of_offers(engine, offers)
    named: dict[Wish, Wish] = {}
    for wish in wishes:
        there = at_aws.entities.get(wish.entity_type, ())
        short = {one.rpartition("/")[2]: one for one in there}
        known = short.get(wish.entity_id) or (arns.get(wish.entity_id) if wish.entity_type == OFFERS else None)
        named[wish] = Wish(wish.adds, wish.entity_type, known or wish.entity_id)
    return named


def _write_one_way_fields(engine: Engine, link: Link, row: Row, record: Mapping[str, Value]) -> None:
    """Write what was changed to mapped fields that take nothing from AWS.

    Raises:
        Deferred, StaleRecord: a person works on the row; begun again, the rest is found to be done.
    """
    one_way = {one.ace_field for one in engine.mapping.fields if not one.inbound and not one.related}
    wanted = one_way.intersection(record)
    values, _ = to_salesforce(engine.mapping, record, engine.describe(), only=wanted, creating=True)
    texts = snapshot(engine.mapping, {**row, **values})
    if not values or texts == snapshot(engine.mapping, row):
        return
    require_settled(engine, row)
    modified = datetime.fromisoformat(row["LastModifiedDate"])
    guarded = [({"Id": link.record_id, **values}, modified)]
    [written] = engine.salesforce.update_unless_modified(link.object_name, guarded)
    if written.error is not None:
        raise written.error
    link.seen = {**link.seen, **{path: texts[path] for path in values if path in texts}}
    link.row, link.modstamp = {**row, **values}, ""
    engine.state.links.save(link)
