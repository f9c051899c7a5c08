"""What each statement reads: a batch reads what it needs, whatever the size of the tables."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from imagesignals_pipeline import database, source, sql, store
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres
from imagesignals_pipeline.matching import REACH
from imagesignals_pipeline.model import Outcome, Submission
from imagesignals_pipeline.source import RETRIED_KINDS
from imagesignals_pipeline.sql import query
from imagesignals_pipeline.sql.schema import execute_script
from imagesignals_pipeline.store import signals
from imagesignals_pipeline_tests.database.society import ANALYSED_AT, digest, picture, submit

CROWD = Path(__file__).with_name("crowd.sql").read_text("utf-8")
PEOPLE = 20_000
A_FEW = 150
"""Rows that a batch of five may read in one statement, with the groups that it touches."""
ONE_DAY = {
    "since": datetime(2024, 2, 1, tzinfo=UTC),
    "until": datetime(2024, 2, 2, tzinfo=UTC),
}


@pytest.fixture(scope="session")
def crowded(postgres: EmbeddedPostgres) -> Iterator[Engine]:
    """Connections to a society of thousands in which everything is done."""
    engine = database.engine(postgres.url("crowd"))
    with engine.begin() as connection:
        sql.migrate(connection, create_submissions=True)
        execute_script(connection, CROWD.replace(":people", str(PEOPLE)))
        store.plan(connection, "earlier run", [person(n) for n in range(1, PEOPLE + 1)], 5)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
    yield engine
    engine.dispose()


@pytest.fixture
def crowd(crowded: Engine) -> Iterator[Connection]:
    """A connection whose transaction is rolled back."""
    with crowded.connect() as connection:
        yield connection


def person(number: int) -> UUID:
    """Return the id of one of the crowd."""
    return UUID(f"00000000-0000-4000-8000-{number:012}")


def rows_read(connection: Connection, name: str, parameters: Mapping[str, Any]) -> int:
    """Return how many rows the scans of a statement touch, kept or thrown away."""
    statement = text(f"explain (analyze, format json) {query(name).text}")
    with connection.begin_nested() as savepoint:
        found = connection.execute(statement, parameters).scalar_one()
        savepoint.rollback()
    plans = json.loads(found) if isinstance(found, str) else found
    return int(sum(_touched(node) for node in _nodes(plans[0]["Plan"])))


def rows_read_in_turn(connection: Connection, name: str, parameters: Mapping[str, Any]) -> int:
    """Return the same of a statement's plan for all batches, which knows no parameter."""
    return _rows_read_under("write_settings", connection, name, parameters)


def rows_read_before_it(connection: Connection, name: str, parameters: Mapping[str, Any]) -> int:
    """Return the same of what a batch reads before its turn: plans for all, of usual costs."""
    return _rows_read_under("keep_plans", connection, name, parameters)


def _rows_read_under(
    settings: str, connection: Connection, name: str, parameters: Mapping[str, Any]
) -> int:
    with connection.begin_nested() as savepoint:
        connection.execute(query(settings), {"lock_timeout": "1s"})
        before = sum(_rows_touched(connection).values())
        connection.execute(query(name), parameters)
        read = sum(_rows_touched(connection).values()) - before
        savepoint.rollback()
    return read


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _touched(node: dict[str, Any]) -> float:
    # A list that a statement makes for itself may be read anew for each row.
    read = {
        "Seq Scan",
        "Index Scan",
        "Index Only Scan",
        "Bitmap Heap Scan",
        "CTE Scan",
        "Materialize",
    }
    if node["Node Type"] not in read:
        return 0
    removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    kept = node["Actual Rows"] + sum(node.get(name, 0) for name in removed)
    return kept * node["Actual Loops"]


@pytest.fixture
def batch(crowd: Connection) -> list[Submission]:
    """Three new submissions, one of them a copy, and two that are analysed again."""
    new = [submit(crowd, 400 + n, url=f"https://store.test/new{n}.png") for n in range(3)]
    return [*new, *source.submissions(crowd, [person(200), person(4001)])]


