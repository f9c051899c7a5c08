"""What the review page says, how it is addressed, and whether everybody can read it."""

import re
from datetime import UTC, date, datetime
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagesignals_pipeline.review import words
from imagesignals_pipeline.review.filters import (
    UNDECIDED,
    Filters,
    Place,
    Tier,
    UnknownFilterError,
    read_filters,
    read_place,
)
from imagesignals_pipeline.store import Decision

STYLE = files("imagesignals_pipeline.review").joinpath("html", "style.css").read_text("utf-8")
PALETTES: dict[str, dict[str, str]] = dict(
    zip(
        ("light", "dark", "print"),
        (
            dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})", block))
            for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
        ),
        strict=True,
    )
)
ON_PAPER = ("ink", "quiet", "link", "good", "bad")
MONTHS = st.dates(date(1970, 1, 1), date(9999, 12, 31)).map(lambda day: day.replace(day=1))
FILTERS = st.builds(
    Filters,
    tier=st.none() | st.sampled_from(Tier),
    month=st.none() | MONTHS,
    flat=st.none() | st.sampled_from(["same", "other"]),
    decision=st.none() | st.sampled_from([UNDECIDED, *map(str, Decision)]),
)
ACCEPTED = {
    "tier": "|".join(Tier),
    "month": "(?!0000)[0-9]{4}-(0[1-9]|1[0-2])",
    "flat": "same|other",
    "decision": "|".join([UNDECIDED, *Decision]),
}
WORDS = st.text() | st.sampled_from(
    ["same_file", "2025-03", "other", UNDECIDED, *map(str, Decision), " ", " same ", "Same", "none"]
)
MOMENTS = st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - of a strategy
PLACES = st.sampled_from([Place(), Place("last")]) | st.builds(
    Place, st.sampled_from(["after", "before"]), MOMENTS, st.uuids()
)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2)."""
    dark, bright = sorted(map(luminance, (one, other)))
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_is_measured_as_defined() -> None:
    """Black on white is 21 to 1, a colour on itself 1 to 1."""
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("name", ["light", "dark", "print"])
def test_everybody_can_read_it(name: str) -> None:
    """Text on every ground has the contrast of level AA, light, dark and printed."""
    palette = {**PALETTES["light"], **PALETTES[name]}
    grounds = ("paper", "card", "notice", "chip")
    found = {(ink, on): contrast(palette[ink], palette[on]) for ink in ON_PAPER for on in grounds}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}


def test_outlines_are_seen_on_their_halo() -> None:
    """What is drawn on pictures stands out from the white line around it."""
    assert contrast("#c2005f", "#ffffff") >= 3
    assert contrast("#0b4fb3", "#ffffff") >= 3
    assert STYLE.count("#c2005f") >= 2


def test_a_decision_colours_its_own_word_alone() -> None:
    """A group of the report has the classes of its decisions too: it is not written in red."""
    assert set(re.findall(r"(\S*)\.d-\w+", STYLE)) == {".badge"}


@given(FILTERS)
def test_filters_survive_an_address(filters: Filters) -> None:
    """What stands in a link is read as what it was."""
    assert read_filters(filters.words()) == filters


@given(PLACES)
def test_places_survive_an_address(place: Place) -> None:
    """Also a page's place, to the microsecond."""
    assert read_place(place.words()) == place


@given(MONTHS)
def test_a_month_ends_where_the_next_begins(month: date) -> None:
    """No submission lies between two months, and none in both."""
    bounds = Filters(month=month).parameters()
    since, until = bounds["since"], bounds["until"]
    assert isinstance(since, datetime)
    assert isinstance(until, datetime)
    if month < date(9999, 12, 1):
        assert Filters(month=until.date()).parameters()["since"] == until
    assert 27 < (until - since).total_seconds() / 86_400 <= 31


@given(st.dictionaries(st.sampled_from([*ACCEPTED]), WORDS))
@example({"month": "99999999999999999999-01"})
@example({"month": "2025-13"})
@example({"month": "2025-3"})
@example({"month": "0000-01"})
@example({"month": "0001-01"})
@example({"month": "٢٠٢٥-٠٣"})
def test_any_other_filter_is_refused(given_words: dict[str, str]) -> None:
    """Whatever stands in an address, it is a filter, and read as it is, or there is a sentence."""
    asked = {name: text.strip() for name, text in given_words.items() if text.strip()}
    if all(re.fullmatch(ACCEPTED[name], text) for name, text in asked.items()):
        assert read_filters(given_words).words() == asked
    else:
        with pytest.raises(UnknownFilterError):
            read_filters(given_words)


def test_dates_are_english() -> None:
    """Whatever the locale; a submission without a date has none."""
    moment = datetime(2025, 3, 3, 14, 5, tzinfo=UTC)
    assert words.minute(moment) == "3 March 2025, 14:05 UTC"
    assert words.minute(words.EPOCH) == words.day(words.EPOCH) == "unknown date"
    assert words.months(["1970-01", "2025-12"]) == {
        "1970-01": "Unknown date",
        "2025-12": "December 2025",
    }


def test_times_are_those_of_the_readers() -> None:
    """An evening in UTC is the next day in India; who has no date has none anywhere."""
    kolkata = ZoneInfo("Asia/Kolkata")
    moment = datetime(2025, 12, 31, 20, 35, tzinfo=UTC)
    assert words.minute(moment, kolkata) == "1 January 2026, 02:05 IST"
    assert words.day(moment, kolkata) == "1 January 2026"
    assert words.minute(words.EPOCH, kolkata) == "unknown date"


def test_labels_of_any_length_are_one_line() -> None:
    """A flat is told in one line of bounded length, also when it is empty."""
    assert words.flat("F-101\n\n2nd floor") == "F-101 2nd floor"
    assert words.flat(" ") == "(no flat)"
    assert len(words.flat("x" * 5000)) == 61


def test_every_tier_and_decision_has_words() -> None:
    """Nothing shows by the name that it has in the database."""
    assert set(words.TIERS) == set(Tier)
    assert set(words.DECISIONS) == {UNDECIDED, *Decision}


def test_headings_descend_by_one() -> None:
    """Who listens to the page can walk along its headings."""
    for name in ("list", "group", "report", "problem"):
        html = files("imagesignals_pipeline.review").joinpath("html", f"{name}.html")
        levels = [int(each) for each in re.findall(r"<h(\d)", html.read_text("utf-8"))]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
