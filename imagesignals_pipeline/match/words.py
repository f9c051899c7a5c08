"""Finds the words of a thumbnail and describes each by 64 bits that survive recompression.

A photograph's landmarks count as words: their 64 bits are taken over the texture around them.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imagesignals_pipeline.match import landmarks, raster
from imagesignals_pipeline.match.raster import Doubles, Floats, Greys, Ints, Mask

MAX_WORDS: Final = 160
"""Words kept of a picture, the largest ones; a full phone screen has 40 to 160."""
MIN_WORDS: Final = 5
"""A picture with fewer shows nothing that could be compared."""
USUAL_PX: Final = 8.0
"""Height of a line where there are too few words to tell."""
HEIGHT_BY_SPREAD: Final = 3.46
"""Ink spread evenly over h deviates by h/3.46."""
CLOSINGS_PX: Final = (2, 4, 8)
"""Gaps that are bridged: words and phrases both, because a crop breaks the phrases at its edge
and blur joins the words."""
RULE_PX: Final = 45
"""Vertical strokes longer than this are borders of boxes, not letters."""
WEAKEST_STEP, STRONGEST_STEP = 12, 36
"""Bounds, in grey levels, of the step that counts as ink: above the noise of a JPEG, below the
contrast of grey on white."""
STRONG: Final = 0.98
"""Share of the pixels that are no ink: the step above is that of letters."""
MIN_HEIGHT, MAX_HEIGHT, MIN_WIDTH = 4, 60, 6
PATCH_HIGH, PATCH_WIDE = 8, 32
REACH: Final = 1.9
"""Half the patch in standard deviations of the ink: 1.73 would just hold an even spread."""
WAVES_HIGH, WAVES_WIDE = 4, 16
"""Lowest frequencies whose signs are the 64 bits."""

Codes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Words:
    """Words of one picture, in its thumbnail's pixels.

    `centre` and `spread` are rows of (x, y): mean and standard deviation of the ink, which move
    less than the edges of a box do. Landmarks come last.
    """

    centre: Floats
    spread: Floats
    codes: Codes

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def height(self) -> float:
        """Height of the usual line in pixels."""
        high = self.spread[self.in_print, 1]
        return float(np.median(high)) * HEIGHT_BY_SPREAD if len(high) >= MIN_WORDS else USUAL_PX

    @property
    def in_print(self) -> Mask:
        """Which of them are no landmarks."""
        return ~landmarks.are(self.spread)

    @property
    def shape(self) -> Floats:
        """Logarithm of width by height, which scaling leaves alone."""
        return np.log(self.spread[:, 0] / self.spread[:, 1])


def find(grey: Greys) -> Words:
    """Return the largest words of a thumbnail, largest first, and the landmarks of a photograph."""
    steps = strokes(grey)
    inked = ink(steps, RULE_PX)
    parts = np.unique(np.concatenate([boxes(inked, gap) for gap in CLOSINGS_PX]), axis=0)
    centre, spread = _moments(steps * inked, parts)
    order = np.argsort(-spread[:, 0] * spread[:, 1], kind="stable")[:MAX_WORDS]
    centre, spread = centre[order], spread[order]
    if landmarks.is_photograph(grey):
        of_blobs = landmarks.find(grey, MAX_WORDS - len(centre))
        centre, spread = (
            np.concatenate([words, blobs])
            for words, blobs in zip((centre, spread), of_blobs, strict=True)
        )
    return Words(centre, spread, _codes(grey, centre, spread))


def strokes(grey: Greys) -> Greys:
    """Return the step from left to right at each pixel: rules that run across have none."""
    steps = np.zeros_like(grey)
    steps[:, 1:-1] = cv2.absdiff(grey[:, 2:], grey[:, :-2])
    return steps


def ink(steps: Greys, rule_px: int) -> Mask:
    """Return where the steps are strong and no part of a line longer than `rule_px`."""
    histogram = np.bincount(steps[::2].ravel(), minlength=256)
    strong = int(np.searchsorted(np.cumsum(histogram), STRONG * histogram.sum()))
    threshold = min(max(strong // 4, WEAKEST_STEP), STRONGEST_STEP)
    return raster.without(steps > threshold, runs_of=rule_px)


def boxes(inked: Mask, gap: int) -> Ints:
    """Return x, y, width and height of each run of ink, gaps bridged, that could be a word."""
    _, parts = raster.components(raster.joined(inked, gap))
    wide, high = parts[1:, 2], parts[1:, 3]
    is_word = (high >= MIN_HEIGHT) & (high <= MAX_HEIGHT) & (wide >= MIN_WIDTH)
    return parts[1:, :4][is_word & (2 * wide > high)]


def _moments(weight: Greys, parts: Ints) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of the ink in each box, by summed areas."""
    w = weight.astype(np.float32)
    x = np.arange(w.shape[1], dtype=np.float32)[None, :]
    y = np.arange(w.shape[0], dtype=np.float32)[:, None]
    left, top = parts[:, 0], parts[:, 1]
    right, bottom = left + parts[:, 2], top + parts[:, 3]

    def total(values: Floats) -> Doubles:
        s = cv2.integral(values, sdepth=cv2.CV_64F).astype(np.float64, copy=False)
        return s[bottom, right] - s[top, right] - s[bottom, left] + s[top, left]

    mass = np.maximum(total(w), 1)
    mean = np.stack([total(w * x), total(w * y)], axis=1) / mass[:, None]
    square = np.stack([total(w * x * x), total(w * y * y)], axis=1) / mass[:, None]
    spread = np.sqrt(np.maximum(square - mean * mean, 0.25))
    return mean.astype(np.float32), spread.astype(np.float32)


def _cosines(size: int, count: int) -> Floats:
    """Return the first `count` waves of a discrete cosine transform over `size` samples."""
    k, i = np.arange(count)[:, None], np.arange(size)[None, :]
    return np.cos(np.pi * k * (2 * i + 1) / (2 * size)).astype(np.float32)


def _codes(grey: Greys, centre: Floats, spread: Floats) -> Codes:
    """Return the signs of each word's lowest waves, taken over a patch of its own size."""
    if len(centre) == 0:
        return np.zeros(0, np.uint64)
    u = np.linspace(-REACH, REACH, PATCH_WIDE, dtype=np.float32)[None, None, :]
    v = np.linspace(-REACH, REACH, PATCH_HIGH, dtype=np.float32)[None, :, None]
    shape = (len(centre), PATCH_HIGH, PATCH_WIDE)
    xs = np.broadcast_to(centre[:, 0, None, None] + spread[:, 0, None, None] * u, shape)
    ys = np.broadcast_to(centre[:, 1, None, None] + spread[:, 1, None, None] * v, shape)
    flat = (-1, PATCH_WIDE)
    patch = cv2.remap(
        grey, xs.reshape(flat), ys.reshape(flat), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    # The first column of waves is left out: it is the brightness of a row, not its letters.
    high, wide = _cosines(PATCH_HIGH, WAVES_HIGH), _cosines(PATCH_WIDE, WAVES_WIDE + 1)[1:]
    waves = high @ patch.reshape(shape).astype(np.float32) @ wide.T
    return np.packbits((waves > 0).reshape(len(centre), -1), axis=1).view("<u8").ravel()
