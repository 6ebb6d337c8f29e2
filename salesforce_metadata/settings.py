"""The settings that admins keep in Salesforce: two hierarchy custom settings, and one row per bucket for EULAs.

Custom settings take neither picklists nor long texts, so a value from a short list is a text or a number whose help
names the list; the connector tells what is out of range. Defaults are those of a new organisation default.
"""

from __future__ import annotations

from pathlib import Path

from connector.names import (
    MARKETPLACE_SETTINGS,
    S3_BUCKET_SETTING,
    SETTINGS,
    BucketSetting,
    FileSettings,
    MarketplaceSettings,
    Settings,
    TemplateSettings,
)
from salesforce_metadata.fields import checkbox, key, number, text, text_area
from salesforce_metadata.source import (
    Content,
    field_files,
    list_view_files,
    object_file,
    ordinary_object,
    rule_files,
)

CONNECTOR: dict[str, Content] = {
    Settings.INTEGRATION_USER_ID: text(
        "Integration User Id",
        18,
        "Id (18 characters) of the user that the connector logs in as. Changes made by this user are not sent to AWS.",
        "18 characters. Use a user of its own for the connector: what a person edits as this user is never sent. "
        "Blank: Has Updates for AWS also counts what the connector itself writes.",
    ),
    Settings.OTHER_INTEGRATION_USERS: text_area(
        "Other Integration Users",
        "Ids (18 characters) of further users whose changes are not sent to AWS, separated by commas.",
        "Ids of 18 characters each, separated by commas; at most 13. Blank: no further users.",
    ),
    Settings.SANDBOX_CATALOG: checkbox(
        "PC API Sandbox Enabled",
        "When checked, every call to Partner Central uses the catalog Sandbox; otherwise the catalog AWS.",
        "Check in sandboxes and for tests: nothing reaches AWS sellers. Unchecked: the catalog AWS.",
    ),
    Settings.SHARE_AUTOMATICALLY: checkbox(
        "Share Automatically",
        "When checked, a flagged record that AWS does not have yet is shared without a request by a user.",
        "Checked: flagged records go to AWS by themselves. Unchecked: a user shares each one.",
    ),
    Settings.UPDATE_AUTOMATICALLY: checkbox(
        "Update Automatically",
        "When checked, edits of a shared record are sent without a request by a user.",
        "Checked: edits of shared records go to AWS by themselves. Unchecked: a user sends each one.",
    ),
    TemplateSettings.DEFAULT_ACCOUNT_ID: text(
        "Default Account",
        18,
        "Id (18 characters) of the account given to opportunities created from AWS when the standard Opportunity is "
        "the target. It must be visible to the integration user.",
        "The id of an account, 18 characters. Blank: opportunities from AWS have no account.",
    ),
    TemplateSettings.CREATE_ACCOUNT_FROM_DEFAULT: checkbox(
        "Create New Account from Default Account",
        "When checked, an opportunity from AWS whose customer has no account gets a copy of the default account under "
        "the customer's name; otherwise the default account itself.",
        "Check where account fields are mapped. Unchecked: customers without an account get the default account.",
    ),
    TemplateSettings.DEFAULT_OPPORTUNITY_ID: text(
        "Default Opportunity",
        18,
        "Id (18 characters) of a template record that is copied when an opportunity is created from AWS, so that "
        "required fields are filled. Mapped values win. Not used for ACE Opportunity.",
        "The id of a record of the target object, 18 characters. Blank: no template.",
    ),
    TemplateSettings.RECORD_TYPE: text(
        "New Record Type",
        80,
        "Developer name of the record type given to records created from AWS. It must be assigned to the integration "
        "user.",
        "The record type's developer name, such as Co_Sell, not its label. Blank: the template's record type, or the "
        "integration user's default.",
    ),
    TemplateSettings.CURRENCY: text(
        "New Record Currency",
        10,
        "Currency of records created from AWS, in orgs with several currencies.",
        "An ISO code, such as USD, that is active in the org. Blank: the currency that AWS names where it is active "
        "in the org.",
    ),
    TemplateSettings.OWNER_BY_EMAIL: checkbox(
        "Match Owner by Email",
        "When checked, a record created from AWS belongs to the active user whose e-mail address is that of the "
        "opportunity's owner at AWS; where there is not exactly one, to the default owner.",
        "Checked: the owner at AWS becomes the owner here, where one active user has the address. Unchecked: the "
        "default owner.",
    ),
    Settings.DEFAULT_OWNER_ID: text(
        "Default Owner Id",
        18,
        "Id of the user or queue that owns records created from AWS. Blank: the integration user.",
        "The id of a user or queue, 18 characters. Blank: the integration user.",
    ),
    Settings.SHARE_RULE: text_area(
        "Share Rule",
        "Formula over a record of the mapped object. Where it is true, a flagged record that AWS does not have yet is "
        "shared without a request by a user, even while Share Automatically is off.",
        'A formula in Salesforce\'s language that is true or false, such as ISPICKVAL(StageName, "Proposal"). '
        "Blank: no record is shared by a rule.",
    ),
    Settings.ACCEPT_RULE: text_area(
        "Accept Rule",
        "Formula over the AWS names of what AWS shows of a referral. Where it is true, the referral is accepted "
        "without a request by a user.",
        'A formula that is true or false, such as ISPICKVAL(country, "DE"). Blank: no referral is accepted by itself.',
    ),
    Settings.INVITATION_REMINDER_DAYS: number(
        "Invitation Reminder (Days)",
        2,
        "Days before a referral lapses at which its record's sync log reminds of the decision.",
        "Days, 0 to 30. 0: no reminder. Blank: 3.",
        default=3,
    ),
    Settings.BESIDE_OTHER_INTEGRATION: checkbox(
        "Beside Another Integration",
        "When checked, the connector sends although another integration works with the same Partner Central account "
        "or the same records.",
        "Check only when the other integration no longer writes what this one does. Unchecked: on meeting one for the "
        "first time nothing is sent, and the worker's status says why.",
    ),
    Settings.RETRY_COUNT: number(
        "Retry Count",
        3,
        "How often a failed transaction is tried again. Blank: the connector's default.",
        "Times, 0 to 100. 0: never again. Blank: 3.",
        default=3,
    ),
    Settings.RETRY_CUTOFF_DAYS: number(
        "Retry Cutoff Days",
        4,
        "Days after the first failure from which a record is not tried again. Blank: no cutoff.",
        "Days, 0 to 365. Blank: no cutoff, the retry count alone decides.",
        default=7,
    ),
    Settings.SYNC_LOG_RETENTION: number(
        "Sync Log Retention",
        5,
        "Days that sync logs are kept; older ones are deleted with their details. Blank: kept for good.",
        "Days, 1 to 3650. Blank: sync logs are kept for good.",
    ),
    Settings.POLL_SECONDS: number(
        "Poll Interval (Seconds)",
        6,
        "Seconds between two questions to Salesforce for changed records. Blank: the connector's default.",
        "Seconds, 5 to 3600. Blank: 30.",
        default=30,
    ),
    Settings.SWEEP_SECONDS: number(
        "Sweep Interval (Seconds)",
        6,
        "Seconds between two questions to AWS for changed opportunities. Blank: the connector's default.",
        "Seconds, 10 to 86400. Blank: 300.",
        default=300,
    ),
    Settings.DUE_SWEEP_MINUTES: number(
        "Due Sweep Interval (Minutes)",
        6,
        "Minutes between two examinations of all flagged records. Blank: the connector's default.",
        "Minutes, 1 to 1440. Blank: 60.",
        default=60,
    ),
    FileSettings.BUCKET_NAME: text(
        "Bucket Name",
        63,
        "Name of the ACE bucket that AWS owns and opened for the partner, another one for beta than for production.",
        "3 to 63 characters, as AWS names it, without s3:// and folders. Blank: nothing goes through Amazon S3.",
    ),
    FileSettings.OUTBOUND_BATCH_SIZE: number(
        "Outbound Batch Size",
        3,
        "Most records in one file for the ACE bucket, for opportunities and for leads.",
        "Records, 1 to 50; a value outside counts as the nearest of these. Blank: 50.",
        default=50,
    ),
    FileSettings.PARTNER_ID: text(
        "Partner ID",
        255,
        "The partner's identifier (formerly SPMS ID) that AWS gave during enablement. Every file carries it as spmsId.",
        "As AWS gave it. Blank: nothing goes through Amazon S3.",
    ),
    FileSettings.PAYLOAD_VERSION: number(
        "Version",
        1,
        "Version of the data model in files for the ACE bucket. There is no way back from 2 to 1. Partner Central's "
        "API always uses the model of version 2.",
        "1 (previous data model, which AWS takes for a limited time) or 2. Blank: nothing goes through Amazon S3.",
    ),
    FileSettings.LEAD_PAYLOAD_VERSION: number(
        "Lead Version",
        1,
        "Version that files with leads carry, where AWS asks for another one than its samples show.",
        "1 (written as 1.0) or 2 (written as 2.0). Blank: 1.0, as in AWS's samples.",
    ),
    FileSettings.OPPORTUNITIES_OVER_S3: checkbox(
        "Opportunities over S3",
        "When checked, opportunities travel as files through the ACE bucket; otherwise by Partner Central's API. Leads "
        "always travel as files.",
        "Check only if AWS opened the bucket for your opportunities before 2024. Unchecked: Partner Central's API.",
    ),
    FileSettings.RESULT_WAIT_MINUTES: number(
        "Result Wait (Minutes)",
        5,
        "Minutes after which a file that AWS has not answered is reported as stuck. It is never sent again by itself.",
        "Minutes, 1 to 10080. Blank: 60.",
        default=60,
    ),
}

