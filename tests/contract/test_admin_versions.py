"""``connector version``: what is installed where, and whether it fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from admin_desk import Desk

from connector import __version__
from connector.admin.versions import compare
from connector.sandbox.server import Sandbox

FIELD = {"object": "ACE_Worker__c", "field": "Package_Version__c"}


@pytest.mark.requirement("OPS-22")
def test_versions_of_package_and_worker_are_shown_with_their_compatibility(desk: Desk) -> None:
    """Of this program, of the package that is deployed in the org, and of each worker that runs."""
    written = desk.admin.post("sobjects/ACE_Worker__c", {"Worker_Key__c": "k", "Host__c": "box", "Version__c": "0.1.7"})
    assert written.status_code == 201, written.text
    ran = desk.do("version")
    assert ran.out.splitlines() == [
        f"connector  {__version__}",
        "package    0.1.0",
        "worker     0.1.7 on box",
        "They fit together.",
    ]
    assert desk.do("version", "--json").json == {
        "connector": __version__,
        "package": "0.1.0",
        "workers": {"box": "0.1.7"},
        "compatible": True,
        "message": "They fit together.",
    }
    assert desk.do("--version").out.strip() == __version__


def test_another_release_in_the_org_is_told_with_the_remedy(
    tmp_path: Path, new_desk: Callable[[Sandbox], Desk]
) -> None:
    """By exit code 1, and as a warning among the checks. Without the field, or the right to see it, it is unknown."""
    with Sandbox(tmp_path / "other") as sandbox:
        desk = new_desk(sandbox)

        def order(path: str, **members: object) -> None:
            control = f"{sandbox.launch_info()['control']['endpoint_url']}/salesforce/{path}"
            answer = requests.post(control, json=members, timeout=20)
            assert answer.status_code == 200, answer.text

        newer = {"fullName": FIELD["field"], "label": "Package Version", "type": "Text", "formula": '"7.2.0"'}
        order("field", object=FIELD["object"], metadata=newer)
        told = desk.do("version", code=1).out
        assert "package    7.2.0" in told
        assert "The package is newer: install version 7.2.0 of this program." in told
        checks = {one["name"]: one for one in desk.run("check", "--json").json["checks"]}
        assert checks["package"]["ok"] and checks["package"]["warning"]
        order("access", **FIELD, access="none", user="integration")
        assert "The package's version is unknown" in desk.do("version", code=1).out


@pytest.mark.parametrize(
    ("program", "package", "fits", "told"),
    [
        ("1.4.2", "1.4.0", True, "fit together"),
        ("1.4.0", "1.4.9", True, "fit together"),
        ("1.10.0", "1.9.0", False, "deploy the package of version 1.10.0"),
        ("1.4.0", "2.0.0", False, "install version 2.0.0"),
        ("1.4.0", "", False, "Deploy the package"),
        ("0", "1.4.0", True, "never installed"),
    ],
)
def test_the_first_two_numbers_decide(program: str, package: str, fits: bool, told: str) -> None:
    """A correction of one side does not ask for the other."""
    verdict = compare(program, package)
    assert verdict.fits is fits
    assert told in verdict.message
