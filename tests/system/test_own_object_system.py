"""A partner's own object, mapped by the command line alone, is in step with AWS in both directions.

An admin maps ``Deal__c`` (:mod:`own_org_world`), and a worker runs. What then happens is what sellers, admins and a
colleague at AWS do and see.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from own_org_office import Office, comes, in_this_process, received, updates
from own_org_world import AWS_ID, DEAL, DESK, SYNC, SYNCED, TERRITORY, UPDATES, deal, map_deals, open_own_world
from system_world import AUTOMATIC, FAST, Live

Json = dict[str, Any]
SETTINGS: Json = {**AUTOMATIC, **FAST}
UNFLAGGED: Json = {SYNC: False}
FLAGGED: Json = {SYNC: True}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An org whose deals have a formula field of their own; the worker sends by itself."""
    with open_own_world(tmp_path_factory.mktemp("own"), updates=True, **SETTINGS) as world:
        map_deals(in_this_process(world))
        with world.working() as worker:
            yield Office(Live(world, worker))


# Towards AWS


@pytest.mark.requirement("MAP-09", "MAP-12", "ELIG-08")
def test_one_payload_has_all_of_the_deal_its_account_and_two_levels_of_its_desk(office: Office) -> None:
    customer = office.customer(BillingState="Hesse", Site="Clinic")
    record = office.add(DEAL, **deal(Customer__c=customer, Desk__c=office.hub("HE-1"), **UNFLAGGED))
    office.turn(1)
    assert office.read(record)[AWS_ID] is None, "without the mapped flag nothing goes out"
    shown = {one["ace_field"]: one for one in office.world.preview(record)["fields"]}
    assert shown["additionalComments"]["salesforce_value"] == "HE-1"
    office.edit(DEAL, record, **FLAGGED)
    office.turn(1)
    row = office.read(record, UPDATES)
    assert row[SYNCED]
    assert row[UPDATES] is False, "the org's own formula says that nothing is to be sent any more"
    assert office.world.of_record(record) == [row[AWS_ID]]
    found = office.at_aws(record)
    account = found["Customer"]["Account"]
    assert account["CompanyName"] == "Example Hospital"
    assert account["WebsiteUrl"] == "https://hospital.example"
    assert account["Address"]["City"] == "Kassel"
    assert account["Address"]["CountryCode"] == "DE"
    assert account["Industry"] == "Healthcare"
    assert found["Project"]["AdditionalComments"] == "HE-1"
    assert found["Project"]["DeliveryModels"] == ["SaaS or PaaS"]
    assert found["Project"]["OtherCompetitorNames"] == "Rivals of Ward archive", "the fallback stands in"
    assert "fallback" in office.told(record).lower()
    assert found["LifeCycle"]["Stage"] == "Qualified"
    assert found["NationalSecurity"] == "No"


@pytest.fixture(scope="module")
def shared(office: Office) -> tuple[str, str, str, str]:
    """Return the ids of a deal, its opportunity, its customer and its desk."""
    customer, hub = office.customer(), office.hub("HE-2")
    record, identifier = office.approved(customer, Desk__c=hub)
    return record, identifier, customer, hub


def test_an_edit_of_the_deal_the_account_or_the_desk_alone_reaches_aws(
    office: Office, shared: tuple[str, str, str, str]
) -> None:
    record, _, customer, hub = shared
    office.edit(DEAL, record, Next_Action__c="Call the board", Monthly_Spend__c=5100)
    office.turn(1)
    assert office.at_aws(record)["LifeCycle"]["NextSteps"] == "Call the board"
    office.edit("Account", customer, BillingCity="Fulda")
    office.turn(1)
    assert office.at_aws(record)["Customer"]["Account"]["Address"]["City"] == "Fulda"
    other = office.add(TERRITORY, Name="Saxony", Territory_Code__c="SN-9")
    office.edit(DESK, hub, Territory__c=other)
    office.turn(1)
    assert office.at_aws(record)["Project"]["AdditionalComments"] == "SN-9"
    office.edit(TERRITORY, other, Territory_Code__c="SN-10")
    office.turn(1)
    assert office.at_aws(record)["Project"]["AdditionalComments"] == "SN-10"
    assert office.open(record) == ""


