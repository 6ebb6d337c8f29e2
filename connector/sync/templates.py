"""The records and names that admins set for new records: what is copied of them, and whether the org has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.errors import ConfigError, Problem
from connector.mapping.currency import RECORD_CURRENCY
from connector.mapping.describe import ObjectDescribe
from connector.mapping.picklists import active_values
from connector.names import ACE_OPPORTUNITY, PROFILES, SETTINGS, SyncFields, TemplateSettings
from connector.sync.ports import Row, SalesforcePort
from connector.sync.settings import SyncSettings

ACCOUNT = "Account"
RECORD_TYPE = "RecordTypeId"
CHECKED_FOR, CHECKED_FOR_IF_WRONG = timedelta(hours=1), timedelta(minutes=5)
"""How long settings that did not change count as checked: each check costs API calls, and the answer rarely changes."""

# Compounds are written by their parts; an encrypted field is read masked, and its mask must not be written.
_UNCOPIED_TYPES = frozenset({"address", "base64", "complexvalue", "encryptedstring", "id", "location"})
_UNCOPIED = frozenset({"name", "ownerid"}) | {name.lower() for names in PROFILES.values() for name in names.all}


def copied_fields(describe: ObjectDescribe, own: SyncFields | None = None) -> tuple[str, ...]:
    """Return the fields that a copy of a record takes over: what may be set at creation, but for what must differ
    (unique values and external ids), what is decided by itself (Name, owner) and the connector's own fields.

    Args:
        own: names of the connector's own fields on the object, besides those of the profiles.
    """
    left_out = _UNCOPIED | {name.lower() for name in (own.all if own else ())}
    return tuple(
        one.name
        for one in describe.fields.values()
        if one.createable
        and not (one.calculated or one.unique or one.external_id)
        and one.type not in _UNCOPIED_TYPES
        and one.name.lower() not in left_out
    )


def copy_of(
    salesforce: SalesforcePort, describe: ObjectDescribe, record_id: str, own: SyncFields | None = None
) -> Row | None:
    """Return what a copy of the record starts with, empty fields left out; None where the record is not visible."""
    names = copied_fields(describe, own)
    row = salesforce.rows(describe.name, [record_id], names).get(record_id)
    return None if row is None else {name: row[name] for name in names if row.get(name) is not None}


def default_account_problem(salesforce: SalesforcePort, settings: SyncSettings) -> Problem | None:
    """Return why the Default Account cannot be given to new records, None where it can or none is set (SET-04)."""
    return _record_problem(salesforce, TemplateSettings.DEFAULT_ACCOUNT_ID, settings.default_account_id, ACCOUNT)


def default_opportunity_problem(salesforce: SalesforcePort, settings: SyncSettings, object_name: str) -> Problem | None:
    """Return why the Default Opportunity cannot be copied, None where it can, none is set, or the object does not use
    it (SET-08).
    """
    if object_name == ACE_OPPORTUNITY:
        return None
    name = TemplateSettings.DEFAULT_OPPORTUNITY_ID
    return _record_problem(salesforce, name, settings.default_opportunity_id, object_name)


def find_record_type(
    salesforce: SalesforcePort, describe: ObjectDescribe, developer_name: str
) -> tuple[str, Problem | None]:
    """Return the id of the object's active record type of that developer name, or an empty text and what is wrong."""
    if describe.field(RECORD_TYPE) is None:
        rule = f"{describe.name} has no record types, or the integration user cannot see them."
        return "", _wrong(TemplateSettings.RECORD_TYPE, developer_name, rule, f"Blank it in {SETTINGS}.")
    rows = salesforce.query(
        "SELECT Id, DeveloperName FROM RecordType "  # noqa: S608 - the object's own name
        f"WHERE SobjectType = '{describe.name}' AND IsActive = true ORDER BY DeveloperName"
    )
    known = {str(row["DeveloperName"]): str(row["Id"]) for row in rows}
    found = next((one for name, one in known.items() if name.lower() == developer_name.lower()), "")
    if found:
        return found, None
    rule = f"{describe.name} has no active record type of that developer name; it has {', '.join(known) or 'none'}."
    remedy = (
        f"Set the developer name of one of them in {SETTINGS}; until then new records have the default record type."
    )
    return "", _wrong(TemplateSettings.RECORD_TYPE, developer_name, rule, remedy)


