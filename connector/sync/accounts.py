"""The account of a record that AWS's opportunity becomes: the customer's own, a copy of the Default Account, or the
Default Account itself (SET-03, SET-05, MAP-15).

Without a Default Account no account is linked at all: which one it would be, nobody has said. An account is the
customer's where its name is the customer's company name, regardless of case, as Salesforce itself compares texts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from connector.ace.record import AceRecord
from connector.errors import Problem
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.inbound import related_values
from connector.mapping.model import Mapping as FieldMap
from connector.names import TemplateSettings
from connector.sync.defaults import OWNER, text_of
from connector.sync.engine import Engine
from connector.sync.ports import Row
from connector.sync.related_values import describe_of
from connector.sync.templates import ACCOUNT, copy_of, default_account_problem

COMPANY, WEBSITE = "customerCompanyName", "customerWebsite"
_LOOKUPS = {"Opportunity": "AccountId"}
"""By standard object: its own lookup to the account, among others that an org may have added."""


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """Which account a new record gets.

    Attributes:
        lookup: field of the primary object that refers to the account; empty where it has none.
        relationship: the lookup's relationship name, as mapped paths begin.
        account_id: an account that exists; empty for none.
        new: the account to create together with the record; None for none.
        problems: what could not be done as the settings say.
        note: in words, what was decided; empty where nothing needs to be said.
    """

    lookup: str = ""
    relationship: str = ""
    account_id: str = ""
    new: Row | None = None
    problems: tuple[Problem, ...] = ()
    note: str = ""


def account_lookup(mapping: FieldMap, describe: ObjectDescribe) -> FieldDescribe | None:
    """Return the field by which the object refers to the customer's account: the standard one, otherwise the one that
    mapped paths go through, otherwise the only one.
    """
    lookups = _lookups(describe)
    standard = describe.field(_LOOKUPS.get(describe.name, ""))
    if standard is not None and standard.createable:
        return standard
    through = (lookups.get(item.path.partition(".")[0].lower()) for item in mapping.fields if item.related)
    used = next((one for one in through if one is not None), None)
    return used or (next(iter(lookups.values())) if len(lookups) == 1 else None)


def _lookups(describe: ObjectDescribe) -> dict[str, FieldDescribe]:
    """Return the fields that may refer to an account, by relationship name in lower case."""
    return {
        one.relationship_name.lower(): one
        for one in describe.fields.values()
        if one.reference_to == (ACCOUNT,) and one.createable and one.relationship_name
    }


def choose_account(engine: Engine, describe: ObjectDescribe, record: AceRecord, owner_id: str) -> AccountChoice:
    """Return the account of a new record of the object; nothing is written.

    Args:
        record: what AWS says of the opportunity.
        owner_id: who will own the record, and with it an account made for it; empty for the integration user.
    """
    lookup = account_lookup(engine.mapping, describe)
    if lookup is None:
        return AccountChoice(note=_undecided(describe) if engine.settings.default_account_id else "")
    choice = AccountChoice(lookup.name, lookup.relationship_name, problems=_setting_problems(engine))
    if not engine.settings.default_account_id and not choice.problems:
        return choice
    company = text_of(record, COMPANY)
    known = _accounts(engine, company)
    found = _the_one(known, record)
    if found:
        return replace(choice, account_id=found)
    if choice.problems:
        return choice
    if known:
        ambiguous = _ambiguous(company, [row["Id"] for row in known])
        return default_account(engine, replace(choice, problems=(ambiguous,)), "")
    if engine.settings.clone_default_account and company:
        return _cloned(engine, choice, record, company, owner_id)
    why = f"no account has the name {company}" if company else "AWS names no company"
    return default_account(engine, choice, f"Account: {why}, so that the record has the Default Account.")


def default_account(engine: Engine, choice: AccountChoice, note: str) -> AccountChoice:
    """Return the choice with the Default Account itself in the place of an account of the customer's own."""
    return replace(choice, account_id=engine.settings.default_account_id, new=None, note=note)


