"""Switched on in the UI and forgotten: the real daemon notices what waits, and nothing else."""

import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from imagesignals_pipeline.demo import DemoStore
from imagesignals_pipeline_tests.few import FEW, NOVEMBER, insert
from imagesignals_pipeline_tests.story.conftest import Operator
from imagesignals_pipeline_tests.story.test_dev import WebServer, dev, wait

SENSOR = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "imagesignals_pipeline",
    "sensorName": "new_submissions_sensor",
}
START = """
mutation ($sensor: SensorSelector!) {
  startSensor(sensorSelector: $sensor) {
    __typename
    ... on Sensor { sensorState { status } }
    ... on PythonError { message }
  }
}
"""
DRY_RUN = """
mutation ($sensor: SensorSelector!) {
  sensorDryRun(selectorData: $sensor, cursor: null) {
    __typename
    ... on DryRunInstigationTick {
      evaluationResult {
        skipReason
        error { message }
        runRequests { jobName tags { key value } }
      }
    }
  }
}
"""
LATE = replace(
    FEW[0], id=UUID("00000000-0000-4000-8000-00000000da7e"), created_at=NOVEMBER.replace(day=20)
)
"""A submission that reuses the first screenshot of all."""
LATER = replace(LATE, id=UUID(int=LATE.id.int + 1), created_at=NOVEMBER.replace(month=12))
"""Another one, a month later."""


def would_ask(server: WebServer) -> Mapping[str, Any]:
    """Return what the sensor would do now, as the UI's "Test sensor" shows it."""
    result = server.ask(DRY_RUN, sensor=SENSOR)["evaluationResult"]
    assert result["error"] is None, result
    return result


@pytest.mark.timeout(300)
def test_a_sensor_that_is_switched_on(done: Operator, store: DemoStore, tmp_path: Path) -> None:
    """It is off and silent; on, one run a month analyses and links what is new; then silence.

    The runs come one after the other, the oldest month first, and what waits to be compared anew is
    left to the last one. A deletion asks for the links alone.
    """
    before = done.run_statuses()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with dev(done, tmp_path / "dev.log", port) as process:
        server = WebServer(port)
        wait(server.answers, process, 120)
        assert would_ask(server)["skipReason"] == "Nothing waits."
        with done.engine.begin() as connection:
            insert(connection, [LATER, LATE], store.base_url)
            connection.execute(text("insert into image_rechecks select generate_series(1, 120)"))
        asked = would_ask(server)["runRequests"]
        for request, month in zip(asked, ("2025-11", "2025-12"), strict=True):
            assert request["jobName"] == "image_signals_backfill"
            assert {"key": "dagster/partition", "value": month} in request["tags"]
        assert done.run_statuses() == before  # asked what it would do, it does nothing
        started = server.ask(START, sensor=SENSOR)
        assert started == {"__typename": "Sensor", "sensorState": {"status": "RUNNING"}}
        wait(lambda: done.run_statuses()[len(before) :] == ["SUCCESS"] * 2, process, 120)
        done.assert_one_month_after_the_other(2)
        assert months_that_compared_anew(done) == ["2025-12"]
        assert original_of_the_late_one(done) == FEW[0].id
        assert would_ask(server)["skipReason"] == "Nothing waits."
        with done.engine.begin() as connection:
            connection.execute(
                text("delete from payment_submissions where id = :id"), {"id": FEW[0].id}
            )
        (request,) = would_ask(server)["runRequests"]
        assert request["jobName"] == "relink_duplicates"


def months_that_compared_anew(operator: Operator) -> list[str]:
    """Return the months whose runs say that they compared pictures anew."""
    told = text(
        "select distinct runs.partition from runs join event_logs using (run_id)"
        " where event_logs.event like '%of 120 pictures anew%'"
    )
    with operator.dagster.connect() as connection:
        return list(connection.execute(told).scalars())


def original_of_the_late_one(operator: Operator) -> UUID:
    """Return whom the late submission is a copy of."""
    with operator.engine.connect() as connection:
        found = connection.execute(
            text(
                "select similar_to_payment_id from payment_image_signals"
                " where payment_submission_id = :id"
            ),
            {"id": LATE.id},
        )
        return found.scalar_one()