def currency_problem(describe: ObjectDescribe, code: str) -> Problem | None:
    """Return why new records cannot have the currency that is set, None where they can or none is set."""
    known = describe.field(RECORD_CURRENCY)
    if not code or (known is not None and code in active_values(known)):
        return None
    if known is None:
        rule, remedy = "The org has one currency only, so that the setting means nothing.", f"Blank it in {SETTINGS}."
    else:
        rule = f"The currency is not active in the org; active are {', '.join(active_values(known))}."
        remedy = f"Activate it, or correct {SETTINGS}; until then new records have the currency that AWS names."
    return _wrong(TemplateSettings.CURRENCY, code, rule, remedy)


def template_problems(salesforce: SalesforcePort, settings: SyncSettings, object_name: str) -> tuple[Problem, ...]:
    """Return what the org says against the settings about new records of the object; one per setting.

    The form of the settings was checked when they were read. An object that is not visible is the mapping's problem.
    """
    found = [default_account_problem(salesforce, settings)]
    try:
        describe = salesforce.describe(object_name)
    except ConfigError:
        return tuple(one for one in found if one is not None)
    found.append(default_opportunity_problem(salesforce, settings, object_name))
    if settings.record_type:
        found.append(find_record_type(salesforce, describe, settings.record_type)[1])
    found.append(currency_problem(describe, settings.currency))
    return tuple(one for one in found if one is not None)


@dataclass(slots=True)
class TemplateChecks:
    """Remembers what the org said of the settings, so that a cycle that finds them unchanged asks nothing."""

    _subject: tuple[str, ...] = ()
    _asked_at: datetime | None = None
    _problems: tuple[Problem, ...] = field(default=())

    def problems(
        self, salesforce: SalesforcePort, settings: SyncSettings, object_name: str, now: datetime
    ) -> tuple[Problem, ...]:
        """Return :func:`template_problems`, asked anew where a setting changed or the last answer is old."""
        named = (settings.default_account_id, settings.default_opportunity_id, settings.record_type, settings.currency)
        subject = (object_name, *named)
        good_for = CHECKED_FOR_IF_WRONG if self._problems else CHECKED_FOR
        fresh = self._asked_at is not None and timedelta() <= now - self._asked_at < good_for
        if subject != self._subject or not fresh:
            self._problems = template_problems(salesforce, settings, object_name)
            self._subject, self._asked_at = subject, now
        return self._problems


def _record_problem(salesforce: SalesforcePort, setting: str, record_id: str, object_name: str) -> Problem | None:
    if not record_id:
        return None
    try:
        describe = salesforce.describe(object_name)
    except ConfigError:
        rule = f"The integration user has no access to {object_name}."
        return _wrong(setting, record_id, rule, "Grant it read access, or blank the setting.")
    prefix = describe.key_prefix
    if prefix and not record_id.startswith(prefix):
        rule = f"This is no id of an {describe.label} record: those begin with {prefix}, this one with {record_id[:3]}."
        return _wrong(setting, record_id, rule, f"Set the id of an {describe.label} record in {SETTINGS}.")
    if record_id not in salesforce.rows(object_name, [record_id], ("Id",)):
        rule = f"The integration user sees no {describe.label} record of this id: it is deleted, or not shared with it."
        return _wrong(setting, record_id, rule, f"Share the record with the integration user, or correct {SETTINGS}.")
    return None


def _wrong(setting: str, value: str, rule: str, remedy: str) -> Problem:
    return Problem("SETTING_INVALID", setting, value, rule, remedy)
