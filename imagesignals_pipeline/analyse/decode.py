"""Bytes -> an upright RGB picture, or the reason why there is none."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps

from imagesignals_pipeline.model import Failure, FailureKind

MAX_PIXELS = 50_000_000
MAX_SIDE = 20_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: upright RGB `image`, and what its file said besides."""

    image: Image.Image
    format: str
    exif: Mapping[int, object]


def decode(content: bytes) -> Picture | Failure:
    """Return the picture that the bytes hold, upright and in RGB, or why they hold none."""
    if not content:
        return Failure(FailureKind.EMPTY, "Empty file: the address answers with no bytes")
    if content.lstrip()[:1] == b"<":
        return Failure(
            FailureKind.NOT_AN_IMAGE,
            "Not an image: the address answers with a web page (a sign-in or error page?)",
        )
    if content[:5] == b"%PDF-":
        return Failure(FailureKind.UNSUPPORTED_FORMAT, "PDF documents are not analysed yet")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _open(content)
    except Image.UnidentifiedImageError:
        return Failure(FailureKind.NOT_AN_IMAGE, "Not an image: unknown content")
    except Exception as error:  # noqa: BLE001 - Pillow raises almost anything on damaged files
        return Failure(FailureKind.DAMAGED, f"Damaged image: {type(error).__name__}")


def _open(content: bytes) -> Picture | Failure:
    with Image.open(
        BytesIO(content), formats=("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")
    ) as image:
        if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
            return Failure(
                FailureKind.TOO_MANY_PIXELS, f"Too large: {image.width} x {image.height} pixels"
            )
        exif = dict(image.getexif())
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            rgba = upright.convert("RGBA")
            upright = Image.new("RGB", rgba.size, "white")
            upright.paste(rgba, mask=rgba.getchannel("A"))
        return Picture(upright.convert("RGB"), image.format or "", exif)
