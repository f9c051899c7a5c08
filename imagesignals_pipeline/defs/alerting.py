"""Alerts: a run that failed, a check that fails anew. Off until they are switched on in the UI."""

import os
from collections.abc import Iterator

import dagster as dg

from imagesignals_pipeline import alerts, settings
from imagesignals_pipeline.defs.jobs import verify_signals

WARNINGS = frozenset(
    {"all_submissions_visible", "duplicate_rate", "failure_rate", "nothing_waits_long"}
)
"""Checks of severity WARN that the hourly run alerts of; the others tell of what is usual."""
REMEMBERED = 10


@dg.run_failure_sensor(
    description="Sends one line when a run of the pipeline fails (IMAGESIGNALS_ALERT_URL)."
)
def alert_on_failed_run(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Tell which run it was; why it failed is in the UI, where only those see it who may."""
    run = context.dagster_run
    month = f" of {context.partition_key}" if context.partition_key else ""
    return _tell(f"Run {run.run_id[:8]}{month} ({run.job_name}) failed; the Dagster UI says why.")


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    description=(
        "Sends one line when a check fails that passed before (IMAGESIGNALS_ALERT_URL): one of "
        "severity ERROR after any run; high rates and long waits after verify_signals. A run whose "
        "checks fail is a success for Dagster."
    ),
)
def alert_on_failed_check(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
    """Tell which checks fail that did not, with their own words."""
    failed = list(_newly_failed(context.instance, context.dagster_run))
    return _tell("; ".join(failed)) if failed else None


ALERTS = (alert_on_failed_run, alert_on_failed_check)


def _newly_failed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[str]:
    """Yield what the checks say that failed in this run and passed, or were unknown, before."""
    of_type = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    for entry in instance.all_logs(run.run_id, of_type=of_type):
        found = entry.get_dagster_event().asset_check_evaluation_data
        grave = found.severity is dg.AssetCheckSeverity.ERROR
        watched = run.job_name == verify_signals.name and found.check_name in WARNINGS
        if not found.passed and (grave or watched) and not _failed_before(instance, run, found):
            yield f"Check {found.check_name}: {found.description}"


def _failed_before(
    instance: dg.DagsterInstance, run: dg.DagsterRun, found: dg.AssetCheckEvaluation
) -> bool:
    """Whether the check had failed already the last time before this run."""
    history = instance.event_log_storage.get_asset_check_execution_history(
        found.asset_check_key, limit=REMEMBERED
    )
    runs = [each.run_id for each in history]  # newest first
    earlier = history[runs.index(run.run_id) + 1 :] if run.run_id in runs else ()
    return bool(earlier) and earlier[0].status.value == "FAILED"


def _tell(line: str) -> dg.SkipReason | None:
    """Send a line; without an address the tick says what to set."""
    url = settings.read(os.environ).alert_url
    if url is None:
        return dg.SkipReason(f"Set {settings.ALERT_URL} to send alerts.")
    alerts.send(url, line)
    return None
