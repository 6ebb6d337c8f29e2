"""The standard objects of the org, as a table: what every Salesforce org has before any package is deployed.

One line per field: ``name | label | type | options``. Options: a number is the length; ``required``;
``->Object/ParentName/Children`` for references;
``=text`` a default; ``[A;B]`` the choices of a picklist; ``!`` read only; ``18,2`` precision and scale.
"""

from __future__ import annotations

import re

from connector.sandbox.salesforce.schema import Choice, Field, Schema, SObject

PREFIXES = {
    "Account": "001", "Contact": "003", "User": "005", "Opportunity": "006", "Lead": "00Q", "Organization": "00D",
    "Group": "00G", "Profile": "00e", "PermissionSet": "0PS", "PermissionSetAssignment": "0Pa",
    "ObjectPermissions": "110", "FieldPermissions": "01k", "EntityDefinition": "4ie", "GroupMember": "011",
    "UserRecordAccess": "0Gz", "Campaign": "701", "RecordType": "012", "PermissionSetGroup": "0PG",
    "PermissionSetGroupComponent": "0PH",
}  # fmt: skip
PEOPLE = frozenset({"Contact", "Lead", "User"})
READ_ONLY = frozenset(
    {
        "Organization",
        "Profile",
        "ObjectPermissions",
        "FieldPermissions",
        "EntityDefinition",
        "UserRecordAccess",
        "RecordType",
    }
)
SETUP = frozenset({
    "User", "Group", "GroupMember", "PermissionSet", "PermissionSetAssignment", "PermissionSetGroup",
    "PermissionSetGroupComponent",
})  # fmt: skip
"""Standard objects whose rows only administrators write."""
NO_OWNER = READ_ONLY | SETUP
QUEUED = frozenset({"Lead"})
"""Standard objects whose records a queue may own; the others belong to users. Custom objects may be queued too. [U]"""
STAGES = {
    "Prospecting": 10, "Qualification": 10, "Needs Analysis": 20, "Value Proposition": 50, "Id. Decision Makers": 60,
    "Perception Analysis": 70, "Proposal/Price Quote": 75, "Negotiation/Review": 90, "Closed Won": 100,
    "Closed Lost": 0,
}  # fmt: skip
"""Standard opportunity stages and the probability that each sets."""

INDUSTRIES = (
    "[Agriculture;Apparel;Banking;Biotechnology;Chemicals;Communications;Construction;Consulting;Education;Electronics;"
    "Energy;Engineering;Entertainment;Environmental;Finance;Food & Beverage;Government;Healthcare;Hospitality;"
    "Insurance;Machinery;Manufacturing;Media;Not For Profit;Recreation;Retail;Shipping;Technology;Telecommunications;"
    "Transportation;Utilities;Other]"
)

RATING = "[Hot;Warm;Cold]"
SOURCES = "[Web;Phone Inquiry;Partner Referral;Purchased List;Other]"
CONVERTED = "Closed - Converted"
"""The status of leads that were converted."""
LEAD_STATUS = f"[Open - Not Contacted;Working - Contacted;{CONVERTED};Closed - Not Converted]"

