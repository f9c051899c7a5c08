"""Distinct pictures, in the order of their first submission, and which pairs were compared."""

import json
from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Row

from imagesignals_pipeline.sql import query
from imagesignals_pipeline.store import held
from imagesignals_pipeline.store.sealed import unseal

Pixels = bytes
"""The digest of a picture's pixels, which names it."""
Order = tuple[datetime, UUID]
"""Where a picture stands: `created_at` and `id` of its first submission."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A picture whose place differs from what is remembered; None: it has none.

    `payload` is given where the picture is new to this version of the algorithm. One that is not
    `remembered` is new to the database: nothing was ever found about it.
    """

    pixels: Pixels
    order: Order | None
    known_order: Order | None
    payload: bytes | None
    remembered: bool = True


@dataclass(frozen=True, slots=True)
class Placed:
    """A remembered picture; see the columns of `image_pictures`."""

    number: int
    pixels: Pixels
    order: Order | None
    descriptor: bytes
    worst_score: float


@dataclass(frozen=True, slots=True)
class _Row:
    """A place, and which version of its row it was read from: another one after every change."""

    row_version: str
    place: Placed


_places: Final = held.OfEachDatabase[int, _Row](12_000)
"""By the number of the picture, some 18 MB."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a pair of pictures came to; `later` names the other as one of its candidates."""

    later: Pixels
    earlier: Pixels
    same_picture: bool
    percentage: int
    explanation: str
    parted: bool = False
    altered: bool = False

    @property
    def pair(self) -> tuple[Pixels, Pixels]:
        """The two in the order in which they are stored."""
        return min(self.later, self.earlier), max(self.later, self.earlier)


def moved(
    connection: Connection, version: int, submissions: Collection[UUID] | None, limit: int | None
) -> list[Moved]:
    """Return the pictures that are new, gone or elsewhere; of all, or of some submissions."""
    parameters: dict[str, object] = {"algorithm_version": version, "row_limit": limit}
    if submissions is None:
        rows = connection.execute(query("changed_pictures"), parameters).all()
    else:
        parameters["ids"] = list(submissions)
        rows = connection.execute(query("changed_pictures_of"), parameters).all()
    new = _present(connection, version, [bytes(row.pixels) for row in rows if row.is_new])
    return [
        Moved(
            pixels=bytes(row.pixels),
            order=order(row.first_created_at, row.first_id),
            known_order=order(row.known_created_at, row.known_id),
            payload=new.get(bytes(row.pixels)),
            remembered=row.remembered,
        )
        for row in rows
    ]


def _present(
    connection: Connection, version: int, pictures: Sequence[Pixels]
) -> dict[Pixels, bytes]:
    """Return what pictures are compared by, of which it is known that the database has it."""
    known = held.payloads(connection).known((version, each) for each in pictures)
    missing = [each for each in pictures if (version, each) not in known]
    read = payloads(connection, version, missing) if missing else {}
    return {pixels: payload for (_, pixels), payload in known.items()} | read


def place(
    connection: Connection,
    version: int,
    pictures: Sequence[Moved],
    descriptors: Mapping[Pixels, bytes],
) -> list[Placed]:
    """Remember where the pictures stand now, and the descriptors of new ones.

    Args:
        connection: In the writers' turn.
        version: That of the descriptors.
        pictures: Which have moved.
        descriptors: Of all of them that have one, also of those that are not new.
    """
    rows = [
        {
            "pixels": each.pixels.hex(),
            "first_created_at": each.order and each.order[0].isoformat(),
            "first_id": each.order and str(each.order[1]),
            "descriptor": b64encode(descriptors[each.pixels] if each.payload else b"").decode(),
        }
        for each in pictures
    ]
    parameters = {"rows": json.dumps(rows), "algorithm_version": version}
    return [
        _placed(row, descriptors.get(bytes(row.pixels), b""))
        for row in connection.execute(query("save_pictures"), parameters)
    ]


