"""Finds by how much a picture is tilted: a paper photographed by hand, or turned a little since.

Rows of text that lie across leave bare rows between them, so that the sums of the ink along all
rows go up and down most where they are taken along the text (the projection profile of Postl,
1986; the sum of squared steps, Bloomberg, Kopec and Dasari, 1995). A screenshot has its sharpest
profile at 0 degrees and is left as it is.
"""

import math
from typing import Final

import numpy as np

from imagesignals_pipeline.match import raster, words
from imagesignals_pipeline.match.raster import Doubles, Floats, Greys

MOST_DEGREES, COARSE_DEGREES, FINE_DEGREES = 12, 1.0, 0.5
LEAST_DEGREES: Final = 2.5
"""Pictures that are less tilted are laid on each other as they are (`alignment.SLACK_SHARE`). To
turn them from 1.5 on gained none of 142 copies of papers and screens that were photographed so, and
lost three."""
SHARPER: Final = 1.15
"""So many times as sharp as at 0 degrees must the profile be. Of 480 receipts and copies that are
as a program drew them none is sharper anywhere than at 0; tilted by 3 degrees, 97 in 100 exceed
1.29, half of them 2.2."""
OUTSTANDING: Final = 2.5
"""And so many times as sharp as at half of all angles. Of 300 photographs of no text none comes to
more than 2.2 at another angle than 0; of receipts tilted by 3 degrees 99 in 100 exceed 2.6."""
STRIPS: Final = 24
"""The ink is summed up over the rows of so many upright strips, and these are moved against each
other: at 12 degrees a strip of a phone's screen is 3 pixels out of line at its edges."""
LETTER_PX: Final = 2
"""Least height of a letter's upright strokes. A slanted line, as of a chart or a table's boards,
goes up by one pixel at a time, and must not be taken for a row of text."""
LONGEST: Final = 5
"""Longer side by the other of what is turned: what it takes to hold a longer one has several times
its pixels, and nobody photographs a strip."""


def degrees(thumbnail: Greys) -> float:
    """Return by how many degrees to the left a picture must be turned for its rows to lie across.

    From -12.5 to 12.5 in steps of 0.5; 0 where it is tilted by less than 2.5, or too long, and
    where that cannot be told.
    """
    high, wide = thumbnail.shape
    if max(high, wide) > LONGEST * min(high, wide) or wide < STRIPS:
        return 0.0
    strips, strip_px = _strips(thumbnail)
    coarse = np.arange(-MOST_DEGREES, MOST_DEGREES + 1, COARSE_DEGREES)
    sharp = [_sharpness(strips, strip_px, each) for each in coarse.tolist()]
    best = float(coarse[int(np.argmax(sharp))])
    if best == 0:
        return 0.0
    near = best + np.array([-FINE_DEGREES, 0, FINE_DEGREES])
    sharpest, found = max((_sharpness(strips, strip_px, each), each) for each in near.tolist())
    clear = sharpest > max(SHARPER * sharp[len(sharp) // 2], OUTSTANDING * float(np.median(sharp)))
    return found if clear and abs(found) >= LEAST_DEGREES else 0.0


def turn(degrees: float) -> Doubles:
    """Return what rows of x and y are multiplied by to turn them to the left; y goes down."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def size_before(size: Doubles, degrees: float) -> Doubles:
    """Return the width and height of a picture that has this size since it was turned."""
    return np.linalg.solve(np.abs(turn(degrees)), size).astype(np.float64, copy=False)


def _strips(thumbnail: Greys) -> tuple[Floats, float]:
    """Return each strip's ink, rows in pairs, and its width in pairs of rows."""
    ink = raster.runs(words.ink(words.strokes(thumbnail), words.RULE_PX), LETTER_PX)
    strip_px = ink.shape[1] // STRIPS
    both = ink[: len(ink) // 2 * 2, : strip_px * STRIPS].view(np.uint8)
    used = (both[::2] + both[1::2]).reshape(-1, STRIPS, strip_px)
    return used.sum(axis=2, dtype=np.float32), strip_px / 2


def _sharpness(strips: Floats, strip_px: float, degrees: float) -> float:
    """Return how much the sums along rows go up and down that rise to the left by so much."""
    moved = raster.sheared(strips, math.tan(math.radians(degrees)) * strip_px)
    steps = np.diff(moved.sum(axis=1))
    return float(steps @ steps)
