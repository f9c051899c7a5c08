"""Migrations: creating the tables, and adopting the live application's."""

import json
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.exc import IntegrityError

from imagesignals_pipeline import source, sql, store
from imagesignals_pipeline.model import Outcome, Submission
from imagesignals_pipeline.sql import loader, schema
from imagesignals_pipeline.sql.loader import migrations
from imagesignals_pipeline_tests.database.society import (
    ANALYSED_AT,
    NOT_FOUND,
    let_others_wait,
)

CONTRACT = {
    "payment_image_signals": {
        "id": "uuid",
        "payment_submission_id": "uuid",
        "image_url": "text",
        "perceptual_hash": "text",
        "duplicate_detected": "boolean",
        "similar_to_payment_id": "uuid",
        "similarity_percentage": "integer",
        "similarity_explanation": "text",
        "exif_available": "boolean",
        "exif_creation_date": "timestamp with time zone",
        "exif_source_type": "text",
        "exif_metadata_stripped": "boolean",
        "exif_editor_detected": "text",
        "metadata_notes": "text",
        "looks_like_screenshot": "boolean",
        "aspect_ratio": "text",
        "resolution_width": "integer",
        "resolution_height": "integer",
        "text_density_score": "integer",
        "screenshot_validity_explanation": "text",
        "analyzed_at": "timestamp with time zone",
        "analysis_status": "text",
        "analysis_error": "text",
        "created_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
        "failure_kind": "text",
        "written_by_pipeline": "boolean",
    },
    "image_perceptual_hash_index": {
        "perceptual_hash": "text",
        "hash_algorithm": "text",
        "first_payment_id": "uuid",
        "first_uploaded_at": "timestamp with time zone",
        "upload_count": "integer",
        "last_updated_at": "timestamp with time zone",
    },
}


def submission(number: int) -> UUID:
    """Return the id of a submission of the live application's database."""
    return UUID(f"5ab00000-0000-0000-0000-{number:012}")


def waiting(connection: Connection) -> Submission:
    """Return a submission of the live application's database that has no signals."""
    (found,) = source.submissions(connection, [submission(8)])
    return found


def columns(connection: Connection, table: str) -> dict[str, str]:
    """Return a table's columns and their types."""
    found = connection.execute(
        text(
            "select column_name, data_type from information_schema.columns where table_name = :name"
        ),
        {"name": table},
    )
    return {row.column_name: row.data_type for row in found}


def catalogue(connection: Connection) -> dict[str, list[Any]]:
    """Return all that the schema consists of, so that two states can be compared."""
    statements = {
        "columns": "select table_name, column_name, data_type, is_nullable, column_default"
        " from information_schema.columns where table_schema = 'public' order by 1, 2",
        "indexes": "select indexdef from pg_indexes where schemaname = 'public' order by 1",
        "constraints": "select conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
        " from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2",
        "policies": "select tablename, policyname, cmd, qual from pg_policies order by 1, 2",
        "triggers": "select tgrelid::regclass::text, tgname from pg_trigger"
        " where not tgisinternal order by 1, 2",
        "functions": "select proname, prosrc from pg_proc"
        " where pronamespace = 'public'::regnamespace order by 1",
        "security": "select relname, relrowsecurity from pg_class"
        " where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
        "migrations": "select number, applied_at::text from imagesignals_migrations order by 1",
    }
    return {
        name: [tuple(row) for row in connection.execute(text(statement))]
        for name, statement in statements.items()
        if name != "migrations" or columns(connection, "imagesignals_migrations")
    }


def contents(connection: Connection, table: str) -> Counter[str]:
    """Return a table's rows, without the columns that the migration adds."""
    found = connection.execute(text(f"select to_jsonb(t) as content from {table} as t")).scalars()
    return Counter(_canonical(row) for row in found)


def _canonical(row: dict[str, Any]) -> str:
    added = {"failure_kind", "written_by_pipeline"}
    return json.dumps({key: row[key] for key in row if key not in added}, sort_keys=True)


def test_an_empty_database_gets_the_tables_of_the_contract(connection: Connection) -> None:
    """Both tables have the columns and types that the live application reads."""
    for table, expected in CONTRACT.items():
        assert columns(connection, table) == expected


