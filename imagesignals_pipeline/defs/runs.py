"""Runs the backfill job in this process: the run is stored and shown like one that the UI began."""

from dataclasses import dataclass

import dagster as dg

from imagesignals_pipeline.activity import Tell
from imagesignals_pipeline.definitions import defs
from imagesignals_pipeline.defs import abandoned
from imagesignals_pipeline.defs.assets import BackfillConfig
from imagesignals_pipeline.model import OperatorError


class RunFailedError(OperatorError):
    """A run could not do its work; the text is its reason in one line."""


@dataclass(frozen=True, slots=True)
class _Listener:
    """Hands a run's activity to the caller."""

    tell: Tell


def run_month(partition_key: str, config: BackfillConfig, tell: Tell) -> None:
    """Run the job for one month and wait for it.

    Raises:
        RunFailedError: A step failed; what batches reported as processed is committed.
        dg.DagsterExecutionInterruptedError: The operator interrupted it (Ctrl-C).
    """
    values = {name: value for name, value in config.model_dump().items() if value is not None}
    with dg.DagsterInstance.get() as instance:
        result = defs.resolve_job_def("image_signals_backfill").execute_in_process(
            instance=instance,
            partition_key=partition_key,
            run_config={
                "ops": {"payment_image_signals": {"config": values}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            resources={"activity_log": _Listener(tell)},
            # The next backfill is the retry; the daemon would run this one beside it.
            tags={**abandoned.signature(), "dagster/max_retries": "0"},
            raise_on_error=False,
        )
    if not result.success:
        raise RunFailedError(_reason(result))


def _reason(result: dg.ExecuteInProcessResult) -> str:
    """Return the first failed step's own words."""
    for event in result.filter_events(lambda event: event.is_step_failure):
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
        if data.error:
            return (data.error.cause or data.error).message.strip().splitlines()[0]
    return f"Run {result.run_id} failed; the Dagster UI shows why."
