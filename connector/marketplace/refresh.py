"""Reading one list of one seller account from AWS Marketplace, whole, and bringing its rows up to date.

Nothing is written before the last page has come: a walk that breaks off ends no row. Rows are known by account and
entity id, so that repeating a walk makes none twice, whenever it was stopped. What AWS does not list any more is marked
and kept, since offers and agreements refer to it. One entity that cannot be read, or one row that is refused, stops no
other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connector.marketplace.accounts import salesforce_time
from connector.marketplace.authorizations import (
    ENTITY_TYPE,
    EXPIRED,
    RESTRICTED,
    own_row,
    product_key,
    shared_row,
)
from connector.marketplace.documents import Remarks, entity_key, plain_id
from connector.marketplace.fields import (
    Authorization,
    OwnAuthorization,
    Product,
    ProductDimension,
    SharedAuthorization,
)
from connector.marketplace.products import TYPES, ProductRows, product_rows
from connector.marketplace.rows import Table, Written, end_rows, write_rows
from connector.marketplace.sync_records import Refreshed
from connector.names import MARKETPLACE_PRODUCT, PRODUCT_DIMENSION, RESALE_AUTHORIZATION, SHARED_AUTHORIZATION
from connector.sync.engine import Engine
from connector.sync.ports import CatalogPort, Json, Row
from connector.sync.schedule_memory import AUTHORIZATIONS, PRODUCTS, SHARED_AUTHORIZATIONS

PRODUCT_TABLE = Table(MARKETPLACE_PRODUCT, Product.KEY, Product.REFRESHED_AT)
DIMENSION_TABLE = Table(PRODUCT_DIMENSION, ProductDimension.KEY, ProductDimension.REFRESHED_AT, fold=str)
OWN_TABLE = Table(RESALE_AUTHORIZATION, OwnAuthorization.KEY, OwnAuthorization.STATUS_REFRESHED_AT)
SHARED_TABLE = Table(SHARED_AUTHORIZATION, SharedAuthorization.KEY, SharedAuthorization.REFRESHED_AT)
NOT_LISTED = "AWS Marketplace does not list this authorization any more, so that no offers can be made by it."
"""What the row of a vanished authorization says."""
_FROM_AWS = (
    "Id",
    OwnAuthorization.KEY,
    Authorization.ACCOUNT,
    OwnAuthorization.ID,
    OwnAuthorization.STATUS,
    OwnAuthorization.OFFER_EXTENDED_STATUS,
    OwnAuthorization.OFFERS_CREATED,
    OwnAuthorization.RESELLER_NAME,
    OwnAuthorization.CREATED,
    OwnAuthorization.LAST_MODIFIED,
    OwnAuthorization.MESSAGE,
)
"""Fields of an authorization that people do not fill."""
_IN_ONE_QUERY = 100
RowOf = Callable[[str, str, Json, datetime, Remarks], Row]
"""(account, entity id, entity, now, remarks) → the row of an authorization, without lookups."""


@dataclass(slots=True)
class Listed:
    """What AWS has of a list.

    Attributes:
        ids: what it lists, without revisions.
        found: the entities that could be read, by id.
        told: what is wrong with the others, and what of entities cannot be stored.
    """

    ids: tuple[str, ...]
    found: Mapping[str, Json]
    told: list[str] = field(default_factory=list)

    @property
    def unread(self) -> set[str]:
        return {one for one in self.ids if one not in self.found}


def refresh_list(engine: Engine, door: CatalogPort, account: Row, what: str) -> Refreshed:
    """Bring the rows of one list of one account up to date with AWS Marketplace.

    Args:
        door: to the account's catalog.
        account: its row.
        what: one of the lists.

    Raises:
        RecordRejected: AWS refused to list at all.
        ConnectorError: nothing can be read, or stored, now.
    """
    return _WALKS[what](engine, door, account)


def _read(door: CatalogPort, types: Iterable[str], *, shared: bool = False) -> Listed:
    listed = (plain_id(one.get("EntityId")) for kind in types for one in door.list_entities(kind, shared=shared))
    ids = tuple(dict.fromkeys(one for one in listed if one))
    if not ids:
        return Listed((), {})
    described = door.describe_entities(ids)
    told = [f"{one}: could not be read: {why}" for one, why in described.refused.items()]
    silent = [one for one in ids if one not in described.found and one not in described.refused]
    told += [f"{one}: AWS lists it, but did not describe it." for one in silent]
    return Listed(ids, {one: described.found[one] for one in ids if one in described.found}, told)


def _known(engine: Engine, table: Table, account: str, fields: Iterable[str]) -> dict[str, Row]:
    """Return the rows of the account's entities by key."""
    names = dict.fromkeys(("Id", "Name", table.key, *fields))
    soql = f"SELECT {', '.join(names)} FROM {table.object_name} WHERE {table.key} LIKE '{account}/%'"  # noqa: S608
    return table.by_key(engine.salesforce.query(soql))


