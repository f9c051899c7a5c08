"""Report and patterns as assets: where they go, what the UI shows of them, what is refused."""

import errno
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Connection, Engine, event, text

from imagesignals_pipeline import database, settings
from imagesignals_pipeline.defs.patterns import monthly_patterns
from imagesignals_pipeline.defs.report import duplicate_review_report
from imagesignals_pipeline.defs.resources import Postgres
from imagesignals_pipeline_tests.database.test_report import copied


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path) -> Path:
    """A home of this test's own, and a database with one copy."""
    monkeypatch.setenv(settings.DATABASE_URL, database_url)
    monkeypatch.setenv(settings.HOME, str(tmp_path))
    engine = database.engine(database_url)
    with engine.begin() as connection:
        copied(connection, 0, flat_id="F|1 [x](y)")
    engine.dispose()
    return tmp_path


def materialize(asset: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    """Materialize one asset alone."""
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [asset],
            resources={"postgres": Postgres()},
            instance=instance,
            raise_on_error=False,
        )


@contextmanager
def rollbacks() -> Generator[list[str]]:
    """Collect the databases of PostgreSQL in which a transaction is rolled back."""
    seen: list[str] = []

    def note(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            seen.append(str(connection.engine.url.database))

    event.listen(Engine, "rollback", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "rollback", note)


def test_materializing_writes_a_report(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The UI shows where it is, its numbers, and the latest copies as text; no signal changes."""
    old = home / "reports" / "2020-01-01T00-00-00Z"
    old.mkdir(parents=True)
    monkeypatch.setenv(settings.TIME_ZONE, "Asia/Kolkata")
    with rollbacks() as seen:
        result = materialize(duplicate_review_report)
    assert seen == []  # at one the driver forgets what it has prepared
    (event,) = result.asset_materializations_for_node("duplicate_review_report")
    shown = {name: value.value for name, value in event.metadata.items()}
    path = Path(str(shown["report"]))
    assert path.parent.parent == home / "reports"
    assert "A signal is not an accusation" in path.read_text("utf-8")
    assert "Times are in Asia/Kolkata" in path.read_text("utf-8")
    assert (shown["groups"], shown["copies_undecided"], shown["old_reports_removed"]) == (1, 1, 1)
    assert "F&#124;1 &#91;x&#93;(y)" in str(shown["latest_copies"])
    engine = database.engine(database_url)
    with engine.connect() as connection:
        marked = connection.execute(
            text("select count(*) from payment_image_signals where duplicate_detected")
        ).scalar_one()
    engine.dispose()
    assert marked == 1
    assert not old.exists()


def test_an_old_report_of_another_user_stays_and_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The new one is a success, and so is what else was to be removed; the log names the old."""
    days = [home / "reports" / f"2020-01-0{day}T00-00-00Z" for day in (1, 2, 3)]
    for each in days:
        each.mkdir(parents=True)
    remove = shutil.rmtree

    def refuse(path: Path, *args: Any, **options: Any) -> None:
        if path == days[1]:  # as the system would, but not to root, as whom tests may run
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        remove(path, *args, **options)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    result = materialize(duplicate_review_report)
    assert result.success
    (event,) = result.asset_materializations_for_node("duplicate_review_report")
    shown = {name: value.value for name, value in event.metadata.items()}
    assert (shown["old_reports_removed"], shown["old_reports_left"]) == (2, 1)
    assert [each.exists() for each in days] == [False, True, False]
    told = "Reports older than IMAGESIGNALS_REPORT_DAYS could not be removed"
    assert f"{told}: remove them from {days[1].parent} yourself: {days[1].name}" in (
        capfd.readouterr().err
    )


def test_the_latest_copy_is_shown_first(home: Path, database_url: str) -> None:
    """However old its original is."""
    assert home.exists()
    engine = database.engine(database_url)
    with engine.begin() as connection:
        copied(connection, 600, flat_id="F-600")
        copied(connection, -700, flat_id="F-old", days_later=1400)
    engine.dispose()
    (event,) = materialize(duplicate_review_report).asset_materializations_for_node(
        "duplicate_review_report"
    )
    _, _, *lines = str(event.metadata["latest_copies"].value).splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines] == [
        *("F-old", "F-600", "F&#124;1 &#91;x&#93;(y)")
    ]


def test_what_is_set_wrong_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A word that is no policy stops the report before any picture is written."""
    monkeypatch.setenv(settings.THUMBNAILS, "encrypt")
    assert not materialize(duplicate_review_report).success
    assert "Set IMAGESIGNALS_THUMBNAILS to show or none." in capfd.readouterr().err
    assert not (home / "reports").exists()


def test_patterns_are_shown_as_a_picture_and_tables(home: Path) -> None:
    """The UI has a picture of all months that needs no network, tables, and numbers to plot."""
    assert home.exists()
    (event,) = materialize(monthly_patterns).asset_materializations_for_node("monthly_patterns")
    shown = {name: value.value for name, value in event.metadata.items()}
    assert str(shown["trends"]).startswith("![Counts by month](data:image/svg+xml;base64,")
    assert "2025-03 | 2 | 2 | 1 (50 %)" in str(shown["months"])
    assert (shown["all_submissions"], shown["all_duplicates"]) == (2, 1)
    assert shown["not_analysed_by_month"] == "*nothing*"
    assert "Editor 1.0" in str(shown["editors_by_month"])
