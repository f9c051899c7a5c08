"""What changes from month to month, as an asset that the UI shows."""

from typing import Any

import dagster as dg

from imagesignals_pipeline.defs import catalog, preview
from imagesignals_pipeline.defs.assets import image_perceptual_hash_index
from imagesignals_pipeline.defs.resources import Postgres, plain_failures
from imagesignals_pipeline.review import patterns


@dg.asset(
    deps=[image_perceptual_hash_index],
    group_name=catalog.GROUP,
    owners=catalog.COMMITTEE,
    kinds={"pandas", "postgres"},
)
def monthly_patterns(postgres: dg.ResourceParam[Postgres]) -> dg.MaterializeResult[Any]:
    """Submissions, duplicates, look-alikes, odd pictures, editors and failures of every month.

    A pattern is a reason to look, not a verdict. A look-alike has the 64-bit hash of an earlier
    submission and is not the same picture: the monthly receipts of one app often do, and nothing is
    wrong with it. An edited one was saved by a picture program, which may only have cropped it. It
    writes no table: read the tables and the picture in the metadata of its latest materialization.
    """
    with plain_failures(), postgres.engine.begin() as connection:
        found = patterns.read(connection)
    shown = f"![Counts by month]({found.data_uri()})" if found.picture() else "*nothing*"
    return dg.MaterializeResult(
        metadata={
            "trends": dg.MetadataValue.md(shown),
            "months": preview.table(found.table().head(preview.ROWS)),
            "not_analysed_by_month": preview.table(found.topic("failure").head(preview.ROWS)),
            "editors_by_month": preview.table(found.topic("editor").head(preview.ROWS)),
            **{f"all_{name}": sum(map(int, found.months[name])) for name in patterns.SHOWN},
        }
    )