# Towards Salesforce


@pytest.mark.requirement("MAP-13", "MAP-14", "PICK-17")
def test_what_aws_changes_reaches_the_one_deal_and_the_records_it_refers_to(office: Office) -> None:
    customer, elsewhere = office.customer(), office.customer(Name="Another Hospital")
    record, identifier = office.approved(customer, Desk__c=office.hub("HE-3"))
    twin = office.add(DEAL, **deal(Customer__c=elsewhere, **UNFLAGGED))
    office.hear(
        identifier, LifeCycle__NextSteps="AWS: meet in May", Customer__Account__WebsiteUrl="https://new.example",
        Customer__Account__Industry="Retail", Project__AdditionalComments="HE-4",
        Project__DeliveryModels=["SaaS or PaaS", "Professional Services"], LifeCycle__TargetCloseDate="2027-12-24",
    )  # fmt: skip
    row = office.read(
        record, "Next_Action__c", "Delivery__c", "Close_By__c", "Customer__r.Website", "Customer__r.Industry",
        "Desk__r.Territory__r.Territory_Code__c", UPDATES,
    )  # fmt: skip
    assert row["Next_Action__c"] == "AWS: meet in May"
    assert set(row["Delivery__c"].split(";")) == {"Run by us", "Advice"}
    assert row["Close_By__c"] == "2027-06-30", "the target close date is protected by default"
    assert (row["Customer__r"]["Website"], row["Customer__r"]["Industry"]) == ("https://new.example", "Retail")
    assert row["Desk__r"]["Territory__r"]["Territory_Code__c"] == "HE-4"
    assert office.read(elsewhere, "Website", object_name="Account")["Website"] == "https://hospital.example"
    assert office.read(twin, "Next_Action__c")["Next_Action__c"] == "Show the price list"
    office.turn()
    found = office.at_aws(record)
    assert found["LifeCycle"]["NextSteps"] == "AWS: meet in May", "nothing is sent back over AWS's words"
    assert found["Customer"]["Account"]["Industry"] == "Retail"
    office.edit(DEAL, record, Next_Action__c="Then in June")
    office.turn(1)
    assert office.at_aws(record)["LifeCycle"]["TargetCloseDate"] == "2027-06-30", "what the deal says is still sent"


def test_a_deal_that_loses_its_account_clears_nothing_at_aws(office: Office) -> None:
    record, _ = office.approved()
    office.edit(DEAL, record, Customer__c=None, Next_Action__c="Without an account")
    office.turn()
    found = office.at_aws(record)
    assert found["LifeCycle"]["NextSteps"] == "Without an account"
    assert found["Customer"]["Account"]["CompanyName"] == "Example Hospital"
    assert found["Customer"]["Account"]["WebsiteUrl"] == "https://hospital.example"
    assert "customerWebsite" in office.told(record)


@pytest.mark.requirement("PICK-02", "PICK-05", "PICK-06", "PICK-07")
def test_values_are_translated_both_ways(office: Office) -> None:
    record, identifier = office.approved()

    def sent(**fields: Any) -> Json:
        office.edit(DEAL, record, **fields)
        office.turn(1)
        return office.at_aws(record)

    assert sent(Phase__c="1 Discover")["LifeCycle"]["Stage"] == "Prospect"
    assert sent(Phase__c="3 Prove")["LifeCycle"]["Stage"] == "Business Validation", "the default of two"
    assert sent(Phase__c="4 Negotiate")["LifeCycle"]["Stage"] == "Committed", "an additional value"
    assert sent(Use__c="Data lake")["Project"]["CustomerUseCase"] == "Storage & Backup"
    for aws, phase in (
        ("Prospect", "1 Discover"), ("Committed", "5 Sign"), ("Technical Validation", "3 Prove"),
        ("Business Validation", "3 Prove"),
    ):  # fmt: skip
        office.hear(identifier, LifeCycle__Stage=aws)
        assert office.read(record, "Phase__c")["Phase__c"] == phase
        assert office.at_aws(record)["LifeCycle"]["Stage"] == aws, "what came in is not sent back in other words"
    office.hear(identifier, Project__CustomerUseCase="AI Machine Learning and Analytics")
    assert office.read(record, "Use__c")["Use__c"] == "Machine learning"


