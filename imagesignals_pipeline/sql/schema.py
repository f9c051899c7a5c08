"""Creates or adopts the tables, and says plainly when a database cannot be used."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError

from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.sql import loader, states
from imagesignals_pipeline.sql.columns import columns
from imagesignals_pipeline.sql.loader import Migration, query

OLDEST_SERVER = 14
"""Major version of PostgreSQL that has what the statements need."""
TURN_TIMEOUT = "60s"
"""Longest wait for another migration."""
ATTEMPTS = 10
PAUSE_S = 0.5
YIELDING_LOCK_TIMEOUT = "700ms"
"""Below PostgreSQL's deadlock_timeout (1 s): in a knot of locks it is the migration that gives way,
and no statement of the live application waits longer behind it."""
GIVES_WAY = frozenset({states.LOCK_NOT_AVAILABLE, states.DEADLOCK})
T = TypeVar("T")
NEEDED_COLUMNS = frozenset({"id", "flat_id", "screenshot_url", "created_at"})


FILLED = (
    "id",
    "payment_submission_id",
    "image_url",
    "duplicate_detected",
    "analyzed_at",
    "analysis_status",
    "created_at",
    "updated_at",
    "written_by_pipeline",
)
"""Columns of payment_image_signals that have a value whatever becomes of a screenshot."""


class SchemaError(OperatorError):
    """The database cannot be used as it is; the text says what to do."""


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What `migrate` did and found.

    `superseded_rows` counts the second rows of a submission that were moved aside, `broken_rules`
    the adopted rows that break a rule and were left as they are, by rule. `all_rows_hidden` is
    true when row-level security shows this role no submission. `open_tables` are those of the
    application's two that a public API, where there is one, shows without row-level security.
    """

    applied: tuple[str, ...] = ()
    superseded_rows: int = 0
    broken_rules: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    all_rows_hidden: bool = False
    open_tables: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The report in the operator's words, one sentence a line."""
        lines = [f"Applied {name}." for name in self.applied]
        if not self.applied:
            lines.append("The tables are up to date: nothing to do.")
        if self.superseded_rows:
            lines.append(
                f"{self.superseded_rows} second rows of a submission were moved, whole, to "
                "payment_image_signals_superseded; the best row of each submission stays."
            )
        lines.extend(
            f"{rows} adopted rows break the rule on {rule}; they stay as they are."
            for rule, rows in self.broken_rules.items()
        )
        if self.all_rows_hidden:
            lines.append(ALL_ROWS_HIDDEN)
        lines.extend(OPEN_TABLE.format(table=table) for table in self.open_tables)
        return tuple(lines)


ALL_ROWS_HIDDEN = (
    "Row-level security applies to this role, which sees no row of payment_submissions: if there "
    "are any, grant it a policy for all rows, or the attribute BYPASSRLS."
)
OPEN_TABLE = (
    "{table} has no row-level security: whoever has the public API's key can do with its rows what "
    "the grants of anon and authenticated allow. To shut it, create policies for those of the "
    "application's users who are to see it, then ALTER TABLE {table} ENABLE ROW LEVEL SECURITY."
)


