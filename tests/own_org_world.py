"""A partner's own org for tests: the package beside objects that are nobody's but the partner's.

``tests/own_org/base`` is Salesforce DX source as a partner's admins would have it: ``Deal__c`` (a deal, with an
account, a desk whose person and territory are two levels away, picklists with words of their own, two record types, a
rule and a flow) and a few fields on the standard objects. ``tests/own_org/has_updates`` adds the formula field that
such an object may or may not have. The wide object has so many fields that nobody writes them by hand:
:func:`write_wide` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from salesforce_sandbox import XMLNS, running_org
from salesforce_sandbox import World as Org
from system_world import World, open_world

from connector.sandbox.server import METADATA

TREE = Path(__file__).resolve().parent / "own_org"
BASE, HAS_UPDATES = TREE / "base", TREE / "has_updates"
STAGES, STANDARD_FIELDS = TREE / "stages", TREE / "standard_fields"
"""More to deploy: stages of the partner's own instead of the usual ones; the standard fields for a guarded org."""
DEAL, DESK, TERRITORY, WIDE = "Deal__c", "Deal_Desk__c", "Territory_Unit__c", "Wide__c"
SYNC, SYNCED, AWS_ID, UPDATES = "Send_to_AWS__c", "AWS_Synced__c", "AWS_Id__c", "AWS_Has_Updates__c"
WIDE_FIELDS = 200
_SYNC_FIELDS = {
    SYNC: "<type>Checkbox</type><defaultValue>false</defaultValue>",
    SYNCED: "<type>DateTime</type>",
    AWS_ID: "<type>Text</type><length>18</length><externalId>true</externalId><unique>true</unique>"
    "<caseSensitive>false</caseSensitive>",
}
_VALUES = "".join(
    f"<value><fullName>{one}</fullName><default>false</default><label>{one}</label></value>"
    for one in ("North", "South")
)
_KINDS = (
    "<type>Text</type><length>255</length>",
    "<type>LongTextArea</type><length>2000</length><visibleLines>3</visibleLines>",
    f"<type>Picklist</type><valueSet><restricted>true</restricted><valueSetDefinition><sorted>false</sorted>{_VALUES}"
    "</valueSetDefinition></valueSet>",
    "<type>Number</type><precision>12</precision><scale>2</scale>",
    "<type>Date</type>",
    "<type>Checkbox</type><defaultValue>false</defaultValue>",
    "<type>Text</type><length>80</length>",
    "<type>Currency</type><precision>16</precision><scale>2</scale>",
)
"""What the wide object's fields are, in turn."""


def wide_field(number: int) -> str:
    """Return the name of the wide object's field of that number, counted from 1; as long as a name may be."""
    return f"A_Name_As_Long_As_A_Name_May_Become_{number:03}__c"


def wide_fields() -> dict[str, str]:
    """Return the wide object's fields with what their files say of them: 200, of them three for being in step."""
    own = (wide_field(number) for number in range(1, WIDE_FIELDS - len(_SYNC_FIELDS) + 1))
    return {**_SYNC_FIELDS, **{name: _KINDS[place % len(_KINDS)] for place, name in enumerate(own)}}


def write_wide(folder: Path) -> Path:
    """Write the source of ``Wide__c``, with the permission sets that open it; return its directory."""
    target = folder / "objects" / WIDE
    (target / "fields").mkdir(parents=True)
    name = "<nameField><label>Name</label><type>Text</type></nameField><sharingModel>ReadWrite</sharingModel>"
    labels = "<label>Wide</label><pluralLabel>Wides</pluralLabel><deploymentStatus>Deployed</deploymentStatus>"
    _write(target / f"{WIDE}.object-meta.xml", "CustomObject", labels + name)
    for field, inner in wide_fields().items():
        head = f"<fullName>{field}</fullName><label>{field.removesuffix('__c').replace('_', ' ')}</label>"
        _write(target / "fields" / f"{field}.field-meta.xml", "CustomField", head + inner)
    (folder / "permissionsets").mkdir()
    for who in ("Integration", "Seller"):
        path = folder / "permissionsets" / f"Wide_{who}.permissionset-meta.xml"
        _write(path, "PermissionSet", _permissions(f"Wide {who}", view_all=who == "Integration"))
    return folder


