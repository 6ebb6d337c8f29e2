"""A mapping survives export and import unchanged, and a wrong document says everything that is wrong with it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import MappingError
from connector.mapping.model import Fallback, FieldMapping, Mapping, PicklistMapping, from_document, to_document
from connector.names import SyncFields

words = st.text(min_size=1, max_size=12).filter(str.strip)
tables = st.dictionaries(words, words, max_size=4)
picklists = st.builds(PicklistMapping, primary=tables, additional=tables, defaults=tables)
fallbacks = st.none() | st.builds(Fallback, value=words) | st.builds(lambda text: Fallback(formula=text), words)
items = st.builds(FieldMapping, words, words, st.booleans(), st.none() | picklists, fallbacks, fallbacks)
mappings = st.builds(
    Mapping,
    st.sampled_from(["opportunity", "lead"]),
    words,
    st.integers(0, 99),
    st.lists(items, max_size=4).map(tuple),
    st.none() | st.builds(SyncFields, *([st.just("") | words] * 5)),
    st.just("") | words,
)


@given(mappings)
def test_export_and_import_give_the_same_mapping(mapping):
    assert from_document(json.loads(json.dumps(to_document(mapping)))) == mapping


def test_a_wrong_document_names_all_of_its_faults_at_once():
    document = {
        "schema": 9, "record_type": "account", "object": " ", "version": -1,
        "fields": [{"ace_field": "a", "inbound": "yes", "colour": 1, "picklist": {"primary": [], "tertiary": {}}}, 7],
    }  # fmt: skip
    with pytest.raises(MappingError) as caught:
        from_document(document)
    parts = ("schema", "record_type", "object", "version", "path", "inbound", "colour", "primary", "tertiary")
    for part in (*parts, "fields[1]"):
        assert part in str(caught.value)


@pytest.mark.parametrize("document", [None, [], "x", {"schema": 1}, {"schema": 1, "fields": {}}])
def test_what_is_no_mapping_is_refused(document):
    with pytest.raises(MappingError, match="cannot be read"):
        from_document(document)


def test_a_field_is_replaced_in_its_place_and_removed():
    first, second = FieldMapping("stage", "A__c", True), FieldMapping("nextStep", "B__c", True)
    mapping = Mapping("opportunity", "X__c", 0, (first, second))
    changed = mapping.with_field(FieldMapping("stage", "C__c", False))
    assert [item.path for item in changed.fields] == ["C__c", "B__c"]
    assert changed.without_field("stage").fields == (second,)
    assert mapping.field("stage") == first
    assert changed.with_field(FieldMapping("city", "D__c", True)).fields[-1].ace_field == "city"