def test_a_batch_reads_what_it_needs(crowd: Connection, batch: list[Submission]) -> None:
    """Every statement of a batch of five touches a few rows of the thousands."""
    ids = [str(each.id) for each in batch]
    results = [picture(f"new {n}", perceptual_hash="f" * 16) for n in range(5)]
    outcomes = {each.id: Outcome(each, result) for each, result in zip(batch, results, strict=True)}
    saved = signals._json([signals._signals_row(outcome) for outcome in outcomes.values()])
    prints = signals._fingerprint_columns(
        {each.id: result.fingerprint for each, result in zip(batch, results, strict=True)}
    )
    retried = {
        "ids": ids,
        "retried_kinds": RETRIED_KINDS,
        "moment": ANALYSED_AT,
        "algorithm_version": 1,
    }
    failures = signals._json(
        [
            {"payment_submission_id": id_, "image_url": "a", "failure_kind": "timeout"}
            for id_ in outcomes
        ]
    )
    later = digest("pixels 4002")
    contents = [digest(f"content {n}") for n in (199, 4001)]
    pixels = [digest(f"pixels {n}") for n in (199, 4001, 4002)]
    link = {
        "payment_submission_id": ids[0],
        "similar_to_payment_id": str(person(1)),
        "similarity_percentage": 100,
        "similarity_explanation": "Same file",
    }
    compared = {
        "pixels_a": pixels[0].hex(),
        "pixels_b": pixels[1].hex(),
        "same_picture": True,
        "similarity_percentage": 95,
        "explanation": "scaled",
        "later": pixels[1].hex(),
        "parted": False,
        "altered": False,
    }
    moved = [
        {
            "pixels": each.hex(),
            "first_created_at": str(ANALYSED_AT),
            "first_id": ids[0],
            "descriptor": "",
        }
        for each in pixels
    ]
    worst = [{"pixels": each.hex(), "worst_score": 0.5} for each in pixels]
    parameters: dict[str, Mapping[str, Any]] = {
        "save_signals": {"rows": saved, "ids": ids, "analyzed_at": ANALYSED_AT},
        "save_fingerprints": {**prints, "analyzed_at": ANALYSED_AT},
        "forget_fingerprints": {"ids": ids},
        "save_failures": {"rows": failures, "ids": ids},
        "count_hashes": {"ids": ids, "hashes": ["f" * 16] * 5},
        "index_hashes": {"hashes": [f"{n:016}" for n in (1, 3, 5)]},
        "drop_hashes": {"hashes": [f"{n:016}" for n in (1, 3, 5)]},
        "related_pictures": {"ids": ids},
        "members": {"contents": contents},
        "matches": {"pixels": pixels},
        "altered_copies": {"pixels": pixels},
        "payloads": {
            "pixels": pixels,
            "held": [True, False, False],
            "most": 100,
            "algorithm_version": 1,
        },
        "save_links": {"rows": json.dumps([link]), "ids": ids[:1]},
        "changed_pictures_of": {"ids": ids, "algorithm_version": 1, "row_limit": None},
        "comparisons": {"pixels": pixels, "algorithm_version": 1},
        "forget_comparisons": {"pixels": [later], "algorithm_version": 1},
        "save_comparisons": {"rows": json.dumps([compared]), "algorithm_version": 1},
        "save_pictures": {"rows": json.dumps(moved), "algorithm_version": 1},
        "save_worst_scores": {"rows": json.dumps(worst)},
        "some_sealed_payloads": {},
    }
    touched = {name: rows_read_in_turn(crowd, name, values) for name, values in parameters.items()}
    assert {name: rows for name, rows in touched.items() if rows > A_FEW} == {}
    assert touched["comparisons"] >= 2
    before = {
        "planned": {"run_id": "earlier run", "batch_number": 7},
        "submissions": {"ids": ids},
        "analysed_since": retried,
    }
    touched = {name: rows_read_before_it(crowd, name, values) for name, values in before.items()}
    assert {name: rows for name, rows in touched.items() if rows > A_FEW} == {}
    assert touched["submissions"] >= 5


