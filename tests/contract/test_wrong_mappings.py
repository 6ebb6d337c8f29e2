"""Every wrong mapping that an admin can make is refused, and the message says what to do instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from admin_desk import QUOTA_SCALE, Desk
from own_org_world import AWS_ID, BASE, DEAL, SYNC, SYNCED

from connector.sandbox.server import Sandbox

KEY = {"externalId": True, "unique": True}
FIELDS: dict[str, dict[str, Any]] = {
    "Shout__c": {"type": "Text", "formula": "UPPER(Headline__c)"},
    "Serial__c": {"type": "Text", "length": 30, "unique": True},
    "Brief__c": {"type": "Text", "length": 5},
    "Secret__c": {"type": "Text", "length": 80},
    "Is_Ready__c": {"type": "Checkbox", "formula": "NOT(ISBLANK(Headline__c))"},
    "Short_Id__c": {"type": "Text", "length": 17, **KEY, "caseSensitive": False},
    "Plain_Id__c": {"type": "Text", "length": 18},
    "Strict_Id__c": {"type": "Text", "length": 18, **KEY, "caseSensitive": True},
}
"""What the admin finds on the object beside the fields that it has."""


@pytest.fixture(scope="module")
def desk_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A partner's own org, whose object has fields that tempt."""
    with Sandbox(tmp_path_factory.mktemp("own"), quota_scale=QUOTA_SCALE, metadata=[BASE]) as running:
        for name, facts in FIELDS.items():
            access = {"Secret__c": "none"}.get(name, "read" if "formula" in facts else "edit")
            metadata = {"fullName": name, "label": name.removesuffix("__c"), **facts}
            answer = requests.post(
                running.launch_info()["control"]["endpoint_url"] + "/salesforce/field",
                json={"object": DEAL, "metadata": metadata, "access": access}, timeout=60,
            )  # fmt: skip
            assert answer.status_code == 200, answer.text
        yield running


@pytest.fixture
def own(desk: Desk) -> Desk:
    """A draft for the partner's own object, its own fields chosen, two fields mapped."""
    fields = {"sync_with_aws": SYNC, "last_sync_date": SYNCED, "apn_id": AWS_ID}
    desk.begin(("mapping", "object", DEAL), *(("mapping", "own", *chosen) for chosen in fields.items()))
    return desk


def choice(*more: str) -> tuple[str, ...]:
    return ("set", "stage", "Phase__c", *more)


