"""The worlds of the engine's tests, with people who steer the worker: schedules, action requests, and their rights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.interruptions import Interruptions
from engine.salesforce import INTEGRATION, PERSON, MemorySalesforce
from engine.world import HANDLERS, MAPPING, MOST_STEPS, World

from connector.ace.catalogue import opportunity_fields
from connector.errors import MappingError
from connector.names import (
    ACTION_REQUEST,
    ACTION_REQUEST_ITEM,
    AWS_PRODUCT,
    PRIVATE_OFFER,
    SCHEDULE,
    SOLUTION,
    SYNC_LOG,
    ActionRequest,
    ActionRequestItem,
    Log,
    PermissionSets,
    Schedule,
)
from connector.service.config import WorkerSection
from connector.service.jobs import ASKED, job_handlers
from connector.service.runtime import Runtime
from connector.service.timetable import Timetable
from connector.sync import queueing
from connector.sync.engine import Priority
from connector.sync.executor import Executor
from connector.sync.ports import Row

STRANGER, SCHEDULER = "005000000000003AAA", "005000000000004AAA"
NEW = "New"
STEERING = (SCHEDULE, ACTION_REQUEST, ACTION_REQUEST_ITEM, SYNC_LOG, PRIVATE_OFFER, SOLUTION, AWS_PRODUCT)
"""Objects that steer the worker, or that people choose from."""


@dataclass(slots=True)
class SteeredSalesforce(MemorySalesforce):
    """The org, with the objects by which people steer the worker.

    Attributes:
        sets: permission sets by user.
        groups: permission sets by permission set group; None where the org does not show its groups.
        members: permission set groups by user.
        readers: users who may see a record and not edit it, by record; everybody else may edit everything.
        asked: the SOQL of each call, as one entry.
    """

    sets: dict[str, set[str]] = field(default_factory=dict)
    groups: dict[str, set[str]] | None = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    readers: dict[str, set[str]] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def query(self, soql: str) -> Iterator[Row]:
        self.asked.append((soql,))
        with self.interruptions.call("salesforce read"):
            rows = self._answer(soql)
        yield from rows if rows is not None else MemorySalesforce.query(self, soql)

    def queries(self, soqls: Any) -> list[list[Row]]:
        self.asked.append(tuple(soqls))
        with self.interruptions.call("salesforce read"):
            return [self._answer(soql) or [] for soql in soqls]

    def _answer(self, soql: str) -> list[Row] | None:
        found = re.fullmatch(r"SELECT .* FROM (\w+)(?: WHERE (.*?))?( ORDER BY .*?)?( LIMIT (\d+))?", soql)
        assert found, soql
        name, condition = found[1], found[2] or ""
        match name:
            case "PermissionSetAssignment" if "PermissionSetGroupId" in condition:
                return self._group_assignments(condition)
            case "PermissionSetAssignment":
                return self._assignments(condition)
            case "PermissionSetGroupComponent":
                return self._group_components(condition)
            case "UserRecordAccess":
                user, record = re.findall(r"'(\w+)'", condition)
                there = any(record in table for table in self.tables.values())
                editable = user not in self.readers.get(record, ())
                return [{"RecordId": record, "HasEditAccess": editable}] if there else []
            case _ if name in STEERING:
                rows = [dict(row) for row in self._table(name).values() if _fits(row, condition)]
                return rows[: int(found[5] or 10_000)]
        return None

    def _assignments(self, condition: str) -> list[Row]:
        users, names = (re.findall(r"'(\w+)'", part) for part in condition.split(" AND "))
        return [
            {"AssigneeId": user, "PermissionSet": {"Name": name}}
            for user in users
            for name in sorted(self.sets.get(user, set()).intersection(names))
        ]

    def _group_assignments(self, condition: str) -> list[Row]:
        users = re.findall(r"'(\w+)'", condition)
        return [
            {"AssigneeId": user, "PermissionSetGroupId": group}
            for user in users
            for group in sorted(self.members.get(user, ()))
        ]

    def _group_components(self, condition: str) -> list[Row]:
        if self.groups is None:
            raise MappingError("sObject type 'PermissionSetGroupComponent' is not supported.")
        names = re.findall(r"'(\w+)'", condition)
        return [
            {"PermissionSetGroupId": group, "PermissionSet": {"Name": name}}
            for group, held in self.groups.items()
            for name in sorted(held.intersection(names))
        ]

    def user_inserts(self, object_name: str, by: str, **values: Any) -> str:
        """A person creates a row of one of the steering objects."""
        record_id = self._insert(object_name, values, by)
        self._table(object_name)[record_id] |= {"CreatedById": by}
        return record_id

    def user_saves(self, object_name: str, record_id: str, by: str, **values: Any) -> None:
        self._save(object_name, self._table(object_name)[record_id], values, by, self._now())


def _fits(row: Row, condition: str) -> bool:
    if not condition:
        return True
    if found := re.fullmatch(r"(Id|Action_Request__c) = '(\w+)'", condition):
        return bool(row[found[1]] == found[2])
    if " OR " in condition:
        return any(_fits(row, part) for part in condition.split(" OR "))
    if condition.endswith("Active__c = true"):
        return bool(row[Schedule.ACTIVE])
    found = re.fullmatch(r"(\w+) IN \(([^()]*)\)( AND Id NOT IN \(SELECT .*\))?", condition)
    assert found, condition
    return str(row.get(found[1])) in re.findall(r"'([^']*)'", found[2])


class SteeredWorld(World):
    """A world whose process takes schedules and requests as the worker does."""

    salesforce: SteeredSalesforce

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.salesforce = SteeredSalesforce(Interruptions(self.clock), watch=self.truth.on_salesforce)
        self.salesforce.interruptions = self.interruptions
        self.salesforce.sets = {
            INTEGRATION: {PermissionSets.INTEGRATION_USER},
            SCHEDULER: {PermissionSets.INTEGRATION_USER},
            PERSON: {PermissionSets.BUSINESS_USER},
        }
        self.restart()

    def _start(self) -> None:
        super()._start()
        runtime = Runtime.__new__(Runtime)
        runtime.config = type("Config", (), {"worker": WorkerSection()})()
        own = {queueing.POLL: HANDLERS[queueing.POLL]}
        # The reduced object has not all the fields that AWS may require.
        mapped = {item.ace_field for item in MAPPING.fields}
        self.engine.catalogue = {name: one for name, one in opportunity_fields().items() if name in mapped}
        self.executor = Executor(self.engine, "worker", {**job_handlers(runtime), **own})
        self.timetable = Timetable(WorkerSection())

    def steer(self, minutes: float = 1, *, jobs: tuple[str, ...] = (ASKED,)) -> None:
        """Let time pass, the worker look at what people asked for, and do what follows from it."""
        self.clock.advance(timedelta(minutes=minutes))
        for job in (*jobs, "", queueing.FLUSH, queueing.FLUSH):
            if job:
                queueing.enqueue_job(self.engine, job, priority=Priority.INBOUND)
            else:
                self._tick()
            assert self.execute(MOST_STEPS) < MOST_STEPS, "the queue does not empty"

    def _tick(self) -> None:
        """The worker's timetable, as far as schedules go."""
        kinds = [kind for kind in self.timetable._intervals(self.settings) if not kind.startswith("schedule-")]
        self.timetable.last = {f"{kind}:{of}": self.clock.now() for kind in kinds for of in ("opportunity", "lead")}
        self.timetable.enqueue_due(self.engine)

    def asks(self, action: str, record_id: str | None = None, by: str = PERSON, **values: Any) -> str:
        """A person creates a request; return its id."""
        target = {ActionRequest.ACE_OPPORTUNITY: record_id, ActionRequest.RECORD_ID: None}
        row = {ActionRequest.ACTION: action, ActionRequest.STATUS: NEW, **target}
        row |= {ActionRequest.INVOLVEMENT_TYPE: None, ActionRequest.VISIBILITY: None, **values}
        return self.salesforce.user_inserts(ACTION_REQUEST, by, **row)

    def adds_item(self, request_id: str, operation: str, entity_type: str, entity_id: str) -> str:
        """The person names one entity that the request is to add or remove; return the item's id."""
        values = {ActionRequestItem.OPERATION: operation, ActionRequestItem.ENTITY_TYPE: entity_type}
        values |= {ActionRequestItem.ENTITY_ID: entity_id, ActionRequestItem.REQUEST: request_id}
        values |= {ActionRequestItem.STATUS: NEW, ActionRequestItem.MESSAGE: None}
        return self.salesforce.user_inserts(ACTION_REQUEST_ITEM, PERSON, **values)

    def item(self, item_id: str) -> tuple[str, str]:
        """Return status and message of a request's item."""
        row = self.salesforce.tables[ACTION_REQUEST_ITEM][item_id]
        return str(row[ActionRequestItem.STATUS]), str(row[ActionRequestItem.MESSAGE])

    def request(self, request_id: str) -> tuple[str, str]:
        """Return status and message of a request."""
        row = self.salesforce.tables[ACTION_REQUEST][request_id]
        return str(row[ActionRequest.STATUS]), str(row.get(ActionRequest.MESSAGE))

    def schedules(self, by: str = SCHEDULER, *, active: bool = True, **values: Any) -> str:
        """A person creates a schedule; return its id."""
        number = len(self.salesforce.tables.get(SCHEDULE, {})) + 1
        row = {
            "Name": f"SCH-{number:04d}", Schedule.OBJECT: "Opportunity", Schedule.INTERVAL_MINUTES: 60,
            Schedule.ACTIVE: active, Schedule.DISABLE_INBOUND: False, Schedule.STATUS: None,
            Schedule.NEXT_RUN: None, Schedule.LAST_RUN: None, Schedule.MESSAGE: None, **values,
        }  # fmt: skip
        return self.salesforce.user_inserts(SCHEDULE, by, **row)

    def schedule_row(self, schedule_id: str) -> Row:
        return self.salesforce.tables[SCHEDULE][schedule_id]

    def last_run(self, schedule_id: str) -> datetime | None:
        told = self.schedule_row(schedule_id)[Schedule.LAST_RUN]
        return datetime.fromisoformat(told) if told else None

    def log_purposes(self) -> list[str]:
        """Return the purposes of the sync logs that the org has."""
        return [str(row[Log.PURPOSE]) for row in self.salesforce.all(SYNC_LOG)]
