"""A picture's content, shrunk so that equal parts of two screenshots stay equal to the last digit.

The scale follows from the size of the whole picture, in steps that few pictures of one app are two
sides of, and the cells whose means are taken begin at the picture's corner, not at the content's.
So what two screenshots of one device both show looks the same in both thumbnails, however much
else they show and wherever their flat margins end; and so does a copy of another size.
"""

from dataclasses import dataclass
from math import floor, log
from typing import Final

import numpy as np

from imagesignals_pipeline.match import raster
from imagesignals_pipeline.match.raster import Greys

TALL: Final = 1.6
"""Height by width from which a picture is a phone's screen: large text, few words a line."""
TALL_PIXELS: Final = 256_000
WIDE_PIXELS: Final = 440_000
"""Most pixels of a thumbnail: a digit of a phone's small print is then about 6 pixels high, and one
of a page or a desktop 5."""
STEP: Final = 1.025
"""Ratio of two neighbouring scales."""
MOST_ENLARGED: Final = 2.0
"""Small pictures are enlarged up to this, so that their words are found as those of large ones."""
MOST_MARGIN: Final = 4.0
"""Sides of a picture by those of its content, beyond which margins take up pixels."""
MIN_STEP: Final = 16
"""Grey levels that a row or column must span to belong to the content."""
MARGIN: Final = 0.01


@dataclass(frozen=True, slots=True)
class Content:
    """What is inside the flat margins of a grey picture; sides in its pixels."""

    picture: Greys
    left: int
    top: int
    right: int
    bottom: int

    @property
    def shorter_side(self) -> int:
        """In pixels of the picture; 0 of a flat one."""
        return min(self.right - self.left, self.bottom - self.top)

    @property
    def usual(self) -> int:
        """The step at which the content has the most pixels that a thumbnail should."""
        high, wide = self.picture.shape
        share = (self.right - self.left) * (self.bottom - self.top) / (high * wide)
        return floor(steps(min(share**-0.5, MOST_MARGIN, MOST_ENLARGED / self._first_scale)))

    @property
    def native(self) -> int:
        """The last step that enlarges nothing."""
        return floor(steps(1 / self._first_scale))

    @property
    def _first_scale(self) -> float:
        """The scale of step 0: the whole picture has the most pixels that a thumbnail should."""
        high, wide = self.picture.shape
        pixels = TALL_PIXELS if high > TALL * wide else WIDE_PIXELS
        return min(MOST_ENLARGED, (pixels / (high * wide)) ** 0.5)

    def scale(self, step: int) -> float:
        """Return the thumbnail's pixels in one of the picture."""
        return self._size(step)[0] / self.picture.shape[1]

    def at(self, step: int, via: int | None = None) -> Greys:
        """Return the thumbnail; `via` a larger one it is smoother, and takes fewer bytes."""
        high, wide = self.picture.shape
        columns, rows = self._size(step)
        x, y = self.corner(step)
        right, bottom = -(-self.right * columns // wide), -(-self.bottom * rows // high)
        source = self.picture if via is None else _resized(self.picture, *self._size(via))
        return np.ascontiguousarray(_resized(source, columns, rows)[y:bottom, x:right])

    def corner(self, step: int) -> tuple[int, int]:
        """Return where the thumbnail begins, in pixels of the whole picture at its scale.

        Both are even, so that pictures of half the size have their cells in common too.
        """
        high, wide = self.picture.shape
        columns, rows = self._size(step)
        return self.left * columns // wide // 2 * 2, self.top * rows // high // 2 * 2

    def _size(self, step: int) -> tuple[int, int]:
        high, wide = self.picture.shape
        scale = self._first_scale * STEP**step
        return max(round(wide * scale), 1), max(round(high * scale), 1)


def steps(ratio: float) -> float:
    """Return by how many steps a scale is so many times another."""
    return log(ratio) / log(STEP)


def find(grey: Greys) -> Content:
    """Return what is inside the flat margins; nothing of a picture that is flat."""
    small = grey[::3, ::3]
    rows = np.ptp(small, axis=1) > MIN_STEP
    columns = np.ptp(small, axis=0) > MIN_STEP
    if not rows.any():
        return Content(grey, 0, 0, 0, 0)
    margin = 3 + round(MARGIN * max(grey.shape))
    ys, xs = np.flatnonzero(rows) * 3, np.flatnonzero(columns) * 3
    return Content(
        grey,
        max(int(xs[0]) - margin, 0) if len(xs) else 0,
        max(int(ys[0]) - margin, 0),
        min(int(xs[-1]) + margin, grey.shape[1]) if len(xs) else grey.shape[1],
        min(int(ys[-1]) + margin, grey.shape[0]),
    )


def _resized(grey: Greys, columns: int, rows: int) -> Greys:
    """Shrink, whole factors first, which is exact, fast and most of the way; or enlarge."""
    high, wide = grey.shape
    if columns > wide:
        return raster.enlarged(grey, columns, rows)
    whole = min(high // rows, wide // columns)
    return raster.shrunk(raster.cells(grey, whole) if whole > 1 else grey, columns, rows)
