"""The AWS products that can be associated, kept as rows that people choose from (``ACE_AWS_Product__c``).

No API lists them: AWS publishes the list as a file. The release carries one, which the rows follow by themselves until
an admin brings another by command.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from connector.data.values import AwsProduct, aws_products
from connector.errors import ConfigError
from connector.names import AWS_PRODUCT, CoSellProduct
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.ports import Row
from connector.sync.solutions import NAME_LENGTH, Refreshed, write_list

ID_LENGTH = 100
_COLUMNS = {
    "identifier": ("identifier", "product id", "product_id", "code"),
    "name": ("name", "product name", "product"),
    "family": ("family", "service category", "service_category", "category"),
}
"""How files name their columns, in any case."""
_EXPECTED = "A list has the columns Identifier, Name and Family, as CSV with a header or as JSON objects in a list."


_SOURCE = "aws-products"
_OTHER, _UNDER_WAY = "other", "under way"
"""Besides the digest of the packaged list that the rows were last brought to: an admin's list, or an attempt."""


def refresh_products(engine: Engine, products: Sequence[AwsProduct] | None = None) -> Refreshed:
    """Write the products to their rows, and mark those that are not among them. Which list it was is remembered.

    Args:
        products: the list; without one, that of this release.
    """
    packaged = products is None
    engine.state.meta.set(_SOURCE, _UNDER_WAY if packaged else _OTHER)
    found = _write(engine, aws_products() if products is None else products, _known(engine))
    if packaged and not found.refused:
        engine.state.meta.set(_SOURCE, _digest())
    return found


def follow_packaged_products(engine: Engine) -> Refreshed | None:
    """Write the products of this release where it was not done, unless an admin brought another list; None where
    nothing is to be done, which costs no call. A state that remembers nothing takes rows of another list for an
    admin's.
    """
    source = engine.state.meta.get(_SOURCE)
    if source in (_digest(), _OTHER):
        return None
    if source is None and _is_other_list(_known(engine)):
        engine.state.meta.set(_SOURCE, _OTHER)
        return None
    return refresh_products(engine)


def _is_other_list(known: Iterable[Row]) -> bool:
    offered = {str(row[CoSellProduct.ID]).lower() for row in known if row[CoSellProduct.ACTIVE]}
    return bool(offered) and offered != {product.identifier.lower() for product in aws_products()}


def _digest() -> str:
    return sha256(repr(aws_products()).encode()).hexdigest()


def _known(engine: Engine) -> list[Row]:
    fields = ("Id", "Name", CoSellProduct.ID, CoSellProduct.SERVICE_CATEGORY, CoSellProduct.ACTIVE)
    return list(engine.salesforce.query(f"SELECT {', '.join(fields)} FROM {AWS_PRODUCT}"))  # noqa: S608 - our own names


def _write(engine: Engine, products: Iterable[AwsProduct], known: Iterable[Row]) -> Refreshed:
    wanted = [_row(product) for product in products]
    return write_list(engine, AWS_PRODUCT, CoSellProduct.ID, CoSellProduct.ACTIVE, wanted, known)


def _row(product: AwsProduct) -> Row:
    return {
        CoSellProduct.ID: product.identifier,
        "Name": logs.cut(product.name, NAME_LENGTH),
        CoSellProduct.SERVICE_CATEGORY: logs.cut(product.family, NAME_LENGTH) or None,
        CoSellProduct.ACTIVE: True,
    }


def read_products(path: Path) -> tuple[AwsProduct, ...]:
    """Return the products of a file, JSON or CSV by its content.

    Raises:
        ConfigError: it cannot be read, is no such list, or an entry has no identifier, one that is too long, or one
            that another has.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}. Name a JSON or CSV file in UTF-8.") from error
    products = tuple(_product(path, number, entry) for number, entry in enumerate(_entries(path, text), start=1))
    if not products:
        raise ConfigError(f"{path} has no products, which would end all of them. {_EXPECTED}")
    seen: set[str] = set()
    for product in products:
        if product.identifier.lower() in seen:
            raise ConfigError(f"{path}: {product.identifier} is there twice. Keep one of the two.")
        seen.add(product.identifier.lower())
    return products


def _entries(path: Path, text: str) -> list[Mapping[str, Any]]:
    if not text.lstrip().startswith(("[", "{")):
        return list(csv.DictReader(io.StringIO(text)))
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}. {_EXPECTED}") from error
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ConfigError(f"{path} is no list of products. {_EXPECTED}")
    return found


def _product(path: Path, number: int, entry: Mapping[str, Any]) -> AwsProduct:
    values = {str(name).strip().lower(): str(value or "").strip() for name, value in entry.items() if name}
    identifier, name, family = (
        next((values[one] for one in spellings if values.get(one)), "") for spellings in _COLUMNS.values()
    )
    if not identifier:
        raise ConfigError(f"{path}: entry {number} has no Identifier. {_EXPECTED}")
    if len(identifier) > ID_LENGTH:
        raise ConfigError(f"{path}: entry {number} has an Identifier of more than {ID_LENGTH} characters. Shorten it.")
    return AwsProduct(identifier, name or identifier, family)
