"""Whether a metadata file is what the Metadata API's own schema describes.

The schema is the WSDL that ships inside simple-salesforce, of API version 63.0. The package is of 66.0 and uses nothing
newer than the WSDL: all of it is judged. The order of elements is not: the platform takes any.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import simple_salesforce
from lxml import etree

WSDL = Path(simple_salesforce.__file__).parent / "metadata.wsdl"
XSD = "{http://www.w3.org/2001/XMLSchema}"
NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
TEXTS = {
    "boolean": r"true|false", "int": r"-?\d+", "long": r"-?\d+", "double": r"-?\d+(\.\d+)?",
    "date": r"\d{4}-\d\d-\d\d", "dateTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """An element that a type may have: the name of its type, whether it must be there, whether it may repeat."""

    kind: str
    required: bool
    repeats: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """The types of the Metadata API by name, and the values of its enumerations."""

    types: dict[str, dict[str, Member]]
    values: dict[str, frozenset[str]]


@cache
def schema() -> Schema:
    """Return the schema. Elements of a base type belong to each type that extends it."""
    root = etree.parse(WSDL).getroot()
    complex_types = {str(one.get("name")): one for one in root.iter(f"{XSD}complexType") if one.get("name")}
    types = {name: _members(name, complex_types) for name in complex_types}
    values = {
        str(one.get("name")): frozenset(str(value.get("value")) for value in one.iter(f"{XSD}enumeration"))
        for one in root.iter(f"{XSD}simpleType")
    }
    return Schema(types, {name: found for name, found in values.items() if found})


def _members(name: str, types: dict[str, etree._Element]) -> dict[str, Member]:
    extension = types[name].find(f"{XSD}complexContent/{XSD}extension")
    base = str(extension.get("base")).split(":")[-1] if extension is not None else ""
    own = {str(one.get("name")): _member(one) for one in types[name].iter(f"{XSD}element") if one.get("name")}
    return (_members(base, types) if base in types else {}) | own


def _member(element: etree._Element) -> Member:
    prefix, _, kind = str(element.get("type")).rpartition(":")
    name = f"xsd:{kind}" if prefix == "xsd" else kind
    return Member(name, element.get("minOccurs", "1") != "0", element.get("maxOccurs", "1") == "unbounded")


def problems(path: Path) -> list[str]:
    """Return what is wrong with one file, in words, each with the line."""
    try:
        root = etree.parse(path).getroot()
    except etree.XMLSyntaxError as error:
        return [f"not XML: {error}"]
    if not str(root.tag).startswith(NAMESPACE):
        return [f"{root.tag} is outside the namespace of metadata"]
    name = etree.QName(root).localname
    if name not in schema().types:
        return [f"{name} is no type of metadata"]
    return list(_judge(root, name))


def _judge(element: etree._Element, kind: str) -> Iterator[str]:
    members = schema().types[kind]
    children = [child for child in element if isinstance(child.tag, str)]
    counted = Counter(etree.QName(child).localname for child in children)
    for name, member in members.items():
        if member.required and name not in counted:
            yield f"line {element.sourceline}: {kind} lacks {name}"
        if not member.repeats and counted[name] > 1:
            yield f"line {element.sourceline}: {kind} repeats {name}"
    for child in children:
        yield from _judge_child(child, kind)


def _judge_child(child: etree._Element, kind: str) -> Iterator[str]:
    name = etree.QName(child).localname
    member = schema().types[kind].get(name)
    if not child.tag.startswith(NAMESPACE):
        yield f"line {child.sourceline}: {name} is outside the namespace of metadata"
    elif member is None:
        yield f"line {child.sourceline}: {kind} has no {name}"
    elif member.kind in schema().types:
        yield from _judge(child, member.kind)
    elif len(child) or not _fits((child.text or "").strip(), member.kind):
        yield f"line {child.sourceline}: {name} does not fit {member.kind}"


def _fits(text: str, kind: str) -> bool:
    if kind in schema().values:
        return text in schema().values[kind]
    pattern = TEXTS.get(kind.removeprefix("xsd:"))
    return pattern is None or re.fullmatch(pattern, text) is not None
