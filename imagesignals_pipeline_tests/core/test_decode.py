"""Any bytes become an upright RGB picture, or a failure with an operator's sentence."""

import hashlib
import io
import multiprocessing
import struct
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from imagesignals_pipeline.analyse import decode as decoding
from imagesignals_pipeline.analyse import hashes
from imagesignals_pipeline.analyse.decode import Picture, decode
from imagesignals_pipeline.analyse.formats import Format
from imagesignals_pipeline.analyse.normalise import TURNS
from imagesignals_pipeline.analyse.pdf import LONG_SIDE_PX, SHORT_SIDE_PX
from imagesignals_pipeline.model import Failure, FailureKind
from imagesignals_pipeline.workers import Limits
from imagesignals_pipeline.workers.process import held_to
from imagesignals_pipeline_tests.core.drawing import blocks, encode, page, photo

FORMATS = [Format.JPEG, Format.PNG, Format.WEBP, Format.GIF, Format.BMP, Format.AVIF]


def picture_of(content: bytes) -> Picture:
    """Decode bytes that must be a picture."""
    decoded = decode(content)
    assert isinstance(decoded, Picture), decoded
    return decoded


def failure_of(content: bytes) -> Failure:
    """Decode bytes that must not be a picture."""
    decoded = decode(content)
    assert isinstance(decoded, Failure), decoded
    return decoded


def difference(first: Image.Image, second: Image.Image) -> float:
    """Return the mean difference of two pictures of one size, in levels."""
    return float(np.abs(np.asarray(first, float) - np.asarray(second, float)).mean())


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_of_the_list_is_decoded(kind: Format) -> None:
    """A picture keeps its size and its pixels, up to the losses of its format."""
    original = blocks()
    picture = picture_of(encode(original, kind))
    assert (picture.format, picture.image.mode) == (kind, "RGB")
    assert picture.image.size == original.size
    assert difference(picture.image, original) < 12


def test_a_jpeg_of_several_pictures_is_its_first() -> None:
    """Phones write previews and depth maps behind the photo (MPO): the photo is analysed."""
    first, second = photo(seed=1), photo(seed=2)
    content = encode(first, "MPO", save_all=True, append_images=[second])
    picture = picture_of(content)
    assert picture.format is Format.JPEG
    assert difference(picture.image, first) < difference(picture.image, second)
    assert picture.remarks == ("only the first of its frames was analysed",)
    assert picture.rest == b""


@pytest.mark.parametrize("kind", [Format.GIF, Format.WEBP, Format.PNG, Format.AVIF])
def test_of_an_animation_the_first_frame_counts(kind: Format) -> None:
    """Further frames change nothing but the remark."""
    frames = [blocks(seed=seed).quantize(64).convert("RGB") for seed in (1, 2, 3)]
    content = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    picture = picture_of(content)
    assert difference(picture.image, frames[0]) < 12
    assert picture.remarks == ("only the first of its frames was analysed",)
    assert picture_of(encode(frames[0], kind)).remarks == ()


