"""AWS behind the bucket: takes files in, answers with results, exports what is new, and keeps archives."""

from __future__ import annotations

import json
import threading
from collections import deque
from datetime import datetime, timedelta
from typing import Any

from connector.sandbox.clock import SandboxClock
from connector.sandbox.exchange.bucket import BucketServer
from connector.sandbox.exchange.checks import Record
from connector.sandbox.exchange.conversion import stamp_text
from connector.sandbox.exchange.files import FileRefused, read_file
from connector.sandbox.exchange.leads import Leads, keys_of
from connector.sandbox.exchange.mishaps import Mishaps
from connector.sandbox.exchange.opportunities import Opportunities
from connector.sandbox.exchange.settings import (
    KINDS,
    LEAD,
    MOST_BYTES_OUT,
    MOST_FILES_PER_DAY,
    OPPORTUNITY,
    PROCESSED_RESULTS,
    RESULTS,
    ExchangeSettings,
)
from connector.sandbox.faults import Faults
from connector.sandbox.partner_central.service import PartnerCentral
from connector.sandbox.partner_central.wire import format_timestamp
from connector.sandbox.recorder import Recorder

LOOKS_PER_SECOND = 4
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
_ROOTS = {OPPORTUNITY: "opportunities", LEAD: "leads"}


