"""How the sandbox's Partner Central is set up: the account, what it may do, how fast AWS answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ACCOUNT_ID = "111122223333"
CATALOGS = ("AWS", "Sandbox")


@dataclass(frozen=True, slots=True)
class Person:
    """A Partner Central user."""

    email: str
    first_name: str
    last_name: str


@dataclass(slots=True)
class Settings:
    """What a test may change about the account.

    Attributes:
        access_key_id, secret_access_key: the credentials that requests must be signed with.
        quota_scale: times AWS's published quotas.
        task_polls: how often a task is found in progress before it is complete; 0: complete at once.
        review_seconds: seconds of the sandbox clock that AWS takes for each step of a review; None: only the control
            reviews.
        partner_path: a Software path partner (ISV) or a Services path one (Consulting); some rules differ.
        revenue_program: the account is in a programme that needs the software revenue at launch.
        limited_visibility: the account may share with limited visibility; otherwise it becomes Full.
        users: the account's active Partner Central users; the first one is the alliance lead, who owns by default.
        seller_accounts: the AWS accounts whose Marketplace offers can be associated.
    """

    access_key_id: str = "AKIASANDBOX000000001"
    secret_access_key: str = "sandbox-secret-access-key"  # noqa: S105  (of the embedded server only)
    quota_scale: float = 1.0
    task_polls: int = 0
    review_seconds: float | None = None
    partner_path: Literal["ISV", "Consulting"] = "ISV"
    revenue_program: bool = False
    limited_visibility: bool = False
    users: tuple[Person, ...] = (
        Person("admin@northwind.example", "Ada", "Moreno"),
        Person("sam.okafor@northwind.example", "Sam", "Okafor"),
        Person("rita.lindqvist@northwind.example", "Rita", "Lindqvist"),
    )
    seller_accounts: tuple[str, ...] = (ACCOUNT_ID,)

    def user(self, email: str) -> Person | None:
        """Return the active user with that address."""
        return next((person for person in self.users if person.email == email.lower()), None)
