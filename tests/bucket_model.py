"""What AWS says of the ACE bucket's files: the values of its lists, and small excerpts of its samples."""

from __future__ import annotations

from typing import Any

from data_model import CAMPAIGNS, CHANNELS, CURRENCIES, LOST_REASONS, MARKETING_USE_CASES, PROCUREMENT

YES_NO = "Yes; No"


def parts(text: str) -> set[str]:
    return {part.strip() for part in text.split(";")}


VALUES: dict[str, set[str]] = {
    "campaignName": parts(CAMPAIGNS),
    "closedLostReason": parts(LOST_REASONS),
    "marketingActivityChannel": parts(CHANNELS),
    "marketingActivityUsecase": parts(MARKETING_USE_CASES),
    "procurementType": parts(PROCUREMENT),
    "customerSoftwareValueCurrency": set(CURRENCIES.split()),
    "status": parts("Draft; Submitted; In review; Approved; Rejected; Action Required"),
    "opportunityType": parts("Flat Renewal; Expansion; Net New Business"),
    "opportunityOwnership": parts("AWS Referral; Partner Referral"),
    "partnerAcceptanceStatus": parts("Accepted; Rejected"),
    "engagementScore": parts("Low; Medium; High"),
    "rejectionReason": parts(
        "Customer problem unclear; Next steps unclear; Unable to support; Duplicate of Partner Referral; "
        "Renewal opportunity; Other"
    ),
    "cosellConvertReason": parts(
        "Expansion Opportunity; Change in Deal Information; Customer Requested; Technical Complexity; Risk Mitigation"
    ),
    "stage": parts("Prospect; Qualified; Technical Validation; Business Validation; Committed; Launched; Closed Lost"),
    "salesActivities": parts(
        "Initialized discussions with customer; Customer has shown interest in solution; Conducted POC / Demo; "
        "In evaluation / planning stage; Agreed on solution to Business Problem; Completed Action Plan; "
        "Finalized Deployment Need; SOW Signed"
    ),
    "deliveryModel": parts("SaaS or PaaS; BYOL or AMI; Managed Services; Professional Services; Resell; Other"),
    "partnerPrimaryNeedFromAws": parts(
        "Co-Sell - Architectural Validation; Co-Sell - Business Presentation; Co-Sell - Competitive Information; "
        "Co-Sell - Pricing Assistance; Co-Sell - Technical Consultation; Co-Sell - Total Cost of Ownership Evaluation; "
        "Co-Sell - Deal Support; Co-Sell - Support for Public Tender / RFx; Do Not Need Support from AWS Sales Rep"
    ),
    "competitiveTracking": parts(
        "Oracle Cloud; On-Prem; Co-location; Akamai; AliCloud; Google Cloud Platform; IBM Softlayer; Microsoft Azure; "
        "Other- Cost Optimization; No Competition; *Other"
    ),
    "industry": parts(
        "Aerospace; Agriculture; Automotive; Computers & Electronics; Consumer Goods; Education; Financial Services; "
        "Gaming; Government; Healthcare; Hospitality; Life Sciences; Manufacturing; Marketing & Advertising; Media & "
        "Entertainment; Mining; Non-Profit Organization; Energy - Oil & Gas; Other; Energy - Power & Utilities; "
        "Professional Services; Real Estate & Construction; Retail; Software & Internet; Telecommunications; "
        "Transportation & Logistics; Travel; Wholesale & Distribution"
    ),
    "useCase": parts(
        "AI Machine Learning and Analytics; Big Data: Data Warehouse / Data Integration / ETL / Data Lake / BI; "
        "Business Applications & Contact Center; Cloud Management Tools; Containers & Serverless; Edge Computing / End "
        "User Computing; Energy; Financial Services; Healthcare and Life Sciences; Hybrid Application Platform; "
        "Industrial Software; IOT; Media & High performance computing (HPC); Migration / Database Migration; "
        "Networking; Security & Compliance; Storage & Backup; Training; Archiving; Blockchain; Business Applications & "
        "SAP Production; Business Applications: Mainframe Modernization; Centralized Operations Management; Cloud "
        "Management Tools & DevOps with Continuous Integration & Continuous Delivery (CICD); Configuration, "
        "Compliance & Auditing; Connected Services; Content Delivery & Edge Services; Database; Enterprise Governance "
        "& Controls; Enterprise Resource Planning; High Performance Computing; Manufacturing, Supply Chain and "
        "Operations; Monitoring & Observability; Monitoring, logging and performance; Outpost; SAP; VMC; VMWare; Web "
        "development & DevOps"
    ),
    "IsOppFromMarketingActivity": parts(YES_NO),
    "isMarketingDevelopmentFunded": parts(YES_NO),
    "doesOppBelongToNatSec": parts(YES_NO),
    "isThisForMarketplace": parts(YES_NO),
    "isThisAPublicReference": parts(YES_NO),
    "isNetNewBusinessForCompany": parts(YES_NO),
    "awsFieldEngagement": parts(YES_NO),
}
"""Values of the picklists of opportunities, save countries."""
COUNTRIES = {
    "US": "United States",
    "KR": "Korea",
    "MO": "MACAO",
    "GB": "United Kingdom",
    "VG": "VIRGIN ISLANDS, BRITISH",
    "BQ": "Bonaire, Sint Eustatius and Saba",
    "CD": "Democratic Republic Of The Congo",
    "CG": "Congo",
    "SZ": "Swaziland",
    "RU": "Russia",
    "CI": "Cote d'Ivoire",
    "IR": "Iran, Islamic Republic Of",
    "MF": "Saint Martin (French Part)",
}
"""How the bucket names some countries that others name otherwise."""
CREATED_KEYS = (
    "useCase targetCloseDate streetAddress state stage projectDescription primaryContactPhone primaryContactLastName "
    "primaryContactFirstName primaryContactEmail postalCode partnerProjectTitle partnerPrimaryNeedFromAws "
    "partnerCrmUniqueIdentifier isMarketingDevelopmentFunded industryOther industry expectedMonthlyAwsRevenue "
    "deliveryModel customerWebsite customerTitle customerPhone customerLastName customerFirstName customerEmail "
    "customerCompanyName country competitiveTrackingOther competitiveTracking city campaignName awsAccountId "
    "apnCrmUniqueIdentifier additionalComments IsOppFromMarketingActivity marketingActivityChannel "
    "marketingActivityUsecase awsSFCampaignName opportunityType doesOppBelongToNatSec customerDuns salesActivities "
    "parentOppId awsProducts solutionOffered otherSolutionOffered"
)
"""Keys of the sample of an opportunity that a partner creates."""
UPDATED_LEAD_KEYS = (
    "projectDescription industry segmentCompanySize useCaseWorkLoad status leadStatusReason phone lastName firstName "
    "email streetAddress country city postalCode website partnerCrmLeadId apnCrmUniqueIdentifier"
)
"""Keys of the sample of a lead that a partner updates."""


