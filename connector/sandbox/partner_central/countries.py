"""Countries: their names, and the postal codes that the service accepts for them.

Written from the published postal code table; countries that it does not list need a postal code of any form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PostalRule:
    """The postal code format of some countries, as messages print it and as it is checked; upper-case letters."""

    printed: str
    pattern: re.Pattern[str]


# Printed format, regular expression, countries.
_FORMATS = (
    (
        "99999",
        r"\d{5}",
        "AX BA BT CU DE DO DZ EE EG ES FI FR GT GU HN HR ID IQ IT JO KE KH KR KW LA LK MA ME MH MM MN MP MX "
        "MY NA NI NP PE PK PR PW RS SD SN SS TD TH TR TW UA UY VI ZM",
    ),
    (
        "9999",
        r"\d{4}",
        "AF AL AM AT AU BD BG CC CH CV CX CY DK ET GE GL GW HT HU LI LR LU MK MZ NE NF NO NZ PH PY SJ TN ZA",
    ),
    ("999999", r"\d{6}", "CN CO EC KG KZ NG PA RO SG TJ TM TT VN"),
    ("999", r"\d{3}", "FO IS LS MG OM PG"),
    ("999 99 or 99999", r"\d{3} ?\d{2}", "CZ SK"),
    ("99999 OR 99999-9999", r"\d{5}(-\d{4})?", "US"),
    ("999 OR 9999", r"\d{3,4}", "BH"),
    ("B-9999 or 9999", r"(B-)?\d{4}", "BE"),
    ("AA 99 OR AA AA", r"[A-Z]{2} (\d{2}|[A-Z]{2})", "BM"),
    ("99999 OR 99999-999", r"\d{5}(-\d{3})?", "BR"),
    ("KB9999", r"KB\d{4}", "BN"),
    ("A9A 9A9 or A9A9A9", r"[A-Z]\d[A-Z] ?\d[A-Z]\d", "CA"),
    ("9999 or 99999", r"\d{4,5}", "CR"),
    ("1101", r"1101", "SV"),
    ("973NN", r"973\d{2}", "GF"),
    ("987NN", r"987\d{2}", "PF"),
    ("A(A)N(A/N)NAA OR A(A)N(A/N) NAA", r"[A-Z][A-Z]?\d[A-Z\d]? ?\d[A-Z]{2}", "GB"),
    ("99999 OR 999 99", r"\d{3} ?\d{2}", "GR"),
    ("971NN", r"971\d{2}", "GP"),
    ("120", r"120", "VA"),
    ("999999 OR 999 999", r"\d{3} ?\d{3}", "IN"),
    ("A99 9A9A or A999A9A", r"[A-Z]\d{2} ?\d[A-Z]\d[A-Z]", "IE"),
    ("99999 OR 9999999", r"\d{5}(\d{2})?", "IL"),
    ("99", r"\d{2}", "JM"),
    ("9999999 OR 999-9999", r"\d{7}|\d{3}-\d{4}", "JP"),
    ("99999 or LT-99999", r"(LT-)?\d{5}", "LT"),
    ("9999 OR 99999", r"\d{4,5}", "MV"),
    ("AAA 9999 or AAA9999", r"[A-Z]{3} ?\d{4}", "MT"),
    ("972NN", r"972\d{2}", "MQ"),
    ("976NN", r"976\d{2}", "YT"),
    ("980NN", r"980\d{2}", "MC"),
    ("9999 AC or 9999AC", r"\d{4} ?[A-Z]{2}", "NL"),
    ("988NN", r"988\d{2}", "NC"),
    ("99-999", r"\d{2}-\d{3}", "PL"),
    ("9999 OR 9999-999", r"\d{4}(-\d{3})?", "PT"),
    ("974NN", r"974\d{2}", "RE"),
    ("97133", r"97133", "BL"),
    ("97150", r"97150", "MF"),
    ("97500", r"97500", "PM"),
    ("VC9999", r"VC\d{4}", "VC"),
    ("4789N", r"4789\d", "SM"),
    ("99999-9999", r"\d{5}-\d{4}", "SA"),
    ("M999", r"M\d{3}", "SZ"),
    ("S-99999 OR SE-99999 OR 99999 OR 999 99", r"(SE?-)?\d{5}|\d{3} \d{2}", "SE"),
    ("986NN", r"986\d{2}", "WF"),
)

_WITHOUT = (
    "AE AG AN AO AW BF BI BJ BO BQ BS BW BZ CF CG CI CK CM CW DJ DM ER FJ GD GH GM GQ GY HK HM KI KM KN "
    "LY ML MO MR MW NR NU QA RW SB SC SH SL SR ST SY TF TG TK TL TO TV UG VU YE ZW"
)
WITHOUT_POSTAL_CODE = frozenset(_WITHOUT.split())
_NAMES = (
    "AF=Afghanistan|AL=Albania|AM=Armenia|AT=Austria|AU=Australia|AX=Aland Islands|"
    "BA=Bosnia and Herzegovina|BD=Bangladesh|BE=Belgium|BG=Bulgaria|BH=Bahrain|BL=Saint Barthelemy|"
    "BM=Bermuda|BN=Brunei Darussalam|BR=Brazil|BT=Bhutan|CA=Canada|CC=Cocos (Keeling) Islands|"
    "CH=Switzerland|CN=China|CO=Colombia|CR=Costa Rica|CU=Cuba|CV=Cape Verde|CX=Christmas Island|"
    "CY=Cyprus|CZ=Czech Republic|DE=Germany|DK=Denmark|DO=Dominican Republic|DZ=Algeria|EC=Ecuador|"
    "EE=Estonia|EG=Egypt|ES=Spain|ET=Ethiopia|FI=Finland|FO=Faroe Islands|FR=France|GB=United Kingdom|"
    "GE=Georgia|GF=French Guiana|GL=Greenland|GP=Guadeloupe|GR=Greece|GT=Guatemala|GU=Guam|GW=Guinea-"
    "Bissau|HN=Honduras|HR=Croatia|HT=Haiti|HU=Hungary|ID=Indonesia|IE=Ireland|IL=Israel|IN=India|"
    "IQ=Iraq|IS=Iceland|IT=Italy|JM=Jamaica|JO=Jordan|JP=Japan|KE=Kenya|KG=Kyrgyzstan|KH=Cambodia|"
    "KR=Korea|KW=Kuwait|KZ=Kazakhstan|LA=Lao People's Democratic Republic|LI=Liechtenstein|LK=Sri Lanka|"
    "LR=Liberia|LS=Lesotho|LT=Lithuania|LU=Luxembourg|MA=Morocco|MC=Monaco|ME=Montenegro|"
    "MF=Saint Martin (French Part)|MG=Madagascar|MH=Marshall Islands|"
    "MK=Macedonia, The former Yugoslav Republic Of|MM=Myanmar|MN=Mongolia|MP=Northern Mariana Islands|"
    "MQ=Martinique|MT=Malta|MV=Maldives|MX=Mexico|MY=Malaysia|MZ=Mozambique|NA=Namibia|"
    "NC=New Caledonia|NE=Niger|NF=Norfolk Island|NG=Nigeria|NI=Nicaragua|NL=Netherlands|NO=Norway|"
    "NP=Nepal|NZ=New Zealand|OM=Oman|PA=Panama|PE=Peru|PF=French Polynesia|PG=Papua New Guinea|"
    "PH=Philippines|PK=Pakistan|PL=Poland|PM=Saint Pierre and Miquelon|PR=Puerto Rico|PT=Portugal|"
    "PW=Palau|PY=Paraguay|RE=Reunion|RO=Romania|RS=Serbia|SA=Saudi Arabia|SD=Sudan|SE=Sweden|"
    "SG=Singapore|SJ=Svalbard and Jan Mayen|SK=Slovakia|SM=San Marino|SN=Senegal|SS=South Sudan|"
    "SV=El Salvador|SZ=Swaziland|TD=Chad|TH=Thailand|TJ=Tajikistan|TM=Turkmenistan|TN=Tunisia|"
    "TR=Turkey|TT=Trinidad and Tobago|TW=Taiwan|UA=Ukraine|US=United States|UY=Uruguay|"
    "VA=Holy See (Vatican City State)|VC=Saint Vincent and the Grenadines|VI=VIRGIN ISLANDS, U.S.|"
    "VN=Viet Nam|WF=Wallis and Futuna|YT=Mayotte|ZA=South Africa|ZM=Zambia"
)

POSTAL_RULES = {
    country: PostalRule(printed, re.compile(pattern, re.ASCII))
    for printed, pattern, countries in _FORMATS
    for country in countries.split()
}
NAMES = dict(entry.split("=", 1) for entry in _NAMES.split("|"))
