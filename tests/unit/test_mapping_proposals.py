"""Proposals name what is probably meant, with the reason; nothing is mapped by them, and AWS's values never clash."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.ace.catalogue import Owner, lead_fields, opportunity_fields
from connector.mapping.describe import FieldDescribe, ObjectDescribe, PicklistEntry
from connector.mapping.fit import check_mapping, is_blocking
from connector.mapping.model import Fallback, FieldMapping, Mapping, PicklistMapping
from connector.mapping.picklists import candidates, open_values
from connector.mapping.proposals import Proposal, propose, propose_values

CATALOGUE = opportunity_fields()
STAGE = CATALOGUE["stage"]


def field(name: str, label: str = "", kind: str = "string", **more: object) -> FieldDescribe:
    return FieldDescribe(name, label or name, kind, **{"length": 255, **more})  # type: ignore[arg-type]


def lookup(name: str, relationship: str, *targets: str) -> FieldDescribe:
    return field(name, kind="reference", relationship_name=relationship, reference_to=targets)


def picklist(name: str, label: str, *values: str) -> FieldDescribe:
    return field(name, label, "picklist", picklist=tuple(PicklistEntry(value, value) for value in values))


def an_object(name: str, *fields: FieldDescribe) -> ObjectDescribe:
    return ObjectDescribe(name, name, "", fields={one.name.lower(): one for one in fields})


ACCOUNT = an_object(
    "Account", field("Name"), field("Website", kind="url"), field("BillingCity"), field("BillingCountry")
)
STANDARD = an_object(
    "Opportunity", field("Name", "Opportunity Name"), field("CloseDate", "Close Date", "date"), field("Description"),
    picklist("StageName", "Stage", *STAGE.values), lookup("AccountId", "Account", "Account"),
    lookup("OwnerId", "Owner", "User"),
)  # fmt: skip
USER = an_object("User", field("Email", kind="email"), field("FirstName"))
DEAL = an_object(
    "Deal__c", field("Name"), field("Client__c"), field("Web__c", "Customer Website", "url"),
    field("Delivery__c", "Delivery Models", "multipicklist"), field("Next_Step__c", "What next"),
    field("AWS_Next_Steps__c"), picklist("Phase__c", "Phase", "Prospect", "Won"), field("AWS_Phase__c"),
    field("Unrelated__c", "Colour"), lookup("Customer__c", "Customer__r", "Account"),
)  # fmt: skip
ORG = {"Opportunity": STANDARD, "Deal__c": DEAL, "Account": ACCOUNT, "User": USER}


def found(object_name: str, kept: Mapping | None = None) -> dict[str, Proposal]:
    return {one.ace_field: one for one in propose(CATALOGUE, object_name, ORG.get, kept)}


def test_standard_fields_stand_where_they_usually_do():
    proposed = {name: one.path for name, one in found("Opportunity").items()}
    assert proposed["customerCompanyName"] == "Account.Name"
    assert proposed["customerWebsite"] == "Account.Website"
    assert proposed["city"] == "Account.BillingCity"
    assert proposed["partnerProjectTitle"] == "Name"
    assert proposed["projectDescription"] == "Description"
    assert (proposed["targetCloseDate"], proposed["stage"]) == ("CloseDate", "StageName")


def test_usual_fields_are_found_by_what_a_lookup_leads_to():
    assert found("Deal__c")["customerCompanyName"].path == "Customer__r.Name"


def test_likeness_of_names_and_labels_finds_an_orgs_own_fields():
    proposed = found("Deal__c")
    assert proposed["customerWebsite"].path == "Web__c", "the label says it, and it is on the object itself"
    assert proposed["deliveryModel"].path == "Delivery__c"
    assert proposed["nextStep"].path == "Next_Step__c"
    assert proposed["stage"].path == "Phase__c"
    assert "Unrelated__c" not in {one.path for one in proposed.values()}


def test_what_is_named_for_aws_is_for_aws_view_only():
    """MAP-47: AWS's stage never covers the partner's."""
    proposed = found("Deal__c")
    assert proposed["aWSStage"].path == "AWS_Phase__c"
    assert proposed["lifeCycle.awsNextSteps"].path == "AWS_Next_Steps__c"
    standard = found("Opportunity")
    assert not [one for name, one in standard.items() if CATALOGUE[name].owner is Owner.AWS]


def test_stage_close_date_and_reason_are_proposed_without_inbound_updates():
    """MAP-48"""
    proposed = found("Opportunity")
    assert not proposed["stage"].inbound and not proposed["targetCloseDate"].inbound
    assert proposed["partnerProjectTitle"].inbound


def test_values_of_aws_are_not_proposed_to_be_written_to_shared_records():
    proposed = found("Opportunity")["customerCompanyName"]
    assert not proposed.inbound and "other records share" in proposed.reason


def test_every_proposal_has_a_score_and_a_reason_in_words():
    for one in (*found("Opportunity").values(), *found("Deal__c").values()):
        assert 1 <= one.score <= 100
        assert one.reason.endswith(".") and len(one.reason.split()) > 4


def test_what_is_mapped_is_neither_proposed_again_nor_proposed_for_something_else():
    kept = Mapping("opportunity", "Opportunity", 1, (FieldMapping("projectDescription", "name", True),))
    proposed = found("Opportunity", kept)
    assert "projectDescription" not in proposed and "partnerProjectTitle" not in proposed


def test_what_a_person_says_goes_out_twice_and_comes_in_nowhere():
    """The owner may be both: contact and owner of the opportunity."""
    proposed = found("Opportunity")
    assert proposed["primaryContactEmail"].path == proposed["opportunityOwnerEmail"].path == "Owner.Email"
    assert not proposed["primaryContactEmail"].inbound and not proposed["opportunityOwnerEmail"].inbound


def test_removed_and_fixed_fields_are_never_proposed():
    proposed = {*found("Opportunity"), *found("Deal__c")}
    assert not proposed & {"partnerCrmUniqueIdentifier", "apnCrmUniqueIdentifier", "leadSource", "contractVehicle"}


def lead_proposals(*fields: FieldDescribe, kept: Mapping | None = None) -> dict[str, Proposal]:
    lead = an_object("Lead", *fields)
    return {one.ace_field: one for one in propose(lead_fields(), "Lead", {"Lead": lead}.get, kept)}


def test_leads_have_usual_fields_of_their_own():
    proposed = lead_proposals(field("Company"), field("Street"), field("Email", kind="email"))
    assert {name: one.path for name, one in proposed.items()} == {
        "company": "Company", "streetAddress": "Street", "email": "Email",
    }  # fmt: skip


def test_what_a_lead_needs_and_aws_hides_at_first_is_proposed_with_a_stand_in():
    """A referral's lead is made before it is accepted; what may stay empty stays empty."""
    proposed = lead_proposals(field("Company", nillable=False), field("LastName", nillable=False), field("City"))
    assert proposed["company"].from_aws == proposed["fullName"].from_aws == Fallback(value="Accept to view")
    assert "stands in" in proposed["company"].reason
    assert proposed["city"].from_aws is None
    assert all(one.from_aws is None for one in found("Opportunity").values())


