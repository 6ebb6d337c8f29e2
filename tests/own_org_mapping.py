"""A mapping of the object of a partner's own, as a file that can be imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from own_org_world import AWS_ID, DEAL, SYNC, SYNCED

PHASES = {
    "Prospect": "1 Discover", "Qualified": "2 Qualify", "Technical Validation": "3 Prove",
    "Business Validation": "4 Negotiate", "Committed": "5 Sign", "Launched": "6 Live", "Closed Lost": "9 Lost",
}  # fmt: skip
PLAIN = {
    "customerCompanyName": "Customer__r.Name", "partnerProjectTitle": "Headline__c", "projectDescription": "Problem__c",
    "targetCloseDate": "Close_By__c", "expectedMonthlyAwsRevenue": "Monthly_Spend__c", "postalCode": "Rivals__c",
    "customerWebsite": "Customer__r.Website", "industryOther": "Customer__r.Site", "state": "Customer__r.BillingState",
    "awsAccountId": "Reference_Code__c", "solutionOffered": "Solution_Code__c",
}  # fmt: skip
CHOICES = {
    "stage": ("Phase__c", PHASES),
    "deliveryModel": ("Delivery__c", {"SaaS or PaaS": "Run by us"}),
    "useCase": ("Use__c", {"Storage & Backup": "Backups"}),
    "partnerPrimaryNeedFromAws": ("Help_Wanted__c", {"Co-Sell - Architectural Validation": "Architects"}),
    "industry": ("Sector__c", {"Healthcare": "Hospitals"}),
    "country": ("Land__c", {"DE": "Deutschland"}),
    "closedLostReason": ("Lost_Because__c", {"Price": "Price too high"}),
}


def write_mapping(file: Path) -> Path:
    """Write a mapping of the partner's own object."""
    entries: list[dict[str, Any]] = [{"ace_field": ace, "path": path, "inbound": False} for ace, path in PLAIN.items()]
    entries += [
        {"ace_field": ace, "path": path, "inbound": False, "picklist": {"primary": primary}}
        for ace, (path, primary) in CHOICES.items()
    ]
    own = {"sync_with_aws": SYNC, "last_sync_date": SYNCED, "has_updates": "", "apn_id": AWS_ID, "invitation_id": ""}
    head = {"schema": 1, "record_type": "opportunity", "object": DEAL, "own_fields": own}
    file.write_text(json.dumps(head | {"fields": entries}), encoding="utf8")
    return file
