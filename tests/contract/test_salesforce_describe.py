"""Describe, access checks and the budget of API requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from salesforce_script import ORG_ID, USER_ID, Answer, Asked, ScriptedOrg, door_to, page, refusal, scripted_org

from connector.errors import ConfigError, Deferred
from connector.salesforce.access import Need
from connector.salesforce.usage import UsageGovernor

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def org():
    with scripted_org() as running:
        yield running


def field(name: str, **changes: Any) -> dict[str, Any]:
    base = {
        "name": name,
        "label": name,
        "type": "string",
        "length": 80,
        "nillable": True,
        "createable": True,
        "updateable": True,
    }
    return {**base, "filterable": True, **changes}


def described(name: str, *fields: dict[str, Any], **changes: Any) -> Answer:
    body = {"name": name, "label": name, "keyPrefix": "006", "createable": True, "updateable": True, "queryable": True}
    return Answer(200, {**body, **changes, "fields": [field("Id", type="id", updateable=False), *fields]})


STAGE = field(
    "StageName",
    type="picklist",
    restrictedPicklist=True,
    nillable=False,
    picklistValues=[
        {"value": "New", "label": "Neu", "active": True},
        {"value": "Old", "label": None, "active": False},
    ],
)
AMOUNT = field("Amount", type="currency", precision=18, scale=2, length=0)
FORMULA = field("Due__c", type="boolean", calculated=True, calculatedFormula="A__c", createable=False, updateable=False)
ACCOUNT = field("AccountId", type="reference", referenceTo=["Account"], relationshipName="Account")


def test_a_describe_is_read_into_the_mappings_own_terms(org: ScriptedOrg) -> None:
    key = field("Key__c", externalId=True, unique=True, caseSensitive=True, length=255)
    org.on("GET", "sobjects/Opportunity/describe", described("Opportunity", STAGE, AMOUNT, FORMULA, ACCOUNT, key))
    with door_to(org) as door:
        found = door.describe("Opportunity")
    stage, amount = found.field("stagename"), found.field("AMOUNT")
    assert stage is not None and amount is not None
    assert [(entry.value, entry.label, entry.active) for entry in stage.picklist] == [
        ("New", "Neu", True),
        ("Old", "Old", False),
    ]
    assert stage.restricted_picklist and not stage.nillable
    assert (amount.precision, amount.scale, amount.type) == (18, 2, "currency")
    assert found.fields["due__c"].formula == "A__c" and found.fields["due__c"].calculated
    assert found.fields["accountid"].reference_to == ("Account",)
    assert (
        found.fields["key__c"].external_id and found.fields["key__c"].unique and found.fields["key__c"].case_sensitive
    )
    assert found.field("Missing__c") is None


def test_a_kept_describe_is_revalidated_and_a_change_is_seen(org: ScriptedOrg) -> None:
    modified = {"Last-Modified": "Mon, 23 Nov 2026 01:02:03 GMT"}
    first, changed = described("Lead"), described("Lead", AMOUNT)
    first.headers, changed.headers = modified, {"Last-Modified": "Mon, 23 Nov 2026 02:00:00 GMT"}
    org.on("GET", "sobjects/[Ll]ead/describe", first, Answer(304), changed, Answer(304))
    with door_to(org) as door:
        one = door.describe("Lead")
        assert door.describe("lead") is one
        assert door.describe("Lead").field("Amount") is not None
        assert door.describe("Lead").field("Amount") is not None
    sent = [call.headers.get("if-modified-since") for call in org.calls("describe")]
    assert sent == [None, *[modified["Last-Modified"]] * 2, "Mon, 23 Nov 2026 02:00:00 GMT"]


def test_without_a_last_modified_the_answers_date_less_a_margin_is_used(org: ScriptedOrg) -> None:
    org.on("GET", "sobjects/Lead/describe", described("Lead"), Answer(304))
    with door_to(org) as door:
        door.describe("Lead")
        door.describe("Lead")
    second = org.calls("describe")[1].headers["if-modified-since"]
    stamp = datetime.strptime(second, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert datetime.now(UTC) - stamp >= timedelta(seconds=5)


def test_within_its_age_a_describe_costs_nothing_and_siblings_share_it(org: ScriptedOrg) -> None:
    org.on("GET", "sobjects/Lead/describe", described("Lead"))
    with door_to(org, describe_max_age=3600.0) as door:
        sibling = door.sibling()
        assert door.describe("Lead") is sibling.describe("LEAD")
        sibling.close()
    assert len(org.calls("describe")) == 1


def test_permissions_may_change_without_a_304_noticing_so_everything_is_read_anew_within_the_hour(
    org: ScriptedOrg,
) -> None:
    org.on("GET", "sobjects/Lead/describe", described("Lead"))
    clock = Clock()
    with door_to(org, options={"now": clock.now}) as door:
        door.describe("Lead")
        clock.time += timedelta(minutes=61)
        door.describe("Lead")
    assert "if-modified-since" not in org.calls("describe")[1].headers


@pytest.mark.parametrize("name", ["Nope__c", "Lead/../User", ""])
def test_an_object_that_is_not_there_may_be_hidden_and_the_message_says_both(org: ScriptedOrg, name: str) -> None:
    org.on("GET", "sobjects/Nope__c/describe", refusal(404, "NOT_FOUND", "The requested resource does not exist"))
    with door_to(org) as door, pytest.raises(ConfigError) as caught:
        door.describe(name)
    if name == "Nope__c":
        assert "does not exist" in str(caught.value) and "permission" in str(caught.value)


# access


def access_org(
    org: ScriptedOrg, *, view_all: bool = False, model: str = "Private", assignments: Answer | None = None
) -> None:
    read_only = field("Name", createable=False, updateable=False)
    org.on("GET", "sobjects/Opportunity/describe", described("Opportunity", STAGE, FORMULA, ACCOUNT, read_only))
    org.on("GET", "sobjects/Account/describe", described("Account", field("Name"), updateable=False))
    info = {"user_id": USER_ID, "organization_id": ORG_ID, "preferred_username": "u@x"}
    org.on("GET", "/services/oauth2/userinfo", Answer(200, info))

    def answer(asked: Asked) -> Answer:
        soql = asked.query["q"]
        if "FROM Organization" in soql:
            return page([{"Id": ORG_ID, "IsSandbox": False}])
        if "FROM ObjectPermissions" in soql:
            return page([{"Id": "1", "PermissionsViewAllRecords": True}] if view_all else [])
        if "FROM EntityDefinition" in soql:
            return page([{"QualifiedApiName": "Opportunity", "InternalSharingModel": model}])
        return assignments or page([])

    org.on("GET", "query/", answer)


def test_access_problems_name_object_field_right_and_remedy(org: ScriptedOrg) -> None:
    access_org(org)
    need = Need(
        "Opportunity",
        read=("StageName", "Account.Name", "Hidden__c", "Account.Hidden__c", "Nobody.Name"),
        create=("StageName", "Name"),
        edit=("StageName", "Due__c", "Name"),
        all_records=True,
    )
    with door_to(org) as door:
        found = {(problem.code, problem.field): problem for problem in door.check_access([need])}
        account = door.check_access([Need("Account", edits=True)])
        missing = door.check_access([Need("Missing__c")])
    assert set(found) == {
        ("FIELD_MISSING", "Opportunity.Hidden__c"),
        ("FIELD_MISSING", "Opportunity.Account.Hidden__c"),
        ("FIELD_MISSING", "Opportunity.Nobody.Name"),
        ("FIELD_NO_CREATE", "Opportunity.Name"),
        ("FIELD_NO_EDIT", "Opportunity.Name"),
        ("FIELD_NO_EDIT", "Opportunity.Due__c"),
        ("RECORDS_MAY_BE_HIDDEN", "Opportunity"),
    }
    assert "field-level security" in found["FIELD_MISSING", "Opportunity.Hidden__c"].rule
    assert "formula" in found["FIELD_NO_EDIT", "Opportunity.Due__c"].rule
    assert [problem.code for problem in account] == ["OBJECT_NO_EDIT"]
    assert [problem.code for problem in missing] == ["OBJECT_MISSING"]


def test_a_question_that_the_user_may_not_ask_leaves_the_visibility_unknown(org: ScriptedOrg) -> None:
    hidden = refusal(400, "INVALID_TYPE", "sObject type 'PermissionSetAssignment' is not supported.")
    access_org(org, assignments=hidden)
    with door_to(org) as door:
        [problem] = door.check_access([Need("Opportunity", all_records=True)])
    assert problem.code == "VISIBILITY_UNKNOWN" and "View All on Opportunity" in problem.remedy


@pytest.mark.parametrize(
    "granted", [{"assignments": page([{"Id": "1"}])}, {"view_all": True}, {"model": "ReadWrite"}, {"model": "Read"}]
)
def test_a_user_who_sees_all_records_has_no_visibility_problem(org: ScriptedOrg, granted: dict[str, Any]) -> None:
    access_org(org, **granted)
    with door_to(org) as door:
        assert (
            door.check_access([Need("Opportunity", read=("StageName",), edit=("StageName",), all_records=True)]) == []
        )
    asked = [call.query["q"] for call in org.calls("query") if "ObjectPermissions" in call.query["q"]]
    assert f"AssigneeId = '{USER_ID}'" in asked[0] and "SobjectType = 'Opportunity'" in asked[0]


# API usage


class Clock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time


def test_usage_is_what_the_org_reports_with_every_answer_refusals_included(org: ScriptedOrg) -> None:
    org.on("GET", "query/", page([]), refusal(404, "NOT_FOUND"))
    with door_to(org) as door:
        assert door.api_usage() == (0, 0)
        org.limit_info = "api-usage=10018/100000; api-bursts=1/750"
        list(door.query("SELECT Id FROM Lead"))
        assert door.api_usage() == (10018, 100000)
        org.limit_info = "per-app-api-usage=17/250(appName=x), api-usage=10019/100000"
        with pytest.raises(Exception, match="cannot see it"):
            list(door.query("SELECT Id FROM Lead"))
        assert door.api_usage() == (10019, 100000)
        assert door.own_usage() == 2


def test_above_our_share_only_what_people_wait_for_goes_through(org: ScriptedOrg) -> None:
    org.limit_info = "api-usage=3/10"
    org.on("GET", "query/", page([]))
    clock = Clock()
    with door_to(org, daily_share=0.3, options={"now": clock.now}) as door:
        for _ in range(3):
            list(door.query("SELECT Id FROM Lead"))
        with pytest.raises(Deferred, match="3 of 3") as caught:
            list(door.query("SELECT Id FROM Lead"))
        assert START < caught.value.until <= START + timedelta(hours=25)
        with door.urgent():
            list(door.query("SELECT Id FROM Lead"))
        with pytest.raises(Deferred):
            list(door.sibling().query("SELECT Id FROM Lead"))
        assert len(org.calls("query")) == 4
        clock.time = caught.value.until
        list(door.query("SELECT Id FROM Lead"))


def test_near_the_orgs_limit_work_pauses_and_looks_again_later() -> None:
    clock = Clock()
    governor = UsageGovernor(1.0, now=clock.now)
    governor.observe("api-usage=96000/100000")
    with pytest.raises(Deferred, match="96000 of 100000") as caught:
        governor.admit()
    with governor.urgent(), governor.urgent():
        governor.admit()
    with pytest.raises(Deferred):
        governor.admit()
    clock.time = caught.value.until
    governor.admit()
    governor.observe("api-usage=50000/100000")
    governor.admit()


@pytest.mark.parametrize("header", [None, "", "nonsense", "api-usage=x/y"])
def test_an_answer_without_a_report_changes_nothing(header: str | None) -> None:
    governor = UsageGovernor(0.5, now=Clock().now)
    governor.observe("api-usage=1/10")
    governor.observe(header)
    assert governor.reported == (1, 10) and governor.own == 2


def test_every_exchange_can_be_observed_without_anything_secret(org: ScriptedOrg) -> None:
    seen: list[Any] = []
    org.on("GET", "query/", page([]))
    with door_to(org, options={"observe": seen.append}) as door:
        list(door.query("SELECT Id FROM Lead WHERE Email = 'jane@customer.example'"))
    assert [(item.method, item.path.rsplit("/v66.0")[-1], item.status) for item in seen] == [
        ("POST", "/services/oauth2/token", 200),
        ("GET", "/query/", 200),
    ]
    assert "jane" not in repr(seen) and "00D" not in repr(seen)
