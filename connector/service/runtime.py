"""Putting the connector together: state, doors, settings and mapping become one engine, after the guards agreed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, get_args

from connector.ace.catalogue import opportunity_fields
from connector.aws.check import CheckResult
from connector.aws.exchange import ExchangeDoor
from connector.aws.partner_central import PartnerCentralDoor
from connector.aws.session import PartnerCentralSettings
from connector.errors import ConfigError, Fatal, MappingError, Problem
from connector.mapping.automap import automap_packaged
from connector.mapping.describe import ObjectDescribe
from connector.mapping.fit import Surroundings, catalogue_of, is_blocking, spelled_as, working_part
from connector.mapping.model import Mapping, RecordType, from_document, to_document
from connector.mapping.needs import unmapped_required
from connector.names import ACE_OPPORTUNITY, PROFILES, SyncFields, sync_fields
from connector.salesforce.door import SalesforceDoor
from connector.salesforce.settings import SalesforceSettings
from connector.service.clock import SandboxClock, SystemClock, make_clock
from connector.service.config import Config, PartnerCentralSection, SalesforceSection, secret
from connector.service.exchange import exchange_settings
from connector.service.sellers import SellerDoors
from connector.store.state import State
from connector.sync.engine import Engine
from connector.sync.formulas import inspect_formula, try_over_ace
from connector.sync.other_integrations import require_confirmed
from connector.sync.ports import Identity, SalesforcePort
from connector.sync.referral_rules import accept_rule_problems
from connector.sync.settings import SyncSettings, read_settings, settings_query
from connector.sync.share_rule import rule_problems
from connector.sync.templates import TemplateChecks

OPPORTUNITY: Final = "opportunity"
LEAD: Final = "lead"
DRIFT = "mapping"
"""Under this name the status page tells which mapped fields are left out."""


@dataclass(slots=True)
class Runtime:
    """An open connector: one process's hold on state and doors. A context manager."""

    config: Config
    state: State
    salesforce: SalesforceDoor
    clock: SystemClock | SandboxClock
    _stack: ExitStack
    _salesforce_settings: SalesforceSettings
    _partner_central: PartnerCentralDoor | None = None
    _exchange: ExchangeDoor | None = None
    _sellers: SellerDoors = field(default_factory=SellerDoors)
    _template_checks: TemplateChecks = field(default_factory=TemplateChecks)

    @classmethod
    def open(cls, config: Config, *, exclusive: bool) -> Runtime:
        """Open state and Salesforce door; ``exclusive`` takes the state's lock first.

        Raises:
            Fatal: another process holds the state (exit code 3), or the state cannot be used.
            ConfigError: settings are missing or wrong.
        """
        with ExitStack() as stack:
            state = stack.enter_context(State.open(config.state.path))
            if exclusive:
                stack.enter_context(state.lock())
                state.queue.recover(make_clock(config.worker.clock_url).now())
            clock = make_clock(config.worker.clock_url)
            settings = salesforce_settings(config.salesforce)
            door = SalesforceDoor(settings, now=clock.now, ledger=state.ledger)
            return cls(config, state, door, clock, stack.pop_all(), settings)

    def engine(self, mapping: Mapping | None = None) -> Engine:
        """Return an engine with the settings and the mapping of this moment, bound to this org and catalog.

        Args:
            mapping: to work with instead of the published one.

        Raises:
            Fatal: the state belongs to another org or catalog, or a sandbox org would use the live catalog.
        """
        self._renew_salesforce()
        identity = self.salesforce.identity()
        settings = self.settings()
        catalog = catalog_of(settings)
        guard_catalog(identity, catalog, self.config.aws.partner_central)
        self.state.bind(identity.org_id, catalog)
        mapping = mapping or self.mapping()
        engine = Engine(
            state=self.state,
            salesforce=self.salesforce,
            partner_central=self._renewed_partner_central(catalog),
            clock=self.clock,
            org_id=identity.org_id,
            catalog=catalog,
            settings=settings,
            mapping=mapping,
            names=self.names(mapping),
            catalogue=catalogue_of(mapping.record_type),
        )
        self.use_mapping(engine, mapping)
        self._use_bucket(engine)
        engine.sellers = self._sellers.renewed(self.config.aws.sellers, self.clock.now)
        self._follow_leads(engine)
        self._guard_writes(engine)
        return engine

    def refresh(self, engine: Engine) -> None:
        """Read secrets, settings and mapping anew, as every cycle does.

        Raises:
            Fatal: the catalog setting was switched; the state belongs to the other catalog.
        """
        self._renew_salesforce()
        engine.salesforce = self.salesforce
        engine.partner_central = self._renewed_partner_central(engine.catalog)
        # At once: what follows may fail, and the work goes on with the new door.
        self._guard_writes(engine)
        engine.settings = self.settings()
        self.state.bind(engine.org_id, catalog_of(engine.settings))
        self._use_bucket(engine)
        engine.sellers = self._sellers.renewed(self.config.aws.sellers, self.clock.now)
        self._follow_leads(engine)
        self.use_mapping(engine, self.mapping())

    def settings(self) -> SyncSettings:
        """Return the admins' settings of this moment, with what the org says against those about new records and
        against the rules.
        """
        settings, published = current_settings(self.salesforce), self.state.mappings.published(OPPORTUNITY)
        object_name = str(published[1]["object"]) if published else ACE_OPPORTUNITY
        found = self._template_checks.problems(self.salesforce, settings, object_name, self.clock.now())
        found = (*found, *rule_problems(settings.share_rule, object_name, self.described))
        found = (*found, *accept_rule_problems(settings.accept_rule, opportunity_fields(), self.clock.now()))
        return replace(settings, problems=(*settings.problems, *found))

    def surroundings(self, settings: SyncSettings) -> Surroundings:
        """Return what decides, besides describe and catalogue, whether a mapping works."""
        return Surroundings(
            names=PROFILES[self.config.salesforce.profile],
            default_account=bool(settings.default_account_id),
            default_opportunity=bool(settings.default_opportunity_id),
            inspect=inspect_formula,
            compute=try_over_ace,
        )

    def names(self, mapping: Mapping) -> SyncFields:
        """Return the names of the connector's own fields on the mapping's object."""
        return mapping.own_fields or sync_fields(mapping.object_name, PROFILES[self.config.salesforce.profile])

    def _renew_salesforce(self) -> None:
        """Log in with what the secret files hold now: a rotated key works without a restart."""
        wanted = salesforce_settings(self.config.salesforce)
        if wanted != self._salesforce_settings:
            door = SalesforceDoor(wanted, now=self.clock.now, ledger=self.state.ledger)
            self.salesforce.close()
            self.salesforce, self._salesforce_settings = door, wanted

    def _renewed_partner_central(self, catalog: str) -> PartnerCentralDoor:
        wanted = partner_central_settings(self.config.aws.partner_central, catalog)
        if self._partner_central is None or self._partner_central.settings != wanted:
            self._partner_central = PartnerCentralDoor(wanted, ledger=self.state.ledger, now=self.clock.now)
        return self._partner_central

    def _guard_writes(self, engine: Engine) -> None:
        """Let no write out beside another integration that nobody confirmed, by whatever way it is made."""
        if self._partner_central is not None:
            self._partner_central.before_write = partial(require_confirmed, engine)

    def _use_bucket(self, engine: Engine) -> None:
        """Open the bucket that the settings name now, with the keys that the secret files hold now (CONN-28). What is
        wrong with it concerns nothing but files.
        """
        engine.bucket, engine.no_bucket = None, ""
        if not engine.settings.files.bucket:
            return
        try:
            wanted = exchange_settings(self.config.aws.exchange, engine.settings.files.bucket)
            if self._exchange is None or self._exchange.settings != wanted:
                self._close_exchange()
                self._exchange = ExchangeDoor(wanted, ledger=self.state.ledger, now=self.clock.now)
        except ConfigError as error:
            engine.no_bucket = str(error)
        else:
            engine.bucket = self._exchange

    def _close_exchange(self) -> None:
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None

    def _follow_leads(self, engine: Engine) -> None:
        """Give the engine its engine of the leads, as doors, settings and the published lead mapping are now."""
        published = self.state.mappings.published(LEAD) if engine.record_type == OPPORTUNITY else None
        if published is None:
            engine.leads = None
            return
        mapping = spelled_as(from_document({**published[1], "version": published[0]}), self.described)
        engine.leads = replace(
            engine.leads or engine,
            salesforce=engine.salesforce,
            partner_central=engine.partner_central,
            settings=engine.settings,
            bucket=engine.bucket,
            sellers=engine.sellers,
            no_bucket=engine.no_bucket,
            mapping=mapping,
            names=self.names(mapping),
            catalogue=catalogue_of(mapping.record_type),
            leads=None,
        )
        self.use_mapping(engine.leads, mapping)

    def check_partner_central(self, catalog: str) -> tuple[CheckResult, ...]:
        """Return what calls to Partner Central came to that change nothing."""
        return self._renewed_partner_central(catalog).check()

    def mapping(self) -> Mapping:
        """Return the published mapping as the org spells its names; a new state starts with the packaged object's,
        mapped automatically.

        Raises:
            MappingError: nothing was published yet, and an admin prepares a draft.
        """
        published = self.state.mappings.published(OPPORTUNITY)
        if published is None:
            return self._first_mapping()
        version, document = published
        return spelled_as(from_document({**document, "version": version}), self.described)

    def use_mapping(self, engine: Engine, mapping: Mapping) -> tuple[Problem, ...]:
        """Let the engine work with the part of the mapping that works in today's org; return why the rest does not
        (MAP-45).
        """
        spelled = spelled_as(mapping, self.described)
        working, problems = working_part(spelled, self.described, engine.catalogue)
        if self.described(mapping.object_name) is None:
            # Without the object nothing is read or written, and everything waits; without its fields some would go.
            working = spelled
        kept = {item.ace_field for item in working.fields}
        engine.mapping, engine.names = working, self.names(working)
        engine.left_out = {item.ace_field: item.path for item in spelled.fields if item.ace_field not in kept}
        name = DRIFT if mapping.record_type == OPPORTUNITY else f"{DRIFT} of {mapping.record_type}s"
        engine.troubles.pop(name, None)
        if problems:
            told = (f"{one.field or one.value}: {one.rule} {one.remedy}" for one in problems)
            engine.troubles[name] = "; ".join(told)
        return problems

    def described(self, object_name: str) -> ObjectDescribe | None:
        """Return the describe, None where the org does not show the object: the checks tell what does not fit."""
        try:
            return self.salesforce.describe(object_name)
        except ConfigError:
            return None

    def published_mappings(self) -> Iterator[Mapping]:
        """Yield the published mapping of each record type that has one, as the org spells its names."""
        for record_type in get_args(RecordType):
            published = self.state.mappings.published(record_type)
            if published is not None:
                mapping = from_document({**published[1], "version": published[0]})
                yield spelled_as(mapping, self.described)

    def _first_mapping(self) -> Mapping:
        """Map the packaged object and publish it. A field that the org hides now would stay unmapped for good, so that
        all of the package's fields must be visible; who wants fewer publishes a mapping of their own.
        """
        draft = self.state.mappings.draft(OPPORTUNITY)
        if draft is not None:
            lacking = unmapped_required(from_document(draft), opportunity_fields())
            names = [problem.field for problem in lacking if is_blocking(problem)]
            first = (
                f"Map these fields, which AWS requires: {', '.join(names)}. Then publish it" if names else "Publish it"
            )
            raise MappingError(
                f"No opportunity mapping was published yet, and there is a draft. {first} with "
                "`connector mapping publish`, or throw it away with `connector mapping discard`."
            )
        describe = self.salesforce.describe(ACE_OPPORTUNITY)
        names = [field.salesforce_name for field in opportunity_fields().values() if field.salesforce_name]
        hidden = [name for name in names if describe.field(name) is None]
        if hidden:
            raise MappingError(
                f"{ACE_OPPORTUNITY} cannot be mapped by itself: these fields do not exist or field-level security "
                f"hides them: {', '.join(hidden)}. Deploy the package and assign the permission set APN Integration "
                "User, or map what there is with `connector mapping automap` and `connector mapping publish`."
            )
        mapping = automap_packaged(opportunity_fields(), describe)
        now = self.clock.now()
        self.state.mappings.save_draft(OPPORTUNITY, to_document(mapping), "connector", now)
        version = self.state.mappings.publish(OPPORTUNITY, "connector", now, "mapped automatically at the first start")
        return from_document({**to_document(mapping), "version": version})

    def close(self) -> None:
        """Give back lock and connections."""
        self._close_exchange()
        self._sellers.close()
        self.salesforce.close()
        self._stack.close()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def current_settings(salesforce: SalesforcePort) -> SyncSettings:
    """Read the admins' settings from Salesforce."""
    identity = salesforce.identity()
    rows = list(salesforce.query(settings_query(identity.org_id)))
    return read_settings(rows[0] if rows else None, identity.user_id)


