"""The assets: what waits, the signals, the hash index."""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import dagster as dg
from pydantic import Field, field_validator
from sqlalchemy import Connection

from imagesignals_pipeline import activity, backfill, match, settings, source, store
from imagesignals_pipeline.activity import Activity, Tell
from imagesignals_pipeline.defs import abandoned, catalog, preview, stopped
from imagesignals_pipeline.defs.partitions import MONTHS, window
from imagesignals_pipeline.defs.resources import (
    ActivityLog,
    Decoders,
    Postgres,
    Storage,
    plain_failures,
)
from imagesignals_pipeline.source import Window

STORAGE_POOL = "screenshot_storage"
WHAT_NEXT = (
    "The job [retry_failed](/guess/retry_failed), its schedule, or "
    "`imagesignals backfill --retry-failed` tries again what may pass. The check [failure_rate]"
    "(/assets/payment_image_signals?view=checks&checkDetail=failure_rate) counts by kind."
)
"""Where somebody who reads of failures can go next; Dagster finds the code location itself."""
FOLLOWED_TAG = "imagesignals/followed"
"""Of a run of the command line that another follows: its own id, as re-executions inherit it."""
MAX_BATCH_STEPS = 500
"""Steps per run; its page stays readable, and the time of a step the same, up to 1,000."""

payment_submissions = dg.AssetSpec(
    "payment_submissions",
    group_name=catalog.GROUP,
    owners=catalog.APPLICATION,
    kinds={"postgres", "table"},
    metadata=catalog.of_table("payment_submissions"),
    description=(
        "Payments that residents submitted, with the URL of their screenshot. The live "
        "application owns this table; this pipeline only reads it. There may be more columns."
    ),
)


class BackfillConfig(dg.Config):
    """How the backfill of one month is paced and which submissions it takes."""

    batch_size: int = Field(
        default=5, ge=1, le=100, description="Screenshots fetched at once, and committed together."
    )
    batch_delay: float = Field(
        default=1.0, ge=0, le=60, description="Seconds of rest after each batch."
    )
    since: str | None = Field(
        default=None, description="Only submissions from this date on (YYYY-MM-DD, UTC)."
    )
    until: str | None = Field(
        default=None, description="Only submissions before this date (YYYY-MM-DD, UTC)."
    )
    retry_failed: bool = Field(
        default=False,
        description=(
            "Also retry what failed or was skipped for a reason that may pass (network, 404 …)."
        ),
    )
    retry_due: bool = Field(
        default=False,
        description="Of these, only those whose pause is over: it doubles, and ends after 30 days.",
    )
    outdated: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="Also analyse anew this number of pictures that this version cannot compare.",
    )

    @field_validator("since", "until")
    @classmethod
    def _is_a_day(cls, day: str | None) -> str | None:
        """Refuse what is no date before the run starts."""
        return None if day is None else date.fromisoformat(day).isoformat()


@dg.asset(
    partitions_def=MONTHS,
    deps=[payment_submissions],
    group_name=catalog.GROUP,
    owners=catalog.PIPELINE,
    kinds={"pandas", "postgres"},
)
def pending_submissions(
    context: dg.AssetExecutionContext, postgres: dg.ResourceParam[Postgres]
) -> dg.MaterializeResult[Any]:
    """Submissions of a month whose screenshot waits to be analysed.

    `oldest` shows the first of them. A month is done when this is empty: a green partition says
    that it was materialized once, not that nothing has arrived since. Nothing is written: to
    analyse, launch the job *image_signals_backfill*, which also does this step.
    """
    month = window(context.partition_key)
    with plain_failures(), postgres.engine.begin() as connection:
        totals, everything = source.totals(connection, month), source.totals(connection)
        frame = source.pending_frame(connection, month, limit=preview.ROWS)
    context.log_event(
        dg.AssetObservation(
            "payment_submissions",
            metadata={"all_months_with_screenshot": everything.total},
        )
    )
    return dg.MaterializeResult(
        metadata={
            "month_pending": totals.pending,
            "month_with_screenshot": totals.total,
            "oldest": preview.table(frame),
            **catalog.of_frame(frame),
        }
    )


