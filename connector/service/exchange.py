"""Opening the door to the ACE bucket: its name from Salesforce (:mod:`connector.sync.file_settings`), the rest from the
local configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from connector.aws.exchange import ExchangeDoor
from connector.aws.exchange_settings import ExchangeSettings
from connector.aws.throttle import Ledger
from connector.service.config import ExchangeSection, secret


def exchange_settings(section: ExchangeSection, bucket: str) -> ExchangeSettings:
    """Return the door's settings, secrets read from where they are.

    Raises:
        ConfigError: no bucket is configured, or something of this cannot work.
    """
    return ExchangeSettings(
        bucket=bucket,
        region=section.region,
        endpoint_url=section.endpoint_url,
        access_key_id=secret(section.access_key_id, "[aws.exchange] access_key_id"),
        secret_access_key=secret(section.secret_access_key, "[aws.exchange] secret_access_key"),
        session_token=secret(section.session_token, "[aws.exchange] session_token"),
        profile=section.aws_profile,
        role_arn=section.role_arn,
        external_id=section.external_id,
        files_per_day=section.files_per_day,
        folders=section.folders,
    )


def open_exchange(
    section: ExchangeSection,
    bucket: str,
    *,
    ledger: Ledger | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ExchangeDoor:
    """Return the door to the bucket; nothing is sent. Raises ConfigError as :func:`exchange_settings`."""
    return ExchangeDoor(exchange_settings(section, bucket), ledger=ledger, now=now)
