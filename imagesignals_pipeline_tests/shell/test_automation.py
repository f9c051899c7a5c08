"""What runs by itself: only what waits, one run a month at a time, and not in vain for ever."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Connection, text

from imagesignals_pipeline import backlog, settings, verify
from imagesignals_pipeline.backlog import Backlog
from imagesignals_pipeline.definitions import defs
from imagesignals_pipeline.defs import abandoned, alerting, requests, schedules, sensors
from imagesignals_pipeline.defs.jobs import JOBS, RETRY_DUE, retry_failed
from imagesignals_pipeline.defs.resources import Postgres
from imagesignals_pipeline.demo import DemoStore
from imagesignals_pipeline_tests.few import FEW, insert

JOB = "image_signals_backfill"
IN_OCTOBER, IN_NOVEMBER = "2025-10", "2025-11"
OCTOBER = Backlog(date(2025, 10, 1), 3, "three ids")


@dg.op
def rest() -> None:
    """Do nothing."""


@dg.job
def some_job() -> None:
    """Stand for a run of ours, by its name and tags."""
    rest()


@dg.op
def break_down() -> None:
    """Fail."""
    raise dg.Failure("The bucket is not there.")


@dg.job(name=JOB)
def broken_backfill() -> None:
    """Stand for a run of ours that fails."""
    break_down()


@dg.job(name=JOB)
def mended_backfill() -> None:
    """Stand for one that does not."""
    rest()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStore]:
    """The storage of the pictures of `FEW`."""
    with DemoStore(tmp_path_factory.mktemp("store"), submissions=FEW, port=0) as running:
        yield running


@pytest.fixture
def few(
    connection: Connection, database_url: str, store: DemoStore, monkeypatch: pytest.MonkeyPatch
) -> Connection:
    """A connection to a database that holds `FEW`, which the environment names."""
    insert(connection, FEW, store.base_url)
    connection.commit()
    monkeypatch.setenv(settings.DATABASE_URL, database_url)
    monkeypatch.setenv(settings.STORAGE_URL, store.base_url)
    return connection


def look(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """Evaluate the sensor as the daemon does; return the runs that it asks for."""
    with dg.build_sensor_context(instance=instance, resources={"postgres": Postgres()}) as context:
        answer = sensors.new_submissions_sensor(context)
    return list(answer.run_requests or ()) if isinstance(answer, dg.SensorResult) else []


def tick(instance: dg.DagsterInstance, schedule: dg.ScheduleDefinition) -> list[dg.RunRequest]:
    """Evaluate a schedule as the daemon does; return the runs that it asks for."""
    with (
        pytest.MonkeyPatch.context() as patch,
        dg.build_schedule_context(
            resources={"postgres": Postgres()}, scheduled_execution_time=datetime.now(UTC)
        ) as context,
    ):
        # By reference, as from the daemon, it takes no instance that is in memory.
        patch.setattr(dg.ScheduleEvaluationContext, "instance", instance)
        answer = schedule(context)
    answers = answer if isinstance(answer, list) else [answer]
    return [each for each in answers if isinstance(each, dg.RunRequest)]


def carry_out(instance: dg.DagsterInstance, request: dg.RunRequest) -> None:
    """Run what was asked for, as the daemon would."""
    config = request.run_config
    if request.partition_key:
        config = {"ops": {"payment_image_signals": {"config": {"batch_delay": 0, **_own(config)}}}}
    result = defs.resolve_job_def(str(request.job_name)).execute_in_process(
        instance=instance,
        partition_key=request.partition_key,
        run_config=config,
        tags=dict(request.tags),
    )
    assert result.success


def _own(config: object) -> dict[str, object]:
    assert isinstance(config, dict)
    return config["ops"]["payment_image_signals"]["config"]


def asked_for(requested: list[dg.RunRequest]) -> list[tuple[str | None, str | None]]:
    """Return job and month of each request."""
    return [(each.job_name, each.partition_key) for each in requested]


def test_the_sensor_finds_what_waits_and_nothing_else(
    few: Connection, instance: dg.DagsterInstance
) -> None:
    """It asks for the months concerned; when they are done, for nothing; then for changes alone."""
    first = look(instance)
    assert asked_for(first) == [(JOB, IN_OCTOBER), (JOB, IN_NOVEMBER)]
    assert [each.run_key for each in look(instance)] == [each.run_key for each in first]
    for request in first:
        carry_out(instance, request)
    with few.begin_nested():
        clean = verify.digest(few)
    assert look(instance) == []
    few.rollback()

    few.execute(
        text("update payment_submissions set screenshot_url = :url where id = :id"),
        {"url": FEW[2].url(settings.read(os.environ).storage_url or ""), "id": FEW[3].id},
    )
    few.commit()
    (changed,) = look(instance)
    assert (changed.job_name, changed.partition_key) == (JOB, IN_OCTOBER)
    carry_out(instance, changed)
    assert verify.digest(few) != clean
    few.rollback()
    assert look(instance) == []


def test_a_deleted_original(few: Connection, instance: dg.DagsterInstance) -> None:
    """The links alone are settled: the copy becomes the original, and no check sees a fault."""
    for request in look(instance):
        carry_out(instance, request)
    assert tick(instance, schedules.relink_duplicates_schedule) == []
    few.execute(text("delete from payment_submissions where id = :id"), {"id": FEW[0].id})
    few.commit()
    assert [each.job_name for each in tick(instance, schedules.relink_duplicates_schedule)] == [
        "relink_duplicates"
    ]
    (request,) = look(instance)
    assert (request.job_name, request.partition_key) == ("relink_duplicates", None)
    carry_out(instance, request)
    report = verify.report(few)
    assert [check.name for check in report.checks if not check.passed] == ["failure_rate"]
    assert report.duplicates == ()
    few.rollback()
    assert look(instance) == []


def test_outdated_pictures_are_analysed_anew(few: Connection, instance: dg.DagsterInstance) -> None:
    """Month by month, one at a time; at no moment is a row or link missing; the end is the same."""
    for request in look(instance):
        carry_out(instance, request)
    clean = verify.digest(few)
    copies = len(verify.report(few).duplicates)
    assert copies == 1
    for table in ("image_fingerprints", "image_pictures", "image_matches", "image_marks"):
        few.execute(text(f"update {table} set algorithm_version = 1"))  # pyright: ignore[reportArgumentType]
    few.execute(
        text(
            "update payment_image_signals set written_by_pipeline = false, perceptual_hash = 'x'"
            " where payment_submission_id = :id"
        ),
        {"id": FEW[2].id},
    )
    few.commit()
    months: list[str | None] = []
    while requested := tick(instance, schedules.reanalyse_outdated_schedule):
        few.rollback()
        (request,) = requested
        months.append(request.partition_key)
        carry_out(instance, request)
        report = verify.report(few)
        assert (report.pending, len(report.duplicates)) == (0, copies)
    assert months == [IN_OCTOBER, IN_NOVEMBER]
    assert verify.digest(few) == clean


def test_failures_are_retried_when_their_pause_is_over(
    few: Connection, instance: dg.DagsterInstance
) -> None:
    """The missing picture is tried again after its pause, by a run that tries nothing else."""
    for request in look(instance):
        carry_out(instance, request)
    assert tick(instance, schedules.retry_failed_schedule) == []
    few.execute(
        text(
            "update image_signal_failures set failed_since = now() - interval '1 hour',"
            " failed_at = now() - interval '1 hour'"
        )
    )
    few.commit()
    (request,) = tick(instance, schedules.retry_failed_schedule)
    assert _own(request.run_config) == RETRY_DUE
    carry_out(instance, request)
    last = text("select now() - max(failed_at) < interval '5 minutes' from image_signal_failures")
    assert few.execute(last).scalar_one()
    few.rollback()
    assert tick(instance, schedules.retry_failed_schedule) == []


def test_whoever_launches_the_job_by_hand_waits_for_no_pause(
    few: Connection, instance: dg.DagsterInstance
) -> None:
    """An operator who has mended the storage tries all of it again at once."""
    for request in look(instance):
        carry_out(instance, request)
    tried = text("select max(failed_at) from image_signal_failures")
    before = few.execute(tried).scalar_one()
    few.rollback()
    job = defs.resolve_job_def(retry_failed.name)
    for month in (IN_OCTOBER, IN_NOVEMBER):
        assert job.execute_in_process(instance=instance, partition_key=month).success
    assert few.execute(tried).scalar_one() > before


def test_schedules_ask_like_the_sensor(few: Connection, instance: dg.DagsterInstance) -> None:
    """The incremental schedule asks for the same runs, and the checks' one for its only run."""
    assert few
    by_clock = tick(instance, schedules.incremental_backfill_schedule)
    assert [each.partition_key for each in by_clock] == [IN_OCTOBER, IN_NOVEMBER]
    assert [each.run_key for each in by_clock] == [each.run_key for each in look(instance)]
    assert len(tick(instance, schedules.verify_signals_schedule)) == 1


