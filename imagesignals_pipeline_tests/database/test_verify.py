"""Verification: the guide's queries, and each check on tables broken on purpose."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text

from imagesignals_pipeline import sql, store, verify
from imagesignals_pipeline.model import FailureKind, Outcome, Submission
from imagesignals_pipeline.sql.loader import statements
from imagesignals_pipeline_tests.database.society import (
    ANALYSED_AT,
    NOT_FOUND,
    picture,
    show_other,
    submit,
)

GUIDE = {
    "guide_total": """
        SELECT COUNT(*) as total_payments_with_screenshots
        FROM payment_submissions
        WHERE screenshot_url IS NOT NULL
    """,
    "guide_analyzed": """
        SELECT COUNT(*) as total_analyzed
        FROM payment_image_signals
        WHERE analysis_status = 'completed'
    """,
    "guide_statuses": """
        SELECT
          analysis_status,
          COUNT(*) as count
        FROM payment_image_signals
        GROUP BY analysis_status
        ORDER BY count DESC
    """,
    "guide_duplicates": """
        SELECT
          ps.flat_id,
          ps.created_at,
          pis.similarity_percentage,
          pis.similarity_explanation
        FROM payment_image_signals pis
        JOIN payment_submissions ps ON ps.id = pis.payment_submission_id
        WHERE pis.duplicate_detected = true
        ORDER BY ps.created_at DESC
        LIMIT 20
    """,
}
"""The queries under "Post-Backfill Verification" of the operator's guide."""


@pytest.mark.parametrize(
    ("odd", "shown"),
    [
        ("infinity", 9999),
        ("20000-01-01", 9999),
        ("-infinity", 1970),
        ("0044-03-15 BC", 1970),
        (None, None),
    ],
)
def test_a_copy_without_a_sensible_date_is_listed(
    connection: Connection, odd: str | None, shown: int | None
) -> None:
    """What PostgreSQL has dates for, and Python has not, ends no verification."""
    made = [submit(connection, day) for day in range(2)]
    for each in made:
        store.save(connection, [Outcome(each, picture("a"))], ANALYSED_AT)
    store.link(connection)
    connection.execute(
        text("update payment_submissions set created_at = :odd where id = :id"),
        {"odd": odd, "id": made[1].id},
    )
    (found,) = verify.report(connection).duplicates
    assert (found.created_at and found.created_at.year) == shown


def failed(connection: Connection) -> set[str]:
    """Return the names of the checks that fail."""
    return {check.name for check in verify.report(connection).checks if not check.passed}


@pytest.mark.parametrize("name", GUIDE)
def test_the_guides_queries_are_the_guides(name: str) -> None:
    """The operator's queries run as they are printed, but for white space."""
    body = statements()[name].split("\n", 1)[1]
    assert body.split() == GUIDE[name].split()


def test_an_empty_database_passes_and_says_why(connection: Connection) -> None:
    """Nothing to check is no failure, and every description says so."""
    report = verify.report(connection)
    assert report.passed
    assert all(check.passed for check in report.checks)
    assert all("nothing to check" in check.description for check in report.checks)
    assert report.total_payments_with_screenshots == report.pending == 0
    assert json.loads(json.dumps(report.as_json()))["duplicates"] == []


def test_a_clean_run_passes_every_check(connection: Connection, society: list[Submission]) -> None:
    """The numbers are those of the guide's queries and of the submissions."""
    report = verify.report(connection)
    assert failed(connection) == set()
    assert (report.total_payments_with_screenshots, report.total_analyzed) == (7, 5)
    assert (report.pending, report.submissions_to_analyze) == (0, 7)
    assert report.status_breakdown == {"completed": 5, "failed": 1, "skipped": 1}
    assert report.failures_by_kind == {"not_found": 1, "unsupported_format": 1}
    assert [each.flat_id for each in report.duplicates] == ["F-102", "F-101"]
    newest = report.duplicates[0]
    assert newest.created_at == society[2].created_at
    assert newest.similarity_explanation == (
        "Same picture as flat F-100's submission of 1 March 2025, saved again."
    )
    assert {check.name for check in report.checks} == {check.name for check in verify.CHECKS}


