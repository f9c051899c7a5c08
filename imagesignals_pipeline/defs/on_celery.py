"""Runs whose steps are spread over Celery workers (the extra `celery`); Redis carries them there.

The process of a run hands out steps and waits; workers take one at a time. A step is a name and
the run's id: what it works on, and what it finds, is in PostgreSQL, so workers share no files.
"""

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import dagster as dg
from dagster import multiple_process_executor_requirements
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.execution.retries import RetryMode
from dagster._core.instance import InstanceRef
from dagster._serdes import serialize_value

from imagesignals_pipeline import settings
from imagesignals_pipeline.defs import abandoned
from imagesignals_pipeline.defs.resources import kept
from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.settings import MisconfiguredError

try:
    from celery import Celery
    from celery.result import AsyncResult
    from celery.utils.nodenames import host_format
    from dagster_celery import tasks
    from dagster_celery.core_execution_loop import core_celery_execution_loop
    from dagster_celery.executor import CeleryExecutor, _submit_task
    from dagster_celery.make_app import make_app
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError
except ModuleNotFoundError as missing:
    raise MisconfiguredError(
        f"{settings.BROKER_URL} is set, but the extra `celery` is not installed: "
        "pip install --no-deps --require-hashes -r requirements-celery.txt"
    ) from missing

SWEEP_S = 5
"""How often a worker looks for steps of workers that died."""
PING_S = 2.0
NO_WORKER = "No worker answers: start one or more with `imagesignals worker`."


class BrokerUnusableError(OperatorError):
    """Redis is out of reach or refuses us; the text is one line without its address."""


class StepLostError(OperatorError):
    """A worker could not work on a step; the text is one line that says why."""


def on_celery(broker_url: str) -> dg.ExecutorDefinition:
    """Return an executor that hands each step of a run to a worker.

    The address of the broker is in no configuration, which the UI would show.
    """

    @dg.executor(name="celery", requirements=multiple_process_executor_requirements())
    def celery(_: dg.InitExecutorContext) -> dg.Executor:
        return _spread(broker_url)

    return celery


def work(broker_url: str, redeliver_after_s: int) -> int:
    """Take steps until a signal ends it; the step at work is finished first.

    Returns:
        0, or 1 where anything else ended it: a service manager shall start it again.

    Raises:
        BrokerUnusableError: Redis is out of reach or refuses us.
    """
    app = make_app(_spread(broker_url, redeliver_after_s).app_args())
    tasks.create_task(app)
    with _plainly(), app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1)
    # Not the pool `prefork`: its processes may not have children, and pictures are decoded in some.
    with kept(), _Instances() as tasks.DagsterInstance:  # pyright: ignore[reportPrivateImportUsage]
        worker = app.Worker(
            pool="threads",
            concurrency=1,
            prefetch_multiplier=1,
            without_gossip=True,
            without_mingle=True,
            loglevel="INFO",
            hostname=host_format(f"imagesignals-{os.getpid()}@%h"),
        )
        worker.start()
    return 0 if worker.exitcode == os.EX_OK else 1


class _Instances(ExitStack):
    """Dagster's instances of a worker: its task opens one for each step, and would close none."""

    def __init__(self) -> None:
        super().__init__()
        self._opened: dict[str, dg.DagsterInstance] = {}

    def from_ref(self, ref: InstanceRef) -> dg.DagsterInstance:
        """Return the instance that a step's run has; the runs of one machine have the same."""
        key = serialize_value(ref)
        if key not in self._opened:
            self._opened[key] = self.enter_context(dg.DagsterInstance.from_ref(ref))
        return self._opened[key]


def _spread(broker_url: str, redeliver_after_s: int | None = None) -> "_Spread":
    """Return how Celery is set up; only workers say when a step is given to another one."""
    redeliver = {} if redeliver_after_s is None else {"visibility_timeout": redeliver_after_s}
    config = {
        # A step is done when it has ended, not when it has begun: its worker may die.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_redirect_stdouts": False,  # what Dagster tells is no warning
        # Workers wait for Redis, also while it is full, read-only or a replica.
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "broker_transport_options": {
            **redeliver,
            "unacked_restore_interval": SWEEP_S,
            "unacked_restore_throttle": 1,
        },
    }
    retries = RetryMode.DISABLED  # of steps: it would swallow "Terminate"
    return _Spread(retries, broker=broker_url, backend=broker_url, config_source=config)


class _Spread(CeleryExecutor):
    """Celery's executor, which signs its runs and says plainly what is wrong with the broker."""

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Generator[Any]:
        """Hand out the steps of a run, and yield what becomes of them."""
        abandoned.sign_spread(plan_context.instance, plan_context.run_id)
        with _plainly():
            if not make_app(self.app_args()).control.ping(timeout=PING_S):
                plan_context.log.warning(NO_WORKER)
            yield from core_celery_execution_loop(plan_context, execution_plan, _submitted)


class _Awaited(AsyncResult):
    """What becomes of a step; one that ends without Dagster's knowledge ends its run.

    Dagster's own loop would hand out no other step, and wait for those for ever without a pause.
    """

    def __init__(self, task_id: str, app: Celery, step_key: str) -> None:
        super().__init__(task_id, app=app)
        self._step_key = step_key

    def ready(self) -> bool:
        """Whether the step has ended.

        Raises:
            StepLostError: Its worker could not work on it.
        """
        ended = super().ready()
        if ended and self.failed():
            reason = f"{type(self.result).__name__}: {self.result}".partition("\n")[0]
            raise StepLostError(
                f"A worker could not work on {self._step_key}, and its log says more: {reason}"
            )
        return ended


def _submitted(
    app: Celery, context: PlanOrchestrationContext, step: ExecutionStep, *how: object
) -> _Awaited:
    """Hand out a step."""
    return _Awaited(_submit_task(app, context, step, *how).id, app, step.key)


@contextmanager
def _plainly() -> Generator[None]:
    try:
        yield
    except (OperationalError, RedisError, ConnectionError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise BrokerUnusableError(f"{settings.BROKER_URL}: {reason}") from None
