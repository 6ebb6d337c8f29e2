"""The org: its schema, its rows, its people, and what tests may do to it behind the API."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from connector.sandbox.salesforce import ids, models, soql_functions
from connector.sandbox.salesforce.administration import Snapshot
from connector.sandbox.salesforce.bulk import Job
from connector.sandbox.salesforce.capacity import Shortage
from connector.sandbox.salesforce.currencies import Currency
from connector.sandbox.salesforce.deployment import check_deployment
from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.formulas import Formulas
from connector.sandbox.salesforce.oauth import Authority
from connector.sandbox.salesforce.people import PEOPLE, deploy, plant
from connector.sandbox.salesforce.permissions import EVERYTHING, Access, Rights
from connector.sandbox.salesforce.querying import Cursors
from connector.sandbox.salesforce.records import Writer
from connector.sandbox.salesforce.schema import Field, SObject
from connector.sandbox.salesforce.sharing import Sharing
from connector.sandbox.salesforce.soql_query import compile_query
from connector.sandbox.salesforce.soql_scope import Scope, formula_adapter, polymorphic, polymorphic_view
from connector.sandbox.salesforce.soql_syntax import Path as SoqlPath
from connector.sandbox.salesforce.source import read_source
from connector.sandbox.salesforce.storage import Storage
from connector.sandbox.salesforce.values import Stored, stamp
from connector.sandbox.salesforce.wire import Claim

Automation = Callable[[str, Mapping[str, Stored] | None, Mapping[str, Stored]], Mapping[str, Any]]
"""(object, row before or None, row about to be saved) → fields that the automation sets."""


SECOND = timedelta(seconds=1)
BURSTS = 750
"""Requests that an org takes in one short burst; this org answers one at a time, so that each is a burst of one."""


class Clock(Protocol):
    def now(self) -> datetime: ...


@dataclass(slots=True)
class LateCommit:
    """Writes of a transaction that is still running: stamped at ``at``, visible from ``visible_at``."""

    at: datetime
    visible_at: datetime
    user_id: str
    write: Callable[[Writer], None]


@dataclass(slots=True)
class Usage:
    """The org's API requests of the day."""

    limit: int
    used: int = 0

    @property
    def header(self) -> str:
        return f"api-usage={self.used}/{self.limit}; api-bursts=1/{BURSTS}"


