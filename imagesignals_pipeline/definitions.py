"""Where everything meets; no logic."""

import dagster as dg

from imagesignals_pipeline.defs.assets import payment_submissions
from imagesignals_pipeline.defs.checks import post_backfill_verification
from imagesignals_pipeline.defs.jobs import ASSETS, image_signals_backfill
from imagesignals_pipeline.defs.patterns import monthly_patterns
from imagesignals_pipeline.defs.report import duplicate_review_report
from imagesignals_pipeline.defs.resources import ActivityLog, Decoders, Postgres, Storage

defs = dg.Definitions(
    assets=[payment_submissions, *ASSETS, duplicate_review_report, monthly_patterns],
    asset_checks=[post_backfill_verification],
    jobs=[image_signals_backfill],
    resources={
        "postgres": Postgres(),
        "storage": Storage(),
        "decoders": Decoders(),
        "activity_log": ActivityLog(),
    },
    # A batch is a few seconds of downloads: a process of its own would cost more than the work.
    executor=dg.in_process_executor,
)
