"""What notices work by itself. All of it is off until it is switched on in the UI."""

import os

import dagster as dg

from imagesignals_pipeline import backlog, match, settings
from imagesignals_pipeline.defs import abandoned, requests
from imagesignals_pipeline.defs.jobs import image_signals_backfill, relink_duplicates
from imagesignals_pipeline.defs.resources import Postgres, plain_failures

EVERY_S = 60


@dg.sensor(
    jobs=[image_signals_backfill, relink_duplicates],
    minimum_interval_seconds=EVERY_S,
    description=(
        "Looks once a minute for new or changed screenshots, for deleted submissions and for "
        "thumbnails to forget, and starts runs of the months concerned. A month on which a run "
        "works is left alone, and pauses when a run has left everything as it was."
    ),
)
def new_submissions_sensor(
    context: dg.SensorEvaluationContext, postgres: dg.ResourceParam[Postgres]
) -> dg.SensorResult | dg.SkipReason:
    """Ask for the runs that are worth it now; a quiet database costs three or four queries."""
    abandoned.end(context.instance)
    with plain_failures(), postgres.engine.begin() as connection:
        pending = backlog.pending(connection)
        days = settings.read(os.environ).thumbnail_days
        unsettled = backlog.unsettled(connection, match.ALGORITHM_VERSION, days)
    asked = requests.months(context.instance, image_signals_backfill.name, pending, {})
    if asked.runs:  # each of them settles the links at its end
        return dg.SensorResult(run_requests=asked.runs)
    relinking = requests.relinking(context.instance, relink_duplicates.name, unsettled)
    if relinking.runs:
        return dg.SensorResult(run_requests=relinking.runs)
    left_out = requests.Asked([], [*asked.left_out, *relinking.left_out])
    return dg.SkipReason(left_out.skip_reason)


SENSORS = (new_submissions_sensor,)
