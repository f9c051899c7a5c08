"""What a file says about its own origin: date, device, editor."""

from dataclasses import dataclass
from datetime import datetime

from imagesignals_pipeline.analyse.decode import Picture
from imagesignals_pipeline.model import ExifSourceType


@dataclass(frozen=True, slots=True)
class Metadata:
    """The EXIF columns of one picture."""

    available: bool
    creation_date: datetime | None
    source_type: ExifSourceType
    stripped: bool
    editor: str | None
    notes: str


def read(picture: Picture) -> Metadata:
    """Return what the picture's metadata tell."""
    camera = bool((picture.exif or {}).get(0x010F))
    return Metadata(
        available=bool(picture.exif),
        creation_date=None,
        source_type=ExifSourceType.CAMERA if camera else ExifSourceType.UNKNOWN,
        stripped=False,
        editor=None,
        notes="EXIF present." if picture.exif else "No EXIF, which is usual for screenshots.",
    )
