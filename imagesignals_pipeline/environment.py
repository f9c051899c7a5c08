"""Brings up what the environment does not name: a database of our own, and Dagster's home."""

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import URL

from imagesignals_pipeline import database, settings
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres
from imagesignals_pipeline.fetch import FetchSettings
from imagesignals_pipeline.settings import MisconfiguredError, Settings

APPLICATION_DATABASE = "imagesignals"
DAGSTER_DATABASE = "dagster"
DAGSTER_DATABASE_OF_OWN = "imagesignals_dagster"
"""Dagster's storage beside an application database of our own, which is there for trying out: what
was done in the demonstration would else pass for done in the society's database."""

NICENESS = 5
"""Of what analyses pictures: others have three times its share where the processor is scarce."""


def give_way() -> None:
    """Let others have the processor first, from now on; children that are started do so too."""
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(mine, NICENESS))


def fetch_settings() -> FetchSettings:
    """Return what the environment says of the storage.

    Raises:
        OperatorError: A variable cannot be used.
    """
    read = settings.read(os.environ)
    return FetchSettings.from_values(
        storage_url=read.storage_url,
        storage_key=read.storage_key,
        allowed_origins=read.allowed_origins,
    )


@contextmanager
def prepared(*, dagster: bool) -> Generator[EmbeddedPostgres | None]:
    """Name the databases, and Dagster's home, in this process's environment and its children's.

    Yields:
        The embedded server if one is needed; it stops with its last user.

    Raises:
        OperatorError: A variable cannot be used, or the embedded server does not start.
    """
    read = settings.read(os.environ)
    with ExitStack() as stack:
        needed = read.database_url is None or (dagster and read.dagster_database_url is None)
        server = stack.enter_context(_server(read)) if needed else None
        _name(settings.DATABASE_URL, read.database_url, server, APPLICATION_DATABASE)
        if dagster:
            name = DAGSTER_DATABASE if read.database_url else DAGSTER_DATABASE_OF_OWN
            _name(settings.DAGSTER_DATABASE_URL, read.dagster_database_url, server, name)
            _enter_dagster_home()
        yield server


def _server(read: Settings) -> EmbeddedPostgres:
    """Return the embedded server of this home, not yet started."""
    return EmbeddedPostgres(read.home / "postgres", read.pg_bin)


def _name(variable: str, given: str | None, server: EmbeddedPostgres | None, name: str) -> None:
    """Set a variable to a URL in the one spelling that Dagster and SQLAlchemy both read."""
    if given is not None:
        url: URL = database.normalise(given, variable=variable)
        os.environ[variable] = url.render_as_string(hide_password=False)
        return
    if server is None:  # pragma: no cover - `prepared` starts one for every variable without value
        raise AssertionError(variable)
    os.environ[variable] = server.url(name)


def _enter_dagster_home() -> None:
    """Work in the folder of dagster.yaml, whose paths are relative to it."""
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(settings.ROOT)))
    if not (home / "dagster.yaml").is_file():
        raise MisconfiguredError(
            f"Set DAGSTER_HOME to a folder that holds dagster.yaml; {home} has none."
        )
    os.chdir(home)
