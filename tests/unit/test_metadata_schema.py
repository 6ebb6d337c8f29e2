"""Every file of the package is what the Metadata API's own schema describes."""

from __future__ import annotations

from pathlib import Path

import pytest
from metadata_schema import problems

PROJECT = Path(__file__).parents[2] / "salesforce_metadata"
FILES = [path.relative_to(PROJECT).as_posix() for path in sorted(PROJECT.rglob("*-meta.xml"))]
FIELD = """<?xml version="1.0" encoding="UTF-8"?>
<CustomField xmlns="http://soap.sforce.com/2006/04/metadata">
    <fullName>Amount__c</fullName>
    <label>Amount</label>
    <length>18</length>
    <required>false</required>
    <type>Text</type>
</CustomField>
"""


@pytest.mark.parametrize("file", FILES)
def test_file_is_what_the_schema_describes(file: str) -> None:
    assert problems(PROJECT / file) == []


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("<label>", "<lable>", "not XML"),
        ("<label>Amount</label>", "<lable>Amount</lable>", "has no lable"),
        ("CustomField", "CustomFeld", "is no type of metadata"),
        (">Text<", ">LongText<", "type does not fit FieldType"),
        (">false<", ">no<", "required does not fit xsd:boolean"),
        (">18<", ">eighteen<", "length does not fit xsd:int"),
        ("2006/04/metadata", "2006/04/meta", "outside the namespace"),
        ("<label>Amount</label>", "<label>Amount</label><label>Again</label>", "repeats label"),
        ("<label>Amount</label>", "<label><b>Amount</b></label>", "label does not fit xsd:string"),
    ],
)
def test_faults_are_told(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    path = tmp_path / "Amount__c.field-meta.xml"
    path.write_text(FIELD, encoding="utf8")
    assert problems(path) == []
    path.write_text(FIELD.replace(right, wrong), encoding="utf8")
    assert any(told in problem for problem in problems(path))


def test_a_missing_element_is_told(tmp_path: Path) -> None:
    path = tmp_path / "All.listView-meta.xml"
    path.write_text('<ListView xmlns="http://soap.sforce.com/2006/04/metadata"><label>All</label></ListView>')
    assert problems(path) == ["line 1: ListView lacks filterScope"]
