"""Killed anywhere, resumed anywhere: the worker dies again and again while both sides are being edited; in the end both
sides agree, nothing is there twice, and nothing more is sent.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from system_proxy import Call
from system_worker import as_installed, forked
from system_world import AUTOMATIC, CATALOG, FAST, Json, Worker, World, open_world

from connector.store.state import State

SOAK = bool(os.environ.get("SOAK"))
KILLS = 1000 if SOAK else 22
INSIDE_A_SHARE = 5
DEALS_AT_MOST = 60 if SOAK else 14
SEED = int(os.environ.get("KILL_SEED", "0")) or (136_177 if "CI" in os.environ else random.randrange(1, 1_000_000))
"""Where a change is judged, the story is the same each time; the moments of the kills differ all the same."""
SHARE_MOMENTS = (
    ("after", "CreateOpportunity"),
    ("before", "AssociateOpportunity"),
    ("after", "AssociateOpportunity"),
    ("before", "StartEngagementFromOpportunityTask"),
)
"""From AWS having created the opportunity to the moment before it is submitted."""
OTHER_MOMENTS = (
    ("before", "CreateOpportunity"),
    ("after", "StartEngagementFromOpportunityTask"),
    ("before", "UpdateOpportunity"),
    ("after", "UpdateOpportunity"),
    ("after", "GetAwsOpportunitySummary"),
    ("after", "ListOpportunities"),
)
FAULTS = (
    ("partner_central", "CreateOpportunity", "timeout_after"),
    ("partner_central", "CreateOpportunity", "timeout_before"),
    ("partner_central", "UpdateOpportunity", "timeout_after"),
    ("partner_central", "StartEngagement", "timeout_after"),
    ("salesforce", "collections_update", "timeout_after"),
    ("salesforce", "collections_upsert", "timeout_after"),
    ("salesforce", "composite", "timeout_after"),
    ("salesforce", "collections", "expire_session"),
    ("partner_central", "", "status"),
)
SELLERS_FIELDS = ("Next_Step__c", "Additional_Comments__c", "Target_Close_Date__c")
AWS_PATHS = {"City__c": "Customer.Account.Address.City", "Street_Address__c": "Customer.Account.Address.StreetAddress"}


@dataclass(slots=True)
class Story:
    """What people did, and what must therefore be true in the end."""

    world: World
    chance: random.Random
    deals: list[str] = field(default_factory=list)
    made_at_aws: list[str] = field(default_factory=list)
    sellers_word: dict[tuple[str, str], str] = field(default_factory=dict)
    aws_word: dict[tuple[str, str], str] = field(default_factory=dict)
    number: int = 0

    def go_on(self) -> None:
        """Let a few things happen on both sides."""
        for _ in range(self.chance.randint(1, 3)):
            self.chance.choice((self.edit, self.edit, self.review, self.edit_at_aws, self.edit_at_aws))()
        if self.chance.random() < 0.15 and len(self.made_at_aws) < DEALS_AT_MOST // 4:
            self.create_at_aws()

    def create(self) -> None:
        if len(self.deals) < DEALS_AT_MOST or self.chance.random() < 0.3:
            self.deals.append(self.world.deal())

    def edit(self) -> None:
        if self.deals:
            record, name = self.chance.choice(self.deals), self.chance.choice(SELLERS_FIELDS)
            self.number += 1
            day = f"{2040 + self.number % 20}-{self.number % 12 + 1:02}-{self.number % 28 + 1:02}"
            value = day if name == "Target_Close_Date__c" else f"{name} as edited the {self.number}th time"
            self.world.edit(record, **{name: value})
            self.sellers_word[record, name] = value

    def review(self) -> None:
        """Let AWS take the next step of some review."""
        open_ones = [
            one for one in self.world.listed() if one["LifeCycle"]["ReviewStatus"] in ("Submitted", "In review")
        ]
        if open_ones:
            one = self.chance.choice(open_ones)
            following = {"Submitted": "In review", "In review": "Approved"}
            self.world.review(one["Id"], following[one["LifeCycle"]["ReviewStatus"]])

    def edit_at_aws(self) -> None:
        known = self.world.listed()
        if known:
            identifier, name = self.chance.choice(known)["Id"], self.chance.choice(sorted(AWS_PATHS))
            self.number += 1
            value = f"{name} by AWS {self.number}"
            self.world.control("/aws/edit", opportunity=identifier, fields={AWS_PATHS[name]: value})
            self.aws_word[identifier, name] = value

    def create_at_aws(self) -> None:
        fields = {"LifeCycle": {"ReviewStatus": "Approved"}}
        self.made_at_aws.append(self.world.control("/aws/create", fields=fields, catalog=CATALOG)["opportunity"])

    def finish_reviews(self) -> None:
        for one in self.world.listed():
            status = one["LifeCycle"]["ReviewStatus"]
            if status in ("Submitted", "In review"):
                self.world.review(one["Id"], *(("In review", "Approved") if status == "Submitted" else ("Approved",)))


class Executioner:
    """Kills the worker, at a moment of its traffic with AWS or at any time."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world, self.chance = world, chance
        self.kills: Counter[str] = Counter()
        self.struck = ""

    def kill(self, worker: Worker, moments: tuple[tuple[str, str], ...], *, patience: float = 4.0) -> None:
        """Kill at one of the moments, or so many seconds after the start if none of them comes; without moments at any
        time, also before the worker has started.
        """
        wanted = self.chance.choice(moments) if moments else ("", "")
        self.struck = ""

        def strike(stage: str, call: Call) -> None:
            if (stage, call.operation) == wanted and not self.struck:
                self.struck = f"{stage} {call.operation}"
                worker.process.kill()
                worker.process.wait(timeout=20)

        self.world.proxy.hook = strike
        if moments or self.chance.random() < 0.5:
            # How long a start takes says nothing of how long the moment is to be waited for.
            self.world.eventually(lambda: self.struck or worker.count("working") or worker.process.poll(), "the start")
        until = time.monotonic() + (patience if moments else self.chance.uniform(0.0, 1.8))
        while not self.struck and time.monotonic() < until and worker.process.poll() is None:
            time.sleep(0.01)
        died = worker.process.poll()
        assert self.struck or died is None, f"the worker ended by itself with {died}: {worker.log.read_text()[-3000:]}"
        worker.kill()
        self.world.proxy.hook = None
        self.kills[self.struck or "any time"] += 1

    @property
    def inside_a_share(self) -> int:
        return sum(self.kills[f"{stage} {operation}"] for stage, operation in SHARE_MOMENTS)


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path, **AUTOMATIC, **FAST) as world:
        yield world


