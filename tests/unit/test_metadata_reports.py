"""What the package's reports and dashboards count, and where they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from lxml import etree
from metadata_source import Source, every, text, texts
from report_figures import figures

from connector.names import SYNC_LOG, SYNC_LOG_DETAIL
from connector.sync.logs import (
    API_SUCCESS,
    ERROR,
    FROM_AWS,
    INBOUND_FILES,
    INBOUND_RECORDS,
    OUTBOUND_RETRIEVAL,
    TO_AWS,
    run_status,
)

SOURCE = Source()
FOLDER, DASHBOARDS = "AWS_Partner_CRM_connector", "AWS_Partner_CRM_connector_Dashboards"
TODAY = date(2026, 11, 23)
SUCCEEDED, FAILED = "Success_Count__c", "Error_Count__c"
OFFERS, RESALE, SHARED = "AWS_Private_Offer__c", "AWS_Resale_Authorization__c", "AWS_Shared_Resale_Authorization__c"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job: its day counted back from today, and how many records succeeded and failed."""

    ago: int
    direction: str
    succeeded: int
    failed: int


RUNS = [
    Run(0, FROM_AWS, 3, 1), Run(0, FROM_AWS, 0, 2), Run(0, TO_AWS, 4, 0), Run(1, TO_AWS, 2, 3), Run(1, FROM_AWS, 5, 0),
    Run(3, TO_AWS, 0, 6), Run(3, TO_AWS, 7, 1), Run(9, FROM_AWS, 8, 8), Run(29, FROM_AWS, 1, 1), Run(29, TO_AWS, 1, 1),
]  # fmt: skip
"""Runs of several days, some of them on one day."""
REFUSED_CALL = Run(2, FROM_AWS, 0, 0)
OLD = [Run(30, FROM_AWS, 9, 9), Run(45, TO_AWS, 9, 9)]


def log(run: Run, purpose: str, hour: int, **fields: Any) -> dict[str, Any]:
    created = datetime.combine(TODAY - timedelta(days=run.ago), time(hour), UTC)
    return {
        "Name": f"SL-{hour}",
        "CreatedDate": created,
        "Direction__c": run.direction,
        "Purpose__c": purpose,
        **fields,
    }


def logs_of(run: Run, hour: int) -> list[dict[str, Any]]:
    """Return the logs that the run leaves in the org: an inbound run also logs the call that found the records."""
    status = run_status(run.succeeded, run.failed)
    counts = {"Status__c": status, SUCCEEDED: run.succeeded, FAILED: run.failed}
    if run.direction == TO_AWS:
        return [log(run, OUTBOUND_RETRIEVAL, hour, **counts)]
    found = log(run, INBOUND_FILES, hour, Status__c=API_SUCCESS)
    return [found, log(run, INBOUND_RECORDS, hour, **counts, Parent_Log__c="a01")]


LOGS = [entry for hour, run in enumerate([*RUNS, *OLD]) for entry in logs_of(run, hour)]
LOGS.append(log(REFUSED_CALL, INBOUND_FILES, 23, Status__c=ERROR))


def report(name: str) -> etree._Element:
    return SOURCE.root(SOURCE.of("report")[name])


def per_day(name: str, field: str) -> dict[date, float]:
    """Return the sums that the report shows by day, without the days that it shows a zero for."""
    shown = figures(report(name), LOGS, TODAY)
    return {day: sums[field] for (day,), sums in shown.items() if sums.get(field)}


def seeded(direction: str, field: str) -> dict[date, float]:
    counted: Counter[date] = Counter()
    for run in RUNS:
        if run.direction == direction:
            counted[TODAY - timedelta(days=run.ago)] += run.succeeded if field == SUCCEEDED else run.failed
    return {day: count for day, count in counted.items() if count}


@pytest.mark.parametrize(
    ("name", "direction", "field"),
    [
        pytest.param("Inbound_Sync_Logs_Error", FROM_AWS, FAILED, marks=pytest.mark.requirement("REP-01")),
        pytest.param("Inbound_Sync_Logs_Success", FROM_AWS, SUCCEEDED, marks=pytest.mark.requirement("REP-02")),
        pytest.param("Outbound_Sync_Logs_Error", TO_AWS, FAILED, marks=pytest.mark.requirement("REP-03")),
        pytest.param("Outbound_Sync_Logs_Success", TO_AWS, SUCCEEDED, marks=pytest.mark.requirement("REP-04")),
    ],
)
def test_record_counts_by_day_are_those_of_the_runs(name: str, direction: str, field: str) -> None:
    assert len(seeded(direction, field)) >= 3
    assert per_day(name, field) == seeded(direction, field)


@pytest.mark.requirement("REP-05")
def test_the_summary_counts_jobs_by_day_and_direction() -> None:
    shown = figures(report("Synchronization_Summary"), LOGS, TODAY)
    jobs = Counter((TODAY - timedelta(days=run.ago), run.direction) for run in [*RUNS, REFUSED_CALL])
    assert {group: sums["RowCount"] for group, sums in shown.items()} == jobs


