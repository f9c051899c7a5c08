"""Peak memory of a backfill: all its processes together, for few submissions and for many.

Proportional set size (PSS) counts what processes share once, so it can be added up: the command
itself, its decoders, and the PostgreSQL server with its buffers. One submission in a hundred has a
picture, the others a URL that is none and fail fast: steps, runs, events and rows grow with the
submissions as they would, the catalogue of pictures only with a hundredth of them.

    python -m imagesignals_pipeline_tests.benchmarks.bench_memory [--few 1000] [--many 10000]
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
import psutil
from sqlalchemy import Engine, text

from imagesignals_pipeline import database, settings, verify
from imagesignals_pipeline_tests.benchmarks import bench_shell, screenshots

EVERY = 100
"""One submission of so many has a picture."""
A_MONTH = 1000
BATCH_SIZE = 40
LOOK_EVERY_S = 0.5
GOAL = 1.3


@dataclass(frozen=True, slots=True)
class Peak:
    """Most MiB seen at one time; the parts may have had theirs at other times."""

    pipeline: float = 0
    server: float = 0
    together: float = 0

    def raised(self, pipeline: float, server: float) -> "Peak":
        """Return the peak after another look."""
        return Peak(
            max(self.pipeline, pipeline),
            max(self.server, server),
            max(self.together, pipeline + server),
        )


@click.command(help=__doc__)
@click.option("--few", type=click.IntRange(100), default=1000, show_default=True)
@click.option("--many", type=click.IntRange(100), default=10_000, show_default=True)
def main(few: int, many: int) -> None:
    """Print the peaks and their ratio."""
    peaks: list[Peak] = []
    for count in (few, many):
        with bench_shell.own_place() as (home, engine):  # a server of its own, with empty buffers
            began = time.monotonic()
            peak = _peak(home, engine, count)
            took_s = time.monotonic() - began
            with engine.connect() as connection:
                done = verify.report(connection)
                assert done.pending == 0, done.status_breakdown
            print(
                f"{count:7} submissions in {took_s:5.0f} s: peak {peak.together:6.0f} MiB together;"
                f" pipeline {peak.pipeline:6.0f}, server {peak.server:6.0f};"
                f" {_events(count)}",
                flush=True,
            )
            peaks.append(peak)
    small, large = peaks
    ratio = large.together / small.together
    verdict = "met" if ratio <= GOAL else "MISSED"
    print(f"ratio {ratio:.2f} (goal: {GOAL} or less at 100,000; {verdict} at {many:,})")
    print(f"ratio of the pipeline alone {large.pipeline / small.pipeline:.2f}")


def _peak(home: Path, engine: Engine, count: int) -> Peak:
    """Submit and backfill; return the peak."""
    files = screenshots.draw(count // EVERY)
    with screenshots.served(files[0].parent, 0) as base_url:
        urls = [
            "ftp://none" if number % EVERY else base_url + files[number // EVERY].name
            for number in range(count // EVERY * EVERY)
        ]
        with engine.begin() as connection:
            screenshots.submit(connection, urls, a_month=A_MONTH)
        os.environ[settings.STORAGE_URL] = base_url
        command = str(Path(sys.executable).parent / "imagesignals")
        pace = ("--batch-delay", "0", "--batch-size", str(BATCH_SIZE))
        with subprocess.Popen([command, "backfill", *pace], stdout=subprocess.DEVNULL) as process:
            (note,) = home.rglob("postmaster.pid")
            postmaster = int(note.read_text().split()[0])
            peak = Peak()
            while process.poll() is None:
                peak = peak.raised(_mebibytes(process.pid), _mebibytes(postmaster))
                time.sleep(LOOK_EVERY_S)
        assert process.returncode == 0
    return peak


def _mebibytes(pid: int) -> float:
    """Return what a process and all below it take now; who ends meanwhile counts no more."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for each in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += each.memory_full_info().pss
    return total / 2**20


def _events(count: int) -> str:
    """Return how many rows Dagster's event log has, and how many for a submission."""
    engine = database.engine(os.environ[settings.DAGSTER_DATABASE_URL])
    with engine.connect() as connection:
        rows = connection.execute(text("select count(*) from event_logs")).scalar_one()
    engine.dispose()
    return f"{rows} events, {rows / count:.2f} a submission"


if __name__ == "__main__":
    main()
