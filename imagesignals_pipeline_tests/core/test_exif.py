"""Metadata give hints about a picture's origin, never a verdict, and never an error."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from imagesignals_pipeline.analyse import dates, exif, software, traces
from imagesignals_pipeline.analyse.decode import Picture, decode
from imagesignals_pipeline.analyse.exif import Metadata
from imagesignals_pipeline.analyse.formats import Format
from imagesignals_pipeline.model import ExifSourceType
from imagesignals_pipeline_tests.core.drawing import blocks, encode

MAKE, MODEL, SOFTWARE, SAVED, DESCRIPTION, EXIF_IFD = 0x010F, 0x0110, 0x0131, 0x0132, 0x010E, 0x8769
TAKEN, TAKEN_ZONE, DIGITISED, DIGITISED_ZONE = 0x9003, 0x9011, 0x9004, 0x9012
EXPOSURE_TIME, ISO, USER_COMMENT = 0x829A, 0x8827, 0x9286

INDIA = timezone(timedelta(hours=5, minutes=30))

NO_EXIF = "No EXIF, as is usual for screenshots and for pictures from messengers"


def read(content: bytes) -> Metadata:
    """Read the metadata of a file that is a picture."""
    picture = decode(content)
    assert isinstance(picture, Picture)
    return exif.read(picture)


def tagged(
    main: dict[int, Any] | None = None, inner: dict[int, Any] | None = None, kind: str = "JPEG"
) -> bytes:
    """Make a picture with these tags in the main and in the Exif directory."""
    tags = Image.Exif()
    tags.update(main or {})
    tags.get_ifd(EXIF_IFD).update(inner or {})
    return encode(blocks(), kind, exif=tags)


def with_xmp(properties: str, kind: str = "JPEG") -> bytes:
    """Make a picture with an XMP packet."""
    packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>{properties}</rdf:RDF></x:xmpmeta>'
    if kind != "PNG":
        return encode(blocks(), kind, xmp=packet.encode())
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", packet)
    return encode(blocks(), kind, pnginfo=chunks)


def with_text(name: str, words: str) -> bytes:
    """Make a PNG with a text chunk."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text(name, words)
    return encode(blocks(), pnginfo=chunks)


