"""The engine's surroundings: the doors, the state and the facts of this cycle, in one object that every flow takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connector.ace.catalogue import AceField, opportunity_fields
from connector.ace.file_fields import loosened_fields
from connector.ace.record import Value
from connector.errors import ConfigError, Problem
from connector.mapping.currency import RECORD_CURRENCY
from connector.mapping.describe import ObjectDescribe
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.model import RecordType
from connector.mapping.outbound import readable_paths, to_ace
from connector.mapping.related import inbound_relationships, lookup_path, target_object
from connector.names import AUDIT_FIELDS, CONVERSION, PACKAGED, SETTINGS, FileSettings, SyncFields
from connector.store.state import State
from connector.sync.foreseen import Foreseen
from connector.sync.formulas import row_evaluator
from connector.sync.ports import CatalogPort, Clock, ExchangePort, PartnerCentralPort, Row, SalesforcePort
from connector.sync.settings import SyncSettings
from connector.sync.share_rule import Ruling, judge_row, paths_read

CREATION = ("CreatedDate", "CreatedById")
"""Read with a row: whether it stands as we made it."""
RECORD_ID_LENGTH = 18
Channel = Literal["api", "files"]
TYPE = "type"
"""Member of a work item's payload that names its record type; without it the item is about opportunities."""


class Priority:
    """Smaller goes first: people's requests before edits, edits before news, backfills last."""

    REQUEST = 10
    EDIT = 30
    INBOUND = 40
    SWEEP = 60
    BACKFILL = 80


