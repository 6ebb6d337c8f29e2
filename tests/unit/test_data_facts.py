"""Promises of the packaged facts and of the object that is generated from them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from connector import data
from connector.ace.catalogue import opportunity_fields
from connector.data.values import aws_products, standard_values
from connector.eligibility.formula import compile_formula
from connector.names import ACE_OPPORTUNITY, PACKAGED

PACKAGE = Path(__file__).resolve().parents[2] / "salesforce_metadata"
NAMESPACE = {"m": "http://soap.sforce.com/2006/04/metadata"}


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_metadata", PACKAGE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_checked_in_object_is_what_the_catalogue_gives(generate: ModuleType, tmp_path: Path) -> None:
    for written in generate.write(tmp_path):
        shipped = PACKAGE / written.relative_to(tmp_path)
        assert written.read_bytes() == shipped.read_bytes(), f"run salesforce_metadata/generate.py ({shipped.name})"


def test_nothing_is_left_over_of_fields_that_the_catalogue_dropped(generate: ModuleType) -> None:
    folder = PACKAGE / generate.OBJECTS / ACE_OPPORTUNITY / "fields"
    wanted = {path.name for path in generate.sources() if path.parent.name == "fields"}
    assert {path.name for path in folder.iterdir()} == wanted


def test_every_catalogue_field_with_a_salesforce_name_is_shipped_within_the_platform_limits(
    generate: ModuleType,
) -> None:
    shipped = {}
    for path, text in generate.sources().items():
        if path.parent.name == "fields":
            root = ElementTree.fromstring(text)
            shipped[root.findtext("m:fullName", "", NAMESPACE)] = root
            assert len(root.findtext("m:label", "", NAMESPACE)) <= 40
    assert set(PACKAGED.all) <= set(shipped)
    assert {field.salesforce_name for field in opportunity_fields().values() if field.salesforce_name} <= set(shipped)
    for name, root in shipped.items():
        length, kind = int(root.findtext("m:length", "0", NAMESPACE)), root.findtext("m:type", "", NAMESPACE)
        assert kind != "Text" or 1 <= length <= 255, name
        assert kind != "LongTextArea" or (256 <= length <= 131072 and root.findtext("m:visibleLines", "", NAMESPACE)), (
            name
        )
        assert kind != "Currency" or int(root.findtext("m:precision", "0", NAMESPACE)) <= 18, name


def test_picklists_are_restricted_to_the_values_of_aws(generate: ModuleType) -> None:
    by_name = {field.salesforce_name: field for field in opportunity_fields().values()}
    for path, text in generate.sources().items():
        root = ElementTree.fromstring(text)
        if root.find("m:valueSet", NAMESPACE) is None:
            continue
        names = [entry.text for entry in root.findall(".//m:value/m:fullName", NAMESPACE)]
        field = by_name[path.name.split(".")[0]]
        assert sorted(names) == sorted(field.values)
        assert root.findtext("m:valueSet/m:restricted", "", NAMESPACE) == "true"


def test_the_fields_hold_what_aws_allows(generate: ModuleType) -> None:
    """A Salesforce field shorter than AWS's would lose what AWS sends."""
    for field in opportunity_fields().values():
        sizes = re.findall(r"\d+", field.salesforce_type)
        if field.length and field.salesforce_type.startswith(("Text", "LongTextArea")):
            assert int(sizes[0]) >= field.length, field.name


def test_the_object_is_open_to_the_api_and_private_to_its_owner(generate: ModuleType) -> None:
    text = next(text for path, text in generate.sources().items() if path.name.endswith("object-meta.xml"))
    root = ElementTree.fromstring(text)
    assert root.findtext("m:nameField/m:label", "", NAMESPACE) == "ACE Opportunity Name"
    assert root.findtext("m:nameField/m:type", "", NAMESPACE) == "Text"
    assert root.findtext("m:sharingModel", "", NAMESPACE) == "Private"
    assert root.findtext("m:enableBulkApi", "", NAMESPACE) == "true"


def test_validation_rules_name_fields_that_exist_and_spare_the_connector(generate: ModuleType) -> None:
    sources = generate.sources()
    fields = {path.name.split(".")[0] for path in sources if path.parent.name == "fields"}
    rules = [ElementTree.fromstring(text) for path, text in sources.items() if path.parent.name == "validationRules"]
    assert len(rules) >= 5
    for rule in rules:
        formula = rule.findtext("m:errorConditionFormula", "", NAMESPACE)
        assert set(re.findall(r"(?<![.\w])\w+__c", formula)) <= fields
        assert rule.findtext("m:errorDisplayField", "", NAMESPACE) in fields
        assert "Integration_User_Id__c" in formula


def test_the_formulas_are_of_the_language_that_salesforce_evaluates(generate: ModuleType) -> None:
    sources = generate.sources().items()
    texts = [
        ElementTree.fromstring(text) for path, text in sources if path.parent.name in ("fields", "validationRules")
    ]
    tags = ("m:formula", "m:errorConditionFormula")
    formulas = [text for root in texts for tag in tags if (text := root.findtext(tag, "", NAMESPACE))]
    assert len(formulas) == 1 + len(generate.RULES)
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
