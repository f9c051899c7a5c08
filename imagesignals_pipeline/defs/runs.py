"""Runs the backfill job in this process: the run is stored and shown like one that the UI began."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import dagster as dg
from dagster._core.instance import InstanceRef
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import SQLAlchemyError

from imagesignals_pipeline import database, settings
from imagesignals_pipeline.activity import Tell
from imagesignals_pipeline.definitions import defs
from imagesignals_pipeline.defs import abandoned, alerting
from imagesignals_pipeline.defs.assets import FOLLOWED_TAG, BackfillConfig
from imagesignals_pipeline.model import OperatorError

NO_COMPUTE_LOGS = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}
"""What a run prints is on the terminal already; the processes that would copy it into a file tell
of each Ctrl-C with a traceback."""


class RunFailedError(OperatorError):
    """A run could not do its work; the text is its reason in one line."""


@dataclass(frozen=True, slots=True)
class _Listener:
    """Hands a run's activity to the caller."""

    tell: Tell


@contextmanager
def instance() -> Generator[dg.DagsterInstance]:
    """Open Dagster's instance, once for all runs.

    Every opening takes a tenth of a second, and leaves 0.2 MB behind once a run has used it.

    Raises:
        RunFailedError: Its storage is out of reach, now or in a run.
    """
    try:
        where = InstanceRef.from_dir(os.environ["DAGSTER_HOME"], overrides=NO_COMPUTE_LOGS)
        with dg.DagsterInstance.from_ref(where) as opened:
            yield opened
    except (DagsterPostgresException, SQLAlchemyError) as error:
        cause = error if isinstance(error, SQLAlchemyError) else error.__cause__
        reason = database.explain(cause) if isinstance(cause, SQLAlchemyError) else str(error)
        raise RunFailedError(f"{settings.DAGSTER_DATABASE_URL}: {reason}") from error


def run_month(
    opened: dg.DagsterInstance,
    partition_key: str,
    config: BackfillConfig,
    tell: Tell,
    *,
    followed: bool = False,
) -> None:
    """Run the job for one month and wait for it.

    Args:
        opened: Dagster's instance.
        partition_key: The month.
        config: How it is paced, and what it takes.
        tell: Hears of its activity.
        followed: Whether another month follows.

    Raises:
        RunFailedError: A step failed; what batches reported as processed is committed.
        KeyboardInterrupt: The operator interrupted it (SIGINT or SIGTERM).
    """
    values = {name: value for name, value in config.model_dump().items() if value is not None}
    run_id = str(uuid4())
    result = defs.resolve_job_def("image_signals_backfill").execute_in_process(
        instance=opened,
        run_id=run_id,
        partition_key=partition_key,
        run_config={
            "ops": {"payment_image_signals": {"config": values}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        resources={"activity_log": _Listener(tell)},
        # The next backfill is the retry; the daemon would run this one beside it.
        tags={
            **abandoned.signature(run_id),
            **({FOLLOWED_TAG: run_id} if followed else {}),
            **alerting.UNHEARD,
            "dagster/max_retries": "0",
        },
        raise_on_error=False,
    )
    if _interrupted(result):
        opened.report_run_canceled(result.dagster_run, "Cancelled on the command line.")
        raise KeyboardInterrupt
    if not result.success:
        raise RunFailedError(_reason(result))


def end_abandoned() -> None:
    """End the runs of killed processes, which would keep Dagster's queue waiting."""
    with instance() as opened:
        abandoned.end(opened)


def _interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether a signal ended the run: Dagster calls it a failure, as nobody asked in the UI."""
    return any(
        reason is not None and reason.value == "UNEXPECTED_TERMINATION"
        for event in result.filter_events(lambda event: event.is_job_failure)
        for reason in [event.job_failure_data.failure_reason]
    )


def _reason(result: dg.ExecuteInProcessResult) -> str:
    """Return why the run failed, in the words of whatever raised first."""
    steps = [event.step_failure_data for event in result.filter_events(lambda e: e.is_step_failure)]
    jobs = [event.job_failure_data for event in result.filter_events(lambda e: e.is_job_failure)]
    for data in steps:
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
    for data in (*steps, *jobs):  # a run whose resources cannot be had fails without a step
        if data.error is not None:
            error = data.error
            while error.cause is not None:
                error = error.cause
            line = error.message.strip().splitlines()[0]
            kind, _, text = line.partition(": ")
            return text if text and kind.endswith(error.cls_name or "") else line
    return f"Run {result.run_id} failed; the Dagster UI shows why."
