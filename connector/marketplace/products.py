"""A product of the AWS Marketplace catalog as rows: the product, and the dimensions that prices refer to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from connector.marketplace.documents import (
    LONG_LENGTH,
    NAME_LENGTH,
    Remarks,
    chosen,
    entity_key,
    moment,
    part,
    parts,
    text,
    words,
)
from connector.marketplace.fields import Product, ProductDimension
from connector.sync.ports import Json, Row

TYPES = ("SaaSProduct", "AmiProduct", "ContainerProduct")
"""Kinds of products that offers are made for here; the catalog has more."""
CONTRACT, USAGE, CONSUMPTION = "Contract", "Usage", "Contract with Consumption"
ENTITLED, METERED = "Entitled", frozenset({"Metered", "ExternallyMetered"})
DIMENSION_TYPES = (ENTITLED, "Metered", "ExternallyMetered")
_KEY_LENGTH, _CODE_LENGTH, _STATE_LENGTH, _DIMENSION_NAME = 100, 100, 40, 500


@dataclass(frozen=True, slots=True)
class ProductRows:
    """One product as Salesforce keeps it.

    Attributes:
        product: its row, without lookup to the account.
        dimensions: their rows, without lookup to the product.
    """

    product: Row
    dimensions: tuple[Row, ...]


def product_rows(account: str, product_id: str, entity: Json, remarks: Remarks) -> ProductRows:
    """Return the rows of a product.

    Args:
        account: number of the seller account that owns it.
        product_id: its id without revision.
        entity: as BatchDescribeEntities returns it.
        remarks: takes what cannot be stored.
    """
    document = part(entity, "DetailsDocument")
    description = part(document, "Description")
    dimensions = parts(document, "Dimensions")
    title = text(description.get("ProductTitle")) or product_id
    kind = str(entity.get("EntityType") or "").partition("@")[0]
    product: Row = {
        Product.KEY: entity_key(account, product_id),
        "Name": text(title, NAME_LENGTH),
        Product.ID: text(product_id, _KEY_LENGTH),
        Product.TITLE: title,
        Product.TYPE: chosen(kind, TYPES, "the product type", remarks),
        Product.PRICING_TYPE: pricing_type(dimensions),
        Product.CODE: text(description.get("ProductCode"), _CODE_LENGTH),
        Product.STATE: text(description.get("ProductState"), _STATE_LENGTH),
        Product.SKU: text(description.get("Sku"), _CODE_LENGTH),
        Product.SHORT_DESCRIPTION: text(description.get("ShortDescription"), LONG_LENGTH),
        Product.VISIBILITY: text(description.get("Visibility")),
        Product.LAST_MODIFIED: moment(entity.get("LastModifiedDate")),
        Product.ACTIVE: True,
    }
    return ProductRows(product, tuple(_dimension_rows(product[Product.KEY], dimensions, remarks)))


def pricing_type(dimensions: list[Json]) -> str | None:
    """Return what the dimensions allow; None where they do not say.

    Entitled alone: a contract; metered alone, by whomever: usage; both: a contract with consumption.
    """
    kinds = {kind for one in dimensions for kind in words(one.get("Types"))}
    entitled, metered = ENTITLED in kinds, bool(kinds & METERED)
    if entitled:
        return CONSUMPTION if metered else CONTRACT
    return USAGE if metered else None


def _dimension_rows(product_key: str, dimensions: list[Json], remarks: Remarks) -> Iterator[Row]:
    """Yield a row per dimension key; keys that differ in case only are two."""
    seen: set[str] = set()
    for one in dimensions:
        key = text(one.get("Key"), _KEY_LENGTH)
        if key is None:
            remarks.told.append(f"{remarks.entity}: a dimension without a key was left out.")
        elif key not in seen:
            seen.add(key)
            yield _dimension_row(product_key, key, one, remarks)


def _dimension_row(product_key: str, key: str, dimension: Json, remarks: Remarks) -> Row:
    name = text(dimension.get("Name"), _DIMENSION_NAME) or key
    return {
        ProductDimension.KEY: f"{product_key}/{key}",
        "Name": text(name, NAME_LENGTH),
        ProductDimension.DIMENSION_KEY: key,
        ProductDimension.NAME: name,
        ProductDimension.DESCRIPTION: text(dimension.get("Description"), LONG_LENGTH),
        ProductDimension.TYPES: _types(dimension.get("Types"), key, remarks),
        ProductDimension.UNIT: text(dimension.get("Unit")),
        ProductDimension.ACTIVE: True,
    }


def _types(value: Any, key: str, remarks: Remarks) -> str | None:
    found = (chosen(one, DIMENSION_TYPES, f"the type of the dimension {key}", remarks) for one in words(value))
    kinds = dict.fromkeys(one for one in found if one)
    # Salesforce returns the values in the order of the picklist.
    return ";".join(one for one in DIMENSION_TYPES if one in kinds) or None
