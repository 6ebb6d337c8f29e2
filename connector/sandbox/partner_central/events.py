"""What the service announces on EventBridge: envelopes with identifiers only, several for one change, in bursts.

Changes note their events while the service's lock is held; they are handed on after it was released, so that a receiver
may call the service. Without a receiver nothing is built.
"""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from connector.sandbox.partner_central.records import Engagement, Fields, Invitation, Opportunity
from connector.sandbox.partner_central.settings import ACCOUNT_ID
from connector.sandbox.partner_central.wire import format_nanoseconds
from connector.sandbox.story import PARTNER

if TYPE_CHECKING:
    from connector.sandbox.partner_central.catalog import Account, Catalog, Clock

SOURCE = "aws.partnercentral-selling"
REGION = "us-east-1"
BURST = 2
"""The service announces one change of an opportunity several times within a second."""
Receiver = Callable[[Fields], None]


class Feed:
    """The events of one account, on their way to whoever listens. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._receivers: list[Receiver] = []
        self._pending: list[Fields] = []
        self._lapsed: set[str] = set()
        self._guard = threading.Lock()
        self._delivering = 0  # the thread that hands on

    @property
    def is_followed(self) -> bool:
        """Whether anybody listens."""
        return bool(self._receivers)

    def subscribe(self, receiver: Receiver) -> None:
        """Call ``receiver`` with every envelope from now on; it must be quick and not raise."""
        self._receivers.append(receiver)

    def note(
        self, kind: str, catalog: str, detail: Fields, *, resources: tuple[str, ...] = (), version: str = "1"
    ) -> None:
        """Make an event of something that just happened. The caller holds the service's lock."""
        if not self._receivers:
            return
        self._pending.append(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": kind,
                "source": SOURCE,
                "account": ACCOUNT_ID,
                "time": self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": REGION,
                "resources": list(resources),
                "detail": {"schemaVersion": version, "catalog": catalog, **detail},
            }
        )

    def deliver(self) -> None:
        """Hand on what was noted, in order. The caller does not hold the service's lock."""
        while (envelope := self._next()) is not None:
            try:
                self.announce(envelope)
            except BaseException:
                self._delivering = 0
                raise

    def _next(self) -> Fields | None:
        """Return what comes next, for one thread at a time: it hands on what others note meanwhile, and nobody waits
        for anybody, so that a receiver may wait for an answer of the service.
        """
        with self._guard:
            if self._delivering != threading.get_ident():
                if self._delivering:
                    return None
                self._delivering = threading.get_ident()
            if not self._pending:
                self._delivering = 0
                return None
            return self._pending.pop(0)

    def announce(self, envelope: Fields) -> None:
        """Hand one envelope to everybody who listens."""
        for receiver in self._receivers:
            receiver(copy.deepcopy(envelope))

    def forget(self) -> None:
        """Drop what was not handed on."""
        self._pending.clear()
        self._lapsed.clear()

    def lapse(self, invitation: Invitation) -> None:
        """Announce, once, that nobody decided an invitation in time."""
        if invitation.id not in self._lapsed:
            self._lapsed.add(invitation.id)
            note_invitation(self, invitation, "Expired")


def note_created(feed: Feed, opportunity: Opportunity) -> None:
    """An opportunity came into the partner's pipeline."""
    feed.note("Opportunity Created", opportunity.catalog, _identified(opportunity))


def note_updated(feed: Feed, catalog: Catalog, opportunity: Opportunity) -> None:
    """An opportunity changed, by whoever's hand. One that is shared is announced by its snapshot too."""
    if not feed.is_followed or not opportunity.accepted:
        return
    for _ in range(BURST):
        feed.note("Opportunity Updated", opportunity.catalog, _identified(opportunity))
    found = (one for one in catalog.engagements.values() if one.opportunity == opportunity.id)
    engagement = next(found, None)
    if engagement is not None:
        note_snapshot(feed, engagement)


def note_snapshot(feed: Feed, engagement: Engagement) -> None:
    """What the members of an engagement see of its opportunity was written anew."""
    arn = _engagement_arn(engagement)
    snapshot = {
        "arn": f"{arn}/resource/Opportunity/{engagement.opportunity}/template/OpportunitySummaryView/snapshot/1",
        "engagementId": engagement.id,
        "resourceId": engagement.opportunity,
        "resourceType": "Opportunity",
        "createdBy": engagement.created_by,
    }
    feed.note(
        "Engagement Resource Snapshot Created", engagement.catalog, {"resourceSnapshot": snapshot}, resources=(arn,)
    )


def note_engagement(feed: Feed, engagement: Engagement) -> None:
    """The partner's submission opened an engagement."""
    opened = {
        "engagementArn": _engagement_arn(engagement),
        "engagementId": engagement.id,
        "CreatedAt": format_nanoseconds(engagement.created),
        "CreatedBy": engagement.created_by,
        "ContextTypes": ["CustomerProject"],
    }
    feed.note("Engagement Created", engagement.catalog, opened, resources=(_engagement_arn(engagement),))
    note_snapshot(feed, engagement)
    note_member(feed, engagement.catalog, engagement.id, ACCOUNT_ID, PARTNER)


def note_member(feed: Feed, catalog: str, engagement_id: str, account_id: str, company: str) -> None:
    """Somebody joined an engagement."""
    member = {"accountId": account_id, "companyName": company}
    feed.note("Engagement Member Added", catalog, {"engagement": {"id": engagement_id}, "engagementMember": member})


def note_invitation(feed: Feed, invitation: Invitation, happened: str) -> None:
    """An invitation was created, accepted, rejected, or it expired."""
    sent = invitation.participant == "SENDER"
    told = {
        "arn": invitation.arn,
        "id": invitation.id,
        "engagementId": invitation.engagement,
        "senderAccountId": ACCOUNT_ID if sent else "aws",
        "receiverAccountId": "aws" if sent else ACCOUNT_ID,
        "senderCompanyName": PARTNER if sent else "AWS",
        "expirationDate": format_nanoseconds(invitation.expires),
        "participantType": invitation.participant,
        "payloadType": "OpportunityInvitation",
    }
    feed.note(
        f"Engagement Invitation {happened}",
        invitation.catalog,
        {"engagementInvitation": told},
        resources=(invitation.arn,),
        version="1.0",
    )
    if happened == "Accepted":
        joined = ("aws", "AWS") if sent else (ACCOUNT_ID, PARTNER)
        note_member(feed, invitation.catalog, invitation.engagement, *joined)


def note_lapsed(account: Account) -> None:
    """Announce the invitations whose time is over by the sandbox clock."""
    if not account.feed.is_followed:
        return
    now = account.clock.now()
    for catalog in account.catalogs.values():
        for invitation in catalog.invitations.values():
            if invitation.status(now) == "EXPIRED":
                account.feed.lapse(invitation)


def _identified(opportunity: Opportunity) -> Fields:
    return {"opportunity": {"identifier": opportunity.id}}


def _engagement_arn(engagement: Engagement) -> str:
    return f"arn:aws:partnercentral:{REGION}::catalog/{engagement.catalog}/engagement/{engagement.id}"
