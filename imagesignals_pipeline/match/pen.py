"""What somebody drew on one of two pictures, and whether it hides that they are two."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from imagesignals_pipeline.match import raster
from imagesignals_pipeline.match.pair import CELL, Pair
from imagesignals_pipeline.match.raster import Doubles, Greys, Ints, Mask

LEVELS: Final = 16
KNOWN_PIXELS: Final = 50
LEAST_CONTRAST: Final = 22.0
TRUSTED: Final = 0.7
"""Correlation of windows that show the same."""
LIGHT_PX: Final = 140
"""Differences that are even over this many pixels are light that falls on a screen."""
WIDE_LIGHT_PX: Final = 280
"""The same where a highlighter's band of several lines must not pass for light."""
DARKEST_AND_BRIGHTEST: Final = (0.02, 0.98)
"""Shares of the pixels between which the contrast is taken."""
CONTRAST_SHARE: Final = 0.2
"""A pixel is wrong when it is off by this many grey levels, or this share of the contrast."""
IF_SETTLED: Final = 0.6
"""So many times as few do between two pictures that lie as they should: there is hardly any noise,
and a pen's stroke shows less over text than beside it."""
STROKE: Final = 2.2
STROKE_PX: Final = 14
"""A connected wrong stroke higher than this many lines was drawn by hand, or is a large figure,
which `replaced` tells apart."""
FILLED, BAR_WIDE, BAR_HIGH = 0.75, 3.0, 0.8
"""A black bar fills its rectangle, and is at least this many lines wide and high."""
STROKE_LONG, STROKE_WIDE = 1.6, 4.0
"""So is a longer one that is higher than a line: an arrow along it."""
STROKE_GAP_PX: Final = 5
"""Gaps that a stroke may have where it crosses text; lines of text are farther apart."""
NEAR: Final = 3
"""Side of the square in which a pixel may lie as well."""
STROKE_ALONE: Final = 0.2
STROKE_NEAR: Final = 7
"""Share of a stroke that lies where the other picture has nothing, in its window or within half so
many pixels: rules of a table, a pixel out of place, are in both."""
REMARK: Final = 1.25
REMARK_ALONE: Final = 0.2
REMARK_GAP: Final = 1.2
"""Typed remarks: wrong strokes joined over such gaps, higher than a line, in good part where the
other picture has no text."""
FAINT: Final = 0.4
GAP_PX: Final = 5
"""Part of the limit down to which a pen's stroke is followed, and gaps that it may have where it
crosses text of its own brightness."""
FOLLOWED: Final = 1.0
"""Lines of text over which a stroke is followed: in a blurred pair all text is faintly wrong, and
the differing details of two receipts would go with it."""
PAPER_PX: Final = 61
"""Paper is the median over a square that is wider than any stroke."""
BARE: Final = 0.5
"""Part of the limit by which bare paper may be off."""
SHADE: Final = 1.5
"""By so many times the limit a chat's bubble may be off from what was behind it before; what covers
text is off by more, or is no paper."""
SAME_GREY, LEAST_ELSEWHERE = 8, 0.1
"""Grey levels up to which two papers are the same, and how much of it there must be elsewhere, by
how much there is of the usual one."""
BESIDE, LEAST_BESIDE = 1.5, 0.01
"""Size, in lines, of the windows in which both pictures have ink that the other lacks, and the
share of the window from which on these belong together."""
BY_CHANCE: Final = 0.05
"""Digits that may seem to be other ones in a place of a copy. Of 449 right pairs with strokes of
one's own 9 have more, all with a label whose ground hides the text; of 520 pairs of consecutive
receipts that boxes and lines around the differences made the same, 508."""
ALONG_PX: Final = 13
ALONG: Final = 0.5
"""Reach of a stroke's edge, and share of a spot that must be within."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Two pictures in the same grey levels, and by how many a pixel must be off to be wrong.

    `usual_limit` is by how many it must be between any two pictures.
    """

    a: Greys
    b: Greys
    usual_limit: float
    limit: float


