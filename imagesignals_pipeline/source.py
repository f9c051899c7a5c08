"""Which submissions wait, and what is known of those that do not (reads only)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import pandas as pd
from sqlalchemy import Connection

from imagesignals_pipeline import pace
from imagesignals_pipeline.dates import EPOCH
from imagesignals_pipeline.model import (
    FailureKind,
    OperatorError,
    Submission,
    Totals,
    advice_on,
)
from imagesignals_pipeline.pace import Pace
from imagesignals_pipeline.sql import query

RETRIED_KINDS = [str(kind) for kind in FailureKind if kind.may_pass]
"""Kinds of failure that another attempt may cure; a failed row without a kind counts as one."""


@dataclass(frozen=True, slots=True)
class Window:
    """The submissions made at `since` or later and before `until`; None means no bound.

    Submissions without a date count as made on 1 January 1970.

    Raises:
        ValueError: A bound has no time zone.
    """

    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        for bound in (self.since, self.until):
            if bound is not None and bound.tzinfo is None:
                raise ValueError(f"{bound} has no time zone.")

    def bounds(self) -> Mapping[str, datetime | None]:
        """Return the window as parameters; a lower bound that nothing can miss is none."""
        since = self.since if self.since is None or self.since > EPOCH else None
        return {"since": since, "until": self.until}


EVERYTHING = Window()


class SubmissionsHiddenError(OperatorError):
    """Some submissions cannot be seen, and would pass for deleted."""


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """A batch as its run planned it; `number` counts from 1 to `batch_count`."""

    number: int
    batch_count: int
    submission_ids: tuple[UUID, ...]
    planned_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of all that a run planned, and its pace; None while nothing is done."""

    totals: Totals
    pace: Pace | None


def totals(connection: Connection, window: Window | None = None) -> Totals:
    """Count the submissions of a window that have a screenshot."""
    bounds = (window or EVERYTHING).bounds()
    row = connection.execute(query("totals"), bounds).one()
    return _totals(row.total, row.completed, row.skipped, row.failed)


def pending_by_month(
    connection: Connection, window: Window | None = None, *, retry_failed: bool = False
) -> dict[date, int]:
    """Count who waits, by the first day of the month in UTC, oldest first."""
    chosen = {**(window or EVERYTHING).bounds(), **_retried(also_failed=retry_failed)}
    rows = connection.execute(query("pending_by_month"), chosen)
    return {row.month: row.pending for row in rows}


def pending_frame(
    connection: Connection, window: Window | None = None, *, limit: int | None = None
) -> pd.DataFrame:
    """Return who waits, oldest first, to look at: `flat_id` and `created_at` (UTC).

    URLs are left out, because they may carry signed tokens.
    """
    chosen = _chosen(window, retry_failed=False, limit=limit)
    return _frame(connection, "pending", chosen, utc="created_at").drop(columns="id")


def failures_frame(
    connection: Connection, window: Window | None = None, *, limit: int | None = None
) -> pd.DataFrame:
    """Return what failed or was skipped, newest first, to look at, with what to do about it.

    Columns are `flat_id`, `submitted (UTC)`, `kind`, `reason` and `what to do`. URLs are left out,
    because they may carry signed tokens.
    """
    bounds = (window or EVERYTHING).bounds()
    frame = _frame(connection, "failures", {**bounds, "row_limit": limit})
    frame = frame.rename(columns={"submitted": "submitted (UTC)"})
    frame["what to do"] = [advice_on(kind) for kind in frame["kind"]]
    return frame


def require_visible(connection: Connection) -> None:
    """Return when this role sees all submissions that were analysed.

    Raises:
        SubmissionsHiddenError: Row-level security hides some, whose pictures would be forgotten.
    """
    if connection.execute(query("submissions_hidden")).scalar_one():
        raise SubmissionsHiddenError(
            "Row-level security hides submissions that were analysed: give this role a policy for "
            "all rows (run `imagesignals migrate --roles`), or the attribute BYPASSRLS."
        )


def pending_ids(
    connection: Connection, window: Window | None = None, *, retry_failed: bool = False
) -> list[UUID]:
    """Return who waits, in the order of `created_at` and `id`."""
    chosen = _chosen(window, retry_failed=retry_failed, limit=None)
    return list(connection.execute(query("pending"), chosen).scalars())


def submissions(connection: Connection, ids: Collection[UUID]) -> list[Submission]:
    """Return those submissions that still exist with a screenshot, oldest first."""
    return [
        Submission(
            id=row.id,
            flat_id=row.flat_id,
            screenshot_url=row.screenshot_url,
            created_at=row.created_at.astimezone(UTC),
        )
        for row in connection.execute(query("submissions"), _ids(ids))
    ]


