"""The stored form of a picture: a small grey picture of its content, and its words."""

import io
import struct
from dataclasses import dataclass
from functools import lru_cache
from math import floor
from typing import Final

import cv2
import numpy as np
from PIL import Image

from imagesignals_pipeline.match import content, orientation, raster, tilt, words
from imagesignals_pipeline.match.content import Content
from imagesignals_pipeline.match.landmarks import LEAST_LANDMARKS
from imagesignals_pipeline.match.raster import Doubles, Floats, Greys, Mask
from imagesignals_pipeline.match.words import Words

ALGORITHM_VERSION: Final = 8
"""Version of the payload; rows made by another version are made anew."""
USUAL_BYTES: Final = 16 * 1024
MAX_BYTES: Final = 32 * 1024
"""Room of a usual payload, and of one with small print, or which would shrink to it."""
SMALL_PRINT_PX: Final = 6.0
LINE_PX: Final = 7.5
STRIDE, MOST_STRIDES = 4, 5
"""A thumbnail with lower lines grows by so many steps, a tenth; more costs more quality than it
gains. One with small print (large desktops, dense pages) grows up to five times as much, and its
payload has twice the room, because a digit of 3 pixels cannot be told."""
JPEG_QUALITY: Final = 65
"""JPEG is written in a tenth of the time; WebP is half as large, so it serves where JPEG of good
quality has no room."""
WEBP_QUALITIES, WEBP_SHARES = (25, 40, 55, 70, 80), (0.48, 0.57, 0.64, 0.71, 0.82)
"""Bytes that WebP needs at each quality by those of the JPEG: 9 of 10 pictures need less, so that
one try does. Below the lowest pixels cost less than quality does."""
WIDTH_BY_BYTES: Final = 0.55
"""A thumbnail of so many times the bytes has so many times the width, to this power."""
WEBP_SIDE: Final = 16_000
"""Longest side in WebP, which has room for 16,383 pixels: a step may round to a few more."""
MOST_PIXELS: Final = 2_000_000
"""More than any thumbnail has: the largest content, grown by all strides, is 1.2 megapixels."""
MIN_SIDE: Final = 16
STATUS_BAR: Final = 0.045
UPRIGHT: Final = 1.5
"""Share of a phone screenshot's height that clock and battery take, and its least height by its
width. Of 72 receipts that were shown again nothing there reached below 0.040."""
HEADER: Final = struct.Struct("<BHHHHfBB8s")
"""Version, width, height, left, top, scale, words, turns, and of a digest of what else the file
shows the first bytes. Of the turns the lowest bits are the quarters, the others half degrees."""
QUARTERS: Final = 4
TILTS: Final = 64
"""How many quarter turns there are, and half degrees of tilt, in a byte; the upper half of these is
below zero."""
CLOCKWISE: Final = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
INSET_PX: Final = 3.0
ONE_PICTURE: Final = bytes(8)
"""In place of that digest, where the file shows nothing else."""
WORD: Final = np.dtype([("code", "<u8"), ("centre", "<u2", 2), ("spread", "<u2", 2)])
MOST_PER_PIXEL: Final = 32
"""Steps of a pixel in which the places of words are stored; fewer on a thumbnail that is longer
than two bytes then reach."""
HEAD_BYTES: Final = HEADER.size + (words.MAX_WORDS + LEAST_LANDMARKS) * WORD.itemsize
"""A payload's first bytes, in which its words are: a fifth of a usual one."""
REMEMBERED, PICTURES = 64, 24
"""Unpacked payloads that are kept, with pictures of half size (0.1 MB each), and whole pictures
(0.3 MB each): candidates of neighbours are the same, but only a few of them are compared."""


