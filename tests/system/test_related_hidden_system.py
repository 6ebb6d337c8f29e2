"""An admin takes a related record out of the integration user's sight: AWS keeps what it was told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hidden_site import SITE, write_metadata
from system_world import World, codes, open_world

MAPPED = ("customerWebsite", "Site__r.Web__c")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("hidden")
    with open_world(folder / "world", metadata=[write_metadata(folder / "metadata")]) as opened:
        opened.do("mapping", "automap")
        opened.do("mapping", "set", *MAPPED, "--no-inbound")
        opened.do("mapping", "publish")
        yield opened


def share_site(world: World, site: str) -> str:
    """Let the seller share the site with the integration user; return the share's id."""
    body = {"ParentId": site, "UserOrGroupId": world.user("integration"), "AccessLevel": "Read"}
    answer = world.seller.post("sobjects/Site__Share", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def website(world: World, record: str) -> str | None:
    found: str | None = world.opportunity(record)["Customer"]["Account"].get("WebsiteUrl")
    return found


def test_a_related_record_that_is_no_longer_shared_with_us_clears_nothing_at_aws(world: World) -> None:
    """Promise 5: the lookup is filled, and what stands behind it cannot be read; a log says so until it can."""
    answer = world.seller.post(f"sobjects/{SITE}", {"Name": "Harbour", "Web__c": "https://harbour.example"})
    assert answer.status_code == 201, answer.text
    site = str(answer.json()["id"])
    share = share_site(world, site)
    record, _ = world.shared(**{SITE: site})
    assert website(world, record) == "https://harbour.example"
    assert world.seller.send("DELETE", f"sobjects/Site__Share/{share}").status_code == 204
    world.edit(record, Next_Step__c="Meet the harbour master")
    world.sync("outbound", record, code=1)
    assert website(world, record) == "https://harbour.example"
    assert codes(world.errors(record)) == ["RELATED_NOT_VISIBLE"]
    told = world.errors(record)[0]["Error_Message__c"]
    assert all(word in told for word in ("customerWebsite", "Site__r.Web__c", "Site__c", "Give the integration user"))
    share_site(world, site)
    world.sync("outbound", record)
    assert world.errors(record) == []
    assert world.opportunity(record)["LifeCycle"]["NextSteps"] == "Meet the harbour master"
    assert website(world, record) == "https://harbour.example"
