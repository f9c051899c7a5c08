"""Bytes -> an upright RGB picture, or the reason why there is none.

Everything that is measured later is measured on the pixels of this module, so that one picture
gives one set of signals however its file is built. JPEGs are decoded at full scale: a decoder at
half the size is faster, but it changes the 64-bit hash of every other screenshot, and the digest
of the pixels always (`bench_analyze.py` counts it). Colour profiles are not applied: they move
colours by less than a recompression does. Limits of memory and time are those of the process
(room `workers`); the limits here are those that a header already tells.
"""

import contextlib
import hashlib
import importlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from types import MappingProxyType

from PIL import Image

from imagesignals_pipeline.analyse import pdf
from imagesignals_pipeline.analyse.formats import Format, sniff
from imagesignals_pipeline.analyse.hashes import pixels_sha256
from imagesignals_pipeline.analyse.normalise import oriented, rgb
from imagesignals_pipeline.model import Failure, FailureKind

MAX_PIXELS = 50_000_000
"""A 12,000 x 4,000 scroll or a 50-megapixel camera; in RGB with alpha, 200 MB of memory."""

MAX_SIDE_PX = 20_000
"""Longest side: a scrolled screenshot of eight phone screens has 19,200 pixels."""

MAX_FRAMES = 500
"""Of an animation; how many pixels they may have together is `MAX_PIXELS`. Digesting so much takes
about as long as the largest picture."""

FIRST_FRAME = "only the first of its frames was analysed"

_EXIF_IFD = 0x8769
_ORIENTATION = 0x0112
_UPRIGHT = 1

_PLUGINS = MappingProxyType(
    {
        Format.JPEG: "PIL.JpegImagePlugin",
        Format.PNG: "PIL.PngImagePlugin",
        Format.WEBP: "PIL.WebPImagePlugin",
        Format.GIF: "PIL.GifImagePlugin",
        Format.BMP: "PIL.BmpImagePlugin",
        Format.AVIF: "PIL.AvifImagePlugin",
        Format.HEIF: "pillow_heif.HeifImagePlugin",  # the optional package pillow-heif
    }
)


_PHOTOS = frozenset({Format.JPEG, Format.HEIF})
"""Behind the first picture phones write previews of it, and depth."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture and what its file says besides.

    `image` is upright RGB. `exif` holds the tags of the main and the Exif directory, None where
    the file has no EXIF block; `info` is Pillow's, with XMP, comments and text chunks. `remarks`
    are clauses for the operator on what of the file was measured. `rest` is a digest of what else
    the file shows, later pages or frames, or that a PDF ends here; empty of other pictures, which
    may show the beginning of any file. `is_all`: nothing else is shown. `transparency` is a digest
    of what can be seen through; empty where nothing can.
    """

    image: Image.Image
    format: Format
    exif: Mapping[int, object] | None = None
    info: Mapping[str, object] = field(default_factory=dict[str, object])
    remarks: tuple[str, ...] = ()
    rest: bytes = b""
    is_all: bool = True
    transparency: bytes = b""


def decode(content: bytes) -> Picture | Failure:
    """Return the picture that the bytes hold, upright and in RGB, or why they hold none.

    Of an animation the first frame is taken, of a PDF the first page. Parts that are transparent
    become white, or black if that shows more.

    Args:
        content: The file, from anyone.

    Raises:
        MemoryError: The process may not have the memory that the decoder asks for.
    """
    kind = sniff(content)
    if isinstance(kind, Failure):
        return kind
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # thousands of them for one odd EXIF block
            if kind is Format.PDF:
                return _page(content)
            return _picture(content, kind)
    except MemoryError:
        raise
    except Image.DecompressionBombError:
        return _too_large("more than any camera's or screen's")
    except Exception as error:  # noqa: BLE001 - on hostile files Pillow's plugins raise almost anything (SyntaxError, NotImplementedError, struct.error, ...)
        return _damaged(kind, error)


def _page(content: bytes) -> Picture | Failure:
    page = pdf.first_page(content)
    if isinstance(page, Failure):
        return page
    remarks = (page.remark,)
    return Picture(page.image, Format.PDF, remarks=remarks, rest=page.rest, is_all=page.is_only)


