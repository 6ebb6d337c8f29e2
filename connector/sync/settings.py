"""What Salesforce admins set in ``ACE_Connector_Settings__c``, read anew each cycle; a bad value keeps its default
and is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from connector.errors import Problem
from connector.names import SETTINGS, Settings, TemplateSettings
from connector.sync.file_settings import FIELDS as FILE_FIELDS
from connector.sync.file_settings import FileSettings, read_file_settings


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """The settings of one cycle.

    Attributes:
        integration_users: 18-character ids whose edits are never a reason to send.
        share_automatically, update_automatically: whether new records, and edits of shared ones, go out without a
        request.
        sandbox_catalog: use the catalog ``Sandbox`` of Partner Central.
        retry_count: automatic repetitions of a refused record that nobody corrected.
        retry_cutoff_days: days after the first refusal at which automatic repetition ends, None for no such end.
        log_retention_days: days to keep sync logs, None keeps them.
        poll_seconds: between two looks for changed Salesforce records.
        sweep_seconds: between two looks for changed opportunities at AWS.
        due_sweep_minutes: between two looks over all flagged Salesforce records.
        default_owner_id: who owns records created from AWS, empty for the integration user.
        default_account_id: account of records created from AWS whose customer has none, empty for no account.
        clone_default_account: such a customer gets a copy of the default account instead.
        default_opportunity_id: record of the target object that is copied at creation, empty for none.
        owner_by_email: the active user with the e-mail address of the owner at AWS becomes the owner.
        record_type: developer name of the record type of new records, empty for the template's or the user's own.
        currency: ISO code of new records in an org with several currencies, empty for AWS's.
        share_rule: formula over a record; where it is true, the record is shared without a request. Empty for none.
        accept_rule: formula over a referral's ACE fields; where it is true, it is accepted by itself. Empty for none.
        invitation_reminder_days: days before a referral lapses at which its decision is reminded of, 0 for never.
        beside_other_integration: sends although another integration works with the same account or records.
        files: what concerns the files of the ACE bucket only.
        problems: one per setting that is missing or malformed; those about files are in ``files``.
    """

    integration_users: frozenset[str]
    share_automatically: bool = False
    update_automatically: bool = False
    sandbox_catalog: bool = False
    retry_count: int = 3
    retry_cutoff_days: int | None = None
    log_retention_days: int | None = None
    poll_seconds: int = 30
    sweep_seconds: int = 300
    due_sweep_minutes: int = 60
    default_owner_id: str = ""
    default_account_id: str = ""
    clone_default_account: bool = False
    default_opportunity_id: str = ""
    owner_by_email: bool = False
    record_type: str = ""
    currency: str = ""
    share_rule: str = ""
    accept_rule: str = ""
    invitation_reminder_days: int = 3
    beside_other_integration: bool = False
    files: FileSettings = field(default_factory=FileSettings)
    problems: tuple[Problem, ...] = ()

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """What is wrong with any setting, those about files included, for who tells of it."""
        return (*self.problems, *self.files.problems)


_ID_LENGTH, _SHORT_ID_LENGTH = 18, 15
_CURRENCY_CODE = re.compile(r"[A-Z]{3}")

# Setting, attribute, least and greatest value that make sense.
_NUMBERS = (
    (Settings.RETRY_COUNT, "retry_count", 0, 100),
    (Settings.RETRY_CUTOFF_DAYS, "retry_cutoff_days", 0, 365),
    (Settings.SYNC_LOG_RETENTION, "log_retention_days", 1, 3650),
    (Settings.POLL_SECONDS, "poll_seconds", 5, 3600),
    (Settings.SWEEP_SECONDS, "sweep_seconds", 10, 86400),
    (Settings.DUE_SWEEP_MINUTES, "due_sweep_minutes", 1, 1440),
    (Settings.INVITATION_REMINDER_DAYS, "invitation_reminder_days", 0, 30),
)
_SWITCHES = (
    (Settings.SHARE_AUTOMATICALLY, "share_automatically"),
    (Settings.UPDATE_AUTOMATICALLY, "update_automatically"),
    (Settings.SANDBOX_CATALOG, "sandbox_catalog"),
    (Settings.BESIDE_OTHER_INTEGRATION, "beside_other_integration"),
    (TemplateSettings.CREATE_ACCOUNT_FROM_DEFAULT, "clone_default_account"),
    (TemplateSettings.OWNER_BY_EMAIL, "owner_by_email"),
)
_RULES = ((Settings.SHARE_RULE, "share_rule"), (Settings.ACCEPT_RULE, "accept_rule"))
_TEMPLATES = (
    (TemplateSettings.DEFAULT_ACCOUNT_ID, "default_account_id"),
    (TemplateSettings.DEFAULT_OPPORTUNITY_ID, "default_opportunity_id"),
)


def settings_query(org_id: str) -> str:
    """Return the SOQL that reads the org default of the custom setting."""
    fields = [name for name, _ in _SWITCHES] + [row[0] for row in _NUMBERS]
    fields += [Settings.INTEGRATION_USER_ID, Settings.OTHER_INTEGRATION_USERS, Settings.DEFAULT_OWNER_ID]
    fields += [name for name, _ in (*_TEMPLATES, *_RULES)]
    fields += [TemplateSettings.RECORD_TYPE, TemplateSettings.CURRENCY, *FILE_FIELDS]
    return f"SELECT {', '.join(fields)} FROM {SETTINGS} WHERE SetupOwnerId = '{org_id}'"  # noqa: S608 - an id of the org


def read_settings(row: Mapping[str, Any] | None, own_user_id: str) -> SyncSettings:
    """Return the settings of this cycle; ``row`` is the org default's row, None when the org has none."""
    if row is None:
        missing = Problem(
            "SETTINGS_MISSING",
            SETTINGS,
            "",
            "The org has no org-level default of this custom setting.",
            "Run `connector settings init`, or create it under Setup > Custom Settings; until then the defaults apply.",
        )
        return SyncSettings(frozenset({own_user_id}), problems=(missing,))
    problems: list[Problem] = []
    values: dict[str, Any] = {attribute: bool(row.get(name)) for name, attribute in _SWITCHES}
    for name, attribute, least, greatest in _NUMBERS:
        number = _whole(row.get(name), name, least, greatest, problems)
        if number is not None:
            values[attribute] = number
    users = {own_user_id, *_ids(row.get(Settings.OTHER_INTEGRATION_USERS), problems)}
    _check_integration_user(row.get(Settings.INTEGRATION_USER_ID), own_user_id, problems)
    values["files"] = read_file_settings(row)
    values["default_owner_id"] = row.get(Settings.DEFAULT_OWNER_ID) or ""
    values |= {attribute: str(row.get(name) or "").strip() for name, attribute in _RULES}
    values |= _template_values(row, problems)
    return SyncSettings(frozenset(users), problems=tuple(problems), **values)


