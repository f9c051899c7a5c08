"""The jobs that the UI, the schedules, the sensor and the command line run."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from imagesignals_pipeline.defs import abandoned
from imagesignals_pipeline.defs.assets import (
    image_perceptual_hash_index,
    payment_image_signals,
    pending_submissions,
)
from imagesignals_pipeline.defs.checks import post_backfill_verification
from imagesignals_pipeline.defs.patterns import monthly_patterns
from imagesignals_pipeline.defs.report import duplicate_review_report

ASSETS = (pending_submissions, payment_image_signals, image_perceptual_hash_index)
CHECKS = dg.AssetSelection.checks(post_backfill_verification)
RETRY = {"retry_failed": True}
RETRY_DUE = {"retry_due": True}
"""What the schedule asks for instead: it does not knock at a closed door every hour."""
PORTION = 200
"""Outdated pictures of one run: a minute or two of work."""
REANALYSE = {"outdated": PORTION}


def _by_month(name: str, description: str, **config: bool | int) -> UnresolvedAssetJobDefinition:
    """Return a job over all assets of a month."""
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(*ASSETS),
        description=description,
        config={"ops": {"payment_image_signals": {"config": config}}} if config else None,
        # "From failure" would drop batches that never started: a retry repeats every step.
        tags=abandoned.ALL_STEPS,
    )


image_signals_backfill = _by_month(
    "image_signals_backfill",
    "Analyses what waits in one month, brings the hash index and the duplicate links up to date, "
    "and runs the verification checks. Safe to repeat: what is analysed is skipped.",
)
retry_failed = _by_month(
    "retry_failed",
    "Also tries again all that failed or was skipped for a reason that may pass. Its schedule "
    "takes only what failed, when it is time for it: the pause is as long as a screenshot has "
    "failed already, a quarter of an hour at least; after 30 days it is given up.",
    **RETRY,
)
reanalyse_outdated = _by_month(
    "reanalyse_outdated",
    "Analyses anew pictures that this version cannot compare: those of an older version, and those "
    "that another program analysed. A row stays as it is until the new analysis replaces it.",
    **REANALYSE,
)
relink_duplicates = dg.define_asset_job(
    "relink_duplicates",
    selection=dg.AssetSelection.assets(image_perceptual_hash_index) | CHECKS,
    description=(
        "Settles duplicate links and the hash index, and runs the checks; fetches nothing. The "
        "next earliest submission of a picture takes the place of a deleted original."
    ),
    tags=abandoned.ALL_STEPS,
)
verify_signals = dg.define_asset_job(
    "verify_signals",
    selection=CHECKS,
    description="Runs the verification checks alone: their numbers are plotted over time.",
    tags=abandoned.ALL_STEPS,
)
review_report = dg.define_asset_job(
    "review_report",
    selection=dg.AssetSelection.assets(duplicate_review_report, monthly_patterns),
    description=(
        "Writes the duplicate review as HTML files for the committee, and counts the patterns of "
        "every month. It reads what was analysed, and analyses nothing."
    ),
    tags=abandoned.ALL_STEPS,
)
JOBS = (
    image_signals_backfill,
    retry_failed,
    relink_duplicates,
    reanalyse_outdated,
    verify_signals,
    review_report,
)