def test_repeating_changes_nothing(engine: Engine) -> None:
    """A second migration applies nothing and leaves the schema as it is."""
    with engine.connect() as connection:
        before = catalogue(connection)
    with engine.begin() as connection:
        report = sql.migrate(connection, create_submissions=True)
    with engine.connect() as connection:
        assert catalogue(connection) == before
    assert report == sql.MigrationReport()
    assert report.lines == ("The tables are up to date: nothing to do.",)


def test_the_demonstration_table_is_created_only_on_request(empty_database_url: str) -> None:
    """Without payment_submissions the migration refuses, with it asked for it creates it."""
    engine = create_engine(empty_database_url, poolclass=NullPool)
    with (
        pytest.raises(sql.SchemaError, match="has no table payment_submissions"),
        engine.begin() as connection,
    ):
        sql.migrate(connection)
    with engine.begin() as connection:
        report = sql.migrate(connection, create_submissions=True)
    assert report.applied == tuple(each.name for each in migrations())


def test_an_older_installation_is_brought_up_to_date(
    live: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the scripts that are missing run, and a program that is newer asks for them."""
    scripts = migrations()
    monkeypatch.setattr(loader, "migrations", lambda: scripts[:4])
    assert len(sql.migrate(live).applied) == 4
    monkeypatch.undo()
    with pytest.raises(sql.SchemaError, match="older than this program"):
        sql.require_tables(live)
    assert sql.migrate(live).applied == tuple(each.name for each in scripts[4:])
    sql.require_tables(live)


@pytest.mark.parametrize("indexed", [True, False])
def test_marks_of_another_kind_are_made_anew(
    live: Connection, monkeypatch: pytest.MonkeyPatch, *, indexed: bool
) -> None:
    """Where there are any, all pictures are placed again; a small society keeps its places."""
    name = "0016_other_bits"
    scripts = [each for each in migrations() if each.name < name]
    monkeypatch.setattr(loader, "migrations", lambda: scripts)
    sql.migrate(live)
    place = (
        "insert into image_pictures (pixels_sha256, first_created_at, first_id, algorithm_version,"
        " descriptor) values (sha256('a'), now(), gen_random_uuid(), 4, '')"
    )
    live.execute(text(place))
    if indexed:
        live.execute(text("insert into image_marks values (4, 1, now(), 1)"))
    monkeypatch.undo()
    assert name in sql.migrate(live).applied
    left = text("select (select count(*) from image_pictures), (select count(*) from image_marks)")
    assert tuple(live.execute(left).one()) == ((0, 0) if indexed else (1, 0))


def test_deleting_a_submission_reads_no_table_whole(connection: Connection) -> None:
    """Every foreign key onto the submissions has an index that begins with its column."""
    keys = text(
        "select conrelid::regclass::text, exists ("
        "select from pg_index where indrelid = conrelid and indkey[0] = conkey[1]"
        " and indpred is null) as indexed"
        " from pg_constraint"
        " where contype = 'f' and confrelid = 'payment_submissions'::regclass"
    )
    found = connection.execute(keys).all()
    assert len(found) >= 6
    assert [table for table, indexed in found if not indexed] == []


def test_an_old_server_is_refused(live: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PostgreSQL that lacks what the statements need is named with its version."""
    monkeypatch.setattr(schema, "OLDEST_SERVER", 99)
    with pytest.raises(sql.SchemaError, match="99 or newer is needed; this server is 1"):
        sql.migrate(live)


class TestAdoption:
    """The live application's tables, with the rows that its bugs left behind."""

    def test_no_row_is_lost_or_rewritten(self, live: Connection) -> None:
        """Every row is where it was, or whole in the table of superseded rows."""
        before = contents(live, "payment_image_signals")
        hashes = contents(live, "image_perceptual_hash_index")
        report = sql.migrate(live)
        kept = contents(live, "payment_image_signals")
        moved = live.execute(text("select content from payment_image_signals_superseded")).scalars()
        assert kept + Counter(map(_canonical, moved)) == before
        assert contents(live, "image_perceptual_hash_index") == hashes
        assert report.superseded_rows == 2

    def test_nothing_of_the_live_schema_is_dropped(self, live: Connection) -> None:
        """Columns, keys, policies, triggers and functions stay; one foreign key becomes milder."""
        before = catalogue(live)
        sql.migrate(live)
        after = catalogue(live)
        lost = {name: set(before[name]) - set(after[name]) for name in before}
        assert {name for name in lost if lost[name]} == {"constraints"}
        milder = "FOREIGN KEY (similar_to_payment_id) REFERENCES payment_submissions(id) ON DELETE "
        (key,) = lost["constraints"]
        assert key[1:] == (
            "payment_image_signals_similar_to_payment_id_fkey",
            f"{milder}CASCADE",
        )
        assert (*key[:2], f"{milder}SET NULL") in after["constraints"]

    @pytest.mark.parametrize("action", ["cascade", "set null", "set default"])
    def test_second_rows_that_others_refer_to_are_not_moved(
        self, live: Connection, action: str
    ) -> None:
        """What the application keeps about such a row is not lost: it is asked to decide first."""
        live.execute(
            text(
                "create table signal_notes (note text, signal_id uuid"
                f" references payment_image_signals on delete {action});"  # pyright: ignore[reportArgumentType]
                "insert into signal_notes select 'checked', id from payment_image_signals"
            )
        )
        before = catalogue(live), contents(live, "signal_notes")
        with (
            pytest.raises(sql.SchemaError, match=r"what refers to them in signal_notes: leave one"),
            live.begin_nested(),
        ):
            sql.migrate(live)
        assert (catalogue(live), contents(live, "signal_notes")) == before
        live.execute(
            text(
                "delete from payment_image_signals as one using payment_image_signals as other"
                " where one.payment_submission_id = other.payment_submission_id"
                " and one.id < other.id"
            )
        )
        kept = contents(live, "signal_notes")
        assert sql.migrate(live).superseded_rows == 0
        assert contents(live, "signal_notes") == kept

    def test_the_best_row_of_a_submission_stays(self, live: Connection) -> None:
        """Of a failed row, an analysis, and one that names itself a copy, the analysis stays."""
        sql.migrate(live)
        row = live.execute(
            text("select * from payment_image_signals where payment_submission_id = :id"),
            {"id": submission(3)},
        ).one()
        assert (row.analysis_status, row.duplicate_detected) == ("completed", False)
        assert not row.written_by_pipeline

    def test_a_second_row_is_refused_from_then_on(self, live: Connection) -> None:
        """No submission can have two rows again, whoever writes them."""
        sql.migrate(live)
        with pytest.raises(IntegrityError, match="imagesignals_one_row_per_submission"):
            live.execute(
                text(
                    "insert into payment_image_signals (payment_submission_id, image_url)"
                    " values (:id, 'x')"
                ),
                {"id": submission(1)},
            )

    def test_rows_that_break_a_rule_are_reported_and_stay(self, live: Connection) -> None:
        """A row that names itself as its original is counted, and new ones are refused."""
        report = sql.migrate(live)
        assert report.broken_rules == {"own_copy": 1}
        assert "1 adopted rows break the rule on own_copy; they stay as they are." in report.lines
        with pytest.raises(IntegrityError, match="imagesignals_not_own_copy"):
            live.execute(
                text(
                    "update payment_image_signals set similar_to_payment_id = payment_submission_id"
                    " where payment_submission_id = :id"
                ),
                {"id": submission(1)},
            )

    def test_deleting_an_original_keeps_the_rows_of_its_copies(self, live: Connection) -> None:
        """The signals of a copy survive its original (the live application lost them)."""
        sql.migrate(live)
        live.execute(text("delete from payment_submissions where id = :id"), {"id": submission(1)})
        row = live.execute(
            text("select * from payment_image_signals where payment_submission_id = :id"),
            {"id": submission(2)},
        ).one()
        assert row.similar_to_payment_id is None
        assert row.duplicate_detected

    def test_the_live_functions_still_work(self, live: Connection) -> None:
        """What the live application runs by hand runs on the adopted tables."""
        sql.migrate(live)
        assert live.execute(text("select update_duplicate_flags()")).scalar_one() == 0

    def test_adopting_twice_changes_nothing(self, live: Connection) -> None:
        """The second migration reports what is still broken, and touches nothing."""
        sql.migrate(live)
        before = catalogue(live), contents(live, "payment_image_signals")
        report = sql.migrate(live)
        assert (catalogue(live), contents(live, "payment_image_signals")) == before
        assert (report.applied, report.superseded_rows) == ((), 0)
        assert report.broken_rules == {"own_copy": 1}

    def test_tables_without_keys_or_columns_get_them(self, live: Connection) -> None:
        """An older or hand-made table is completed, and what points nowhere is reported."""
        live.execute(
            text(
                "alter table payment_image_signals drop column exif_editor_detected,"
                " drop constraint payment_image_signals_payment_submission_id_fkey,"
                " drop constraint payment_image_signals_similar_to_payment_id_fkey,"
                " drop constraint payment_image_signals_analysis_status_check;"
                "alter table image_perceptual_hash_index drop column last_updated_at;"
                "update payment_image_signals set similar_to_payment_id = gen_random_uuid()"
                " where similar_to_payment_id = '5ab00000-0000-0000-0000-000000000001';"
                "insert into payment_image_signals"
                " (payment_submission_id, image_url, analysis_status)"
                " select '5ab00000-0000-0000-0000-0000000000ff', 'gone', 'odd'"
                " from generate_series(1, 2)"
            )
        )
        report = sql.migrate(live)
        for table, expected in CONTRACT.items():
            assert columns(live, table) == expected
        assert report.superseded_rows == 3
        assert report.broken_rules == {
            "analysis_status": 1,
            "own_copy": 1,
            "missing_submission": 1,
            "missing_original": 1,
        }

    def test_an_existing_unique_key_is_enough(self, live: Connection) -> None:
        """Where somebody has already made the key, no second index is kept up to date."""
        live.execute(text("delete from payment_image_signals"))
        live.execute(text("alter table payment_image_signals add unique (payment_submission_id)"))
        sql.migrate(live)
        indexes = [row[0] for row in catalogue(live)["indexes"]]
        unique = [each for each in indexes if re.search(r"UNIQUE.*\(payment_submission_id\)", each)]
        assert len([each for each in unique if ".payment_image_signals " in each]) == 1
        assert not any("imagesignals_one_row_per_submission" in each for each in indexes)

    def test_a_key_that_was_never_finished_is_none(self, live: Connection) -> None:
        """CREATE INDEX CONCURRENTLY leaves one behind when it meets second rows."""
        live.execute(text("delete from payment_image_signals"))
        live.execute(
            text("create unique index half_done on payment_image_signals (payment_submission_id)")
        )
        live.execute(
            text("update pg_index set indisvalid = false where indexrelid = 'half_done'::regclass")
        )
        sql.migrate(live)
        indexes = [row[0] for row in catalogue(live)["indexes"]]
        assert any("imagesignals_one_row_per_submission" in each for each in indexes)

    @pytest.mark.parametrize("adopted", [False, True])
    def test_columns_that_demand_what_a_failure_lacks_are_refused(
        self, live: Connection, *, adopted: bool
    ) -> None:
        """They would end a month's run at its first broken link; the line says how to mend it."""
        if adopted:
            sql.migrate(live)
        live.execute(
            text(
                "delete from payment_image_signals;"
                "alter table payment_image_signals add tenant text not null default 'us',"
                ' add number bigint generated always as identity, add "Odd one" text not null,'
                " alter duplicate_detected set not null, alter looks_like_screenshot set not null"
            )
        )
        with pytest.raises(sql.SchemaError, match="let them be") as refused:
            sql.migrate(live)
        statement = str(refused.value).partition(": ")[2].removesuffix(".")
        assert statement == (
            "ALTER TABLE payment_image_signals ALTER COLUMN looks_like_screenshot DROP NOT NULL,"
            ' ALTER COLUMN "Odd one" DROP NOT NULL'
        )
        live.exec_driver_sql(statement)
        sql.migrate(live)
        store.save(live, [Outcome(waiting(live), NOT_FOUND)], ANALYSED_AT)

    def test_the_first_form_of_the_hash_index_is_refused(self, live: Connection) -> None:
        """A hash index with a row for every submission is left alone, with a clear line."""
        live.execute(text("drop table image_perceptual_hash_index"))
        live.execute(
            text(
                "create table image_perceptual_hash_index"
                " (id uuid primary key, payment_submission_id uuid, perceptual_hash text)"
            )
        )
        with pytest.raises(sql.SchemaError, match="of an older form"):
            sql.migrate(live)


class TestUnusableDatabases:
    """Each refusal is one line that says what to do."""

    @pytest.mark.parametrize(
        ("table", "line"),
        [
            ("(id uuid primary key, flat_id text, created_at timestamptz)", "no column screensh"),
            (
                "(id bigint primary key, flat_id text, screenshot_url text, created_at date)",
                "payment_submissions.id is of type bigint, not uuid",
            ),
            (
                "(id uuid, flat_id text, screenshot_url text, created_at timestamptz)",
                "could not be migrated: there is no unique constraint",
            ),
        ],
    )
    def test_an_unsuitable_table(self, empty_database_url: str, table: str, line: str) -> None:
        """A payment_submissions that we cannot read or refer to is named as the reason."""
        engine = create_engine(empty_database_url, poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(f"create table payment_submissions {table}"))
            with pytest.raises(sql.SchemaError, match=line):
                sql.migrate(connection)

    def test_missing_tables(self, live: Connection) -> None:
        """A run on a database that was never migrated says so."""
        with pytest.raises(sql.SchemaError, match="run `imagesignals migrate`"):
            sql.require_tables(live)
        sql.migrate(live)
        sql.require_tables(live)

    def test_no_permission_to_read(self, engine: Engine) -> None:
        """A role that may not read the submissions is told which grant it needs."""
        with engine.connect() as connection:
            connection.execute(text("create role nobody_special"))
            connection.execute(text("set local role nobody_special"))
            with pytest.raises(sql.SchemaError, match="GRANT SELECT ON payment_submissions"):
                sql.require_tables(connection)

    def test_no_permission_to_refer(self, live: Connection) -> None:
        """A role that may only read cannot create keys, and is told what is missing."""
        live.execute(text("create role reader_only"))
        live.execute(text("grant select on payment_submissions to reader_only"))
        live.execute(text("drop table payment_image_signals, image_perceptual_hash_index"))
        live.execute(text("grant create on schema public to reader_only"))
        live.execute(text("set local role reader_only"))
        with pytest.raises(sql.SchemaError, match="permission denied for table payment_submiss"):
            sql.migrate(live)


def test_a_role_that_owns_only_our_tables_can_migrate(live: Connection) -> None:
    """SELECT and REFERENCES on the submissions and CREATE on the schema are enough."""
    for statement in (
        "drop table payment_image_signals, image_perceptual_hash_index",
        "create role pipeline_owner",
        "grant select, references on payment_submissions to pipeline_owner",
        "grant create on schema public to pipeline_owner",
        "set local role pipeline_owner",
    ):
        live.execute(text(statement))
    assert sql.migrate(live).applied
    sql.require_tables(live)


def test_hidden_submissions_are_reported(live: Connection) -> None:
    """A role that row-level security shows nothing is told so, instead of finding no work."""
    for statement in (
        "drop table payment_image_signals, image_perceptual_hash_index",
        'drop policy "Everybody sees payments" on payment_submissions',
        "create role kept_in_the_dark",
        "grant select, references on payment_submissions to kept_in_the_dark",
        "grant create on schema public to kept_in_the_dark",
        "set local role kept_in_the_dark",
    ):
        live.execute(text(statement))
    report = sql.migrate(live)
    assert report.all_rows_hidden
    assert report.lines[-1].startswith("Row-level security applies to this role")


def test_our_tables_stand_beside_the_submissions(live: Connection) -> None:
    """With a search path of several schemas, ours go where payment_submissions is."""
    live.execute(text("create schema app"))
    live.execute(text("set local search_path = app, public"))
    sql.migrate(live)
    assert live.execute(text("show search_path")).scalar_one() == "app, public"
    schemas = live.execute(
        text("select distinct schemaname from pg_tables where tablename ~ '^image|_signals'")
    ).scalars()
    assert list(schemas) == ["public"]


def test_supabase_publishes_none_of_our_tables(live: Connection) -> None:
    """Where the API's roles exist, row-level security shuts every table of ours to them."""
    live.execute(text("create role anon"))
    sql.migrate(live)
    open_tables = {name for name, shut in catalogue(live)["security"] if not shut}
    assert open_tables == {"flat_numbers"}
    sql.require_tables(live)


def test_tables_in_another_schema_than_the_submissions_are_refused(live: Connection) -> None:
    """Runs would find the application's, `migrate` would make others: it says what to set."""
    for statement in (
        "create schema app",
        "alter table payment_image_signals set schema app",
        "set local search_path = app, public",
    ):
        live.execute(text(statement))
    line = r'app.payment_image_signals SET SCHEMA "public". Or set this role.s search_path'
    with pytest.raises(sql.SchemaError, match=line):
        sql.migrate(live)
    with live.begin_nested() as attempt:
        live.execute(text("set local search_path = public"))
        assert sql.migrate(live).applied
        attempt.rollback()
    live.execute(text("alter table app.payment_image_signals set schema public"))
    assert sql.migrate(live).applied


@pytest.mark.parametrize("scripts_before", [0, 1])
def test_what_the_live_application_shows_its_users_stays_shown(
    live: Connection, monkeypatch: pytest.MonkeyPatch, scripts_before: int
) -> None:
    """Adopted without row-level security they get none, on the way from an older one neither."""
    for statement in (
        "create role authenticated",
        'drop policy "Everybody sees signals" on payment_image_signals',
        "alter table payment_image_signals disable row level security",
        "grant select on payment_image_signals to authenticated",
    ):
        live.execute(text(statement))
    if scripts_before:
        scripts = migrations()[:scripts_before]
        monkeypatch.setattr(loader, "migrations", lambda: scripts)
        sql.migrate(live)
        monkeypatch.undo()
        live.execute(text("select set_config('imagesignals.made_here', '', true)"))  # it ended
    report = sql.migrate(live)
    assert report.open_tables == ("payment_image_signals",)
    assert "ALTER TABLE payment_image_signals ENABLE ROW LEVEL SECURITY." in report.lines[-1]
    assert sql.migrate(live).open_tables == report.open_tables
    live.execute(text("set local role authenticated"))
    assert live.execute(text("select count(*) from payment_image_signals")).scalar_one() == 7


def test_tables_that_we_make_are_shut_to_the_public_api(empty_database_url: str) -> None:
    """The application's two as well, if they were not there: nobody relies on seeing them."""
    engine = create_engine(empty_database_url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("create role anon"))
        report = sql.migrate(connection, create_submissions=True)
        open_tables = {name for name, shut in catalogue(connection)["security"] if not shut}
    assert open_tables == {"payment_submissions"}
    assert report.open_tables == ()


def test_two_migrations_at_once_apply_each_script_once(live_engine: Engine) -> None:
    """The second migration waits for the first, and finds nothing to do."""

    def migrate(_: int) -> sql.MigrationReport:
        with live_engine.begin() as connection:
            return sql.migrate(connection)

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(migrate, range(2)))
    assert sorted(len(report.applied) for report in reports) == [0, len(migrations())]


