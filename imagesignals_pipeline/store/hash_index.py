"""`image_perceptual_hash_index`: one row for each hash, derived from the signals alone.

Every analysed row counts, also one that another program wrote: the index says what the signals
say. It decides no duplicate, because honest receipts of one app share their 64-bit hash.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from imagesignals_pipeline.sql import query
from imagesignals_pipeline.store.turns import in_turn


@dataclass(frozen=True, slots=True)
class IndexReport:
    """How many rows of the index were wrong or missing, and how many had no submission left."""

    hashes_written: int
    hashes_removed: int


def reindex(connection: Connection) -> IndexReport:
    """Bring the whole index in line with the signals; what is right stays untouched.

    Raises:
        TablesBusyError: Other writers did not let go of the tables in time.
    """
    return in_turn(connection, lambda: _rebuild(connection))


def count(connection: Connection, arrived: Mapping[UUID, str], left: Collection[str]) -> None:
    """Keep the index in line with a batch, inside the turn of `save`.

    Args:
        connection: In the transaction that wrote the batch.
        arrived: Hashes of submissions that were not counted under them before.
        left: Hashes that some submission was counted under and no longer is. They are counted
            anew from all their submissions, which is dear for a common hash, and rare.
    """
    uncounted = set(left)
    if arrived:
        parameters = {"ids": list(arrived), "hashes": list(arrived.values())}
        uncounted.update(connection.execute(query("count_hashes"), parameters).scalars())
    if left:
        connection.execute(query("drop_hashes"), {"hashes": sorted(left)})
    if uncounted:
        connection.execute(query("index_hashes"), {"hashes": sorted(uncounted)})


def _rebuild(connection: Connection) -> IndexReport:
    """Count all hashes from their submissions."""
    removed = connection.execute(query("drop_hashes"), {"hashes": None}).rowcount
    written = connection.execute(query("index_hashes"), {"hashes": None}).rowcount
    return IndexReport(hashes_written=written, hashes_removed=removed)