class Org:
    """One Salesforce org.

    Args:
        schema_dir: directory of Salesforce DX source; all that this org knows of is deployed.
        metadata: further directories of DX source, deployed after it in that order: a partner's own objects and fields.
        currencies: those of an org with several, the corporate one first; empty: there is only one.
        guarded: whether the integration user's profile shows him no standard fields, so that permission sets have to.
        clock: what the org takes for the time.
        directory: where the key of the connected app is written.
        database: SQLite file, or ``:memory:``.
        seed: decides which pages come short.
        daily_requests: the daily quota of API requests.
        sandbox: whether the organization says that it is a sandbox.

    Attributes (tests and the control server may set them):
        automations: before-save automation, run on every write through the API.
        locked: ids of rows that somebody else holds locked; writing a detail needs its master's lock too.
        pending_locks: how many of the next rows to be written will be found locked.
        hidden: (user id, object, field) in lower case, hidden by field-level security.
        usage: the day's requests.
        instance_url: where the org is served.
    """

    def __init__(self, schema_dir: Path, clock: Clock, *, directory: Path, database: str = ":memory:", seed: int = 7,
                 daily_requests: int = 100_000, sandbox: bool = True, metadata: Sequence[Path] = (),
                 currencies: Sequence[Currency] = (), guarded: bool = False) -> None:  # fmt: skip
        self.lock = threading.RLock()
        self.clock, self.seed, self.is_sandbox, self.guarded = clock, seed, sandbox, guarded
        self.currencies = tuple(currencies)
        source = read_source((Path(schema_dir), *metadata), self.currencies)
        self.schema = source.schema
        self.schema_changed_at = clock.now().replace(microsecond=0)
        self.polymorphic = polymorphic()
        self.storage = Storage(database, self.schema)
        self._kind = (source.digest, sandbox, guarded) if database == ":memory:" else None
        if not models.fill(self.storage, self._kind):
            self.storage.prepare()
        soql_functions.register(self.storage.connection)
        self.storage.execute(polymorphic_view())
        self.formulas = Formulas(
            self.schema, self.storage, clock.now, lambda user_id, name: self.access.of(user_id).permits(name)
        )
        self.sharing = Sharing(self)
        self._functions: dict[tuple[str, str], str] = {}
        self._numbers, self._changed = count(), False
        self._globals: dict[str, Callable[[str], Any]] = {}
        self.cursors = Cursors()
        self.jobs: dict[str, Job] = {}
        self.authority = Authority(self, directory)
        self.usage = Usage(daily_requests)
        self.api_version = "67.0"
        self.instance_url = "http://127.0.0.1"
        self.automations: list[Automation] = []
        self.locked: set[str] = set()
        self.pending_locks = 0
        self.hidden: set[tuple[str, str, str]] = set()
        self.late: list[LateCommit] = []
        self.shortages: list[Shortage] = []
        self.access = Access(self, source.sets, source.profiles)
        self.flows, self.quick_actions = source.flows, source.quick_actions
        check_deployment(self.schema, source.sets, self.flows, source.custom_permissions)
        self._assign_prefixes()
        self._deployed = Snapshot.take(self.schema, self.access.sets)
        self.plant()

    @property
    def org_id(self) -> str:
        return ids.number("00D", 1)

    def _assign_prefixes(self) -> None:
        """Give each custom object its key prefix, the same one for as long as the database lives."""
        for sobject in self.schema:
            if not sobject.prefix:
                taken = int(self.storage.meta("prefixes", 0))
                known = self.storage.meta(f"prefix {sobject.name}")
                if known is None:
                    known = f"a{ids.ALPHABET[taken // 62]}{ids.ALPHABET[taken % 62]}"
                    self.storage.set_meta("prefixes", taken + 1)
                    self.storage.set_meta(f"prefix {sobject.name}", known)
                sobject.prefix = known

    def plant(self) -> None:
        """Create organization, profiles, users and permission sets; where they are, deploy the source once more."""
        if self._kind and self.storage.meta("planted"):
            self.storage.restamp(self.now_text())  # a copy of a model
            return
        begin = deploy if self.storage.meta("planted") else plant
        with self.planting():
            begin(self)
        models.keep(self.storage, self._kind)

    @contextmanager
    def planting(self) -> Iterator[Writer]:
        """Give a writer for what the org itself says, which nobody else may write."""
        with self.writing(self.user("admin")) as writer:
            self.storage.set_meta("planted", 0)
            yield writer
            self.storage.set_meta("planted", 1)

    # -- what tests, demo and control server do behind the API

    def insert(
        self, object_name: str, rows: Iterable[Mapping[str, Any]], user_id: str = "", at: datetime | None = None
    ) -> list[str]:
        """Insert rows as ``user_id`` (default: the first seller), all or none, with every check; return their ids.

        Raises:
            RowErrors: what is wrong with the first row that is refused.
        """
        sobject = self.schema[object_name]
        with self.writing(user_id, at) as writer:
            return [writer.create(sobject, row) for row in rows]

    def update(
        self,
        object_name: str,
        record_id: str,
        changes: Mapping[str, Any],
        user_id: str = "",
        at: datetime | None = None,
    ) -> None:
        """Change one row as ``user_id``. Raises RowErrors."""
        with self.writing(user_id, at) as writer:
            writer.update(self.schema[object_name], record_id, changes)

    def delete(self, object_name: str, record_id: str, user_id: str = "") -> None:
        """Delete one row as ``user_id``. Raises RowErrors."""
        with self.writing(user_id) as writer:
            writer.delete(self.schema[object_name], record_id)

    def rows(self, soql: str, user_id: str = "") -> list[dict[str, Any]]:
        """Return all rows of a query in one list, as the REST API shows them. Raises ApiError."""
        with self.lock:
            self.settle()
            user_id = user_id or self.user("admin")
            self.running_as(user_id)
            query = compile_query(self, user_id, soql, version=self.api_version)
            return query.groups() if query.aggregate else query.rows(query.ids())

    def write_late(
        self, write: Callable[[Writer], None], *, at: datetime, visible_at: datetime, user_id: str = ""
    ) -> None:
        """Have ``write`` done with stamps of ``at``, but visible only from ``visible_at``: a long transaction."""
        with self.lock:
            self.late.append(LateCommit(at, visible_at, user_id or self.user("seller"), write))

    def settle(self) -> None:
        """Commit the late transactions whose time has come."""
        if not self.late:
            return
        now = self.clock.now()
        due = [one for one in self.late if one.visible_at <= now]
        self.late = [one for one in self.late if one.visible_at > now]
        for one in due:
            with self.writing(one.user_id, one.at) as writer:
                one.write(writer)

    def reset(self) -> None:
        """Return to the org as it was when created; access tokens that :meth:`launch_info` published stay valid."""
        with self.lock:
            if self._changed:
                self._deployed.restore(self)
                self._changed = False
            kept = self.storage.execute("SELECT key, value FROM _meta WHERE key LIKE 'prefix%'").fetchall()
            if not models.fill(self.storage, self._kind):
                self.storage.clear()
            for key, value in kept:
                self.storage.set_meta(key, value)
            self.cursors, self.jobs = Cursors(), {}
            self.automations.clear()
            self.late.clear()
            self.shortages.clear()
            self.locked.clear()
            self.hidden.clear()
            self.access.forget()
            self.usage.used = 0
        self.authority.reset()
        self.plant()

    def close(self) -> None:
        """Close the database. The org answers nothing afterwards."""
        with self.lock:
            self.storage.connection.close()

    def launch_info(self) -> dict[str, Any]:
        """Return how to reach the org: the ``salesforce`` member of the sandbox's first line, and a token each."""
        return {
            "instance_url": self.instance_url,
            "api_version": self.api_version,
            "client_id": self.authority.client_id,
            "client_secret": self.authority.client_secret,
            "username": PEOPLE["integration"].username,
            "password": PEOPLE["integration"].password,
            "private_key_file": str(self.authority.key_file),
            "org_id": self.org_id,
            "users": {
                role: {
                    "id": self.user(role),
                    "username": person.username,
                    "password": person.password,
                    "access_token": self.authority.published(self.user(role)),
                }
                for role, person in PEOPLE.items()
            },
        }

    def user(self, role: str) -> str:
        """Return the id of ``integration``, ``admin``, ``seller`` or ``seller2``."""
        return ids.number("005", list(PEOPLE).index(role) + 1)

    # -- what the rooms of the server ask of it

    @contextmanager
    def writing(
        self,
        user_id: str = "",
        at: datetime | None = None,
        *,
        rights: Rights = EVERYTHING,
        claims: frozenset[Claim] = frozenset(),
    ) -> Iterator[Writer]:
        """Give a writer for one transaction; without ``rights`` it works in system mode, as code inside an org does.

        ``claims``: external ids that nobody had when the transaction began.
        """
        with self.lock, self.storage.transaction():
            yield Writer(self, user_id or self.user("seller"), at or self.clock.now(), rights, claims)

    def next_id(self, sobject: SObject) -> str:
        """Return a fresh id. Counters survive in the database, so an id is never given twice."""
        return ids.number(sobject.prefix, self._count(f"id {sobject.name}", 1))

    def next_number(self, sobject: SObject, field: Field, at: datetime) -> str:
        """Return the next value of an auto-number field, in its display format."""
        value = self._count(f"number {sobject.name}.{field.name}", field.first_number)
        text = field.auto_number.replace("{YYYY}", f"{at:%Y}").replace("{MM}", f"{at:%m}").replace("{DD}", f"{at:%d}")
        start, end = text.find("{0"), text.find("}")
        return f"{text[:start]}{value:0>{end - start - 1}}{text[end + 1 :]}" if start >= 0 else f"{text}{value}"

    def _count(self, key: str, first: int) -> int:
        value = int(self.storage.meta(key, first))
        self.storage.set_meta(key, value + 1)
        return value

    def may_write_always(self, field: Field, user_id: str) -> bool:
        """Tell whether a field that the API cannot set may be set: by the org itself while it is being planted."""
        return not self.storage.meta("planted") and field.name != "Id" and bool(user_id)

    def hidden_from(self, user_id: str, sobject: SObject, field: Field) -> bool:
        """Tell whether field-level security hides the field from that user."""
        return not self.access.of(user_id).reads(sobject, field)

    def hide(self, object_name: str, field_name: str, user_id: str = "") -> None:
        """Hide a field from a user (default: the integration user), as an admin does who forgets a permission."""
        self.hidden.add((user_id or self.user("integration"), object_name.lower(), field_name.lower()))
        self.schema_changed()

    def show(self, object_name: str, field_name: str, user_id: str) -> None:
        """Undo :meth:`hide`."""
        self.hidden.discard((user_id, object_name.lower(), field_name.lower()))
        self.schema_changed()

    def schema_changed(self) -> None:
        """Let describe and formulas follow a change; no two are of the same second, so that clients notice each."""
        self._changed = True
        self._functions.clear()
        self.access.forget()
        self.schema_changed_at = max(self.clock.now().replace(microsecond=0), self.schema_changed_at + SECOND)

    def add_field(self, object_name: str, field: Field) -> None:
        """Deploy one more field to an object, with access for everybody who has a permission set."""
        with self.lock:
            self.schema[object_name].add(field)
            self.access.open(object_name, field)
            self.storage.prepare()
            self.schema_changed()

    def queryable(self, path: SoqlPath, scope: Scope) -> SObject:
        """Return the object that a query names. Raises ApiError ``INVALID_TYPE``."""
        found = self.schema.get(path.names[-1])
        if found is None or not self.access.of(scope.user_id).may("read", found):
            raise scope.error(
                "INVALID_TYPE", path.column,
                f"sObject type '{path}' is not supported. If you are attempting to use a custom object, be sure to "
                "append the '__c' after the entity name. Please reference your WSDL or the describe call for the "
                "appropriate names.",
            )  # fmt: skip
        return found

    def scope(self, sobject: SObject, user_id: str, alias: str, *, prefix: str) -> Scope:
        return Scope(self, user_id, sobject, alias, prefix=prefix)

    def formula_function(self, sobject: SObject, field: Field, inputs: Sequence[tuple[str, Field]]) -> str:
        """Return the name of the SQL function that computes a formula field, registered on first use."""
        key = (sobject.name, field.name)
        if key not in self._functions:
            name = f"formula_{next(self._numbers)}"
            types = self.formulas.types(sobject)
            compute = formula_adapter(
                list(inputs), lambda resolve: self.formulas.value(field, resolve, types), self._current_global
            )
            self.storage.connection.create_function(name, len(inputs), compute)
            self._functions[key] = name
        return self._functions[key]

    def _current_global(self, name: str) -> Any:
        return self._globals["current"](name)

    def running_as(self, user_id: str) -> None:
        """Let formulas see the globals of that user, as they are now, and rights be what they are now."""
        self.access.forget()
        self._globals["current"] = self.formulas.globals(user_id)

    def require(self, object_name: str, user_id: str) -> SObject:
        """Return the object of that name. Raises ApiError 404, also when the user may not know it."""
        found = self.schema.get(object_name)
        if found is None or not self.access.of(user_id).may("read", found):
            raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
        return found

    def now_text(self) -> str:
        return stamp(self.clock.now())
