"""Partner Central in memory: full replacement under an optimistic lock, client tokens, reviews, locks, tasks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.fields import (
    ACTION_REQUIRED,
    APPROVED,
    PARTNER_FIELDS,
    PENDING,
    UNDER_REVIEW,
    Canonical,
    meant,
    read,
)
from engine.interruptions import Interruptions

from connector.errors import Problem, RecordGone, RecordRejected, StaleRecord
from connector.sync.ports import Json

PAGE = 2
TOKENS_LIVE = timedelta(minutes=8)
"""How long a client token is remembered; the service does not say."""
SLOW_TASK = timedelta(seconds=20)
REPLACED = (
    "PrimaryNeedsFromAws", "NationalSecurity", "PartnerOpportunityIdentifier", "Customer", "Project", "OpportunityType",
    "Marketing", "SoftwareRevenue", "LifeCycle",
)  # fmt: skip
SOLUTIONS = ("Solutions", "AwsMarketplaceSolutions", "AwsMarketplaceProducts")
PARTNER, COLLEAGUE, REVIEW = "partner", "colleague", "review"
_READ_ONLY = ("ReviewComments", "ReviewStatusReason", "NextStepsHistory")


@dataclass(slots=True)
class Task:
    id: str
    opportunity: str
    body: str
    ready_at: datetime
    involvement: str
    visibility: str
    status: str = "IN_PROGRESS"
    reason: str = ""


@dataclass(slots=True)
class MemoryPartnerCentral:
    """The service. Public methods are the door's; those with ``colleague_`` and ``aws_`` are people at work there."""

    interruptions: Interruptions
    watch: Callable[[str, str, Json, Json], None] = lambda *_: None
    opportunities: dict[str, Json] = field(default_factory=dict)
    summaries: dict[str, Json] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    slow: bool = False
    writes: int = 0
    solutions: list[Json] = field(default_factory=list)
    users: tuple[str, ...] = ("rita@partner.example", "sam@partner.example")
    _tokens: dict[str, tuple[str, Json, datetime]] = field(default_factory=dict)
    _ids: int = 0

    def create_opportunity(self, request: Mapping[str, Any]) -> Json:
        with self.interruptions.call("aws create"):
            token, body = str(request["ClientToken"]), json.dumps(request, sort_keys=True)
            known = self._tokens.get(token)
            if known and self._now() - known[2] < TOKENS_LIVE:
                if known[0] != body:
                    raise StaleRecord("Conflicting client token submitted for a new request body.")
                return deepcopy(known[1])
            answer = self._create(request)
            self._tokens[token] = (body, answer, self._now())
            return deepcopy(answer)

    def update_opportunity(self, request: Mapping[str, Any]) -> Json:
        with self.interruptions.call("aws update"):
            apn_id = str(request["Identifier"])
            before = self._found(apn_id)
            if request["LastModifiedDate"] != before["LastModifiedDate"]:
                raise StaleRecord("Conflicting error, last modified date is not the latest.")
            after = self._replaced(before, request)
            self._refuse_locked(before, after)
            if _status(before) == ACTION_REQUIRED:
                after["LifeCycle"]["ReviewStatus"] = "Submitted"
            self._commit(apn_id, after, PARTNER)
            return {"Id": apn_id, "LastModifiedDate": after["LastModifiedDate"]}

    def get_opportunity(self, opportunity_id: str) -> Json:
        with self.interruptions.call("aws read"):
            return deepcopy(self._found(opportunity_id))

    def get_aws_opportunity_summary(self, opportunity_id: str) -> Json:
        with self.interruptions.call("aws read"):
            self._found(opportunity_id)
            return deepcopy(self.summaries[opportunity_id])

    def list_opportunities(
        self,
        *,
        modified_after: datetime | None = None,
        modified_before: datetime | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        company: str | None = None,
        identifiers: Sequence[str] = (),
    ) -> Iterator[list[Json]]:
        """Page by position: what is modified during the walk moves to the end and shifts the rest."""
        assert modified_before is None and created_before is None and company is None and not identifiers
        key, after = ("CreatedDate", created_after) if created_after else ("LastModifiedDate", modified_after)
        position = 0
        while True:
            with self.interruptions.call("aws read"):
                found = [one for one in self.opportunities.values() if after is None or _moment(one[key]) > after]
                page = sorted(found, key=lambda one: (one[key], one["Id"]))[position : position + PAGE]
                answer = [_listed(one) for one in page]
            position += PAGE
            if not answer:
                return
            yield answer

    def associate(self, opportunity_id: str, entity_type: str, entity_id: str) -> None:
        with self.interruptions.call("aws associate"):
            after = self._associable(opportunity_id)
            entities = after["RelatedEntityIdentifiers"].setdefault(entity_type, [])
            if entity_id in entities:
                raise _refusal("ENTITY_ALREADY_ASSOCIATED", "", entity_id)
            entities.append(entity_id)
            if entity_type in SOLUTIONS:
                after["Project"].pop("OtherSolutionDescription", None)
            self._commit(opportunity_id, after, PARTNER)

    def disassociate(self, opportunity_id: str, entity_type: str, entity_id: str) -> None:
        with self.interruptions.call("aws associate"):
            after = self._associable(opportunity_id)
            entities = after["RelatedEntityIdentifiers"].get(entity_type, [])
            if entity_id not in entities:
                raise _refusal("ENTITY_NOT_ASSOCIATED", "", entity_id)
            entities.remove(entity_id)
            self._commit(opportunity_id, after, PARTNER)

    def start_engagement(self, opportunity_id: str, *, token: str, involvement: str, visibility: str) -> Json:
        with self.interruptions.call("aws submit"):
            assert involvement in ("Co-Sell", "For Visibility Only"), f"AWS refuses {involvement!r}"
            body = json.dumps([opportunity_id, involvement, visibility])
            task = self.tasks.get(token)
            if task is None:
                self._ids += 1
                wait = SLOW_TASK if self.slow else timedelta()
                ready = self._now() + wait
                task = Task(f"task-{self._ids:013d}", opportunity_id, body, ready, involvement, visibility)
                self.tasks[token] = task
            elif task.body != body:
                raise StaleRecord("Conflicting client token submitted for a new request body.")
            return self._shown(task)

    def engagement_tasks(self, *, task_id: str = "", opportunity_id: str = "") -> list[Json]:
        with self.interruptions.call("aws read"):
            return [
                self._shown(task)
                for task in self.tasks.values()
                if task_id in ("", task.id) and opportunity_id in ("", task.opportunity)
            ]

    def list_solutions(self) -> Iterator[Json]:
        with self.interruptions.call("aws read"):
            yield from deepcopy(self.solutions)

    def assign(self, opportunity_id: str, assignee: Mapping[str, str]) -> None:
        with self.interruptions.call("aws assign"):
            after = self._associable(opportunity_id)
            if assignee["BusinessTitle"] == "OpportunityOwner" and assignee["Email"] not in self.users:
                raise _refusal("INVALID_VALUE", "assignee.email", assignee["Email"])
            title = assignee["BusinessTitle"]
            others = [one for one in after.get("OpportunityTeam", ()) if one["BusinessTitle"] != title]
            after["OpportunityTeam"] = [*others, dict(assignee)]
            self._commit(opportunity_id, after, PARTNER)

    def write_wait(self) -> float:
        return 0.0

    def write_budget(self) -> tuple[int, int]:
        return (0, 10_000)

    def urgent(self) -> AbstractContextManager[None]:
        return nullcontext()

    def background(self) -> AbstractContextManager[None]:
        return nullcontext()

    def colleague_creates(self, fields: Json, status: str) -> str:
        """A colleague makes an opportunity in Partner Central."""
        answer = self._create({**fields, "LifeCycle": {**fields["LifeCycle"]}}, by=COLLEAGUE)
        stored = self.opportunities[answer["Id"]]
        stored["LifeCycle"]["ReviewStatus"] = status
        return str(answer["Id"])

    def colleague_edits(self, apn_id: str, change: Callable[[Json], None]) -> None:
        """A colleague changes an opportunity in Partner Central."""
        after = deepcopy(self.opportunities[apn_id])
        change(after)
        self._commit(apn_id, after, COLLEAGUE)

    def aws_reviews(self, apn_id: str, status: str, comments: str = "") -> None:
        """AWS decides on an opportunity, or takes it up."""
        after = deepcopy(self.opportunities[apn_id])
        after["LifeCycle"]["ReviewStatus"] = status
        after["LifeCycle"]["ReviewComments"] = comments or None
        self._commit(apn_id, after, REVIEW)

    def aws_views(self, apn_id: str, stage: str, score: str) -> None:
        """AWS changes its own view, which moves no date."""
        self.summaries[apn_id] |= {"LifeCycle": {"Stage": stage}, "Insights": {"EngagementScore": score}}

    def finish_tasks(self) -> None:
        """Let time do what it does: tasks that are ready take effect, asked after or not."""
        for task in self.tasks.values():
            self._work(task)

    def _now(self) -> datetime:
        return self.interruptions.clock.now()

    def _found(self, apn_id: str) -> Json:
        if apn_id not in self.opportunities:
            raise RecordGone((Problem("NOT_FOUND", "", apn_id, "There is no such opportunity.", "Check the id."),))
        return self.opportunities[apn_id]

    def _create(self, request: Mapping[str, Any], by: str = PARTNER) -> Json:
        self._ids += 1
        apn_id, now = f"O{self._ids:07d}", _stamp(self._now())
        answer = {name: deepcopy(value) for name, value in request.items() if name in REPLACED}
        answer.setdefault("LifeCycle", {}).setdefault("Stage", "Prospect")
        answer["LifeCycle"]["ReviewStatus"] = PENDING
        answer.setdefault("Marketing", {"Source": "None"})
        _keep_history(answer, {}, now)
        answer |= {"Id": apn_id, "CreatedDate": now, "LastModifiedDate": now, "Catalog": "AWS"}
        answer["RelatedEntityIdentifiers"] = deepcopy(request.get("RelatedEntityIdentifiers", {}))
        self._refuse_incomplete(answer)
        self.opportunities[apn_id] = answer
        self.summaries[apn_id] = {"Origin": "Partner Referral", "LifeCycle": {}}
        self.writes += by == PARTNER
        self.watch(by, apn_id, {}, answer)
        return {"Id": apn_id, "LastModifiedDate": now}

    def _replaced(self, before: Json, request: Mapping[str, Any]) -> Json:
        after = {name: deepcopy(value) for name, value in before.items() if name not in REPLACED}
        after |= {name: deepcopy(value) for name, value in request.items() if name in REPLACED}
        life, project = after.setdefault("LifeCycle", {}), after.setdefault("Project", {})
        if life.get("ReviewStatus") != _status(before):
            raise _refusal("ACTION_NOT_PERMITTED", "LifeCycle.ReviewStatus", str(life.get("ReviewStatus")))
        if not life.get("Stage") or not read(after, "Marketing.Source"):
            raise _refusal("REQUIRED_FIELD_MISSING", "LifeCycle.Stage or Marketing.Source", "")
        for name in _READ_ONLY:
            life.pop(name, None)
            if name in before["LifeCycle"]:
                life[name] = deepcopy(before["LifeCycle"][name])
        if "ExpectedContractDuration" not in project and "ExpectedContractDuration" in before.get("Project", {}):
            project["ExpectedContractDuration"] = deepcopy(before["Project"]["ExpectedContractDuration"])
        self._refuse_incomplete(after)
        return after

    def _refuse_locked(self, before: Json, after: Json) -> None:
        """One locked value that differs makes AWS refuse all of the update."""
        status = _status(before)
        if status in UNDER_REVIEW or status == "Rejected":
            raise _refusal("ACTION_NOT_PERMITTED", "LifeCycle.ReviewStatus", status)
        for item in PARTNER_FIELDS:
            if item.associated or status in item.editable:
                continue
            if meant(item, read(before, item.path)) != meant(item, read(after, item.path)):
                raise _refusal("ACTION_NOT_PERMITTED", item.path, str(read(after, item.path)))

    def _refuse_incomplete(self, answer: Json) -> None:
        for path in ("Customer.Account.CompanyName", "Project.Title", "Customer.Account.Address.CountryCode"):
            if not read(answer, path):
                raise _refusal("REQUIRED_FIELD_MISSING", path, "")
        if read(answer, "LifeCycle.Stage") == "Committed" and not _solved(answer) and answer.get("LastModifiedDate"):
            raise _refusal("REQUIRED_FIELD_MISSING", "RelatedEntityIdentifiers.Solutions", "Committed")

    def _associable(self, apn_id: str) -> Json:
        before = self._found(apn_id)
        if _status(before) in (*UNDER_REVIEW, "Rejected"):
            raise _refusal("ACTION_NOT_PERMITTED", "LifeCycle.ReviewStatus", _status(before))
        return deepcopy(before)

    def _commit(self, apn_id: str, after: Json, by: str) -> None:
        before = self.opportunities[apn_id]
        now = _stamp(self._now())
        _keep_history(after, before, now)
        after["LastModifiedDate"] = now
        self.opportunities[apn_id] = after
        self.writes += by == PARTNER
        self.watch(by, apn_id, before, after)

    def _shown(self, task: Task) -> Json:
        self._work(task)
        shown = {"TaskId": task.id, "TaskStatus": task.status, "ReasonCode": task.reason}
        return {name: value for name, value in shown.items() if value}

    def _work(self, task: Task) -> None:
        if task.status != "IN_PROGRESS" or self._now() < task.ready_at:
            return
        before = self._found(task.opportunity)
        if _status(before) != PENDING or not (_solved(before) or read(before, "Project.OtherSolutionDescription")):
            task.status, task.reason = "FAILED", "OpportunityValidationFailed"
            return
        after = deepcopy(before)
        after["LifeCycle"]["ReviewStatus"] = "Submitted"
        self.summaries[task.opportunity] |= {"InvolvementType": task.involvement, "Visibility": task.visibility}
        task.status = "COMPLETE"
        self._commit(task.opportunity, after, PARTNER)


def value_at(item: Any, answer: Json) -> Canonical:
    """Return what AWS holds for a partner's field."""
    return meant(item, read(answer, item.path))


def _status(answer: Json) -> str:
    return str(answer["LifeCycle"]["ReviewStatus"])


def _solved(answer: Json) -> bool:
    return any(answer["RelatedEntityIdentifiers"].get(kind) for kind in SOLUTIONS)


def _keep_history(after: Json, before: Json, now: str) -> None:
    step = read(after, "LifeCycle.NextSteps")
    if step and step != read(before, "LifeCycle.NextSteps"):
        entries = list(read(before, "LifeCycle.NextStepsHistory") or ())
        after["LifeCycle"]["NextStepsHistory"] = [*entries, {"Time": now, "Value": step}]


def _listed(answer: Json) -> Json:
    names = ("Id", "LastModifiedDate", "CreatedDate", "PartnerOpportunityIdentifier", "LifeCycle", "Customer")
    return deepcopy({name: answer[name] for name in names if name in answer})


def _refusal(code: str, path: str, value: str) -> RecordRejected:
    return RecordRejected((Problem(code, path, value, "AWS does not take it.", "See AWS's documents."),))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


__all__ = ["APPROVED", "MemoryPartnerCentral", "value_at"]
