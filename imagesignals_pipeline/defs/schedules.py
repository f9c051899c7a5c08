"""What runs by the clock. All of it is off until it is switched on in the UI.

A tick asks PostgreSQL what waits: with nothing to do there is no run.
"""

import inspect
import os
from collections.abc import Callable, Collection, Mapping

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from sqlalchemy import Connection

from imagesignals_pipeline import backlog, match, settings
from imagesignals_pipeline.backlog import Backlog
from imagesignals_pipeline.defs import abandoned, requests
from imagesignals_pipeline.defs.jobs import (
    REANALYSE,
    RETRY_DUE,
    image_signals_backfill,
    reanalyse_outdated,
    relink_duplicates,
    retry_failed,
    review_report,
    verify_signals,
)
from imagesignals_pipeline.defs.requests import Asked
from imagesignals_pipeline.defs.resources import Postgres, plain_failures
from imagesignals_pipeline.settings import MisconfiguredError

HOURLY_CHECKS, HOURLY_RETRY, HOURLY_PORTION = "10 * * * *", "20 * * * *", "40 * * * *"
MONTHLY_REPORT = "0 5 1 * *"


def checked(cron: str) -> str:
    """Return a cron expression that Dagster can follow.

    Raises:
        MisconfiguredError: It is none.
    """
    try:
        dg.ScheduleDefinition(name="checked", job_name="checked", cron_schedule=cron)
    except dg.DagsterInvalidDefinitionError:
        raise MisconfiguredError(
            f"Set {settings.SCHEDULE} to a cron expression of five fields like "
            f"{settings.DEFAULT_SCHEDULE}."
        ) from None
    return cron


INCREMENTAL = checked(settings.schedule(os.environ))


def _by_the_clock(
    job: UnresolvedAssetJobDefinition, cron: str
) -> Callable[[Callable[..., object]], dg.ScheduleDefinition]:
    """Return a decorator for what a schedule asks at each tick; its docstring is for the UI."""

    def decorate(ask: Callable[..., object]) -> dg.ScheduleDefinition:
        described = dg.schedule(job=job, cron_schedule=cron, description=inspect.getdoc(ask))
        return described(ask)  # pyright: ignore[reportArgumentType] - Dagster looks at its parameters

    return decorate


@_by_the_clock(image_signals_backfill, INCREMENTAL)
def incremental_backfill_schedule(
    context: dg.ScheduleEvaluationContext, postgres: dg.ResourceParam[Postgres]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Start a run for each month with new or changed screenshots (IMAGESIGNALS_SCHEDULE).

    The sensor new_submissions_sensor does the same within a minute: one of the two is enough.
    """
    return _months(context, postgres, image_signals_backfill.name, backlog.pending, {})


@_by_the_clock(relink_duplicates, INCREMENTAL)
def relink_duplicates_schedule(
    context: dg.ScheduleEvaluationContext, postgres: dg.ResourceParam[Postgres]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Settle links and index after submissions were deleted, and forget old thumbnails.

    On the clock of IMAGESIGNALS_SCHEDULE; new_submissions_sensor does it too.
    """
    abandoned.end(context.instance)
    with plain_failures(), postgres.engine.begin() as connection:
        days = settings.read(os.environ).thumbnail_days
        unsettled = backlog.unsettled(connection, match.ALGORITHM_VERSION, days)
    return _answer(requests.relinking(context.instance, relink_duplicates.name, unsettled))


@_by_the_clock(retry_failed, HOURLY_RETRY)
def retry_failed_schedule(
    context: dg.ScheduleEvaluationContext, postgres: dg.ResourceParam[Postgres]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Try again what failed for a reason that may pass, at a distance that doubles, for a month."""
    return _months(context, postgres, retry_failed.name, backlog.due, RETRY_DUE)


@_by_the_clock(reanalyse_outdated, HOURLY_PORTION)
def reanalyse_outdated_schedule(
    context: dg.ScheduleEvaluationContext, postgres: dg.ResourceParam[Postgres]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Analyse a portion of the oldest outdated pictures anew; switch it off when none is left."""
    abandoned.end(context.instance)  # a killed portion would else keep its own schedule waiting
    if requests.is_busy(context.instance, reanalyse_outdated.name):
        return dg.SkipReason("The last portion is not done yet.")

    def outdated(connection: Connection) -> list[Backlog]:
        return backlog.outdated(connection, match.ALGORITHM_VERSION)

    asked = _months(context, postgres, reanalyse_outdated.name, outdated, REANALYSE)
    return asked[:1] if isinstance(asked, list) else asked


@_by_the_clock(verify_signals, HOURLY_CHECKS)
def verify_signals_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Run all checks every hour, so that their pages show how the numbers develop."""
    abandoned.end(context.instance)
    return dg.RunRequest()


@_by_the_clock(review_report, MONTHLY_REPORT)
def review_report_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Write the committee's report on the first of each month, at five o'clock UTC."""
    abandoned.end(context.instance)
    return dg.RunRequest()


SCHEDULES = (
    incremental_backfill_schedule,
    relink_duplicates_schedule,
    retry_failed_schedule,
    reanalyse_outdated_schedule,
    verify_signals_schedule,
    review_report_schedule,
)


def _months(
    context: dg.ScheduleEvaluationContext,
    postgres: Postgres,
    job_name: str,
    waiting: Callable[[Connection], Collection[Backlog]],
    config: Mapping[str, bool | int],
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for the runs of a job by month."""
    abandoned.end(context.instance)
    with plain_failures(), postgres.engine.begin() as connection:
        backlogs = waiting(connection)
    return _answer(requests.months(context.instance, job_name, backlogs, config))


def _answer(asked: Asked) -> list[dg.RunRequest] | dg.SkipReason:
    return list(asked.runs) or dg.SkipReason(asked.skip_reason)
