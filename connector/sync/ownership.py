"""The owner that a seller names on a record that AWS does not have yet: AWS makes the alliance lead the owner, and the
seller's choice is assigned before the opportunity is submitted. Later the owner changes by the action Assign.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.ace.catalogue import opportunity_fields
from connector.ace.formats import problem
from connector.ace.record import AceRecord
from connector.ace.text import same
from connector.errors import Problem

EMAIL, NAME = "opportunityOwnerEmail", "opportunityOwnerName"
OWNER = "OpportunityOwner"


def wanted_owner(record: AceRecord, at_aws: AceRecord) -> Mapping[str, str]:
    """Return the assignee to be the owner; empty where the record names none, or AWS has it already.

    AWS takes names of owners from their own profiles, whatever is sent, so that it does no harm where a joined name is
    not split as its bearer would.
    """
    email = str(record.get(EMAIL) or "").strip()
    if not email or email.casefold() == str(at_aws.get(EMAIL) or "").casefold():
        return {}
    first, _, last = str(record.get(NAME) or "").strip().rpartition(" ")
    return {"Email": email.lower(), "FirstName": first.strip(), "LastName": last, "BusinessTitle": OWNER}


def owner_problems(record: AceRecord) -> tuple[Problem, ...]:
    """Return why the named owner cannot be assigned."""
    owner, field = wanted_owner(record, {}), opportunity_fields()[NAME]
    if not owner or (owner["FirstName"] and owner["LastName"]):
        return ()
    rule = f"{field.label} needs a first and a last name where an owner's e-mail address is given."
    remedy = "Enter both names, or clear the address: AWS then makes the alliance lead the owner."
    return (problem(field, "REQUIRED_FIELD_MISSING", record.get(NAME), rule, remedy),)


def owner_note(sent: AceRecord, at_aws: AceRecord) -> str:
    """Return that a name without an e-mail address made nobody the owner; empty where nothing of the kind was sent."""
    name, kept = sent.get(NAME), at_aws.get(NAME)
    if sent.get(EMAIL) or not name or not kept or same(name, kept):
        return ""
    return (
        f"{opportunity_fields()[NAME].label}: AWS's owner is {kept!s}. {name!s} was not assigned, since no e-mail "
        "address was given; use Assign on the record."
    )
