"""One submission of the demonstration society, and what only its maker knows about it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from imagesignals_pipeline.demo.uploads import Content, extension
from imagesignals_pipeline.model import AnalysisStatus

NAMESPACE = UUID("6f1d1a52-7a0e-5c7e-9d83-2b7c40a3f1e9")
"""Ids of the society's submissions are version 5 UUIDs in this name space."""

BASE = "{base_url}"
"""Stands in a `screenshot_url` for the address of the store, which ends with a slash."""


class Kind(StrEnum):
    """What a submission is; tests compare it with what was found."""

    HONEST = "honest"
    EXACT_COPY = "exact_copy"
    TWIN = "twin"
    OTHER_FLAT = "other_flat"
    RECOMPRESSED = "recompressed"
    RESIZED = "resized"
    CROPPED = "cropped"
    FORWARDED = "forwarded"
    BARE_PATH = "bare_path"
    SPACED_URL = "spaced_url"
    ENCODED_URL = "encoded_url"
    CAMERA = "camera"
    EDITED = "edited"
    ROTATED = "rotated"
    BLANK_SCREEN = "blank_screen"
    TINY = "tiny"
    BUSY = "busy"
    MISSING = "missing"
    DELETED = "deleted"
    FORBIDDEN = "forbidden"
    BROKEN = "broken"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    HUGE = "huge"
    NOT_A_URL = "not_a_url"
    PDF = "pdf"
    SIGN_IN_PAGE = "sign_in_page"
    MANUAL_ENTRY = "manual_entry"
    BLANK_URL = "blank_url"
    NO_URL = "no_url"


FAILING = frozenset(
    {
        Kind.MISSING,
        Kind.DELETED,
        Kind.FORBIDDEN,
        Kind.BROKEN,
        Kind.EMPTY,
        Kind.TRUNCATED,
        Kind.HUGE,
        Kind.NOT_A_URL,
    }
)
SKIPPED = frozenset({Kind.SIGN_IN_PAGE})
WITHOUT_SCREENSHOT = frozenset({Kind.MANUAL_ENTRY, Kind.BLANK_URL, Kind.NO_URL})


@dataclass(frozen=True, slots=True)
class DemoSubmission:
    """One submission, and what only its maker knows about it.

    Attributes:
        screenshot_url: May hold `{base_url}`, see `url`.
        path: Where the store serves it, below the bucket; None where there is nothing to serve.
        content: What the store serves there; None where it only ever answers with an error.
        kind: What it is.
        copy_of: The earliest submission that shows the same picture; None for that one itself.
    """

    id: UUID
    flat_id: str
    screenshot_url: str | None
    created_at: datetime
    kind: Kind
    copy_of: UUID | None
    path: str | None
    content: Content | None

    def url(self, base_url: str) -> str | None:
        """Return the `screenshot_url` for a store at `base_url`, which ends with a slash."""
        if self.screenshot_url is None:
            return None
        return self.screenshot_url.replace(BASE, base_url)

    @property
    def status(self) -> AnalysisStatus | None:
        """What a backfill makes of it; None where it is never fetched and has no signals."""
        if self.kind in WITHOUT_SCREENSHOT:
            return None
        if self.kind in FAILING:
            return AnalysisStatus.FAILED
        return AnalysisStatus.SKIPPED if self.kind in SKIPPED else AnalysisStatus.COMPLETED


def make(flat_id: str, created_at: datetime, kind: Kind, content: Content | None) -> DemoSubmission:
    """Return a submission whose picture lies under its flat and the moment, as in the live app."""
    ending = "jpg" if content is None else extension(content)
    path = f"{flat_id}/{_milliseconds(created_at)}.{ending}"
    return DemoSubmission(
        id=uuid5(NAMESPACE, path),
        flat_id=flat_id,
        screenshot_url=BASE + path,
        created_at=created_at,
        kind=kind,
        copy_of=None,
        path=path,
        content=content,
    )


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
