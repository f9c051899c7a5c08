"""What waits by itself: changed screenshots, failures whose pause is over, what deletions leave."""

from datetime import date, timedelta
from random import randbytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from imagesignals_pipeline import backfill, backlog, source, store, verify
from imagesignals_pipeline.model import Failure, FailureKind, Outcome, Submission
from imagesignals_pipeline.sql.loader import statements
from imagesignals_pipeline.store import rechecks, signals
from imagesignals_pipeline_tests.database.society import (
    ANALYSED_AT,
    NOT_FOUND,
    OF_AN_OLD_VERSION,
    picture,
    rows,
    submit,
)

MARCH, APRIL = date(2025, 3, 1), date(2025, 4, 1)
FOR_GOOD = Failure(FailureKind.DAMAGED, "The file is damaged.")
VERSION = 1
SIGNED = "https://store.test/object/sign/b/a.png?token="
ADDRESSES = st.text(
    st.sampled_from("aZ1.:/\\@?#% \t\n\v\u00a0é") | st.characters(exclude_categories=["Cs"]),
    max_size=40,
).map(lambda each: each.replace("\0", ""))

RUNS = st.tuples(st.sampled_from("a/@? é"), st.sampled_from([1, 2030, 2048, 4080, 4096, 4097])).map(
    lambda each: each[0] * each[1]
)
LONG_ADDRESSES = st.lists(ADDRESSES | RUNS | st.just("https://"), max_size=5).map("".join)


def change(connection: Connection, submission: Submission, **columns: object) -> None:
    """Change a submission as the live application does."""
    for name, value in columns.items():
        connection.execute(
            text(f"update payment_submissions set {name} = :value where id = :id"),  # pyright: ignore[reportArgumentType]
            {"value": value, "id": submission.id},
        )


def fail(connection: Connection, submission: Submission, failure: Failure = NOT_FOUND) -> None:
    """Save an attempt that came to nothing."""
    store.save(connection, [Outcome(submission, failure)], ANALYSED_AT)


def failed_for(connection: Connection, since: str, last: str) -> None:
    """Say how long ago the known failures began, and when the last attempt was."""
    connection.execute(
        text(
            "update image_signal_failures"
            " set failed_since = now() - cast(:since as interval),"
            " failed_at = now() - cast(:last as interval)"
        ),
        {"since": since, "last": last},
    )


@given(ADDRESSES | LONG_ADDRESSES)
@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_database_cleans_addresses_as_we_do(connection: Connection, url: str) -> None:
    """`imagesignals_public_url` and `public_url` agree about every text."""
    cleaned = connection.execute(text("select imagesignals_public_url(:url)"), {"url": url})
    assert cleaned.scalar_one() == signals.public_url(url)


def test_a_picture_inside_a_url_is_not_read_whole(connection: Connection) -> None:
    """What waits is found without reading megabytes of every such URL, and so once it is done."""
    one = submit(connection, url=f"data:image/png;base64,{randbytes(1_000_000).hex()}")
    look = text(f"explain (analyze, buffers, format json) {statements()['backlog_pending']}")
    for waiting in (1, 0):
        plan = connection.execute(look).scalar_one()[0]["Plan"]
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 200  # of nearly 800
        assert sum(each.waiting for each in backlog.pending(connection)) == waiting
        fail(connection, one, FOR_GOOD)


