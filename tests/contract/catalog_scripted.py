"""An AWS Marketplace Catalog API on loopback that answers by script, and what it answers with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import botocore.session
from aws_scripted import Server

ACCOUNT, OTHER = "111122223333", "444455556666"


class Catalog(Server):
    """The Catalog API, by script."""

    model = botocore.session.get_session().get_service_model("marketplace-catalog")

    def ids(self) -> list[list[str]]:
        """Return the ids that each BatchDescribeEntities asked for."""
        asked = [one for one in self.requests if one.operation == "BatchDescribeEntities"]
        return [[entry["EntityId"] for entry in one.json["EntityRequestList"]] for one in asked]


def summary(number: int, account: str = ACCOUNT, revision: str = "") -> dict[str, Any]:
    entity_id = f"prod-{number:013}"
    return {
        "Name": f"Product {number}",
        "EntityType": "SaaSProduct",
        "EntityId": f"{entity_id}{revision}",
        "EntityArn": f"arn:aws:aws-marketplace:us-east-1:{account}:AWSMarketplace/SaaSProduct/{entity_id}",
        "LastModifiedDate": "2026-02-01T10:00:00Z",
    }


def page(numbers: Sequence[int], token: str = "") -> dict[str, Any]:
    return {"EntitySummaryList": [summary(number) for number in numbers], **({"NextToken": token} if token else {})}


def entity(entity_id: str) -> dict[str, Any]:
    return {
        "EntityType": "SaaSProduct@1.0",
        "EntityIdentifier": f"{entity_id}@7",
        "EntityArn": f"arn:aws:aws-marketplace:us-east-1:{ACCOUNT}:AWSMarketplace/SaaSProduct/{entity_id}",
        "LastModifiedDate": "2026-02-01T10:00:00Z",
        "DetailsDocument": {"Description": {"ProductTitle": f"Title of {entity_id}"}, "Dimensions": []},
    }


def details(*ids: str, **errors: str) -> dict[str, Any]:
    """Return an answer of BatchDescribeEntities: the entities of these ids, and errors by id."""
    refused = {one.replace("_", "-"): {"ErrorCode": code, "ErrorMessage": "no"} for one, code in errors.items()}
    return {"EntityDetails": {one: entity(one) for one in ids}, "Errors": refused}
