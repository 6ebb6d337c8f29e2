"""Leads in the object that the partner chose: Salesforce's own Lead, or an object of the partner's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ace_records import sound_record
from ace_samples import SEEN_LEAD, exported_lead
from file_world import APN, APN_KEY, LEAD, SYNCED, FileWorld, Json, entries, open_file_world
from salesforce_sandbox import XMLNS
from standard_opportunity import PRIMARY, document, paths, use_mapping, write_fields

STATUS = {
    "Open": "Open - Not Contacted", "Research": "Working - Contacted", "Qualified": "Closed - Converted",
    "Disqualified": "Closed - Not Converted",
}  # fmt: skip
STANDARD = {
    "company": "Company", "fullName": "LastName", "email": "Email", "phone": "Phone", "website": "Website",
    "projectDescription": "Description", "leadStatusReason": "Reason__c", "currentLeadStage": "Stage__c",
    "status": "Status",
}  # fmt: skip
TEXT = "<type>Text</type><length>255</length>"
BESIDE = {
    "salesActivities": "Activities__c", "otherSolutionOffered": "Solution__c",
    "postalCode": "Account.BillingPostalCode",
}  # fmt: skip
"""What an opportunity in the United States needs beside what every one needs."""
OWN = "Tip__c"
OWN_FIELDS = {
    "Send__c": "<type>Checkbox</type><defaultValue>false</defaultValue>",
    "Synced__c": "<type>DateTime</type>",
    "Aws_Id__c": "<type>Text</type><length>18</length><externalId>true</externalId><unique>true</unique>"
    "<caseSensitive>false</caseSensitive>",
    "State_Of_Play__c": "<type>Text</type><length>40</length>",
    "Stage__c": "<type>Text</type><length>40</length>",
    "Firm__c": "<type>Text</type><length>255</length>",
    "Mail__c": "<type>Email</type>",
    "Reason__c": "<type>Text</type><length>255</length>",
}
"""A partner's object for tips, with the fields that the connector needs and some for what leads tell."""


