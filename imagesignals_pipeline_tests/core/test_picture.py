"""Bytes become signals and a fingerprint, or a failure, whatever they are and in bounded time."""

import hashlib
import os
import re
import signal
import struct
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import spawn
from multiprocessing.resource_tracker import ensure_running
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from imagesignals_pipeline import match, picture
from imagesignals_pipeline.analyse import hashes
from imagesignals_pipeline.analyse.formats import Format, sniff
from imagesignals_pipeline.model import (
    Analysis,
    ExifSourceType,
    Failure,
    FailureKind,
    Fingerprint,
    OperatorError,
    Signals,
)
from imagesignals_pipeline.picture import Inspectors, inspect
from imagesignals_pipeline.workers import Limits, NoWorkersHereError
from imagesignals_pipeline_tests.core.drawing import blocks, encode, page, photo
from imagesignals_pipeline_tests.core.test_match_pictures import receipt

FUZZ_EXAMPLES = int(os.environ.get("IMAGESIGNALS_FUZZ_EXAMPLES", "250"))
"""Mutated files a run; set it to 100000 for a night."""

BOUND_S = 20.0
"""Longest time for one small mutated file, on a busy machine; the usual is a few milliseconds."""


def analysis_of(content: bytes) -> Analysis:
    """Inspect bytes that must be a picture."""
    result = inspect(content)
    assert isinstance(result, Analysis), result
    return result


def test_a_screenshot_has_its_signals() -> None:
    """Every column of a drawn receipt, as stored."""
    image = page(1080, 2400)
    content = encode(image)
    analysis = analysis_of(content)
    assert analysis.signals == Signals(
        perceptual_hash=hashes.dhash(image),
        exif_available=False,
        exif_creation_date=None,
        exif_source_type=ExifSourceType.UNKNOWN,
        exif_metadata_stripped=False,
        exif_editor_detected=None,
        metadata_notes="No EXIF, as is usual for screenshots and for pictures from messengers.",
        looks_like_screenshot=True,
        aspect_ratio="9:20",
        resolution_width=1080,
        resolution_height=2400,
        text_density_score=analysis.signals.text_density_score,
        screenshot_validity_explanation=(
            f"It looks like a screenshot: even areas, text on "
            f"{analysis.signals.text_density_score} % of the picture, "
            f"the shape of a phone's screen."
        ),
    )
    assert 5 <= analysis.signals.text_density_score <= 30
    assert analysis.fingerprint.content_sha256 == hashlib.sha256(content).digest()
    assert analysis.fingerprint.pixels_sha256 == hashes.pixels_sha256(image)
    assert analysis.fingerprint.payload == match.fingerprint(image)
    assert analysis.fingerprint.algorithm_version == match.ALGORITHM_VERSION


def test_signals_do_not_depend_on_the_file() -> None:
    """The same pixels as PNG, BMP, WebP or turned by EXIF have the same signals and digest."""
    image = page()
    turned = Image.Exif()
    turned[0x0112] = 6
    contents = [
        encode(image),
        encode(image, "BMP"),
        encode(image, "WEBP", lossless=True),
        encode(image.transpose(Image.Transpose.ROTATE_90), exif=turned),
        encode(image.convert("RGBA")),
    ]
    results = [analysis_of(content) for content in contents]
    assert len({result.signals for result in results}) == 1
    assert len({result.fingerprint.pixels_sha256 for result in results}) == 1
    assert len({result.fingerprint.content_sha256 for result in results}) == len(contents)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (1080, 2400), "black"),
        Image.new("RGB", (1, 1), "white"),
        Image.new("RGBA", (300, 600), (200, 0, 0, 0)),
        Image.new("L", (50, 4000), 90),
    ],
)
def test_blank_pictures_match_nothing_but_their_bytes(image: Image.Image) -> None:
    """A picture of one colour has no digest of pixels: half the world has sent it before."""
    analysis = analysis_of(encode(image))
    assert analysis.fingerprint.pixels_sha256 is None
    assert analysis.signals.perceptual_hash == "0" * 16
    assert not analysis.signals.looks_like_screenshot


