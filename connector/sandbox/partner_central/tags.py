"""Tags of opportunities."""

from __future__ import annotations

from connector.sandbox.partner_central.catalog import Account
from connector.sandbox.partner_central.errors import not_found
from connector.sandbox.partner_central.records import Fields, Opportunity


def _find(account: Account, arn: str) -> Opportunity:
    """Return the opportunity with that ARN. Raises NotFoundError."""
    identifier = arn.rpartition("/")[2]
    for catalog in account.catalogs.values():
        if identifier in catalog.opportunities and catalog.visible(identifier).arn == arn:
            return catalog.visible(identifier)
    raise not_found(arn)


def tag(account: Account, request: Fields) -> Fields:
    """Add or replace tags (TagResource)."""
    _find(account, request["ResourceArn"]).tags.update({each["Key"]: each["Value"] for each in request["Tags"]})
    return {}


def untag(account: Account, request: Fields) -> Fields:
    """Remove tags (UntagResource)."""
    tags = _find(account, request["ResourceArn"]).tags
    for key in request["TagKeys"]:
        tags.pop(key, None)
    return {}


def list_tags(account: Account, request: Fields) -> Fields:
    """List tags (ListTagsForResource)."""
    tags = _find(account, request["ResourceArn"]).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
