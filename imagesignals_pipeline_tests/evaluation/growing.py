"""Whether a list that grew by a row is told from what it was a month before.

A resident sends a screenshot of the same statement, passbook, ledger or thread every month: the
next one shows all rows of this one and one more at the end. To leave nothing but that row, clock,
battery and heading stay as they were. Two months are no copies; a list is one of itself.

    python -m imagesignals_pipeline_tests.evaluation.growing [--seeds 4] [--jobs 2]
"""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from random import Random

import click
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from imagesignals_pipeline import match
from imagesignals_pipeline_tests.evaluation import alterations, catalogue, fonts, measure
from imagesignals_pipeline_tests.evaluation.browser import PAGES, Page, connected, rupees
from imagesignals_pipeline_tests.evaluation.receipts import CASTS, Device, Payment, Resident

DESIGNS: dict[str, tuple[int, ...]] = {
    "statement": (2, 4, 6, 9),
    "passbook": (3, 7, 12, 18),
    "ledger": (3, 6, 11, 15),
    "ruled": (3, 6, 11, 15),
    "sms": (2, 3, 4),
    "chat": (2, 3, 4),
}
"""The pages in `html/growing`, and how many rows are shown: one more fits on every screen."""
BOTH = ("exact copy", "sent on", "photo of screen")
"""What is done to two months' lists."""
COPIES = ("sent on", "resized to 0.5", "both bars cropped", "written over", "circle")
"""What is done to a copy of one."""
ALTERATIONS = {each.name: each for each in alterations.ALTERATIONS}
PHONES = tuple(device for device in catalogue.PHONES if device.height >= 760)
DESKTOPS = (*catalogue.TUNE_DESKTOPS, *catalogue.REPORT_DESKTOPS, *catalogue.EXAM_DESKTOPS)
FONTS = (*catalogue.TUNE_FONTS, *catalogue.REPORT_FONTS)
MONO = (*catalogue.TUNE_MONO, *catalogue.REPORT_MONO)


@dataclass(frozen=True, slots=True)
class Listed:
    """One list as a resident has it; `payments` are those of the next month's screenshot."""

    design: str
    name: str
    resident: Resident
    payments: tuple[Payment, ...]
    mono: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """Two months' screenshots of one list, as PNG."""

    design: str
    name: str
    now: bytes
    later: bytes


@click.command(help=__doc__)
@click.option("--seeds", type=click.IntRange(1), default=4, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True)
def main(seeds: int, jobs: int) -> None:
    """Print how many are taken for copies, and how many copies are found."""
    fonts.require("tune")
    fonts.require("report")
    counts = Counter[str]()
    for counted in measure.each(judge, list(_drawn(seeds)), jobs):
        counts += counted
    for row in (*DESIGNS, *BOTH, *COPIES[1:]):
        pairs, accused, copies, found = (
            counts[f"{row} {each}"] for each in ("pairs", "accused", "copies", "found")
        )
        print(f"{row:17} {pairs} pairs, {accused} accused; {copies} copies, {found} found")


def _drawn(seeds: int) -> Iterator[Drawn]:
    """Draw each list twice, with a browser of its own for every scale, as `browser.Studio`."""
    lists = [
        _listed(design, rows, seed)
        for design, lengths in DESIGNS.items()
        for rows in lengths
        for seed in range(seeds)
    ]
    lists.sort(key=_scale)
    for scale, group in groupby(lists, _scale):
        with connected(f"--force-device-scale-factor={scale}") as socket:
            page = Page(socket)
            for one in group:
                now, later = (_png(page, one, one.payments[:end]) for end in (-1, None))
                assert now != later, f"{one.name}: the added row is not on the screen"
                yield Drawn(one.design, one.name, now, later)


def _scale(one: Listed) -> float:
    return one.resident.device.scale


def _listed(design: str, rows: int, seed: int) -> Listed:
    name = f"{design} of {rows} rows, {seed}"
    random, cast = Random(name), CASTS["tune"]
    resident = Resident(
        flat=f"{random.choice(cast.blocks)}-{random.randint(101, 1406)}",
        name=f"{random.choice(cast.first_names)} {random.choice(cast.last_names)}",
        payee=random.choice(cast.payees),
        bank=random.choice(cast.banks),
        tail=f"{random.randrange(10_000):04}",
        device=random.choice(PHONES if random.random() < 0.65 else DESKTOPS),
        font=random.choice(FONTS),
        zoom=random.choice((0.9, 1.0, 1.1)),
        dark=random.random() < 0.4,
        seed=random.randrange(1 << 30),
    )
    amount = random.choice((150_000, 275_050, 480_000, 1_250_000))
    payments = tuple(_payment(month, amount, random) for month in range(rows + 1))
    return Listed(design, name, resident, payments, random.choice(MONO))


def _payment(month: int, amount: int, random: Random) -> Payment:
    year, day = CASTS["tune"].year + month // 12, random.randint(1, 28)
    paid_at = datetime(year, month % 12 + 1, day, random.randint(7, 21), random.randrange(60))  # noqa: DTZ001  # local by intent
    reference = f"{random.randrange(10**11, 10**12)}"
    return Payment(amount, paid_at, reference, f"{paid_at:%B %Y}", random.randrange(10**12))


def _png(page: Page, one: Listed, payments: tuple[Payment, ...]) -> bytes:
    device: Device = one.resident.device
    html = _ENVIRONMENT.get_template(f"growing/{one.design}.html").render(
        who=one.resident,
        payments=payments,
        phone=device in PHONES,
        mono=one.mono,
        screenshot={"taken_at": one.payments[0].paid_at, "battery": 63},
        rupees=rupees,
    )
    return page.png(html, device)


def judge(drawn: Drawn) -> Counter[str]:
    """Return what the two months, and copies of the first, come to."""
    counts = Counter[str]()
    for name in BOTH:
        same = _same(drawn, (drawn.now, name), (drawn.later, name))
        for row in (drawn.design, name):
            counts.update({f"{row} pairs": 1, f"{row} accused": same})
    for name in COPIES:
        same = _same(drawn, (drawn.now, "exact copy"), (drawn.now, name))
        for row in (drawn.design, name):
            counts.update({f"{row} copies": 1, f"{row} found": same})
    return counts


def _same(drawn: Drawn, *altered: tuple[bytes, str]) -> bool:
    """Return whether two pictures, each altered by itself, are taken for one."""
    random = Random(f"{drawn.name} {altered[1][1]}")
    pictures: list[bytes] = []
    for content, name in altered:
        picture = alterations.upright(Image.open(io.BytesIO(content)))
        copied = ALTERATIONS[name].apply(content, picture, random).content
        pictures.append(match.fingerprint(alterations.upright(Image.open(io.BytesIO(copied)))))
    return match.compare(*pictures).same_picture


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined
)

if __name__ == "__main__":
    main()
