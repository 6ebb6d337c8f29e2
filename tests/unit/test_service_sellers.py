"""The doors to seller accounts: kept while nothing changes, renewed with new keys, one's trouble nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.aws.marketplace import CatalogDoor
from connector.errors import ConfigError
from connector.service.clock import SystemClock
from connector.service.config import SellerSection
from connector.service.sellers import SellerDoors, UnusableCatalog, catalog_settings
from connector.sync.ports import CatalogPort

NOW = SystemClock().now


def section(folder: Path, account: str = "111122223333") -> SellerSection:
    """Return a seller account whose keys are in files that exist."""
    for name in ("id", "secret"):
        (folder / f"{account}-{name}").write_text(f"{name} of {account}\n", encoding="utf8")
    keys = {"access_key_id": f"file:{folder}/{account}-id", "secret_access_key": f"file:{folder}/{account}-secret"}
    return SellerSection(account=account, name="Acme", **keys)


def test_the_settings_carry_all_that_the_section_says(tmp_path: Path) -> None:
    given = section(tmp_path).model_copy(
        update={"role_arn": "arn:role", "external_id": "x", "endpoint_url": "http://127.0.0.1:1"}
    )
    settings = catalog_settings(given)
    assert (settings.account, settings.access_key_id) == ("111122223333", "id of 111122223333")
    assert settings.secret_access_key == "secret of 111122223333"
    assert (settings.role_arn, settings.external_id) == ("arn:role", "x")
    assert (settings.endpoint_url, settings.region) == ("http://127.0.0.1:1", "us-east-1")
    assert catalog_settings(SellerSection(account="111122223333", aws_profile="acme")).profile == "acme"


def test_a_door_is_kept_until_its_keys_change(tmp_path: Path) -> None:
    """Paces and rests after refusals are the door's: a new one in each cycle would forget them."""
    sections = [section(tmp_path), section(tmp_path, "444455556666")]
    doors = SellerDoors()
    first = doors.renewed(sections, NOW)
    assert list(first) == ["111122223333", "444455556666"]
    assert [door.account for door in first.values()] == list(first)
    again = doors.renewed(sections, NOW)
    assert all(again[account] is door for account, door in first.items())
    (tmp_path / "111122223333-secret").write_text("a new one", encoding="utf8")
    renewed = doors.renewed(sections, NOW)
    door = renewed["111122223333"]
    assert isinstance(door, CatalogDoor) and door.settings.secret_access_key == "a new one"
    assert renewed["444455556666"] is first["444455556666"]
    doors.close()


def test_an_account_whose_keys_are_missing_tells_so_to_those_who_use_it_and_stops_no_other(tmp_path: Path) -> None:
    sections = [section(tmp_path), section(tmp_path, "444455556666")]
    (tmp_path / "111122223333-secret").unlink()
    doors = SellerDoors()
    found = doors.renewed(sections, NOW)
    broken: CatalogPort = found["111122223333"]
    assert isinstance(broken, UnusableCatalog) and broken.account == "111122223333"
    with pytest.raises(ConfigError, match=r"111122223333: secret_access_key refers to the file"):
        list(broken.list_entities("SaaSProduct"))
    with pytest.raises(ConfigError, match="111122223333"):
        broken.describe_entities(["prod-1"])
    assert isinstance(found["444455556666"], CatalogDoor)
    section(tmp_path)
    assert isinstance(doors.renewed(sections, NOW)["111122223333"], CatalogDoor), "it recovers by itself"
    doors.close()
