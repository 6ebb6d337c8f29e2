"""How alike two deals are, as their company, website, title and close date tell."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from urllib.parse import urlsplit

PROPOSED_FROM = 60
"""Score from which a record is proposed: the customer alone is not enough, since one customer has many deals."""
SAME_CUSTOMER, SAME_SITE, SIMILAR_CUSTOMER = 50, 45, 35
SAME_TITLE, SIMILAR_TITLE = 30, 20
SAME_DATE, NEAR_DATE = 20, 10
NEAR_DAYS = 31
SIMILAR = 0.8
_LEGAL_FORMS = frozenset({
    "inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited", "llc", "llp", "lp", "plc", "gmbh",
    "ag", "kg", "se", "sa", "sas", "sarl", "srl", "spa", "bv", "nv", "ab", "as", "oy", "aps", "pty", "pvt", "kk", "the",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deal:
    """What one side says of a deal; empty texts where it says nothing."""

    company: str = ""
    title: str = ""
    website: str = ""
    close_date: str = ""


def plain(text: str) -> str:
    """Return the text in lower case, without accents and punctuation, single-spaced."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"\w+", "".join(one for one in letters if not unicodedata.combining(one))))


def company_words(company: str) -> list[str]:
    """Return the words of a company's name without its legal form."""
    words = plain(company).split()
    return [word for word in words if word not in _LEGAL_FORMS] or words


def company_word(company: str) -> str:
    """Return the word by which companies are looked up that may be the same."""
    return next(iter(company_words(company)), "")


def host_of(website: str) -> str:
    """Return the host of a web address without ``www``, in lower case; empty for none."""
    address = website.strip()
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.")


def likeness(one: Deal, other: Deal) -> tuple[int, str]:
    """Return how alike two deals are, from 0 to 100, and in words why; 0 where the customer is another one."""
    customer, why = _customer(one, other)
    if not customer:
        return 0, ""
    title, about_title = _title(one.title, other.title)
    day, about_day = _date(one.close_date, other.close_date)
    told = ", ".join(filter(None, (why, about_title, about_day)))
    titles = plain(one.title) and plain(other.title)
    days = _day(one.close_date) and _day(other.close_date)
    if not titles and not days:
        # Nothing else can be compared, so that nothing speaks against it.
        return max(customer, PROPOSED_FROM), f"{told}; nothing else can be compared"
    return min(100, customer + title + day), told


def _customer(one: Deal, other: Deal) -> tuple[int, str]:
    names = company_words(one.company), company_words(other.company)
    if names[0] and names[0] == names[1]:
        return SAME_CUSTOMER, "same company"
    host = host_of(one.website)
    if host and host == host_of(other.website):
        return SAME_SITE, "same website"
    if all(names) and _similar(" ".join(names[0]), " ".join(names[1])):
        return SIMILAR_CUSTOMER, "similar company"
    return 0, ""


def _title(one: str, other: str) -> tuple[int, str]:
    first, second = plain(one), plain(other)
    if not first or not second:
        return 0, ""
    if first == second:
        return SAME_TITLE, "same title"
    return (SIMILAR_TITLE, "similar title") if _similar(first, second) else (0, "")


def _date(one: str, other: str) -> tuple[int, str]:
    first, second = _day(one), _day(other)
    if first is None or second is None:
        return 0, ""
    apart = abs((first - second).days)
    if not apart:
        return SAME_DATE, "same close date"
    return (NEAR_DATE, f"close dates {apart} days apart") if apart <= NEAR_DAYS else (0, "")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _similar(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= SIMILAR