class Exchange:
    """The ACE bucket of one partner and AWS's processor. Safe to use from several threads.

    Attributes:
        settings: may be changed at any time.
        bucket: the bucket itself.
        mishaps: what is to go wrong.
    """

    def __init__(
        self, partner_central: PartnerCentral, clock: SandboxClock, faults: Faults, recorder: Recorder
    ) -> None:
        self.settings, self.mishaps = ExchangeSettings(), Mishaps()
        self.bucket = BucketServer(partner_central.settings, faults, recorder)
        self._leads = Leads(partner_central.settings, clock)
        self._service, self._clock = partner_central, clock
        opportunities = Opportunities(partner_central, lambda: self.settings.catalog)
        self._stores: dict[str, Any] = {OPPORTUNITY: opportunities, LEAD: self._leads}
        self._turn = threading.RLock()  # one round at a time; taken before the service's lock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sandbox-exchange", daemon=True)
        self._forget()

    def _forget(self) -> None:
        self._names: set[str] = set()
        self._stalled: set[str] = set()
        self._withheld: list[tuple[str, bytes]] = []
        self._taken: deque[datetime] = deque()
        self._exported: dict[str, Record] = {}
        self._version_2 = False
        self._next_export = self._clock.now() + HOUR
        self._exports = 0

    def start(self) -> None:
        """Serve the bucket, and begin to work."""
        self.bucket.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop working and serving."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self.bucket.stop()

    def reset(self) -> None:
        """Forget everything. Settings stay."""
        with self._turn, self._service.lock:
            self.mishaps.clear()
            for store in self._stores.values():
                store.forget()
            self._forget()
            self.bucket.empty()

    def launch_info(self) -> dict[str, str]:
        """Return where the bucket is."""
        return {"endpoint_url": self.bucket.endpoint_url, "bucket": self.bucket.name}

    def _work(self) -> None:
        while not self._stopping.wait(1 / LOOKS_PER_SECOND):
            if not self.settings.automatic:
                continue
            if self.bucket.written.is_set():
                self.bucket.written.clear()
                self.process()
            if self._clock.now() >= self._next_export:
                self.export()

    def refer_lead(self, fields: Record) -> str:
        """Let AWS refer a lead; return its identifier. Raises ValueError for what AWS could not send."""
        with self._service.lock:
            return self._leads.refer(fields)

    def edit_lead(self, identifier: str, fields: Record) -> None:
        """Let AWS change a lead. Raises ValueError for an unknown lead, field or value."""
        with self._service.lock:
            self._leads.edit(identifier, fields)

    # -- files in

    def process(self) -> list[str]:
        """Take in every file that waits; return the results' keys, those held back left out."""
        with self._turn:
            waiting = [(kind, key) for kind in KINDS for key in self.bucket.keys(f"{kind}-inbound/")]
            waiting = [(kind, key) for kind, key in waiting if not self._is_stalled(key)]
            if waiting:
                with self._service.lock:
                    self._stores[OPPORTUNITY].refresh()
            written = [self._take_in(kind, key) for kind, key in waiting]
        return [key for key in written if key]

    def _is_stalled(self, key: str) -> bool:
        if key not in self._stalled and self.mishaps.take("stall", key):
            self._stalled.add(key)
        return key in self._stalled

    def _take_in(self, kind: str, key: str) -> str:
        """Take one file in and move it to the archive; return the key of its result, or nothing."""
        repeated = key in self._names
        self._names.add(key)
        body = self.bucket.read(key)
        self.bucket.move(key, key.replace("-inbound/", "-inbound-archive/", 1))
        if repeated:  # AWS works a name off once, and says nothing about the second file
            return ""
        name = key.rpartition("/")[2]
        stem, _, extension = name.rpartition(".")
        if extension != "json":
            reason = f"Files of type .{extension} are not accepted; only .json is." if stem else "No .json file."
            return self._answer(kind, key, f"{stem or name}.error.json", self._refusal(key, [reason]))
        return self._answer(kind, key, f"{stem}_result.json", self._judge_file(kind, key, body))

    def _judge_file(self, kind: str, key: str, body: bytes) -> Record:
        mishap = self.mishaps.take("file_error", key)
        if mishap:
            return self._refusal(key, mishap.errors)
        try:
            self._count_file()
            version, records = read_file(kind, body, self.settings)
        except FileRefused as error:
            return self._refusal(key, [str(error)])
        if kind == OPPORTUNITY:
            self._version_2 = self._version_2 or version == "2.0"
            version = "2.0" if self._version_2 else version
        results = [self._judge_record(kind, record, version) for record in records]
        good = sum(result["isSuccess"] for result in results)
        success = "ALL" if good == len(results) else self.settings.partial_word if good else "NONE"
        return self._envelope(key, success, results)

    def _count_file(self) -> None:
        now = self._clock.now()
        while self._taken and self._taken[0] <= now - DAY:
            self._taken.popleft()
        if len(self._taken) >= MOST_FILES_PER_DAY:
            raise FileRefused(f"More than {MOST_FILES_PER_DAY} files within 24 hours.")
        self._taken.append(now)

    def _judge_record(self, kind: str, record: Record, version: str) -> Record:
        partner, identifier = keys_of(record)
        mishap = self.mishaps.take("record_error", f"{partner or ''} {identifier or ''}")
        if mishap:
            errors = list(mishap.errors)
        else:
            with self._service.lock:
                identifier, errors = self._stores[kind].receive(record, version)
            self._service.deliver()
        return {
            "warnings": None,
            "partnerCrmUniqueIdentifier": partner,
            "isSuccess": not errors,
            "errors": errors or None,
            "apnCrmUniqueIdentifier": identifier,
        }

    def _envelope(self, key: str, success: str, results: list[Record]) -> Record:
        return {
            "success": success,
            "spmsId": self.settings.partner_id,
            "isApiError": False,
            "inboundApiResults": results,
            "fileName": key,
            "fileApnProcessedDT": stamp_text(format_timestamp(self._clock.now())),
            "apiErrors": None,
        }

    def _refusal(self, key: str, errors: Any) -> Record:
        return {**self._envelope(key, "NONE", []), "isApiError": True, "apiErrors": errors}

    def _answer(self, kind: str, key: str, name: str, result: Record) -> str:
        body = _encode(json.dumps(result, indent=4, ensure_ascii=False))
        where = self.settings.results_folder_of_opportunities if kind == OPPORTUNITY else kind
        target = f"{where}-{self.settings.results}/{name}"
        day = self._clock.now().strftime("%Y/%m/%d")
        self.bucket.write(f"{kind}-{PROCESSED_RESULTS}-archive/{name}", body)
        self.bucket.write(f"{kind}-{RESULTS}-archive/{day}/{name}", body)
        if self.mishaps.take("withhold", key):
            self._withheld.append((target, body))
            return ""
        self.bucket.write(target, body)
        return target

    def release(self) -> list[str]:
        """Hand out the results that were held back, and work stalled files off; return the results' keys."""
        with self._turn:
            held, self._withheld = self._withheld, []
            for key, body in held:
                self.bucket.write(key, body)
            self._stalled.clear()
            return [key for key, _ in held] + self.process()

    # -- files out

    def export(self, *, everything: bool = False) -> list[str]:
        """Export what is new or changed since the last export, or everything; return the files' keys."""
        with self._turn:
            self._next_export = self._clock.now() + HOUR
            return [key for kind in KINDS for key in self._export(kind, everything=everything)]

    def _export(self, kind: str, *, everything: bool) -> list[str]:
        version = self.settings.opportunity_version if kind == OPPORTUNITY else self.settings.lead_version
        with self._service.lock:
            records = self._stores[kind].export(version)
        due = [record for record in records if everything or self._is_news(record)]
        self._exported |= {str(keys_of(record)[1]): record for record in due}
        return [self._write_out(kind, version, part) for part in _split(due)]

    def _is_news(self, record: Record) -> bool:
        """Whether the record differs from what was exported last; its age alone is no news."""
        known = self._exported.get(str(keys_of(record)[1]))
        return known is None or {**known, "leadAge": None} != {**record, "leadAge": None}

    def _write_out(self, kind: str, version: str, records: list[str]) -> str:
        self._exports += 1
        name = f"{kind}_{self._clock.now():%Y-%m-%dT%H-%M-%S}_{self._exports:05d}.json"
        head = json.dumps({"version": version, "spmsId": self.settings.partner_id})[:-1]
        body = _encode(f'{head}, "{_ROOTS[kind]}": [{", ".join(records)}]}}')
        self.bucket.write(f"{kind}-outbound-archive/{name}", body)
        self.bucket.write(f"{kind}-outbound/{name}", body)
        return f"{kind}-outbound/{name}"


def _encode(text: str) -> bytes:
    """Return the bytes of a text, half characters of a careless sender replaced."""
    return text.encode("utf8", "replace")


def _split(records: list[Record]) -> list[list[str]]:
    """Return the records as JSON, in parts that fit into a file each."""
    parts: list[list[str]] = []
    room = 0
    for record in records:
        text = json.dumps(record, ensure_ascii=False)
        size = len(_encode(text)) + 2
        if size > room:
            parts.append([])
            room = MOST_BYTES_OUT - 1024
        parts[-1].append(text)
        room -= size
    return parts
