"""Where the steps of a run are worked on: in its own process, or by workers on many machines."""

from collections.abc import Mapping

import dagster as dg
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.executor import in_process
from dagster._utils.interrupts import pop_captured_interrupt

from imagesignals_pipeline import settings

ASK_AGAIN_S = 1.0
"""A run that waits for a place in a pool asks that often."""


def executor(environ: Mapping[str, str]) -> dg.ExecutorDefinition:
    """Return what runs of the UI, the schedules and the sensor use; the command line never asks.

    A batch is a few seconds of downloads: a process of its own would cost more than the work.
    Workers on other machines are for those who have outgrown one (docs/deployment.md).

    Raises:
        MisconfiguredError: The broker's address is none, or the extra `celery` is not installed.
    """
    broker_url = settings.broker_url(environ)
    if broker_url is None:
        return dg.in_process_executor
    from imagesignals_pipeline.defs.on_celery import on_celery  # noqa: PLC0415 - an optional extra

    return on_celery(broker_url)


class _InTurn(InstanceConcurrencyContext):
    """How a run that works on one step at a time waits for its place in a pool.

    Dagster 1.13's own loop never sleeps while it waits, looks at no signal, and queues with every
    step that could be next, each of which asks at its own distance of up to 15 seconds.
    """

    def claim(self, concurrency_key: str, step_key: str, step_priority: int = 0) -> bool:
        """Ask for a place for the one step with which this run queues."""
        if self.has_pending_claims() and step_key not in self.pending_claim_steps():
            return False
        self._pending_timeouts.clear()  # `interval_to_next_pending_claim_check` is the pause
        return super().claim(concurrency_key, step_key, step_priority)

    def interval_to_next_pending_claim_check(self) -> float:
        """Return the seconds to sleep before the loop asks again.

        Raises:
            DagsterExecutionInterruptedError: Somebody has asked the run to end.
        """
        if pop_captured_interrupt():
            raise dg.DagsterExecutionInterruptedError
        return ASK_AGAIN_S


# By its name: `execute_in_process`, which the command line uses, takes no executor of ours.
in_process.InstanceConcurrencyContext = _InTurn  # pyright: ignore[reportPrivateImportUsage]