def test_a_broken_second_frame_does_not_spoil_the_first() -> None:
    """A GIF whose second frame is garbage is analysed like one without it."""
    frames = [blocks(seed=seed).quantize(64) for seed in (1, 2)]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    single = picture_of(encode(frames[0], "GIF")).image
    assert difference(picture_of(content[: len(content) * 6 // 10]).image, single) < 1


@pytest.mark.parametrize("orientation", [1, *TURNS, 0, 9, 65535])
@pytest.mark.parametrize("kind", [Format.JPEG, Format.PNG, Format.WEBP])
def test_pictures_are_turned_upright(kind: Format, orientation: int) -> None:
    """A picture stored in any of the eight orientations is seen as the one that was taken.

    The oracle turns the upright picture by the inverse, so that only the right turn gives it back.
    """
    upright = blocks()
    inverse = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    turn = inverse.get(orientation, TURNS.get(orientation))
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if kind is Format.WEBP else {}
    picture = picture_of(encode(stored, kind, exif=exif, **options))
    assert picture.image.size == upright.size
    assert difference(picture.image, upright) < 12


@pytest.mark.parametrize("kind", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF])
def test_xmp_turns_nothing(kind: Format) -> None:
    """Browsers turn by EXIF alone: an orientation that only XMP names is passed over."""
    said = '<rdf:Description tiff:Orientation="6"/>'
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", said)
    options: dict[str, Any] = {"pnginfo": chunks} if kind is Format.PNG else {"xmp": said.encode()}
    content = encode(blocks(), kind, **options)
    with Image.open(io.BytesIO(content)) as stored:
        assert stored.getexif()[0x0112] == 6
    picture = picture_of(content)
    assert picture.image.size == blocks().size
    assert picture.exif is None


@pytest.mark.parametrize("orientation", [1, *TURNS])
def test_avif_is_turned_by_its_own_boxes(orientation: int) -> None:
    """An AVIF is turned and mirrored as its boxes say, and not a second time by EXIF."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = picture_of(encode(blocks(), "AVIF", exif=exif)).image
    turn = TURNS.get(orientation)
    assert difference(seen, blocks() if turn is None else blocks().transpose(turn)) < 12


def test_imagemagick_s_exif_turns_too() -> None:
    """PNGs of older programs hold EXIF as hex digits in a text chunk."""
    exif = Image.Exif()
    exif[0x0112] = 6
    block = exif.tobytes()
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=True)
    seen = picture_of(encode(blocks(), pnginfo=chunks)).image
    assert difference(seen, blocks().transpose(Image.Transpose.ROTATE_270)) == 0


def with_alpha(image: Image.Image, alpha: int) -> Image.Image:
    """Give a picture the same alpha everywhere."""
    image = image.convert("RGBA")
    image.putalpha(alpha)
    return image


def test_what_is_transparent_is_white() -> None:
    """A picture hidden under full transparency is as blank for us as for a person."""
    picture = picture_of(encode(with_alpha(blocks(), 0)))
    assert picture.image.getextrema() == ((255, 255),) * 3


def test_half_transparent_is_half_white() -> None:
    """Alpha mixes the picture with white paper."""
    seen = picture_of(encode(with_alpha(blocks(), 128))).image
    expected = np.asarray(blocks(), float) * 128 / 255 + 255 * 127 / 255
    assert np.abs(np.asarray(seen, float) - expected).max() <= 1


def test_a_transparent_colour_is_white() -> None:
    """A colour that a PNG or GIF calls transparent is white, in palettes and in RGB."""
    original = Image.new("RGB", (8, 4), "red")
    original.paste("blue", (4, 0, 8, 4))
    palette = original.quantize(4)
    index = palette.getpixel((0, 0))
    for content in (
        encode(original, transparency=(255, 0, 0)),
        encode(palette, transparency=index),
        encode(palette, "GIF", transparency=index),
    ):
        seen = picture_of(content).image
        assert seen.getpixel((0, 0)) == (255, 255, 255)
        assert seen.getpixel((7, 0)) == (0, 0, 255)


def bmp(image: Image.Image) -> bytes:
    """Write a BMP of 32 bits with a mask for alpha, by the newest header (of 124 bytes)."""
    pixels = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGRA")
    header = struct.pack("<I2i2H6I", 124, *image.size, 1, 32, 3, len(pixels), 2835, 2835, 0, 0)
    header += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = header.ljust(124, b"\0")
    size = 14 + len(header) + len(pixels)
    return b"BM" + struct.pack("<I2HI", size, 0, 0, 14 + len(header)) + header + pixels


def test_a_bmp_s_empty_alpha_hides_nothing() -> None:
    """Programs that know no alpha leave it zero: browsers show such a BMP, and only such a file."""
    hidden = picture_of(bmp(with_alpha(blocks(), 0)))
    assert difference(hidden.image, blocks()) == 0
    assert hidden.transparency == b""
    seen = with_alpha(blocks(), 0)
    seen.putpixel((0, 0), (1, 2, 3, 255))
    assert picture_of(bmp(seen)).image.getpixel((9, 9)) == (255, 255, 255)


def test_grey_alpha_is_laid_on_white() -> None:
    """A grey picture with alpha becomes RGB on white."""
    assert picture_of(encode(Image.new("LA", (3, 3), (0, 51)))).image.getpixel((0, 0)) == (204,) * 3


def test_deep_grey_keeps_its_tones() -> None:
    """A 16-bit grey picture is scaled to 8 bits and not clipped to white."""
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)
    seen = np.asarray(picture_of(encode(Image.fromarray(ramp))).image)[..., 0]
    assert (seen == (ramp >> 8)).all()


def test_deep_grey_knows_its_transparent_tone() -> None:
    """The tone that a 16-bit grey PNG calls transparent is white."""
    tones = np.array([[100, 40_000]], dtype=np.uint16)
    seen = picture_of(encode(Image.fromarray(tones), transparency=100)).image
    assert [seen.getpixel((x, 0)) for x in (0, 1)] == [(255,) * 3, (156,) * 3]


def test_deep_colour_is_scaled() -> None:
    """A PNG with 16 bits a channel is decoded to their upper 8."""
    row = b"\0" + struct.pack(">6H", 65535, 0, 32768, 256, 512, 1024)
    seen = picture_of(png(2, 1, 16, 2, zlib.compress(row))).image
    assert [seen.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 128), (1, 2, 4)]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGB"])
def test_every_pixel_mode_becomes_rgb(mode: str) -> None:
    """One-bit, grey, palette and print pictures look as they did."""
    original = blocks().convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    picture = picture_of(encode(original, kind))
    assert picture.image.mode == "RGB"
    assert difference(picture.image, original.convert("RGB")) < 12


@pytest.mark.parametrize("size", [(1, 1), (50, 4000), (4000, 50), (1, 20_000)])
def test_odd_sizes_are_decoded(size: tuple[int, int]) -> None:
    """Neither a single pixel nor a strip is an error."""
    assert picture_of(encode(Image.new("RGB", size, "green"))).image.size == size


def png(width: int, height: int, depth: int, colour: int, data: bytes, *extra: bytes) -> bytes:
    """Build a PNG by hand, with chunks that no encoder writes."""
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0))
    body = b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


def chunk(name: bytes, data: bytes) -> bytes:
    """Build one chunk of a PNG."""
    check = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + check


@pytest.mark.parametrize(
    ("width", "height"), [(12_000, 12_000), (13_375, 13_375), (20_001, 1), (60_000, 60_000)]
)
def test_too_many_pixels_are_refused_before_they_are_decoded(width: int, height: int) -> None:
    """A header is enough to refuse: the file has no pixels at all."""
    failure = failure_of(png(width, height, 8, 2, b""))
    assert failure.kind is FailureKind.TOO_MANY_PIXELS
    assert failure.detail.startswith("Too many pixels")
    assert "limit: 50 megapixels, 20,000 a side" in failure.detail


def test_the_largest_picture_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest picture over a limit is refused, the one at the limit is not."""
    content = encode(Image.new("RGB", (100, 10)))
    for pixels, side_px, refused in ((999, 100, True), (1000, 99, True), (1000, 100, False)):
        monkeypatch.setattr(decoding, "MAX_PIXELS", pixels)
        monkeypatch.setattr(decoding, "MAX_SIDE_PX", side_px)
        assert isinstance(decode(content), Failure) == refused


def test_a_bomb_of_text_is_damage() -> None:
    """Sixty compressed megabytes of comments in a small PNG are not unpacked to the end."""
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1024 * 1024)))
    bomb = png(1, 1, 8, 2, zlib.compress(bytes(4)), *[text] * 70)
    assert failure_of(bomb).kind is FailureKind.DAMAGED