@dataclass(frozen=True, slots=True)
class Print:
    """A payload without its picture.

    `turns` says by how many quarter turns to the right the picture was turned, so that its text is
    upright, and `tilt` by how many degrees to the left before that; all else is of the turned one.
    `left` and `top` (pixels of the picture) and `scale` (the thumbnail's pixels in one of the
    picture) say which part of it the thumbnail shows. `rest` is another one where the file shows
    other pages or frames besides; empty where it shows none.
    """

    width: int
    height: int
    left: int
    top: int
    scale: float
    turns: int
    tilt: float
    rest: bytes
    words: Words
    coded: bytes

    @property
    def whole(self) -> Doubles:
        """First and last corner of the whole picture, in pixels of its thumbnail."""
        corners = np.array([[0, 0], [self.width, self.height]]) - [self.left, self.top]
        return corners * self.scale

    @property
    def corners(self) -> Doubles:
        """Those of the picture as it was before it was turned, in pixels of its thumbnail.

        Rows of x and y, clockwise.
        """
        return self._edges(0)

    @property
    def inner_corners(self) -> Doubles:
        """The same, a little further in, where nothing is left of a tilted picture's edges."""
        return self._edges(INSET_PX)

    def holds(self, places: Doubles) -> Mask:
        """Return which places, in pixels of the thumbnail, a tilted picture's own edges hold.

        All of one that was not: what lies outside its thumbnail is not asked for here.
        """
        if not self.tilt:
            return np.ones(len(places), dtype=bool)
        start, _, end, _ = self.corners
        upright = tilt.turn(-self.tilt)
        from_middle = (places - (start + end) / 2) @ upright
        return (np.abs(from_middle) < (end - start) @ upright / 2).all(axis=1)

    def _edges(self, inset_px: float) -> Doubles:
        size = np.array([self.width, self.height], float)
        half = tilt.size_before(size, self.tilt) / 2 - inset_px / self.scale
        around = half * CLOCKWISE @ tilt.turn(self.tilt)
        return (size / 2 + around - [self.left, self.top]) * self.scale

    @property
    def below_status_bar(self) -> float:
        """Where a phone's status bar ends in the thumbnail, in pixels; 0 or less: it has none."""
        (_, top), (_, bottom) = self.whole
        bar = STATUS_BAR if self.height >= UPRIGHT * self.width else 0.0
        return float(top + bar * (bottom - top))


def fingerprint(picture: Image.Image, rest: bytes = b"") -> bytes:
    """Return the payload of an upright picture, RGB or grey: at most 16 KiB, of dense pages 32.

    A flat, blank or near-empty picture has none (`b""`): it matches nothing.

    Args:
        picture: The picture.
        rest: A digest of what else its file shows.
    """
    shown = content.find(np.asarray(picture.convert("L")))
    if shown.shorter_side < MIN_SIDE:
        return b""
    thumbnail = shown.at(shown.usual)
    degrees = tilt.degrees(thumbnail)
    shown, thumbnail = _levelled(shown, thumbnail, degrees)
    found = words.find(thumbnail)
    if len(found) < words.MIN_WORDS:
        return b""
    if turns := orientation.quarter_turns(shown, thumbnail, found):
        if not degrees and (degrees := tilt.degrees(orientation.turned(thumbnail, turns))):
            shown, thumbnail = _levelled(shown, thumbnail, degrees)
            found = words.find(thumbnail)
            turns = orientation.quarter_turns(shown, thumbnail, found)
        shown = content.find(orientation.turned(shown.picture, turns))
        thumbnail = shown.at(shown.usual)
        found = words.find(thumbnail)
    usual = shown.usual
    small_print = found.height < SMALL_PRINT_PX
    strides = round(content.steps(LINE_PX / found.height) / STRIDE)
    more = STRIDE * min(max(strides, 0), MOST_STRIDES if small_print else 1)
    step = max(min(usual + more, shown.native), usual)
    if step != usual:
        thumbnail = shown.at(step)
    table_bytes = HEADER.size + len(found) * WORD.itemsize
    room = (MAX_BYTES if small_print else USUAL_BYTES) - table_bytes
    coded, fitting = _coded(thumbnail, shown, step, room)
    if not small_print and _line(found, shown, fitting) < SMALL_PRINT_PX:  # a full page of text
        coded, fitting = _coded(thumbnail, shown, step, MAX_BYTES - table_bytes)
    step, scale = fitting, shown.scale(fitting)
    corner = np.array(shown.corner(step))
    size = shown.picture.shape[::-1]
    places = np.minimum([*size, *(corner / scale).astype(int)], 65535).tolist()
    besides = rest[: len(ONE_PICTURE)] or ONE_PICTURE
    turned = turns + QUARTERS * (round(degrees / tilt.FINE_DEGREES) % TILTS)
    header = HEADER.pack(ALGORITHM_VERSION, *places, scale, len(found), turned, besides)
    zoom = scale / shown.scale(usual)
    # The centre of a pixel is half a pixel from its corner.
    centre = (found.centre + 0.5 + shown.corner(usual)) * zoom - 0.5 - corner
    return header + _table(found, centre, zoom, _per_pixel(header)) + coded


