"""Rows in the sandbox org reach those whom sharing lets reach them: owners, shares, masters, View All, Modify All."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from salesforce_sandbox import Client, World, running_org, write_metadata

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<{0} xmlns="http://soap.sforce.com/2006/04/metadata">{1}</{0}>\n'
RIGHTS = ("allowCreate", "allowDelete", "allowEdit", "allowRead")
MEMO = (
    "<label>Memo</label><pluralLabel>Memos</pluralLabel><nameField><label>Memo</label><type>AutoNumber</type>"
    "<displayFormat>M{00}</displayFormat></nameField><sharingModel>ReadWrite</sharingModel>"
)
MEMO_FIELDS = {
    "About__c": "<type>Lookup</type><referenceTo>Deal__c</referenceTo><relationshipName>Memos</relationshipName>",
    "Topic__c": "<type>Text</type><formula>About__r.Title__c</formula>",
}
GRANTED = ("Deal__c.Key__c", "Deal__c.Notes__c", "Memo__c.About__c", "Memo__c.Topic__c")
OBJECTS = ("Deal__c", "Deal_Line__c", "Memo__c")


def permission_set(*above: str) -> str:
    """Return a permission set with all rights on all objects of this org; ``above`` are View All and Modify All."""
    flags = "".join(f"<{one}>true</{one}>" for one in (*RIGHTS, *above))
    objects = "".join(f"<objectPermissions>{flags}<object>{one}</object></objectPermissions>" for one in OBJECTS)
    fields = "".join(
        f"<fieldPermissions><editable>{str('Topic' not in one).lower()}</editable><field>{one}</field>"
        "<readable>true</readable></fieldPermissions>"
        for one in GRANTED
    )
    return HEAD.format("PermissionSet", f"<label>Set</label>{objects}{fields}")


def write_source(folder: Path) -> Path:
    """Write the source: sellers work with their own deals, the integration sees all, one more set edits all."""
    source = write_metadata(folder)
    memo = source / "objects" / "Memo__c"
    (memo / "fields").mkdir(parents=True)
    (memo / "Memo__c.object-meta.xml").write_text(HEAD.format("CustomObject", MEMO))
    for name, inner in MEMO_FIELDS.items():
        text = f"<fullName>{name}</fullName><label>{name[:-3]}</label>{inner}"
        (memo / "fields" / f"{name}.field-meta.xml").write_text(HEAD.format("CustomField", text))
    sets = source / "permissionsets"
    sets.mkdir()
    for name, above in {
        "Sales": (), "Integration": ("viewAllRecords",), "Admin_Edits_All": ("viewAllRecords", "modifyAllRecords"),
    }.items():  # fmt: skip
        (sets / f"{name}.permissionset-meta.xml").write_text(permission_set(*above))
    return source


class Office(World):
    """The org with all its people."""

    def __init__(self, world: World) -> None:
        self.__dict__.update(world.__dict__)
        users = self.org.launch_info()["users"]
        self.other = Client(self.url, users["seller2"]["access_token"])
        self.admin = Client(self.url, users["admin"]["access_token"])
        self.other_id, self.seller_id = users["seller2"]["id"], users["seller"]["id"]

    def share(self, record: str, level: str, holder: str = "", sharer: Client | None = None) -> Any:
        body = {"ParentId": record, "UserOrGroupId": holder or self.other_id, "AccessLevel": level}
        return (sharer or self.admin).post("sobjects/Deal__Share", body)

    def give(self, record: str, level: str) -> str:
        """Share a deal with the other seller; return the share's id."""
        answer = self.share(record, level)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("org")
    with running_org(write_source(folder / "source"), folder / "keys") as found:
        yield found


@pytest.fixture
def office(shared: World) -> Iterator[Office]:
    shared.org.reset()
    yield Office(shared)
    shared.org.schema["Deal__c"].sharing = "Private"


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, str(answer.json()[0]["errorCode"])