def test_a_leads_name_comes_in_as_one_and_goes_out_as_two():
    proposed = lead_proposals(field("LastName"), field("FirstName"))
    ways = {name: (one.path, one.inbound) for name, one in proposed.items()}
    assert ways == {
        "fullName": ("LastName", True), "firstName": ("FirstName", False), "lastName": ("LastName", False),
    }  # fmt: skip
    kept = Mapping("lead", "Lead", 1, (FieldMapping("lastName", "LastName", False),))
    assert lead_proposals(field("LastName"), kept=kept)["fullName"].path == "LastName"
    taken = Mapping("lead", "Lead", 1, (FieldMapping("company", "LastName", True),))
    assert lead_proposals(field("LastName"), kept=taken) == {}


def test_what_would_pass_neither_way_is_not_proposed():
    """AWS alone tells a lead owner's name, and an owner's name cannot be written."""
    proposed = lead_proposals(lookup("OwnerId", "Owner", "User"))
    assert "leadOwnerName" not in proposed


NAMES = st.sampled_from(
    ["Name", "Stage__c", "AWS_Stage__c", "City__c", "Client_City__c", "Email__c", "Owner_Email__c", "Country__c",
     "Next_Step__c", "Industry__c", "Website__c", "Amount__c", "x__c", "__c", "Üß__c"]
)  # fmt: skip
TYPES = st.sampled_from(["string", "picklist", "date", "currency", "email", "url", "textarea", "boolean"])


