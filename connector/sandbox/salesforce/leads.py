"""A person converts a lead in the browser; the REST API has no way to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

from connector.sandbox.salesforce.faults import ApiError, RowErrors
from connector.sandbox.salesforce.values import Stored

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org
    from connector.sandbox.salesforce.records import Writer
    from connector.sandbox.salesforce.schema import SObject

TO_ACCOUNT = {
    "Company": "Name", "Website": "Website", "Phone": "Phone", "Industry": "Industry", "Street": "BillingStreet",
    "City": "BillingCity", "State": "BillingState", "PostalCode": "BillingPostalCode", "Country": "BillingCountry",
    "AnnualRevenue": "AnnualRevenue", "NumberOfEmployees": "NumberOfEmployees", "Rating": "Rating",
    "LeadSource": "AccountSource", "Fax": "Fax", "CurrencyIsoCode": "CurrencyIsoCode",
}  # fmt: skip
TO_CONTACT = {
    "LastName": "LastName", "FirstName": "FirstName", "Salutation": "Salutation", "Title": "Title", "Email": "Email",
    "Phone": "Phone", "MobilePhone": "MobilePhone", "Street": "MailingStreet", "City": "MailingCity",
    "State": "MailingState", "PostalCode": "MailingPostalCode", "Country": "MailingCountry",
    "LeadSource": "LeadSource", "Description": "Description", "CurrencyIsoCode": "CurrencyIsoCode",
}  # fmt: skip
TO_OPPORTUNITY = {"LeadSource": "LeadSource", "CurrencyIsoCode": "CurrencyIsoCode"}
"""Which field of a lead goes where on conversion; a partner's own fields go nowhere unless an admin says so. [U]"""


def refuse_converted(sobject: SObject, row: Mapping[str, Stored]) -> None:
    """Raise RowErrors ``CANNOT_UPDATE_CONVERTED_LEAD`` for the change of a lead that was converted. [U] The wording."""
    if sobject.name == "Lead" and row.get("IsConverted"):
        raise RowErrors([ApiError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])])


def convert_lead(
    org: Org, lead_id: str, user_id: str = "", *, account_id: str = "", contact_id: str = "", opportunity: bool = True
) -> dict[str, str]:
    """Convert a lead as ``user_id`` (default: the first seller): into an account, a contact and an opportunity.

    ``account_id`` and ``contact_id`` name records that take it up instead of new ones. Returns the ids by object.

    Raises:
        RowErrors: the lead is not there or already converted, or what it would become is refused.
    """
    lead = org.schema["Lead"]
    with org.writing(user_id) as writer:
        row = writer.existing(lead, lead_id)
        refuse_converted(lead, row)
        found = {"Account": _taken(writer, "Account", account_id, _picked(row, TO_ACCOUNT))}
        contact = {**_picked(row, TO_CONTACT), "AccountId": found["Account"]}
        found["Contact"] = _taken(writer, "Contact", contact_id, contact)
        if opportunity:
            found["Opportunity"] = _open(writer, row, found["Account"])
        today = writer.at.date()
        marks: dict[str, Stored] = {f"Converted{name}Id": value for name, value in found.items()}
        status = next((one.value for one in lead.fields["status"].choices if one.converted), row.get("Status"))
        marks |= {"Status": status, "IsConverted": 1, "ConvertedDate": today.isoformat(), **writer.stamps()}
        org.storage.update(lead, lead_id, marks)
        return found


def _taken(writer: Writer, name: str, given: str, row: Mapping[str, Stored]) -> str:
    """Return the id of the record that takes up the lead: the one given, or a new one."""
    sobject = writer.org.schema[name]
    return str(writer.existing(sobject, given)["Id"]) if given else writer.create(sobject, row)


def _picked(row: Mapping[str, Stored], names: Mapping[str, str]) -> dict[str, Stored]:
    return {target: row[source] for source, target in names.items() if row.get(source) is not None}


def _open(writer: Writer, row: Mapping[str, Stored], account: str) -> str:
    """Create the opportunity: in the first stage, closing at the end of the quarter. [U]"""
    sobject = writer.org.schema["Opportunity"]
    stage = next(one.value for one in sobject.fields["stagename"].choices if one.active)
    first = {"Name": f"{row['Company']}-"[:120], "StageName": stage, "CloseDate": quarter_end(writer.at.date())}
    return writer.create(sobject, {**_picked(row, TO_OPPORTUNITY), **first, "AccountId": account})


def quarter_end(day: date) -> str:
    """Return the last day of the day's quarter, as an ISO date."""
    month = (day.month - 1) // 3 * 3 + 3
    following = date(day.year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).isoformat()
