"""The matching room on receipts drawn here: what counts as the same picture, and what does not."""

import io
from collections.abc import Callable
from random import Random
from string import ascii_lowercase

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from imagesignals_pipeline import match
from imagesignals_pipeline.match import Tier, alignment, content, differences, payload
from imagesignals_pipeline.match.pair import in_one_frame
from imagesignals_pipeline.match.payload import HEADER, WORD
from imagesignals_pipeline_tests.evaluation import longer

LABELS = ("Paid to", "Paid from", "Date", "Time", "Reference", "Note")
FOOTER = "This is a computer generated receipt. Keep it for your records."


def receipt(seed: int, *, amount: str = "2,500.00", reference: str = "") -> Image.Image:
    """Draw one of many receipts of the same app: only date, time and reference differ."""
    random = Random(seed)
    picture = Image.new("RGB", (1080, 2000), (250, 250, 252))
    pen = ImageDraw.Draw(picture)
    small, large = ImageFont.load_default(34), ImageFont.load_default(84)
    pen.rectangle((0, 0, 1080, 190), (20, 90, 160))
    pen.text((50, 70), "Payment successful", (255, 255, 255), ImageFont.load_default(52))
    pen.text((50, 260), f"Rs {amount}", (20, 20, 20), large)
    digits = "".join(random.choice("0123456789") for _ in range(12))
    values = (
        "Lotus Park Residents Association",
        "Meera Shaikh, flat C-101",
        f"{random.randint(10, 28)} {random.choice(('March', 'April', 'August'))} 2025",
        f"{random.randint(10, 23)}:{random.randint(10, 59)}:{random.randint(10, 59)}",
        reference or digits,
        "Monthly maintenance",
    )
    for row, (label, value) in enumerate(zip(LABELS, values, strict=True)):
        pen.text((60, 470 + 170 * row), label, (110, 110, 120), small)
        pen.text((60, 520 + 170 * row), value, (25, 25, 30), small)
    pen.text((60, 1560), FOOTER, (110, 110, 120), small)
    pen.rounded_rectangle((60, 1760, 1020, 1890), 30, (20, 90, 160))
    pen.text((440, 1800), "Share receipt", (255, 255, 255), small)
    return picture


def statement(  # noqa: PLR0913 - all but the first have a usual value
    seed: int,
    *,
    width: int = 1080,
    size: int = 30,
    words: int = 6,
    every: int = 8,
    lines: int = 32,
) -> Image.Image:
    """Draw lines of the same dense text; the number at the right of every so many is the seed's."""
    letters, digits = Random(7), Random(seed)
    high = round(1.4 * size)
    picture = Image.new("RGB", (width, (lines + 2) * high), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    for line in range(lines):
        top = (line + 1) * high
        sizes = [letters.randint(3, 9) for _ in range(words)]
        said = ["".join(letters.choices(ascii_lowercase, k=each)) for each in sizes]
        pen.text((size, top), " ".join(said), "#222", font)
        if line % every == 0:
            pen.rectangle((0.55 * width, top, width, top + high), "white")
            number = "".join(digits.choices("0123456789", k=16))
            pen.text((0.56 * width, top), number, "#222", font)
    return picture


def passbook(rows: int, *, footer: bool, lines: int = 14, ink: str = "#222") -> Image.Image:
    """Draw a list that grows by a row with each payment; the page below stays empty."""
    picture = Image.new("RGB", (1080, 380 + 90 * lines), (250, 250, 244))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(34)
    pen.text((50, 60), "Lotus Park Residents Association", ink, ImageFont.load_default(52))
    pen.text((50, 150), "Meera Shaikh, flat C-101, account XXXXXX4821", ink, font)
    for row in range(rows):
        digits = Random(row)
        number = "".join(digits.choices("0123456789", k=12))
        top = 240 + 90 * row
        pen.text((50, top), f"{digits.randint(10, 28)}/{row + 1:02}/2025", ink, font)
        pen.text((300, top), f"UPI/{number}/maintenance", ink, font)
        pen.text((860, top), f"{digits.randint(1, 9)},{digits.randint(100, 999)}.00", ink, font)
    if footer:
        pen.text((50, 290 + 90 * lines), "This page needs no signature.", ink, font)
    return picture


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    """Return what is left after saving as JPEG."""
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=quality)
    return Image.open(io.BytesIO(sink.getvalue())).convert("RGB")


def circled(picture: Image.Image) -> Image.Image:
    """Ring the amount in red and strike an arrow through the text."""
    marked = picture.copy()
    pen = ImageDraw.Draw(marked)
    pen.ellipse((30, 230, 620, 380), outline=(220, 30, 30), width=12)
    pen.line((700, 1000, 300, 1300), (220, 30, 30), 14)
    return marked


def pointed(picture: Image.Image) -> Image.Image:
    """Draw an arrow along a line of text, in the text's own grey."""
    marked = picture.copy()
    pen = ImageDraw.Draw(marked)
    for start in ((100, 1040), (550, 1026), (550, 1062)):
        pen.line((start, (600, 1044)), (90, 90, 90), 10)
    return marked


