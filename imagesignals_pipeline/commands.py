"""What each command does; every one is a short story in the words of the rooms."""

import json
import os
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from math import ceil
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from imagesignals_pipeline import activity, database, environment, settings, source, sql, store
from imagesignals_pipeline import verify as verification
from imagesignals_pipeline.console import ConsoleActivity
from imagesignals_pipeline.fetch import FetchSettings
from imagesignals_pipeline.model import (
    Analysis,
    Failure,
    FailureKind,
    OperatorError,
    Signals,
    Totals,
)
from imagesignals_pipeline.settings import MisconfiguredError
from imagesignals_pipeline.source import Window

OF_THE_SOCIETY = (
    *(settings.DATABASE_URL, settings.DAGSTER_DATABASE_URL, settings.BROKER_URL),
    *(settings.STORAGE_URL, settings.STORAGE_KEY, settings.ALLOWED_ORIGINS, settings.ALERT_URL),
    *(settings.THUMBNAIL_KEY, settings.THUMBNAIL_DAYS, settings.REPORTS),
)
"""What names the society's own databases, storage, workers, people, keys and files."""


@dataclass(frozen=True, slots=True)
class BackfillOptions:
    """How a backfill is paced and which submissions it takes; `since` is included, `until` not."""

    batch_size: int = 5
    batch_delay: float = 1.0
    since: datetime | None = None
    until: datetime | None = None
    retry_failed: bool = False


def backfill(console: Console, options: BackfillOptions) -> None:
    """Run the Dagster job for every month with something pending.

    Raises:
        OperatorError: It could not run; what was reported as processed is committed.
    """
    with _at_work(dagster=True) as engine:
        environment.give_way()  # not before: an embedded server would have to give way as well
        _backfill(console, engine, options)


def migrate(console: Console, *, roles: bool = False) -> None:
    """Create or adopt the tables, and the roles if asked for, and say what was found."""
    with _at_work() as engine:
        _migrate(console, engine)
        if roles:
            with engine.begin() as connection:
                report = sql.grant_roles(connection)
            _print(console, report.lines)


def encrypt(console: Console) -> None:
    """Encrypt stored thumbnails with the present key, and say how many were not.

    Raises:
        OperatorError: No key is set, or one that is needed is missing.
    """
    with _at_work() as engine:
        with engine.begin() as connection:
            sql.require_tables(connection)
        encrypted, last = 0, None
        while True:
            with engine.begin() as connection:
                portion = store.reseal(connection, last)
            if portion.last is None:
                break
            encrypted, last = encrypted + portion.written, portion.last
        console.print(f"Thumbnails encrypted with the first key: {encrypted}")


def verify(console: Console, *, as_json: bool) -> bool:
    """Print the verification; return False if a check of severity ERROR failed."""
    with _at_work() as engine, engine.begin() as connection:
        report = verification.report(connection)
    if as_json:
        console.print_json(json.dumps(report.as_json(), default=str), ensure_ascii=True)
    else:
        _show(console, report)
    return report.passed


def analyze(console: Console, files: Sequence[Path], *, as_json: bool) -> None:
    """Print the signals of local files, in the order given; a broken file is told, not raised."""
    from imagesignals_pipeline.picture import Inspectors  # decoders are of no use to the others

    with Inspectors() as inspectors:
        results = inspectors.inspect_all(files, _content)
        for file, result in zip(files, results, strict=True):
            signals = {"file": str(file), **_columns(result)}
            if as_json:
                console.out(json.dumps(signals, default=str), highlight=False)
            else:
                console.print(_pairs(signals))


