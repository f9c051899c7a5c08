"""Who is a copy of whom does not depend on when pictures arrive."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TypeVar
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, event, text

from imagesignals_pipeline import (
    backfill,
    backlog,
    database,
    match,
    matching,
    source,
    store,
    verify,
)
from imagesignals_pipeline.activity import Activity, ActivityKind
from imagesignals_pipeline.demo import DemoStore, DemoSubmission, Kind, society
from imagesignals_pipeline.demo.uploads import render
from imagesignals_pipeline.fetch import Fetcher, FetchSettings
from imagesignals_pipeline.matching import asking, looking, moving, settling
from imagesignals_pipeline.model import Analysis, Failure, Outcome
from imagesignals_pipeline.picture import Inspectors, inspect
from imagesignals_pipeline.sql import schema
from imagesignals_pipeline.sql.loader import migrations
from imagesignals_pipeline.store import groups, marks, pictures
from imagesignals_pipeline_tests.core.drawing import encode
from imagesignals_pipeline_tests.core.test_match_pictures import receipt
from imagesignals_pipeline_tests.few import insert

COPIES = (Kind.RECOMPRESSED, Kind.RESIZED, Kind.FORWARDED)
LOOK_ALIKES = 6

T = TypeVar("T")


@cache
def cast() -> tuple[DemoSubmission, ...]:
    """Two copies of three kinds, their originals, and honest receipts of the copied flat."""
    everyone = society()
    by_id = {each.id: each for each in everyone}
    copies = [each for kind in COPIES for each in everyone if each.kind is kind][::3]
    originals = [by_id[each.copy_of] for each in copies if each.copy_of]
    honest = [each for each in everyone if each.kind is Kind.HONEST and each not in originals]
    alike = [each for each in honest if each.flat_id == originals[0].flat_id][:LOOK_ALIKES]
    return tuple(sorted({*copies, *originals, *alike}, key=lambda each: (each.created_at, each.id)))


@cache
def analysis(submission: DemoSubmission) -> Analysis | Failure:
    """Return what a submission's picture tells by itself."""
    assert submission.content is not None
    return inspect(render(submission.content))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Connections to a database of this test's own, with the cast's submissions."""
    engine = database.engine(database_url)
    with engine.begin() as connection:
        insert(connection, cast(), "http://store.test/")
    yield engine
    engine.dispose()


def arrive(engine: Engine, submissions: Sequence[DemoSubmission]) -> None:
    """Analyse submissions as one batch."""
    with engine.connect() as connection:
        found = source.submissions(connection, [each.id for each in submissions])
    results = {each.id: analysis(each) for each in submissions}
    outcomes = [Outcome(each, results[each.id]) for each in found]
    backfill.commit(engine, outcomes)


def break_off(engine: Engine, submission: DemoSubmission) -> None:
    """Analyse a submission, and fail before the commit."""

    def write(connection: Connection) -> None:
        found = source.submissions(connection, [submission.id])
        outcomes = [Outcome(each, analysis(submission)) for each in found]
        written = store.save(connection, outcomes, datetime.now().astimezone())
        matching.settle(connection, written)
        raise RuntimeError

    backfill._in_turn(engine, write)


def submitted_again(connection: Connection, submission: UUID) -> UUID:
    """Let somebody submit a screenshot again, now; return the new submission."""
    return connection.execute(
        text(
            "insert into payment_submissions (id, flat_id, screenshot_url, created_at)"
            " select gen_random_uuid(), flat_id, screenshot_url, now()"
            " from payment_submissions where id = :id returning id"
        ),
        {"id": submission},
    ).scalar_one()


def state(engine: Engine) -> tuple[str, list[tuple[object, ...]]]:
    """Return a digest of both tables, and every comparison."""
    with engine.connect() as connection:
        compared = connection.execute(
            text(
                "select pixels_a, pixels_b, later, same_picture, similarity_percentage,"
                " explanation, parted from image_matches order by 1, 2"
            )
        )
        return verify.digest(connection), [
            (bytes(row[0]), bytes(row[1]), bytes(row[2]), *row[3:]) for row in compared
        ]


def said(engine: Engine) -> dict[object, tuple[object, ...]]:
    """Return what each submission's row says of earlier ones."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "select payment_submission_id, duplicate_detected, similar_to_payment_id,"
                " similarity_percentage, similarity_explanation from payment_image_signals"
            )
        )
        return {row[0]: tuple(row[1:]) for row in rows}