def _template_values(row: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """Return what new records are made of, as far as its form is right; whether it exists, only the org can tell."""
    values: dict[str, Any] = {attribute: _template_id(row.get(name), name, problems) for name, attribute in _TEMPLATES}
    values["record_type"] = str(row.get(TemplateSettings.RECORD_TYPE) or "").strip()
    values["currency"] = _currency(row.get(TemplateSettings.CURRENCY), problems)
    return values


def _template_id(value: Any, name: str, problems: list[Problem]) -> str:
    """Return the id, empty when it is none of 18 characters."""
    text = str(value or "").strip()
    if not text or (len(text) == _ID_LENGTH and text.isascii() and text.isalnum()):
        return text
    rule = f"The id must have {_ID_LENGTH} characters, letters and digits; this one has {len(text)}."
    if len(text) == _SHORT_ID_LENGTH and text.isalnum():
        rule = f"This is the {_SHORT_ID_LENGTH}-character form of an id; the {_ID_LENGTH}-character form is needed."
    problems.append(
        Problem(
            "SETTING_INVALID",
            name,
            text,
            rule,
            f"Copy the {_ID_LENGTH} characters from the address of the record's page into {name} of {SETTINGS}.",
        )
    )
    return ""


def _currency(value: Any, problems: list[Problem]) -> str:
    code = str(value or "").strip().upper()
    if not code or _CURRENCY_CODE.fullmatch(code):
        return code
    problems.append(
        Problem(
            "SETTING_INVALID",
            TemplateSettings.CURRENCY,
            code,
            "A currency has an ISO code of three letters, such as USD.",
            f"Correct it in {SETTINGS}; until then new records have the currency that AWS names.",
        )
    )
    return ""


def _whole(value: Any, name: str, least: int, greatest: int, problems: list[Problem]) -> int | None:
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if number == number and number == number.to_integral_value() and least <= number <= greatest:
        return int(number)
    problems.append(
        Problem(
            "SETTING_INVALID",
            name,
            str(value),
            f"The value must be a whole number from {least} to {greatest}.",
            f"Correct it in {SETTINGS}; until then the default applies.",
        )
    )
    return None


def _ids(value: Any, problems: list[Problem]) -> list[str]:
    found = [part for part in str(value or "").replace(",", " ").replace(";", " ").split() if part]
    for part in found:
        if len(part) != 18 or not part.isalnum():
            problems.append(
                Problem(
                    "SETTING_INVALID",
                    Settings.OTHER_INTEGRATION_USERS,
                    part,
                    "A user id has 18 characters.",
                    f"Correct it in {SETTINGS}; this entry is ignored.",
                )
            )
    return [part for part in found if len(part) == 18]


def _check_integration_user(value: Any, own_user_id: str, problems: list[Problem]) -> None:
    if value and value != own_user_id:
        problems.append(
            Problem(
                "INTEGRATION_USER_DIFFERS",
                Settings.INTEGRATION_USER_ID,
                str(value),
                f"The worker works as user {own_user_id}, but the formula of Has Updates excludes another user.",
                f"Set {Settings.INTEGRATION_USER_ID} in {SETTINGS} to {own_user_id}.",
            )
        )
