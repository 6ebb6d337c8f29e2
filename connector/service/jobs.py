"""The periodic jobs: what each does, and when its turn comes. A job's turn only enqueues; the executor executes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from connector.marketplace.sync_records import purge_syncs
from connector.marketplace.work import (
    REFRESH_PRODUCTS,
    answer_refresh,
    perform_product_refresh,
    read_list,
    renew_products,
)
from connector.service.drift import follow_left_out, report_drift
from connector.service.exchange_setup import mirror_exchange
from connector.service.lease import DEGRADED, RUNNING, Lease
from connector.service.listening import QUEUES, Listening, named_queue
from connector.service.mirror import MIRROR, mirror_mapping, mirror_setup
from connector.service.runtime import OPPORTUNITY, Runtime
from connector.service.silence import Silence, note_look
from connector.store.queue import Item
from connector.sync import logs, queueing, schedules
from connector.sync.action_requests import ACTION, open_requests_query, perform_action, take_requests
from connector.sync.answering import ANSWER, LIST_ANSWER, give_answer, wake_answers
from connector.sync.backfill_links import BACKFILL_LINK, link_record
from connector.sync.corrections import take_ticked, ticked_details_query
from connector.sync.create import ADOPTED
from connector.sync.deletions import bury_deleted
from connector.sync.engine import Engine, Priority
from connector.sync.events import EVENTS, prune_events, take_rows, work_off
from connector.sync.exchange.figures import figures_in_words, file_figures
from connector.sync.exchange.results import take_results
from connector.sync.exchange.retrieval import list_files, take_file
from connector.sync.exchange.settings_changes import follow_settings
from connector.sync.exchange.stuck import watch_uploads
from connector.sync.exchange.uploads import perform_uploads
from connector.sync.exchange.versions import follow_version
from connector.sync.executor import Handler
from connector.sync.flush import PURGE_SLICE, flush_logs, purge_old_logs
from connector.sync.mapping_apply import APPLY, OF, Scope, apply_slice
from connector.sync.notifications import TELL, open_rows_query, purge_notifications, tell_rows
from connector.sync.observe import poll_changes, sweep_due, sweep_is_unfinished
from connector.sync.orders import ORDER, perform_order
from connector.sync.other_integrations import follow_others
from connector.sync.products import follow_packaged_products
from connector.sync.reconcile import RECONCILE, comparison_is_due, found, reconcile
from connector.sync.referral_decisions import perform_decision
from connector.sync.referrals import look_at_item, watch_referrals
from connector.sync.settings import SyncSettings
from connector.sync.share_reason import follow_rule
from connector.sync.sweeps import link_existing, modified_sweep_is_unfinished, sweep_modified, sweep_summaries
from connector.sync.writeback import flush

HEARTBEAT = "heartbeat"
ASKED = "asked"
DAY = timedelta(days=1)
KEEP_DONE = timedelta(days=7)
SOON = 20
DUE_SLICE = 2000
"""Flagged records that are looked at in one go: a few seconds' work, so that nothing else waits for long."""
MODIFIED_SLICE = 1000
"""Opportunities of AWS's list that are looked at in one go."""
LONGEST_WAIT = timedelta(minutes=5)

log = structlog.get_logger(__name__)


def job_handlers(
    runtime: Runtime, lease: Lease | None = None, listening: Listening | None = None
) -> Mapping[str, Handler]:
    """Return the handler of each periodic job, and of the work that is neither a record's turn nor a request."""
    return {
        queueing.POLL: partial(_poll, runtime),
        queueing.DUE_SWEEP: _look_at_flagged,
        queueing.MODIFIED_SWEEP: _look_for_modified,
        queueing.SUMMARY_SWEEP: partial(_look_at_summaries, runtime),
        queueing.FLUSH: _flush,
        queueing.DELETIONS: _look_for_deleted,
        queueing.RETENTION: _clean,
        RECONCILE: _compare,
        BACKFILL_LINK: link_record,
        queueing.REFERRALS: _look_for_referrals,
        queueing.REFERRAL: look_at_item,
        queueing.DECISION: perform_decision,
        ASKED: _asked,
        ACTION: partial(perform_action, lists={REFRESH_PRODUCTS: perform_product_refresh}),
        ORDER: perform_order,
        ANSWER: give_answer,
        schedules.TICK: schedules.tick,
        schedules.LIST_TICK: schedules.tick_lists,
        queueing.LIST: read_list,
        LIST_ANSWER: answer_refresh,
        MIRROR: partial(_mirror, runtime),
        APPLY: partial(_apply, runtime),
        HEARTBEAT: partial(_beat, lease, listening, Silence(runtime.config.worker.quiet_hours, _began(lease))),
        QUEUES: partial(_follow_queues, listening),
        EVENTS: _work_off_events,
        TELL: _tell_rows,
        **_file_handlers(),
    }


