"""Whether one of two pictures shows more of a list: of a statement, a passbook, a thread."""

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


def added(one: Print, other: Print, to_frame: Matrix, to_other: Matrix, alone: Mask) -> int:
    """Count the words of one picture that go on with its columns where the other has bare paper.

    A phrase counts as two.

    Args:
        one: The picture whose words these are.
        other: The other one.
        to_frame: Leads from one's thumbnail to the frame.
        to_other: Leads from one's thumbnail to the other's.
        alone: Where, in the frame, only one has text, and the other bare paper.
    """
    own = _within(one, to_frame, alone) | in_the_margin(one, other, to_other)
    mine, listed = (one.words.in_print & each for each in (own, ~own))
    if not mine.any():
        return 0
    height = np.log(one.words.spread[:, 1])
    same_print = np.abs(height[mine, None] - height[None, listed]) < SAME_PRINT
    begins, ends = np.split(alignment.ends(one.words)[:, 0], 2)
    in_column = [
        (np.abs(edge[mine, None] - edge[None, listed]) < COLUMN_PX) & same_print
        for edge in (begins, ends)
    ]
    most = np.maximum(*(near.sum(axis=1) for near in in_column))
    phrase = (ends - begins)[mine] > PHRASE * one.words.height
    return int(np.sum((1 + phrase)[most >= IN_COLUMN]))


def _within(one: Print, to_frame: Matrix, place: Mask) -> Mask:
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
    return _between(place, *other.whole) & ~kept


def _between(places: Doubles, start: Doubles, end: Doubles) -> Mask:
    inside = (places > start) & (places < end)
    return inside[:, 0] & inside[:, 1]