@pytest.mark.parametrize(
    "content",
    [
        encode(blocks(), "JPEG"),
        encode(blocks(), "JPEG", dpi=(72, 72), icc_profile=bytes(600), comment=b"hello"),
        encode(blocks(), "PNG", dpi=(72, 72)),
        encode(blocks(), "WEBP"),
        encode(blocks(), "GIF"),
        tagged({0x0112: 1, 0x011A: 72.0, 0x0128: 2}, {0xA001: 1, 0xA002: 120, 0xA003: 160}),
    ],
)
def test_a_picture_without_exif_is_normal(content: bytes) -> None:
    """JFIF headers, profiles, resolutions and pointers are no EXIF, and nothing is suspicious."""
    assert read(content) == Metadata(
        available=False,
        creation_date=None,
        source_type=ExifSourceType.UNKNOWN,
        stripped=False,
        editor=None,
        notes=f"{NO_EXIF}.",
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_camera_s_photo_is_known(kind: str) -> None:
    """Exposure data come from a camera, in every format that can hold them."""
    content = tagged(
        {MAKE: "Apple", MODEL: "iPhone 13"},
        {EXPOSURE_TIME: 0.01, ISO: 64, TAKEN: "2024:01:15 10:20:30", TAKEN_ZONE: "+05:30"},
        kind,
    )
    assert read(content) == Metadata(
        available=True,
        creation_date=datetime(2024, 1, 15, 10, 20, 30, tzinfo=INDIA),
        source_type=ExifSourceType.CAMERA,
        stripped=False,
        editor=None,
        notes="EXIF of a camera (Apple iPhone 13); taken 2024-01-15 10:20:30 UTC+05:30.",
    )


def test_a_camera_may_be_nameless() -> None:
    """Exposure data alone are enough."""
    metadata = read(tagged({}, {ISO: 100}))
    assert metadata.source_type is ExifSourceType.CAMERA
    assert metadata.notes == "EXIF of a camera (not named)."


def test_a_named_device_is_not_yet_a_camera() -> None:
    """Some phones write their name into screenshots too."""
    metadata = read(tagged({MAKE: "samsung", MODEL: "Samsung SM-A515F"}))
    assert metadata.source_type is ExifSourceType.UNKNOWN
    assert metadata.notes == "EXIF names the device (Samsung SM-A515F)."


def test_exif_without_a_device_says_so() -> None:
    """A date alone tells nothing about the source."""
    assert read(tagged({0x013B: "A. Person"})).notes == "EXIF names no device."


@pytest.mark.parametrize(
    "content",
    [
        tagged({0x0128: 2}, {USER_COMMENT: b"ASCII\0\0\0Screenshot"}, "PNG"),
        tagged({}, {USER_COMMENT: b"UNICODE\0S\0c\0r\0e\0e\0n\0s\0h\0o\0t\0"}),
        tagged({SOFTWARE: "Android UP1A.231005.007"}, {TAKEN: "2025:03:14 09:05:00"}, "PNG"),
        tagged({DESCRIPTION: "Screenshot_20250314-090500"}),
        tagged({SOFTWARE: "Greenshot"}),
        with_text("Software", "gnome-screenshot"),
        with_text("Description", "Screen capture"),
        with_xmp('<rdf:Description exif:UserComment="Screenshot"/>', "PNG"),
        with_xmp(
            "<exif:UserComment>\n <rdf:Alt>\n <rdf:li xml:lang='x-default'>Screenshot</rdf:li>"
            "</rdf:Alt></exif:UserComment>"
        ),
    ],
)
def test_a_screenshot_that_says_so_is_known(content: bytes) -> None:
    """IOS, Android, Samsung and desktop tools each have a mark of their own."""
    assert read(content).source_type is ExifSourceType.SCREENSHOT


def test_a_camera_s_android_is_no_screenshot() -> None:
    """A photo may carry Android's version too, but then with its maker and exposure."""
    content = tagged({MAKE: "Fairphone", SOFTWARE: "Android 14"}, {ISO: 100})
    assert read(content).source_type is ExifSourceType.CAMERA


SIGNATURE = "Adobe Photoshop 25.1 (Windows)"


@pytest.mark.parametrize(
    "content",
    [
        tagged({SOFTWARE: SIGNATURE}),
        tagged({0x000B: SIGNATURE}),
        with_xmp(f'<rdf:Description xmp:CreatorTool="{SIGNATURE}"/>'),
        with_xmp(f"<xmp:CreatorTool>{SIGNATURE}</xmp:CreatorTool>"),
        with_xmp(f"<xmp:CreatorTool>{SIGNATURE}</xmp:CreatorTool>", "WEBP"),
        with_text("Software", SIGNATURE),
        encode(blocks(), "JPEG", comment=SIGNATURE.encode()),
        encode(blocks(), "GIF", comment=SIGNATURE.encode()),
    ],
)
def test_an_editor_is_found_wherever_it_signs(content: bytes) -> None:
    """Formats and programs differ in where the name stands."""
    metadata = read(content)
    assert (metadata.source_type, metadata.editor) == (ExifSourceType.EDITED, "Adobe Photoshop")
    assert metadata.notes.endswith("saved by Adobe Photoshop, which also crops and converts.")


@pytest.mark.parametrize(
    ("name", "editor"),
    [
        ("Adobe Photoshop CC 2019 (Macintosh)", "Adobe Photoshop"),
        ("Adobe Photoshop Express (Android)", "Adobe Photoshop"),
        ("Adobe Photoshop Lightroom Classic 7.4", "Adobe Lightroom"),
        ("Snapseed 2.0", "Snapseed"),
        ("PicsArt Photo Studio", "PicsArt"),
        ("Canva (Renderer) doc=DAF", "Canva"),
        ("GIMP 2.10.36", "GIMP"),
        ("Created with GIMP", "GIMP"),
        ("www.inkscape.org", "Inkscape"),
        ("Paint.NET 5.0.13", "Paint.NET"),
        ("Windows Photo Editor 10.0.10011", "Windows Photo Editor"),
        ("Pixelmator Pro 3.5", "Pixelmator"),
        ("HDR+ 1.0.345618096zd", None),
        ("MediaTek Camera Application", None),
        ("Lavc60.31.102", None),
        ("A515FXXU5HWI1", None),
        ("17.1.2", None),
        ("CREATOR: gd-jpeg v1.0", None),
        ("", None),
    ],
)
def test_editors_are_told_from_cameras_and_converters(name: str, editor: str | None) -> None:
    """Only a program in which a person changes a picture is an editor."""
    assert software.editor_in(["", name]) == editor


@pytest.mark.parametrize(
    ("main", "inner", "expected"),
    [
        ({SAVED: "2025:01:01 00:00:00"}, {TAKEN: "2024:02:29 23:59:59"}, (2024, 2, 29, 23, 59, 59)),
        ({SAVED: "2025:01:01 00:00:00"}, {DIGITISED: "2024:01:02 03:04:05"}, (2024, 1, 2, 3, 4, 5)),
        ({SAVED: "2025:01:01 00:00:00"}, {TAKEN: "0000:00:00 00:00:00"}, (2025, 1, 1)),
        ({SAVED: "2025:01:01 00:00:00"}, {TAKEN: "1970:01:01 00:00:00"}, (2025, 1, 1)),
        ({SAVED: "    :  :     :  :  "}, {TAKEN: "2024:02:30 10:00:00"}, None),
        ({}, {TAKEN: "2199:01:01 00:00:00"}, None),
        ({}, {TAKEN: "2024-01-02T03:04:05.678"}, (2024, 1, 2, 3, 4, 5)),
        ({}, {TAKEN: "2024:01:02 03:04"}, (2024, 1, 2, 3, 4)),
        ({}, {TAKEN: "yesterday"}, None),
    ],
)
def test_the_best_sensible_date_counts(
    main: dict[int, Any], inner: dict[int, Any], expected: tuple[int, ...] | None
) -> None:
    """Taken before digitised before saved; nonsense is passed over."""
    found = read(tagged(main, inner)).creation_date
    assert found == (expected and datetime(*expected, tzinfo=UTC))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("zone", "offset", "known"),
    [
        ("+05:30", timedelta(hours=5, minutes=30), True),
        ("-0330", timedelta(hours=-3, minutes=-30), True),
        ("Z", timedelta(0), True),
        ("+14:00", timedelta(hours=14), True),
        ("", timedelta(0), False),
        ("+15:00", timedelta(0), False),
        ("-99:99", timedelta(0), False),
        ("IST", timedelta(0), False),
    ],
)
def test_a_recorded_zone_is_used(zone: str, offset: timedelta, known: bool) -> None:
    """A zone that exists on Earth is kept; everything else is UTC, and the notes say so."""
    for date, beside in (("2024:01:15 10:20:30", zone), (f"2024-01-15T10:20:30{zone}", "")):
        taken = dates.moment(date, beside)
        assert taken is not None
        assert (taken.at.utcoffset(), taken.zone_known) == (offset, known)
    notes = read(tagged({}, {TAKEN: "2024:01:15 10:20:30", TAKEN_ZONE: zone})).notes
    assert ("zone not recorded, UTC assumed" in notes) is not known


