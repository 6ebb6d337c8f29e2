"""Everything that the package names exists, within the platform's limits; and a name that does not is found."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import metadata_automation
import metadata_references
import pytest
from metadata_source import PROJECT, Source, split, text

CHECKS = metadata_references.CHECKS | metadata_automation.CHECKS
UNCHECKED = {"customPermission", "reportFolder", "dashboardFolder", "notiftype", "group", "eca"}
"""Kinds of files that name nothing else."""
SOURCE = Source()
FILES = [SOURCE.name(path) for path in SOURCE.paths]
CUSTOM = [name for name in SOURCE.objects if name.endswith("__c")]


def found(source: Source, path: Path) -> list[str]:
    kind = split(path)[1]
    named = CHECKS[kind](source, path) if kind in CHECKS else ()
    return [*metadata_references.full_name(source, path), *named]


@pytest.mark.parametrize("file", FILES)
def test_everything_that_a_file_names_exists(file: str) -> None:
    assert split(PROJECT / file)[1] in CHECKS.keys() | UNCHECKED
    assert found(SOURCE, PROJECT / file) == []


def test_names_of_files_are_given_once() -> None:
    """The platform has one component of a type and name; a second file would overwrite the first."""
    nested = {"fields", "listViews", "validationRules", "compactLayouts", "webLinks"}
    names = ["/".join(path.parts[-3:]) if path.parts[-2] in nested else path.name for path in SOURCE.paths]
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("name", CUSTOM)
def test_object_stays_within_the_platform_limits(name: str) -> None:
    fields = SOURCE.objects[name].values()
    kinds = Counter(text(one, "type") for one in fields)
    assert re.fullmatch(r"[A-Za-z](?:_?[A-Za-z0-9])*__c", name)
    assert len(name.removesuffix("__c")) <= 40
    assert kinds["MasterDetail"] <= 2
    assert kinds["MasterDetail"] + kinds["Lookup"] <= 40
    assert sum(text(one, "externalId") == "true" for one in fields) <= 25
    assert sum(text(one, "trackHistory") == "true" for one in fields) <= 20


def test_relationship_names_are_given_once_per_parent() -> None:
    taken = [
        (text(one, "referenceTo"), text(one, "relationshipName").lower())
        for fields in SOURCE.objects.values()
        for one in fields.values()
        if text(one, "referenceTo")
    ]
    assert [pair for pair, count in Counter(taken).items() if count > 1] == []


def test_the_app_is_one_of_lightning_experience() -> None:
    assert [text(SOURCE.root(path), "uiType") for path in SOURCE.of("app").values()] == ["Lightning"]


def test_base_names_nothing_of_the_extras() -> None:
    """An admin deploys it alone."""
    base = Source(part="base")
    assert {base.name(path): problems for path in base.paths if (problems := found(base, path))} == {}


def test_secrets_are_nowhere_in_the_package() -> None:
    for path in SOURCE.paths:
        assert not re.search(r"consumerSecret|AKIA[0-9A-Z]{16}|BEGIN [A-Z ]*PRIVATE KEY", path.read_text("utf8"))


FAULTS = [
    (
        "ACE_Sync_Log_Detail__c/fields/Sync_Log__c.field-meta.xml",
        ">ACE_Sync_Log__c<",
        ">ACE_Log__c<",
        "no object ACE_Log",
    ),
    (
        "ACE_Closed_Lost_Reason.validationRule-meta.xml",
        "Closed_Lost_Reason__c)",
        "Lost_Why__c)",
        "no field Lost_Why__c",
    ),
    ("ACE_Sync_Log__c/listViews/Inbound_Sync_Logs.listView-meta.xml", ">From AWS<", ">AWS<", "does not take AWS"),
    ("ACE_Sync_Log__c/listViews/Inbound_Sync_Logs.listView-meta.xml", "<columns>NAME", "<columns>NAM", "no field NAM"),
    ("ACE_Sync_Log__c-ACE Sync Log Layout.layout-meta.xml", ">Direction__c<", ">Way__c<", "no field Way__c"),
    ("ACE_Sync_Log__c-ACE Sync Log Layout.layout-meta.xml", ">Purpose__c<", ">Direction__c<", "is shown twice"),
    (
        "APN_Business_User.permissionset-meta.xml",
        ">ACE_Opportunity__c.Stage__c<",
        ">ACE_Opportunity__c.Step__c<",
        "no field Step",
    ),
    (
        "APN_Business_User.permissionset-meta.xml",
        ">ACE_Sync_Log__c.Message__c<",
        ">ACE_Worker__c.Message__c<",
        "not granted",
    ),
    ("APN_Business_User.permissionset-meta.xml", "<tab>ACE_Sync_Log__c", "<tab>ACE_Log__c", "no tab ACE_Log__c"),
    (
        "APN_Integration_User.permissionset-meta.xml",
        "<name>ACE_Integration<",
        "<name>ACE_Integrated<",
        "ACE_Integrated",
    ),
    (
        "APN_Integration_User.permissionset-meta.xml",
        "<viewAllRecords>true",
        "<viewAllRecords>false",
        "needs viewAllRecords",
    ),
    ("ACE_Refresh_Solutions.flow-meta.xml", "<field>Action__c<", "<field>Act__c<", "no field Act__c"),
    (
        "ACE_Refresh_Solutions.flow-meta.xml",
        ">Refresh Solutions</stringValue",
        ">Reload</stringValue",
        "not take Reload",
    ),
    (
        "ACE_Refresh_Solutions.flow-meta.xml",
        ">Create_Request</targetRef",
        ">Make_Request</targetRef",
        "an arrow ends at",
    ),
    ("ACE_Sync_Log_Error.flow-meta.xml", "$Record.Direction__c", "$Record.Way__c", "no field Way__c"),
    ("ACE_Opportunity_Record_Page.flexipage-meta.xml", "Record.Review_Status__c", "Record.Step__c", "no field Step__c"),
    ("ACE_Opportunity_Record_Page.flexipage-meta.xml", "Details__r", "Detail__r", "has no related list"),
    ("ACE_Sync_Logs_with_Details.reportType-meta.xml", ">Status__c<", ">State__c<", "no field State__c"),
    ("ACE_Sync_Logs_with_Details.reportType-meta.xml", ">Sync_Log_Details__r<", ">Details__r<", "joins nothing"),
    ("Inbound_Sync_Logs_Error.report-meta.xml", ">Error,Partial<", ">Failed<", "does not take Failed"),
    ("Inbound_Sync_Logs_Error.report-meta.xml", "$Purpose__c<", "$Reason__c<", "no column ACE_Sync_Log__c$Reason__c"),
    ("Sync_Status.dashboard-meta.xml", "/Inbound_Sync_Logs_Error<", "/Inbound_Errors<", "no report"),
    ("ACE_Opportunity__c.ACE_Share_with_AWS.quickAction-meta.xml", ">Share<", ">Give<", "does not take Give"),
    ("ACE_Opportunity_Stage.pathAssistant-meta.xml", ">Prospect<", ">Prospected<", "does not take Prospected"),
    ("ACE_Deactivate_All_Jobs.webLink-meta.xml", "/flow/ACE_D", "/flow/D", "no flow Deactivate_All_Jobs"),
    ("AWS_Partner_CRM_Connector.app-meta.xml", ">ACE_Worker__c<", ">ACE_Workers__c<", "no tab ACE_Workers__c"),
]


@pytest.mark.parametrize(("ending", "right", "wrong", "told"), FAULTS)
def test_a_name_that_leads_to_nothing_is_told(ending: str, right: str, wrong: str, told: str) -> None:
    source = Source()
    [path] = [one for one in source.paths if one.as_posix().endswith(ending)]
    written = source.written(path)
    assert right in written
    assert not any(told in problem for problem in found(source, path))
    source.pretend(path, written.replace(right, wrong))
    assert any(told in problem for problem in found(source, path))
