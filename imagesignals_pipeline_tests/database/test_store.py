"""Writes: rows of signals, fingerprints, the hash index and plans."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from imagesignals_pipeline import source, store, verify
from imagesignals_pipeline.model import Analysis, Failure, FailureKind, Outcome, Submission
from imagesignals_pipeline.store import turns
from imagesignals_pipeline.store.signals import MAX_URL_CHARACTERS, public_url
from imagesignals_pipeline_tests.database.society import (
    A_PDF,
    ANALYSED_AT,
    NOT_FOUND,
    OF_AN_OLD_VERSION,
    digest,
    hashes,
    let_others_wait,
    marked,
    picture,
    rows,
    show_other,
    submit,
)


def save(connection: Connection, submission: Submission, *results: Analysis | Failure) -> None:
    """Save results of one submission, one after the other."""
    for result in results:
        store.save(connection, [Outcome(submission, result)], ANALYSED_AT)


def test_an_analysis_is_stored_column_by_column(connection: Connection) -> None:
    """Every field of the signals arrives in the column of its name."""
    submission = submit(connection)
    analysis = picture("a")
    assert store.save(connection, [Outcome(submission, analysis)], ANALYSED_AT) == {submission.id}
    row = rows(connection)[submission.id]
    for name in analysis.signals.__dataclass_fields__:
        assert row[name] == getattr(analysis.signals, name), name
    assert row["analyzed_at"] == ANALYSED_AT
    assert (row["analysis_status"], row["analysis_error"]) == ("completed", None)
    assert (row["duplicate_detected"], row["failure_kind"]) == (False, None)
    assert row["written_by_pipeline"] is True
    stored = connection.execute(text("select * from image_fingerprints")).one()
    assert bytes(stored.content_sha256) == analysis.fingerprint.content_sha256
    assert bytes(stored.pixels_sha256) == analysis.fingerprint.pixels_sha256
    assert bytes(stored.payload) == analysis.fingerprint.payload
    assert stored.algorithm_version == 1


@pytest.mark.parametrize(
    ("failure", "status"), [(NOT_FOUND, "failed"), (A_PDF, "skipped")], ids=["failed", "skipped"]
)
def test_a_failure_is_stored_with_its_reason(
    connection: Connection, failure: Failure, status: str
) -> None:
    """What is unknown is null, and the picture is not a duplicate."""
    submission = submit(connection)
    save(connection, submission, failure)
    row = rows(connection)[submission.id]
    assert (row["analysis_status"], row["analysis_error"]) == (status, failure.detail)
    assert (row["failure_kind"], row["duplicate_detected"]) == (failure.kind, False)
    unknown = {"perceptual_hash", "exif_available", "resolution_width", "looks_like_screenshot"}
    assert {row[name] for name in unknown} == {None}
    assert hashes(connection) == {}


def test_the_best_result_stays_whoever_comes_last(connection: Connection) -> None:
    """Runs that race for one submission end with the analysis, in whatever order they save."""
    orders = list(permutations([picture("a"), A_PDF, NOT_FOUND]))
    made = [submit(connection, day) for day in range(len(orders))]
    for submission, order in zip(made, orders, strict=True):
        save(connection, submission, *order)
        row = rows(connection)[submission.id]
        assert (row["analysis_status"], row["analysis_error"]) == ("completed", None)
    assert hashes(connection) == {"00ff00ff00ff00ff": (made[0].id, len(orders))}


def test_a_verdict_on_the_content_outlives_a_failed_fetch(connection: Connection) -> None:
    """What is known not to be a picture is not fetched again because of a later 404."""
    submission = submit(connection)
    save(connection, submission, A_PDF, NOT_FOUND)
    assert rows(connection)[submission.id]["analysis_status"] == "skipped"


def test_a_retry_that_fails_again_says_the_newest_reason(connection: Connection) -> None:
    """A failed row is updated, not doubled."""
    submission = submit(connection)
    newest = Failure(FailureKind.TIMEOUT, "No answer within 30 s")
    save(connection, submission, NOT_FOUND, newest)
    assert rows(connection)[submission.id]["analysis_error"] == newest.detail


def test_a_changed_screenshot_replaces_the_analysis(connection: Connection) -> None:
    """When the URL now leads elsewhere, a failure is the truth and the old picture is forgotten."""
    submission = submit(connection)
    save(connection, submission, picture("a"))
    changed = show_other(connection, submission)
    save(connection, changed, NOT_FOUND)
    row = rows(connection)[submission.id]
    assert (row["analysis_status"], row["perceptual_hash"]) == ("failed", None)
    assert row["image_url"] == "https://store.test/other.png"
    assert hashes(connection) == {}
    assert connection.execute(text("select count(*) from image_fingerprints")).scalar_one() == 0


@pytest.mark.parametrize("late", [picture("a"), A_PDF, NOT_FOUND])
@pytest.mark.parametrize("present", [picture("b"), NOT_FOUND])
def test_what_was_fetched_before_the_change_comes_too_late(
    connection: Connection, late: Analysis | Failure, present: Analysis | Failure
) -> None:
    """Of two runs the slow one knows nothing of the screenshot that the submission shows now."""
    submission = submit(connection)
    changed = show_other(connection, submission)
    save(connection, changed, present)
    before, failures = rows(connection), text("select * from image_signal_failures")
    known = connection.execute(failures).all()
    assert store.save(connection, [Outcome(submission, late)]) == set()
    assert rows(connection) == before
    assert connection.execute(failures).all() == known
    prints = connection.execute(text("select content_sha256 from image_fingerprints")).scalars()
    assert [bytes(each) for each in prints] == (
        [present.fingerprint.content_sha256] if isinstance(present, Analysis) else []
    )


def test_what_was_fetched_before_the_change_is_better_than_nothing(connection: Connection) -> None:
    """It is of another screenshot than the submission shows, which waits."""
    submission = submit(connection)
    changed = show_other(connection, submission)
    save(connection, submission, picture("a"))
    assert rows(connection)[submission.id]["image_url"] == submission.screenshot_url
    assert source.pending_ids(connection) == [changed.id]


def test_an_adopted_analysis_outlives_a_failure(connection: Connection) -> None:
    """Another program spells the address in its own way: that makes it no other screenshot."""
    submission = submit(connection, url="receipts/a.png")
    save(connection, submission, picture("a"))
    connection.execute(
        text(
            "update payment_image_signals set written_by_pipeline = false,"
            " image_url = 'https://store.test/receipts/a.png'"
        )
    )
    before = rows(connection)
    save(connection, submission, NOT_FOUND)
    assert rows(connection) == before


def test_a_new_signature_is_no_new_screenshot(connection: Connection) -> None:
    """Signed links differ in their query string only, and lead to the same picture."""
    submission = submit(connection, url="https://store.test/a.png?token=1")
    save(connection, submission, picture("a"))
    save(connection, replace(submission, screenshot_url="https://store.test/a.png?token=2"), A_PDF)
    assert rows(connection)[submission.id]["analysis_status"] == "completed"


def test_of_two_outcomes_in_one_batch_the_analysis_counts(connection: Connection) -> None:
    """A submission named twice is stored once."""
    submission = submit(connection)
    for results in ((picture("a"), NOT_FOUND), (NOT_FOUND, picture("a"))):
        outcomes = [Outcome(submission, result) for result in results]
        assert store.save(connection, outcomes, ANALYSED_AT) == {submission.id}
        assert rows(connection)[submission.id]["analysis_status"] == "completed"


def test_nothing_to_save_is_nothing(connection: Connection) -> None:
    """An empty batch touches nothing."""
    assert store.save(connection, [], ANALYSED_AT) == set()


def test_a_submission_deleted_meanwhile_is_left_out(connection: Connection) -> None:
    """The others of its batch are stored."""
    kept, gone = submit(connection), submit(connection)
    connection.execute(text("delete from payment_submissions where id = :id"), {"id": gone.id})
    outcomes = [Outcome(each, picture("a")) for each in (gone, kept)]
    assert store.save(connection, outcomes, ANALYSED_AT) == {kept.id}
    assert set(rows(connection)) == {kept.id}


def test_saving_again_means_the_same(connection: Connection) -> None:
    """A batch that is repeated after an interruption leaves the same content."""
    made = [submit(connection, day) for day in range(3)]
    outcomes = [
        Outcome(submission, result)
        for submission, result in zip(made, (picture("a"), NOT_FOUND, A_PDF), strict=True)
    ]
    store.save(connection, outcomes, ANALYSED_AT)
    before = verify.digest(connection)
    store.save(connection, outcomes, ANALYSED_AT + timedelta(days=1))
    assert verify.digest(connection) == before


@pytest.mark.parametrize(
    ("text_", "storable"),
    [
        ("NUL \x00 inside", "NUL \ufffd inside"),
        ("lone \ud800 surrogate\udfff", "lone \ufffd surrogate\ufffd"),
        ("100 % \\ 'quoted' \"{}\" :name 🧾", "100 % \\ 'quoted' \"{}\" :name 🧾"),
    ],
    ids=["NUL", "surrogates", "quotes"],
)
def test_any_text_can_be_stored(connection: Connection, text_: str, storable: str) -> None:
    """What comes out of a picture's metadata or a URL never breaks an insert."""
    submission = replace(submit(connection), screenshot_url=f"https://store.test/{text_}")
    analysis = picture("a")
    signals = replace(analysis.signals, metadata_notes=text_, exif_editor_detected=text_)
    save(connection, submission, replace(analysis, signals=signals))
    row = rows(connection)[submission.id]
    assert row["metadata_notes"] == row["exif_editor_detected"] == storable
    save(connection, submit(connection), Failure(FailureKind.NETWORK, text_))


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://store.test/a.png?token=s3cret", "https://store.test/a.png"),
        ("https://store.test/a.png#s3cret", "https://store.test/a.png"),
        ("https://me:s3cret@store.test/a.png", "https://store.test/a.png"),
        ("HTTPS:\\\\me:s3cret@store.test\\a.png", "HTTPS:\\\\store.test\\a.png"),
        ("https://a@s3cret@store.test/", "https://store.test/"),
        (" https://store.test/a%20b.png \n", "https://store.test/a%20b.png"),
        ("https://store.test/@me/a.png", "https://store.test/@me/a.png"),
        ("FLAT_1.jpeg", "FLAT_1.jpeg"),
        ("?s3cret", ""),
        # Longer than what is looked at, and the secret before, across and beyond its end.
        (f"https://me:s3cret@store.test/{'a' * 5000}", f"https://store.test/{'a' * 2029}"),
        (f"https://me:{'s3cret' * 1000}@store.test/a.png", "https://"),
        (f"https://{'u' * 5000}:s3cret@store.test/a.png", "https://"),
        (f"https://{'a@' * 3000}s3cret@store.test/a.png", "https://"),
        (f"https://me:{'s3cret' * 600}@store.test/a.png", "https://store.test/a.png"),
        (f"https://store.test/{'a' * 5000}?s3cret", f"https://store.test/{'a' * 2029}"),
        (f"https://store.test?{'s3cret' * 1000}", "https://store.test"),
        (f"https://store.test/a.png#{'s3cret' * 1000}@b", "https://store.test/a.png"),
        (f"{'s' * 5000}:s3cret@store.test", "s" * 2048),
    ],
)
def test_secrets_of_a_url_are_not_stored(connection: Connection, url: str, public: str) -> None:
    """Query string, fragment, user name and password stay out of the table."""
    assert public_url(url) == public
    cleaned = connection.execute(text("select imagesignals_public_url(:url)"), {"url": url})
    assert cleaned.scalar_one() == public


