"""Puts the demonstration's submissions into a database of its own."""

from functools import cache
from importlib.resources import files

from sqlalchemy import Connection, TextClause, text

from imagesignals_pipeline.demo.society import society
from imagesignals_pipeline.model import OperatorError


class NotADemoDatabaseError(OperatorError):
    """The database holds submissions, and none of them is the demonstration's."""


def load(connection: Connection, base_url: str) -> int:
    """Insert the society's submissions; those that are there get the store's address anew.

    The caller commits. Rows that somebody added to a demonstration's database stay as they are.

    Args:
        connection: A database that has the table `payment_submissions`.
        base_url: Address of the store, `DemoStore.base_url`.

    Returns:
        How many rows were inserted or changed; 0 when all were there already.

    Raises:
        NotADemoDatabaseError: The table has rows, but none of the demonstration.
    """
    everyone = society()
    ids = [str(each.id) for each in everyone]
    rows = connection.execute(_query("demo_rows"), {"ids": ids}).one()
    if rows.total and not rows.ours:
        raise NotADemoDatabaseError(
            f"The database holds {rows.total} payment submissions that are not the demo's, so "
            "the demo leaves it alone. Set IMAGESIGNALS_HOME to another folder."
        )
    values = {
        "ids": ids,
        "flat_ids": [each.flat_id for each in everyone],
        "screenshot_urls": [each.url(base_url) for each in everyone],
        "created_ats": [each.created_at for each in everyone],
    }
    return connection.execute(_query("write_demo_rows"), values).rowcount


@cache
def _query(name: str) -> TextClause:
    """Return a statement of this folder's `queries.sql`; the demonstration brings its own."""
    source = files("imagesignals_pipeline.demo").joinpath("queries.sql").read_text("utf-8")
    statements = dict(part.split("\n", 1) for part in source.split("-- name: ")[1:])
    return text(statements[name])
