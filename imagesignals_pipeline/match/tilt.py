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
LEAST_DEGREES: Final = 1.5
"""Pictures that are less tilted are laid on each other as they are (`alignment.SLACK_SHARE`)."""
SHARPER: Final = 1.15
"""So many times as sharp as at 0 degrees must the profile be. Of 480 receipts and copies that are
as a program drew them none is sharper anywhere than at 0; tilted by 3 degrees, 99 in 100 exceed
this, half of them 3.1."""
OUTSTANDING: Final = 2.0
"""And so many times as sharp as at half of all angles: of photographs of no text one had 1.6, of
tilted receipts one in a hundred has less than 2.2."""
STRIPS: Final = 24
"""The ink is summed up over the rows of so many upright strips, and these are moved against each
other: at 12 degrees a strip of a phone's screen is 3 pixels out of line at its edges."""
LONGEST: Final = 5
"""Longer side by the other of what is turned: what it takes to hold a longer one has several times
its pixels, and nobody photographs a strip."""


def degrees(thumbnail: Greys) -> float:
    """Return by how many degrees to the left a picture must be turned for its rows to lie across.

    From -12.5 to 12.5 in steps of 0.5; 0 where it is tilted by less than 1.5, or too long, and
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


def levelled(grey: Greys, degrees: float) -> Greys:
    """Return a picture turned by so many degrees to the left, none of it cut off.

    What was outside has the shade that is usual along its edges.
    """
    rim = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return raster.rotated(grey, degrees, int(np.median(rim)))


def turn(degrees: float) -> Doubles:
    """Return what rows of x and y are multiplied by to turn them to the left; y goes down."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def size_before(size: Doubles, degrees: float) -> Doubles:
    """Return the width and height of a picture that has this size since it was turned."""
    return np.linalg.solve(np.abs(turn(degrees)), size)


def _strips(thumbnail: Greys) -> tuple[Floats, float]:
    """Return each strip's ink, every second row of it, and its width in those rows."""
    ink = words.ink(words.strokes(thumbnail[::2]), words.RULE_PX // 2)
    strip_px = ink.shape[1] // STRIPS
    used = ink[:, : strip_px * STRIPS].reshape(-1, STRIPS, strip_px)
    return used.sum(axis=2, dtype=np.float32), strip_px / 2


def _sharpness(strips: Floats, strip_px: float, degrees: float) -> float:
    """Return how much the sums along rows go up and down that rise to the left by so much."""
    moved = raster.sheared(strips, math.tan(math.radians(degrees)) * strip_px)
    steps = np.diff(moved.sum(axis=1))
    return float(steps @ steps)
