"""Which handler answers which request, and what the request is called in faults and counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from connector.sandbox.salesforce import bulk, composite, querying, quick_actions, replication, row_collections, rows
from connector.sandbox.salesforce.faults import ApiError, RowErrors, not_found
from connector.sandbox.salesforce.wire import Answer, Call

Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One resource below ``/services/data/vNN/``. ``operation`` is its name in faults and counts."""

    operation: str
    method: str
    pattern: re.Pattern[str]
    handler: Handler


def _route(operation: str, method: str, pattern: str, handler: Handler) -> Route:
    expression = pattern.replace("{x}", r"(\w+)").replace("{id}", r"([^/]+)").replace("{v}", r"([^/]+)")
    return Route(operation, method, re.compile(expression + "/?", re.IGNORECASE), handler)


ROUTES = [
    _route("resources", "GET", "", replication.resources),
    _route("limits", "GET", "limits", replication.limits),
    _route("query", "GET", "query", querying.run_query),
    _route("query_all", "GET", "queryAll", querying.run_query_all),
    _route("query_more", "GET", "query(?:All)?/{v}", querying.query_more),
    _route("composite", "POST", "composite", composite.run_composite),
    _route("batch", "POST", "composite/batch", composite.run_batch),
    _route("collections_create", "POST", "composite/sobjects", row_collections.create_rows),
    _route("collections_update", "PATCH", "composite/sobjects", row_collections.update_rows),
    _route("collections_delete", "DELETE", "composite/sobjects", row_collections.delete_rows),
    _route("collections_get", "GET", "composite/sobjects/{x}", row_collections.read_many),
    _route("collections_get", "POST", "composite/sobjects/{x}", row_collections.read_many),
    _route("collections_upsert", "PATCH", "composite/sobjects/{x}/{x}", row_collections.upsert_rows),
    _route("tree", "POST", "composite/tree/{x}", composite.run_tree),
    _route("describe_global", "GET", "sobjects", rows.show_global),
    _route("describe", "GET", "sobjects/{x}/describe", rows.show_describe),
    _route("updated", "GET", "sobjects/{x}/updated", replication.updated),
    _route("deleted", "GET", "sobjects/{x}/deleted", replication.deleted),
    _route("row_create", "POST", "sobjects/{x}/Id", rows.create_by_id),
    _route("quick_actions", "GET", "sobjects/{x}/quickActions", quick_actions.list_actions),
    _route("quick_action", "GET", "sobjects/{x}/quickActions/{id}", quick_actions.show_action),
    _route("quick_action_perform", "POST", "sobjects/{x}/quickActions/{id}", quick_actions.perform_action),
    _route("quick_action_describe", "GET", "sobjects/{x}/quickActions/{id}/describe", quick_actions.describe_action),
    _route(
        "quick_action_defaults", "GET", "sobjects/{x}/quickActions/{id}/defaultValues", quick_actions.default_values
    ),
    _route(
        "quick_action_defaults", "GET", "sobjects/{x}/quickActions/{id}/defaultValues/{v}", quick_actions.default_values
    ),
    _route("object", "GET", "sobjects/{x}", rows.show_object),
    _route("row_create", "POST", "sobjects/{x}", rows.create_row),
    _route("row_get", "GET", "sobjects/{x}/{id}", rows.get_row),
    _route("row_update", "PATCH", "sobjects/{x}/{id}", rows.update_row),
    _route("row_delete", "DELETE", "sobjects/{x}/{id}", rows.delete_row),
    _route("row_get", "GET", "sobjects/{x}/{x}/{v}", rows.get_by_key),
    _route("row_upsert", "PATCH", "sobjects/{x}/{x}/{v}", rows.upsert_row),
    _route("row_delete", "DELETE", "sobjects/{x}/{x}/{v}", rows.delete_by_key),
    _route("bulk_ingest_create", "POST", "jobs/ingest", bulk.create_ingest),
    _route("bulk_ingest_list", "GET", "jobs/ingest", bulk.list_ingest),
    _route("bulk_ingest_upload", "PUT", "jobs/ingest/{id}/batches", bulk.upload),
    _route("bulk_ingest_state", "PATCH", "jobs/ingest/{id}", bulk.set_state),
    _route("bulk_ingest_get", "GET", "jobs/ingest/{id}", bulk.get_ingest),
    _route("bulk_ingest_delete", "DELETE", "jobs/ingest/{id}", bulk.delete_job),
    _route("bulk_ingest_results", "GET", "jobs/ingest/{id}/{x}", bulk.ingest_results),
    _route("bulk_query_create", "POST", "jobs/query", bulk.create_query),
    _route("bulk_query_get", "GET", "jobs/query/{id}", bulk.get_query),
    _route("bulk_query_abort", "PATCH", "jobs/query/{id}", bulk.abort_query),
    _route("bulk_query_delete", "DELETE", "jobs/query/{id}", bulk.delete_job),
    _route("bulk_query_results", "GET", "jobs/query/{id}/results", bulk.query_results),
]


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """Return the route of a path below the version, and the parts that it names.

    Raises:
        ApiError: 404, or 405 where the resource exists but does not take the method.
    """
    allowed = []
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match and route.method == method:
            return route, match.groups()
        allowed += [route.method] if match else []
    if allowed:
        message = f"HTTP Method '{method}' not allowed. Allowed are {','.join(sorted(set(allowed)))}"
        raise ApiError("METHOD_NOT_ALLOWED", message, status=405)
    raise not_found()


def perform(call: Call, route: Route, parts: tuple[str, ...]) -> Answer:
    """Run a route's handler; what it refuses becomes an answer, a list of errors."""
    try:
        return route.handler(call, *parts)
    except RowErrors as refused:
        return Answer(refused.status, [error.body() for error in refused.errors])
    except ApiError as refused:
        return Answer(refused.status, [refused.body()])