def placed(connection: Connection, numbers: Collection[int]) -> list[Placed]:
    """Return what is remembered of pictures, whatever version saw them last.

    What was read before and has not changed is not read again.
    """
    if not numbers:
        return []
    before = _places(connection).known(numbers)
    parameters = {
        "numbers": list(numbers),
        "held": [before[number].row_version if number in before else None for number in numbers],
    }
    rows = connection.execute(query("known_pictures"), parameters).all()
    fresh = {
        row.number: _Row(row.row_version, _placed(row, row.descriptor))
        for row in rows
        if row.row_version is not None
    }
    _places(connection).keep(fresh)
    now = before | fresh
    return [now[row.number].place for row in rows]


def _placed(row: Row[tuple[object, ...]], descriptor: bytes) -> Placed:
    return Placed(
        number=row.number,
        pixels=bytes(row.pixels),
        order=order(row.first_created_at, row.first_id),
        descriptor=bytes(descriptor),
        worst_score=row.worst_score,
    )


def numbers_of(connection: Connection, pictures: Collection[Pixels]) -> list[int]:
    """Return the numbers of those of the given pictures that are remembered."""
    if not pictures:
        return []
    return list(connection.execute(query("numbers_of"), {"pixels": list(pictures)}).scalars())


def numbers(connection: Connection, version: int) -> list[int]:
    """Return the numbers of all pictures that somebody shows."""
    parameters = {"algorithm_version": version}
    return list(connection.execute(query("picture_numbers"), parameters).scalars())


def first(connection: Connection, version: int, most: int) -> list[Placed]:
    """Return the first pictures in the order of submission, at most `most`."""
    parameters = {"algorithm_version": version, "most": most}
    rows = connection.execute(query("first_pictures"), parameters).all()
    known = _places(connection).known(row.number for row in rows)
    now = {
        row.number: known[row.number].place
        for row in rows
        if row.number in known and known[row.number].row_version == row.row_version
    }
    missing = [row.number for row in rows if row.number not in now]
    now |= {each.number: each for each in placed(connection, missing)}
    return [now[row.number] for row in rows if row.number in now]


def last_place(connection: Connection, version: int) -> Order | None:
    """Return where the last picture stands; None while there is none."""
    row = connection.execute(query("last_place"), {"algorithm_version": version}).one_or_none()
    return row and order(row.first_created_at, row.first_id)


def payloads(
    connection: Connection, version: int, pictures: Collection[Pixels]
) -> dict[Pixels, bytes]:
    """Return what the pictures are compared by; of those whose thumbnail is forgotten nothing."""
    return _read(connection, held.payloads(connection), version, pictures, None)


def heads(
    connection: Connection, version: int, pictures: Collection[Pixels], size: int
) -> dict[Pixels, bytes]:
    """Return the beginnings of payloads, which are kept: `size` bytes, the same with every call."""
    before = held.heads(connection)
    keys = {(version, each) for each in pictures}
    whole = held.payloads(connection).known(keys - before.known(keys).keys())
    before.keep({key: payload[:size] for key, payload in whole.items()})
    return _read(connection, before, version, pictures, size)


def _read(
    connection: Connection,
    before: held.Held[held.Key, bytes],
    version: int,
    pictures: Collection[Pixels],
    size: int | None,
) -> dict[Pixels, bytes]:
    if not pictures:
        return {}
    known = before.known((version, each) for each in pictures)
    parameters = {
        "pixels": list(pictures),
        "held": [(version, each) in known for each in pictures],
        "most": size,
        "algorithm_version": version,
    }
    rows = connection.execute(query("payloads"), parameters).all()
    fresh = {
        (version, bytes(row.pixels)): unseal(bytes(row.payload))[:size]
        for row in rows
        if row.payload is not None
    }
    before.keep(fresh)
    both = known | fresh
    return {bytes(row.pixels): both[version, bytes(row.pixels)] for row in rows}


