"""What we use of OpenCV, with the types it really returns."""

from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Greys = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
"""Of 32 bits; the type checker thinks that dividing by a number makes them 64."""
Mask = NDArray[np.bool_]
Ints = NDArray[np.int32]
Doubles = NDArray[np.float64]

Shorts = NDArray[np.int16]

Pixels = TypeVar("Pixels", Greys, Floats)
Numbers = TypeVar("Numbers", Greys, Shorts, Floats)

cv2.setNumThreads(1)  # many pictures are compared side by side: one core each, 20 % less work

LEAST_CONTRAST, MOST_STRETCHED = 0.005, 20.0
"""Bounds of what is a blob: an eighth of what the method names, for the sake of smooth pictures;
and twice as long as that allows."""
OUTSIDE = 2
"""Neither in a mask (1) nor in a hole of it (0)."""
COARSE = 4
"""A background is looked for on a picture this many times smaller."""


def blur(values: Greys | NDArray[np.uint16] | Floats, size: int) -> Floats:
    """Return the mean over a square window."""
    return cast(Floats, cv2.boxFilter(values, cv2.CV_32F, (size, size)))


def share(mask: Mask, size: int) -> Floats:
    """Return how much of a square window is in the mask."""
    return blur(mask.view(np.uint8), size)


def background(values: Shorts, size: int) -> Shorts:
    """Return the median over a square window, roughly; for values from -128 to 127."""
    height, width = values.shape
    small = shrunk(values, max(width // COARSE, 1), max(height // COARSE, 1))
    levels = np.clip(small + 128, 0, 255).astype(np.uint8)
    even = cv2.medianBlur(levels, size // COARSE | 1).astype(np.int16) - 128
    return stretched(even, width, height)


def paper(values: Greys, size: int) -> Greys:
    """Return the median over a square window: what text and strokes stand on."""
    return cast(Greys, cv2.medianBlur(values, size))


def distance(values: Greys, other: Greys) -> Greys:
    """Return by how many grey levels each pixel is off, up or down."""
    return cast(Greys, cv2.absdiff(values, other))


def by_level(values: Greys, table: Greys) -> Greys:
    """Return what a table of 256 has for each grey level."""
    return cast(Greys, cv2.LUT(values, table))


def joint_histogram(a: Greys, b: Greys, where: Mask, levels: int) -> Doubles:
    """Return how many pixels have each of the `levels` in b (rows) and each of 256 in a."""
    counts = cv2.calcHist([b, a], [0, 1], where.view(np.uint8), [levels, 256], [0, 256, 0, 256])
    return counts.astype(np.float64, copy=False)


def difference(values: Greys, other: Greys) -> Shorts:
    """Return by how many grey levels each pixel is above the other, or below it."""
    return cast(Shorts, cv2.subtract(values, other, dtype=cv2.CV_16S))


def less(values: Greys, than: Greys | Shorts) -> Greys:
    """Return by how many grey levels each pixel is above the other, 0 where it is below."""
    return cast(Greys, cv2.subtract(values, than, dtype=cv2.CV_8U))


def extremes(values: Pixels, size: int) -> tuple[Pixels, Pixels]:
    """Return the lowest and the highest value in the square around each pixel."""
    near = np.ones((size, size), np.uint8)
    return cast(Pixels, cv2.erode(values, near)), cast(Pixels, cv2.dilate(values, near))


def correlation(a: Greys, b: Greys, size: int) -> tuple[Floats, Floats, Floats]:
    """Return correlation, and the lesser and the greater variance, of every square window."""
    mean_a, mean_b = blur(a, size), blur(b, size)
    common = blur(_product(a, b), size)
    common -= mean_a * mean_b
    var_a, var_b = _variance(a, mean_a, size), _variance(b, mean_b, size)
    scale = var_a * var_b
    scale += 1
    common /= np.sqrt(scale, out=scale)
    return common, np.minimum(var_a, var_b), np.maximum(var_a, var_b)


def correlation_of_part(
    a: Greys, b: Greys, part: Mask, size: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return what share of every window is in a part, and what `correlation` is of that part alone.

    Where the share is small it means little.
    """
    known = blur(part.view(np.uint8), size)
    some = np.maximum(known, np.float32(1 / size**2))
    one, other = np.where(part, a, 0), np.where(part, b, 0)
    mean_a, mean_b = blur(one, size) / some, blur(other, size) / some
    common = blur(_product(one, other), size) / some - mean_a * mean_b
    var_a = np.maximum(blur(_product(one, one), size) / some - mean_a**2, 0)
    var_b = np.maximum(blur(_product(other, other), size) / some - mean_b**2, 0)
    agreement = common / np.sqrt(var_a * var_b + 1)
    return known, agreement, np.minimum(var_a, var_b), np.maximum(var_a, var_b)


def _variance(values: Greys, mean: Floats, size: int) -> Floats:
    square = blur(_product(values, values), size)
    square -= np.square(mean, out=mean)
    return np.maximum(square, 0, out=square)


def _product(a: Greys, b: Greys) -> NDArray[np.uint16]:
    """Return the products: 255 squared fits, and whole numbers are summed in half the time."""
    return np.multiply(a, b, dtype=np.uint16)


def laid(
    values: Pixels, matrix: Doubles, width: int, height: int, *, rough: bool
) -> tuple[Pixels, Mask]:
    """Return a picture in a frame that a map leads from, and where the frame is inside it.

    `rough` interpolates linearly, which blurs a little and takes half the time.
    """
    how = (cv2.INTER_LINEAR if rough else cv2.INTER_CUBIC) | cv2.WARP_INVERSE_MAP
    size, edge = (width, height), cv2.BORDER_REPLICATE
    moved = cv2.warpAffine(values, matrix, size, flags=how, borderMode=edge)
    known = np.zeros(values.shape, np.uint8)
    known[1:-1, 1:-1] = 1
    near = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cast(Pixels, moved), cv2.warpAffine(known, matrix, size, flags=near) > 0


def rotated(values: Greys, degrees: float) -> Greys:
    """Return a picture turned to the left in a frame that holds all of it; its edges go on."""
    high, wide = values.shape
    matrix = cv2.getRotationMatrix2D(((wide - 1) / 2, (high - 1) / 2), degrees, 1)
    cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = np.ceil((wide * cosine + high * sine, wide * sine + high * cosine)).astype(int)
    matrix[:, 2] += (size - (wide, high)) / 2
    how, edge = cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
    return cast(Greys, cv2.warpAffine(values, matrix, size.tolist(), flags=how, borderMode=edge))


def sheared(values: Floats, down: float) -> Floats:
    """Return columns of which each is moved so much further up than the one to its left."""
    high, wide = values.shape
    matrix = np.array([[1, 0, 0], [down, 1, -down * (wide - 1) / 2]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cast(Floats, cv2.warpAffine(values, matrix, (wide, high), flags=how))


def shrunk(values: Numbers, width: int, height: int) -> Numbers:
    """Return a smaller picture, each pixel the mean of those that it covers."""
    return cast(Numbers, cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA))


def cells(values: Pixels, size: int) -> Pixels:
    """Return the means of square cells; what fills no cell at the right and the bottom is left."""
    high, wide = (max(side // size, 1) for side in values.shape)
    return shrunk(values[: high * size, : wide * size], wide, high)


def stretched(values: Numbers, width: int, height: int) -> Numbers:
    """Return values interpolated linearly over more pixels."""
    return cast(Numbers, cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR))


def enlarged(values: Greys, width: int, height: int) -> Greys:
    """Return a larger picture, smoothly interpolated."""
    return cast(Greys, cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC))


def blobs(values: Greys) -> Floats:
    """Return rows of x, y and diameter: the blobs of a picture, those that stand out most first."""
    features = cv2.SIFT.create(
        contrastThreshold=LEAST_CONTRAST, edgeThreshold=MOST_STRETCHED, enable_precise_upscale=True
    )
    # A blob is found once for each direction that it has.
    found = {(-blob.response, *blob.pt, blob.size) for blob in features.detect(values)}
    return np.array(sorted(found), np.float32).reshape(-1, 4)[:, 1:]


def moved(values: Greys, part: Greys, left: int, top: int, reach: int) -> Greys:
    """Return what resembles a part most in another picture, not farther off than `reach` pixels.

    `left` and `top` say where the part was taken. To a fraction of a pixel, by a parabola through
    the best correlation and its neighbours.
    """
    high, wide = part.shape
    wider = cv2.copyMakeBorder(values, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    area = wider[top : top + high + 2 * reach, left : left + wide + 2 * reach]
    scores = cv2.matchTemplate(area, part, cv2.TM_CCOEFF_NORMED)
    row, column = divmod(int(np.argmax(scores)), scores.shape[1])
    shift_y = row + _summit(scores[:, column].astype(np.float64), row)
    shift_x = column + _summit(scores[row].astype(np.float64), column)
    turn = np.array([[1, 0, shift_x], [0, 1, shift_y]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    edge = cv2.BORDER_REPLICATE
    return cast(Greys, cv2.warpAffine(area, turn, (wide, high), flags=flags, borderMode=edge))


def _summit(scores: Doubles, best: int) -> float:
    """Return how far the top of a parabola through three scores lies from the middle one."""
    if not 0 < best < len(scores) - 1:
        return 0.0
    before, top, after = scores[best - 1 : best + 2]
    bend = before - 2 * top + after
    return float(0.5 * (before - after) / bend) if bend < 0 else 0.0


def components(mask: Mask) -> tuple[Ints, Ints]:
    """Return the number of the connected part at each pixel, and each part's box.

    Part 0 is what is not in the mask. A box is x, y, width, height and area.
    """
    try:  # labels of 16 bits take a third of the time
        _, label, stats, _ = cv2.connectedComponentsWithStats(
            mask.view(np.uint8), connectivity=8, ltype=cv2.CV_16U
        )
    except cv2.error:  # 65,535 parts and more: grain, no text
        _, label, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    return cast(Ints, label), cast(Ints, stats)


def grown(mask: Mask, wide: int, high: int) -> Mask:
    """Return the mask widened by half of each size on both sides."""
    return cv2.dilate(mask.view(np.uint8), np.ones((high, wide), np.uint8)) > 0


def without(mask: Mask, *, runs_of: int) -> Mask:
    """Return the mask less its vertical runs of at least that length, in pixels."""
    return mask & ~runs(mask, runs_of)


def runs(mask: Mask, length: int) -> Mask:
    """Return the vertical runs of at least `length` pixels."""
    return cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, np.ones((length, 1), np.uint8)) > 0


def polygon(corners: Doubles, shape: tuple[int, ...]) -> Mask:
    """Return what lies between convex corners, rows of x and y."""
    filled = np.zeros(shape, np.uint8)
    return cv2.fillConvexPoly(filled, np.rint(corners).astype(np.int32), 1) > 0


def closed(mask: Mask, size: int) -> Mask:
    """Return the mask with gaps bridged that are narrower than a square."""
    around = np.ones((size, size), np.uint8)
    return cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_CLOSE, around) > 0


def filled(mask: Mask, size: int) -> Mask:
    """Return the mask without holes, and without parts that are narrower than a square."""
    padded = np.pad(mask, 1).view(np.uint8)
    cv2.floodFill(padded, None, (0, 0), OUTSIDE)
    around = np.ones((size, size), np.uint8)
    whole = (padded[1:-1, 1:-1] != OUTSIDE).view(np.uint8)
    return cv2.morphologyEx(whole, cv2.MORPH_OPEN, around) > 0


def shrunk_by(mask: Mask, edge: int) -> Mask:
    """Return the mask without its edge, as wide as that; what is outside is not in the mask."""
    around = np.ones((2 * edge + 1, 2 * edge + 1), np.uint8)
    padded = cv2.erode(np.pad(mask, edge).view(np.uint8), around)
    high, wide = mask.shape
    return padded[edge : edge + high, edge : edge + wide] > 0


def joined(mask: Mask, gap: int) -> Mask:
    """Return the mask with gaps from left to right bridged that are narrower than `gap`."""
    return cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_CLOSE, np.ones((1, gap), np.uint8)) > 0
