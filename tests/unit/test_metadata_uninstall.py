"""Uninstalling lists and removes assignments first, and touches no metadata before the last one is gone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from lxml import etree
from metadata_source import Source, texts

from salesforce_metadata import uninstall

SF = """#!{python}
import json, pathlib, shutil, sys
home, words = pathlib.Path({home!r}), sys.argv[1:]
state = json.loads((home / "state.json").read_text())
state["calls"].append(words)
answer = {{"records": []}}
if words[:2] == ["data", "query"]:
    answer = {{"records": state["flows" if "--use-tooling-api" in words else "assigned"]}}
elif words[:2] == ["data", "delete"] and not state["stuck"]:
    gone = words[words.index("--record-id") + 1]
    state["assigned"] = [row for row in state["assigned"] if row["Id"] != gone]
elif words[:2] == ["project", "deploy"]:
    shutil.copy(words[words.index("--post-destructive-changes") + 1], home / "destroyed.xml")
(home / "state.json").write_text(json.dumps(state))
failed = state["failing"] in words
print(json.dumps({{"message": "not allowed"}} if failed else {{"result": answer}}))
sys.exit(failed)
"""
HELD = [
    {"Id": "0Pa1", "Assignee": {"Username": "ada@example.com"}, "PermissionSet": {"Name": "APN_Business_User"}},
    {"Id": "0Pa2", "Assignee": {"Username": "bob@example.com"}, "PermissionSet": {"Name": "APN_Integration_User"}},
]


class Org:
    """A stand-in for ``sf`` that keeps assignments and remembers what it was asked."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.tell()

    def tell(self, *, flows: str = "Draft", failing: str = "", stuck: bool = False) -> None:
        rows = [{"Definition": {"DeveloperName": "ACE_Refresh_Solutions"}, "VersionNumber": 2, "Status": flows}]
        state = {"assigned": HELD, "flows": rows, "failing": failing, "stuck": stuck, "calls": []}
        (self.home / "state.json").write_text(json.dumps(state))

    @property
    def done(self) -> list[str]:
        calls = json.loads((self.home / "state.json").read_text())["calls"]
        return [" ".join(words[:2]) for words in calls]


@pytest.fixture
def org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Org:
    program = tmp_path / "sf"
    program.write_text(SF.format(python=sys.executable, home=str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return Org(tmp_path)


def answer(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setattr("builtins.input", lambda _: word)


@pytest.mark.requirement("PERM-30")
def test_assignments_go_first(org: Org, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer(monkeypatch, "y")
    assert uninstall.main(["production"]) == 0
    shown = capsys.readouterr().out
    assert "APN_Business_User: ada@example.com" in shown
    assert "APN_Integration_User: bob@example.com" in shown
    asked = ["data query", "data query"]
    assert org.done == [*asked, "data delete", "data delete", "data query", "project deploy"]


def test_a_no_removes_nothing(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "")
    assert uninstall.main(["production"]) == 1
    assert set(org.done) == {"data query"}


def test_what_is_removed_is_what_the_package_has(org: Org) -> None:
    assert uninstall.main(["production", "--yes"]) == 0
    source = Source()
    destroyed = etree.parse(org.home / "destroyed.xml").getroot()
    names = {texts(one, "name")[0]: texts(one, "members") for one in destroyed if one.tag.endswith("}types")}
    assert names["PermissionSet"] == sorted(source.of("permissionset"))
    assert names["CustomObject"] == sorted(name for name in source.objects if name.endswith("__c"))
    assert names["CustomTab"] == sorted(source.of("tab"))
    assert names["Flow"] == ["ACE_Refresh_Solutions-2"]
    fields = {f"{name}.{field}" for name in ("Lead", "Opportunity") for field in source.objects[name]}
    assert set(names["CustomField"]) == fields
    assert {name.split("/")[0] for name in names["Report"]} == set(source.of("reportFolder"))


def test_every_file_is_removed_or_goes_with_its_object() -> None:
    named = {name.rpartition("/")[2].rpartition(".")[2] for names in uninstall.members().values() for name in names}
    with_object = {"fields", "layouts", "listViews", "validationRules", "webLinks", "compactLayouts"}
    for path in Source().paths:
        name = path.name.removesuffix("-meta.xml").rpartition(".")[0].rpartition(".")[2]
        standard = path.name in {"Opportunity.object-meta.xml", "Lead.object-meta.xml"}
        assert name in named or path.parts[-2] in with_object or standard, path


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"flows": "Active"}, "Deactivate these flows in Setup, Flows, and run again: ACE_Refresh_Solutions."),
        ({"stuck": True}, "2 assignments are left."),
        ({"failing": "delete"}, "sf data delete record: not allowed"),
    ],
)
def test_metadata_stays_where_something_is_in_the_way(
    org: Org,
    capsys: pytest.CaptureFixture[str],
    state: dict[str, str],
    told: str,
) -> None:
    org.tell(**state)  # type: ignore[arg-type]
    assert uninstall.main(["production", "--yes"]) == 1
    assert told in capsys.readouterr().err
    assert "project deploy" not in org.done


def test_the_missing_program_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert uninstall.main(["production", "--yes"]) == 1
    assert "npm install --global @salesforce/cli" in capsys.readouterr().err


def test_the_org_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert uninstall.main([]) == 2
    assert "usage" in capsys.readouterr().out
