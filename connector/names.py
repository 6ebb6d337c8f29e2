"""Every Salesforce API name that the code uses, one table with two profiles.

``PACKAGED`` is the package in ``salesforce_metadata``; ``AWSAPN`` serves orgs that keep the synchronisation fields of
AWS's managed package (namespace ``awsapn``) on their records. Only the fields on synced records of the org's own
objects differ: logs, settings, notifications and the fields of our own objects are always ours.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SyncFields:
    """The connector's own fields on every synced object."""

    sync_with_aws: str
    last_sync_date: str
    has_updates: str
    apn_id: str
    invitation_id: str

    @property
    def all(self) -> tuple[str, ...]:
        return (self.sync_with_aws, self.last_sync_date, self.has_updates, self.apn_id, self.invitation_id)


PACKAGED = SyncFields(
    sync_with_aws="ACE_Sync_with_AWS__c",
    last_sync_date="ACE_Last_Sync_Date__c",
    has_updates="ACE_Has_Updates__c",
    apn_id="ACE_APN_Unique_Identifier__c",
    invitation_id="ACE_Invitation_Id__c",
)
AWSAPN = SyncFields(
    sync_with_aws="awsapn__Sync_with_Partner_Central__c",
    last_sync_date="awsapn__Last_APN_Sync_Date__c",
    has_updates="awsapn__Eligible_to_Sync_with_APN__c",
    apn_id="awsapn__APN_CRM_Unique_Identifier__c",
    invitation_id="ACE_Invitation_Id__c",
)
PROFILES = {"packaged": PACKAGED, "awsapn": AWSAPN}

ACE_OPPORTUNITY = "ACE_Opportunity__c"
ACE_LEAD = "ACE_Lead__c"
SYNC_LOG = "ACE_Sync_Log__c"
SYNC_LOG_DETAIL = "ACE_Sync_Log_Detail__c"
SCHEDULE = "ACE_Schedule__c"
ACTION_REQUEST = "ACE_Action_Request__c"
ACTION_REQUEST_ITEM = "ACE_Action_Request_Item__c"
WORKER = "ACE_Worker__c"
SETTINGS = "ACE_Connector_Settings__c"
MARKETPLACE_SETTINGS = "AWS_Marketplace_Settings__c"
S3_BUCKET_SETTING = "AWS_S3_Bucket_Setting__c"
SOLUTION = "ACE_Solution__c"
AWS_PRODUCT = "ACE_AWS_Product__c"
AWS_ACCOUNT = "AWS_Account__c"
MARKETPLACE_PRODUCT = "AWS_Product__c"
PRODUCT_DIMENSION = "AWS_Product_Dimension__c"
RESALE_AUTHORIZATION = "AWS_Resale_Authorization__c"
SHARED_AUTHORIZATION = "AWS_Shared_Resale_Authorization__c"
MARKETPLACE_SYNC = "AWS_Marketplace_Sync__c"
PRIVATE_OFFER = "AWS_Private_Offer__c"
NOTIFICATION = "AWS_Notification__c"
SETUP_STEP = "ACE_Setup_Step__c"
MAPPING = "ACE_Mapping__c"
FIELD_MAPPING = "ACE_Field_Mapping__c"

_OUR_OBJECTS = frozenset((ACE_OPPORTUNITY.lower(), ACE_LEAD.lower()))

INTEGRATION_PERMISSION = "ACE_Integration"
"""Custom permission of the connector's user: the package's validation rules and flows leave it alone."""

AUDIT_FIELDS = ("Id", "SystemModstamp", "LastModifiedDate", "LastModifiedById")

IS_CONVERTED, CONVERTED_DATE, CONVERTED_OPPORTUNITY = "IsConverted", "ConvertedDate", "ConvertedOpportunityId"
CONVERSION = (IS_CONVERTED, CONVERTED_DATE, CONVERTED_OPPORTUNITY)
"""Fields of the standard lead that tell whether a person converted it, which ends its exchange with AWS."""