HTML = "Not an image: the address answers with a web page (a sign-in or error page?)"
JSON = "Not an image: the address answers with a JSON message (an error?)"
OTHER = "Not an image: the address answers with something of no known picture format"


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"<!DOCTYPE html><html>", HTML),
        (b"\xef\xbb\xbf \r\n<html lang=en>", HTML),
        (b"<!-- made by x --><head>", HTML),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", HTML),
        ("<html>".encode("utf-16"), HTML),
        (b"<!doctype html> %PDF-1.4", HTML),
        (b'{"statusCode":"404","error":"not_found"}', JSON),
        (b"[]", JSON),
        (b"Not found", OTHER),
        (b"BMP is what this text is about, not what it is", OTHER),
        (b"\0", OTHER),
        (b" " * 5000, OTHER),
    ],
)
def test_what_is_no_picture_is_skipped(content: bytes, detail: str) -> None:
    """Pages and messages of servers are told apart, whatever they are called."""
    assert failure_of(content) == Failure(FailureKind.NOT_AN_IMAGE, detail)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?>\n<!-- a --><!DOCTYPE svg PUBLIC 'x' 'y'>\n<svg:svg >", "SVG"),
        (encode(blocks(), "TIFF"), "TIFF"),
        (b"MM\0*" + bytes(20), "TIFF"),
        (encode(blocks(), "JPEG2000"), "JPEG 2000"),
        (encode(blocks(64, 64), "ICO"), "icon"),
        (b"\0\0\0\x18ftypmp42" + bytes(20), "video"),
        (b"8BPS\0\1", "Photoshop"),
        (b"PK\x03\x04", "ZIP or office document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
    ],
)
def test_formats_outside_the_list_are_skipped(content: bytes, name: str) -> None:
    """A format that we know and do not decode is named."""
    failure = failure_of(content)
    assert failure.kind is FailureKind.UNSUPPORTED_FORMAT
    assert failure.detail.startswith(f"Format not analysed: {name} (JPEG, PNG,")