def test_a_hidden_picture_is_not_seen() -> None:
    """A picture under full transparency is blank for people, and so it is for us."""
    hidden = page().convert("RGBA")
    hidden.putalpha(0)
    blank = Image.new("RGB", hidden.size, "white")
    assert analysis_of(encode(hidden)).signals == analysis_of(encode(blank)).signals


def test_light_text_on_no_ground_is_seen() -> None:
    """Of receipts that an app in dark mode shares, white would show the grey labels alone."""

    def shared(seed: int) -> Image.Image:
        written = ImageChops.invert(receipt(seed).convert("L"))
        card = Image.new("RGBA", written.size, (255, 255, 255, 0))
        card.putalpha(written.point([max(2 * grey - 255, 0) for grey in range(256)]))
        return card

    one, other = (analysis_of(encode(shared(seed))).fingerprint for seed in (1, 2))
    again = analysis_of(encode(shared(1), compress_level=1)).fingerprint
    assert again.pixels_sha256 == one.pixels_sha256
    assert one.pixels_sha256 != other.pixels_sha256
    assert not match.compare(one.payload, other.payload).same_picture
    smaller = analysis_of(encode(shared(1).reduce(2))).fingerprint
    assert match.compare(one.payload, smaller.payload).same_picture


def test_what_can_be_seen_through_tells_files_apart() -> None:
    """White on no ground is white on white: only its transparency shows what was written."""
    written = [page().convert("RGBA") for _ in range(2)]
    for image, text in zip(written, ("3,500", "9,100"), strict=True):
        ImageDraw.Draw(image).rectangle((0, 0, 400, 400), "white")
        ImageDraw.Draw(image).text((50, 50), text, (255, 255, 255, 0), font_size=60)
    one, other = (analysis_of(encode(image)).fingerprint for image in written)
    assert one.pixels_sha256 != other.pixels_sha256


def animation(*pictures: Image.Image, comment: str = "") -> bytes:
    """Return a GIF of these pictures in a few colours."""
    frames = [each.reduce(2).quantize(16) for each in pictures]
    return encode(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=comment)


def test_animations_differ_by_what_they_show() -> None:
    """With another comment an animation is the same picture; one that goes on otherwise is not."""
    shown = receipt(1), receipt(2)
    one, again, other = (
        analysis_of(each).fingerprint
        for each in (
            animation(*shown),
            animation(*shown, comment="again"),
            animation(shown[0], receipt(3)),
        )
    )
    assert one.pixels_sha256 == again.pixels_sha256 != other.pixels_sha256
    assert match.compare(one.payload, again.payload).same_picture
    verdict = match.compare(one.payload, other.payload)
    assert verdict.tier is match.Tier.SAME_TEMPLATE
    assert verdict.parted
    assert verdict.explanation == "the first page or frame agrees, but not what comes after it"


def test_a_blank_page_matches_nothing_but_its_bytes() -> None:
    """A PDF's only page is as blank as a screenshot of it, though a PDF of two is another one."""
    blank = Image.new("RGB", (540, 1170), "white")
    assert analysis_of(encode(blank, "PDF")).fingerprint.pixels_sha256 is None
    two = encode(blank, "PDF", save_all=True, append_images=[page()])
    assert analysis_of(two).fingerprint.pixels_sha256 is not None


def test_a_pdf_is_marked() -> None:
    """A PDF receipt has signals, and its notes and explanation say what it is."""
    signals = analysis_of(encode(page(), "PDF")).signals
    assert signals.metadata_notes.endswith("rendered from the only page of a PDF.")
    assert not signals.looks_like_screenshot
    assert signals.text_density_score > 3


SEEDS = [
    encode(blocks(48, 64), "JPEG", progressive=True),
    encode(blocks(48, 64), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x32\x01\x02\0" + bytes(30)),
    encode(blocks(48, 64)),
    encode(blocks(48, 64).quantize(16), transparency=1),
    encode(blocks(48, 64), save_all=True, append_images=[blocks(48, 64, 2)]),
    encode(blocks(48, 64), "WEBP"),
    encode(blocks(48, 64), "GIF", save_all=True, append_images=[blocks(48, 64, 2)]),
    encode(blocks(48, 64), "BMP"),
    encode(blocks(48, 64), "AVIF"),
    encode(blocks(48, 64), "PDF"),
    encode(blocks(48, 64), "MPO", save_all=True, append_images=[blocks(48, 64, 2)]),
]

EDITS = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(0, 6), st.binary(max_size=6)),
    min_size=1,
    max_size=8,
)


