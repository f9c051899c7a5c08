"""Counts and invariants of the tables after a run (reads only)."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

import pandas as pd
from sqlalchemy import Connection, text

from imagesignals_pipeline import match
from imagesignals_pipeline.model import advice_on
from imagesignals_pipeline.sql import query, require_tables

MAX_FAILURE_RATE = 0.2
"""Part of the finished rows that may have failed before a check warns; old pictures do get lost."""
RECENT_DAYS = 7
"""Days whose rows must keep to it too: among the rows of years nobody would see an outage."""
ENOUGH_RECENT = 10
"""Rows of these days from which on they are looked at; of a few, one is a large part."""

MAX_WAIT_HOURS = 24
"""Hours that a submission may wait before a check warns; by itself it waits some minutes."""
MAX_DUPLICATE_RATE = 0.3
"""Part of the analysed rows that may be copies before a check warns. Residents do not reuse that
many pictures: rather, a picture that is no receipt is shown by all, or the matching is wrong."""


class Severity(StrEnum):
    """How much a failed check matters; Dagster's own words."""

    ERROR = "ERROR"
    WARN = "WARN"


class Table(StrEnum):
    """Which asset a check is about."""

    SIGNALS = "payment_image_signals"
    INDEX = "image_perceptual_hash_index"


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold; `remedy` says what is wrong when it does not, and what to do.

    A check that fails with severity WARN tells of the world, one with ERROR of broken tables.
    """

    name: str
    table: Table
    severity: Severity
    description: str
    remedy: str


CHECKS = (
    Check(
        "every_submission_accounted_for",
        Table.SIGNALS,
        Severity.WARN,  # a live system receives new submissions at any moment
        "Every submission with a screenshot has been analysed, skipped or recorded as failed.",
        "{broken} submissions wait to be analysed: run the backfill.",
    ),
    Check(
        "nothing_waits_long",
        Table.SIGNALS,
        Severity.WARN,
        "No submission with a screenshot has waited for more than a day.",
        "{broken} have waited for more than a day, the longest for {oldest_wait_hours} hours: "
        "run the backfill, or see why it does not run by itself.",
    ),
    Check(
        "all_submissions_visible",
        Table.SIGNALS,
        Severity.WARN,
        "Row-level security does not hide the submissions from the pipeline.",
        "Some submissions are hidden from this role: give it a policy for all rows (run "
        "`imagesignals migrate --roles`), or the attribute BYPASSRLS.",
    ),
    Check(
        "one_row_per_submission",
        Table.SIGNALS,
        Severity.ERROR,
        "No submission has more than one row of signals.",
        "{broken} second rows, and no unique index: docs/operating.md (Mending) has the SQL that "
        "restores it.",
    ),
    Check(
        "no_dangling_links",
        Table.SIGNALS,
        Severity.ERROR,
        "Every link leads to a submission that exists.",
        "{broken} links lead to deleted submissions: docs/operating.md (Mending) has the SQL that "
        "clears them; then run the backfill.",
    ),
    Check(
        "no_self_duplicates",
        Table.SIGNALS,
        Severity.ERROR,
        "No submission is its own original.",
        "{broken} submissions name themselves: docs/operating.md (Mending) has the SQL that clears "
        "them.",
    ),
    Check(
        "duplicates_have_an_original",
        Table.SIGNALS,
        Severity.ERROR,
        "Every copy names an earlier, analysed submission that is no copy itself, and says why.",
        "{broken} do not, because submissions were deleted or changed: run the backfill.",
    ),
    Check(
        "copies_are_marked",
        Table.SIGNALS,
        Severity.ERROR,
        "Every submission with the bytes or pixels of an earlier one is marked as a duplicate.",
        "{broken} are not, because submissions were deleted or changed: run the backfill.",
    ),
    Check(
        "completed_rows_are_whole",
        Table.SIGNALS,
        Severity.ERROR,
        "Every row that the pipeline analysed has its hash and its fingerprint.",
        "{broken} do not: docs/operating.md (Mending) has the SQL that deletes them; then run the "
        "backfill.",
    ),
    Check(
        "failures_have_a_reason",
        Table.SIGNALS,
        Severity.ERROR,
        "Every failed or skipped row of the pipeline says why, and nobody else wrote it.",
        "{broken} do not, or were written by others: docs/operating.md (Mending) has the SQL that "
        "deletes them; then run the backfill.",
    ),
    Check(
        "failure_rate",
        Table.SIGNALS,
        Severity.WARN,
        f"At most {MAX_FAILURE_RATE:.0%} of the finished screenshots failed or were no image, and "
        f"of those of the last {RECENT_DAYS} days where they are {ENOUGH_RECENT} or more.",
        "Of {finished} {failed} failed and {not_an_image} were no image; of {recent_finished} in "
        f"the last {RECENT_DAYS} days {{recent_failed}}: mend the cause, then run the backfill "
        "with --retry-failed.",
    ),
    Check(
        "duplicate_rate",
        Table.SIGNALS,
        Severity.WARN,
        f"At most {MAX_DUPLICATE_RATE:.0%} of 50 or more analysed ones are marked as copies.",
        "{duplicates} of {analysed} are marked as copies: look at some of them before you trust "
        "the others.",
    ),
    Check(
        "pictures_can_be_compared",
        Table.SIGNALS,
        Severity.WARN,
        "Every analysed picture can be compared with new ones, if it can still be fetched.",
        "{broken} were analysed by another program or an older version, and altered copies of them "
        "are not noticed: switch on reanalyse_outdated_schedule until none is left.",
    ),
    Check(
        "late_pictures_are_compared",
        Table.SIGNALS,
        Severity.WARN,
        "Every picture was compared with older ones that arrived late.",
        "{broken} have yet to be: the last run of a backfill does it, or the job "
        "relink_duplicates.",
    ),
    Check(
        "adopted_rows_keep_the_rules",
        Table.SIGNALS,
        Severity.WARN,
        "Rows of another program have a known status, sound numbers, and no copy without original.",
        "{broken} of the rows that another program wrote break this, and stay as they are: "
        "docs/operating.md (Mending) has the SQL that lists them.",
    ),
    Check(
        "index_matches_signals",
        Table.INDEX,
        Severity.ERROR,
        "The hash index has one row for each hash, with the right count and first submission.",
        "{broken} rows differ from the signals, because submissions were deleted or changed: run "
        "the backfill, which rebuilds the index.",
    ),
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How a check came out; `numbers` are what it counted, `broken` first."""

    name: str
    table: Table
    severity: Severity
    passed: bool
    description: str
    numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A marked copy, as the guide's query lists it."""

    flat_id: str | None
    created_at: datetime | None
    similarity_percentage: int | None
    similarity_explanation: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """What the verification found.

    `total_payments_with_screenshots` and `total_analyzed` are the guide's own counts; the first
    includes manual entries and blank URLs, which `submissions_to_analyze` leaves out. `pending`
    counts of these what waits. `duplicates` are the newest, 20 at most.
    """

    total_payments_with_screenshots: int
    submissions_to_analyze: int
    total_analyzed: int
    pending: int
    status_breakdown: Mapping[str, int]
    failures_by_kind: Mapping[str, int]
    duplicates: tuple[Duplicate, ...]
    checks: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no check of severity ERROR failed."""
        return all(check.passed for check in self.checks if check.severity is Severity.ERROR)

    def failures(self) -> pd.DataFrame:
        """Return what was not analysed, to look at: `kind`, `count`, `what to do`."""
        rows = [(kind, n, advice_on(kind)) for kind, n in self.failures_by_kind.items()]
        return pd.DataFrame(rows, columns=["kind", "count", "what to do"])

    def as_json(self) -> dict[str, object]:
        """Return the report in types of JSON; times are in UTC."""
        return {
            "total_payments_with_screenshots": self.total_payments_with_screenshots,
            "submissions_to_analyze": self.submissions_to_analyze,
            "total_analyzed": self.total_analyzed,
            "pending": self.pending,
            "status_breakdown": dict(self.status_breakdown),
            "failures_by_kind": dict(self.failures_by_kind),
            "duplicates": [
                {**asdict(each), "created_at": each.created_at and each.created_at.isoformat()}
                for each in self.duplicates
            ],
            "checks": [_check_as_json(each) for each in self.checks],
        }


def report(connection: Connection) -> Report:
    """Run the guide's verification queries and every check, as a role that may read all tables.

    Raises:
        SchemaError: The tables are missing, or this role may not read the submissions.
    """
    require_tables(connection)
    limits: Mapping[str, Mapping[str, float]] = {
        "failure_rate": {
            "max_failure_rate": MAX_FAILURE_RATE,
            "recent_days": RECENT_DAYS,
            "enough_recent": ENOUGH_RECENT,
        },
        "nothing_waits_long": {"max_wait_hours": MAX_WAIT_HOURS},
        "duplicate_rate": {"max_duplicate_rate": MAX_DUPLICATE_RATE},
        "pictures_can_be_compared": {"algorithm_version": match.ALGORITHM_VERSION},
    }
    checks = tuple(_checked(connection, check, limits.get(check.name, {})) for check in CHECKS)
    accounted_for = next(
        each.numbers for each in checks if each.name == "every_submission_accounted_for"
    )
    return Report(
        total_payments_with_screenshots=connection.execute(query("guide_total")).scalar_one(),
        submissions_to_analyze=accounted_for["submissions_with_screenshot"],
        total_analyzed=connection.execute(query("guide_analyzed")).scalar_one(),
        pending=accounted_for["broken"],
        status_breakdown=_counts(connection, "guide_statuses"),
        failures_by_kind=_counts(connection, "failures_by_kind"),
        duplicates=_duplicates(connection),
        checks=checks,
    )


def digest(connection: Connection) -> str:
    """Return a value that two databases share when both tables mean the same.

    Row ids and times of writing mean nothing; who wrote a row does.
    """
    values = [
        connection.execute(query(name)).scalar_one() for name in ("signals_digest", "index_digest")
    ]
    return hashlib.sha256(" ".join(values).encode()).hexdigest()


def _check_as_json(check: CheckResult) -> dict[str, object]:
    return {
        "name": check.name,
        "passed": check.passed,
        "severity": str(check.severity),
        "description": check.description,
        "table": str(check.table),
        "numbers": dict(check.numbers),
    }


def _checked(connection: Connection, check: Check, limits: Mapping[str, float]) -> CheckResult:
    statement = query(f"check_{check.name}")
    numbers = dict(connection.execute(statement, dict(limits)).mappings().one())
    return CheckResult(
        name=check.name,
        table=check.table,
        severity=check.severity,
        passed=numbers["broken"] == 0,
        description=_sentence(check, numbers),
        numbers=MappingProxyType(numbers),
    )


def _sentence(check: Check, numbers: Mapping[str, int]) -> str:
    """Say how a check came out, and what to do if it failed."""
    if numbers["broken"]:
        return check.remedy.format_map(numbers)
    if not any(numbers.values()):
        return f"{check.description} (There was nothing to check.)"
    return check.description


def _counts(connection: Connection, name: str) -> Mapping[str, int]:
    """Return a query's pairs of a name and a count; a status that is null has the name `null`."""
    rows = connection.execute(query(name)).all()
    return MappingProxyType({str(key or "null"): count for key, count in rows})


def _duplicates(connection: Connection) -> tuple[Duplicate, ...]:
    """Run the guide's query; Python has no dates beyond the year 9999, which PostgreSQL has."""
    guide = query("guide_duplicates").text
    moment = "case when created_at is not null then imagesignals_moment(created_at) end"
    columns = f"flat_id, {moment} as created_at, similarity_percentage, similarity_explanation"
    ours = f"select {columns} from ({guide}) as guide order by guide.created_at desc"  # noqa: S608
    return tuple(
        Duplicate(
            flat_id=None if row.flat_id is None else str(row.flat_id),
            created_at=row.created_at and row.created_at.astimezone(UTC),
            similarity_percentage=row.similarity_percentage,
            similarity_explanation=row.similarity_explanation,
        )
        for row in connection.execute(text(ours))
    )
