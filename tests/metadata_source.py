"""The Salesforce DX source of the package, read as one: base and extras together, files by kind and name."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from lxml import etree

from connector.sandbox.salesforce.standard import standard_schema

PROJECT = Path(__file__).parents[1] / "salesforce_metadata"
NS = {"m": "http://soap.sforce.com/2006/04/metadata"}
CHOICES = {"Picklist", "MultiselectPicklist"}
SYSTEM = {
    "Id", "Name", "OwnerId", "CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate", "SystemModstamp",
    "RecordTypeId",
}  # fmt: skip
"""Fields that every object may have without saying so."""
SETUP = {"CustomNotificationType": {"Id", "DeveloperName", "CustomNotifTypeName"}}
"""Standard objects that flows look up, with the fields that they read."""


def text(element: etree._Element, path: str) -> str:
    """Return the text of the first element at a path like ``filter/criteriaItems``, empty without one."""
    return str(element.findtext(_qualified(path), default="", namespaces=NS))


def texts(element: etree._Element, path: str) -> list[str]:
    """Return the texts of all elements at a path; ``*`` as its head looks at any depth."""
    return [str(found.text) for found in every(element, path)]


def every(element: etree._Element, path: str) -> list[etree._Element]:
    """Return all elements at a path; ``*`` as its head looks at any depth."""
    if path.startswith("*/"):
        return list(element.findall(f".//{_qualified(path[2:])}", NS))
    return list(element.findall(_qualified(path), NS))


def _qualified(path: str) -> str:
    return "/".join(f"m:{step}" for step in path.split("/"))


def split(path: Path) -> tuple[str, str]:
    """Return the name and the kind of a file such as ``APN_Business_User.permissionset-meta.xml``."""
    name, _, kind = path.name.removesuffix("-meta.xml").rpartition(".")
    return name, kind


class Source:
    """The files below one project directory.

    Attributes:
        project: the directory with ``sfdx-project.json``.
        part: the directory below it that counts, empty for all.
    """

    def __init__(self, project: Path = PROJECT, part: str = "") -> None:
        self.project = project
        self.part = part
        self._roots: dict[Path, etree._Element] = {}

    def root(self, path: Path) -> etree._Element:
        """Return the root element of a file, read once."""
        if path not in self._roots:
            self._roots[path] = etree.parse(path).getroot()
        return self._roots[path]

    def written(self, path: Path) -> str:
        """Return a file as one text."""
        return str(etree.tostring(self.root(path), encoding="unicode"))

    def pretend(self, path: Path, written: str) -> None:
        """Take ``written`` for what is in a file."""
        self._roots[path] = etree.fromstring(written.encode())

    @cached_property
    def paths(self) -> list[Path]:
        """Every metadata file, sorted."""
        return sorted((self.project / self.part).rglob("*-meta.xml"))

    def of(self, kind: str) -> dict[str, Path]:
        """Return the files of a kind by name, as in ``APN_Business_User.permissionset-meta.xml``."""
        return self._kinds.get(kind, {})

    @cached_property
    def _kinds(self) -> dict[str, dict[str, Path]]:
        found: dict[str, dict[str, Path]] = {}
        for path in self.paths:
            name, kind = split(path)
            found.setdefault(kind, {})[name] = path
        return found

    def name(self, path: Path) -> str:
        """Return how a test calls a file."""
        return path.relative_to(self.project).as_posix()

    @cached_property
    def objects(self) -> dict[str, dict[str, etree._Element]]:
        """The deployed fields by object and API name."""
        found: dict[str, dict[str, etree._Element]] = {name: {} for name in self.of("object")}
        for path in self.paths:
            if path.name.endswith(".field-meta.xml"):
                root = self.root(path)
                found.setdefault(path.parts[-3], {})[text(root, "fullName")] = root
        return found

    @cached_property
    def standard(self) -> dict[str, set[str]]:
        """The fields that an org has by itself, by standard object."""
        return SETUP | {one.name: {field.name for field in one.fields.values()} for one in standard_schema()}

    def definition(self, name: str) -> etree._Element | None:
        """Return the definition of an object, None for a standard one that the package only adds fields to."""
        path = self.of("object").get(name)
        return self.root(path) if path else None

    def is_setting(self, name: str) -> bool:
        """Tell whether an object is a custom setting."""
        definition = self.definition(name)
        return definition is not None and text(definition, "customSettingsType") != ""

    def knows(self, name: str) -> bool:
        """Tell whether an object exists, deployed or standard."""
        return name in self.objects or name in self.standard

    def has(self, name: str, field: str) -> bool:
        """Tell whether an object has a field, deployed or standard."""
        return field in self.objects.get(name, {}) or field in self.standard.get(name, SYSTEM)

    def target(self, name: str, field: str) -> str:
        """Return the object that a lookup leads to, empty for another field."""
        element = self.objects.get(name, {}).get(field)
        return "" if element is None else text(element, "referenceTo")

    def values(self, name: str, field: str) -> set[str]:
        """Return what a restricted picklist takes, empty for another field."""
        element = self.objects.get(name, {}).get(field)
        if element is None or text(element, "type") not in CHOICES or text(element, "valueSet/restricted") != "true":
            return set()
        return set(texts(element, "*/value/fullName"))

    def child(self, parent: str, relationship: str) -> tuple[str, str]:
        """Return the object and the lookup behind a child relationship such as ``Details__r``, empty texts if none."""
        wanted = relationship.removesuffix("__r")
        for name, fields in self.objects.items():
            for field, element in fields.items():
                if text(element, "referenceTo") == parent and text(element, "relationshipName") == wanted:
                    return name, field
        return "", ""


def is_grantable(element: etree._Element) -> bool:
    """Tell whether the platform lets a permission set name a field: those that every row has it refuses."""
    return text(element, "required") != "true" and text(element, "type") != "MasterDetail"