MARKETPLACE: dict[str, Content] = {
    MarketplaceSettings.PRESIGNED_URL_ROLE: text(
        "AWS Presigned URL Role Name",
        64,
        "IAM role in the seller account that signs the Amazon S3 address of a custom EULA for the Catalog API.",
        "The role's name, not its ARN, up to 64 characters. Blank: offers with a custom EULA cannot be published.",
    ),
    MarketplaceSettings.ADD_SELLER_TO_BUYERS: checkbox(
        "Add Seller Account to Buyer List",
        "When checked, the seller's own account is among the buyers of a private offer, so that the seller sees the "
        "offer as a buyer does.",
        "Checked: every private offer is also extended to the seller's account. Unchecked: to its buyers only.",
    ),
    MarketplaceSettings.QUEUE_NAME: text(
        "Amazon SQS Queue Name",
        80,
        "Amazon Simple Queue Service queue that is subscribed to the topic for private offer notifications, under the "
        "same name in every AWS account.",
        "The queue's name, not its address, up to 80 characters. Blank: no queue is read.",
    ),
    MarketplaceSettings.IN_PARTNER_PROGRAMS: checkbox(
        "Are you in any partner programs",
        "Whether the seller takes part in AWS partner programs, which offers and authorizations then ask about.",
        "Checked: offers and authorizations show the inputs for partner programs. Unchecked: they do not.",
    ),
    MarketplaceSettings.LOG_ALL_REQUESTS: checkbox(
        "Log All Outbound Requests",
        "When checked, calls to AWS are logged on the Logs tab down to the log level, without secrets.",
        "Checked: one log row per call, as the log level says; rows take storage. Unchecked: no rows.",
    ),
    MarketplaceSettings.LOG_LEVEL: text(
        "Log Level",
        10,
        "Least severity of the calls that are logged while all outbound requests are logged.",
        "ERROR (calls that failed), INFO or DEBUG (all calls). Blank: ERROR.",
    )
    | {"defaultValue": '"ERROR"'},
    MarketplaceSettings.NOTIFICATION_RETENTION: number(
        "Notification Retention",
        5,
        "Days that AWS Marketplace notifications are kept; older ones are deleted.",
        "Days, 1 to 3650. Blank: notifications are kept for good.",
    ),
    MarketplaceSettings.TOPIC_ARN_PREFIX: text(
        "SNS Topic ARN Prefix",
        255,
        "How the ARN of a product's notification topic begins. Messages from other topics are ignored.",
        "The beginning of an ARN, such as arn:aws:sns:us-east-1:. Blank: messages from every topic are taken.",
    ),
    MarketplaceSettings.SYNC_LOG_RETENTION: number(
        "Sync Log Retention",
        5,
        "Days that the logs of Marketplace syncs are kept; older ones are deleted.",
        "Days, 1 to 3650; 10 to 90 are recommended. Blank: kept for good.",
    ),
}

