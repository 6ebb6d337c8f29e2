"""The full comparison: drift is found, repaired where nobody has to decide, and told where somebody has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from backfill_world import APN_ID, create_at_aws, holders, stamps, unflagged, write_rows
from system_world import CATALOG, FAST, World, codes, open_live, open_world

from connector.store.state import State

DAY = 24 * 60 * 60


def compare(world: World, *options: str, code: int | None = None) -> dict[str, Any]:
    """Compare both sides once the last edit has settled; return the figures that are not zero."""
    world.advance(5)
    ran = world.run("reconcile", "--json", *options)
    assert code is None or ran.code == code, f"{ran.out}\n{ran.err}"
    return {name: number for name, number in ran.json["counts"].items() if number}


@contextmanager
def open_quiet(directory: Path) -> Iterator[World]:
    """Open a world with a record of ours and a colleague's, both in step; nothing runs unless a test runs it."""
    with open_world(directory) as world:
        world.shared()
        create_at_aws(world)
        world.sync("inbound")
        yield world


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Nothing is sent by itself; each test leaves both sides in step."""
    with open_quiet(tmp_path_factory.mktemp("quiet")) as world:
        yield world


@pytest.mark.requirement("OPS-19")
def test_two_sides_in_step_have_nothing_to_report_but_what_lacks_our_identifier(tmp_path: Path) -> None:
    """The colleague's opportunity is approved and open, and does not name its record."""
    with open_quiet(tmp_path) as world:
        before = stamps(world)
        found = compare(world, code=0)
        assert found == {"in_step": len(before), "nameless": 1}
        (nameless,) = world.run("reconcile", "--json").json["found"]["nameless"]
        assert world.get(nameless).get("PartnerOpportunityIdentifier") is None
        assert compare(world, "--repair", code=0) == found
        assert stamps(world) == before and world.errors("") == []


def test_what_aws_has_and_nothing_here_is_linked_to_is_imported(quiet: World) -> None:
    identifier = create_at_aws(quiet)
    assert compare(quiet, code=1)["unlinked"] == 1
    assert holders(quiet, identifier) == []
    compare(quiet, "--repair", code=0)
    with State.open(quiet.state_path) as state:
        (item,) = [one for one in state.queue.list("waiting") if one.payload.get("apn_id") == identifier]
        assert item.priority == 80
    quiet.sync("inbound")
    assert len(holders(quiet, identifier)) == 1
    assert "unlinked" not in compare(quiet, code=0)


def test_a_change_of_aws_that_was_missed_is_brought_in(quiet: World) -> None:
    record, identifier = quiet.shared()
    quiet.edit_at_aws(identifier, Customer__Account__Address__City="Tacoma")
    assert compare(quiet, code=1)["behind"] == 1
    compare(quiet, "--repair", code=0)
    with State.open(quiet.state_path) as state:
        assert [one.kind for one in state.queue.list(key=record) if one.state == "waiting"] == ["inbound"]
    quiet.sync("inbound")
    assert quiet.row(record, "City__c")["City__c"] == "Tacoma"


def test_an_edit_that_was_not_sent_is_due_again_and_never_written_over(quiet: World) -> None:
    record, identifier = quiet.shared()
    quiet.edit(record, Next_Step__c="A person's word")
    assert compare(quiet, code=1)["unsent"] == 1
    compare(quiet, "--repair", code=0)
    quiet.sync("inbound")
    assert quiet.row(record, "Next_Step__c")["Next_Step__c"] == "A person's word"
    quiet.sync(record=record)
    assert quiet.get(identifier)["LifeCycle"]["NextSteps"] == "A person's word"
    assert "unsent" not in compare(quiet)


def test_identifiers_that_were_tampered_with_are_restored_or_told(tmp_path: Path) -> None:
    """A lost one is written again; a changed one, one that a link does not know, and none of AWS's are a person's."""
    with open_world(tmp_path) as world:
        (lost, one), (changed, two), free = world.shared(), world.shared(), unflagged(world)
        strange = unflagged(world)
        unknown = create_at_aws(world)
        world.edit(lost, world.admin, **{APN_ID: None})
        world.edit(changed, world.admin, **{APN_ID: "O77"})
        world.edit(free, world.admin, **{APN_ID: unknown})
        world.edit(strange, world.admin, **{APN_ID: "ACME-1"})
        found = compare(world, code=1)
        named = ("identifier_missing", "identifier_changed", "unknown_identifier", "identifier_malformed")
        assert [found.get(name) for name in named] == [1, 1, 1, 1]
        compare(world, "--repair", code=0)
        world.sync("inbound")
        assert holders(world, one) == [lost] and holders(world, unknown) == [free]
        assert codes(world.errors(changed)) == ["IDENTIFIER_CHANGED"] and codes(world.errors(strange)) == [
            "IDENTIFIER_MALFORMED"
        ]
        compare(world, "--repair")
        assert codes(world.errors(changed)) == ["IDENTIFIER_CHANGED"]
        world.edit(changed, world.admin, **{APN_ID: two})
        world.edit(strange, world.admin, **{APN_ID: None})
        compare(world, "--repair")
        assert world.errors(changed) == []