class TestChangedScreenshots:
    """A submission that shows another screenshot waits again."""

    @pytest.mark.parametrize("before", ["analysed", "failed", "for good"])
    def test_another_address_waits(self, connection: Connection, before: str) -> None:
        """Whatever its row says, it is pending, its month is known, and a new row is written."""
        result = {"analysed": picture("a"), "failed": NOT_FOUND, "for good": FOR_GOOD}[before]
        one = submit(connection, 0)
        store.save(connection, [Outcome(one, result)], ANALYSED_AT)
        assert source.pending_ids(connection) == []
        assert backlog.pending(connection) == []
        change(connection, one, screenshot_url="https://store.test/b.png")
        assert source.pending_ids(connection) == [one.id]
        assert source.totals(connection).pending == 1
        assert verify.report(connection).pending == 1
        assert [(each.month, each.waiting) for each in backlog.pending(connection)] == [(MARCH, 1)]
        (again,) = source.submissions(connection, [one.id])
        store.save(connection, [Outcome(again, picture("b"))], ANALYSED_AT)
        assert source.pending_ids(connection) == []
        assert rows(connection)[one.id]["image_url"] == "https://store.test/b.png"

    @pytest.mark.parametrize("url", [f"{SIGNED}2", f" {SIGNED}1\n", SIGNED.removesuffix("?token=")])
    def test_another_signature_is_no_change(self, connection: Connection, url: str) -> None:
        """A signed link that is renewed, or spaces around it, is the same screenshot."""
        one = submit(connection, 0, url=f"{SIGNED}1")
        store.save(connection, [Outcome(one, picture("a"))], ANALYSED_AT)
        change(connection, one, screenshot_url=url)
        assert source.pending_ids(connection) == []

    def test_another_programs_row_is_of_its_screenshot(self, connection: Connection) -> None:
        """How another program writes addresses is unknown: its row counts as current."""
        one = submit(connection, 0)
        store.save(connection, [Outcome(one, picture("a"))], ANALYSED_AT)
        connection.execute(
            text("update payment_image_signals set written_by_pipeline = false, image_url = 'x'")
        )
        assert source.pending_ids(connection) == []

    def test_the_mark_tells_what_waits(self, connection: Connection) -> None:
        """It stays while nothing happens and is another for each change, also of an address."""
        one = submit(connection, 0)
        submit(connection, 40)

        def marks() -> dict[date, str]:
            return {each.month: each.mark for each in backlog.pending(connection)}

        before = marks()
        assert set(before) == {MARCH, APRIL}
        assert marks() == before
        change(connection, one, screenshot_url="https://store.test/b.png")
        changed = marks()
        submit(connection, 1)
        assert len({before[MARCH], changed[MARCH], marks()[MARCH]}) == 3
        assert {changed[APRIL], marks()[APRIL]} == {before[APRIL]}


class TestPauses:
    """What failed is tried again at a growing distance, and not for ever."""

    @pytest.mark.parametrize(
        ("since", "last", "due"),
        [
            ("1 minute", "1 minute", False),  # failed once: a quarter of an hour
            ("16 minutes", "16 minutes", True),
            ("3 hours", "1 hour", False),  # failed for two hours: two more
            ("5 hours", "2 hours 30 minutes", True),
            ("32 days", "1 day", False),
            ("90 days", "59 days", False),  # it has had its month
        ],
    )
    def test_the_pause_doubles(
        self, connection: Connection, since: str, last: str, *, due: bool
    ) -> None:
        """It is as long as it has failed already, a quarter of an hour at least; it ends."""
        one = submit(connection, 0)
        fail(connection, one)
        failed_for(connection, since, last)
        assert source.due_ids(connection) == ([one.id] if due else [])
        assert [each.month for each in backlog.due(connection)] == ([MARCH] if due else [])
        assert source.pending_ids(connection) == []

    def test_attempts_are_few(self, connection: Connection) -> None:
        """Tried as soon as it is due, a screenshot that is gone is asked for 14 times in all."""
        attempts = connection.execute(
            text(
                "with recursive attempt (at, n) as ("
                " select timestamptz '2025-01-01', 1 union all"
                " select imagesignals_retry_at(timestamptz '2025-01-01', at), n + 1 from attempt"
                " where n < 100 and isfinite(at))"
                " select count(*) from attempt where isfinite(at)"
            )
        )
        assert attempts.scalar_one() == 14

    def test_what_cannot_pass_is_never_due(self, connection: Connection) -> None:
        """A damaged file stays damaged."""
        fail(connection, submit(connection, 0), FOR_GOOD)
        failed_for(connection, "1 day", "1 day")
        assert source.due_ids(connection) == []

    def test_success_forgets_and_another_address_begins_anew(self, connection: Connection) -> None:
        """The distance is that of this screenshot's failures alone."""
        one = submit(connection, 0)
        fail(connection, one)
        failed_for(connection, "20 days", "1 minute")
        change(connection, one, screenshot_url="https://store.test/b.png")
        (again,) = source.submissions(connection, [one.id])
        fail(connection, again)
        failed_since = text("select now() - failed_since from image_signal_failures")
        assert connection.execute(failed_since).scalar_one() == timedelta(0)
        store.save(connection, [Outcome(again, picture("b"))], ANALYSED_AT)
        assert not connection.execute(text("select from image_signal_failures")).all()

    @pytest.mark.parametrize(
        ("since", "last", "anew"),
        [
            ("40 days", "40 days", True),  # found by a first backfill, tried again much later
            ("3 days", "2 days", False),
            ("21 days", "18 days", True),
            ("43 days", "22 days", False),  # as far apart as the pause
        ],
    )
    def test_an_attempt_after_a_long_time_is_the_first_of_several(
        self, connection: Connection, since: str, last: str, *, anew: bool
    ) -> None:
        """Where nobody tried for longer than the pause is, the storage had no chance to answer."""
        one = submit(connection, 0)
        fail(connection, one)
        failed_for(connection, since, last)
        fail(connection, one)
        failed_since = text("select now() - failed_since from image_signal_failures")
        assert (connection.execute(failed_since).scalar_one() == timedelta(0)) is anew


