"""The list of AWS fields: its filters, its search and its pages, and how a form finds the way back to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from connector.admin.mapping_view import ShownField

PAGE = 25
"""Fields on one page of the list."""
View = Literal["", "mapped", "unmapped"]
Need = Literal["", "required", "optional"]
_VIEWS: Mapping[str, View] = {"mapped": "mapped", "unmapped": "unmapped"}
_NEEDS: Mapping[str, Need] = {"required": "required", "optional": "optional"}


@dataclass(frozen=True, slots=True)
class Listing:
    """What of the list is shown.

    Attributes:
        view: Mapping View (MAP-04).
        need: Type View.
        search: part of a name, label or path, in any case.
        page: counted from 1.
    """

    view: View = ""
    need: Need = ""
    search: str = ""
    page: int = 1

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Listing:
        """Return what parameters of an address ask for; what makes no sense is left out."""
        page = parameters.get("page", "")
        return cls(
            _VIEWS.get(parameters.get("view", ""), ""),
            _NEEDS.get(parameters.get("need", ""), ""),
            parameters.get("search", "").strip()[:100],
            int(page) if page.isascii() and page.isdigit() and 0 < int(page[:6]) < 1000 else 1,
        )

    @classmethod
    def back(cls, text: str) -> Listing:
        """Return the listing that a form came from, as :attr:`query` wrote it."""
        return cls.of(dict(parse_qsl(text)))

    @property
    def query(self) -> str:
        """The listing as parameters of an address, without a question mark."""
        given = {"view": self.view, "need": self.need, "search": self.search, "page": str(self.page)}
        return urlencode({name: text for name, text in given.items() if text and text != "1"})

    def with_page(self, page: int) -> Listing:
        return replace(self, page=page)

    def found(self, fields: Sequence[ShownField]) -> list[ShownField]:
        """Return the fields of all of its pages."""
        return [one for one in fields if self._shows(one)]

    def pages(self, count: int) -> int:
        return max(1, -(-count // PAGE))

    def part(self, found: Sequence[ShownField]) -> Sequence[ShownField]:
        """Return the fields of its own page; the last one's where there are fewer."""
        page = min(self.page, self.pages(len(found)))
        return found[(page - 1) * PAGE : page * PAGE]

    def _shows(self, one: ShownField) -> bool:
        if self.view and one.mapped is not (self.view == "mapped"):
            return False
        if self.need and bool(one.required) is not (self.need == "required"):
            return False
        path = one.item.path if one.item else one.held_by
        return self.search.lower() in f"{one.ace.name} {one.ace.label} {path}".lower()


def counts(fields: Sequence[ShownField]) -> Mapping[str, int]:
    """Return how many fields each filter shows."""
    mapped, required = sum(one.mapped for one in fields), sum(bool(one.required) for one in fields)
    return {
        "all": len(fields), "mapped": mapped, "unmapped": len(fields) - mapped,
        "required": required, "optional": len(fields) - required,
    }  # fmt: skip
