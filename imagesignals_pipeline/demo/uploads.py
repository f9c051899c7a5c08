"""From a picture to the bytes that were uploaded: honest files, altered copies, odd contents."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from io import BytesIO
from struct import pack
from typing import assert_never

from PIL import ExifTags, Image, ImageDraw, ImageFilter

from imagesignals_pipeline.demo.receipts import Receipt, draw

HUGE_SIDE = 12_000
"""Side in pixels of the picture that is too large to be looked at."""

MESSENGER_SIDE = 1600
"""Longer side in pixels to which messengers scale pictures down."""


class Form(StrEnum):
    """How a receipt became a file."""

    PNG = "png"
    JPEG = "jpeg"
    MESSENGER = "messenger"
    CAMERA = "camera"
    EDITED = "edited"
    ROTATED = "rotated"
    PDF = "pdf"
    TRUNCATED = "truncated"


class Change(StrEnum):
    """What was done to a file before it was uploaded a second time."""

    RECOMPRESSED = "recompressed"
    RESIZED = "resized"
    CROPPED = "cropped"
    FORWARDED = "forwarded"


@dataclass(frozen=True, slots=True)
class Upload:
    """A receipt as a file; `change` is None for the file as it first was."""

    receipt: Receipt
    form: Form
    change: Change | None = None


class Oddity(StrEnum):
    """Contents that are not a receipt at all."""

    BLANK_SCREEN = "blank_screen"
    TINY = "tiny"
    HUGE = "huge"
    SIGN_IN_PAGE = "sign_in_page"
    EMPTY = "empty"


Content = Upload | Oddity


def render(content: Content) -> bytes:
    """Return the bytes of an upload; the same content always gives the same bytes."""
    if isinstance(content, Oddity):
        return _odd(content)
    first = FORMS[content.form](draw(content.receipt), content.receipt.payment.paid_at)
    if content.change is None:
        return first
    with Image.open(BytesIO(first)) as picture:
        return _changed(picture, content.change, content.receipt)


def extension(content: Content) -> str:
    """Return the ending of the file's name, which also tells its media type."""
    if isinstance(content, Oddity):
        return "png"
    if content.change is not None:
        return "png" if content.change is Change.CROPPED else "jpg"
    return {Form.PNG: "png", Form.PDF: "pdf"}.get(content.form, "jpg")


def _changed(picture: Image.Image, change: Change, receipt: Receipt) -> bytes:
    width, height = picture.size
    match change:
        case Change.RECOMPRESSED:
            return _jpeg(picture, quality=60)
        case Change.RESIZED:
            smaller = (round(width * 0.75), round(height * 0.75))
            return _jpeg(picture.resize(smaller, Image.Resampling.LANCZOS), quality=88)
        case Change.CROPPED:
            top = round(receipt.device.status_dp * receipt.device.scale)
            return _png(picture.crop((0, top, width, height)))
        case Change.FORWARDED:
            return _messenger(picture)
        case _:
            assert_never(change)


def _png(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _jpeg(picture: Image.Image, *, quality: int, exif: Image.Exif | None = None) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality, exif=exif or Image.Exif())
    return out.getvalue()


def _messenger(picture: Image.Image) -> bytes:
    """Scale down and compress as messengers do; they drop all metadata."""
    smaller = picture.copy()
    smaller.thumbnail((MESSENGER_SIDE, MESSENGER_SIDE), Image.Resampling.BICUBIC)
    return _jpeg(smaller, quality=68)