def remarked(picture: Image.Image) -> Image.Image:
    """Type a remark across the receipt."""
    marked = picture.copy()
    font = ImageFont.load_default(72)
    ImageDraw.Draw(marked).text((330, 905), "paid pls check", (235, 64, 20), font)
    return marked


def framed(picture: Image.Image) -> Image.Image:
    """Show the picture inside a gallery's black bars."""
    wall = Image.new("RGB", (1080, 2400))
    small = picture.resize((900, 1667))
    wall.paste(small, (90, 366))
    return wall


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "itself": lambda picture: picture,
    "JPEG 30": lambda picture: jpeg(picture, 30),
    "half the size": lambda picture: jpeg(picture.resize((540, 1000)), 80),
    "a third of the size": lambda picture: picture.resize((360, 667)),
    "cropped at the top": lambda picture: picture.crop((0, 200, 1080, 2000)),
    "cropped on all sides": lambda picture: picture.crop((40, 150, 1040, 1900)),
    "circled": circled,
    "pointed": pointed,
    "remarked": remarked,
    "darker": lambda picture: picture.point(lambda level: level * 0.75),
    "in a gallery": framed,
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_found(name: str) -> None:
    """A picture stays the same picture through everything that people do to it."""
    copy = match.fingerprint(COPIES[name](receipt(1)))
    verdict = match.compare(match.fingerprint(receipt(1)), copy)
    assert verdict.tier is Tier.SAME_PICTURE, verdict
    assert verdict.similarity_percentage >= 90


@pytest.mark.parametrize("seed", range(2, 8))
@pytest.mark.parametrize("name", ["itself", "JPEG 30", "cropped at the top", "circled"])
def test_receipts_of_one_app_are_not_copies(name: str, seed: int) -> None:
    """Another month's receipt of the same flat is no duplicate, however it was sent."""
    other = match.fingerprint(COPIES[name](receipt(seed)))
    verdict = match.compare(match.fingerprint(receipt(1)), other)
    assert not verdict.same_picture
    assert verdict.similarity_percentage < 90


@pytest.mark.parametrize("radius", [4, 5, 6, 8, 10])
@pytest.mark.parametrize("drawn", [receipt, statement])
def test_illegible_pictures_are_not_judged(
    drawn: Callable[[int], Image.Image], radius: float
) -> None:
    """Two receipts out of focus look alike, because their digits cannot be read: no duplicate."""
    blurred = [drawn(seed).filter(ImageFilter.GaussianBlur(radius)) for seed in (1, 2)]
    verdict = match.compare(*map(match.fingerprint, blurred))
    assert verdict.tier not in {Tier.SAME_PICTURE, Tier.ALTERED_COPY}


def test_a_ring_around_dense_text_is_a_mark() -> None:
    """A stroke is seen where it crosses text, and what lies about it is not swallowed with it."""
    marked = statement(1)
    ImageDraw.Draw(marked).ellipse((200, 300, 900, 760), outline=(200, 30, 30), width=5)
    verdict = match.compare(match.fingerprint(statement(1)), match.fingerprint(marked))
    assert verdict.same_picture
    assert verdict.explanation.endswith("marked")


def boxed(picture: Image.Image, *rows: int) -> Image.Image:
    """Draw a box around the values of some rows of a receipt."""
    marked = picture.copy()
    pen = ImageDraw.Draw(marked)
    for row in rows:
        pen.rectangle((48, 508 + 170 * row, 480, 572 + 170 * row), outline=(220, 30, 30), width=7)
    return marked


@pytest.mark.parametrize("quality", [95, 60])
@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_a_box_hides_no_other_payment(seed: int, quality: int) -> None:
    """Who always marks date, time and reference of his receipts reuses none of them."""
    marked = match.fingerprint(jpeg(boxed(receipt(seed), 2, 3, 4), quality))
    again = match.fingerprint(jpeg(receipt(seed), quality))
    assert match.compare(marked, again).same_picture
    for other in (receipt(1), boxed(receipt(1), 2, 3, 4)):
        assert not match.compare(marked, match.fingerprint(other)).same_picture


@pytest.mark.parametrize("room", [8, 16, 24])
def test_a_narrow_ring_hides_no_other_reference(room: int) -> None:
    """Every window around it sees the ring's line, and digits beside it."""
    one, other = (receipt(1, reference=f"9182736{end}") for end in ("99008", "76366"))
    ringed = one.copy()
    around = (20, 1200 - room, 340, 1240 + room)
    ImageDraw.Draw(ringed).ellipse(around, outline=(220, 30, 30), width=5)
    marked = match.fingerprint(ringed)
    assert match.compare(marked, match.fingerprint(jpeg(one, 70))).same_picture
    assert not match.compare(marked, match.fingerprint(other)).same_picture


def success(amount: str) -> Image.Image:
    """Draw the screen right after a payment: hardly more than a large amount."""
    picture = Image.new("RGB", (1080, 2000), "white")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((440, 330, 640, 530), (30, 150, 80))
    pen.line([(490, 430), (530, 475), (600, 385)], "white", 16)
    pen.text((90, 640), f"Rs {amount}", (20, 20, 20), ImageFont.load_default(170))
    pen.text((90, 900), "Paid to Lotus Park Residents", (60, 60, 60), ImageFont.load_default(46))
    pen.text((90, 980), "Lotus Park Welfare Fund", (60, 60, 60), ImageFont.load_default(46))
    pen.text((90, 1800), "Done", (60, 60, 60), ImageFont.load_default(46))
    pen.text((700, 1800), "Share receipt", (60, 60, 60), ImageFont.load_default(46))
    return picture


