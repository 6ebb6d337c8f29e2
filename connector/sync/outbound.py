"""One record's turn towards AWS: build the facts, plan, act; every step resumable from the state alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from connector.ace import api_shape
from connector.ace.record import AceRecord, Value
from connector.ace.text import same
from connector.errors import Deferred, Problem, RecordRejected, Retriable, StaleRecord
from connector.mapping.currency import AMOUNTS, CURRENCY, with_record_currency
from connector.mapping.outbound import snapshot
from connector.store.links import Link
from connector.sync import logs, plan
from connector.sync.base import UNDER_WAY, base, forget_base, is_unfinished, remember_answer
from connector.sync.create import create_opportunity
from connector.sync.edits import conflict_note, user_edits
from connector.sync.engine import Engine, Priority
from connector.sync.exchange.in_flight import in_flight_problem
from connector.sync.fallbacks import edited_fields, fallback_note, paths_beside, used_fallbacks
from connector.sync.identity import check_identifier, choose
from connector.sync.inbound import apply_known, receive
from connector.sync.involvement import becomes_co_sell
from connector.sync.ownership import EMAIL, NAME, owner_note
from connector.sync.queueing import enqueue_inbound
from connector.sync.referral_notes import awaits_acceptance, not_accepted
from connector.sync.related_exchange import exchanged, referred, tell_unplaced
from connector.sync.set_aside import is_set_aside, set_aside_problem
from connector.sync.share_reason import note_reason, taken_reason
from connector.sync.submission import drop_share, submission_under_way, submit
from connector.sync.writeback import stamp

CONFLICT_ROUNDS = 3
_WRITES = (plan.Update, plan.Associate, plan.Disassociate, plan.Assign, plan.Submit)
"""Actions that take a slot of AWS's rate of writes."""
ASSOCIATED_ALREADY = "DUPLICATE_KEY_VALUE"
"""AWS's answer to an association that a call whose answer was lost has made."""


class Held(Deferred):
    """The record's turn waits until AWS unlocks it; an inbound change of its review status releases it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem), datetime.max.replace(tzinfo=UTC))


def send(engine: Engine, record_id: str, run_id: str) -> None:
    """Bring AWS to what the record's latest observed row says, as far as the rules allow now.

    Raises:
        RecordRejected: the record's own problems, all of them; or AWS holds several opportunities for it.
        Held: AWS reviews the record.
        Deferred, Retriable, AuthFailed: the door's, to be repeated; what was done so far is kept.
    """
    link = engine.state.links.get(record_id)
    if link is None or link.row is None or link.status == "tombstone":
        return None
    if is_set_aside(engine, link):
        raise RecordRejected((set_aside_problem(engine, link),))
    if link.status == "held":
        choose(engine, link)
    check_identifier(engine, link)
    # The admin may have moved opportunities from files to the API while the record was on its way.
    if engine.state.entries.of_record(record_id) is not None:
        engine.state.entries.drop(record_id)
    require_answer(engine, link, run_id)
    if link.apn_id and link.applied is None:
        # Nothing is known of how the two sides came to differ: AWS's side is looked at before anything is sent.
        receive(engine, link.apn_id, logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS))
        link = engine.state.links.require(record_id)
    for _ in range(CONFLICT_ROUNDS):
        try:
            return _act(engine, link, run_id)
        except StaleRecord:
            # Somebody changed the record at AWS since we last saw it: take theirs as the base and plan our edits anew.
            forget_base(engine, link)
    raise Retriable("AWS's record kept changing while it was being updated; it is tried again.", after=30)


def facts_for(engine: Engine, link: Link, answer: dict[str, Any] | None) -> plan.OutboundFacts:
    """Return what the planner needs; ``answer`` is AWS's record, None when there is none yet."""
    row = link.row or {}
    record, problems = engine.to_ace(row)
    first = answer is None or plan.is_draft(answer)
    ruling = engine.share_ruling(row) if answer is None else None
    return plan.OutboundFacts(
        record=outgoing(engine, link, with_record_currency(row, record), first=first, answer=answer),
        mapping_problems=problems,
        base=answer,
        today=engine.now().date(),
        catalog=engine.catalog,
        submitting=submission_under_way(engine, link) or is_unfinished(engine, link, answer),
        requested=link.requested,
        share_automatically=engine.settings.share_automatically,
        update_automatically=engine.settings.update_automatically,
        by_rule=ruling is not None and ruling.holds,
        ruling=str(ruling or ""),
        unknown_members=tuple((answer or {}).get("UnknownMembers") or ()),
        record_id=link.record_id,
        edited=_edited(engine, link),
        view=api_shape.from_summary(link.summary or {}),
        unanswered=_unanswered(engine, link) if answer is None else None,
    )


