"""What AWS's field definitions say holds for what is sent and received: lengths, types, conditions, dates, directions.

The records of a world are made together and go their way together; the tests look at what became of each.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from system_world import AUTOMATIC, FAST, Live, World, open_world

import connector

COMPANY, ACTIVITIES = "Additional_Comments__c", "Industry_Other__c"
"""Where the second world keeps the company's name and the sales activities: plain texts, longer than AWS takes."""
SHOWN = ("mapping", "show", "--json")
MARKETPLACE = "AWS Marketplace Campaign"
CONTACT = {
    "Customer_First_Name__c": "Kim", "Customer_Last_Name__c": "Sample", "Customer_Email__c": "Kim@Sample.example",
    "Customer_Phone__c": "+1 206 555 0100", "Customer_Title__c": "Head of IT",
}  # fmt: skip
NEW: dict[str, dict[str, Any]] = {
    "decimals": {"Expected_Monthly_AWS_Revenue__c": 1041.67},
    "dated": {"Target_Close_Date__c": "2027-03-01", "Expected_Monthly_AWS_Revenue__c": 1041},
    "aws only": {},
    "contact": CONTACT,
    "postal code": {"Country__c": "CA", "State_or_Region__c": None, "Postal_Code__c": "12345"},
    "needs": {"Primary_Needs_from_AWS__c": "Co-Sell - Deal Support;Do Not Need Support from AWS Sales Rep"},
    "marketing": {"Marketing_Activity_Channels__c": "TV", "Marketing_Source__c": "None"},
    "account": {}, "reason": {},
    "offer": {"APN_Programs__c": MARKETPLACE, "AWS_Account_Id__c": "123456789012"},
    "stage": {"Stage__c": "Qualified", "Target_Close_Date__c": "2027-03-01"},
    "history": {},
}  # fmt: skip
EDITS: dict[str, dict[str, Any]] = {
    "account": {"Stage__c": "Launched"},
    "offer": {"Stage__c": "Launched"},
    "reason": {"Stage__c": "Closed Lost"},
    "aws only": {"AWS_Stage__c": "Only AWS writes this", "AWS_Closed_Lost_Reason__c": "Nor this"},
}
ENTRIES = [{"Time": f"2026-01-01T00:00:{n:02}.000Z", "Value": f"{n:03} {'x' * 251}"} for n in range(50)]
"""As many and as long as AWS's service model allows."""
AT_AWS: dict[str, dict[str, Any]] = {
    # The opportunity's own date moves with the city; what AWS itself thinks of it is read along with it.
    "stage": {
        "Summary__LifeCycle__Stage": "Launched",
        "Summary__LifeCycle__TargetCloseDate": "2027-09-09",
        "Customer__Account__Address__City": "Kent",
    },
    "history": {"LifeCycle__NextStepsHistory": ENTRIES},
}


@dataclass(frozen=True, slots=True)
class Deals:
    """Records by what they are for, and what became of them."""

    live: Live
    ids: dict[str, str]

    @property
    def world(self) -> World:
        return self.live.world

    def sent(self, name: str) -> Any:
        """Return the body of the request that created the opportunity."""
        (call,) = self.world.proxy.named("CreateOpportunity", self.ids[name])
        return call.body

    def refusal(self, name: str) -> str:
        """Return what the record's log says about a record of which nothing was sent."""
        assert self.world.proxy.named("CreateOpportunity", self.ids[name]) == []
        assert self.world.of_record(self.ids[name]) == []
        return self.messages(name)

    def messages(self, name: str) -> str:
        return " ".join(str(one["Error_Message__c"]) for one in self.world.errors(self.ids[name]))

    def identifier(self, name: str) -> str:
        (found,) = self.world.of_record(self.ids[name])
        return str(found)

    def row(self, name: str, *fields: str) -> list[Any]:
        found = self.world.row(self.ids[name], *fields)
        return [found[field] for field in fields]


