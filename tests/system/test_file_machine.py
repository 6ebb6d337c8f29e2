"""The file channel between two platforms, under everything that people, networks and power cuts do to it.

The machine takes random steps: people work on both sides, also while the engine is at work; AWS answers files late,
twice, in another folder or never; an admin deletes the log of a file that is not answered; calls are lost before and
after they took effect; the process is killed between any two of its steps; its state disappears, or an old copy of it
comes back. When AWS has answered and exported everything, both sides must come to rest and agree with what people did
last, and every difference that is left must be explained by an open log detail.

What is promised of a state that was lost or replaced by an old copy: nothing is doubled on either side and no name is
used twice; of two values that differed then, either may win. That a change does not go out in two files while the
first has no answer is promised as long as the state is the worker's own.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from engine.ace_bucket import DISLIKED, FATES, MASK, REVIEWED
from engine.fields import APN_ID, FLAG, OPPORTUNITY, sound_values
from engine.file_machine import DECISIONS, JOBS, FileMachineWorld, sound_deal
from engine.file_truth import FIELDS, LEAD, OBJECTS, FileField, meant
from engine.interruptions import FAULTS
from engine.salesforce import PERSON
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from connector.errors import RecordRejected
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.sync.logs import PROCESSED, RESOLVED

SOAK = os.environ.get("SOAK") == "1"
EXAMPLES, STEPS = (10_000, 30) if SOAK else (18, 18)
STEPS_DONE: Counter[str] = Counter()

RECORD = st.sampled_from([0, 0, 0, 0, 1, 2])
HOT_KIND = st.sampled_from(["hot", "hot", "hot", "opportunity", "lead"])
HOT = st.sampled_from([-1, -1, -1, -2, *range(7)])
"""Most of what happens falls on one kind of record and on one or two fields, chosen anew for each history."""
KIND = st.sampled_from(["opportunity", "opportunity", "lead"])
VALUE = st.integers(0, 3)
MOST_RECORDS = 4
REST = 60

Event = tuple[Any, ...]

SELLERS = st.one_of(
    st.tuples(st.just("user_edits"), HOT_KIND, RECORD, HOT, VALUE),
    st.tuples(st.just("user_edits"), HOT_KIND, RECORD, HOT, VALUE),
    st.tuples(st.just("user_saves"), HOT_KIND, RECORD),
    st.tuples(st.just("user_decides"), HOT_KIND, RECORD, st.sampled_from([True, True, False])),
)
AWS = st.one_of(
    st.tuples(st.just("aws_takes"), st.sampled_from(FATES)),
    st.tuples(st.just("aws_takes"), st.just("answer")),
    st.tuples(st.just("aws_exports"), HOT_KIND, st.sampled_from([False, False, True])),
    st.tuples(st.just("aws_edits"), HOT_KIND, RECORD, HOT, VALUE),
    st.tuples(
        st.just("aws_decides"), RECORD, st.sampled_from(["Approved", "Approved", "In review", "Action Required"])
    ),
    st.tuples(st.just("aws_delivers")),
)
RARE = st.one_of(
    st.tuples(st.just("user_creates"), KIND),
    st.tuples(st.just("user_flags"), KIND, RECORD, st.booleans()),
    st.tuples(st.just("user_deletes"), KIND, RECORD),
    st.tuples(st.just("user_spoils"), RECORD),
    st.tuples(st.just("user_clones"), RECORD),
    st.tuples(st.just("aws_refers"), KIND),
    st.tuples(st.just("aws_repeats"), st.integers(0, 9)),
    st.tuples(st.just("aws_decides"), RECORD, st.just("Rejected")),
    st.tuples(st.just("admin_deletes_log"), RECORD),
    st.tuples(st.just("admin_sets_batch"), st.sampled_from([1, 2, 50])),
    st.tuples(st.just("admin_schedules"), st.sampled_from([True, True, False])),
)
BREAKDOWN = st.sampled_from([("restart",), ("restart",), ("lose_state",), ("copy_state",), ("restore_state",)])
PAUSE = st.sampled_from([3, 1, 60, 400, 3_700])
EVENT = st.one_of(SELLERS, AWS, SELLERS, AWS, RARE)
MEANWHILE = st.lists(st.tuples(EVENT, st.integers(1, 25), st.booleans()), max_size=3)
FAILURES = st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(1, 40)), max_size=2)


class FileMachine(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.world = FileMachineWorld(self.directory)
        self.since_rest = 0
        self.hot, self.hot_fields = "opportunity", (0, 1)

    def teardown(self) -> None:
        try:
            self.come_to_rest()
            self.check_the_end()
        finally:
            self.world.close()
            shutil.rmtree(self.directory)

    @initialize(
        shared=st.booleans(),
        referred=st.booleans(),
        hot=KIND,
        fields=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    )
    def begin(self, shared: bool, referred: bool, hot: str = "opportunity", fields: tuple[int, int] = (0, 1)) -> None:
        """A flagged deal, which AWS may have approved already; AWS may have referred a lead and an opportunity, and
        the lead may have been accepted.
        """
        self.hot, self.hot_fields = hot, fields
        self.user_creates("opportunity")
        if referred or hot == "lead":
            self.aws_refers("lead")
            self.aws_refers("opportunity")
        if shared:
            self.come_to_rest()
        if shared and hot == "lead":
            self.user_decides("lead", 0, True)
            self.come_to_rest()

    @rule(event=st.one_of(SELLERS, AWS))
    def people_work(self, event: Event) -> None:
        self.step(event[0])
        self.happen(event)

    @rule(event=st.one_of(RARE, RARE, BREAKDOWN))
    def something_rare_happens(self, event: Event) -> None:
        self.step(event[0])
        self.happen(event)

    @rule(events=st.lists(EVENT, max_size=3), seconds=PAUSE, meanwhile=MEANWHILE, failures=FAILURES)
    def worker_turns(
        self,
        events: list[Event],
        seconds: int,
        meanwhile: list[tuple[Event, int, bool]],
        failures: list[tuple[str, int]],
    ) -> None:
        """People work; then every job has a turn, and people go on working and calls fail in the midst of it."""
        self.step("turn, with failures" if failures else "turn")
        for event in events:
            self.happen(event)
        self.world.clock.advance(timedelta(seconds=seconds))
        for event, moment, after in meanwhile:
            self.world.interruptions.meanwhile(moment, partial(self.happen, event), after=after)
        for fault, moment in failures:
            self.world.interruptions.arm(fault, moment)
        self.work(self.world.cycle)

    @rule(seconds=PAUSE, job=st.sampled_from(JOBS), steps=st.integers(1, 20), meanwhile=MEANWHILE)
    def worker_does_one_job(self, seconds: int, job: str, steps: int, meanwhile: list[tuple[Event, int, bool]]) -> None:
        self.step("one job")
        self.world.clock.advance(timedelta(seconds=seconds))
        for event, moment, after in meanwhile:
            self.world.interruptions.meanwhile(1 + moment % 6, partial(self.happen, event), after=after)
        self.work(lambda: (self.world.schedule(job), self.world.execute(steps)))

    @rule()
    @precondition(lambda self: self.since_rest > 8)
    def everything_comes_to_rest(self) -> None:
        self.step("rest")
        self.come_to_rest()
        self.check_the_end()

    # -- what happens: people, on both sides

    def happen(self, event: Event) -> None:
        name, *arguments = event
        getattr(self, name)(*arguments)

    def user_creates(self, kind: str) -> None:
        if len(self.rows(kind)) >= MOST_RECORDS:
            return
        if kind == "opportunity":
            self.world.salesforce._insert(OPPORTUNITY, sound_deal(), PERSON)
        else:
            values = {"Status": "Open", "Stage__c": None, "Reason__c": None, "Company": "Own", "Phone__c": None}
            self.world.salesforce._insert(LEAD, {**values, FLAG: True}, PERSON)

    def user_edits(self, kind: str, record: int, place: int, value: int) -> None:
        row, item = self.pick(kind, record), self.field(kind, place)
        if row and not item.theirs:
            self.change(row, {item.name: _another(item, row.get(item.name), value)})

    def user_saves(self, kind: str, record: int) -> None:
        if row := self.pick(kind, record):
            self.change(row, {})

    def user_spoils(self, record: int) -> None:
        """A person enters what only AWS refuses."""
        if row := self.pick("opportunity", record):
            self.change(row, {"Next_Step__c": DISLIKED})

    def user_decides(self, kind: str, record: int, accepted: bool) -> None:
        row = self.pick(kind, record)
        held = self.world.aws.held.get(row[APN_ID]) if row and row[APN_ID] else None
        if row and held and held.referred and not row.get(DECISIONS[OBJECTS[self.kind(kind)]]):
            self.change(row, self.decision(kind, accepted=accepted))

    def decision(self, kind: str, *, accepted: bool) -> dict[str, Any]:
        kind = self.kind(kind)
        values = {DECISIONS[OBJECTS[kind]]: "Accepted" if accepted else "Rejected"}
        return values | ({"Rejection_Reason__c": "Other"} if kind == "opportunity" and not accepted else {})

    def user_flags(self, kind: str, record: int, flag: bool) -> None:
        if row := self.pick(kind, record):
            self.change(row, {FLAG: flag})

    def user_deletes(self, kind: str, record: int) -> None:
        row = self.pick(kind, record)
        if row and len(self.rows(kind)) > 1:
            self.world.salesforce.user_removes(row["Id"])

    def user_clones(self, record: int) -> None:
        row = self.pick("opportunity", record)
        if row and len(self.rows("opportunity")) < MOST_RECORDS:
            try:
                values = {name: value for name, value in row.items() if name != "Id"}
                self.world.salesforce._insert(OPPORTUNITY, values, PERSON)
            except RecordRejected:
                assert row[APN_ID], "only the identifier is unique"

    def aws_takes(self, fate: str) -> None:
        self.world.aws.aws_takes_files(fate, 2)

    def aws_delivers(self) -> None:
        self.world.aws.aws_delivers_late(1)
        self.world.aws.aws_shows_delayed()

    def aws_exports(self, kind: Any, hold: bool) -> None:
        self.world.aws.aws_exports(self.kind(kind), hold=hold)

    def aws_repeats(self, number: int) -> None:
        self.world.aws.aws_repeats(number)

    def aws_edits(self, kind: str, record: int, place: int, value: int) -> None:
        apn_id, item = self.pick_at_aws(kind, record), self.field(kind, place)
        if not apn_id:
            return
        known = self.world.aws.held[apn_id].fields.get(item.key)
        chosen = _another(item, known, value)
        plain = float(chosen) if item.key == "expectedMonthlyAwsRevenue" else chosen
        self.world.clock.advance(timedelta(seconds=2))
        self.world.aws.aws_edits(apn_id, **{item.key: plain})

    def aws_decides(self, record: int, status: str) -> None:
        apn_id = self.pick_at_aws("opportunity", record)
        if apn_id and self.world.aws.held[apn_id].status in REVIEWED:
            self.world.clock.advance(timedelta(seconds=2))
            self.world.aws.aws_edits(apn_id, status=status, apnReviewerComments=f"It is {status}.")

    def aws_refers(self, kind: Any) -> None:
        if len([one for one in self.world.aws.held.values() if one.kind == kind]) >= MOST_RECORDS:
            return
        self.world.aws.aws_refers(kind, **_referred(kind))

    def admin_deletes_log(self, record: int) -> None:
        open_files = self.world.unanswered()
        if open_files:
            self.world.truth.forget()
            self.world.admin_deletes_log(open_files[record % len(open_files)])

    def admin_sets_batch(self, size: int) -> None:
        files = replace(self.world.settings.files, batch_size=size)
        self.world.use(replace(self.world.settings, files=files))

    def admin_schedules(self, active: bool) -> None:
        self.world.scheduled = active
        self.world.follow_schedule()

    def restart(self) -> None:
        self.world.restart()

    def lose_state(self) -> None:
        self.world.empty_state()

    def copy_state(self) -> None:
        self.world.copy_state()

    def restore_state(self) -> None:
        self.world.restore_state()

    # -- what always holds

    @invariant()
    def nothing_is_doubled(self) -> None:
        """Promise 2."""
        named = Counter((one.kind, one.partner) for one in self.world.aws.held.values() if one.partner)
        assert all(count == 1 for count in named.values()), named
        held = Counter(row[APN_ID] for kind in OBJECTS for row in self.rows(kind) if row[APN_ID])
        assert all(count == 1 for count in held.values()), held

    @invariant()
    def nothing_strange_is_sent(self) -> None:
        """One name for one file, one unanswered file per record, nothing undecided, withdrawn or without need."""
        assert not self.world.aws.strange, self.world.aws.strange
        assert not self.world.wrong, self.world.wrong

    @invariant()
    def nothing_masked_is_written(self) -> None:
        for kind in OBJECTS:
            for row in self.rows(kind):
                assert not [name for name, value in row.items() if str(value).lower() == MASK.lower()], row

    @invariant()
    def no_deleted_record_comes_back(self) -> None:
        gone = {row[APN_ID] for row in self.world.salesforce.binned.values() if row.get(APN_ID)}
        assert not [row for kind in OBJECTS for row in self.rows(kind) if row[APN_ID] in gone]

    # -- how it is done

    def step(self, what: str) -> None:
        STEPS_DONE[what] += 1
        self.since_rest += 1

    def work(self, work: Callable[[], object]) -> None:
        self.world.alive(work)
        self.world.interruptions.disarm()

    def change(self, row: dict[str, Any], values: dict[str, Any]) -> None:
        self.world.salesforce.user_changes(self.object_of(row), row["Id"], **values)

    def object_of(self, row: dict[str, Any]) -> str:
        return LEAD if row["Id"].startswith("a0L") else OPPORTUNITY

    def kind(self, kind: str) -> Any:
        return self.hot if kind == "hot" else kind

    def field(self, kind: str, place: int) -> FileField:
        known = FIELDS[OBJECTS[self.kind(kind)]]
        return known[(self.hot_fields[-place - 1] if place < 0 else place) % len(known)]

    def rows(self, kind: str) -> list[dict[str, Any]]:
        return self.world.salesforce.all(OBJECTS[self.kind(kind)])

    def pick(self, kind: str, record: int) -> dict[str, Any] | None:
        rows = sorted(self.rows(kind), key=lambda row: row["Id"])
        return rows[record % len(rows)] if rows else None

    def pick_at_aws(self, kind: str, record: int) -> str | None:
        ids = sorted(one.apn_id for one in self.world.aws.held.values() if one.kind == self.kind(kind))
        return ids[record % len(ids)] if ids else None

    def come_to_rest(self) -> None:
        """End all faults, let AWS answer, approve and export everything, and let the worker work until it rests."""
        world = self.world
        world.interruptions.disarm()
        self.admin_schedules(True)
        self.since_rest = quiet = 0
        for _ in range(REST):
            before = world.writes()
            self.settle()
            world.cycle()
            self.nothing_strange_is_sent()
            done = world.writes() == before and not world.aws.waiting and not world.state.uploads.unanswered()
            quiet = quiet + 1 if done else 0
            if quiet == 3:
                return
        raise AssertionError(f"no rest within {REST} turns: {world.writes()}, {world.state.queue.counts()}")

    def settle(self) -> None:
        """AWS does everything that it has to do; an admin releases what is not answered for long."""
        world = self.world
        world.clock.advance(timedelta(minutes=25))
        world.aws.aws_takes_files("answer")
        world.aws.aws_delivers_late()
        world.aws.aws_shows_delayed()
        for one in list(world.aws.held.values()):
            if one.status in REVIEWED:
                world.aws.aws_edits(one.apn_id, status="Approved")
        for kind in ("opportunity", "lead"):
            world.aws.aws_exports(kind)  # type: ignore[arg-type]
        now = world.clock.moment
        for upload in world.state.uploads.unanswered():
            if upload.told_at is not None and now - upload.told_at > timedelta(hours=1):
                world.truth.forget()
                world.admin_deletes_log(upload.name)

    def check_the_end(self) -> None:
        """Promises 1, 3, 4 and 7, in a world that has come to rest."""
        self.nothing_is_doubled()
        self.nothing_strange_is_sent()
        self.check_details()
        self.check_bucket()
        for kind in OBJECTS:
            for row in self.rows(kind):
                if row[FLAG]:
                    self.check_record(kind, row)
        self.check_referrals()
        self.world.truth.come_to_rest()

    def check_bucket(self) -> None:
        world = self.world
        left = [key for key in world.aws.objects if "-outbound/" in key or "results" in key]
        assert not left, ("files of AWS stayed", left)
        assert not world.state.uploads.unanswered(), "a file is still out"
        for kind in ("opportunity", "lead"):
            assert not world.state.uploads.to_send(kind), "a file was not sent"
            assert not world.state.entries.count(kind), "an entry waits"
            assert not world.state.downloads.open(kind), "a file is not worked off"

    def check_referrals(self) -> None:
        for one in self.world.aws.held.values():
            if one.decision == "Rejected":
                continue
            kind = OBJECTS[one.kind]
            rows = [row for row in self.world.salesforce.all(kind) if row[APN_ID] == one.apn_id]
            gone = [row for row in self.world.salesforce.binned.values() if one.apn_id == row.get(APN_ID)]
            gone += [row for row in self.world.salesforce.binned.values() if one.partner == row["Id"]]
            unflagged = [row for row in self.world.salesforce.all(kind) if row["Id"] == one.partner and not row[FLAG]]
            told = [detail for detail in self.open_details() if detail.get(Detail.APN_ID) == one.apn_id]
            assert rows or gone or told or unflagged, ("AWS's record came nowhere", one)

    def check_details(self) -> None:
        reasons = Counter(
            (detail[Detail.RECORD_ID], detail[Detail.ERROR_CODE], str(detail[Detail.ERROR_MESSAGE]).split(":")[0])
            for detail in self.open_details()
        )
        assert all(count == 1 for count in reasons.values()), reasons
        assert self.world.state.outbox.count() == 0, "log rows that were not written"

    def open_details(self) -> list[dict[str, Any]]:
        details = self.world.salesforce.all(SYNC_LOG_DETAIL)
        return [detail for detail in details if detail[Detail.STATUS] not in (PROCESSED, RESOLVED)]

    def check_record(self, kind: str, row: dict[str, Any]) -> None:
        reasons = [one for one in self.open_details() if one[Detail.RECORD_ID] == row["Id"]]
        held = self.world.truth.held_of(row["Id"])
        if held is None:
            assert reasons, ("neither sent nor explained", row)
            return
        codes = [reason[Detail.ERROR_CODE] for reason in reasons]
        assert row[APN_ID] == held.apn_id or reasons, (row, held, codes)
        if held.decision == "Rejected":
            return
        for item in FIELDS[OBJECTS[kind]]:
            self.check_field(row, held, item, codes)
        differing = [item.name for item in FIELDS[OBJECTS[kind]] if self.differs(row, held, item)]
        if not differing and held.accepted and (kind == "lead" or held.status == "Approved"):
            assert set(codes) <= {"NO_NEW_UPDATE"}, ("nothing is open, but these say so", row, held, reasons)

    def differs(self, row: dict[str, Any], held: Any, item: FileField) -> bool:
        return bool(meant(item, row.get(item.name)) != meant(item, self.world.aws.shown(held).get(item.key)))

    def check_field(self, row: dict[str, Any], held: Any, item: FileField, codes: list[str]) -> None:
        there = meant(item, self.world.aws.shown(held).get(item.key))
        here = meant(item, row.get(item.name))
        if str(there).lower() == MASK.lower():
            return
        expected = self.world.truth.fields[row["Id"], item.name]
        story = (row["Id"], item.name, "salesforce", here, "aws", there, expected, held.status, codes)
        if not item.theirs:
            assert here in expected.values, ("a value that nobody means", *story)
        if here == there or codes or (item.keeps and there in expected.values):
            return
        raise AssertionError(("neither equal nor explained", *story))


def _another(item: FileField, known: Any, value: int) -> Any:
    """Return one of the field's values: number 3 is the one that stands there, others are other ones."""
    meanings = [meant(item, one) for one in item.good]
    place = meanings.index(meant(item, known)) if meant(item, known) in meanings else 0
    return item.good[(place + value + 1) % len(item.good)] if value < 3 else item.good[place]


