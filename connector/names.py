"""Every Salesforce API name that the code uses, one table with two profiles.

``PACKAGED`` is the package in ``salesforce_metadata``; ``AWSAPN`` serves orgs that keep the synchronisation fields of
AWS's managed package (namespace ``awsapn``) on their records. Only the fields on synced records differ: logs, settings
and the rest are always ours.
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
WORKER = "ACE_Worker__c"
SETTINGS = "ACE_Connector_Settings__c"

AUDIT_FIELDS = ("Id", "SystemModstamp", "LastModifiedDate", "LastModifiedById")


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


class Worker:
    """Fields of ``ACE_Worker__c``."""

    KEY = "Worker_Key__c"
    HOST = "Host__c"
    VERSION = "Version__c"
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