BUCKETS: dict[str, Content] = {
    BucketSetting.BUCKET_NAME: text(
        "Amazon S3 Bucket Name",
        63,
        "Bucket in the seller's AWS account that holds custom EULAs.",
        "3 to 63 characters, without s3:// and folders.",
        required=True,
    ),
    BucketSetting.BUCKET_PREFIX: text(
        "Amazon S3 Bucket Prefix",
        255,
        "How the keys of stored EULAs begin.",
        "Such as eulas/, without a slash in front. Blank: EULAs lie at the top of the bucket.",
    ),
    BucketSetting.PREFIX_KEY: key(
        "Prefix Key",
        80,
        "The account prefix again, filled when the row is saved: two rows for one account are refused.",
    )
    | {"inlineHelpText": "Filled from the account prefix. Blank: the row was saved before this field existed."},
}
BUCKET_RULES: dict[str, tuple[str, str, str]] = {
    "AWS_Bucket_Name": (
        f'NOT(REGEX({BucketSetting.BUCKET_NAME}, "[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]"))',
        BucketSetting.BUCKET_NAME,
        "Enter the bucket's name alone: 3 to 63 lower-case letters, digits, dots and hyphens.",
    ),
    "AWS_Bucket_Prefix": (
        f'BEGINS({BucketSetting.BUCKET_PREFIX}, "/")',
        BucketSetting.BUCKET_PREFIX,
        "Leave out the slash in front of the prefix.",
    ),
}


