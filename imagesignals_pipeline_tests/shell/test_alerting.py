"""Alerts reach a real server, once, in one line, and the secret address is never shown."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dagster as dg
import pytest
from sqlalchemy import Connection, text

from imagesignals_pipeline import alerts, settings
from imagesignals_pipeline.definitions import defs
from imagesignals_pipeline.defs import alerting
from imagesignals_pipeline.defs.requests import PARTITION_TAG
from imagesignals_pipeline_tests.database.society import submit

Told = list[str]

# apprise imports all of its channels, one of which uses what Python 3.13 has no more.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """The lines that a server received at the address that the environment names."""
    received: Told = []

    class Inbox(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            received.append(json.loads(self.rfile.read(length))["message"])
            self.send_response(500 if "refused" in self.path else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Inbox)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(settings.ALERT_URL, f"json://u:s3cret@127.0.0.1:{server.server_port}/s3cret")
    yield received
    server.shutdown()
    server.server_close()


@pytest.fixture
def society(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Connection:
    """A connection to an empty database, which the environment names."""
    monkeypatch.setenv(settings.DATABASE_URL, database_url)
    return connection


@dg.op
def break_down() -> None:
    """Fail, with a secret in the reason."""
    raise RuntimeError("https://store.test/?token=s3cret")


@dg.job
def broken_job() -> None:
    """A run that fails."""
    break_down()


@dg.job(name="broken_job")
def mended_job() -> None:
    """The same job when its cause is mended."""


@dg.job
def fine_job() -> None:
    """A run that does nothing."""


def fail(instance: dg.DagsterInstance, month: str = "2025-10") -> object:
    """Let a run fail, and the sensor see it."""
    result = broken_job.execute_in_process(
        instance=instance, tags={PARTITION_TAG: month}, raise_on_error=False
    )
    context = dg.build_run_status_sensor_context(
        sensor_name="alert_on_failed_run",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    )
    return alerting.alert_on_failed_run(context.for_run_failure())


def verify(instance: dg.DagsterInstance, job: str = "verify_signals") -> None:
    """Run the checks, alone or behind what they are of, and let the sensor see the run."""
    result = defs.resolve_job_def(job).execute_in_process(instance=instance)
    (ended,) = result.filter_events(lambda event: event.is_job_success)
    context = dg.build_run_status_sensor_context(
        sensor_name="alert_on_failed_check",
        dagster_event=ended,
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    )
    alerting.alert_on_failed_check(context)


def test_a_month_that_goes_on_failing_is_told_once(
    instance: dg.DagsterInstance, told: Told
) -> None:
    """Another month's failure is told, and one after the month was well again.

    One that was told to nobody, such as before the sensor was switched on, keeps none back.
    """
    tags = {PARTITION_TAG: "2025-10"}
    broken_job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    for _ in range(3):
        fail(instance)
    assert len(told) == 1
    fail(instance, "2025-11")
    assert len(told) == 2
    mended_job.execute_in_process(instance=instance, tags=tags)
    fail(instance)
    assert len(told) == 3


def unsound(society: Connection) -> None:
    """Have a row that a check of severity ERROR finds."""
    submission = submit(society)
    society.execute(
        text(
            "insert into payment_image_signals (payment_submission_id, image_url, analysis_status,"
            " written_by_pipeline) values (:id, 'x', 'completed', true)"
        ),
        {"id": submission.id},
    )
    society.commit()


def test_a_failed_run_is_told_without_its_reason(instance: dg.DagsterInstance, told: Told) -> None:
    """One line with the run and its job, and no secret."""
    assert fail(instance) is None
    (line,) = told
    assert line.endswith("(broken_job) failed; the Dagster UI says why.")
    assert "\n" not in line
    assert "s3cret" not in line


def test_a_check_that_fails_anew_is_told_once(
    society: Connection, instance: dg.DagsterInstance, told: Told
) -> None:
    """It is told when it begins to fail, not while it goes on, and again when it came back."""
    verify(instance)
    assert told == []
    for expected in (1, 2):
        submit(society)
        society.commit()
        for _ in range(2):
            verify(instance)
            assert len(told) == expected
        assert told[-1].startswith("Check nothing_waits_long: 1 have waited for more than a day")
        society.execute(text("delete from payment_submissions"))
        society.commit()
        verify(instance)
    assert len(told) == 2


def test_a_rate_that_a_backfill_found_first_is_told_by_the_hourly_run(
    society: Connection, instance: dg.DagsterInstance, told: Told
) -> None:
    """Runs that tell of no warning do not hide from the others that it is one."""
    verify(instance)
    submit(society)
    society.commit()
    verify(instance, "relink_duplicates")
    assert told == []
    for _ in range(2):
        verify(instance)
        assert len(told) == 1


def test_what_the_command_line_found_first_is_told_by_the_next_run(
    society: Connection, instance: dg.DagsterInstance, told: Told
) -> None:
    """Dagster does not show such a run to its sensors: nobody was told of it."""
    unsound(society)
    defs.resolve_job_def("verify_signals").execute_in_process(
        instance=instance, tags=alerting.UNHEARD
    )
    verify(instance)
    assert any("completed_rows_are_whole" in line for line in told)


def test_a_check_that_goes_on_failing_while_a_run_is_queued_is_not_told_again(
    society: Connection, instance: dg.DagsterInstance, told: Told
) -> None:
    """What a run has planned to check, and not checked yet, says nothing of the check."""
    unsound(society)
    verify(instance)
    assert any("completed_rows_are_whole" in line for line in told)
    told.clear()
    instance.create_run_for_job(defs.resolve_job_def("relink_duplicates"))
    verify(instance)
    assert told == []


def test_a_wrong_variable_is_no_reason_to_be_silent(
    instance: dg.DagsterInstance, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be why the run failed."""
    monkeypatch.setenv(settings.REPORT_DAYS, "a month")
    assert fail(instance) is None
    assert len(told) == 1


