"""The environment is read once, and what is wrong in it is said in one line."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from imagesignals_pipeline import settings

KEY = "c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlLi4="
OLDER_KEY = "+/" + KEY[2:]


def test_an_empty_environment_is_enough() -> None:
    """Nothing set means an embedded server, no storage, and partitions from a fixed month on."""
    read = settings.read({})
    assert read.database_url is None
    assert read.storage_key is None
    assert read.home == settings.ROOT / ".imagesignals"
    assert read.first_month == date(2024, 1, 1)
    assert str(read.time_zone) == "UTC"


def test_blank_values_count_as_unset() -> None:
    """`NAME=` in an env file means that the variable is not set."""
    read = settings.read({settings.DATABASE_URL: " ", settings.HOME: "", settings.PG_BIN: ""})
    assert (read.database_url, read.pg_bin) == (None, None)
    assert read.home == settings.ROOT / ".imagesignals"


def test_a_slip_of_the_pen_is_noticed() -> None:
    """A variable that resembles one of ours is told beside it; others are somebody else's."""
    environ = {
        settings.DATABASE_URL: "postgres://a",
        "IMAGESIGNAL_DATABASE_URL": "postgres://b",
        "IMAGESIGNALS_STORAG_URL": "https://store.test/",
        "IMAGESIGNALS_TEST_PG_BIN": "/usr/bin",
        "DAGSTER_DATABASE": "c",
    }
    assert settings.misspelt(environ) == {
        "IMAGESIGNAL_DATABASE_URL": settings.DATABASE_URL,
        "IMAGESIGNALS_STORAG_URL": settings.STORAGE_URL,
    }


def test_every_variable_is_read() -> None:
    """Each variable of the README's table reaches its field."""
    read = settings.read(
        {
            settings.DATABASE_URL: "postgres://a",
            settings.DAGSTER_DATABASE_URL: "postgres://b",
            settings.HOME: "/srv/state",
            settings.FIRST_MONTH: "2025-10",
            settings.STORAGE_URL: "https://store.test/",
            settings.STORAGE_KEY: "key",
            settings.ALLOWED_ORIGINS: "https://a.test,https://b.test",
            settings.PG_BIN: "/usr/bin",
            settings.SCHEDULE: "5 * * * *",
            settings.ALERT_URL: "json://alerts.test",
            settings.BROKER_URL: "redis://broker.test:6379/0",
            settings.THUMBNAILS: "none",
            settings.THUMBNAIL_KEY: f"{KEY} , {OLDER_KEY},",
            settings.THUMBNAIL_DAYS: "730",
            settings.REPORTS: "/srv/reports",
            settings.REPORT_DAYS: "30",
            settings.TIME_ZONE: "Asia/Kolkata",
        }
    )
    assert read == settings.Settings(
        database_url="postgres://a",
        dagster_database_url="postgres://b",
        home=Path("/srv/state"),
        first_month=date(2025, 10, 1),
        storage_url="https://store.test/",
        storage_key="key",
        allowed_origins="https://a.test,https://b.test",
        pg_bin=Path("/usr/bin"),
        schedule="5 * * * *",
        alert_url="json://alerts.test",
        broker_url="redis://broker.test:6379/0",
        show_thumbnails=False,
        thumbnail_keys=(KEY, OLDER_KEY.replace("+", "-").replace("/", "_")),
        thumbnail_days=730,
        reports=Path("/srv/reports"),
        report_days=30,
        time_zone=ZoneInfo("Asia/Kolkata"),
    )


@pytest.mark.parametrize("text", ["October", "2025", "2025-13", "2025-1-1"])
def test_a_wrong_month_is_one_clear_line(text: str) -> None:
    """A month in another form names the variable and shows the form."""
    with pytest.raises(
        settings.MisconfiguredError, match="IMAGESIGNALS_FIRST_MONTH to a month like"
    ):
        settings.read({settings.FIRST_MONTH: text})


@pytest.mark.parametrize("text", ["s3cret", KEY[:-4], f"{KEY},s3cret", KEY[:-1] + "é"])
def test_a_wrong_key_is_one_clear_line_that_does_not_repeat_it(text: str) -> None:
    """A key is a secret, also one with a letter too few."""
    with pytest.raises(
        settings.MisconfiguredError, match="Set IMAGESIGNALS_THUMBNAIL_KEY"
    ) as refused:
        settings.read({settings.THUMBNAIL_KEY: text})
    assert text not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (settings.THUMBNAILS, "encrypted"),
        (settings.THUMBNAIL_DAYS, "for ever"),
        (settings.REPORT_DAYS, "0"),
        (settings.REPORT_DAYS, "-1"),
        (settings.REPORT_DAYS, "a month"),
        (settings.REPORT_DAYS, "9" * 20),
    ],
)
def test_a_wrong_policy_is_one_clear_line(name: str, value: str) -> None:
    """Pictures are never shown, and reports never kept, because a value was misspelt."""
    with pytest.raises(settings.MisconfiguredError, match=f"Set {name} to"):
        settings.read({name: value})


@pytest.mark.parametrize("name", ["IST", "Asia", "India/Mumbai", "/etc/passwd", "../x", "A\0"])
def test_a_wrong_time_zone_is_one_clear_line(name: str) -> None:
    """Whatever is no zone, the line shows the form of one."""
    with pytest.raises(
        settings.MisconfiguredError, match="IMAGESIGNALS_TIME_ZONE to a time zone like Asia/Kolkata"
    ):
        settings.read({settings.TIME_ZONE: name})


def test_secrets_stay_out_of_the_repr() -> None:
    """Settings may be logged: no password, no key."""
    read = settings.read(
        {
            settings.DATABASE_URL: "postgres://u:s3cret@h/d",
            settings.DAGSTER_DATABASE_URL: "postgres://u:s3cret@h/d",
            settings.STORAGE_KEY: "s3cret",
            settings.ALERT_URL: "mailto://u:s3cret@h",
            settings.BROKER_URL: "redis://:s3cret@h:6379/0",
            settings.THUMBNAIL_KEY: KEY,
        }
    )
    assert "s3cret" not in repr(read)
    assert KEY not in repr(read)


@pytest.mark.parametrize(
    "url",
    [
        "broker.test:6379",
        "amqp://broker.test",
        "redis://",
        "redis://:pw@/0",
        "redis://:pw@b:port/0",
    ],
)
def test_a_broker_is_a_redis(url: str) -> None:
    """Another address is refused in one line, which does not repeat it: it may hold a password."""
    with pytest.raises(settings.MisconfiguredError) as refused:
        settings.read({settings.BROKER_URL: url})
    assert str(refused.value) == (
        "Set IMAGESIGNALS_BROKER_URL to an address like redis://:PASSWORD@HOST:6379/0."
    )
