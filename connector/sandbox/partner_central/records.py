"""What Partner Central stores: opportunities, engagements, invitations, tasks, solutions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connector.sandbox.partner_central.settings import ACCOUNT_ID

Fields = dict[str, Any]
ENTITY_TYPES = (
    "AwsMarketplaceOffers",
    "AwsMarketplaceOfferSets",
    "Solutions",
    "AwsProducts",
    "AwsMarketplaceSolutions",
    "AwsMarketplaceProducts",
)
# Entities that count as a solution of the partner's own.
SOLUTION_TYPES = ("Solutions", "AwsMarketplaceSolutions", "AwsMarketplaceProducts")


class Opportunity:
    """One opportunity. The partner's fields are kept as JSON text, so that 100,000 of them fit into memory."""

    __slots__ = (
        "_fields",
        "accepted",
        "catalog",
        "close_date",
        "company",
        "created",
        "entities",
        "id",
        "involvement",
        "modified",
        "origin",
        "review_status",
        "stage",
        "summary",
        "tags",
        "team",
        "visibility",
    )

    def __init__(self, catalog: str, identifier: str, fields: Fields, created: datetime) -> None:
        self.catalog = catalog
        self.id = identifier
        self.created = created
        self.modified = created
        self.origin = "Partner Referral"
        self.accepted = True
        self.involvement: str | None = None
        self.visibility: str | None = None
        self.entities: dict[str, list[str]] = {}
        self.team: list[Fields] = []
        self.tags: dict[str, str] = {}
        self.summary: Fields = {}
        self.fields = fields

    @property
    def fields(self) -> Fields:
        """A copy of the members that UpdateOpportunity replaces, without nulls."""
        loaded: Fields = json.loads(self._fields)
        return loaded

    @fields.setter
    def fields(self, value: Fields) -> None:
        life_cycle = value.get("LifeCycle") or {}
        self._fields = json.dumps(value, separators=(",", ":")).encode()
        self.stage: str | None = life_cycle.get("Stage")
        self.review_status: str | None = life_cycle.get("ReviewStatus")
        self.close_date: str = life_cycle.get("TargetCloseDate") or ""
        self.company: str = value["Customer"]["Account"]["CompanyName"]

    @property
    def arn(self) -> str:
        """The opportunity's ARN."""
        return f"arn:aws:partnercentral:us-east-1:{ACCOUNT_ID}:catalog/{self.catalog}/opportunity/{self.id}"

    @property
    def has_solution(self) -> bool:
        """Whether a solution or Marketplace product is associated."""
        return any(self.entities.get(kind) for kind in SOLUTION_TYPES)


@dataclass(slots=True)
class Task:
    """A task that the service runs on its own.

    Attributes:
        kind: the operation that started it.
        polls_left: how often it is still found in progress.
        failure: reason code and message when it ends badly.
        results: ids that are told when it is complete.
    """

    id: str
    catalog: str
    kind: str
    started: datetime
    polls_left: int
    subject: Fields
    failure: tuple[str, str] | None = None
    results: Fields = field(default_factory=dict)

    @property
    def status(self) -> str:
        """IN_PROGRESS, COMPLETE or FAILED."""
        if self.polls_left:
            return "IN_PROGRESS"
        return "FAILED" if self.failure else "COMPLETE"


@dataclass(slots=True)
class Engagement:
    """A collaboration around one opportunity."""

    id: str
    catalog: str
    opportunity: str
    title: str
    description: str
    created_by: str
    created: datetime
    modified: datetime
    project: Fields


@dataclass(slots=True)
class Invitation:
    """An invitation into an engagement: from AWS (RECEIVER) or from the partner's own submission (SENDER)."""

    id: str
    catalog: str
    participant: Literal["SENDER", "RECEIVER"]
    engagement: str
    opportunity: str
    created: datetime
    expires: datetime
    message: str
    decided: str = ""
    rejection_reason: str = ""
    payload: Fields = field(default_factory=dict)

    def status(self, now: datetime) -> str:
        """Return PENDING, ACCEPTED, REJECTED or EXPIRED."""
        return self.decided or ("EXPIRED" if now >= self.expires else "PENDING")

    @property
    def arn(self) -> str:
        """The invitation's ARN; its account is empty, as the service writes it."""
        return f"arn:aws:partnercentral:us-east-1::catalog/{self.catalog}/engagement-invitation/{self.id}"


@dataclass(frozen=True, slots=True)
class Solution:
    """One of the partner's solutions."""

    id: str
    name: str
    status: Literal["Active", "Inactive", "Draft"]
    category: str
    created: datetime
    marketplace_arn: str = ""
