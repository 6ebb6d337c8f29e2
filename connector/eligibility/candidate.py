"""What the rules must know about one record to say whether it is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from connector.eligibility.context import Context, Types, row_resolver
from connector.eligibility.values import case_safe_id
from connector.names import IS_CONVERTED, SETTINGS, Settings, SyncFields

LAST_MODIFIED_DATE = "LastModifiedDate"
LAST_MODIFIED_BY = "LastModifiedById"
MODIFIER_PATH = "lastmodifiedby."
SETUP_USER = f"$Setup.{SETTINGS}.{Settings.INTEGRATION_USER_ID}"
SOME_PERSON = "005000000000000AAA"
"""Stands for a person who is no integration user: a well-formed user id that no org hands out."""

_TICK = timedelta(seconds=1)
"""The grain of Salesforce's stamps: a formula may ask for a later second than that of the last sync."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One record, as far as the rules need it. Ids may have 15 or 18 characters.

    Attributes:
        row: the record as the REST API returned it: the connector's own fields, the audit fields, and what the formula
            reads.
        names: the names of the connector's own fields on this object.
        integration_users: ids of the users that the worker, or another integration, writes as.
        now: the time, aware.
        formula_text: the text of the org's own Has Updates formula; None where the object has no such field (our rule
            serves then), empty where the field is there but is no formula (its value is obeyed as it stands).
        formula_types: describe's type words of the fields that the formula reads, as :class:`Context` takes them.
        formula_extra: values of the globals that the formula reads, by dotted name (``$Setup.Settings__c.Field__c``).
        blank_as_zero: the formula field is set to treat empty numbers as 0.
        changed: the mapped fields whose value differs both from last seen and from last written; those of related
            records are paths with a dot.
        known: the record was compared before, so that ``changed`` means something.
        review_status: AWS's review status as last seen; empty when there is none.
        pending_invitation: the record is an AWS referral that nobody accepted yet.
        partner_identifier: the partner's identifier that AWS has, or will get, for the record.
        identifier_holder: id of another record that owns the AWS identifiers which this row carries; empty for none.
        stuck_log: the sync log in *API Success* that still holds the record, because AWS's result does not come; empty
            when there is none.
        awaits_result: the file in which the record went to AWS, while its result is to be expected; empty for none.
        failures: how often sending the present content failed.
        first_failure: when it failed first, aware.
        changed_since_failure: a person corrected the record since it failed last.
        retry_limit: how often a failed record is tried again by itself.
        retry_cutoff_days: how many days after the first failure that ends; None for never.
        tombstone: the record was deleted in Salesforce.
    """

    row: Mapping[str, Any]
    names: SyncFields
    integration_users: frozenset[str]
    now: datetime
    formula_text: str | None = None
    formula_types: Types = field(default_factory=dict)
    formula_extra: Mapping[str, Any] = field(default_factory=dict)
    blank_as_zero: bool = False
    changed: tuple[str, ...] = ()
    known: bool = True
    review_status: str = ""
    pending_invitation: bool = False
    partner_identifier: str = ""
    identifier_holder: str = ""
    stuck_log: str = ""
    awaits_result: str = ""
    failures: int = 0
    first_failure: datetime | None = None
    changed_since_failure: bool = False
    retry_limit: int = 3
    retry_cutoff_days: int | None = None
    tombstone: bool = False

    @property
    def context(self) -> Context:
        """The record as it stands, for formulas."""
        extra = {SETUP_USER: "", **self.formula_extra}
        types = self._types
        return Context(row_resolver(self.row, extra), self.now, types, blank_as_zero=self.blank_as_zero)

    @property
    def flagged(self) -> bool:
        """A person chose that the record is shared. Raises FormulaError when the row lacks the field."""
        return self.context.read(self.names.sync_with_aws) is True

    @property
    def converted(self) -> bool | None:
        """A person converted the lead, which is read-only since; None for an object that has no conversion."""
        told = self.row.get(IS_CONVERTED)
        return None if told is None else told is True

    @property
    def last_sync(self) -> datetime | None:
        """When the record last went to AWS or came from there. Raises FormulaError when the row lacks the field."""
        return self._moment(self.names.last_sync_date)

    @property
    def last_modified(self) -> datetime | None:
        """When the row was last modified. Raises FormulaError when the row lacks the field."""
        return self._moment(LAST_MODIFIED_DATE)

    @property
    def own_write(self) -> bool:
        """An integration user modified the row last. Raises FormulaError when the row lacks the field."""
        context = self.context
        context.read(LAST_MODIFIED_BY)
        modifier = case_safe_id(str(context.resolve(LAST_MODIFIED_BY) or ""))
        return modifier in {case_safe_id(user.strip()) for user in self.integration_users if user.strip()}

    @property
    def related_changed(self) -> tuple[str, ...]:
        """The changed fields of related records, which move none of the row's own dates."""
        return tuple(path for path in self.changed if "." in path)

    def as_if_edited(self) -> Context:
        """Return the context of the same record as if a person, known by nothing but an id, had modified it since."""
        context = self.context
        moments = [moment + _TICK for moment in (self.last_modified, self.last_sync) if moment]
        replaced = {LAST_MODIFIED_BY.lower(): SOME_PERSON, LAST_MODIFIED_DATE.lower(): max(moments, default=self.now)}

        def resolve(name: str) -> Any:
            if name.lower().startswith(MODIFIER_PATH):
                raise KeyError(name)
            return replaced[name.lower()] if name.lower() in replaced else context.resolve(name)

        return replace(context, resolve=resolve)

    def _moment(self, name: str) -> datetime | None:
        value = self.context.read(name)
        return value if isinstance(value, datetime) else None

    def _types(self, name: str) -> str:
        own = {
            self.names.sync_with_aws.lower(): "boolean",
            self.names.has_updates.lower(): "boolean",
            self.names.last_sync_date.lower(): "datetime",
        }
        given = self.formula_types
        return own.get(name.lower()) or (given.get(name.lower(), "") if isinstance(given, Mapping) else given(name))
