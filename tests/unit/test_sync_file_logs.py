"""A file's sync log says what became of it: from upload to answer, and of a file of AWS from reading to the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine.sent_files import NAME, answer, figures, kept, log_of, sent
from engine.turns import deal, share
from engine.world import World

from connector.errors import Problem
from connector.names import SYNC_LOG, Log
from connector.store.links import Link
from connector.sync import logs
from connector.sync.flush import flush_logs

REFUSED = Problem("INVALID_VALUE", "title", "x", "Too short.", "Enter more.")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


class TestLog:
    """API Success while records wait, then Processed, Partial or Error (LOG-11 to LOG-16)."""

    def test_it_says_api_success_after_the_upload_and_what_became_of_each_record_at_last(self, world: World) -> None:
        one, two = deal(world), deal(world)
        run_id = sent(world, one, two)
        first = log_of(world, run_id)
        assert figures(first) == (logs.API_SUCCESS, 2, 0, 0)
        assert (first[Log.FILE_NAME], first[Log.OUTBOUND_IDS]) == (NAME, f"{one}\n{two}")
        answer(world, run_id, one)
        assert figures(log_of(world, run_id)) == (logs.API_SUCCESS, 2, 1, 0)
        answer(world, run_id, two, REFUSED)
        world.state.uploads.answered(NAME, world.clock.now())
        last = log_of(world, run_id)
        assert figures(last) == (logs.PARTIAL, 2, 1, 1)
        assert last[Log.OUTBOUND_IDS] == f"{one}\n{two}", "what AWS refused went out too"

    @pytest.mark.parametrize(("problems", "status"), [((), logs.PROCESSED), ((REFUSED,), logs.ERROR)])
    def test_its_end_follows_from_its_records(self, world: World, problems: tuple[Problem, ...], status: str) -> None:
        one = deal(world)
        run_id = sent(world, one)
        answer(world, run_id, one, *problems)
        assert log_of(world, run_id)[Log.STATUS] == status

    def test_records_that_were_refused_here_count_and_did_not_go_out(self, world: World) -> None:
        one, two = deal(world), deal(world)
        run_id = kept(world, one)
        logs.log_problems(world.engine, run_id, Link(two, world.engine.mapping.object_name), (REFUSED,))
        before = log_of(world, run_id)
        assert before.get(Log.STATUS) is None, "nothing went out yet, and it is not over"
        assert before[Log.RECORD_COUNT] == 2
        with world.state.transaction():
            world.state.uploads.sent(NAME, world.clock.now())
            logs.log_file(world.engine, run_id)
        row = log_of(world, run_id)
        assert (*figures(row), row[Log.OUTBOUND_IDS]) == (logs.API_SUCCESS, 2, 0, 1, one)

    def test_nothing_is_written_before_the_file_went_out(self, world: World) -> None:
        kept(world, deal(world))
        flush_logs(world.engine)
        assert world.salesforce.all(SYNC_LOG) == []

    def test_an_upload_that_the_bucket_refuses_is_an_error_until_it_succeeds(self, world: World) -> None:
        run_id = kept(world, deal(world))
        logs.log_file(world.engine, run_id, error="The bucket refused the key.")
        assert log_of(world, run_id)[Log.MESSAGE] == "The bucket refused the key."
        world.restart()
        assert figures(log_of(world, run_id)) == (logs.ERROR, 1, 0, 0), "a restart does not make it a success"
        world.state.uploads.sent(NAME, world.clock.now())
        logs.log_file(world.engine, run_id)
        row = log_of(world, run_id)
        assert (row[Log.STATUS], row[Log.MESSAGE]) == (logs.API_SUCCESS, None)

    def test_a_run_is_open_for_as_long_as_its_file_waits(self, world: World) -> None:
        one = deal(world)
        run_id = sent(world, one)
        world.clock.advance(30 * logs.RUN_OPEN)
        flush_logs(world.engine)
        answer(world, run_id, one)
        assert log_of(world, run_id)[Log.STATUS] == logs.PROCESSED
        flush_logs(world.engine)
        run = world.state.runs.get(run_id)
        assert run is not None and run.ended_at is not None

    def test_a_file_of_aws_that_cannot_be_read_stays_an_error(self, world: World) -> None:
        run_id = logs.start_run(world.engine, logs.FROM_AWS, logs.INBOUND_RECORDS, file_name="export.json")
        logs.log_file(world.engine, run_id, error="The file was retrieved but is no list of records.")
        world.restart()
        row = log_of(world, run_id)
        assert (row[Log.STATUS], row[Log.FILE_NAME]) == (logs.ERROR, "export.json")
        assert row[Log.MESSAGE] == "The file was retrieved but is no list of records."

    def test_a_file_of_aws_is_retrieved_first_and_processed_at_the_end(self, world: World) -> None:
        run_id = logs.start_run(world.engine, logs.FROM_AWS, logs.INBOUND_RECORDS, file_name="export.json")
        logs.log_file(world.engine, run_id, note="Unknown keys: none.")
        row = log_of(world, run_id)
        assert (row[Log.STATUS], row[Log.MESSAGE]) == (logs.API_SUCCESS, "Unknown keys: none.")
        logs.end_file(world.engine, run_id)
        row = log_of(world, run_id)
        assert (row[Log.STATUS], row[Log.MESSAGE]) == (logs.PROCESSED, "Unknown keys: none.")

    def test_runs_by_calls_have_their_own_id_for_a_file_name(self, world: World) -> None:
        record_id, _ = share(world)
        [outward] = [row for row in world.salesforce.all(SYNC_LOG) if row.get(Log.OUTBOUND_IDS) == record_id][:1]
        assert outward[Log.FILE_NAME] == outward[Log.KEY]
        assert outward[Log.STATUS] == logs.PROCESSED
