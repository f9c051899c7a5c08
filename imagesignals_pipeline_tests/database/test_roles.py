"""Least privilege, with real logins: each role can do what it must, and no more."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.exc import ProgrammingError

from imagesignals_pipeline import (
    backfill,
    backlog,
    database,
    matching,
    source,
    sql,
    store,
    verify,
)
from imagesignals_pipeline.model import Outcome
from imagesignals_pipeline.review.server import Desk
from imagesignals_pipeline.sql.loader import roles_script, statements
from imagesignals_pipeline_tests.database.society import (
    ANALYSED_AT,
    NOT_FOUND,
    picture,
    rows,
    submit,
)
from imagesignals_pipeline_tests.database.test_review_page import form, serving, two

MEMBERS = {
    "pipeline_login": "imagesignals_writer",
    "committee_login": "imagesignals_reader",
    "reviewer_login": "imagesignals_reviewer",
    "anon": None,
    "authenticated": None,
}
PASSWORD = "only-for-this-test"
OURS = (
    "payment_image_signals",
    "image_perceptual_hash_index",
    "image_fingerprints",
    "image_matches",
    "image_pictures",
    "image_marks",
    "image_rechecks",
    "image_signal_failures",
    "image_signal_batches",
    "imagesignals_migrations",
    "payment_image_signals_superseded",
)
GUIDE = [name for name in statements() if name.startswith("guide_")]


def execute(engine: Engine, *commands: str) -> None:
    """Run statements one by one, each in a transaction of its own."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for command in commands:
            connection.exec_driver_sql(command, execution_options={"no_parameters": True})


@contextmanager
def logins(engine: Engine) -> Generator[None]:
    """Make people who can log in; roles belong to the whole server, so they go again."""
    try:
        for name, role in MEMBERS.items():
            member = f" in role {role}" if role else ""
            execute(engine, f"create role {name} login password '{PASSWORD}'{member}")
        yield
    finally:
        gone = [*MEMBERS, *filter(None, MEMBERS.values())]
        execute(engine, *(f"drop owned by {name}" for name in gone))
        execute(engine, *(f"drop role {name}" for name in gone))


@pytest.fixture
def granted(engine: Engine) -> Iterator[Engine]:
    """The owner of a database with row-level security everywhere, after `migrate --roles`."""
    execute(
        engine,
        "alter table payment_submissions enable row level security",
        "grant select on all tables in schema public to public",  # as careless as can be
        "revoke execute on all functions in schema public from public",  # and as careful
    )
    execute(engine, "revoke all on payment_submissions from public")
    with engine.begin() as connection:
        sql.grant_roles(connection)
    with logins(engine):
        yield engine


@contextmanager
def logged_in(engine: Engine, name: str) -> Generator[Connection]:
    """Connect as somebody, with their password."""
    theirs = database.engine(engine.url.set(username=name, password=PASSWORD))
    with theirs.connect() as connection:
        yield connection
    theirs.dispose()


def refused(connection: Connection, statement: str) -> None:
    """Make sure that the server refuses a statement for want of a right."""
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|row-level security"),
        connection.begin_nested(),
    ):
        connection.execute(text(statement))  # pyright: ignore[reportArgumentType]


def test_the_writer_does_all_the_work(granted: Engine) -> None:
    """The whole pipeline's statements, under row-level security; it changes no submission."""
    with granted.begin() as connection:
        made = [submit(connection, day) for day in range(3)]
    with logged_in(granted, "pipeline_login") as connection:
        assert sql.migrate(connection).applied == ()  # as `imagesignals dev` does
        sql.require_tables(connection)
        ids = source.pending_ids(connection)
        assert len(ids) == 3
        assert len(backlog.pending(connection)) == 1
        store.plan(connection, "run", ids, 5)
        outcomes = [Outcome(made[0], picture("a")), Outcome(made[1], picture("a"))]
        store.save(connection, [*outcomes, Outcome(made[2], NOT_FOUND)], ANALYSED_AT)
        matching.settle(connection)
        store.link(connection, ids)
        store.reindex(connection)
        assert verify.report(connection).passed
        assert not backlog.unsettled(connection, 2)
        assert source.unfinished(connection, "run", 1) == 0
        store.save(connection, [Outcome(made[2], picture("b"))], ANALYSED_AT)
        store.plan(connection, "run", ids, 5)
        connection.commit()
        for statement in (
            "update payment_submissions set flat_id = 'x'",
            "delete from payment_submissions",
            "insert into payment_submissions (flat_id) values ('x')",
            "insert into imagesignals_migrations (number, name) values (99, 'x')",
            "select * from payment_image_signals_superseded",
            "create table something (id int)",
        ):
            refused(connection, statement)
    with granted.connect() as connection:
        assert rows(connection)[made[1].id]["similar_to_payment_id"] == made[0].id