FIELDS = f"""
Account
Name | Account Name | string | 255 required
Type | Account Type | picklist | [Prospect;Customer - Direct;Customer - Channel;Channel Partner / Reseller;Other]
ParentId | Parent Account ID | reference | ->Account/Parent/ChildAccounts
BillingStreet | Billing Street | textarea | 255
BillingCity | Billing City | string | 40
BillingState | Billing State/Province | string | 80
BillingPostalCode | Billing Zip/Postal Code | string | 20
BillingCountry | Billing Country | string | 80
ShippingStreet | Shipping Street | textarea | 255
ShippingCity | Shipping City | string | 40
ShippingState | Shipping State/Province | string | 80
ShippingPostalCode | Shipping Zip/Postal Code | string | 20
ShippingCountry | Shipping Country | string | 80
Phone | Account Phone | phone | 40
Fax | Account Fax | phone | 40
AccountNumber | Account Number | string | 40
Website | Website | url | 255
Industry | Industry | picklist | {INDUSTRIES}
AnnualRevenue | Annual Revenue | currency | 18,0
NumberOfEmployees | Employees | int | 8
Description | Account Description | textarea | 32000
Rating | Account Rating | picklist | {RATING}
Ownership | Ownership | picklist | [Public;Private;Subsidiary;Other]
Site | Account Site | string | 80
TickerSymbol | Ticker Symbol | string | 20
Sic | SIC Code | string | 20
AccountSource | Account Source | picklist | {SOURCES}
DunsNumber | D-U-N-S Number | string | 9
Contact
AccountId | Account ID | reference | ->Account/Account/Contacts
LastName | Last Name | string | 80 required
FirstName | First Name | string | 40
Name | Full Name | string | 121 !
Salutation | Salutation | picklist | [Mr.;Ms.;Mrs.;Dr.;Prof.]
Title | Title | string | 128
Email | Email | email | 80
Phone | Business Phone | phone | 40
MobilePhone | Mobile Phone | phone | 40
Department | Department | string | 80
ReportsToId | Reports To ID | reference | ->Contact/ReportsTo/-
MailingStreet | Mailing Street | textarea | 255
MailingCity | Mailing City | string | 40
MailingState | Mailing State/Province | string | 80
MailingPostalCode | Mailing Zip/Postal Code | string | 20
MailingCountry | Mailing Country | string | 80
LeadSource | Lead Source | picklist | {SOURCES}
Description | Contact Description | textarea | 32000
Opportunity
AccountId | Account ID | reference | ->Account/Account/Opportunities
Name | Name | string | 120 required
Description | Description | textarea | 32000
StageName | Stage | picklist | required restricted [{";".join(STAGES)}]
Amount | Amount | currency | 18,2
Probability | Probability (%) | percent | 3,0
CloseDate | Close Date | date | required
Type | Opportunity Type | picklist | [Existing Customer - Upgrade;Existing Customer - Replacement;New Customer]
NextStep | Next Step | string | 255
TotalOpportunityQuantity | Quantity | double | 18,2
CampaignId | Campaign ID | reference | ->Campaign/Campaign/Opportunities
LeadSource | Lead Source | picklist | {SOURCES}
IsClosed | Closed | boolean | !
IsWon | Won | boolean | !
ContactId | Contact ID | reference | ->Contact/Contact/Opportunities
Lead
LastName | Last Name | string | 80 required
FirstName | First Name | string | 40
Name | Full Name | string | 121 !
Salutation | Salutation | picklist | [Mr.;Ms.;Mrs.;Dr.;Prof.]
Title | Title | string | 128
Company | Company | string | 255 required
Street | Street | textarea | 255
City | City | string | 40
State | State/Province | string | 80
PostalCode | Zip/Postal Code | string | 20
Country | Country | string | 80
Phone | Phone | phone | 40
MobilePhone | Mobile Phone | phone | 40
Fax | Fax | phone | 40
Email | Email | email | 80
Website | Website | url | 255
Description | Description | textarea | 32000
LeadSource | Lead Source | picklist | {SOURCES}
Rating | Rating | picklist | {RATING}
Status | Status | picklist | required =Open - Not Contacted {LEAD_STATUS}
Industry | Industry | picklist | {INDUSTRIES}
AnnualRevenue | Annual Revenue | currency | 18,0
NumberOfEmployees | Employees | int | 8
IsConverted | Converted | boolean | !
ConvertedDate | Converted Date | date | !
ConvertedAccountId | Converted Account ID | reference | ! ->Account/ConvertedAccount/-
ConvertedContactId | Converted Contact ID | reference | ! ->Contact/ConvertedContact/-
ConvertedOpportunityId | Converted Opportunity ID | reference | ! ->Opportunity/ConvertedOpportunity/-
User
Username | Username | string | 80 required unique
LastName | Last Name | string | 80 required
FirstName | First Name | string | 40
Name | Full Name | string | 121 !
Alias | Alias | string | 8
Email | Email | email | 128 required
Title | Title | string | 80
Department | Department | string | 80
CompanyName | Company Name | string | 80
Phone | Phone | phone | 40
MobilePhone | Mobile | phone | 40
EmployeeNumber | Employee Number | string | 20
ManagerId | Manager ID | reference | ->User/Manager/-
IsActive | Active | boolean | =TRUE
UserType | User Type | picklist | ! [Standard;Guest;AutomatedProcess]
ProfileId | Profile ID | reference | required ->Profile/Profile/Users
TimeZoneSidKey | Time Zone | picklist | =GMT [GMT;America/Los_Angeles;Europe/Berlin]
LocaleSidKey | Locale | picklist | =en_US [en_US;de_DE]
LanguageLocaleKey | Language | picklist | =en_US [en_US;de]
EmailEncodingKey | Email Encoding | picklist | =UTF-8 [UTF-8]
Campaign
Name | Name | string | 80 required
ParentId | Parent Campaign ID | reference | ->Campaign/Parent/ChildCampaigns
Type | Type | picklist | [Conference;Webinar;Partners;Email;Other]
Status | Status | picklist | =Planned [Planned;In Progress;Completed;Aborted]
StartDate | Start Date | date |
EndDate | End Date | date |
IsActive | Active | boolean |
Description | Description | textarea | 32000
Organization
Name | Name | string | 80 required
InstanceName | Instance Name | string | 5 !
IsSandbox | Is Sandbox | boolean | !
OrganizationType | Edition | picklist | ! [Enterprise Edition;Developer Edition]
NamespacePrefix | Namespace Prefix | string | 15 !
TrialExpirationDate | Trial Expiration Date | datetime | !
LanguageLocaleKey | Language | picklist | [en_US;de]
DefaultLocaleSidKey | Locale | picklist | [en_US;de_DE]
TimeZoneSidKey | Time Zone | picklist | [GMT;America/Los_Angeles]
Profile
Name | Name | string | 255 required
UserType | User Type | picklist | ! [Standard]
RecordType
Name | Name | string | 80 required !
DeveloperName | Record Type Name | string | 80 required !
SobjectType | SObject Type Name | picklist | required !
Description | Description | string | 255 !
IsActive | Active | boolean | !
PermissionSet
Name | Permission Set Name | string | 80 required unique
Label | Permission Set Label | string | 80 required
IsCustom | Is Custom | boolean | !
IsOwnedByProfile | Is Owned By Profile | boolean | !
ProfileId | Profile ID | reference | ! ->Profile/Profile/PermissionSets
PermissionsViewAllData | View All Data | boolean | !
PermissionsModifyAllData | Modify All Data | boolean | !
PermissionsApiEnabled | API Enabled | boolean | !
PermissionSetAssignment
PermissionSetId | PermissionSet ID | reference | ->PermissionSet/PermissionSet/Assignments
PermissionSetGroupId | PermissionSetGroup ID | reference | ->PermissionSetGroup/PermissionSetGroup/Assignments
AssigneeId | Assignee ID | reference | required ->User/Assignee/PermissionSetAssignments
PermissionSetGroup
DeveloperName | Permission Set Group Name | string | 80 required unique
MasterLabel | Permission Set Group Label | string | 80 required
Description | Description | string | 255
Status | Status | picklist | ! =Updated [Updated;Outdated;Updating;Failed]
PermissionSetGroupComponent
PermissionSetGroupId | PermissionSetGroup ID | reference | required ->PermissionSetGroup/PermissionSetGroup/Components
PermissionSetId | PermissionSet ID | reference | required ->PermissionSet/PermissionSet/PermissionSetGroupComponents
ObjectPermissions
ParentId | Parent ID | reference | ! ->PermissionSet/Parent/ObjectPerms
SobjectType | SObject Type Name | picklist | !
PermissionsRead | Read Records | boolean | !
PermissionsCreate | Create Records | boolean | !
PermissionsEdit | Edit Records | boolean | !
PermissionsDelete | Delete Records | boolean | !
PermissionsViewAllRecords | Read All Records | boolean | !
PermissionsModifyAllRecords | Edit All Records | boolean | !
FieldPermissions
ParentId | Parent ID | reference | ! ->PermissionSet/Parent/FieldPerms
SobjectType | SObject Type Name | picklist | !
Field | Field Name | picklist | !
PermissionsRead | Read Field | boolean | !
PermissionsEdit | Edit Field | boolean | !
EntityDefinition
QualifiedApiName | Qualified API Name | string | 70 !
DeveloperName | Developer Name | string | 70 !
Label | Label | string | 40 !
KeyPrefix | Key Prefix | string | 3 !
IsCustomSetting | Is Custom Setting | boolean | !
InternalSharingModel | Internal Sharing Model | picklist | !
ExternalSharingModel | External Sharing Model | picklist | !
Group
Name | Name | string | 40 required
DeveloperName | Developer Name | string | 80
Type | Type | picklist | [Regular;Queue]
Email | Email | email | 255
GroupMember
GroupId | Group ID | reference | required ->Group/Group/GroupMembers
UserOrGroupId | User/Group ID | reference | required ->User/UserOrGroup/-
UserRecordAccess
UserId | User ID | reference | ! ->User/User/-
RecordId | Record ID | id | 18 !
HasReadAccess | Has Read Access | boolean | !
HasEditAccess | Has Edit Access | boolean | !
HasDeleteAccess | Has Delete Access | boolean | !
HasTransferAccess | Has Transfer Access | boolean | !
HasAllAccess | Has All Access | boolean | !
MaxAccessLevel | Maximum Access Level | picklist | ! [None;Read;Edit;Delete;Transfer;All]
"""