def _permissions(label: str, *, view_all: bool) -> str:
    shown, every = "<editable>true</editable><field>{}</field><readable>true</readable>", str(view_all).lower()
    fields = "".join(f"<fieldPermissions>{shown.format(f'{WIDE}.{one}')}</fieldPermissions>" for one in wide_fields())
    return (
        f"{fields}<label>{escape(label)}</label><objectPermissions><allowCreate>true</allowCreate><allowDelete>false"
        f"</allowDelete><allowEdit>true</allowEdit><allowRead>true</allowRead><modifyAllRecords>{every}</modifyAllRecords>"
        f"<object>{WIDE}</object><viewAllRecords>{every}</viewAllRecords></objectPermissions>"
    )


def _write(path: Path, root: str, body: str) -> None:
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{XMLNS}">{body}</{root}>\n', encoding="utf8"
    )


def own_metadata(
    folder: Path, *, updates: bool = True, wide: bool = False, more: Sequence[Path] = ()
) -> Sequence[Path]:
    """Return the directories to deploy beside the package; what has to be written goes below ``folder``."""
    found = [BASE, *([HAS_UPDATES] if updates else []), *more]
    return [*found, write_wide(folder / "wide")] if wide else found


@contextmanager
def open_own_org(
    folder: Path, *, updates: bool = True, wide: bool = False, more: Sequence[Path] = (), **options: Any
) -> Iterator[Org]:
    """Serve Salesforce alone with the package and the partner's own objects. ``options`` go to the org."""
    metadata = own_metadata(folder, updates=updates, wide=wide, more=more)
    with running_org(METADATA, folder / "keys", metadata=metadata, **options) as found:
        yield found


@contextmanager
def open_own_world(
    folder: Path, *, updates: bool = True, wide: bool = False, more: Sequence[Path] = (), **settings: Any
) -> Iterator[World]:
    """Open a whole world, as ``system_world.open_world`` does, whose org has the partner's own objects too.

    ``settings`` are that function's: settings of the org, and ``currencies`` and ``guarded``.
    """
    metadata = own_metadata(folder / "metadata", updates=updates, wide=wide, more=more)
    with open_world(folder / "sandbox", metadata=metadata, **settings) as world:
        yield world


def deal(**fields: Any) -> dict[str, Any]:
    """Return a complete deal in the partner's own words, flagged for AWS; ``fields`` replace its own, None removes."""
    whole: Mapping[str, Any] = {
        "Name": "Ward archive",
        "Headline__c": "Archive of the wards",
        "Problem__c": "Images of the wards fill up the disks: each month a nurse decides what is thrown away.",
        "Phase__c": "2 Qualify",
        "Deal_Kind__c": "New logo",
        "Delivery__c": "Run by us",
        "Use__c": "Backups",
        "Help_Wanted__c": "Architects",
        "Steps_Done__c": "First call",
        "Sector__c": "Hospitals",
        "Land__c": "Deutschland",
        "Secret_Work__c": "nein",
        "From_Campaign__c": "No campaign",
        "Monthly_Spend__c": 4200,
        "Close_By__c": "2027-06-30",
        "Next_Action__c": "Show the price list",
        "Solution_Code__c": "S-1234567",
        "Budget_Code__c": "B-17",
        SYNC: True,
    }
    return {name: value for name, value in {**whole, **fields}.items() if value is not None}


