"""Whether print that both pictures show goes on in one of them: 500 and 5000, 1 March and 11 March.

What somebody draws is no print: its height is another one than that of the letters beside it, or it
is part of a longer stroke.
"""

from typing import Final

import numpy as np

from imagesignals_pipeline.match import alignment, pen, raster, rows, words
from imagesignals_pipeline.match.alignment import Matrix
from imagesignals_pipeline.match.pair import Pair
from imagesignals_pipeline.match.payload import Print
from imagesignals_pipeline.match.pen import Levels
from imagesignals_pipeline.match.raster import Greys, Ints, Mask

FLAT_PX: Final = 5
"""Side of the square in which the other picture shows nothing but its ground."""
LEAST_HIGH: Final = 0.5
"""In lines of the usual text; commas and dots are lower."""
WIDEST, NARROWEST, LEAST_INK = 1.6, 0.08, 0.08
"""Of a digit or a letter: width by height, and share of the square of its height that is ink."""
BLOCK, BLOCK_WIDE = 0.9, 0.5
"""Share of its box that a block of ink fills, if it is so wide by its height: a bar over text."""
MOST_LOOKS: Final = 50
"""Largest parts of one's own that are looked at."""
WHOLE_STROKE: Final = 1.3
"""A part of a stroke that is so many times higher is no letter."""
FAINT: Final = 0.4
"""Contrast of a faint rule, by that of the print around it: a letter has more."""
SAME_HEIGHT, SAME_HEIGHT_PX = 0.15, 1.5
GAP, LEAST_GAP_PX = 0.6, 3.0
"""Between two letters at most, in heights of the letter. In the copies of `report` no mark passes
for a letter that goes on with the print beside it."""
SAME_PRINT: Final = 0.1
"""Logarithm of the ratio of two words' heights."""
SAME_LINE: Final = 0.2


def is_continued(a: Print, b: Print, to_b: Matrix, pair: Pair, levels: Levels) -> bool:
    """Return whether one of two pictures has a letter more, where the other has bare paper."""
    return (
        _has_a_letter_more(levels.a, levels.b, pair, levels.limit)
        or _has_a_letter_more(levels.b, levels.a, pair, levels.limit)
        or _goes_on_in_the_margin(a, b, to_b)
        or _goes_on_in_the_margin(b, a, alignment.inverse(to_b))
    )


def _has_a_letter_more(one: Greys, other: Greys, pair: Pair, limit: float) -> bool:
    lowest, highest = raster.extremes(other, FLAT_PX)
    bare = raster.less(highest, lowest) < pen.BARE * limit
    own = (pen.outside(one, other, pen.NEAR) > limit) & bare & pair.inside
    label, boxes = raster.components(own)
    wide, high, area = boxes[:, 2], boxes[:, 3], boxes[:, 4]
    like_a_letter = (
        (high > LEAST_HIGH * pair.line)
        & (wide < WIDEST * high)
        & (wide > NARROWEST * high)
        & (area > LEAST_INK * high * high)
    )
    like_a_letter[0] = False
    like_a_letter &= _is_off_the_edge(boxes, own.shape)
    largest = np.flatnonzero(like_a_letter)
    largest = largest[np.argsort(-area[largest], kind="stable")[:MOST_LOOKS]]
    for number in largest.tolist():
        x, y, w, h, _ = boxes[number].tolist()
        near = slice(max(y - h, 0), y + 2 * h), slice(max(x - 2 * h, 0), x + w + 2 * h)
        letter = label[near] == number
        if _is_beside_print(one[near], other[near], pair.inside[near], letter, limit):
            return True
    return False


def _is_off_the_edge(boxes: Ints, shape: tuple[int, ...]) -> Mask:
    """Return which boxes show all of what is in them: what the edge cuts may be anything."""
    left, top, wide, high = boxes[:, :4].T
    return (left > 1) & (top > 1) & (left + wide < shape[1] - 1) & (top + high < shape[0] - 1)


def _is_beside_print(one: Greys, other: Greys, inside: Mask, own: Mask, limit: float) -> bool:
    """Return whether ink of one's own is a whole letter, beside shared ones of just its height."""
    ground = np.median(other[own])
    if abs(ground - np.median(one)) > limit:  # a sticker: the letter is under it
        return False
    off = np.abs(one - ground)
    inked = (off > limit) & inside
    print_of_both = inked & (np.abs(other - ground) > limit)
    if off[own].max() < FAINT * off[print_of_both].max(initial=0):
        return False
    strokes, boxes = raster.components(inked)
    number = int(np.bincount(strokes[own]).argmax())
    _, top, wide, high, area = boxes[number].tolist()
    is_block = area > BLOCK * wide * high and wide > BLOCK_WIDE * high
    down, across = (np.flatnonzero(own.any(axis=axis)) for axis in (1, 0))
    if number == 0 or is_block or high > WHOLE_STROKE * (down[-1] + 1 - down[0]):
        return False
    starts, tops, widths, heights = raster.components(print_of_both)[1][1:, :4].T
    apart = np.maximum(starts - across[-1] - 1, across[0] - starts - widths)
    slack = max(SAME_HEIGHT * high, SAME_HEIGHT_PX)
    return bool(
        np.any(
            (np.abs(tops - top) <= slack)
            & (np.abs(tops + heights - top - high) <= slack)
            & (widths > NARROWEST * heights)  # no rule
            & (apart >= -1)
            & (apart <= max(GAP * high, LEAST_GAP_PX))
        )
    )


def _goes_on_in_the_margin(one: Print, other: Print, to_other: Matrix) -> bool:
    """Return whether a word of one's own follows another one where the other has its margin."""
    in_print = one.words.in_print
    own = rows.in_the_margin(one, other, to_other) & in_print
    before = ~own & in_print
    if not own.any() or not before.any():
        return False
    begin, end = np.split(alignment.ends(one.words)[:, 0], 2)
    middle, high = one.words.centre[:, 1], one.words.spread[:, 1] * words.HEIGHT_BY_SPREAD
    own_high = high[own, None]
    apart = np.maximum(begin[own, None] - end[None, before], begin[None, before] - end[own, None])
    same_print = np.abs(np.log(own_high / high[None, before])) < SAME_PRINT
    one_line = np.abs(middle[own, None] - middle[None, before]) < SAME_LINE * own_high
    return bool(np.any(same_print & one_line & (np.abs(apart) < GAP * own_high)))
