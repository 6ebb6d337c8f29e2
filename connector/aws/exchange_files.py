"""Files of the ACE bucket: what a listing shows of them, and what their names say."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from connector.mapping.model import RecordType

NOT_JSON = "not JSON"
PLACEHOLDER = "folder placeholder"
SUBFOLDER = "in a folder within the folder"
JSON = ".json"
_RESULT = "_result.json"
_ERROR = ".error.json"
_UPLOAD = re.compile(r"[A-Za-z0-9][\w-]{0,200}_\d{14}\.json", re.ASCII)


class Known(Protocol):
    """What the door must know of a file that it reads or deletes; see :class:`BucketFile`."""

    @property
    def key(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def etag(self) -> str: ...


@dataclass(frozen=True, slots=True)
class BucketFile:
    """A JSON file as a listing shows it.

    Attributes:
        key: the whole key, folder included.
        record_type: whose folder it lies in; results have been seen in the other type's folder.
        size: bytes.
        etag: changes with the content.
        modified_at: when it was written, aware UTC.
    """

    key: str
    record_type: RecordType
    size: int
    etag: str
    modified_at: datetime

    @property
    def name(self) -> str:
        """The name without folder."""
        return self.key.rpartition("/")[2]

    @property
    def is_error(self) -> bool:
        """Whether AWS wrote it to say that it could not take a file at all."""
        return self.name.lower().endswith(_ERROR)

    @property
    def answers(self) -> str:
        """The name of the file that this one is AWS's answer to, empty when it is no answer.

        A result is ``<name>_result.json``. For ``.error.json`` it is not published whether the extension of the file
        stays in the name; both are understood.
        """
        if self.is_error:
            return self.name[: -len(_ERROR)].removesuffix(JSON) + JSON
        if self.name.lower().endswith(_RESULT):
            return self.name[: -len(_RESULT)] + JSON
        return ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A key that is no file to read, and why: ``NOT_JSON``, ``PLACEHOLDER`` or ``SUBFOLDER``."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """Up to a thousand keys of a listing, in the order of their names."""

    files: tuple[BucketFile, ...]
    skipped: tuple[Skipped, ...]


def sort_keys(
    contents: Iterable[Mapping[str, Any]], record_type: RecordType, folder: str, *, deep: bool = False
) -> Page:
    """Return what is to be read and what is not; ``deep`` takes files of folders within the folder too."""
    files: list[BucketFile] = []
    skipped: list[Skipped] = []
    for entry in contents:
        key = entry["Key"]
        reason = _reason_to_skip(key.removeprefix(f"{folder}/"), deep=deep)
        if reason:
            skipped.append(Skipped(key, reason))
        else:
            files.append(_file(entry, record_type))
    return Page(tuple(files), tuple(skipped))


def _reason_to_skip(rest: str, *, deep: bool) -> str:
    if not rest or rest.endswith(("/", "_$folder$")):
        return PLACEHOLDER
    if "/" in rest and not deep:
        return SUBFOLDER
    return "" if rest.lower().endswith(JSON) else NOT_JSON


def _file(entry: Mapping[str, Any], record_type: RecordType) -> BucketFile:
    return BucketFile(
        key=entry["Key"],
        record_type=record_type,
        size=int(entry.get("Size") or 0),
        etag=str(entry.get("ETag") or ""),
        modified_at=datetime.fromisoformat(str(entry["LastModified"])),
    )


def new_name(label: str, at: datetime) -> str:
    """Return a file name that nobody used or will use: AWS never processes a second file of a name.

    ``<label>-<32 random hexadecimal digits>_MMDDYYYYHHMMSS.json``. The digits, not the second, make it unique, across
    restarts, replicas and a lost state.

    Args:
        label: letters, digits and hyphens.
        at: aware UTC.
    """
    return f"{label}-{uuid.uuid4().hex}_{at:%m%d%Y%H%M%S}{JSON}"


def answer_names(name: str) -> tuple[str, ...]:
    """Return the names that AWS's answer to a file may have; :attr:`BucketFile.answers` reads them."""
    stem = name.removesuffix(JSON)
    return f"{stem}{_RESULT}", f"{stem}{_ERROR}", f"{name}{_ERROR}"


def is_upload_name(name: str) -> bool:
    """Return whether a name has the form that AWS asks for: ``{name}_MMDDYYYY24HHMMSS.json``."""
    return bool(_UPLOAD.fullmatch(name))
