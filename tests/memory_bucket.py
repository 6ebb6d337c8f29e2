"""An ACE bucket in memory, as the door shows it, and the sync logs that name its files, for tests of what decides over
files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.world import MAPPING

from connector.ace.catalogue import lead_fields
from connector.aws.exchange_files import BucketFile, Page, sort_keys
from connector.errors import ConfigError, ConnectorError
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.model import RecordType
from connector.names import Log
from connector.store.state import State
from connector.sync.engine import Engine
from connector.sync.file_settings import FileSettings, read_file_settings
from connector.sync.schedule_memory import InForce, forget, remember
from connector.sync.settings import SyncSettings

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
SET = {"Bucket_Name__c": "ace-bucket", "Partner_Id__c": "4815162", "Payload_Version__c": 2}


@dataclass(slots=True)
class MemoryBucket:
    """Objects by key: content and when it was put there. ``error`` is raised by the next call."""

    objects: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    error: ConnectorError | None = None
    calls: int = 0

    def put(self, key: str, content: object = "", *, at: datetime = NOW) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.objects[key] = (body, at)

    def submitted_files(self, record_type: RecordType) -> Iterator[Page]:
        yield self._page(f"{record_type}-inbound", record_type)

    def outbound_files(self, record_type: RecordType) -> Iterator[Page]:
        yield self._page(f"{record_type}-outbound", record_type)

    def result_files(self, record_type: RecordType) -> Iterator[Page]:
        yield self._page(f"{record_type}-inbound-processed-results", record_type)

    def find_archived(
        self, record_type: RecordType, archive: str, name: str, *, day: date | None = None
    ) -> list[BucketFile]:
        assert archive == "inbound_archive" and day is not None
        page = self._page(f"{record_type}-inbound-archive", record_type, deep=True)
        return [file for file in page.files if file.key.endswith(f"/{day:%Y/%m/%d}/{name}")]

    def read(self, file: BucketFile) -> bytes:
        return self.objects[file.key][0]

    def _page(self, folder: str, record_type: RecordType, *, deep: bool = False) -> Page:
        self.calls += 1
        if self.error is not None:
            raise self.error
        listed = [
            {"Key": key, "Size": len(body), "ETag": f'"{hash(body)}"', "LastModified": at}
            for key, (body, at) in sorted(self.objects.items())
            if key.startswith(f"{folder}/")
        ]
        return sort_keys(listed, record_type, folder, deep=deep)


@dataclass(slots=True)
class LoggedFiles:
    """Salesforce, as far as its sync logs name files; the latest is last."""

    names: list[str] = field(default_factory=list)

    def describe(self, object_name: str) -> None:
        raise ConfigError(f"{object_name} is not visible.")

    def query(self, soql: str) -> Iterator[dict[str, Any]]:
        asked = re.search(r"IN \((.*)\)", soql)
        if asked:
            found = [name for name in self.names if f"'{name}'" in asked[1]]
        else:
            assert "LIKE 'opportunity-%.json'" in soql and soql.endswith("LIMIT 1"), soql
            found = [name for name in self.names if name.startswith("opportunity-")][-1:]
        return iter([{Log.FILE_NAME: name} for name in found])


@dataclass(slots=True)
class _Clock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment


class BucketWorld:
    """An engine of opportunities and one of leads over a state of their own, the bucket, and the logs."""

    def __init__(self, directory: Path, record_type: RecordType = "opportunity") -> None:
        self.path, self.record_type = directory / "state.db", record_type
        self.bucket, self.logs, self.clock = MemoryBucket(), LoggedFiles(), _Clock()
        self.settings: dict[str, Any] = {**SET, "Opportunities_over_S3__c": True}
        self.beside = False
        self.open()

    def open(self) -> None:
        self.state = State.open(self.path)
        lead_map = FieldMap("lead", "ACE_Lead__c", 1, ())
        parts: dict[str, Any] = {
            "state": self.state, "salesforce": self.logs, "partner_central": None, "clock": self.clock,
            "org_id": "00D000000000001AAA", "catalog": "AWS", "bucket": self.bucket,
        }  # fmt: skip
        self.leads = Engine(settings=self._settings(), mapping=lead_map, catalogue=lead_fields(), **parts)
        self.opportunities = Engine(settings=self._settings(), mapping=MAPPING, leads=self.leads, **parts)

    def lose_state(self) -> None:
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self.open()

    def close(self) -> None:
        self.state.close()

    @property
    def engine(self) -> Engine:
        return self.leads if self.record_type == "lead" else self.opportunities

    def files(self) -> FileSettings:
        return read_file_settings(self.settings)

    def set(self, *, beside: bool = False, **settings: Any) -> None:
        """An admin changes settings; the next cycle has begun."""
        self.settings |= settings
        self.beside = beside
        for engine in (self.opportunities, self.leads):
            engine.settings = self._settings()

    def _settings(self) -> SyncSettings:
        found = SyncSettings(frozenset(), beside_other_integration=self.beside, files=self.files())
        return replace(found, problems=found.files.problems)

    def pass_time(self, **by: float) -> None:
        self.clock.moment += timedelta(**by)

    def activate(self, name: str = "Opportunity") -> None:
        """A schedule is in force."""
        remember(self.engine, name, InForce("a0S000000000001AAA", "SCH-0001", 60, True, self.clock.now()))

    def deactivate(self, name: str = "Opportunity") -> None:
        forget(self.engine, name)


def file_of(version: str) -> Mapping[str, object]:
    return {"version": version, "spmsId": "4815162", "opportunities": []}
