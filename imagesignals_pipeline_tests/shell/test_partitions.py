"""Every submission lies in exactly one monthly partition, however old or wrongly dated."""

from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from imagesignals_pipeline import settings
from imagesignals_pipeline.defs.partitions import MONTHS, partition_key, window
from imagesignals_pipeline.source import Window

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31), timezones=ZONES)  # noqa: DTZ001 - the zone is drawn
KEYS = MONTHS.get_partition_keys()


def holds(part: Window, instant: datetime) -> bool:
    """Whether a window holds an instant."""
    return (part.since is None or part.since <= instant) and (
        part.until is None or instant < part.until
    )


def test_partitions_are_months() -> None:
    """There is one partition a month, from the first month of the settings to the current one."""
    today = datetime.now(UTC).date()
    first = settings.first_month({})
    months = (today.year - first.year) * 12 + today.month - first.month + 1
    assert KEYS[0] == f"{first:%Y-%m}"
    assert len(KEYS) in {months, months - 1}  # midnight may pass while the tests run
    assert sorted(set(KEYS)) == KEYS


@given(INSTANTS)
def test_no_instant_is_lost(instant: datetime) -> None:
    """Exactly one partition holds an instant: the one that its month in UTC is counted under."""
    month = instant.astimezone(UTC).date().replace(day=1)
    assert [key for key in KEYS if holds(window(key), instant)] == [partition_key(month)]


@given(INSTANTS, INSTANTS, INSTANTS, st.sampled_from(KEYS))
def test_since_and_until_cut_a_partition(
    since: datetime, until: datetime, instant: datetime, key: str
) -> None:
    """The window of a part of the time is the common part of both."""
    part = window(key, since.astimezone(UTC), until.astimezone(UTC))
    whole = window(key)
    assert holds(part, instant) == (holds(whole, instant) and since <= instant < until)


def test_first_and_last_are_open() -> None:
    """The first partition holds everything before it, the last everything after it."""
    assert window(KEYS[0]).since is None
    assert window(KEYS[-1]).until is None
    assert window(KEYS[1]).since == window(KEYS[0]).until
    assert partition_key(date(1970, 1, 1)) == KEYS[0]
    assert partition_key(date(2999, 1, 1)) == KEYS[-1]