def test_a_picture_inside_a_url_is_cut() -> None:
    """A data URL of megabytes does not fill the table."""
    assert len(public_url("data:image/png;base64," + "A" * 10_000_000)) == MAX_URL_CHARACTERS


class TestHashIndex:
    """One row a hash, derived from the signals."""

    def test_it_counts_analysed_submissions_and_names_the_earliest(
        self, connection: Connection
    ) -> None:
        """The count and the first submission do not depend on the order of arrival."""
        made = [submit(connection, day) for day in range(3)]
        for submission in (made[1], made[2], made[0]):
            save(connection, submission, picture(str(submission.id)))
        save(connection, submit(connection, -1), NOT_FOUND)
        assert hashes(connection) == {"00ff00ff00ff00ff": (made[0].id, 3)}
        assert store.reindex(connection) == store.IndexReport(0, 0)

    def test_a_new_picture_moves_a_submission_to_its_hash(self, connection: Connection) -> None:
        """The old hash loses one, or its row, in the same transaction."""
        first, second = submit(connection, 0), submit(connection, 1)
        save(connection, first, picture("a", perceptual_hash="a" * 16))
        save(connection, second, picture("a", perceptual_hash="a" * 16))
        save(connection, first, picture("b", perceptual_hash="b" * 16))
        assert hashes(connection) == {"a" * 16: (second.id, 1), "b" * 16: (first.id, 1)}
        save(connection, second, picture("b", perceptual_hash="b" * 16))
        assert hashes(connection) == {"b" * 16: (first.id, 2)}
        assert store.reindex(connection) == store.IndexReport(0, 0)

    def test_two_that_change_places_are_counted_right(self, connection: Connection) -> None:
        """A hash that one submission leaves and another reaches in one batch is right."""
        one, other = submit(connection, 0), submit(connection, 1)
        a, b = (picture(name, perceptual_hash=name * 16) for name in "ab")
        store.save(connection, [Outcome(one, a), Outcome(other, b)], ANALYSED_AT)
        store.save(connection, [Outcome(one, b), Outcome(other, a)], ANALYSED_AT)
        assert hashes(connection) == {"a" * 16: (other.id, 1), "b" * 16: (one.id, 1)}

    def test_an_empty_hash_has_no_row(self, connection: Connection) -> None:
        """Without a hash there is nothing to index."""
        save(connection, submit(connection), picture("a", perceptual_hash=""))
        assert hashes(connection) == {}
        assert store.reindex(connection) == store.IndexReport(0, 0)

    def test_deleted_submissions_vanish(self, connection: Connection) -> None:
        """After deletions the index says what a clean run would."""
        made = [submit(connection, day) for day in range(4)]
        for submission, name in zip(made, "aaab", strict=True):
            save(connection, submission, picture(name, perceptual_hash=name * 16))
        for submission in (made[0], made[3]):
            connection.execute(
                text("delete from payment_submissions where id = :id"), {"id": submission.id}
            )
        store.reindex(connection)
        assert hashes(connection) == {"a" * 16: (made[1].id, 2)}

    def test_a_lost_row_is_counted_anew_when_its_hash_arrives(self, connection: Connection) -> None:
        """A hash whose row went with its first submission is right after the next copy."""
        made = [submit(connection, day) for day in range(3)]
        for submission in made[:2]:
            save(connection, submission, picture("a"))
        connection.execute(
            text("delete from payment_submissions where id = :id"), {"id": made[0].id}
        )
        assert hashes(connection) == {}
        save(connection, made[2], picture("a"))
        assert hashes(connection) == {"00ff00ff00ff00ff": (made[1].id, 2)}

    def test_rebuilding_writes_only_what_differs(self, connection: Connection) -> None:
        """Wrong, missing and surplus rows are mended, right ones keep their time of writing."""
        made = [submit(connection, day) for day in range(4)]
        for submission, name in zip(made, "abcc", strict=True):
            save(connection, submission, picture(name, perceptual_hash=name * 16))
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        connection.execute(
            text("update image_perceptual_hash_index set last_updated_at = :then"),
            {"then": long_ago},
        )
        connection.execute(
            text(
                "update image_perceptual_hash_index set upload_count = 9, hash_algorithm = 'phash'"
                " where perceptual_hash = 'aaaaaaaaaaaaaaaa';"
                "delete from image_perceptual_hash_index"
                " where perceptual_hash = 'bbbbbbbbbbbbbbbb';"
                "insert into image_perceptual_hash_index (perceptual_hash, first_payment_id)"
                " select 'dddddddddddddddd', id from payment_submissions limit 1"
            )
        )
        assert store.reindex(connection) == store.IndexReport(hashes_written=2, hashes_removed=1)
        assert hashes(connection) == {
            "a" * 16: (made[0].id, 1),
            "b" * 16: (made[1].id, 1),
            "c" * 16: (made[2].id, 2),
        }
        untouched = connection.execute(
            text(
                "select perceptual_hash from image_perceptual_hash_index"
                " where last_updated_at = :then"
            ),
            {"then": long_ago},
        ).scalars()
        assert list(untouched) == ["c" * 16]

    def test_the_index_says_what_its_hashes_are_and_since_when(
        self, connection: Connection
    ) -> None:
        """Of hashes that are ours; an adopted row keeps its word for those of another program."""
        made = [submit(connection, day) for day in range(3)]
        since = text("select first_uploaded_at from image_perceptual_hash_index")
        for submission in (made[1], made[0]):
            save(connection, submission, picture("a", perceptual_hash="a" * 16))
            assert connection.execute(since).scalar_one() == submission.created_at
        for statement in (
            (
                "insert into payment_image_signals (payment_submission_id, image_url,"
                f" perceptual_hash) values ('{made[2].id}', 'x', 'bbbbbbbbbbbbbbbb')"
            ),
            (
                "insert into image_perceptual_hash_index (perceptual_hash, first_payment_id)"
                f" values ('bbbbbbbbbbbbbbbb', '{made[2].id}')"
            ),
            "update image_perceptual_hash_index set hash_algorithm = 'phash'",
        ):
            connection.exec_driver_sql(statement)
        for _ in range(2):
            store.reindex(connection)
            told = connection.execute(
                text(
                    "select perceptual_hash, hash_algorithm, first_uploaded_at"
                    " from image_perceptual_hash_index order by 1"
                )
            )
            assert [tuple(row) for row in told] == [
                ("a" * 16, "dhash", made[0].created_at),
                ("b" * 16, "phash", made[2].created_at),
            ]
        assert store.reindex(connection) == store.IndexReport(0, 0)

    def test_rows_of_another_program_count_too(self, connection: Connection) -> None:
        """The index is consistent with all signals, whoever wrote them."""
        first, second = submit(connection, 0), submit(connection, 1)
        connection.execute(
            text(
                "insert into payment_image_signals"
                " (payment_submission_id, image_url, perceptual_hash) values (:id, 'x', :hash)"
            ),
            {"id": first.id, "hash": "00ff00ff00ff00ff"},
        )
        save(connection, second, picture("a"))
        assert hashes(connection) == {"00ff00ff00ff00ff": (first.id, 2)}

    def test_a_hash_of_what_was_no_analysis_has_not_been_counted(
        self, connection: Connection
    ) -> None:
        """So it arrives with the analysis that takes the row's place, also where it is the same."""
        one = submit(connection)
        connection.execute(
            text(
                "insert into payment_image_signals"
                " (payment_submission_id, image_url, perceptual_hash, analysis_status)"
                " values (:id, 'x', :hash, 'failed')"
            ),
            {"id": one.id, "hash": "00ff00ff00ff00ff"},
        )
        save(connection, one, picture("a"))
        assert hashes(connection) == {"00ff00ff00ff00ff": (one.id, 1)}