class TestOutdated:
    """Analyses of an older version, or of another program, are made anew."""

    def test_a_failure_leaves_the_old_row_and_waits(self, connection: Connection) -> None:
        """Until a new analysis replaces it the old one stays; what fails is not asked each time."""
        one, other = submit(connection, 0), submit(connection, 40)
        for each in (one, other):
            store.save(connection, [Outcome(each, picture("a"))], ANALYSED_AT)
        newer = VERSION + 1
        assert [each.month for each in backlog.outdated(connection, newer)] == [MARCH, APRIL]
        assert backlog.outdated(connection, VERSION) == []
        before = rows(connection)[one.id]
        fail(connection, one)
        assert rows(connection)[one.id] == before
        assert source.outdated_ids(connection, newer) == [other.id]
        assert [each.month for each in backlog.outdated(connection, newer)] == [APRIL]
        failed_for(connection, "16 minutes", "16 minutes")
        assert source.outdated_ids(connection, newer, limit=1) == [one.id]

    def test_a_corrected_screenshot_is_tried_at_once(self, connection: Connection) -> None:
        """What failed for good, behind another program's row, failed at another address."""
        one = submit(connection)
        store.save(connection, [Outcome(one, picture("a"))], ANALYSED_AT)
        connection.execute(text("update payment_image_signals set written_by_pipeline = false"))
        connection.execute(text("delete from image_fingerprints"))
        fail(connection, one, FOR_GOOD)
        assert source.outdated_ids(connection, VERSION) == []
        assert backlog.outdated(connection, VERSION) == []
        change(connection, one, screenshot_url="https://store.test/corrected.png")
        assert source.outdated_ids(connection, VERSION) == [one.id]
        assert [each.month for each in backlog.outdated(connection, VERSION)] == [MARCH]