def _unanswered(engine: Engine, link: Link) -> Problem | None:
    row = link.row or {}
    waits = awaits_acceptance(engine, link.record_id, row)
    return not_accepted(engine, link.record_id, row) if waits else None


def _edited(engine: Engine, link: Link) -> frozenset[str]:
    """Return the ACE fields that a person changed since the record was last handled; a first share has none."""
    if not link.seen:
        return frozenset()
    return frozenset(edited_fields(engine, link, user_edits(engine, link, link.row or {})))


def outgoing(
    engine: Engine, link: Link, record: AceRecord, *, first: bool, answer: dict[str, Any] | None = None
) -> dict[str, Value]:
    """Return the record without the fields that AWS may change too and that nobody changed here: there, AWS's value
    stays. Where AWS has none, a fallback goes along.

    Args:
        first: the opportunity was not submitted yet. What goes out with the submission AWS does not know before it,
            so that Salesforce's word counts, edited or not.
        answer: AWS's record.
    """
    if link.apn_id is None or not (link.seen or link.applied is not None):
        return dict(record)
    kept = {field.ace_field for field in engine.mapping.fields if not field.inbound}
    kept |= edited_fields(engine, link, user_edits(engine, link, link.row or {}))
    kept |= _filling(engine, link, record, answer)
    if kept.intersection(AMOUNTS):
        kept.add(CURRENCY)
    if first:
        kept |= {name for name in record if engine.catalogue[name].submit}
    if first and submission_under_way(engine, link):
        # A share of ours made the draft: whom AWS made its owner meanwhile nobody chose.
        kept |= {EMAIL, NAME}
    return {name: value for name, value in record.items() if name in kept}


def _filling(engine: Engine, link: Link, record: AceRecord, answer: dict[str, Any] | None) -> set[str]:
    """Return the fields that are empty on both sides, and for which a fallback stands in."""
    at_aws = api_shape.from_get(answer or {})
    used = {one.ace_field for one in used_fallbacks(engine, link.row or {}, record)}
    sendable = {name for name in used if engine.catalogue[name].update_path or engine.catalogue[name].associate}
    return {name for name in sendable if at_aws.get(name) is None}


def require_answer(engine: Engine, link: Link, run_id: str) -> None:
    """Let pass a record that is in no file without an answer of AWS.

    Raises:
        Held: it is in one; the file's result releases the turn.
    """
    found = engine.state.uploads.of_record(link.record_id)
    if found is not None:
        problem = in_flight_problem(found[0])
        logs.note_problem(engine, run_id, link, problem)
        raise Held(problem)


def _act(engine: Engine, link: Link, run_id: str, associated: dict[str, Any] | None = None) -> None:
    """Plan and perform. An association moves the record at AWS without telling where to, so that an update behind one
    is planned anew, on the record as it is by then; ``associated`` is what was done before.
    """
    facts = facts_for(engine, link, base(engine, link))
    turn = _Turn(engine, link, run_id, facts.record)
    turn.payload, turn.began = associated or {}, associated is not None
    actions = plan.plan_outbound(facts)
    if isinstance(actions[0], plan.Create):
        note_reason(engine, link, "" if facts.requested or facts.share_automatically else facts.ruling)
        turn.make_way()
        turn.payload = create_opportunity(engine, link, facts.record)
        facts = facts_for(engine, link, base(engine, link))
        turn.sent, actions = facts.record, plan.plan_outbound(facts)
    turn.depart(actions)
    for action in actions:
        if isinstance(action, plan.Update) and link.aws is None:
            if associated is not None:
                raise StaleRecord("AWS does not show yet what was associated.")
            return _act(engine, link, run_id, turn.payload)
        turn.perform(action)
    return None