@settings(max_examples=40)
@given(st.lists(st.tuples(NAMES, NAMES, TYPES, st.booleans()), unique_by=lambda one: one[0].lower()))
def test_taking_every_proposal_gives_a_mapping_without_a_fault_of_its_own(chosen):
    """Whatever an object has, what is proposed fits, and no two of AWS's values meet in one field."""
    fields = [field(name, label, kind, updateable=writable) for name, label, kind, writable in chosen]
    org = {"Deal__c": an_object("Deal__c", *fields)}
    proposed = propose(CATALOGUE, "Deal__c", org.get)
    items = tuple(FieldMapping(one.ace_field, one.path, one.inbound) for one in proposed)
    problems = check_mapping(Mapping("opportunity", "Deal__c", 1, items), CATALOGUE, org.get)
    assert [p for p in problems if is_blocking(p) and p.code not in ("REQUIRED_UNMAPPED", "RESERVED_FIELD")] == []
    assert max(Counter(one.path.lower() for one in proposed).values(), default=1) == 1


# --- values


def item(primary=(), additional=()) -> FieldMapping:
    return FieldMapping("industry", "Industry__c", True, PicklistMapping(dict(primary), dict(additional)))


INDUSTRY = CATALOGUE["industry"]


@pytest.mark.parametrize(
    ("theirs", "aws", "words"),
    [
        ("Software & Internet", "Software and Internet", "ampersands"),
        ("Energy \u2013 Oil & Gas", "Energy - Oil and Gas", "dashes"),
        ("AEROSPACE", "Aerospace", "upper and lower case"),
        ("Hospitality Services", "Hospitality", "hospitality"),
    ],
)
def test_nearly_equal_values_are_proposed_with_the_difference(theirs, aws, words):
    (one,) = propose_values(item(), INDUSTRY, picklist("Industry__c", "", theirs))
    assert (one.aws_value, one.salesforce_value, one.kind) == (aws, theirs, "primary")
    assert words in one.reason


def test_other_spellings_in_use_are_proposed():
    country = CATALOGUE["country"]
    entry = FieldMapping("country", "Country__c", True, PicklistMapping())
    (one,) = propose_values(entry, country, picklist("Country__c", "", "Germany"))
    assert (one.aws_value, one.salesforce_value) == ("DE", "Germany")


def test_a_second_value_for_the_same_is_additional():
    field_ = picklist("Industry__c", "", "Retail", "Retail Trade")
    (one,) = propose_values(item({"Retail": "Retail"}), INDUSTRY, field_)
    assert (one.aws_value, one.salesforce_value, one.kind) == ("Retail", "Retail Trade", "additional")


def test_nothing_is_proposed_for_what_has_nothing_in_common():
    assert propose_values(item(), INDUSTRY, picklist("Industry__c", "", "Purple", "Prospect")) == ()


VALUES = st.lists(
    st.sampled_from([*INDUSTRY.values, "software & internet", "GAMING", "Retail Trade", "Purple"]), unique=True
)


@given(VALUES, st.dictionaries(st.sampled_from(INDUSTRY.values), st.sampled_from(INDUSTRY.values), max_size=3))
def test_taking_every_value_proposal_decides_what_was_open_and_makes_nothing_ambiguous(offered, primary):
    field_, entry = picklist("Industry__c", "", *offered), item(primary)
    assert entry.picklist is not None
    before = open_values(entry, INDUSTRY, field_)
    proposed = propose_values(entry, INDUSTRY, field_)
    assert {one.salesforce_value for one in proposed} <= set(before.salesforce)
    new = {one.aws_value: one.salesforce_value for one in proposed if one.kind == "primary"}
    assert set(new) <= set(before.aws)
    taken = replace(entry.picklist, primary={**primary, **new})
    assert all(len(candidates(taken, text)) == 1 for text in new.values())
