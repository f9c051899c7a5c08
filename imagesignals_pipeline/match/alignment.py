"""Lays one thumbnail on another: from equal words to a map, from the map to a smooth flow."""

from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from imagesignals_pipeline.match import raster
from imagesignals_pipeline.match.raster import Doubles, Floats, Greys, Mask, Pixels
from imagesignals_pipeline.match.words import Words

MAX_BITS: Final = 16
MAX_STRETCH: Final = 0.25
"""Words that may be the same differ in at most this many bits, and in width by height by 28 %."""
MAX_HYPOTHESES: Final = 100
SAME_SCALE: Final = 0.15
SLACK_PX, SLACK_SHARE = 6, 0.03
"""How far a word may be off its place: more, the farther from the word that the guess is from,
because a photo of a screen is turned by a degree or two."""
TOLERANCES_PX: Final = (12, 5, 3, 2, 2)
"""Outliers go step by step while the map is fitted; 2 pixels are what the flow corrects."""
STIFFNESS: Final = 2 * 40.0**2
"""Weight of "no shear", in squared pixels: decides when all words are in one row or column."""
SHRINK_FROM: Final = 1.1
FLATTENED_PX: Final = 25
FLOOR: Final = 12
"""Local contrast, in grey levels, below which the flow sees noise and not letters."""
COARSE_STEPS: Final = 2
"""Steps of the flow at half size: more make it worse, each adds a little of its own error."""
HALF_CELL_PX, CELL_PX, FLOW_CELLS = 2, 4, 11
"""The flow is constant over about this many cells of this many pixels, at half and at full size:
five digits, so that it cannot bend one into another."""
DOUBT: Final = 0.5
"""Difference, in local contrasts, at which a pixel's say in the flow is halved."""
MOST_PX: Final = 2.0
"""Largest step of the flow: more comes from the edge of what both show."""

LEAST_KNOWN: Final = 1e-3
LEAST_TEXTURE: Final = 1e-3
"""Added to what the windows know of a direction: where there is nothing, nothing moves."""
LEAST_ENDS: Final = 4
"""Two words have four ends: fewer say nothing about scale."""

Matrix = NDArray[np.float64]
Places = NDArray[np.intp]
ALL: Final = slice(None)
IDENTITY: Final = np.array([[1.0, 0, 0], [0, 1.0, 0]])
FROM_HALF: Final = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
"""Leads from a halved picture's pixels to the whole one's; centres of pixels are whole numbers."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Where a's pixels are in b (2x3), and how many of a's words say so.

    `likeness` counts the bits, above what makes words equal, that these words have in common.
    """

    matrix: Matrix
    agreeing: int
    likeness: int = 0

    @property
    def scale(self) -> float:
        """Size of b's text by a's."""
        return scale(self.matrix)


@dataclass(frozen=True, slots=True)
class Laid:
    """b as it looks in a's frame, and where a's pixels are inside b at all."""

    b: Greys
    inside: Mask


def scale(matrix: Matrix) -> float:
    """Return how much a map enlarges."""
    (xx, xy, _), (yx, yy, _) = matrix.tolist()
    return abs(xx * yy - xy * yx) ** 0.5


def inverse(matrix: Matrix) -> Matrix:
    """Return the way back."""
    return np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]


def halved(matrix: Matrix) -> Matrix:
    """Return the same map for pictures of half the size."""
    return np.linalg.solve(FROM_HALF, np.vstack([matrix, [0, 0, 1]]) @ FROM_HALF)[:2]


def as_coarse(fine: Pixels, matrix: Matrix) -> tuple[Pixels, Matrix]:
    """Return a picture as coarse as the one that a map leads from, and the map to it then."""
    zoom = scale(matrix)
    if zoom <= SHRINK_FROM:
        return fine, matrix
    height, width = fine.shape
    wide, high = max(round(width / zoom), 2), max(round(height / zoom), 2)
    return raster.shrunk(fine, wide, high), matrix * (wide / width)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Which words of a (`i`) may be which of b (`j`), and in how many `bits` they differ."""

    i: Places
    j: Places
    bits: NDArray[np.uint8]

    @property
    def most_agreeing(self) -> int:
        """How many of a's words may agree at most, however b lies."""
        return int(np.count_nonzero(np.bincount(self.i)))


def pairs(a: Words, b: Words) -> Pairs:
    """Return the pairs of words that may be the same."""
    bits = np.bitwise_count(a.codes[:, None] ^ b.codes[None, :])
    stretch = np.abs(a.shape[:, None] - b.shape[None, :])
    i, j = np.nonzero((bits <= MAX_BITS) & (stretch < MAX_STRETCH))
    return Pairs(i, j, bits[i, j])