@pytest.mark.parametrize("seen", ["false", "flat_id = 'B-2'"], ids=["none", "some"])
def test_hidden_submissions_do_not_pass_for_deleted(granted: Engine, seen: str) -> None:
    """What is known of pictures stays, and whoever would forget it says what to do."""
    with granted.begin() as connection:
        made = [submit(connection, day, flat_id=flat) for day, flat in enumerate(("A-1", "B-2"))]
        store.save(connection, [Outcome(each, picture("a")) for each in made], ANALYSED_AT)
        matching.settle(connection)
        store.link(connection)
        before = rows(connection)
    execute(
        granted,
        'drop policy "imagesignals reads" on payment_submissions',
        f"create policy narrow on payment_submissions for select using ({seen})",
    )
    theirs = database.engine(granted.url.set(username="pipeline_login", password=PASSWORD))
    with theirs.connect() as connection:
        with pytest.raises(source.SubmissionsHiddenError, match="migrate --roles"):
            backlog.unsettled(connection, 2)
        visible = {each.name: each for each in verify.report(connection).checks}
        assert not visible["all_submissions_visible"].passed
    with pytest.raises(source.SubmissionsHiddenError, match="migrate --roles"):
        backfill.settle(theirs)
    theirs.dispose()
    with granted.begin() as connection:
        assert rows(connection) == before
        sql.grant_roles(connection)
    with logged_in(granted, "pipeline_login") as connection:
        assert not backlog.unsettled(connection, 2)


def test_the_reader_reads_and_writes_nothing(granted: Engine) -> None:
    """The guide's queries and the verification run; no picture is seen, nothing is changed."""
    with granted.begin() as connection:
        made = [submit(connection, day) for day in range(2)]
        store.save(connection, [Outcome(each, picture("a")) for each in made], ANALYSED_AT)
        store.link(connection)
        connection.execute(text("alter table payment_submissions add column email text"))
    with logged_in(granted, "committee_login") as connection:
        report = verify.report(connection)
        assert report.passed
        assert len(report.duplicates) == 1
        for name in GUIDE:
            assert connection.execute(sql.query(name)).all()
        for table in OURS:
            refused(connection, f"delete from {table}")
        for statement in (
            "select payload from image_fingerprints",
            "select descriptor from image_pictures",
            "select email from payment_submissions",
            "update payment_submissions set flat_id = 'x'",
            "update payment_image_signals set duplicate_detected = false",
            "insert into image_perceptual_hash_index (perceptual_hash) values ('x')",
        ):
            refused(connection, statement)


def test_the_reviewer_decides_and_does_nothing_else(granted: Engine) -> None:
    """The page, its pictures and its form work for this login; no signal can be changed."""
    original, copy = two(granted)
    theirs = database.engine(granted.url.set(username="reviewer_login", password=PASSWORD))
    with theirs.begin() as connection:
        sql.require_tables(connection)  # as the command does
    with serving(Desk(theirs, database.explain)) as page:
        assert f"/group/{original}" in page.get().text
        shown = page.get(f"/group/{original}")
        assert page.get(f"/picture/{copy}").headers["content-type"].startswith("image/")
        filled = form(shown.text)
        for _ in range(2):  # a form that is sent twice
            assert page.post(f"/group/{original}", filled).status_code == 303
        assert "Asha" in page.get(f"/group/{original}").text
    theirs.dispose()
    with granted.connect() as connection:
        decided = text("select payment_submission_id, decision from image_review_decisions")
        assert [tuple(row) for row in connection.execute(decided)] == [(copy, "same_payment")]
    with logged_in(granted, "reviewer_login") as connection:
        for table in OURS:
            refused(connection, f"delete from {table}")
            refused(connection, f"insert into {table} default values")
        for statement in (
            "update image_review_decisions set note = 'x'",
            "delete from image_review_decisions",
            "update payment_image_signals set duplicate_detected = false",
            "update payment_submissions set flat_id = 'x'",
            "select descriptor from image_pictures",
        ):
            refused(connection, statement)