def approve(deals: Deals, *names: str) -> None:
    for name in names:
        deals.world.review(deals.identifier(name), "Approved")
    deals.live.worker.cycle()


@pytest.fixture(scope="module")
def deals(live: Live) -> Deals:
    """Deals of the packaged object, which maps itself; some of them went on at both sides after AWS approved them."""
    world = live.world
    found = Deals(live, {name: world.deal(**fields) for name, fields in NEW.items()})
    live.worker.cycle()
    approve(found, *EDITS, *AT_AWS)
    for name, fields in EDITS.items():
        # The package refuses people some of these; automation writes them all the same.
        world.edit(found.ids[name], world.integration, **fields)
    world.edit(found.ids["aws only"], Next_Step__c="Call them")
    for name, fields in AT_AWS.items():
        world.edit_at_aws(found.identifier(name), **fields)
    live.worker.cycle()
    live.worker.cycle()
    return found


@pytest.fixture(scope="module")
def shown(live: Live) -> dict[str, dict[str, Any]]:
    """What the mapping shows of each AWS field."""
    return {one["ace_field"]: one for one in live.world.do(*SHOWN).json["shown"]}


@pytest.mark.requirement("OUT-13")
@pytest.mark.parametrize(
    ("name", "field", "words"),
    [
        ("account", "awsAccountId", "required when Stage is Launched"),
        ("offer", "offers", "needs an AWS Marketplace offer"),
        ("reason", "closedLostReason", "required when Stage is Closed Lost"),
    ],
)
def test_closing_asks_for_what_aws_wants_to_know_before_anything_is_sent(
    deals: Deals, name: str, field: str, words: str
) -> None:
    assert field in deals.messages(name) and words in deals.messages(name)
    assert deals.world.proxy.named("UpdateOpportunity", deals.identifier(name)) == []
    assert deals.world.get(deals.identifier(name))["LifeCycle"]["Stage"] not in ("Launched", "Closed Lost")


@pytest.mark.requirement("OUT-11")
def test_a_revenue_with_decimals_is_refused_and_a_whole_one_goes_out_without(deals: Deals) -> None:
    message = deals.refusal("decimals")
    assert "expectedMonthlyAwsRevenue" in message and "1041.67" in message and "whole number" in message
    assert deals.sent("dated")["Project"]["ExpectedCustomerSpend"][0]["Amount"] == "1041"


@pytest.mark.requirement("OUT-12")
def test_a_close_date_is_the_same_day_everywhere(deals: Deals) -> None:
    assert deals.sent("dated")["LifeCycle"]["TargetCloseDate"] == "2027-03-01"
    day, moment = deals.row("dated", "Target_Close_Date__c", "AWS_Created_Date__c")
    assert day == "2027-03-01"
    assert moment.endswith("+0000")


@pytest.mark.requirement("MAP-36")
def test_what_only_aws_says_is_never_sent(deals: Deals, shown: dict[str, dict[str, Any]]) -> None:
    (update,) = deals.world.proxy.named("UpdateOpportunity", deals.identifier("aws only"))
    sent = json.dumps(update.body)
    assert "Call them" in sent and "Only AWS writes this" not in sent and "Nor this" not in sent
    assert shown["aWSStage"]["direction"] == "inbound only"


@pytest.mark.requirement("MAP-47", "MAP-48")
def test_aws_stage_and_date_go_to_fields_of_their_own(deals: Deals, shown: dict[str, dict[str, Any]]) -> None:
    assert deals.row("stage", "Stage__c", "Target_Close_Date__c") == ["Qualified", "2027-03-01"]
    assert deals.row("stage", "AWS_Stage__c", "AWS_Close_Date__c") == ["Launched", "2027-09-09"]
    assert [shown[name]["inbound"] for name in ("stage", "targetCloseDate", "closedLostReason")] == [False] * 3