def test_a_link_to_what_vanished_is_told_or_buried(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        (gone, identifier), (deleted, other) = world.shared(), world.shared()
        catalog = world.sandbox.partner_central.account.catalog(CATALOG)
        with world.sandbox.partner_central.lock, catalog.editing(catalog.opportunities[identifier]):
            catalog.opportunities[identifier].accepted = False
        assert world.admin.send("DELETE", f"sobjects/ACE_Opportunity__c/{deleted}").status_code == 204
        found = compare(world, code=1)
        assert (found["gone"], found["deleted"]) == (1, 1)
        compare(world, "--repair", code=0)
        (told,) = world.errors(gone)
        assert told["Error_Code__c"] == "GONE_AT_AWS" and identifier in told["Error_Message__c"]
        with State.open(world.state_path) as state:
            assert state.links.require(deleted).status == "tombstone"
        world.edit_at_aws(other, LifeCycle__NextSteps="AWS goes on")
        world.sync("inbound")
        assert holders(world, other) == []


def test_where_both_sides_differ_and_nobody_edited_a_person_decides(tmp_path: Path) -> None:
    """A pair that was linked by hand keeps what each side says: one open detail names the fields, until they agree."""
    with open_world(tmp_path) as world:
        record = unflagged(world, City__c="Renton", Solution_Offered__c="S-1234567")
        identifier = create_at_aws(world, RelatedEntityIdentifiers={"Solutions": ["S-1234567"]})
        world.do("backfill", "--stage", "Committed")
        names = ("opportunity_id", "candidate_record_id", "decision")
        write_rows(tmp_path / "pair.csv", [dict(zip(names, (identifier, record, "link"), strict=True))])
        world.do("backfill", "--links", str(tmp_path / "pair.csv"))
        assert compare(world, code=1)["different"] == 1
        for _ in range(2):
            compare(world, "--repair", code=0)
        (told,) = world.errors(record)
        assert told["Error_Code__c"] == "DIFFERS_AT_AWS" and "city" in told["Error_Message__c"]
        assert world.row(record, "City__c")["City__c"] == "Renton" and world.proxy.writes() == []
        for name in told["Error_Message__c"].partition("'")[2].partition("'")[0].split(", "):
            _agree(world, record, identifier, name)
        world.sync("inbound")
        compare(world, "--repair")
        assert world.errors(record) == []


def _agree(world: World, record: str, identifier: str, name: str) -> None:
    """Change one field at AWS, as somebody does who has decided for Salesforce's value."""
    from connector.ace import api_shape
    from connector.ace.catalogue import opportunity_fields

    field = opportunity_fields()[name]
    value = world.row(record, field.salesforce_name)[field.salesforce_name]
    shaped = api_shape.to_create({name: value}, catalog=CATALOG, client_token="t")
    del shaped["Catalog"], shaped["ClientToken"]
    world.control("/aws/edit", opportunity=identifier, fields=shaped)


@pytest.mark.timeout(180)
def test_the_worker_compares_once_a_day_and_on_request(tmp_path: Path) -> None:
    """A change that no sweep shows any more, because its cursor is past it, is found within a day."""
    with open_live(tmp_path, **FAST) as live:
        world, (record, identifier) = live.world, live.worker.shared()
        world.edit_at_aws(identifier, Customer__Account__Address__City="Everett")
        world.advance(1)
        live.worker.cycle()
        with State.open(world.state_path) as state:
            link = state.links.require(record)
            link.aws_modified = "2020-01-01T00:00:00.000000Z"
            state.links.save(link)
        assert world.run("reconcile").code == 3
        world.do("reconcile", "--repair")
        live.worker.wait_for("compared both sides")
        live.worker.settle()
        (line,) = [one for one in live.worker.lines() if one["event"] == "compared both sides"]
        assert line["behind"] == 1
        world.advance(DAY + 3600)
        live.worker.wait_for("compared both sides", 2)
        live.worker.settle()
        line = [one for one in live.worker.lines() if one["event"] == "compared both sides"][-1]
        assert (line["behind"], line["in_step"]) == (0, 1)
        assert world.errors(record) == []
        told = world.logs("Purpose__c = 'Inbound File Retrieval'", "Message__c")
        assert any("Both sides were compared" in str(one["Message__c"]) for one in told)


@pytest.mark.requirement("OPS-16")
@pytest.mark.timeout(180)
def test_a_verification_opportunity_that_aws_rejected_can_be_deleted_without_a_call_or_an_error(tmp_path: Path) -> None:
    with open_live(tmp_path, **FAST) as live:
        world, (record, identifier) = live.world, live.worker.shared("In review", "Rejected")
        assert world.admin.send("DELETE", f"sobjects/ACE_Opportunity__c/{record}").status_code == 204
        world.proxy.forget()
        for seconds in (61, DAY + 3600, 61):
            live.worker.cycle(seconds)
        assert world.proxy.writes() == []
        assert holders(world, identifier) == [] and world.errors(record) == []