WRONG: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a number for a text": (
        ("set", "customerCompanyName", "Monthly_Spend__c"),
        ("of type currency cannot hold it", "Choose a field of one of these types:", "string"),
    ),
    "a lookup for a text": (
        ("set", "customerCompanyName", "Customer__c"),
        ("of type reference", "Choose a field of one of these types"),
    ),
    "a relationship for a field": (
        ("set", "customerCompanyName", "Customer__r"),
        ("Customer__r", "Map an existing field"),
    ),
    "a date for a picklist": (("set", "stage", "Close_By__c"), ("of type date cannot hold it", "picklist")),
    "a formula with inbound updates": (
        ("set", "nextStep", "Shout__c", "--inbound"),
        ("cannot write", "Turn inbound updates off"),
    ),
    "a unique field with inbound updates": (
        ("set", "nextStep", "Serial__c", "--inbound"),
        ("the field is unique", "Map a field that is not unique"),
    ),
    "a hidden field": (
        ("set", "nextStep", "Secret__c"),
        ("field-level security hides it", "permission set read access"),
    ),
    "a field that is not there": (("set", "nextStep", "No_Such__c"), ("No_Such__c does not exist", "Map an existing")),
    "a third relationship": (
        ("set", "nextStep", "Desk__r.Territory__r.Owner.Email"),
        ("at most 2 relationships", "Choose a nearer field"),
    ),
    "what is not read of owners that may be queues": (
        ("set", "additionalComments", "Owner.Title", "--no-inbound"),
        ("several kinds of objects", "Salesforce reads names and e-mail addresses", "formula field"),
    ),
    "a relationship of owners that may be queues": (
        ("set", "additionalComments", "Owner.Manager.Email", "--no-inbound"),
        ("several kinds of objects",),
    ),
    "the connector's own field": (
        ("set", "nextStep", AWS_ID),
        ("The connector fills this field itself", "Choose another field"),
    ),
    "an AWS field in another case": (("set", "NextStep", "Headline__c"), ("case counts", "Is it nextStep?")),
    "an AWS field that is not there": (("set", "favouriteColour", "Headline__c"), ("no opportunity field", "show")),
    "an AWS field that the connector fills": (
        ("set", "partnerCrmUniqueIdentifier", "Headline__c"),
        ("18-character", "Leave it unmapped"),
    ),
    "an AWS value that is not there": (
        choice("--value", "Prospekt=1 Discover"),
        ("AWS has no such value", "Is it 'Prospect'?", "as the list of the field's values spells them"),
    ),
    "an AWS value in another case": (choice("--value", "prospect=1 Discover"), ("case counts", "Is it 'Prospect'?")),
    "a Salesforce value that is not there": (choice("--value", "Prospect=1 Discovery"), ("1 Discovery", "Phase__c")),
    "one value for two without a default": (
        choice("--value", "Prospect=1 Discover", "--value", "Qualified=1 Discover"),
        ("1 Discover", "Prospect", "Qualified", "default"),
    ),
    "a default that is none of the two": (
        choice("--value", "Prospect=1 Discover", "--value", "Qualified=1 Discover", "--default", "1 Discover=Launched"),
        ("Launched", "Choose one of them"),
    ),
    "an additional value that is primary": (
        choice("--value", "Prospect=1 Discover", "--additional", "1 Discover=Qualified"),
        ("1 Discover", "Remove it from the additional values"),
    ),
    "a value that is no pair": (choice("--value", "Prospect"), ("not of the form VALUE=VALUE", "--value")),
    "values of a field without values": (
        ("set", "nextStep", "Headline__c", "--value", "a=b"),
        ("nextStep", "no standard values"),
    ),
    "a formula checkbox for the flag": (
        ("own", "sync_with_aws", "Is_Ready__c"),
        ("Checkbox (updateable, no formula)", f"These fit: {SYNC}"),
    ),
    "a text of 17 for the identifier": (
        ("own", "apn_id", "Short_Id__c"),
        ("Text(18) (External ID) (Unique Case Insensitive)", f"These fit: {AWS_ID}"),
    ),
    "a plain text for the identifier": (("own", "apn_id", "Plain_Id__c"), ("(External ID)", f"These fit: {AWS_ID}")),
    "a case sensitive key for the identifier": (
        ("own", "apn_id", "Strict_Id__c"),
        ("Case Insensitive", f"These fit: {AWS_ID}"),
    ),
    "an own field that is not there": (("own", "apn_id", "No_Such__c"), ("No_Such__c", f"These fit: {AWS_ID}")),
    "a wrong name for an own field": (("own", "sync", SYNC), ("none of the connector's own fields", "sync_with_aws")),
    "auto map of an own object": (
        ("automap",),
        ("Auto Map is for ACE_Opportunity__c only", "connector mapping propose"),
    ),
    "a fallback that cannot be read": (
        ("fallback", "nextStep", "--to-aws-formula", "IF("),
        ("nextStep", "line 1", "Add the missing"),
    ),
    "a fallback over an unknown field": (
        ("fallback", "nextStep", "--to-aws-formula", "No_Such__c"),
        ("No_Such__c",),
    ),
    "a fallback of another type": (
        ("fallback", "targetCloseDate", "--to-aws-value", "soon"),
        ("soon", "targetCloseDate"),
    ),
    "a fallback of a field not mapped": (("fallback", "city", "--to-aws-value", "x"), ("city is not mapped", "show")),
    "an exclusion that cannot be read": (("exclude", "stage ="), ("stage =",)),
    "an exclusion over an unknown field": (("exclude", "colour = 'red'"), ("colour",)),
    "an exclusion that is no yes or no": (
        ("exclude", "customerCompanyName"),
        ("must be true or false", "Compare the value with something"),
    ),
    "a version that never was": (("rollback", "7"), ("7", "history")),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_is_refused_and_told_what_to_do(own: Desk, name: str) -> None:
    own.do("mapping", "set", "targetCloseDate", "Close_By__c")
    if "not mapped" not in name:
        own.do("mapping", "set", "nextStep", "Next_Action__c")
    before = own.do("mapping", "show", "--draft", "--json").json
    arguments, words = WRONG[name]
    told = " ".join(own.do("mapping", *arguments, code=2).err.split())
    missing = [word for word in words if word not in told]
    assert not missing, told
    assert own.do("mapping", "show", "--draft", "--json").json == before, "nothing of it is kept"


