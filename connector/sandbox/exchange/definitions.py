"""The fields of the files: what AWS publishes about each, as far as a file is judged by it.

Lengths that the definitions leave out are those of the Selling API's field, as both ways lead to the same record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from connector.sandbox.exchange.values import LEAD_LISTS, LISTS

Kind = Literal["text", "pick", "multi", "list", "date", "whole", "money", "email"]
PARTNER_KEY, LEAD_KEY, AWS_KEY = "partnerCrmUniqueIdentifier", "partnerCrmLeadId", "apnCrmUniqueIdentifier"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a file.

    Attributes:
        name: the JSON key; case counts.
        kind: pick and multi (several values, separated by semicolons) have standard values; list is a JSON list of
            texts; whole is a whole number, money one with at most two decimals.
        length: characters at most.
        values: the standard values.
        marks: m mandatory; c accepted on create; and what may change it later: a while AWS requires action, u until
            it is launched or lost, i then still at software partners, p then still in a revenue programme. None of
            them: it is AWS's, and a file may only repeat its value.
    """

    name: str
    kind: Kind
    length: int | None
    values: tuple[str, ...]
    marks: str


def _parse(table: str, lists: dict[str, tuple[str, ...]]) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for line in table.strip().splitlines():
        name, kind, length, marks = (*line.split(), "")[:4]
        limit = None if length == "-" else int(length)
        found[name] = Field(name, kind, limit, lists.get(name, ()), marks)  # type: ignore[arg-type]
    return found


OPPORTUNITY_FIELDS = _parse(
    """
    apnCrmUniqueIdentifier         text   20
    partnerCrmUniqueIdentifier     text   64    cau
    customerCompanyName            text   120   mc
    customerWebsite                text   255   mca
    customerDuns                   text   9     cu
    industry                       pick   -     mc
    industryOther                  text   255   c
    doesOppBelongToNatSec          pick   -     c
    country                        pick   -     mca
    state                          pick   -     ca
    postalCode                     text   20    ca
    city                           text   255   cau
    streetAddress                  text   255   cau
    customerFirstName              text   80    cu
    customerLastName               text   80    cu
    customerTitle                  text   80    cu
    customerEmail                  email  80    cu
    customerPhone                  text   40    cu
    partnerProjectTitle            text   255   mc
    projectDescription             text   2000  mca
    useCase                        pick   -     mcu
    deliveryModel                  multi  -     mcui
    salesActivities                multi  -     mcu
    expectedMonthlyAwsRevenue      whole  18    mcau
    targetCloseDate                date   -     mcau
    partnerPrimaryNeedFromAws      multi  -     mcu
    opportunityType                pick   -     cu
    parentOppId                    text   20    cu
    competitiveTracking            pick   -     cu
    competitiveTrackingOther       text   255   cu
    solutionOffered                list   -     mcu
    otherSolutionOffered           text   255   cu
    awsProducts                    list   -     cu
    offers                         list   -     u
    campaignName                   multi  -     cu
    additionalComments             text   255   cui
    awsAccountId                   text   12    cu
    IsOppFromMarketingActivity     pick   -     mcu
    isMarketingDevelopmentFunded   pick   -     cu
    awsSFCampaignName              text   255   cu
    marketingActivityChannel       multi  -     cu
    marketingActivityUsecase       multi  -     cu
    nextStep                       text   255   cu
    stage                          pick   -     u
    closedLostReason               pick   -     u
    procurementType                pick   -     up
    customerSoftwareValue          money  16    up
    customerSoftwareValueCurrency  pick   -     up
    contractStartDate              date   -     up
    contractEndDate                date   -     up
    partnerAcceptanceStatus        pick   -     d
    rejectionReason                pick   -     d
    primaryContactFirstName        text   80    cu
    primaryContactLastName         text   80    cu
    primaryContactEmail            email  80    cu
    primaryContactPhone            text   40    cu
    primaryContactTitle            text   80    cu
    opportunityOwnerEmail          email  80    cu
    opportunityOwnerName           text   160   cu
    apnCrmLeadUniqueIdentifier     text   18    cu
    aWSAccountOwnerEmail           email  -
    aWSAccountOwnerName            text   -
    aWSISVSuccessManagerEmail      email  -
    aWSISVSuccessManagerName       text   -
    aWSSalesRepEmail               email  -
    aWSSalesRepName                text   -
    partnerDeveloperManagerEmail   email  -
    partnerDeveloperManager        text   -
    partnerDeveloperManagerPhone   text   -
    aWSPartnerSuccessManagerName   text   -
    aWSPartnerSuccessManagerEmail  email  -
    wWPSPDMEmail                   email  -
    wWPSPDM                        text   -
    opportunityOwnership           text   -
    engagementScore                text   -
    recommendedNextBestActions     text   -
    status                         text   -
    nextStepHistory                text   -
    acceptBy                       text   -
    apnReviewerComments            text   -
    aWSClosedLostReason            text   -
    aWSCloseDate                   date   -
    aWSStage                       text   -
    createdBy                      text   -
    createdDate                    text   -
    lastModifiedBy                 text   -
    lastModifiedDate               text   -
    cosellConvertReason            text   -
    backwardsCompatibilityChanges  text   -
    """,
    LISTS,
)
DEPRECATED = (
    "awsFieldEngagement",
    "contractVehicle",
    "partnerPrimaryNeedFromAwsOther",
    "isThisAPublicReference",
    "isThisForMarketplace",
    "leadSource",
    "isNetNewBusinessForCompany",
    "publicReferenceTitle",
    "publicReferenceUrl",
    "rfxSolicitationNumber",
    "subUseCase",
)
"""Fields of payload version 1.0 that 2.0 does not know any more."""
NEW_FIELDS = ("awsProducts", "parentOppId", "rejectionReason", "cosellConvertReason", "offers")
"""Fields of payload version 2.0 that 1.0 does not know yet: those that are called new in their description."""
OPPORTUNITY_FIELDS_1 = {
    **{name: field for name, field in OPPORTUNITY_FIELDS.items() if name not in NEW_FIELDS},
    "rejectionReason": OPPORTUNITY_FIELDS["rejectionReason"],
    **{name: Field(name, "text", None, (), "cui") for name in DEPRECATED},
}