PATHS: Mapping[str, str] = {
    "partnerProjectTitle": "Headline__c", "projectDescription": "Problem__c", "nextStep": "Next_Action__c",
    "expectedMonthlyAwsRevenue": "Monthly_Spend__c", "targetCloseDate": "Close_By__c",
    "solutionOffered": "Solution_Code__c", "competitiveTrackingOther": "Rivals__c",
    "otherSolutionOffered": "Reference_Code__c", "aWSStage": "AWS_Phase__c", "status": "AWS_Verdict__c",
    "apnReviewerComments": "AWS_Comments__c", "lifeCycle.awsNextSteps": "AWS_Next_Steps__c",
    "customerCompanyName": "Customer__r.Name", "customerWebsite": "Customer__r.Website",
    "city": "Customer__r.BillingCity", "state": "Customer__r.BillingState",
    "postalCode": "Customer__r.BillingPostalCode", "industry": "Customer__r.Industry",
    "industryOther": "Customer__r.Site", "awsAccountId": "Customer__r.AWS_Account_Number__c",
    "primaryContactEmail": "Owner.Email", "additionalComments": "Desk__r.Territory__r.Territory_Code__c",
}  # fmt: skip
"""AWS field → path of a deal, where no values have to be mapped by hand."""
INBOUND_OFF = frozenset({"customerCompanyName", "primaryContactEmail"})
CHOICES: Mapping[str, tuple[str, Sequence[str]]] = {
    "stage": ("Phase__c", (
        "--inbound", "--value", "Prospect=1 Discover", "--value", "Qualified=2 Qualify",
        "--value", "Technical Validation=3 Prove", "--value", "Business Validation=3 Prove",
        "--default", "3 Prove=Business Validation", "--value", "Committed=5 Sign",
        "--additional", "4 Negotiate=Committed", "--value", "Launched=6 Live", "--value", "Closed Lost=9 Lost",
    )),
    "opportunityType": ("Deal_Kind__c", (
        "--value", "Net New Business=New logo", "--value", "Expansion=Growth", "--value", "Flat Renewal=Renewal",
    )),
    "deliveryModel": ("Delivery__c", (
        "--value", "SaaS or PaaS=Run by us", "--value", "BYOL or AMI=Run by customer", "--value",
        "Professional Services=Advice", "--value", "Other=Other way",
    )),
    "useCase": ("Use__c", (
        "--value", "Storage & Backup=Backups", "--value", "AI Machine Learning and Analytics=Machine learning",
        "--value", "Migration / Database Migration=Mainframe exit", "--additional", "Data lake=Storage & Backup",
    )),
    "partnerPrimaryNeedFromAws": ("Help_Wanted__c", (
        "--value", "Co-Sell - Architectural Validation=Architects",
        "--value", "Co-Sell - Total Cost of Ownership Evaluation=Business case",
        "--value", "Co-Sell - Deal Support=Introductions", "--value", "Do Not Need Support from AWS Sales Rep=None",
    )),
    "salesActivities": ("Steps_Done__c", (
        "--value", "Initialized discussions with customer=First call", "--value", "Conducted POC / Demo=Demo given",
        "--value", "In evaluation / planning stage=Proof running", "--value", "SOW Signed=Board agreed",
    )),
    "country": ("Land__c", (
        "--value", "DE=Deutschland", "--value", "NO=Norge", "--value", "US=United States", "--value", "PE=Peru",
    )),
    "doesOppBelongToNatSec": ("Secret_Work__c", ("--value", "Yes=ja", "--value", "No=nein")),
    "closedLostReason": ("Lost_Because__c", (
        "--value", "Price=Price too high", "--value", "No Opportunity=Went quiet",
        "--value", "Financial/Commercial=No funding", "--value", "Other=Something else",
    )),
}  # fmt: skip
"""AWS field → picklist of a deal, and the options that map its values."""


def map_deals(do: Callable[..., Any], *, updates: bool = True) -> None:
    """Map deals by the command line alone, as an admin does it for the first time; ``do`` runs one command.

    What needs no values comes with ``mapping set`` alone; the rest with the options of :data:`CHOICES`. The draft is
    checked and published.
    """
    do("mapping", "object", DEAL)
    for name, field in {"sync_with_aws": SYNC, "last_sync_date": SYNCED, "apn_id": AWS_ID}.items():
        do("mapping", "own", name, field)
    if updates:
        do("mapping", "own", "has_updates", UPDATES)
    for ace_field, path in PATHS.items():
        do("mapping", "set", ace_field, path, *(("--no-inbound",) if ace_field in INBOUND_OFF else ()))
    for ace_field, (path, options) in CHOICES.items():
        do("mapping", "set", ace_field, path, *options)
    do("mapping", "fallback", "competitiveTrackingOther", "--to-aws-formula", "'Rivals of ' & Name")
    do("mapping", "exclude", "BEGINS(partnerProjectTitle, 'Internal')")
    do("mapping", "check")
    do("mapping", "publish", "--note", "First version")
