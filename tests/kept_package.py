"""An org that keeps the fields of AWS's managed package on its standard objects, and has none of ours there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ace_records import sound_record
from file_world import FileWorld, open_file_world
from salesforce_sandbox import XMLNS
from standard_opportunity import PRIMARY, paths, write_fields
from system_package import copy_package
from system_world import World, open_world

from connector.names import AWSAPN, PACKAGED

LEAD = "Lead"
KEPT = {
    AWSAPN.sync_with_aws: "<type>Checkbox</type><defaultValue>false</defaultValue>",
    AWSAPN.last_sync_date: "<type>DateTime</type>",
    AWSAPN.apn_id: "<type>Text</type><length>18</length><externalId>true</externalId><unique>true</unique>"
    "<caseSensitive>false</caseSensitive>",
}
FORMULA = (
    f"<type>Checkbox</type><formula>AND({AWSAPN.sync_with_aws}, OR(ISBLANK({AWSAPN.last_sync_date}), "
    f"AND(LastModifiedDate &gt;= {AWSAPN.last_sync_date}, CASESAFEID(LastModifiedById) &lt;&gt; "
    "$Setup.ACE_Connector_Settings__c.Integration_User_Id__c)))</formula>"
)
OURS = tuple(name for name in PACKAGED.all if name != PACKAGED.invitation_id)
"""Our fields that the org does not have. AWS's package has no field for an invitation's id: that one is ours."""
GRANT = re.compile(r"\s*<fieldPermissions>(?:(?!</fieldPermissions>).)*</fieldPermissions>", re.DOTALL)
TEXT = "<type>Text</type><length>255</length>"
BESIDE = {"salesActivities": "Steps__c", "postalCode": "Account.BillingPostalCode", "otherSolutionOffered": "Offer__c"}


LEAD_PATHS = {"status": "AWS_Status__c", "currentLeadStage": "AWS_Stage__c", "leadStatusReason": "AWS_Reason__c"}
"""ACE field → path of the standard lead."""


def without_our_fields(package: Path) -> None:
    """Take our fields of standard objects out of the package, and what grants them."""
    gone = {f"{name}.{field}" for name in (PRIMARY, LEAD) for field in OURS}
    for one in gone:
        name, _, field = one.partition(".")
        for path in package.rglob(f"{name}/fields/{field}.field-meta.xml"):
            path.unlink()
    for path in package.rglob("*.permissionset-meta.xml"):
        text = path.read_text(encoding="utf8")
        for grant in GRANT.findall(text):
            found = re.search(r"<field>(.*)</field>", grant)
            if found and found[1] in gone:
                text = text.replace(grant, "")
        path.write_text(text, encoding="utf8")


def write_kept(folder: Path) -> Path:
    """Write the fields of AWS's package on both standard objects, and the set that opens them to the connector."""
    opened = ""
    for name in (PRIMARY, LEAD):
        own = dict.fromkeys(LEAD_PATHS.values(), TEXT) if name == LEAD else {}
        for field, inner in {**KEPT, AWSAPN.has_updates: FORMULA, **own}.items():
            body = f"<fullName>{field}</fullName><label>{field}</label>{inner}"
            _write(folder / "objects" / name / "fields" / f"{field}.field-meta.xml", "CustomField", body)
            editable = str(inner != FORMULA).lower()
            opened += (
                f"<fieldPermissions><editable>{editable}</editable><field>{name}.{field}</field>"
                "<readable>true</readable></fieldPermissions>"
            )
    path = folder / "permissionsets" / "Kept_Integration.permissionset-meta.xml"
    _write(path, "PermissionSet", f"{opened}<label>Kept Integration</label>")
    return folder


def _write(path: Path, root: str, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{XMLNS}">{body}</{root}>\n', encoding="utf8"
    )


@contextmanager
def open_kept_world(folder: Path, *, profile: str = "awsapn", **options: Any) -> Iterator[World]:
    """Open a world with such an org, whose connector works with the profile."""
    with open_world(**_parts(folder), **options) as world:
        use_profile(world, profile)
        yield world


@contextmanager
def open_kept_files(folder: Path, **options: Any) -> Iterator[FileWorld]:
    """Open one with the ACE bucket; the packaged lead is mapped at first."""
    with open_file_world(**_parts(folder), **options) as world:
        use_profile(world, "awsapn")
        yield world


def _parts(folder: Path) -> dict[str, Any]:
    fields = write_fields(folder / "fields", Steps__c=TEXT, Offer__c=TEXT)
    (folder / "world").mkdir()
    return {
        "directory": folder / "world",
        "package": copy_package(folder / "package", without_our_fields),
        "metadata": [fields, write_kept(folder / "kept")],
    }


def use_profile(world: World, profile: str) -> None:
    """Write the profile into the connector's configuration."""
    path = world.sandbox.config_path
    text = path.read_text(encoding="utf8")
    assert text.count("[salesforce]\n") == 1
    path.write_text(text.replace("[salesforce]\n", f'[salesforce]\nprofile = "{profile}"\n'), encoding="utf8")


def mapped() -> dict[str, str]:
    """Return ACE field → path of the standard opportunity."""
    return paths() | BESIDE


def kept_row(**fields: Any) -> dict[str, Any]:
    """Return a complete standard opportunity, flagged by the package's field."""
    row: dict[str, Any] = {"StageName": "Qualification", "Offer__c": "Moving", AWSAPN.sync_with_aws: True}
    for name, path in mapped().items():
        value = sound_record().get(name)
        if value is not None and "." not in path and path not in row:
            row[path] = ";".join(value) if isinstance(value, tuple) else _plain(value)
    return row | fields


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else float(value) if hasattr(value, "is_finite") else value
