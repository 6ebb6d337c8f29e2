"""The whole product on loopback with the ACE bucket: an org that exchanges files, its sellers, and AWS behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config
from bucket_proxy import BucketCall, BucketProxy
from salesforce_sandbox import Client
from system_worker import Worker
from system_world import CATALOG, DEALS, FAST, QUOTA_SCALE, Ran, World

from connector.sandbox.exchange.settings import PARTNER_ID
from connector.sandbox.seed import make_row
from connector.sandbox.server import Sandbox

Json = dict[str, Any]
LEADS = "ACE_Lead__c"
SCHEDULES = "ACE_Schedule__c"
OPPORTUNITY, LEAD = "opportunity", "lead"
OBJECTS = {OPPORTUNITY: DEALS, LEAD: LEADS}
LISTS = {OPPORTUNITY: "opportunities", LEAD: "Leads"}
PARTNER_KEYS = {OPPORTUNITY: "partnerCrmUniqueIdentifier", LEAD: "partnerCrmLeadId"}
APN_KEY = "apnCrmUniqueIdentifier"
APN, SYNCED = "ACE_APN_Unique_Identifier__c", "ACE_Last_Sync_Date__c"
RESULTS = "inbound-processed-results"
OUTBOUND, RETRIEVAL, RECORDS = "Outbound File Retrieval", "Inbound File Retrieval", "Inbound Record Retrieval"
PLACE = {"Country__c": "US", "State_or_Region__c": "Washington", "City__c": "Seattle", "Postal_Code__c": "98101"}
"""Files take a state in the United States only."""
OVER_FILES = {"Opportunities_over_S3__c": True}


class FileWorld(World):
    """A world whose org exchanges leads, and unless said otherwise opportunities too, over the ACE bucket.

    AWS takes files in and exports when it is told to, not by itself, so that a test decides what happens when. Its
    opportunities are those of Partner Central's sandbox catalog.

    Attributes:
        wire: everything the connector sends to S3 goes through it.
        s3: boto3's client, past the proxy, with the partner's keys: what an operator sees in the bucket.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        assert sandbox.exchange is not None
        self.exchange = sandbox.exchange
        self.bucket = str(self.info["s3"]["bucket"])
        self.wire = BucketProxy(self.info["s3"]["endpoint_url"])
        self.s3 = _s3(self.info)

    def close(self) -> None:
        super().close()
        self.wire.close()
        self.s3.close()

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment of a process of the product; S3 through the proxy too."""
        return super().environment(**{"CONNECTOR__AWS__EXCHANGE__ENDPOINT_URL": self.wire.url, **variables})

    def use(self, **settings: Any) -> Self:
        """Let the admin enter the bucket, and map and publish what the package has for leads."""
        self.control("/exchange/settings", automatic=False, catalog=CATALOG)
        self.control("/exchange/enroll")
        self.settings(**settings)
        self.do("mapping", "object", LEADS, "--type", "lead", "--yes")
        self.do("mapping", "automap", "--type", "lead")
        self.do("mapping", "publish", "--type", "lead")
        return self

    # -- the product

    def fresh(self) -> Self:
        """Leave nothing over from an earlier test: no file under way, no record that is due, nothing on the wire."""
        self.exchange.mishaps.clear()
        self.control("/exchange/release")
        for kind in OBJECTS:
            if self.keys(f"{kind}-{RESULTS}"):
                self.take(kind)
            flagged = self.rows(kind, "ACE_Sync_with_AWS__c = true")
            # The integration user is above the package's rules, which a half-filled record would break.
            self.write(kind, [{"id": one["Id"], "ACE_Sync_with_AWS__c": False} for one in flagged], self.integration)
            for name in self.keys(f"{kind}-outbound"):
                self.s3.delete_object(Bucket=self.bucket, Key=f"{kind}-outbound/{name}")
        self.wire.forget()
        self.wire.refusals.clear()
        self.proxy.forget()
        return self

    def files(self, direction: str, kind: str = OPPORTUNITY, record: str = "", **variables: str) -> Ran:
        """Run one direction of one kind of record once; some records may fail, the command itself must not."""
        only = ("--record", record) if record else ()
        ran = self.run("sync", direction, "--object", kind, *only, "--json", **variables)
        assert ran.code in (0, 1), f"sync {direction} {kind} ended with {ran.code}\n{ran.out}\n{ran.err}"
        return ran

    def send(self, kind: str = OPPORTUNITY, record: str = "") -> list[BucketCall]:
        """Run outbound once; return the files that it uploaded."""
        before = len(self.wire.calls)
        self.files("outbound", kind, record)
        return [one for one in self.wire.calls[before:] if one.operation == "PutObject" and one.status == 200]

    def take(self, kind: str = OPPORTUNITY) -> None:
        """Run inbound once."""
        self.files("inbound", kind)

    def exchange_files(self, kind: str = OPPORTUNITY) -> list[BucketCall]:
        """Send what is due, let AWS work it off, and take the results in; return the uploaded files."""
        sent = self.send(kind)
        self.process()
        self.take(kind)
        return sent

    # -- AWS

    def process(self) -> list[str]:
        """Let AWS take in every file that waits; return the results' keys."""
        return list(self.control("/exchange/process")["results"])

    def export(self, *, everything: bool = False) -> list[str]:
        """Let AWS export what is new or changed, or everything; return the files' keys."""
        return list(self.control("/exchange/export", everything=everything)["files"])

    def mishap(self, kind: str, **more: Any) -> None:
        """Let the coming files go wrong at AWS."""
        self.control("/exchange/fault", kind=kind, **more)

    def refer(self, **fields: Any) -> str:
        """Let AWS refer an opportunity, and return its identifier; ``Customer__Account__CompanyName`` names a member.

        It is not exported yet.
        """
        nested: Json = {}
        for name, value in fields.items():
            *path, last = name.split("__")
            inside = nested
            for part in path:
                inside = inside.setdefault(part, {})
            inside[last] = value
        answer = self.control("/aws/refer", fields=nested, catalog=CATALOG)
        return str(answer["opportunity"])

    def refer_lead(self, **fields: Any) -> str:
        """Let AWS refer a lead; return its identifier. It is not exported yet."""
        return str(self.control("/exchange/refer-lead", fields=fields)["lead"])

    def stored(self, identifier: str) -> Json:
        """Return an opportunity, or a lead, as AWS would export it now, whole."""
        kind = LEAD if identifier.startswith("L") else OPPORTUNITY
        known = {str(one[APN_KEY]): one for one in self.exchange._stores[kind].export("2.0")}
        found: Json = known[identifier]
        return found

    # -- the bucket

    def drop(self, key: str, content: Any) -> str:
        """Put a file into the bucket as AWS does; anything but bytes is written as JSON. Return the key."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.exchange.bucket.write(key, body)
        return key

    def exported(self, name: str, *records: Json, kind: str = OPPORTUNITY) -> str:
        """Put a file of records into a folder of what AWS exports; return its key."""
        root = {OPPORTUNITY: "opportunities", LEAD: "leads"}[kind]
        version = {OPPORTUNITY: "2.0", LEAD: "1"}[kind]
        return self.drop(f"{kind}-outbound/{name}", {"version": version, "spmsId": PARTNER_ID, root: list(records)})

    def keys(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, as an operator sees them."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{folder}/")
        found = [one["Key"] for page in pages for one in page.get("Contents", ())]
        return [key.removeprefix(f"{folder}/") for key in found if not key.endswith("/")]

    def read(self, key: str) -> Json:
        """Return a file's JSON."""
        found: Json = json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        return found

    # -- Salesforce

    def rows(self, kind: str, where: str, *fields: str) -> list[Json]:
        """Return rows of the object of a kind, oldest first."""
        named = ", ".join(dict.fromkeys(("Id", "ACE_Sync_with_AWS__c", APN, SYNCED, *fields)))
        return self.admin.rows(f"SELECT {named} FROM {OBJECTS[kind]} WHERE {where} ORDER BY CreatedDate, Id")

    def of_aws(self, identifier: str, *fields: str) -> Json:
        """Return the one row that has AWS's identifier."""
        kind = LEAD if identifier.startswith("L") else OPPORTUNITY
        found = self.rows(kind, f"{APN} = '{identifier}'", *fields)
        assert len(found) == 1, f"{identifier} is in {len(found)} rows"
        return found[0]

    def row_of(self, record: str, *fields: str, kind: str = LEAD) -> Json:
        """Return the row of that id."""
        return self.rows(kind, f"Id = '{record}'", *fields)[0]

    def change(self, record: str, person: Client | None = None, kind: str = LEAD, **fields: Any) -> None:
        """Change a row as a seller does."""
        answer = (person or self.seller).patch(f"sobjects/{OBJECTS[kind]}/{record}", fields)
        assert answer.status_code == 204, answer.text

    def write(
        self, kind: str, rows: Sequence[Mapping[str, Any]], person: Client | None = None, method: str = "PATCH"
    ) -> list[str]:
        """Create (POST) or change rows, as an admin unless said otherwise, many at a time; return their ids."""
        written: list[str] = []
        for start in range(0, len(rows), 200):
            records = [{"attributes": {"type": OBJECTS[kind]}, **row} for row in rows[start : start + 200]]
            answer = (person or self.admin).send(method, "composite/sobjects", {"allOrNone": True, "records": records})
            assert answer.status_code == 200 and all(one["success"] for one in answer.json()), answer.text
            written += [str(one["id"]) for one in answer.json()]
        return written

    def deal(self, person: Client | None = None, **fields: Any) -> str:
        """Create a complete deal that files can tell of, flagged unless said otherwise; return its id."""
        return super().deal(person, **{**PLACE, **fields})

    def deals(self, count: int, **fields: Any) -> list[str]:
        """Create complete deals that are due; return their ids."""
        now = self.sandbox.clock.now()
        rows = [{**make_row(next(self._numbers), now), **PLACE, **fields} for _ in range(count)]
        return self.write(OPPORTUNITY, rows, self.seller, "POST")

    def lead(self, *, stage: str = "Accepted", **fields: Any) -> tuple[str, str]:
        """Let AWS refer a lead and bring it in; unless the stage is empty, a seller decides and AWS hears of it.

        Return the ids of Salesforce and AWS. What AWS shows after acceptance has come in too.
        """
        identifier = self.refer_lead(**fields)
        self.export()
        self.take(LEAD)
        record = str(self.of_aws(identifier)["Id"])
        if stage:
            self.change(record, Current_Lead_Stage__c=stage)
            self.exchange_files(LEAD)
            self.export()
            self.take(LEAD)
        return record, identifier

    def shared_by_file(self, **fields: Any) -> tuple[str, str]:
        """Share a deal by file and let AWS approve it; Salesforce knows. Return record and AWS's id."""
        record = self.deal(**fields)
        self.exchange_files()
        identifier = str(self.row(record)[APN])
        assert identifier.startswith("O"), self.details(record)
        self.review(identifier, "Approved")
        self.export()
        self.take()
        return record, identifier

    def schedule(self, kind: str = OPPORTUNITY, person: Client | None = None, **fields: Any) -> str:
        """Create an active schedule, as the integration user unless said otherwise; return its id."""
        row = {"Object__c": kind.capitalize(), "Interval_Minutes__c": 60, "Active__c": True, **fields}
        answer = (person or self.integration).post(f"sobjects/{SCHEDULES}", row)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def schedule_row(self, schedule: str) -> Json:
        fields = "Name, Active__c, Status__c, Message__c, Last_Run__c, Next_Run__c"
        return self.admin.rows(f"SELECT {fields} FROM {SCHEDULES} WHERE Id = '{schedule}'")[0]

    def pass_time(self, seconds: float = 60) -> None:
        """Let AWS work off what waits; and where the worker has nothing left to do, let time pass."""
        self.process()
        if not self.pending():
            self.advance(seconds)

    def cycle(self, worker: Worker, seconds: float = 11) -> None:
        """Let time pass so that the worker looks at Salesforce once more, then wait until all work is done."""
        looks = worker.count("looked for changes in Salesforce")
        self.advance(seconds)
        worker.wait_for("looked for changes in Salesforce", looks + 1)
        worker.settle()

    def ran(self, worker: Worker, schedule: str, seconds: float = 3600) -> None:
        """Let time pass until the schedule has run (again) and its run has ended."""
        before = self.schedule_row(schedule)["Last_Run__c"]
        self.advance(seconds)

        def ended() -> bool:
            self.advance(6)
            found = self.schedule_row(schedule)
            return found["Last_Run__c"] != before and found["Status__c"] == "Waiting"

        self.eventually(ended, lambda: f"a run; the schedule is {self.schedule_row(schedule)}")
        worker.settle()

    def file_logs(self, where: str = "", kind: str = "") -> list[Json]:
        """Return sync logs with what they say of files, oldest first."""
        conditions = [one for one in (where, f"Object__c = '{OBJECTS[kind]}'" if kind else "") if one]
        more = ("File_Name__c", "Outbound_IDs__c", "Message__c", "Parent_Log__c", "Object__c")
        return self.logs(" AND ".join(f"({one})" for one in conditions), *more)

    def log_of(self, call: BucketCall) -> Json:
        """Return the one log of an uploaded file."""
        name = call.key.rpartition("/")[2]
        found = [one for one in self.file_logs() if name in (one["File_Name__c"] or "")]
        assert len(found) == 1, f"{name} is in {len(found)} logs"
        return found[0]

    def log_details(self, log: str) -> list[Json]:
        """Return the details of a log with their payloads, oldest first."""
        more = "Status__c, Error_Code__c, Error_Message__c, Record_Id__c, APN_Id__c, Payload__c, Retry_Count__c"
        return self.admin.rows(
            f"SELECT Id, {more} FROM ACE_Sync_Log_Detail__c WHERE Sync_Log__c = '{log}' ORDER BY Name"
        )


