"""Where steps are worked on is said by one variable; what is wrong with it, by one line."""

import signal
import sys
import time
from threading import Timer

import dagster as dg
import pytest

from imagesignals_pipeline import settings
from imagesignals_pipeline.defs import abandoned
from imagesignals_pipeline.defs.executors import executor
from imagesignals_pipeline.defs.on_celery import on_celery
from imagesignals_pipeline.settings import MisconfiguredError

SECRET = "mArK3d"
NOBODY = f"redis://:{SECRET}@127.0.0.1:1/0"
POOL = "screenshot_storage"


@dg.op
def idle() -> None:
    """Do nothing."""


@dg.op(pool=POOL)
def in_turn() -> None:
    """Do nothing, with a place in the pool."""


@dg.job
def pooled_job() -> None:
    """Two steps of which either could be next."""
    in_turn.alias("one")()
    in_turn.alias("other")()


@dg.job(executor_def=on_celery(NOBODY))
def spread_job() -> None:
    """A job whose broker is not there."""
    idle()


def test_without_a_broker_steps_stay_in_the_process_of_their_run() -> None:
    """The extra is not asked for."""
    assert executor({}) is dg.in_process_executor
    assert executor({settings.BROKER_URL: " "}) is dg.in_process_executor


def test_with_a_broker_steps_go_to_workers() -> None:
    """The address is not in the executor's configuration, which the UI shows."""
    chosen = executor({settings.BROKER_URL: NOBODY})
    assert chosen.name == "celery"
    assert chosen.config_schema.as_field().is_required is False
    assert SECRET not in repr(vars(chosen))


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sets the variable and has not installed the extra learns what to install."""
    monkeypatch.setitem(sys.modules, "dagster_celery.executor", None)
    monkeypatch.delitem(sys.modules, "imagesignals_pipeline.defs.on_celery")
    with pytest.raises(MisconfiguredError, match=r"pip install .* -r requirements-celery\.txt"):
        executor({settings.BROKER_URL: NOBODY})


def test_a_broker_out_of_reach_is_one_line() -> None:
    """The run fails, and says which variable to look at; the address is told nowhere."""
    with dg.instance_for_test() as instance:
        with dg.execute_job(
            dg.reconstructable(spread_job), instance=instance, raise_on_error=False
        ) as result:
            run_id = result.run_id
        (failed,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        told = str(failed)
        everything = str(instance.all_logs(run_id))
    assert f"{settings.BROKER_URL}: " in told
    assert "Connection refused" in told
    assert SECRET not in everything


def test_a_dead_run_of_workers_keeps_its_places_for_a_while() -> None:
    """Its workers may still be at a batch: Dagster frees the pool later; they stop after that."""
    with dg.instance_for_test() as instance:
        instance.event_log_storage.set_concurrency_slots(POOL, 1)
        run = instance.create_run_for_job(spread_job, status=dg.DagsterRunStatus.STARTED)
        abandoned.sign_spread(instance, run.run_id)
        assert not abandoned.is_over(instance, run.run_id)
        dead = {abandoned.PROCESS_TAG: f"{abandoned.socket.gethostname()} 1 0 {run.run_id}"}
        instance.add_run_tags(run.run_id, dead)
        instance.event_log_storage.claim_concurrency_slot(POOL, run.run_id, "idle")
        assert abandoned.end(instance) == [run.run_id]
        assert abandoned.is_over(instance, run.run_id)
        held = instance.event_log_storage.get_concurrency_info(POOL)
        assert held.active_run_ids == {run.run_id}


def test_a_run_that_waits_for_the_pool_is_quiet_and_not_forgotten() -> None:
    """It queues with one step, sleeps, and goes on within a second of its place being free."""
    with dg.instance_for_test() as instance:
        events = instance.event_log_storage
        events.set_concurrency_slots(POOL, 1)
        events.claim_concurrency_slot(POOL, "another run", "idle")
        queued: list[int] = []
        freed: list[float] = []
        spent: list[float] = []

        def free() -> None:
            queued.append(len(events.get_concurrency_info(POOL).pending_steps))
            freed.append(time.monotonic())
            events.free_concurrency_slots_for_run("another run")

        for seconds in (3, 5):
            Timer(seconds, lambda: spent.append(time.process_time())).start()
        Timer(5, free).start()
        assert pooled_job.execute_in_process(instance=instance).success
        assert spent[1] - spent[0] < 0.3
        assert time.monotonic() - freed[0] < 3
        assert queued == [2]  # with that of the other run


def test_a_run_that_waits_for_the_pool_can_be_ended() -> None:
    """Also before it has a place, which it then no longer waits for."""
    with dg.instance_for_test() as instance:
        events = instance.event_log_storage
        events.set_concurrency_slots(POOL, 1)
        events.claim_concurrency_slot(POOL, "another run", "idle")
        Timer(3, signal.raise_signal, [signal.SIGINT]).start()
        at_last = Timer(15, events.free_concurrency_slots_for_run, ["another run"])
        at_last.start()
        result = pooled_job.execute_in_process(instance=instance, raise_on_error=False)
        at_last.cancel()
        (failed,) = result.filter_events(lambda event: event.is_job_failure)
        reason = failed.job_failure_data.failure_reason
        assert reason is not None
        assert reason.value == "UNEXPECTED_TERMINATION"
        assert events.get_concurrency_info(POOL).active_run_ids == {"another run"}
        assert len(events.get_concurrency_info(POOL).pending_steps) == 1
