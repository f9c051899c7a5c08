"""Where two pictures differ once one lies on the other: in digits, or under somebody's pen."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from imagesignals_pipeline.match import alignment, payload, raster, words
from imagesignals_pipeline.match.alignment import Guess, Laid, Matrix
from imagesignals_pipeline.match.payload import Print
from imagesignals_pipeline.match.raster import Floats, Greys, Ints, Mask

SMALLEST_WINDOW, LARGEST_WINDOW = 7, 11
"""Windows are about as high as a line: one digit and part of its neighbours."""
EDGE_PX: Final = 6
INKED: Final = 0.12
"""Share of a window that is ink where there is text."""
STEM: Final = 1.8
"""Strokes longer than this many lines are no letters but borders of boxes and bars of codes."""
STEM_PX: Final = 12
LEAST_STEM_PX: Final = 3
"""Lower ink is dashes and specks."""
COMPARABLE: Final = 0.15
ABSENT: Final = 0.05
"""Ratios of local variance: above the one both pictures have text, below the other only one."""
NOISE: Final = 2.0
LEAST_NOISE, MOST_NOISE = 0.03, 0.13
"""The pair's own noise is this many times what the median window lacks beside its grain, within
bounds: clean copies are judged strictly, blurred ones mildly, but never so that a changed digit
passes."""
GRAIN: Final = 16.0
"""Variance, in squared grey levels, that compression leaves in a window: four grey levels, which
are most of what faint text shows and nothing beside black on white. A screen with much faint text
is not blurred for that: its bright digits are judged as strictly as any."""
GRAINY: Final = 100.0
"""Variance up to which a window may have no text."""
SETTLED: Final = 0.98
"""Correlation of the usual window from which on two pictures lie as they should: their own noise is
the least then."""
EXCESS: Final = 3.0
"""A window differs when it lacks more than this many times the noise."""
MOST_EXCESS: Final = 12.0
AROUND: Final = 3.0
"""Lines of text that move with a doubtful place: a digit alone might move onto its neighbour."""
MOST_LOOKS, SEARCH_PX = 16, 3
CELL: Final = 0.6
"""Area of a digit in squared line heights."""
FAINTEST: Final = 0.05
"""Strength below which a spot is not worth listing."""
MIN_AGREEING: Final = 4
"""Words in the same places without which nothing is said of two pictures."""
CERTAIN_SPOT: Final = 5.0
"""From here on a spot is another digit and not noise: the two pictures are parted for good."""
ONE_LINE: Final = 2.5
ONE_FIELD: Final = 20.0
"""A field, in lines of text: higher or wider is not one place."""
LEVELS: Final = 16
KNOWN_PIXELS: Final = 50
LEAST_CONTRAST: Final = 22.0
TRUSTED: Final = 0.7
"""Correlation of windows that show the same."""
LIGHT_PX: Final = 140
"""Differences that are even over this many pixels are light that falls on a screen."""
DARKEST_AND_BRIGHTEST: Final = (0.02, 0.98)
"""Shares of the pixels between which the contrast is taken."""
CONTRAST_SHARE: Final = 0.2
"""A pixel is wrong when it is off by this many grey levels, or this share of the contrast."""
STROKE: Final = 2.2
STROKE_PX: Final = 14
"""A connected wrong stroke higher than this many lines was drawn by hand, or is a large figure,
which `_replaced` tells apart."""
FILLED, BAR_WIDE, BAR_HIGH = 0.75, 3.0, 0.8
"""A black bar fills its rectangle, and is at least this many lines wide and high."""
STROKE_LONG, STROKE_WIDE = 1.6, 4.0
"""So is a longer one that is higher than a line: an arrow along it."""
STROKE_GAP_PX: Final = 5
"""Gaps that a stroke may have where it crosses text; lines of text are farther apart."""
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
AT_THE_ENDS: Final = 0.01
"""Share of the agreeing text that may lie there by chance."""
ALONG_PX: Final = 13
ALONG: Final = 0.5
"""Reach of a stroke's edge, and share of a spot that must be within."""
PAPER_PX: Final = 61
"""Paper is the median over a square that is wider than any stroke."""
BARE: Final = 0.5
"""Part of the limit by which bare paper may be off."""
BESIDE, LEAST_BESIDE = 1.5, 0.01
"""Size, in lines, of the windows in which both pictures have ink that the other lacks, and the
share of the window from which on these belong together."""
SMALL_LINE_PX: Final = 10.0
BY_CHANCE, BY_CHANCE_IF_SMALL = 0.3, 0.8
"""Digits that may seem to be other ones in a place of a copy, and where its lines are lower. Of 449
right pairs with strokes of one's own 17 have more, 9 of them with a label typed over the text; of
270 pairs of consecutive receipts that boxes and lines around the differences made the same, 257."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place where text differs.

    `strength` is the missing correlation in units of the noise, over the area of a digit: about
    1 for noise, 5 and more for a changed digit. Places are in lines of text.
    """

    strength: float
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Differences:
    """What the comparison of two pictures saw; shares are from 0 to 1.

    `spots` has the strongest first. `sharpness` is that of the sharper picture's text: the step
    over two pixels by the contrast around it, 1 where edges are as steep as can be. `agreed`,
    `wrong`, `lonely` (text in one picture only) and `foreign` (under strokes that one picture has
    too many) are shares of the text that both could show; `beyond_a` and `beyond_b` are the shares
    of each one's text that the other does not reach, `covered_a` and `covered_b` those that it has
    not under such strokes. `replaced` is how much ink of their own both have in a place by such
    strokes, where the other has bare paper, as a multiple of what copies have by chance.
    `scrolled` is the lesser of what one has of its own below, and what the other has above, of all
    that agrees: beyond the other's frame, or under such strokes. `matrix` leads from a's thumbnail
    to b's.
    """

    a: Print
    b: Print
    matrix: Matrix
    agreeing: int
    correlation: float
    sharpness: float
    spots: tuple[Spot, ...]
    agreed: float
    wrong: float
    lonely: float
    foreign: float
    beyond_a: float
    beyond_b: float
    covered_a: float
    covered_b: float
    replaced: float
    scrolled: float