def test_a_day_on_which_only_a_call_failed_is_in_the_error_report() -> None:
    shown = figures(report("Inbound_Sync_Logs_Error"), LOGS, TODAY)
    assert shown[(TODAY - timedelta(days=REFUSED_CALL.ago),)] == {"RowCount": 1, FAILED: 0}


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Inbound_Sync_Logs_Error", "Inbound Sync Logs - Error: Inbound"),
        ("Inbound_Sync_Logs_Success", "Inbound Sync Logs - Success: Inbound"),
        ("Outbound_Sync_Logs_Error", "Outbound Sync Logs - Error: Outbound"),
        ("Outbound_Sync_Logs_Success", "Outbound Sync Logs - Success: Outbound"),
        ("Synchronization_Summary", "Synchronization Summary"),
    ],
)
@pytest.mark.requirement("REP-06")
def test_reports_are_in_the_public_folder(name: str, title: str) -> None:
    folder = SOURCE.root(SOURCE.of("reportFolder")[FOLDER])
    assert text(folder, "name") == "AWS Partner CRM connector"
    assert text(folder, "accessType") == "Public"
    assert SOURCE.of("report")[name].parent.name == FOLDER
    assert text(report(name), "name") == title


@pytest.mark.parametrize("name", SOURCE.of("report"))
def test_report_reads_the_whole_org_and_has_names_that_fit(name: str) -> None:
    assert text(report(name), "scope") == "organization"
    assert 0 < len(text(report(name), "name")) <= 40
    assert len(text(report(name), "description")) <= 255


@pytest.mark.requirement("REP-13")
def test_sync_logs_with_details_can_be_reported_on() -> None:
    """The relationship is reportable, and admins find a report type that joins both."""
    for name in (SYNC_LOG, SYNC_LOG_DETAIL, "ACE_Action_Request__c", "ACE_Opportunity__c"):
        definition = SOURCE.definition(name)
        assert definition is not None
        assert text(definition, "enableReports") == "true"
    kind = SOURCE.root(SOURCE.of("reportType")["ACE_Sync_Logs_with_Details"])
    assert (text(kind, "baseObject"), text(kind, "deployed")) == (SYNC_LOG, "true")
    assert SOURCE.child(SYNC_LOG, text(kind, "join/relationship")) == (SYNC_LOG_DETAIL, "Sync_Log__c")
    assert text(kind, "join/outerJoin") == "true"


def dashboards() -> list[str]:
    return list(SOURCE.of("dashboard"))


@pytest.mark.parametrize("name", dashboards())
@pytest.mark.requirement("REP-07")
def test_dashboards_are_static_and_in_a_folder_of_their_own(name: str) -> None:
    path = SOURCE.of("dashboard")[name]
    assert path.parent.name == DASHBOARDS
    assert DASHBOARDS in SOURCE.of("dashboardFolder")
    assert text(SOURCE.root(path), "dashboardType") == "SpecifiedUser"
    assert text(SOURCE.root(path), "runningUser")


def test_the_dashboard_folder_is_shared_with_nobody_at_first() -> None:
    """A static dashboard shows to everyone what its running user may read."""
    folder = SOURCE.root(SOURCE.of("dashboardFolder")[DASHBOARDS])
    assert text(folder, "accessType") == "Hidden"
    assert not every(folder, "folderShares")


def shown_by(dashboard: str) -> set[tuple[str, str, str]]:
    """Return what the dashboard shows: the object counted, the kind of component, the field it groups by."""
    found = set()
    for one in every(SOURCE.root(SOURCE.of("dashboard")[dashboard]), "*/dashboardComponent"):
        kind = text(report(text(one, "report").split("/")[1]), "reportType").removesuffix("__c")
        base = text(SOURCE.root(SOURCE.of("reportType")[kind]), "baseObject")
        found.add((base, text(one, "componentType"), text(one, "groupingColumn").rpartition("$")[2]))
    return found


def test_the_sync_status_dashboard_shows_the_five_reports() -> None:
    components = SOURCE.root(SOURCE.of("dashboard")["Sync_Status"])
    used = {name.split("/")[1] for name in texts(components, "*/report")}
    assert used == {name for name, path in SOURCE.of("report").items() if path.parent.name == FOLDER}


@pytest.mark.requirement("REP-08")
def test_the_overview_counts_opportunities_and_leads() -> None:
    counted = {("ACE_Opportunity__c", "Metric", ""), ("ACE_Lead__c", "Metric", "")}
    assert counted < shown_by("Co_Sell_Overview")


@pytest.mark.requirement("REP-09")
def test_the_marketplace_dashboard_shows_offers_and_authorizations_by_status() -> None:
    shown = shown_by("AWS_Marketplace")
    assert {(OFFERS, "Column", "Status__c"), (RESALE, "Donut", "Status__c"), (SHARED, "Donut", "Status__c")} < shown
    assert {(name, "Metric", "") for name in (OFFERS, RESALE, SHARED)} < shown


def test_the_running_user_is_put_in_at_deployment() -> None:
    """No org has the user that the files name; the project replaces him by one that the admin names."""
    project = (SOURCE.project / "sfdx-project.json").read_text(encoding="utf-8")
    for path in SOURCE.of("dashboard").values():
        assert f'"{text(SOURCE.root(path), "runningUser")}"' in project
    assert '"replaceWithEnv": "DASHBOARD_RUNNING_USER"' in project