_REFERENCE = re.compile(r"->(\w+)/(\w+)/([\w-]+)")
_CHOICES = re.compile(r"\[(.*)\]")
_DEFAULT = re.compile(r"=([^\[]+?)\s*(?=\[|$)")
_DIGITS = re.compile(r"\b(\d+),(\d+)\b")
_LENGTH = re.compile(r"^(\d+)\b(?!,)")


def _choice(text: str, initial: str) -> Choice:
    """Return one value of a standard picklist, with what follows from a stage or a status."""
    return Choice(
        text, text, default=text == initial, closed=text in {"Closed Won", "Closed Lost"}, won=text == "Closed Won",
        converted=text == CONVERTED, probability=STAGES.get(text),
    )  # fmt: skip


def read_field(line: str) -> Field:
    """Return the field that one line of the table describes."""
    name, label, kind, options = (part.strip() for part in line.split("|"))
    words = set(_CHOICES.sub("", options).split())
    choices, default, digits = _CHOICES.search(options), _DEFAULT.search(options), _DIGITS.search(options)
    length, reference = _LENGTH.search(options), _REFERENCE.search(options)
    initial = default[1] if default else ""
    writable = "!" not in words
    return Field(
        name=name,
        label=label,
        type=kind,
        length=int(length[1]) if length else 255 if kind == "picklist" else 18 if reference else 0,
        precision=int(digits[1]) if digits else 0,
        scale=int(digits[2]) if digits else 0,
        required="required" in words,
        unique="unique" in words,
        restricted="restricted" in words,
        choices=tuple(_choice(one, initial) for one in choices[1].split(";")) if choices else (),
        default="" if choices else initial,
        reference_to=(reference[1],) if reference else (),
        parent_name=reference[2] if reference else "",
        child_name=reference[3].strip("-") if reference else "",
        createable=writable,
        updateable=writable,
    )


