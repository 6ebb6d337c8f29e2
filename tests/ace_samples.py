"""Files with every key of AWS's published samples, in their spelling and with their types; the words are our own."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
MASKED_LEAD = dict.fromkeys(
    ("title", "streetAddress", "state", "postalCode", "phone", "fullName", "email", "country", "company", "city"),
    "Accept To View",
)
MASKED_OPPORTUNITY = dict.fromkeys(
    ("customerFirstName", "customerLastName", "customerTitle", "customerEmail", "customerPhone"), "Accept to View"
)
_numbers = itertools.count(2_000_001)


def opportunity_id() -> str:
    """Return an identifier of AWS's that no opportunity has yet."""
    return f"O{next(_numbers)}"


def lead_id() -> str:
    """Return an identifier of AWS's that no lead has yet."""
    return f"L{next(_numbers)}"


def exported_opportunity(**changes: Any) -> Json:
    """Return an opportunity as AWS exports it, approved and known to nobody here, with some fields changed."""
    return {
        "wWPSPDMEmail": "pdm@aws.example",
        "wWPSPDM": None,
        "useCase": "Business Applications & Contact Center",
        "targetCloseDate": "2060-09-24",
        "streetAddress": "12 Quay Street",
        "status": "Approved",
        "state": "Washington",
        "stage": "Prospect",
        "projectDescription": "Calls of the harbour's customers wait in a queue that nobody sees.",
        "primaryContactPhone": None,
        "primaryContactLastName": "Okafor",
        "primaryContactFirstName": "Sam",
        "primaryContactEmail": None,
        "postalCode": "21043",
        "partnerProjectTitle": "Contact centre",
        "partnerPrimaryNeedFromAws": "Do Not Need Support from AWS Sales Rep",
        "partnerDeveloperManagerPhone": None,
        "partnerDeveloperManagerEmail": "developer.manager@aws.example",
        "partnerDeveloperManager": "Noa Berg",
        "partnerCrmUniqueIdentifier": None,
        "partnerAcceptanceStatus": None,
        "opportunityOwnership": "Partner Referral",
        "opportunityOwnerName": "Ada Moreno",
        "opportunityOwnerEmail": "admin@northwind.example",
        "nextStepHistory": None,
        "nextStep": "Agree on a workshop date",
        "lastModifiedDate": "2026-03-08T13:15:35.000Z",
        "lastModifiedBy": "Noa Berg",
        "isMarketingDevelopmentFunded": "No",
        "industryOther": "Other",
        "industry": "Government",
        "expectedMonthlyAwsRevenue": 100.0,
        "deliveryModel": "BYOL or AMI",
        "customerWebsite": "https://harbour.example",
        "customerTitle": "Head of Data",
        "customerPhone": "1234567890",
        "customerLastName": "Castell",
        "customerFirstName": "Ines",
        "customerEmail": "ines.castell@harbour.example",
        "customerCompanyName": "Harbour Authority",
        "createdDate": "2026-03-08T13:15:34.000Z",
        "createdBy": "Noa Berg",
        "country": "United States",
        "competitiveTrackingOther": None,
        "competitiveTracking": "On-Prem",
        "closedLostReason": None,
        "city": "Seattle",
        "campaignName": "WWPS NDPP;P3",
        "aWSStage": "Prospect",
        "aWSSalesRepName": None,
        "aWSSalesRepEmail": "rep@aws.example",
        "aWSPartnerSuccessManagerName": "Lou Adler",
        "aWSPartnerSuccessManagerEmail": "psm@aws.example",
        "aWSISVSuccessManagerName": "Kim Osei",
        "aWSISVSuccessManagerEmail": "isv@aws.example",
        "aWSClosedLostReason": None,
        "aWSCloseDate": "2061-01-02",
        "aWSAccountOwnerName": "Ida Sol",
        "aWSAccountOwnerEmail": "owner@aws.example",
        "awsAccountId": None,
        "apnCrmUniqueIdentifier": opportunity_id(),
        "additionalComments": "Workshop agreed",
        "procurementType": "Contract",
        "customerSoftwareValue": 0.0,
        "contractStartDate": "2060-09-24",
        "contractEndDate": "2060-09-24",
        "customerSoftwareValueCurrency": "USD",
        "IsOppFromMarketingActivity": "Yes",
        "marketingActivityChannel": "Email",
        "marketingActivityUsecase": "Analytics",
        "awsSFCampaignName": "Spring",
        "apnReviewerComments": None,
        "acceptBy": "2060-09-24T13:15:35.000Z",
        "opportunityType": "Net New Business",
        "doesOppBelongToNatSec": "No",
        "customerDuns": "123456789",
        "salesActivities": "Customer has shown interest in solution",
        "parentOppId": "O1234567",
        "cosellConvertReason": None,
        "engagementScore": "High",
        "recommendedNextBestActions": None,
        "awsProducts": ["Lambda", "AWSManagedServices", "WorkLink"],
        "solutionOffered": ["S-1234567"],
        "otherSolutionOffered": None,
        "offers": ["Offer-123"],
        **changes,
    }


