"""The members of an opportunity that AWS takes only in company: spend entries, contract duration, marketing."""

from __future__ import annotations

from connector.ace.paths import Json

AWS_ENTRY = {"TargetCompany": "AWS", "Frequency": "Monthly"}
VALUE_ENTRY = {"TargetCompany": "Self", "Frequency": "None"}
"""The frequency ``None`` is a text that the service takes although its model does not list it."""

MARKETING_ACTIVITY = "Marketing Activity"
EUROPEAN_PARTITION = "aws-eusc"


def complete_spend(project: Json) -> None:
    """Bring the spend entries into the form that AWS takes: fixed members set, entries without amount and estimate
    dropped.

    An entry without a currency gets that of the other entry, else the only one that AWS takes in the project's
    partition.
    """
    entries = project.get("ExpectedCustomerSpend") or []
    currency = next((entry["CurrencyCode"] for entry in entries if entry.get("CurrencyCode")), _currency(project))
    for entry in entries:
        for fixed in (AWS_ENTRY, VALUE_ENTRY):
            if entry.get("TargetCompany") == fixed["TargetCompany"]:
                entry |= fixed
        entry.setdefault("CurrencyCode", currency)
    project["ExpectedCustomerSpend"] = [entry for entry in entries if entry.get("Amount") or entry.get("EstimationUrl")]


def align_currency(project: Json, currency: str) -> None:
    """Give every spend entry the currency, since AWS takes only one."""
    for entry in project.get("ExpectedCustomerSpend") or []:
        entry["CurrencyCode"] = currency


def complete_duration(project: Json) -> None:
    """Name the unit of the contract duration: AWS counts months only."""
    if project.get("ExpectedContractDuration"):
        project["ExpectedContractDuration"]["Term"] = "Months"


def leave_contract_value(project: Json) -> None:
    """Take the total contract value away.

    The None is sent as an explicit null: left out, AWS would keep the duration.
    """
    entries = project.get("ExpectedCustomerSpend") or []
    own = VALUE_ENTRY["TargetCompany"]
    project["ExpectedCustomerSpend"] = [entry for entry in entries if entry.get("TargetCompany") != own]
    project["ExpectedContractDuration"] = None


def complete_marketing(marketing: Json) -> None:
    """Keep the companions of a marketing source only where AWS takes them."""
    if marketing.get("Source") == "None":
        for name in set(marketing) - {"Source"}:
            del marketing[name]


def _currency(project: Json) -> str:
    return "EUR" if project.get("AwsPartition") == EUROPEAN_PARTITION else "USD"
