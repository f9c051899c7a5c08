"""The demonstration society is fixed, realistic in its make-up, and says truly what it is."""

import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zlib import crc32

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageChops, ImageOps

from imagesignals_pipeline.demo import DemoSubmission, Kind, society
from imagesignals_pipeline.demo.canvas import Canvas, Pen, wrap
from imagesignals_pipeline.demo.odd_ones import ODD_ONES
from imagesignals_pipeline.demo.payment import Payment, clock, grouped, initials
from imagesignals_pipeline.demo.receipts import TEMPLATES, Receipt, Style, draw
from imagesignals_pipeline.demo.residents import HABITS, Habit, residents
from imagesignals_pipeline.demo.uploads import Change, Form, Oddity, Upload, _flat_png, render
from imagesignals_pipeline.model import MANUAL_ENTRY, AnalysisStatus

SOCIETY = society()
BY_ID = {each.id: each for each in SOCIETY}


def the(kind: Kind) -> DemoSubmission:
    """Return the first submission of a kind."""
    return next(each for each in SOCIETY if each.kind is kind)


def opened(submission: DemoSubmission) -> Image.Image:
    """Return the picture of a submission, decoded."""
    assert submission.content is not None
    picture = Image.open(BytesIO(render(submission.content)))
    picture.load()
    return picture


def payment_of(submission: DemoSubmission) -> Payment:
    """Return the payment that a submission's picture shows."""
    assert isinstance(submission.content, Upload)
    return submission.content.receipt.payment


FINGERPRINT_CODE = """
from hashlib import sha256
from imagesignals_pipeline.demo import society
from imagesignals_pipeline.demo.uploads import render
everyone = society()
digest = sha256(repr(everyone).encode())
for each in everyone[:6]:
    if each.content is not None:
        digest.update(render(each.content))
print(digest.hexdigest())
"""


def test_same_everywhere() -> None:
    """Submissions and pictures are the same whatever the process, its hash seed and time zone."""
    digests = [
        subprocess.run(
            [sys.executable, "-c", FINGERPRINT_CODE],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            capture_output=True,
            check=True,
            text=True,
            timeout=60,
        ).stdout
        for seed, zone in (("1", "Asia/Kolkata"), ("2", "America/New_York"))
    ]
    assert len(digests[0].strip()) == 64
    assert digests[0] == digests[1]


def test_size_and_span() -> None:
    """Some 300 submissions of 40 flats fill all 14 months up to October 2026."""
    months = Counter(f"{each.created_at:%Y-%m}" for each in SOCIETY)
    assert 290 <= len(SOCIETY) <= 320
    assert len({each.flat_id for each in SOCIETY}) == 40
    assert len(months) == 14
    assert min(months) == "2025-09"
    assert max(months) == "2026-10"
    assert min(months.values()) >= 12


def test_order_and_ids() -> None:
    """Submissions come oldest first, each with an id and a place of its own and a time in UTC."""
    assert [each.created_at for each in SOCIETY] == sorted(each.created_at for each in SOCIETY)
    assert len(BY_ID) == len(SOCIETY)
    places = [each.path for each in SOCIETY if each.path is not None]
    assert len(places) == len(set(places))
    assert {each.created_at.tzinfo for each in SOCIETY} == {UTC}


def test_every_kind_occurs() -> None:
    """Each kind that the demonstration promises is there; honest receipts are most of it."""
    kinds = Counter(each.kind for each in SOCIETY)
    assert set(kinds) == set(Kind)
    assert kinds[Kind.HONEST] > 0.7 * len(SOCIETY)
    assert {kind: len(some) for kind, some in ODD_ONES.items()} == {
        kind: kinds[kind] for kind in ODD_ONES
    }


def test_statuses() -> None:
    """Failures stay below one in twenty, and only three kinds have no screenshot at all."""
    statuses = Counter(each.status for each in SOCIETY)
    assert 0 < statuses[AnalysisStatus.FAILED] < 0.05 * len(SOCIETY)
    assert statuses[AnalysisStatus.SKIPPED] > 0
    without = {each.kind for each in SOCIETY if each.status is None}
    assert without == {Kind.MANUAL_ENTRY, Kind.BLANK_URL, Kind.NO_URL}