class TestUnsettled:
    """What a deletion leaves behind is noticed without comparing a picture."""

    def test_a_deleted_original(self, connection: Connection) -> None:
        """Its copies have none until links and index are settled; then the next earliest is."""
        made = [submit(connection, day) for day in range(3)]
        for each in made:
            store.save(connection, [Outcome(each, picture("a"))], ANALYSED_AT)
        store.link(connection)
        store.reindex(connection)
        assert not backlog.unsettled(connection, VERSION)
        connection.execute(
            text("delete from payment_submissions where id = :id"), {"id": made[0].id}
        )
        found = backlog.unsettled(connection, VERSION)
        assert found
        assert found.links_amiss == 2
        assert backlog.unsettled(connection, VERSION).mark == found.mark
        store.link(connection)
        store.reindex(connection)
        after = backlog.unsettled(connection, VERSION)
        assert not after
        assert after.mark != found.mark
        marked = {id_: row["similar_to_payment_id"] for id_, row in rows(connection).items()}
        assert marked == {made[1].id: None, made[2].id: made[1].id}

    @pytest.mark.parametrize("url", [None, " ", "admin-manual-entry"])
    def test_a_screenshot_that_was_taken_away(self, engine: Engine, url: str | None) -> None:
        """It is nobody's original any more, and the tables are as if it had never been there."""
        with engine.begin() as connection:
            made = [submit(connection, day) for day in range(3)]
            for each in made:
                store.save(connection, [Outcome(each, picture("a"))], ANALYSED_AT)
            store.save(connection, [Outcome(submit(connection, 4), NOT_FOUND)], ANALYSED_AT)
        backfill.settle(engine)
        with engine.begin() as connection:
            assert not backlog.unsettled(connection, VERSION)
            change(connection, made[0], screenshot_url=url)
            assert backlog.unsettled(connection, VERSION).screenshots_withdrawn == 1
        assert backfill.settle(engine).signals_withdrawn == 1
        with engine.connect() as connection:
            assert not backlog.unsettled(connection, VERSION)
            marked = {id_: row["similar_to_payment_id"] for id_, row in rows(connection).items()}
            assert made[0].id not in marked
            assert marked[made[1].id] is None
            assert marked[made[2].id] == made[1].id
            broken = [each for each in verify.report(connection).checks if not each.passed]
            assert {each.name for each in broken} <= {"failure_rate"} | OF_AN_OLD_VERSION
            kept = connection.execute(text("select payment_submission_id from image_fingerprints"))
            assert set(kept.scalars()) == {made[1].id, made[2].id}

    def test_a_failure_whose_screenshot_was_taken_away(self, engine: Engine) -> None:
        """Since when it failed is forgotten too: the next one at that address is tried at once."""
        with engine.begin() as connection:
            one = submit(connection)
            store.save(connection, [Outcome(one, NOT_FOUND)], ANALYSED_AT)
            change(connection, one, screenshot_url=None)
        assert backfill.settle(engine).signals_withdrawn == 1
        with engine.connect() as connection:
            known = connection.execute(text("select count(*) from image_signal_failures"))
            assert known.scalar_one() == 0

    def test_what_another_program_wrote_stays(self, engine: Engine) -> None:
        """Also of a submission that has no screenshot any more."""
        with engine.begin() as connection:
            one = submit(connection)
            store.save(connection, [Outcome(one, picture("a"))], ANALYSED_AT)
            connection.execute(text("update payment_image_signals set written_by_pipeline = false"))
            change(connection, one, screenshot_url=None)
            assert backlog.unsettled(connection, VERSION).screenshots_withdrawn == 0
        assert backfill.settle(engine).signals_withdrawn == 0
        with engine.connect() as connection:
            assert set(rows(connection)) == {one.id}

    def test_a_copy_that_is_dated_before_its_original(self, engine: Engine) -> None:
        """They change places."""
        with engine.begin() as connection:
            made = [submit(connection, day) for day in range(2)]
            for each in made:
                store.save(connection, [Outcome(each, picture("a"))], ANALYSED_AT)
        backfill.settle(engine)
        with engine.begin() as connection:
            change(connection, made[1], created_at=made[0].created_at - timedelta(days=1))
            assert backlog.unsettled(connection, VERSION).links_amiss == 1
        backfill.settle(engine)
        with engine.connect() as connection:
            assert not backlog.unsettled(connection, VERSION)
            assert rows(connection)[made[0].id]["similar_to_payment_id"] == made[1].id

    def test_what_is_to_be_compared_anew(self, connection: Connection) -> None:
        """It waits until a run has done it."""
        rechecks.ask_for(connection, [1, 2, 2])
        found = backlog.unsettled(connection, VERSION)
        assert found.pictures_moved == 2
        rechecks.done(connection, [1])
        rechecks.ask_for(connection, [3])
        assert backlog.unsettled(connection, VERSION).mark != found.mark
        assert rechecks.waiting(connection, 1) == [2]
        rechecks.done(connection, rechecks.waiting(connection, None))
        assert not backlog.unsettled(connection, VERSION)

    def test_a_deleted_copy(self, connection: Connection) -> None:
        """The hash index counts one too many until it is settled."""
        made = [submit(connection, day) for day in range(2)]
        for each in made:
            store.save(connection, [Outcome(each, picture("a"))], ANALYSED_AT)
        store.reindex(connection)
        connection.execute(
            text("delete from payment_submissions where id = :id"), {"id": made[1].id}
        )
        assert backlog.unsettled(connection, VERSION).uploads_miscounted == -1
        store.reindex(connection)
        assert not backlog.unsettled(connection, VERSION)

    def test_an_adopted_row_without_its_submission(self, connection: Connection) -> None:
        """It is kept as it is and counts nowhere, so it does not ask to be settled for ever."""
        connection.execute(
            text(
                "alter table payment_image_signals"
                " drop constraint payment_image_signals_payment_submission_id_fkey;"
                "insert into payment_image_signals"
                " (payment_submission_id, image_url, perceptual_hash, written_by_pipeline)"
                " values (gen_random_uuid(), 'x', 'f0f0f0f0f0f0f0f0', false)"
            )
        )
        store.reindex(connection)
        assert not backlog.unsettled(connection, VERSION)
