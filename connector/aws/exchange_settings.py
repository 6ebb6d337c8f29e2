"""How to reach the ACE bucket: its name, its region, as whom, and what its folders are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connector.data import exchange_folders
from connector.errors import ConfigError
from connector.mapping.model import RecordType
from connector.names import SETTINGS, FileSettings

EXCHANGE_REGION = "us-west-2"
FILES_PER_DAY = 10_000
"""Files that AWS takes from one partner in any 24 hours."""
_BUCKET = re.compile(r"(?!\d+(\.\d+){3}$)[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]")
_FOLDER = re.compile(r"[\w!'()*.-]+(?:/[\w!'()*.-]+)*")


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """How to reach one ACE bucket.

    Attributes:
        bucket: its name, which admins set in Salesforce.
        region: AWS region of the bucket.
        endpoint_url: another endpoint than AWS's own, for tests and proxies.
        access_key_id, secret_access_key, session_token: keys; empty for ``profile`` or the machine's own credentials.
        profile: name of a profile in AWS's shared configuration.
        role_arn, external_id: a role to assume with the credentials above.
        sts_endpoint_url: another endpoint for assuming that role.
        files_per_day: files that may be sent in any 24 hours.
        folders: other names of folders, by the usual name (see :func:`connector.data.exchange_folders`).
        connect_timeout, read_timeout: seconds.

    Raises:
        ConfigError: naming every setting that cannot work; never with the value of a secret.
    """

    bucket: str
    region: str = EXCHANGE_REGION
    endpoint_url: str = ""
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    profile: str = ""
    role_arn: str = ""
    external_id: str = field(default="", repr=False)
    sts_endpoint_url: str = ""
    files_per_day: int = FILES_PER_DAY
    folders: Mapping[str, str] = field(default_factory=dict)
    connect_timeout: float = 10.0
    read_timeout: float = 60.0

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise ConfigError(" ".join(problems))

    def folder(self, record_type: RecordType, purpose: str) -> str:
        """Return the folder for what is written; of several usual names the first."""
        return self.folders_of(record_type, purpose)[0]

    def folders_of(self, record_type: RecordType, purpose: str) -> tuple[str, ...]:
        """Return the folders of a purpose (``inbound``, ``results`` …) as the bucket names them."""
        return tuple(self.folders.get(name, name) for name in exchange_folders()[record_type][purpose])


def _problems(settings: ExchangeSettings) -> Iterator[str]:
    if not _BUCKET.fullmatch(settings.bucket):
        yield bucket_problem(settings.bucket)
    if bool(settings.access_key_id) != bool(settings.secret_access_key):
        yield "[aws.exchange] access_key_id and secret_access_key belong together; give both or neither."
    if settings.access_key_id and settings.profile:
        yield "[aws.exchange] access keys and aws_profile exclude each other; give one of them."
    if settings.files_per_day <= 0:
        yield f"[aws.exchange] files_per_day is {settings.files_per_day}; it must be above 0."
    yield from _folder_problems(settings.folders)


def bucket_problem(bucket: str) -> str:
    """Return what is wrong with the name of a bucket."""
    if not bucket:
        return (
            f"No bucket is configured: {FileSettings.BUCKET_NAME} in {SETTINGS} is empty, so that nothing goes through "
            "Amazon S3. Set it to the name that AWS gave you with access to the ACE bucket."
        )
    return (
        f"{FileSettings.BUCKET_NAME} in {SETTINGS} is {bucket!r}, which is not the name of a bucket: 3 to 63 small "
        "letters, digits, hyphens and dots, without s3:// and folders. Copy it from AWS's enablement message."
    )


def _folder_problems(renamed: Mapping[str, str]) -> Iterator[str]:
    usual = [name for purposes in exchange_folders().values() for names in purposes.values() for name in names]
    for name, other in renamed.items():
        if name not in usual:
            yield f"[aws.exchange.folders] {name!r} is none of the bucket's folders; these are {', '.join(usual)}."
        if not _FOLDER.fullmatch(other):
            yield (
                f"[aws.exchange.folders] {name} is {other!r}; a folder is letters, digits and hyphens, with slashes "
                "between its parts only."
            )
    used = [renamed.get(name, name) for name in usual]
    for name in sorted({name for name in used if used.count(name) > 1}):
        yield f"[aws.exchange.folders] {name!r} stands for several folders; each needs a name of its own."
