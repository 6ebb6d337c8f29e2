"""Which version of the data model files carry: one way only, and never changed under a running schedule.

AWS takes files of version 1 from a partner who never sent version 2, and from nobody else. Hence the highest version in
which a file was stored for sending is remembered, and admins' settings count only from there upwards (SET-17, OUT-27).
A change of *Version* counts once no schedule of files is in force, since mappings and records are to be reviewed before
(OPS-12); until then no file of opportunities goes out. AWS's definitions of leads do not differ by version, so that
*Lead Version* is only how their files are labelled, and may be changed freely.

A state that was lost is replaced by evidence: the last file of opportunities that Salesforce's sync logs name, as AWS
archived it; and where the archive does not show it any more, the version that AWS's own files have. Where the logs name
no file, nothing was sent yet, and AWS's files say nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta

from connector.ace.file_fields import Version, payload_version
from connector.errors import AuthFailed, ConfigError, ConnectorError, RecordRejected, StaleRecord
from connector.names import SETTINGS, SYNC_LOG, FileSettings, Log
from connector.sync.engine import Engine
from connector.sync.logs import OUTBOUND_RETRIEVAL, TO_AWS
from connector.sync.ports import BucketFile
from connector.sync.schedule_memory import recall

TROUBLE = "version of files"
"""Under this name the status page tells why no file goes out."""
_USED, _SEEN, _IN_USE, _LOOKED = (f"files:version {what}" for what in ("used", "seen", "in use", "looked"))
_DAY_IN_NAME = re.compile(r"_(\d{2})(\d{2})(\d{4})\d{6}\.json")
_ARCHIVE = "inbound_archive"


def allowed_version(engine: Engine) -> Version:
    """Return the version that files of the engine's records carry now. Call it before packing.

    Raises:
        ConfigError: a setting without which no file is sent is missing (each is named); the settings go back from 2 to
            1; or Version was changed while a schedule is in force.
    """
    _take_over(engine)
    files = engine.settings.files
    version = files.version_for(engine.record_type)
    reason = " ".join(map(str, files.missing(engine.record_type))) or objection(engine)
    if reason or version is None:
        raise ConfigError(reason)
    return version


def note_used(engine: Engine, version: Version) -> None:
    """Remember that a file of that version goes out. Call it in the transaction that stores the file."""
    if engine.record_type == "opportunity" and version > (_known(engine, _USED) or ""):
        engine.state.meta.set(_USED, version)


def note_seen(engine: Engine, version: str) -> None:
    """Remember the version that a file of AWS with opportunities carries; it counts only after a loss of the state."""
    if engine.record_type == "opportunity" and payload_version(version) is Version.V2:
        engine.state.meta.set(_SEEN, Version.V2)


def follow_version(engine: Engine) -> None:
    """Take over a version that was changed, as soon as no schedule is in force, and let the status page tell why no
    file goes out meanwhile.
    """
    _take_over(engine)
    try:
        reason = objection(engine)
    except ConnectorError as error:  # the evidence could not be asked for; this stops files, and nothing else
        reason = f"Which version was sent before could not be found out: {error}"
    if reason:
        engine.troubles[TROUBLE] = reason
    else:
        engine.troubles.pop(TROUBLE, None)


def objection(engine: Engine) -> str:
    """Return why no file of the engine's records may carry the version that the settings name; empty where it may."""
    wanted = engine.settings.files.opportunity_version
    if wanted is None or not engine.settings.files.wanted or engine.record_type == "lead":
        return ""
    return _way_back(engine, wanted) or _change(engine, wanted)


def _way_back(engine: Engine, wanted: Version) -> str:
    if wanted is Version.V2:
        return ""
    told = "a file of version 2 was sent before" if _known(engine, _USED) is Version.V2 else _evidence(engine)
    if not told:
        return ""
    return (
        f"{FileSettings.PAYLOAD_VERSION} of {SETTINGS} is 1, but {told}, and there is no way back: AWS takes no files "
        "of version 1 from then on. No file is sent. Set it to 2 again."
    )


