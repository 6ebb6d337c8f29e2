"""Another integration that works with the same Partner Central account or the same org is noticed by what it leaves.

At AWS it gives its own identifiers to opportunities that it creates, or puts them over ours. In Salesforce, AWS's own
managed package writes a sync log for each of its runs. What people do leaves no such signs: who works in Partner
Central gives no identifier, or types one now and then, and what our own lost state created bears ids of our records.
Only fresh signs count, so that an integration that was switched off is forgotten.

Before the first write to the live catalog, signs have to be confirmed by an admin; later they are told, and nothing is
stopped by them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from connector.eligibility.formula import case_safe_id
from connector.eligibility.rules import is_dummy_identifier
from connector.errors import ConfigError, MappingError, Retriable
from connector.names import SETTINGS, SYNC_LOG_DETAIL, Detail, Settings
from connector.store.state import State
from connector.sync.create import ADOPTED
from connector.sync.engine import Engine
from connector.sync.ports import Json, SalesforcePort

LIVE_CATALOG = "AWS"
FRESH = timedelta(days=14)
"""How long ago an opportunity of another integration may have been created, for that to be still at work."""
PACKAGE_LOG = "awsapn__Sync_Log__c"
"""The sync log of AWS's managed package: it has one row for each run."""
PACKAGE_FRESH = timedelta(days=2)
TYPED = 3
"""So many opportunities bear identifiers of a form that people might type, before these count as a program's."""
MOST_KEPT = 50
LOOK_EVERY, LOOK_LIVE = timedelta(minutes=5), timedelta(days=1)
"""How often the org is asked, before the first write to the live catalog and later."""
TROUBLE = "other integration"
"""Under this name the status page tells of it."""
_SEEN, _LOOKED, _LIVE = "others:opportunities", "others:package", "others:live"


@dataclass(frozen=True, slots=True)
class Foreign:
    """An opportunity that bears another system's identifier.

    Attributes:
        apn_id: AWS's id.
        identifier: the partner's identifier at AWS.
        at: when it was created, or when ours was found replaced; ISO 8601, UTC.
    """

    apn_id: str
    identifier: str
    at: str


def note_page(engine: Engine, page: Iterable[Json]) -> None:
    """Remember what on a page of AWS's list bears another system's identifier."""
    strange = [one for one in page if _is_strange(engine, str(one.get("PartnerOpportunityIdentifier") or ""))]
    if not strange:
        return
    known = _seen(engine.state, engine.now())
    met = {one.apn_id for one in known}
    found = [one for one in (*_created(engine, strange), *_replaced(engine, strange)) if one.apn_id not in met]
    logged = _once_ours(engine, found)
    kept = {one.apn_id: one for one in (*known, *found) if one.apn_id not in logged}
    engine.state.meta.set(_SEEN, json.dumps([asdict(one) for one in kept.values()][-MOST_KEPT:]))


def _is_strange(engine: Engine, identifier: str) -> bool:
    """Whether an identifier at AWS is no record's of ours: of the mapped object, or of one that was mapped before.
    Placeholders of historical data are nobody's.
    """
    if not identifier or is_dummy_identifier(identifier):
        return False
    own = _is_salesforce_id(identifier) and identifier.startswith(engine.describe().key_prefix or "\0")
    return not own and engine.state.links.get(identifier) is None


def _created(engine: Engine, strange: Iterable[Json]) -> Iterator[Foreign]:
    for summary in strange:
        created = str(summary.get("CreatedDate") or "")
        if created and _is_fresh(created, engine.now()):
            yield Foreign(str(summary["Id"]), str(summary["PartnerOpportunityIdentifier"]), created)


def signs(engine: Engine) -> tuple[str, ...]:
    """Return what speaks for another integration now, in words; empty where nothing does."""
    return (*_signs_at_aws(_seen(engine.state, engine.now()), engine.now()), *_told_of_package(_package(engine)))


def look(state: State, salesforce: SalesforcePort, now: datetime) -> tuple[str, ...]:
    """Return the same for whoever only looks: AWS's side as the last sweeps found it, the org as it is; nothing is
    remembered.
    """
    return (*_signs_at_aws(_seen(state, now), now), *_told_of_package(package_at_work(salesforce, now)))


def goes_live(state: State, catalog: str) -> bool:
    """Whether the next write would be the first one to the live catalog."""
    return catalog == LIVE_CATALOG and state.meta.get(_LIVE) is None


def objection(found: Iterable[str]) -> str:
    """Return why nothing is written to the live catalog beside what left these signs."""
    return (
        "Nothing is sent yet: another integration is at work beside this one. Stop it, or tick "
        f"{Settings.BESIDE_OTHER_INTEGRATION} in {SETTINGS} if both are to send. Signs: {'; '.join(found)}."
    )