def test_the_longest_history_that_aws_can_give_comes_in(deals: Deals) -> None:
    (history,) = deals.row("history", "Next_Step_History__c")
    assert len(history) > 50 * 255
    assert all(entry["Value"] in history for entry in ENTRIES)
    assert deals.messages("history") == ""


@pytest.mark.requirement("MAP-62")
def test_the_customers_contact_goes_along_when_it_is_filled_in(deals: Deals) -> None:
    assert deals.sent("contact")["Customer"]["Contacts"] == [
        {"FirstName": "Kim", "LastName": "Sample", "Email": "kim@sample.example", "Phone": "+12065550100",
         "BusinessTitle": "Head of IT"}
    ]  # fmt: skip


@pytest.mark.requirement("MAP-63")
def test_aws_always_gets_the_records_own_id(deals: Deals, shown: dict[str, dict[str, Any]]) -> None:
    for name in ("dated", "contact", "aws only"):
        assert deals.sent(name)["PartnerOpportunityIdentifier"] == deals.ids[name]
        assert len(deals.ids[name]) == 18
    assert shown["partnerCrmUniqueIdentifier"]["direction"] == "fixed"


@pytest.mark.requirement("MAP-52")
@pytest.mark.parametrize(
    ("name", "field", "rule"),
    [
        ("postal code", "postalCode", "Postal codes in CA look like"),
        ("needs", "partnerPrimaryNeedFromAws", "excludes every other need"),
        ("marketing", "marketingActivityChannel", "only with the source Marketing Activity"),
    ],
)
def test_the_rules_of_the_data_model_are_told_in_words(deals: Deals, name: str, field: str, rule: str) -> None:
    message = deals.refusal(name)
    assert field in message and rule in message


# --- a mapping of the org's own

BENT: dict[str, dict[str, Any]] = {
    "long": {COMPANY: "x" * 121},
    "longest": {COMPANY: "x" * 120},
    "models": {"Delivery_Model__c": "SaaS or PaaS;Resell"},
    "spaces": {ACTIVITIES: "SOW Signed; Completed Action Plan ;"},
    "needs": {ACTIVITIES: "Finalized Deployment Needs"},
    "case": {ACTIVITIES: "sow signed"},
    "form": {"Customer_DUNS__c": "abc", "Customer_Phone__c": "call me"},
}
BENT_AT_AWS: dict[str, dict[str, Any]] = {
    "models": {"Project__DeliveryModels": ["SaaS or PaaS", "Other"]},
    "spaces": {"Project__SalesActivities": ["Conducted POC / Demo", "SOW Signed"]},
    "needs": {"Project__SalesActivities": ["Finalized Deployment Need", "SOW Signed"]},
}


@pytest.fixture(scope="module")
def bent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deals]:
    """Deals under a mapping that has texts where AWS has lists, and delivery models by other words."""
    with open_world(tmp_path_factory.mktemp("bent"), **AUTOMATIC, **FAST) as world:
        world.do("mapping", "automap")
        (world.directory / "bent.json").write_text(json.dumps(bend(world)), encoding="utf8")
        world.do("mapping", "import", "bent.json")
        world.do("mapping", "publish")
        with world.working() as worker:
            yield run_bent(Deals(Live(world, worker), {}))


def bend(world: World) -> dict[str, Any]:
    """Return the automatic mapping with other fields for two texts, and delivery models by other words."""
    document: dict[str, Any] = world.do("mapping", "show", "--draft", "--json").json
    kept = {name: value for name, value in document.items() if name in ("schema", "record_type", "object", "version")}
    entries = [one for one in document["fields"] if one["ace_field"] not in ("additionalComments", "industryOther")]
    for entry in entries:
        match entry["ace_field"]:
            case "customerCompanyName":
                entry |= {"path": COMPANY, "inbound": False}
            case "salesActivities":
                entry |= {"path": ACTIVITIES, "picklist": None}
            case "deliveryModel":
                swapped = {"SaaS or PaaS": "BYOL or AMI", "BYOL or AMI": "SaaS or PaaS"}
                entry["picklist"]["primary"] |= swapped
    return {**kept, "fields": entries}


