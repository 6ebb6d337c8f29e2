"""The engine between two platforms, under everything that people, networks and power cuts do to it.

The machine takes random steps: people work on both sides, also while the engine is at work; calls are lost before and
after they took effect; the process is killed between any two of its steps; its state disappears. After each step
nothing may be doubled or cleared. When all faults end and AWS has decided, both sides must come to rest, agree with
what people did last, and every difference that is left must be explained by an open log detail.

A *step* is one rule of the machine that was carried out; what the engine does in between is not counted.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from engine.fields import (
    APN_ID,
    APPROVED,
    BY_NAME,
    EXTRAS,
    FLAG,
    PARTNER_FIELDS,
    PENDING,
    UNDER_REVIEW,
    Extra,
    PartnerField,
    at_aws,
    meant,
    read,
    sound_values,
    write,
)
from engine.interruptions import FAULTS
from engine.world import JOBS, World
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
from connector.sync.requests import share_work

SOAK = os.environ.get("SOAK") == "1"
STEPS_WANTED = 1_000_000 if SOAK else 2_000
EXAMPLES, STEPS = 120, 24
STEPS_DONE: Counter[str] = Counter()

RECORD = st.sampled_from([0, 0, 0, 1, 2])
OPEN_FIELDS = [item.name for item in PARTNER_FIELDS if APPROVED in item.editable]
HOT = st.sampled_from(["hot", "hot", "hot", "hot too"])
FIELD = st.one_of(HOT, HOT, st.sampled_from([item.name for item in PARTNER_FIELDS]))
"""Most edits fall on two fields, chosen anew for each history, so that they meet each other."""
VALUE = st.integers(0, 3)
JOB = st.sampled_from([*JOBS, *JOBS[:3], JOBS[4]])
MOST_RECORDS = 4
REST = 40
"""Turns of every job within which both sides must have come to rest."""

Event = tuple[Any, ...]
"""The name of a method of the machine, and what to call it with."""

SELLERS = st.one_of(
    st.tuples(st.just("user_edits"), RECORD, FIELD, VALUE, st.sampled_from([0, 0, 1, 100])),
    st.tuples(st.just("user_edits"), RECORD, HOT, VALUE, st.just(0)),
    st.tuples(st.just("user_edits"), RECORD, FIELD, VALUE, st.just(0)),
    st.tuples(st.just("user_saves"), RECORD),
)
COLLEAGUES = st.one_of(
    st.tuples(st.just("colleague_edits"), RECORD, HOT, VALUE),
    st.tuples(st.just("colleague_edits"), RECORD, FIELD, VALUE),
    st.tuples(st.just("colleague_adds"), RECORD, st.sampled_from(EXTRAS), VALUE),
    st.tuples(st.just("aws_decides"), RECORD, st.sampled_from(["Approved", "Action Required", "In review"])),
    st.tuples(
        st.just("aws_views"), RECORD, st.sampled_from(["Launched", "Closed Lost"]), st.sampled_from(["Low", "High"])
    ),
)
RARE = st.one_of(
    st.tuples(st.just("user_spoils"), RECORD, FIELD),
    st.tuples(st.just("user_creates"), st.booleans(), st.one_of(st.none(), FIELD)),
    st.tuples(st.just("user_flags"), RECORD, st.booleans()),
    st.tuples(st.just("user_clones"), RECORD),
    st.tuples(st.just("user_asks"), RECORD),
    st.tuples(st.just("user_deletes"), RECORD),
    st.tuples(st.just("colleague_creates"), st.sampled_from([PENDING, "Approved", "Submitted"])),
    st.tuples(st.just("aws_decides"), RECORD, st.just("Rejected")),
    st.tuples(st.just("admin_switches"), st.sampled_from([True, True, False])),
    st.tuples(st.just("submissions_take_time"), st.booleans()),
)
BREAKDOWN = st.sampled_from([("restart",), ("lose_state",), ("copy_state",), ("restore_state",)])
PAUSE = st.sampled_from([3, 1, 60, 400, 3_600])
EVENT = st.one_of(SELLERS, COLLEAGUES, SELLERS, COLLEAGUES, RARE)
MEANWHILE = st.lists(st.tuples(EVENT, st.integers(1, 25), st.booleans()), max_size=3)
FAILURES = st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(1, 40)), max_size=2)


class EngineMachine(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.world = World(self.directory)
        self.extras: dict[tuple[str, str], Any] = {}
        self.hot: dict[str, str] = {}
        self.since_rest = 0

    def teardown(self) -> None:
        try:
            self.come_to_rest()
            self.check_the_end()
        finally:
            self.world.close()
            shutil.rmtree(self.directory)

    @initialize(shared=st.sampled_from([True, True, False]), hot=st.permutations(OPEN_FIELDS))
    def begin(self, shared: bool, hot: list[str]) -> None:
        """A flagged record, which AWS may have approved already."""
        self.hot = {"hot": hot[0], "hot too": hot[1]}
        self.user_creates(True, None)
        if shared:
            self.come_to_rest()
            for extra in EXTRAS:
                self.colleague_adds(0, extra, 0)

    @rule(event=st.one_of(SELLERS, COLLEAGUES))
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

    @rule(seconds=PAUSE, job=JOB, steps=st.integers(1, 20), meanwhile=MEANWHILE)
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

    def user_creates(self, flag: bool, bad: str | None) -> None:
        if len(self.world.salesforce.all()) >= MOST_RECORDS:
            return
        values = sound_values()
        if bad and self.field(bad).bad:
            values[self.field(bad).name] = self.field(bad).bad[0]
        self.world.salesforce.user_creates({**values, FLAG: flag, "Name": "A deal"})

    def user_edits(self, record: int, name: str, value: int, slowly: int) -> None:
        row, item = self.pick(record), self.field(name)
        if row:
            chosen = _another(item, row.get(item.name), value)
            self.world.salesforce.user_edits(row["Id"], {item.name: chosen}, slowly=timedelta(seconds=slowly))

    def user_spoils(self, record: int, name: str) -> None:
        row, item = self.pick(record), self.field(name)
        if row and item.bad:
            self.world.salesforce.user_edits(row["Id"], {item.name: item.bad[0]})

    def user_saves(self, record: int) -> None:
        if row := self.pick(record):
            self.world.salesforce.user_edits(row["Id"], {})

    def user_flags(self, record: int, flag: bool) -> None:
        if row := self.pick(record):
            self.world.salesforce.user_edits(row["Id"], {FLAG: flag})

    def user_clones(self, record: int) -> None:
        """A copy inherits everything; where the org keeps identifiers unique, it refuses a copy that has one."""
        row = self.pick(record)
        if row and len(self.world.salesforce.all()) < MOST_RECORDS:
            try:
                self.world.salesforce.user_creates({name: value for name, value in row.items() if name != "Id"})
            except RecordRejected:
                assert row[APN_ID], "only the identifier is unique"

    def user_asks(self, record: int) -> None:
        if row := self.pick(record):
            self.world.state.queue.enqueue(share_work(row["Id"]), self.world.clock.now())

    def user_deletes(self, record: int) -> None:
        row = self.pick(record)
        if row and len(self.world.salesforce.all()) > 1:
            self.world.salesforce.user_deletes(row["Id"])

    def colleague_edits(self, record: int, name: str, value: int) -> None:
        apn_id, item = self.pick_at_aws(record), self.field(name)
        if apn_id:
            known = read(self.world.partner_central.opportunities[apn_id], item.path)
            chosen = at_aws(item, _another(item, known, value))
            self.world.partner_central.colleague_edits(
                apn_id, lambda answer: write(answer, item.path, deepcopy(chosen))
            )

    def colleague_adds(self, record: int, extra: Extra, value: int) -> None:
        """A colleague fills in what the org does not map."""
        if apn_id := self.pick_at_aws(record):
            chosen = extra.values[value % len(extra.values)]
            self.extras[apn_id, extra.path] = chosen
            self.world.partner_central.colleague_edits(
                apn_id, lambda answer: write(answer, extra.path, deepcopy(chosen))
            )

    def colleague_creates(self, status: str) -> None:
        if len(self.world.partner_central.opportunities) >= MOST_RECORDS:
            return
        fields: dict[str, Any] = {"RelatedEntityIdentifiers": {}}
        for item in PARTNER_FIELDS:
            write(fields, item.path, at_aws(item, item.good[-1]))
        self.world.partner_central.colleague_creates(fields, status)

    def aws_decides(self, record: int, status: str) -> None:
        apn_id = self.pick_at_aws(record)
        if apn_id and self.status(apn_id) in UNDER_REVIEW:
            self.world.partner_central.aws_reviews(apn_id, status, f"It is {status}.")

    def aws_views(self, record: int, stage: str, score: str) -> None:
        """AWS changes its own view, which moves no date."""
        if apn_id := self.pick_at_aws(record):
            self.world.partner_central.aws_views(apn_id, stage, score)

    def admin_switches(self, automatic: bool) -> None:
        """Whether new records and edits go out without a request."""
        self.world.engine.settings = replace(
            self.world.settings, share_automatically=automatic, update_automatically=automatic
        )

    def restart(self) -> None:
        self.world.restart()

    def lose_state(self) -> None:
        self.world.empty_state()

    def copy_state(self) -> None:
        self.world.copy_state()

    def restore_state(self) -> None:
        self.world.restore_state()

    def submissions_take_time(self, slow: bool) -> None:
        self.world.partner_central.slow = slow

    # -- what always holds

    @invariant()
    def no_record_has_two_opportunities(self) -> None:
        """Promise 2."""
        named = Counter(
            answer.get("PartnerOpportunityIdentifier") for answer in self.world.partner_central.opportunities.values()
        )
        assert not [name for name, count in named.items() if name and count > 1], named
        held = Counter(row[APN_ID] for row in self.world.salesforce.all() if row[APN_ID])
        assert all(count == 1 for count in held.values()), held

    @invariant()
    def no_deleted_record_comes_back(self) -> None:
        """Promise 2: what a person deleted stays deleted, the opportunities of colleagues included."""
        gone = {row[APN_ID] for row in self.world.salesforce.binned.values() if row.get(APN_ID)}
        assert not [row for row in self.world.salesforce.all() if row[APN_ID] in gone]

    @invariant()
    def nothing_unmapped_is_cleared(self) -> None:
        """Promise 5."""
        for (apn_id, path), wanted in self.extras.items():
            found = read(self.world.partner_central.opportunities[apn_id], path)
            assert found == wanted, (apn_id, path, wanted, found)

    # -- how it is done

    def step(self, what: str) -> None:
        STEPS_DONE[what] += 1
        self.since_rest += 1

    def work(self, work: Callable[[], object]) -> None:
        self.world.partner_central.finish_tasks()
        self.world.alive(work)
        self.world.interruptions.disarm()

    def field(self, name: str) -> PartnerField:
        return BY_NAME[self.hot.get(name, name)]

    def pick(self, record: int) -> dict[str, Any] | None:
        rows = sorted(self.world.salesforce.all(), key=lambda row: row["Id"])
        return rows[record % len(rows)] if rows else None

    def pick_at_aws(self, record: int) -> str | None:
        ids = sorted(self.world.partner_central.opportunities)
        return ids[record % len(ids)] if ids else None

    def status(self, apn_id: str) -> str:
        return str(self.world.partner_central.opportunities[apn_id]["LifeCycle"]["ReviewStatus"])

    def come_to_rest(self) -> None:
        """End all faults, let AWS approve what it reviews, and let the worker work until nothing changes."""
        world = self.world
        world.interruptions.disarm()
        world.partner_central.slow = False
        self.admin_switches(True)
        self.since_rest = quiet = 0
        for _ in range(REST):
            world.clock.advance(timedelta(minutes=16))
            world.partner_central.finish_tasks()
            for apn_id in world.partner_central.opportunities:
                if self.status(apn_id) in UNDER_REVIEW:
                    world.partner_central.aws_reviews(apn_id, "Approved")
                    quiet = 0
            before = world.writes()
            world.cycle()
            quiet = quiet + 1 if world.writes() == before else 0
            if quiet == 3:
                return
        raise AssertionError(f"no rest within {REST} turns: {world.writes()}, {world.state.queue.counts()}")

    def check_the_end(self) -> None:
        """Promises 1, 3, 4 and 7, in a world that has come to rest."""
        self.no_record_has_two_opportunities()
        self.nothing_unmapped_is_cleared()
        self.check_details()
        for row in self.world.salesforce.all():
            if row[FLAG]:
                self.check_record(row)
        self.world.truth.come_to_rest()
        self.world.interruptions.failed = False

    def check_details(self) -> None:
        reasons = Counter(
            (
                detail[Detail.RECORD_ID],
                detail[Detail.ERROR_CODE],
                detail[Detail.ERROR_MESSAGE].split(":")[0].split(" ")[0],
            )
            for detail in self.open_details()
        )
        assert all(count == 1 for count in reasons.values()), reasons
        assert self.world.state.outbox.count() == 0, "log rows that were not written"

    def open_details(self) -> list[dict[str, Any]]:
        return [
            detail
            for detail in self.world.salesforce.all(SYNC_LOG_DETAIL)
            if detail[Detail.STATUS] not in (PROCESSED, RESOLVED)
        ]

    def check_record(self, row: dict[str, Any]) -> None:
        reasons = [one for one in self.open_details() if one[Detail.RECORD_ID] == row["Id"]]
        codes = {reason[Detail.ERROR_CODE] for reason in reasons}
        answer = self.world.truth.answer_of(row["Id"])
        if answer is None:
            assert reasons, ("neither sent nor explained", row)
            return
        status = str(answer["LifeCycle"]["ReviewStatus"])
        assert row[APN_ID] == answer["Id"], (row, answer["Id"], codes)
        assert meant(BY_NAME["Use_Case__c"], row.get("Review_Status__c")) == status, ("AWS decided", row, status)
        for item in PARTNER_FIELDS:
            self.check_field(row, answer, item, status, reasons)
        if not self.differing(row, answer) and status == "Approved":
            assert not reasons, ("nothing is open, but these say so", reasons)

    def differing(self, row: dict[str, Any], answer: dict[str, Any]) -> list[str]:
        return [
            item.name
            for item in PARTNER_FIELDS
            if meant(item, row.get(item.name)) != meant(item, read(answer, item.path))
        ]

    def check_field(self, row: Any, answer: Any, item: Any, status: str, reasons: list[Any]) -> None:
        here, there = meant(item, row.get(item.name)), meant(item, read(answer, item.path))
        expected = self.world.truth.fields[row["Id"], item.name]
        story = (
            row["Id"],
            item.name,
            "salesforce",
            here,
            "aws",
            there,
            expected,
            status,
            [r[Detail.ERROR_CODE] for r in reasons],
        )
        meant_here = expected.values | (expected.doubtful if self.world.interruptions.failed else set())
        # Of what is associated, each side adds its own: in the end there may be the sum of both.
        summed = bool(item.associated) and here == there and set(here or ()) <= set().union(*(filter(None, meant_here)))
        assert here in meant_here or summed, ("a value that nobody means", *story)
        idle = item.name == "Other_Solution_Offered__c" and read(answer, "RelatedEntityIdentifiers.Solutions")
        if here == there or reasons or idle or (item.keeps and there in expected.values):
            return
        raise AssertionError(("neither equal nor explained", *story))


def _another(item: PartnerField, known: Any, value: int) -> Any:
    """Return one of the field's values: number 3 is the one that stands there, others are other ones."""
    meanings = [meant(item, one) for one in item.good]
    place = meanings.index(meant(item, known)) if meant(item, known) in meanings else 0
    return item.good[(place + value + 1) % len(item.good)] if value < 3 else item.good[place]


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.mark.timeout(900)  # minutes of work where other tests share the processors
def test_engine_keeps_its_promises_whatever_happens() -> None:
    """Promises 1 to 5 and 7 over random histories; the number of steps taken is part of the check."""
    STEPS_DONE.clear()
    chosen = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, derandomize=not SOAK, deadline=None)
    while sum(STEPS_DONE.values()) < STEPS_WANTED:
        run_state_machine_as_test(EngineMachine, settings=chosen)
        if not SOAK:
            break
    assert sum(STEPS_DONE.values()) >= STEPS_WANTED, STEPS_DONE
