"""``connector mapping``: objects, views, fields and values, as an admin does them on the packaged and an own object."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from admin_desk import QUOTA_SCALE, Desk
from own_org_world import BASE

import connector
from connector.ace.catalogue import opportunity_fields
from connector.sandbox.server import Sandbox

DEAL = "Deal__c"


@pytest.fixture(scope="module")
def desk_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A partner's own org: the package beside an object of their own."""
    with Sandbox(tmp_path_factory.mktemp("own"), quota_scale=QUOTA_SCALE, metadata=[BASE]) as running:
        yield running


@pytest.fixture
def packaged(desk: Desk) -> Desk:
    """The packaged object, mapped and published."""
    desk.begin(("mapping", "automap"), ("mapping", "publish"))
    return desk


@pytest.fixture
def own(desk: Desk) -> Desk:
    """A draft for an object of the partner's own, its own fields chosen."""
    desk.begin(("mapping", "object", DEAL), ("mapping", "own", "--likely"))
    return desk


def drafted(desk: Desk, *options: str) -> dict[str, dict[str, Any]]:
    """Return the draft's entries by AWS field."""
    document = desk.do("mapping", "show", "--draft", "--json", *options).json
    return {one["ace_field"]: one for one in document["fields"]}


def shown(desk: Desk, *options: str) -> list[str]:
    return [one["ace_field"] for one in desk.do("mapping", "show", "--draft", "--json", *options).json["shown"]]


# The object


@pytest.mark.requirement("MAP-03")
def test_one_object_is_chosen_among_all_and_a_second_replaces_it_after_confirmation(desk: Desk) -> None:
    found = {one["name"]: one["kind"] for one in desk.do("mapping", "object", "--json").json}
    assert found["Opportunity"] == "standard"
    assert found["ACE_Opportunity__c"] == "packaged"
    assert found[DEAL] == "custom"
    assert not {"ACE_Sync_Log__c", "ACE_Connector_Settings__c", "Account", "Lead"} & set(found)
    leads = {one["name"] for one in desk.do("mapping", "object", "--type", "lead", "--json").json}
    assert {"Lead", "ACE_Lead__c", DEAL} <= leads

    desk.do("mapping", "automap")
    mapped = len(drafted(desk))
    refused = desk.do("mapping", "object", DEAL, code=2)
    assert f"{mapped} mapped fields of ACE_Opportunity__c" in refused.err
    assert "--yes" in refused.err
    assert len(drafted(desk)) == mapped, "without a word nothing is thrown away"
    desk.do("mapping", "object", DEAL, "--yes")
    chosen = [one["name"] for one in desk.do("mapping", "object", "--json").json if one["in_draft"]]
    assert chosen == [DEAL]
    assert drafted(desk) == {}


@pytest.mark.parametrize("name", ["Account", "Lead", "ACE_Sync_Log__c", "No_Such__c"])
def test_an_object_that_cannot_be_mapped_is_refused(desk: Desk, name: str) -> None:
    assert f"{name} cannot be mapped to opportunity records" in desk.do("mapping", "object", name, code=2).err


def test_choosing_the_same_object_again_loses_nothing(packaged: Desk) -> None:
    packaged.do("mapping", "object", "ace_opportunity__c")
    assert drafted(packaged)["customerCompanyName"]["path"] == "Customer_Company_Name__c"


# The views


