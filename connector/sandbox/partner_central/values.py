"""Value lists that the service checks although its model does not carry them."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources


def _lines(text: str) -> frozenset[str]:
    return frozenset(line.strip() for line in text.strip().splitlines())


CUSTOMER_USE_CASES = _lines(
    """
    AI Machine Learning and Analytics
    Archiving
    Big Data: Data Warehouse / Data Integration / ETL / Data Lake / BI
    Blockchain
    Business Applications: Mainframe Modernization
    Business Applications & Contact Center
    Business Applications & SAP Production
    Centralized Operations Management
    Cloud Management Tools
    Cloud Management Tools & DevOps with Continuous Integration & Continuous Delivery (CICD)
    Configuration, Compliance & Auditing
    Connected Services
    Containers & Serverless
    Content Delivery & Edge Services
    Database
    Edge Computing / End User Computing
    Energy
    Enterprise Governance & Controls
    Enterprise Resource Planning
    Financial Services
    Healthcare and Life Sciences
    High Performance Computing
    Hybrid Application Platform
    Industrial Software
    IOT
    Manufacturing, Supply Chain and Operations
    Media & High performance computing (HPC)
    Migration / Database Migration
    Monitoring, logging and performance
    Monitoring & Observability
    Networking
    Outpost
    SAP
    Security & Compliance
    Storage & Backup
    Training
    VMC
    VMWare
    Web development & DevOps
    """
)
MARKETING_USE_CASES = _lines(
    """
    AI/ML
    Analytics
    Application Integration
    Blockchain
    Business Applications
    Cloud Financial Management
    Compute
    Containers
    Customer Engagement
    Databases
    Developer Tools
    End User Computing
    Front End Web & Mobile
    Game Tech
    IoT
    Management & Governance
    Media Services
    Migration & Transfer
    Networking & Content Delivery
    Quantum Technologies
    Robotics
    Satellite
    Security
    Serverless
    Storage
    VR & AR
    """
)
APN_PROGRAMS = _lines(
    """
    APN Immersion Days
    APN Solution Space
    ATO (Authority to Operate)
    AWS Marketplace Campaign
    IS Immersion Day SFID Program
    ISV Workload Migration
    Migration Acceleration Program
    P3
    Partner Launch Initiative
    Partner Opportunity Acceleration Funded
    The Next Smart
    VMware Cloud on AWS
    Well-Architected
    Windows
    Workspaces/AppStream Accelerator Program
    WWPS NDPP
    """
)
US_STATES = _lines(
    """
    AFO/FPO
    APO/AE
    Alabama
    Alaska
    American Samoa
    Arizona
    Arkansas
    California
    Colorado
    Connecticut
    Delaware
    Dist. of Columbia
    FPO, AP
    Federated States of Micronesia
    Florida
    Georgia
    Guam
    Hawaii
    Idaho
    Illinois
    Indiana
    Iowa
    Kansas
    Kentucky
    Louisiana
    Maine
    Marshall Islands
    Maryland
    Massachusetts
    Michigan
    Minnesota
    Mississippi
    Missouri
    Montana
    Nebraska
    Nevada
    New Hampshire
    New Jersey
    New Mexico
    New York
    North Carolina
    North Dakota
    Northern Mariana Islands
    Ohio
    Oklahoma
    Oregon
    Palau
    Pennsylvania
    Puerto Rico
    Rhode Island
    South Carolina
    South Dakota
    Tennessee
    Texas
    Utah
    Vermont
    Virgin Islands
    Virginia
    Washington
    West Virginia
    Wisconsin
    Wyoming
    """
)
REVIEW_REASONS = _lines(
    """
    Bulk Upload Response
    Clarify Revenue
    Clarify Solution
    Forecast Conflict
    Other
    Other - Internal Review
    """
)
REJECTION_REASONS = _lines(
    """
    Customer problem unclear
    Next steps unclear
    Unable to support
    Duplicate of partner referral
    Other
    """
)
NO_SUPPORT = "Do Not Need Support from AWS Sales Rep"


@cache
def aws_products() -> frozenset[str]:
    """Return the codes of the AWS products that can be associated."""
    text = resources.files("connector.data").joinpath("aws_products.json").read_text(encoding="utf8")
    return frozenset(entry["Identifier"] for entry in json.loads(text))
