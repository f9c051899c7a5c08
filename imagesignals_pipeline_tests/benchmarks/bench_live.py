"""What the live application feels: inserts at a steady rate, with and without a backfill beside.

Somebody inserts submissions at a fixed rate, and the time that each takes, with what it waits for
the one before, is measured. Beside it `imagesignals backfill` works through the receipts of
`bench_sizes`, at its own pace or at another, and is frozen (SIGSTOP) for every second slice of some
seconds, so that whatever else happens on the machine comes to both alike. The ratio is that of the
medians over slices of the 99th percentile, with the bounds within which it falls in 90 of 100 draws
of as many pairs of slices. The live database is a server of its own, as the README has it: it has
one core together with the inserts, and the disk; the pipeline and Dagster's storage have the other
cores, and their files in memory. What is left to disturb the inserts is what the pipeline asks of
the live database. With `--share-cores`, all run on all cores.

    python -m imagesignals_pipeline_tests.benchmarks.bench_live [--pairs 40] [--rate 200]
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from multiprocessing import get_context
from pathlib import Path
from uuid import uuid4

import click
import numpy as np
import psutil
import psycopg2
import requests
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from imagesignals_pipeline import database, settings, sql
from imagesignals_pipeline.demo import DemoStore
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres
from imagesignals_pipeline_tests.benchmarks import bench_sizes, screenshots
from imagesignals_pipeline_tests.few import insert

AFTER_ALL = datetime(2031, 1, 1, tzinfo=UTC)
"""When the inserted submissions were made: `--until` keeps the backfill away from them."""
BATCH_SIZE = 5
SUBMISSIONS = 5_000
"""Far more than are analysed: with some hundreds a month, a month's end is as rare as it is."""
FULL_SPEED = 20
"""Pictures a second, at most, where a backfill does not rest between batches."""
FIRST_S = 5.0
"""What a backfill does in its first seconds it does once."""
SETTLES_S = 0.3
"""Inserts so soon after a change of slices count for neither."""
INSERT = (
    "insert into payment_submissions (id, flat_id, screenshot_url, created_at)"
    " values (%s, 'LIVE', 'live.png', %s)"
)


def inserted(url: str, rate: int, seconds: float) -> list[tuple[float, float]]:
    """Insert at a rate for a while; return when each began, and its milliseconds till commit.

    One that has to wait for the one before it began when it was due; the time that this process
    takes to awake counts for nothing.
    """
    taken: list[tuple[float, float]] = []
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            due = began + number / rate
            if (early := due - time.perf_counter()) > 0:
                time.sleep(early)
                due = time.perf_counter()
            cursor.execute(INSERT, (str(uuid4()), AFTER_ALL))
            taken.append((due, 1000 * (time.perf_counter() - due)))
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

    def keep(self, server: Path, application: int) -> None:
        """Bind the server and all that it starts, the application, and what this process starts.

        Args:
            server: The folder of an embedded server.
            application: Number of the process that inserts.
        """
        (file,) = server.glob("pg*/postmaster.pid")
        postmaster = psutil.Process(int(file.read_text().split("\n", 1)[0]))
        for each in (postmaster, *postmaster.children(), psutil.Process(application)):
            each.cpu_affinity(self.live)
        psutil.Process().cpu_affinity(self.pipeline)