def write(path: Path, root: str, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{XMLNS}">{body}</{root}>\n', "utf8")


def write_object(folder: Path, name: str, fields: dict[str, str], head: str = "") -> Path:
    """Write fields of an object, and a permission set for the connector and one for sellers; return the directory."""
    if head:
        write(folder / "objects" / name / f"{name}.object-meta.xml", "CustomObject", head)
    for field, inner in fields.items():
        text = f"<fullName>{field}</fullName><label>{field.removesuffix('__c')}</label>{inner}"
        write(folder / "objects" / name / "fields" / f"{field}.field-meta.xml", "CustomField", text)
    for who in ("Integration", "Seller"):
        shown = "".join(
            "<fieldPermissions><editable>true</editable>"
            f"<field>{name}.{field}</field><readable>true</readable></fieldPermissions>"
            for field in fields
        )
        every = str(who == "Integration").lower()
        opened = (
            "<objectPermissions><allowCreate>true</allowCreate><allowDelete>false</allowDelete><allowEdit>true"
            f"</allowEdit><allowRead>true</allowRead><modifyAllRecords>{every}</modifyAllRecords><object>{name}"
            f"</object><viewAllRecords>{every}</viewAllRecords></objectPermissions>"
        )
        label = f"<label>{name.removesuffix('__c')} {who}</label>"
        path = folder / "permissionsets" / f"{name.removesuffix('__c')}_{who}.permissionset-meta.xml"
        write(path, "PermissionSet", shown + label + (opened if head else ""))
    return folder


def round_trip(world: FileWorld, object_name: str, apn: str, names: dict[str, str]) -> None:
    """A referral comes in, is accepted, shows its people, changes at the partner, and AWS hears of it, each once."""
    identifier = world.refer_lead()

    def row() -> Json:
        fields = ", ".join(("Id", apn, *names.values()))
        (found,) = world.admin.rows(f"SELECT {fields} FROM {object_name} WHERE {apn} = '{identifier}'")
        return found

    def edit(**fields: Any) -> None:
        answer = world.admin.patch(f"sobjects/{object_name}/{row()['Id']}", fields)
        assert answer.status_code == 204, answer.text

    world.export()
    world.take(LEAD)
    first = row()
    assert not first[names["email"]] and "accept to view" not in str(first[names["email"]]).lower()
    edit(**{names["currentLeadStage"]: "Accepted"})
    (file,) = world.exchange_files(LEAD)
    (entry,) = entries(file, LEAD)
    assert (entry["currentLeadStage"], entry[APN_KEY]) == ("Accepted", identifier)
    assert entry["partnerCrmLeadId"] == first["Id"]
    world.export()
    world.take(LEAD)
    shown = row()
    assert shown["Id"] == first["Id"] and shown[names["email"]] == world.stored(identifier)["email"]
    assert shown[names["company"]] == world.stored(identifier)["company"]
    edit(**{names["leadStatusReason"]: "Met them"})
    (file,) = world.exchange_files(LEAD)
    assert entries(file, LEAD)[0]["leadStatusReason"] == "Met them"
    assert world.stored(identifier)["leadStatusReason"] == "Met them"
    assert world.send(LEAD) == []


@pytest.mark.requirement("LEAD-05", "ELIG-08", "ELIG-10")
def test_the_standard_lead_holds_what_aws_refers(tmp_path: Path) -> None:
    """Salesforce asks for a name and a company, which AWS hides at first: the admin says what stands in."""
    more = {"Reason__c": OWN_FIELDS["Reason__c"], "Stage__c": OWN_FIELDS["Stage__c"]}
    metadata = [write_object(tmp_path / "metadata", "Lead", more)]
    with open_file_world(tmp_path / "world", metadata=metadata, Opportunities_over_S3__c=False) as world:
        world.do("mapping", "object", "Lead", "--type", "lead", "--yes")
        for name, path in STANDARD.items():
            values = STATUS if name == "status" else {}
            given = [word for pair in values.items() for word in ("--value", "=".join(pair))]
            world.do("mapping", "set", name, path, "--type", "lead", *given)
        for name in ("fullName", "company"):
            world.do("mapping", "fallback", name, "--from-aws-value", "Not known yet", "--type", "lead")
        world.do("mapping", "publish", "--type", "lead")
        round_trip(world, "Lead", APN, STANDARD)
        # The truth table: a person's later edit is due, the integration user's is not.
        (row,) = world.admin.rows(f"SELECT Id, {SYNCED} FROM Lead WHERE {APN} != null")
        assert row[SYNCED]
        for person, field, due in ((world.integration, "Rating", 0), (world.admin, "Reason__c", 1)):
            assert person.patch(f"sobjects/Lead/{row['Id']}", {field: "Hot"}).status_code == 204
            assert len(world.send(LEAD)) == due


@pytest.mark.requirement("LEAD-05", "ELIG-08")
def test_an_object_of_the_partner_s_holds_what_aws_refers(tmp_path: Path) -> None:
    head = (
        "<label>Tip</label><pluralLabel>Tips</pluralLabel><deploymentStatus>Deployed</deploymentStatus>"
        "<nameField><label>Name</label><type>Text</type></nameField><sharingModel>ReadWrite</sharingModel>"
    )
    metadata = [write_object(tmp_path / "metadata", OWN, OWN_FIELDS, head)]
    with open_file_world(tmp_path / "world", metadata=metadata, Opportunities_over_S3__c=False) as world:
        world.do("mapping", "object", OWN, "--type", "lead", "--yes")
        own = {"sync_with_aws": "Send__c", "last_sync_date": "Synced__c", "apn_id": "Aws_Id__c"}
        for name, field in own.items():
            world.do("mapping", "own", name, field, "--type", "lead")
        names = {
            "status": "State_Of_Play__c", "currentLeadStage": "Stage__c", "company": "Firm__c", "email": "Mail__c",
            "leadStatusReason": "Reason__c",
        }  # fmt: skip
        for name, path in names.items():
            world.do("mapping", "set", name, path, "--type", "lead")
        world.do("mapping", "publish", "--type", "lead")
        round_trip(world, OWN, "Aws_Id__c", names)


@pytest.mark.requirement("LEAD-10")
def test_a_lead_that_was_converted_is_not_broken(tmp_path: Path) -> None:
    """Salesforce closes a converted lead for edits: what AWS sends for it is told, and nothing is created anew."""
    metadata = [write_object(tmp_path / "metadata", "Lead", {"Stage__c": OWN_FIELDS["Stage__c"]})]
    with open_file_world(tmp_path / "world", metadata=metadata, Opportunities_over_S3__c=False) as world:
        world.do("mapping", "object", "Lead", "--type", "lead", "--yes")
        for name in ("company", "fullName", "email", "status", "currentLeadStage"):
            given = (
                [word for pair in STATUS.items() for word in ("--value", "=".join(pair))] if name == "status" else []
            )
            world.do("mapping", "set", name, STANDARD[name], "--type", "lead", *given)
        world.do("mapping", "publish", "--type", "lead")
        lead = exported_lead(**SEEN_LEAD, currentLeadStage="Accepted")
        world.exported("seen.json", lead, kind=LEAD)
        world.take(LEAD)
        where = f"SELECT Id, IsConverted, {APN} FROM Lead WHERE {APN} = '{lead[APN_KEY]}'"
        (row,) = world.admin.rows(where)
        world.control("/salesforce/convert", lead=row["Id"], user="admin")
        later = {**lead, "email": "other@harbour.example", "lastModifiedDate": "2059-01-01T00:00:00.000Z"}
        world.exported("later.json", later, kind=LEAD)
        world.run("sync", "inbound", "--object", "lead")
        (after,) = world.admin.rows(where)
        assert after["IsConverted"] and after["Id"] == row["Id"] and after[APN] == lead[APN_KEY]
        assert world.send(LEAD) == []


@pytest.mark.requirement("LEAD-13")
def test_a_converted_own_lead_is_shared_as_an_opportunity(tmp_path: Path) -> None:
    """As a partner's opportunity, by the API; the lead itself goes nowhere."""
    metadata = [write_fields(tmp_path / "metadata", Activities__c=TEXT, Solution__c=TEXT)]
    with open_file_world(tmp_path / "world", metadata=metadata, Opportunities_over_S3__c=False) as world:
        use_mapping(world, document({**paths(), **BESIDE}))
        lead = {"LastName": "Castell", "Company": "Harbour Authority", "Status": "Open - Not Contacted"}
        answered = world.seller.post("sobjects/Lead", lead)
        assert answered.status_code == 201, answered.text
        converted = world.control("/salesforce/convert", lead=answered.json()["id"])
        record = str(next(value for value in converted.values() if str(value).startswith("006")))
        values = {
            "Description": "Its yard is managed on paper, and each day containers are searched for.",
            "ACE_Sync_with_AWS__c": True, "CloseDate": "2060-03-01", "StageName": "Prospecting",
            "Customer_Email__c": "ines@harbour.example", "Solution__c": "Moving",
        }  # fmt: skip
        answered = world.integration.patch(f"sobjects/{PRIMARY}/{record}", {**needed_values(), **values})
        assert answered.status_code == 204, answered.text
        (account,) = world.admin.rows(f"SELECT AccountId FROM {PRIMARY} WHERE Id = '{record}'")
        site = {"Website": "https://harbour.example", "BillingCity": "Seattle", "BillingPostalCode": "98101"}
        world.admin.patch(f"sobjects/Account/{account['AccountId']}", site)
        ran = world.run("sync", "outbound")
        assert ran.code == 0, world.details(record)
        (identifier,) = world.of_record(record)
        assert world.stored(identifier)["opportunityOwnership"] == "Partner Referral"
        assert world.wire.puts() == []


def needed_values() -> dict[str, Any]:
    """Return values for the fields that AWS asks for beside Salesforce's own, by field of the standard opportunity."""
    wanted = {**paths(), **BESIDE}
    found = {path: sound_record().get(name) for name, path in wanted.items() if path.endswith("__c")}
    return {path: plain(value) for path, value in found.items() if value is not None}


def plain(value: Any) -> Any:
    """Return a value as Salesforce's REST API takes it."""
    if isinstance(value, tuple):
        return ";".join(value)
    return value.isoformat() if hasattr(value, "isoformat") else float(value) if hasattr(value, "is_finite") else value
