"""What an order of the control server is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


class BadInput(ValueError):
    """An order that is malformed or cannot be carried out."""


@dataclass(frozen=True, slots=True)
class Order:
    """The members of one order, taken out by name and type; what is left over is refused."""

    members: Json

    def take(self, name: str, kind: type | tuple[type, ...], default: Any = None, *, required: bool = False) -> Any:
        """Return and remove a member. Raises BadInput when it is missing or of another type."""
        value = self.members.pop(name, None)
        if value is None:
            if required:
                raise BadInput(f"member {name!r} is missing")
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            kinds = kind if isinstance(kind, tuple) else (kind,)
            raise BadInput(f"member {name!r} must be {' or '.join(each.__name__ for each in kinds)}, not {value!r}")
        return value

    def finish(self) -> None:
        """Raise BadInput for members that nobody took."""
        if self.members:
            raise BadInput(f"unknown members: {', '.join(sorted(self.members))}")
