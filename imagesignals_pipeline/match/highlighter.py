"""Takes a highlighter's bands off one of two pictures: what is under them can be compared.

Else a band over all that differs would hide that a receipt is another one, as a black bar does.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from imagesignals_pipeline.match import pen, raster
from imagesignals_pipeline.match.alignment import Laid
from imagesignals_pipeline.match.pair import Pair, in_one_frame
from imagesignals_pipeline.match.pen import Levels
from imagesignals_pipeline.match.raster import Floats, Greys, Mask

OTHER_SHADE: Final = 0.8
"""Part of the limit from which on a pixel is of another shade."""
WIDE, HIGH = 2.0, 0.8
"""Least size of a band in lines of text."""
FILLED: Final = 0.4
"""Least share of its rectangle that a band fills, and of the band that is of another shade: what a
ring surrounds is not."""
EDGE_PX: Final = 2
PAPER: Final = 1.5
"""Side, in lines of text, of the square over which the median is the paper."""
DIGIT: Final = 0.2
"""Ink of a digit in squared lines: the contrast of text is what so many pixels reach."""
LEAST_CONTRAST: Final = 12.0
"""Least contrast of text in grey levels: under a black bar there is none."""
CONTRARY: Final = 0.5
"""Most contrast to the other side, by the text's: of a ring's stroke that is left in a band, and of
a label with white on black where the other picture has black on white."""
SAME_ROWS: Final = 0.7
"""Least correlation of how much ink the rows of a band have in the two pictures: another receipt
has its digits in the same rows, a label's text is elsewhere."""
LEAST_GAIN, MOST_GAIN = 0.5, 5.0
"""By how much the contrast of the text under a band is changed back."""


@dataclass(frozen=True, slots=True)
class Band:
    """A band: the rows and columns of its rectangle, and what it fills of it.

    `paper_a` and `paper_b` are the grey levels behind the text in each picture, `gain` is the
    contrast of the text in a by that in b.
    """

    place: tuple[slice, slice]
    filled: Mask
    paper_a: Floats
    paper_b: Floats
    gain: float


def bands(pair: Pair, levels: Levels) -> list[Band]:
    """Return the bands that one of two pictures has, and through which text is seen in both."""
    shaded = pen.shaded(pair, levels) > OTHER_SHADE * levels.limit
    label, boxes = raster.components(shaded & pair.inside)
    large = (boxes[:, 2] > WIDE * pair.line) & (boxes[:, 3] > HIGH * pair.line)
    large[0] = False
    found: list[Band] = []
    for number in np.flatnonzero(large).tolist():
        x, y, wide, high, _ = boxes[number].tolist()
        place = (slice(y, y + high), slice(x, x + wide))
        band = _band(pair, place, label[place] == number)
        if band is not None:
            found.append(band)
    return found


def taken_off(pair: Pair, some: list[Band]) -> Pair:
    """Return the pair with b's paper in bands as bright as a's, and its text of about a's contrast.

    Whichever of the two has the band.
    """
    b = pair.b.astype(np.float32)
    for band in some:
        bare = band.paper_a + band.gain * (b[band.place] - band.paper_b)
        b[band.place] = np.where(band.filled, bare, b[band.place])
    greys = np.rint(np.clip(b, 0, 255)).astype(np.uint8)
    return in_one_frame(pair.a, Laid(greys, pair.inside), pair.line)


def mask(pair: Pair, some: list[Band]) -> Mask:
    """Return where bands are."""
    covered = np.zeros_like(pair.inside)
    for band in some:
        covered[band.place] |= band.filled
    return covered


def _band(pair: Pair, place: tuple[slice, slice], part: Mask) -> Band | None:
    """Return a part of another shade if it is a band."""
    filled = raster.filled(part, int(HIGH * pair.line) | 1)
    inner = raster.shrunk_by(filled, EDGE_PX)
    bare = inner & part
    if filled.mean() < FILLED or np.count_nonzero(bare) <= FILLED * np.count_nonzero(inner):
        return None
    greys = (pair.a[place], pair.b[place])
    paper_a, paper_b = (_paper(grey, filled & part, bare, pair.line) for grey in greys)
    off_a, off_b = ((greys[0] - paper_a) * inner, (greys[1] - paper_b) * inner)
    gain = _gain(off_a, off_b, pair.line)
    return None if gain is None else Band(place, filled, paper_a, paper_b, gain)


def _paper(grey: Greys, of_other_shade: Mask, bare: Mask, line: float) -> Floats:
    """Return what text stands on: where both pictures have text, what there usually is."""
    usual = np.uint8(np.median(grey[bare]))
    around = np.where(of_other_shade, grey, usual)
    return raster.paper(around, int(PAPER * line) | 1).astype(np.float32)


def _gain(off_a: Floats, off_b: Floats, line: float) -> float | None:
    """Return the text's contrast in a by that in b, None where it is not text alike.

    That is of one polarity, of so much contrast and in the same rows; `off_a` and `off_b` are off
    the paper.
    """
    below, above = ((_contrast(s * off_a, line), _contrast(s * off_b, line)) for s in (-1, 1))
    sign, text, contrary = (-1, below, above) if min(below) > min(above) else (1, above, below)
    least = max(LEAST_CONTRAST, *(each / CONTRARY for each in contrary))
    if text[0] < least or text[1] < least:
        return None
    a, b = ((sign * off).clip(min=0).sum(axis=1) for off in (off_a, off_b))
    a, b = a - a.mean(), b - b.mean()
    if float(a @ b) < SAME_ROWS * float(np.linalg.norm(a) * np.linalg.norm(b)):
        return None
    return min(max(text[0] / text[1], LEAST_GAIN), MOST_GAIN)


def _contrast(off: Floats, line: float) -> float:
    """Return what the pixels of a digit's ink reach."""
    count = min(max(int(DIGIT * line * line), 1), off.size)
    return float(np.partition(off, -count, axis=None)[-count])