@pytest.mark.timeout(0 if SOAK else 240)
def test_killed_at_any_moment_both_sides_converge_without_a_duplicate_or_a_lost_edit(busy: World) -> None:
    """Promises 1, 2 and 7."""
    sys.stdout.write(f"KILL_SEED={SEED}\n")
    chance = random.Random(SEED)
    story, executioner = Story(busy, chance), Executioner(busy, chance)
    for number in range(KILLS):
        _one_life(busy, story, executioner, number)
    sys.stdout.write(f"{dict(executioner.kills)}\n")
    assert executioner.kills.total() == KILLS >= 20
    assert executioner.inside_a_share >= INSIDE_A_SHARE, executioner.kills
    with busy.working("survivor") as worker:
        _come_to_rest(busy, story, worker)
        _check_no_duplicate(busy, story)
        _check_no_lost_edit(busy, story)
        _check_silence(busy, worker)


def _one_life(world: World, story: Story, executioner: Executioner, number: int) -> None:
    chance = story.chance
    sharing = number % 2 == 0
    if sharing:
        story.create()
        if len(story.deals) >= DEALS_AT_MOST:
            sharing = chance.random() < 0.3
    story.go_on()
    if chance.random() < 0.3:
        server, match, kind = chance.choice(FAULTS)
        world.fault(server, match, kind, **({"status": 503} if kind == "status" else {}))
    world.advance(chance.choice((11, 11, 70, 400)))
    worker = world.start_worker(start=as_installed if SOAK or number == 0 else forked)
    if chance.random() < 0.5:
        story.go_on()
    if sharing:
        executioner.kill(worker, SHARE_MOMENTS)
    else:
        executioner.kill(worker, OTHER_MOMENTS if chance.random() < 0.5 else ())


