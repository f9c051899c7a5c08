"""A killed backfill holds up nobody."""

import os
import signal

from sqlalchemy import NullPool, create_engine, text

from imagesignals_pipeline_tests.story.conftest import Operator


def statuses(dagster_url: str) -> list[str]:
    """Return what Dagster knows of its runs, oldest first."""
    engine = create_engine(dagster_url, poolclass=NullPool)
    with engine.connect() as connection:
        return list(connection.execute(text("select status from runs order by id")).scalars())


def test_the_next_run_does_not_wait_for_a_killed_one(society: Operator, dagster_url: str) -> None:
    """After kill -9 in a batch, the next run ends the dead one, takes its place and completes."""
    with society.starts("backfill", "--batch-delay", "60") as process:
        assert process.stdout is not None
        while "Processed" not in process.stdout.readline():
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    assert statuses(dagster_url) == ["STARTED"]
    said = society.runs("backfill", "--batch-delay", "0")
    assert said.status == 0, said.err
    assert statuses(dagster_url) == ["FAILURE", "SUCCESS", "SUCCESS"]
