"""The bucket's spelling of the standard values, where the Selling API's differs, and the lists that only it has."""

from __future__ import annotations

from connector.data.values import countries, standard_values

NO_SUPPORT = "Do Not Need Support from AWS Sales Rep"
OTHER_SOLUTION = "Other"
YES_NO = ("Yes", "No")
_API_PROGRAM, _FILE_PROGRAM = "IS Immersion Day SFID Program", "ISV Immersion Day SFID Program"

INDUSTRIES = {name.replace(" and ", " & "): name for name in standard_values("industry")}
LOST_REASONS = {
    name.replace("Competitor - ", "Competitor \N{EN DASH} "): name for name in standard_values("closedLostReason")
}
PROGRAMS = {_FILE_PROGRAM if name == _API_PROGRAM else name: name for name in standard_values("apnProgram")}
COUNTRIES = {name: country.code for country in countries() for name in country.s3_names}
COUNTRY_NAMES = {country.code: country.s3_names[0] for country in countries()}
STATUSES = {"Pending Submission": "Draft"}
REJECTION_REASONS = {
    "Customer problem unclear": "Customer problem unclear",
    "Next steps unclear": "Next steps unclear",
    "Unable to support": "Unable to support",
    "Duplicate of Partner Referral": "Duplicate of partner referral",
    "Renewal opportunity": "Other",
    "Other": "Other",
}
MARKETING = {"Yes": "Marketing Activity", "No": "None"}

LISTS: dict[str, tuple[str, ...]] = {
    "country": (*COUNTRIES, "Serbia and Montenegro"),
    "industry": tuple(INDUSTRIES),
    "state": standard_values("usState"),
    "useCase": standard_values("useCase"),
    "deliveryModel": standard_values("deliveryModel"),
    "salesActivities": standard_values("salesActivity"),
    "partnerPrimaryNeedFromAws": standard_values("primaryNeed"),
    "campaignName": tuple(PROGRAMS),
    "competitiveTracking": standard_values("competitor"),
    "opportunityType": standard_values("opportunityType"),
    "marketingActivityChannel": standard_values("marketingChannel"),
    "marketingActivityUsecase": standard_values("marketingUseCase"),
    "stage": standard_values("stage"),
    "closedLostReason": tuple(LOST_REASONS),
    "procurementType": standard_values("revenueModel"),
    "customerSoftwareValueCurrency": standard_values("currency"),
    "partnerAcceptanceStatus": standard_values("acceptanceStatus"),
    "rejectionReason": tuple(REJECTION_REASONS),
    "doesOppBelongToNatSec": YES_NO,
    "IsOppFromMarketingActivity": YES_NO,
    "isMarketingDevelopmentFunded": YES_NO,
}
LEAD_LISTS: dict[str, tuple[str, ...]] = {
    "status": standard_values("leadStatus"),
    "currentLeadStage": standard_values("leadStage"),
    "useCaseWorkload": standard_values("leadUseCase"),
    "industry": standard_values("leadIndustry"),
    "country": standard_values("leadCountry"),
    "state": standard_values("leadState"),
}