def catalog_of(settings: SyncSettings) -> str:
    """Return the catalog of Partner Central that the settings name."""
    return "Sandbox" if settings.sandbox_catalog else "AWS"


def guard_catalog(identity: Identity, catalog: str, section: PartnerCentralSection) -> None:
    """Refuse the live catalog in a Salesforce sandbox, which carries production's ids, flags and settings.

    Raises:
        Fatal: the org is a sandbox, the catalog AWS, and the local file does not say that this is meant.
    """
    if identity.is_sandbox and catalog == "AWS" and not section.allow_production_from_sandbox:
        raise Fatal(
            "This Salesforce org is a sandbox, but the settings name Partner Central's live catalog AWS. "
            "Tick PC_API_Sandbox_Enabled__c in ACE_Connector_Settings__c, or set "
            "[aws.partner_central] allow_production_from_sandbox = true if the sandbox is meant to reach production."
        )


def salesforce_settings(section: SalesforceSection) -> SalesforceSettings:
    """Return the door's settings, secrets read from where they are."""
    return SalesforceSettings(
        instance_url=section.instance_url,
        token_host=section.token_host,
        audience=section.token_audience,
        auth=section.auth,
        client_id=section.client_id,
        client_secret=secret(section.client_secret, "[salesforce] client_secret"),
        username=section.username,
        password=secret(section.password, "[salesforce] password"),
        private_key=_private_key(section.private_key_file) if section.auth == "jwt" else "",
        api_version=section.api_version,
        daily_share=section.daily_share,
        proxies={"https": section.proxy} if section.proxy else {},
        ca_bundle=section.ca_bundle,
    )


def _private_key(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf8")
    except OSError as error:
        raise ConfigError(f"[salesforce] private_key_file {path} cannot be read: {error.strerror}.") from error


def partner_central_settings(section: PartnerCentralSection, catalog: str) -> PartnerCentralSettings:
    """Return the door's settings, secrets read from where they are."""
    return PartnerCentralSettings(
        region=section.region,
        endpoint_url=section.endpoint_url,
        access_key_id=secret(section.access_key_id, "[aws.partner_central] access_key_id"),
        secret_access_key=secret(section.secret_access_key, "[aws.partner_central] secret_access_key"),
        session_token=secret(section.session_token, "[aws.partner_central] session_token"),
        profile=section.aws_profile,
        role_arn=section.role_arn,
        external_id=section.external_id,
        catalog=catalog,
        writes_per_second=section.writes_per_second,
        reads_per_second=section.reads_per_second,
        writes_per_day=section.writes_per_day,
        reads_per_day=section.reads_per_day,
        share=section.share,
        company=section.company or "Partner",
    )
