"""What a file says about its own origin: when, by what, and whether it was saved by an editor.

All of it can be written by anyone, and most honest screenshots have none of it: these are hints
for a person, never a verdict. Location is never read.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from imagesignals_pipeline.analyse import dates
from imagesignals_pipeline.analyse.decode import Picture
from imagesignals_pipeline.analyse.messengers import scaled_by_messenger
from imagesignals_pipeline.analyse.software import editor_in
from imagesignals_pipeline.analyse.traces import Traces, traces_of
from imagesignals_pipeline.model import ExifSourceType

_SCREENSHOT = re.compile(
    r"\b(screen ?shot|screen capture|snipping tool|greenshot|flameshot)", re.IGNORECASE
)
"""iOS, macOS and Samsung write "Screenshot" into UserComment, desktop tools their own name."""

_ANDROID = re.compile(r"Android \S", re.IGNORECASE)
"""Android writes "Android " and its build number into Software of its screenshots, and no maker.

Source: AOSP, SystemUI, `ImageExporter.updateExifAttributes`.
"""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The EXIF columns of one picture.

    `stripped` is true only where the file itself shows that metadata were taken out of it: an
    EXIF block without a tag in it, or Facebook's mark (which it puts in place of a photo's EXIF).
    A file without EXIF is normal and not called stripped. `notes` is one sentence.
    """

    available: bool
    creation_date: datetime | None
    source_type: ExifSourceType
    stripped: bool
    editor: str | None
    notes: str


def read(picture: Picture) -> Metadata:
    """Return what the picture's metadata tell; whatever is unreadable counts as not there."""
    traces = traces_of(picture)
    taken = dates.creation_date(traces)
    editor = editor_in(traces.software)
    source = _source(traces, editor)
    stripped = traces.facebook or traces.emptied
    clauses = [_origin(traces, source), *_taken(taken), *_edited(editor)]
    clauses += _stripped(traces)
    clauses += _sent_on(picture, has_exif=traces.has_exif)
    return Metadata(
        available=traces.has_exif,
        creation_date=taken and taken.at,
        source_type=source,
        stripped=stripped,
        editor=editor,
        notes="; ".join([*clauses, *picture.remarks]) + ".",
    )


def _source(traces: Traces, editor: str | None) -> ExifSourceType:
    """Who made the file: the last program that saved it counts before the first device."""
    if editor is not None:
        return ExifSourceType.EDITED
    said = [*traces.comments, *traces.software]
    on_android = not traces.device and any(map(_ANDROID.match, traces.software))
    if on_android or any(map(_SCREENSHOT.search, said)):
        return ExifSourceType.SCREENSHOT
    return ExifSourceType.CAMERA if traces.exposed else ExifSourceType.UNKNOWN


def _origin(traces: Traces, source: ExifSourceType) -> str:
    if not traces.has_exif:
        return "No EXIF, as is usual for screenshots and for pictures from messengers"
    if source is ExifSourceType.SCREENSHOT:
        return "EXIF says that this is a screenshot"
    if source is ExifSourceType.CAMERA:
        return f"EXIF of a camera ({traces.device or 'not named'})"
    return f"EXIF names the device ({traces.device})" if traces.device else "EXIF names no device"


def _taken(taken: dates.Taken | None) -> list[str]:
    if taken is None:
        return []
    zone = "" if taken.zone_known else ", zone not recorded, UTC assumed"
    return [f"taken {taken.at:%Y-%m-%d %H:%M:%S %Z}{zone}"]


def _stripped(traces: Traces) -> list[str]:
    """Tell traces of a removal as what they mostly are: the file came through a messenger."""
    if traces.emptied:
        return ["its metadata are empty, as messengers leave them"]
    return ["it has the mark that Facebook leaves in place of metadata"] if traces.facebook else []


def _sent_on(picture: Picture, *, has_exif: bool) -> list[str]:
    width, height = picture.image.size
    if not scaled_by_messenger(picture.format, width, height, has_exif=has_exif):
        return []
    return [f"{width} x {height} pixels, a size to which messengers scale pictures down"]


def _edited(editor: str | None) -> list[str]:
    return [] if editor is None else [f"saved by {editor}, which also crops and converts"]