def propose(a: Words, b: Words, equal: Pairs | None = None) -> Guess:
    """Guess the map from a to b that most equal words agree with.

    Args:
        a: Words of the picture that the map leads from.
        b: Those of the other one.
        equal: Their `pairs`, where these are known.
    """
    equal = equal or pairs(a, b)
    i, j = equal.i, equal.j
    if len(i) == 0:
        return Guess(IDENTITY, 0)
    start, chosen = _vote(a, b, i, j)
    ends_a, ends_b = ends(a, i), ends(b, j)
    inside, fitted = np.concatenate([chosen, chosen]), None
    matrix, off = start, np.zeros(len(inside))
    for tolerance in TOLERANCES_PX:
        if inside.sum() < LEAST_ENDS:
            break
        if fitted is None or (inside != fitted).any():
            matrix, fitted = _fit(ends_a[inside], ends_b[inside]), inside
            off = np.abs(mapped(ends_a, matrix) - ends_b).max(axis=1)
            off /= max(1, scale(matrix))
        inside = off < tolerance
    both_ends = inside[: len(i)] & inside[len(i) :]
    nearest = np.full(len(a), MAX_BITS + 1)
    np.minimum.at(nearest, i[both_ends], equal.bits[both_ends])
    return Guess(matrix, int((nearest <= MAX_BITS).sum()), int((MAX_BITS + 1 - nearest).sum()))


def _vote(a: Words, b: Words, i: Places, j: Places) -> tuple[Matrix, Mask]:
    """Let each of the longest pairs propose scale and shift; return the best, and who agrees."""
    wide = a.spread[i, 0]
    scale = np.log(b.spread[j, 0] / wide)
    tried = np.argsort(-wide, kind="stable")[:MAX_HYPOTHESES]
    s = np.exp(scale[tried])[:, None]
    shifts, off, away = [], np.float32(0), np.float32(0)
    for pa, pb in zip(a.centre[i].T, b.centre[j].T, strict=True):
        shifts.append(pb[tried] - s[:, 0] * pa[tried])
        off = np.maximum(off, np.abs(s * pa + shifts[-1][:, None] - pb))
        away = away + np.abs(pa - pa[tried, None])
    votes = (off < SLACK_PX + SLACK_SHARE * away * s) & (
        np.abs(scale - scale[tried, None]) < SAME_SCALE
    )
    best = int(np.argmax(votes @ np.sqrt(wide)))
    s0, (right, down) = s[best, 0], shifts
    return np.array([[s0, 0, right[best]], [0, s0, down[best]]], float), votes[best]


def mapped(places: Floats, matrix: Matrix) -> Doubles:
    """Return where a map leads from each place, a row of x and y."""
    return places @ matrix[:, :2].T + matrix[:, 2]


def ends(words: Words, chosen: Places | slice = ALL) -> Doubles:
    """Return left ends, then right ones: two points tell a word's scale, its centre does not."""
    centre, wide = words.centre[chosen].astype(float), 1.7 * words.spread[chosen, 0].astype(float)
    side = np.stack([wide, np.zeros_like(wide)], axis=1)
    return np.concatenate([centre - side, centre + side])


def _fit(a: Doubles, b: Doubles) -> Matrix:
    """Fit an affine map by least squares, pulled towards turn and scale alone."""
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    x, y = a - mean_a, b - mean_b
    z, w = x[:, 0] + 1j * x[:, 1], y[:, 0] + 1j * y[:, 1]
    turn = complex(np.vdot(z, w)) / max(float(np.vdot(z, z).real), 1e-9)
    prior = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    ridge = STIFFNESS * np.eye(2)
    linear = np.linalg.solve(x.T @ x + ridge, x.T @ y + ridge @ prior.T).T
    return np.hstack([linear, (mean_b - linear @ mean_a)[:, None]])


def lay(a: Greys, b: Greys, matrix: Matrix) -> Laid:
    """Return b in a's frame, refined by a smooth flow (Lucas and Kanade, 1981, robust weights)."""
    flat_a, flat_b = _flattened(a, b, matrix)
    half_a, half_b, half = raster.cells(flat_a, 2), raster.cells(flat_b, 2), halved(matrix)
    half_flow = _flow(half_a, half_b, half)
    height, width = a.shape
    flow = 2 * raster.stretched(half_flow, width, height)
    flow += _step(flat_a, flat_b, matrix, flow, CELL_PX)
    return _laid(b, matrix, flow, cv2.INTER_CUBIC)


