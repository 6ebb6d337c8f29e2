"""The mapping as a file that people review and that another org takes: YAML, without anything of the org it came from
but the names of its fields (MAP-44).

The file has the members of :func:`connector.mapping.model.to_document` but for the version, which counts in one state
only. Fields stand in the catalogue's order and values in AWS's, so that the same mapping always gives the same bytes.
"""

from __future__ import annotations

import json
from collections import abc
from typing import Any

import yaml

from connector.ace.catalogue import AceField
from connector.errors import MappingError
from connector.mapping.model import Mapping, from_document, to_document

_WIDTH = 1_000_000
"""Columns before a text is folded: never, since a folded formula is hard to compare."""
_NUMBERS = ("schema", "version")
_MAY_BE_EMPTY = ("picklist", "to_aws", "from_aws")


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _write_text)


class _Loader(yaml.BaseLoader):
    """Reads every plain value as the text that stands there (``Yes``, ``1.0`` and ``2026-01-01`` are texts), and
    refuses a key that stands twice.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[Any]()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def to_yaml(mapping: Mapping, catalogue: abc.Mapping[str, AceField]) -> str:
    """Return the mapping as YAML, each field under a comment with AWS's label."""
    document = to_document(mapping)
    places = {name: place for place, name in enumerate(catalogue)}
    entries = sorted(document.pop("fields"), key=lambda entry: _place(places, entry["ace_field"]))
    del document["version"]
    whose = "" if mapping.record_type == "opportunity" else f" --type {mapping.record_type}"
    parts = [
        f"# Mapping of {mapping.record_type} records: which Salesforce field holds which AWS field.\n"
        "# ace_field: AWS's name; path: the Salesforce field; inbound: whether AWS may update it;\n"
        "# picklist: AWS value: Salesforce value (primary), Salesforce value: AWS value (additional, defaults).\n"
        f"# Take it into a draft with `connector mapping import{whose}`.\n",
        _dumped(document),
        "fields: []\n" if not entries else "fields:\n",
    ]
    return "".join((*parts, *(_entry(entry, catalogue.get(entry["ace_field"])) for entry in entries)))


def from_text(text: str) -> Mapping:
    """Return the mapping that a YAML or JSON file holds.

    Raises:
        MappingError: it is neither, or no mapping; everything wrong with its form is named at once.
    """
    document = _json(text) if text.lstrip().startswith(("{", "[")) else _typed(_yaml(text))
    return from_document(document)


def _place(places: abc.Mapping[str, int], name: str) -> tuple[int, str]:
    return (places.get(name, len(places)), name)


def _entry(entry: dict[str, Any], ace: AceField | None) -> str:
    if "picklist" in entry:
        parts = {name: _ordered(table, ace) for name, table in entry["picklist"].items() if table}
        entry = {**entry, "picklist": parts}
    lines = _dumped([entry]).splitlines(keepends=True)
    label = f"  # {ace.label}\n" if ace and ace.label != entry["ace_field"] else ""
    return label + "".join(f"  {line}" if line.strip() else line for line in lines)


def _ordered(table: abc.Mapping[str, str], ace: AceField | None) -> dict[str, str]:
    places = {value: place for place, value in enumerate(ace.values)} if ace else {}
    return {text: table[text] for text in sorted(table, key=lambda text: _place(places, text))}


def _dumped(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise MappingError(f"The file is not JSON, which it begins like: {error}. Correct it there.") from None


def _yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - the base loader makes nothing but texts, lists and tables
    except yaml.YAMLError as error:
        raise MappingError(f"The file is not YAML: {' '.join(str(error).split())}. Correct it there.") from None


def _typed(document: Any) -> Any:
    """Return the document with numbers, switches and empty members as such; all other values are texts."""
    if not isinstance(document, dict):
        return document
    typed = {name: _number(value) if name in _NUMBERS else value for name, value in document.items()}
    if isinstance(typed.get("fields"), list):
        typed["fields"] = [_typed_entry(entry) for entry in typed["fields"]]
    return typed


def _typed_entry(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    kept = {name: value for name, value in entry.items() if not (name in _MAY_BE_EMPTY and value in ("", "null"))}
    return {name: _switch(value) if name == "inbound" else value for name, value in kept.items()}


def _number(text: Any) -> Any:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else text


def _switch(text: Any) -> Any:
    return {"true": True, "false": False}.get(text.lower(), text) if isinstance(text, str) else text