def _refresh_products(engine: Engine, door: CatalogPort, account: Row) -> Refreshed:
    listed = _read(door, TYPES)
    rows: dict[str, ProductRows] = {}
    for one, entity in listed.found.items():
        remarks = Remarks(one)
        rows[PRODUCT_TABLE.fold(entity_key(door.account, one))] = product_rows(door.account, one, entity, remarks)
        listed.told += remarks.told
    return _write_products(engine, door.account, str(account["Id"]), listed, rows)


def _write_products(
    engine: Engine, account: str, account_id: str, listed: Listed, rows: Mapping[str, ProductRows]
) -> Refreshed:
    stamp, salesforce = salesforce_time(engine.now()), engine.salesforce
    products = [one.product | {Product.ACCOUNT: account_id} for one in rows.values()]
    known = _known(engine, PRODUCT_TABLE, account, [Product.ACTIVE, *_names(products)])
    unread = {PRODUCT_TABLE.fold(entity_key(account, one)) for one in listed.unread}
    done = write_rows(salesforce, PRODUCT_TABLE, products, known, stamp)
    dimensions = _write_dimensions(engine, account, rows, done.ids, kept=unread, stamp=stamp)
    vanished = {key: row for key, row in known.items() if key not in rows and key not in unread and _active(row)}
    end_rows(salesforce, PRODUCT_TABLE, _inactive(vanished), done)
    broken = {key.rpartition("/")[0].lower() for key in dimensions.failed} | done.failed
    return _refreshed(listed, done, failed=broken, more=dimensions.refused)


def _write_dimensions(
    engine: Engine,
    account: str,
    rows: Mapping[str, ProductRows],
    products: Mapping[str, str],
    *,
    kept: set[str],
    stamp: str,
) -> Written:
    """Write the dimensions of the products that have a row; end the others, but for those of products that could not be
    read.
    """
    wanted = {row[ProductDimension.KEY]: (row, key) for key, one in rows.items() for row in one.dimensions}
    fields = [ProductDimension.ACTIVE, *_names(row for row, _ in wanted.values())]
    known = _known(engine, DIMENSION_TABLE, account, fields)
    ours = [
        # A dimension never moves to another product: the lookup cannot be written again.
        row if row[ProductDimension.KEY] in known else row | {ProductDimension.PRODUCT: products[key]}
        for row, key in wanted.values()
        if key in products
    ]
    done = write_rows(engine.salesforce, DIMENSION_TABLE, ours, known, stamp)
    vanished = {
        key: row
        for key, row in known.items()
        if key not in wanted and _active(row) and not any(key.lower().startswith(f"{one}/") for one in kept)
    }
    end_rows(engine.salesforce, DIMENSION_TABLE, _inactive(vanished), done)
    return done


def _active(row: Row) -> bool:
    return bool(row[Product.ACTIVE])


def _inactive(rows: Mapping[str, Row]) -> dict[str, Row]:
    return {key: {"Id": row["Id"], Product.ACTIVE: False} for key, row in rows.items()}


def _authorization_rows(
    engine: Engine, door: CatalogPort, account: Row, listed: Listed, row_of: RowOf, *, shared: bool
) -> dict[str, Row]:
    """Return the rows of what AWS described, with their lookups, by entity id."""
    rows: dict[str, Row] = {}
    for one, entity in listed.found.items():
        remarks = Remarks(one)
        rows[one] = row_of(door.account, one, entity, engine.now(), remarks) | {Authorization.ACCOUNT: account["Id"]}
        listed.told += remarks.told
    _look_up_products(engine, door.account, listed, rows, shared=shared)
    return rows