def test_monthly_receipts_differ_in_date_and_reference_only() -> None:
    """An honest flat's receipts repeat app, device, amount and names, month after month."""
    flats = defaultdict[str, list[DemoSubmission]](list)
    for each in SOCIETY:
        if each.kind is Kind.HONEST:
            flats[each.flat_id].append(each)
    many = [some for some in flats.values() if len(some) >= 6]
    assert len(many) >= 15
    for some in many:
        alike = {_without_moment(each) for each in some}
        assert len(alike) == 1
        assert len({payment_of(each).reference for each in some}) == len(some)


def _without_moment(submission: DemoSubmission) -> Upload:
    """Return the upload with everything blanked that changes from month to month."""
    upload = submission.content
    assert isinstance(upload, Upload)
    payment = upload.receipt.payment
    month = re.compile(r"[A-Z][a-z]{2} 20\d\d")
    blank = replace(
        payment,
        note=month.sub("", payment.note),
        paid_at=datetime.min,  # noqa: DTZ901 - any fixed value does
        shown_at=datetime.min,  # noqa: DTZ901
        reference="",
        serial="",
        battery=0,
    )
    return replace(upload, receipt=replace(upload.receipt, payment=blank))


def test_copies_name_the_earliest_of_their_picture() -> None:
    """A copy shows the payment of an earlier original, which is no copy itself."""
    copies = [each for each in SOCIETY if each.copy_of is not None]
    assert len(copies) >= 30
    for copy in copies:
        assert copy.copy_of is not None
        original = BY_ID[copy.copy_of]
        assert original.copy_of is None
        assert original.status is AnalysisStatus.COMPLETED
        assert original.created_at < copy.created_at
        assert payment_of(copy) == payment_of(original)


def test_no_other_two_show_one_payment() -> None:
    """Receipts that are not copies of each other show payments with different references."""
    references = [
        payment_of(each).reference
        for each in SOCIETY
        if each.copy_of is None and isinstance(each.content, Upload)
    ]
    assert len(references) == len(set(references))


def test_who_copies() -> None:
    """Copies come from the same flat, but for one kind that is of another; twins are 3 ms apart."""
    for each in SOCIETY:
        if each.copy_of is not None:
            original = BY_ID[each.copy_of]
            assert (each.flat_id != original.flat_id) == (each.kind is Kind.OTHER_FLAT)
            gap = each.created_at - original.created_at
            assert (gap == timedelta(milliseconds=3)) == (each.kind is Kind.TWIN)
            if each.kind in {Kind.TWIN, Kind.EXACT_COPY, Kind.OTHER_FLAT}:
                assert each.content == original.content


def test_receipt_is_older_than_its_upload() -> None:
    """Nobody uploads a receipt before it was paid and the screenshot taken."""
    for each in SOCIETY:
        if isinstance(each.content, Upload):
            payment = payment_of(each)
            assert payment.paid_at < payment.shown_at < each.created_at


def test_addresses() -> None:
    """Stored addresses are URLs of the store, but for the kinds that are about other addresses."""
    base = "http://store.test/bucket/"
    for each in SOCIETY:
        url = each.url(base)
        match each.kind:
            case Kind.NO_URL:
                assert url is None
            case Kind.BLANK_URL:
                assert url is not None
                assert not url.strip()
            case Kind.MANUAL_ENTRY:
                assert url == MANUAL_ENTRY
            case Kind.BARE_PATH:
                assert url == each.path
            case Kind.NOT_A_URL:
                assert url is not None
                assert " " in url
            case _:
                assert url is not None
                assert url.startswith(base)
    assert " " in (the(Kind.SPACED_URL).url(base) or "")
    assert "%E2%82%B9" in (the(Kind.ENCODED_URL).url(base) or "")


def _receipt(habit: Habit) -> Receipt:
    """Return a fixed receipt of a habit."""
    payment = replace(payment_of(the(Kind.HONEST)), battery=71)
    return Receipt(payment, habit.style, habit.device, dark=habit.dark)


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: f"{habit.style}-{habit.device.width}")
def test_receipts_show_amount_date_and_reference(habit: Habit) -> None:
    """A receipt has its device's size, is repeatable, and changes with each fact that it tells."""
    receipt = _receipt(habit)
    plain = draw(receipt)
    assert plain.size == (habit.device.width, habit.device.height)
    assert plain.tobytes() == draw(receipt).tobytes()
    payment = receipt.payment
    others = (
        replace(payment, amount=payment.amount + 1),
        replace(payment, paid_at=payment.paid_at + timedelta(days=1)),
        replace(payment, reference=_other_last_digit(payment.reference)),
    )
    for other in others:
        drawn = draw(replace(receipt, payment=other))
        assert ImageChops.difference(plain, drawn).getbbox() is not None


