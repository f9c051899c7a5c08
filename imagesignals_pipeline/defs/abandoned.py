"""Runs whose process is dead: nobody else ends them, and they keep their pool slot and month.

Dagster learns from a run's own process that it has ended. A process that is killed leaves a run
that seems to go on: until `max_runtime_seconds` nothing else could touch the storage. So runs that
analyse, link or check are signed with their process, and whoever starts to analyse, the ticks and
`dev` end the runs of this machine's dead ones.
"""

import os
import socket
from contextlib import suppress
from pathlib import Path

import dagster as dg

PROCESS_TAG = "imagesignals/process"
SPREAD = {"imagesignals/steps": "on workers"}
"""Runs whose process only hands out steps: workers may go on with one when it is dead."""
ALL_STEPS = {"dagster/retry_strategy": "ALL_STEPS"}
"""Runs that the UI launches lack the tags of our job: "from failure" would drop batches."""
ONE_PROCESS = frozenset({"in_process", "execute_in_process_executor"})
"""Executors that work on all steps of a run in one process."""
UNDER_WAY = [
    dg.DagsterRunStatus.NOT_STARTED,  # as the command line makes its runs
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
OVER = frozenset(
    {
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
        dg.DagsterRunStatus.CANCELING,
    }
)
KILLED = "The process of this run was killed. What it reported as processed is saved."
PROC = Path("/proc")
DEAD = frozenset({"Z", "X"})  # states of a process that has ended, but is not buried


def signature(run_id: str) -> dict[str, str]:
    """Return the tag that says that this process works on a run.

    Nothing where the system does not tell when a process started. The run is named because a
    retry inherits the tags of its run.
    """
    started = _started(os.getpid())
    signed = f"{socket.gethostname()} {os.getpid()} {started} {run_id}"
    return {PROCESS_TAG: signed} if started else {}


def sign(context: dg.OpExecutionContext) -> None:
    """Sign a run with this process, unless its steps are spread over several."""
    if context.job_def.executor_def.name in ONE_PROCESS:
        context.instance.add_run_tags(context.run_id, signature(context.run_id) | ALL_STEPS)


def sign_spread(instance: dg.DagsterInstance, run_id: str) -> None:
    """Sign a run with this process, which hands out its steps."""
    instance.add_run_tags(run_id, signature(run_id) | ALL_STEPS | SPREAD)


def is_over(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run has ended, or is about to, while a worker is at one of its steps."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status in OVER


def end(instance: dg.DagsterInstance) -> list[str]:
    """End the runs of processes of this machine that are no more; return the ids of these runs."""
    ended: list[str] = []
    for seen in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY)):
        # What a process that ended meanwhile said last of its run counts.
        run = instance.get_run_by_id(seen.run_id) if _is_dead(seen) else None
        if run is not None and run.status in UNDER_WAY:
            if run.status is dg.DagsterRunStatus.CANCELING:  # and shall not start again
                instance.report_run_canceled(run, f"{KILLED} It was being cancelled.")
            else:
                instance.report_run_failed(run, f"{KILLED} Another run goes on from there.")
            if not SPREAD.items() <= run.tags.items():  # workers end their batch; Dagster waits
                instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            ended.append(run.run_id)
    return ended


def _is_dead(run: dg.DagsterRun) -> bool:
    """Whether the process that signed a run was one of this machine, and has ended."""
    match run.tags.get(PROCESS_TAG, "").split():
        case [host, process, started, run_id]:
            ours = (host, run_id) == (socket.gethostname(), run.run_id)
            return ours and not _lives(int(process), started)
        case _:
            return False


def _lives(process: int, started: str) -> bool:
    """Whether a process that started then is still there.

    Where the system hides what other users run (hidepid, ProtectProc), whether any is there by
    that number: to end a run that goes on is worse than to leave a dead one alone.
    """
    if _stat(process):
        return _started(process) == started
    with suppress(PermissionError):  # somebody else's is there, too
        try:
            os.kill(process, 0)  # only asks
        except ProcessLookupError:
            return False
    return True


def _started(process: int) -> str | None:
    """Return when a living process started, in ticks since boot; a number may be used again."""
    fields = _stat(process)
    return None if not fields or fields[0] in DEAD else fields[19]


def _stat(process: int) -> list[str]:
    """Return what the system tells of a process, from its state on, or nothing.

    Source: proc_pid_stat(5), fields 3 and 22, counted behind the name in parentheses.
    """
    try:
        stat = (PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()
