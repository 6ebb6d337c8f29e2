"""The deploy script: an alias is its target, everything is checked first, and a second run changes nothing."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from salesforce_metadata import deploy
from salesforce_metadata.sf import ROOT

SF = """#!{python}
import json, os, pathlib, sys
home, words = pathlib.Path({home!r}), sys.argv[1:]
state = json.loads((home / "state.json").read_text())
state["calls"].append(words)
answer = {{}}
if words[:2] == ["data", "query"]:
    rows = [{{"Name": "Trial", "IsSandbox": state["sandbox"]}}] if "FROM Organization" in words[3] else [
        {{"PermissionSet": {{"Name": one}}}} for one, user in state["held"] if user in words[3]]
    answer = {{"records": rows}}
elif words[:3] == ["org", "assign", "permset"]:
    state["held"].append([words[words.index("--name") + 1], words[words.index("--on-behalf-of") + 1]])
elif words[:2] == ["org", "display"]:
    answer = {{"username": "admin@example.com"}}
elif words[:2] == ["sobject", "describe"]:
    answer = {{"fields": [{{"name": "Package_Version__c", "calculatedFormula": state["version"]}}]}}
(home / "state.json").write_text(json.dumps(state))
failed = bool(state["failing"]) and state["failing"] in words
print(json.dumps({{"message": "not allowed"}} if failed else {{"result": answer}}))
sys.exit(failed)
"""
QUERY, START, ASSIGN = "data query", "project deploy", "org assign"


class Org:
    """A stand-in for ``sf`` that remembers what it was asked and who holds which permission set."""

    def __init__(self, home: Path) -> None:
        self.file = home / "state.json"
        self.tell()

    def tell(self, **more: Any) -> None:
        state = {"sandbox": True, "held": [], "version": f'"{deploy.local_version()}"', "failing": "", "calls": []}
        self.file.write_text(json.dumps(state | more))

    @property
    def calls(self) -> list[list[str]]:
        found: list[list[str]] = json.loads(self.file.read_text())["calls"]
        return found

    def of(self, command: str) -> list[str]:
        """Return what one command was called with, as a person types it, without what all have."""
        every = ["--target-org", "trial", "--json"]
        assert all(words[-3:] == every for words in self.calls), "every command names the alias"
        return [" ".join(words[:-3]) for words in self.calls if " ".join(words[:2]) == command]


@pytest.fixture
def org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Org:
    program = tmp_path / "sf"
    program.write_text(SF.format(python=sys.executable, home=str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for variable in deploy.USERS.values():
        monkeypatch.delenv(variable, raising=False)
    return Org(tmp_path)


@pytest.mark.requirement("OPS-22")
def test_it_checks_then_deploys_to_the_alias_for_administrators_only(
    org: Org, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run of everything, then base and extras in order; rights for who deploys; the version that is there."""
    assert deploy.main(["trial", "reports", "flows"]) == 0
    folders = ["base", "extras/flows", "extras/reports"]
    together = " ".join(f"--source-dir {one}" for one in folders)
    assert org.of(START) == [
        f"project deploy start {together} --dry-run --wait 60",
        *(f"project deploy start --source-dir {one} --wait 60" for one in folders),
    ]
    assert org.of(ASSIGN) == [
        f"org assign permset --name {name} --on-behalf-of admin@example.com" for name in deploy.ADMIN_SETS
    ]
    assert f"trial has version {version('ace-connector')} of the package." in capsys.readouterr().out
    assert all((ROOT / one).is_dir() for one in folders)


def test_a_second_run_is_the_same_but_assigns_nothing(org: Org) -> None:
    """An upgrade is the first installation's command; who has the rights is not given them again."""
    assert deploy.main(["trial"]) == 0
    first = org.of(START)
    assert deploy.main(["trial"]) == 0
    assert org.of(START) == [*first, *first]
    assert len(org.of(ASSIGN)) == len(deploy.ADMIN_SETS)
    assert deploy.main(["trial", "--admin", "second@example.com"]) == 0
    assert all("second@example.com" in one for one in org.of(ASSIGN)[2:])


def test_it_never_touches_records_or_settings(org: Org) -> None:
    """The commands deploy, assign and read; none writes a row or removes anything."""
    assert deploy.main(["trial", *(one for one in deploy.EXTRAS if one not in deploy.USERS)]) == 0
    kinds = {" ".join(words[:3]) for words in org.calls}
    assert kinds == {
        "data query --query", "project deploy start", "org assign permset", "org display --target-org",
        "sobject describe --sobject",
    }  # fmt: skip
    assert not any("destructive" in word or "purge" in word for words in org.calls for word in words)


