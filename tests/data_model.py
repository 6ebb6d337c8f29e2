"""What AWS's definition files of the data model say: names of fields, and the values of lists as they spell them."""

from __future__ import annotations

OPPORTUNITY_FIELDS = (
    "doesOppBelongToNatSec city country customerWebsite customerDuns industry industryOther customerCompanyName "
    "postalCode state streetAddress awsSFCampaignName awsProducts targetCloseDate deliveryModel "
    "IsOppFromMarketingActivity marketingActivityChannel marketingActivityUsecase isMarketingDevelopmentFunded "
    "nextStepHistory nextStep opportunityType otherSolutionOffered parentOppId partnerPrimaryNeedFromAws "
    "partnerProjectTitle salesActivities expectedMonthlyAwsRevenue projectDescription solutionOffered useCase "
    "additionalComments awsAccountId campaignName competitiveTracking competitiveTrackingOther "
    "partnerCrmUniqueIdentifier aWSAccountOwnerEmail aWSAccountOwnerName aWSISVSuccessManagerEmail "
    "aWSISVSuccessManagerName aWSSalesRepEmail aWSSalesRepName customerEmail customerFirstName customerLastName "
    "customerPhone customerTitle partnerDeveloperManagerEmail partnerDeveloperManager primaryContactEmail "
    "primaryContactFirstName primaryContactLastName primaryContactPhone primaryContactTitle "
    "aWSPartnerSuccessManagerName aWSPartnerSuccessManagerEmail wWPSPDMEmail wWPSPDM apnCrmUniqueIdentifier "
    "opportunityOwnership opportunityOwnerEmail opportunityOwnerName engagementScore recommendedNextBestActions "
    "stage status offers contractEndDate customerSoftwareValueCurrency customerSoftwareValue contractStartDate "
    "procurementType acceptBy partnerAcceptanceStatus rejectionReason apnReviewerComments closedLostReason "
    "apnCrmLeadUniqueIdentifier aWSClosedLostReason aWSCloseDate aWSStage createdBy createdDate lastModifiedBy "
    "lastModifiedDate cosellConvertReason backwardsCompatibilityChanges "
)
"""Names of the field definitions of opportunities."""
LEAD_FIELDS = (
    "status currentLeadStage partnerCrmLeadId apnCrmUniqueIdentifier campaignName firstName lastName fullName email "
    "website useCaseWorkload title streetAddress state segmentCompanySize projectDescription postalCode phone "
    "levelofAWSUsage leadStatusReason leadSource leadOwnerName leadOwnerEmail leadAge lastModifiedDate "
    "lastModifiedBy industry createdDate createdBy country company city campaignMemberStatus "
)
"""Names of the field definitions of leads, spelled as AWS's samples spell them."""
CURRENCIES = (
    "USD EUR GBP AUD CAD CNY NZD INR JPY CHF SEK AED AFN ALL AMD ANG AOA ARS AWG AZN BAM BBD BDT BGN BHD BIF BMD "
    "BND BOB BOV BRL BSD BTN BWP BYN BZD CDF CHE CHW CLF CLP COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN "
    "ETB FJD FKP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS IQD IRR ISK JMD JOD KES KGS KHR KMF KPW "
    "KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN "
    "NIO NOK NPR OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SGD SHP SLL SOS SRD SSP STN "
    "SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USN UYI UYU UZS VEF VND VUV WST XAF XCD XDR XOF XPF "
    "XSU XUA YER ZAR ZMW ZWL "
)
CAMPAIGNS = (
    "APN Immersion Days; APN Solution Space; ATO (Authority to Operate); AWS Marketplace Campaign; ISV "
    "Immersion Day SFID Program; ISV Workload Migration; Migration Acceleration Program; Partner Launch "
    "Initiative; Partner Opportunity Acceleration Funded; The Next Smart; VMware Cloud on AWS; Well-"
    "Architected; Windows; Workspaces/AppStream Accelerator Program; WWPS NDPP; P3"
)
LOST_REASONS = (
    "Customer Deficiency; Delay / Cancellation of Project; Legal / Tax / Regulatory; Lost to Competitor – "
    "Google; Lost to Competitor – Microsoft; Lost to Competitor – SoftLayer; Lost to Competitor – VMWare; Lost "
    "to Competitor – Other; No Opportunity; On Premises Deployment; Partner Gap; Price; Security / Compliance; "
    "Technical Limitations; Customer Experience; Other; People/Relationship/Governance; Product/Technology; "
    "Financial/Commercial"
)
CHANNELS = (
    "AWS Marketing Central; Content Syndication; Display; Email; Live Event; Out Of Home (OOH); Print; Search; "
    "Social; Telemarketing; TV; Video; Virtual Event"
)
MARKETING_USE_CASES = (
    "AI/ML; Analytics; Application Integration; Blockchain; Business Applications; Cloud Financial Management; "
    "Compute; Containers; Customer Engagement; Databases; Developer Tools; End User Computing; Front End Web & "
    "Mobile; Game Tech; IoT; Management & Governance; Media Services; Migration & Transfer; Networking & "
    "Content Delivery; Quantum Technologies; Robotics; Satellite; Security; Serverless; Storage; VR & AR"
)
PROCUREMENT = "Contract; Pay-as-you-go; Subscription"
"""Values, one behind the other."""
