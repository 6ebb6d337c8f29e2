"""AWS behind the ACE bucket of the random machine: takes files in, answers them late, twice or never, and exports.

Written from the reference alone: a record is known by either identifier, ``null`` deletes, what is missing stays; a
file whose name was seen before is not processed; AWS takes no edit while it reviews; what is personal is masked until
the partner accepts; exports hold what is new or was changed since the last one, with times in whole seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from engine.exchange import APN, KEYS, LISTS, Json, MemoryExchange, Object
from engine.exchange import Listing as Listing

from connector.mapping.model import RecordType

MASK = "Accept To View"
MASKED = {"opportunity": ("customerEmail",), "lead": ("company", "phone")}
DISLIKED = "What AWS does not like"
"""A value that only AWS refuses."""
LOCKED = ("customerCompanyName", "partnerProjectTitle", "industry", "projectDescription", "partnerPrimaryNeedFromAws",
          "country", "postalCode", "customerWebsite")  # fmt: skip
"""What a partner cannot change of an opportunity that AWS approved."""
CORRECTABLE = ("postalCode", "customerWebsite", "projectDescription", "country")
SUBMITTED, REVIEWED = "Submitted", ("Submitted", "In review")
EXPORTED = {"opportunity": "opportunities", "lead": "leads"}
FATES = (
    "answer",
    "answer",
    "answer",
    "late",
    "late",
    "lost",
    "unprocessed",
    "twice",
    "elsewhere",
    "refused",
    "unclear",
)


@dataclass
class Held:
    """What AWS holds of one record.

    Attributes:
        partner: the partner's identifier, empty while AWS knows none.
        fields: as in files.
        referred: AWS referred it; the partner has to decide.
        decision: the partner's answer.
        news: it changed since the last export.
    """

    apn_id: str
    kind: RecordType
    partner: str = ""
    fields: Json = field(default_factory=dict)
    referred: bool = False
    decision: str = ""
    modified: str = ""
    news: bool = True

    @property
    def accepted(self) -> bool:
        return not self.referred or self.decision == "Accepted"

    @property
    def status(self) -> str:
        return str(self.fields.get("status") or "")


@dataclass
class AceBucket(MemoryExchange):
    """The bucket and AWS.

    Attributes:
        held: AWS's records by its identifier.
        late: results that are yet to be put: name, content, folder.
        refused: when a record of the partner's was last refused, by the partner's identifier.
        closed: files of which the connector has read an answer.
        strange: what the connector sent and must never send.
        watch: is told of each change: who made it, the record before and after.
    """

    held: dict[str, Held] = field(default_factory=dict)
    late: list[tuple[str, bytes, RecordType]] = field(default_factory=list)
    delayed: list[tuple[str, bytes, RecordType]] = field(default_factory=list)
    exports: list[tuple[str, bytes, RecordType]] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    strange: list[Any] = field(default_factory=list)
    refused: dict[str, datetime] = field(default_factory=dict)
    watch: Callable[[str, Held, Held], None] = lambda *_: None
    on_submit: Callable[[str, list[Json]], None] = lambda *_: None
    _numbers: int = 0

    # --- the door, where more is known than of the plain bucket

    def submit(self, record_type: RecordType, name: str, content: bytes) -> None:
        known = dict(self.submitted).get(name)
        if known is not None and known != content:
            self.strange.append(("a name was used for two files", name))
        if known is None:
            entries = json.loads(content)[LISTS[record_type]]
            self.on_submit(name, entries)
        super().submit(record_type, name, content)

    def read(self, file: Any) -> bytes:
        content = super().read(file)
        if file.answers:
            self.closed.add(file.answers)
        return content

    def find_archived(
        self, record_type: RecordType, archive: str, name: str, *, day: date | None = None
    ) -> list[Object]:
        with self.interruptions.call("bucket read"):
            if archive != "results_archive":
                return []
            return [one for one in self.archive if one.name == name and one.record_type == record_type]

    # --- AWS takes files in

    def aws_takes_files(self, fate: str, limit: int = 100) -> None:
        """AWS takes in files that wait, and each of them meets the fate."""
        for name in self.waiting[:limit]:
            kind: RecordType = "lead" if name.startswith("lead") else "opportunity"
            del self.objects[f"{kind}-inbound/{name}"]
            if name in self._seen:
                continue
            self._seen.add(name)
            self._meet(fate, name, kind)

    def _meet(self, fate: str, name: str, kind: RecordType) -> None:
        stem = name.removesuffix(".json")
        if fate in ("unprocessed", "refused", "unclear"):
            self.refused |= {str(entry[KEYS[kind]]): self._now() for entry in self.entries(name)}
        if fate == "unprocessed":
            return
        if fate == "refused":
            self._answers_with(f"{stem}.error.json", b"The file could not be processed.", kind)
            return
        if fate == "unclear":
            self._answers_with(f"{stem}_result.json", self._failed(name), kind)
            return
        content = self._result(name, kind, [self._take_in(kind, entry) for entry in self.entries(name)])
        other: RecordType = "lead" if kind == "opportunity" else "opportunity"
        if fate == "late":
            self.late.append((f"{stem}_result.json", content, kind))
        elif fate != "lost":
            self._answers_with(f"{stem}_result.json", content, other if fate == "elsewhere" else kind)
            if fate == "twice":
                self.late.append((f"{stem}_result.json", content, kind))

    def aws_delivers_late(self, number: int = 100) -> None:
        """Results that were late show up."""
        for name, content, kind in self.late[:number]:
            self._answers_with(name, content, kind)
        del self.late[:number]

    def _answers_with(self, name: str, content: bytes, folder: RecordType) -> None:
        self.aws_puts(name, content, folder)

    def _failed(self, name: str) -> bytes:
        body = {"success": "NONE", "spmsId": "spms", "isApiError": True, "inboundApiResults": None,
                "fileName": name, "fileApnProcessedDT": None, "apiErrors": ["[{}] is not of type object"]}  # fmt: skip
        return json.dumps(body).encode()

    def _result(self, name: str, kind: RecordType, told: list[Json]) -> bytes:
        fine = [one["isSuccess"] for one in told]
        body = {
            "success": "ALL" if all(fine) else "partial" if any(fine) else "NONE",
            "spmsId": "spms", "isApiError": False, "inboundApiResults": told,
            "fileName": f"{kind}-inbound/{name}", "fileApnProcessedDT": self.stamp(), "apiErrors": None,
        }  # fmt: skip
        return json.dumps(body).encode()

    def _take_in(self, kind: RecordType, entry: Json) -> Json:
        partner = str(entry[KEYS[kind]])
        known = self._find(kind, entry.get(APN), partner)
        errors = self._errors(kind, known, entry)
        if errors:
            self.refused[partner] = self._now()
        else:
            known = known or self._create(kind, partner)
            self._write(known, "partner", lambda: self._change(known, partner, entry))
        return {
            "warnings": None, "partnerCrmUniqueIdentifier": partner, "isSuccess": not errors, "errors": errors or None,
            "apnCrmUniqueIdentifier": known.apn_id if known else entry.get(APN),
        }  # fmt: skip

    def _find(self, kind: str, apn_id: str | None, partner: str) -> Held | None:
        if apn_id:
            return self.held.get(apn_id)
        return next((one for one in self.held.values() if one.kind == kind and one.partner == partner), None)

    def _create(self, kind: RecordType, partner: str) -> Held:
        made = Held(
            self._new_id(kind), kind, partner, {"status": SUBMITTED, "opportunityOwnership": "Partner Referral"}
        )
        self.held[made.apn_id] = made
        return made

    def _new_id(self, kind: str) -> str:
        self._numbers += 1
        return f"{'L' if kind == 'lead' else 'O'}{7_000_000 + self._numbers}"

    def _errors(self, kind: str, known: Held | None, entry: Json) -> list[str]:
        if known is None:
            if entry.get(APN) or kind == "lead":
                self.strange.append(("AWS knows no such record", entry))
                return ["The record was not found."]
            return _dislikes(entry)
        if known.partner and known.partner != entry[KEYS[known.kind]]:
            self.strange.append(("the partner's identifier changed", known, entry))
        if known.kind == "lead":
            return _lead_errors(self, known, entry)
        if not known.accepted:
            return _decision_errors(self, known, entry)
        return _dislikes(entry) or _opportunity_errors(known, entry)

    def _change(self, known: Held, partner: str, entry: Json) -> None:
        known.partner = partner
        decision = entry.get("currentLeadStage" if known.kind == "lead" else "partnerAcceptanceStatus")
        if known.referred and not known.decision and decision:
            known.decision = str(decision)
            if known.kind == "opportunity":
                known.fields["status"] = "Approved" if decision == "Accepted" else "Rejected"
        for name, value in entry.items():
            if name not in (APN, *KEYS.values(), "rejectionReason"):
                known.fields[name] = value
        if known.status == "Action Required":
            known.fields["status"] = SUBMITTED

    # --- AWS's own people

    def aws_refers(self, kind: RecordType, **fields: Any) -> str:
        """AWS refers a record to the partner."""
        made = Held(self._new_id(kind), kind, "", deepcopy(fields), referred=True)
        if kind == "opportunity":
            made.fields |= {"opportunityOwnership": "AWS Referral", "status": None, "partnerAcceptanceStatus": None}
        self.held[made.apn_id] = made
        self._write(made, "colleague", lambda: None)
        return made.apn_id

    def aws_edits(self, apn_id: str, **fields: Any) -> None:
        known = self.held[apn_id]
        self._write(known, "colleague", lambda: known.fields.update(fields))

    def _write(self, known: Held, by: str, change: Callable[[], object]) -> None:
        before = deepcopy(known)
        change()
        known.modified, known.news = self.stamp(), True
        self.watch(by, before, known)

    # --- exports

    def aws_exports(self, kind: RecordType, *, hold: bool = False) -> None:
        """AWS writes what is new or changed since the last export; ``hold``: the file takes its time to show up."""
        news = [one for one in self.held.values() if one.kind == kind and one.news and one.decision != "Rejected"]
        if not news:
            return
        for one in news:
            one.news = False
        body = json.dumps({"version": "2.0", "spmsId": "spms", EXPORTED[kind]: [self.shown(one) for one in news]})
        self._counter_of_exports = getattr(self, "_counter_of_exports", 0) + 1
        file = (f"{kind}-export-{self._counter_of_exports}.json", body.encode(), kind)
        self.exports.append(file)
        if hold:
            self.delayed.append(file)
        else:
            self._show(*file)

    def aws_shows_delayed(self) -> None:
        for file in self.delayed:
            self._show(*file)
        self.delayed.clear()

    def aws_repeats(self, number: int) -> None:
        """AWS writes an export once more, under another name."""
        if self.exports:
            name, content, kind = self.exports[number % len(self.exports)]
            if (name, content, kind) not in self.delayed:
                self._show(f"again-{next(self._counter)}-{name}", content, kind)

    def _show(self, name: str, content: bytes, kind: RecordType) -> None:
        self._put(f"{kind}-outbound/{name}", kind, content)

    def shown(self, one: Held) -> Json:
        """Return the record as AWS exports it."""
        fields = {**dict.fromkeys(NAMES[one.kind]), **one.fields}
        if not one.accepted:
            fields |= dict.fromkeys(MASKED[one.kind], MASK)
            if one.kind == "opportunity":
                fields |= {"stage": "Prospect", "status": None, "partnerAcceptanceStatus": None}
        told = {"createdDate": "2026-10-01T08:00:00.000Z", "lastModifiedDate": one.modified, APN: one.apn_id}
        return {**fields, **told, KEYS[one.kind]: one.partner or None}

    def stamp(self) -> str:
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def moment(self) -> datetime:
        return self._now()


NAMES = {
    "opportunity": (
        "customerCompanyName", "customerWebsite", "industry", "country", "postalCode", "partnerProjectTitle",
        "projectDescription", "targetCloseDate", "nextStep", "expectedMonthlyAwsRevenue", "useCase", "deliveryModel",
        "salesActivities", "partnerPrimaryNeedFromAws", "stage", "status", "apnReviewerComments", "aWSStage",
        "opportunityOwnership", "partnerAcceptanceStatus", "engagementScore", "customerEmail", "solutionOffered",
        "awsProducts", "otherSolutionOffered",
    ),
    "lead": ("status", "currentLeadStage", "leadStatusReason", "company", "phone"),
}  # fmt: skip


def _dislikes(entry: Json) -> list[str]:
    return [f"{name}: AWS does not like it." for name, value in entry.items() if value == DISLIKED]


def _decision_errors(bucket: AceBucket, known: Held, entry: Json) -> list[str]:
    extra = set(entry) - {APN, *KEYS.values(), "partnerAcceptanceStatus", "rejectionReason"}
    if known.decision == "Rejected":
        return ["The referral was rejected."]
    if extra or entry.get("partnerAcceptanceStatus") not in ("Accepted", "Rejected"):
        bucket.strange.append(("an edit of a referral that nobody accepted", known, entry))
        return ["The referral was not accepted."]
    return []


def _lead_errors(bucket: AceBucket, known: Held, entry: Json) -> list[str]:
    if known.decision == "Rejected":
        return ["The lead was rejected."]
    if not known.decision and entry.get("currentLeadStage") not in ("Accepted", "Rejected"):
        bucket.strange.append(("an edit of a lead that nobody accepted", known, entry))
        return ["The lead was not accepted."]
    lacking = [f"{name}: required." for name in ("status", "currentLeadStage") if not entry.get(name)]
    changes = {name: value for name, value in entry.items() if name not in (APN, *KEYS.values())}
    if all(known.fields.get(name) == value for name, value in changes.items()):
        return lacking or ["No new update identified for this record"]
    return lacking or _dislikes(entry)


def _opportunity_errors(known: Held, entry: Json) -> list[str]:
    if known.status in (*REVIEWED, "Rejected"):
        return ["The record is not editable."]
    takes = CORRECTABLE if known.status == "Action Required" else ()
    changed = [name for name in LOCKED if name in entry and entry[name] != known.fields.get(name)]
    return [f"{name}: not editable." for name in changed if name not in takes]
