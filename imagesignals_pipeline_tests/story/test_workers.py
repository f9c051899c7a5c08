"""Batches on many machines: Celery workers, a real Redis, and nothing else that they share."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import make_url, text

from imagesignals_pipeline import settings
from imagesignals_pipeline_tests.faults import processes
from imagesignals_pipeline_tests.faults.crew import SERVER, Crew, broker, crew
from imagesignals_pipeline_tests.faults.flats import MONTHS, Storage
from imagesignals_pipeline_tests.faults.place import Place, place
from imagesignals_pipeline_tests.faults.trials import (
    BATCH_SIZE,
    CommandLine,
    expect_no_orphans,
    strike,
)
from imagesignals_pipeline_tests.faults.ui import Daemon, dev
from imagesignals_pipeline_tests.story.conftest import Operator
from imagesignals_pipeline_tests.story.test_secrets import (
    LAUNCH,
    MARK,
    Searched,
    launch,
    look_at_files,
    look_at_tables,
    watching_processes,
)

POOL_LIMIT = 2
"""Batches at once over all machines; four workers would do four."""
REDELIVER_S = 8
LIMIT = """
mutation ($limit: Int!) {
  setConcurrencyLimit(concurrencyKey: "screenshot_storage", limit: $limit)
}
"""
WORKED = text("select run_id, event from event_logs where id > :event and event like :worker")


@pytest.mark.skipif(SERVER is None, reason="There is no redis-server here (Debian: redis-server).")
@pytest.mark.timeout(600)
def test_batches_on_many_machines(tmp_path: Path) -> None:
    """Same digest as in one process, also when a worker dies; the storage is asked no more."""
    searched = Searched()
    with (
        Storage() as storage,
        place(tmp_path, storage) as local,
        broker(tmp_path, f"pw-{MARK}") as redis,
        watching_processes(searched),
    ):
        there = replace(local, more={settings.BROKER_URL: redis.url})
        CommandLine(there).undisturbed()
        digest = there.digest()
        with dev(there) as running, crew(there, redeliver_after_s=REDELIVER_S) as workers:
            workers.join(2)
            running.start()
            running.ask(LIMIT, limit=POOL_LIMIT)

            killed = _backfill(Daemon(running), lambda: _kill_one(workers))
            there.expect_whole(digest)
            assert sum(each.poll() is None for each in workers.workers) == 1
            assert len(killed) == 2

            workers.join(3)
            storage.most_at_once, storage.together = 0, BATCH_SIZE + 1
            held: list[bytes] = []
            worked = _backfill(Daemon(running), lambda: held.extend(redis.everything()))
            there.expect_whole(digest)
            assert len(worked) > 1
            assert storage.together <= storage.most_at_once <= POOL_LIMIT * BATCH_SIZE
            print(killed, worked, storage.most_at_once)
        for content in (*held, *redis.everything()):
            searched.look("Redis", content)
            assert _password(there) not in content
        look_at_tables(searched, there.engine, there.dagster)
    _expect_no_files(workers)
    look_at_files(searched, tmp_path)
    assert searched.found == []


def test_a_worker_says_what_to_set(operator: Operator) -> None:
    """One line each: no broker, no database of its own, and what it could not use in a step."""
    nobody = {settings.BROKER_URL: f"redis://:{MARK}@127.0.0.1:1/0"}
    for more, line in (
        ({}, f"Set {settings.BROKER_URL} to what those"),
        ({**nobody, settings.DATABASE_URL: ""}, f"Set {settings.DATABASE_URL} to what those"),
        ({**nobody, settings.STORAGE_URL: f"ftp://{MARK}"}, f"{settings.STORAGE_URL} cannot"),
        (
            {**nobody, settings.DAGSTER_DATABASE_URL: f"postgresql://u:{MARK}@127.0.0.1:1/d"},
            f"{settings.DAGSTER_DATABASE_URL}: ",
        ),
        (nobody, f"{settings.BROKER_URL}: Error 111 connecting to 127.0.0.1:1. Connection refused"),
    ):
        said = operator.runs("worker", **more)
        assert said.status == 1, said
        assert said.err.startswith(f"imagesignals: {line}"), said.err
        assert len(said.err.splitlines()) == 1
        assert MARK not in said.out + said.err


def _backfill(daemon: Daemon, meanwhile: Callable[[], object]) -> set[str]:
    """Analyse everything anew, do something in the middle; return the workers that took batches."""
    there = daemon.place
    there.reset()
    event, asked = there.last_event(), there.storage.asked.total()
    for month in MONTHS:
        run = launch(month, batch_size=BATCH_SIZE, batch_delay=0.05)
        assert daemon.dev.ask(LAUNCH, run=run)["__typename"] == "LaunchRunSuccess"
    while there.storage.asked.total() - asked < BATCH_SIZE + 1:
        assert there.busy(), there.told_since(event)
        time.sleep(0.1)
    meanwhile()
    daemon.settle()
    with there.dagster.connect() as connection:
        ended = connection.execute(text("select distinct status from runs")).scalars().all()
        assert ended == ["SUCCESS"]
        rows = connection.execute(
            WORKED, {"event": event, "worker": "%imagesignals-%analyse_batch%"}
        )
        return {name for row in rows for name in re.findall(r"imagesignals-\d+@", row.event)}


def _kill_one(workers: Crew) -> None:
    """Kill a worker in the middle of a batch; its decoders end with it."""
    at_work = {each.pid: processes.decoders(each.pid) for each in workers.at_work()}
    assert strike(Random(), workers.at_work, 30)
    expect_no_orphans([one for some in at_work.values() for one in some if not one.is_running()])


def _expect_no_files(workers: Crew) -> None:
    """Make sure that no step has left anything on a disk but what it printed."""
    kept = {"dagster.yaml", "worker.log"}
    left = [file for file in workers.files() if file.name not in kept]
    assert [file for file in left if "compute_logs" not in file.parts] == []


def _password(there: Place) -> bytes:
    """Return the password of the database."""
    return str(make_url(there.dagster_url).password).encode()