@lru_cache(maxsize=REMEMBERED)
def unpack(payload: bytes) -> Print:
    """Return what a payload holds.

    Raises:
        ValueError: It is cut short, or of another version.
    """
    found = words_of(payload)
    _, width, height, left, top, scale, count, turned, rest = HEADER.unpack_from(payload)
    coded = payload[HEADER.size + count * WORD.itemsize :]
    if not coded or not 0 < scale < np.inf:
        raise ValueError("a damaged fingerprint")
    rest = rest if rest != ONE_PICTURE else b""
    tilts, turns = divmod(turned, QUARTERS)
    degrees = tilt.FINE_DEGREES * (tilts - TILTS * (tilts >= TILTS // 2))
    return Print(width, height, left, top, scale, turns, degrees, rest, found, coded)


def words_of(payload: bytes) -> Words:
    """Return the words of a payload, of which the first `HEAD_BYTES` do.

    Raises:
        ValueError: It is cut short, or of another version.
    """
    if len(payload) <= HEADER.size or payload[0] != ALGORITHM_VERSION:
        raise ValueError(f"not a fingerprint of version {ALGORITHM_VERSION}")
    count = HEADER.unpack_from(payload)[6]
    if len(payload) < HEADER.size + count * WORD.itemsize:
        raise ValueError("a damaged fingerprint")
    table = np.frombuffer(payload, WORD, count, HEADER.size)
    step = np.float32(1 / _per_pixel(payload))
    centre, spread = (table[name].astype(np.float32) * step for name in ("centre", "spread"))
    return Words(centre, np.maximum(spread, step), table["code"].astype(np.uint64))


def picture_of(payload: bytes) -> Greys:
    """Decode the picture of a payload.

    Raises:
        ValueError: It is damaged, or of another version.
    """
    return thumbnail(unpack(payload).coded)


@lru_cache(maxsize=PICTURES)
def thumbnail(coded: bytes) -> Greys:
    """Decode a payload's coded picture.

    Raises:
        ValueError: It is damaged, or larger than what is stored.
    """
    if not 0 < _pixels(coded) <= MOST_PIXELS:
        raise ValueError("a fingerprint with a damaged or too large picture")
    # cv2 raises for what is empty or huge alone; its stub leaves out that a picture it cannot read
    # comes back as None.
    decoded: object = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_GRAYSCALE)
    if not isinstance(decoded, np.ndarray):
        raise ValueError("a fingerprint with a damaged picture")  # noqa: TRY004  # bad content, not a bad call
    return decoded.astype(np.uint8, copy=False)


@lru_cache(maxsize=REMEMBERED)
def halved(coded: bytes) -> Greys:
    """Decode a payload's coded picture at half its size.

    Raises:
        ValueError: It is damaged, or larger than what is stored.
    """
    return raster.cells(thumbnail(coded), 2)


def _levelled(shown: Content, thumbnail: Greys, degrees: float) -> tuple[Content, Greys]:
    """Return a picture turned by so many degrees to the left, and its thumbnail."""
    if not degrees:
        return shown, thumbnail
    shown = content.find(raster.rotated(shown.picture, degrees))
    return shown, shown.at(shown.usual)


def _line(found: Words, shown: Content, step: int) -> float:
    """Return how high the lines of words that were found at the usual step are at another."""
    return found.height * shown.scale(step) / shown.scale(shown.usual)


def _pixels(coded: bytes) -> int:
    """Return how many pixels a picture says that it has, without decoding it; 0 if it cannot."""
    try:
        with Image.open(io.BytesIO(coded), formats=["JPEG", "WEBP"]) as opened:
            return opened.width * opened.height
    except (OSError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return 0


def _coded(grey: Greys, shown: Content, first: int, room: int) -> tuple[bytes, int]:
    """Return a thumbnail coded as well as there is room for, on a lower step if need be, and which.

    Args:
        grey: The thumbnail.
        shown: What it is of.
        first: The step that it is on.
        room: Bytes.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    step = first
    data = cv2.imencode(".jpg", grey, options)[1].tobytes()
    expected = len(data) * np.array(WEBP_SHARES)
    while len(data) > room:
        share = min((room / expected[0]) ** WIDTH_BY_BYTES, WEBP_SIDE / max(grey.shape))
        if share < 1:
            lower = step + floor(content.steps(share))
            expected *= content.STEP ** ((lower - step) / WIDTH_BY_BYTES)
            step, grey = lower, shown.at(lower, via=first)
        quality = int(np.interp(room, expected, WEBP_QUALITIES))
        data = _webp(grey, quality)
        expected *= 1.02 * len(data) / np.interp(quality, WEBP_QUALITIES, expected)
    return data, step


def _webp(grey: Greys, quality: int) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(grey).save(sink, "WEBP", quality=quality, method=2)
    return sink.getvalue()


def _per_pixel(header: bytes) -> float:
    """Return in what steps of a pixel a payload has the places of words."""
    _, width, height, _, _, scale, *_ = HEADER.unpack_from(header)
    longest = scale * max(width, height)
    return min(MOST_PER_PIXEL, 65535 / longest) if 0 < longest < np.inf else MOST_PER_PIXEL


def _table(found: Words, centre: Floats, zoom: float, per_pixel: float) -> bytes:
    table = np.empty(len(found), WORD)
    table["code"] = found.codes
    table["centre"] = np.clip(np.rint(centre * per_pixel), 0, 65535)
    table["spread"] = np.clip(np.rint(found.spread * zoom * per_pixel), 1, 65535)
    return table.tobytes()
