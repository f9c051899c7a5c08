"""Stored thumbnails, encrypted or forgotten: the same is found, and strangers see nothing."""

import importlib
from base64 import b64encode
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from imagesignals_pipeline import (
    backfill,
    backlog,
    database,
    match,
    settings,
    source,
    store,
    verify,
)
from imagesignals_pipeline.match import payload
from imagesignals_pipeline.model import Failure, FailureKind, Outcome
from imagesignals_pipeline.review import groups
from imagesignals_pipeline.sql import schema
from imagesignals_pipeline.sql.loader import migrations
from imagesignals_pipeline.store import rechecks, sealed
from imagesignals_pipeline_tests.database.test_guide import mending
from imagesignals_pipeline_tests.few import insert
from imagesignals_pipeline_tests.story.conftest import Operator
from imagesignals_pipeline_tests.story.test_matching import (
    analysis,
    arrive,
    cast,
    engine,
    restart,
    said,
    state,
    submitted_again,
)

__all__ = ["engine"]

KEY = b64encode(bytes(range(100, 132))).decode()
NEWER_KEY = b64encode(bytes(range(200, 232))).decode()
NEVER_USED_KEY = b64encode(bytes(range(32))).decode()
DAYS = 30
"""All of the cast was submitted longer ago than that."""


def stored(engine: Engine) -> dict[str, bytes]:
    """Return what lies in the table, by submission."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("select payment_submission_id, payload from image_fingerprints")
        )
        return {str(row[0]): bytes(row[1]) for row in rows}


def reseal(engine: Engine) -> int:
    """Encrypt everything; return how many were not."""
    written, last = 0, None
    while True:
        with engine.begin() as connection:
            portion = store.reseal(connection, last)
        if portion.last is None:
            return written
        written, last = written + portion.written, portion.last


def made_by_another_version(connection: Connection, submission: UUID, version: int) -> None:
    """Let a fingerprint be outdated."""
    connection.execute(
        text(
            "update image_fingerprints set algorithm_version = :version"
            " where payment_submission_id = :id"
        ),
        {"id": submission, "version": version},
    )


def script(name: str) -> str:
    """Return the text of a migration."""
    (found,) = (each.script for each in migrations() if each.name == name)
    return found


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several portions where the tables are small."""
    monkeypatch.setattr(sealed, "PORTION", 3)
    monkeypatch.setattr(backfill, "FORGOTTEN_AT_ONCE", 3)


@pytest.fixture
def plain(engine: Engine) -> object:
    """The tables after a backfill of everybody, whose database is made empty again."""
    arrive(engine, cast())
    found = state(engine)
    with engine.begin() as connection:
        restart(connection)
    return found


