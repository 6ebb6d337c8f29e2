"""Promises of the packaged facts and of the objects that are generated from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from connector import data
from connector.ace.catalogue import AceField, lead_fields, opportunity_fields
from connector.data.values import aws_products, standard_values
from connector.eligibility.formula import compile_formula
from connector.names import ACE_LEAD, ACE_OPPORTUNITY, PACKAGED
from salesforce_metadata import generate
from salesforce_metadata.source import OBJECTS

PACKAGE = Path(__file__).resolve().parents[2] / "salesforce_metadata"
NAMESPACE = {"m": "http://soap.sforce.com/2006/04/metadata"}
CATALOGUES = {ACE_OPPORTUNITY: opportunity_fields(), ACE_LEAD: lead_fields()}
GENERATED = {Path(*path.parts[: path.parts.index("objects") + 2]) for path in generate.sources()}

both = pytest.mark.parametrize(("name", "catalogue"), CATALOGUES.items(), ids=list(CATALOGUES))


def generated(name: str, kind: str) -> dict[str, ElementTree.Element]:
    """Return what is generated for the object in the folder ``kind``, by API name."""
    found = {path: text for path, text in generate.sources().items() if path.parts[-3:-1] == (name, kind)}
    return {path.name.split(".")[0]: ElementTree.fromstring(text) for path, text in found.items()}


def inner(root: ElementTree.Element, path: str) -> str:
    return root.findtext("/".join(f"m:{step}" for step in path.split("/")), "", NAMESPACE)


def test_the_checked_in_objects_are_what_the_facts_give(tmp_path: Path) -> None:
    for written in generate.write(tmp_path):
        shipped = PACKAGE / written.relative_to(tmp_path)
        assert written.read_bytes() == shipped.read_bytes(), f"run salesforce_metadata/generate.py ({shipped.name})"


@pytest.mark.parametrize("folder", sorted(GENERATED), ids=lambda folder: folder.name)
@pytest.mark.parametrize("kind", ["fields", "validationRules"])
def test_nothing_is_left_over_of_what_the_facts_dropped(folder: Path, kind: str) -> None:
    shipped = {path.relative_to(PACKAGE) for path in (PACKAGE / folder / kind).glob("*")}
    assert shipped == {path for path in generate.sources() if path.parent == folder / kind}


@both
def test_every_catalogue_field_with_a_salesforce_name_is_shipped_within_the_platform_limits(
    name: str, catalogue: Mapping[str, AceField]
) -> None:
    shipped = generated(name, "fields")
    wanted = {field.salesforce_name for field in catalogue.values() if field.salesforce_name}
    assert set(shipped) == set(PACKAGED.all) | wanted
    for field, root in shipped.items():
        length, kind = int(inner(root, "length") or 0), inner(root, "type")
        assert 0 < len(inner(root, "label")) <= 40
        assert kind != "Text" or 1 <= length <= 255, field
        assert kind != "LongTextArea" or (256 <= length <= 131072 and inner(root, "visibleLines")), field
        assert kind not in {"Currency", "Number"} or int(inner(root, "precision")) <= 18, field


@both
def test_picklists_are_restricted_to_the_values_of_aws(name: str, catalogue: Mapping[str, AceField]) -> None:
    by_name = {field.salesforce_name: field for field in catalogue.values()}
    picklists = {field: root for field, root in generated(name, "fields").items() if inner(root, "valueSet/restricted")}
    assert set(picklists) == {
        field.salesforce_name for field in catalogue.values() if "icklist" in field.salesforce_type
    }
    for field, root in picklists.items():
        names = [entry.text for entry in root.findall(".//m:value/m:fullName", NAMESPACE)]
        assert sorted(map(str, names)) == sorted(by_name[field].values)
        assert inner(root, "valueSet/restricted") == "true"


@both
def test_the_fields_hold_what_aws_allows(name: str, catalogue: Mapping[str, AceField]) -> None:
    """A Salesforce field shorter than AWS's would lose what AWS sends."""
    for field in catalogue.values():
        sizes = re.findall(r"\d+", field.salesforce_type)
        if field.length and field.salesforce_type.startswith(("Text", "LongTextArea")):
            assert int(sizes[0]) >= field.length, f"{name}: {field.name}"


@both
def test_the_object_is_open_to_the_api_and_private_to_its_owner(name: str, catalogue: Mapping[str, AceField]) -> None:
    root = ElementTree.parse(PACKAGE / OBJECTS / name / f"{name}.object-meta.xml").getroot()
    assert inner(root, "nameField/label") == f"{name.removesuffix('__c').replace('_', ' ')} Name"
    assert inner(root, "nameField/type") == "Text"
    assert inner(root, "sharingModel") == inner(root, "externalSharingModel") == "Private"
    assert inner(root, "enableBulkApi") == "true"


@both
def test_validation_rules_name_fields_that_exist_and_spare_the_connector(
    name: str, catalogue: Mapping[str, AceField]
) -> None:
    fields, rules = generated(name, "fields"), generated(name, "validationRules")
    assert len(rules) >= 3
    for rule in rules.values():
        formula = inner(rule, "errorConditionFormula")
        assert set(re.findall(r"(?<![.\w])\w+__c", formula)) <= set(fields)
        assert inner(rule, "errorDisplayField") in fields
        assert "Integration_User_Id__c" in formula
        assert "NOT($Permission.ACE_Integration)" in formula


@pytest.mark.requirement("MAP-31")
@both
def test_the_guide_shows_every_rule_as_a_formula_to_copy(name: str, catalogue: Mapping[str, AceField]) -> None:
    guide = (PACKAGE / "validation_rules.md").read_text(encoding="utf-8")
    for rule, root in generated(name, "validationRules").items():
        section = guide.partition(f"### {rule}\n")[2].partition("\n#")[0]
        assert inner(root, "errorConditionFormula") in section
        assert f"`{inner(root, 'errorDisplayField')}`: {inner(root, 'errorMessage')}" in section


def test_the_formulas_are_of_the_language_that_salesforce_evaluates() -> None:
    roots = [ElementTree.fromstring(text) for text in generate.sources().values()]
    formulas = [text for root in roots for tag in ("formula", "errorConditionFormula") if (text := inner(root, tag))]
    assert len(formulas) >= 4 + 10
    for formula in formulas:
        assert compile_formula(formula).kind is bool


def test_products_have_unique_identifiers() -> None:
    identifiers = [product.identifier for product in aws_products()]
    assert "AmazonEC2AutoScaling" in identifiers
    assert len(set(identifiers)) == len(identifiers)
    assert all(product.name and product.family for product in aws_products())


@pytest.mark.parametrize(
    ("code", "message", "part"),
    [
        ("ConflictException", "", "read again"),
        ("INVALID_VALUE", "Target Close Date should be a future date", "after today"),
        ("REQUIRED_FIELD_MISSING", "", "Fill in"),
        ("NEVER_SEEN", "", ""),
    ],
)
def test_errors_have_a_remedy(code: str, message: str, part: str) -> None:
    hint = data.error_hint(code, message)
    assert part in hint
    assert bool(hint) is bool(part)


def test_an_unknown_value_list_is_an_error() -> None:
    with pytest.raises(KeyError):
        standard_values("colours")
