"""What the deployed package refuses and accepts, on an org that evaluates its validation rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector import names
from connector.ace.catalogue import opportunity_fields
from connector.mapping.automap import automap_packaged
from connector.mapping.describe import ObjectDescribe
from connector.mapping.fit import check_mapping, own_field_problems
from connector.salesforce.describe import parse_object
from connector.sandbox.clock import SandboxClock
from connector.sandbox.salesforce.describe import describe
from connector.sandbox.salesforce.faults import RowErrors
from connector.sandbox.salesforce.org import Org

PROJECT = Path(__file__).parents[2] / "salesforce_metadata"
REQUEST, ITEM = names.ACTION_REQUEST, "ACE_Action_Request_Item__c"
ASSIGNEE = {
    "Assignee_First_Name__c": "Ann", "Assignee_Last_Name__c": "Lee", "Assignee_Email__c": "ann@example.com",
    "Assignee_Business_Title__c": "OpportunityOwner",
}  # fmt: skip


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    org = Org(PROJECT, SandboxClock(), directory=tmp_path)
    yield org
    org.storage.connection.close()


@pytest.fixture
def deal(org: Org) -> str:
    return org.insert(names.ACE_OPPORTUNITY, [{"Name": "Deal"}])[0]


def ask(org: Org, deal: str, action: str, **fields: Any) -> str:
    return org.insert(REQUEST, [{"Action__c": action, "ACE_Opportunity__c": deal, **fields}])[0]


def add_item(org: Org, request: str) -> str:
    entity = {"Operation__c": "Associate", "Entity_Type__c": "Solutions", "Entity_Id__c": "S-1"}
    return org.insert(ITEM, [{"Action_Request__c": request, **entity}])[0]


@pytest.mark.parametrize("minutes", [5, 1440])
def test_an_interval_from_five_minutes_to_a_day_is_accepted(org, minutes):
    assert org.insert(names.SCHEDULE, [{"Object__c": "Opportunity", "Interval_Minutes__c": minutes}])


@pytest.mark.parametrize("minutes", [0, 4, 1441, 2880])
def test_a_shorter_or_longer_interval_is_refused(org, minutes):
    with pytest.raises(RowErrors, match="from 5 minutes to 1440"):
        org.insert(names.SCHEDULE, [{"Object__c": "Opportunity", "Interval_Minutes__c": minutes}])


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("Share", {}),
        ("Accept", {}),
        ("Reject", {"Rejection_Reason__c": "Other"}),
        ("Assign", ASSIGNEE),
        ("Associate", {}),
        ("Refresh", {}),
    ],
)
def test_a_complete_request_starts_as_new(org, deal, action, fields):
    request = ask(org, deal, action, **fields)
    (row,) = org.rows(f"SELECT Status__c FROM {REQUEST} WHERE Id = '{request}'")
    assert row["Status__c"] == "New"


@pytest.mark.parametrize(
    ("action", "fields", "message"),
    [
        ("Reject", {}, "rejection reason"),
        ("Share", {"Status__c": "Done"}, "starts with status New"),
        *(("Assign", {**ASSIGNEE, missing: None}, "of the assignee") for missing in ASSIGNEE),
    ],
)
def test_an_incomplete_request_is_refused(org, deal, action, fields, message):
    with pytest.raises(RowErrors, match=message):
        ask(org, deal, action, **fields)


def test_a_request_names_its_record_unless_it_needs_none(org):
    with pytest.raises(RowErrors, match="Name the record"):
        org.insert(REQUEST, [{"Action__c": "Share"}])
    assert org.insert(REQUEST, [{"Action__c": "Refresh Solutions"}, {"Action__c": "Share", "Record_Id__c": "0" * 18}])


@pytest.mark.parametrize(
    "change",
    [{"Action__c": "Accept"}, {"Record_Id__c": "1" * 18}, {"Visibility__c": "Full"}, {"Rejection_Reason__c": "Other"}],
    ids=str,
)
def test_what_was_requested_cannot_be_changed_to_something_else(org, deal, change):
    request = ask(org, deal, "Share")
    with pytest.raises(RowErrors, match="cannot change"):
        org.update(REQUEST, request, change)


def test_the_target_of_a_request_cannot_be_exchanged_but_may_be_deleted(org, deal):
    request = ask(org, deal, "Share")
    (other,) = org.insert(names.ACE_OPPORTUNITY, [{"Name": "Other"}])
    with pytest.raises(RowErrors, match="cannot change"):
        org.update(REQUEST, request, {"ACE_Opportunity__c": other})
    org.delete(names.ACE_OPPORTUNITY, deal)
    (row,) = org.rows(f"SELECT ACE_Opportunity__c FROM {REQUEST}")
    assert row["ACE_Opportunity__c"] is None


def test_the_outcome_of_a_request_can_be_written(org, deal):
    request = ask(org, deal, "Share")
    outcome = {"Status__c": "Done", "Message__c": "Shared.", "Completed_At__c": "2026-01-01T00:00:00Z"}
    org.update(REQUEST, request, outcome)
    (row,) = org.rows(f"SELECT Status__c, Message__c FROM {REQUEST}")
    assert (row["Status__c"], row["Message__c"]) == ("Done", "Shared.")


def test_items_belong_to_the_request_as_it_was_made(org, deal):
    request = ask(org, deal, "Associate")
    item = add_item(org, request)
    with pytest.raises(RowErrors, match="cannot change"):
        org.update(ITEM, item, {"Entity_Id__c": "S-2"})
    org.update(REQUEST, request, {"Status__c": "In Progress"})
    with pytest.raises(RowErrors, match="already being carried out"):
        add_item(org, request)
    org.update(ITEM, item, {"Status__c": "Done"})


def test_the_log_outlives_the_opportunity(org, deal):
    (log,) = org.insert(names.SYNC_LOG, [{"Log_Key__c": "run-1", "Direction__c": "To AWS"}])
    detail = {"Sync_Log__c": log, "Detail_Key__c": "k", "ACE_Opportunity__c": deal, "Record_Id__c": deal}
    org.insert(names.SYNC_LOG_DETAIL, [detail])
    org.delete(names.ACE_OPPORTUNITY, deal)
    (row,) = org.rows(f"SELECT ACE_Opportunity__c, Record_Id__c FROM {names.SYNC_LOG_DETAIL}")
    assert (row["ACE_Opportunity__c"], row["Record_Id__c"]) == (None, deal)


def seen(org: Org, name: str) -> ObjectDescribe | None:
    """Return what the integration user sees of the object."""
    (user,) = org.rows("SELECT Id FROM User WHERE Username LIKE 'integration@%'")
    sobject = org.schema.get(name)
    return None if sobject is None else parse_object(describe(org, user["Id"], sobject, ""))


def test_automap_on_the_deployed_package_leaves_nothing_to_do(org):
    """Every field is there, visible and writable for the integration user, of a type and with values that fit."""
    package = seen(org, names.ACE_OPPORTUNITY)
    assert package is not None
    mapping = automap_packaged(opportunity_fields(), package)
    assert len(mapping.fields) > 100
    assert check_mapping(mapping, opportunity_fields(), lambda name: seen(org, name)) == ()


@pytest.mark.parametrize("name", [names.ACE_OPPORTUNITY, "Opportunity"])
def test_both_targets_have_the_synchronisation_fields(org, name):
    target = seen(org, name)
    assert target is not None
    assert own_field_problems(target, names.PACKAGED) == ()
