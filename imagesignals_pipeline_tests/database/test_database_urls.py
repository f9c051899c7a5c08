"""Every spelling of a database URL, and none that is not one."""

import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesignals_pipeline.database import DatabaseMisconfiguredError, normalise

SECRET = "geheimnis-4711"
WORDS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20).filter(
    lambda word: word == word.strip()  # around a pasted URL it is dropped
)
POOLER = "postgres.abc:p@aws-0-eu.pooler.supabase.com:6543/postgres"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("postgres://u:p@h/d", "u:p@h/d"),
        ("postgresql://u:p@h:5432/d", "u:p@h:5432/d"),
        ("postgresql+psycopg2://u:p@h/d", "u:p@h/d"),
        ("postgresql+psycopg://u:p@h/d", "u:p@h/d"),
        ("postgresql+pg8000://u:p@h/d", "u:p@h/d"),
        ("postgres+asyncpg://u:p@h/d?ssl=require", "u:p@h/d?sslmode=require"),
        (" POSTGRES://u:p@h/d\n", "u:p@h/d"),
        ("postgres://u:p@h", "u:p@h"),
        ("postgres://h", "h"),
        ("postgres://u:p%40%2F%3A%20%25@h/d", "u:p%40%2F%3A %25@h/d"),
        ("postgres://u:a/b?c#d@h/d", "u:a%2Fb%3Fc%23d@h/d"),
        (f"postgres://{POOLER}?pgbouncer=true&connection_limit=1", POOLER),
        ("postgres://u:p@h/d?schema=x&pool_timeout=0&supa=base-pooler.x", "u:p@h/d"),
        ("postgres://u:p@h/d?prepared_statement_cache_size=0", "u:p@h/d"),
        ("postgres://u:p@h/d?sslmode=verify-ca&sslcert=a", "u:p@h/d?sslcert=a&sslmode=verify-ca"),
        ("postgres://u:p@h/d?sslmode=no-verify&uselibpqcompat=true", "u:p@h/d?sslmode=require"),
        ("postgres://u:p@h/d?ssl=true", "u:p@h/d?sslmode=require"),
        ("postgres://u:p@h/d?ssl=0", "u:p@h/d?sslmode=disable"),
        ("postgres://u:p@h/d?sslmode=disable&sslmode=require", "u:p@h/d?sslmode=require"),
        ("postgres://u:p@h/d?application_name=x%40y", "u:p@h/d?application_name=x%40y"),
        ("postgres://u:p@h/d?sslpassword=x", "u:p@h/d"),
        ("postgres://u:p@[2001:db8::1]:5432/d", "u:p@[2001:db8::1]:5432/d"),
        ("postgresql:///d?host=/run/pg&user=u&password=p&dbname=e", "u:p@/e?host=%2Frun%2Fpg"),
        ("postgresql://u:p@%2Frun%2Fpg/d", "u:p@/d?host=%2Frun%2Fpg"),
        ("postgresql:///d?password=p", ":p@/d"),
        ("postgresql://u:p@/d?host=a:1&host=b:2", "u:p@/d?host=a%3A1&host=b%3A2"),
    ],
)
def test_every_spelling_is_read(typed: str, read: str) -> None:
    """All spellings come out as one, without losing anything that libpq understands."""
    url = normalise(typed)
    assert url.render_as_string(hide_password=False) == f"postgresql+psycopg2://{read}"
    assert normalise(url.render_as_string(hide_password=False)) == url


@given(user=WORDS, password=WORDS, database=WORDS)
def test_percent_encoded_parts_are_read_back(user: str, password: str, database: str) -> None:
    """Any user, password and database arrive as they are when they are percent-encoded."""
    encoded = [quote(part, safe="") for part in (user, password, database)]
    url = normalise("postgres://{}:{}@h:5432/{}".format(*encoded))
    assert (url.username, url.password, url.database) == (user, password, database)
    assert normalise(url.render_as_string(hide_password=False)) == url


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "postgres://",
        "postgres:///",
        SECRET,
        f"https://{SECRET}.supabase.co",
        f"jdbc:postgresql://h/d?password={SECRET}",
        f"mysql://u:{SECRET}@h/d",
        f"sqlite:///{SECRET}",
        f"host=h password={SECRET}",
        f"'postgres://u:{SECRET}@h/d'",
        f"postgres://u:{SECRET}",
        f"postgres://u:{SECRET}@h:port/d",
        f"postgres://u:{SECRET}@h:0/d",
        f"postgres://u:{SECRET}@h:70000/d",
        f"postgres://u:{SECRET}@h1:1,h2:2/d",
        f"postgres://u:p@{SECRET}@h/d",
        f"postgres://u:p@{SECRET}?x@h/d",
        f"postgres://u:p?@{SECRET}@h/d",
        f"postgres://u:{SECRET}\n@h/d",
        f"postgres://u:{SECRET}%00@h/d",
    ],
)
def test_anything_else_is_one_line_without_the_secret(typed: str) -> None:
    """What is no URL of PostgreSQL is refused by the name of its variable alone."""
    with pytest.raises(DatabaseMisconfiguredError) as refused:
        normalise(typed, variable="DAGSTER_DATABASE_URL")
    trace = "".join(traceback.format_exception_only(refused.value))
    assert str(refused.value).startswith("DAGSTER_DATABASE_URL is not the URL of a PostgreSQL")
    assert SECRET not in trace
    assert "\n" not in str(refused.value)
    assert refused.value.__context__ is None


@given(st.sampled_from(["", "postgres://", "postgres://u:", "postgres://u:p@h/d?"]), st.text())
def test_no_text_breaks_the_reader(start: str, text: str) -> None:
    """Any text is either read, with its password hidden, or refused in the same words."""
    try:
        url = normalise(start + text)
    except DatabaseMisconfiguredError as refused:
        assert str(refused).startswith("IMAGESIGNALS_DATABASE_URL is not")  # noqa: PT017 - either
    else:
        assert url.drivername == "postgresql+psycopg2"
        assert not url.password or f":{quote(url.password)}@" not in repr(url)
