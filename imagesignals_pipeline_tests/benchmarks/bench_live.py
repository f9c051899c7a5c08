"""What the live application feels: inserts at a steady rate, with and without a backfill beside.

Phases alternate on one machine and one server: in each, somebody inserts submissions at a fixed
rate, and the time from the moment an insert was due to its commit is taken. In every second phase
`imagesignals backfill` works at the same time, at its own pace or at another. The ratio is that
of the medians over phases of the 99th percentile, because a disk that others use has moments that
say nothing of either. The live database is a server of its own, as the README has it: it has one
core together with the inserts in all phases, and the disk; the pipeline and Dagster's storage have
the other cores, and their files in memory. What is left to disturb the inserts is what the
pipeline asks of the live database. With `--share-cores`, all run on all cores.

    python -m imagesignals_pipeline_tests.benchmarks.bench_live [--rounds 4] [--rate 200]
"""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from uuid import uuid4, uuid5

import click
import psutil
import psycopg2

from imagesignals_pipeline import settings
from imagesignals_pipeline.demo import DemoSubmission
from imagesignals_pipeline_tests.faults.flats import Storage
from imagesignals_pipeline_tests.faults.place import Place, place
from imagesignals_pipeline_tests.faults.trials import postmaster
from imagesignals_pipeline_tests.few import insert

AFTER_ALL = datetime(2031, 1, 1, tzinfo=UTC)
"""When the inserted submissions were made: `--until` keeps the backfill away from them."""
SOCIETIES = 40
"""How often the flats' submissions are there: so many that a backfill outlasts a phase."""
INSERT = (
    "insert into payment_submissions (id, flat_id, screenshot_url, created_at)"
    " values (%s, 'LIVE', 'live.png', %s)"
)


def again(submissions: list[DemoSubmission], number: int) -> list[DemoSubmission]:
    """Return the submissions as if made again some minutes later."""
    return [
        replace(
            each,
            id=uuid5(each.id, str(number)),
            created_at=each.created_at + timedelta(minutes=number),
        )
        for each in submissions
    ]


def inserted(url: str, rate: int, seconds: float) -> list[float]:
    """Insert at a rate for a while; return the milliseconds from due to committed of each."""
    taken: list[float] = []
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            due = began + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            cursor.execute(INSERT, (str(uuid4()), AFTER_ALL))
            taken.append(1000 * (time.perf_counter() - due))
    connection.close()
    return taken


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores the live application and its server run on, and which the pipeline."""

    live: list[int]
    pipeline: list[int]

    @staticmethod
    def divided() -> "Cores":
        """Give one to the live side; the pipeline has the rest."""
        first, *others = sorted(os.sched_getaffinity(0))
        if not others:
            raise click.ClickException("It takes two cores to divide them; try --share-cores.")
        return Cores([first], others)

    @staticmethod
    def shared() -> "Cores":
        """Give all to both."""
        both = sorted(os.sched_getaffinity(0))
        return Cores(both, both)

    def keep(self, server: psutil.Process, application: int) -> None:
        """Bind the server and all that it starts, the application, and what this process starts."""
        for each in (server, *server.children(), psutil.Process(application)):
            each.cpu_affinity(self.live)
        psutil.Process().cpu_affinity(self.pipeline)


@contextmanager
def backfilling(live: Place, home: Path, batch_delay: float) -> Generator[None]:
    """Analyse the society from its first submission on, for as long as the block runs."""
    over = threading.Event()
    at_work = threading.Event()
    environ = {**live.environ, settings.HOME: str(home), settings.DATABASE_URL: live.url}
    command = live.command("backfill", "--batch-delay", str(batch_delay), "--until", "2030-01-01")

    def work() -> None:
        process = subprocess.Popen(
            command, env=environ, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not over.wait(0.2):
            if live.storage.asked.total() > before:
                at_work.set()
            if process.poll() is not None:
                raise AssertionError(f"The backfill ended with {process.returncode}.")
        process.terminate()
        process.wait()

    live.reset()
    before = live.storage.asked.total()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        at_work.wait(60)
        yield
    finally:
        over.set()
        thread.join()


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(1), default=4, show_default=True)
@click.option("--rate", type=click.IntRange(1), default=200, show_default=True, help="A second.")
@click.option("--seconds", type=click.FloatRange(1), default=10.0, show_default=True)
@click.option("--batch-delay", type=click.FloatRange(0), default=1.0, show_default=True)
@click.option("--share-cores", is_flag=True, help="Let the pipeline have the server's core too.")
def main(rounds: int, rate: int, seconds: float, batch_delay: float, *, share_cores: bool) -> None:
    """Print a line for each phase, then the ratio."""
    cores = Cores.shared() if share_cores else Cores.divided()
    alone: list[float] = []
    beside: list[float] = []
    with (
        tempfile.TemporaryDirectory(prefix="imagesignals-bench-") as disk,
        tempfile.TemporaryDirectory(prefix="imagesignals-bench-", dir=_memory()) as home,
        Storage(pause_s=0.05) as storage,
        place(Path(disk) / "live", storage) as live,
        ProcessPoolExecutor(1, get_context("spawn")) as application,
    ):
        with live.engine.begin() as connection:
            for number in range(1, SOCIETIES):
                insert(connection, again(storage.submissions, number), storage.base_url)
        cores.keep(postmaster(live), application.submit(os.getpid).result())

        def phase() -> float:
            taken = application.submit(inserted, live.libpq_url, rate, seconds).result()
            return quantiles(taken, n=100)[98]

        for number in range(1, rounds + 1):
            alone.append(phase())
            asked = storage.asked.total()
            with backfilling(live, Path(home), batch_delay):
                beside.append(phase())
            print(
                f"round {number}: p99 {alone[-1]:7.2f} ms alone, {beside[-1]:7.2f} ms beside a"
                f" backfill of {storage.asked.total() - asked} pictures",
                flush=True,
            )
        expected = 2 * rounds * int(rate * seconds)
        print(f"inserts lost: {expected - live.count('LIVE')} of {expected}")
    one, other = median(alone), median(beside)
    print(f"median of p99: {one:.2f} ms alone, {other:.2f} ms beside")
    print(f"ratio, beside / alone: {other / one:.2f} (goal: 1.10 or less)")


def _memory() -> str | None:
    """Return a folder that is in memory, or None for the usual one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    main()
