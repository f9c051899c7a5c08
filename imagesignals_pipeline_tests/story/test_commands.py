"""The commands beside the backfill: verify, migrate, analyze."""

import json
import os
import signal
import socket
import stat
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from imagesignals_pipeline import verify
from imagesignals_pipeline.demo import Kind, society
from imagesignals_pipeline.demo.uploads import Oddity, render
from imagesignals_pipeline.model import Signals
from imagesignals_pipeline_tests.few import NOVEMBER, of_kind, receipt
from imagesignals_pipeline_tests.story.conftest import PATIENCE_S, CleanRun, Operator

KEYS = {
    "total_payments_with_screenshots",
    "total_analyzed",
    "pending",
    "status_breakdown",
    "duplicates",
    "checks",
}
"""What the contract promises of `verify --json`; more keys may join them."""


def test_verify_as_json(done: Operator) -> None:
    """The report has the contract's keys and the guide's numbers."""
    said = done.runs("verify", "--json")
    assert said.status == 0
    report = json.loads(said.out)
    assert set(report) >= KEYS
    assert report["total_payments_with_screenshots"] == 11  # the guide's count: any URL but null
    assert (report["total_analyzed"], report["pending"]) == (7, 0)
    assert report["status_breakdown"] == {"completed": 7, "failed": 1, "skipped": 1}
    assert report["duplicates"] == [
        {
            "flat_id": "F-601",
            "created_at": "2025-11-05T09:00:00+00:00",
            "similarity_percentage": 100,
            "similarity_explanation": "Same file as the same flat's submission of 5 October 2025.",
        }
    ]
    assert [each["name"] for each in report["checks"]] == [each.name for each in verify.CHECKS]
    for each in report["checks"]:
        assert set(each) >= {"name", "passed", "severity", "description"}
        assert each["passed"] is (each["name"] != "failure_rate")  # of nine, two
        assert each["severity"] in {"ERROR", "WARN"}


def test_json_steers_no_terminal(done: Operator) -> None:
    """A stranger's label is told in escapes, which programs read as what it was."""
    label = "F-601 \x1b[2J \x9b2J \u202e106-F ✓"
    with done.engine.begin() as connection:
        renamed = "update payment_submissions set flat_id = :label where flat_id = 'F-601'"
        connection.execute(text(renamed), {"label": label})
    said = done.runs("verify", "--json")
    assert said.out.isascii()
    assert "\x1b" not in said.out
    assert [each["flat_id"] for each in json.loads(said.out)["duplicates"]] == [label]


def test_verify_for_people(society: Operator) -> None:
    """What waits is a warning, which is shown but does not fail the command."""
    said = society.runs("verify")
    assert said.status == 0
    assert "⚠️  every_submission_accounted_for: 9 submissions wait" in said.out
    assert "Submitted (UTC)" in said.out


def test_a_copy_without_a_percentage(done: Operator) -> None:
    """Of what another program found without saying how alike it is, nothing stands there."""
    with done.engine.begin() as connection:
        connection.execute(
            text(
                "update payment_image_signals set written_by_pipeline = false,"
                " similarity_percentage = null where duplicate_detected"
            )
        )
    said = done.runs("verify")
    assert "F-601" in said.out
    assert "None" not in said.out


def test_verify_fails_when_a_table_is_broken(done: Operator, clean_run: CleanRun) -> None:
    """A failed check of severity ERROR is exit status 1; the backfill that it asks for mends it."""
    with done.engine.begin() as connection:
        connection.execute(text("update image_perceptual_hash_index set upload_count = 9"))
        connection.execute(
            text(
                "update payment_image_signals set duplicate_detected = false,"
                " similar_to_payment_id = null where duplicate_detected"
            )
        )
    said = done.runs("verify", "--json")
    assert said.status == 1
    failed = {each["name"] for each in json.loads(said.out)["checks"] if not each["passed"]}
    assert failed == {"index_matches_signals", "copies_are_marked", "failure_rate"}
    assert done.runs("backfill").status == 0  # nothing is pending
    assert done.runs("verify").status == 0
    assert done.digest() == clean_run.digest


