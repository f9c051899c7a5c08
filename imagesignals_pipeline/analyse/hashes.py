"""Upright RGB picture -> perceptual hash and digest of its pixels."""

import hashlib

import imagehash
from PIL import Image


def dhash(image: Image.Image) -> str:
    """Return the 64-bit difference hash as 16 hex digits."""
    return str(imagehash.dhash(image))


def pixels_sha256(image: Image.Image) -> bytes | None:
    """Return the digest of dimensions and pixels, None for a picture of a single colour."""
    if image.getcolors(maxcolors=1) is not None:
        return None
    digest = hashlib.sha256(b"%dx%d " % image.size)
    digest.update(image.tobytes())
    return digest.digest()
