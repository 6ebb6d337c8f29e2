"""Functions that Salesforce has and this language has not, because they need what only Salesforce has."""

from __future__ import annotations

from collections.abc import Mapping

_PAGES = "it serves custom buttons, links and Visualforce pages"
_LOOKUPS = "it searches other records of the org"
_REPORTS = "it serves the summaries of reports"
_PLACES = "it computes with geolocation fields"

ELSEWHERE: Mapping[str, str] = {
    "IMAGE": "it makes HTML that only Salesforce shows",
    "VLOOKUP": _LOOKUPS,
    "PREDICT": "it asks Einstein",
    "CURRENCYRATE": "it reads the org's exchange rates",
    "PARENTGROUPVAL": _REPORTS,
    "PREVGROUPVAL": _REPORTS,
    "DISTANCE": _PLACES,
    "GEOLOCATION": _PLACES,
    "JUNCTIONIDLIST": _LOOKUPS,
    "GETSESSIONID": "a session's id is a secret",
    **dict.fromkeys(
        (
            "GETRECORDIDS",
            "HTMLENCODE",
            "IMAGEPROXYURL",
            "INCLUDE",
            "JSENCODE",
            "JSINHTMLENCODE",
            "LINKTO",
            "REQUIRESCRIPT",
            "URLENCODE",
            "URLFOR",
        ),
        _PAGES,
    ),
}
"""The function's name to why it works only there. [U]"""
REMEDY = "Put it into a formula field in Salesforce and name that field here, or do without it."