def require_confirmed(engine: Engine) -> None:
    """Let the first write to the live catalog pass only if nobody else is at work, or an admin said that both may be.

    Raises:
        ConfigError: another integration left signs, and nobody confirmed that both may send.
        Retriable: this state has not looked at AWS yet.
    """
    if not goes_live(engine.state, engine.catalog):
        return
    if engine.state.meta.get(ADOPTED) is None:
        raise Retriable("The state is new: what exists at AWS is looked at before the first write.", after=5)
    reason = unconfirmed(engine)
    if reason:
        raise ConfigError(reason)
    engine.state.meta.set(_LIVE, engine.now().isoformat())


def unconfirmed(engine: Engine) -> str:
    """Return why nothing may be written to the live catalog yet; empty where it may."""
    if not goes_live(engine.state, engine.catalog) or engine.settings.beside_other_integration:
        return ""
    found = signs(engine)
    return objection(found) if found else ""


def follow_others(engine: Engine) -> None:
    """Let the status page tell what was noticed, until it is over or an admin confirmed it."""
    found = () if engine.settings.beside_other_integration else signs(engine)
    if not found:
        engine.troubles.pop(TROUBLE, None)
        return
    told = unconfirmed(engine) or f"It is at work beside this one. Signs: {'; '.join(found)}."
    engine.troubles[TROUBLE] = told


def _signs_at_aws(seen: Sequence[Foreign], now: datetime) -> Iterator[str]:
    fresh = [one for one in seen if _is_fresh(one.at, now)]
    made = [one for one in fresh if _is_salesforce_id(one.identifier)]
    if not made and len(fresh) < TYPED:
        return
    sample = (made or fresh)[-1]
    yield (
        f"{len(fresh)} opportunities of the last {FRESH.days} days bear identifiers that are not ours, such as "
        f"{sample.apn_id} ({sample.identifier})"
    )


def _package(engine: Engine) -> str:
    """Return when AWS's package last ran; the org is asked rarely."""
    kept, now = engine.state.meta.get(_LOOKED), engine.now()
    at, last = json.loads(kept) if kept else ("", "")
    pause = LOOK_EVERY if goes_live(engine.state, engine.catalog) else LOOK_LIVE
    if not at or not timedelta() <= now - datetime.fromisoformat(at) < pause:
        last = package_at_work(engine.salesforce, now)
        engine.state.meta.set(_LOOKED, json.dumps([now.isoformat(), last]))
    return str(last)


def _told_of_package(last: str) -> Iterator[str]:
    if last:
        yield f"AWS's own connector wrote a sync log ({PACKAGE_LOG}) on {last} UTC"


def package_at_work(salesforce: SalesforcePort, now: datetime) -> str:
    """Return when AWS's managed package last wrote a sync log, as text; empty where it did not lately, or where the org
    has no such package, or hides it.
    """
    try:
        salesforce.describe(PACKAGE_LOG)
        since = f"{now - PACKAGE_FRESH:%Y-%m-%dT%H:%M:%SZ}"
        rows = list(
            salesforce.query(
                f"SELECT CreatedDate FROM {PACKAGE_LOG} WHERE CreatedDate > {since} "  # noqa: S608 - a name of AWS's
                "ORDER BY CreatedDate DESC LIMIT 1"
            )
        )
    except (ConfigError, MappingError):
        return ""
    return str(rows[0]["CreatedDate"])[:16].replace("T", " ") if rows else ""


def _seen(state: State, now: datetime) -> list[Foreign]:
    kept = [Foreign(**one) for one in json.loads(state.meta.get(_SEEN) or "[]")]
    return [one for one in kept if _is_fresh(one.at, now)]


def _is_fresh(at: str, now: datetime) -> bool:
    return now - datetime.fromisoformat(at) < FRESH


def _replaced(engine: Engine, strange: Iterable[Json]) -> Iterator[Foreign]:
    """Yield opportunities that bore our identifier when we last saw them."""
    for summary in strange:
        link = engine.state.links.by_apn(summary["Id"])
        if link is not None and (link.aws or {}).get("PartnerOpportunityIdentifier") == link.record_id:
            identifier = str(summary["PartnerOpportunityIdentifier"])
            yield Foreign(str(summary["Id"]), identifier, str(summary["LastModifiedDate"]))


def _once_ours(engine: Engine, found: Sequence[Foreign]) -> set[str]:
    """Return those that a sync log names and no record of ours has: they belong to a record of another object than
    today's, and the state that knew it was lost.
    """
    names = ", ".join(f"'{one.apn_id}'" for one in found if engine.state.links.by_apn(one.apn_id) is None)
    if not names:
        return set()
    rows = engine.salesforce.query(
        f"SELECT {Detail.APN_ID} FROM {SYNC_LOG_DETAIL} WHERE {Detail.APN_ID} IN ({names})"  # noqa: S608 - AWS's ids
    )
    return {str(row[Detail.APN_ID]) for row in rows}


def _is_salesforce_id(text: str) -> bool:
    """Whether it is an id of 18 characters, whose last three follow from the others, which nobody types by hand."""
    return len(text) == 18 and text.isascii() and text.isalnum() and case_safe_id(text[:15]) == text
