"""What Dagster costs: an empty run, and a batch as a step against the same batch without Dagster.

The submissions' URLs are none, so nothing is fetched or decoded: a batch of five plans, fails and
commits five rows. All figures are of one run of this program; on a busy machine trust the ratio.

    python -m imagesignals_pipeline_tests.benchmarks.bench_shell [--batches 40]
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from uuid import uuid4

import click
from sqlalchemy import Engine, text

from imagesignals_pipeline import backfill, database, environment, settings, source, sql, store
from imagesignals_pipeline.fetch import Fetcher, FetchSettings
from imagesignals_pipeline.picture import Inspectors
from imagesignals_pipeline.source import Window

BATCH_SIZE = 5
EMPTY_RUNS = 5
FEW = 4
"""Batches of the short month, whose run is subtracted from the long month's."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of an empty run, of a batch as a step, and of the same batch without Dagster."""

    run_s: float
    step_s: float
    bare_s: float


@click.command(help=__doc__)
@click.option("--batches", type=click.IntRange(10, 400), default=40, show_default=True)
def main(batches: int) -> None:
    """Print the figures."""
    with own_place() as (_, engine):
        costs = measure(engine, batches, BATCH_SIZE)
    step, bare = costs.step_s, costs.bare_s
    print(f"an empty run, all checks included      {costs.run_s:6.2f} s (median of {EMPTY_RUNS})")
    print(f"a batch of {BATCH_SIZE} as a step of a run         {1000 * step:6.0f} ms")
    print(f"the same batch without Dagster         {1000 * bare:6.0f} ms")
    print(f"a step / without Dagster               {step / bare:6.2f}")
    print(f"Dagster's share beside a rest of 1 s   {(step - bare) / (1 + step):6.1%}")


@contextmanager
def own_place() -> Generator[tuple[Path, Engine]]:
    """Name an embedded server and a Dagster home of our own in the environment; yield both."""
    with tempfile.TemporaryDirectory(prefix="imagesignals-bench-") as folder:
        os.environ[settings.HOME] = folder
        os.environ["DAGSTER_HOME"] = folder
        os.environ[settings.FIRST_MONTH] = "2018-01"  # each month of the benchmarks is a run
        for variable in (settings.DATABASE_URL, settings.DAGSTER_DATABASE_URL):
            os.environ.pop(variable, None)
        shutil.copy(settings.ROOT / "dagster.yaml", folder)
        with environment.prepared(dagster=True):
            engine = database.engine(os.environ[settings.DATABASE_URL])
            with engine.begin() as connection:
                sql.migrate(connection, create_submissions=True)
            yield Path(folder), engine
            engine.dispose()
        os.chdir(Path(folder).parent)


def measure(engine: Engine, batches: int, batch_size: int) -> Costs:
    """Run batches of submissions whose URL is none, as steps and without Dagster."""
    _submit(engine, 2, FEW * batch_size)
    _submit(engine, 3, batches * batch_size)
    _submit(engine, 4, batches * batch_size)
    _run(1, batch_size)  # imports, and the first connections
    empty = median(_timed(lambda: _run(1, batch_size)) for _ in range(EMPTY_RUNS))
    few, many = _timed(lambda: _run(2, batch_size)), _timed(lambda: _run(3, batch_size))
    step = (many - few) / (batches - FEW)
    bare = _timed(lambda: _without_dagster(engine, batch_size)) / batches
    return Costs(empty, step, bare)


def _submit(engine: Engine, month: int, count: int) -> None:
    """Insert submissions whose URL is none, a minute apart."""
    first = datetime(2025, month, 1, tzinfo=UTC)
    rows = [
        {"id": uuid4(), "created_at": first + timedelta(minutes=minute)} for minute in range(count)
    ]
    with engine.begin() as connection:
        connection.execute(
            text("insert into payment_submissions values (:id, 'F-1', 'ftp://none', :created_at)"),
            rows,
        )


def _run(month: int, batch_size: int) -> None:
    """Run the job for a month of 2025."""
    from imagesignals_pipeline.defs import assets, runs  # noqa: PLC0415 - needs the environment

    config = assets.BackfillConfig(batch_size=batch_size, batch_delay=0)
    with runs.instance() as instance:
        runs.run_month(instance, f"2025-{month:02d}", config, lambda _: None)


def _without_dagster(engine: Engine, batch_size: int) -> None:
    """Do what the steps of a run do."""
    with Fetcher(FetchSettings()) as fetcher, Inspectors() as inspectors:
        bench = backfill.Workbench(engine, fetcher, inspectors)
        run_batches(bench, Window(until=datetime(2025, 5, 1, tzinfo=UTC)), batch_size)


def run_batches(bench: backfill.Workbench, window: Window, batch_size: int) -> None:
    """Plan what waits in a window, and work on it batch by batch, without Dagster."""
    run_id = str(window)
    with bench.engine.begin() as connection:
        waiting = source.pending_ids(connection, window)
        planned = store.plan(connection, run_id, waiting, batch_size)
    for number in range(1, planned + 1):
        backfill.run_batch(bench, run_id=run_id, number=number, tell=lambda _: None)


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
