"""The doors to the AWS Marketplace catalogs of the seller accounts that the local configuration names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

from connector.aws.marketplace import CatalogDoor, CatalogSettings
from connector.errors import ConfigError
from connector.service.config import SellerSection, secret
from connector.sync.ports import CatalogPort, DescribedEntities


def catalog_settings(section: SellerSection) -> CatalogSettings:
    """Return the door's settings, secrets read from where they are.

    Raises:
        ConfigError: something of this cannot work.
    """
    where = f"[[aws.sellers]] of account {section.account}:"
    return CatalogSettings(
        account=section.account,
        endpoint_url=section.endpoint_url,
        access_key_id=secret(section.access_key_id, f"{where} access_key_id"),
        secret_access_key=secret(section.secret_access_key, f"{where} secret_access_key"),
        session_token=secret(section.session_token, f"{where} session_token"),
        profile=section.aws_profile,
        role_arn=section.role_arn,
        external_id=section.external_id,
    )


def open_catalog(section: SellerSection, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> CatalogDoor:
    """Return the door to an account's catalog; nothing is sent. Raises ConfigError as :func:`catalog_settings`."""
    return CatalogDoor(catalog_settings(section), now=now)


@dataclass(frozen=True, slots=True)
class UnusableCatalog:
    """Stands for the door of an account whose configuration cannot work: whoever wants to use it learns why.

    Attributes:
        account: the account's number.
        reason: what is wrong, with the remedy.
    """

    account: str
    reason: str

    def list_entities(self, entity_type: str, *, shared: bool = False) -> Iterator[dict[str, Any]]:  # noqa: ARG002
        """Raise ConfigError."""
        self._refuse()

    def describe_entities(self, ids: Sequence[str]) -> DescribedEntities:  # noqa: ARG002
        """Raise ConfigError."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ConfigError(self.reason)


@dataclass(slots=True)
class SellerDoors:
    """The doors of one process, kept while their settings stay as they are."""

    _doors: dict[str, CatalogDoor] = field(default_factory=dict)

    def renewed(self, sections: Sequence[SellerSection], now: Callable[[], datetime]) -> Mapping[str, CatalogPort]:
        """Return the doors by account, with the keys that the secret files hold now. What is wrong with one account
        concerns no other, and nothing else that the connector does.
        """
        return {section.account: self._renewed(section, now) for section in sections}

    def _renewed(self, section: SellerSection, now: Callable[[], datetime]) -> CatalogPort:
        try:
            wanted = catalog_settings(section)
        except ConfigError as error:
            return UnusableCatalog(section.account, str(error))
        known = self._doors.get(section.account)
        if known is not None and known.settings == wanted:
            return known
        if known is not None:
            known.close()
        self._doors[section.account] = CatalogDoor(wanted, now=now)
        return self._doors[section.account]

    def close(self) -> None:
        """Close the connections."""
        for door in self._doors.values():
            door.close()
        self._doors.clear()
