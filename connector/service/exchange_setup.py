"""The guided setup of the ACE bucket: its steps, each computed from what was found, and who the bucket is for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from connector.aws.check import CheckResult
from connector.aws.exchange import ExchangeDoor
from connector.mapping.model import RecordType
from connector.names import FileSettings
from connector.service.mirror import COMPLETE, FAILED, NOT_STARTED, write_steps
from connector.sync.engine import Engine
from connector.sync.exchange import going_live, versions
from connector.sync.file_settings import LEGACY

AMAZON_S3 = "Amazon S3"
NOTICE = (
    "The ACE bucket in Amazon S3 is for leads, which have no other way to AWS, and for opportunities of partners who "
    "used it before: since 2024 AWS opens it for the opportunities of new partners no more. They use Partner Central's "
    "API for opportunities and set up the bucket for leads only."
)
_UNKNOWN_CALLER = frozenset({"key", "token", "clock", "role", "region"})
"""Causes of a refusal that lie in the details of the connection: AWS does not accept who calls."""
_KNOWN_CALLER = frozenset({"permission", "kms", "configuration"})
"""Causes that AWS names only to a caller whose signature it accepted."""
_WORD = re.compile(r"[a-z]+")
_TRIAL_WORDS = frozenset({"beta", "sandbox", "test", "testing", "dev", "gamma", "stage", "staging"})
_LIVE_WORDS = frozenset({"prod", "production"})

Step = tuple[str, str, str]


def record_types(engine: Engine) -> tuple[RecordType, ...]:
    """Return the types of records that travel through the bucket, as the settings say: leads always do."""
    return ("lead", "opportunity") if engine.settings.files.opportunities_over_files else ("lead",)


def check_bucket(engine: Engine) -> tuple[CheckResult, ...]:
    """Return what listing the folders in use came to; nothing where the settings name no bucket. Nothing is changed."""
    if isinstance(engine.bucket, ExchangeDoor):
        return engine.bucket.check(record_types(engine))
    if engine.no_bucket:
        return (CheckResult("connection", ok=False, cause="local", message=engine.no_bucket),)
    return ()


def mirror_exchange(engine: Engine) -> None:
    """Write the state of each step of the guided setup of the bucket to Salesforce.

    Args:
        engine: of the opportunities.
    """
    write_steps(engine, AMAZON_S3, "amazon-s3", exchange_steps(engine, check_bucket(engine)))


def exchange_steps(engine: Engine, checks: Sequence[CheckResult]) -> Iterator[Step]:
    """Yield name, status and message of each step, each for itself.

    Args:
        engine: of the opportunities.
        checks: the answer to :func:`check_bucket`.
    """
    status, message = _authentication(engine, checks)
    yield "AWS Connection Authentication Details", status, f"{message}\n{NOTICE}".strip()
    yield "System Configuration Settings", *_settings(engine)
    yield "Test the configuration for APN API", *_test(engine, checks)


def _authentication(engine: Engine, checks: Sequence[CheckResult]) -> tuple[str, str]:
    """Return whether AWS knows who calls; it can be asked only with a bucket."""
    if not engine.settings.files.bucket:
        return NOT_STARTED, f"{FileSettings.BUCKET_NAME} is empty: nothing goes through Amazon S3."
    wrong = [one.message for one in checks if one.cause in _UNKNOWN_CALLER or one.cause == "local"]
    if wrong:
        return FAILED, "\n".join(dict.fromkeys(wrong))
    if not any(one.ok or one.cause in _KNOWN_CALLER for one in checks):
        told = "\n".join(dict.fromkeys(one.message for one in checks))
        return FAILED, f"No call to Amazon S3 was answered, so the credentials are not confirmed. {told}".strip()
    return COMPLETE, f"Bucket {engine.settings.files.bucket}."


def _settings(engine: Engine) -> tuple[str, str]:
    files = engine.settings.files
    if not files.wanted:
        return NOT_STARTED, ""
    told = [str(one) for one in files.problems]
    stops = [str(one) for one in files.problems if one.code != LEGACY]
    reason = engine.troubles.get(versions.TROUBLE, "")
    return (FAILED if stops or reason else COMPLETE), "\n".join(filter(None, [*told, reason]))


def _test(engine: Engine, checks: Sequence[CheckResult]) -> tuple[str, str]:
    if not checks:
        return NOT_STARTED, ""
    refused = [one.message for one in checks if not one.ok]
    if refused:
        return FAILED, "\n".join(refused)
    told = [one.message for one in checks]
    asked = (engine, *filter(None, [engine.leads]))
    settled = dict.fromkeys(filter(None, map(going_live.confirmation, asked)))
    before = [f"Before the first schedule: {one}." for one in settled]
    return COMPLETE, "\n".join([*told, *before])


def is_live(*, is_sandbox: bool, catalog: str) -> bool:
    """Whether the connector works with production on both sides."""
    return not is_sandbox and catalog == "AWS"


def environment_problem(bucket: str, *, live: bool) -> str:
    """Return in which way the bucket's name and the environment disagree (SET-32); empty where they do not, or where
    the name says nothing: AWS's names of buckets for trials have a word such as ``beta`` in them, others ``prod``.
    """
    words = set(_WORD.findall(bucket.lower()))
    if live and words & _TRIAL_WORDS:
        return (
            f"{bucket} is named like a bucket for trials ({', '.join(sorted(words & _TRIAL_WORDS))}), and this is a "
            f"production org with the live catalog. Enter the production bucket in {FileSettings.BUCKET_NAME}."
        )
    if not live and words & _LIVE_WORDS:
        return (
            f"{bucket} is named like the production bucket, and this is a sandbox org, or works with the catalog "
            f"Sandbox: files would reach AWS's sellers. Enter the beta bucket in {FileSettings.BUCKET_NAME}."
        )
    return ""
