"""What a run borrows: the database, the storage, the decoders, and where its activity is told.

Addresses and keys are read from the environment when a run starts, never when the code loads, and
never become resource configuration, which the UI would show.
"""

import os
from collections.abc import Callable, Generator, Hashable
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import dagster as dg
from pydantic import Field, PrivateAttr
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from imagesignals_pipeline import database, environment, settings
from imagesignals_pipeline.activity import Activity
from imagesignals_pipeline.fetch import Fetcher, FetchSettings
from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.picture import Inspectors
from imagesignals_pipeline.workers import Limits

T = TypeVar("T")


class Postgres(dg.ConfigurableResource["Postgres"]):
    """The PostgreSQL database that holds `payment_submissions` (IMAGESIGNALS_DATABASE_URL)."""

    statement_timeout_s: int = Field(
        default=database.STATEMENT_TIMEOUT_S,
        ge=1,
        description="Seconds after which the database gives up a statement.",
    )
    _engine: Engine = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["Postgres"]:
        """Open connections as they are needed, and close them with the run unless they are kept."""
        del context
        with plain_failures():
            url = settings.read(os.environ).database_url
        if url is None:
            raise dg.Failure(
                f"Set {settings.DATABASE_URL}, or start Dagster with `imagesignals dev`, "
                "which brings a database of its own.",
                allow_retries=False,
            )
        limit = self.statement_timeout_s
        opened = partial(database.connected, url, statement_timeout_s=limit)
        with _borrowed((url, limit), opened) as self._engine:
            yield self

    @property
    def engine(self) -> Engine:
        """Connections to the database, pooled."""
        return self._engine


class Storage(dg.ConfigurableResource["Storage"]):
    """Where screenshots are fetched from (IMAGESIGNALS_STORAGE_URL, …_KEY, …_ALLOWED_ORIGINS)."""

    deadline_s: float = Field(
        default=FetchSettings().deadline_s,
        gt=0,
        le=600,
        description="Seconds that all work on one download may take.",
    )
    max_bytes: int = Field(
        default=FetchSettings().max_bytes,
        ge=1024,
        description="Largest screenshot in bytes, unpacked.",
    )
    _fetcher: Fetcher = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["Storage"]:
        """Keep connections to the storage open for the length of the run."""
        del context
        with plain_failures():
            asked = environment.fetch_settings()
        limits = replace(asked, deadline_s=self.deadline_s, max_bytes=self.max_bytes)
        with Fetcher(limits) as self._fetcher:
            yield self

    @property
    def fetcher(self) -> Fetcher:
        """The only way to a stranger's URL."""
        return self._fetcher


class Decoders(dg.ConfigurableResource["Decoders"]):
    """Worker processes in which pictures are decoded, limited in memory and time."""

    timeout_s: float = Field(
        default=Limits().wall_s,
        gt=0,
        le=600,
        description="Seconds after which a picture is given up.",
    )
    _inspectors: Inspectors = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["Decoders"]:
        """Start workers with the first picture and stop them with the run, unless they are kept."""
        del context
        with plain_failures():
            limits = Limits(wall_s=self.timeout_s)
        with _borrowed(limits, partial(Inspectors, limits=limits)) as self._inspectors:
            yield self

    @property
    def inspectors(self) -> Inspectors:
        """The pool of workers."""
        return self._inspectors


class _Kept(ExitStack):
    """What runs of this process have opened and the next ones use again."""

    def __init__(self) -> None:
        super().__init__()
        self._opened: dict[Hashable, Any] = {}

    def borrow(self, key: Hashable, opened: Callable[[], AbstractContextManager[T]]) -> T:
        """Open something with the first who asks for it."""
        if key not in self._opened:
            self._opened[key] = self.enter_context(opened())
        return self._opened[key]


_kept: list[_Kept] = []


@contextmanager
def kept() -> Generator[None]:
    """Use connections and decode workers again in each run and step that this process works on.

    Both are dear to begin with: a worker of its own takes much of a second, and a new connection
    is new work for the database's server, which has to plan every statement anew.
    """
    with _Kept() as mine:
        _kept.append(mine)
        try:
            yield
        finally:
            _kept.remove(mine)


@contextmanager
def _borrowed(key: Hashable, opened: Callable[[], AbstractContextManager[T]]) -> Generator[T]:
    """Open something for a run, or for all runs while it is `kept`."""
    if _kept:
        yield _kept[-1].borrow(key, opened)
    else:
        with opened() as fresh:
            yield fresh


@contextmanager
def plain_failures() -> Generator[None]:
    """Turn what is foreseen into a Dagster failure of one line; no password is ever in it."""
    try:
        yield
    except OperatorError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    except SQLAlchemyError as error:
        raise dg.Failure(database.explain(error)) from error


class ActivityLog:
    """Where a run's activity is told besides Dagster's own log; nowhere by default."""

    def tell(self, activity: Activity) -> None:
        """Take one line of the activity log."""
