"""The embedded AWS Marketplace catalog in a running sandbox, reached by boto3 as it comes, and its control orders."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from connector.sandbox.server import Sandbox

Json = dict[str, Any]
VENDOR, RESELLER, STRANGER = "111122223333", "777788889999", "999900001111"
CATALOG = "AWSMarketplace"
PRODUCTS = ("SaaSProduct", "AmiProduct", "ContainerProduct")


class Market:
    """A running sandbox, clients of its seller accounts, and its control."""

    def __init__(self, directory: Path, *, quota_scale: float = 1000) -> None:
        self.sandbox = Sandbox(directory, quota_scale=quota_scale, marketplace=True)
        self.sandbox.faults.silence = 0.2
        self.sandbox.start()
        self.info = json.loads(json.dumps(self.sandbox.launch_info()))
        self.url: str = self.info["marketplace_catalog"]["endpoint_url"]
        self.vendor, self.reseller = self.connect(VENDOR), self.connect(RESELLER)

    def close(self) -> None:
        self.vendor.close()
        self.reseller.close()
        self.sandbox.stop()

    def connect(self, account: str, **changes: Any) -> Any:
        """Return a client of the account that tries once; ``changes`` go over its arguments."""
        keys = self.info["marketplace_catalog"]["accounts"][account]
        arguments: Json = {
            "region_name": "us-east-1",
            "endpoint_url": self.url,
            "aws_access_key_id": keys["access_key_id"],
            "aws_secret_access_key": keys["secret_access_key"],
            "config": Config(retries={"total_max_attempts": 1}, read_timeout=5),
        }
        return boto3.client("marketplace-catalog", **{**arguments, **changes})

    def order(self, path: str, **members: Any) -> Json:
        """POST an order that is carried out; return its answer."""
        status, answer = self.try_order(path, **members)
        assert status == 200, answer
        return answer

    def try_order(self, path: str, **members: Any) -> tuple[int, Json]:
        """POST an order; return status and answer."""
        try:
            body = json.dumps(members).encode()
            with urllib.request.urlopen(self.info["control"]["endpoint_url"] + path, data=body) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def requests(self) -> Json:
        """Return what each server was asked."""
        with urllib.request.urlopen(self.info["control"]["endpoint_url"] + "/requests") as response:
            counts: Json = json.load(response)
        return counts

    def seed_ids(self) -> dict[str, str]:
        """Return the ids of what the vendor has, the first of each type."""
        types = (*PRODUCTS, "ResaleAuthorization")
        return {kind: self.vendor.list_entities(**of(kind))["EntitySummaryList"][0]["EntityId"] for kind in types}

    def document(self, entity: str, client: Any = None) -> Json:
        """Return the entity's DetailsDocument, as the vendor sees it unless another client is given."""
        answer = (client or self.vendor).describe_entity(Catalog=CATALOG, EntityId=entity)
        document: Json = answer["DetailsDocument"]
        return document


def of(kind: str, **more: Any) -> Json:
    """Return the arguments of ListEntities for a type."""
    return {"Catalog": CATALOG, "EntityType": kind, **more}


def asked(*ids: str) -> Json:
    """Return the arguments of BatchDescribeEntities."""
    return {"EntityRequestList": [{"Catalog": CATALOG, "EntityId": each} for each in ids]}


def every(client: Any, kind: str, **more: Any) -> list[Json]:
    """Return the summaries of all pages, as botocore's own paginator walks them."""
    pages = client.get_paginator("list_entities").paginate(**of(kind, **more))
    return [each for page in pages for each in page["EntitySummaryList"]]


def refusal(call: Callable[[], Any]) -> Json:
    """Return how the service refused the call."""
    with pytest.raises(ClientError) as caught:
        call()
    return {**caught.value.response}
