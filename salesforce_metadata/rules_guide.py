"""The guide to the validation rules: their formulas, to be copied to an org's own objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.names import ACE_LEAD, ACE_OPPORTUNITY
from salesforce_metadata.synced import LEAD_RULES, NOT_THE_CONNECTOR, OPPORTUNITY_RULES

NAME = "validation_rules.md"
HEAD = f"""# Validation rules of the packaged objects

The package checks `{ACE_OPPORTUNITY}` and `{ACE_LEAD}` for people, and leaves the connector alone. Where you map a
standard object or an object of your own, you can have the same checks there:

1. Under **Setup > Object Manager**, open the object and choose **Validation Rules > New**.
2. Copy the formula of a rule below, and put your object's field names in place of those of the packaged object.
3. Copy the message, and choose the field that shows it.
4. Leave the first two conditions as they are. They keep the rule from refusing what comes from AWS.

This file is written by `generate.py`, together with the rules themselves.
"""


def text() -> str:
    """Return the guide as Markdown."""
    return "\n".join([HEAD, *_section(ACE_OPPORTUNITY, OPPORTUNITY_RULES), *_section(ACE_LEAD, LEAD_RULES)])


def _section(owner: str, rules: Mapping[str, tuple[str, str, str]]) -> Iterable[str]:
    yield f"## {owner}\n"
    for name, (formula, field, message) in rules.items():
        yield f"### {name}\n"
        yield f"Shown at `{field}`: {message}\n"
        yield f"```\nAND({NOT_THE_CONNECTOR}, {formula})\n```\n"
