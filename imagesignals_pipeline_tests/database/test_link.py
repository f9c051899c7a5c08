"""Links in the database: what is marked, what is unmarked, and that all ways lead to one state."""

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from imagesignals_pipeline import backlog, source, sql, store, verify
from imagesignals_pipeline.model import Analysis, Failure, Outcome, Submission
from imagesignals_pipeline.store import LinkReport
from imagesignals_pipeline_tests.database.society import (
    A_PDF,
    ANALYSED_AT,
    NOT_FOUND,
    OF_AN_OLD_VERSION,
    match,
    part,
    picture,
    rows,
    show_other,
    submit,
)


def show(connection: Connection, submission: Submission, name: str, pixels: str = "") -> None:
    """Save the picture that a submission shows."""
    store.save(connection, [Outcome(submission, picture(name, pixels=pixels))], ANALYSED_AT)


def originals(connection: Connection) -> dict[UUID, UUID | None]:
    """Return the original of every row that is marked."""
    return {
        id_: row["similar_to_payment_id"]  # pyright: ignore[reportReturnType] - a uuid column
        for id_, row in rows(connection).items()
        if row["duplicate_detected"]
    }


def delete(connection: Connection, submission: Submission) -> None:
    """Delete a submission as the live application does."""
    connection.execute(
        text("delete from payment_submissions where id = :id"), {"id": submission.id}
    )


def test_a_copy_is_marked_and_its_original_is_not(connection: Connection) -> None:
    """All four columns are written on the copy, none on the original."""
    first, second = submit(connection, 2), submit(connection, 3, flat_id="F-102")
    for submission in (first, second):
        show(connection, submission, "a")
    assert store.link(connection, [second.id]) == LinkReport(frozenset({second.id}), 1, 1)
    row = rows(connection)[second.id]
    assert (row["duplicate_detected"], row["similar_to_payment_id"]) == (True, first.id)
    assert row["similarity_percentage"] == 100
    assert row["similarity_explanation"] == "Same file as flat F-101's submission of 3 March 2025."
    untouched = rows(connection)[first.id]
    assert untouched["duplicate_detected"] is False
    assert untouched["similarity_explanation"] is None


def test_repeating_writes_nothing(connection: Connection) -> None:
    """Rows that are right keep their time of writing."""
    made = [submit(connection, day) for day in range(3)]
    for submission in made:
        show(connection, submission, "a")
    store.link(connection)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    connection.execute(text("update payment_image_signals set updated_at = :t"), {"t": long_ago})
    assert store.link(connection).links_changed == 0
    assert store.link(connection, [each.id for each in made]).links_changed == 0
    assert {row["updated_at"] for row in rows(connection).values()} == {long_ago}


def test_nobody_affected_is_nothing_to_do(connection: Connection) -> None:
    """A batch of failures reads and writes no link."""
    assert store.link(connection, []) == LinkReport(frozenset(), 0, 0)


def test_an_older_submission_that_arrives_late_becomes_the_original(
    connection: Connection,
) -> None:
    """Those after it are linked to it, and the former original is marked."""
    made = [submit(connection, day) for day in range(3)]
    for submission in (made[1], made[2]):
        show(connection, submission, "a")
        store.link(connection, [submission.id])
    show(connection, made[0], "a")
    store.link(connection, [made[0].id])
    assert originals(connection) == {made[1].id: made[0].id, made[2].id: made[0].id}


def test_a_deleted_original_makes_room_for_the_next(connection: Connection) -> None:
    """The next batch, whatever it holds, names the earliest copy that is left."""
    made = [submit(connection, day) for day in range(3)]
    for submission in made:
        show(connection, submission, "a")
    store.link(connection)
    delete(connection, made[0])
    stranger = submit(connection, 4)
    show(connection, stranger, "other")
    store.link(connection, [stranger.id])
    assert originals(connection) == {made[2].id: made[1].id}
    assert store.link(connection).links_changed == 0


def test_a_changed_screenshot_leaves_its_group(connection: Connection) -> None:
    """The copies of a picture that its first submission no longer shows are linked anew."""
    made = [submit(connection, day) for day in range(4)]
    for submission in made[:3]:
        show(connection, submission, "a")
    show(connection, made[3], "b")
    store.link(connection)
    show(connection, made[0], "b")
    store.link(connection, [made[0].id])
    assert originals(connection) == {made[2].id: made[1].id, made[3].id: made[0].id}
    assert store.link(connection).links_changed == 0


