"""Runs of dead processes of this machine are ended; all others are left alone."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest

from imagesignals_pipeline.defs import abandoned

POOL = "screenshot_storage"


@dg.op
def signing(context: dg.OpExecutionContext) -> None:
    """Sign the run."""
    abandoned.sign(context)


@dg.job
def signed_job() -> None:
    """A run that is signed."""
    signing()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's storage in files; the one in memory has no pools."""
    with dg.instance_for_test() as temporary:
        temporary.event_log_storage.set_concurrency_slots(POOL, 1)
        yield temporary


@pytest.fixture
def sleeping() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing, and lives."""
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1)
    yield process
    process.kill()
    process.communicate()


def started(
    instance: dg.DagsterInstance,
    signed: str | None,
    run_id: str | None = None,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
) -> str:
    """Make a run that goes on, as far as Dagster knows; return its id.

    It is signed with a process, as the one to work on `run_id`, by default on the run itself.
    """
    run = instance.create_run_for_job(signed_job, status=status)
    if signed is not None:
        tag = f"{signed} {run_id or run.run_id}"
        instance.add_run_tags(run.run_id, {abandoned.PROCESS_TAG: tag})
    return run.run_id


def signature_of(process: int) -> str:
    """Return a living process as a signature names it."""
    return f"{socket.gethostname()} {process} {abandoned._started(process)}"


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    """Return what Dagster knows of a run."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED),
    ],
)
def test_killed_at_any_moment(
    instance: dg.DagsterInstance, before: dg.DagsterRunStatus, after: dg.DagsterRunStatus
) -> None:
    """A run that had not begun blocks its month no more; one that was cancelled stays so."""
    dead = started(instance, f"{socket.gethostname()} {os.getpid()} 1", status=before)
    living = started(instance, signature_of(os.getpid()), status=before)
    assert abandoned.end(instance) == [dead]
    assert (status(instance, dead), status(instance, living)) == (after, before)


def test_the_living_and_the_unknown_go_on(
    instance: dg.DagsterInstance, sleeping: subprocess.Popen[bytes]
) -> None:
    """A living process, another machine and a run without signature are none of our business."""
    runs = [
        started(instance, signature_of(os.getpid())),
        started(instance, signature_of(sleeping.pid)),
        started(instance, "another-machine 1 1"),
        started(instance, signature_of(os.getpid()) + "0", "the run that this one retries"),
        started(instance, "nonsense"),
        started(instance, None),
    ]
    assert abandoned.end(instance) == []
    assert {status(instance, run) for run in runs} == {dg.DagsterRunStatus.STARTED}


def test_the_dead_are_ended(
    instance: dg.DagsterInstance, sleeping: subprocess.Popen[bytes]
) -> None:
    """A process that is gone, unburied, or another one by the same number ends its run."""
    signed = signature_of(sleeping.pid)
    runs = [started(instance, signed), started(instance, signature_of(os.getpid()) + "0")]
    sleeping.kill()
    while abandoned._started(sleeping.pid):  # until it is a zombie: nobody has waited for it
        pass
    assert sorted(abandoned.end(instance)) == sorted(runs)
    sleeping.wait()
    buried = started(instance, signed)
    assert abandoned.end(instance) == [buried]
    assert {status(instance, run) for run in [*runs, buried]} == {dg.DagsterRunStatus.FAILURE}
    assert abandoned.end(instance) == []


@pytest.mark.parametrize(
    ("last", "after"),
    [
        (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterRunStatus.SUCCESS),
        (dg.DagsterEventType.RUN_CANCELING, dg.DagsterRunStatus.CANCELED),
    ],
)
def test_what_a_process_says_last_counts(
    instance: dg.DagsterInstance,
    sleeping: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    last: dg.DagsterEventType,
    after: dg.DagsterRunStatus,
) -> None:
    """A run that ends, process and all, between two looks at it stays what it has become."""
    run_id = started(instance, signature_of(sleeping.pid))
    read = instance.get_runs

    def read_before_its_end(filters: dg.RunsFilter) -> Sequence[dg.DagsterRun]:
        runs = read(filters)
        instance.report_dagster_event(dg.DagsterEvent(last.value, signed_job.name), run_id)
        sleeping.kill()
        sleeping.wait()
        return runs

    monkeypatch.setattr(instance, "get_runs", read_before_its_end)
    abandoned.end(instance)
    assert status(instance, run_id) is after


def test_what_the_system_hides_is_asked_for(
    instance: dg.DagsterInstance,
    sleeping: subprocess.Popen[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where /proc does not show the processes of others, a run ends with its process, not before.

    The first process of the machine belongs to somebody else, unless the tests run as root.
    """
    ours = started(instance, signature_of(sleeping.pid))
    others = started(instance, f"{socket.gethostname()} 1 1")
    monkeypatch.setattr(abandoned, "PROC", tmp_path)
    assert abandoned.end(instance) == []
    sleeping.kill()
    sleeping.wait()
    assert abandoned.end(instance) == [ours]
    assert status(instance, others) == dg.DagsterRunStatus.STARTED


def test_their_slot_is_free(instance: dg.DagsterInstance) -> None:
    """The pool's only slot passes from a dead run to the next one."""
    storage = instance.event_log_storage
    dead = started(instance, signature_of(os.getpid()) + "0")
    assert storage.claim_concurrency_slot(POOL, dead, "batch").is_claimed
    assert not storage.claim_concurrency_slot(POOL, "next", "batch").is_claimed
    abandoned.end(instance)
    assert storage.claim_concurrency_slot(POOL, "next", "batch").is_claimed


def test_a_run_signs_with_its_process(instance: dg.DagsterInstance) -> None:
    """A run whose steps share a process carries the name of that process."""
    result = signed_job.execute_in_process(instance=instance)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[abandoned.PROCESS_TAG] == f"{signature_of(os.getpid())} {run.run_id}"
    assert run.tags["dagster/retry_strategy"] == "ALL_STEPS"