@dataclass(frozen=True, slots=True)
class _Beyond:
    """Shares of one picture's words, by size, that lie outside the other's frame."""

    all: float
    above: float
    below: float


@dataclass(frozen=True, slots=True)
class _Pair:
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
    def is_settled(self) -> bool:
        """Whether the usual window agrees so well that a flow has nothing to add."""
        usual = self.correlation[self.well_inside & (self.least > GRAINY)]
        return usual.size > 0 and float(np.median(usual)) >= SETTLED


@dataclass(frozen=True, slots=True)
class _Levels:
    """Two pictures in the same grey levels, and by how many a pixel must be off to be wrong."""

    a: Greys
    b: Greys
    limit: float


def differences(a: Print, b: Print) -> Differences | None:
    """Lay one picture on the other and look; None when no word says how."""
    guess = alignment.propose(a.words, b.words)
    if guess.scale < 1:  # the coarser one is the frame: detail can be taken away, not added
        a, b = b, a
        guess = alignment.propose(a.words, b.words)
    if guess.agreeing == 0:
        return None
    coarse = payload.thumbnail(a.coded)
    fine, matrix = alignment.as_coarse(payload.thumbnail(b.coded), guess.matrix)
    pair = _pair(coarse, alignment.lay_flat(coarse, fine, matrix), a.words.height)
    if not pair.is_settled:
        pair = _pair(coarse, alignment.lay(coarse, fine, matrix), a.words.height)
    return _seen(a, b, guess, pair)


def _pair(a: Greys, laid: Laid, line: float) -> _Pair:
    window = min(max(int(line) | 1, SMALLEST_WINDOW), LARGEST_WINDOW)
    well_inside = ~raster.grown(~laid.inside, window + EDGE_PX, window + EDGE_PX)
    correlation = raster.correlation(a, laid.b, window)
    return _Pair(a, laid.b, laid.inside, well_inside, line, window, *correlation)