def restart(connection: Connection) -> None:
    """Forget every picture and signal, not the submissions."""
    connection.execute(
        text(
            "truncate payment_image_signals, image_fingerprints, image_matches, image_pictures,"
            " image_marks, image_rechecks, image_perceptual_hash_index"
        )
    )


def test_copies_are_found_and_look_alikes_are_not(engine: Engine) -> None:
    """Each copy names its original; no honest receipt of the same flat and app is marked."""
    arrive(engine, cast())
    with engine.connect() as connection:
        links = connection.execute(
            text(
                "select payment_submission_id, similar_to_payment_id from payment_image_signals"
                " where duplicate_detected"
            )
        ).all()
    assert dict(map(tuple, links)) == {each.id: each.copy_of for each in cast() if each.copy_of}


def test_look_alikes_are_told_apart_for_good(engine: Engine) -> None:
    """Receipts that differ are stored as parted, so that no poor copy ever joins them."""
    arrive(engine, cast())
    parted = [pair for *_, pair in state(engine)[1] if pair]
    assert len(parted) >= LOOK_ALIKES - 1


def test_an_altered_copy_is_told_in_words_alone(engine: Engine) -> None:
    """A receipt whose reference was changed is no duplicate, and says whom it agrees with.

    It does so no more when that one is gone.
    """
    first, second, *_ = cast()
    pictures = {first.id: receipt(1), second.id: receipt(1, reference="482915631178")}
    with engine.connect() as connection:
        found = source.submissions(connection, list(pictures))
    outcomes = [Outcome(each, inspect(encode(pictures[each.id]))) for each in found]
    backfill.commit(engine, outcomes)
    assert said(engine) == {
        first.id: (False, None, None, None),
        second.id: (
            False,
            None,
            None,
            groups.remark(second.flat_id, first.flat_id, first.created_at),
        ),
    }
    with engine.begin() as connection:
        connection.execute(text("delete from payment_submissions where id = :id"), {"id": first.id})
    backfill.settle(engine)
    assert said(engine) == {second.id: (False, None, None, None)}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("at_once", [settling.RECHECKED_AT_ONCE, 0])
def test_the_order_of_arrival_does_not_matter(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, at_once: int, seed: int
) -> None:
    """One batch in order, and any batches in any order, end in the same tables.

    So they do where all that late pictures concern is compared at the end of the run.
    """
    monkeypatch.setattr(settling, "RECHECKED_AT_ONCE", at_once)
    arrive(engine, cast())
    in_order = state(engine)
    with engine.begin() as connection:
        restart(connection)
    random = Random(seed)
    shuffled = random.sample(cast(), len(cast()))
    cuts = sorted({0, *random.sample(range(len(cast())), 4), len(cast())})
    for start, end in pairwise(cuts):
        arrive(engine, shuffled[start:end])
    if not at_once:
        assert state(engine) != in_order
        backfill.settle(engine)
    assert state(engine) == in_order


def test_a_deleted_original_leaves_what_would_be_without_it(engine: Engine) -> None:
    """After a deletion, settling everything gives the tables of a society that never had it."""
    arrive(engine, cast())
    gone = next(each.copy_of for each in cast() if each.copy_of)
    with engine.begin() as connection:
        connection.execute(text("delete from payment_submissions where id = :id"), {"id": gone})
    backfill.settle(engine)
    healed = state(engine)
    with engine.begin() as connection:
        restart(connection)
    arrive(engine, [each for each in cast() if each.id != gone])
    assert state(engine) == healed


def test_settling_again_writes_nothing(engine: Engine) -> None:
    """What is settled stays untouched: no picture moves, no link and no index row changes."""
    arrive(engine, cast())
    again = backfill.settle(engine)
    assert again.pictures_moved == 0
    assert again.links.links_changed == 0
    assert (again.index.hashes_written, again.index.hashes_removed) == (0, 0)


def test_new_submissions_cost_only_their_own_comparisons(engine: Engine) -> None:
    """Arriving last makes nobody look again: all older comparisons stay as they are."""
    *earlier, last = cast()
    arrive(engine, earlier)
    before = set(state(engine)[1])
    arrive(engine, [last])
    assert before <= set(state(engine)[1])


