"""What people are shown of an AWS field: what it is mapped to, whether it is needed, which way it goes."""

from __future__ import annotations

from dataclasses import dataclass

from connector.ace.catalogue import AceField, Owner, opportunity_fields
from connector.ace.rules import REQUIRED_BY_RULE
from connector.mapping.fit import FIXED
from connector.mapping.model import FieldMapping
from connector.names import SyncFields

IDENTIFIER = "apnCrmUniqueIdentifier"
"""AWS's identifier, which the connector keeps in a field of its own."""


@dataclass(frozen=True, slots=True)
class ShownField:
    """One AWS field and what it is mapped to.

    Attributes:
        required: whether every record needs it; ``sometimes`` where it depends on other fields.
        direction: ``both``, ``inbound only`` (AWS's own, MAP-36), ``outbound only``, or ``fixed`` (filled by the
            connector, MAP-63).
        lost: what is lost where it is not mapped, in words; empty where it is (MAP-42).
        held_by: the Salesforce field of one that is fixed.
    """

    ace: AceField
    item: FieldMapping | None
    required: str
    direction: str
    lost: str
    held_by: str = ""

    @property
    def mapped(self) -> bool:
        return self.item is not None or self.direction == "fixed"


def show(ace: AceField, item: FieldMapping | None, own: SyncFields) -> ShownField:
    """Return what people are shown of an AWS field.

    Args:
        ace: the field.
        item: what it is mapped to.
        own: the connector's own fields on the object.
    """
    held_by = "Id" if ace.name in FIXED else own.apn_id if ace.name == IDENTIFIER and item is None else ""
    direction = "fixed" if held_by else _direction(ace)
    lost = "" if held_by or item is not None else _lost(ace)
    return ShownField(ace, item, _required(ace), direction, lost, held_by)


def _required(ace: AceField) -> str:
    if ace.owner is not Owner.PARTNER or ace.name in FIXED:
        return ""
    return "always" if ace.always_required else "sometimes" if _needed_by_some(ace) else ""


def _direction(ace: AceField) -> str:
    if ace.owner is Owner.AWS or not ace.outbound:
        return "inbound only"
    return "both" if ace.inbound else "outbound only"


def _lost(ace: AceField) -> str:
    if ace.owner is Owner.AWS or not ace.outbound:
        return f"{ace.label}, which AWS tells, is not seen in Salesforce."
    if ace.always_required:
        return "No record can be shared."
    if _needed_by_some(ace):
        return f"Records that need {ace.label} cannot be shared or updated."
    came = " and what AWS says of it is not seen in Salesforce" if ace.inbound else ""
    return f"{ace.label} is not sent to AWS{came}."


def _needed_by_some(ace: AceField) -> bool:
    by_rule = ace.name in REQUIRED_BY_RULE and opportunity_fields()[ace.name] is ace
    return bool(ace.required) or by_rule