def _seen(a: Print, b: Print, guess: Guess, pair: _Pair) -> Differences:
    text_a, text_b = _text(pair.a, pair), _text(pair.b, pair)
    correlation, least, most = pair.correlation, pair.least, pair.most
    alone = least < ABSENT * most
    lonely = (text_a ^ text_b) & alone
    levels = _levels(pair, pair.inside & (correlation > TRUSTED))
    foreign = _foreign(pair, levels, alone, lonely)
    clear = text_a & text_b & (least > COMPARABLE * most) & ~foreign
    usual = float(np.median(correlation[clear])) if clear.any() else 0.0
    noise = own_noise(correlation[clear], least[clear]) + grain(least)
    doubtful = clear & (1 - correlation > EXCESS * noise)
    correlation = _second_look(pair, correlation, doubtful)
    wrong, spots = _spots((1 - correlation) / noise, clear, foreign, pair.line)
    text = text_a | text_b
    back = alignment.inverse(guess.matrix)
    beyond_a, beyond_b = _beyond(a, guess.matrix, b), _beyond(b, back, a)
    own_a, own_b = foreign & ~text_b, foreign & ~text_a
    top, bottom = _ends(clear & ~wrong)
    above_a, above_b = _share(own_a & top, text_a), _share(own_b & top, text_b)
    below_a, below_b = _share(own_a & bottom, text_a), _share(own_b & bottom, text_b)
    scrolled = (
        min(beyond_a.below + below_a, beyond_b.above + above_b),
        min(beyond_b.below + below_b, beyond_a.above + above_a),
    )
    return Differences(
        a,
        b,
        guess.matrix,
        guess.agreeing,
        usual,
        max(_sharpness(grey, clear, pair.window) for grey in (pair.a, pair.b)),
        spots,
        agreed=_share(~wrong & clear, clear | (lonely & ~foreign)),
        wrong=_share(wrong, text),
        lonely=_share(lonely & ~foreign, text),
        foreign=_share(foreign, text),
        beyond_a=beyond_a.all,
        beyond_b=beyond_b.all,
        covered_a=_share(own_a, text_a),
        covered_b=_share(own_b, text_b),
        replaced=_replaced(pair, levels, foreign) if foreign.any() else 0.0,
        scrolled=max(scrolled),
    )


def own_noise(correlation: Floats, least: Floats) -> float:
    """Return what all windows of a pair lack by blur and compression, in correlation.

    Args:
        correlation: That of the windows with text, in one dimension.
        least: The lesser of the two variances of each, in squared grey levels.
    """
    if not correlation.size:
        return MOST_NOISE
    lacking = 1 - correlation - grain(least)
    return min(max(NOISE * float(np.median(lacking)), LEAST_NOISE), MOST_NOISE)


def grain(least: Floats) -> Floats:
    """Return what windows of so little variance lack besides, in correlation."""
    return GRAIN / np.maximum(least, 1)


def _share(some: Mask, of: Mask) -> float:
    return np.count_nonzero(some & of) / max(np.count_nonzero(of), 1)


def _ends(agreed: Mask) -> tuple[Mask, Mask]:
    """Return the rows above, and those below, nearly all that agrees."""
    rows = np.cumsum(agreed.sum(axis=1))[:, None]
    return rows <= AT_THE_ENDS * rows[-1], rows >= (1 - AT_THE_ENDS) * rows[-1]


def _text(grey: Greys, pair: _Pair) -> Mask:
    inked = words.ink(words.strokes(grey), max(STEM_PX, int(STEM * pair.line)))
    letters = raster.runs(inked, LEAST_STEM_PX)
    return (raster.share(letters, pair.window) > INKED) & pair.well_inside