def _setting_problems(engine: Engine) -> tuple[Problem, ...]:
    """Return what keeps the Default Account from being used: its form, or what the org says now."""
    if not engine.settings.default_account_id:
        name = TemplateSettings.DEFAULT_ACCOUNT_ID
        return tuple(problem for problem in engine.settings.problems if problem.field == name)
    problem = default_account_problem(engine.salesforce, engine.settings)
    return () if problem is None else (problem,)


def _accounts(engine: Engine, company: str) -> list[Row]:
    describe = describe_of(engine, ACCOUNT)
    if not company or describe is None:
        return []
    names = [name for name in ("Name", "Website") if describe.field(name) is not None]
    rows = engine.salesforce.matching(ACCOUNT, "Name", company, names)
    return [row for row in rows if str(row["Name"] or "").strip().casefold() == company.casefold()]


def _the_one(known: list[Row], record: AceRecord) -> str:
    """Return the only account, or the only one of several with the customer's website; empty for none."""
    if len(known) > 1:
        site = _site(text_of(record, WEBSITE))
        known = [row for row in known if site and _site(row.get("Website")) == site]
    return str(known[0]["Id"]) if len(known) == 1 else ""


def _site(address: Any) -> str:
    """Return what tells web sites apart: neither scheme, ``www.`` nor the last slash does."""
    text = str(address or "").strip().casefold()
    return text.rpartition("://")[2].removeprefix("www.").rstrip("/")


def _cloned(engine: Engine, choice: AccountChoice, record: AceRecord, company: str, owner_id: str) -> AccountChoice:
    """Return the choice with a copy of the Default Account, mapped values laid over. The copy belongs to the owner of
    the record: the Default Account's own owner has nothing to do with the customer.
    """
    describe = engine.salesforce.describe(ACCOUNT)
    if not describe.createable:
        return default_account(engine, replace(choice, problems=(_no_right(company),)), "")
    template = copy_of(engine.salesforce, describe, engine.settings.default_account_id)
    name, owner = describe.field("Name"), describe.field(OWNER)
    if template is None or (name is not None and 0 < name.length < len(company)):
        return default_account(engine, choice, f"Account: {company} cannot be the name of an account.")
    owned = {OWNER: owner_id} if owner_id and owner is not None and owner.createable else {}
    row = {**template, **owned, "Name": company, **_mapped_values(engine, choice.relationship, record)}
    return replace(choice, new=row, note=f"Account: {company} was made from the Default Account.")


def _mapped_values(engine: Engine, relationship: str, record: AceRecord) -> Row:
    """Return what the mapping gives a new account; what it could not translate is told with the record's own."""
    describes = partial(describe_of, engine)
    found, _ = related_values(engine.mapping, record, describes, creating=True, catalogue=engine.catalogue)
    named = next((one for one in found if one.lower() == relationship.lower()), "")
    return {name: value for name, value in found.get(named, {}).items() if value is not None}


def _undecided(describe: ObjectDescribe) -> str:
    """Return in words why no account was linked where several fields could refer to it."""
    names = ", ".join(sorted(one.name for one in _lookups(describe).values()))
    why = "and no mapped field says which of them is the customer's"
    return f"Account: none was linked, as {names} refer to accounts {why}." if names else ""


def _no_right(company: str) -> Problem:
    return Problem(
        "ACCOUNT_NOT_CREATED",
        COMPANY,
        company,
        "The integration user may not create accounts, so that the record has the Default Account.",
        "Grant it create access to accounts, then choose the customer's account on the record.",
    )


def _ambiguous(company: str, ids: list[str]) -> Problem:
    return Problem(
        "SEVERAL_ACCOUNTS",
        COMPANY,
        company,
        f"Several accounts have this name and none of them alone has the customer's website: {', '.join(sorted(ids))}. "
        "The record has the Default Account.",
        "Choose the right account on the record; merge the accounts if they are one.",
    )