def _file_handlers() -> dict[str, Handler]:
    """Return the handler of each step by which files of the ACE bucket travel."""
    return {
        queueing.RETRIEVE: _fetch_files,
        queueing.FILE: take_file,
        queueing.UPLOAD: perform_uploads,
        queueing.RESULTS: take_results,
        queueing.STUCK: watch_uploads,
    }


def _fetch_files(engine: Engine, item: Item) -> None:
    list_files(engine, item)
    note_look(engine)


def _poll(runtime: Runtime, engine: Engine, _: Item) -> None:
    if engine.record_type == OPPORTUNITY:
        _begin_cycle(runtime, engine)
    follow_left_out(engine)
    run_id = logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    log.info("looked for changes in Salesforce", object=engine.record_type, queued=poll_changes(engine, run_id))


def _begin_cycle(runtime: Runtime, engine: Engine) -> None:
    """Read anew what may change at any time, for the leads' engine too."""
    mirrored = (_mapping_versions(engine), engine.settings.files)
    runtime.refresh(engine)
    if (_mapping_versions(engine), engine.settings.files) != mirrored:
        queueing.enqueue_job(engine, MIRROR)
    warn_of_settings(engine.settings)
    follow_rule(engine)
    follow_others(engine)
    follow_settings(engine)
    follow_version(engine)


def _mapping_versions(engine: Engine) -> tuple[int, int]:
    return engine.mapping.version, engine.leads.mapping.version if engine.leads else 0


def _look_at_flagged(engine: Engine, _: Item) -> None:
    run_id = logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    log.info("looked at flagged records", queued=sweep_due(engine, run_id, at_most=DUE_SLICE))
    if sweep_is_unfinished(engine):
        queueing.enqueue_job(engine, queueing.DUE_SWEEP, priority=SOON + 1)


def _look_for_modified(engine: Engine, _: Item) -> None:
    if engine.channel == "files":
        return
    if engine.state.meta.get(ADOPTED) is None:
        look_first(engine, at_most=MODIFIED_SLICE)
    elif not schedules.inbound_is_disabled(engine):
        log.info("looked for changes at AWS", queued=sweep_modified(engine, at_most=MODIFIED_SLICE))
    else:
        return
    note_look(engine)
    if modified_sweep_is_unfinished(engine):
        queueing.enqueue_job(engine, queueing.MODIFIED_SWEEP, priority=SOON + 1)


def _asks_partner_central(engine: Engine) -> bool:
    """Whether AWS's side is looked at by calls: opportunities are not exchanged by files, and nobody disabled it."""
    return engine.channel == "api" and not schedules.inbound_is_disabled(engine)


def look_first(engine: Engine, *, at_most: int | None = None) -> None:
    """Look at all that exists at AWS, which a new state does before anything is created there. Where the schedule in
    force disables inbound integration, what is ours is linked and nothing else.
    """
    # A new state does not know the schedules yet.
    schedules.follow_schedules(engine, list(engine.salesforce.query(schedules.schedules_query())))
    if schedules.inbound_is_disabled(engine):
        link_existing(engine, at_most=at_most)
        log.info("linked what is ours at AWS; inbound integration is disabled")
    else:
        log.info("looked for changes at AWS", queued=sweep_modified(engine, at_most=at_most))


def _look_at_summaries(runtime: Runtime, engine: Engine, _: Item) -> None:
    worker = runtime.config.worker
    if _asks_partner_central(engine):
        sweep_summaries(engine, worker.summary_budget, timedelta(hours=worker.summary_age_hours))


def _look_for_referrals(engine: Engine, _: Item) -> None:
    if _asks_partner_central(engine):
        log.info("looked for referrals", queued=watch_referrals(engine))


def _compare(engine: Engine, item: Item) -> None:
    """Compare the next slice of both sides, once a day or when somebody asked for it."""
    asked = bool(item.payload.get("asked"))
    if not _asks_partner_central(engine) or not (asked or comparison_is_due(engine)):
        return
    if reconcile(engine, repair=True):
        log.info("compared both sides", **found(engine))
    else:
        queueing.enqueue_job(engine, RECONCILE, priority=Priority.BACKFILL)


def _look_for_deleted(engine: Engine, _: Item) -> None:
    log.info("looked for deleted records", buried=bury_deleted(engine))


def _mirror(runtime: Runtime, engine: Engine, _: Item) -> None:
    runtime.refresh(engine)
    drift = report_drift(runtime, engine)
    mirror_mapping(engine)
    in_use = engine.channel == "api" or runtime.config.aws.partner_central.names_credentials
    mirror_setup(engine, runtime.check_partner_central(engine.catalog) if in_use else None, drift)
    mirror_exchange(engine)
    if (found := follow_packaged_products(engine)) is not None:
        log.info("wrote the AWS products", outcome=str(found))
    renew_products(engine)


