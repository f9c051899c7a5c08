"""What there is to do, by month, for whoever starts runs without a person (reads only)."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from imagesignals_pipeline.source import RETRIED_KINDS, require_visible
from imagesignals_pipeline.sql import query


@dataclass(frozen=True, slots=True)
class Backlog:
    """Submissions of one month, named by its first day in UTC, that wait for a kind of work.

    `mark` is another one as soon as something else waits: a run after which it is still the same
    has achieved nothing.
    """

    month: date
    waiting: int
    mark: str


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What deletions, time, or another program, left for `backfill.settle` to do.

    `links_amiss` are copies without a sound original, rows that another program linked, and copies
    of an earlier picture's pixels that it unmarked.
    """

    links_amiss: int
    screenshots_withdrawn: int
    pictures_moved: int
    uploads_miscounted: int
    thumbnails_overdue: bool
    mark: str

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return any(
            (
                self.links_amiss,
                self.screenshots_withdrawn,
                self.pictures_moved,
                self.uploads_miscounted,
                self.thumbnails_overdue,
            )
        )


def pending(connection: Connection) -> list[Backlog]:
    """Return the months with submissions that have no signals, or those of another screenshot."""
    return _backlogs(connection, "backlog_pending")


def due(connection: Connection) -> list[Backlog]:
    """Return the months with failures that may pass and whose pause is over."""
    return _backlogs(connection, "backlog_due", retried_kinds=RETRIED_KINDS)


def outdated(connection: Connection, algorithm_version: int) -> list[Backlog]:
    """Return the months with pictures that this version of the algorithm cannot compare."""
    return _backlogs(
        connection,
        "backlog_outdated",
        retried_kinds=RETRIED_KINDS,
        algorithm_version=algorithm_version,
    )


def unsettled(
    connection: Connection, algorithm_version: int, thumbnail_days: int | None = None
) -> Unsettled:
    """Return what `backfill.settle` would find; it compares no picture.

    Args:
        connection: The database.
        algorithm_version: Of the pictures that count.
        thumbnail_days: How long thumbnails may be kept; None: for ever.

    Raises:
        SubmissionsHiddenError: Hidden submissions would pass for deleted.
    """
    require_visible(connection)
    parameters = {"algorithm_version": algorithm_version}
    row = connection.execute(query("unsettled"), parameters).one()
    overdue = (
        thumbnail_days is not None
        and connection.execute(
            query("overdue_thumbnails"), {**parameters, "days": thumbnail_days, "row_limit": 1}
        ).one_or_none()
    )
    return Unsettled(
        row.links_amiss,
        row.screenshots_withdrawn,
        row.pictures_moved,
        int(row.uploads_miscounted),
        bool(overdue),
        str(row.mark),
    )


def _backlogs(
    connection: Connection, statement: str, **parameters: int | list[str]
) -> list[Backlog]:
    rows = connection.execute(query(statement), parameters)
    return [Backlog(row.month, row.waiting, str(row.mark)) for row in rows]