def test_migrate_twice(operator: Operator, empty_database_url: str) -> None:
    """The first time it says what it made; the second time there is nothing to do."""
    elsewhere = {"IMAGESIGNALS_DATABASE_URL": empty_database_url}
    refused = operator.runs("migrate", **elsewhere)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith("imagesignals: This database has no table payment_submissions")
    there = Operator({**operator.environ, **elsewhere}, operator.folder)
    with there.engine.begin() as connection:
        connection.execute(
            text(
                "create table payment_submissions (id uuid primary key, flat_id uuid,"
                " screenshot_url text, created_at timestamptz, amount numeric)"
            )
        )
    first, second = there.runs("migrate"), there.runs("migrate", "--roles")
    assert (first.status, second.status) == (0, 0)
    assert first.lines
    assert all(line.startswith("Applied ") for line in first.lines)
    assert second.lines == [
        "The tables are up to date: nothing to do.",
        "imagesignals_writer, imagesignals_reader and imagesignals_reviewer have their rights.",
    ]
    assert there.runs("verify").status == 0


def test_analyze(operator: Operator) -> None:
    """Each file is one JSON object a line, in the order given, whatever is in it."""
    pdf = of_kind(Kind.PDF, NOVEMBER).content
    assert pdf is not None
    contents = {
        "good ✓ \u202e.png": receipt(),
        "broken.png": receipt()[:600],
        "paper.pdf": render(pdf),
        "page.png": render(Oddity.SIGN_IN_PAGE),
        "empty.png": b"",
        "large.png": b"",
    }
    for name, content in contents.items():
        (operator.folder / name).write_bytes(content)
    os.truncate(operator.folder / "large.png", 10 * 2**20 + 1)
    said = operator.runs("analyze", "--json", *contents)
    assert (said.status, said.err) == (0, "")
    assert said.out.isascii()
    found = {each["file"]: each for each in map(json.loads, said.lines)}
    assert list(found) == list(contents)
    statuses = [each["analysis_status"] for each in found.values()]
    assert statuses == ["completed", "failed", "completed", "skipped", "failed", "failed"]
    for each in found.values():
        completed = each["analysis_status"] == "completed"
        assert (each["analysis_error"] is None) == completed
        signals = {name: each[name] for name in Signals.__slots__}
        assert completed or set(signals.values()) == {None}
    assert found["large.png"]["analysis_error"] == "Failed to read: larger than 10 MiB"
    people = operator.runs("analyze", "good ✓ \u202e.png", "broken.png")
    assert people.status == 0
    assert "looks_like_screenshot" in people.out


def test_analyze_what_cannot_be_read(operator: Operator) -> None:
    """A file that is not there is one clear line and exit status 2."""
    said = operator.runs("analyze", "nowhere.png")
    assert (said.status, said.out) == (2, "")
    assert "nowhere.png" in said.err
    assert "Traceback" not in said.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_analyze_what_may_not_be_read(operator: Operator) -> None:
    """A file without permission is one clear line and exit status 2."""
    file: Path = operator.folder / "secret.png"
    file.write_bytes(receipt())
    file.chmod(stat.S_IWUSR)
    said = operator.runs("analyze", "secret.png")
    assert (said.status, said.out) == (2, "")
    assert "Traceback" not in said.err


def test_a_port_that_is_taken(operator: Operator) -> None:
    """Dagster itself would go on without its UI, and show whatever else listens there."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        for command in ("dev", "review"):
            said = operator.runs(command, "--port", port)
            assert said.status == 1
            assert said.err.startswith(f"imagesignals: Port {port} cannot be used (")


WHOLE_SOCIETY_S = 420
"""What all of the demonstration may take on a busy machine; some 80 s on two cores."""
OF_THE_SOCIETY = {
    "IMAGESIGNALS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/society",
    "DAGSTER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/dagster",
    "IMAGESIGNALS_BROKER_URL": "redis://nobody@127.0.0.1:1/0",
    "IMAGESIGNALS_STORAGE_URL": "http://127.0.0.1:1/storage/v1/object/public/bucket/",
    "IMAGESIGNALS_STORAGE_KEY": "nobody's storage key",
    "IMAGESIGNALS_ALLOWED_ORIGINS": "http://nobody:1",
    "IMAGESIGNALS_ALERT_URL": "json://nobody@127.0.0.1:1",
    "IMAGESIGNALS_THUMBNAIL_KEY": "nobody's thumbnail key",
    "IMAGESIGNALS_THUMBNAIL_DAYS": "nobody's days",
    "IMAGESIGNALS_REPORTS": "/nobody",
}
"""None of it can be used."""


def begun(operator: Operator, home: Path, *command: str, last: str) -> str:
    """Start the demonstration in a society's environment, and interrupt it at a line of its own."""
    environ = {**OF_THE_SOCIETY, "IMAGESIGNALS_HOME": str(home)}
    with operator.starts(*command, **environ) as process:
        assert process.stdout is not None
        said = ""
        while last not in said and (line := process.stdout.readline()):
            said += line
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert last in said
    return said


