"""The world of the random machine of files: an org with opportunities and leads, the bucket with AWS behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.ace_bucket import AceBucket
from engine.exchange import APN, KEYS, Json
from engine.fields import APN_ID, FLAG, OPPORTUNITY, sound_values
from engine.file_truth import LEAD, OBJECTS, FileTruth
from engine.files import FILES, MARKETING
from engine.interruptions import Crash
from engine.salesforce import INTEGRATION, PERSON
from engine.world import HANDLERS, MAPPING, World
from file_arrivals import FileSalesforce
from lead_world import describe_lead

from connector.ace.catalogue import lead_fields
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.model import FieldMapping, Mapping, RecordType
from connector.names import SYNC_LOG, Log
from connector.store.queue import Item
from connector.sync import logs, queueing
from connector.sync.engine import Engine, Priority
from connector.sync.exchange.results import take_results
from connector.sync.exchange.retrieval import list_files, take_file
from connector.sync.exchange.stuck import find_released, watch_uploads
from connector.sync.exchange.uploads import perform_uploads
from connector.sync.executor import Executor, Handler
from connector.sync.observe import sweep_due
from connector.sync.ports import Row
from connector.sync.schedule_memory import InForce, forget, remember, scheduled_object
from connector.sync.settings import SyncSettings

TICK = "tick"
OPP_EXTRA = {"partnerAcceptanceStatus": "Acceptance__c", "rejectionReason": "Rejection_Reason__c",
             "customerEmail": "Customer_Email__c"}  # fmt: skip
OPPORTUNITIES = MAPPING.with_field(MARKETING)
for _name, _path in OPP_EXTRA.items():
    OPPORTUNITIES = OPPORTUNITIES.with_field(FieldMapping(_name, _path, inbound=True))
_LEAD = {"status": "Status", "currentLeadStage": "Stage__c", "leadStatusReason": "Reason__c", "company": "Company",
         "phone": "Phone__c"}  # fmt: skip
LEADS = Mapping("lead", LEAD, 1, tuple(FieldMapping(name, path, inbound=True) for name, path in _LEAD.items()))
SETTINGS = SyncSettings(frozenset({INTEGRATION}), files=FILES)
DECISIONS = {OPPORTUNITY: "Acceptance__c", LEAD: "Stage__c"}


@dataclass(slots=True)
class MachineSalesforce(FileSalesforce):
    """The org; people work on opportunities and on leads."""

    truth: FileTruth = field(default_factory=FileTruth)
    touched: dict[str, datetime] = field(default_factory=dict)
    withdrawn: dict[str, datetime] = field(default_factory=dict)

    def describe(self, object_name: str) -> ObjectDescribe:
        if object_name == LEAD:
            return _with(describe_lead(LEAD), "Phone__c")
        known = FileSalesforce.describe(self, object_name)
        return _with(known, *OPP_EXTRA.values()) if object_name == OPPORTUNITY else known

    def _save(self, object_name: str, row: Row, values: Row, by: str, moment: datetime) -> None:
        before = dict(row)
        FileSalesforce._save(self, object_name, row, values, by, moment)
        if object_name not in (OPPORTUNITY, LEAD):
            return
        if object_name == LEAD:
            self.record_writes += by == INTEGRATION
        if by != INTEGRATION:
            self.touched[row["Id"]] = self._now()
            self._note_flag(row)
        self.truth.on_salesforce(object_name, by, row["Id"], before, dict(row))

    def _note_flag(self, row: Row) -> None:
        if row[FLAG]:
            self.withdrawn.pop(row["Id"], None)
        else:
            self.withdrawn.setdefault(row["Id"], self._now())

    def user_removes(self, record_id: str) -> None:
        self.withdrawn.setdefault(record_id, self._now())
        self._remove(record_id)

    def user_changes(self, object_name: str, record_id: str, **values: Any) -> None:
        self.user_saves(object_name, record_id, PERSON, **values)


def _with(known: ObjectDescribe, *names: str) -> ObjectDescribe:
    more = {name.lower(): FieldDescribe(name, name, "string", length=255) for name in names}
    return replace(known, fields={**known.fields, **more})


def _tick(engine: Engine, _: Item) -> None:
    """A run of the schedule, as :func:`connector.sync.schedules.tick` does it, without its row."""
    find_released(engine)
    run_id = logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    sweep_due(engine, run_id)
    name = scheduled_object(engine)
    remember(engine, name, replace(_in_force(engine), run=run_id, let_out=engine.now()))
    queueing.enqueue_job(engine, queueing.RETRIEVE)


def _in_force(engine: Engine) -> InForce:
    return InForce("a0S000000000001AAA", "Hourly", 60, inbound=True, next=engine.now())


FILE_HANDLERS: dict[str, Handler] = {
    **HANDLERS, TICK: _tick, queueing.UPLOAD: perform_uploads, queueing.RESULTS: take_results,
    queueing.RETRIEVE: list_files, queueing.FILE: take_file, queueing.STUCK: watch_uploads,
}  # fmt: skip
BOTH = (queueing.POLL, TICK, queueing.UPLOAD, queueing.DELETIONS, queueing.RETRIEVE)
JOBS = (queueing.RESULTS, queueing.STUCK, queueing.POLL, TICK, queueing.RETRIEVE, queueing.UPLOAD, queueing.DELETIONS,
        queueing.FLUSH)  # fmt: skip
SETTLED = timedelta(seconds=5)


class FileMachineWorld(World):
    """Everything that outlives a process, and the process of the moment."""

    salesforce: MachineSalesforce  # type: ignore[assignment]
    truth: FileTruth  # type: ignore[assignment]

    def __init__(self, directory: Path) -> None:
        self.bucket: AceBucket | None = None
        self.scheduled = True
        self.sent: dict[str, list[str]] = defaultdict(list)
        self.moments: dict[str, datetime] = {}
        self.forgiven: set[str] = set()
        self.wrong: list[Any] = []
        super().__init__(directory)
        self.state.close()
        self.truth = FileTruth()
        self.salesforce = MachineSalesforce(self.interruptions, truth=self.truth)
        self.bucket = AceBucket(self.interruptions, watch=self.truth.on_aws, on_submit=self._on_submit)
        self.settings = SETTINGS
        self._start()

    @property
    def aws(self) -> AceBucket:
        assert self.bucket is not None
        return self.bucket

    def _start(self) -> None:
        super()._start()
        if self.bucket is None:
            return
        self.engine.mapping, self.engine.bucket = OPPORTUNITIES, self.bucket
        self.engine.leads = replace(self.engine, mapping=LEADS, catalogue=dict(lead_fields()), leads=None)
        self.executor = Executor(self.engine, "worker", FILE_HANDLERS)
        self.follow_schedule()

    def alive(self, work: Callable[[], object]) -> bool:
        try:
            return super().alive(work)
        except Crash:  # in the midst of the start
            return super().alive(self.restart)

    @property
    def engines(self) -> tuple[Engine, Engine]:
        assert self.engine.leads is not None
        return self.engine, self.engine.leads

    def use(self, settings: SyncSettings) -> None:
        self.settings = settings
        for one in self.engines:
            one.settings = settings

    def follow_schedule(self) -> None:
        for one in self.engines:
            name = scheduled_object(one)
            if not self.scheduled:
                forget(one, name)
            else:
                remember(one, name, _in_force(one))

    def schedule(self, job: str) -> None:
        for one in self.engines if job in BOTH else (self.engine,):
            if job != TICK or self.scheduled:
                lane = queueing.WRITE_LANE if job == queueing.UPLOAD else queueing.READ_LANE
                queueing.enqueue_job(one, job, lane, priority=Priority.INBOUND)

    def cycle(self) -> None:
        for job in JOBS:
            self.schedule(job)
            assert self.execute(400) < 400, "the queue does not empty"

    def lost(self) -> None:
        """The state forgot what was sent: of files that are out nobody knows any more."""
        self.forgiven |= set(self.moments)

    def empty_state(self) -> None:
        super().empty_state()
        self.lost()

    def restore_state(self) -> None:
        if self.copy.exists():
            super().restore_state()
            self.lost()

    def admin_deletes_log(self, name: str) -> bool:
        """An admin deletes the sync log of a file that AWS does not answer."""
        found = [row for row in self.salesforce.all(SYNC_LOG) if row.get(Log.FILE_NAME) == name]
        for row in found:
            self.salesforce._remove(row["Id"])
            self.forgiven.add(name)
        return bool(found)

    def unanswered(self) -> list[str]:
        return [name for name in self.moments if name not in self.aws.closed]

    def writes(self) -> tuple[int, ...]:  # type: ignore[override]
        return len(self.aws.submitted), self.salesforce.record_writes, len(self.aws.exports)

    # --- what is watched at the door

    def _on_submit(self, name: str, entries: list[Json]) -> None:
        kind: RecordType = "lead" if name.startswith("lead") else "opportunity"
        if name in self.moments:
            return  # the same file once more, under its name
        self.moments[name] = self.clock.moment
        for entry in entries:
            record_id = str(entry[KEYS[kind]])
            open_files = [
                one for one in self.sent[record_id] if one not in self.aws.closed and one not in self.forgiven
            ]
            if open_files:
                self.wrong.append(("two files without an answer", record_id, open_files, name))
            self._check_meant(kind, record_id, entry, name)
            self._check_needed(kind, record_id, entry, name)
            self.sent[record_id].append(name)

    def _check_meant(self, kind: RecordType, record_id: str, entry: Json, name: str) -> None:
        gone = self.salesforce.withdrawn.get(record_id)
        if gone is not None and gone < self._made(name) - SETTLED:
            self.wrong.append(("sent although withdrawn", record_id, entry))
        row = self.salesforce._table(OBJECTS[kind]).get(record_id)
        shown = row is not None and row.get(APN_ID) and self.clock.moment - _moment(row) > SETTLED
        if shown and not entry.get(APN):
            self.wrong.append(("sent without its identifier", record_id, entry))

    def _made(self, name: str) -> datetime:
        upload = self.state.uploads.get(name)
        return upload.stored_at if upload is not None and upload.stored_at else self.clock.moment

    def _check_needed(self, kind: RecordType, record_id: str, entry: Json, name: str) -> None:
        """A file that changes nothing at AWS is a repetition, unless somebody did something since the one before."""
        earlier = [self.moments[one] for one in self.sent[record_id]]
        held = self.truth.held_of(record_id)
        if held is None or len(earlier) < 2 or any(one in self.forgiven for one in self.sent[record_id][-2:]):
            return
        values = {key: value for key, value in entry.items() if key not in (*KEYS.values(), APN)}
        same = all(held.fields.get(key) == value for key, value in values.items())
        reasons = (self.salesforce.touched.get(record_id), self.aws.refused.get(record_id))
        if same and not any(one is not None and one >= earlier[-2] for one in reasons):
            self.wrong.append(("sent again without need", record_id, entry, name))


def _moment(row: Row) -> datetime:
    return datetime.fromisoformat(row["SystemModstamp"])


def sound_deal(**values: Any) -> Row:
    extra: Row = {**dict.fromkeys(OPP_EXTRA.values()), FLAG: True, "Name": "A deal"}
    return {**sound_values(), **extra, **values}