def test_the_report_has_the_keys_of_the_contract(
    connection: Connection, society: list[Submission]
) -> None:
    """What `imagesignals verify --json` prints can be read by a program."""
    assert society
    report = json.loads(json.dumps(verify.report(connection).as_json()))
    assert {
        "total_payments_with_screenshots",
        "total_analyzed",
        "pending",
        "status_breakdown",
        "duplicates",
        "checks",
    } <= report.keys()
    assert set(report["duplicates"][0]) == {
        "flat_id",
        "created_at",
        "similarity_percentage",
        "similarity_explanation",
    }
    assert datetime.fromisoformat(report["duplicates"][0]["created_at"]).tzinfo == UTC
    assert {"name", "passed", "severity", "description"} <= report["checks"][0].keys()
    assert {check["severity"] for check in report["checks"]} == {"ERROR", "WARN"}


def test_blank_urls_and_manual_entries_are_told_apart(connection: Connection) -> None:
    """The guide's total counts every URL; what there is to analyse is told beside it."""
    for url in ("https://store.test/a.png", " ", "admin-manual-entry", None):
        submit(connection, url=url)
    report = verify.report(connection)
    assert (report.total_payments_with_screenshots, report.submissions_to_analyze) == (3, 1)
    assert report.pending == 1


def test_no_more_than_twenty_duplicates_are_listed(connection: Connection) -> None:
    """The newest come first, whatever else there is; odd dates do no harm."""
    made = [submit(connection, day) for day in range(25)]
    store.save(connection, [Outcome(each, picture("a")) for each in made], ANALYSED_AT)
    store.link(connection)
    connection.execute(
        text("update payment_submissions set created_at = null where id = :id"), {"id": made[3].id}
    )
    listed = verify.report(connection).duplicates
    assert len(listed) == 20
    assert listed[0].created_at is None
    assert listed[1].created_at == made[24].created_at


BREAKAGES = {
    "every_submission_accounted_for": "insert into payment_submissions (screenshot_url)"
    " values ('https://store.test/new.png')",
    "one_row_per_submission": "drop index imagesignals_one_row_per_submission;"
    "insert into payment_image_signals (payment_submission_id, image_url, analysis_status)"
    " select payment_submission_id, image_url, 'skipped' from payment_image_signals"
    " where analysis_status = 'skipped'",
    "no_dangling_links": "alter table payment_image_signals"
    " drop constraint payment_image_signals_payment_submission_id_fkey;"
    "insert into payment_image_signals (payment_submission_id, image_url, analysis_status)"
    " values (gen_random_uuid(), 'x', 'skipped')",
    "no_self_duplicates": "alter table payment_image_signals"
    " drop constraint imagesignals_not_own_copy;"
    "update payment_image_signals set written_by_pipeline = false,"
    " similar_to_payment_id = payment_submission_id where analysis_status = 'skipped'",
    "duplicates_have_an_original": "update payment_image_signals"
    " set similar_to_payment_id = null where duplicate_detected",
    "copies_are_marked": "update payment_image_signals set duplicate_detected = false,"
    " similar_to_payment_id = null, similarity_percentage = null, similarity_explanation = null",
    "completed_rows_are_whole": "update payment_image_signals set perceptual_hash = null"
    " where perceptual_hash ~ 'c';"
    "delete from image_perceptual_hash_index where perceptual_hash ~ 'c'",
    "failures_have_a_reason": "update payment_image_signals set analysis_error = ' '",
    "failure_rate": "update payment_image_signals set analysis_status = 'failed'"
    " where analysis_status = 'skipped'",
    "pictures_can_be_compared": "update image_fingerprints set algorithm_version = 1"
    " where payment_submission_id = (select payment_submission_id from payment_image_signals"
    " where duplicate_detected limit 1)",
    "late_pictures_are_compared": "insert into image_rechecks values (1)",
    "index_matches_signals": "update image_perceptual_hash_index"
    " set upload_count = upload_count + 1",
}
"""What breaks one check, and that one alone, on the society of these tests."""
OTHERS = {
    "adopted_rows_keep_the_rules",
    "all_submissions_visible",
    "duplicate_rate",
    "nothing_waits_long",
}
"""Checks that tests of their own break."""


