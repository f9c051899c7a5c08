"""Runs in this process: real PostgreSQL and pictures over HTTP, Dagster's storage in memory."""

import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from sqlalchemy import Connection, text

from imagesignals_pipeline import settings, verify
from imagesignals_pipeline.definitions import defs
from imagesignals_pipeline.defs import assets, runs
from imagesignals_pipeline.demo import DemoStore
from imagesignals_pipeline.matching import settling
from imagesignals_pipeline_tests.fetch.servers import Line, Seen, Server, reply
from imagesignals_pipeline_tests.few import FEW, NOVEMBER, OCTOBER, insert, receipt

SIGNALS = dg.AssetKey("payment_image_signals")
INDEX = dg.AssetKey("image_perceptual_hash_index")
PENDING = dg.AssetKey("pending_submissions")
IN_OCTOBER, IN_NOVEMBER, EMPTY = "2025-10", "2025-11", "2025-06"


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


def run(
    instance: dg.DagsterInstance, month: str, *only: dg.AssetKey, **config: float | str
) -> dg.ExecuteInProcessResult:
    """Run the job for a month, without rest between the batches."""
    signals = {"config": {"batch_delay": 0, **config}}
    return defs.resolve_job_def("image_signals_backfill").execute_in_process(
        instance=instance,
        partition_key=month,
        asset_selection=list(only) or None,
        run_config={"ops": {"payment_image_signals": signals}} if not only else None,
        raise_on_error=False,
    )