def _referred(kind: str) -> dict[str, Any]:
    if kind == "lead":
        return {"status": "Open", "currentLeadStage": None, "company": "Example Freight", "phone": "2065550142"}
    known = sound_values()
    return {
        "customerCompanyName": known["Customer_Company_Name__c"], "customerWebsite": known["Customer_Website__c"],
        "industry": known["Industry__c"], "country": "Germany", "postalCode": "10115",
        "partnerProjectTitle": known["Partner_Project_Title__c"], "customerEmail": "pat@freight.example",
        "projectDescription": known["Customer_Business_Problem__c"], "targetCloseDate": "2040-03-01",
        "nextStep": None, "expectedMonthlyAwsRevenue": 1200.0, "useCase": "Archiving", "deliveryModel": "Resell",
        "salesActivities": "SOW Signed", "partnerPrimaryNeedFromAws": known["Primary_Needs_from_AWS__c"],
        "stage": "Prospect", "aWSStage": "Prospect", "solutionOffered": ["S-0000001"],
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.mark.timeout(900)  # minutes of work where other tests share the processors
def test_files_keep_their_promises_whatever_happens() -> None:
    """Promises 1 to 4 and 7 over random histories of files."""
    STEPS_DONE.clear()
    chosen = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, derandomize=not SOAK, deadline=None)
    run_state_machine_as_test(FileMachine, settings=chosen)
    assert sum(STEPS_DONE.values()) >= 5 * EXAMPLES, STEPS_DONE
