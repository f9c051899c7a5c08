"""An operator on the day of the backfill, in a real browser, in the real UI of Dagster."""

import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from websockets.sync.client import ClientConnection

from imagesignals_pipeline import settings, verify
from imagesignals_pipeline_tests.few import FEW
from imagesignals_pipeline_tests.story import pictures
from imagesignals_pipeline_tests.story.conftest import Operator
from imagesignals_pipeline_tests.story.mouse import Mouse
from imagesignals_pipeline_tests.story.test_dev import WebServer, dev, wait

LOCATION = "/locations/imagesignals_pipeline"
SCHEDULE = "incremental_backfill_schedule"
NEVER = "0 0 29 2 *"
"""The schedule is switched on, and what it would ask for must not mix with the backfill."""
LONG_S = 120
STATE = """
query ($schedule: ScheduleSelector!) {
  scheduleOrError(scheduleSelector: $schedule) {
    ... on Schedule { scheduleState { status } }
  }
}
"""
SUCCEEDED = "document.body.innerText.split(/\\bSucceeded\\b/).length - 1"


@pytest.fixture
def mouse(tab: ClientConnection) -> Mouse:
    """A browser with a mouse."""
    mouse = Mouse(tab)
    mouse.sized()
    return mouse


@pytest.mark.timeout(600)
def test_the_day_of_the_backfill(mouse: Mouse, society: Operator, tmp_path: Path) -> None:
    """Switch a schedule on, backfill all partitions, watch it end, open the checks, read why not.

    There are two partitions: the first one holds everything older.
    """
    first = f"{datetime.now(UTC).replace(day=1) - timedelta(days=1):%Y-%m}"
    environ = {**society.environ, settings.FIRST_MONTH: first, settings.SCHEDULE: NEVER}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = f"http://127.0.0.1:{port}"
    with dev(replace(society, environ=environ), tmp_path / "dev.log", port) as process:
        server = WebServer(port)
        wait(server.answers, process, LONG_S)
        switch_the_schedule_on(mouse, home)
        wait(lambda: schedule_is_on(server), process, LONG_S)
        backfill_everything(mouse, home)
        wait(lambda: nothing_runs(server), process, LONG_S)
        open_the_checks(mouse, home)
        see_what_failed(mouse, home, first)
        pictures.take(mouse, home, first, tmp_path)
    assert {(tmp_path / name).read_bytes()[:4] for name in pictures.NAMES} == {b"\x89PNG"}
    assert society.run_statuses() == ["SUCCESS", "SUCCESS"]
    society.assert_one_month_after_the_other(2)
    assert_what_is_stored(society)


def switch_the_schedule_on(mouse: Mouse, home: str) -> None:
    """Turn the only switch of its page."""
    mouse.opens(f"{home}{LOCATION}/schedules/{SCHEDULE}")
    mouse.clicks("label")


def schedule_is_on(server: WebServer) -> bool:
    """Whether Dagster has stored that it was switched on."""
    selector = {
        "repositoryName": "__repository__",
        "repositoryLocationName": "imagesignals_pipeline",
        "scheduleName": SCHEDULE,
    }
    return server.ask(STATE, schedule=selector)["scheduleState"]["status"] == "RUNNING"


def nothing_runs(server: WebServer) -> bool:
    """Whether all that was launched has ended, the checks too."""
    runs = server.ask("{ runsOrError { ... on Runs { results { status } } } }")["results"]
    return {run["status"] for run in runs} == {"SUCCESS"}


def backfill_everything(mouse: Mouse, home: str) -> None:
    """Launch it with nothing but the buttons of the page and its dialog, and watch it end."""
    mouse.opens(f"{home}{LOCATION}/jobs/image_signals_backfill/partitions")
    mouse.clicks("button", "Materialize…")
    mouse.clicks("button", "All", until="document.body.innerText.includes('2 partitions')")
    mouse.clicks("button", "Launch backfill")
    mouse.waits_to_read("Created backfill")
    mouse.opens(f"{home}/runs?view=backfills")
    mouse.waits_to_read("Success")


def open_the_checks(mouse: Mouse, home: str) -> None:
    """All of the table's checks have passed but `failure_rate`, and one has numbers."""
    mouse.opens(f"{home}{pictures.SIGNALS}?view=checks")
    expected = sum(check.table is verify.Table.SIGNALS for check in verify.CHECKS)
    mouse.waits_for(f"{SUCCEEDED} === {expected - 1}")
    mouse.clicks("div, a, span", "every_submission_accounted_for|every_submiss.*")
    mouse.waits_to_read("coverage_percent")


def see_what_failed(mouse: Mouse, home: str, month: str) -> None:
    """The month's page names the missing screenshot, says what to do, and leads on."""
    mouse.opens(f"{home}{pictures.SIGNALS}?view=partitions&partition={month}")
    mouse.waits_to_read("Restore the file, or accept that it is gone")
    mouse.clicks("a", "retry_failed")
    mouse.waits_for("location.pathname.endsWith('/jobs/retry_failed')")


def assert_what_is_stored(society: Operator) -> None:
    """Every screenshot has its row; the copy is linked to its original and nothing else is."""
    with society.engine.connect() as connection:
        report = verify.report(connection)
        links = connection.execute(
            text(
                "select payment_submission_id, similar_to_payment_id from payment_image_signals"
                " where duplicate_detected"
            )
        )
        assert [tuple(row) for row in links] == [(FEW[1].id, FEW[0].id)]
    assert report.passed
    assert (report.submissions_to_analyze, report.pending) == (9, 0)
    assert report.failures_by_kind["not_found"] == 1
