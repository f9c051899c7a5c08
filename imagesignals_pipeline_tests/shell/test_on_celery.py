"""A real Redis, and workers that take the steps of small jobs from it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine

from imagesignals_pipeline import settings
from imagesignals_pipeline.defs.on_celery import on_celery
from imagesignals_pipeline_tests.faults.crew import READY, SERVER, Broker, broker
from imagesignals_pipeline_tests.shell.test_instance_storage import backends

pytestmark = [
    pytest.mark.skipif(SERVER is None, reason="There is no redis-server here."),
    pytest.mark.timeout(120),
    # Dagster makes its task anew for each step that it hands out.
    pytest.mark.filterwarnings("ignore::celery.exceptions.DuplicateTaskNameWarning"),
]
WORK = """
import os, sys
from imagesignals_pipeline.defs.on_celery import work
sys.exit(work(os.environ["IMAGESIGNALS_BROKER_URL"], 600))
"""
PATIENCE_S = 60
STEPS = 3


@dg.resource
def unusable() -> None:
    """Stand for what only this worker cannot have: its storage, its database, its code."""
    raise LookupError("It is not here.")


@dg.op(pool="one_at_a_time", required_resource_keys={"needed"})
def idle() -> None:
    """Do nothing."""


def steps_job(needed: dg.ResourceDefinition) -> dg.JobDefinition:
    """A job of which one step at a time may be at work."""

    @dg.job(
        resource_defs={"needed": needed},
        executor_def=on_celery(os.environ[settings.BROKER_URL]),
    )
    def steps() -> None:
        for number in range(STEPS):
            idle.alias(f"step_{number}")()

    return steps


def good_job() -> dg.JobDefinition:
    """All of its steps can be worked on."""
    return steps_job(dg.ResourceDefinition.none_resource())


def unusable_job() -> dg.JobDefinition:
    """None of its steps can even begin."""
    return steps_job(unusable)


@pytest.fixture
def redis(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """A Redis that this environment names."""
    with broker(home, "secret") as there:
        monkeypatch.setenv(settings.BROKER_URL, there.url)
        yield there


class Worker(subprocess.Popen[bytes]):
    """A process that takes steps."""

    def __init__(self, log: Path) -> None:
        self._log = log
        with log.open("wb") as out:
            super().__init__([sys.executable, "-c", WORK], stdout=out, stderr=out)

    def said(self) -> str:
        """Return all that it has printed."""
        return self._log.read_text(errors="replace")

    def until_it_says(self, words: str, *, times: int = 1) -> None:
        """Wait for something that it prints."""
        deadline = time.monotonic() + PATIENCE_S
        while self.said().count(words) < times:
            assert time.monotonic() < deadline, self.said()
            assert self.poll() is None, self.said()
            time.sleep(0.1)


@contextmanager
def working(home: Path) -> Generator[Worker]:
    """Have a worker that takes steps, and leave nothing of it behind."""
    with Worker(home / "worker.log") as worker:
        try:
            worker.until_it_says(READY)
            yield worker
        finally:
            worker.kill()


def run(job: Callable[[], dg.JobDefinition]) -> dg.DagsterRun:
    """Hand the steps of a job out, and return its run when that has ended."""
    with dg.DagsterInstance.get() as instance:
        dg.execute_job(dg.reconstructable(job), instance=instance, raise_on_error=False)
        (ended,) = instance.get_runs(limit=1)
    return ended


@pytest.mark.usefixtures("redis")
def test_a_run_ends_with_a_step_that_no_worker_could_begin(home: Path) -> None:
    """It does not wait for its other steps; Dagster starts it again, as it does after crashes."""
    with working(home):
        ended = run(unusable_job)
    assert ended.status is dg.DagsterRunStatus.FAILURE
    assert ended.tags["dagster/will_retry"] == "true"
    with dg.DagsterInstance.get() as instance:
        (failed,) = instance.all_logs(ended.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert "A worker could not work on step_0, and its log says more: " in str(failed)


def test_workers_wait_for_redis(home: Path, redis: Broker) -> None:
    """They take steps again when it is back, was it read-only or gone, and end if asked."""
    with working(home) as worker:
        redis.client.replicaof("127.0.0.1", 1)
        worker.until_it_says("read only replica")
        redis.client.shutdown(nosave=True)
        worker.until_it_says("/None)")  # how often it tries
        with broker(home, redis.password, redis.port):
            assert run(good_job).status is dg.DagsterRunStatus.SUCCESS
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(PATIENCE_S) == 0


def test_a_worker_that_ends_by_itself_has_not_succeeded(home: Path, redis: Broker) -> None:
    """A service manager starts it again: what it could not read is gone from the queue."""
    with working(home) as worker:
        redis.client.lpush("dagster", "garbage")
        assert worker.wait(PATIENCE_S) == 1
    with working(home):
        assert run(good_job).status is dg.DagsterRunStatus.SUCCESS


@pytest.mark.usefixtures("redis")
def test_a_worker_keeps_one_connection_to_dagsters_database(home: Path, witness: Engine) -> None:
    """Its next step uses that of the one before."""
    with working(home):
        assert run(good_job).status is dg.DagsterRunStatus.SUCCESS
        assert len(backends(witness, expected=1)) == 1
