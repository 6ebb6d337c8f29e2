"""An object with 200 fields of the partner's own, as many of them mapped as AWS has fields, is in step both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ace_records import sound_record
from own_org_world import AWS_ID, SYNC, SYNCED, WIDE, open_own_world, wide_field, wide_fields
from system_world import World

from connector.ace.catalogue import AceField, FieldType, opportunity_fields
from connector.mapping.needs import FIXED

RECORDS = 30
_KINDS = {
    "<type>LongTextArea": "long", "<type>Text": "text", "<type>Picklist": "picklist", "<type>Number": "number",
    "<type>Date": "date", "<type>Checkbox": "checkbox", "<type>Currency": "currency",
}  # fmt: skip
_WANTED: Mapping[FieldType, tuple[str, ...]] = {
    **dict.fromkeys(FieldType, ("text", "long")),
    FieldType.LONG_TEXT: ("long", "text"),
    FieldType.AMOUNT: ("currency", "number"),
    FieldType.INTEGER: ("number", "currency"),
    FieldType.DATE: ("date",),
    FieldType.DATETIME: (),
}
RELATED = ("CreatedBy.Title", "LastModifiedBy.Title", "CreatedBy.Manager.Title")
"""For the fields of AWS that are left when the object's texts are used up."""


def paths() -> dict[str, str]:
    """Return AWS field → path: fields of the object as long as there are fitting ones, then related ones."""
    free: dict[str, list[str]] = {}
    for name, inner in wide_fields().items():
        kind = next((kind for start, kind in _KINDS.items() if inner.startswith(start)), "")
        if name.startswith("A_Name"):
            free.setdefault(kind, []).append(name)
    found, related = dict[str, str](), iter(RELATED * 40)
    for ace in sorted(opportunity_fields().values(), key=lambda one: not one.required):
        if ace.name in FIXED or not _WANTED[ace.type]:
            continue
        left = next((free[kind] for kind in _WANTED[ace.type] if free.get(kind)), None)
        found[ace.name] = left.pop(0) if left else next(related)
    return found


def document(mapped: Mapping[str, str]) -> dict[str, Any]:
    known: Mapping[str, AceField] = opportunity_fields()
    fields = [
        {"ace_field": name, "path": path, "inbound": known[name].inbound and "." not in path}
        for name, path in mapped.items()
    ]
    own = {"sync_with_aws": SYNC, "last_sync_date": SYNCED, "has_updates": "", "apn_id": AWS_ID, "invitation_id": ""}
    head = {"schema": 1, "record_type": "opportunity", "object": WIDE, "version": 0}
    return {**head, "own_fields": own, "fields": fields}


def row(mapped: Mapping[str, str], number: int) -> dict[str, Any]:
    """Return a complete row."""
    values = sound_record(
        partnerProjectTitle=f"Wide deal {number}", nextStep="To be said", otherSolutionOffered="Moving"
    )
    known = {name: value for name, value in values.items() if name in mapped}
    plain = {
        name: ";".join(value) if isinstance(value, tuple) else str(value) if name == "targetCloseDate" else value
        for name, value in known.items()
    }
    plain["expectedMonthlyAwsRevenue"] = 1200
    return {mapped[name]: value for name, value in plain.items()} | {"Name": f"Wide {number}", SYNC: True}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("wide")
    with open_own_world(folder, wide=True, Share_Automatically__c=True, Update_Automatically__c=True) as opened:
        file = folder / "mapping.json"
        file.write_text(json.dumps(document(paths())), encoding="utf8")
        opened.do("mapping", "import", str(file))
        opened.do("mapping", "publish")
        yield opened


def test_as_many_fields_as_aws_has_are_mapped_and_in_step_both_ways(world: World) -> None:
    mapped = paths()
    assert len(mapped) > 130
    assert len({path for path in mapped.values() if "." not in path}) > 80
    assert len(wide_field(1)) > 38, "names as long as they may be make the longest queries"
    rows = [{"attributes": {"type": WIDE}, **row(mapped, number)} for number in range(RECORDS)]
    answer = world.seller.post("composite/sobjects", {"allOrNone": True, "records": rows})
    assert all(one["success"] for one in answer.json()), answer.text
    records = [one["id"] for one in answer.json()]
    world.advance(5)
    ran = world.run("sync", "outbound", "--json")
    assert ran.code == 0, (ran.err, world.details(records[0], "Error_Summary__c"))
    named = f"Id, {AWS_ID}, {SYNCED}"
    known = {one["Id"]: one[AWS_ID] for one in world.admin.rows(f"SELECT {named} FROM {WIDE}")}
    assert set(known) == set(records)
    assert all(known.values())
    assert len(world.listed()) == RECORDS
    for identifier in known.values():
        world.review(identifier, "Approved")
    world.sync("inbound")

    first = records[0]
    world.edit_at_aws(known[first], LifeCycle__NextSteps="AWS: it is wide", Project__AdditionalComments="Very wide")
    world.sync("inbound")
    fields = {name: mapped[name] for name in ("nextStep", "additionalComments", "status")}
    [found] = world.admin.rows(f"SELECT {', '.join(fields.values())} FROM {WIDE} WHERE Id = '{first}'")
    assert [found[fields[name]] for name in ("nextStep", "additionalComments")] == ["AWS: it is wide", "Very wide"]
    assert found[fields["status"]] == "Approved"

    world.advance(5)
    edited = world.seller.patch(f"sobjects/{WIDE}/{first}", {mapped["nextStep"]: "Wide and sent"})
    assert edited.status_code == 204, edited.text
    world.advance(5)
    world.sync("outbound")
    assert world.get(known[first])["LifeCycle"]["NextSteps"] == "Wide and sent"
    assert world.get(known[first])["Project"]["AdditionalComments"] == "Very wide"
