"""Upright picture -> perceptual hash and digest of its pixels."""

import hashlib
from collections.abc import Iterator

import imagehash
from PIL import Image

STRIP_ROWS = 256
"""Rows that are digested at once, so that a large picture is not held twice."""


def dhash(image: Image.Image) -> str:
    """Return the 64-bit difference hash as 16 hex digits.

    It is the same from the grey picture (mode L) as from the picture itself, only faster.

    Source: N. Krawetz, "Kind of Like That", 2013; imagehash.dhash with its defaults (9 x 8 grey
    pixels by Lanczos, a bit is set where brightness grows to the right, row by row).
    """
    return str(imagehash.dhash(image))


def pixels_sha256(image: Image.Image, rest: bytes = b"") -> bytes:
    """Return the SHA-256 of an RGB picture's dimensions and pixels, 32 bytes.

    Every pixel counts: two pictures with the same digest are the same picture, however their
    files differ (PNG or WebP, other compression, other metadata, turned by EXIF).

    Args:
        image: The picture.
        rest: Digests of what else its file shows, and of what can be seen through.
    """
    digest = hashlib.sha256(f"RGB {image.width} {image.height} ".encode())
    for strip in _strips(image):
        digest.update(strip)
    digest.update(rest)
    return digest.digest()


def _strips(image: Image.Image) -> Iterator[bytes]:
    for top in range(0, image.height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, image.height)
        yield image.crop((0, top, image.width, bottom)).tobytes()