def test_a_bridge_that_changes_sides_parts_the_group(connection: Connection) -> None:
    """Pictures connected only by way of a third are parted when that one goes."""
    made = [submit(connection, day) for day in range(3)]
    for submission, name in zip(made, "abc", strict=True):
        show(connection, submission, name)
    match(connection, "a", "b", 95)
    match(connection, "b", "c", 94)
    store.link(connection, [each.id for each in made])
    assert originals(connection) == {made[1].id: made[0].id, made[2].id: made[0].id}
    show(connection, made[1], "elsewhere")
    store.link(connection, [made[1].id])
    assert originals(connection) == {}


def test_a_bridge_that_is_lost_parts_the_group(connection: Connection) -> None:
    """So does one whose new screenshot cannot be had: its row says no more whose copy it was."""
    made = [submit(connection, day) for day in range(3)]
    for submission, name in zip(made, "acb", strict=True):
        show(connection, submission, name)
    match(connection, "a", "b", 95)
    match(connection, "b", "c", 94)
    store.link(connection)
    assert originals(connection) == {made[1].id: made[0].id, made[2].id: made[0].id}
    changed = show_other(connection, made[2])
    touched = store.save(connection, [Outcome(changed, NOT_FOUND)], ANALYSED_AT)
    store.link(connection, touched)
    assert originals(connection) == {}


def test_a_poor_copy_accuses_nobody_who_was_told_apart(connection: Connection) -> None:
    """Two receipts that differ stay apart though a third is like both; a batch agrees with all."""
    made = [submit(connection, day) for day in range(3)]
    for submission, name in zip(made, "abc", strict=True):
        show(connection, submission, name)
    part(connection, "a", "b")
    match(connection, "a", "c", 93)
    match(connection, "b", "c", 97)
    store.link(connection, [made[2].id])
    assert originals(connection) == {made[2].id: made[1].id}
    assert store.link(connection).links_changed == 0


def test_a_failure_after_a_change_unmarks_the_copies(connection: Connection) -> None:
    """When the original's new screenshot is lost, its old copies have another original."""
    made = [submit(connection, day) for day in range(3)]
    for submission in made:
        show(connection, submission, "a")
    store.link(connection)
    changed = show_other(connection, made[0])
    store.save(connection, [Outcome(changed, NOT_FOUND)], ANALYSED_AT)
    store.link(connection, [made[0].id])
    assert originals(connection) == {made[2].id: made[1].id}


def test_rows_of_another_program_are_neither_read_nor_changed(live: Connection) -> None:
    """What the live application marked by its own hash stays, and is nobody's original."""
    sql.migrate(live)
    before = {id_: row for id_, row in rows(live).items() if row["analysis_status"] == "completed"}
    waiting = source.submissions(live, source.pending_ids(live))
    old_hash = picture("a", perceptual_hash="f0f0f0f0f0f0f0f0")
    store.save(live, [Outcome(each, old_hash) for each in waiting], ANALYSED_AT)
    store.link(live)
    after = rows(live)
    assert {id_: after[id_] for id_ in before} == before
    marked = set(originals(live)) - set(before)
    assert marked == {each.id for each in waiting[1:]}
    assert {after[id_]["similar_to_payment_id"] for id_ in marked} == {waiting[0].id}


@pytest.mark.parametrize(
    "flags",
    [
        "duplicate_detected = true, similar_to_payment_id = :first, similarity_percentage = 100",
        "duplicate_detected = true",
        "duplicate_detected = null",
        "similar_to_payment_id = :first",
        "similarity_percentage = 0",
        "similarity_explanation = 'No similar images found'",
    ],
)
def test_flags_that_another_program_put_on_our_rows_are_mended(
    connection: Connection, flags: str
) -> None:
    """The live application's recheck accuses by equal hashes; the global step takes that back."""
    made = [submit(connection, day) for day in range(2)]
    for submission, name in zip(made, "ab", strict=True):
        show(connection, submission, name)
    before = verify.digest(connection)
    connection.execute(
        text(f"update payment_image_signals set {flags} where payment_submission_id = :second"),
        {"second": made[1].id, **({"first": made[0].id} if ":first" in flags else {})},
    )
    assert store.link(connection) == LinkReport(frozenset(), originals=0, links_changed=1)
    assert verify.digest(connection) == before


@pytest.mark.parametrize(
    "flags",
    [
        "duplicate_detected = true, similar_to_payment_id = :first, similarity_percentage = 100",
        (
            "duplicate_detected = true, similar_to_payment_id = :first,"
            " similarity_percentage = 100,"
            " similarity_explanation = 'No duplicate: agrees with flat 1''s, except in one place.'"
        ),
        "similar_to_payment_id = :first",
    ],
)
def test_what_another_program_marked_is_noticed(connection: Connection, flags: str) -> None:
    """Sensor and schedule settle it without waiting for another submission."""
    made = [submit(connection, day) for day in range(2)]
    for submission, name in zip(made, "ab", strict=True):
        show(connection, submission, name)
    assert not backlog.unsettled(connection, 1)
    connection.execute(
        text(f"update payment_image_signals set {flags} where payment_submission_id = :second"),
        {"second": made[1].id, "first": made[0].id},
    )
    assert backlog.unsettled(connection, 1).links_amiss == 1
    assert not verify.report(connection).passed
    store.link(connection)
    assert not backlog.unsettled(connection, 1)