def _picture(content: bytes, kind: Format) -> Picture | Failure:
    try:
        importlib.import_module(_PLUGINS[kind])
    except ImportError:
        detail = "Format not analysed: HEIC without the optional package pillow-heif"
        return Failure(FailureKind.UNSUPPORTED_FORMAT, detail)
    image = Image.open(BytesIO(content), formats=[kind])
    if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE_PX:
        return _too_large(f"{image.width:,} x {image.height:,}")
    image.load()
    exif = _exif(image)
    flat, transparency = rgb(image)
    upright = oriented(flat, (exif or {}).get(_ORIENTATION, _UPRIGHT))
    info = {str(name): value for name, value in image.info.items()}
    picture = Picture(upright, kind, exif, info, transparency=transparency)
    if not _is_animated(image):
        return picture
    rest = b"" if kind in _PHOTOS else _later_frames(content, kind)
    return replace(picture, remarks=(FIRST_FRAME,), rest=rest, is_all=not rest)


def _later_frames(content: bytes, kind: Format) -> bytes:
    """Return a digest of what an animation shows after its first frame; b"" if nothing else.

    Neither metadata nor for how long a frame is shown, or is repeated, change it. Frames are as
    many and as large as a stranger likes: where they are too many, or one of them is broken, it is
    the file's digest.
    """
    shown: list[bytes] = []
    try:
        for frame in _frames(content, kind):
            digest = pixels_sha256(*rgb(frame))
            if digest not in shown[-1:]:
                shown.append(digest)
    except Exception:  # noqa: BLE001 - a broken second frame does not spoil the first, however it breaks
        return hashlib.sha256(content).digest()
    return hashlib.sha256(b"".join(shown[1:])).digest() if shown[1:] else b""


def _frames(content: bytes, kind: Format) -> Iterator[Image.Image]:
    """Yield the frames of an animation, not yet loaded, each in the place of the one before.

    Raises:
        DecompressionBombError: They are too many.
    """
    image = Image.open(BytesIO(content), formats=[kind])
    pixels = 0
    for number in range(MAX_FRAMES + 1):
        try:
            image.seek(number)
        except EOFError:
            return
        pixels += image.width * image.height  # of a GIF a later frame may be larger
        if pixels > MAX_PIXELS:
            break
        yield image
    raise Image.DecompressionBombError


def _exif(image: Image.Image) -> Mapping[int, object] | None:
    """Return the tags of the main and the Exif directory; what cannot be read is left out.

    Pillow's own `getexif()` adds an orientation that only XMP names, by which no browser turns.
    """
    block, profile = image.info.get("exif"), image.info.get("Raw profile type exif", "")
    if not block and not profile:
        return None
    tags: dict[int, object] = {}
    with contextlib.suppress(Exception):  # EXIF of any kind never fails a picture
        exif = Image.Exif()
        exif.load(block or _unpacked(profile))
        tags.update(exif)
        tags.update(exif.get_ifd(_EXIF_IFD))
    return MappingProxyType(tags)


def _unpacked(profile: str) -> bytes:
    """Return the EXIF block that ImageMagick writes into a PNG: hex digits below three lines."""
    return bytes.fromhex("".join(profile.split("\n")[3:]))


def _is_animated(image: Image.Image) -> bool:
    """Return whether there are more frames; GIF has to look for a second one."""
    with contextlib.suppress(Exception):  # a broken second frame does not spoil the first
        return bool(getattr(image, "is_animated", False))
    return False


def _too_large(size: str) -> Failure:
    limit = f"{MAX_PIXELS // 1_000_000} megapixels, {MAX_SIDE_PX:,} a side"
    return Failure(FailureKind.TOO_MANY_PIXELS, f"Too many pixels: {size} (limit: {limit})")


def _damaged(kind: Format, error: Exception) -> Failure:
    """Name the damage without the decoder's words, which may hold parts of the file."""
    if "truncated" in str(error).lower():
        detail = f"Damaged picture: the {kind} file is cut off (an interrupted upload?)"
    else:
        detail = f"Damaged picture: the {kind} file cannot be decoded"
    return Failure(FailureKind.DAMAGED, detail)
