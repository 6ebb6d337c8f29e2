"""``connector check``: exactly the prerequisite that is missing is named, and what to do about it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from admin_desk import DEALS, SETTINGS, Desk
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from web_browser import serve_pages

from connector.errors import Problem
from connector.salesforce.door import SalesforceDoor
from connector.sandbox.server import METADATA, Sandbox

BUCKETS, ACCOUNTS = "AWS_S3_Bucket_Setting__c", "AWS_Account__c"
OWNER = "Default_Owner_Id__c"


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


def lines(desk: Desk) -> dict[str, tuple[str, str]]:
    """Run the checks, which must pass; return mark and message of each line of Salesforce's."""
    found = desk.do("check", "--json").json["checks"]
    return {
        one["name"]: ("warn" if one["warning"] else "ok", one["message"])
        for one in found
        if one["integration"] == "Salesforce"
    }


@contextmanager
def settings(desk: Desk, **values: object) -> Iterator[None]:
    """Have settings for a while."""
    row = desk.settings_row()
    assert row is not None
    path = f"sobjects/{SETTINGS}/{row['Id']}"
    assert desk.admin.patch(path, values).status_code == 204
    try:
        yield
    finally:
        desk.admin.patch(path, {name: False if value is True else None for name, value in values.items()})


@pytest.mark.requirement("MAP-23")
def test_the_history_of_next_steps_comes_whole_and_is_missed_where_it_is_not_mapped(desk: Desk) -> None:
    """Of 35,000 characters; without a field for it, the mapping's page and the check warn, and all else goes on."""
    desk.do("mapping", "automap")
    desk.do("mapping", "publish")
    assert lines(desk)["history of next steps"] == ("ok", "mapped")
    record, identifier = desk.shared(23)
    steps = [{"Time": f"2026-03-{1 + number % 28:02}T10:00:00Z", "Value": f"{number}. " * 175} for number in range(50)]
    order = {"opportunity": identifier, "fields": {"LifeCycle.NextStepsHistory": steps}}
    answer = requests.post(desk.info["control"]["endpoint_url"] + "/aws/edit", json=order, timeout=60)
    assert answer.status_code == 200, answer.text
    desk.do("sync", "inbound", "--record", record)
    [row] = desk.admin.rows(f"SELECT Next_Step_History__c FROM {DEALS} WHERE Id = '{record}'")
    assert len(row["Next_Step_History__c"]) > 30_000
    assert all(f"{number}. {number}. " in row["Next_Step_History__c"] for number in range(50))
    assert "nextStepHistory" not in mapping_page()
    desk.do("mapping", "unset", "nextStepHistory")
    desk.do("mapping", "publish")
    mark, message = lines(desk)["history of next steps"]
    assert mark == "warn"
    assert "nextStepHistory" in message and "long text area" in message
    assert "nextStepHistory" in mapping_page()


def mapping_page() -> str:
    """Return what the mapping's page says of the check."""
    with serve_pages() as pages:
        browser = pages.entered()
        text = browser.open("/opportunity/check").text
        browser.close()
    return text


def test_a_default_owner_has_to_be_there_and_active(desk: Desk) -> None:
    """Whoever left the company owns no new records: the line names the setting, the value and the remedy."""
    seller, name = desk.info["salesforce"]["users"]["seller2"]["id"], "Salesforce: default owner"
    assert lines(desk)["default owner"] == ("ok", "the integration user")
    with settings(desk, **{OWNER: seller}):
        assert lines(desk)["default owner"] == ("ok", "exists and may own records")
        assert desk.admin.patch(f"sobjects/User/{seller}", {"IsActive": False}).status_code == 204
        try:
            message = failing(desk)[name]
            assert OWNER in message and seller in message and "not active" in message
        finally:
            desk.admin.patch(f"sobjects/User/{seller}", {"IsActive": True})
    for wrong, word in (("0059Z000000000xQAA", "no user"), ("0019Z000000000xQAA", "no id of a user"), ("005", "18")):
        with settings(desk, **{OWNER: wrong}):
            assert word in failing(desk)[name]


