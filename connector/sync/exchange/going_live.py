"""What has to be settled before files travel by a schedule.

What lies in the bucket already when the first schedule is activated was left by another integration, or waited for one:
working it off could make records a second time. AWS's support empties a bucket; who knows that the objects may be
worked off confirms their number instead (S3-29): by ``connector schedule activate --confirm-objects N``, or by
activating in Salesforce the schedule that was refused because of them once more. A number that has changed since is
asked for anew, and so is another bucket. Looked at are the folders of the records that travel as files at that time;
where opportunities come to do so later, their folders are looked at then. A schedule that was in force already, before
the state was lost, goes on, and who fetched files by command has settled them as well.

Files that somebody else sent lately show that another integration is still at work in the bucket. Beside it nothing is
scheduled or sent on request until it has been silent for a day, or an admin allows both.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.ace.file_fields import RecordType
from connector.errors import ConfigError, ConnectorError, Refused
from connector.names import SETTINGS, SYNC_LOG, Log, Schedule, Settings
from connector.sync.engine import Engine
from connector.sync.exchange import versions
from connector.sync.ports import FilePage, Row
from connector.sync.schedule_memory import in_force_for

SILENCE = timedelta(days=1)
"""So long after its last file another integration counts as switched off."""
PLACEHOLDER = "folder placeholder"
LOOK_AGAIN = timedelta(hours=1)
_CONFIRMED, _ALONE = "files:confirmed", "files:alone"
_REFUSED, _WAITING, _RUNNING = "Refused", "Waiting", "Running"
_NAMES_ASKED = 100
"""Names of files that one question to Salesforce holds."""


def objections(engine: Engine, row: Row | None = None) -> tuple[str, ...]:
    """Return every reason why no schedule may let the engine's records travel as files; none when it may, and none
    where they do not travel as files.

    Args:
        engine: of the records.
        row: the schedule that is to be in force, as it was activated; its last refusal may be on it.
    """
    if engine.channel != "files":
        return ()
    lacking = tuple(map(str, engine.settings.files.missing(engine.record_type)))
    version = versions.objection(engine)
    return (*lacking, *filter(None, [version]), *(() if lacking else _of_bucket(engine, row)))


def _of_bucket(engine: Engine, row: Row | None) -> Iterator[str]:
    if in_force_for(engine) is not None or _went_on_before(row):
        return
    try:
        waiting = objects_waiting(engine)
        foreign = () if engine.settings.beside_other_integration else foreign_files(engine)
    except ConnectorError as error:
        yield f"The bucket cannot be looked at: {error}"
        return
    if foreign:
        yield of_neighbour(engine, foreign)
    count = sum(waiting.values())
    if confirmed(engine):
        return
    if count and not foreign and _was_warned(row, count):
        confirm(engine, "the activation of a schedule that was refused before", count)
    elif count:
        yield warning(waiting)
    elif not foreign:
        confirm(engine, "an empty bucket", 0)


def objects_waiting(engine: Engine) -> Mapping[str, int]:
    """Return how many objects of which this connector knows nothing lie in each folder that nobody settled yet, JSON or
    not; folders without are not among them. Raises what the doors raise.
    """
    found: Counter[str] = Counter()
    for one in _strange(engine, [kind for kind in _kinds(engine) if kind not in _settled(engine)]):
        found[one.key.rpartition("/")[0]] += 1
    return found


def foreign_files(engine: Engine) -> tuple[str, ...]:
    """Return the keys of files that somebody else sent lately, as far as they lie in the bucket, or AWS's answers to
    them do. Raises what the doors raise.
    """
    since = engine.now() - SILENCE
    return tuple(one.key for one in _strange(engine, _kinds(engine)) if one.sent_as and one.at and one.at > since)


@dataclass(frozen=True, slots=True)
class _Found:
    """An object in the bucket.

    Attributes:
        sent_as: name of the file of a partner that it is, or is AWS's answer to; empty for others.
        at: when it was put there, None where that is not known.
        known: this connector's state knows it from its own work.
    """

    key: str
    sent_as: str = ""
    at: datetime | None = None
    known: bool = False


def _kinds(engine: Engine) -> tuple[RecordType, ...]:
    """Return which records travel as files."""
    return ("lead", "opportunity") if engine.settings.files.opportunities_over_files else ("lead",)


def _strange(engine: Engine, kinds: Iterable[RecordType]) -> list[_Found]:
    """Return what lies in the folders of these types and is not this connector's."""
    found = [one for kind in kinds for one in _listed(engine, kind) if not one.known]
    ours = _ours(engine, {one.sent_as for one in found if one.sent_as})
    return [one for one in found if one.sent_as not in ours]


def _listed(engine: Engine, kind: RecordType) -> Iterator[_Found]:
    door, state = engine.exchange, engine.state
    for page in door.submitted_files(kind):
        yield from (_Found(file.key, file.name, file.modified_at) for file in page.files)
        yield from _others(page)
    for page in door.outbound_files(kind):
        for file in page.files:
            yield _Found(file.key, known=state.downloads.get(file.key, file.etag) is not None)
        yield from _others(page)
    for page in door.result_files(kind):
        yield from (_Found(file.key, file.answers, file.modified_at) for file in page.files)
        yield from _others(page)


def _others(page: FilePage) -> Iterator[_Found]:
    return (_Found(one.key) for one in page.skipped if one.reason != PLACEHOLDER)