def _camera(slip: Image.Image, taken: datetime) -> bytes:
    """Return a photo of a printed slip on a table, with the metadata of a camera."""
    table = Image.new("RGB", (1500, 2000), "#6d5138")
    ImageDraw.Draw(table).rectangle((0, 0, 1500, 460), "#5e452f")
    mask = Image.new("L", slip.size, 255).rotate(2.6, Image.Resampling.BICUBIC, expand=True)
    table.paste((40, 30, 22), (131, 152), mask)
    table.paste(slip.rotate(2.6, Image.Resampling.BICUBIC, expand=True), (112, 128), mask)
    shade = Image.radial_gradient("L").resize(table.size)
    shade = shade.point([level * 2 // 5 for level in range(256)])
    table.paste("#1c140c", (0, 0), shade)
    return _jpeg(table.filter(ImageFilter.GaussianBlur(0.8)), quality=86, exif=_camera_exif(taken))


def _camera_exif(taken: datetime) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Kestrel"
    exif[ExifTags.Base.Model] = "Kestrel K12"
    exif[ExifTags.Base.Orientation] = 1
    exif[ExifTags.Base.DateTime] = _exif_time(taken)
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = _exif_time(taken)
    details[ExifTags.Base.OffsetTimeOriginal] = "+05:30"
    details[ExifTags.Base.ExposureTime] = 0.02
    details[ExifTags.Base.FNumber] = 1.8
    details[ExifTags.Base.ISOSpeedRatings] = 320
    details[ExifTags.Base.FocalLength] = 5.4
    return exif


def _edited(picture: Image.Image, saved: datetime) -> bytes:
    """Return a screenshot that an image editor saved, with a ring drawn around a part."""
    width, height = picture.size
    ring = (width * 0.06, height * 0.16, width * 0.94, height * 0.27)
    ImageDraw.Draw(picture).ellipse(ring, outline="#e02020", width=max(4, width // 150))
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = "GIMP 2.10.38"
    exif[ExifTags.Base.DateTime] = _exif_time(saved)
    return _jpeg(picture, quality=90, exif=exif)


def _rotated(picture: Image.Image, _: datetime) -> bytes:
    """Return a picture stored on its side, with the tag that tells viewers to turn it upright."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return _jpeg(picture.transpose(Image.Transpose.ROTATE_90), quality=88, exif=exif)


def _pdf(picture: Image.Image, made: datetime) -> bytes:
    out = BytesIO()
    when = made.timetuple()
    picture.save(out, "PDF", resolution=150, creationDate=when, modDate=when)
    return out.getvalue()


def _truncated(picture: Image.Image, _: datetime) -> bytes:
    whole = _jpeg(picture, quality=88)
    return whole[: len(whole) * 2 // 5]


FORMS: Mapping[Form, Callable[[Image.Image, datetime], bytes]] = {
    Form.PNG: lambda picture, _: _png(picture),
    Form.JPEG: lambda picture, _: _jpeg(picture, quality=88),
    Form.MESSENGER: lambda picture, _: _messenger(picture),
    Form.CAMERA: _camera,
    Form.EDITED: _edited,
    Form.ROTATED: _rotated,
    Form.PDF: _pdf,
    Form.TRUNCATED: _truncated,
}


def _exif_time(moment: datetime) -> str:
    return f"{moment:%Y:%m:%d %H:%M:%S}"


SIGN_IN_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sign in</title></head>
<body>
<h1>Your session has expired</h1>
<form method="post" action="/sign-in">
<label>E-mail <input name="email" type="email"></label>
<label>Password <input name="password" type="password"></label>
<button>Sign in</button>
</form>
</body>
</html>
"""


def _odd(oddity: Oddity) -> bytes:
    match oddity:
        case Oddity.BLANK_SCREEN:
            return _png(Image.new("RGB", (1080, 2400), "white"))
        case Oddity.TINY:
            return _png(Image.new("RGB", (1, 1), "#7f7f7f"))
        case Oddity.HUGE:
            return _flat_png(HUGE_SIDE)
        case Oddity.SIGN_IN_PAGE:
            return SIGN_IN_PAGE.encode()
        case Oddity.EMPTY:
            return b""
        case _:
            assert_never(oddity)


def _flat_png(side: int) -> bytes:
    """Return a white square of one bit a pixel, written row by row: it never fills the memory.

    Source: PNG specification (third edition), 5.3 chunk layout, 11.2.1 IHDR.
    """
    squeeze = zlib.compressobj(9)
    row = b"\0" + b"\xff" * (side // 8)
    rows = b"".join([*(squeeze.compress(row) for _ in range(side)), squeeze.flush()])
    head = pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(body)) + name + body + pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
