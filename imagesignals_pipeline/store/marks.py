"""The index that finds pictures by their marks; the order of submission decides who reads what."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from imagesignals_pipeline.sql import query
from imagesignals_pipeline.store.pictures import Order, order

Marks = Mapping[int, Mapping[int, int]]
"""The marks of pictures by their numbers, each with the other bits of its word."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A picture that has a mark, when it was first submitted, and the other bits of its word."""

    picture: int
    created_at: datetime
    other_bits: int


@dataclass(frozen=True, slots=True)
class Rule:
    """When a mark leads from a picture to another.

    Attributes:
        version: That of the marks.
        rare: Most other pictures that may have had it by then.
        other_bits: Most of their other bits in which the two words may differ.
    """

    version: int
    rare: int
    other_bits: int


@dataclass(frozen=True, slots=True)
class State:
    """Whether marks are `kept`: of all pictures or of none; and `read_from` which place on."""

    kept: bool
    read_from: Order | None


def state(connection: Connection, version: int, most: int) -> State:
    """Return how the index stands beside the `most` first pictures, which need none."""
    parameters = {"algorithm_version": version, "most": most}
    row = connection.execute(query("index_state"), parameters).one()
    return State(row.kept, order(row.first_created_at, row.first_id))


def save(connection: Connection, marks: Marks) -> None:
    """Put pictures into the index where they stand; those that nobody shows stay out."""
    _each(connection, "save_marks", marks)


def forget(connection: Connection, marks: Marks) -> None:
    """Take pictures out of the index. To be called before they are placed anew."""
    _each(connection, "forget_marks", marks)


def sharing(
    connection: Connection, rule: Rule, marks: Marks, moments: Mapping[int, datetime]
) -> dict[int, Sequence[int]]:
    """Return for each picture those, not later, to which a mark leads.

    Reads at most `rare` + 2 entries a mark, whoever else has it.

    Args:
        connection: The database; the pictures themselves need not be in it.
        rule: Says where marks lead.
        marks: Of each picture, by its number.
        moments: When each was first submitted.
    """
    if not marks:
        return {}
    parameters = {
        **_flat(marks),
        "moments": [moments[number] for number in marks],
        "algorithm_version": rule.version,
        "most": rule.rare,
        "most_other_bits": rule.other_bits,
    }
    rows = connection.execute(query("sharing"), parameters)
    return {row.later: row.sharing for row in rows}


def early_holders(
    connection: Connection, version: int, marks: Collection[int], most: int
) -> dict[int, list[Holder]]:
    """Return the earliest pictures that have each mark, at most `most` of each."""
    parameters = {"marks": list(marks), "algorithm_version": version, "most": most}
    found: dict[int, list[Holder]] = {}
    for row in connection.execute(query("early_holders"), parameters):
        holder = Holder(row.picture, row.first_created_at.astimezone(UTC), row.other_bits)
        found.setdefault(row.mark, []).append(holder)
    return found


def _each(connection: Connection, statement: str, marks: Marks) -> None:
    if marks:
        connection.execute(query(statement), _flat(marks))


def _flat(marks: Marks) -> dict[str, list[int]]:
    """Return three columns of equal length, and each picture once: few, as the planner must see."""
    return {
        "pictures": list(marks),
        "numbers": [number for number, some in marks.items() for _ in some],
        "marks": [mark for some in marks.values() for mark in some],
        "other_bits": [bits for some in marks.values() for bits in some.values()],
    }