def levels(pair: Pair) -> Levels:
    """Give b the grey levels of a, and take the light that falls on one of them away.

    What a's levels are in b is learnt where the pictures agree: a black bar teaches nothing.
    """
    counts = _counts(pair, pair.a, pair.b)
    if counts.sum(axis=1).max() <= KNOWN_PIXELS:
        return Levels(np.zeros_like(pair.a), np.zeros_like(pair.a), LEAST_CONTRAST, LEAST_CONTRAST)
    expected = _expected(counts, pair.b)
    share = np.cumsum(counts.sum(axis=0)) / counts.sum()
    darkest, brightest = np.searchsorted(share, DARKEST_AND_BRIGHTEST)
    limit = max(LEAST_CONTRAST, CONTRAST_SHARE * float(brightest - darkest))
    light = raster.background(raster.difference(pair.a, expected) * pair.inside, LIGHT_PX)
    strict = limit * IF_SETTLED if pair.is_settled else limit
    return Levels(raster.less(pair.a, light), expected, limit, strict)


def shaded(pair: Pair, levels: Levels) -> Greys:
    """Return by how many grey levels each pixel is of another shade in the two pictures.

    Where a highlighter was used one picture has two levels for one of the other. In the levels of
    that other both are explained, so the two are compared in the levels of each.
    """
    counts = _counts(pair, pair.b, pair.a)
    if counts.sum(axis=1).max() <= KNOWN_PIXELS:
        return np.zeros_like(pair.a)
    expected = _expected(counts, pair.a)
    return np.maximum(_in_any_light(pair, pair.a, levels.b), _in_any_light(pair, pair.b, expected))


def _in_any_light(pair: Pair, one: Greys, expected: Greys) -> Greys:
    """Return by how many grey levels each pixel is off, whatever light falls on a screen."""
    if pair.is_settled:  # as no photographs of one are
        return raster.distance(one, expected)
    off = raster.difference(one, expected)
    light = raster.background(off * pair.inside, WIDE_LIGHT_PX)
    return np.clip(np.abs(off - light), 0, 255).astype(np.uint8)


def _counts(pair: Pair, one: Greys, other: Greys) -> Doubles:
    """Return how many pixels that agree have each level of other (rows) and of one."""
    trusted = pair.inside & (pair.correlation > TRUSTED)
    return raster.joint_histogram(one, other, trusted, LEVELS)


def _expected(counts: Doubles, other: Greys) -> Greys:
    """Return other in the grey levels of one."""
    below = np.cumsum(counts, axis=1)
    known = np.flatnonzero(below[:, -1] > KNOWN_PIXELS)
    value = (2 * below[known] < below[known, -1:]).sum(axis=1)
    middle, every = (known + 0.5) * 256 / LEVELS, np.arange(256)
    # Few pixels have the levels of a single bright number: they are off as the nearest known are.
    table = every + np.interp(every, middle, value - middle)
    return raster.by_level(other, np.clip(np.rint(table), 0, 255).astype(np.uint8))


@dataclass(frozen=True, slots=True)
class Strokes:
    """Strokes that only one of two pictures has: their ink, and where windows see some of it."""

    ink: Mask
    foreign: Mask


def strokes(pair: Pair, levels: Levels, lonely: Mask) -> Strokes:
    """Return what somebody drew on one of the pictures: circles, arrows, remarks.

    Args:
        pair: The two.
        levels: They again, as `levels` returns them.
        lonely: Where one of them has text alone.
    """
    limit = levels.limit
    off = _unexplained(levels, NEAR) * pair.inside
    far_off = _unexplained(levels, STROKE_NEAR) * pair.inside
    is_wrong = off > limit
    label, boxes = raster.components(raster.closed(is_wrong, STROKE_GAP_PX))
    inked = np.bincount(label[is_wrong], minlength=len(boxes))
    by_nothing = is_wrong & (pair.alone | (far_off > limit))
    lying_alone = np.bincount(label[by_nothing], minlength=len(boxes))
    by_itself = lying_alone > STROKE_ALONE * inked
    large = (_strokes(boxes, pair.line) | _bars(boxes, pair.line)) & by_itself
    large[0] = False
    seed = (large[label] | _remarks(is_wrong, lonely, pair.line)) & is_wrong
    if not seed.any():
        return Strokes(seed, seed)
    faint = off > FAINT * limit
    reach = int(2 * FOLLOWED * pair.line) | 1
    followed = _with(seed, raster.grown(faint, GAP_PX, GAP_PX)) & raster.grown(seed, reach, reach)
    foreign = raster.grown(followed, pair.window + 2, pair.window + 2)
    return Strokes(faint & (followed | _with(seed, raster.closed(faint, NEAR))), foreign)


