"""Takes a highlighter's bands off one of two pictures: what is under them can be compared.

Else a band over all that differs would hide that a receipt is another one, as a black bar does.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from imagesignals_pipeline.match import raster
from imagesignals_pipeline.match.alignment import Laid
from imagesignals_pipeline.match.pair import Pair, in_one_frame
from imagesignals_pipeline.match.pen import Levels, Wrong
from imagesignals_pipeline.match.raster import Floats, Mask

FILLED, WIDE, HIGH = 0.4, 2.0, 0.8
"""Share of its rectangle that a band fills, and its least size in lines of text."""
OTHER_PAPER: Final = 0.5
"""Part of the limit by which the paper is of another shade: inside a ring it is not."""
EDGE_PX: Final = 2
TEXT: Final = 30.0
"""Grey levels off the paper from which a pixel is text."""
LEAST_TEXT: Final = 0.03
"""Share of a band that is text in both pictures: where nothing is written a stroke is set aside."""
CONTRARY: Final = 0.5
"""Most that is off the paper to the other side, by what is text: of a ring's stroke that is left in
it, and of a label with white on black where the other picture has black on white."""
SAME_ROWS: Final = 0.7
"""Least correlation of how much ink the rows of a band have in the two pictures: another receipt
has its digits in the same rows. A black bar has none, and a label's text is elsewhere."""
LEAST_GAIN, MOST_GAIN = 0.5, 2.5
"""By how much the contrast of the text under a band is changed back."""


@dataclass(frozen=True, slots=True)
class Band:
    """A band: the rows and columns of its rectangle, what it fills of it, and the papers there.

    `paper_a` and `paper_b` are the grey levels of each picture behind the text.
    """

    place: tuple[slice, slice]
    filled: Mask
    paper_a: float
    paper_b: float


def bands(pair: Pair, levels: Levels, wrong: Wrong) -> list[Band]:
    """Return the bands that one of two pictures has, and through which text is seen in both."""
    large = (wrong.boxes[:, 2] > WIDE * pair.line) & (wrong.boxes[:, 3] > HIGH * pair.line)
    large[0] = False
    found: list[Band] = []
    for number in np.flatnonzero(large).tolist():
        x, y, wide, high, _ = wrong.boxes[number].tolist()
        place = (slice(y, y + high), slice(x, x + wide))
        filled = raster.filled(wrong.label[place] == number, int(HIGH * pair.line) | 1)
        inner = raster.shrunk_by(filled, EDGE_PX)
        if filled.mean() < FILLED or not inner.any():
            continue
        a, b = pair.a[place], pair.b[place]
        paper_a, paper_b = float(np.median(a[inner])), float(np.median(b[inner]))
        other_paper = abs(paper_a - paper_b) > OTHER_PAPER * levels.usual_limit
        if other_paper and _show_text_alike(a - paper_a, b - paper_b, inner):
            found.append(Band(place, filled, paper_a, paper_b))
    return found


def taken_off(pair: Pair, some: list[Band]) -> Pair:
    """Return the pair with b's paper in bands as bright as a's, and its text of about a's contrast.

    Whichever of the two has the band.
    """
    b = pair.b.astype(np.float32)
    for band in some:
        off_a = pair.a[band.place][band.filled] - band.paper_a
        off_b = b[band.place] - band.paper_b
        spread = max(float(off_b[band.filled].std()), 1)
        gain = min(max(float(off_a.std()) / spread, LEAST_GAIN), MOST_GAIN)
        bare = band.paper_a + gain * off_b
        b[band.place] = np.where(band.filled, bare, b[band.place])
    greys = np.rint(np.clip(b, 0, 255)).astype(np.uint8)
    return in_one_frame(pair.a, Laid(greys, pair.inside), pair.line)


def mask(pair: Pair, some: list[Band]) -> Mask:
    """Return where bands are."""
    covered = np.zeros_like(pair.inside)
    for band in some:
        covered[band.place] |= band.filled
    return covered


def _show_text_alike(off_a: Floats, off_b: Floats, inner: Mask) -> bool:
    """Return whether both have text, of one polarity and in the same rows; it is off the paper."""
    below, above = (
        [float((sign * off[inner] > TEXT).mean()) for off in (off_a, off_b)] for sign in (-1, 1)
    )
    sign, text, contrary = (-1, below, above) if sum(below) > sum(above) else (1, above, below)
    a, b = (np.where(inner, sign * off, 0).clip(min=0).sum(axis=1) for off in (off_a, off_b))
    a, b = a - a.mean(), b - b.mean()
    in_the_same_rows = float(a @ b) > SAME_ROWS * float(np.linalg.norm(a) * np.linalg.norm(b))
    return in_the_same_rows and min(text) > max(LEAST_TEXT, max(contrary) / CONTRARY)