def _sharpness(grey: Greys, clear: Mask, size: int) -> float:
    """Return how steep the text's edges are, in the median of its windows."""
    lowest, highest = (extreme[clear] for extreme in raster.extremes(grey, size))
    steepest = raster.extremes(words.strokes(grey), size)[1][clear]
    seen = steepest / np.maximum(highest - lowest, 1)
    return float(np.median(seen)) if seen.size else 0.0


def _second_look(pair: _Pair, correlation: Floats, doubtful: Mask) -> Floats:
    """Return the correlation after moving the doubtful places, with some text around each.

    Where the flow stopped a pixel short the text agrees then; a changed digit does not.
    """
    reach = int(AROUND * pair.line) | 1
    _, boxes = raster.components(raster.grown(doubtful, reach, reach))
    places: list[list[int]] = boxes[1:].tolist()
    places.sort(key=lambda box: (-box[4], box))
    looked = correlation.copy()
    for left, top, wide, high, _ in places[:MOST_LOOKS]:
        at = (slice(top, top + high), slice(left, left + wide))
        moved = raster.moved(pair.b, pair.a[at], left, top, SEARCH_PX)
        again, _, _ = raster.correlation(pair.a[at], moved, pair.window)
        looked[at] = np.maximum(looked[at], again)
    return looked


def _spots(
    lacking: Floats, clear: Mask, foreign: Mask, line: float
) -> tuple[Mask, tuple[Spot, ...]]:
    """Return where windows differ by more than noise, and each such place."""
    differs = clear & (lacking > EXCESS)
    label, boxes = raster.components(differs)
    excess = np.minimum(lacking[differs] - EXCESS, MOST_EXCESS)
    strength = np.bincount(label[differs], excess, len(boxes)) / (CELL * line * line)
    # A spot most of which lies along a stroke is what the stroke's edge left over.
    along = label[differs & raster.grown(foreign, ALONG_PX, ALONG_PX)]
    strength[np.bincount(along, minlength=len(boxes)) > ALONG * boxes[:, 4]] = 0
    strength[0] = 0
    listed: list[int] = np.flatnonzero(strength > FAINTEST).tolist()
    listed.sort(key=lambda each: (-strength[each], each))
    spots = tuple(
        Spot(float(strength[each]), *(boxes[each, :4] / line).tolist()) for each in listed
    )
    return (strength > FAINTEST)[label], spots


def _foreign(pair: _Pair, levels: _Levels, alone: Mask, lonely: Mask) -> Mask:
    """Return where strokes lie that only one of the pictures has: circles, arrows, remarks."""
    limit = levels.limit
    # What is off, and what no pixel near by explains either.
    off, far_off = (_unexplained(levels, near) * pair.inside for near in (3, STROKE_NEAR))
    wrong = off > limit
    label, boxes = raster.components(raster.closed(wrong, STROKE_GAP_PX))
    inked = np.bincount(label[wrong], minlength=len(boxes))
    lying_alone = np.bincount(label[wrong & (alone | (far_off > limit))], minlength=len(boxes))
    by_itself = lying_alone > STROKE_ALONE * inked
    large = (_strokes(boxes, pair.line) | _bars(boxes, pair.line)) & by_itself
    large[0] = False
    seed = (large[label] & wrong) | (_remarks(wrong, lonely, pair.line) & wrong)
    if not seed.any():
        return seed
    faint = raster.grown(off > FAINT * limit, GAP_PX, GAP_PX)
    parts, boxes = raster.components(faint)
    reach = int(2 * FOLLOWED * pair.line) | 1
    drawn = np.zeros(len(boxes), bool)
    drawn[parts[seed]] = True
    followed = drawn[parts] & raster.grown(seed, reach, reach)
    return raster.grown(followed, pair.window + 2, pair.window + 2)


def _strokes(boxes: Ints, line: float) -> Mask:
    """Return which parts are too high, or too long and high, for letters of a usual line."""
    wide, high = boxes[:, 2], boxes[:, 3]
    long = (high > STROKE_LONG * line) & (wide > STROKE_WIDE * line)
    return (high > max(STROKE_PX, STROKE * line)) | long


