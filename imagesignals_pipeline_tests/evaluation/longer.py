"""Whether a digit more is seen: 500 and 5000, 1 March and 11 March, where nothing else tells.

Two receipts without time and reference, of which one has a letter more in one field, light and
dark, aligned to the left and to the right, with small and large amounts; the second one also saved
again, sent on, shrunk and blurred. And copies of the first one in the same ways.

    python -m imagesignals_pipeline_tests.evaluation.longer [--jobs 2]
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from itertools import product

import click
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from imagesignals_pipeline import match
from imagesignals_pipeline_tests.evaluation import measure

LABELS = ("Paid to", "Paid from", "Date", "Mode", "Status", "Note")
FOOTER = "This is a computer generated receipt. Keep it for your records."
Fields = tuple[str, str]
"""Amount and date."""
PAIRS: tuple[tuple[Fields, Fields], ...] = (
    (("Rs 500", "3 May 2025"), ("Rs 5000", "3 May 2025")),
    (("50 rupees", "3 May 2025"), ("50 rupees", "13 May 2025")),
    (("Rs 2,500", "1 Mar 2025"), ("Rs 2,500", "11 Mar 2025")),
    (("Rs 2,500", "May 5"), ("Rs 2,500", "May 51")),
    (("Rs 2,500", "C-10"), ("Rs 2,500", "C-101")),
)


@dataclass(frozen=True, slots=True)
class Case:
    """Two receipts of one design."""

    first: Fields
    second: Fields
    right: bool
    dark: bool
    size: int


def receipt(amount: str, date: str, *, right: bool, dark: bool, size: int = 84) -> Image.Image:
    """Draw a receipt without time and reference; `size` is that of the amount."""
    ground, ink = ((18, 18, 20), (235, 235, 240)) if dark else ((250, 250, 252), (25, 25, 30))
    picture = Image.new("RGB", (1080, 2000), ground)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(40)
    pen.rectangle((0, 0, 1080, 190), (20, 90, 160))
    pen.text((50, 70), "Payment successful", (255, 255, 255), ImageFont.load_default(52))
    pen.text((60, 300), amount, ink, ImageFont.load_default(size))
    values = ("Lotus Park", "Meera Shaikh, flat C-101", date, "UPI", "Paid in full", "Maintenance")
    for row, (label, value) in enumerate(zip(LABELS, values, strict=True)):
        top = 520 + 170 * row
        pen.text((60, top), label, (120, 120, 130), font)
        place = (1020, top) if right else (60, top + 60)
        pen.text(place, value, ink, font, anchor="ra" if right else None)
    pen.text((60, 1700), FOOTER, (120, 120, 130), ImageFont.load_default(32))
    return picture


def _jpeg(picture: Image.Image, quality: int) -> Image.Image:
    sink = BytesIO()
    picture.save(sink, "JPEG", quality=quality)
    return Image.open(sink)


WAYS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as they are": lambda picture: picture,
    "JPEG 50": lambda picture: _jpeg(picture, 50),
    "JPEG 30": lambda picture: _jpeg(picture, 30),
    "two thirds": lambda picture: picture.resize((720, 1333)),
    "sent on twice": lambda picture: _jpeg(_jpeg(picture.resize((864, 1600)), 60), 60),
    "half, JPEG 70": lambda picture: _jpeg(picture.resize((540, 1000)), 70),
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(2)),
}


def judge(case: Case) -> Counter[str]:
    """Return in which ways two receipts, and a receipt and its copy, are taken for the same."""
    first, second = (
        receipt(*fields, right=case.right, dark=case.dark, size=case.size)
        for fields in (case.first, case.second)
    )
    known = match.fingerprint(first)
    counts = Counter[str]()
    for way, change in WAYS.items():
        for name, picture in (("found", first), ("accused", second)):
            verdict = match.compare(known, match.fingerprint(change(picture)))
            counts[f"{way} {name}"] = verdict.same_picture
    return counts


@click.command(help=__doc__)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True)
def main(*, jobs: int) -> None:
    """Print how many copies are found, and how many other receipts are taken for copies."""
    cases = [
        Case(first, second, right, dark, size)
        for (first, second), right, dark, size in product(
            PAIRS, (False, True), (False, True), (84, 160)
        )
    ]
    counts = Counter[str]()
    for counted in measure.each(judge, cases, jobs):
        counts += counted
    for way in WAYS:
        print(
            f"{way:14} accused {counts[f'{way} accused']} of {len(cases)}, "
            f"copies found {counts[f'{way} found']}"
        )


if __name__ == "__main__":
    main()
