"""Where two pictures differ once one lies on the other: in digits, or under somebody's pen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from imagesignals_pipeline.match import alignment, highlighter, payload, pen, raster, rows, words
from imagesignals_pipeline.match.alignment import Guess, Matrix
from imagesignals_pipeline.match.continued import is_continued
from imagesignals_pipeline.match.pair import (
    CELL,
    COMPARABLE,
    GRAINY,
    Pair,
    between_edges,
    in_one_frame,
)
from imagesignals_pipeline.match.payload import Print
from imagesignals_pipeline.match.raster import Doubles, Floats, Greys, Ints, Mask

INKED: Final = 0.12
"""Share of a window that is ink where there is text."""
STEM: Final = 1.8
"""Strokes longer than this many lines are no letters but borders of boxes and bars of codes."""
STEM_PX: Final = 12
LEAST_STEM_PX: Final = 3
"""Lower ink is dashes and specks."""
NOISE: Final = 2.0
LEAST_NOISE, MOST_NOISE = 0.03, 0.13
"""The pair's own noise is this many times what the median window lacks beside its grain, within
bounds: clean copies are judged strictly, blurred ones mildly, but never so that a changed digit
passes."""
GRAIN: Final = 16.0
"""Variance, in squared grey levels, that compression leaves in a window: four grey levels, which
are most of what faint text shows and nothing beside black on white. A screen with much faint text
is not blurred for that: its bright digits are judged as strictly as any."""
EXCESS: Final = 3.0
"""A window differs when it lacks more than this many times the noise."""
MOST_EXCESS: Final = 12.0
AROUND: Final = 3.0
"""Lines of text that move with a doubtful place: a digit alone might move onto its neighbour."""
MOST_LOOKS, SEARCH_PX = 16, 3
FAINTEST: Final = 0.05
"""Strength below which a spot is not worth listing."""
MIN_AGREEING: Final = 4
"""Words in the same places without which nothing is said of two pictures."""
FAINT_SPOT, CERTAIN_SPOT = 2.0, 5.0
"""Up to the one a spot may be noise; beyond the other it is another digit: the two pictures are
parted for good."""
ONE_LINE: Final = 2.5
ONE_FIELD: Final = 20.0
"""A field, in lines of text: higher or wider is not one place, but for a phone's status bar."""
BETWEEN_PX: Final = 3
BETWEEN: Final = 0.4
"""Size of the square by which a stroke's ink is widened, and the share of a window that must be
left, where text is compared between strokes."""
LEAST_EXCHANGED: Final = 0.003
"""Share of the text that each of two pictures has of its own: of 2,882 right pairs two have a word
each, and less than that. A month that stands in the next column has 0.016."""
AT_THE_ENDS: Final = 0.01
"""Share of the agreeing text that may lie there by chance."""


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


def in_one_place(spots: Sequence[Spot], a: Print) -> bool:
    """Return whether there are spots that are no noise, and all lie in one place of a's picture.

    That is one field of one line, or the status bar: a receipt that was shown again.
    """
    strong = [spot for spot in spots if spot.strength > FAINT_SPOT]
    return bool(strong) and (_in_one_field(strong) or _in_status_bar(strong, a))


def _in_one_field(spots: Sequence[Spot]) -> bool:
    width = max(spot.x + spot.width for spot in spots) - min(spot.x for spot in spots)
    height = max(spot.y + spot.height for spot in spots) - min(spot.y for spot in spots)
    return width <= ONE_FIELD and height <= ONE_LINE


def _in_status_bar(spots: Sequence[Spot], a: Print) -> bool:
    bottom = max(spot.y + spot.height for spot in spots)
    return bottom * a.words.height <= a.below_status_bar