def test_an_adopted_row_that_is_analysed_again_begins_anew(live: Connection) -> None:
    """What the live application accused by its hash is forgotten with that hash."""
    sql.migrate(live)
    again = source.submissions(live, source.outdated_ids(live, 1))
    outcomes = [Outcome(each, picture(str(each.id))) for each in again]
    store.save(live, outcomes, ANALYSED_AT)
    assert {row["similarity_percentage"] for row in rows(live).values()} == {None}
    assert originals(live) == {}
    assert source.outdated_ids(live, 1) == []


def test_the_original_is_the_smaller_id_at_the_same_instant(connection: Connection) -> None:
    """Two uploads of one moment have one original, the same in SQL and in Python."""
    ids = [UUID(f"{digit}0000000-0000-4000-8000-000000000000") for digit in "f089"]
    made = [submit(connection, 0, submission_id=id_) for id_ in ids]
    for submission in made:
        show(connection, submission, "a")
    store.link(connection)
    assert set(originals(connection).values()) == {min(ids)}
    assert verify.report(connection).passed


PICTURES: dict[str, Analysis | Failure] = {
    "a": picture("a", pixels="p", perceptual_hash="1" * 16),
    "a again": picture("a again", pixels="p", perceptual_hash="1" * 16),
    "b": picture("b", pixels="q", perceptual_hash="2" * 16),
    "c": picture("c", pixels="r", perceptual_hash="2" * 16),
    "d": picture("d", pixels="s", perceptual_hash="3" * 16),
    "blank": picture("blank", pixels=None, perceptual_hash="0" * 16),
    "a PDF": A_PDF,
    "lost": NOT_FOUND,
}


@dataclass(frozen=True)
class Step:
    """A batch, and what happens around it.

    `failing` are positions in the batch that cannot be fetched this time. `killed` says when the
    program dies: while saving, before linking, or not at all.
    """

    size: int
    failing: frozenset[int]
    killed: str
    global_step: bool
    deleted: int | None


@dataclass(frozen=True)
class History:
    """How a society came to be: submissions in their order of arrival, steps, comparisons.

    `shown` holds day and picture of each submission; those at positions in `passing` are deleted
    in the end. `late` is how many comparisons are known only after the last batch.
    """

    shown: tuple[tuple[int, str], ...]
    arrival: tuple[int, ...]
    passing: frozenset[int]
    steps: tuple[Step, ...]
    edges: tuple[tuple[str, str, int], ...]
    late: int


