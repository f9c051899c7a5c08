"""The stored form of a picture: a small grey picture of its content, and its words."""

import io
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from PIL import Image

from imagesignals_pipeline.match import raster, words
from imagesignals_pipeline.match.raster import Doubles, Greys
from imagesignals_pipeline.match.words import Words

ALGORITHM_VERSION: Final = 4
"""Version of the payload; rows made by another version are made anew."""
USUAL_BYTES: Final = 16 * 1024
MAX_BYTES: Final = 32 * 1024
"""Room of a usual payload, and of one with small print."""
TALL: Final = 1.6
"""Height by width from which a picture is a phone's screen: large text, few words a line."""
TALL_PIXELS: Final = 240_000
WIDE_PIXELS: Final = 400_000
"""Size of the thumbnail: a digit of a phone's small print is then about 6 pixels high, and one of
a page or a desktop 5."""
LINE_PX: Final = 7.5
MOST_ENLARGED: Final = 2.0
"""Small pictures are enlarged up to this, so that their words are found as those of large ones."""
MOST_GROWTH: Final = 1.15
"""Thumbnails with lower lines than this grow; more growth costs more quality than it gains."""
SMALL_PRINT_PX: Final = 6.0
SMALL_PRINT_GROWTH: Final = 1.6
"""Where lines are lower than this (large desktops, dense pages: 3 to 9 in 100 pictures) a thumbnail
grows more, and its payload has twice the room, because a digit of 3 pixels cannot be told."""
JPEG_QUALITY: Final = 65
"""JPEG is written in a tenth of the time; WebP is half as large, so it serves where JPEG of good
quality has no room."""
WEBP_QUALITIES, WEBP_SHARES = (25, 40, 55, 70, 80), (0.48, 0.57, 0.64, 0.71, 0.82)
"""Bytes that WebP needs at each quality by those of the JPEG: 9 of 10 pictures need less, so that
one try does. Below the lowest pixels cost less than quality does."""
MIN_WORDS: Final = 5
"""A picture with fewer shows nothing that could be compared."""
MIN_SIDE: Final = 16
MIN_STEP: Final = 16
"""Grey levels that a row or column must span to belong to the content."""
MARGIN: Final = 0.01
HEADER: Final = struct.Struct("<BHHHHfH")
WORD: Final = np.dtype([("code", "<u8"), ("centre", "<u2", 2), ("spread", "<u2", 2)])
PER_PIXEL: Final = 32
"""Steps in which the places of words are stored."""
HEAD_BYTES: Final = HEADER.size + words.MAX_WORDS * WORD.itemsize
"""A payload's first bytes, in which its words are: a sixth of a usual one."""
REMEMBERED, PICTURES = 64, 24
"""Unpacked payloads that are kept, with pictures of half size (0.1 MB each), and whole pictures
(0.3 MB each): candidates of neighbours are the same, but only a few of them are compared."""


@dataclass(frozen=True, slots=True)
class Print:
    """A payload without its picture.

    `left` and `top` (pixels of the picture) and `scale` (the thumbnail's pixels in one of the
    picture) say which part of the picture the thumbnail shows.
    """

    width: int
    height: int
    left: int
    top: int
    scale: float
    words: Words
    coded: bytes

    @property
    def whole(self) -> Doubles:
        """First and last corner of the whole picture, in pixels of its thumbnail."""
        corners = np.array([[0, 0], [self.width, self.height]]) - [self.left, self.top]
        return corners * self.scale


def fingerprint(picture: Image.Image) -> bytes:
    """Return the payload of an upright picture, RGB or grey: at most 16 KiB, with small print 32.

    A flat, blank or near-empty picture has none (`b""`): it matches nothing.
    """
    grey = np.asarray(picture.convert("L"))
    left, top, right, bottom = _content(grey)
    content = grey[top:bottom, left:right]
    if min(content.shape) < MIN_SIDE:
        return b""
    thumbnail, scale = _thumbnail(content)
    found = words.find(thumbnail)
    if len(found) < MIN_WORDS:
        return b""
    small_print = found.height < SMALL_PRINT_PX
    growth = min(LINE_PX / found.height, SMALL_PRINT_GROWTH if small_print else MOST_GROWTH)
    room = MAX_BYTES if small_print else USUAL_BYTES
    grown = _grown(thumbnail, content, growth)
    coded, width = _coded(grown, room - HEADER.size - len(found) * WORD.itemsize)
    zoom = width / thumbnail.shape[1]
    places = (min(number, 65535) for number in (*picture.size, left, top))
    header = HEADER.pack(ALGORITHM_VERSION, *places, scale * zoom, len(found))
    return header + _table(found, zoom) + coded


@lru_cache(maxsize=REMEMBERED)
def unpack(payload: bytes) -> Print:
    """Return what a payload holds.

    Raises:
        ValueError: It is cut short, or of another version.
    """
    found = words_of(payload)
    _, width, height, left, top, scale, count = HEADER.unpack_from(payload)
    coded = payload[HEADER.size + count * WORD.itemsize :]
    if not coded or not 0 < scale < np.inf:
        raise ValueError("a damaged fingerprint")
    return Print(width, height, left, top, scale, found, coded)