@pytest.mark.parametrize("others", ["9,462", "4,180", "2,103", "7,512"])
def test_large_figures_are_no_strokes(others: str) -> None:
    """Two payments of other amounts are two, however large the amounts are written."""
    one, again = match.fingerprint(success("9,826")), match.fingerprint(jpeg(success("9,826"), 60))
    assert match.compare(one, again).same_picture
    assert not match.compare(one, match.fingerprint(success(others))).same_picture


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize(("amount", "date"), [("Rs 5000", "1 Mar 2025"), ("Rs 500", "11 Mar 2025")])
def test_a_digit_more_is_another_payment(
    amount: str, date: str, *, right: bool, dark: bool
) -> None:
    """Where nothing else differs it adds ink and takes none away, as a pen would."""
    mine = longer.receipt("Rs 500", "1 Mar 2025", right=right, dark=dark)
    theirs = longer.receipt(amount, date, right=right, dark=dark)
    known = match.fingerprint(mine)
    for way in ("as they are", "sent on twice"):
        sent = longer.WAYS[way]
        assert match.compare(known, match.fingerprint(sent(mine))).same_picture
        verdict = match.compare(known, match.fingerprint(sent(theirs)))
        assert not verdict.same_picture
        assert verdict.parted


@pytest.mark.parametrize("more", ["9,8265", "39,826"])
def test_a_large_figure_more_is_another_payment(more: str) -> None:
    """Also where the other receipt has its margin there."""
    one, other = (match.fingerprint(success(each)) for each in ("9,826", more))
    assert not match.compare(one, other).same_picture


@pytest.mark.parametrize("room", [1, 2, 6])
def test_text_at_the_edge_is_compared(room: int) -> None:
    """Pages that were cut just above the only line in which they differ are two."""

    def page(first: str) -> Image.Image:
        picture = Image.new("L", (1400, 892), 255)
        pen, font, letters = ImageDraw.Draw(picture), ImageFont.load_default(20), Random(5)
        pen.text((40, room - 5), first, 0, font)
        for line in range(1, 27):
            sizes = [letters.randint(3, 10) for _ in range(14)]
            said = ["".join(letters.choices(ascii_lowercase, k=each)) for each in sizes]
            pen.text((40, room - 5 + 33 * line), " ".join(said), 0, font)
        return picture

    mine = page("Receipt 10234 dated 05-03-2025 reference 507112345678 for flat A-101 of Mr Shah")
    theirs = page("Receipt 10871 dated 07-04-2025 reference 509798761234 for flat B-204 of Ms Rao")
    known = match.fingerprint(mine)
    assert match.compare(known, match.fingerprint(jpeg(mine, 80))).same_picture
    assert not match.compare(known, match.fingerprint(theirs)).same_picture


