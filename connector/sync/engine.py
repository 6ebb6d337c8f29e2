"""The engine's surroundings: the doors, the state and the facts of this cycle, in one object that every flow takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from connector.ace.catalogue import AceField, opportunity_fields
from connector.errors import ConfigError
from connector.mapping.currency import RECORD_CURRENCY
from connector.mapping.describe import ObjectDescribe
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.outbound import select_paths
from connector.names import AUDIT_FIELDS, PACKAGED, SyncFields
from connector.store.state import State
from connector.sync.ports import Clock, PartnerCentralPort, SalesforcePort
from connector.sync.settings import SyncSettings


class Priority:
    """Smaller goes first: people's requests before edits, edits before news, backfills last."""

    REQUEST = 10
    EDIT = 30
    INBOUND = 40
    SWEEP = 60
    BACKFILL = 80


@dataclass(slots=True)
class Engine:
    """Everything one execution needs. One per thread, because the doors are."""

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
    published: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Counts with which each open run's log was last put; lost on restart, which costs one upsert per run."""
    person_waits: bool = False
    """Work that a person asked for was done since the last write-back; lost on restart, which delays it a little."""

    looked_at: dict[str, datetime] = field(default_factory=dict)
    """When the flag of a record that waits was last seen set; lost on restart, which costs a look."""
    troubles: dict[str, str] = field(default_factory=dict)
    """Why work of a kind does not come forward, by kind, until some of it does; for the status page in Salesforce."""

    def now(self) -> datetime:
        return self.clock.now()

    def describe(self) -> ObjectDescribe:
        return self.salesforce.describe(self.mapping.object_name)

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
        """Everything that is read with a row: audit fields, own fields, Name, and what the mapping reads."""
        currency = (RECORD_CURRENCY,) if self.describe().field(RECORD_CURRENCY) else ()
        wanted = (*AUDIT_FIELDS, *self.own_fields(), *currency, *select_paths(self.mapping))
        return tuple(dict.fromkeys(wanted))
