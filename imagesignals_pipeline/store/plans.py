"""Which submissions belong to which batch of a run."""

from collections.abc import Sequence
from math import ceil
from uuid import UUID

from sqlalchemy import Connection

from imagesignals_pipeline.sql import query


def plan(connection: Connection, run_id: str, ids: Sequence[UUID], batch_size: int) -> int:
    """Divide submissions, in the order given, into batches; return how many.

    A plan that the run has already stays, because its batches may be under way: a queue may hand
    out the planning twice. Plans older than a week are forgotten.
    """
    connection.execute(query("forget_plans"))
    planned = connection.execute(query("planned_batches"), {"run_id": run_id}).scalar_one()
    if planned is not None:
        return planned
    if not ids:
        connection.execute(query("plan_nothing"), {"run_id": run_id})
        return 0
    batches = ceil(len(ids) / batch_size)
    parameters = {
        "run_id": run_id,
        "ids": list(ids),
        "batch_size": batch_size,
        "batch_count": batches,
    }
    connection.execute(query("plan"), parameters)
    return batches
