"""The schema, as numbered steps. A step that has been released is never changed; the next one is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.errors import Fatal
from connector.store.handles import Handles

APPLICATION_ID = 0x41434543
"""Marks an SQLite file as a state file (``ACEC``)."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: from schema ``number - 1`` to schema ``number``."""

    number: int
    title: str
    statements: tuple[str, ...]


_FACTS = (
    "create table meta (name text primary key, value text not null) without rowid",
    "create table cursors (name text primary key, value text not null) without rowid",
    """create table ledger (
        kind text not null, minute text not null, count integer not null, primary key (kind, minute)
    ) without rowid""",
    "create index ledger_minute on ledger (minute)",
    """create table mapping_drafts (
        record_type text primary key, document text not null, author text not null, saved_at text not null
    ) without rowid""",
    """create table mapping_versions (
        record_type text not null, version integer not null check (version > 0), document text not null,
        author text not null, published_at text not null, note text not null, primary key (record_type, version)
    )""",
)

_RECORDS = (
    """create table links (
        record_id text primary key,
        object_name text not null,
        apn_id text collate nocase,
        origin text not null check (origin in ('partner', 'aws')),
        status text not null check (status in ('new', 'linked', 'held', 'tombstone')),
        hold_reason text not null,
        generation integer not null,
        review_status text not null,
        stage text not null,
        "row" text, seen text not null, written text not null,
        modstamp text not null,
        aws text, summary text,
        aws_modified text not null,
        summarised_at text not null,
        rounds integer not null,
        failures integer not null,
        first_failure text,
        failed_snapshot text,
        requested integer not null,
        apn_id_written integer not null,
        applied text, pending_applied text,
        locked text not null
    )""",
    "create unique index links_apn_id on links (apn_id) where apn_id is not null",
    "create index links_rotation on links (summarised_at, record_id) where status = 'linked' and apn_id is not null",
    "create index links_status on links (status, record_id)",
    """create table shares (
        record_id text primary key,
        generation integer not null,
        step text not null check (step in ('intent', 'created', 'associated', 'submitting', 'polling', 'done')),
        create_request text not null,
        create_token text not null,
        submit_token text not null,
        apn_id text, task_id text,
        associated text not null,
        involvement text not null, visibility text not null,
        started_at text not null, updated_at text not null,
        uncertain integer not null
    )""",
    "create index shares_open on shares (started_at) where step <> 'done'",
)

_QUEUE = (
    """create table queue (
        id integer primary key autoincrement,
        kind text not null, "key" text not null, dedup text not null,
        lane text not null, priority integer not null, payload text not null,
        state text not null check (state in ('waiting', 'leased', 'held', 'done', 'failed')),
        attempts integer not null default 0,
        retry_at text not null,
        reason text not null default '',
        created_at text not null,
        touched_at text not null,
        lease integer not null default 0,
        leased_by text not null default '',
        leased_until text,
        check ((state = 'leased') = (leased_until is not null))
    )""",
    "create unique index queue_dedup on queue (dedup) where state in ('waiting', 'held')",
    """create index queue_claim on queue (priority, retry_at, id, lane, kind, "key") where state = 'waiting'""",
    """create unique index queue_leased on queue ("key") where state = 'leased'""",
    """create index queue_key on queue ("key")""",
    "create index queue_state on queue (state, touched_at)",
)

_SALESFORCE = (
    """create table writebacks (
        record_id text primary key, object_name text not null, fields text not null, guard text,
        reason text not null, attempts integer not null, retry_at text not null, created_at text not null
    )""",
    "create index writebacks_due on writebacks (retry_at)",
    """create table outbox (
        id integer primary key autoincrement,
        object_name text not null, key_field text not null, "key" text not null, body text not null,
        reason text not null, attempts integer not null, retry_at text not null, created_at text not null
    )""",
    """create unique index outbox_key on outbox (object_name, "key")""",
    "create index outbox_due on outbox (object_name, retry_at, id)",
    """create table problems (
        detail_key text primary key,
        record_id text not null, code text not null, field text not null, sequence integer not null,
        log_key text not null, first_seen text not null, last_seen text not null,
        count integer not null, open integer not null,
        unique (record_id, code, field, sequence)
    )""",
    "create unique index problems_open on problems (record_id, code, field) where open = 1",
    """create table runs (
        run_id text primary key, direction text not null, purpose text not null, object_name text not null,
        parent text not null, message text not null, started_at text not null, ended_at text
    )""",
    "create index runs_open on runs (started_at) where ended_at is null",
    """create table run_records (
        run_id text not null references runs (run_id) on delete cascade,
        record_id text not null,
        outcome text not null check (outcome in ('success', 'error')),
        primary key (run_id, record_id)
    ) without rowid""",
)