@dataclass(frozen=True, slots=True)
class Differences:
    """What the comparison of two pictures saw; shares are from 0 to 1.

    `spots` has the strongest first. `sharpness` is that of the sharper picture's text: the step
    over two pixels by the contrast around it, 1 where edges are as steep as can be. `agreed`,
    `wrong`, `lonely` (text in one picture only) and `foreign` (under strokes that one picture has
    too many) are shares of the text that both could show; `highlighted` is that under bands of
    colour, which are taken off, so that it is compared as all other text; `beyond_a` and `beyond_b`
    are the shares of each one's text that the other does not reach, `covered_a` and `covered_b`
    those that it has not under such strokes. `replaced` is how much ink of their own both have in a
    place by such strokes, where the other has bare paper, as a multiple of what copies have by
    chance. `between` is the strength of the strongest spot among text between such strokes. `rows`
    is how many words one of them has more in the columns of its print, on bare paper; a phrase
    counts as two. `exchanged` says whether each has a word on the other's bare paper, and
    `continued` whether one has a letter more, beside print that both show.
    All five are nothing where certain spots in several places part the pictures whatever these come
    to.
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
    highlighted: float
    beyond_a: float
    beyond_b: float
    covered_a: float
    covered_b: float
    replaced: float
    between: float
    rows: int
    exchanged: bool
    continued: bool
    scrolled: float


@dataclass(frozen=True, slots=True)
class _Beyond:
    """Shares of one picture's words, by size, that lie outside the other's frame."""

    all: float
    above: float
    below: float


@dataclass(frozen=True, slots=True)
class _Side:
    """What one of two pictures shows, and what of it is its own.

    `lonely` is text where the other has none, `written` lies under strokes that the other has not.
    """

    text: Mask
    lonely: Mask
    written: Mask
    beyond: _Beyond


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
    laid = between_edges(a, b, alignment.lay_flat(coarse, fine, matrix), guess.matrix)
    pair = in_one_frame(coarse, laid, a.words.height)
    if not pair.is_settled:
        laid = between_edges(a, b, alignment.lay(coarse, fine, matrix), guess.matrix)
        pair = in_one_frame(coarse, laid, a.words.height)
    return _seen(a, b, guess, pair)


def _seen(a: Print, b: Print, guess: Guess, pair: Pair) -> Differences:
    back = alignment.inverse(guess.matrix)
    levels = pen.levels(pair)
    bands = highlighter.bands(pair, levels)
    if bands:
        pair = highlighter.taken_off(pair, bands)
        levels = pen.levels(pair)
    text_a, text_b = _text(pair.a, pair), _text(pair.b, pair)
    text = text_a | text_b
    # On patterned paper the other's pattern is left where one has text alone.
    lonely = (text_a ^ text_b) & ~pair.comparable
    strokes = pen.strokes(pair, levels, lonely)
    foreign = strokes.foreign
    of_a = _Side(text_a, lonely & text_a, foreign & ~text_b, _beyond(a, guess.matrix, b))
    of_b = _Side(text_b, lonely & text_b, foreign & ~text_a, _beyond(b, back, a))
    clear = text_a & text_b & ~foreign
    correlation = pair.correlation[clear]
    own = own_noise(correlation, pair.least[clear])
    noise = own + grain(pair.least)
    lacking = (1 - _second_look(pair, clear & (1 - pair.correlation > EXCESS * noise))) / noise
    wrong, spots = _spots(lacking, clear, foreign, pair.line)
    drawn = _without_clock(foreign, spots, a)
    replaced, between, more_rows, exchanged, continued = 0.0, 0.0, 0, False, False
    if not _are_parted(spots, a):  # else the costliest of all that is measured would change nothing
        replaced = pen.replaced(pair, levels, drawn)
        between = _between(pair, strokes, own)
        more_a = pen.alone(levels.a, levels.b, of_a.written | of_a.lonely, levels.usual_limit)
        more_b = pen.alone(levels.b, levels.a, of_b.written | of_b.lonely, levels.usual_limit)
        more_rows = max(
            rows.added(a, b, alignment.IDENTITY, guess.matrix, more_a),
            rows.added(b, a, back, back, more_b),
        )
        exchanged = _exchanged((a, alignment.IDENTITY, more_a), (b, back, more_b), text=text)
        continued = is_continued(a, b, guess.matrix, pair, levels)
    return Differences(
        a,
        b,
        guess.matrix,
        guess.agreeing,
        float(np.median(correlation)) if correlation.size else 0.0,
        max(_sharpness(grey, clear, pair.window) for grey in (pair.a, pair.b)),
        spots,
        agreed=_share(~wrong & clear, clear | (lonely & ~foreign)),
        wrong=_share(wrong, text),
        lonely=_share(lonely & ~foreign, text),
        foreign=_share(drawn, text),
        highlighted=_share(highlighter.mask(pair, bands), text),
        beyond_a=of_a.beyond.all,
        beyond_b=of_b.beyond.all,
        covered_a=_share(of_a.written, text_a),
        covered_b=_share(of_b.written, text_b),
        replaced=replaced,
        between=between,
        rows=more_rows,
        exchanged=exchanged,
        continued=continued,
        scrolled=_scrolled(of_a, of_b, clear & ~wrong),
    )


def _exchanged(*sides: tuple[Print, Matrix, Mask], text: Mask) -> bool:
    """Return whether each picture has a word where the other has bare paper.

    A value has moved from one place to another: who writes on a copy adds to one of them.

    Args:
        sides: Each picture, what leads from its thumbnail to the frame, and where in the frame it
            has text of its own on bare paper.
        text: That of both.
    """
    return all(
        _share(own, text) > LEAST_EXCHANGED
        and (rows.within(one, to_frame, own) & one.words.in_print).any()
        for one, to_frame, own in sides
    )


def _scrolled(a: _Side, b: _Side, agreed: Mask) -> float:
    """Return the lesser of what one has of its own below and the other above, either way."""
    top, bottom = _ends(agreed)
    above_a, above_b = (
        each.beyond.above + _share(each.written & top, each.text) for each in (a, b)
    )
    below_a, below_b = (
        each.beyond.below + _share(each.written & bottom, each.text) for each in (a, b)
    )
    return max(min(below_a, above_b), min(below_b, above_a))


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


def _are_parted(spots: Sequence[Spot], a: Print) -> bool:
    """Return whether other text certainly stands in more than one place."""
    return any(spot.strength > CERTAIN_SPOT for spot in spots) and not in_one_place(spots, a)


def _without_clock(foreign: Mask, spots: Sequence[Spot], a: Print) -> Mask:
    """Return the strokes below the status bar, where in that alone there is certainly other text.

    What it shows beside the clock passes for strokes.
    """
    strong = [spot for spot in spots if spot.strength > FAINT_SPOT]
    if max((spot.strength for spot in strong), default=0) <= CERTAIN_SPOT:
        return foreign
    if not _in_status_bar(strong, a):
        return foreign
    below = foreign.copy()
    below[: int(a.below_status_bar)] = False
    return below


def _share(some: Mask, of: Mask) -> float:
    return np.count_nonzero(some & of) / max(np.count_nonzero(of), 1)


def _ends(agreed: Mask) -> tuple[Mask, Mask]:
    """Return the rows above, and those below, nearly all that agrees."""
    rows = np.cumsum(agreed.sum(axis=1))[:, None]
    return rows <= AT_THE_ENDS * rows[-1], rows >= (1 - AT_THE_ENDS) * rows[-1]


def _text(grey: Greys, pair: Pair) -> Mask:
    inked = words.ink(words.strokes(grey), max(STEM_PX, int(STEM * pair.line)))
    letters = raster.runs(inked, LEAST_STEM_PX)
    return (raster.share(letters, pair.window) > INKED) & pair.well_inside


def _sharpness(grey: Greys, clear: Mask, size: int) -> float:
    """Return how steep the text's edges are, in the median of its windows."""
    lowest, highest = (extreme[clear] for extreme in raster.extremes(grey, size))
    steepest = raster.extremes(words.strokes(grey), size)[1][clear]
    seen = steepest / np.maximum(highest - lowest, 1)
    return float(np.median(seen)) if seen.size else 0.0


