"""The catalogue: what AWS says about every opportunity and lead field, read from the files in ``connector/data``.

API paths use a small notation: ``A.B`` is a member, ``List[0]`` the first element, ``List[Key=Value]`` the first
element whose member ``Key`` has that value, ``List[*]`` every element, and a last segment ``{A B}`` several members
of the same structure.

Of ``Project.ExpectedCustomerSpend`` the catalogue knows two entries. The monthly AWS revenue (``TargetCompany`` AWS)
is ``expectedMonthlyAwsRevenue``, with ``project.expectedCustomerSpend.currencyCode`` and ``….estimationUrl``. The
total contract value (``TargetCompany`` Self, ``Frequency`` None) is ``project.expectedCustomerSpend.self.amount``, in
the same currency, with its term in months in ``project.expectedContractDuration.value``.

Names that begin with ``aws`` after their structure (``lifeCycle.awsNextSteps``) are AWS's own view, which the summary
of an opportunity carries; they never mix with the partner's field of the same API name.

Leads travel in the ACE bucket's files only, so their fields have no API path, and no phase in which AWS refuses a
change. They are keyed as AWS's samples spell what AWS sends; in files to AWS the samples write ``useCaseWorkLoad``. AWS
refers leads and partners update them: what a lead must have, it must have at an update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any

from connector import data
from connector.data.values import standard_values


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


class Moment(StrEnum):
    """When a record is looked at: before it is created, submitted for review, or updated."""

    CREATE = "create"
    SUBMIT = "submit"
    UPDATE = "update"


class Change(StrEnum):
    """What AWS lets a partner do to a field in one phase of the life cycle."""

    ALWAYS = "always"
    NEVER = "never"
    WHEN_EMPTY = "when_empty"
    """Only where AWS has no value yet."""
    TO_CO_SELL = "to_co_sell"
    """Only from visibility-only to co-selling."""
    WITH_SAAS = "with_saas"
    """Only where the delivery models at AWS include SaaS or PaaS."""


Condition = Mapping[str, tuple[str, ...]]
"""Values by field name; ``*`` stands for any value."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """The field must have a value from ``moment`` on, where all of ``when`` and none of ``unless`` holds."""

    moment: Moment
    when: Condition = field(default_factory=dict)
    unless: Condition = field(default_factory=dict)


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
        salesforce_name, salesforce_type: field on ``ACE_Opportunity__c`` or ``ACE_Lead__c`` in the package, "" where it
            has none.
        protected: whether a new mapping has inbound updates off (stage, target close date, closed-lost reason).
        value_list: name of the value list for :mod:`connector.ace.values`, "" without one.
        associate: entity type of AssociateOpportunity by which the values go out, "" for other fields.
        assign: business title of AssignOpportunity by which the value goes out after creation, "" for other fields.
        submit: whether the value goes out when the opportunity is submitted.
        required: when the field must have a value.
        editable: what AWS allows per phase (``pending``, ``action_required``, ``approved``, ``launched``).
        pattern: regular expression that the whole value (each value of a list) must match, "" without one.
        format: the pattern in words.
        decimals: most decimals of an amount that is sent.
        min_length: fewest characters of a text.
        max_values: most values of a list, None where the model names no limit.
        last_version: version of AWS's data model after which the field is not sent any more, "" while it is (MAP-51).
        never_empty: AWS fills in or keeps a value of its own where none is sent, so that an empty value is no change.
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
    value_list: str = ""
    associate: str = ""
    assign: str = ""
    submit: bool = False
    required: tuple[Requirement, ...] = ()
    editable: Mapping[str, Change] = field(default_factory=dict)
    pattern: str = ""
    format: str = ""
    min_length: int = 0
    max_values: int | None = None
    never_empty: bool = False
    last_version: str = ""
    decimals: int = 2

    @property
    def always_required(self) -> bool:
        """Whether a record cannot be created without a value, whatever its other fields say."""
        return any(need.moment is Moment.CREATE and not need.when and not need.unless for need in self.required)


@cache
def opportunity_fields() -> Mapping[str, AceField]:
    """Return every opportunity field by ACE name, in the order in which people are shown them."""
    return MappingProxyType({entry["name"]: _field(entry) for entry in data.opportunity_fields()})


@cache
def lead_fields() -> Mapping[str, AceField]:
    """Return every lead field by ACE name, in the order in which people are shown them."""
    return MappingProxyType({entry["name"]: _field(entry) for entry in data.lead_fields()})


def field_by_path(path: str) -> AceField | None:
    """Return the partner's field that an AWS error names, or None.

    Args:
        path: an API path as AWS writes it in an error (``customer.contacts.1.member.email``) or as the model writes it.
    """
    return _fields_by_path().get(_plain(path))


@cache
def _fields_by_path() -> Mapping[str, AceField]:
    found: dict[str, AceField] = {}
    for known in opportunity_fields().values():
        for path in (known.update_path, known.create_path, known.get_path):
            if path:
                found.setdefault(_plain(path), known)
    return found


def _plain(path: str) -> str:
    """Return the path in lower case without list positions, selectors or AWS's ``1.member``."""
    kept = (step.split("[")[0].split("{")[0].lower() for step in path.split("."))
    return ".".join(step for step in kept if step and step != "member" and not step.isdigit())


def _field(entry: Mapping[str, Any]) -> AceField:
    paths, salesforce = entry.get("paths", {}), entry["salesforce"]
    return AceField(
        name=entry["name"],
        label=entry["label"],
        type=FieldType(entry["type"]),
        length=entry["length"],
        owner=Owner(entry["owner"]),
        inbound=entry["inbound"],
        outbound=entry["outbound"],
        personal=entry["personal"],
        values=standard_values(entry["values"]) if entry["values"] else (),
        create_path=paths.get("create", ""),
        update_path=paths.get("update", ""),
        get_path=paths.get("get", ""),
        summary_path=paths.get("summary", ""),
        salesforce_name=salesforce["name"],
        salesforce_type=salesforce["type"],
        protected=entry.get("protected", False),
        value_list=entry["values"],
        associate=entry.get("associate", ""),
        assign=entry.get("assign", ""),
        submit=entry.get("submit", False),
        required=tuple(_requirement(need) for need in entry.get("required", ())),
        editable={phase: Change(change) for phase, change in entry.get("editable", {}).items()},
        pattern=entry.get("pattern", ""),
        format=entry.get("format", ""),
        min_length=entry.get("min_length", 0),
        max_values=entry.get("max_values"),
        never_empty=entry.get("never_empty", False),
        last_version=entry.get("last_version", ""),
        decimals=entry.get("decimals", 2),
    )


def _requirement(need: Mapping[str, Any]) -> Requirement:
    when, unless = ({name: tuple(values) for name, values in need.get(key, {}).items()} for key in ("when", "unless"))
    return Requirement(Moment(need["moment"]), when, unless)
