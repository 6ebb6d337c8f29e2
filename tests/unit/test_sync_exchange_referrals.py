"""Leads and AWS's referrals by file: what is sent, when only the answer is, and what never is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine.fields import APN_ID, FLAG, OPPORTUNITY
from engine.files import LEAD, LEADS, Files
from engine.turns import open_codes

from connector.names import Detail

pytestmark = pytest.mark.usefixtures("quiet_log")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Files]:
    world = Files(tmp_path, mapping=LEADS)
    yield world
    world.close()


def test_an_own_lead_is_never_sent_and_says_why(world: Files) -> None:
    """LEAD-02."""
    record_id = world.salesforce.user_creates({LEAD["status"]: "Open", FLAG: True, "Name": "Own"})
    world.turn()
    world.turn()
    assert world.files() == [] and open_codes(world, record_id) == ["NOT_SHAREABLE"]


def test_an_update_of_a_lead_carries_the_edit_what_aws_always_asks_for_and_the_identifiers(world: Files) -> None:
    """LEAD-06, OUT-02."""
    record_id, apn_id = world.lead()
    world.salesforce.user_edits(record_id, {LEAD["phone"]: "+12065550199"})
    world.turn()
    [name] = world.files()
    assert name.startswith("lead-")
    assert world.last_entries() == [
        {
            "partnerCrmLeadId": record_id,
            "apnCrmUniqueIdentifier": apn_id,
            "status": "Open",
            "currentLeadStage": "Accepted",
            "phone": "+12065550199",
        }
    ]
    world.take()
    assert world.exchange.records[apn_id]["phone"] == "+12065550199"
    assert world.log(name)["Status__c"] == "Processed"
    world.turn()
    assert world.files() == [name]


def test_an_undecided_lead_sends_nothing_but_its_answer(world: Files) -> None:
    """LEAD-07, ELIG-17: other edits wait, and follow once AWS has taken the answer."""
    record_id, apn_id = world.lead(stage=None)
    world.salesforce.user_edits(record_id, {LEAD["phone"]: "+12065550199"})
    world.turn()
    assert world.files() == [] and open_codes(world, record_id) == ["NOT_DECIDED"]
    world.salesforce.user_edits(record_id, {LEAD["stage"]: "Accepted"})
    world.turn()
    assert world.last_entries() == [
        {
            "partnerCrmLeadId": record_id,
            "apnCrmUniqueIdentifier": apn_id,
            "status": "Open",
            "currentLeadStage": "Accepted",
        }
    ]
    world.take()
    assert world.last_entries()[0]["phone"] == "+12065550199"
    world.take()
    assert open_codes(world, record_id) == []


def test_a_rejected_lead_sends_nothing_any_more(world: Files) -> None:
    """AWS takes no edit of it."""
    record_id, _ = world.lead(stage=None)
    world.salesforce.user_edits(record_id, {LEAD["stage"]: "Rejected"})
    world.turn()
    world.take()
    world.salesforce.user_edits(record_id, {LEAD["phone"]: "+12065550199"})
    world.turn()
    assert len(world.files()) == 1 and open_codes(world, record_id) == ["REFERRAL_REJECTED"]


def test_aws_errors_about_leads_stand_in_the_detail(world: Files) -> None:
    """LEAD-08: the sample's error, answered under the key of opportunities as in AWS's sample."""
    record_id, _ = world.lead()
    world.exchange.refuses = lambda _: ["No new update identified for this record"]
    world.salesforce.user_edits(record_id, {LEAD["phone"]: "+12065550199"})
    world.turn()
    world.take()
    [detail] = world.details(record_id)
    assert "No new update identified for this record" in detail[Detail.ERROR_MESSAGE]


def test_an_identifier_of_another_kind_is_flagged(world: Files) -> None:
    """FAQ-05: an opportunity's identifier on a lead that nobody linked."""
    record_id = world.salesforce.user_creates({LEAD["status"]: "Open", FLAG: True, "Name": "L", APN_ID: "O1234567"})
    world.turn()
    world.turn()
    assert world.files() == [] and open_codes(world, record_id) != []


def test_with_an_empty_state_a_lead_goes_out_whole(world: Files) -> None:
    """Promise 1: the edit made meanwhile is not lost."""
    record_id, apn_id = world.lead()
    world.salesforce.user_edits(record_id, {LEAD["phone"]: "+12065550199", LEAD["city"]: None})
    world.empty_state()
    world.turn()
    [entry] = world.last_entries()
    assert entry["phone"] == "+12065550199" and entry["apnCrmUniqueIdentifier"] == apn_id and "city" not in entry
    world.take()
    assert open_codes(world, record_id) == []
    assert world.salesforce.row(record_id) and len(world.salesforce.all(OPPORTUNITY)) == 1
