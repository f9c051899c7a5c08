"""Which runs to ask for: nothing waits, nothing piles up, and nothing is tried in vain for ever.

PostgreSQL says what waits, Dagster's own runs say what was tried. No cursor remembers anything
between two ticks, so a sensor and a schedule may ask beside each other and beside people.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import dagster as dg
from dagster._core.events import RunFailureReason
from dagster._core.storage.tags import RUN_FAILURE_REASON_TAG

from imagesignals_pipeline.backlog import Backlog, Unsettled
from imagesignals_pipeline.defs import abandoned
from imagesignals_pipeline.defs.partitions import partition_key

MARK_TAG = "imagesignals/waiting"
"""What waited when a run was asked for; see `Backlog.mark`."""
PARTITION_TAG = "dagster/partition"
FIRST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(days=1)
REMEMBERED = 10
"""Most attempts looked at; after these the pause has long been the longest."""
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
BROKEN = frozenset({RunFailureReason.STEP_FAILURE.value, RunFailureReason.RUN_EXCEPTION.value})
"""Why a run failed by itself; one that was killed says nothing of how the next one fares."""
UNFINISHED = [dg.DagsterRunStatus.QUEUED, *abandoned.UNDER_WAY]


@dataclass(frozen=True, slots=True)
class Asked:
    """The runs that are worth it now, and in a few words why others are not."""

    runs: Sequence[dg.RunRequest]
    left_out: Sequence[str]

    @property
    def skip_reason(self) -> str:
        """What a tick without runs says."""
        return "; ".join(self.left_out) or "Nothing waits."


def months(
    instance: dg.DagsterInstance,
    job_name: str,
    backlogs: Collection[Backlog],
    config: Mapping[str, bool | int],
    now: datetime | None = None,
) -> Asked:
    """Ask for one run for each month in which something waits.

    A month on which a run works, or for which one is queued, is left out, whoever asked for that.
    So is one whose last attempt left exactly the same waiting: it pauses, twice as long each time.
    Whatever waits, it pauses after a run of the job that failed: what broke that breaks the next.

    Args:
        instance: Knows all runs.
        job_name: Of a job by month.
        backlogs: What waits.
        config: Of the job; see `BackfillConfig`.
        now: The moment of asking.
    """
    marks: dict[str, list[str]] = {}
    for each in backlogs:  # the first and the last partition hold several months
        marks.setdefault(partition_key(each.month), []).append(each.mark)
    busy = {run.tags.get(PARTITION_TAG) for run in _unfinished(instance)}
    runs: list[dg.RunRequest] = []
    left_out: list[str] = []
    for partition in sorted(marks):
        if partition in busy:
            left_out.append(f"{partition} is being worked on")
            continue
        mark = _short(job_name, partition, *marks[partition])
        last_run, until = _pause(instance, mark, job_name, {PARTITION_TAG: partition})
        if until > (now or datetime.now(UTC)):
            left_out.append(f"{partition} pauses until {until:%d %b %H:%M} UTC")
            continue
        runs.append(
            dg.RunRequest(
                run_key=f"{mark}/{last_run}",
                job_name=job_name,
                partition_key=partition,
                run_config={"ops": {"payment_image_signals": {"config": dict(config)}}},
                tags={MARK_TAG: mark},
            )
        )
    return Asked(runs, left_out)


def relinking(
    instance: dg.DagsterInstance,
    job_name: str,
    unsettled: Unsettled,
    now: datetime | None = None,
) -> Asked:
    """Ask for a run that settles links and index, unless one that will do so is under way."""
    if not unsettled:
        return Asked([], [])
    if any(PARTITION_TAG in run.tags or run.job_name == job_name for run in _unfinished(instance)):
        return Asked([], ["links are settled when the present runs end"])
    mark = _short(job_name, unsettled.mark)
    last_run, until = _pause(instance, mark, job_name, {})
    if until > (now or datetime.now(UTC)):
        return Asked([], [f"links pause until {until:%d %b %H:%M} UTC"])
    request = dg.RunRequest(run_key=f"{mark}/{last_run}", job_name=job_name, tags={MARK_TAG: mark})
    return Asked([request], [])


def is_busy(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Whether a run of a job is queued or goes on."""
    return any(run.job_name == job_name for run in _unfinished(instance))


def _unfinished(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    return instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))


def _pause(
    instance: dg.DagsterInstance, mark: str, job_name: str, month: Mapping[str, str]
) -> tuple[int, datetime]:
    """Return the last run that found just this waiting (0: none), and until when to pause."""
    attempts = instance.get_run_records(dg.RunsFilter(tags={MARK_TAG: mark}), limit=REMEMBERED)
    alike = dg.RunsFilter(job_name=job_name, tags=month, statuses=ENDED)
    broken = [
        each
        for each in instance.get_run_records(alike, limit=1)
        if each.dagster_run.tags.get(RUN_FAILURE_REASON_TAG) in BROKEN
    ]
    if not attempts:
        return 0, _last(broken) + FIRST_PAUSE
    pause = min(FIRST_PAUSE * 2 ** (len(attempts) - 1), LONGEST_PAUSE)
    return attempts[0].storage_id, max(_last(attempts) + pause, _last(broken) + FIRST_PAUSE)


def _last(runs: Sequence[dg.RunRecord]) -> datetime:
    """Return when the last of some runs ended, long ago where there is none."""
    ends = (each.end_time or each.create_timestamp.timestamp() for each in runs)
    return datetime.fromtimestamp(max(ends, default=0), UTC)


def _short(*parts: str) -> str:
    """Return one value for several, short enough for a tag."""
    return sha256(" ".join(parts).encode()).hexdigest()[:20]