@pytest.mark.requirement("MAP-04", "MAP-05")
def test_the_views_show_what_they_say(packaged: Desk) -> None:
    packaged.do("mapping", "unset", "customerWebsite")
    everything = set(shown(packaged))
    assert everything == set(opportunity_fields())
    mapped, unmapped = set(shown(packaged, "--mapped")), set(shown(packaged, "--unmapped"))
    assert mapped | unmapped == everything
    assert not mapped & unmapped
    fixed = {"partnerCrmUniqueIdentifier", "apnCrmUniqueIdentifier"}
    assert mapped == set(drafted(packaged)) | fixed
    assert "customerWebsite" in unmapped
    needed = {f.name for f in opportunity_fields().values() if f.required and f.owner == "partner"} - fixed
    needed |= {"postalCode", "solutionOffered", "salesActivities", "offers"}
    assert set(shown(packaged, "--required")) == needed
    assert set(shown(packaged, "--optional")) == everything - needed
    assert set(shown(packaged, "--optional", "--unmapped")) == unmapped - needed
    counts = packaged.do("mapping", "show", "--draft", "--json").json["counts"]
    assert counts == {
        "mapped": len(mapped), "unmapped": len(unmapped), "required": len(needed),
        "optional": len(everything) - len(needed),
    }  # fmt: skip
    out = packaged.do("mapping", "show", "--draft").out
    assert "AWS Fields" in out
    assert "Salesforce Fields" in out


@pytest.mark.requirement("MAP-42")
def test_optional_fields_that_are_not_mapped_say_what_is_lost(packaged: Desk) -> None:
    packaged.do("mapping", "unset", "additionalComments")
    rows = packaged.do("mapping", "show", "--draft", "--optional", "--unmapped", "--json").json["shown"]
    assert all(one["lost"] for one in rows)
    [comments] = [one for one in rows if one["ace_field"] == "additionalComments"]
    lost = "Additional Comments is not sent to AWS and what AWS says of it is not seen in Salesforce."
    assert comments["lost"] == lost
    assert "is not sent to AWS" in packaged.do("mapping", "show", "--draft", "--optional", "--unmapped").out


def test_what_aws_alone_writes_is_inbound_only_and_identifiers_are_fixed(packaged: Desk) -> None:
    rows = {one["ace_field"]: one for one in packaged.do("mapping", "show", "--json").json["shown"]}
    assert rows["aWSStage"]["direction"] == "inbound only"
    assert rows["stage"]["direction"] == "both"
    assert (rows["partnerCrmUniqueIdentifier"]["direction"], rows["partnerCrmUniqueIdentifier"]["path"]) == (
        "fixed",
        "Id",
    )
    assert rows["apnCrmUniqueIdentifier"]["path"] == "ACE_APN_Unique_Identifier__c"
    assert "Id (fixed)" in packaged.do("mapping", "show").out
    refused = packaged.do("mapping", "set", "partnerCrmUniqueIdentifier", "Name", code=2)
    assert "partnerCrmUniqueIdentifier" in refused.err


# Fields


def test_fields_that_fit_are_listed_and_relationships_expand(own: Desk) -> None:
    offers = own.do("mapping", "fields", "customerWebsite", "--json").json
    assert "Headline__c" in {one["path"] for one in offers["fields"]}
    assert "Monthly_Spend__c" in offers["refused"]
    assert "Customer__r" in {one["relationship"] for one in offers["relationships"]}
    assert "Customer__r >" in own.do("mapping", "fields", "customerWebsite").out
    account = own.do("mapping", "fields", "customerWebsite", "--expand", "Customer__r", "--json").json
    assert "Customer__r.Website" in {one["path"] for one in account["fields"]}
    deeper = own.do("mapping", "fields", "city", "--expand", "Customer__r.Owner.Manager")
    assert "at most 2 relationships" in deeper.out


def test_a_change_says_what_it_is_and_protects_the_sales_process(packaged: Desk) -> None:
    packaged.do("mapping", "unset", "stage")
    ran = packaged.do("mapping", "set", "stage", "stage__C")
    assert "inbound updates off by default" in ran.out
    assert (drafted(packaged)["stage"]["path"], drafted(packaged)["stage"]["inbound"]) == ("Stage__c", False)
    packaged.do("mapping", "toggle", "stage", "--inbound")
    assert drafted(packaged)["stage"]["inbound"] is True
    packaged.do("mapping", "toggle", "stage", "--no-inbound")
    assert drafted(packaged)["stage"]["inbound"] is False
    assert "--inbound or --no-inbound" in packaged.do("mapping", "toggle", "stage", code=2).err