def _apply(runtime: Runtime, engine: Engine, item: Item) -> None:
    """Bring the published mapping to the next records that were synchronised before it."""
    runtime.refresh(engine)
    ours = engine.leads if item.payload.get(OF) == "lead" else engine
    if ours is not None:
        scope = Scope(tuple(item.payload["to_aws"]), tuple(item.payload["from_aws"]))
        found, after = apply_slice(ours, scope, item.payload["after"])
        log.info("applied the mapping", object=ours.record_type, **asdict(found), finished=not after)


def _asked(engine: Engine, _: Item) -> None:
    """Look, in one call, at what people asked for, what they corrected, what AWS announced, and at the schedules."""
    soqls = [open_requests_query(), schedules.schedules_query(), ticked_details_query(), open_rows_query()]
    requests, rows, ticked, announced = engine.salesforce.queries(soqls)
    again = take_ticked(engine, ticked)
    take_rows(engine, announced)
    log.info("looked at requests and schedules", taken=take_requests(engine, requests), processed_again=again)
    schedules.follow_schedules(engine, rows)


def _follow_queues(listening: Listening | None, engine: Engine, _: Item) -> None:
    """Listen to the queue of buyers' messages that the settings name."""
    if listening is not None:
        listening.follow(named_queue(engine.salesforce, engine.org_id))


def _work_off_events(engine: Engine, _: Item) -> None:
    work_off(engine)


def _tell_rows(engine: Engine, _: Item) -> None:
    tell_rows(engine)


def _flush(engine: Engine, _: Item) -> None:
    if write_back_is_due(engine):
        engine.person_waits = False
        flush(engine)
        flush_logs(engine)
    # A request is answered after the record itself shows what came of it.
    wake_answers(engine)


def write_back_is_due(engine: Engine) -> bool:
    """Whether what waits for Salesforce is to be written now.

    While edits go out one by one, stamps and log rows wait for company, since 200 cost no more calls than one: until
    nothing more is ready to go out, or for five minutes. Identifiers, values for fields that people edit, and whatever
    a person asked for do not wait.
    """
    state, now = engine.state, engine.now()
    if engine.person_waits or state.writebacks.has_urgent(engine.names.apn_id):
        return True
    next_turn = state.queue.next_due((queueing.WRITE_LANE,))
    if next_turn is None or next_turn > now:
        return True
    waiting = [since for since in (state.writebacks.due_since(), state.outbox.due_since()) if since is not None]
    return bool(waiting) and now - min(waiting) >= LONGEST_WAIT


def _clean(engine: Engine, _: Item) -> None:
    if purge_old_logs(engine) >= PURGE_SLICE:
        queueing.enqueue_job(engine, queueing.RETENTION)
    prune_events(engine)
    now = engine.now()
    engine.state.queue.prune(now - KEEP_DONE)
    engine.state.runs.prune(now - KEEP_DONE)
    engine.state.ledger.prune(now - 2 * DAY)
    engine.state.problems.prune(now - 30 * DAY)
    # A result may come long after its file was released.
    engine.state.uploads.prune(now - 30 * DAY)
    engine.state.downloads.prune(now - 30 * DAY)
    if purge_notifications(engine) >= PURGE_SLICE or purge_syncs(engine) >= PURGE_SLICE:
        queueing.enqueue_job(engine, queueing.RETENTION)


def _began(lease: Lease | None) -> datetime:
    """Return when this worker began; a single run tells no silence."""
    return datetime.max.replace(tzinfo=UTC) if lease is None else lease.engine.now()


def _beat(lease: Lease | None, listening: Listening | None, silence: Silence, engine: Engine, _: Item) -> None:
    if listening is not None:
        listening.tell_troubles(engine)
    if lease is not None:
        told = [*map(str, engine.settings.all_problems), *(f"{kind}: {why}" for kind, why in engine.troubles.items())]
        told += silence.told(engine)
        files = _tell_files(engine)
        lease.renew(DEGRADED if told else RUNNING, "; ".join((*told, *files)))


def _tell_files(engine: Engine) -> list[str]:
    """Return how the exchange of files stands, for the status page, and log it; nothing while no file is under way."""
    figures = file_figures(engine.state, engine.bucket.upload_budget() if engine.bucket else None)
    if not figures.pending:
        return []
    log.info("files", **asdict(figures) | {"oldest": figures.oldest and figures.oldest.isoformat()})
    return [figures_in_words(figures, engine.now())]


def warn_of_settings(settings: SyncSettings) -> None:
    """Tell each setting that is missing or malformed; none of them stops a job."""
    for problem in settings.all_problems:
        log.warning("setting", field=problem.field, rule=problem.rule, remedy=problem.remedy)