def _take_over(engine: Engine) -> None:
    """Let the version that is set be the one in use, unless schedules were activated under another one."""
    wanted, before = engine.settings.files.opportunity_version, _known(engine, _IN_USE)
    if wanted is not None and wanted is not before and (before is None or not any(_schedules(engine))):
        engine.state.meta.set(_IN_USE, wanted)


def _change(engine: Engine, wanted: Version) -> str:
    before, running = _known(engine, _IN_USE), list(_schedules(engine))
    if before is None or before is wanted or not running:
        return ""
    return (
        f"{FileSettings.PAYLOAD_VERSION} of {SETTINGS} was changed from {before[0]} to {wanted[0]} while "
        f"{' and '.join(running)} {'is' if len(running) == 1 else 'are'} active. No file is sent until then: "
        "deactivate all schedules and wait until their status says so, review the mapping of all required fields and "
        "what `connector check --data-model` lists, then activate them again."
    )


def _schedules(engine: Engine) -> Iterator[str]:
    """Yield the names of the schedules in force whose records travel as files."""
    for name in ("Opportunity", "Lead"):
        in_force = recall(engine, name)
        if in_force is not None and (name == "Lead" or engine.settings.files.opportunities_over_files):
            yield f"{in_force.name} ({name})"


def _known(engine: Engine, name: str) -> Version | None:
    return payload_version(engine.state.meta.get(name) or "")


# --- after a loss of the state


def _evidence(engine: Engine) -> str:
    """Return what shows that version 2 was sent by a state before this one; empty where nothing does."""
    if _known(engine, _USED) is not None:
        return ""  # this state has sent files itself and knows better
    name, version = _last_file(engine)
    if version == Version.V2:
        return f"the file {name}, which this connector sent before its state was lost, is of version 2"
    if name and not version and _known(engine, _SEEN) is Version.V2:
        return f"files were sent before the state was lost, such as {name}, and AWS's own files are of version 2"
    return ""


def _last_file(engine: Engine) -> tuple[str, str]:
    """Return name and version of the last file of opportunities that the sync logs name, both empty where they name
    none; the version is empty where the bucket does not show the file any more. Looked up once per state.
    """
    kept = engine.state.meta.get(_LOOKED)
    if kept is None:
        name = _last_name(engine)
        kept = json.dumps([name, _archived_version(engine, name) if name else ""])
        engine.state.meta.set(_LOOKED, kept)
    name, version = json.loads(kept)
    return str(name), str(version)


def _last_name(engine: Engine) -> str:
    """Return the name of the last file, of whatever object the opportunities were then."""
    rows = engine.salesforce.query(
        f"SELECT {Log.FILE_NAME} FROM {SYNC_LOG} WHERE {Log.DIRECTION} = '{TO_AWS}' "  # noqa: S608 - our own names
        f"AND {Log.PURPOSE} = '{OUTBOUND_RETRIEVAL}' AND {Log.FILE_NAME} LIKE 'opportunity-%.json' "
        "ORDER BY CreatedDate DESC LIMIT 1"
    )
    return next((str(row[Log.FILE_NAME]) for row in rows), "")


def _archived_version(engine: Engine, name: str) -> str:
    """Return the version of a file that was sent, from where AWS keeps it; empty where it is not found."""
    with suppress(AuthFailed):  # what may not be looked at proves nothing
        for file in _copies(engine, name):
            with suppress(RecordRejected, StaleRecord, ValueError):
                content = json.loads(engine.exchange.read(file))
                told = content.get("version") if isinstance(content, dict) else None
                return str(payload_version(str(told or "")) or "")
    return ""


def _copies(engine: Engine, name: str) -> Iterator[BucketFile]:
    """Yield the file where AWS archived it, on the day of its name or the next; and where it still waits."""
    dated = _DAY_IN_NAME.search(name)
    if dated:
        month, day, year = map(int, dated.groups())
        for later in (0, 1):
            filed = date(year, month, day) + timedelta(days=later)
            yield from engine.exchange.find_archived("opportunity", _ARCHIVE, name, day=filed)
    for page in engine.exchange.submitted_files("opportunity"):
        yield from (file for file in page.files if file.name == name)
