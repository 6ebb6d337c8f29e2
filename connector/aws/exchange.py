"""The door to the ACE bucket: list, read, send and delete its files.

AWS owns the bucket and names its folders from its own view: partners write into ``*-inbound`` and read ``*-outbound``
and the results of what they sent. The door writes nowhere else, and deletes only what AWS wrote for the partner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any, TypeVar, get_args

from botocore.config import Config
from botocore.exceptions import ProfileNotFound

from connector.aws.check import CheckResult
from connector.aws.errors import AccessRefused, Unreachable
from connector.aws.exchange_budget import UploadBudget
from connector.aws.exchange_errors import DELETE, GET, LIST, PUT, WIRE_ERRORS, Call, explain, too_large
from connector.aws.exchange_files import BucketFile, Known, Page, answer_names, is_upload_name, new_name, sort_keys
from connector.aws.exchange_settings import ExchangeSettings
from connector.aws.session import READ_ATTEMPTS, Clients, is_loopback, sign_in
from connector.aws.throttle import Ledger, MemoryLedger
from connector.errors import (
    ConfigError,
    ConnectorError,
    DuplicateValue,
    Problem,
    RecordGone,
    Refused,
    Retriable,
    StaleRecord,
)
from connector.mapping.model import RecordType

SERVICE = "s3"
ACL = "bucket-owner-full-control"
"""AWS refuses uploads without it."""
CONTENT_TYPE = "application/json"
LARGEST_UPLOAD = 1_048_575
"""Bytes of a file that AWS takes: less than 1 MB."""
LARGEST_READ = 5 * 1_048_576
"""Bytes of a file that AWS writes: up to 5 MB."""
KEYS_PER_PAGE = 1000
_PART = 65_536
ARCHIVES = ("inbound_archive", "outbound_archive", "results_archive")
DELETABLE = ("outbound", "results")
COUNTED = ("inbound", "outbound", "results")
_T = TypeVar("_T")


class ExchangeDoor:
    """One ACE bucket. Errors are those of :mod:`connector.errors`; may be shared by threads.

    Args:
        settings: how to reach it.
        ledger: where the files of the last 24 hours are counted.
        now: the time, aware, UTC.
        clients: of the same settings, where several doors share them.
    """

    upload_limit = LARGEST_UPLOAD

    def __init__(
        self,
        settings: ExchangeSettings,
        *,
        ledger: Ledger | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clients: Clients | None = None,
    ) -> None:
        self.settings = settings
        self._now = now
        self._budget = UploadBudget(ledger or MemoryLedger(), settings.files_per_day, now)
        self._clients = clients or open_clients(settings)

    # --- listing

    def outbound_files(self, record_type: RecordType) -> Iterator[Page]:
        """Yield pages of what AWS wrote for the partner: new and updated records."""
        yield from self._pages(record_type, "outbound")

    def result_files(self, record_type: RecordType) -> Iterator[Page]:
        """Yield pages of AWS's answers to files that were sent, from all folders of that purpose.

        An answer may lie in the other record type's folder: match it by name.
        """
        yield from self._pages(record_type, "results")

    def submitted_files(self, record_type: RecordType) -> Iterator[Page]:
        """Yield pages of what was sent and AWS has not taken yet."""
        yield from self._pages(record_type, "inbound")

    def find_archived(
        self, record_type: RecordType, archive: str, name: str, *, day: date | None = None
    ) -> list[BucketFile]:
        """Return the files of that name in an archive folder, newest first.

        Args:
            record_type: whose folder.
            archive: ``inbound_archive``, ``outbound_archive`` or ``results_archive``.
            name: without folder.
            day: the day (UTC) under which AWS filed it (``YYYY/MM/DD``): only there and at the folder's top is looked,
                which is quick; None walks the whole archive.
        """
        if archive not in ARCHIVES:
            raise ValueError(f"{archive} is none of {', '.join(ARCHIVES)}")
        found: list[BucketFile] = []
        for folder in self.settings.folders_of(record_type, archive):
            dated = [f"{folder}/{name}", f"{folder}/{day:%Y/%m/%d}/{name}"] if day else []
            for prefix in dated or [f"{folder}/"]:
                for answer in self._listed(prefix):
                    page = sort_keys(answer, record_type, folder, deep=True)
                    found += [one for one in page.files if one.name == name and one.key in (dated or [one.key])]
        return sorted(found, key=lambda one: one.modified_at, reverse=True)

    def find_result(self, record_type: RecordType, name: str) -> BucketFile | None:
        """Return AWS's answer to a file that was sent, None while there is none. It is asked for by the names that it
        may have, in the folders of both types; nothing is listed.

        Args:
            record_type: of the file; its own folders come first.
            name: of the file, without folder.
        """
        for kind in sorted(get_args(RecordType), key=lambda kind: kind != record_type):
            for folder in self.settings.folders_of(kind, "results"):
                for answer in answer_names(name):
                    if found := self._known(f"{folder}/{answer}", kind):
                        return found
        return None

    def _known(self, key: str, record_type: RecordType) -> BucketFile | None:
        """Return what a listing would show of one key; its content is not read."""
        try:
            read = self._clients.reads.get_object
            answer = self._ask(GET, key, lambda: read(Bucket=self.settings.bucket, Key=key))
        except RecordGone:
            return None
        answer["Body"].close()
        size, modified = int(answer.get("ContentLength") or 0), answer["LastModified"]
        return BucketFile(key, record_type, size, str(answer["ETag"]), modified)

    def counts(self) -> dict[str, int]:
        """Return how many objects, JSON or not, lie in each folder in use; placeholders do not count."""
        return {folder: self._count(folder) for folder in self._folders(*COUNTED)}

    def _count(self, folder: str) -> int:
        keys = (entry["Key"] for answer in self._listed(f"{folder}/") for entry in answer)
        return sum(not key.endswith("/") for key in keys)

    def _pages(self, record_type: RecordType, purpose: str) -> Iterator[Page]:
        for folder in self.settings.folders_of(record_type, purpose):
            for answer in self._listed(f"{folder}/"):
                yield sort_keys(answer, record_type, folder)

    def _listed(self, prefix: str) -> Iterator[list[dict[str, Any]]]:
        more: dict[str, str] = {}
        while True:
            answer = self._list(prefix, **more)
            yield answer.get("Contents") or []
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def _list(self, prefix: str, **more: Any) -> Mapping[str, Any]:
        read = self._clients.reads.list_objects_v2
        members = {"Bucket": self.settings.bucket, "Prefix": prefix, "MaxKeys": KEYS_PER_PAGE, **more}
        answer: Mapping[str, Any] = self._ask(LIST, prefix, lambda: read(**members))
        return answer

    # --- files

    def read(self, file: Known) -> bytes:
        """Return the content of a file as it was listed.

        Raises:
            RecordRejected: it is larger than 5 MB; no more than that is ever held.
            RecordGone: it is not there any more.
            StaleRecord: another content came under its name: list again.
        """
        _refuse_large(file.key, file.size)
        return self._content(file.key, LARGEST_READ, IfMatch=file.etag)

    def _content(self, key: str, limit: int, **more: Any) -> bytes:
        def call() -> bytes:
            answer = self._clients.reads.get_object(Bucket=self.settings.bucket, Key=key, **more)
            with closing(answer["Body"]) as body:
                _refuse_large(key, int(answer.get("ContentLength") or 0), limit)
                return _drain(body, key, limit)

        return self._ask(GET, key, call)

    def new_name(self, label: str) -> str:
        """Return a name for a file to send that nobody used or will use; keep it with the bytes before sending.

        Args:
            label: letters, digits and hyphens, such as ``opportunity``.
        """
        return new_name(label, self._now())

    def submit(self, record_type: RecordType, name: str, content: bytes) -> None:
        """Send a file to AWS. The same bytes under the same name may be sent again: that changes nothing.

        Raises:
            RecordRejected: it is larger than AWS takes (``upload_limit`` bytes).
            DuplicateValue: a file of that name with other content is there; names are never used twice.
            Deferred: as many files as AWS takes were sent within 24 hours.
            Retriable: with ``outcome_unknown`` where it may have arrived.
            Refused: the name has not the form that AWS asks for.
        """
        _refuse_name(name)
        _refuse_large(name, len(content), LARGEST_UPLOAD)
        key = f"{self.settings.folder(record_type, 'inbound')}/{name}"
        counted = self._budget.enter()
        try:
            self._put(key, content)
        except StaleRecord:
            self._budget.give_back(counted)
            self._require_same(key, content)
        except ConnectorError as error:
            if not error.outcome_unknown:
                self._budget.give_back(counted)
            raise

    def _put(self, key: str, content: bytes) -> None:
        """No encryption is asked for: the bucket's own default applies, and another would be refused."""
        members = {"Bucket": self.settings.bucket, "Key": key, "Body": content, "ACL": ACL, "ContentType": CONTENT_TYPE}
        self._ask(PUT, key, lambda: self._clients.writes.put_object(**members, IfNoneMatch="*"))

    def _require_same(self, key: str, content: bytes) -> None:
        """A file of that name is there: an earlier attempt's, or another's."""
        try:
            there = self._content(key, LARGEST_READ)
        except RecordGone:
            text = f"A file of the name {key} was there a moment ago, and is not now: AWS takes it in."
            raise Retriable(f"{text} It is sent again, which does no harm.", outcome_unknown=True) from None
        except ConnectorError as error:
            # Whose file it is, is not known: under another name the records might go out twice.
            error.outcome_unknown = True
            raise
        if there != content:
            rule = "A file of this name with other content is in the bucket, and AWS never takes a name twice."
            raise DuplicateValue((Problem("FILE_NAME_TAKEN", "", key, rule, "Send it under a new name."),))

    def delete(self, file: Known) -> None:
        """Delete a file that AWS wrote for the partner and that was worked off; one that is gone already is no error.

        Raises:
            Refused: it lies in a folder whose files are not the connector's to delete.
            StaleRecord: another content came under its name, which was not worked off.
        """
        if file.key.rpartition("/")[0] not in self._folders(*DELETABLE):
            raise Refused(
                f"{file.key} is not deleted: the connector deletes only what AWS wrote into *-outbound and the folders "
                "of results."
            )
        remove = self._clients.writes.delete_object
        try:
            self._ask(DELETE, file.key, lambda: remove(Bucket=self.settings.bucket, Key=file.key, IfMatch=file.etag))
        except RecordGone:
            return

    # --- the connection

    def upload_budget(self) -> tuple[int, int]:
        """Return (files sent in the last 24 hours, as many as AWS takes)."""
        return self._budget.used()

    def check(self, record_types: Sequence[RecordType] = ("lead", "opportunity")) -> tuple[CheckResult, ...]:
        """List each folder in use of these types of records, one result for each; nothing is changed."""
        return tuple(map(self._check, record_types))

    def _check(self, record_type: RecordType) -> CheckResult:
        name = f"{record_type} folders"
        folders = [folder for purpose in COUNTED for folder in self.settings.folders_of(record_type, purpose)]
        try:
            told = [f"{folder} {self._first_count(folder)}" for folder in folders]
        except ConnectorError as error:
            return CheckResult(name, ok=False, cause=_cause(error), message=str(error))
        where = f"bucket {self.settings.bucket}, region {self.settings.region}"
        return CheckResult(name, ok=True, cause="", message=f"{where} answers; objects: {', '.join(told)}")

    def _first_count(self, folder: str) -> str:
        """Return how many objects there are, by one call."""
        answer = self._list(f"{folder}/")
        count = sum(not entry["Key"].endswith("/") for entry in answer.get("Contents") or ())
        return f"{count} or more" if answer.get("IsTruncated") else str(count)

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()

    def _folders(self, *purposes: str) -> list[str]:
        types: tuple[RecordType, ...] = get_args(RecordType)
        return [folder for kind in types for purpose in purposes for folder in self.settings.folders_of(kind, purpose)]

    def _ask(self, operation: str, key: str, call: Callable[[], _T]) -> _T:
        try:
            answer = call()
        except WIRE_ERRORS as error:
            raise explain(error, Call(operation, key, self.settings), slowed=self._budget.refused) from error
        self._budget.accepted()
        return answer


