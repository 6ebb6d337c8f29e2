"""The state file: private, bound to one org, held by one process, migrated with a backup, all or nothing."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.errors import Fatal, Retriable
from connector.store import handles as handles_module
from connector.store import state as state_module
from connector.store.handles import Handles, create_private
from connector.store.lock import StateLock
from connector.store.migrations import MIGRATIONS, Migration, migrate
from connector.store.queue import Work
from connector.store.state import State, lock_path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEWEST = MIGRATIONS[-1].number


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "state.db"


@pytest.fixture
def state(path: Path) -> Iterator[State]:
    with State.open(path) as state:
        yield state


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def pragma(state: State, name: str) -> object:
    return state._handles.db.execute(f"pragma {name}").fetchone()[0]


class StopError(Exception):
    pass


# privacy and durability


def test_the_file_its_companions_its_backup_and_its_directory_are_private(state: State, path: Path) -> None:
    state.cursors.set("poll", "1")
    state.backup(path.with_name("copy.db"))
    with state.lock():
        assert mode(path.parent) == 0o700
        assert {file.name: mode(file) for file in path.parent.iterdir()} == dict.fromkeys(
            ["state.db", "state.db-wal", "state.db-shm", "state.db.lock", "copy.db"], 0o600
        )


def test_a_file_that_others_could_read_is_made_private_and_check_tells_when_it_is_not(path: Path) -> None:
    State.open(path).close()
    path.chmod(0o644)
    with State.open(path) as state:
        assert mode(path) == 0o600
        path.chmod(0o640)
        assert state.check() == [f"{path} can be read by other accounts; set its mode to 0600"]


def test_every_connection_is_durable(state: State) -> None:
    settings: list[tuple[object, ...]] = []

    def look() -> None:
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        settings.append(tuple(pragma(state, name) for name in names))

    look()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert settings == [("wal", 2, 1, 1)] * 2


def test_a_thread_that_ended_leaves_no_connection_open(state: State) -> None:
    for _ in range(5):
        thread = threading.Thread(target=state.queue.counts)
        thread.start()
        thread.join()
    state.queue.counts()
    assert len(state._handles._by_thread) <= 2


def test_a_place_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Fatal, match="cannot be created or made private"):
        State.open(tmp_path / "file" / "state.db")


def test_a_file_that_is_no_database_is_explained(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("hello " * 1000)
    with pytest.raises(Fatal, match="damaged or no state file; restore a backup"):
        State.open(path)


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("create table theirs (x)")
    with pytest.raises(Fatal, match="of another program"):
        State.open(path)
    with closing(sqlite3.connect(path)) as conn:
        assert [row[0] for row in conn.execute("select name from sqlite_master")] == ["theirs"]


# transactions


def test_a_transaction_is_all_or_nothing(state: State) -> None:
    with pytest.raises(StopError), state.transaction():
        state.cursors.set("poll", "1")
        state.queue.enqueue(Work("send", "a"), NOW)
        raise StopError
    assert state.cursors.get("poll") is None
    assert state.queue.counts()["waiting"] == 0
    state.cursors.set("poll", "2")
    assert state.cursors.get("poll") == "2"


def test_an_inner_block_belongs_to_the_outer_one(state: State) -> None:
    with pytest.raises(StopError), state.transaction():
        with state.transaction():
            state.cursors.set("poll", "1")
        raise StopError
    assert state.cursors.get("poll") is None


def test_an_inner_block_that_fails_undoes_only_itself_when_the_outer_goes_on(state: State) -> None:
    with state.transaction():
        state.cursors.set("kept", "1")
        with pytest.raises(StopError), state.transaction():
            state.cursors.set("undone", "1")
            raise StopError
    assert state.cursors.all() == {"kept": "1"}


def test_nothing_is_visible_to_others_before_the_commit(state: State, path: Path) -> None:
    with State.open(path) as other:
        with state.transaction():
            state.cursors.set("poll", "1")
            assert other.cursors.get("poll") is None
        assert other.cursors.get("poll") == "1"


def test_a_writer_kept_out_is_told_to_try_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles_module, "BUSY_SECONDS", 0.0)
    refusal = pytest.raises(Retriable, match="in use by another process")
    with State.open(path) as state, State.open(path) as other, state.transaction(), refusal:
        other.cursors.set("poll", "1")


def test_a_full_disk_stops_the_worker_with_an_explanation(state: State) -> None:
    state._handles.db.execute(f"pragma max_page_count = {pragma(state, 'page_count')}")
    with pytest.raises(Fatal, match="disk is full; free space"):
        state.meta.set("fact", "x" * 100_000)
    assert state.meta.get("fact") is None


def test_threads_write_side_by_side(state: State) -> None:
    def write(name: str) -> None:
        for number in range(20):
            state.cursors.set(f"{name}{number}", "1")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(state.cursors.all()) == 60


# lock and binding


def test_a_second_process_is_refused_the_lock_by_the_holders_pid(state: State, path: Path) -> None:
    script = "import sys; from pathlib import Path; from connector.store.state import State; "
    script += "lock = State.open(Path(sys.argv[1])).lock(); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Fatal, match=f"{path} is held by process {holder.pid};") as refusal:
            state.lock()
        assert refusal.value.exit_code == 3
        holder.kill()
        holder.communicate()
    with state.lock():
        assert path.with_name("state.db.lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_is_exclusive_within_the_process_too_and_can_be_given_back(state: State) -> None:
    lock = state.lock()
    with pytest.raises(Fatal, match=f"process {os.getpid()}"):
        state.lock()
    lock.release()
    lock.release()
    state.lock().release()


def test_the_state_belongs_to_one_org_and_catalog(state: State, path: Path) -> None:
    assert state.binding() is None
    state.bind("00D000000000001AAA", "Sandbox")
    state.bind("00D000000000001AAA", "Sandbox")
    for other in (("00D000000000002AAA", "Sandbox"), ("00D000000000001AAA", "AWS")):
        with pytest.raises(Fatal, match=r"belongs to org 00D000000000001AAA .* reset the state") as refusal:
            state.bind(*other)
        assert refusal.value.exit_code == 2
    with State.open(path) as again:
        assert again.binding() == ("00D000000000001AAA", "Sandbox")


def test_reset_empties_everything_but_the_mappings(state: State) -> None:
    state.bind("00D000000000001AAA", "Sandbox")
    state.mappings.save_draft("lead", {"a": 1}, "admin", NOW)
    state.mappings.publish("lead", "admin", NOW)
    state.mappings.save_draft("lead", {"a": 2}, "admin", NOW)
    state.queue.enqueue(Work("send", "a"), NOW)
    state.cursors.set("poll", "1")
    state.runs.start("run", NOW, direction="To AWS", purpose="p", object_name="Opportunity")
    state.runs.record("run", "a", "success")
    state.reset()
    assert (state.binding(), state.cursors.all(), state.runs.open_runs()) == (None, {}, [])
    assert state.queue.counts()["waiting"] == 0
    assert state.mappings.published("lead") == (1, {"a": 1})
    assert state.mappings.draft("lead") == {"a": 2}
    assert state.check() == []
    state.bind("00D000000000002AAA", "AWS")


# backup and check


def test_a_backup_is_a_whole_state_of_one_moment(state: State, path: Path) -> None:
    state.cursors.set("poll", "1")
    state.backup(path.with_name("copy.db"))
    state.cursors.set("poll", "2")
    with State.open(path.with_name("copy.db")) as copy:
        assert copy.cursors.get("poll") == "1"
        assert copy.check() == []
    state.backup(path.with_name("copy.db"))
    with State.open(path.with_name("copy.db")) as copy:
        assert copy.cursors.get("poll") == "2"


def test_a_backup_that_cannot_be_written_is_explained_and_leaves_nothing(state: State, path: Path) -> None:
    target = path.with_name("taken")
    target.mkdir()
    with pytest.raises(Fatal, match=r"backup .* cannot be written"):
        state.backup(target)
    assert list(path.parent.glob("*part*")) == []


def test_check_finds_damage(state: State, path: Path) -> None:
    state.runs.start("run", NOW, direction="To AWS", purpose="p", object_name="Opportunity")
    state.runs.record("run", "a", "success")
    assert state.check(NOW) == []
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("delete from runs")
        conn.commit()
    assert state.check(NOW) == ["table run_records, row None: refers to a row of runs that is gone; restore a backup"]


def test_check_finds_leases_that_ran_out(state: State) -> None:
    state.queue.enqueue(Work("send", "a"), NOW)
    state.queue.claim(NOW, "worker", lease_seconds=60)
    assert state.check(NOW) == []
    [finding] = state.check(NOW + timedelta(minutes=1))
    assert finding.startswith("queue item 1: the lease of worker ran out")


# migrations


def make_old(path: Path, number: int) -> None:
    """Create a state file as the program of an earlier schema left it."""
    create_private(path)
    handles = Handles(path)
    migrate(handles, [step for step in MIGRATIONS if step.number <= number])
    handles.db.execute("insert into meta (name, value) values ('org_id', '00D'), ('catalog', 'AWS')")
    handles.db.execute("insert into mapping_versions values ('lead', 1, '{\"a\":1}', 'admin', '2026-03-01', '')")
    handles.close()


def test_migrations_are_numbered_without_gaps() -> None:
    assert [step.number for step in MIGRATIONS] == list(range(1, NEWEST + 1))


def test_a_new_file_has_the_newest_schema_and_no_backup(state: State) -> None:
    assert state.schema_version == NEWEST
    assert state.backups() == []


@pytest.mark.parametrize("number", range(1, NEWEST))
def test_an_older_state_is_backed_up_and_migrated_with_its_content(path: Path, number: int) -> None:
    make_old(path, number)
    with State.open(path) as state:
        backup = path.with_name(f"state.db.bak-v{number}")
        assert state.backups() == [backup]
        assert mode(backup) == 0o600
        assert state.schema_version == NEWEST
        assert state.binding() == ("00D", "AWS")
        assert state.mappings.published("lead") == (1, {"a": 1})
        assert state.queue.enqueue(Work("send", "a"), NOW)
        assert state.check() == []
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("pragma user_version").fetchone() == (number,)
        assert copy.execute("select document from mapping_versions").fetchone() == ('{"a":1}',)
    assert {file.name for file in path.parent.iterdir()} == {"state.db", backup.name, "state.db.lock"}


def test_every_way_to_the_newest_schema_leads_to_the_same(path: Path, tmp_path: Path) -> None:
    make_old(path, 1)
    schemas = []
    for file in (path, tmp_path / "new.db"):
        with State.open(file) as state:
            schemas.append(state._handles.db.execute("select name, sql from sqlite_master order by name").fetchall())
    assert schemas[0] == schemas[1]


def test_a_migration_that_fails_leaves_the_older_state_usable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    State.open(path).close()
    broken = Migration(NEWEST + 1, "breaks", ("create table extra (x)", "insert into nowhere values (1)"))
    monkeypatch.setattr(state_module, "MIGRATIONS", (*MIGRATIONS, broken))
    monkeypatch.setattr(state_module, "migrate", lambda handles: migrate(handles, (*MIGRATIONS, broken)))
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        State.open(path)
    monkeypatch.undo()
    with State.open(path) as state:
        assert state.schema_version == NEWEST
        assert "extra" not in state._handles.db.table_names()


def test_an_older_state_is_not_migrated_under_a_running_worker(path: Path) -> None:
    State.open(path).close()
    path.unlink()
    make_old(path, 1)
    with StateLock(lock_path(path)), pytest.raises(Fatal, match="stop that worker first") as refusal:
        State.open(path)
    assert refusal.value.exit_code == 3
    assert list(path.parent.glob("*.bak*")) == []


def test_a_newer_state_is_refused_with_the_way_out(path: Path) -> None:
    with State.open(path) as state:
        state._handles.db.execute(f"pragma user_version = {NEWEST + 1}")
    with pytest.raises(Fatal, match=rf"install the newer program again, or restore .*state\.db\.bak-v{NEWEST}"):
        State.open(path)
