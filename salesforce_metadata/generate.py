"""Write the Salesforce DX source of the co-sell objects and settings, and the guide to their validation rules.

The facts come from the field catalogue and from the tables beside this module.

Run ``python salesforce_metadata/generate.py`` after the catalogue in ``connector/data`` or a table has changed. The
same facts always give the same bytes, and a test compares them with what is checked in.
"""

from __future__ import annotations

import sys
from pathlib import Path

from salesforce_metadata import mirrored, rules_guide, settings, source, synced

ROOT = Path(__file__).parent


def main(arguments: list[str]) -> None:
    """Write the source below the directory given, or below the package itself."""
    write(Path(arguments[0]) if arguments else ROOT)


def write(target: Path) -> list[Path]:
    """Write every file below ``target`` and return their paths, sorted."""
    return source.write({**sources(), Path(rules_guide.NAME): rules_guide.text()}, target)


def sources() -> dict[Path, str]:
    """Return the text of every metadata file by its path in the package."""
    return {**synced.sources(), **settings.sources(), **mirrored.sources()}


if __name__ == "__main__":
    main(sys.argv[1:])
