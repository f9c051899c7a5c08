"""Where the steps of a run are worked on: in its own process, or by workers on many machines."""

from collections.abc import Mapping

import dagster as dg

from imagesignals_pipeline import settings


def executor(environ: Mapping[str, str]) -> dg.ExecutorDefinition:
    """Return what runs of the UI, the schedules and the sensor use; the command line never asks.

    A batch is a few seconds of downloads: a process of its own would cost more than the work.
    Workers on other machines are for those who have outgrown one (docs/deployment.md).

    Raises:
        MisconfiguredError: The broker's address is none, or the extra `celery` is not installed.
    """
    broker_url = settings.broker_url(environ)
    if broker_url is None:
        return dg.in_process_executor
    from imagesignals_pipeline.defs.on_celery import on_celery  # noqa: PLC0415 - an optional extra

    return on_celery(broker_url)
