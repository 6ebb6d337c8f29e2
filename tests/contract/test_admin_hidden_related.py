"""A related record that the integration user cannot see (any more) is no edit, whoever counts edits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from admin_desk import QUOTA_SCALE, Desk
from hidden_site import SITE, write_metadata
from own_org_mapping import write_mapping
from own_org_world import BASE

from connector.sandbox.server import Sandbox

ASIDE = "1 linked records of the earlier object are set aside"


@pytest.fixture(scope="module")
def desk_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    site = write_metadata(tmp_path_factory.mktemp("site"))
    with Sandbox(tmp_path_factory.mktemp("own"), quota_scale=QUOTA_SCALE, metadata=[BASE, site]) as running:
        yield running


@pytest.fixture
def hidden(desk: Desk) -> Iterator[str]:
    """A shared and approved record that AWS has the website of its site of, which is hidden from us since."""
    for words in (("automap",), ("set", "customerWebsite", "Site__r.Web__c", "--no-inbound"), ("publish",)):
        desk.do("mapping", *words)
    site = str(
        desk.seller.post(f"sobjects/{SITE}", {"Name": "Harbour", "Web__c": "https://harbour.example"}).json()["id"]
    )
    body = {
        "ParentId": site,
        "UserOrGroupId": desk.info["salesforce"]["users"]["integration"]["id"],
        "AccessLevel": "Read",
    }
    share = desk.seller.post("sobjects/Site__Share", body).json()["id"]
    record, identifier = desk.shared(1, **{SITE: site})
    control(desk, "/aws/review", opportunity=identifier, status="Approved")
    desk.do("sync", "inbound")
    assert desk.seller.send("DELETE", f"sobjects/Site__Share/{share}").status_code == 204
    yield record
    control(desk, "/reset")


def control(desk: Desk, path: str, **members: str) -> None:
    answer = requests.post(desk.info["control"]["endpoint_url"] + path, json=members, timeout=60)
    assert answer.status_code == 200, answer.text


def test_the_check_takes_no_hidden_value_for_an_edit_of_the_integration_user(desk: Desk, hidden: str) -> None:
    [line] = [
        one for one in desk.do("check", "--json").json["checks"] if one["name"] == "edits by the integration user"
    ]
    assert line["message"] == "none"


def test_a_hidden_value_keeps_no_mapping_from_moving_to_another_object(desk: Desk, hidden: str, tmp_path: Path) -> None:
    desk.do("mapping", "import", str(write_mapping(tmp_path / "own.json")))
    assert ASIDE in desk.do("mapping", "publish", "--move").out


def test_an_edit_still_does(desk: Desk, hidden: str, tmp_path: Path) -> None:
    answer = desk.seller.patch(f"sobjects/ACE_Opportunity__c/{hidden}", {"Next_Step__c": "An edit that nobody sent"})
    assert answer.status_code == 204, answer.text
    desk.do("mapping", "import", str(write_mapping(tmp_path / "own.json")))
    assert hidden in desk.do("mapping", "publish", "--move", code=2).err