def exported_opportunity(**changes: Any) -> dict[str, Any]:
    """Return an opportunity as AWS's sample exports it, in the fields whose form matters."""
    return {
        "wWPSPDM": None,
        "useCase": "Business Applications & Contact Center",
        "targetCloseDate": "2022-09-24",
        "status": "Draft",
        "state": "Washington",
        "stage": "Prospect",
        "partnerPrimaryNeedFromAws": "Do Not Need Support from AWS Sales Rep",
        "partnerDeveloperManagerPhone": None,
        "partnerCrmUniqueIdentifier": "TestIdentifier",
        "partnerAcceptanceStatus": None,
        "opportunityOwnership": "Partner Referral",
        "lastModifiedDate": "2022-03-08T13:15:35.000Z",
        "expectedMonthlyAwsRevenue": 100.0,
        "customerSoftwareValue": 0.0,
        "country": "United States",
        "campaignName": "WWPS NDPP;P3",
        "aWSStage": "Prospect",
        "aWSCloseDate": "2023-01-02",
        "apnCrmUniqueIdentifier": "O1000001",
        "IsOppFromMarketingActivity": "Yes",
        "closedLostReason": "Lost to Competitor – Google",
        "industry": "Computers & Electronics",
        "acceptBy": "2022-09-24T13:15:35.000Z",
        "cosellConvertReason": None,
        "awsProducts": ["Lambda", "WorkLink"],
        "solutionOffered": ["S-0001111"],
        "offers": ["Offer-XXX"],
        **changes,
    }


def exported_lead(**changes: Any) -> dict[str, Any]:
    """Return a lead as AWS's sample exports it before its acceptance, in the fields whose form matters."""
    return {
        "website": "www.test.example",
        "useCaseWorkload": "Big Data;Content Delivery",
        "title": "Accept To View",
        "status": "Open",
        "state": "Accept To View",
        "partnerCrmLeadId": None,
        "leadAge": 4.0,
        "lastModifiedDate": "2020-01-17T20:08:15.000Z",
        "industry": "Business & Consumer Services",
        "fullName": "Accept To View",
        "email": "Accept To View",
        "currentLeadStage": None,
        "country": "Accept To View",
        "company": "Accept To View",
        "campaignMemberStatus": "Attended",
        "apnCrmUniqueIdentifier": "L1000001",
        **changes,
    }


def result(**changes: Any) -> dict[str, Any]:
    """Return a result file as AWS's samples have it, of one record that AWS took."""
    return {
        "success": "ALL",
        "spmsId": "spmsId",
        "isApiError": False,
        "inboundApiResults": [answer()],
        "fileName": "opportunity-inbound/test-2023-05-28T01:21:20.json",
        "fileApnProcessedDT": "2023-05-28T15:21:22.331Z",
        "apiErrors": None,
        **changes,
    }


def answer(**changes: Any) -> dict[str, Any]:
    """Return AWS's answer about one record that it took."""
    return {
        "warnings": None,
        "partnerCrmUniqueIdentifier": "testIdentifier",
        "isSuccess": True,
        "errors": None,
        "apnCrmUniqueIdentifier": "O1234567",
        **changes,
    }
