"""Reads: who waits, in which order, and what counts as done."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import ProgrammingError

from imagesignals_pipeline import commands, source, sql, store
from imagesignals_pipeline.model import Failure, FailureKind, Outcome, Submission, advice_on
from imagesignals_pipeline.pace import Pace
from imagesignals_pipeline.source import Totals, Window
from imagesignals_pipeline_tests.database.society import (
    A_PDF,
    ANALYSED_AT,
    FIRST_DAY,
    NOT_FOUND,
    picture,
    submit,
)

FOR_GOOD = Failure(FailureKind.DAMAGED, "The picture is damaged")


@pytest.fixture
def society(connection: Connection) -> dict[str, Submission]:
    """One submission of every kind, a day apart."""
    made = {
        "new": submit(connection, 0, flat_id="F-100"),
        "analysed": submit(connection, 1),
        "pdf": submit(connection, 2),
        "not found": submit(connection, 3, flat_id="F-103"),
        "damaged": submit(connection, 4),
        "half done": submit(connection, 5, flat_id="F-105"),
        "adopted failure": submit(connection, 6, flat_id="F-106"),
        "manual": submit(connection, 7, url=" admin-manual-entry\n"),
        "blank": submit(connection, 8, url=" \t\r\n"),
        "none": submit(connection, 9, url=None),
    }
    outcomes = [
        Outcome(made["analysed"], picture("a")),
        Outcome(made["pdf"], A_PDF),
        Outcome(made["not found"], NOT_FOUND),
        Outcome(made["damaged"], FOR_GOOD),
    ]
    store.save(connection, outcomes, ANALYSED_AT)
    for name, status in (("half done", "processing"), ("adopted failure", "failed")):
        connection.execute(
            text(
                "insert into payment_image_signals"
                " (payment_submission_id, image_url, analysis_status) values (:id, 'x', :status)"
            ),
            {"id": made[name].id, "status": status},
        )
    return made


def named(society: dict[str, Submission], ids: list[UUID]) -> list[str]:
    """Return the names of submissions, in the order given."""
    names = {submission.id: name for name, submission in society.items()}
    return [names[id_] for id_ in ids]


class TestPending:
    """Who waits."""

    def test_without_a_finished_row_a_submission_waits(
        self, connection: Connection, society: dict[str, Submission]
    ) -> None:
        """New ones and rows that another program left unfinished wait; nothing else does."""
        assert named(society, source.pending_ids(connection)) == ["new", "half done"]

    def test_retrying_adds_failures_that_may_pass(
        self, connection: Connection, society: dict[str, Submission]
    ) -> None:
        """A 404 and a failure of unknown kind are tried again, a damaged picture is not."""
        waiting = source.pending_ids(connection, retry_failed=True)
        everyone = ["new", "pdf", "not found", "half done", "adopted failure"]
        assert named(society, waiting) == everyone

    def test_every_kind_of_failure_is_retried_as_the_model_says(
        self, connection: Connection
    ) -> None:
        """`may_pass` alone decides whether a failed row is tried again."""
        made = {kind: submit(connection) for kind in FailureKind}
        outcomes = [Outcome(made[kind], Failure(kind, "why")) for kind in FailureKind]
        store.save(connection, outcomes, ANALYSED_AT)
        assert source.pending_ids(connection) == []
        retried = set(source.pending_ids(connection, retry_failed=True))
        assert {kind for kind in FailureKind if made[kind].id in retried} == {
            kind for kind in FailureKind if kind.may_pass
        }

    def test_what_is_no_screenshot_never_waits(self, connection: Connection) -> None:
        """No URL, a blank one and the mark of a manual entry are skipped without a row."""
        urls = [None, "", " ", "\t\r\n\f\v ", "admin-manual-entry", "\n admin-manual-entry\t"]
        made = [submit(connection, url=url) for url in urls]
        assert source.pending_ids(connection, retry_failed=True) == []
        assert source.submissions(connection, [each.id for each in made]) == []
        assert source.totals(connection) == Totals(0, 0, 0, 0, 0, 0)

    def test_whatever_else_is_tried(self, connection: Connection) -> None:
        """A value that only looks odd waits: fetching says what is wrong with it."""
        urls = ["x", "/a.png", "admin-manual-entry.png", "not a url", "v"]
        made = [submit(connection, day, url=url) for day, url in enumerate(urls)]
        assert source.pending_ids(connection) == [each.id for each in made]

    def test_oldest_first_and_equal_times_by_id(self, connection: Connection) -> None:
        """The order is that of created_at, then id, not that of insertion."""
        late = submit(connection, 2)
        twins = [submit(connection, 1) for _ in range(5)]
        early = submit(connection, 0)
        expected = [early.id, *sorted(twin.id for twin in twins), late.id]
        assert source.pending_ids(connection) == expected
        assert [each.id for each in source.submissions(connection, expected[::-1])] == expected

    def test_the_preview_names_flats_and_never_urls(
        self, connection: Connection, society: dict[str, Submission]
    ) -> None:
        """The frame shows who waits, oldest first, cut to the limit."""
        assert society
        frame = source.pending_frame(connection, limit=2)
        assert list(frame.columns) == ["flat_id", "created_at"]
        assert frame["flat_id"].tolist() == ["F-100", "F-105"]
        assert frame["created_at"].iloc[0].to_pydatetime() == FIRST_DAY

    @pytest.mark.parametrize("frame", [source.pending_frame, source.failures_frame])
    def test_trouble_is_the_database_s_own(
        self, connection: Connection, frame: Callable[[Connection], object]
    ) -> None:
        """Whoever asks for a frame hears of it as from any other statement."""
        connection.execute(text("alter table payment_image_signals rename to elsewhere"))
        with pytest.raises(ProgrammingError):
            frame(connection)

    def test_an_empty_preview_has_the_same_columns(self, connection: Connection) -> None:
        """Nothing to do is an empty frame, not an error."""
        frame = source.pending_frame(connection)
        assert frame.empty
        assert list(frame.columns) == ["flat_id", "created_at"]


class TestWindows:
    """Half-open windows of created_at."""

    def test_the_lower_bound_is_included_and_the_upper_is_not(self, connection: Connection) -> None:
        """Adjoining windows share no submission and lose none."""
        made = [submit(connection, day) for day in range(4)]
        middle = FIRST_DAY + timedelta(days=2)
        first = source.pending_ids(connection, Window(until=middle))
        second = source.pending_ids(connection, Window(since=middle))
        assert first + second == [each.id for each in made]
        assert source.pending_ids(connection, Window(middle, middle)) == []

    def test_months_are_those_of_utc(self, connection: Connection) -> None:
        """The session's time zone does not move a submission into another month."""
        connection.execute(text("set local time zone 'Pacific/Auckland'"))
        submit(connection, -1 / 24)
        submit(connection, 0)
        submit(connection, 30)
        months = source.pending_by_month(connection)
        assert months == {date(2025, 2, 1): 1, date(2025, 3, 1): 2}
        assert source.pending_by_month(connection, Window(since=FIRST_DAY)) == {date(2025, 3, 1): 2}

    def test_a_bound_in_another_zone_is_the_same_instant(self, connection: Connection) -> None:
        """Windows compare instants, not clock faces."""
        submit(connection, 0)
        india = FIRST_DAY.astimezone(timezone(timedelta(hours=5, minutes=30)))
        assert source.totals(connection, Window(since=india)).total == 1
        assert source.totals(connection, Window(until=india)).total == 0

    def test_a_bound_without_zone_is_refused(self) -> None:
        """A naive time would mean whatever the session's zone is."""
        with pytest.raises(ValueError, match="has no time zone"):
            Window(since=datetime(2025, 3, 1))  # noqa: DTZ001 - that is what is refused

    @pytest.mark.parametrize("odd", [None, "-infinity", "0044-03-15 BC"])
    def test_undated_submissions_belong_to_1970(
        self, connection: Connection, odd: str | None
    ) -> None:
        """A submission without a usable date is found, once, in the earliest window."""
        made = submit(connection)
        connection.execute(
            text("update payment_submissions set created_at = cast(:odd as timestamptz)"),
            {"odd": odd},
        )
        january = Window(source.EPOCH, datetime(1970, 2, 1, tzinfo=UTC))
        assert source.pending_by_month(connection) == {date(1970, 1, 1): 1}
        assert source.pending_by_month(connection, january) == {date(1970, 1, 1): 1}
        assert source.totals(connection, january).total == 1
        assert source.pending_ids(connection, january) == [made.id]
        assert source.pending_ids(connection, Window(since=january.until)) == []
        assert source.submissions(connection, [made.id])[0].created_at == source.EPOCH

    @pytest.mark.parametrize("odd", ["infinity", "29000-01-01"])
    def test_dates_beyond_the_calendar_do_no_harm(self, connection: Connection, odd: str) -> None:
        """A date that Python cannot hold is read as the end of its calendar."""
        made = submit(connection)
        connection.execute(
            text("update payment_submissions set created_at = cast(:odd as timestamptz)"),
            {"odd": odd},
        )
        assert source.pending_ids(connection, Window(since=FIRST_DAY)) == [made.id]
        assert source.submissions(connection, [made.id])[0].created_at.year == 9999