@pytest.mark.requirement("PICK-08")
def test_one_value_for_two_of_awss_needs_a_default(office: Office) -> None:
    refused = office.world.do("mapping", "values", "stage", "--remove-default", "3 Prove", code=2).err
    for word in ("stage", "3 Prove", "Technical Validation", "Business Validation", "default"):
        assert word in refused


def test_each_entry_of_a_multi_select_counts_by_itself(office: Office) -> None:
    record, identifier = office.approved()
    office.edit(DEAL, record, Steps_Done__c="First call;Board agreed", Delivery__c="Run by us;Other way")
    office.turn(1)
    found = office.at_aws(record)
    assert set(found["Project"]["DeliveryModels"]) == {"SaaS or PaaS", "Other"}
    assert set(found["Project"]["SalesActivities"]) == {"Initialized discussions with customer", "SOW Signed"}
    office.hear(identifier, Project__SalesActivities=["Conducted POC / Demo", "Completed Action Plan"])
    assert set(office.read(record, "Steps_Done__c")["Steps_Done__c"].split(";")) == {"First call", "Board agreed"}
    assert "Completed Action Plan" in office.open(record), "an entry without a value of the org's is told by name"
    office.edit(DEAL, record, Next_Action__c="Go on")
    office.turn(1)
    assert set(office.at_aws(record)["Project"]["SalesActivities"]) == {"Conducted POC / Demo", "Completed Action Plan"}


@pytest.mark.requirement("MAP-07")
def test_a_stage_whose_inbound_updates_are_off_is_never_written_and_still_sent(office: Office) -> None:
    record, identifier = office.approved()
    office.world.do("mapping", "toggle", "stage", "--no-inbound")
    office.world.do("mapping", "publish")
    try:
        office.turn(1)
        office.hear(identifier, LifeCycle__Stage="Committed", LifeCycle__NextSteps="AWS: nearly there")
        row = office.read(record, "Phase__c", "Next_Action__c")
        assert (row["Phase__c"], row["Next_Action__c"]) == ("2 Qualify", "AWS: nearly there")
        office.edit(DEAL, record, Phase__c="1 Discover")
        office.turn(1)
        assert office.at_aws(record)["LifeCycle"]["Stage"] == "Prospect"
    finally:
        office.world.do("mapping", "toggle", "stage", "--inbound")
        office.world.do("mapping", "publish")


# New records, copies, deletions


def test_an_opportunity_of_awss_becomes_a_deal_with_owner_record_type_account_and_template(office: Office) -> None:
    template = office.add(DEAL, **deal(Headline__c="Template", **UNFLAGGED))
    default = office.customer(Name="Default Account", Segment__c="Small")
    with office.world.changed_settings(
        Default_Account_Id__c=default, Create_Account_from_Default__c=True, Default_Opportunity_Id__c=template,
        Match_Owner_by_Email__c=True, New_Record_Type__c="Channel",
    ):  # fmt: skip
        seller2 = office.world.user("seller2")
        [user] = office.world.admin.rows(f"SELECT Email FROM User WHERE Id = '{seller2}'")
        team = [{"Email": user["Email"], "FirstName": "Sam", "LastName": "Okafor", "BusinessTitle": "OpportunityOwner"}]
        identifier = comes(office, "Harbour Ltd", OpportunityTeam=team, Project__Title="From AWS")
        [row] = received(
            office, identifier, "OwnerId", "RecordType.DeveloperName", "Customer__c", "Customer__r.Name",
            "Customer__r.Segment__c", "Customer__r.Website", "Headline__c", "Budget_Code__c", SYNC,
        )  # fmt: skip
        assert (row["OwnerId"], row["RecordType"]["DeveloperName"]) == (seller2, "Channel")
        assert row["Customer__c"] != default
        customer = row["Customer__r"]
        assert (customer["Name"], customer["Segment__c"]) == ("Harbour Ltd", "Small")
        assert customer["Website"] == "https://harbour.example"
        assert (row["Headline__c"], row["Budget_Code__c"], row[SYNC]) == ("From AWS", "B-17", True)
        assert office.read(default, "Website", object_name="Account")["Website"] == "https://hospital.example"

        again = comes(office, "Harbour Ltd")
        [second] = received(office, again, "Customer__c")
        assert second["Customer__c"] == row["Customer__c"], "the customer is known now"
        left_out = comes(office, "Harbour Ltd", Project__Title="Internal: a test")
        assert received(office, left_out) == [], "the exclusion says so"
        office.hear(identifier, LifeCycle__NextSteps="AWS: say hello")
        [updated] = received(office, identifier, "Next_Action__c")
        assert updated == {**updated, "Id": row["Id"], "Next_Action__c": "AWS: say hello"}


