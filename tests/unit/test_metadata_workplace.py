"""The place to work in: app, tabs, list views, layouts, actions, path, pages, flows, notifications."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from metadata_source import PROJECT, Source, every, is_grantable, text, texts
from report_figures import keeps

from connector.names import (
    ACE_LEAD,
    ACE_OPPORTUNITY,
    ACTION_REQUEST,
    DETAIL_LOOKUPS,
    SCHEDULE,
    SYNC_LOG,
    SYNC_LOG_DETAIL,
)

SOURCE = Source()
APP = "AWS_Partner_CRM_Connector"
STANDARD_TABS = {"standard-home", "standard-report", "standard-Dashboard"}
LABELS = {
    "AWS Guided Setup", "ACE Mappings", "Field Mappings", "Schedules", "ACE Sync Logs", "ACE Leads",
    "ACE Opportunities", "Solution Offerings", "AWS Accounts", "Products", "Product Dimensions", "Private Offers",
    "Offer Dimensions", "Payment Schedules", "Resale Authorizations", "Shared Resale Authorizations",
    "Marketplace Syncs", "Agreements", "AWS Marketplace Notifications", "Logs", "ACE Action Requests", "ACE Workers",
}  # fmt: skip
PARENTS = {ACE_OPPORTUNITY: ACE_OPPORTUNITY, ACE_LEAD: ACE_LEAD, "Opportunity": "Opportunity__c", "Lead": "Lead__c"}
"""The lookup of a request that names the record, by the record's object."""
ON_OPPORTUNITIES = {
    "ACE_Share_with_AWS": "Share", "ACE_Send_to_AWS": "Send", "ACE_Approval_Status": "Approval Status",
    "ACE_Assign": "Assign", "ACE_Refresh_from_AWS": "Refresh", "ACE_Link_Private_Offer": "Link Private Offer",
}  # fmt: skip
REQUESTS = [
    *((name, action, value) for name in (ACE_OPPORTUNITY, "Opportunity") for action, value in ON_OPPORTUNITIES.items()),
    *((name, "ACE_Send_to_AWS", "Send") for name in (ACE_LEAD, "Lead")),
]
MUST_FILL = {
    "ACE_Approval_Status": {"Partner_Acceptance_Status__c"},
    "ACE_Assign": {f"Assignee_{name}__c" for name in ("First_Name", "Last_Name", "Email", "Business_Title")},
    "ACE_Link_Private_Offer": {"Private_Offer__c"},
}
CONFIRMED = {
    "ACE_Refresh_Solutions": "Refresh Solutions",
    "ACE_Refresh_Products": "Refresh Products",
    "ACE_Deactivate_All_Jobs": "Deactivate Schedules",
}
EXTRAS = [
    "dashboards", "events_client_app", "external_client_app", "flows", "notification", "path", "record_pages",
    "reports", "standard_objects",
]  # fmt: skip
OWNERSHIP = "{!Record.Opportunity_Ownership__c}"


def element(kind: str, name: str) -> etree._Element:
    return SOURCE.root(SOURCE.of(kind)[name])


def action(owner: str, name: str) -> etree._Element:
    return element("quickAction", f"{owner}.{name}")


def presets(found: etree._Element) -> dict[str, str]:
    return {
        text(one, "field"): text(one, "literalValue") or text(one, "formula") for one in every(found, "fieldOverrides")
    }


def laid_out(found: etree._Element) -> dict[str, str]:
    return {text(one, "field"): text(one, "uiBehavior") for one in every(found, "*/quickActionLayoutItems")}


