"""``connector check``: exactly the prerequisite that is missing is named, and what to do about it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from admin_desk import SETTINGS, Desk
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connector.errors import Problem
from connector.salesforce.door import SalesforceDoor
from connector.sandbox.server import METADATA, Sandbox


def failing(desk: Desk) -> dict[str, str]:
    """Run the checks, which must fail; return the message of each line that does."""
    ran = desk.do("check", "--json", code=1)
    assert ran.json["ok"] is False
    return {f"{one['integration']}: {one['name']}": one["message"] for one in ran.json["checks"] if not one["ok"]}


def another_key(folder: Path) -> str:
    """Write a sound RSA key that the org's app does not know; return its path."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = folder / "another.key"
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*kinds))
    return str(path)


@pytest.mark.requirement("CONN-33")
def test_a_sound_installation_passes_and_shows_which_org_it_is(desk: Desk) -> None:
    ran = desk.do("check")
    assert "FAIL" not in ran.out
    assert desk.info["salesforce"]["org_id"] in ran.out
    assert f"sandbox org {desk.info['salesforce']['org_id']} at {desk.info['salesforce']['instance_url']}" in ran.out


def test_json_is_one_document_on_stdout_and_text_goes_to_stderr(desk: Desk) -> None:
    ran = desk.do("check", "--json")
    assert ran.json["ok"] is True
    assert all({"integration", "name", "ok", "message", "warning"} == set(one) for one in ran.json["checks"])
    assert "Salesforce: login" in ran.err


def test_nothing_changes_at_either_side(desk: Desk) -> None:
    record = desk.deal(901)
    before = desk.admin.rows(f"SELECT SystemModstamp FROM ACE_Opportunity__c WHERE Id = '{record}'")
    desk.sandbox.recorder.clear()
    desk.do("check")
    assert set(desk.sandbox.recorder.requests()["partner_central"]) == {"ListOpportunities", "ListSolutions"}
    assert before == desk.admin.rows(f"SELECT SystemModstamp FROM ACE_Opportunity__c WHERE Id = '{record}'")


def test_a_bad_aws_key_fails_partner_central_alone(desk: Desk) -> None:
    desk.set(WRONG_ID="AKIAWRONGWRONGWRONG0", CONNECTOR__AWS__PARTNER_CENTRAL__ACCESS_KEY_ID="env:WRONG_ID")
    failed = failing(desk)
    assert set(failed) == {"Partner Central: ListOpportunities", "Partner Central: ListSolutions"}
    assert "key" in failed["Partner Central: ListOpportunities"]
    assert "AKIAWRONG" not in json.dumps(failed)


def test_an_aws_endpoint_that_does_not_answer_is_named(desk: Desk) -> None:
    desk.set(CONNECTOR__AWS__PARTNER_CENTRAL__ENDPOINT_URL="http://127.0.0.1:9")
    failed = failing(desk)
    assert {name.split(":")[0] for name in failed} == {"Partner Central"}
    assert all("unreachable" in message for message in failed.values())


def test_a_wrong_private_key_fails_the_login_and_leaves_aws_checked(desk: Desk, tmp_path: Path) -> None:
    desk.set(CONNECTOR__SALESFORCE__PRIVATE_KEY_FILE=another_key(tmp_path))
    failed = failing(desk)
    assert set(failed) == {"Salesforce: login"}
    ran = desk.do("check", "--json", code=1)
    assert [one["ok"] for one in ran.json["checks"] if one["integration"] == "Partner Central"] == [True, True]


def test_a_wrong_private_key_ends_a_run_with_the_code_for_authentication(desk: Desk, tmp_path: Path) -> None:
    desk.set(CONNECTOR__SALESFORCE__PRIVATE_KEY_FILE=another_key(tmp_path))
    ran = desk.do("sync", "outbound", code=4)
    assert "Salesforce refused the login" in ran.err
    assert ran.out == ""


def test_a_secret_that_cannot_be_read_is_a_configuration_problem(desk: Desk) -> None:
    desk.set(CONNECTOR__AWS__PARTNER_CENTRAL__ACCESS_KEY_ID="env:NO_SUCH_VARIABLE")
    assert set(failing(desk)) == {"Partner Central: credentials"}
    ran = desk.do("sync", "outbound", code=2)
    assert "[aws.partner_central] access_key_id refers to the environment variable NO_SUCH_VARIABLE" in ran.err


def test_missing_settings_fail_the_settings_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    row = desk.settings_row()
    assert row is not None
    desk.admin.send("DELETE", f"sobjects/{SETTINGS}/{row['Id']}")
    desk.set(CONNECTOR__AWS__PARTNER_CENTRAL__ALLOW_PRODUCTION_FROM_SANDBOX="true")
    try:
        failed = failing(desk)
    finally:
        values = {name: value for name, value in row.items() if name != "Id"}
        desk.admin.post(f"sobjects/{SETTINGS}", {"SetupOwnerId": desk.info["salesforce"]["org_id"], **values})
    assert "connector settings init" in failed["Salesforce: settings"]


def test_a_live_catalog_in_a_sandbox_org_fails_the_catalog(desk: Desk) -> None:
    row = desk.settings_row()
    assert row is not None
    desk.admin.patch(f"sobjects/{SETTINGS}/{row['Id']}", {"PC_API_Sandbox_Enabled__c": False})
    try:
        assert "Partner Central: catalog" in failing(desk)
    finally:
        desk.admin.patch(f"sobjects/{SETTINGS}/{row['Id']}", {"PC_API_Sandbox_Enabled__c": True})


def test_what_cannot_be_found_out_is_a_warning(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Problem("VISIBILITY_UNKNOWN", "X", "", "it cannot be read.", "Look yourself.")
    monkeypatch.setattr(SalesforceDoor, "check_access", lambda *_: [unknown])
    ran = desk.do("check", "--json")
    warned = [one["name"] for one in ran.json["checks"] if one["warning"]]
    assert warned
    assert all(name.startswith("access to") for name in warned)
    assert re.search(r"^warn  Salesforce: access to", ran.err, re.MULTILINE)


def test_a_known_lack_beside_an_unknown_one_fails(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Problem("VISIBILITY_UNKNOWN", "X", "", "it cannot be read.", "Look yourself.")
    lacking = Problem("FIELD_MISSING", "X.Y", "", "it is hidden.", "Grant it.")
    monkeypatch.setattr(SalesforceDoor, "check_access", lambda *_: [unknown, lacking])
    assert all("X.Y" in message for message in failing(desk).values())


def test_a_missing_permission_is_named_with_object_and_right(
    new_desk: Callable[[Sandbox], Desk],
    tmp_path: Path,
) -> None:
    package = tmp_path / "package"
    shutil.copytree(METADATA, package)
    [path] = package.rglob("APN_Integration_User.permissionset-meta.xml")
    text = path.read_text(encoding="utf8")
    block = next(
        one for one in re.findall(r"<objectPermissions>.*?</objectPermissions>", text, re.S) if "ACE_Worker__c" in one
    )
    weaker = block.replace("<allowCreate>true", "<allowCreate>false")
    assert weaker != block
    path.write_text(text.replace(block, weaker), encoding="utf8")
    with Sandbox(tmp_path / "org", schema_dir=package) as own:
        failed = failing(new_desk(own))
    assert set(failed) == {"Salesforce: access to ACE_Worker__c"}
    assert "may not create records of ACE_Worker__c" in failed["Salesforce: access to ACE_Worker__c"]
