"""What the environment says: the variables of the README's table, and nobody else's."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from imagesignals_pipeline.model import OperatorError

DATABASE_URL = "IMAGESIGNALS_DATABASE_URL"
DAGSTER_DATABASE_URL = "DAGSTER_DATABASE_URL"
HOME = "IMAGESIGNALS_HOME"
FIRST_MONTH = "IMAGESIGNALS_FIRST_MONTH"
STORAGE_URL = "IMAGESIGNALS_STORAGE_URL"
STORAGE_KEY = "IMAGESIGNALS_STORAGE_KEY"
ALLOWED_ORIGINS = "IMAGESIGNALS_ALLOWED_ORIGINS"
PG_BIN = "IMAGESIGNALS_PG_BIN"
SCHEDULE = "IMAGESIGNALS_SCHEDULE"
ALERT_URL = "IMAGESIGNALS_ALERT_URL"
BROKER_URL = "IMAGESIGNALS_BROKER_URL"
THUMBNAILS = "IMAGESIGNALS_THUMBNAILS"
THUMBNAIL_KEY = "IMAGESIGNALS_THUMBNAIL_KEY"
THUMBNAIL_DAYS = "IMAGESIGNALS_THUMBNAIL_DAYS"
REPORTS = "IMAGESIGNALS_REPORTS"
REPORT_DAYS = "IMAGESIGNALS_REPORT_DAYS"
TIME_ZONE = "IMAGESIGNALS_TIME_ZONE"

NAMES = (
    *(DATABASE_URL, DAGSTER_DATABASE_URL, HOME, FIRST_MONTH, STORAGE_URL, STORAGE_KEY),
    *(ALLOWED_ORIGINS, PG_BIN, SCHEDULE, ALERT_URL, BROKER_URL, THUMBNAILS, THUMBNAIL_KEY),
    *(THUMBNAIL_DAYS, REPORTS, REPORT_DAYS, TIME_ZONE),
)
RESEMBLING = 0.9
"""Ratio of equal letters from which a name is a slip: platforms set variables of their own."""

DEFAULT_FIRST_MONTH = "2024-01"
DEFAULT_SCHEDULE = "*/15 * * * *"
DEFAULT_REPORT_DAYS = 90
MOST_DAYS = 36_500
KEY_BYTES = 32
_URL_ALPHABET = str.maketrans("+/", "-_")
BROKERS = frozenset({"redis", "rediss"})
ROOT = Path(__file__).resolve().parent.parent
"""The checkout: where dagster.yaml and workspace.yaml lie."""


class MisconfiguredError(OperatorError):
    """The environment cannot be used; the text is one line that says what to set."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment variables, read once; what may hold a secret is not shown."""

    database_url: str | None = field(repr=False)
    dagster_database_url: str | None = field(repr=False)
    home: Path
    first_month: date
    storage_url: str | None = field(repr=False)
    storage_key: str | None = field(repr=False)
    allowed_origins: str | None = field(repr=False)
    pg_bin: Path | None
    schedule: str
    alert_url: str | None = field(repr=False)
    broker_url: str | None = field(repr=False)
    show_thumbnails: bool
    thumbnail_keys: tuple[str, ...] = field(repr=False)
    thumbnail_days: int | None
    reports: Path
    report_days: int
    time_zone: ZoneInfo


def read(environ: Mapping[str, str]) -> Settings:
    """Read the settings; an empty value counts as unset.

    Raises:
        MisconfiguredError: A value has the wrong form.
    """

    def value(name: str) -> str | None:
        return environ.get(name, "").strip() or None

    pg_bin = value(PG_BIN)
    home = _folder(value(HOME) or str(ROOT / ".imagesignals"))
    return Settings(
        database_url=value(DATABASE_URL),
        dagster_database_url=value(DAGSTER_DATABASE_URL),
        home=home,
        first_month=first_month(environ),
        storage_url=value(STORAGE_URL),
        storage_key=value(STORAGE_KEY),
        allowed_origins=value(ALLOWED_ORIGINS),
        pg_bin=Path(pg_bin) if pg_bin else None,
        schedule=schedule(environ),
        alert_url=alert_url(environ),
        broker_url=broker_url(environ),
        show_thumbnails=_shows_thumbnails(value(THUMBNAILS)),
        thumbnail_keys=thumbnail_keys(environ),
        thumbnail_days=_days(THUMBNAIL_DAYS, value(THUMBNAIL_DAYS)),
        reports=_folder(value(REPORTS) or str(home / "reports")),
        report_days=_days(REPORT_DAYS, value(REPORT_DAYS)) or DEFAULT_REPORT_DAYS,
        time_zone=_zone(value(TIME_ZONE) or "UTC"),
    )