_RELATED = (
    """create table writebacks_by_owner (
        record_id text not null, parent text not null, relationship text not null,
        object_name text not null, fields text not null, guard text,
        reason text not null, attempts integer not null, retry_at text not null,
        created_at text not null, put_at text not null,
        primary key (record_id, parent, relationship)
    ) without rowid""",
    """insert into writebacks_by_owner
        select record_id, '', '', object_name, fields, guard, reason, attempts, retry_at, created_at, created_at
        from writebacks""",
    "drop table writebacks",
    "alter table writebacks_by_owner rename to writebacks",
    "create index writebacks_due on writebacks (retry_at)",
    "create index writebacks_parent on writebacks (parent) where parent <> ''",
    """create table related_writes (
        record_id text not null, field text not null, digest text not null, primary key (record_id, field)
    ) without rowid""",
)

_CORRECTIONS = (
    """create table corrections (
        apn_id text not null, ace_field text not null, source text not null, corrected text not null,
        translatable integer not null, made_at text not null,
        primary key (apn_id, ace_field)
    ) without rowid""",
)

_COMPARISONS = (
    """create table backfill (
        apn_id text collate nocase primary key,
        decision text not null check (decision in ('undecided', 'link', 'create', 'skip', 'left_out')),
        modified text not null
    ) without rowid""",
    "create index backfill_decision on backfill (decision)",
    """create table backfill_proposals (
        apn_id text collate nocase not null, record_id text not null, company text not null, title text not null,
        record_name text not null, score integer not null, reason text not null, primary key (apn_id, record_id)
    ) without rowid""",
    "create index backfill_proposals_record on backfill_proposals (record_id)",
    "create table compared (side text not null, name text not null, primary key (side, name)) without rowid",
)

_REFERRALS = (
    """create table referrals (
        invitation_id text primary key,
        object_name text not null,
        status text not null check (status in ('PENDING', 'ACCEPTED', 'REJECTED', 'EXPIRED')),
        looked_at text not null,
        payload text not null,
        expires text, record_id text, opportunity_id text,
        settled integer not null,
        decision text not null check (decision in ('', 'accept', 'reject')),
        reason text not null,
        generation integer not null, token text not null, task_id text,
        reminded integer not null
    ) without rowid""",
    "create index referrals_record on referrals (record_id) where record_id is not null",
    "create index referrals_opportunity on referrals (opportunity_id) where opportunity_id is not null",
    "create index referrals_open on referrals (invitation_id) where settled = 0",
)

_EVENTS = (
    """create table events (
        event_id text primary key, row_id text not null, body text not null, status text not null,
        message text not null, received_at text not null, told integer not null, attempts integer not null
    )""",
    "create index events_waiting on events (received_at) where status = 'waiting'",
    "create index events_untold on events (row_id) where told = 0 and row_id <> ''",
)

