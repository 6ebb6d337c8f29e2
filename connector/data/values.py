"""The value lists, in the Selling API's spelling (those of leads in the bucket's), and nothing else: no rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from connector.data import read


@dataclass(frozen=True, slots=True)
class Country:
    """A country as AWS knows it.

    Attributes:
        code: ISO 3166 alpha-2, as the Selling API spells countries.
        name: English name for people.
        s3_names: names in the ACE bucket's files; the first one is written, all are read.
    """

    code: str
    name: str
    s3_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AwsProduct:
    """An AWS product that can be associated; its ``identifier`` goes to AWS (``AmazonEC2AutoScaling``)."""

    identifier: str
    name: str
    family: str


def value_lists() -> tuple[str, ...]:
    """Return the names of all value lists, sorted."""
    return ("country", *sorted(read("standard_values.json")))


@cache
def standard_values(name: str) -> tuple[str, ...]:
    """Return the values of the list ``name`` (``industry``, ``country`` …). Raises KeyError for an unknown list."""
    if name == "country":
        return tuple(country.code for country in countries())
    return tuple(read("standard_values.json")[name])


@cache
def value_aliases(name: str) -> dict[str, str]:
    """Return other spellings in use for values of the list ``name``: alias to value."""
    if name == "country":
        return {s3: country.code for country in countries() for s3 in (country.name, *country.s3_names)}
    return dict(read("value_aliases.json").get(name, {}))


@cache
def countries() -> tuple[Country, ...]:
    """Return every country the Selling API takes, ordered by English name."""
    return tuple(Country(entry["code"], entry["name"], tuple(entry["s3_names"])) for entry in read("countries.json"))


@cache
def aws_products() -> tuple[AwsProduct, ...]:
    """Return the AWS products in AWS's order."""
    return tuple(AwsProduct(entry["Identifier"], entry["Name"], entry["Family"]) for entry in read("aws_products.json"))
