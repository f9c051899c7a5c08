"""The report for the committee, as an asset."""

import os
from datetime import UTC, datetime
from heapq import nlargest
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from imagesignals_pipeline import dates, settings
from imagesignals_pipeline.defs import catalog, preview
from imagesignals_pipeline.defs.assets import image_perceptual_hash_index
from imagesignals_pipeline.defs.resources import Postgres, plain_failures
from imagesignals_pipeline.review import report, words
from imagesignals_pipeline.review.report import Report


class ReportConfig(dg.Config):
    """How much the report shows."""

    most_groups: int = Field(
        default=report.MOST_GROUPS,
        ge=1,
        le=10_000,
        description="Groups in the report; of more, those with the latest copies. 500 take about a "
        "minute and 15 MB.",
    )


@dg.asset(
    deps=[image_perceptual_hash_index],
    group_name=catalog.GROUP,
    owners=catalog.COMMITTEE,
    kinds={"html"},
)
def duplicate_review_report(
    config: ReportConfig, postgres: dg.ResourceParam[Postgres]
) -> dg.MaterializeResult[Any]:
    """Submissions that share a picture, side by side, as HTML files for the committee.

    The files need no network and nothing beside themselves. They go into a new folder under
    IMAGESIGNALS_REPORTS; reports older than IMAGESIGNALS_REPORT_DAYS are removed. A signal is not
    an accusation: it says that two pictures look the same, not why. To record decisions, run
    `imagesignals review`.
    """
    now = datetime.now(UTC)
    with plain_failures():
        read = settings.read(os.environ)
        one_moment = postgres.engine.execution_options(isolation_level="REPEATABLE READ")
        with one_moment.begin() as connection:
            made = report.write(
                connection,
                read.reports,
                now,
                show_pictures=read.show_thumbnails,
                zone=read.time_zone,
                most_groups=config.most_groups,
            )
        removed, left = report.expire(read.reports, now, days=read.report_days)
    if left:  # the new report is there all the same; tried again, there would be another one
        dg.get_dagster_logger().warning(
            "Reports older than %s could not be removed: remove them from %s yourself: %s",
            *(settings.REPORT_DAYS, read.reports, ", ".join(left)),
        )
    return dg.MaterializeResult(
        metadata={
            "report": dg.MetadataValue.path(str(made.first_file)),
            "latest_copies": preview.table(_latest(made)),
            **preview.numbers(made),
            "old_reports_removed": removed,
            "old_reports_left": len(left),
        }
    )


def _latest(made: Report) -> pd.DataFrame:
    """Return the latest copies as a table, the last one first."""
    shown = [(copy, group.original) for group in made.latest for copy in group.copies]
    rows = [
        {
            "flat": words.flat(copy.flat_id),
            "submitted (UTC)": words.minute(copy.created_at),
            "first submitted by": words.flat(original.flat_id),
            "on (UTC)": dates.day(original.created_at),
            "how alike": words.TIERS[copy.tier],
            "decision": words.DECISIONS[copy.decision],
        }
        for copy, original in nlargest(preview.ROWS, shown, key=lambda each: each[0].created_at)
    ]
    return pd.DataFrame(rows)
