"""Where everything meets; no logic."""

import os

import dagster as dg

from imagesignals_pipeline.defs.alerting import ALERTS
from imagesignals_pipeline.defs.assets import payment_submissions
from imagesignals_pipeline.defs.checks import post_backfill_verification
from imagesignals_pipeline.defs.executors import executor
from imagesignals_pipeline.defs.jobs import ASSETS, JOBS
from imagesignals_pipeline.defs.patterns import monthly_patterns
from imagesignals_pipeline.defs.report import duplicate_review_report
from imagesignals_pipeline.defs.resources import ActivityLog, Decoders, Postgres, Storage
from imagesignals_pipeline.defs.schedules import SCHEDULES
from imagesignals_pipeline.defs.sensors import SENSORS

defs = dg.Definitions(
    assets=[payment_submissions, *ASSETS, duplicate_review_report, monthly_patterns],
    asset_checks=[post_backfill_verification],
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=[*SENSORS, *ALERTS],
    resources={
        "postgres": Postgres(),
        "storage": Storage(),
        "decoders": Decoders(),
        "activity_log": ActivityLog(),
    },
    executor=executor(os.environ),
)
