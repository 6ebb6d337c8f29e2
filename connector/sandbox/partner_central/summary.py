"""GetAwsOpportunitySummary: AWS's own view of a partner's opportunity."""

from __future__ import annotations

from connector.sandbox.partner_central.catalog import Account, Catalog
from connector.sandbox.partner_central.records import Fields, Opportunity

MEMBERS = (
    "LifeCycle",
    "OpportunityTeam",
    "Insights",
    "InvolvementTypeChangeReason",
    "RelatedEntityIds",
    "Customer",
    "Project",
    "CosellMotion",
    "SoftwareRevenue",
)


def get_summary(_account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Return AWS's view; no date tells when it changed."""
    return view(catalog.visible(request["RelatedOpportunityIdentifier"]))


def view(opportunity: Opportunity) -> Fields:
    """Return an opportunity as GetAwsOpportunitySummary shows it."""
    return {
        **dict.fromkeys(MEMBERS),
        "OpportunityTeam": [],
        **opportunity.summary,
        "Catalog": opportunity.catalog,
        "RelatedOpportunityId": opportunity.id,
        "Origin": opportunity.origin,
        "InvolvementType": opportunity.involvement,
        "Visibility": opportunity.visibility,
    }
