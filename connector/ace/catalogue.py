"""The catalogue: what AWS says about every opportunity field, read from ``connector/data/opportunity_fields.json``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FieldType(StrEnum):
    """Canonical type of a field's value; see :mod:`connector.ace.record` for the Python types."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    PICKLIST = "picklist"
    MULTI_PICKLIST = "multi_picklist"
    TEXT_LIST = "text_list"
    AMOUNT = "amount"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"


class Owner(StrEnum):
    """Whose word counts for the field."""

    PARTNER = "partner"
    AWS = "aws"


@dataclass(frozen=True, slots=True)
class AceField:
    """One field of the ACE data model.

    Attributes:
        name: ACE name, the key in a canonical record.
        label: what people read.
        type: canonical type.
        length: characters for texts, digits before the decimal point for amounts, None where the model names no limit.
        owner: PARTNER fields go out (and may come back); AWS fields only come in.
        inbound: whether AWS ever returns it.
        outbound: whether the connector ever sends it.
        personal: whether it identifies a natural person.
        values: standard values in AWS's spelling, empty where any text is allowed.
        create_path, update_path, get_path, summary_path: API path per operation, "" where the operation lacks it.
        salesforce_name, salesforce_type: field on ``ACE_Opportunity__c`` in the package, "" where it has none.
        protected: whether a new mapping has inbound updates off (stage, target close date, closed-lost reason).
    """

    name: str
    label: str
    type: FieldType
    length: int | None
    owner: Owner
    inbound: bool
    outbound: bool
    personal: bool
    values: tuple[str, ...]
    create_path: str
    update_path: str
    get_path: str
    summary_path: str
    salesforce_name: str
    salesforce_type: str
    protected: bool = False
