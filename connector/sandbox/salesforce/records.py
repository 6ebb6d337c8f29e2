"""Writes rows as Salesforce does: every check in its order, stamps, cascades, and its own words for what is refused."""

# ruff: noqa: S608 - names in SQL come from the org's own schema; values are bound
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connector.sandbox.salesforce import currencies, flow_runs, ids, record_types
from connector.sandbox.salesforce.assignments import check_assignment
from connector.sandbox.salesforce.capacity import demand_room
from connector.sandbox.salesforce.faults import AmbiguousKey, ApiError, RowErrors, no_such_column, not_found
from connector.sandbox.salesforce.leads import refuse_converted
from connector.sandbox.salesforce.permissions import EVERYTHING, Rights
from connector.sandbox.salesforce.schema import AUDIT, Field, SObject
from connector.sandbox.salesforce.sharing import ALL, EDIT, READ, is_master, needed, no_access, no_access_to
from connector.sandbox.salesforce.standard import SETUP
from connector.sandbox.salesforce.values import Stored, stamp, store
from connector.sandbox.salesforce.wire import Claim

if TYPE_CHECKING:
    from connector.sandbox.salesforce.formulas import Globals
    from connector.sandbox.salesforce.org import Org

NEVER_REQUIRED = frozenset({"boolean"})
MAX_DELETE_DEPTH = 10


