"""The words every room shares: submissions, signals, failures and matches."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

MANUAL_ENTRY = "admin-manual-entry"
"""The live application's `screenshot_url` of a payment that an admin typed in."""


class OperatorError(Exception):
    """Something foreseen that the operator can mend; the text is one line that says how.

    It never holds a password, a key or a query string.
    """


@dataclass(frozen=True, slots=True)
class Submission:
    """A payment submission that has a screenshot; `flat_id` is an opaque label."""

    id: UUID
    flat_id: str
    screenshot_url: str
    created_at: datetime


class AnalysisStatus(StrEnum):
    """The values of `payment_image_signals.analysis_status`."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


class FailureKind(StrEnum):
    """Why one screenshot has no signals; stored as `failure_kind`."""

    INVALID_URL = "invalid_url"
    FORBIDDEN_ADDRESS = "forbidden_address"
    NOT_FOUND = "not_found"
    ACCESS_DENIED = "access_denied"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNEXPECTED_STATUS = "unexpected_status"
    NETWORK = "network"
    TIMEOUT = "timeout"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    TOO_MANY_BYTES = "too_many_bytes"
    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    DAMAGED = "damaged"
    TOO_MANY_PIXELS = "too_many_pixels"
    DECODER_LIMIT = "decoder_limit"

    @property
    def status(self) -> AnalysisStatus:
        """`skipped` for content that we do not analyse, `failed` for everything else."""
        match self:
            case FailureKind.NOT_AN_IMAGE | FailureKind.UNSUPPORTED_FORMAT:
                return AnalysisStatus.SKIPPED
            case _:
                return AnalysisStatus.FAILED

    @property
    def may_pass(self) -> bool:
        """Whether `--retry-failed` tries again: the cause may lie outside the file itself."""
        match self:
            case (
                FailureKind.FORBIDDEN_ADDRESS
                | FailureKind.NOT_FOUND
                | FailureKind.ACCESS_DENIED
                | FailureKind.RATE_LIMITED
                | FailureKind.SERVER_ERROR
                | FailureKind.UNEXPECTED_STATUS
                | FailureKind.NETWORK
                | FailureKind.TIMEOUT
                | FailureKind.TOO_MANY_REDIRECTS
                | FailureKind.EMPTY
                | FailureKind.DECODER_LIMIT
                | FailureKind.NOT_AN_IMAGE
                | FailureKind.UNSUPPORTED_FORMAT
            ):
                return True
            case (
                FailureKind.INVALID_URL
                | FailureKind.TOO_MANY_BYTES
                | FailureKind.DAMAGED
                | FailureKind.TOO_MANY_PIXELS
            ):
                return False
            case _:
                assert_never(self)

    @property
    def advice(self) -> str:
        """What the operator can do about it, in one sentence."""
        return _ADVICE[self]


_ADVICE = {
    FailureKind.INVALID_URL: "Correct the submission's URL; nothing was asked.",
    FailureKind.FORBIDDEN_ADDRESS: (
        "If the host is yours, add its origin to IMAGESIGNALS_ALLOWED_ORIGINS; "
        "if not, the address leads to an internal machine or an unusual port: correct it."
    ),
    FailureKind.NOT_FOUND: (
        "Restore the file, or accept that it is gone; where many are missing, correct "
        "IMAGESIGNALS_STORAGE_URL. Then retry."
    ),
    FailureKind.ACCESS_DENIED: "Check the bucket's permissions or the link's age, then retry.",
    FailureKind.RATE_LIMITED: "Retry later, with a smaller batch or a longer pause.",
    FailureKind.SERVER_ERROR: "Retry when the host is well again.",
    FailureKind.UNEXPECTED_STATUS: "Open the URL by hand: the host answers with something else.",
    FailureKind.NETWORK: "Check the host's name, certificate and reachability, then retry.",
    FailureKind.TIMEOUT: "Retry when the host is faster.",
    FailureKind.TOO_MANY_REDIRECTS: "Store the address where the redirects end.",
    FailureKind.TOO_MANY_BYTES: "Ask for a smaller file; no receipt needs that many bytes.",
    FailureKind.EMPTY: "The upload broke off: ask for the file again.",
    FailureKind.NOT_AN_IMAGE: "Open the URL by hand: if a picture is there by now, retry.",
    FailureKind.UNSUPPORTED_FORMAT: (
        "Ask for a JPEG, PNG or PDF; HEIC can be retried once pillow-heif is installed."
    ),
    FailureKind.DAMAGED: "The file is broken: ask for it again.",
    FailureKind.TOO_MANY_PIXELS: "Ask for a smaller picture.",
    FailureKind.DECODER_LIMIT: "Retry once; if it fails again, look at the file with care.",
}
_ADVICE_ON_OTHERS = (
    "Another program wrote the row: retry what failed; docs/operating.md (Mending) has the SQL for "
    "what was skipped."
)


def advice_on(kind: str) -> str:
    """Return what to do about a stored kind of failure, or about a row of another program."""
    return FailureKind(kind).advice if kind in list(FailureKind) else _ADVICE_ON_OTHERS


@dataclass(frozen=True, slots=True)
class Failure:
    """One screenshot that could not be analysed.

    `detail` is the operator's sentence, stored as `analysis_error` (`Failed to fetch: 404`). It
    never holds a query string, a key, or the address of an internal machine.
    """

    kind: FailureKind
    detail: str


class ExifSourceType(StrEnum):
    """The values of `payment_image_signals.exif_source_type`."""

    SCREENSHOT = "screenshot"
    CAMERA = "camera"
    EDITED = "edited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Signals:
    """What one picture says by itself; fields are columns of `payment_image_signals`.

    `perceptual_hash` is the 64-bit dHash as 16 hex digits, `text_density_score` runs from 0 to
    100, resolutions are in pixels of the upright picture, `exif_creation_date` has a time zone.
    """

    perceptual_hash: str
    exif_available: bool
    exif_creation_date: datetime | None
    exif_source_type: ExifSourceType
    exif_metadata_stripped: bool
    exif_editor_detected: str | None
    metadata_notes: str
    looks_like_screenshot: bool
    aspect_ratio: str
    resolution_width: int
    resolution_height: int
    text_density_score: int
    screenshot_validity_explanation: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is stored of a picture so that later ones can be compared with it.

    `content_sha256` is of the file's bytes, `pixels_sha256` of the normalised pixels together
    with their dimensions (32 bytes each), None when the picture is too empty to compare by its
    pixels (a blank page matches nothing but its own bytes). `payload` is the compact picture of
    the matching room, made by version `algorithm_version` of it.
    """

    content_sha256: bytes
    pixels_sha256: bytes | None
    payload: bytes
    algorithm_version: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that a picture's bytes alone tell."""

    signals: Signals
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Outcome:
    """One submission with what became of its screenshot."""

    submission: Submission
    result: Analysis | Failure


@dataclass(frozen=True, slots=True)
class Totals:
    """How many submissions have a screenshot, and what became of them.

    `total` = `processed` + `pending`, and `processed` = `completed` + `skipped` + `failed`. A
    manual entry or a blank URL is no screenshot and counts nowhere.
    """

    total: int
    processed: int
    completed: int
    skipped: int
    failed: int
    pending: int