class TestEncrypted:
    """With IMAGESIGNALS_THUMBNAIL_KEY no thumbnail lies in the database as a picture."""

    def test_the_same_is_found(
        self, engine: Engine, plain: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Signals and comparisons are those without a key; what is stored shows nothing."""
        monkeypatch.setenv(settings.THUMBNAIL_KEY, KEY)
        arrive(engine, cast()[::2])
        arrive(engine, cast()[1::2])
        assert state(engine) == plain
        for each in stored(engine).values():
            assert each[0] == sealed.SEALED
            opened = sealed.unseal(each)
            assert payload.unpack(opened).coded not in each
            assert opened[:64] not in each
        with engine.connect() as connection:
            shown = groups.payloads(connection, [each.id for each in cast()])
        assert all(payload.unpack(each) for each in shown.values())

    def test_without_the_key_nothing_is_stored(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A worker without the key, or with another, says what to set and changes nothing."""
        monkeypatch.setenv(settings.THUMBNAIL_KEY, KEY)
        arrive(engine, cast()[:4])
        before = stored(engine)
        for wrong, says in (("", "Set IMAGESIGNALS_THUMBNAIL_KEY"), (NEWER_KEY, "former key")):
            monkeypatch.setenv(settings.THUMBNAIL_KEY, wrong)
            other_worker = database.engine(engine.url)
            with pytest.raises(store.ThumbnailsLockedError, match=says) as refused:
                arrive(other_worker, cast()[4:])
            other_worker.dispose()
            assert KEY not in str(refused.value)
            assert stored(engine) == before
        monkeypatch.setenv(settings.THUMBNAIL_KEY, KEY)
        arrive(engine, cast()[4:])
        assert len(stored(engine)) == len(cast())

    @pytest.mark.parametrize("wrong", ["", NEWER_KEY])
    def test_without_the_key_not_even_what_is_like_nothing_is_stored(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch, wrong: str
    ) -> None:
        """A worker that has no reason to open a stored thumbnail is refused as well."""
        monkeypatch.setenv(settings.THUMBNAIL_KEY, KEY)
        arrive(engine, cast()[:1])
        before = stored(engine)
        with engine.begin() as connection:  # many that come first tell nothing
            connection.execute(
                text(
                    "with old as (insert into payment_submissions (id)"
                    " select cast(lpad(to_hex(n), 32, '0') as uuid) from generate_series(1, 20) n"
                    " returning id) insert into image_fingerprints (payment_submission_id,"
                    " content_sha256, payload, thumbnail_forgotten, algorithm_version, analyzed_at)"
                    " select id, sha256(cast(cast(id as text) as bytea)), '', true, :version, now()"
                    " from old"
                ),
                {"version": match.ALGORITHM_VERSION},
            )
        before = stored(engine)
        monkeypatch.setenv(settings.THUMBNAIL_KEY, wrong)
        for each in cast()[1:]:
            other_worker = database.engine(engine.url)
            with pytest.raises(store.ThumbnailsLockedError):
                arrive(other_worker, [each])
            other_worker.dispose()
        assert stored(engine) == before

    def test_a_worker_that_began_before_all_others_is_refused_too(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the key it may go on until somebody else has encrypted a thumbnail."""
        other_worker = database.engine(engine.url)
        arrive(other_worker, cast()[:1])
        monkeypatch.setenv(settings.THUMBNAIL_KEY, KEY)
        arrive(engine, cast()[1:2])
        before = stored(engine)
        monkeypatch.delenv(settings.THUMBNAIL_KEY)
        for each in cast()[2:]:
            with pytest.raises(store.ThumbnailsLockedError):
                arrive(other_worker, [each])
        other_worker.dispose()
        assert stored(engine) == before

    @pytest.mark.usefixtures("small_portions")
    def test_a_key_may_be_set_later_and_changed(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Older thumbnails stay readable; `encrypt` brings all of them to the first key."""
        arrive(engine, cast()[:5])
        monkeypatch.setenv(settings.THUMBNAIL_KEY, KEY)
        arrive(engine, cast()[5:])
        found = state(engine)
        assert reseal(engine) == 5
        assert reseal(engine) == 0
        monkeypatch.setenv(settings.THUMBNAIL_KEY, f"{NEWER_KEY},{KEY}")
        assert reseal(engine) == len(cast())
        monkeypatch.setenv(settings.THUMBNAIL_KEY, NEWER_KEY)
        assert reseal(engine) == 0
        arrive(engine, cast())
        assert state(engine) == found

    @pytest.mark.parametrize("new", ["", NEWER_KEY])
    def test_a_lost_key_costs_no_link(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch, new: str
    ) -> None:
        """The guide's SQL lets batches go on; what is out of reach keeps its row and its links.

        At the end everything is as it was; half of it was stored before there was a key.
        """
        arrive(engine, cast()[::2])
        monkeypatch.setenv(settings.THUMBNAIL_KEY, KEY)
        arrive(engine, cast()[1::2])
        found, rows = state(engine), said(engine)
        monkeypatch.setenv(settings.THUMBNAIL_KEY, new)
        later = database.engine(engine.url)
        with pytest.raises(store.ThumbnailsLockedError):
            arrive(later, cast()[:1])
        with later.begin() as connection:
            for statement in mending("the key of the thumbnails is lost"):
                connection.execute(text(statement))
            outdated = source.outdated_ids(connection, match.ALGORITHM_VERSION)
            assert set(outdated) == {each.id for each in cast()}
        backfill.settle(later)
        assert said(later) == rows
        copies = [each for each in cast() if each.copy_of]
        away = {copies[0].copy_of, copies[-1].id}
        gone = Failure(FailureKind.NOT_FOUND, "Failed to fetch: 404")
        with later.connect() as connection:
            lost = source.submissions(connection, [id_ for id_ in away if id_])
        backfill.commit(later, [Outcome(each, gone) for each in lost])
        for each in cast():
            if each.id not in away:
                arrive(later, [each])
                assert said(later) == rows
        backfill.settle(later)
        with later.connect() as connection:
            assert said(later) == rows
            assert all(check.passed for check in verify.report(connection).checks)
        arrive(later, [each for each in cast() if each.id in away])
        backfill.settle(later)
        assert state(later) == found
        assert {each[0] == sealed.SEALED for each in stored(later).values()} == {bool(new)}
        later.dispose()

    def test_a_missing_library_is_named(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever sets a key without the extra learns which one, and nothing is stored in clear."""
        real = importlib.import_module

        def without(name: str, package: str | None = None) -> object:
            if name.startswith("cryptography"):
                raise ImportError(name)
            return real(name, package)

        monkeypatch.setenv(settings.THUMBNAIL_KEY, NEVER_USED_KEY)
        monkeypatch.setattr(importlib, "import_module", without)
        with pytest.raises(store.ThumbnailsLockedError, match="pip install cryptography"):
            arrive(engine, cast()[:1])
        assert not stored(engine)

    def test_the_command(self, operator: Operator) -> None:
        """Without a key it says how to make one; with a key it says what it did."""
        said = operator.runs("encrypt")
        assert said.status == 1
        assert "openssl rand -base64 32" in said.err
        said = operator.runs("encrypt", **{settings.THUMBNAIL_KEY: KEY})
        assert (said.status, said.out) == (0, "Thumbnails encrypted with the first key: 0\n")


class TestForgotten:
    """With IMAGESIGNALS_THUMBNAIL_DAYS thumbnails go, and what they found stays."""

    @pytest.mark.usefixtures("small_portions")
    def test_what_was_found_stays(self, engine: Engine) -> None:
        """No comparison and no link is lost, also when everything is settled again."""
        arrive(engine, cast())
        found = state(engine)
        assert backfill.settle(engine, DAYS).thumbnails_forgotten == len(cast())
        assert not any(stored(engine).values())
        assert state(engine) == found
        assert backfill.settle(engine, DAYS).thumbnails_forgotten == 0
        assert state(engine) == found

    def test_nothing_is_forgotten_while_something_waits(self, engine: Engine) -> None:
        """A first backfill settles month by month: later months need the earlier ones."""
        *early, last = cast()
        arrive(engine, early)
        assert backfill.settle(engine, DAYS).thumbnails_forgotten == 0
        with engine.connect() as connection:
            assert not backlog.unsettled(connection, match.ALGORITHM_VERSION, DAYS)
        arrive(engine, [last])
        with engine.begin() as connection:
            made_by_another_version(connection, last.id, match.ALGORITHM_VERSION - 1)
        assert backfill.settle(engine, DAYS).thumbnails_forgotten == 0
        arrive(engine, [last])
        assert backfill.settle(engine, DAYS).thumbnails_forgotten == len(cast())

    def test_nothing_is_forgotten_while_another_programs_row_waits(self, engine: Engine) -> None:
        """Its picture may be a copy; once it was tried in vain nobody waits for it any more."""
        *early, last = cast()
        arrive(engine, early)
        with engine.begin() as connection:
            connection.execute(
                text(
                    "insert into payment_image_signals (payment_submission_id, image_url,"
                    " analysis_status) values (:id, 'x', 'completed')"
                ),
                {"id": last.id},
            )
            (adopted,) = source.submissions(connection, [last.id])
        assert backfill.settle(engine, DAYS).thumbnails_forgotten == 0
        gone = Failure(FailureKind.NOT_FOUND, "Failed to fetch: 404")
        backfill.commit(engine, [Outcome(adopted, gone)])
        assert backfill.settle(engine, DAYS).thumbnails_forgotten == len(early)

    def test_one_of_another_version_goes_once_its_upload_is_gone(self, engine: Engine) -> None:
        """It is compared with nothing any more, and would be kept for ever."""
        arrive(engine, cast())
        last = cast()[-1]
        with engine.begin() as connection:
            made_by_another_version(connection, last.id, match.ALGORITHM_VERSION - 1)
            (outdated,) = source.submissions(connection, [last.id])
        backfill.commit(engine, [Outcome(outdated, Failure(FailureKind.NOT_FOUND, "gone"))])
        assert backfill.settle(engine, DAYS).thumbnails_forgotten == len(cast())
        assert not any(stored(engine).values())

    @pytest.mark.parametrize("date", ["now()", "null"])
    def test_young_ones_are_kept(self, engine: Engine, date: str) -> None:
        """Only what is older than the days goes, without a date as old as its analysis."""
        arrive(engine, cast())
        assert backfill.settle(engine).thumbnails_forgotten == 0
        youngest = cast()[-1]
        with engine.begin() as connection:
            connection.execute(
                text(f"update payment_submissions set created_at = {date} where id = :id"),
                {"id": youngest.id},
            )
        backfill.settle(engine, DAYS)
        kept = [id_ for id_, each in stored(engine).items() if each]
        assert kept == [str(youngest.id)]

    def test_same_pixels_are_found_and_other_copies_are_not(self, engine: Engine) -> None:
        """An old receipt is known by its pixels; its recompressed copies are found no more."""
        copies = [each for each in cast() if each.copy_of]
        originals = [each for each in cast() if each not in copies]
        with engine.begin() as connection:
            connection.execute(
                text("delete from payment_submissions where id = any(cast(:ids as uuid []))"),
                {"ids": [str(each.id) for each in copies]},
            )
        arrive(engine, originals)
        backfill.settle(engine, DAYS)
        with engine.begin() as connection:
            insert(connection, copies, "http://store.test/")
        arrive(engine, copies)
        assert not any(duplicate for duplicate, *_ in said(engine).values())
        with engine.begin() as connection:
            again = submitted_again(connection, originals[0].id)
            (submission,) = source.submissions(connection, [again])
        backfill.commit(engine, [Outcome(submission, analysis(originals[0]))])
        assert {id_ for id_, (duplicate, *_) in said(engine).items() if duplicate} == {again}
        assert said(engine)[again][1] == originals[0].id

    def test_a_deletion_beside_forgotten_ones(self, engine: Engine) -> None:
        """The copies of a deleted original stay together, and nothing fails for want of one."""
        arrive(engine, cast())
        backfill.settle(engine, DAYS)
        before = said(engine)
        gone = next(each.copy_of for each in cast() if each.copy_of)
        with engine.begin() as connection:
            connection.execute(text("delete from payment_submissions where id = :id"), {"id": gone})
        backfill.settle(engine, DAYS)
        after = said(engine)
        assert after.keys() == before.keys() - {gone}
        for each in cast():
            if gone not in {each.id, each.copy_of}:
                assert after[each.id] == before[each.id]
            elif each.id != gone:
                assert not after[each.id][0]

    @pytest.mark.parametrize("young_copies", [True, False])
    def test_what_was_found_outlives_marks_of_another_kind(
        self, engine: Engine, *, young_copies: bool
    ) -> None:
        """Who cannot be described again keeps its place, so that its copies still name it."""
        if young_copies:
            with engine.begin() as connection:
                connection.execute(
                    text(
                        "update payment_submissions set created_at = now()"
                        " where id = any(cast(:ids as uuid []))"
                    ),
                    {"ids": [str(each.id) for each in cast() if each.copy_of]},
                )
        arrive(engine, cast())
        backfill.settle(engine, DAYS)
        found = state(engine)
        with engine.begin() as connection:
            version = match.ALGORITHM_VERSION
            connection.execute(text(f"insert into image_marks values ({version}, 1, now(), 0, 0)"))
            schema.execute_script(connection, script("0016_other_bits").split("alter table")[0])
        assert backfill.settle(engine, DAYS).pictures_moved == (6 if young_copies else 0)
        assert state(engine) == found

    def test_who_can_name_nobody_any_more_keeps_what_was_found(self, engine: Engine) -> None:
        """A picture whose descriptor is lost as well is looked at again, and changes nothing."""
        arrive(engine, cast())
        backfill.settle(engine, DAYS)
        found = state(engine)
        with engine.begin() as connection:
            connection.execute(text("truncate image_marks, image_pictures"))
        assert backfill.settle(engine, DAYS).pictures_moved == len(cast())
        assert state(engine) == found

    def test_what_cannot_be_compared_anew_is_no_longer_doubted(self, engine: Engine) -> None:
        """Marked copies of forgotten pictures stay, those of others are compared again."""
        arrive(engine, cast())
        with engine.begin() as connection:
            connection.execute(
                text("update image_matches set explanation = 'marked' where same_picture")
            )
        backfill.settle(engine)
        before = said(engine)
        spared = next(each for each in cast() if each.copy_of)
        (doubt,) = (
            each.script for each in migrations() if "insert into image_rechecks" in each.script
        )
        with engine.begin() as connection:
            connection.execute(
                text(
                    "update image_fingerprints set payload = '', thumbnail_forgotten = true"
                    " where payment_submission_id = :id"
                ),
                {"id": spared.copy_of},
            )
            schema.execute_script(connection, doubt)
            assert connection.execute(text("select count(*) from image_rechecks")).scalar_one()
            left = text("select explanation from image_matches where same_picture")
            assert connection.execute(left).scalars().all() == ["marked"]
        backfill.settle(engine)
        assert said(engine)[spared.id] == before[spared.id]
        assert {id_ for id_, (duplicate, *_) in said(engine).items() if duplicate} == {
            each.id for each in cast() if each.copy_of
        }

    def test_a_new_analysis_brings_the_thumbnail_back(self, engine: Engine) -> None:
        """After a new version pictures are compared again, and then forgotten again."""
        arrive(engine, cast())
        found = state(engine)
        backfill.settle(engine, DAYS)
        arrive(engine, cast())
        assert all(stored(engine).values())
        assert state(engine) == found
        with engine.connect() as connection:
            forgotten = connection.execute(
                text("select thumbnail_forgotten from image_fingerprints")
            )
            assert set(forgotten.scalars()) == {False}
        assert backfill.settle(engine, DAYS).thumbnails_forgotten == len(cast())

    def test_what_waits_to_be_forgotten_is_noticed(self, engine: Engine) -> None:
        """So the sensor starts a run for it, and none when nothing is too old, or all is needed."""
        arrive(engine, cast())
        backfill.settle(engine)
        with engine.begin() as connection:
            rechecks.ask_for(connection, [1])
            waiting = backlog.unsettled(connection, match.ALGORITHM_VERSION, DAYS)
            assert not waiting.thumbnails_overdue
            rechecks.done(connection, [1])
            assert not backlog.unsettled(connection, match.ALGORITHM_VERSION)
            waiting = backlog.unsettled(connection, match.ALGORITHM_VERSION, DAYS)
            assert waiting
            assert waiting.thumbnails_overdue
        backfill.settle(engine, DAYS)
        with engine.connect() as connection:
            assert not backlog.unsettled(connection, match.ALGORITHM_VERSION, DAYS)