def test_every_check_is_broken_somewhere() -> None:
    """A new one needs its counterexample."""
    assert BREAKAGES.keys() | OTHERS == {check.name for check in verify.CHECKS}


@pytest.mark.parametrize("name", BREAKAGES)
def test_each_check_fails_on_tables_broken_on_purpose(
    connection: Connection, society: list[Submission], name: str
) -> None:
    """A check sees what it is for, says what to do, and the others stay calm."""
    assert society
    connection.execute(text(BREAKAGES[name]))
    report = verify.report(connection)
    (broken,) = (check for check in report.checks if not check.passed)
    assert broken.name == name
    assert broken.numbers["broken"] > 0
    assert str(broken.numbers["broken"]) in broken.description or name == "failure_rate"
    assert report.passed is (broken.severity is verify.Severity.WARN)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        # The original of a copy is a copy itself.
        (
            (
                "update payment_image_signals as copy set similar_to_payment_id = other.id"
                " from (select payment_submission_id as id from payment_image_signals"
                "  where duplicate_detected order by similarity_explanation desc limit 1) as other"
                " where copy.duplicate_detected and copy.payment_submission_id <> other.id"
            ),
            {"duplicates_have_an_original"},
        ),
        # The original is later than its copy.
        (
            "update payment_submissions set created_at = '2026-01-01' where flat_id = 'F-100'",
            {"duplicates_have_an_original", "copies_are_marked", "index_matches_signals"},
        ),
        # The original was never analysed.
        (
            (
                "update payment_image_signals set similar_to_payment_id ="
                " (select id from payment_submissions where flat_id = 'F-105')"
                " where duplicate_detected;"
                "update payment_submissions set created_at = '2020-01-01' where flat_id = 'F-105'"
            ),
            {"duplicates_have_an_original"},
        ),
        # A row that is no copy names an original.
        (
            (
                "update payment_image_signals set similar_to_payment_id ="
                " (select first_payment_id from image_perceptual_hash_index where upload_count > 1)"
                " where analysis_status = 'skipped'"
            ),
            {"duplicates_have_an_original"},
        ),
        # A copy that does not say why.
        (
            "update payment_image_signals set similarity_explanation = '' where duplicate_detected",
            {"duplicates_have_an_original"},
        ),
        # Rows of the hash index: lost, surplus, with another first submission.
        ("delete from image_perceptual_hash_index", {"index_matches_signals"}),
        (
            (
                "insert into image_perceptual_hash_index (perceptual_hash, first_payment_id)"
                " select 'ffffffffffffffff', id from payment_submissions limit 1"
            ),
            {"index_matches_signals"},
        ),
        (
            (
                "update image_perceptual_hash_index set first_payment_id ="
                " (select id from payment_submissions where flat_id = 'F-106')"
            ),
            {"index_matches_signals"},
        ),
        # Links to submissions that are gone, where keys do not guard.
        (
            (
                "alter table image_perceptual_hash_index"
                " drop constraint image_perceptual_hash_index_first_payment_id_fkey;"
                "insert into image_perceptual_hash_index (perceptual_hash, first_payment_id)"
                " values ('', gen_random_uuid())"
            ),
            {"no_dangling_links", "index_matches_signals"},
        ),
        (
            (
                "alter table payment_image_signals"
                " drop constraint payment_image_signals_similar_to_payment_id_fkey;"
                "update payment_image_signals set similar_to_payment_id = gen_random_uuid()"
                " where duplicate_detected"
            ),
            {"no_dangling_links", "duplicates_have_an_original"},
        ),
        # An analysis without a fingerprint; a failure without a kind.
        (
            (
                "delete from image_fingerprints where payment_submission_id ="
                " (select payment_submission_id from payment_image_signals"
                " where perceptual_hash ~ 'c')"
            ),
            {"completed_rows_are_whole", "pictures_can_be_compared"},
        ),
        (
            "update payment_image_signals set failure_kind = null where analysis_status = 'failed'",
            {"failures_have_a_reason"},
        ),
        # A row that a user of the live application wrote for his own payment.
        (
            (
                "with mine as (insert into payment_submissions (screenshot_url)"
                " values ('https://store.test/reused.png') returning id, screenshot_url)"
                " insert into payment_image_signals (payment_submission_id, image_url,"
                " analysis_status, analysis_error, failure_kind, written_by_pipeline)"
                " select id, screenshot_url, 'skipped', 'none', 'unsupported_format', true"
                " from mine"
            ),
            {"failures_have_a_reason"},
        ),
        # A row that somebody left half done is not accounted for.
        (
            (
                "update payment_image_signals set analysis_status = 'processing'"
                " where analysis_status = 'skipped'"
            ),
            {"every_submission_accounted_for", "nothing_waits_long"},
        ),
        # Copies of the same pixels in another file.
        (
            (
                "update payment_image_signals set duplicate_detected = false,"
                " similar_to_payment_id = null where similarity_explanation ~ 'saved again'"
            ),
            {"copies_are_marked"},
        ),
    ],
)
def test_other_ways_of_breaking_are_seen(
    connection: Connection, society: list[Submission], statement: str, expected: set[str]
) -> None:
    """Every part of every condition has its counterexample."""
    assert society
    connection.execute(text(statement))
    assert failed(connection) == expected