def lay_roughly(a: Greys, b: Greys, matrix: Matrix) -> Laid:
    """Return b in a's frame, for a glance at half-size pictures."""
    return _laid(b, matrix, _flow(*_flattened(a, b, matrix), matrix), cv2.INTER_LINEAR)


def lay_flat(a: Greys, b: Greys, matrix: Matrix, *, rough: bool = False) -> Laid:
    """Return b in a's frame by the map alone: between two screenshots it is all there is."""
    height, width = a.shape
    return Laid(*raster.laid(b, matrix, width, height, rough=rough))


def _laid(b: Greys, matrix: Matrix, flow: Floats, interpolation: int) -> Laid:
    at_x, at_y = _places(matrix, flow)
    moved = cv2.remap(b, at_x, at_y, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return Laid(cast(Greys, moved), _inside(at_x, at_y, b.shape))


def _flattened(a: Pixels, b: Pixels, matrix: Matrix) -> tuple[Floats, Floats]:
    """Divide out local brightness and contrast, of what both pictures show alone.

    Else a gallery's black bars would dim the first lines of text in one of the pictures.
    """
    back, (high_a, wide_a), (high_b, wide_b) = cv2.WARP_INVERSE_MAP, a.shape, b.shape
    ones_a, ones_b = np.ones(a.shape, np.float32), np.ones(b.shape, np.float32)
    in_a = cast(Floats, cv2.warpAffine(ones_b, matrix, (wide_a, high_a), flags=back))
    in_b = cast(Floats, cv2.warpAffine(ones_a, matrix, (wide_b, high_b)))
    return _even(a, in_a), _even(b, in_b)


def _even(grey: Pixels, shared: Floats) -> Floats:
    g = grey * shared
    known = raster.blur(shared, FLATTENED_PX) + LEAST_KNOWN
    mean = raster.blur(g, FLATTENED_PX) / known
    variance = np.maximum(raster.blur(g * grey, FLATTENED_PX) / known - mean * mean, 0)
    return (grey - mean) * shared / (np.sqrt(variance) + FLOOR)


def _flow(half_a: Floats, half_b: Floats, matrix: Matrix) -> Floats:
    """Return the flow between half-size pictures."""
    flow = np.zeros((*half_a.shape, 2), np.float32)
    for _ in range(COARSE_STEPS):
        flow += _step(half_a, half_b, matrix, flow, HALF_CELL_PX)
    return flow


def _places(matrix: Matrix, flow: Floats) -> tuple[Floats, Floats]:
    """Return x and y in b of every pixel of a."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)[None, :]
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    m = matrix.astype(np.float32)
    at_x, at_y = (m[row, 0] * x + m[row, 1] * y + m[row, 2] for row in (0, 1))
    return at_x, at_y


def _inside(at_x: Floats, at_y: Floats, shape: tuple[int, ...]) -> Mask:
    height, width = shape
    return (at_x >= 1) & (at_y >= 1) & (at_x <= width - 2) & (at_y <= height - 2)


def _step(a: Floats, b: Floats, matrix: Matrix, flow: Floats, cell: int) -> Floats:
    """Return by how much b has yet to move, in a's pixels: constant over about a window of cells.

    Solves for the shift of each window, pixels that disagree having less say.
    """
    at_x, at_y = _places(matrix, flow)
    moved = cast(Floats, cv2.remap(b, at_x, at_y, cv2.INTER_LINEAR))
    wrong = a - moved
    weight = _inside(at_x, at_y, b.shape) / (1 + (wrong * np.float32(1 / DOUBT)) ** 2)
    both = a + moved
    gx = cast(Floats, cv2.Scharr(both, cv2.CV_32F, 1, 0, scale=1 / 64))
    gy = cast(Floats, cv2.Scharr(both, cv2.CV_32F, 0, 1, scale=1 / 64))
    of_x, of_y = weight * gx, weight * gy
    height, width = a.shape
    xx, xy, yy, ex, ey = (
        raster.blur(raster.cells(term, cell), FLOW_CELLS)
        for term in (of_x * gx, of_x * gy, of_y * gy, of_x * wrong, of_y * wrong)
    )
    xx, yy = xx + LEAST_TEXTURE, yy + LEAST_TEXTURE
    determinant = xx * yy - xy * xy
    shift = np.dstack([(yy * ex - xy * ey) / determinant, (xx * ey - xy * ex) / determinant])
    even = raster.blur(np.clip(shift, -MOST_PX, MOST_PX), FLOW_CELLS)
    return raster.stretched(even, width, height)