def migrate(connection: Connection, *, create_submissions: bool = False) -> MigrationReport:
    """Bring the tables to the newest version, inside the caller's transaction.

    Tables that the live application made are adopted with their rows. Second rows of a submission
    move to a table of ours, and a foreign key that deletes copies with their original is replaced.
    Repeating it changes nothing.

    Args:
        connection: Of a role that owns the tables, or may create them and has REFERENCES on
            `payment_submissions`.
        create_submissions: Also create `payment_submissions` (demonstrations and tests only).

    Raises:
        SchemaError: The database is too old, lacks something, refuses, or stays too busy.
    """
    server = _server(connection)
    try:
        _set(connection, "lock_timeout", TURN_TIMEOUT)
        connection.execute(query("lock_migrations"))
        if create_submissions:
            execute_script(connection, loader.submissions_script())
        schema_name = _submissions(connection).schema_name
        _refuse_tables_elsewhere(connection, schema_name)
        _pin_schema(connection, schema_name)
        _refuse_columns_without_null(connection)
        applied, superseded = patiently(connection, lambda: _apply(connection))
        broken = connection.execute(query("broken_rules")).mappings().one()
        hidden = connection.execute(query("all_rows_hidden")).scalar_one()
        open_tables = connection.execute(query("open_tables")).scalars().all()
        _set(connection, "search_path", server.search_path)
    except DBAPIError as error:
        raise SchemaError(refusal(error)) from error
    return MigrationReport(
        applied=applied,
        superseded_rows=superseded,
        broken_rules=MappingProxyType({rule: rows for rule, rows in broken.items() if rows}),
        all_rows_hidden=hidden,
        open_tables=tuple(open_tables),
    )


def require_tables(connection: Connection) -> None:
    """Return when the database is ready for a run.

    Raises:
        SchemaError: It lacks a table or a permission, or waits for `imagesignals migrate`.
    """
    _submissions(connection)
    known = {each.number for each in loader.migrations()}
    missing = known - _applied(connection)
    if missing:
        raise SchemaError(
            "The tables are missing or older than this program: run `imagesignals migrate`."
        )


def _server(connection: Connection) -> Row[tuple[object, ...]]:
    server = connection.execute(query("server")).one()
    if server.version_number < 10_000 * OLDEST_SERVER:
        raise SchemaError(
            f"PostgreSQL {OLDEST_SERVER} or newer is needed; this server is {server.version}."
        )
    return server


def _submissions(connection: Connection) -> Row[tuple[object, ...]]:
    """Return what the catalogue says of payment_submissions, if it can be used."""
    table = connection.execute(query("submissions_table")).one_or_none()
    if table is None:
        raise SchemaError(
            "This database has no table payment_submissions: check the database in "
            "IMAGESIGNALS_DATABASE_URL, and its search_path."
        )
    types = dict(column.split(" ", 1) for column in table.columns or ())
    missing = sorted(NEEDED_COLUMNS - types.keys())
    if missing:
        raise SchemaError(f"payment_submissions has no column {', '.join(missing)}.")
    if types["id"] != "uuid":
        raise SchemaError(f"payment_submissions.id is of type {types['id']}, not uuid.")
    if not table.readable:
        raise SchemaError(
            "This role may not read payment_submissions: "
            "let its owner GRANT SELECT ON payment_submissions to it."
        )
    return table


def patiently(connection: Connection, change: Callable[[], T]) -> T:
    """Make a change, all or nothing, giving way to others until they let us."""

    def yielding() -> T:
        _set(connection, "lock_timeout", YIELDING_LOCK_TIMEOUT)
        return change()

    for _ in range(ATTEMPTS - 1):
        try:
            with connection.begin_nested():
                return yielding()
        except DBAPIError as error:
            if states.sqlstate(error) not in GIVES_WAY:
                raise
        time.sleep(PAUSE_S)
    return yielding()


@contextmanager
def beside_submissions(connection: Connection) -> Generator[None]:
    """Create and find everything in the schema of payment_submissions."""
    search_path = _server(connection).search_path
    _pin_schema(connection, _submissions(connection).schema_name)
    yield
    _set(connection, "search_path", search_path)


def _apply(connection: Connection) -> tuple[tuple[str, ...], int]:
    """Apply what is missing; return the names, and how many rows were moved aside."""
    applied = _applied(connection)
    waiting = [each for each in loader.migrations() if each.number not in applied]
    if not waiting:
        return (), 0
    _refuse_older_hash_index(connection)
    if not _exists(connection, "imagesignals_migrations"):
        connection.execute(query("create_migrations"))
    superseded = -_superseded_rows(connection)
    for migration in waiting:
        _run(connection, migration)
    return tuple(each.name for each in waiting), superseded + _superseded_rows(connection)


