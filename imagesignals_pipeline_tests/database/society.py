"""Submissions and pictures for the tests of the database rooms."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

from imagesignals_pipeline.model import (
    Analysis,
    ExifSourceType,
    Failure,
    FailureKind,
    Fingerprint,
    Signals,
    Submission,
)

LIVE_APPLICATION = Path(__file__).with_name("live_application.sql").read_text("utf-8")
FIRST_DAY = datetime(2025, 3, 1, tzinfo=UTC)
ANALYSED_AT = datetime(2026, 1, 1, tzinfo=UTC)
NOT_FOUND = Failure(FailureKind.NOT_FOUND, "Failed to fetch: 404")
OF_AN_OLD_VERSION = {"pictures_can_be_compared"}
"""The check that fails for the pictures of these tests, which are of version 1."""
A_PDF = Failure(FailureKind.UNSUPPORTED_FORMAT, "Not analysed: PDF")


def submit(
    connection: Connection,
    day: float = 0,
    *,
    flat_id: str | None = "F-101",
    url: str | None = "https://store.test/a.png",
    submission_id: UUID | None = None,
) -> Submission:
    """Insert a submission made some days after the first of March 2025."""
    made = Submission(
        submission_id or uuid4(), flat_id or "", url or "", FIRST_DAY + timedelta(days=day)
    )
    connection.execute(
        text("insert into payment_submissions values (:id, :flat_id, :url, :created_at)"),
        {"id": made.id, "flat_id": flat_id, "url": url, "created_at": made.created_at},
    )
    return made


def let_others_wait(connection: Connection) -> None:
    """Wait until somebody waits for a lock and has looked for a deadlock in vain.

    Whoever asks for a lock next, and closes a circle with it, is the one PostgreSQL throws out.
    """
    waits = text("select exists (select from pg_locks where not granted)")
    while not connection.execute(waits).scalar_one():
        time.sleep(0.02)
    time.sleep(1.3)  # deadlock_timeout is a second


def marked(connection: Connection) -> set[UUID]:
    """Return who is a duplicate, as the rows say."""
    found = text("select payment_submission_id from payment_image_signals where duplicate_detected")
    return set(connection.execute(found).scalars())


def picture(
    name: str, *, pixels: str | None = "", perceptual_hash: str = "00ff00ff00ff00ff"
) -> Analysis:
    """Return the analysis of a picture; its pixels are its own unless named, None is empty."""
    return Analysis(
        Signals(
            perceptual_hash=perceptual_hash,
            exif_available=True,
            exif_creation_date=datetime(2025, 2, 28, 23, 59, tzinfo=UTC),
            exif_source_type=ExifSourceType.CAMERA,
            exif_metadata_stripped=False,
            exif_editor_detected="Editor 1.0",
            metadata_notes=f"Notes on {name}",
            looks_like_screenshot=True,
            aspect_ratio="9:16",
            resolution_width=1080,
            resolution_height=1920,
            text_density_score=42,
            screenshot_validity_explanation="A phone's shape.",
        ),
        Fingerprint(
            content_sha256=digest(name),
            pixels_sha256=None if pixels is None else digest(pixels or name),
            payload=name.encode(),
            algorithm_version=1,
        ),
    )


def digest(name: str) -> bytes:
    """Return 32 bytes that stand for a name."""
    return sha256(name.encode()).digest()


def match(
    connection: Connection, one: str, other: str, percentage: int, explanation: str = "recompressed"
) -> None:
    """Record that two pictures, named by their pixels, are the same."""
    a, b = sorted((digest(one), digest(other)))
    connection.execute(
        text(
            "insert into image_matches values (:a, :b, true, :percentage, :explanation, 1)"
            " on conflict do nothing"
        ),
        {"a": a, "b": b, "percentage": percentage, "explanation": explanation},
    )


def part(connection: Connection, one: str, other: str) -> None:
    """Record that two pictures, named by their pixels, are certainly not the same."""
    a, b = sorted((digest(one), digest(other)))
    connection.execute(
        text(
            "insert into image_matches (pixels_a, pixels_b, same_picture, similarity_percentage,"
            " algorithm_version, parted) values (:a, :b, false, 70, 1, true)"
        ),
        {"a": a, "b": b},
    )


def rows(connection: Connection) -> dict[UUID, dict[str, object]]:
    """Return all signals by submission."""
    found = connection.execute(text("select * from payment_image_signals")).mappings()
    return {row["payment_submission_id"]: dict(row) for row in found}


def hashes(connection: Connection) -> dict[str, tuple[UUID, int]]:
    """Return the hash index: first submission and count of each hash."""
    found = connection.execute(text("select * from image_perceptual_hash_index"))
    return {row.perceptual_hash: (row.first_payment_id, row.upload_count) for row in found}


def show_other(connection: Connection, submission: Submission) -> Submission:
    """Let a submission show another screenshot."""
    connection.execute(
        text("update payment_submissions set screenshot_url = :url where id = :id"),
        {"id": submission.id, "url": "https://store.test/other.png"},
    )
    return replace(submission, screenshot_url="https://store.test/other.png")