def sync_fields(object_name: str, profile: SyncFields) -> SyncFields:
    """Return the names of the connector's own fields on an object under a profile: AWS's package adds its fields to
    standard objects, while our objects bring ours whatever the org keeps besides.
    """
    return PACKAGED if object_name.lower() in _OUR_OBJECTS else profile


class Log:
    """Fields of ``ACE_Sync_Log__c``."""

    KEY = "Log_Key__c"
    DIRECTION = "Direction__c"
    PURPOSE = "Purpose__c"
    STATUS = "Status__c"
    OBJECT = "Object__c"
    FILE_NAME = "File_Name__c"
    RECORD_COUNT = "Record_Count__c"
    SUCCESS_COUNT = "Success_Count__c"
    ERROR_COUNT = "Error_Count__c"
    OUTBOUND_IDS = "Outbound_IDs__c"
    PARENT = "Parent_Log__c"
    PARENT_REF = "Parent_Log__r"
    MESSAGE = "Message__c"


class Detail:
    """Fields of ``ACE_Sync_Log_Detail__c``."""

    KEY = "Detail_Key__c"
    LOG = "Sync_Log__c"
    LOG_REF = "Sync_Log__r"
    RECORD_ID = "Record_Id__c"
    ACE_OPPORTUNITY = "ACE_Opportunity__c"
    ACE_LEAD = "ACE_Lead__c"
    OPPORTUNITY = "Opportunity__c"
    LEAD = "Lead__c"
    APN_ID = "APN_Id__c"
    STATUS = "Status__c"
    ERROR_CODE = "Error_Code__c"
    ERROR_SUMMARY = "Error_Summary__c"
    ERROR_MESSAGE = "Error_Message__c"
    PAYLOAD = "Payload__c"
    CORRECTED_PAYLOAD = "Corrected_Payload__c"
    REPROCESS = "Reprocess__c"
    RETRY_COUNT = "Retry_Count__c"
    LAST_SEEN = "Last_Seen__c"


DETAIL_LOOKUPS = {
    ACE_OPPORTUNITY: Detail.ACE_OPPORTUNITY,
    ACE_LEAD: Detail.ACE_LEAD,
    "Opportunity": Detail.OPPORTUNITY,
    "Lead": Detail.LEAD,
}
"""By object: the lookup of a log's detail that leads to the record; rows of other objects have their id alone."""


class Worker:
    """Fields of ``ACE_Worker__c``; the package's version is a formula, which each deployment brings anew."""

    KEY = "Worker_Key__c"
    HOST = "Host__c"
    VERSION = "Version__c"
    PACKAGE_VERSION = "Package_Version__c"
    HEARTBEAT = "Heartbeat__c"
    STATUS = "Status__c"
    MESSAGE = "Message__c"
    PENDING = "Pending__c"
    FAILED = "Failed__c"


class Settings:
    """Fields of the hierarchy custom setting ``ACE_Connector_Settings__c`` that the API path reads."""

    INTEGRATION_USER_ID = "Integration_User_Id__c"
    OTHER_INTEGRATION_USERS = "Other_Integration_Users__c"
    SANDBOX_CATALOG = "PC_API_Sandbox_Enabled__c"
    SHARE_AUTOMATICALLY = "Share_Automatically__c"
    UPDATE_AUTOMATICALLY = "Update_Automatically__c"
    RETRY_COUNT = "Retry_Count__c"
    RETRY_CUTOFF_DAYS = "Retry_Cutoff_Days__c"
    SYNC_LOG_RETENTION = "Sync_Log_Retention__c"
    POLL_SECONDS = "Poll_Seconds__c"
    SWEEP_SECONDS = "Sweep_Seconds__c"
    DUE_SWEEP_MINUTES = "Due_Sweep_Minutes__c"
    DEFAULT_OWNER_ID = "Default_Owner_Id__c"
    ACCEPT_RULE = "Accept_Rule__c"
    SHARE_RULE = "Share_Rule__c"
    INVITATION_REMINDER_DAYS = "Invitation_Reminder_Days__c"
    BESIDE_OTHER_INTEGRATION = "Beside_Other_Integration__c"


