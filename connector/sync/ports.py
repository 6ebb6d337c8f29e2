"""What the engine needs of the doors. The doors satisfy these protocols by shape; they do not import them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Any, Protocol

from connector.errors import ConnectorError
from connector.mapping.describe import ObjectDescribe
from connector.mapping.model import RecordType

Row = dict[str, Any]
"""One Salesforce row as the REST API returns it (no ``attributes``); related values nested: ``{"Account": {"Name":
…}}``.
Numbers are ``Decimal`` or ``int``; dates and datetimes are the API's text."""

Json = dict[str, Any]
"""One AWS answer or request as JSON values; timestamps are ISO 8601 text in UTC with six decimals and ``Z``."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when so many seconds have passed by this clock."""
        ...


class Identity(Protocol):
    @property
    def org_id(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def is_sandbox(self) -> bool: ...


class RowOutcome(Protocol):
    """What became of one row of a write; in the order of the rows given."""

    @property
    def id(self) -> str: ...
    @property
    def created(self) -> bool: ...
    @property
    def error(self) -> ConnectorError | None: ...


class SalesforcePort(Protocol):
    """The door to one Salesforce org. Ids are 18 characters everywhere. Raises the errors of
    :mod:`connector.errors`.
    """

    def identity(self) -> Identity: ...

    def server_time(self) -> datetime:
        """Return Salesforce's own time (from an answer's ``Date``, asking once if none is recent), whole seconds,
        UTC.
        """
        ...

    def describe(self, object_name: str) -> ObjectDescribe:
        """Return the describe, cached and revalidated (304). Raises ConfigError when the object is not visible."""
        ...

    def query(self, soql: str) -> Iterator[Row]:
        """Yield all rows of all pages; long SOQL is sent in a composite body."""
        ...

    def queries(self, soqls: Sequence[str]) -> list[list[Row]]:
        """Return the rows of up to five queries in one API call; further pages cost further calls."""
        ...

    def changed(
        self, object_name: str, fields: Sequence[str], *, since: datetime, until: datetime, where: str = ""
    ) -> Iterator[list[Row]]:
        """Yield pages of rows with ``since <= SystemModstamp < until``, ordered by (SystemModstamp, Id).

        A walk that takes long stays correct: a row that moves is met again by the next window.
        """
        ...

    def rows(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Row]:
        """Return the visible, undeleted rows by id; ids without a row are simply missing."""
        ...

    def deleted(self, object_name: str, ids: Sequence[str]) -> set[str]:
        """Return those of the ids that the org has deleted (recycle bin or gone). An id that is merely invisible is not
        among them where the platform lets us tell the two apart."""
        ...

    def holders(self, object_name: str, field: str, value: str) -> dict[str, bool]:
        """Return the rows whose field has the value, those in the recycle bin too: id → whether it is deleted."""
        ...

    def holders_of(self, object_name: str, field: str, values: Sequence[str]) -> dict[str, dict[str, bool]]:
        """Return the holders of each value, empty for a value that nobody has; for many values in a few calls."""
        ...

    def matching(self, object_name: str, field: str, value: str, fields: Sequence[str]) -> list[Row]:
        """Return the visible, undeleted rows whose text field has the value, regardless of case as Salesforce compares;
        with their ids.
        """
        ...

    def update(self, object_name: str, rows: Sequence[Row]) -> Sequence[RowOutcome]:
        """Update rows by ``Id`` in collections of 200, each row by itself."""
        ...

    def update_unless_modified(self, object_name: str, rows: Sequence[tuple[Row, datetime]]) -> Sequence[RowOutcome]:
        """Update each row only if it was not modified after the time given with it; StaleRecord in its outcome
        otherwise.
        """
        ...

    def upsert(self, object_name: str, key_field: str, rows: Sequence[Row]) -> Sequence[RowOutcome]:
        """Upsert rows by the external id ``key_field``, which each row carries, in collections of 200."""
        ...

    def create(self, object_name: str, row: Row) -> str:
        """Create one row and return its id. Only for objects where a repetition does no harm; everything else is
        upserted.
        """
        ...

    def create_with_parent(
        self, object_name: str, row: Row, *, lookup: str, parent_object: str, parent: Mapping[str, Any]
    ) -> tuple[str, str]:
        """Create a row together with the parent that its field ``lookup`` is to name, both or none and never twice;
        return both ids, the row's first.

        Raises DuplicateValue where the row exists already, RecordRejected (the fields of the parent's problems begin
        with its object's name), or Retriable with ``outcome_unknown``.
        """
        ...

    def delete(self, ids: Sequence[str]) -> Sequence[RowOutcome]: ...

    def api_usage(self) -> tuple[int, int]:
        """Return (used, limit) of the org's daily API requests as last reported; (0, 0) when unknown."""
        ...

    def urgent(self) -> AbstractContextManager[None]:
        """Return a block whose requests pass although our share of the API is used up: a person waits for them."""
        ...


class PartnerCentralPort(Protocol):
    """The door to one Partner Central account and catalog. Every method may raise Retriable, Deferred, AuthFailed,
    RecordRejected (problems from AWS's ``ErrorList``, ``field`` as ACE name where known), StaleRecord
    (ConflictException) or RecordGone."""

    def create_opportunity(self, request: Mapping[str, Any]) -> Json:
        """Send the request (with Catalog and ClientToken, as ``ace.api_shape`` built it); return Id,
        LastModifiedDate.
        """
        ...

    def update_opportunity(self, request: Mapping[str, Any]) -> Json: ...

    def get_opportunity(self, opportunity_id: str) -> Json:
        """Return the answer, HTML entities unescaped. Key ``UnknownMembers`` lists paths that the service model does
        not know.
        """
        ...

    def get_aws_opportunity_summary(self, opportunity_id: str) -> Json: ...

    def list_opportunities(
        self,
        *,
        modified_after: datetime | None = None,
        modified_before: datetime | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        company: str | None = None,
        identifiers: Sequence[str] = (),
        stages: Sequence[str] = (),
        review_statuses: Sequence[str] = (),
    ) -> Iterator[list[Json]]:
        """Yield pages of summaries, all pages, ordered by the date that is filtered on, ascending (LastModifiedDate
        by default). At most ten stages and ten review statuses.
        """
        ...

    def associate(self, opportunity_id: str, entity_type: str, entity_id: str) -> None: ...

    def disassociate(self, opportunity_id: str, entity_type: str, entity_id: str) -> None: ...

    def start_engagement(self, opportunity_id: str, *, token: str, involvement: str, visibility: str) -> Json:
        """Start the submission task; return TaskId, TaskStatus, Message, ReasonCode (missing where AWS sent none)."""
        ...

    def engagement_tasks(self, *, task_id: str = "", opportunity_id: str = "") -> list[Json]:
        """Return the submission tasks, newest first."""
        ...

    def list_solutions(self) -> Iterator[Json]: ...

    def list_engagement_invitations(
        self,
        *,
        participant: str = "RECEIVER",
        statuses: Sequence[str] = ("PENDING",),
        payloads: Sequence[str] = ("OpportunityInvitation",),
    ) -> Iterator[list[Json]]:
        """Yield pages of invitations, oldest first; our own submissions are those whose participant is SENDER."""
        ...

    def get_engagement_invitation(self, invitation_id: str) -> Json:
        """Return what AWS shows of a referral before it is accepted."""
        ...

    def accept_invitation(self, invitation_id: str, *, token: str) -> Json:
        """Accept a referral, which creates the opportunity; return the task, a failed one too."""
        ...

    def acceptance_tasks(self, *, task_id: str = "", invitation_id: str = "") -> list[Json]:
        """Return the acceptance tasks, newest first."""
        ...

    def reject_invitation(self, invitation_id: str, reason: str) -> None:
        """Decline a referral. AWS shows no more of it afterwards."""
        ...

    def assign(self, opportunity_id: str, assignee: Mapping[str, str]) -> None: ...

    def write_wait(self) -> float:
        """Return the seconds until the next write may go out at our pace; 0 when it may go now."""
        ...

    def write_budget(self) -> tuple[int, int]:
        """Return (writes of the rolling 24 hours, the daily limit that applies to us)."""
        ...

    def urgent(self) -> AbstractContextManager[None]:
        """Return a block whose calls go ahead of others' and may use our whole daily share: a person waits for them."""
        ...

    def background(self) -> AbstractContextManager[None]:
        """Return a block whose calls go behind all others and leave them a part of our daily share: a backfill's."""
        ...


class DescribedEntities(Protocol):
    """What AWS Marketplace describes of the entities that were asked for; each is in one of both."""

    @property
    def found(self) -> Mapping[str, Json]:
        """By id: EntityType, EntityIdentifier, LastModifiedDate, DetailsDocument."""
        ...

    @property
    def refused(self) -> Mapping[str, str]:
        """By id: AWS's code and words."""
        ...


class CatalogPort(Protocol):
    """The door to the AWS Marketplace catalog of one seller account. Raises the errors of :mod:`connector.errors`."""

    @property
    def account(self) -> str:
        """The account's number, 12 digits."""
        ...

    def list_entities(self, entity_type: str, *, shared: bool = False) -> Iterator[Json]:
        """Yield the summary of every entity of a type, all pages; or of those that other accounts share with it."""
        ...

    def describe_entities(self, ids: Sequence[str]) -> DescribedEntities:
        """Return the entities of these ids, which have no revision; one that AWS refuses stops no other."""
        ...


class BucketFile(Protocol):
    """A JSON file of the ACE bucket as a listing shows it."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str:
        """The name without folder."""
        ...

    @property
    def record_type(self) -> RecordType:
        """Whose folder it lies in; results have been seen in the other type's folder."""
        ...

    @property
    def size(self) -> int: ...
    @property
    def etag(self) -> str: ...
    @property
    def modified_at(self) -> datetime: ...
    @property
    def is_error(self) -> bool:
        """Whether AWS wrote it to say that it could not take a file at all."""
        ...

    @property
    def answers(self) -> str:
        """The name of the file that this one is AWS's answer to, empty when it is no answer."""
        ...


class SkippedKey(Protocol):
    """A key of a listing that is no file to read, and why."""

    @property
    def key(self) -> str: ...
    @property
    def reason(self) -> str: ...


class FilePage(Protocol):
    """Up to a thousand keys of a listing, in the order of their names."""

    @property
    def files(self) -> Sequence[BucketFile]: ...
    @property
    def skipped(self) -> Sequence[SkippedKey]: ...


class ExchangePort(Protocol):
    """The door to the ACE bucket. Inbound and outbound are AWS's view. Every method may raise Retriable, AuthFailed or
    ConfigError (wrong bucket or region).
    """

    @property
    def upload_limit(self) -> int:
        """Bytes of the largest file that AWS takes."""
        ...

    def outbound_files(self, record_type: RecordType) -> Iterator[FilePage]:
        """Yield pages of what AWS wrote for the partner."""
        ...

    def result_files(self, record_type: RecordType) -> Iterator[FilePage]:
        """Yield pages of AWS's answers to files that were sent, from the result folders of both spellings."""
        ...

    def find_result(self, record_type: RecordType, name: str) -> BucketFile | None:
        """Return AWS's answer to a file that was sent, asked for by its names without listing anything; None while
        there is none.
        """
        ...

    def submitted_files(self, record_type: RecordType) -> Iterator[FilePage]:
        """Yield pages of what was sent and AWS has not taken yet."""
        ...

    def find_archived(
        self, record_type: RecordType, archive: str, name: str, *, day: date | None = None
    ) -> Sequence[BucketFile]:
        """Return the files of that name in ``inbound_archive``, ``outbound_archive`` or ``results_archive``, newest
        first; without the day (UTC) under which AWS filed it, the whole archive is walked.
        """
        ...

    def counts(self) -> Mapping[str, int]:
        """Return how many objects lie in each folder in use, archives not counted."""
        ...

    def read(self, file: BucketFile) -> bytes:
        """Return the content as it was listed. Raises RecordRejected (larger than 5 MB), RecordGone, or StaleRecord
        (another content came under its name).
        """
        ...

    def new_name(self, label: str) -> str:
        """Return a name for a file to send that nobody used or will use; keep it with the bytes before sending."""
        ...

    def submit(self, record_type: RecordType, name: str, content: bytes) -> None:
        """Send a file; the same bytes under the same name may be sent again.

        Raises RecordRejected (too large), DuplicateValue (a file of that name with other content is there), Deferred
        (as many files as AWS takes in 24 hours were sent), or Retriable with ``outcome_unknown``.
        """
        ...

    def delete(self, file: BucketFile) -> None:
        """Delete a file that AWS wrote and that was worked off. Raises StaleRecord when another content came under its
        name.
        """
        ...

    def upload_budget(self) -> tuple[int, int]:
        """Return (files sent in the rolling 24 hours, as many as AWS takes)."""
        ...
