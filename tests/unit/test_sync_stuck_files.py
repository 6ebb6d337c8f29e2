"""A file without a result is told of once, and only the deletion of its sync log lets its records out again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from engine.salesforce import MemorySalesforce
from engine.sent_files import NAME, Row, answer, kept, log_of, read, sent
from engine.turns import deal, open_codes
from engine.world import World

from connector.eligibility.verdict import Code, explain
from connector.names import SYNC_LOG, Detail, Log
from connector.store.queue import Item
from connector.sync import log_storage, logs, queueing
from connector.sync.exchange.stuck import TROUBLE, find_released, has_to_watch, report_stuck, watch_uploads
from connector.sync.flush import flush_logs, purge_old_logs
from connector.sync.observe import judge, observe

HOUR = timedelta(hours=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


def watch(world: World) -> Item:
    """Return the turn of the job that looks after the files."""
    queueing.enqueue_job(world.engine, queueing.STUCK)
    item = world.state.queue.claim(world.clock.now(), "worker", kinds=[queueing.STUCK])
    assert item is not None
    world.state.queue.done(item)
    return item


class TestStuck:
    """No result after the time that the admin set (LOG-17)."""

    def test_it_is_told_once_where_people_look(self, world: World) -> None:
        one = deal(world)
        run_id = sent(world, one)
        world.clock.advance(timedelta(minutes=59))
        assert report_stuck(world.engine) == 0
        assert TROUBLE not in world.engine.troubles
        world.clock.advance(timedelta(minutes=2))
        assert report_stuck(world.engine) == 1
        row = log_of(world, run_id)
        assert row[Log.STATUS] == logs.API_SUCCESS
        assert "Its one record is not sent again" in row[Log.MESSAGE]
        assert "delete the file's sync log" in row[Log.MESSAGE]
        assert "Result_Wait_Minutes__c" in row[Log.MESSAGE]
        assert NAME in world.engine.troubles[TROUBLE]
        assert report_stuck(world.engine) == 1
        assert world.state.outbox.count() == 0, "told once"
        world.restart()
        assert report_stuck(world.engine) == 1
        assert NAME in world.engine.troubles[TROUBLE], "the status page says so as long as it is so"

    def test_the_admin_s_own_time_counts(self, world: World) -> None:
        sent(world, deal(world))
        files = replace(world.engine.settings.files, result_wait_minutes=5)
        world.engine.settings = replace(world.engine.settings, files=files)
        world.clock.advance(timedelta(minutes=6))
        assert report_stuck(world.engine) == 1

    def test_a_result_that_comes_late_ends_it(self, world: World) -> None:
        one = deal(world)
        run_id = sent(world, one)
        world.clock.advance(2 * HOUR)
        report_stuck(world.engine)
        answer(world, run_id, one)
        world.state.uploads.answered(NAME, world.clock.now())
        assert has_to_watch(world.engine), "it is to be told that there is nothing to tell any more"
        assert report_stuck(world.engine) == 0
        assert not has_to_watch(world.engine)
        assert TROUBLE not in world.engine.troubles
        row = log_of(world, run_id)
        assert row[Log.STATUS] == logs.PROCESSED
        assert "after it had been missed" in row[Log.MESSAGE]
        report_stuck(world.engine)
        assert world.state.outbox.count() == 0

    def test_nothing_is_asked_while_no_file_waits(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def asked(*_: object) -> None:
            raise AssertionError("Salesforce was asked")

        monkeypatch.setattr(MemorySalesforce, "rows", asked)
        watch_uploads(world.engine, watch(world))
        kept(world)
        watch_uploads(world.engine, watch(world))


def outbound(world: World) -> list[Item]:
    return [item for item in world.state.queue.list() if item.kind == queueing.OUTBOUND]


class TestRelease:
    """Only the deletion of the log by somebody else than us lets the records out again (LOG-17, ELIG-21)."""

    def test_deleting_the_log_lets_the_records_out(self, world: World) -> None:
        one, two = deal(world), deal(world)
        run_id = sent(world, one, two)
        world.state.links.save(replace(world.state.links.require(two), seen={"Name": "older"}))
        assert find_released(world.engine) == 0
        world.salesforce.user_deletes(log_of(world, run_id)["Id"])
        assert find_released(world.engine) == 1
        assert sorted(item.key for item in outbound(world)) == [one, two]
        assert world.state.uploads.of_record(one) is None
        assert find_released(world.engine) == 0
        world.restart()
        flush_logs(world.engine)
        assert [row for row in world.salesforce.all(SYNC_LOG) if row[Log.KEY] == run_id] == [], "it stays deleted"

    def test_turns_that_were_held_go_on_with_what_was_asked_for(self, world: World) -> None:
        one = deal(world)
        run_id = sent(world, one, requested=True)
        queueing.enqueue_outbound(world.engine, world.state.links.require(one), run_id)
        item = world.state.queue.claim(world.clock.now(), "worker", kinds=[queueing.OUTBOUND])
        assert item is not None
        world.state.queue.hold(item, "awaits the result")
        world.salesforce.user_deletes(log_of(world, run_id)["Id"])
        find_released(world.engine)
        [waiting] = outbound(world)
        assert (waiting.state, waiting.key) == ("waiting", one)
        assert waiting.payload["run"] != run_id, "the old log is not written again"
        assert world.state.links.require(one).requested

    def test_a_record_that_aws_answered_stays_answered(self, world: World) -> None:
        one, two = deal(world), deal(world)
        run_id = sent(world, one, two)
        answer(world, run_id, one)
        world.salesforce.user_deletes(log_of(world, run_id)["Id"])
        assert find_released(world.engine) == 1
        assert [item.key for item in outbound(world)] == [two]

    def test_a_log_that_was_not_written_yet_is_not_deleted(self, world: World) -> None:
        one = deal(world)
        run_id = kept(world, one)
        world.state.uploads.sent(NAME, world.clock.now())
        logs.log_file(world.engine, run_id)
        assert find_released(world.engine) == 0
        assert world.state.uploads.of_record(one) is not None

    def test_the_log_of_a_file_that_may_not_be_at_aws_says_nothing(self, world: World) -> None:
        one = deal(world)
        run_id = kept(world, one)
        logs.log_file(world.engine, run_id, error="The bucket refused the key.")
        world.salesforce.user_deletes(log_of(world, run_id)["Id"])
        world.state.uploads.sent(NAME, world.clock.now())
        logs.log_file(world.engine, run_id)
        flush_logs(world.engine)
        assert find_released(world.engine) == 0

    def test_a_log_that_we_wrote_again_meanwhile_counts_as_deleted(self, world: World) -> None:
        one = deal(world)
        run_id = sent(world, one)
        world.salesforce.user_deletes(log_of(world, run_id)["Id"])
        world.restart()
        flush_logs(world.engine)
        assert find_released(world.engine) == 1

    def test_a_log_that_is_only_hidden_is_not_deleted_and_comes_anew(self, world: World) -> None:
        one = deal(world)
        run_id = sent(world, one)
        world.clock.advance(2 * HOUR)
        report_stuck(world.engine)
        row = log_of(world, run_id)
        del world.salesforce.tables[SYNC_LOG][row["Id"]]
        assert find_released(world.engine) == 0
        assert world.state.uploads.of_record(one) is not None
        again = log_of(world, run_id)
        assert again["Id"] != row["Id"]
        assert (again[Log.STATUS], again[Log.FILE_NAME]) == (logs.API_SUCCESS, NAME)
        assert "delete the file's sync log" in again[Log.MESSAGE]
        world.salesforce.user_deletes(again["Id"])
        assert find_released(world.engine) == 1

    def test_leads_wait_for_their_mapping(self, world: World) -> None:
        one = deal(world)
        run_id = sent(world, one)
        world.state._handles.db.execute("update uploads set record_type = 'lead'")
        world.salesforce.user_deletes(log_of(world, run_id)["Id"])
        assert find_released(world.engine) == 0
        assert outbound(world) == []

    def test_neither_retention_nor_the_clean_up_takes_the_log(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, two = deal(world), deal(world)
        held = sent(world, one)
        over = sent(world, two, name="b_11012026120000.json")
        answer(world, over, two, name="b_11012026120000.json")
        world.state.uploads.answered("b_11012026120000.json", world.clock.now())
        flush_logs(world.engine)
        monkeypatch.setattr(MemorySalesforce, "query", lambda door, soql: iter(all_logs(door, soql)))
        ids = {row[Log.KEY]: row["Id"] for row in world.salesforce.all(SYNC_LOG)}
        assert log_storage.finished_logs(world.engine) == [ids[over]]
        world.engine.settings = replace(world.engine.settings, log_retention_days=1)
        assert purge_old_logs(world.engine, limit=1) == 1
        assert [row[Log.KEY] for row in world.salesforce.all(SYNC_LOG)] == [held]


def all_logs(door: MemorySalesforce, soql: str) -> list[Row]:
    """Answer a query for logs with all of them, up to the limit that it sets."""
    if f"FROM {SYNC_LOG} " not in soql:
        return []
    return door.all(SYNC_LOG)[: int(soql.rpartition("LIMIT ")[2])]


class TestVerdict:
    """Whoever asks why a record is not sent is told of the file that it is in (ELIG-20, ELIG-21)."""

    def test_the_explanation_names_the_file_and_what_to_do(self, world: World) -> None:
        one = deal(world)
        sent(world, one)
        link, row = world.state.links.require(one), read(world, one)
        waits = judge(world.engine, row, link)
        assert waits.code is Code.AWAITS_RESULT
        assert f"FAIL  No sync log holds the record: the record is in file {NAME}" in explain(waits)
        world.clock.advance(2 * HOUR)
        report_stuck(world.engine)
        stuck = judge(world.engine, row, link)
        assert stuck.code is Code.STUCK_LOG
        assert f"the sync log {NAME} is still in API Success" in explain(stuck)
        assert "delete it to send the record again" in explain(stuck)
        world.state.uploads.released(NAME, world.clock.now())
        assert judge(world.engine, row, link).code is Code.DUE

    def test_without_an_edit_nothing_more_is_said_of_the_record(self, world: World) -> None:
        one = deal(world)
        sent(world, one)
        for _ in range(2):
            assert not observe(world.engine, read(world, one), "out-1", again=True)
            world.clock.advance(2 * HOUR)
            report_stuck(world.engine)
        assert outbound(world) == []
        flush_logs(world.engine)
        assert open_codes(world, one) == []

    def test_an_edit_waits_on_the_queue_until_aws_answers(self, world: World) -> None:
        one = deal(world)
        sent(world, one)
        world.salesforce.user_edits(one, {edited_field(world): "Another name for it"})
        observe(world.engine, read(world, one), run(world))
        assert [item.key for item in outbound(world)] == [one]

    def test_an_edit_behind_a_stuck_file_has_one_detail_that_says_so(self, world: World) -> None:
        one = deal(world)
        sent(world, one)
        world.clock.advance(2 * HOUR)
        report_stuck(world.engine)
        world.salesforce.user_edits(one, {edited_field(world): "Another name for it"})
        for _ in range(2):
            observe(world.engine, read(world, one), run(world), again=True)
        flush_logs(world.engine)
        assert open_codes(world, one) == ["STUCK_LOG"]
        [detail] = [row for row in world.salesforce.all("ACE_Sync_Log_Detail__c") if row[Detail.RECORD_ID] == one]
        assert detail[Detail.STATUS] == logs.HELD

    def test_what_a_person_asks_for_waits_too(self, world: World) -> None:
        one = deal(world)
        sent(world, one)
        observe(world.engine, read(world, one), run(world), again=True, requested=True)
        assert [item.key for item in outbound(world)] == [one]


def run(world: World) -> str:
    return logs.start_run(world.engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)


def edited_field(world: World) -> str:
    return next(field.path for field in world.engine.mapping.fields if field.ace_field == "partnerProjectTitle")
