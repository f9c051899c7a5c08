"""Two pictures in one frame, and how alike they are in the window around each pixel."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from imagesignals_pipeline.match import alignment, payload, raster
from imagesignals_pipeline.match.alignment import Laid, Matrix
from imagesignals_pipeline.match.payload import Print
from imagesignals_pipeline.match.raster import Floats, Greys, Mask

SMALLEST_WINDOW, LARGEST_WINDOW = 7, 11
"""Windows are about as high as a line: one digit and part of its neighbours."""
EDGE_PX: Final = 6
RIM_PX: Final = 3
"""Where both pictures end that near each other they end at the same place."""
COMPARABLE: Final = 0.15
ABSENT: Final = 0.05
"""Ratios of local variance: above the one both pictures have text of about the same contrast, below
the other one of them has next to nothing."""
GRAINY: Final = 100.0
"""Variance up to which a window may have no text."""
CELL: Final = 0.6
"""Area of a digit in squared line heights."""
SETTLED: Final = 0.98
"""Correlation of the usual window from which on two pictures lie as they should: their own noise is
the least then."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures in one frame.

    `well_inside` is where windows see nothing of the edge of what both show. `line` is the height
    of the usual text in pixels, `window` the side of the windows of which `correlation` and the
    lesser and greater variance are known.
    """

    a: Greys
    b: Greys
    inside: Mask
    well_inside: Mask
    line: float
    window: int
    correlation: Floats
    least: Floats
    most: Floats

    @property
    def alone(self) -> Mask:
        """Where one of the pictures has next to nothing."""
        return self.least < ABSENT * self.most

    @property
    def comparable(self) -> Mask:
        """Where the two have text of about the same contrast."""
        return self.least > COMPARABLE * self.most

    @property
    def is_settled(self) -> bool:
        """Whether the usual window agrees so well that a flow has nothing to add."""
        usual = self.correlation[self.well_inside & (self.least > GRAINY)]
        return usual.size > 0 and float(np.median(usual)) >= SETTLED


def in_one_frame(a: Greys, laid: Laid, line: float) -> Pair:
    """Return a picture and another one that lies on it; `line` is the height of the usual text."""
    window = min(max(int(line) | 1, SMALLEST_WINDOW), LARGEST_WINDOW)
    well_inside = ~raster.grown(~_to_the_end(laid.inside), window + EDGE_PX, window + EDGE_PX)
    correlation = raster.correlation(a, laid.b, window)
    return Pair(a, laid.b, laid.inside, well_inside, line, window, *correlation)


def between_edges(a: Print, b: Print, laid: Laid, matrix: Matrix) -> Laid:
    """Return what was laid on a picture, without what lies beyond the edges of a tilted one.

    Args:
        a: The picture that is the frame, perhaps at half its size.
        b: The other one.
        laid: How it looks there.
        matrix: Leads from a's thumbnail to b's, both of full size.
    """
    if not a.tilt and not b.tilt:
        return laid
    share = laid.b.shape[1] / payload.thumbnail(a.coded).shape[1]
    edges = (a.inner_corners, alignment.mapped(b.inner_corners, alignment.inverse(matrix)))
    inside = laid.inside.copy()
    for each in edges:
        inside &= raster.polygon(each * share, inside.shape)
    return Laid(laid.b, inside)


def _to_the_end(inside: Mask) -> Mask:
    """Return the mask with a rim that is as what lies inside of it: text there is compared too."""
    core = inside[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX]
    return inside | np.pad(core, RIM_PX, mode="edge") if core.size else inside
