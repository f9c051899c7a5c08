"""What a page of the review reads and takes when ten thousand pictures were submitted twice."""

import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from imagesignals_pipeline import database, sql
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres
from imagesignals_pipeline.review import groups
from imagesignals_pipeline.review.filters import UNDECIDED, Filters, Place, Tier
from imagesignals_pipeline.sql.schema import execute_script
from imagesignals_pipeline_tests.database.test_plans import person, rows_read

COPIED = Path(__file__).with_name("copied.sql").read_text("utf-8")
GROUPS = 10_000
QUICK_S = 1.0
"""Longest that the best of three tries may take on a loaded machine; most take a fifth of it."""


@pytest.fixture(scope="session")
def copied(postgres: EmbeddedPostgres) -> Iterator[Connection]:
    """A connection to a society in which every picture was submitted twice."""
    engine = database.engine(postgres.url("copied"))
    with engine.begin() as connection:
        sql.migrate(connection, create_submissions=True)
        execute_script(connection, COPIED.replace(":groups", str(GROUPS)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def original(number: int) -> UUID:
    """Return the original of a group; its copy is the person after it."""
    return person(2 * number - 1)


def seconds(connection: Connection, filters: Filters, place: Place) -> float:
    """Return the least time of three tries to get a page."""
    taken: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        assert groups.page(connection, filters, place).groups
        taken.append(time.perf_counter() - began)
    return min(taken)


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(tier=Tier.SAME_FILE),
        Filters(month=date(2024, 6, 1)),
        Filters(flat="same", decision=UNDECIDED),
        Filters(decision="follow_up"),
    ],
    ids=lambda each: str(each.words()),
)
def test_every_page_is_quick(copied: Connection, filters: Filters) -> None:
    """The first, the last and the pages between take no time that somebody would notice."""
    first = groups.page(copied, filters)
    assert first.groups
    places = [Place(), Place("last"), first.groups[-1].place]
    taken = {place.direction: seconds(copied, filters, place) for place in places if place}
    assert max(taken.values()) < QUICK_S, taken


def test_paging_visits_every_group_once(copied: Connection) -> None:
    """Following the pages forth and back shows each group once, the earliest first."""
    seen: list[UUID] = []
    place: Place | None = Place()
    while place:
        page = groups.page(copied, Filters(), place, page_size=2000)
        seen += [each.original.id for each in page.groups]
        place = page.next
    assert seen == [original(n) for n in range(1, GROUPS + 1)]
    last = groups.page(copied, Filters(), Place("last"), page_size=20)
    assert (last.first, last.last, last.next) == (GROUPS - 19, GROUPS, None)
    assert last.previous
    before = groups.page(copied, Filters(), last.previous, page_size=20)
    assert [each.original.id for each in before.groups] == seen[-40:-20]


def test_a_page_reads_each_copy_a_few_times(copied: Connection) -> None:
    """The list is counted anew for each page, linear in the copies; a group reads its own rows."""
    everything = {**Filters().parameters(), **Place().parameters(), "page_size": 20}
    assert rows_read(copied, "review_groups", everything) <= 9 * 2 * GROUPS
    assert rows_read(copied, "review_counts", {}) <= 9 * 2 * GROUPS
    assert rows_read(copied, "review_latest_groups", {"most": 500}) <= 9 * 2 * GROUPS
    twenty = {"originals": [str(original(n)) for n in range(5000, 5020)]}
    copies = {"ids": [str(person(2 * n)) for n in range(5000, 5020)]}
    assert rows_read(copied, "review_members", twenty) <= 10 * 40
    # PostgreSQL 15 reads a thousand decisions at once rather than twenty by the index.
    assert rows_read(copied, "review_decisions", copies) <= 10 * 40 + GROUPS // 10
    assert rows_read(copied, "review_pictures", copies) <= 40


def test_counting_is_quick(copied: Connection) -> None:
    """The numbers beside the filters' values are counted within the same time, and are right."""
    began = time.perf_counter()
    counted = groups.counts(copied)
    assert time.perf_counter() - began < 2 * QUICK_S
    assert counted.copies == GROUPS
    assert counted.tiers == {"same_file": GROUPS // 2, "same_pixels": GROUPS // 2}
    assert counted.decisions == {"undecided": GROUPS * 9 // 10, "follow_up": GROUPS // 10}
    assert sum(counted.months.values()) == GROUPS
    assert counted.flats == {"same": GROUPS // 2, "other": GROUPS // 2}