class TestPlans:
    """Batches of a run."""

    def test_planning_again_keeps_the_plan(self, connection: Connection) -> None:
        """A queue that hands out the planning twice takes no batch away from who works on it."""
        ids = [uuid4() for _ in range(7)]
        assert store.plan(connection, "run", ids, 2) == 4
        assert store.plan(connection, "run", ids[:3], 2) == 4
        last = source.planned(connection, "run", 4)
        assert last is not None
        assert list(last.submission_ids) == ids[6:]
        assert store.plan(connection, "idle", [], 2) == 0
        assert store.plan(connection, "idle", ids, 2) == 0

    def test_old_plans_are_forgotten(self, connection: Connection) -> None:
        """Plans of runs that ended more than a week ago do not pile up; others stay."""
        for run in ("old", "recent"):
            store.plan(connection, run, [uuid4()], 5)
        connection.execute(
            text(
                "update image_signal_batches set planned_at = planned_at - interval '8 days'"
                " where run_id = 'old'"
            )
        )
        store.plan(connection, "new", [uuid4()], 5)
        found = {run: source.planned(connection, run, 1) for run in ("old", "recent", "new")}
        assert [run for run, batch in found.items() if batch] == ["recent", "new"]


class TestOthersAtWork:
    """Other writers: our own, and the live application."""

    def test_two_runs_on_one_submission_end_with_one_row(self, engine: Engine) -> None:
        """Batches that overlap, saved at once in opposite orders, neither fail nor double rows."""
        with engine.begin() as connection:
            made = [submit(connection, day) for day in range(20)]

        def run(seed: int) -> None:
            ordered = made[::-1] if seed % 2 else made
            for start in range(0, len(ordered), 5):
                batch = ordered[start : start + 5]
                result = NOT_FOUND if seed == 0 else picture("a")
                with engine.begin() as connection:
                    store.save(connection, [Outcome(each, result) for each in batch], ANALYSED_AT)
                with engine.begin() as connection:
                    store.link(connection, [each.id for each in batch])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, range(4)))
        with engine.connect() as connection:
            report = verify.report(connection)
            assert {check.name for check in report.checks if not check.passed} == OF_AN_OLD_VERSION
            assert report.status_breakdown == {"completed": 20}
            assert source.totals(connection).pending == 0
            assert marked(connection) == {each.id for each in made[1:]}

    def test_a_connection_that_is_lost_in_a_turn_says_so(self, engine: Engine) -> None:
        """The reason is told, and not that the connection cannot be asked any more."""
        die = text("select pg_terminate_backend(pg_backend_pid())")
        with engine.connect() as connection:
            lost = pytest.raises(OperationalError, match=r"terminat|closed")
            with lost, connection.begin():
                turns.in_turn(connection, lambda: connection.execute(die))

    def test_a_row_held_by_the_live_application_is_waited_for(self, engine: Engine) -> None:
        """We step back and try again, so that a knot of locks never costs the live application."""
        with engine.begin() as connection:
            original, copy = submit(connection, 0), submit(connection, 1)
            save(connection, original, picture("a"))
            save(connection, copy, picture("a"))
        held = threading.Event()

        def live_application() -> None:
            with engine.begin() as connection:
                connection.execute(
                    text("delete from payment_submissions where id = :id"), {"id": original.id}
                )
                held.set()
                let_others_wait(connection)
                connection.execute(
                    text(
                        "update payment_image_signals set aspect_ratio = 'x'"
                        " where payment_submission_id = :id"
                    ),
                    {"id": copy.id},
                )

        with ThreadPoolExecutor(1) as pool:
            live = pool.submit(live_application)
            assert held.wait(10)
            with engine.begin() as connection:
                store.link(connection, [copy.id])
            live.result()
        with engine.connect() as connection:
            row = rows(connection)[copy.id]
            assert (row["duplicate_detected"], row["aspect_ratio"]) == (False, "x")

    def test_a_knot_with_the_live_application_is_undone_by_us(self, engine: Engine) -> None:
        """Writes wrapped into one turn are rolled back together: we hold nothing while we wait."""
        with engine.begin() as connection:
            original, copy = submit(connection, 0), submit(connection, 1)
            save(connection, original, picture("a"))
            save(connection, copy, NOT_FOUND)
        held = threading.Event()

        def live_application() -> None:
            with engine.begin() as connection:
                connection.execute(
                    text("update payment_submissions set id = id where id = :id"),
                    {"id": original.id},
                )
                connection.execute(
                    text("select from payment_submissions where id = :id for update"),
                    {"id": original.id},
                )
                held.set()
                let_others_wait(connection)  # the copy is saved, its link waits for the original
                connection.execute(
                    text(
                        "update payment_image_signals set aspect_ratio = 'x'"
                        " where payment_submission_id = :id"
                    ),
                    {"id": copy.id},
                )

        def save_and_link(connection: Connection) -> None:
            save(connection, copy, picture("a"))
            store.link(connection, [copy.id])

        with ThreadPoolExecutor(1) as pool:
            live = pool.submit(live_application)
            assert held.wait(10)
            with engine.begin() as connection:
                store.in_turn(connection, lambda: save_and_link(connection))
            live.result()
        with engine.connect() as connection:
            assert marked(connection) == {copy.id}

    def test_a_row_that_never_comes_free_ends_with_one_line(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Waiting is bounded, and nothing of the batch is stored."""
        monkeypatch.setattr(turns, "ATTEMPTS", 2)
        with engine.begin() as connection:
            made = [submit(connection, day) for day in range(2)]
            save(connection, made[0], NOT_FOUND)
        with engine.connect() as live:
            live.execute(text("select * from payment_image_signals for update"))
            outcomes = [Outcome(each, picture("a")) for each in made]
            with (
                pytest.raises(store.TablesBusyError, match="keep the image signal tables locked"),
                engine.begin() as connection,
            ):
                store.save(connection, outcomes, ANALYSED_AT)
        with engine.connect() as connection:
            assert set(rows(connection)) == {made[0].id}

    def test_the_turn_of_a_machine_that_is_gone_ends(self, connection: Connection) -> None:
        """Nobody waits half an hour for it, as long as a download may take in all."""
        idle = text("show idle_in_transaction_session_timeout")
        before = connection.execute(idle).scalar_one()
        within = store.in_turn(connection, lambda: connection.execute(idle).scalar_one())
        assert (before, within) == ("30min", "10min")

    def test_nobody_looks_ahead_whose_turn_it_is(self, connection: Connection) -> None:
        """What is done while waiting is not done without."""
        store.in_turn(connection, lambda: None, meanwhile=pytest.fail)

    @pytest.mark.parametrize("write", [store.link, store.reindex])
    def test_a_turn_that_never_comes_ends_with_one_line(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch, write: Any
    ) -> None:
        """A writer that hangs does not hang the others."""
        monkeypatch.setattr(turns, "TURN_TIMEOUT", "200ms")
        with engine.begin() as hanging:
            store.link(hanging)
            with pytest.raises(store.TablesBusyError), engine.begin() as connection:
                write(connection)

    def test_a_transaction_that_has_failed_is_not_taken_for_a_busy_one(
        self, connection: Connection
    ) -> None:
        """Waiting would not help; PostgreSQL's own error is what the caller sees."""
        with pytest.raises(DBAPIError):
            connection.execute(text("select 1 / 0"))
        with pytest.raises(DBAPIError, match="current transaction is aborted"):
            store.link(connection)

    def test_other_errors_are_not_hidden(self, connection: Connection) -> None:
        """A value that breaks a rule is our mistake, and raises as it is."""
        analysis = picture("a")
        wrong = replace(analysis, signals=replace(analysis.signals, text_density_score=101))
        with pytest.raises(Exception, match="imagesignals_text_density"):
            save(connection, submit(connection), wrong)


def test_digests_are_32_bytes(connection: Connection) -> None:
    """A digest of another length is refused, so that no truncated one is ever compared."""
    analysis = picture("a")
    short = replace(analysis.fingerprint, content_sha256=digest("a")[:31])
    with pytest.raises(Exception, match="content_sha256"):
        save(connection, submit(connection), replace(analysis, fingerprint=short))