def _run(connection: Connection, migration: Migration) -> None:
    execute_script(connection, migration.script)
    connection.execute(
        query("record_migration"),
        {"number": migration.number, "migration_name": migration.name},
    )


def execute_script(connection: Connection, script: str) -> None:
    """Run a file of statements."""
    # Without parameters the driver leaves a script's percent signs alone.
    connection.exec_driver_sql(script, execution_options={"no_parameters": True})


def _refuse_tables_elsewhere(connection: Connection, schema_name: str) -> None:
    """Refuse to make second tables beside the submissions, which the search path would not find."""
    parameters = {"schema_name": schema_name}
    found = connection.execute(query("tables_elsewhere"), parameters).scalars().all()
    if found:
        quoted = connection.dialect.identifier_preparer.quote_identifier(schema_name)
        raise SchemaError(
            f"{' and '.join(found)} must be in the schema of payment_submissions: ALTER TABLE "
            f"{found[0]} SET SCHEMA {quoted}. Or set this role's search_path to {quoted} alone: "
            "then the pipeline has tables of its own, which the application does not read."
        )


def _refuse_older_hash_index(connection: Connection) -> None:
    """Refuse the live application's first hash index, which had a row for every submission."""
    if not _exists(connection, "image_perceptual_hash_index"):
        return
    column = {"relation": "image_perceptual_hash_index", "attribute": "first_payment_id"}
    if not connection.execute(query("column_exists"), column).scalar_one():
        raise SchemaError(
            "image_perceptual_hash_index is of an older form, with a row for every submission: "
            "apply the live application's own migrations of 15 January 2026 first."
        )


def _refuse_columns_without_null(connection: Connection) -> None:
    """Refuse an adopted table in which a screenshot that cannot be analysed finds no place."""
    ours = [each.name for each in columns("payment_image_signals")]
    parameters = {"ours": ours, "filled": list(FILLED)}
    found = connection.execute(query("columns_that_forbid_null"), parameters).scalars().all()
    if found:
        quote = connection.dialect.identifier_preparer.quote
        changes = ", ".join(f"ALTER COLUMN {quote(each)} DROP NOT NULL" for each in found)
        raise SchemaError(
            "payment_image_signals has columns NOT NULL that a screenshot which cannot be analysed "
            f"leaves empty; let them be: ALTER TABLE payment_image_signals {changes}."
        )


def _applied(connection: Connection) -> frozenset[int]:
    if not _exists(connection, "imagesignals_migrations"):
        return frozenset()
    return frozenset(connection.execute(query("applied_migrations")).scalars())


def _superseded_rows(connection: Connection) -> int:
    if not _exists(connection, "payment_image_signals_superseded"):
        return 0
    return connection.execute(query("superseded_rows")).scalar_one()


def _exists(connection: Connection, relation: str) -> bool:
    return connection.execute(query("relation_exists"), {"relation": relation}).scalar_one()


def _pin_schema(connection: Connection, schema_name: str) -> None:
    """Create and find everything beside payment_submissions, wherever the search path begins."""
    quoted = connection.dialect.identifier_preparer.quote_identifier(schema_name)
    _set(connection, "search_path", quoted)


def _set(connection: Connection, setting: str, value: str) -> None:
    connection.execute(query("set_locally"), {"setting": setting, "setting_value": value})


def refusal(error: DBAPIError) -> str:
    """Return PostgreSQL's own message, which names tables and roles but never a row's content."""
    diagnostics = getattr(error.orig, "diag", None)
    message = getattr(diagnostics, "message_primary", None) or "the connection was lost"
    if states.sqlstate(error) in GIVES_WAY:
        return "The tables are in use: run `imagesignals migrate` again at a quieter moment."
    return f"The tables could not be migrated: {message}."
