"""Products: what a new one looks like, and what none can."""

from __future__ import annotations

import re
from typing import Any

from connector.sandbox.marketplace.documents import BadOrder, refuse_unknown
from connector.sandbox.marketplace.entities import PRODUCT_TYPES, Json

LEDGER, EDGE, VAULT = "Northwind Ledger Bridge", "Northwind Edge Vision", "Northwind Backup Vault"
_TITLES = dict(zip(PRODUCT_TYPES, (LEDGER, EDGE, VAULT), strict=True))
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,100}")
TYPES = ("Entitled", "Metered", "ExternallyMetered")
_UNITS = tuple("GB Gbps HostHrs Hosts MB Mbps Requests TaskHrs TB TierHrs UnitHrs Units UserHrs Users".split())  # noqa: SIM905
_LONGEST_NAME = {"SaaSProduct": 80}
_EXTRAS = {
    "SaaSProduct": frozenset[str](),
    "AmiProduct": frozenset({"RegionAvailability", "Compatibility"}),
    "ContainerProduct": frozenset({"Repositories"}),
}
_MEMBERS = frozenset(
    {"Description", "PromotionalResources", "SupportInformation", "Dimensions", "Versions", "Targeting"}
)
_DESCRIPTION = frozenset(
    "ProductTitle ProductCode ShortDescription LongDescription Sku Highlights SearchKeywords Visibility "  # noqa: SIM905
    "ProductState Categories".split()
)
_DIMENSION = frozenset({"Name", "Description", "Key", "Unit", "Types"})


def make_product(kind: str, identifier: str) -> Json:
    """Return the document of a complete product of that type, visible to everybody."""
    mark = re.sub(r"[^a-z0-9]", "", identifier.removeprefix("prod-"))
    return {
        "Description": {
            "ProductTitle": _TITLES[kind],
            "ProductCode": f"{mark}{'0' * 25}"[:25],
            "ShortDescription": "Keeps the books of two systems the same.",
            "LongDescription": "Entries of either system are carried to the other, checked and explained.",
            "Sku": f"NW-{mark[:6].upper()}",
            "Highlights": ["No entry is lost"],
            "SearchKeywords": ["ledger"],
            "Visibility": "Public",
            "ProductState": "Active",
            "Categories": ["Business Applications"],
        },
        "PromotionalResources": {
            "LogoUrl": "https://northwind.example.com/logo.png",
            "Videos": [],
            "AdditionalResources": [],
        },
        "SupportInformation": {"Description": "By mail, on working days."},
        **_MAKERS[kind](),
    }


def _make_dimension(key: str, name: str, unit: str, *types: str) -> Json:
    return {"Name": name, "Description": f"{name}, by the month", "Key": key, "Unit": unit, "Types": list(types)}


def _make_saas() -> Json:
    delivery = {"Id": "do-saas-1", "Type": "SaaSUrl", "FulfillmentUrl": "https://northwind.example.com/welcome"}
    return {
        "Dimensions": [
            _make_dimension("Users", "Named users", "Users", "Entitled"),
            _make_dimension("reqs", "API calls", "Requests", "Metered", "ExternallyMetered"),
        ],
        "Versions": [{"Id": "version-1", "DeliveryOptions": [delivery]}],
    }


def _make_ami() -> Json:
    source = {"Id": "source-1", "Type": "AmazonMachineImage", "Image": "ami-0123456789abcdef0"}
    delivery = {"Id": "do-ami-1", "Type": "AmazonMachineImageRecommendation", "SourceId": "source-1"}
    return {
        "Dimensions": [
            _make_dimension("m5.large", "m5.large", "HostHrs", "Metered"),
            _make_dimension("m5.xlarge", "m5.xlarge", "HostHrs", "Metered"),
        ],
        "Versions": [{"Id": "version-1", "Sources": [source], "DeliveryOptions": [delivery]}],
        "RegionAvailability": {
            "Regions": ["us-east-1", "eu-central-1"],
            "FutureRegionSupport": {"SupportedRegions": []},
        },
        "Compatibility": {"AvailableInstanceTypes": ["m5.large", "m5.xlarge"], "RestrictedInstanceTypes": []},
    }


def _make_container() -> Json:
    image = "709825985650.dkr.ecr.us-east-1.amazonaws.com/northwind/vault"
    delivery = {"Id": "do-ecr-1", "Type": "EcrDeliveryOption"}
    return {
        "Dimensions": [_make_dimension("Hosts", "Protected hosts", "Hosts", "Entitled")],
        "Versions": [{"Id": "version-1", "Sources": [], "DeliveryOptions": [delivery]}],
        "Repositories": [{"Url": image, "Type": "ECR"}],
    }


_MAKERS = dict(zip(PRODUCT_TYPES, (_make_saas, _make_ami, _make_container), strict=True))


def check_product(kind: str, document: Json) -> None:
    """Raise BadOrder for a document that no product of that type has. Title and visibility are the summary's matter."""
    refuse_unknown(document, _MEMBERS | _EXTRAS[kind], kind)
    about = document.get("Description")
    if not isinstance(about, dict) or not about.get("ProductTitle") or not about.get("Visibility"):
        raise BadOrder("Description needs ProductTitle and Visibility")
    refuse_unknown(about, _DESCRIPTION, "Description")
    dimensions = document.get("Dimensions", [])
    if not isinstance(dimensions, list):
        raise BadOrder("Dimensions must be a list")
    for dimension in dimensions:
        _check_dimension(kind, dimension)
    keys = [dimension["Key"] for dimension in dimensions]
    if len(set(keys)) != len(keys):
        raise BadOrder("Dimensions have two of one Key")


def _check_dimension(kind: str, dimension: Any) -> None:
    if not isinstance(dimension, dict):
        raise BadOrder(f"the dimension {dimension!r} must be an object")
    refuse_unknown(dimension, _DIMENSION, "a dimension")
    key, types = dimension.get("Key"), dimension.get("Types")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise BadOrder(f"Key {key!r} needs 1 to 100 letters, digits, points, hyphens or underscores")
    if not isinstance(types, list) or not types or any(types.count(one) > 1 or one not in TYPES for one in types):
        raise BadOrder(f"Types of {key} must be 1 to 3 of {', '.join(TYPES)}")
    if dimension.get("Unit") not in _UNITS:
        raise BadOrder(f"Unit of {key} must be one of {', '.join(_UNITS)}")
    for name, longest in (("Name", _LONGEST_NAME.get(kind, 500)), ("Description", 1000)):
        if not isinstance(dimension.get(name), str) or not 1 <= len(dimension[name]) <= longest:
            raise BadOrder(f"{name} of {key} needs 1 to {longest} characters")
