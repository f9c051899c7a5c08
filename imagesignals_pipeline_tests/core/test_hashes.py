"""The perceptual hash is imagehash's, and the digest is of every pixel."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from imagesignals_pipeline.analyse import hashes
from imagesignals_pipeline.analyse.decode import Picture, decode
from imagesignals_pipeline_tests.core.drawing import blocks, encode, page, photo

GOLDEN = [
    (blocks(), "2738db18841c1b30"),
    (Image.new("RGB", (1, 1), "red"), "0000000000000000"),
    (Image.linear_gradient("L").rotate(90).convert("RGB"), "ffffffffffffffff"),
    (Image.linear_gradient("L").rotate(-90).convert("RGB"), "0000000000000000"),
]


@pytest.mark.parametrize(("image", "expected"), GOLDEN)
def test_known_pictures_keep_their_hash(image: Image.Image, expected: str) -> None:
    """Stored hashes stay comparable: a new version of a library must not change them."""
    assert hashes.dhash(image) == expected


def lanczos(positions: int, length: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the weights by which a row of this length becomes so many positions.

    Source: Duchon 1979, three lobes, widened by the factor of reduction.
    """
    scale = length / positions
    centres = (np.arange(positions) + 0.5)[:, None] * scale
    distance = (np.arange(length)[None, :] + 0.5 - centres) / max(scale, 1.0)
    weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0.0)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(12))
def test_the_hash_agrees_with_the_formula(seed: int) -> None:
    """Computed by plain matrices, every bit agrees that is not decided by rounding."""
    image = blocks(97 + 13 * seed, 211 - 9 * seed, seed).convert("L")
    grey = np.asarray(image, dtype=float)
    small = lanczos(8, image.height) @ grey @ lanczos(9, image.width).T
    growth = np.diff(small, axis=1).ravel()
    bits = np.array([bit == "1" for bit in f"{int(hashes.dhash(image), 16):064b}"])
    clear = np.abs(growth) > 2
    assert clear.sum() > 50
    assert (bits == (growth > 0))[clear].all()


def test_the_grey_picture_has_the_same_hash() -> None:
    """The faster way, from the grey picture that is there anyway, agrees with the plain way."""
    for image in (blocks(), page(), photo()):
        assert hashes.dhash(image.convert("L")) == hashes.dhash(image)


@given(st.integers(0, 119), st.integers(0, 299), st.integers(0, 2))
def test_every_pixel_counts(x: int, y: int, band: int) -> None:
    """A picture that differs by one level in one band of one pixel has another digest."""
    image = blocks(120, 300)
    pixels = np.asarray(image).copy()
    pixels[y, x, band] ^= 1
    assert hashes.pixels_sha256(Image.fromarray(pixels)) != hashes.pixels_sha256(image)


def test_the_shape_counts() -> None:
    """The same pixels in rows of another length are another picture."""
    image = blocks(120, 160)
    other = Image.frombytes("RGB", (160, 120), image.tobytes())
    assert hashes.pixels_sha256(image) != hashes.pixels_sha256(other)


def test_the_digest_is_that_of_the_whole_picture() -> None:
    """Digesting strip by strip gives what digesting at once gives, whatever the height."""
    for height in (1, 255, 256, 257, 700):
        image = blocks(31, height)
        plain = hashlib.sha256(f"RGB 31 {height} ".encode() + image.tobytes()).digest()
        assert hashes.pixels_sha256(image) == plain


def test_files_of_one_picture_share_the_digest() -> None:
    """How a file stores its pixels does not matter."""
    image = page()
    stored = [encode(image), encode(image, compress_level=0), encode(image, "BMP")]
    stored.append(encode(image, "WEBP", lossless=True))
    digests = {
        hashes.pixels_sha256(picture.image)
        for picture in map(decode, stored)
        if isinstance(picture, Picture)
    }
    assert digests == {hashes.pixels_sha256(image)}


def test_a_changed_digit_changes_the_digest_and_perhaps_not_the_hash() -> None:
    """Receipts of one app may share the perceptual hash: it is no proof of a duplicate."""
    first, second = page(), page()
    ImageDraw.Draw(second).rectangle((300, 700, 301, 704), fill="black")
    assert hashes.dhash(first) == hashes.dhash(second)
    assert hashes.pixels_sha256(first) != hashes.pixels_sha256(second)