@pytest.mark.requirement("MAP-16")
def test_a_deal_that_came_without_an_account_is_filled_once_it_has_one(office: Office) -> None:
    template = office.add(DEAL, **deal(Headline__c="Template", **UNFLAGGED))
    with office.world.changed_settings(Default_Opportunity_Id__c=template):
        identifier = comes(office, "Late Customer")
    [row] = received(office, identifier, "Customer__c")
    assert row["Customer__c"] is None
    assert "Customer__r.Website" in office.told(row["Id"])
    customer = office.customer(Name="Late Customer", Website=None, BillingCity=None, BillingPostalCode=None)
    office.edit(DEAL, row["Id"], "admin", Customer__c=customer)
    office.turn()
    office.hear(identifier, Customer__Account__Address__City="Kassel")
    account = office.read(customer, "Website", "BillingCity", object_name="Account")
    assert (account["Website"], account["BillingCity"]) == ("https://harbour.example", "Kassel")


def test_a_copy_of_a_deal_is_another_deal_and_the_first_stays_as_it_is(office: Office) -> None:
    customer = office.customer()
    record, identifier = office.approved(customer)
    copied = deal(Customer__c=customer, Headline__c="The copy", **{AWS_ID: identifier})
    assert "DUPLICATE_VALUE" in office.world.seller.post(f"sobjects/{DEAL}", copied).text
    stamp = office.read(record)[SYNCED]
    copy = office.add(DEAL, **deal(Customer__c=customer, Headline__c="The copy", **{SYNCED: stamp}))
    office.turn()
    assert office.world.of_record(record) == [identifier]
    assert office.get(identifier)["Project"]["Title"] == "Archive of the wards"
    [other] = office.world.of_record(copy)
    assert other != identifier
    assert office.get(other)["Project"]["Title"] == "The copy"


def test_a_deleted_deal_stays_deleted(office: Office) -> None:
    record, identifier = office.approved()
    answer = office.world.admin.send("DELETE", f"sobjects/{DEAL}/{record}")
    assert answer.status_code == 204, answer.text
    office.turn()
    office.hear(identifier, LifeCycle__NextSteps="AWS: are you there?")
    assert received(office, identifier) == []
    assert office.get(identifier)["LifeCycle"]["NextSteps"] == "AWS: are you there?"


def test_deals_of_one_account_end_with_the_same_account(office: Office) -> None:
    customer = office.customer()
    first, one = office.approved(customer)
    second, two = office.approved(customer)
    office.hear(one, Customer__Account__Address__City="Fulda")
    office.turn()
    assert office.read(customer, "BillingCity", object_name="Account")["BillingCity"] == "Fulda"
    cities = [office.get(identifier)["Customer"]["Account"]["Address"]["City"] for identifier in (one, two)]
    assert cities == ["Fulda"] * 2, office.told(second)
    assert office.open(first) + office.open(second) == ""


# Automation in the org


def test_a_flow_that_rewrites_what_aws_sends_ends_in_peace(office: Office) -> None:
    record, identifier = office.approved()
    office.hear(identifier, Project__OtherSolutionDescription="ward-7")
    office.turn()
    assert office.read(record, "Reference_Code__c")["Reference_Code__c"] == "WARD-7"
    calls = updates(office, identifier)
    office.turn(4)
    assert updates(office, identifier) == calls, "no ping-pong"
    for number in range(6):
        office.hear(identifier, Project__OtherSolutionDescription=f"Code {number} of aws"[:12])
    before = updates(office, identifier)
    office.hear(identifier, Project__OtherSolutionDescription="last word")
    office.turn(3)
    assert updates(office, identifier) == before, "the record is parked after a few rounds"
    assert "PARKED_ROUND_TRIPS" in office.open(record)
    office.edit(DEAL, record, Next_Action__c="A person goes on")
    office.turn(1)
    assert office.at_aws(record)["LifeCycle"]["NextSteps"] == "A person goes on"


