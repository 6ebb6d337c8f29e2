"""What an admin's rule leaves out is not brought in, and says so once (ELIG-19)."""

from __future__ import annotations

from pathlib import Path

import pytest
from system_world import CATALOG, open_world

RULE = 'ISPICKVAL(industry, "Gaming")'


@pytest.mark.requirement("ELIG-19")
def test_what_the_rule_leaves_out_is_skipped_with_its_reason_until_the_rule_lets_it_in(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        record, identifier = world.shared()
        world.do("mapping", "exclude", RULE)
        world.do("mapping", "publish")
        fields = {"LifeCycle": {"ReviewStatus": "Approved"}, "Customer": {"Account": {"Industry": "Gaming"}}}
        unwanted = str(world.control("/aws/create", fields=fields, catalog=CATALOG)["opportunity"])
        world.edit_at_aws(identifier, Customer__Account__Industry="Gaming", Project__Title="Not to be brought in")
        for _ in range(2):
            world.sync("inbound")
            world.advance(60)
        assert world.find(f"ACE_APN_Unique_Identifier__c = '{unwanted}'") == []
        title = world.row(record, "Partner_Project_Title__c")["Partner_Project_Title__c"]
        assert title != "Not to be brought in"
        for subject in (unwanted, record):
            (told,) = [one for one in world.details(subject) if one["Error_Code__c"] == "EXCLUDED_BY_RULE"]
            assert told["Status__c"] == "Held"
            assert RULE in told["Error_Message__c"] and "Gaming" in told["Error_Message__c"]
        world.do("mapping", "exclude", "--none")
        world.do("mapping", "publish")
        world.edit_at_aws(unwanted, Project__Title="Let in")
        world.edit_at_aws(identifier, Project__Title="Brought in after all")
        world.sync("inbound")
        (row,) = world.find(f"ACE_APN_Unique_Identifier__c = '{unwanted}'", "Partner_Project_Title__c")
        assert row["Partner_Project_Title__c"] == "Let in"
        assert world.row(record, "Partner_Project_Title__c")["Partner_Project_Title__c"] == "Brought in after all"
        assert {one["Status__c"] for one in world.details(unwanted) if one["Error_Code__c"]} == {"Resolved"}
