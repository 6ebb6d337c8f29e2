"""What the commands of ``connector mapping`` have in common: options, the open desk, and how problems are shown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console

from connector.admin.context import open_runtime, who
from connector.admin.mapping_desk import MappingDesk
from connector.errors import ConfigError, MappingError, Problem
from connector.mapping.fit import is_blocking


class RecordKind(StrEnum):
    """What a mapping is of."""

    opportunity = "opportunity"
    lead = "lead"


TypeFlag = Annotated[RecordKind, typer.Option("--type", help="Whose mapping: opportunities have one, leads another.")]
YesFlag = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DraftFlag = Annotated[bool, typer.Option("--draft", help="The draft instead of the published version.")]
AceName = Annotated[str, typer.Argument(help="AWS field name, such as customerCompanyName; case counts.")]
OPPORTUNITY = RecordKind.opportunity
OPEN_VALUES = frozenset({"AWS_VALUES_UNMAPPED", "SALESFORCE_VALUES_UNMAPPED"})
"""Codes of problems that name the first few of a field's open values."""


@contextmanager
def open_desk(kind: RecordKind) -> Iterator[MappingDesk]:
    """Open the mapping of a record type; a worker may go on meanwhile."""
    with open_runtime(exclusive=False) as runtime:
        yield MappingDesk(runtime, kind.value, who())


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person; raises ConfigError where nobody can be asked, and ends the command where the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"{question} Nothing was changed. Repeat the command with --yes if that is meant.")
    if not typer.confirm(question):
        raise typer.Exit(1)


def pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    """Return ``LEFT=RIGHT`` texts as a table. Raises MappingError for what has no such form, or the same LEFT twice.

    A value that holds an equals sign itself is written with ``==`` for it.
    """
    table: dict[str, str] = {}
    for text in texts or ():
        left, sign, right = text.replace("==", "\0").partition("=")
        left, right = (part.replace("\0", "=") for part in (left, right))
        if not (left and sign and right):
            raise MappingError(f"{text!r} is not of the form VALUE=VALUE. Write, for example, {option} 'Prospect=New'.")
        if table.get(left, right) != right:
            raise MappingError(f"{option} gives {left!r} twice: {table[left]!r} and {right!r}. Give one of them.")
        table[left] = right
    return table


def problem_rows(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Return problems for ``--json``, each with whether it stops publishing."""
    return [{**asdict(problem), "blocking": is_blocking(problem)} for problem in problems]


def print_problems(console: Console, problems: Iterable[Problem]) -> None:
    """Print problems, those that stop publishing first, and how to see all open values where only some are named."""
    told = sorted(problems, key=lambda one: not is_blocking(one))
    for problem in told:
        console.print(("" if is_blocking(problem) else "note: ") + str(problem), markup=False)
    if any(problem.code in OPEN_VALUES for problem in told):
        console.print("All open values: `connector mapping values` and the AWS field's name.", markup=False)
