"""From what botocore raises about the ACE bucket to what the worker does next: one function, :func:`explain`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoAuthTokenError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from connector.aws.errors import AccessRefused, Unreachable
from connector.aws.exchange_settings import ExchangeSettings
from connector.errors import ConfigError, ConnectorError, Problem, RecordGone, RecordRejected, Retriable, StaleRecord
from connector.names import SETTINGS, FileSettings

WIRE_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
PUT, GET, LIST, DELETE = "PutObject", "GetObject", "ListObjectsV2", "DeleteObject"
_RIGHTS = {
    PUT: "s3:PutObject and s3:PutObjectAcl on the folders *-inbound",
    GET: "s3:GetObject",
    LIST: "s3:ListBucket",
    DELETE: "s3:DeleteObject on the folders *-outbound and of results",
}
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)
_SLOW = {
    "BandwidthLimitExceeded", "RequestLimitExceeded", "RequestThrottled", "ServiceUnavailable", "SlowDown",
    "Throttling", "ThrottlingException", "TooManyRequests", "TooManyRequestsException",
}  # fmt: skip
_CAUSES = {
    "AuthorizationHeaderMalformed": "key",
    "InvalidAccessKeyId": "key",
    "InvalidClientTokenId": "key",
    "SignatureDoesNotMatch": "key",
    "UnrecognizedClientException": "key",
    "ExpiredToken": "token",
    "ExpiredTokenException": "token",
    "InvalidToken": "token",
    "TokenRefreshRequired": "token",
    "RequestExpired": "clock",
    "RequestTimeTooSkewed": "clock",
}
_ELSEWHERE = {"IllegalLocationConstraintException", "PermanentRedirect", "TemporaryRedirect", "301", "307"}
_TOO_LARGE = {"EntityTooLarge", "MaxMessageLengthExceeded"}
_EXPECTED = re.compile(r"\bexpecting '([\w-]+)'")
_KMS = re.compile(r"\bkms:\w|\bkms key", re.IGNORECASE)
_KEY_ID = re.compile(r"\bA(?:KIA|SIA)[A-Z0-9]{4,}")
_LONGEST_TEXT = 2000

_REMEDIES = {
    "key": "Check access_key_id and secret_access_key in [aws.exchange], and that the key is active in IAM.",
    "token": "Renew the temporary credentials, or configure a role or a long-lived key in [aws.exchange].",
    "clock": "Set this machine's clock (for instance by NTP): S3 accepts requests within 15 minutes of its own time.",
    "role": "Let the role's trust policy name the connector's user, and check role_arn and external_id in "
    "[aws.exchange].",
    "kms": "The bucket encrypts by a KMS key that these credentials may not use, or that is disabled: let the user or "
    "role that AWS onboarded kms:GenerateDataKey and kms:Decrypt on that key; AWS's partner support owns it.",
}
_UNREACHABLE = "Check network, proxy and [aws.exchange] endpoint_url."
_REPEAT = "The file may have arrived; sending the same bytes under the same name again does no harm."


@dataclass(frozen=True, slots=True)
class Call:
    """The call that failed: the API's operation, the key (for a listing the prefix), and the settings it used."""

    operation: str
    key: str
    settings: ExchangeSettings

    @property
    def write(self) -> bool:
        """Whether it sends a file."""
        return self.operation == PUT

    def __str__(self) -> str:
        return f"{self.operation} of {self.key or 'the bucket'} in bucket {self.settings.bucket}"


