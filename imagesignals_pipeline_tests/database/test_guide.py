"""The SQL of the operating guide runs as it stands, and tells what it says that it tells."""

import re

import pytest
from sqlalchemy import Connection, text

from imagesignals_pipeline import settings, source, store, verify
from imagesignals_pipeline.model import Outcome, Submission
from imagesignals_pipeline_tests.database.society import picture, rows, submit
from imagesignals_pipeline_tests.database.test_report import copied
from imagesignals_pipeline_tests.database.test_verify import BREAKAGES, failed

GUIDE = (settings.ROOT / "docs" / "operating.md").read_text("utf-8")
STATEMENTS = [
    statement.strip()
    for block in re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)
    for statement in block.split(";")
    if statement.strip()
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_statement_runs(connection: Connection, statement: str) -> None:
    """Each is one that the tables answer, or one that finds nothing to mend."""
    result = connection.execute(text(statement))
    assert list(result.keys()) if result.returns_rows else result.rowcount <= 0


MENDED = {check.name for check in verify.CHECKS if "(Mending)" in check.remedy}


def mending(name: str) -> list[str]:
    """Return the statements for a check, or another case: the first one is headed by its name."""
    (first,) = (n for n, each in enumerate(STATEMENTS) if each.startswith(f"-- {name}"))
    following = STATEMENTS[first + 1 :]
    headings = (n for n, each in enumerate(following) if each.startswith("-- "))
    end = next(headings, len(following))
    return [STATEMENTS[first], *following[:end]]


@pytest.mark.parametrize("name", sorted(MENDED & BREAKAGES.keys()))
def test_what_a_check_asks_to_be_mended_by_sql_is(
    connection: Connection, society: list[Submission], name: str
) -> None:
    """The statements that its remedy leads to leave it nothing to say."""
    assert society
    connection.execute(text(BREAKAGES[name]))
    assert name in failed(connection)
    for statement in mending(name):
        connection.execute(text(statement))
    assert name not in failed(connection)


def test_of_second_rows_the_best_stays(connection: Connection, society: list[Submission]) -> None:
    """What another program found out cannot be made anew: only what is worse than it goes."""
    connection.execute(text("drop index imagesignals_one_row_per_submission"))
    others = (("completed", "the best"), ("completed", "older"), ("failed", "no analysis"))
    for age, (status, note) in enumerate(others):
        connection.execute(
            text(
                "insert into payment_image_signals"
                " (payment_submission_id, image_url, analysis_status, metadata_notes, analyzed_at)"
                " values (:id, 'x', :status, :note, now() - make_interval(days => :age))"
            ),
            {"id": society[0].id, "status": status, "note": note, "age": age},
        )
    everybody = text("select payment_submission_id, metadata_notes from payment_image_signals")
    before = {
        (row.payment_submission_id, row.metadata_notes) for row in connection.execute(everybody)
    }
    for statement in mending("one_row_per_submission"):
        connection.execute(text(statement))
    after = [
        (row.payment_submission_id, row.metadata_notes) for row in connection.execute(everybody)
    ]
    assert [note for id_, note in after if id_ == society[0].id] == ["the best"]
    assert {each for each in before if each[0] != society[0].id} == {
        each for each in after if each[0] != society[0].id
    }


def test_what_another_program_skipped_waits_again(
    connection: Connection, society: list[Submission]
) -> None:
    """No retry takes such a row; without it the picture is analysed. Of ours none is deleted."""
    theirs, *_ = society
    connection.execute(
        text(
            "update payment_image_signals set analysis_status = 'skipped', failure_kind = null,"
            " written_by_pipeline = false where payment_submission_id = :id"
        ),
        {"id": theirs.id},
    )
    ours = {id_ for id_, row in rows(connection).items() if row["written_by_pipeline"]}
    assert theirs.id not in source.pending_ids(connection, retry_failed=True)
    for statement in mending("what another program skipped"):
        connection.execute(text(statement))
    assert rows(connection).keys() == ours
    assert source.pending_ids(connection) == [theirs.id]
    store.save(connection, [Outcome(theirs, picture("theirs"))])
    assert rows(connection)[theirs.id]["analysis_status"] == "completed"


def test_every_remedy_that_leads_there_finds_its_sql() -> None:
    """No check sends an operator to look for what is not there."""
    assert len(MENDED) == 6
    assert all(mending(name) for name in MENDED)


def test_what_is_to_be_mended_is(connection: Connection) -> None:
    """Links to submissions that are gone are cleared, and what breaks the rules is listed."""
    copied(connection, 0, flat_id="F-1")
    connection.execute(
        text(
            "alter table payment_image_signals"
            " drop constraint payment_image_signals_payment_submission_id_fkey,"
            " drop constraint payment_image_signals_similar_to_payment_id_fkey;"
            "alter table image_perceptual_hash_index"
            " drop constraint image_perceptual_hash_index_first_payment_id_fkey;"
            "update payment_image_signals set similar_to_payment_id = gen_random_uuid()"
            " where duplicate_detected;"
            "insert into payment_image_signals"
            " (payment_submission_id, image_url, analysis_status, written_by_pipeline)"
            " values (gen_random_uuid(), 'x', 'skipped', false);"
            "insert into image_perceptual_hash_index (perceptual_hash, first_payment_id)"
            " values ('', gen_random_uuid())"
        )
    )
    assert "no_dangling_links" in failed(connection)
    for statement in STATEMENTS:
        if "NOT EXISTS (SELECT FROM payment_submissions" in statement:
            assert connection.execute(text(statement)).rowcount == 1
    assert "no_dangling_links" not in failed(connection)
    (lists,) = (each for each in STATEMENTS if "WHERE NOT written_by_pipeline" in each)
    assert not connection.execute(text(lists)).all()
    connection.execute(
        text(
            "update payment_image_signals set written_by_pipeline = false, similar_to_payment_id"
            " = null, duplicate_detected = true where not duplicate_detected"
        )
    )
    listed = len(connection.execute(text(lists)).all())
    (check,) = (
        each
        for each in verify.report(connection).checks
        if each.name == "adopted_rows_keep_the_rules"
    )
    assert listed == check.numbers["broken"] > 0


def test_what_has_no_row_is_listed(connection: Connection, society: list[Submission]) -> None:
    """A screenshot that nobody has analysed, and nothing that never will be."""
    assert society
    (lists,) = (each for each in STATEMENTS if each.startswith("SELECT ps.id,"))
    assert not connection.execute(text(lists)).all()
    for url in (None, "", " ", " admin-manual-entry "):
        submit(connection, url=url)
    waiting = submit(connection)
    assert [row.id for row in connection.execute(text(lists))] == [waiting.id]


def test_they_tell_what_verify_tells(connection: Connection) -> None:
    """Totals and duplicates are those of the verification."""
    copied(connection, 0, flat_id="F-1")
    report = verify.report(connection)
    by_name = {
        name: connection.execute(text(statement)).all()
        for name in ("total_payments_with_screenshots", "total_analyzed", "duplicate_detected =")
        for statement in STATEMENTS
        if name in statement and statement.startswith("SELECT")
    }
    assert by_name["total_payments_with_screenshots"][0][0] == 2
    assert by_name["total_analyzed"][0][0] == report.total_analyzed == 2
    assert [row.flat_id for row in by_name["duplicate_detected ="]] == [
        each.flat_id for each in report.duplicates
    ]
    assert len(report.duplicates) == 1
