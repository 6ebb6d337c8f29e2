"""The API shape and the rules against an independent reading of AWS's behaviour: the embedded Partner Central.

What the rules let pass must be taken there, and what an update is expected to leave must be what is read back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from ace_records import TODAY, records, sound_record
from hypothesis import HealthCheck, assume, given, settings
from sandbox_partner_central import SOLUTION, World

from connector.ace import api_shape, rules
from connector.ace.catalogue import Moment
from connector.ace.text import outgoing, same
from connector.aws.partner_central import PartnerCentralDoor
from connector.aws.session import PartnerCentralSettings

SET_BY_AWS = {
    "createdDate",
    "lastModifiedDate",
    "arn",
    "nextStepHistory",
    "opportunityOwnerEmail",
    "opportunityOwnerName",
}
SET_BY_AWS |= {"apnReviewerComments", "lifeCycle.reviewStatusReason"}
IGNORED_BY_AWS = {"parentOppId"}
"""AWS does not store a parent for net new business, and asks that one exists otherwise."""
CLEARED_BY_SOLUTION = {"otherSolutionOffered"}
ESTIMATED = {"expectedMonthlyAwsRevenue", "project.expectedCustomerSpend.estimationUrl"}
examples = settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    world.clock.set(datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC))
    yield world
    world.close()


@pytest.fixture(scope="module")
def door(world: World) -> PartnerCentralDoor:
    return PartnerCentralDoor(
        PartnerCentralSettings(
            endpoint_url=world.url,
            access_key_id=world.settings.access_key_id,
            secret_access_key=world.settings.secret_access_key,
            writes_per_second=1000,
            reads_per_second=1000,
            writes_per_day=1_000_000,
        )
    )


def whole(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with everything that a create needs and nothing that another opportunity must satisfy."""
    country = {} if record.get("country", "US") == "US" else {"postalCode": record.get("postalCode")}
    base = sound_record(solutionOffered=(SOLUTION,)) | {k: v for k, v in record.items() if v is not None} | country
    return {name: value for name, value in base.items() if name not in IGNORED_BY_AWS}


def create(door: PartnerCentralDoor, record: dict[str, Any]) -> dict[str, Any]:
    request = api_shape.to_create(record, catalog="AWS", client_token=str(uuid4()))
    identifier = str(door.create_opportunity(request)["Id"])
    door.associate(identifier, "Solutions", SOLUTION)
    return door.get_opportunity(identifier)


def passes(record: dict[str, Any], moment: Moment, **more: Any) -> bool:
    return not rules.problems(record, moment=moment, today=TODAY, has_solution=True, **more)


@examples
@given(records())
def test_what_the_rules_let_pass_is_taken_and_comes_back(door: PartnerCentralDoor, record: dict[str, Any]) -> None:
    sent = whole(record)
    assume(passes(sent, Moment.CREATE))
    got = api_shape.from_get(create(door, sent))
    for name, value in outgoing(sent).items():
        assert name in ESTIMATED | CLEARED_BY_SOLUTION or same(got[name], value), name


@examples
@given(records(), records())
def test_an_update_leaves_what_was_expected(
    door: PartnerCentralDoor, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """No read is needed after an update, and nothing that the record does not name has changed."""
    first = whole(before)
    assume(passes(first, Moment.CREATE))
    base = create(door, first)
    assert unexpected(door, base, after) == set()


@examples
@given(records())
def test_what_the_rules_let_be_submitted_is_reviewed(door: PartnerCentralDoor, record: dict[str, Any]) -> None:
    """A draft that AWS refuses to review stays behind for ever, since nothing can delete it."""
    sent = whole(record)
    assume(passes(sent, Moment.SUBMIT))
    identifier = create(door, sent)["Id"]
    task = door.start_engagement(
        identifier,
        token=str(uuid4()),
        involvement=api_shape.involvement(sent),
        visibility=api_shape.visibility(sent),
    )
    assert task["TaskStatus"] == "COMPLETE", task.get("Message")
    assert door.get_opportunity(identifier)["LifeCycle"]["ReviewStatus"] == "Submitted"


@pytest.mark.parametrize("phase", ["Action Required", "Approved", "Launched"])
@examples
@given(after=records())
def test_edits_of_locked_fields_do_not_stop_the_others(
    world: World, door: PartnerCentralDoor, phase: str, after: dict[str, Any]
) -> None:
    """One locked value that differs makes AWS refuse everything; what may go, goes."""
    base = door.get_opportunity(world.in_phase(phase))
    assert unexpected(door, base, after) == set()


def unexpected(door: PartnerCentralDoor, base: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Bring the opportunity to the record and return the fields that AWS then has otherwise than expected."""
    edit = {name: value for name, value in after.items() if name not in IGNORED_BY_AWS}
    status = base["LifeCycle"]["ReviewStatus"]
    assume(passes(edit, Moment.UPDATE, before=api_shape.from_get(base), review_status=status))
    request = api_shape.to_update(edit, base, catalog="AWS")
    expected = api_shape.from_get(api_shape.merged_answer(base, request, door.update_opportunity(request)))
    found = api_shape.from_get(door.get_opportunity(base["Id"]))
    unsure = SET_BY_AWS | (ESTIMATED if api_shape.needs_reading(base, request) else set())
    return {name for name in found if name not in unsure and not same(found[name], expected[name])}
