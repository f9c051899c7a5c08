"""The SQL of the operating guide runs as it stands, and tells what it says that it tells."""

import re

import pytest
from sqlalchemy import Connection, text

from imagesignals_pipeline import settings, verify
from imagesignals_pipeline_tests.database.test_report import copied

GUIDE = (settings.ROOT / "docs" / "operating.md").read_text("utf-8")
STATEMENTS = [
    statement.strip()
    for block in re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)
    for statement in block.split(";")
    if statement.strip()
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_statement_runs(connection: Connection, statement: str) -> None:
    """Each is one query that the tables answer."""
    assert list(connection.execute(text(statement)).keys())


def test_they_tell_what_verify_tells(connection: Connection) -> None:
    """Totals and duplicates are those of the verification."""
    copied(connection, 0, flat_id="F-1")
    report = verify.report(connection)
    by_name = {
        name: connection.execute(text(statement)).all()
        for name in ("total_payments_with_screenshots", "total_analyzed", "duplicate_detected =")
        for statement in STATEMENTS
        if name in statement
    }
    assert by_name["total_payments_with_screenshots"][0][0] == 2
    assert by_name["total_analyzed"][0][0] == report.total_analyzed == 2
    assert [row.flat_id for row in by_name["duplicate_detected ="]] == [
        each.flat_id for each in report.duplicates
    ]
    assert len(report.duplicates) == 1