def run_bent(deals: Deals) -> Deals:
    world, worker = deals.world, deals.live.worker
    for name, fields in BENT.items():
        deals.ids[name] = world.deal(**{COMPANY: "Harbour Logistics", ACTIVITIES: "SOW Signed", **fields})
    worker.cycle()
    approve(deals, *BENT_AT_AWS)
    for name, fields in BENT_AT_AWS.items():
        world.edit_at_aws(deals.identifier(name), **fields)
    worker.cycle()
    return deals


@pytest.mark.requirement("MAP-40")
def test_a_company_name_of_121_characters_is_refused_here_and_never_cut(bent: Deals) -> None:
    message = bent.refusal("long")
    assert "customerCompanyName" in message and "at most 120 characters" in message and "has 121" in message
    assert bent.sent("longest")["Customer"]["Account"]["CompanyName"] == "x" * 120


@pytest.mark.requirement("PICK-14")
def test_several_values_are_translated_each_by_itself_both_ways(bent: Deals) -> None:
    assert bent.sent("models")["Project"]["DeliveryModels"] == ["BYOL or AMI", "Resell"]
    (came,) = bent.row("models", "Delivery_Model__c")
    assert set(came.split(";")) == {"BYOL or AMI", "Other"}


@pytest.mark.requirement("PICK-14")
def test_spaces_around_separators_are_tolerated_and_never_produced(bent: Deals) -> None:
    assert bent.sent("spaces")["Project"]["SalesActivities"] == ["SOW Signed", "Completed Action Plan"]
    assert bent.row("spaces", ACTIVITIES) == ["Conducted POC / Demo;SOW Signed"]


@pytest.mark.requirement("PICK-15")
def test_the_activity_that_once_was_invalid_goes_round(bent: Deals) -> None:
    assert bent.sent("needs")["Project"]["SalesActivities"] == ["Finalized Deployment Need"]
    assert bent.row("needs", ACTIVITIES) == ["Finalized Deployment Need;SOW Signed"]
    assert bent.messages("needs") == ""


@pytest.mark.requirement("MAP-39")
def test_values_are_told_apart_by_case(bent: Deals) -> None:
    message = bent.refusal("case")
    assert "salesActivities" in message and "sow signed" in message


@pytest.mark.requirement("MAP-41")
def test_a_value_of_the_wrong_form_is_refused_with_the_fields_name(bent: Deals) -> None:
    message = bent.refusal("form")
    assert "customerDuns" in message and "nine digits" in message and "customerPhone" in message


# --- the definitions are data


@pytest.mark.requirement("MAP-60")
def test_a_new_field_of_aws_needs_no_code(live: Live, tmp_path: Path, shown: dict[str, dict[str, Any]]) -> None:
    """The definition file is replaced by one with another field, and nothing else: it is there to be mapped."""
    assert "customerMood" not in shown
    found = {
        one["ace_field"]: one for one in live.world.do(*SHOWN, PYTHONPATH=str(copy_with_field(tmp_path))).json["shown"]
    }
    assert found["customerMood"]["label"] == "Customer Mood" and not found["customerMood"]["mapped"]
    assert found.keys() - shown.keys() == {"customerMood"}


def copy_with_field(folder: Path) -> Path:
    """Copy the product, and add a field to the copy's definition file; return where it can be imported from."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(connector.__file__).parent, folder / "connector", ignore=ignored)
    path = folder / "connector" / "data" / "opportunity_fields.json"
    fields = json.loads(path.read_text(encoding="utf8"))
    like = next(one for one in fields if one["name"] == "city")
    new = {"name": "customerMood", "label": "Customer Mood", "paths": {}, "salesforce": {"name": "", "type": ""}}
    path.write_text(json.dumps([*fields, like | new]), encoding="utf8")
    return folder
