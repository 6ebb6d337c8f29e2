"""What a new record gets besides its values: owner, record type and currency, each by the admins' settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connector.ace.record import AceRecord
from connector.errors import Problem
from connector.mapping.currency import AMOUNTS, CURRENCY, RECORD_CURRENCY, foreign_amounts
from connector.mapping.describe import ObjectDescribe
from connector.mapping.picklists import active_values
from connector.sync.engine import Engine
from connector.sync.ports import Row
from connector.sync.templates import RECORD_TYPE, currency_problem, find_record_type

OWNER = "OwnerId"
OWNER_EMAIL = {"opportunity": "opportunityOwnerEmail", "lead": "leadOwnerEmail"}
_ORGS_DEFAULT = "the org's default currency"
_MASK = "accept to view"
"""What AWS shows in place of personal data before a referral is accepted, in any case (IN-08)."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the settings give a new record.

    Attributes:
        values: by field of the record.
        foreign: one problem per amount of AWS's that is in another currency than the record: it is not written.
        problems: settings that could not be followed.
        note: in words, who owns the record where the setting did not find the owner; empty otherwise.
    """

    values: Row
    foreign: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()
    note: str = ""


def text_of(record: AceRecord, name: str) -> str:
    """Return the record's text, empty where AWS has none or does not show it yet."""
    text = str(record.get(name) or "").strip()
    return "" if text.lower() == _MASK else text


def defaults_for(engine: Engine, describe: ObjectDescribe, record: AceRecord, template: Row) -> Defaults:
    """Return owner, record type and currency of a new record, which win over the template's."""
    owner, note = _owner(engine, describe, record)
    record_type, wrong_type = _record_type(engine, describe)
    currency, wrong_currency = _currency(engine, describe, record)
    values = {OWNER: owner, RECORD_TYPE: record_type, RECORD_CURRENCY: currency}
    return Defaults(
        {name: value for name, value in values.items() if value},
        _foreign(engine, describe, record, currency or str(template.get(RECORD_CURRENCY) or _ORGS_DEFAULT)),
        tuple(one for one in (wrong_type, wrong_currency) if one is not None),
        note,
    )


def _owner(engine: Engine, describe: ObjectDescribe, record: AceRecord) -> tuple[str, str]:
    """Return the owner's id, empty for the integration user; and a note where nobody was found by e-mail."""
    known = describe.field(OWNER)
    if known is None or not known.createable:
        return "", ""  # a detail has its master's owner
    default = engine.settings.default_owner_id
    if not engine.settings.owner_by_email:
        return default, ""
    email = text_of(record, OWNER_EMAIL[engine.record_type])
    if not email:
        return default, _owned_by(default, "AWS names no owner with an e-mail address")
    users = _active_users(engine, email)
    if len(users) == 1:
        return users[0], ""
    count = "no active user has" if not users else f"{len(users)} active users have"
    return default, _owned_by(default, f"{count} the e-mail address {email} of the owner at AWS")


def _active_users(engine: Engine, email: str) -> list[str]:
    rows = engine.salesforce.matching("User", "Email", email, ("Email", "IsActive"))
    return [row["Id"] for row in rows if row["IsActive"] and str(row["Email"]).casefold() == email.casefold()]


def _owned_by(default: str, why: str) -> str:
    who = f"the default owner {default}" if default else "the integration user"
    return f"Owner: {why}, so that the record belongs to {who}."


def _record_type(engine: Engine, describe: ObjectDescribe) -> tuple[str, Problem | None]:
    """Return the record type that the setting names: of opportunities, as the templates are."""
    wanted = engine.settings.record_type if engine.record_type == "opportunity" else ""
    return find_record_type(engine.salesforce, describe, wanted) if wanted else ("", None)


def _currency(engine: Engine, describe: ObjectDescribe, record: AceRecord) -> tuple[str, Problem | None]:
    """Return the code that the setting names, otherwise AWS's where it is active; empty for neither."""
    known, wanted = describe.field(RECORD_CURRENCY), engine.settings.currency
    if known is None:
        return "", None  # one currency only: the settings' check says that the setting means nothing
    active = active_values(known)
    theirs: Any = record.get(CURRENCY)
    chosen = wanted if wanted in active else theirs if theirs in active else ""
    return chosen, currency_problem(describe, wanted)


def _foreign(engine: Engine, describe: ObjectDescribe, record: AceRecord, currency: str) -> tuple[Problem, ...]:
    if describe.field(RECORD_CURRENCY) is None:
        return ()
    return foreign_amounts(engine.mapping, {RECORD_CURRENCY: currency}, record, set(AMOUNTS))
