"""An operator with a database and a storage of their own, who only knows the command line."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, NullPool, create_engine, make_url, text

from imagesignals_pipeline import settings, verify
from imagesignals_pipeline.demo import DemoStore
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres
from imagesignals_pipeline_tests.few import FEW, insert

PATIENCE_S = 120
"""Longest that one command of a test may take on a loaded machine; most take a few seconds."""

INHERITED = {
    name: value
    for name, value in os.environ.items()
    if name in {"PATH", "PYTHONPATH"} or name.startswith("COVERAGE_")
}
"""All that an operator's commands see of the environment of the tests."""


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of the activity log."""
        return self.out.splitlines()


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody at a shell: the environment of their commands, and where they are."""

    environ: Mapping[str, str]
    folder: Path

    def runs(self, *arguments: str, **more: str) -> Said:
        """Run `imagesignals` to its end; `more` are further variables of the environment."""
        with self.starts(*arguments, **more) as process:
            out, err = process.communicate(timeout=PATIENCE_S)
        return Said(process.returncode, out, err)

    @contextmanager
    def starts(self, *arguments: str, **more: str) -> Generator[subprocess.Popen[str]]:
        """Start `imagesignals` in a process group of its own, and leave nothing of it behind."""
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "imagesignals"), *arguments],
            cwd=self.folder,
            env={**self.environ, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        try:
            with process:
                yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def dagster_template(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a database with Dagster's tables, which take seconds to make."""
    name = "dagster_template"
    home = dagster_home(tmp_path_factory.mktemp("dagster"))
    subprocess.run(
        [sys.executable, "-c", "import dagster; dagster.DagsterInstance.get().get_runs()"],
        env={
            **INHERITED,
            "DAGSTER_HOME": str(home),
            settings.DAGSTER_DATABASE_URL: postgres.url(name),
        },
        cwd=home,
        check=True,
        timeout=PATIENCE_S,
    )
    return name


@pytest.fixture
def dagster_url(postgres: EmbeddedPostgres, dagster_template: str) -> Iterator[str]:
    """URL of a storage of Dagster's for one test."""
    maintenance = make_url(postgres.url("postgres"))
    engine = create_engine(maintenance, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    name = f"dagster_{uuid4().hex}"
    with engine.connect() as administrator:
        administrator.execute(text(f"create database {name} template {dagster_template}"))
    yield maintenance.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as administrator:
        administrator.execute(text(f"drop database {name} with (force)"))


@pytest.fixture
def engine(database_url: str) -> Engine:
    """Connections to the application's database, for the test to look at."""
    return create_engine(database_url, poolclass=NullPool)


@pytest.fixture
def store(tmp_path: Path, shared_pictures: Path) -> Iterator[DemoStore]:
    """A storage with the pictures of `FEW`, on a port that it keeps."""
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "pictures").symlink_to(shared_pictures)
    with DemoStore(folder, submissions=FEW) as running:
        yield running


@pytest.fixture(scope="session")
def shared_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures are kept that tests have drawn."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture
def operator(tmp_path: Path, database_url: str, dagster_url: str) -> Operator:
    """An operator of an empty database with all tables, and of no storage."""
    folder = tmp_path / "work"
    folder.mkdir()
    environ = {
        **INHERITED,
        "LANG": "C.UTF-8",
        "DAGSTER_HOME": str(dagster_home(tmp_path / "dagster")),
        settings.HOME: str(tmp_path / "never needed"),
        settings.DATABASE_URL: database_url,
        settings.DAGSTER_DATABASE_URL: dagster_url,
    }
    return Operator(environ, folder)


@pytest.fixture
def society(engine: Engine, operator: Operator, store: DemoStore) -> Operator:
    """The operator of a database that holds `FEW`, and of the store of their pictures."""
    with engine.begin() as connection:
        insert(connection, FEW, store.base_url)
    return Operator({**operator.environ, settings.STORAGE_URL: store.base_url}, operator.folder)


def dagster_home(folder: Path) -> Path:
    """Make a Dagster home as the project has it."""
    folder.mkdir(exist_ok=True)
    shutil.copy(settings.ROOT / "dagster.yaml", folder)
    return folder


def digest(engine: Engine) -> str:
    """Return what both tables mean, as one value."""
    with engine.connect() as connection:
        return verify.digest(connection)
