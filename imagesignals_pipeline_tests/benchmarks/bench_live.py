"""What the live application feels: inserts at a steady rate, with and without a backfill beside.

Phases alternate on one machine and one server: in each, somebody inserts submissions at a fixed
rate, and the time from the moment an insert was due to its commit is taken. In every second phase
`imagesignals backfill` works on a fresh society at the same time, as fast as it can. The ratio is
that of the medians over phases of the 99th percentile. Everything runs on the machine's own cores,
which a live database of its own would not share.

    python -m imagesignals_pipeline_tests.benchmarks.bench_live [--rounds 4] [--rate 200]
"""

import subprocess
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from uuid import uuid4

import click
import psycopg2

from imagesignals_pipeline_tests.faults.flats import Storage
from imagesignals_pipeline_tests.faults.locks import READERS, watched
from imagesignals_pipeline_tests.faults.place import Place, place

AFTER_ALL = datetime(2031, 1, 1, tzinfo=UTC)
"""When the inserted submissions were made: `--until` keeps the backfill away from them."""
INSERT = (
    "insert into payment_submissions (id, flat_id, screenshot_url, created_at)"
    " values (%s, 'LIVE', 'live.png', %s)"
)


def inserted(place: Place, rate: int, seconds: float) -> list[float]:
    """Insert at a rate for a while; return the milliseconds from due to committed of each."""
    taken: list[float] = []
    connection = psycopg2.connect(place.libpq_url)
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


@contextmanager
def backfilling(place: Place) -> Generator[None]:
    """Analyse the society again and again, for as long as the block runs."""
    over = threading.Event()
    at_work = threading.Event()
    command = place.command("backfill", "--batch-delay", "0", "--until", "2030-01-01")

    def work() -> None:
        while not over.is_set():
            place.reset()
            process = subprocess.Popen(
                command,
                env=place.environ,
                cwd=place.home,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while process.poll() is None:
                if place.storage.asked.total() > before:
                    at_work.set()
                if over.wait(0.2):
                    process.terminate()
                    process.wait()

    before = place.storage.asked.total()
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
def main(rounds: int, rate: int, seconds: float) -> None:
    """Print a line for each phase, then the ratio."""
    alone: list[float] = []
    beside: list[float] = []
    with (
        tempfile.TemporaryDirectory(prefix="imagesignals-bench-") as home,
        Storage(pause_s=0.05) as storage,
        place(Path(home), storage) as there,
    ):
        for number in range(1, rounds + 1):
            alone.append(p99(inserted(there, rate, seconds)))
            asked = storage.asked.total()
            with backfilling(there), watched(there.engine) as locks:
                beside.append(p99(inserted(there, rate, seconds)))
            pictures = storage.asked.total() - asked
            if not locks.modes <= READERS:
                raise AssertionError(locks.modes)
            print(
                f"round {number}: p99 {alone[-1]:7.2f} ms alone, {beside[-1]:7.2f} ms beside a"
                f" backfill of {pictures} pictures",
                flush=True,
            )
        expected = 2 * rounds * int(rate * seconds)
        print(f"inserts lost: {expected - there.count('LIVE')} of {expected}")
    print(f"median p99: {median(alone):.2f} ms alone, {median(beside):.2f} ms beside")
    print(f"ratio of p99, beside / alone: {median(beside) / median(alone):.2f}")


def p99(values: list[float]) -> float:
    """Return the 99th percentile."""
    return quantiles(values, n=100)[98]


if __name__ == "__main__":
    main()
