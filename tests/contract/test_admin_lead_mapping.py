"""The lead mapping on an org: the packaged object in one step, the standard lead by proposals, and whose object is
whose.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from admin_desk import Desk

from connector.ace.catalogue import lead_fields
from connector.store.state import State

LEADS = ("--type", "lead")
MASK = "Accept to view"


def shown(desk: Desk, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = desk.do("mapping", "show", *LEADS, *options, "--json").json
    return found


def mapped(desk: Desk) -> dict[str, dict[str, Any]]:
    return {one["ace_field"]: one for one in shown(desk, "--draft")["fields"]}


def problems(desk: Desk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(desk.run("mapping", "check", *LEADS, "--json").out)
    return found


def test_the_packaged_lead_maps_itself_completely_and_is_published(desk: Desk) -> None:
    desk.do("mapping", "automap", *LEADS)
    wanted = {one.name for one in lead_fields().values() if one.salesforce_name} - {"apnCrmUniqueIdentifier"}
    assert set(mapped(desk)) == wanted
    assert [one for one in problems(desk) if one["blocking"]] == []
    desk.do("mapping", "publish", *LEADS)
    assert shown(desk)["object"] == "ACE_Lead__c"


@pytest.mark.requirement("MAP-21")
def test_the_campaign_member_status_may_be_mapped_or_not(desk: Desk) -> None:
    desk.do("mapping", "automap", *LEADS)
    assert mapped(desk)["campaignMemberStatus"]["path"] == "Campaign_Member_Status__c"
    desk.do("mapping", "publish", *LEADS)
    desk.do("mapping", "unset", "campaignMemberStatus", *LEADS)
    assert [one for one in problems(desk) if one["field"] == "campaignMemberStatus"] == []
    desk.do("mapping", "publish", *LEADS)


@pytest.mark.parametrize("name", ["status", "currentLeadStage"])
def test_what_aws_requires_of_a_lead_has_to_be_mapped(desk: Desk, name: str) -> None:
    """LEAD-09, SCHED-07: without it the mapping does not come into force."""
    desk.do("mapping", "automap", *LEADS)
    desk.do("mapping", "unset", name, *LEADS)
    refused = desk.do("mapping", "publish", *LEADS, code=2)
    assert name in refused.err and "required by AWS" in refused.err


def accepted(desk: Desk, *names: str) -> dict[str, dict[str, Any]]:
    """Choose the standard lead, and accept proposals."""
    desk.do("mapping", "object", "Lead", *LEADS, "--yes")
    desk.do("mapping", "propose", *LEADS, *(part for name in names for part in ("--accept", name)))
    return mapped(desk)


def test_the_standard_lead_is_proposed_with_stand_ins_for_what_aws_hides(desk: Desk) -> None:
    """IN-08: of a referral that nobody accepted yet AWS shows no name and no company; the lead needs both."""
    desk.do("mapping", "object", "Lead", *LEADS, "--yes")
    offered = {one["ace_field"]: one for one in desk.do("mapping", "propose", *LEADS, "--json").json}
    assert offered["fullName"]["path"] == offered["lastName"]["path"] == "LastName"
    assert offered["fullName"]["from_aws"] == offered["company"]["from_aws"] == {"value": MASK, "formula": ""}
    assert MASK in offered["company"]["reason"]
    assert offered["email"]["from_aws"] is None, "a lead needs no e-mail address"
    kept = accepted(desk, "fullName", "lastName", "company", "email", "city", "status")
    assert kept["fullName"]["from_aws"] == kept["company"]["from_aws"] == {"value": MASK}
    assert (kept["fullName"]["inbound"], kept["lastName"]["inbound"]) == (True, False)
    assert [one for one in problems(desk) if one["code"] == "CREATION_FIELD_UNFILLED"] == []


def test_a_lead_that_could_not_be_made_of_a_referral_is_told(desk: Desk) -> None:
    accepted(desk, "fullName", "company")
    desk.do("mapping", "fallback", "company", "--none", *LEADS)
    [told] = [one for one in problems(desk) if one["code"] == "CREATION_FIELD_UNFILLED"]
    assert told["value"] == "Company (company)" and "hides" in told["rule"] and not told["blocking"]
    desk.do("mapping", "unset", "company", *LEADS)
    [told] = [one for one in problems(desk) if one["code"] == "CREATION_FIELD_UNFILLED"]
    assert told["value"] == "Company" and "a lead of AWS's" in told["rule"]
    assert "Default Opportunity" not in told["remedy"]


WHOSE = "ACE_Lead__c is the object of the lead mapping in force, and an object is one or the other"


def test_an_object_is_of_opportunities_or_of_leads_and_never_of_both(desk: Desk, tmp_path: Path) -> None:
    """What is in force for one is refused for the other; a version from before is no way round."""
    document = {"schema": 1, "record_type": "opportunity", "object": "ACE_Lead__c", "fields": []}
    file = tmp_path / "opportunities.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf8")
    with State.open(desk.state_path) as state:
        state.mappings.save_draft("opportunity", document, "a test", desk.sandbox.clock.now())
        state.mappings.publish("opportunity", "a test", desk.sandbox.clock.now())
    desk.do("mapping", "object", "ACE_Opportunity__c", "--yes")
    desk.do("mapping", "automap")
    desk.do("mapping", "publish")
    desk.do("mapping", "automap", *LEADS)
    desk.do("mapping", "publish", *LEADS)
    assert WHOSE in desk.do("mapping", "rollback", "1", code=2).err.replace("\n", " ")
    desk.do("mapping", "import", str(file))
    told = desk.do("mapping", "publish", code=2).err.replace("\n", " ")
    assert WHOSE in told and "connector mapping object" in told
