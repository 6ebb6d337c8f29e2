"""The embedded AWS Marketplace catalog: signatures, form of requests, lists, documents, refusals, rates, orders."""

from __future__ import annotations

import json
import re
import stat
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import botocore.loaders
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ParamValidationError
from sandbox_marketplace import CATALOG, PRODUCTS, RESELLER, STRANGER, VENDOR, Market, asked, every, of, refusal

Json = dict[str, Any]
AUTHORIZATION = "ResaleAuthorization"
AWS_MODEL = botocore.loaders.Loader().load_service_model("marketplace-catalog", "service-2")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    market = Market(tmp_path_factory.mktemp("sandbox"))
    yield market
    market.close()


@pytest.fixture
def market(running: Market) -> Market:
    running.order("/reset")
    return running


# The front door


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aws_access_key_id": "AKIASTRANGER00000000"}, "UnrecognizedClientException"),
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
    ],
)
def test_requests_must_be_signed_with_a_key_of_one_of_the_accounts(
    market: Market, changes: dict[str, str], code: str
) -> None:
    client = market.connect(VENDOR, **changes)
    for call in (
        lambda: client.list_entities(**of("SaaSProduct")),
        lambda: client.describe_entity(Catalog=CATALOG, EntityId="prod-1111111111111"),
    ):
        answer = refusal(call)
        assert answer["Error"]["Code"] == code
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
    client.close()


def test_a_key_of_one_account_with_the_secret_of_another_does_not_pass(market: Market) -> None:
    accounts = market.info["marketplace_catalog"]["accounts"]
    client = market.connect(VENDOR, aws_secret_access_key=accounts[RESELLER]["secret_access_key"])
    assert refusal(lambda: client.list_entities(**of("SaaSProduct")))["Error"]["Code"] == "InvalidSignatureException"
    client.close()


def test_an_unsigned_request_is_turned_away(market: Market) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(market.url + "/ListEntities", data=b"{}")
    with caught.value as error:
        assert error.code == 403
        assert error.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


def test_the_signature_covers_query_and_body(market: Market) -> None:
    """Neither another entity nor another list can be slipped in."""
    client = market.connect(VENDOR)
    client.meta.events.register("before-send", _tamper)
    for call in (
        lambda: client.list_entities(**of("SaaSProduct")),
        lambda: client.describe_entity(Catalog=CATALOG, EntityId="prod-1111111111111"),
    ):
        assert refusal(call)["Error"]["Code"] == "InvalidSignatureException"
    client.close()


def _tamper(request: Any, **_: Any) -> None:
    if request.method == "GET":
        request.url = request.url.replace("prod-1", "prod-2")
    else:
        request.body = request.body.replace(b"SaaSProduct", b"DataProduct")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (of("SaaSProduct", MaxResults=51), "maxResults"),
        (of("SaaSProduct@1.0"), "entityType"),
        (of("Spaceship"), "entityType"),
        (of("SaaSProduct", OwnershipType="OURS"), ""),
        (of("SaaSProduct", NextToken="bm9uc2Vuc2U="), "nextToken"),
        (of("SaaSProduct", NextToken="MTIz"), "nextToken"),
        (of("SaaSProduct", NextToken="not a token"), "nextToken"),
        (of("SaaSProduct", FilterList=[{"Name": "ProductTitle", "ValueList": ["x"]}]), "filterList"),
        (of("SaaSProduct", FilterList=[{"Name": "EntityId"}]), "filterList"),
        (of("SaaSProduct", Sort={"SortBy": "ProductTitle"}), "sort.sortBy"),
        (
            of("SaaSProduct", EntityTypeFilters={"AmiProductFilters": {"EntityId": {"ValueList": ["prod-1"]}}}),
            "entityTypeFilters.AmiProductFilters",
        ),
        (of("SaaSProduct", EntityTypeSort={"AmiProductSort": {"SortBy": "EntityId"}}), "entityTypeSort.AmiProductSort"),
        (
            of("SaaSProduct", EntityTypeSort={"SaaSProductSort": {"SortBy": "Price"}}),
            "",
        ),
        (
            of("SaaSProduct", EntityTypeFilters={"SaaSProductFilters": {"Visibility": {"ValueList": ["Hidden"]}}}),
            "",
        ),
        (
            of("SaaSProduct", EntityTypeFilters={"SaaSProductFilters": {"EntityId": {"ValueList": ["p-1"] * 11}}}),
            "entityTypeFilters.saaSProductFilters.entityId.valueList",
        ),
        (
            of(
                "SaaSProduct",
                EntityTypeFilters={
                    "SaaSProductFilters": {"ProductTitle": {"ValueList": ["Acme"], "WildCardValue": "Ac"}}
                },
            ),
            "entityTypeFilters.SaaSProductFilters.ProductTitle",
        ),
        (
            of(
                "SaaSProduct",
                EntityTypeFilters={
                    "SaaSProductFilters": {
                        "LastModifiedDate": {"DateRange": {"AfterValue": "2026-01-01T00:00:00.000Z"}}
                    }
                },
            ),
            "entityTypeFilters.saaSProductFilters.lastModifiedDate.dateRange.afterValue",
        ),
    ],
)
def test_a_list_that_breaks_the_services_rules_is_refused_with_its_field(
    market: Market, request_: Json, field: str
) -> None:
    """ValidationException comes with HTTP 422 and the list of fields; botocore lets all of these pass."""
    answer = refusal(lambda: market.vendor.list_entities(**request_))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 422
    assert answer["Error"]["Code"] == "ValidationException"
    entries = answer["ValidationExceptionFieldList"]
    assert field in {entry.get("Field", "") for entry in entries}
    for entry in entries:
        assert entry["Reason"] == "FieldValidationFailed"
        assert entry["Message"]


