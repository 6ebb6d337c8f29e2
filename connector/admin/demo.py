"""The story that ``connector demo`` plays."""

from __future__ import annotations

from typing import Any


def play(sandbox: Any, *, serve: bool) -> None:
    raise NotImplementedError
