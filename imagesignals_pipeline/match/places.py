"""Where a copy differs from its original, for people to look at; no decision depends on it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from imagesignals_pipeline.match import alignment, payload, raster
from imagesignals_pipeline.match.alignment import Matrix
from imagesignals_pipeline.match.differences import Differences, differences
from imagesignals_pipeline.match.pair import between_edges
from imagesignals_pipeline.match.payload import Print
from imagesignals_pipeline.match.raster import Doubles, Floats, Mask

SHOWN_SPOT: Final = 2.0
"""Strength of a differing text from which it is outlined: about 1 is noise, 5 a changed digit."""
CONTRAST_SHARE: Final = 0.4
LEAST_LEVELS: Final = 45
"""A pixel is marked when it is off by this share of the contrast, or by this many grey levels."""
SOFT_PX: Final = 2
"""Strokes that are in both pictures are never quite in place, nor equally sharp."""
THICK: Final = 0.5
"""Share of a pixel's neighbours that must be wrong too: compression makes thin rules fade."""
EDGE_PX: Final = 6
INKED: Final = 0.35
"""Wrong pixels, in squared lines of text, that make a mark; less is specks."""
LEVELS: Final = 16
MOST_BOXES: Final = 12
CUT: Final = 0.02
"""Share of a side that must be missing before a frame is worth drawing."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of a stored thumbnail."""

    x: float
    y: float
    width: float
    height: float

    @property
    def corners(self) -> Doubles:
        """Left top, right top, right bottom and left bottom."""
        right, bottom = self.x + self.width, self.y + self.height
        return np.array([[self.x, self.y], [right, self.y], [right, bottom], [self.x, bottom]])


Frame = tuple[tuple[float, float], ...]
"""Four corners in pixels of a stored thumbnail; it may be turned a little."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One of two pictures: where it differs, and what of it the other shows if that is not all."""

    differing: tuple[Box, ...]
    shared: Frame | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored thumbnail as a file that browsers show; its size is in pixels."""

    content: bytes
    media_type: str
    width: int
    height: int


def picture(stored: bytes) -> Picture:
    """Return the grey picture of a payload.

    Raises:
        ValueError: The payload is damaged or of another version.
    """
    coded = payload.unpack(stored).coded
    height, width = payload.thumbnail(coded).shape
    kind = "image/jpeg" if coded.startswith(b"\xff\xd8") else "image/webp"
    return Picture(coded, kind, width, height)


def places(original: bytes, copy: bytes) -> tuple[Seen, Seen] | None:
    """Return where original and copy differ; None when one cannot be laid on the other.

    Raises:
        ValueError: One of the payloads is damaged or of another version.
    """
    one, other = payload.unpack(original), payload.unpack(copy)
    seen = differences(one, other)
    if seen is None:
        return None
    line = seen.a.words.height
    spots = [
        Box(spot.x * line, spot.y * line, spot.width * line, spot.height * line)
        for spot in seen.spots
        if spot.strength >= SHOWN_SPOT
    ]
    boxes = _apart([*_marks(seen), *spots], seen.a)
    of_a = Seen(boxes, _shared(seen.a, seen.b, alignment.inverse(seen.matrix)))
    of_b = Seen(
        tuple(_moved(box, seen.matrix, seen.b) for box in boxes),
        _shared(seen.b, seen.a, seen.matrix),
    )
    return (of_a, of_b) if seen.a is one else (of_b, of_a)


def _marks(seen: Differences) -> list[Box]:
    """Return where one picture shows what the other lacks, the largest first: pens, bars, text."""
    a = payload.thumbnail(seen.a.coded)
    laid = alignment.lay(a, *alignment.as_coarse(payload.thumbnail(seen.b.coded), seen.matrix))
    laid = between_edges(seen.a, seen.b, laid, seen.matrix)
    inside = ~raster.grown(~laid.inside, EDGE_PX, EDGE_PX)
    wrong = _off(a.astype(np.float32), laid.b.astype(np.float32), inside)
    line = max(int(seen.a.words.height), 3)
    label, boxes = raster.components(raster.grown(wrong, line | 1, line | 1))
    inked = np.bincount(label.ravel(), wrong.ravel(), len(boxes))
    inked[0] = 0
    chosen: list[int] = np.flatnonzero(inked > INKED * line * line).tolist()
    chosen.sort(key=lambda each: (-inked[each], each))
    return [Box(*map(float, boxes[each, :4].tolist())) for each in chosen]


def _off(a: Floats, b: Floats, inside: Mask) -> Mask:
    """Return the pixels that neither picture explains, once b has a's grey levels."""
    if not inside.any():
        return inside
    level = np.clip(b[inside] * LEVELS / 256, 0, LEVELS - 1).astype(np.intp)
    known = [each for each in range(LEVELS) if (level == each).sum() > SOFT_PX]
    medians = [float(np.median(a[inside][level == each])) for each in known]
    levels = [(each + 0.5) * 256 / LEVELS for each in known]
    expected = b + np.interp(b, levels, np.subtract(medians, levels))
    darkest, brightest = np.percentile(a[inside], [2, 98])
    limit = max(LEAST_LEVELS, CONTRAST_SHARE * float(brightest - darkest))
    off = np.zeros_like(a)
    for one, other in ((a, expected.astype(np.float32)), (expected.astype(np.float32), a)):
        lowest = highest = other
        for _ in range(SOFT_PX):
            lowest, highest = raster.extremes(lowest, 3)[0], raster.extremes(highest, 3)[1]
        off = np.maximum(off, np.maximum(one - highest, lowest - one))
    wrong = ((off > limit) & inside).astype(np.float32)
    return raster.blur(wrong, 3) > THICK


def _apart(boxes: list[Box], within: Print) -> tuple[Box, ...]:
    """Return boxes that hold these, of which none touches another, within the thumbnail."""
    height, width = payload.thumbnail(within.coded).shape
    covered = np.zeros((height, width), dtype=bool)
    for box in boxes:
        left, top = max(int(box.x), 0), max(int(box.y), 0)
        right, bottom = int(box.x + box.width) + 1, int(box.y + box.height) + 1
        covered[top:bottom, left:right] = True
    found: list[list[int]] = raster.components(covered)[1][1:].tolist()
    found.sort(key=lambda each: (-each[4], each))
    return tuple(Box(x, y, wide, high) for x, y, wide, high, _ in found[:MOST_BOXES])


def _moved(box: Box, matrix: Matrix, to: Print) -> Box:
    """Return the upright box around where a box lies in the other picture."""
    height, width = payload.thumbnail(to.coded).shape
    corners = alignment.mapped(box.corners, matrix)
    low = np.clip(corners.min(axis=0), 0, [width, height])
    size = np.clip(corners.max(axis=0), 0, [width, height]) - low
    return Box(*map(float, (*low, *size)))


def _shared(of: Print, other: Print, matrix: Matrix) -> Frame | None:
    """Return where the whole of the other picture lies in this one, unless it covers it."""
    height, width = payload.thumbnail(of.coded).shape
    corners = alignment.mapped(other.corners, matrix)
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.array([width, height])
    if (low < CUT * size).all() and (high > (1 - CUT) * size).all():
        return None
    return tuple((float(x), float(y)) for x, y in np.clip(corners, 0, size))