def _other_last_digit(reference: str) -> str:
    return reference[:-1] + str((int(reference[-1]) + 1) % 10)


def test_styles_and_devices_are_many() -> None:
    """At least eight apps in two themes and eight screen sizes are in use, each app by somebody."""
    used = {each.habit for each in residents()}
    assert {habit.style for habit in used} == set(TEMPLATES) == set(Style)
    assert len({(habit.device.width, habit.device.height) for habit in used}) >= 8
    assert {habit.dark for habit in used} == {True, False}


def test_styles_look_different() -> None:
    """No two apps draw the same payment alike: in each pair, every tenth pixel or more differs."""
    habit = next(habit for habit in HABITS if habit.device.status_dp)
    phone = [
        style for style in Style if style not in {Style.STATEMENT, Style.NETBANKING, Style.SLIP}
    ]
    drawn = [draw(replace(_receipt(habit), style=style)).reduce(4) for style in phone]
    for place, one in enumerate(drawn):
        for other in drawn[place + 1 :]:
            difference = ImageChops.difference(one, other).convert("L")
            differing = sum(difference.histogram()[8:])
            assert differing > 0.1 * one.width * one.height


COPIED = Habit(Style.PAYFINCH, HABITS[0].device, Form.PNG)


def _copied(change: Change | None, form: Form = Form.PNG) -> Image.Image:
    picture = Image.open(BytesIO(render(Upload(_receipt(COPIED), form, change))))
    picture.load()
    return picture


def _farthest(one: Image.Image, other: Image.Image) -> int:
    """Return the largest difference of two pictures in blocks of 8 by 8 pixels, 0 to 255."""
    _, largest = ImageChops.difference(one, other).convert("L").reduce(8).getextrema()
    assert isinstance(largest, int)
    return largest


def test_resized_copy() -> None:
    """A resized copy has three quarters of the width and the height."""
    assert _copied(Change.RESIZED).size == (810, 1800)


def test_cropped_copy_lacks_the_status_bar_only() -> None:
    """A cropped copy is the original's pixels below the status bar."""
    first, copy = _copied(None), _copied(Change.CROPPED)
    bar = round(COPIED.device.status_dp * COPIED.device.scale)
    assert copy.tobytes() == first.crop((0, bar, *first.size)).tobytes()


def test_recompressed_copy_keeps_size_and_loses_quality() -> None:
    """A recompressed copy is a coarser JPEG of the same size, close to the original."""
    first, copy = _copied(None, Form.JPEG), _copied(Change.RECOMPRESSED, Form.JPEG)
    assert copy.size == first.size
    tables = [getattr(each, "quantization")[0] for each in (first, copy)]  # noqa: B009 - JPEG only
    assert sum(tables[1]) > 1.5 * sum(tables[0])
    assert _farthest(first, copy) < 64


def test_forwarded_copy_is_what_messengers_send() -> None:
    """A forwarded copy is a JPEG without metadata, 1,600 pixels at its longer side."""
    copy = _copied(Change.FORWARDED)
    assert copy.format == "JPEG"
    assert copy.size == (720, 1600)
    assert not copy.getexif()


def test_camera_photo() -> None:
    """The photo of a slip has a camera's EXIF with the moment it was taken."""
    exif = opened(the(Kind.CAMERA)).getexif()
    taken = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
    assert exif[ExifTags.Base.Make] == "Kestrel"
    assert taken == f"{payment_of(the(Kind.CAMERA)).paid_at:%Y:%m:%d %H:%M:%S}"


def test_edited_screenshot() -> None:
    """The edited screenshot names its editor in EXIF and has no camera."""
    exif = opened(the(Kind.EDITED)).getexif()
    assert str(exif[ExifTags.Base.Software]).startswith("GIMP")
    assert ExifTags.Base.Make not in exif


def test_rotated_screenshot_is_upright_once_turned() -> None:
    """The picture stored on its side becomes its receipt again when its tag is followed."""
    submission = the(Kind.ROTATED)
    assert isinstance(submission.content, Upload)
    stored, upright = opened(submission), draw(submission.content.receipt)
    turned = ImageOps.exif_transpose(stored)
    assert stored.width > stored.height
    assert turned.size == upright.size
    assert _farthest(turned, upright) < 32