def test_totals_add_up(connection: Connection, society: dict[str, Submission]) -> None:
    """Every screenshot is processed or pending, and manual entries count nowhere."""
    assert society
    counted = source.totals(connection)
    assert counted == Totals(total=7, processed=5, completed=1, skipped=1, failed=3, pending=2)
    assert counted.pending == len(source.pending_ids(connection))
    assert counted.pending == sum(source.pending_by_month(connection).values())


def test_submissions_that_are_gone_are_left_out(connection: Connection) -> None:
    """Deleted between planning and working is not an error."""
    made = submit(connection, url="https://store.test/a.png?token=1")
    assert source.submissions(connection, [uuid4(), made.id]) == [made]
    assert source.submissions(connection, []) == []


def test_a_flat_may_be_unnamed_or_a_uuid(live: Connection) -> None:
    """flat_id is an opaque label, also where the live application keeps a uuid there."""
    sql.migrate(live)
    labels = {each.flat_id for each in source.submissions(live, source.pending_ids(live))}
    assert labels
    assert all(UUID(label) for label in labels)


class TestPlannedWork:
    """Batches, and what of them is done."""

    def test_a_batch_is_found_by_its_number(self, connection: Connection) -> None:
        """Batches hold the ids in the order given and know how many there are."""
        ids = [uuid4() for _ in range(5)]
        assert store.plan(connection, "run", ids, 2) == 3
        batches = [source.planned(connection, "run", number) for number in (1, 2, 3)]
        assert [each and each.submission_ids for each in batches] == [
            tuple(ids[:2]),
            tuple(ids[2:4]),
            tuple(ids[4:]),
        ]
        assert {each and each.batch_count for each in batches} == {3}
        assert source.planned(connection, "run", 4) is None
        assert source.planned(connection, "other run", 1) is None

    def test_the_totals_of_a_run_are_of_what_it_planned(self, connection: Connection) -> None:
        """Rows written since the plan count, whoever wrote them; the rest is pending."""
        made = [submit(connection, day) for day in range(5)]
        store.save(connection, [Outcome(made[4], picture("a"))], datetime.now(UTC))
        store.plan(connection, "run", [each.id for each in made[:4]], 2)
        planned = source.planned(connection, "run", 1)
        assert planned
        results = (picture("a"), NOT_FOUND, A_PDF)
        outcomes = [Outcome(each, what) for each, what in zip(made[:3], results, strict=True)]
        store.save(connection, outcomes, planned.planned_at)
        assert source.progress(connection, "run").totals == Totals(
            total=4, processed=3, completed=1, skipped=1, failed=1, pending=1
        )

    def test_the_pace_of_a_run_is_that_of_all_but_its_first_third(
        self, connection: Connection
    ) -> None:
        """A slow start counts no more when some batches have followed."""
        made = [submit(connection, day) for day in range(12)]
        store.plan(connection, "run", [each.id for each in made], 2)
        planned = source.planned(connection, "run", 1)
        assert planned
        assert source.progress(connection, "run").pace is None
        told: list[Pace | None] = []
        for number, ended_after_s in enumerate((60, 64, 68, 72)):
            store.save(
                connection,
                [Outcome(each, NOT_FOUND) for each in made[2 * number : 2 * number + 2]],
                planned.planned_at + timedelta(seconds=ended_after_s),
            )
            told.append(source.progress(connection, "run").pace)
        assert told == [Pace(2 / 60, 300), Pace(0.5, 16), Pace(0.5, 12), Pace(0.5, 8)]

    def test_unfinished_counts_what_was_planned_and_has_no_row(self, engine: Engine) -> None:
        """A batch that went missing is noticed; a deleted submission is not missed."""
        with engine.begin() as connection:
            made = [submit(connection, day) for day in range(4)]
            store.plan(connection, "run", [each.id for each in made], 2)
        with engine.begin() as connection:
            store.save(connection, [Outcome(made[0], picture("a"))], ANALYSED_AT)
            store.save(connection, [Outcome(made[1], NOT_FOUND)], ANALYSED_AT)
            connection.execute(
                text("delete from payment_submissions where id = :id"), {"id": made[2].id}
            )
            assert source.unfinished(connection, "run", 1) == 1

    def test_a_retry_that_was_never_made_is_noticed(self, engine: Engine) -> None:
        """A failed row from before the plan is unfinished until this run has tried it again."""
        with engine.begin() as connection:
            made = [submit(connection, day) for day in range(2)]
            store.save(connection, [Outcome(each, NOT_FOUND) for each in made], ANALYSED_AT)
        with engine.begin() as connection:
            ids = source.pending_ids(connection, retry_failed=True)
            store.plan(connection, "run", ids, 5)
            planned = source.planned(connection, "run", 1)
        assert planned
        with engine.begin() as connection:
            assert source.unfinished(connection, "run", 1) == 2
            assert source.analysed_since(connection, ids, planned.planned_at, 1) == set()
            store.save(connection, [Outcome(made[0], NOT_FOUND)])
            assert source.unfinished(connection, "run", 1) == 1
            done = source.analysed_since(connection, ids, planned.planned_at, 1)
            assert done == {made[0].id}

    def test_what_was_only_linked_anew_is_not_done(self, engine: Engine) -> None:
        """A row that others touch meanwhile, or without a date, does not stand for the attempt."""
        with engine.begin() as connection:
            made = [submit(connection, day) for day in range(3)]
            store.save(connection, [Outcome(each, picture("a")) for each in made], ANALYSED_AT)
            connection.execute(
                text(
                    "update payment_image_signals set analyzed_at = null"
                    " where payment_submission_id = :id"
                ),
                {"id": made[2].id},
            )
            store.plan(connection, "run", [each.id for each in made], 5)
        with engine.begin() as connection:
            assert source.unfinished(connection, "run", 1) == 0
            store.link(connection)
            assert source.unfinished(connection, "run", 2) == 3
            store.save(connection, [Outcome(made[0], picture("a"))])
            assert source.unfinished(connection, "run", 2) == 2

    def test_a_run_without_a_plan_has_lost_it(self, connection: Connection) -> None:
        """A run that found nothing to do has planned that; of a retry nothing else would tell."""
        store.save(connection, [Outcome(submit(connection), NOT_FOUND)], ANALYSED_AT)
        assert source.unfinished(connection, "lost", 1) is None
        store.plan(connection, "empty", [], 5)
        assert source.unfinished(connection, "empty", 1) == 0

    def test_finished_rows_need_no_work(
        self, connection: Connection, society: dict[str, Submission]
    ) -> None:
        """Analysed and failed for good are done whenever that was; others are asked for again."""
        ids = [each.id for each in society.values()]
        future = datetime.now(UTC) + timedelta(days=1)
        done = source.analysed_since(connection, ids, future, 1)
        assert done == {society[name].id for name in ("analysed", "damaged")}