LEAD_FIELDS = _parse(
    """
    apnCrmUniqueIdentifier  text   18
    partnerCrmLeadId        text   18     u
    status                  pick   -      mu
    currentLeadStage        pick   -      d
    leadStatusReason        text   255    u
    firstName               text   40     u
    lastName                text   80     u
    email                   email  80     u
    phone                   text   40     u
    title                   text   128    u
    website                 text   255    u
    streetAddress           text   255    u
    city                    text   40     u
    state                   pick   -      u
    postalCode              text   20     u
    country                 pick   -      u
    industry                pick   -      u
    segmentCompanySize      text   255    u
    useCaseWorkload         multi  -      u
    projectDescription      text   32000  u
    leadOwnerName           text   120    u
    leadOwnerEmail          email  80     u
    fullName                text   120
    company                 text   255
    campaignName            text   255
    campaignMemberStatus    text   40
    leadSource              text   255
    levelofAWSUsage         text   255
    leadAge                 text   -
    createdBy               text   -
    createdDate             text   -
    lastModifiedBy          text   -
    lastModifiedDate        text   -
    """,
    LEAD_LISTS,
)
LEAD_SPELLINGS = {"useCaseWorkLoad": "useCaseWorkload", "Company": "company", "Campaign Name": "campaignName"}
"""Other spellings of the same fields in AWS's samples and definitions."""
MASKED_OPPORTUNITY = {
    **dict.fromkeys(
        ("country", "customerEmail", "customerFirstName", "customerLastName", "customerPhone", "customerTitle"),
        "Accept to View",
    ),
    "solutionOffered": None,
    "otherSolutionOffered": None,
}
MASKED_LEAD = dict.fromkeys(
    (
        "title", "streetAddress", "state", "postalCode", "phone", "fullName", "email", "country", "company", "city",
        "firstName", "lastName",
    ),
    "Accept To View",
)  # fmt: skip