def test_one_way_of_filtering_and_one_of_sorting_at_a_time(market: Market) -> None:
    one, typed = market.seed_ids()["SaaSProduct"], {"EntityId": {"ValueList": ["prod-1111111111111"]}}
    both = of(
        "SaaSProduct",
        FilterList=[{"Name": "EntityId", "ValueList": [one]}],
        EntityTypeFilters={"SaaSProductFilters": typed},
    )
    assert refusal(lambda: market.vendor.list_entities(**both))["Error"]["Code"] == "ValidationException"
    both = of(
        "SaaSProduct", Sort={"SortBy": "EntityId"}, EntityTypeSort={"SaaSProductSort": {"SortBy": "ProductTitle"}}
    )
    assert refusal(lambda: market.vendor.list_entities(**both))["Error"]["Code"] == "ValidationException"


def test_bodies_that_are_no_json_and_unknown_members_are_refused(market: Market) -> None:
    """Past botocore, which would not send them."""
    client = market.connect(VENDOR)
    for body, reason in ((b"{", "CannotParse"), (b"[]", "FieldValidationFailed"), (b'{"Catalogue":"x"}', None)):

        def replace(params: Json, body: bytes = body, **_: Any) -> None:
            params["body"] = body
            params["headers"].pop("X-Amz-Content-SHA256", None)

        client.meta.events.register("before-call", replace, unique_id="body")
        answer = refusal(lambda: client.list_entities(**of("SaaSProduct")))
        client.meta.events.unregister("before-call", unique_id="body")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 422
        if reason:
            assert answer["ValidationExceptionFieldList"][0]["Reason"] == reason
    client.close()


def test_another_catalog_is_not_found(market: Market) -> None:
    """There is no Sandbox catalog for AWS Marketplace."""
    product = market.seed_ids()["SaaSProduct"]
    answer = refusal(lambda: market.vendor.list_entities(Catalog="Sandbox", EntityType="SaaSProduct"))
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ResourceNotFoundException", 404)
    answer = refusal(lambda: market.vendor.describe_entity(Catalog="Sandbox", EntityId=product))
    assert answer["Error"]["Code"] == "ResourceNotFoundException"
    many = market.vendor.batch_describe_entities(EntityRequestList=[{"Catalog": "Sandbox", "EntityId": product}])
    assert many["Errors"][product]["ErrorCode"] == "ResourceNotFoundException"


def test_operations_that_are_not_played_are_denied(market: Market) -> None:
    change = {"ChangeType": "CreateOffer", "Entity": {"Type": "Offer@1.0"}, "DetailsDocument": {}}
    answer = refusal(lambda: market.vendor.start_change_set(Catalog=CATALOG, ChangeSet=[change]))
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("AccessDeniedException", 403)
    assert "aws-marketplace:StartChangeSet" in answer["Error"]["Message"]
    assert refusal(lambda: market.vendor.cancel_change_set(Catalog=CATALOG, ChangeSetId="abcdefghij"))


# Lists