READ_ONLY = (400, "INSUFFICIENT_ACCESS_OR_READONLY")
NO_REFERENCE = (400, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY")
MISSING = (404, "NOT_FOUND")


def line(deal: str) -> dict[str, str]:
    return {"Deal__c": deal}


def test_a_private_row_is_absent_for_others(office: Office) -> None:
    """By id, by key, in queries of every kind, in collections and in what changed; writing it finds nothing."""
    deal = office.seller.deal(Key__c="K1")
    office.seller.post("sobjects/Deal_Line__c", line(deal))
    row = f"sobjects/Deal__c/{deal}"
    assert office.seller.get(row).status_code == 200
    for answer in (
        office.other.get(row), office.other.get("sobjects/Deal__c/Key__c/K1"),
        office.other.patch(row, {"Notes__c": "x"}), office.other.send("DELETE", row),
        office.other.send("DELETE", "sobjects/Deal__c/Key__c/K1"),
    ):  # fmt: skip
        assert refusal(answer) == MISSING
    assert office.other.rows("SELECT Id FROM Deal__c") == []
    assert office.other.rows(f"SELECT Id FROM Deal__c WHERE Id = '{deal}' OR Title__c = 'Deal'") == []
    assert office.other.query("SELECT COUNT() FROM Deal__c").json()["totalSize"] == 0
    assert office.other.rows("SELECT Id FROM Deal_Line__c") == []
    assert office.other.get("composite/sobjects/Deal__c", params={"ids": deal, "fields": "Id"}).json() == [None]
    [result] = office.other.patch(
        "composite/sobjects", {"records": [{"attributes": {"type": "Deal__c"}, "id": deal, "Notes__c": "x"}]}
    ).json()
    assert result["errors"][0]["statusCode"] == "NOT_FOUND"
    assert len(office.seller.rows("SELECT Id FROM Deal__c")) == 1


def test_what_changed_tells_of_visible_rows_only(office: Office) -> None:
    """Both of rows that were written and of rows that were deleted."""
    kept, gone = office.seller.deal(), office.seller.deal()
    assert office.seller.send("DELETE", f"sobjects/Deal__c/{gone}").status_code == 204
    office.clock.advance(120)
    span = {
        "start": f"{office.clock.now():%Y-%m-%dT}00:00:00Z", "end": f"{office.clock.now():%Y-%m-%dT%H:%M:%S}Z",
    }  # fmt: skip
    told = {
        name: (
            client.get("sobjects/Deal__c/updated/", params=span).json()["ids"],
            [one["id"] for one in client.get("sobjects/Deal__c/deleted/", params=span).json()["deletedRecords"]],
        )
        for name, client in {"owner": office.seller, "other": office.other, "viewer": office.worker}.items()
    }
    assert told == {"owner": ([kept], [gone]), "other": ([], []), "viewer": ([kept], [gone])}


def test_a_share_opens_a_row_as_far_as_it_says(office: Office) -> None:
    """Read: seen, not written. Edit: written, not deleted. Taken back: gone."""
    deal = office.seller.deal()
    row = f"sobjects/Deal__c/{deal}"
    share = office.give(deal, "Read")
    assert office.other.get(row).status_code == 200
    assert office.other.rows("SELECT Id FROM Deal__c") == [{"Id": deal}]
    assert refusal(office.other.patch(row, {"Notes__c": "x"})) == READ_ONLY
    assert office.admin.patch(f"sobjects/Deal__Share/{share}", {"AccessLevel": "Edit"}).status_code == 204
    assert office.other.patch(row, {"Notes__c": "x"}).status_code == 204
    assert refusal(office.other.send("DELETE", row)) == READ_ONLY
    assert office.admin.send("DELETE", f"sobjects/Deal__Share/{share}").status_code == 204
    assert refusal(office.other.get(row)) == MISSING


def test_who_may_share(office: Office) -> None:
    """Who owns the row, or may edit all; not a reader, and not with the level of owners."""
    deal = office.seller.deal()
    assert refusal(office.share(deal, "Edit", office.seller_id, sharer=office.other)) == NO_REFERENCE
    assert office.share(deal, "Read", sharer=office.seller).status_code == 201
    assert refusal(office.share(deal, "Edit", sharer=office.other)) == NO_REFERENCE
    assert refusal(office.share(deal, "All")) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
    [share] = office.other.rows("SELECT Id, RowCause, Parent.Title__c FROM Deal__Share")
    assert (share["RowCause"], share["Parent"]["Title__c"]) == ("Manual", "Deal")
    assert refusal(office.other.send("DELETE", f"sobjects/Deal__Share/{share['Id']}")) == READ_ONLY


def test_a_group_shares_with_its_members(office: Office) -> None:
    """Of a public group, and of a queue that owns the row."""
    deal = office.seller.deal()
    made = office.admin.post("sobjects/Group", {"Name": "Co-sell team", "Type": "Regular"}).json()["id"]
    assert office.share(deal, "Read", made).status_code == 201
    assert office.other.rows("SELECT Id FROM Deal__c") == []
    member = {"GroupId": made, "UserOrGroupId": office.other_id}
    assert refusal(office.seller.post("sobjects/GroupMember", member)) == READ_ONLY
    assert office.admin.post("sobjects/GroupMember", member).status_code == 201
    assert office.other.rows("SELECT Id FROM Deal__c") == [{"Id": deal}]
    assert office.seller.patch(f"sobjects/Deal__c/{deal}", {"OwnerId": made}).status_code == 204
    assert office.other.patch(f"sobjects/Deal__c/{deal}", {"Notes__c": "ours"}).status_code == 204
    assert refusal(office.seller.get(f"sobjects/Deal__c/{deal}")) == MISSING


def test_details_follow_their_master(office: Office) -> None:
    """Seen by whoever sees the master; written by whoever may write the master."""
    deal = office.seller.deal()
    first = office.seller.post("sobjects/Deal_Line__c", line(deal)).json()["id"]
    assert refusal(office.other.get(f"sobjects/Deal_Line__c/{first}")) == MISSING
    assert refusal(office.other.post("sobjects/Deal_Line__c", line(deal))) == NO_REFERENCE
    share = office.give(deal, "Read")
    assert office.other.get(f"sobjects/Deal_Line__c/{first}").status_code == 200
    [row] = office.other.rows("SELECT Id, (SELECT Id FROM Lines__r) FROM Deal__c")
    assert [one["Id"] for one in row["Lines__r"]["records"]] == [first]
    assert refusal(office.other.post("sobjects/Deal_Line__c", line(deal))) == NO_REFERENCE
    assert refusal(office.other.send("DELETE", f"sobjects/Deal_Line__c/{first}")) == READ_ONLY
    office.admin.patch(f"sobjects/Deal__Share/{share}", {"AccessLevel": "Edit"})
    assert office.other.post("sobjects/Deal_Line__c", line(deal)).status_code == 201
    assert office.other.send("DELETE", f"sobjects/Deal_Line__c/{first}").status_code == 204


def test_a_deleted_master_takes_its_details_and_shares_along(office: Office) -> None:
    """Also details that somebody else made."""
    deal = office.seller.deal()
    office.give(deal, "Edit")
    office.other.post("sobjects/Deal_Line__c", line(deal))
    assert office.seller.send("DELETE", f"sobjects/Deal__c/{deal}").status_code == 204
    assert [office.admin.rows(f"SELECT Id FROM {one}") for one in ("Deal_Line__c", "Deal__Share")] == [[], []]


def test_view_all_and_modify_all(office: Office) -> None:
    """The one sees every row and edits none; the other does both, and so does an administrator."""
    deal = office.seller.deal()
    row = f"sobjects/Deal__c/{deal}"
    first = office.seller.post("sobjects/Deal_Line__c", line(deal)).json()["id"]
    assert office.worker.rows("SELECT Id FROM Deal__c") == [{"Id": deal}]
    assert office.worker.rows("SELECT Id FROM Deal_Line__c") == [{"Id": first}]
    assert refusal(office.worker.patch(row, {"Notes__c": "x"})) == READ_ONLY
    [edits_all] = office.admin.rows("SELECT Id FROM PermissionSet WHERE Name = 'Admin_Edits_All'")
    grant = {"PermissionSetId": edits_all["Id"], "AssigneeId": office.org.user("integration")}
    made = office.admin.post("sobjects/PermissionSetAssignment", grant).json()["id"]
    assert office.worker.patch(row, {"Notes__c": "x"}).status_code == 204
    assert office.admin.send("DELETE", f"sobjects/PermissionSetAssignment/{made}").status_code == 204
    assert refusal(office.worker.patch(row, {"Notes__c": "x"})) == READ_ONLY
    assert office.admin.patch(row, {"Notes__c": "y"}).status_code == 204
    assert office.admin.send("DELETE", row).status_code == 204


@pytest.mark.parametrize(("model", "edits"), [("Read", False), ("ReadWrite", True)])
def test_public_objects(office: Office, model: str, edits: bool) -> None:
    """Everybody reads, and edits where the model says so; only the owner deletes."""
    office.org.schema["Deal__c"].sharing = model
    deal = office.seller.deal()
    row = f"sobjects/Deal__c/{deal}"
    assert office.other.get(row).status_code == 200
    answer = office.other.patch(row, {"Notes__c": "x"})
    assert answer.status_code == 204 if edits else refusal(answer) == READ_ONLY
    assert refusal(office.other.send("DELETE", row)) == READ_ONLY
    assert refusal(office.share(deal, "Read")) == (400, "FIELD_INTEGRITY_EXCEPTION")
    assert office.seller.send("DELETE", row).status_code == 204


def test_only_an_owner_gives_a_row_away_and_shares_end_with_it(office: Office) -> None:
    """Whoever may only edit keeps the owner; with the new owner the manual shares are gone."""
    deal = office.seller.deal()
    row = f"sobjects/Deal__c/{deal}"
    office.give(deal, "Edit")
    assert refusal(office.other.patch(row, {"OwnerId": office.other_id})) == READ_ONLY
    assert office.seller.patch(row, {"OwnerId": office.org.user("admin")}).status_code == 204
    assert refusal(office.seller.get(row)) == MISSING
    assert refusal(office.other.get(row)) == MISSING
    assert office.admin.rows("SELECT Id FROM Deal__Share") == []


def test_references_to_rows_out_of_reach(office: Office) -> None:
    """They cannot be made; what is there shows its id, no field of the row behind it, and formulas as ever."""
    deal = office.seller.deal(Key__c="K2")
    assert refusal(office.other.post("sobjects/Memo__c", {"About__c": deal})) == NO_REFERENCE
    assert refusal(office.other.post("sobjects/Memo__c", {"About__r": {"Key__c": "K2"}})) == (400, "INVALID_FIELD")
    memo = office.seller.post("sobjects/Memo__c", {"About__c": deal}).json()["id"]
    soql = "SELECT Topic__c, About__c, About__r.Title__c, About__r.Key__c FROM Memo__c"
    assert office.other.rows(soql) == [{"Topic__c": "Deal", "About__c": deal, "About__r": None}]
    assert office.other.rows(f"{soql} WHERE About__r.Title__c = 'Deal'") == []
    assert office.seller.rows(soql)[0]["About__r"]["Key__c"] == "K2"
    assert office.other.rows("SELECT Id FROM Memo__c WHERE About__c IN (SELECT Id FROM Deal__c)") == []
    assert office.seller.rows("SELECT Id FROM Memo__c WHERE About__c IN (SELECT Id FROM Deal__c)") == [{"Id": memo}]


def test_a_unique_value_of_a_row_out_of_reach(office: Office) -> None:
    """It is taken; whose it is, is not told. An upsert does not find the row either."""
    office.seller.deal(Key__c="K3")
    refused = office.other.post("sobjects/Deal__c", {"Title__c": "Mine", "Key__c": "K3"})
    assert refusal(refused) == (400, "DUPLICATE_VALUE")
    assert "<unknown>" in refused.json()[0]["message"]
    upserted = office.other.patch("sobjects/Deal__c/Key__c/K3", {"Title__c": "Mine"})
    assert refusal(upserted) == (400, "DUPLICATE_VALUE")


def access(client: Client, user: str, *records: str) -> dict[str, tuple[Any, ...]]:
    """Return who asks is told of a user's access, by record."""
    ids = ", ".join(f"'{one}'" for one in records)
    flags = ("HasReadAccess", "HasEditAccess", "HasDeleteAccess", "HasAllAccess", "MaxAccessLevel")
    soql = f"SELECT RecordId, {', '.join(flags)} FROM UserRecordAccess WHERE UserId = '{user}' AND RecordId IN ({ids})"
    return {row["RecordId"]: tuple(row[one] for one in flags) for row in client.rows(soql)}


def test_user_record_access(office: Office) -> None:
    """It tells of somebody else what that user would meet; for rows that the asker sees himself."""
    mine, read, edit, hers = (office.seller.deal() for _ in range(4))
    office.give(read, "Read")
    office.give(edit, "Edit")
    office.seller.patch(f"sobjects/Deal__c/{hers}", {"OwnerId": office.other_id})
    nothing = (False, False, False, False, "None")
    told = access(office.worker, office.other_id, mine, read, edit, hers)
    assert told == {
        mine: nothing, read: (True, False, False, False, "Read"), edit: (True, True, False, False, "Edit"),
        hers: (True, True, True, True, "All"),
    }  # fmt: skip
    assert set(access(office.seller, office.other_id, mine, hers)) == {mine}
    single = f"SELECT HasEditAccess FROM UserRecordAccess WHERE UserId='{office.other_id}' AND RecordId='{edit}'"
    assert office.worker.rows(single) == [{"HasEditAccess": True}]
    viewer = office.org.user("integration")
    assert access(office.admin, viewer, mine)[mine] == (True, False, False, False, "Read")


def test_user_record_access_counts_rights_on_the_object(office: Office) -> None:
    """Without the permission set the owner of a row edits it no more."""
    deal = office.seller.deal()
    held = f"AssigneeId = '{office.seller_id}' AND PermissionSet.Name = 'Sales'"
    [row] = office.admin.rows(f"SELECT Id FROM PermissionSetAssignment WHERE {held}")
    assert access(office.worker, office.seller_id, deal)[deal][1]
    office.admin.send("DELETE", f"sobjects/PermissionSetAssignment/{row['Id']}")
    assert access(office.worker, office.seller_id, deal)[deal] == (False, False, False, False, "None")


@pytest.mark.parametrize(
    "where",
    ["", "WHERE UserId = '{user}'", "WHERE RecordId = '{deal}'", "WHERE UserId = '{user}' OR RecordId = '{deal}'"],
)
def test_user_record_access_needs_its_filters(office: Office, where: str) -> None:
    """One user and some records, or the query is refused; as it is with more than 200 records."""
    text = where.format(user=office.other_id, deal=office.seller.deal())
    answer = office.worker.query(f"SELECT RecordId FROM UserRecordAccess {text}")
    assert refusal(answer) == (400, "MALFORMED_QUERY")


def test_user_record_access_takes_200_records(office: Office) -> None:
    deals = office.org.insert("Deal__c", [{"Title__c": str(one)} for one in range(201)])
    assert len(access(office.worker, office.other_id, *deals[:200])) == 200
    ids = ", ".join(f"'{one}'" for one in deals)
    soql = f"SELECT RecordId FROM UserRecordAccess WHERE UserId = '{office.other_id}' AND RecordId IN ({ids})"
    assert refusal(office.worker.query(soql)) == (400, "MALFORMED_QUERY")