def metadata(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, Any]:
    """Return what the only materialization of an asset says."""
    (event,) = [each for each in result.get_asset_materialization_events() if each.asset_key == key]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def told(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return the lines of a run's log."""
    return [each.message for each in instance.all_logs(run_id)]


def first_failure(result: dg.ExecuteInProcessResult) -> str:
    """Return what the step that failed first says of it, in our own words."""
    failed, *_ = result.filter_events(lambda event: event.is_step_failure)
    described = failed.step_failure_data.user_failure_data
    assert described is not None
    return str(described.description)


def test_pending_submissions(few: Connection, instance: dg.DagsterInstance) -> None:
    """The asset shows what waits in its month, oldest first, and writes nothing."""
    result = run(instance, IN_NOVEMBER, PENDING)
    assert result.success
    shown = metadata(result, PENDING)
    assert (shown["month_pending"], shown["month_with_screenshot"]) == (3, 3)
    lines = shown["oldest"].splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| F-601", "| F-204", "| F-102"]
    (observed,) = result.get_asset_observation_events()
    told = observed.asset_observation_data.asset_observation.metadata
    assert told["all_months_with_screenshot"].value == 9
    assert not few.execute(text("select from image_signal_batches")).all()


def test_a_range_that_ends_before_it_begins(few: Connection, instance: dg.DagsterInstance) -> None:
    """It is refused, as on the command line: a green month would say that nothing waits."""
    result = run(instance, IN_OCTOBER, since="2025-10-20", until="2025-10-01")
    assert first_failure(result) == "until must be after since."
    assert few.execute(text("select count(*) from payment_image_signals")).scalar_one() == 0


def test_late_pictures_are_compared_after_the_last_month(
    few: Connection, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that another one follows leaves them, and a check tells of them until then."""
    monkeypatch.setattr(settling, "RECHECKED_AT_ONCE", 0)
    assert run(instance, IN_NOVEMBER).success
    config = assets.BackfillConfig(batch_delay=0)
    runs.run_month(instance, IN_OCTOBER, config, lambda _: None, followed=True)
    rate, check = (each for each in verify.report(few).checks if not each.passed)
    assert rate.name == "failure_rate"  # two of nine
    assert check.name == "late_pictures_are_compared"
    few.rollback()
    followed, _ = instance.get_runs()
    again = defs.resolve_job_def("image_signals_backfill").execute_in_process(
        instance=instance, partition_key=IN_OCTOBER, tags=followed.tags
    )
    shown = metadata(again, INDEX)
    assert (shown["pictures_compared"], shown["pictures_waiting"]) == (check.numbers["broken"], 0)
    assert verify.report(few).passed


@pytest.mark.parametrize(
    ("job", "selected", "expected"),
    [
        ("image_signals_backfill", None, True),
        ("verify_signals", None, False),
        ("image_signals_backfill", INDEX, True),
        ("image_signals_backfill", SIGNALS, False),
    ],
)
def test_a_queued_run_follows_those_that_were_queued(
    instance: dg.DagsterInstance, job: str, selected: dg.AssetKey | None, expected: bool
) -> None:
    """It does if it settles links too; the command line does not know whether a daemon runs."""
    origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("anywhere"), "__repository__")

    def made(name: str, **more: Any) -> dg.DagsterRun:
        definition = defs.resolve_job_def(name)
        return instance.create_run_for_job(
            definition, remote_job_origin=RemoteJobOrigin(origin, name), **more
        )

    ours = made("image_signals_backfill")
    assert not assets.is_followed(instance, ours)
    selection = {selected} if selected else None
    made(job, status=dg.DagsterRunStatus.QUEUED, asset_selection=selection)
    assert assets.is_followed(instance, ours) is expected
    by_hand = instance.create_run_for_job(defs.resolve_job_def("image_signals_backfill"))
    assert not assets.is_followed(instance, by_hand)


def test_a_month(few: Connection, instance: dg.DagsterInstance) -> None:
    """A run plans batches, works on each in a step of its own, seals the month and checks all."""
    result = run(instance, IN_OCTOBER)
    assert result.success
    steps = [event.step_key for event in result.get_step_success_events()]
    assert steps == [
        "pending_submissions",
        "payment_image_signals.plan_batches",
        "payment_image_signals.analyse_batch[b00001_00001]",
        "payment_image_signals.analyse_batch[b00002_00002]",
        "payment_image_signals.seal_month",
        "image_perceptual_hash_index",
        "post_backfill_verification",
    ]
    shown = metadata(result, SIGNALS)
    assert shown["month_with_screenshot"] == 6
    assert shown["month_completed"] + shown["month_failed"] == 6
    assert (shown["month_failed"], shown["month_skipped"], shown["month_pending"]) == (1, 0, 0)
    assert shown["all_months_pending"] == 3
    (failed,) = [
        each for each in shown["month_not_analysed"].splitlines() if "not&#95;found" in each
    ]
    assert "Restore the file, or accept that it is gone" in failed
    assert "/guess/retry_failed" in shown["month_not_analysed"].splitlines()[-1]
    assert instance.get_materialized_partitions(SIGNALS) == {IN_OCTOBER}
    lines = told(instance, result.run_id)
    for line in ("📊 Found 6 payment submissions to process", "🔄 Processing batch 2 of 2"):
        assert line in lines
    (first, second) = (line.splitlines() for line in lines if "✅ Processed" in line)
    assert [len(first), len(second)] == [6, 2]  # one message a batch, a line a submission, totals
    assert first[0] == "✅ Processed F-601 - OK"
    so_far, ahead = first[-1].split("; ")
    assert so_far == "📈 Processed 5 of 6: 4 successful, 0 skipped, 1 failed"
    assert re.fullmatch(r"\d+ a minute, about \d+ seconds? left", ahead)
    assert second[-1] == "📈 Processed 6 of 6: 5 successful, 0 skipped, 1 failed"
    settled = metadata(result, INDEX)
    assert (settled["duplicates"], settled["originals"], settled["links_changed"]) == (0, 0, 0)
    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert set(checks) == {each.name for each in verify.CHECKS}
    assert [name for name, check in checks.items() if not check.passed] == [
        "every_submission_accounted_for",  # November waits
        "nothing_waits_long",
    ]
    assert few.execute(text("select count(*) from payment_image_signals")).scalar_one() == 6


def test_the_months_together(few: Connection, instance: dg.DagsterInstance) -> None:
    """Months are green one by one; the later one's copy is linked to the earlier one's original.

    The order of the months does not matter: here the copy comes first.
    """
    assert run(instance, IN_NOVEMBER).success
    assert instance.get_materialized_partitions(SIGNALS) == {IN_NOVEMBER}
    assert run(instance, IN_OCTOBER).success
    assert instance.get_materialized_partitions(SIGNALS) == {IN_OCTOBER, IN_NOVEMBER}
    copies = few.execute(
        text(
            "select payment_submission_id, similar_to_payment_id"
            " from payment_image_signals where duplicate_detected"
        )
    )
    assert [tuple(row) for row in copies] == [(FEW[1].id, FEW[0].id)]
    again = run(instance, IN_OCTOBER)
    assert again.success
    assert "No payments found" in "\n".join(told(instance, again.run_id))


def test_an_empty_month(few: Connection, instance: dg.DagsterInstance) -> None:
    """A month without submissions is done, and green."""
    result = run(instance, EMPTY)
    assert result.success
    assert metadata(result, SIGNALS)["month_with_screenshot"] == 0
    assert instance.get_materialized_partitions(SIGNALS) == {EMPTY}
    assert not few.execute(text("select from payment_image_signals")).all()


def test_image_perceptual_hash_index(few: Connection, instance: dg.DagsterInstance) -> None:
    """By itself the index is rebuilt from what the signals say."""
    run(instance, IN_OCTOBER)
    before = few.execute(text("select * from image_perceptual_hash_index order by 1")).all()
    few.execute(text("delete from image_perceptual_hash_index"))
    few.commit()
    result = run(instance, EMPTY, INDEX)
    assert result.success
    after = few.execute(text("select * from image_perceptual_hash_index order by 1")).all()
    assert [row.perceptual_hash for row in after] == [row.perceptual_hash for row in before]
    assert metadata(result, INDEX)["hashes_written"] == len(before) > 1


def test_a_large_month_has_few_steps(
    few: Connection, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above a number of steps each takes several batches in turn, none twice and none left out."""
    monkeypatch.setattr(assets, "MAX_BATCH_STEPS", 4)
    result = run(instance, IN_OCTOBER, batch_size=1)
    steps = [str(event.step_key) for event in result.get_step_success_events()]
    mapped = [step.partition("[b")[2].strip("]") for step in steps if "[" in step]
    assert mapped == ["00001_00001", "00002_00003", "00004_00004", "00005_00006"]
    assert result.success
    assert few.execute(text("select count(*) from payment_image_signals")).scalar_one() == 6


def test_a_batch_that_goes_missing(few: Connection, instance: dg.DagsterInstance) -> None:
    """If a planned submission has no row at the end, the run fails and the month is not green."""

    def forget(line: Line, seen: Seen) -> object:
        few.execute(text("delete from payment_image_signals"))  # the batch before this one
        few.commit()
        return reply(200, receipt())(line, seen)

    with Server({"/last.png": forget}) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv(settings.ALLOWED_ORIGINS, server.url)
        few.execute(
            text(
                "insert into payment_submissions (flat_id, screenshot_url, created_at)"
                " values ('F-LAST', :url, :created_at)"
            ),
            {"url": f"{server.url}/last.png", "created_at": OCTOBER.replace(day=30)},
        )
        few.commit()
        result = run(instance, IN_OCTOBER, batch_size=6)
    assert not result.success
    (failed,) = result.filter_events(lambda event: event.is_step_failure)
    assert failed.step_key == "payment_image_signals.seal_month"
    reason = "6 submissions of 2025-10 were planned but not analysed."
    assert first_failure(result).startswith(reason)
    assert instance.get_materialized_partitions(SIGNALS) == set()
    assert run(instance, IN_OCTOBER).success
    assert few.execute(text("select count(*) from payment_image_signals")).scalar_one() == 7


def test_since_and_until(few: Connection, instance: dg.DagsterInstance) -> None:
    """A part of a month is planned; the month is sealed although the rest waits."""
    result = run(instance, IN_NOVEMBER, since="2025-11-05", until="2025-11-06", batch_size=2)
    assert result.success
    assert few.execute(text("select count(*) from payment_image_signals")).scalar_one() == 3
    result = run(instance, IN_OCTOBER, since=NOVEMBER.date().isoformat())
    assert result.success
    assert metadata(result, SIGNALS)["month_pending"] == 6


SECRET = "s3cret-Passw0rd"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:1", "Nothing answers"),
        ("no-such-host.invalid", "There is no host of that name"),
    ],
)
def test_database_out_of_reach(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, address: str, reason: str
) -> None:
    """The first step fails with one plain line; the password is nowhere in the log."""
    monkeypatch.setenv(settings.DATABASE_URL, f"postgresql://user:{SECRET}@{address}/db")
    result = run(instance, IN_OCTOBER)
    assert not result.success
    described = first_failure(result)
    assert reason in described
    assert "\n" not in described
    assert SECRET not in "".join(each.to_json() for each in instance.all_logs(result.run_id))


