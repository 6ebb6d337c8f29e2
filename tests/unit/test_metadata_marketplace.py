"""What the Marketplace objects promise to the people and programs that rely on them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore.model import StringShape
from lxml import etree

from salesforce_metadata import marketplace

BASE = Path(__file__).parents[2] / "salesforce_metadata" / "base" / "main" / "default"
NS = {"m": "http://soap.sforce.com/2006/04/metadata"}
OBJECTS = sorted(marketplace.tables()["objects"])
ROWS = {"AWS_Offer_Dimension__c", "AWS_Payment_Schedule__c"}
WITH_CHANGES = ["AWS_Private_Offer__c", "AWS_Resale_Authorization__c"]
OWN_STATES = {
    "AWS_Private_Offer__c": ["Draft", "Active", "Expired", "Cancelled"],
    "AWS_Resale_Authorization__c": ["Draft", "Active", "Restricted", "Expired"],
    "AWS_Shared_Resale_Authorization__c": ["Active", "Restricted", "Expired"],
}
KEYS = {"AWS_Account__c": "Account_Number__c", "AWS_Marketplace_Sync__c": "Sync_Key__c", "AWS_Log__c": "Log_Key__c"}
SHARING = {
    "Read": {"AWS_Account__c", "AWS_Product__c"},
    "ReadWrite": {"AWS_Agreement__c"},
    "ControlledByParent": {"AWS_Product_Dimension__c"},
    "Private": set(OBJECTS) - {"AWS_Account__c", "AWS_Product__c", "AWS_Agreement__c", "AWS_Product_Dimension__c"},
}
"""Agreements belong to no seller: whoever works with them says to which opportunity one belongs."""
PARENTS = {
    "AWS_Product__c": {"AWS_Account__c"},
    "AWS_Product_Dimension__c": {"AWS_Product__c"},
    "AWS_Private_Offer__c": {
        "AWS_Account__c", "AWS_Product__c", "AWS_Shared_Resale_Authorization__c", "AWS_Agreement__c",
        "AWS_Private_Offer__c", "ACE_Opportunity__c", "Opportunity",
    },
    "AWS_Offer_Dimension__c": {
        "AWS_Private_Offer__c", "AWS_Resale_Authorization__c", "AWS_Shared_Resale_Authorization__c",
        "AWS_Product_Dimension__c",
    },
    "AWS_Payment_Schedule__c": {
        "AWS_Private_Offer__c", "AWS_Resale_Authorization__c", "AWS_Shared_Resale_Authorization__c",
    },
    "AWS_Resale_Authorization__c": {"AWS_Account__c", "AWS_Product__c", "AWS_Resale_Authorization__c"},
    "AWS_Shared_Resale_Authorization__c": {"AWS_Account__c", "AWS_Product__c"},
    "AWS_Agreement__c": {
        "AWS_Account__c", "AWS_Product__c", "AWS_Private_Offer__c", "ACE_Opportunity__c", "Opportunity",
    },
    "AWS_Marketplace_Sync__c": {"AWS_Account__c"},
    "AWS_Log__c": {"AWS_Account__c"},
    "AWS_Account__c": set(),
}  # fmt: skip


@cache
def root(path: Path) -> etree._Element:
    return etree.parse(path).getroot()


def text(element: etree._Element, tag: str) -> str:
    return str(element.findtext(f"m:{tag}", default="", namespaces=NS))


def texts(element: etree._Element, path: str) -> list[str]:
    return [str(found.text) for found in element.findall(path, NS)]


def fields(name: str) -> dict[str, etree._Element]:
    paths = (BASE / "objects" / name / "fields").glob("*.xml")
    return {text(root(path), "fullName"): root(path) for path in paths}


def values(element: etree._Element) -> list[str]:
    return texts(element, ".//m:value/m:fullName")


def definition(name: str) -> etree._Element:
    return root(BASE / "objects" / name / f"{name}.object-meta.xml")


def layout(name: str) -> etree._Element:
    (path,) = (BASE / "layouts").glob(f"{name}-*.layout-meta.xml")
    return root(path)


def service_values(service: str, shape: str) -> list[str]:
    """Return the values that AWS's own service model lists."""
    model = botocore.session.get_session().get_service_model(service)
    found = model.shape_for(shape)
    assert isinstance(found, StringShape)
    return list(found.enum)