@pytest.mark.parametrize(
    ("time", "hour"),
    [
        ("10:20:30 PM", 22),
        ("10:20:30PM", 22),
        ("10:20:30 p.m.", 22),
        ("10:20:30.25 pm +05:30", 22),
        ("10:20 PM", 22),
        ("10:20:30 AM", 10),
        ("12:20:30 AM", 0),
        ("12:20:30 PM", 12),
        ("00:20:30 PM", 12),
        ("22:20:30 PM", 22),
        ("10:20:30 nachm.", None),
        ("10:20:30 下午", None),
        ("10:20:30 PM PM", None),
        ("10:20:305", None),
    ],
)
def test_a_clock_of_twelve_hours_is_read(time: str, hour: int | None) -> None:
    """Some programs write AM or PM behind the time; what cannot be read there makes no date."""
    taken = dates.moment(f"2024:01:15 {time}")
    assert (taken and taken.at.hour) == hour


def test_a_file_s_clock_of_twelve_hours_is_read() -> None:
    """What a picture's EXIF calls 10 in the evening is no morning."""
    notes = read(tagged({}, {TAKEN: "2024:01:15 10:20:30 PM", TAKEN_ZONE: "+05:30"})).notes
    assert notes == "EXIF names no device; taken 2024-01-15 22:20:30 UTC+05:30."


