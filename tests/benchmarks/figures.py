"""What a benchmark measured, and how it is shown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

CONSOLE = Console(width=140, highlight=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure; ``met`` is None where it only informs. ``note`` says under which conditions it holds."""

    benchmark: str
    name: str
    value: str
    aim: str = ""
    met: bool | None = None
    note: str = ""


def at_least(benchmark: str, name: str, value: float, aim: float, unit: str, note: str = "") -> Figure:
    """Return a figure whose aim is a lower bound."""
    return Figure(benchmark, name, f"{value:,.1f} {unit}".strip(), f"≥ {aim:,g} {unit}".strip(), value >= aim, note)


def at_most(benchmark: str, name: str, value: float, aim: float, unit: str = "", note: str = "") -> Figure:
    """Return a figure whose aim is an upper bound."""
    return Figure(benchmark, name, f"{value:,g} {unit}".strip(), f"≤ {aim:,g} {unit}".strip(), value <= aim, note)


def say(text: str) -> None:
    """Tell on standard output what goes on."""
    CONSOLE.print(text, markup=False)


def machine() -> str:
    """Return the machine in one line: processor, cores, Python."""
    cores = os.cpu_count() or 1
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"Machine: {_processor()}, {cores} cores, {platform.system()} {platform.machine()}, {python}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def show(figures: Iterable[Figure]) -> None:
    """Print the table of figures against their aims."""
    table = Table("benchmark", "figure", "measured", "aim", "met", "conditions", title="Figures")
    for one in figures:
        met = {True: "yes", False: "NO", None: "-"}[one.met]
        table.add_row(one.benchmark, one.name, one.value, one.aim or "informs", met, one.note)
    CONSOLE.print(table)
