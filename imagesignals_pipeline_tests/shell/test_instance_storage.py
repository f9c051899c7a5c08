"""What dagster.yaml says: a connection is used again and never outlives it, and the queue waits."""

import time
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus
from dagster_postgres import PostgresRunStorage
from sqlalchemy import Engine, make_url, text

from imagesignals_pipeline import settings
from imagesignals_pipeline.defs.instance_storage import PooledPostgresStorage

BACKENDS = text("select pid from pg_stat_activity where datname = :name and pid <> :own")
KEY = dg.AssetKey("payment_image_signals")
PATIENCE_S = 10


def backends(witness: Engine, *, expected: int) -> list[int]:
    """Return the server's processes that answer somebody else, once no more are left than expected.

    One whose connection was closed may still be seen for a moment.
    """
    until = time.monotonic() + PATIENCE_S
    with witness.connect() as connection:
        own = connection.execute(text("select pg_backend_pid()")).scalar_one()
        asked = {"name": witness.url.database, "own": own}
        while True:
            found = list(connection.execute(BACKENDS, asked).scalars())
            if len(found) <= expected or time.monotonic() > until:
                return found
            time.sleep(0.05)


def use(instance: dg.DagsterInstance) -> None:
    """Ask each of the three storages."""
    assert instance.get_runs() == []
    assert instance.get_latest_materialization_event(KEY) is None
    assert instance.all_instigator_state() == []


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_any_spelling_of_the_address(
    empty_database_url: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's own programs take what `imagesignals` takes, and with the driver that it tests."""
    _, _, rest = empty_database_url.partition("://")
    monkeypatch.setenv(settings.DAGSTER_DATABASE_URL, f"{scheme}://{rest}")
    with dg.DagsterInstance.get() as instance:
        use(instance)
        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert make_url(instance.run_storage.postgres_url).drivername == "postgresql+psycopg2"


@pytest.mark.parametrize("chart", [False, True], ids=["dagster.yaml", "values.yaml"])
def test_queued_runs_wait_for_the_code_server(home: Path, *, chart: bool) -> None:
    """A queued month outlasts a restart of the code, also with the coordinator of the chart."""
    if chart:
        values = yaml.safe_load((settings.ROOT / "docs/kubernetes/values.yaml").read_text("utf-8"))
        ours = yaml.safe_load((home / "dagster.yaml").read_text("utf-8"))
        coordinator = values["dagsterDaemon"]["runCoordinator"]["config"]["customRunCoordinator"]
        changed = yaml.safe_dump({**ours, "run_coordinator": coordinator})
        (home / "dagster.yaml").write_text(changed, "utf-8")
    with dg.DagsterInstance.get() as instance:
        queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert (queue.max_user_code_failure_retries, queue.user_code_failure_retry_delay) == (20, 15)
    assert queue.max_concurrent_runs == 4


@pytest.mark.parametrize("chart", [False, True], ids=["dagster.yaml", "values.yaml"])
def test_ticks_without_a_run_are_forgotten(home: Path, *, chart: bool) -> None:
    """Those of schedules too, after a week like those of sensors; what asked for a run stays."""
    if chart:
        values = yaml.safe_load((settings.ROOT / "docs/kubernetes/values.yaml").read_text("utf-8"))
        ours = yaml.safe_load((home / "dagster.yaml").read_text("utf-8"))
        changed = yaml.safe_dump({**ours, "retention": {}, **values["additionalInstanceConfig"]})
        (home / "dagster.yaml").write_text(changed, "utf-8")
    with dg.DagsterInstance.get() as instance:
        for kind in (InstigatorType.SCHEDULE, InstigatorType.SENSOR):
            days = instance.get_tick_retention_settings(kind)
            assert (days[TickStatus.SKIPPED], days[TickStatus.SUCCESS]) == (7, -1)


@pytest.mark.usefixtures("home")
def test_one_connection_serves_all(witness: Engine) -> None:
    """Runs, events and schedules ask over one connection, which ends with the instance."""
    for _ in range(2):
        with dg.DagsterInstance.get() as instance:
            use(instance)
            first = backends(witness, expected=1)
            use(instance)
            assert len(first) == 1
            assert backends(witness, expected=1) == first
        assert backends(witness, expected=0) == []


@pytest.mark.usefixtures("home")
def test_a_step_elsewhere_does_the_same() -> None:
    """What a worker on another machine makes of the instance's description is the same storage."""
    with dg.DagsterInstance.get() as instance:
        described = instance.get_ref()
    assert isinstance(described.storage, PooledPostgresStorage)


@pytest.mark.usefixtures("home")
def test_a_connection_that_died_is_replaced(witness: Engine) -> None:
    """A server that started again between two messages costs neither of them."""
    with dg.DagsterInstance.get() as instance:
        use(instance)
        (first,) = backends(witness, expected=1)
        with witness.connect() as connection:
            connection.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": first})
        use(instance)
        assert backends(witness, expected=1) not in ([], [first])