def test_a_date_in_xmp_is_used() -> None:
    """Programs that drop EXIF often keep XMP."""
    content = with_xmp('<rdf:Description xmp:CreateDate="2024-05-06T07:08:09+02:00"/>')
    metadata = read(content)
    assert metadata.creation_date == datetime(2024, 5, 6, 5, 8, 9, tzinfo=UTC)
    assert metadata.notes == f"{NO_EXIF}; taken 2024-05-06 07:08:09 UTC+02:00."


EMPTY_BLOCK = b"Exif\0\0MM\0*\0\0\0\x08" + bytes(6)


@pytest.mark.parametrize(
    ("block", "stripped"),
    [
        (EMPTY_BLOCK, True),
        (b"Exif\0\0II*\0\x08\0\0\0" + bytes(6), True),
        (b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(6), False),
        (b"Exif\0\0nonsense" + bytes(6), False),
        (b"Exif\0\0", False),
    ],
)
def test_an_emptied_block_is_a_trace_of_removal(block: bytes, stripped: bool) -> None:
    """A block that says it has no entries was emptied; a broken one is only broken."""
    metadata = read(encode(blocks(), "JPEG", exif=block))
    assert (metadata.available, metadata.stripped) == (False, stripped)
    said = f"{NO_EXIF}; its metadata are empty, as messengers leave them."
    assert metadata.notes == (said if stripped else f"{NO_EXIF}.")


def test_facebook_s_mark_is_a_trace_of_removal() -> None:
    """Facebook replaces a photo's EXIF by an IPTC field that begins with FBMD."""
    iptc = b"\x1c\x02\x28\x00\x0eFBMD0100000000"
    resource = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + len(iptc).to_bytes(4, "big") + iptc + b"\0"
    segment = b"\xff\xed" + (len(resource) + 2).to_bytes(2, "big") + resource
    content = encode(blocks(), "JPEG")
    metadata = read(content[:2] + segment + content[2:])
    assert metadata.stripped
    assert metadata.notes.endswith("; it has the mark that Facebook leaves in place of metadata.")
    assert not read(content[:2] + segment.replace(b"FBMD", b"NEWS") + content[2:]).stripped


def test_notes_tell_what_was_not_analysed() -> None:
    """The remarks of the decoder end the sentence."""
    pages = encode(blocks(), "PDF", save_all=True, append_images=[blocks()])
    assert read(pages).notes == f"{NO_EXIF}; rendered from the first of 2 pages of a PDF."


def test_text_of_strangers_is_made_clean() -> None:
    """Neither a NUL, which PostgreSQL refuses, nor a control sequence reaches a column."""
    metadata = read(tagged({MODEL: "a\x00b\x1b[31m\n" + 500 * "x"}, {ISO: 1}))
    assert metadata.notes.isprintable()
    assert len(metadata.notes) < 150


@given(st.dictionaries(st.integers(0, 0xFFFF), st.text() | st.binary() | st.floats() | st.none()))
def test_any_tags_give_one_printable_sentence(tags: dict[int, object]) -> None:
    """Whatever types and values Pillow hands on, reading them does not fail."""
    info = {"xmp": tags.get(0, b""), "photoshop": tags, "comment": tags.get(1), "exif": tags.get(2)}
    metadata = exif.read(Picture(blocks(), Format.JPEG, tags, info))
    assert metadata.notes.isprintable()
    assert metadata.notes.endswith(".")


@given(st.text())
def test_any_date_is_a_moment_or_none(words: str) -> None:
    """No text makes reading a date fail."""
    for text in (words, f"2024:01:15 10:20:30{words}"):
        taken = dates.moment(text, words)
        assert taken is None or dates.EARLIEST <= taken.at < dates.LATEST


@given(st.text() | st.binary() | st.integers() | st.none())
def test_any_value_is_short_printable_text(value: object) -> None:
    """Fields of any type become at most 80 printable characters."""
    text = traces.text(value)
    assert len(text) <= traces.MAX_CHARS
    assert text.isprintable()
