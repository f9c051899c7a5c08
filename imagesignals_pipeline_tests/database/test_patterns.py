"""Trends by month: what is counted where, and that a picture shows what strangers wrote as text."""

from dataclasses import replace
from xml.etree import ElementTree as ET

from sqlalchemy import Connection, text

from imagesignals_pipeline import store
from imagesignals_pipeline.model import Analysis, Failure, Outcome
from imagesignals_pipeline.review import patterns
from imagesignals_pipeline_tests.database.society import (
    A_PDF,
    ANALYSED_AT,
    NOT_FOUND,
    picture,
    show_other,
    submit,
)

SVG = "{http://www.w3.org/2000/svg}"
PLAIN = "0f0f0f0f0f0f0f0f"


def shown(connection: Connection, day: float, result: Analysis | Failure) -> None:
    """Submit and save what a picture tells, made some days after the first of March 2025."""
    submission = submit(connection, day)
    store.save(connection, [Outcome(submission, result)], ANALYSED_AT)
    store.link(connection, [submission.id])


def honest(name: str, perceptual_hash: str) -> Analysis:
    """Return a picture without an editor."""
    analysis = picture(name, perceptual_hash=perceptual_hash)
    return replace(analysis, signals=replace(analysis.signals, exif_editor_detected=None))


def test_each_month_counts_its_own(connection: Connection) -> None:
    """Copies, look-alikes, odd pictures, editors and failures belong to the month they came in."""
    odd = honest("odd", "1" * 16)
    odd = replace(odd, signals=replace(odd.signals, looks_like_screenshot=False))
    shown(connection, 0, honest("first", PLAIN))
    shown(connection, 40, honest("first", PLAIN))
    shown(connection, 41, honest("look-alike", PLAIN))
    shown(connection, 42, odd)
    shown(connection, 43, picture("edited", perceptual_hash="2" * 16))
    shown(connection, 44, NOT_FOUND)
    shown(connection, 45, A_PDF)
    submit(connection, 46)
    submit(connection, 47, url=None)
    store.reindex(connection)
    found = patterns.read(connection)
    march, april = found.months.to_dict("records")
    assert march == {
        **dict.fromkeys(april, 0),
        "month": "2025-03",
        "submissions": 1,
        "completed": 1,
    }
    assert april == {
        "month": "2025-04",
        "submissions": 7,
        "completed": 4,
        "duplicates": 1,
        "look_alikes": 1,
        "unlike_a_screenshot": 1,
        "edited": 1,
        "failed": 1,
        "skipped": 1,
        "pending": 1,
    }
    assert found.table().iloc[0]["duplicates"] == "1 (25 %)"
    failures = found.topic("failure")[["month", "kind", "count"]].to_numpy().tolist()
    assert failures == [["2025-04", "not_found", 1], ["2025-04", "unsupported_format", 1]]
    assert found.topic("editor")["kind"].tolist() == ["Editor 1.0"]


def test_the_picture_has_a_bar_for_each_count(connection: Connection) -> None:
    """The SVG is well-formed, its highest bars belong to the months with most, and none is red."""
    for day in (0, 1, 40):
        shown(connection, day, honest(f"picture {day}", f"{day:016}"))
    drawn = ET.fromstring(patterns.read(connection).picture())
    bars = [each for each in drawn.iter(f"{SVG}rect") if each.find(f"{SVG}title") is not None]
    assert len(bars) == 2 * len(patterns.SHOWN)
    assert {each.attrib["fill"] for each in bars} == {"#0b4fb3"}
    told = {each.findtext(f"{SVG}title"): float(each.attrib["height"]) for each in bars}
    assert told["2025-03: 2 submissions"] == 2 * told["2025-04: 1 submissions"] == 48
    assert told["2025-04: 0 duplicates"] == 0


def test_a_month_without_submissions_has_its_place(connection: Connection) -> None:
    """Bars side by side are of months that follow each other; what has no date is in none."""
    for day in (0, 100):
        shown(connection, day, honest(f"picture {day}", f"{day:016}"))
    undated = submit(connection, 1)
    connection.execute(
        text("update payment_submissions set created_at = null where id = :id"), {"id": undated.id}
    )
    found = patterns.read(connection)
    drawn = ET.fromstring(found.picture())
    titles = [each.findtext(f"{SVG}title") or "" for each in drawn.iter(f"{SVG}rect")]
    told = [each for each in titles if each.endswith("submissions")]
    assert told == [f"2025-0{month}: {month in {3, 6}:d} submissions" for month in range(3, 7)]
    assert found.table()["month"].tolist() == ["2025-06", "2025-03", "unknown"]


def test_what_differs_in_one_place_is_no_look_alike(connection: Connection) -> None:
    """Nothing is wrong with a look-alike; of these the report tells apart."""
    for name in ("first", "another day's"):
        shown(connection, 0, honest(name, PLAIN))
    store.reindex(connection)
    assert patterns.read(connection).months["look_alikes"].tolist() == [1]
    connection.execute(
        text("update payment_image_signals set similarity_explanation = 'No duplicate: it agrees'")
    )
    assert patterns.read(connection).months["look_alikes"].tolist() == [0]


def test_a_failure_that_was_put_right_waits(connection: Connection) -> None:
    """Counts and kinds of a month are of the screenshots that its payments show now."""
    submission = submit(connection, 0)
    store.save(connection, [Outcome(submission, NOT_FOUND)], ANALYSED_AT)
    assert len(patterns.read(connection).topic("failure")) == 1
    show_other(connection, submission)
    found = patterns.read(connection)
    assert (found.months["pending"].tolist(), len(found.topic("failure"))) == ([1], 0)


def test_nothing_is_no_trouble(connection: Connection) -> None:
    """Before the first submission there are no months, no picture and no table."""
    found = patterns.read(connection)
    assert (found.picture(), len(found.table()), len(found.topic("editor"))) == ("", 0, 0)
