"""The door to one Partner Central account and catalog."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from botocore import xform_name

from connector.aws.check import CheckResult, try_call
from connector.aws.errors import WIRE_ERRORS, Call, FieldNames, WireError, catalogue_names, classify
from connector.aws.session import Clients, PartnerCentralSettings, open_clients
from connector.aws.throttle import READ, WRITE, Ledger, MemoryLedger, Quota, Throttle, background, urgent
from connector.aws.wire import register, tidy
from connector.errors import ConnectorError, Refused, Retriable

Json = dict[str, Any]
PAGE = 100
IDENTIFIERS_PER_LIST = 20
_ARN_MEMBERS = ("EngagementInvitationId", "EngagementId", "ResourceSnapshotJobId")
_NEWEST_FIRST = {"SortBy": "StartTime", "SortOrder": "DESCENDING"}


class PartnerCentralDoor:
    """Calls the Selling API within our share of its quotas.

    Answers are JSON values with timestamps as text in UTC; errors are those of :mod:`connector.errors`.

    Args:
        settings: endpoint, credentials, catalog and quotas.
        ledger: counts requests over 24 hours; without one, only this process's own are known.
        names: ACE name per API path for messages; by default the catalogue's.
        now: the time, aware, UTC.
        monotonic, sleep: seconds of a clock that never goes back, and waiting by it.
    """

    def __init__(
        self,
        settings: PartnerCentralSettings,
        *,
        ledger: Ledger | None = None,
        names: FieldNames | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self.before_write: Callable[[], None] = lambda: None
        """Asked before each write, whoever makes it: raises what forbids it."""
        self._names = names or catalogue_names()
        self._now = now
        self._throttle = Throttle(
            _quotas(settings), ledger or MemoryLedger(), now=now, monotonic=monotonic, sleep=sleep
        )
        self._clients = self._open(settings)

    def _open(self, settings: PartnerCentralSettings) -> Clients:
        clients = open_clients(settings)
        for client in clients:
            register(
                client, user_agent=settings.user_agent, before_attempt=lambda name: self._throttle.enter(_kind(name))
            )
        return clients

    def urgent(self) -> AbstractContextManager[None]:
        """Mark the calls in a ``with`` block as asked for by a person: they go first, within the whole daily share."""
        return urgent()

    def background(self) -> AbstractContextManager[None]:
        """Mark the calls in a ``with`` block as work that can wait for days: they go last, within a part of the daily
        share.
        """
        return background()

    def write_wait(self) -> float:
        """Return the seconds until the next write may go out at our pace, 0 when it may go now."""
        return self._throttle.delay(WRITE)

    def write_budget(self) -> tuple[int, int]:
        """Return (writes of the rolling 24 hours, the daily limit that applies to us)."""
        return self._throttle.budget(WRITE)

    def check(self) -> tuple[CheckResult, ...]:
        """Ask for one opportunity and one solution, which changes nothing, and say what fails and why."""
        return tuple(
            try_call(name, partial(self._call, name, {"MaxResults": 1}), self.settings)
            for name in ("ListOpportunities", "ListSolutions")
        )

    # --- opportunities

    def create_opportunity(self, request: Mapping[str, Any]) -> Json:
        """Send a complete CreateOpportunity request; return at least ``Id`` and ``LastModifiedDate``.

        Raises Refused when it has no ClientToken of the caller's (one that botocore makes up is lost with the process).
        """
        if not request.get("ClientToken"):
            raise Refused("CreateOpportunity without a stored ClientToken could create a duplicate; give it one.")
        return self._call("CreateOpportunity", request)

    def update_opportunity(self, request: Mapping[str, Any]) -> Json:
        """Send a complete UpdateOpportunity request (what it omits is cleared); return ``Id``, ``LastModifiedDate``.

        ``Project.ExpectedContractDuration`` given as None is sent as null, which ends a contract duration. Raises
        StaleRecord when ``LastModifiedDate`` is not the latest.
        """
        return self._call("UpdateOpportunity", request)

    def get_opportunity(self, opportunity_id: str) -> Json:
        """Return the opportunity; ``UnknownMembers`` lists the paths with values that the service model lacks."""
        return self._call("GetOpportunity", {"Identifier": opportunity_id})

    def get_aws_opportunity_summary(self, opportunity_id: str) -> Json:
        """Return AWS's own view of the opportunity, with ``UnknownMembers`` as in :meth:`get_opportunity`."""
        return self._call("GetAwsOpportunitySummary", {"RelatedOpportunityIdentifier": opportunity_id})

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
        """Yield pages of summaries until the last one, ordered ascending by the date that is filtered on.

        Without a filter by creation the order is that of LastModifiedDate. More than 20 identifiers are asked for in
        groups, each ordered by itself.
        """
        by_creation = bool(created_after or created_before) and not (modified_after or modified_before)
        request = {
            "LastModifiedDate": _window("LastModifiedDate", modified_after, modified_before),
            "CreatedDate": _window("CreatedDate", created_after, created_before),
            "CustomerCompanyName": [company] if company else None,
            "LifeCycleStage": list(stages) or None,
            "LifeCycleReviewStatus": list(review_statuses) or None,
            "Sort": {"SortBy": "CreatedDate" if by_creation else "LastModifiedDate", "SortOrder": "ASCENDING"},
        }
        for start in range(0, max(len(identifiers), 1), IDENTIFIERS_PER_LIST):
            group = list(identifiers[start : start + IDENTIFIERS_PER_LIST]) or None
            yield from self._pages("ListOpportunities", "OpportunitySummaries", {**request, "Identifier": group})

    def associate(self, opportunity_id: str, entity_type: str, entity_id: str) -> None:
        """Associate a solution, product or offer. The effect of a repetition is unknown: look before repeating."""
        self._call("AssociateOpportunity", _association(opportunity_id, entity_type, entity_id))

    def disassociate(self, opportunity_id: str, entity_type: str, entity_id: str) -> None:
        """Take an associated solution, product or offer off the opportunity."""
        self._call("DisassociateOpportunity", _association(opportunity_id, entity_type, entity_id))

    def assign(self, opportunity_id: str, assignee: Mapping[str, str]) -> None:
        """Make a person (``Email``, ``FirstName``, ``LastName``, ``BusinessTitle``) owner or sales contact."""
        self._call("AssignOpportunity", {"Identifier": opportunity_id, "Assignee": dict(assignee)})

    # --- submission

    def start_engagement(self, opportunity_id: str, *, token: str, involvement: str, visibility: str) -> Json:
        """Start the submission task and return it, also one that failed (``Message`` and ``ReasonCode`` say why).

        The same token and members return the same task. An empty ``visibility`` leaves the choice to AWS (Full).
        """
        submission = {"InvolvementType": involvement, "Visibility": visibility or None}
        request = {"Identifier": opportunity_id, "ClientToken": token, "AwsSubmission": submission}
        return _short_ids(self._call("StartEngagementFromOpportunityTask", request))

    def engagement_tasks(self, *, task_id: str = "", opportunity_id: str = "") -> list[Json]:
        """Return the submission tasks of a task id or an opportunity, newest first."""
        request = {
            "TaskIdentifier": [task_id] if task_id else None,
            "OpportunityIdentifier": [opportunity_id] if opportunity_id else None,
            "Sort": _NEWEST_FIRST,
        }
        return self._tasks("ListEngagementFromOpportunityTasks", request)

    def list_solutions(self) -> Iterator[Json]:
        """Yield every solution of the partner, whatever its status."""
        request = {"Sort": {"SortBy": "Identifier", "SortOrder": "ASCENDING"}}
        for page in self._pages("ListSolutions", "SolutionSummaries", request):
            yield from page

    # --- invitations

    def list_engagement_invitations(
        self,
        *,
        participant: str = "RECEIVER",
        statuses: Sequence[str] = ("PENDING",),
        payloads: Sequence[str] = ("OpportunityInvitation",),
    ) -> Iterator[list[Json]]:
        """Yield pages of invitations, oldest first. Own submissions are those whose ``participant`` is ``SENDER``."""
        request = {
            "ParticipantType": participant,
            "Status": list(statuses) or None,
            "PayloadType": list(payloads) or None,
            "Sort": {"SortBy": "InvitationDate", "SortOrder": "ASCENDING"},
        }
        yield from self._pages("ListEngagementInvitations", "EngagementInvitationSummaries", request)

    def get_engagement_invitation(self, invitation_id: str) -> Json:
        """Return what AWS shows of a referral before it is accepted."""
        return self._call("GetEngagementInvitation", {"Identifier": invitation_id})

    def accept_invitation(self, invitation_id: str, *, token: str) -> Json:
        """Accept a referral, which creates the opportunity; return the task, a failed one too."""
        request = {"Identifier": invitation_id, "ClientToken": token}
        return _short_ids(self._call("StartEngagementByAcceptingInvitationTask", request))

    def acceptance_tasks(self, *, task_id: str = "", invitation_id: str = "") -> list[Json]:
        """Return the acceptance tasks of a task id or an invitation, newest first."""
        request = {
            "TaskIdentifier": [task_id] if task_id else None,
            "EngagementInvitationIdentifier": [invitation_id] if invitation_id else None,
            "Sort": _NEWEST_FIRST,
        }
        return self._tasks("ListEngagementByAcceptingInvitationTasks", request)

    def reject_invitation(self, invitation_id: str, reason: str) -> None:
        """Decline a referral. AWS shows no more of it afterwards."""
        self._call("RejectEngagementInvitation", {"Identifier": invitation_id, "RejectionReason": reason or None})

    # --- calling

    def _tasks(self, operation: str, request: Mapping[str, Any]) -> list[Json]:
        return [_short_ids(task) for page in self._pages(operation, "TaskSummaries", request) for task in page]

    def _pages(self, operation: str, member: str, request: Mapping[str, Any]) -> Iterator[list[Json]]:
        """A page may be short, even empty, and still not be the last: only a missing token ends the walk."""
        token: str | None = None
        seen: set[str] = set()
        while True:
            answer = self._call(operation, {**request, "MaxResults": PAGE, "NextToken": token})
            yield answer.get(member, [])
            token = answer.get("NextToken")
            if not token:
                return
            if token in seen:
                raise Retriable(f"{operation}: AWS repeated a page token, so the walk would never end; start it again.")
            seen.add(token)

    def _call(self, operation: str, request: Mapping[str, Any]) -> Json:
        kind = _kind(operation)
        complete = self._in_catalog(operation, request)
        if kind == WRITE:
            self.before_write()
        client = self._clients.reads if kind == READ else self._clients.writes
        try:
            answer = getattr(client, xform_name(operation))(**complete)
        except WIRE_ERRORS as error:
            failure = self._failure(error, Call(operation, kind == WRITE, complete))
        else:
            self._throttle.accepted(kind)
            return tidy(answer)
        # Outside of the handler, so that no traceback carries botocore's text, which may quote security tokens.
        raise failure

    def _in_catalog(self, operation: str, request: Mapping[str, Any]) -> Json:
        catalog = request.get("Catalog", self.settings.catalog)
        if catalog != self.settings.catalog:
            raise Refused(
                f"{operation} names catalog {catalog!r}, but this connection is for {self.settings.catalog!r}; "
                "discard what was prepared for the other catalog."
            )
        return {**request, "Catalog": catalog}

    def _failure(self, error: WireError, call: Call) -> ConnectorError:
        kind = WRITE if call.write else READ
        return classify(error, call, names=self._names, refused=lambda: self._throttle.refused(kind), now=self._now())


def _quotas(settings: PartnerCentralSettings) -> dict[str, Quota]:
    return {
        READ: Quota(settings.reads_per_second, settings.reads_per_day, settings.share),
        WRITE: Quota(settings.writes_per_second, settings.writes_per_day, settings.share),
    }


def _kind(operation: str) -> str:
    return READ if operation.startswith(("Get", "List")) else WRITE


def _window(date: str, after: datetime | None, before: datetime | None) -> dict[str, datetime] | None:
    limits = {f"After{date}": after, f"Before{date}": before}
    return {name: limit for name, limit in limits.items() if limit is not None} or None


def _association(opportunity_id: str, entity_type: str, entity_id: str) -> dict[str, str]:
    return {
        "OpportunityIdentifier": opportunity_id,
        "RelatedEntityType": entity_type,
        "RelatedEntityIdentifier": entity_id,
    }


def _short_ids(task: Json) -> Json:
    """Tasks name invitations by ARN at times; everything else by id."""
    return {name: value.rsplit("/", 1)[-1] if name in _ARN_MEMBERS and value else value for name, value in task.items()}
