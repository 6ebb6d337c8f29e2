"""An org with the standard Opportunity: the fields that AWS needs beside Salesforce's own, and their mapping."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salesforce_sandbox import XMLNS
from system_world import World

from connector.ace.catalogue import AceField, FieldType, Owner, opportunity_fields

PRIMARY = "Opportunity"
STAGES = {
    "Prospect": "Prospecting", "Qualified": "Qualification", "Technical Validation": "Needs Analysis",
    "Business Validation": "Value Proposition", "Committed": "Negotiation/Review", "Launched": "Closed Won",
    "Closed Lost": "Closed Lost",
}  # fmt: skip
PATHS = {
    "partnerProjectTitle": "Name",
    "projectDescription": "Description",
    "targetCloseDate": "CloseDate",
    "stage": "StageName",
    "nextStep": "NextStep",
    "customerWebsite": "Account.Website",
    "city": "Account.BillingCity",
    "customerEmail": "Customer_Email__c",
    "opportunityOwnership": "Ownership__c",
}
"""ACE field → path; what AWS requires besides has a field of its own, named after it."""
_BESIDE = ("customerEmail", "opportunityOwnership")
_KINDS = {
    FieldType.AMOUNT: "<type>Currency</type><precision>18</precision><scale>2</scale>",
    FieldType.INTEGER: "<type>Number</type><precision>18</precision><scale>0</scale>",
    FieldType.LONG_TEXT: "<type>LongTextArea</type><length>32000</length><visibleLines>3</visibleLines>",
    FieldType.DATE: "<type>Date</type>",
    FieldType.EMAIL: "<type>Email</type>",
}
_TEXT = "<type>Text</type><length>255</length>"


def own_field(ace: AceField) -> str:
    """Return the name of the custom field that holds an ACE field."""
    return f"{ace.name.replace('.', '_')[-36:].strip('_').capitalize()}__c"


def _needed() -> list[AceField]:
    known = opportunity_fields().values()
    return [one for one in known if one.owner is Owner.PARTNER and one.required and one.name not in PATHS]


def paths() -> dict[str, str]:
    """Return every mapped ACE field with its path."""
    return {**PATHS, **{one.name: own_field(one) for one in _needed()}}


def write_fields(folder: Path, **more: str) -> Path:
    """Write the custom fields of Opportunity, with the permission set that opens them; return the directory to deploy.

    Args:
        more: further fields by name, as their files say it.
    """
    known = opportunity_fields()
    kinds = {own_field(one): _KINDS.get(one.type, _TEXT) for one in _needed()}
    kinds |= {PATHS[name]: _KINDS.get(known[name].type, _TEXT) for name in _BESIDE} | more
    for name, inner in kinds.items():
        text = f"<fullName>{name}</fullName><label>{name.removesuffix('__c')}</label>{inner}"
        _write(folder / "objects" / PRIMARY / "fields" / f"{name}.field-meta.xml", "CustomField", text)
    shown = "<fieldPermissions><editable>true</editable><field>{}</field><readable>true</readable></fieldPermissions>"
    optional = [name for name, inner in kinds.items() if "<required>true" not in inner]
    opened = "".join(shown.format(f"{PRIMARY}.{name}") for name in optional)
    _write(
        folder / "permissionsets" / "Standard_Integration.permissionset-meta.xml",
        "PermissionSet",
        f"{opened}<label>Standard Integration</label>",
    )
    return folder


def _write(path: Path, root: str, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{XMLNS}">{body}</{root}>\n', encoding="utf8"
    )


def document(mapped: Mapping[str, str], object_name: str = PRIMARY, **more: Any) -> dict[str, Any]:
    """Return a mapping as ``connector mapping export`` writes it; inbound updates are on, but for stage and dates."""
    known = opportunity_fields()
    fields = [
        {"ace_field": name, "path": path, "inbound": known[name].inbound and not known[name].protected}
        for name, path in mapped.items()
    ]
    for one in fields:
        if one["path"] == "StageName":
            one["picklist"] = {"primary": STAGES, "additional": {}, "defaults": {}}
    return {"schema": 1, "record_type": "opportunity", "object": object_name, "version": 0, "fields": fields, **more}


def use_mapping(world: World, content: Mapping[str, Any]) -> None:
    """Import and publish a mapping, as an admin does."""
    path = world.directory / "mapping.json"
    path.write_text(json.dumps(content), encoding="utf8")
    world.do("mapping", "import", str(path))
    world.do("mapping", "publish")
