"""The door has the shape that the engine asks for."""

from __future__ import annotations

import inspect

import pytest
from salesforce_script import settings_for

from connector.salesforce.door import SalesforceDoor
from connector.sync.ports import SalesforcePort

METHODS = sorted(name for name in vars(SalesforcePort) if not name.startswith("_"))


@pytest.mark.parametrize("name", METHODS)
def test_the_door_takes_the_arguments_that_the_port_names(name: str) -> None:
    wanted = inspect.signature(getattr(SalesforcePort, name)).parameters.values()
    offered = inspect.signature(getattr(SalesforceDoor, name)).parameters.values()
    assert [(p.name, p.kind, p.default) for p in offered] == [(p.name, p.kind, p.default) for p in wanted]


def test_a_door_can_be_made_without_a_network() -> None:
    door = SalesforceDoor(settings_for("https://acme.my.salesforce.com"))
    assert door.api_usage() == (0, 0) and door.own_usage() == 0
    door.close()
