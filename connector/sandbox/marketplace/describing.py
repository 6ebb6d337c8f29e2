"""DescribeEntity and BatchDescribeEntities."""

from __future__ import annotations

import json
from collections.abc import Callable

from connector.sandbox.marketplace.entities import Entity, Json
from connector.sandbox.marketplace.errors import CatalogError

Find = Callable[[str, str], Entity]
"""Returns the entity by catalog and id, or raises CatalogError."""


def describe_entity(find: Find, request: Json) -> Json:
    """Return one entity, its document both as an object and, as of old, as a string."""
    details = find(request["Catalog"], request["EntityId"]).details()
    return {**details, "Details": json.dumps(details["DetailsDocument"])}


def describe_entities(find: Find, request: Json) -> Json:
    """Return several entities by id, and by id why others are not among them."""
    found: Json = {}
    errors: Json = {}
    for each in request["EntityRequestList"]:
        identifier = each["EntityId"]
        try:
            found[identifier] = find(each["Catalog"], identifier).details()
        except CatalogError as error:
            errors[identifier] = {"ErrorCode": error.type, "ErrorMessage": str(error)}
    return {"EntityDetails": found, "Errors": errors}
