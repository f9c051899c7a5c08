"""EXIF, XMP, comments and text chunks -> the few fields that are of interest, as clean text."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from imagesignals_pipeline.analyse.decode import Picture

MAX_CHARS = 80
"""Longest text kept of a field; nobody's device or program has a longer name."""

_FILE_STRUCTURE = frozenset(
    {0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x0112, 0x0115, 0x011A, 0x011B, 0x0128, 0x0201}
    | {0x0202, 0x0213, 0x8769, 0x8825, 0x9000, 0x9101, 0xA000, 0xA001, 0xA002, 0xA003, 0xA005}
)
"""Tags on how the pixels are stored (size, bits, resolution, orientation, colour space, pointers).

They describe the file and not its origin: a picture with only these has no EXIF to speak of.
"""

_MAKE, _MODEL = 0x010F, 0x0110
_SOFTWARE, _PROCESSING_SOFTWARE = 0x0131, 0x000B
_DESCRIPTION, _USER_COMMENT = 0x010E, 0x9286
_EXPOSURE = (0x829A, 0x829D, 0x8827, 0x920A)  # time, aperture, sensitivity, focal length
_DATES = ((0x9003, 0x9011), (0x9004, 0x9012))  # taken, digitised, each with its offset
_SAVED = (0x0132, 0x9010)
_IPTC = 0x0404
"""Photoshop's resource that holds IPTC data in a JPEG."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What the metadata say, cleaned but not yet judged.

    `dates` are pairs of a date and its zone (or ""), the best first. `emptied`: there is an EXIF
    block and nothing in it. `facebook`: the mark that Facebook writes in place of EXIF.
    """

    has_exif: bool
    emptied: bool
    facebook: bool
    exposed: bool
    device: str
    software: tuple[str, ...]
    comments: tuple[str, ...]
    dates: tuple[tuple[str, str], ...]


def traces_of(picture: Picture) -> Traces:
    """Collect the fields of interest from wherever the format keeps them."""
    exif, info = picture.exif or {}, picture.info
    xmp = _xmp(info)
    iptc = info.get("photoshop")
    return Traces(
        has_exif=not exif.keys() <= _FILE_STRUCTURE,
        emptied=picture.exif == {} and _holds_no_entry(info.get("exif")),
        facebook=isinstance(iptc, Mapping) and b"FBMD" in _bytes(iptc.get(_IPTC)),
        exposed=any(exif.get(tag) for tag in _EXPOSURE),
        device=_device(text(exif.get(_MAKE)), text(exif.get(_MODEL))),
        software=_said(
            exif.get(_SOFTWARE),
            exif.get(_PROCESSING_SOFTWARE),
            *_in_xmp(xmp, "CreatorTool"),
            info.get("Software"),
            info.get("software"),
            info.get("comment"),
            info.get("Comment"),
        ),
        comments=_said(
            _user_comment(exif.get(_USER_COMMENT)),
            exif.get(_DESCRIPTION),
            *_in_xmp(xmp, "UserComment"),
            info.get("Title"),
            info.get("Description"),
        ),
        dates=tuple(_dates(exif, xmp)),
    )


def text(value: object) -> str:
    """Return printable text of any field, without what a database refuses; "" for no text."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    words = str(value) if isinstance(value, str) else ""
    printable = "".join(sign if sign.isprintable() else " " for sign in words[: 4 * MAX_CHARS])
    return " ".join(printable.split())[:MAX_CHARS].strip()


def _said(*values: object) -> tuple[str, ...]:
    return tuple(filter(None, map(text, values)))


def _device(make: str, model: str) -> str:
    """Join maker and model; many models begin with their maker."""
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()


def _user_comment(value: object) -> object:
    """Take off the eight bytes that name the character set, and the zeros of UTF-16."""
    return value[8:].replace(b"\0", b"") if isinstance(value, bytes) else value


def _dates(exif: Mapping[int, object], xmp: str) -> Iterable[tuple[str, str]]:
    yield from ((text(exif.get(date)), text(exif.get(zone))) for date, zone in _DATES)
    for name in ("DateTimeOriginal", "DateCreated", "CreateDate"):
        yield from ((date, "") for date in _in_xmp(xmp, name))
    yield text(exif.get(_SAVED[0])), text(exif.get(_SAVED[1]))


def _xmp(info: Mapping[str, object]) -> str:
    """Return the XMP packet; it is searched as text, because its XML may be anyone's."""
    packet = info.get("xmp") or info.get("XML:com.adobe.xmp")
    return _bytes(packet).decode("utf-8", "replace")


def _in_xmp(xmp: str, name: str) -> list[str]:
    """Find a property, written as an attribute, as an element or as a list of one element."""
    inside = r"(?:\s*<rdf:\w+[^<>]{0,80}>){0,2}"
    return re.findall(rf"\b{name}(?:\s*=\s*[\"']|>{inside})([^\"'<>]{{1,200}})", xmp[:100_000])


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return value if isinstance(value, bytes) else b""


def _holds_no_entry(block: object) -> bool:
    """Whether the first directory of an EXIF block says that it has no entries."""
    tiff = _bytes(block).removeprefix(b"Exif\0\0")
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(tiff[:4])
    if order is None:
        return False
    start = int.from_bytes(tiff[4:8], order)  # pyright: ignore[reportArgumentType] - one of two words
    return tiff[start : start + 2] == b"\0\0"