@dataclass(slots=True)
class Engine:
    """Everything one execution needs for records of one type. One per thread, because the doors are.

    The engine of the opportunities knows that of the leads; both share doors, state, settings and what they remember.
    """

    state: State
    salesforce: SalesforcePort
    partner_central: PartnerCentralPort
    clock: Clock
    org_id: str
    catalog: str
    settings: SyncSettings
    mapping: FieldMap
    names: SyncFields = PACKAGED
    catalogue: Mapping[str, AceField] = field(default_factory=opportunity_fields)
    published: dict[str, tuple[int | str, ...]] = field(default_factory=dict)
    """Counts with which each open run's log was last put; lost on restart, which costs one upsert per run."""
    person_waits: bool = False
    """Work that a person asked for was done since the last write-back; lost on restart, which delays it a little."""

    looked_at: dict[str, datetime] = field(default_factory=dict)
    """When the flag of a record that waits was last seen set; lost on restart, which costs a look."""
    troubles: dict[str, str] = field(default_factory=dict)
    """Why work of a kind does not come forward, by kind, until some of it does; for the status page in Salesforce."""
    foreseen: dict[str, Foreseen] = field(default_factory=dict)
    """What was read ahead for records of files, by their type; lost on restart, which costs the calls."""
    leads: Engine | None = None
    """The engine of the leads, where a lead mapping is published."""
    bucket: ExchangePort | None = None
    """The door to the ACE bucket, None while there is none to open."""
    sellers: Mapping[str, CatalogPort] = field(default_factory=dict)
    """The doors to the AWS Marketplace catalogs of the configured seller accounts, by account number."""
    no_bucket: str = ""
    """Why the door to the bucket cannot be opened, where it is not that the admins' settings name none."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """ACE field to Salesforce path of mapped fields that do not work in today's org (MAP-45): what is remembered of
    them stays until they do again.
    """

    def now(self) -> datetime:
        return self.clock.now()

    @property
    def record_type(self) -> RecordType:
        return self.mapping.record_type

    @property
    def channel(self) -> Channel:
        """How records of this type reach AWS: leads by files only (LEAD-01), opportunities as the admin chose."""
        by_file = self.record_type == "lead" or self.settings.files.opportunities_over_files
        return "files" if by_file else "api"

    @property
    def exchange(self) -> ExchangePort:
        """The door to the ACE bucket. Raises ConfigError when the settings name no bucket, or it cannot be opened."""
        if self.bucket is None:
            raise ConfigError(
                self.no_bucket
                or f"No bucket is configured: {FileSettings.BUCKET_NAME} of {SETTINGS} is empty, so that no file is "
                "sent or fetched. Enter the name of the ACE bucket that AWS gave you."
            )
        return self.bucket

    def engine_of(self, object_name: str) -> Engine:
        """Return the engine that works with records of the object."""
        leads = self.leads
        return leads if leads is not None and leads.mapping.object_name == object_name else self

    def owns(self, key: str) -> bool:
        """Whether the key is the id of a record of the object that this engine works with."""
        describe = self._known(self.mapping.object_name)
        prefix = describe.key_prefix if describe else ""
        return bool(prefix) and len(key) == RECORD_ID_LENGTH and key.isalnum() and key.startswith(prefix or "\0")

    def engine_for(self, key: str, payload: Mapping[str, Any]) -> Engine:
        """Return the engine that a work item is for.

        Raises:
            ConfigError: the item is about leads, and no lead mapping is published.
        """
        if self.record_type == "lead":
            return self
        if self.leads is not None and self.leads.owns(key):
            return self.leads
        if payload.get(TYPE) != "lead":
            return self
        if self.leads is None:
            raise ConfigError(
                "No lead mapping is published, so that leads are not exchanged. Publish one with `connector mapping "
                "automap --type lead` and `connector mapping publish --type lead`."
            )
        return self.leads

    def describe(self) -> ObjectDescribe:
        return self.salesforce.describe(self.mapping.object_name)

    def to_ace(self, row: Row, at: datetime | None = None) -> tuple[dict[str, Value], tuple[Problem, ...]]:
        """Return the canonical record of a row under the mapping, and the values that could not be translated.

        Args:
            row: the row.
            at: the moment that formulas are computed for; None for now.
        """
        evaluate = row_evaluator(
            row, self.mapping.object_name, at or self.now(), describes=self._known, identity=self.salesforce.identity
        )
        # Files take telephone numbers, say, that the API refuses.
        own = {} if self.channel == "api" else loosened_fields(self.record_type)
        return to_ace(self.mapping, row, {**self.catalogue, **own}, evaluate)

    def share_ruling(self, row: Row) -> Ruling | None:
        """Return what the share rule says of a row; None where no rule is set, and for leads, which nobody shares."""
        rule = self._share_rule
        if not rule:
            return None
        return judge_row(
            rule, row, self.mapping.object_name, self.now(), describes=self._known, identity=self.salesforce.identity
        )

    @property
    def _share_rule(self) -> str:
        """The rule is a formula over opportunities."""
        return self.settings.share_rule if self.record_type == "opportunity" else ""

    def _known(self, object_name: str) -> ObjectDescribe | None:
        """Return the describe of an object; None where it is not visible, so that its fields have no known type."""
        try:
            return self.salesforce.describe(object_name)
        except ConfigError:
            return None

    def own_fields(self) -> tuple[str, ...]:
        """The connector's own fields that this object has; has_updates and invitation id may be missing (ELIG-12)."""
        describe = self.describe()
        for name in (self.names.sync_with_aws, self.names.last_sync_date, self.names.apn_id):
            if describe.field(name) is None:
                raise ConfigError(
                    f"{describe.name}.{name} does not exist or field-level security hides it. "
                    "Deploy the package's fields and assign the permission set APN Integration User."
                )
        return tuple(name for name in self.names.all if describe.field(name) is not None)

    def row_fields(self) -> tuple[str, ...]:
        """Everything that is read with a row: audit fields, own fields, Name, what the mapping and the share rule read,
        whether a lead was converted, and which related records values from AWS would go to.
        """
        currency = (RECORD_CURRENCY,) if self.describe().field(RECORD_CURRENCY) else ()
        mapped = self.readable_paths(self.mapping)
        ruled = paths_read(self._share_rule, self.mapping.object_name, self._known)
        ended = [name for name in CONVERSION if self.describe().field(name)]
        wanted = (*AUDIT_FIELDS, *CREATION, *self.own_fields(), *currency, *mapped, *self._targets(), *ruled, *ended)
        # A formula may spell a field otherwise than we do; Salesforce takes each field once.
        return tuple({name.lower(): name for name in reversed(wanted)}.values())[::-1]

    def readable_paths(self, mapping: FieldMap) -> tuple[str, ...]:
        """Return what to query for a mapping in this org (:func:`connector.mapping.outbound.readable_paths`)."""
        return readable_paths(mapping, self._known)

    def _targets(self) -> Iterator[str]:
        """Yield, for each relationship that values from AWS go through, the lookup and the record's id and stamps."""
        for relationship in inbound_relationships(self.mapping):
            object_name = target_object(relationship, self.mapping.object_name, self._known)
            if object_name is None or self._known(object_name) is None:
                continue  # nothing is written there, and a warning says so
            yield lookup_path(relationship, self.mapping.object_name, self._known)
            yield from (f"{relationship}.{name}" for name in ("Id", "LastModifiedDate", "LastModifiedById"))