def words_of(payload: bytes) -> Words:
    """Return the words of a payload, of which the first `HEAD_BYTES` do.

    Raises:
        ValueError: It is cut short, or of another version.
    """
    if len(payload) <= HEADER.size or payload[0] != ALGORITHM_VERSION:
        raise ValueError(f"not a fingerprint of version {ALGORITHM_VERSION}")
    count = HEADER.unpack_from(payload)[-1]
    if len(payload) < HEADER.size + count * WORD.itemsize:
        raise ValueError("a damaged fingerprint")
    table = np.frombuffer(payload, WORD, count, HEADER.size)
    step = np.float32(1 / PER_PIXEL)
    centre, spread = (table[name].astype(np.float32) * step for name in ("centre", "spread"))
    return Words(centre, np.maximum(spread, step), table["code"].astype(np.uint64))


@lru_cache(maxsize=PICTURES)
def thumbnail(coded: bytes) -> Greys:
    """Decode the picture of a payload.

    Raises:
        ValueError: It is damaged.
    """
    # cv2's stub leaves out that a picture it cannot read comes back as None.
    decoded: object = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_GRAYSCALE)
    if not isinstance(decoded, np.ndarray):
        raise ValueError("a fingerprint with a damaged picture")  # noqa: TRY004  # bad content, not a bad call
    return decoded.astype(np.uint8, copy=False)


@lru_cache(maxsize=REMEMBERED)
def halved(coded: bytes) -> Greys:
    """Decode the picture of a payload at half its size.

    Raises:
        ValueError: It is damaged.
    """
    return raster.cells(thumbnail(coded), 2)


def _content(grey: Greys) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what is inside the flat margins."""
    small = grey[::3, ::3]
    rows = np.ptp(small, axis=1) > MIN_STEP
    columns = np.ptp(small, axis=0) > MIN_STEP
    if not rows.any():
        return 0, 0, 0, 0
    margin = 3 + round(MARGIN * max(grey.shape))
    ys, xs = np.flatnonzero(rows) * 3, np.flatnonzero(columns) * 3
    return (
        max(int(xs[0]) - margin, 0) if len(xs) else 0,
        max(int(ys[0]) - margin, 0),
        min(int(xs[-1]) + margin, grey.shape[1]) if len(xs) else grey.shape[1],
        min(int(ys[-1]) + margin, grey.shape[0]),
    )


def _thumbnail(content: Greys) -> tuple[Greys, float]:
    height, width = content.shape
    pixels = TALL_PIXELS if height > TALL * width else WIDE_PIXELS
    scale = min(MOST_ENLARGED, (pixels / (height * width)) ** 0.5)
    return _resized(content, scale), scale


def _grown(small: Greys, content: Greys, growth: float) -> Greys:
    """Return a larger thumbnail, but none larger than the content is."""
    zoom = min(growth, content.shape[1] / small.shape[1])
    return _resized(content, zoom * small.shape[1] / content.shape[1]) if zoom > 1 else small


def _resized(grey: Greys, scale: float) -> Greys:
    """Shrink, whole factors first, which is exact, fast and most of the way; or enlarge."""
    height, width = grey.shape
    high, wide = max(MIN_SIDE, round(height * scale)), max(MIN_SIDE, round(width * scale))
    if scale > 1:
        return raster.enlarged(grey, wide, high)
    whole = min(height // high, width // wide)
    if whole > 1:
        grey = raster.shrunk(
            grey[: height // whole * whole, : width // whole * whole],
            width // whole,
            height // whole,
        )
    return raster.shrunk(grey, wide, high)


def _coded(grey: Greys, room: int) -> tuple[bytes, int]:
    """Return the thumbnail coded as well as there is room for, and its width."""
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    data = cv2.imencode(".jpg", grey, options)[1].tobytes()
    expected = len(data) * np.array(WEBP_SHARES)
    while len(data) > room:
        quality = int(np.interp(room, expected, WEBP_QUALITIES))
        if expected[0] > room:
            grey = _resized(grey, (0.95 * room / expected[0]) ** 0.55)
            expected *= room / expected[0]
        data = _webp(grey, quality)
        expected *= 1.02 * len(data) / np.interp(quality, WEBP_QUALITIES, expected)
    return data, grey.shape[1]


def _webp(grey: Greys, quality: int) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(grey).save(sink, "WEBP", quality=quality, method=2)
    return sink.getvalue()


def _table(found: Words, zoom: float) -> bytes:
    table = np.empty(len(found), WORD)
    table["code"] = found.codes
    table["centre"] = np.clip(np.rint(found.centre * zoom * PER_PIXEL), 0, 65535)
    table["spread"] = np.clip(np.rint(found.spread * zoom * PER_PIXEL), 1, 65535)
    return table.tobytes()