def test_failures_are_tolerated_up_to_a_rate(
    connection: Connection, society: list[Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the limit it passes; one failed of seven is above a tenth."""
    assert society

    def passed(limit: float) -> bool:
        monkeypatch.setattr(verify, "MAX_FAILURE_RATE", limit)
        return "failure_rate" not in failed(connection)

    assert not passed(0)
    assert not passed(0.1)
    assert passed(1 / 7 + 1e-9)
    assert passed(1)


def finish(connection: Connection, count: int, kind: str | None = None, *, days: int = 0) -> None:
    """Let screenshots be finished some days ago: a failure of a kind, or what was analysed."""
    status = FailureKind(kind).status if kind else "completed"
    connection.execute(
        text(
            "with mine as (insert into payment_submissions (screenshot_url)"
            "  select 'https://store.test/' || number || '.png'"
            "  from generate_series(1, :count) as number returning id, screenshot_url)"
            " insert into payment_image_signals (payment_submission_id, image_url,"
            "  analysis_status, failure_kind, analyzed_at)"
            " select id, screenshot_url, :status, :kind, now() - make_interval(days => :days)"
            " from mine"
        ),
        {"count": count, "status": str(status), "kind": kind, "days": days},
    )


def failure_rate(connection: Connection) -> verify.CheckResult:
    """Return how the check of the failures comes out."""
    (rate,) = (each for each in verify.report(connection).checks if each.name == "failure_rate")
    return rate


def test_web_pages_in_place_of_pictures_are_no_success(connection: Connection) -> None:
    """A storage that answers with its sign-in page fails; formats that are not analysed do not."""
    finish(connection, 3, "unsupported_format")
    assert failure_rate(connection).passed
    finish(connection, 9, "not_an_image")
    rate = failure_rate(connection)
    assert not rate.passed
    assert rate.description.startswith(
        "Of 12 0 failed and 9 were no image; of 12 in the last 7 days 9: mend the cause"
    )
    told = ("failed", "skipped", "not_an_image", "failed_percent")
    assert [rate.numbers[name] for name in told] == [0, 12, 9, 75]


def test_an_outage_of_these_days_is_seen_among_years(connection: Connection) -> None:
    """Ten rows of the last week or more must keep to the limit by themselves."""
    finish(connection, 300, days=8)
    finish(connection, 30, "not_found", days=8)
    finish(connection, 9, "network", days=6)
    assert failure_rate(connection).passed  # nine are too few to tell
    finish(connection, 1)
    rate = failure_rate(connection)
    assert not rate.passed
    assert dict(rate.numbers) == {
        "broken": 7,
        "failed": 39,
        "skipped": 0,
        "not_an_image": 0,
        "finished": 340,
        "failed_percent": 11,
        "recent_failed": 9,
        "recent_finished": 10,
        "recent_failed_percent": 90,
    }
    finish(connection, 35)
    assert failure_rate(connection).passed  # 9 of 45 are a fifth


def test_adopted_rows_are_reported_and_excused(live: Connection) -> None:
    """What the live application's bugs left is told, and only its own original is an error."""
    sql.migrate(live)
    store.reindex(live)
    assert failed(live) == {
        "every_submission_accounted_for",  # two new ones and two left half done
        "nothing_waits_long",
        "no_self_duplicates",
        "pictures_can_be_compared",
        "adopted_rows_keep_the_rules",
    }
    live.execute(
        text(
            "update payment_image_signals set duplicate_detected = false,"
            " similar_to_payment_id = null where similar_to_payment_id = payment_submission_id"
        )
    )
    assert verify.report(live).passed


def test_what_cannot_be_fetched_any_more_is_not_asked_for(
    connection: Connection, society: list[Submission]
) -> None:
    """A picture of an older version that was tried again in vain is counted apart."""
    old = society[3]
    connection.execute(
        text(
            "update image_fingerprints set algorithm_version = 1 where payment_submission_id = :id"
        ),
        {"id": old.id},
    )
    store.save(connection, [Outcome(old, NOT_FOUND)], ANALYSED_AT)
    checks = {check.name: check for check in verify.report(connection).checks}
    comparable = checks["pictures_can_be_compared"]
    assert dict(comparable.numbers) == {"broken": 0, "out_of_reach": 1, "analysed_rows": 5}
    connection.execute(text("update payment_image_signals set written_by_pipeline = false"))
    show_other(connection, old)
    (comparable,) = (
        each for each in verify.report(connection).checks if each.name == "pictures_can_be_compared"
    )
    assert dict(comparable.numbers) == {"broken": 1, "out_of_reach": 0, "analysed_rows": 5}
    connection.execute(text("update payment_submissions set screenshot_url = 'admin-manual-entry'"))
    assert "pictures_can_be_compared" not in failed(connection)


def test_a_failure_that_came_too_late_breaks_nothing(connection: Connection) -> None:
    """Its screenshot was corrected while it was fetched: the row waits, and is nobody's fault."""
    one = submit(connection)
    show_other(connection, one)
    store.save(connection, [Outcome(one, NOT_FOUND)], ANALYSED_AT)
    assert failed(connection) == {"every_submission_accounted_for", "failure_rate"}


def test_second_rows_without_the_unique_key_are_seen(live: Connection) -> None:
    """On tables whose key is gone, the check says so."""
    sql.migrate(live)
    live.execute(text("drop index imagesignals_one_row_per_submission"))
    live.execute(
        text(
            "insert into payment_image_signals (payment_submission_id, image_url)"
            " select payment_submission_id, 'again' from payment_image_signals"
        )
    )
    (check,) = (
        check for check in verify.report(live).checks if check.name == "one_row_per_submission"
    )
    assert not check.passed
    assert check.numbers["broken"] == 7


def test_submissions_hidden_by_row_level_security_are_noticed(connection: Connection) -> None:
    """Seeing nothing is told apart from there being nothing."""
    submit(connection)
    connection.execute(
        text(
            "alter table payment_submissions enable row level security;"
            "create role sees_nothing;"
            "grant select on all tables in schema public to sees_nothing;"
            "set local role sees_nothing"
        )
    )
    assert failed(connection) == {"all_submissions_visible"}


def test_tables_that_are_missing_end_with_one_line(live: Connection) -> None:
    """A database that was never migrated is told to be."""
    with pytest.raises(sql.SchemaError, match="run `imagesignals migrate`"):
        verify.report(live)


class TestDigest:
    """One value for the meaning of both tables."""

    @pytest.mark.parametrize(
        "statement",
        [
            (
                "update payment_image_signals set analyzed_at = '2000-01-01', updated_at = null,"
                " created_at = '2000-01-01'"
            ),
            "update payment_image_signals set id = gen_random_uuid()",
            "update image_perceptual_hash_index set last_updated_at = '2000-01-01'",
            "set local time zone 'Asia/Kolkata'",
        ],
    )
    def test_times_of_writing_mean_nothing(
        self, connection: Connection, society: list[Submission], statement: str
    ) -> None:
        """Two runs at different times mean the same."""
        assert society
        before = verify.digest(connection)
        connection.execute(text(statement))
        assert verify.digest(connection) == before

    @pytest.mark.parametrize(
        "statement",
        [
            "update payment_image_signals set metadata_notes = 'x' where duplicate_detected",
            "update payment_image_signals set similarity_percentage = 99 where duplicate_detected",
            "delete from payment_image_signals where analysis_status = 'failed'",
            "update image_perceptual_hash_index set upload_count = 7",
            "delete from image_perceptual_hash_index",
        ],
    )
    def test_content_means_something(
        self, connection: Connection, society: list[Submission], statement: str
    ) -> None:
        """A difference in any column that the application reads is seen."""
        assert society
        before = verify.digest(connection)
        connection.execute(text(statement))
        assert verify.digest(connection) != before


def test_whoever_waits_long_is_told(connection: Connection, society: list[Submission]) -> None:
    """A submission of yesterday may wait a day, and not longer."""
    assert society
    for hours in (23, 26):
        connection.execute(
            text(
                "insert into payment_submissions (screenshot_url, created_at)"
                " values ('https://store.test/x.png', now() - make_interval(hours => :hours))"
            ),
            {"hours": hours},
        )
    checks = {check.name: check for check in verify.report(connection).checks}
    late = checks["nothing_waits_long"]
    assert dict(late.numbers) == {"broken": 1, "waiting": 2, "oldest_wait_hours": 26}
    assert late.description.startswith(
        "1 have waited for more than a day, the longest for 26 hours"
    )
    assert checks["every_submission_accounted_for"].numbers["coverage_percent"] == 77
    assert checks["failure_rate"].numbers["failed_percent"] == 14


def test_since_when_some_wait_is_not_known(
    connection: Connection, society: list[Submission]
) -> None:
    """A screenshot that was corrected a moment ago, or one without a date, alarms nobody."""
    connection.execute(
        text("update payment_submissions set screenshot_url = 'https://new.test/' where id = :id"),
        {"id": society[0].id},
    )
    connection.execute(
        text(
            "insert into payment_submissions (screenshot_url, created_at)"
            " values ('https://store.test/x.png', null)"
        )
    )
    checks = {check.name: check for check in verify.report(connection).checks}
    late = checks["nothing_waits_long"]
    assert dict(late.numbers) == {"broken": 0, "waiting": 2, "oldest_wait_hours": 0}


def test_a_flood_of_copies_is_suspicious(connection: Connection) -> None:
    """Thirty in a hundred may be copies; one more is told; of a few rows, any part may be."""
    made = [submit(connection, day) for day in range(100)]
    store.save(
        connection, [Outcome(each, picture(f"{n}")) for n, each in enumerate(made)], ANALYSED_AT
    )

    def mark(copies: int) -> bool:
        ids = [str(each.id) for each in made[1 : copies + 1]]
        connection.execute(
            text(
                "update payment_image_signals set duplicate_detected = true"
                " where payment_submission_id = any(cast(:ids as uuid[]))"
            ),
            {"ids": ids},
        )
        return "duplicate_rate" in failed(connection)

    assert not mark(30)
    assert mark(31)
    connection.execute(text("delete from payment_submissions where created_at > '2025-04-18'"))
    assert not mark(31)