def _drain(body: Any, key: str, limit: int) -> bytes:
    """Read to the end, where botocore looks whether everything came; the announced length may be wrong."""
    content = bytearray()
    for part in body.iter_chunks(_PART):
        content += part
        _refuse_large(key, len(content), limit)
    return bytes(content)


def _refuse_name(name: str) -> None:
    if not is_upload_name(name):
        raise Refused(
            f"The file name {name!r} cannot be sent: AWS asks for <name>_MMDDYYYYHHMMSS.json, the name of letters, "
            "digits, hyphens and underscores. Take one from new_name."
        )


def _refuse_large(key: str, size: int, limit: int = LARGEST_READ) -> None:
    if size > limit:
        raise too_large(
            key, f"The file has at least {size:,} bytes; at most {limit:,} are allowed.", write=limit < LARGEST_READ
        )


def _cause(error: ConnectorError) -> str:
    match error:
        case AccessRefused():
            return error.cause
        case ConfigError():
            return "configuration"
        case Unreachable():
            return "unreachable"
        case _:
            return "service"


def open_clients(settings: ExchangeSettings) -> Clients:
    """Return clients for the settings, without sending anything. Raises ConfigError when the profile does not exist."""
    try:
        session = sign_in(settings)
        reads, writes = (_client(session, settings, attempts) for attempts in (READ_ATTEMPTS, 1))
    except ProfileNotFound:
        raise ConfigError(
            f"[aws.exchange] aws_profile {settings.profile!r} does not exist for the user that runs the connector; "
            "add it to ~/.aws/config or name another one."
        ) from None
    return Clients(reads, writes)


def _client(session: Any, settings: ExchangeSettings, attempts: int) -> Any:
    client = session.client(
        SERVICE,
        region_name=settings.region,
        endpoint_url=settings.endpoint_url or None,
        config=Config(
            signature_version="s3v4",
            # One host for all buckets, as firewalls and proxies know it; the body's digest is part of the signature.
            s3={"addressing_style": "path", "payload_signing_enabled": True},
            request_checksum_calculation="when_required",
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]
            proxies={} if is_loopback(settings.endpoint_url) else None,
        ),
    )
    client.meta.events.register("before-call.s3.*", _stay)
    return client


def _stay(context: dict[str, Any], **_: Any) -> None:
    """Only our own configuration decides where files go: botocore would follow an answer to another region."""
    context.setdefault("s3_redirect", {})["redirected"] = True