def shown(view: etree._Element, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that a list view shows."""
    return [row for row in rows if all(keeps(one, row) for one in every(view, "filters"))]


# -- app and tabs


@pytest.mark.requirement("PERM-33")
def test_the_app_holds_every_tab() -> None:
    app = element("app", APP)
    assert text(app, "label") == "AWS Partner CRM connector"
    tabs = texts(app, "tabs")
    assert len(tabs) == len(set(tabs))
    assert set(tabs) == set(SOURCE.of("tab")) | STANDARD_TABS
    assert (text(app, "navType"), text(app, "uiType")) == ("Standard", "Lightning")


def test_tabs_are_called_as_the_guide_calls_them() -> None:
    definitions = [SOURCE.definition(name) for name in SOURCE.of("tab")]
    assert {text(one, "pluralLabel") for one in definitions if one is not None} == LABELS


def test_every_tab_has_a_sign_of_its_own() -> None:
    motifs = [text(SOURCE.root(path), "motif") for path in SOURCE.of("tab").values()]
    assert len(set(motifs)) == len(motifs)
    assert all(re.fullmatch(r"Custom\d+: [\w ]+", motif) for motif in motifs)


@pytest.mark.requirement("REP-12")
def test_there_is_no_tab_for_custom_reports() -> None:
    granted = {tab for path in SOURCE.of("permissionset").values() for tab in texts(SOURCE.root(path), "*/tab")}
    assert granted
    for name in (*SOURCE.of("tab"), *granted, *texts(element("app", APP), "tabs")):
        assert "customreport" not in re.sub(r"[^a-z]", "", name.lower())


# -- list views and layouts


@pytest.mark.parametrize(
    ("view", "direction"), [("Inbound_Sync_Logs", "From AWS"), ("Outbound_Sync_Logs", "To AWS")], ids=str
)
@pytest.mark.requirement("LOG-03")
def test_list_views_toggle_between_the_directions(view: str, direction: str) -> None:
    rows = [{"Direction__c": value, "Name": name} for name in ("SL-1", "SL-2") for value in ("From AWS", "To AWS")]
    found = shown(list_view(SYNC_LOG, view), rows)
    assert found == [row for row in rows if row["Direction__c"] == direction]


@pytest.mark.parametrize(
    ("view", "label", "states"),
    [
        ("Active", "Active Schedules", [True]),
        ("Inactive", "Inactive Schedules", [False]),
        ("All", "All Schedules", [True, False]),
    ],
)
@pytest.mark.requirement("SCHED-06")
def test_list_views_of_schedules_filter_by_their_state(view: str, label: str, states: list[bool]) -> None:
    found = list_view(SCHEDULE, view)
    assert text(found, "label") == label
    assert [row["Active__c"] for row in shown(found, [{"Active__c": True}, {"Active__c": False}])] == states


@pytest.mark.requirement("PCAPI-07")
def test_opportunities_are_listed_by_their_name() -> None:
    definition = SOURCE.definition(ACE_OPPORTUNITY)
    assert definition is not None
    assert text(definition, "nameField/label") == "ACE Opportunity Name"
    assert texts(list_view(ACE_OPPORTUNITY, "All"), "columns")[0] == "NAME"


def test_pending_acceptances_are_referrals_without_a_decision() -> None:
    rows = [
        {"Opportunity_Ownership__c": origin, "Partner_Acceptance_Status__c": decision}
        for origin in ("AWS Referral", "Partner Referral")
        for decision in (None, "Accepted", "Rejected")
    ]
    assert shown(list_view(ACE_OPPORTUNITY, "Pending_Acceptances"), rows) == rows[:1]


def test_pending_acceptances_of_leads_are_aws_s_leads_without_a_decision() -> None:
    rows = [
        {"ACE_APN_Unique_Identifier__c": identifier, "Current_Lead_Stage__c": decision}
        for identifier in ("L1000001", None)
        for decision in (None, "Accepted", "Rejected")
    ]
    assert shown(list_view(ACE_LEAD, "Pending_Acceptances"), rows) == rows[:1]


def list_view(owner: str, name: str) -> etree._Element:
    found = [path for path in SOURCE.paths if path.parts[-3:] == (owner, "listViews", f"{name}.listView-meta.xml")]
    assert len(found) == 1
    return SOURCE.root(found[0])


def layout(owner: str) -> etree._Element:
    (path,) = (path for name, path in SOURCE.of("layout").items() if name.startswith(f"{owner}-"))
    return SOURCE.root(path)


@pytest.mark.requirement("LOG-18")
def test_details_are_on_the_page_of_the_opportunity() -> None:
    """Sync log, status, error message, created date."""
    columns = {text(one, "relatedList"): texts(one, "fields") for one in every(layout(ACE_OPPORTUNITY), "relatedLists")}
    wanted = ["Sync_Log__c", "Status__c", "Error_Message__c", "CREATED_DATE"]
    assert columns[f"{SYNC_LOG_DETAIL}.{ACE_OPPORTUNITY}"] == wanted
    assert SOURCE.target(SYNC_LOG_DETAIL, ACE_OPPORTUNITY) == ACE_OPPORTUNITY


def test_details_lead_to_the_record_whatever_its_object() -> None:
    """By a link on the page, in the lists and below the log; lookups beside it clear themselves with the record."""
    assert "Record_Link__c" in texts(layout(SYNC_LOG_DETAIL), "*/field")
    (below,) = (
        one for one in every(layout(SYNC_LOG), "relatedLists") if text(one, "relatedList").startswith(SYNC_LOG_DETAIL)
    )
    assert "Record_Link__c" in texts(below, "fields")
    for view in ("All", "Open_Errors"):
        assert "Record_Link__c" in texts(list_view(SYNC_LOG_DETAIL, view), "columns")
    for target, lookup in DETAIL_LOOKUPS.items():
        assert SOURCE.target(SYNC_LOG_DETAIL, lookup) == target
        assert text(SOURCE.objects[SYNC_LOG_DETAIL][lookup], "deleteConstraint") == "SetNull"


def test_the_layouts_offer_the_actions() -> None:
    offered = set(texts(layout(ACE_OPPORTUNITY), "*/actionName"))
    assert {f"{ACE_OPPORTUNITY}.{name}" for name in ON_OPPORTUNITIES} <= offered
    assert f"{ACE_LEAD}.ACE_Send_to_AWS" in texts(layout(ACE_LEAD), "*/actionName")
    assert f"{SYNC_LOG_DETAIL}.ACE_Edit_Payload" in texts(layout(SYNC_LOG_DETAIL), "*/actionName")


# -- quick actions


@pytest.mark.parametrize(("owner", "name", "value"), REQUESTS, ids=str)
def test_an_action_saves_a_request_about_its_record(owner: str, name: str, value: str) -> None:
    found = action(owner, name)
    assert (text(found, "type"), text(found, "targetObject")) == ("Create", ACTION_REQUEST)
    assert text(found, "targetParentField") == PARENTS[owner]
    assert SOURCE.target(ACTION_REQUEST, PARENTS[owner]) == owner
    assert presets(found)["Action__c"] == value
    assert value in SOURCE.values(ACTION_REQUEST, "Action__c")


@pytest.mark.parametrize(("owner", "name", "value"), REQUESTS, ids=str)
def test_an_action_asks_for_what_it_needs(owner: str, name: str, value: str) -> None:
    fields = laid_out(action(owner, name))
    assert {field for field, behavior in fields.items() if behavior == "Required"} == MUST_FILL.get(name, set())
    assert fields
    assert set(fields) | {"Action__c"} <= set(SOURCE.objects[ACTION_REQUEST])


@pytest.mark.parametrize(("owner", "name", "value"), REQUESTS, ids=str)
def test_what_every_request_must_have_is_laid_out_preset_or_has_a_default(owner: str, name: str, value: str) -> None:
    given = set(laid_out(action(owner, name))) | set(presets(action(owner, name)))
    for field, definition in SOURCE.objects[ACTION_REQUEST].items():
        defaults = [one for one in every(definition, "*/value") if text(one, "default") == "true"]
        assert is_grantable(definition) or field in given or defaults


def test_the_approval_status_of_the_opportunity_is_shown_when_its_action_opens() -> None:
    found = action(ACE_OPPORTUNITY, "ACE_Approval_Status")
    assert laid_out(found)["Approval_Status__c"] == "Readonly"
    assert presets(found)["Approval_Status__c"] == f"TEXT({ACE_OPPORTUNITY}.Review_Status__c)"


def test_a_payload_is_corrected_beside_the_original() -> None:
    found = action(SYNC_LOG_DETAIL, "ACE_Edit_Payload")
    assert text(found, "type") == "Update"
    assert laid_out(found) == {"Corrected_Payload__c": "Required", "Reprocess__c": "Edit"}
    assert presets(found) == {"Reprocess__c": "TRUE"}


# -- path and pages


def test_the_path_leads_through_every_stage() -> None:
    path = element("pathAssistant", "ACE_Opportunity_Stage")
    named = (text(path, "active"), text(path, "entityName"), text(path, "fieldName"))
    assert named == ("true", ACE_OPPORTUNITY, "Stage__c")
    stages = texts(SOURCE.objects[ACE_OPPORTUNITY]["Stage__c"], "*/value/fullName")
    assert texts(path, "pathAssistantSteps/picklistValueName") == stages
    for step in every(path, "pathAssistantSteps"):
        assert 0 < len(texts(step, "fieldNames")) <= 5
        assert all(SOURCE.has(ACE_OPPORTUNITY, field) for field in texts(step, "fieldNames"))


def owned_by_aws() -> set[str]:
    fields = SOURCE.objects[ACE_OPPORTUNITY].items()
    return {name for name, one in fields if text(one, "description").startswith("Comes from AWS")}


@pytest.mark.requirement("PCAPI-33")
def test_the_page_of_an_opportunity_has_its_parts() -> None:
    """Path, actions, details of the sync log, and every value of AWS in a group, read-only."""
    page = element("flexipage", "ACE_Opportunity_Record_Page")
    components = texts(page, "*/componentName")
    assert {"runtime_sales_pathassistant:pathAssistant", "force:highlightsPanel", "force:detailPanel"} <= set(
        components
    )
    assert "Sync_Log_Details__r" in properties(page, "relatedListApiName")
    assert components.count("flexipage:fieldSection") >= 4
    fields = {text(one, "fieldItem"): one for one in every(page, "*/fieldInstance")}
    assert {f"Record.{name}" for name in owned_by_aws()} <= set(fields)
    for one in fields.values():
        assert (text(one, "fieldInstanceProperties/name"), text(one, "fieldInstanceProperties/value")) == (
            "uiBehavior",
            "readonly",
        )


def test_actions_of_the_page_follow_the_origin_of_the_opportunity() -> None:
    page = element("flexipage", "ACE_Opportunity_Record_Page")
    rules = {text(one, "value"): one for one in every(page, "*/valueListItems")}
    assert {f"{ACE_OPPORTUNITY}.{name}" for name in (*ON_OPPORTUNITIES, "ACE_Associate_or_Disassociate")} <= set(rules)
    for name, operator in (("ACE_Approval_Status", "EQUAL"), ("ACE_Send_to_AWS", "NE")):
        (rule,) = every(rules[f"{ACE_OPPORTUNITY}.{name}"], "visibilityRule/criteria")
        assert [text(rule, part) for part in ("leftValue", "operator", "rightValue")] == [
            OWNERSHIP,
            operator,
            "AWS Referral",
        ]


@pytest.mark.parametrize("name", SOURCE.of("flexipage"))
def test_parts_of_a_page_that_name_each_other_exist_and_are_used(name: str) -> None:
    page = element("flexipage", name)
    facets = {text(one, "name") for one in every(page, "flexiPageRegions") if text(one, "type") == "Facet"}
    assert facets == {value for told in ("body", "columns", "tabs") for value in properties(page, told)}
    identifiers = texts(page, "*/identifier")
    assert len(identifiers) == len(set(identifiers))


def properties(page: etree._Element, name: str) -> set[str]:
    return {text(one, "value") for one in every(page, "*/componentInstanceProperties") if text(one, "name") == name}


# -- flows and notifications


@pytest.mark.parametrize(("name", "value"), CONFIRMED.items(), ids=str)
def test_a_flow_without_a_record_asks_before_it_saves_its_request(name: str, value: str) -> None:
    flow = element("flow", name)
    (create,) = every(flow, "recordCreates")
    assert text(create, "object") == ACTION_REQUEST
    assert texts(create, "inputAssignments/value/stringValue") == [value]
    assert value in SOURCE.values(ACTION_REQUEST, "Action__c")
    first = next(
        one for one in every(flow, "screens") if text(one, "name") == text(flow, "start/connector/targetReference")
    )
    assert text(first, "nextOrFinishButtonLabel") == "Proceed"
    assert text(first, "connector/targetReference") == text(create, "name")


SCREENS = [*CONFIRMED, "ACE_Associate_or_Disassociate"]


@pytest.mark.parametrize("name", SCREENS)
def test_screen_flows_only_ask(name: str) -> None:
    """They write requests and their items, nothing else, and tell when that fails."""
    flow = element("flow", name)
    assert not [kind for kind in ("recordUpdates", "recordDeletes", "actionCalls", "subflows") if every(flow, kind)]
    written = {text(one, "object") or "Items" for one in every(flow, "recordCreates")}
    assert written <= {ACTION_REQUEST, "Items"}
    for one in (*every(flow, "recordCreates"), *every(flow, "recordLookups")):
        assert text(one, "faultConnector/targetReference")


def test_associations_name_entities_as_items_take_them() -> None:
    flow = element("flow", "ACE_Associate_or_Disassociate")
    item = "ACE_Action_Request_Item__c"
    seen: dict[str, set[str]] = {}
    for one in every(flow, "*/assignmentItems"):
        owner, _, field = text(one, "assignToReference").partition(".")
        if owner == "Item":
            assert SOURCE.has(item, field)
            seen.setdefault(field, set()).update(texts(one, "value/stringValue"))
    assert seen["Operation__c"] == SOURCE.values(item, "Operation__c")
    # What the tables have no rows for (offer sets, solutions and products of AWS Marketplace) is named by command.
    assert seen["Entity_Type__c"] < SOURCE.values(item, "Entity_Type__c")
    assert {"Action_Request__c", "Entity_Id__c"} <= set(seen)


@pytest.mark.parametrize("name", SOURCE.of("flow"))
def test_every_element_of_a_flow_is_reached(name: str) -> None:
    flow = element("flow", name)
    steps = [one for one in flow if one.find("{*}locationX") is not None and not one.tag.endswith("}start")]
    assert {text(one, "name") for one in steps} == set(texts(flow, "*/targetReference"))


@pytest.mark.parametrize(
    ("name", "owner", "states", "told"),
    [
        ("ACE_Sync_Log_Error", SYNC_LOG, {"Error"}, "Get_Group.Id"),
        ("ACE_Action_Request_Finished", ACTION_REQUEST, {"Done", "Failed", "Unknown"}, "$Record.CreatedById"),
    ],
)
def test_people_are_told_when_a_status_is_reached(name: str, owner: str, states: set[str], told: str) -> None:
    flow = element("flow", name)
    start = every(flow, "start")[0]
    assert (text(start, "object"), text(start, "triggerType")) == (owner, "RecordAfterSave")
    assert set(texts(start, "filters/value/stringValue")) == states
    assert text(start, "doesRequireRecordChangedToMeetCriteria") == "true"
    assert text(start, "scheduledPaths/pathType") == "AsyncAfterCommit"
    assert not text(start, "connector/targetReference"), "nothing may run within the transaction of the log"
    (notify,) = every(flow, "actionCalls")
    assert text(notify, "actionType") == "customNotificationAction"
    assert told in texts(flow, "*/assignmentItems/value/elementReference")
    for one in (notify, *every(flow, "recordLookups")):
        assert text(one, "faultConnector/targetReference")


def test_notifications_have_their_type_and_their_group() -> None:
    looked_up = set(texts(element("flow", "ACE_Sync_Log_Error"), "recordLookups/filters/value/stringValue"))
    assert looked_up == {*SOURCE.of("notiftype"), *SOURCE.of("group"), "Regular"}


# -- the extras


def test_every_extra_is_known() -> None:
    assert sorted(path.name for path in (PROJECT / "extras").iterdir() if (path / "main").is_dir()) == EXTRAS


@pytest.mark.parametrize("name", EXTRAS)
def test_an_extra_says_what_it_needs_and_how_it_is_deployed(name: str) -> None:
    told = (Path(PROJECT) / "extras" / name / "README.md").read_text(encoding="utf-8")
    assert "**Prerequisites:**" in told
    assert f"sf project deploy start --source-dir extras/{name}" in told
