"""How the bucket is set up for the partner, as far as the published descriptions differ or say nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PARTNER_ID = "4815162"
REGION = "us-west-2"
MOST_BYTES = 1_048_576
MOST_BYTES_OUT = 5 * MOST_BYTES
MOST_FILES_PER_DAY = 10_000
OPPORTUNITY, LEAD = "opportunity", "lead"
KINDS = (OPPORTUNITY, LEAD)
PROCESSED_RESULTS, RESULTS = "inbound-processed-results", "inbound-results"


@dataclass(slots=True)
class ExchangeSettings:
    """What a test may change about the exchange. Values that the descriptions leave open have a setting here.

    Attributes:
        partner_id: what every file must carry as ``spmsId``.
        automatic: files are worked off within a second, and exported at each hour of the sandbox's clock; otherwise
            only by order.
        results: which of both spellings the result folders have.
        results_folder_of_opportunities: ``lead`` puts results of opportunities where one text says they are.
        partial_word: how ``success`` says that some records were taken and some were not; no sample shows it.
        opportunity_version, lead_version: the ``version`` of exported files.
        catalog: Partner Central's catalog whose opportunities are those of the files.
        most_records: records of one file; the FAQ says 50, the quota table 500.
    """

    partner_id: str = PARTNER_ID
    automatic: bool = True
    results: Literal["inbound-processed-results", "inbound-results"] = "inbound-processed-results"
    results_folder_of_opportunities: Literal["opportunity", "lead"] = "opportunity"
    partial_word: str = "PARTIAL"
    opportunity_version: Literal["1.0", "2.0"] = "2.0"
    lead_version: str = "1"
    catalog: Literal["AWS", "Sandbox"] = "AWS"
    most_records: int = 50


def folders() -> tuple[str, ...]:
    """Return the names of all folders of the bucket, both spellings of those of results included."""
    ends = ("outbound", "inbound", PROCESSED_RESULTS, RESULTS)
    return tuple(f"{kind}-{end}{archive}" for kind in KINDS for end in ends for archive in ("", "-archive"))
