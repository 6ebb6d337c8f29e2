"""Whether another integration works with the same account or org, for ``connector check``."""

from __future__ import annotations

from connector.names import Settings
from connector.service.runtime import Runtime, catalog_of
from connector.sync.other_integrations import goes_live, look, objection
from connector.sync.settings import SyncSettings


def neighbours(runtime: Runtime, settings: SyncSettings) -> tuple[str, str]:
    """Return (``ok``, ``warn`` or ``fail``; what there is to know).

    Until an admin confirmed it, another integration keeps the first write to the live catalog back; later, and on the
    catalog Sandbox, it is only worth knowing.
    """
    found = look(runtime.state, runtime.salesforce, runtime.clock.now())
    if not found:
        return "ok", "no sign of one"
    told = "; ".join(found)
    if settings.beside_other_integration:
        return "ok", f"at work beside this one, as {Settings.BESIDE_OTHER_INTEGRATION} allows: {told}"
    if goes_live(runtime.state, catalog_of(settings)):
        return "fail", objection(found)
    return "warn", f"at work beside this one: {told}"