def test_the_migration_waits_for_the_live_application(live_engine: Engine) -> None:
    """A transaction of the live application delays the migration and is never its victim.

    The migration holds the signals while it waits for the submissions, the live application the
    reverse.
    """
    busy = threading.Event()

    def change_a_payment() -> None:
        with live_engine.begin() as connection:
            connection.execute(text("update payment_submissions set flat_id = flat_id"))
            busy.set()
            let_others_wait(connection)
            connection.execute(text("update payment_image_signals set aspect_ratio = '9:16'"))

    with ThreadPoolExecutor(1) as pool:
        live = pool.submit(change_a_payment)
        assert busy.wait(10)
        with live_engine.begin() as connection:
            assert sql.migrate(connection).applied
        live.result()
    with live_engine.connect() as connection:
        ratios = connection.execute(text("select distinct aspect_ratio from payment_image_signals"))
        assert list(ratios.scalars()) == ["9:16"]


def test_a_migration_that_cannot_get_its_locks_changes_nothing(
    live_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the tables stay busy it gives up with one line, and everything is as before."""
    monkeypatch.setattr(schema, "ATTEMPTS", 2)
    began = time.monotonic()
    with live_engine.connect() as other:
        before = catalogue(other)
        other.execute(text("lock table payment_submissions in row exclusive mode"))
        with (
            pytest.raises(sql.SchemaError, match="in use: run `imagesignals migrate` again"),
            live_engine.begin() as connection,
        ):
            sql.migrate(connection)
        assert time.monotonic() - began < 10
        assert catalogue(other) == before
