"""Where Dagster's instance keeps runs and events: in PostgreSQL, over connections used again."""

from dagster._core.storage.config import PostgresStorageConfig
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.auth import PgTokenProvider
from dagster_postgres.utils import (
    create_pg_engine,
    get_token_provider_from_config,
    pg_url_from_config,
)
from sqlalchemy import make_url

from imagesignals_pipeline.database import connect, normalise
from imagesignals_pipeline.settings import DAGSTER_DATABASE_URL


class PooledPostgresStorage(DagsterPostgresStorage):
    """Dagster's storage in PostgreSQL, with a pool that runs, events and schedules share.

    Dagster itself opens a connection for each message, some twenty a step (its web server does
    not), and over the internet each takes several round trips. An instance that is closed leaves
    none behind.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
        token_provider: PgTokenProvider | None = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data, token_provider)
        self._event_log_storage = _Events(
            postgres_url, should_autocreate_tables=False, token_provider=token_provider
        )
        pooled = create_pg_engine(
            postgres_url,
            token_provider,
            isolation_level="AUTOCOMMIT",
            connect_args=connect.options(make_url(postgres_url), application_name="dagster"),
            pool_pre_ping=True,
            pool_recycle=connect.RECYCLE_S,
            pool_size=2,
            max_overflow=-1,  # a daemon's threads wait for each other as little as before
        )
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = pooled  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: PostgresStorageConfig
    ) -> "PooledPostgresStorage":
        """Return what `dagster.yaml` asks for, in the words of Dagster's own storage."""
        url = normalise(pg_url_from_config(config_value), variable=DAGSTER_DATABASE_URL)
        return cls(
            url.render_as_string(hide_password=False),
            config_value.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config_value),
        )


class _Events(PostgresEventLogStorage):
    def dispose(self) -> None:
        """Close the pool, which the three storages share, with their instance."""
        super().dispose()
        self._engine.dispose()
