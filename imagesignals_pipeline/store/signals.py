"""Outcomes -> rows of signals, fingerprints and the hash index, in one transaction."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Row

from imagesignals_pipeline.model import (
    Analysis,
    AnalysisStatus,
    Failure,
    Fingerprint,
    Outcome,
    Signals,
)
from imagesignals_pipeline.sql import query
from imagesignals_pipeline.store import hash_index, held, sealed
from imagesignals_pipeline.store.turns import in_turn

MAX_URL_CHARACTERS = 2048
"""What is kept of a URL; a picture inside a URL (`data:`) would fill the table."""
MAX_READ_CHARACTERS = 4096
"""What is looked at of a URL: what is kept, and as much for what is taken out of it."""

Columns = dict[str, object]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_USER_INFORMATION = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*:[/\\]*|[/\\]{2,})[^/\\]*@")
_BLANK = " \t\n\r\f\v"


def save(
    connection: Connection, outcomes: Sequence[Outcome], analyzed_at: datetime | None = None
) -> set[UUID]:
    """Store what became of a batch, and keep the hash index in line.

    Returns whose links may differ now: the submissions whose row was written, and the originals
    whose copies they were.

    Saving the same again changes only times. An analysis replaces whatever is there. A failure
    replaces an analysis, or the verdict that a content is not analysed, only when the
    submission's screenshot has changed since: two runs at once agree whoever comes last.
    Submissions that were deleted meanwhile are left out. Links are not settled here; see `link`.

    Args:
        connection: In a transaction of the caller's.
        outcomes: Of two outcomes of one submission, the analysis wins, else the later.
        analyzed_at: When, with a time zone; None: now, by the clock of the database, by which runs
            are planned and told how far they are.

    Raises:
        TablesBusyError: Other writers did not let go of the tables in time.
    """
    best: dict[UUID, Outcome] = {}
    for outcome in outcomes:
        known = best.get(outcome.submission.id)
        if known is None or not isinstance(known.result, Analysis):
            best[outcome.submission.id] = outcome
    if not best:
        return set()
    return in_turn(connection, lambda: _write(connection, best, analyzed_at))


def forget_withdrawn(connection: Connection) -> int:
    """Forget our signals of submissions whose screenshot was taken away; return how many.

    Links and index are settled afterwards.
    """
    return connection.execute(query("forget_withdrawn")).rowcount


def _write(
    connection: Connection, outcomes: dict[UUID, Outcome], analyzed_at: datetime | None
) -> set[UUID]:
    rows = [_signals_row(outcome) for outcome in outcomes.values()]
    parameters = {
        "rows": _json(rows),
        "ids": list(outcomes),
        "analyzed_at": analyzed_at,
    }
    written = connection.execute(query("save_signals"), parameters).all()
    _write_fingerprints(connection, outcomes, written, analyzed_at)
    _write_failures(connection, outcomes)
    now = {row.id: row.perceptual_hash for row in written}
    before = {row.id: row.hash_before for row in written}
    moved = [id_ for id_ in now if now[id_] != before[id_]]
    hash_index.count(
        connection,
        arrived={id_: now[id_] for id_ in moved if now[id_]},
        left={before[id_] for id_ in moved if before[id_]},
    )
    return now.keys() | {row.original_before for row in written if row.original_before}


def _write_fingerprints(
    connection: Connection,
    outcomes: dict[UUID, Outcome],
    written: Sequence[Row[tuple[object, ...]]],
    analyzed_at: datetime | None,
) -> None:
    """Store the fingerprints of rows that were written, and forget those of rows without one."""
    fresh = {
        row.id: _fingerprint(outcomes[row.id])
        for row in written
        if row.analysis_status == AnalysisStatus.COMPLETED
    }
    if fresh:
        sealed.require_key(connection)
        parameters = {**_fingerprint_columns(fresh), "analyzed_at": analyzed_at}
        connection.execute(query("save_fingerprints"), parameters)
        held.payloads(connection).keep(
            {
                (each.algorithm_version, each.pixels_sha256): each.payload
                for each in fresh.values()
                if each.pixels_sha256
            }
        )
    others = [row.id for row in written if row.analysis_status != AnalysisStatus.COMPLETED]
    if others:
        connection.execute(query("forget_fingerprints"), {"ids": others})


def _write_failures(connection: Connection, outcomes: dict[UUID, Outcome]) -> None:
    """Remember attempts that came to nothing, also where an older analysis stays."""
    failures = {
        id_: outcome.result
        for id_, outcome in outcomes.items()
        if isinstance(outcome.result, Failure)
    }
    rows: list[Columns] = [
        {
            "payment_submission_id": id_,
            "image_url": public_url(outcomes[id_].submission.screenshot_url),
            "failure_kind": failure.kind,
        }
        for id_, failure in failures.items()
    ]
    if rows:
        parameters = {"rows": _json(rows), "ids": list(failures)}
        connection.execute(query("save_failures"), parameters)


def _signals_row(outcome: Outcome) -> Columns:
    """Return a row of `payment_image_signals`; what a failure leaves unknown is null."""
    row: Columns = {
        "payment_submission_id": outcome.submission.id,
        "image_url": public_url(outcome.submission.screenshot_url),
    }
    if isinstance(outcome.result, Analysis):
        signals = asdict(outcome.result.signals)
        return {**row, **signals, "analysis_status": AnalysisStatus.COMPLETED}
    failure = outcome.result
    return {
        **row,
        **dict.fromkeys(field.name for field in fields(Signals)),
        "analysis_status": failure.kind.status,
        "analysis_error": failure.detail,
        "failure_kind": failure.kind,
    }


def _fingerprint(outcome: Outcome) -> Fingerprint:
    assert isinstance(outcome.result, Analysis), "only an analysis is stored as completed"
    return outcome.result.fingerprint


def _fingerprint_columns(fingerprints: Mapping[UUID, Fingerprint]) -> dict[str, list[object]]:
    """Return columns of `image_fingerprints`, in binary: most of what a batch sends."""
    found = list(fingerprints.values())
    return {
        "ids": list(fingerprints),
        "contents": [each.content_sha256 for each in found],
        "pixels": [each.pixels_sha256 for each in found],
        "payloads": [sealed.seal(each.payload) for each in found],
        "versions": [each.algorithm_version for each in found],
    }


def public_url(url: str) -> str:
    """Return a URL without what may be secret: user name, password, query string, fragment.

    The database's `imagesignals_public_url` is the same: a row whose submission has another one
    is about another screenshot.

    >>> public_url("https://me:pw@store.test/a.png?token=s3cret#x")
    'https://store.test/a.png'
    >>> public_url("//me:pw@store.test/a.png")
    '//store.test/a.png'
    """
    if len(url) > MAX_READ_CHARACTERS:  # perhaps within a name and password, which end with an @
        url = f"{url[:MAX_READ_CHARACTERS]}@"
    address = re.split("[?#]", url.strip(_BLANK), maxsplit=1)[0]
    return storable(_USER_INFORMATION.sub(r"\1", address))[:MAX_URL_CHARACTERS]


def storable(text: str) -> str:
    """Return text that PostgreSQL can hold: NUL and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def _json(rows: Sequence[Columns]) -> str:
    """Return rows as one parameter; whatever came out of a picture's metadata is made storable."""
    return json.dumps([{name: _plain(value) for name, value in row.items()} for row in rows])


def _plain(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