STEPS = st.builds(
    Step,
    size=st.integers(1, 4),
    failing=st.frozensets(st.integers(0, 3), max_size=2),
    killed=st.sampled_from(["while saving", "before linking", "no", "no"]),
    global_step=st.booleans(),
    deleted=st.none() | st.integers(0, 6),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw a history."""
    shown = draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.sampled_from(sorted(PICTURES))), min_size=1, max_size=7
        )
    )
    pairs = st.tuples(st.sampled_from("pqrs"), st.sampled_from("pqrs"), st.integers(90, 99))
    edges = draw(
        st.lists(
            pairs.filter(lambda each: each[0] < each[1]),
            max_size=4,
            unique_by=lambda each: each[:2],
        )
    )
    return History(
        shown=tuple(shown),
        arrival=tuple(draw(st.permutations(range(len(shown))))),
        passing=draw(st.frozensets(st.integers(0, len(shown) - 1), max_size=2)),
        steps=tuple(draw(st.lists(STEPS, max_size=5))),
        edges=tuple(edges),
        late=draw(st.integers(0, len(edges))),
    )


def empty(connection: Connection) -> None:
    """Begin anew."""
    connection.execute(
        text(
            "truncate payment_submissions, image_perceptual_hash_index,"
            " image_matches, image_signal_batches cascade"
        )
    )


def arrive(connection: Connection, history: History, position: int) -> None:
    """Insert one submission of a history."""
    submit(
        connection,
        history.shown[position][0],
        submission_id=UUID(int=position + 1),
        url=f"https://store.test/{position}.png",
    )


def outcomes(
    connection: Connection, history: History, ids: Collection[UUID], failing: Collection[int] = ()
) -> list[Outcome]:
    """Return what becomes of submissions when some cannot be fetched this time."""
    return [
        Outcome(each, NOT_FOUND if n in failing else PICTURES[history.shown[each.id.int - 1][1]])
        for n, each in enumerate(source.submissions(connection, ids))
    ]


def run_batch(engine: Engine, history: History, ids: list[UUID], step: Step) -> None:
    """Save and link one batch, as far as the program lives."""
    with engine.connect() as connection:
        done = outcomes(connection, history, ids, step.failing)
        connection.rollback()
        with connection.begin() as transaction:
            store.save(connection, done, ANALYSED_AT)
            if step.killed == "while saving":
                transaction.rollback()
    if step.killed == "no":
        with engine.begin() as connection:
            store.link(connection, ids)


def live_through(engine: Engine, history: History) -> None:
    """Let submissions arrive, be analysed, compared and deleted, in the order of the history."""
    waiting = list(history.arrival)
    known = len(history.edges) - history.late
    with engine.begin() as connection:
        for one, other, percentage in history.edges[:known]:
            match(connection, one, other, percentage)
    for step in history.steps:
        with engine.begin() as connection:
            for position in waiting[: step.size]:
                arrive(connection, history, position)
            del waiting[: step.size]
            ids = source.pending_ids(connection, retry_failed=True)[: step.size + 1]
        run_batch(engine, history, ids, step)
        with engine.begin() as connection:
            if step.deleted in history.passing:
                connection.execute(
                    text("delete from payment_submissions where id = :id"),
                    {"id": UUID(int=step.deleted + 1)},
                )
            if step.global_step:
                store.link(connection)
                store.reindex(connection)
    finish(engine, history, waiting)


def finish(engine: Engine, history: History, waiting: Collection[int]) -> None:
    """Bring the history to its end with an undisturbed run."""
    with engine.begin() as connection:
        for position in waiting:
            arrive(connection, history, position)
        connection.execute(
            text("delete from payment_submissions where id = any(cast(:ids as uuid[]))"),
            {"ids": [str(UUID(int=position + 1)) for position in history.passing]},
        )
        ids = source.pending_ids(connection, retry_failed=True)
        store.save(connection, outcomes(connection, history, ids), ANALYSED_AT)
        for one, other, percentage in history.edges:
            match(connection, one, other, percentage)
        store.link(connection)
        store.reindex(connection)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories())
def test_all_histories_end_in_one_state(engine: Engine, history: History) -> None:
    """The tables depend on submissions and pictures, not on order, batches, kills or retries."""
    with engine.begin() as connection:
        empty(connection)
    live_through(engine, history)
    with engine.begin() as connection:
        lived = verify.digest(connection)
        report = verify.report(connection)
        wrong = {check.name for check in report.checks if not check.passed}
        assert wrong <= {"failure_rate"} | OF_AN_OLD_VERSION  # as many fail as chance has it
        empty(connection)
    finish(engine, history, range(len(history.shown)))
    with engine.connect() as connection:
        assert verify.digest(connection) == lived


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories())
def test_linking_by_batches_leaves_nothing_to_the_global_step(
    engine: Engine, history: History
) -> None:
    """While nothing is deleted or killed, links and index are right after every batch."""
    calm = replace(history, passing=frozenset(), late=0)
    with engine.begin() as connection:
        empty(connection)
        for one, other, percentage in calm.edges:
            match(connection, one, other, percentage)
    waiting = list(calm.arrival)
    for step in calm.steps:
        with engine.begin() as connection:
            for position in waiting[: step.size]:
                arrive(connection, calm, position)
            del waiting[: step.size]
            ids = source.pending_ids(connection, retry_failed=True)
        run_batch(engine, calm, ids, replace(step, killed="no"))
        with engine.connect() as connection:
            assert store.link(connection).links_changed == 0
            assert store.reindex(connection) == store.IndexReport(0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_deleting_while_linking_breaks_nothing(engine: Engine, seed: int) -> None:
    """A live application that deletes all the time meets no error, and neither do we."""
    chance = Random(seed)
    with engine.begin() as connection:
        made = [submit(connection, day) for day in range(24)]
    doomed = chance.sample(made, 12)

    def live_application() -> None:
        for submission in doomed:
            with engine.begin() as connection:
                delete(connection, submission)
            time.sleep(0.02)

    with ThreadPoolExecutor(1) as pool:
        live = pool.submit(live_application)
        for start in range(0, 24, 4):
            batch = made[start : start + 4]
            with engine.begin() as connection:
                store.save(connection, [Outcome(each, picture("a")) for each in batch], ANALYSED_AT)
            with engine.begin() as connection:
                store.link(connection, [each.id for each in batch])
        live.result()
    with engine.begin() as connection:
        store.link(connection)
        store.reindex(connection)
        report = verify.report(connection)
        assert {check.name for check in report.checks if not check.passed} == OF_AN_OLD_VERSION
        assert report.total_analyzed == 12