class TemplateSettings:
    """Fields of ``ACE_Connector_Settings__c`` about what new records from AWS are made of."""

    DEFAULT_ACCOUNT_ID = "Default_Account_Id__c"
    CREATE_ACCOUNT_FROM_DEFAULT = "Create_Account_from_Default__c"
    DEFAULT_OPPORTUNITY_ID = "Default_Opportunity_Id__c"
    OWNER_BY_EMAIL = "Match_Owner_by_Email__c"
    RECORD_TYPE = "New_Record_Type__c"
    CURRENCY = "New_Record_Currency__c"


class FileSettings:
    """Fields of ``ACE_Connector_Settings__c`` about the files of the ACE bucket."""

    BUCKET_NAME = "Bucket_Name__c"
    OUTBOUND_BATCH_SIZE = "Outbound_Batch_Size__c"
    PARTNER_ID = "Partner_Id__c"
    PAYLOAD_VERSION = "Payload_Version__c"
    LEAD_PAYLOAD_VERSION = "Lead_Payload_Version__c"
    OPPORTUNITIES_OVER_S3 = "Opportunities_over_S3__c"
    RESULT_WAIT_MINUTES = "Result_Wait_Minutes__c"


class MarketplaceSettings:
    """Fields of the hierarchy custom setting ``AWS_Marketplace_Settings__c``."""

    PRESIGNED_URL_ROLE = "AWS_Presigned_URL_Role_Name__c"
    ADD_SELLER_TO_BUYERS = "Add_Seller_Account_to_Buyer_List__c"
    QUEUE_NAME = "SQS_Queue_Name__c"
    IN_PARTNER_PROGRAMS = "In_Partner_Programs__c"
    LOG_ALL_REQUESTS = "Log_All_Outbound_Requests__c"
    LOG_LEVEL = "Log_Level__c"
    NOTIFICATION_RETENTION = "Notification_Retention__c"
    TOPIC_ARN_PREFIX = "SNS_Topic_ARN_Prefix__c"
    SYNC_LOG_RETENTION = "Sync_Log_Retention__c"


class BucketSetting:
    """Fields of ``AWS_S3_Bucket_Setting__c``; its name is the account prefix."""

    BUCKET_NAME = "Bucket_Name__c"
    BUCKET_PREFIX = "Bucket_Prefix__c"
    PREFIX_KEY = "Prefix_Key__c"


class Solution:
    """Fields of ``ACE_Solution__c``; its name holds the first 80 characters of the solution's."""

    ID = "Solution_Id__c"
    FULL_NAME = "Full_Name__c"
    CATEGORY = "Category__c"
    STATUS = "Status__c"
    CATALOG = "Catalog__c"
    CREATED = "AWS_Created_Date__c"
    MARKETPLACE_ARN = "AWS_Marketplace_Solution_ARN__c"
    ACTIVE = "Active__c"


class CoSellProduct:
    """Fields of ``ACE_AWS_Product__c``."""

    ID = "Product_Id__c"
    SERVICE_CATEGORY = "Service_Category__c"
    ACTIVE = "Active__c"


class PrivateOffer:
    """Fields of ``AWS_Private_Offer__c`` by which an offer is known at AWS."""

    OFFER_ID = "Offer_Id__c"
    ENTITY_KEY = "Entity_Key__c"
    ACCOUNT = "Account__c"
    ACCOUNT_REF = "Account__r"
    NUMBER = "Account_Number__c"
    ACCOUNT_NUMBER = "Account__r.Account_Number__c"


OFFER_LOOKUPS = {ACE_OPPORTUNITY: "ACE_Opportunity__c", "Opportunity": "Opportunity__c"}
"""By object: the lookup of a private offer that leads to the opportunity it belongs to."""


class Notification:
    """Fields of ``AWS_Notification__c``; its name is the event's detail-type."""

    EVENT_ID = "Event_Id__c"
    ACCOUNT_NUMBER = "Account_Number__c"
    ENTITY_ID = "EntityId__c"
    PRODUCT_ID = "Product_Id__c"
    SELLER_ACCOUNT_ID = "Seller_Account_Id__c"
    MANUFACTURER_ACCOUNT_ID = "Manufacturer_Account_Id__c"
    CATALOG = "Catalog__c"
    STATUS = "Status__c"
    MESSAGE = "Message__c"


