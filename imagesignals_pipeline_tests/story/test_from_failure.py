"""Dagster's "re-execute from failure" drops batches that never started: it must not succeed."""

import os
import signal

import dagster as dg
import pytest

from imagesignals_pipeline.definitions import defs
from imagesignals_pipeline.defs import abandoned
from imagesignals_pipeline_tests.story.conftest import CleanRun, Operator


def job() -> dg.JobDefinition:
    """Return the job, for Dagster to find again by the name of this function."""
    return defs.resolve_job_def("image_signals_backfill")


def again(instance: dg.DagsterInstance, options: dg.ReexecutionOptions) -> list[str]:
    """Re-execute a part of October's run, which must fail, and return why it did."""
    month = {"dagster/partition": "2025-10"}
    with dg.execute_job(
        dg.reconstructable(job), instance, reexecution_options=options, tags=month
    ) as result:
        assert not result.success
        described = [
            event.step_failure_data.user_failure_data
            for event in result.filter_events(lambda event: event.is_step_failure)
        ]
    return [str(each.description) for each in described if each]


def test_a_part_of_a_run_is_no_success(
    society: Operator, clean_run: CleanRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever Dagster repeats of a killed run, it fails, says why, and the month is not green."""
    with society.starts("backfill", "--batch-size", "1", "--batch-delay", "60") as process:
        assert process.stdout is not None
        while "Processed" not in process.stdout.readline():
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    for name, value in society.environ.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance:
        (killed,) = abandoned.end(instance)
        from_failure = dg.ReexecutionOptions.from_failure(killed, instance)
        (reason,) = again(instance, from_failure)
        assert reason.startswith("This run has not planned its batches itself")
        # What is left of "from failure" when the worker was killed between two batches.
        last_step = dg.ReexecutionOptions(killed, ["payment_image_signals.seal_month"])
        (reason,) = again(instance, last_step)
        assert reason.startswith("5 submissions of 2025-10 were planned but not analysed.")
        signals = dg.AssetKey("payment_image_signals")
        assert instance.get_materialized_partitions(signals) == set()
    assert society.runs("backfill", "--batch-delay", "0").status == 0
    assert society.digest() == clean_run.digest
