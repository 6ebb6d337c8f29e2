"""What speaks against sending a record although somebody may ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connector.ace import api_shape
from connector.ace.catalogue import opportunity_fields
from connector.ace.record import AceRecord, Value
from connector.store.links import Link
from connector.sync.engine import Engine
from connector.sync.ports import Row

OWNERSHIP, AWS_REFERRAL = "opportunityOwnership", "AWS Referral"
_SHARED_AS: Mapping[str, Callable[[AceRecord], str]] = {
    "involvementType": api_shape.involvement,
    "visibility": api_shape.visibility,
}


def refused_for_sending(engine: Engine, record_id: str) -> str:
    """Return why the record is not one to send by itself: AWS began it. Empty for the partner's own, and for leads, of
    which AWS begins all that are exchanged.
    """
    if engine.record_type == "lead":
        return ""
    if _aws_says(engine.state.links.get(record_id)) == AWS_REFERRAL or _said_so(engine, _row(engine, record_id)):
        return "Send to AWS is for Partner Referrals only; this opportunity is an AWS Referral. Use Share with AWS."
    return ""


def _aws_says(link: Link | None) -> Value:
    """Return the ownership as AWS's answer, or its last file, has it."""
    if link is None:
        return None
    return api_shape.from_summary(link.summary or {}).get(OWNERSHIP) or (link.applied or {}).get(OWNERSHIP)


def _said_so(engine: Engine, row: Row) -> bool:
    """Whether the row calls itself an AWS Referral, in the words that the mapping has for it."""
    mapped = engine.mapping.field(OWNERSHIP)
    if mapped is None or mapped.related:
        return False
    words = mapped.picklist.primary if mapped.picklist else {}
    return row.get(mapped.path) == words.get(AWS_REFERRAL, AWS_REFERRAL)


def contradicted_parameter(engine: Engine, record_id: str, asked: Mapping[str, str]) -> str:
    """Return what a request says otherwise than its record; empty where they agree.

    Args:
        asked: ACE field to the value that the request gives, empty where it gives none.
    """
    record, _ = engine.to_ace(_row(engine, record_id))
    for name, wanted in asked.items():
        said = _SHARED_AS[name](record)
        if wanted and wanted != said:
            label = opportunity_fields()[name].label
            return (
                f"{label} goes out as the record says, which is {said or 'nothing'}; the request says {wanted}. "
                "Set it on the record, or leave it blank in the request."
            )
    return ""


def _row(engine: Engine, record_id: str) -> Row:
    return engine.salesforce.rows(engine.mapping.object_name, [record_id], engine.row_fields()).get(record_id, {})
