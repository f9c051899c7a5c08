"""A look at half size: how much of the text agrees, and whether some of it is certainly other."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from imagesignals_pipeline.match import alignment, payload, raster
from imagesignals_pipeline.match.alignment import Guess, Laid, Matrix
from imagesignals_pipeline.match.differences import (
    CERTAIN_SPOT,
    EXCESS,
    LEAST_NOISE,
    MIN_AGREEING,
    MOST_EXCESS,
    MOST_NOISE,
    ONE_FIELD,
    ONE_LINE,
    grain,
)
from imagesignals_pipeline.match.pair import CELL, COMPARABLE, SETTLED, between_edges
from imagesignals_pipeline.match.payload import Print
from imagesignals_pipeline.match.raster import Floats, Greys, Mask

NOISE: Final = 1.5
"""The pair's own noise by what the median window lacks, grain and all: a glance is milder."""
WINDOW: Final = 5
EDGE_PX: Final = 9
LEAST_VARIANCE: Final = 60.0
"""Of a window with text, in squared grey levels of the half-size picture."""
LEAST_PIXELS: Final = 50
GAP_PX: Final = 3
"""Lines of text are farther apart; along a line, words that differ are joined."""
UNTOUCHED: Final = 0.995
"""Correlation of the usual window between two screenshots of one device that nobody stored anew.
Between poorer pictures half the size does not tell digits from noise."""
MOST_UNEVEN: Final = 0.1
"""Share of a spot where one picture has far less contrast: more is somebody's pen."""
LOWEST_TEXT, HIGHEST_TEXT = 0.6, 1.5
"""Height of a spot in lines: lower is a rule a pixel out of place, higher may have been drawn."""


@dataclass(frozen=True, slots=True)
class Look:
    """What half the size says of two pictures.

    `share` is that of the text that agrees, from 0 to 1, once one lies on the other. `parted`:
    other words certainly stand in two places. So it is between most receipts of one app that nobody
    stored anew: a full comparison would part them by its spots. Two that are not parted may be
    anything.
    """

    share: float
    parted: bool = False


@dataclass(frozen=True, slots=True)
class _Windows:
    """What the windows of two half-size pictures in one frame show.

    `usual` is the correlation of the median window with text, 0 where there is hardly any.
    """

    correlation: Floats
    least: Floats
    most: Floats
    well_inside: Mask
    text: Mask
    usual: float

    def lacking(self) -> Floats:
        """Return what each window with text lacks in correlation, in units of the noise."""
        own = min(max(NOISE * (1 - self.usual), LEAST_NOISE), MOST_NOISE)
        return (1 - self.correlation[self.text]) / (own + grain(self.least[self.text]))


def look(a: Print, b: Print, guess: Guess, *, least_share: float = 0.0) -> Look:
    """Lay b on a at half size, by a guess how, and look.

    Of two that agree less than `least_share` nothing is said of their being parted.
    """
    matrix = guess.matrix
    if guess.scale < 1:  # the coarser one is the frame
        a, b, matrix = b, a, alignment.inverse(matrix)
    coarse, fine, halved = _halved(a, b, matrix)
    laid = alignment.lay_flat(coarse, fine, halved, rough=True)
    windows = _windows(coarse, between_edges(a, b, laid, matrix))
    untouched = windows.usual >= UNTOUCHED and guess.agreeing >= MIN_AGREEING
    if windows.usual < SETTLED:
        laid = alignment.lay_roughly(coarse, fine, halved)
        windows = _windows(coarse, between_edges(a, b, laid, matrix))
    if windows.usual == 0:
        return Look(0.0)
    lacking = windows.lacking()
    share = float((lacking <= EXCESS).mean())
    if not untouched or share < least_share:
        return Look(share)
    return Look(share, _differ_in_two_places(windows, lacking, a))


def _differ_in_two_places(windows: _Windows, lacking: Floats, frame: Print) -> bool:
    """Return whether spots that are certainly other words lie in more than one place.

    One place is one field of a line, or the status bar.
    """
    line = frame.words.height / 2
    excess = lacking - EXCESS
    differs = np.zeros_like(windows.text)
    differs[windows.text] = excess > 0
    uneven = (windows.most > LEAST_VARIANCE) & (windows.least <= COMPARABLE * windows.most)
    uneven &= windows.well_inside
    reach = int(line) | 1
    label, boxes = raster.components(raster.grown(differs | uneven, reach, GAP_PX))
    of_spot = np.minimum(excess[excess > 0], MOST_EXCESS)
    strength = np.bincount(label[differs], of_spot, len(boxes)) / (CELL * line * line)
    differing, drawn = (
        np.bincount(label[each], minlength=len(boxes)) for each in (differs, uneven)
    )
    # What differs is smaller than its box by what a window sees beside it, and by the gaps.
    wide = boxes[:, 2] - (WINDOW - 1) - (reach - 1)
    high = boxes[:, 3] - (WINDOW - 1) - (GAP_PX - 1)
    certain = (
        (strength > CERTAIN_SPOT)
        & (drawn <= MOST_UNEVEN * (differing + drawn))
        & (high >= LOWEST_TEXT * line)
        & (high <= HIGHEST_TEXT * line)
    )
    if not certain.any():
        return False
    left, top = boxes[certain, :2].T
    bottom = (top + high[certain]).max()
    across = (left + wide[certain]).max() - left.min()
    in_one_field = across <= ONE_FIELD * line and bottom - top.min() <= ONE_LINE * line
    return not in_one_field and bool(bottom > frame.below_status_bar / 2)


def _halved(a: Print, b: Print, matrix: Matrix) -> tuple[Greys, Greys, Matrix]:
    """Return both pictures at half size, b's as coarse as a's, and the map between them."""
    coarse, fine = payload.halved(a.coded), payload.halved(b.coded)
    return coarse, *alignment.as_coarse(fine, alignment.halved(matrix))


def _windows(a: Greys, laid: Laid) -> _Windows:
    correlation, least, most = raster.correlation(a, laid.b, WINDOW)
    well_inside = ~raster.grown(~laid.inside, EDGE_PX, EDGE_PX)
    text = (least > LEAST_VARIANCE) & (least > COMPARABLE * most) & well_inside
    seen = correlation[text]
    usual = float(np.median(seen)) if len(seen) >= LEAST_PIXELS else 0.0
    return _Windows(correlation, least, most, well_inside, text, usual)