def leaves_the_society_alone(said: str) -> bool:
    """Return whether it tells which variables it does not use, and nothing of what they hold."""
    told = all(f"leaves {name} alone: " in said for name in OF_THE_SOCIETY)
    return told and not any(value in said for value in OF_THE_SOCIETY.values())


def test_the_ui_of_the_demonstration_leaves_the_society_alone(operator: Operator) -> None:
    """It has a database, a storage and workers of its own, whatever is named; and it says so."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = ("dev", "--demo", "--port", port)
    assert leaves_the_society_alone(
        begun(operator, operator.folder / "home", *command, last="Dagster UI: ")
    )


@pytest.mark.timeout(2 * WHOLE_SOCIETY_S)
def test_the_demonstration_goes_on_ends_well_and_then_skips_everything(operator: Operator) -> None:
    """The first that anybody sees: interrupted, run to its end, and run once more."""
    home = operator.folder / "home"
    said = begun(operator, home, "demo", last="🔄 Processing batch 2 of ")
    assert " - OK" in said
    assert leaves_the_society_alone(said)
    environ = {**OF_THE_SOCIETY, "IMAGESIGNALS_HOME": str(home)}
    patient = replace(operator, patience_s=WHOLE_SOCIETY_S)
    ended, again = (patient.runs("demo", "--batch-delay", "0", **environ) for _ in range(2))
    assert (ended.status, again.status) == (0, 0)
    assert "🔄 Processing batch 1 of " in ended.out
    assert "No payments found" in again.out
    assert "🔄" not in again.out
    assert all("To look at it in the Dagster UI: " in each.out for each in (ended, again))
    alone = {"IMAGESIGNALS_DATABASE_URL": "", "IMAGESIGNALS_HOME": str(home)}
    found = json.loads(operator.runs("verify", "--json", **alone).out)
    statuses = Counter(str(each.status) for each in society() if each.status)
    assert found["status_breakdown"] == dict(statuses)
    assert all(each["passed"] for each in found["checks"])
    (marked,) = (each for each in found["checks"] if each["name"] == "duplicate_rate")
    assert marked["numbers"]["duplicates"] == sum(each.copy_of is not None for each in society())


def test_a_database_that_is_not_named_is_told(operator: Operator) -> None:
    """Nobody takes the demonstration's database for the society's, nor a slip for a setting."""
    nowhere = {
        "IMAGESIGNALS_DATABASE_URL": "",
        "IMAGESIGNALS_DATABSE_URL": operator.environ["IMAGESIGNALS_DATABASE_URL"],
        "IMAGESIGNALS_HOME": str(operator.folder / "home"),
    }
    said = operator.runs("verify", **nowhere)
    slip, place, refusal = said.err.splitlines()
    assert slip.endswith("did you mean IMAGESIGNALS_DATABASE_URL?")
    assert place.startswith("IMAGESIGNALS_DATABASE_URL is not set: this is the database for trying")
    assert place.endswith(f"in {operator.folder / 'home'}.")
    assert refusal.startswith("imagesignals: This database has no table payment_submissions")
    assert said.status == 1


def test_what_cannot_work_is_refused_at_once(operator: Operator) -> None:
    """Also while nothing waits: not by the first run that would need it."""
    for variable, wrong in (
        ("IMAGESIGNALS_STORAGE_URL", "ftp://store.test/"),
        ("IMAGESIGNALS_ALLOWED_ORIGINS", "nonsense"),
        ("IMAGESIGNALS_FIRST_MONTH", "2999-01"),
    ):
        said = operator.runs("backfill", **{variable: wrong})
        assert (said.status, said.out) == (1, "")
        assert variable in said.err


def test_wrong_options(operator: Operator) -> None:
    """Numbers out of bounds and dates that are none are refused before anything starts."""
    for wrong in (
        ("--batch-size", "0"),
        ("--batch-size", "101"),
        ("--batch-delay", "-1"),
        ("--batch-delay", "nan"),
        ("--since", "yesterday"),
        ("--until", "2025-01-01", "--since", "2025-01-01"),
    ):
        said = operator.runs("backfill", *wrong)
        assert (said.status, said.out) == (2, "")
        assert wrong[0] in said.err
