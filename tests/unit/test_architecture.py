"""Imports run one way: each room may use only the rooms that the design names."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "connector"
COMMON = {"errors", "names", "data"}
PURE = {"ace", "mapping", "eligibility"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "names": set(),
    "data": set(),
    "ace": COMMON,
    "eligibility": COMMON,
    "mapping": COMMON | {"ace"},
    "salesforce": COMMON | {"ace", "mapping"},
    "aws": COMMON | {"ace", "mapping"},
    "store": COMMON | {"ace", "mapping"},
    "sync": COMMON | PURE | {"store"},
    "marketplace": COMMON | PURE | {"store", "sync"},
    "service": COMMON | PURE | {"store", "sync", "marketplace", "salesforce", "aws"},
    "admin": COMMON | PURE | {"store", "sync", "marketplace", "salesforce", "aws", "service", "sandbox"},
    "sandbox": {"eligibility.formula", "data.values"},
}
LIBRARIES = {"simple_salesforce": "salesforce", "boto3": "aws", "sqlite_utils": "store"}
SANDBOX_TOO = {"botocore"}


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf8"))


@cache
def imports_of(path: Path, *, late: bool = True) -> frozenset[str]:
    """Return the dotted names that the module imports, relative imports resolved."""
    package = ["connector", *path.relative_to(ROOT).parent.parts]
    found: set[str] = set()
    tree = tree_of(path)
    for node in ast.walk(tree) if late else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found |= {stem} if node.module and stem.count(".") > 1 else {f"{stem}.{alias.name}" for alias in node.names}
    return frozenset(found)


def own(names: frozenset[str]) -> set[str]:
    return {name.removeprefix("connector.") for name in names if name.startswith("connector.")}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_the_design_allows(path: Path) -> None:
    room = room_of(path)
    if room in {"__init__", "__main__"}:
        return
    allowed = ALLOWED[room] | {room, "__version__"}
    wrong = [
        name
        for name in own(imports_of(path))
        if not any(name == rule or name.startswith(rule + ".") for rule in allowed)
    ]
    assert not wrong, f"{room} may not import {wrong}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_one_room_knows_each_library(path: Path) -> None:
    for name in imports_of(path):
        owner = LIBRARIES.get(name.split(".")[0])
        assert owner is None or room_of(path) == owner, f"only {owner} may import {name}"


def test_admin_imports_the_sandbox_late_only() -> None:
    for path in (ROOT / "admin").rglob("*.py"):
        early = own(imports_of(path, late=False))
        assert not {name for name in early if name.startswith("sandbox")}, path


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_pure_rooms_have_no_clock_files_network_or_logging(path: Path) -> None:
    if room_of(path) not in PURE:
        return
    impure = {"time", "logging", "structlog", "socket", "requests", "pathlib", "os", "sqlite3", "random", "threading"}
    assert not {name.split(".")[0] for name in imports_of(path)} & impure
    calls = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    assert not calls & {"datetime.now", "datetime.utcnow", "date.today"}