def _content(file: Path) -> bytes | Failure:
    """Return a file's bytes, or that they are more than would be fetched."""
    most = FetchSettings().max_bytes
    with file.open("rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        detail = f"Failed to read: larger than {most / 2**20:.3g} MiB"
        return Failure(FailureKind.TOO_MANY_BYTES, detail)
    return content


def _columns(result: Analysis | Failure) -> dict[str, object]:
    """Return a picture's signals by the names of their columns, of a failure without values."""
    if isinstance(result, Failure):
        status, error = str(result.kind.status), result.detail
        none = dict.fromkeys(each.name for each in fields(Signals))
        return {"analysis_status": status, "analysis_error": error, **none}
    return {"analysis_status": "completed", "analysis_error": None, **asdict(result.signals)}


def demo(console: Console, *, batch_delay: float) -> None:
    """Show the whole story on a society of our own, always in the embedded database."""
    _leave_alone(console)
    with environment.prepared(dagster=True), _connected() as engine, _society(console, engine):
        _backfill(console, engine, BackfillOptions(batch_delay=batch_delay))
        with engine.begin() as connection:
            _show(console, verification.report(connection))
    console.print(
        "\nTo look at it in the Dagster UI: .venv/bin/imagesignals dev --demo, then "
        "http://127.0.0.1:3000"
    )


def dev(console: Console, *, port: int, with_demo: bool) -> int:
    """Run the Dagster UI and daemon until they are stopped; return their exit status."""
    from imagesignals_pipeline.defs import runs
    from imagesignals_pipeline.dev import supervise
    from imagesignals_pipeline.review.server import listen

    listen(port).close()  # Dagster would go on without its UI where the port is taken
    if with_demo:
        _leave_alone(console)
    else:
        _say_where()
    own_database = settings.read(os.environ).database_url is None
    with environment.prepared(dagster=True) as server, ExitStack() as stack:
        with _connected() as engine:
            if with_demo:
                stack.enter_context(_society(console, engine))
            else:
                _migrate(console, engine, create_submissions=own_database)
        runs.end_abandoned()

        def tidy() -> None:
            with suppress(OperatorError):  # its database is starting again: the next time will do
                runs.end_abandoned()

        return supervise(server, port, tidy)


def worker(*, redeliver_after_s: int) -> int:
    """Take steps of runs from the broker until it is stopped; return the exit status."""
    read = settings.read(os.environ)
    shared = {
        settings.BROKER_URL: read.broker_url,
        settings.DATABASE_URL: read.database_url,
        settings.DAGSTER_DATABASE_URL: read.dagster_database_url,
    }
    for name, value in shared.items():
        if value is None:
            raise MisconfiguredError(
                f"Set {name} to what those who send steps to this worker have set."
            )
    from imagesignals_pipeline.defs import on_celery, runs

    environment.fetch_settings()  # what is wrong here would fail the run of each step it takes
    with _at_work(dagster=True) as engine:
        with engine.begin() as connection:
            sql.require_tables(connection)
        with runs.instance():
            pass
        environment.give_way()
        return on_celery.work(str(read.broker_url), redeliver_after_s)


def review(console: Console, *, port: int) -> None:
    """Serve the review page on this machine until it is stopped."""
    from imagesignals_pipeline.review import server  # a web server is of no use to the others

    read = settings.read(os.environ)
    with _at_work() as engine:
        with engine.begin() as connection:
            sql.require_tables(connection)
        with server.listen(port) as listening:
            address = f"http://{server.LOOPBACK}:{listening.getsockname()[1]}"
            console.print(f"Duplicate review: {address} (Ctrl-C stops it)", soft_wrap=True)
            desk = server.Desk(
                engine,
                database.explain,
                show_pictures=read.show_thumbnails,
                zone=read.time_zone,
            )
            server.serve(desk, listening)


def _leave_alone(console: Console) -> None:
    """Forget what belongs to the society: the demonstration must neither use nor touch it."""
    for variable in OF_THE_SOCIETY:
        if os.environ.pop(variable, None):
            line = f"The demonstration leaves {variable} alone: that is the society's."
            console.print(line, soft_wrap=True)


@contextmanager
def _society(console: Console, engine: Engine) -> Generator[None]:
    """Load the demonstration society and serve its pictures."""
    from imagesignals_pipeline import demo as society

    _migrate(console, engine, create_submissions=True)
    with society.DemoStore(settings.read(os.environ).home / "demo") as store:
        with engine.begin() as connection:
            society.load(connection, store.base_url)
        os.environ[settings.STORAGE_URL] = store.base_url
        yield


@contextmanager
def _at_work(*, dagster: bool = False) -> Generator[Engine]:
    """Connect to the society's database; say so where it is none but the one for trying out."""
    _say_where()
    with environment.prepared(dagster=dagster), _connected() as engine:
        yield engine


def _say_where() -> None:
    """Say that no database is named: nobody should take the demonstration for their society."""
    read = settings.read(os.environ)
    if read.database_url is None:
        Console(stderr=True).print(
            f"{settings.DATABASE_URL} is not set: this is the database for trying out and for the "
            f"demonstration, in {read.home}.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


@contextmanager
def _connected() -> Generator[Engine]:
    """Connect to the database that the environment names, and say plainly why if that fails."""
    with database.connected(os.environ[settings.DATABASE_URL]) as engine:
        database.check(engine)
        yield engine


def _backfill(console: Console, engine: Engine, options: BackfillOptions) -> None:
    """Find what waits and run the job month by month."""
    environment.fetch_settings()  # what is wrong is said now, not by the run of each month
    console.print(activity.fetching().line)
    totals, months = _what_waits(engine, options)
    if months:
        console.print(activity.found(sum(months.values())).line)
        already = totals.total - sum(months.values())
        told = _run(console, options, months, already=already)
        console.print(activity.totals(told, before=already).line)
        if told.failed or not told.completed:
            console.print(activity.failures(told, before=already).line, soft_wrap=True)
    else:
        console.print(activity.nothing(totals).line, soft_wrap=True)
        _settle(console, engine)
    console.print(activity.finished().line)


def _what_waits(engine: Engine, options: BackfillOptions) -> tuple[Totals, dict[date, int]]:
    """Return how many screenshots there are and how many wait in each month, at one moment."""
    asked = Window(options.since, options.until)
    with engine.execution_options(isolation_level="REPEATABLE READ").begin() as connection:
        sql.require_tables(connection)
        totals = source.totals(connection, asked)
        months = source.pending_by_month(connection, asked, retry_failed=options.retry_failed)
    return totals, months


def _settle(console: Console, engine: Engine) -> None:
    """Bring links and index in line with submissions that were deleted or changed."""
    from imagesignals_pipeline import backfill as rooms  # matching is of no use to the others
    from imagesignals_pipeline.picture import Inspectors

    with Inspectors() as inspectors:
        rooms.settle(
            engine,
            settings.read(os.environ).thumbnail_days,
            call=inspectors.call,
            tell=lambda told: console.print(told.line),
        )


def _run(
    console: Console, options: BackfillOptions, months: Mapping[date, int], *, already: int
) -> Totals:
    """Run the job for each partition that one of the months lies in, oldest first."""
    # dagster takes 2 s to import
    from imagesignals_pipeline.defs import assets, partitions, resources, runs

    by_partition = Counter[str]()
    for month, waiting in months.items():
        by_partition[partitions.partition_key(month)] += waiting
    batches = sum(ceil(waiting / options.batch_size) for waiting in by_partition.values())
    config = assets.BackfillConfig(
        batch_size=options.batch_size,
        batch_delay=options.batch_delay,
        since=options.since.date().isoformat() if options.since else None,
        until=options.until.date().isoformat() if options.until else None,
        retry_failed=options.retry_failed,
    )
    total = already + by_partition.total()
    progress = ConsoleActivity(console, total=total, already=already, batches=batches)
    with progress, resources.kept(), runs.instance() as instance:
        *others, last = sorted(by_partition)
        for partition in others:
            runs.run_month(instance, partition, config, progress.tell, followed=True)
        runs.run_month(instance, last, config, progress.tell)
    return progress.totals


def _migrate(console: Console, engine: Engine, *, create_submissions: bool = False) -> None:
    """Apply the migrations and say what they found."""
    with engine.begin() as connection:
        report = sql.migrate(connection, create_submissions=create_submissions)
    _print(console, report.lines)


def _print(console: Console, lines: Sequence[str]) -> None:
    """Print sentences as they are."""
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _pairs(columns: Mapping[str, object]) -> Table:
    """Return names and values as a table without borders."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in columns.items():
        table.add_row(name, _cell(value))
    return table


def _cell(value: object) -> Text:
    """Return what a cell shows: data, neither markup nor what steers a terminal, and all of it."""
    text = "" if value is None else activity.printable(str(value))
    return Text(text, overflow="fold")


def _show(console: Console, report: verification.Report) -> None:
    """Print the verification as tables."""
    console.print(
        _pairs(
            {
                "Payments with screenshots": report.total_payments_with_screenshots,
                "… without blank and manual ones": report.submissions_to_analyze,
                "Analyzed": report.total_analyzed,
                "Pending": report.pending,
                **{f"Status {name}": count for name, count in report.status_breakdown.items()},
            }
        )
    )
    console.print(_table("Not analyzed, by kind", report.failures()))
    console.print(_duplicates(report))
    for check in report.checks:
        mark = "✅" if check.passed else {"ERROR": "❌", "WARN": "⚠️ "}[check.severity]
        console.print(f"{mark} {check.name}: {check.description}", markup=False, highlight=False)


def _table(title: str, frame: pd.DataFrame) -> Table:
    """Return a frame as a table."""
    table = Table(*map(str, frame.columns), title=title, box=SIMPLE)
    for row in frame.itertuples(index=False):
        table.add_row(*map(_cell, row))
    return table


def _duplicates(report: verification.Report) -> Table:
    """Return the newest duplicates as a table."""
    table = Table("Flat", "Submitted (UTC)", "Alike", "Why", title="Newest duplicates", box=SIMPLE)
    for each in report.duplicates:
        table.add_row(
            _cell(each.flat_id),
            f"{each.created_at:%Y-%m-%d %H:%M}" if each.created_at else "",
            "" if each.similarity_percentage is None else f"{each.similarity_percentage} %",
            _cell(each.similarity_explanation),
        )
    return table
