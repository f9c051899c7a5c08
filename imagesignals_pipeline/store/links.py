"""Marks copies of earlier pictures, and unmarks what is none any more."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

from sqlalchemy import Connection, Row

from imagesignals_pipeline.sql import query
from imagesignals_pipeline.store import groups
from imagesignals_pipeline.store.groups import Edge, Link, Member
from imagesignals_pipeline.store.turns import in_turn

Rows = Sequence[Row[tuple[object, ...]]]
Columns = dict[str, UUID | str | int | None]
"""What a row says of its picture; keys are the columns of `payment_image_signals`."""


@dataclass(frozen=True, slots=True)
class LinkReport:
    """Of the submissions looked at: which are copies, of how many originals; rows changed."""

    copies: frozenset[UUID]
    originals: int
    links_changed: int


def link(connection: Connection, affected: Collection[UUID] | None = None) -> LinkReport:
    """Settle who is a copy of whom; rows that say so already stay untouched.

    The result depends on the stored pictures alone: not on the order of calls, nor on what was
    marked before. Rows that another program wrote are neither read nor changed.

    Args:
        connection: In a transaction of the caller's.
        affected: Submissions whose pictures are new or changed; only the groups that they touch,
            touched before, or that lost their original are read. None settles everything, also
            what a deleted submission left behind.

    Raises:
        TablesBusyError: Other writers did not let go of the tables in time.
    """
    if affected is None:
        return in_turn(connection, lambda: _settle_everything(connection))
    if not affected:
        return LinkReport(frozenset(), 0, 0)
    return in_turn(connection, lambda: _settle(connection, affected))


def _settle_everything(connection: Connection) -> LinkReport:
    rows = connection.execute(query("all_members")).all()
    matches = connection.execute(query("all_matches")).all()
    altered = connection.execute(query("altered_copies"), {"pixels": None}).all()
    return _write(connection, rows, matches, altered)


def _settle(connection: Connection, affected: Collection[UUID]) -> LinkReport:
    parameters = {"ids": list(affected)}
    related = connection.execute(query("related_pictures"), parameters).all()
    contents = [bytes(row.digest) for row in related if not row.is_pixels]
    pixels = {"pixels": [bytes(row.digest) for row in related if row.is_pixels]}
    rows = connection.execute(query("members"), {"contents": contents}).all()
    matches = connection.execute(query("matches"), pixels).all()
    altered = connection.execute(query("altered_copies"), pixels).all()
    return _write(connection, rows, matches, altered)


def _write(connection: Connection, rows: Rows, matches: Rows, altered: Rows) -> LinkReport:
    """Compare what the rows say with what the pictures say, and write the difference."""
    found = groups.links([_member(row) for row in rows], [_edge(row) for row in matches])
    later = {bytes(row.later): row for row in altered}
    wanted = [_columns(row, found.get(row.id), later) for row in rows]
    wrong = [columns for row, columns in zip(rows, wanted, strict=True) if _differs(row, columns)]
    if wrong:
        ids = [each["payment_submission_id"] for each in wrong]
        connection.execute(
            query("save_links"), {"rows": json.dumps(wrong, default=str), "ids": ids}
        )
    originals = {each.original_id for each in found.values()}
    return LinkReport(frozenset(found), len(originals), len(wrong))


def _member(row: Row[tuple[object, ...]]) -> Member:
    return Member(
        id=row.id,
        flat_id=row.flat_id,
        created_at=row.created_at.astimezone(UTC),
        content=bytes(row.content_sha256),
        pixels=None if row.pixels_sha256 is None else bytes(row.pixels_sha256),
    )


def _edge(row: Row[tuple[object, ...]]) -> Edge:
    return Edge(
        pixels_a=bytes(row.pixels_a),
        pixels_b=bytes(row.pixels_b),
        percentage=row.similarity_percentage,
        explanation=row.explanation,
        same_picture=row.same_picture,
    )


def _differs(row: Row[tuple[object, ...]], wanted: Columns) -> bool:
    said = {
        "payment_submission_id": row.id,
        "similar_to_payment_id": row.similar_to_payment_id,
        "similarity_percentage": row.similarity_percentage,
        "similarity_explanation": row.similarity_explanation,
    }
    return said != wanted or row.duplicate_detected is not (
        wanted["similar_to_payment_id"] is not None
    )


def _columns(
    row: Row[tuple[object, ...]],
    link: Link | None,
    altered: Mapping[bytes, Row[tuple[object, ...]]],
) -> Columns:
    """Return what a row should say: of a copy its link, of an altered one words alone."""
    earlier = None if link or row.pixels_sha256 is None else altered.get(bytes(row.pixels_sha256))
    remark = groups.remark(row.flat_id, earlier.flat_id, earlier.created_at) if earlier else None
    return {
        "payment_submission_id": row.id,
        "similar_to_payment_id": link.original_id if link else None,
        "similarity_percentage": link.percentage if link else None,
        "similarity_explanation": link.explanation if link else remark,
    }