def sources() -> dict[Path, str]:
    """Return the text of every file of the settings by its path in the package."""
    return {
        **object_file(SETTINGS, _custom_setting("AWS Partner CRM connector settings", _CONNECTOR_DESCRIPTION)),
        **field_files(SETTINGS, CONNECTOR),
        **object_file(
            MARKETPLACE_SETTINGS, _custom_setting("AWS Marketplace Integration Settings", _MARKETPLACE_DESCRIPTION)
        ),
        **field_files(MARKETPLACE_SETTINGS, MARKETPLACE),
        **_buckets(),
    }


_CONNECTOR_DESCRIPTION = (
    "How the connector behaves, read anew in every cycle. Edit the organisation default; nothing here is secret."
)
_MARKETPLACE_DESCRIPTION = (
    "How the connector works with AWS Marketplace, read anew in every cycle. Edit the organisation default; nothing "
    "here is secret."
)


def _custom_setting(label: str, description: str) -> Content:
    return {
        "customSettingsType": "Hierarchy",
        "description": description,
        "enableFeeds": False,
        "label": label,
        "visibility": "Public",
    }


def _buckets() -> dict[Path, str]:
    declared = ordinary_object(
        "S3 Bucket Setting",
        "S3 Bucket Settings",
        "Where the custom EULAs of a seller account are stored: one row per account, named like the account's row "
        "under AWS Accounts.",
        {"label": "Account Prefix", "trackHistory": False, "type": "Text"},
        "Read",
    )
    view: Content = {
        "fullName": "All",
        "columns": ["NAME", BucketSetting.BUCKET_NAME, BucketSetting.BUCKET_PREFIX],
        "filterScope": "Everything",
        "label": "All",
    }
    return {
        **object_file(S3_BUCKET_SETTING, declared),
        **list_view_files(S3_BUCKET_SETTING, [view]),
        **field_files(S3_BUCKET_SETTING, BUCKETS),
        **rule_files(S3_BUCKET_SETTING, BUCKET_RULES),
    }