def test_the_checked_in_source_is_what_the_tables_give(tmp_path: Path) -> None:
    package = Path(marketplace.__file__).parent
    for written in marketplace.write(tmp_path):
        shipped = package / written.relative_to(tmp_path)
        assert written.read_bytes() == shipped.read_bytes(), f"run salesforce_metadata/marketplace.py ({shipped.name})"


@pytest.mark.parametrize("name", OBJECTS)
def test_nothing_is_left_over_of_what_the_tables_dropped(name: str) -> None:
    package = Path(marketplace.__file__).parent
    folder = BASE / "objects" / name
    wanted = {package / path for path in marketplace.sources() if f"objects/{name}/" in path.as_posix()}
    assert set(folder.rglob("*.xml")) == wanted


@pytest.mark.parametrize("name", OBJECTS)
def test_each_object_is_found_again_by_one_unique_key(name: str) -> None:
    """Dimension keys at AWS differ by case; everything else is the same in upper and lower case."""
    found = {field for field, element in fields(name).items() if text(element, "externalId") == "true"}
    key = KEYS.get(name, "Entity_Key__c")
    assert found == {key}
    element = fields(name)[key]
    assert text(element, "unique") == "true"
    assert text(element, "caseSensitive") == str("Dimension" in name).lower()


@pytest.mark.parametrize("name", [*WITH_CHANGES, *sorted(ROWS)])
def test_a_draft_may_be_saved_with_nothing_filled_in(name: str) -> None:
    assert not [field for field, element in fields(name).items() if text(element, "required") == "true"]
    assert not [field for field, element in fields(name).items() if text(element, "type") == "MasterDetail"]


@pytest.mark.parametrize("name", OBJECTS)
def test_each_object_leads_to_what_it_belongs_to(name: str) -> None:
    assert {text(one, "referenceTo") for one in fields(name).values()} - {""} == PARENTS[name]


@pytest.mark.parametrize("name", OBJECTS)
def test_deleting_a_parent_clears_the_lookup(name: str) -> None:
    for field, element in fields(name).items():
        if text(element, "type") == "Lookup":
            assert text(element, "deleteConstraint") == "SetNull", field


def test_a_dimension_is_deleted_with_its_product() -> None:
    assert text(fields("AWS_Product_Dimension__c")["Product__c"], "type") == "MasterDetail"


@pytest.mark.parametrize("name", OBJECTS)
def test_people_see_only_what_sharing_gives_them(name: str) -> None:
    sharing = text(definition(name), "sharingModel")
    assert name in SHARING[sharing]
    assert text(definition(name), "externalSharingModel") == (sharing if sharing == "ControlledByParent" else "Private")


@pytest.mark.requirement("AGR-04")
def test_agreements_can_be_searched() -> None:
    assert text(definition("AWS_Agreement__c"), "enableSearch") == "true"


@pytest.mark.parametrize("name", WITH_CHANGES)
def test_the_change_set_status_is_aws_s_own_and_apart_from_the_state(name: str) -> None:
    status = fields(name)["Change_Set_Status__c"]
    assert sorted(values(status)) == sorted(service_values("marketplace-catalog", "ChangeStatus"))
    assert text(status.find("m:valueSet", NS), "restricted") == "true"
    assert not [one for one in status.findall(".//m:value", NS) if text(one, "default") == "true"]
    assert text(fields(name)["Error_List__c"], "type") == "LongTextArea"


@pytest.mark.parametrize(("name", "expected"), OWN_STATES.items())
def test_the_state_of_an_entity_is_one_of_its_own(name: str, expected: list[str]) -> None:
    status = fields(name)["Status__c"]
    assert values(status) == expected
    assert text(status.find("m:valueSet", NS), "restricted") == "true"
    default = [text(one, "fullName") for one in status.findall(".//m:value", NS) if text(one, "default") == "true"]
    assert default == [state for state in expected if state == "Draft"]


def test_authorizations_know_every_state_of_aws() -> None:
    known = values(fields("AWS_Resale_Authorization__c")["Status__c"])
    assert set(service_values("marketplace-catalog", "ResaleAuthorizationStatusString")) <= set(known)


def test_agreements_take_every_status_that_aws_lists_and_later_ones() -> None:
    status = fields("AWS_Agreement__c")["Status__c"]
    assert sorted(values(status)) == sorted(service_values("marketplace-agreement", "AgreementStatus"))
    assert text(status.find("m:valueSet", NS), "restricted") == "false"