def test_truncated_picture() -> None:
    """The truncated file names its size but cannot be decoded."""
    content = the(Kind.TRUNCATED).content
    assert content is not None
    with Image.open(BytesIO(render(content))) as picture, pytest.raises(OSError, match="truncated"):
        picture.load()


def test_pdf() -> None:
    """The PDF is a real one of one page."""
    content = the(Kind.PDF).content
    assert content is not None
    document = pypdfium2.PdfDocument(render(content))
    pages = len(document)
    document.close()
    assert pages == 1


def test_huge_picture_is_a_small_file() -> None:
    """The huge picture is a valid PNG of 12,000 by 12,000 pixels in under 100 kB."""
    file = render(Oddity.HUGE)
    assert len(file) < 100_000
    Image.MAX_IMAGE_PIXELS, limit = None, Image.MAX_IMAGE_PIXELS
    try:
        with Image.open(BytesIO(file)) as picture:
            assert picture.size == (12_000, 12_000)
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    assert file[-4:] == crc32(b"IEND").to_bytes(4, "big")
    assert _pixels_of_small_flat_png() == b"\xff" * 64


def _pixels_of_small_flat_png() -> bytes:
    """Return the pixels of a square made as the huge one is, small enough to decode."""
    with Image.open(BytesIO(_flat_png(8))) as picture:
        return picture.convert("L").tobytes()


def test_tiny_and_blank_and_odd_contents() -> None:
    """One pixel is one pixel, the blank screen is white, the page is HTML, the empty file empty."""
    assert opened(the(Kind.TINY)).size == (1, 1)
    assert opened(the(Kind.BLANK_SCREEN)).getextrema() == ((255, 255),) * 3
    assert render(Oddity.SIGN_IN_PAGE).startswith(b"<!doctype html>")
    assert render(Oddity.EMPTY) == b""


@given(st.integers(0, 10**12))
def test_indian_grouping(amount: int) -> None:
    """Amounts keep their digits; the last three stand together, the others in pairs."""
    written = grouped(amount)
    assert int(written.replace(",", "")) == amount
    assert re.fullmatch(r"\d{1,3}|(\d{1,2},)(\d\d,)*\d{3}", written)


@pytest.mark.parametrize(
    ("hour", "written"), [(0, "12:05 AM"), (9, "9:05 AM"), (12, "12:05 PM"), (23, "11:05 PM")]
)
def test_clock(hour: int, written: str) -> None:
    """The twelve-hour clock has no hour zero and turns to PM at noon."""
    assert clock(datetime(2026, 1, 1, hour, 5, tzinfo=UTC)) == written


def test_initials() -> None:
    """Initials are those of the first and last word, or of the only one."""
    assert initials("Asha R Kulkarni") == "AK"
    assert initials("Asha") == "A"


@given(st.lists(st.text("abmxyz₹49", min_size=1, max_size=30), max_size=20), st.integers(20, 300))
def test_wrapping_keeps_words_and_width(words: list[str], width: int) -> None:
    """Wrapped lines hold all words in order; a line is too wide only if it is one word."""
    pen = Pen(14, "#000000")
    lines = wrap(" ".join(words), pen, width)
    assert " ".join(lines).split() == words
    assert all(Canvas.measure(line, pen) <= width or " " not in line for line in lines)


@pytest.mark.parametrize("bold", [True, False])
def test_rupee_sign_is_drawn(*, bold: bool) -> None:
    """The rupee sign, which the typeface lacks, has ink of its own and takes its width."""
    draws: Callable[[str], Image.Image] = lambda words: _written(words, bold=bold)  # noqa: E731
    assert ImageChops.difference(draws("₹"), draws("")).getbbox() is not None
    assert ImageChops.difference(draws("₹ 4"), draws("4")).getbbox() is not None
    assert Canvas.measure("₹4", Pen(20, "#000000", bold)) > Canvas.measure(
        "4", Pen(20, "#000000", bold)
    )


def _written(words: str, *, bold: bool) -> Image.Image:
    canvas = Canvas((120, 60), 2, "#ffffff")
    canvas.text((5, 15), words, Pen(20, "#000000", bold))
    return canvas.image
