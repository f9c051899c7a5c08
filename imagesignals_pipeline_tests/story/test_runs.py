"""The guide's runs: the first one, the second one, a part, another try."""

import json
from collections import Counter
from datetime import UTC, datetime

from sqlalchemy import text

from imagesignals_pipeline import activity
from imagesignals_pipeline.model import Totals
from imagesignals_pipeline_tests.fetch.servers import Server, reply
from imagesignals_pipeline_tests.few import FEW, NOVEMBER, receipt
from imagesignals_pipeline_tests.story.conftest import CleanRun, Operator

A_WEB_PAGE = "Not an image: the address answers with a web page (a sign-in or error page?)"
FAST = ("backfill", "--batch-delay", "0")
SUBMIT = text(
    "insert into payment_submissions (flat_id, screenshot_url, created_at)"
    " values (:flat_id, :url, :created_at)"
)

ONE_FAILED = (
    "⚠️ 1 failed: `imagesignals verify` says why, and --retry-failed tries again what may pass"
)


def test_first_run(clean_run: CleanRun) -> None:
    """The first run says the guide's lines in the guide's order and numbers batches through."""
    assert (clean_run.said.status, clean_run.said.err) == (0, "")
    assert clean_run.said.lines == [
        "🔍 Fetching payment submissions with screenshots...",
        "📊 Found 9 payment submissions to process",
        "🔄 Processing batch 1 of 3",
        "✅ Processed F-601 - OK",
        "✅ Processed F-102 - OK",
        "✅ Processed F-504 - OK",
        "✅ Processed F-803 - OK",
        "❌ Failed F-404 - Failed to fetch: 404",
        "🔄 Processing batch 2 of 3",
        "✅ Processed F-1002 - OK",
        "🔄 Processing batch 3 of 3",
        "✅ Processed F-601 - Duplicate detected!",
        "✅ Processed F-204 - OK",
        f"⏭️ Skipped F-102 - {A_WEB_PAGE}",
        "📈 Processed 9 of 9: 7 successful, 1 skipped, 1 failed",
        ONE_FAILED,
        "✨ Backfill completed successfully!",
    ]


def test_every_submission_gets_what_it_deserves(done: Operator) -> None:
    """Each submission has the row that its maker expects, and the copy names its original."""
    with done.engine.connect() as connection:
        rows = {
            row.payment_submission_id: row
            for row in connection.execute(text("select * from payment_image_signals"))
        }
        runs = connection.execute(text("select count(distinct run_id) from image_signal_batches"))
        assert runs.scalar_one() == 2  # one for each month
    for each in FEW:
        row = rows.get(each.id)
        assert (row and row.analysis_status) == each.status, each.kind
        assert (row and row.similar_to_payment_id) == each.copy_of, each.kind
    assert done.run_statuses() == ["SUCCESS", "SUCCESS"]


def test_second_run_writes_nothing(done: Operator) -> None:
    """Running again says that there is nothing to do, and leaves every row as it is."""
    rows = text("select xmin::text, * from payment_image_signals order by id")
    hashes = text("select xmin::text, * from image_perceptual_hash_index order by 2")
    with done.engine.connect() as connection:
        before = [connection.execute(each).all() for each in (rows, hashes)]
    said = done.runs(*FAST)
    assert said.status == 0
    assert said.lines == [
        "🔍 Fetching payment submissions with screenshots...",
        activity.nothing(Totals(9, 9, 7, 1, 1, 0)).line,
        "✨ Backfill completed successfully!",
    ]
    with done.engine.connect() as connection:
        assert [connection.execute(each).all() for each in (rows, hashes)] == before


def test_new_submissions_are_all_that_is_done(done: Operator, clean_run: CleanRun) -> None:
    """What was submitted since is analysed, also if it is older; the older one is the original."""
    with done.engine.begin() as connection:
        url = text("select screenshot_url from payment_submissions where id = :id")
        copied = connection.execute(url, {"id": FEW[0].id}).scalar_one()
        older = {"flat_id": "F-1", "url": copied, "created_at": datetime(2019, 3, 1, tzinfo=UTC)}
        connection.execute(SUBMIT, older)
    said = done.runs(*FAST)
    assert said.lines[1:-1] == [
        "📊 Found 1 payment submissions to process",
        "🔄 Processing batch 1 of 1",
        "✅ Processed F-1 - OK",
        "📈 Processed 10 of 10: 1 successful, 9 skipped (9 done before), 0 failed",
    ]
    with done.engine.connect() as connection:
        originals = connection.execute(
            text(
                "select original.flat_id from payment_image_signals as signals"
                " join payment_submissions as original on original.id = similar_to_payment_id"
            )
        )
        assert list(originals.scalars()) == ["F-1", "F-1"]
    assert done.digest() != clean_run.digest