def test_a_page_of_comments_is_read_once() -> None:
    """How long it takes to say what a file is does not double with each comment in it."""
    began = time.process_time()
    assert failure_of(b"<!-- a -->" * 200 + b"<html>").kind is FailureKind.NOT_AN_IMAGE
    assert time.process_time() - began < 0.5


@pytest.mark.skipif(Format.HEIF in Image.OPEN, reason="pillow-heif is installed")
def test_heic_needs_its_package() -> None:
    """The iPhone's own format is skipped with a hint to the optional package."""
    failure = failure_of(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(100))
    assert failure.kind is FailureKind.UNSUPPORTED_FORMAT
    assert "pillow-heif" in failure.detail


def test_avif_is_known_by_its_brands() -> None:
    """A file that calls itself an image collection and lists AVIF is decoded as AVIF."""
    content = encode(blocks(), "AVIF")
    assert content[8:12] == b"avif"
    renamed = content[:8] + b"mif1" + content[12:]
    assert picture_of(renamed).format is Format.AVIF


def test_an_empty_file_may_be_there_later() -> None:
    """No bytes at all are a failure that is tried again, not a skip."""
    failure = failure_of(b"")
    assert failure.kind is FailureKind.EMPTY
    assert failure.detail.startswith("Empty file")


@pytest.mark.parametrize("kind", [*FORMATS, Format.PDF])
def test_cut_off_files_are_damaged(kind: Format) -> None:
    """An interrupted upload is a failure, never half a picture."""
    content = encode(photo(), kind)
    failure = failure_of(content[: len(content) // 2])
    assert failure.kind is FailureKind.DAMAGED
    assert failure.detail.startswith("Damaged picture: the ")


def test_an_interrupted_upload_is_named() -> None:
    """The usual damage, a JPEG or PNG without its end, is told in words."""
    for kind in (Format.JPEG, Format.PNG):
        content = encode(photo(), kind)
        detail = f"Damaged picture: the {kind} file is cut off (an interrupted upload?)"
        assert failure_of(content[: len(content) // 2]) == Failure(FailureKind.DAMAGED, detail)


def test_the_decoder_s_words_are_not_repeated() -> None:
    """What Pillow says of a broken file may hold parts of it; the operator's line does not."""
    broken = png(1, 1, 8, 2, zlib.compress(bytes(4)), chunk(b"AAAA", b"")).replace(b"AAAA", b"A<b>")
    assert failure_of(broken) == Failure(
        FailureKind.DAMAGED, "Damaged picture: the PNG file cannot be decoded"
    )


def test_a_pdf_is_its_first_page() -> None:
    """A receipt as PDF is rendered as wide as a phone's screenshot, and says so."""
    first, second = page(), blocks(540, 1170)
    content = encode(first, "PDF", save_all=True, append_images=[second])
    picture = picture_of(content)
    assert (picture.format, picture.image.mode) == (Format.PDF, "RGB")
    assert picture.image.width == SHORT_SIDE_PX
    assert picture.remarks == ("rendered from the first of 2 pages of a PDF",)
    seen = picture.image.resize(first.size)
    assert difference(seen, first) < 5 < difference(seen, second)


def test_a_pdf_may_begin_late() -> None:
    """PDF readers accept a header anywhere in the first kilobyte, and so do we."""
    assert picture_of(b"\r\n\r\n" + encode(page(), "PDF")).format is Format.PDF


def test_a_long_pdf_page_is_made_smaller() -> None:
    """A till roll of 50 to 1 is rendered within the limit of its long side."""
    picture = picture_of(encode(Image.new("RGB", (60, 3000), "grey"), "PDF"))
    assert picture.image.size == (80, LONG_SIDE_PX)


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """Build a PDF by hand."""
    file = io.BytesIO()
    file.write(b"%PDF-1.4\n")
    starts: list[int] = []
    for number, body in enumerate(objects, 1):
        starts.append(file.tell())
        file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.writelines(b"%010d 00000 n \n" % start for start in starts)
    size = len(objects) + 1
    file.write(b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n" % (size, trailer, table))
    return file.getvalue() + b"%%EOF\n"


CATALOGUE = b"<</Type/Catalog/Pages 2 0 R>>"


def test_a_locked_pdf_is_skipped() -> None:
    """A statement with a password is no damage: it is skipped, with the reason."""
    pages = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]>>"
    key = b"<%s>" % (b"4f" * 32)
    lock = b"<</Filter/Standard/V 1/R 2/O %s/U %s/P -4>>" % (key, key)
    locked = pdf(CATALOGUE, pages, leaf, lock, trailer=b"/Encrypt 4 0 R/ID[<01><01>]")
    assert failure_of(locked) == Failure(
        FailureKind.UNSUPPORTED_FORMAT, "The PDF is locked with a password"
    )


def test_a_pdf_without_pages_is_damaged() -> None:
    """There is nothing to render, and the lock of an earlier document is not taken for its own."""
    test_a_locked_pdf_is_skipped()
    for count in (0, 1):
        empty = pdf(CATALOGUE, b"<</Type/Pages/Kids[]/Count %d>>" % count)
        assert failure_of(empty).detail == "Damaged picture: the PDF file cannot be decoded"


def test_a_pdf_page_of_no_size_is_bounded() -> None:
    """Nonsense for a page's size gives a picture within the limits, or a failure."""
    for box in (b"0 0 0 0", b"0 0 -5 9", b"0 0 1e30 1", b"0 0 1e9 1e9", b"a"):
        leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]>>" % box
        odd = decode(pdf(CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", leaf))
        assert isinstance(odd, Failure) or max(odd.image.size) <= LONG_SIDE_PX


def form(values: Sequence[bytes], *, drawn: bool, catalogue: bytes = b"") -> bytes:
    """Build a page of one line with fields that are filled in, drawn by who did or left to us."""
    lines = b"BT /F1 24 Tf 60 780 Td (Receipt of the society) Tj ET"
    objects = [
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"",
        b"<</Length %d>>stream\n%s\nendstream" % (len(lines), lines),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    fields: list[bytes] = []
    for row, value in enumerate(values):
        look = b""
        if drawn:
            text = b"/Tx BMC BT /F1 20 Tf 2 8 Td (%s) Tj ET EMC" % value
            kind = b"/Type/XObject/Subtype/Form/BBox[0 0 240 30]/Resources<</Font<</F1 5 0 R>>>>"
            objects.append(b"<<%s/Length %d>>stream\n%s\nendstream" % (kind, len(text), text))
            look = b"/AP<</N %d 0 R>>" % (len(objects) + 1)
        high = 700 - 60 * row
        place = b"/Rect[320 %d 560 %d]/P 3 0 R/DA(/F1 20 Tf 0 g)" % (high, high + 30)
        said = b"/Type/Annot/Subtype/Widget/FT/Tx/F 4/T(f%d)/V(%s)" % (row, value)
        objects.append(b"<<%s%s%s>>" % (said, place, look))
        fields.append(b"%d 0 R" % (len(objects) + 1))
    listed = b" ".join(fields)
    objects[1] = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>/Annots[%s]>>" % listed
    )
    resources = b"/DR<</Font<</F1 5 0 R>>>>/DA(/F1 20 Tf 0 g)"
    root = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[%s]%s%s>>>>"
    return pdf(root % (listed, resources, catalogue), *objects)


@pytest.mark.parametrize("drawn", [True, False])
def test_what_was_filled_into_a_pdf_is_seen(*, drawn: bool) -> None:
    """Two receipts of one form show what was written into each."""
    one, other = (
        picture_of(form(values, drawn=drawn)).image
        for values in ((b"3500.00", b"5 March"), (b"4200.00", b"7 April"))
    )
    empty = picture_of(form((b"", b""), drawn=drawn)).image
    assert hashes.pixels_sha256(one) != hashes.pixels_sha256(other)
    assert difference(one, empty) > 0.1


def test_a_form_that_only_adobe_s_reader_shows_is_skipped() -> None:
    """Everybody else's shows the same page that asks to wait, whatever was filled in."""
    dynamic = form((b"1",), drawn=True, catalogue=b"/XFA(<xdp/>)")
    dynamic = dynamic.replace(b"/Type/Catalog", b"/NeedsRendering true/Type/Catalog")
    failure = failure_of(dynamic)
    assert failure.kind is FailureKind.UNSUPPORTED_FORMAT
    assert "form that only Adobe" in failure.detail


@pytest.mark.parametrize("kind", ["PDF", "GIF", "PNG", "WEBP"])
def test_what_else_a_file_shows_is_digested(kind: str) -> None:
    """Later pages and frames are not measured, but they tell two files apart."""
    first, *others = page(lines=8), page(lines=5), page(lines=11)

    def rest(*more: Image.Image) -> bytes:
        content = encode(first, kind, save_all=True, append_images=more)
        return picture_of(content).rest

    assert (rest() == b"") == (kind != "PDF")
    assert len({rest(), *(rest(each) for each in others), rest(*others)}) == 4
    assert rest(*others) == rest(*others)


def film(kind: str, *frames: Image.Image, said: str = "", **options: Any) -> bytes:
    """Return an animation of these frames, without loss, with a remark in its metadata."""
    if kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("Comment", said)
    options |= {"GIF": {"comment": said}, "WEBP": {"xmp": said.encode(), "lossless": True}}.get(
        kind, {}
    )
    return encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_saved_again_shows_the_same(kind: str) -> None:
    """Neither metadata nor the time of a frame tell two animations apart; the last frame does."""
    frames = [page(270, 585, lines=lines) for lines in range(1, 13)]
    first = film(kind, *frames, said="a", duration=50)
    again = film(kind, *frames, said="b", duration=80)
    assert first != again
    rest = picture_of(first).rest
    assert picture_of(again).rest == rest != hashlib.sha256(first).digest()
    assert picture_of(film(kind, *frames[:-1], page(270, 585, lines=14))).rest != rest
    assert picture_of(film(kind, *frames[:-1])).rest != rest
    assert picture_of(film(kind, frames[0], *frames[:0:-1])).rest != rest


def test_a_frame_that_is_repeated_adds_nothing() -> None:
    """Some programs write a frame again where others show it for longer."""
    frames = [blocks(seed=1).quantize(64), blocks(seed=2).quantize(64)]

    def shown(*numbers: int) -> bytes:
        content = film("GIF", *frames, duration=50)
        head, *parts = content.removesuffix(b";").split(b"!\xf9\4")
        return head + b"".join(b"!\xf9\4" + parts[number] for number in numbers) + b";"

    assert picture_of(shown(0, 1, 1, 1)).rest == picture_of(shown(0, 1)).rest != b""
    assert picture_of(shown(0, 0)).rest == b""
    assert picture_of(shown(0, 0)).remarks == ("only the first of its frames was analysed",)


@pytest.mark.parametrize(("frames", "pixels"), [(2, 50_000_000), (500, 3 * 120 * 160 - 1)])
def test_of_too_many_frames_the_file_is_digested(
    frames: int, pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would take too long to look at is told apart by its bytes."""
    content = film("GIF", *(blocks(seed=seed) for seed in (1, 2, 3)))
    assert picture_of(content).rest != hashlib.sha256(content).digest()
    monkeypatch.setattr(decoding, "MAX_FRAMES", frames)
    monkeypatch.setattr(decoding, "MAX_PIXELS", pixels)
    assert picture_of(content).rest == hashlib.sha256(content).digest()


def test_a_frame_that_grows_is_not_decoded() -> None:
    """The second frame of a GIF may say that it is larger than the picture: its bytes tell."""
    content = film("GIF", blocks(seed=1), blocks(seed=2))
    place = content.rindex(struct.pack("<B4H", 0x2C, 0, 0, 120, 160)) + 5
    grown = content[:place] + struct.pack("<2H", 13_000, 13_000) + content[place + 4 :]
    began = time.process_time()
    assert picture_of(grown).rest == hashlib.sha256(grown).digest()
    assert time.process_time() - began < 0.5


def test_a_broken_second_page_does_not_spoil_the_first() -> None:
    """What can be shown is analysed."""
    whole = encode(page(lines=8), "PDF", save_all=True, append_images=[page(lines=5)])
    second = whole.rindex(b"/MediaBox")
    broken = whole[:second] + whole[second:].replace(b"/Type /Page", b"/Type /Nope")
    assert picture_of(broken).remarks == ("rendered from the first of 2 pages of a PDF",)
    assert picture_of(broken).rest != picture_of(whole).rest


def test_unreadable_exif_fails_nothing() -> None:
    """A picture with nonsense for EXIF is analysed as if it had none."""
    content = encode(blocks(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(40))
    assert picture_of(content).exif == {}


def decode_in_little_memory(content: bytes) -> None:
    """Decode with 32 MiB more than the process has."""
    with held_to(Limits(memory_mib=32)):
        decode(content)


def test_memory_that_runs_out_is_no_damage() -> None:
    """A decoder that gets no memory is the process's matter: the picture is not called damaged."""
    content = encode(Image.new("RGB", (6000, 6000)), compress_level=1)
    fresh = multiprocessing.get_context("spawn")  # this one may have enough left of other pictures
    with ProcessPoolExecutor(1, mp_context=fresh) as process, pytest.raises(MemoryError):
        process.submit(decode_in_little_memory, content).result()
