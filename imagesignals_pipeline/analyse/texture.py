"""Grey picture -> how much of it is even, how much is drawn on it, how much looks like text.

Thresholds were set on drawn receipts, chats and pages of the evaluation set and on 22 photos that
scikit-image and scikit-learn ship.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

REDUCED_PIXELS = 300_000
"""Area at which steps and text are measured: a phone's screen of about 360 x 800.

Phones lay out their pages 360 to 412 units wide, so here a pixel is about one such unit, and
text of the usual 12 to 16 units has strokes of one to two pixels on every device.
"""

STEP = 24
"""Smallest difference of neighbouring grey levels that the eye takes for an edge."""

TILE_ROWS, TILE_COLUMNS = 8, 24
"""A tile is as tall as a small letter and about four letters wide."""

TEXT_STEPS = 4
"""Edges in a row of a text tile: two strokes, in and out. A line or a border has two."""

TEXT_ROWS = 3
"""Rows of a tile that must have them; a dotted line or an underline has fewer."""

PAPER_SHARE = 0.2
"""Part of a text tile that is paper, between and inside the letters of the densest line."""

PAPER_LEVELS = 16
"""How far paper strays from a tile's lightest (or, in dark themes, darkest) grey.

Enough for the ringing of JPEG beside letters; in grass, cloth or hair few pixels are that near to
the lightest one.
"""

EVEN_SHARE = 0.6
"""Least share of even neighbours of a drawn picture.

Of 22 photos none has more than 0.59; of 1,299 receipts, chats, pages, crops and copies from
messengers only the 25 that show a photographed paper slip have less.
"""

EVEN_ROWS = 400
"""Rows that are sampled for even areas; more change nothing but the time."""

FEATURELESS_STEPS = 0.004
"""Share of edges below which a picture is too empty to compare by its pixels.

A black or white screen with nothing but a status bar has 0.0027, with one line of text 0.0047;
the emptiest receipt, chat or page of those 1,299 has 0.0094.
"""


@dataclass(frozen=True, slots=True)
class Texture:
    """Shares of a picture, each from 0 to 1.

    Attributes:
        even: Neighbours, left and right, with exactly the same grey. Screens have large areas of
            one colour, which survive JPEG and scaling; sensors have noise everywhere.
        steps: Neighbours that differ by an edge.
        text: Tiles that look like a piece of a line of text, light on dark or dark on light.
    """

    even: float
    steps: float
    text: float

    @property
    def featureless(self) -> bool:
        """Whether another picture with the same pixels would be no surprise (a blank screen).

        A blurred photo has no edges either, but no two have the same noise.
        """
        return self.drawn and self.steps < FEATURELESS_STEPS

    @property
    def drawn(self) -> bool:
        """Whether a program drew the picture, not a sensor."""
        return self.even >= EVEN_SHARE


def texture(grey: Image.Image) -> Texture:
    """Measure a picture of mode L; any size, also a single pixel."""
    reduced = np.asarray(_reduced(grey), dtype=np.int16)
    steps = np.diff(reduced, axis=1, prepend=reduced[:, :1])
    return Texture(
        even=_even_share(np.asarray(grey)),
        steps=float((np.abs(steps) >= STEP).mean()),
        text=float(_text_tiles(reduced, steps).mean()),
    )


def _reduced(grey: Image.Image) -> Image.Image:
    factor = round((grey.width * grey.height / REDUCED_PIXELS) ** 0.5)
    return grey.reduce(factor) if factor > 1 else grey


def _even_share(grey: NDArray[np.uint8]) -> float:
    sample = grey[:: max(1, grey.shape[0] // EVEN_ROWS)]
    equal = sample[:, 1:] == sample[:, :-1]
    return float(equal.mean()) if equal.size else 1.0


def _text_tiles(grey: NDArray[np.int16], steps: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Tell for each tile whether it is text: several strokes in several rows, on even paper."""
    direction = np.sign(steps) * (np.abs(steps) >= STEP)
    edges = (direction != 0) & (direction != np.roll(direction, 1, axis=1))
    stroked = _tiles(edges).sum(axis=3) >= TEXT_STEPS
    tiles = _tiles(grey)
    light = (tiles.max(axis=(1, 3), keepdims=True) - tiles <= PAPER_LEVELS).mean(axis=(1, 3))
    dark = (tiles - tiles.min(axis=(1, 3), keepdims=True) <= PAPER_LEVELS).mean(axis=(1, 3))
    return (stroked.sum(axis=1) >= TEXT_ROWS) & (np.maximum(light, dark) >= PAPER_SHARE)


def _tiles(pixels: NDArray[Any]) -> NDArray[Any]:
    """Cut into tiles: (tile row, row, tile column, column); what is left over at the end is cut."""
    height, width = pixels.shape
    rows, columns = min(TILE_ROWS, height), min(TILE_COLUMNS, width)
    down, across = height // rows, width // columns
    return pixels[: down * rows, : across * columns].reshape(down, rows, across, columns)
