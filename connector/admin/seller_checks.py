"""What ``connector check`` finds out about AWS Marketplace: one line for each seller account that is configured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial

from connector.admin.check_lines import Line, try_line
from connector.service.config import SellerSection
from connector.service.runtime import Runtime
from connector.service.sellers import open_catalog

MARKETPLACE = "AWS Marketplace"


def seller_lines(runtime: Runtime) -> Iterator[Line]:
    """Yield one line per seller account; one that fails does not stop the others."""
    for section in runtime.config.aws.sellers:
        name = f"account {section.account}{f' ({section.name})' if section.name else ''}"
        yield try_line(MARKETPLACE, name, partial(_catalog, runtime, section))


def _catalog(runtime: Runtime, section: SellerSection) -> str:
    with closing(open_catalog(section, now=runtime.clock.now)) as door:
        return door.check()