def _bars(boxes: Ints, line: float) -> Mask:
    """Return which parts are filled rectangles over a line: what is under them is hidden."""
    wide, high, area = boxes[:, 2], boxes[:, 3], boxes[:, 4]
    return (area > FILLED * wide * high) & (wide > BAR_WIDE * line) & (high > BAR_HIGH * line)


def _replaced(pair: _Pair, levels: _Levels, foreign: Mask) -> float:
    """Return how much other text stands by a stroke, as a multiple of what copies have by chance.

    A pen adds ink and takes none away: where each picture has ink that is bare paper in the other,
    side by side, these are two words, and no word with somebody's stroke over it.
    """
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
    return strongest / (BY_CHANCE if pair.line >= SMALL_LINE_PX else BY_CHANCE_IF_SMALL)


def _own_ink(one: Greys, other: Greys, limit: float) -> Mask:
    """Return where one has ink, and the other bare paper, as it is around that ink."""
    paper = raster.paper(one, PAPER_PX)
    bare = raster.distance(other, paper) < BARE * limit
    return (raster.distance(one, paper) > limit) & bare


def _levels(pair: _Pair, trusted: Mask) -> _Levels:
    """Give b the grey levels of a, and take the light that falls on one of them away.

    What a's levels are in b is learnt where the pictures agree: a black bar teaches nothing.
    """
    counts = raster.joint_histogram(pair.a, pair.b, trusted, LEVELS)
    below = np.cumsum(counts, axis=1)
    known = np.flatnonzero(below[:, -1] > KNOWN_PIXELS)
    if len(known) == 0:
        return _Levels(np.zeros_like(pair.a), np.zeros_like(pair.a), LEAST_CONTRAST)
    value = (2 * below[known] < below[known, -1:]).sum(axis=1)
    share = np.cumsum(counts.sum(axis=0)) / counts.sum()
    darkest, brightest = np.searchsorted(share, DARKEST_AND_BRIGHTEST)
    limit = max(LEAST_CONTRAST, CONTRAST_SHARE * float(brightest - darkest))
    levels, every = (known + 0.5) * 256 / LEVELS, np.arange(256)
    # Few pixels have the levels of a single bright number: they are off as the nearest known are.
    table = every + np.interp(every, levels, value - levels)
    expected = raster.by_level(pair.b, np.clip(np.rint(table), 0, 255).astype(np.uint8))
    light = raster.background(raster.difference(pair.a, expected) * pair.inside, LIGHT_PX)
    return _Levels(raster.less(pair.a, light), expected, limit)


def _unexplained(levels: _Levels, near: int) -> Greys:
    """Return by how much either is outside what the other shows in a square of `near` pixels.

    Rules and frames that are in both are thin, and never quite in place.
    """
    off = np.zeros_like(levels.a)
    for one, other in ((levels.a, levels.b), (levels.b, levels.a)):
        lowest, highest = raster.extremes(other, near)
        for further in (raster.less(one, highest), raster.less(lowest, one)):
            np.maximum(off, further, out=off)
    return off


def _remarks(wrong: Mask, lonely: Mask, line: float) -> Mask:
    label, boxes = raster.components(raster.joined(wrong, int(REMARK_GAP * line) | 1))
    alone = np.bincount(label[lonely], minlength=len(boxes)) / np.maximum(boxes[:, 4], 1)
    remark = (boxes[:, 3] > REMARK * line) & (alone > REMARK_ALONE)
    remark[0] = False
    return remark[label]


def _beyond(one: Print, matrix: Matrix, other: Print) -> _Beyond:
    height, width = payload.thumbnail(other.coded).shape
    x, y = (one.words.centre @ matrix[:, :2].T + matrix[:, 2]).T
    above, below = y < 0, y > height
    size = one.words.spread[:, 0] * one.words.spread[:, 1]
    out = above | below | (x < 0) | (x > width)
    return _Beyond(*(float(size[each].sum() / size.sum()) for each in (out, above, below)))
