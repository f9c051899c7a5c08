"""Whether a picture has words of its own: more of a list, one more mark in a table."""

from typing import Final

import numpy as np

from imagesignals_pipeline.match import alignment, payload
from imagesignals_pipeline.match.alignment import Matrix
from imagesignals_pipeline.match.payload import Print
from imagesignals_pipeline.match.raster import Doubles, Mask

SAME_PRINT: Final = 0.15
"""Logarithm of the ratio of two heights: a remark is rarely typed in the size of the print."""
COLUMN_PX: Final = 1.5
IN_COLUMN: Final = 2
"""Other words of the same print that begin, or end, above or below a word of a list."""
PHRASE: Final = 7.0
"""A word so many lines wide is a phrase and counts as two. Of 2,832 right pairs 12 have a word in
columns of the print, by chance, of at most 5.8 lines; a message of one line has 15."""
SAME_WORD, SAME_WIDTH = 6, 0.2
"""Bits of their codes, and logarithm of the ratio of two widths, in which two words of one picture
may differ to be the same: a month's tick, its "Paid", its amount. Of 2,882 right pairs none has a
word of its own that is so near to another one; the nearest differs in 7 bits."""


def added(one: Print, other: Print, to_frame: Matrix, to_other: Matrix, alone: Mask) -> int:
    """Count the words of one picture that go on with its print where the other has bare paper.

    These stand in its columns, and a phrase counts as two; or say once more what it says elsewhere,
    as one more tick of a table does, which counts as two.

    Args:
        one: The picture whose words these are.
        other: The other one.
        to_frame: Leads from one's thumbnail to the frame.
        to_other: Leads from one's thumbnail to the other's.
        alone: Where, in the frame, only one has text, and the other bare paper.
    """
    own = within(one, to_frame, alone) | in_the_margin(one, other, to_other)
    mine, listed = (one.words.in_print & each for each in (own, ~own))
    if not mine.any():
        return 0
    width, height = np.log(one.words.spread).T
    same_print = np.abs(height[mine, None] - height[None, listed]) < SAME_PRINT
    same_width = np.abs(width[mine, None] - width[None, listed]) < SAME_WIDTH
    bits = np.bitwise_count(one.words.codes[mine, None] ^ one.words.codes[None, listed])
    again = (same_print & same_width & (bits <= SAME_WORD)).any(axis=1)
    begins, ends = np.split(alignment.ends(one.words)[:, 0], 2)
    in_column = [
        (np.abs(edge[mine, None] - edge[None, listed]) < COLUMN_PX) & same_print
        for edge in (begins, ends)
    ]
    most = np.maximum(*(near.sum(axis=1) for near in in_column))
    phrase = (ends - begins)[mine] > PHRASE * one.words.height
    return int(np.sum(np.where(again, 2, (1 + phrase) * (most >= IN_COLUMN))))


def within(one: Print, to_frame: Matrix, place: Mask) -> Mask:
    """Return which words have their centre in a place of the frame."""
    x, y = np.rint(alignment.mapped(one.words.centre, to_frame)).astype(int).T
    high, wide = place.shape
    inside = (x >= 0) & (y >= 0) & (x < wide) & (y < high)
    found = np.zeros(len(one.words), bool)
    found[inside] = place[y[inside], x[inside]]
    return found


def in_the_margin(one: Print, other: Print, to_other: Matrix) -> Mask:
    """Return which words lie where the other picture goes on, but has nothing that was kept."""
    place = alignment.mapped(one.words.centre, to_other)
    high, wide = payload.thumbnail(other.coded).shape
    kept = _between(place, np.zeros(2), np.array([wide, high]))
    return _between(place, *other.whole) & other.holds(place) & ~kept


def _between(places: Doubles, start: Doubles, end: Doubles) -> Mask:
    inside = (places > start) & (places < end)
    return inside[:, 0] & inside[:, 1]
