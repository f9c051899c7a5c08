"""The roles of `migrate --roles` are enough: one for all that runs, one for all that reads.

The third, for the review page, has its test in `database/test_roles.py`.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import LiteralString

import dagster as dg
import pytest
from sqlalchemy import Engine, make_url

from imagesignals_pipeline import settings
from imagesignals_pipeline.definitions import defs
from imagesignals_pipeline.defs import sensors
from imagesignals_pipeline.defs.patterns import monthly_patterns
from imagesignals_pipeline.defs.report import duplicate_review_report
from imagesignals_pipeline.defs.resources import Postgres
from imagesignals_pipeline_tests.few import FEW
from imagesignals_pipeline_tests.story.conftest import CleanRun, Operator

PASSWORD = "only-for-this-test"
LOGINS = {"pipeline": "imagesignals_writer", "committee": "imagesignals_reader"}
OCTOBER = "2025-10"
BY_MONTH = ("image_signals_backfill", "retry_failed", "reanalyse_outdated")
SOME_FAILED_LONG_AGO = (
    "update image_signal_failures set failed_since = now() - interval '2 hours',"
    " failed_at = now() - interval '1 hour'"
)
SOME_ARE_OUTDATED = (
    "update image_fingerprints set algorithm_version = 0 from payment_submissions as submission"
    " where submission.id = payment_submission_id and submission.created_at < '2025-11-01'"
)
LEFT_TO_DO = (
    "select (select count(*) from image_fingerprints where algorithm_version = 0) +"
    " (select count(*) from image_signal_failures join payment_submissions as submission"
    " on submission.id = payment_submission_id"
    " where submission.created_at < '2025-11-01' and failed_at < now() - interval '50 minutes')"
)
OVER_ALL = ("relink_duplicates", "verify_signals")


@dataclass(frozen=True, slots=True)
class Separated:
    """The owner of the tables, and the operators whose logins have one of the roles each."""

    owner: Operator
    pipeline: Operator
    committee: Operator


@pytest.fixture
def separated(society: Operator) -> Iterator[Separated]:
    """What the README asks for: roles, logins, and row-level security on the submissions too."""
    execute(society.engine, "alter table payment_submissions enable row level security")
    assert society.runs("migrate", "--roles").status == 0
    try:
        for login, role in LOGINS.items():
            execute(
                society.engine, f"create role {login} login password '{PASSWORD}' in role {role}"
            )
        yield Separated(society, *(as_login(society, login) for login in LOGINS))
    finally:
        for role in (*LOGINS, *LOGINS.values(), "imagesignals_reviewer"):
            execute(society.engine, f"drop owned by {role}", f"drop role {role}")


def execute(engine: Engine, *statements: str) -> None:
    """Run statements as the owner of the tables."""
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def rows(engine: Engine, count: LiteralString) -> int:
    """Return what a statement counts."""
    with engine.connect() as connection:
        return connection.exec_driver_sql(count).scalar_one()


def as_login(operator: Operator, login: str) -> Operator:
    """Return the operator whose database address names a login."""
    url = make_url(operator.environ[settings.DATABASE_URL]).set(username=login, password=PASSWORD)
    theirs = {settings.DATABASE_URL: url.render_as_string(hide_password=False)}
    return replace(operator, environ={**operator.environ, **theirs})


@contextmanager
def environment_of(operator: Operator) -> Generator[dg.DagsterInstance]:
    """Be a run of this operator's in this process, with Dagster's storage in memory."""
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        for name, value in operator.environ.items():
            patch.setenv(name, value)
        yield instance


def test_everything_runs_as_the_writer(separated: Separated, clean_run: CleanRun) -> None:
    """The backfill of two months, every job, report, patterns and sensor; checks pass."""
    pipeline, owner = separated.pipeline, separated.owner
    said = pipeline.runs("backfill", "--batch-delay", "0")
    assert said.status == 0, said.err
    assert owner.digest() == clean_run.digest
    assert pipeline.runs("verify").status == 0
    execute(owner.engine, f"delete from payment_submissions where id = '{FEW[0].id}'")
    with environment_of(pipeline) as instance:
        assert [asked.job_name for asked in asked_by_the_sensor(instance)] == ["relink_duplicates"]
        execute(owner.engine, SOME_FAILED_LONG_AGO, SOME_ARE_OUTDATED)
        assert rows(owner.engine, LEFT_TO_DO) > 1
        for name in (*OVER_ALL, *BY_MONTH):
            result = defs.resolve_job_def(name).execute_in_process(
                instance=instance, partition_key=OCTOBER if name in BY_MONTH else None
            )
            assert result.success
            found = result.get_asset_check_evaluations()
            assert found
            failed = {each.check_name for each in found if not each.passed}
            # The last job is the one that analyses them anew.
            outdated = set() if name == "reanalyse_outdated" else {"pictures_can_be_compared"}
            assert failed == outdated | {"failure_rate"}  # two of eight
        assert asked_by_the_sensor(instance) == []
        assert rows(owner.engine, LEFT_TO_DO) == 0
        for asset in (duplicate_review_report, monthly_patterns):
            made = dg.materialize([asset], resources={"postgres": Postgres()}, instance=instance)
            assert made.success


def test_the_reader_verifies_and_starts_nothing(separated: Separated) -> None:
    """Verification works; a backfill ends in one line, and leaves nothing behind."""
    committee = separated.committee
    assert separated.pipeline.runs("backfill", "--batch-delay", "0").status == 0
    before = separated.owner.digest()
    said = committee.runs("verify", "--json")
    assert said.status == 0, said.err
    assert '"pending": 0' in said.out
    refused = committee.runs("backfill", "--retry-failed", "--batch-delay", "0")
    assert refused.status == 1
    assert len(refused.err.splitlines()) == 1, refused.err
    assert separated.owner.digest() == before


def asked_by_the_sensor(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """Return the runs that the sensor asks for."""
    with dg.build_sensor_context(instance=instance, resources={"postgres": Postgres()}) as context:
        answer = sensors.new_submissions_sensor(context)
    return list(answer.run_requests or ()) if isinstance(answer, dg.SensorResult) else []