@pytest.mark.parametrize("name", WITH_CHANGES)
@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("Payment_Frequency__c", ["15", "30", "90", "365"]),
        ("Remainder_Option__c", ["Frontload", "Backend"]),
        ("Calendar_Option__c", ["Calendar Day", "Business Day"]),
        ("Generate_Schedule__c", ["Yes", "No"]),
        ("Renewal__c", ["Yes", "No"]),
    ],
)
def test_inputs_with_a_choice_take_only_the_agreed_values(name: str, field: str, expected: list[str]) -> None:
    element = fields(name)[field]
    assert values(element) == expected
    assert text(element.find("m:valueSet", NS), "restricted") == "true"


def test_rates_have_eight_decimals() -> None:
    rate = fields("AWS_Offer_Dimension__c")["Rate__c"]
    assert (text(rate, "type"), text(rate, "precision"), text(rate, "scale")) == ("Number", "18", "8")


@pytest.mark.parametrize("name", OBJECTS)
def test_amounts_are_numbers_beside_a_currency_code(name: str) -> None:
    """A currency field would show AWS's amount in the currency of the org or of the record's owner."""
    assert not [field for field, element in fields(name).items() if text(element, "type") == "Currency"]


def test_a_log_has_no_place_for_bodies_or_secrets() -> None:
    assert set(fields("AWS_Log__c")) == {
        "Account__c", "Account_Number__c", "Duration_ms__c", "Endpoint__c", "Error_Text__c", "Log_Key__c",
        "Method__c", "Operation__c", "Request_Id__c", "Requested_At__c", "Service__c", "Status_Code__c",
    }  # fmt: skip


def test_a_sync_tells_what_was_refreshed_and_how_it_went() -> None:
    found = fields("AWS_Marketplace_Sync__c")
    assert values(found["Status__c"]) == ["In Progress", "Processed", "Partial", "Error"]
    assert {"Account__c", "Object__c", "Message__c", "Started_At__c", "Ended_At__c"} <= set(found)
    counts = {field for field, element in found.items() if text(element, "type") == "Number"}
    assert counts == {"Record_Count__c", "Created_Count__c", "Updated_Count__c", "Error_Count__c"}


@pytest.mark.parametrize("name", OBJECTS)
def test_a_page_lets_people_edit_only_what_people_fill(name: str) -> None:
    """A field that every row must have has to be editable on the page; the platform insists."""
    kept = marketplace.not_for_people(name)
    for item in layout(name).findall(".//m:layoutItems", NS):
        field, behavior = text(item, "field"), text(item, "behavior")
        if field not in fields(name):
            continue
        demanded = (
            text(fields(name)[field], "required") == "true" or text(fields(name)[field], "type") == "MasterDetail"
        )
        assert behavior == ("Required" if demanded else "Readonly" if field in kept else "Edit"), field


@pytest.mark.parametrize("name", OBJECTS)
def test_a_field_says_when_people_do_not_fill_it(name: str) -> None:
    for field, element in fields(name).items():
        said = re.search(
            r"(Comes from AWS; people do not change it|Written by the connector)\.$", text(element, "description")
        )
        assert bool(said) == (field in marketplace.not_for_people(name)), field


def test_a_page_lists_the_children_of_its_record() -> None:
    """Calls on an account are too many for a list on its page."""
    shown = {one for name in OBJECTS for one in texts(layout(name), "m:relatedLists/m:relatedList")}
    expected = {
        f"{name}.{field}"
        for name in OBJECTS
        for field, element in fields(name).items()
        if text(element, "referenceTo") in OBJECTS
    }
    assert shown == expected - {"AWS_Log__c.Account__c"}


@pytest.mark.parametrize("name", OBJECTS)
def test_search_shows_columns_that_exist(name: str) -> None:
    columns = texts(definition(name), "m:searchLayouts/*")
    assert columns
    assert set(columns) <= set(fields(name))
    assert not [one for one in columns if text(fields(name)[one], "type") == "LongTextArea"]


RULES = sorted(path for name in OBJECTS for path in BASE.glob(f"objects/{name}/validationRules/*.xml"))


@pytest.mark.parametrize("path", RULES, ids=lambda path: f"{path.parts[-3]}-{path.name.split('.')[0]}")
def test_only_the_integrity_of_a_row_binds_the_connector(path: Path) -> None:
    """What AWS sends is stored as it is; rules that help people make an exception for the connector."""
    integrity = path.name.split(".")[0] in {"AWS_One_Parent", "AWS_Account_Number_Digits"}
    condition = text(root(path), "errorConditionFormula")
    assert condition.startswith("AND(NOT($Permission.ACE_Integration), ") != integrity
