"""What the tests of AWS's referrals share: AWS refers, the connector looks, sellers answer."""

from __future__ import annotations

from typing import Any

from system_worker import Worker
from system_world import CATALOG, Json, World

INVITATION, APN = "ACE_Invitation_Id__c", "ACE_APN_Unique_Identifier__c"
REQUESTS = "ACE_Action_Request__c"
STATUS, ARN, ACCEPT_BY = "Partner_Acceptance_Status__c", "Engagement_Invitation_ARN__c", "Accept_By__c"
SHOWN = (
    INVITATION, APN, STATUS, ARN, ACCEPT_BY, "Name", "Customer_Company_Name__c", "Partner_Project_Title__c",
    "Customer_Business_Problem__c", "Target_Close_Date__c", "Stage__c", "Country__c", "Customer_Website__c",
    "Industry__c", "Expected_Monthly_AWS_Revenue__c", "City__c", "Visibility__c", "Involvement_Type__c",
    "Opportunity_Ownership__c", "Next_Step__c", "ACE_Sync_with_AWS__c", "Review_Status__c", "Rejection_Reason__c",
    "Customer_Email__c", "Customer_First_Name__c", "Customer_Last_Name__c", "Customer_Phone__c", "Customer_Title__c",
    "Partner_Development_Manager__c",
)  # fmt: skip
PEOPLE = (
    "Customer_Email__c", "Customer_First_Name__c", "Customer_Last_Name__c", "Customer_Phone__c", "Customer_Title__c",
)  # fmt: skip
CONTACT = {
    "Email": "casey.lund@polaris.example", "FirstName": "Casey", "LastName": "Lund", "Phone": "+14255550123",
    "BusinessTitle": "CTO",
}  # fmt: skip
ACCEPTS, REJECTS = "StartEngagementByAcceptingInvitationTask", "RejectEngagementInvitation"
DAY = 86_400


def refer(world: World, **fields: Any) -> Json:
    """Let AWS refer an opportunity; return its ids. ``Project__Title`` stands for ``Project.Title``."""
    number = next(world._numbers)
    named = {
        "Customer.Account.CompanyName": f"Polaris Freight {number}",
        "Project.Title": f"Route planning {number}",
        "Customer.Contacts": [CONTACT],
    }
    paths = {name.replace("__", "."): value for name, value in fields.items()}
    return world.control("/aws/refer", fields={**named, **paths}, catalog=CATALOG)


def rows_of(world: World, ids: Json) -> list[Json]:
    """Return every record that belongs to the referral, by its invitation or by its opportunity."""
    return world.find(f"{INVITATION} = '{ids['invitation']}' OR {APN} = '{ids['opportunity']}'", *SHOWN)


def row_of(world: World, ids: Json) -> Json:
    """Return the one record of the referral."""
    (row,) = rows_of(world, ids)
    return row


def received(world: World, **fields: Any) -> tuple[str, Json]:
    """Let AWS refer an opportunity, and the connector look; return the seller's record and AWS's ids."""
    world.settings(Default_Owner_Id__c=world.user("seller"))
    ids = refer(world, **fields)
    world.sync("inbound")
    return str(row_of(world, ids)["Id"]), ids


def accept_elsewhere(world: World, ids: Json) -> None:
    """A colleague accepts in Partner Central."""
    world.aws.start_engagement_by_accepting_invitation_task(Catalog=CATALOG, Identifier=ids["invitation"])


def reject_elsewhere(world: World, ids: Json) -> None:
    """A colleague rejects in Partner Central."""
    world.aws.reject_engagement_invitation(Catalog=CATALOG, Identifier=ids["invitation"], RejectionReason="Other")


def lose_state(world: World) -> None:
    """The state file is gone."""
    for suffix in ("", "-wal", "-shm"):
        world.state_path.with_name(world.state_path.name + suffix).unlink(missing_ok=True)


def opportunities_of(world: World, company: str) -> list[str]:
    """Return AWS's ids of all opportunities of a company that the partner can see."""
    return [one["Id"] for one in world.listed() if one["Customer"]["Account"]["CompanyName"] == company]


def ask(world: World, action: str, record: str | None, **fields: Any) -> str:
    """Create a request as a seller; return its id."""
    target = {} if record is None else {"ACE_Opportunity__c": record}
    answer = world.seller.post(f"sobjects/{REQUESTS}", {"Action__c": action, **target, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def refused_by_org(world: World, action: str, record: str, **fields: Any) -> str:
    """Create a request that the package itself refuses; return its words."""
    answer = world.seller.post(f"sobjects/{REQUESTS}", {"Action__c": action, "ACE_Opportunity__c": record, **fields})
    assert answer.status_code == 400, answer.text
    return str(answer.json()[0]["message"])


def answered(world: World, worker: Worker, request: str) -> tuple[str, str]:
    """Let time pass until the request has its answer; return status and message."""

    def shown() -> Json:
        return world.seller.rows(f"SELECT Status__c, Message__c FROM {REQUESTS} WHERE Id = '{request}'")[0]

    def done() -> bool:
        world.advance(3)
        return shown()["Status__c"] not in ("New", "In Progress")

    world.eventually(done, lambda: f"an answer; there is {shown()} {world.pending()}")
    return str(shown()["Status__c"]), str(shown()["Message__c"])
