"""The ACE bucket in memory, strict about what AWS is strict about, and AWS behind it.

AWS takes a file in when it is told to, and answers in the form of its samples: a name that it has seen before is never
processed again, a record that it knows by either identifier is updated, ``null`` deletes, what is missing stays.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from engine.interruptions import Interruptions

from connector.errors import ConnectorError, Deferred, DuplicateValue, Problem, RecordGone, Refused, StaleRecord
from connector.mapping.model import RecordType

MEGABYTE, FILES_PER_DAY = 1_048_576, 10_000
NAME = re.compile(r"[A-Za-z0-9-]+_\d{14}\.json")
KEYS = {"opportunity": "partnerCrmUniqueIdentifier", "lead": "partnerCrmLeadId"}
LISTS = {"opportunity": "opportunities", "lead": "Leads"}
APN = "apnCrmUniqueIdentifier"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Object:
    """One object of the bucket."""

    key: str
    record_type: RecordType
    content: bytes
    etag: str
    modified_at: datetime

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def is_error(self) -> bool:
        return self.name.endswith(".error.json")

    @property
    def answers(self) -> str:
        for ending in (".json.error.json", ".error.json", "_result.json"):
            if self.name.endswith(ending):
                return self.name.removesuffix(ending) + ".json"
        return ""


@dataclass(frozen=True, slots=True)
class Listing:
    files: Sequence[Object]
    skipped: Sequence[Any] = ()


@dataclass
class MemoryExchange:
    """The bucket. Its public methods are the door's; those with ``aws_`` are AWS.

    Attributes:
        submitted: every upload that arrived, in order, repetitions included: (name, content).
        records: what AWS knows, by AWS's identifier.
        taken_files: the files that AWS processed, and how many records each had.
        refuses: returns AWS's errors about a record, none by default.
        trouble: what every upload meets while it is set.
    """

    interruptions: Interruptions
    objects: dict[str, Object] = field(default_factory=dict)
    archive: list[Object] = field(default_factory=list)
    submitted: list[tuple[str, bytes]] = field(default_factory=list)
    records: dict[str, Json] = field(default_factory=dict)
    taken_files: list[tuple[str, int]] = field(default_factory=list)
    refuses: Callable[[Json], list[Any]] = lambda _: []
    warns: Callable[[Json], list[str]] = lambda _: []
    trouble: ConnectorError | None = None
    files_per_day: int = FILES_PER_DAY
    listings: int = 0
    upload_limit: int = MEGABYTE - 1
    _seen: set[str] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)
    _counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # --- the door

    def new_name(self, label: str) -> str:
        name = f"{label}-{next(self._counter):032x}_{self._now():%m%d%Y%H%M%S}.json"
        assert name not in self._names
        self._names.add(name)
        return name

    def submit(self, record_type: RecordType, name: str, content: bytes) -> None:
        assert NAME.fullmatch(name), name
        assert 0 < len(content) < MEGABYTE, len(content)
        with self.interruptions.call("bucket write"):
            if self.trouble is not None:
                raise self.trouble
            key = f"{record_type}-inbound/{name}"
            known = self.objects.get(key)
            if known is not None and known.content == content:
                return
            if known is not None:
                problem = Problem("FILE_NAME_TAKEN", "", key, "Another file has the name.", "Take another.")
                raise DuplicateValue((problem,))
            if len({one for one, _ in self.submitted}) >= self.files_per_day:
                raise Deferred("10,000 files were sent in 24 hours.", self._now() + timedelta(hours=1))
            self.submitted.append((name, content))
            self._put(key, record_type, content)

    def outbound_files(self, record_type: RecordType) -> Iterator[Listing]:
        yield self._list(f"{record_type}-outbound/")

    def result_files(self, record_type: RecordType) -> Iterator[Listing]:
        yield self._list(f"{record_type}-inbound-processed-results/")

    def submitted_files(self, record_type: RecordType) -> Iterator[Listing]:
        yield self._list(f"{record_type}-inbound/")

    def find_result(self, record_type: RecordType, name: str) -> Object | None:
        with self.interruptions.call("bucket read"):
            return next((one for one in self.objects.values() if one.answers == name), None)

    def find_archived(
        self, record_type: RecordType, archive: str, name: str, *, day: date | None = None
    ) -> Sequence[Object]:
        with self.interruptions.call("bucket read"):
            found = [one for one in self.archive if one.name == name and one.record_type == record_type]
            return [one for one in found if archive == "results_archive" and day in (None, one.modified_at.date())]

    def counts(self) -> dict[str, int]:
        return {}

    def read(self, file: Any) -> bytes:
        with self.interruptions.call("bucket read"):
            return self._known(file).content

    def delete(self, file: Any) -> None:
        with self.interruptions.call("bucket write"):
            if "-inbound/" in file.key or "-archive/" in file.key:
                raise Refused("The connector deletes only what AWS wrote.")
            if file.key in self.objects:
                self._known(file)
                del self.objects[file.key]

    def upload_budget(self) -> tuple[int, int]:
        return len(self.submitted), self.files_per_day

    def _list(self, prefix: str) -> Listing:
        self.listings += 1
        with self.interruptions.call("bucket read"):
            return Listing([one for key, one in sorted(self.objects.items()) if key.startswith(prefix)])

    def _known(self, file: Any) -> Object:
        known = self.objects.get(file.key) or next((one for one in self.archive if one.key == file.key), None)
        if known is None:
            raise RecordGone((Problem("NO_SUCH_KEY", "", file.key, "It is not there.", "List again."),))
        if known.etag != file.etag:
            raise StaleRecord("Another file came under its name.")
        return known

    def _put(self, key: str, record_type: RecordType, content: bytes) -> None:
        self.objects[key] = Object(key, record_type, content, f"etag-{next(self._counter)}", self._now())

    def _now(self) -> datetime:
        return self.interruptions.clock.now()

    # --- AWS

    @property
    def waiting(self) -> list[str]:
        """The names of the files that AWS has not taken yet."""
        return sorted(one.name for one in self.objects.values() if "-inbound/" in one.key)

    @property
    def results(self) -> list[str]:
        return sorted(one.name for one in self.objects.values() if one.answers)

    def entries(self, name: str) -> list[Json]:
        """Return the records of a file that was sent."""
        content = next(content for one, content in self.submitted if one == name)
        root = json.loads(content)
        assert root["version"] and root["spmsId"], root
        found: list[Json] = root[LISTS[name.partition("-")[0]]]
        return found

    def aws_takes(self, name: str | None = None, *, answer: bool = True, **changes: Any) -> None:
        """AWS takes in one file, or all that wait, and writes a result; ``changes`` replace members of the result."""
        for one in [name] if name else self.waiting:
            key = f"{one.partition('-')[0]}-inbound/{one}"
            del self.objects[key]
            if one in self._seen:
                continue
            self._seen.add(one)
            told = [self._take(one, entry) for entry in self.entries(one)]
            self.taken_files.append((one, len(told)))
            if answer:
                self.aws_answers(one, told, **changes)

    def aws_answers(
        self, name: str, told: Sequence[Json] | None = None, *, folder: str | None = None, **changes: Any
    ) -> None:
        """AWS writes a result in the form of its samples."""
        kind: RecordType = "lead" if name.startswith("lead") else "opportunity"
        told = told if told is not None else [self._answer(kind, entry, None, []) for entry in self.entries(name)]
        succeeded = [one["isSuccess"] for one in told]
        body = {
            "success": "ALL" if all(succeeded) else "PARTIAL" if any(succeeded) else "NONE",
            "spmsId": "spms",
            "isApiError": False,
            "inboundApiResults": list(told),
            "fileName": f"{kind}-inbound/{name}",
            "fileApnProcessedDT": "2026-11-23T15:21:22.331Z",
            "apiErrors": None,
            **changes,
        }
        self.aws_puts(f"{name.removesuffix('.json')}_result.json", json.dumps(body).encode(), folder or kind)

    def aws_puts(self, name: str, content: bytes, folder: str = "opportunity") -> None:
        """AWS writes something into the folder of results."""
        kind: RecordType = "lead" if folder == "lead" else "opportunity"
        key = f"{kind}-inbound-processed-results/{name}"
        self._put(key, kind, content)
        archived = replace(self.objects[key], key=key.replace("results/", f"results-archive/{self._now():%Y/%m/%d}/"))
        self.archive.append(archived)

    def aws_knows(self, apn_id: str, partner_id: str | None, **fields: Any) -> None:
        """AWS has a record already: a referral of its own, say."""
        self.records[apn_id] = {"partner": partner_id, **fields}

    def _take(self, name: str, entry: Json) -> Json:
        kind: RecordType = "lead" if name.startswith("lead") else "opportunity"
        errors = self.refuses(entry)
        if errors:
            return self._answer(kind, entry, None, errors)
        known = entry.get(APN) or next(
            (one for one, record in self.records.items() if record["partner"] == entry[KEYS[kind]]), None
        )
        if known is None:
            known = f"O{7_000_000 + len(self.records)}"
            self.records[known] = {}
        changes = {key: value for key, value in entry.items() if key not in (APN, KEYS[kind])}
        self.records[known] |= {"partner": entry[KEYS[kind]], **changes}
        return self._answer(kind, entry, known, [])

    def _answer(self, kind: RecordType, entry: Json, known: str | None, errors: list[Any]) -> Json:
        return {
            "warnings": self.warns(entry) or None,
            # In its samples AWS names leads by the key of opportunities, too.
            "partnerCrmUniqueIdentifier": entry[KEYS[kind]],
            "isSuccess": not errors,
            "errors": errors or None,
            "apnCrmUniqueIdentifier": known or entry.get(APN),
        }

    def of_partner(self, partner_id: str) -> list[tuple[str, Json]]:
        """Return AWS's records of a Salesforce record, with their identifiers."""
        return [(one, record) for one, record in self.records.items() if record["partner"] == partner_id]
