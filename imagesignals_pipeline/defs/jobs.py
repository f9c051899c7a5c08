"""The job that the UI, the schedule and the command line all run."""

import dagster as dg

from imagesignals_pipeline.defs import abandoned
from imagesignals_pipeline.defs.assets import (
    image_perceptual_hash_index,
    payment_image_signals,
    pending_submissions,
)

ASSETS = (pending_submissions, payment_image_signals, image_perceptual_hash_index)

image_signals_backfill = dg.define_asset_job(
    "image_signals_backfill",
    selection=dg.AssetSelection.assets(*ASSETS),
    description=(
        "Analyses what waits in one month, brings the hash index and the duplicate links up to "
        "date, and runs the verification checks. Safe to repeat: what is analysed is skipped."
    ),
    # "From failure" would drop batches that never started: a retry repeats every step.
    tags=abandoned.ALL_STEPS,
)