def test_the_reviewers_policies_are_no_wider_than_its_rights(granted: Engine) -> None:
    """Should somebody grant it more by mistake, the policies still let it read and decide alone."""
    original, _ = two(granted)
    old = (
        'drop policy "imagesignals reviewer" on payment_image_signals',
        (
            'create policy "imagesignals reviewer" on payment_image_signals for all'
            " to imagesignals_reviewer using (true)"
        ),
    )
    execute(granted, *old)  # an older version's
    with granted.begin() as connection:
        sql.grant_roles(connection)
        policies = text(
            "select tablename, cmd from pg_policies where policyname like 'imagesignals reviewer%'"
        )
        found = {(row.tablename, row.cmd) for row in connection.execute(policies)}
        decisions = "image_review_decisions"
        assert found - {(table, "SELECT") for table in (*OURS, decisions)} == {
            (decisions, "INSERT")
        }
    execute(granted, "grant all on payment_image_signals to imagesignals_reviewer")
    with logged_in(granted, "reviewer_login") as connection:
        assert original in rows(connection)
        changed = text("update payment_image_signals set duplicate_detected = false")
        assert connection.execute(changed).rowcount == 0


def test_roles_of_an_older_version_are_joined_by_the_reviewer(granted: Engine) -> None:
    """Where row-level security hides the submissions, the policy of the others is for it too."""
    with granted.begin() as connection:
        submit(connection)
        connection.execute(
            text(
                'alter policy "imagesignals reads" on payment_submissions'
                " to imagesignals_writer, imagesignals_reader"
            )
        )
        hidden = sql.query("submissions_hidden_from_roles")
        assert connection.execute(hidden).scalar_one()
        assert not sql.grant_roles(connection).submissions_hidden
    with logged_in(granted, "reviewer_login") as connection:
        assert connection.execute(text("select id from payment_submissions")).all()


@pytest.mark.parametrize("name", ["anon", "authenticated"])
def test_everybody_else_is_shut_out(granted: Engine, name: str) -> None:
    """Not one of our tables can be read or written, although everybody could before."""
    with granted.begin() as connection:
        submit(connection)
        sql.grant_roles(connection)  # again, now that these roles exist
    with logged_in(granted, name) as connection:
        for table in OURS:
            refused(connection, f"select from {table}")
            refused(connection, f"delete from {table}")


def test_every_table_of_ours_has_rights(connection: Connection) -> None:
    """A new table is given to somebody, or to nobody on purpose, in roles.sql."""
    tables = connection.execute(
        text("select tablename from pg_tables where schemaname = current_schema()")
    ).scalars()
    script = roles_script()
    missing = [each for each in tables if f"'{each}'" not in script]
    assert missing == []


def test_twice_is_once(engine: Engine) -> None:
    """Repeating it changes no right, no policy and no row."""
    rights = text(
        "select array_agg(relname || coalesce(relacl::text, '') || relrowsecurity order by relname)"
        " || (select array_agg(tablename || policyname || cmd || coalesce(qual, with_check)"
        " order by tablename, policyname) from pg_policies)"
        " from pg_class where relnamespace = 'public'::regnamespace"
    )
    with engine.connect() as connection:
        first = sql.grant_roles(connection)
        before = connection.execute(rights).scalar_one()
        assert sql.grant_roles(connection) == first
        assert connection.execute(rights).scalar_one() == before
        assert first.lines == (
            "imagesignals_writer, imagesignals_reader and imagesignals_reviewer have their rights.",
        )


def test_the_live_applications_policies_stay_and_are_named(live: Connection) -> None:
    """What lets the application's users see its own tables is not ours to take; it is told."""
    sql.migrate(live)
    report = sql.grant_roles(live)
    assert report.foreign_policies == (
        "image_perceptual_hash_index: Everybody sees hashes",
        "payment_image_signals: Everybody sees signals",
    )
    assert not report.submissions_hidden
    assert "another program's and stays" in report.lines[1]
    policies = live.execute(text("select policyname from pg_policies")).scalars()
    assert {"Everybody sees signals", "Everybody sees payments", "imagesignals reads"} <= {
        *policies
    }


def test_without_the_right_to_do_so(live: Connection) -> None:
    """Who may not create roles is told as whom to run it; else, what is left for the owner."""
    sql.migrate(live)
    for statement in (
        "create role no_owner",
        "grant select on payment_submissions, imagesignals_migrations to no_owner",
        "set local role no_owner",
    ):
        live.execute(text(statement))
    with pytest.raises(sql.SchemaError, match="with the attribute CREATEROLE"), live.begin_nested():
        sql.grant_roles(live)
    report = sql.RolesReport((), submissions_hidden=True)
    assert "let its owner run this" in report.lines[-1]


def test_the_tables_come_first(empty_database_url: str) -> None:
    """Without the tables it says which command makes them."""
    engine = create_engine(empty_database_url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(
            text(
                "create table payment_submissions"
                " (id uuid primary key, flat_id text, screenshot_url text, created_at timestamptz)"
            )
        )
        with pytest.raises(sql.SchemaError, match="run `imagesignals migrate`"):
            sql.grant_roles(connection)
