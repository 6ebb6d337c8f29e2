"""What AWS says of one record: its two answers about an opportunity, or an entry of a file, as one canonical record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.ace import api_shape
from connector.ace.catalogue import opportunity_fields
from connector.ace.invitation_shape import ACCEPT_BY, ARN, STATUS
from connector.ace.record import AceRecord, Value
from connector.ace.redaction import without_redacted
from connector.store.links import Link
from connector.sync.base import mark_applied, remember_answer
from connector.sync.corrections import corrected
from connector.sync.engine import Engine
from connector.sync.ports import Json


@dataclass(frozen=True, slots=True)
class Arrival:
    """What AWS says of one record, by whatever channel, and all of it as one canonical record.

    Attributes:
        answer, summary: AWS's two answers. Of an entry of a file, the first holds what every flow asks of it: the
            identifiers, the dates and where the record is in its life.
        record: what AWS says, but for the values that a person corrected. What an entry of a file does not tell, or
            hides, has no key.
        note: what was corrected, for the log; empty for nothing.
        invited: the answer is that of an invitation: there is no opportunity yet, and its record is known by the
            invitation's id.
        by_file: it is an entry of a file: nothing more can be asked of AWS.
        payload: the entry as AWS wrote it.
        again: it was told in the log of its file already.
    """

    answer: Json
    summary: Json
    record: dict[str, Value]
    note: str = ""
    invited: bool = False
    by_file: bool = False
    payload: Mapping[str, Any] | None = None
    again: bool = False

    @property
    def logged(self) -> Mapping[str, Any]:
        """AWS's own words, as logs show them and people correct them."""
        return self.answer if self.payload is None else self.payload

    @property
    def id(self) -> str:
        """AWS's id of the opportunity, or of the invitation."""
        return str(self.answer["Id"])

    def key_field(self, engine: Engine) -> str:
        """Return the connector's own field that holds the id on the record."""
        return engine.names.invitation_id if self.invited else engine.names.apn_id


def fetch(engine: Engine, apn_id: str) -> Arrival:
    """Read both of AWS's views: an event or a date does not say which of them changed."""
    answer = engine.partner_central.get_opportunity(apn_id)
    summary = engine.partner_central.get_aws_opportunity_summary(apn_id)
    record, note = corrected(engine, apn_id, {**canonical(answer, summary), **referral_facts(engine, apn_id)})
    return Arrival(answer, summary, record, note)


def canonical(answer: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Value]:
    """Return both views as one record. What goes out with the submission AWS leaves out until then, which says nothing
    of its value; nor does what it keeps from its own people.
    """
    fields = opportunity_fields()
    view = api_shape.from_summary(summary)
    known = {name: value for name, value in view.items() if value is not None or not fields[name].submit}
    return without_redacted({**known, **api_shape.from_get(answer)})


def referral_facts(engine: Engine, apn_id: str) -> dict[str, Value]:
    """Return what an opportunity's record keeps of the referral that it came from; no answer about an opportunity
    repeats it.
    """
    referral = engine.state.referrals.of_opportunity(apn_id)
    if referral is None:
        return {}
    facts: dict[str, Value] = {STATUS: "Accepted", ACCEPT_BY: referral.expires}
    return facts | ({ARN: str(referral.payload["Arn"])} if referral.payload.get("Arn") else {})


def remember(engine: Engine, link: Link, arrival: Arrival) -> None:
    """Keep AWS's answers with the link, and the record as what Salesforce is being brought to."""
    if arrival.by_file:
        # Of what the entry does not tell, or hides, stays known what AWS said before.
        before = (link.applied if link.pending_applied is None else link.pending_applied) or {}
        link.pending_applied = {**before, **as_applied(engine, link, arrival.record)}
    else:
        link.summary, link.summarised_at = arrival.summary, engine.now().isoformat()
        link.pending_applied = as_applied(engine, link, arrival.record)
    follow_review(engine, link, arrival)


def follow_review(engine: Engine, link: Link, arrival: Arrival) -> None:
    """Keep where AWS's record is in its life, and when AWS changed it: its review decides when an edit may go out."""
    if not arrival.by_file:
        mark_applied(link, arrival.answer)
        remember_answer(engine, link, arrival.answer)
        return
    if arrival.answer.get("LastModifiedDate"):
        mark_applied(link, arrival.answer)
    life = arrival.answer.get("LifeCycle") or {}
    link.status = "linked" if link.status == "new" and link.apn_id else link.status
    # What AWS's calls answered is older now: whoever asks by calls again must not take it for AWS's record.
    link.aws = link.summary = None
    link.review_status = str(life.get("ReviewStatus", link.review_status) or "")
    link.stage = str(life.get("Stage", link.stage) or "")
    engine.state.links.save(link)


def as_applied(engine: Engine, link: Link, record: AceRecord) -> dict[str, Value]:
    """Return AWS's record as what Salesforce is being brought to: of a mapped field that does not work in today's org,
    it has what it had before.
    """
    kept = {name: (link.applied or {}).get(name) for name in engine.left_out if name in record}
    return {**record, **kept}