def _with(some: Mask, whole: Mask) -> Mask:
    """Return the connected parts of the whole that have some of its pixels."""
    parts, boxes = raster.components(whole)
    has = np.zeros(len(boxes), bool)
    has[parts[some]] = True
    return has[parts]


def _strokes(boxes: Ints, line: float) -> Mask:
    """Return which parts are too high, or too long and high, for letters of a usual line."""
    wide, high = boxes[:, 2], boxes[:, 3]
    long = (high > STROKE_LONG * line) & (wide > STROKE_WIDE * line)
    return (high > max(STROKE_PX, STROKE * line)) | long


def _bars(boxes: Ints, line: float) -> Mask:
    """Return which parts are filled rectangles over a line: what is under them is hidden."""
    wide, high, area = boxes[:, 2], boxes[:, 3], boxes[:, 4]
    return (area > FILLED * wide * high) & (wide > BAR_WIDE * line) & (high > BAR_HIGH * line)


def _unexplained(levels: Levels, near: int) -> Greys:
    """Return by how much either is outside what the other shows in a square of `near` pixels.

    Rules and frames that are in both are thin, and never quite in place.
    """
    return np.maximum(outside(levels.a, levels.b, near), outside(levels.b, levels.a, near))


def outside(one: Greys, other: Greys, near: int) -> Greys:
    """Return by how much one is outside what the other shows in a square of `near` pixels."""
    lowest, highest = raster.extremes(other, near)
    return np.maximum(raster.less(one, highest), raster.less(lowest, one))


def _remarks(wrong: Mask, lonely: Mask, line: float) -> Mask:
    label, boxes = raster.components(raster.joined(wrong, int(REMARK_GAP * line) | 1))
    alone = np.bincount(label[lonely], minlength=len(boxes)) / np.maximum(boxes[:, 4], 1)
    remark = (boxes[:, 3] > REMARK * line) & (alone > REMARK_ALONE)
    remark[0] = False
    return remark[label]


def alone(one: Greys, other: Greys, own: Mask, limit: float) -> Mask:
    """Return the part of one's own text that is on bare paper in the other, of about its shade.

    What the other has in this place alone is no paper but a sticker.
    """
    if not own.any():
        return own
    shade = raster.distance(other, raster.paper(one, PAPER_PX)) < SHADE * limit
    paper = raster.paper(other, PAPER_PX)
    return own & shade & _is(other, paper, limit) & _elsewhere(paper, one, other, limit)


def _elsewhere(paper: Greys, one: Greys, other: Greys, limit: float) -> Mask:
    """Return where the other's paper is of a grey that it also has where the two agree."""
    agreeing = np.bincount(paper[raster.distance(one, other) < limit], minlength=256)
    near = np.convolve(agreeing, np.ones(2 * SAME_GREY + 1), "same")
    return (near > LEAST_ELSEWHERE * near.max())[paper]


def replaced(pair: Pair, levels: Levels, foreign: Mask) -> float:
    """Return how much other text stands by a stroke, as a multiple of what copies have by chance.

    A pen adds ink and takes none away: where each picture has ink that is bare paper in the other,
    side by side, these are two words, and no word with somebody's stroke over it.
    """
    if not foreign.any():
        return 0.0
    near = raster.grown(foreign, ALONG_PX, ALONG_PX) & pair.inside
    size = int(BESIDE * pair.line) | 1
    own_a, own_b = (
        raster.share(_own_ink(one, other, levels.limit) & near, size)
        for one, other in ((levels.a, levels.b), (levels.b, levels.a))
    )
    both = np.minimum(own_a, own_b) * near
    label, boxes = raster.components(both > LEAST_BESIDE)
    pixels = np.bincount(label.ravel(), both.ravel(), len(boxes))[1:]
    strongest = float(pixels.max(initial=0)) / (CELL * pair.line**2)
    return strongest / BY_CHANCE


def _own_ink(one: Greys, other: Greys, limit: float) -> Mask:
    """Return where one has ink, and the other bare paper, as it is around that ink.

    Ink a pixel out of place is in both.
    """
    paper = raster.paper(one, PAPER_PX)
    own = np.minimum(raster.distance(one, paper), outside(one, other, NEAR))
    return (own > limit) & _is(other, paper, limit)


def _is(grey: Greys, paper: Greys, limit: float) -> Mask:
    return raster.distance(grey, paper) < BARE * limit
