"""The people of the demo: a seller and an admin who use Salesforce over its API, and AWS, whom the sandbox's control
server moves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import requests

from connector.admin.person import Person, Row
from connector.aws.partner_central import PartnerCentralDoor

OBJECT, LEAD_OBJECT = "ACE_Opportunity__c", "ACE_Lead__c"
PATIENCE_SECONDS = 120.0
LOOK_SECONDS, LOOKS = 0.5, 12
"""Pause between two looks, and after how many it gets longer by as much: each jump of the clock makes every periodic
job due, and a busy machine needs time to do them before it gets to what is waited for.
"""


class World:
    """The sandbox as the story uses it."""

    def __init__(self, info: dict[str, Any], partner_central: PartnerCentralDoor) -> None:
        self.partner_central = partner_central
        org = info["salesforce"]
        users = org["users"]
        self.seller = Person(org["instance_url"], org["api_version"], users["seller"]["access_token"])
        self.admin = Person(org["instance_url"], org["api_version"], users["admin"]["access_token"])
        self.org_id, self.seller_id = org["org_id"], users["seller"]["id"]
        self._control = info["control"]["endpoint_url"]
        self._session = requests.Session()
        self._session.trust_env = False

    def order(self, path: str, **members: Any) -> Any:
        """Give the control server one order."""
        answer = self._session.post(f"{self._control}/{path}", json=members, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def pass_time(self, span: timedelta) -> None:
        """Let the sandbox's clock jump; the worker follows it."""
        self.order("clock", advance_seconds=span.total_seconds())

    def until(self, what: str, condition: Callable[[], bool], *, stride: timedelta = timedelta(seconds=20)) -> None:
        """Wait until the worker has brought the condition about, letting the sandbox's time run fast meanwhile.

        Args:
            stride: how far the clock jumps before each look.

        Raises:
            TimeoutError: it did not happen; the demo has failed.
        """
        give_up = time.monotonic() + PATIENCE_SECONDS
        looks = 0
        while not condition():
            if time.monotonic() > give_up:
                raise TimeoutError(f"The demo waited in vain until {what}.")
            self.pass_time(stride)
            looks += 1
            time.sleep(LOOK_SECONDS * (1 + looks // LOOKS))

    def opportunities(self) -> list[Row]:
        """Return what the admin sees of all opportunities, in the order of their creation."""
        fields = "Id, Name, ACE_APN_Unique_Identifier__c, Review_Status__c, Stage__c, City__c, ACE_Last_Sync_Date__c"
        return self.admin.query(f"SELECT {fields}, LastModifiedDate FROM {OBJECT} ORDER BY CreatedDate, Id")  # noqa: S608

    def referrals(self) -> list[Row]:
        """Return the records of what AWS referred."""
        fields = (
            "Id, Name, ACE_APN_Unique_Identifier__c, Review_Status__c, Partner_Acceptance_Status__c, Customer_Email__c"
        )
        return self.seller.query(f"SELECT {fields} FROM {OBJECT} WHERE ACE_Invitation_Id__c != null")  # noqa: S608

    def leads(self) -> list[Row]:
        """Return what the seller sees of all leads."""
        fields = "Id, Full_Name__c, Company__c, Industry__c, Project_Description__c, Email__c, Status__c"
        return self.seller.query(f"SELECT {fields} FROM {LEAD_OBJECT} ORDER BY CreatedDate, Id")  # noqa: S608

    def exchanges_leads(self) -> bool:
        """Whether the worker has taken over the schedule of leads."""
        return bool(self.admin.query("SELECT Id FROM ACE_Schedule__c WHERE Status__c IN ('Waiting', 'Running')"))

    def open_details(self) -> list[Row]:
        """Return the open sync-log details: why a record did not go out."""
        return self.admin.query(
            "SELECT Record_Id__c, Status__c, Error_Code__c, Error_Summary__c, Error_Message__c "
            "FROM ACE_Sync_Log_Detail__c WHERE Status__c IN ('Error', 'Held', 'Pending') "
            "ORDER BY Record_Id__c, Detail_Key__c"
        )
