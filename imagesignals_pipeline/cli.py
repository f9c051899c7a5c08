"""The command line `imagesignals`: options here, the work in the rooms."""

import logging
import os
import signal
import sys
from datetime import UTC, datetime
from io import TextIOWrapper
from math import isnan
from pathlib import Path

import click
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from imagesignals_pipeline import commands, database, settings
from imagesignals_pipeline.model import OperatorError


def main() -> None:
    """Run a command; what is foreseen ends in one clear line, without a traceback."""
    # What libraries log has no place between the lines that tell the operator what happens.
    logging.getLogger().addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # an emoji is a question mark in cron's own locale
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    try:
        cli.main(prog_name="imagesignals", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _say("Cancelled. What was reported as processed is saved; run it again to go on.")
        sys.stdout.flush()
        os._exit(130)  # at once: downloads that still wait for a slow storage are given up
    except OperatorError as error:
        _say(str(error))
        sys.exit(1)
    except SQLAlchemyError as error:
        _say(database.explain(error))
        sys.exit(1)


def _say(line: str) -> None:
    """Say why a command ends, or what the operator should know before it works."""
    click.echo(f"imagesignals: {line}", err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imagesignals-pipeline")
def cli() -> None:
    """Image signals for payment screenshots: duplicates, metadata and validity."""
    for name, ours in settings.misspelt(os.environ).items():
        _say(f"{name} is set, which means nothing: did you mean {ours}?")


class Seconds(click.FloatRange):
    """A number of seconds in a range, in which click itself would let `nan` pass."""

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        seconds: float = super().convert(value, param, ctx)
        if isnan(seconds):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return seconds


DAY = click.DateTime(formats=["%Y-%m-%d"])


@cli.command()
@click.option(
    "--batch-size",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="Screenshots fetched at once, and committed together.",
)
@click.option(
    "--batch-delay",
    type=Seconds(0, 60),
    default=1.0,
    show_default=True,
    help="Seconds of rest after each batch.",
)
@click.option("--since", type=DAY, help="Only submissions from this date on (UTC).")
@click.option("--until", type=DAY, help="Only submissions before this date (UTC).")
@click.option("--retry-failed", is_flag=True, help="Also what failed or was skipped and may pass.")
def backfill(
    batch_size: int,
    batch_delay: float,
    since: datetime | None,
    until: datetime | None,
    *,
    retry_failed: bool,
) -> None:
    """Analyse every screenshot that has no signals yet. Safe to repeat and to interrupt."""
    if since and until and since >= until:
        raise click.UsageError("--until must be after --since.")
    commands.backfill(
        Console(),
        commands.BackfillOptions(
            batch_size=batch_size,
            batch_delay=batch_delay,
            since=since.replace(tzinfo=UTC) if since else None,
            until=until.replace(tzinfo=UTC) if until else None,
            retry_failed=retry_failed,
        ),
    )


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(*, as_json: bool) -> None:
    """Run the verification queries and checks; exit status 1 if a check of severity ERROR fails."""
    if not commands.verify(Console(), as_json=as_json):
        sys.exit(1)


@cli.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def analyze(files: tuple[Path, ...], *, as_json: bool) -> None:
    """Show the signals of local FILES, without a database."""
    commands.analyze(Console(), files, as_json=as_json)


@cli.command()
@click.option("--roles", is_flag=True, help="Also create roles that write, read and review.")
def migrate(*, roles: bool) -> None:
    """Create or adopt the tables; running it again changes nothing."""
    commands.migrate(Console(), roles=roles)


@cli.command()
def encrypt() -> None:
    """Encrypt thumbnails stored before IMAGESIGNALS_THUMBNAIL_KEY, or under a former one."""
    commands.encrypt(Console())


@cli.command()
@click.option(
    "--batch-delay",
    type=Seconds(0, 60),
    default=0.0,
    show_default=True,
    help="Seconds of rest after each batch.",
)
def demo(batch_delay: float) -> None:
    """Load a demonstration society, run the whole backfill, and print what was found."""
    commands.demo(Console(), batch_delay=batch_delay)


@cli.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=3001,
    show_default=True,
    help="Where the page is served; 0 takes any that is free.",
)
def review(port: int) -> None:
    """Show copies beside their originals on a page of this machine, and record decisions."""
    commands.review(Console(), port=port)


@cli.command()
@click.option(
    "--redeliver-after",
    type=click.IntRange(1, 86_400),
    default=600,
    show_default=True,
    help="Seconds after which the step of a worker that died is given to another one.",
)
def worker(redeliver_after: int) -> None:
    """Work on steps of runs that Redis brings from other machines (docs/deployment.md)."""
    sys.exit(commands.worker(redeliver_after_s=redeliver_after))


@cli.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=3000,
    show_default=True,
    help="Where the UI is served.",
)
@click.option(
    "--demo",
    "with_demo",
    is_flag=True,
    help="With the demonstration society, in a database of its own.",
)
def dev(port: int, *, with_demo: bool) -> None:
    """Bring the tables up to date, and start the Dagster UI and daemon on 127.0.0.1."""
    sys.exit(commands.dev(Console(), port=port, with_demo=with_demo))