HEAD = "schema: 1\nrecord_type: opportunity\nobject: Deal__c\n"
ENTRY = "fields:\n  - ace_field: nextStep\n    path: Next_Action__c\n    inbound: true\n"
BROKEN: dict[str, tuple[str, tuple[str, ...]]] = {
    "an empty file": ("", ("must be",)),
    "no YAML": ("fields: [\n", ("not YAML", "line", "Correct it there")),
    "no JSON": ("{'schema': 1}", ("not JSON", "Correct it there")),
    "a tag that makes objects": ("!!python/object/apply:os.system ['true']", ("cannot be read",)),
    "another schema": (HEAD.replace("1", "2") + ENTRY, ("schema must be 1",)),
    "a member that is not known": (f"{HEAD}exlude: TRUE\n{ENTRY}", ("unknown key exlude",)),
    "an entry's member that is not known": (f"{HEAD}{ENTRY}    fallback: x\n", ("fields[0]", "unknown key fallback")),
    "a part of a picklist that is not known": (
        f"{HEAD}{ENTRY}    picklist:\n      secondary: {{}}\n", ("unknown picklist part secondary",),
    ),
    "a switch that is none": (HEAD + ENTRY.replace("true", "perhaps"), ("needs inbound, true or false",)),
    "a key twice": (f"{HEAD}{ENTRY}    inbound: false\n", ("stands twice",)),
    "an AWS field twice": (
        HEAD + ENTRY + ENTRY.removeprefix("fields:\n").replace("Next_Action__c", "Headline__c"),
        ("nextStep", "Remove all entries but one"),
    ),
    "two AWS fields written to one": (
        HEAD + ENTRY + ENTRY.removeprefix("fields:\n").replace("nextStep", "city"),
        ("Several AWS fields are written", "Leave inbound updates on for one"),
    ),
    "a lead mapping": (HEAD.replace("opportunity", "lead") + ENTRY, ("mapping of lead records", "--type lead")),
    "an object that is not there": (HEAD.replace("Deal", "Dael") + ENTRY, ("Dael__c", "grant")),
    "own fields of a standard object": (
        HEAD.replace("Deal__c", "Opportunity") + "own_fields: {sync_with_aws: A__c, last_sync_date: B__c, "
        "has_updates: '', apn_id: C__c, invitation_id: ''}\n" + ENTRY.replace("Next_Action__c", "NextStep"),
        ("Opportunity are fixed", "Remove own_fields"),
    ),
    "half of the own fields": (f"{HEAD}own_fields: {{apn_id: AWS_Id__c}}\n{ENTRY}", ("own_fields must name",)),
    "own fields twice": (
        f"{HEAD}own_fields: {{sync_with_aws: {SYNC}, last_sync_date: {SYNCED}, has_updates: {SYNC}, apn_id: {AWS_ID}, "
        f"invitation_id: ''}}\n{ENTRY}", ("a Salesforce field to itself", "Name another field"),
    ),
    "a fallback of both kinds": (
        f"{HEAD}{ENTRY}    to_aws: {{value: x, formula: y}}\n", ("to_aws with either a value or a formula",),
    ),
    "values of a date": (
        HEAD + ENTRY.replace("nextStep", "targetCloseDate").replace("Next_Action__c", "Close_By__c")
        + "    picklist:\n      primary: {soon: later}\n", ("no standard values", "Map the field without values"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_a_mapping_is_refused_and_the_draft_kept(own: Desk, tmp_path: Path, name: str) -> None:
    own.do("mapping", "set", "nextStep", "Headline__c")
    before = own.do("mapping", "show", "--draft", "--json").json
    file = tmp_path / "mapping.yaml"
    text, words = BROKEN[name]
    file.write_text(text, encoding="utf8")
    told = " ".join(own.do("mapping", "import", str(file), code=2).err.split())
    missing = [word for word in words if word not in told]
    assert not missing, told
    assert own.do("mapping", "show", "--draft", "--json").json == before


@pytest.mark.requirement("MAP-06")
def test_only_fields_of_a_fitting_type_are_offered(own: Desk) -> None:
    for expand in ("", "Customer__r"):
        options = ("--expand", expand) if expand else ()
        offered = own.do("mapping", "fields", "customerCompanyName", *options, "--json").json["fields"]
        assert offered
        assert {one["type"] for one in offered} <= {
            "string", "textarea", "picklist", "combobox", "email", "phone", "url", "id",
        }  # fmt: skip
        for unfit in ("Monthly_Spend__c", "Close_By__c", SYNC, "Customer__r.AnnualRevenue"):
            assert unfit not in {one["path"] for one in offered}
    assert "cannot hold" in own.do("mapping", "set", "customerCompanyName", SYNC, code=2).err


@pytest.mark.requirement("MAP-10")
def test_two_relationships_are_offered_and_taken_and_a_third_is_not(own: Desk) -> None:
    offered = own.do("mapping", "fields", "additionalComments", "--expand", "Desk__r.Territory__r", "--json").json
    assert "Desk__r.Territory__r.Territory_Code__c" in {one["path"] for one in offered["fields"]}
    assert offered["relationships"] == []
    own.do("mapping", "set", "additionalComments", "Desk__r.Territory__r.Territory_Code__c", "--no-inbound")
    refused = own.do("mapping", "set", "additionalComments", "Customer__r.Owner.Manager.Name", code=2)
    assert "at most 2 relationships" in refused.err


@pytest.mark.requirement("MAP-27")
def test_only_a_text_of_18_that_is_a_unique_case_insensitive_key_holds_the_identifier(own: Desk) -> None:
    [shown] = [one for one in own.do("mapping", "own", "--json").json if one["sync_field"] == "apn_id"]
    assert shown["fitting"] == [AWS_ID]
    own.do("mapping", "object", "Territory_Unit__c", "--yes")
    [none] = [one for one in own.do("mapping", "own", "--json").json if one["sync_field"] == "apn_id"]
    assert none["fitting"] == []
    assert none["message"].startswith("No valid field to map")
    assert "No valid field to map" in own.do("mapping", "own", "apn_id", "Territory_Code__c", code=2).err


@pytest.mark.requirement("MAP-26")
def test_an_object_without_the_connectors_fields_is_told_which_it_lacks_and_not_published(desk: Desk) -> None:
    told = desk.do("mapping", "object", "Territory_Unit__c").out
    for label, wanted in (
        ("Sync with AWS", "Checkbox (updateable, no formula)"),
        ("Last APN Sync Date", "Date/Time (updateable)"),
        ("APN CRM Unique Identifier", "Text(18) (External ID) (Unique Case Insensitive)"),
    ):
        assert label in told
        assert wanted in told
    desk.do("mapping", "check", code=1)
    assert "Create the field on Territory_Unit__c" in desk.do("mapping", "publish", code=2).err


@pytest.mark.requirement("MAP-25")
def test_standard_objects_have_fixed_own_fields_and_no_auto_map(desk: Desk) -> None:
    for kind, name in (("opportunity", "Opportunity"), ("lead", "Lead")):
        desk.do("mapping", "object", name, "--type", kind)
        refused = desk.do("mapping", "own", "sync_with_aws", SYNC, "--type", kind, code=2).err
        assert f"own fields on {name} are fixed" in refused
        assert "for ACE_" in desk.do("mapping", "automap", "--type", kind, code=2).err


def test_what_is_required_and_not_mapped_stops_publishing_by_name(own: Desk) -> None:
    own.do("mapping", "set", "stage", "Phase__c", "--value", "Prospect=1 Discover")
    told = own.do("mapping", "publish", code=2).err
    for name in ("customerCompanyName", "projectDescription", "useCase", "country"):
        assert name in told
    assert "Map" in told
    assert "was published" in own.do("mapping", "show", code=2).err


def test_room_that_is_too_small_is_told_and_nothing_is_cut(own: Desk) -> None:
    told = own.do("mapping", "set", "projectDescription", "Brief__c", "--inbound").out
    assert "room for 5 characters" in told
    assert "Make the field longer" in told
