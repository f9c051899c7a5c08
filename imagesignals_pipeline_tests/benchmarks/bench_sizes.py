"""How long a first backfill takes: a society of its own, the command line, the clock.

The society is the demonstration's, as large as asked for: other receipts of the same residents,
spread over fourteen months, one in twenty a copy of an earlier one. They are drawn before the clock
starts, kept for the next time, and served from this machine, so a real storage's answers are not in
it. Every size and speed starts with empty tables. It counts also which copies were found, and which
receipts were called copies that are none. Processor time, which a busy machine hardly
changes, is that of the command and its workers, without the database's.

With `--folder`, one size and speed is measured in as many sittings as it takes: whoever ends it by
whatever means and starts it again goes on. The clock is then that of the rows, from each batch to
the next, without the pauses between the sittings; what was under way at their ends counts twice.

    python -m imagesignals_pipeline_tests.benchmarks.bench_sizes [--sizes 100,500]
    python -m imagesignals_pipeline_tests.benchmarks.bench_sizes --sizes 100000 --speeds full \
        --folder ~/large
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import click
import requests
from sqlalchemy import Engine, text

from imagesignals_pipeline import database, environment, settings, sql, verify
from imagesignals_pipeline.demo import DemoStore, DemoSubmission, Kind
from imagesignals_pipeline.demo.paying import MONTHS, pay_day, upload
from imagesignals_pipeline.demo.residents import residents
from imagesignals_pipeline.demo.submission import make
from imagesignals_pipeline_tests.benchmarks import screenshots
from imagesignals_pipeline_tests.few import insert

SPEEDS = {
    "default": ("--batch-size", "5", "--batch-delay", "1"),
    "full": ("--batch-size", "20", "--batch-delay", "0"),
}
COPIES = 20
"""One submission in so many shows an earlier one's picture."""
FORGET = (
    "truncate payment_submissions, payment_image_signals, image_perceptual_hash_index,"
    " image_pictures, image_matches, image_marks, image_rechecks, image_signal_batches cascade"
)


def everyone() -> Iterator[DemoSubmission]:
    """Yield receipts without an end, no two of them alike but for the copies."""
    chance = Random("sizes")
    made: list[DemoSubmission] = []
    while True:
        for month in range(MONTHS):
            for resident in residents():
                fresh = upload(
                    resident, pay_day(chance, resident, month), resident.habit, Kind.HONEST
                )
                if made and len(made) % COPIES == 0:
                    first = chance.choice(made)
                    at, content = fresh.created_at, first.content
                    fresh = make(resident.flat_id, at, Kind.EXACT_COPY, content)
                made.append(fresh)
                yield fresh


def society(size: int) -> list[DemoSubmission]:
    """Return so many submissions; the same ones every time."""
    chosen: dict[object, DemoSubmission] = {}
    for each in everyone():
        chosen[each.id] = each
        if len(chosen) == size:
            return list(chosen.values())
    raise AssertionError("it has no end")


WORKED = """
with done as (select distinct analyzed_at from payment_image_signals),
pauses as (select analyzed_at - lag(analyzed_at) over (order by analyzed_at) as pause from done)
select coalesce(sum(extract(epoch from pause)) filter (where pause < interval '2 minutes'), 0)
from pauses
"""
"""Seconds from batch to batch; a longer pause is one between sittings."""
FOUND = """
select
    count(*) filter (where copy.content_sha256 = original.content_sha256) as copies,
    count(*) filter (where copy.content_sha256 <> original.content_sha256) as accused
from payment_image_signals as signals
join image_fingerprints as copy on copy.payment_submission_id = signals.payment_submission_id
join image_fingerprints as original
    on original.payment_submission_id = signals.similar_to_payment_id
where signals.duplicate_detected
"""
"""All copies of this society are the very file of an earlier submission."""


@click.command(help=__doc__)
@click.option("--sizes", default="100,500", show_default=True)
@click.option("--speeds", default="full,default", show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Kept for the next sitting.")
def main(sizes: str, speeds: str, folder: Path | None) -> None:
    """Print a line for each size and speed."""
    wanted = [(int(size), speed) for size in sizes.split(",") for speed in speeds.split(",")]
    if folder and len(wanted) > 1:
        raise click.UsageError("A folder is of one size and speed: name one of each.")
    with _at(folder) as home:
        for variable in (settings.DATABASE_URL, settings.DAGSTER_DATABASE_URL):
            os.environ.pop(variable, None)
        os.environ |= {settings.HOME: str(home), "DAGSTER_HOME": str(home)}
        shutil.copy(settings.ROOT / "dagster.yaml", home)
        with environment.prepared(dagster=True):
            engine = database.engine(os.environ[settings.DATABASE_URL])
            for size, speed in wanted:
                _measure(engine, home, society(size), speed, in_sittings=folder is not None)
            engine.dispose()
        os.chdir(home.parent)


@contextmanager
def _at(folder: Path | None) -> Generator[Path]:
    """Make a folder, or one that is forgotten afterwards."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="imagesignals-bench-") as passing:
        yield Path(passing)


def _measure(
    engine: Engine,
    home: Path,
    submissions: list[DemoSubmission],
    speed: str,
    *,
    in_sittings: bool,
) -> None:
    # What is kept holds addresses, so the port must be the same the next time.
    port = None if in_sittings else 0
    with DemoStore(screenshots.CACHE / "society", submissions=submissions, port=port) as store:
        os.environ[settings.STORAGE_URL] = store.base_url
        with engine.begin() as connection:
            sql.migrate(connection, create_submissions=True)
            there = verify.report(connection).total_payments_with_screenshots
        if not in_sittings or there != len(submissions):
            for each in submissions:  # drawn now, and kept
                requests.get(str(each.url(store.base_url)), timeout=60).raise_for_status()
            with engine.begin() as connection:
                connection.execute(text(FORGET))
                insert(connection, submissions, store.base_url)
        command = [str(Path(sys.executable).parent / "imagesignals"), "backfill", *SPEEDS[speed]]
        began, spent = time.perf_counter(), _processor_s()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=home)
        took, spent = time.perf_counter() - began, _processor_s() - spent
        with engine.connect() as connection:
            report = verify.report(connection)
            if in_sittings:
                took = float(connection.execute(text(WORKED)).scalar_one())
            found = connection.execute(text(FOUND)).one()
        assert (report.total_analyzed, report.pending) == (len(submissions), 0)
        copies = len(submissions) - len({each.content for each in submissions})
        load = os.getloadavg()[0]
        print(
            f"{len(submissions):6} submissions, {speed:7} {took:7.1f} s "
            f"{1000 * took / len(submissions):6.0f} ms each, processor {spent:6.1f} s "
            f"(load {load:.1f} on {os.cpu_count()} cores); "
            f"{found.copies} of {copies} copies found, "
            f"{found.accused} of {len(submissions) - copies} other receipts called a copy",
            flush=True,
        )


def _processor_s() -> float:
    """Return the processor time of all commands that have ended, without the database server's."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
