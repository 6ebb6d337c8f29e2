"""A schedule of opportunities needs a mapping that works: what keeps it from being activated, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from admin_desk import DEALS, Desk
from salesforce_sandbox import Client

SCHEDULE, COMPANY = "ACE_Schedule__c", "Customer_Company_Name__c"


@pytest.fixture
def schedule(desk: Desk) -> Iterator[str]:
    """The name of a schedule that nobody activated, with the packaged mapping published."""
    desk.do("mapping", "automap")
    desk.do("mapping", "publish")
    org = desk.info["salesforce"]
    client = Client(org["instance_url"], org["users"]["integration"]["access_token"])
    made = client.post(f"sobjects/{SCHEDULE}", {"Object__c": "Opportunity", "Interval_Minutes__c": 60})
    assert made.status_code == 201, made.text
    [row] = client.rows(f"SELECT Name FROM {SCHEDULE} WHERE Id = '{made.json()['id']}'")
    yield row["Name"]
    client.send("DELETE", f"sobjects/{SCHEDULE}/{made.json()['id']}")
    client.session.close()


def test_a_mapping_without_a_required_field_does_not_come_into_force(desk: Desk, schedule: str) -> None:
    """SCHED-07, its first half: such a mapping cannot be published, so that no schedule ever runs with it."""
    desk.do("mapping", "unset", "customerCompanyName")
    assert "customerCompanyName" in desk.do("mapping", "publish", code=2).err
    desk.do("mapping", "discard")
    desk.do("schedule", "activate", schedule)
    desk.do("schedule", "deactivate", schedule)


def test_a_required_field_that_the_org_hides_refuses_the_schedule_by_name(desk: Desk, schedule: str) -> None:
    """SCHED-07, for what happens behind the mapping's back: the field is hidden, and told with what it is mapped to."""
    org, user = desk.sandbox.org, desk.info["salesforce"]["users"]["integration"]["id"]
    org.hide(DEALS, COMPANY, user)
    try:
        refused = desk.run("schedule", "activate", schedule)
    finally:
        org.show(DEALS, COMPANY, user)
    assert refused.code != 0
    assert f"{schedule} cannot be activated" in refused.err
    assert f"customerCompanyName ({COMPANY})" in refused.err
    [row] = desk.admin.rows(f"SELECT Active__c FROM {SCHEDULE} WHERE Name = '{schedule}'")
    assert row["Active__c"] is False
    desk.do("schedule", "activate", schedule)
    desk.do("schedule", "deactivate", schedule)


@pytest.mark.requirement("PERM-31")
def test_the_command_line_schedules_with_the_integration_users_login_only(
    desk: Desk, schedule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a business administrator's login the mapping is edited, and no schedule is activated: as in Salesforce."""
    people = desk.info["salesforce"]["users"]
    with monkeypatch.context() as limited:
        limited.setenv("CONNECTOR__SALESFORCE__USERNAME", people["admin"]["username"])
        desk.do("mapping", "unset", "nextStep")
        desk.do("mapping", "discard")
        refused = desk.run("schedule", "activate", schedule)
    assert refused.code != 0
    assert f"{schedule} cannot be activated" in refused.err
    assert "APN_Integration_User" in refused.err
    [row] = desk.admin.rows(f"SELECT Active__c FROM {SCHEDULE} WHERE Name = '{schedule}'")
    assert row["Active__c"] is False
    desk.do("schedule", "activate", schedule)
    desk.do("schedule", "deactivate", schedule)