def referral(**changes: Any) -> Json:
    """Return a referral of AWS's that waits for the partner's decision."""
    waiting = {"opportunityOwnership": "AWS Referral", "status": None, "aWSStage": "Prospect"}
    return exported_opportunity(**{**MASKED_OPPORTUNITY, **waiting, **changes})


def exported_lead(**changes: Any) -> Json:
    """Return a lead as AWS exports it before its acceptance, with some fields changed."""
    return {
        "website": "www.harbour.example",
        "useCaseWorkload": "Big Data;Content Delivery",
        **MASKED_LEAD,
        "status": "Open",
        "segmentCompanySize": "100-500",
        "projectDescription": "Wants its reports within an hour",
        "partnerCrmLeadId": None,
        "levelofAWSUsage": "Evaluating",
        "leadStatusReason": "First call is due",
        "leadSource": "Accelerator Application",
        "leadOwnerName": "Ada Moreno",
        "leadOwnerEmail": "admin@northwind.example",
        "leadAge": 4.0,
        "lastModifiedDate": "2026-01-17T20:08:15.000Z",
        "lastModifiedBy": "Noa Berg",
        "industry": "Business & Consumer Services",
        "currentLeadStage": None,
        "createdDate": "2026-01-17T20:08:13.000Z",
        "createdBy": "Noa Berg",
        "campaignName": "Data on AWS",
        "campaignMemberStatus": "Attended",
        "apnCrmUniqueIdentifier": lead_id(),
        **changes,
    }


SEEN_LEAD: Json = {
    "title": "Head of Data",
    "streetAddress": "12 Quay Street",
    "state": "Washington",
    "postalCode": "98101",
    "phone": "2065550142",
    "fullName": "Ines Castell",
    "email": "ines.castell@harbour.example",
    "country": "United States",
    "company": "Harbour Authority",
    "city": "Seattle",
}
"""What an accepted lead shows in place of the mask."""


def answer(partner: str | None, apn: str | None, *errors: str, warnings: Any = None) -> Json:
    """Return AWS's answer about one record; with errors it was refused."""
    return {
        "warnings": warnings,
        "partnerCrmUniqueIdentifier": partner,
        "isSuccess": not errors,
        "errors": list(errors) or None,
        "apnCrmUniqueIdentifier": apn,
    }


def result(key: str, *answers: Mapping[str, Any], **changes: Any) -> Json:
    """Return a result file about an uploaded file, as AWS's samples have it."""
    good = sum(bool(one["isSuccess"]) for one in answers)
    return {
        "success": "ALL" if answers and good == len(answers) else "PARTIAL" if good else "NONE",
        "spmsId": "4815162",
        "isApiError": False,
        "inboundApiResults": list(answers),
        "fileName": key,
        "fileApnProcessedDT": "2026-05-28T15:21:22.331Z",
        "apiErrors": None,
        **changes,
    }