@dg.op(ins={"pending": dg.In(dg.Nothing)}, out=dg.DynamicOut(dg.Nothing))
def plan_batches(
    context: dg.OpExecutionContext,
    config: BackfillConfig,
    postgres: dg.ResourceParam[Postgres],
    activity_log: dg.ResourceParam[ActivityLog],
) -> Iterator[dg.DynamicOutput[None]]:
    """Divide what waits in this month into batches, oldest first, and write them down."""
    abandoned.sign(context)
    abandoned.end(context.instance)
    month = window(context.partition_key, *_range(config))
    with _telling(context, activity_log) as tell:
        tell(activity.fetching())
        with plain_failures(), postgres.engine.begin() as connection:
            source.require_visible(connection)
            ids = _wanted(connection, month, config)
            batches = store.plan(connection, context.run.run_id, ids, batch_size=config.batch_size)
            known = source.totals(connection, month)
        tell(activity.found(len(ids)) if ids else activity.nothing(known))
    steps = min(batches, MAX_BATCH_STEPS)
    for step in range(steps):
        first, last = batches * step // steps + 1, batches * (step + 1) // steps
        yield dg.DynamicOutput(None, mapping_key=f"b{first:05d}_{last:05d}")


def _wanted(connection: Connection, month: Window, config: BackfillConfig) -> list[UUID]:
    """Return whose screenshots a run is to analyse, those that have no signals yet first."""
    found = source.pending_ids(connection, month, retry_failed=config.retry_failed)
    if config.retry_due:
        found += source.due_ids(connection, month)
    if config.outdated:
        found += source.outdated_ids(
            connection, match.ALGORITHM_VERSION, month, limit=config.outdated
        )
    return list(dict.fromkeys(found))


class PaceConfig(dg.Config):
    """The rest after each batch."""

    batch_delay: float = Field(default=1.0, ge=0, le=60, description="Seconds.")


@dg.op(ins={"planned": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing), pool=STORAGE_POOL)
def analyse_batch(  # noqa: PLR0913, PLR0917 - an op names each resource that it borrows
    context: dg.OpExecutionContext,
    config: PaceConfig,
    postgres: dg.ResourceParam[Postgres],
    storage: dg.ResourceParam[Storage],
    decoders: dg.ResourceParam[Decoders],
    activity_log: dg.ResourceParam[ActivityLog],
) -> None:
    """Fetch, decode and compare the screenshots of a batch, and commit their signals."""
    stopped.check(context.run_id)
    first, last = map(int, str(context.get_mapping_key()).removeprefix("b").split("_"))
    bench = backfill.Workbench(postgres.engine, storage.fetcher, decoders.inspectors)
    for number in range(first, last + 1):
        if abandoned.is_over(context.instance, context.run_id):
            context.log.info("This run has ended: the next one takes what it has left.")
            return
        with stopped.noted(context.run_id), _telling(context, activity_log) as tell:
            fetched = backfill.run_batch(bench, run_id=context.run.run_id, number=number, tell=tell)
        time.sleep(config.batch_delay if fetched else 0)