@contextmanager
def backfill(live: Engine, url: str, home: Path, batch_delay: float) -> Generator[psutil.Popen]:
    """Analyse the society; the block begins when the first pictures have been."""
    program = str(Path(sys.executable).parent / "imagesignals")
    command = [program, "backfill", "--until", "2030-01-01"]
    command += ["--batch-size", str(BATCH_SIZE), "--batch-delay", str(batch_delay)]
    environ = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        settings.HOME: str(home),
        settings.DATABASE_URL: url,
    }
    with psutil.Popen(command, env=environ, cwd=home, stdout=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None and not counted(live, "payment_image_signals"):
                time.sleep(0.1)
            time.sleep(FIRST_S)
            yield process
        finally:
            with suppress(psutil.NoSuchProcess):
                process.resume()
                process.terminate()


def counted(live: Engine, table: str) -> int:
    """Return how many rows a table of the live database has."""
    with live.begin() as connection:
        return connection.execute(text(f"select count(*) from {table}")).scalar_one()


def slices(process: psutil.Popen, pairs: int, seconds: float) -> Iterator[tuple[float, float]]:
    """Freeze the backfill and let it work in turn; yield the bounds of each slice."""
    for _ in range(pairs):
        for change in (process.suspend, process.resume):
            if process.poll() is not None:
                raise click.ClickException("The backfill has ended: there were too few pictures.")
            change()
            began = time.perf_counter() + SETTLES_S
            time.sleep(seconds)
            yield began, time.perf_counter()


def ratio(pairs: NDArray[np.float64]) -> float:
    """Return the median of the second column by that of the first."""
    alone, beside = np.median(pairs, axis=0)
    return float(beside / alone)


@click.command(help=__doc__)
@click.option("--pairs", type=click.IntRange(1), default=40, show_default=True, help="Of slices.")
@click.option("--rate", type=click.IntRange(1), default=200, show_default=True, help="A second.")
@click.option("--seconds", type=click.FloatRange(1), default=5.0, show_default=True)
@click.option("--batch-delay", type=click.FloatRange(0), default=1.0, show_default=True)
@click.option("--share-cores", is_flag=True, help="Let the pipeline have the server's core too.")
def main(pairs: int, rate: int, seconds: float, batch_delay: float, *, share_cores: bool) -> None:
    """Print the medians, then the ratio."""
    cores = Cores.shared() if share_cores else Cores.divided()
    submissions = bench_sizes.society(SUBMISSIONS)
    for variable in (settings.DATABASE_URL, settings.DAGSTER_DATABASE_URL):
        os.environ.pop(variable, None)
    with (
        tempfile.TemporaryDirectory(prefix="imagesignals-bench-") as disk,
        tempfile.TemporaryDirectory(prefix="imagesignals-bench-", dir=_memory()) as home,
        DemoStore(screenshots.CACHE / "society", submissions=submissions, port=0) as store,
        EmbeddedPostgres(Path(disk)) as server,
        ProcessPoolExecutor(1, get_context("spawn")) as application,
    ):
        url = server.url("imagesignals")
        os.environ[settings.STORAGE_URL] = store.base_url
        fastest = BATCH_SIZE / batch_delay if batch_delay else FULL_SPEED
        first = sorted(submissions, key=lambda each: each.created_at)
        for each in first[
            : ceil(fastest * (pairs * seconds + FIRST_S))
        ]:  # drawn now, and in memory
            requests.get(str(each.url(store.base_url)), timeout=60).raise_for_status()
        shutil.copy(settings.ROOT / "dagster.yaml", home)
        live = database.engine(url)
        with live.begin() as connection:
            sql.migrate(connection, create_submissions=True)
            insert(connection, submissions, store.base_url)
        cores.keep(Path(disk), application.submit(os.getpid).result())
        with backfill(live, url, Path(home), batch_delay) as process:
            analysed = counted(live, "payment_image_signals")
            whole = 2 * pairs * (seconds + SETTLES_S)
            libpq_url = url.replace("+psycopg2", "")
            inserts = application.submit(inserted, libpq_url, rate, whole)
            bounds = list(slices(process, pairs, seconds))
            analysed = counted(live, "payment_image_signals") - analysed
        taken = inserts.result()
        lost = len(submissions) + len(taken) - counted(live, "payment_submissions")
        live.dispose()
    began, took = np.array(taken).T
    p99 = [np.percentile(took[(began > begin) & (began < end)], 99) for begin, end in bounds]
    measured = np.array(p99).reshape(pairs, 2)
    chance = np.random.default_rng(0)
    drawn = [ratio(measured[chance.integers(pairs, size=pairs)]) for _ in range(1000)]
    low, high = np.percentile(drawn, [5, 95])
    alone, beside = np.median(measured, axis=0)
    print(f"inserts lost: {lost} of {len(taken)}; pictures analysed: {analysed}")
    print(f"median of p99: {alone:.2f} ms alone, {beside:.2f} ms beside a backfill")
    print(
        f"ratio, beside / alone: {ratio(measured):.2f}"
        f" (90 of 100 draws from {low:.2f} to {high:.2f}; goal: 1.10 or less)"
    )


def _memory() -> str | None:
    """Return a folder that is in memory, or None for the usual one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    main()