def entries(call: BucketCall, kind: str = OPPORTUNITY) -> list[Json]:
    """Return the records of an uploaded file."""
    found: list[Json] = call.json[LISTS[kind]]
    return found


def counts(log: Mapping[str, Any]) -> tuple[str, int, int, int]:
    """Return a log's status and how many records it had, succeeded and failed."""
    numbers = (int(log[f"{name}_Count__c"] or 0) for name in ("Record", "Success", "Error"))
    record, success, error = numbers
    return str(log["Status__c"]), record, success, error


def soon(clock: Any, **span: float) -> str:
    """Return a time of the sandbox's clock as files write it."""
    return f"{clock.now() + timedelta(**span):%Y-%m-%dT%H:%M:%S.000Z}"


def _s3(info: Mapping[str, Any]) -> Any:
    return boto3.client(
        "s3",
        region_name="us-west-2",
        endpoint_url=info["s3"]["endpoint_url"],
        aws_access_key_id=info["aws"]["access_key_id"],
        aws_secret_access_key=info["aws"]["secret_access_key"],
        config=Config(retries={"total_max_attempts": 3, "mode": "standard"}, proxies={}),
    )


@contextmanager
def open_file_world(
    directory: Path, *, package: Path | None = None, metadata: Sequence[Path] = (), **settings: Any
) -> Iterator[FileWorld]:
    """Start a sandbox with the bucket, enrolled and mapped; ``settings`` go to the org's settings.

    Opportunities go over the bucket unless ``Opportunities_over_S3__c`` says otherwise.
    """
    with Sandbox(directory, quota_scale=QUOTA_SCALE, schema_dir=package, metadata=metadata, exchange=True) as sandbox:
        world = FileWorld(sandbox)
        try:
            base = {"PC_API_Sandbox_Enabled__c": True, "Integration_User_Id__c": world.user("integration")}
            # What AWS refers belongs to a seller, who may then work on it.
            world.settings(**base, Default_Owner_Id__c=world.user("seller"))
            yield world.use(**{**OVER_FILES, **settings})
            violations = world.proxy.violations()
            assert violations == [], violations
        finally:
            world.close()


@contextmanager
def open_live_files(directory: Path, **options: Any) -> Iterator[tuple[FileWorld, Worker]]:
    """Open a world in which the worker runs; nothing goes out before somebody makes a schedule."""
    with open_file_world(directory, **{**FAST, **options}) as world, world.working() as worker:
        worker.settle()
        yield world, worker
