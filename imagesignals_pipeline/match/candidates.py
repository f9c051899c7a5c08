"""The coarse stage: which of many pictures might be the same as this one."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imagesignals_pipeline.match import payload
from imagesignals_pipeline.match.words import WAVES_HIGH, Codes

MAX_CANDIDATES: Final = 64
"""Pictures that pass the coarse stage; each costs a millisecond in the middle one."""
MAX_BITS: Final = 14
"""Of the 64 bits of two words that still count as equal: by chance 3 in a million pairs do."""
SHAPE_STEP: Final = 0.15
"""Width of a bin of word shapes: words in the same or in neighbouring bins are compared."""
SHAPES: Final = 40
DESCRIBED: Final = np.dtype([("code", "<u8"), ("shape", "u1")])
BLOCK: Final = 200_000
"""Words compared at once, so that the work stays in the processor's cache."""
MARK_ROWS: Final = ((0, 1, 2), (0, 2, 3))
"""The rows of waves of which each gives a mark its seven lowest: 21 of a code's 64 bits, chosen
twice. More do not survive a copy."""
LOWEST: Final = np.uint8(0xFE)
MARK_BITS: Final = 24
"""A mark's three bytes; above them stands which rows they are of."""
MAX_OTHER_BITS: Final = 9
"""In how many of 32 other bits two words with the same mark may differ. Two that share it by chance
differ in more, but for one pair in a hundred; few that are equal do."""


def descriptor(packed: bytes) -> bytes:
    """Return the part of a payload that the coarse stage needs: 9 bytes a word, 1,656 at most."""
    if not packed:
        return b""
    words = payload.words_of(packed)
    table = np.empty(len(words), DESCRIBED)
    table["code"] = words.codes
    table["shape"] = np.clip(np.rint(words.shape / SHAPE_STEP) + 10, 0, SHAPES - 1)
    return table.tobytes()


class Candidates:
    """Scores one picture against others: a function of the two descriptors alone, and symmetric."""

    def __init__(self, described: Sequence[bytes]) -> None:
        table = np.frombuffer(b"".join(described), DESCRIBED)
        self._sizes = np.array([len(each) // DESCRIBED.itemsize for each in described], np.int64)
        order = np.argsort(table["shape"], kind="stable")
        self._codes = table["code"][order]
        self._rows = np.repeat(np.arange(len(described)), self._sizes)[order]
        self._bins = np.searchsorted(table["shape"][order], np.arange(SHAPES + 1))

    def scores(self, described: bytes) -> NDArray[np.float32]:
        """Return how much text each picture has in common with this one.

        From 0 to 1: the words of either that the other has too, by the words of both.
        """
        table = np.frombuffer(described, DESCRIBED)
        known = np.zeros((len(table), len(self._sizes)), bool)
        shared = np.zeros(len(self._sizes), np.int64)
        for shape, (first, end) in enumerate(pairwise(self._bins)):
            near = np.flatnonzero(np.abs(table["shape"].astype(int) - shape) <= 1)
            step = max(BLOCK // max(len(near), 1), 1)
            for start in range(first, end if len(near) else first, step):
                block = slice(start, min(start + step, end))
                shared += self._find(block, table["code"][near], near, known)
        shared += known.sum(axis=0)
        return (shared / np.maximum(self._sizes + len(table), 1)).astype(np.float32)

    def _find(
        self, block: slice, codes: Codes, numbers: NDArray[np.intp], known: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Mark in `known` which word is in which picture; return each picture's words found."""
        alike = np.bitwise_count(self._codes[block] ^ codes[:, None]) <= MAX_BITS
        word, place = np.nonzero(alike)
        rows = self._rows[block]
        known[numbers[word], rows[place]] = True
        return np.bincount(rows[alike.any(axis=0)], minlength=known.shape[1])


def marks(described: bytes) -> dict[int, int]:
    """Return what an index finds a picture by: the parts of its words' codes that change least.

    A copy keeps some of them: of 100 that are not too poor, 99 share one at least. With each mark
    come 32 other bits of the word's code, which say whether another that has the mark may be equal;
    of two words of one picture with the same mark the larger one counts.
    """
    codes = np.ascontiguousarray(np.frombuffer(described, DESCRIBED)["code"])
    lower, higher = np.moveaxis(codes.view("u1").reshape(len(codes), WAVES_HIGH, 2), 2, 0)
    found: dict[int, int] = {}
    for number, rows in enumerate(MARK_ROWS):
        (left_out,) = set(range(WAVES_HIGH)).difference(rows)
        own = _as_numbers(lower[:, rows] & LOWEST) + (number << MARK_BITS)
        other = _as_numbers(np.column_stack([higher[:, rows], lower[:, left_out]]))
        for mark, bits in zip(own.tolist(), other.tolist(), strict=True):
            found.setdefault(mark, bits)
    return found


def _as_numbers(columns: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return a number for each row, whose columns are its bytes, the lowest first."""
    table = np.zeros((len(columns), 4), np.uint8)
    table[:, : columns.shape[1]] = columns
    return table.view("<i4").ravel()


def may_be_equal(one: int, other: int) -> bool:
    """Return whether words that share a mark may be equal, by their other bits."""
    return ((one ^ other) & 0xFFFFFFFF).bit_count() <= MAX_OTHER_BITS