def test_tables_are_missing(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, empty_database_url: str
) -> None:
    """On a database without our tables the line says what to run."""
    monkeypatch.setenv(settings.DATABASE_URL, empty_database_url)
    result = run(instance, IN_OCTOBER)
    assert "run `imagesignals migrate`" in first_failure(result)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ((settings.DATABASE_URL, ""), "Set IMAGESIGNALS_DATABASE_URL"),
        ((settings.DATABASE_URL, f"mysql://u:{SECRET}@host/db"), "IMAGESIGNALS_DATABASE_URL"),
        ((settings.STORAGE_URL, "htps:/store"), "IMAGESIGNALS_STORAGE_URL cannot be used"),
        ((settings.THUMBNAILS, "encrypt"), "Set IMAGESIGNALS_THUMBNAILS to show or none."),
        ((settings.REPORT_DAYS, "a month"), "Set IMAGESIGNALS_REPORT_DAYS to a number of days"),
    ],
)
def test_settings_that_cannot_work(
    few: Connection,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    wrong: tuple[str, str],
    reason: str,
) -> None:
    """What the environment lacks is told by the run, which ends before its first step."""
    monkeypatch.setenv(*wrong)
    result = run(instance, IN_OCTOBER)
    assert not result.success
    logged = "".join(each.to_json() for each in instance.all_logs(result.run_id))
    assert reason in logged
    assert SECRET not in logged
    assert not few.execute(text("select from image_signal_batches")).all()