def test_a_dry_run_changes_nothing(org: Org) -> None:
    """Only the check."""
    assert deploy.main(["trial", "path", "--dry-run"]) == 0
    assert org.of(START) == ["project deploy start --source-dir base --source-dir extras/path --dry-run --wait 60"]
    assert len(org.calls) == 1


def test_what_the_check_refuses_is_not_deployed(org: Org, capsys: pytest.CaptureFixture[str]) -> None:
    """With the message of Salesforce's command line."""
    org.tell(failing="--dry-run")
    assert deploy.main(["trial"]) == 1
    assert "sf project deploy start: not allowed" in capsys.readouterr().err
    assert len(org.of(START)) == 1


def test_production_is_asked_for(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox comes first: a person confirms, or says --yes."""
    org.tell(sandbox=False)
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "n")
    assert deploy.main(["trial"]) == 1
    assert "tried in a sandbox" in asked[0]
    assert len(org.of(START)) == 1, "checked, not deployed"
    assert deploy.main(["trial", "--yes"]) == 0
    assert len(asked) == 1


def test_another_version_in_the_org_is_told(org: Org, capsys: pytest.CaptureFixture[str]) -> None:
    """The deployment said yes, but what is there is something else."""
    org.tell(version='"0.0.9"')
    assert deploy.main(["trial"]) == 1
    assert "has version 0.0.9 of the package" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extras", "told"),
    [
        (["rockets"], "There is no extra rockets"),
        (["dashboards"], "Set DASHBOARD_RUNNING_USER"),
        (["events_client_app"], "Set EVENTS_RUN_AS_USER"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_done(
    org: Org, capsys: pytest.CaptureFixture[str], extras: list[str], told: str
) -> None:
    """Unknown extras, and those whose files name a user who was not given."""
    assert deploy.main(["trial", *extras]) == 1
    assert told in capsys.readouterr().err
    assert org.calls == []


def test_every_extra_can_be_deployed_by_name() -> None:
    """The list in the script is what there is."""
    assert sorted(deploy.EXTRAS) == sorted(one.parent.name for one in (ROOT / "extras").glob("*/README.md"))


def test_the_package_has_the_version_of_the_release() -> None:
    """The connector compares the two: both come from one release."""
    assert deploy.local_version() == version("ace-connector")


@pytest.mark.requirement("EVT-24")
def test_the_app_of_events_has_its_flags_and_the_instructions_name_each() -> None:
    """What deploys and what is made by hand are the same app; the secret is the org's own."""
    files = [*(ROOT / "extras" / "events_client_app").rglob("*-meta.xml")]
    found = {node.tag.rpartition("}")[2]: node.text for one in files for node in ElementTree.parse(one).getroot()}
    flags = {
        "isDeviceFlowEnabled": "true", "isPkceRequired": "true", "isSecretRequiredForRefreshToken": "true",
        "isConsumerSecretOptional": "false", "isClientCredentialsFlowEnabled": "true", "isOauthPluginEnabled": "true",
        "permittedUsersPolicyType": "AllSelfAuthorized", "ipRelaxationPolicyType": "Enforce",
        "commaSeparatedOauthScopes": "Api", "clientCredentialsFlowUser": "events.user@connector.invalid",
    }  # fmt: skip
    assert {name: found.get(name) for name in flags} == flags
    assert found["contactEmail"]
    assert not {"consumerKey", "consumerSecret"} & set(found)
    told = (ROOT / "extras" / "events_client_app" / "README.md").read_text(encoding="utf8")
    for words in (
        "contact e-mail", "Enable OAuth", "Enable Device Flow", "Manage user data via APIs (api)", "PKCE",
        "Require secret for Web Server Flow", "Require secret for Refresh Token Flow", "Enable Client Credentials Flow",
        "All users may self-authorize", "Enforce IP restrictions", "Run As",
    ):  # fmt: skip
        assert words in told, words
    assert json.loads((ROOT / "sfdx-project.json").read_text())["replacements"][-1]["replaceWithEnv"] in told


@pytest.mark.requirement("EVT-25")
def test_the_instructions_say_what_to_do_about_a_second_factor() -> None:
    """A program cannot answer the challenge: who must be free of it, and the other way."""
    told = (ROOT / "extras" / "events_client_app" / "README.md").read_text(encoding="utf8")
    section = told[told.index("**Multi-factor authentication for API access.**") :]
    assert "Take the permission from this" in section
    assert "put the events on a queue instead" in section
