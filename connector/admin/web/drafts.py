"""A desk whose draft does not change under a form: what was changed meanwhile is told, not overwritten."""

from __future__ import annotations

import hashlib
import json

from connector.admin.mapping_desk import MappingDesk
from connector.admin.mapping_ways import Way, on_page
from connector.errors import StaleRecord
from connector.mapping.model import Mapping, RecordType, to_document
from connector.service.runtime import Runtime

WHOLE = ""
"""Scope of a form that concerns the whole draft."""
OWN_FIELDS = "own_fields"


class StaleDraft(StaleRecord):
    """The draft is not what the form showed any more."""

    def __init__(self) -> None:
        super().__init__(
            "The draft was changed meanwhile, on another page or from the command line, so that nothing was saved. "
            "What you entered is still here: look at what stands in the mapping now, and save again if it is meant."
        )


class DraftDesk(MappingDesk):
    """A desk that keeps a draft only where it is still the one that was read: the command line may be at work too."""

    def __init__(self, runtime: Runtime, record_type: RecordType, by: str) -> None:
        super().__init__(runtime, record_type, by)
        self._read = self.store.draft(record_type)

    def way(self, to: Way, record_type: RecordType | None = None) -> str:
        return on_page(to, record_type or self.record_type)

    def save(self, mapping: Mapping) -> None:
        with self.runtime.state.transaction():
            if self.store.draft(self.record_type) != self._read:
                raise StaleDraft
            super().save(mapping)
            self._read = self.store.draft(self.record_type)

    def discard(self) -> None:
        with self.runtime.state.transaction():
            if self.store.draft(self.record_type) != self._read:
                raise StaleDraft
            super().discard()
            self._read = None

    def seen(self, scope: str = WHOLE) -> str:
        """Return what a form carries to know later whether what it showed is still so.

        Args:
            scope: an AWS field, :data:`OWN_FIELDS`, or the whole draft.
        """
        return fingerprint(self.draft() or self.published(), scope)

    def require_seen(self, seen: str, scope: str = WHOLE) -> None:
        """Raise StaleDraft where what the form showed is not so any more."""
        if seen != self.seen(scope):
            raise StaleDraft


def fingerprint(mapping: Mapping | None, scope: str = WHOLE) -> str:
    """Return a short text that is another one as soon as the scope of the mapping is another."""
    if mapping is None:
        return "none"
    document = to_document(mapping)
    if scope == OWN_FIELDS:
        document = {name: document.get(name) for name in ("object", "own_fields")}
    elif scope != WHOLE:
        fields = [one for one in document["fields"] if one["ace_field"] == scope]
        document = {"object": mapping.object_name, "field": fields}
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
