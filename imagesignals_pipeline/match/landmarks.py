"""Finds what a photograph is known by: the blobs of its texture, where other pictures have words.

A photograph of something that is no text has words by accident only, and other ones after every
recompression. Its blobs (scale-invariant features: Lowe, 2004) stay. Equal neighbours, by which
`analyse.texture` tells what a program drew, are no use here: smooth photographs have as many.
"""

from typing import Final

import numpy as np

from imagesignals_pipeline.match import raster
from imagesignals_pipeline.match.raster import Floats, Greys, Mask

LEAST_LANDMARKS, MOST_LANDMARKS = 24, 64
"""Of a photograph: the fewer, the more words it has, because each takes 16 bytes from the
thumbnail. In nine of ten copies of drawn ones 32 and more keep place and code; of another
photograph's three at most agree with them."""
REDUCED: Final = 4
"""Blobs are looked for on a picture that many times smaller: a fine grain's do not stay."""
LEAST_PX: Final = 8.0
"""Diameter below which a blob is noise."""
INK: Final = 20
"""Grey levels between two neighbours' extremes that are a stroke, or something as sharp."""
INK_PX: Final = 5
CELL_PX: Final = 6
ROUGH: Final = 0.8
"""Standard deviation, in grey levels, of a cell of a photograph. Flat ground has less, also after
compression."""
ROUGH_SHARE: Final = 0.45
"""Of the ground between all strokes. Of 1,900 receipts and copies that are no photographs the
roughest, of strewn noise, has 0.4, the next 0.34, half of them less than 0.1; the smoothest
photograph drawn here 0.6, and of 34 real ones three in four more than 0.42."""
LEAST_GROUND: Final = 20
"""Cells without which a picture is texture all over."""


def is_photograph(grey: Greys) -> bool:
    """Return whether most of a thumbnail's ground is rough, as no screenshot's is."""
    lowest, highest = raster.extremes(grey, 3)
    inked = raster.grown(raster.less(highest, lowest) > INK, INK_PX, INK_PX)
    values = grey.astype(np.float32)
    mean, square = raster.cells(values, CELL_PX), raster.cells(values * values, CELL_PX)
    ground = raster.cells(inked.astype(np.float32), CELL_PX) == 0
    rough = square[ground] - mean[ground] ** 2 > ROUGH * ROUGH
    return rough.size < LEAST_GROUND or float(rough.mean()) > ROUGH_SHARE


def find(grey: Greys, room: int) -> tuple[Floats, Floats]:
    """Return centre and spread, rows of x and y, of a thumbnail's strongest blobs.

    As many as there is room for, within bounds. A landmark is round: both its spreads are the
    blob's diameter.
    """
    most = min(max(room, LEAST_LANDMARKS), MOST_LANDMARKS)
    x, y, wide = REDUCED * raster.blobs(raster.cells(grey, REDUCED)).T
    large = np.flatnonzero(wide > LEAST_PX)[:most]
    # The centre of a pixel is half a pixel from its corner.
    centre = np.stack([x, y], axis=1)[large] + (REDUCED - 1) / 2
    return centre, np.repeat(wide[large, None], 2, axis=1)


def are(spread: Floats) -> Mask:
    """Return which words are landmarks, by their spreads."""
    return spread[:, 0] == spread[:, 1]