def _come_to_rest(world: World, story: Story, worker: Worker) -> None:
    """Let everything be reviewed and every pause end, until nothing is sent any more."""
    world.sandbox.faults.clear()
    for _ in range(30):
        story.finish_reviews()
        world.proxy.forget()
        worker.cycle(1000)
        if not world.proxy.writes() and not _unfinished(world, story):
            return
    pytest.fail(f"the worker did not come to rest; unfinished: {_unfinished(world, story)}")


def _unfinished(world: World, story: Story) -> list[Json]:
    return [one for one in world.listed() if one["LifeCycle"]["ReviewStatus"] != "Approved"] + [
        {"record": record} for record in story.deals if not world.row(record)["ACE_APN_Unique_Identifier__c"]
    ]


def _check_no_duplicate(world: World, story: Story) -> None:
    """Each flagged valid record has exactly one opportunity, each opportunity exactly one record."""
    listed = world.listed()
    carried = Counter(one.get("PartnerOpportunityIdentifier") for one in listed if one["Id"] not in story.made_at_aws)
    assert carried == Counter(story.deals)
    rows = {
        row["Id"]: row["ACE_APN_Unique_Identifier__c"]
        for row in world.find("Id != null", "ACE_APN_Unique_Identifier__c")
    }
    assert sorted(rows.values()) == sorted(one["Id"] for one in listed)
    by_id = {one["Id"]: one.get("PartnerOpportunityIdentifier") for one in listed}
    assert {record: by_id[rows[record]] for record in story.deals} == {record: record for record in story.deals}


def _check_no_lost_edit(world: World, story: Story) -> None:
    """Each last word is on both sides."""
    paths = {
        "Next_Step__c": ("LifeCycle", "NextSteps"),
        "Additional_Comments__c": ("Project", "AdditionalComments"),
        "Target_Close_Date__c": ("LifeCycle", "TargetCloseDate"),
    }
    for (record, name), value in story.sellers_word.items():
        part, member = paths[name]
        row = world.row(record, name)
        both = (row[name], world.opportunity(record)[part].get(member))
        assert both == (value, value), f"{record} {name}: {_told(world, record)}"
    for (identifier, name), value in story.aws_word.items():
        (row,) = world.find(f"ACE_APN_Unique_Identifier__c = '{identifier}'", name)
        member = AWS_PATHS[name].rpartition(".")[2]
        at_aws = world.get(identifier)["Customer"]["Account"]["Address"].get(member)
        assert (row[name], at_aws) == (value, value), (identifier, name)


def _told(world: World, record: str) -> str:
    """Return what the product itself says of a record."""
    with State.open(world.state_path) as state:
        link, items = state.links.require(record), state.queue.list(key=record)
    return f"{world.details(record)}\n{world.row(record)}\n{world.preview(record)}\n{link}\n{items}"


def _check_silence(world: World, worker: Worker) -> None:
    """Another cycle changes nothing on either side."""
    before = {row["Id"]: row["SystemModstamp"] for row in world.find("Id != null", "SystemModstamp")}
    details = len(world.details())
    world.proxy.forget()
    worker.cycle(1000)
    assert world.proxy.writes() == []
    assert {row["Id"]: row["SystemModstamp"] for row in world.find("Id != null", "SystemModstamp")} == before
    assert len(world.details()) == details


def test_an_edit_made_while_a_share_was_cut_off_is_sent_after_the_review(busy: World) -> None:
    """AWS submitted the record, the worker died before it knew, and AWS began its review before the worker was back."""
    record, executioner = busy.deal(), Executioner(busy, random.Random(1))
    busy.advance(11)
    executioner.kill(busy.start_worker(), (("after", "StartEngagementFromOpportunityTask"),), patience=60)
    assert executioner.struck
    (identifier,) = busy.of_record(record)
    busy.edit(record, Next_Step__c="Edited while nobody was there")
    busy.review(identifier, "In review")
    busy.advance(11)
    with busy.working("survivor") as worker:
        for _ in range(2):
            worker.cycle(61)
        assert busy.get(identifier)["LifeCycle"]["NextSteps"] != "Edited while nobody was there"
        busy.review(identifier, "Approved")
        for _ in range(2):
            worker.cycle(61)
    assert busy.get(identifier)["LifeCycle"]["NextSteps"] == "Edited while nobody was there"