def test_the_orgs_own_formula_decides_what_is_due(office: Office) -> None:
    record, _ = office.approved()
    with office.due_only_if("NOT(ISPICKVAL(Phase__c, '1 Discover'))"):
        office.edit(DEAL, record, Phase__c="1 Discover", Next_Action__c="Too early")
        office.turn()
        assert office.at_aws(record)["LifeCycle"]["NextSteps"] == "Show the price list"
        office.edit(DEAL, record, Phase__c="2 Qualify", Next_Action__c="Now it counts")
        office.turn()
        assert office.at_aws(record)["LifeCycle"]["NextSteps"] == "Now it counts"


# The org changes while the worker runs


def test_a_field_that_is_hidden_meanwhile_is_reported_and_nothing_is_cleared(office: Office) -> None:
    record, identifier = office.approved(Rivals__c="Another cloud")
    assert office.at_aws(record)["Project"]["OtherCompetitorNames"] == "Another cloud"
    office.world.control("/salesforce/access", object=DEAL, field="Rivals__c", access="none")
    try:
        office.edit(DEAL, record, Next_Action__c="After the field went")
        office.notices()
        found = office.at_aws(record)
        assert found["LifeCycle"]["NextSteps"] == "After the field went"
        assert found["Project"]["OtherCompetitorNames"] == "Another cloud"
        assert "Rivals__c" in office.world.do("mapping", "check", code=1).out
        assert "Rivals__c" in office.world.do("check", code=1).out
        office.hear(identifier, LifeCycle__NextSteps="AWS: all well")
        assert office.read(record, "Next_Action__c")["Next_Action__c"] == "AWS: all well"
    finally:
        office.world.control("/salesforce/access", object=DEAL, field="Rivals__c", access="edit")
        office.notices()
    office.edit(DEAL, record, Rivals__c="A third cloud")
    office.turn()
    assert office.at_aws(record)["Project"]["OtherCompetitorNames"] == "A third cloud"


def test_a_new_picklist_value_is_refused_by_name_until_it_is_mapped_and_then_goes_by_itself(office: Office) -> None:
    record, _ = office.approved()
    office.world.control("/salesforce/picklist", object=DEAL, field="Delivery__c", value="Robots")
    office.edit(DEAL, record, Delivery__c="Run by us;Robots", Next_Action__c="Meet the robots")
    office.turn()
    told = office.open(record)
    assert "Robots" in told and "deliveryModel" in told and "Map the value" in told
    assert office.at_aws(record)["Project"]["DeliveryModels"] == ["SaaS or PaaS"]
    office.world.do("mapping", "values", "deliveryModel", "--primary", "Managed Services=Robots")
    office.world.do("mapping", "publish")
    office.turn()
    office.world.advance(3600)
    office.turn()
    found = office.at_aws(record)
    assert set(found["Project"]["DeliveryModels"]) == {"SaaS or PaaS", "Managed Services"}
    assert found["LifeCycle"]["NextSteps"] == "Meet the robots"
    assert office.open(record) == ""


def test_a_field_that_is_deleted_meanwhile_is_reported_and_the_rest_goes_on(office: Office) -> None:
    record, identifier = office.approved(Solution_Code__c="S-1234567")
    with office.deleted(fullName="Next_Action__c", label="Next Action", type="Text", length="255"):
        office.edit(DEAL, record, Steps_Done__c="Demo given")
        office.turn()
        found = office.at_aws(record)
        assert found["Project"]["SalesActivities"] == ["Conducted POC / Demo"]
        assert found["LifeCycle"]["NextSteps"] == "Show the price list"
        assert "Next_Action__c" in office.world.do("mapping", "check", code=1).out
        office.hear(identifier, Project__Title="AWS: still in step")
        assert office.read(record, "Headline__c")["Headline__c"] == "AWS: still in step"
