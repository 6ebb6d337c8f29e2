"""The story that ``connector demo`` plays: a seller, AWS and a colleague, with the real worker between them."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from connector import data
from connector.admin import release_desk
from connector.admin.demo_world import LEAD_OBJECT, OBJECT, World
from connector.admin.mapping_desk import MappingDesk
from connector.admin.output import people, print_table
from connector.admin.person import Row
from connector.aws.partner_central import PartnerCentralDoor
from connector.names import SCHEDULE, Schedule
from connector.service.config import Config, load_config
from connector.service.runtime import Runtime, partner_central_settings
from connector.service.telemetry import configure_logging
from connector.service.worker import Worker

if TYPE_CHECKING:
    from connector.sandbox.server import Sandbox

QUOTA_SCALE = 25
CATALOG = "Sandbox"
REFUSED = "Dispatch cockpit"
IN_REVIEW = "Turbine telemetry"
SENT_BACK = "Campus identity"
LOST = "Stadium ticketing"
BOTH_SIDES = "Harbour yard visibility"
COLLEAGUES = {
    "Project": {"Title": "Vineyard sensor network"},
    "Customer": {"Account": {"CompanyName": "Valle Alto Wines"}},
}
LEAD = {"company": "Saltmarsh Observatory", "projectDescription": "Wants its tide models in the cloud."}
STRIDE = timedelta(minutes=2)
"""How far the clock jumps at a time while AWS's changes are waited for: they are looked for every five minutes."""
REFERRED = {
    "Project": {"Title": "Archive of parish records"},
    "Customer": {
        "Account": {"CompanyName": "Northern Diocese Archive"},
        "Contacts": [{"Email": "archive@diocese.example", "BusinessTitle": "Head of archive"}],
    },
}


def play(sandbox: type[Sandbox], *, serve: bool) -> None:
    """Play the story; with ``serve``, keep the sandbox and the worker up until interrupted.

    Raises:
        TimeoutError: something that must happen did not.
    """
    configure_logging("ERROR", json_lines=False)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="connector-demo-") as directory,
        sandbox(Path(directory), quota_scale=QUOTA_SCALE, exchange=True) as servers,
    ):
        config = load_config(servers.config_path)
        door = PartnerCentralDoor(partner_central_settings(config.aws.partner_central, CATALOG))
        story = Story(World(servers.launch_info(), door), people())
        story.introduce()
        _exchange_leads(config)
        with _working(config) as worker:
            story.tell()
            story.console.print(f"\nDone in {time.monotonic() - began:.0f} seconds.")
            if serve:
                _serve(story.console, servers.launch_info(), worker)


def _exchange_leads(config: Config) -> None:
    """Map leads, and activate their schedule, as an admin does by command before the worker's first start."""
    with Runtime.open(config, exclusive=False) as runtime:
        desk = MappingDesk(runtime, "lead", "demo")
        desk.automap()
        release_desk.publish(desk, "The packaged object")
        row = {Schedule.OBJECT: "Lead", Schedule.INTERVAL_MINUTES: 5, Schedule.ACTIVE: True}
        runtime.salesforce.create(SCHEDULE, row)


@contextmanager
def _working(config: Config) -> Iterator[threading.Thread]:
    worker = Worker(config)
    thread = threading.Thread(target=worker.run, name="worker")
    thread.start()
    try:
        yield thread
    finally:
        worker.stop()
        thread.join()


def _serve(console: Console, info: dict[str, Any], worker: threading.Thread) -> None:
    console.print("\nThe sandbox and the worker stay up; stop them with Ctrl-C. How to reach them:")
    console.print_json(json.dumps(info))
    try:
        while worker.is_alive():
            worker.join(1)
    except KeyboardInterrupt:
        console.print("Stopping.")


