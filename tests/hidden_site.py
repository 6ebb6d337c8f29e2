"""An object whose records only those see with whom they are shared, and a lookup to it on the packaged opportunity."""

from __future__ import annotations

from pathlib import Path

from salesforce_sandbox import XMLNS

DEALS, SITE = "ACE_Opportunity__c", "Site__c"
OBJECT = (
    "<label>Site</label><pluralLabel>Sites</pluralLabel><nameField><label>Name</label><type>Text</type></nameField>"
    "<sharingModel>Private</sharingModel>"
)
WEB = "<fullName>Web__c</fullName><label>Web</label><type>Text</type><length>255</length>"
LOOKUP = (
    "<fullName>Site__c</fullName><label>Site</label><type>Lookup</type><referenceTo>Site__c</referenceTo>"
    "<relationshipName>Deals</relationshipName><deleteConstraint>SetNull</deleteConstraint>"
)
ALLOWED = (
    "<fieldPermissions><editable>true</editable><field>Site__c.Web__c</field><readable>true</readable>"
    f"</fieldPermissions><fieldPermissions><editable>true</editable><field>{DEALS}.Site__c</field>"
    "<readable>true</readable></fieldPermissions><label>Sites</label><objectPermissions><allowCreate>true</allowCreate>"
    "<allowDelete>false</allowDelete><allowEdit>true</allowEdit><allowRead>true</allowRead>"
    "<modifyAllRecords>false</modifyAllRecords><object>Site__c</object><viewAllRecords>false</viewAllRecords>"
    "</objectPermissions>"
)


def write_metadata(folder: Path) -> Path:
    """Write an object whose records only those see with whom they are shared, and the lookup to it."""
    site, deal, sets = folder / "objects" / SITE, folder / "objects" / DEALS, folder / "permissionsets"
    _write(site / f"{SITE}.object-meta.xml", "CustomObject", OBJECT)
    _write(site / "fields" / "Web__c.field-meta.xml", "CustomField", WEB)
    _write(deal / "fields" / f"{SITE}.field-meta.xml", "CustomField", LOOKUP)
    for who in ("Integration", "Seller"):
        _write(sets / f"Sites_{who}.permissionset-meta.xml", "PermissionSet", ALLOWED)
    return folder


def _write(path: Path, root: str, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{XMLNS}">'
    path.write_text(f"{head}{body}</{root}>\n", encoding="utf8")
