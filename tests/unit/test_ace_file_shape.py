"""A partner's files carry records as AWS's samples and definitions have them, in either version of the payload."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from ace_records import sound_record
from bucket_model import CREATED_KEYS, UPDATED_LEAD_KEYS
from data_model import LEAD_FIELDS, OPPORTUNITY_FIELDS

from connector.ace.catalogue import lead_fields, opportunity_fields
from connector.ace.file_fields import Sent, Version, file_fields, list_key, payload_version
from connector.ace.file_json import entry_text
from connector.ace.file_shape import LeftOut, decision_entry, lead_entry, opportunity_entry
from connector.ace.record import Value

ID, APN = "006000000000001AAA", "O1000001"
DROPPED = [name for name, field in opportunity_fields().items() if field.last_version]
NEW = (
    "awsProducts otherSolutionOffered parentOppId solutionOffered primaryContactTitle offers customerDuns "
    "opportunityType salesActivities"
)


def test_the_fields_are_those_of_aws_definitions() -> None:
    later, earlier = (set(file_fields("opportunity", version)) for version in (Version.V2, Version.V1))
    assert later == set(OPPORTUNITY_FIELDS.split())
    assert earlier - later == set(DROPPED)
    assert set(NEW.split()) <= later - earlier
    assert set(file_fields("lead", Version.V1)) == set(file_fields("lead", Version.V2)) == set(LEAD_FIELDS.split())


def test_a_partner_sends_what_aws_sample_of_a_creation_has() -> None:
    sent = {name for name, field in file_fields("opportunity", Version.V2).items() if field.sent is not Sent.NEVER}
    assert set(CREATED_KEYS.split()) <= sent


def test_a_partner_sends_what_aws_sample_of_a_lead_has() -> None:
    sent = {field.written_as for field in file_fields("lead", Version.V2).values() if field.sent is not Sent.NEVER}
    assert set(UPDATED_LEAD_KEYS.split()) <= sent
    assert not sent & {"fullName", "company", "leadAge", "campaignName", "leadOwnerName"}


def test_nothing_that_aws_alone_writes_goes_out() -> None:
    record: dict[str, Value] = {name: "x" for name, field in opportunity_fields().items() if not field.outbound}
    found = opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V2)
    assert set(found.entry) == {"partnerCrmUniqueIdentifier", "apnCrmUniqueIdentifier"} and not found.left_out


@pytest.mark.parametrize(
    ("setting", "version"),
    [("2", "2.0"), (" 2.0 ", "2.0"), ("1", "1.0"), ("1.0", "1.0"), ("", None), ("3", None), ("2.", None)],
)
def test_the_setting_names_the_version(setting: str, version: str | None) -> None:
    """SET-16"""
    assert payload_version(setting) == version


def test_an_opportunity_as_a_file_has_it() -> None:
    record = sound_record(
        IsOppFromMarketingActivity="None",
        campaignName=("IS Immersion Day SFID Program", "P3"),
        awsProducts=("Lambda",),
        nextStep=None,
    )
    found = opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V2)
    assert dict(found.entry) == {
        "partnerCrmUniqueIdentifier": ID,
        "apnCrmUniqueIdentifier": APN,
        "customerCompanyName": "Example Freight",
        "customerWebsite": "https://freight.example",
        "industry": "Transportation & Logistics",
        "country": "United States",
        "state": "Texas",
        "postalCode": "75001",
        "partnerProjectTitle": "Move the data centre",
        "projectDescription": "The lease of the data centre ends and all loads must move.",
        "targetCloseDate": "2027-03-01",
        "expectedMonthlyAwsRevenue": 1200,
        "useCase": "Migration / Database Migration",
        "deliveryModel": "SaaS or PaaS",
        "salesActivities": "SOW Signed",
        "partnerPrimaryNeedFromAws": "Co-Sell - Deal Support",
        "stage": "Qualified",
        "customerEmail": "pat@freight.example",
        "customerPhone": "+15550100",
        "IsOppFromMarketingActivity": "No",
        "campaignName": "ISV Immersion Day SFID Program;P3",
        "awsProducts": ["Lambda"],
        "nextStep": None,
    }
    assert not found.left_out


def test_identifiers_are_there_whatever_the_record_holds() -> None:
    """OUT-04: a new record has the partner's id only; the record's own values of the identifiers do not count."""
    record: dict[str, Value] = {"partnerCrmUniqueIdentifier": "another", "apnCrmUniqueIdentifier": "O9"}
    new = opportunity_entry(record, partner_id=ID, version=Version.V2)
    assert dict(new.entry) == {"partnerCrmUniqueIdentifier": ID}
    known = opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V1)
    assert dict(known.entry) == {"partnerCrmUniqueIdentifier": ID, "apnCrmUniqueIdentifier": APN}
    with pytest.raises(ValueError, match="partner's id"):
        opportunity_entry(record, partner_id="", version=Version.V2)


@pytest.mark.parametrize("name", DROPPED)
def test_what_version_2_dropped_goes_in_version_1_only(name: str) -> None:
    """MAP-51"""
    field = opportunity_fields()[name]
    record: dict[str, Value] = {name: field.values[0] if field.values else "https://words.example"}
    found = opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V2)
    assert name not in found.entry and found.left_out == {name: LeftOut.NOT_IN_VERSION}
    assert opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V1).entry[name] == record[name]


@pytest.mark.parametrize("name", NEW.split())
def test_what_version_2_brought_stays_out_of_version_1(name: str) -> None:
    """MAP-50, OUT-27"""
    record: dict[str, Value] = {name: ("S-0001111",) if "awsProducts solutionOffered offers".find(name) >= 0 else "x"}
    found = opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V1)
    assert name not in found.entry and found.left_out[name] is LeftOut.NOT_IN_VERSION
    assert name in opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V2).entry


def test_what_aws_takes_after_the_creation_only_waits_for_it() -> None:
    record: dict[str, Value] = {
        "stage": "Committed",
        "offers": ("offer-1",),
        "contractStartDate": date(2027, 1, 1),
        "customerSoftwareValue": Decimal("1500.50"),
        "closedLostReason": None,
        "city": "Oslo",
    }
    new = opportunity_entry(record, partner_id=ID, version=Version.V2)
    waiting = {"stage", "offers", "contractStartDate", "customerSoftwareValue"}
    assert set(new.entry) == {"partnerCrmUniqueIdentifier", "city"}
    assert new.left_out == dict.fromkeys(waiting, LeftOut.AFTER_CREATION)
    known = opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V2)
    assert {*waiting, "closedLostReason", "city"} <= set(known.entry) and not known.left_out


def test_the_first_stage_goes_with_the_creation_as_in_aws_sample() -> None:
    assert opportunity_entry({"stage": "Prospect"}, partner_id=ID, version=Version.V2).entry["stage"] == "Prospect"


def test_version_1_takes_next_steps_after_the_creation() -> None:
    record: dict[str, Value] = {"nextStep": "Call"}
    found = opportunity_entry(record, partner_id=ID, version=Version.V1)
    assert found.left_out == {"nextStep": LeftOut.AFTER_CREATION}
    assert opportunity_entry(record, partner_id=ID, version=Version.V2).entry["nextStep"] == "Call"


def test_a_description_in_place_of_a_solution_goes_with_the_word_other() -> None:
    record: dict[str, Value] = {"otherSolutionOffered": "Our own"}
    new = opportunity_entry(record, partner_id=ID, version=Version.V2)
    assert new.entry["solutionOffered"] == ["Other"]
    update = opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V2)
    assert "solutionOffered" not in update.entry
    cleared = opportunity_entry({**record, "solutionOffered": None}, partner_id=ID, apn_id=APN, version=Version.V2)
    assert cleared.entry["solutionOffered"] == ["Other"]


def test_the_label_of_masked_values_never_goes_back() -> None:
    record: dict[str, Value] = {"customerLastName": "Accept to View", "customerTitle": "Accept To View", "city": "Oslo"}
    found = opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V2)
    assert not {"customerLastName", "customerTitle"} & set(found.entry)
    assert found.left_out == dict.fromkeys(("customerLastName", "customerTitle"), LeftOut.MASKED)
    lead = lead_entry({"email": "Accept To View"}, partner_id=ID, apn_id="L1", version=Version.V1)
    assert lead.left_out == {"email": LeftOut.MASKED}


def test_what_aws_never_empties_is_not_emptied() -> None:
    record: dict[str, Value] = {"stage": None, "opportunityType": None, "nextStep": None}
    found = opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V2)
    assert set(found.entry) == {"partnerCrmUniqueIdentifier", "apnCrmUniqueIdentifier", "nextStep"}


def test_the_placeholder_of_countries_without_postal_codes_belongs_to_version_1() -> None:
    record: dict[str, Value] = {"country": "HK", "postalCode": "99999"}
    later = opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V2)
    assert later.entry["postalCode"] is None
    earlier = opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V1)
    assert earlier.entry["postalCode"] == "99999"


def test_a_lead_as_a_file_has_it() -> None:
    record: dict[str, Value] = {
        "status": "Open",
        "currentLeadStage": "Accepted",
        "useCaseWorkload": ("Big Data", "IOT"),
        "streetAddress": None,
        "country": "United States",
        "company": "Example Freight",
        "leadAge": 4,
    }
    found = lead_entry(record, partner_id=ID, apn_id="L1000001", version=Version.V1)
    assert dict(found.entry) == {
        "partnerCrmLeadId": ID,
        "apnCrmUniqueIdentifier": "L1000001",
        "status": "Open",
        "currentLeadStage": "Accepted",
        "useCaseWorkLoad": "Big Data;IOT",
        "streetAddress": None,
        "country": "United States",
    }
    assert list_key("lead") == "Leads" and list_key("opportunity") == "opportunities"
    with pytest.raises(ValueError, match="never sent"):
        lead_entry(record, partner_id=ID, apn_id="", version=Version.V1)


def test_the_answer_to_a_referral_has_the_identifiers_and_nothing_else() -> None:
    """OUT-34"""
    ids = {"partnerCrmUniqueIdentifier": ID, "apnCrmUniqueIdentifier": APN}
    yes = decision_entry("Accepted", partner_id=ID, apn_id=APN, version=Version.V2)
    assert dict(yes.entry) == {**ids, "partnerAcceptanceStatus": "Accepted"}
    reason = "Duplicate of partner referral"
    no = decision_entry("Rejected", reason=reason, partner_id=ID, apn_id=APN, version=Version.V2)
    assert no.entry["rejectionReason"] == "Duplicate of Partner Referral"
    early = decision_entry("Rejected", reason=reason, partner_id=ID, apn_id=APN, version=Version.V1)
    assert dict(early.entry) == {**ids, "partnerAcceptanceStatus": "Rejected"}
    assert early.left_out == {"rejectionReason": LeftOut.NOT_IN_VERSION}


def test_an_amount_is_written_digit_by_digit() -> None:
    record: dict[str, Value] = {"customerSoftwareValue": Decimal("1234567890123456.78")}
    found = opportunity_entry(record, partner_id=ID, apn_id=APN, version=Version.V2)
    text = entry_text(found.entry)
    assert '"customerSoftwareValue": 1234567890123456.78' in text
    assert json.loads(text, parse_float=Decimal)["customerSoftwareValue"] == record["customerSoftwareValue"]


def test_the_lead_fields_that_partners_send_are_the_catalogues() -> None:
    sent = {name for name, field in file_fields("lead", Version.V2).items() if field.sent is not Sent.NEVER}
    assert sent == {name for name, field in lead_fields().items() if field.outbound}
