"""Each field of AWS's data model, as files of the bucket carry it to AWS and back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from bucket_model import COUNTRIES, VALUES
from data_model import LEAD_FIELDS
from file_world import (
    APN,
    APN_KEY,
    LEAD,
    OPPORTUNITY,
    PARTNER_KEYS,
    FileWorld,
    entries,
    open_file_world,
)  # fmt: skip
from system_world import codes

Json = dict[str, Any]
PARTNER_KEY = PARTNER_KEYS[OPPORTUNITY]
MOMENTS = count(1)
PARTNERS = {
    # What version 14 of the definitions brought and a partner says: Salesforce's field and value, and the file's value.
    "awsProducts": ("AWS_Products__c", "AmazonEC2;AWSLambda", ["AmazonEC2", "AWSLambda"]),
    "solutionOffered": ("Solution_Offered__c", "S-1234567;S-2000034", ["S-1234567", "S-2000034"]),
    "otherSolutionOffered": ("Other_Solution_Offered__c", "Our own planner", "Our own planner"),
    "primaryContactTitle": ("Primary_Contact_Title__c", "Head of Sales", "Head of Sales"),
    "customerDuns": ("Customer_DUNS__c", "123456789", "123456789"),
    "opportunityType": ("Opportunity_Type__c", "Expansion", "Expansion"),
    "salesActivities": (
        "Sales_Activities__c", "Conducted POC / Demo;SOW Signed", "Conducted POC / Demo;SOW Signed",
    ),
}  # fmt: skip
CHANGED = {
    # The same fields when AWS says something new, as its file has it and as Salesforce shows it.
    "awsProducts": (["AmazonS3"], "AmazonS3"),
    "solutionOffered": (["S-2000017"], "S-2000017"),
    "otherSolutionOffered": (None, None),
    "primaryContactTitle": ("Account Manager", "Account Manager"),
    "customerDuns": ("987654321", "987654321"),
    "opportunityType": ("Net New Business", "Net New Business"),
    "salesActivities": ("Completed Action Plan", "Completed Action Plan"),
}
FROM_AWS = {
    "recommendedNextBestActions": ("Recommended_Next_Best_Actions__c", "Offer them a workshop.\nThen a pilot."),
    "backwardsCompatibilityChanges": ("Backwards_Compatibility_Changes__c", "useCase was replaced: " + "x" * 3000),
    "engagementScore": ("Engagement_Score__c", "High"),
    "cosellConvertReason": ("Involvement_Type_Change_Reason__c", "Technical Complexity"),
}
TYPES = {
    # Kinds of Salesforce fields that hold them; a DUNS number keeps its leading zeros as a text of nine digits.
    "awsProducts": "textarea", "otherSolutionOffered": "string", "parentOppId": "string", "solutionOffered": "textarea",
    "primaryContactTitle": "string", "recommendedNextBestActions": "textarea", "offers": "textarea",
    "backwardsCompatibilityChanges": "textarea", "customerDuns": "string", "opportunityType": "picklist",
    "salesActivities": "multipicklist", "engagementScore": "picklist", "rejectionReason": "picklist",
    "cosellConvertReason": "picklist",
}  # fmt: skip
FUNDED = {"Marketing_Source__c": "Marketing Activity", "Marketing_Development_Funded__c": "No"}
OFFER = "offer-abcdefghijklm"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileWorld]:
    """An org whose opportunities go over files; nothing runs unless a test runs it."""
    with open_file_world(tmp_path_factory.mktemp("fields")) as opened:
        publish(opened)
        yield opened


@pytest.fixture
def world(running: FileWorld) -> FileWorld:
    return running.fresh()


def publish(world: FileWorld) -> None:
    """Let the admin map what the package has for opportunities."""
    world.do("mapping", "automap")
    world.do("mapping", "publish")


def shown(world: FileWorld, *options: str) -> dict[str, Json]:
    """Return the mapping, every AWS field of it by name."""
    return {one["ace_field"]: one for one in world.do("mapping", "show", "--json", *options).json["shown"]}


def only_entry(world: FileWorld, kind: str = OPPORTUNITY) -> Json:
    """Send what is due; it must be one record in one file."""
    (file,) = world.send(kind)
    (entry,) = entries(file, kind)
    return entry


def later() -> str:
    """Return a moment after all that happened so far."""
    return f"2059-03-01T10:{next(MOMENTS):02d}:00.000Z"


def come_in(world: FileWorld, identifier: str, **changes: Any) -> None:
    """AWS exports the record with other values, and the file is taken in."""
    kind = LEAD if identifier.startswith("L") else OPPORTUNITY
    told = {**world.stored(identifier), "lastModifiedDate": later(), **changes}
    world.exported(f"{identifier}.json", told, kind=kind)
    world.take(kind)


# What version 14 brought


@pytest.mark.requirement("MAP-50", "MAP-20")
def test_what_a_partner_says_since_version_14_goes_to_aws_and_comes_back(world: FileWorld) -> None:
    found = shown(world)
    for name, kind in TYPES.items():
        listed = world.do("mapping", "fields", name, "--json").json["fields"]
        assert {one["path"]: one["type"] for one in listed}[found[name]["path"]] == kind, name
    record, identifier = world.shared_by_file(**{field: value for field, value, _ in PARTNERS.values()})
    sent = next(one for file in world.wire.puts() for one in entries(file) if one[PARTNER_KEY] == record)
    assert {name: sent.get(name) for name in PARTNERS} == {name: value for name, (_, _, value) in PARTNERS.items()}
    exported = world.stored(identifier)
    assert {name: exported[name] for name in PARTNERS} == {name: value for name, (_, _, value) in PARTNERS.items()}
    names = [field for field, _, _ in PARTNERS.values()]
    row = world.row(record, *names)
    assert [row[name] for name in names] == [value for _, value, _ in PARTNERS.values()]
    come_in(world, identifier, **{name: value for name, (value, _) in CHANGED.items()})
    row = world.row(record, *names)
    assert [row[PARTNERS[name][0]] for name in CHANGED] == [value for _, value in CHANGED.values()]
    assert world.errors(record) == [] and world.send() == []


@pytest.mark.requirement("MAP-50")
def test_a_renewal_names_its_parent_and_an_offer_follows_after_the_approval(world: FileWorld) -> None:
    _, parent = world.shared_by_file()
    fields = {"Opportunity_Type__c": "Flat Renewal", "Parent_Opportunity_Id__c": parent, "Offers__c": OFFER}
    record = world.deal(**fields)
    entry = only_entry(world)
    assert (entry["opportunityType"], entry["parentOppId"]) == ("Flat Renewal", parent)
    assert "offers" not in entry, "AWS takes none in the file that creates"
    world.process()
    world.take()
    identifier = str(world.row(record)[APN])
    world.review(identifier, "Approved")
    world.export()
    world.take()
    assert only_entry(world) == {PARTNER_KEY: record, APN_KEY: identifier, "offers": [OFFER]}
    world.process()
    world.take()
    assert world.stored(identifier)["offers"] == [OFFER]
    world.export()
    world.take()
    row = world.row(record, *fields)
    assert {name: row[name] for name in fields} == fields and world.send() == []


@pytest.mark.requirement("MAP-50")
def test_what_aws_says_since_version_14_comes_in_and_is_never_sent(world: FileWorld) -> None:
    record, identifier = world.shared_by_file()
    come_in(world, identifier, **{name: value for name, (_, value) in FROM_AWS.items()})
    names = [field for field, _ in FROM_AWS.values()]
    row = world.row(record, *names)
    assert [row[name] for name in names] == [value for _, value in FROM_AWS.values()]
    assert world.errors(record) == []
    world.edit(record, world.admin, Recommended_Next_Best_Actions__c="Ours", Next_Step__c="Call them")
    assert only_entry(world) == {PARTNER_KEY: record, APN_KEY: identifier, "nextStep": "Call them"}


@pytest.mark.requirement("MAP-50")
@pytest.mark.parametrize("key", ["cosellConvertReason", "cosellConversionReason", "cosellConvertReason "])
def test_the_reason_of_a_conversion_is_understood_under_each_of_its_names(world: FileWorld, key: str) -> None:
    record, identifier = world.shared_by_file()
    told = {**world.stored(identifier), "lastModifiedDate": later()}
    del told["cosellConvertReason"]
    world.exported("converted.json", {**told, key: "Risk Mitigation"})
    world.take()
    field = "Involvement_Type_Change_Reason__c"
    assert world.row(record, field)[field] == "Risk Mitigation"


@pytest.mark.requirement("MAP-53")
def test_the_time_to_accept_by_and_a_lead_s_number_come_in(world: FileWorld) -> None:
    identifier = world.refer()
    world.export()
    world.take()
    until, name = world.stored(identifier)["acceptBy"], shown(world)["acceptBy"]["path"]
    assert world.of_aws(identifier, name)[name][:19] == until[:19]
    record, shared = world.shared_by_file(APN_Lead_Id__c="L1234567")
    sent = next(one for file in world.wire.puts() for one in entries(file) if one[PARTNER_KEY] == record)
    assert sent["apnCrmLeadUniqueIdentifier"] == "L1234567"
    come_in(world, shared, apnCrmLeadUniqueIdentifier="L7654321")
    assert world.row(record, "APN_Lead_Id__c")["APN_Lead_Id__c"] == "L7654321"


@pytest.mark.requirement("MAP-53")
@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("Marketing_Activity_Channels__c", "Email", "marketingActivityChannel"),
        ("Marketing_Activity_Use_Cases__c", "Analytics", "marketingActivityUsecase"),
        ("Marketing_Campaign_Name__c", "Spring", "awsSFCampaignName"),
    ],
)
def test_a_marketing_detail_without_marketing_activity_is_refused(
    world: FileWorld, field: str, value: str, named: str
) -> None:
    # The integration user is above the package's own rules.
    record = world.deal(world.integration, Marketing_Source__c="None", **{field: value})
    assert world.send() == []
    assert any(named in one["Error_Message__c"] for one in world.errors(record)), codes(world.errors(record))
    world.edit(record, world.integration, **FUNDED)
    assert only_entry(world)["IsOppFromMarketingActivity"] == "Yes"


# Values


@pytest.mark.requirement("MAP-56")
def test_the_lists_of_industries_and_countries_are_aws_s_own(world: FileWorld) -> None:
    industries = [one["aws_value"] for one in world.do("mapping", "values", "industry", "--json").json["values"]]
    deals = world.deals(1, Industry__c="Other", Industry_Other__c="Handicraft")
    for name in industries:
        if name != "Other":
            deals += world.deals(1, Industry__c=name)
    sent = [one for file in world.send() for one in entries(file)]
    assert sorted(one["industry"] for one in sent) == sorted(VALUES["industry"])
    world.process()
    world.take()
    world.export()
    world.take()
    rows = world.rows(OPPORTUNITY, f"Id IN ({', '.join(map(repr, deals))})", "Industry__c", APN)
    assert {one["Industry__c"] for one in rows} == set(industries) and all(one[APN] for one in rows)


@pytest.mark.requirement("MAP-56")
@pytest.mark.parametrize(("code", "postal_code"), [("CD", "1234"), ("IR", "1234567890"), ("BQ", None), ("MF", "97150")])
def test_a_country_goes_out_and_comes_back_under_the_name_of_the_standard_list(
    world: FileWorld, code: str, postal_code: str | None
) -> None:
    record, identifier = world.shared_by_file(Country__c=code, State_or_Region__c=None, Postal_Code__c=postal_code)
    sent = next(one for file in world.wire.puts() for one in entries(file) if one[PARTNER_KEY] == record)
    assert sent["country"] == world.stored(identifier)["country"] == COUNTRIES[code]
    for name, shown_as in (("Korea", "KR"), (COUNTRIES[code], code)):
        come_in(world, identifier, country=name)
        assert world.row(record, "Country__c")["Country__c"] == shown_as


@pytest.mark.requirement("MAP-56")
def test_aws_s_reason_of_a_loss_has_at_most_255_characters(world: FileWorld) -> None:
    field = "AWS_Closed_Lost_Reason__c"
    record, identifier = world.shared_by_file()
    come_in(world, identifier, aWSClosedLostReason="x" * 255)
    assert world.row(record, field)[field] == "x" * 255
    assert world.details(record) == [] or "aWSClosedLostReason" not in str(world.details(record))
    come_in(world, identifier, aWSClosedLostReason="y" * 256)
    told = [one for one in world.details(record) if "aWSClosedLostReason" in (one["Error_Message__c"] or "")]
    assert told and any("255" in one["Error_Message__c"] for one in told)


# Sizes


@pytest.mark.requirement("MAP-58")
def test_amounts_of_an_opportunity_are_whole_and_telephone_numbers_may_be_long(world: FileWorld) -> None:
    """The API takes international numbers only, files up to 40 characters; Salesforce keeps its own way to write it."""
    phone = "(206) 555-0100 extension 1234"
    record = world.deal(Expected_Monthly_AWS_Revenue__c=12500.00, Customer_Phone__c=phone)
    (file,) = world.send()
    assert b'"expectedMonthlyAwsRevenue":12500,' in file.body.replace(b": ", b":")
    assert entries(file)[0]["customerPhone"] == "2065550100extension1234"
    world.process()
    world.take()
    world.export()
    world.take()
    row = world.row(record, "Customer_Phone__c")
    assert row[APN] and row["Customer_Phone__c"] == phone and world.errors(record) == []
    longest = world.deal(Customer_Company_Name__c="N" * 120, Customer_Phone__c="2" * 40)
    entry = only_entry(world)
    assert (entry[PARTNER_KEY], entry["customerPhone"]) == (longest, "2" * 40)
    assert entry["customerCompanyName"] == "N" * 120


@pytest.fixture
def wide(world: FileWorld) -> Iterator[FileWorld]:
    """A lead mapping that reads the city from a field with more room than AWS has."""
    world.do("mapping", "unset", "segmentCompanySize", "--type", "lead")
    world.do("mapping", "set", "city", "Segment_Company_Size__c", "--type", "lead")
    world.do("mapping", "publish", "--type", "lead")
    yield world
    world.do("mapping", "set", "city", "City__c", "--type", "lead")
    world.do("mapping", "set", "segmentCompanySize", "Segment_Company_Size__c", "--type", "lead")
    world.do("mapping", "publish", "--type", "lead")


@pytest.mark.requirement("MAP-58", "MAP-40")
def test_a_lead_s_city_of_41_characters_is_refused_and_of_40_sent(wide: FileWorld) -> None:
    record, _ = wide.lead()
    wide.change(record, Segment_Company_Size__c="C" * 41)
    assert wide.send(LEAD) == []
    (error,) = wide.errors(record)
    assert "city" in error["Error_Message__c"] and "40" in error["Error_Message__c"]
    wide.change(record, Segment_Company_Size__c="C" * 40)
    assert only_entry(wide, LEAD)["city"] == "C" * 40
    wide.process()
    wide.take(LEAD)
    assert wide.errors(record) == []


@pytest.mark.requirement("MAP-58", "MAP-20")
def test_leads_travel_under_their_present_names(world: FileWorld) -> None:
    found = shown(world, "--type", "lead")
    assert set(found) == set(LEAD_FIELDS.split())
    listed = world.do("mapping", "values", "industry", "--type", "lead", "--json").json["values"]
    assert "Other" not in {one["aws_value"] for one in listed}
    record, identifier = world.lead(leadSource="Accelerator Application", levelofAWSUsage="Beginner")
    sent = [one for file in world.wire.puts() for one in entries(file, LEAD) if one["partnerCrmLeadId"] == record]
    assert sent[0]["currentLeadStage"] == "Accepted"
    names = ("leadSource", "leadAge", "levelofAWSUsage", "currentLeadStage")
    row = world.of_aws(identifier, *(found[name]["path"] for name in names))
    stored = world.stored(identifier)
    assert [row[found[name]["path"]] for name in names] == [stored[name] for name in names]
    assert row[found["leadSource"]["path"]] == "Accelerator Application"
    assert not {key for one in sent for key in one} - set(LEAD_FIELDS.split())


# What AWS gave up

DROPPED = {
    "contractVehicle": "Marketing_Campaign_Name__c", "partnerPrimaryNeedFromAwsOther": "Marketing_Campaign_Name__c",
    "leadSource": "Marketing_Campaign_Name__c", "publicReferenceTitle": "Marketing_Campaign_Name__c",
    "rfxSolicitationNumber": "Marketing_Campaign_Name__c", "subUseCase": "Marketing_Campaign_Name__c",
    "publicReferenceUrl": "Customer_Website__c", "awsFieldEngagement": "National_Security__c",
    "isThisAPublicReference": "National_Security__c", "isThisForMarketplace": "National_Security__c",
    "isNetNewBusinessForCompany": "National_Security__c",
}  # fmt: skip
OLDER = {**FUNDED, "Marketing_Campaign_Name__c": "Frame contract 7"}


def map_dropped(world: FileWorld) -> None:
    for name, path in DROPPED.items():
        world.do("mapping", "set", name, path, "--no-inbound")
    world.do("mapping", "publish")


@pytest.mark.requirement("MAP-51")
def test_version_2_never_carries_what_it_dropped_whatever_is_mapped(world: FileWorld) -> None:
    map_dropped(world)
    assert DROPPED.keys() <= {name for name, one in shown(world).items() if one["path"]}
    told = world.do("mapping", "check").out
    assert [name for name in DROPPED if name not in told] == []
    record, identifier = world.shared_by_file(**OLDER)
    world.edit(record, Marketing_Campaign_Name__c="Frame contract 8")
    (file,) = world.send()
    bodies = [one for put in world.wire.puts() for one in entries(put) if one[PARTNER_KEY] == record]
    assert len(bodies) == 2 and entries(file)[0][APN_KEY] == identifier
    assert [sorted(DROPPED.keys() & one.keys()) for one in bodies] == [[], []]


@pytest.mark.requirement("MAP-51")
def test_version_1_still_carries_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    with open_file_world(tmp_path_factory.mktemp("older"), Payload_Version__c=1) as world:
        publish(world)
        map_dropped(world)
        record = world.deal(**OLDER)
        entry = only_entry(world)
        values = {"National_Security__c": "No", "Customer_Website__c": entry["customerWebsite"], **OLDER}
        assert {name: entry.get(name) for name in DROPPED} == {name: values[path] for name, path in DROPPED.items()}
        (result,) = (world.read(key) for key in world.process())
        assert result["success"] == "ALL", result
        world.take()
        assert world.row(record)[APN]


# What must be mapped


@pytest.mark.requirement("MAP-24")
def test_no_file_travels_before_every_required_field_is_mapped(tmp_path: Path) -> None:
    with open_file_world(tmp_path) as world:
        world.do("mapping", "automap")
        world.do("mapping", "unset", "customerCompanyName")
        assert "customerCompanyName" in world.do("mapping", "publish", code=2).err
        world.deal()
        world.refer()
        world.export()
        made = world.schedule_row(world.schedule(Active__c=False))["Name"]
        for job in (("sync", "outbound"), ("sync", "inbound"), ("schedule", "activate", made)):
            assert "Map these fields, which AWS requires: customerCompanyName." in world.do(*job, code=2).err
        assert world.wire.puts() == [] and world.rows(OPPORTUNITY, f"{APN} != null") == []
        world.do("mapping", "set", "customerCompanyName", "Customer_Company_Name__c")
        world.do("mapping", "publish")
        assert len(world.send()) == 1