def test_what_waits_is_compared_after_the_last_month(society: Operator) -> None:
    """Pictures of several months may concern the same later ones, which are compared once."""
    with society.engine.begin() as connection:
        connection.execute(text("insert into image_rechecks select generate_series(1, 120)"))
    said = society.runs(*FAST)
    assert said.status == 0
    assert said.lines[-7:] == [
        f"⏭️ Skipped F-102 - {A_WEB_PAGE}",
        *(f"🔁 Compared {done} of 120 pictures anew" for done in (50, 100, 120)),
        "📈 Processed 9 of 9: 7 successful, 1 skipped, 1 failed",
        ONE_FAILED,
        "✨ Backfill completed successfully!",
    ]
    assert sum("🔁" in line for line in said.lines) == 3


def test_a_part_of_the_time(society: Operator) -> None:
    """`--since` is included and `--until` is not; batches are as large as asked."""
    with society.engine.begin() as connection:
        for day in (5, 6):
            midnight = NOVEMBER.replace(day=day, hour=0)
            connection.execute(
                SUBMIT, {"flat_id": f"DAY-{day}", "url": "nowhere.png", "created_at": midnight}
            )
    said = society.runs(
        *FAST, "--since", "2025-11-05", "--until", "2025-11-06", "--batch-size", "3"
    )
    assert said.status == 0, said.err
    assert said.lines[1] == "📊 Found 4 payment submissions to process"
    assert [line for line in said.lines if "batch" in line] == [
        "🔄 Processing batch 1 of 2",
        "🔄 Processing batch 2 of 2",
    ]
    with society.engine.connect() as connection:
        done = connection.execute(
            text(
                "select flat_id from payment_image_signals"
                " join payment_submissions as submission on submission.id = payment_submission_id"
                " order by submission.created_at"
            )
        )
        assert list(done.scalars()) == ["DAY-5", "F-601", "F-204", "F-102"]


def test_another_try_heals_what_may_pass(operator: Operator) -> None:
    """A 404 counts as done until `--retry-failed`; a damaged picture is not even fetched again."""
    with Server({"/damaged.png": reply(200, receipt()[:500])}) as server:
        with operator.engine.begin() as connection:
            for name in ("lost", "damaged"):
                url = f"{server.url}/{name}.png"
                connection.execute(
                    SUBMIT, {"flat_id": f"F-{name}", "url": url, "created_at": NOVEMBER}
                )
        trusting = {"IMAGESIGNALS_ALLOWED_ORIGINS": server.url}
        first = operator.runs(*FAST, **trusting)
        assert "❌ Failed F-lost - Failed to fetch: 404" in first.lines
        server.answers["/lost.png"] = reply(200, receipt())
        server.seen.clear()
        assert "No payments found" in operator.runs(*FAST, **trusting).out
        assert server.paths() == []
        said = operator.runs(*FAST, "--retry-failed", **trusting)
        assert server.paths() == ["/lost.png"]
    assert said.lines[1:-1] == [
        "📊 Found 1 payment submissions to process",
        "🔄 Processing batch 1 of 1",
        "✅ Processed F-lost - OK",
        "📈 Processed 2 of 2: 1 successful, 1 skipped (1 done before), 0 failed",
    ]
    with operator.engine.connect() as connection:
        statuses = connection.execute(text("select analysis_status from payment_image_signals"))
        assert Counter(statuses.scalars()) == {"completed": 1, "failed": 1}


def test_no_submissions_at_all(operator: Operator) -> None:
    """An empty table is nothing to do, and nothing to complain about."""
    said = operator.runs(*FAST)
    assert (said.status, said.err) == (0, "")
    assert "No payments found" in said.lines[1]
    verified = operator.runs("verify", "--json")
    assert verified.status == 0, verified.err
    report = json.loads(verified.out)
    assert (report["total_payments_with_screenshots"], report["pending"]) == (0, 0)


def test_what_has_no_screenshot_is_never_fetched(operator: Operator) -> None:
    """Manual entries, blank URLs and missing ones are no work and get no row."""
    with operator.engine.begin() as connection:
        for url in ("admin-manual-entry", "   ", "", None):
            connection.execute(SUBMIT, {"flat_id": "F", "url": url, "created_at": NOVEMBER})
    said = operator.runs(*FAST)
    assert said.status == 0
    assert said.lines[1] == "No payments found: no submission in this range has a screenshot"
    with operator.engine.connect() as connection:
        assert not connection.execute(text("select from payment_image_signals")).all()