def comparisons(
    connection: Connection, version: int, pictures: Collection[Pixels]
) -> list[Comparison]:
    """Return the pairs in which one of the pictures is the later one or the earlier one."""
    if not pictures:
        return []
    parameters = {"pixels": list(pictures), "algorithm_version": version}
    found: list[Comparison] = []
    for row in connection.execute(query("comparisons"), parameters):
        a, b, later = bytes(row.pixels_a), bytes(row.pixels_b), bytes(row.later or row.pixels_b)
        earlier = b if later == a else a
        found.append(
            Comparison(
                later,
                earlier,
                row.same_picture,
                row.similarity_percentage,
                row.explanation,
                row.parted,
                row.altered,
            )
        )
    return found


def forget_gone(connection: Connection, pixels: Collection[Pixels]) -> None:
    """Forget pictures that nobody shows any more, and what describes them."""
    connection.execute(query("forget_gone_pictures"), {"pixels": list(pixels)})


def strays(connection: Connection, version: int, limit: int) -> list[int]:
    """Return the numbers of pictures that other versions saw and nobody shows any more."""
    parameters = {"algorithm_version": version, "row_limit": limit}
    return list(connection.execute(query("strays"), parameters).scalars())


def forget_strays(connection: Connection, numbers: Collection[int]) -> None:
    """Forget these; their marks are to be forgotten before."""
    connection.execute(query("forget_strays"), {"numbers": list(numbers)})


def replace_comparisons(
    connection: Connection, version: int, later: Collection[Pixels], fresh: Iterable[Comparison]
) -> None:
    """Let the given pictures, as the later ones, name those earlier ones alone that are `fresh`.

    What an older version knows of pictures that this one has not seen stays.
    """
    if later:
        parameters = {"pixels": list(later), "algorithm_version": version}
        connection.execute(query("forget_comparisons"), parameters)
    rows = [
        {
            "pixels_a": each.pair[0].hex(),
            "pixels_b": each.pair[1].hex(),
            "same_picture": each.same_picture,
            "similarity_percentage": each.percentage,
            "explanation": each.explanation,
            "later": each.later.hex(),
            "parted": each.parted,
            "altered": each.altered,
        }
        for each in fresh
    ]
    if rows:
        parameters = {"rows": json.dumps(rows), "algorithm_version": version}
        connection.execute(query("save_comparisons"), parameters)


def forget_outdated_comparisons(
    connection: Connection, version: int, pictures: Collection[Pixels]
) -> None:
    """Forget what older versions found about pictures that this version now knows, as both are."""
    if not pictures:
        return
    parameters = {"pixels": list(pictures), "algorithm_version": version}
    connection.execute(query("forget_outdated_comparisons"), parameters)


def save_worst_scores(connection: Connection, scores: Mapping[Pixels, float]) -> None:
    """Remember how alike the least candidate of each picture is."""
    rows = [{"pixels": pixels.hex(), "worst_score": score} for pixels, score in scores.items()]
    if rows:
        connection.execute(query("save_worst_scores"), {"rows": json.dumps(rows)})


def forget_thumbnails(connection: Connection, version: int, days: int, limit: int) -> int:
    """Forget the thumbnails of submissions older than `days`; return of how many.

    None while anything waits to be compared with them. They keep their digests and descriptors:
    the same bytes and the same pixels are still found, and what was found stays.
    """
    parameters = {"algorithm_version": version, "days": days, "row_limit": limit}
    ids = connection.execute(query("overdue_thumbnails"), parameters).scalars().all()
    if ids:
        connection.execute(query("forget_thumbnails"), {"ids": list(ids)})
    return len(ids)


def order(created_at: datetime | None, id_: UUID | None) -> Order | None:
    """Return a place from its two columns; None: nowhere."""
    if created_at is None or id_ is None:
        return None
    return created_at.astimezone(UTC), id_