_FILES = (
    """create table file_entries (
        record_id text primary key, record_type text not null, run_id text not null,
        entry text not null, partner_id text not null, apn_id text,
        snapshot text not null, record text not null, left_out text not null, decision text not null,
        requested integer not null, put_at text not null
    ) without rowid""",
    "create index file_entries_waiting on file_entries (record_type, put_at, record_id)",
    "create index file_entries_run on file_entries (run_id)",
    """create table uploads (
        name text primary key, record_type text not null, run_id text not null, body blob not null,
        status text not null check (status in ('stored', 'sent', 'answered', 'released')),
        stored_at text not null, sent_at text, ended_at text,
        log_id text not null default '', told_at text
    )""",
    "create index uploads_status on uploads (status, record_type)",
    "create index uploads_run on uploads (run_id)",
    """create table upload_records (
        name text not null references uploads (name) on update cascade on delete cascade,
        record_id text not null, record_type text not null, run_id text not null,
        entry text not null, partner_id text not null, apn_id text,
        snapshot text not null, record text not null, left_out text not null, decision text not null,
        requested integer not null, put_at text not null,
        outcome text check (outcome in ('success', 'error')),
        open integer not null,
        primary key (name, record_id)
    ) without rowid""",
    "create unique index upload_records_open on upload_records (record_id) where open = 1",
    "create index upload_records_record on upload_records (record_id)",
    """create table downloads (
        "key" text not null, etag text not null, name text not null, record_type text not null,
        size integer not null, modified_at text not null, parent text not null, run_id text not null default '',
        status text not null check (status in ('listed', 'taken', 'unreadable', 'finished')),
        reason text not null default '', listed_at text not null, ended_at text,
        primary key ("key", etag)
    ) without rowid""",
    "create index downloads_status on downloads (status, record_type)",
    """create table arrived (
        id integer primary key autoincrement,
        "key" text not null, etag text not null, position integer not null,
        apn_id text not null collate nocase, partner_id text not null, payload text not null,
        status text not null check (status in ('waiting', 'done', 'failed', 'skipped')),
        foreign key ("key", etag) references downloads ("key", etag) on delete cascade
    )""",
    """create index arrived_file on arrived ("key", etag, status)""",
    "create index arrived_apn_id on arrived (apn_id)",
    "create index arrived_partner_id on arrived (partner_id)",
    "alter table runs add column file_name text not null default ''",
    "alter table runs add column call text not null default ''",
    """create table run_records_of_files (
        run_id text not null references runs (run_id) on delete cascade,
        record_id text not null,
        outcome text not null check (outcome in ('success', 'error', 'waiting')),
        primary key (run_id, record_id)
    ) without rowid""",
    "insert into run_records_of_files select run_id, record_id, outcome from run_records",
    "drop table run_records",
    "alter table run_records_of_files rename to run_records",
    "create index run_records_waiting on run_records (run_id) where outcome = 'waiting'",
    "create index downloads_run on downloads (run_id)",
)

MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "facts, quotas and mappings", _FACTS),
    Migration(2, "links and shares", _RECORDS),
    Migration(3, "the queue", _QUEUE),
    Migration(4, "what waits to be written to Salesforce", _SALESFORCE),
    Migration(5, "values for related records", _RELATED),
    Migration(6, "values that people corrected", _CORRECTIONS),
    Migration(7, "what backfills and comparisons found", _COMPARISONS),
    Migration(8, "referrals of AWS", _REFERRALS),
    Migration(9, "what AWS announced", _EVENTS),
    Migration(10, "files of the bucket", _FILES),
)


def schema_version(handles: Handles) -> int:
    """Return the number of the last step that the file has been through; 0 for a new file."""
    return int(next(iter(handles.db.execute("pragma user_version")))[0])


def migrate(handles: Handles, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Apply the steps that are missing, all in one transaction with their number: a crash leaves the file as it was.
    Raises Fatal for a file that is newer than these steps, or that another program made.
    """
    with handles.transaction():
        refuse_foreign(handles, newest=migrations[-1].number)
        done = schema_version(handles)
        for migration in migrations:
            if migration.number > done:
                _apply(handles, migration)


def _apply(handles: Handles, migration: Migration) -> None:
    for statement in migration.statements:
        handles.db.execute(statement)
    handles.db.execute(f"pragma user_version = {migration.number}")
    handles.db.execute(f"pragma application_id = {APPLICATION_ID}")


def refuse_foreign(handles: Handles, *, newest: int) -> None:
    """Raise Fatal unless the file is new, or a state file that this program understands."""
    version = schema_version(handles)
    if version > newest:
        raise Fatal(
            f"state file {handles.path} has schema {version}, this program knows schemas up to {newest}; "
            f"install the newer program again, or restore the backup {handles.path.name}.bak-v{newest}"
        )
    marked = int(next(iter(handles.db.execute("pragma application_id")))[0]) == APPLICATION_ID
    if not marked and (version or handles.db.table_names()):
        raise Fatal(
            f"{handles.path} is an SQLite file of another program; set [state] path to a file of the connector's own"
        )
