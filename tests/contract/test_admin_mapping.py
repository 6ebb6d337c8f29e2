"""``connector mapping``: from draft to published version, checked against today's org."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from admin_desk import Desk


@pytest.fixture(autouse=True)
def first_mapping(desk: Desk) -> None:
    """The first start maps the packaged object by itself."""
    desk.do("check")


def mapped(desk: Desk, *options: str) -> dict[str, str]:
    """Return Salesforce path by ACE name."""
    document = desk.do("mapping", "show", "--json", *options).json
    return {one["ace_field"]: one["path"] for one in document["fields"]}


def test_show_lists_the_published_mapping(desk: Desk) -> None:
    assert mapped(desk)["customerCompanyName"] == "Customer_Company_Name__c"
    out = desk.do("mapping", "show").out
    assert "version 1" in out
    assert "Customer_Company_Name__c" in out


def test_show_can_list_what_is_not_mapped_and_what_every_record_needs(desk: Desk) -> None:
    desk.do("mapping", "unset", "customerWebsite")
    out = desk.do("mapping", "show", "--draft", "--unmapped").out
    assert "customerWebsite" in out
    assert "customerCompanyName" not in out
    needed = desk.do("mapping", "show", "--required").out
    assert "customerCompanyName" in needed
    assert "nextStep" not in needed


def test_a_change_is_a_draft_until_it_is_published(desk: Desk) -> None:
    desk.do("mapping", "set", "nextStep", "Partner_Project_Title__c", "--no-inbound")
    assert mapped(desk)["nextStep"] == "Next_Step__c"
    assert mapped(desk, "--draft")["nextStep"] == "Partner_Project_Title__c"
    assert "Version 2" in desk.do("mapping", "publish", "--note", "as agreed").out
    assert mapped(desk)["nextStep"] == "Partner_Project_Title__c"


def test_history_tells_who_and_why_and_rollback_is_a_new_version(desk: Desk) -> None:
    desk.do("mapping", "unset", "nextStep")
    desk.do("mapping", "publish", "--note", "no steps")
    newest, oldest = desk.do("mapping", "history", "--json").json
    assert (newest["version"], newest["note"], oldest["version"]) == (2, "no steps", 1)
    assert newest["by"]
    desk.do("mapping", "rollback", "1")
    assert "nextStep" in mapped(desk)
    assert [one["version"] for one in desk.do("mapping", "history", "--json").json] == [3, 2, 1]
    assert "no steps" in desk.do("mapping", "history").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("set", "noSuchField", "Name"), "noSuchField"),
        (("set", "nextStep", "No_Such_Field__c"), "No_Such_Field__c"),
        (("set", "targetCloseDate", "Customer_Company_Name__c"), "targetCloseDate"),
        (("set", "industry", "Industry__c", "--value", "Aerospace"), "VALUE=VALUE"),
        (("unset", "noSuchField"), "noSuchField"),
        (("publish",), "There is no draft"),
        (("rollback", "99"), "99"),
        (("import", "missing.json"), "missing.json"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_work_is_refused_by_name(desk: Desk, arguments: tuple[str, ...], told: str) -> None:
    ran = desk.run("mapping", *arguments)
    assert ran.code in (1, 2)
    assert told in ran.err
    assert ran.out == ""


def test_picklist_values_are_given_or_found(desk: Desk) -> None:
    def values() -> dict[str, str]:
        fields = desk.do("mapping", "show", "--draft", "--json").json["fields"]
        primary: dict[str, str] = next(one for one in fields if one["ace_field"] == "industry")["picklist"]["primary"]
        return primary

    desk.do("mapping", "set", "industry", "Industry__c")
    assert values()["Aerospace"] == "Aerospace"
    desk.do("mapping", "set", "industry", "Industry__c", "--value", "Aerospace=Automotive")
    assert values() == {"Aerospace": "Automotive"}


def test_automap_keeps_what_is_mapped(desk: Desk) -> None:
    desk.do("mapping", "set", "nextStep", "Partner_Project_Title__c", "--no-inbound")
    desk.do("mapping", "unset", "customerWebsite")
    desk.do("mapping", "automap")
    drafted = mapped(desk, "--draft")
    assert drafted["nextStep"] == "Partner_Project_Title__c"
    assert drafted["customerWebsite"] == "Customer_Website__c"


def test_check_tells_problems_and_fails_only_for_those_that_block(desk: Desk) -> None:
    assert "The mapping works." in desk.do("mapping", "check").out
    desk.do("mapping", "unset", "customerCompanyName")
    ran = desk.run("mapping", "check", "--json")
    found = {one["field"]: one["blocking"] for one in ran.json}
    assert "customerCompanyName" in found
    assert ran.code == int(any(found.values()))


def test_export_and_import_carry_a_mapping_to_another_state(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "mapping.json"
    desk.do("mapping", "unset", "nextStep")
    desk.do("mapping", "publish")
    desk.do("mapping", "export", str(file))
    desk.set(CONNECTOR__STATE__PATH=str(tmp_path / "another.db"))
    desk.do("mapping", "import", str(file))
    assert "nextStep" not in mapped(desk, "--draft")
    desk.do("mapping", "publish")
    assert "nextStep" not in mapped(desk)


@pytest.mark.parametrize("content", ["not json", "[]", '{"fields": 3}'])
def test_a_file_that_is_no_mapping_is_refused(desk: Desk, tmp_path: Path, content: str) -> None:
    file = tmp_path / "mapping.json"
    file.write_text(content)
    ran = desk.do("mapping", "import", str(file), code=2)
    assert "Traceback" not in ran.err
    assert "draft" not in ran.out


def test_before_the_first_start_there_is_nothing_to_show(desk: Desk, tmp_path: Path) -> None:
    desk.set(CONNECTOR__STATE__PATH=str(tmp_path / "empty.db"))
    assert "mapping automap" in desk.do("mapping", "show", code=2).err
    desk.do("mapping", "automap")
    desk.do("mapping", "publish")
    assert mapped(desk)["customerCompanyName"] == "Customer_Company_Name__c"
    assert json.loads(desk.do("mapping", "history", "--json").out)[0]["version"] == 1
