"""Synthetic rows and opportunities in bulk, for benchmarks and long lists. Valid and complete, but nobody's data."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from connector.sandbox.story import DEALS

Row = dict[str, Any]
SOLUTIONS = ("S-1234567", "S-2000017", "S-2000034")


def make_row(number: int, now: datetime) -> Row:
    """Return one ``ACE_Opportunity__c`` row that is flagged for sharing and complete enough to be submitted."""
    deal = DEALS[number % len(DEALS)]
    return {
        "Name": f"{deal.title} {number}"[:80],
        "ACE_Sync_with_AWS__c": True,
        "Partner_Project_Title__c": f"{deal.title} {number}",
        "Customer_Company_Name__c": f"{deal.company} {number}",
        "Industry__c": deal.industry,
        "Country__c": deal.country,
        "State_or_Region__c": deal.state or None,
        "City__c": deal.city,
        "Postal_Code__c": deal.postal_code,
        "Customer_Website__c": deal.website,
        "Customer_Business_Problem__c": deal.problem,
        "Use_Case__c": deal.use_case,
        "Delivery_Model__c": "SaaS or PaaS",
        "Expected_Monthly_AWS_Revenue__c": 500 + number % 9500,
        "Expected_Spend_Currency__c": "USD",
        "Target_Close_Date__c": (now + timedelta(days=60 + number % 300)).date().isoformat(),
        "Stage__c": "Prospect",
        "Opportunity_Type__c": "Net New Business",
        "National_Security__c": "No",
        "Primary_Needs_from_AWS__c": "Co-Sell - Deal Support",
        "Sales_Activities__c": "Initialized discussions with customer",
        "Marketing_Source__c": "None",
        "Involvement_Type__c": "Co-Sell",
        "Visibility__c": "Full",
        "Solution_Offered__c": SOLUTIONS[number % len(SOLUTIONS)],
        "Next_Step__c": "Agree on a workshop date",
    }


def make_request(number: int, now: datetime) -> Row:
    """Return the fields of one opportunity as a colleague would enter them in Partner Central."""
    deal = DEALS[number % len(DEALS)]
    address = {"CountryCode": deal.country, "City": deal.city, "PostalCode": deal.postal_code}
    if deal.state:
        address["StateOrRegion"] = deal.state
    account = {"CompanyName": deal.company, "Industry": deal.industry, "WebsiteUrl": deal.website, "Address": address}
    spend = {
        "Amount": f"{500 + number % 9500}.00",
        "CurrencyCode": "USD",
        "Frequency": "Monthly",
        "TargetCompany": "AWS",
    }
    return {
        "Customer": {"Account": account},
        "Project": {
            "Title": f"{deal.title} {number}" if number else deal.title,
            "CustomerBusinessProblem": deal.problem,
            "CustomerUseCase": deal.use_case,
            "DeliveryModels": ["SaaS or PaaS"],
            "SalesActivities": ["Initialized discussions with customer"],
            "ExpectedCustomerSpend": [spend],
        },
        "PrimaryNeedsFromAws": ["Co-Sell - Deal Support"],
        "OpportunityType": "Net New Business",
        "LifeCycle": {
            "TargetCloseDate": (now + timedelta(days=60 + number % 300)).date().isoformat(),
            "NextSteps": "Agree on a workshop date",
        },
    }
