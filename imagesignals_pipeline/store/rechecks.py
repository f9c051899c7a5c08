"""Pictures that have yet to be compared anew, because earlier ones came, moved or went."""

from collections.abc import Collection

from sqlalchemy import Connection

from imagesignals_pipeline.sql import query


def ask_for(connection: Connection, numbers: Collection[int]) -> None:
    """Let pictures be compared anew later, each once however often it is asked for."""
    if numbers:
        connection.execute(query("ask_for_rechecks"), {"numbers": list(numbers)})


def waiting(connection: Connection, most: int | None) -> list[int]:
    """Return the numbers of pictures that wait, at most `most`."""
    return list(connection.execute(query("waiting_rechecks"), {"most": most}).scalars())


def count(connection: Connection) -> int:
    """Return how many wait."""
    return connection.execute(query("count_rechecks")).scalar_one()


def done(connection: Connection, numbers: Collection[int]) -> None:
    """Remember that pictures were compared with what is there now."""
    if numbers:
        connection.execute(query("forget_rechecks"), {"numbers": list(numbers)})