def test_the_vendor_has_a_product_of_each_type_and_the_partner_what_is_shared_with_it(market: Market) -> None:
    """What a new sandbox holds: three products, one of them under an id as AWS made them once, one authorization."""
    found = {kind: every(market.vendor, kind) for kind in (*PRODUCTS, AUTHORIZATION)}
    assert {kind: len(each) for kind, each in found.items()} == dict.fromkeys(found, 1)
    assert re.fullmatch(r"prod-[0-9a-z]{13}", found["SaaSProduct"][0]["EntityId"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found["AmiProduct"][0]["EntityId"])
    shared = every(market.reseller, AUTHORIZATION, OwnershipType="SHARED")
    assert shared == found[AUTHORIZATION]
    assert every(market.reseller, AUTHORIZATION) == []
    assert every(market.vendor, AUTHORIZATION, OwnershipType="SHARED") == []
    assert all(not every(market.reseller, kind) for kind in PRODUCTS)


def test_summaries_have_what_the_service_model_has(market: Market) -> None:
    """And the model's words of their type: visibility of products, who may resell what of authorizations."""
    for kind in (*PRODUCTS, AUTHORIZATION):
        (summary,) = every(market.vendor, kind)
        own = summary[f"{kind}Summary"]
        assert set(summary) <= set(AWS_MODEL["shapes"]["EntitySummary"]["members"])
        assert set(own) <= set(AWS_MODEL["shapes"][f"{kind}Summary"]["members"])
        assert summary["EntityType"] == kind
        assert summary["EntityArn"].endswith(f":{VENDOR}:AWSMarketplace/{kind}/{summary['EntityId']}")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", summary["LastModifiedDate"])
    assert (own["ManufacturerAccountId"], own["ResellerAccountID"], own["Status"]) == (VENDOR, RESELLER, "Active")
    assert (own["OfferExtendedStatus"], own["ResellerRole"]) == ("Not Started", "ChannelPartner")


def test_pages_hold_20_unless_asked_50_at_most_and_the_last_has_no_token(market: Market) -> None:
    market.order("/seed", objects=["SaaSProduct"], count=119)
    first = market.vendor.list_entities(**of("SaaSProduct"))
    assert len(first["EntitySummaryList"]) == 20
    assert len({each["EntityId"] for each in every(market.vendor, "SaaSProduct")}) == 120
    pages, token = [], ""
    while True:
        more = {"NextToken": token} if token else {}
        page = market.vendor.list_entities(**of("SaaSProduct", MaxResults=50, **more))
        pages.append(page)
        if "NextToken" not in page:
            break
        token = page["NextToken"]
    ids = [each["EntityId"] for page in pages for each in page["EntitySummaryList"]]
    assert len(ids) == len(set(ids)) == 120
    assert max(len(page["EntitySummaryList"]) for page in pages) == 50
    stranger = of("AmiProduct", MaxResults=50, NextToken=pages[0]["NextToken"])
    assert refusal(lambda: market.vendor.list_entities(**stranger))["Error"]["Code"] == "ValidationException"


def test_a_list_that_fills_its_page_has_no_second_one(market: Market) -> None:
    market.order("/seed", objects=["ContainerProduct"], count=49)
    page = market.vendor.list_entities(**of("ContainerProduct", MaxResults=50))
    assert len(page["EntitySummaryList"]) == 50
    assert "NextToken" not in page


def test_the_last_changed_comes_first_unless_another_order_is_asked_for(market: Market) -> None:
    product = market.seed_ids()["SaaSProduct"]
    market.order("/clock", advance_seconds=10)
    later = market.order("/marketplace/product", type="SaaSProduct", fields={"Description.ProductTitle": "Aardvark"})
    assert [each["EntityId"] for each in every(market.vendor, "SaaSProduct")] == [later["entity"], product]
    market.order("/clock", advance_seconds=10)
    market.order("/marketplace/product", entity=product, fields={"Description": {"ProductTitle": "Zebra"}})
    assert [each["EntityId"] for each in every(market.vendor, "SaaSProduct")] == [product, later["entity"]]
    by_title = {"SaaSProductSort": {"SortBy": "ProductTitle", "SortOrder": "ASCENDING"}}
    assert [each["Name"] for each in every(market.vendor, "SaaSProduct", EntityTypeSort=by_title)] == [
        "Aardvark",
        "Zebra",
    ]
    by_id = {"SortBy": "EntityId", "SortOrder": "ASCENDING"}
    ids = [each["EntityId"] for each in every(market.vendor, "SaaSProduct", Sort=by_id)]
    assert ids == sorted(ids)


def test_filters_of_products(market: Market) -> None:
    """Values or, filters and; a wildcard is a part of the value, and bounds of dates belong to them."""
    market.order("/clock", now="2031-05-06T07:08:09Z")
    for title, visibility in (("Red", "Public"), ("Redder", "Limited"), ("Blue", "Draft")):
        fields = {"Description": {"ProductTitle": title, "Visibility": visibility}}
        market.order("/marketplace/product", type="AmiProduct", fields=fields)
    red = next(each for each in every(market.vendor, "AmiProduct") if each["Name"] == "Red")
    since = {"DateRange": {"AfterValue": red["LastModifiedDate"]}}
    until = {"DateRange": {"BeforeValue": "2031-05-06T07:08:08Z"}}
    for filters, names in (
        ({"ProductTitle": {"ValueList": ["Red", "Blue"]}}, {"Red", "Blue"}),
        ({"ProductTitle": {"WildCardValue": "edd"}}, {"Redder"}),
        ({"Visibility": {"ValueList": ["Limited", "Draft"]}}, {"Redder", "Blue"}),
        ({"EntityId": {"ValueList": [red["EntityId"]]}}, {"Red"}),
        ({"ProductTitle": {"WildCardValue": "Red"}, "Visibility": {"ValueList": ["Draft"]}}, set()),
        ({"LastModifiedDate": since}, {"Red", "Redder", "Blue"}),
        ({"LastModifiedDate": until}, {"Northwind Edge Vision"}),
    ):
        found = every(market.vendor, "AmiProduct", EntityTypeFilters={"AmiProductFilters": filters})
        assert {each["Name"] for each in found} == names, filters
    of_old = [{"Name": "EntityId", "ValueList": [red["EntityId"]]}]
    assert [each["Name"] for each in every(market.vendor, "AmiProduct", FilterList=of_old)] == ["Red"]


def test_filters_of_authorizations(market: Market) -> None:
    ids = market.seed_ids()
    draft = market.order(
        "/marketplace/authorization", product=ids["AmiProduct"], fields={"Name": "Draft1", "Status": "Draft"}
    )["entity"]
    for filters, found in (
        ({"Status": {"ValueList": ["Active"]}}, {ids[AUTHORIZATION]}),
        ({"Status": {"ValueList": ["Draft", "Restricted"]}}, {draft}),
        ({"ProductId": {"ValueList": [ids["AmiProduct"]]}}, {draft}),
        ({"ProductName": {"WildCardValue": "Ledger"}}, {ids[AUTHORIZATION]}),
        ({"ResellerAccountID": {"ValueList": [RESELLER]}}, {draft, ids[AUTHORIZATION]}),
        ({"IssuerAccountId": {"ValueList": [RESELLER]}}, set()),
    ):
        listed = every(market.vendor, AUTHORIZATION, EntityTypeFilters={"ResaleAuthorizationFilters": filters})
        assert {each["EntityId"] for each in listed} == found, filters


def test_types_that_sellers_may_have_besides_are_empty_lists(market: Market) -> None:
    assert every(market.vendor, "Offer") == every(market.vendor, "MachineLearningProduct") == []


# Documents


def test_an_entity_is_described_by_string_and_by_document(market: Market) -> None:
    for kind, entity in market.seed_ids().items():
        answer = market.vendor.describe_entity(Catalog=CATALOG, EntityId=entity)
        assert (answer["EntityType"], answer["EntityIdentifier"]) == (f"{kind}@1.0", f"{entity}@1")
        assert json.loads(answer["Details"]) == answer["DetailsDocument"]
        (many,) = market.vendor.batch_describe_entities(**asked(entity))["EntityDetails"].values()
        assert many == {name: answer[name] for name in answer if name not in ("Details", "ResponseMetadata")}


def test_each_type_of_product_has_its_own_members_and_dimensions(market: Market) -> None:
    ids = market.seed_ids()
    types = {}
    for kind in PRODUCTS:
        document = market.document(ids[kind])
        types[kind] = {one for dimension in document["Dimensions"] for one in dimension["Types"]}
        assert {"ProductTitle", "ProductCode", "Visibility", "ProductState"} <= set(document["Description"])
    assert types == {
        "SaaSProduct": {"Entitled", "Metered", "ExternallyMetered"},
        "AmiProduct": {"Metered"},
        "ContainerProduct": {"Entitled"},
    }
    assert "RegionAvailability" in market.document(ids["AmiProduct"])
    assert "Repositories" in market.document(ids["ContainerProduct"])


def test_the_authorizations_document_reads_as_aws_writes_it(market: Market) -> None:
    """Terms and rules have ids, buyers are objects, dates are date-times, and the limits have been summed up."""
    document = market.document(market.seed_ids()[AUTHORIZATION], market.reseller)
    terms = {term["Type"]: term for term in document["Terms"]}
    rules = {rule["Type"]: rule for rule in document["Rules"]}
    assert all(part["Id"] for part in (*document["Terms"], *document["Rules"]))
    assert terms["BuyerTargetingTerm"]["PositiveTargeting"] == {"BuyerAccounts": [{"AwsAccountId": "444455556666"}]}
    assert (rules["AvailabilityRule"]["Usage"], rules["AvailabilityRule"]["OffersMaxQuantity"]) == ("Limited", 1)
    assert rules["PartnerTargetingRule"]["ResellerAccountId"] == RESELLER
    ends = rules["AvailabilityRule"]["AvailabilityEndDate"]
    assert all(charge["ChargeDate"] > ends for charge in terms["ResalePaymentScheduleTerm"]["Schedule"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", document["CreatedDate"])


def test_a_product_of_usage_is_authorized_by_usage(market: Market) -> None:
    ids = market.seed_ids()
    made = market.order("/marketplace/authorization", product=ids["AmiProduct"])["entity"]
    document = market.document(made)
    types = [term["Type"] for term in document["Terms"]]
    assert (document["PricingModel"], types[0]) == ("Usage", "ResaleUsageBasedPricingTerm")
    assert "BuyerValidityTerm" not in types


def test_what_is_anothers_is_denied_and_what_nobody_has_is_not_found(market: Market) -> None:
    ids = market.seed_ids()
    for entity, code, status in (
        (ids["SaaSProduct"], "AccessDeniedException", 403),
        ("prod-0000000000000", "ResourceNotFoundException", 404),
    ):
        answer = refusal(partial(market.reseller.describe_entity, Catalog=CATALOG, EntityId=entity))
        assert answer["Error"]["Code"] == code
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status


def test_an_id_with_a_revision_is_refused_on_reading(market: Market) -> None:
    entity = market.seed_ids()["SaaSProduct"] + "@1"
    answer = refusal(lambda: market.vendor.describe_entity(Catalog=CATALOG, EntityId=entity))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 422
    assert refusal(lambda: market.vendor.batch_describe_entities(**asked(entity)))


def test_a_batch_answers_what_it_can_and_says_of_each_other_why_not(market: Market) -> None:
    """Partial failures come with HTTP 200."""
    ids = market.seed_ids()
    answer = market.reseller.batch_describe_entities(
        **asked(ids[AUTHORIZATION], ids["SaaSProduct"], "prod-0000000000000")
    )
    assert set(answer["EntityDetails"]) == {ids[AUTHORIZATION]}
    assert {entity: error["ErrorCode"] for entity, error in answer["Errors"].items()} == {
        ids["SaaSProduct"]: "AccessDeniedException",
        "prod-0000000000000": "ResourceNotFoundException",
    }


def test_a_batch_is_of_1_to_20(market: Market) -> None:
    ids = [f"prod-{number:013d}" for number in range(21)]
    assert len(market.vendor.batch_describe_entities(**asked(*ids[:20]))["Errors"]) == 20
    answer = refusal(lambda: market.vendor.batch_describe_entities(**asked(*ids)))
    assert answer["Error"]["Code"] == "ValidationException"
    with pytest.raises(ParamValidationError):
        market.vendor.batch_describe_entities(**asked())


# Rates and faults


def test_each_account_has_rates_of_its_own(tmp_path: Path) -> None:
    """Ten lists at once are AWS's limit, of one account; descriptions have a limit apart from it."""
    market = Market(tmp_path, quota_scale=0.1)
    try:
        market.vendor.list_entities(**of("SaaSProduct"))
        answer = refusal(lambda: [market.vendor.list_entities(**of("SaaSProduct")) for _ in range(9)])
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ThrottlingException", 429)
        assert market.reseller.list_entities(**of("SaaSProduct"))
        assert market.vendor.batch_describe_entities(**asked("prod-0000000000000"))
        counts = market.requests()
        assert counts["marketplace_catalog_throttled"]["ListEntities"] >= 1
        assert set(counts["marketplace_catalog_accounts"]) == {VENDOR, RESELLER}
    finally:
        market.close()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (402, "ServiceQuotaExceededException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (415, "ResourceNotSupportedException"),
        (422, "ValidationException"),
        (423, "ResourceInUseException"),
        (429, "ThrottlingException"),
        (500, "InternalServiceException"),
        (503, "ServiceUnavailableException"),
    ],
)
def test_a_fault_of_a_status_is_the_error_that_the_service_has_for_it(market: Market, status: int, code: str) -> None:
    market.order("/fault", server="marketplace_catalog", match="ListEntities", kind="status", status=status)
    answer = refusal(lambda: market.vendor.list_entities(**of("SaaSProduct")))
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert answer["Error"]["Message"]
    assert market.vendor.list_entities(**of("SaaSProduct"))


def test_a_fault_can_be_of_one_account(market: Market) -> None:
    market.order("/fault", server="marketplace_catalog", match=f"List.* {VENDOR}", kind="expire_session")
    assert market.reseller.list_entities(**of("SaaSProduct"))
    code = refusal(lambda: market.vendor.list_entities(**of("SaaSProduct")))["Error"]["Code"]
    assert code == "ExpiredTokenException"


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after"])
def test_a_silent_server_cuts_the_connection(market: Market, kind: str) -> None:
    market.order("/fault", server="marketplace_catalog", kind=kind)
    with pytest.raises(ConnectionClosedError):
        market.vendor.list_entities(**of("SaaSProduct"))
    assert market.vendor.list_entities(**of("SaaSProduct"))


def test_requests_are_counted_by_operation_and_by_account(market: Market) -> None:
    market.vendor.list_entities(**of("SaaSProduct"))
    market.reseller.list_entities(**of("SaaSProduct"))
    market.reseller.batch_describe_entities(**asked("prod-0000000000000"))
    counts = market.requests()
    assert counts["marketplace_catalog"] == {"BatchDescribeEntities": 1, "ListEntities": 2}
    assert counts["marketplace_catalog_accounts"] == {VENDOR: 1, RESELLER: 2}


def test_a_description_can_be_refused_alone_and_among_others(market: Market) -> None:
    ids = market.seed_ids()
    market.order(
        "/marketplace/refuse", entity=ids["SaaSProduct"], code="InternalServiceException", message="Sorry.", times=2
    )
    both = asked(ids["SaaSProduct"], ids["AmiProduct"])
    answer = market.vendor.batch_describe_entities(**both)
    assert set(answer["EntityDetails"]) == {ids["AmiProduct"]}
    assert answer["Errors"] == {ids["SaaSProduct"]: {"ErrorCode": "InternalServiceException", "ErrorMessage": "Sorry."}}
    with pytest.raises(ClientError, match="InternalServiceException"):
        market.document(ids["SaaSProduct"])
    assert not market.vendor.batch_describe_entities(**both)["Errors"]


# Orders


def test_a_change_makes_a_revision_and_moves_the_date(market: Market) -> None:
    product = market.seed_ids()["SaaSProduct"]
    before = market.vendor.describe_entity(Catalog=CATALOG, EntityId=product)
    fields = {"Description": {"ProductTitle": "Renamed", "Sku": None}, "Description.Visibility": "Restricted"}
    assert market.order("/marketplace/product", entity=product, fields=fields) == {"entity": product}
    after = market.vendor.describe_entity(Catalog=CATALOG, EntityId=product)
    assert (before["EntityIdentifier"], after["EntityIdentifier"]) == (f"{product}@1", f"{product}@2")
    assert after["LastModifiedDate"] > before["LastModifiedDate"]
    about = after["DetailsDocument"]["Description"]
    assert (about["ProductTitle"], about["Visibility"], "Sku" in about) == ("Renamed", "Restricted", False)
    (summary,) = every(market.vendor, "SaaSProduct")
    assert (summary["Name"], summary["Visibility"]) == ("Renamed", "Restricted")
    assert summary["SaaSProductSummary"] == {"ProductTitle": "Renamed", "Visibility": "Restricted"}


def test_a_partner_can_have_products_too(market: Market) -> None:
    made = market.order("/marketplace/product", account=RESELLER, type="ContainerProduct")["entity"]
    assert [each["EntityId"] for each in every(market.reseller, "ContainerProduct")] == [made]
    assert refusal(lambda: market.vendor.describe_entity(Catalog=CATALOG, EntityId=made))


def test_an_authorization_is_shared_when_it_is_released(market: Market) -> None:
    product = market.seed_ids()["ContainerProduct"]
    members = {"product": product, "fields": {"Name": "Later", "Status": "Draft"}}
    made = market.order("/marketplace/authorization", **members)["entity"]
    assert made not in {each["EntityId"] for each in every(market.reseller, AUTHORIZATION, OwnershipType="SHARED")}
    fields = {"Rules.AvailabilityRule": {"AvailabilityEndDate": None, "OffersMaxQuantity": None}, "Status": "Active"}
    market.order("/marketplace/authorization", entity=made, fields=fields)
    assert made in {each["EntityId"] for each in every(market.reseller, AUTHORIZATION, OwnershipType="SHARED")}
    rules = {rule["Type"]: rule for rule in market.document(made, market.reseller)["Rules"]}
    assert (rules["AvailabilityRule"]["Usage"], "AvailabilityEndDate" in rules["AvailabilityRule"]) == (
        "Unlimited",
        False,
    )


@pytest.mark.parametrize("account", [VENDOR, RESELLER])
def test_without_the_role_in_both_accounts_nothing_is_shared(market: Market, account: str) -> None:
    """The authorization is active for the vendor, and the partner does not see it."""
    market.order("/marketplace/role", account=account, exists=False)
    made = market.order("/marketplace/authorization", product=market.seed_ids()["SaaSProduct"])["entity"]
    assert market.document(made)["Status"] == "Active"
    assert made not in {each["EntityId"] for each in every(market.reseller, AUTHORIZATION, OwnershipType="SHARED")}
    answer = refusal(lambda: market.reseller.describe_entity(Catalog=CATALOG, EntityId=made))
    assert answer["Error"]["Code"] == "AccessDeniedException"


def test_an_authorization_for_an_account_that_is_not_here_is_the_vendors_alone(market: Market) -> None:
    product = market.seed_ids()["SaaSProduct"]
    made = market.order("/marketplace/authorization", product=product, reseller=STRANGER)["entity"]
    assert len(every(market.vendor, AUTHORIZATION)) == 2
    assert len(every(market.reseller, AUTHORIZATION, OwnershipType="SHARED")) == 1
    rules = {rule["Type"]: rule for rule in market.document(made)["Rules"]}
    assert rules["PartnerTargetingRule"]["ResellerAccountId"] == STRANGER


def test_a_restriction_is_seen_on_both_sides_and_cannot_be_undone(market: Market) -> None:
    authorization = market.seed_ids()[AUTHORIZATION]
    market.order("/marketplace/restrict", authorization=authorization)
    for client, ownership in ((market.vendor, "SELF"), (market.reseller, "SHARED")):
        (summary,) = every(client, AUTHORIZATION, OwnershipType=ownership)
        assert summary["ResaleAuthorizationSummary"]["Status"] == "Restricted"
        assert market.document(authorization, client)["Status"] == "Restricted"
    assert market.try_order("/marketplace/restrict", authorization=authorization)[0] == 400
    fields = {"Status": "Active"}
    assert market.try_order("/marketplace/authorization", entity=authorization, fields=fields)[0] == 400


def test_an_expired_authorization_cannot_be_restricted(market: Market) -> None:
    """Nothing but the passing of time expires one: its status stays."""
    authorization = market.seed_ids()[AUTHORIZATION]
    market.order("/clock", advance_seconds=100 * 86400)
    status, answer = market.try_order("/marketplace/restrict", authorization=authorization)
    assert (status, "expired" in answer["error"]) == (400, True)
    assert market.document(authorization)["Status"] == "Active"


def test_what_is_removed_is_gone_for_everybody(market: Market) -> None:
    authorization = market.seed_ids()[AUTHORIZATION]
    market.order("/marketplace/remove", entity=authorization)
    assert every(market.vendor, AUTHORIZATION) == []
    assert every(market.reseller, AUTHORIZATION, OwnershipType="SHARED") == []
    assert market.vendor.batch_describe_entities(**asked(authorization))["Errors"]


def test_offers_that_a_partner_made_are_counted_on_a_released_authorization(market: Market) -> None:
    authorization = market.seed_ids()[AUTHORIZATION]
    fields = {"OfferDetails": {"OfferExtendedStatus": "Completed-Used", "OfferCreatedCount": 1}}
    market.order("/marketplace/authorization", entity=authorization, fields=fields)
    (summary,) = every(market.reseller, AUTHORIZATION, OwnershipType="SHARED")
    assert summary["ResaleAuthorizationSummary"]["OfferExtendedStatus"] == "Completed-Used"


@pytest.mark.parametrize(
    ("path", "members", "part"),
    [
        ("product", {}, "the type of a new product, or the entity"),
        ("product", {"type": "SaaSProduct", "entity": "prod-1"}, "the type of a new product, or the entity"),
        ("product", {"type": "DataProduct"}, "DataProduct"),
        ("product", {"type": "SaaSProduct", "account": STRANGER}, STRANGER),
        ("product", {"entity": "prod-1"}, "prod-1 is no"),
        ("product", {"type": "SaaSProduct", "fields": {"Description.Visibility": "Hidden"}}, "visibility"),
        ("product", {"type": "SaaSProduct", "fields": {"Description.ProductTitle": None}}, "ProductTitle"),
        ("product", {"type": "SaaSProduct", "fields": {"Description.ProductTitle": "x" * 256}}, "255"),
        ("product", {"type": "SaaSProduct", "fields": {"Description.Colour": "red"}}, "Colour"),
        ("product", {"type": "SaaSProduct", "fields": {"Repositories": []}}, "Repositories"),
        ("product", {"type": "SaaSProduct", "fields": {"Description.Sku.Part": "x"}}, "Description.Sku"),
        ("product", {"type": "SaaSProduct", "fields": {"Dimensions.Users": {}}}, "Type"),
        ("product", {"type": "SaaSProduct", "fields": {"Dimensions": [{"Key": "a b"}]}}, "'a b'"),
        ("product", {"type": "SaaSProduct", "fields": {"Description.Highlights.First": "x"}}, "replace the list"),
        ("authorization", {}, "the product of a new authorization"),
        ("authorization", {"product": "prod-1"}, "prod-1 is no"),
        ("authorization", {"entity": "resaleauthz-1"}, "resaleauthz-1 is no"),
        ("restrict", {"authorization": "resaleauthz-1"}, "resaleauthz-1 is no"),
        ("remove", {"entity": "prod-1"}, "prod-1 is no"),
        ("remove", {}, "'entity' is missing"),
        ("role", {"account": STRANGER, "exists": True}, STRANGER),
        ("role", {"account": VENDOR}, "'exists' is missing"),
        ("refuse", {"entity": "prod-1", "code": "Nope"}, "'Nope'"),
        ("refuse", {"entity": "prod-1", "code": "ThrottlingException", "times": 0}, "times is 0"),
    ],
)
def test_an_order_that_cannot_be_carried_out_says_why(market: Market, path: str, members: Json, part: str) -> None:
    before = market.vendor.list_entities(**of("SaaSProduct"))["EntitySummaryList"]
    status, answer = market.try_order(f"/marketplace/{path}", **members)
    assert (status, part in answer["error"]) == (400, True), answer
    assert market.vendor.list_entities(**of("SaaSProduct"))["EntitySummaryList"] == before


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"Status": "Open"}, "status"),
        ({"Name": ""}, "Name"),
        ({"Colour": "red"}, "Colour"),
        ({"PricingModel": "Barter"}, "PricingModel"),
        ({"Terms.BuyerLegalTerm": None}, "BuyerLegalTerm"),
        ({"Terms.UsageBasedPricingTerm": {"CurrencyCode": "USD"}}, "UsageBasedPricingTerm"),
        ({"Rules.AvailabilityRule.OffersMaxQuantity": 2}, "OffersMaxQuantity"),
        ({"Rules.AvailabilityRule.AvailabilityEndDate": "2031-01-01"}, "AvailabilityEndDate"),
        ({"Rules.PartnerTargetingRule": None}, "reseller"),
        ({"Rules": None}, "Rules"),
        ({"CreatedDate": None}, "CreatedDate"),
        ({"OfferDetails": {"Count": 1}}, "Count"),
        ({"OfferDetails": 1}, "OfferDetails"),
    ],
)
def test_an_authorization_that_the_catalog_could_not_show_is_refused(market: Market, fields: Json, part: str) -> None:
    product = market.seed_ids()["SaaSProduct"]
    status, answer = market.try_order("/marketplace/authorization", product=product, fields=fields)
    assert (status, part in answer["error"]) == (400, True), answer
    assert len(every(market.vendor, AUTHORIZATION)) == 1


