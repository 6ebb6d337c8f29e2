"""What an admin does to a mapping's draft, free of how it is asked for and shown: the command line and web pages call
the same operations.

Every operation reads the draft (or, where there is none, the published version), changes it, refuses what cannot work,
and keeps it as the draft. Nothing is in force before it is published (:mod:`connector.admin.release_desk`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from connector.ace.catalogue import AceField
from connector.admin.mapping_view import ShownField, show
from connector.admin.mapping_ways import Way, by_command
from connector.errors import MappingError, Problem
from connector.mapping.automap import automap_packaged, cleared, new_entry
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.fit import Surroundings, catalogue_of, check_mapping, is_blocking
from connector.mapping.model import Fallback, FieldMapping, PicklistMapping, RecordType, from_document, to_document
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.offers import Offers, offered_fields, why_not
from connector.mapping.own_fields import OWN_FIELDS, Candidates, candidates, is_fixed, likely
from connector.mapping.paths import org_spelling, resolve_path
from connector.mapping.proposals import Proposal, propose
from connector.names import ACE_LEAD, ACE_OPPORTUNITY, SyncFields
from connector.service.runtime import Runtime, current_settings
from connector.sync.settings import SyncSettings

_GAPS = frozenset({"REQUIRED_UNMAPPED", "OWN_FIELD_MISSING", "NO_VALID_FIELD_TO_MAP", "OBJECT_MISSING"})
"""Codes of what is still to be done: they stop publishing, not the step before."""
_PACKAGED: Mapping[RecordType, str] = {"opportunity": ACE_OPPORTUNITY, "lead": ACE_LEAD}
NO_OWN_FIELDS = SyncFields("", "", "", "", "")


@dataclass(frozen=True, slots=True)
class Change:
    """A draft that was kept.

    Attributes:
        mapping: the draft as it is now.
        problems: of what was changed, and what is new with it; none of them stopped the change.
    """

    mapping: FieldMap
    problems: tuple[Problem, ...] = ()


class MappingDesk:
    """The mapping of one record type, on one org and one state.

    Args:
        runtime: the open connector; it need not hold the state.
        record_type: ``opportunity`` or ``lead``; the two are separate (MAP-02).
        by: who works, for the history.

    Operations raise MappingError for what cannot work, naming field, rule and remedy, and what the doors raise.
    """

    def __init__(self, runtime: Runtime, record_type: RecordType, by: str) -> None:
        self.runtime, self.record_type, self.by = runtime, record_type, by
        self.catalogue = catalogue_of(record_type)
        self.store = runtime.state.mappings
        self._settings: SyncSettings | None = None

    # What there is

    def describe(self, object_name: str) -> ObjectDescribe | None:
        """Return the describe, None where the org has no such object or hides it."""
        return self.runtime.described(object_name)

    def published(self) -> FieldMap | None:
        """Return the version in force, None before the first."""
        found = self.store.published(self.record_type)
        return None if found is None else from_document({**found[1], "version": found[0]})

    def draft(self) -> FieldMap | None:
        """Return the draft, None where there is none."""
        document = self.store.draft(self.record_type)
        return None if document is None else from_document({**document, "version": 0})

    def current(self) -> FieldMap:
        """Return what a change starts from: the draft, or the version in force."""
        mapping = self.draft() or self.published()
        if mapping is None:
            raise MappingError(
                f"There is no {self.record_type} mapping yet. Choose an object with {self.way('object')}, or map "
                f"{_PACKAGED[self.record_type]} with {self.way('automap')}."
            )
        return mapping

    def require_published(self) -> FieldMap:
        mapping = self.published()
        if mapping is None:
            raise MappingError(
                f"No {self.record_type} mapping was published yet. Begin with {self.way('automap')} (the packaged "
                f"object) or {self.way('object')} (any other), end with {self.way('publish')}."
            )
        return mapping

    def version(self, number: int) -> FieldMap:
        """Return a published version."""
        return from_document({**self.store.document(self.record_type, number), "version": number})

    def way(self, to: Way, record_type: RecordType | None = None) -> str:
        """Return how the reader of a message gets to what it tells them to do; of this record type by default."""
        return by_command(to, record_type or self.record_type)

    def names(self, mapping: FieldMap) -> SyncFields:
        """Return the names of the connector's own fields on the mapping's object."""
        return self.runtime.names(mapping)

    def ace(self, name: str) -> AceField:
        """Return the AWS field of that name; case counts (MAP-39)."""
        found = self.catalogue.get(name)
        if found is None:
            alike = get_close_matches(name.lower(), {one.lower(): one for one in self.catalogue}, n=1, cutoff=0.7)
            meant = next((f" Is it {one}?" for one in self.catalogue if alike and one.lower() == alike[0]), "")
            raise MappingError(
                f"{name}: AWS has no {self.record_type} field of that name; case counts.{meant} "
                f"{self.way('show')} lists all."
            )
        return found

    def require_field(self, mapping: FieldMap, name: str) -> FieldMapping:
        """Return the entry of an AWS field that is mapped."""
        item = mapping.field(name)
        if item is None:
            self.ace(name)
            raise MappingError(f"{name} is not mapped. {self.way('mapped')} lists what is.")
        return item

    def salesforce_field(self, mapping: FieldMap, item: FieldMapping) -> FieldDescribe:
        """Return the describe of the Salesforce field of an entry."""
        found = resolve_path(item.path, mapping.object_name, self.describe)
        if isinstance(found, Problem):
            raise MappingError(f"{item.ace_field}: {found.rule} {found.remedy}")
        return found

    def fields(self, mapping: FieldMap) -> tuple[ShownField, ...]:
        """Return every AWS field in the catalogue's order, with what it is mapped to."""
        own = self.names(mapping)
        return tuple(show(ace, mapping.field(ace.name), own) for ace in self.catalogue.values())

    def offers(self, ace_field: str, relationship: str = "") -> Offers:
        """Return the Salesforce fields that fit an AWS field, of the object or of a related one (MAP-06, MAP-11)."""
        mapping = self.current()
        return offered_fields(
            self.ace(ace_field), mapping.object_name, self.describe, relationship=relationship, own=self.names(mapping)
        )

    def check(self, mapping: FieldMap) -> tuple[Problem, ...]:
        """Return every problem of the mapping on today's org and with today's catalogue (MAP-45)."""
        return check_mapping(mapping, self.catalogue, self.describe, self._surroundings())

    def _surroundings(self) -> Surroundings:
        if self._settings is None:
            self._settings = current_settings(self.runtime.salesforce)
        return self.runtime.surroundings(self._settings)

    # Fields

    def set_field(
        self, ace_field: str, path: str, *, inbound: bool | None = None, values: PicklistMapping | None = None
    ) -> Change:
        """Map an AWS field to a Salesforce field, in the place of what it was mapped to.

        Args:
            path: field, or path through one or two relationships, in any case.
            inbound: whether AWS may update it; None for the default, which is off for stage, target close date and
                closed-lost reason (MAP-48), and where nothing comes in or the field cannot be written.
            values: correspondence of picklist values; None maps those that are equal.
        """
        mapping, ace = self.current(), self.ace(ace_field)
        refusal = why_not(ace, path, mapping.object_name, self.describe, own=self.names(mapping))
        if refusal is not None:
            raise MappingError(f"{path} cannot hold {ace_field}. {refusal}")
        spelled = org_spelling(path, mapping.object_name, self.describe)
        item, old = new_entry(ace, spelled, mapping.object_name, self.describe), mapping.field(ace_field)
        if old is not None:
            item = replace(item, to_aws=old.to_aws, from_aws=old.from_aws)
            if old.path == spelled and old.picklist is not None:
                item = replace(item, picklist=old.picklist)
        if inbound is not None:
            item = replace(item, inbound=inbound)
        if values is not None:
            item = replace(item, picklist=values)
        return self.keep_field(mapping, item)

    def unset_field(self, ace_field: str) -> Change:
        """Leave an AWS field unmapped."""
        mapping = self.current()
        self.require_field(mapping, ace_field)
        return self.keep(mapping, mapping.without_field(ace_field))

    def toggle_field(self, ace_field: str, *, inbound: bool) -> Change:
        """Turn inbound updates of a mapped field on or off (MAP-07)."""
        mapping = self.current()
        return self.keep_field(mapping, replace(self.require_field(mapping, ace_field), inbound=inbound))

    def set_fallbacks(self, ace_field: str, *, to_aws: Fallback | None, from_aws: Fallback | None) -> Change:
        """Set what stands in where a source is empty; what is None stays as it is."""
        mapping = self.current()
        item = self.require_field(mapping, ace_field)
        changed = replace(item, to_aws=to_aws or item.to_aws, from_aws=from_aws or item.from_aws)
        return self.keep_field(mapping, changed)

    def remove_fallbacks(self, ace_field: str) -> Change:
        """Let nothing stand in for an empty source of the field."""
        mapping = self.current()
        item = self.require_field(mapping, ace_field)
        return self.keep_field(mapping, replace(item, to_aws=None, from_aws=None))

    def keep_field(self, before: FieldMap, item: FieldMapping) -> Change:
        """Keep the draft with one entry changed; what is wrong with that entry is refused."""
        after = before.with_field(item)
        problems = self.check(after)
        self._refuse([one for one in problems if one.field == item.ace_field and is_blocking(one)])
        return self.keep(before, after, about=item.ace_field, problems=problems)

    def keep(
        self, before: FieldMap, after: FieldMap, *, about: str = "", problems: tuple[Problem, ...] | None = None
    ) -> Change:
        """Keep the draft unless the change brings a problem that stops it; gaps do not, they stop publishing."""
        problems = self.check(after) if problems is None else problems
        known = {_identity(one) for one in self.check(before)}
        new = [one for one in problems if _identity(one) not in known]
        self._refuse([one for one in new if is_blocking(one) and one.code not in _GAPS])
        self.save(after)
        told = (one for one in problems if (about and one.field == about) or one in new)
        return Change(after, tuple(dict.fromkeys(told)))

    def save(self, mapping: FieldMap) -> None:
        """Keep the mapping as the draft, whatever is wrong with it."""
        self.store.save_draft(
            self.record_type, to_document(replace(mapping, version=0)), self.by, self.runtime.clock.now()
        )

    def _refuse(self, problems: Iterable[Problem]) -> None:
        told = [str(problem) for problem in problems]
        if told:
            raise MappingError("The change was not kept:\n" + "\n".join(told))

    # The connector's own fields, and what is left out

    def own_candidates(self) -> Mapping[str, Candidates]:
        """Return what can hold each of the connector's own fields on the draft's object (MAP-25, MAP-27)."""
        mapping = self._with_own_fields()
        describe = self.describe(mapping.object_name)
        if describe is None:
            raise MappingError(f"{mapping.object_name} does not exist, or the integration user cannot see it.")
        return candidates(describe)

    def likely_own_fields(self) -> SyncFields | None:
        """Return the own fields that go without saying, None where there is a choice."""
        describe = self.describe(self._with_own_fields().object_name)
        return likely(describe) if describe else None

    def set_own_field(self, name: str, field: str) -> Change:
        """Say which field of a custom object is one of the connector's own; an empty text for none."""
        mapping = self._with_own_fields()
        known = {one.name: one for one in OWN_FIELDS}
        if name not in known:
            raise MappingError(f"{name} is none of the connector's own fields, which are {', '.join(known)}.")
        offered = self.own_candidates()[name]
        fitting = {one.name.lower(): one.name for one in offered.fields}
        if field and field.lower() not in fitting:
            choice = f"These fit: {', '.join(fitting.values())}." if fitting else offered.message
            raise MappingError(f"{mapping.object_name}.{field} cannot be {known[name].label}, "
                               f"which must be {known[name].wanted}. {choice}".strip())  # fmt: skip
        chosen = {name: fitting[field.lower()] if field else ""}
        return self.keep(mapping, replace(mapping, own_fields=replace(mapping.own_fields or NO_OWN_FIELDS, **chosen)))

    def accept_own_fields(self, names: SyncFields) -> Change:
        """Take all of the connector's own fields at once, as :meth:`likely_own_fields` proposes them."""
        mapping = self._with_own_fields()
        return self.keep(mapping, replace(mapping, own_fields=names))

    def _with_own_fields(self) -> FieldMap:
        mapping = self.current()
        if is_fixed(mapping.object_name):
            raise MappingError(
                f"The connector's own fields on {mapping.object_name} are fixed: they come with the package and cannot "
                "be mapped. Only objects of the org's own have fields of their own for them."
            )
        return mapping

    def set_exclude(self, formula: str) -> Change:
        """Set the formula over the AWS record whose opportunities are ignored (ELIG-19); an empty text for none."""
        mapping = self.current()
        return self.keep(mapping, replace(mapping, exclude=formula))

    # Many fields at once

    def automap(self) -> Change:
        """Map every field of the packaged object that is not mapped yet; what is mapped stays (MAP-28, MAP-29)."""
        packaged = _PACKAGED[self.record_type]
        kept = self.draft() or self.published()
        if kept is not None and kept.object_name != packaged:
            raise MappingError(
                f"{kept.object_name} cannot be mapped automatically: Auto Map is for {packaged} only. Look at "
                f"{self.way('propose')} for proposals, or choose {packaged} with {self.way('object')}."
            )
        mapping = automap_packaged(self.catalogue, self.runtime.salesforce.describe(packaged), kept)
        if kept is None or mapping != kept:
            self.save(mapping)
        return Change(mapping, self.check(mapping))

    def proposals(self) -> tuple[Proposal, ...]:
        """Return what the names and labels suggest for what is not mapped; nothing is changed."""
        mapping = self.current()
        if mapping.object_name == _PACKAGED[self.record_type]:
            raise MappingError(f"{mapping.object_name} needs no proposals: {self.way('automap')} maps it.")
        return propose(self.catalogue, mapping.object_name, self.describe, mapping, self.names(mapping))

    def accept(self, ace_fields: Iterable[str]) -> tuple[Proposal, ...]:
        """Map AWS fields as proposed, one by one."""
        offered = {one.ace_field: one for one in self.proposals()}
        wanted = list(dict.fromkeys(ace_fields))
        unknown = [name for name in wanted if name not in offered]
        if unknown:
            raise MappingError(f"There is no proposal for {', '.join(unknown)}. {self.way('propose')} lists all.")
        for name in wanted:
            self.set_field(name, offered[name].path, inbound=offered[name].inbound)
            if (stand_in := offered[name].from_aws) is not None:
                self.set_fallbacks(name, to_aws=None, from_aws=stand_in)
        return tuple(offered[name] for name in wanted)

    def reset(self) -> int:
        """Empty the draft, object and own fields kept; return how many entries there were (MAP-29, MAP-35)."""
        mapping = self.current()
        self.save(cleared(mapping))
        return len(mapping.fields)

    def discard(self) -> None:
        """Throw the draft away: the version in force is what the next change starts from."""
        if self.store.draft(self.record_type) is None:
            raise MappingError(f"There is no draft of the {self.record_type} mapping.")
        self.store.discard_draft(self.record_type)


def _identity(problem: Problem) -> tuple[str, str, str]:
    return (problem.code, problem.field, problem.value)