def mutated(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Replace, insert and cut bytes at these places (from the start, wrapping around)."""
    for place, cut, put in edits:
        start = place % (len(content) + 1)
        content = content[:start] + put + content[start + cut :]
    return content


@settings(
    max_examples=FUZZ_EXAMPLES,
    suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow],
)
@given(st.sampled_from(SEEDS), EDITS)
def test_damaged_files_give_signals_or_a_failure(
    seed: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    """No damage to a file of any format makes inspection raise or take long."""
    start = time.process_time()
    result = inspect(mutated(seed, edits))
    assert time.process_time() - start < BOUND_S
    if isinstance(result, Failure):
        assert result.detail.isprintable()
    else:
        assert result.signals.metadata_notes.isprintable()


@given(st.sampled_from([b"", b"%PDF-", b"BM", b"\xff\xd8\xff", b"RIFF"]), st.binary(max_size=300))
def test_any_bytes_give_a_failure(start: bytes, content: bytes) -> None:
    """What is not a file at all never is an exception."""
    assert isinstance(inspect(start + content), Failure)


@pytest.fixture(scope="module")
def inspectors() -> Iterator[Inspectors]:
    """Workers with the limits that operators have."""
    with Inspectors(2) as shared:
        yield shared


def test_pictures_are_answered_in_order(inspectors: Inspectors) -> None:
    """Workers give what inspecting here gives, each in its place."""
    contents = [
        encode(page(lines=3)),
        b"<html>",
        encode(page(lines=5), "JPEG"),
        b"",
        encode(photo()),
        encode(page(lines=7), "WEBP"),
    ]
    answers = list(inspectors.inspect_all(contents, bytes))
    assert answers == [inspect(content) for content in contents]
    assert list(inspectors.inspect_all([], bytes)) == []


def test_pictures_are_read_when_a_worker_is_to_have_them(inspectors: Inspectors) -> None:
    """Not all before the first answer; one that cannot be read is its own failure."""
    content, failure = encode(page(lines=3)), Failure(FailureKind.TOO_MANY_BYTES, "larger than it")
    told, released = list[int](), Event()

    def read(number: int) -> bytes | Failure:
        assert number < 3 or released.wait(60)
        return failure if number == 1 else content

    for number, answer in enumerate(inspectors.inspect_all(range(6), read)):
        assert isinstance(answer, Failure) is (number == 1)
        told.append(number)
        if number == 2:
            released.set()
    assert told == [*range(6)]


def test_many_threads_share_the_workers(inspectors: Inspectors) -> None:
    """Each thread that fetches gets the answer to its own picture."""
    contents = [encode(blocks(seed=seed)) for seed in range(24)]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(inspectors.inspect, contents))
    assert answers == [inspect(content) for content in contents]


def test_the_largest_picture_fits_the_limits(inspectors: Inspectors) -> None:
    """Fifty megapixels with an alpha band, the most that is accepted, are analysed."""
    image = Image.new("RGBA", (10_000, 5_000), (20, 40, 60, 128))
    image.paste((255, 0, 0, 255), (0, 0, 5_000, 2_500))
    result = inspectors.inspect(encode(image, compress_level=1))
    assert isinstance(result, Analysis), result
    assert result.signals.resolution_width == 10_000


def scan_bomb(scans: int) -> bytes:
    """Build a progressive JPEG of 4000 x 4000 pixels whose last scan comes again and again.

    A scan of 31 bytes makes the decoder walk over the whole picture: 10 ms each.
    """
    content = encode(Image.new("L", (4000, 4000), 128), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * scans + content[-2:]


def pixel_bomb(width: int, height: int) -> bytes:
    """Build a small PNG that unpacks to width x height pixels of one colour."""
    packer = zlib.compressobj(1)
    lines = bytes(1 + 3 * width) * 100
    row = b"".join(packer.compress(lines) for _ in range(height // 100)) + packer.flush()
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", row), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


@pytest.mark.parametrize(
    ("content", "limits", "reason"),
    [
        (scan_bomb(20_000), Limits(cpu_s=1, wall_s=60), "it took more than 1 s of processor time"),
        (scan_bomb(20_000), Limits(cpu_s=60, wall_s=1.5), "it took longer than 1.5 s"),
        (pixel_bomb(6000, 6000), Limits(memory_mib=64), "it needed more than 64 MiB"),
    ],
)
def test_a_bomb_is_one_failure(content: bytes, limits: Limits, reason: str) -> None:
    """Files that truly take too long or too much end as a failure, and the next one is analysed."""
    assert len(content) < 700_000
    with Inspectors(1, limits=limits) as inspectors:
        expected = Failure(FailureKind.DECODER_LIMIT, f"Decoding stopped: {reason}")
        assert inspectors.inspect(content) == expected
        assert isinstance(inspectors.inspect(encode(blocks())), Analysis)


def test_pixels_are_counted_before_they_are_unpacked() -> None:
    """A PNG just under Pillow's own limit (178 megapixels) is refused by its header."""
    bomb = pixel_bomb(13_300, 13_300)
    start = time.process_time()
    result = inspect(bomb)
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.TOO_MANY_PIXELS
    assert time.process_time() - start < 0.5


def mistake(content: bytes) -> Format | Failure:
    """Fail as code with a mistake does."""
    return sniff(len(content))  # pyright: ignore[reportArgumentType]


def test_our_own_mistakes_cost_one_picture(
    inspectors: Inspectors, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that finds a mistake in our code is one failed row that says in which line."""
    monkeypatch.setattr(picture, "inspect", mistake)
    result = inspectors.inspect(b"abc")
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.DECODER_LIMIT
    line = r"unforeseen TypeError at analyse/formats\.py:\d+, please report it"
    assert re.fullmatch(f"Not analysed: {line}", result.detail)
    assert "A picture of 3 bytes could not be inspected" in caplog.text


def test_workers_that_cannot_run_are_no_picture_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process can be started, that is told in one line, of no picture, until one can."""
    ensure_running()  # multiprocessing's own helper is another process
    with Inspectors(1) as inspectors:
        with monkeypatch.context() as patch:
            patch.setattr(spawn, "_python_exe", b"/dev/null/python")
            with pytest.raises(NoWorkersHereError, match=r"started \(Not a directory\)\. Run it"):
                inspectors.inspect(encode(blocks()))
            with pytest.raises(OperatorError, match="Pictures cannot be decoded: no worker"):
                inspectors.call(os.getpid)
        assert isinstance(inspectors.inspect(encode(blocks())), Analysis)
    with pytest.raises(NoWorkersHereError, match="was stopped"):
        inspectors.inspect(encode(blocks()))


def only_at(process: int) -> int:
    """End every process but one; return which one that is."""
    if os.getpid() != process:
        os.kill(os.getpid(), signal.SIGKILL)
    return process


def test_what_no_worker_survives_is_done_here(inspectors: Inspectors) -> None:
    """Pictures are compared also where the system kills workers, for want of memory perhaps."""
    assert inspectors.call(os.getpid) != os.getpid()
    assert inspectors.call(only_at, os.getpid()) == os.getpid()
    assert inspectors.call(os.getpid) != os.getpid()


def test_a_cover_page_makes_no_copies() -> None:
    """Files that begin alike and go on otherwise are two; a screenshot of page 1 is a copy."""
    first, here, there = page(lines=8), page(lines=5), page(lines=11)

    def stored(*others: Image.Image, kind: str = "PDF") -> Fingerprint:
        content = encode(first, kind, save_all=True, append_images=others)
        return analysis_of(content).fingerprint

    one, other, alone = stored(here), stored(there), stored()
    screenshot = analysis_of(encode(first)).fingerprint
    for a, b in ((one, other), (one, alone)):
        assert a.pixels_sha256 != b.pixels_sha256
        verdict = match.compare(a.payload, b.payload)
        assert not verdict.same_picture
        assert verdict.parted
    for each in (one, other, alone):
        assert match.compare(screenshot.payload, each.payload).same_picture
        assert match.compare(each.payload, each.payload).same_picture
    again = analysis_of(encode(first, "PDF", title="saved again")).fingerprint
    assert again.pixels_sha256 == alone.pixels_sha256