def misspelt(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are none of ours, but resemble one, and which."""
    found: dict[str, str] = {}
    for name in environ:
        if name.startswith("IMAGESIGNAL") and name not in NAMES:
            found.update((name, ours) for ours in get_close_matches(name, NAMES, 1, RESEMBLING))
    return found


def schedule(environ: Mapping[str, str]) -> str:
    """Return the cron expression of the incremental backfill; the shell checks it."""
    return environ.get(SCHEDULE, "").strip() or DEFAULT_SCHEDULE


def alert_url(environ: Mapping[str, str]) -> str | None:
    """Return where alerts are sent to, if they are; who sends them knows whether it can be used."""
    return environ.get(ALERT_URL, "").strip() or None


def broker_url(environ: Mapping[str, str]) -> str | None:
    """Return the address of the Redis through which workers get their steps, if there is one.

    Raises:
        MisconfiguredError: It is no address of a Redis; it is not repeated, as it is a secret.
    """
    url = environ.get(BROKER_URL, "").strip()
    if url and not _is_broker(url):
        raise MisconfiguredError(
            f"Set {BROKER_URL} to an address like redis://:PASSWORD@HOST:6379/0."
        )
    return url or None


def _is_broker(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in BROKERS and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket too few
        return False


def thumbnail_keys(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys of stored thumbnails in the alphabet of URLs, that of new ones first.

    Raises:
        MisconfiguredError: One is no key; it is not repeated, as it is a secret.
    """
    keys = [key.strip() for key in environ.get(THUMBNAIL_KEY, "").split(",") if key.strip()]
    if not all(map(_is_key, keys)):
        raise MisconfiguredError(
            f"Set {THUMBNAIL_KEY} to what `openssl rand -base64 {KEY_BYTES}` prints; "
            "former keys may follow, after commas."
        )
    return tuple(key.translate(_URL_ALPHABET) for key in keys)


def _is_key(text: str) -> bool:
    try:
        return len(b64decode(text.translate(_URL_ALPHABET), b"-_", validate=True)) == KEY_BYTES
    except ValueError:
        return False


def first_month(environ: Mapping[str, str]) -> date:
    """Return the first day of the earliest monthly partition, which also holds all that is older.

    Raises:
        MisconfiguredError: The value is not of the form `2024-01`, or lies in the future.
    """
    text = environ.get(FIRST_MONTH, "").strip() or DEFAULT_FIRST_MONTH
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise MisconfiguredError(f"Set {FIRST_MONTH} to a month like 2024-01.") from None
    if first > datetime.now(UTC).date():
        raise MisconfiguredError(f"Set {FIRST_MONTH} to a month that has begun; {text} has not.")
    return first


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _shows_thumbnails(text: str | None) -> bool:
    """Return whether pages and reports may hold pictures."""
    if text not in {None, "show", "none"}:
        raise MisconfiguredError(f"Set {THUMBNAILS} to show or none.")
    return text != "none"


def _days(name: str, text: str | None) -> int | None:
    """Return how many days something is kept."""
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= MOST_DAYS:
        raise MisconfiguredError(f"Set {name} to a number of days, 1 or more.")
    return int(text)


def _zone(name: str) -> ZoneInfo:
    """Return the zone in which people read times."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # no such zone, a folder of zones, no name of one
        raise MisconfiguredError(f"Set {TIME_ZONE} to a time zone like Asia/Kolkata.") from None