@dataclass(slots=True)
class Writer:
    """Writes within one transaction, in the name of one user, at one moment."""

    org: Org
    user_id: str
    at: datetime
    rights: Rights = EVERYTHING
    claims: frozenset[Claim] = frozenset()
    known: set[tuple[tuple[str, ...], str, int]] = field(default_factory=set)
    _globals: Globals | None = None

    def create(self, sobject: SObject, data: Mapping[str, Any]) -> str:
        """Insert one row and return its id.

        Raises:
            RowErrors: what Salesforce finds wrong with it.
        """
        self._demand("create", sobject)
        self._demand_room(sobject, "create")
        values = self._read(sobject, data, writing="createable")
        row = self._blank(sobject) | values
        for one in sobject.stored:
            if one.master_detail and row.get(one.name):
                self._lock(str(row[one.name]))
        self._finish(sobject, row, None)
        self.org.storage.insert(sobject, [row])
        return str(row["Id"])

    def update(self, sobject: SObject, record_id: str, data: Mapping[str, Any]) -> None:
        """Change one row.

        Raises:
            RowErrors: what Salesforce finds wrong with it, its absence included.
        """
        old = self.existing(sobject, record_id)
        self._demand("edit", sobject)
        self._demand_level(sobject, old, EDIT)
        self._demand_room(sobject, "update")
        refuse_converted(sobject, old)
        self._lock(record_id)
        values = self._read(sobject, data, writing="updateable")
        new = {**old, **values, **self.stamps()}
        if new.get("OwnerId") != old.get("OwnerId"):
            self._demand_level(sobject, old, ALL)
            self.org.sharing.forget_manual(sobject, record_id)
        self._finish(sobject, new, old)
        changes = {name: value for name, value in new.items() if value != old.get(name)}
        self.org.storage.update(sobject, record_id, changes | self.stamps())

    def upsert(
        self, sobject: SObject, key: Field, text: str, data: Mapping[str, Any], *, create: bool = True
    ) -> tuple[str, bool]:
        """Update the row whose external id is ``text``, or insert one; return its id and whether it was inserted.

        A row that came into being while this request was under way was not there for it: it inserts, and a unique
        key refuses the second row.

        Raises:
            AmbiguousKey: several rows carry that external id.
            RowErrors: the row is refused, or is missing and ``create`` is False.
        """
        value = _stored_key(key, text)
        found = self.org.sharing.ids(self.user_id, self.rights, sobject, key.name, value)
        if len(found) > 1:
            raise AmbiguousKey(found)
        lost = bool(found) and Claim.of(sobject, key, text) in self.claims
        if found and not lost:
            self.update(sobject, found[0], data)
            return found[0], False
        if not create:
            raise RowErrors([not_found()])
        return self.create(sobject, {**data, key.name: text}), True

    def delete(self, sobject: SObject, record_id: str, depth: int = 0) -> None:
        """Move a row and its details to the recycle bin; clear lookups that point at it.

        Raises:
            RowErrors: the row is missing, locked, or a restricting lookup points at it.
        """
        if not depth:  # what goes with its master goes in system mode
            row = self.existing(sobject, record_id)
            self._demand("delete", sobject)
            self._demand_level(sobject, row, ALL)
        self._lock(record_id)
        if depth > MAX_DELETE_DEPTH:
            raise RowErrors([ApiError("DELETE_OPERATION_TOO_LARGE", "delete operation too large")])
        for child in self.org.schema.children(sobject.name):
            if not child.field.custom and child.field.name.endswith("ById"):
                continue
            self._release(child.sobject, child.field, record_id, depth)
        self.org.storage.update(sobject, record_id, {"IsDeleted": 1, **self.stamps()})
        self.known.clear()
        self.org.access.forget()

    def _release(self, child: SObject, reference: Field, record_id: str, depth: int) -> None:
        for child_id in self.org.storage.ids(child, reference.name, record_id):
            if reference.on_delete == "Cascade":
                self.delete(child, child_id, depth + 1)
            elif reference.on_delete == "Restrict":
                message = (
                    f"Your attempt to delete {record_id} could not be completed: it is associated with {child_id}."
                )
                raise RowErrors([ApiError("DELETE_FAILED", message)])
            else:
                self.org.storage.update(child, child_id, {reference.name: None, "SystemModstamp": stamp(self.at)})

    def existing(self, sobject: SObject, record_id: str) -> dict[str, Stored]:
        """Return the stored row.

        Raises:
            RowErrors: no such row for this user (``NOT_FOUND`` or ``ENTITY_IS_DELETED``, both 404).
        """
        row = self.org.storage.row(sobject, record_id)
        if row is None or self._level(sobject, row) < READ:
            raise RowErrors([not_found()])
        if row["IsDeleted"]:
            raise RowErrors([ApiError("ENTITY_IS_DELETED", "entity is deleted", [], status=404)])
        return row

    def _demand(self, right: str, sobject: SObject) -> None:
        try:
            self.rights.demand(right, sobject)
        except ApiError as refused:
            raise RowErrors([refused]) from refused

    def _demand_room(self, sobject: SObject, operation: str) -> None:
        if self.rights is not EVERYTHING:  # a shortage is for what comes through the API
            demand_room(self.org, sobject, operation)

    def _level(self, sobject: SObject, row: Mapping[str, Stored]) -> int:
        return self.org.sharing.level(self.user_id, self.rights, sobject, row)

    def _demand_level(self, sobject: SObject, row: Mapping[str, Stored], level: int) -> None:
        if self._level(sobject, row) < level:
            raise RowErrors([no_access()])

    def _lock(self, record_id: str) -> None:
        if self.org.pending_locks or record_id in self.org.locked:
            self.org.pending_locks = max(0, self.org.pending_locks - 1)
            message = f"unable to obtain exclusive access to this record or 1 records: {record_id}"
            raise RowErrors([ApiError("UNABLE_TO_LOCK_ROW", message, [])])

    def stamps(self) -> dict[str, Stored]:
        """Return what every write sets."""
        now = stamp(self.at)
        return {"LastModifiedDate": now, "LastModifiedById": self.user_id, "SystemModstamp": now}

    def _blank(self, sobject: SObject) -> dict[str, Stored]:
        """Return a new row: id, stamps and default values."""
        row: dict[str, Stored] = {"Id": self.org.next_id(sobject), "IsDeleted": 0, "CreatedById": self.user_id}
        row |= {"CreatedDate": stamp(self.at), **self.stamps()}
        for one in sobject.stored:
            if one.name in row:
                continue
            if one.auto_number:
                row[one.name] = self.org.next_number(sobject, one, self.at)
            elif one.name == "OwnerId":
                row[one.name] = self.user_id
            elif one.name == currencies.FIELD:
                row[one.name] = currencies.default_code(self.org, self.user_id)
            elif one.name == record_types.FIELD:
                row[one.name] = record_types.default_id(self.org, self.user_id, sobject)
            elif one.type == "boolean" or one.default or one.choices:
                row[one.name] = self.org.formulas.default(one, self.user_id)
        if sobject.custom and not sobject.custom_setting:
            row.setdefault("Name", row["Id"])
        return row

    def _read(self, sobject: SObject, data: Mapping[str, Any], *, writing: str) -> dict[str, Stored]:
        """Return the stored values of a body; an error for every name or value that does not fit."""
        values: dict[str, Stored] = {}
        errors: list[ApiError] = []
        forbidden: list[str] = []
        for name, value in data.items():
            if name == "attributes":
                continue
            try:
                target, value = self._target(sobject, name, value)
                writable = getattr(target, writing) and self.rights.writes(sobject, target)
                if not (writable or self.org.may_write_always(target, self.user_id)):
                    forbidden.append(target.name)
                    continue
                values[target.name] = store(target, value)
            except ApiError as error:
                errors.append(error)
        if forbidden:
            message = (
                f"Unable to create/update fields: {', '.join(forbidden)}. Please check the security settings of this "
                "field and verify that it is read/write for your profile or permission set."
            )
            errors.append(ApiError("INVALID_FIELD_FOR_INSERT_UPDATE", message, forbidden))
        if errors:
            raise RowErrors(errors)
        return values

    def _target(self, sobject: SObject, name: str, value: Any) -> tuple[Field, Any]:
        """Return the field that a key of a body stands for, and its value; a parent given by its key is looked up."""
        found = sobject.field(name)
        if found is None and (reference := sobject.parent(name)) and isinstance(value, dict | None):
            return reference, self._parent_by_key(reference, value)
        if found is None or not self.rights.reads(sobject, found):
            raise no_such_column(name, sobject.name)
        return found, value

    def _parent_by_key(self, reference: Field, value: Mapping[str, Any] | None) -> str | None:
        pairs = [(name, text) for name, text in (value or {}).items() if name != "attributes"]
        if not pairs:
            return None
        parent = self.org.schema[reference.reference_to[-1]]
        key = parent.field(pairs[0][0])
        if len(pairs) > 1 or key is None or not (key.external_id or key.name == "Id"):
            raise no_such_column(pairs[0][0], parent.name)
        given = store(key, pairs[0][1])
        found = self.org.sharing.ids(self.user_id, self.rights, parent, key.name, given)
        if len(found) != 1:
            count = "not found" if not found else "matches more than one record"
            message = f"Foreign key external ID: {pairs[0][1]} {count} for field {key.name} in entity {parent.name}"
            raise ApiError("INVALID_FIELD", message, [])
        return found[0]

    def _finish(self, sobject: SObject, row: dict[str, Stored], old: dict[str, Stored] | None) -> None:
        """Check a row as a whole and fill what follows from it; ``old`` is None for a new row."""
        self._automate(sobject, row, old)
        if row.get(record_types.FIELD) == record_types.MASTER:
            row[record_types.FIELD] = None
        _derive(sobject, row)
        self._check_required(sobject, row)
        changed = [
            one
            for one in sobject.stored
            if one.name not in AUDIT and (old is None or row.get(one.name) != old.get(one.name))
        ]
        errors = [error for one in changed if one.reference_to for error in self._check_reference(sobject, one, row)]
        errors = errors or self.org.sharing.check_share(sobject, row) or list(check_assignment(self.org, sobject, row))
        if not errors and any(one.name == record_types.FIELD for one in changed):
            errors = record_types.check(self.org, self.rights, sobject, row)
        if not errors:
            errors = [
                ApiError("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, [rule.field] if rule.field else [])
                for rule in sobject.rules
                if self.org.formulas.broken(rule.formula, sobject, row, old, self._resolve_global())
            ]
        if not errors:
            errors = [error for one in changed if one.unique for error in self._check_unique(sobject, one, row)]
        if errors:
            raise RowErrors(errors)
        if sobject.custom_setting or sobject.name in SETUP:
            self._globals = None  # what it resolved may change with this row
            self.org.access.forget()

    def _resolve_global(self) -> Globals:
        if self._globals is None:
            self._globals = self.org.formulas.globals(self.user_id)
        return self._globals

    def _automate(self, sobject: SObject, row: dict[str, Stored], old: dict[str, Stored] | None) -> None:
        """Let the org's before-save flows and other automation rewrite fields."""
        for flow in self.org.flows.get(sobject.name, ()):
            flow_runs.run(self.org, flow, row, old, self._resolve_global())
        for automation in self.org.automations:
            for name, value in automation(sobject.name, old, row).items():
                target = sobject.field(name)
                if target is None:
                    raise KeyError(f"automation names {name}, which {sobject.name} does not have")
                row[target.name] = store(target, value)

    def _check_required(self, sobject: SObject, row: Mapping[str, Stored]) -> None:
        missing = [
            one.name
            for one in sobject.stored
            if one.required and one.type not in NEVER_REQUIRED and row.get(one.name) is None
        ]
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise RowErrors([ApiError("REQUIRED_FIELD_MISSING", message, missing)])

    def _check_reference(
        self, sobject: SObject, reference: Field, row: Mapping[str, Stored]
    ) -> Iterable[ApiError]:  # fmt: skip
        target = row.get(reference.name)
        level = needed(sobject, reference) if is_master(sobject, reference) else READ
        if target is None or (reference.reference_to, str(target), level) in self.known:
            return
        parent = self.org.schema.by_prefix(str(target))
        if parent is None or parent.name not in reference.reference_to:
            message = f"{reference.label}: id value of incorrect type: {target}"
            yield ApiError("FIELD_INTEGRITY_EXCEPTION", message, [reference.name])
            return
        found = self.org.storage.execute(f'SELECT * FROM "{parent.name}" WHERE Id = ?', (target,))
        present = found.fetchone()
        if present is None:
            yield ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [reference.name])
            return
        columns = dict(zip([column[0] for column in found.description], present, strict=True))
        if columns["IsDeleted"]:
            yield ApiError("ENTITY_IS_DELETED", "entity is deleted", [reference.name])
        elif reference.name == "OwnerId" and columns.get("IsActive") == 0:
            message = f"operation performed with inactive user [{target}] as owner of record"
            yield ApiError("INACTIVE_OWNER_OR_USER", message, [reference.name])
        elif self._level(parent, columns) < level:
            yield no_access_to(str(target), reference)
        elif reference.filter and not reference.filter.admits(columns):
            yield ApiError("FIELD_FILTER_VALIDATION_EXCEPTION", reference.filter.message, [reference.name])
        elif not reference.filter:  # what a filter looks at may change
            self.known.add((reference.reference_to, str(target), level))

    def _check_unique(self, sobject: SObject, one: Field, row: Mapping[str, Stored]) -> Iterable[ApiError]:
        if row.get(one.name) is None:
            return
        for other in self.org.storage.ids(sobject, one.name, row[one.name]):
            if other != row["Id"]:
                seen = self.org.sharing.sees(self.user_id, self.rights, sobject, other)
                name, shown = (one.name, other) if seen else ("<unknown>", "<unknown>")
                message = f"duplicate value found: {name} duplicates value on record with id: {shown}"
                yield ApiError("DUPLICATE_VALUE", message, [])


def _stored_key(key: Field, text: str) -> Stored:
    try:
        return store(key, text)
    except ApiError as error:
        raise RowErrors([error]) from error


def _derive(sobject: SObject, row: dict[str, Stored]) -> None:
    """Fill the standard fields that follow from others."""
    if sobject.person:
        row["Name"] = " ".join(str(row[part]) for part in ("FirstName", "LastName") if row.get(part)) or None
    if sobject.name == "Opportunity":
        stage = next((one for one in sobject.fields["stagename"].choices if one.value == row.get("StageName")), None)
        row["IsClosed"], row["IsWon"] = int(bool(stage and stage.closed)), int(bool(stage and stage.won))
        if row.get("Probability") is None and stage is not None and stage.probability is not None:
            row["Probability"] = float(stage.probability)


def record_id(text: str, name: str) -> str:
    """Return the 18-character form of an id in a request.

    Raises:
        ApiError: ``MALFORMED_ID``.
    """
    found = ids.normalise(text)
    if found is None:
        raise ApiError("MALFORMED_ID", f"{name} ID: id value of incorrect type: {text}", ["Id"])
    return found