def test_authorizations_need_a_product_of_ones_own_that_is_no_draft(market: Market) -> None:
    ids = market.seed_ids()
    status, answer = market.try_order("/marketplace/authorization", account=RESELLER, product=ids["SaaSProduct"])
    assert (status, VENDOR in answer["error"]) == (400, True)
    market.order("/marketplace/product", entity=ids["SaaSProduct"], fields={"Description.Visibility": "Draft"})
    status, answer = market.try_order("/marketplace/authorization", product=ids["SaaSProduct"])
    assert (status, "draft" in answer["error"]) == (400, True)


def test_seeded_entities_are_listed_and_described(market: Market) -> None:
    objects = ["AmiProduct", AUTHORIZATION]
    assert market.order("/seed", objects=objects, count=30) == dict.fromkeys(objects, 30)
    assert len(every(market.vendor, "AmiProduct")) == 31
    shared = every(market.reseller, AUTHORIZATION, OwnershipType="SHARED")
    assert len(shared) == 31
    ids = [each["EntityId"] for each in shared[:20]]
    assert len(market.reseller.batch_describe_entities(**asked(*ids))["EntityDetails"]) == 20


def test_a_reset_brings_back_what_was_there_at_first(market: Market) -> None:
    ids = market.seed_ids()
    market.order("/marketplace/remove", entity=ids["SaaSProduct"])
    market.order("/marketplace/product", type="AmiProduct")
    market.order("/marketplace/role", account=RESELLER, exists=False)
    market.order("/marketplace/refuse", entity=ids["AmiProduct"], code="AccessDeniedException")
    market.order("/reset")
    assert market.seed_ids() == ids
    assert market.document(ids["AmiProduct"])
    market.order("/marketplace/authorization", product=ids["AmiProduct"])
    assert len(every(market.reseller, AUTHORIZATION, OwnershipType="SHARED")) == 2


# First line and configuration


def test_the_configuration_has_the_seller_accounts_and_no_secret_of_theirs(market: Market) -> None:
    text = Path(market.info["config"]).read_text(encoding="utf8")
    sellers = {seller["account"]: seller for seller in tomllib.loads(text)["aws"]["sellers"]}
    accounts = market.info["marketplace_catalog"]["accounts"]
    assert set(sellers) == set(accounts) == {VENDOR, RESELLER}
    for number, seller in sellers.items():
        assert (seller["endpoint_url"], seller["name"]) == (market.url, accounts[number]["name"])
        for key in ("access_key_id", "secret_access_key"):
            secret = Path(seller[key].removeprefix("file:"))
            assert secret.read_text(encoding="utf8") == accounts[number][key]
            assert stat.S_IMODE(secret.stat().st_mode) == 0o600
            assert accounts[number][key] not in text
    assert len({one["access_key_id"] for one in accounts.values()}) == len(accounts)