@pytest.mark.parametrize("status", requests.UNFINISHED[1:])  # a queued one has an origin
def test_a_month_with_a_run_is_left_alone(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    """Queued or going on, and whoever asked for it: no second run of that month."""
    instance.create_run_for_job(some_job, status=status, tags={requests.PARTITION_TAG: IN_OCTOBER})
    asked = requests.months(instance, JOB, [OCTOBER], {})
    assert asked.runs == []
    assert asked.skip_reason == f"{IN_OCTOBER} is being worked on"
    november = Backlog(date(2025, 11, 1), 1, "one id")
    assert len(requests.months(instance, JOB, [OCTOBER, november], {}).runs) == 1


def test_what_is_tried_in_vain_is_tried_ever_less(instance: dg.DagsterInstance) -> None:
    """A run that leaves all as it was is followed by a pause that doubles up to a day."""
    keys: set[str | None] = set()
    for minutes in (0, 15, 30, 60, 120, 240, 480, 960, 1440, 1440):
        over = datetime.now(UTC) + timedelta(minutes=minutes)
        if minutes:
            early = requests.months(instance, JOB, [OCTOBER], {}, over - timedelta(minutes=2))
            assert "pauses until" in early.skip_reason
        (request,) = requests.months(instance, JOB, [OCTOBER], {}, over).runs
        keys.add(request.run_key)
        run = instance.create_run_for_job(some_job, tags=dict(request.tags))
        instance.report_run_failed(run, "in vain")
    assert len(keys) == 10
    other = Backlog(OCTOBER.month, 4, "four ids")
    assert requests.months(instance, JOB, [other], {}).runs


def test_a_run_that_failed_is_followed_by_a_pause_whatever_waits(
    instance: dg.DagsterInstance,
) -> None:
    """During an outage each new submission would else start another run that fails."""
    now = datetime.now(UTC)
    tags = {requests.PARTITION_TAG: IN_OCTOBER}
    other = Backlog(date(2025, 11, 1), 1, "one id")

    def asked(now: datetime) -> list[str | None]:
        more = [Backlog(OCTOBER.month, 4, "four ids"), other]
        return [each.partition_key for each in requests.months(instance, JOB, more, {}, now).runs]

    run = instance.create_run_for_job(broken_backfill, tags=tags)
    instance.report_run_failed(run, "killed")
    assert asked(now) == [IN_OCTOBER, IN_NOVEMBER]
    broken_backfill.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    assert asked(now) == [IN_NOVEMBER]
    assert asked(now + timedelta(minutes=16)) == [IN_OCTOBER, IN_NOVEMBER]
    unsettled = backlog.Unsettled(1, 0, 1, -1, False, "mark")
    assert "pause until" in requests.relinking(instance, JOB, unsettled, now).skip_reason
    mended_backfill.execute_in_process(instance=instance, tags=tags)
    assert asked(now) == [IN_OCTOBER, IN_NOVEMBER]


def killed(instance: dg.DagsterInstance, job: dg.JobDefinition, **tags: str) -> str:
    """Make a run whose process is gone, which seems to go on; return its id."""
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    signed = f"{socket.gethostname()} {os.getpid()} 0 {run.run_id}"  # our number, born at boot
    instance.add_run_tags(run.run_id, {abandoned.PROCESS_TAG: signed})
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    """Return what Dagster knows of a run."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_tick_ends_the_runs_of_the_dead(few: Connection) -> None:
    """A killed run no longer keeps its month: the tick that finds it asks for the next one."""
    assert few
    with dg.instance_for_test() as instance:
        run_id = killed(instance, some_job, **{requests.PARTITION_TAG: IN_OCTOBER})
        assert IN_OCTOBER in {each.partition_key for each in look(instance)}
        assert status(instance, run_id) is dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize("schedule", schedules.SCHEDULES, ids=lambda each: each.name)
def test_no_schedule_waits_for_the_dead(few: Connection, schedule: dg.ScheduleDefinition) -> None:
    """A killed run of a schedule's own job is ended by its next tick, whatever that asks for."""
    assert few
    with dg.instance_for_test() as instance:
        job = dg.GraphDefinition(name=schedule.job_name, node_defs=[rest]).to_job()
        run_id = killed(instance, job)
        tick(instance, schedule)
        assert status(instance, run_id) is dg.DagsterRunStatus.FAILURE


def test_links_wait_for_runs_that_settle_them(instance: dg.DagsterInstance) -> None:
    """A run of a month settles all links at its end: no other run is needed beside it."""
    unsettled = backlog.Unsettled(1, 0, 1, -1, False, "mark")
    assert requests.relinking(instance, "relink", unsettled).runs
    run = instance.create_run_for_job(
        some_job,
        status=dg.DagsterRunStatus.STARTED,
        tags={requests.PARTITION_TAG: IN_OCTOBER},
    )
    assert "when the present runs end" in requests.relinking(instance, "x", unsettled).skip_reason
    instance.report_run_failed(run, "ended")
    (request,) = requests.relinking(instance, "relink", unsettled).runs
    again = instance.create_run_for_job(some_job, tags=dict(request.tags))
    instance.report_run_failed(again, "in vain")
    assert "pause until" in requests.relinking(instance, "relink", unsettled).skip_reason


def test_everything_is_off_and_explained() -> None:
    """Until somebody switches it on nothing runs by itself; each switch says what it does."""
    for each in (*schedules.SCHEDULES, *sensors.SENSORS, *alerting.ALERTS):
        assert each.default_status.value == "STOPPED"
        assert each.description
    assert {job.name for job in JOBS} == {job.name for job in defs.resolve_all_job_defs()} - {
        "__ASSET_JOB"
    }
    assert all(defs.resolve_job_def(job.name).description for job in JOBS)


@pytest.mark.parametrize("cron", ["*/5 * * *", "soon", "0 0 31 2 *", "0 25 * * *"])
def test_a_wrong_schedule_is_one_clear_line(tmp_path: Path, cron: str) -> None:
    """Whoever loads the code with a cron expression that is none is told what to set."""
    with pytest.raises(
        settings.MisconfiguredError, match="IMAGESIGNALS_SCHEDULE to a cron"
    ) as raised:
        schedules.checked(cron)
    assert "\n" not in str(raised.value)
    if cron == "soon":
        said = subprocess.run(
            [sys.executable, "-c", "import imagesignals_pipeline.definitions"],
            env={**os.environ, settings.SCHEDULE: cron},
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
            timeout=120,
        )
        assert said.stderr.splitlines()[-1].endswith(str(raised.value))
