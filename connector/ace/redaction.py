"""What AWS takes out of its own systems: who the customer of a national security opportunity is."""

from __future__ import annotations

from connector.ace.record import AceRecord, Value

CLASSIFIED = "doesOppBelongToNatSec"
REDACTED = ("customerCompanyName", "customerWebsite", "state", "postalCode")
"""AWS's definition of ``doesOppBelongToNatSec`` names them."""


def without_redacted(record: AceRecord) -> dict[str, Value]:
    """Return what AWS tells, without what it tells empty because it keeps it from its own people: that AWS has no value
    says nothing of the partner's (SEC-12).
    """
    if record.get(CLASSIFIED) != "Yes":
        return dict(record)
    return {name: value for name, value in record.items() if value is not None or name not in REDACTED}