def explain(
    error: ClientError | BotoCoreError | ResponseParserError, call: Call, *, slowed: Callable[[], float]
) -> ConnectorError:
    """Return what the worker shall do about an error of botocore; the only place that decides it for the bucket.

    Args:
        error: what botocore raised.
        call: what was asked.
        slowed: called when S3 refused the request for its rate; returns the seconds to rest.

    The message never repeats what S3 says about a signature or a token: those answers quote them.
    """
    if isinstance(error, ClientError):
        return _answered(_Answer(error, call), slowed)
    if isinstance(error, _NO_CREDENTIALS):
        text = f"There are no AWS credentials for bucket {call.settings.bucket}."
        return AccessRefused(f"{text} Give keys, aws_profile or role_arn in [aws.exchange].", cause="key")
    if isinstance(error, ParamValidationError):
        return ConfigError(f"{call}: botocore cannot send this. Check the bucket's name and [aws.exchange.folders].")
    kind = type(error).__name__
    if isinstance(error, _NEVER_SENT):
        return Unreachable(f"{call}: S3 cannot be reached ({kind}). {_UNREACHABLE}")
    if isinstance(error, SSLError):
        text = "the TLS connection failed; check that the endpoint's certificate is trusted here."
    else:
        text = f"no complete answer came ({kind})."
    return Unreachable(f"{call}: {text}{f' {_REPEAT}' if call.write else ''}", outcome_unknown=call.write)


class _Answer:
    """An error answer of S3, or of STS where the role was asked for."""

    def __init__(self, error: ClientError, call: Call) -> None:
        details = error.response.get("Error") or {}
        metadata: Any = error.response.get("ResponseMetadata") or {}
        headers = metadata.get("HTTPHeaders") or {}
        self.call = call
        self.code = str(details.get("Code") or "")
        self.status = int(metadata.get("HTTPStatusCode") or 0)
        self.message = str(details.get("Message") or "")[:_LONGEST_TEXT]
        self.server_time = str(details.get("ServerTime") or "")
        expected = _EXPECTED.search(self.message)
        told = headers.get("x-amz-bucket-region") or details.get("Region") or (expected[1] if expected else "")
        self.region = str(told)
        self.by_other = error.operation_name != call.operation

    @property
    def is_for_other_region(self) -> bool:
        """Whether the signature names another region than the bucket's; other answers name the bucket's region too."""
        other = self.region not in ("", self.call.settings.region)
        return other and self.code in ("AuthorizationHeaderMalformed", "400", "")

    @property
    def quoted(self) -> str:
        """What S3 says, without anything that these settings keep secret."""
        settings = self.call.settings
        text = _KEY_ID.sub("…", self.message)
        for secret in (settings.secret_access_key, settings.session_token, settings.access_key_id):
            text = text.replace(secret, "…") if secret else text
        return f"{text.rstrip('. ')}." if text else ""

    def __str__(self) -> str:
        return f"{self.call} was refused ({self.code or self.status})"


def _answered(answer: _Answer, slowed: Callable[[], float]) -> ConnectorError:
    """The order counts: a code says more than a status."""
    if answer.by_other:
        return _not_assumed(answer)
    if answer.code in _SLOW or answer.status == 429:
        return Retriable(f"{answer.call}: S3 asked for fewer requests; waiting.", after=slowed())
    if answer.code in _ELSEWHERE or answer.status in (301, 307) or answer.is_for_other_region:
        return _wrong_region(answer)
    if answer.code in _CAUSES:
        return _no_access(answer, _CAUSES[answer.code])
    if answer.code.startswith("KMS.") or (answer.status == 403 and _KMS.search(answer.message)):
        return AccessRefused(f"{answer}: {answer.quoted} {_REMEDIES['kms']}", cause="kms")
    return _missing_or_unfit(answer) or _by_status(answer)


def _missing_or_unfit(answer: _Answer) -> ConnectorError | None:
    match answer.code:
        case "NoSuchBucket":
            return ConfigError(
                f"Bucket {answer.call.settings.bucket} does not exist. Correct {FileSettings.BUCKET_NAME} in "
                f"{SETTINGS}: beta and production have buckets of their own."
            )
        case "NoSuchKey" | "NoSuchVersion":
            return RecordGone((_file_problem(answer.call.key, "FILE_GONE", "is not in the bucket any more.", _GONE),))
        case "InvalidObjectState":
            return RecordRejected((_file_problem(answer.call.key, "FILE_FROZEN", "lies in cold storage.", _FROZEN),))
        case "AccessControlListNotSupported":
            return ConfigError(
                f"{answer}: the bucket takes no ACL, but AWS's ACE bucket asks for one. Check that "
                f"{FileSettings.BUCKET_NAME} in {SETTINGS} names the ACE bucket and not one of your own."
            )
        case code if code in _TOO_LARGE:
            return too_large(answer.call.key, answer.quoted or "S3 refused its size.", write=True)
    return None


