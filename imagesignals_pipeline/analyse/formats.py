"""First bytes -> which format a file has, or why it is not analysed.

The first bytes decide, never a name or a Content-Type: both come from strangers.
"""

import re
from enum import StrEnum

from imagesignals_pipeline.model import Failure, FailureKind

HEAD_BYTES = 1024
"""How far into a file its format is looked for; PDF readers accept a header anywhere in it."""


class Format(StrEnum):
    """The formats that are analysed, by their names in Pillow (except PDF).

    BMP is here because Windows' Paint writes it and its decoder is short. TIFF is not: no phone
    or browser makes one, and libtiff is the largest source of decoder vulnerabilities in Pillow.
    """

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    GIF = "GIF"
    BMP = "BMP"
    AVIF = "AVIF"
    HEIF = "HEIF"
    PDF = "PDF"


ANALYSED = "JPEG, PNG, WebP, GIF, BMP, AVIF, HEIC and PDF are"

_PICTURES = (
    (Format.JPEG, rb"\xff\xd8\xff"),
    (Format.PNG, rb"\x89PNG\r\n\x1a\n"),
    (Format.WEBP, rb"RIFF....WEBP"),
    (Format.GIF, rb"GIF8[79]a"),
    # "BM" alone begins many words: the size of the second header must be one of the known ones.
    (Format.BMP, rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
    # An ISO media file lists the brands it complies with in its first box.
    (Format.AVIF, rb"\0\0..ftyp(?:avi[fs]|(?:mif1|msf1).{0,60}avi[fs])"),
    (Format.HEIF, rb"\0\0..ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)"),
)

_OTHERS = (
    ("TIFF", rb"II\*\0|MM\0\*|II\+\0|MM\0\+"),
    ("JPEG 2000", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    ("JPEG XL", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
    ("Photoshop", rb"8BPS"),
    ("icon", rb"\0\0[\x01\x02]\0"),
    ("video", rb"....ftyp|\x1a\x45\xdf\xa3|RIFF....AVI |\0\0\x01\xba"),
    ("PostScript", rb"%!PS|\xc5\xd0\xd3\xc6"),
    ("ZIP or office document", rb"PK\x03\x04|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
)

_SVG = rb"(?:(?><\?xml.*?\?>|<!--.*?-->|<!doctype\s+svg.*?>|\s))*+<(?:\w+:)?svg[\s>]"
"""Without going back: each comment of a long page would double the ways to read it."""
_PAGE = rb"<(?:!doctype|!--|\?|[a-z])"
_JSON = rb"[{\[]\s*[\"{\[\]}\d]"


def sniff(content: bytes) -> Format | Failure:
    """Return the format of a file, or why it is skipped.

    A file of no bytes is a failure that may pass; everything else that is refused here is
    content that we do not analyse.
    """
    if not content:
        return Failure(FailureKind.EMPTY, "Empty file: the address answers with no content")
    head = content[:HEAD_BYTES]
    for known, magic in _PICTURES:
        if re.match(magic, head, re.DOTALL):
            return known
    for name, magic in _OTHERS:
        if re.match(magic, head, re.DOTALL):
            return _unsupported(name)
    return _document(head)


def _document(head: bytes) -> Format | Failure:
    """Tell apart the texts: pages and messages of servers, SVG, PDF."""
    text = (
        head.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").lstrip(b"\xff\xfe \t\r\n\f").lower()
    )
    if re.match(_SVG, text, re.DOTALL):
        return _unsupported("SVG")
    if re.match(_PAGE, text):
        return _not_an_image("answers with a web page (a sign-in or error page?)")
    if re.match(_JSON, text):
        return _not_an_image("answers with a JSON message (an error?)")
    if b"%pdf-" in text:
        return Format.PDF
    return _not_an_image("answers with something of no known picture format")


def _unsupported(name: str) -> Failure:
    detail = f"Format not analysed: {name} ({ANALYSED})"
    return Failure(FailureKind.UNSUPPORTED_FORMAT, detail)


def _not_an_image(what: str) -> Failure:
    return Failure(FailureKind.NOT_AN_IMAGE, f"Not an image: the address {what}")
