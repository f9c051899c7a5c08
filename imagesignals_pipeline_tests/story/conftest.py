"""An operator with a database and a storage of their own, who only knows the command line."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, NullPool, create_engine, make_url, text
from websockets.sync.client import ClientConnection

from imagesignals_pipeline import database, settings, verify
from imagesignals_pipeline.demo import DemoStore
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres
from imagesignals_pipeline_tests.evaluation import browser
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
        """The lines of its output."""
        return self.out.splitlines()


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody at a shell: their commands' environment, where they are, how long they wait."""

    environ: Mapping[str, str]
    folder: Path
    patience_s: float = PATIENCE_S

    @staticmethod
    def command(*arguments: str) -> list[str]:
        """Return the command line."""
        return [str(Path(sys.executable).parent / "imagesignals"), *arguments]

    def runs(self, *arguments: str, **more: str) -> Said:
        """Run `imagesignals` to its end; `more` are further variables of the environment."""
        with self.starts(*arguments, **more) as process:
            out, err = process.communicate(timeout=self.patience_s)
        return Said(process.returncode, out, err)

    @contextmanager
    def starts(self, *arguments: str, **more: str) -> Generator[subprocess.Popen[str]]:
        """Start `imagesignals` in a session of its own, and leave nothing of it behind."""
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environ, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    @property
    def engine(self) -> Engine:
        """Connections to the application's database, for a test to look at it."""
        return create_engine(self.environ[settings.DATABASE_URL], poolclass=NullPool)

    @property
    def dagster(self) -> Engine:
        """Connections to Dagster's storage."""
        return create_engine(self.environ[settings.DAGSTER_DATABASE_URL], poolclass=NullPool)

    def digest(self) -> str:
        """Return what both tables mean, as one value."""
        with self.engine.connect() as connection:
            return verify.digest(connection)

    def run_statuses(self) -> list[str]:
        """Return what Dagster knows of its runs, oldest first."""
        with self.dagster.connect() as connection:
            return list(connection.execute(text("select status from runs order by id")).scalars())

    def assert_one_month_after_the_other(self, last: int) -> None:
        """Look at the last runs: pictures that arrive before later ones make these look again."""
        spans = text(
            "select partition, start_time, end_time from runs"
            " order by start_time desc, id desc limit :last"
        )
        with self.dagster.connect() as connection:
            runs = connection.execute(spans, {"last": last}).all()[::-1]
        assert len(runs) == last
        for one, next_one in pairwise(runs):
            assert one.partition < next_one.partition
            assert one.end_time <= next_one.start_time


@dataclass(frozen=True, slots=True)
class CleanRun:
    """An uninterrupted backfill of `FEW`, and the databases that it left."""

    said: Said
    digest: str
    database: str
    dagster_database: str


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStore]:
    """A storage with the pictures of `FEW`; its address stays the same for all tests."""
    with DemoStore(tmp_path_factory.mktemp("store"), submissions=FEW) as running:
        yield running


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


@pytest.fixture(scope="session")
def few_template(postgres: EmbeddedPostgres, migrated_template: str, store: DemoStore) -> str:
    """Name of a database with all tables and the submissions of `FEW`."""
    name = "few_template"
    copy_database(postgres, migrated_template, name)
    engine = database.engine(postgres.url(name))
    with engine.begin() as connection:
        insert(connection, FEW, store.base_url)
    engine.dispose()  # who is connected to a template cannot copy it
    return name


@pytest.fixture(scope="session")
def clean_run(
    postgres: EmbeddedPostgres,
    few_template: str,
    dagster_template: str,
    store: DemoStore,
    tmp_path_factory: pytest.TempPathFactory,
) -> CleanRun:
    """The first backfill of `FEW`; what later tests compare with and go on from."""
    names = ("clean_run", "clean_run_dagster")
    for template, name in zip((few_template, dagster_template), names, strict=True):
        copy_database(postgres, template, name)
    urls = [postgres.url(name) for name in names]
    operator = _operator(tmp_path_factory.mktemp("clean"), urls[0], urls[1], store)
    said = operator.runs("backfill", "--batch-delay", "0")
    return CleanRun(said, operator.digest(), *names)


@pytest.fixture
def dagster_url(postgres: EmbeddedPostgres, dagster_template: str) -> Iterator[str]:
    """URL of a storage of Dagster's for one test."""
    with _copied(postgres, dagster_template) as url:
        yield url


@pytest.fixture
def operator(tmp_path: Path, database_url: str, dagster_url: str) -> Operator:
    """An operator of an empty database with all tables, and of no storage."""
    return _operator(tmp_path, database_url, dagster_url)


@pytest.fixture
def society(
    tmp_path: Path,
    postgres: EmbeddedPostgres,
    few_template: str,
    dagster_url: str,
    store: DemoStore,
) -> Iterator[Operator]:
    """The operator of a database that holds `FEW`, before the first backfill."""
    with _copied(postgres, few_template) as url:
        yield _operator(tmp_path, url, dagster_url, store)


@pytest.fixture
def done(
    tmp_path: Path, postgres: EmbeddedPostgres, clean_run: CleanRun, store: DemoStore
) -> Iterator[Operator]:
    """The operator of a database that holds `FEW`, after the first backfill."""
    with (
        _copied(postgres, clean_run.database) as url,
        _copied(postgres, clean_run.dagster_database) as dagster_url,
    ):
        yield _operator(tmp_path, url, dagster_url, store)


def copy_database(postgres: EmbeddedPostgres, template: str, name: str) -> None:
    """Make a database as a copy of another one, to which nobody may be connected."""
    with _administrator(postgres).connect() as connection:
        connection.execute(text(f"create database {name} template {template}"))


def dagster_home(folder: Path) -> Path:
    """Make a Dagster home as the project has it."""
    folder.mkdir(exist_ok=True)
    shutil.copy(settings.ROOT / "dagster.yaml", folder)
    return folder


@contextmanager
def _copied(postgres: EmbeddedPostgres, template: str) -> Generator[str]:
    name = f"test_{uuid4().hex}"
    copy_database(postgres, template, name)
    yield postgres.url(name)
    with _administrator(postgres).connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))


def _administrator(postgres: EmbeddedPostgres) -> Engine:
    maintenance = make_url(postgres.url("postgres"))
    return create_engine(maintenance, poolclass=NullPool, isolation_level="AUTOCOMMIT")


def _operator(
    folder: Path, database_url: str, dagster_url: str, store: DemoStore | None = None
) -> Operator:
    work = folder / "work"
    work.mkdir()
    environ = {
        **INHERITED,
        "LANG": "C.UTF-8",
        "DAGSTER_HOME": str(dagster_home(folder / "dagster")),
        settings.HOME: str(folder / "never needed"),
        settings.DATABASE_URL: database_url,
        settings.DAGSTER_DATABASE_URL: dagster_url,
        settings.STORAGE_URL: store.base_url if store else "",
    }
    return Operator(environ, work)


@pytest.fixture
def tab() -> Iterator[ClientConnection]:
    """A real browser to speak with; what needs one is skipped where there is none."""
    try:
        browser.executable()
    except browser.BrowserMissingError as missing:
        pytest.skip(str(missing))
    with browser.connected("--force-device-scale-factor=1") as opened:
        yield opened