def test_a_default_owner_may_be_a_queue_where_records_are_queued(desk: Desk) -> None:
    queue = desk.admin.post("sobjects/Group", {"Name": "Partners", "DeveloperName": "Partners", "Type": "Queue"})
    club = desk.admin.post("sobjects/Group", {"Name": "Club", "DeveloperName": "Club", "Type": "Regular"})
    with settings(desk, **{OWNER: queue.json()["id"]}):
        assert lines(desk)["default owner"][0] == "ok"
    with settings(desk, **{OWNER: club.json()["id"]}):
        assert "no queue" in failing(desk)["Salesforce: default owner"]


def test_a_bucket_setting_that_no_account_finds_is_a_warning(desk: Desk) -> None:
    for name, fields in ((ACCOUNTS, {"Name": "Seller One"}), (BUCKETS, {"Name": "seller one"})):
        made = desk.admin.post(f"sobjects/{name}", fields | required(desk, name))
        assert made.status_code == 201, made.text
    assert lines(desk)["S3 bucket settings"][0] == "ok"
    stray = desk.admin.post(f"sobjects/{BUCKETS}", {"Name": "Seller Two"} | required(desk, BUCKETS))
    assert stray.status_code == 201, stray.text
    try:
        mark, message = lines(desk)["S3 bucket settings"]
        assert mark == "warn"
        assert "Seller Two" in message and "eller one" not in message
    finally:
        desk.admin.send("DELETE", f"sobjects/{BUCKETS}/{stray.json()['id']}")


VALID = {"Account_Number__c": "111122223333", "Bucket_Name__c": "example-bucket"}


def required(desk: Desk, name: str) -> dict[str, str]:
    """Return values for what a row of the object cannot be without."""
    fields = desk.admin.get(f"sobjects/{name}/describe").json()["fields"]
    needed = [one for one in fields if one["createable"] and not one["nillable"] and not one["defaultedOnCreate"]]
    return {one["name"]: VALID[one["name"]] for one in needed if one["name"] != "Name"}


def test_cloning_the_default_account_needs_the_right_to_create_accounts(
    new_desk: Callable[[Sandbox], Desk], tmp_path: Path
) -> None:
    """It is asked for where a copy can be made: the mapped object has an account, and both settings are set."""
    package = tmp_path / "package"
    shutil.copytree(METADATA, package)
    [path] = package.rglob("ACE_Standard_Objects_Integration.permissionset-meta.xml")
    text = path.read_text(encoding="utf8")
    block = next(
        one
        for one in re.findall(r"<objectPermissions>.*?</objectPermissions>", text, re.DOTALL)
        if "<object>Account<" in one
    )
    path.write_text(text.replace(block, block.replace("<allowCreate>true", "<allowCreate>false")), encoding="utf8")
    lookup = package / "base/main/default/objects/ACE_Opportunity__c/fields/Client__c.field-meta.xml"
    lookup.write_text(CLIENT, encoding="utf8")
    [path] = package.rglob("APN_Integration_User.permissionset-meta.xml")
    text = path.read_text(encoding="utf8")
    path.write_text(text.replace("<hasActivation", f"{SHOWN}<hasActivation", 1), encoding="utf8")
    with Sandbox(tmp_path / "org", schema_dir=package) as own:
        desk = new_desk(own)
        account = desk.admin.post("sobjects/Account", {"Name": "Everybody"}).json()["id"]
        with settings(desk, Default_Account_Id__c=account):
            assert "access to Account" not in lines(desk)
            with settings(desk, Create_Account_from_Default__c=True):
                message = failing(desk)["Salesforce: access to Account"]
    assert "may not create records of Account" in message


CLIENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<CustomField xmlns="http://soap.sforce.com/2006/04/metadata">'
    "<fullName>Client__c</fullName><label>Client</label><referenceTo>Account</referenceTo>"
    "<relationshipName>Clients</relationshipName><type>Lookup</type></CustomField>\n"
)
SHOWN = (
    "<fieldPermissions><editable>true</editable><field>ACE_Opportunity__c.Client__c</field><readable>true</readable>"
    "</fieldPermissions>"
)
