"""What an org would refuse to deploy although each file is well formed: names that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from connector.sandbox.salesforce.flows import Flow
from connector.sandbox.salesforce.formulas import names_in
from connector.sandbox.salesforce.metadata import MetadataError
from connector.sandbox.salesforce.permissions import PermissionSet
from connector.sandbox.salesforce.schema import Schema
from connector.sandbox.salesforce.sharing import masters

_PERMISSION = "$permission."


def check_deployment(
    schema: Schema, sets: Iterable[PermissionSet], flows: Mapping[str, list[Flow]], permissions: frozenset[str]
) -> None:  # fmt: skip
    """Check that details are shared as their masters are, and that every custom permission that is named exists.

    Raises:
        MetadataError: one is not.
    """
    for one in schema:
        if one.custom and not one.custom_setting and bool(masters(one)) != (one.sharing == "ControlledByParent"):
            raise MetadataError(f"{one.name}: details, and only they, have the sharing model ControlledByParent.")
    given = ((f"permission set {one.name}", name) for one in sets for name in one.permissions)
    for place, name in (*given, *_asked(schema, flows)):
        if name not in permissions:
            raise MetadataError(f"{place}: no custom permission {name} in the source.")


def _asked(schema: Schema, flows: Mapping[str, list[Flow]]) -> Iterator[tuple[str, str]]:
    """Yield where a custom permission is asked for, and its name in lower case."""
    texts = [(f"validation rule {one.name}.{rule.name}", rule.formula) for one in schema for rule in one.rules]
    texts += [(f"flow {flow.name}", flow.formula) for several in flows.values() for flow in several if flow.formula]
    for place, text in texts:
        for name in names_in(text):
            if name.lower().startswith(_PERMISSION):
                yield place, name.lower().removeprefix(_PERMISSION)