def test_saving_and_linking_reads_little_in_sum(crowd: Connection, batch: list[Submission]) -> None:
    """Whatever statements a batch runs, they read a few rows of each table."""
    results = [picture("content 199", perceptual_hash="f" * 16) for _ in batch]
    before = _rows_touched(crowd)
    outcomes = [Outcome(each, result) for each, result in zip(batch, results, strict=True)]
    store.save(crowd, outcomes, ANALYSED_AT)
    store.link(crowd, [each.id for each in batch])
    after = _rows_touched(crowd)
    read = {table: number - before[table] for table, number in after.items()}
    assert {table: number for table, number in read.items() if number > 3 * A_FEW} == {}
    assert read["image_fingerprints"] > 0


def test_a_batch_is_planned_like_the_one_before(crowded: Engine) -> None:
    """For five ids PostgreSQL would plan each time, because it takes any number for ten."""
    ids = [person(number) for number in range(1, 6)]
    kept = text(
        "select coalesce(sum(custom_plans), 0) from pg_prepared_statements"
        " where statement like '%Given submissions that%'"
    )

    def planned_anew(connection: Connection) -> int:
        before = connection.execute(kept).scalar_one()
        for _ in range(12):
            assert len(source.submissions(connection, ids)) == len(ids)
        return int(connection.execute(kept).scalar_one() - before)

    with crowded.connect() as connection:
        assert planned_anew(connection) > 0
        assert store.in_turn(connection, lambda: planned_anew(connection)) == 0
    with store.reading(crowded) as connection:
        assert planned_anew(connection) == 0


def test_no_plan_of_a_batch_is_compiled(crowd: Connection) -> None:
    """Where PostgreSQL can compile plans (Debian's does), it would take seconds for each batch."""
    crowd.execute(text("set local jit = on"))
    crowd.execute(text("set local jit_above_cost = 0"))
    statement = text(f"explain (analyze, format json) {query('related_pictures').text}")

    def compiled() -> bool:
        (plan,) = crowd.execute(statement, {"ids": [str(person(200))]}).scalar_one()
        return "JIT" in plan

    can_compile: bool = crowd.execute(text("select pg_jit_available()")).scalar_one()
    assert compiled() is can_compile
    assert store.in_turn(crowd, compiled) is False


def _rows_touched(connection: Connection) -> dict[str, int]:
    """Return how many rows this transaction has read of each table, by scan or by index."""
    found = connection.execute(
        text(
            "select relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as touched"
            " from pg_stat_xact_user_tables"
        )
    )
    return {row.relname: row.touched for row in found}


def test_planning_when_everything_is_done_reads_each_row_once(crowd: Connection) -> None:
    """A run that finds nothing looks once at every submission and at every row of signals."""
    for name in ("pending", "pending_by_month", "totals"):
        parameters: dict[str, Any] = {"since": None, "until": None}
        if name != "totals":
            parameters["retried_kinds"] = None
        if name == "pending":
            parameters["row_limit"] = None
        assert rows_read(crowd, name, parameters) <= 2 * PEOPLE


def test_a_window_reads_its_own_submissions(crowd: Connection) -> None:
    """Planning one day of two hundred and fifty reads that day's submissions and signals."""
    for retried in (None, RETRIED_KINDS):
        pending = {**ONE_DAY, "retried_kinds": retried, "row_limit": None}
        assert rows_read(crowd, "pending", pending) <= 3 * 24
    assert rows_read(crowd, "totals", ONE_DAY) <= 3 * 24