def _second_look(pair: Pair, doubtful: Mask) -> Floats:
    """Return the correlation after moving the doubtful places, with some text around each.

    Where the flow stopped a pixel short the text agrees then; a changed digit does not.
    """
    reach = int(AROUND * pair.line) | 1
    _, boxes = raster.components(raster.grown(doubtful, reach, reach))
    places: list[list[int]] = boxes[1:].tolist()
    places.sort(key=lambda box: (-box[4], box))
    looked = pair.correlation.copy()
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
    label, boxes, strength = _strengths(lacking, differs, line)
    # A spot most of which lies along a stroke is what the stroke's edge left over.
    along = label[differs & raster.grown(foreign, pen.ALONG_PX, pen.ALONG_PX)]
    strength[np.bincount(along, minlength=len(boxes)) > pen.ALONG * boxes[:, 4]] = 0
    strength[0] = 0
    listed: list[int] = np.flatnonzero(strength > FAINTEST).tolist()
    listed.sort(key=lambda each: (-strength[each], each))
    spots = tuple(
        Spot(float(strength[each]), *(boxes[each, :4] / line).tolist()) for each in listed
    )
    return (strength > FAINTEST)[label], spots


def _strengths(lacking: Floats, differs: Mask, line: float) -> tuple[Ints, Ints, Doubles]:
    """Return the connected parts of what differs, their boxes, and the strength of each."""
    label, boxes = raster.components(differs)
    excess = np.minimum(lacking[differs] - EXCESS, MOST_EXCESS)
    return label, boxes, np.bincount(label[differs], excess, len(boxes)) / (CELL * line * line)


def _between(pair: Pair, strokes: pen.Strokes, noise: float) -> float:
    """Return the strength of the strongest spot among text that stands between strokes.

    Windows there see text and stroke at once, so that the stroke is left out of them. Only of two
    that lie as they should: between others a stroke's edge is not known well enough.
    """
    if not pair.is_settled or not strokes.ink.any():
        return 0.0
    left = pair.inside & ~raster.grown(strokes.ink, BETWEEN_PX, BETWEEN_PX)
    share, correlation, least, most = raster.correlation_of_part(pair.a, pair.b, left, pair.window)
    text = (least > GRAINY) & (least > COMPARABLE * most)
    between = strokes.foreign & left & pair.well_inside & (share > BETWEEN) & text
    lacking = (1 - correlation) / (noise + grain(least))
    _, _, strength = _strengths(lacking, between & (lacking > EXCESS), pair.line)
    return float(strength.max())


def _beyond(one: Print, matrix: Matrix, other: Print) -> _Beyond:
    height, width = payload.thumbnail(other.coded).shape
    places = alignment.mapped(one.words.centre, matrix)
    x, y = places.T
    above, below = y < 0, y > height
    size = one.words.spread[:, 0] * one.words.spread[:, 1]
    in_print = one.words.in_print
    if 2 * in_print.sum() > len(in_print):  # else a photograph, whose words are accidents
        size = size * in_print
    out = above | below | (x < 0) | (x > width) | ~other.holds(places)
    return _Beyond(*(float(size[each].sum() / size.sum()) for each in (out, above, below)))