def test_who_waits_for_the_turn_compares_meanwhile(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Afterwards only the batch's own pictures are compared, and all is as if nobody had waited."""
    *earlier, second, last = cast()
    arrive(engine, earlier)
    arrive(engine, [second, last])
    undisturbed = state(engine)
    with engine.begin() as connection:
        restart(connection)
    arrive(engine, earlier)
    seen = matching.Seen()

    def of_this_batch(_: matching.Call) -> matching.Seen:
        return seen

    monkeypatch.setattr(matching, "Seen", of_this_batch)
    with ThreadPoolExecutor(1) as pool, engine.connect() as other:
        with other.begin():
            store.link(other)
            batch = pool.submit(arrive, engine, [second, last])
            while not other.execute(text("select 1 from pg_locks where not granted")).first():
                assert not batch.done()
                time.sleep(0.05)
            foreseen, glanced = dict(seen.comparisons), dict(seen.looks)
        batch.result()
    assert state(engine) == undisturbed
    news = {pixels for pixels, _ in foreseen}
    assert len(news) == len({second, last})
    assert all(set(pair) == news for pair in seen.comparisons.keys() - foreseen)
    assert all(seen.comparisons[pair] is found for pair, found in foreseen.items())
    assert glanced
    assert all(set(pair) == news for pair in seen.looks.keys() - glanced)


class Watched(Inspectors):
    """Remembers what was called in its workers."""

    def __init__(self) -> None:
        super().__init__(2)
        self.called: set[object] = set()

    def call(self, function: Callable[..., T], /, *args: object) -> T:
        """Call it there."""
        self.called.add(function)
        return super().call(function, *args)


def test_a_batch_is_compared_in_the_workers(engine: Engine, tmp_path: Path) -> None:
    """What it comes to is what it comes to in one process."""
    arrive(engine, cast())
    comparisons = state(engine)[1]
    with DemoStore(tmp_path, submissions=cast(), port=0) as images, Watched() as inspectors:
        with engine.begin() as connection:
            restart(connection)
            insert(connection, cast(), images.base_url)
            store.plan(connection, "run", [each.id for each in cast()], len(cast()))
        settings = FetchSettings.from_values(
            storage_url=images.base_url, storage_key=None, allowed_origins=None
        )
        with Fetcher(settings) as fetcher:
            bench = backfill.Workbench(engine, fetcher, inspectors)
            backfill.run_batch(bench, run_id="run", number=1, tell=lambda _: None)
    assert state(engine)[1] == comparisons
    assert inspectors.called == {match.aligned, match.glances, match.verdicts}


def test_what_waits_is_compared_in_the_workers_and_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a run takes as long as many pictures came late, so it says how far it is."""
    arrive(engine, cast())
    in_order = state(engine)
    with engine.begin() as connection:
        restart(connection)
    monkeypatch.setattr(settling, "RECHECKED_AT_ONCE", 0)
    monkeypatch.setattr(backfill, "PORTION", 3)
    for submission in reversed(cast()):
        arrive(engine, [submission])
    with engine.connect() as connection:
        waiting = backlog.unsettled(connection, match.ALGORITHM_VERSION).pictures_moved
    assert waiting > 3
    told: list[str] = []
    with Watched() as inspectors:
        backfill.settle(engine, call=inspectors.call, tell=lambda each: told.append(each.line))
    assert state(engine) == in_order
    assert inspectors.called == {match.aligned, match.glances, match.verdicts}
    counts = [*range(3, waiting, 3), waiting]
    assert told == [f"🔁 Compared {each} of {waiting} pictures anew" for each in counts]


def test_how_many_wait_is_told_also_where_few_have_moved(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are counted together, and neither look takes from the driver what it has prepared."""
    arrive(engine, cast())
    with engine.begin() as connection:
        connection.execute(
            text("delete from payment_submissions where id = :id"), {"id": cast()[0].id}
        )
        connection.execute(text("insert into image_rechecks select generate_series(1000, 1007)"))
    monkeypatch.setattr(backfill, "PORTION", 3)
    told: list[str] = []
    rolled_back: list[object] = []
    event.listen(engine, "rollback", rolled_back.append)
    total = backfill.settle(engine, tell=lambda each: told.append(each.line)).pictures_moved
    assert told
    assert all(each.endswith(f" of {total} pictures anew") for each in told)
    assert not rolled_back


def test_all_pictures_are_read_once_to_find_what_has_moved(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many portions of others wait to be compared anew."""
    arrive(engine, cast())
    with engine.begin() as connection:
        connection.execute(text("insert into image_rechecks select number from image_pictures"))
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *each: asked.append(each[2]))
    monkeypatch.setattr(backfill, "PORTION", 2)
    assert backfill.settle(engine).pictures_moved == len(cast())
    whole = "-- Pictures whose first submission is not the one remembered"
    assert sum(each.startswith(whole) for each in asked) == 1


def test_nothing_of_a_picture_is_kept_that_nobody_shows(engine: Engine) -> None:
    """What describes it goes with its last submission; when it comes back it is described anew."""
    arrive(engine, cast())
    before, gone = state(engine), cast()[-1]
    with engine.begin() as connection:
        connection.execute(text("delete from payment_submissions where id = :id"), {"id": gone.id})
    backfill.settle(engine)
    with engine.begin() as connection:
        known = connection.execute(text("select pixels_sha256 from image_pictures")).scalars()
        shown = connection.execute(text("select pixels_sha256 from image_fingerprints")).scalars()
        assert {bytes(each) for each in known} == {bytes(each) for each in shown}
        insert(connection, [gone], "http://store.test/")
    arrive(engine, [gone])
    assert state(engine) == before


@pytest.mark.parametrize(
    "damage",
    [
        "substring(payload for 40)",
        "overlay(payload placing '\\x63' from 1)",
        "substring(payload for length(payload) - 3000)",
    ],
)
def test_a_damaged_fingerprint_is_named(engine: Engine, damage: str) -> None:
    """Whoever has to read it says how to have it made anew, and stores nothing."""
    original = next(each for each in cast() if each.id == cast()[-1].copy_of)
    arrive(engine, [original])
    with engine.begin() as connection:
        connection.execute(text(f"update image_fingerprints set payload = {damage}"))
    other_worker = database.engine(engine.url)
    with pytest.raises(looking.DamagedFingerprintError, match="is damaged") as told:
        arrive(other_worker, cast()[-1:])
    other_worker.dispose()
    (remedy,) = re.findall("delete from .* where [^,]*", str(told.value))
    with engine.begin() as connection:
        assert connection.exec_driver_sql(remedy).rowcount == 1
        assert backlog.outdated(connection, match.ALGORITHM_VERSION)
    backfill.settle(engine)
    arrive(engine, cast()[-1:])
    arrive(engine, [original])
    assert said(engine)[cast()[-1].id][1] == original.id


def test_a_long_run_tells_so_often_how_far_it_is(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To count all that was planned after each of many batches would take longer each time."""
    monkeypatch.setattr(backfill, "PROGRESS_TOLD", 3)
    with engine.begin() as connection:
        connection.execute(text("delete from payment_submissions"))
        store.plan(connection, "run", [each.id for each in cast()][:8], 1)
    told: list[Activity] = []
    with Fetcher(FetchSettings()) as fetcher, Inspectors() as inspectors:
        bench = backfill.Workbench(engine, fetcher, inspectors)
        for number in range(1, 9):
            backfill.run_batch(bench, run_id="run", number=number, tell=told.append)
    kinds = [each.kind for each in told]
    batch, totals = ActivityKind.BATCH, ActivityKind.TOTALS
    assert kinds == [batch, batch, batch, totals, batch, batch, batch, totals, batch, batch, totals]


class Migrating(Inspectors):
    """Lets the live application change a table while a batch is at work."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine

    def inspect(self, content: bytes) -> Analysis | Failure:
        """Change it at once, or fail."""
        with self.engine.begin() as connection:
            connection.execute(text("set local lock_timeout = '2s'"))
            connection.execute(
                text("alter table payment_submissions add column if not exists note text")
            )
        return super().inspect(content)


def test_a_batch_that_fetches_is_in_no_migrations_way(engine: Engine, tmp_path: Path) -> None:
    """The live application's ALTER TABLE would wait for it, and everybody for the ALTER TABLE."""
    some = cast()[:2]
    with DemoStore(tmp_path, submissions=some, port=0) as images, Migrating(engine) as inspectors:
        with engine.begin() as connection:
            insert(connection, some, images.base_url)
            store.plan(connection, "run", [each.id for each in some], len(some))
        settings = FetchSettings.from_values(
            storage_url=images.base_url, storage_key=None, allowed_origins=None
        )
        with Fetcher(settings) as fetcher:
            bench = backfill.Workbench(engine, fetcher, inspectors)
            assert backfill.run_batch(bench, run_id="run", number=1, tell=lambda _: None) == 2
    assert len(said(engine)) == 2


def test_an_upgrade_compares_anew_what_passed_for_a_copy(engine: Engine) -> None:
    """The rules have become stricter: no accusation of an older version is left standing."""
    arrive(engine, cast())
    before = state(engine)
    (script,) = (
        each.script for each in migrations() if "insert into image_rechecks" in each.script
    )
    accuse = "update image_matches set same_picture = true, altered = false, parted = false"
    with engine.begin() as connection:
        assert connection.execute(text(accuse)).rowcount > 0
        store.link(connection)
    assert state(engine) != before
    with engine.begin() as connection:
        schema.execute_script(connection, script)
    backfill.settle(engine)
    assert state(engine) == before


def test_an_upgrade_that_places_all_pictures_anew_tells_how_many_it_has_done(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many there are nobody has counted."""
    arrive(engine, cast())
    before = state(engine)
    with engine.begin() as connection:
        connection.execute(text("truncate image_marks, image_pictures"))
    monkeypatch.setattr(backfill, "PORTION", 3)
    told: list[str] = []
    again = backfill.settle(engine, tell=lambda each: told.append(each.line))
    assert state(engine) == before
    counts = [*range(3, again.pictures_moved, 3), again.pictures_moved]
    assert told == [f"🔁 Compared {each} pictures anew" for each in counts]


def test_a_failed_transaction_leaves_nothing(engine: Engine) -> None:
    """What was rolled back is found anew by the next batch."""
    with pytest.raises(RuntimeError):
        break_off(engine, cast()[0])
    arrive(engine, cast())
    in_order = state(engine)
    with engine.begin() as connection:
        restart(connection)
    arrive(engine, cast())
    assert state(engine) == in_order


def test_a_copy_that_another_program_unmarked_is_noticed(engine: Engine) -> None:
    """As far as equal pixels tell, also without another submission."""
    first = cast()[0]
    with engine.begin() as connection:
        again = submitted_again(connection, first.id)
        submissions = source.submissions(connection, [first.id, again])
    backfill.commit(engine, [Outcome(each, analysis(first)) for each in submissions])
    found = state(engine)
    with engine.begin() as connection:
        assert not backlog.unsettled(connection, match.ALGORITHM_VERSION)
        connection.execute(
            text(
                "update payment_image_signals set duplicate_detected = false, similar_to_payment_id"
                " = null, similarity_percentage = null, similarity_explanation = null"
            )
        )
        assert backlog.unsettled(connection, match.ALGORITHM_VERSION).links_amiss == 1
    backfill.settle(engine)
    assert state(engine) == found
    with engine.begin() as connection:  # whose original is of an older version is all the same one
        connection.execute(
            text(
                "update image_fingerprints set algorithm_version = :older"
                " where payment_submission_id = :id"
            ),
            {"id": first.id, "older": match.ALGORITHM_VERSION - 1},
        )
    backfill.settle(engine)
    with engine.connect() as connection:
        assert backlog.unsettled(connection, match.ALGORITHM_VERSION).links_amiss == 0


def test_what_an_older_version_knew_goes_with_its_submission(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before this version has seen the picture: nothing is kept that describes or finds it."""
    monkeypatch.setattr(moving, "INDEXED_AT_ONCE", 1)
    arrive(engine, cast())
    gone = [each.id for each in cast()[-2:]]
    of_it = {"ids": gone, "older": match.ALGORITHM_VERSION - 1}
    with engine.begin() as connection:
        for statement in (
            (
                "update image_pictures set algorithm_version = :older where pixels_sha256 = any"
                " (select pixels_sha256 from image_fingerprints"
                " where payment_submission_id = any(:ids))"
            ),
            (
                "update image_fingerprints set algorithm_version = :older"
                " where payment_submission_id = any(:ids)"
            ),
        ):
            connection.execute(text(statement), of_it)
        numbers = pictures.numbers(connection, match.ALGORITHM_VERSION - 1)
        marks.save(connection, asking.marks_of(pictures.placed(connection, numbers)))
    backfill.settle(engine)

    def kept() -> list[int]:
        tables = ("image_pictures", "image_marks")
        older = "algorithm_version = :older"
        with engine.connect() as connection:
            return [
                connection.execute(
                    text(f"select count(*) from {table} where {older}"), of_it
                ).scalar_one()
                for table in tables
            ]

    assert kept()[0] == 2
    assert kept()[1] > 2
    with engine.begin() as connection:
        connection.execute(text("delete from payment_submissions where id = any(:ids)"), of_it)
    backfill.settle(engine)
    assert kept() == [0, 0]