def test_a_run_that_finds_nothing_reads_each_row_once(crowd: Connection) -> None:
    """It plans no batch, so that nothing is read once per batch."""
    before = _rows_touched(crowd)
    assert store.plan(crowd, "again", source.pending_ids(crowd), 5) == 0
    after = _rows_touched(crowd)
    assert sum(after.values()) - sum(before.values()) <= 2 * PEOPLE + A_FEW


def test_finding_look_alikes_reads_what_it_needs(crowd: Connection) -> None:
    """Of a mark that everybody has, so many entries are read as say that it is too common."""
    few, rare = 5, REACH.rare
    known = crowd.execute(
        text(
            "select number, pixels_sha256, first_created_at from image_pictures"
            " order by first_created_at desc limit :few"
        ),
        {"few": few},
    ).all()
    numbers = [row.number for row in known]
    own = [[1, 2, *(3 * number + n for n in (1, 2, 3))] for number in numbers]
    marks = {
        "pictures": numbers,
        "numbers": [number for number in numbers for _ in own[0]],
        "marks": [mark for some in own for mark in some],
        "other_bits": [0 for some in own for _ in some],
    }
    version = {"algorithm_version": 1}
    moments = [row.first_created_at for row in known]
    asked = {**marks, "moments": moments, **version, "most": rare, "most_other_bits": 0}
    assert rows_read_in_turn(crowd, "sharing", asked) <= few * (2 * (rare + 2) + 3 + 2)
    assert rows_read_in_turn(crowd, "early_holders", asked) <= len(marks["marks"]) * rare
    assert rows_read_in_turn(crowd, "forget_marks", marks) <= 2 * len(marks["marks"]) + few
    assert rows_read_in_turn(crowd, "save_marks", marks) <= len(marks["marks"]) + 2 * few
    pixels = [bytes(row.pixels_sha256) for row in known]
    assert rows_read_in_turn(crowd, "numbers_of", {"pixels": pixels}) <= 2 * few
    some = {"numbers": numbers, "held": [*pixels[1:], None], **version}
    assert rows_read_in_turn(crowd, "known_pictures", some) <= 2 * few
    for name, most in (("last_place", 2), ("index_state", 53), ("first_pictures", 51)):
        assert rows_read_in_turn(crowd, name, {**version, "most": 50}) <= most


def test_sealing_a_run_reads_its_plan(crowd: Connection) -> None:
    """The last step of a run reads what the run planned."""
    store.plan(crowd, "run", [person(n) for n in range(1, 41)], 5)
    parameters = {
        "run_id": "run",
        "retried_kinds": RETRIED_KINDS,
        "moment": ANALYSED_AT,
        "algorithm_version": 1,
    }
    assert rows_read(crowd, "unfinished", parameters) <= 8 + 4 * 40
    assert rows_read(crowd, "planned_at", {"run_id": "run"}) <= 8


def test_the_global_steps_read_each_row_a_few_times(crowd: Connection) -> None:
    """Rebuilding links and index after a run is linear in the tables."""
    crowd.execute(text("set local work_mem = '64kB'"))  # beside so few rows; others have millions
    assert rows_read(crowd, "all_members", {}) <= 10 * PEOPLE
    assert rows_read(crowd, "all_matches", {}) <= 3 * PEOPLE
    assert rows_read(crowd, "index_hashes", {"hashes": None}) <= 5 * PEOPLE
    assert rows_read(crowd, "drop_hashes", {"hashes": None}) <= 4 * PEOPLE


def test_forgetting_old_plans_reads_old_plans(crowd: Connection) -> None:
    """Planning does not read the plans of other recent runs."""
    assert rows_read(crowd, "forget_plans", {"run_id": "run"}) <= 8
    crowd.execute(
        text("update image_signal_batches set planned_at = :then where batch_number <= 3"),
        {"then": datetime.now(UTC) - timedelta(days=8)},
    )
    assert rows_read(crowd, "forget_plans", {"run_id": "run"}) <= 16