class SetupStep:
    """Fields of ``ACE_Setup_Step__c``."""

    KEY = "Step_Key__c"
    INTEGRATION = "Integration__c"
    SEQUENCE = "Sequence__c"
    STATUS = "Status__c"
    MESSAGE = "Message__c"
    CHECKED_AT = "Checked_At__c"


class PublishedMapping:
    """Fields of ``ACE_Mapping__c``."""

    KEY = "Mapping_Key__c"
    RECORD_TYPE = "Record_Type__c"
    OBJECT = "Object__c"
    VERSION = "Version__c"
    PUBLISHED_AT = "Published_At__c"
    PUBLISHED_BY = "Published_By__c"
    DIFFERENCE = "Difference__c"
    CURRENT = "Current__c"


class FieldMapping:
    """Fields of ``ACE_Field_Mapping__c``."""

    KEY = "Field_Key__c"
    MAPPING = "Mapping__c"
    MAPPING_REF = "Mapping__r"
    ACE_FIELD = "ACE_Field__c"
    SALESFORCE_FIELD = "Salesforce_Field__c"
    INBOUND = "Inbound__c"
    PICKLIST_VALUES = "Picklist_Values__c"
    REQUIRED = "Required__c"


class Schedule:
    """Fields of ``ACE_Schedule__c``."""

    OBJECT = "Object__c"
    INTERVAL_MINUTES = "Interval_Minutes__c"
    ACTIVE = "Active__c"
    DISABLE_INBOUND = "Disable_Inbound__c"
    LAST_RUN = "Last_Run__c"
    NEXT_RUN = "Next_Run__c"
    STATUS = "Status__c"
    MESSAGE = "Message__c"


class ActionRequest:
    """Fields of ``ACE_Action_Request__c`` that the worker reads and writes."""

    ACTION = "Action__c"
    ACE_OPPORTUNITY = "ACE_Opportunity__c"
    ACE_LEAD = "ACE_Lead__c"
    OPPORTUNITY = "Opportunity__c"
    LEAD = "Lead__c"
    RECORD_ID = "Record_Id__c"
    INVOLVEMENT_TYPE = "Involvement_Type__c"
    VISIBILITY = "Visibility__c"
    APPROVAL_STATUS = "Approval_Status__c"
    PARTNER_ACCEPTANCE_STATUS = "Partner_Acceptance_Status__c"
    REJECTION_REASON = "Rejection_Reason__c"
    ASSIGNEE_EMAIL = "Assignee_Email__c"
    ASSIGNEE_FIRST_NAME = "Assignee_First_Name__c"
    ASSIGNEE_LAST_NAME = "Assignee_Last_Name__c"
    ASSIGNEE_BUSINESS_TITLE = "Assignee_Business_Title__c"
    OTHER_SOLUTION = "Other_Solution__c"
    PRIVATE_OFFER = "Private_Offer__c"
    STATUS = "Status__c"
    MESSAGE = "Message__c"
    COMPLETED_AT = "Completed_At__c"


class ActionRequestItem:
    """Fields of ``ACE_Action_Request_Item__c``: one entity that an association request adds or removes."""

    REQUEST = "Action_Request__c"
    OPERATION = "Operation__c"
    ENTITY_TYPE = "Entity_Type__c"
    ENTITY_ID = "Entity_Id__c"
    STATUS = "Status__c"
    MESSAGE = "Message__c"


class PermissionSets:
    """Names of the package's permission sets that decide who may ask the worker for something."""

    BUSINESS_ADMINISTRATOR = "APN_Business_Administrator"
    BUSINESS_USER = "APN_Business_User"
    INTEGRATION_USER = "APN_Integration_User"
    MARKETPLACE_ADMINISTRATOR = "AWS_Marketplace_Administrator"
    MARKETPLACE_USER = "AWS_Marketplace_User"
    CHANNEL_PARTNER = "AWS_Channel_Partner_User"
