"""Templates become HTML. Everything that is put in is escaped: what Salesforce and AWS say is data."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from connector import __version__
from connector.admin.output import spell

PLACE = Path(__file__).resolve().parent
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(PLACE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _segment(text: str) -> str:
    """Return a text as one segment of a path."""
    return quote(text, safe="")


_ENVIRONMENT.filters["segment"] = _segment
_ENVIRONMENT.filters["spell"] = spell
_ENVIRONMENT.globals["release"] = __version__


def render(template: str, **values: Any) -> str:
    """Return the page. A value that the template misses is an error, not an empty text."""
    return _ENVIRONMENT.get_template(template).render(**values)
