"""Alerts: a run that failed, a check that fails anew. Off until they are switched on in the UI."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from imagesignals_pipeline import alerts, settings
from imagesignals_pipeline.defs.jobs import verify_signals
from imagesignals_pipeline.defs.requests import ENDED, PARTITION_TAG

WARNINGS = frozenset(
    {"all_submissions_visible", "duplicate_rate", "failure_rate", "nothing_waits_long"}
)
"""Checks of severity WARN that the hourly run alerts of; the others tell of what is usual."""
EVALUATED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
"""Not what is planned: a queued run has not found anything yet."""
REMEMBERED = 100
"""Evaluations, or runs, among which the last one is looked for that an alert could have told of."""
UNHEARD = {"imagesignals/alerts": "none"}
"""Of runs of the command line: Dagster's sensors pass over what its daemon has not started."""
STATE_TAG, UNSENT, SENT = "imagesignals/alert", "not delivered", "delivered"
LINE_TAG = "imagesignals/alert_line"
"""Of a run: its own id, as re-executions inherit it, and what was to be told of it. Dagster shows a
run to its sensor only once."""
AGAIN_EVERY_S = 300
AGAIN_FOR = timedelta(days=7)


@dg.run_failure_sensor(
    description=(
        "Sends one line when a run of the pipeline fails (IMAGESIGNALS_ALERT_URL) and the last one "
        "of its job and month did not."
    )
)
def alert_on_failed_run(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Tell which run it was; why it failed is in the UI, where only those see it who may."""
    run = context.dagster_run
    if _still_fails(context.instance, run):
        return dg.SkipReason("The run before it failed too, and that was told.")
    month = f" of {context.partition_key}" if context.partition_key else ""
    line = f"Run {run.run_id[:8]}{month} ({run.job_name}) failed; the Dagster UI says why."
    return _tell(context.instance, run, line)


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
    run = context.dagster_run
    failed = list(_newly_failed(context.instance, run))
    return _tell(context.instance, run, "; ".join(failed)) if failed else None


@dg.sensor(
    minimum_interval_seconds=AGAIN_EVERY_S,
    description=(
        "Sends again, every five minutes for a week, what alert_on_failed_run and "
        "alert_on_failed_check could not deliver; a run keeps its line until then."
    ),
)
def send_alerts_again(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Send what waits, oldest first, until one cannot be delivered."""
    recent = datetime.now(UTC) - AGAIN_FOR
    tagged = context.instance.get_runs(
        dg.RunsFilter(tags={STATE_TAG: UNSENT}, created_after=recent), ascending=True
    )
    waiting = [(run, line) for run in tagged if (line := _line(run, UNSENT))]
    for run, line in waiting:
        if skipped := _tell(context.instance, run, line):
            return skipped
    return dg.SkipReason(f"{len(waiting)} alerts were sent again.")


ALERTS = (alert_on_failed_run, alert_on_failed_check, send_alerts_again)


def _still_fails(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether runs of this job and month have failed since somebody was told of one."""
    alike = dg.RunsFilter(
        job_name=run.job_name,
        tags={name: run.tags[name] for name in (PARTITION_TAG,) if name in run.tags},
        statuses=ENDED,
    )
    for earlier in instance.get_runs(alike, cursor=run.run_id, limit=REMEMBERED):
        if earlier.status is dg.DagsterRunStatus.SUCCESS:
            break
        if _line(earlier, SENT):
            return True
    return False


def _newly_failed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[str]:
    """Yield what the checks say that failed in this run and passed, or were unknown, before."""
    of_type = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    for entry in instance.all_logs(run.run_id, of_type=of_type):
        found = entry.get_dagster_event().asset_check_evaluation_data
        if not found.passed and _is_told(run, found) and not _failed_before(instance, run, found):
            yield f"Check {found.check_name}: {found.description}"


def _failed_before(
    instance: dg.DagsterInstance, run: dg.DagsterRun, found: dg.AssetCheckEvaluation
) -> bool:
    """Whether the check had failed already the last time that somebody would have been told."""
    history = instance.event_log_storage.get_asset_check_execution_history(
        found.asset_check_key, limit=REMEMBERED, status=EVALUATED
    )
    runs = [each.run_id for each in history]  # newest first
    for each in history[runs.index(run.run_id) + 1 :] if run.run_id in runs else ():
        earlier = instance.get_run_by_id(each.run_id)
        if earlier is not None and _is_told(earlier, found):
            return each.status.value == "FAILED"
    return False


def _is_told(run: dg.DagsterRun, found: dg.AssetCheckEvaluation) -> bool:
    """Whether somebody is told when this check fails in this run."""
    grave = found.severity is dg.AssetCheckSeverity.ERROR
    watched = run.job_name == verify_signals.name and found.check_name in WARNINGS
    return (grave or watched) and not UNHEARD.items() <= run.tags.items()


def _tell(instance: dg.DagsterInstance, run: dg.DagsterRun, line: str) -> dg.SkipReason | None:
    """Send a line about a run; without an address the tick says what to set.

    Raises:
        AlertNotSentError: It was not delivered; the run keeps it for `send_alerts_again`.
    """
    url = settings.alert_url(os.environ)  # and no other: one that is wrong fails runs to tell of
    if url is None:
        return dg.SkipReason(f"Set {settings.ALERT_URL} to send alerts.")
    state = UNSENT
    try:
        alerts.send(url, line)
        state = SENT
    finally:
        own = f"{run.run_id} {line}"
        instance.add_run_tags(run.run_id, {STATE_TAG: state, LINE_TAG: own})
    return None


def _line(run: dg.DagsterRun, state: str) -> str:
    """Return the line about a run itself that is in a state, or nothing."""
    run_id, _, line = run.tags.get(LINE_TAG, "").partition(" ")
    return line if run_id == run.run_id and run.tags.get(STATE_TAG) == state else ""