@pytest.mark.parametrize("quality", [95, 50])
@pytest.mark.parametrize("footer", [True, False])
@pytest.mark.parametrize("rows", [4, 9])
def test_a_list_with_one_more_row_is_another_picture(
    rows: int, quality: int, *, footer: bool
) -> None:
    """The passbook of the next month shows all of this month's, and a payment of its own."""
    now, later = passbook(rows, footer=footer), passbook(rows + 1, footer=footer)
    known = match.fingerprint(now)
    assert match.compare(known, match.fingerprint(jpeg(now, quality))).same_picture
    assert match.compare(known, match.fingerprint(remarked(now))).same_picture
    assert match.compare(known, match.fingerprint(now.crop((0, 0, 1080, 500)))).same_picture
    for picture in (later, jpeg(later, quality), later.resize((720, later.height * 2 // 3))):
        assert not match.compare(known, match.fingerprint(picture)).same_picture


@pytest.mark.parametrize("quality", [None, 85])
@pytest.mark.parametrize("waves", [22, 26])
def test_a_row_more_on_patterned_paper_is_another_picture(waves: int, quality: int | None) -> None:
    """The paper's waves stand where the other has text: it is not bare, and yet no text."""

    def printed(rows: int) -> Image.Image:
        shown = np.asarray(passbook(rows, footer=True, ink="#444"), dtype=np.float32)
        down, along = np.mgrid[: shown.shape[0], : shown.shape[1]]
        wave = waves * np.sin(2 * np.pi * (down + 8 * np.sin(along / 90)) / 24)
        tinted = shown - 10 + wave[..., None]  # so that the brightest waves are not cut off
        return Image.fromarray(np.clip(tinted, 0, 255).astype(np.uint8))

    now, later = printed(8), printed(9)
    known = match.fingerprint(now)
    assert match.compare(known, match.fingerprint(jpeg(now, 85))).same_picture
    shown = later if quality is None else jpeg(later, quality)
    assert not match.compare(known, match.fingerprint(shown)).same_picture


def dues(paid: int, grey: str) -> Image.Image:
    """Draw a year's dues, what is paid in black and what is due in grey."""
    picture = Image.new("RGB", (1080, 2000), "white")
    pen, small, usual = ImageDraw.Draw(picture), *map(ImageFont.load_default, (30, 38))
    pen.text((50, 70), "Maintenance 2025-26", "#111", ImageFont.load_default(52))
    pen.text((50, 240), "Meera Shaikh, flat C-101", "#222", usual)
    for month in range(12):
        top = 330 + 130 * month
        pen.text((60, top), f"Month {month + 1:02}", "#222", usual)
        pen.text((60, top + 50), "2,500.00 monthly", "#777", small)
        said, ink = ("Paid", "#111") if month < paid else ("Due", grey)
        pen.text((850, top + 10), said, ink, usual)
    return picture


@pytest.mark.parametrize("grey", ["#9c9c9c", "#a8a8a8", "#acacac", "#b0b0b0"])
def test_another_word_in_another_grey_is_another_picture(grey: str) -> None:
    """Also where the one is four times as faint as the other."""
    now, later = (match.fingerprint(dues(paid, grey)) for paid in (5, 6))
    assert not match.compare(now, later).same_picture
    assert match.compare(now, match.fingerprint(jpeg(dues(5, grey), 80))).same_picture


def test_a_long_list_with_more_rows_is_another_picture() -> None:
    """So is one that was captured while it was scrolled, longer than two bytes of places reach."""
    now, later = (passbook(rows, footer=False, lines=210) for rows in (200, 205))
    known = match.fingerprint(now)
    assert payload.thumbnail(payload.unpack(known).coded).shape[0] > 2_048
    assert payload.unpack(known).words.centre[:, 1].max() > 2_048
    assert match.compare(known, match.fingerprint(jpeg(now, 80))).same_picture
    assert not match.compare(known, match.fingerprint(later)).same_picture


def year(paid: int, mark: str) -> Image.Image:
    """Draw a year's months, each with a mark once it is paid; the page shows nothing else new."""
    picture = Image.new("RGB", (1280, 900), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(36)
    pen.text((60, 50), "Lotus Park, maintenance of 2025", "#222", ImageFont.load_default(48))
    pen.text((60, 800), FOOTER, "#666", font)
    for month in range(12):
        left, top = 60 + month % 4 * 300, 190 + month // 4 * 190
        pen.rounded_rectangle((left, top, left + 260, top + 150), 20, None, "#9ab", 3)
        pen.text((left + 20, top + 20), f"Month {month + 1:02}", "#222", font)
        if month >= paid:
            continue
        if mark == "tick":
            tick = [(180, 95), (200, 118), (238, 70)]
            pen.line([(left + x, top + y) for x, y in tick], "#187a32", 8)
        else:
            pen.text((left + 20, top + 90), mark, "#187a32", font)
    return picture


@pytest.mark.parametrize("quality", [None, 85])
@pytest.mark.parametrize("mark", ["tick", "Paid", "3,500"])
@pytest.mark.parametrize("paid", [3, 10])
def test_a_mark_more_in_a_table_is_another_picture(
    paid: int, mark: str, quality: int | None
) -> None:
    """What a picture says elsewhere too, in the same size, is print: no pen repeats it so well."""
    now, later = (year(months, mark) for months in (paid, paid + 1))
    known = match.fingerprint(now)
    shown = later if quality is None else jpeg(later, quality)
    assert not match.compare(known, match.fingerprint(shown)).same_picture
    assert match.compare(known, match.fingerprint(jpeg(now, 85))).same_picture


def form(column: int, month: str = "March") -> Image.Image:
    """Draw a form without date, on which a month stands in one of its columns."""
    picture = Image.new("RGB", (1240, 1000), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(38)
    for row, label in enumerate(LABELS):
        pen.text((60, 80 + 120 * row), label, "#555", font)
        pen.text((560, 80 + 120 * row), f"of {label.lower()}", "#222", font)
    pen.text((60, 820), "Paid in", "#555", font)
    pen.text((560 + 240 * column, 820), month, "#222", font)
    pen.text((60, 920), FOOTER, "#555", font)
    return picture


@pytest.mark.parametrize("quality", [None, 85, 50])
def test_a_value_in_another_place_is_another_picture(quality: int | None) -> None:
    """Each has a word on the other's bare paper; who writes on a copy adds to one of them."""
    known, moved = form(0), form(1, "April")
    shown = moved if quality is None else jpeg(moved, quality)
    assert not match.compare(*map(match.fingerprint, (known, shown))).same_picture
    remark = known.copy()
    ImageDraw.Draw(remark).text((800, 820), "ok, thanks", "#a22", ImageFont.load_default(50))
    assert match.compare(*map(match.fingerprint, (known, remark))).same_picture


def chat(bubbles: int, *, wall: str, bubble: str, ink: str, lines: int = 3) -> Image.Image:
    """Draw a thread to which each month adds a message of one to three lines."""
    picture = Image.new("RGB", (1080, 2200), wall)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(36)
    pen.rectangle((0, 0, 1080, 150), "#145a50")
    pen.text((60, 50), "Treasurer, Lotus Park", "white", ImageFont.load_default(52))
    pen.rectangle((0, 2080, 1080, 2200), "white")
    pen.text((60, 2110), "Message", "#777777", font)
    for month in range(1, bubbles + 1):
        digits, top = Random(month), 230 * month - 30
        pen.rounded_rectangle((50, top, 820, top + 40 + 50 * lines), 24, bubble)
        paid = f"Paid {digits.randint(1, 9)},{digits.randint(100, 999)}.00 on 07/{month:02}"
        reference = "".join(digits.choices("0123456789", k=12))
        said = (paid, f"Reference {reference}", f"Maintenance of {month:02}")
        for line in range(lines):
            pen.text((80, top + 25 + 50 * line), said[line], ink, font)
    return picture


@pytest.mark.parametrize(
    ("wall", "bubble", "ink"),
    [
        ("#ece5dd", "#ffffff", "#222222"),
        ("#bec8c3", "#f0f0f0", "#222222"),
        ("#c8beb4", "#e1f5d7", "#222222"),
        ("#ffffff", "#007aff", "#ffffff"),
        ("#0b141a", "#005c4b", "#ffffff"),
    ],
)
@pytest.mark.parametrize("lines", [1, 3])
def test_a_thread_that_goes_on_is_another_picture(
    wall: str, bubble: str, ink: str, lines: int
) -> None:
    """The new message lies on a bubble where the thread of last month has its wallpaper."""
    for bubbles in (3, 6):
        now, later = (
            chat(number, wall=wall, bubble=bubble, ink=ink, lines=lines)
            for number in (bubbles, bubbles + 1)
        )
        for picture in (later, jpeg(later, 70)):
            assert not match.compare(*map(match.fingerprint, (now, picture))).same_picture


def stickered(picture: Image.Image, left: int, top: int, colour: str) -> Image.Image:
    """Lay a smiling face of pale yellow over a receipt."""
    marked = picture.copy()
    pen = ImageDraw.Draw(marked)
    pen.ellipse((left, top, left + 190, top + 190), colour)
    for eye in (left + 50, left + 115):
        pen.ellipse((eye, top + 55, eye + 25, top + 85), "#3e2723")
    pen.arc((left + 45, top + 65, left + 145, top + 150), 20, 160, "#3e2723", 12)
    return marked


@pytest.mark.parametrize(
    ("place", "colour"),
    [((60, 560), "#ffd54f"), ((60, 1150), "#ffe082"), ((200, 640), "#ffd54f")],
)
def test_a_pale_sticker_over_text_is_no_paper(place: tuple[int, int], colour: str) -> None:
    """What lies under it was not added since: that grey is nowhere else."""
    marked = jpeg(stickered(receipt(1), *place, colour), 85)
    assert match.compare(*map(match.fingerprint, (receipt(1), marked))).same_picture


def test_a_faint_circle_over_text_is_a_mark() -> None:
    """Between two clean screenshots a pencil's line shows, though it is fainter than the text."""
    marked = receipt(1)
    ImageDraw.Draw(marked).ellipse((40, 780, 480, 900), outline=(195, 195, 195), width=9)
    verdict = match.compare(*map(match.fingerprint, (receipt(1), marked)))
    assert verdict.same_picture
    assert "marked" in verdict.explanation


def test_small_print_has_more_room() -> None:
    """A desktop's small digits are kept as large as they can be told apart."""
    one, other = (statement(seed, width=2560, size=11, words=2) for seed in (1, 2))
    prints = [match.fingerprint(each) for each in (one, other, jpeg(one, 90))]
    assert payload.USUAL_BYTES < len(prints[0]) <= payload.MAX_BYTES
    assert payload.thumbnail(payload.unpack(prints[0]).coded).size > 1.5 * content.WIDE_PIXELS
    assert match.compare(prints[0], prints[2]).same_picture
    assert not match.compare(prints[0], prints[1]).same_picture


def test_a_full_page_has_more_room() -> None:
    """A page of usual print that would have to shrink to a third keeps digits that can be read."""
    one, other = (statement(each, width=1240, size=24, lines=48) for each in (1, 2))
    known, poor = match.fingerprint(one), jpeg(one.reduce(2), 50)
    assert payload.unpack(known).words.height > 5
    assert match.compare(known, match.fingerprint(poor)).same_picture
    for altered in (other, jpeg(other, 60), jpeg(other.reduce(2), 50)):
        assert not match.compare(known, match.fingerprint(altered)).same_picture


def test_one_changed_digit_is_not_a_plain_duplicate() -> None:
    """A copy in which one digit was changed is told apart from an honest copy."""
    true = match.fingerprint(receipt(1, reference="482915630178"))
    forged = match.fingerprint(jpeg(receipt(1, reference="482915631178"), 85))
    verdict = match.compare(true, forged)
    assert verdict.tier is Tier.ALTERED_COPY
    assert not verdict.same_picture
    assert "except in one place" in verdict.explanation


def on_a_phone(page: Image.Image, clock: str, charge: str) -> Image.Image:
    """Show a page below a status bar."""
    shown = Image.new("RGB", (page.width, page.height + 84), (20, 90, 160))
    shown.paste(page, (0, 84))
    pen, font = ImageDraw.Draw(shown), ImageFont.load_default(36)
    pen.text((50, 20), clock, (255, 255, 255), font)
    pen.text((940, 20), charge, (255, 255, 255), font)
    return shown


@pytest.mark.parametrize("quality", [None, 85])
def test_a_receipt_that_is_shown_again_is_told(quality: int | None) -> None:
    """Clock and battery are one place; another receipt beside another clock is another one."""
    first = on_a_phone(receipt(1), "9:41", "100 %")
    later = [on_a_phone(receipt(seed), "17:05", "23 %") for seed in (1, 2)]
    saved = [jpeg(each, quality) if quality else each for each in later]
    prints = [match.fingerprint(each) for each in (first, *saved)]
    verdict = match.compare(prints[0], prints[1])
    assert (verdict.tier, verdict.parted) == (Tier.ALTERED_COPY, True)
    assert "except in one place" in verdict.explanation
    others = dict(enumerate(prints[1:]))
    guesses = match.aligned(prints[0], others)
    looks = match.glances(prints[0], {each: (others[each], guesses[each]) for each in guesses})
    assert not looks[0].parted
    assert match.compare(prints[0], prints[2]).tier is Tier.SAME_TEMPLATE


def test_other_screens_have_no_status_bar() -> None:
    """At the top of a wide one, or of a crop, clock and battery may be date and amount."""
    prints = [
        payload.unpack(match.fingerprint(each))
        for each in (statement(1, width=2560, size=20), receipt(1).crop((0, 0, 1080, 1500)))
    ]
    assert all(each.below_status_bar <= 0 for each in prints)
    phone = payload.unpack(match.fingerprint(on_a_phone(receipt(1), "9:41", "100 %")))
    assert 84 * phone.scale < phone.below_status_bar + phone.top * phone.scale < 100 * phone.scale


def test_explanation_says_what_was_done() -> None:
    """The explanation names crop, size and marks, in the words of the guide."""
    true = match.fingerprint(receipt(1))
    copy = circled(receipt(1)).crop((0, 200, 1080, 2000)).resize((648, 1080))
    verdict = match.compare(true, match.fingerprint(copy))
    assert verdict.explanation == (
        "the same text in the same places; one of them is cropped or extended at the top, "
        "resized and marked"
    )


def test_framed_pictures_are_described_as_framed() -> None:
    """A picture inside another is cropped or extended on all sides."""
    verdict = match.compare(match.fingerprint(receipt(1)), match.fingerprint(framed(receipt(1))))
    assert "on all sides or shown inside a larger picture" in verdict.explanation


@pytest.mark.parametrize("name", ["half the size", "circled", "cropped at the top"])
def test_order_does_not_matter(name: str) -> None:
    """Comparing is symmetric and gives the same answer every time."""
    one, other = match.fingerprint(receipt(1)), match.fingerprint(COPIES[name](receipt(1)))
    assert match.compare(one, other) == match.compare(other, one) == match.compare(one, other)


def test_different_pictures_have_nothing_in_common() -> None:
    """Pictures without common text are different."""
    noise = np.random.default_rng(1).integers(0, 255, (1600, 900), dtype=np.uint8)
    photo = Image.fromarray(noise).resize((1800, 3200)).convert("RGB")
    verdict = match.compare(match.fingerprint(receipt(1)), match.fingerprint(photo))
    assert verdict.tier is Tier.DIFFERENT
    assert verdict.similarity_percentage < 20


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGB", (1, 1)),
        Image.new("RGB", (50, 4000), "white"),
        Image.new("RGB", (4000, 50), "navy"),
        Image.new("RGB", (1080, 2400)),
        Image.linear_gradient("L").resize((800, 800)).convert("RGB"),
    ],
    ids=["1x1", "50x4000", "4000x50", "black", "gradient"],
)
def test_pictures_that_show_nothing_match_nothing(picture: Image.Image) -> None:
    """Flat, blank and tiny pictures have an empty payload, and that matches not even itself."""
    payload = match.fingerprint(picture)
    assert payload == b""
    assert match.compare(payload, payload).tier is Tier.DIFFERENT
    assert match.compare(payload, match.fingerprint(receipt(1))).similarity_percentage == 0


def test_payload_is_bounded() -> None:
    """Not even a huge page full of print needs more than 32 KiB; it is too small to be judged."""
    page = Image.new("RGB", (6000, 6000), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(60)
    random = Random(3)
    for row in range(90):
        line = "".join(random.choice("0123456789ABCDEF ") for _ in range(190))
        pen.text((20, 66 * row), line, (0, 0, 0), font)
    payload = match.fingerprint(page)
    assert 0 < len(payload) <= match.MAX_BYTES == 32 * 1024
    assert match.compare(payload, payload).tier is Tier.SAME_TEMPLATE


@pytest.mark.parametrize("grain", [4, 8, 12, 20, 30])
def test_grainy_pictures_fit_too(grain: int) -> None:
    """Grain is what compression finds hardest; it costs quality, not room."""
    generator = np.random.default_rng(grain)
    pixels = np.asarray(receipt(1), np.int16)
    noisy = np.clip(pixels + generator.normal(0, grain, pixels.shape), 0, 255).astype(np.uint8)
    small = Image.fromarray(noisy).crop((0, 200, 700, 900))
    payload = match.fingerprint(small)
    assert 0 < len(payload) <= match.MAX_BYTES
    clean = match.fingerprint(receipt(1).crop((0, 200, 700, 900)))
    assert match.compare(payload, clean).same_picture


@pytest.mark.parametrize("size", [(60, 4000), (4000, 60)])
def test_extreme_shapes_have_an_answer(size: tuple[int, int]) -> None:
    """A very long picture is fingerprinted and compared like any other."""
    strip = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(strip), ImageFont.load_default(14)
    for step in range(0, max(size) - 40, 40):
        place = (2, step) if size[1] > size[0] else (step, 20)
        pen.text(place, f"{step:05}", (0, 0, 0), font)
    payload = match.fingerprint(strip)
    assert 0 < len(payload) <= match.MAX_BYTES
    assert match.compare(payload, payload).same_picture


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("pitch", [40, 60, 120])
def test_a_strip_as_long_as_may_be_has_an_answer(pitch: int, turned: bool) -> None:
    """Its thumbnail, too, is one that JPEG or WebP can hold, also with a little text."""
    strip = Image.new("L", (20_000, 30), 255)
    pen = ImageDraw.Draw(strip)
    for step in range(0, 20_000 - pitch, pitch):
        pen.rectangle((step + step % 7, 9, step + 8, 21), step % 90)
    payload = match.fingerprint(strip.transpose(Image.Transpose.ROTATE_90) if turned else strip)
    assert 0 < len(payload) <= match.MAX_BYTES
    assert match.compare(payload, payload).same_picture


@pytest.mark.parametrize("high", [1, 5, 6, 7, 20])
def test_the_lowest_strips_can_be_compared(high: int) -> None:
    """A line of text in a huge blank picture leaves a thumbnail of a few rows."""
    strip = np.tile(np.arange(120, dtype=np.uint8), (high, 1))
    laid = alignment.lay_flat(strip, strip, alignment.IDENTITY)
    assert in_one_frame(strip, laid, 8.0).well_inside.shape == strip.shape


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan")])
def test_a_scale_that_is_none_is_refused(scale: float) -> None:
    """Words are read all the same; whoever reads the whole payload is told."""
    good = match.fingerprint(receipt(1))
    fields = list(HEADER.unpack_from(good))
    fields[5] = scale
    damaged = HEADER.pack(*fields) + good[HEADER.size :]
    assert len(match.words_of(damaged)) == len(match.words_of(good))
    with pytest.raises(ValueError, match="damaged"):
        payload.unpack(damaged)


def test_damaged_payloads_are_refused() -> None:
    """Bytes that are no payload of this version raise a clear error."""
    good = match.fingerprint(receipt(1))
    for bad in (b"x", b"\x00" * 200, good[:40], bytes([99]) + good[1:]):
        with pytest.raises(ValueError, match="fingerprint"):
            match.compare(good, bad)


def test_a_damaged_picture_in_a_payload_is_refused() -> None:
    """A payload whose words are whole but whose picture is not raises a clear error."""
    good = match.fingerprint(receipt(1))
    with pytest.raises(ValueError, match="damaged"):
        match.compare(good, good[:1500] + b"\x00" * 300)


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG"])
def test_a_picture_larger_than_any_that_is_stored_is_refused(form: str) -> None:
    """A few bytes can hold a picture that fills the memory; its size is read before it is."""
    sink = io.BytesIO()
    Image.new("L", (1600, 1600)).save(sink, form)
    with pytest.raises(ValueError, match="too large"):
        payload.thumbnail(sink.getvalue())


@pytest.mark.parametrize("side", [0, 1500, 10_000, 15_000, 65_500])
def test_a_size_that_is_said_is_not_believed(side: int) -> None:
    """Whatever a header says, it is an error of one kind."""
    sink = io.BytesIO()
    Image.new("L", (300, 300)).save(sink, "JPEG")
    head, mark, rest = sink.getvalue().partition(b"\xff\xc0\x00\x0b\x08")
    said = side.to_bytes(2, "big")
    with pytest.raises(ValueError, match="picture"):
        payload.thumbnail(head + mark + said + said + rest[4:])


def thread(first: int, last: int) -> Image.Image:
    """Draw part of a long thread of messages."""
    picture = Image.new("RGB", (1080, 300 * (last - first)), (240, 235, 225))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(36)
    for place, number in enumerate(range(first, last)):
        random = Random(number)
        digits = random.randrange(10**11, 10**12)
        pen.rounded_rectangle((40, 300 * place + 20, 900, 300 * place + 270), 24, (255, 255, 255))
        for row, line in enumerate((f"Paid for month {number}", f"UTR {digits}", "Union Harbour")):
            pen.text((70, 300 * place + 50 + 65 * row), line, (30, 30, 30), font)
    return picture


@pytest.mark.parametrize("scrolled", [1, 2, 3])
def test_a_scrolled_thread_is_not_a_copy(scrolled: int) -> None:
    """Two views of one thread that each show messages of their own are two submissions."""
    one = match.fingerprint(thread(0, 7))
    other = match.fingerprint(thread(scrolled, scrolled + 7))
    assert match.compare(one, other).tier is Tier.SAME_TEMPLATE


@pytest.mark.parametrize("messages", [6, 8])
def test_a_scrolled_and_cropped_thread_is_not_a_copy(messages: int) -> None:
    """A crop takes part of the newest message, and what is left of it is still not in the other."""
    later = thread(1, 1 + messages)
    width, height = later.size
    cropped = later.crop((54, height // 20, width - 54, height - height // 20))
    one, other = match.fingerprint(thread(0, messages)), match.fingerprint(jpeg(cropped, 60))
    assert match.compare(one, other).tier is Tier.SAME_TEMPLATE
    assert match.compare(match.fingerprint(later), other).same_picture


@pytest.mark.parametrize("scrolled", [1, 2])
def test_an_older_message_is_not_a_remark(scrolled: int) -> None:
    """Where one view has a heading and the other an older message, nobody wrote on a copy."""
    heading = Image.new("RGB", (1080, 900), (240, 235, 225))
    ImageDraw.Draw(heading).text(
        (70, 600), "Peninsula Bank", (30, 30, 30), ImageFont.load_default(36)
    )
    later = thread(scrolled, 6)
    shown = Image.new("RGB", (1080, heading.height + later.height))
    shown.paste(heading)
    shown.paste(later, (0, heading.height))
    older = thread(scrolled - 1, 5)
    blurred = [
        jpeg(each.resize((540, each.height // 2)).filter(ImageFilter.GaussianBlur(0.7)), 40)
        for each in (shown, older)
    ]
    one, other = (match.fingerprint(each) for each in blurred)
    assert not match.compare(one, other).same_picture


def dim(reference: str, faint: int) -> Image.Image:
    """Draw a dark screen of faint text with one bright number."""
    letters = Random(3)
    picture = Image.new("RGB", (1080, 2300), (28, 28, 28))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(34)
    for row in range(18):
        said = " ".join("".join(letters.choices(ascii_lowercase, k=6)) for _ in range(5))
        pen.text((60, 100 + 110 * row), said, (faint, faint, faint), font)
    pen.text((60, 2110), reference, (245, 245, 245), font)
    return picture


@pytest.mark.parametrize("quality", [30, 50, 70, 90])
@pytest.mark.parametrize("faint", [65, 75, 85, 95])
def test_a_bright_number_on_a_dark_screen_is_no_bar(faint: int, quality: int) -> None:
    """Few pixels are so bright: what they are in the other picture is guessed, and must be right.

    A number taken for something drawn over the picture would not be compared.
    """
    one = match.fingerprint(jpeg(dim("2607344702", faint), quality))
    for reference in ("2607344703", "2607344772"):
        other = match.fingerprint(jpeg(dim(reference, faint), quality))
        assert match.compare(one, other).tier is Tier.ALTERED_COPY
    assert match.compare(one, match.fingerprint(dim("2607344702", faint))).same_picture


def test_faint_text_does_not_make_a_picture_blurred() -> None:
    """What windows of little contrast lack is grain: all others are judged as in a clear pair."""
    variance = np.full(100, 300.0)
    correlation = 1 - differences.grain(variance)
    assert differences.own_noise(correlation, variance) == differences.LEAST_NOISE
    assert differences.own_noise(correlation - 0.05, variance) > differences.LEAST_NOISE


def test_part_of_a_thread_is_a_copy() -> None:
    """A view that shows nothing of its own is a crop of the longer one."""
    one, other = match.fingerprint(thread(0, 7)), match.fingerprint(thread(1, 6))
    assert match.compare(one, other).same_picture


def test_words_alone_do_not_make_a_copy() -> None:
    """Equal words over unlike pictures, as only a forged payload has, are different pictures."""
    payload = match.fingerprint(receipt(1))
    end = HEADER.size + HEADER.unpack_from(payload)[6] * WORD.itemsize
    noise = np.random.default_rng(2).integers(0, 255, (600, 330), dtype=np.uint8)
    for picture in (Image.new("L", (330, 600), 128), Image.fromarray(noise)):
        sink = io.BytesIO()
        picture.save(sink, "WEBP", lossless=True)
        assert match.compare(payload, payload[:end] + sink.getvalue()).tier is Tier.DIFFERENT


def test_pictures_without_an_equal_word_are_different() -> None:
    """Without a single word in common there is nothing to lay on each other."""
    payload = match.fingerprint(receipt(1))
    end = HEADER.size + HEADER.unpack_from(payload)[6] * WORD.itemsize
    table = np.frombuffer(payload[HEADER.size : end], WORD).copy()
    table["code"] ^= np.uint64(2**64 - 1)
    turned = payload[: HEADER.size] + table.tobytes() + payload[end:]
    verdict = match.compare(payload, turned)
    assert (verdict.tier, verdict.similarity_percentage) == (Tier.DIFFERENT, 0)
    assert verdict.explanation == "no text in common"
    table["code"][0] ^= np.uint64(2**64 - 1)
    one_left = payload[: HEADER.size] + table.tobytes() + payload[end:]
    assert match.compare(payload, one_left).tier is Tier.DIFFERENT


def test_version_of_the_payload() -> None:
    """The version that rows are stored with is the first byte of the payload.

    Whoever changes what the payload holds must raise it.
    """
    payload = match.fingerprint(receipt(1))
    assert payload[0] == match.ALGORITHM_VERSION == 8
