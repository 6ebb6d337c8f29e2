"""The package that admins deploy, copied and changed as an admin may change it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from connector.sandbox.server import METADATA

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
RULE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ValidationRule xmlns="{namespace}"><fullName>{name}</fullName>'
    "<active>true</active><errorConditionFormula>{formula}</errorConditionFormula>"
    "<errorMessage>{message}</errorMessage></ValidationRule>\n"
)


def copy_package(target: Path, *changes: Callable[[Path], Any]) -> Path:
    """Copy the package's source to ``target``, apply the changes to the copy, and return its directory."""
    shutil.copytree(METADATA, target)
    for change in changes:
        change(target)
    return target


def package_file(package: Path, name: str) -> Path:
    """Return the one file of that name of the object ACE Opportunity."""
    (found,) = (package / "base").rglob(f"ACE_Opportunity__c/*/{name}")
    return found


def change_formula(package: Path, find: str, replacement: str) -> None:
    """Change the text of the Has Updates formula, as it stands in XML."""
    path = package_file(package, "ACE_Has_Updates__c.field-meta.xml")
    text = path.read_text(encoding="utf8")
    assert text.count(find) == 1, text
    path.write_text(text.replace(find, replacement), encoding="utf8")


def remove_formula(package: Path) -> None:
    """Delete the Has Updates field, as on an object that cannot have it."""
    package_file(package, "ACE_Has_Updates__c.field-meta.xml").unlink()
    for path in (package / "base").rglob("*.permissionset-meta.xml"):
        text = re.sub(
            r"\s*<fieldPermissions>(?:(?!</fieldPermissions>).)*ACE_Opportunity__c\.ACE_Has_Updates__c"
            r"(?:(?!</fieldPermissions>).)*</fieldPermissions>",
            "",
            path.read_text(encoding="utf8"),
            flags=re.DOTALL,
        )
        path.write_text(text, encoding="utf8")


def add_validation_rule(package: Path, name: str, formula: str, message: str) -> None:
    """Add a validation rule to ACE Opportunity that holds for everybody, the integration user too."""
    folder = package_file(package, "ACE_Closed_Lost_Reason.validationRule-meta.xml").parent
    text = RULE.format(namespace=NAMESPACE, name=name, formula=formula, message=message)
    (folder / f"{name}.validationRule-meta.xml").write_text(text, encoding="utf8")