def _ours(engine: Engine, names: Iterable[str]) -> set[str]:
    """Return which files this connector sent: its state knows them, or the sync logs do where the state was lost."""
    wanted = sorted(names)
    known = {name for name in wanted if engine.state.uploads.get(name) is not None}
    asked = [name for name in wanted if name not in known and name.isascii() and "'" not in name and "\\" not in name]
    for start in range(0, len(asked), _NAMES_ASKED):
        listed = ", ".join(f"'{name}'" for name in asked[start : start + _NAMES_ASKED])
        rows = engine.salesforce.query(
            f"SELECT {Log.FILE_NAME} FROM {SYNC_LOG} WHERE {Log.FILE_NAME} IN ({listed})"  # noqa: S608 - no quotes
        )
        known |= {str(row[Log.FILE_NAME]) for row in rows}
    return known


def confirmed(engine: Engine) -> bool:
    """Whether it is settled what lay in the folders of the engine's records before the first schedule."""
    return engine.record_type in _settled(engine)


def confirmation(engine: Engine) -> str:
    """Return who settled it and when, in words; empty while nobody did."""
    if not confirmed(engine):
        return ""
    known = json.loads(engine.state.meta.get(_CONFIRMED) or "{}")
    return f"{known['objects']} objects, settled by {known['by']} at {known['at'][:16].replace('T', ' ')} UTC"


def _settled(engine: Engine) -> tuple[str, ...]:
    """Return the types of records whose folders in today's bucket are settled."""
    known = json.loads(engine.state.meta.get(_CONFIRMED) or "{}")
    return tuple(known["kinds"]) if known.get("bucket") == engine.settings.files.bucket else ()


def confirm(engine: Engine, by: str, count: int, kinds: Iterable[RecordType] = ()) -> None:
    """Remember that the objects that lie in the bucket may be worked off.

    Args:
        engine: of the records.
        by: who said so, for people.
        count: as many as they knew of.
        kinds: types of the records in whose folders they lie; by default all that travel as files.
    """
    known = {
        "bucket": engine.settings.files.bucket,
        "by": by,
        "at": engine.now().isoformat(),
        "objects": count,
        "kinds": sorted({*_settled(engine), *(kinds or _kinds(engine))}),
    }
    engine.state.meta.set(_CONFIRMED, json.dumps(known))


def note_fetched(engine: Engine) -> None:
    """Remember that files of AWS were fetched, by whoever was asked to: what comes from now on is no remainder."""
    if not confirmed(engine):
        confirm(engine, "a run that fetched files", 0, (engine.record_type,))


def confirm_count(engine: Engine, by: str, count: int) -> None:
    """Confirm as :func:`confirm` does, if the number is right.

    Raises:
        Refused: another number of objects lies in the bucket.
    """
    waiting = objects_waiting(engine)
    if sum(waiting.values()) != count:
        raise Refused(f"Not {count}: {warning(waiting)}")
    confirm(engine, by, count)


def _went_on_before(row: Row | None) -> bool:
    """Whether the schedule was in force and has run, which its row still says after a loss of the state."""
    return row is not None and bool(row.get(Schedule.LAST_RUN)) and row.get(Schedule.STATUS) in (_WAITING, _RUNNING)


def _was_warned(row: Row | None, count: int) -> bool:
    """Whether the schedule was refused because of so many objects, and activated once more."""
    if row is None or row.get(Schedule.STATUS) != _REFUSED:
        return False
    return any(line.startswith(_present(count)) for line in str(row.get(Schedule.MESSAGE) or "").splitlines())


def _present(count: int) -> str:
    return f"{count} object{'' if count == 1 else 's'} present in the bucket"


def warning(waiting: Mapping[str, int]) -> str:
    """Return what to do about objects that lie in the bucket.

    Args:
        waiting: the answer to :func:`objects_waiting`.
    """
    count = sum(waiting.values())
    where = ", ".join(f"{folder} {number}" for folder, number in sorted(waiting.items()))
    return (
        f"{_present(count)}{f' ({where})' if where else ''} before the first schedule. They would be worked off, and "
        "may stand for records that Salesforce has already. Let AWS's support empty the bucket; or, where they are to "
        f"be worked off, activate the schedule once more, or with --confirm-objects {count}."
    )


def require_alone(engine: Engine) -> None:
    """Let a file out that no schedule sends: a person asked, or another scheduler runs the commands. The bucket is
    looked at once an hour.

    Raises:
        ConfigError: another integration is at work in it, and no admin allowed both.
    """
    if engine.settings.beside_other_integration or in_force_for(engine) is not None:
        return
    looked, fact = engine.state.meta.get(_ALONE), engine.settings.files.bucket
    if looked is not None and looked.startswith(f"{fact} ") and _is_recent(engine, looked.removeprefix(f"{fact} ")):
        return
    if foreign := foreign_files(engine):
        raise ConfigError(of_neighbour(engine, foreign))
    engine.state.meta.set(_ALONE, f"{fact} {engine.now().isoformat()}")


def _is_recent(engine: Engine, text: str) -> bool:
    return timedelta() <= engine.now() - datetime.fromisoformat(text) < LOOK_AGAIN


def of_neighbour(engine: Engine, foreign: tuple[str, ...]) -> str:
    """Return what to do about another integration; ``foreign`` is the answer to :func:`foreign_files`."""
    return (
        f"Another integration is at work in the bucket {engine.settings.files.bucket}: within the last day it sent "
        f"{len(foreign)} files that are not this connector's, such as {foreign[-1]}. Disconnect it and wait for a day, "
        f"or tick {Settings.BESIDE_OTHER_INTEGRATION} in {SETTINGS} if both are to send."
    )
