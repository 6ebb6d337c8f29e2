"""The file of a mapping: people can review it; another org reads the same mapping from it and writes the same bytes."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from connector.ace.catalogue import opportunity_fields
from connector.errors import MappingError
from connector.mapping.model import Fallback, FieldMapping, Mapping, PicklistMapping, to_document
from connector.mapping.portable import from_text, to_yaml
from connector.names import SyncFields

HEAD = "schema: 1\nrecord_type: opportunity\n"
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), min_size=1, max_size=15)
words = texts.filter(str.strip)
tables = st.dictionaries(words, words, max_size=3)
picklists = st.builds(PicklistMapping, tables, tables, tables)
fallbacks = st.none() | st.builds(Fallback, value=words) | st.builds(lambda text: Fallback(formula=text), words)
names = st.sampled_from(list(opportunity_fields())) | words
items = st.builds(FieldMapping, names, words, st.booleans(), st.none() | picklists, fallbacks, fallbacks)
own = st.none() | st.builds(SyncFields, *([st.just("") | words] * 5))
mappings = st.builds(
    Mapping,
    st.sampled_from(["opportunity", "lead"]),
    words,
    st.just(0),
    st.lists(items, max_size=4, unique_by=lambda item: item.ace_field).map(tuple),
    own,
    st.just("") | words,
)


def whole(mapping: Mapping) -> object:
    """Return the mapping as a value that does not depend on the order of its fields."""
    document = to_document(mapping)
    return {**document, "fields": sorted(document["fields"], key=lambda entry: entry["ace_field"])}


@given(mappings)
def test_what_is_written_is_read_again_and_gives_the_same_bytes(mapping: Mapping) -> None:
    text = to_yaml(mapping, opportunity_fields())
    read = from_text(text)
    assert whole(read) == whole(mapping)
    assert to_yaml(read, opportunity_fields()) == text


@given(mappings)
def test_any_yaml_reader_takes_the_file(mapping: Mapping) -> None:
    document = yaml.safe_load(to_yaml(mapping, opportunity_fields()))
    assert document["object"] == mapping.object_name
    assert len(document["fields"]) == len(mapping.fields)


@given(mappings)
def test_json_is_taken_too(mapping: Mapping) -> None:
    assert whole(from_text(json.dumps(to_document(mapping)))) == whole(mapping)


def test_the_file_is_for_people() -> None:
    stage = FieldMapping("stage", "Phase__c", False, PicklistMapping({"Launched": "Won", "Prospect": "Yes"}))
    text = to_yaml(
        Mapping("opportunity", "Deal__c", 9, (stage, FieldMapping("city", "City__c", True))), opportunity_fields()
    )
    assert text.index("ace_field: city") < text.index("ace_field: stage"), "fields stand in the catalogue's order"
    assert text.index("Prospect:") < text.index("Launched:"), "values stand in AWS's order"
    assert "# Stage\n" in text
    assert "version" not in text
    assert re.search(r"Prospect: 'Yes'", text), "what YAML would take for a switch is quoted"


def test_a_person_need_not_quote() -> None:
    text = (
        "schema: 1\nrecord_type: opportunity\nobject: Deal__c\nfields:\n"
        "- ace_field: stage\n  path: Phase__c\n  inbound: true\n  to_aws:\n  picklist:\n    primary:\n"
        "      Prospect: Yes\n      Qualified: 2026-01-01\n      Launched: 10\n"
    )
    [item] = from_text(text).fields
    assert item.inbound is True
    assert item.to_aws is None
    assert item.picklist is not None
    assert item.picklist.primary == {"Prospect": "Yes", "Qualified": "2026-01-01", "Launched": "10"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1", "not YAML"),
        ("{", "not JSON"),
        ("schema: 1\nschema: 1\n", "stands twice"),
        ("schema: 1\n? [a]\n: b\n", "a key must be a text"),
        ("hello", "must be a JSON object"),
        (HEAD + "object: X\nfields:\n- ace_field: a\n  path: b\n  inbound: maybe\n", "inbound"),
        (HEAD + "object: !!python/object:os.system X\nfields: []\n", ""),
    ],
)  # fmt: skip
def test_what_is_no_mapping_is_refused_with_the_place(text: str, told: str) -> None:
    if not told:
        assert from_text(text).object_name == "X", "a tag makes nothing but text"
        return
    with pytest.raises(MappingError, match=told):
        from_text(text)
