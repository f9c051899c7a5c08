"""Whoever stops a backfill, and however: what was reported is saved, and the next run goes on."""

import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from subprocess import Popen

import psutil
import pytest
from sqlalchemy import text

from imagesignals_pipeline_tests.fetch.servers import Server
from imagesignals_pipeline_tests.few import OCTOBER
from imagesignals_pipeline_tests.story.conftest import CleanRun, Operator

REPORTED = ("✅", "❌", "⏭️")
IN_NO_TIME_S = 10
"""Far less than the half minute that a download may take; much for a loaded machine."""


@contextmanager
def in_the_first_batch(operator: Operator, *options: str) -> Generator[Popen[str]]:
    """Run a backfill until it has reported something."""
    with operator.starts("backfill", *options) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(REPORTED):
            assert process.poll() is None
        yield process


def rows(operator: Operator) -> int:
    """Return how many submissions have a row."""
    with operator.engine.connect() as connection:
        counted = connection.execute(text("select count(*) from payment_image_signals"))
        return counted.scalar_one()


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_cancelled(society: Operator, clean_run: CleanRun, asked: signal.Signals) -> None:
    """Ctrl-C ends it at once with status 130; the next run ends where a clean one does.

    A terminal sends it to all processes of the command.
    """
    with in_the_first_batch(society, "--batch-delay", "60") as process:
        began = time.monotonic()
        os.killpg(process.pid, asked)
        out, err = process.communicate(timeout=60)
    assert time.monotonic() - began < IN_NO_TIME_S
    assert process.returncode == 130
    assert err.strip() == (
        "imagesignals: Cancelled. What was reported as processed is saved; run it again to go on."
    )
    assert "✨" not in out
    assert rows(society) == 5
    assert society.run_statuses() == ["CANCELED"]
    assert society.runs("backfill", "--batch-delay", "0").status == 0
    assert society.digest() == clean_run.digest


def test_cancelled_in_a_download(society: Operator) -> None:
    """A storage that says nothing does not keep the operator waiting; its batch is not saved."""
    with Server({"/slow.png": lambda line, _: line.silence()}) as server:
        with society.engine.begin() as connection:
            connection.execute(
                text(
                    "insert into payment_submissions (flat_id, screenshot_url, created_at)"
                    " values ('F-SLOW', :url, :created_at)"
                ),
                {"url": f"{server.url}/slow.png", "created_at": OCTOBER.replace(day=2)},
            )
        trusting = {"IMAGESIGNALS_ALLOWED_ORIGINS": server.url}
        with society.starts("backfill", "--batch-size", "1", **trusting) as process:
            while not server.seen:
                assert process.poll() is None
                time.sleep(0.05)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        assert time.monotonic() - began < IN_NO_TIME_S
    with society.engine.connect() as connection:
        slow = text("select from payment_image_signals where image_url like '%slow%'")
        assert not connection.execute(slow).all()


def test_cancelled_while_another_has_the_pool(society: Operator) -> None:
    """Who waits for the storage's only place costs next to nothing, and ends at once too."""
    queue = text("select count(*) from pending_steps where assigned_timestamp is null")
    with (
        in_the_first_batch(society, "--batch-delay", "60"),
        society.starts("backfill") as process,
        society.dagster.connect() as connection,
    ):
        while not connection.execute(queue).scalar_one():
            assert process.poll() is None
            time.sleep(0.5)
        waiting = psutil.Process(process.pid)
        before = sum(waiting.cpu_times()[:2])
        time.sleep(5)
        assert sum(waiting.cpu_times()[:2]) - before < 0.5
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert time.monotonic() - began < IN_NO_TIME_S
        assert not connection.execute(queue).scalar_one()
    assert society.run_statuses() == ["STARTED", "CANCELED"]


def test_killed(society: Operator, clean_run: CleanRun) -> None:
    """After kill -9 the next run ends the dead one, takes its place, and completes the work.

    Dagster itself would go on to believe in the dead run, which holds the only slot of the pool.
    """
    with in_the_first_batch(society, "--batch-delay", "60") as process:
        os.kill(process.pid, signal.SIGKILL)
    assert society.run_statuses() == ["STARTED"]
    assert rows(society) == 5
    said = society.runs("backfill", "--batch-delay", "0")
    assert said.status == 0, said.err
    assert society.run_statuses() == ["FAILURE", "SUCCESS", "SUCCESS"]
    assert society.digest() == clean_run.digest
