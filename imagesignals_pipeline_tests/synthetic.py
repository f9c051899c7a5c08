"""Fingerprints of receipts that were never drawn: words of real ones, dealt anew.

A receipt of an app shares the app's words with all its others, gets words that no other has, and
each of its words comes out a little differently, as recompression and scaling make it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imagesignals_pipeline.match import payload
from imagesignals_pipeline.match.candidates import DESCRIBED

Table = NDArray[np.void]
"""Words of a picture, as a descriptor has them."""

ALIKE_BITS: Final = 14
FLIPPED: Final = (0.55, 0.15, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02, 0.02)
"""Shares of words that come out with 0, 1, 2 … of their bits changed, as in ordinary copies."""
OWN: Final = 0.6
"""Share of the words that are no app's which no other picture has; the rest are names, months and
amounts that many have."""
RARE: Final = 5_000
"""Apps that few use."""
A_THUMBNAIL: Final = cv2.imencode(".jpg", np.full((24, 24), 255, np.uint8))[1].tobytes()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A real receipt's words, and which of them are its app's."""

    words: Table
    of_the_app: NDArray[np.bool_]


def split(apps: Sequence[Sequence[Table]]) -> list[list[Receipt]]:
    """Tell the words of apps from those of payments: half of an app's receipts have the former."""
    return [[Receipt(one, _common(one, receipts)) for one in receipts] for receipts in apps]


def _common(one: Table, receipts: Sequence[Table]) -> NDArray[np.bool_]:
    others = [other for other in receipts if other is not one]
    found = np.zeros(len(one))
    for other in others:
        bits = np.bitwise_count(one["code"][:, None] ^ other["code"][None, :])
        found += (bits <= ALIKE_BITS).any(axis=1)
    return found >= max(1, len(others) / 2)


class Society:
    """An endless supply of receipts, a function of the seed and the number of the portion.

    Half are of `apps` apps that everybody uses, the rest of thousands that few do.
    """

    def __init__(
        self, receipts: Sequence[Sequence[Receipt]], *, seed: int = 0, apps: int = 20
    ) -> None:
        self._receipts = receipts
        self._seed = seed
        self._apps = apps
        everything = [each for app in receipts for each in app]
        self._payments = _rows(np.concatenate([e.words[~e.of_the_app] for e in everything]))
        self._labels = _rows(np.concatenate([e.words[e.of_the_app] for e in everything]))

    def receipts(self, portion: int, count: int) -> tuple[Table, NDArray[np.int64]]:
        """Return the words of so many receipts, one after the other, and how many each has."""
        random = np.random.default_rng((self._seed, portion))
        popular = random.random(count) < 1 / 2
        apps = np.where(
            popular, random.integers(self._apps, size=count), random.integers(RARE, size=count)
        )
        chosen = [
            real[choice % len(real)]
            for app, choice in zip(apps, random.integers(0, 2**31, count), strict=True)
            for real in [self._receipts[app % len(self._receipts)]]
        ]
        sizes = np.array([len(each.words) for each in chosen])
        words = np.concatenate([each.words for each in chosen])
        of_the_app = np.concatenate([each.of_the_app for each in chosen])
        own = np.flatnonzero(~of_the_app & (random.random(len(words)) < OWN))
        words["code"][own] = _mixed(self._payments, random.integers(0, 2**63, len(own)))
        drawn_anew = np.repeat(~popular | (apps >= len(self._receipts)), sizes)
        labels = np.flatnonzero(of_the_app & drawn_anew)
        theirs = words["code"][labels] * (2 * np.repeat(apps, sizes)[labels] + 3).astype(np.uint64)
        words["code"][labels] = _mixed(self._labels, theirs.view("i8") & (2**63 - 1))
        words["code"] ^= _noise(random, len(words))
        return words, sizes


def copied(words: Table, seed: int, *, kept: float = 0.7) -> Table:
    """Return a picture's words as a copy has them: some are gone, all are a little changed."""
    random = np.random.default_rng((seed, len(words)))
    copy = words[random.random(len(words)) < kept].copy()
    copy["code"] ^= _noise(random, len(copy))
    return copy


def descriptor(words: Table) -> bytes:
    """Return what the coarse stage knows of a picture."""
    return words.astype(DESCRIBED).tobytes()


def packed(words: Table, scattered: int | None = None) -> bytes:
    """Return a payload with these words, equal ones in equal places, and an empty thumbnail.

    Where they are scattered by a seed, no two pictures are alike enough to be compared in full.
    """
    table = np.zeros(len(words), payload.WORD)
    table["code"] = words["code"]
    table["centre"] = _rows(words)[:, 1:3] >> 2
    if scattered is not None:
        random = np.random.default_rng(scattered)
        table["centre"] = random.integers(0, 2**14, (len(words), 2))
    high = 2.5 * payload.MOST_PER_PIXEL
    wide = high * np.exp((words["shape"].astype(float) - 10) * 0.15)
    table["spread"] = np.stack([wide, np.full(len(words), high)], axis=1)
    places = (360, 640, 0, 0, 1.0)
    header = payload.HEADER.pack(
        payload.ALGORITHM_VERSION, *places, len(words), 0, payload.ONE_PICTURE
    )
    return header + table.tobytes() + A_THUMBNAIL


def pixels(number: int) -> bytes:
    """Return the digest that stands for a picture."""
    return sha256(f"synthetic {number}".encode()).digest()


def _rows(words: Table) -> NDArray[np.uint16]:
    """Return the four rows of waves of each word's code."""
    return np.ascontiguousarray(words["code"]).view(np.uint16).reshape(-1, 4)


def _mixed(rows: NDArray[np.uint16], choices: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return codes whose rows come from four words: real rows, a word that nobody has."""
    scattered = choices.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    scattered ^= scattered >> np.uint64(29)
    chosen = [
        ((scattered >> np.uint64(16 * row)) & np.uint64(0xFFFF)).astype(np.int64) % len(rows)
        for row in range(4)
    ]
    mixed = np.stack([rows[each, row] for row, each in enumerate(chosen)], axis=1)
    return np.ascontiguousarray(mixed).view(np.uint64).ravel()


def _noise(random: np.random.Generator, count: int) -> NDArray[np.uint64]:
    flips = random.choice(len(FLIPPED), count, p=FLIPPED)
    noise = np.zeros(count, np.uint64)
    for least in range(1, len(FLIPPED)):
        hit = np.flatnonzero(flips >= least)
        noise[hit] ^= np.uint64(1) << random.integers(0, 64, len(hit)).astype(np.uint64)
    return noise
