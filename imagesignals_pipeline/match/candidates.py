"""The coarse stage: which of many pictures might be the same as this one."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from imagesignals_pipeline.match import payload
from imagesignals_pipeline.match.words import Codes

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

Counts = NDArray[np.int64]


def descriptor(packed: bytes) -> bytes:
    """Return the part of a payload that the coarse stage needs: 9 bytes a word, 1,440 at most."""
    if not packed:
        return b""
    words = payload.unpack(packed).words
    table = np.empty(len(words), DESCRIBED)
    table["code"] = words.codes
    table["shape"] = np.clip(np.rint(words.shape / SHAPE_STEP) + 10, 0, SHAPES - 1)
    return table.tobytes()


class Candidates:
    """Scores one picture against all: a function of the two descriptors alone, and symmetric.

    Memory: 12 bytes a word, about 1 KB a picture.
    """

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self._rows: dict[bytes, int] = {}
        self._sizes: list[int] = []
        self._bins = [_Bin() for _ in range(SHAPES)]

    def put(self, key: bytes, described: bytes) -> None:
        """Add a picture, or replace its descriptor; it keeps its place in `keys`."""
        table = np.frombuffer(described, DESCRIBED)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = len(self.keys)
            self.keys.append(key)
            self._sizes.append(0)
        elif self._sizes[row]:
            for each in self._bins:
                each.drop(row)
        self._sizes[row] = len(table)
        for shape in np.unique(table["shape"]):
            self._bins[shape].add(row, table["code"][table["shape"] == shape])

    def scores(self, described: bytes) -> NDArray[np.float32]:
        """Return how much text each picture has in common with this one, in the order of `keys`.

        From 0 to 1: the words of either that the other has too, by the words of both.
        """
        table = np.frombuffer(described, DESCRIBED)
        size = len(self.keys)
        known = np.zeros((len(table), size), bool)
        shared = np.zeros(size, np.int64)
        for shape, each in enumerate(self._bins):
            near = np.flatnonzero(np.abs(table["shape"].astype(int) - shape) <= 1)
            if len(near):
                shared += each.find(table["code"][near], near, known)
        shared += known.sum(axis=0)
        both = np.array(self._sizes, np.int64) + len(table)
        return (shared / np.maximum(both, 1)).astype(np.float32)


class _Bin:
    """Words of one shape: their codes, and the rows of the pictures that they belong to."""

    def __init__(self) -> None:
        self._size = 0
        self._codes = np.zeros(64, np.uint64)
        self._rows = np.zeros(64, np.int32)

    def add(self, row: int, codes: Codes) -> None:
        end = self._size + len(codes)
        if end > len(self._codes):
            self._codes = np.resize(self._codes, 2 * end)
            self._rows = np.resize(self._rows, 2 * end)
        self._codes[self._size : end] = codes
        self._rows[self._size : end] = row
        self._size = end

    def drop(self, row: int) -> None:
        kept = np.flatnonzero(self._rows[: self._size] != row)
        self._size = len(kept)
        self._codes[: len(kept)] = self._codes[kept]
        self._rows[: len(kept)] = self._rows[kept]

    def find(self, codes: Codes, numbers: NDArray[np.intp], known: NDArray[np.bool_]) -> Counts:
        """Mark in `known` which word is in which picture; return each picture's words found."""
        found = np.zeros(known.shape[1], np.int64)
        step = max(BLOCK // len(codes), 1)
        for start in range(0, self._size, step):
            block = slice(start, min(start + step, self._size))
            alike = np.bitwise_count(self._codes[block] ^ codes[:, None]) <= MAX_BITS
            word, place = np.nonzero(alike)
            rows = self._rows[block]
            known[numbers[word], rows[place]] = True
            found += np.bincount(rows[alike.any(axis=0)], minlength=len(found))
        return found