class _Turn:
    """One pass over one record's actions."""

    def __init__(self, engine: Engine, link: Link, run_id: str, sent: AceRecord) -> None:
        self.engine, self.link, self.run_id, self.sent = engine, link, run_id, sent
        self.began = False
        self.snap = snapshot(engine.mapping, link.row or {})
        self.payload: dict[str, Any] = {}
        self.overridden: dict[str, Value] = {}

    def depart(self, actions: tuple[plan.Action, ...]) -> None:
        """Mark what is about to be sent, before the first call.

        If an answer is lost, neither the value that was last seen nor the base says anything of AWS any more: whatever
        the record says by the next turn is an edit then, even if it is the old value again, and AWS is read first.
        """
        names = {name for action in actions if isinstance(action, plan.Update) for name in action.changes}
        kinds = {action.entity_type for action in actions if isinstance(action, plan.Associate | plan.Disassociate)}
        catalogue, link = self.engine.catalogue, self.link
        departing = {
            field.path
            for field in self.engine.mapping.fields
            if field.ace_field in names or catalogue[field.ace_field].associate in kinds
        }
        if departing:
            link.seen = {**link.seen, **dict.fromkeys(departing, UNDER_WAY)} if link.seen else {}
            known = link.aws
            forget_base(self.engine, link)
            link.aws = known

    def perform(self, action: plan.Action) -> None:
        performers: dict[type[Any], Callable[[Any], None]] = {
            plan.Update: self._update,
            plan.Associate: self._associate,
            plan.Disassociate: self._disassociate,
            plan.Assign: self._assign,
            plan.Submit: self._submit,
            plan.Settle: self._settle,
            plan.Hold: self._hold,
            plan.Await: self._await,
            plan.Reject: self._reject,
        }
        if isinstance(action, _WRITES):
            self.make_way()
        performers[type(action)](action)

    def make_way(self) -> None:
        """Between two writes of a turn that nobody waits for: what a person asks for goes first. The turn then goes on
        from where it was, as after an interruption, so that at least one write comes of each attempt.

        Raises:
            Deferred: a person waits.
        """
        engine = self.engine
        if self.began and not self.link.requested and engine.state.queue.is_due(Priority.REQUEST, engine.now()):
            raise Deferred("What a person asked for goes first.", engine.now())
        self.began = True

    def _update(self, action: plan.Update) -> None:
        self.payload |= dict(action.request)
        applied = self.link.applied
        if applied is not None:
            moved = {name: at_aws for name, (at_aws, _) in action.changes.items() if name in applied}
            self.overridden |= {name: value for name, value in moved.items() if not same(applied[name], value)}
        before = self.link.aws or {}
        response = self.engine.partner_central.update_opportunity(action.request)
        remember_answer(self.engine, self.link, api_shape.merged_answer(before, action.request, response))
        if api_shape.needs_reading(before, action.request) or self._makes_history(action):
            forget_base(self.engine, self.link)
        if becomes_co_sell(action.changes):
            # The involvement is in AWS's other answer, which no date of the opportunity tells of.
            enqueue_inbound(self.engine, self.link.apn_id or "", "")

    def _makes_history(self, action: plan.Update) -> bool:
        """Whether AWS enters something into its history of next steps that Salesforce is to show."""
        return "nextStep" in action.changes and self.engine.mapping.field("nextStepHistory") is not None

    def _associate(self, action: plan.Associate) -> None:
        self._change_association(self.engine.partner_central.associate, action)

    def _disassociate(self, action: plan.Disassociate) -> None:
        self._change_association(self.engine.partner_central.disassociate, action)

    def _change_association(
        self, call: Callable[[str, str, str], None], action: plan.Associate | plan.Disassociate
    ) -> None:
        # The call moves LastModifiedDate without telling where to, so the base cannot be used for an update any more.
        forget_base(self.engine, self.link)
        try:
            call(self.link.apn_id or "", action.entity_type, action.entity_id)
        except RecordRejected as error:
            if {problem.code for problem in error.problems} != {ASSOCIATED_ALREADY}:
                raise
        self.payload.setdefault(type(action).__name__, []).append([action.entity_type, action.entity_id])

    def _assign(self, action: plan.Assign) -> None:
        # As an association, it moves the record's date; to repeat it after a lost answer changes nothing.
        forget_base(self.engine, self.link)
        self.engine.partner_central.assign(self.link.apn_id or "", action.assignee)
        self.payload |= {"Assign": {"BusinessTitle": action.assignee["BusinessTitle"]}}

    def _submit(self, action: plan.Submit) -> None:
        self.payload |= {"AwsSubmission": {"InvolvementType": action.involvement, "Visibility": action.visibility}}
        submit(self.engine, self.link, action)
        self._settle(plan.Settle())

    def _settle(self, action: plan.Settle) -> None:
        """Remember the row as handled: it is not due again until a mapped field changes or a person edits it."""
        answer = base(self.engine, self.link) or {}
        with self.engine.state.transaction():
            sharing, payload = submission_under_way(self.engine, self.link), self._all_that_was_sent()
            gone = exchanged(self.engine, self.link, {problem.field for problem in action.locked})
            action = plan.Settle(tuple(problem for problem in action.locked if problem.field not in gone))
            self._remember(action, answer, gone)
            drop_share(self.engine, self.link)
            stamp(self.engine, self.link)
            apply_known(self.engine, self.link, sharing=sharing)
            notes = self._sharing_notes(answer) if sharing else ()
            notes = (*notes, conflict_note(self.engine.mapping, self.overridden), self._fallback_note(answer))
            note = " ".join(filter(None, notes))
            logs.log_success(self.engine, self.run_id, self.link, payload, note, remaining=action.locked)
            locked = {problem.field for problem in action.locked}
            tell_unplaced(self.engine, self.link, gone, locked, api_shape.from_get(answer))

    def _sharing_notes(self, answer: Mapping[str, Any]) -> tuple[str, ...]:
        owner = owner_note(self.sent, api_shape.from_get(answer))
        return taken_reason(self.engine, self.link), owner

    def _all_that_was_sent(self) -> dict[str, Any]:
        """Return what went out: a share that took several turns began with what the opportunity was created with."""
        share = self.engine.state.shares.get(self.link.record_id)
        created = json.loads(share.create_request) if share and share.create_request else {}
        return {**created, **self.payload}

    def _fallback_note(self, answer: Mapping[str, Any]) -> str:
        """What stood in for empty values, in this turn or in one whose end this is: what AWS holds was sent."""
        at_aws = api_shape.from_get(answer)
        used = used_fallbacks(self.engine, self.link.row or {})
        return fallback_note(
            one for one in used if one.ace_field in self.sent or same(one.value, at_aws.get(one.ace_field))
        )

    def _remember(self, action: plan.Settle, answer: Mapping[str, Any], gone: frozenset[str]) -> None:
        link, mapping = self.link, self.engine.mapping
        refused = {problem.field for problem in action.locked}
        locked = {field.path for field in mapping.fields if field.ace_field in refused}
        beside = paths_beside(self.engine, refused)
        locked |= {path for path in self.snap if path.lower() in beside}
        link.locked = {path: self.snap.get(path) for path in locked}
        left_out = {path: link.seen[path] for path in self.engine.left_out.values() if path in link.seen}
        sent = {path: link.seen.get(path) if path in locked else text for path, text in self.snap.items()}
        link.seen = {**left_out, **referred(self.engine, link.row or {}), **sent}
        settled = {field.path for field in mapping.fields if field.ace_field in self.sent}
        link.written = {path: text for path, text in link.written.items() if path not in settled}
        # Where AWS made something else of what was sent, that is a change of AWS's, to be brought in.
        at_aws = api_shape.from_get(answer) | self._altered(answer)
        settling = {name: None if name in gone else at_aws.get(name) for name in self.sent if name not in refused}
        link.applied = {**(link.applied or {}), **settling}
        link.status, link.hold_reason, link.requested = "linked", "", False
        link.failures, link.first_failure, link.failed_snapshot = 0, None, None
        self.engine.state.links.save(link)

    def _altered(self, answer: Mapping[str, Any]) -> dict[str, Value]:
        """What was sent and is not what AWS holds, be it a value, what is associated, or who is the owner: where none
        was named, AWS names one by itself, by the name of the owner's own profile.
        """
        if not answer:
            return {}
        at_aws, catalogue = api_shape.from_get(answer), self.engine.catalogue
        linked = (name for name in self.sent if catalogue[name].associate or catalogue[name].assign)
        altered = {name: self.sent[name] for name in linked if not same(self.sent[name], at_aws.get(name))}
        return altered | {name: sent for name, (_, sent) in api_shape.changed_fields(self.sent, answer).items()}

    def _hold(self, action: plan.Hold) -> None:
        logs.log_problems(self.engine, self.run_id, self.link, (action.problem,))
        raise Held(action.problem)

    def _await(self, action: plan.Await) -> None:
        logs.log_problems(self.engine, self.run_id, self.link, (action.problem,))

    def _reject(self, action: plan.Reject) -> None:
        raise RecordRejected(action.problems)
