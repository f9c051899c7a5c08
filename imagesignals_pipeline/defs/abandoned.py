"""Runs whose process is dead: nobody else ends them, and they keep their pool slot and month.

Dagster learns from a run's own process that it has ended. A process that is killed leaves a run
that seems to go on: until `max_runtime_seconds` nothing else could touch the storage. So each run
is signed with its process, and whoever starts work ends the runs of this machine's dead ones.
"""

import os
import socket
from pathlib import Path

import dagster as dg

PROCESS_TAG = "imagesignals/process"
ONE_PROCESS = frozenset({"in_process", "execute_in_process_executor"})
"""Executors that work on all steps of a run in one process."""
DEAD = frozenset({"Z", "X"})  # states of a process that has ended, but is not buried


def signature() -> dict[str, str]:
    """Return the tag that names this process; nothing where the system does not tell its start."""
    started = _started(os.getpid())
    return {PROCESS_TAG: f"{socket.gethostname()} {os.getpid()} {started}"} if started else {}


def sign(context: dg.OpExecutionContext) -> None:
    """Sign a run with this process, unless its steps are spread over several."""
    if context.job_def.executor_def.name in ONE_PROCESS:
        context.instance.add_run_tags(context.run_id, signature())


def end(instance: dg.DagsterInstance) -> list[str]:
    """End the runs of processes of this machine that are no more; return the ids of these runs."""
    statuses = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    ended: list[str] = []
    for run in instance.get_runs(dg.RunsFilter(statuses=statuses)):
        if _is_dead(run.tags.get(PROCESS_TAG, "")):
            instance.report_run_failed(
                run,
                "The process of this run was killed. What it reported as processed is saved; "
                "another run goes on from there.",
            )
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            ended.append(run.run_id)
    return ended


def _is_dead(signed: str) -> bool:
    """Whether a signature is of this machine, and of a process that has ended."""
    host, _, process = signed.partition(" ")
    number, _, started = process.partition(" ")
    return host == socket.gethostname() and bool(started) and _started(int(number)) != started


def _started(process: int) -> str | None:
    """Return when a living process started, in ticks since boot; a number may be used again.

    Source: proc_pid_stat(5), fields 3 and 22, counted behind the name in parentheses.
    """
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in DEAD else fields[19]