def analysed_since(
    connection: Connection, ids: Collection[UUID], moment: datetime, algorithm_version: int
) -> set[UUID]:
    """Return which submissions need no further work.

    A row of the present screenshot that is skipped, failed for good, or analysed by this version
    is done. Any other is done if the attempt was made at `moment` or later.
    """
    parameters = {
        **_ids(ids),
        **_retried(also_failed=True),
        "moment": moment,
        "algorithm_version": algorithm_version,
    }
    return set(connection.execute(query("analysed_since"), parameters).scalars())


def due_ids(connection: Connection, window: Window | None = None) -> list[UUID]:
    """Return failed submissions whose reason may pass and whose pause is over, oldest first.

    The pause is as long as it has failed already, 15 minutes at least; after 30 days it is over
    never (see `imagesignals_retry_at`).
    """
    parameters = {**(window or EVERYTHING).bounds(), **_retried(also_failed=True)}
    return list(connection.execute(query("due"), parameters).scalars())


def outdated_ids(
    connection: Connection,
    algorithm_version: int,
    window: Window | None = None,
    *,
    limit: int | None = None,
) -> list[UUID]:
    """Return analysed submissions without a fingerprint of this version, oldest first.

    Rows that another program analysed have none, so that their pictures are never compared. What
    could not be analysed anew has its turn at a growing distance, as in `due_ids`.
    """
    parameters = {
        **(window or EVERYTHING).bounds(),
        **_retried(also_failed=True),
        "algorithm_version": algorithm_version,
        "row_limit": limit,
    }
    return list(connection.execute(query("outdated"), parameters).scalars())


def planned(connection: Connection, run_id: str, batch_number: int) -> PlannedBatch | None:
    """Return a batch of a run, or None when the run never planned it."""
    row = connection.execute(
        query("planned"), {"run_id": run_id, "batch_number": batch_number}
    ).one_or_none()
    if row is None:
        return None
    return PlannedBatch(
        row.batch_number, row.batch_count, tuple(row.submission_ids), row.planned_at
    )


def unfinished(connection: Connection, run_id: str, algorithm_version: int) -> int | None:
    """Count what a run planned and did not analyse; deleted submissions are not missed.

    None: it has no plan, not even one of nothing.
    """
    planned_at = connection.execute(query("planned_at"), {"run_id": run_id}).scalar_one()
    if planned_at is None:
        return None
    parameters = {
        "run_id": run_id,
        "moment": planned_at,
        "algorithm_version": algorithm_version,
        **_retried(also_failed=True),
    }
    return connection.execute(query("unfinished"), parameters).scalar_one()


def progress(connection: Connection, run_id: str) -> Progress:
    """Tell how far a run has come, at what pace; what others did meanwhile counts too.

    The pace is that of all but the first third, as in `pace.pace`, in batches of several workers
    as well.
    """
    row = connection.execute(query("run_progress"), {"run_id": run_id}).one()
    so_far = _totals(row.planned, row.completed, row.skipped, row.failed)
    if not row.followed:
        return Progress(so_far, None)
    return Progress(so_far, pace.of(row.followed, row.followed_s, so_far.pending))


def _totals(total: int, completed: int, skipped: int, failed: int) -> Totals:
    processed = completed + skipped + failed
    return Totals(total, processed, completed, skipped, failed, pending=total - processed)


def _frame(
    connection: Connection,
    statement: str,
    parameters: Mapping[str, object],
    utc: str | None = None,
) -> pd.DataFrame:
    """Return what a statement finds; errors are SQLAlchemy's, as pandas' quote the statement."""
    times = {utc: {"utc": True}} if utc else None
    try:
        return pd.read_sql_query(
            query(statement), connection, params=dict(parameters), parse_dates=times
        )
    except pd.errors.DatabaseError as error:
        raise error.__cause__ or error from None


def _chosen(
    window: Window | None, *, retry_failed: bool, limit: int | None
) -> dict[str, datetime | list[str] | int | None]:
    """Return the parameters of the statement `pending`."""
    bounds = (window or EVERYTHING).bounds()
    return {**bounds, **_retried(also_failed=retry_failed), "row_limit": limit}


def _retried(*, also_failed: bool) -> dict[str, list[str] | None]:
    return {"retried_kinds": RETRIED_KINDS if also_failed else None}


def _ids(ids: Collection[UUID]) -> dict[str, list[UUID]]:
    return {"ids": list(ids)}
