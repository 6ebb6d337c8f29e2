"""The service as a whole: a signed request in, an answer out."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connector.sandbox.faults import Fault, Faults
from connector.sandbox.partner_central import (
    associations,
    engagements,
    invitations,
    listing,
    opportunities,
    signature,
    solutions,
    submission,
    summary,
    tags,
    tasks,
)
from connector.sandbox.partner_central.catalog import Account, Catalog, Clock
from connector.sandbox.partner_central.errors import (
    AccessDeniedError,
    FieldError,
    FrontDoorError,
    ServiceError,
    ThrottlingError,
    ValidationError,
)
from connector.sandbox.partner_central.events import Receiver, note_lapsed
from connector.sandbox.partner_central.model import ServiceModel
from connector.sandbox.partner_central.quotas import Quotas
from connector.sandbox.partner_central.records import Fields
from connector.sandbox.partner_central.reviews import run_due_reviews
from connector.sandbox.partner_central.settings import Settings
from connector.sandbox.recorder import Recorder

SERVER = "partner_central"
Handler = Callable[[Account, Catalog, Fields], Fields]
HANDLERS: dict[str, Handler] = {
    "CreateOpportunity": opportunities.create,
    "UpdateOpportunity": opportunities.update,
    "GetOpportunity": opportunities.get,
    "ListOpportunities": listing.list_opportunities,
    "GetAwsOpportunitySummary": summary.get_summary,
    "AssociateOpportunity": associations.associate,
    "DisassociateOpportunity": associations.disassociate,
    "AssignOpportunity": associations.assign,
    "StartEngagementFromOpportunityTask": submission.start_task,
    "SubmitOpportunity": submission.submit,
    "ListEngagementFromOpportunityTasks": tasks.list_from_opportunity,
    "ListEngagementByAcceptingInvitationTasks": tasks.list_by_accepting,
    "ListEngagementInvitations": invitations.list_invitations,
    "GetEngagementInvitation": invitations.get_invitation,
    "StartEngagementByAcceptingInvitationTask": invitations.start_acceptance,
    "AcceptEngagementInvitation": invitations.accept_only,
    "RejectEngagementInvitation": invitations.reject,
    "GetEngagement": engagements.get_engagement,
    "ListEngagements": engagements.list_engagements,
    "ListEngagementMembers": engagements.list_members,
    "ListEngagementResourceAssociations": engagements.list_associations,
    "ListSolutions": solutions.list_solutions,
}
TAG_HANDLERS: dict[str, Callable[[Account, Fields], Fields]] = {
    "TagResource": tags.tag,
    "UntagResource": tags.untag,
    "ListTagsForResource": tags.list_tags,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; with ``silence`` there is none for so many seconds, and then the connection is cut."""

    status: int
    body: bytes
    silence: float | None = None


class PartnerCentral:
    """The embedded Partner Central of one account. Safe to use from several threads."""

    def __init__(self, settings: Settings, clock: Clock, faults: Faults, recorder: Recorder) -> None:
        self.settings = settings
        self.model = ServiceModel()
        self.account = Account(settings, clock, solutions.make_solutions(clock.now()))
        self.quotas = Quotas(settings.quota_scale)
        self.lock = threading.RLock()
        self._faults = faults
        self._recorder = recorder

    def reset(self) -> None:
        """Forget all data and used-up quotas."""
        with self.lock:
            self.account.reset()
            self.quotas.reset()

    def subscribe(self, receiver: Receiver) -> None:
        """Call ``receiver`` with the envelope of every event from now on, in the thread that caused it and after the
        service's lock was released. It must be quick and not raise.
        """
        self.account.feed.subscribe(receiver)

    def announce(self, envelope: Mapping[str, Any]) -> None:
        """Hand any envelope to those who subscribed: another service's, an unknown kind, a double."""
        self.account.feed.announce(dict(envelope))

    def deliver(self) -> None:
        """Hand on the events of what happened, lapsed invitations included; never with the lock held."""
        if not self.account.feed.is_followed:
            return
        with self.lock:
            note_lapsed(self.account)
        self.account.feed.deliver()

    def handle(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one HTTP request; header names in lower case."""
        try:
            operation = self._open(headers, body)
        except ServiceError as error:
            return _error(error)
        fault = self._faults.take(SERVER, operation)
        if fault and fault.kind != "timeout_after":
            return _faulty(fault)
        answer = self._perform(operation, body)
        return Answer(0, b"", silence=fault.silence) if fault else answer

    def _open(self, headers: Mapping[str, str], body: bytes) -> str:
        """Return the operation of a request that is signed for this service."""
        signature.verify(
            headers,
            body,
            access_key_id=self.settings.access_key_id,
            secret_access_key=self.settings.secret_access_key,
        )
        prefix, _, operation = headers.get("x-amz-target", "").partition(".")
        if prefix != self.model.target_prefix or operation not in self.model.operations:
            raise FrontDoorError("UnknownOperationException", "The requested operation is not known.")
        if not headers.get("content-type", "").startswith("application/x-amz-json-1.0"):
            raise FrontDoorError("SerializationException", "Content-Type must be application/x-amz-json-1.0.")
        self._recorder.count(SERVER, operation)
        return operation

    def _perform(self, operation: str, body: bytes) -> Answer:
        try:
            with self.lock:
                self.quotas.take(operation, self.account.clock.now())
                result = self._dispatch(operation, _parse(body))
        except ServiceError as error:
            if isinstance(error, ThrottlingError):
                self._recorder.count(f"{SERVER}_throttled", operation)
            return _error(error)
        finally:
            self.deliver()
        return Answer(200, json.dumps(result).encode())

    def _dispatch(self, operation: str, request: Any) -> Fields:
        self.model.check_request(operation, request)
        run_due_reviews(self.account)
        if operation in TAG_HANDLERS:
            return TAG_HANDLERS[operation](self.account, request)
        self._recorder.count(f"{SERVER}_catalogs", request["Catalog"])
        if operation not in HANDLERS:
            raise AccessDeniedError(f"The embedded Partner Central does not offer {operation}.")
        return HANDLERS[operation](self.account, self.account.catalog(request["Catalog"]), request)


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        wrong = FieldError("INVALID_VALUE", "", f"The request body is no JSON: {error}")
        raise ValidationError([wrong], "REQUEST_VALIDATION_FAILED") from error


def _error(error: ServiceError) -> Answer:
    return Answer(error.status, json.dumps(error.body()).encode())


def _faulty(fault: Fault) -> Answer:
    if fault.kind == "timeout_before":
        return Answer(0, b"", silence=fault.silence)
    if fault.kind == "status":
        name = {400: "ThrottlingException", 429: "ThrottlingException", 500: "InternalServerException"}
        error_type = name.get(fault.status, "ServiceUnavailableException")
        return _error(FrontDoorError(error_type, "A fault that was asked for.", fault.status))
    return _error(FrontDoorError("ExpiredTokenException", "The security token included in the request is expired", 403))


def request_id() -> str:
    """Return a new request id."""
    return str(uuid.uuid4())