def test_inbound_updates_of_a_field_that_cannot_be_written_are_refused(own: Desk) -> None:
    own.do("mapping", "set", "customerLastName", "Contact__r.Name", "--no-inbound")
    assert "customerLastName" in own.do("mapping", "toggle", "customerLastName", "--inbound", code=2).err
    assert drafted(own)["customerLastName"]["inbound"] is False


def test_a_misspelled_name_is_answered_with_the_right_one(packaged: Desk) -> None:
    assert "Is it customerWebsite?" in packaged.do("mapping", "set", "customerwebsite", "Name", code=2).err


def test_an_entry_that_aws_no_longer_knows_can_be_taken_away(packaged: Desk, tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    document = packaged.do("mapping", "show", "--json").json
    entry = {"ace_field": "goneAtAws", "path": "Name", "inbound": False}
    document = {name: document[name] for name in ("schema", "record_type", "object")} | {"fields": [entry]}
    file.write_text(json.dumps(document))
    assert "goneAtAws" in packaged.do("mapping", "import", str(file), code=2).err
    assert "AWS has no opportunity field" in packaged.do("mapping", "unset", "goneAtAws", code=2).err


def test_fallbacks_are_set_checked_and_taken_away(packaged: Desk) -> None:
    packaged.do(
        "mapping", "fallback", "nextStep", "--to-aws-value", "Call them", "--from-aws-formula", "customerCompanyName"
    )
    entry = drafted(packaged)["nextStep"]
    assert (entry["to_aws"], entry["from_aws"]) == ({"value": "Call them"}, {"formula": "customerCompanyName"})
    packaged.do("mapping", "fallback", "nextStep", "--to-aws-formula", "Partner_Project_Title__c")
    assert drafted(packaged)["nextStep"]["to_aws"] == {"formula": "Partner_Project_Title__c"}
    refused = packaged.do("mapping", "fallback", "nextStep", "--to-aws-formula", "No_Such_Field__c & 'x'", code=2)
    assert "No_Such_Field__c" in refused.err
    packaged.do("mapping", "fallback", "nextStep", "--none")
    assert not {"to_aws", "from_aws"} & set(drafted(packaged)["nextStep"])
    both = ("--to-aws-value", "x", "--to-aws-formula", "y")
    assert "exclude each other" in packaged.do("mapping", "fallback", "nextStep", *both, code=2).err


def test_what_is_left_out_is_a_formula_over_awss_fields(packaged: Desk) -> None:
    packaged.do("mapping", "exclude", "ISPICKVAL(industry, 'Gaming')")
    assert packaged.do("mapping", "show", "--draft", "--json").json["exclude"] == "ISPICKVAL(industry, 'Gaming')"
    assert "Industry__c" in packaged.do("mapping", "exclude", "ISPICKVAL(Industry__c, 'Gaming')", code=2).err
    packaged.do("mapping", "exclude", "--none")
    assert "exclude" not in packaged.do("mapping", "show", "--draft", "--json").json


# The connector's own fields


@pytest.mark.requirement("MAP-25")
def test_sync_with_aws_is_fixed_on_standard_objects_and_a_checkbox_on_own_ones(desk: Desk) -> None:
    for name in ("Opportunity", "ACE_Opportunity__c"):
        desk.do("mapping", "object", name, "--yes")
        assert "fixed" in desk.do("mapping", "own", "sync_with_aws", "IsPrivate", code=2).err
    desk.do("mapping", "object", "Lead", "--type", "lead")
    assert "fixed" in desk.do("mapping", "own", "sync_with_aws", "DoNotCall", "--type", "lead", code=2).err
    desk.do("mapping", "object", DEAL, "--yes")
    rows = {one["sync_field"]: one for one in desk.do("mapping", "own", "--json").json}
    assert rows["sync_with_aws"]["fitting"] == ["Send_to_AWS__c"]
    refused = desk.do("mapping", "own", "sync_with_aws", "Headline__c", code=2)
    assert "Checkbox" in refused.err
    desk.do("mapping", "own", "sync_with_aws", "send_to_aws__c")
    assert desk.do("mapping", "show", "--draft", "--json").json["own_fields"]["sync_with_aws"] == "Send_to_AWS__c"


def test_own_fields_that_are_missing_are_named_and_stop_publishing(desk: Desk) -> None:
    desk.do("mapping", "object", DEAL)
    found = desk.do("mapping", "check", "--json", code=1).json
    missing = [one["rule"] for one in found if one["code"] in ("OWN_FIELD_MISSING", "NO_VALID_FIELD_TO_MAP")]
    assert len(missing) == 3
    assert "Date/Time" in " ".join(missing)
    assert "Last APN Sync Date" in desk.do("mapping", "publish", code=2).err


# Many fields at once


@pytest.mark.requirement("MAP-28", "MAP-29", "MAP-35")
def test_automap_is_one_action_for_the_packaged_object_and_repeating_it_changes_nothing(desk: Desk) -> None:
    desk.do("mapping", "automap")
    assert set(shown(desk, "--required", "--unmapped")) == set()
    once = drafted(desk)
    desk.do("mapping", "automap")
    assert drafted(desk) == once
    desk.do("mapping", "publish")

    refused = desk.do("mapping", "reset", code=2)
    assert f"Clear all {len(once)} mapped fields" in refused.err
    assert drafted(desk) == once
    desk.do("mapping", "reset", "--yes")
    assert drafted(desk) == {}
    assert desk.do("mapping", "values", "--draft", "--json").json == []
    desk.do("mapping", "automap")
    assert drafted(desk) == once

    desk.do("mapping", "object", "Opportunity", "--yes")
    assert "Auto Map is for ACE_Opportunity__c only" in desk.do("mapping", "automap", code=2).err
    assert drafted(desk) == {}


def test_proposals_are_reasoned_and_nothing_is_mapped_before_they_are_accepted(own: Desk) -> None:
    found = {one["ace_field"]: one for one in own.do("mapping", "propose", "--json").json}
    assert found["customerCompanyName"]["path"] == "Customer__r.Name"
    assert found["customerCompanyName"]["reason"]
    assert drafted(own) == {}
    own.do("mapping", "propose", "--accept", "customerCompanyName")
    assert drafted(own)["customerCompanyName"]["path"] == "Customer__r.Name"
    assert drafted(own)["customerCompanyName"]["inbound"] is found["customerCompanyName"]["inbound"]
    assert "no proposal for arn" in own.do("mapping", "propose", "--accept", "arn", code=2).err


@pytest.mark.requirement("MAP-02")
def test_leads_have_a_mapping_of_their_own(packaged: Desk, tmp_path: Path) -> None:
    before = packaged.do("mapping", "show", "--json").json
    packaged.do("mapping", "automap", "--type", "lead")
    packaged.do("mapping", "set", "campaignMemberStatus", "Title__c", "--no-inbound", "--type", "lead")
    packaged.do("mapping", "publish", "--type", "lead", "--note", "first")
    leads = packaged.do("mapping", "show", "--type", "lead", "--json").json
    assert (leads["record_type"], leads["object"]) == ("lead", "ACE_Lead__c")
    assert packaged.do("mapping", "show", "--json").json == before
    assert "There is no draft" in packaged.do("mapping", "publish", code=2).err
    assert [one["note"] for one in packaged.do("mapping", "history", "--type", "lead", "--json").json] == ["first"]
    file = tmp_path / "leads.yaml"
    packaged.do("mapping", "export", str(file), "--type", "lead")
    assert "--type lead" in packaged.do("mapping", "import", str(file), code=2).err
    packaged.do("mapping", "import", str(file), "--type", "lead")


# Values


def values(desk: Desk, name: str) -> dict[str, Any]:
    found: dict[str, Any] = desk.do("mapping", "values", name, "--draft", "--json").json
    return found


@pytest.mark.requirement("PICK-01", "PICK-03")
def test_primary_additional_and_default_values_are_set_listed_and_removed(own: Desk) -> None:
    own.do("mapping", "set", "stage", "Phase__c")
    ran = own.do(
        "mapping", "values", "stage", "--primary", "Prospect=1 Discover", "--primary", "Qualified=1 Discover",
        "--default", "1 Discover=Qualified", "--additional", "2 Qualify=Qualified",
    )  # fmt: skip
    assert "The value mapping of stage is saved" in ran.out
    kinds = {(one["kind"], one["aws_value"], one["salesforce_value"]) for one in values(own, "stage")["values"]}
    assert ("primary", "Prospect", "1 Discover") in kinds
    assert ("additional", "Qualified", "2 Qualify") in kinds
    assert ("default", "Qualified", "1 Discover") in kinds
    own.do(
        "mapping", "values", "stage", "--remove-primary", "Prospect", "--remove-additional", "2 Qualify",
    )  # fmt: skip
    entry = drafted(own)["stage"]["picklist"]
    assert entry["primary"] == {"Qualified": "1 Discover"}
    assert entry["additional"] == {}
    assert "Prospect" in own.do("mapping", "values", "stage", "--remove-primary", "Prospect", code=2).err


@pytest.mark.requirement("PICK-09")
def test_values_that_are_open_are_named_and_complete_refuses_them(own: Desk) -> None:
    own.do("mapping", "set", "stage", "Phase__c")
    one = ("--primary", "Prospect=1 Discover")
    refused = own.do("mapping", "values", "stage", *one, "--complete", code=2)
    assert "Launched" in refused.err
    assert "6 Live" in refused.err
    assert drafted(own)["stage"]["picklist"]["primary"] == {}
    told = own.do("mapping", "values", "stage", *one).out
    assert "6 AWS values without a Salesforce value: Qualified; " in told
    pairs = {
        "Prospect": "1 Discover", "Qualified": "2 Qualify", "Technical Validation": "3 Prove",
        "Business Validation": "4 Negotiate", "Committed": "5 Sign", "Launched": "6 Live", "Closed Lost": "9 Lost",
    }  # fmt: skip
    options = [part for aws, ours in pairs.items() for part in ("--primary", f"{aws}={ours}")]
    own.do("mapping", "values", "stage", *options, "--complete")
    assert values(own, "stage")["open"] == {"aws": [], "salesforce": [], "undecided": []}


def test_one_value_for_several_of_awss_needs_a_default(own: Desk) -> None:
    own.do("mapping", "set", "stage", "Phase__c")
    two = ("--primary", "Prospect=1 Discover", "--primary", "Qualified=1 Discover")
    refused = own.do("mapping", "values", "stage", *two, code=2)
    assert "'1 Discover'" in refused.err
    assert "Prospect; Qualified" in refused.err
    own.do("mapping", "values", "stage", *two, "--default", "1 Discover=Prospect")


@pytest.mark.requirement("PICK-10")
def test_a_default_stays_when_primary_values_change_as_long_as_it_is_valid(own: Desk) -> None:
    own.do("mapping", "set", "stage", "Phase__c")
    two = ("--primary", "Prospect=1 Discover", "--primary", "Qualified=1 Discover")
    own.do("mapping", "values", "stage", *two, "--default", "1 Discover=Prospect")
    own.do("mapping", "values", "stage", "--primary", "Committed=5 Sign")
    assert drafted(own)["stage"]["picklist"]["defaults"] == {"1 Discover": "Prospect"}
    own.do("mapping", "values", "stage", "--remove-primary", "Prospect")
    assert drafted(own)["stage"]["picklist"]["defaults"] == {}


@pytest.mark.requirement("MAP-49")
def test_automap_of_one_field_adds_only_missing_values(packaged: Desk) -> None:
    packaged.do(
        "mapping", "set", "closedLostReason", "Closed_Lost_Reason__c",
        "--value", "Price=Other", "--value", "Other=Other", "--default", "Other=Other",
    )  # fmt: skip
    assert len(drafted(packaged)["closedLostReason"]["picklist"]["primary"]) == 2
    packaged.do("mapping", "values", "closedLostReason", "--automap")
    primary = drafted(packaged)["closedLostReason"]["picklist"]["primary"]
    assert set(primary) == set(opportunity_fields()["closedLostReason"].values)
    assert primary["Price"] == "Other", "what was mapped stays"
    assert {aws: ours for aws, ours in primary.items() if aws != ours} == {"Price": "Other"}


@pytest.mark.requirement("PICK-16")
def test_all_picklists_are_listed_in_one_view_with_what_is_open(packaged: Desk) -> None:
    packaged.do("mapping", "values", "stage", "--remove-primary", "Committed")
    found = {one["ace_field"]: one for one in packaged.do("mapping", "values", "--draft", "--json").json}
    with_values = {name for name in drafted(packaged) if opportunity_fields()[name].values}
    assert set(found) == with_values
    assert found["stage"]["open"]["aws"] == ["Committed"]
    assert {"kind": "open at AWS", "aws_value": "Committed", "salesforce_value": ""} in found["stage"]["values"]
    out = packaged.do("mapping", "values", "--draft").out
    assert "open at AWS" in out
    assert "stage: 1 AWS values without a Salesforce value: Committed." in out


def test_a_field_without_standard_values_has_none_to_map(packaged: Desk) -> None:
    assert "no standard values" in packaged.do("mapping", "values", "nextStep", code=2).err


def test_an_equals_sign_in_a_value_is_doubled(own: Desk) -> None:
    told = own.do("mapping", "set", "stage", "Phase__c", "--value", "Prospect=a==b", code=2).err
    assert "'a=b'" in told


# The catalogue is data


@pytest.mark.requirement("MAP-60")
def test_a_new_field_in_the_definition_file_appears_without_a_change_of_code(packaged: Desk, tmp_path: Path) -> None:
    home = tmp_path / "program"
    source = Path(connector.__file__).parent
    shutil.copytree(source, home / "connector", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "salesforce_metadata").symlink_to(source.parent / "salesforce_metadata")
    file = home / "connector" / "data" / "opportunity_fields.json"
    entries = json.loads(file.read_text(encoding="utf8"))
    like = next(one for one in entries if one["name"] == "nextStep")
    entries.append({**like, "name": "brandNewField", "label": "Brand New Field"})
    file.write_text(json.dumps(entries), encoding="utf8")

    def run(*arguments: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(home)}
        command = [sys.executable, "-m", "connector", "mapping", *arguments]
        return subprocess.run(command, cwd=home, env=environment, check=True, capture_output=True, text=True).stdout

    rows = json.loads(run("show", "--unmapped", "--json"))["shown"]
    assert "Brand New Field" in [one["label"] for one in rows]
    run("set", "brandNewField", "Partner_Project_Title__c", "--no-inbound")
    assert "brandNewField" in run("show", "--draft", "--mapped")


def test_no_operation_needs_the_command_line(desk_sandbox: Sandbox, new_desk: Callable[[Sandbox], Desk]) -> None:
    """Web pages call the same operations: none of their modules knows typer or prints."""
    folder = Path(connector.__file__).parent / "admin"
    for name in ("mapping_desk", "object_desk", "value_desk", "release_desk"):
        text = (folder / f"{name}.py").read_text(encoding="utf8")
        assert "typer" not in text
        assert "print(" not in text