def _refresh_authorizations(engine: Engine, door: CatalogPort, account: Row) -> Refreshed:
    listed = _read(door, (ENTITY_TYPE,))
    rows = _authorization_rows(engine, door, account, listed, own_row, shared=False)
    fields = [Authorization.STATUS, OwnAuthorization.MESSAGE, "LastModifiedById", *_names(rows.values())]
    known = _known(engine, OWN_TABLE, door.account, fields)
    wanted = [_own_wanted(engine, row, known.get(OWN_TABLE.fold(row[OwnAuthorization.KEY]))) for row in rows.values()]
    return _write_authorizations(engine, OWN_TABLE, door.account, listed, wanted, known)


def _own_wanted(engine: Engine, row: Row, known: Row | None) -> Row:
    """Return what the row of an authorization is to say. What people entered in a draft and did not send yet stays."""
    if known is None:
        return row
    told = {OwnAuthorization.MESSAGE: None} if known[OwnAuthorization.MESSAGE] == NOT_LISTED else {}
    # Nothing but its restriction changes an authorization that was released.
    unsent = row[OwnAuthorization.STATUS] == "Draft"
    if unsent and known["LastModifiedById"] != engine.salesforce.identity().user_id:
        return {name: value for name, value in (row | told).items() if name in _FROM_AWS}
    return row | told


def _refresh_shared(engine: Engine, door: CatalogPort, account: Row) -> Refreshed:
    listed = _read(door, (ENTITY_TYPE,), shared=True)
    rows = _authorization_rows(engine, door, account, listed, shared_row, shared=True)
    known = _known(engine, SHARED_TABLE, door.account, [Authorization.STATUS, *_names(rows.values())])
    return _write_authorizations(engine, SHARED_TABLE, door.account, listed, list(rows.values()), known)


def _write_authorizations(
    engine: Engine, table: Table, account: str, listed: Listed, wanted: Sequence[Row], known: Mapping[str, Row]
) -> Refreshed:
    done = write_rows(engine.salesforce, table, wanted, known, salesforce_time(engine.now()))
    present = {table.fold(entity_key(account, one)) for one in listed.ids}
    vanished = {
        key: {"Id": row["Id"], **_ended(table)}
        for key, row in known.items()
        if key not in present and row.get(Authorization.STATUS) not in (RESTRICTED, EXPIRED)
    }
    end_rows(engine.salesforce, table, vanished, done)
    return _refreshed(listed, done, failed=done.failed)


def _ended(table: Table) -> Row:
    """Return what the row of an authorization says that AWS lists no more: as with a restricted one, no offer can be
    made by it.
    """
    message = {OwnAuthorization.MESSAGE: NOT_LISTED} if table is OWN_TABLE else {}
    return {Authorization.STATUS: RESTRICTED, **message}


def _look_up_products(engine: Engine, account: str, listed: Listed, rows: Mapping[str, Row], *, shared: bool) -> None:
    """Fill the lookup of each authorization to its product, where that has a row."""
    keys = {one: product_key(account, entity, shared=shared) for one, entity in listed.found.items()}
    ids = _product_ids(engine, sorted({key for key in keys.values() if key}))
    for one, row in rows.items():
        row[Authorization.PRODUCT] = ids.get(PRODUCT_TABLE.fold(keys[one]))


def _product_ids(engine: Engine, keys: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(keys), _IN_ONE_QUERY):
        listed = ", ".join(_quoted(key) for key in keys[start : start + _IN_ONE_QUERY])
        soql = f"SELECT Id, {Product.KEY} FROM {MARKETPLACE_PRODUCT} WHERE {Product.KEY} IN ({listed})"  # noqa: S608
        found |= {PRODUCT_TABLE.fold(str(row[Product.KEY])): str(row["Id"]) for row in engine.salesforce.query(soql)}
    return found


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _names(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the fields of the rows."""
    yield from dict.fromkeys(name for row in rows for name in row)


def _refreshed(listed: Listed, done: Written, *, failed: set[str], more: Sequence[str] = ()) -> Refreshed:
    return Refreshed(
        listed=len(listed.ids),
        created=done.created,
        updated=done.updated,
        ended=done.ended,
        failed=len(listed.unread) + len(failed),
        told=(*listed.told, *done.refused, *more),
    )


_WALKS: Mapping[str, Callable[[Engine, CatalogPort, Row], Refreshed]] = {
    PRODUCTS: _refresh_products,
    AUTHORIZATIONS: _refresh_authorizations,
    SHARED_AUTHORIZATIONS: _refresh_shared,
}