@dg.op(ins={"analysed": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def seal_month(context: dg.AssetExecutionContext, postgres: dg.ResourceParam[Postgres]) -> None:
    """Ask the database whether every planned submission has its row, and fail if one has not.

    Dagster's "re-execute from failure" drops batches that never started and reports success; this
    step is what keeps such a month from turning green.
    """
    month = window(context.partition_key)
    with plain_failures(), postgres.engine.begin() as connection:
        unfinished = _unfinished(connection, context.run)
        totals, everything = source.totals(connection, month), source.totals(connection)
        failures = source.failures_frame(connection, month, limit=preview.ROWS)
    left_out = totals.failed + totals.skipped - len(failures)
    if unfinished:
        raise dg.Failure(
            f"{unfinished} submissions of {context.partition_key} were planned but not analysed. "
            "Re-execute all steps of this run (not 'from failure'), or materialize the month again."
        )
    context.add_asset_metadata(
        {
            "month_with_screenshot": totals.total,
            "month_completed": totals.completed,
            "month_skipped": totals.skipped,
            "month_failed": totals.failed,
            "month_pending": totals.pending,
            "month_not_analysed": preview.table(
                failures,
                below=f"Older ones left out: {left_out}. {WHAT_NEXT}"
                if left_out > 0
                else WHAT_NEXT,
            ),
            "all_months_completed": everything.completed,
            "all_months_failed": everything.failed,
            "all_months_pending": everything.pending,
        },
        asset_key="payment_image_signals",
        partition_key=context.partition_key,
    )


def _unfinished(connection: Connection, run: dg.DagsterRun) -> int:
    """Count what this run planned, or the one of which it repeats a part, and is not analysed."""
    for run_id in filter(None, (run.run_id, run.parent_run_id, run.root_run_id)):
        unfinished = source.unfinished(connection, run_id, match.ALGORITHM_VERSION)
        if unfinished is not None:
            return unfinished
    raise backfill.NotPlannedError


@dg.config_mapping
def _per_step(config: BackfillConfig) -> dict[str, object]:
    """Spread the one configuration that people see over the steps that need it."""
    plan = {name: value for name, value in config.model_dump().items() if value is not None}
    return {
        "plan_batches": {"config": plan},
        "analyse_batch": {"config": {"batch_delay": plan["batch_delay"]}},
    }


@dg.graph_asset(
    partitions_def=MONTHS,
    ins={"pending": dg.AssetIn("pending_submissions", dagster_type=dg.Nothing)},
    config=_per_step,
    group_name=catalog.GROUP,
    owners=catalog.PIPELINE,
    kinds={"python", "postgres", "table"},
    metadata=catalog.of_table("payment_image_signals"),
)
def payment_image_signals(pending: Any) -> Any:  # noqa: ANN401 - Dagster composes placeholders
    """Signals of every submission that has a screenshot, one row each.

    A month is planned into batches; every batch is a step of its own that commits its rows; the
    last step fails the run if a planned submission has no row. Numbers that begin with `month_`
    are of the month that was materialized last; choose another one under *Partitions*. There
    `month_not_analysed` names what failed or was skipped, and says what to do.

    To analyse all months, launch a backfill of the job *image_signals_backfill* (its page,
    *Partitions*, *Materialize*): it also brings the hash index up to date. A signal assists a
    person; it accuses nobody.
    """
    return seal_month(plan_batches(pending).map(analyse_batch).collect())


@dg.asset(
    deps=[payment_image_signals],
    group_name=catalog.GROUP,
    owners=catalog.PIPELINE,
    kinds={"postgres", "table"},
    metadata=catalog.of_table("image_perceptual_hash_index"),
)
def image_perceptual_hash_index(
    context: dg.AssetExecutionContext,
    postgres: dg.ResourceParam[Postgres],
    decoders: dg.ResourceParam[Decoders],
    activity_log: dg.ResourceParam[ActivityLog],
) -> dg.MaterializeResult[Any]:
    """One row per distinct hash, and the duplicate links between all submissions.

    Global and idempotent: it writes only what differs from what the signals say. Where pictures
    came late, as after a fix of the storage, later ones are compared with them first; while runs
    of the same job are queued, `pictures_waiting` are left to the last of them.
    """
    abandoned.sign(context.op_execution_context)
    with plain_failures(), _telling(context.op_execution_context, activity_log) as tell:
        settled = backfill.settle(
            postgres.engine,
            settings.read(os.environ).thumbnail_days,
            postpone=is_followed(context.instance, context.run),
            call=decoders.inspectors.call,
            tell=tell,
        )
    return dg.MaterializeResult(
        metadata={
            "signals_withdrawn": settled.signals_withdrawn,
            "pictures_compared": settled.pictures_moved,
            "pictures_waiting": settled.pictures_waiting,
            "thumbnails_forgotten": settled.thumbnails_forgotten,
            "duplicates": len(settled.links.copies),
            **preview.numbers(settled.links),
            **preview.numbers(settled.index),
        }
    )


def is_followed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether another run that settles links will start: it compares what came late until then.

    Who came out of the queue itself knows that the queue goes on; a run of the command line does
    not, nor whether there is a daemon at all.
    """
    if run.remote_job_origin is None:
        return run.tags.get(FOLLOWED_TAG) == run.run_id
    waiting = dg.RunsFilter(job_name=run.job_name, statuses=[dg.DagsterRunStatus.QUEUED])
    return any(
        not each.asset_selection or image_perceptual_hash_index.key in each.asset_selection
        for each in instance.get_runs(waiting)
    )


@contextmanager
def _telling(context: dg.OpExecutionContext, activity_log: ActivityLog) -> Generator[Tell]:
    """Tell activities to Dagster's log and to whoever else listens.

    What became of a batch's submissions is one message with a line for each: every message is a
    write to Dagster's storage.
    """
    waiting: list[str] = []

    def log() -> None:
        if waiting:
            context.log.info("\n".join(waiting))
            waiting.clear()

    def tell(told: Activity) -> None:
        activity_log.tell(told)
        waiting.append(told.line)
        if told.kind not in activity.OUTCOMES:
            log()

    try:
        yield tell
    finally:
        log()


def _range(config: BackfillConfig) -> tuple[datetime | None, datetime | None]:
    """Return from when and until when, and refuse a range that holds nothing."""
    since, until = _instant(config.since), _instant(config.until)
    if since and until and since >= until:
        raise dg.Failure("until must be after since.", allow_retries=False)
    return since, until


def _instant(text: str | None) -> datetime | None:
    """Return midnight UTC of a date given in the configuration."""
    return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) if text else None
