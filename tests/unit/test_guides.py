"""The guides name commands and options that exist, and link to chapters that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.admin.cli import program_command

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ("README.md", "config/README.md", "config/sandbox.md", "deploy/README.md", "salesforce_metadata/README.md")


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_that_a_guide_prints_exists_with_its_options(guide: str) -> None:
    wrong = {line: fault for line in commands((ROOT / guide).read_text(encoding="utf8")) if (fault := fault_of(line))}
    assert not wrong


@pytest.mark.parametrize("guide", GUIDES)
def test_every_chapter_that_a_guide_links_to_exists(guide: str) -> None:
    text = (ROOT / guide).read_text(encoding="utf8")
    links = re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", text)
    for path, chapter in links:
        target = ((ROOT / guide).parent / path).resolve() if path else ROOT / guide
        assert chapter in chapters(target.read_text(encoding="utf8")), f"{guide}: {path}#{chapter}"


def commands(text: str) -> Iterator[str]:
    """Yield what stands in code: lines of blocks, and spans that may run over a line's end."""
    for block in re.findall(r"```(?:sh)?\n(.*?)```", text, re.DOTALL):
        yield from (line.split(" #")[0].split(" &")[0].strip() for line in block.splitlines())
    for span in re.findall(r"`(connector [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        yield re.sub(r"\s+", " ", span)


def fault_of(line: str) -> str:
    """Return what the program does not know of a line; empty where it is none of ours, or all is known."""
    if not line.startswith("connector "):
        return ""
    command: Any = program_command()
    words = shlex.split(line)[1:]
    for word in words:
        # Alternatives are written with a bar; the first stands for all.
        name = word.split("|")[0]
        if word.startswith("-") or not hasattr(command, "commands"):
            break
        if name not in command.commands:
            return word
        command = command.commands[name]
    if hasattr(command, "commands"):
        return ""
    known = {"--help", *(option for parameter in command.params for option in parameter.opts)}
    options = (one for word in words if word.startswith("--") for one in word.split("=")[0].split("|"))
    return next((one for one in options if one not in known), "")


def chapters(text: str) -> set[str]:
    """Return the anchors of all headings, as code hosts derive them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_an_unknown_command_and_an_unknown_option_are_found() -> None:
    assert fault_of("connector files fly") == "fly"
    assert fault_of("connector files list --fast") == "--fast"
    assert fault_of("connector action share|refresh ID --file deals.csv") == ""
