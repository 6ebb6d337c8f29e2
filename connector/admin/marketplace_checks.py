"""Whether what AWS Marketplace has is in Salesforce as this version of the connector keeps it."""

from __future__ import annotations

from collections.abc import Iterator

from connector.admin.check_lines import Line, UnknownError, try_line
from connector.marketplace.accounts import OUTDATED, known_accounts, outdated_products
from connector.service.runtime import Runtime


def product_lines(runtime: Runtime) -> Iterator[Line]:
    """Yield whether products were refreshed by this version of the connector (MKT-05); nothing without an account."""
    if runtime.config.aws.sellers:
        yield try_line("AWS Marketplace", "products", lambda: _products(runtime))


def _products(runtime: Runtime) -> str:
    numbers = [one.account for one in runtime.config.aws.sellers]
    found = outdated_products(known_accounts(runtime.salesforce), numbers)
    if found:
        told = "; ".join(f"{number}: {reason}" for number, reason in found.items())
        raise UnknownError(
            f"{OUTDATED}: {told}. A worker does it when it starts; or run `connector marketplace refresh products`."
        )
    return "none was refreshed by another version"