_GONE = "Nothing needs to be done if it was worked off; otherwise look for it in the archive folder."
_FROZEN = "Ask AWS's partner support to restore it."


def _by_status(answer: _Answer) -> ConnectorError:
    if answer.status in (401, 403):
        return _denied(answer)
    if answer.status == 412:
        return StaleRecord(f"{answer.call}: the file is not as it was, or one of that name is there; look again.")
    unknown = answer.call.write and (answer.status >= 500 or answer.status < 400 or answer.code == "RequestTimeout")
    return Retriable(
        f"{answer.call} failed (HTTP {answer.status}, {answer.code or 'no code'}); it is tried again."
        f"{f' {_REPEAT}' if unknown else ''}",
        outcome_unknown=unknown,
    )


def _no_access(answer: _Answer, cause: str) -> AccessRefused:
    time = f" AWS's time is {answer.server_time}." if cause == "clock" and answer.server_time else ""
    return AccessRefused(f"{answer}.{time} {_REMEDIES[cause]}", cause=cause)


def _denied(answer: _Answer) -> AccessRefused:
    """Access denied has causes that AWS names for uploads; the others are rights."""
    said = f": {answer.quoted}" if answer.quoted else "."
    rights = (
        f"Use the keys of the IAM user that AWS onboarded for this bucket, with "
        f"{_RIGHTS.get(answer.call.operation, 'access to the bucket')}."
    )
    if not answer.call.write:
        return AccessRefused(f"{answer}{said} {rights}", cause="permission")
    return AccessRefused(
        f"{answer}{said} There are three known causes: (1) a wrong folder, as partners may write to *-inbound only "
        "(check [aws.exchange.folders]); (2) an upload without the ACL bucket-owner-full-control, which the connector "
        f"always sends, so that a proxy must have removed it; (3) credentials or rights. {rights}",
        cause="permission",
    )


def _wrong_region(answer: _Answer) -> ConfigError:
    known = answer.region not in ("", answer.call.settings.region)
    where = f"in {answer.region}" if known else "in another region"
    return ConfigError(
        f"{answer}: bucket {answer.call.settings.bucket} is {where}, but [aws.exchange] region is "
        f"{answer.call.settings.region}. Correct the region, or {FileSettings.BUCKET_NAME} in {SETTINGS}; "
        "AWS's ACE buckets are in us-west-2."
    )


def _not_assumed(answer: _Answer) -> ConnectorError:
    """The call never left: fetching the role's credentials failed."""
    text = f"{answer.call}: the role could not be assumed ({answer.code})."
    if answer.status >= 500 or answer.code in _SLOW:
        return Retriable(text)
    cause = _CAUSES.get(answer.code, "role")
    return AccessRefused(f"{text} {_REMEDIES[cause]}", cause=cause)


def too_large(key: str, rule: str, *, write: bool) -> RecordRejected:
    """Return the refusal of a file for its size: one to be sent, or one of AWS's."""
    remedy = _FEWER if write else _SPLIT
    return RecordRejected((Problem("FILE_TOO_LARGE", "", key, rule, remedy),))


_FEWER = "Send fewer records in one file, or shorten the record's long texts."
_SPLIT = (
    "AWS writes files of up to 5 MB; ask AWS's partner support to write this one anew, or take it out of the folder."
)


def _file_problem(key: str, code: str, rule: str, remedy: str) -> Problem:
    return Problem(code, "", key, f"The file {rule}", remedy)
