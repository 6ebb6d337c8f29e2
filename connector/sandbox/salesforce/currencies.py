"""An org with several currencies: what each object and the org itself have more than one with a single currency.

The reference has only that amounts may be in other currencies than the org's own. [U] The names of the object and its
fields, and that a record in an inactive currency is refused as any value that a restricted picklist does not offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from connector.sandbox.salesforce.schema import Choice, Field, Schema, SObject
from connector.sandbox.salesforce.standard import NO_OWNER, new_object

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org
    from connector.sandbox.salesforce.records import Writer

FIELD, TYPE = "CurrencyIsoCode", "CurrencyType"
PREFIX = "01L"
OF_USER = "DefaultCurrencyIsoCode"


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency of the org: its ISO 4217 code and how many units one unit of the corporate currency is worth."""

    code: str
    rate: float = 1.0
    active: bool = True


def add_currencies(schema: Schema, currencies: Sequence[Currency]) -> None:
    """Give every object that holds records its currency; the first one is the corporate one and the default."""
    choices = tuple(Choice(one.code, one.code, one.active, default=one is currencies[0]) for one in currencies)
    found = Field(FIELD, "Currency ISO Code", "picklist", 3, restricted=True, choices=choices)
    for sobject in schema:
        if not (sobject.name in NO_OWNER or sobject.shares):
            sobject.add(found)
    schema["User"].add(replace(found, name=FIELD))
    schema["User"].add(replace(found, name=OF_USER, label="Default Currency ISO Code"))
    schema.add(_currency_type(choices))


def _currency_type(choices: tuple[Choice, ...]) -> SObject:
    sobject = new_object(TYPE, "Currency Type", "Currency Types", owner=False)
    sobject.prefix, sobject.createable = PREFIX, False
    own = (
        Field("IsoCode", "Currency ISO Code", "picklist", 3, required=True, choices=choices),
        Field("ConversionRate", "Conversion Rate", "double", precision=18, scale=6, required=True),
        Field("DecimalPlaces", "Decimal Places", "int", 1),
        Field("IsActive", "Active", "boolean"),
        Field("IsCorporate", "Is Corporate", "boolean"),
    )
    for one in own:
        sobject.add(replace(one, createable=False, updateable=False))
    return sobject


def plant(writer: Writer, currencies: Sequence[Currency]) -> None:
    """Create the rows of the currencies."""
    for one in currencies:
        row = {"IsoCode": one.code, "ConversionRate": one.rate, "DecimalPlaces": 2, "IsActive": one.active}
        writer.create(writer.org.schema[TYPE], {**row, "IsCorporate": one is currencies[0]})


def activate(org: Org, code: str, *, active: bool) -> None:
    """Let records be in a currency or no longer; those that are in it stay as they are.

    Raises:
        ValueError: the org does not have that currency, or it is the corporate one.
    """
    known = {one.code: one for one in org.currencies}
    if code not in known:
        raise ValueError(f"the org has no currency {code!r}; it has {', '.join(known) or 'only one'}")
    if code == org.currencies[0].code and not active:
        raise ValueError(f"{code} is the corporate currency, which cannot be deactivated")
    for sobject in org.schema:
        for name in (FIELD, OF_USER):
            if (field := sobject.field(name)) is not None:
                choices = tuple(replace(one, active=active) if one.value == code else one for one in field.choices)
                sobject.add(replace(field, choices=choices))
    org.storage.execute(f"UPDATE {TYPE} SET IsActive = ? WHERE IsoCode = ?", (int(active), code))  # noqa: S608 - names
    org.schema_changed()


def default_code(org: Org, user_id: str) -> str | None:
    """Return the currency of a user's new records: his own, if it is still active."""
    row = org.storage.row(org.schema["User"], user_id) or {}
    field = org.schema["User"].field(OF_USER)
    active = [one.value for one in field.choices if one.active] if field else []
    wanted = str(row.get(OF_USER))
    return wanted if wanted in active else next(iter(active), None)
