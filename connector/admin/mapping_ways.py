"""How a person gets to what a message tells them to do: by a command, or on a page. One desk serves both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from connector.mapping.model import RecordType

Way = Literal[
    "object", "automap", "show", "mapped", "propose", "publish", "move", "published", "import",
    "send", "preview", "check", "primary", "additional", "default",
]  # fmt: skip
"""What can be told to do; each is worded to fit into the sentence that names it."""

_COMMANDS: Mapping[Way, str] = {
    "object": "`connector mapping object{type}`",
    "automap": "`connector mapping automap{type}`",
    "show": "`connector mapping show{type}`",
    "mapped": "`connector mapping show{type} --mapped`",
    "propose": "`connector mapping propose{type}`",
    "publish": "`connector mapping publish{type}`",
    "move": "--move",
    "published": "by leaving out --draft",
    "import": "--type {kind}",
    "send": "`connector sync outbound{object}`",
    "preview": "`connector preview`",
    "check": "`connector mapping check{type}`",
    "primary": "--primary AWS=SALESFORCE",
    "additional": "--additional SALESFORCE=AWS",
    "default": "--default SALESFORCE=AWS",
}
_PAGES: Mapping[Way, str] = {
    "object": "the Object Selector",
    "automap": "Auto Map ACE Object on the page Fields",
    "show": "the page Fields",
    "mapped": "the page Fields, with the Mapping View Mapped,",
    "propose": "the page Proposals",
    "publish": "the page Draft and publish",
    "move": "the box ticked that sets linked records aside",
    "published": "by its own button",
    "import": "the page Export and import of the {kind} mappings",
    "send": "a run of the worker",
    "preview": "the page Preview a record",
    "check": "the page Check of the {kind} mappings",
    "primary": "the step Primary APN Values",
    "additional": "the step Additional APN Value",
    "default": "the step Secondary APN Values",
}


def by_command(way: Way, record_type: RecordType) -> str:
    """Return what to type."""
    other = record_type != "opportunity"
    kind, of = (f" --type {record_type}", f" --object {record_type}") if other else ("", "")
    return _COMMANDS[way].format(type=kind, kind=record_type, object=of)


def on_page(way: Way, record_type: RecordType) -> str:
    """Return where to go on the web pages."""
    return _PAGES[way].format(kind=record_type)
