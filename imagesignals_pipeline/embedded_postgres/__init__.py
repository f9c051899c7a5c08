"""A PostgreSQL server of our own, for those who have none."""

from imagesignals_pipeline.embedded_postgres.programs import EmbeddedPostgresError
from imagesignals_pipeline.embedded_postgres.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]
