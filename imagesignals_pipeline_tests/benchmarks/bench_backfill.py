"""The whole backfill beside a straightforward script and beside mere decoding, in one run.

(a) is `imagesignals backfill --batch-delay 0` as an operator calls it: real PostgreSQL, Dagster's
storage in it, processes and imports included. (b) is `plain_script.py`, which compares nothing but
hashes. (c) is all cores decoding the same files with Pillow: what no pipeline can beat on this
machine. All of them, the server too, run at the niceness that a backfill gives itself.

Then (a)'s own work again without Dagster, in this process, to tell what it is spent on. Dagster's
share of (a) is what the command takes more than the same work without it, with URLs that are none
instead of pictures; the start of the command counts as Dagster's. It is told for ten times as many
submissions too, beside ten times (a).

    python -m imagesignals_pipeline_tests.benchmarks.bench_backfill [--pictures 2000]
"""

import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import click
from PIL import Image
from sqlalchemy import Engine, text

from imagesignals_pipeline import backfill, environment, settings, source, verify
from imagesignals_pipeline.fetch import Fetcher, FetchSettings
from imagesignals_pipeline.picture import Inspectors
from imagesignals_pipeline.source import Window
from imagesignals_pipeline.workers.pool import available_cores
from imagesignals_pipeline_tests.benchmarks import bench_shell, screenshots

LATENCIES_MS = (0, 50)
DAGSTERS_SHARE = {1: 0.10, 10: 0.03}
"""Its largest share by how many times the submissions."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all ways work with."""

    engine: Engine
    home: Path
    files: Sequence[Path]
    batch_size: int

    def rate(self, seconds: float) -> float:
        """Return pictures a second."""
        return len(self.files) / seconds

    def backfill(self) -> float:
        """Return the seconds of the command, from its start to its end."""
        command = str(Path(sys.executable).parent / "imagesignals")
        pace = ("--batch-delay", "0", "--batch-size", str(self.batch_size))
        return _seconds_of(command, "backfill", *pace)


@click.command(help=__doc__)
@click.option("--pictures", type=click.IntRange(10), default=2000, show_default=True)
@click.option("--batch-size", type=click.IntRange(1, 100), default=40, show_default=True)
def main(pictures: int, batch_size: int) -> None:
    """Print rates, ratios and goals."""
    environment.give_way()
    files = screenshots.draw(pictures)
    mebibytes = sum(file.stat().st_size for file in files) / 2**20
    print(
        f"{pictures} screenshots of 1080 x 2400, PNG and JPEG in turn, {mebibytes:.0f} MiB;"
        f" {available_cores()} cores; batches of {batch_size}",
        flush=True,
    )
    with bench_shell.own_place() as (home, engine):
        bench = Bench(engine, home, files, batch_size)
        limit_s = decoding_s(files)
        _say("(c) decode only", bench.rate(limit_s))
        whole = {latency: _compare(bench, latency / 1000, limit_s) for latency in LATENCIES_MS}
        _parts(bench)
        _dagsters_share(bench, whole[LATENCIES_MS[0]])


def _compare(bench: Bench, latency_s: float, limit_s: float) -> float:
    """Print rates and ratios at one latency; return the seconds of (a)."""
    print(f"\nThe storage answers after {1000 * latency_s:.0f} ms:")
    with _submitted(bench, latency_s):
        script_s = _seconds_of(sys.executable, "-m", f"{__package__}.plain_script")
        _expect_all(bench)
    _say("(b) straightforward script", bench.rate(script_s))
    with _submitted(bench, latency_s):
        ours_s = bench.backfill()
        _expect_all(bench)
    _say("(a) imagesignals backfill", bench.rate(ours_s))
    _say_goal("(a) / (b)", script_s / ours_s, "goal: 1.5 or more", met=script_s / ours_s >= 1.5)
    met = limit_s / ours_s >= 0.8 if latency_s == 0 else None
    _say_goal("(a) / (c)", limit_s / ours_s, "goal at 0 ms: 0.8 or more", met=met)
    return ours_s


@contextmanager
def _submitted(bench: Bench, latency_s: float) -> Generator[str]:
    """Submit the pictures anew, and serve them."""
    with screenshots.served(bench.files[0].parent, latency_s) as base_url:
        with bench.engine.begin() as connection:
            screenshots.submit(connection, [base_url + file.name for file in bench.files])
        with bench.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum analyze"))
        os.environ[settings.STORAGE_URL] = base_url
        yield base_url


