"""An opportunity is handed to another person of the partner: its owner in Partner Central, or its sales contact.

The call has no token and tells nothing; who has the opportunity is looked at before it, and after an answer was lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from connector.errors import RecordRejected, Retriable
from connector.names import ActionRequest
from connector.store.links import Link
from connector.sync import logs, queueing
from connector.sync.action_outcome import DONE, FAILED, UNKNOWN, Answer
from connector.sync.action_targets import shared_record
from connector.sync.asking import Request
from connector.sync.association_changes import write_log
from connector.sync.base import forget_base
from connector.sync.engine import Engine, Priority
from connector.sync.ports import Json

OWNER, SALES_CONTACT = "OpportunityOwner", "PartnerAccountManager"
TITLES = (OWNER, SALES_CONTACT)
PARTS = {
    "FirstName": ActionRequest.ASSIGNEE_FIRST_NAME,
    "LastName": ActionRequest.ASSIGNEE_LAST_NAME,
    "Email": ActionRequest.ASSIGNEE_EMAIL,
    "BusinessTitle": ActionRequest.ASSIGNEE_BUSINESS_TITLE,
}
"""The members of AWS's assignee, and the fields of a request that hold them; all are required."""
_LABELS = {
    "FirstName": "Assignee First Name",
    "LastName": "Assignee Last Name",
    "Email": "Assignee Email",
    "BusinessTitle": "Assignee Business Title",
}
TEAM = "OpportunityTeam"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_LONGEST = 80
_LOGGED = frozenset({"assignee", *(f"assignee.{name[0].lower()}{name[1:]}" for name in PARTS)})


def perform_assignment(engine: Engine, request: Request) -> Answer:
    """Hand the opportunity to the person whom the request names.

    Raises:
        Deferred, Retriable, AuthFailed: it is begun again; who has the opportunity by then is not asked for twice.
    """
    assignee = {part: str(request.row.get(name) or "").strip() for part, name in PARTS.items()}
    return assign(engine, request.record_id, assignee, note=request.note)


def assign(engine: Engine, record_id: str, assignee: Mapping[str, str], *, note: str = "") -> Answer:
    """Hand the opportunity of a record to a person.

    Args:
        record_id: of a record that AWS has an opportunity for.
        assignee: ``FirstName``, ``LastName``, ``Email`` and ``BusinessTitle``.
        note: for the log: what went wrong in earlier attempts.

    Raises:
        Deferred, Retriable, AuthFailed: the doors'; it may be begun again.
    """
    if reasons := incomplete(assignee):
        return Answer(FAILED, " ".join(reasons))
    try:
        link, _ = shared_record(engine, record_id)
        return _assign(engine, link, assignee, note)
    except RecordRejected as error:
        return Answer(FAILED, str(error))


def incomplete(assignee: Mapping[str, str]) -> list[str]:
    """Return what is missing or wrong in the details of a person, by the names that people see."""
    found = [f"{_LABELS[part]} is required. Fill it in." for part in PARTS if not assignee.get(part)]
    email, title = assignee.get("Email", ""), assignee.get("BusinessTitle", "")
    if email and not _EMAIL.fullmatch(email):
        found.append(f"{_LABELS['Email']} {email!r} is no e-mail address. Give one like name@company.example.")
    if title and title not in TITLES:
        found.append(f"{_LABELS['BusinessTitle']} {title!r} must be {OWNER} or {SALES_CONTACT}. Choose one of them.")
    long = [part for part in ("FirstName", "LastName", "Email") if len(assignee.get(part, "")) > _LONGEST]
    found += [
        f"{_LABELS[part]} has more than {_LONGEST} characters, which is AWS's limit. Shorten it." for part in long
    ]
    return found


def _assign(engine: Engine, link: Link, assignee: Mapping[str, str], note: str) -> Answer:
    apn_id, door = str(link.apn_id), engine.partner_central
    done = Answer(DONE, f"{assignee['Email']} is {assignee['BusinessTitle']} of {apn_id} at AWS.")
    if not _has(door.get_opportunity(apn_id), assignee):
        # The call moves LastModifiedDate without telling where to.
        forget_base(engine, link)
        try:
            door.assign(apn_id, assignee)
        except RecordRejected as error:
            write_log(engine, link, {}, error.problems, fields=_LOGGED)
            raise
        except Retriable as error:
            if not error.outcome_unknown:
                raise
            after = door.get_opportunity(apn_id)
            if TEAM not in after:
                return Answer(UNKNOWN, f"{error} Please check the team of {apn_id} in Partner Central, then ask again.")
            if not _has(after, assignee):
                raise
        told = {"Assign": {"BusinessTitle": assignee["BusinessTitle"]}}
        write_log(engine, link, told, (), fields=_LOGGED, note=note)
    run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
    queueing.enqueue_inbound(engine, apn_id, run_id, priority=Priority.REQUEST, fresh=True)
    return done


def _has(answer: Json, assignee: Mapping[str, str]) -> bool:
    """Whether the person has the opportunity already. Names of owners are their profile's, whatever is sent."""
    parts = ("Email",) if assignee["BusinessTitle"] == OWNER else ("Email", "FirstName", "LastName")
    return any(
        member.get("BusinessTitle") == assignee["BusinessTitle"]
        and all(str(member.get(part) or "").casefold() == assignee[part].casefold() for part in parts)
        for member in answer.get(TEAM) or ()
    )
