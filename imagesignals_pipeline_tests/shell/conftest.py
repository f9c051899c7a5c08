"""What the tests of the shell share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, create_engine, make_url

from imagesignals_pipeline import settings


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's storage, in memory."""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def home(tmp_path: Path, empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Dagster home as the project has it, with a database of its own."""
    shutil.copy(settings.ROOT / "dagster.yaml", tmp_path)
    plain = make_url(empty_database_url).set(drivername="postgresql")
    monkeypatch.setenv(settings.DAGSTER_DATABASE_URL, plain.render_as_string(hide_password=False))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def witness(empty_database_url: str) -> Iterator[Engine]:
    """Who sees the connections of others."""
    # One connection for all looks: one that was closed may still be seen by the next.
    engine = create_engine(empty_database_url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()