def _seconds_of(*command: str) -> float:
    """Run a program from its start to its end."""
    plain = os.environ[settings.DATABASE_URL].replace("+psycopg2", "")
    began = time.perf_counter()
    subprocess.run(
        command,
        env={**os.environ, "DATABASE_URL": plain},
        cwd=settings.ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


def _expect_all(bench: Bench) -> None:
    """Make sure that nobody was quick because nothing was done."""
    with bench.engine.connect() as connection:
        report = verify.report(connection)
    assert report.status_breakdown.get("completed") == len(bench.files), report.status_breakdown


def decoding_s(files: Sequence[Path]) -> float:
    """Return the seconds in which all cores decode the files; workers have started before."""
    cores = available_cores()
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        list(pool.map(_decode, files[: 2 * cores]))
        began = time.perf_counter()
        list(pool.map(_decode, files, chunksize=4))
        return time.perf_counter() - began


def _decode(file: Path) -> None:
    with Image.open(file) as image:
        image.load()


def _parts(bench: Bench) -> None:
    """Print what (a)'s own work is spent on, measured without Dagster."""
    with _submitted(bench, 0) as base_url:
        settled = FetchSettings.from_values(
            storage_url=base_url, storage_key=None, allowed_origins=None
        )
        with bench.engine.connect() as connection:
            ids = source.pending_ids(connection, Window())
        inspecting_s = committing_s = 0.0
        with Fetcher(settled) as fetcher, Inspectors() as inspectors:
            workbench = backfill.Workbench(bench.engine, fetcher, inspectors)
            for first in range(0, len(ids), bench.batch_size):
                began = time.perf_counter()
                with bench.engine.connect() as connection:
                    some = source.submissions(connection, ids[first : first + bench.batch_size])
                outcomes = backfill.inspect(workbench, some)
                inspected = time.perf_counter()
                backfill.commit(bench.engine, outcomes, inspectors.call)
                inspecting_s += inspected - began
                committing_s += time.perf_counter() - inspected
    whole_s = inspecting_s + committing_s
    print("\nThe work of (a) in one process without Dagster, at 0 ms:")
    _say("all of it", bench.rate(whole_s))
    print(f"  fetch, decode, measure, fingerprint   {inspecting_s / whole_s:8.1%}")
    print(f"  save, match with all others, link     {committing_s / whole_s:8.1%}")


def _dagsters_share(bench: Bench, whole_s: float) -> None:
    """Print how much of (a) Dagster takes, with stubbed pictures."""
    print("\nDagster (no pictures: URLs that are none):")
    for times, goal in DAGSTERS_SHARE.items():
        count = times * len(bench.files)
        stubs = [f"ftp://none/{number}" for number in range(count)]
        with bench.engine.begin() as connection:
            screenshots.submit(connection, stubs)
        with_s = bench.backfill()
        with bench.engine.begin() as connection:
            screenshots.submit(connection, stubs)
        began = time.perf_counter()
        _without_dagster(bench)
        without_s = time.perf_counter() - began
        print(f"  {count:6} submissions with and without it {with_s:8.1f} and {without_s:.1f} s")
        share = (with_s - without_s) / (times * whole_s)
        beside = "(a)'s time" if times == 1 else f"{times} times (a)'s time"
        _say_goal(f"share of {beside}", share, f"goal: {goal:.2f} or less", met=share <= goal)


def _without_dagster(bench: Bench) -> None:
    """Do what the runs do, one month after the other."""
    from imagesignals_pipeline.defs import partitions  # noqa: PLC0415 - needs the environment

    with bench.engine.begin() as connection:
        months = source.pending_by_month(connection)
    with Fetcher(FetchSettings()) as fetcher, Inspectors() as inspectors:
        workbench = backfill.Workbench(bench.engine, fetcher, inspectors)
        for month in months:
            window = partitions.window(partitions.partition_key(month))
            bench_shell.run_batches(workbench, window, bench.batch_size)
            backfill.settle(bench.engine)
            with bench.engine.begin() as connection:
                verify.report(connection)


def _say(what: str, rate: float) -> None:
    print(f"  {what:36} {rate:8.1f} pictures a second", flush=True)


def _say_goal(what: str, ratio: float, goal: str, *, met: bool | None) -> None:
    verdict = "" if met is None else ", met" if met else ", MISSED"
    print(f"  {what:36} {ratio:8.2f} ({goal}{verdict})", flush=True)


if __name__ == "__main__":
    main()
