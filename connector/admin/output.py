"""What people see: text on a terminal, or one JSON document on stdout with people's text on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 150
"""Columns where no terminal says how wide it is: in a file or a pipe, tables need not be folded."""


def people(*, as_json: bool = False) -> Console:
    """Return the console for people's text; with ``--json`` it writes to stderr."""
    console = Console(stderr=as_json, soft_wrap=True, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    return console


def print_json(document: Any) -> None:
    """Print the one JSON document of a command."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")
    sys.stdout.flush()


def print_table(console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; values are shown as text, never as markup."""
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    console.print(table)


def spell(value: Any) -> str:
    """Return a value for a line of text: texts as they are, nothing as a dash, anything else as JSON."""
    if value is None:
        return "–"
    if isinstance(value, list | tuple | dict | bool):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