class Story:
    """What happens, step by step; each step waits until the worker has done its part."""

    def __init__(self, world: World, console: Console) -> None:
        self.world, self.console = world, console
        self.ids: dict[str, str] = {}

    def introduce(self) -> None:
        """Say what this is, and set the org up as an admin would."""
        self._title("A sandbox on this machine: a Salesforce org, AWS Partner Central and the ACE bucket")
        self.console.print(
            f"Partner Central enforces {QUOTA_SCALE} times AWS's request rates, so that this takes a minute. "
            "The admin has switched Share automatically and Update automatically on, and gives what comes from AWS to "
            "the seller."
        )
        settings = self.world.admin.query("SELECT Id FROM ACE_Connector_Settings__c")
        values = {
            "Share_Automatically__c": True,
            "Update_Automatically__c": True,
            "Default_Owner_Id__c": self.world.seller_id,
        }
        self.world.admin.edit("ACE_Connector_Settings__c", settings[0]["Id"], values)
        self.world.order("exchange/enroll")

    def tell(self) -> None:
        """Play all parts."""
        self.sell()
        self.review()
        self.carry_on()
        self.colleague()
        self.refer()
        self.refer_lead()
        self.look_back()

    def sell(self) -> None:
        """A seller enters a dozen opportunities; all but one can be shared."""
        self._title("1. A seller enters twelve opportunities in Salesforce and ticks Sync with AWS")
        for row in _opportunities():
            self.ids[row["Name"]] = self.world.seller.create(OBJECT, row)
        self.world.until(
            "all were shared or refused", lambda: self._submitted() == len(self.ids) - 1 and bool(self._open(REFUSED))
        )
        self._show_opportunities()
        self.console.print(f"\n{REFUSED} was refused here, before AWS saw it, with all its problems at once:")
        for detail in self._open(REFUSED):
            self.console.print(f"  {detail['Error_Message__c']}", markup=False)

    def review(self) -> None:
        """AWS approves most, sends one back and leaves one in review."""
        self._title("2. AWS reviews: nine are approved, one is sent back, one stays in review")
        for name in self.ids:
            if name not in (REFUSED, IN_REVIEW, SENT_BACK):
                self._review(name, "Approved")
        self._review(IN_REVIEW, "In review")
        self._review(
            SENT_BACK, "Action Required", reason="Clarify Solution", comments="Which systems will sign in here?"
        )
        self._until(
            "Salesforce shows AWS's decisions",
            lambda: self._statuses()["Approved"] == 9 and self._statuses()["Action Required"] == 1,
        )
        self._show_opportunities()

    def carry_on(self) -> None:
        """The seller works on; edits of a record in review are held, and nobody's edit is lost."""
        self._title("3. The seller works on, and a colleague edits in Partner Central at the same time")
        edit = partial(self.world.seller.edit, OBJECT)
        edit(self.ids[IN_REVIEW], {"Next_Step__c": "Send the sensor list"})
        edit(
            self.ids[SENT_BACK],
            {"Customer_Business_Problem__c": "Students have five passwords; mail, library and labs will sign in here."},
        )
        edit(self.ids[LOST], {"Stage__c": "Closed Lost", "Closed_Lost_Reason__c": "Price"})
        self.world.order(
            "aws/edit",
            opportunity=self._apn(BOTH_SIDES),
            fields={
                "LifeCycle.NextSteps": "AWS: invite the solutions architect",
                "Customer.Account.Address.City": "Tacoma",
            },
        )
        edit(self.ids[BOTH_SIDES], {"Next_Step__c": "Seller: workshop on the 14th", "Stage__c": "Qualified"})
        self.world.until("every edit arrived or is held", self._edits_arrived)
        self.console.print(f"- {IN_REVIEW}: the edit is held while AWS reviews the record.")
        self.console.print(f"- {SENT_BACK}: corrected, and back at AWS for review.")
        self.console.print(f"- {LOST}: closed lost at AWS, with the reason.")
        self.console.print(
            f"- {BOTH_SIDES}: next step as the seller wrote it, city as the colleague wrote it, on both sides."
        )
        self._review(IN_REVIEW, "Approved")
        self._review(SENT_BACK, "Approved")
        self._until(
            "the held edit went out",
            lambda: self._at_aws(IN_REVIEW)["LifeCycle"].get("NextSteps") == "Send the sensor list",
        )
        self.console.print(f"- {IN_REVIEW}: AWS approved it, and the held edit went out by itself.")

    def colleague(self) -> None:
        """A colleague creates an opportunity in Partner Central."""
        self._title("4. A colleague creates an opportunity in Partner Central")
        created = self.world.order("aws/create", fields=COLLEAGUES, catalog=CATALOG)
        self._until("it appears in Salesforce", lambda: len(self.world.opportunities()) == len(self.ids) + 1)
        self._show_opportunities()
        self.console.print(f"\n{created['opportunity']} is in Salesforce now.")

    def refer(self) -> None:
        """AWS refers an opportunity; the seller sees what may be shown, and accepts it."""
        self._title("5. AWS refers an opportunity, and the seller accepts it")
        invitation = self.world.order("aws/refer", fields=REFERRED, catalog=CATALOG)["invitation"]
        self._until("the referral waits in Salesforce", lambda: bool(self.world.referrals()))
        (waiting,) = self.world.referrals()
        self.console.print(
            f"{waiting['Name']} waits for a decision; AWS names the customer's contact only after acceptance."
        )
        self.world.seller.create("ACE_Action_Request__c", {"Action__c": "Accept", "ACE_Opportunity__c": waiting["Id"]})
        self.world.until("the contact arrived", lambda: bool(self.world.referrals()[0]["Customer_Email__c"]))
        (accepted,) = self.world.referrals()
        self.console.print(
            f"Accepted {invitation}: the same record is {accepted['ACE_APN_Unique_Identifier__c']} now, "
            f"{accepted['Review_Status__c']}, with the customer's contact."
        )

    def refer_lead(self) -> None:
        """AWS refers a lead in a file; the seller accepts and qualifies it, and files bring that to AWS."""
        self._title("6. AWS refers a lead by a file in the ACE bucket, and the seller works on it")
        self._until("the schedule of leads is in force", self.world.exchanges_leads)
        lead = self.world.order("exchange/refer-lead", fields=LEAD)["lead"]
        self._export()
        self._until("the lead is in Salesforce", lambda: bool(self.world.leads()))
        (referred,) = self.world.leads()
        self.console.print(
            f"{lead} is in Salesforce: {referred['Project_Description__c']} "
            "AWS hides the company and the contact until the lead is accepted."
        )
        assert not referred["Email__c"], "AWS hides the contact"
        edit = partial(self.world.seller.edit, LEAD_OBJECT, referred["Id"])
        edit({"Current_Lead_Stage__c": "Accepted"})
        self._until("AWS took the acceptance", lambda: len(self._lead_files()) == 1)
        self._export()
        self._until("the contact arrived", lambda: bool(self.world.leads()[0]["Email__c"]))
        (accepted,) = self.world.leads()
        self.console.print(f"Accepted: {accepted['Full_Name__c']} of {accepted['Company__c']} is who to talk to.")
        edit({"Status__c": "Qualified"})
        self._until("AWS took the update", lambda: len(self._lead_files()) == 2)
        for name in self._lead_files():
            self.console.print(f"  sent, and taken by AWS: {name}", markup=False)

    def _export(self) -> None:
        """Let AWS write its files now, which it does each hour."""
        self.world.order("exchange/export")

    def _until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for what comes from AWS, or goes there by a schedule."""
        self.world.until(what, condition, stride=STRIDE)

    def _lead_files(self) -> list[str]:
        """Return the files about leads that AWS took."""
        rows = self.world.admin.query(
            "SELECT File_Name__c FROM ACE_Sync_Log__c WHERE Object__c = 'ACE_Lead__c' AND Direction__c = 'To AWS' "
            "AND Status__c = 'Processed' AND Success_Count__c > 0 ORDER BY CreatedDate, Name"
        )
        return [str(row["File_Name__c"]) for row in rows]

    def look_back(self) -> None:
        """What the admin sees."""
        self._title("7. The sync logs as the admin sees them in Salesforce")
        self.world.pass_time(timedelta(minutes=1))
        time.sleep(1)
        logs = self.world.admin.query(
            "SELECT Name, Direction__c, Purpose__c, Status__c, Record_Count__c, Success_Count__c, Error_Count__c "
            "FROM ACE_Sync_Log__c WHERE Record_Count__c > 0 ORDER BY CreatedDate, Name"
        )
        fields = (
            "Name",
            "Direction__c",
            "Purpose__c",
            "Status__c",
            "Record_Count__c",
            "Success_Count__c",
            "Error_Count__c",
        )
        print_table(
            self.console,
            "",
            ("Log", "Direction", "Purpose", "Status", "Records", "Good", "Bad"),
            [[_short(row[f]) for f in fields] for row in logs],
        )
        names = {record_id: name for name, record_id in self.ids.items()}
        rows = [
            (
                names.get(one["Record_Id__c"], one["Record_Id__c"]),
                one["Status__c"],
                one["Error_Code__c"],
                one["Error_Summary__c"],
            )
            for one in self.world.open_details()
        ]
        print_table(self.console, "Still open", ("Record", "Status", "Code", "Why"), rows)

    def _title(self, text: str) -> None:
        self.console.print(f"\n[bold]{text}[/]")

    def _open(self, name: str) -> list[Row]:
        return [one for one in self.world.open_details() if one["Record_Id__c"] == self.ids[name]]

    def _statuses(self) -> dict[str, int]:
        found: dict[str, int] = dict.fromkeys(("Submitted", "In review", "Approved", "Action Required"), 0)
        for row in self.world.opportunities():
            found[row["Review_Status__c"]] = found.get(row["Review_Status__c"], 0) + 1
        return found

    def _submitted(self) -> int:
        return sum(
            bool(row["ACE_APN_Unique_Identifier__c"])
            for row in self.world.opportunities()
            if row["Review_Status__c"] == "Submitted"
        )

    def _apn(self, name: str) -> str:
        return str(self._row(name)["ACE_APN_Unique_Identifier__c"])

    def _row(self, name: str) -> Row:
        return next(row for row in self.world.opportunities() if row["Id"] == self.ids[name])

    def _review(self, name: str, status: str, **more: str) -> None:
        self.world.order("aws/review", opportunity=self._apn(name), status=status, **more)

    def _at_aws(self, name: str) -> Row:
        return self.world.partner_central.get_opportunity(self._apn(name))

    def _edits_arrived(self) -> bool:
        both = self._at_aws(BOTH_SIDES)
        return (
            [one["Status__c"] for one in self._open(IN_REVIEW)] == ["Held"]
            and self._at_aws(SENT_BACK)["LifeCycle"]["ReviewStatus"] == "Submitted"
            and self._at_aws(LOST)["LifeCycle"]["Stage"] == "Closed Lost"
            and both["LifeCycle"]["Stage"] == "Qualified"
            and both["LifeCycle"]["NextSteps"] == "Seller: workshop on the 14th"
            and both["Customer"]["Account"]["Address"]["City"] == "Tacoma"
            and self._row(BOTH_SIDES)["City__c"] == "Tacoma"
        )

    def _show_opportunities(self) -> None:
        rows = [
            (
                row["Name"],
                row["ACE_APN_Unique_Identifier__c"] or "-",
                row["Review_Status__c"] or "not shared",
                row["Stage__c"],
            )
            for row in self.world.opportunities()
        ]
        print_table(self.console, "", ("Opportunity in Salesforce", "AWS id", "Review status", "Stage"), rows)


def _short(value: Any) -> Any:
    return int(value) if isinstance(value, float) else value


def _opportunities() -> list[Row]:
    story = data.read("demo_opportunities.json")
    close = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 90 * 86400))
    return [
        {**story["defaults"], "Partner_Project_Title__c": row["Name"], "Target_Close_Date__c": close, **row}
        for row in story["opportunities"]
    ]
