"""Every SQL statement of the pipeline, and the schema it needs."""

from imagesignals_pipeline.sql.columns import Column, columns
from imagesignals_pipeline.sql.loader import query
from imagesignals_pipeline.sql.roles import RolesReport, grant_roles
from imagesignals_pipeline.sql.schema import (
    OLDEST_SERVER,
    MigrationReport,
    SchemaError,
    migrate,
    require_tables,
)

__all__ = [
    "OLDEST_SERVER",
    "Column",
    "MigrationReport",
    "RolesReport",
    "SchemaError",
    "columns",
    "grant_roles",
    "migrate",
    "query",
    "require_tables",
]