def test_without_an_address_it_says_what_to_set(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tick of a failed run names the variable."""
    monkeypatch.delenv(settings.ALERT_URL, raising=False)
    assert fail(instance) == dg.SkipReason("Set IMAGESIGNALS_ALERT_URL to send alerts.")


def again(instance: dg.DagsterInstance) -> object:
    """Evaluate the sensor that sends again."""
    with dg.build_sensor_context(instance=instance) as context:
        answer = alerting.send_alerts_again(context)
    return answer.skip_message if isinstance(answer, dg.SkipReason) else answer


def test_what_was_not_delivered_is_sent_again(
    instance: dg.DagsterInstance, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the server takes it, and once only; until then each tick is an error."""
    good = os.environ[settings.ALERT_URL]
    assert again(instance) == "0 alerts were sent again."
    monkeypatch.setenv(settings.ALERT_URL, f"{good}/refused")
    for attempt in (fail, fail, again, again):
        with pytest.raises((alerts.AlertNotSentError, dg.DagsterError)):
            attempt(instance)
    told.clear()
    monkeypatch.setenv(settings.ALERT_URL, good)
    assert again(instance) == "2 alerts were sent again."
    assert len({*told}) == 2
    assert all(line.endswith("failed; the Dagster UI says why.") for line in told)
    assert again(instance) == "0 alerts were sent again."
    monkeypatch.delenv(settings.ALERT_URL)
    assert again(instance) == "0 alerts were sent again."


def test_a_run_that_is_executed_again_has_no_line_of_its_own(
    instance: dg.DagsterInstance, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It inherits the tags of the first one, whose line is sent once."""
    good = os.environ[settings.ALERT_URL]
    monkeypatch.setenv(settings.ALERT_URL, f"{good}/refused")
    with pytest.raises((alerts.AlertNotSentError, dg.DagsterError)):
        fail(instance)
    (first,) = instance.get_runs()
    for _ in range(2):
        fine_job.execute_in_process(instance=instance, tags=first.tags)
    told.clear()
    monkeypatch.setenv(settings.ALERT_URL, good)
    assert again(instance) == "1 alerts were sent again."
    assert told == [f"Run {first.run_id[:8]} (broken_job) failed; the Dagster UI says why."]
    assert again(instance) == "0 alerts were sent again."


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("nonsense-s3cret", "Set IMAGESIGNALS_ALERT_URL to an address that apprise knows."),
        ("json://u:s3cret@127.0.0.1:1/s3cret", "was not delivered: correct IMAGESIGNALS_ALERT"),
    ],
)
def test_a_wrong_address_is_not_shown(
    url: str, line: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """What went wrong is one line; the address is in no text and in no log."""
    with pytest.raises(alerts.AlertNotSentError, match=line) as raised:
        alerts.send(url, "a line")
    said = capfd.readouterr()
    for shown in (str(raised.value), caplog.text, said.out, said.err):
        assert "s3cret" not in shown


def test_without_apprise_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dependency is optional."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(alerts.AlertNotSentError, match="pip install apprise"):
        alerts.send("json://127.0.0.1", "a line")