def test_outdated_pictures_are_found_oldest_first(connection: Connection) -> None:
    """Rows of another program and of another version of the algorithm can be redone."""
    made = [submit(connection, day) for day in range(3)]
    store.save(connection, [Outcome(each, picture("a")) for each in made[1:]], ANALYSED_AT)
    connection.execute(
        text(
            "insert into payment_image_signals (payment_submission_id, image_url) values (:i, '')"
        ),
        {"i": made[0].id},
    )
    assert source.outdated_ids(connection, 1) == [made[0].id]
    assert source.outdated_ids(connection, 2, limit=2) == [made[0].id, made[1].id]


class TestFailures:
    """What was not analysed, to look at."""

    def test_newest_first_with_advice(
        self, connection: Connection, society: dict[str, Submission]
    ) -> None:
        """Failed and skipped rows of the window, each with what to do; a URL is never shown."""
        frame = source.failures_frame(connection)
        assert list(frame.columns) == ["flat_id", "submitted (UTC)", "kind", "reason", "what to do"]
        names = ("adopted failure", "damaged", "not found", "pdf")
        assert list(frame["submitted (UTC)"]) == [
            f"{society[name].created_at:%Y-%m-%d %H:%M}" for name in names
        ]
        told = dict(zip(frame["kind"], frame["what to do"], strict=True))
        assert told == {
            "unknown": advice_on("unknown"),  # another program's
            "damaged": FailureKind.DAMAGED.advice,
            "not_found": FailureKind.NOT_FOUND.advice,
            str(A_PDF.kind): A_PDF.kind.advice,
        }
        assert "http" not in frame.to_csv()

    def test_a_corrected_screenshot_is_no_failure(
        self, connection: Connection, society: dict[str, Submission]
    ) -> None:
        """One that waits for its turn is counted as pending, so it is not among what failed."""
        connection.execute(
            text("update payment_submissions set screenshot_url = 'https://x/new' where id = :id"),
            {"id": society["damaged"].id},
        )
        kinds = source.failures_frame(connection)["kind"].tolist()
        assert kinds == ["unknown", "not_found", str(A_PDF.kind)]
        totals = source.totals(connection)
        assert totals.failed + totals.skipped == len(kinds)

    def test_what_is_not_known_is_blank(
        self, connection: Connection, society: dict[str, Submission]
    ) -> None:
        """A flat without label and another program's failure without a reason are no "nan"."""
        connection.execute(
            text("update payment_submissions set flat_id = null where id = :id"),
            {"id": society["adopted failure"].id},
        )
        first = source.failures_frame(connection, limit=1)
        assert first[["flat_id", "reason"]].to_numpy().tolist() == [["", ""]]

    def test_a_window_and_a_limit(
        self, connection: Connection, society: dict[str, Submission]
    ) -> None:
        """A month shows its own, and no more than were asked for."""
        day = society["damaged"].created_at
        window = Window(day, day + timedelta(days=1))
        assert len(source.failures_frame(connection, window)) == 1
        assert len(source.failures_frame(connection, limit=2)) == 2


def test_what_there_is_and_what_waits_are_of_one_moment(engine: Engine) -> None:
    """What is submitted between the two counts is in neither: nothing passes for done before."""
    with engine.begin() as connection:
        submit(connection)

    def meanwhile(_: Connection, _cursor: object, statement: str, *_more: object) -> None:
        if "as pending" in statement:
            with engine.begin() as other:
                submit(other)

    event.listen(engine, "before_cursor_execute", meanwhile)
    totals, months = commands._what_waits(engine, commands.BackfillOptions())
    with engine.connect() as connection:
        assert source.totals(connection).total == 2
    assert (totals.total, sum(months.values())) == (1, 1)