def system_fields() -> list[Field]:
    """Return the fields that every object has."""
    return [
        Field("Id", "Record ID", "id", length=18, createable=False, updateable=False),
        Field("IsDeleted", "Deleted", "boolean", createable=False, updateable=False),
        _stamp("CreatedDate", "Created Date"),
        _stamper("CreatedById", "Created By ID"),
        _stamp("LastModifiedDate", "Last Modified Date"),
        _stamper("LastModifiedById", "Last Modified By ID"),
        _stamp("SystemModstamp", "System Modstamp"),
    ]


def _stamp(name: str, label: str) -> Field:
    return Field(name, label, "datetime", createable=False, updateable=False)


def _stamper(name: str, label: str) -> Field:
    parent = name.removesuffix("Id")
    return Field(
        name, label, "reference", 18, reference_to=("User",), parent_name=parent, createable=False, updateable=False
    )


def record_type_field() -> Field:
    """Return the reference to a record's type."""
    return Field(
        "RecordTypeId", "Record Type ID", "reference", 18, reference_to=("RecordType",), parent_name="RecordType"
    )


def owner_field(name: str) -> Field:
    """Return the owner of a record of that object: a user or, where there are queues of such records, a queue."""
    queued = name.endswith("__c") or name in QUEUED
    return Field(
        "OwnerId",
        "Owner ID",
        "reference",
        length=18,
        required=True,
        reference_to=("Group", "User") if queued else ("User",),
        parent_name="Owner",
    )


def new_object(name: str, label: str, plural: str, *, owner: bool) -> SObject:
    """Return an object with its system fields only."""
    created = SObject(name, label, plural, prefix=PREFIXES.get(name, ""), person=name in PEOPLE)
    for one in system_fields():
        created.add(one)
    if owner:
        created.add(owner_field(name))
    return created


def standard_schema() -> Schema:
    """Return the schema of an org into which nothing was deployed."""
    schema = Schema()
    current = SObject("", "", "")
    for line in filter(None, FIELDS.splitlines()):
        if "|" in line:
            current.add(read_field(line))
            continue
        label = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", line)
        current = new_object(line, label, f"{label}s", owner=line not in NO_OWNER)
        current.createable = line not in READ_ONLY
        schema.add(current)
    return schema
